//! Text for planning events, from the directive to its issues.

use autoissue_core::engine::{Ended, Engine, Phase, PlanEvent, SessionInfo};

use super::Tone::{self, Bad, Detail, Good, Plain, Warning};
use super::{counted, message, next_try};
use crate::local_time::{LocalTime, span};
use crate::narration::title;
use crate::printable::{cut, one_line};

/// Maximum width of a directive in a heading, in columns.
const DIRECTIVE_COLUMNS_MAX: usize = 80;

/// Returns the directive of a plan, shortened, or a placeholder.
pub(crate) fn title_of(info: &SessionInfo) -> String {
    let directive = one_line(info.directive.as_deref().unwrap_or_default());
    if directive.is_empty() {
        "a saved plan".to_owned()
    } else {
        format!("“{}”", cut(&directive, DIRECTIVE_COLUMNS_MAX))
    }
}

/// Maximum number of problems to list; the journal has all of them.
const N_PROBLEMS_MAX: usize = 10;

/// Describes an event of this chapter.
pub(super) fn say(event: &PlanEvent, engine: &Engine, time: &LocalTime) -> Vec<(Tone, String)> {
    let one = |tone, text: String| vec![(tone, text)];
    match event {
        PlanEvent::PlannerStarted {
            attempt,
            reserved,
            model,
        } => {
            let model = model
                .as_deref()
                .map(|model| format!(" · {}", one_line(model)))
                .unwrap_or_default();
            one(
                Plain,
                format!("planner started, attempt {attempt}{model} · {reserved} reserved"),
            )
        }
        PlanEvent::PlannerMetered { spent, .. } => one(Detail, format!("planner: {spent} spent")),
        PlanEvent::PlannerExited {
            report,
            cost,
            estimated,
            ..
        } => {
            let cost = if *estimated {
                format!("{cost} (estimated)")
            } else {
                cost.to_string()
            };
            let ran = span(report.duration_ms);
            let (tone, how) = match &report.ended {
                Ended::Done => (Plain, format!("planner finished in {ran}, {cost}")),
                Ended::Budget => (
                    Warning,
                    format!("planner reached its budget after {ran}, {cost}"),
                ),
                Ended::Failed { failure } => (
                    Warning,
                    format!(
                        "planner failed after {ran}, {cost}: {}",
                        message(&failure.to_string())
                    ),
                ),
            };
            one(tone, how)
        }
        PlanEvent::PlannerFailed { retry_at, .. } => {
            one(Warning, format!("planner: {}", next_try(*retry_at, time)))
        }
        PlanEvent::Rejected {
            rejection, again, ..
        } => {
            let next = if *again {
                "asking it to fix this:"
            } else {
                "not asking again:"
            };
            let first = (
                Warning,
                format!("the planner's answer was not a valid plan; {next}"),
            );
            let problems = rejection
                .message
                .lines()
                .filter(|line| !line.trim().is_empty())
                .take(N_PROBLEMS_MAX);
            std::iter::once(first)
                .chain(problems.map(|line| (Warning, message(line))))
                .collect()
        }
        PlanEvent::Proposed { plan } => {
            let n_dependencies: usize =
                plan.issues.iter().map(|issue| issue.depends_on.len()).sum();
            let dependencies = match n_dependencies {
                0 => String::new(),
                1 => ", 1 dependency".to_owned(),
                n => format!(", {n} dependencies"),
            };
            one(
                Plain,
                format!(
                    "plan of {}{dependencies}",
                    counted(plan.issues.len(), "issue")
                ),
            )
        }
        PlanEvent::ConfirmationAwaited => {
            one(Plain, "the plan is waiting for your approval".to_owned())
        }
        PlanEvent::Confirmed => one(Detail, "running the plan".to_owned()),
        PlanEvent::Declined => one(Plain, "plan declined; nothing was created".to_owned()),
        PlanEvent::IssueCreated {
            position,
            number,
            existed,
            ..
        } => {
            let title = engine
                .plan_progress()
                .and_then(|plan_progress| plan_progress.issue_at(*position))
                .map(|it| title(&it.title));
            let how = if *existed {
                "already exists:"
            } else {
                "created:"
            };
            one(
                Good,
                format!(
                    "plan item {position} {how} {number} {}",
                    title.unwrap_or_default()
                ),
            )
        }
        PlanEvent::IssueLinked { position, .. } => one(
            Detail,
            format!("linked the dependencies of plan item {position}"),
        ),
        PlanEvent::CreationDelayed { failure, until, .. } => {
            let (why, at) = (message(&failure.to_string()), time.clock(until.ms()));
            one(
                Warning,
                format!("creating issues failed: {why} · retrying at {at}"),
            )
        }
        PlanEvent::CreationRetried => one(Detail, "creating issues".to_owned()),
        PlanEvent::CreationInterrupted => one(
            Bad,
            "stopped creating issues; those already created remain".to_owned(),
        ),
    }
}

/// Describes where a planning session is; `None` once all issues exist.
pub(crate) fn stage_of_plan(engine: &Engine) -> Option<String> {
    let plan_progress = engine.plan_progress()?;
    let n_issues = plan_progress
        .plan
        .as_ref()
        .map_or(0, |plan| plan.issues.len());
    match engine.phase() {
        Phase::Decomposing if plan_progress.attempt.is_some() => Some(format!(
            "the planner is running, attempt {}",
            plan_progress.n_attempts
        )),
        Phase::Decomposing => Some("the planner is waiting".to_owned()),
        Phase::Confirming => Some(format!(
            "the plan of {} is waiting for your approval",
            counted(n_issues, "issue")
        )),
        Phase::Creating => Some(format!(
            "{} of {} created",
            plan_progress.created.len(),
            counted(n_issues, "issue")
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::{
        Event, Failure, IssueNumber, Plan, PlanRules, PlanSource, PlannedIssue, Rejection,
        Settings, Time, Usd,
    };
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::started_plan;
    use crate::narration::narrate;

    #[test]
    fn a_plan_is_described_from_the_planner_to_the_last_issue() {
        fn issue(title: &str, depends_on: &[u32]) -> PlannedIssue {
            PlannedIssue {
                title: title.to_owned(),
                depends_on: depends_on.to_vec(),
                ..PlannedIssue::default()
            }
        }

        let source = PlanSource::Planner {
            model: None,
            cap: Usd::from_cents(200),
        };
        let settings = Settings {
            plan: Some(PlanRules {
                source,
                confirm: true,
            }),
            ..Settings::default()
        };
        let rejection = Rejection {
            message: "issue 1: `title` is missing\nissue 2 “\u{1b}[2JB”: it depends on itself"
                .to_owned(),
            file: "/s/answer-1.txt".to_owned(),
        };
        let plan = Plan {
            issues: vec![issue("One", &[]), issue("Two\u{202e}", &[1])],
            ..Plan::default()
        };
        let until = Time::from_ms(5_527_000);
        let failure = Failure::Network {
            message: "no route".to_owned(),
        };
        let mut events = started_plan("Build user authentication", settings, 42);
        events.extend([
            Event::Plan(PlanEvent::Rejected {
                attempt: 1,
                rejection,
                again: true,
            }),
            Event::Plan(PlanEvent::PlannerFailed {
                attempt: 2,
                failure: failure.clone(),
                counted: true,
                retry_at: Some(until),
            }),
            Event::Plan(PlanEvent::Proposed { plan }),
            Event::Plan(PlanEvent::ConfirmationAwaited),
            Event::Plan(PlanEvent::Confirmed),
            created(1, false),
            Event::Plan(PlanEvent::CreationDelayed {
                failure,
                counted: true,
                until,
            }),
            Event::Plan(PlanEvent::CreationRetried),
            created(2, true),
            Event::Plan(PlanEvent::IssueLinked {
                position: 2,
                n_api_calls: 3,
            }),
        ]);
        let mut engine = Engine::new();
        let mut told = Vec::new();
        for event in &events {
            engine.apply(event);
            let stage = stage_of_plan(&engine).unwrap_or_default();
            let sentences = narrate(event, &engine, &LocalTime::utc());
            told.extend(
                sentences
                    .into_iter()
                    .map(|it| format!("{:?}: {}    [{stage}]", it.tone, it.text)),
            );
        }
        assert_snapshot!(told.join("\n"), @"
        Plain: session of owner/shop, plan of “Build user authentication”, budget $50.00    [the planner is waiting]
        Plain: planner started, attempt 1 · sonnet · $2.00 reserved    [the planner is running, attempt 1]
        Plain: planner finished in 1 min 5 s, $0.42    [the planner is waiting]
        Warning: the planner's answer was not a valid plan; asking it to fix this:    [the planner is waiting]
        Warning: issue 1: `title` is missing    [the planner is waiting]
        Warning: issue 2 “B”: it depends on itself    [the planner is waiting]
        Warning: planner: retrying at 01:32:07    [the planner is waiting]
        Plain: plan of 2 issues, 1 dependency    [the plan of 2 issues is waiting for your approval]
        Plain: the plan is waiting for your approval    [the plan of 2 issues is waiting for your approval]
        Detail: running the plan    [0 of 2 issues created]
        Good: plan item 1 created: #12 One    [1 of 2 issues created]
        Warning: creating issues failed: no route · retrying at 01:32:07    [1 of 2 issues created]
        Detail: creating issues    [1 of 2 issues created]
        Good: plan item 2 already exists: #13 Two    [2 of 2 issues created]
        Detail: linked the dependencies of plan item 2    []
        ");
    }

    fn created(position: u32, existed: bool) -> Event {
        let number = IssueNumber(11 + u64::from(position));
        Event::Plan(PlanEvent::IssueCreated {
            position,
            number,
            existed,
            n_api_calls: 2,
        })
    }
}
