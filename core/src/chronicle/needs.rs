//! Things that need a person's attention.

use autoissue_engine::{
    Breaker, BreakerState, Outcome, OutcomeGroup, Phase, Service, SessionOutcome, Task,
};

use super::{Chronicle, SessionStatus};

/// Something that needs a person's attention.
#[derive(Clone, Copy, Debug)]
pub enum Need<'a> {
    /// The session as a whole does not continue.
    Session(SessionNeed<'a>),
    /// A service is paused: its breaker is open, or it asked for a pause.
    Service {
        /// The service.
        service: &'a Service,
        /// Its breaker.
        breaker: &'a Breaker,
    },
    /// A person has to decide something about a task.
    Decision {
        /// The task.
        task: &'a Task,
        /// How it ended.
        outcome: &'a Outcome,
    },
    /// A task failed.
    Failure {
        /// The task.
        task: &'a Task,
        /// How it ended.
        outcome: &'a Outcome,
    },
}

/// Why a session does not continue.
#[derive(Clone, Copy, Debug)]
pub enum SessionNeed<'a> {
    /// It failed, for this reason.
    Failed(&'a str),
    /// Its plan waits for a person's approval.
    Unconfirmed,
    /// It was interrupted; the text says what has to be fixed before it is resumed, if anything.
    Interrupted(Option<&'a str>),
    /// Its process died.
    Died,
}

/// Kinds of needs, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NeedKind {
    /// The session as a whole does not continue.
    Session,
    /// A service is paused.
    Service,
    /// A person has to decide something about a task.
    Decision,
    /// A task failed.
    Failure,
}

impl Need<'_> {
    /// Returns its kind.
    pub const fn kind(&self) -> NeedKind {
        match self {
            Self::Session(_) => NeedKind::Session,
            Self::Service { .. } => NeedKind::Service,
            Self::Decision { .. } => NeedKind::Decision,
            Self::Failure { .. } => NeedKind::Failure,
        }
    }
}

/// Returns what needs a person's attention, the most urgent first.
pub(super) fn of(chronicle: &Chronicle) -> Vec<Need<'_>> {
    let mut needs: Vec<Need<'_>> = of_session(chronicle)
        .map(Need::Session)
        .into_iter()
        .collect();
    if !chronicle.is_still() {
        let breakers = chronicle.engine.breakers().iter();
        needs.extend(breakers.filter_map(of_service));
    }
    let tasks = chronicle.engine.tasks().values();
    needs.extend(tasks.filter_map(of_task));
    needs.sort_by_key(Need::kind);
    needs
}

fn of_session(chronicle: &Chronicle) -> Option<SessionNeed<'_>> {
    let engine = &chronicle.engine;
    match (engine.phase(), chronicle.status()) {
        (Phase::Over(SessionOutcome::Failed { message, .. }), _) => {
            Some(SessionNeed::Failed(message))
        }
        (_, SessionStatus::Interrupted) if engine.is_unconfirmed() => {
            Some(SessionNeed::Unconfirmed)
        }
        (_, SessionStatus::Interrupted) => Some(SessionNeed::Interrupted(engine.required_fix())),
        (_, SessionStatus::Died) => Some(SessionNeed::Died),
        _ => None,
    }
}

fn of_service<'a>((service, breaker): (&'a Service, &'a Breaker)) -> Option<Need<'a>> {
    match breaker.state {
        BreakerState::Open { .. } | BreakerState::Paused { .. } => {
            Some(Need::Service { service, breaker })
        }
        BreakerState::Closed | BreakerState::Probing { .. } => None,
    }
}

fn of_task(task: &Task) -> Option<Need<'_>> {
    let outcome = task.outcome()?;
    match outcome.group() {
        OutcomeGroup::NeedsYou => Some(Need::Decision { task, outcome }),
        OutcomeGroup::Failed => Some(Need::Failure { task, outcome }),
        OutcomeGroup::Done
        | OutcomeGroup::AlreadyOpen
        | OutcomeGroup::AlreadyMerged
        | OutcomeGroup::NotStarted => None,
    }
}
