//! The user's own repository: whatever a session does, the user's files and refs stay unchanged,
//! byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use autoissue_tests::{Run, Sandbox, new_file_patch};

use crate::file_tree::{Entry, assert_same, tree};

/// Paths in the user's project that a session may write.
const OURS: [&str; 5] = [
    ".autoissue/pulls",
    ".git/objects",
    ".git/refs/heads/autoissue",
    ".git/logs/refs/heads/autoissue",
    ".git/autoissue-session",
];

fn theirs(world: &Sandbox) -> BTreeMap<String, Entry> {
    let mut all = tree(&world.project());
    all.retain(|name, _| !OURS.iter().any(|ours| name.starts_with(ours)));
    all
}

fn exec(world: &Sandbox) -> Run {
    world.run(["exec", "go", "--output", "json"])
}

/// Creates a repository in use: another branch, staged, changed and untracked files, hooks, a
/// stash.
fn in_use() -> Sandbox {
    let world = Sandbox::new();
    world.git(["config", "user.signingKey", "none"]);
    world.git(["config", "alias.x", "status"]);
    world.write("README.md", "stashed\n");
    world.git(["stash", "--quiet"]);
    world.git(["tag", "v1"]);
    world.git(["checkout", "--quiet", "-b", "feature/x"]);
    world.write("mine.txt", "committed on a branch\n");
    world.git(["add", "mine.txt"]);
    world.git(["commit", "--quiet", "--message", "mine"]);
    world.write("staged.txt", "staged\n");
    world.write("docs/guide.md", "staged change\n");
    world.git(["add", "staged.txt", "docs/guide.md"]);
    world.write("docs/guide.md", "changed again\n");
    world.write("untracked.txt", "untracked\n");
    for hook in [
        "pre-commit",
        "post-checkout",
        "post-commit",
        "reference-transaction",
        "pre-push",
        "post-merge",
    ] {
        let path = format!(".git/hooks/{hook}");
        let mark = world.root().join("hook-ran").display().to_string();
        world.write(&path, &format!("#!/bin/sh\necho {hook} >> {mark}\n"));
        fs::set_permissions(
            world.project().join(&path),
            fs::Permissions::from_mode(0o755),
        )
        .expect("the mode");
    }
    for number in 1..=3 {
        world.issue(
            number,
            &format!("[Backend] add {number}"),
            &new_file_patch(&format!("{number}.txt"), "new"),
        );
    }
    world
}

#[test]
fn the_users_repository_is_unchanged() {
    let world = in_use();
    world.executor(r#"{"checks": [{"name": "it", "run": "true"}]}"#);
    // `git status` refreshes the index, so it comes first.
    let status = world.git(["status", "--porcelain"]);
    let before = theirs(&world);
    exec(&world).exits(0);
    assert_same(&before, &theirs(&world));
    assert!(
        !world.root().join("hook-ran").exists(),
        "the user's hooks must not run"
    );
    let after = world.git(["status", "--porcelain"]);
    assert_eq!(
        status,
        after.replace("?? .autoissue/pulls/\n", ""),
        "git must not list our worktrees"
    );
    assert_eq!(
        world.git(["rev-parse", "autoissue/issue-1~1"]),
        world.git(["rev-parse", "main"]),
        "the branch must not start at feature/x"
    );
}

#[test]
fn the_repository_is_intact_afterwards() {
    let world = in_use();
    exec(&world).exits(0);
    world.git(["fsck", "--strict", "--no-dangling"]);
    // The branches do not depend on the mirror, which may be deleted.
    fs::remove_dir_all(world.state()).expect("the state");
    world.git(["fsck", "--strict", "--no-dangling"]);
    world.git(["merge-base", "--is-ancestor", "main", "autoissue/issue-3"]);
}

#[test]
fn a_failed_session_changes_nothing_either() {
    let world = in_use();
    world.executor(
        r#"{"maxRetries": 0, "checks": [{"name": "it", "run": "ls [1-9].txt && exit 1; exit 0"}]}"#,
    );
    let before = theirs(&world);
    exec(&world).exits(3);
    assert_same(&before, &theirs(&world));
    assert!(world.branches().is_empty());
}

#[test]
fn user_excludes_are_kept() {
    let world = in_use();
    world.executor(r#"{"worktreeRoot": ".worktrees"}"#);
    world.write(".git/info/exclude", "# mine\n*.secret\n");
    exec(&world).exits(0);
    exec(&world).exits(0);
    let text = world.read(".git/info/exclude");
    assert!(text.starts_with("# mine\n*.secret\n"), "{text}");
    assert_eq!(text.matches(".worktrees").count(), 1, "{text}");
    assert_eq!(world.worktrees(), Vec::<String>::new());
}

#[test]
fn our_branch_with_the_users_commits_needs_the_user() {
    let world = in_use();
    world.git(["branch", "autoissue/issue-1", "feature/x"]);
    let head = world.git(["rev-parse", "autoissue/issue-1"]);
    let run = exec(&world).exits(3);
    assert_eq!(run.task(1)["outcome"], "needs_you");
    let reason = run.task(1)["reason"].to_string();
    assert!(
        reason.contains("autoissue/issue-1") && reason.contains("autoissue did not create"),
        "{reason}"
    );
    assert_eq!(world.git(["rev-parse", "autoissue/issue-1"]), head);
    assert!(
        reason.contains("git branch -m autoissue/issue-1"),
        "{reason}"
    );
    assert_eq!(
        (run.task(2)["outcome"].as_str(), world.pulls().len()),
        (Some("done"), 2)
    );
    let agents: Vec<_> = run
        .events("attempt.agent_exited")
        .iter()
        .map(|event| event["issue"].clone())
        .collect();
    assert!(
        !agents.contains(&1.into()),
        "no agent may run for work that cannot be published: {agents:?}"
    );
}

#[test]
fn our_branch_that_is_checked_out_needs_the_user() {
    let world = Sandbox::new();
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    exec(&world).exits(0);
    world.git(["checkout", "--quiet", "autoissue/issue-1"]);
    // The result was rejected, so another attempt is requested.
    let name = format!(".autoissue/pulls/{}", world.names(".autoissue/pulls")[0]);
    world.write(
        &name,
        &world.read(&name).replace("state: open", "state: closed"),
    );
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "newer"));
    let (before, head) = (theirs(&world), world.git(["rev-parse", "HEAD"]));
    let run = exec(&world).exits(3);
    assert_eq!(run.task(1)["outcome"], "needs_you");
    assert!(
        run.task(1)["reason"].to_string().contains("checked out"),
        "{}",
        run.task(1)["reason"]
    );
    assert_same(&before, &theirs(&world));
    assert_eq!(world.git(["rev-parse", "HEAD"]), head);
}

#[test]
fn a_branch_in_the_way_of_ours_needs_the_user() {
    let world = Sandbox::new();
    // With a branch `autoissue`, git cannot create `autoissue/issue-1`.
    world.git(["branch", "autoissue"]);
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    let run = exec(&world).exits(1);
    assert!(
        run.stderr.contains("`git branch -m autoissue NAME`"),
        "{run:?}"
    );
    assert!(run.stdout.is_empty(), "nothing may be started: {run:?}");
}

#[test]
fn running_in_a_linked_worktree_works() {
    let world = Sandbox::new();
    let linked = world.root().join("linked");
    world.git([
        "worktree",
        "add",
        "--quiet",
        "-b",
        "side",
        linked.to_str().expect("a path in UTF-8"),
    ]);
    for path in ["autoissue.config.json", ".autoissue/issues/0001.md"] {
        world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
        fs::create_dir_all(linked.join(path).parent().expect("it has a parent"))
            .expect("the directory");
        fs::copy(world.project().join(path), linked.join(path)).expect("the copy");
    }
    let mut command = world.autoissue(["exec", "go", "--output", "json"]);
    let run = Run::from(
        command
            .current_dir(&linked)
            .output()
            .expect("the binary runs"),
    )
    .exits(0);
    assert_eq!(run.outcomes(), [(1, "done".to_owned())]);
    assert_eq!(world.git(["show", "autoissue/issue-1:1.txt"]), "new");
}

#[test]
fn worktree_race() {
    let world = Sandbox::new();
    world.config(r#"{"forge": {"kind": "local"}, "agent": {"backend": "patch"}, "scheduler": {"maxPerDomain": 32}}"#);
    for number in 1..=40 {
        world.issue(
            number,
            &format!("[Backend] add {number}"),
            &new_file_patch(&format!("{number}.txt"), "new"),
        );
    }
    let run = world
        .run(["exec", "go", "--max-parallel", "32", "--output", "json"])
        .exits(0);
    assert_eq!(run.summary()["counts"]["done"], 40);
    assert!(run.events("attempt.failed").is_empty());
    assert_eq!(world.pulls().len(), 40);
}
