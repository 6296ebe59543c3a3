//! From a directive to issues: the planner's run, its answer on disk, and the issues on the forge.
//!
//! ```text
//!   <session>/planner/attempt-1.log      what the planner printed
//!                    answer-1.txt        its words, where they are no plan
//!                    outcome-1.json      how its run ended: written before anyone is told, so that a crash loses nothing paid
//!            plan.json                   the plan, for `--from`
//! ```

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use autoissue_engine::{
    AgentReport, AgentSession, Answer, Ended, Failure, Input, Issue, IssueNumber, Plan,
    PlannedIssue, Rejection, Spent, Time, Usd,
};
use autoissue_forge::IssueDraft;
use autoissue_git::worktrees::LeaseRequest;
use autoissue_plugin_sdk::AgentTask;
use autoissue_process::error_chain;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    AttemptId, Workshop, blocking, collector_failure, crash, session_cost, uuid, validation,
};
use crate::agent::{self, AgentOrder, Seen, Wish};
use crate::bus::{Progress, ProgressKind};
use crate::planner::{self, Question};
use crate::session::{PLAN_FILE, PlanOrder};
use crate::wall_clock::wall_clock_ms;
use crate::whole_file::write_whole;

/// The planner looks at the base in a worktree of its own, under a number that no issue has.
const PLANNER: IssueNumber = IssueNumber::SESSION;
/// Hexadecimal digits of a marker: 64 bits, which nobody guesses while a plan is carried out.
const MARKER_DIGITS: usize = 16;
const MARKER_START: &str = "<!-- autoissue: planned ";
const MARKER_END: &str = " -->";

/// What a planner is to do.
pub(crate) struct PlannerOrder {
    pub(crate) attempt: u32,
    pub(crate) model: Option<String>,
    pub(crate) limit: Option<Usd>,
    pub(crate) resume: Option<AgentSession>,
    pub(crate) rejection: Option<Rejection>,
}

/// An issue of the plan to be created.
pub(crate) struct CreationOrder {
    pub(crate) position: u32,
    pub(crate) issue: PlannedIssue,
    pub(crate) plan_id: String,
    pub(crate) planned_at: Time,
    /// Numbers of what it depends on, as far as they are known.
    pub(crate) depends_on: Vec<IssueNumber>,
}

/// How a planner's run ended, as it is kept on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Outcome {
    report: AgentReport,
    answer: Option<Answer>,
}

impl Outcome {
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
        Input::Decomposed {
            attempt,
            report: self.report,
            answer: self.answer,
        }
    }
}

impl Workshop {
    fn plan_order(&self) -> Result<&PlanOrder, Failure> {
        self.plan
            .as_ref()
            .ok_or_else(|| validation("this session plans nothing"))
    }

    /// Returns the plan that was given.
    pub(crate) fn read_plan(&self) -> Input {
        let given = self.plan_order().and_then(|order| {
            order
                .given
                .clone()
                .ok_or_else(|| validation("no plan was given"))
        });
        let kept = |plan| {
            self.keep_plan(&plan)
                .map(|()| plan)
                .map_err(|error| crash(&error))
        };
        match given.map(|plan| self.foreseen(plan)).and_then(kept) {
            Ok(plan) => Input::PlanRead { plan },
            Err(failure) => Input::PlanFailed { failure },
        }
    }

    // ---- the planner

    /// Has the agent split the directive. What came of it is on disk before it is returned.
    pub(crate) async fn decompose(
        self: &Arc<Self>,
        order: PlannerOrder,
        wish: watch::Receiver<Wish>,
        inputs: Sender<Input>,
    ) -> Input {
        let attempt = order.attempt;
        let outcome = match self.lease_for_planner(&order).await {
            Ok(()) => self.run_planner(order, wish, inputs).await,
            Err(failure) => Outcome::failed(failure, Spent::Known(Usd::ZERO)),
        };
        let other = self.clone();
        if let Ok(bench) = self.bench()
            && let Err(error) = bench.collectors.discard(PLANNER.0).await
        {
            tracing::warn!(error = %error_chain(&error), "the planner's worktree stays");
        }
        let kept = blocking(move || {
            if let Err(error) = other.keep_outcome(attempt, &outcome) {
                tracing::warn!(%error, "what came of the planner is not on disk");
            }
            Ok(outcome)
        });
        // Only a defect fails here, and then the run's cost is not known either.
        kept.await
            .unwrap_or_else(|failure| Outcome::failed(failure, Spent::Unknown))
            .input(attempt)
    }

    /// Returns what came of a planner that was running when we died. Without a word on disk its end was seen by nobody.
    pub(crate) fn recover_plan(&self, attempt: u32) -> Input {
        let read = || {
            serde_json::from_slice(
                &fs::read(self.planner_file(&format!("outcome-{attempt}.json"))).ok()?,
            )
            .ok()
        };
        let outcome: Option<Outcome> = read();
        outcome
            .unwrap_or_else(|| Outcome::failed(Failure::Interrupted, Spent::Unknown))
            .input(attempt)
    }

    async fn lease_for_planner(&self, order: &PlannerOrder) -> Result<(), Failure> {
        let bench = self.bench()?;
        let request = LeaseRequest {
            issue: PLANNER.0,
            attempt: order.attempt,
            start: bench.base.clone(),
            keep: false,
            work: None,
        };
        let leased = bench.collectors.lease(&request).await;
        leased.map(drop).map_err(|error| collector_failure(&error))
    }

    async fn run_planner(
        &self,
        order: PlannerOrder,
        wish: watch::Receiver<Wish>,
        inputs: Sender<Input>,
    ) -> Outcome {
        let attempt = order.attempt;
        let order = match self.planner_order(order) {
            Ok(order) => order,
            Err(failure) => return Outcome::failed(failure, Spent::Known(Usd::ZERO)),
        };
        let on_seen = |seen| {
            let (kind, text) = match seen {
                Seen::Line(text) => (ProgressKind::Line, text),
                Seen::Spent(spent) => {
                    let _ = inputs.send(Input::PlannerMetered { attempt, spent });
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
            order,
            wish,
            on_seen,
        )
        .await
        {
            Ok((report, words)) => {
                let is_done = report.ended == Ended::Done;
                Outcome {
                    report,
                    answer: words
                        .filter(|_| is_done)
                        .map(|words| self.judge(attempt, &words)),
                }
            }
            Err(failure) => Outcome::failed(failure, Spent::Known(Usd::ZERO)),
        }
    }

    fn planner_order(&self, order: PlannerOrder) -> Result<AgentOrder, Failure> {
        let directive = &self.plan_order()?.directive;
        let id = AttemptId {
            issue: PLANNER,
            attempt: order.attempt,
        };
        let directory = self.bench()?.collectors.path(PLANNER.0);
        let question = Question {
            directive,
            problems: order
                .rejection
                .as_ref()
                .map(|rejection| rejection.message.as_str()),
            goes_on: order.resume.is_some(),
        };
        let issue = Issue {
            title: "Plan".to_owned(),
            body: directive.clone(),
            ..Issue::default()
        };
        let task = AgentTask {
            issue: self.strategies.issue(&issue),
            prompt: planner::prompt(&question),
            model: order.model,
            session: uuid(&self.mark(id, "planner")),
            resume: order.resume.as_ref().map(|session| session.id.clone()),
            extra: session_cost(order.resume.as_ref()),
            budget_usd: order.limit.map(Usd::dollars),
            read_only: true,
            answer_schema: Some(planner::answer_schema().to_string()),
            ..AgentTask::default()
        };
        let transcript = self.planner_file(&format!("attempt-{}.log", order.attempt));
        Ok(self.order_to_run(id, task, directory, transcript))
    }

    /// Returns the plan that is in an agent's words, or what is wrong with them and where they are kept.
    fn judge(&self, attempt: u32, words: &str) -> Answer {
        let directive = self
            .plan
            .as_ref()
            .map(|order| order.directive.as_str())
            .unwrap_or_default();
        let salt = format!("{}{}", self.tag_prefix, self.session);
        let now = Time::from_ms(wall_clock_ms());
        let read = planner::read_answer(words, directive, &salt, now);
        let message = match read {
            Ok(document) => {
                document
                    .notes
                    .iter()
                    .for_each(|note| tracing::warn!("{note}"));
                let plan = self.foreseen(document.plan);
                // It is in the journal too, so a full disk is no reason to pay for another.
                if let Err(error) = self.keep_plan(&plan) {
                    tracing::warn!(%error, "the plan's file is not kept");
                }
                return Answer::Plan(plan);
            }
            Err(error) => error.to_string(),
        };
        let path = self.planner_file(&format!("answer-{attempt}.txt"));
        let kept = fs::write(&path, words);
        if let Err(error) = &kept {
            tracing::warn!(%error, "the planner's answer is not kept");
        }
        let file = if kept.is_ok() {
            path.to_string_lossy().into_owned()
        } else {
            String::new()
        };
        Answer::Rejected(Rejection { message, file })
    }

    /// Returns the plan with what the strategies say of its issues.
    fn foreseen(&self, mut plan: Plan) -> Plan {
        for (position, issue) in (1..).zip(&mut plan.issues) {
            self.foresee(position, issue);
        }
        plan
    }

    /// Writes the plan down for people.
    fn keep_plan(&self, plan: &Plan) -> std::io::Result<()> {
        let directive = self
            .plan
            .as_ref()
            .map(|order| order.directive.as_str())
            .unwrap_or_default();
        fs::create_dir_all(&self.session_dir)?;
        fs::write(
            self.session_dir.join(PLAN_FILE),
            planner::write(directive, plan),
        )
    }

    /// Notes the domain and the model that an issue is expected to get.
    fn foresee(&self, position: u64, planned: &mut PlannedIssue) {
        let issue = Issue {
            number: IssueNumber(position),
            title: planned.title.clone(),
            body: planned.body.clone(),
            labels: labels(planned),
            ..Issue::default()
        };
        // Whoever cannot say so now is asked again once the issue is there, and what is to be done then is decided then.
        planned.domain = self
            .strategies
            .classify(&issue)
            .map_or_else(|_| "unknown".to_owned(), |it| it.domain);
        let cap = Usd::from_micros(self.config.agent.max_budget_usd.micros());
        planned.model = match self.config.agent.model.as_str() {
            "auto" => self
                .strategies
                .select_model(&issue, &planned.domain, 1, 0, cap)
                .ok()
                .and_then(|chosen| chosen.model),
            _ if !self.strategies.has_models() => None,
            model => Some(model.to_owned()),
        };
    }

    fn planner_file(&self, name: &str) -> PathBuf {
        self.session_dir.join("planner").join(name)
    }

    /// Writes an outcome as a whole or not at all.
    fn keep_outcome(&self, attempt: u32, outcome: &Outcome) -> std::io::Result<()> {
        fs::create_dir_all(self.planner_file("").as_path())?;
        write_whole(
            &self.planner_file(&format!("outcome-{attempt}.json")),
            &serde_json::to_vec(outcome)?,
        )
    }

    // ---- the issues

    /// Creates an issue of the plan, or finds it.
    pub(crate) fn create_issue(
        &self,
        order: &CreationOrder,
        cancel: &CancellationToken,
    ) -> Result<Input, Failure> {
        let before = self.forge.n_api_calls(Some(PLANNER));
        let depends_on = autoissue_forge::depends_on(&order.depends_on);
        let parts = [order.issue.body.trim_end(), &depends_on]
            .into_iter()
            .filter(|part| !part.is_empty());
        let draft = IssueDraft {
            title: order.issue.title.clone(),
            body: parts.collect::<Vec<_>>().join("\n\n"),
            labels: labels(&order.issue),
            author: String::new(),
            created_at: Time::from_ms(wall_clock_ms()),
            marker: Some(marker(&order.plan_id, order.position)),
            planned_at: order.planned_at,
        };
        let (number, found) = self
            .forge
            .create_issue(&draft, cancel)
            .map_err(|error| error.failure())?;
        if let Some(title) = found.as_ref().filter(|title| **title != draft.title) {
            let message = format!(
                "{number} was made for issue {} of this plan, and has another title than “{}”: “{title}”; give it that title back, \
                 or take `id` out of the plan's file, which makes it a new plan",
                order.position, draft.title
            );
            return Err(Failure::NeedsPerson { message });
        }
        let (existed, n_api_calls) = (
            found.is_some(),
            self.forge.n_api_calls(Some(PLANNER)) - before,
        );
        Ok(Input::IssueCreated {
            position: order.position,
            number,
            existed,
            n_api_calls,
        })
    }

    /// Writes down what an issue of the plan depends on.
    pub(crate) fn link_issue(
        &self,
        position: u32,
        issue: IssueNumber,
        depends_on: &[IssueNumber],
        cancel: &CancellationToken,
    ) -> Result<Input, Failure> {
        let before = self.forge.n_api_calls(Some(PLANNER));
        let linked = self.forge.add_dependencies(issue, depends_on, cancel);
        linked.map_err(|error| error.failure())?;
        Ok(Input::IssueLinked {
            position,
            n_api_calls: self.forge.n_api_calls(Some(PLANNER)) - before,
        })
    }

    /// Returns the issues of the plan that are open, and the state of what they depend on.
    pub(crate) fn fetch_planned(&self, numbers: &[IssueNumber]) -> Result<Input, Failure> {
        let before = self.forge.n_api_calls(None);
        let backlog = self
            .forge
            .issues(numbers)
            .map_err(|error| error.failure())?;
        let read = self.with_dependencies(backlog)?;
        Ok(match read {
            Input::BacklogFetched {
                issues, warnings, ..
            } => Input::BacklogFetched {
                issues,
                warnings,
                n_api_calls: self.forge.n_api_calls(None) - before,
            },
            other => other,
        })
    }
}

/// Returns the labels that an issue of the plan carries: its own, and how much work it is, for whoever chooses a model.
fn labels(issue: &PlannedIssue) -> Vec<String> {
    let complexity = format!("complexity: {}", issue.complexity.name());
    issue.labels.iter().cloned().chain([complexity]).collect()
}

/// Returns the line by which the issue at a position of a plan is found. It does not give the plan's name away, nor the lines of
/// the other issues.
fn marker(plan_id: &str, position: u32) -> String {
    let hash = Sha256::digest(format!("planned\0{plan_id}\0{position}"));
    let digits = hex::encode(hash);
    format!("{MARKER_START}{}{MARKER_END}", &digits[..MARKER_DIGITS])
}

/// Returns a body without the marker that is its last line, where that is what one looks like.
pub(super) fn without_marker(body: &str) -> String {
    fn is_marker(line: &str) -> bool {
        let digits = line
            .strip_prefix(MARKER_START)
            .and_then(|rest| rest.strip_suffix(MARKER_END));
        digits.is_some_and(|it| {
            it.len() == MARKER_DIGITS && it.bytes().all(|digit| digit.is_ascii_hexdigit())
        })
    }

    let text = body.trim_end();
    match text.rsplit_once('\n') {
        Some((above, last)) if is_marker(last.trim()) => above.trim_end().to_owned(),
        _ => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_marker_at_the_end_is_taken_off() {
        let marker = marker("a plan", 3);
        assert_eq!(
            without_marker(&format!("Do it.\n\nDepends on #1.\n\n{marker}\n")),
            "Do it.\n\nDepends on #1."
        );
        for kept in [
            "Do it.\n",
            &format!("{marker}\nDo it."),
            "x\n<!-- autoissue: planned 0123456789abcdeX -->",
            "",
        ] {
            assert_eq!(without_marker(kept), kept);
        }
    }

    #[test]
    fn a_marker_belongs_to_one_position_of_one_plan() {
        let all = [
            marker("a", 1),
            marker("a", 2),
            marker("b", 1),
            marker("a1", 1),
        ];
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }
}
