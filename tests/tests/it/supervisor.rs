//! Programs that try to survive, report falsely or flood their output, and how `autoissue_process`
//! handles them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use autoissue_core::process::{
    Exit, LINE_BYTES_MAX, ProcessError, ProgramSpec, Running, Source, Stdin, StopSignal,
    SupervisorProgram, run_bounded, spawn, spawn_forked, sweep_tagged,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio_util::sync::CancellationToken;

use crate::process_under_test::{
    all_lines, parent_of, poll_until, shell, start, start_error, status_field, supervisor, tagged,
    unique_tag, until_ready,
};

/// A time limit that no program here reaches, however busy the machine is.
const LONG: Duration = Duration::from_secs(3_600);

/// Starts three processes that no group kill reaches, and prints `ready` once per process: one in
/// its own session, one double-forked out of another session, one in the group. All ignore SIGTERM
/// because an ignored signal is inherited.
const ORPHANS: &str = "trap '' TERM HUP INT
    setsid sh -c 'echo ready; exec sleep 1000' &
    ( setsid sh -c '( (echo ready; exec sleep 1000) & )' & )
    ( (echo ready; exec sleep 1000) & )
    ";
const N_ORPHANS: usize = 3;

/// Returns a program that leaves orphans and keeps running.
fn with_orphans(name: &str) -> ProgramSpec {
    shell(name, &format!("{ORPHANS} while :; do sleep 1000; done"))
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).expect("a process id"), signal)
        .expect("the process is running");
}

fn assert_none_left(tag: &str) {
    assert!(
        tagged(tag).is_empty(),
        "{:?} are still running",
        tagged(tag)
    );
}

/// Waits until the program has stopped itself with SIGSTOP, so that the test acts at a known point.
async fn until_stopped(pid: i32) {
    let is_stopped = || status_field(pid, "State").is_some_and(|state| state.starts_with('T'));
    poll_until("the program has stopped", is_stopped).await;
}

fn ended_by_itself(code: i32) -> Exit {
    let n = 0;
    Exit {
        code: Some(code),
        signal: None,
        stopped_by_us: false,
        supervisor_lost: false,
        n_killed_stragglers: n,
        n_left: n,
    }
}

// ---- ends

#[tokio::test]
async fn exit_codes_and_signals_are_reported() {
    for (script, code, signal) in [
        ("true", Some(0), None),
        ("exit 3", Some(3), None),
        ("kill -9 $$", None, Some(9)),
        ("kill -TERM $$", None, Some(15)),
        // Although the supervisor ignores signals, the program has their default actions.
        ("kill -INT $$", None, Some(2)),
        ("kill -PIPE $$", None, Some(13)),
    ] {
        let exit = start(&shell("exits", script)).await.wait().await;
        assert_eq!(
            (exit.code, exit.signal, exit.stopped_by_us),
            (code, signal, false),
            "{script}"
        );
        assert_eq!(exit.is_success(), script == "true", "{script}");
    }
}

#[tokio::test]
async fn orphans_are_dead_when_the_exit_is_reported() {
    let spec = shell("orphans-exit", &format!("{ORPHANS} kill -STOP $$; exit 0"));
    let mut running = start(&spec).await;
    until_ready(&mut running, N_ORPHANS).await;
    until_stopped(running.pid()).await;
    signal(running.pid(), Signal::CONT);
    let exit = running.wait().await;
    assert_none_left(&spec.tag);
    assert_eq!((exit.code, exit.stopped_by_us), (Some(0), false));
    // The shells in between may still be exiting.
    assert!(exit.n_killed_stragglers as usize >= N_ORPHANS, "{exit:?}");
}

#[tokio::test]
async fn orphans_are_dead_after_terminate_and_kill() {
    for is_kill in [false, true] {
        // The program itself obeys SIGTERM; its orphans do not.
        let spec = shell(
            "orphans-stop",
            &format!("{ORPHANS} trap - TERM; kill -STOP $$; while :; do sleep 1000; done"),
        );
        let spec = if is_kill {
            with_orphans("orphans-kill")
        } else {
            spec
        };
        let mut running = start(&spec).await;
        until_ready(&mut running, N_ORPHANS).await;
        if is_kill {
            running.kill().await;
        } else {
            let pid = running.pid();
            until_stopped(pid).await;
            running.terminate().await;
            signal(pid, Signal::CONT);
        }
        let exit = running.wait().await;
        assert_none_left(&spec.tag);
        assert_eq!(
            (exit.code, exit.signal),
            (None, Some(if is_kill { 9 } else { 15 }))
        );
        assert!(
            exit.stopped_by_us && exit.n_killed_stragglers as usize >= N_ORPHANS,
            "{exit:?}"
        );
    }
}

#[tokio::test]
async fn a_program_that_ignores_sigterm_is_killed_after_the_grace_period() {
    let spec = with_orphans("deaf");
    let mut running = start(&spec).await;
    until_ready(&mut running, N_ORPHANS).await;
    running.terminate_within(Duration::from_millis(200)).await;
    let exit = running.wait().await;
    assert_eq!(
        (exit.code, exit.signal, exit.stopped_by_us),
        (None, Some(9), true)
    );
    assert_none_left(&spec.tag);
}

#[tokio::test]
async fn success_after_sigterm_is_marked_as_stopped() {
    let spec = shell(
        "success-after-sigterm",
        "trap 'echo success; exit 0' TERM; echo ready; while :; do sleep 0.01; done",
    );
    let mut running = start(&spec).await;
    until_ready(&mut running, 1).await;
    running.terminate().await;
    let lines = all_lines(&mut running).await;
    let exit = running.wait().await;
    assert!(lines.iter().any(|line| line.text == "success"), "{lines:?}");
    assert_eq!(
        (exit.code, exit.stopped_by_us, exit.is_success()),
        (Some(0), true, false)
    );
}

#[tokio::test]
async fn a_stop_that_comes_too_late_does_not_change_the_exit() {
    let mut running = start(&shell("late", "exit 0")).await;
    assert_eq!(running.wait().await, ended_by_itself(0));
    running.terminate().await;
    running.kill().await;
    assert_eq!(running.wait().await, ended_by_itself(0));
}

#[tokio::test]
async fn processes_that_fork_faster_than_the_search_are_killed() {
    // Each process exits after forking its successor; one kind stays in the group, the other starts
    // a new session every time. The number of hops is limited, so that a failing test does not
    // leave them behind forever.
    let script =
        "far='[ $2 = 0 ] && exec echo escaped; setsid sh -c \"$1\" hop \"$1\" $(($2-1)) & exit'
        near='[ $2 = 0 ] && exec echo escaped; sh -c \"$1\" hop \"$1\" $(($2-1)) & exit'
        for way in \"$near\" \"$near\" \"$far\"; do setsid sh -c \"$way\" hop \"$way\" 20000 & done
        echo ready; while :; do sleep 1000; done";
    let spec = shell("hoppers", script);
    let mut running = start(&spec).await;
    until_ready(&mut running, 1).await;
    running.kill().await;
    assert!(
        all_lines(&mut running).await.is_empty(),
        "no process may reach its last hop"
    );
    let exit = running.wait().await;
    assert_none_left(&spec.tag);
    assert!(exit.n_left == 0 && exit.n_killed_stragglers > 0, "{exit:?}");
}

#[tokio::test]
async fn orphans_die_with_a_killed_engine() {
    let tag = unique_tag("engine-killed");
    let script = format!("{ORPHANS} while :; do sleep 1000; done");
    let mut engine = start_engine(&tag, &script).await;
    // The program and its descendants.
    poll_until("all have started", || tagged(&tag).len() > N_ORPHANS).await;
    let supervisor = parent_of(tagged(&tag)[0]);
    engine.start_kill().expect("the engine is running");
    engine.wait().await.expect("the engine is our child");
    poll_until("none is left", || tagged(&tag).is_empty()).await;
    // Without its parent it may stay a zombie until init reaps it.
    let has_ended = || status_field(supervisor, "State").is_none_or(|state| state.starts_with('Z'));
    poll_until("the supervisor has ended", has_ended).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "the killed engine must not have a supervisor that cleans up after it"
)]
async fn start_engine(tag: &str, script: &str) -> tokio::process::Child {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_engine-under-test"));
    command
        .arg(supervisor().program)
        .args([tag, script])
        .stdout(std::process::Stdio::piped());
    let mut engine = command.spawn().expect("the engine starts");
    let stdout = engine.stdout.take().expect("it is piped");
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(stdout));
    for _ in 0..N_ORPHANS {
        assert_eq!(
            lines.next_line().await.expect("a pipe").as_deref(),
            Some("ready")
        );
    }
    engine
}

#[tokio::test]
async fn orphans_die_when_the_running_program_is_dropped() {
    let spec = with_orphans("dropped");
    let mut running = start(&spec).await;
    until_ready(&mut running, N_ORPHANS).await;
    let supervisor = parent_of(running.pid());
    drop(running);
    poll_until("none is left", || tagged(&spec.tag).is_empty()).await;
    poll_until("no zombie of the supervisor is left", || {
        status_field(supervisor, "PPid").is_none()
    })
    .await;
}

#[tokio::test]
async fn orphans_are_swept_when_the_supervisor_is_killed() {
    let spec = with_orphans("supervisor-killed");
    let mut running = start(&spec).await;
    until_ready(&mut running, N_ORPHANS).await;
    let supervisor = parent_of(running.pid());
    signal(supervisor, Signal::KILL);
    let exit = running.wait().await;
    assert_none_left(&spec.tag);
    assert_eq!(
        (
            exit.code,
            exit.signal,
            exit.supervisor_lost,
            exit.is_success()
        ),
        (None, Some(9), true, false)
    );
    assert!(exit.n_killed_stragglers as usize >= N_ORPHANS, "{exit:?}");
    assert_eq!(status_field(supervisor, "PPid"), None, "no zombie");
}

/// Starts a supervisor whose program is a fork of itself; it runs each line that it is fed as a script.
async fn start_forked(tag: &str) -> Running {
    let forked = SupervisorProgram {
        args: vec!["forked".into()],
        ..supervisor()
    };
    let env = vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())];
    let started = spawn_forked(&forked, env, tag.to_owned()).await;
    started.expect("it starts")
}

#[tokio::test]
async fn a_fork_reads_what_it_is_fed_and_its_exit_code_is_reported() {
    let tag = unique_tag("forked");
    let mut running = start_forked(&tag).await;
    assert!(tagged(&tag).contains(&running.pid()));
    running.feed("echo ready\n".to_owned()).await;
    until_ready(&mut running, 1).await;
    running.feed("exit 7\n".to_owned()).await;
    assert_eq!(running.wait().await, ended_by_itself(7));
    assert_none_left(&tag);
}

#[tokio::test]
async fn a_fork_dies_with_all_that_it_started_as_a_program_does() {
    for how in ["terminated", "dropped", "supervisor killed"] {
        let tag = unique_tag("forked");
        let mut running = start_forked(&tag).await;
        running.feed(format!("{ORPHANS}\n")).await;
        until_ready(&mut running, N_ORPHANS).await;
        match how {
            "terminated" => {
                running.terminate().await;
                let exit = running.wait().await;
                assert_eq!((exit.signal, exit.stopped_by_us), (Some(15), true));
            }
            "dropped" => drop(running),
            _ => {
                signal(parent_of(running.pid()), Signal::KILL);
                assert!(running.wait().await.supervisor_lost);
            }
        }
        poll_until("none is left", || tagged(&tag).is_empty()).await;
    }
}

#[tokio::test]
async fn a_sweep_kills_only_processes_with_the_prefix() {
    let bystander = shell("bystander", "echo ready; exec sleep 1000");
    let mut bystander_running = start(&bystander).await;
    until_ready(&mut bystander_running, 1).await;
    let spec = with_orphans("swept");
    let mut running = start(&spec).await;
    until_ready(&mut running, N_ORPHANS).await;
    let prefix = spec
        .tag
        .rsplit_once('-')
        .expect("tags end in a number")
        .0
        .to_owned();
    let n_killed = tokio::task::spawn_blocking(move || sweep_tagged(&prefix))
        .await
        .expect("no panic");
    assert!(n_killed as usize > N_ORPHANS, "{n_killed}");
    assert_none_left(&spec.tag);
    assert_eq!(tagged(&bystander.tag), [bystander_running.pid()]);
    bystander_running.kill().await;
    bystander_running.wait().await;
}

#[tokio::test]
async fn the_supervisor_ignores_termination_signals() {
    let spec = shell(
        "polite",
        "kill -TERM $PPID; kill -INT $PPID; kill -HUP $PPID; echo ready; exec sleep 1000",
    );
    let mut running = start(&spec).await;
    until_ready(&mut running, 1).await;
    running.terminate().await;
    let exit = running.wait().await;
    assert_eq!((exit.signal, exit.supervisor_lost), (Some(15), false));
}

#[tokio::test]
async fn a_program_has_its_own_session_and_no_access_to_the_control_socket() {
    let script = "ls -l /proc/self/fd | grep -c socket; cat /proc/$PPID/environ 2>&1 | tr -d '\\0'; cut -d' ' -f6 /proc/$$/stat; echo $$";
    let mut running = start(&shell("session", script)).await;
    let lines = all_lines(&mut running).await;
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts[0], "0");
    assert_eq!(
        texts[texts.len() - 2],
        texts[texts.len() - 1],
        "the program must lead its session"
    );
}

// ---- starts

#[tokio::test]
async fn a_missing_program_or_directory_is_named_in_the_error() {
    let mut missing = shell("missing", "true");
    missing.program = PathBuf::from("/absent/program");
    let mut plain = shell("plain", "true");
    plain.program = PathBuf::from("/etc/passwd");
    let mut nowhere = shell("nowhere", "true");
    nowhere.directory = PathBuf::from("/absent/directory");
    let mut no_directory = shell("no-directory", "true");
    no_directory.directory = PathBuf::from("/etc/passwd");
    for (spec, expected) in [
        (missing, "failed to start `/absent/program` in"),
        (plain, "ermission denied"),
        (nowhere, "directory `/absent/directory`: No such file"),
        (no_directory, "`/etc/passwd` is not a directory"),
    ] {
        let error = start_error(spec).await;
        assert!(
            matches!(error, ProcessError::FailedToStart { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_the_supervisor_is_an_error() {
    for program in ["/absent/supervisor", "/bin/true"] {
        let mut none = supervisor();
        none.program = PathBuf::from(program);
        let result = spawn(&none, shell("no-supervisor", "true")).await;
        assert!(
            matches!(result.err(), Some(ProcessError::Supervisor { .. })),
            "{program}"
        );
    }
}

#[tokio::test]
async fn a_program_gets_exactly_its_environment_arguments_and_directory() {
    let mut spec = shell("exact", "");
    let odd = OsString::from_vec(b"odd \xff\n\"value".to_vec());
    spec.program = PathBuf::from("/bin/sh");
    spec.args = vec![
        "-c".into(),
        "tr '\\0' ' ' < /proc/self/environ; pwd; printf %s \"$0\" | od -An -c".into(),
        odd.clone(),
    ];
    spec.env = vec![
        ("PATH".into(), "/usr/bin:/bin".into()),
        ("AUTOISSUE_TAG".into(), "forged".into()),
        ("ODD".into(), odd),
    ];
    spec.directory = PathBuf::from("/usr");
    let mut running = start(&spec).await;
    let text: String = all_lines(&mut running)
        .await
        .into_iter()
        .map(|line| line.text + "\n")
        .collect();
    let tag = &spec.tag;
    let expected =
        format!("AUTOISSUE_TAG={tag} ODD=odd \u{fffd}\n\"value PATH=/usr/bin:/bin /usr\n");
    assert!(text.starts_with(&expected), "{text}");
    assert!(
        text.contains("377  \\n   \""),
        "the argument must arrive unchanged: {text}"
    );
}

// ---- input

#[tokio::test]
async fn big_body_reaches_the_program_completely() {
    let mut spec = shell("big-body", "cat > \"$FILE\"; echo done");
    let file = tempfile::NamedTempFile::new().expect("a file");
    spec.env.push(("FILE".into(), file.path().into()));
    spec.stdin.bytes = (0..1 << 20)
        .map(|i: u32| i.to_le_bytes()[(i % 4) as usize])
        .collect();
    let exit = start(&spec).await.wait().await;
    assert_eq!(exit, ended_by_itself(0));
    assert!(std::fs::read(file.path()).expect("it was written") == spec.stdin.bytes);
}

#[tokio::test]
async fn an_input_that_stays_open_gets_more_until_it_is_closed() {
    let mut spec = shell(
        "talks",
        "while read -r line; do echo \"got $line\"; done; exit 3",
    );
    spec.stdin = Stdin {
        bytes: b"first\n".to_vec(),
        stays_open: true,
    };
    let mut running = start(&spec).await;
    for word in ["first", "second", "third"] {
        let line = running.next_line().await.expect("it answers");
        assert_eq!(line.text, format!("got {word}"));
        match word {
            "first" => running.feed("second\n".to_owned()).await,
            "second" => running.feed("third\n".to_owned()).await,
            _ => running.close_stdin().await,
        }
    }
    assert_eq!(running.wait().await, ended_by_itself(3));
}

#[tokio::test]
async fn a_supervisor_that_its_program_has_stopped_is_killed_when_it_does_not_read() {
    let spec = ProgramSpec {
        stdin: Stdin {
            stays_open: true,
            ..Stdin::default()
        },
        ..shell(
            "stops-it",
            "read -r go; kill -STOP $PPID; echo ready; exec sleep 1000",
        )
    };
    let mut running = start(&spec).await;
    running.feed("go\n".to_owned()).await;
    until_ready(&mut running, 1).await;
    // More than any socket buffers.
    running.feed("x".repeat(8 << 20)).await;
    assert!(running.wait().await.supervisor_lost);
    assert_none_left(&spec.tag);
}

#[tokio::test]
async fn a_program_is_stopped_by_its_own_signal() {
    for (stop_signal, expected) in [(StopSignal::Terminate, 4), (StopSignal::Interrupt, 5)] {
        let script =
            "trap 'exit 4' TERM; trap 'exit 5' INT; echo ready; while :; do sleep 0.01; done";
        let spec = ProgramSpec {
            stop_signal,
            ..shell("signalled", script)
        };
        let mut running = start(&spec).await;
        until_ready(&mut running, 1).await;
        running.terminate().await;
        let exit = running.wait().await;
        assert_eq!((exit.code, exit.stopped_by_us), (Some(expected), true));
    }
}

#[tokio::test]
async fn a_program_that_never_reads_its_input_ends_normally() {
    let mut spec = shell("never-reads", "echo ready; exit 4");
    spec.stdin.bytes = vec![b'x'; 1 << 20];
    assert_eq!(start(&spec).await.wait().await, ended_by_itself(4));
    spec.args[1] = "exec 0<&-; echo ready; exec sleep 1000".into();
    let mut running = start(&spec).await;
    until_ready(&mut running, 1).await;
    running.terminate().await;
    assert!(running.wait().await.stopped_by_us);
}

// ---- output

#[tokio::test]
async fn both_pipes_are_distinguished_and_in_order() {
    let script = "echo one; echo two >&2; printf 'three\\r\\n'; printf four";
    let mut running = start(&shell("both", script)).await;
    let lines = all_lines(&mut running).await;
    let of = |source| {
        lines
            .iter()
            .filter(|it| it.source == source)
            .map(|it| it.text.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(Source::Stdout), ["one", "three", "four"]);
    assert_eq!(of(Source::Stderr), ["two"]);
    assert_eq!(running.wait().await, ended_by_itself(0));
}

#[tokio::test]
async fn a_line_of_ten_megabytes_is_truncated_and_the_next_is_complete() {
    let mut running = start(&shell(
        "long-line",
        "head -c 10000000 /dev/zero | tr '\\0' x; echo; echo next",
    ))
    .await;
    let lines = all_lines(&mut running).await;
    let seen: Vec<(usize, bool)> = lines
        .iter()
        .map(|it| (it.text.len(), it.truncated))
        .collect();
    assert_eq!(seen, [(LINE_BYTES_MAX, true), (4, false)]);
}

#[tokio::test]
async fn binary_output_is_accepted() {
    let mut running = start(&shell(
        "binary",
        "head -c 3000000 /dev/urandom; printf '\\n\\377\\376end\\n'",
    ))
    .await;
    let lines = all_lines(&mut running).await;
    assert_eq!(
        lines.last().map(|it| it.text.as_str()),
        Some("\u{fffd}\u{fffd}end")
    );
    assert_eq!(running.wait().await, ended_by_itself(0));
}

#[tokio::test]
async fn a_flood_of_100_megabytes_needs_no_memory() {
    let own = i32::try_from(std::process::id()).expect("fits");
    let spec = shell(
        "flood",
        "yes 'a line of an agent that has gone mad, forty-nine' | head -c 100000000",
    );
    let before = high_water_kib(own);
    let finished = run_bounded(
        &supervisor(),
        spec,
        LONG,
        64 << 10,
        &CancellationToken::new(),
    )
    .await
    .expect("it runs");
    let grown_kib = high_water_kib(own).saturating_sub(before);
    assert!(finished.exit.is_success(), "{:?}", finished.exit);
    assert!(
        finished.output.contains("bytes omitted"),
        "{}",
        finished.output.len()
    );
    assert!(
        finished.output.len() < (64 << 10) + 100,
        "{}",
        finished.output.len()
    );
    // Other tests run in the same process, some with lines of a megabyte.
    assert!(grown_kib < 40 << 10, "grown by {grown_kib} KiB");
}

fn high_water_kib(pid: i32) -> u64 {
    let field = status_field(pid, "VmHWM").expect("a running process");
    field.trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test]
async fn unread_output_does_not_delay_the_exit() {
    let spec = shell("unread", "echo ready; exec yes");
    let mut running = start(&spec).await;
    until_ready(&mut running, 1).await;
    running.kill().await;
    assert_eq!(running.wait().await.signal, Some(9));
}

#[tokio::test]
async fn a_program_that_closes_its_output_runs_to_its_end() {
    let mut running = start(&shell(
        "closes",
        "echo ready; exec >&- 2>&-; kill -STOP $$; exit 5",
    ))
    .await;
    until_ready(&mut running, 1).await;
    let pid = running.pid();
    let resumer = async {
        until_stopped(pid).await;
        signal(pid, Signal::CONT);
    };
    let (lines, ()) = tokio::join!(all_lines(&mut running), resumer);
    assert!(lines.is_empty());
    assert_eq!(running.wait().await, ended_by_itself(5));
}

#[tokio::test]
async fn an_unrelated_process_that_holds_the_pipe_does_not_delay_the_exit() {
    let mut running = start(&shell("stranger", "kill -STOP $$; echo last")).await;
    let pid = running.pid();
    until_stopped(pid).await;
    let stranger = std::fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/{pid}/fd/1"));
    signal(pid, Signal::CONT);
    let lines = all_lines(&mut running).await;
    assert_eq!((lines.len(), running.wait().await), (1, ended_by_itself(0)));
    drop(stranger.expect("an open pipe"));
}

// ---- limits

#[tokio::test]
async fn a_program_that_takes_too_long_is_stopped() {
    let spec = shell("slow", "echo started; exec sleep 1000");
    let limit = Duration::from_millis(300);
    let finished = run_bounded(&supervisor(), spec, limit, 1000, &CancellationToken::new())
        .await
        .expect("it runs");
    assert!(
        finished.timed_out && !finished.cancelled && finished.exit.stopped_by_us,
        "{finished:?}"
    );
    assert_eq!(finished.output, "started\n");
}

#[tokio::test]
async fn cancelling_stops_a_program_and_prevents_the_next() {
    let cancel = CancellationToken::new();
    let spec = shell("cancelled", "echo started; exec sleep 1000");
    let (supervisor, tag) = (supervisor(), spec.tag.clone());
    let canceller = async {
        poll_until("the program is running", || !tagged(&tag).is_empty()).await;
        cancel.cancel();
    };
    let (finished, ()) = tokio::join!(
        run_bounded(&supervisor, spec.clone(), LONG, 1000, &cancel),
        canceller
    );
    let finished = finished.expect("it runs");
    assert!(
        finished.cancelled && !finished.timed_out && !finished.exit.is_success(),
        "{finished:?}"
    );
    let next = run_bounded(&supervisor, spec, LONG, 1000, &cancel)
        .await
        .expect("no errors");
    assert!(
        next.cancelled && next.output.is_empty() && next.exit.code.is_none(),
        "{next:?}"
    );
}

#[tokio::test]
async fn many_concurrent_programs_end_and_leave_no_zombies() {
    let specs: Vec<ProgramSpec> = (0..40)
        .map(|i| shell("many", &format!("(sleep 1000 &) ; echo {i}; exit {i}")))
        .collect();
    let runs = specs.iter().map(|spec| {
        let spec = spec.clone();
        tokio::spawn(async move { start(&spec).await.wait().await })
    });
    for (i, run) in runs.collect::<Vec<_>>().into_iter().enumerate() {
        let exit = run.await.expect("no panic");
        assert_eq!(exit.code, i32::try_from(i).ok());
    }
    assert!(specs.iter().all(|spec| tagged(&spec.tag).is_empty()));
}
