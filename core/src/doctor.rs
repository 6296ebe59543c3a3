//! Checks everything that a session needs, before any money is spent. It changes nothing: not the
//! project, not the remote, not the state directory.
//!
//! ```text
//!   Session::open ─► what every session needs ─► an error, at once ──────────┐
//!                                                                            ├─► at_a_glance: a failure refuses, a warning is shown
//!   examine ───────► the same, one by one: an error is a finding ────────────┘
//!        └─────────► what needs a program of its own: version, push access, checks on the base
//! ```

mod base;
mod plugins;

use std::ffi::OsStr;

use autoissue_engine::Failure;
use autoissue_forge::Opened;
use autoissue_git::checkout::Checkout;
use autoissue_git::program::Git;
use autoissue_git::remote::{Remote, RemoteError};
use autoissue_journal::Journal;
use autoissue_journal::repository_lock::checkout_lock;
use autoissue_process::SupervisorProgram;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::host::Host;
use crate::preflight::{
    PROBE, SessionError, agent, agent_variables, at_a_glance, branch_in_the_way, default_branch,
    find_agent, find_strategies, login, machine, open_forge, repository, roots, variable_of,
};
use crate::strategy::Strategies;
use crate::wall_clock::wall_clock_ms;

pub use crate::preflight::{Finding, Level};

/// One result of an examination.
#[derive(Debug)]
pub enum Found {
    /// A check was made.
    Finding(Finding),
    /// A session could not be opened.
    Refusal {
        /// What was checked.
        check: &'static str,
        /// The error that a session would report.
        error: SessionError,
    },
    /// A check has started that takes a while.
    Begun(String),
}

/// How much to check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Also check the forge. Its name must be known.
    pub forge: bool,
    /// Also run checks that may take minutes: the user's own, on the base.
    pub slow: bool,
}

/// Checks everything, and reports each result as soon as it is known. Blocking; `cancel` ends what
/// runs.
pub fn examine(
    config: &Config,
    host: &Host,
    scope: Scope,
    cancel: &CancellationToken,
    on_found: &mut dyn FnMut(Found),
) {
    Examination {
        config,
        host,
        scope,
        cancel,
        on_found,
    }
    .run();
}

struct Examination<'a> {
    config: &'a Config,
    host: &'a Host,
    scope: Scope,
    cancel: &'a CancellationToken,
    on_found: &'a mut dyn FnMut(Found),
}

/// Where work would start from and be pushed to.
struct Place {
    /// Absent for the local forge.
    remote: Option<Remote>,
    base_branch: String,
}

impl Examination<'_> {
    fn run(mut self) {
        let git = self.git();
        let checkout = self.try_to("repository", |it| Ok(Checkout::open(&it.host.project)?));
        if let Some(checkout) = &checkout
            && self
                .try_to("repository", |it| it.check_writable(checkout))
                .is_some()
        {
            self.tell(Finding::ok(
                "repository",
                checkout.path().display().to_string(),
            ));
        }
        let place = match (&git, &checkout) {
            (Some(git), Some(checkout)) if self.scope.forge => self.forge(git, checkout),
            _ => None,
        };
        let strategies = self.plugin_files().then(|| self.strategies()).flatten();
        if let Some(strategies) = &strategies {
            self.agent(strategies);
        }
        if let (Some(checkout), Some(strategies)) = (&checkout, &strategies) {
            at_a_glance(self.config, self.host, checkout, strategies)
                .into_iter()
                .for_each(|it| self.tell(it));
        }
        self.state();
        if let Some(checkout) = &checkout {
            let root = roots(self.config, self.host, checkout.path()).current;
            machine::worktrees(&root)
                .into_iter()
                .for_each(|it| self.tell(it));
        }
        self.checks(
            git.as_ref(),
            checkout.as_ref(),
            place.as_ref(),
            strategies.as_ref(),
        );
    }

    fn tell(&mut self, finding: Finding) {
        (self.on_found)(Found::Finding(finding));
    }

    /// Runs a step of opening a session; an error becomes a finding.
    fn try_to<T>(
        &mut self,
        check: &'static str,
        step: impl FnOnce(&Self) -> Result<T, SessionError>,
    ) -> Option<T> {
        match step(self) {
            Ok(done) => Some(done),
            Err(error) => {
                (self.on_found)(Found::Refusal { check, error });
                None
            }
        }
    }

    /// Checks what a session writes into the checkout: its lock and, with the local forge, files
    /// next to the issues.
    fn check_writable(&self, checkout: &Checkout) -> Result<(), SessionError> {
        repository::check_writable(&checkout_lock(&checkout.git_dir()?))?;
        if self.config.forge.kind.has_host() {
            return Ok(());
        }
        repository::check_writable(&checkout.path().join(PROBE))
    }

    fn git(&mut self) -> Option<Git> {
        let (git, version) = self.try_to("git", |it| {
            let git = Git::find(variable(it.host, "PATH"))?;
            let version = git.version()?;
            Ok((git, version))
        })?;
        self.tell(machine::git(&version));
        Some(git)
    }

    // ---- the forge

    fn forge(&mut self, git: &Git, checkout: &Checkout) -> Option<Place> {
        let configured = self.config.project.base_branch.as_deref();
        let kind = self.config.forge.kind;
        if !kind.has_host() {
            self.tell(machine::clock(wall_clock_ms()));
        }
        let opened = self.try_to(kind.first_check(), |it| {
            open_forge(it.config, it.host, git, checkout, false)
        })?;
        let Opened {
            mut forge,
            remote,
            findings,
            ..
        } = opened;
        findings.into_iter().for_each(|it| self.tell(it));
        let Some(remote) = remote else {
            let base_branch =
                self.try_to("base branch", |_| Ok(checkout.base_branch(configured)?))?;
            return Some(self.place(checkout, None, base_branch));
        };
        let asked = forge.describe();
        let is_shut_out =
            matches!(&asked, Err(error) if matches!(error.failure(), Failure::Auth { .. }));
        let description = self.try_to("forge", |_| Ok(asked?)).flatten();
        if let Some(description) = &description {
            let findings = description.findings.iter().cloned();
            findings.for_each(|it| self.tell(it));
        }
        if let Some(notice) = forge.notice() {
            self.tell(notice);
        }
        // If the API rejects the token, git over HTTP will reject it too.
        if is_shut_out && remote.is_web() {
            return None;
        }
        let default_branch = default_branch(description.as_ref()).map(str::to_owned);
        let may_push = description.is_some_and(|description| {
            self.try_to("push", |_| Ok(description.push_right?))
                .is_some()
        });
        let base_branch = match remote.base_branch(configured, default_branch.as_deref()) {
            Err(error @ (RemoteError::NoBranch { .. } | RemoteError::Empty { .. })) => {
                self.try_to("base branch", |_| Err(error.into()))?
            }
            answered => self.try_to("remote", |_| Ok(answered?))?,
        };
        self.tell(Finding::ok(
            "remote",
            format!("connected to {}", remote.name()),
        ));
        if may_push && let Some(finding) = repository::push(&remote, checkout) {
            self.tell(finding);
        }
        Some(self.place(checkout, Some(remote), base_branch))
    }

    fn place(&mut self, checkout: &Checkout, remote: Option<Remote>, base_branch: String) -> Place {
        self.tell(Finding::ok("base branch", base_branch.clone()));
        let published_to = remote.as_ref().filter(|_| self.config.executor.create_pr);
        if let Some(finding) = branch_in_the_way(checkout, published_to) {
            self.tell(finding);
        }
        Place {
            remote,
            base_branch,
        }
    }

    // ---- agent and checks

    /// Returns whether each plugin is the file that was approved. If one is not, a session loads
    /// none.
    fn plugin_files(&mut self) -> bool {
        let findings = plugins::look(&self.config.plugins, &self.host.project);
        let are_agreed = findings.iter().all(|it| it.level != Level::Failure);
        findings.into_iter().for_each(|it| self.tell(it));
        are_agreed
    }

    /// Loads the configured plugins as a session would, and reports their names.
    fn strategies(&mut self) -> Option<Strategies> {
        let strategies = self.try_to("strategies", Self::load_strategies)?;
        let plugins = strategies.plugins();
        if plugins.is_empty() {
            self.tell(Finding::ok("strategies", "using built-in defaults"));
        }
        for (kind, by) in plugins {
            self.tell(Finding::ok("strategies", format!("{kind}: plugin {by}")));
        }
        Some(strategies)
    }

    fn load_strategies(&self) -> Result<Strategies, SessionError> {
        find_strategies(
            self.config,
            self.host,
            &self.host.plugins,
            &self.host.project,
            false,
        )
    }

    fn agent(&mut self, strategies: &Strategies) {
        let path = variable(self.host, "PATH");
        let Some(program) = self.try_to("agent", |it| {
            find_agent(
                strategies,
                path,
                &roots(it.config, it.host, &it.host.project),
            )
        }) else {
            return;
        };
        let name = strategies.backend().describe().name;
        let Some(program) = program else {
            return self.tell(Finding::ok(
                "agent",
                format!("{name} (built in, costs nothing)"),
            ));
        };
        let Some(env) = self.try_to("agent", |it| {
            agent_variables(it.config, it.host, strategies)
        }) else {
            return;
        };
        if let Some(finding) = agent::unknown_models(self.config, strategies) {
            self.tell(finding);
        }
        let Some(info) = strategies.probe_backend().ok() else {
            return;
        };
        let program = agent::InstalledProgram {
            backend: &name,
            info: &info,
            path: program,
            env,
        };
        let Some(runtime) = self.runtime() else {
            let path = program.path.display();
            return self.tell(Finding::ok("agent", format!("{name}, {path}")));
        };
        let supervisor = self.supervisor();
        let (finding, _) = runtime.block_on(program.version(&supervisor, self.cancel));
        let is_usable = finding.level != Level::Failure;
        self.tell(finding);
        if is_usable && login::look(&info, &self.host.environment).is_none() {
            let finding = runtime.block_on(program.login(&supervisor, self.cancel));
            finding.into_iter().for_each(|finding| self.tell(finding));
        }
    }

    fn checks(
        &mut self,
        git: Option<&Git>,
        checkout: Option<&Checkout>,
        place: Option<&Place>,
        strategies: Option<&Strategies>,
    ) {
        let names: Vec<&str> = self
            .config
            .executor
            .checks
            .iter()
            .map(|check| check.name.as_str())
            .collect();
        if names.is_empty() {
            return self.tell(Finding::warning(
                "checks",
                "none are configured, so nothing verifies the agent's work",
                "set `executor.checks` to the commands that must pass",
            ));
        }
        let (Some(git), Some(checkout), Some(place), true) =
            (git, checkout, place, self.scope.slow)
        else {
            return self.tell(Finding::ok(
                "checks",
                format!("{}; not run", names.join(", ")),
            ));
        };
        let Some(runtime) = self.runtime() else {
            return;
        };
        let env = strategies
            .and_then(|strategies| agent_variables(self.config, self.host, strategies).ok());
        (self.on_found)(Found::Begun(format!(
            "running {} on `{}`",
            names.join(", "),
            place.base_branch
        )));
        let checks = base::BaseChecks {
            config: self.config,
            git,
            checkout,
            remote: place.remote.as_ref(),
            base_branch: &place.base_branch,
            env: env.unwrap_or_default(),
            supervisor: self.supervisor(),
        };
        match checks.run(&runtime, self.cancel) {
            Ok(findings) => findings.into_iter().for_each(|it| self.tell(it)),
            Err(error) => (self.on_found)(Found::Refusal {
                check: "checks",
                error,
            }),
        }
    }

    fn supervisor(&self) -> SupervisorProgram {
        SupervisorProgram::of(&self.host.own_program).hiding(&self.host.redaction)
    }

    fn runtime(&mut self) -> Option<Runtime> {
        match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => Some(runtime),
            Err(error) => {
                self.tell(Finding::failure(
                    "machine",
                    format!("cannot run programs: {error}"),
                    "close other programs",
                ));
                None
            }
        }
    }

    // ---- our own state

    fn state(&mut self) {
        self.tell(machine::state(&self.host.state_dir));
        let newest = self.try_to("journal", |it| {
            Ok(Journal::open_read_only(&it.host.state_dir)?.sessions(None, 1)?)
        });
        if let Some(rows) = newest {
            self.tell(machine::history(
                rows.first().map(|row| row.started_at_ms),
                wall_clock_ms(),
            ));
        }
    }
}

/// Returns a variable of the host's environment, or an empty string if it is not set.
fn variable<'h>(host: &'h Host, name: &str) -> &'h OsStr {
    variable_of(&host.environment, name).unwrap_or_default()
}
