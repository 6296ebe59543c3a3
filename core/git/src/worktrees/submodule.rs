//! Determines what is in place of a gitlink: a submodule of ours, nothing, or content that only the
//! directory has.
//!
//! A gitlink to a commit that no remote of the submodule has would be broken for everyone else, and
//! changes inside a submodule are in no tree of ours. Both are detected here without trusting the
//! agent's configuration: objects and refs are read through a gate (see [`super::agent_head`]).

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use git2::Oid;
use sha2::{Digest, Sha256};

use super::{WorktreeError, agent_head, removal};
use crate::commit_id::CommitId;
use crate::mirror::Mirror;
use crate::program::{Git, GitError};

/// Deepest nesting of submodules; no legitimate one is nested deeper.
const DEPTH_MAX: usize = 8;

/// Most files of a nested repository that are compared one by one; a larger one counts as changed.
const ENTRIES_MAX: usize = 200_000;

/// What is in place of a gitlink.
pub(super) enum Standing {
    /// An empty directory.
    Empty,
    /// A submodule, on a commit.
    Submodule(Submodule),
    /// Files, or a repository that is not a submodule of ours.
    Foreign,
}

/// A submodule whose repository is below that of the worktree.
pub(super) struct Submodule {
    git_dir: PathBuf,
    pub(super) head: CommitId,
}

/// The context for reading a submodule.
pub(super) struct Look<'a> {
    pub mirror: &'a Mirror,
    pub gate: &'a Path,
    pub env: &'a [(String, String)],
}

/// Returns the paths that a `.gitmodules` declares with a URL, which are the gitlinks that git can
/// follow. None if git cannot read it.
pub(super) fn declared(git: &Git, repository: &Path, modules: Oid) -> BTreeSet<Vec<u8>> {
    let none: [(&str, &str); 0] = [];
    let blob = modules.to_string();
    let args = [
        "config",
        "--null",
        "--blob",
        &blob,
        "--get-regexp",
        r"^submodule\..*\.(path|url)$",
    ];
    let listed = git.run(repository, &args, &none, None).unwrap_or_default();
    let (mut paths, mut with_address) = (Vec::new(), BTreeSet::new());
    for entry in listed.split(|byte| *byte == 0) {
        let Some(at) = entry.iter().position(|byte| *byte == b'\n') else {
            continue;
        };
        let (key, value) = (&entry[..at], &entry[at + 1..]);
        if let Some(name) = key.strip_suffix(b".path") {
            paths.push((name, value));
        } else if let Some(name) = key.strip_suffix(b".url").filter(|_| !value.is_empty()) {
            with_address.insert(name);
        }
    }
    let is_known = |(name, _): &(&[u8], &[u8])| with_address.contains(name);
    let known = paths.into_iter().filter(is_known);
    known
        .map(|(_, path)| path.strip_suffix(b"/").unwrap_or(path).to_vec())
        .collect()
}

/// Returns what is in a directory of the worktree where a commit has a gitlink.
pub(super) fn standing(worktree: &Path, directory: &Path) -> Standing {
    if fs::symlink_metadata(directory.join(".git")).is_err() {
        let is_empty = fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
        return if is_empty {
            Standing::Empty
        } else {
            Standing::Foreign
        };
    }
    agent_head::of_submodule(worktree, directory).map_or(Standing::Foreign, |(git_dir, head)| {
        Standing::Submodule(Submodule { git_dir, head })
    })
}

/// Returns a text that changes whenever a file in a directory changes, including its `.git`; `None`
/// if there is too much to read.
pub(super) fn fingerprint(directory: &Path) -> Option<String> {
    let mut seen = Vec::new();
    let mut dirs = vec![directory.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).ok()? {
            let path = entry.ok()?.path();
            let found = fs::symlink_metadata(&path).ok()?;
            if found.is_dir() {
                dirs.push(path);
            } else {
                let name = path.as_os_str().as_bytes().escape_ascii();
                seen.push(format!(
                    "{name} {} {} {}",
                    found.size(),
                    found.mtime(),
                    found.mtime_nsec()
                ));
            }
            if ENTRIES_MAX < seen.len() + dirs.len() {
                return None;
            }
        }
    }
    seen.sort();
    let digest = Sha256::digest(seen.join("\n").as_bytes());
    Some(hex::encode(digest))
}

impl Look<'_> {
    /// Returns whether a remote of the submodule has a commit, as far as the submodule's repository
    /// knows.
    ///
    /// # Errors
    /// The gate cannot be created.
    pub(super) fn is_published(
        &self,
        submodule: &Submodule,
        commit: &CommitId,
    ) -> Result<bool, WorktreeError> {
        let remote = agent_head::remote_heads(&submodule.git_dir);
        if remote.contains(commit) {
            return Ok(true);
        }
        if remote.is_empty() || !agent_head::has_files_only(&submodule.git_dir.join("objects")) {
            return Ok(false);
        }
        self.through_gate(submodule, commit, |gate| {
            let mut args = vec![
                "rev-list".to_owned(),
                "--max-count=1".to_owned(),
                commit.to_string(),
                "--not".to_owned(),
            ];
            args.extend(remote.iter().map(CommitId::to_string));
            let left = self.mirror.git().run(gate, &args, self.env, None)?;
            Ok(left.is_empty())
        })
        .map(|answer| answer.unwrap_or(false))
    }

    /// Returns the differences between the files of a submodule and a commit, except ignored files:
    /// an empty text without differences, and another text whenever they change. Unreadable content
    /// counts as a difference.
    ///
    /// # Errors
    /// The gate cannot be created.
    pub(super) fn state(
        &self,
        worktree: &Path,
        directory: &Path,
        submodule: &Submodule,
    ) -> Result<String, WorktreeError> {
        let mut state = String::new();
        let mut found = vec![(directory.to_owned(), None, 0)];
        while let Some((directory, expected, depth)) = found.pop() {
            let nested;
            let submodule = if depth == 0 {
                submodule
            } else {
                match standing(worktree, &directory) {
                    Standing::Empty => continue,
                    Standing::Submodule(it) if depth <= DEPTH_MAX => {
                        nested = it;
                        &nested
                    }
                    Standing::Submodule(_) | Standing::Foreign => {
                        let _ = writeln!(state, "foreign {}", directory.display());
                        continue;
                    }
                }
            };
            let head = &submodule.head;
            if expected.is_some_and(|expected: Oid| expected != head.oid()) {
                let _ = writeln!(state, "moved {} {head}", directory.display());
            }
            if !agent_head::has_files_only(&submodule.git_dir.join("objects")) {
                let _ = writeln!(state, "not files {}", directory.display());
                continue;
            }
            let looked =
                self.through_gate(submodule, head, |gate| self.status(gate, &directory))?;
            match looked {
                Ok((lines, links)) => {
                    state.push_str(&lines);
                    found.extend(
                        links
                            .into_iter()
                            .map(|(path, id)| (directory.join(path), Some(id), depth + 1)),
                    );
                }
                Err(error) => {
                    let _ = writeln!(state, "unreadable {} {error}", directory.display());
                }
            }
        }
        Ok(state)
    }

    /// Returns a line for each file that differs from the gate's commit, with its size and time,
    /// and the gitlinks of the commit.
    fn status(
        &self,
        gate: &Path,
        directory: &Path,
    ) -> Result<(String, Vec<(PathBuf, Oid)>), GitError> {
        let mut env: Vec<(OsString, OsString)> = self
            .env
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        env.push(("GIT_DIR".into(), gate.into()));
        env.push(("GIT_WORK_TREE".into(), directory.into()));
        env.push(("GIT_INDEX_FILE".into(), gate.join("index").into()));
        let git = |args: &[&str]| self.mirror.git().run(directory, args, &env, None);
        git(&["read-tree", "HEAD"])?;
        let args = [
            "status",
            "--porcelain=v1",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--ignore-submodules=all",
        ];
        let mut lines = String::new();
        for entry in git(&args)?.split(|byte| *byte == 0) {
            let Some(path) = entry.get(3..) else {
                continue;
            };
            let path = directory.join(OsString::from_vec(path.to_vec()));
            let seen = fs::symlink_metadata(&path)
                .map_or((0, 0, 0), |it| (it.size(), it.mtime(), it.mtime_nsec()));
            let _ = writeln!(
                lines,
                "{} {} {seen:?}",
                entry[..2].escape_ascii(),
                path.display()
            );
        }
        let mut links = Vec::new();
        for entry in git(&["ls-files", "--stage", "-z"])?.split(|byte| *byte == 0) {
            let Some(link) = entry.strip_prefix(b"160000 ") else {
                continue;
            };
            let tab = link.iter().position(|byte| *byte == b'\t');
            if let Some(at) = tab
                && let Ok(id) = Oid::from_str(&String::from_utf8_lossy(&link[..40.min(at)]))
            {
                links.push((
                    PathBuf::from(OsString::from_vec(link[at + 1..].to_vec())),
                    id,
                ));
            }
        }
        Ok((lines, links))
    }

    /// Creates a gate to a submodule's objects with a commit as its `HEAD`, for the duration of a
    /// call.
    fn through_gate<T>(
        &self,
        submodule: &Submodule,
        commit: &CommitId,
        look: impl FnOnce(&Path) -> Result<T, GitError>,
    ) -> Result<Result<T, GitError>, WorktreeError> {
        let objects = submodule.git_dir.join("objects");
        agent_head::make_gate(self.mirror, self.gate, &objects, commit)?;
        // The history of a shallow submodule is incomplete too.
        let shallow = submodule.git_dir.join("shallow");
        if fs::symlink_metadata(&shallow).is_ok_and(|found| found.is_file()) {
            fs::copy(&shallow, self.gate.join("shallow"))
                .map_err(|source| WorktreeError::io("copy", &shallow, source))?;
        }
        let seen = look(self.gate);
        removal::remove(self.gate)
            .map_err(|source| WorktreeError::io("remove", self.gate, source))?;
        Ok(seen)
    }
}
