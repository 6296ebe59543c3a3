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
#[cfg(test)]
mod tests;
mod text;
mod timeline;

use std::fmt;
use std::path::{Path, PathBuf};

use autoissue_core::engine::{
    About, Engine, IssueNumber, NotStarted, Outcome, Phase, RedBase, SessionStatus, Task, Usd,
};
use autoissue_core::session::PLAN_FILE;
use autoissue_core::summary::cost_per_pull_request;

use crate::local_time::{LocalTime, span};
use crate::narration::{Tone, counted, diff_stat, message, stage_of_plan, title, title_of};
use crate::printable::{cut, one_line};
use crate::typed::Typed;

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
    /// Settled, known and assumed, plus what running attempts have metered.
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
    /// An earlier session's pull request was merged into a branch that is not the default one.
    Merged,
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
    const ALL: [Self; 7] = [
        Self::Shipped,
        Self::Open,
        Self::Merged,
        Self::NeedsYou,
        Self::Failed,
        Self::NotStarted,
        Self::Unfinished,
    ];

    fn of(task: &Task) -> Self {
        match task.outcome() {
            None => Self::Unfinished,
            Some(Outcome::Done { .. }) => Self::Shipped,
            Some(Outcome::AlreadyOpen { .. }) => Self::Open,
            Some(Outcome::AlreadyMerged { .. }) => Self::Merged,
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
            Self::Open => "had an open pull request or branch already",
            Self::Merged => "had a merged pull request already",
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
        typed: &Typed,
        time: &LocalTime,
    ) -> Self {
        let about = engine.about();
        let money = engine.money();
        let of_kind = |kind| {
            let entries: Vec<Entry> = engine
                .tasks()
                .values()
                .filter(|task| Kind::of(task) == kind)
                .map(Entry::new)
                .collect();
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
                spent: money.spent,
                assumed: money.assumed,
                budget: money.budget,
                planned: engine
                    .planning()
                    .map_or(Usd::ZERO, |planning| planning.spent),
                per_pull_request: cost_per_pull_request(engine),
            },
            n_api_calls: engine.n_api_calls(),
            transcripts: any_attempt(engine).then(|| shown(&places.transcripts)),
            mirror: tasks().any(is_kept).then(|| shown(&places.mirror)),
            next: next(session, engine, places, typed),
        }
    }

    /// Returns the tasks that ended in one way.
    pub(crate) fn entries(&self, kind: Kind) -> &[Entry] {
        self.groups
            .iter()
            .find(|group| group.kind == kind)
            .map_or(&[], |group| &group.entries)
    }

    /// Returns the whole session in one sentence.
    pub(crate) fn headline(&self) -> String {
        let counts = self.groups.iter().map(|group| {
            let n = group.entries.len();
            match group.kind {
                Kind::Shipped => format!("{n} shipped"),
                Kind::Open => format!("{n} open already"),
                Kind::Merged => format!("{n} merged already"),
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
            None => task
                .publication
                .as_ref()
                .map(|publication| &publication.branch)
                .or(task.issue.open_branch.as_ref())
                .map(|branch| one_line(branch))
                .unwrap_or_default(),
        };
        let is_failed = Kind::of(task) == Kind::Failed;
        let failed = task
            .checks
            .iter()
            .filter(|check| is_failed && !check.passed);
        Self {
            issue: task.issue.number,
            url: one_line(&task.issue.url),
            title: title(&task.issue.title),
            domain: one_line(task.domain()),
            place,
            why: why(task),
            outputs: failed
                .map(|check| (one_line(&check.name), excerpt::lines(&check.output)))
                .collect(),
            stat: task.work.as_ref().map(diff_stat).unwrap_or_default(),
            n_attempts: task.n_attempts,
            spent: task.spent_now(),
            kept: task
                .work
                .as_ref()
                .filter(|_| is_kept(task))
                .map(|work| one_line(&work.salvage_ref)),
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
    let Some(finished) = finished_at_ms else {
        return format!("since {started}");
    };
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
                Some((
                    Tone::Bad,
                    format!(
                        "{what}: mend this; finished work waits for it, and nothing is paid again"
                    ),
                ))
            }
            None => engine.is_interrupted().then(|| {
                (
                    Tone::Odd,
                    "interrupted: what was done is saved, nothing runs any more".to_owned(),
                )
            }),
        },
    }
}

/// Returns why a session that ended had no task.
fn nothing_to_do(engine: &Engine) -> String {
    match engine.planning() {
        None => format!(
            "no open issue carries the label `{}`",
            one_line(&engine.about().label)
        ),
        Some(planning) if planning.is_declined => {
            "the plan was not agreed to; nothing was created".to_owned()
        }
        Some(planning) if planning.created.is_empty() => {
            "only a plan was made; nothing was created".to_owned()
        }
        Some(_) => "no issue of the plan is open".to_owned(),
    }
}

fn any_attempt(engine: &Engine) -> bool {
    let has_planner = engine
        .planning()
        .is_some_and(|planning| 0 < planning.n_attempts);
    has_planner || engine.tasks().values().any(|task| 0 < task.n_attempts)
}

/// Returns whether work of a task is kept that did not become a pull request.
fn is_kept(task: &Task) -> bool {
    task.work.is_some() && !task.outcome().is_some_and(Outcome::is_success)
}

fn why(task: &Task) -> String {
    match task.outcome() {
        None => task.stage_name().to_owned(),
        Some(
            Outcome::Done { .. } | Outcome::AlreadyOpen { .. } | Outcome::AlreadyMerged { .. },
        ) => String::new(),
        Some(Outcome::NoChange) => "the agent changed nothing".to_owned(),
        Some(Outcome::NeedsYou { message: why }) => message(why),
        Some(Outcome::NotStarted { because }) => message(&because.to_string()),
        Some(Outcome::Skipped { because }) => message(&because.to_string()),
        Some(outcome @ (Outcome::Failed { .. } | Outcome::Budget { .. })) => {
            message(&outcome.to_string())
        }
    }
}

/// Returns what nobody can vouch for.
fn doubts(engine: &Engine) -> Vec<String> {
    let mut doubts = Vec::new();
    let any_shipped = engine
        .tasks()
        .values()
        .any(|task| Kind::of(task) == Kind::Shipped);
    if any_shipped && !engine.settings().has_checks {
        doubts.push(
            "no checks are configured: that the work is right is the agent's word alone (`executor.checks`)".to_owned(),
        );
    }
    for check in engine
        .base_checks()
        .unwrap_or_default()
        .iter()
        .filter(|check| !check.passed)
    {
        let name = one_line(&check.name);
        doubts.push(match engine.settings().red_base {
            RedBase::IgnoreKnown => {
                format!("check `{name}` fails on the base already, so its failures did not count")
            }
            RedBase::Fail => format!(
                "check `{name}` fails on the base already ({})",
                message(&check.ended)
            ),
        });
    }
    if Usd::ZERO < engine.ledger().assumed {
        doubts.push(format!(
            "{} of the cost is assumed, for the agent did not tell it",
            engine.ledger().assumed
        ));
    }
    for (plugin, n) in engine.n_undecided() {
        let times = counted(*n, "time");
        doubts.push(format!(
            "plugin {} did not decide {times}; `autoissue show` tells why",
            one_line(plugin)
        ));
    }
    doubts.extend(engine.tasks().values().flat_map(doubts_of));
    doubts
}

/// Returns what a person should know of a task before merging it.
fn doubts_of(task: &Task) -> Vec<String> {
    let number = task.issue.number;
    let denied = task
        .report
        .as_ref()
        .map(|report| report.denied.as_slice())
        .unwrap_or_default();
    let mut doubts = Vec::new();
    if !denied.is_empty() {
        doubts.push(format!(
            "{number}: tools were denied to the agent: {}",
            message(&denied.join(", "))
        ));
    }
    let notes = task.work.iter().flat_map(|work| &work.notes);
    let notes = notes.chain(&task.notes);
    doubts.extend(notes.map(|note| format!("{number}: {}", message(note))));
    doubts
}

/// Returns the next command to type, if there is one.
fn next(session: &str, engine: &Engine, places: &Places, typed: &Typed) -> Option<Next> {
    let plan = engine
        .planning()
        .and_then(|planning| planning.plan.as_ref())
        .map(|_| places.transcripts.join(PLAN_FILE));
    let again = |budget| typed.again(engine.about(), plan.as_deref(), budget);
    let alone = |command| Some(Next { command, or: None });
    if engine.is_interrupted() {
        return alone(typed.resume(session));
    }
    match engine.phase() {
        Phase::Over(SessionStatus::Failed { budget: true, .. }) => {
            let needed = engine
                .tasks()
                .values()
                .map(|task| task.estimate)
                .sum::<Usd>();
            return match engine.planning() {
                None => Some(Next {
                    command: again(Some(needed)),
                    or: Some("or --allow-partial, or --issue N"),
                }),
                // Where the planner alone has used it up, nothing says what the rest takes.
                Some(_) if needed == Usd::ZERO => Some(Next {
                    command: again(None),
                    or: Some("with a new budget"),
                }),
                Some(_) => alone(again(Some(needed))),
            };
        }
        Phase::Over(SessionStatus::Failed { .. }) if plan.is_some() => return alone(again(None)),
        Phase::Over(SessionStatus::Failed { .. }) => return alone(typed.doctor()),
        Phase::Over(SessionStatus::Completed)
            if engine.planning().is_some_and(|it| it.created.is_empty()) =>
        {
            return Some(Next {
                command: again(None),
                or: Some("once it is edited, if need be"),
            });
        }
        Phase::Over(SessionStatus::Completed) if engine.tasks().is_empty() => return None,
        Phase::Over(_) => {}
        _ => return alone(typed.status(session)),
    }
    let first = |kind| {
        engine
            .tasks()
            .values()
            .find(|task| Kind::of(task) == kind)
            .map(|task| task.issue.number)
    };
    let unpaid: Usd = engine
        .tasks()
        .values()
        .filter(|task| out_of_money(task))
        .map(|task| task.estimate)
        .sum();
    match first(Kind::NeedsYou).or_else(|| first(Kind::Failed)) {
        Some(issue) => alone(typed.show(session, Some(issue))),
        None if Usd::ZERO < unpaid => {
            // A new session has the whole budget again; it is raised where that is not enough.
            let budget = (engine.ledger().budget < unpaid).then_some(unpaid);
            Some(Next {
                command: again(budget),
                or: Some("with a new budget"),
            })
        }
        None => alone(typed.show(session, None)),
    }
}

fn out_of_money(task: &Task) -> bool {
    task.outcome()
        == Some(&Outcome::NotStarted {
            because: NotStarted::Budget,
        })
}
