//! Runs the checks on an attempt's work.

use std::sync::Arc;

use autoissue_engine::{CheckResult, Failure, Start, Work};
use autoissue_process::Line;
use autoissue_process::error_chain;
use tokio_util::sync::CancellationToken;

use super::check_base::BASE_CHECK;
use super::{AttemptId, Services, Workspace};
use crate::checks::{self, ChecksError};
use crate::config;

/// A check that all work has to pass, configured or not.
const CONFLICT_MARKERS: &str = "conflict markers";

impl Services {
    /// Runs the checks on an attempt's work, in its worktree. An unfinished merge is checked first
    /// and alone, because the results of other checks on files with conflict markers are useless.
    pub(crate) async fn run_checks(
        self: &Arc<Self>,
        id: AttemptId,
        work: &Work,
        base: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Vec<CheckResult>, Failure> {
        if !work.conflicts.is_empty() {
            return Ok(vec![unfinished_merge(&work.conflicts)]);
        }
        let mut results = self.run_checks_in(id, cancel).await?;
        if let Some(red) = results.iter().find(|result| !result.passed) {
            // A check that failed because the disk is full says nothing about the work.
            let message = format!("check `{}` failed: {}", red.name, red.ended);
            if let full @ Failure::DiskFull { .. } = self.unless_full(Failure::Crash { message }) {
                return Err(full);
            }
        }
        if let Some(base) = base
            && results.iter().any(|result| !result.passed)
        {
            self.compare_with_base(&mut results, base, cancel).await?;
        }
        Ok(results)
    }

    /// Records which failed checks also fail on the commit that the attempt started from. The
    /// session checked the base when it started; if the base has moved since, the new commit is
    /// checked once, because others may have broken it.
    async fn compare_with_base(
        self: &Arc<Self>,
        results: &mut [CheckResult],
        base: &str,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        let mut checked = self.checked_bases.lock().await;
        if !checked.contains_key(base) {
            let start = Start::KeptTree {
                base: base.to_owned(),
                salvage: None,
            };
            self.discard_base_check().await;
            let of_base = match self.lease(BASE_CHECK, start, None, cancel).await {
                Ok(_) => self.run_checks_in(BASE_CHECK, cancel).await,
                Err(failure) => Err(failure),
            };
            self.discard_base_check().await;
            match of_base {
                Ok(of_base) => checked.insert(base.to_owned(), of_base),
                Err(Failure::Interrupted) => return Err(Failure::Interrupted),
                Err(failure) => {
                    tracing::warn!(base, %failure, "cannot check the base");
                    return Ok(());
                }
            };
        }
        let fails = |name: &str| {
            checked[base]
                .iter()
                .any(|of_base| of_base.name == name && !of_base.passed)
        };
        for result in results.iter_mut().filter(|result| !result.passed) {
            result.fails_on_base = fails(&result.name);
        }
        Ok(())
    }

    pub(super) async fn run_checks_in(
        self: &Arc<Self>,
        id: AttemptId,
        cancel: &CancellationToken,
    ) -> Result<Vec<CheckResult>, Failure> {
        let workplace = self.workplace(id)?;
        let list: Vec<checks::Check> = self.config.executor.checks.iter().map(check).collect();
        let mut show = |name: &str, line: &Line| {
            self.show(id, &format!("{name}: {}", line.text));
        };
        let results =
            checks::run_checks(&self.supervisor(), &list, &workplace, cancel, &mut show).await;
        self.note_checked(id).await;
        match results {
            Ok(results) => Ok(results
                .into_iter()
                .zip(&list)
                .map(|(result, check)| engine_check(result, check))
                .collect()),
            Err(ChecksError::Cancelled { .. }) => Err(Failure::Interrupted),
            Err(error) => Err(Failure::Crash {
                message: error_chain(&error),
            }),
        }
    }

    /// Records the ignored files that checks made, so that they are not taken for the agent's.
    async fn note_checked(self: &Arc<Self>, id: AttemptId) {
        let Ok(Workspace { collectors, .. }) = self.workspace() else {
            return;
        };
        let noted = if id == BASE_CHECK {
            collectors.note_made_by_checks(id.issue.0).await
        } else {
            collectors.note_checked(id.issue.0).await
        };
        if let Err(error) = noted {
            tracing::warn!(issue = id.issue.0, error = %error_chain(&error), "cannot record the files that the checks made");
        }
    }
}

/// Returns the failed check for work with an unfinished merge.
fn unfinished_merge(files: &[String]) -> CheckResult {
    CheckResult {
        name: CONFLICT_MARKERS.to_owned(),
        passed: false,
        ended: "unfinished merge".to_owned(),
        output: format!(
            "These files are unmerged in git's index or contain conflict markers:\n{}\n\
             Resolve each conflict, remove the markers, and stage the result with `git add`.\n",
            files.join("\n")
        ),
        ..CheckResult::default()
    }
}

pub(crate) fn check(check: &config::CheckConfig) -> checks::Check {
    checks::Check {
        name: check.name.clone(),
        run: check.run.clone(),
        timeout_minutes: check.timeout_minutes,
    }
}

fn engine_check(result: checks::CheckResult, check: &checks::Check) -> CheckResult {
    let ended = match (result.exit_code, result.signal) {
        _ if result.timed_out => format!("timed out after {} minutes", check.timeout_minutes),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "ended without an exit code".to_owned(),
    };
    CheckResult {
        name: result.name,
        passed: result.passed,
        duration_ms: result.duration_ms,
        ended,
        output: result.output,
        fails_on_base: false,
    }
}
