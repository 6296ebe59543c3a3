//! The cost of one issue: processes and CPU time with a GitHub server on loopback, whose own work
//! does not count, and CPU time in a repository of 20,000 files, compared with the cheapest clone
//! that git can make of it.
//!
//! ```text
//!   session of N_ISSUES - session of one ──► git processes and CPU time per issue
//!   the agent's commands alone, N_ISSUES times ──► the agent's share of that
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use autoissue_tests::git_trace::{GitTrace, UNTRACED};
use autoissue_tests::github_server::Issue;
use autoissue_tests::measure::{self, median, print, print_table};
use autoissue_tests::{GithubSandbox, LABEL, Sandbox, binary};

const N_ISSUES: u64 = 20;
const N_ROUNDS: usize = 5;

const N_FILES: u64 = 20_000;
const N_ISSUES_OF_LARGE: u64 = 8;
const N_SLOTS: u64 = 4;

/// The agent's commands. Each agent writes different content, so that no two commits are equal.
const AGENT: &str = "echo $$ > new.txt && git add new.txt && git commit --quiet --message new";

/// The agent's output.
const RESULT: &str =
    r#"{"type":"result","subtype":"success","is_error":false,"total_cost_usd":0.01,"result":"ok"}"#;

fn main() {
    if !measure::is_wanted() {
        return;
    }
    binary();
    measure::print_machine();
    on_github();
    in_a_large_repository();
}

fn on_github() {
    let traced = github(N_ISSUES);
    let trace = GitTrace::begin(&traced);
    cpu_s(&traced, &mut exec(&traced));
    let traced_one = github(1);
    let trace_of_one = GitTrace::begin(&traced_one);
    cpu_s(&traced_one, &mut exec(&traced_one));
    let runs = per_issue(&trace.runs(), &trace_of_one.runs());
    print(&format!(
        "\nan issue on GitHub: {:.1} git processes\n",
        runs.values().sum::<f64>()
    ));
    let rows: Vec<[String; 2]> = std::iter::once(["git".to_owned(), "processes".to_owned()])
        .chain(
            runs.iter()
                .map(|(command, n)| [command.clone(), format!("{n:.1}")]),
        )
        .collect();
    print_table(&rows);
    let (mut all, mut agents) = (Vec::new(), Vec::new());
    for _ in 0..N_ROUNDS {
        let (many, one) = (github(N_ISSUES), github(1));
        let cost = cpu_s(&many, &mut exec(&many)) - cpu_s(&one, &mut exec(&one));
        all.push(1e3 * cost / (N_ISSUES - 1) as f64);
        agents.push(1e3 * cpu_s(&many, &mut agents_alone(&many)) / N_ISSUES as f64);
    }
    let (all, agent) = (median(all), median(agents));
    print(&format!(
        "CPU time: {:.0} ms per issue, plus {agent:.0} ms of the agent's own (medians of {N_ROUNDS} runs of {N_ISSUES} issues)\n",
        all - agent
    ));
}

fn per_issue(
    many: &BTreeMap<String, usize>,
    one: &BTreeMap<String, usize>,
) -> BTreeMap<String, f64> {
    let more = |(command, n): (&String, &usize)| {
        let n = (*n as f64 - one.get(command).copied().unwrap_or_default() as f64)
            / (N_ISSUES - 1) as f64;
        (0.05 < n).then(|| (command.clone(), n))
    };
    many.iter().filter_map(more).collect()
}

/// Creates a GitHub sandbox whose agent commits and takes almost no time of its own.
fn github(n_issues: u64) -> GithubSandbox {
    let world = GithubSandbox::new();
    script(
        &world,
        "claude",
        &format!(
            "[ \"$1\" = --version ] && {{ echo '2.1.332 (Claude Code)'; exit; }}\ncat > /dev/null\nexport {UNTRACED}\n{AGENT}\necho '{RESULT}'"
        ),
    );
    world.config(
        r#"{"agent": {"backend": "claude"}, "maxTotalBudgetUsd": 1000, "executor": {"maxParallel": 1},
            "github": {"writesPerMinute": 10000, "writesPerHour": 100000}}"#,
    );
    for number in 1..=n_issues {
        let issue = Issue::new(&format!("[Backend] add {number}"));
        world.repository.issue(issue.label(LABEL).body("Please."));
    }
    world
}

fn script(world: &Sandbox, name: &str, text: &str) {
    let file = world.home().join(name);
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).expect("a script");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it can be run");
    world.install(name, &file);
}

fn exec(world: &GithubSandbox) -> Command {
    world.autoissue(["exec", LABEL, "--output", "json"])
}

/// Returns a command that runs only the agents' commands.
fn agents_alone(world: &GithubSandbox) -> Command {
    let mut command = world.command("sh");
    command.current_dir(world.root()).args([
        "-c",
        &format!(
            "git clone --quiet --shared project alone && cd alone && for n in $(seq {N_ISSUES}); do {}/claude < /dev/null; done",
            world.home().display()
        ),
    ]);
    command
}

/// Runs a program to its end and returns its CPU time in seconds, including that of the programs it
/// started. A shell in between measures it, because the server's programs are children of this
/// process.
fn cpu_s(world: &Sandbox, command: &mut Command) -> f64 {
    let times = world.root().join("times");
    let mut shell = world.command("sh");
    shell
        .args([
            "-c",
            r#""$@" > /dev/null; code=$?; times > "$0"; exit $code"#,
        ])
        .arg(&times)
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    let status = shell.status().expect("the shell starts");
    assert!(status.success(), "{command:?} ended with {status}");
    children_of_times(&times)
}

/// Reads the second line of `times`: `0m1.230s 0m0.040s`, the times of the shell's children.
fn children_of_times(file: &Path) -> f64 {
    let text = fs::read_to_string(file).expect("the times");
    let line = text.lines().nth(1).expect("a line for children");
    let seconds = line.split_whitespace().map(|time| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m').expect("a time");
        let number = |text: &str| text.parse::<f64>().expect("a number");
        60.0 * number(minutes) + number(seconds)
    });
    seconds.sum()
}

fn in_a_large_repository() {
    // All sandboxes are kept until the last run: file systems create files slowly for a while after
    // many were deleted.
    let worlds: Vec<Sandbox> = (0..2 * N_ROUNDS.min(3)).map(|_| large()).collect();
    let (mut ours, mut clones) = (Vec::new(), Vec::new());
    for pair in worlds.chunks(2) {
        let per_issue = |cost: f64| 1e3 * cost / N_ISSUES_OF_LARGE as f64;
        clones.push(per_issue(cpu_s(&pair[0], &mut clones_of(&pair[0]))));
        let mut session = pair[1].autoissue(["exec", "go", "--output", "json"]);
        ours.push(per_issue(cpu_s(&pair[1], &mut session)));
    }
    let (ours, clones) = (median(ours), median(clones));
    print(&format!(
        "\n{N_FILES} files: {ours:.0} ms of CPU time per issue; `git clone --shared` takes {clones:.0} ms\n"
    ));
}

/// Creates a repository of many files with a backlog of patches.
fn large() -> Sandbox {
    let world = Sandbox::new();
    for number in 0..N_FILES {
        world.write(
            &format!(
                "src/part{}/unit{}/file{number}.txt",
                number % 20,
                number % 400
            ),
            &format!("line of file {number}\n").repeat(40),
        );
    }
    world.git(["add", "--all"]);
    world.git(["commit", "--quiet", "--message", "more"]);
    world.config(&format!(
        r#"{{"forge": {{"kind": "local"}}, "agent": {{"backend": "patch"}},
             "executor": {{"maxParallel": {N_SLOTS}}}, "scheduler": {{"maxPerDomain": {N_SLOTS}}}}}"#
    ));
    for number in 1..=N_ISSUES_OF_LARGE {
        let diff = format!("--- /dev/null\n+++ b/new/{number}.txt\n@@ -0,0 +1 @@\n+new\n");
        world.issue(
            number,
            &format!("[Backend] add {number}"),
            &format!("Please.\n\n```diff\n{diff}```\n"),
        );
    }
    world.git(["clone", "--quiet", "--bare", ".", "../origin.git"]);
    world
}

fn clones_of(world: &Sandbox) -> Command {
    let mut command = world.command("sh");
    command.current_dir(world.root()).args([
        "-c",
        &format!(
            "for n in $(seq {N_ISSUES_OF_LARGE}); do git clone --quiet --shared origin.git clones/$n; done"
        ),
    ]);
    command
}
