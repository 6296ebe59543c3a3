//! Publishing: the branch first, then the pull request. Both check before they write, so publishing
//! twice changes nothing.

use std::error::Error;
use std::sync::Arc;

use autoissue_engine::{
    CheckResult, Failure, IssueNumber, PluginFailure, PluginFailureAction, Publication,
    PublishOrder, PullRequest, StackedOn, Time,
};
use autoissue_forge::PullRequestDraft;
use autoissue_git::BRANCH_PREFIX;
use autoissue_git::CommitId;
use autoissue_git::mirror::{CopyError, PushError, UploadError};
use autoissue_git::remote::{
    INSTALL_LFS, RemoteError, RemoteFailure, classify_failure, classify_upload_failure,
    is_of_this_work,
};
use autoissue_plugin_sdk::{self as sdk, PrContext};
use autoissue_process::error_chain;
use tokio_util::sync::CancellationToken;

use super::failure::{commit, crash, remote_failure};
use super::{AttemptId, Services, Workspace, blocking};
use crate::prompt;
use crate::wall_clock::wall_clock_ms;

/// Most commits that a pull request template gets, the newest. GitHub lists as many.
const N_COMMITS_MAX: usize = 250;

/// The state of the place where an issue's branch is published.
pub(super) struct Place {
    /// Why the branch could not be published.
    pub(super) obstacle: Option<Failure>,
    /// Whether there may be a pull request for the branch. If the branch does not exist and was
    /// never published from here, there is none, and the forge need not be asked.
    pub(super) may_have_pull_request: bool,
    /// The head of the base branch, if the remote was asked.
    pub(super) base: Option<CommitId>,
}

impl Services {
    pub(crate) async fn publish(
        self: &Arc<Self>,
        order: PublishOrder,
        cancel: CancellationToken,
    ) -> Result<Publication, Failure> {
        let services = self.clone();
        blocking(move || services.publish_now(&order, &cancel)).await
    }

    /// Publishes the work of an attempt. Blocking; `cancel` ends waiting only.
    pub(crate) fn publish_now(
        &self,
        order: &PublishOrder,
        cancel: &CancellationToken,
    ) -> Result<Publication, Failure> {
        let branch = branch_of(order.issue.number);
        let replaces = self.publish_branch(order, &branch)?;
        let mut publication = Publication {
            branch,
            commit: order.work.commit.clone(),
            ..Publication::default()
        };
        if self.config.executor.create_pr {
            let (pull_request, existed) =
                self.open_pull_request(order, &publication.branch, replaces, cancel)?;
            publication.pull_request = Some(pull_request);
            publication.existed = existed;
            publication.n_api_calls = self.forge.n_api_calls(Some(order.issue.number));
        }
        Ok(publication)
    }

    /// Puts the branch on the remote, or into the user's repository. Returns the work of ours that
    /// it replaced on the remote.
    fn publish_branch(
        &self,
        order: &PublishOrder,
        branch: &str,
    ) -> Result<Option<CommitId>, Failure> {
        let workspace = self.workspace()?;
        let (issue, head) = (order.issue.number.0, commit(&order.work.commit)?);
        if let Some(remote) = workspace
            .remote
            .as_ref()
            .filter(|_| self.config.executor.create_pr)
        {
            let pushed = workspace.mirror.push(issue, &head, remote, branch);
            return pushed
                .map(|pushed| pushed.replaced)
                .map_err(|error| self.push_failure(&error, &head));
        }
        workspace
            .mirror
            .copy_into(&head, &self.project, branch)
            .map_err(|error| copy_failure(&error))?;
        workspace
            .mirror
            .set_published(issue, &head)
            .map_err(|error| crash(&error))?;
        Ok(None)
    }

    /// Checks the place where an issue's branch is published before its first agent is paid: an
    /// obstacle that exists now would also exist afterwards.
    pub(super) fn inspect_place(
        &self,
        workspace: &Workspace,
        id: AttemptId,
    ) -> Result<Place, Failure> {
        let branch = branch_of(id.issue);
        let published = workspace
            .mirror
            .published(id.issue.0)
            .map_err(|error| crash(&error))?;
        let mut place = Place {
            obstacle: None,
            may_have_pull_request: published.is_some(),
            base: None,
        };
        if id.attempt != 1 {
            return Ok(place);
        }
        let remote = workspace.remote.as_ref();
        match remote.filter(|_| self.config.executor.create_pr) {
            Some(remote) => {
                match workspace
                    .mirror
                    .check_remote_place(remote, &branch, &workspace.base_branch)
                {
                    Ok(seen) => {
                        place.may_have_pull_request |= seen.branch.is_some();
                        place.base = seen.base;
                    }
                    Err(error @ (PushError::NotOurs { .. } | PushError::InTheWay { .. })) => {
                        let message = error_chain(&error);
                        place.obstacle = Some(Failure::NeedsPerson { message });
                        place.may_have_pull_request = true;
                    }
                    Err(PushError::Remote(error)) => return Err(remote_failure(&error)),
                    Err(error) => return Err(crash(&error)),
                }
            }
            None => {
                let checked = workspace.mirror.check_place(&self.project, &branch);
                place.obstacle = checked.err().map(|error| copy_failure(&error));
            }
        }
        Ok(place)
    }

    /// Returns what should happen next. GitHub's API decides if it knows the reason, then the
    /// answer to git's push, and finally whether the remote would accept any push at all.
    fn push_failure(&self, error: &PushError, head: &CommitId) -> Failure {
        let message = error_chain(error);
        let failure = match error {
            PushError::NotOurs { .. } | PushError::InTheWay { .. } => {
                return Failure::NeedsPerson { message };
            }
            PushError::Mirror(_)
            | PushError::Upload {
                source: UploadError::Mirror(_),
                ..
            } => return Failure::Crash { message },
            // Any work with a large file would meet this; a resume publishes this work first.
            PushError::Upload {
                source: UploadError::NotInstalled(_),
                ..
            } => {
                let message = format!("{message}; {INSTALL_LFS}");
                return Failure::Refused { message };
            }
            PushError::Refused { .. } => None,
            PushError::Upload {
                source: UploadError::Failed(source),
                ..
            } => Some(classify_upload_failure(source)),
            PushError::Broken { source, .. } => Some(classify_failure(source)),
            PushError::Remote(RemoteError::Unreachable { source, .. }) => {
                Some(classify_failure(source))
            }
            PushError::Remote(_) => return Failure::Network { message },
        };
        if let Err(error) = self.forge.check_push_right() {
            return error.failure();
        }
        match (error, failure) {
            (PushError::Refused { reason, .. }, _) if is_of_this_work(reason) => {
                Failure::NeedsPerson { message }
            }
            (PushError::Refused { .. }, _) => Failure::Refused { message },
            (_, Some(RemoteFailure::Credentials)) => Failure::Auth { message },
            (_, Some(RemoteFailure::Work)) => Failure::NeedsPerson { message },
            _ if self.would_take_a_push(head) => Failure::Crash { message },
            _ => Failure::Network { message },
        }
    }

    /// Returns whether the remote answers and accepts pushes: then the failure is caused by this
    /// work alone.
    fn would_take_a_push(&self, head: &CommitId) -> bool {
        self.workspace().is_ok_and(|workspace| {
            let dry_run = workspace
                .remote
                .as_ref()
                .map(|remote| workspace.mirror.dry_run_push(head, remote));
            matches!(dry_run, Some(Ok(())))
        })
    }

    fn open_pull_request(
        &self,
        order: &PublishOrder,
        branch: &str,
        replaces: Option<CommitId>,
        cancel: &CancellationToken,
    ) -> Result<(PullRequest, bool), Failure> {
        let (base, needs_order) = self.base_of(order)?;
        let text = self
            .strategies
            .render(&order.issue, &self.context(order, branch, &base)?)
            .map_err(|plugin_failure| unwritten(&plugin_failure))?;
        let marker = marker(order.issue.number.0);
        let draft = PullRequestDraft {
            issue: order.issue.number,
            title: text.title,
            body: format!("{}\n\n{marker}\n", text.body.trim_end()),
            head: branch.to_owned(),
            head_commit: order.work.commit.clone(),
            replaces: replaces.map(String::from),
            base,
            draft: self.config.executor.pr_draft || needs_order,
            must_be_draft: self.config.executor.pr_draft,
            labels: text.labels,
            marker,
            created_at: Time::from_ms(wall_clock_ms()),
        };
        self.forge
            .publish(&draft, cancel)
            .map_err(|error| error.failure())
    }

    /// Returns the base of the pull request: the branch of the only issue that the work is built
    /// on, or else the project's base; and whether others have to be merged first.
    fn base_of(&self, order: &PublishOrder) -> Result<(String, bool), Failure> {
        let direct: Vec<&StackedOn> = order.stacked_on.iter().filter(|on| on.is_direct).collect();
        let base = match direct.as_slice() {
            [] => return Ok((order.base_branch.clone(), false)),
            [only] => branch_of(only.issue),
            _ => return Ok((order.base_branch.clone(), true)),
        };
        // It may have been merged in the meantime, and its branch deleted.
        let is_gone = match &self.workspace()?.remote {
            Some(remote) => remote
                .head(&base)
                .map_err(|error| network(&error))?
                .is_none(),
            None => false,
        };
        Ok((
            if is_gone {
                order.base_branch.clone()
            } else {
                base
            },
            false,
        ))
    }

    fn context(
        &self,
        order: &PublishOrder,
        branch: &str,
        base: &str,
    ) -> Result<PrContext, Failure> {
        let report = order.report.as_ref();
        let commits = self
            .workspace()?
            .mirror
            .subjects(
                &commit(&order.base)?,
                &commit(&order.work.commit)?,
                N_COMMITS_MAX,
            )
            .map_err(|error| crash(&error))?;
        let commits = commits
            .into_iter()
            .map(|(id, subject)| sdk::Commit::new(id.to_string(), subject));
        let fails_on_base = |result: &CheckResult| {
            let fails = |it: &CheckResult| it.name == result.name && !it.passed;
            result.fails_on_base || order.base_checks.iter().any(fails)
        };
        let removed = prompt::removed_from(&order.issue);
        let changes = order.work.changes.iter().map(|change| {
            sdk::Change::new(&change.path)
                .added(change.added)
                .removed(change.removed)
        });
        let checks = order.checks.iter().map(|check| {
            sdk::CheckReport::new(&check.name)
                .passed(check.passed)
                .fails_on_base(fails_on_base(check))
                .duration_ms(check.duration_ms)
        });
        let stacked_on = order.stacked_on.iter();
        let merge_after = stacked_on.filter_map(|on| Some(on.pull_request.as_ref()?.number));
        Ok(PrContext::default()
            .issue(self.strategies.issue(&order.issue))
            .branch(branch)
            .base(base)
            .base_commit(&order.base)
            .commits(commits)
            .changes(changes)
            .agent_summary(report.and_then(|report| report.summary.as_ref()))
            .agent(&order.agent)
            .model(order.model.as_ref())
            .cost_usd(order.cost.dollars())
            .cost_is_estimated(order.cost_is_estimated)
            .attempts(order.attempt)
            .checks(checks)
            .denied(report.into_iter().flat_map(|report| &report.denied))
            .removed_from_prompt(removed.iter().map(ToString::to_string))
            .merge_after(merge_after))
    }
}

/// Returns the line by which a later run finds the pull request of an issue.
pub(crate) fn marker(issue: u64) -> String {
    format!("<!-- autoissue: issue {issue} -->")
}

/// Returns the branch on which an issue's work is published.
pub(super) fn branch_of(issue: IssueNumber) -> String {
    format!("{BRANCH_PREFIX}{}", issue.0)
}

fn network(error: &dyn Error) -> Failure {
    Failure::Network {
        message: error_chain(error),
    }
}

/// The work is done and kept; only the text of its pull request is missing.
fn unwritten(plugin_failure: &PluginFailure) -> Failure {
    let message = format!(
        "{} did not write the pull request: {}",
        plugin_failure.plugin, plugin_failure.message
    );
    match plugin_failure.action {
        PluginFailureAction::Skip => Failure::NeedsPerson { message },
        PluginFailureAction::Fallback | PluginFailureAction::Fail => {
            Failure::Validation { message }
        }
    }
}

fn copy_failure(error: &CopyError) -> Failure {
    let message = error_chain(error);
    match error {
        // The user's repository is on a local disk: a write that fails now will fail in a minute
        // too, and running the agent again would not change that.
        CopyError::NotOurs { .. }
        | CopyError::CheckedOut { .. }
        | CopyError::InTheWay { .. }
        | CopyError::LargeFileMissing { .. }
        | CopyError::Mirror(_) => Failure::NeedsPerson { message },
        CopyError::NoSuchCommit { .. } => Failure::Crash { message },
    }
}
