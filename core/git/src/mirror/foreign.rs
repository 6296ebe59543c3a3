//! Heads of our branches that someone else has moved: fetched so that work can build on them, but
//! never treated as ours.
//!
//! ```text
//!   our branch, where it is published ──fetch──► head ─┬─ work of ours ──► nothing to note
//!                                                      └─ someone else's ──► refs/autoissue/foreign/issue-<n>/<commit>
//! ```
//!
//! Work built on such a head has it among its ancestors. A commit reachable from a foreign head is
//! therefore ours only if work on *that* issue reaches it.

use super::{
    CommitId, FetchError, Mirror, MirrorError, PUBLISHED, SALVAGE, parse_salvage, refs_below,
};

/// Foreign heads, by the issue whose branch they were seen on.
const FOREIGN: &str = "refs/autoissue/foreign/issue-";
/// Where a fetched head is stored first. It is below the other foreign heads, so that it counts as
/// one even after a crash.
const ARRIVAL: &str = "arrival";

impl Mirror {
    /// Fetches the head of an issue's published branch; `None` if the branch no longer exists.
    /// `env` contains credentials.
    ///
    /// # Errors
    /// [`FetchError`].
    pub fn fetch_published(
        &self,
        issue: u64,
        source: &str,
        branch: &str,
        env: &[(String, String)],
    ) -> Result<Option<CommitId>, FetchError> {
        let arrival = format!("{FOREIGN}{issue}/{ARRIVAL}");
        match self.fetch_into(source, branch, &arrival, env) {
            Ok(()) => {}
            Err(FetchError::BranchMissing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let Some(head) = self.read_ref(&arrival)? else {
            return Ok(None);
        };
        if !self.is_work_of(issue, &head)? {
            self.write_ref(&format!("{FOREIGN}{issue}/{head}"), &head)?;
        }
        Ok(Some(head))
    }

    /// Returns whether a commit was seen as someone else's, on a branch of ours.
    pub(super) fn is_foreign(&self, commit: &CommitId) -> Result<bool, MirrorError> {
        let heads = refs_below(&*self.repository()?, FOREIGN)?;
        for (name, head) in heads {
            let issue = name[FOREIGN.len()..]
                .split('/')
                .next()
                .and_then(|number| number.parse().ok());
            let (Some(issue), head) = (issue, CommitId::from(head)) else {
                continue;
            };
            if self.reaches(&head, commit)? && !self.is_work_of(issue, commit)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns whether our work on an issue reaches a commit.
    fn is_work_of(&self, issue: u64, commit: &CommitId) -> Result<bool, MirrorError> {
        let salvaged = refs_below(&*self.repository()?, SALVAGE)?;
        let salvaged = salvaged
            .into_iter()
            .filter_map(|(name, oid)| parse_salvage(&name, oid));
        let of_issue = salvaged
            .filter(|salvage| salvage.issue == issue)
            .map(|salvage| salvage.commit);
        for work in of_issue.chain(self.read_ref(&format!("{PUBLISHED}issue-{issue}"))?) {
            if self.reaches(&work, commit)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn reaches(&self, head: &CommitId, commit: &CommitId) -> Result<bool, MirrorError> {
        Ok(head == commit || self.descends(head, commit)?)
    }
}
