//! Has the planner split a directive into issues; its answer is on disk before it is reported.
//!
//! ```text
//!   <session>/planner/attempt-1.log      what the planner printed
//!                    answer-1.txt        its answer, if it is not a plan
//!                    outcome-1.json      how its run ended: written before it is reported, so that a crash loses nothing paid for
//!            plan.json                   the plan, for `--from`
//! ```

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use autoissue_engine::{
    AgentReport, Answer, Ended, Failure, Input, Issue, IssueNumber, PlanInput, PlannerOrder,
    Rejection, Spent, Time, Usd,
};
use autoissue_git::worktrees::LeaseRequest;
use autoissue_process::error_chain;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::failure::collector_failure;
use super::{AttemptId, Services, blocking, uuid};
use crate::agent::{self, AgentControl, Launch, Seen};
use crate::bus::{Progress, ProgressKind};
use crate::planner::{self, PlannerQuestion};
use crate::wall_clock::wall_clock_ms;
use crate::whole_file::write_whole;

/// The planner reads the base in a worktree of its own, under a number that no issue has.
pub(super) const PLANNER: IssueNumber = IssueNumber::SESSION;

/// How a planner's run ended, as kept on disk.
#[derive(Debug, Serialize, Deserialize)]
struct PlannerOutcome {
    report: AgentReport,
    answer: Option<Answer>,
}

impl PlannerOutcome {
    fn failed(failure: Failure, spent: Spent) -> Self {
        Self {
            report: AgentReport {
                spent,
                ..AgentReport::unseen(failure)
            },
            answer: None,
        }
    }

    fn input(self, attempt: u32) -> Input {
        Input::Plan(PlanInput::Decomposed {
            attempt,
            report: Box::new(self.report),
            answer: self.answer,
        })
    }
}

impl Services {
    /// Has the agent split the directive. The result is on disk before it is returned.
    pub(crate) async fn decompose(
        self: &Arc<Self>,
        order: PlannerOrder,
        control: watch::Receiver<AgentControl>,
        inputs: Sender<Input>,
    ) -> Input {
        let attempt = order.attempt;
        let outcome = match self.lease_for_planner(&order).await {
            Ok(()) => self.run_planner(order, control, inputs).await,
            Err(failure) => PlannerOutcome::failed(failure, Spent::Known(Usd::ZERO)),
        };
        let other = self.clone();
        if let Ok(workspace) = self.workspace()
            && let Err(error) = workspace.collectors.discard(PLANNER.0).await
        {
            tracing::warn!(error = %error_chain(&error), "cannot remove the planner's worktree");
        }
        let kept = blocking(move || {
            if let Err(error) = other.keep_outcome(attempt, &outcome) {
                tracing::warn!(%error, "cannot save the planner's result");
            }
            Ok(outcome)
        });
        // Only a bug fails here, and then the run's cost is unknown too.
        kept.await
            .unwrap_or_else(|failure| PlannerOutcome::failed(failure, Spent::Unknown))
            .input(attempt)
    }

    /// Returns the result of a planner that was running when this process died. If nothing is on
    /// disk, nobody saw it end.
    pub(crate) fn recover_plan(&self, attempt: u32) -> Input {
        let read = || {
            serde_json::from_slice(
                &fs::read(self.planner_file(&format!("outcome-{attempt}.json"))).ok()?,
            )
            .ok()
        };
        let outcome: Option<PlannerOutcome> = read();
        outcome
            .unwrap_or_else(|| PlannerOutcome::failed(Failure::Interrupted, Spent::Unknown))
            .input(attempt)
    }

    async fn lease_for_planner(&self, order: &PlannerOrder) -> Result<(), Failure> {
        let workspace = self.workspace()?;
        let request = LeaseRequest {
            issue: PLANNER.0,
            attempt: order.attempt,
            start: workspace.base.clone(),
            keep: false,
            work: None,
        };
        let leased = workspace.collectors.lease(&request).await;
        leased.map(drop).map_err(|error| collector_failure(&error))
    }

    async fn run_planner(
        &self,
        order: PlannerOrder,
        control: watch::Receiver<AgentControl>,
        inputs: Sender<Input>,
    ) -> PlannerOutcome {
        let (attempt, directive) = (order.attempt, order.directive.clone());
        let launch = match self.planner_launch(order) {
            Ok(launch) => launch,
            Err(failure) => return PlannerOutcome::failed(failure, Spent::Known(Usd::ZERO)),
        };
        let on_seen = |seen| {
            let (kind, text) = match seen {
                Seen::Line(text) => (ProgressKind::Line, text),
                Seen::Spent(spent) => {
                    let _ = inputs.send(Input::Plan(PlanInput::PlannerMetered { attempt, spent }));
                    (ProgressKind::Usage, spent.to_string())
                }
            };
            self.bus.report(Progress {
                issue: PLANNER.0,
                attempt,
                kind,
                text,
            });
        };
        match agent::run(
            &self.supervisor(),
            self.strategies.backend(),
            launch,
            control,
            on_seen,
        )
        .await
        {
            Ok((report, words)) => {
                let is_done = report.ended == Ended::Done;
                PlannerOutcome {
                    report,
                    answer: words
                        .filter(|_| is_done)
                        .map(|words| self.judge(attempt, &directive, &words)),
                }
            }
            Err(failure) => PlannerOutcome::failed(failure, Spent::Known(Usd::ZERO)),
        }
    }

    fn planner_launch(&self, order: PlannerOrder) -> Result<Launch, Failure> {
        let directive = &order.directive;
        let id = AttemptId {
            issue: PLANNER,
            attempt: order.attempt,
        };
        let directory = self.workspace()?.collectors.path(PLANNER.0);
        let question = PlannerQuestion {
            directive,
            problems: order
                .rejection
                .as_ref()
                .map(|rejection| rejection.message.as_str()),
            goes_on: order.task.resume.is_some(),
        };
        let issue = Issue {
            title: "Plan".to_owned(),
            body: directive.clone(),
            ..Issue::default()
        };
        let task = order
            .task
            .issue(self.strategies.issue(&issue))
            .prompt(planner::prompt(&question))
            .session(uuid(&self.mark(id, "planner")))
            .answer_schema(planner::answer_schema().to_string());
        let transcript = self.planner_file(&format!("attempt-{}.log", order.attempt));
        Ok(self.launch(id, task, directory, transcript))
    }

    /// Returns the plan in an agent's answer, or what is wrong with the answer and where it is
    /// kept.
    fn judge(&self, attempt: u32, directive: &str, words: &str) -> Answer {
        let salt = format!("{}{}", self.tag_prefix, self.session);
        let now = Time::from_ms(wall_clock_ms());
        let read = planner::read_answer(words, directive, &salt, now);
        let message = match read {
            Ok(document) => {
                document
                    .notes
                    .iter()
                    .for_each(|note| tracing::warn!("{note}"));
                let plan = self.with_predictions(document.plan);
                // The plan is in the journal too, so a full disk is no reason to pay for another
                // one.
                if let Err(error) = self.keep_plan(directive, &plan) {
                    tracing::warn!(%error, "cannot save the plan's file");
                }
                return Answer::Plan(plan);
            }
            Err(error) => error.to_string(),
        };
        let path = self.planner_file(&format!("answer-{attempt}.txt"));
        let kept = fs::write(&path, words);
        if let Err(error) = &kept {
            tracing::warn!(%error, "cannot save the planner's answer");
        }
        let file = if kept.is_ok() {
            path.to_string_lossy().into_owned()
        } else {
            String::new()
        };
        Answer::Rejected(Rejection { message, file })
    }

    fn planner_file(&self, name: &str) -> PathBuf {
        self.session_dir.join("planner").join(name)
    }

    /// Writes an outcome atomically.
    fn keep_outcome(&self, attempt: u32, outcome: &PlannerOutcome) -> std::io::Result<()> {
        fs::create_dir_all(self.planner_file("").as_path())?;
        write_whole(
            &self.planner_file(&format!("outcome-{attempt}.json")),
            &serde_json::to_vec(outcome)?,
        )
    }
}
