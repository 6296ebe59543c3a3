//! The files that commits keep in Git LFS: their objects lie in the mirror, beside its own, until the branch that needs them is published.
//!
//! | where the work goes | its objects go |
//! | --- | --- |
//! | the forge | to the LFS server, by the user's `git-lfs`, before the branch is pushed |
//! | the user's repository | into that repository's `lfs` directory, before the branch is moved |
//!
//! Which server that is, is settled by the user's configuration and by `.lfsconfig` as it is in the base: what an agent writes into that
//! file changes nothing before a person has merged it.

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

/// The most bytes of objects that are taken out of an agent's directory at once. GitHub takes no larger file on its smallest plan.
pub(crate) const OBJECT_BYTES_MAX: u64 = 2 << 30;

/// Where a repository says which LFS server it uses.
const LFSCONFIG: &str = ".lfsconfig";

/// What `.lfsconfig` may decide for us: which server.
const ADDRESSES: [&str; 4] = [
    "lfs.url",
    "lfs.pushurl",
    "remote.origin.lfsurl",
    "remote.origin.lfspushurl",
];

/// Where the user's repository keeps objects, which is not where ours do.
const STORAGE: &str = "lfs.storage";

/// Why the objects of a branch are not on the LFS server.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is no `git-lfs`.
    #[error("`git-lfs` is not installed")]
    NotInstalled(#[source] GitError),
    /// The LFS server does not take them, or was not reached.
    #[error("the LFS server did not take them")]
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

/// A file that is kept in Git LFS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct LargeFile {
    pointer: Pointer,
    blob: Oid,
    /// For people: a name that is not UTF-8 has replacement characters.
    path: String,
}

/// What a repository says of LFS: keys and values of git's configuration.
pub(super) type Settings = BTreeMap<String, String>;

impl Mirror {
    /// Takes the objects of an agent's new large files out of its repository: those that `added` (commits and trees) have and `known` has
    /// not. Returns the files whose objects are there and were not taken because there are too many bytes of them.
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
            // One that turns out to be something else was read all the same.
            bytes_left -= pointer.size;
            to.take(&pointer, &from)
                .map_err(|source| io_error("write a Git LFS object below", self.path(), source))?;
        }
        Ok(left)
    }

    /// Takes the objects that a commit's files need out of the user's repository, as far as it has them, so that they need not be
    /// downloaded.
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
            tracing::warn!(%error, "Git LFS objects are downloaded");
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
        // Git LFS uploads what lies there, and agents can write there.
        for LargeFile { pointer, path, .. } in &files {
            if store.has(pointer) && !store.is_intact(pointer) {
                tracing::warn!(path, "the Git LFS object is damaged");
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

    /// Copies the objects that a commit needs and no base has into the user's repository, before its branch is moved.
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

    /// Removes the objects that commits need, and neither a base nor the commits in `kept` nor published work do.
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
        // By name: git passes over what is known of ancestors only, and these are siblings.
        let needed = self.pointers_of(&needing)?;
        for pointer in self.pointers_of(commits)?.difference(&needed) {
            let removed = store.remove(pointer);
            removed
                .map_err(|source| io_error("remove a Git LFS object below", self.path(), source))?;
        }
        Ok(())
    }

    /// Returns the pointers that commits have and no base has.
    fn pointers_of(&self, commits: &[Oid]) -> Result<BTreeSet<Pointer>, MirrorError> {
        // Without a commit git would list nothing, and say that it was used wrongly.
        if commits.is_empty() {
            return Ok(BTreeSet::new());
        }
        let files = self.large_files_of(commits, &self.bases()?)?;
        Ok(files.into_iter().map(|file| file.pointer).collect())
    }

    /// Notes what `.lfsconfig` of a base says.
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

    /// Returns the files in Git LFS that commits or trees have and the known commits have not.
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

    /// Returns the base that has most of a commit's history.
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

    /// Returns whether a base has, or once had, a file with this content: then its object is where the others of that base are.
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

/// Returns what a repository configures for Git LFS by itself, except where it keeps objects.
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
    // The user's own configuration wins over `.lfsconfig` too.
    let all = repository.config()?;
    for key in ADDRESSES {
        if let Ok(value) = all.get_string(key) {
            settings.insert(key.to_owned(), value);
        }
    }
    Ok(settings)
}

/// Returns the address of the LFS server that belongs to a repository's own, by the rule of Git LFS.
pub(super) fn server_of(repository: &str) -> String {
    if !repository.starts_with("http://") && !repository.starts_with("https://") {
        return repository.to_owned();
    }
    let repository = repository.trim_end_matches('/');
    let repository = repository.strip_suffix(".git").unwrap_or(repository);
    format!("{repository}.git/info/lfs")
}

/// Returns where a repository keeps objects.
fn storage_of(repository: &Repository) -> Result<PathBuf, git2::Error> {
    let configured = repository.config()?.get_path(STORAGE);
    Ok(repository
        .commondir()
        .join(configured.unwrap_or_else(|_| "lfs".into())))
}

/// Returns the addresses that a `.lfsconfig` names. One that git cannot read names none.
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
