//! Runs the checks once on the base as a session would: in a private clone, after setup, with the
//! agent's environment. Everything, including the mirror, is in a temporary directory and is
//! removed with it.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use autoissue_git::checkout::Checkout;
use autoissue_git::mirror::Mirror;
use autoissue_git::program::Git;
use autoissue_git::remote::Remote;
use autoissue_git::worktrees::{LeaseRequest, Options, Roots, Worktrees};
use autoissue_process::SupervisorProgram;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::checks::{
    Check, CheckResult, ChecksError, CommandEnvironment, SetupError, run_checks, run_setup,
};
use crate::config::{Config, RedBaseSetting};
use crate::preflight::{Finding, SessionError, machine};
use crate::work::check;

/// The clone uses a number that no issue has.
const ISSUE: u64 = 0;

pub(super) struct BaseChecks<'a> {
    pub(super) config: &'a Config,
    pub(super) git: &'a Git,
    pub(super) checkout: &'a Checkout,
    /// Absent for the local forge: then the base is in the checkout.
    pub(super) remote: Option<&'a Remote>,
    pub(super) base_branch: &'a str,
    pub(super) env: Vec<(OsString, OsString)>,
    pub(super) supervisor: SupervisorProgram,
}

impl BaseChecks<'_> {
    /// Runs the checks, and returns a finding for each.
    ///
    /// # Errors
    /// If the clone for the checks cannot be made.
    pub(super) fn run(
        self,
        runtime: &Runtime,
        cancel: &CancellationToken,
    ) -> Result<Vec<Finding>, SessionError> {
        let place = match machine::temporary_directory("checks") {
            Ok(place) => place,
            Err(finding) => return Ok(vec![finding]),
        };
        let worktrees = self.clone_base(place.path())?;
        let workplace = CommandEnvironment {
            directory: worktrees.path(ISSUE),
            env: self.env.clone(),
            tag: format!("doctor-{}", std::process::id()),
        };
        let findings = runtime.block_on(self.judge(&workplace, cancel));
        // Files that cannot be removed stay in a temporary directory and do no harm.
        let _ = worktrees.discard(ISSUE);
        Ok(findings)
    }

    /// Makes a mirror at `place` and a clone inside it. The mirror is bare, so a repository around
    /// `place` is not touched.
    fn clone_base(&self, place: &Path) -> Result<Worktrees, SessionError> {
        let mirror = Mirror::open(place, self.git.clone())?;
        let start = match self.remote {
            Some(remote) => {
                mirror.borrow_base(self.checkout.path(), self.base_branch);
                mirror.fetch(remote.fetch_url(), self.base_branch, remote.env())?
            }
            None => mirror.fetch(
                &self.checkout.path().to_string_lossy(),
                self.base_branch,
                &[],
            )?,
        };
        let options = Options {
            project: place.to_owned(),
            roots: Roots {
                current: place.join("worktrees"),
                others: Vec::new(),
            },
            session: "doctor".to_owned(),
            identity: self.checkout.identity(self.git, &[]),
            env: Vec::new(),
            credentials: self
                .remote
                .map(|remote| remote.env_of_programs().to_vec())
                .unwrap_or_default(),
            ignored_paths: Vec::new(),
        };
        let worktrees = Worktrees::open(mirror, options)?;
        worktrees.lease(&LeaseRequest {
            issue: ISSUE,
            attempt: 1,
            start,
            keep: false,
            work: None,
        })?;
        Ok(worktrees)
    }

    async fn judge(
        &self,
        workplace: &CommandEnvironment,
        cancel: &CancellationToken,
    ) -> Vec<Finding> {
        let executor = &self.config.executor;
        let timeout = Duration::from_secs(60 * u64::from(executor.timeout_minutes));
        let done = run_setup(
            &self.supervisor,
            &executor.setup,
            workplace,
            timeout,
            cancel,
            &mut |_, _| {},
        )
        .await;
        match done {
            Ok(()) => {}
            Err(SetupError::Cancelled { .. }) => return Vec::new(),
            Err(error) => return vec![setup_failed(&error)],
        }
        let list: Vec<Check> = executor.checks.iter().map(check).collect();
        match run_checks(&self.supervisor, &list, workplace, cancel, &mut |_, _| {}).await {
            Ok(results) => results.iter().map(|result| self.verdict(result)).collect(),
            Err(ChecksError::Cancelled { .. }) => Vec::new(),
            Err(error) => vec![Finding::failure(
                "checks",
                error.to_string(),
                "check that `/bin/sh` works",
            )],
        }
    }

    fn verdict(&self, result: &CheckResult) -> Finding {
        let CheckResult {
            name,
            passed,
            timed_out,
            exit_code,
            duration_ms,
            output,
            ..
        } = result;
        let seconds = format!("{:.1}", Duration::from_millis(*duration_ms).as_secs_f64());
        if *passed {
            return Finding::ok(
                "checks",
                format!("{name}: passes on {} in {seconds} s", self.base_branch),
            );
        }
        let ended = match exit_code {
            _ if *timed_out => format!("times out after {seconds} s"),
            Some(code) => format!("fails with exit code {code} after {seconds} s"),
            None => format!("is killed by a signal after {seconds} s"),
        };
        let message = format!("{name}: {ended} on {}", self.base_branch);
        let finding = match self.config.executor.red_base {
            RedBaseSetting::Fail => {
                let advice =
                    "fix the base branch or the check, or set `executor.redBase` to `ignoreKnown`";
                Finding::failure("checks", message, advice)
            }
            RedBaseSetting::IgnoreKnown => {
                let advice =
                    "fix the base branch; until then this check is ignored (`executor.redBase`)";
                Finding::warning("checks", message, advice)
            }
        };
        finding.with_output(output)
    }
}

fn setup_failed(error: &SetupError) -> Finding {
    let (message, output) = match error {
        SetupError::Failed {
            command,
            exit_code: Some(code),
            last_lines,
            ..
        } => (
            format!("`{command}` fails with exit code {code}"),
            last_lines.as_str(),
        ),
        SetupError::Failed {
            command,
            last_lines,
            ..
        } => (
            format!("`{command}` is killed by a signal"),
            last_lines.as_str(),
        ),
        SetupError::TimedOut {
            command,
            timeout,
            last_lines,
        } => {
            let minutes = timeout.as_secs() / 60;
            (
                format!("`{command}` does not finish: setup as a whole may take {minutes} minutes"),
                last_lines.as_str(),
            )
        }
        error => (error.to_string(), ""),
    };
    Finding::failure(
        "setup",
        message,
        "fix `executor.setup`; no attempt can start without it",
    )
    .with_output(output)
}
