//! The built-in agent backend that applies a diff from the issue: free, offline and deterministic.
//!
//! Like every backend it does not run anything itself. It names the host's own binary, which
//! applies the diff in the attempt's directory and prints an [`Outcome`] as one line:
//!
//! ```text
//!   issue's body ──► first `diff` block ──stdin──► autoissue internal apply-patch ──stdout──► outcome ──► done or failed
//! ```

pub mod outcome;

#[cfg(not(target_arch = "wasm32"))]
use autoissue_plugin_sdk::built_in::BuiltInAgent;
use autoissue_plugin_sdk::{
    AgentBackend, AgentEvent, AgentRun, AgentTask, CommandSpec, Description, Exit, Line, Metering,
    PluginError, ProgramInfo, Source, markdown,
};

pub use outcome::Outcome;

/// Arguments of the host's binary that apply the diff on standard input.
pub const ARGUMENTS: [&str; 2] = ["internal", "apply-patch"];

/// Languages of code blocks that count as a diff.
const LANGUAGES: [&str; 2] = ["diff", "patch"];

/// Message for a task that asks for an answer.
const ANSWERS_NOTHING: &str = "the agent `patch` only applies diffs and cannot plan: set `agent.backend` to `claude`, or run a plan with `--from`";

/// Maximum number of files in a summary, which should stay one line.
const N_NAMED_MAX: usize = 10;

/// Applies the first fenced `diff` block of the issue's body.
#[derive(Clone, Copy, Debug, Default)]
pub struct PatchBackend;

autoissue_plugin_sdk::export_plugin! { agent_backend: PatchBackend }

/// The backend, as listed in the host's registry.
#[cfg(not(target_arch = "wasm32"))]
pub static BUILT_IN: BuiltInAgent = BuiltInAgent::new(|| Box::new(PatchBackend));

impl AgentBackend for PatchBackend {
    fn describe(&self) -> Description {
        Description::new(
            "patch",
            env!("CARGO_PKG_VERSION"),
            "Applies the first fenced `diff` block of the issue",
        )
    }

    fn probe(&self, _settings: &str) -> Result<ProgramInfo, PluginError> {
        Ok(ProgramInfo::new("autoissue")
            .install_hint("built into autoissue; `git` must be on PATH")
            .metering(Metering::Free))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        if task.answer_schema.is_some() {
            return Err(PluginError::InvalidInput(ANSWERS_NOTHING.into()));
        }
        let number = task.issue.number;
        let diff = first_diff(&task.issue.body).ok_or_else(|| {
            PluginError::InvalidInput(format!(
                "the body of issue #{number} has no fenced `diff` block"
            ))
        })?;
        let command = CommandSpec::new("autoissue").args(ARGUMENTS).stdin(diff);
        Ok((Box::new(PatchRun), command))
    }
}

/// Returns the first fenced diff that readers of the body can see; diffs in comments do not count.
fn first_diff(body: &str) -> Option<String> {
    let blocks = markdown::outline(body).code_blocks;
    blocks
        .into_iter()
        .find(|block| LANGUAGES.contains(&block.language().as_str()))
        .map(|block| block.content)
}

/// Reads the line with the outcome.
#[derive(Debug)]
struct PatchRun;

impl AgentRun for PatchRun {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        let whole = lines
            .iter()
            .filter(|line| line.source == Source::Stdout && !line.truncated);
        whole
            .filter_map(|line| Outcome::from_line(&line.text))
            .map(event_of)
            .collect()
    }

    fn on_exit(&mut self, _exit: Exit) -> Vec<AgentEvent> {
        vec![AgentEvent::FinalCost(0.0)]
    }
}

fn event_of(outcome: Outcome) -> AgentEvent {
    match outcome {
        Outcome::Applied(paths) => AgentEvent::Done(Some(format!(
            "Applied the patch from the issue: {}.",
            named(&paths)
        ))),
        Outcome::AlreadyApplied => {
            AgentEvent::Done(Some("The patch from the issue was already applied.".into()))
        }
        Outcome::Rejected(reason) => {
            AgentEvent::Failed(format!("the patch from the issue does not apply: {reason}"))
        }
    }
}

fn named(paths: &[String]) -> String {
    let shown = &paths[..paths.len().min(N_NAMED_MAX)];
    let more = match paths.len() - shown.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::Issue;

    use super::*;

    fn start(body: &str) -> Result<CommandSpec, PluginError> {
        let task = AgentTask::default().issue(Issue::new("x").body(body).number(7));
        PatchBackend.start(&task).map(|(_, command)| command)
    }

    fn check_diff(body: &str, expected: &str) {
        assert_eq!(start(body).unwrap().stdin, expected, "{body:?}");
    }

    fn check_none(body: &str) {
        let error =
            PluginError::InvalidInput("the body of issue #7 has no fenced `diff` block".into());
        assert_eq!(start(body), Err(error), "{body:?}");
    }

    fn check_line(line: Line, expected: &[AgentEvent]) {
        assert_eq!(PatchRun.on_lines(&[line]), expected);
    }

    #[test]
    fn the_hosts_own_binary_gets_the_diff_on_standard_input() {
        let command = start("```diff\n-a\n+b\n```").unwrap();
        assert_eq!(
            (command.program.as_str(), command.args.join(" ")),
            ("autoissue", "internal apply-patch".into())
        );
        assert_eq!(command.stdin, "-a\n+b\n");
    }

    #[test]
    fn the_first_diff_or_patch_block_is_taken() {
        check_diff(
            "```rust\nx\n```\n~~~PATCH linenos=1\na\n~~~\n```diff\nb\n```",
            "a\n",
        );
        check_diff(
            "Steps:\r\n\r\n1. Apply\r\n\r\n   ```Diff\r\n   a\r\n   ```\r\n",
            "a\n",
        );
        check_diff("````diff\n+```diff\n+x\n+```\n````", "+```diff\n+x\n+```\n");
    }

    #[test]
    fn a_body_without_a_visible_diff_is_refused() {
        check_none("");
        check_none("```\n-a\n+b\n```");
        check_none("```different\na\n```");
        check_none("<!--\n```diff\na\n```\n-->");
        check_none("````markdown\n```diff\na\n```\n````");
    }

    #[test]
    fn a_question_is_refused() {
        let task = AgentTask::default().answer_schema("{}");
        let refused = PatchBackend.start(&task).map(|_| ());
        assert!(
            matches!(&refused, Err(PluginError::InvalidInput(why)) if why.contains("agent.backend")),
            "{refused:?}"
        );
    }

    #[test]
    fn outcomes_end_the_attempt() {
        check_line(
            Line::stdout(r#"{"applied":["a.rs","b c.rs"]}"#),
            &[AgentEvent::Done(Some(
                "Applied the patch from the issue: a.rs, b c.rs.".into(),
            ))],
        );
        check_line(
            Line::stdout(r#"{"already_applied":true}"#),
            &[AgentEvent::Done(Some(
                "The patch from the issue was already applied.".into(),
            ))],
        );
        check_line(
            Line::stdout(r#"{"rejected":"error: a.rs: no such file"}"#),
            &[AgentEvent::Failed(
                "the patch from the issue does not apply: error: a.rs: no such file".into(),
            )],
        );
    }

    #[test]
    fn other_lines_mean_nothing() {
        for text in [
            "",
            "applied",
            "[]",
            "{}",
            r#"{"applied":"a"}"#,
            r#"{"already_applied":false}"#,
            r#"{"applied":["a"]"#,
        ] {
            check_line(Line::stdout(text), &[]);
        }
        check_line(Line::stderr(r#"{"already_applied":true}"#), &[]);
        check_line(
            Line::stdout(r#"{"already_applied":true}"#).truncated(true),
            &[],
        );
    }

    #[test]
    fn many_files_are_counted() {
        let paths: Vec<String> = (1..=12).map(|n| n.to_string()).collect();
        assert_eq!(named(&paths), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more");
    }

    #[test]
    fn a_run_is_free_however_it_ends() {
        for exit in [Exit::default().code(0), Exit::default().signal(9)] {
            assert_eq!(PatchRun.on_exit(exit), [AgentEvent::FinalCost(0.0)]);
        }
        assert_eq!(PatchBackend.probe("").unwrap().metering, Metering::Free);
    }
}
