//! Starts programs under the real supervisor, and checks `/proc` for leftovers.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use autoissue_core::process::{
    Line, ProcessError, ProgramSpec, Running, Stdin, StopSignal, SupervisorProgram, TAG_VARIABLE,
    spawn,
};
use autoissue_core::secret::redaction::Redaction;

/// Far longer than any test takes; only a failing test waits that long.
const POLL_TIME_MAX: Duration = Duration::from_secs(30);

pub(crate) fn supervisor() -> SupervisorProgram {
    SupervisorProgram {
        program: PathBuf::from(env!("CARGO_BIN_EXE_supervisor-under-test")),
        args: Vec::new(),
        redaction: Redaction::default(),
    }
}

/// Returns a unique tag that is not a prefix of any other.
pub(crate) fn unique_tag(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!(
        "test-{}-{name}-{}.",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// Returns `sh -c script` with a tag derived from `name`.
pub(crate) fn shell(name: &str, script: &str) -> ProgramSpec {
    ProgramSpec {
        program: PathBuf::from("/bin/sh"),
        args: vec!["-c".into(), script.into()],
        env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
        directory: std::env::temp_dir(),
        stdin: Stdin::default(),
        stop_signal: StopSignal::default(),
        tag: unique_tag(name),
    }
}

pub(crate) async fn start(spec: &ProgramSpec) -> Running {
    spawn(&supervisor(), spec.clone())
        .await
        .expect("the program starts")
}

pub(crate) async fn start_error(spec: ProgramSpec) -> ProcessError {
    match spawn(&supervisor(), spec).await {
        Ok(_) => panic!("the program started"),
        Err(error) => error,
    }
}

/// Reads lines until `n_lines` lines `ready` have arrived.
pub(crate) async fn until_ready(running: &mut Running, n_lines: usize) {
    let mut n_ready = 0;
    while n_ready < n_lines {
        let line = running
            .next_line()
            .await
            .expect("the program says that it is ready before it ends");
        n_ready += usize::from(line.text == "ready");
    }
}

pub(crate) async fn all_lines(running: &mut Running) -> Vec<Line> {
    let mut lines = Vec::new();
    while let Some(line) = running.next_line().await {
        lines.push(line);
    }
    lines
}

/// Returns the ids of the running processes with exactly this tag, without zombies.
pub(crate) fn tagged(tag: &str) -> Vec<i32> {
    let variable = format!("{TAG_VARIABLE}={tag}");
    let entries = fs::read_dir("/proc").expect("/proc is there").flatten();
    entries
        .filter_map(|it| it.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
                environ
                    .split(|byte| *byte == 0)
                    .any(|it| it == variable.as_bytes())
            })
        })
        .collect()
}

/// Returns the ids of the running processes whose tag starts with `prefix`, without zombies.
pub(crate) fn tagged_below(prefix: &str) -> Vec<i32> {
    let variable = format!("{TAG_VARIABLE}={prefix}");
    let entries = fs::read_dir("/proc").expect("/proc is there").flatten();
    let is_tagged = |pid: &i32| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ
            .split(|byte| *byte == 0)
            .any(|it| it.starts_with(variable.as_bytes()))
    };
    entries
        .filter_map(|it| it.file_name().to_str()?.parse().ok())
        .filter(is_tagged)
        .collect()
}

/// Polls until `is_so`, in a test without an async runtime.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    wait_until_or_show(what, is_so, Vec::new);
}

/// Polls like [`wait_until`]; if it takes too long, the message contains what `show` returns.
#[track_caller]
pub(crate) fn wait_until_or_show(
    what: &str,
    mut is_so: impl FnMut() -> bool,
    show: impl Fn() -> Vec<String>,
) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < POLL_TIME_MAX,
            "timed out waiting until {what}: {:?}",
            show()
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns the parent of a running process or zombie.
pub(crate) fn parent_of(pid: i32) -> i32 {
    status_field(pid, "PPid")
        .expect("the process is running")
        .parse()
        .expect("a number")
}

/// Returns a field of `/proc/PID/status`, or `None` if the process is gone.
pub(crate) fn status_field(pid: i32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim().to_owned())
}

/// Polls until `is_so`. There is no event for the death of a process that is not our child.
pub(crate) async fn poll_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < POLL_TIME_MAX,
            "timed out waiting until {what}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
