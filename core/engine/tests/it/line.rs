//! An event as one line of text, for the expectations of stories and for reports of failed
//! simulations. Times are seconds since dusk, the start of a session.

use autoissue_engine::{
    AttemptEvent, Event, IntakeEvent, IssueNumber, PlanEvent, Service, ServiceEvent, SessionEvent,
    SessionStatus, TaskEvent, Time,
};

pub(crate) use autoissue_simulation::DUSK;

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
            charged, assumed, ..
        }) => {
            format!(
                "planner exited, {charged}{}",
                if *assumed { " estimated" } else { "" }
            )
        }
        Event::Plan(PlanEvent::PlannerFailed {
            attempt,
            failure,
            charged,
            retry_at,
        }) => {
            format!(
                "planner {attempt} failed{}{}: {failure}",
                price(*charged),
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
            charged,
            until,
        }) => {
            format!(
                "creation delayed until {}{}: {failure}",
                at(*until),
                price(*charged)
            )
        }
        Event::Plan(PlanEvent::CreationRetried) => "creation retried".into(),
        Event::Plan(PlanEvent::CreationSuspended) => "creation interrupted".into(),
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
        Event::Task(TaskEvent::Planned {
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
        Event::Task(TaskEvent::Undecided(undecided)) => {
            format!(
                "{} {} did not decide, {:?}: {}",
                undecided.issue, undecided.plugin, undecided.then, undecided.message
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
            charged,
            assumed,
            ..
        }) => {
            format!(
                "{issue} agent exited, {charged}{}",
                if *assumed { " estimated" } else { "" }
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
            charged,
            until,
            ..
        }) => {
            format!(
                "{issue} publishing delayed until {}{}: {failure}",
                at(*until),
                price(*charged)
            )
        }
        Event::Attempt(AttemptEvent::Suspended { issue, attempt }) => {
            format!("{issue} attempt {attempt} interrupted")
        }
        Event::Attempt(AttemptEvent::PublishStarted { issue, .. }) => format!("{issue} publishing"),
        Event::Attempt(AttemptEvent::Published { issue, .. }) => format!("{issue} published"),
        Event::Attempt(AttemptEvent::Failed {
            issue,
            attempt,
            failure,
            charged,
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
                price(*charged)
            )
        }
        Event::Task(TaskEvent::Finished { issue, outcome }) => format!("{issue} ended, {outcome}"),
        Event::Service(ServiceEvent::Paused { service, until, .. }) => {
            format!("{} pauses until {}", name(service), at(*until))
        }
        Event::Service(ServiceEvent::Failed {
            service,
            issue,
            charged,
            ..
        }) => {
            let seen_by = issue
                .filter(|issue| issue.0 > 0)
                .map(|issue| format!(" for {issue}"))
                .unwrap_or_default();
            format!("{} failed{seen_by}{}", name(service), price(*charged))
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
            status: SessionStatus::Completed,
        }) => "session completed".into(),
        Event::Session(SessionEvent::Finished {
            status: SessionStatus::Failed { message, .. },
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

fn price(charged: bool) -> &'static str {
    if charged { " (charged)" } else { "" }
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
    format!("{}s", time.since(DUSK) / 1_000)
}
