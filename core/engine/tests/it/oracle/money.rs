//! Money: what is set aside and spent, recomputed.

use autoissue_engine::*;

use crate::chronicle::Chronicle;
use crate::night::TURN_MAX;

/// What is spent and set aside never passes the budget where something starts.
pub(super) fn budget(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let Event::AttemptStarted {
        issue, reserved, ..
    } = event
    else {
        return None;
    };
    let (sum, budget) = (told.spent + told.reserved + *reserved, told.settings.budget);
    (budget < sum).then(|| format!("{issue} starts: {sum} spent and reserved of {budget}"))
}

/// Real money passes the budget by at most a turn per running agent.
pub(super) fn overshoot(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let Event::AgentExited { charged, .. } = event else {
        return None;
    };
    let bound = told.budget_max + (0..told.n_slots_max).map(|_| TURN_MAX).sum();
    let spent = told.spent + *charged;
    (bound < spent).then(|| format!("{spent} spent, at most {bound} could be"))
}

/// No attempt may spend what its task has left no more.
pub(super) fn cap(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let Event::AttemptStarted {
        issue, reserved, ..
    } = event
    else {
        return None;
    };
    let (spent, forgiven) = told
        .tasks
        .get(issue)
        .map(|task| (task.spent, task.forgiven))
        .unwrap_or_default();
    let left = told.settings.task_cap - (spent - forgiven);
    let is_free = told.settings.metering == Metering::Free;
    let margin = if forgiven == Usd::ZERO {
        told.settings.margin()
    } else {
        Usd::ZERO
    };
    let is_wrong = left < *reserved || (!is_free && *reserved <= margin);
    is_wrong.then(|| format!("{issue} reserves {reserved} and has {left} left"))
}

/// A known cost is charged as it is, an unknown one by the rule: never nothing.
pub(super) fn cost(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let Event::AgentExited {
        issue,
        report,
        charged,
        assumed,
        ..
    } = event
    else {
        return None;
    };
    let running = told.running_of(*issue)?;
    let rule = |seen: Usd| match told.settings.metering {
        Metering::Free => (seen, Usd::ZERO < seen),
        Metering::AsItGoes => (seen + told.settings.margin(), true),
        Metering::AtTheEnd => (seen.max(running.reserved), true),
    };
    let expected = match report.spent {
        Spent::Known(cost) => (cost, false),
        Spent::AtLeast(seen) => rule(seen.max(running.metered)),
        Spent::Unknown => rule(running.metered),
    };
    (expected != (*charged, *assumed))
        .then(|| format!("{issue} is charged {charged}, not {}", expected.0))
}

/// Nothing starts before the whole backlog is planned and fits, and the base is known to be good.
pub(super) fn admission(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let open = || told.tasks.values().filter(|task| task.outcome.is_none());
    match event {
        Event::BacklogAdmitted { .. } => {
            let estimate: Usd = open().filter_map(|task| task.estimate).sum();
            let is_unplanned = open().any(|task| task.estimate.is_none());
            let is_dear = told.settings.budget < estimate && !told.settings.allow_partial;
            (is_unplanned || is_dear).then(|| format!("admitted with {estimate} estimated"))
        }
        Event::AttemptStarted { issue, .. } => {
            let is_late = told.is_admitted && (told.is_base_checked || !told.had_checks);
            (!is_late).then(|| format!("{issue} starts before it is admitted"))
        }
        _ => None,
    }
}
