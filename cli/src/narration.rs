//! Events in words, for people: one wording for the plain lines, the live screen and `show`.
//!
//! Strangers' text inside is made printable here, so that whoever prints a sentence need not think of it.

mod plan;

use autoissue_core::chronicle::{Counts, TaskState};
use autoissue_core::engine::{
    About, AgentReport, Blocked, CheckResult, Ended, Engine, Event, Instead, IssueNumber, Outcome,
    Publication, Service, SessionStatus, Settings, Task, Time, Undecided, Usd, Work,
};

use crate::local_time::{LocalTime, span};
use crate::printable::{cut, first_line, one_line};

pub(crate) use plan::{stage_of_plan, title_of};

/// Longest message of somebody else in a sentence, columns. The rest is in `show`.
const MESSAGE_COLUMNS_MAX: usize = 240;

/// Longest title in a sentence, columns.
const TITLE_COLUMNS_MAX: usize = 80;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// The task that it is about.
    pub(crate) issue: Option<IssueNumber>,
    /// What happened, printable, without a period.
    pub(crate) text: String,
    /// How it is to be taken.
    pub(crate) tone: Tone,
}

/// How a sentence is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// For the whole story only.
    Detail,
    /// A step on the way.
    Plain,
    /// What the night is for.
    Good,
    /// Somebody should know.
    Odd,
    /// Something failed.
    Bad,
}

/// Returns what an event says. `engine` is the state after it.
pub(crate) fn narrate(event: &Event, engine: &Engine, time: &LocalTime) -> Vec<Sentence> {
    let issue = event.issue();
    let sentence = |(tone, text): (Tone, String)| Sentence { issue, text, tone };
    say(event, engine, time).into_iter().map(sentence).collect()
}

/// One arm per event; what takes more than a line is told by a function of its own.
fn say(event: &Event, engine: &Engine, time: &LocalTime) -> Vec<(Tone, String)> {
    use Tone::{Bad, Detail, Good, Odd, Plain};
    let one = |tone, text: String| vec![(tone, text)];
    match event {
        Event::SessionStarted {
            settings, about, ..
        } => {
            let (repository, subject) = (one_line(&about.repository), subject(about));
            let text = format!(
                "session of {repository}, {subject}, budget {}",
                settings.budget
            );
            std::iter::once((Plain, text))
                .chain(deciders(settings))
                .collect()
        }
        Event::SessionResumed { settings } => {
            let text = format!("session goes on, budget {}", settings.budget);
            std::iter::once((Plain, text))
                .chain(deciders(settings))
                .collect()
        }
        Event::PlannerStarted { .. }
        | Event::PlannerMetered { .. }
        | Event::PlannerExited { .. }
        | Event::PlannerFailed { .. }
        | Event::PlanRejected { .. }
        | Event::PlanProposed { .. }
        | Event::ConfirmationAwaited
        | Event::PlanConfirmed
        | Event::PlanDeclined
        | Event::IssueCreated { .. }
        | Event::IssueLinked { .. }
        | Event::CreationDelayed { .. }
        | Event::CreationRetried
        | Event::CreationSuspended => plan::say(event, engine, time),
        Event::BacklogRead {
            n_issues, warnings, ..
        } => {
            let read = (Plain, format!("{} read", counted(*n_issues, "issue")));
            std::iter::once(read)
                .chain(warnings.iter().map(|text| (Odd, message(text))))
                .collect()
        }
        Event::BacklogDelayed { failure, until } => {
            let (message, at) = (message(&failure.to_string()), time.clock(until.ms()));
            one(
                Odd,
                format!("reading the backlog failed: {message} · tried again at {at}"),
            )
        }
        Event::BacklogRetried => one(Detail, "reading the backlog again".to_owned()),
        Event::TaskAccepted { issue } => one(Detail, format!("accepted: {}", title(&issue.title))),
        Event::TaskClassified { classification, .. } => {
            let reasons = message(&classification.reasons.join("; "));
            let confidence = classification.confidence;
            one(
                Detail,
                format!(
                    "domain {} ({confidence:.1}): {reasons}",
                    one_line(&classification.domain)
                ),
            )
        }
        Event::TaskPlanned {
            model,
            effort,
            reason,
            estimate,
            ..
        } => {
            let effort = effort
                .map(|effort| format!(", effort {}", effort.name()))
                .unwrap_or_default();
            let model = model_name(model.as_deref());
            one(
                Detail,
                format!(
                    "model {model}{effort} ({}), estimated {estimate}",
                    message(reason)
                ),
            )
        }
        Event::PluginFailed(undecided) => one(Odd, plugin_failed(undecided)),
        Event::BacklogAdmitted { estimate, n_tasks } => {
            let budget = engine.ledger().budget;
            one(
                Plain,
                format!(
                    "{} to run, estimated {estimate} of {budget}",
                    counted(*n_tasks, "task")
                ),
            )
        }
        Event::BaseChecked { results } => base_checked(results),
        Event::AttemptStarted {
            attempt,
            reserved,
            model,
            ..
        } => {
            let domain = task_of(event, engine).map_or("unknown", Task::domain);
            let model = model
                .as_deref()
                .map(|model| format!(" · {}", one_line(model)))
                .unwrap_or_default();
            // An agent without a choice of models, or one that is free, has nothing to tell here.
            let money = if *reserved == Usd::ZERO {
                String::new()
            } else {
                format!(" · {reserved} reserved")
            };
            one(
                Plain,
                format!(
                    "attempt {attempt} started · {}{model}{money}",
                    one_line(domain)
                ),
            )
        }
        Event::WorktreeLeased { base, .. } => {
            one(Detail, format!("worktree ready at {}", short(base)))
        }
        Event::SpendMetered { spent, .. } => one(Detail, format!("{spent} so far")),
        Event::AgentExited {
            report,
            charged,
            assumed,
            ..
        } => agent_exited(report, *charged, *assumed),
        Event::WorkCollected {
            work: Some(work), ..
        } => collected(work),
        Event::WorkCollected {
            work: None, notes, ..
        } => std::iter::once("nothing changed".to_owned())
            .chain(notes.iter().map(|note| message(note)))
            .map(|line| (Odd, line))
            .collect(),
        Event::ChecksFinished {
            results, passed, ..
        } => checks_finished(results, *passed),
        Event::CollectDelayed { failure, until, .. } => {
            let (message, at) = (message(&failure.to_string()), time.clock(until.ms()));
            one(
                Odd,
                format!("no room for the work: {message} · retrying at {at}"),
            )
        }
        Event::CollectRetried { .. } => one(Detail, "collecting the work again".to_owned()),
        Event::PublishDelayed { failure, until, .. } => {
            let (message, at) = (message(&failure.to_string()), time.clock(until.ms()));
            one(
                Odd,
                format!("publishing failed: {message} · tried again at {at}"),
            )
        }
        Event::AttemptSuspended { attempt, .. } => one(
            Plain,
            format!("attempt {attempt} stopped, goes on at resume"),
        ),
        Event::PublishStarted { .. } => one(Detail, "publishing".to_owned()),
        Event::PullRequestOpened { publication, .. } => one(Good, published(publication)),
        Event::AttemptFailed {
            attempt,
            failure,
            retry_at,
            ..
        } => {
            let next = next_try(*retry_at, time);
            one(
                Odd,
                format!(
                    "attempt {attempt} failed: {} · {next}",
                    message(&failure.to_string())
                ),
            )
        }
        Event::TaskFinished { outcome, .. } => {
            let spent = task_of(event, engine).map_or(Usd::ZERO, |task| task.spent);
            one(tone_of(outcome), format!("{} · {spent}", ended(outcome)))
        }
        Event::ServicePaused {
            service,
            until,
            message: said,
        } => {
            let (service, at) = (one_line(&service.to_string()), time.clock(until.ms()));
            one(
                Odd,
                format!("{service} pauses until {at}: {}", message(said)),
            )
        }
        Event::ServiceFailed { service, .. } => {
            one(Detail, format!("{} failed", one_line(&service.to_string())))
        }
        Event::ServiceAnswered { service } => {
            one(Detail, format!("{} works", one_line(&service.to_string())))
        }
        Event::BreakerOpened {
            service: Service::Machine,
            until,
            since,
            ..
        } => {
            let at = time.clock(until.ms());
            let since = since
                .map(|since| format!(" since {}", time.clock(since.ms())))
                .unwrap_or_default();
            one(
                Bad,
                format!(
                    "the disk is full{since}: nothing starts; free up disk space, next try at {at}"
                ),
            )
        }
        Event::BreakerOpened {
            service,
            until,
            n_failures,
            ..
        } => {
            let (service, at) = (one_line(&service.to_string()), time.clock(until.ms()));
            one(
                Bad,
                format!(
                    "{service} failed {n_failures} times in a row; its tasks wait, it is probed at {at}"
                ),
            )
        }
        Event::BreakerProbed { service, .. } => {
            one(Plain, format!("probing {}", one_line(&service.to_string())))
        }
        Event::BreakerReset { service } => one(
            Plain,
            format!("{} is used again", one_line(&service.to_string())),
        ),
        Event::InterruptRequested => one(
            Odd,
            "asked to stop: nothing more starts, work is being saved".to_owned(),
        ),
        Event::SessionInterrupted => one(
            Odd,
            "everything is saved, the session can be resumed".to_owned(),
        ),
        Event::SessionStopping { message: why, .. } => {
            one(Bad, format!("nothing more starts: {}", message(why)))
        }
        Event::SessionFinished {
            status: SessionStatus::Completed,
        } => one(Plain, "session finished".to_owned()),
        Event::SessionFinished {
            status: SessionStatus::Failed { message: why, .. },
        } => one(Bad, format!("session failed: {}", message(why))),
    }
}

/// Returns how many tasks are in a state: `3 done`, `1 needs you`.
pub(crate) fn counted_state(n: u32, state: TaskState) -> String {
    let name = match state {
        TaskState::Waiting => "waiting",
        TaskState::Running => "running",
        TaskState::Done => "done",
        TaskState::AlreadyOpen => "open already",
        TaskState::AlreadyMerged => "merged already",
        TaskState::NeedsYou if n == 1 => "needs you",
        TaskState::NeedsYou => "need you",
        TaskState::Failed => "failed",
        TaskState::NotStarted => "not started",
    };
    format!("{n} {name}")
}

/// Returns how many tasks ended in which way: `3 done, 1 failed of 5`.
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

/// Returns what a session is about: a label, or a plan.
pub(crate) fn subject(about: &About) -> String {
    match &about.directive {
        Some(_) => format!("plan of {}", title_of(about)),
        None => format!("label `{}`", one_line(&about.label)),
    }
}

fn next_try(retry_at: Option<Time>, time: &LocalTime) -> String {
    match retry_at {
        None => "not tried again".to_owned(),
        Some(at) if at.ms() == 0 => "tried again".to_owned(),
        Some(at) => format!("tried again at {}", time.clock(at.ms())),
    }
}

/// Names the plugins that decide in this session; of the built-ins there is nothing to tell.
fn deciders(settings: &Settings) -> impl Iterator<Item = (Tone, String)> {
    let plugins = settings
        .deciders
        .iter()
        .filter(|(_, by)| by.contains("sha256"));
    plugins.map(|(strategy, by)| (Tone::Plain, format!("{strategy}: plugin {}", one_line(by))))
}

/// Returns what a plugin that did not decide leads to, in words.
pub(crate) fn plugin_failed(undecided: &Undecided) -> String {
    let instead = match undecided.then {
        Instead::Fallback => "the built-in decides",
        Instead::Fail => "the task fails",
        Instead::Skip => "the task is skipped",
    };
    format!(
        "{} did not decide: {} · {instead}",
        one_line(&undecided.strategy),
        message(&undecided.message)
    )
}

fn task_of<'a>(event: &Event, engine: &'a Engine) -> Option<&'a Task> {
    engine.task(event.issue()?)
}

fn base_checked(results: &[CheckResult]) -> Vec<(Tone, String)> {
    let red = results.iter().filter(|result| !result.passed);
    let red: Vec<_> = red
        .map(|result| {
            (
                Tone::Odd,
                format!(
                    "check `{}` fails on the base already ({})",
                    one_line(&result.name),
                    message(&result.ended)
                ),
            )
        })
        .collect();
    if red.is_empty() {
        vec![(Tone::Detail, "the checks pass on the base".to_owned())]
    } else {
        red
    }
}

fn agent_exited(report: &AgentReport, charged: Usd, assumed: bool) -> Vec<(Tone, String)> {
    let cost = if assumed {
        format!("{charged} (assumed)")
    } else {
        charged.to_string()
    };
    let ran = span(report.duration_ms);
    let (tone, how) = match &report.ended {
        Ended::Done => (Tone::Plain, "agent is done".to_owned()),
        Ended::Budget => (Tone::Odd, "agent reached its budget".to_owned()),
        Ended::Failed { failure } => (
            Tone::Odd,
            format!("agent failed: {}", message(&failure.to_string())),
        ),
    };
    let mut said = vec![(tone, format!("{how} · {ran} · {cost}"))];
    if !report.denied.is_empty() {
        said.push((
            Tone::Odd,
            format!("tools were denied: {}", message(&report.denied.join(", "))),
        ));
    }
    said
}

fn collected(work: &Work) -> Vec<(Tone, String)> {
    let changed = (
        Tone::Plain,
        format!("{} at {}", diff_stat(work), short(&work.commit)),
    );
    std::iter::once(changed)
        .chain(work.notes.iter().map(|note| (Tone::Odd, message(note))))
        .collect()
}

fn checks_finished(results: &[CheckResult], passed: bool) -> Vec<(Tone, String)> {
    let failed: Vec<String> = results
        .iter()
        .filter(|result| !result.passed)
        .map(|result| format!("`{}` ({})", one_line(&result.name), message(&result.ended)))
        .collect();
    let text = match (passed, failed.is_empty()) {
        (true, true) => format!("{} passed", counted(results.len(), "check")),
        (true, false) => format!(
            "checks passed, but for what fails on the base too: {}",
            failed.join(", ")
        ),
        (false, _) => format!("checks failed: {}", failed.join(", ")),
    };
    vec![(if passed { Tone::Plain } else { Tone::Odd }, text)]
}

fn published(publication: &Publication) -> String {
    match &publication.pull_request {
        None => format!("branch `{}` published", one_line(&publication.branch)),
        Some(pull) if publication.existed => {
            format!(
                "pull request #{} brought up to date {}",
                pull.number,
                one_line(&pull.url)
            )
        }
        Some(pull) => format!(
            "pull request #{} opened {}",
            pull.number,
            one_line(&pull.url)
        ),
    }
}

const fn tone_of(outcome: &Outcome) -> Tone {
    match outcome {
        Outcome::Done { .. } => Tone::Good,
        Outcome::AlreadyOpen { .. } | Outcome::AlreadyMerged { .. } => Tone::Plain,
        Outcome::NotStarted { .. } | Outcome::NeedsYou { .. } | Outcome::Budget { .. } => Tone::Odd,
        Outcome::NoChange | Outcome::Failed { .. } | Outcome::Skipped { .. } => Tone::Bad,
    }
}

/// Returns how a task ended, in words.
pub(crate) fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done { .. } => format!("done: {}", message(&outcome.to_string())),
        Outcome::Failed { .. } => format!("failed: {}", message(&outcome.to_string())),
        _ => message(&outcome.to_string()),
    }
}

/// Returns why a task does not run, with local times.
pub(crate) fn blocked(why: &Blocked, time: &LocalTime) -> String {
    match why {
        Blocked::Delay(until) => format!("is tried again at {}", time.clock(until.ms())),
        Blocked::ServicePaused(service, until, said) => {
            format!(
                "{} pauses until {}: {}",
                one_line(&service.to_string()),
                time.clock(until.ms()),
                message(said)
            )
        }
        Blocked::BreakerOpen(service, until) => {
            format!(
                "{} failed too often; probed at {}",
                one_line(&service.to_string()),
                time.clock(until.ms())
            )
        }
        other => message(&other.to_string()),
    }
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

/// Returns a title, printable and short.
pub(crate) fn title(text: &str) -> String {
    cut(&one_line(text), TITLE_COLUMNS_MAX)
}

/// Returns the first line of somebody's message, printable and short.
pub(crate) fn message(text: &str) -> String {
    cut(&first_line(text), MESSAGE_COLUMNS_MAX)
}

/// Returns the name of a model, or what stands for it.
pub(crate) fn model_name(model: Option<&str>) -> String {
    model.map_or_else(|| "the agent's own model".to_owned(), one_line)
}

/// Returns a commit as people read it.
pub(crate) fn short(commit: &str) -> String {
    one_line(commit).chars().take(10).collect()
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::{Failure, Issue, PullRequest, Service, Spent};
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
    fn an_attempt_is_told_from_start_to_end() {
        let issue = IssueNumber(12);
        let report = AgentReport {
            ended: Ended::Done,
            spent: Spent::Unknown,
            session: None,
            summary: None,
            denied: vec!["Bash(\u{1b}[31mrm)".to_owned()],
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
            Event::TaskAccepted {
                issue: Issue {
                    number: issue,
                    title: "Fix\u{202e} it".to_owned(),
                    ..Issue::default()
                }
                .into(),
            },
            Event::BacklogRead {
                n_issues: 1,
                warnings: vec!["issue #9 is odd".to_owned()],
                n_api_calls: 0,
            },
            classified(12, "backend"),
            Event::TaskPlanned {
                issue,
                model: Some("sonnet".to_owned()),
                effort: Some(autoissue_core::engine::Effort::High),
                reason: "set".to_owned(),
                estimate: Usd::from_cents(500),
            },
            Event::BacklogAdmitted {
                estimate: Usd::from_cents(500),
                n_tasks: 1,
            },
            Event::AttemptStarted {
                issue,
                attempt: 1,
                reserved: Usd::from_cents(500),
                model: Some("sonnet".to_owned()),
            },
            Event::WorktreeLeased {
                issue,
                attempt: 1,
                base: "0123456789abcdef".to_owned(),
            },
            Event::AgentExited {
                issue,
                attempt: 1,
                report,
                charged: Usd::from_cents(50),
                assumed: true,
            },
            Event::WorkCollected {
                issue,
                attempt: 1,
                work: Some(work),
                notes: Vec::new(),
            },
            Event::ChecksFinished {
                issue,
                attempt: 1,
                results: vec![CheckResult {
                    passed: true,
                    ..CheckResult::default()
                }],
                passed: true,
            },
            Event::PullRequestOpened {
                issue,
                attempt: 1,
                publication,
            },
            Event::TaskFinished {
                issue,
                outcome: Outcome::Done {
                    pull_request: Some(pull_request),
                },
            },
            Event::SessionFinished {
                status: SessionStatus::Completed,
            },
        ];
        assert_snapshot!(told(&events), @"
        Plain: session of owner/shop, label `bug`, budget $50.00
        Detail: #12 accepted: Fix it
        Plain: 1 issue read
        Odd: issue #9 is odd
        Detail: #12 domain backend (1.0): the title says so
        Detail: #12 model sonnet, effort high (set), estimated $5.00
        Plain: 1 task to run, estimated $5.00 of $50.00
        Plain: #12 attempt 1 started · backend · sonnet · $5.00 reserved
        Detail: #12 worktree ready at 0123456789
        Plain: #12 agent is done · 3 min 5 s · $0.50 (assumed)
        Odd: #12 tools were denied: Bash(rm)
        Plain: #12 +3 −1 in 1 file at 0123456789
        Plain: #12 1 check passed
        Good: #12 pull request #31 opened https://x/31
        Good: #12 done: pull request #31 · $0.50
        Plain: session finished
        ");
    }

    #[test]
    fn trouble_is_told_in_local_time_and_in_one_line() {
        let service = Service::Agent("claude".to_owned());
        let until = Time::from_ms(5_527_000);
        let events = [
            started(Default::default()),
            Event::BacklogDelayed {
                failure: Failure::Network {
                    message: "no\nroute".to_owned(),
                },
                until,
            },
            Event::ServicePaused {
                service: service.clone(),
                until,
                message: "limit\u{7} reached".to_owned(),
            },
            Event::BreakerOpened {
                service,
                until,
                n_failures: 5,
                since: None,
            },
            Event::BreakerOpened {
                service: Service::Machine,
                until,
                n_failures: 7,
                since: Some(Time::from_ms(0)),
            },
            Event::SessionStopping {
                message: "bad credentials".to_owned(),
                resumable: false,
            },
        ];
        assert_snapshot!(told(&events), @"
        Plain: session of owner/shop, label `bug`, budget $50.00
        Odd: reading the backlog failed: no · tried again at 01:32:07
        Odd: agent `claude` pauses until 01:32:07: limit reached
        Bad: agent `claude` failed 5 times in a row; its tasks wait, it is probed at 01:32:07
        Bad: the disk is full since 00:00:00: nothing starts; free up disk space, next try at 01:32:07
        Bad: nothing more starts: bad credentials
        ");
    }

    #[test]
    fn why_a_task_waits_is_told_in_local_time() {
        let why = Blocked::Delay(Time::from_ms(5_527_000));
        assert_eq!(
            blocked(&why, &LocalTime::utc()),
            "is tried again at 01:32:07"
        );
        assert_eq!(
            blocked(&Blocked::Turn, &LocalTime::utc()),
            "waits for its turn"
        );
    }
}
