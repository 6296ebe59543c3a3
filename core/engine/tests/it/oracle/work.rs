//! What happens to tasks, attempts and work.

use autoissue_engine::*;
use autoissue_engine::{AttemptEvent, ServiceEvent, TaskEvent};

use crate::chronicle::Chronicle;

/// Each task ends once, and nothing happens to it afterwards.
pub(super) fn end(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let issue = event
        .issue()
        .filter(|_| !matches!(event, Event::Service(ServiceEvent::Failed { .. })))?;
    match (event, told.tasks.get(&issue)) {
        (Event::Task(TaskEvent::Accepted { .. }), None) => None,
        (Event::Task(TaskEvent::Accepted { .. }), Some(_)) => {
            Some(format!("{issue} is accepted twice"))
        }
        (_, None) => Some(format!("{issue} was never accepted")),
        (_, Some(task)) => task
            .outcome
            .as_ref()
            .map(|outcome| format!("{issue} has already ended, {outcome}")),
    }
}

/// Attempts are numbered without a gap and run one at a time; each event is about the running one.
pub(super) fn attempt(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let (issue, number) = match event {
        Event::Attempt(AttemptEvent::Started { issue, attempt, .. }) => {
            let task = told.tasks.get(issue)?;
            let is_right = task.running.is_none() && *attempt == task.n_started + 1;
            return (!is_right)
                .then(|| format!("{issue} starts attempt {attempt} after {}", task.n_started));
        }
        Event::Attempt(
            AttemptEvent::WorktreeLeased { issue, attempt, .. }
            | AttemptEvent::Metered { issue, attempt, .. }
            | AttemptEvent::AgentExited { issue, attempt, .. }
            | AttemptEvent::WorkCollected { issue, attempt, .. }
            | AttemptEvent::ChecksFinished { issue, attempt, .. }
            | AttemptEvent::CollectDelayed { issue, attempt, .. }
            | AttemptEvent::CollectRetried { issue, attempt }
            | AttemptEvent::PublishDelayed { issue, attempt, .. }
            | AttemptEvent::Interrupted { issue, attempt }
            | AttemptEvent::PublishStarted { issue, attempt }
            | AttemptEvent::Published { issue, attempt, .. }
            | AttemptEvent::Failed { issue, attempt, .. },
        ) => (issue, attempt),
        _ => return None,
    };
    let running = told.running_of(*issue);
    (running.map(|running| running.number) != Some(*number))
        .then(|| format!("{issue} has no attempt {number} in flight"))
}

/// A task is retried a limited number of times, and only if that can help.
pub(super) fn retry(told: &Chronicle, now: Time, event: &Event) -> Option<String> {
    let Event::Attempt(AttemptEvent::Failed {
        issue,
        failure,
        counted,
        retry_at: Some(at),
        ..
    }) = event
    else {
        return None;
    };
    let n_paid = told.tasks.get(issue)?.n_paid + u32::from(*counted);
    let max = told.settings.max_retries;
    if *counted && max < n_paid {
        return Some(format!(
            "{issue} is retried after {n_paid} paid retries of {max}"
        ));
    }
    let is_hopeless = matches!(
        failure,
        Failure::Validation { .. } | Failure::NeedsPerson { .. } | Failure::Refused { .. }
    );
    let is_nobodys = matches!(
        failure,
        Failure::DiskFull { .. }
            | Failure::Network { .. }
            | Failure::RateLimit { .. }
            | Failure::Overloaded { .. }
            | Failure::Auth { .. }
            | Failure::Interrupted
    );
    let is_hasty = matches!(
        failure,
        Failure::Crash { .. } | Failure::Timeout { .. } | Failure::Network { .. }
    ) && *at < now + 1_000;
    let is_wrong = is_hopeless || is_hasty || (is_nobodys && *counted);
    is_wrong.then(|| format!("{issue} is retried after: {failure}"))
}

/// Work is published once, and only if the agent finished it, it differs from the base, and it
/// passed the checks.
pub(super) fn publish(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    match event {
        Event::Attempt(
            AttemptEvent::PublishStarted { issue, .. } | AttemptEvent::Published { issue, .. },
        ) => {
            let task = told.tasks.get(issue)?;
            let running = task.running.as_ref()?;
            let is_good = running.exited == Some(Ended::Done) && running.collected == Some(true);
            let is_right =
                is_good && (running.passed || !running.must_pass) && task.n_published == 0;
            (!is_right).then(|| format!("{issue} has nothing to publish"))
        }
        Event::Task(TaskEvent::Finished {
            issue,
            outcome: Outcome::Done { .. },
        }) => {
            let n_published = told.tasks.get(issue)?.n_published;
            (n_published != 1)
                .then(|| format!("{issue} is done and was published {n_published} times"))
        }
        _ => None,
    }
}

/// The checks pass if every check passes, apart from those that fail on the base if these are
/// ignored.
pub(super) fn checks(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let Event::Attempt(AttemptEvent::ChecksFinished {
        issue,
        results,
        passed,
        ..
    }) = event
    else {
        return None;
    };
    let is_ignored = |name: &String| {
        told.settings.red_base == RedBase::IgnoreKnown && told.red_on_base.contains(name)
    };
    let is_good = results
        .iter()
        .all(|result| result.passed || is_ignored(&result.name));
    (is_good != *passed).then(|| format!("the checks of {issue} are misjudged"))
}

/// An issue that must no longer be worked on is dropped before an agent is paid for it. A lost
/// agent session is replaced once, if its backend says that it is gone or the agent did nothing.
pub(super) fn lost(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    match event {
        Event::Task(TaskEvent::Finished {
            issue,
            outcome: Outcome::AlreadyOpen { .. } | Outcome::AlreadyMerged { .. },
        }) => {
            let running = told.running_of(*issue)?;
            running
                .is_leased
                .then(|| format!("{issue} is published by others while its agent works"))
        }
        Event::Attempt(AttemptEvent::Failed {
            issue,
            failure,
            counted,
            lost_session: true,
            ..
        }) => {
            let task = told.tasks.get(issue)?;
            let is_right = task.lost_its_session
                && task.keeps_session
                && !counted
                && matches!(failure, Failure::Task { .. });
            (!is_right).then(|| format!("the agent of {issue} is given another session"))
        }
        _ => None,
    }
}

/// Everything that an agent left is collected before its attempt ends.
pub(super) fn collect(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let (issue, failure) = match event {
        Event::Attempt(AttemptEvent::Failed { issue, failure, .. }) => (issue, Some(failure)),
        Event::Task(TaskEvent::Finished { issue, .. }) => (issue, None),
        _ => return None,
    };
    let running = told.running_of(*issue)?;
    // If collecting itself fails, the attempt fails with that error, and the worktree stays.
    let is_the_agents = match (&running.exited, failure) {
        (Some(Ended::Failed { failure: of_agent }), Some(failure)) => of_agent == failure,
        (exited, failure) => exited.is_some() && failure.is_none(),
    };
    let is_lost = is_the_agents && running.collected.is_none();
    let is_cut = running.is_leased && running.exited.is_none() && running.metered > Usd::ZERO;
    (is_lost || is_cut).then(|| format!("the work of {issue} is not collected"))
}
