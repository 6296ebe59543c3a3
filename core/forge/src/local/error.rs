//! Errors of the local forge. A problem with a single file is a warning, not an error.

use std::io;
use std::path::{Path, PathBuf};

use autoissue_engine::Failure;
use autoissue_process::error_chain;

use super::{ISSUES, README};
use crate::forge::ForgeFailure;

/// Why an operation of the local forge failed.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The project has no directory of issues.
    #[error("no local forge in `{}`: `{ISSUES}` does not exist", project.display())]
    NotInitialised {
        /// The project.
        project: PathBuf,
    },
    /// A directory of the forge is a symbolic link, which could lead anywhere.
    #[error("`{}` is a symbolic link", path.display())]
    SymbolicLink {
        /// The link.
        path: PathBuf,
    },
    /// A path is not writable.
    #[error("`{}` is read-only", path.display())]
    ReadOnly {
        /// The path.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The disk or the user's quota is full.
    #[error("no space left to write `{}`", path.display())]
    DiskFull {
        /// The path.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A file or directory could not be read or written for another reason.
    #[error("failed to access `{}`", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

impl ForgeFailure for LocalError {
    /// The local forge is made of files: an operation that fails now also fails a second later.
    fn failure(&self) -> Failure {
        Failure::Validation {
            message: error_chain(self),
        }
    }

    fn is_usage(&self) -> bool {
        matches!(self, Self::NotInitialised { .. })
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NotInitialised { .. } => Some(format!(
                "write the first issue as `{ISSUES}/0001-some-title.md`: a line `# Some title`, then what to do; \
                 for the label, put `---`, `labels: [autoissue]`, `---` above it; `{README}` explains the rest"
            )),
            Self::SymbolicLink { .. } => Some("replace it with the directory itself".into()),
            Self::ReadOnly { .. } => {
                Some("make it writable for the user that runs autoissue".into())
            }
            Self::DiskFull { .. } => Some("free up disk space, then run the command again".into()),
            Self::Io { .. } => None,
        }
    }
}

impl LocalError {
    /// Creates the error for a failed read of `path`.
    pub(super) fn reading(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    /// Creates the error for a failed write of `path`.
    pub(super) fn writing(path: &Path, source: io::Error) -> Self {
        let path = PathBuf::from(path);
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly {
                path: existing(path),
                source,
            },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, source }
            }
            _ => Self::Io { path, source },
        }
    }
}

/// Returns the nearest directory at or above a path that exists: only that can be made writable.
fn existing(path: PathBuf) -> PathBuf {
    let found = path.ancestors().find(|it| it.exists());
    found.map(Path::to_owned).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_created_is_blamed_on_the_directory_above_it() {
        let project = tempfile::tempdir().unwrap();
        let refused = || io::ErrorKind::PermissionDenied.into();
        let error = LocalError::writing(&project.path().join(ISSUES), refused());
        assert_eq!(
            error.to_string(),
            format!("`{}` is read-only", project.path().display())
        );
    }
}
