//! Random nights of a session, for tests: the engine's own, which judge its decisions, and those that compare what people see.

mod night;

pub use night::{DUSK, Edition, Entry, TURN_MAX, play};
