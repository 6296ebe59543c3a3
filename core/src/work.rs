//! The work of one session: what each effect means in terms of the services.
//!
//! The services meet here; none of them knows another. Each function carries out one effect once
//! and turns errors into the [`Failure`] that says what should happen next.

mod check_base;
mod collect_work;
mod create_issue;
mod decompose;
mod failure;
mod fetch_backlog;
mod lease_worktree;
mod publish;
mod read_plan;
mod release_worktree;
mod room;
mod run_agent;
mod run_checks;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use autoissue_engine::{CheckResult, Failure, IssueNumber, Plan};
use autoissue_forge::Forge;
use autoissue_forge::declared::Home;
use autoissue_git::CommitId;
use autoissue_git::collector::Collectors;
use autoissue_git::mirror::Mirror;
use autoissue_git::remote::Remote;
use autoissue_journal::SessionId;
use autoissue_process::SupervisorProgram;
use autoissue_secret::redaction::Redaction;
use sha2::{Digest, Sha256};

use crate::backlog_notes::BacklogNotes;
use crate::bus::{Bus, Progress, ProgressKind};
use crate::checks::CommandEnvironment;
use crate::config::Config;
use crate::disk::is_full;
use crate::strategy::Strategies;
pub(crate) use check_base::could_not_check;
use failure::validation;
pub(crate) use lease_worktree::Looked;
pub(crate) use room::Room;
pub(crate) use run_checks::check;

/// An attempt at an issue; unique in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AttemptId {
    pub(crate) issue: IssueNumber,
    pub(crate) attempt: u32,
}

/// The services of one session, and their settings.
pub(crate) struct Services {
    pub(crate) config: Config,
    /// What reading the backlog reveals to the person who ran the command.
    pub(crate) notes: Arc<BacklogNotes>,
    pub(crate) strategies: Strategies,
    pub(crate) forge: Box<dyn Forge>,
    /// The repository of the issues, as texts name it.
    pub(crate) home: Home,
    /// Absent in a dry run, which makes no worktree.
    pub(crate) workspace: Option<Workspace>,
    pub(crate) bus: Arc<Bus<autoissue_engine::Event>>,
    /// Results of the checks on commits of the base, by commit. The lock is held while one is
    /// checked.
    pub(crate) checked_bases: tokio::sync::Mutex<BTreeMap<String, Vec<CheckResult>>>,
    /// Measurements of kept work.
    pub(crate) room: Mutex<Room>,
    /// Issues whose finished work an earlier session made and the forge does not accept at the
    /// moment: they are not done again.
    pub(crate) waiting: Vec<(IssueNumber, SessionId)>,
    /// The plan that the session was started with, if any.
    pub(crate) given_plan: Option<Plan>,
    pub(crate) session: String,
    pub(crate) project: PathBuf,
    /// Directories in which agents can write programs; these are never run as ours.
    pub(crate) worktree_roots: Vec<PathBuf>,
    pub(crate) own_program: PathBuf,
    pub(crate) path: OsString,
    pub(crate) agent_env: Vec<(OsString, OsString)>,
    /// The maintainers' instructions for every agent.
    pub(crate) instructions: Option<String>,
    pub(crate) tag_prefix: String,
    pub(crate) session_dir: PathBuf,
    /// Length of an agent's minute.
    pub(crate) minute: Duration,
    /// Removes secrets from what programs print.
    pub(crate) redaction: Redaction,
}

/// Where attempts work.
pub(crate) struct Workspace {
    pub(crate) mirror: Mirror,
    /// Where branches are pushed to; absent for the local forge, where they go to the user's
    /// repository.
    pub(crate) remote: Option<Remote>,
    pub(crate) collectors: Collectors,
    pub(crate) base_branch: String,
    /// Its head when the session started.
    pub(crate) base: CommitId,
}

impl Services {
    fn workspace(&self) -> Result<&Workspace, Failure> {
        self.workspace
            .as_ref()
            .ok_or_else(|| validation("a dry run has no worktrees"))
    }

    /// Returns the maximum number of concurrent attempts.
    pub(crate) fn slots(&self) -> usize {
        usize::try_from(self.config.executor.max_parallel).unwrap_or(usize::MAX)
    }

    fn supervisor(&self) -> SupervisorProgram {
        SupervisorProgram::of(&self.own_program).hiding(&self.redaction)
    }

    /// Turns a failure into that of a full disk if the disk is full. Every operation reports a full
    /// disk differently, so the disk itself is checked.
    pub(super) fn unless_full(&self, failure: Failure) -> Failure {
        let worktrees = self
            .workspace
            .as_ref()
            .map(|workspace| workspace.collectors.root());
        let places = [self.project.as_path(), self.session_dir.as_path()];
        let full = places
            .into_iter()
            .chain(worktrees)
            .find(|path| is_full(path));
        match (failure, full) {
            (Failure::Crash { message }, Some(path)) => Failure::DiskFull {
                message: format!(
                    "the disk that holds `{}` is full; free up disk space ({message})",
                    path.display()
                ),
            },
            (failure, _) => failure,
        }
    }

    pub(super) fn workplace(&self, id: AttemptId) -> Result<CommandEnvironment, Failure> {
        Ok(CommandEnvironment {
            directory: self.workspace()?.collectors.path(id.issue.0),
            env: self.agent_env.clone(),
            tag: self.tag(id),
        })
    }

    pub(super) fn timeout(&self) -> Duration {
        self.minute * self.config.executor.timeout_minutes
    }

    pub(super) fn tag(&self, id: AttemptId) -> String {
        format!(
            "{}{}/{}-{}",
            self.tag_prefix, self.session, id.issue.0, id.attempt
        )
    }

    /// Returns 64 hexadecimal digits for an attempt and a purpose; always the same ones.
    pub(super) fn mark(&self, id: AttemptId, purpose: &str) -> String {
        let text = format!(
            "{purpose}\0{}\0{}\0{}\0{}",
            self.tag_prefix, self.session, id.issue.0, id.attempt
        );
        hex::encode(Sha256::digest(text.as_bytes()))
    }

    pub(super) fn show(&self, id: AttemptId, text: &str) {
        let text = text.to_owned();
        self.bus.report(Progress {
            issue: id.issue.0,
            attempt: id.attempt,
            kind: ProgressKind::Line,
            text,
        });
    }
}

/// Runs a blocking function; a panic in it is a failure like any other.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let span = tracing::Span::current();
    let joined = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
    joined.unwrap_or_else(|error| {
        Err(Failure::Crash {
            message: format!("bug in autoissue: {error}"),
        })
    })
}

/// Formats 64 hexadecimal digits as a version 4 UUID (RFC 9562, section 5.4).
pub(super) fn uuid(digits: &str) -> String {
    format!(
        "{}-{}-4{}-8{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}
