//! Measures the overhead of a long backlog before the first agent starts: from the issue texts to
//! an execution order, with domains and conflicts.
//!
//! ```text
//!   issue texts ─► Strategies::classify ─► Engine (intake, admission) ─► a start for each end    in process
//!   issue files ─► autoissue exec go --dry-run ─► plan                                           whole program
//! ```

use std::collections::VecDeque;

use autoissue_core::engine::{
    AgentReport, AttemptEffect, AttemptInput, CostHistory, CostReporting, Effect, Ended, Engine,
    Input, IntakeInput, Issue, IssueNumber, ModelChoice, Publication, SessionInfo, SessionInput,
    Settings, Spent, TaskEffect, TaskInput, Time, Usd, Work,
};
use autoissue_core::strategy::Strategies;
use autoissue_tests::measure::{
    self, cost_of, median, median_cost, own_cpu_s, own_memory_mib, peak_memory_mib,
};
use autoissue_tests::measure::{print, print_table};
use autoissue_tests::{Sandbox, binary};

const N_ISSUES: [u64; 3] = [1_000, 10_000, 100_000];
/// The backlog size with a performance promise: classified, checked for conflicts and ordered in
/// half a second.
const N_PROMISED: u64 = 10_000;
const N_ROUNDS: usize = 5;
/// Number of agents that finish, one after another, while the cost of decisions is measured.
const N_DECISIONS: u64 = 2_000;

fn main() {
    if !measure::is_wanted() {
        return;
    }
    binary();
    measure::print_machine();
    in_process();
    whole_program();
}

fn in_process() {
    print(&format!("\nin one process, medians of {N_ROUNDS} runs\n"));
    let heading = [
        "issues",
        "classify ms",
        "admit ms",
        "start and end of a task µs",
        "engine MiB",
    ];
    let mut rows = vec![heading.map(str::to_owned)];
    for n in N_ISSUES {
        let runs: Vec<MeasuredSession> = (0..N_ROUNDS)
            .map(|_| MeasuredSession::measured(n))
            .collect();
        let ms =
            |of: fn(&MeasuredSession) -> f64| format!("{:.0}", 1e3 * median(runs.iter().map(of)));
        rows.push([
            n.to_string(),
            ms(|measured| measured.classify_s),
            ms(|measured| measured.admit_s),
            format!(
                "{:.1}",
                1e6 * median(runs.iter().map(|measured| measured.decide_s))
                    / N_DECISIONS.min(n) as f64
            ),
            runs[0]
                .memory_mib
                .map_or_else(String::new, |mib| format!("{mib:.0}")),
        ]);
    }
    print_table(&rows);
}

fn whole_program() {
    let world = Sandbox::new();
    for number in 1..=N_PROMISED {
        let issue = issue(number);
        world.labelled_issue(number, &issue.title, &["go"], &issue.body);
    }
    world.git(["add", "--all"]);
    let dry_run = || world.autoissue(["exec", "go", "--dry-run", "--quiet"]);
    let costs: Vec<_> = (0..N_ROUNDS).map(|_| cost_of(&mut dry_run())).collect();
    let cost = median_cost(&costs);
    print(&format!(
        "\n`autoissue exec go --dry-run` over {N_PROMISED} issue files, medians of {N_ROUNDS} runs\n"
    ));
    print_table(&[
        ["wall ms", "CPU ms", "peak MiB"].map(str::to_owned),
        [
            format!("{:.0}", 1e3 * cost.wall_s),
            format!("{:.0}", 1e3 * cost.cpu_s),
            peak_memory_mib(&mut dry_run()).map_or_else(String::new, |mib| format!("{mib:.0}")),
        ],
    ]);
}

/// One session over a backlog with agents that finish at once, and the cost of its parts.
struct MeasuredSession {
    engine: Engine,
    now: Time,
    agents: VecDeque<(IssueNumber, u32)>,
    classify_s: f64,
    admit_s: f64,
    decide_s: f64,
    memory_mib: Option<f64>,
}

impl MeasuredSession {
    fn measured(n_issues: u64) -> Self {
        let issues: Vec<Issue> = (1..=n_issues).map(issue).collect();
        let before = own_memory_mib();
        let mut measured = Self {
            engine: Engine::new(),
            now: Time::from_ms(1),
            agents: VecDeque::new(),
            classify_s: 0.0,
            admit_s: 0.0,
            decide_s: 0.0,
            memory_mib: None,
        };
        measured.plan(issues);
        measured.memory_mib = before.and_then(|before| Some(own_memory_mib()? - before));
        measured.run();
        measured
    }

    /// Classifies the backlog and admits it; the first tasks start as part of it.
    fn plan(&mut self, issues: Vec<Issue>) {
        let strategies = Strategies::builtin();
        let settings = Settings {
            cost_reporting: CostReporting::Free,
            model: ModelChoice::Fixed { model: None },
            n_slots: 4,
            budget: Usd::from_cents(0),
            ..Settings::default()
        };
        let started = Input::Session(SessionInput::Started {
            settings: Box::new(settings),
            info: SessionInfo::default(),
            history: CostHistory::default(),
        });
        let begun = own_cpu_s();
        self.give(started);
        let asked = self.give(Input::Intake(IntakeInput::BacklogFetched {
            issues,
            warnings: Vec::new(),
            n_api_calls: 0,
        }));
        let fetched = own_cpu_s();
        self.admit_s = fetched - begun;
        let classified: Vec<Input> = asked
            .iter()
            .filter_map(|effect| match effect {
                Effect::Task(TaskEffect::Classify { issue }) => {
                    Some(Input::Task(TaskInput::Classified {
                        issue: issue.number,
                        classification: strategies.classify(issue).unwrap(),
                    }))
                }
                _ => None,
            })
            .collect();
        let asked_for = own_cpu_s();
        self.classify_s = asked_for - fetched;
        for input in classified {
            self.give(input);
        }
        self.admit_s += own_cpu_s() - asked_for;
    }

    /// Lets agents finish one after another; each frees a slot for the next start.
    fn run(&mut self) {
        let begun = own_cpu_s();
        for _ in 0..N_DECISIONS {
            let Some((issue, attempt)) = self.agents.pop_front() else {
                break;
            };
            self.give(Input::Attempt(AttemptInput::AgentExited {
                issue,
                attempt,
                report: done(),
            }));
        }
        self.decide_s = own_cpu_s() - begun;
    }

    /// Feeds an input and answers every effect that follows; returns the issues to classify.
    fn give(&mut self, input: Input) -> Vec<Effect> {
        let mut inputs = VecDeque::from([input]);
        let mut unanswered = Vec::new();
        while let Some(input) = inputs.pop_front() {
            self.now = self.now + 1;
            for effect in self.engine.step(self.now, input).effects {
                match effect {
                    Effect::Task(TaskEffect::Classify { .. }) => unanswered.push(effect),
                    Effect::Attempt(AttemptEffect::LeaseWorktree { issue, attempt, .. }) => {
                        inputs.push_back(Input::Attempt(AttemptInput::WorktreeLeased {
                            issue,
                            attempt,
                            base: String::new(),
                        }));
                    }
                    Effect::Attempt(AttemptEffect::RunAgent(order)) => {
                        self.agents.push_back((order.issue.number, order.attempt))
                    }
                    Effect::Attempt(AttemptEffect::CollectWork { issue, attempt, .. }) => inputs
                        .push_back(Input::Attempt(AttemptInput::WorkCollected {
                            issue: issue.number,
                            attempt,
                            work: Some(Work::default()),
                            notes: Vec::new(),
                        })),
                    Effect::Attempt(AttemptEffect::Publish(order)) => {
                        inputs.push_back(Input::Attempt(AttemptInput::Published {
                            issue: order.issue.number,
                            attempt: order.attempt,
                            publication: Publication::default(),
                        }));
                    }
                    _ => {}
                }
            }
        }
        unanswered
    }
}

fn done() -> AgentReport {
    AgentReport {
        ended: Ended::Done,
        spent: Spent::Known(Usd::ZERO),
        session: None,
        summary: None,
        denied: Vec::new(),
        n_turns: None,
        model: None,
        notes: Vec::new(),
        has_lost_session: false,
        tokens: 0,
        duration_ms: 0,
    }
}

/// Returns an issue of about 1.5 KB in a realistic form: two paragraphs, a list, a few paths, some
/// output.
fn issue(number: u64) -> Issue {
    let subject = SUBJECTS[at(number, 1, SUBJECTS.len())];
    let file = |salt: u64| {
        let directory = DIRECTORIES[at(number, salt, DIRECTORIES.len())];
        format!(
            "{directory}/part{}/file{}",
            at(number, salt + 1, 40),
            at(number, salt + 2, 400)
        )
    };
    let sentence = |salt: u64| {
        let word = |n: u64| WORDS[at(number, salt + n, WORDS.len())];
        (0..14).map(word).collect::<Vec<_>>().join(" ")
    };
    let paragraph = |salt: u64| {
        format!(
            "{}. {}. {}.",
            sentence(salt),
            sentence(salt + 20),
            sentence(salt + 40)
        )
    };
    let body = format!(
        "{}\n\nIt happens in `{}.rs` and perhaps in `{}.ts`, since the {subject} was changed.\n\n{}\n\n\
         - [ ] {}\n- [ ] {}\n\n```text\nerror: {}\n  at {}.rs:{}\n```\n",
        paragraph(100),
        file(10),
        file(20),
        paragraph(200),
        sentence(300),
        sentence(320),
        sentence(340),
        file(10),
        at(number, 30, 900),
    );
    Issue {
        number: IssueNumber(number),
        title: format!(
            "The {subject} {} {number}",
            sentence(400)
                .split(' ')
                .take(3)
                .collect::<Vec<_>>()
                .join(" ")
        ),
        body,
        author: "ada".to_owned(),
        created_at: Time::from_ms(number * 60_000),
        ..Issue::default()
    }
}

/// Returns a position below `length`, determined by the issue and a salt alone (the finalizer of
/// SplitMix64).
fn at(number: u64, salt: u64, length: usize) -> usize {
    let mut bits = (number << 16 | salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((bits ^ bits >> 31) % length as u64).expect("below `length`")
}

const SUBJECTS: [&str; 12] = [
    "endpoint",
    "button",
    "migration",
    "pipeline",
    "token check",
    "flaky test",
    "guide",
    "cache",
    "menu",
    "query",
    "container image",
    "export",
];

const DIRECTORIES: [&str; 8] = [
    "src/api",
    "src/components",
    "migrations",
    "deploy",
    "src/auth",
    "tests",
    "docs",
    "src/core",
];

const WORDS: [&str; 64] = [
    "the",
    "a",
    "when",
    "after",
    "user",
    "request",
    "page",
    "slow",
    "fails",
    "returns",
    "again",
    "only",
    "with",
    "and",
    "empty",
    "list",
    "of",
    "server",
    "response",
    "table",
    "index",
    "timeout",
    "second",
    "time",
    "we",
    "see",
    "that",
    "value",
    "is",
    "not",
    "saved",
    "click",
    "form",
    "login",
    "session",
    "expires",
    "too",
    "early",
    "before",
    "upload",
    "large",
    "file",
    "should",
    "show",
    "message",
    "instead",
    "error",
    "log",
    "says",
    "nothing",
    "about",
    "it",
    "release",
    "since",
    "last",
    "week",
    "every",
    "third",
    "run",
    "in",
    "production",
    "two",
    "workers",
    "at",
];
