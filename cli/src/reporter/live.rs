//! The live screen: a line per attempt in flight and one for queue and money at the bottom; what has happened scrolls above
//! and stays as a readable log.
//!
//! ```text
//! 01:12:07  #7 pull request #30 opened https://…
//! #12 backend · agent · 3 min 5 s · $0.40 · Reading src/session.rs
//! #15 frontend · checks · 20 s · $1.10
//! 2 running · 5 waiting · 3 done · 1 failed · $4.20 spent + $10.00 reserved of $50.00
//! ```

use std::collections::BTreeMap;

use autoissue_core::bus::{Envelope, Progress};
use autoissue_core::engine::{Engine, Event, IssueNumber, Outcome, Stage, Task, Usd};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Reporter;
use super::plain::{agent_line, line};
use crate::console::Console;
use crate::local_time::{LocalTime, now_ms, span};
use crate::narration::{Tone, narrate, title};
use crate::printable::one_line;

/// Draws the live screen.
pub(crate) struct Live {
    screen: MultiProgress,
    slots: BTreeMap<IssueNumber, Slot>,
    foot: ProgressBar,
    time: LocalTime,
    console: Console,
}

/// One line of an attempt in flight.
struct Slot {
    bar: ProgressBar,
    since_ms: u64,
    said: String,
}

impl Live {
    /// Takes the lower end of the terminal.
    pub(crate) fn new(time: LocalTime, console: Console) -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let foot = screen.add(bar());
        Self { screen, slots: BTreeMap::new(), foot, time, console }
    }

    fn scroll(&self, line: &str) {
        // The screen is a courtesy; the journal has it all.
        let _ = self.screen.println(self.console.redaction.apply(line));
    }

    /// Gives each attempt in flight its line, and takes away those of others.
    fn sync(&mut self, engine: &Engine, at_ms: u64) {
        let running: Vec<IssueNumber> = engine.running().map(|task| task.issue.number).collect();
        let Self { screen, slots, foot, .. } = self;
        slots.retain(|issue, slot| {
            let stays = running.contains(issue);
            if !stays {
                slot.bar.finish_and_clear();
                screen.remove(&slot.bar);
            }
            stays
        });
        for issue in running {
            slots.entry(issue).or_insert_with(|| Slot {
                bar: screen.insert_before(foot, bar()),
                since_ms: at_ms,
                said: String::new(),
            });
        }
    }

    fn draw(&self, engine: &Engine) {
        let now = now_ms();
        for (issue, slot) in &self.slots {
            if let Some(task) = engine.task(*issue) {
                slot.bar.set_message(slot_line(task, now.saturating_sub(slot.since_ms), &slot.said));
            }
        }
        self.foot.set_message(foot_line(engine));
    }
}

impl Reporter for Live {
    fn event(&mut self, envelope: &Envelope<Event>, engine: &Engine) {
        for sentence in narrate(&envelope.event, engine, &self.time) {
            if self.console.verbose || sentence.tone != Tone::Detail {
                self.scroll(&line(&sentence, envelope.at_ms, &self.time, self.console.err));
            }
        }
        self.sync(engine, envelope.at_ms);
        self.draw(engine);
    }

    fn progress(&mut self, progress: &Progress) {
        let Some(said) = agent_line(progress) else { return };
        if self.console.verbose {
            self.scroll(&format!("          #{} │ {said}", progress.issue));
        }
        if let Some(slot) = self.slots.get_mut(&IssueNumber(progress.issue)) {
            slot.said = self.console.redaction.apply(&said);
        }
    }

    fn notice(&mut self, text: &str) {
        self.scroll(text);
    }

    fn tick(&mut self, engine: &Engine) {
        self.draw(engine);
    }

    fn finish(&mut self) {
        let _ = self.screen.clear();
    }
}

fn bar() -> ProgressBar {
    // The wide message is cut to the width of the terminal.
    let style = ProgressStyle::with_template("{wide_msg}").expect("the template names a key that exists");
    ProgressBar::new_spinner().with_style(style)
}

/// Returns the line of an attempt in flight.
fn slot_line(task: &Task, running_ms: u64, said: &str) -> String {
    let metered = task.attempt().map_or(Usd::ZERO, |attempt| attempt.metered);
    let mut parts = [
        format!("{} {}", task.issue.number, one_line(task.domain())),
        task.stage_name().to_owned(),
        span(running_ms),
        (task.spent + metered).to_string(),
        if said.is_empty() { title(&task.issue.title) } else { said.to_owned() },
    ];
    if let Some(attempt) = task.attempt().filter(|attempt| 1 < attempt.number) {
        parts[1] = format!("{}, attempt {}", parts[1], attempt.number);
    }
    parts.join(" · ")
}

/// Returns the line of queue and money.
fn foot_line(engine: &Engine) -> String {
    let count = |belongs: fn(&Task) -> bool| engine.tasks().values().filter(|task| belongs(task)).count();
    let running = count(|task| task.attempt().is_some());
    let waiting = count(|task| matches!(task.stage, Stage::Classifying | Stage::Choosing | Stage::Waiting { .. }));
    let done = count(|task| task.outcome().is_some_and(Outcome::is_success));
    let others = count(|task| task.outcome().is_some_and(|outcome| !outcome.is_success()));
    let ledger = engine.ledger();
    let money = format!("{} spent + {} reserved of {}", ledger.spent, ledger.reserved, ledger.budget);
    format!("{running} running · {waiting} waiting · {done} done · {others} not done · {money}")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::{admitted, at_work, shipped};

    #[test]
    fn the_screen_tells_who_works_and_what_is_left() {
        let mut events = admitted(
            Default::default(),
            &[(1, "One", "backend"), (2, "Two\u{1b}[5m", "database"), (3, "Three", "backend")],
        );
        events.extend(shipped(1, 30, 42));
        events.extend(at_work(2, 2));
        events.push(Event::SpendMetered { issue: IssueNumber(2), attempt: 2, spent: Usd::from_cents(40) });
        let engine = Engine::replay(&events);
        let task = engine.task(IssueNumber(2)).unwrap();
        let screen = [slot_line(task, 185_000, ""), slot_line(task, 185_000, "Reading src"), foot_line(&engine)];
        assert_snapshot!(screen.join("\n"), @"
        #2 database · agent, attempt 2 · 3 min 5 s · $0.40 · Two
        #2 database · agent, attempt 2 · 3 min 5 s · $0.40 · Reading src
        1 running · 1 waiting · 1 done · 0 not done · $0.42 spent + $5.00 reserved of $50.00
        ");
    }
}
