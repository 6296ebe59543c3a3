//! `autoissue init` in many kinds of repositories: it writes a working configuration and changes
//! nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use autoissue_tests::{Run, Sandbox};
use serde_json::{Value, json};

use crate::file_tree::{assert_same, tree};

const FILE: &str = "autoissue.config.json";

/// Creates a repository with these files and one commit on a branch, without a configuration.
fn repository(branch: &str, files: &[(&str, &str)]) -> Sandbox {
    let world = Sandbox::empty();
    std::fs::create_dir(world.project()).expect("the directory");
    world.git(["init", "--quiet", &format!("--initial-branch={branch}")]);
    files
        .iter()
        .for_each(|(path, text)| world.write(path, text));
    world.git(["add", "--all"]);
    world.git(["commit", "--quiet", "--allow-empty", "--message", "first"]);
    world
}

/// Runs `init`; returns the configuration it wrote, without the schema, which must be there.
#[track_caller]
fn init(world: &Sandbox) -> (Value, Run) {
    let run = world.run(["init"]).exits(0);
    let mut config: Value = serde_json::from_str(&world.read(FILE)).expect("JSON");
    let schema = config
        .as_object_mut()
        .expect("an object")
        .shift_remove("$schema");
    let schema = schema.expect("a schema");
    assert!(
        schema
            .as_str()
            .is_some_and(|it| it.starts_with("https://") && it.ends_with(".schema.json")),
        "{schema}"
    );
    world.run(["config", "show"]).exits(0);
    (config, run)
}

#[test]
fn a_clone_from_github_needs_no_settings() {
    for url in [
        "https://github.com/o/n.git",
        "git@github.com:o/n",
        "ssh://git@ssh.github.com:443/o/n.git",
    ] {
        let world = repository("main", &[]);
        world.git(["remote", "add", "origin", url]);
        let before = tree(&world.project());
        let (config, run) = init(&world);
        assert_eq!(config, json!({}), "{url}");
        assert!(run.stdout.contains("o/n on GitHub"), "{}", run.stdout);
        let mut after = tree(&world.project());
        after.remove(FILE);
        assert_same(&before, &after);
    }
}

#[test]
fn an_ssh_alias_resolves_to_github() {
    let world = repository("main", &[]);
    let ssh = world.home().join("ssh.sh");
    let says = "#!/bin/sh\ncase \"$*\" in '-G work') echo 'hostname github.com';; '-G lab') echo 'hostname gitlab.com';; esac\n";
    fs::write(&ssh, says).expect("a script");
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).expect("the script is executable");
    world.install("ssh", &ssh);
    world.git(["remote", "add", "origin", "git@work:o/n.git"]);
    let (config, run) = init(&world);
    assert_eq!(config, json!({}));
    assert!(run.stdout.contains("o/n on GitHub"), "{}", run.stdout);
    let shown = world.run(["config", "show"]).exits(0).stdout;
    assert!(shown.contains("https://api.github.com"), "{shown}");

    fs::remove_file(world.project().join(FILE)).expect("it was written");
    world.git(["remote", "set-url", "origin", "git@lab:o/n.git"]);
    assert_eq!(init(&world).0["forge"], json!({"kind": "local"}));
}

#[test]
fn a_default_branch_other_than_main_is_written() {
    let world = repository("main", &[]);
    world.git(["remote", "add", "origin", "https://github.com/o/n.git"]);
    for branch in ["main", "develop"] {
        world.git([
            "update-ref",
            &format!("refs/remotes/origin/{branch}"),
            "HEAD",
        ]);
    }
    world.git([
        "symbolic-ref",
        "refs/remotes/origin/HEAD",
        "refs/remotes/origin/develop",
    ]);
    assert_eq!(
        init(&world).0,
        json!({"project": {"baseBranch": "develop"}})
    );
}

#[test]
fn a_repository_not_on_github_gets_a_local_forge() {
    for origin in [None, Some("git@gitlab.com:o/n.git"), Some("/srv/git/n.git")] {
        let world = repository("trunk", &[]);
        if let Some(url) = origin {
            world.git(["remote", "add", "origin", url]);
        }
        let (config, run) = init(&world);
        assert_eq!(
            config,
            json!({"project": {"baseBranch": "trunk"}, "forge": {"kind": "local"}}),
            "{origin:?}"
        );
        assert!(run.stdout.contains("local ("), "{}", run.stdout);
        assert_eq!(world.names(".autoissue"), ["README.md", "issues"]);
    }
}

#[test]
fn setup_and_checks_are_derived_from_the_files() {
    let package = r#"{"scripts": {"test": "vitest"}}"#;
    let world = repository(
        "main",
        &[
            ("package.json", package),
            ("package-lock.json", "{}"),
            ("go.mod", "module m"),
        ],
    );
    world.git(["remote", "add", "origin", "https://github.com/fork/n.git"]);
    world.git(["remote", "add", "upstream", "https://github.com/o/n.git"]);
    let (config, run) = init(&world);
    assert_eq!(
        config,
        json!({"executor": {"setup": ["npm ci"], "checks": ["npm test", "go test ./..."]}})
    );
    for words in [
        "npm ci, from package-lock.json",
        "npm test, from package.json",
        "`upstream` is o/n",
    ] {
        assert!(
            run.stdout.contains(words),
            "{words:?} is missing in\n{}",
            run.stdout
        );
    }
}

#[test]
fn nothing_is_overwritten() {
    let world = repository("main", &[(FILE, "mine")]);
    let before = tree(&world.project());
    let run = world.run(["init"]).exits(2);
    assert!(
        run.stderr.contains("exists") && run.stderr.contains("hint:"),
        "{}",
        run.stderr
    );
    assert_same(&before, &tree(&world.project()));
}

#[test]
fn labels_of_a_local_forge_are_listed() {
    let world = repository("main", &[]);
    world.labelled_issue(1, "one", &["bug", "docs"], "");
    assert!(init(&world).1.stdout.contains("bug, docs"));
}
