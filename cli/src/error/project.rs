//! Errors for a missing or unusable repository.

use std::path::PathBuf;

use autoissue_core::git::program::GitError;

use super::Explain;
use crate::config::git_remote::GitRemoteError;
use crate::exit_code::ExitCode;
use crate::typed::HintContext;

/// Why there is no repository to work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    /// Neither the directory nor any of its parents is a checkout.
    #[error("`{}` is not in a git repository", directory.display())]
    NoRepository { directory: PathBuf },
    /// Nothing says which repository on the forge it is.
    #[error("`{}` has no remote `origin`, and `project.repo` is not set", project.display())]
    NoOrigin { project: PathBuf },
    /// The remote is not a repository on a forge.
    #[error("the remote `origin` of `{}` is not a GitHub repository", project.display())]
    OriginElsewhere {
        project: PathBuf,
        #[source]
        source: GitRemoteError,
    },
    /// Git failed to answer.
    #[error("failed to read the remote `origin` of `{}`", project.display())]
    Git {
        project: PathBuf,
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
                "change to a checkout, or set `project.path` in a configuration file and pass it with `--config`"
            }
            Self::NoOrigin { .. } => {
                "set `project.repo` to `owner/name`, or run `autoissue init` to work without GitHub"
            }
            Self::OriginElsewhere { .. } => {
                "set `project.repo` to `owner/name`, or `forge.kind` to `local`"
            }
            Self::Git { source, .. } => source
                .hint()
                .unwrap_or("check that `git remote get-url origin` works there"),
        };
        Some(hint.to_owned())
    }
}
