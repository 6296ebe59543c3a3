//! Events as text: one wording for the plain lines, the live screen and `show`.
//!
//! Text from outside is made printable here, so callers can print sentences as they are.

mod attempt;
mod intake;
mod plan;
mod service;
mod session;
mod task;

use autoissue_core::chronicle::{Counts, TaskStatus};
use autoissue_core::engine::{
    Blocked, Engine, Event, IssueNumber, Outcome, SessionInfo, Time, Work,
};

use crate::local_time::LocalTime;
use crate::printable::{cut, first_line, one_line};

pub(crate) use plan::{stage_of_plan, title_of};
pub(crate) use task::plugin_failed;

/// Maximum width of an external message in a sentence, in columns. `show` has the rest.
const MESSAGE_COLUMNS_MAX: usize = 240;

/// Maximum width of a title in a sentence, in columns.
const TITLE_COLUMNS_MAX: usize = 80;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// The task it is about.
    pub(crate) issue: Option<IssueNumber>,
    /// The text: printable, without a final period.
    pub(crate) text: String,
    /// How to present it.
    pub(crate) tone: Tone,
}

/// How to present a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Shown only in the full history.
    Detail,
    /// A normal step.
    Plain,
    /// A success.
    Good,
    /// Something worth knowing.
    Warning,
    /// A failure.
    Bad,
}

/// Describes an event. `engine` is the state after the event.
pub(crate) fn narrate(event: &Event, engine: &Engine, time: &LocalTime) -> Vec<Sentence> {
    let issue = event.issue();
    let sentence = |(tone, text): (Tone, String)| Sentence { issue, text, tone };
    say(event, engine, time).into_iter().map(sentence).collect()
}

/// Describes an event. Each chapter has its own module.
fn say(event: &Event, engine: &Engine, time: &LocalTime) -> Vec<(Tone, String)> {
    match event {
        Event::Session(event) => session::say(event),
        Event::Plan(event) => plan::say(event, engine, time),
        Event::Intake(event) => intake::say(event, engine, time),
        Event::Task(event) => task::say(event, engine),
        Event::Attempt(event) => attempt::say(event, engine, time),
        Event::Service(event) => service::say(event, time),
    }
}

/// Returns the number of tasks in a state: `3 done`, `1 needs you`.
pub(crate) fn counted_state(n: u32, state: TaskStatus) -> String {
    let name = match state {
        TaskStatus::Waiting => "waiting",
        TaskStatus::Running => "running",
        TaskStatus::Done => "done",
        TaskStatus::AlreadyOpen => "already open",
        TaskStatus::AlreadyMerged => "already merged",
        TaskStatus::NeedsYou if n == 1 => "needs you",
        TaskStatus::NeedsYou => "need you",
        TaskStatus::Failed => "failed",
        TaskStatus::NotStarted => "not started",
    };
    format!("{n} {name}")
}

/// Returns the number of ended tasks by outcome: `3 done, 1 failed of 5`.
pub(crate) fn ended_of(counts: &Counts) -> String {
    let ended: Vec<String> = counts
        .ended()
        .map(|(state, n)| counted_state(n, state))
        .collect();
    match (counts.total, ended.is_empty()) {
        (0, _) => "none".to_owned(),
        (n, true) => format!("none of {n} ended"),
        (n, false) => format!("{} of {n}", ended.join(", ")),
    }
}

/// Returns what a session works on: a label or a plan.
pub(crate) fn subject(info: &SessionInfo) -> String {
    match &info.directive {
        Some(_) => format!("plan of {}", title_of(info)),
        None => format!("label `{}`", one_line(&info.label)),
    }
}

fn next_try(retry_at: Option<Time>, time: &LocalTime) -> String {
    match retry_at {
        None => "not retrying".to_owned(),
        Some(at) if at.ms() == 0 => "retrying".to_owned(),
        Some(at) => format!("retrying at {}", time.clock(at.ms())),
    }
}

/// Describes how a task ended.
pub(crate) fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { .. } => format!("done: {}", message(&outcome.to_string())),
        // The type of a failure is in the JSON output.
        Outcome::Failed { message: why, .. } => format!("failed: {}", message(why)),
        _ => message(&outcome.to_string()),
    }
}

/// Describes why a task is not running, with local times.
pub(crate) fn blocked(why: &Blocked, time: &LocalTime) -> String {
    message(&why.text(|at| time.clock(at.ms())))
}

/// Returns `+34 −5 in 3 files`.
pub(crate) fn diff_stat(work: &Work) -> String {
    format!(
        "+{} −{} in {}",
        work.added,
        work.removed,
        counted(work.n_files, "file")
    )
}

/// Returns `1 task`, `2 tasks`.
pub(crate) fn counted(n: impl TryInto<u64>, noun: &str) -> String {
    match n.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

/// Returns a title, printable and shortened.
pub(crate) fn title(text: &str) -> String {
    cut(&one_line(text), TITLE_COLUMNS_MAX)
}

/// Returns the first line of an external message, printable and shortened.
pub(crate) fn message(text: &str) -> String {
    cut(&first_line(text), MESSAGE_COLUMNS_MAX)
}

/// Returns the name of a model, or a placeholder.
pub(crate) fn model_name(model: Option<&str>) -> String {
    model.map_or_else(|| "the agent's default model".to_owned(), one_line)
}

/// Returns an abbreviated commit id.
pub(crate) fn short(commit: &str) -> String {
    one_line(commit).chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::{
        AgentReport, AttemptEvent, CheckResult, Ended, Failure, IntakeEvent, Issue, Publication,
        PullRequest, Service, ServiceEvent, SessionEvent, SessionOutcome, Spent, TaskEvent, Usd,
    };
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::{classified, started};

    fn told(events: &[Event]) -> String {
        let mut engine = Engine::new();
        let mut lines = Vec::new();
        for event in events {
            engine.apply(event);
            for Sentence { issue, text, tone } in narrate(event, &engine, &LocalTime::utc()) {
                let issue = issue.map(|issue| format!("{issue} ")).unwrap_or_default();
                lines.push(format!("{tone:?}: {issue}{text}"));
            }
        }
        lines.join("\n")
    }

    #[test]
    fn an_attempt_is_described_from_start_to_end() {
        let issue = IssueNumber(12);
        let report = AgentReport {
            ended: Ended::Done,
            spent: Spent::Unknown,
            session: None,
            summary: None,
            denied: vec!["Bash(\u{1b}[31mrm)".to_owned()],
            n_turns: None,
            model: None,
            notes: Vec::new(),
            has_lost_session: false,
            tokens: 1,
            duration_ms: 185_000,
        };
        let work = Work {
            n_files: 1,
            added: 3,
            removed: 1,
            commit: "0123456789abcdef".to_owned(),
            ..Work::default()
        };
        let pull_request = PullRequest {
            number: 31,
            url: "https://x/31".to_owned(),
        };
        let publication = Publication {
            pull_request: Some(pull_request.clone()),
            ..Publication::default()
        };
        let events = [
            started(Default::default()),
            Event::Task(TaskEvent::Accepted {
                issue: Issue {
                    number: issue,
                    title: "Fix\u{202e} it".to_owned(),
                    ..Issue::default()
                }
                .into(),
            }),
            Event::Intake(IntakeEvent::BacklogRead {
                n_issues: 1,
                warnings: vec!["issue #9 is odd".to_owned()],
                n_api_calls: 0,
            }),
            classified(12, "backend"),
            Event::Task(TaskEvent::ModelSelected {
                issue,
                model: Some("sonnet".to_owned()),
                effort: Some(autoissue_core::engine::Effort::High),
                reason: "set".to_owned(),
                estimate: Usd::from_cents(500),
            }),
            Event::Intake(IntakeEvent::BacklogAdmitted {
                estimate: Usd::from_cents(500),
                n_tasks: 1,
            }),
            Event::Attempt(AttemptEvent::Started {
                issue,
                attempt: 1,
                reserved: Usd::from_cents(500),
                model: Some("sonnet".to_owned()),
            }),
            Event::Attempt(AttemptEvent::WorktreeLeased {
                issue,
                attempt: 1,
                base: "0123456789abcdef".to_owned(),
            }),
            Event::Attempt(AttemptEvent::AgentExited {
                issue,
                attempt: 1,
                report,
                cost: Usd::from_cents(50),
                estimated: true,
            }),
            Event::Attempt(AttemptEvent::WorkCollected {
                issue,
                attempt: 1,
                work: Some(work),
                notes: Vec::new(),
            }),
            Event::Attempt(AttemptEvent::ChecksFinished {
                issue,
                attempt: 1,
                results: vec![CheckResult {
                    passed: true,
                    ..CheckResult::default()
                }],
                passed: true,
            }),
            Event::Attempt(AttemptEvent::Published {
                issue,
                attempt: 1,
                publication,
            }),
            Event::Task(TaskEvent::Finished {
                issue,
                outcome: Outcome::Done {
                    pull_request: Some(pull_request),
                },
            }),
            Event::Session(SessionEvent::Finished {
                outcome: SessionOutcome::Completed,
            }),
        ];
        assert_snapshot!(told(&events), @"
        Plain: session of owner/shop, label `bug`, budget $50.00
        Detail: #12 accepted: Fix it
        Plain: 1 issue read
        Warning: issue #9 is odd
        Detail: #12 domain backend (1.0): the title says so
        Detail: #12 model sonnet, effort high (set), estimated $5.00
        Plain: 1 task to run, estimated $5.00 of $50.00
        Plain: #12 attempt 1 started · backend · sonnet · $5.00 reserved
        Detail: #12 worktree ready at 0123456789
        Plain: #12 agent finished in 3 min 5 s, $0.50 (estimated)
        Warning: #12 the agent was denied Bash(rm)
        Plain: #12 +3 −1 in 1 file at 0123456789
        Plain: #12 1 check passed
        Good: #12 opened pull request #31 https://x/31
        Good: #12 done: pull request #31 · $0.50
        Plain: session finished
        ");
    }

    #[test]
    fn trouble_is_described_in_local_time_and_on_one_line() {
        let service = Service::Agent("claude".to_owned());
        let until = Time::from_ms(5_527_000);
        let events = [
            started(Default::default()),
            Event::Intake(IntakeEvent::BacklogDelayed {
                failure: Failure::Network {
                    message: "no\nroute".to_owned(),
                },
                until,
            }),
            Event::Service(ServiceEvent::Paused {
                service: service.clone(),
                until,
                message: "limit\u{7} reached".to_owned(),
            }),
            Event::Service(ServiceEvent::BreakerOpened {
                service,
                until,
                n_failures: 5,
                since: None,
            }),
            Event::Service(ServiceEvent::BreakerOpened {
                service: Service::Machine,
                until,
                n_failures: 7,
                since: Some(Time::from_ms(0)),
            }),
            Event::Session(SessionEvent::Stopping {
                message: "bad credentials".to_owned(),
                resumable: false,
            }),
        ];
        assert_snapshot!(told(&events), @"
        Plain: session of owner/shop, label `bug`, budget $50.00
        Warning: reading the backlog failed: no · retrying at 01:32:07
        Warning: agent `claude` is paused until 01:32:07: limit reached
        Bad: agent `claude` failed 5 times in a row; pausing, next try at 01:32:07
        Bad: the disk has been full since 00:00:00 and nothing can start; free up disk space, next try at 01:32:07
        Bad: no more work will start: bad credentials
        ");
    }

    #[test]
    fn the_reason_for_waiting_is_shown_in_local_time() {
        let until = Time::from_ms(5_527_000);
        let agent = Service::Agent("claude".to_owned());
        for (why, text) in [
            (Blocked::Delay(until), "retrying at 01:32:07"),
            (
                Blocked::ServicePaused(agent.clone(), until, "limit\u{7} reached".to_owned()),
                "agent `claude` is paused until 01:32:07: limit reached",
            ),
            (
                Blocked::BreakerOpen(agent, until),
                "agent `claude` failed too often; paused until 01:32:07",
            ),
            (
                Blocked::BreakerOpen(Service::Machine, until),
                "the disk is full; paused until 01:32:07",
            ),
            (Blocked::Turn, "waiting for its turn"),
        ] {
            assert_eq!(blocked(&why, &LocalTime::utc()), text);
        }
    }
}
