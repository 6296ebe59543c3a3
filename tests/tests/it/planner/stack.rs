//! A plan of eight issues with a diamond of dependencies, executed to the end: merged in the stated
//! order, the pull requests produce a tree in which all checks pass.

use std::collections::BTreeMap;
use std::path::Path;

use autoissue_tests::github_server::PullRequest;
use autoissue_tests::{GithubSandbox, Run, Sandbox};
use serde_json::{Value, json};

use super::{configure, local, on_github, plan, planner_answers};

/// Fails unless every file that a part requires exists.
const CHECK: &str = "for part in part-*; do [ -e $part ] || continue; for need in $(cat $part); do test -e $need || exit 1; done; done";
/// Domain and dependencies of each issue.
const ISSUES: [(&str, &[u32]); 8] = [
    ("database", &[]),
    ("backend", &[1]),
    ("frontend", &[1]),
    ("testing", &[2, 3]),
    ("documentation", &[]),
    ("infrastructure", &[4]),
    ("security", &[4, 5]),
    ("backend", &[6, 7]),
];

/// The parts of a pull request that matter for the order.
struct Pull {
    number: u64,
    issue: u64,
    base: String,
    after: Vec<u64>,
}

/// Returns the plan. Each agent writes down what its part requires, which is what its issue depends
/// on; for `broken`, one thing more.
fn issues(broken: Option<u32>) -> Value {
    let issue = |(position, (domain, depends_on)): (u32, &(&str, &[u32]))| {
        let mut needs: Vec<String> = depends_on.iter().map(|on| format!("part-{on}")).collect();
        needs.extend((broken == Some(position)).then(|| "what-nobody-makes".to_owned()));
        let runs = json!([[{"write": [format!("part-{position}"), needs.join(" ") + "\n"]}, {"meter": 0.01}, {"result": {}}]]);
        json!({"title": format!("Make part {position}"), "body": format!("Make it.\n\nfake: {runs}\n"), "labels": [domain],
               "complexity": "simple", "depends_on": depends_on})
    };
    (1..).zip(&ISSUES).map(issue).collect()
}

fn checked(world: &Sandbox, forge: &str) {
    let executor = json!({"maxRetries": 0, "timeoutMinutes": 1, "maxParallel": 4, "checks": [{"name": "parts", "run": CHECK}]});
    let github = json!({"writesPerMinute": 10_000, "writesPerHour": 100_000});
    configure(
        world,
        json!({"forge": {"kind": forge}, "executor": executor, "github": github}),
    );
}

/// Returns the numbers after `Merge after` in the text of a pull request.
fn after(body: &str) -> Vec<u64> {
    let sentence = body
        .split_once("Merge after ")
        .map(|(_, rest)| rest.split_once(". ").expect("a sentence").0);
    let numbers = sentence.into_iter().flat_map(|names| names.split(", "));
    numbers
        .map(|name| name.trim_start_matches('#').parse().expect("a number"))
        .collect()
}

/// Merges the branches of a repository into its `main` in the stated order; returns the issues in
/// that order. The checks must pass after each merge.
fn merge(world: &Sandbox, repository: &Path, pulls: &[Pull]) -> Vec<u64> {
    let merged = world.root().join("merged");
    let git = |args: &[&str]| {
        let output = world
            .command("git")
            .args(args)
            .current_dir(&merged)
            .output()
            .expect("git runs");
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    std::fs::create_dir_all(&merged).expect("the directory");
    git(&["clone", "--quiet", repository.to_str().expect("text"), "."]);
    let mut order: Vec<&Pull> = Vec::new();
    while order.len() < pulls.len() {
        let is_merged = |number: &u64| order.iter().any(|pull| pull.number == *number);
        let next = pulls
            .iter()
            .find(|pull| !is_merged(&pull.number) && pull.after.iter().all(is_merged));
        let next = next.expect("the order has no cycle");
        git(&[
            "merge",
            "--quiet",
            "--no-edit",
            &format!("origin/autoissue/issue-{}", next.issue),
        ]);
        let passed = world
            .command("sh")
            .args(["-c", CHECK])
            .current_dir(&merged)
            .status()
            .expect("a shell")
            .success();
        assert!(passed, "the checks fail once #{} is merged", next.issue);
        order.push(next);
    }
    for pull in pulls {
        assert!(
            merged.join(format!("part-{}", pull.issue)).exists(),
            "part {} is missing",
            pull.issue
        );
    }
    order.iter().map(|pull| pull.issue).collect()
}

fn local_pulls(world: &Sandbox) -> Vec<Pull> {
    fn key(text: &str, key: &str) -> String {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{key}: ")));
        line.unwrap_or_else(|| panic!("`{key}` is missing in {text}"))
            .trim_matches('"')
            .to_owned()
    }

    fn pull(text: &str) -> Pull {
        Pull {
            number: key(text, "number").parse().expect("a number"),
            issue: key(text, "issue").parse().expect("a number"),
            base: key(text, "base"),
            after: after(text),
        }
    }

    world.pulls().iter().map(|text| pull(text)).collect()
}

fn hosted_pulls(world: &GithubSandbox) -> Vec<(Pull, PullRequest)> {
    world
        .repository
        .pulls()
        .into_iter()
        .map(hosted_pull)
        .collect()
}

fn hosted_pull(pull: PullRequest) -> (Pull, PullRequest) {
    let issue = pull
        .head
        .trim_start_matches("autoissue/issue-")
        .parse()
        .expect("a number");
    (
        Pull {
            number: pull.number,
            issue,
            base: pull.base.clone(),
            after: after(&pull.body),
        },
        pull,
    )
}

/// Asserts the bases: a single dependency's branch, otherwise the project's base; returns the
/// stated order by issue number.
#[track_caller]
fn bases_are_right(pulls: &[Pull]) -> BTreeMap<u64, Vec<u64>> {
    let issue_of = |number: &u64| {
        pulls
            .iter()
            .find(|pull| pull.number == *number)
            .expect("a pull request of the plan")
            .issue
    };
    for pull in pulls {
        let (_, depends_on) = ISSUES[usize::try_from(pull.issue).expect("a small number") - 1];
        let base = match depends_on {
            [only] => format!("autoissue/issue-{only}"),
            _ => "main".to_owned(),
        };
        assert_eq!(pull.base, base, "#{}", pull.issue);
    }
    pulls
        .iter()
        .map(|pull| (pull.issue, pull.after.iter().map(issue_of).collect()))
        .collect()
}

fn whole_order() -> BTreeMap<u64, Vec<u64>> {
    let below: [(u64, &[u64]); 8] = [
        (1, &[]),
        (2, &[1]),
        (3, &[1]),
        (4, &[1, 2, 3]),
        (5, &[]),
        (6, &[1, 2, 3, 4]),
        (7, &[1, 2, 3, 4, 5]),
        (8, &[1, 2, 3, 4, 6, 5, 7]),
    ];
    below
        .into_iter()
        .map(|(issue, after)| (issue, after.to_vec()))
        .collect()
}

fn outcomes(run: &Run) -> String {
    let named = run
        .outcomes()
        .into_iter()
        .map(|(number, outcome)| format!("{number} {outcome}"));
    named.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_diamond_merges_in_the_stated_order_on_the_local_forge() {
    let world = local();
    checked(&world, "local");
    planner_answers(&world, &issues(None));
    let run = plan(&world, &[]).exits(0);
    assert_eq!(
        run.summary()["counts"],
        json!({"done": 8}),
        "{}",
        outcomes(&run)
    );
    let pulls = local_pulls(&world);
    assert_eq!(bases_are_right(&pulls), whole_order());
    assert_eq!(merge(&world, &world.project(), &pulls).len(), 8);
}

#[test]
fn a_diamond_merges_in_the_stated_order_on_github() {
    let world = on_github();
    checked(&world, "github");
    planner_answers(&world, &issues(None));
    let run = world.run(["plan", "Build it", "--output", "json"]).exits(0);
    assert_eq!(
        run.summary()["counts"],
        json!({"done": 8}),
        "{}",
        outcomes(&run)
    );
    let (pulls, hosted): (Vec<Pull>, Vec<PullRequest>) = hosted_pulls(&world).into_iter().unzip();
    assert_eq!(bases_are_right(&pulls), whole_order());
    for (pull, hosted) in pulls.iter().zip(&hosted) {
        let n_direct = ISSUES[usize::try_from(pull.issue).expect("a small number") - 1]
            .1
            .len();
        assert_eq!(
            hosted.is_draft,
            1 < n_direct,
            "#{}: work with several dependencies must be a draft",
            pull.issue
        );
    }
    assert_eq!(merge(&world, &world.repository.git_dir(), &pulls).len(), 8);
    // Dependencies are written down for readers and in GitHub's own data.
    let created = world.repository.issues();
    for (issue, (domain, depends_on)) in created.iter().zip(ISSUES) {
        let depends_on: Vec<u64> = depends_on.iter().copied().map(u64::from).collect();
        assert_eq!(
            world.repository.blockers(issue.number),
            depends_on,
            "#{}",
            issue.number
        );
        assert_eq!(
            issue.labels,
            [domain, "complexity: simple"],
            "#{}",
            issue.number
        );
        let names: Vec<String> = depends_on.iter().map(|on| format!("#{on}")).collect();
        let sentence = format!("Depends on {}.", names.join(", "));
        assert_eq!(
            issue.body.contains(&sentence),
            !depends_on.is_empty(),
            "{}",
            issue.body
        );
    }
    world.server.assert_polite();
}

/// Asserts the outcome of a plan whose second issue fails its check.
#[track_caller]
fn dependents_are_skipped_by_name(run: &Run) {
    assert_eq!(
        outcomes(run),
        "1 done, 2 failed, 3 done, 4 skipped, 5 done, 6 skipped, 7 skipped, 8 skipped"
    );
    let reason = |issue: u64| {
        run.task(issue)["reason"]
            .as_str()
            .expect("a reason")
            .to_owned()
    };
    assert_eq!(
        [reason(4), reason(6), reason(7)],
        [
            "skipped: depends on #2",
            "skipped: depends on #4",
            "skipped: depends on #4"
        ]
    );
}

#[test]
fn a_failure_in_the_middle_skips_its_dependents_and_the_rest_merges_on_the_local_forge() {
    let world = local();
    checked(&world, "local");
    planner_answers(&world, &issues(Some(2)));
    let run = plan(&world, &[]).exits(3);
    dependents_are_skipped_by_name(&run);
    let pulls = local_pulls(&world);
    bases_are_right(&pulls);
    let mut merged = merge(&world, &world.project(), &pulls);
    merged.sort_unstable();
    assert_eq!(merged, [1, 3, 5]);
}

#[test]
fn a_failure_in_the_middle_skips_its_dependents_and_the_rest_merges_on_github() {
    let world = on_github();
    checked(&world, "github");
    planner_answers(&world, &issues(Some(2)));
    let run = world.run(["plan", "Build it", "--output", "json"]).exits(3);
    dependents_are_skipped_by_name(&run);
    let (pulls, _): (Vec<Pull>, Vec<PullRequest>) = hosted_pulls(&world).into_iter().unzip();
    bases_are_right(&pulls);
    let mut merged = merge(&world, &world.repository.git_dir(), &pulls);
    merged.sort_unstable();
    assert_eq!(merged, [1, 3, 5]);
}

#[test]
fn conflicting_dependencies_need_a_person_and_the_file_is_named() {
    fn issue(title: &str, domain: &str, runs: &Value, depends_on: &[u32]) -> Value {
        json!({"title": title, "body": format!("Make it.\n\nfake: {runs}\n"), "labels": [domain], "complexity": "simple",
               "depends_on": depends_on})
    }

    let world = local();
    let write = |text: &str| json!([[{"write": ["src/shared.txt", text]}, {"meter": 0.01}, {"result": {}}]]);
    planner_answers(
        &world,
        &json!([
            issue("One", "backend", &write("one\n"), &[]),
            issue("Two", "frontend", &write("two\n"), &[]),
            issue("Both", "testing", &write("both\n"), &[1, 2]),
        ]),
    );
    let run = plan(&world, &[]).exits(3);
    assert_eq!(outcomes(&run), "1 done, 2 done, 3 needs_you");
    let reason = run.task(3)["reason"].as_str().expect("a reason").to_owned();
    assert_eq!(
        reason,
        "needs you: its dependencies #1 and #2 conflict in src/shared.txt"
    );
    assert_eq!(
        run.task(3)["spent_usd"],
        0.0,
        "no agent may run for an issue that cannot start"
    );
}
