//! Work that git does not track, or stores in unusual ways.

use serde_json::json;

use super::{Night, outcome};

#[test]
fn work_nested_repository_is_not_lost() {
    let night = Night::new(json!({}));
    let scaffold = "mkdir app && cd app && git init --quiet && echo precious > app.js && git add -A && \
                    git -c user.name=a -c user.email=a@example.com commit --quiet -m inner && cd .. && git add -A && git commit --quiet -m outer";
    night.issue(1, json!([[{"run": scaffold}, {"result": {}}]]));
    let both = format!("{scaffold} && echo more > b.txt");
    night.issue(2, json!([[{"run": both}, {"result": {}}]]));
    let run = night.exec(&[]).exits(3);
    assert_eq!(
        run.outcomes(),
        [(1, "needs_you".to_owned()), (2, "done".to_owned())]
    );
    let tree = night.sandbox.git(["ls-tree", "-r", "autoissue/issue-2"]);
    assert!(!tree.contains("160000"), "{tree}");
    assert_eq!(night.published(2, "b.txt").as_deref(), Some("more"));
    let events = run.stdout.clone();
    assert!(events.contains("kept in the worktree: app"), "{events}");
    assert_eq!(
        night.sandbox.worktrees(),
        ["autoissue-issue-1", "autoissue-issue-2"]
    );
    // Only their owner may delete them; the next session just moves them aside.
    night.sandbox.run(["clean"]).exits(3);
    assert_eq!(
        night.sandbox.worktrees(),
        ["autoissue-issue-1", "autoissue-issue-2"]
    );
    night.exec(&["--issue", "1"]).exits(3);
    let clean = night.sandbox.run(["clean"]).exits(3).stdout;
    let kept = clean
        .lines()
        .find(|line| line.contains("autoissue-issue-1.kept-1"))
        .unwrap_or_else(|| panic!("{clean}"));
    assert!(kept.ends_with("repositories: app"), "{kept}");
    assert!(clean.contains("remove it with `rm -rf "), "{clean}");
}

#[test]
fn work_setup_stays_out() {
    let setup = ["echo by-setup > lock.json", "echo x > generated.txt"];
    let night = Night::new(json!({"executor": {"setup": setup}}));
    night.sandbox.write("lock.json", "{}\n");
    night.sandbox.git(["add", "lock.json"]);
    night.sandbox.git(["commit", "--quiet", "-m", "lock"]);
    let commit = "echo y > b.txt; git add -A; git commit --quiet -m all";
    night.issue(1, json!([[{"write": ["a.txt", "x"]}, {"result": {}}]]));
    night.issue(2, json!([[{"run": commit}, {"result": {}}]]));
    night.issue(3, json!([[{"result": {}}]]));
    let run = night.exec(&[]).exits(3);
    assert_eq!(outcome(&run, 3), "no_change");
    for (issue, file) in [(1, "a.txt"), (2, "b.txt")] {
        let branch = format!("autoissue/issue-{issue}");
        let changed = night.sandbox.git(["diff", "--name-only", "main", &branch]);
        assert_eq!(changed.trim(), file);
    }
}

#[test]
fn work_conflict_markers_are_resolved_by_the_agent_or_fail() {
    let night = Night::new(json!({"executor": {"maxRetries": 1}}));
    night.sandbox.write("a.txt", "base\n");
    night.sandbox.git(["add", "a.txt"]);
    night.sandbox.git(["commit", "--quiet", "-m", "base"]);
    let merge = "git checkout -q -b other; echo A > a.txt; git commit -qam a; git checkout -q -; \
                 echo B > a.txt; git commit -qam b; git merge other; true";
    let resolve = "echo C > a.txt; git add a.txt; git commit -qm merged";
    night.issue(
        1,
        json!([[{"run": merge}, {"result": {}}], [{"run": resolve}, {"result": {}}]]),
    );
    night.issue(
        2,
        json!([[{"run": merge}, {"result": {}}], [{"result": {}}]]),
    );
    let run = night.exec(&[]).exits(3);
    assert_eq!(
        run.outcomes(),
        [(1, "done".to_owned()), (2, "failed".to_owned())]
    );
    assert_eq!(night.published(1, "a.txt").as_deref(), Some("C"));
    assert!(run.stdout.contains("conflict markers"), "{}", run.stdout);
}

#[test]
fn work_ignored_is_kept_and_does_not_count_as_a_change() {
    let night = Night::new(json!({}));
    night.sandbox.write(".gitignore", "drafts/\n");
    night.sandbox.git(["add", ".gitignore"]);
    night.sandbox.git(["commit", "--quiet", "-m", "ignore"]);
    night.issue(
        1,
        json!([[{"run": "mkdir drafts; echo precious > drafts/guide.md"}, {"result": {}}]]),
    );
    let run = night.exec(&[]).exits(3);
    assert_eq!(outcome(&run, 1), "no_change");
    let kept = night.salvaged("precious");
    assert!(kept.contains("drafts/guide.md"), "{kept}");
    let named = "ignored by git, kept as refs/autoissue/salvage/";
    assert!(run.stdout.contains(named), "{}", run.stdout);
    assert_eq!(night.sandbox.worktrees(), Vec::<String>::new());
}

#[test]
fn hostile_skip_ci_and_other_directives_in_commits_have_no_effect() {
    let night = Night::new(json!({}));
    let armed = "echo x > a.txt; git add -A; git commit --quiet -m 'Fixes #7 [skip ci] for @bob'";
    night.issue(1, json!([[{"run": armed}, {"result": {}}]]));
    night
        .sandbox
        .issue(2, "[skip ci] Closes #9, @bob", "Please.");
    night.exec(&[]).exits(0);
    let subject = |issue: u64| {
        let branch = format!("autoissue/issue-{issue}");
        let log = night.sandbox.git(["log", "-1", "--format=%s", &branch]);
        log.trim().to_owned()
    };
    assert_eq!(subject(1), "Fixes issue #7 (skip ci) for @ bob");
    assert_eq!(subject(2), "(skip ci) Closes issue #9, @ bob");
}

#[test]
fn work_agents_md_of_user_is_hidden_from_agents_and_checks() {
    let look = "d=$PWD; while [ \"$d\" != / ]; do ls \"$d\"; d=$(dirname \"$d\"); done";
    let checks = json!([{"name": "fresh", "run": format!("! ({look}) | grep -x 'AGENTS.md\\|node_modules'")}]);
    let night = Night::new(json!({"executor": {"checks": checks}}));
    night.sandbox.write("AGENTS.md", "private\n");
    night.sandbox.write("node_modules/x", "1\n");
    night.issue(
        1,
        json!([[{"run": format!("({look}) > ~/seen")}, {"write": ["a.txt", "x"]}, {"result": {}}]]),
    );
    night.exec(&[]).exits(0);
    let seen = std::fs::read_to_string(night.sandbox.home().join("seen")).unwrap();
    assert!(!seen.lines().any(|line| line == "AGENTS.md"), "{seen}");
}

#[test]
fn an_unavailable_submodule_is_one_error_before_any_agent_runs() {
    let night =
        Night::new(json!({"executor": {"maxParallel": 3}, "scheduler": {"maxPerDomain": 3}}));
    let git = |args: &[&str]| night.sandbox.git(args);
    let url = night.sandbox.root().join("nothing.git");
    let declared = format!("[submodule \"lib\"]\npath = lib\nurl = {}\n", url.display());
    night.sandbox.write(".gitmodules", &declared);
    let head = git(&["rev-parse", "HEAD"]);
    let link = format!("160000,{},lib", head.trim());
    git(&["update-index", "--add", "--cacheinfo", &link]);
    git(&["add", ".gitmodules"]);
    git(&["commit", "--quiet", "-m", "submodule"]);
    for issue in 1..=3 {
        let file = format!("{issue}.txt");
        night.issue(issue, json!([[{"write": [file, "x"]}, {"result": {}}]]));
    }
    let run = night.exec(&[]).exits(130);
    assert_eq!(night.launches().len(), 0);
    let stopping = run.events("session.stopping");
    assert_eq!(stopping.len(), 1);
    let message = stopping[0]["message"].as_str().unwrap();
    assert!(message.contains("submodule `lib`"), "{message}");

    git(&["rm", "--quiet", "--cached", "lib", ".gitmodules"]);
    git(&["commit", "--quiet", "-m", "no submodule"]);
    let resumed = night.resume().exits(0);
    assert_eq!(resumed.summary()["counts"], json!({"done": 3}));
}
