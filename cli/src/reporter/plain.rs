//! One readable line per event on standard error, for logs and for terminals without a live screen.

use autoissue_core::bus::{Envelope, Progress, ProgressKind};
use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::{Engine, Event, IntakeEvent, SessionEvent, SessionOutcome};

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
    /// The lines about the start, until it is known whether there is anything to do.
    opening: Vec<String>,
}

impl Plain {
    /// Creates the reporter. On a verbose console it prints details and agent output.
    pub(crate) const fn new(time: LocalTime, console: Console) -> Self {
        Self {
            time,
            console,
            opening: Vec::new(),
        }
    }

    /// Returns the lines to print for an event. A session with nothing to do is not recorded, so
    /// neither its start nor its end is worth a line.
    fn lines(&mut self, envelope: &Envelope<Event>, engine: &Engine) -> Vec<String> {
        let sentences = narrate(&envelope.event, engine, &self.time);
        let is_shown = |it: &&Sentence| self.console.verbose || it.tone != Tone::Detail;
        let lines = sentences
            .iter()
            .filter(is_shown)
            .map(|sentence| line(sentence, envelope.at_ms, &self.time, self.console.err))
            .collect();
        let has_nothing = engine.tasks().is_empty() && engine.plan_progress().is_none();
        match &envelope.event {
            Event::Session(SessionEvent::Started { .. }) => {
                self.opening = lines;
                Vec::new()
            }
            Event::Intake(IntakeEvent::BacklogRead { n_issues: 0, .. }) => {
                self.opening.clear();
                lines
            }
            Event::Session(SessionEvent::Finished {
                outcome: SessionOutcome::Completed,
            }) if has_nothing => Vec::new(),
            _ => self.opening.drain(..).chain(lines).collect(),
        }
    }
}

impl Reporter for Plain {
    fn event(&mut self, envelope: &Envelope<Event>, chronicle: &Chronicle) {
        for line in self.lines(envelope, chronicle.engine()) {
            self.console.say(line);
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
        Tone::Warning => paint.yellow(&sentence.text),
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
    use autoissue_core::engine::Settings;

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
    fn a_session_is_announced_only_if_it_has_something_to_do() {
        let printed = |n_issues: u32| {
            let mut events = vec![crate::fixture::started(Settings::default())];
            events.push(Event::Intake(IntakeEvent::BacklogRead {
                n_issues,
                warnings: vec!["skipping `x`".to_owned()],
                n_api_calls: 0,
            }));
            events.push(crate::fixture::completed());
            let mut plain = Plain::new(
                LocalTime::utc(),
                Console::new(&crate::args::Common::default(), &[]),
            );
            let mut engine = Engine::default();
            let lines: Vec<String> = (1..)
                .zip(events)
                .flat_map(|(seq, event)| {
                    engine.apply(&event);
                    let at_ms = 0;
                    plain.lines(&Envelope { seq, at_ms, event }, &engine)
                })
                .collect();
            lines.join("\n")
        };
        assert!(!printed(0).contains("session"), "{}", printed(0));
        assert!(printed(0).contains("skipping `x`"), "{}", printed(0));
        assert!(printed(1).contains("session of"), "{}", printed(1));
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
