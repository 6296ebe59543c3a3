//! Makes the worktree of an attempt, after checking the issue, the place of its branch and the base
//! again.

use std::sync::Arc;

use autoissue_engine::{Failure, IssueNumber, Start, Withdrawal};
use autoissue_git::CommitId;
use autoissue_git::mirror::bytes_below;
use autoissue_git::worktrees::LeaseRequest;
use autoissue_process::Line;
use autoissue_process::error_chain;
use tokio_util::sync::CancellationToken;

use super::failure::{
    collector_failure, commit, crash, fetch_failure, lease_failure, remote_failure,
};
use super::{AttemptId, Services, Workspace, blocking, check_base, publish};
use crate::checks::{self, SetupError};

impl Services {
    /// Checks an issue again before its attempt starts; returns why it must no longer be worked on,
    /// if so. No attempt starts without an answer: if the issue was closed, its agent would be paid
    /// for nothing.
    pub(crate) async fn look_again(
        self: &Arc<Self>,
        id: AttemptId,
        label: String,
        is_asked_for: bool,
    ) -> Result<Option<Withdrawal>, Failure> {
        let services = self.clone();
        blocking(move || {
            let place = services.inspect_place(services.workspace()?, id)?;
            let found = services
                .forge
                .look_again(id.issue, &label, place.may_have_pull_request)
                .map_err(|error| error.failure())?;
            match (found, place.obstacle) {
                (Some(Withdrawal::Merged(_)), obstacle) if is_asked_for => {
                    obstacle.map_or(Ok(None), Err)
                }
                (Some(found), _) => Ok(Some(found)),
                (None, obstacle) => obstacle.map_or(Ok(None), Err),
            }
        })
        .await
    }

    /// Makes the worktree of an attempt, and sets it up; returns the commit that it starts from.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        id: AttemptId,
        start: Start,
        cancel: &CancellationToken,
    ) -> Result<String, Failure> {
        let services = self.clone();
        let is_on_base = matches!(start, Start::Base);
        let request = blocking(move || {
            let workspace = services.workspace()?;
            services.check_room()?;
            let keep = matches!(start, Start::KeptTree { .. });
            let work = kept_work(workspace, &start)?;
            let start = match start {
                // The session has just fetched it.
                Start::Base if id == check_base::BASE_CHECK => workspace.base.clone(),
                start => services.start_commit(workspace, start)?,
            };
            Ok(LeaseRequest {
                issue: id.issue.0,
                attempt: id.attempt,
                start,
                keep,
                work,
            })
        })
        .await?;
        let collectors = &self.workspace()?.collectors;
        let leased = collectors
            .lease(&request)
            .await
            .map_err(|error| self.unless_full(lease_failure(&error, is_on_base)))?;
        // Whatever exists before the setup is work, not a result of the setup.
        let has_work = leased.kept || request.work.is_some();
        if !leased.kept && !self.config.executor.setup.is_empty() {
            self.set_up(id, cancel).await?;
        }
        if !has_work && !self.config.executor.setup.is_empty() {
            let noted = collectors.note_prepared(id.issue.0).await;
            noted.map_err(|error| collector_failure(&error))?;
        }
        Ok(leased.base.to_string())
    }

    /// Checks that more work can be kept: nothing is dropped, so nothing new starts once the limit
    /// is reached.
    ///
    /// # Errors
    /// [`Failure::Refused`], which interrupts the session.
    pub(crate) fn check_room(&self) -> Result<(), Failure> {
        let workspace = self.workspace()?;
        let of_refs = workspace.mirror.salvage_bytes().unwrap_or_else(|error| {
            tracing::warn!(error = %error_chain(&error), "cannot determine how much work is kept");
            0
        });
        let directories = workspace.collectors.directories();
        let aside = directories.iter().filter(|directory| directory.is_kept);
        let of_directories: u64 = aside.map(|directory| bytes_below(&directory.path)).sum();
        let kept_gib = (of_refs.saturating_add(of_directories)) as f64 / f64::from(1 << 30);
        let most_gib = self.config.executor.max_salvage_gib;
        if kept_gib <= most_gib {
            return Ok(());
        }
        Err(Failure::Refused {
            message: format!(
                "kept work takes {kept_gib:.3} GiB, and `executor.maxSalvageGib` is {most_gib}; free some space with `autoissue clean`, or \
                 raise the limit"
            ),
        })
    }

    fn start_commit(&self, workspace: &Workspace, start: Start) -> Result<CommitId, Failure> {
        match start {
            Start::Base => self.newest_base(workspace),
            Start::KeptTree { base, .. } => commit(&base),
            Start::Branches { issues } => {
                let names: Vec<String> =
                    issues.iter().map(|(issue, _)| issue.to_string()).collect();
                let heads: Vec<CommitId> = issues
                    .into_iter()
                    .map(|(issue, known)| self.published_head(workspace, issue, known))
                    .collect::<Result<_, _>>()?;
                match workspace
                    .mirror
                    .merge(&heads)
                    .map_err(|error| crash(&error))?
                {
                    Ok(merged) => Ok(merged),
                    Err(conflict) => Err(Failure::NeedsPerson {
                        message: format!(
                            "its dependencies {} conflict in {}",
                            names.join(" and "),
                            conflict.files.join(", ")
                        ),
                    }),
                }
            }
        }
    }

    /// Returns the current base of the forge; fetches it only if it has moved.
    fn newest_base(&self, workspace: &Workspace) -> Result<CommitId, Failure> {
        let branch = &workspace.base_branch;
        let known = workspace
            .mirror
            .base(branch)
            .map_err(|error| crash(&error))?;
        let known = known.unwrap_or_else(|| workspace.base.clone());
        let project = self.project.to_string_lossy();
        let (head, source, env) = match &workspace.remote {
            Some(remote) => {
                let head = remote
                    .head(branch)
                    .map_err(|error| remote_failure(&error))?;
                (head, remote.fetch_url(), remote.env())
            }
            None => {
                let head = workspace.mirror.head_in(&self.project, branch);
                (head, project.as_ref(), &[][..])
            }
        };
        if head.is_none_or(|head| head == known) {
            return Ok(known);
        }
        let fetched = workspace.mirror.fetch(source, branch, env);
        fetched.map_err(|error| fetch_failure(&error))
    }

    /// Returns the current head of an issue's published branch: a pull request on it shows whatever
    /// is there, no matter who pushed it. If the branch is gone, presumably because it was merged,
    /// the recorded head is used.
    fn published_head(
        &self,
        workspace: &Workspace,
        issue: IssueNumber,
        known: Option<String>,
    ) -> Result<CommitId, Failure> {
        let branch = publish::branch_of(issue);
        let is_pushed = self.config.executor.create_pr || known.is_none();
        let head = match workspace.remote.as_ref().filter(|_| is_pushed) {
            Some(remote) => {
                workspace
                    .mirror
                    .fetch_published(issue.0, remote.fetch_url(), &branch, remote.env())
            }
            None => workspace.mirror.fetch_published(
                issue.0,
                &self.project.to_string_lossy(),
                &branch,
                &[],
            ),
        };
        if let Some(head) = head.map_err(|error| fetch_failure(&error))? {
            return Ok(head);
        }
        if is_pushed && workspace.remote.is_some() && !self.config.executor.create_pr {
            let project = self.project.to_string_lossy();
            let head = workspace
                .mirror
                .fetch_published(issue.0, &project, &branch, &[]);
            if let Some(head) = head.map_err(|error| fetch_failure(&error))? {
                return Ok(head);
            }
        }
        if let Some(known) = known {
            return commit(&known);
        }
        let published = workspace
            .mirror
            .published(issue.0)
            .map_err(|error| crash(&error))?;
        published.ok_or_else(|| Failure::NeedsPerson {
            message: format!(
                "the branch of its dependency {issue} is gone; close {issue} if it was merged"
            ),
        })
    }

    async fn set_up(&self, id: AttemptId, cancel: &CancellationToken) -> Result<(), Failure> {
        let workplace = self.workplace(id)?;
        let (supervisor, commands) = (self.supervisor(), &self.config.executor.setup);
        let mut show = |command: &str, line: &Line| {
            self.show(id, &format!("{command}: {}", line.text));
        };
        let done = checks::run_setup(
            &supervisor,
            commands,
            &workplace,
            self.timeout(),
            cancel,
            &mut show,
        );
        done.await.map_err(|error| match error {
            SetupError::Cancelled { .. } => Failure::Interrupted,
            error => self.unless_full(crash(&error)),
        })
    }
}

/// Returns the work that a fresh tree starts with, if the kept tree is gone and the mirror still
/// has the work.
fn kept_work(workspace: &Workspace, start: &Start) -> Result<Option<CommitId>, Failure> {
    let Start::KeptTree {
        salvage: Some(work),
        ..
    } = start
    else {
        return Ok(None);
    };
    let work = commit(work)?;
    let is_there = workspace
        .mirror
        .has_commit(&work)
        .map_err(|error| crash(&error))?;
    Ok(is_there.then_some(work))
}
