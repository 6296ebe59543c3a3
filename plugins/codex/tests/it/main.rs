//! The interpretation of recorded runs of the real program.

mod recorded;
