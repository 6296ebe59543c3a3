//! `kill -9` of the engine: at every write of the journal, and from outside at any time. Everything
//! that was started ends exactly once.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use autoissue_tests::{Run, Sandbox, new_file_patch};

use crate::aftermath::{all_ended_once, no_process_is_left};
use crate::process_under_test::{tagged_below, wait_until};

const N_ISSUES: u64 = 6;
/// Number of concurrent crashes; they spend most of their time waiting.
const N_AT_ONCE: u32 = 4;

/// Creates a backlog with parallel work, checks and a dependency.
fn backlog(checks: &str) -> Sandbox {
    let world = Sandbox::new();
    world.executor(&format!(
        r#"{{"maxParallel": 3, "checks": [{{"name": "it", "run": "{checks}"}}]}}"#
    ));
    for number in 1..=N_ISSUES {
        let domain = ["Backend", "Frontend", "Testing"][number as usize % 3];
        let after = if number == N_ISSUES {
            "Depends on #1\n\n"
        } else {
            ""
        };
        let body = format!("{after}{}", new_file_patch(&format!("{number}.txt"), "new"));
        world.issue(number, &format!("[{domain}] add {number}"), &body);
    }
    world
}

/// Resumes a session whose engine has died, and checks the result.
fn resume_after_death(world: &Sandbox) {
    no_process_is_left(world);
    let resumed = world.run(["resume", "--quiet"]);
    if resumed.code == Some(2) {
        // It died after its last write: at most a worktree remains, which the next session removes.
        assert!(
            resumed.stderr.contains("no unfinished session"),
            "{resumed:?}"
        );
        all_ended_once(world, N_ISSUES);
        world.run(["exec", "go", "--quiet"]).exits(0);
    } else {
        resumed.exits(0);
        all_ended_once(world, N_ISSUES);
    }
    assert_eq!(world.worktrees(), Vec::<String>::new(), "worktrees remain");
}

#[cfg(debug_assertions)]
fn exec_until(world: &Sandbox, point: &str) -> Run {
    let mut command = world.autoissue(["exec", "go", "--quiet"]);
    Run::from(
        command
            .env("AUTOISSUE_TEST_CRASH_AT", point)
            .output()
            .expect("the binary runs"),
    )
}

/// Crashes at one write after another, resuming each time, until a session finishes before its
/// crash point.
#[cfg(debug_assertions)]
fn crash_at_every_write(moment: &str, backlog: impl Fn() -> Sandbox + Sync) {
    // Write 1 is the session's own row; crash points exist only after it.
    let next = AtomicU32::new(2);
    let over = AtomicU32::new(u32::MAX);
    let crash_and_resume = || {
        loop {
            let write = next.fetch_add(1, Ordering::Relaxed);
            if over.load(Ordering::Relaxed) <= write {
                return;
            }
            let world = backlog();
            let run = exec_until(&world, &format!("{write}:{moment}"));
            if run.code.is_some() {
                run.exits(0);
                over.fetch_min(write, Ordering::Relaxed);
                return;
            }
            resume_after_death(&world);
        }
    };
    thread::scope(|scope| (0..N_AT_ONCE).for_each(|_| drop(scope.spawn(crash_and_resume))));
    let n_writes = over.load(Ordering::Relaxed);
    assert!(
        10 < n_writes && n_writes < u32::MAX,
        "crashed at {n_writes} writes"
    );
}

#[test]
#[cfg(debug_assertions)]
fn a_crash_before_any_write_does_nothing_twice() {
    // Without checks, the session is half as long.
    crash_at_every_write("before", || {
        let world = backlog("true");
        world.executor(r#"{"maxParallel": 3}"#);
        world
    });
}

#[test]
#[cfg(debug_assertions)]
fn a_crash_after_any_write_does_nothing_twice() {
    crash_at_every_write("after", || backlog("true"));
}

#[test]
#[cfg(debug_assertions)]
fn a_resume_that_crashes_can_be_resumed() {
    let world = backlog("true");
    assert_eq!(exec_until(&world, "12:after").code, None);
    for point in ["1:after", "3:before", "6:after"] {
        let mut command = world.autoissue(["resume", "--quiet"]);
        let run = Run::from(
            command
                .env("AUTOISSUE_TEST_CRASH_AT", point)
                .output()
                .expect("the binary runs"),
        );
        assert_eq!(run.code, None, "{run:?}");
    }
    world.run(["resume", "--quiet"]).exits(0);
    all_ended_once(&world, N_ISSUES);
}

/// Returns a check that leaves processes behind in sessions of their own, and never ends unless the
/// sandbox has a file `go`.
fn stubborn_check(world: &Sandbox) -> String {
    let root = world.root().display();
    // On the base, where no issue has added its file, it does nothing.
    format!(
        "ls [1-9].txt || exit 0; setsid sleep 1000 & setsid sleep 1000 & \
         echo x >> {root}/marks; test -f {root}/go || exec sleep 1000"
    )
}

#[test]
fn orphans() {
    let world = backlog("true");
    let check = stubborn_check(&world);
    world.executor(&format!(
        r#"{{"maxParallel": 3, "checks": [{{"name": "it", "run": "{check}"}}]}}"#
    ));
    let mut engine = world.start(["exec", "go", "--quiet"]);
    let marks = world.root().join("marks");
    wait_until("three checks run", || {
        std::fs::read_to_string(&marks).is_ok_and(|text| text.lines().count() == 3)
    });
    wait_until("nine processes are there to be orphaned", || {
        9 <= tagged_below(&world.tag_prefix()).len()
    });
    engine.kill().expect("it runs");
    engine.wait().expect("it ends");
    no_process_is_left(&world);
    std::fs::write(world.root().join("go"), "").expect("the file");
    world.run(["resume", "--quiet"]).exits(0);
    all_ended_once(&world, N_ISSUES);
}

/// Kills the engine after it has printed `n_events` events, and resumes the session.
fn kill_after_events(n_events: usize) {
    let world = backlog("true");
    let check = stubborn_check(&world);
    world.executor(&format!(
        r#"{{"maxParallel": 3, "checks": [{{"name": "it", "run": "{check}"}}]}}"#
    ));
    std::fs::write(world.root().join("go"), "").expect("the file");
    let mut engine = world.start(["exec", "go", "--output", "json"]);
    let lines = BufReader::new(engine.stdout.take().expect("it is a pipe")).lines();
    let n_seen = lines.take(n_events).count();
    // Killing fails if it has already exited, which is a valid case too.
    let _ = engine.kill();
    engine.wait().expect("it ends");
    eprintln!("killed after {n_seen} events");
    resume_after_death(&world);
}

#[test]
fn a_kill_from_outside_at_any_time_does_nothing_twice() {
    // Ten points in a session of about eighty events, spread by a multiplier that hits none twice.
    let moments: Vec<usize> = (0..10).map(|seed: usize| 1 + seed * 37 % 80).collect();
    let next = AtomicUsize::new(0);
    let kill_one_after_another = || {
        while let Some(&n_events) = moments.get(next.fetch_add(1, Ordering::Relaxed)) {
            kill_after_events(n_events);
        }
    };
    thread::scope(|scope| (0..N_AT_ONCE).for_each(|_| drop(scope.spawn(kill_one_after_another))));
}

#[test]
fn git_locks_left_by_a_killed_session_block_nothing() {
    let world = backlog("true");
    world.executor(r#"{"maxParallel": 3}"#);
    world
        .run(["exec", "go", "--issue", "2", "--quiet"])
        .exits(0);
    let mirror = PathBuf::from(world.mirror_git(["rev-parse", "--absolute-git-dir"]));
    let locks = [
        world
            .project()
            .join(".git/refs/heads/autoissue/issue-1.lock"),
        mirror.join("config.lock"),
        mirror.join("refs/autoissue/bases/main.lock"),
    ];
    for lock in &locks {
        std::fs::create_dir_all(lock.parent().expect("it has a parent")).expect("the directory");
        let file = std::fs::File::create(lock).expect("the lock");
        file.set_modified(SystemTime::now() - Duration::from_secs(60))
            .expect("a time to set");
    }
    world
        .run(["exec", "go", "--issue", "1", "--quiet"])
        .exits(0);
    assert_eq!(world.git(["show", "autoissue/issue-1:1.txt"]), "new");
}
