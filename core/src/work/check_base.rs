//! Runs the checks on the base, in a worktree of their own.

use std::sync::Arc;

use autoissue_engine::{CheckResult, Failure, Input, IntakeInput, IssueNumber, Start};
use autoissue_process::error_chain;
use tokio_util::sync::CancellationToken;

use super::{AttemptId, Services};

/// The checks on the base run in a worktree of their own, under a number that no issue has.
pub(super) const BASE_CHECK: AttemptId = AttemptId {
    issue: IssueNumber(0),
    attempt: 1,
};

/// Returns the answer if the checks could not be run: one failed check, so that the base does not
/// pass as good.
pub(crate) fn could_not_check(failure: &Failure) -> Input {
    Input::Intake(IntakeInput::BaseChecked {
        results: vec![CheckResult {
            name: "setup".to_owned(),
            ended: failure.to_string(),
            ..CheckResult::default()
        }],
    })
}

impl Services {
    /// Runs the checks on the base once, so that a check that already fails there is not blamed on
    /// a task.
    pub(crate) async fn check_base(self: &Arc<Self>, cancel: &CancellationToken) -> Input {
        let results = match self.lease(BASE_CHECK, Start::Base, None, cancel).await {
            Ok(_) => self.run_checks_in(BASE_CHECK, cancel).await,
            Err(failure) => Err(failure),
        };
        self.discard_base_check().await;
        if let (Ok(results), Ok(workspace)) = (&results, self.workspace()) {
            let mut checked = self.checked_bases.lock().await;
            checked.insert(workspace.base.to_string(), results.clone());
        }
        match results {
            Ok(results) => Input::Intake(IntakeInput::BaseChecked { results }),
            Err(failure) => could_not_check(&failure),
        }
    }

    /// Removes the worktree of the checks on the base.
    pub(super) async fn discard_base_check(&self) {
        if let Ok(workspace) = self.workspace()
            && let Err(error) = workspace.collectors.discard(BASE_CHECK.issue.0).await
        {
            tracing::warn!(error = %error_chain(&error), "cannot remove the worktree of the checks on the base");
        }
    }
}
