//! The judges of a session: each reads the journal alone and objects to anything that must never be
//! in it.
//!
//! `oracle/corrupted.rs` shows that each of them is able to object.

mod corrupted;
mod money;
mod order;
mod plan;
mod work;

use autoissue_engine::*;

use crate::chronicle::{Chronicle, Entry};

/// Takes the journal so far and the next event; returns what is wrong with it.
type Oracle = fn(&Chronicle, Time, &Event) -> Option<String>;

const ORACLES: [(&str, Oracle); 25] = [
    ("budget", money::budget),
    ("overshoot", money::overshoot),
    ("cap", money::cap),
    ("cost", money::cost),
    ("admission", money::admission),
    ("slots", order::slots),
    ("domain", order::domain),
    ("exclusive", order::exclusive),
    ("conflict", order::conflict),
    ("order", order::order),
    ("dependency", order::dependency),
    ("breaker", order::breaker),
    ("pause", order::pause),
    ("halt", order::halt),
    ("end", work::end),
    ("attempt", work::attempt),
    ("retry", work::retry),
    ("publish", work::publish),
    ("checks", work::checks),
    ("lost", work::lost),
    ("collect", work::collect),
    ("planner money", plan::money),
    ("planner", plan::planner),
    ("plan", plan::plan),
    ("creation", plan::creation),
];

/// An objection of an oracle.
#[derive(Debug)]
pub(crate) struct Objection {
    pub(crate) oracle: &'static str,
    /// Position in the journal.
    pub(crate) at: usize,
    pub(crate) why: String,
}

/// Returns the first objection of each oracle.
pub(crate) fn judge(journal: &[Entry]) -> Vec<Objection> {
    let mut objections: Vec<Objection> = Vec::new();
    let mut told = Chronicle::default();
    for (at, Entry { at: now, event }) in journal.iter().enumerate() {
        for (oracle, objects) in ORACLES {
            if let Some(why) = objects(&told, *now, event)
                && !objections.iter().any(|known| known.oracle == oracle)
            {
                objections.push(Objection { oracle, at, why });
            }
        }
        told.note(event);
    }
    objections.extend(unfinished(&told, journal.len()));
    objections
}

/// A session must end: with its last task, or interrupted.
fn unfinished(told: &Chronicle, at: usize) -> Option<Objection> {
    if !told.is_finished {
        let why = "the journal has no end".to_owned();
        return (!told.is_interrupted).then_some(Objection {
            oracle: "liveness",
            at,
            why,
        });
    }
    let open = told
        .tasks
        .iter()
        .find(|(_, task)| task.outcome.is_none())
        .filter(|_| !told.settings.dry_run)?;
    Some(Objection {
        oracle: "end",
        at,
        why: format!("{} has no end", open.0),
    })
}
