//! Files that commits store in Git LFS: their objects are kept in the mirror, next to its own,
//! until their branch is published.
//!
//! | the work goes to | its objects go |
//! | --- | --- |
//! | the forge | to the LFS server, by the user's `git-lfs`, before the branch is pushed |
//! | the user's repository | into that repository's `lfs` directory, before the branch is moved |
//!
//! The server is determined by the user's configuration and by the base's `.lfsconfig`: an agent's
//! change to that file has no effect until a person has merged it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository};

use super::{
    BASES, CommitId, CopyError, Doing, Mirror, MirrorError, PUBLISHED, io_error, local_config,
    refs_below, repository_containing,
};
use crate::lfs::{POINTER_BYTES_MAX, Pointer, Store};
use crate::program::{Git, GitError};
use crate::remote::{LfsError, Remote};

/// Most bytes of objects that are taken from an agent's directory at once. GitHub's smallest plan
/// accepts no larger file.
pub(crate) const OBJECT_BYTES_MAX: u64 = 2 << 30;

/// The file in which a repository names its LFS server.
const LFSCONFIG: &str = ".lfsconfig";

/// The settings that `.lfsconfig` may change: the server.
const ADDRESSES: [&str; 4] = [
    "lfs.url",
    "lfs.pushurl",
    "remote.origin.lfsurl",
    "remote.origin.lfspushurl",
];

/// The location of the user's objects, which differs from ours.
const STORAGE: &str = "lfs.storage";

/// Why the objects of a branch are not on the LFS server.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// `git-lfs` is missing.
    #[error("`git-lfs` is not installed")]
    NotInstalled(#[source] GitError),
    /// The LFS server rejected them, or could not be reached.
    #[error("the LFS server did not accept the objects")]
    Failed(#[source] GitError),
    /// The mirror itself failed.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl From<LfsError> for UploadError {
    fn from(error: LfsError) -> Self {
        match error {
            LfsError::NotInstalled(error) => Self::NotInstalled(error),
            LfsError::Failed(error) => Self::Failed(error),
        }
    }
}

/// A file stored in Git LFS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LargeFile {
    pointer: Pointer,
    blob: Oid,
    /// For people: a name that is not UTF-8 contains replacement characters.
    path: String,
}

/// LFS settings of a repository: keys and values of git's configuration.
pub(super) type Settings = BTreeMap<String, String>;

impl Mirror {
    /// Copies the objects of an agent's new large files from its repository: those that are in
    /// `added` (commits and trees) and not in `known`. Returns the files whose objects exist but
    /// were not taken because they exceed the limit.
    ///
    /// # Errors
    /// [`MirrorError`].
    pub(crate) fn take_large_files(
        &self,
        git_dir: &Path,
        added: &[Oid],
        known: &CommitId,
    ) -> Result<Vec<String>, MirrorError> {
        let (from, to) = (Store::at(&git_dir.join("lfs")), self.large_files());
        if !from.exists() {
            return Ok(Vec::new());
        }
        let (mut bytes_left, mut left) = (OBJECT_BYTES_MAX, Vec::new());
        for LargeFile { pointer, path, .. } in self.large_files_of(added, &[known.oid()])? {
            if to.has(&pointer) || !from.has(&pointer) {
                continue;
            }
            if bytes_left < pointer.size {
                left.push(path);
                continue;
            }
            // An object that turns out to be something else was read as well.
            bytes_left -= pointer.size;
            to.take(&pointer, &from)
                .map_err(|source| io_error("write a Git LFS object below", self.path(), source))?;
        }
        Ok(left)
    }

    /// Copies the objects of a commit's files from the user's repository, as far as it has them, so
    /// that they need not be downloaded.
    pub(crate) fn borrow_large_files(&self, user_repository: &Path, commit: &CommitId) {
        let to = self.large_files();
        let borrow = || -> Result<(), MirrorError> {
            let doing = || format!("open the repository of `{}`", user_repository.display());
            let user = repository_containing(user_repository).doing(doing)?;
            let from = Store::at(&storage_of(&user).doing(doing)?);
            if !from.exists() {
                return Ok(());
            }
            let tree = self
                .repository()?
                .find_commit(commit.oid())
                .map(|commit| commit.tree_id())
                .doing(|| format!("read the tree of {commit}"))?;
            for LargeFile { pointer, .. } in self.large_files_of(&[tree], &[])? {
                to.take(&pointer, &from).map_err(|source| {
                    io_error("write a Git LFS object below", self.path(), source)
                })?;
            }
            Ok(())
        };
        if let Err(error) = borrow() {
            tracing::warn!(%error, "failed to copy Git LFS objects from the checkout; downloading them");
        }
    }

    /// Uploads the objects that a commit needs and no base has, before its branch is pushed.
    pub(super) fn upload_large_files(
        &self,
        commit: &CommitId,
        remote: &Remote,
        branch: &str,
    ) -> Result<(), UploadError> {
        let store = self.large_files();
        if !store.exists() {
            return Ok(());
        }
        let bases = self.bases()?;
        let files = self.large_files_of(&[commit.oid()], &bases)?;
        if files.is_empty() {
            return Ok(());
        }
        // Git LFS uploads the files as they are, and agents can write there.
        for LargeFile { pointer, path, .. } in &files {
            if store.has(pointer) && !store.is_intact(pointer) {
                tracing::warn!(path, "removing a damaged Git LFS object");
                let removed = store.remove(pointer);
                removed.map_err(|source| {
                    io_error("remove a damaged object below", self.path(), source)
                })?;
            }
        }
        let old = self.nearest(commit, &bases)?;
        let old = old.map_or_else(|| "0".repeat(commit.as_str().len()), |old| old.to_string());
        let update = format!("{commit} {commit} refs/heads/{branch} {old}\n");
        self.configured().map_err(UploadError::Failed)?;
        let address = self.own().upload_address(remote.push_url());
        Ok(remote.upload(self.path(), &address, &update)?)
    }

    /// Copies the objects that a commit needs and no base has into the user's repository, before
    /// its branch is moved.
    pub(super) fn copy_large_files(
        &self,
        commit: &CommitId,
        user: &Repository,
    ) -> Result<(), CopyError> {
        let from = self.large_files();
        if !from.exists() {
            return Ok(());
        }
        let to = Store::at(&storage_of(user).doing(|| "read `lfs.storage`".to_owned())?);
        let bases = self.bases()?;
        for LargeFile {
            pointer,
            blob,
            path,
        } in self.large_files_of(&[commit.oid()], &bases)?
        {
            let taken = to.take(&pointer, &from);
            let taken = taken
                .map_err(|source| io_error("write a Git LFS object below", user.path(), source))?;
            if !taken && !self.had(blob, &bases)? {
                return Err(CopyError::LargeFileMissing { path });
            }
        }
        Ok(())
    }

    /// Returns the bytes of the objects that commits need and no base has.
    pub(super) fn large_file_bytes(&self, commits: &[Oid]) -> Result<u64, MirrorError> {
        let store = self.large_files();
        if !store.exists() {
            return Ok(0);
        }
        let pointers = self.pointers_of(commits)?;
        let there = pointers.iter().filter(|pointer| store.has(pointer));
        Ok(there.map(|pointer| pointer.size).sum())
    }

    /// Removes the objects that commits need, unless a base, a commit in `kept` or published work
    /// needs them too.
    pub(super) fn remove_large_files(
        &self,
        commits: &[Oid],
        kept: &[Oid],
    ) -> Result<(), MirrorError> {
        let store = self.large_files();
        if !store.exists() {
            return Ok(());
        }
        let mut needing = kept.to_vec();
        let published = refs_below(&*self.repository()?, PUBLISHED)?;
        needing.extend(published.into_iter().map(|(_, head)| head));
        // Compared by name: git only skips known objects of ancestors, and these commits are
        // siblings.
        let needed = self.pointers_of(&needing)?;
        for pointer in self.pointers_of(commits)?.difference(&needed) {
            let removed = store.remove(pointer);
            removed
                .map_err(|source| io_error("remove a Git LFS object below", self.path(), source))?;
        }
        Ok(())
    }

    /// Returns the pointers that are in commits but in no base.
    fn pointers_of(&self, commits: &[Oid]) -> Result<BTreeSet<Pointer>, MirrorError> {
        // Without a commit, git would list nothing and report wrong usage.
        if commits.is_empty() {
            return Ok(BTreeSet::new());
        }
        let files = self.large_files_of(commits, &self.bases()?)?;
        Ok(files.into_iter().map(|file| file.pointer).collect())
    }

    /// Stores the settings of a base's `.lfsconfig`.
    pub(super) fn note_lfsconfig(&self, base: &CommitId) -> Result<(), MirrorError> {
        let blob = {
            let repository = self.repository()?;
            let tree = repository
                .find_commit(base.oid())
                .and_then(|commit| commit.tree())
                .doing(|| format!("read the tree of {base}"))?;
            tree.get_name(LFSCONFIG).map(|entry| entry.id())
        };
        let settings = blob.map_or_else(BTreeMap::new, |blob| {
            addresses_in(self.git(), self.path(), blob)
        });
        self.own().lfs_of_base = settings;
        Ok(())
    }

    fn large_files(&self) -> Store {
        Store::at(&self.path().join("lfs"))
    }

    /// Returns the Git LFS files of commits or trees that the known commits do not have.
    fn large_files_of(
        &self,
        added: &[Oid],
        known: &[Oid],
    ) -> Result<BTreeSet<LargeFile>, MirrorError> {
        let doing = || "list the files in Git LFS".to_owned();
        let small = format!("--filter=blob:limit={}", POINTER_BYTES_MAX + 1);
        let mut args = vec!["rev-list".to_owned(), "--objects".to_owned(), small];
        args.extend(added.iter().map(ToString::to_string));
        args.push("--not".to_owned());
        args.extend(known.iter().map(ToString::to_string));
        let none: [(&str, &str); 0] = [];
        let listed = self
            .run_git(self.path(), &args, &none, None)
            .map_err(|error| MirrorError::Library {
                doing: doing(),
                source: Box::new(error),
            })?;
        let repository = self.repository()?;
        let objects = repository.odb().doing(doing)?;
        let mut files = BTreeSet::new();
        for line in String::from_utf8_lossy(&listed).lines() {
            let (id, path) = line.split_once(' ').unwrap_or((line, ""));
            let Ok(blob) = Oid::from_str(id) else {
                continue;
            };
            let (n_bytes, kind) = objects.read_header(blob).doing(doing)?;
            if kind != ObjectType::Blob || POINTER_BYTES_MAX < n_bytes {
                continue;
            }
            let object = objects.read(blob).doing(doing)?;
            files.extend(Pointer::parse(object.data()).map(|pointer| LargeFile {
                pointer,
                blob,
                path: path.to_owned(),
            }));
        }
        Ok(files)
    }

    fn bases(&self) -> Result<Vec<Oid>, MirrorError> {
        let repository = self.repository()?;
        Ok(refs_below(&repository, BASES)?
            .into_iter()
            .map(|(_, head)| head)
            .collect())
    }

    /// Returns the base that shares most of a commit's history.
    fn nearest(&self, commit: &CommitId, bases: &[Oid]) -> Result<Option<CommitId>, MirrorError> {
        let mut nearest: Option<(usize, CommitId)> = None;
        for base in bases.iter().copied().map(CommitId::from) {
            let n_commits = self.n_commits(&base, commit)?;
            if nearest.as_ref().is_none_or(|(least, _)| n_commits < *least) {
                nearest = Some((n_commits, base));
            }
        }
        Ok(nearest.map(|(_, base)| base))
    }

    /// Returns whether a base has, or once had, a file with this content: then its object is stored
    /// with the base's other objects.
    fn had(&self, blob: Oid, bases: &[Oid]) -> Result<bool, MirrorError> {
        let wanted = format!("--find-object={blob}");
        let mut args = vec![
            "log".to_owned(),
            "-1".to_owned(),
            "--format=%H".to_owned(),
            wanted,
        ];
        args.extend(bases.iter().map(ToString::to_string));
        let none: [(&str, &str); 0] = [];
        let found = self.run_git(self.path(), &args, &none, None);
        let found = found.map_err(|error| MirrorError::Library {
            doing: format!("look for blob {blob}"),
            source: Box::new(error),
        })?;
        Ok(!found.is_empty())
    }
}

/// Returns a repository's own Git LFS configuration, except for the location of objects.
pub(super) fn settings_of(repository: &Repository) -> Result<Settings, git2::Error> {
    let config = local_config(repository)?;
    let mut settings = BTreeMap::new();
    config
        .entries(Some(r"^(lfs\.|remote\.origin\.lfs)"))?
        .for_each(|entry| {
            if let (Ok(key), Ok(value)) = (entry.name(), entry.value()) {
                settings.insert(key.to_owned(), value.to_owned());
            }
        })?;
    settings.remove(STORAGE);
    // The user's own configuration takes precedence over `.lfsconfig` too.
    let all = repository.config()?;
    for key in ADDRESSES {
        if let Ok(value) = all.get_string(key) {
            settings.insert(key.to_owned(), value);
        }
    }
    Ok(settings)
}

/// Returns the URL of a repository's LFS server, by the rule of Git LFS.
pub(super) fn server_of(repository: &str) -> String {
    if !repository.starts_with("http://") && !repository.starts_with("https://") {
        return repository.to_owned();
    }
    let repository = repository.trim_end_matches('/');
    let repository = repository.strip_suffix(".git").unwrap_or(repository);
    format!("{repository}.git/info/lfs")
}

/// Returns where a repository stores objects.
fn storage_of(repository: &Repository) -> Result<PathBuf, git2::Error> {
    let configured = repository.config()?.get_path(STORAGE);
    Ok(repository
        .commondir()
        .join(configured.unwrap_or_else(|_| "lfs".into())))
}

/// Returns the URLs in a `.lfsconfig`; none if git cannot read it.
fn addresses_in(git: &Git, repository: &Path, lfsconfig: Oid) -> Settings {
    let none: [(&str, &str); 0] = [];
    let blob = lfsconfig.to_string();
    let args = ["config", "--null", "--blob", &blob, "--list"];
    let listed = git.run(repository, &args, &none, None).unwrap_or_default();
    String::from_utf8_lossy(&listed)
        .split('\0')
        .filter_map(|entry| entry.split_once('\n'))
        .filter(|(key, _)| ADDRESSES.contains(key))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
