//! Answers that contain the question as JSON and set every field, for the test that no field is
//! lost on the way.

use autoissue_plugin_sdk::prelude::*;
use autoissue_plugin_sdk::{serde::Serialize, serde_json};

/// Title of an issue that asks for such an answer.
pub(crate) const TITLE: &str = "echo";

pub(crate) const EXTRA: [(&str, &str); 1] = [("answer", "echo")];

pub(crate) fn classification(issue: &Issue, context: &ClassifierContext) -> Classification {
    Classification::new("guest", 0.5)
        .reasons([json(issue), json(context)])
        .alternatives([Score::new("other", 0.25)])
        .paths(["src/main.rs"])
        .extra(EXTRA)
}

pub(crate) fn selection(request: &SelectionRequest) -> Selection {
    Selection::new("small")
        .effort(Some(Effort::High))
        .fallbacks(["large"])
        .reason(json(request))
        .extra(EXTRA)
}

pub(crate) fn text(context: &PrContext) -> PullRequestText {
    PullRequestText::new("Echo", json(context))
        .labels(["bug"])
        .extra(EXTRA)
}

fn json(question: &impl Serialize) -> String {
    serde_json::to_string(question).unwrap_or_else(|error| error.to_string())
}

/// Sets every field that is still empty.
pub(crate) fn complete(info: ProgramInfo) -> ProgramInfo {
    let prices = Prices::new(1.0, 5.0)
        .cache_read(0.1)
        .cache_write(1.25)
        .extra(EXTRA);
    let models =
        ["small", "large"].map(|id| ModelInfo::new(id).prices(prices.clone()).extra(EXTRA));
    let file = LoginFile::new(".line-agent", "login.json").directory_variable("LINE_AGENT_KEY");
    let login = Login::new("log in")
        .provider("LINE_AGENT_KEY", "a cloud")
        .file(file)
        .status_args(["status"])
        .extra(EXTRA);
    let endpoint = Endpoint::new("gemini", "LINE_AGENT_KEY", "https://example.org").extra(EXTRA);
    info.versions(">=0.1.0")
        .models(models)
        .endpoints([endpoint])
        .login(login)
        .ignored_paths([".line-agent/"])
        .repository_settings([".line-agent.json"])
        .noise([vec!["part of a message".to_owned()]])
        .extra(EXTRA)
}

pub(crate) fn command(task: &AgentTask) -> CommandSpec {
    CommandSpec::new("line-agent")
        .args(["--echo"])
        .set_env("LINE_AGENT_KEY", "1")
        .pass_env([PassedVariable::new("LINE_AGENT_KEY").program_name("LINE_AGENT_KEY")])
        .stdin(json(task))
        .keep_stdin_open(true)
        .files([InputFile::new("a.json", "{}").extra(EXTRA)])
        .stop_signal(StopSignal::Interrupt)
        .extra(EXTRA)
}

/// Reports how its program ended.
pub(crate) struct Run;

impl AgentRun for Run {
    fn on_lines(&mut self, _lines: &[Line]) -> Vec<AgentEvent> {
        Vec::new()
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        vec![AgentEvent::Failed(json(&exit))]
    }
}
