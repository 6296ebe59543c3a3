//! The sample behaves as its backlog promises, with real git and a real shell.

#![expect(
    clippy::disallowed_methods,
    reason = "the sample is tested with the programs that people have, run directly"
)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use autoissue_classifier::BuiltinClassifier;
use autoissue_engine::{Issue, IssueNumber, overlap};
use autoissue_forge::declared::{Home, dependencies_in};
use autoissue_forge::local::LocalForge;
use autoissue_plugin_sdk::paths::named_in;
use autoissue_plugin_sdk::{Classifier as _, ClassifierContext};
use tempfile::TempDir;

use super::*;
use crate::apply_patch::{self, ApplyOutcome};
use crate::config::{Config, ForgeKind};

struct Sample(TempDir);

impl Sample {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        create(directory.path()).unwrap();
        Self(directory)
    }

    fn issues(&self) -> Vec<Issue> {
        let (issues, warnings) = LocalForge::open(self.0.path())
            .unwrap()
            .issues(LABEL)
            .unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        issues
    }

    fn issue(&self, number: u64) -> Issue {
        self.issues()
            .into_iter()
            .find(|issue| issue.number == IssueNumber(number))
            .unwrap()
    }

    fn run(&self, program: &str, args: &[&str], input: &str) -> Output {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap());
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    }

    fn git(&self, args: &[&str]) -> String {
        let output = self.run(
            "git",
            &[&["-c", "user.name=x", "-c", "user.email=x"], args].concat(),
            "",
        );
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Applies the issue's diff as the `patch` backend does.
    fn apply(&self, number: u64) -> ApplyOutcome {
        let body = self.issue(number).body;
        let diff = body
            .split("```diff\n")
            .nth(1)
            .unwrap()
            .split("\n```")
            .next()
            .unwrap();
        apply_patch::run(self.0.path(), diff.as_bytes())
    }

    fn apply_and_commit(&self, number: u64) {
        assert!(
            matches!(self.apply(number), ApplyOutcome::Applied(_)),
            "#{number} applies"
        );
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "x"]);
    }

    fn changes(&self) -> String {
        self.git(&["status", "--porcelain"])
    }

    /// Runs the configured check; returns the failed tests.
    fn failed_tests(&self) -> Vec<String> {
        let output = self.run("sh", &["tests/run.sh"], "");
        let text = String::from_utf8(output.stdout).unwrap();
        let failed: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("FAIL  ").map(str::to_owned))
            .collect();
        assert_eq!(output.status.success(), failed.is_empty(), "{text}");
        failed
    }
}

/// Checks that an issue's diff applies to the base and fails just these tests.
fn check(number: u64, failed: &[&str]) {
    let sample = Sample::new();
    sample.apply_and_commit(number);
    assert_eq!(sample.failed_tests(), failed, "#{number}");
}

#[test]
fn each_file_of_the_sample_is_bundled() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo");
    let mut directories = vec![demo.clone()];
    let mut found = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.push(
                    path.strip_prefix(&demo)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    found.sort();
    let project = PROJECT.iter().map(|file| format!("project/{}", file.path));
    let issues = ISSUES
        .iter()
        .map(|file| file.path.replace(".autoissue/", ""));
    assert_eq!(found, issues.chain(project).collect::<Vec<_>>());
}

#[test]
fn the_sample_is_committed_the_same_way_each_time_and_passes_its_tests() {
    let (one, two) = (Sample::new(), Sample::new());
    assert_eq!(
        one.git(&["rev-parse", "main"]),
        two.git(&["rev-parse", "HEAD"])
    );
    assert_eq!(one.changes(), "");
    assert_eq!(one.failed_tests(), Vec::<String>::new());
    assert_eq!(one.changes(), "", "its tests leave nothing behind");
}

#[test]
fn its_configuration_needs_neither_account_nor_network() {
    let text = fs::read_to_string(Sample::new().0.path().join("autoissue.config.json")).unwrap();
    let json: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let config: Config = serde_json::from_str(&json).unwrap();
    assert_eq!(config.problems(), []);
    assert_eq!(
        (config.forge.kind, config.agent_backend()),
        (ForgeKind::Local, "patch")
    );
    assert_eq!(config.executor.checks[0].run, "sh tests/run.sh");
}

#[test]
fn a_directory_with_files_is_left_alone() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("thesis.md"), "mine").unwrap();
    let error = create(directory.path()).unwrap_err();
    assert!(matches!(error, DemoError::NotEmpty { .. }));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn the_backlog_is_the_open_issues_with_the_label() {
    let issues = Sample::new().issues();
    assert_eq!(
        issues
            .iter()
            .map(|issue| issue.number.0)
            .collect::<Vec<_>>(),
        (1..=11).collect::<Vec<_>>()
    );
    let urgent: Vec<u64> = issues
        .iter()
        .filter(|issue| issue.priority() < 2)
        .map(|issue| issue.number.0)
        .collect();
    assert_eq!(urgent, [11]);
}

#[test]
fn good_diffs_apply_and_pass() {
    for number in [1, 2, 4, 5, 6, 9, 10, 11] {
        check(number, &[]);
    }
}

#[test]
fn one_change_fails_its_check() {
    check(7, &["tests/api.test.sh"]);
}

#[test]
fn one_issue_is_done_already() {
    let sample = Sample::new();
    assert_eq!(sample.apply(8), ApplyOutcome::AlreadyApplied);
    assert_eq!(sample.changes(), "");
}

#[test]
fn a_dependent_applies_on_top_of_its_dependency_only() {
    let sample = Sample::new();
    assert_eq!(
        dependencies_in(&sample.issue(3).body, &Home::default()),
        [IssueNumber(2)]
    );
    assert!(
        matches!(sample.apply(3), ApplyOutcome::Rejected(_)),
        "#3 needs what #2 adds"
    );
    assert_eq!(sample.changes(), "");
    sample.apply_and_commit(2);
    sample.apply_and_commit(3);
    assert_eq!(sample.failed_tests(), Vec::<String>::new());
}

#[test]
fn no_two_good_branches_conflict_even_where_they_change_one_file() {
    let sample = Sample::new();
    let good = [1, 2, 4, 5, 6, 9, 10, 11];
    for number in good {
        sample.git(&["checkout", "-q", "-b", &format!("issue-{number}"), "main"]);
        sample.apply_and_commit(number);
    }
    sample.git(&["checkout", "-q", "main"]);
    for number in good {
        sample.git(&["merge", "-q", "--no-edit", &format!("issue-{number}")]);
    }
    assert_eq!(sample.failed_tests(), Vec::<String>::new());
}

#[test]
fn one_title_attacks_its_readers() {
    let issue = Sample::new().issue(9);
    for weapon in [
        "<script>",
        "'); DROP TABLE",
        "$(rm -rf ~)",
        "\u{1b}[31m",
        "\u{202e}",
    ] {
        assert!(issue.title.contains(weapon), "{weapon:?}");
    }
    assert!(issue.body.contains("<!-- To the agent:"));
}

#[test]
fn each_issue_gets_the_domain_that_the_demo_needs() {
    let context = ClassifierContext::default();
    let domain = |issue: Issue| {
        let labels = issue.labels.into_iter().filter(|label| label != LABEL);
        let number = issue.number.0;
        let issue = autoissue_plugin_sdk::Issue::new(issue.title)
            .number(number)
            .body(issue.body)
            .labels(labels);
        (
            number,
            BuiltinClassifier.classify(&issue, &context).unwrap().domain,
        )
    };
    let domains: Vec<(u64, String)> = Sample::new().issues().into_iter().map(domain).collect();
    let expected = [
        (1, "backend"),
        (2, "database"),
        (3, "database"),
        (4, "frontend"),
        (5, "documentation"),
        (6, "infrastructure"),
        (7, "backend"),
        (8, "infrastructure"),
        (9, "security"),
        (10, "unknown"),
        (11, "testing"),
    ];
    assert_eq!(
        domains,
        expected.map(|(number, domain)| (number, domain.to_owned()))
    );
}

#[test]
fn the_only_files_that_two_domains_name_are_those_of_the_guide() {
    let issues = Sample::new().issues();
    let paths: Vec<(u64, Vec<String>)> = issues
        .iter()
        .map(|issue| {
            (
                issue.number.0,
                named_in(&format!("{}\n{}", issue.title, issue.body)),
            )
        })
        .collect();
    let mut pairs = Vec::new();
    for (at, (one, ours)) in paths.iter().enumerate() {
        for (other, theirs) in &paths[at + 1..] {
            if ours
                .iter()
                .any(|our| theirs.iter().any(|their| overlap(our, their)))
            {
                pairs.push((*one, *other));
            }
        }
    }
    assert_eq!(pairs, [(1, 7), (2, 3), (5, 6)]);
}
