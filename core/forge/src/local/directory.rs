//! The forge's directories on disk: bounded reads that follow no links, and atomic writes.
//!
//! ```text
//!   lock the directory ──► write `.NAME.tmp`, flush ──► rename to NAME ──► flush the directory
//!                                    └── a crash here leaves a file that readers ignore and the next writer deletes
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags, flock, renameat_with};

use super::LocalError;

/// Largest file that is read, in bytes: sixteen times GitHub's limit for an issue.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Most files of one directory that are read; a longer list is not a backlog maintained by people.
const N_FILES_MAX: usize = 10_000;

#[derive(Clone, Debug)]
pub(super) struct Directory {
    project: PathBuf,
    /// Relative to the project, with `/`.
    relative: &'static str,
}

/// A Markdown file of the directory.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// File name.
    pub(super) name: String,
    /// Its text, or why it is unreadable and what to do, for people.
    pub(super) text: Result<String, String>,
}

/// Excludes other writers of a directory until it is dropped.
pub(super) struct WriteLock<'d> {
    directory: &'d Directory,
    handle: File,
}

impl Directory {
    pub(super) fn new(project: &Path, relative: &'static str) -> Self {
        Self {
            project: project.into(),
            relative,
        }
    }

    pub(super) fn project(&self) -> &Path {
        &self.project
    }

    /// Returns the path of a file in the project, as shown to people.
    pub(super) fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.relative)
    }

    /// Returns whether the directory is there.
    ///
    /// # Errors
    /// [`LocalError::SymbolicLink`] if it or the directory above it is a link: that could lead out
    /// of the project.
    pub(super) fn exists(&self) -> Result<bool, LocalError> {
        let mut path = self.project.clone();
        for part in self.relative.split('/') {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_symlink() => return Err(LocalError::SymbolicLink { path }),
                Ok(found) if found.is_dir() => {}
                Ok(_) => {
                    return Err(LocalError::reading(
                        &path,
                        io::ErrorKind::NotADirectory.into(),
                    ));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(LocalError::reading(&path, error)),
            }
        }
        Ok(true)
    }

    /// Creates the directory if it is missing.
    pub(super) fn create(&self) -> Result<(), LocalError> {
        if self.exists()? {
            return Ok(());
        }
        let path = self.path();
        fs::create_dir_all(&path).map_err(|error| LocalError::writing(&path, error))
    }

    /// Returns the Markdown files by name; empty if the directory does not exist. Files that begin
    /// with `.` or `_` and `README.md` are not part of the forge. The second value is a warning if
    /// there are too many files.
    pub(super) fn files(&self) -> Result<(Vec<Found>, Option<String>), LocalError> {
        if !self.exists()? {
            return Ok((Vec::new(), None));
        }
        let mut names = self.names()?;
        let n_left_out = names.len().saturating_sub(N_FILES_MAX);
        names.truncate(N_FILES_MAX);
        let warning = (n_left_out > 0).then(|| {
            let (directory, limit) = (self.relative, N_FILES_MAX);
            format!("`{directory}` has more than {limit} files; skipping the last {n_left_out}: move old ones away")
        });
        let read = |name: String| Found {
            text: read_bounded(&self.path().join(&name)),
            name,
        };
        Ok((names.into_iter().map(read).collect(), warning))
    }

    /// Waits until no other process writes here, and deletes what a crashed one left behind.
    pub(super) fn lock(&self) -> Result<WriteLock<'_>, LocalError> {
        self.create()?;
        let path = self.path();
        let handle = File::open(&path).map_err(|error| LocalError::reading(&path, error))?;
        // Some network file systems have no locks; the rename, which replaces nothing, still
        // protects.
        let _ = rustix::io::retry_on_intr(|| flock(&handle, FlockOperation::LockExclusive));
        self.remove_leftovers()?;
        Ok(WriteLock {
            directory: self,
            handle,
        })
    }

    fn path(&self) -> PathBuf {
        self.project.join(self.relative)
    }

    /// Returns the names of the Markdown files, sorted.
    pub(super) fn names(&self) -> Result<Vec<String>, LocalError> {
        let names = self.all_names()?.into_iter().filter(|name| is_ours(name));
        let mut names: Vec<String> = names.collect();
        names.sort();
        Ok(names)
    }

    fn all_names(&self) -> Result<Vec<String>, LocalError> {
        let path = self.path();
        let entries = fs::read_dir(&path).map_err(|error| LocalError::reading(&path, error))?;
        let names = entries
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        names
            .collect::<io::Result<_>>()
            .map_err(|error| LocalError::reading(&path, error))
    }

    fn remove_leftovers(&self) -> Result<(), LocalError> {
        for name in self
            .all_names()?
            .iter()
            .filter(|name| name.starts_with('.') && name.ends_with(".md.tmp"))
        {
            let path = self.path().join(name);
            fs::remove_file(&path).map_err(|error| LocalError::writing(&path, error))?;
        }
        Ok(())
    }
}

impl WriteLock<'_> {
    /// Writes a new file. An existing one is never overwritten.
    pub(super) fn create(&self, name: &str, text: &str) -> Result<(), LocalError> {
        let path = self.directory.path().join(name);
        let written = self.write_aside(name, text)?;
        let renamed = match renameat_with(CWD, &written, CWD, &path, RenameFlags::NOREPLACE) {
            // The file system does not support that kind of rename: the lock excludes other writers
            // of ours.
            Err(
                rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP,
            ) if !path.exists() => fs::rename(&written, &path),
            renamed => renamed.map_err(io::Error::from),
        };
        self.finish(&path, &written, renamed)
    }

    /// Replaces an existing file.
    pub(super) fn replace(&self, name: &str, text: &str) -> Result<(), LocalError> {
        let path = self.directory.path().join(name);
        let written = self.write_aside(name, text)?;
        let renamed = fs::rename(&written, &path);
        self.finish(&path, &written, renamed)
    }

    fn write_aside(&self, name: &str, text: &str) -> Result<PathBuf, LocalError> {
        let path = self.directory.path().join(format!(".{name}.tmp"));
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&path);
            LocalError::writing(&path, error)
        })?;
        Ok(path)
    }

    fn finish(
        &self,
        path: &Path,
        written: &Path,
        renamed: io::Result<()>,
    ) -> Result<(), LocalError> {
        renamed.map_err(|error| {
            let _ = fs::remove_file(written);
            LocalError::writing(path, error)
        })?;
        // Not every file system can flush a directory, and the file already exists.
        let _ = self.handle.sync_all();
        Ok(())
    }
}

fn is_ours(name: &str) -> bool {
    let lower = name.to_lowercase();
    let is_markdown = lower.ends_with(".md") || lower.ends_with(".markdown");
    is_markdown && !name.starts_with(['.', '_']) && lower != "readme.md"
}

/// Reads a file of bounded size; the error is for people.
fn read_bounded(path: &Path) -> Result<String, String> {
    let found = fs::symlink_metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if found.is_symlink() {
        return Err(
            "is a symbolic link, which is not followed: replace it with the file itself".into(),
        );
    }
    if !found.is_file() {
        return Err("is not a file: rename or move it".into());
    }
    // The file may have been replaced since: a link is refused here too, and a pipe does not block.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| format!("cannot be read: {error}"))?;
    let n_bytes = found.len().min(FILE_BYTES_MAX) + 1;
    let mut bytes = Vec::with_capacity(usize::try_from(n_bytes).unwrap_or_default());
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if u64::try_from(bytes.len()).is_ok_and(|n| n > FILE_BYTES_MAX) {
        return Err(
            "is larger than 1 MiB: shorten it, and move long logs into separate files".into(),
        );
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8 text: save it as UTF-8".into())
}
