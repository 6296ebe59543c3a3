//! Keeps the machine awake, using a program that prevents sleep for as long as it runs.
//!
//! ```text
//!   systemd-inhibit … sleep infinity   or   caffeinate -i -s -w PID   under a supervisor, so it ends with us
//! ```
//!
//! This is a courtesy: if neither program is installed, or the system refuses, the session runs
//! anyway, and after a sleep reset times still follow the wall clock.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use tokio::select;
use tokio_util::sync::CancellationToken;

use crate::program::{ProgramSpec, Stdin, SupervisorProgram, resolve, spawn};
use crate::supervisor::StopSignal;

/// Names of the programs on Linux and on macOS.
const SYSTEMD_INHIBIT: &str = "systemd-inhibit";
const CAFFEINATE: &str = "caffeinate";

/// Returns the program that keeps the machine awake until it is ended, with its arguments; `None`
/// if none is on `path`. Takes a reason for people, and the process for which it runs.
pub fn program(
    path: &OsStr,
    outside: &[PathBuf],
    why: &str,
    pid: u32,
) -> Option<(PathBuf, Vec<OsString>)> {
    let systemd_inhibit = || {
        let program = resolve(SYSTEMD_INHIBIT, path, outside).ok()?;
        let what = ["--what=idle:sleep", "--mode=block", "--who=autoissue"];
        let why = format!("--why={why}");
        let args = what.into_iter().chain([&*why, "sleep", "infinity"]);
        Some((program, args.map(OsString::from).collect()))
    };
    let caffeinate = || {
        let program = resolve(CAFFEINATE, path, outside).ok()?;
        let pid = pid.to_string();
        let args = ["-i", "-s", "-w", &pid].map(OsString::from);
        Some((program, args.into()))
    };
    systemd_inhibit().or_else(caffeinate)
}

/// Keeps the machine awake until `cancel`. `program` comes from [`program`].
pub async fn keep_awake(
    supervisor: &SupervisorProgram,
    (program, args): (PathBuf, Vec<OsString>),
    env: Vec<(OsString, OsString)>,
    tag: String,
    cancel: &CancellationToken,
) {
    let spec = ProgramSpec {
        program,
        args,
        env,
        directory: Path::new("/").to_owned(),
        stdin: Stdin::default(),
        stop_signal: StopSignal::default(),
        tag,
    };
    let mut running = match spawn(supervisor, spec).await {
        Ok(running) => running,
        Err(error) => return tracing::info!(%error, "failed to keep the machine awake"),
    };
    let mut last_words = String::new();
    loop {
        select! {
            line = running.next_line() => match line {
                Some(line) => last_words = line.text,
                None => {
                    tracing::info!(last_words, "the machine no longer stays awake for the session");
                    break;
                }
            },
            () = cancel.cancelled() => {
                running.kill().await;
                break;
            }
        }
    }
    running.wait().await;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn choose(programs: &[&str]) -> Option<Vec<String>> {
        let directory = tempfile::tempdir().unwrap();
        for name in programs {
            let program = directory.path().join(name);
            fs::write(&program, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let (program, args) = super::program(directory.path().as_os_str(), &[], "session 1", 7)?;
        let name = program.strip_prefix(directory.path()).unwrap().as_os_str();
        let words = std::iter::once(name).chain(args.iter().map(OsString::as_os_str));
        Some(words.map(|it| it.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn the_program_of_the_system_is_taken() {
        assert_eq!(choose(&[]), None);
        assert_eq!(
            choose(&["caffeinate"]).unwrap().join(" "),
            "caffeinate -i -s -w 7"
        );
        assert_eq!(
            choose(&["caffeinate", "systemd-inhibit"])
                .unwrap()
                .join(" "),
            "systemd-inhibit --what=idle:sleep --mode=block --who=autoissue --why=session 1 sleep infinity"
        );
    }
}
