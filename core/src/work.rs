//! The work of one session: what each effect means in terms of the services.
//!
//! Here the services meet; none knows of another. Each function does one effect once and turns what went wrong into the
//! [`Failure`] that says what should happen next.

mod planning;
mod publish;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use autoissue_engine::{
    AgentReport, AgentSession, CheckResult, Dependency, Effort, Failure, FileChange, Input, Issue,
    IssueNumber, Start, Usd, Withdrawal, Work,
};
use autoissue_forge::declared::{Home, dependencies_in};
use autoissue_forge::{Backlog, Forge, IssueState};
use autoissue_git::CommitId;
use autoissue_git::checkout::Checkout;
use autoissue_git::collector::{CollectorError, Collectors};
use autoissue_git::mirror::{FetchError, Mirror, bytes_below};
use autoissue_git::remote::{Remote, RemoteError, Verdict, verdict, was_server_error};
use autoissue_git::worktrees::{CollectRequest, Collected, History, IgnoredFiles, LeaseRequest};
use autoissue_journal::SessionId;
use autoissue_plugin_sdk::{AgentTask, commit_text, hidden_text};
use autoissue_process::SupervisorProgram;
use autoissue_process::error_chain;
use autoissue_secret::redaction::Redaction;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::agent::{self, AgentOrder, Seen, Wish};
use crate::bus::{Bus, Progress, ProgressKind};
use crate::checks::{self, ChecksError, SetupError, Workplace};
use crate::config::Config;
use crate::doctor::nearest_existing;
use crate::prompt::{self, Earlier};
use crate::session::{Intake, PlanOrder};
use crate::strategy::{Strategies, sdk_effort};
pub(crate) use planning::{CreationOrder, PlannerOrder};
pub(crate) use publish::{Foundation, PublishOrder};

/// The checks on the base run in a worktree of their own, under a number that no issue has.
const BASE_CHECK: AttemptId = AttemptId {
    issue: IssueNumber(0),
    attempt: 1,
};
/// A disk with less space, in bytes, is full: no worktree fits.
const DISK_BYTES_MIN: u64 = 1 << 20;
/// A program may stay alive for ten seconds after its final result or its stop; tests have minutes of another length.
const GRACES_PER_MINUTE: u32 = 6;
/// The check that every work has to pass, configured or not.
const CONFLICT_MARKERS: &str = "conflict markers";
/// The most ignored files that are named one by one.
const N_NAMES_MAX: usize = 10;
/// What is told of a session's many-times repeated files: an engine's step needs no more.
const N_CHANGES_MAX: usize = 300;

/// An attempt at an issue; unique in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AttemptId {
    pub(crate) issue: IssueNumber,
    pub(crate) attempt: u32,
}

/// The services of one session, and what they are told.
pub(crate) struct Workshop {
    pub(crate) config: Config,
    /// What reading the backlog brings to light for the person who typed the command.
    pub(crate) intake: Arc<Intake>,
    pub(crate) strategies: Strategies,
    pub(crate) forge: Box<dyn Forge>,
    /// Where the issues lie, as texts name it.
    pub(crate) home: Home,
    /// Absent in a dry run, which makes no worktree.
    pub(crate) bench: Option<Bench>,
    pub(crate) bus: Arc<Bus<autoissue_engine::Event>>,
    /// Only these issues; empty means all.
    pub(crate) only: BTreeSet<u64>,
    /// What the checks say of commits of the base, by commit. Whoever checks one holds it.
    pub(crate) checked_bases: tokio::sync::Mutex<BTreeMap<String, Vec<CheckResult>>>,
    /// Issues whose finished work an earlier session has made, and the forge does not take just now: they are not done again.
    pub(crate) waiting: Vec<(IssueNumber, SessionId)>,
    /// Whether what is open outside of the session keeps nobody from starting.
    pub(crate) ignore_outside: bool,
    /// What is planned, where the issues are.
    pub(crate) plan: Option<PlanOrder>,
    pub(crate) session: String,
    pub(crate) project: PathBuf,
    /// Where agents can write programs, which are never run for ours.
    pub(crate) worktree_roots: Vec<PathBuf>,
    pub(crate) own_program: PathBuf,
    pub(crate) path: OsString,
    pub(crate) agent_env: Vec<(OsString, OsString)>,
    pub(crate) tag_prefix: String,
    pub(crate) session_dir: PathBuf,
    /// How long an agent's minute lasts.
    pub(crate) minute: Duration,
    /// What is hidden of what programs print.
    pub(crate) redaction: Redaction,
}

/// Where attempts work.
pub(crate) struct Bench {
    pub(crate) mirror: Mirror,
    /// Where branches are pushed to; absent on the local forge, where they go to the user's repository.
    pub(crate) remote: Option<Remote>,
    pub(crate) collectors: Collectors,
    pub(crate) base_branch: String,
    /// Its head when the session began.
    pub(crate) base: CommitId,
}

/// What an agent is to do.
pub(crate) struct RunOrder {
    pub(crate) issue: Arc<Issue>,
    pub(crate) attempt: u32,
    pub(crate) model: Option<String>,
    pub(crate) effort: Option<Effort>,
    pub(crate) limit: Option<Usd>,
    pub(crate) resume: Option<AgentSession>,
    pub(crate) feedback: Option<String>,
    pub(crate) continues: bool,
    pub(crate) avoid: Vec<String>,
}

impl Workshop {
    fn bench(&self) -> Result<&Bench, Failure> {
        self.bench
            .as_ref()
            .ok_or_else(|| validation("a dry run has no worktrees"))
    }

    fn supervisor(&self) -> SupervisorProgram {
        SupervisorProgram::of(&self.own_program).hiding(&self.redaction)
    }

    // ---- intake

    /// Returns the backlog: the open issues with the label, and the state of what they depend on.
    ///
    /// An issue that was asked for by number and is not among them is a mistake, and nothing is run.
    pub(crate) fn fetch_backlog(&self, label: &str) -> Result<Input, Failure> {
        let backlog = self.forge.backlog(label).map_err(|error| error.failure())?;
        let listed: BTreeSet<u64> = backlog.issues.iter().map(|issue| issue.number.0).collect();
        let missing: Vec<u64> = self.only.difference(&listed).copied().collect();
        if !missing.is_empty() {
            self.intake.note_missing(missing, backlog.warnings);
            return Err(validation("an issue that was asked for is not there"));
        }
        if backlog.issues.is_empty() {
            match self.forge.labels() {
                Ok(labels) => self.intake.note_labels(labels),
                Err(error) => tracing::warn!(%error, "which labels exist is not known"),
            }
        }
        self.with_dependencies(backlog)
    }

    /// Adds to a backlog what the texts of its issues say that they depend on, and the state of that.
    fn with_dependencies(&self, backlog: Backlog) -> Result<Input, Failure> {
        fn warning(issue: &IssueNumber) -> String {
            format!("issue {issue} is left out: an open issue of another repository blocks it")
        }

        let Backlog {
            mut issues,
            mut warnings,
            blocked_elsewhere,
        } = backlog;
        // What is in the list is open; the forge is asked about the rest only.
        let listed: BTreeSet<IssueNumber> = issues.iter().map(|issue| issue.number).collect();
        let merged: BTreeSet<IssueNumber> = issues
            .iter()
            .filter(|issue| issue.merged_pull_request.is_some())
            .map(|issue| issue.number)
            .collect();
        // Who asks for an issue by its number wants more than was merged.
        issues
            .iter_mut()
            .filter(|issue| self.only.contains(&issue.number.0))
            .for_each(|issue| issue.merged_pull_request = None);
        if !self.only.is_empty() {
            issues.retain(|issue| self.only.contains(&issue.number.0));
        }
        for (issue, session) in &self.waiting {
            issues.retain(|it| it.number != *issue);
            warnings.push(format!(
                "issue {issue} is left out: its finished work waits to be published; run `autoissue resume {session}`"
            ));
        }
        if !self.ignore_outside {
            issues.retain(|issue| !blocked_elsewhere.contains(&issue.number));
            warnings.extend(blocked_elsewhere.iter().map(warning));
        }
        if !self.config.executor.create_pr {
            self.note_branches(&mut issues);
        }
        // What we wrote ourselves hides nothing.
        issues
            .iter_mut()
            .for_each(|issue| issue.body = planning::without_marker(&issue.body));
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
        Ok(Input::BacklogFetched {
            issues,
            warnings,
            n_api_calls: self.forge.n_api_calls(None),
        })
    }

    /// Notes the issues whose work ended as a branch before, where branches are all that is asked for: no pull request tells so.
    /// What is asked for by number is done again.
    fn note_branches(&self, issues: &mut [Issue]) {
        let Ok(checkout) = Checkout::open(&self.project) else {
            return;
        };
        // A branch that is not ours is in the way, which is said when its issue starts.
        let is_ours = |issue: IssueNumber| {
            self.bench
                .as_ref()
                .is_none_or(|bench| matches!(bench.mirror.published(issue.0), Ok(Some(_))))
        };
        for issue in issues {
            let branch = publish::branch_of(issue.number);
            if !self.only.contains(&issue.number.0)
                && checkout.has_branch(&branch)
                && is_ours(issue.number)
            {
                issue.open_branch = Some(branch);
            }
        }
    }

    /// Checks an issue again whose attempt is about to start; returns why it is no longer to be worked on, if so. No attempt starts
    /// without an answer: the issue may be closed, and its agent would be paid for nothing.
    pub(crate) async fn look_again(
        self: &Arc<Self>,
        id: AttemptId,
        label: String,
    ) -> Result<Option<Withdrawal>, Failure> {
        let workshop = self.clone();
        blocking(move || {
            let place = workshop.inspect_place(workshop.bench()?, id)?;
            let found = workshop
                .forge
                .look_again(id.issue, &label, place.may_have_pull_request)
                .map_err(|error| error.failure())?;
            let is_wanted_again = workshop.only.contains(&id.issue.0);
            match (found, place.obstacle) {
                (Some(Withdrawal::Merged(_)), obstacle) if is_wanted_again => {
                    obstacle.map_or(Ok(None), Err)
                }
                (Some(found), _) => Ok(Some(found)),
                (None, obstacle) => obstacle.map_or(Ok(None), Err),
            }
        })
        .await
    }

    // ---- worktrees

    /// Makes the worktree of an attempt, and sets it up; returns the commit that it starts from.
    pub(crate) async fn lease(
        self: &Arc<Self>,
        id: AttemptId,
        start: Start,
        cancel: &CancellationToken,
    ) -> Result<String, Failure> {
        let workshop = self.clone();
        let is_on_base = matches!(start, Start::Base);
        let request = blocking(move || {
            let bench = workshop.bench()?;
            workshop.check_room()?;
            let keep = matches!(start, Start::Kept { .. });
            let work = kept_work(bench, &start)?;
            let start = match start {
                // The session has just fetched it.
                Start::Base if id == BASE_CHECK => bench.base.clone(),
                start => workshop.start_commit(bench, start)?,
            };
            Ok(LeaseRequest {
                issue: id.issue.0,
                attempt: id.attempt,
                start,
                keep,
                work,
            })
        })
        .await?;
        let collectors = &self.bench()?.collectors;
        let leased = collectors
            .lease(&request)
            .await
            .map_err(|error| self.unless_full(lease_failure(&error, is_on_base)))?;
        // What is there already is work, and no trace of the setup.
        let has_work = leased.kept || request.work.is_some();
        if !leased.kept && !self.config.executor.setup.is_empty() {
            self.set_up(id, cancel).await?;
        }
        if !has_work && !self.config.executor.setup.is_empty() {
            let noted = collectors.note_prepared(id.issue.0).await;
            noted.map_err(|error| collector_failure(&error))?;
        }
        Ok(leased.base.to_string())
    }

    /// Makes sure that more work can be kept: nothing is dropped, so at the bound nothing more is begun.
    ///
    /// # Errors
    /// [`Failure::Refused`], which interrupts the session.
    pub(crate) fn check_room(&self) -> Result<(), Failure> {
        let bench = self.bench()?;
        let of_refs = bench.mirror.salvage_bytes().unwrap_or_else(|error| {
            tracing::warn!(error = %error_chain(&error), "how much work is kept is not known");
            0
        });
        let directories = bench.collectors.directories();
        let aside = directories.iter().filter(|directory| directory.is_kept);
        let of_directories: u64 = aside.map(|directory| bytes_below(&directory.path)).sum();
        let kept_gib = (of_refs.saturating_add(of_directories)) as f64 / f64::from(1 << 30);
        let most_gib = self.config.executor.max_salvage_gib;
        if kept_gib <= most_gib {
            return Ok(());
        }
        Err(Failure::Refused {
            message: format!(
                "kept work takes {kept_gib:.3} GiB, and `executor.maxSalvageGib` is {most_gib}; free some with `autoissue clean`, or \
                 raise the limit, to start anything new"
            ),
        })
    }

    /// Returns a failure as that of a full disk, if it is one. Whatever meets it says so in its own way, so the disk is asked.
    fn unless_full(&self, failure: Failure) -> Failure {
        fn is_full(path: &Path) -> bool {
            rustix::fs::statvfs(path).is_ok_and(|stat| {
                let has_no_file_left = 0 < stat.f_files && stat.f_favail == 0;
                stat.f_bavail.saturating_mul(stat.f_frsize) < DISK_BYTES_MIN || has_no_file_left
            })
        }

        let worktrees = self.bench.as_ref().map(|bench| bench.collectors.root());
        let places = [self.project.as_path(), self.session_dir.as_path()];
        let full = places
            .into_iter()
            .chain(worktrees)
            .find(|path| nearest_existing(path).is_some_and(is_full));
        match (failure, full) {
            (Failure::Crash { message }, Some(path)) => Failure::DiskFull {
                message: format!(
                    "the disk with `{}` is full; free up disk space ({message})",
                    path.display()
                ),
            },
            (failure, _) => failure,
        }
    }

    fn start_commit(&self, bench: &Bench, start: Start) -> Result<CommitId, Failure> {
        match start {
            Start::Base => self.newest_base(bench),
            Start::Kept { base, .. } => commit(&base),
            Start::Published(published) => {
                let names: Vec<String> = published
                    .iter()
                    .map(|(issue, _)| issue.to_string())
                    .collect();
                let heads: Vec<CommitId> = published
                    .into_iter()
                    .map(|(issue, known)| self.published_head(bench, issue, known))
                    .collect::<Result<_, _>>()?;
                match bench.mirror.merge(&heads).map_err(|error| crash(&error))? {
                    Ok(merged) => Ok(merged),
                    Err(conflict) => Err(Failure::NeedsPerson {
                        message: format!(
                            "{}, which it depends on, conflict in {}",
                            names.join(" and "),
                            conflict.files.join(", ")
                        ),
                    }),
                }
            }
        }
    }

    /// Returns the base as the forge has it now; fetches it only if it has moved.
    fn newest_base(&self, bench: &Bench) -> Result<CommitId, Failure> {
        let branch = &bench.base_branch;
        let known = bench.mirror.base(branch).map_err(|error| crash(&error))?;
        let known = known.unwrap_or_else(|| bench.base.clone());
        let project = self.project.to_string_lossy();
        let (head, source, env) = match &bench.remote {
            Some(remote) => {
                let head = remote
                    .head(branch)
                    .map_err(|error| remote_failure(&error))?;
                (head, remote.fetch_url(), remote.env())
            }
            None => {
                let head = bench.mirror.head_in(&self.project, branch);
                (head, project.as_ref(), &[][..])
            }
        };
        if head.is_none_or(|head| head == known) {
            return Ok(known);
        }
        let fetched = bench.mirror.fetch(source, branch, env);
        fetched.map_err(|error| fetch_failure(&error))
    }

    /// Returns the head of an issue's published branch as it is now: a pull request on it shows what is there, whoever put it there.
    /// Where the branch is gone, presumably because it was merged, what we know of it has to do.
    fn published_head(
        &self,
        bench: &Bench,
        issue: IssueNumber,
        known: Option<String>,
    ) -> Result<CommitId, Failure> {
        let branch = publish::branch_of(issue);
        let is_pushed = self.config.executor.create_pr || known.is_none();
        let head = match bench.remote.as_ref().filter(|_| is_pushed) {
            Some(remote) => {
                bench
                    .mirror
                    .fetch_published(issue.0, remote.fetch_url(), &branch, remote.env())
            }
            None => {
                bench
                    .mirror
                    .fetch_published(issue.0, &self.project.to_string_lossy(), &branch, &[])
            }
        };
        if let Some(head) = head.map_err(|error| fetch_failure(&error))? {
            return Ok(head);
        }
        if is_pushed && bench.remote.is_some() && !self.config.executor.create_pr {
            let project = self.project.to_string_lossy();
            let head = bench
                .mirror
                .fetch_published(issue.0, &project, &branch, &[]);
            if let Some(head) = head.map_err(|error| fetch_failure(&error))? {
                return Ok(head);
            }
        }
        if let Some(known) = known {
            return commit(&known);
        }
        let published = bench
            .mirror
            .published(issue.0)
            .map_err(|error| crash(&error))?;
        published.ok_or_else(|| Failure::NeedsPerson {
            message: format!("the branch of {issue}, which it depends on, is gone; close the issue if it is merged"),
        })
    }

    async fn set_up(&self, id: AttemptId, cancel: &CancellationToken) -> Result<(), Failure> {
        let workplace = self.workplace(id)?;
        let (supervisor, commands) = (self.supervisor(), &self.config.executor.setup);
        let mut show = |command: &str, line: &autoissue_process::Line| {
            self.show(id, &format!("{command}: {}", line.text));
        };
        let done = checks::run_setup(
            &supervisor,
            commands,
            &workplace,
            self.timeout(),
            cancel,
            &mut show,
        );
        done.await.map_err(|error| match error {
            SetupError::Cancelled { .. } => Failure::Interrupted,
            error => self.unless_full(crash(&error)),
        })
    }

    /// Takes the work of an attempt into the mirror. Where there is none, notes say what a person should know all the same.
    pub(crate) async fn collect(
        self: &Arc<Self>,
        id: AttemptId,
        issue: &Issue,
        base: &str,
    ) -> Result<(Option<Work>, Vec<String>), Failure> {
        let collectors = &self.bench()?.collectors;
        let request = CollectRequest {
            issue: id.issue.0,
            attempt: id.attempt,
            base: commit(base)?,
            message: commit_message(issue),
        };
        let collected = match collectors.collect(&request).await {
            Err(CollectorError::Gone(_)) if self.restore_published(id).await? => {
                collectors.collect(&request).await
            }
            collected => collected,
        };
        match collected {
            Ok(Collected::Nothing {
                skipped,
                strays,
                ignored,
            }) if skipped.is_empty() && strays.is_empty() => {
                Ok((None, ignored.iter().map(ignored_note).collect()))
            }
            Ok(Collected::Nothing {
                skipped, strays, ..
            }) => Err(Failure::NeedsPerson {
                message: elsewhere(&skipped, &strays),
            }),
            Ok(Collected::Work(work)) => Ok((Some(engine_work(work)), Vec::new())),
            // An attempt that was cut off before its worktree stood has left nothing.
            Err(CollectorError::Gone(_)) => Ok((None, Vec::new())),
            Err(error @ CollectorError::Unfit(_)) => {
                let kept = collectors.salvage(id.issue.0).await;
                let kept = kept.map_err(|error| collector_failure(&error))?.place();
                let kept =
                    kept.map_or_else(String::new, |it| format!("; all of it is kept as {it}"));
                Err(Failure::Validation {
                    message: error_chain(&error) + &kept,
                })
            }
            Err(error) => Err(self.unless_full(collector_failure(&error))),
        }
    }

    /// Brings back the work of an attempt that was published and forgotten by a journal that has lost its end. Intake passes over
    /// issues with an open pull request, so one that is there now came after it. Returns whether there was such work.
    async fn restore_published(self: &Arc<Self>, id: AttemptId) -> Result<bool, Failure> {
        let workshop = self.clone();
        blocking(move || workshop.restore_published_now(id)).await
    }

    fn restore_published_now(&self, id: AttemptId) -> Result<bool, Failure> {
        let AttemptId { issue, attempt } = id;
        let bench = self.bench()?;
        let published = bench
            .mirror
            .published(issue.0)
            .map_err(|error| crash(&error))?;
        let pull_request = self
            .forge
            .pull_request_of(issue)
            .map_err(|error| error.failure())?;
        let (Some(commit), Some(_)) = (published, pull_request) else {
            return Ok(false);
        };
        let restored = bench.mirror.salvage(
            &self.session,
            issue.0,
            &format!("attempt-{attempt}"),
            &commit,
        );
        restored.map(|_| true).map_err(|error| crash(&error))
    }

    /// Removes a worktree. One that holds unsaved work stays, and the log says so.
    pub(crate) async fn release(self: &Arc<Self>, id: AttemptId, published: bool) {
        if let Err(failure) = self.try_to_release(id, published).await {
            tracing::warn!(issue = id.issue.0, %failure, "the worktree stays");
        }
    }

    async fn try_to_release(
        self: &Arc<Self>,
        id: AttemptId,
        published: bool,
    ) -> Result<(), Failure> {
        let released = self.bench()?.collectors.release(id.issue.0).await;
        released.map_err(|error| collector_failure(&error))?;
        if !published {
            return Ok(());
        }
        let workshop = self.clone();
        blocking(move || {
            let name = format!("attempt-{}", id.attempt);
            let mirror = &workshop.bench()?.mirror;
            mirror
                .delete_salvage(&workshop.session, id.issue.0, &name)
                .map_err(|error| crash(&error))
        })
        .await
    }

    // ---- agent and checks

    /// Runs the agent; what it is seen to spend goes to the engine as it comes.
    pub(crate) async fn run_agent(
        &self,
        order: RunOrder,
        wish: watch::Receiver<Wish>,
        inputs: Sender<Input>,
    ) -> Result<AgentReport, Failure> {
        let id = AttemptId {
            issue: order.issue.number,
            attempt: order.attempt,
        };
        let order = self.agent_order(id, order)?;
        let on_seen = |seen| match seen {
            Seen::Line(text) => self.show(id, &text),
            Seen::Spent(spent) => {
                let text = spent.to_string();
                self.bus.report(Progress {
                    issue: id.issue.0,
                    attempt: id.attempt,
                    kind: ProgressKind::Usage,
                    text,
                });
                let _ = inputs.send(Input::Metered {
                    issue: id.issue,
                    attempt: id.attempt,
                    spent,
                });
            }
        };
        let run = agent::run(
            &self.supervisor(),
            self.strategies.backend(),
            order,
            wish,
            on_seen,
        )
        .await;
        run.map(|(report, _)| report)
            .map_err(|failure| self.unless_full(failure))
    }

    fn agent_order(&self, id: AttemptId, order: RunOrder) -> Result<AgentOrder, Failure> {
        let directory = self.bench()?.collectors.path(id.issue.0);
        let mark = self.mark(id, "prompt");
        let prompt = prompt::build(
            &order.issue,
            &mark[..24],
            &self.config.executor.checks,
            &order.avoid,
            match order.feedback.as_deref() {
                Some(feedback) => Earlier::NotGoodEnough(feedback),
                None if order.continues => Earlier::CutOff,
                None => Earlier::Nothing,
            },
        );
        let settings = &self.config.agent;
        let task = AgentTask {
            issue: self.strategies.issue(&order.issue),
            prompt: prompt.text,
            model: order.model,
            effort: order.effort.map(sdk_effort),
            session: uuid(&self.mark(id, "session")),
            resume: order.resume.as_ref().map(|session| session.id.clone()),
            extra: session_cost(order.resume.as_ref()),
            max_turns: settings.max_turns,
            budget_usd: order.limit.map(Usd::dollars),
            yolo: settings.yolo,
            allowed_tools: settings.allowed_tools.clone(),
            ..AgentTask::default()
        };
        let transcript = self
            .session_dir
            .join(format!("issue-{}/attempt-{}.log", id.issue.0, id.attempt));
        Ok(self.order_to_run(id, task, directory, transcript))
    }

    /// Returns how an agent is run in a directory, for an issue or for a plan.
    fn order_to_run(
        &self,
        id: AttemptId,
        task: AgentTask,
        directory: PathBuf,
        transcript: PathBuf,
    ) -> AgentOrder {
        let checkout = self.project.to_string_lossy().into_owned();
        let mut task = AgentTask {
            settings: self.strategies.backend_settings().to_owned(),
            directory: directory.to_string_lossy().into_owned(),
            ..task
        };
        task.extra.push(("checkout".to_owned(), checkout));
        AgentOrder {
            task,
            directory,
            path: self.path.clone(),
            outside: self.worktree_roots.clone(),
            own_program: self.own_program.clone(),
            env: self.agent_env.clone(),
            tag: self.tag(id),
            transcript,
            timeout: self.timeout(),
            stall: self.minute * self.config.executor.stall_minutes,
            grace: self.minute / GRACES_PER_MINUTE,
        }
    }

    /// Runs the checks on an attempt's work, in its worktree. An unfinished merge is judged first, and alone: what other checks say of
    /// files with conflict markers helps nobody.
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
            // A check that found no room says nothing of the work.
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

    /// Notes which failed checks fail on the commit that the attempt started from too. The session has checked the base when it began;
    /// one that the base has moved to since is checked now, once, as somebody else may have broken it.
    async fn compare_with_base(
        self: &Arc<Self>,
        results: &mut [CheckResult],
        base: &str,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        let mut checked = self.checked_bases.lock().await;
        if !checked.contains_key(base) {
            let start = Start::Kept {
                base: base.to_owned(),
                work: None,
            };
            self.discard_base_check().await;
            let of_base = match self.lease(BASE_CHECK, start, cancel).await {
                Ok(_) => self.run_checks_in(BASE_CHECK, cancel).await,
                Err(failure) => Err(failure),
            };
            self.discard_base_check().await;
            match of_base {
                Ok(of_base) => checked.insert(base.to_owned(), of_base),
                Err(Failure::Interrupted) => return Err(Failure::Interrupted),
                Err(failure) => {
                    tracing::warn!(base, %failure, "the base cannot be checked");
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

    async fn run_checks_in(
        self: &Arc<Self>,
        id: AttemptId,
        cancel: &CancellationToken,
    ) -> Result<Vec<CheckResult>, Failure> {
        let workplace = self.workplace(id)?;
        let list: Vec<checks::Check> = self.config.executor.checks.iter().map(check).collect();
        let mut show = |name: &str, line: &autoissue_process::Line| {
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

    /// Notes what checks made that git ignores, so that it is not taken for an agent's.
    async fn note_checked(self: &Arc<Self>, id: AttemptId) {
        let Ok(Bench { collectors, .. }) = self.bench() else {
            return;
        };
        let noted = if id == BASE_CHECK {
            collectors.note_made_by_checks(id.issue.0).await
        } else {
            collectors.note_checked(id.issue.0).await
        };
        if let Err(error) = noted {
            tracing::warn!(issue = id.issue.0, error = %error_chain(&error), "what the checks made is not noted");
        }
    }

    /// Runs the checks on the base once, so that what fails without us is not put down to anyone.
    pub(crate) async fn check_base(self: &Arc<Self>, cancel: &CancellationToken) -> Input {
        fn could_not_run(failure: &Failure) -> Vec<CheckResult> {
            vec![CheckResult {
                name: "setup".to_owned(),
                ended: failure.to_string(),
                ..CheckResult::default()
            }]
        }

        let results = match self.lease(BASE_CHECK, Start::Base, cancel).await {
            Ok(_) => self.run_checks_in(BASE_CHECK, cancel).await,
            Err(failure) => Err(failure),
        };
        self.discard_base_check().await;
        if let (Ok(results), Ok(bench)) = (&results, self.bench()) {
            let mut checked = self.checked_bases.lock().await;
            checked.insert(bench.base.to_string(), results.clone());
        }
        Input::BaseChecked {
            results: results.unwrap_or_else(|failure| could_not_run(&failure)),
        }
    }

    /// Removes the worktree of the checks on the base.
    async fn discard_base_check(&self) {
        if let Ok(bench) = self.bench()
            && let Err(error) = bench.collectors.discard(BASE_CHECK.issue.0).await
        {
            tracing::warn!(error = %error_chain(&error), "the worktree of the checks on the base stays");
        }
    }

    fn workplace(&self, id: AttemptId) -> Result<Workplace, Failure> {
        Ok(Workplace {
            directory: self.bench()?.collectors.path(id.issue.0),
            env: self.agent_env.clone(),
            tag: self.tag(id),
        })
    }

    fn timeout(&self) -> Duration {
        self.minute * self.config.executor.timeout_minutes
    }

    fn tag(&self, id: AttemptId) -> String {
        format!(
            "{}{}/{}-{}",
            self.tag_prefix, self.session, id.issue.0, id.attempt
        )
    }

    /// Returns 64 hexadecimal digits that belong to an attempt and a purpose, the same each time.
    fn mark(&self, id: AttemptId, purpose: &str) -> String {
        let text = format!(
            "{purpose}\0{}\0{}\0{}\0{}",
            self.tag_prefix, self.session, id.issue.0, id.attempt
        );
        hex::encode(Sha256::digest(text.as_bytes()))
    }

    fn show(&self, id: AttemptId, text: &str) {
        let text = text.to_owned();
        self.bus.report(Progress {
            issue: id.issue.0,
            attempt: id.attempt,
            kind: ProgressKind::Line,
            text,
        });
    }
}

/// Runs something that blocks; a panic in it is a failure like any other.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let span = tracing::Span::current();
    let joined = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
    joined.unwrap_or_else(|error| {
        Err(Failure::Crash {
            message: format!("a defect in autoissue: {error}"),
        })
    })
}

/// Returns what a backend is told of the session that it goes on with.
fn session_cost(resumed: Option<&AgentSession>) -> Vec<(String, String)> {
    let cost = resumed.map(|session| session.spent.dollars().to_string());
    cost.map(|usd| ("session-cost".to_owned(), usd))
        .into_iter()
        .collect()
}

fn validation(message: &str) -> Failure {
    Failure::Validation {
        message: message.to_owned(),
    }
}

fn crash(error: &dyn Error) -> Failure {
    Failure::Crash {
        message: error_chain(error),
    }
}

/// Returns the work that a fresh tree begins with, where the kept one is gone and the mirror still has it.
fn kept_work(bench: &Bench, start: &Start) -> Result<Option<CommitId>, Failure> {
    let Start::Kept {
        work: Some(work), ..
    } = start
    else {
        return Ok(None);
    };
    let work = commit(work)?;
    let is_there = bench
        .mirror
        .has_commit(&work)
        .map_err(|error| crash(&error))?;
    Ok(is_there.then_some(work))
}

fn commit(text: &str) -> Result<CommitId, Failure> {
    CommitId::parse(text).map_err(|error| validation(&error.to_string()))
}

/// Returns what follows if the remote cannot be asked: a person has to act where it refuses us; an outage passes.
fn remote_failure(error: &RemoteError) -> Failure {
    let message = error_chain(error);
    match error {
        RemoteError::Unreachable { source, .. } if verdict(source) == Verdict::Account => {
            Failure::Auth { message }
        }
        RemoteError::Unreachable { .. }
        | RemoteError::Origin { .. }
        | RemoteError::NoBranch { .. }
        | RemoteError::Empty { .. } => Failure::Network { message },
    }
}

/// Returns what follows if a worktree cannot be made. A submodule that the base links to is missing for every task, so that one error
/// interrupts the session; one that an earlier work links to is a matter of that work.
fn lease_failure(error: &CollectorError, is_on_base: bool) -> Failure {
    let CollectorError::Submodule { message, verdict } = error else {
        return collector_failure(error);
    };
    let message = message.clone();
    match verdict {
        Verdict::Outage => Failure::Network { message },
        Verdict::Account | Verdict::Work if is_on_base => Failure::Auth { message },
        Verdict::Account | Verdict::Work => Failure::NeedsPerson { message },
    }
}

/// Whoever cannot be reached may be reached later, and so may a server that answered with an error of its own.
fn fetch_failure(error: &FetchError) -> Failure {
    let message = error_chain(error);
    match error {
        FetchError::Unreachable { .. } => Failure::Network { message },
        FetchError::Failed { source, .. } if was_server_error(source) => {
            Failure::Network { message }
        }
        FetchError::Failed { .. } | FetchError::BranchMissing { .. } | FetchError::Mirror(_) => {
            Failure::Crash { message }
        }
    }
}

/// A work that is too big stays so; everything else may be a matter of the moment.
fn collector_failure(error: &CollectorError) -> Failure {
    match error {
        CollectorError::Unfit(_)
        | CollectorError::Invalid(_)
        | CollectorError::Unreadable { kept: Some(_), .. } => Failure::Validation {
            message: error_chain(error),
        },
        CollectorError::Killed => Failure::Interrupted,
        CollectorError::NoRoom(message) => Failure::DiskFull {
            message: format!("no room on the disk; free up disk space ({message})"),
        },
        CollectorError::Gone(_)
        | CollectorError::Submodule { .. }
        | CollectorError::Refused(_)
        | CollectorError::Unreadable { kept: None, .. }
        | CollectorError::Start(_)
        | CollectorError::Worktree(_) => crash(error),
    }
}

/// Says where the work of an agent is that changed no file of the project.
fn elsewhere(skipped: &[String], strays: &[String]) -> String {
    let mut places = Vec::new();
    if !skipped.is_empty() {
        places.push(format!(
            "in what no commit of the project can hold, {}",
            skipped.join(", ")
        ));
    }
    if !strays.is_empty() {
        places.push(format!(
            "on other branches or stashed, kept as {}",
            strays.join(", ")
        ));
    }
    format!(
        "the agent changed no file of the project; its work lies {}",
        places.join("; and ")
    )
}

/// Says where the files are that git ignores.
fn ignored_note(ignored: &IgnoredFiles) -> String {
    let mut names: Vec<&str> = ignored.paths.iter().map(String::as_str).collect();
    let n_more = names.len().saturating_sub(N_NAMES_MAX);
    names.truncate(N_NAMES_MAX);
    let mut names = names.join(", ");
    if 0 < n_more {
        names.push_str(&format!(" and {n_more} more"));
    }
    match &ignored.salvage {
        Some(salvage) => format!("ignored by git, kept as {salvage}: {names}"),
        None => format!("ignored by git and too much to save, kept in the worktree: {names}"),
    }
}

fn commit_message(issue: &Issue) -> String {
    // What a reader of `git log` cannot see has no business there; marks of direction would reorder the line.
    let visible = hidden_text::strip_characters(&issue.title).text;
    let title: String = visible
        .chars()
        .filter(|c| !c.is_control())
        .take(100)
        .collect();
    // Whoever merges this means to close no issue that a stranger's title names, to skip no checks, and to call nobody.
    format!(
        "{}\n\nIssue #{}\n",
        commit_text::disarm(title.trim()),
        issue.number.0
    )
}

fn engine_work(work: autoissue_git::worktrees::Work) -> Work {
    let mut notes: Vec<String> = work
        .skipped
        .iter()
        .map(|path| format!("left out, kept in the worktree: {path}"))
        .chain(work.ignored.iter().map(ignored_note))
        .collect();
    match work.history {
        History::Untouched | History::Kept => {}
        History::Rewritten => {
            notes.push("the agent's commits do not descend from the base".to_owned());
        }
        History::Unreadable(why) => {
            notes.push(format!("the agent's commits cannot be read: {why}"));
        }
    }
    Work {
        commit: work.commit.to_string(),
        salvage_ref: work.salvage,
        n_files: u32::try_from(work.n_files).unwrap_or(u32::MAX),
        changes: work
            .changes
            .into_iter()
            .take(N_CHANGES_MAX)
            .map(|change| FileChange {
                path: change.path,
                added: change.added,
                removed: change.removed,
            })
            .collect(),
        added: work.added,
        removed: work.removed,
        notes,
        conflicts: work.conflicts,
    }
}

/// Returns the failed check of a work with a merge that nobody finished.
fn unfinished_merge(files: &[String]) -> CheckResult {
    CheckResult {
        name: CONFLICT_MARKERS.to_owned(),
        passed: false,
        ended: "a merge is not finished".to_owned(),
        output: format!(
            "These files are unmerged in git's index or contain conflict markers:\n{}\n\
             Resolve each conflict, remove the markers, and stage the result with `git add`.\n",
            files.join("\n")
        ),
        ..CheckResult::default()
    }
}

pub(crate) fn check(check: &crate::config::Check) -> checks::Check {
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

/// Shapes 64 hexadecimal digits as a UUID of version 4 (RFC 9562, section 5.4).
fn uuid(digits: &str) -> String {
    format!(
        "{}-{}-4{}-8{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}

#[cfg(test)]
mod tests;
