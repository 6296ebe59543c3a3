//! Runs the agent of an attempt.

use std::path::PathBuf;
use std::sync::mpsc::Sender;

use autoissue_engine::{AgentOrder, AgentReport, AttemptInput, Failure, Input};
use autoissue_plugin_sdk::AgentTask;
use tokio::sync::watch;

use super::{AttemptId, Services, uuid};
use crate::agent::{self, AgentControl, Launch, Seen};
use crate::bus::{Progress, ProgressKind};
use crate::prompt::{self, Earlier, PromptParts};

/// Divides a minute into ten seconds: how long a program may stay alive after its final result or
/// after it was stopped. Tests use minutes of another length.
const GRACES_PER_MINUTE: u32 = 6;

impl Services {
    /// Runs the agent; metered costs are sent to the engine as they arrive.
    pub(crate) async fn run_agent(
        &self,
        order: AgentOrder,
        control: watch::Receiver<AgentControl>,
        inputs: Sender<Input>,
    ) -> Result<AgentReport, Failure> {
        let id = AttemptId {
            issue: order.issue.number,
            attempt: order.attempt,
        };
        let launch = self.agent_launch(id, order)?;
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
                let _ = inputs.send(Input::Attempt(AttemptInput::Metered {
                    issue: id.issue,
                    attempt: id.attempt,
                    spent,
                }));
            }
        };
        let run = agent::run(
            &self.supervisor(),
            self.strategies.backend(),
            launch,
            control,
            on_seen,
        )
        .await;
        run.map(|(report, _)| report)
            .map_err(|failure| self.unless_full(failure))
    }

    /// Returns how to run the agent: what the order says, plus what belongs to this machine and its
    /// configuration.
    fn agent_launch(&self, id: AttemptId, order: AgentOrder) -> Result<Launch, Failure> {
        let directory = self.workspace()?.collectors.path(id.issue.0);
        let mark = self.mark(id, "prompt");
        let prompt = prompt::build(&PromptParts {
            issue: &order.issue,
            mark: &mark[..prompt::MARK_CHARS],
            instructions: self.instructions.as_deref(),
            checks: &self.config.executor.checks,
            avoid: &order.avoid,
            earlier: match order.feedback.as_deref() {
                Some(findings) => Earlier::NotGoodEnough {
                    findings,
                    is_kept: order.continues,
                },
                None if order.continues => Earlier::Interrupted,
                None => Earlier::Nothing,
            },
        });
        let settings = &self.config.agent;
        let mut task = order
            .task
            .issue(self.strategies.issue(&order.issue))
            .prompt(prompt.text)
            .session(uuid(&self.mark(id, "session")))
            .yolo(settings.yolo)
            .allowed_tools(settings.allowed_tools.clone());
        task.max_turns = settings.max_turns;
        let transcript = self
            .session_dir
            .join(format!("issue-{}/attempt-{}.log", id.issue.0, id.attempt));
        Ok(self.launch(id, task, directory, transcript))
    }

    /// Returns how to run an agent in a directory, for an issue or for a plan.
    pub(super) fn launch(
        &self,
        id: AttemptId,
        task: AgentTask,
        directory: PathBuf,
        transcript: PathBuf,
    ) -> Launch {
        let timeout = self.timeout();
        let task = self
            .strategies
            .on_this_machine(task, &self.agent_env)
            .directory(directory.to_string_lossy())
            .files_directory(agent::files_directory(&transcript).to_string_lossy())
            .checkout(self.project.to_string_lossy())
            .time_limit_s(u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX));
        Launch {
            task,
            directory,
            path: self.path.clone(),
            outside: self.worktree_roots.clone(),
            own_program: self.own_program.clone(),
            env: self.agent_env.clone(),
            user_env: self.config.agent.env.clone(),
            tag: self.tag(id),
            transcript,
            timeout,
            stall: self.minute * self.config.executor.stall_minutes,
            grace: self.minute / GRACES_PER_MINUTE,
        }
    }
}
