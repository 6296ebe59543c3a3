//! The protocol: interprets lines, and the end of the program.

use autoissue_plugin_sdk::prelude::*;

/// Reads one run.
#[derive(Default)]
pub(crate) struct Reader {
    usage: Usage,
    /// How the program says that it ended; the last message counts.
    end: Option<AgentEvent>,
}

impl AgentRun for Reader {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        lines.iter().filter_map(|line| self.line(line)).collect()
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        let mut events: Vec<AgentEvent> = self
            .usage
            .usd
            .map(AgentEvent::FinalCost)
            .into_iter()
            .collect();
        events.push(match (self.end.take(), exit.code) {
            // A program that prints `done` but fails is not done.
            (Some(AgentEvent::Done(_)) | None, Some(code)) if code != 0 => {
                AgentEvent::Failed(format!("the program exited with code {code}"))
            }
            (Some(AgentEvent::Done(_)) | None, None) => {
                AgentEvent::Failed("the program was killed by a signal".into())
            }
            (Some(end), _) => end,
            (None, _) => AgentEvent::Failed("the program exited without printing `done`".into()),
        });
        events
    }
}

impl Reader {
    fn line(&mut self, line: &Line) -> Option<AgentEvent> {
        let note = || (!line.text.trim().is_empty()).then(|| AgentEvent::Note(line.text.clone()));
        if line.source == Source::Stderr || line.truncated {
            return note();
        }
        let (word, rest) = line.text.split_once(' ').unwrap_or((&line.text, ""));
        let rest = rest.trim().to_owned();
        // An id or a name is one short line.
        let name = || {
            (!rest.is_empty() && rest.len() <= 200 && !rest.contains(char::is_control))
                .then(|| rest.clone())
        };
        match word {
            "say" => Some(AgentEvent::Text(rest)),
            "think" => Some(AgentEvent::Thinking(rest)),
            "tool" => Some(AgentEvent::ToolStart {
                id: String::new(),
                name: name()?,
                input: String::new(),
            }),
            "denied" => name().map(AgentEvent::Denied).or_else(note),
            "session" => name().map(AgentEvent::Session).or_else(note),
            "tokens" => self.tokens(&rest).or_else(note),
            "cost" => self.cost(&rest).or_else(note),
            "limited" => self.ends(AgentEvent::RateLimited(
                rest.parse().map_or(LimitEnd::Unknown, LimitEnd::InS),
            )),
            "gone" => self.ends(AgentEvent::SessionGone),
            "tell" => name().map(AgentEvent::OperatorNote).or_else(note),
            "overloaded" => self.ends(AgentEvent::Overloaded(rest)),
            "login" => self.ends(AgentEvent::AuthFailed(rest)),
            "invalid" => self.ends(AgentEvent::Invalid(rest)),
            "failed" => self.ends(AgentEvent::Failed(rest)),
            "done" => self.ends(AgentEvent::Done(Some(rest).filter(|text| !text.is_empty()))),
            _ => note(),
        }
    }

    /// Remembers how the run ends, until the program exits.
    fn ends(&mut self, end: AgentEvent) -> Option<AgentEvent> {
        self.end = Some(end);
        None
    }

    fn tokens(&mut self, text: &str) -> Option<AgentEvent> {
        /// More than any run can use; a larger number is a mistake.
        const N_MAX: u64 = 1 << 40;
        let (read, written) = text.split_once(' ')?;
        let number = |text: &str| text.trim().parse().ok().filter(|n: &u64| *n <= N_MAX);
        self.usage.input_tokens = number(read)?;
        self.usage.output_tokens = number(written)?;
        Some(AgentEvent::UsageTotal(self.usage))
    }

    fn cost(&mut self, text: &str) -> Option<AgentEvent> {
        let usd = text
            .trim_start_matches('$')
            .parse()
            .ok()
            .filter(|usd: &f64| usd.is_finite() && 0.0 <= *usd)?;
        self.usage.usd = Some(usd);
        Some(AgentEvent::UsageTotal(self.usage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(text: &str, code: Option<i32>) -> Vec<AgentEvent> {
        let mut reader = Reader::default();
        let lines: Vec<Line> = text.lines().map(Line::stdout).collect();
        let mut events = reader.on_lines(&lines);
        events.extend(reader.on_exit(match code {
            Some(code) => Exit::default().code(code),
            None => Exit::default().signal(9),
        }));
        events
    }

    #[test]
    fn a_run_is_read_line_by_line() {
        let usage = Usage::default().input_tokens(10).output_tokens(2);
        assert_eq!(
            play(
                "say hello\ntokens 10 2\ncost $0.25\nwhatever\ndone fixed it",
                Some(0)
            ),
            [
                AgentEvent::Text("hello".into()),
                AgentEvent::UsageTotal(usage),
                AgentEvent::UsageTotal(usage.usd(0.25)),
                AgentEvent::Note("whatever".into()),
                AgentEvent::FinalCost(0.25),
                AgentEvent::Done(Some("fixed it".into())),
            ]
        );
    }

    #[test]
    fn done_counts_only_with_a_good_end() {
        let last = |text: &str, code| play(text, code).pop().unwrap();
        assert_eq!(last("done", Some(0)), AgentEvent::Done(None));
        assert_eq!(
            last("done", Some(3)),
            AgentEvent::Failed("the program exited with code 3".into())
        );
        assert_eq!(
            last("done", None),
            AgentEvent::Failed("the program was killed by a signal".into())
        );
        assert_eq!(
            last("", Some(0)),
            AgentEvent::Failed("the program exited without printing `done`".into())
        );
        assert_eq!(
            last("failed no idea", Some(0)),
            AgentEvent::Failed("no idea".into())
        );
        assert_eq!(
            last("invalid no such file", Some(1)),
            AgentEvent::Invalid("no such file".into())
        );
        let limited = AgentEvent::RateLimited(LimitEnd::InS(3_600));
        assert_eq!(last("limited 3600", Some(1)), limited);
        assert_eq!(last("gone", Some(1)), AgentEvent::SessionGone);
        assert_eq!(
            last("login no key", Some(1)),
            AgentEvent::AuthFailed("no key".into())
        );
    }

    #[test]
    fn unreadable_lines_are_notes() {
        for line in [
            "cost much",
            "cost -1",
            "cost inf",
            "tokens 1",
            "tokens 1 x",
            "session",
            "denied \u{1b}x",
        ] {
            assert_eq!(
                play(line, Some(0))[0],
                AgentEvent::Note(line.into()),
                "{line}"
            );
        }
    }
}
