//! An agent backend that talks to its program, as protocols with requests and answers do.

use autoissue_plugin_sdk::prelude::*;

export_plugin! { agent_backend: Talker }

/// Runs `talker`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Talker;

impl AgentBackend for Talker {
    fn describe(&self) -> Description {
        Description::new("talker", "0.1.0", "Talks to `talker`")
    }

    fn probe(&self, _settings: &str) -> Result<ProgramInfo, PluginError> {
        Ok(ProgramInfo::new("talker")
            .versions(">=2.0.0, <3")
            .install_hint("the test puts it on PATH")
            .metering(Metering::Free)
            .environment(["TALKER_KEY", "TALKER_TOKEN", "TALKER_MODE"])
            .login(Login::new("log in to `talker`").status_args(["status"]))
            .ignored_paths([".talker/"])
            .noise([vec!["noise:".to_owned(), "part".to_owned()]]))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        let version = task.program_version.as_deref().unwrap_or("unknown");
        let command = CommandSpec::new("talker")
            .args(["{first}", "--second={second}", version])
            .file("first", "one")
            .file("second", &task.prompt)
            .set_env("TALKER_MODE", "{second}")
            .pass_env([PassedVariable::new("TALKER_KEY").program_name("TALKER_TOKEN")])
            .stdin("hello\n")
            .keep_stdin_open(true);
        Ok((Box::new(Conversation), command))
    }
}

/// Answers what the program asks.
#[derive(Debug)]
struct Conversation;

impl AgentRun for Conversation {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        lines.iter().flat_map(|line| on_line(&line.text)).collect()
    }

    fn on_stop(&mut self, reason: StopReason) -> Vec<AgentEvent> {
        vec![AgentEvent::Send(format!(
            "stop because of {}\n",
            reason.name()
        ))]
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        let note = exit
            .stopped
            .map(|reason| format!("was stopped: {}", reason.name()));
        note.map(AgentEvent::OperatorNote).into_iter().collect()
    }
}

fn on_line(line: &str) -> Vec<AgentEvent> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "ask" => vec![AgentEvent::Send(format!("answer {rest}\n"))],
        "tell" => vec![AgentEvent::OperatorNote(rest.into())],
        "turns" => rest.parse().map(AgentEvent::Turns).into_iter().collect(),
        "model" => vec![AgentEvent::Model(rest.into())],
        "enough" => vec![AgentEvent::TurnsReached, AgentEvent::Stop],
        "flood" => vec![AgentEvent::Send("x".repeat(3 << 20))],
        "say" => vec![AgentEvent::Text(rest.into())],
        "end" => vec![AgentEvent::CloseInput, AgentEvent::Done(Some(rest.into()))],
        _ => Vec::new(),
    }
}
