//! Reads the backlog: the open issues, and the state of their dependencies.

use std::collections::BTreeSet;

use autoissue_engine::{
    BacklogSource, Dependency, Failure, Input, IntakeInput, Issue, IssueNumber,
};
use autoissue_forge::declared::dependencies_in;
use autoissue_forge::{Backlog, IssueState};
use autoissue_git::checkout::Checkout;

use super::failure::validation;
use super::{Services, create_issue, publish};
use crate::prompt;

impl Services {
    /// Returns the backlog: the open issues of a source, and the state of their dependencies.
    pub(crate) fn fetch_backlog(
        &self,
        source: &BacklogSource,
        ignore_outside: bool,
    ) -> Result<Input, Failure> {
        match source {
            BacklogSource::Label { label, only } => {
                self.fetch_labelled(label, only, ignore_outside)
            }
            BacklogSource::Plan { issues } => self.fetch_planned(issues, ignore_outside),
        }
    }

    /// Returns the open issues with the label. If an issue requested by number is not among them,
    /// that is an error and nothing runs.
    fn fetch_labelled(
        &self,
        label: &str,
        only: &BTreeSet<IssueNumber>,
        ignore_outside: bool,
    ) -> Result<Input, Failure> {
        let backlog = self.forge.backlog(label).map_err(|error| error.failure())?;
        let listed: BTreeSet<IssueNumber> =
            backlog.issues.iter().map(|issue| issue.number).collect();
        let missing: Vec<u64> = only.difference(&listed).map(|issue| issue.0).collect();
        if !missing.is_empty() {
            let numbers: Vec<IssueNumber> = missing.iter().copied().map(IssueNumber).collect();
            // The answer says why each is missing. Without it, the error is still true.
            let asked = self.forge.issues(&numbers);
            let warnings = asked.map_or(backlog.warnings, |found| found.warnings);
            self.notes.note_missing(missing, warnings);
            return Err(validation("a requested issue is not in the backlog"));
        }
        if backlog.issues.is_empty() {
            match self.forge.labels() {
                Ok(labels) => self.notes.note_labels(labels),
                Err(error) => tracing::warn!(%error, "cannot list the labels"),
            }
        }
        self.with_dependencies(backlog, only, ignore_outside)
    }

    /// Returns the open issues of the plan, and the state of their dependencies.
    fn fetch_planned(
        &self,
        numbers: &[IssueNumber],
        ignore_outside: bool,
    ) -> Result<Input, Failure> {
        let before = self.forge.n_api_calls(None);
        let backlog = self
            .forge
            .issues(numbers)
            .map_err(|error| error.failure())?;
        let read = self.with_dependencies(backlog, &BTreeSet::new(), ignore_outside)?;
        Ok(match read {
            Input::Intake(IntakeInput::BacklogFetched {
                issues, warnings, ..
            }) => Input::Intake(IntakeInput::BacklogFetched {
                issues,
                warnings,
                n_api_calls: self.forge.n_api_calls(None) - before,
            }),
            other => other,
        })
    }

    /// Adds to a backlog the dependencies that its issues state, and their state.
    fn with_dependencies(
        &self,
        backlog: Backlog,
        only: &BTreeSet<IssueNumber>,
        ignore_outside: bool,
    ) -> Result<Input, Failure> {
        fn warning(issue: &IssueNumber) -> String {
            format!("skipping issue {issue}: an open issue of another repository blocks it")
        }

        let Backlog {
            mut issues,
            mut warnings,
            blocked_elsewhere,
        } = backlog;
        // The listed issues are open; the forge is asked only about the others.
        let listed: BTreeSet<IssueNumber> = issues.iter().map(|issue| issue.number).collect();
        let merged: BTreeSet<IssueNumber> = issues
            .iter()
            .filter(|issue| issue.merged_pull_request.is_some())
            .map(|issue| issue.number)
            .collect();
        // For an issue requested by number, an already merged pull request does not count as its
        // work.
        issues
            .iter_mut()
            .filter(|issue| only.contains(&issue.number))
            .for_each(|issue| issue.merged_pull_request = None);
        if !only.is_empty() {
            issues.retain(|issue| only.contains(&issue.number));
        }
        for (issue, session) in &self.waiting {
            issues.retain(|it| it.number != *issue);
            warnings.push(format!(
                "skipping issue {issue}: its finished work is waiting to be published; run `autoissue resume {session}`"
            ));
        }
        if !ignore_outside {
            issues.retain(|issue| !blocked_elsewhere.contains(&issue.number));
            warnings.extend(blocked_elsewhere.iter().map(warning));
        }
        if !self.config.executor.create_pr {
            self.note_branches(&mut issues, only);
        }
        // Our own marker must not count as hidden text.
        issues
            .iter_mut()
            .for_each(|issue| issue.body = create_issue::without_marker(&issue.body));
        warnings.extend(prompt::hidden_text_warning(&issues));
        let stated: Vec<Vec<IssueNumber>> = issues
            .iter()
            .map(|issue| dependencies_in(&issue.body, &self.home))
            .collect();
        let outside: BTreeSet<IssueNumber> = stated
            .iter()
            .flatten()
            .copied()
            .filter(|it| !listed.contains(it))
            .collect();
        let outside: Vec<IssueNumber> = outside.into_iter().collect();
        let states = self
            .forge
            .states(&outside)
            .map_err(|error| error.failure())?;
        for (issue, numbers) in issues.iter_mut().zip(stated) {
            for number in numbers {
                let state = if merged.contains(&number) {
                    Some(&IssueState::Closed)
                } else if listed.contains(&number) {
                    Some(&IssueState::Open)
                } else {
                    states.get(&number)
                };
                let is_known = issue.dependencies.iter().any(|on| on.number == number);
                if let Some(state @ (IssueState::Open | IssueState::Closed)) = state
                    && !is_known
                {
                    issue.dependencies.push(Dependency {
                        number,
                        open: matches!(state, IssueState::Open),
                    });
                }
            }
        }
        Ok(Input::Intake(IntakeInput::BacklogFetched {
            issues,
            warnings,
            n_api_calls: self.forge.n_api_calls(None),
        }))
    }

    /// Marks the issues whose work was published as a branch earlier, if only branches are made: no
    /// pull request shows it then. Issues requested by number are done again.
    fn note_branches(&self, issues: &mut [Issue], only: &BTreeSet<IssueNumber>) {
        let Ok(checkout) = Checkout::open(&self.project) else {
            return;
        };
        // A foreign branch is an obstacle, which is reported when its issue starts.
        let is_ours = |issue: IssueNumber| {
            self.workspace
                .as_ref()
                .is_none_or(|workspace| matches!(workspace.mirror.published(issue.0), Ok(Some(_))))
        };
        for issue in issues {
            let branch = publish::branch_of(issue.number);
            if !only.contains(&issue.number)
                && checkout.has_branch(&branch)
                && is_ours(issue.number)
            {
                issue.open_branch = Some(branch);
            }
        }
    }
}
