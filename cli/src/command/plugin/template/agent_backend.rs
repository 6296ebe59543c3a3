//! Runs your own program as the agent.
//!
//! A backend runs nothing itself: it says which program to run and how to interpret its output. The
//! operator has to grant the program by name. An agent's claims are never trusted: git shows what
//! changed, and the checks decide.
//!
//! `cargo test` runs the tests below; `autoissue plugin test` builds the component and tests it with
//! `cases.json`.

use autoissue_plugin_sdk::prelude::*;

/// The program, looked up on PATH.
const PROGRAM: &str = "my-agent";

/// Passes the prompt to the program, and treats its output as the agent's messages.
#[derive(Default)]
struct MyAgent;

impl AgentBackend for MyAgent {
    fn describe(&self) -> Description {
        Description::new("my-agent", env!("CARGO_PKG_VERSION"), "Runs `my-agent`, with the prompt on standard input")
    }

    fn probe(&self, _settings: &str) -> Result<ProgramInfo, PluginError> {
        Ok(ProgramInfo::new(PROGRAM).install_hint("install `my-agent` on your PATH").metering(Metering::Free))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        // Never put text from outside into the arguments.
        let command = CommandSpec::new(PROGRAM).args(["--headless"]).stdin(&task.prompt);
        Ok((Box::new(MyRun::default()), command))
    }
}

/// One attempt and its state.
#[derive(Default)]
struct MyRun {
    last_line: Option<String>,
}

impl AgentRun for MyRun {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        let text = lines.iter().filter(|line| line.source == Source::Stdout && !line.text.trim().is_empty());
        let text: Vec<String> = text.map(|line| line.text.clone()).collect();
        if let Some(last) = text.last() {
            self.last_line = Some(last.clone());
        }
        text.into_iter().map(AgentEvent::Text).collect()
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        // A program that was killed by a signal has no exit code.
        match exit.code {
            Some(0) => vec![AgentEvent::Done(self.last_line.take())],
            code => vec![AgentEvent::Failed(format!("`{PROGRAM}` ended with {code:?}"))],
        }
    }
}

export_plugin! { agent_backend: MyAgent }

#[cfg(test)]
mod tests {
    use super::*;

    fn events(lines: &[Line], exit: Exit) -> Vec<AgentEvent> {
        let (mut run, _) = MyAgent.start(&AgentTask::default()).unwrap();
        let mut events = run.on_lines(lines);
        events.extend(run.on_exit(exit));
        events
    }

    #[test]
    fn the_last_line_is_the_summary() {
        let lines = [Line::stdout("reading"), Line::stderr("warning"), Line::stdout("fixed it")];
        let events = events(&lines, Exit::default().code(0));
        assert_eq!(events.last(), Some(&AgentEvent::Done(Some("fixed it".into()))));
    }

    #[test]
    fn a_signal_is_not_a_success() {
        assert!(matches!(events(&[], Exit::default().signal(15))[..], [AgentEvent::Failed(_)]));
    }
}
