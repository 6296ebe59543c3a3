//! Random simulated sessions for tests: those of the engine, which judge its decisions, and those
//! that compare the views of a session.

mod night;

pub use night::{DUSK, Edition, Entry, TURN_MAX, play};
