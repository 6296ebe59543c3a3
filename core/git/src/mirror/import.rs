//! Imports commits from another repository into the mirror and verifies each object. This is what a
//! fetch does, with only the two processes that do the work.
//!
//! ```text
//!   git pack-objects (there) ── pack ──► git unpack-objects | index-pack (here), --strict
//! ```
//!
//! `--strict` verifies each object, and that everything it references exists, so an imported commit
//! is complete: everything else in the mirror was verified in the same way, or created here.

use std::path::Path;

use super::{CommitId, Mirror};
use crate::program::GitError;

/// A pack with at least this many objects is kept as a pack, which is git's default.
const PACKED_OBJECTS_MIN: u32 = 100;

/// Size of a pack's header: `PACK`, its version, the number of its objects.
const HEADER_BYTES: usize = 12;

impl Mirror {
    /// Imports a commit and everything it needs beyond `known`, a commit in the mirror, from a
    /// repository of ours that borrows the mirror's objects. Creates no ref.
    ///
    /// # Errors
    /// Git's error, also if an object is damaged, malformed or missing.
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

/// Returns the arguments of the git command that reads the rest of a pack.
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
