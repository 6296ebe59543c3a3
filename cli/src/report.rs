//! The report of a session: what came of it, for the person who reads it in the morning. It does not flatter.
//!
//! ```text
//!   engine (replayed from the journal) ─► Report ─┬─► text      the closing report, on the terminal
//!                                                 ├─► markdown  to be pasted
//!   events ─► Timeline ───────────────────────────┴─► html      one page, to be attached
//! ```
//!
//! One structure, three ways to write it. What strangers wrote is made printable here; that it does not become markup is for
//! those who write.

mod excerpt;
mod html;
mod markdown;
mod text;
mod timeline;

use std::fmt;
use std::path::{Path, PathBuf};

use autoissue_core::engine::{
    About, Engine, IssueNumber, NotStarted, Outcome, Phase, RedBase, SessionStatus, Task, Usd,
};
use autoissue_core::session::PLAN_FILE;
use autoissue_core::summary::cost_per_pull_request;

use crate::host::quoted;
use crate::local_time::{LocalTime, span};
use crate::narration::{Tone, counted, diff_stat, message, stage_of_plan, title};
use crate::plan_command::title_of;
use crate::printable::{cut, one_line};

pub(crate) use html::{Origin, page};
pub(crate) use markdown::markdown;
pub(crate) use text::text;
pub(crate) use timeline::Timeline;

/// A session as it is reported.
#[derive(Debug)]
pub(crate) struct Report {
    /// Session id.
    pub(crate) session: String,
    /// Repository, as `owner/name`.
    pub(crate) repository: String,
    /// What it is about.
    pub(crate) subject: Subject,
    /// When it ran, and for how long.
    pub(crate) when: String,
    /// The one sentence that matters, where the session as a whole did not just run to its end.
    pub(crate) verdict: Option<(Tone, String)>,
    /// Tasks that ended alike. None is empty.
    pub(crate) groups: Vec<Group>,
    /// What nobody can vouch for.
    pub(crate) doubts: Vec<String>,
    /// What it cost.
    pub(crate) money: Money,
    /// Calls to the forge's API that it took; 0 on the local forge.
    pub(crate) n_api_calls: u32,
    /// Directory of the transcripts, where there are any.
    pub(crate) transcripts: Option<String>,
    /// The repository that keeps work which did not become a pull request, where there is such work.
    pub(crate) mirror: Option<String>,
    /// The next command to type.
    pub(crate) next: Option<Next>,
}

/// Where things of a session lie.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Directory of its transcripts.
    pub(crate) transcripts: PathBuf,
    /// The repository that keeps work which did not become a pull request.
    pub(crate) mirror: PathBuf,
}

/// What a session is about. The text is printable.
#[derive(Debug)]
pub(crate) enum Subject {
    /// The open issues with a label.
    Label(String),
    /// A plan: its directive, short.
    Plan(String),
}

/// What a session cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Money {
    /// Gone, known and assumed.
    pub(crate) spent: Usd,
    /// The part of it that is assumed.
    pub(crate) assumed: Usd,
    /// What might be spent.
    pub(crate) budget: Usd,
    /// The part of it that planning cost.
    pub(crate) planned: Usd,
    /// What a pull request cost, all costs of the session counted.
    pub(crate) per_pull_request: Option<Usd>,
}

/// A command to type, and what else would do.
#[derive(Debug)]
pub(crate) struct Next {
    /// The command.
    pub(crate) command: String,
    /// What else would do, in words.
    pub(crate) or: Option<&'static str>,
}

/// How tasks ended, in the order in which a terminal shows them: what matters stands last, next to the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Published.
    Shipped,
    /// An earlier session's pull request is open.
    Open,
    /// A person has to decide something.
    NeedsYou,
    /// Failed.
    Failed,
    /// Never started, or skipped.
    NotStarted,
    /// Has not ended.
    Unfinished,
}

/// Tasks that ended alike.
#[derive(Debug)]
pub(crate) struct Group {
    /// How.
    pub(crate) kind: Kind,
    /// The tasks, by number.
    pub(crate) entries: Vec<Entry>,
}

/// A task as it is reported. All text is printable.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Issue.
    pub(crate) issue: IssueNumber,
    /// Its address; empty where it has none.
    pub(crate) url: String,
    /// Title of the issue.
    pub(crate) title: String,
    /// Domain.
    pub(crate) domain: String,
    /// Where its work is published: an address or a branch; empty where it is not.
    pub(crate) place: String,
    /// Why it ended so; empty where there is nothing to say.
    pub(crate) why: String,
    /// What the checks that failed printed, each with its name.
    pub(crate) outputs: Vec<(String, Vec<String>)>,
    /// Changed lines and files; empty where nothing is known to have changed.
    pub(crate) stat: String,
    /// Attempts started.
    pub(crate) n_attempts: u32,
    /// All attempts together.
    pub(crate) spent: Usd,
    /// The ref that keeps its work, where it did not become a pull request.
    pub(crate) kept: Option<String>,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Shipped, Self::Open, Self::NeedsYou, Self::Failed, Self::NotStarted, Self::Unfinished];

    fn of(task: &Task) -> Self {
        match task.outcome() {
            None => Self::Unfinished,
            Some(Outcome::Done { .. }) => Self::Shipped,
            Some(Outcome::AlreadyOpen { .. }) => Self::Open,
            // The money of one task is a person's decision too.
            Some(Outcome::NeedsYou { .. } | Outcome::Budget { .. }) => Self::NeedsYou,
            Some(Outcome::NoChange | Outcome::Failed { .. }) => Self::Failed,
            Some(Outcome::Skipped { .. } | Outcome::NotStarted { .. }) => Self::NotStarted,
        }
    }

    /// Returns the heading of the group.
    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::Open => "had an open pull request already",
            Self::NeedsYou => "needs you",
            Self::Failed => "failed",
            Self::NotStarted => "not started",
            Self::Unfinished => "not finished",
        }
    }
}

impl Report {
    /// Makes the report of a session in a state. Times are milliseconds since the Unix epoch; `finished_at_ms` is `None` where
    /// it has not ended.
    pub(crate) fn new(
        session: &str,
        engine: &Engine,
        (started_at_ms, finished_at_ms): (u64, Option<u64>),
        places: &Places,
        time: &LocalTime,
    ) -> Self {
        let about = engine.about();
        let ledger = engine.ledger();
        let of_kind = |kind| {
            let entries: Vec<Entry> =
                engine.tasks().values().filter(|task| Kind::of(task) == kind).map(Entry::new).collect();
            (!entries.is_empty()).then_some(Group { kind, entries })
        };
        let tasks = || engine.tasks().values();
        let shown = |path: &Path| one_line(&path.to_string_lossy());
        Self {
            session: session.to_owned(),
            repository: one_line(&about.repository),
            subject: Subject::of(about),
            when: when(started_at_ms, finished_at_ms, time),
            verdict: verdict(engine),
            groups: Kind::ALL.into_iter().filter_map(of_kind).collect(),
            doubts: doubts(engine),
            money: Money {
                spent: ledger.spent,
                assumed: ledger.assumed,
                budget: ledger.budget,
                planned: engine.planning().map_or(Usd::ZERO, |planning| planning.spent),
                per_pull_request: cost_per_pull_request(engine),
            },
            n_api_calls: engine.n_api_calls(),
            transcripts: any_attempt(engine).then(|| shown(&places.transcripts)),
            mirror: tasks().any(is_kept).then(|| shown(&places.mirror)),
            next: next(session, engine, places),
        }
    }

    /// Returns the tasks that ended in one way.
    pub(crate) fn entries(&self, kind: Kind) -> &[Entry] {
        self.groups.iter().find(|group| group.kind == kind).map_or(&[], |group| &group.entries)
    }

    /// Returns the whole session in one sentence.
    pub(crate) fn headline(&self) -> String {
        let counts = self.groups.iter().map(|group| {
            let n = group.entries.len();
            match group.kind {
                Kind::Shipped => format!("{n} shipped"),
                Kind::Open => format!("{n} open already"),
                Kind::NeedsYou if n == 1 => "1 needs you".to_owned(),
                Kind::NeedsYou => format!("{n} need you"),
                Kind::Failed => format!("{n} failed"),
                Kind::NotStarted => format!("{n} not started"),
                Kind::Unfinished => format!("{n} not finished"),
            }
        });
        let counts: Vec<String> = counts.collect();
        match (counts.as_slice(), &self.verdict) {
            ([], Some((_, verdict))) => verdict.clone(),
            ([], None) => "nothing to do".to_owned(),
            (counts, _) => counts.join(", "),
        }
    }
}

impl Subject {
    fn of(about: &About) -> Self {
        match about.directive {
            Some(_) => Self::Plan(title_of(about)),
            None => Self::Label(one_line(&about.label)),
        }
    }

    /// Returns what kind of subject it is, and its name.
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Label(label) => ("label", label),
            Self::Plan(directive) => ("plan of", directive),
        }
    }
}

impl Entry {
    fn new(task: &Task) -> Self {
        let place = match task.outcome().and_then(Outcome::pull_request) {
            Some(pull) => one_line(&pull.url),
            None => task.publication.as_ref().map(|publication| one_line(&publication.branch)).unwrap_or_default(),
        };
        let is_failed = Kind::of(task) == Kind::Failed;
        let failed = task.checks.iter().filter(|check| is_failed && !check.passed);
        Self {
            issue: task.issue.number,
            url: one_line(&task.issue.url),
            title: title(&task.issue.title),
            domain: one_line(task.domain()),
            place,
            why: why(task),
            outputs: failed.map(|check| (one_line(&check.name), excerpt::lines(&check.output))).collect(),
            stat: task.work.as_ref().map(diff_stat).unwrap_or_default(),
            n_attempts: task.n_attempts,
            spent: task.spent,
            kept: task.work.as_ref().filter(|_| is_kept(task)).map(|work| one_line(&work.salvage_ref)),
        }
    }

    /// Returns the number of attempts and what they cost.
    pub(crate) fn effort(&self) -> String {
        format!("{} · {}", counted(self.n_attempts, "attempt"), self.spent)
    }

    /// Returns the title cut to a width.
    fn short_title(&self, columns: usize) -> String {
        cut(&self.title, columns)
    }
}

/// `spent $4.02 of $50.00 ($0.42 assumed) · $2.01 per pull request`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spent {} of {}", self.spent, self.budget)?;
        if Usd::ZERO < self.assumed {
            write!(f, " ({} assumed)", self.assumed)?;
        }
        if Usd::ZERO < self.planned {
            write!(f, ", {} of it for the plan", self.planned)?;
        }
        match self.per_pull_request {
            Some(cost) => write!(f, " · {cost} per pull request"),
            None => Ok(()),
        }
    }
}

/// Returns whether a place is an address of the web, and so may become a link.
fn is_web(place: &str) -> bool {
    place.starts_with("https://") || place.starts_with("http://")
}

fn when(started_at_ms: u64, finished_at_ms: Option<u64>, time: &LocalTime) -> String {
    let started = time.day_and_minute(started_at_ms);
    let Some(finished) = finished_at_ms else { return format!("since {started}") };
    let ran = span(finished.saturating_sub(started_at_ms));
    format!("{started} to {} ({ran})", time.minute(finished))
}

fn verdict(engine: &Engine) -> Option<(Tone, String)> {
    match engine.phase() {
        Phase::Over(SessionStatus::Failed { message: why, .. }) => Some((Tone::Bad, message(why))),
        Phase::Over(SessionStatus::Completed) if engine.tasks().is_empty() => {
            Some((Tone::Plain, nothing_to_do(engine)))
        }
        _ if engine.is_unconfirmed() => stage_of_plan(engine).map(|stage| (Tone::Odd, stage)),
        _ => match engine.to_mend() {
            Some(what) => {
                let what = message(what);
                Some((Tone::Bad, format!("{what}: mend this; finished work waits for it, and nothing is paid again")))
            }
            None => engine
                .is_interrupted()
                .then(|| (Tone::Odd, "interrupted: what was done is saved, nothing runs any more".to_owned())),
        },
    }
}

/// Returns why a session that ended had no task.
fn nothing_to_do(engine: &Engine) -> String {
    match engine.planning() {
        None => format!("no open issue carries the label `{}`", one_line(&engine.about().label)),
        Some(planning) if planning.is_declined => "the plan was not agreed to; nothing was created".to_owned(),
        Some(planning) if planning.created.is_empty() => "only a plan was made; nothing was created".to_owned(),
        Some(_) => "no issue of the plan is open".to_owned(),
    }
}

fn any_attempt(engine: &Engine) -> bool {
    let has_planner = engine.planning().is_some_and(|planning| 0 < planning.n_attempts);
    has_planner || engine.tasks().values().any(|task| 0 < task.n_attempts)
}

/// Returns whether work of a task is kept that did not become a pull request.
fn is_kept(task: &Task) -> bool {
    task.work.is_some() && !task.outcome().is_some_and(Outcome::is_success)
}

fn why(task: &Task) -> String {
    match task.outcome() {
        None => task.stage_name().to_owned(),
        Some(Outcome::Done { .. } | Outcome::AlreadyOpen { .. }) => String::new(),
        Some(Outcome::NoChange) => "the agent changed nothing".to_owned(),
        Some(Outcome::NeedsYou { message: why }) => message(why),
        Some(Outcome::NotStarted { because }) => message(&because.to_string()),
        Some(Outcome::Skipped { because }) => message(&because.to_string()),
        Some(outcome @ (Outcome::Failed { .. } | Outcome::Budget { .. })) => message(&outcome.to_string()),
    }
}

/// Returns what nobody can vouch for.
fn doubts(engine: &Engine) -> Vec<String> {
    let mut doubts = Vec::new();
    let any_shipped = engine.tasks().values().any(|task| Kind::of(task) == Kind::Shipped);
    if any_shipped && !engine.settings().has_checks {
        doubts.push(
            "no checks are configured: that the work is right is the agent's word alone (`executor.checks`)".to_owned(),
        );
    }
    for check in engine.base_checks().unwrap_or_default().iter().filter(|check| !check.passed) {
        let name = one_line(&check.name);
        doubts.push(match engine.settings().red_base {
            RedBase::IgnoreKnown => format!("check `{name}` fails on the base already, so its failures did not count"),
            RedBase::Fail => format!("check `{name}` fails on the base already ({})", message(&check.ended)),
        });
    }
    if Usd::ZERO < engine.ledger().assumed {
        doubts.push(format!("{} of the cost is assumed, for the agent did not tell it", engine.ledger().assumed));
    }
    for (plugin, n) in engine.n_undecided() {
        let times = counted(*n, "time");
        doubts.push(format!("plugin {} did not decide {times}; `autoissue show` tells why", one_line(plugin)));
    }
    doubts.extend(engine.tasks().values().flat_map(doubts_of));
    doubts
}

/// Returns what a person should know of a task before merging it.
fn doubts_of(task: &Task) -> Vec<String> {
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

/// Returns the command that does the same once more; what is created already is found again.
fn again(engine: &Engine, places: &Places) -> String {
    match engine.planning() {
        Some(planning) if planning.plan.is_some() => {
            format!("autoissue plan --from {}", quoted(&places.transcripts.join(PLAN_FILE).to_string_lossy()))
        }
        Some(_) => {
            format!("autoissue plan {}", quoted(&one_line(engine.about().directive.as_deref().unwrap_or_default())))
        }
        None => format!("autoissue exec {}", quoted(&one_line(&engine.about().label))),
    }
}

fn next(session: &str, engine: &Engine, places: &Places) -> Option<Next> {
    let (again, is_planned) = (again(engine, places), engine.planning().is_some_and(|it| it.plan.is_some()));
    let alone = |command| Some(Next { command, or: None });
    if engine.is_interrupted() {
        return alone(format!("autoissue resume {session}"));
    }
    match engine.phase() {
        Phase::Over(SessionStatus::Failed { budget: true, .. }) => {
            let needed = engine.tasks().values().map(|task| task.estimate).sum::<Usd>().dollars().ceil();
            return match engine.planning() {
                None => {
                    let command = format!("{again} --budget {needed:.0}");
                    Some(Next { command, or: Some("or --allow-partial, or --issue N") })
                }
                Some(_) => Some(Next { command: again, or: Some("with a new budget") }),
            };
        }
        Phase::Over(SessionStatus::Failed { .. }) if is_planned => return alone(again),
        Phase::Over(SessionStatus::Failed { .. }) => return alone("autoissue doctor".to_owned()),
        Phase::Over(SessionStatus::Completed) if engine.planning().is_some_and(|it| it.created.is_empty()) => {
            return Some(Next { command: again, or: Some("once it is edited, if need be") });
        }
        Phase::Over(SessionStatus::Completed) if engine.tasks().is_empty() => return None,
        Phase::Over(_) => {}
        _ => return alone(format!("autoissue status {session}")),
    }
    let first = |kind| engine.tasks().values().find(|task| Kind::of(task) == kind).map(|task| task.issue.number.0);
    let out_of_money = |task: &Task| task.outcome() == Some(&Outcome::NotStarted { because: NotStarted::Budget });
    match first(Kind::NeedsYou).or_else(|| first(Kind::Failed)) {
        Some(issue) => alone(format!("autoissue show {session} {issue}")),
        None if engine.tasks().values().any(out_of_money) => {
            Some(Next { command: again, or: Some("with a new budget") })
        }
        None => alone(format!("autoissue show {session}")),
    }
}

#[cfg(test)]
mod tests {
    use autoissue_core::bus::Envelope;
    use autoissue_core::engine::{CheckResult, Event, IssueNumber, NotStarted, PullRequest, Settings, Skip};
    use insta::assert_snapshot;

    use super::*;
    use crate::console::Paint;
    use crate::fixture::{accepted, admitted, at_work, check_failed, completed, finished, shipped, started, worked};

    fn made_of(events: &[Event]) -> Report {
        let places = Places {
            transcripts: PathBuf::from("/state/sessions/20261122-1315-7f3a"),
            mirror: PathBuf::from("/state/repos/sample/mirror.git"),
        };
        let times = (1_795_353_300_000, Some(1_795_360_500_000));
        Report::new("20261122-1315-7f3a", &Engine::replay(events), times, &places, &LocalTime::utc())
    }

    fn report(events: &[Event]) -> String {
        text(&made_of(events), Paint::default())
    }

    /// Text that would be markup, were it not escaped.
    const MARKUP: &str =
        "<script>alert(1)</script><img src=x onerror=alert(2)> \"'`@all` | [x](javascript:alert(3)) #7";

    /// A night of which everything can be told, titles and output that mean harm among it.
    fn night() -> Vec<Event> {
        let issues = [
            (1, "Ship me", "backend"),
            (2, MARKUP, "frontend"),
            (3, "Merge by hand \u{1b}[31m\u{202e}now", "database"),
            (4, "Needs the second", "testing"),
            (6, "Was open", "unknown"),
        ];
        let mut events = admitted(Settings::default(), &issues);
        events.extend(shipped(1, 30, 42));
        let mut failed = check_failed(2, 310);
        let output = format!("ok\n\u{1b}[31mFAILED\u{1b}[0m {MARKUP}\n```\nleft: 1 & 2\n");
        let result = CheckResult { name: "test".to_owned(), output, ..CheckResult::default() };
        let issue = IssueNumber(2);
        failed.insert(4, Event::ChecksFinished { issue, attempt: 1, results: vec![result], passed: false });
        events.extend(failed);
        events.extend(worked(3, 1, 50));
        events.push(finished(3, Outcome::NeedsYou { message: "its dependencies conflict".to_owned() }));
        events.push(finished(4, Outcome::Skipped { because: Skip::DependsOn(issue) }));
        let pull_request = PullRequest { number: 9, url: "javascript:alert(4)".to_owned() };
        events.push(finished(6, Outcome::AlreadyOpen { pull_request }));
        events.push(completed());
        events
    }

    /// Returns the page of the night, its events four minutes apart.
    fn page_of_night() -> String {
        let events = night();
        let envelope = |(seq, event): (u64, &Event)| Envelope {
            seq,
            at_ms: 1_795_353_300_000 + seq * 240_000,
            event: event.clone(),
        };
        let envelopes: Vec<_> = (0..).zip(&events).map(envelope).collect();
        let origin = Origin { command: "autoissue exec bug", version: "0.1.0" };
        page(&made_of(&events), &Timeline::of(&envelopes), &origin, &LocalTime::utc())
    }

    #[test]
    fn the_page_says_first_what_needs_a_person() {
        let page = page_of_night();
        let mut rest = page.as_str();
        for next in [
            "1 shipped, 1 open already, 1 needs you, 1 failed, 1 not started",
            "$4.02",
            "Needs you",
            "its dependencies conflict",
            "Failed",
            "FAILED",
            "left: 1 &amp; 2",
            "Shipped",
            "Could not be verified",
            "Not started",
            "Time line",
            "</svg>",
            "All 3 attempts",
        ] {
            let at = rest.find(next);
            rest = &rest[at.unwrap_or_else(|| panic!("{next:?} is not where it should be in\n{page}"))..];
        }
    }

    #[test]
    fn the_page_has_no_script_and_needs_nothing_from_outside() {
        let page = page_of_night().to_lowercase();
        for forbidden in
            ["<script", "<img", "<link", "<iframe", "<object", "<form", "url(", "@import", "\u{1b}", "\u{202e}"]
        {
            assert!(!page.contains(forbidden), "{forbidden:?}");
        }
        let tags = page.split('<').skip(1).filter_map(|tag| tag.split('>').next());
        assert!(tags.clone().all(|tag| !tag.contains(" on") && !tag.contains("style=")), "an attribute acts");
        let links = tags.filter_map(|tag| tag.split_once("href=\"")).filter_map(|(_, rest)| rest.split('"').next());
        let links: Vec<&str> = links.collect();
        assert_eq!(links, ["https://github.com/owner/shop/pull/30"], "what is no address of the web is no link");
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn markdown_keeps_text_as_text() {
        let text = markdown(&made_of(&night()));
        let is_code = |line: &str| line.starts_with("  ");
        for line in text.lines().filter(|line| !is_code(line)) {
            let outside: String = line.split('`').step_by(2).collect();
            assert!(!outside.contains("@all") && !outside.replace("\\<", "").contains('<'), "{line}");
        }
        let (needs_you, failed) = (text.find("## Needs you (1)"), text.find("## Failed (1)"));
        assert!(needs_you.is_some() && needs_you < failed && failed < text.find("## Shipped (1)"), "{text}");
        assert!(text.contains("| #1 | Ship me | https://github.com/owner/shop/pull/30 |"), "{text}");
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
          #3  Merge by hand  1 attempt · $0.50
              its dependencies conflict
              work kept: refs/autoissue/salvage/20261122-1315-7f3a/3/1 (+34 −5 in 2 files)

        failed (1)
          #2  Break me in a title that is much longer tha…  1 attempt · $3.10
              task: check `test` (exit code 1) failed
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
