//! Taking commits out of another repository into the mirror, each object checked: what a fetch does, with the two processes that do it.
//!
//! ```text
//!   git pack-objects (there) ── pack ──► git unpack-objects | index-pack (here), --strict
//! ```
//!
//! `--strict` checks each object and that all it names is here, so a commit that arrives is whole: the mirror holds nothing that was not
//! checked in the same way, or made here.

use std::path::Path;

use super::{CommitId, Mirror};
use crate::program::GitError;

/// From this many objects on a pack is kept as one, as git does by default.
const PACKED_OBJECTS_MIN: u32 = 100;

/// What a pack begins with: `PACK`, its version, the number of its objects.
const HEADER_BYTES: usize = 12;

impl Mirror {
    /// Takes a commit and what it needs beyond `known`, a commit of the mirror, out of a repository of ours that borrows the mirror's
    /// objects. No ref is made.
    ///
    /// # Errors
    /// What git said, also where an object is damaged, odd or missing.
    pub(crate) fn import(
        &self,
        from: &Path,
        commit: &CommitId,
        known: &CommitId,
        env: &[(String, String)],
    ) -> Result<(), GitError> {
        self.configured()?;
        let pack = [
            "pack-objects",
            "--quiet",
            "--revs",
            "--stdout",
            "--thin",
            "--delta-base-offset",
        ];
        let revisions = format!("{commit}\n^{known}\n");
        let taken = self.git().pipe(
            (from, &pack, revisions.as_bytes()),
            self.path(),
            taking,
            env,
        );
        taken.map(drop)
    }
}

/// Returns the arguments of the git that reads the rest of a pack.
fn taking(header: [u8; HEADER_BYTES]) -> Vec<String> {
    let [_, _, _, _, version @ .., a, b, c, d] = header;
    let (version, n_objects) = (
        u32::from_be_bytes(version),
        u32::from_be_bytes([a, b, c, d]),
    );
    let how: &[&str] = if n_objects < PACKED_OBJECTS_MIN {
        &["unpack-objects", "-q"]
    } else {
        &["index-pack", "--stdin", "--fix-thin"]
    };
    let header = format!("--pack_header={version},{n_objects}");
    let words = how.iter().copied().chain(["--strict", &header]);
    words.map(str::to_owned).collect()
}
