//! The program, as a binary of this package: cargo builds it before the tests that run it.

use std::process::ExitCode;

fn main() -> ExitCode {
    autoissue::main()
}
