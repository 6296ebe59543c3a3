//! Random simulated sessions for tests: those of the engine, which judge its decisions, and those
//! that compare the views of a session.

mod simulated_session;

pub use simulated_session::{Edition, Entry, START, TURN_MAX, play};
