//! Pushing one branch of ours to the remote. A head that is not ours is never replaced: git itself compares, under the server's lock.
//!
//! Files in Git LFS are uploaded before: a branch never names what nobody can fetch.
//!
//! ```text
//!   push, if the head is what we last published ── done ──► Pushed
//!      │ refused
//!      ▼
//!   which head is there? ─┬─ this very commit ───► Pushed (an earlier try went through)
//!                         ├─ another one of ours, or none ──► push, if it still is that one
//!                         ├─ somebody else's ────► NotOurs
//!                         └─ what we expected ─┬─► Refused: the server said so, by a rule of its own
//!                                              └─► Broken: the push failed on its way
//! ```

use super::{CommitId, Mirror, MirrorError, UploadError};
use crate::program::GitError;
use crate::remote::{HeadsAround, Remote, RemoteError, refusal};

/// A branch that holds the commit now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Other work of ours that was there before.
    pub replaced: Option<CommitId>,
}

/// Why a branch was not pushed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The branch has work that is not ours.
    #[error(
        "branch `{branch}` of `{remote}` is at {head}, which is not a commit of ours; rename or delete it there, then run again"
    )]
    NotOurs {
        /// The branch.
        branch: String,
        /// Where it points.
        head: CommitId,
        /// The remote, without credentials.
        remote: String,
    },
    /// Another branch keeps it from being made: git keeps branches as files and directories.
    #[error(
        "branch `{blocking}` of `{remote}` is in the way of `{branch}`; rename or delete it there, then run again"
    )]
    InTheWay {
        /// The branch.
        branch: String,
        /// The other one.
        blocking: String,
        /// The remote, without credentials.
        remote: String,
    },
    /// The remote does not take it, although the branch is as expected.
    #[error("`{remote}` does not take branch `{branch}`: {reason}")]
    Refused {
        /// The branch.
        branch: String,
        /// The remote, without credentials.
        remote: String,
        /// Why, in the words of git and of the server.
        reason: String,
    },
    /// The push did not get there, or its answer did not get back.
    #[error("failed to push branch `{branch}` to `{remote}`")]
    Broken {
        /// The branch.
        branch: String,
        /// The remote, without credentials.
        remote: String,
        /// What git said.
        #[source]
        source: GitError,
    },
    /// Its files in Git LFS did not get to the LFS server, so it was not pushed.
    #[error("failed to upload the Git LFS files of branch `{branch}`")]
    Upload {
        /// The branch.
        branch: String,
        /// Why.
        #[source]
        source: UploadError,
    },
    /// The remote cannot be asked.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The mirror itself failed.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

impl Mirror {
    /// Makes `branch` of the remote the commit, where it is absent or holds work of ours, and notes it as published. Doing it
    /// again changes nothing.
    ///
    /// # Errors
    /// [`PushError`]; the branch is as it was then.
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

    /// Finds out whether the branch of the remote holds work of others, or cannot be made, before anything is done for it. Returns what
    /// was seen there, with the head of the base.
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

    /// Asks the remote whether it would take a branch of ours, without sending it anything.
    ///
    /// # Errors
    /// What git said; [`verdict`](crate::remote::verdict) tells what that means.
    pub fn dry_run_push(&self, commit: &CommitId, remote: &Remote) -> Result<(), GitError> {
        self.configured()?;
        remote.dry_run_push(self.path(), commit)
    }

    /// Looks why a push was refused, and pushes over what is there if that is ours.
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

    /// Pushes if the branch points where it is expected to; `None` expects that there is none.
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
