//! GitHub as a [`Forge`].

use std::collections::BTreeMap;

use autoissue_engine::{IssueNumber, PullRequest, Withdrawal};
use tokio_util::sync::CancellationToken;

use super::{Github, findings};
use crate::finding::Finding;
use crate::forge::{
    Backlog, Description, Forge, ForgeError, IssueDraft, IssueState, PullRequestDraft,
};
use crate::timestamp;

impl Forge for Github {
    fn describe(&mut self) -> Result<Option<Description>, ForgeError> {
        let facts = self.facts()?;
        let findings = findings::of(&facts, self.repo(), timestamp::now().ms());
        self.rename(&facts.repo);
        Ok(Some(Description {
            push_right: facts.check_push_right().map_err(ForgeError::from),
            default_branch: Some(facts.default_branch).filter(|branch| !branch.is_empty()),
            repo: facts.repo,
            findings,
        }))
    }

    fn notice(&self) -> Option<Finding> {
        self.retirement().as_ref().map(findings::of_retirement)
    }

    fn backlog(&self, label: &str) -> Result<Backlog, ForgeError> {
        Ok(self.backlog(label)?)
    }

    fn issues(&self, numbers: &[IssueNumber]) -> Result<Backlog, ForgeError> {
        Ok(self.issues(numbers)?)
    }

    fn labels(&self) -> Result<Vec<String>, ForgeError> {
        Ok(self.labels()?)
    }

    fn create_issue(
        &self,
        draft: &IssueDraft,
        cancel: &CancellationToken,
    ) -> Result<(IssueNumber, Option<String>), ForgeError> {
        Ok(self.create_issue(draft, cancel)?)
    }

    fn add_dependencies(
        &self,
        issue: IssueNumber,
        on: &[IssueNumber],
        cancel: &CancellationToken,
    ) -> Result<(), ForgeError> {
        Ok(self.add_dependencies(issue, on, cancel)?)
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
        may_have_pull_request: bool,
    ) -> Result<Option<Withdrawal>, ForgeError> {
        Ok(self.look_again(issue, label, may_have_pull_request)?)
    }

    fn pull_request_of(&self, issue: IssueNumber) -> Result<Option<PullRequest>, ForgeError> {
        Ok(self.pull_request_of(issue)?)
    }

    fn publish(
        &self,
        draft: &PullRequestDraft,
        cancel: &CancellationToken,
    ) -> Result<(PullRequest, bool), ForgeError> {
        Ok(self.publish(draft, cancel)?)
    }

    fn check_push_right(&self) -> Result<(), ForgeError> {
        Ok(self.check_push_right()?)
    }

    fn n_api_calls(&self, issue: Option<IssueNumber>) -> u32 {
        self.n_calls(issue)
    }
}
