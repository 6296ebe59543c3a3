//! Builds the tree of a worktree's files with our own index in the mirror. Nothing in the agent's
//! `.git` is used.
//!
//! ```text
//!   files ──walk──► changed · gone · skipped
//!   index (stat of our checkout) ⊕ seed tree ──┴──► index ──► tree in the mirror
//! ```
//!
//! The walk is ours instead of libgit2's: that one treats an unreadable directory as empty (all its
//! files would count as deleted), stops at 100 levels, and waits forever on a pipe named
//! `.gitignore`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry, Metadata};
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use git2::{AttrCheckFlags, Index, IndexEntry, IndexTime, Oid, Repository};

use super::submodule::{self, SubmoduleContext, SubmoduleState};
use super::{WorktreeError, modules_file, removal};
use crate::commit_id::CommitId;
use crate::mirror::{LibraryStep, Mirror};

/// Largest file that is collected: a forge refuses more than 100 MiB, and a file above half of that
/// was not written for a pull request. Files in Git LFS may be larger.
pub const FILE_BYTES_MAX: u64 = 50 << 20;

/// Most bytes of changed files in total.
pub const WORK_BYTES_MAX: u64 = 512 << 20;

/// Most bytes of changed files that are kept per attempt in a salvage ref; if there are more, the
/// directory is kept.
pub const KEPT_BYTES_MAX: u64 = 2 << 30;

/// Most changed files: more are a directory of dependencies that is not ignored, not a pull
/// request.
pub const WORK_FILES_MAX: usize = 20_000;

pub(super) const GITLINK: u32 = 0o160_000;
pub(super) const SYMLINK: u32 = 0o120_000;
pub(super) const REGULAR: u32 = 0o100_644;
pub(super) const EXECUTABLE: u32 = 0o100_755;

/// Every system accepts paths of this length.
const SHORT_PATH_BYTES: usize = 1_000;

/// Whether the limits of a pull request apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// Work that may be published: within the limits.
    Publishable,
    /// Everything: work that is kept before a directory is removed.
    Everything,
}

/// The input of a snapshot.
pub(super) struct Scene<'a> {
    pub mirror: &'a Mirror,
    pub dir: &'a Path,
    /// The index that our checkout wrote.
    pub index: &'a Path,
    /// The tree whose files count as tracked.
    pub seed: Oid,
    /// The tree that the work is compared with.
    pub base: Oid,
    pub take: Take,
    /// Environment for the user's filter programs; `None` if the repository uses none.
    pub filters: Option<&'a [(String, String)]>,
    /// Directory for a repository of ours that borrows the objects of a submodule.
    pub gate: &'a Path,
    /// The state of the submodules before the agent started, if it differs from their commits.
    pub modules: &'a BTreeMap<String, String>,
    /// Environment for git programs.
    pub env: &'a [(String, String)],
    /// Patterns of files that count as ignored.
    pub ignored_paths: &'a [String],
}

/// A worktree's files as a tree in the mirror.
pub(super) struct Snapshot {
    pub tree: Oid,
    /// What was not collected: nested repositories, changed submodules and names that git refuses,
    /// sorted.
    pub skipped: Vec<String>,
    /// The state of the submodules that differ from their commits, by path.
    pub modules: BTreeMap<String, String>,
    /// Ignored files, and ignored directories without their content.
    pub ignored: Vec<Vec<u8>>,
}

/// Builds the tree.
pub(super) fn take(scene: &Scene<'_>) -> Result<Snapshot, WorktreeError> {
    let doing = || format!("read the files of `{}`", scene.dir.display());
    let (repository, mut index) = open(scene)?;
    let Walk {
        changed,
        mut skipped,
        tracked,
        modules,
        reset,
        ignored,
        ..
    } = walk(scene, &repository, &index)?;
    match scene.take {
        Take::Publishable => check_sizes(scene.dir, &changed, |path| {
            is_kept_in_lfs(scene, &repository, path)
        })?,
        Take::Everything => check_bytes(scene.dir, &changed)?,
    }
    for (gone, _) in tracked.iter().filter(|(_, tracked)| !tracked.is_seen) {
        index
            .remove(Path::new(OsStr::from_bytes(gone)), 0)
            .doing(doing)?;
    }
    for (path, id) in reset {
        let entry = IndexEntry {
            mode: GITLINK,
            id,
            path,
            ..empty_entry()
        };
        index.add(&entry).doing(doing)?;
    }
    add(scene, &mut index, &changed)?;
    let tree = index.write_tree_to(&repository).doing(doing)?;
    skipped.sort();
    Ok(Snapshot {
        tree,
        skipped,
        modules,
        ignored,
    })
}

/// Returns ignored files, and ignored directories without their content.
pub(super) fn ignored(scene: &Scene<'_>) -> Result<Vec<Vec<u8>>, WorktreeError> {
    let (repository, index) = open(scene)?;
    Ok(walk(scene, &repository, &index)?.ignored)
}

/// Opens the mirror on the directory, with an in-memory index of the tracked files.
fn open(scene: &Scene<'_>) -> Result<(Repository, Index), WorktreeError> {
    let doing = || format!("read the files of `{}`", scene.dir.display());
    let repository = scene.mirror.open_anew()?;
    // In memory only: nothing is written to the directory or to the mirror's configuration.
    repository.set_workdir(scene.dir, false).doing(doing)?;
    if !scene.ignored_paths.is_empty() {
        repository
            .add_ignore_rule(&scene.ignored_paths.join("\n"))
            .doing(doing)?;
    }
    // Without a readable index all files are read; the result is the same.
    let mut index = Index::open(scene.index)
        .or_else(|_| Index::new())
        .doing(doing)?;
    repository.set_index(&mut index).doing(doing)?;
    let seed = repository.find_tree(scene.seed).doing(doing)?;
    index.read_tree(&seed).doing(doing)?;
    drop(seed);
    Ok((repository, index))
}

fn walk<'a>(
    scene: &'a Scene<'a>,
    repository: &'a Repository,
    index: &Index,
) -> Result<Walk<'a>, WorktreeError> {
    let doing = || format!("read the files of `{}`", scene.dir.display());
    let stamp =
        fs::metadata(scene.index).map_or((0, 0), |found| (found.mtime(), found.mtime_nsec()));
    let links = |index: &Index| -> HashMap<Vec<u8>, Oid> {
        let links = index.iter().filter(|entry| entry.mode == GITLINK);
        links.map(|entry| (entry.path, entry.id)).collect()
    };
    let mut walk = Walk::new(repository, scene, index, stamp);
    walk.base_links = if scene.base == scene.seed {
        links(index)
    } else {
        let base = repository.find_tree(scene.base).doing(doing)?;
        let mut of_base = Index::new().doing(doing)?;
        of_base.read_tree(&base).doing(doing)?;
        links(&of_base)
    };
    walk.run()?;
    Ok(walk)
}

/// A file that differs from the index.
struct Changed {
    path: Vec<u8>,
    bytes: u64,
    mode: u32,
}

struct Tracked {
    id: Oid,
    mode: u32,
    size: u32,
    ino: u32,
    mtime: IndexTime,
    ctime: IndexTime,
    /// Whether it is in the directory as well.
    is_seen: bool,
}

struct Walk<'a> {
    repository: &'a Repository,
    scene: &'a Scene<'a>,
    root: &'a Path,
    /// When the index was written: a file that is not older may have changed unnoticed.
    stamp: (i64, i64),
    tracked: HashMap<Vec<u8>, Tracked>,
    tracked_dirs: HashSet<Vec<u8>>,
    changed: Vec<Changed>,
    skipped: Vec<String>,
    dirs: Vec<Vec<u8>>,
    /// The gitlinks of the base.
    base_links: HashMap<Vec<u8>, Oid>,
    /// Gitlinks that are reset to the base's, because nobody could follow the new ones.
    reset: Vec<(Vec<u8>, Oid)>,
    modules: BTreeMap<String, String>,
    ignored: Vec<Vec<u8>>,
}

impl<'a> Walk<'a> {
    fn new(
        repository: &'a Repository,
        scene: &'a Scene<'a>,
        index: &Index,
        stamp: (i64, i64),
    ) -> Self {
        let mut tracked = HashMap::with_capacity(index.len());
        let mut tracked_dirs = HashSet::new();
        for entry in index.iter() {
            for (at, _) in entry
                .path
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'/')
            {
                if !tracked_dirs.contains(&entry.path[..at]) {
                    tracked_dirs.insert(entry.path[..at].to_vec());
                }
            }
            let IndexEntry {
                id,
                mode,
                file_size: size,
                ino,
                mtime,
                ctime,
                path,
                ..
            } = entry;
            tracked.insert(
                path,
                Tracked {
                    id,
                    mode,
                    size,
                    ino,
                    mtime,
                    ctime,
                    is_seen: false,
                },
            );
        }
        let (changed, skipped) = (Vec::new(), Vec::new());
        let dirs = vec![Vec::new()];
        Walk {
            repository,
            scene,
            root: scene.dir,
            stamp,
            tracked,
            tracked_dirs,
            changed,
            skipped,
            dirs,
            base_links: HashMap::new(),
            reset: Vec::new(),
            modules: BTreeMap::new(),
            ignored: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<(), WorktreeError> {
        while let Some(dir) = self.dirs.pop() {
            self.enter(&dir)?;
        }
        self.changed.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(())
    }

    fn enter(&mut self, dir: &[u8]) -> Result<(), WorktreeError> {
        let path = self.root.join(OsStr::from_bytes(dir));
        let Some(entries) = list(&path)? else {
            self.skip(dir);
            return Ok(());
        };
        for rules in [".gitignore", ".gitattributes"] {
            disarm(&path.join(rules))?;
        }
        for entry in entries {
            let mut below = dir.to_vec();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend(entry.file_name().as_bytes());
            self.visit(below, &entry)?;
        }
        Ok(())
    }

    fn visit(&mut self, path: Vec<u8>, entry: &DirEntry) -> Result<(), WorktreeError> {
        let name = entry.file_name();
        if name.as_bytes().eq_ignore_ascii_case(b".git") {
            return Ok(());
        }
        let full = self.root.join(OsStr::from_bytes(&path));
        // A lookup in its open directory costs half as much; but a file that cannot be reached by
        // its path cannot be read either.
        let is_short = full.as_os_str().len() < SHORT_PATH_BYTES;
        let looked_up = if is_short {
            entry.metadata()
        } else {
            fs::symlink_metadata(&full)
        };
        let found = match looked_up {
            Ok(found) => found,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == ErrorKind::InvalidFilename => {
                self.skip(&path);
                return Ok(());
            }
            Err(source) => return Err(WorktreeError::io("read", &full, source)),
        };
        if is_refused(name.as_bytes(), &found) {
            self.skip(&path);
            return Ok(());
        }
        removal::grant(&full, &found);
        if found.is_dir() {
            self.visit_dir(path, &full)
        } else if found.is_file() || found.is_symlink() {
            self.visit_file(path, &found)
        } else {
            Ok(())
        }
    }

    fn visit_dir(&mut self, path: Vec<u8>, full: &Path) -> Result<(), WorktreeError> {
        let link = self.tracked.get(&path);
        if let Some(id) = link
            .filter(|tracked| tracked.mode == GITLINK)
            .map(|it| it.id)
        {
            return self.visit_link(path, full, id);
        }
        if !self.tracked_dirs.contains(&path) {
            if self.is_ignored(&[&path[..], b"/"].concat())? {
                self.ignored.push(path);
                return Ok(());
            }
            if fs::symlink_metadata(full.join(".git")).is_ok() {
                if self.is_changed(&path, submodule::fingerprint(full)) {
                    self.skip(&path);
                }
                return Ok(());
            }
        }
        self.dirs.push(path);
        Ok(())
    }

    /// Collects a gitlink only if others can follow it: the base's, or one to a commit that the
    /// submodule's remote has. Content that is in no commit stays in the directory.
    fn visit_link(&mut self, path: Vec<u8>, full: &Path, id: Oid) -> Result<(), WorktreeError> {
        let before = self.base_links.get(&path).copied();
        let look = SubmoduleContext {
            mirror: self.scene.mirror,
            gate: self.scene.gate,
            env: self.scene.env,
        };
        let (can_be_followed, holds_work) = match submodule::standing(self.root, full) {
            SubmoduleState::Empty => (before.is_some(), false),
            SubmoduleState::Foreign => {
                let is_changed = self.is_changed(&path, submodule::fingerprint(full));
                (before == Some(id), is_changed)
            }
            SubmoduleState::Submodule(module) => {
                let is_known =
                    before == Some(id) || look.is_published(&module, &CommitId::from(id))?;
                let state = look.state(self.root, full, &module)?;
                let is_edited = !state.is_empty() && self.is_changed(&path, Some(state));
                (is_known, !is_known || module.head.oid() != id || is_edited)
            }
        };
        if holds_work {
            self.skip(&path);
        }
        match before {
            _ if can_be_followed => self.see(&path),
            Some(before) => {
                self.see(&path);
                self.reset.push((path, before));
            }
            None => {}
        }
        Ok(())
    }

    fn visit_file(&mut self, path: Vec<u8>, found: &Metadata) -> Result<(), WorktreeError> {
        if path == b".gitmodules" && !self.is_sound_modules_file(found) {
            self.skip(&path);
            self.see(&path);
            return Ok(());
        }
        match self.tracked.get(&path) {
            Some(tracked) => {
                let is_unchanged = self.is_unchanged(tracked, found);
                self.see(&path);
                if is_unchanged {
                    return Ok(());
                }
            }
            None if self.is_ignored(&path)? => {
                self.ignored.push(path);
                return Ok(());
            }
            None => {}
        }
        self.changed.push(Changed {
            path,
            bytes: found.len(),
            mode: mode_of(found),
        });
        Ok(())
    }

    /// Returns whether git would accept the file that declares submodules in a commit. An unchanged
    /// one is the base's responsibility.
    fn is_sound_modules_file(&self, found: &Metadata) -> bool {
        let is_untouched = self
            .tracked
            .get(&b".gitmodules"[..])
            .is_some_and(|tracked| self.is_unchanged(tracked, found));
        is_untouched
            || modules_file::is_sound(self.scene.mirror.git(), &self.root.join(".gitmodules"))
    }

    /// Compares a file with what our checkout wrote. In case of doubt, the file is read again.
    fn is_unchanged(&self, tracked: &Tracked, found: &Metadata) -> bool {
        let written = (
            i64::from(tracked.mtime.seconds()),
            i64::from(tracked.mtime.nanoseconds()),
        );
        tracked.mode == mode_of(found)
            && tracked.mtime.seconds() != 0
            && u64::from(tracked.size) == found.len()
            && u64::from(tracked.ino) == found.ino() & 0xffff_ffff
            && is_time(&tracked.mtime, found.mtime(), found.mtime_nsec())
            && is_time(&tracked.ctime, found.ctime(), found.ctime_nsec())
            && written < self.stamp
    }

    fn is_ignored(&self, path: &[u8]) -> Result<bool, WorktreeError> {
        let path = Path::new(OsStr::from_bytes(path));
        Ok(self
            .repository
            .is_path_ignored(path)
            .doing(|| format!("look up the ignore rules for `{}`", path.display()))?)
    }

    /// Records the state of another repository in the directory, and returns whether it has changed
    /// since the agent started.
    fn is_changed(&mut self, path: &[u8], state: Option<String>) -> bool {
        let name = String::from_utf8_lossy(path).into_owned();
        let Some(state) = state else {
            return true;
        };
        let is_changed = self.scene.modules.get(&name) != Some(&state);
        self.modules.insert(name, state);
        is_changed
    }

    fn see(&mut self, path: &[u8]) {
        if let Some(tracked) = self.tracked.get_mut(path) {
            tracked.is_seen = true;
        }
    }

    fn skip(&mut self, path: &[u8]) {
        self.skipped
            .push(String::from_utf8_lossy(path).into_owned());
    }
}

/// Returns the entries of a directory; `None` if it is nested too deeply to be reached by its path.
fn list(dir: &Path) -> Result<Option<Vec<DirEntry>>, WorktreeError> {
    match fs::read_dir(dir).and_then(Iterator::collect) {
        Ok(entries) => Ok(Some(entries)),
        Err(error) if error.kind() == ErrorKind::InvalidFilename => Ok(None),
        Err(source) => Err(WorktreeError::io("list", dir, source)),
    }
}

/// Removes a pipe, socket or device, or a link to one, in place of a file with rules: reading it
/// would never end. It contains no work.
fn disarm(rules: &Path) -> Result<(), WorktreeError> {
    let endless = fs::metadata(rules).is_ok_and(|found| {
        let kind = found.file_type();
        kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device()
    });
    if !endless {
        return Ok(());
    }
    fs::remove_file(rules).map_err(|source| WorktreeError::io("remove", rules, source))
}

/// Returns whether git refuses such a name in a tree, because some file system could read it as
/// `.git`.
fn is_refused(name: &[u8], found: &Metadata) -> bool {
    let lower = name.to_ascii_lowercase();
    let reads_as_git = lower
        .strip_prefix(b".git")
        .and_then(<[u8]>::first)
        .is_some_and(|next| b" .:\\".contains(next));
    reads_as_git || lower == b"git~1" || (found.is_symlink() && lower == b".gitmodules")
}

pub(super) fn mode_of(found: &Metadata) -> u32 {
    if found.is_symlink() {
        SYMLINK
    } else if found.mode() & 0o100 == 0 {
        REGULAR
    } else {
        EXECUTABLE
    }
}

/// Compares times as an index stores them: 32 bits of seconds, and nanoseconds if its writer stored
/// any.
fn is_time(kept: &IndexTime, seconds: i64, nanoseconds: i64) -> bool {
    i64::from(kept.seconds().cast_unsigned()) == seconds & 0xffff_ffff
        && (kept.nanoseconds() == 0 || i64::from(kept.nanoseconds()) == nanoseconds)
}

/// Returns whether a file's content goes to Git LFS, so that its commit contains only a pointer.
fn is_kept_in_lfs(scene: &Scene<'_>, repository: &Repository, path: &[u8]) -> bool {
    let path = Path::new(OsStr::from_bytes(path));
    let filter = repository.get_attr(path, "filter", AttrCheckFlags::FILE_THEN_INDEX);
    scene.filters.is_some() && matches!(filter, Ok(Some("lfs")))
}

fn check_sizes(
    dir: &Path,
    changed: &[Changed],
    is_kept_elsewhere: impl Fn(&[u8]) -> bool,
) -> Result<(), WorktreeError> {
    if let Some(big) = changed
        .iter()
        .find(|changed| FILE_BYTES_MAX < changed.bytes && !is_kept_elsewhere(&changed.path))
    {
        let path = String::from_utf8_lossy(&big.path).into_owned();
        return Err(WorktreeError::TooBig {
            path,
            bytes: big.bytes,
        });
    }
    let bytes = changed.iter().map(|changed| changed.bytes).sum();
    if WORK_BYTES_MAX < bytes || WORK_FILES_MAX < changed.len() {
        return Err(WorktreeError::TooMuch {
            dir: dir.to_owned(),
            bytes,
            n_files: changed.len(),
        });
    }
    Ok(())
}

fn check_bytes(dir: &Path, changed: &[Changed]) -> Result<(), WorktreeError> {
    let bytes = changed
        .iter()
        .fold(0, |sum: u64, changed| sum.saturating_add(changed.bytes));
    if KEPT_BYTES_MAX < bytes {
        return Err(WorktreeError::TooMuchToKeep {
            dir: dir.to_owned(),
            bytes,
        });
    }
    Ok(())
}

fn add(scene: &Scene<'_>, index: &mut Index, changed: &[Changed]) -> Result<(), WorktreeError> {
    let hashed = add_as_asked(scene, index, changed, scene.filters);
    match hashed {
        // If the user's programs fail, the unfiltered files are kept; publishing reports the
        // failure.
        Err(error @ (WorktreeError::Filters(_) | WorktreeError::Hashes { .. }))
            if scene.take == Take::Everything =>
        {
            tracing::warn!(%error, "the filters failed; keeping the unfiltered files");
            add_as_asked(scene, index, changed, None)
        }
        hashed => hashed,
    }
}

fn add_as_asked(
    scene: &Scene<'_>,
    index: &mut Index,
    changed: &[Changed],
    filters: Option<&[(String, String)]>,
) -> Result<(), WorktreeError> {
    let (filtered, plain): (Vec<_>, Vec<_>) = changed
        .iter()
        .partition(|changed| filters.is_some() && changed.mode != SYMLINK);
    for changed in plain {
        let path = PathBuf::from(OsString::from_vec(changed.path.clone()));
        index
            .add_path(&path)
            .doing(|| format!("collect `{}`", path.display()))?;
    }
    let Some(env) = filters.filter(|_| !filtered.is_empty()) else {
        return Ok(());
    };
    for (changed, id) in filtered.iter().zip(hash_filtered(scene, &filtered, env)?) {
        let entry = IndexEntry {
            mode: changed.mode,
            id,
            path: changed.path.clone(),
            ..empty_entry()
        };
        index
            .add(&entry)
            .doing(|| format!("collect `{}`", String::from_utf8_lossy(&changed.path)))?;
    }
    Ok(())
}

/// Lets the git program write the files through the user's filters, with our git directory; returns
/// one hash per path.
///
/// It uses an index of the tracked files, because git leaves line endings unchanged if the file had
/// them before.
fn hash_filtered(
    scene: &Scene<'_>,
    changed: &[&Changed],
    env: &[(String, String)],
) -> Result<Vec<Oid>, WorktreeError> {
    let scratch = scene.index.with_extension("scratch");
    let hashed = update_scratch(scene, changed, env, &scratch);
    match fs::remove_file(&scratch) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(WorktreeError::io("remove", &scratch, source))
        }
        _ => hashed,
    }
}

fn update_scratch(
    scene: &Scene<'_>,
    changed: &[&Changed],
    env: &[(String, String)],
    scratch: &Path,
) -> Result<Vec<Oid>, WorktreeError> {
    let env = super::git_env(scene.mirror, scene.dir, Some(scratch), env);
    let git = |args: &[&str], stdin: Option<&[u8]>| {
        let args: Vec<&str> = super::PLAIN_INDEX.iter().chain(args).copied().collect();
        scene
            .mirror
            .run_git(scene.dir, &args, &env, stdin)
            .map_err(WorktreeError::Filters)
    };
    git(&["read-tree", &scene.seed.to_string()], None)?;
    let paths: Vec<u8> = changed
        .iter()
        .flat_map(|changed| [&changed.path[..], b"\0"].concat())
        .collect();
    let update = ["update-index", "--add", "--replace", "-z", "--stdin"];
    // Whether a conversion is reversible is up to the user.
    git(
        &[&["-c", "core.safecrlf=false"][..], &update].concat(),
        Some(&paths),
    )?;
    let index = Index::open(scratch).doing(|| format!("read `{}`", scratch.display()))?;
    let hashes: Vec<Oid> = changed
        .iter()
        .filter_map(|changed| index.get_path(Path::new(OsStr::from_bytes(&changed.path)), 0))
        .map(|entry| entry.id)
        .collect();
    if hashes.len() != changed.len() {
        return Err(WorktreeError::Hashes {
            asked: changed.len(),
            got: hashes.len(),
        });
    }
    Ok(hashes)
}

pub(super) fn empty_entry() -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: Oid::ZERO_SHA1,
        flags: 0,
        flags_extended: 0,
        path: Vec::new(),
    }
}
