//! Only the supervisor, so that its tests need not build the whole command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoissue_core::process::supervisor::run()
}
