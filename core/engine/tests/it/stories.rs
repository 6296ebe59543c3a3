//! Stories: short scripts of what happens outside the engine, and the events that must follow. Each
//! is a rule of the product, or a session that once went wrong, under the name by which it is
//! known.

mod breaker;
mod dependencies;
mod failures;
mod money;
mod plan;
mod plugins;
mod resume;
mod schedule;
