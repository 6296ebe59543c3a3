//! The number of processes per issue. Each takes a few milliseconds of CPU time, however small the
//! change is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use autoissue_tests::git_trace::{GitTrace, UNTRACED};
use autoissue_tests::github_server::Issue;
use autoissue_tests::{GithubSandbox, LABEL};
use serde_json::{Value, json};

/// Runs a session with `n_issues` issues, whose agent commits. Returns the git processes by command,
/// and how often our own program was started.
fn executions(n_issues: u64) -> (BTreeMap<String, usize>, usize) {
    let world = GithubSandbox::new();
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    world.configure("claude", r#"{"maxParallel": 1}"#);
    for number in 1..=n_issues {
        // Each commit is another one, also within a second.
        let commit = format!(
            "export {UNTRACED}; echo {number} > new.txt && git add new.txt && git commit --quiet --message new"
        );
        let runs = json!([[{"run": commit}, {"result": {}}]]);
        let issue = Issue::new(&format!("[Backend] add {number}"));
        let body = format!("Please add it.\n\nfake: {runs}\n");
        world.repository.issue(issue.label(LABEL).body(&body));
    }
    let trace = GitTrace::begin(&world);
    world.exec(&["--verbose"]).exits(0);
    (trace.runs(), n_own_starts(&world))
}

fn n_own_starts(world: &GithubSandbox) -> usize {
    let logs = fs::read_dir(world.state().join("logs")).unwrap();
    let texts = logs.map(|log| fs::read_to_string(log.unwrap().path()).unwrap());
    let is_start = |line: &&str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line.to_string().contains("starting our own program")
    };
    texts
        .map(|text| text.lines().filter(is_start).count())
        .sum()
}

#[test]
fn an_issue_takes_at_most_eight_gits_and_two_of_ours() {
    let ((mut gits, ours), (gits_of_one, ours_of_one)) = (executions(3), executions(1));
    for (command, n) in gits_of_one {
        *gits.entry(command).or_default() -= n;
    }
    gits.retain(|_, n| *n > 0);
    let expected = [
        "ls-remote",
        "ls-remote/remote-curl",
        "pack-objects",
        "push",
        "push/remote-curl",
        "push/remote-curl/send-pack",
        "push/remote-curl/send-pack/pack-objects",
        "unpack-objects",
    ];
    let expected = expected.map(|command| (command.to_owned(), 2));
    assert_eq!(gits, BTreeMap::from(expected), "of two issues");
    assert_eq!(ours - ours_of_one, 4, "of two issues");
}
