//! From issue to pull request on GitHub.

use autoissue_tests::github_server::Issue;
use autoissue_tests::{GithubSandbox, new_file_patch};

use super::world_with;

#[test]
fn issues_become_pull_requests_with_the_work_as_head() {
    let world = world_with(3);
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["counts"]["done"], 3);
    let pulls = world.repository.pulls();
    assert_eq!(pulls.len(), 3);
    for (number, pull) in (1..).zip(&pulls) {
        let branch = format!("autoissue/issue-{number}");
        assert_eq!(
            (
                pull.head.as_str(),
                pull.base.as_str(),
                pull.is_open,
                pull.is_draft
            ),
            (branch.as_str(), "main", true, false)
        );
        assert_eq!(world.repository.head(&branch), Some(pull.head_sha.clone()));
        assert_eq!(
            world
                .repository
                .file(&branch, &format!("{number}.txt"))
                .as_deref(),
            Some("new\n")
        );
        for part in [
            format!("Closes #{number}"),
            format!("<!-- autoissue: issue {number} -->"),
        ] {
            assert!(pull.body.contains(&part), "{part}: {}", pull.body);
        }
        let link = &run.task(number)["pull_request"];
        assert!(
            link["url"]
                .as_str()
                .is_some_and(|url| url.starts_with(world.server.origin())),
            "{link}"
        );
    }
    assert_eq!(
        world.branches(),
        [""; 0],
        "the user's own repository must not get a branch"
    );
    assert_eq!(
        world.git(["status", "--porcelain"]),
        "?? autoissue.config.json"
    );
}

#[test]
fn rerun_same_label() {
    let world = world_with(2);
    world.exec(&[]).exits(0);
    let again = world.exec(&[]).exits(0);
    assert_eq!(again.summary()["counts"]["already_open"], 2);
    assert_eq!(again.summary()["spent_usd"], 0.0);
    assert!(again.events("attempt.started").is_empty());
    assert_eq!(world.repository.pulls().len(), 2);
}

#[test]
fn without_pull_requests_no_branch_is_pushed() {
    let world = world_with(1);
    world.executor(r#"{"createPr": false}"#);
    world.exec(&[]).exits(0);
    assert_eq!(world.branches(), ["autoissue/issue-1"]);
    assert!(
        world.repository.pulls().is_empty() && world.repository.head("autoissue/issue-1").is_none()
    );
}

#[test]
fn pull_requests_are_drafts_on_the_configured_base() {
    let world = world_with(1);
    world
        .repository
        .commit_from("stable", "main", &[("old.txt", "old\n")], "stable");
    world.config(
        r#"{"project": {"baseBranch": "stable"}, "agent": {"backend": "patch"}, "executor": {"prDraft": true}}"#,
    );
    world.exec(&[]).exits(0);
    let [pull] = &world.repository.pulls()[..] else {
        panic!("one pull request")
    };
    assert_eq!((pull.base.as_str(), pull.is_draft), ("stable", true));
    assert_eq!(
        world.repository.file(&pull.head, "old.txt").as_deref(),
        Some("old\n")
    );
}

#[test]
fn the_base_is_fetched_first() {
    let world = world_with(1);
    world.repository.commit(
        "main",
        &[("README.md", "# Newer\n")],
        "newer than the clone",
    );
    world.exec(&[]).exits(0);
    assert_eq!(
        world
            .repository
            .file("autoissue/issue-1", "README.md")
            .as_deref(),
        Some("# Newer\n")
    );
}

#[test]
fn a_branch_with_commits_of_others_is_never_replaced() {
    let world = world_with(1);
    let theirs = world.repository.commit_from(
        "autoissue/issue-1",
        "main",
        &[("theirs.txt", "x\n")],
        "theirs",
    );
    let run = world.exec(&[]).exits(3);
    assert_eq!(run.task(1)["outcome"], "needs_you");
    assert!(
        run.task(1)["reason"]
            .as_str()
            .is_some_and(|why| why.contains("autoissue did not create")),
        "{}",
        run.task(1)
    );
    assert_eq!(world.repository.head("autoissue/issue-1"), Some(theirs));
    assert!(
        run.events("attempt.agent_exited").is_empty(),
        "no agent may run for work that cannot be published"
    );
}

#[test]
fn our_branch_is_replaced_if_its_pull_request_was_closed() {
    let world = world_with(1);
    world.exec(&[]).exits(0);
    let before = world.repository.pulls()[0].clone();
    world.repository.close(before.number);
    world
        .repository
        .commit("main", &[("README.md", "# Newer\n")], "newer");
    world.exec(&[]).exits(0);
    let pulls = world.repository.pulls();
    assert_eq!(pulls.len(), 2);
    assert_ne!(pulls[1].head_sha, before.head_sha);
    assert!(pulls[1].is_open);
}

#[test]
fn a_dependent_is_based_on_the_branch_of_its_dependency() {
    let world = world_with(1);
    let body = format!("Depends on #1\n\n{}", new_file_patch("2.txt", "new"));
    world
        .repository
        .issue(Issue::new("[Frontend] second").label("go").body(&body));
    world.exec(&[]).exits(0);
    let pulls = world.repository.pulls();
    let second = pulls
        .iter()
        .find(|pull| pull.head == "autoissue/issue-2")
        .expect("a pull request");
    assert_eq!(second.base, "autoissue/issue-1");
    assert_eq!(
        world
            .repository
            .file("autoissue/issue-2", "1.txt")
            .as_deref(),
        Some("new\n")
    );
}

#[test]
fn an_issue_blocked_on_github_waits() {
    let world = world_with(3);
    let open = world.repository.issue(Issue::new("not in the backlog"));
    world.repository.block(1, 2).block(3, open);
    let run = world.exec(&[]).exits(3);
    assert_eq!(run.task(3)["outcome"], "skipped");
    let first = world
        .repository
        .pulls()
        .into_iter()
        .find(|pull| pull.head == "autoissue/issue-1")
        .expect("it exists");
    assert_eq!(first.base, "autoissue/issue-2");
}

#[test]
fn a_classic_token_and_one_from_gh_work_too() {
    let world = GithubSandbox::new();
    world.plain_issue("one");
    let gh = world.root().join("gh");
    std::fs::write(
        &gh,
        format!(
            "#!/bin/sh\n[ \"$1 $2\" = \"auth token\" ] && echo {}\n",
            autoissue_tests::TOKEN
        ),
    )
    .unwrap();
    std::fs::set_permissions(&gh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    world.install("gh", &gh);
    let mut command = world.autoissue(["exec", "go", "--output", "json"]);
    let run =
        autoissue_tests::Run::from(command.env_remove("GITHUB_TOKEN").output().unwrap()).exits(0);
    assert_eq!(run.summary()["counts"]["done"], 1);
}
