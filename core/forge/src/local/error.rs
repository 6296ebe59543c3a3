//! Why the local forge could not do what it was asked. What is wrong with a single file is a warning, not an error.

use std::io;
use std::path::{Path, PathBuf};

use autoissue_engine::Failure;
use autoissue_process::error_chain;

use super::{ISSUES, README};
use crate::forge::Fault;

/// Why the local forge could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is no directory of issues.
    #[error("no local forge in `{}`: there is no `{ISSUES}`", project.display())]
    NotInitialised {
        /// The project that was looked at.
        project: PathBuf,
    },
    /// A directory of the forge is a symbolic link, which could lead anywhere.
    #[error("`{}` is a symbolic link", path.display())]
    SymbolicLink {
        /// The link.
        path: PathBuf,
    },
    /// Something may not be written.
    #[error("`{}` is read-only", path.display())]
    ReadOnly {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The disk or the user's quota is full.
    #[error("no space left to write `{}`", path.display())]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file or directory could not be read or written for any other reason.
    #[error("failed to access `{}`", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Fault for LocalError {
    /// The local forge is files: what it cannot do now it cannot do in a second.
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
                "write the first issue as `{ISSUES}/0001-some-title.md`: a line `# Some title`, then what is to be done; \
                 for the label, put `---`, `labels: [autoissue]`, `---` above it; `{README}` explains the rest"
            )),
            Self::SymbolicLink { .. } => Some("put the directory itself there".into()),
            Self::ReadOnly { .. } => {
                Some("make it writable for the user who runs autoissue".into())
            }
            Self::DiskFull { .. } => {
                Some("free some space, then run the same command again".into())
            }
            Self::Io { .. } => None,
        }
    }
}

impl LocalError {
    /// Returns the error of reading `path`.
    pub(super) fn reading(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            source,
        }
    }

    /// Returns the error of writing `path`.
    pub(super) fn writing(path: &Path, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { path, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { path, source }
            }
            _ => Self::Io { path, source },
        }
    }
}
