//! An agent backend with a line protocol: `say TEXT`, `cost USD`, `done TEXT`, `trap`.

use autoissue_plugin_sdk::prelude::*;

use crate::echo;

/// Runs `line-agent`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LineAgent;

impl AgentBackend for LineAgent {
    fn describe(&self) -> Description {
        Description::new("line-agent", "0.1.0", "Runs `line-agent`")
    }

    fn probe(&self, settings: &str) -> Result<ProgramInfo, PluginError> {
        let info = ProgramInfo::new("line-agent")
            .install_hint("the test puts it on PATH")
            .models(["small", "large"].map(ModelInfo::new))
            .environment(["LINE_AGENT_KEY"]);
        Ok(match settings {
            echo::TITLE => echo::complete(info),
            _ => info,
        })
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        if task.issue.title == echo::TITLE {
            return Ok((Box::new(echo::Run), echo::command(task)));
        }
        let model = task.model.iter().cloned();
        let effort = task.effort.map(|effort| format!("{effort:?}"));
        let command = CommandSpec::new("line-agent")
            .args(model.chain(effort))
            .pass_env([PassedVariable::new("LINE_AGENT_KEY")])
            .stdin(&task.prompt);
        Ok((Box::new(LineRun::default()), command))
    }
}

/// Parses the lines.
#[derive(Debug, Default)]
struct LineRun {
    n_lines: u32,
    summary: Option<String>,
}

impl AgentRun for LineRun {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        lines
            .iter()
            .filter_map(|line| self.on_line(&line.text))
            .collect()
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        match (exit.code, self.summary.take()) {
            (Some(0), Some(summary)) => vec![AgentEvent::Done(Some(format!(
                "{summary} ({} lines)",
                self.n_lines
            )))],
            _ => vec![AgentEvent::Failed(
                "the line agent exited without `done`".into(),
            )],
        }
    }
}

impl LineRun {
    fn on_line(&mut self, line: &str) -> Option<AgentEvent> {
        self.n_lines += 1;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "say" => Some(AgentEvent::Text(rest.into())),
            "cost" => rest.parse().ok().map(AgentEvent::FinalCost),
            "done" => {
                self.summary = Some(rest.into());
                None
            }
            "trap" => panic!("requested by a `trap` line"),
            _ => Some(AgentEvent::Note(line.into())),
        }
    }
}
