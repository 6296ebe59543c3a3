//! The records of worktrees, kept in the mirror's directory, out of the agent's reach:
//! `<mirror>/autoissue/worktrees/<root>/issue-<N>.json` with the lease, and next to it
//! `issue-<N>.index`, the index that the checkout wrote (it saves reading unchanged files again).
//!
//! `<root>` is a hash of the directory of worktrees: two checkouts of one repository share the
//! mirror, but not their worktrees.
//!
//! ```text
//!   (none) ──► Making ──► Ready ──► Removing ──► (none)
//!                 ▲         │ only here can there be an agent's work
//!                 └─ crash ─┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::Oid;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::WorktreeError;
use crate::commit_id::CommitId;

/// The ignored files that the checks on the base created.
const MADE_BY_CHECKS: &str = "made-by-checks.json";

/// One worktree of ours. Unknown fields are ignored. Without a readable record a directory counts
/// as someone else's and is never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub issue: u64,
    pub session: String,
    pub attempt: u32,
    pub base: CommitId,
    pub phase: Phase,
    /// Whether checkout and collection need the user's filter programs (LFS).
    pub filters: bool,
    /// The tree of the files as the project's own preparation left them, in hexadecimal: unchanged
    /// files are not the agent's work and are not published.
    #[serde(default)]
    pub prepared: Option<String>,
    /// The state of the submodules at that time, by path: see [`super::submodule::state`].
    #[serde(default)]
    pub modules: BTreeMap<String, String>,
    /// Ignored files and whole directories that the preparation or a check created.
    #[serde(default)]
    pub made: BTreeSet<String>,
    /// Ignored files that existed when the work was collected.
    #[serde(default)]
    pub ignored_at_collection: BTreeSet<String>,
}

impl Record {
    /// Returns the tree that the preparation left, if there was one.
    pub(super) fn prepared_tree(&self) -> Option<Oid> {
        self.prepared
            .as_ref()
            .and_then(|tree| Oid::from_str(tree).ok())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Making,
    Ready,
    Removing,
}

/// The records of one directory of worktrees.
#[derive(Debug, Clone)]
pub(super) struct Records {
    dir: PathBuf,
}

impl Records {
    pub(super) fn of(mirror: &Path, root: &Path) -> Records {
        let digest = Sha256::digest(root.as_os_str().as_bytes());
        let name = hex::encode(&digest[..6]);
        Records {
            dir: mirror.join("autoissue").join("worktrees").join(name),
        }
    }

    pub(super) fn index(&self, issue: u64) -> PathBuf {
        self.dir.join(format!("issue-{issue}.index"))
    }

    /// Returns the directory for the gate of an import.
    pub(super) fn gate(&self, issue: u64) -> PathBuf {
        self.dir.join(format!("issue-{issue}.gate"))
    }

    /// Returns whether a record exists, readable or not.
    pub(super) fn has(&self, issue: u64) -> bool {
        self.path(issue).exists()
    }

    pub(super) fn read(&self, issue: u64) -> Result<Option<Record>, WorktreeError> {
        let path = self.path(issue);
        match fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)
                .ok()
                .filter(|record: &Record| record.issue == issue)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(WorktreeError::io("read", &path, source)),
        }
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), WorktreeError> {
        let path = self.path(record.issue);
        let bytes = serde_json::to_vec(record).expect("a record contains only numbers and text");
        let written = self.replace(&path, &bytes);
        written.map_err(|source| WorktreeError::io("write", &path, source))
    }

    /// Deletes the record of a worktree; a missing one is not an error.
    pub(super) fn forget(&self, issue: u64) -> Result<(), WorktreeError> {
        for path in [self.index(issue), self.path(issue)] {
            match fs::remove_file(&path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(WorktreeError::io("remove", &path, source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the ignored files that checks create in a new directory, as far as they were
    /// recorded.
    pub(super) fn made_by_checks(&self) -> BTreeSet<String> {
        let read = fs::read(self.dir.join(MADE_BY_CHECKS));
        read.ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    pub(super) fn write_made_by_checks(
        &self,
        made: &BTreeSet<String>,
    ) -> Result<(), WorktreeError> {
        let path = self.dir.join(MADE_BY_CHECKS);
        let bytes = serde_json::to_vec(made).expect("a set of strings can be serialized");
        let written = self.replace(&path, &bytes);
        written.map_err(|source| WorktreeError::io("write", &path, source))
    }

    /// Returns all records, by issue.
    pub(super) fn all(&self) -> Result<Vec<Record>, WorktreeError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(WorktreeError::io("list", &self.dir, source)),
        };
        let mut records = Vec::new();
        for entry in entries {
            let name = entry
                .map_err(|source| WorktreeError::io("list", &self.dir, source))?
                .file_name();
            if let Some(issue) = issue_of(&name.to_string_lossy()) {
                records.extend(self.read(issue)?);
            }
        }
        records.sort_by_key(|record| record.issue);
        Ok(records)
    }

    fn path(&self, issue: u64) -> PathBuf {
        self.dir.join(format!("issue-{issue}.json"))
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let draft = path.with_extension("json.draft");
        fs::write(&draft, bytes)?;
        fs::rename(&draft, path)
    }
}

fn issue_of(file: &str) -> Option<u64> {
    file.strip_prefix("issue-")?
        .strip_suffix(".json")?
        .parse()
        .ok()
}
