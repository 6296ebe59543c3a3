//! Limits the amount of kept work. Nothing is dropped, so nothing new starts once the limit is
//! reached.
//!
//! Measuring runs a git process that walks the objects, so it is done only if there is kept work that
//! was not measured before. Collected work that is not published yet does not count as long as there
//! is no more of it than concurrent attempts: its ref is removed once it is published.

use std::collections::BTreeSet;

use autoissue_engine::{Failure, IssueNumber};
use autoissue_git::mirror::{Salvage, bytes_below};
use autoissue_process::error_chain;

use super::Services;
use super::failure::crash;

/// Measurements of kept work.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Issues whose work was collected but not published yet.
    under_way: BTreeSet<IssueNumber>,
    /// The refs that were measured, and their total size in bytes.
    measured: (BTreeSet<String>, u64),
}

impl Services {
    /// Checks that more work can be kept.
    ///
    /// # Errors
    /// [`Failure::Refused`], which interrupts the session.
    pub(crate) fn check_room(&self) -> Result<(), Failure> {
        let collectors = &self.workspace()?.collectors;
        let directories = collectors.directories();
        let aside = directories.iter().filter(|directory| directory.is_kept);
        let of_directories: u64 = aside.map(|directory| bytes_below(&directory.path)).sum();
        let most_gib = self.config.executor.max_salvage_gib;
        let fits = |of_refs: u64| gib(of_refs.saturating_add(of_directories)) <= most_gib;
        let known = self.measured_before()?;
        if known.is_some_and(fits) {
            return Ok(());
        }
        let of_refs = self.measure()?;
        if fits(of_refs) {
            return Ok(());
        }
        let kept_gib = gib(of_refs.saturating_add(of_directories));
        Err(Failure::Refused {
            message: format!(
                "kept work takes {kept_gib:.3} GiB, and `executor.maxSalvageGib` is {most_gib}; free some space with `autoissue clean`, or \
                 raise the limit"
            ),
        })
    }

    /// Records that the work of an issue was collected.
    pub(super) fn note_under_way(&self, issue: IssueNumber) {
        self.room().under_way.insert(issue);
    }

    /// Records that an issue's work will not be published by this attempt, or was published: what is
    /// left on a ref counts as kept.
    pub(super) fn note_settled(&self, issue: IssueNumber) {
        self.room().under_way.remove(&issue);
    }

    /// Returns an upper bound of the size of kept work in bytes, if all of it was measured before.
    fn measured_before(&self) -> Result<Option<u64>, Failure> {
        let salvaged = self.salvaged()?;
        let room = self.room();
        let is_kept = |salvage: &&Salvage| {
            self.slots() < room.under_way.len()
                || salvage.session != self.session
                || !room.under_way.contains(&IssueNumber(salvage.issue))
        };
        let (known, bytes) = &room.measured;
        let mut kept = salvaged.iter().filter(is_kept);
        Ok(kept
            .all(|salvage| known.contains(&name(salvage)))
            .then_some(*bytes))
    }

    fn measure(&self) -> Result<u64, Failure> {
        let salvaged = self.salvaged()?;
        let bytes = self.workspace()?.mirror.salvage_bytes();
        let bytes = bytes.unwrap_or_else(|error| {
            tracing::warn!(error = %error_chain(&error), "cannot determine how much work is kept");
            0
        });
        self.room().measured = (salvaged.iter().map(name).collect(), bytes);
        Ok(bytes)
    }

    fn salvaged(&self) -> Result<Vec<Salvage>, Failure> {
        let salvaged = self.workspace()?.mirror.salvaged();
        salvaged.map_err(|error| crash(&error))
    }

    fn room(&self) -> std::sync::MutexGuard<'_, Room> {
        // The state is consistent even if a holder panicked: each change is a single insertion,
        // removal or assignment.
        self.room
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Identifies a ref and its commit, so that a changed ref counts as a different one.
fn name(salvage: &Salvage) -> String {
    format!("{} {}", salvage.commit, salvage.reference)
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}
