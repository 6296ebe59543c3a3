//! The program as a binary of this package, so that cargo builds it before the tests that run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoissue::main()
}
