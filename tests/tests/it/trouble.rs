//! Full or read-only disks, journals that are newer, damaged or gone, clocks that jump, unusual
//! paths: each gives a clear error or correct work, never an empty history or a second pull
//! request.
//!
//! Mounts are created in a separate mount namespace, so nothing is left of them. If the system does
//! not permit any, a limit on file sizes replaces the full disk, and the test prints a note.

#![expect(
    clippy::disallowed_methods,
    reason = "tests copy directories and make mounts with the system's own programs"
)]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use autoissue_core::journal::{AppendExtras, Journal, NewEvent, NewSession, StoredEvent};
use autoissue_tests::{Run, Sandbox, binary, new_file_patch};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process_group};

/// Far longer than any run takes; only a hanging run is ended by it.
const RUN_TIME_MAX: Duration = Duration::from_secs(60);
const DAY_MS: u64 = 86_400_000;

// ---- sandboxes

/// Creates a sandbox with issues that each add a file. Nothing is retried, because a failure here
/// would only repeat.
fn world(n_issues: u64) -> Sandbox {
    let world = Sandbox::new();
    world.config(r#"{"forge": {"kind": "local"}, "agent": {"backend": "patch"}, "executor": {"maxRetries": 0}}"#);
    for number in 1..=n_issues {
        world.issue(
            number,
            &format!("[Backend] add {number}"),
            &new_file_patch(&format!("{number}.txt"), "new"),
        );
    }
    world
}

/// Adds a file that does not compress, so that the disk can fill up in the mirror and in the
/// worktrees.
fn commit_something_big(world: &Sandbox) {
    let mut random = fastrand::Rng::with_seed(7);
    let noise: String = std::iter::repeat_with(|| random.alphanumeric())
        .take(200_000)
        .collect();
    world.write("big.txt", &noise);
    world.git(["add", "big.txt"]);
    world.git(["commit", "--quiet", "--message", "big"]);
}

/// Asserts that each issue has exactly one pull request and one branch, which contains its work.
#[track_caller]
fn each_issue_has_one_pull_request(world: &Sandbox, n_issues: u64) {
    let mut pulls: Vec<_> = file_names(&world.project().join(".autoissue/pulls"));
    pulls.sort();
    let texts: Vec<String> = pulls
        .iter()
        .map(|name| world.read(&format!(".autoissue/pulls/{name}")))
        .collect();
    let branches = world.git([
        "branch",
        "--list",
        "--format=%(refname:short)",
        "autoissue/*",
    ]);
    assert_eq!(
        (pulls.len() as u64, branches.lines().count() as u64),
        (n_issues, n_issues),
        "{pulls:?} {branches}"
    );
    for number in 1..=n_issues {
        let closing = format!("Closes #{number}\n");
        assert_eq!(
            texts.iter().filter(|text| text.contains(&closing)).count(),
            1,
            "{number} in {pulls:?}"
        );
        assert_eq!(
            world.git(["show", &format!("autoissue/issue-{number}:{number}.txt")]),
            "new"
        );
    }
}

/// Returns the names of the pull request files, without the forge's internal ones.
fn file_names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter_map(|it| it.file_name().into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .collect()
}

fn copy_directory(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.expect("cp runs").success());
}

// ---- runs

/// Runs a command to completion; kills it if it hangs.
#[track_caller]
fn bounded(mut command: Command) -> Run {
    let child = command
        .process_group(0)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let pid = Pid::from_child(&child);
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(RUN_TIME_MAX) {
        Ok(output) => Run::from(output.expect("the program is our child")),
        Err(RecvTimeoutError::Timeout) => {
            let _ = kill_process_group(pid, Signal::KILL);
            panic!("still running: {command:?}");
        }
        Err(RecvTimeoutError::Disconnected) => unreachable!("the thread sends before it ends"),
    }
}

/// Runs the binary in the sandbox's repository, with the given state directory.
#[track_caller]
fn run_on(world: &Sandbox, state: &Path, args: &[&str]) -> Run {
    let mut command = world.autoissue(args);
    command.env("AUTOISSUE_STATE_DIR", state);
    bounded(command)
}

#[track_caller]
fn run(world: &Sandbox, args: &[&str]) -> Run {
    run_on(world, &world.state(), args)
}

/// Asserts that the run failed with this message and a hint.
#[track_caller]
fn refuses(run: Run, code: i32, words: &str) {
    let run = run.exits(code);
    assert!(
        run.stderr.contains(words) && run.stderr.contains("hint: "),
        "`{words}` in\n{}{}",
        run.stdout,
        run.stderr
    );
    assert!(
        !run.stdout.contains("no sessions yet"),
        "it must not report an empty history:\n{}",
        run.stdout
    );
}

/// Asserts that no process started in this sandbox is running. The last one may take a moment to
/// exit.
#[track_caller]
fn nothing_is_left_running(world: &Sandbox) {
    let root = world.root().as_os_str().as_encoded_bytes();
    let is_of_this_world = |environ: Vec<u8>| environ.windows(root.len()).any(|it| it == root);
    let living = || {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|it| fs::read(it.path().join("environ")).ok())
            .any(is_of_this_world)
    };
    let since = Instant::now();
    while living() {
        assert!(since.elapsed() < RUN_TIME_MAX, "a process outlived its run");
        std::thread::yield_now();
    }
}

// ---- our own file systems

/// Returns the `unshare` options for a namespace in which this user may mount; `None` if it may
/// not.
fn mounting() -> Option<&'static [&'static str]> {
    static WAYS: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    *WAYS.get_or_init(|| {
        let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
        ways.into_iter().find(|way| {
            let mut probe = Command::new("unshare");
            probe
                .args(*way)
                .args(["sh", "-c", "mount -t tmpfs -o size=64k none /tmp"]);
            probe
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
    })
}

/// Runs a shell script in the sandbox, in which `run ARGUMENTS` runs the binary; returns the runs
/// in order.
#[track_caller]
fn script(
    world: &Sandbox,
    namespace: Option<&[&str]>,
    variables: &[(&str, &OsStr)],
    body: &str,
) -> Vec<Run> {
    const RUN: &str = r#"run() { "$BINARY" "$@" >"$OUT/$n.stdout" 2>"$OUT/$n.stderr"; echo $? >"$OUT/$n.code"; n=$((n+1)); }"#;
    let out = tempfile::tempdir().expect("a directory for what is printed");
    let mut words: Vec<&str> = namespace
        .map(|way| [&["unshare"], way].concat())
        .unwrap_or_default();
    let text = format!("n=0\n{RUN}\n{body}");
    words.extend(["sh", "-c", &text]);
    let mut command = world.command(words[0]);
    command
        .args(&words[1..])
        .current_dir(world.project())
        .envs(variables.iter().copied());
    command.env("BINARY", binary()).env("OUT", out.path());
    let shell = bounded(command).exits(0);
    let read =
        |n: usize, what: &str| fs::read_to_string(out.path().join(format!("{n}.{what}"))).ok();
    let runs: Vec<Run> = (0..)
        .map_while(|n| {
            let code = read(n, "code")?.trim().parse().ok();
            Some(Run {
                code,
                stdout: read(n, "stdout")?,
                stderr: read(n, "stderr")?,
            })
        })
        .collect();
    assert!(!runs.is_empty(), "{shell:?}");
    runs
}

/// A disk that fills up in the first run and has free space afterwards. `size` is in KiB.
struct Full<'a> {
    world: &'a Sandbox,
    directory: PathBuf,
    size: u64,
}

impl Full<'_> {
    /// Runs `exec` on the full disk, then, with free space, `resume` and `exec`. If mounts are not
    /// permitted, file sizes are limited instead.
    fn runs(&self) -> Vec<Run> {
        // The files are copied back to where the test reads them.
        const ON_TMPFS: &str = r#"
            set -e
            mkdir -p "$DIR"; cp -a "$DIR" "$KEPT"
            mount -t tmpfs -o size=64m none "$DIR"
            cp -a "$KEPT/." "$DIR"; cd .
            used=$(df -k "$DIR" | awk 'NR == 2 { print $3 }')
            mount -o "remount,size=$((used + SIZE))k" "$DIR"
            cd "$PROJECT"; set +e
            run exec go
            mount -o remount,size=64m "$DIR"
            run resume
            run exec go
            rm -r "$KEPT"; cp -a "$DIR" "$KEPT"; cd /; umount "$DIR"; cp -a "$KEPT/." "$DIR"
        "#;
        let (kept, size) = (
            self.world.root().join("kept"),
            OsString::from(self.size.to_string()),
        );
        let project = self.world.project();
        let _ = fs::remove_dir_all(&kept);
        let variables = [
            ("DIR", self.directory.as_os_str()),
            ("KEPT", kept.as_ref()),
            ("SIZE", &size),
            ("PROJECT", project.as_ref()),
        ];
        match mounting() {
            Some(way) => script(self.world, Some(way), &variables, ON_TMPFS),
            None => {
                eprintln!(
                    "mounts are not permitted here: a limit on file sizes replaces the full disk"
                );
                limited(self.world, self.size * 2)
            }
        }
    }
}

/// Runs `exec` with file sizes limited, in blocks of 512 bytes, then `resume` and `exec` without
/// the limit.
fn limited(world: &Sandbox, n_blocks: u64) -> Vec<Run> {
    // A shell counts in blocks of 512 or 1024 bytes; either works for the test. The binary inherits
    // the ignored signal from the shell. Output goes through a pipe because the limit must not
    // apply to it.
    let body = format!(
        r#"(trap '' XFSZ; ulimit -f {n_blocks}; "$BINARY" exec go 2>&1; echo "$?") | cat >"$OUT/0.stderr"
           tail -n 1 "$OUT/0.stderr" >"$OUT/0.code"; : >"$OUT/0.stdout"; n=1
           run resume
           run exec go"#
    );
    script(world, None, &[], &body)
}

/// How far a session came on a full disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    BeforeTheSession,
    WithinIt,
    Not,
}

/// Asserts that the first run reported the problem and the others gave every issue its one pull
/// request; returns how far the first run came.
#[track_caller]
fn assert_full_disk_is_handled(world: &Sandbox, runs: &[Run], n_issues: u64) -> Cut {
    let [first, resumed, again] = runs else {
        panic!("{runs:?}")
    };
    let told = format!("{}{}", first.stdout, first.stderr).to_lowercase();
    let says_so = [
        "no space",
        "out of diskspace",
        "file too large",
        "disk i/o error",
    ]
    .iter()
    .any(|it| told.contains(it));
    match first.code {
        Some(0) => {}
        Some(1) => assert!(says_so && first.stderr.contains("hint: "), "{first:?}"),
        Some(3) => assert!(says_so, "{first:?}"),
        _ => panic!("{first:?}"),
    }
    assert_eq!(again.code, Some(0), "{again:?}\nafter {first:?}");
    each_issue_has_one_pull_request(world, n_issues);
    nothing_is_left_running(world);
    match (first.code, resumed.code) {
        (Some(1), Some(0)) => Cut::WithinIt,
        (Some(1), Some(2)) => Cut::BeforeTheSession,
        (_, Some(2)) if first.code == Some(3) => Cut::WithinIt,
        (Some(0), Some(2)) => Cut::Not,
        _ => panic!("{resumed:?}\nafter {first:?}"),
    }
}

/// Returns the disk space of the files below a directory, in KiB, with blocks of 4 KiB.
fn kib(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).expect("the directory").flatten();
    entries
        .map(|entry| match entry.metadata().expect("the entry exists") {
            metadata if metadata.is_dir() => kib(&entry.path()),
            metadata => metadata.len().div_ceil(4_096) * 4,
        })
        .sum()
}

#[test]
fn a_full_disk_of_the_state_directory_is_a_clear_error_and_costs_nothing() {
    const N_ISSUES: u64 = 2;
    let template = world(N_ISSUES);
    commit_something_big(&template);
    run(&template, &["exec", "go"]).exits(0);
    let need = kib(&template.state());
    let mut cuts = Vec::new();
    for percent in [3, 25, 60, 110, 130, 150] {
        let world = world(N_ISSUES);
        commit_something_big(&world);
        let full = Full {
            world: &world,
            directory: world.state(),
            size: need * percent / 100,
        };
        cuts.push(assert_full_disk_is_handled(&world, &full.runs(), N_ISSUES));
    }
    assert!(
        cuts.contains(&Cut::BeforeTheSession) && cuts.contains(&Cut::WithinIt),
        "{cuts:?} of {need} KiB"
    );
}

#[test]
fn a_file_size_limit_is_a_clear_error_and_leaves_nothing_incomplete() {
    let mut cuts = Vec::new();
    // The journal cannot be created, is created but cannot be filled, or the mirror cannot be
    // fetched.
    for n_blocks in [0, 8, 40, 80, 160] {
        let world = world(1);
        commit_something_big(&world);
        cuts.push(assert_full_disk_is_handled(
            &world,
            &limited(&world, n_blocks),
            1,
        ));
    }
    assert!(cuts.contains(&Cut::BeforeTheSession), "{cuts:?}");
}

#[test]
fn a_full_disk_of_the_project_is_a_clear_error_and_costs_nothing() {
    const N_ISSUES: u64 = 2;
    let mut cuts = Vec::new();
    for size in [0, 8] {
        let world = world(N_ISSUES);
        commit_something_big(&world);
        let full = Full {
            world: &world,
            directory: world.project(),
            size,
        };
        cuts.push(assert_full_disk_is_handled(&world, &full.runs(), N_ISSUES));
    }
    if mounting().is_some() {
        assert_eq!(cuts, [Cut::BeforeTheSession, Cut::WithinIt]);
    }
}

#[test]
fn a_disk_full_while_publishing_needs_a_person_and_loses_nothing() {
    let world = world(1);
    let (project, filler) = (world.project(), world.root().join("project/filler"));
    let calm = world.root().join("calm");
    // The check fills the disk, so that the finished work cannot be published. Without mounts, a
    // file in place of the branch directory has the same effect.
    let (way, mount, fill, make_room) = match mounting() {
        Some(way) => (
            Some(way),
            "cp -a \"$DIR\" \"$KEPT\"; mount -t tmpfs -o size=16m none \"$DIR\"; cp -a \"$KEPT/.\" \"$DIR\"; cd \"$DIR\"",
            format!("cat /dev/zero >'{}'", filler.display()),
            "rm filler",
        ),
        None => {
            eprintln!("mounts are not permitted here: a file in the way replaces the full disk");
            (
                None,
                "",
                format!(
                    "touch '{}'",
                    project.join(".git/refs/heads/autoissue").display()
                ),
                "rm .git/refs/heads/autoissue",
            )
        }
    };
    world.config(
        &serde_json::json!({
            "forge": {"kind": "local"}, "agent": {"backend": "patch"},
            "executor": {"checks": [{"name": "fill", "run": format!("! test -e 1.txt || test -e '{}' || {fill} || true", calm.display())}]}
        })
        .to_string(),
    );
    let body = format!(
        r#"{mount}
           run exec go
           {make_room}
           touch "$CALM"
           run exec go
           git branch --list 'autoissue/*'; ls .autoissue/pulls"#
    );
    let kept = world.root().join("kept");
    let runs = script(
        &world,
        way,
        &[
            ("DIR", project.as_ref()),
            ("KEPT", kept.as_ref()),
            ("CALM", calm.as_ref()),
        ],
        &body,
    );
    let told = format!("{}{}", runs[0].stdout, runs[0].stderr);
    assert!(
        told.contains("needs you (1)") && told.contains("work kept"),
        "{told}"
    );
    assert_eq!(
        (runs[0].code, runs[1].code),
        (Some(3), Some(0)),
        "{told}{}",
        runs[1].stderr
    );
    nothing_is_left_running(&world);
}

// ---- read-only

/// Runs the binary while a directory of the sandbox is read-only; without mounts, by its
/// permissions.
#[track_caller]
fn while_read_only(world: &Sandbox, directory: &Path, args: &[&str]) -> Run {
    const BY_MOUNT: &str =
        r#"mount --bind "$DIR" "$DIR" && mount -o remount,ro,bind "$DIR" && cd "$PWD""#;
    // Permissions apply even to the superuser once it has no capabilities.
    const BY_PERMISSIONS: &str = r#"
        chmod -R a-w "$DIR"
        [ "$(id -u)" = 0 ] && run() { setpriv --bounding-set=-all --inh-caps=-all "$BINARY" "$@" >"$OUT/0.stdout" 2>"$OUT/0.stderr"; echo $? >"$OUT/0.code"; }"#;
    let way = mounting();
    if way.is_none() {
        eprintln!("mounts are not permitted here: permissions replace the read-only file system");
    }
    let (before, after) = if way.is_some() {
        (BY_MOUNT, "")
    } else {
        (BY_PERMISSIONS, "chmod -R u+w \"$DIR\"")
    };
    let body = format!("{before}\nrun {}\n{after}", args.join(" "));
    script(world, way, &[("DIR", directory.as_os_str())], &body)
        .pop()
        .expect("one run")
}

#[test]
fn a_read_only_state_directory_shows_its_history_and_refuses_writes() {
    let world = world(1);
    let session = session_of(&run(&world, &["exec", "go", "--output", "json"]).exits(0));
    let state = world.state();
    for args in [
        &["status"] as &[&str],
        &["status", &session],
        &["show", &session],
        &["metrics"],
    ] {
        let expected = run(&world, args).exits(0).stdout;
        assert_eq!(
            while_read_only(&world, &state, args).exits(0).stdout,
            expected
        );
    }
    for args in [&["exec", "go"] as &[&str], &["clean"]] {
        refuses(
            while_read_only(&world, &state, args),
            1,
            state.to_str().expect("the path is text"),
        );
    }
    refuses(
        while_read_only(&world, &state, &["resume"]),
        2,
        "no unfinished session",
    );
    each_issue_has_one_pull_request(&world, 1);
}

#[test]
fn a_read_only_project_is_refused_before_anything_starts() {
    let world = world(1);
    let project = world.project();
    let run_read_only = while_read_only(&world, &project, &["exec", "go"]);
    refuses(run_read_only, 1, "project` is not writable");
    assert!(
        run(&world, &["status"])
            .exits(0)
            .stdout
            .contains("no sessions yet"),
        "nothing must be started"
    );
    run(&world, &["exec", "go"]).exits(0);
    assert!(!project.join(".autoissue/can-be-written").exists());
    each_issue_has_one_pull_request(&world, 1);
}

// ---- journals

fn session_of(run: &Run) -> String {
    run.summary()["session"].as_str().expect("an id").to_owned()
}

fn database(state: &Path) -> PathBuf {
    state.join("journal.db")
}

/// Returns a finished session's events and its initial data.
fn recorded(state: &Path) -> (NewSession, Vec<StoredEvent>) {
    let journal = Journal::open_read_only(state).expect("the journal is read");
    let row = journal
        .sessions(None, 1)
        .expect("the sessions are read")
        .pop()
        .expect("a session");
    let events = journal
        .read(&row.id, 0, 1_000)
        .expect("the events are read");
    let new = NewSession {
        id: row.id,
        repository: row.repository,
        project_path: row.project_path,
        command: row.command,
        version: row.version,
        started_at_ms: row.started_at_ms,
        settings_json: row.settings_json,
    };
    (new, events)
}

/// Creates the journal of a session that was interrupted after these events, with copies of all its
/// other files.
fn died_after(from: &Path, to: &Path, new: &NewSession, events: &[StoredEvent]) {
    copy_directory(from, to);
    for file in ["journal.db", "journal.mark"] {
        fs::remove_file(to.join(file)).expect("the whole journal");
    }
    let mut journal = Journal::open(to).expect("a new journal");
    journal.create_session(new).expect("a session");
    for event in events {
        let new_event = NewEvent {
            kind: &event.kind,
            issue: event.issue,
            body: &event.body,
        };
        journal
            .append(&new.id, event.at_ms, &[new_event], AppendExtras::default())
            .expect("an event");
    }
}

#[test]
fn a_journal_of_a_newer_release_is_reported_and_left_unchanged() {
    /// Offset of `user_version` in the header of an SQLite file, big-endian.
    const USER_VERSION_OFFSET: u64 = 60;
    let world = world(1);
    let session = session_of(&run(&world, &["exec", "go", "--output", "json"]).exits(0));
    let path = database(&world.state());
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("the journal");
    file.write_all_at(&9_999_u32.to_be_bytes(), USER_VERSION_OFFSET)
        .expect("a later version");
    let before = fs::read(&path).expect("the journal");
    let commands: [&[&str]; 7] = [
        &["status"],
        &["status", &session],
        &["show", &session],
        &["metrics"],
        &["resume"],
        &["exec", "go"],
        &["exec", "go", "--dry-run"],
    ];
    for args in commands {
        let run = run(&world, args);
        assert!(
            run.stderr.contains("use the newer release"),
            "{args:?}: {run:?}"
        );
        refuses(run, 1, "has version 9999");
    }
    assert!(
        fs::read(&path).expect("the journal") == before,
        "the journal must not be modified"
    );
}

/// A kind of damage to a state directory, and the expected message.
type Harm = (&'static str, fn(&Path), &'static str);

fn sql(state: &Path, statements: &str) {
    let connection = Connection::open(database(state)).expect("the journal opens");
    connection
        .pragma_update(None, "foreign_keys", false)
        .expect("a pragma");
    connection
        .execute_batch(statements)
        .expect("the statements run");
}

const HARMS_TO_A_SESSION: &[Harm] = &[
    (
        "a byte of an event",
        |it| {
            sql(
                it,
                "UPDATE event SET body = replace(body, 'Backend', 'backend') WHERE seq = 2",
            )
        },
        "event 2 of",
    ),
    (
        "an event's time",
        |it| sql(it, "UPDATE event SET at_ms = at_ms + 1 WHERE seq = 3"),
        "event 3 of",
    ),
    (
        "a row is gone",
        |it| sql(it, "DELETE FROM event WHERE seq = 3"),
        "event 3 of",
    ),
    (
        "two rows swapped",
        |it| {
            sql(
                it,
                "UPDATE event SET seq = -4 WHERE seq = 4; UPDATE event SET seq = 4 WHERE seq = 5; UPDATE event SET seq = 5 WHERE seq = -4",
            )
        },
        "event 4 of",
    ),
    (
        "the tail is gone",
        |it| sql(it, "DELETE FROM event WHERE seq > 4"),
        "event 5 of",
    ),
    (
        "a row more",
        |it| {
            sql(
                it,
                "INSERT INTO event SELECT session, 999, at_ms, kind, issue, body, hash FROM event WHERE seq = 1",
            )
        },
        "event 999",
    ),
    (
        "the session's state is gone",
        |it| sql(it, "DELETE FROM session_state"),
        "session number 1",
    ),
    (
        "the tail and its state",
        |it| {
            sql(
                it,
                "DELETE FROM event WHERE seq > 4; UPDATE session_state SET last_seq = 4",
            )
        },
        "session number 1",
    ),
    (
        "the session is gone",
        |it| sql(it, "DELETE FROM session"),
        "session number 1",
    ),
    (
        "the session's row",
        |it| {
            sql(
                it,
                "UPDATE session SET settings = replace(settings, 'go', 'og')",
            )
        },
        "session number 1",
    ),
    (
        "the counters",
        |it| sql(it, "UPDATE head SET n_sessions = 0"),
        "its counters were changed",
    ),
];

const HARMS_TO_THE_FILE: &[Harm] = &[
    (
        "gone",
        |it| fs::remove_file(database(it)).expect("it exists"),
        "missing or empty",
    ),
    (
        "empty",
        |it| fs::write(database(it), "").expect("the file is written"),
        "missing or empty",
    ),
    (
        "a text",
        |it| fs::write(database(it), "Dear diary,\n".repeat(1_000)).expect("the file is written"),
        "is damaged",
    ),
    (
        "zeroed",
        |it| fs::write(database(it), vec![0; 40_960]).expect("the file is written"),
        "is damaged",
    ),
    (
        "cut",
        |it| {
            fs::OpenOptions::new()
                .write(true)
                .open(database(it))
                .and_then(|it| it.set_len(9_000))
                .expect("the file is truncated")
        },
        "is damaged",
    ),
    (
        "a directory",
        |it| {
            fs::remove_file(database(it)).expect("it exists");
            fs::create_dir(database(it)).expect("a directory");
        },
        "journal.db",
    ),
    (
        "a link to nowhere",
        |it| {
            fs::remove_file(database(it)).expect("it exists");
            symlink("nowhere", database(it)).expect("a link");
        },
        "journal.db",
    ),
];

/// Applies each kind of damage to a copy of a state directory, and asserts that each command
/// reports it and changes nothing.
fn each_damage_is_reported(world: &Sandbox, state: &Path, harms: &[Harm], commands: &[&[&str]]) {
    let before = world.git(["for-each-ref"]);
    for (what, harm, words) in harms {
        let harmed = world.root().join(format!("harmed {what}"));
        copy_directory(state, &harmed);
        harm(&harmed);
        for args in commands {
            eprintln!("{what}: {args:?}");
            refuses(run_on(world, &harmed, args), 1, words);
        }
        assert_eq!(world.git(["for-each-ref"]), before, "{what}");
    }
}

#[test]
fn a_changed_journal_is_an_error_and_never_an_empty_history() {
    let world = world(1);
    run(&world, &["exec", "go"]).exits(0);
    let (new, events) = recorded(&world.state());
    let state = world.root().join("unfinished");
    died_after(&world.state(), &state, &new, &events[..events.len() - 2]);
    let session = new.id.as_str();
    let commands: [&[&str]; 5] = [
        &["status"],
        &["status", session],
        &["show", session],
        &["metrics"],
        &["resume", session],
    ];
    each_damage_is_reported(&world, &state, HARMS_TO_A_SESSION, &commands);
    each_issue_has_one_pull_request(&world, 1);
}

#[test]
fn following_the_hint_for_a_damaged_journal_starts_a_new_history() {
    let world = world(1);
    run(&world, &["exec", "go"]).exits(0);
    for (n, (what, harm, _)) in HARMS_TO_THE_FILE[..5].iter().enumerate() {
        let harmed = world.root().join(format!("it is {n}"));
        copy_directory(&world.state(), &harmed);
        // The second run uses the new history.
        for _ in 0..2 {
            harm(&harmed);
            let refused = run_on(&world, &harmed, &["exec", "go"]).exits(1);
            let hint = refused.stderr.rsplit_once("hint: ").expect("a hint").1;
            let command = hint.split('`').nth(1).expect("a command");
            let moved = world.command("sh").args(["-c", command]).status();
            assert!(moved.expect("sh runs").success(), "{what}: {command}");
            run_on(&world, &harmed, &["status"]).exits(0);
            run_on(&world, &harmed, &["exec", "go"]).exits(0);
        }
    }
    each_issue_has_one_pull_request(&world, 1);
}

#[test]
fn a_missing_or_unreadable_journal_is_an_error_and_never_an_empty_history() {
    let world = world(1);
    run(&world, &["exec", "go"]).exits(0);
    each_damage_is_reported(
        &world,
        &world.state(),
        HARMS_TO_THE_FILE,
        &[&["status"], &["metrics"], &["resume"], &["exec", "go"]],
    );
    each_issue_has_one_pull_request(&world, 1);
}

#[test]
fn losing_the_last_events_never_repeats_a_pull_request() {
    const N_ISSUES: u64 = 2;
    let world = world(N_ISSUES);
    run(&world, &["exec", "go"]).exits(0);
    let (new, events) = recorded(&world.state());
    let pristine = world.root().join("pristine");
    copy_directory(&world.project(), &pristine);
    // The last event is the end of the session; without it there is a session to resume.
    for n_kept in 0..events.len() {
        let state = world.root().join(format!("kept-{n_kept}"));
        died_after(&world.state(), &state, &new, &events[..n_kept]);
        fs::remove_dir_all(world.project()).expect("the project");
        copy_directory(&pristine, &world.project());
        let resumed = run_on(&world, &state, &["resume", "--output", "json"]).exits(0);
        for (issue, outcome) in resumed.outcomes() {
            assert!(
                outcome == "done" || outcome == "already_open",
                "{n_kept} kept: {issue} {outcome}"
            );
        }
        each_issue_has_one_pull_request(&world, N_ISSUES);
    }
}

#[test]
fn a_session_older_than_another_is_resumed_only_by_id() {
    let world = world(1);
    run(&world, &["exec", "go"]).exits(0);
    let (new, events) = recorded(&world.state());
    let state = world.root().join("overtaken");
    died_after(&world.state(), &state, &new, &events[..events.len() - 1]);
    for args in [&["exec", "go", "--dry-run"] as &[&str], &["exec", "go"]] {
        let newer = run_on(&world, &state, args).exits(0);
        assert!(
            newer.stderr.contains(&format!("session {} ", new.id)),
            "the reason must be reported before repeating: {}",
            newer.stderr
        );
    }
    let refused = run_on(&world, &state, &["resume"]).exits(2);
    assert!(
        refused.stderr.contains("was started here after it"),
        "{}",
        refused.stderr
    );
    assert!(
        refused
            .stderr
            .contains(&format!("autoissue resume {}", new.id)),
        "{}",
        refused.stderr
    );
    // A dry run reports the same, and shows what could be resumed.
    let dry = run_on(&world, &state, &["resume", "--dry-run"]).exits(2);
    assert_eq!((dry.stderr, dry.stdout), (refused.stderr, String::new()));
    let dry = run_on(&world, &state, &["resume", "--dry-run", new.id.as_str()]).exits(0);
    assert!(dry.stdout.contains(new.id.as_str()), "{}", dry.stdout);
    run_on(&world, &state, &["resume", new.id.as_str()]).exits(0);
    let refused = run_on(&world, &state, &["resume", new.id.as_str()]).exits(2);
    let dry = run_on(&world, &state, &["resume", "--dry-run", new.id.as_str()]).exits(2);
    assert_eq!(dry.stderr, refused.stderr);
    run_on(&world, &state, &["resume"]).exits(2);
    each_issue_has_one_pull_request(&world, 1);
}

// ---- clocks

/// Moves all times of an event by a day.
fn a_day_later(event: &StoredEvent) -> StoredEvent {
    let mut body: serde_json::Value = serde_json::from_str(&event.body).expect("a body is JSON");
    for key in ["until", "retry_at"] {
        if let Some(at) = body.get_mut(key).filter(|at| at.is_string()) {
            let time: Timestamp = at.as_str().expect("a text").parse().expect("a time");
            let later = time + SignedDuration::from_hours(24);
            // The journal's form has three digits also if the last one is zero.
            *at = format!("{later:.3}").into();
        }
    }
    StoredEvent {
        at_ms: event.at_ms + DAY_MS,
        body: body.to_string(),
        ..event.clone()
    }
}

#[test]
fn a_session_from_the_future_can_be_resumed() {
    let world = world(1);
    let flag = world.root().join("tools are there");
    world.config(&format!(
        r#"{{"forge": {{"kind": "local"}}, "agent": {{"backend": "patch"}},
            "executor": {{"maxRetries": 1, "setup": ["test -e '{}'"]}}}}"#,
        flag.display()
    ));
    run(&world, &["exec", "go"]).exits(3);
    let (new, events) = recorded(&world.state());
    // Up to the first failure. Its retry is due in a second, but in a day after the clock was set
    // back.
    let failed = events
        .iter()
        .position(|it| it.kind == "attempt.failed")
        .expect("setup failed");
    let state = world.root().join("tomorrow");
    let later: Vec<StoredEvent> = events[..=failed].iter().map(a_day_later).collect();
    assert_ne!(
        later[failed].body, events[failed].body,
        "a retry must have a time: {}",
        events[failed].body
    );
    let new = NewSession {
        started_at_ms: new.started_at_ms + DAY_MS,
        ..new
    };
    died_after(&world.state(), &state, &new, &later);
    let status = run_on(&world, &state, &["status", new.id.as_str()]).exits(0);
    assert!(
        status.stdout.contains("the process died") && status.stdout.contains("retrying at"),
        "{}",
        status.stdout
    );
    fs::write(&flag, "").expect("the tools");
    let resumed = run_on(&world, &state, &["resume", "--output", "json"]).exits(0);
    assert_eq!(resumed.outcomes(), [(1, "done".to_owned())]);
    let summary = resumed.summary();
    assert!(
        summary["started_at"].as_str() <= summary["finished_at"].as_str(),
        "{summary}"
    );
    each_issue_has_one_pull_request(&world, 1);
    let (_, events) = recorded(&state);
    assert!(
        events.is_sorted_by_key(|it| it.at_ms),
        "the time of a session must never go back"
    );
}

// ---- unusual paths

/// Runs `exec` with the project and the state at these paths below the sandbox, and reads the
/// results again.
#[track_caller]
fn works_at(project: impl AsRef<Path>, state: impl AsRef<Path>) {
    let world = world(1);
    let (project, state) = (world.root().join(project), world.root().join(state));
    fs::create_dir_all(project.parent().expect("a parent")).expect("the directories");
    fs::rename(world.project(), &project).expect("the project is moved");
    let run = |args: &[&str]| {
        let mut command = world.command(binary());
        command
            .args(args)
            .current_dir(&project)
            .env("AUTOISSUE_STATE_DIR", &state);
        bounded(command)
    };
    run(&["exec", "go"]).exits(0);
    assert!(run(&["status"]).exits(0).stdout.contains("1 done of 1"));
    assert!(
        database(&state).exists(),
        "the state must be in the chosen directory"
    );
    fs::rename(&project, world.project()).expect("the project is moved back");
    each_issue_has_one_pull_request(&world, 1);
}

#[test]
fn unusual_paths_work() {
    works_at("pro ject/Übung 'x' \"y\" $HOME", "st ate/ü #?%41");
    works_at(
        ["p".repeat(200).as_str(); 4].iter().collect::<PathBuf>(),
        "state",
    );
}

/// Only Linux allows names that are not UTF-8.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_not_utf_8_works_or_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let odd = OsStr::from_bytes(b"od\xffd");
    works_at("project-of-text", odd);
    let world = world(1);
    let project = world.root().join(odd);
    fs::rename(world.project(), &project).expect("the project is moved");
    let mut command = world.command(binary());
    command.args(["exec", "go"]).current_dir(&project);
    refuses(bounded(command), 2, "is not UTF-8");
}

#[test]
fn a_state_directory_too_deep_for_sqlite_is_a_clear_error() {
    let world = world(1);
    let state = world
        .root()
        .join(["s".repeat(200).as_str(); 4].iter().collect::<PathBuf>());
    for args in [&["exec", "go"] as &[&str], &["status"]] {
        refuses(run_on(&world, &state, args), 1, "longer than 504 bytes");
    }
    let longest = world
        .root()
        .join("s".repeat(504 - "/journal.db".len() - world.root().as_os_str().len() - 1 - 250));
    let longest = longest.join("t".repeat(249));
    run_on(&world, &longest, &["exec", "go"]).exits(0);
    assert_eq!(database(&longest).as_os_str().len(), 504);
}

#[test]
fn an_unusable_worktree_directory_is_reported_before_anything_starts() {
    let world = world(1);
    fs::write(world.root().join("file"), "not a directory").expect("a file");
    world.executor(r#"{"worktreeRoot": "../file/below"}"#);
    let run = world.run(["exec", "go"]).exits(1);
    let path = world.root().join("file").display().to_string();
    assert!(
        run.stderr.contains(&format!("`{path}` is not a directory")),
        "{run:?}"
    );
    assert!(run.stdout.is_empty() && world.branches().is_empty());
}

#[test]
fn a_missing_home_is_an_error() {
    let world = world(1);
    let homeless = |state: Option<PathBuf>| {
        let mut command = world.autoissue(["exec", "go"]);
        command
            .env_remove("HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("AUTOISSUE_STATE_DIR");
        command.envs(state.map(|state| ("AUTOISSUE_STATE_DIR", state)));
        bounded(command)
    };
    refuses(homeless(None), 2, "AUTOISSUE_STATE_DIR");
    homeless(Some(world.state())).exits(0);
    each_issue_has_one_pull_request(&world, 1);
}
