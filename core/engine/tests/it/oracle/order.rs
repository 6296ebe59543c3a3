//! Which tasks may start when, and next to which others.

use autoissue_engine::*;
use autoissue_engine::{AttemptEvent, PlanEvent, ServiceEvent, SessionEvent, TaskEvent};

use crate::chronicle::{Chronicle, Health, TaskRecord};

fn starting<'a>(told: &'a Chronicle, event: &Event) -> Option<&'a TaskRecord> {
    match event {
        Event::Attempt(AttemptEvent::Started { issue, .. }) => told.tasks.get(issue),
        _ => None,
    }
}

fn objection(is_wrong: bool, task: &TaskRecord, why: &str) -> Option<String> {
    is_wrong.then(|| format!("{} starts {why}", task.issue.number))
}

pub(super) fn slots(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let task = starting(told, event)?;
    objection(
        told.settings.n_slots as usize <= told.running.len(),
        task,
        "without a slot",
    )
}

pub(super) fn domain(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let task = starting(told, event)?;
    objection(is_domain_full(told, task), task, "in a busy domain")
}

fn is_domain_full(told: &Chronicle, task: &TaskRecord) -> bool {
    let n_same = told
        .running()
        .filter(|other| other.domain() == task.domain())
        .count();
    told.settings.max_per_domain as usize <= n_same
}

fn runs_alone(told: &Chronicle, task: &TaskRecord) -> bool {
    told.settings.exclusive_domains.contains(task.domain())
}

fn breaks_solitude(told: &Chronicle, task: &TaskRecord) -> bool {
    !told.running.is_empty()
        && (runs_alone(told, task) || told.running().any(|other| runs_alone(told, other)))
}

pub(super) fn exclusive(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let task = starting(told, event)?;
    objection(
        breaks_solitude(told, task),
        task,
        "next to a task that must run alone",
    )
}

pub(super) fn conflict(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    let task = starting(told, event)?;
    objection(
        told.running().any(|other| other.conflicts(task)),
        task,
        "on a file that another task is changing",
    )
}

/// No task that could have started is overtaken, and no start makes the oldest task wait longer.
pub(super) fn order(told: &Chronicle, now: Time, event: &Event) -> Option<String> {
    let task = starting(told, event)?;
    let is_ready =
        |other: &&TaskRecord| other.waits.is_some_and(|at| at <= now) && told.is_founded(other);
    let oldest = told
        .tasks
        .values()
        .filter(is_ready)
        .min_by_key(|other| other.place())?;
    if oldest.place() < task.place() {
        let would_wait = oldest.conflicts(task) || runs_alone(told, oldest);
        if would_wait {
            return objection(
                true,
                task,
                &format!(
                    "although {} is older and would wait for it",
                    oldest.issue.number
                ),
            );
        }
    }
    let older = told
        .tasks
        .values()
        .filter(is_ready)
        .filter(|other| other.place() < task.place());
    let could = |other: &&TaskRecord| {
        let is_free = !is_domain_full(told, other) && !breaks_solitude(told, other);
        is_free
            && !told.running().any(|running| running.conflicts(other))
            && (other.place() == oldest.place() || !oldest.conflicts(other))
    };
    let overtaken = older
        .filter(|other| could(other))
        .min_by_key(|other| other.place())?;
    objection(
        true,
        task,
        &format!("before {}, which could", overtaken.issue.number),
    )
}

/// A task starts after its dependencies are published, and the reason for skipping it names the
/// dependency that was not.
pub(super) fn dependency(told: &Chronicle, _: Time, event: &Event) -> Option<String> {
    if let Some(task) = starting(told, event) {
        let is_outside = |on: &Dependency| on.open && !told.tasks.contains_key(&on.number);
        let has_outside = !task.ignores_outside && task.issue.dependencies.iter().any(is_outside);
        return objection(
            has_outside || !told.is_founded(task),
            task,
            "before its dependencies",
        );
    }
    let Event::Task(TaskEvent::Finished {
        issue,
        outcome: Outcome::Skipped { because },
    }) = event
    else {
        return None;
    };
    let task = told.tasks.get(issue)?;
    let names = |number: IssueNumber| task.issue.dependencies.iter().any(|on| on.number == number);
    let is_right = match because {
        Skip::DependsOn { issue: on } => {
            let outcome = told.tasks.get(on).and_then(|on| on.outcome.as_ref());
            names(*on) && outcome.is_some_and(|outcome| !outcome.lets_dependents_start())
        }
        Skip::DependsOnOutside { issue: on } => names(*on) && !told.tasks.contains_key(on),
        Skip::Circle { issues: circle } => {
            let next = circle.iter().cycle().skip(1);
            let waits = |(issue, on): (&IssueNumber, &IssueNumber)| {
                told.tasks
                    .get(issue)
                    .is_some_and(|task| task.issue.dependencies.iter().any(|it| it.number == *on))
            };
            circle.contains(issue) && circle.iter().zip(next).all(waits)
        }
        Skip::Closed | Skip::Gone | Skip::Unlabelled => task
            .running
            .as_ref()
            .is_some_and(|running| !running.is_leased),
        Skip::PluginFailed => task.plugin_failure == Some(PluginFailureAction::Skip),
    };
    (!is_right).then(|| format!("{issue} is skipped for the wrong reason"))
}

/// Breakers open after enough failures, and admit a single probe after the cooldown.
pub(super) fn breaker(told: &Chronicle, now: Time, event: &Event) -> Option<String> {
    if let Some(why) = misses_opening(told, now, event) {
        return Some(why);
    }
    match event {
        Event::Attempt(AttemptEvent::Started { issue, .. }) => [
            told.settings.agent_service(),
            Service::Forge,
            Service::Machine,
        ]
        .into_iter()
        .find(|service| is_barred(told, service, *issue))
        .map(|service| format!("{issue} starts while {service} is unavailable")),
        Event::Attempt(AttemptEvent::CollectRetried { issue, .. }) => {
            is_barred(told, &Service::Machine, *issue)
                .then(|| format!("{issue} is collected while the disk is full"))
        }
        Event::Attempt(AttemptEvent::PublishStarted { issue, .. }) => {
            is_barred(told, &Service::Forge, *issue)
                .then(|| format!("{issue} is published while the forge is unavailable"))
        }
        Event::Attempt(AttemptEvent::WorktreeLeased { issue, .. }) => {
            is_barred(told, &told.settings.agent_service(), *issue)
                .then(|| format!("the agent of {issue} runs into an outage"))
        }
        Event::Service(ServiceEvent::BreakerProbed { service, issue }) => {
            let health = told.service(service).health;
            let is_due = matches!(health, Health::Open(until) if until <= now);
            (!is_due).then(|| format!("{issue} probes {service}, which is {health:?}"))
        }
        Event::Service(ServiceEvent::BreakerOpened { service, until, .. }) => {
            opens_wrongly(told, now, service, *until)
        }
        _ => None,
    }
}

pub(super) fn is_barred(told: &Chronicle, service: &Service, issue: IssueNumber) -> bool {
    match told.service(service).health {
        Health::Good | Health::Paused(_) => false,
        Health::Open(_) => true,
        Health::Probing(probe) => probe != issue,
    }
}

/// Returns an objection if the last failure had to open a breaker and this event does something
/// else.
fn misses_opening(told: &Chronicle, now: Time, event: &Event) -> Option<String> {
    let Some(Event::Service(ServiceEvent::Failed {
        service,
        issue,
        counted,
        ..
    })) = &told.last
    else {
        return None;
    };
    let patient = told.service(service);
    let must = match patient.health {
        Health::Good => told.settings.breaker_threshold <= patient.n_failures,
        Health::Paused(until) => {
            until <= now && told.settings.breaker_threshold <= patient.n_failures
        }
        Health::Open(_) => false,
        Health::Probing(probe) => Some(probe) == *issue,
    };
    let opens = matches!(event, Event::Service(ServiceEvent::BreakerOpened { service: opened, .. }) if opened == service);
    if must && *counted {
        return Some(format!("a task pays for {service}"));
    }
    (must && !opens).then(|| {
        format!(
            "{service} failed {} times and its breaker stays closed",
            patient.n_failures
        )
    })
}

fn opens_wrongly(told: &Chronicle, now: Time, service: &Service, until: Time) -> Option<String> {
    let patient = told.service(service);
    let has_just_failed = matches!(&told.last, Some(Event::Service(ServiceEvent::Failed { service: failed, .. })) if failed == service);
    let cooldown_ends = now + told.settings.breaker_cooldown_ms;
    let is_right = match patient.health {
        // A probe that ended without an answer lets another one start at once.
        Health::Probing(_) => until == if has_just_failed { cooldown_ends } else { now },
        // One more start confirms that the agent's credentials are refused.
        _ if has_just_failed && told.is_refused && *service == told.settings.agent_service() => {
            now < until && until <= now + 1_250
        }
        _ => {
            has_just_failed
                && told.settings.breaker_threshold <= patient.n_failures
                && until == cooldown_ends
        }
    };
    (!is_right).then(|| {
        format!(
            "the breaker of {service} opens after {} failures until {until}",
            patient.n_failures
        )
    })
}

/// A service that reported when it will be back is not used until then.
pub(super) fn pause(told: &Chronicle, now: Time, event: &Event) -> Option<String> {
    let is_paused = |service: &Service| matches!(told.service(service).health, Health::Paused(until) if now < until);
    let agent = told.settings.agent_service();
    match event {
        Event::Attempt(AttemptEvent::Started { issue, .. })
            if is_paused(&agent) || is_paused(&Service::Forge) =>
        {
            Some(format!("{issue} starts in a pause"))
        }
        Event::Attempt(AttemptEvent::WorktreeLeased { issue, .. }) if is_paused(&agent) => {
            Some(format!("the agent of {issue} runs in a pause"))
        }
        Event::Attempt(AttemptEvent::PublishStarted { issue, .. })
            if is_paused(&Service::Forge) =>
        {
            Some(format!("{issue} is published in a pause"))
        }
        Event::Service(ServiceEvent::BreakerOpened { service, .. }) if is_paused(service) => {
            Some(format!("a breaker shortens the pause of {service}"))
        }
        _ => None,
    }
}

/// Nothing starts after a stop, an interruption, or the `--until` time; nothing at all happens
/// after the end.
pub(super) fn halt(told: &Chronicle, now: Time, event: &Event) -> Option<String> {
    let wakes = |event: &Event| {
        matches!(
            event,
            Event::Session(SessionEvent::Resumed { .. }) | Event::Plan(PlanEvent::Declined)
        )
    };
    if told.is_finished || (told.is_interrupted && !wakes(event)) {
        return Some("something happens after the end".to_owned());
    }
    let issue = match event {
        Event::Attempt(AttemptEvent::Started { issue, .. }) => {
            if told.settings.start_until.is_some_and(|until| until <= now) {
                return Some(format!("{issue} starts too late"));
            }
            issue
        }
        // An agent would run here.
        Event::Attempt(AttemptEvent::WorktreeLeased { issue, .. }) => issue,
        Event::Plan(
            PlanEvent::PlannerStarted { .. } | PlanEvent::Confirmed | PlanEvent::CreationRetried,
        ) => {
            return told
                .halted
                .map(|halted| format!("the plan continues after {halted}"));
        }
        _ => return None,
    };
    told.halted
        .map(|halted| format!("{issue} starts after {halted}"))
}
