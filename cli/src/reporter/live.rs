//! The live screen: what has happened scrolls by and stays as a readable log; below it stand slots, queue, money and recent ends.
//!
//! ```text
//!   event ─► sentences ─► said, since the last frame ─┐
//!   progress ─► the slot's last line                  ├─► a frame, ten a second at most ─► standard error
//!   tick ─► clocks run on, the terminal has a new size┘   (nothing is written where nothing changed)
//! ```

mod frame;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use autoissue_core::bus::{Envelope, Progress};
use autoissue_core::engine::{Engine, Event, IntakeEvent, IssueNumber, PlanEvent, TaskEvent};
use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

use frame::{Slot, View};

use super::Reporter;
use super::plain::{agent_line, line};
use crate::console::Console;
use crate::local_time::{LocalTime, now_ms};
use crate::narration::{Sentence, Tone, narrate};
use crate::screen::{Area, Line, Style};
use crate::terminal::Size;

/// Time between two frames at least: faster than anyone reads, and slow enough for a terminal at the far end of the world.
const FRAME: Duration = Duration::from_millis(100);
/// Ends that are shown: older ones have scrolled by.
const N_ENDS_MAX: usize = 3;
/// Agents' lines between two frames at most. Nobody reads more; the transcripts have them.
const N_AGENT_LINES_MAX: usize = 200;
/// Rows that are left to the log: at most, and as a part of the terminal.
const LOG_ROWS_MAX: usize = 6;
const LOG_ROWS_PART: usize = 3;

/// Draws the live screen.
pub(crate) struct Live {
    session: String,
    started_at_ms: u64,
    time: LocalTime,
    console: Console,
    slots: BTreeMap<IssueNumber, Slot>,
    base_said: String,
    ends: Vec<(IssueNumber, Style, String)>,
    notice: Option<String>,
    /// What has been said since the last frame.
    said: Vec<String>,
    n_agent_lines: usize,
    area: Area,
    last: Option<Last>,
    has_news: bool,
    /// We were stopped and go on: what stands on the screen may be anybody's.
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
    /// Takes the lower end of the terminal.
    pub(crate) fn new(session: String, time: LocalTime, console: Console) -> Self {
        Self {
            session,
            started_at_ms: now_ms(),
            time,
            console,
            slots: BTreeMap::new(),
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

    /// Keeps in mind what is shown beyond the engine's state.
    fn note(&mut self, envelope: &Envelope<Event>, engine: &Engine, sentences: &[Sentence]) {
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
        let is_running = |issue: &IssueNumber| {
            engine
                .task(*issue)
                .is_some_and(|task| task.attempt().is_some())
        };
        self.slots.retain(|issue, _| is_running(issue));
        for task in engine.running() {
            let begun = Slot {
                since_ms: envelope.at_ms,
                said: String::new(),
            };
            self.slots.entry(task.issue.number).or_insert(begun);
        }
    }

    /// Draws a frame if the last one is old enough, and something may have changed.
    fn refresh(&mut self, engine: &Engine) {
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
            self.draw(engine, size, now_ms);
        }
    }

    fn was_stopped(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.continued
            .as_mut()
            .is_some_and(|signal| signal.poll_recv(&mut context).is_ready())
    }

    fn draw(&mut self, engine: &Engine, size: Size, now_ms: u64) {
        let view = View {
            session: &self.session,
            engine,
            slots: &self.slots,
            said: &self.base_said,
            ends: &self.ends,
            notice: self.notice.as_deref(),
            started_at_ms: self.started_at_ms,
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
    fn event(&mut self, envelope: &Envelope<Event>, engine: &Engine) {
        let sentences = narrate(&envelope.event, engine, &self.time);
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
        self.note(envelope, engine, &sentences);
        self.has_news = true;
        self.refresh(engine);
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
        match self.slots.get_mut(&IssueNumber(progress.issue)) {
            Some(slot) => slot.said = said,
            None => self.base_said = said,
        }
        self.has_news = true;
    }

    fn notice(&mut self, text: &str) {
        self.say(text);
        self.notice = Some(text.to_owned());
    }

    fn tick(&mut self, engine: &Engine) {
        self.refresh(engine);
    }

    /// Takes the screen away; what was said stays, all of it.
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

/// Returns the rows that the screen may take: one below is the cursor's, some above are the log's.
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

/// Writes in one piece. The screen is a courtesy; the journal has it all.
fn write(piece: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(piece.as_bytes()).and_then(|()| err.flush());
}
