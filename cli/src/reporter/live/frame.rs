//! The content of the live screen, as lines for a terminal of any size.
//!
//! ```text
//! ── 2 running · 5 waiting · 3 done · 1 failed ───────── 20261122-1315-7f3a · 1 h 12 min ──
//!  #12  agent   3 min 5 s  $0.40  backend · sonnet  Fix the login page
//!       Reading src/session.rs
//!  #15  checks       20 s  $1.10  frontend · opus   Make the button blue
//!  queue  #16  Limit the tries · domain backend is busy with #12
//!         4 more
//!  ended  #7  done: pull request #30 · $0.42
//!  ███▒▒▒▒▒▒▒▒░░░░░░░░░  $4.20 spent · $10.00 reserved · of $50.00
//! ```
//!
//! If there is not enough space, the agents' lines are dropped first, then the ended tasks, then
//! the queue. Progress and cost stay. Pure: takes a view, returns lines.

use std::collections::BTreeMap;

use autoissue_core::chronicle::{Chronicle, Money, TaskStatus};
use autoissue_core::engine::{IssueNumber, Phase, Task, TaskState, Time, Usd};

use crate::local_time::{LocalTime, span};
use crate::narration::{blocked, counted_state, stage_of_plan, title};
use crate::printable::{cut, one_line, pad, width};
use crate::screen::{Line, Style};

/// Number of waiting tasks shown with their reason; `autoissue status` lists all.
const N_WAITING_MAX: usize = 3;
/// Minimum width of a title, in columns; below that it is dropped.
const TITLE_COLUMNS_MIN: usize = 8;
/// Width below which the title of a waiting task does not shrink. Its reason matters more.
const QUEUED_TITLE_COLUMNS_MIN: usize = 16;
/// Terminals narrower than this do not show attempt numbers.
const NARROW_COLUMNS: usize = 50;
/// Width of the budget bar, and of the narrowest terminal that shows it, in columns.
const BAR_COLUMNS: usize = 20;
const BAR_FROM_COLUMNS: usize = 70;

/// Everything on the screen.
pub(super) struct View<'a> {
    /// Session ID.
    pub(super) session: &'a str,
    /// State of the session.
    pub(super) chronicle: &'a Chronicle,
    /// The last line of each running attempt's agent.
    pub(super) agents_said: &'a BTreeMap<IssueNumber, String>,
    /// The last output outside of attempts: setup and checks on the base.
    pub(super) said: &'a str,
    /// How the last tasks ended, newest last.
    pub(super) ends: &'a [(IssueNumber, Style, String)],
    /// A message of autoissue itself.
    pub(super) notice: Option<&'a str>,
    /// Current time, in milliseconds since the Unix epoch.
    pub(super) now_ms: u64,
    /// Time zone for display.
    pub(super) time: &'a LocalTime,
}

/// Returns the lines of the screen, limited to the given columns and rows.
pub(super) fn lines(view: &View<'_>, columns: usize, rows: usize) -> Vec<Line> {
    let mut above = vec![view.head(columns)];
    above.extend(view.phase());
    let below: Vec<Line> = view
        .notice
        .map(notice)
        .into_iter()
        .chain(view.money(columns))
        .collect();
    let mut room = rows.saturating_sub(above.len() + below.len());
    let mut middle = view.slots(columns, &mut room);
    middle.extend(view.queue(columns, &mut room));
    middle.extend(view.ends(&mut room));
    let all = above.into_iter().chain(middle).chain(below);
    // In the smallest terminals not even the first lines fit, and the last ones matter more.
    let mut lines: Vec<Line> = all.map(|line| line.cut(columns)).collect();
    lines.drain(..lines.len().saturating_sub(rows));
    lines
}

impl View<'_> {
    /// Returns the state of the session, as a rule between the log and the screen.
    fn head(&self, columns: usize) -> Line {
        let counts = Line::default().with(Style::Dim, "── ");
        let counts =
            self.counts()
                .into_iter()
                .enumerate()
                .fold(counts, |line, (index, (style, text))| {
                    let line = if index == 0 {
                        line
                    } else {
                        line.with(Style::Dim, " · ")
                    };
                    line.with(style, text)
                });
        let ran = span(self.chronicle.ran_ms(self.now_ms));
        let room = columns.saturating_sub(counts.width() + 1);
        let rights = [
            format!(" {} · {ran} ──", self.session),
            format!(" {ran} ──"),
        ];
        let right = rights
            .into_iter()
            .find(|right| width(right) < room)
            .unwrap_or_default();
        counts.with(
            Style::Dim,
            format!(" {}{right}", "─".repeat(room - width(&right))),
        )
    }

    fn counts(&self) -> Vec<(Style, String)> {
        const SHOWN: [(TaskStatus, Style); 8] = [
            (TaskStatus::Running, Style::Bold),
            (TaskStatus::Waiting, Style::Plain),
            (TaskStatus::Done, Style::Green),
            (TaskStatus::AlreadyOpen, Style::Green),
            (TaskStatus::AlreadyMerged, Style::Green),
            (TaskStatus::Failed, Style::Red),
            (TaskStatus::NeedsYou, Style::Yellow),
            (TaskStatus::NotStarted, Style::Yellow),
        ];

        let counts = self.chronicle.counts();
        let is_always_shown = |state| {
            matches!(
                state,
                TaskStatus::Running | TaskStatus::Waiting | TaskStatus::Done
            )
        };
        let shown = SHOWN
            .into_iter()
            .map(|(state, style)| (state, style, counts.n(state)))
            .filter(|&(state, _, n)| is_always_shown(state) || 0 < n);
        shown
            .map(|(state, style, n)| {
                (
                    if n == 0 { Style::Dim } else { style },
                    counted_state(n, state),
                )
            })
            .collect()
    }

    /// Describes what happens before the first task runs.
    fn phase(&self) -> Option<Line> {
        let engine = self.chronicle.engine();
        let doing = match engine.phase() {
            Phase::Intake { .. } => "reading the backlog".to_owned(),
            Phase::Preparing => format!(
                "classifying the backlog: {} of {}",
                self.chronicle.n_prepared(),
                self.chronicle.counts().total
            ),
            Phase::BaseCheck => "running the checks on the base".to_owned(),
            Phase::Decomposing | Phase::Confirming | Phase::Creating => stage_of_plan(engine)?,
            Phase::New | Phase::Running | Phase::Over(_) => return None,
        };
        let said = if self.said.is_empty() {
            String::new()
        } else {
            format!(" · {}", self.said)
        };
        Some(
            Line::default()
                .with(Style::Plain, format!(" {doing}"))
                .with(Style::Dim, said),
        )
    }

    /// Returns a line per running attempt, and a second one with its agent's output if there is
    /// space for all of them.
    fn slots(&self, columns: usize, room: &mut usize) -> Vec<Line> {
        let running: Vec<&Task> = self.chronicle.running().collect();
        let is_crowded = *room < running.len();
        let n_shown = if is_crowded {
            room.saturating_sub(1)
        } else {
            running.len()
        };
        let shown = running.get(..n_shown).unwrap_or_default();
        let says = 2 * shown.len() <= *room;
        let mut lines = Vec::new();
        for (task, line) in shown.iter().zip(self.slot_lines(shown, columns)) {
            lines.push(line);
            // The line stays even if empty, so that the screen does not jump.
            if says {
                lines.push(
                    Line::default().with(Style::Dim, format!("      {}", self.said_by(task))),
                );
            }
        }
        if is_crowded && 0 < *room {
            lines.push(Line::default().with(
                Style::Dim,
                format!(" and {} more running", running.len() - n_shown),
            ));
        }
        *room = room.saturating_sub(lines.len());
        lines
    }

    /// Returns what an attempt waits for, or its agent's last line.
    fn said_by(&self, task: &Task) -> String {
        let waits = self
            .chronicle
            .engine()
            .blocked(task.issue.number, Time::from_ms(self.now_ms));
        let waits = waits.map(|why| blocked(&why, self.time));
        waits
            .or_else(|| self.agents_said.get(&task.issue.number).cloned())
            .unwrap_or_default()
    }

    fn slot_lines(&self, tasks: &[&Task], columns: usize) -> Vec<Line> {
        let rows: Vec<[String; 4]> = tasks
            .iter()
            .map(|task| self.slot_cells(task, NARROW_COLUMNS <= columns))
            .collect();
        let widest = |cell: usize| rows.iter().map(|row| width(&row[cell])).max().unwrap_or(0);
        let widths: [usize; 4] = std::array::from_fn(widest);
        let names: Vec<[String; 2]> = tasks.iter().map(|task| names(task)).collect();
        let fixed = 1 + widths.iter().sum::<usize>() + 2 * widths.len();
        let room = columns.saturating_sub(fixed);
        // Choose the longer form of domain and model if it leaves space for a title.
        let shape = (0..2).rev().find_map(|shape| {
            let widest = names
                .iter()
                .map(|names| width(&names[shape]))
                .max()
                .unwrap_or(0);
            (widest + 2 + TITLE_COLUMNS_MIN <= room).then_some((shape, widest))
        });
        let line = |((task, cells), names): ((&&Task, &[String; 4]), &[String; 2])| {
            let [issue, stage, ran, cost] = std::array::from_fn(|cell| {
                let missing = " ".repeat(widths[cell] - width(&cells[cell]));
                // Right-align numbers, left-align words.
                if cell < 2 {
                    format!("{}{missing}", cells[cell])
                } else {
                    format!("{missing}{}", cells[cell])
                }
            });
            let line = Line::default().with(Style::Bold, format!(" {issue}"));
            let line = line.with(Style::Plain, format!("  {stage}  {ran}  {cost}"));
            let line = match shape {
                Some((shape, widest)) => {
                    line.with(Style::Dim, format!("  {}", pad(&names[shape], widest)))
                }
                None => line,
            };
            if room < TITLE_COLUMNS_MIN {
                line
            } else {
                line.with(Style::Plain, format!("  {}", title(&task.issue.title)))
            }
        };
        tasks.iter().zip(&rows).zip(&names).map(line).collect()
    }

    fn slot_cells(&self, task: &Task, is_wide: bool) -> [String; 4] {
        let attempt = task.attempt();
        let stage = match attempt.filter(|attempt| is_wide && 1 < attempt.number) {
            Some(attempt) => format!("{}, attempt {}", task.stage_name(), attempt.number),
            None => task.stage_name().to_owned(),
        };
        let since = self.chronicle.running_since_ms(task.issue.number);
        let since = since.unwrap_or(self.now_ms);
        [
            task.issue.number.to_string(),
            stage,
            span(self.now_ms.saturating_sub(since)),
            task.spent_now().to_string(),
        ]
    }

    /// Returns the next tasks, each with what it waits for.
    fn queue(&self, columns: usize, room: &mut usize) -> Vec<Line> {
        if *self.chronicle.engine().phase() != Phase::Running {
            return Vec::new();
        }
        let mut waiting: Vec<&Task> = self
            .chronicle
            .engine()
            .tasks()
            .values()
            .filter(|task| matches!(task.state, TaskState::Waiting { .. }))
            .collect();
        waiting.sort_by_key(|task| {
            (
                task.issue.priority(),
                task.issue.created_at,
                task.issue.number,
            )
        });
        let n_shown = waiting.len().min(N_WAITING_MAX).min(*room);
        let n_more = waiting.len() - n_shown;
        // The line with the number of other tasks replaces one of them.
        let n_shown = if 0 < n_more && n_shown == *room {
            n_shown.saturating_sub(1)
        } else {
            n_shown
        };
        let why = |task: &Task| {
            let why = self
                .chronicle
                .engine()
                .blocked(task.issue.number, Time::from_ms(self.now_ms));
            let why = why.map(|why| blocked(&why, self.time)).unwrap_or_default();
            format!(" · {why}")
        };
        let mut lines = Vec::new();
        for (index, task) in waiting[..n_shown].iter().enumerate() {
            let line = label("queue", index).with(Style::Plain, format!("{}  ", task.issue.number));
            let why = why(task);
            let left = columns.saturating_sub(line.width() + width(&why));
            let title = cut(
                &title(&task.issue.title),
                left.max(QUEUED_TITLE_COLUMNS_MIN),
            );
            lines.push(line.with(Style::Plain, title).with(Style::Dim, why));
        }
        if n_shown < waiting.len() && lines.len() < *room {
            let n_more = waiting.len() - n_shown;
            let line = label("queue", n_shown);
            lines.push(line.with(
                Style::Dim,
                if n_shown == 0 {
                    n_more.to_string()
                } else {
                    format!("and {n_more} more")
                },
            ));
        }
        *room = room.saturating_sub(lines.len());
        lines
    }

    /// Returns how the last tasks ended, newest last.
    fn ends(&self, room: &mut usize) -> Vec<Line> {
        fn line((index, (issue, style, text)): (usize, &(IssueNumber, Style, String))) -> Line {
            label("ended", index)
                .with(Style::Plain, format!("{issue}  "))
                .with(*style, text)
        }

        let shown = &self.ends[self.ends.len().saturating_sub(*room)..];
        *room -= shown.len();
        shown.iter().enumerate().map(line).collect()
    }

    /// Returns the cost, as soon as the budget is known.
    fn money(&self, columns: usize) -> Option<Line> {
        if *self.chronicle.engine().phase() == Phase::New {
            return None;
        }
        let money = self.chronicle.money();
        let line = if BAR_FROM_COLUMNS <= columns {
            bar(&money)
        } else {
            Line::default().with(Style::Plain, " ")
        };
        let spent = if money.budget < money.spent {
            Style::Red
        } else {
            Style::Bold
        };
        let line = line.with(spent, money.spent.to_string());
        let whole = line.clone().with(
            Style::Plain,
            format!(" spent · {} reserved · of {}", money.reserved, money.budget),
        );
        if whole.width() <= columns {
            return Some(whole);
        }
        Some(line.with(
            Style::Plain,
            format!(" + {} of {}", money.reserved, money.budget),
        ))
    }
}

/// Returns domain and model of a task in a short and a long form.
fn names(task: &Task) -> [String; 2] {
    let domain = one_line(task.domain());
    let long = match task.model.as_deref() {
        Some(model) => format!("{domain} · {}", one_line(model)),
        None => domain.clone(),
    };
    [domain, long]
}

/// Returns the start of a line in a group: the group's name on the first line.
fn label(name: &str, index: usize) -> Line {
    Line::default().with(
        Style::Dim,
        format!(" {:<7}", if index == 0 { name } else { "" }),
    )
}

fn notice(text: &str) -> Line {
    Line::default().with(Style::Yellow, format!(" {text}"))
}

/// Returns a bar of the money spent, reserved and available.
fn bar(money: &Money) -> Line {
    let cells = |amount: Usd| {
        let budget = money.budget.micros().max(1);
        let share = amount
            .micros()
            .max(0)
            .saturating_mul(i64::try_from(BAR_COLUMNS).unwrap_or(0));
        // Rounded up, so that a small amount is visible.
        usize::try_from((share + budget - 1) / budget).unwrap_or(0)
    };
    let spent = cells(money.spent).min(BAR_COLUMNS);
    let reserved = cells(money.reserved).min(BAR_COLUMNS - spent);
    let left = BAR_COLUMNS - spent - reserved;
    let line = Line::default().with(
        Style::Plain,
        format!(" {}{}", "█".repeat(spent), "▒".repeat(reserved)),
    );
    line.with(Style::Dim, "░".repeat(left))
        .with(Style::Plain, "  ")
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::{
        AttemptEvent, Event, IntakeEvent, Outcome, SessionEvent, Settings,
    };
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::{
        a_second_apart, accepted, admitted, at_work, check_failed, finished, shipped, started,
    };

    /// A session in full swing: two tasks run, four wait, three have ended.
    fn session_events() -> Vec<Event> {
        let issues = [
            (1, "Ship me", "backend"),
            (2, "Break me", "frontend"),
            (7, "Needs someone", "database"),
            (12, "Fix the login page\u{1b}[2J", "backend"),
            (
                15,
                "ログイン画面のボタンを青くする: make the button of the login page blue on every page",
                "frontend",
            ),
            (16, "Limit the tries", "backend"),
            (17, "Count the tries", "backend"),
            (18, "Say how many tries are left", "frontend"),
            (19, "Explain the tries", "documentation"),
        ];
        let settings = Settings {
            n_slots: 2,
            ..Settings::default()
        };
        let mut events = admitted(settings, &issues);
        events.extend(shipped(1, 30, 42));
        events.extend(check_failed(2, 310));
        events.push(finished(
            7,
            Outcome::NeedsYou {
                message: "its dependencies conflict".to_owned(),
            },
        ));
        events.extend(at_work(12, 1));
        events.extend(at_work(15, 2));
        events.push(Event::Attempt(AttemptEvent::Metered {
            issue: IssueNumber(15),
            attempt: 2,
            spent: Usd::from_cents(110),
        }));
        events
    }

    /// 1 h 12 min after the session began.
    const NOW_MS: u64 = 4_320_000;

    /// Returns the state after some events: the first happened at 0, the attempts of #12 and #15
    /// started at their own times, and all others happen now.
    fn told_by(events: &[Event]) -> Chronicle {
        let mut envelopes = a_second_apart(events);
        let mut at_ms = 0;
        for envelope in &mut envelopes {
            if let Event::Attempt(AttemptEvent::Started { issue, .. }) = &envelope.event {
                at_ms = match issue.0 {
                    12 => 4_135_000,
                    15 => 4_300_000,
                    _ => NOW_MS,
                };
            }
            envelope.at_ms = at_ms;
        }
        Chronicle::of(&envelopes)
    }

    /// Returns the screen of a session after some events.
    fn screen(events: &[Event], notice: Option<&str>, columns: usize, rows: usize) -> String {
        let chronicle = told_by(events);
        let agents_said = [
            (12, "Reading src/session.rs"),
            (
                15,
                "npm test: 14 passed, 日本語の行, and a line that is longer than a terminal is wide",
            ),
        ];
        let agents_said = agents_said.map(|(issue, said)| (IssueNumber(issue), said.to_owned()));
        let ends = [
            (
                IssueNumber(1),
                Style::Green,
                "done: pull request #30 · $0.42".to_owned(),
            ),
            (
                IssueNumber(2),
                Style::Red,
                "failed: check `test` (exit code 1) failed · $3.10".to_owned(),
            ),
            (
                IssueNumber(7),
                Style::Yellow,
                "needs you: its dependencies conflict · $0.00".to_owned(),
            ),
        ];
        let ends = if chronicle.running().next().is_some() {
            &ends[..]
        } else {
            &[]
        };
        let view = View {
            session: "20261122-1315-7f3a",
            chronicle: &chronicle,
            agents_said: &BTreeMap::from(agents_said),
            said: "",
            ends,
            notice,
            now_ms: NOW_MS,
            time: &LocalTime::utc(),
        };
        let lines = lines(&view, columns, rows);
        assert!(
            lines.len() <= rows && lines.iter().all(|line| line.width() <= columns),
            "{lines:?}"
        );
        lines
            .iter()
            .map(|line| line.text().trim_end().to_owned() + "\n")
            .collect()
    }

    #[test]
    fn a_usual_terminal_shows_everything() {
        assert_snapshot!(screen(&session_events(), None, 79, 17), @"
        ── 2 running · 4 waiting · 1 done · 1 failed · 1 needs you ────── 1 h 12 min ──
         #12  agent             3 min 5 s  $0.00  backend · sonnet   Fix the login page
              Reading src/session.rs
         #15  agent, attempt 2       20 s  $1.10  frontend · sonnet  ログイン画面のボ…
              npm test: 14 passed, 日本語の行, and a line that is longer than a termin…
         queue  #16  Limit the tries · all 2 slots are taken
                #17  Count the tries · all 2 slots are taken
                #18  Say how many tries are left · all 2 slots are taken
                and 1 more
         ended  #1  done: pull request #30 · $0.42
                #2  failed: check `test` (exit code 1) failed · $3.10
                #7  needs you: its dependencies conflict · $0.00
         ██▒▒▒▒░░░░░░░░░░░░░░  $4.62 spent · $8.90 reserved · of $50.00
        ");
    }

    #[test]
    fn a_large_terminal_has_room_for_whole_titles() {
        assert_snapshot!(screen(&session_events(), None, 199, 53), @"
        ── 2 running · 4 waiting · 1 done · 1 failed · 1 needs you ───────────────────────────────────────────────────────────────────────────────────────────────────────── 20261122-1315-7f3a · 1 h 12 min ──
         #12  agent             3 min 5 s  $0.00  backend · sonnet   Fix the login page
              Reading src/session.rs
         #15  agent, attempt 2       20 s  $1.10  frontend · sonnet  ログイン画面のボタンを青くする: make the button of the login page blue on every…
              npm test: 14 passed, 日本語の行, and a line that is longer than a terminal is wide
         queue  #16  Limit the tries · all 2 slots are taken
                #17  Count the tries · all 2 slots are taken
                #18  Say how many tries are left · all 2 slots are taken
                and 1 more
         ended  #1  done: pull request #30 · $0.42
                #2  failed: check `test` (exit code 1) failed · $3.10
                #7  needs you: its dependencies conflict · $0.00
         ██▒▒▒▒░░░░░░░░░░░░░░  $4.62 spent · $8.90 reserved · of $50.00
        ");
    }

    #[test]
    fn a_small_terminal_shows_how_it_is_going_and_who_works() {
        assert_snapshot!(screen(&session_events(), None, 39, 6), @"
        ── 2 running · 4 waiting · 1 done · 1 …
         #12  agent  3 min 5 s  $0.00  Fix the…
              Reading src/session.rs
         #15  agent       20 s  $1.10  ログイ…
              npm test: 14 passed, 日本語の行,…
         $4.62 + $8.90 of $50.00
        ");
    }

    #[test]
    fn the_smallest_terminals_show_what_fits() {
        assert_snapshot!(screen(&session_events(), None, 20, 3), @"
        ── 2 running · 4 wa…
         and 2 more running
         $4.62 + $8.90 of $…
        ");
        assert_snapshot!(screen(&session_events(), None, 20, 1), @" $4.62 + $8.90 of $…");
        assert_eq!(screen(&session_events(), None, 79, 0), "");
        screen(&session_events(), None, 1, 17);
        screen(&session_events(), None, 0, 17);
    }

    #[test]
    fn every_size_is_kept_to() {
        for columns in 0..120 {
            for rows in [0, 1, 2, 3, 4, 5, 7, 11, 30] {
                screen(&session_events(), Some("stopping"), columns, rows);
            }
        }
    }

    #[test]
    fn many_slots_are_counted_where_they_do_not_fit() {
        let issues: Vec<(u64, String)> = (1..=9)
            .map(|number| (number, format!("Issue {number}")))
            .collect();
        let issues: Vec<(u64, &str, &str)> = issues
            .iter()
            .map(|(n, title)| (*n, title.as_str(), "backend"))
            .collect();
        let mut events = admitted(
            Settings {
                n_slots: 8,
                ..Settings::default()
            },
            &issues,
        );
        (1..=8).for_each(|number| events.extend(at_work(number, 1)));
        assert_snapshot!(screen(&events, None, 79, 6), @"
        ── 8 running · 1 waiting · 0 done ────────── 20261122-1315-7f3a · 1 h 12 min ──
         #1  agent  0 s  $0.00  backend · sonnet  Issue 1
         #2  agent  0 s  $0.00  backend · sonnet  Issue 2
         #3  agent  0 s  $0.00  backend · sonnet  Issue 3
         and 5 more running
         ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒░░░░  $0.00 spent · $40.00 reserved · of $50.00
        ");
    }

    #[test]
    fn a_waiting_title_shrinks_before_the_reason_is_cut() {
        let issues = [
            (1, "Fix the login page", "backend"),
            (
                2,
                "Let people sort the list of orders by date and by name",
                "backend",
            ),
        ];
        let settings = Settings {
            n_slots: 1,
            ..Settings::default()
        };
        let mut events = admitted(settings, &issues);
        events.extend(at_work(1, 1));
        let queue = |columns| {
            let screen = screen(&events, None, columns, 17);
            let line = screen.lines().find(|line| line.contains("queue"));
            line.unwrap_or_default().to_owned()
        };
        assert_snapshot!([79, 59, 39].map(queue).join("\n"), @"
        queue  #2  Let people sort the list of orders by dat… · the only slot is taken
        queue  #2  Let people sort the l… · the only slot is taken
        queue  #2  Let people sort… · the onl…
        ");
    }

    #[test]
    fn no_budget_is_shown_before_it_is_known() {
        assert_snapshot!(screen(&[], None, 79, 9), @"── 0 running · 0 waiting · 0 done ───────────────── 20261122-1315-7f3a · 0 s ──");
    }

    #[test]
    fn a_notice_stays_on_the_screen() {
        let events = [
            session_events(),
            vec![Event::Session(SessionEvent::InterruptRequested)],
        ]
        .concat();
        assert_snapshot!(screen(&events, Some("stopping: waiting for agents to exit; press Ctrl-C again to kill them"), 79, 9), @"
        ── 2 running · 4 waiting · 1 done · 1 failed · 1 needs you ────── 1 h 12 min ──
         #12  agent             3 min 5 s  $0.00  backend · sonnet   Fix the login page
              Reading src/session.rs
         #15  agent, attempt 2       20 s  $1.10  frontend · sonnet  ログイン画面のボ…
              npm test: 14 passed, 日本語の行, and a line that is longer than a termin…
         queue  #16  Limit the tries · the session is stopping
                and 3 more
         stopping: waiting for agents to exit; press Ctrl-C again to kill them
         ██▒▒▒▒░░░░░░░░░░░░░░  $4.62 spent · $8.90 reserved · of $50.00
        ");
    }

    #[test]
    fn before_the_first_task_runs_the_phase_is_shown() {
        let mut events = vec![started(Settings::default())];
        assert_snapshot!(screen(&events, None, 79, 9), @"
        ── 0 running · 0 waiting · 0 done ────────── 20261122-1315-7f3a · 1 h 12 min ──
         reading the backlog
         ░░░░░░░░░░░░░░░░░░░░  $0.00 spent · $0.00 reserved · of $50.00
        ");
        events.extend([
            accepted(1, "One"),
            accepted(2, "Two"),
            Event::Intake(IntakeEvent::BacklogRead {
                n_issues: 2,
                warnings: Vec::new(),
                n_api_calls: 0,
            }),
        ]);
        events.push(crate::fixture::classified(1, "backend"));
        events.push(crate::fixture::model_selected(1));
        assert_snapshot!(screen(&events, None, 79, 9), @"
        ── 0 running · 2 waiting · 0 done ────────── 20261122-1315-7f3a · 1 h 12 min ──
         classifying the backlog: 1 of 2
         ░░░░░░░░░░░░░░░░░░░░  $0.00 spent · $0.00 reserved · of $50.00
        ");
    }

    #[test]
    fn money_is_shown_as_it_is() {
        assert_snapshot!([bar_text(0, 0), bar_text(1, 0), bar_text(500, 250), bar_text(999, 1), bar_text(1_050, 0)].join("\n"), @"
        ░░░░░░░░░░░░░░░░░░░░
        █░░░░░░░░░░░░░░░░░░░
        ██████████▒▒▒▒▒░░░░░
        ████████████████████
        ████████████████████
        ");
        assert_eq!(
            width(&super::bar(&Money::default()).text()),
            1 + BAR_COLUMNS + 2
        );
    }

    fn bar_text(spent: i64, reserved: i64) -> String {
        let [budget, spent, reserved] = [1_000, spent, reserved].map(Usd::from_cents);
        bar(&Money {
            budget,
            spent,
            reserved,
            ..Money::default()
        })
        .text()
        .trim_end()
        .to_owned()
    }
}
