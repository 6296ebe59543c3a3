//! Ctrl-C, SIGTERM and SIGHUP: once, twice, three times; and a second session on a locked
//! repository.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Child;

use autoissue_tests::{GithubSandbox, LABEL, Run, Sandbox, new_file_patch};
use rustix::process::{Pid, Signal, kill_process};

use crate::aftermath::{all_ended_once, no_process_is_left};
use crate::process_under_test::{tagged_below, wait_until};

/// Starts a session whose three checks run until the file `go` exists. `script` runs in each check
/// before it waits.
fn busy_session(world: &Sandbox, script: &str) -> Child {
    let root = world.root().display();
    let check = format!(
        "ls [1-9].txt || exit 0; {script} echo x >> {root}/marks; test -f {root}/go || exec sleep 1000"
    );
    world.executor(&format!(
        r#"{{"maxParallel": 3, "checks": [{{"name": "it", "run": "{check}"}}]}}"#
    ));
    for (number, domain) in [
        (1, "Backend"),
        (2, "Frontend"),
        (3, "Testing"),
        (4, "Backend"),
    ] {
        world.issue(
            number,
            &format!("[{domain}] add"),
            &new_file_patch(&format!("{number}.txt"), "new"),
        );
    }
    let child = world.start(["exec", "go", "--headless"]);
    let marks = world.root().join("marks");
    wait_until("three checks run", || {
        fs::read_to_string(&marks).is_ok_and(|text| text.lines().count() == 3)
    });
    child
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it runs");
}

fn end(child: Child) -> Run {
    Run::from(child.wait_with_output().expect("it ends"))
}

/// Resumes the session, with checks that pass now.
fn resume(world: &Sandbox) {
    no_process_is_left(world);
    fs::write(world.root().join("go"), "").expect("the file");
    world.run(["resume"]).exits(0);
    all_ended_once(world, 4);
    assert_eq!(world.worktrees(), Vec::<String>::new());
}

#[test]
fn one_signal_saves_everything_and_prints_the_resume_command() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let world = Sandbox::new();
        let child = busy_session(&world, "");
        send(&child, signal);
        let run = end(child).exits(130);
        assert!(
            run.stdout.contains("autoissue resume "),
            "{signal:?}: {}",
            run.stdout
        );
        resume(&world);
    }
}

#[test]
fn an_interrupted_session_is_listed_as_interrupted() {
    let world = Sandbox::new();
    let child = busy_session(&world, "");
    send(&child, Signal::INT);
    let run = end(child).exits(130);
    let line = run
        .stdout
        .lines()
        .find(|line| line.contains("autoissue resume "))
        .expect("the command");
    let mut words = line.split_whitespace().skip_while(|word| *word != "resume");
    let session = words.nth(1).expect("an id").to_owned();
    let status = world
        .run(["status", &session, "--output", "json"])
        .exits(0)
        .summary();
    assert_eq!(status["status"], "interrupted");
    resume(&world);
    let again = world.run(["resume", &session]).exits(2);
    assert!(
        again.stderr.contains("has already completed"),
        "{}",
        again.stderr
    );
    assert!(
        again
            .stderr
            .contains("start a new session with `autoissue exec go"),
        "{}",
        again.stderr
    );
}

#[test]
fn another_session_keeps_the_worktrees_that_a_resume_needs() {
    let world = Sandbox::new();
    let child = busy_session(&world, "");
    send(&child, Signal::INT);
    end(child).exits(130);
    let worktrees = world.worktrees();
    assert_eq!(worktrees.len(), 3);
    world.run(["exec", "other"]).exits(0);
    assert_eq!(world.worktrees(), worktrees);
    resume(&world);
}

#[test]
fn two_signals_kill_programs_that_ignore_the_first() {
    let world = Sandbox::new();
    let child = busy_session(&world, "trap '' TERM INT HUP;");
    send(&child, Signal::INT);
    send(&child, Signal::TERM);
    end(child).exits(130);
    resume(&world);
}

#[test]
fn a_third_signal_ends_the_session_at_once() {
    let world = Sandbox::new();
    let child = busy_session(&world, "trap '' TERM INT HUP;");
    // Pending signals of the same kind are merged, so send one of each kind.
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        send(&child, signal);
    }
    end(child).exits(130);
    resume(&world);
}

/// Sends a signal once or twice after the session has printed `n_events` events; returns the exit
/// code.
fn signal_after_events(
    world: &Sandbox,
    signal: Signal,
    n_signals: usize,
    n_events: usize,
) -> Option<i32> {
    let mut child = world.start(["exec", "go", "--output", "json"]);
    let mut lines = BufReader::new(child.stdout.take().expect("it is a pipe")).lines();
    let n_seen = lines.by_ref().take(n_events).count();
    for _ in 0..n_signals {
        // Sending fails if it has already exited, which is a valid case too.
        let _ = kill_process(Pid::from_child(&child), signal);
    }
    let n_more = lines.count();
    eprintln!("{signal:?} sent {n_signals} times after {n_seen} events; {n_more} followed");
    child.wait().expect("it ends").code()
}

#[test]
fn a_signal_at_any_time_stops_the_session() {
    // Points in a session of about sixty events, spread by a multiplier that hits none twice.
    for seed in 0..9_usize {
        let world = Sandbox::new();
        world.executor(r#"{"maxParallel": 3, "checks": [{"name": "it", "run": "true"}]}"#);
        for (number, domain) in [
            (1, "Backend"),
            (2, "Frontend"),
            (3, "Testing"),
            (4, "Backend"),
        ] {
            world.issue(
                number,
                &format!("[{domain}] add"),
                &new_file_patch(&format!("{number}.txt"), "new"),
            );
        }
        let signal = [Signal::INT, Signal::TERM, Signal::HUP][seed % 3];
        let code = signal_after_events(&world, signal, 1 + seed % 2, 2 + seed * 37 % 50);
        assert!(matches!(code, Some(0 | 130)), "{code:?}");
        no_process_is_left(&world);
        if code == Some(130) {
            world.run(["resume", "--quiet"]).exits(0);
        }
        all_ended_once(&world, 4);
        assert_eq!(world.worktrees(), Vec::<String>::new());
    }
}

#[test]
fn two_runners() {
    let world = Sandbox::new();
    let child = busy_session(&world, "");
    let second = world.run(["exec", "go"]).exits(1);
    let text = &second.stderr;
    assert!(
        text.contains(&child.id().to_string()) && text.contains("exec go --headless"),
        "{text}"
    );
    let resumed = world.run(["resume"]).exits(1);
    assert!(resumed.stderr.contains("in use by"), "{}", resumed.stderr);
    assert!(
        !tagged_below(&world.tag_prefix()).is_empty(),
        "the first session's programs must keep running"
    );
    // Reading is always allowed.
    world.run(["status"]).exits(0);
    send(&child, Signal::INT);
    end(child).exits(130);
    resume(&world);
}

#[test]
fn two_runners_with_separate_state_directories() {
    let world = Sandbox::new();
    let child = busy_session(&world, "");
    let linked = world.root().join("linked");
    let linked_path = linked.to_str().expect("a path in UTF-8");
    world.git(["worktree", "add", "--quiet", "-b", "mine", linked_path]);
    fs::copy(
        world.project().join("autoissue.config.json"),
        linked.join("autoissue.config.json"),
    )
    .expect("the configuration");
    fs::create_dir_all(linked.join(".autoissue/issues")).expect("the issues");
    for directory in [world.project(), linked] {
        let mut second = world.autoissue(["exec", "go"]);
        second
            .current_dir(&directory)
            .env("AUTOISSUE_STATE_DIR", world.root().join("other-state"));
        let second = Run::from(second.output().expect("it runs")).exits(1);
        assert!(
            second.stderr.contains(&child.id().to_string()),
            "{}: {}",
            directory.display(),
            second.stderr
        );
    }
    send(&child, Signal::INT);
    end(child).exits(130);
    resume(&world);
}

#[test]
fn two_runners_in_two_clones() {
    let world = GithubSandbox::new();
    let root = world.root().display().to_string();
    let check = format!("ls [1-9].txt || exit 0; echo x > {root}/marks; exec sleep 1000");
    world.executor(&format!(
        r#"{{"checks": [{{"name": "it", "run": "{check}"}}]}}"#
    ));
    world.plain_issue("[Backend] add");
    let mut first = world.autoissue(["exec", LABEL, "--headless"]);
    first
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = first.spawn().expect("it starts");
    let marks = world.root().join("marks");
    wait_until("the check runs", || marks.exists());
    let clone = world.root().join("clone");
    let clone_path = clone.to_str().expect("a path in UTF-8");
    world.git([
        "clone",
        "--quiet",
        &world.repository.clone_url(),
        clone_path,
    ]);
    fs::copy(
        world.project().join("autoissue.config.json"),
        clone.join("autoissue.config.json"),
    )
    .expect("the configuration");
    let mut second = world.autoissue(["exec", LABEL]);
    second
        .current_dir(&clone)
        .env("AUTOISSUE_STATE_DIR", world.root().join("other-state"));
    let second = Run::from(second.output().expect("it runs")).exits(1);
    assert!(
        second.stderr.contains(&child.id().to_string())
            && second
                .stderr
                .contains(&world.project().display().to_string()),
        "{}",
        second.stderr
    );
    send(&child, Signal::INT);
    end(child).exits(130);
}

#[test]
fn a_session_can_be_interrupted_before_its_first_task() {
    let world = Sandbox::new();
    let root = world.root().display().to_string();
    world.executor(&format!(
        r#"{{"checks": [{{"name": "it", "run": "echo x > {root}/marks; exec sleep 1000"}}]}}"#
    ));
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    let child = world.start(["exec", "go", "--headless"]);
    wait_until("the base is checked", || {
        world.root().join("marks").exists()
    });
    send(&child, Signal::INT);
    end(child).exits(130);
    no_process_is_left(&world);
    world.executor(r#"{"checks": [{"name": "it", "run": "true"}]}"#);
    world.run(["resume"]).exits(0);
    all_ended_once(&world, 1);
}

#[test]
fn clean_finds_worktrees_in_another_directory_without_the_journal() {
    let world = Sandbox::new();
    let mut child = busy_session(&world, "");
    child.kill().expect("it is running");
    child.wait().expect("it has exited");
    no_process_is_left(&world);
    assert_eq!(world.worktrees().len(), 3);
    for file in fs::read_dir(world.state()).expect("the state").flatten() {
        let name = file.file_name().into_string().expect("a name in UTF-8");
        if name.starts_with("journal") {
            fs::remove_file(file.path()).expect("the journal's file");
        }
    }
    world.executor(r#"{"worktreeRoot": ".worktrees"}"#);
    let clean = world.run(["clean"]).exits(0);
    assert_eq!(clean.stdout.matches("removed ").count(), 3, "{clean:?}");
    assert!(world.worktrees().is_empty());
}
