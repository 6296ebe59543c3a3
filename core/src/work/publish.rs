//! Publishing: the branch first, then the pull request. Both look before they write, so doing it twice does nothing twice.

use std::sync::Arc;

use autoissue_engine::{
    AgentReport, CheckResult, Failure, Instead, Issue, Outcome, Publication, PullRequest, Time, Undecided, Usd, Work,
};
use autoissue_plugin_sdk::{self as sdk, PrContext};
use tokio_util::sync::CancellationToken;

use super::{Workshop, blocking, commit, crash, forge_failure};
use crate::prompt;
use crate::service::agent::error_chain;
use crate::service::forge::PullRequestDraft;
use crate::service::github::BRANCH_PREFIX;
use crate::service::mirror::{CommitId, CopyError, PushError};
use crate::wall_clock::wall_clock_ms;

/// All that is known of the work when it is published.
pub(crate) struct PublishOrder {
    pub(crate) issue: Arc<Issue>,
    pub(crate) attempt: u32,
    pub(crate) work: Work,
    pub(crate) base: String,
    pub(crate) report: Option<AgentReport>,
    pub(crate) checks: Vec<CheckResult>,
    pub(crate) base_checks: Vec<CheckResult>,
    pub(crate) model: Option<String>,
    pub(crate) cost: Usd,
    pub(crate) cost_is_assumed: bool,
    /// Of each dependency: where it was published in this session, and how it ended.
    pub(crate) dependencies: Vec<(Option<Publication>, Option<Outcome>)>,
    pub(crate) agent: String,
    pub(crate) base_branch: String,
}

impl Workshop {
    /// Publishes the work of an attempt.
    pub(crate) async fn publish(
        self: &Arc<Self>,
        order: PublishOrder,
        cancel: CancellationToken,
    ) -> Result<Publication, Failure> {
        let workshop = self.clone();
        blocking(move || workshop.publish_now(&order, &cancel)).await
    }

    fn publish_now(&self, order: &PublishOrder, cancel: &CancellationToken) -> Result<Publication, Failure> {
        let branch = format!("{BRANCH_PREFIX}{}", order.issue.number.0);
        let replaces = self.publish_branch(order, &branch)?;
        let mut publication = Publication { branch, commit: order.work.commit.clone(), ..Publication::default() };
        if self.config.executor.create_pr {
            let (pull_request, existed) = self.open_pull_request(order, &publication.branch, replaces, cancel)?;
            publication.pull_request = Some(pull_request);
            publication.existed = existed;
            publication.n_api_calls = self.forge.n_api_calls(Some(order.issue.number));
        }
        Ok(publication)
    }

    /// Puts the branch where pull requests are made from, or where a person will look for it. Returns the work of ours that it
    /// replaced on the remote.
    fn publish_branch(&self, order: &PublishOrder, branch: &str) -> Result<Option<CommitId>, Failure> {
        let bench = self.bench()?;
        let (issue, head) = (order.issue.number.0, commit(&order.work.commit)?);
        if let Some(remote) = bench.remote.as_ref().filter(|_| self.config.executor.create_pr) {
            let pushed = bench.mirror.push(issue, &head, remote, branch);
            return pushed.map(|pushed| pushed.replaced).map_err(|error| self.push_failure(&error));
        }
        bench.mirror.copy_into(&head, &self.project, branch).map_err(|error| copy_failure(&error))?;
        bench.mirror.set_published(issue, &head).map_err(|error| crash(&error))?;
        Ok(None)
    }

    /// Returns what should happen next. Git tells only that the remote cannot be reached; GitHub's API tells why.
    fn push_failure(&self, error: &PushError) -> Failure {
        let message = error_chain(error);
        match error {
            PushError::NotOurs { .. } => Failure::NeedsPerson { message },
            PushError::Refused { .. } | PushError::Remote(_) => match self.forge.check_push_right() {
                Err(error) => forge_failure(&error),
                Ok(()) if matches!(error, PushError::Refused { .. }) => Failure::NeedsPerson { message },
                Ok(()) => Failure::Network { message },
            },
            PushError::Mirror(_) => Failure::Crash { message },
        }
    }

    fn open_pull_request(
        &self,
        order: &PublishOrder,
        branch: &str,
        replaces: Option<CommitId>,
        cancel: &CancellationToken,
    ) -> Result<(PullRequest, bool), Failure> {
        let (base, needs_order) = base_of(order);
        let text = self.strategies.render(&order.issue, &self.context(order, branch, &base)).map_err(unwritten)?;
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
            labels: text.labels,
            marker,
            created_at: Time::from_ms(wall_clock_ms()),
        };
        self.forge.publish(&draft, cancel).map_err(|error| forge_failure(&error))
    }

    fn context(&self, order: &PublishOrder, branch: &str, base: &str) -> PrContext {
        let report = order.report.as_ref();
        let fails_on_base = |name: &str| order.base_checks.iter().any(|check| check.name == name && !check.passed);
        let removed = prompt::build(&order.issue, "", &[], &[], None).removed;
        PrContext {
            issue: self.strategies.issue(&order.issue),
            branch: branch.to_owned(),
            base: base.to_owned(),
            base_commit: order.base.clone(),
            changes: order
                .work
                .changes
                .iter()
                .map(|change| sdk::Change { path: change.path.clone(), added: change.added, removed: change.removed })
                .collect(),
            agent_summary: report.and_then(|report| report.summary.clone()),
            agent: order.agent.clone(),
            model: order.model.clone(),
            cost_usd: order.cost.dollars(),
            cost_is_assumed: order.cost_is_assumed,
            attempts: order.attempt,
            checks: order
                .checks
                .iter()
                .map(|check| sdk::CheckReport {
                    name: check.name.clone(),
                    passed: check.passed,
                    fails_on_base: fails_on_base(&check.name),
                    duration_ms: check.duration_ms,
                })
                .collect(),
            denied: report.map(|report| report.denied.clone()).unwrap_or_default(),
            removed_from_prompt: removed.iter().map(ToString::to_string).collect(),
            merge_after: merge_after(order),
            ..PrContext::default()
        }
    }
}

/// Returns the line by which a later run finds the pull request of an issue.
pub(crate) fn marker(issue: u64) -> String {
    format!("<!-- autoissue: issue {issue} -->")
}

/// Returns the base of the pull request: the branch of the one thing it depends on, else the project's; and whether a
/// person has to merge others first.
fn base_of(order: &PublishOrder) -> (String, bool) {
    match order.dependencies.as_slice() {
        [] => (order.base_branch.clone(), false),
        [(Some(publication), _)] => (publication.branch.clone(), false),
        _ => (order.base_branch.clone(), true),
    }
}

fn merge_after(order: &PublishOrder) -> Vec<u64> {
    let pull_request = |(publication, outcome): &(Option<Publication>, Option<Outcome>)| {
        let published = publication.as_ref().and_then(|publication| publication.pull_request.as_ref());
        published.or_else(|| outcome.as_ref()?.pull_request()).map(|pull_request| pull_request.number)
    };
    order.dependencies.iter().filter_map(pull_request).collect()
}

/// The work is done and kept: what is missing is only what its pull request says.
fn unwritten(undecided: Undecided) -> Failure {
    let message = format!("{} did not write the pull request: {}", undecided.plugin, undecided.message);
    match undecided.then {
        Instead::Skip => Failure::NeedsPerson { message },
        Instead::Fallback | Instead::Fail => Failure::Validation { message },
    }
}

fn copy_failure(error: &CopyError) -> Failure {
    let message = error_chain(error);
    match error {
        // The user's repository is files: what git cannot write there now it cannot write in a minute, and running the agent
        // again would not change it.
        CopyError::NotOurs { .. } | CopyError::CheckedOut { .. } | CopyError::Mirror(_) => {
            Failure::NeedsPerson { message }
        }
        CopyError::NoSuchCommit { .. } => Failure::Crash { message },
    }
}
