//! Why there is no repository to work on.

use std::path::PathBuf;

use autoissue_core::git::program::GitError;

use super::Explain;
use crate::config::git_remote::GitRemoteError;
use crate::exit_code::ExitCode;
use crate::typed::HintContext;

/// Why there is no repository to work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    /// No directory from here upwards is a checkout.
    #[error("`{}` is not in a git repository", directory.display())]
    NoRepository {
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// Nobody says which repository on the forge it is.
    #[error("`{}` has no remote `origin`, and `project.repo` is not set", project.display())]
    NoOrigin {
        /// The checkout.
        project: PathBuf,
    },
    /// The remote is no repository on a forge.
    #[error("the remote `origin` of `{}` names no repository on GitHub", project.display())]
    OriginElsewhere {
        /// The checkout.
        project: PathBuf,
        /// Why.
        #[source]
        source: GitRemoteError,
    },
    /// Git gave no answer.
    #[error("failed to read the remote `origin` of `{}`", project.display())]
    Git {
        /// The checkout.
        project: PathBuf,
        /// Why.
        #[source]
        source: GitError,
    },
}

impl Explain for ProjectError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoRepository { .. }
            | Self::NoOrigin { .. }
            | Self::OriginElsewhere { .. }
            | Self::Git { .. } => ExitCode::Usage,
        }
    }

    fn hint(&self, _context: &HintContext) -> Option<String> {
        let hint = match self {
            Self::NoRepository { .. } => {
                "change into a checkout, or set `project.path` in a file named by `--config`"
            }
            Self::NoOrigin { .. } => {
                "set `project.repo` to `owner/name`, or run `autoissue init` to work without GitHub"
            }
            Self::OriginElsewhere { .. } => {
                "set `project.repo` to `owner/name`, or `forge.kind` to `local`"
            }
            Self::Git { source, .. } => source
                .hint()
                .unwrap_or("see whether `git remote get-url origin` works there"),
        };
        Some(hint.to_owned())
    }
}
