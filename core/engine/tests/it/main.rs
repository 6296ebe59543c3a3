//! The engine's tests: stories with their expected events, and simulated sessions judged by
//! oracles.

mod chronicle;
mod form;
mod line;
mod oracle;
mod simulation;
mod stories;
mod story;
