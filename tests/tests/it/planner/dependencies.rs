//! How `exec` handles dependencies outside of plans: stated in issues, or known to GitHub.

use autoissue_tests::github_server::Issue;
use autoissue_tests::{GithubSandbox, Sandbox, new_file_patch};
use serde_json::json;

fn file(number: u64) -> String {
    new_file_patch(&format!("{number}.txt"), "new")
}

#[test]
fn an_open_dependency_outside_the_backlog_blocks_unless_ignored() {
    let world = Sandbox::new();
    world.labelled_issue(7, "[Backend] first", &["later"], "Do it.");
    world.issue(
        8,
        "[Backend] second",
        &format!("Blocked by #7\n\n{}", file(8)),
    );
    let run = world.run(["exec", "go", "--output", "json"]).exits(3);
    assert_eq!(
        (&run.task(8)["outcome"], run.task(8)["reason"].as_str()),
        (
            &json!("skipped"),
            Some("skipped: depends on #7, which is open and not part of this run")
        )
    );
    let shown = world.run(["exec", "go", "--dry-run"]);
    assert!(shown.stdout.contains("#7"), "{}", shown.stdout);
    let run = world
        .run([
            "exec",
            "go",
            "--ignore-external-dependencies",
            "--output",
            "json",
        ])
        .exits(0);
    assert_eq!(run.task(8)["outcome"], "done");
}

#[test]
fn blockers_known_to_github_run_first() {
    let world = GithubSandbox::new();
    let (first, second) = (
        world.plain_issue("[Backend] first"),
        world.plain_issue("[Frontend] second"),
    );
    world.repository.block(first, second);
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 2}));
    let pulls = world.repository.pulls();
    let of = |issue: u64| {
        pulls
            .iter()
            .find(|pull| pull.head == format!("autoissue/issue-{issue}"))
            .expect("a pull request")
    };
    assert_eq!(
        (of(first).base.as_str(), of(second).base.as_str()),
        (&*format!("autoissue/issue-{second}"), "main")
    );
    assert!(
        world
            .repository
            .file(&of(first).head, &format!("{second}.txt"))
            .is_some(),
        "it must be built on its blocker's work"
    );
    assert!(
        of(first)
            .body
            .contains(&format!("Merge after #{}", of(second).number)),
        "{}",
        of(first).body
    );
}

#[test]
fn blockers_known_to_github_outside_the_backlog_are_named() {
    let world = GithubSandbox::new();
    let outside = world
        .repository
        .issue(Issue::new("[Backend] later").label("other"));
    let blocked = world.plain_issue("[Backend] now");
    world.repository.block(blocked, outside);
    let run = world.exec(&[]).exits(3);
    let reason = run.task(blocked)["reason"]
        .as_str()
        .expect("a reason")
        .to_owned();
    assert!(reason.contains(&format!("#{outside}")), "{reason}");
    world.exec(&["--ignore-external-dependencies"]).exits(0);
    assert_eq!(world.repository.pulls().len(), 1);
    world.repository.close(outside);
}

#[test]
fn a_dependent_is_built_on_the_current_state_of_its_dependency() {
    let world = Sandbox::new();
    world.issue(1, "[Backend] first", &file(1));
    world.run(["exec", "go", "--quiet"]).exits(0);
    // Someone improves the pull request before the dependent issue exists.
    world.git(["checkout", "--quiet", "autoissue/issue-1"]);
    world.write("better.txt", "better\n");
    world.git(["add", "better.txt"]);
    world.git(["commit", "--quiet", "--message", "better"]);
    world.git(["checkout", "--quiet", "main"]);
    world.issue(
        2,
        "[Backend] second",
        &format!("Depends on #1\n\n{}", file(2)),
    );
    let run = world.run(["exec", "go", "--output", "json"]).exits(0);
    assert_eq!(
        (&run.task(1)["outcome"], &run.task(2)["outcome"]),
        (&json!("already_open"), &json!("done"))
    );
    assert_eq!(
        world.git(["show", "autoissue/issue-2:better.txt"]),
        "better"
    );
    let pull = world
        .pulls()
        .into_iter()
        .find(|text| text.contains("\nissue: 2\n"))
        .expect("a pull request");
    assert!(pull.contains("base: \"autoissue/issue-1\"\n"), "{pull}");
}
