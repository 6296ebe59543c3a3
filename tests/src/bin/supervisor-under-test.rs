//! The supervisor and nothing else, so that tests of it need not build the whole command line. With an argument its program is a fork of
//! itself, which runs each line that it is fed as a shell script.

use std::process::{Command, ExitCode};

use autoissue_core::process::supervisor;

fn main() -> ExitCode {
    if std::env::args().len() == 1 {
        supervisor::run()
    } else {
        supervisor::run_forked(run_lines)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of the tests, which starts what they ask for"
)]
fn run_lines() -> i32 {
    for script in std::io::stdin().lines().map_while(Result::ok) {
        let status = Command::new("/bin/sh").args(["-c", &script]).status();
        if let Some(code) = status
            .ok()
            .and_then(|status| status.code())
            .filter(|it| *it != 0)
        {
            return code;
        }
    }
    0
}
