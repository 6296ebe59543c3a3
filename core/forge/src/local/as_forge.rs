//! The local forge as a [`Forge`].

use std::collections::BTreeMap;

use autoissue_engine::{Issue, IssueNumber, PullRequest, Withdrawal};
use tokio_util::sync::CancellationToken;

use super::{LocalForge, initialise};
use crate::forge::{Backlog, Forge, ForgeError, IssueDraft, IssueState, PullRequestDraft};

impl Forge for LocalForge {
    fn prepare(&self) -> Result<(), ForgeError> {
        initialise(self.project())?;
        Ok(())
    }

    fn backlog(&self, label: &str) -> Result<Backlog, ForgeError> {
        Ok(listed(self.issues(label)?))
    }

    fn issues(&self, numbers: &[IssueNumber]) -> Result<Backlog, ForgeError> {
        Ok(listed(self.issues_of(numbers)?))
    }

    fn labels(&self) -> Result<Vec<String>, ForgeError> {
        Ok(self.labels()?)
    }

    fn create_issue(
        &self,
        draft: &IssueDraft,
        _cancel: &CancellationToken,
    ) -> Result<(IssueNumber, Option<String>), ForgeError> {
        Ok(self.create_issue(draft)?)
    }

    fn add_dependencies(
        &self,
        issue: IssueNumber,
        on: &[IssueNumber],
        _cancel: &CancellationToken,
    ) -> Result<(), ForgeError> {
        Ok(self.add_dependencies(issue, on)?)
    }

    fn states(
        &self,
        numbers: &[IssueNumber],
    ) -> Result<BTreeMap<IssueNumber, IssueState>, ForgeError> {
        Ok(self.states(numbers)?)
    }

    fn look_again(
        &self,
        issue: IssueNumber,
        label: &str,
        _may_have_pull_request: bool,
    ) -> Result<Option<Withdrawal>, ForgeError> {
        Ok(self.look_again(issue, label)?)
    }

    fn pull_request_of(&self, issue: IssueNumber) -> Result<Option<PullRequest>, ForgeError> {
        Ok(self.pull_request_of(issue)?)
    }

    fn publish(
        &self,
        draft: &PullRequestDraft,
        _cancel: &CancellationToken,
    ) -> Result<(PullRequest, bool), ForgeError> {
        Ok(self.publish(draft)?)
    }
}

fn listed((issues, warnings): (Vec<Issue>, Vec<String>)) -> Backlog {
    Backlog {
        issues,
        warnings,
        ..Backlog::default()
    }
}
