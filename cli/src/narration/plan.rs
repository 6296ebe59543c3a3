//! What happens on the way from a directive to issues, in words.

use autoissue_core::engine::{About, Ended, Engine, Phase, PlanEvent};

use super::Tone::{self, Bad, Detail, Good, Odd, Plain};
use super::{counted, message, next_try};
use crate::local_time::{LocalTime, span};
use crate::narration::title;
use crate::printable::{cut, one_line};

/// Columns of a directive in a heading.
const DIRECTIVE_COLUMNS_MAX: usize = 80;

/// Returns the directive of a plan, short, or what stands for it.
pub(crate) fn title_of(about: &About) -> String {
    let directive = one_line(about.directive.as_deref().unwrap_or_default());
    if directive.is_empty() {
        "a saved plan".to_owned()
    } else {
        format!("“{}”", cut(&directive, DIRECTIVE_COLUMNS_MAX))
    }
}

/// Problems of an answer that are told; the whole list is in the journal.
const N_PROBLEMS_MAX: usize = 10;

/// Returns what an event of this chapter says.
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
        PlanEvent::PlannerMetered { spent, .. } => one(Detail, format!("planner: {spent} so far")),
        PlanEvent::PlannerExited {
            report,
            charged,
            assumed,
            ..
        } => {
            let cost = if *assumed {
                format!("{charged} (assumed)")
            } else {
                charged.to_string()
            };
            let (tone, how) = match &report.ended {
                Ended::Done => (Plain, "planner is done".to_owned()),
                Ended::Budget => (Odd, "planner reached its budget".to_owned()),
                Ended::Failed { failure } => (
                    Odd,
                    format!("planner failed: {}", message(&failure.to_string())),
                ),
            };
            one(
                tone,
                format!("{how} · {} · {cost}", span(report.duration_ms)),
            )
        }
        PlanEvent::PlannerFailed { retry_at, .. } => {
            one(Odd, format!("the planner is {}", next_try(*retry_at, time)))
        }
        PlanEvent::Rejected {
            rejection, again, ..
        } => {
            let next = if *again {
                "it is asked to mend this"
            } else {
                "it was asked before"
            };
            let first = (Odd, format!("the planner's answer is no plan; {next}"));
            let problems = rejection
                .message
                .lines()
                .filter(|line| !line.trim().is_empty())
                .take(N_PROBLEMS_MAX);
            std::iter::once(first)
                .chain(problems.map(|line| (Odd, message(line))))
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
        PlanEvent::ConfirmationAwaited => one(
            Plain,
            "the plan waits for somebody to agree to it".to_owned(),
        ),
        PlanEvent::Confirmed => one(Detail, "the plan is carried out".to_owned()),
        PlanEvent::Declined => one(
            Plain,
            "the plan is not wanted; nothing is created".to_owned(),
        ),
        PlanEvent::IssueCreated {
            position,
            number,
            existed,
            ..
        } => {
            let title = engine
                .planning()
                .and_then(|planning| planning.issue_at(*position))
                .map(|it| title(&it.title));
            let how = if *existed {
                "was there already as"
            } else {
                "is created as"
            };
            one(
                Good,
                format!(
                    "issue {position} {how} {number}: {}",
                    title.unwrap_or_default()
                ),
            )
        }
        PlanEvent::IssueLinked { position, .. } => {
            one(Detail, format!("issue {position} says what it depends on"))
        }
        PlanEvent::CreationDelayed { failure, until, .. } => {
            let (why, at) = (message(&failure.to_string()), time.clock(until.ms()));
            one(
                Odd,
                format!("creating issues failed: {why} · tried again at {at}"),
            )
        }
        PlanEvent::CreationRetried => one(Detail, "creating issues".to_owned()),
        PlanEvent::CreationSuspended => one(
            Bad,
            "no more issues are created now; what is created stays".to_owned(),
        ),
    }
}

/// Returns where a session is that plans its issues; `None` once these are there.
pub(crate) fn stage_of_plan(engine: &Engine) -> Option<String> {
    let planning = engine.planning()?;
    let n_issues = planning.plan.as_ref().map_or(0, |plan| plan.issues.len());
    match engine.phase() {
        Phase::Decomposing if planning.attempt.is_some() => Some(format!(
            "the planner works, attempt {}",
            planning.n_attempts
        )),
        Phase::Decomposing => Some("the planner waits".to_owned()),
        Phase::Confirming => Some(format!(
            "the plan of {} waits for somebody to agree to it",
            counted(n_issues, "issue")
        )),
        Phase::Creating => Some(format!(
            "{} of {} created",
            planning.created.len(),
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
    fn a_plan_is_told_from_the_planner_to_the_last_issue() {
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
                charged: true,
                retry_at: Some(until),
            }),
            Event::Plan(PlanEvent::Proposed { plan }),
            Event::Plan(PlanEvent::ConfirmationAwaited),
            Event::Plan(PlanEvent::Confirmed),
            created(1, false),
            Event::Plan(PlanEvent::CreationDelayed {
                failure,
                charged: true,
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
        Plain: session of owner/shop, plan of “Build user authentication”, budget $50.00    [the planner waits]
        Plain: planner started, attempt 1 · sonnet · $2.00 reserved    [the planner works, attempt 1]
        Plain: planner is done · 1 min 5 s · $0.42    [the planner waits]
        Odd: the planner's answer is no plan; it is asked to mend this    [the planner waits]
        Odd: issue 1: `title` is missing    [the planner waits]
        Odd: issue 2 “B”: it depends on itself    [the planner waits]
        Odd: the planner is tried again at 01:32:07    [the planner waits]
        Plain: plan of 2 issues, 1 dependency    [the plan of 2 issues waits for somebody to agree to it]
        Plain: the plan waits for somebody to agree to it    [the plan of 2 issues waits for somebody to agree to it]
        Detail: the plan is carried out    [0 of 2 issues created]
        Good: issue 1 is created as #12: One    [1 of 2 issues created]
        Odd: creating issues failed: no route · tried again at 01:32:07    [1 of 2 issues created]
        Detail: creating issues    [1 of 2 issues created]
        Good: issue 2 was there already as #13: Two    [2 of 2 issues created]
        Detail: issue 2 says what it depends on    []
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
