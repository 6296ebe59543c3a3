//! Imports an agent's commits without trusting anything else.
//!
//! The agent could write every byte of its `.git`, so our git never opens it. `HEAD` is read as
//! text; the objects are read through a *gate*: an empty repository of ours that borrows the
//! agent's objects and has our configuration. Git creates a pack in the gate, and a second git
//! unpacks it in the mirror and verifies each object.
//!
//! ```text
//!   worktree/.git/HEAD ── parsed ──► id
//!   worktree/.git/objects ◄─ alternates ─ gate (config, refs: ours) ── pack, fsck ──► mirror
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::Index;

use super::{WorktreeError, removal};
use crate::commit_id::CommitId;
use crate::mirror::Mirror;
use crate::program::GitError;

/// Largest ref file, and largest list of packed refs; no legitimate one of a clone with one branch
/// is larger.
const REF_BYTES_MAX: u64 = 1 << 20;

/// Most bytes of objects that are imported; above this, only the files themselves are collected,
/// which have their own limits.
const IMPORT_BYTES_MAX: u64 = 512 << 20;

/// Most branches that are read; no agent works on more.
const REFS_MAX: usize = 64;

/// Most branches and tags of a submodule's remote; a commit that a submodule is moved to is
/// reachable from one of them.
const REMOTE_REFS_MAX: usize = 4_096;

/// Enough for an index of half a million files.
const INDEX_BYTES_MAX: u64 = 64 << 20;

/// Most unmerged files that are reported.
const UNMERGED_MAX: usize = 20;

/// Symbolic refs may point to symbolic refs; git itself gives up after five.
const HOPS_MAX: usize = 5;

/// Returns the commit that the worktree's `HEAD` points to, or `None` without a readable repository
/// there.
pub(super) fn read(dir: &Path) -> Option<CommitId> {
    let git_dir = dir.join(".git");
    if !fs::symlink_metadata(&git_dir).ok()?.is_dir() {
        return None;
    }
    let mut text = read_small(&git_dir.join("HEAD"))?;
    for _ in 0..HOPS_MAX {
        let Some(name) = text.strip_prefix("ref:").map(str::trim) else {
            break;
        };
        text = resolve(&git_dir, name)?;
    }
    CommitId::parse(text.trim()).ok()
}

/// Returns the repository of a submodule, if it is among those that git keeps for the worktree, and
/// the commit that is checked out; `None` otherwise.
pub(super) fn of_submodule(worktree: &Path, submodule: &Path) -> Option<(PathBuf, CommitId)> {
    let link = read_small(&submodule.join(".git"))?;
    let git_dir = submodule
        .join(link.strip_prefix("gitdir:")?.trim())
        .canonicalize()
        .ok()?;
    if !git_dir.starts_with(worktree.join(".git/modules").canonicalize().ok()?) {
        return None;
    }
    let head = read_small(&git_dir.join("HEAD"))?;
    let id = head
        .strip_prefix("ref:")
        .map_or_else(|| Some(head.clone()), |name| resolve(&git_dir, name.trim()));
    Some((git_dir, CommitId::parse(id?.trim()).ok()?))
}

/// Returns the objects (commits and tags) at which a repository last saw the branches and tags of
/// its remotes, up to a limit.
pub(super) fn remote_heads(git_dir: &Path) -> BTreeSet<CommitId> {
    let prefixes = ["refs/remotes", "refs/tags"];
    let loose = names_below(git_dir, &prefixes);
    let loose = loose
        .iter()
        .filter_map(|name| CommitId::parse(read_small(&git_dir.join(name))?.trim()).ok());
    let packed = read_small(&git_dir.join("packed-refs")).unwrap_or_default();
    let packed = packed.lines().filter_map(|line| {
        let (id, name) = line.split_once(' ')?;
        let is_wanted = prefixes.iter().any(|prefix| name.starts_with(prefix));
        CommitId::parse(id).ok().filter(|_| is_wanted)
    });
    loose.chain(packed).take(REMOTE_REFS_MAX).collect()
}

/// Returns whether a directory contains only files and directories: reading a pipe would make git
/// wait forever.
pub(super) fn has_files_only(dir: &Path) -> bool {
    bytes_below(dir).is_some()
}

/// Returns the commits at the heads of the agent's branches, and of its stash, without duplicates
/// and up to a limit.
pub(super) fn others(dir: &Path) -> Vec<CommitId> {
    let git_dir = dir.join(".git");
    let mut names = vec!["refs/stash".to_owned()];
    names.extend(names_below(&git_dir, &["refs/heads"]));
    let packed = read_small(&git_dir.join("packed-refs")).unwrap_or_default();
    let packed = packed
        .lines()
        .filter_map(|line| Some(line.split_once(' ')?.1.to_owned()));
    names.extend(packed.filter(|name| name.starts_with("refs/heads/") || name == "refs/stash"));
    let mut commits: Vec<CommitId> = Vec::new();
    for commit in names
        .iter()
        .take(REFS_MAX)
        .filter_map(|name| CommitId::parse(resolve(&git_dir, name)?.trim()).ok())
    {
        if !commits.contains(&commit) {
            commits.push(commit);
        }
    }
    commits
}

/// Returns the names of refs with their own files below some prefixes, up to a limit.
fn names_below(git_dir: &Path, prefixes: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    let mut dirs: Vec<String> = prefixes.iter().map(|dir| (*dir).to_owned()).collect();
    while let Some(below) = dirs.pop().filter(|_| names.len() < REFS_MAX) {
        for entry in fs::read_dir(git_dir.join(&below))
            .into_iter()
            .flatten()
            .flatten()
        {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let name = format!("{below}/{name}");
            if entry.file_type().is_ok_and(|found| found.is_dir()) {
                dirs.push(name);
            } else {
                names.push(name);
            }
        }
    }
    names
}

/// Returns the files that are unmerged in the agent's index, up to a limit; an unreadable index has
/// none.
///
/// The index is read as data, from a copy in the library's memory: the directory's configuration is
/// not used.
pub(super) fn unmerged(dir: &Path) -> Vec<String> {
    let path = dir.join(".git/index");
    let is_small = fs::symlink_metadata(&path)
        .is_ok_and(|found| found.is_file() && found.len() <= INDEX_BYTES_MAX);
    let Some(index) = is_small.then(|| Index::open(&path).ok()).flatten() else {
        return Vec::new();
    };
    let conflicts = index.conflicts().into_iter().flatten().flatten();
    conflicts
        .filter_map(|conflict| conflict.our.or(conflict.their).or(conflict.ancestor))
        .map(|entry| String::from_utf8_lossy(&entry.path).into_owned())
        .take(UNMERGED_MAX)
        .collect()
}

/// Imports a commit and everything it needs beyond `base` into the mirror. `Ok(Err(reason))` is why
/// the objects cannot be imported.
pub(super) fn import(
    mirror: &Mirror,
    gate: &Path,
    dir: &Path,
    head: &CommitId,
    base: &CommitId,
    env: &[(String, String)],
) -> Result<Result<(), String>, WorktreeError> {
    let objects = dir.join(".git").join("objects");
    if !fs::symlink_metadata(&objects).is_ok_and(|found| found.is_dir()) {
        return Ok(Err("the agent's repository has no objects".to_owned()));
    }
    match bytes_below(&objects) {
        Some(bytes) if bytes <= IMPORT_BYTES_MAX => {}
        Some(bytes) => {
            return Ok(Err(format!(
                "the agent's repository has too many objects ({bytes} bytes)"
            )));
        }
        None => {
            return Ok(Err(
                "the agent's repository contains something that is not a file".to_owned(),
            ));
        }
    }
    // If it exists, it is a file, as was just checked.
    if fs::read(objects.join("info/alternates"))
        .is_ok_and(|bytes| bytes != super::alternates_of(mirror))
    {
        return Ok(Err(
            "the agent's repository borrows objects from another repository".to_owned(),
        ));
    }
    make_gate(mirror, gate, &objects, head)?;
    let imported = mirror.import(gate, head, base, env);
    removal::remove(gate).map_err(|source| WorktreeError::io("remove", gate, source))?;
    match imported {
        Ok(()) => Ok(if mirror.has_commit(head)? {
            Ok(())
        } else {
            Err(format!("{head} is not a commit"))
        }),
        // Hostile objects can make git fail, wait or print forever; in that case only the files are
        // collected.
        Err(
            error @ (GitError::Failed { .. }
            | GitError::TimedOut { .. }
            | GitError::TooMuchOutput { .. }),
        ) => Ok(Err(error.to_string())),
        Err(error) => Err(WorktreeError::Git(error)),
    }
}

/// Creates an empty repository of ours that borrows objects, with a commit as its branch `agent`.
pub(super) fn make_gate(
    mirror: &Mirror,
    gate: &Path,
    objects: &Path,
    head: &CommitId,
) -> Result<(), WorktreeError> {
    let failed = |source| WorktreeError::io("write", gate, source);
    removal::remove(gate).map_err(failed)?;
    let mut alternates = Vec::new();
    for borrowed in [objects, &mirror.path().join("objects")] {
        alternates.extend(borrowed.as_os_str().as_bytes());
        alternates.push(b'\n');
    }
    fs::create_dir_all(gate.join("objects/info")).map_err(failed)?;
    fs::create_dir_all(gate.join("refs/heads")).map_err(failed)?;
    fs::write(
        gate.join("config"),
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
    )
    .map_err(failed)?;
    fs::write(gate.join("objects/info/alternates"), alternates).map_err(failed)?;
    fs::write(gate.join("refs/heads/agent"), format!("{head}\n")).map_err(failed)?;
    super::copy_shallow(mirror, gate)?;
    fs::write(gate.join("HEAD"), "ref: refs/heads/agent\n").map_err(failed)
}

/// Returns the value of a ref, from its own file or from the packed refs.
fn resolve(git_dir: &Path, name: &str) -> Option<String> {
    if !name.starts_with("refs/") || name.split('/').any(|part| part.is_empty() || part == "..") {
        return None;
    }
    read_small(&git_dir.join(name)).or_else(|| {
        let packed = read_small(&git_dir.join("packed-refs"))?;
        packed
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(_, found)| *found == name)
            .map(|(id, _)| id.to_owned())
    })
}

/// Reads a small regular file; a pipe in its place would block forever.
fn read_small(path: &Path) -> Option<String> {
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    fs::File::open(path)
        .ok()?
        .take(REF_BYTES_MAX)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// Returns the size of everything below a directory; `None` if something is not a file: reading a
/// pipe would make git wait forever.
fn bytes_below(dir: &Path) -> Option<u64> {
    let mut bytes: u64 = 0;
    let mut dirs: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => dirs.push(entry.path()),
                Ok(found) if found.is_file() => bytes = bytes.saturating_add(found.len()),
                Ok(_) => return None,
                Err(_) => {}
            }
        }
    }
    Some(bytes)
}
