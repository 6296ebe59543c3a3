//! The engine's tests: stories with the events that must follow, and simulated nights judged by oracles.

mod chronicle;
mod form;
mod line;
mod oracle;
mod simulation;
mod stories;
mod story;
