//! How much work is kept, and whether more may be: nothing is dropped, so at the bound nothing more is begun.
//!
//! Measuring walks the objects in a git of its own, so it is done only when work is kept that was not measured before. Work on its way to a
//! pull request, at most as much as attempts run at once, is not kept yet: its ref goes once it is published.

use std::collections::BTreeSet;

use autoissue_engine::{Failure, IssueNumber};
use autoissue_git::mirror::{Salvage, bytes_below};
use autoissue_process::error_chain;

use super::Services;
use super::failure::crash;

/// What is known of kept work.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Issues whose work was collected and waits for its end.
    under_way: BTreeSet<IssueNumber>,
    /// Refs that were measured, and the bytes that they take together.
    measured: (BTreeSet<String>, u64),
}

impl Services {
    /// Makes sure that more work can be kept.
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
                "kept work takes {kept_gib:.3} GiB, and `executor.maxSalvageGib` is {most_gib}; free some with `autoissue clean`, or \
                 raise the limit, to start anything new"
            ),
        })
    }

    /// Notes that work of an issue was collected.
    pub(super) fn is_under_way(&self, issue: IssueNumber) {
        self.room().under_way.insert(issue);
    }

    /// Notes that an issue's work has met its end: what there is of it on a ref of ours is kept.
    pub(super) fn is_settled(&self, issue: IssueNumber) {
        self.room().under_way.remove(&issue);
    }

    /// Returns at least the bytes that kept work takes, where all of it was measured before.
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
            tracing::warn!(error = %error_chain(&error), "how much work is kept is not known");
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
        // What is behind it is whole even if a holder panicked: each change is one insertion, removal or assignment.
        self.room
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Names a ref and where it points: one that was written again is another.
fn name(salvage: &Salvage) -> String {
    format!("{} {}", salvage.commit, salvage.reference)
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}
