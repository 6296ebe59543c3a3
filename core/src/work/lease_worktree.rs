//! Makes the worktree of an attempt, after checking the issue, the place of its branch and the base
//! again.

use std::sync::Arc;

use autoissue_engine::{Failure, IssueNumber, Start, Withdrawal};
use autoissue_git::CommitId;
use autoissue_git::worktrees::LeaseRequest;
use autoissue_process::Line;
use tokio_util::sync::CancellationToken;

use super::failure::{
    collector_failure, commit, crash, fetch_failure, lease_failure, remote_failure,
};
use super::{AttemptId, Services, Workspace, blocking, check_base, publish};
use crate::checks::{self, SetupError};

/// The result of checking an issue before an attempt.
pub(crate) enum Looked {
    /// The issue must no longer be worked on.
    Withdrawn(Withdrawal),
    /// The attempt may start. `base` is the head of the base branch, if the remote was asked.
    Open { base: Option<CommitId> },
}

impl Services {
    /// Checks an issue again before its attempt starts. No attempt starts without an answer: if the
    /// issue was closed, its agent would be paid for nothing.
    pub(crate) async fn look_again(
        self: &Arc<Self>,
        id: AttemptId,
        label: String,
        is_asked_for: bool,
    ) -> Result<Looked, Failure> {
        let services = self.clone();
        blocking(move || {
            let place = services.inspect_place(services.workspace()?, id)?;
            let found = services
                .forge
                .look_again(id.issue, &label, place.may_have_pull_request)
                .map_err(|error| error.failure())?;
            match found {
                Some(found) if !(is_asked_for && matches!(found, Withdrawal::Merged(_))) => {
                    Ok(Looked::Withdrawn(found))
                }
                _ => place
                    .obstacle
                    .map_or(Ok(Looked::Open { base: place.base }), Err),
            }
        })
        .await
    }

    /// Creates the worktree of an attempt and sets it up; returns the commit that it starts from.
    /// `base` is the head of the base branch, if it was just looked up.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        id: AttemptId,
        start: Start,
        base: Option<CommitId>,
        cancel: &CancellationToken,
    ) -> Result<String, Failure> {
        let services = self.clone();
        let is_on_base = matches!(start, Start::Base);
        let request = blocking(move || {
            let workspace = services.workspace()?;
            // The work of the previous attempt is kept, whatever happens to this one.
            services.note_settled(id.issue);
            services.check_room()?;
            let keep = matches!(start, Start::KeptTree { .. });
            let work = kept_work(workspace, &start)?;
            let start = match start {
                // The session has just fetched it.
                Start::Base if id == check_base::BASE_CHECK => workspace.base.clone(),
                start => services.start_commit(workspace, start, base)?,
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

    fn start_commit(
        &self,
        workspace: &Workspace,
        start: Start,
        base: Option<CommitId>,
    ) -> Result<CommitId, Failure> {
        match start {
            Start::Base => self.newest_base(workspace, base),
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

    /// Returns the current base of the forge. Asks for it only if it was not just `seen`, and fetches
    /// it only if it has moved.
    fn newest_base(
        &self,
        workspace: &Workspace,
        seen: Option<CommitId>,
    ) -> Result<CommitId, Failure> {
        let branch = &workspace.base_branch;
        let known = workspace
            .mirror
            .base(branch)
            .map_err(|error| crash(&error))?;
        let known = known.unwrap_or_else(|| workspace.base.clone());
        let project = self.project.to_string_lossy();
        let (head, source, env) = match &workspace.remote {
            Some(remote) => {
                let head = match seen {
                    Some(head) => Some(head),
                    None => remote
                        .head(branch)
                        .map_err(|error| remote_failure(&error))?,
                };
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
