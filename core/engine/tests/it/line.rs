//! An event as one line of text, for the expectations of stories and for reports of failed
//! simulations. Times are seconds since dusk, the start of a session.

use autoissue_engine::{
    AttemptEvent, Event, IntakeEvent, IssueNumber, PlanEvent, Service, ServiceEvent, SessionEvent,
    SessionOutcome, TaskEvent, Time,
};

pub(crate) use autoissue_simulation::START;

/// Returns the event as a line of a story.
pub(crate) fn line(event: &Event) -> String {
    match event {
        Event::Session(SessionEvent::Started { .. }) => "session started".into(),
        Event::Session(SessionEvent::Resumed { .. }) => "session resumed".into(),
        Event::Plan(PlanEvent::PlannerStarted {
            attempt, reserved, ..
        }) => format!("planner {attempt} started, {reserved} reserved"),
        Event::Plan(PlanEvent::PlannerMetered { spent, .. }) => format!("planner metered {spent}"),
        Event::Plan(PlanEvent::PlannerExited {
            cost, estimated, ..
        }) => {
            format!(
                "planner exited, {cost}{}",
                if *estimated { " estimated" } else { "" }
            )
        }
        Event::Plan(PlanEvent::PlannerFailed {
            attempt,
            failure,
            counted,
            retry_at,
        }) => {
            format!(
                "planner {attempt} failed{}{}: {failure}",
                price(*counted),
                again(*retry_at)
            )
        }
        Event::Plan(PlanEvent::Rejected {
            rejection, again, ..
        }) => {
            format!(
                "plan rejected{}: {}",
                if *again { ", again" } else { "" },
                rejection.message
            )
        }
        Event::Plan(PlanEvent::Proposed { plan }) => {
            format!("plan of {} issues", plan.issues.len())
        }
        Event::Plan(PlanEvent::ConfirmationAwaited) => "confirmation awaited".into(),
        Event::Plan(PlanEvent::Confirmed) => "plan confirmed".into(),
        Event::Plan(PlanEvent::Declined) => "plan declined".into(),
        Event::Plan(PlanEvent::IssueCreated {
            position,
            number,
            existed,
            ..
        }) => {
            format!(
                "issue {position} {} as {number}",
                if *existed { "found" } else { "created" }
            )
        }
        Event::Plan(PlanEvent::IssueLinked { position, .. }) => format!("issue {position} linked"),
        Event::Plan(PlanEvent::CreationDelayed {
            failure,
            counted,
            until,
        }) => {
            format!(
                "creation delayed until {}{}: {failure}",
                at(*until),
                price(*counted)
            )
        }
        Event::Plan(PlanEvent::CreationRetried) => "creation retried".into(),
        Event::Plan(PlanEvent::CreationInterrupted) => "creation interrupted".into(),
        Event::Intake(IntakeEvent::BacklogRead { n_issues, .. }) => {
            format!("backlog read, {n_issues} issues")
        }
        Event::Intake(IntakeEvent::BacklogDelayed { failure, until }) => {
            format!("backlog delayed until {}: {failure}", at(*until))
        }
        Event::Intake(IntakeEvent::BacklogRetried) => "backlog retried".into(),
        Event::Task(TaskEvent::Accepted { issue }) => format!("{} accepted", issue.number),
        Event::Task(TaskEvent::Classified {
            issue,
            classification,
        }) => format!("{issue} is {}", classification.domain),
        Event::Task(TaskEvent::ModelSelected {
            issue,
            model,
            estimate,
            ..
        }) => {
            format!(
                "{issue} planned with {}, {estimate}",
                model.as_deref().unwrap_or("no model")
            )
        }
        Event::Task(TaskEvent::PluginFailed(plugin_failure)) => {
            format!(
                "{} {} did not decide, {:?}: {}",
                plugin_failure.issue,
                plugin_failure.plugin,
                plugin_failure.action,
                plugin_failure.message
            )
        }
        Event::Intake(IntakeEvent::BacklogAdmitted { estimate, n_tasks }) => {
            format!("{n_tasks} tasks admitted, {estimate}")
        }
        Event::Intake(IntakeEvent::BaseChecked { results }) => {
            let n_red = results.iter().filter(|result| !result.passed).count();
            format!("base checked, {n_red} red")
        }
        Event::Attempt(AttemptEvent::Started {
            issue,
            attempt,
            reserved,
            ..
        }) => {
            format!("{issue} attempt {attempt} started, {reserved} reserved")
        }
        Event::Attempt(AttemptEvent::WorktreeLeased {
            issue,
            attempt,
            base,
        }) => format!("{issue} attempt {attempt} leased at {base}"),
        Event::Attempt(AttemptEvent::Metered { issue, spent, .. }) => {
            format!("{issue} metered {spent}")
        }
        Event::Attempt(AttemptEvent::AgentExited {
            issue,
            cost,
            estimated,
            ..
        }) => {
            format!(
                "{issue} agent exited, {cost}{}",
                if *estimated { " estimated" } else { "" }
            )
        }
        Event::Attempt(AttemptEvent::WorkCollected { issue, work, .. }) => {
            format!(
                "{issue} {}",
                if work.is_some() {
                    "work collected"
                } else {
                    "nothing collected"
                }
            )
        }
        Event::Attempt(AttemptEvent::ChecksFinished { issue, passed, .. }) => {
            format!(
                "{issue} checks {}",
                if *passed { "passed" } else { "failed" }
            )
        }
        Event::Attempt(AttemptEvent::CollectDelayed {
            issue,
            failure,
            until,
            ..
        }) => format!("{issue} collecting delayed until {}: {failure}", at(*until)),
        Event::Attempt(AttemptEvent::CollectRetried { issue, .. }) => {
            format!("{issue} collecting again")
        }
        Event::Attempt(AttemptEvent::PublishDelayed {
            issue,
            failure,
            counted,
            until,
            ..
        }) => {
            format!(
                "{issue} publishing delayed until {}{}: {failure}",
                at(*until),
                price(*counted)
            )
        }
        Event::Attempt(AttemptEvent::Interrupted { issue, attempt }) => {
            format!("{issue} attempt {attempt} interrupted")
        }
        Event::Attempt(AttemptEvent::PublishStarted { issue, .. }) => format!("{issue} publishing"),
        Event::Attempt(AttemptEvent::Published { issue, .. }) => format!("{issue} published"),
        Event::Attempt(AttemptEvent::Failed {
            issue,
            attempt,
            failure,
            counted,
            retry_at,
            kept,
            lost_session,
        }) => {
            let next = again(*retry_at);
            let kept = match (kept, lost_session) {
                (false, _) => "",
                (true, false) => ", kept",
                (true, true) => ", kept without its session",
            };
            let failure = failure.to_string();
            let first = failure.lines().next().unwrap_or_default();
            format!(
                "{issue} attempt {attempt} failed{}{next}{kept}: {first}",
                price(*counted)
            )
        }
        Event::Task(TaskEvent::Finished { issue, outcome }) => format!("{issue} ended, {outcome}"),
        Event::Service(ServiceEvent::Paused { service, until, .. }) => {
            format!("{} pauses until {}", name(service), at(*until))
        }
        Event::Service(ServiceEvent::Failed {
            service,
            issue,
            counted,
            ..
        }) => {
            let seen_by = issue
                .filter(|issue| issue.0 > 0)
                .map(|issue| format!(" for {issue}"))
                .unwrap_or_default();
            format!("{} failed{seen_by}{}", name(service), price(*counted))
        }
        Event::Service(ServiceEvent::Answered { service }) => {
            format!("{} answers again", name(service))
        }
        Event::Service(ServiceEvent::BreakerOpened {
            service,
            until,
            n_failures,
            ..
        }) => {
            format!(
                "{} breaker open until {}, {n_failures} failures",
                name(service),
                at(*until)
            )
        }
        Event::Service(ServiceEvent::BreakerProbed {
            service,
            issue: IssueNumber::SESSION,
        }) => format!("{} probed", name(service)),
        Event::Service(ServiceEvent::BreakerProbed { service, issue }) => {
            format!("{} probed by {issue}", name(service))
        }
        Event::Service(ServiceEvent::BreakerReset { service }) => {
            format!("{} breaker reset", name(service))
        }
        Event::Session(SessionEvent::InterruptRequested) => "interrupt requested".into(),
        Event::Session(SessionEvent::Interrupted) => "session interrupted".into(),
        Event::Session(SessionEvent::Stopping {
            message,
            resumable: false,
        }) => format!("session stops: {message}"),
        Event::Session(SessionEvent::Stopping {
            message,
            resumable: true,
        }) => format!("session stops, resumable: {message}"),
        Event::Session(SessionEvent::Finished {
            outcome: SessionOutcome::Completed,
        }) => "session completed".into(),
        Event::Session(SessionEvent::Finished {
            outcome: SessionOutcome::Failed { message, .. },
        }) => {
            format!("session failed: {message}")
        }
    }
}

fn again(retry_at: Option<Time>) -> String {
    match retry_at {
        None => String::new(),
        Some(time) if time == Time::default() => ", again".to_owned(),
        Some(time) => format!(", again at {}", at(time)),
    }
}

fn price(counted: bool) -> &'static str {
    if counted { " (counted)" } else { "" }
}

fn name(service: &Service) -> &str {
    match service {
        Service::Agent(_) => "agent",
        Service::Forge => "forge",
        Service::Machine => "machine",
    }
}

/// Seconds after dusk, rounded down, so that jitter of less than a quarter is not visible in a
/// story.
fn at(time: Time) -> String {
    format!("{}s", time.since(START) / 1_000)
}
