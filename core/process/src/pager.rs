//! Shows long text on the terminal through the program that the user reads with. It is the user's own choice and has the user's
//! terminal, so neither environment nor output is bounded.

use std::io::{self, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;

/// Settings of `less` and `lv` that people have not made themselves: colours, and no stop where everything fits the screen.
const SETTINGS: [(&str, &str); 2] = [("LESS", "FRX"), ("LV", "-c")];

/// What a shell exits with that knows no such program.
const NOT_FOUND: i32 = 127;

/// Shows a text through a command of the shell, and returns once the reader has left. Returns whether it was shown at all.
///
/// # Errors
/// Where the shell cannot be started.
#[expect(
    clippy::disallowed_methods,
    reason = "it needs the terminal, which nothing that is supervised gets"
)]
pub fn show(text: &str, command: &str) -> io::Result<bool> {
    // In a pager Ctrl-C is for the pager. The handler is harmless afterwards: nothing that can be interrupted follows.
    signal_hook::flag::register(SIGINT, Arc::new(AtomicBool::new(false)))?;
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::piped());
    for (name, value) in SETTINGS {
        if std::env::var_os(name).is_none() {
            shell.env(name, value);
        }
    }
    let mut reader = shell.spawn()?;
    if let Some(mut stdin) = reader.stdin.take() {
        // Whoever has read enough leaves.
        let _ = stdin.write_all(text.as_bytes());
    }
    Ok(reader.wait()?.code() != Some(NOT_FOUND))
}
