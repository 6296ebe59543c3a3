//! From a directive to issues: the cost of the planner, how often it runs, and what is created.

use autoissue_engine::*;
use autoissue_engine::{PlanEvent, ServiceEvent, TaskEvent};
use autoissue_simulation::TURN_MAX;

use super::money::charge;
use super::order::is_barred;
use crate::chronicle::{Chronicle, Health};

fn cap(settings: &Settings) -> Usd {
    match settings.plan.as_ref().map(|rules| &rules.source) {
        Some(PlanSource::Planner { cap, .. }) if settings.cost_reporting != CostReporting::Free => {
            *cap
        }
        _ => Usd::ZERO,
    }
}

/// The planner's money is reserved within the budget and its own cap, and settled by the same rule
/// as a task's.
pub(super) fn money(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let (settings, planner) = (&told.settings, &told.plan);
    let margin = settings.margin_of(cap(settings));
    match event {
        Event::Plan(PlanEvent::PlannerStarted { reserved, .. }) => {
            if settings.cost_reporting == CostReporting::Free {
                return (*reserved != Usd::ZERO)
                    .then(|| format!("a free planner starts with {reserved}"));
            }
            let sum = told.spent + told.reserved + *reserved;
            let is_dear = settings.budget < sum || cap(settings) - planner.spent < *reserved;
            (is_dear || *reserved <= margin)
                .then(|| format!("the planner starts with {reserved}, {sum} spent and reserved"))
        }
        Event::Plan(PlanEvent::PlannerExited {
            report,
            cost,
            estimated,
            ..
        }) => {
            let running = planner.running.as_ref()?;
            let expected = charge(settings, report.spent, running, margin);
            if told.budget_max + TURN_MAX < told.spent + *cost {
                return Some(format!("the planner spends {cost} of {}", told.budget_max));
            }
            (expected != (*cost, *estimated))
                .then(|| format!("the planner costs {cost}, not {}", expected.0))
        }
        _ => None,
    }
}

/// The planner runs alone, is numbered without a gap, runs only if its service may be used, and not
/// too often.
pub(super) fn planner(told: &Chronicle, now: Time, event: &Event) -> Option<String> {
    let planner = &told.plan;
    let running = planner.running.as_ref().map(|running| running.number);
    match event {
        Event::Plan(PlanEvent::PlannerStarted { attempt, .. }) => {
            let agent = told.settings.agent_service();
            let is_paused =
                matches!(told.service(&agent).health, Health::Paused(until) if now < until);
            let is_barred = is_barred(told, &agent, IssueNumber::SESSION);
            let is_right =
                running.is_none() && *attempt == planner.n_started + 1 && planner.plan.is_none();
            (is_paused || is_barred || !is_right || planner.n_rejected > 1)
                .then(|| format!("the planner starts attempt {attempt}"))
        }
        Event::Plan(
            PlanEvent::PlannerMetered { attempt, .. } | PlanEvent::PlannerExited { attempt, .. },
        ) => (running != Some(*attempt)).then(|| format!("no planner {attempt} runs")),
        Event::Plan(PlanEvent::PlannerFailed {
            counted,
            retry_at: Some(_),
            failure,
            ..
        }) => {
            let n_paid = planner.n_paid + u32::from(*counted);
            // A lost session is replaced once.
            let is_lost = planner.n_rejected > 0 && matches!(failure, Failure::Task { .. });
            let can_help = failure.is_of_service()
                || matches!(failure, Failure::Interrupted | Failure::Auth { .. })
                || (is_lost && !counted);
            let is_used_up = *counted && told.settings.max_retries < n_paid;
            (is_used_up || !can_help).then(|| {
                format!("the planner is retried after {n_paid} paid retries and: {failure}")
            })
        }
        Event::Plan(PlanEvent::Rejected { again: true, .. }) => {
            (planner.n_rejected > 0).then(|| "an answer is repaired twice".to_owned())
        }
        _ => None,
    }
}

/// A plan comes from a planner that finished, or was given. It is carried out once, after approval,
/// and within the budget.
pub(super) fn plan(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let planner = &told.plan;
    match event {
        Event::Plan(PlanEvent::Proposed { .. }) => {
            let is_given = told
                .settings
                .plan
                .as_ref()
                .is_some_and(|rules| rules.source == PlanSource::Given);
            let is_done = matches!(&told.last, Some(Event::Plan(PlanEvent::PlannerExited { report, .. })) if report.ended == Ended::Done);
            let was_judged = matches!(
                &told.last,
                Some(Event::Service(ServiceEvent::Answered { .. }))
            );
            let is_right = (is_given || is_done || was_judged)
                && planner.running.is_none()
                && planner.plan.is_none();
            (!is_right).then(|| "a plan without a source".to_owned())
        }
        Event::Plan(PlanEvent::Confirmed) => {
            let rules = told.settings.plan.as_ref()?;
            let is_right = planner.plan.is_some()
                && !planner.is_confirmed
                && !rules.confirm
                && !told.settings.dry_run;
            (!is_right || planner.is_declined)
                .then(|| "a plan is carried out without approval".to_owned())
        }
        _ => None,
    }
}

/// Issues are created in the order of the plan, each once, after approval, and then linked. Only
/// these issues run.
pub(super) fn creation(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let planner = &told.plan;
    let n_planned = planner.plan.as_ref().map_or(0, |plan| plan.issues.len());
    match event {
        Event::Plan(PlanEvent::IssueCreated {
            position, number, ..
        }) => {
            let is_next =
                *position as usize == planner.created.len() + 1 && *position as usize <= n_planned;
            let is_right = planner.is_confirmed && is_next && !planner.created.contains(number);
            (!is_right).then(|| format!("issue {position} of the plan becomes {number}"))
        }
        Event::Plan(PlanEvent::IssueLinked { position, .. }) => {
            let is_right =
                planner.created.len() == n_planned && planner.linked.last() < Some(position);
            (!is_right).then(|| format!("issue {position} of the plan is linked"))
        }
        Event::Task(TaskEvent::Accepted { issue }) if told.settings.plan.is_some() => {
            let depends = |planned: &PlannedIssue| !planned.depends_on.is_empty();
            let n_links = planner.plan.as_ref().map_or(0, |plan| {
                plan.issues.iter().filter(|it| depends(it)).count()
            });
            let is_whole = planner.created.len() == n_planned && planner.linked.len() == n_links;
            (!is_whole || !planner.created.contains(&issue.number))
                .then(|| format!("{} was not planned", issue.number))
        }
        _ => None,
    }
}
