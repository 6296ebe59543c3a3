//! The supervisor and nothing else, so that tests of it need not build the whole command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoissue_core::process::supervisor::run()
}
