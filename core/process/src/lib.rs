//! Finds, starts, supervises and bounds programs. Every program that autoissue starts for a session
//! is started here.
//!
//! ```text
//!   session ─► program ─socket─► supervisor (our own binary) ─► the program and everything it starts
//!                 │                   └ kills every descendant when the program ends or the socket closes
//!                 └ line_reader, bounded_output: its output, bounded and without secrets
//! ```

pub mod awake;
mod bounded_output;
pub mod environment;
mod error_chain;
pub mod helper;
mod line_reader;
pub mod pager;
mod process_table;
mod program;
pub mod supervisor;

pub use error_chain::error_chain;
pub use line_reader::LINE_BYTES_MAX;
pub use process_table::{TAG_VARIABLE, adopt_orphans, sweep_tagged};
pub use program::{
    Exit, Finished, Line, ProcessError, ProgramSpec, Running, STDIN_BYTES_MAX, Source, Stdin,
    SupervisorProgram, TERMINATE_GRACE, resolve, run_bounded, run_observed, spawn, spawn_forked,
};
pub use supervisor::StopSignal;
