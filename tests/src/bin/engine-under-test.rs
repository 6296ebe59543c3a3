//! A minimal engine with one supervised program, meant to be killed: `engine-under-test SUPERVISOR
//! TAG SHELL_SCRIPT`.
//!
//! It prints the program's output and exits when the program does.

use std::io::Write;
use std::path::PathBuf;

use autoissue_core::process::{ProgramSpec, Stdin, StopSignal, SupervisorProgram, spawn};
use autoissue_core::secret::redaction::Redaction;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, supervisor, tag, script] = args.as_slice() else {
        panic!("usage: engine-under-test SUPERVISOR TAG SCRIPT")
    };
    let supervisor = SupervisorProgram {
        program: PathBuf::from(supervisor),
        args: Vec::new(),
        redaction: Redaction::default(),
    };
    let spec = ProgramSpec {
        program: PathBuf::from("/bin/sh"),
        args: vec!["-c".into(), script.into()],
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        directory: PathBuf::from("/"),
        stdin: Stdin::default(),
        stop_signal: StopSignal::default(),
        tag: tag.clone(),
    };
    let mut running = spawn(&supervisor, spec).await.expect("the shell starts");
    while let Some(line) = running.next_line().await {
        writeln!(std::io::stdout(), "{}", line.text).expect("the test reads");
    }
    running.wait().await;
}
