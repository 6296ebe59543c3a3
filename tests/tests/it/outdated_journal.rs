//! An update from a release whose journal can no longer be read: nothing is lost, and the printed
//! commands recover the kept work.

use std::fs;
use std::os::unix::fs::FileExt;

use autoissue_tests::{Run, Sandbox, new_file_patch};

/// Offset of `user_version` in the header of an SQLite file, big-endian.
const USER_VERSION_OFFSET: u64 = 60;

/// Creates a sandbox in which an earlier release failed an issue, and kept its work and a
/// directory.
fn after_an_update() -> Sandbox {
    let world = Sandbox::new();
    world.executor(r#"{"maxRetries": 0, "checks": [{"name": "no", "run": "test ! -f kept.txt"}]}"#);
    world.issue(7, "fails", &new_file_patch("kept.txt", "work"));
    world.run(["exec", "go"]).exits(3);
    let key = world.tag_prefix();
    let kept = world.state().join("worktrees").join(key);
    fs::create_dir_all(kept.join("autoissue-issue-9.kept-1")).expect("a directory");
    fs::write(kept.join("autoissue-issue-9.kept-1/only.txt"), "here").expect("a file");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(world.state().join("journal.db"))
        .expect("the journal");
    file.write_all_at(&1_u32.to_be_bytes(), USER_VERSION_OFFSET)
        .expect("the earlier version");
    world
}

/// Returns the printed commands.
fn commands(run: &Run) -> Vec<&str> {
    let lines = run
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("  "));
    lines.collect()
}

#[test]
fn an_older_journal_is_kept_and_its_work_recovered_by_the_printed_commands() {
    let world = after_an_update();
    let before = fs::read(world.state().join("journal.db")).expect("the journal");
    let run = world.run(["status", "--quiet"]).exits(0);
    let aside = world.state().join("journal-v1.db");
    assert_eq!(fs::read(&aside).expect("the old journal"), before);
    assert!(run.stderr.contains(&*aside.to_string_lossy()), "{run:?}");
    let commands = commands(&run);
    let list = fs::read_to_string(aside.with_extension("txt")).expect("the list");
    assert_eq!(commands, list.lines().collect::<Vec<_>>());
    assert_eq!(commands.len(), 2, "{run:?}");
    for command in commands {
        let mut shell = world.command("sh");
        let done = shell.args(["-c", command]).current_dir(world.project());
        let done = done.output().expect("a shell");
        assert!(done.status.success(), "{command}: {done:?}");
    }
    let branch = world.git([
        "for-each-ref",
        "--format=%(refname:short)",
        "refs/heads/recovered",
    ]);
    assert_eq!(world.git(["show", &format!("{branch}:kept.txt")]), "work");
    assert_eq!(world.read("autoissue-issue-9.kept-1/only.txt"), "here");
}

#[test]
fn a_new_history_starts_after_an_older_journal() {
    let world = after_an_update();
    world.executor(r#"{"maxRetries": 0}"#);
    let run = world.run(["exec", "go", "--output", "json"]).exits(0);
    assert_eq!(run.outcomes(), [(7, "done".to_owned())]);
    assert!(run.stderr.contains("journal-v1.db"), "{run:?}");
    let status = world.run(["status"]).exits(0);
    assert!(status.stdout.contains("1 done of 1"), "{status:?}");
    assert!(
        !status.stderr.contains("journal-v1"),
        "the notice must appear only once: {status:?}"
    );
}
