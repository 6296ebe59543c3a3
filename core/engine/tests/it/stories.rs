//! Stories: short scripts of what happens in the world, and the events that must follow. Each is a rule of the product,
//! or a night that went wrong somewhere, under the name by which it is known.

mod breaker;
mod dependencies;
mod failures;
mod money;
mod plugins;
mod resume;
mod schedule;
