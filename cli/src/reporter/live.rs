//! The live screen: events scroll by and remain as a readable log; below them are slots, queue,
//! budget and recently ended tasks.
//!
//! ```text
//!   event ─► sentences ─► said, since the last frame ─┐
//!   progress ─► the slot's last line                  ├─► a frame, ten a second at most ─► standard error
//!   tick ─► clocks run on, the terminal has a new size┘   (nothing is written if nothing changed)
//! ```

mod frame;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use autoissue_core::bus::{Envelope, Progress};
use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::{Event, IntakeEvent, IssueNumber, PlanEvent, TaskEvent};
use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

use frame::View;

use super::Reporter;
use super::plain::{agent_line, line};
use crate::console::Console;
use crate::local_time::{LocalTime, now_ms};
use crate::narration::{Sentence, Tone, narrate};
use crate::screen::{Area, Line, Style};
use crate::terminal::Size;

/// Minimum time between two frames: faster than anyone reads, and slow enough for a remote
/// terminal.
const FRAME: Duration = Duration::from_millis(100);
/// Number of recently ended tasks to show; older ones have scrolled by.
const N_ENDS_MAX: usize = 3;
/// Maximum number of agent lines between two frames. The transcripts have all of them.
const N_AGENT_LINES_MAX: usize = 200;
/// Rows reserved for the log: the maximum, and the divisor of the terminal's height.
const LOG_ROWS_MAX: usize = 6;
const LOG_ROWS_PART: usize = 3;

/// Draws the live screen.
pub(crate) struct Live {
    session: String,
    time: LocalTime,
    console: Console,
    /// The last line of each running attempt's agent.
    agents_said: BTreeMap<IssueNumber, String>,
    base_said: String,
    ends: Vec<(IssueNumber, Style, String)>,
    notice: Option<String>,
    /// Lines to print before the next frame.
    said: Vec<String>,
    n_agent_lines: usize,
    area: Area,
    last: Option<Last>,
    has_news: bool,
    /// Set when the process was stopped and continued: the terminal's content is unknown.
    continued: Option<Signal>,
}

/// The last frame.
struct Last {
    at: Instant,
    second: u64,
    size: Size,
    lines: Vec<Line>,
}

impl Live {
    /// Creates the screen at the lower end of the terminal.
    pub(crate) fn new(session: String, time: LocalTime, console: Console) -> Self {
        Self {
            session,
            time,
            console,
            agents_said: BTreeMap::new(),
            base_said: String::new(),
            ends: Vec::new(),
            notice: None,
            said: Vec::new(),
            n_agent_lines: 0,
            area: Area::default(),
            last: None,
            has_news: true,
            continued: signal(SignalKind::from_raw(Number::CONT.as_raw())).ok(),
        }
    }

    fn say(&mut self, line: &str) {
        self.said
            .push(self.console.redaction.apply(line).into_owned());
        self.has_news = true;
    }

    /// Remembers what was said.
    fn note(&mut self, envelope: &Envelope<Event>, chronicle: &Chronicle, sentences: &[Sentence]) {
        match &envelope.event {
            Event::Task(TaskEvent::Finished { issue, .. }) => {
                let style = sentences
                    .last()
                    .map_or(Style::Plain, |sentence| style_of(sentence.tone));
                let text = sentences
                    .last()
                    .map(|sentence| sentence.text.clone())
                    .unwrap_or_default();
                self.ends.push((*issue, style, text));
                self.ends
                    .drain(..self.ends.len().saturating_sub(N_ENDS_MAX));
            }
            Event::Intake(IntakeEvent::BaseChecked { .. })
            | Event::Plan(PlanEvent::PlannerExited { .. }) => self.base_said.clear(),
            _ => {}
        }
        let running: BTreeSet<IssueNumber> =
            chronicle.running().map(|task| task.issue.number).collect();
        self.agents_said.retain(|issue, _| running.contains(issue));
        for issue in running {
            self.agents_said.entry(issue).or_default();
        }
    }

    /// Draws a frame if the last one is old enough and something may have changed.
    fn refresh(&mut self, chronicle: &Chronicle) {
        let size = Size::now();
        if self.was_stopped() {
            self.area.leave();
            self.last = None;
        }
        let now_ms = now_ms();
        let is_due = match &self.last {
            None => true,
            Some(last) => {
                let is_stale = self.has_news || last.size != size || last.second != now_ms / 1_000;
                FRAME <= last.at.elapsed() && is_stale
            }
        };
        if is_due {
            self.draw(chronicle, size, now_ms);
        }
    }

    fn was_stopped(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.continued
            .as_mut()
            .is_some_and(|signal| signal.poll_recv(&mut context).is_ready())
    }

    fn draw(&mut self, chronicle: &Chronicle, size: Size, now_ms: u64) {
        let view = View {
            session: &self.session,
            chronicle,
            agents_said: &self.agents_said,
            said: &self.base_said,
            ends: &self.ends,
            notice: self.notice.as_deref(),
            now_ms,
            time: &self.time,
        };
        let lines = frame::lines(&view, size.columns - 1, rows(size));
        let is_new = self
            .last
            .as_ref()
            .is_none_or(|last| last.size != size || last.lines != lines);
        if is_new || !self.said.is_empty() {
            let piece = self
                .area
                .redraw(&self.said, lines.clone(), size.columns, self.console.err);
            write(&piece);
        }
        self.said.clear();
        self.n_agent_lines = 0;
        self.has_news = false;
        self.last = Some(Last {
            at: Instant::now(),
            second: now_ms / 1_000,
            size,
            lines,
        });
    }
}

impl Reporter for Live {
    fn event(&mut self, envelope: &Envelope<Event>, chronicle: &Chronicle) {
        let sentences = narrate(&envelope.event, chronicle.engine(), &self.time);
        for sentence in &sentences {
            if self.console.verbose || sentence.tone != Tone::Detail {
                self.say(&line(
                    sentence,
                    envelope.at_ms,
                    &self.time,
                    self.console.err,
                ));
            }
        }
        self.note(envelope, chronicle, &sentences);
        self.has_news = true;
        self.refresh(chronicle);
    }

    fn progress(&mut self, progress: &Progress) {
        let Some(said) = agent_line(progress) else {
            return;
        };
        let said = self.console.redaction.apply(&said).into_owned();
        if self.console.verbose && self.n_agent_lines < N_AGENT_LINES_MAX {
            self.n_agent_lines += 1;
            self.say(&format!(
                "          #{} {} {said}",
                progress.issue,
                self.console.err.dim("│")
            ));
        }
        match self.agents_said.get_mut(&IssueNumber(progress.issue)) {
            Some(last) => *last = said,
            None => self.base_said = said,
        }
        self.has_news = true;
    }

    fn notice(&mut self, text: &str) {
        self.say(text);
        self.notice = Some(text.to_owned());
    }

    fn tick(&mut self, chronicle: &Chronicle) {
        self.refresh(chronicle);
    }

    /// Removes the screen; the log lines stay.
    fn finish(&mut self) {
        let size = Size::now();
        write(
            &self
                .area
                .redraw(&self.said, Vec::new(), size.columns, self.console.err),
        );
        self.said.clear();
    }
}

/// Returns the lines of the screen on a large terminal, for a session without agent output.
#[cfg(test)]
pub(crate) fn screen_of(chronicle: &Chronicle, now_ms: u64) -> Vec<String> {
    let view = View {
        session: "20261122-1315-7f3a",
        chronicle,
        agents_said: &BTreeMap::new(),
        said: "",
        ends: &[],
        notice: None,
        now_ms,
        time: &LocalTime::utc(),
    };
    let lines = frame::lines(&view, 200, 60);
    lines.iter().map(Line::text).collect()
}

/// Returns the number of rows that the screen may use. One row is left for the cursor and some for
/// the log.
fn rows(size: Size) -> usize {
    (size.rows - 1).saturating_sub(LOG_ROWS_MAX.min(size.rows / LOG_ROWS_PART))
}

const fn style_of(tone: Tone) -> Style {
    match tone {
        Tone::Plain | Tone::Detail => Style::Plain,
        Tone::Good => Style::Green,
        Tone::Odd => Style::Yellow,
        Tone::Bad => Style::Red,
    }
}

/// Writes everything at once. Errors are ignored, because the journal has it all.
fn write(piece: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(piece.as_bytes()).and_then(|()| err.flush());
}
