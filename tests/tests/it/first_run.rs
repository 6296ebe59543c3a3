//! The first run on a machine where something is missing: a clear message, the right exit code, and
//! nothing left behind.

use std::collections::BTreeMap;
use std::process::Command;

use autoissue_tests::{Run, Sandbox, binary, new_file_patch};

use crate::file_tree::{Entry, assert_same, tree};

/// Creates a complete sandbox, from which a test removes one thing.
fn ready() -> Sandbox {
    let world = Sandbox::new();
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    world
}

/// Runs a command that must fail with this exit code and this text, and without a trace in project
/// and state.
#[track_caller]
fn refuses(world: &Sandbox, mut command: Command, code: i32, words: &[&str]) {
    let (project, state) = (tree(&world.project()), state_of(world));
    let run = Run::from(command.output().expect("the binary runs")).exits(code);
    for word in words {
        assert!(
            run.stderr.contains(word),
            "{word:?} is missing in\n{}",
            run.stderr
        );
    }
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    assert_eq!(
        run.stdout, "",
        "errors must not be printed to standard output"
    );
    assert_same(&project, &tree(&world.project()));
    assert_same(&state, &state_of(world));
}

/// Returns the contents of the state directory.
fn state_of(world: &Sandbox) -> BTreeMap<String, Entry> {
    tree(&world.state())
}

fn exec(world: &Sandbox) -> Command {
    world.autoissue(["exec", "go"])
}

// ---- arguments

#[test]
fn a_missing_label_prints_the_usage() {
    let world = ready();
    refuses(
        &world,
        world.autoissue(["exec"]),
        2,
        &["<LABEL>", "Usage: autoissue exec"],
    );
}

#[test]
fn an_empty_label_is_refused() {
    let world = ready();
    for label in ["", "  "] {
        refuses(
            &world,
            world.autoissue(["exec", label]),
            2,
            &["the label is empty"],
        );
    }
}

#[test]
fn an_unknown_command_is_refused() {
    let world = ready();
    refuses(
        &world,
        world.autoissue(["exce", "go"]),
        2,
        &["exce", "exec"],
    );
}

// ---- configuration

#[test]
fn a_wrong_value_is_reported_with_its_position() {
    let world = ready();
    world.config("{\n  \"forge\": {\"kind\": \"local\"},\n  \"executor\": {\n    \"maxParallel\": 0\n  }\n}\n");
    let words = [
        "autoissue.config.json:4",
        "executor.maxParallel",
        "found: `0`",
        "allowed: ",
        "256",
    ];
    refuses(&world, exec(&world), 2, &words);
}

#[test]
fn an_unknown_key_gets_a_suggestion() {
    let world = ready();
    world.config(r#"{"forge": {"kind": "local"}, "executor": {"maxParalel": 2}}"#);
    refuses(
        &world,
        exec(&world),
        2,
        &["maxParalel", "maxParallel", "autoissue.config.json"],
    );
}

#[test]
fn a_truncated_configuration_is_reported_with_its_line() {
    let world = ready();
    world.config("{\n  \"forge\": {\"kind\": \"local\"\n");
    refuses(
        &world,
        exec(&world),
        2,
        &["autoissue.config.json", "syntax error"],
    );
}

#[test]
fn a_missing_configuration_is_named() {
    let world = ready();
    refuses(
        &world,
        world.autoissue(["exec", "go", "--config", "none.json"]),
        2,
        &["none.json", "does not exist"],
    );
}

#[test]
fn every_invalid_flag_is_named() {
    let world = ready();
    refuses(
        &world,
        world.autoissue(["exec", "go", "--max-parallel", "0"]),
        2,
        &["--max-parallel", "256"],
    );
    refuses(
        &world,
        world.autoissue(["exec", "go", "--budget", "-1"]),
        2,
        &["--budget"],
    );
    refuses(
        &world,
        world.autoissue(["exec", "go", "--issue", "one"]),
        2,
        &["--issue"],
    );
}

#[test]
fn without_configuration_and_remote_it_suggests_init() {
    let world = ready();
    std::fs::remove_file(world.project().join("autoissue.config.json")).expect("it exists");
    refuses(
        &world,
        exec(&world),
        2,
        &["no remote `origin`", "autoissue init"],
    );
}

// ---- the repository

#[test]
fn outside_of_a_repository() {
    let world = Sandbox::empty();
    std::fs::create_dir(world.project()).expect("the directory");
    refuses(
        &world,
        exec(&world),
        2,
        &["not in a git repository", "hint:"],
    );
}

#[test]
fn a_repository_without_a_commit() {
    let world = Sandbox::empty();
    std::fs::create_dir(world.project()).expect("the directory");
    world.git(["init", "--quiet", "--initial-branch=main"]);
    world.config(r#"{"forge": {"kind": "local"}, "agent": {"backend": "patch"}}"#);
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    refuses(
        &world,
        exec(&world),
        2,
        &["has no commits yet", "create a first commit"],
    );
}

#[test]
fn a_bare_repository() {
    let world = Sandbox::empty();
    std::fs::create_dir(world.project()).expect("the directory");
    world.git(["init", "--quiet", "--bare"]);
    refuses(&world, exec(&world), 2, &["git repository"]);
}

#[test]
fn a_detached_head_without_main() {
    let world = ready();
    world.git(["checkout", "--quiet", "--detach"]);
    world.git(["branch", "--quiet", "--delete", "--force", "main"]);
    refuses(
        &world,
        exec(&world),
        2,
        &["no branch `main`", "project.baseBranch"],
    );
}

#[test]
fn a_base_branch_that_does_not_exist() {
    let world = ready();
    world.config(r#"{"forge": {"kind": "local"}, "agent": {"backend": "patch"}, "project": {"baseBranch": "trunk"}}"#);
    refuses(
        &world,
        exec(&world),
        2,
        &["`trunk`", "does not exist", "project.baseBranch"],
    );
}

#[test]
fn a_detached_head_with_main_starts_from_main() {
    let world = ready();
    world.git(["checkout", "--quiet", "--detach"]);
    Run::from(exec(&world).output().expect("the binary runs")).exits(0);
    assert_eq!(
        world.git(["rev-parse", "autoissue/issue-1~1"]),
        world.git(["rev-parse", "main"])
    );
}

#[test]
fn a_missing_local_forge() {
    let world = Sandbox::new();
    refuses(
        &world,
        exec(&world),
        2,
        &["no local forge", ".autoissue/issues", "hint:"],
    );
}

// ---- the machine

#[test]
fn without_git() {
    let world = ready();
    let empty = world.root().join("empty");
    std::fs::create_dir(&empty).expect("the directory");
    let mut command = exec(&world);
    command.env("PATH", &empty);
    refuses(&world, command, 1, &["git", "install git"]);
}

#[test]
fn a_state_directory_that_cannot_be_created() {
    let world = ready();
    // Not even the superuser can create a directory below a device.
    let mut command = exec(&world);
    command.env("AUTOISSUE_STATE_DIR", "/dev/null/state");
    refuses(&world, command, 1, &["/dev/null/state"]);
}

#[test]
fn a_state_directory_that_is_a_file() {
    let world = ready();
    std::fs::write(world.state(), "not a directory").expect("the file");
    refuses(&world, exec(&world), 1, &["state"]);
    assert_eq!(
        std::fs::read_to_string(world.state()).expect("the file"),
        "not a directory"
    );
}

#[test]
fn a_project_where_no_worktree_can_be_created() {
    let world = ready();
    world.executor(r#"{"worktreeRoot": ".worktrees"}"#);
    world.write(".worktrees", "a file of the user's\n");
    let before = tree(&world.project());
    let run = Run::from(exec(&world).output().expect("the binary runs")).exits(1);
    assert!(run.stderr.contains(".worktrees"), "{}", run.stderr);
    let mut after = tree(&world.project());
    // The exclude rule for worktrees may be written before the first worktree is created.
    let exclude = ".git/info/exclude".to_owned();
    after.insert(exclude.clone(), before[&exclude].clone());
    after.remove(".git/autoissue-session");
    assert_same(&before, &after);
    assert!(world.branches().is_empty());
}

/// Returns `exec` under a shell that limits files to this number of blocks, which acts like a full
/// disk.
fn exec_on_a_full_disk(world: &Sandbox, n_blocks: u32) -> Run {
    let script = format!("trap '' XFSZ; ulimit -f {n_blocks}; exec \"$0\" \"$@\"");
    let mut command = world.command("/bin/sh");
    command
        .args(["-c", &script])
        .arg(binary())
        .args(["exec", "go", "--quiet"])
        .current_dir(world.project());
    Run::from(command.output().expect("the shell runs"))
}

#[test]
fn a_full_disk_is_reported_and_the_next_run_recovers() {
    for n_blocks in [0, 1, 40, 100, 200] {
        let world = ready();
        let run = exec_on_a_full_disk(&world, n_blocks);
        assert!(
            matches!(run.code, Some(0 | 1 | 3)),
            "{n_blocks} blocks: {run:?}"
        );
        assert!(
            n_blocks > 1 || run.code == Some(1),
            "{n_blocks} blocks: {run:?}"
        );
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        if run.code == Some(1) {
            assert!(
                run.stderr.contains("error: ") || run.stdout.contains("failed"),
                "{n_blocks} blocks: {run:?}"
            );
        }
        let next = world.run(["exec", "go", "--output", "json"]).exits(0);
        assert!(
            matches!(next.outcomes()[0].1.as_str(), "done" | "already_open"),
            "{:?}",
            next.outcomes()
        );
        assert_eq!(world.git(["show", "autoissue/issue-1:1.txt"]), "new");
        assert_eq!(world.pulls().len(), 1);
    }
}

// ---- an empty history

#[test]
fn reading_an_empty_history_creates_nothing() {
    let world = ready();
    for args in [
        ["status", "--limit=3"],
        ["metrics", "--quiet"],
        ["doctor", "--quiet"],
        ["config", "show"],
    ] {
        let before = tree(world.root());
        world.run(args).exits(0);
        assert_same(&before, &tree(world.root()));
    }
    refuses(
        &world,
        world.autoissue(["resume"]),
        2,
        &["no unfinished session"],
    );
    refuses(
        &world,
        world.autoissue(["show"]),
        2,
        &["no session found", "autoissue status"],
    );
    refuses(
        &world,
        world.autoissue(["show", "2026"]),
        2,
        &["2026", "autoissue status"],
    );
}

// ---- the demo

#[test]
fn the_demo_writes_only_to_its_directory() {
    let world = Sandbox::empty();
    let directory = world.root().join("demo");
    let mut command = world.command(binary());
    command
        .env_remove("AUTOISSUE_STATE_DIR")
        .arg("demo")
        .arg("--dir")
        .arg(&directory);
    let run = Run::from(command.output().expect("the binary runs")).exits(3);
    assert!(directory.join("state/sessions").is_dir(), "{}", run.stdout);
    let home: Vec<_> = std::fs::read_dir(world.home())
        .expect("the home")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(
        home,
        [".gitconfig"],
        "nothing may be left in the home directory"
    );
}

// ---- unknown names

/// Returns the ids of all sessions.
fn sessions(world: &Sandbox) -> Vec<String> {
    let status = world.run(["status", "--output", "json"]).exits(0);
    let sessions = status.json().into_iter();
    sessions
        .map(|line| line["session"].as_str().expect("an id").to_owned())
        .collect()
}

#[test]
fn an_unknown_issue_is_wrong_usage_and_leaves_no_session() {
    let world = ready();
    world.labelled_issue(7, "[Backend] other", &["other"], "words");
    for (args, named) in [
        (&["--issue", "99"] as &[&str], "issue #99 is not open"),
        (
            &["--issue", "1", "--issue", "7", "--issue", "99"],
            "issues #7, #99 are not open",
        ),
        (&["--issue", "99", "--dry-run"], "issue #99 is not open"),
        (
            &["--issue", "99", "--output", "json"],
            "issue #99 is not open",
        ),
    ] {
        let run = world.run([&["exec", "go"], args].concat()).exits(2);
        assert!(run.stderr.contains(named), "{args:?}: {}", run.stderr);
        assert!(
            run.stderr.contains("autoissue classify go"),
            "{}",
            run.stderr
        );
        assert_eq!(run.stdout, "", "{args:?}");
    }
    assert!(sessions(&world).is_empty());
    assert!(!world.state().join("sessions").exists());
    assert!(
        world.branches().is_empty(),
        "the other issues must not be started"
    );
}

#[test]
fn first_mistyped_is_an_error_that_suggests_an_existing_label() {
    let world = ready();
    world.labelled_issue(7, "[Backend] other", &["nightly"], "words");
    let run = world.run(["exec", "nihgtly"]).exits(0);
    let said = "no open issue has the label `nihgtly`; did you mean `nightly`?";
    assert!(run.stdout.contains(said), "{}", run.stdout);
    let run = world.run(["exec", "x", "--output", "json"]).exits(0);
    assert_eq!(
        run.summary()["reason"],
        "no open issue has the label `x`; existing labels: `go`, `nightly`"
    );
    let run = world.run(["exec", "nihgtly", "--dry-run"]).exits(0);
    assert!(run.stdout.contains(said), "{}", run.stdout);
    let run = world.run(["classify", "nihgtly"]).exits(0);
    assert!(run.stdout.contains(said), "{}", run.stdout);
    let run = world
        .run(["exec", "nihgtly", "--fail-if-empty", "--quiet"])
        .exits(3);
    assert!(run.stdout.contains(said), "{}", run.stdout);
    world.run(["exec", "go", "--fail-if-empty"]).exits(0);
    assert_eq!(
        sessions(&world).len(),
        1,
        "only the last run had something to do"
    );
}

#[test]
fn a_backlog_of_unreadable_issues_leaves_no_session() {
    let world = Sandbox::new();
    world.write(
        ".autoissue/issues/0001.md",
        "---\nlabels: [go\n---\nno end\n",
    );
    let run = world.run(["exec", "go"]).exits(0);
    assert!(run.stderr.contains("0001.md"), "{}", run.stderr);
    let run = world.run(["exec", "go", "--issue", "1"]).exits(2);
    assert!(run.stderr.contains("0001.md"), "{}", run.stderr);
    assert!(sessions(&world).is_empty());
}

#[test]
fn user_settings_are_shown_with_their_file() {
    let world = ready();
    let file = world.home().join(".config/autoissue/config.json");
    std::fs::create_dir_all(file.parent().expect("a directory")).expect("the directory");
    std::fs::write(
        &file,
        "{\n  \"executor\": {\"maxRetries\": 7}, // mine\n}\n",
    )
    .expect("the file");
    let shown = world.run(["config", "show"]).exits(0).stdout;
    let line = shown
        .lines()
        .find(|line| line.starts_with("executor.maxRetries"))
        .expect("the key");
    let from = format!("{}:2", file.display());
    assert!(line.contains("= 7") && line.ends_with(&from), "{line}");
    let doctor = world.run(["doctor", "--quick"]).stdout;
    assert!(doctor.contains(&file.display().to_string()), "{doctor}");
}
