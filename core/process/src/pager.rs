//! Shows long text on the terminal in the user's pager. The user chose the program and it uses the
//! user's terminal, so neither its environment nor its output is bounded.

use std::io::{self, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;

/// Defaults for `less` and `lv` if the user has set none: colours, and no pager if the text fits on
/// the screen.
const SETTINGS: [(&str, &str); 2] = [("LESS", "FRX"), ("LV", "-c")];

/// Exit code of a shell that cannot find the program.
const NOT_FOUND: i32 = 127;

/// Shows a text through a shell command, and returns once the user has closed it. Returns whether
/// the text was shown at all.
///
/// # Errors
/// The shell cannot be started.
#[expect(
    clippy::disallowed_methods,
    reason = "a pager needs the terminal, which supervised programs do not get"
)]
pub fn show(text: &str, command: &str) -> io::Result<bool> {
    // In a pager, Ctrl-C is meant for the pager. The handler does no harm afterwards: nothing
    // interruptible follows.
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
        // Writing fails if the user closes the pager early.
        let _ = stdin.write_all(text.as_bytes());
    }
    Ok(reader.wait()?.code() != Some(NOT_FOUND))
}
