//! The random parts of a simulated session: limits, backlogs, and answers.

use std::collections::{BTreeMap, BTreeSet};

use autoissue_engine::*;
use autoissue_engine::{AttemptInput, IntakeInput, TaskInput};
use fastrand::Rng;

use super::{Agent, Edition};
use crate::START;

/// An impossible cost: more than a hundred times what any task may spend.
pub(super) const ABSURD: Usd = Usd::from_cents(10_000_000);
/// Name of the check that an unfinished merge fails.
const CONFLICT_MARKERS: &str = "conflict markers";

const DOMAINS: [&str; 5] = ["backend", "frontend", "docs", "testing", "unknown"];
const PATHS: [&str; 10] = [
    "src/a.rs",
    "src/b.rs",
    "src/",
    "src/api/c.rs",
    "*.rs",
    "docs/a.md",
    "docs/",
    "a.rs",
    "./src/a.rs",
    "web/app.ts",
];

/// How unreliable the world is in this session.
pub(crate) struct FaultRates {
    /// Chance that an effect fails.
    failure_percent: u32,
    pub(super) doubled_percent: u32,
    pub(super) clock_jump_permille: u32,
    pub(super) n_crashes: u32,
    pub(super) n_interrupts: u32,
    pub(super) n_resets: u32,
    /// Accidents happen within this time.
    pub(super) length_ms: u64,
    /// Periods in which every agent run fails.
    outages: Vec<(Time, Time)>,
    forge_outages: Vec<(Time, Time)>,
    has_auth_failures: bool,
    /// Chances of the second edition's faults; zero in the first.
    withdrawn_percent: u32,
    unmerged_percent: u32,
    refused_percent: u32,
    disk_full_percent: u32,
    panic_percent: u32,
    pub(super) odd_report_percent: u32,
    stood_in_percent: u32,
    unfinished_percent: u32,
}

/// Returns whether something with this chance happens. A chance of zero draws nothing from the
/// generator.
pub(super) fn happens(rng: &mut Rng, percent: u32) -> bool {
    0 < percent && rng.u32(..100) < percent
}

impl FaultRates {
    pub(super) fn new(rng: &mut Rng, edition: Edition) -> Self {
        fn chance(rng: &mut Rng, edition: Edition, chances: [u32; 4]) -> u32 {
            match edition {
                Edition::First => 0,
                Edition::Second => chances[rng.usize(..4)],
            }
        }

        let length_ms = rng.u64(60_000..6 * 3_600_000);
        Self {
            failure_percent: [0, 5, 20, 40][rng.usize(..4)],
            doubled_percent: [0, 3, 20][rng.usize(..3)],
            clock_jump_permille: [0, 0, 5][rng.usize(..3)],
            n_crashes: [0, 0, 1, 4][rng.usize(..4)],
            n_interrupts: [0, 0, 1, 2][rng.usize(..4)],
            n_resets: [0, 0, 0, 2][rng.usize(..4)],
            length_ms,
            outages: outages(rng, length_ms),
            forge_outages: outages(rng, length_ms),
            has_auth_failures: rng.u32(..10) == 0,
            withdrawn_percent: chance(rng, edition, [0, 0, 5, 30]),
            unmerged_percent: chance(rng, edition, [0, 0, 5, 30]),
            refused_percent: chance(rng, edition, [0, 0, 2, 20]),
            disk_full_percent: chance(rng, edition, [0, 0, 2, 10]),
            panic_percent: chance(rng, edition, [0, 0, 2, 10]),
            odd_report_percent: chance(rng, edition, [0, 0, 3, 15]),
            stood_in_percent: chance(rng, edition, [0, 0, 5, 30]),
            unfinished_percent: chance(rng, edition, [0, 0, 20, 60]),
        }
    }

    /// Returns why an agent does not start, if so.
    pub(super) fn start_failure(&self, rng: &mut Rng, now: Time) -> Option<Failure> {
        if happens(rng, self.disk_full_percent) {
            let message = "no space".to_owned();
            return Some(Failure::DiskFull { message });
        }
        (rng.u32(..500) < self.failure_percent).then(|| self.failure(rng, now))
    }

    /// Returns how an agent run will end.
    pub(super) fn end(&self, rng: &mut Rng, now: Time) -> Ended {
        if is_within(&self.outages, now) {
            return Ended::Failed {
                failure: service_failure(rng, now),
            };
        }
        if rng.u32(..100) < self.failure_percent {
            return Ended::Failed {
                failure: self.failure(rng, now),
            };
        }
        Ended::Done
    }

    /// Returns why the forge does not answer, if so.
    pub(super) fn forge_failure(&self, rng: &mut Rng, now: Time) -> Option<Failure> {
        if is_within(&self.forge_outages, now) {
            return Some(service_failure(rng, now));
        }
        if happens(rng, self.refused_percent) {
            let message = "signatures are required".to_owned();
            return Some(Failure::Refused { message });
        }
        (rng.u32(..200) < self.failure_percent).then(|| self.failure(rng, now))
    }

    /// Returns a failure that can happen to any effect: a full disk, or a panic.
    fn mishap(&self, rng: &mut Rng, of: &str) -> Option<Failure> {
        if happens(rng, self.disk_full_percent) {
            let message = format!("{of}: no space");
            return Some(Failure::DiskFull { message });
        }
        let message = format!("{of} panicked");
        happens(rng, self.panic_percent).then_some(Failure::Crash { message })
    }

    fn failure(&self, rng: &mut Rng, now: Time) -> Failure {
        let message = "it failed".to_owned();
        match rng.u32(..12) {
            0 => Failure::Validation { message },
            1 => Failure::NeedsPerson { message },
            2..=4 => Failure::Task { message },
            5 => Failure::NoChange,
            6 if self.has_auth_failures => Failure::Auth { message },
            _ => service_failure(rng, now),
        }
    }
}

fn outages(rng: &mut Rng, length_ms: u64) -> Vec<(Time, Time)> {
    (0..[0, 0, 1, 2][rng.usize(..4)])
        .map(|_| {
            let start = START + rng.u64(..length_ms);
            (start, start + rng.u64(..3_600_000))
        })
        .collect()
}

fn is_within(times: &[(Time, Time)], now: Time) -> bool {
    times.iter().any(|&(start, end)| start <= now && now < end)
}

fn service_failure(rng: &mut Rng, now: Time) -> Failure {
    let message = "unavailable".to_owned();
    match rng.u32(..6) {
        0 => Failure::Crash { message },
        1 => Failure::Timeout { message },
        2 => Failure::Network { message },
        3 => Failure::Overloaded { message },
        4 => Failure::RateLimit {
            message,
            until: None,
        },
        // Some services report a time that has passed, or one that makes no sense.
        _ => {
            let until = [Time::default(), now, now + rng.u64(..3_600_000)][rng.usize(..3)];
            Failure::RateLimit {
                message,
                until: Some(until),
            }
        }
    }
}

pub(super) fn settings(rng: &mut Rng) -> Settings {
    let cents = |rng: &mut Rng, range: std::ops::Range<i64>| Usd::from_cents(rng.i64(range));
    Settings {
        budget: cents(rng, 100..10_000),
        task_cap: cents(rng, 5..600),
        turn_margin: cents(rng, 0..50),
        cost_reporting: [
            CostReporting::AsItGoes,
            CostReporting::AsItGoes,
            CostReporting::AtTheEnd,
            CostReporting::Free,
        ][rng.usize(..4)],
        n_slots: rng.u32(1..7),
        max_retries: rng.u32(..4),
        max_per_domain: rng.u32(1..3),
        exclusive_domains: DOMAINS
            .iter()
            .filter(|_| rng.u32(..4) == 0)
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>(),
        breaker_threshold: rng.u32(1..7),
        breaker_cooldown_ms: rng.u64(1_000..600_000),
        allow_partial: rng.u32(..3) > 0,
        dry_run: rng.u32(..40) == 0,
        agent: "claude".to_owned(),
        model: [ModelChoice::Auto, ModelChoice::Fixed { model: None }][rng.usize(..2)].clone(),
        has_checks: rng.bool(),
        red_base: [RedBase::Fail, RedBase::IgnoreKnown][rng.usize(..2)],
        start_until: (rng.u32(..6) == 0).then(|| START + rng.u64(..2 * 3_600_000)),
        seed: rng.u64(..),
        deciders: BTreeMap::new(),
        plan: (rng.u32(..4) == 0).then(|| plan_rules(rng)),
        ignore_outside: rng.u32(..6) == 0,
    }
}

fn plan_rules(rng: &mut Rng) -> PlanRules {
    let source = if rng.u32(..4) == 0 {
        PlanSource::Given
    } else {
        PlanSource::Planner {
            model: None,
            cap: Usd::from_cents(rng.i64(5..600)),
        }
    };
    PlanRules {
        source,
        confirm: rng.u32(..3) == 0,
    }
}

/// Returns a plan. Issues to be created first may depend on later ones.
pub(super) fn plan(rng: &mut Rng) -> Plan {
    let n = rng.u32(1..12);
    let issue = |at: u32| {
        // Cycles would have been rejected, so even issues depend on odd ones only.
        let depends_on = (1..=n)
            .filter(|on| at.is_multiple_of(2) && !on.is_multiple_of(2) && rng.u32(..n) == 0)
            .collect();
        PlannedIssue {
            title: format!("issue {at}"),
            depends_on,
            ..PlannedIssue::default()
        }
    };
    Plan {
        id: "plan".to_owned(),
        created_at: START,
        issues: (1..=n).map(issue).collect(),
    }
}

/// Returns the issues that were created from a plan.
pub(super) fn backlog_of(plan: &Plan, created: &[IssueNumber]) -> Vec<Issue> {
    let issue = |(planned, &number): (&PlannedIssue, &IssueNumber)| Issue {
        number,
        title: planned.title.clone(),
        created_at: START,
        dependencies: planned
            .depends_on
            .iter()
            .map(|on| Dependency {
                number: created[*on as usize - 1],
                open: true,
            })
            .collect(),
        ..Issue::default()
    };
    plan.issues.iter().zip(created).map(issue).collect()
}

/// Returns the answer of a planner that finished.
pub(super) fn answer(rng: &mut Rng, plan: &Plan) -> Option<Answer> {
    match rng.u32(..8) {
        0 => None,
        1 => Some(Answer::Rejected(Rejection {
            message: "no title".to_owned(),
            file: String::new(),
        })),
        _ => Some(Answer::Plan(plan.clone())),
    }
}

pub(super) fn history(rng: &mut Rng) -> CostHistory {
    let mut history = CostHistory::default();
    for model in ["", "sonnet", "opus"] {
        let n = rng.usize(..6);
        history.0.insert(
            model.to_owned(),
            (0..n).map(|_| Usd::from_cents(rng.i64(1..400))).collect(),
        );
    }
    history
}

/// Returns the work that earlier sessions left on some of the issues.
pub(super) fn unfinished(
    rng: &mut Rng,
    rates: &FaultRates,
) -> BTreeMap<IssueNumber, UnfinishedWork> {
    let mut left = BTreeMap::new();
    for number in 1..=N_ISSUES_MAX {
        if happens(rng, rates.unfinished_percent) {
            let spent = Usd::from_cents(rng.i64(1..400));
            let session = AgentSession {
                id: "session".to_owned(),
                spent,
            };
            let unfinished = UnfinishedWork {
                spent,
                base: format!("base of #{number}"),
                work: rng.bool().then(|| format!("work of #{number}")),
                session: rng.bool().then_some(session),
            };
            left.insert(IssueNumber(number), unfinished);
        }
    }
    left
}

/// Maximum number of issues in a backlog.
const N_ISSUES_MAX: u64 = 40;

fn backlog(rng: &mut Rng, rates: &FaultRates) -> Vec<Issue> {
    let n = [3, 8, 20, N_ISSUES_MAX + 1][rng.usize(..4)];
    let n = rng.u64(..n);
    let may_be_circular = rng.u32(..30) == 0;
    let n_dependencies = rng.u32(..3);
    (1..=n)
        .map(|number| {
            let mut issue = issue(rng, number, n, n_dependencies, may_be_circular);
            if happens(rng, rates.withdrawn_percent / 2) {
                match rng.bool() {
                    true => issue.open_branch = Some(format!("autoissue/issue-{number}")),
                    false => issue.merged_pull_request = Some(pull_request(number)),
                }
            }
            issue
        })
        .collect()
}

fn pull_request(number: u64) -> PullRequest {
    PullRequest {
        number: 900 + number,
        url: String::new(),
    }
}

fn issue(rng: &mut Rng, number: u64, n: u64, n_dependencies: u32, may_be_circular: bool) -> Issue {
    let dependencies = (0..n_dependencies)
        .filter_map(|_| {
            let on = if may_be_circular {
                rng.u64(1..=n)
            } else {
                rng.u64(..number)
            };
            let on = if rng.u32(..30) == 0 { 1_000 + on } else { on };
            (on > 0 && rng.u32(..3) == 0).then(|| Dependency {
                number: IssueNumber(on),
                open: rng.u32(..3) > 0 || on < 1_000,
            })
        })
        .collect();
    let labels = ["P0", "priority: low", "bug", "bug", "bug"];
    Issue {
        number: IssueNumber(number),
        title: format!("issue {number}"),
        labels: vec![labels[rng.usize(..5)].to_owned()],
        created_at: Time::from_ms(rng.u64(..50)),
        dependencies,
        open_pull_request: (rng.u32(..15) == 0).then(|| pull_request(number)),
        ..Issue::default()
    }
}

/// Answers an effect according to the weather of the session.
pub(super) fn work(
    rng: &mut Rng,
    rates: &FaultRates,
    settings: &Settings,
    now: Time,
    effect: Effect,
) -> Input {
    match effect {
        Effect::Intake(IntakeEffect::FetchBacklog { .. }) => match rates.forge_failure(rng, now) {
            Some(failure) => Input::Intake(IntakeInput::BacklogFailed { failure }),
            None => Input::Intake(IntakeInput::BacklogFetched {
                issues: backlog(rng, rates),
                warnings: vec![],
                n_api_calls: 0,
            }),
        },
        Effect::Task(TaskEffect::Classify { issue }) if rng.u32(..60) == 0 => {
            plugin_failure(rng, issue.number, "classifier")
        }
        Effect::Task(TaskEffect::SelectModel { issue, .. }) if rng.u32(..60) == 0 => {
            plugin_failure(rng, issue.number, "model-selector")
        }
        Effect::Task(TaskEffect::Classify { issue }) => Input::Task(TaskInput::Classified {
            issue: issue.number,
            classification: classification(rng),
        }),
        Effect::Task(TaskEffect::SelectModel { issue, .. }) => {
            let model = ["sonnet", "opus"][rng.usize(..2)].to_owned();
            Input::Task(TaskInput::ModelSelected {
                issue: issue.number,
                model: Some(model),
                effort: None,
                reason: String::new(),
            })
        }
        Effect::Intake(IntakeEffect::CheckBase) => {
            let red_percent = if rng.bool() { 0 } else { rates.failure_percent };
            Input::Intake(IntakeInput::BaseChecked {
                results: checks(rng, red_percent),
            })
        }
        Effect::Attempt(AttemptEffect::LeaseWorktree { issue, attempt, .. })
            if rng.u32(..1_000) < rates.failure_percent =>
        {
            Input::Attempt(AttemptInput::Failed {
                issue,
                attempt,
                failure: Failure::DiskFull {
                    message: "no space".to_owned(),
                },
            })
        }
        Effect::Attempt(AttemptEffect::LeaseWorktree { issue, attempt, .. }) => {
            match rates.forge_failure(rng, now) {
                Some(failure) => Input::Attempt(AttemptInput::Failed {
                    issue,
                    attempt,
                    failure,
                }),
                None if happens(rng, rates.withdrawn_percent) => {
                    Input::Attempt(AttemptInput::Withdrawn {
                        issue,
                        attempt,
                        found: withdrawal(rng, issue),
                    })
                }
                None => Input::Attempt(AttemptInput::WorktreeLeased {
                    issue,
                    attempt,
                    base: format!("base of {issue}.{attempt}"),
                }),
            }
        }
        Effect::Attempt(AttemptEffect::CollectWork { issue, attempt, .. }) => {
            let issue = issue.number;
            if let Some(failure) = rates.mishap(rng, "collection") {
                return Input::Attempt(AttemptInput::Failed {
                    issue,
                    attempt,
                    failure,
                });
            }
            if rng.u32(..400) < rates.failure_percent {
                let failure = Failure::Crash {
                    message: "not collected".to_owned(),
                };
                return Input::Attempt(AttemptInput::Failed {
                    issue,
                    attempt,
                    failure,
                });
            }
            let has_work = rng.u32(..100) >= rates.failure_percent;
            let is_unmerged = happens(rng, rates.unmerged_percent);
            let work = Work {
                commit: format!("work of {issue}.{attempt}"),
                conflicts: if is_unmerged {
                    vec!["src/a.rs".to_owned()]
                } else {
                    Vec::new()
                },
                ..Work::default()
            };
            let notes = if is_unmerged && !has_work {
                vec!["`out/` is ignored".to_owned()]
            } else {
                Vec::new()
            };
            Input::Attempt(AttemptInput::WorkCollected {
                issue,
                attempt,
                work: has_work.then_some(work),
                notes,
            })
        }
        Effect::Attempt(AttemptEffect::RunChecks {
            issue,
            attempt,
            work,
            ..
        }) => match rates.mishap(rng, "checks") {
            Some(failure) => Input::Attempt(AttemptInput::Failed {
                issue,
                attempt,
                failure,
            }),
            None => Input::Attempt(AttemptInput::ChecksFinished {
                issue,
                attempt,
                results: results(rng, rates, settings, &work),
            }),
        },
        Effect::Attempt(AttemptEffect::Publish(order)) => {
            let (issue, attempt) = (order.issue.number, order.attempt);
            let failed = rates.mishap(rng, "publication");
            match failed.or_else(|| rates.forge_failure(rng, now)) {
                Some(failure) => Input::Attempt(AttemptInput::Failed {
                    issue,
                    attempt,
                    failure,
                }),
                None => Input::Attempt(AttemptInput::Published {
                    issue,
                    attempt,
                    publication: Publication {
                        commit: format!("{issue}"),
                        existed: happens(rng, rates.withdrawn_percent),
                        ..Publication::default()
                    },
                }),
            }
        }
        Effect::Plan(_)
        | Effect::Attempt(
            AttemptEffect::RunAgent(_)
            | AttemptEffect::Stop { .. }
            | AttemptEffect::ReleaseWorktree { .. },
        ) => {
            unreachable!(
                "agents take turns, plan_progress has its own module, the other effects have no answer: {settings:?}"
            )
        }
    }
}

/// A plugin that does not decide, without fallback.
fn plugin_failure(rng: &mut Rng, issue: IssueNumber, strategy: &str) -> Input {
    let then = [PluginFailureAction::Fail, PluginFailureAction::Skip][rng.usize(..2)];
    Input::Task(TaskInput::PluginFailed(trapped(issue, strategy, then)))
}

/// Returns the report about a plugin that the built-in replaces.
pub(super) fn stood_in(
    rng: &mut Rng,
    rates: &FaultRates,
    effect: &Effect,
) -> Option<PluginFailure> {
    let (issue, strategy) = match effect {
        Effect::Task(TaskEffect::Classify { issue }) => (issue, "classifier"),
        Effect::Task(TaskEffect::SelectModel { issue, .. }) => (issue, "model-selector"),
        _ => return None,
    };
    happens(rng, rates.stood_in_percent)
        .then(|| trapped(issue.number, strategy, PluginFailureAction::Fallback))
}

fn trapped(issue: IssueNumber, strategy: &str, action: PluginFailureAction) -> PluginFailure {
    PluginFailure {
        issue,
        strategy: strategy.to_owned(),
        plugin: "billing 0.1.0".to_owned(),
        message: "trapped".to_owned(),
        action,
    }
}

fn withdrawal(rng: &mut Rng, issue: IssueNumber) -> Withdrawal {
    match rng.u32(..5) {
        0 => Withdrawal::Closed,
        1 => Withdrawal::Gone,
        2 => Withdrawal::Unlabelled,
        3 => Withdrawal::Open(pull_request(issue.0)),
        _ => Withdrawal::Merged(pull_request(issue.0)),
    }
}

/// Returns the results of the checks on work, which fail on an unfinished merge.
fn results(
    rng: &mut Rng,
    rates: &FaultRates,
    settings: &Settings,
    work: &Work,
) -> Vec<CheckResult> {
    let mut results = if settings.has_checks {
        checks(rng, rates.failure_percent)
    } else {
        Vec::new()
    };
    if !work.conflicts.is_empty() {
        results.push(CheckResult {
            name: CONFLICT_MARKERS.to_owned(),
            ..CheckResult::default()
        });
    }
    results
}

fn classification(rng: &mut Rng) -> Classification {
    let paths = (0..rng.usize(..3))
        .map(|_| PATHS[rng.usize(..PATHS.len())].to_owned())
        .collect();
    Classification {
        domain: DOMAINS[rng.usize(..DOMAINS.len())].to_owned(),
        confidence: rng.f32(),
        paths,
        ..Classification::default()
    }
}

fn checks(rng: &mut Rng, red_percent: u32) -> Vec<CheckResult> {
    ["lint", "test"]
        .map(|name| CheckResult {
            name: name.to_owned(),
            passed: rng.u32(..100) >= red_percent,
            ..CheckResult::default()
        })
        .into()
}

/// Reports the end of an agent, as truthfully as agents do.
pub(super) fn report(
    rng: &mut Rng,
    agent: &Agent,
    is_at_limit: bool,
    is_stopped: bool,
    is_free: bool,
) -> AgentReport {
    let ended = if is_stopped && rng.u32(..3) > 0 {
        Ended::Failed {
            failure: Failure::Interrupted,
        }
    } else if is_at_limit {
        Ended::Budget
    } else {
        agent.ended.clone()
    };
    let spent = match rng.u32(..8) {
        _ if is_free => Spent::Known(Usd::ZERO),
        0 => Spent::Unknown,
        1 => Spent::AtLeast(agent.spent.half()),
        _ => Spent::Known(agent.spent),
    };
    AgentReport {
        ended,
        spent,
        session: rng.bool().then(|| "session".to_owned()),
        summary: None,
        denied: vec![],
        n_turns: None,
        model: None,
        notes: Vec::new(),
        has_lost_session: false,
        tokens: rng.u64(..),
        duration_ms: 1,
    }
}

/// Makes a report unusual: it reports an impossible cost, a session that is gone, or a run that did
/// nothing at all.
pub(super) fn odd_report(rng: &mut Rng, rates: &FaultRates, report: AgentReport) -> AgentReport {
    if !happens(rng, rates.odd_report_percent) {
        return report;
    }
    let message = "no conversation found".to_owned();
    match rng.u32(..4) {
        0 => AgentReport {
            spent: Spent::Known(ABSURD),
            ..report
        },
        1 => AgentReport {
            spent: Spent::AtLeast(ABSURD),
            ..report
        },
        2 => AgentReport {
            ended: Ended::Failed {
                failure: Failure::Task { message },
            },
            has_lost_session: true,
            ..report
        },
        _ => AgentReport {
            ended: Ended::Failed {
                failure: Failure::Task { message },
            },
            spent: Spent::Known(Usd::ZERO),
            tokens: 0,
            ..report
        },
    }
}

/// Returns the end of an agent whose effect panicked.
pub(super) fn panicked(
    rng: &mut Rng,
    rates: &FaultRates,
    issue: IssueNumber,
    attempt: u32,
) -> Option<Input> {
    let failure = rates
        .mishap(rng, "agent")
        .filter(|_| issue != IssueNumber::SESSION)?;
    Some(Input::Attempt(AttemptInput::Failed {
        issue,
        attempt,
        failure,
    }))
}
