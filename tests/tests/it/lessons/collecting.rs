//! Work that cannot be read: it is moved aside and reported, and the session continues.

use std::fs;
use std::path::PathBuf;
use std::process::Child;

use autoissue_core::journal::{AppendExtras, Journal, NewEvent};
use autoissue_tests::{Run, Sandbox};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{World, outcome, wait_until};
use crate::aftermath::no_process_is_left;

/// Ignore rules and a directory that take years to match.
const ENDLESS_RULES: &str = r#"
    echo '**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/b' > .gitignore
    d=d/$(printf 'a/%.0s' $(seq 120)); mkdir -p "$d"; echo x > "$d/c"; echo precious > y
"#;

/// Returns the directories that were moved aside.
fn set_aside(world: &Sandbox) -> Vec<PathBuf> {
    let root = world.state().join("worktrees");
    let keys = fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = keys
        .flat_map(|key| fs::read_dir(key.path()).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains(".kept-"))
        .collect();
    found.sort();
    found
}

fn reason(run: &Run, issue: u64) -> String {
    run.task(issue)["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn hostile_tree_bomb_does_not_block_the_session() {
    let world = World::new(json!({"executor": {"collectMemoryMib": 256}}));
    let bomb = r#"
        b=$(echo boom | git hash-object -w --stdin)
        t=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf "100644 blob $b\tf$i\n"; done | git mktree)
        for l in 1 2 3 4 5 6 7 8 9; do
            t=$(for i in 0 1 2 3 4 5 6 7 8 9; do printf "040000 tree $t\td$i\n"; done | git mktree)
        done
        git commit-tree -p HEAD -m bomb "$t" > .git/bomb; mv .git/bomb .git/HEAD
    "#;
    world.issue(
        1,
        json!([[{"write": ["w.txt", "x"]}, {"run": bomb}, {"result": {}}]]),
    );
    world.issue(2, json!([[{"write": ["w.txt", "x"]}, {"result": {}}]]));
    let run = world.exec(&[]).exits(0);
    assert_eq!(world.published(1, "w.txt").as_deref(), Some("x"));
    assert_eq!(outcome(&run, 2), "done");
    // The unreadable commit is kept too.
    let refs = world.sandbox.mirror_git([
        "for-each-ref",
        "--format=%(subject)",
        "refs/autoissue/salvage",
    ]);
    assert_eq!(refs.trim(), "bomb");
}

#[test]
fn a_commit_message_of_a_hundred_megabytes_does_not_block_the_session() {
    let world = World::new(json!({"executor": {"collectMemoryMib": 64}}));
    // `git commit` would take many times the memory.
    let commit = r#"
        git add -A
        { printf 'tree %s\nparent %s\n' "$(git write-tree)" "$(git rev-parse HEAD)"
          printf '%s Ada <ada@example.com> 1 +0000\n' author committer
          printf '\n'; head -c 100000000 /dev/zero | tr '\0' x; } > .git/commit
        git update-ref HEAD "$(git hash-object -t commit -w .git/commit)"
    "#;
    world.issue(
        1,
        json!([[{"write": ["w.txt", "x"]}, {"run": commit}, {"result": {}}]]),
    );
    world.issue(2, json!([[{"write": ["w.txt", "x"]}, {"result": {}}]]));
    let run = world.exec(&[]).exits(0);
    assert_eq!(outcome(&run, 2), "done");
    assert_eq!(world.published(1, "w.txt").as_deref(), Some("x"));
}

#[test]
fn hostile_ignore_bomb_is_moved_aside_and_named() {
    let world = World::new(json!({"executor": {"collectSeconds": 1}}));
    world.issue(
        1,
        json!([[{"run": ENDLESS_RULES}, {"result": {}}], [{"write": ["again.txt", "x"]}, {"result": {}}]]),
    );
    world.issue(2, json!([[{"write": ["w.txt", "x"]}, {"result": {}}]]));
    let run = world.exec(&[]).exits(3);
    assert_eq!(outcome(&run, 2), "done");
    let aside = set_aside(&world.sandbox);
    let [aside] = &aside[..] else {
        panic!("{aside:?}");
    };
    assert_eq!(fs::read_to_string(aside.join("y")).unwrap(), "precious\n");
    let reason = reason(&run, 1);
    let named = [aside.to_str().unwrap(), "`executor.collectSeconds`"];
    assert!(named.iter().all(|part| reason.contains(part)), "{reason}");
    // The issue is not stuck.
    let run = world.exec(&["--issue", "1"]).exits(0);
    assert_eq!(outcome(&run, 1), "done");
    no_process_is_left(&world.sandbox);
}

#[test]
fn a_sparse_file_of_terabytes_is_named_and_kept() {
    let world = World::new(json!({}));
    world.issue(
        1,
        json!([[{"huge_file": ["big", 3_000_000_000_000_u64]}, {"result": {}}]]),
    );
    world.issue(2, json!([[{"write": ["w.txt", "x"]}, {"result": {}}]]));
    let run = world.exec(&[]).exits(3);
    assert_eq!(outcome(&run, 2), "done");
    let aside = set_aside(&world.sandbox);
    assert_eq!(aside.len(), 1);
    let reason = reason(&run, 1);
    assert!(reason.contains(aside[0].to_str().unwrap()), "{reason}");
}

#[test]
fn a_thousand_nested_directories_do_not_block_the_session() {
    let world = World::new(json!({"executor": {"collectSeconds": 2}}));
    let nested = "d=$(printf 'd/%.0s' $(seq 1000)); mkdir -p \"$d\"; echo precious > \"$d/f\"";
    world.issue(1, json!([[{"run": nested}, {"result": {}}]]));
    world.issue(2, json!([[{"write": ["w.txt", "x"]}, {"result": {}}]]));
    let run = world.exec(&[]);
    assert_eq!(outcome(&run, 2), "done");
    // A machine that is fast enough collects it.
    if outcome(&run, 1) != "done" {
        let aside = set_aside(&world.sandbox);
        let reason = reason(&run, 1);
        assert!(reason.contains(aside[0].to_str().unwrap()), "{reason}");
    }
}

/// Starts a session whose agent leaves files that take years to read; returns once they are being
/// read.
fn busy_collecting(world: &World) -> Child {
    world.issue(
        1,
        json!([[{"run": ENDLESS_RULES}, {"write": ["~/made", "x"]}, {"result": {}}], [{"write": ["again.txt", "x"]}, {"result": {}}]]),
    );
    let child = world.start_until("made");
    wait_until(|| is_reading(&world.sandbox));
    child
}

/// Returns whether a collector is working: an idle one uses no CPU time.
fn is_reading(world: &Sandbox) -> bool {
    let tagged = crate::process_under_test::tagged_below(&world.tag_prefix());
    tagged.into_iter().any(|pid| {
        let is_collector = fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.ends_with("\0internal\0collect\0"));
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let is_running = stat
            .rsplit(')')
            .next()
            .is_some_and(|it| it.starts_with(" R"));
        let ticks = stat.rsplit(')').next().and_then(|it| {
            let fields: Vec<&str> = it.split_whitespace().collect();
            fields.get(11)?.parse::<u64>().ok()
        });
        is_collector && is_running && ticks.is_some_and(|ticks| 20 < ticks)
    })
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it runs");
}

#[test]
fn a_second_signal_ends_the_collector_and_resume_continues() {
    let world = World::new(json!({"executor": {"collectSeconds": 86_400}}));
    let child = busy_collecting(&world);
    send(&child, Signal::INT);
    send(&child, Signal::TERM);
    Run::from(child.wait_with_output().unwrap()).exits(130);
    no_process_is_left(&world.sandbox);
    assert_eq!(set_aside(&world.sandbox), Vec::<PathBuf>::new());
    // A resumed session collects the work that was not read; here it cannot be.
    world.configure(json!({"executor": {"collectSeconds": 1}}));
    let run = world.resume().exits(3);
    assert_eq!(set_aside(&world.sandbox).len(), 1, "{}", run.stdout);
}

#[test]
fn a_third_signal_exits_at_once_while_work_is_being_collected() {
    let world = World::new(json!({"executor": {"collectSeconds": 86_400}}));
    let child = busy_collecting(&world);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        send(&child, signal);
    }
    Run::from(child.wait_with_output().unwrap()).exits(130);
    no_process_is_left(&world.sandbox);
}

#[test]
fn a_killed_engine_leaves_no_collector() {
    let world = World::new(json!({"executor": {"collectSeconds": 86_400}}));
    let mut child = busy_collecting(&world);
    child.kill().unwrap();
    child.wait().unwrap();
    no_process_is_left(&world.sandbox);
}

#[test]
fn too_much_kept_work_prevents_a_start_and_nothing_is_deleted() {
    let world = World::new(json!({"executor": {"maxSalvageGib": 0.001}}));
    let noise = "head -c 2000000 /dev/urandom > noise.bin; echo precious > y.txt";
    world.issue(1, json!([[{"run": noise}, {"api_error": [400, "no"]}]]));
    world.exec(&[]).exits(3);
    let n_launches = world.launches().len();
    let run = world.exec(&[]).exits(1);
    assert_eq!(world.launches().len(), n_launches);
    for part in ["executor.maxSalvageGib", "autoissue clean"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
    let left = world.sandbox.run(["clean"]).exits(0);
    assert!(
        left.stdout.contains("autoissue clean --salvage 1"),
        "{}",
        left.stdout
    );
    assert!(!world.salvaged("precious").is_empty());
    let dry = world
        .sandbox
        .run(["clean", "--salvage", "1", "--dry-run"])
        .exits(0);
    assert!(
        dry.stdout.contains("would remove the kept work of #1"),
        "{}",
        dry.stdout
    );
    assert!(!world.salvaged("precious").is_empty());
    let freed = world.sandbox.run(["clean", "--salvage", "1"]).exits(0);
    assert!(
        freed.stdout.contains("freed 19"),
        "two megabytes must be freed: {}",
        freed.stdout
    );
    assert_eq!(world.salvaged("precious"), "");
    world.issue(2, json!([[{"write": ["w.txt", "x"]}, {"result": {}}]]));
    world.exec(&["--issue", "2"]).exits(0);
}

#[test]
fn clean_removes_kept_work_once_the_issue_has_shipped_or_is_closed() {
    let world = World::new(json!({}));
    let fails = json!([{"write": ["draft.txt", "precious"]}, {"api_error": [400, "no"]}]);
    let works = json!([{"write": ["w.txt", "x"]}, {"result": {}}]);
    world.issue(1, json!([fails, works]));
    world.issue(2, json!([fails]));
    world.exec(&[]).exits(3);
    world.sandbox.run(["clean"]).exits(0);
    assert_eq!(world.salvaged("precious").lines().count(), 2);
    world.exec(&["--issue", "1"]).exits(0);
    let cleaned = world.sandbox.run(["clean"]).exits(0);
    assert!(
        cleaned
            .stdout
            .contains("#1 (1 ref): the issue's work has shipped"),
        "{}",
        cleaned.stdout
    );
    assert_eq!(world.salvaged("precious").lines().count(), 1);
    let file = ".autoissue/issues/0002.md";
    let text = world
        .sandbox
        .read(file)
        .replace("state: open", "state: closed");
    world.sandbox.write(file, &text);
    let cleaned = world.sandbox.run(["clean"]).exits(0);
    assert!(
        cleaned.stdout.contains("#2 (1 ref): the issue is closed"),
        "{}",
        cleaned.stdout
    );
    assert_eq!(world.salvaged("precious"), "");
}

#[test]
fn space_of_removed_work_is_freed_once_no_worktree_borrows_its_objects() {
    let world = World::new(json!({}));
    let noise =
        "head -c 2000000 /dev/urandom > noise.bin; git init -q inner; echo precious > inner/y.txt";
    let fails = json!({"api_error": [400, "no"]});
    world.issue(1, json!([[{"run": noise}, fails], [fails]]));
    world.exec(&[]).exits(3);
    // The directory is only needed for the next attempt.
    world.exec(&[]).exits(3);
    let aside = set_aside(&world.sandbox);
    let [aside] = &aside[..] else {
        panic!("{aside:?}");
    };
    let cleaned = world.sandbox.run(["clean", "--salvage", "1"]).exits(0);
    assert!(
        cleaned.stderr.contains(aside.to_str().unwrap()),
        "{}",
        cleaned.stderr
    );
    assert!(!cleaned.stdout.contains("freed"), "{}", cleaned.stdout);
    assert!(aside.join("inner/y.txt").exists());
    fs::remove_dir_all(aside).unwrap();
    let cleaned = world.sandbox.run(["clean"]).exits(0);
    assert!(
        cleaned.stdout.contains("freed 19"),
        "two megabytes must be freed: {}",
        cleaned.stdout
    );
    let again = world.sandbox.run(["clean"]).exits(0);
    assert_eq!(again.stdout, "nothing to clean\n");
}

#[test]
fn an_unreadable_session_keeps_its_work() {
    let world = World::new(json!({}));
    world.issue(
        1,
        json!([[{"write": ["draft.txt", "precious"]}, {"api_error": [400, "no"]}]]),
    );
    let session = world.exec(&[]).exits(3).summary()["session"].clone();
    let mut journal = Journal::open(&world.sandbox.state()).unwrap();
    let row = journal.session(session.as_str().unwrap()).unwrap();
    let unknown = NewEvent {
        kind: "from_a_later_release",
        issue: None,
        body: r#"{"type":"from_a_later_release"}"#,
    };
    journal
        .append(&row.id, 1, &[unknown], AppendExtras::default())
        .unwrap();
    drop(journal);
    let cleaned = world.sandbox.run(["clean", "--salvage", "1"]).exits(0);
    assert!(
        cleaned.stderr.contains("cannot read session"),
        "{}",
        cleaned.stderr
    );
    assert!(!cleaned.stdout.contains("--salvage"), "{}", cleaned.stdout);
    assert!(!world.salvaged("precious").is_empty());
}
