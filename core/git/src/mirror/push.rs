//! Pushes one branch of ours to the remote. A foreign head is never replaced: git itself compares
//! the head, under the server's lock.
//!
//! Git LFS files are uploaded first, so that a branch never refers to objects that nobody can
//! fetch.
//!
//! ```text
//!   push, if the head is what we last published ── done ──► Pushed
//!      │ refused
//!      ▼
//!   which head is there? ─┬─ this very commit ───► Pushed (an earlier push succeeded)
//!                         ├─ another one of ours, or none ──► push, if it still is that one
//!                         ├─ someone else's ──────► NotOurs
//!                         └─ what we expected ─┬─► Refused: the server rejected it by a rule
//!                                              └─► Broken: the push failed on the way
//! ```

use super::{CommitId, Mirror, MirrorError, UploadError};
use crate::program::GitError;
use crate::remote::{HeadsAround, Remote, RemoteError, refusal};

/// A branch that now points to the commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Earlier work of ours that was replaced.
    pub replaced: Option<CommitId>,
}

/// Why a branch was not pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The branch contains foreign work.
    #[error(
        "branch `{branch}` of `{remote}` is at {head}, which autoissue did not create; rename or delete it there, then run again"
    )]
    NotOurs {
        /// The branch.
        branch: String,
        /// Its head.
        head: CommitId,
        /// The remote, without credentials.
        remote: String,
    },
    /// Another branch prevents it: git stores branches as files and directories.
    #[error(
        "branch `{blocking}` of `{remote}` prevents creating `{branch}`; rename or delete it there, then run again"
    )]
    InTheWay {
        /// The branch.
        branch: String,
        /// The other branch.
        blocking: String,
        /// The remote, without credentials.
        remote: String,
    },
    /// The remote rejected it, although the branch is as expected.
    #[error("`{remote}` rejected branch `{branch}`: {reason}")]
    Refused {
        /// The branch.
        branch: String,
        /// The remote, without credentials.
        remote: String,
        /// The reason given by git and the server.
        reason: String,
    },
    /// The push did not reach the remote, or its answer was lost.
    #[error("failed to push branch `{branch}` to `{remote}`")]
    Broken {
        /// The branch.
        branch: String,
        /// The remote, without credentials.
        remote: String,
        /// Git's error.
        #[source]
        source: GitError,
    },
    /// Its Git LFS files could not be uploaded, so it was not pushed.
    #[error("failed to upload the Git LFS files of branch `{branch}`")]
    Upload {
        /// The branch.
        branch: String,
        /// The cause.
        #[source]
        source: UploadError,
    },
    /// The remote cannot be read.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The mirror itself failed.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl Mirror {
    /// Sets `branch` of the remote to the commit, if the branch is missing or contains our work,
    /// and records it as published. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`PushError`]; in that case the branch is unchanged.
    pub fn push(
        &self,
        issue: u64,
        commit: &CommitId,
        remote: &Remote,
        branch: &str,
    ) -> Result<Pushed, PushError> {
        self.upload_large_files(commit, remote, branch)
            .map_err(|source| PushError::Upload {
                branch: branch.to_owned(),
                source,
            })?;
        let expected = self.published(issue)?;
        let pushed = match self.push_over(expected.as_ref(), commit, remote, branch) {
            Ok(()) => Pushed {
                replaced: expected.filter(|before| before != commit),
            },
            Err(source) => self.push_again(expected.as_ref(), commit, remote, branch, source)?,
        };
        self.set_published(issue, commit)?;
        Ok(pushed)
    }

    /// Checks whether the remote's branch contains foreign work or cannot be created, before any
    /// work is done for it. Returns the heads that were found, including that of the base.
    ///
    /// # Errors
    /// [`PushError`].
    pub fn check_remote_place(
        &self,
        remote: &Remote,
        branch: &str,
        base: &str,
    ) -> Result<HeadsAround, PushError> {
        let around = remote.heads_around(branch, base)?;
        if let Some(blocking) = around.in_the_way {
            return Err(PushError::InTheWay {
                branch: branch.to_owned(),
                blocking,
                remote: remote.name(),
            });
        }
        match &around.branch {
            Some(head) if !self.is_ours(head)? => Err(PushError::NotOurs {
                branch: branch.to_owned(),
                head: head.clone(),
                remote: remote.name(),
            }),
            _ => Ok(around),
        }
    }

    /// Asks the remote whether it would accept a branch of ours, without sending anything.
    ///
    /// # Errors
    /// Git's error; [`classify_failure`](crate::remote::classify_failure) interprets it.
    pub fn dry_run_push(&self, commit: &CommitId, remote: &Remote) -> Result<(), GitError> {
        self.configured()?;
        remote.dry_run_push(self.path(), commit)
    }

    /// Finds out why a push was refused, and pushes again over the current head if that is ours.
    fn push_again(
        &self,
        expected: Option<&CommitId>,
        commit: &CommitId,
        remote: &Remote,
        branch: &str,
        source: GitError,
    ) -> Result<Pushed, PushError> {
        let failed = |source| {
            let (branch, remote) = (branch.to_owned(), remote.name());
            match refusal(&source) {
                Some(reason) => PushError::Refused {
                    branch,
                    remote,
                    reason,
                },
                None => PushError::Broken {
                    branch,
                    remote,
                    source,
                },
            }
        };
        match remote.head(branch)? {
            Some(head) if head == *commit => Ok(Pushed::default()),
            head if head.as_ref() == expected => Err(failed(source)),
            Some(head) if !self.is_ours(&head)? => Err(PushError::NotOurs {
                branch: branch.to_owned(),
                head,
                remote: remote.name(),
            }),
            head => {
                self.push_over(head.as_ref(), commit, remote, branch)
                    .map_err(failed)?;
                Ok(Pushed { replaced: head })
            }
        }
    }

    /// Pushes if the branch points to the expected commit; `None` expects that it does not exist.
    fn push_over(
        &self,
        expected: Option<&CommitId>,
        commit: &CommitId,
        remote: &Remote,
        branch: &str,
    ) -> Result<(), GitError> {
        let lease = format!(
            "--force-with-lease=refs/heads/{branch}:{}",
            expected.map_or("", CommitId::as_str)
        );
        let refspec = format!("{commit}:refs/heads/{branch}");
        self.configured()?;
        remote.push(self.path(), &[&lease], &refspec)
    }
}
