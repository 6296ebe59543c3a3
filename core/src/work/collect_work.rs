//! Collects the work of an attempt into the mirror.

use std::sync::Arc;

use autoissue_engine::{Failure, FileChange, Issue, Work};
use autoissue_git::collector::CollectorError;
use autoissue_git::worktrees::{self, AgentCommits, CollectRequest, Collected, IgnoredFiles};
use autoissue_plugin_sdk::{commit_text, hidden_text};
use autoissue_process::error_chain;

use super::failure::{collector_failure, commit, crash};
use super::{AttemptId, Services, blocking};

/// The most ignored files that are named one by one.
const N_NAMES_MAX: usize = 10;

/// The most changed files that are reported to the engine; its decisions need no more.
const N_CHANGES_MAX: usize = 300;

impl Services {
    /// Collects the work of an attempt into the mirror. Even if there is none, notes say what the
    /// user should know.
    pub(crate) async fn collect(
        self: &Arc<Self>,
        id: AttemptId,
        issue: &Issue,
        base: &str,
    ) -> Result<(Option<Work>, Vec<String>), Failure> {
        let collectors = &self.workspace()?.collectors;
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
            Ok(Collected::Work(work)) => {
                self.note_under_way(id.issue);
                Ok((Some(engine_work(work)), Vec::new()))
            }
            // An attempt that was interrupted before its worktree existed has left nothing.
            Err(CollectorError::Gone(_)) => Ok((None, Vec::new())),
            Err(error @ CollectorError::Unfit(_)) => {
                let kept = collectors.salvage(id.issue.0).await;
                let kept = kept.map_err(|error| collector_failure(&error))?.place();
                let kept =
                    kept.map_or_else(String::new, |it| format!("; everything is kept as {it}"));
                Err(Failure::Validation {
                    message: error_chain(&error) + &kept,
                })
            }
            Err(error) => Err(self.unless_full(collector_failure(&error))),
        }
    }

    /// Restores the work of an attempt that was published but whose publication is missing from the
    /// journal, which lost its end. Intake skips issues with an open pull request, so one that
    /// exists now was opened afterwards. Returns whether there was such work.
    async fn restore_published(self: &Arc<Self>, id: AttemptId) -> Result<bool, Failure> {
        let services = self.clone();
        blocking(move || services.restore_published_now(id)).await
    }

    fn restore_published_now(&self, id: AttemptId) -> Result<bool, Failure> {
        let AttemptId { issue, attempt } = id;
        let workspace = self.workspace()?;
        let published = workspace
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
        let restored = workspace.mirror.salvage(
            &self.session,
            issue.0,
            &format!("attempt-{attempt}"),
            &commit,
        );
        restored.map(|_| true).map_err(|error| crash(&error))
    }
}

/// Describes where an agent's work is if it changed no file of the project.
fn elsewhere(skipped: &[String], strays: &[String]) -> String {
    let mut places = Vec::new();
    if !skipped.is_empty() {
        places.push(format!(
            "in paths that no commit of the project can hold ({})",
            skipped.join(", ")
        ));
    }
    if !strays.is_empty() {
        places.push(format!(
            "on other branches or in the stash (kept as {})",
            strays.join(", ")
        ));
    }
    format!(
        "the agent changed no file of the project; its work is {}",
        places.join("; and ")
    )
}

/// Describes the files that git ignores.
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
        None => format!("ignored by git and too large to save, kept in the worktree: {names}"),
    }
}

fn commit_message(issue: &Issue) -> String {
    // Invisible characters do not belong in a commit message; direction marks would reorder the
    // line.
    let visible = hidden_text::strip_characters(&issue.title).text;
    let title: String = visible
        .chars()
        .filter(|c| !c.is_control())
        .take(100)
        .collect();
    // Titles come from strangers: merging must not close issues that they name, skip checks, or
    // notify anyone.
    format!(
        "{}\n\nIssue #{}\n",
        commit_text::disarm(title.trim()),
        issue.number.0
    )
}

fn engine_work(work: worktrees::CollectedWork) -> Work {
    let mut notes: Vec<String> = work
        .skipped
        .iter()
        .map(|path| format!("not part of the commit, kept in the worktree: {path}"))
        .chain(work.ignored.iter().map(ignored_note))
        .collect();
    match work.history {
        AgentCommits::Untouched | AgentCommits::Kept => {}
        AgentCommits::Rewritten => {
            notes.push("the agent's commits do not descend from the base".to_owned());
        }
        AgentCommits::Unreadable(why) => {
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
