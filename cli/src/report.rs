//! The closing report: what came of a session, for the person who reads it in the morning. It does not flatter.
//!
//! ```text
//!   what it was · shipped · open already · needs you · failed and why · not started and why
//!   · what could not be verified · money · where things lie · what to type next
//! ```
//!
//! Made of the engine's final state alone, so it can be shown again for any session of the journal.

use std::path::PathBuf;

use autoissue_core::engine::{Engine, NotStarted, Outcome, Phase, RedBase, SessionStatus, Task, Usd};
use autoissue_core::summary::cost_per_pull_request;

use crate::console::Paint;
use crate::host::quoted;
use crate::local_time::{LocalTime, span};
use crate::narration::{counted, diff_stat, message, title};
use crate::printable::{one_line, pad, width};

/// What the report is made of.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// Session id.
    pub(crate) session: &'a str,
    /// Its final state.
    pub(crate) engine: &'a Engine,
    /// When it began, milliseconds since the Unix epoch.
    pub(crate) started_at_ms: u64,
    /// When it ended; `None` where it has not.
    pub(crate) finished_at_ms: Option<u64>,
    /// Directory of its transcripts.
    pub(crate) transcripts: Option<PathBuf>,
    /// The repository that keeps work which did not become a pull request.
    pub(crate) mirror: Option<PathBuf>,
    /// How times are shown.
    pub(crate) time: &'a LocalTime,
    /// Colours.
    pub(crate) paint: Paint,
}

/// A group of tasks that ended alike.
struct Section {
    heading: String,
    rows: Vec<Row>,
}

/// One line about a task, and what belongs below it.
struct Row {
    issue: String,
    title: String,
    what: String,
    below: Vec<String>,
}

/// Widest title that others are aligned to, columns.
const TITLE_COLUMNS: usize = 44;

impl Report<'_> {
    /// Returns the report as lines of text.
    pub(crate) fn text(&self) -> String {
        let mut parts = vec![self.head()];
        parts.extend(
            self.sections().into_iter().filter(|section| !section.rows.is_empty()).map(|section| self.render(&section)),
        );
        parts.extend(self.unverified());
        parts.push(self.foot());
        parts.join("\n")
    }

    fn head(&self) -> String {
        let about = self.engine.about();
        let (repository, label) = (one_line(&about.repository), one_line(&about.label));
        let mut head =
            format!("{} · {repository} · label `{label}` · {}\n", self.paint.bold(self.session), self.times());
        if let Some(line) = self.verdict() {
            head.push_str(&line);
            head.push('\n');
        }
        head
    }

    fn times(&self) -> String {
        let started = self.time.day_and_minute(self.started_at_ms);
        let Some(finished) = self.finished_at_ms else { return format!("since {started}") };
        let ran = span(finished.saturating_sub(self.started_at_ms));
        format!("{started} to {} ({ran})", self.time.minute(finished))
    }

    /// Returns the one line that matters, where the session as a whole did not just run to its end.
    fn verdict(&self) -> Option<String> {
        let label = one_line(&self.engine.about().label);
        match self.engine.phase() {
            Phase::Over(SessionStatus::Failed { message: why, .. }) => Some(self.paint.red(message(why))),
            Phase::Over(SessionStatus::Completed) if self.engine.tasks().is_empty() => {
                Some(format!("no open issue carries the label `{label}`"))
            }
            _ if self.engine.to_mend().is_some() => {
                let what = message(self.engine.to_mend().unwrap_or_default());
                Some(
                    self.paint.red(format!("{what}: mend this; finished work waits for it, and nothing is paid again")),
                )
            }
            _ if self.engine.is_interrupted() => {
                let line = "interrupted: what was done is saved, nothing runs any more";
                Some(self.paint.yellow(line))
            }
            _ => None,
        }
    }

    fn sections(&self) -> [Section; 6] {
        let of = |belongs: fn(&Task) -> bool, what: fn(&Task) -> String| -> Vec<Row> {
            self.engine.tasks().values().filter(|task| belongs(task)).map(|task| row(task, what(task))).collect()
        };
        let section = |heading: String, rows: Vec<Row>| Section { heading, rows };
        [
            section(self.paint.green("shipped"), of(|task| is(task, Group::Shipped), shipped)),
            section("had an open pull request already".to_owned(), of(|task| is(task, Group::Open), already_open)),
            section(self.paint.yellow("needs you"), of(|task| is(task, Group::NeedsYou), reason)),
            section(self.paint.red("failed"), of(|task| is(task, Group::Failed), failed)),
            section("not started".to_owned(), of(|task| is(task, Group::NotStarted), reason)),
            section("not finished".to_owned(), of(|task| is(task, Group::Unfinished), unfinished)),
        ]
    }

    fn render(&self, section: &Section) -> String {
        let mut text = format!("{} ({})\n", section.heading, section.rows.len());
        let widest = |of: fn(&Row) -> &str| section.rows.iter().map(|row| width(of(row))).max().unwrap_or(0);
        let issues = widest(|row| &row.issue);
        let titles = widest(|row| &row.title).min(TITLE_COLUMNS);
        for row in &section.rows {
            let line = format!("  {}  {}  {}", pad(&row.issue, issues), pad(&row.title, titles), row.what);
            text.push_str(line.trim_end());
            text.push('\n');
            row.below.iter().for_each(|line| text.push_str(&format!("    {}\n", self.paint.dim(line))));
        }
        text
    }

    /// Returns what nobody can vouch for.
    fn unverified(&self) -> Option<String> {
        let engine = self.engine;
        let mut lines = Vec::new();
        let any_shipped = engine.tasks().values().any(|task| is(task, Group::Shipped));
        if any_shipped && !engine.settings().has_checks {
            lines.push(
                "no checks are configured: that the work is right is the agent's word alone (`executor.checks`)"
                    .to_owned(),
            );
        }
        for check in engine.base_checks().unwrap_or_default().iter().filter(|check| !check.passed) {
            let name = one_line(&check.name);
            lines.push(match engine.settings().red_base {
                RedBase::IgnoreKnown => {
                    format!("check `{name}` fails on the base already, so its failures did not count")
                }
                RedBase::Fail => format!("check `{name}` fails on the base already ({})", message(&check.ended)),
            });
        }
        if Usd::ZERO < engine.ledger().assumed {
            lines.push(format!("{} of the cost is assumed, for the agent did not tell it", engine.ledger().assumed));
        }
        lines.extend(engine.tasks().values().flat_map(doubts));
        if lines.is_empty() {
            return None;
        }
        let heading = self.paint.yellow("could not be verified");
        Some(format!("{heading}\n{}", lines.iter().map(|line| format!("  {line}\n")).collect::<String>()))
    }

    fn foot(&self) -> String {
        let ledger = self.engine.ledger();
        let mut foot = format!("spent {} of {}", ledger.spent, ledger.budget);
        if Usd::ZERO < ledger.assumed {
            foot.push_str(&format!(" ({} assumed)", ledger.assumed));
        }
        if let Some(cost) = cost_per_pull_request(self.engine) {
            foot.push_str(&format!(" · {cost} per pull request"));
        }
        foot.push('\n');
        for (plugin, n) in self.engine.n_undecided() {
            let times = counted(*n, "time");
            foot.push_str(&format!(
                "plugins     {} did not decide {times}; `autoissue show` tells why\n",
                one_line(plugin)
            ));
        }
        if let Some(directory) = self.transcripts.as_ref().filter(|_| self.any_attempt()) {
            foot.push_str(&format!("transcripts {}\n", directory.display()));
        }
        if let Some(mirror) = self.mirror.as_ref().filter(|_| self.engine.tasks().values().any(is_kept)) {
            foot.push_str(&format!("kept work   git fetch {} REF   with a ref from above\n", mirror.display()));
        }
        if let Some(next) = self.next() {
            foot.push_str(&format!("next        {}\n", self.paint.bold(next)));
        }
        foot
    }

    fn any_attempt(&self) -> bool {
        self.engine.tasks().values().any(|task| 0 < task.n_attempts)
    }

    /// Returns the next command to type.
    fn next(&self) -> Option<String> {
        let session = self.session;
        let label = quoted(&one_line(&self.engine.about().label));
        if self.engine.is_interrupted() {
            return Some(format!("autoissue resume {session}"));
        }
        match self.engine.phase() {
            Phase::Over(SessionStatus::Failed { budget: true, .. }) => {
                let needed = self.engine.tasks().values().map(|task| task.estimate).sum::<Usd>().dollars().ceil();
                return Some(format!(
                    "autoissue exec {label} --budget {needed:.0}    (or --allow-partial, or --issue N)"
                ));
            }
            Phase::Over(SessionStatus::Failed { .. }) => return Some("autoissue doctor".to_owned()),
            Phase::Over(SessionStatus::Completed) if self.engine.tasks().is_empty() => return None,
            Phase::Over(_) => {}
            _ => return Some(format!("autoissue status {session}")),
        }
        let first =
            |group: Group| self.engine.tasks().values().find(|task| is(task, group)).map(|task| task.issue.number.0);
        let out_of_money = |task: &Task| task.outcome() == Some(&Outcome::NotStarted { because: NotStarted::Budget });
        match first(Group::NeedsYou).or_else(|| first(Group::Failed)) {
            Some(issue) => Some(format!("autoissue show {session} {issue}")),
            None if self.engine.tasks().values().any(out_of_money) => {
                Some(format!("autoissue exec {label}    (with a new budget)"))
            }
            None => Some(format!("autoissue show {session}")),
        }
    }
}

/// The section that a task belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Shipped,
    Open,
    NeedsYou,
    Failed,
    NotStarted,
    Unfinished,
}

fn is(task: &Task, group: Group) -> bool {
    let of = match task.outcome() {
        None => Group::Unfinished,
        Some(Outcome::Done { .. }) => Group::Shipped,
        Some(Outcome::AlreadyOpen { .. }) => Group::Open,
        // The money of one task is a person's decision too.
        Some(Outcome::NeedsYou { .. } | Outcome::Budget { .. }) => Group::NeedsYou,
        Some(Outcome::NoChange | Outcome::Failed { .. }) => Group::Failed,
        Some(Outcome::Skipped { .. } | Outcome::NotStarted { .. }) => Group::NotStarted,
    };
    of == group
}

/// Returns whether work of a task is kept that did not become a pull request.
fn is_kept(task: &Task) -> bool {
    task.work.is_some() && !task.outcome().is_some_and(Outcome::is_success)
}

fn row(task: &Task, what: String) -> Row {
    let kept = task.work.as_ref().filter(|_| is_kept(task));
    let below = kept.map(|work| format!("work kept: {} ({})", one_line(&work.salvage_ref), diff_stat(work)));
    Row {
        issue: task.issue.number.to_string(),
        title: crate::printable::cut(&title(&task.issue.title), TITLE_COLUMNS),
        what,
        below: below.into_iter().collect(),
    }
}

fn shipped(task: &Task) -> String {
    let place = match task.outcome().and_then(Outcome::pull_request) {
        Some(pull) => one_line(&pull.url),
        None => task.publication.as_ref().map(|publication| one_line(&publication.branch)).unwrap_or_default(),
    };
    let stat = task.work.as_ref().map(diff_stat).unwrap_or_default();
    [place, stat, effort(task)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn already_open(task: &Task) -> String {
    task.outcome().and_then(Outcome::pull_request).map(|pull| one_line(&pull.url)).unwrap_or_default()
}

fn reason(task: &Task) -> String {
    let why = match task.outcome() {
        Some(Outcome::NeedsYou { message: why }) => message(why),
        Some(Outcome::NotStarted { because }) => message(&because.to_string()),
        Some(Outcome::Skipped { because }) => message(&because.to_string()),
        Some(outcome) => message(&outcome.to_string()),
        None => String::new(),
    };
    if task.n_attempts == 0 { why } else { format!("{why} · {}", effort(task)) }
}

fn failed(task: &Task) -> String {
    let why = match task.outcome() {
        Some(Outcome::NoChange) => "the agent changed nothing".to_owned(),
        Some(outcome) => message(&outcome.to_string()),
        None => String::new(),
    };
    format!("{why} · {}", effort(task))
}

fn unfinished(task: &Task) -> String {
    let stage = task.stage_name();
    if task.n_attempts == 0 { stage.to_owned() } else { format!("{stage} · {}", effort(task)) }
}

fn effort(task: &Task) -> String {
    format!("{} · {}", counted(task.n_attempts, "attempt"), task.spent)
}

/// Returns what a person should know of a task before merging it.
fn doubts(task: &Task) -> Vec<String> {
    let number = task.issue.number;
    let denied = task.report.as_ref().map(|report| report.denied.as_slice()).unwrap_or_default();
    let mut doubts = Vec::new();
    if !denied.is_empty() {
        doubts.push(format!("{number}: tools were denied to the agent: {}", message(&denied.join(", "))));
    }
    let notes = task.work.iter().flat_map(|work| &work.notes);
    doubts.extend(notes.map(|note| format!("{number}: {}", message(note))));
    doubts
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::{CheckResult, Event, IssueNumber, NotStarted, PullRequest, Settings, Skip};
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::{accepted, admitted, at_work, check_failed, completed, finished, shipped, started, worked};

    fn report(events: &[Event]) -> String {
        let engine = Engine::replay(events);
        let report = Report {
            session: "20261122-1315-7f3a",
            engine: &engine,
            started_at_ms: 1_795_353_300_000,
            finished_at_ms: Some(1_795_360_500_000),
            transcripts: Some(PathBuf::from("/state/sessions/20261122-1315-7f3a")),
            mirror: Some(PathBuf::from("/state/repos/sample/mirror.git")),
            time: &LocalTime::utc(),
            paint: Paint::default(),
        };
        report.text()
    }

    fn read(n_issues: u32) -> Event {
        Event::BacklogRead { n_issues, warnings: Vec::new(), n_api_calls: 0 }
    }

    #[test]
    fn a_good_night() {
        let settings = Settings { has_checks: true, ..Settings::default() };
        let mut events =
            admitted(settings, &[(12, "Fix the login", "backend"), (7, "Write the guide", "documentation")]);
        let passed = vec![CheckResult { passed: true, ..CheckResult::default() }];
        events.push(Event::BaseChecked { results: passed });
        events.extend(shipped(7, 30, 42));
        events.extend(shipped(12, 31, 158));
        events.push(completed());
        assert_snapshot!(report(&events), @"
        20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)

        shipped (2)
          #7   Write the guide  https://github.com/owner/shop/pull/30 · +34 −5 in 2 files · 1 attempt · $0.42
          #12  Fix the login    https://github.com/owner/shop/pull/31 · +34 −5 in 2 files · 1 attempt · $1.58

        spent $2.00 of $50.00 · $1.00 per pull request
        transcripts /state/sessions/20261122-1315-7f3a
        next        autoissue show 20261122-1315-7f3a
        ");
    }

    #[test]
    fn a_mixed_night_says_what_failed_and_what_nobody_checked() {
        let issues = [
            (1, "Ship me", "backend"),
            (2, "\u{1b}[31mBreak\u{202e} me in a title that is much longer than any column has room for", "frontend"),
            (3, "Merge by hand", "database"),
            (4, "Needs the second", "testing"),
            (5, "No money left", "security"),
            (6, "Was open", "unknown"),
        ];
        let mut events = admitted(Settings::default(), &issues);
        events.extend(shipped(1, 30, 42));
        events.extend(check_failed(2, 310));
        events.extend(worked(3, 1, 50));
        events.push(finished(3, Outcome::NeedsYou { message: "its dependencies conflict".to_owned() }));
        events.push(finished(4, Outcome::Skipped { because: Skip::DependsOn(IssueNumber(2)) }));
        events.push(finished(5, Outcome::NotStarted { because: NotStarted::Budget }));
        let pull_request = PullRequest { number: 9, url: "https://github.com/owner/shop/pull/9".to_owned() };
        events.push(finished(6, Outcome::AlreadyOpen { pull_request }));
        events.push(completed());
        assert_snapshot!(report(&events), @"
        20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)

        shipped (1)
          #1  Ship me  https://github.com/owner/shop/pull/30 · +34 −5 in 2 files · 1 attempt · $0.42

        had an open pull request already (1)
          #6  Was open  https://github.com/owner/shop/pull/9

        needs you (1)
          #3  Merge by hand  its dependencies conflict · 1 attempt · $0.50
            work kept: refs/autoissue/salvage/20261122-1315-7f3a/3/1 (+34 −5 in 2 files)

        failed (1)
          #2  Break me in a title that is much longer tha…  task: check `test` (exit code 1) failed · 1 attempt · $3.10
            work kept: refs/autoissue/salvage/20261122-1315-7f3a/2/1 (+34 −5 in 2 files)

        not started (2)
          #4  Needs the second  depends on #2
          #5  No money left     budget

        could not be verified
          no checks are configured: that the work is right is the agent's word alone (`executor.checks`)

        spent $4.02 of $50.00 · $4.02 per pull request
        transcripts /state/sessions/20261122-1315-7f3a
        kept work   git fetch /state/repos/sample/mirror.git REF   with a ref from above
        next        autoissue show 20261122-1315-7f3a 3
        ");
    }

    #[test]
    fn an_empty_backlog_is_said_to_be_empty() {
        let events = [started(Settings::default()), read(0), completed()];
        assert_snapshot!(report(&events), @"
        20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)
        no open issue carries the label `bug`

        spent $0.00 of $50.00
        ");
    }

    #[test]
    fn an_interrupted_night_ends_with_the_command_that_goes_on() {
        let mut events = admitted(Settings::default(), &[(1, "Ship me", "backend"), (2, "Cut off", "frontend")]);
        events.extend(shipped(1, 30, 42));
        events.extend(at_work(2, 1));
        events.push(Event::InterruptRequested);
        events.push(Event::SessionInterrupted);
        assert_snapshot!(report(&events), @"
        20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)
        interrupted: what was done is saved, nothing runs any more

        shipped (1)
          #1  Ship me  https://github.com/owner/shop/pull/30 · +34 −5 in 2 files · 1 attempt · $0.42

        not finished (1)
          #2  Cut off  agent · 1 attempt · $0.00

        could not be verified
          no checks are configured: that the work is right is the agent's word alone (`executor.checks`)

        spent $0.42 of $50.00 · $0.42 per pull request
        transcripts /state/sessions/20261122-1315-7f3a
        next        autoissue resume 20261122-1315-7f3a
        ");
    }

    #[test]
    fn a_backlog_that_cannot_be_paid_is_refused_with_what_it_would_take() {
        let mut events = admitted(Settings::default(), &[(1, "One", "backend"), (2, "Two", "frontend")]);
        events.pop();
        let because = NotStarted::Budget;
        events.extend([1, 2].map(|number| finished(number, Outcome::NotStarted { because: because.clone() })));
        let message = "cannot afford 2 tasks: estimated $10.00 exceeds budget $5.00".to_owned();
        events.push(Event::SessionFinished { status: SessionStatus::Failed { message, budget: true } });
        assert_snapshot!(report(&events), @"
        20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)
        cannot afford 2 tasks: estimated $10.00 exceeds budget $5.00

        not started (2)
          #1  One  budget
          #2  Two  budget

        spent $0.00 of $50.00
        next        autoissue exec bug --budget 10    (or --allow-partial, or --issue N)
        ");
    }

    #[test]
    fn a_session_that_had_to_stop_says_why() {
        let events = [
            started(Settings::default()),
            accepted(1, "One"),
            read(1),
            Event::SessionStopping { message: "bad credentials: HTTP 401".to_owned(), resumable: false },
            finished(1, Outcome::NotStarted { because: NotStarted::Stopped("bad credentials: HTTP 401".to_owned()) }),
            Event::SessionFinished {
                status: SessionStatus::Failed { message: "bad credentials: HTTP 401".to_owned(), budget: false },
            },
        ];
        assert_snapshot!(report(&events), @"
        20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)
        bad credentials: HTTP 401

        not started (1)
          #1  One  bad credentials: HTTP 401

        spent $0.00 of $50.00
        next        autoissue doctor
        ");
    }

    #[test]
    fn what_nobody_can_vouch_for_is_named() {
        let settings = Settings { has_checks: true, red_base: RedBase::IgnoreKnown, ..Settings::default() };
        let mut events = admitted(settings, &[(1, "Ship me", "backend")]);
        let red = CheckResult { name: "lint".to_owned(), passed: false, ..CheckResult::default() };
        events.push(Event::BaseChecked { results: vec![red] });
        let mut task = shipped(1, 30, 42);
        for event in &mut task {
            match event {
                Event::AgentExited { report, assumed, .. } => {
                    report.denied = vec!["Bash".to_owned()];
                    *assumed = true;
                }
                Event::WorkCollected { work: Some(work), .. } => {
                    work.notes = vec!["the nested repository `lib` was left out".to_owned()];
                }
                _ => {}
            }
        }
        events.extend(task);
        events.push(completed());
        assert_snapshot!(report(&events), @"
        20261122-1315-7f3a · owner/shop · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min)

        shipped (1)
          #1  Ship me  https://github.com/owner/shop/pull/30 · +34 −5 in 2 files · 1 attempt · $0.42

        could not be verified
          check `lint` fails on the base already, so its failures did not count
          $0.42 of the cost is assumed, for the agent did not tell it
          #1: tools were denied to the agent: Bash
          #1: the nested repository `lib` was left out

        spent $0.42 of $50.00 ($0.42 assumed) · $0.42 per pull request
        transcripts /state/sessions/20261122-1315-7f3a
        next        autoissue show 20261122-1315-7f3a
        ");
    }
}
