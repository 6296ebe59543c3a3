//! An event as one line of text, for the stories' expectations and for the reports of failed simulations. Times are shown in seconds
//! since dusk.

use autoissue_engine::{Event, IssueNumber, Service, SessionStatus, Time};

pub(crate) use autoissue_simulation::DUSK;

/// Returns the event in the words of a story.
pub(crate) fn line(event: &Event) -> String {
    match event {
        Event::SessionStarted { .. } => "session started".into(),
        Event::SessionResumed { .. } => "session resumed".into(),
        Event::PlannerStarted {
            attempt, reserved, ..
        } => format!("planner {attempt} started, {reserved} reserved"),
        Event::PlannerMetered { spent, .. } => format!("planner metered {spent}"),
        Event::PlannerExited {
            charged, assumed, ..
        } => {
            format!(
                "planner exited, {charged}{}",
                if *assumed { " assumed" } else { "" }
            )
        }
        Event::PlannerFailed {
            attempt,
            failure,
            charged,
            retry_at,
        } => {
            format!(
                "planner {attempt} failed{}{}: {failure}",
                price(*charged),
                again(*retry_at)
            )
        }
        Event::PlanRejected {
            rejection, again, ..
        } => {
            format!(
                "plan rejected{}: {}",
                if *again { ", again" } else { "" },
                rejection.message
            )
        }
        Event::PlanProposed { plan } => format!("plan of {} issues", plan.issues.len()),
        Event::ConfirmationAwaited => "confirmation awaited".into(),
        Event::PlanConfirmed => "plan confirmed".into(),
        Event::PlanDeclined => "plan declined".into(),
        Event::IssueCreated {
            position,
            number,
            existed,
            ..
        } => {
            format!(
                "issue {position} {} as {number}",
                if *existed { "found" } else { "created" }
            )
        }
        Event::IssueLinked { position, .. } => format!("issue {position} linked"),
        Event::CreationDelayed {
            failure,
            charged,
            until,
        } => {
            format!(
                "creation delayed until {}{}: {failure}",
                at(*until),
                price(*charged)
            )
        }
        Event::CreationRetried => "creation retried".into(),
        Event::CreationSuspended => "creation suspended".into(),
        Event::BacklogRead { n_issues, .. } => format!("backlog read, {n_issues} issues"),
        Event::BacklogDelayed { failure, until } => {
            format!("backlog delayed until {}: {failure}", at(*until))
        }
        Event::BacklogRetried => "backlog retried".into(),
        Event::TaskAccepted { issue } => format!("{} accepted", issue.number),
        Event::TaskClassified {
            issue,
            classification,
        } => format!("{issue} is {}", classification.domain),
        Event::TaskPlanned {
            issue,
            model,
            estimate,
            ..
        } => {
            format!(
                "{issue} planned with {}, {estimate}",
                model.as_deref().unwrap_or("no model")
            )
        }
        Event::PluginFailed(undecided) => {
            format!(
                "{} {} did not decide, {:?}: {}",
                undecided.issue, undecided.plugin, undecided.then, undecided.message
            )
        }
        Event::BacklogAdmitted { estimate, n_tasks } => {
            format!("{n_tasks} tasks admitted, {estimate}")
        }
        Event::BaseChecked { results } => {
            let n_red = results.iter().filter(|result| !result.passed).count();
            format!("base checked, {n_red} red")
        }
        Event::AttemptStarted {
            issue,
            attempt,
            reserved,
            ..
        } => {
            format!("{issue} attempt {attempt} started, {reserved} reserved")
        }
        Event::WorktreeLeased {
            issue,
            attempt,
            base,
        } => format!("{issue} attempt {attempt} leased at {base}"),
        Event::SpendMetered { issue, spent, .. } => format!("{issue} metered {spent}"),
        Event::AgentExited {
            issue,
            charged,
            assumed,
            ..
        } => {
            format!(
                "{issue} agent exited, {charged}{}",
                if *assumed { " assumed" } else { "" }
            )
        }
        Event::WorkCollected { issue, work, .. } => {
            format!(
                "{issue} {}",
                if work.is_some() {
                    "work collected"
                } else {
                    "nothing collected"
                }
            )
        }
        Event::ChecksFinished { issue, passed, .. } => {
            format!(
                "{issue} checks {}",
                if *passed { "passed" } else { "failed" }
            )
        }
        Event::CollectDelayed {
            issue,
            failure,
            until,
            ..
        } => format!("{issue} collecting delayed until {}: {failure}", at(*until)),
        Event::CollectRetried { issue, .. } => format!("{issue} collecting again"),
        Event::PublishDelayed {
            issue,
            failure,
            charged,
            until,
            ..
        } => {
            format!(
                "{issue} publishing delayed until {}{}: {failure}",
                at(*until),
                price(*charged)
            )
        }
        Event::AttemptSuspended { issue, attempt } => {
            format!("{issue} attempt {attempt} suspended")
        }
        Event::PublishStarted { issue, .. } => format!("{issue} publishing"),
        Event::PullRequestOpened { issue, .. } => format!("{issue} published"),
        Event::AttemptFailed {
            issue,
            attempt,
            failure,
            charged,
            retry_at,
            kept,
            lost_session,
        } => {
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
        Event::TaskFinished { issue, outcome } => format!("{issue} ended, {outcome}"),
        Event::ServicePaused { service, until, .. } => {
            format!("{} pauses until {}", name(service), at(*until))
        }
        Event::ServiceFailed {
            service,
            issue,
            charged,
            ..
        } => {
            let seen_by = issue
                .filter(|issue| issue.0 > 0)
                .map(|issue| format!(" for {issue}"))
                .unwrap_or_default();
            format!("{} failed{seen_by}{}", name(service), price(*charged))
        }
        Event::ServiceAnswered { service } => format!("{} answers again", name(service)),
        Event::BreakerOpened {
            service,
            until,
            n_failures,
            ..
        } => {
            format!(
                "{} breaker open until {}, {n_failures} failures",
                name(service),
                at(*until)
            )
        }
        Event::BreakerProbed {
            service,
            issue: IssueNumber::SESSION,
        } => format!("{} probed", name(service)),
        Event::BreakerProbed { service, issue } => format!("{} probed by {issue}", name(service)),
        Event::BreakerReset { service } => format!("{} breaker reset", name(service)),
        Event::InterruptRequested => "interrupt requested".into(),
        Event::SessionInterrupted => "session interrupted".into(),
        Event::SessionStopping {
            message,
            resumable: false,
        } => format!("session stops: {message}"),
        Event::SessionStopping {
            message,
            resumable: true,
        } => format!("session is suspended: {message}"),
        Event::SessionFinished {
            status: SessionStatus::Completed,
        } => "session completed".into(),
        Event::SessionFinished {
            status: SessionStatus::Failed { message, .. },
        } => {
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

/// Seconds after dusk, rounded down, so that jitter of less than a quarter does not show in a story.
fn at(time: Time) -> String {
    format!("{}s", time.since(DUSK) / 1_000)
}
