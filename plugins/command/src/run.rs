//! Reads the output of one attempt: each line is text, and the last ones are kept for the end.

use autoissue_plugin_sdk::{AgentEvent, AgentRun, Exit, Line};

use crate::last_lines::LastLines;
use crate::settings::CommandSettings;
use crate::{ending, plain_text};

/// Reads one run of the configured program.
#[derive(Debug)]
pub(crate) struct CommandRun {
    settings: CommandSettings,
    last: LastLines,
}

impl CommandRun {
    pub(crate) fn new(settings: CommandSettings) -> Self {
        Self {
            settings,
            last: LastLines::default(),
        }
    }

    /// Both streams are text of the agent: many programs print their progress as errors. As notes
    /// they would not count as work, and a run that spent money could be taken for a free one.
    fn line(&mut self, line: &Line) -> Option<AgentEvent> {
        let text = plain_text::of_line(&line.text);
        if text.trim().is_empty() {
            return None;
        }
        self.last.push(line.source, &text);
        Some(AgentEvent::Text(text))
    }
}

impl AgentRun for CommandRun {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        lines.iter().filter_map(|line| self.line(line)).collect()
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        let cost = self.settings.free.then_some(AgentEvent::FinalCost(0.0));
        let end = ending::of(exit, &self.settings, &self.last);
        cost.into_iter().chain(end).collect()
    }
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::Source;

    use super::*;

    fn run(settings: &str) -> CommandRun {
        CommandRun::new(CommandSettings::read(settings).unwrap())
    }

    #[test]
    fn both_streams_are_text() {
        let mut run = run(r#"{"command": ["a"]}"#);
        let lines = [
            Line::stdout("\u{1b}[1mhello\u{1b}[0m"),
            Line::stderr("warning"),
            Line::stdout("  "),
            Line::stdout("cut").truncated(true),
        ];
        let text = |text: &str| AgentEvent::Text(text.into());
        assert_eq!(
            run.on_lines(&lines),
            [text("hello"), text("warning"), text("cut")]
        );
        let on_stderr: Vec<_> = run.last.of(Source::Stderr).collect();
        assert_eq!(on_stderr, ["warning"]);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut last = LastLines::default();
        for n in 1..=50 {
            last.push(Source::Stdout, &n.to_string());
        }
        let kept: Vec<&str> = last.iter().collect();
        assert_eq!((kept.len(), kept[0], kept[19]), (20, "31", "50"));
        last.push(Source::Stdout, &"é".repeat(1_000));
        let long = last.iter().next_back().unwrap();
        assert_eq!(long.chars().count(), 151);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn only_a_free_run_has_a_known_cost() {
        let end = |settings: &str| run(settings).on_exit(Exit::default().code(0));
        let done = || AgentEvent::Done(None);
        assert_eq!(end(r#"{"command": ["a"]}"#), [done()]);
        assert_eq!(
            end(r#"{"command": ["a"], "free": true}"#),
            [AgentEvent::FinalCost(0.0), done()]
        );
    }
}
