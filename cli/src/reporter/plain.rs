//! One readable line per event on standard error, for logs and for terminals without a live screen.

use autoissue_core::bus::{Envelope, Progress, ProgressKind};
use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::Event;

use super::Reporter;
use crate::console::Console;
use crate::local_time::{LocalTime, now_ms};
use crate::narration::{Sentence, Tone, narrate};
use crate::paint::Paint;
use crate::printable::{cut, one_line};

/// Maximum width of an agent's line, in columns. The transcript has all of it.
const AGENT_COLUMNS_MAX: usize = 200;

/// Prints plain lines.
pub(crate) struct Plain {
    time: LocalTime,
    console: Console,
}

impl Plain {
    /// Creates the reporter. On a verbose console it prints details and agent output.
    pub(crate) const fn new(time: LocalTime, console: Console) -> Self {
        Self { time, console }
    }
}

impl Reporter for Plain {
    fn event(&mut self, envelope: &Envelope<Event>, chronicle: &Chronicle) {
        for sentence in narrate(&envelope.event, chronicle.engine(), &self.time) {
            if self.console.verbose || sentence.tone != Tone::Detail {
                self.console.say(line(
                    &sentence,
                    envelope.at_ms,
                    &self.time,
                    self.console.err,
                ));
            }
        }
    }

    fn progress(&mut self, progress: &Progress) {
        if let Some(said) = agent_line(progress).filter(|_| self.console.verbose) {
            let paint = self.console.err;
            let clock = paint.dim(self.time.clock(now_ms()));
            self.console.say(format_args!(
                "{clock}  #{} {} {said}",
                progress.issue,
                paint.dim("│")
            ));
        }
    }

    fn notice(&mut self, text: &str) {
        self.console.say(text);
    }
}

/// Returns `01:12:07  #12 attempt 1 started · backend · sonnet · $5.00 reserved`.
pub(crate) fn line(sentence: &Sentence, at_ms: u64, time: &LocalTime, paint: Paint) -> String {
    let text = match sentence.tone {
        Tone::Plain => sentence.text.clone(),
        Tone::Detail => paint.dim(&sentence.text),
        Tone::Good => paint.green(&sentence.text),
        Tone::Odd => paint.yellow(&sentence.text),
        Tone::Bad => paint.red(&sentence.text),
    };
    let issue = sentence
        .issue
        .map(|issue| format!("{} ", paint.bold(issue)))
        .unwrap_or_default();
    format!("{}  {issue}{text}", paint.dim(time.clock(at_ms)))
}

/// Returns an agent's line, printable; `None` if nothing is visible.
pub(super) fn agent_line(progress: &Progress) -> Option<String> {
    let text = (progress.kind == ProgressKind::Line)
        .then(|| cut(&one_line(&progress.text), AGENT_COLUMNS_MAX))?;
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::Engine;

    use super::*;
    use crate::fixture::{admitted, at_work};

    #[test]
    fn a_line_has_time_issue_and_words() {
        let mut engine =
            Engine::replay(&admitted(Default::default(), &[(12, "Fix it", "backend")]));
        let event = at_work(12, 1).remove(0);
        engine.apply(&event);
        let sentences = narrate(&event, &engine, &LocalTime::utc());
        let line = line(
            &sentences[0],
            4_327_000,
            &LocalTime::utc(),
            Paint::default(),
        );
        assert_eq!(
            line,
            "01:12:07  #12 attempt 1 started · backend · sonnet · $5.00 reserved"
        );
    }

    #[test]
    fn what_an_agent_says_cannot_garble_the_terminal() {
        assert_eq!(
            said("\u{1b}[2J\rhello\u{1b}]0;x\u{7}").as_deref(),
            Some("hello")
        );
        assert_eq!(said("\u{1b}[0m  "), None);
        assert_eq!(
            said(&"x".repeat(1_000)).map(|line| line.chars().count()),
            Some(AGENT_COLUMNS_MAX)
        );
    }

    fn said(text: &str) -> Option<String> {
        let text = text.to_owned();
        agent_line(&Progress {
            issue: 1,
            attempt: 1,
            kind: ProgressKind::Line,
            text,
        })
    }
}
