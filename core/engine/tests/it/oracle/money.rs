//! Money: recomputes what is reserved and spent.

use autoissue_engine::*;
use autoissue_engine::{AttemptEvent, IntakeEvent};
use autoissue_simulation::TURN_MAX;

use crate::chronicle::{Chronicle, Running};

/// Spent plus reserved never exceeds the budget when something starts.
pub(super) fn budget(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let Event::Attempt(AttemptEvent::Started {
        issue, reserved, ..
    }) = event
    else {
        return None;
    };
    if told.settings.cost_reporting == CostReporting::Free {
        // A resume may have lowered the budget below what is reserved; a free agent adds nothing to
        // that.
        return None;
    }
    let (sum, budget) = (told.spent + told.reserved + *reserved, told.settings.budget);
    (budget < sum).then(|| format!("{issue} starts: {sum} spent and reserved of {budget}"))
}

/// Real money exceeds the budget by at most one turn per running agent.
pub(super) fn overshoot(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let Event::Attempt(AttemptEvent::AgentExited { cost, .. }) = event else {
        return None;
    };
    let bound = told.budget_max + (0..told.n_slots_max).map(|_| TURN_MAX).sum();
    let spent = told.spent + *cost;
    (bound < spent).then(|| format!("{spent} spent, at most {bound} could be"))
}

/// No attempt may spend more than its task has left.
pub(super) fn cap(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let Event::Attempt(AttemptEvent::Started {
        issue, reserved, ..
    }) = event
    else {
        return None;
    };
    let (spent, forgiven) = told
        .tasks
        .get(issue)
        .map(|task| (task.spent_before + task.spent, task.forgiven))
        .unwrap_or_default();
    let left = told.settings.task_cap - (spent - forgiven);
    if told.settings.cost_reporting == CostReporting::Free {
        return (*reserved != Usd::ZERO)
            .then(|| format!("{issue} reserves {reserved} and is free"));
    }
    let margin = if forgiven == Usd::ZERO {
        told.settings.margin()
    } else {
        Usd::ZERO
    };
    let is_wrong = left < *reserved || *reserved <= margin;
    is_wrong.then(|| format!("{issue} reserves {reserved} and has {left} left"))
}

/// A known cost is charged as it is, an unknown one by the rule, and never as nothing.
pub(super) fn cost(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let Event::Attempt(AttemptEvent::AgentExited {
        issue,
        report,
        cost,
        estimated,
        ..
    }) = event
    else {
        return None;
    };
    let running = told.running_of(*issue)?;
    let expected = charge(
        &told.settings,
        report.spent,
        running,
        told.settings.margin(),
    );
    (expected != (*cost, *estimated)).then(|| format!("{issue} costs {cost}, not {}", expected.0))
}

/// Returns the amount to charge for a run, and whether it is estimated. A cost of more than a
/// hundred times the reservation, or of the task's cap if nothing is reserved, is not believed.
pub(super) fn charge(
    settings: &Settings,
    spent: Spent,
    running: &Running,
    margin: Usd,
) -> (Usd, bool) {
    let base = match settings.cost_reporting {
        CostReporting::Free => settings.task_cap,
        CostReporting::AsItGoes | CostReporting::AtTheEnd => running.reserved,
    };
    let most = Usd::from_micros(100 * base.micros());
    let seen = match spent {
        Spent::Known(cost) if cost <= most => return (cost, false),
        Spent::AtLeast(seen) if seen <= most => seen.max(running.metered),
        Spent::Known(_) | Spent::AtLeast(_) | Spent::Unknown => running.metered,
    };
    match settings.cost_reporting {
        CostReporting::Free => (seen, Usd::ZERO < seen),
        CostReporting::AsItGoes => (seen + margin, true),
        CostReporting::AtTheEnd => (seen.max(running.reserved), true),
    }
}

/// Nothing starts before the whole backlog is planned and fits, and the base is known to be good.
pub(super) fn admission(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let open = || told.tasks.values().filter(|task| task.outcome.is_none());
    match event {
        Event::Intake(IntakeEvent::BacklogAdmitted { .. }) => {
            let estimate: Usd = open().filter_map(|task| task.estimate).sum();
            let is_preparing = open().any(|task| task.estimate.is_none());
            let is_dear = told.settings.budget < estimate && !told.settings.allow_partial;
            (is_preparing || is_dear).then(|| format!("admitted at an estimate of {estimate}"))
        }
        Event::Attempt(AttemptEvent::Started { issue, .. }) => {
            let is_late = told.is_admitted && (told.is_base_checked || !told.had_checks);
            (!is_late).then(|| format!("{issue} starts before it is admitted"))
        }
        _ => None,
    }
}
