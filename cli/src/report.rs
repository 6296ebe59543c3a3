//! The report of a session: what came of it, for the person who reads it in the morning. It does not flatter.
//!
//! ```text
//!   Chronicle ─► Report ─┬─► text      the closing report, on the terminal
//!                        ├─► markdown  to be pasted
//!                        └─► html      one page, to be attached, with a time line
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

use std::path::{Path, PathBuf};

use autoissue_core::chronicle::{Chronicle, Money, Status};
use autoissue_core::engine::{
    About, Engine, IssueNumber, NotStarted, Outcome, OutcomeGroup, Phase, RedBase, SessionStatus,
    Task, Usd,
};
use autoissue_core::session::PLAN_FILE;

use crate::local_time::{LocalTime, span};
use crate::narration::{Tone, counted, diff_stat, message, stage_of_plan, title, title_of};
use crate::printable::{cut, one_line};
use crate::typed::Typed;

pub(crate) use html::{Origin, page};
pub(crate) use markdown::markdown;
pub(crate) use text::text;

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
    /// Attempts started.
    pub(crate) n_attempts: u64,
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

/// A command to type, and what else would do.
#[derive(Debug)]
pub(crate) struct Next {
    /// The command.
    pub(crate) command: String,
    /// What else would do, in words.
    pub(crate) or: Option<&'static str>,
}

/// How tasks ended; `None` where they have not.
pub(crate) type Kind = Option<OutcomeGroup>;

/// The order in which a terminal shows them: what matters is last, next to the prompt.
const KINDS: [Kind; 7] = [
    Some(OutcomeGroup::Done),
    Some(OutcomeGroup::AlreadyOpen),
    Some(OutcomeGroup::AlreadyMerged),
    Some(OutcomeGroup::NeedsYou),
    Some(OutcomeGroup::Failed),
    Some(OutcomeGroup::NotStarted),
    None,
];

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

/// Returns the heading of a group.
pub(crate) const fn heading(kind: Kind) -> &'static str {
    match kind {
        Some(OutcomeGroup::Done) => "shipped",
        Some(OutcomeGroup::AlreadyOpen) => "had an open pull request or branch already",
        Some(OutcomeGroup::AlreadyMerged) => "had a merged pull request already",
        Some(OutcomeGroup::NeedsYou) => "needs you",
        Some(OutcomeGroup::Failed) => "failed",
        Some(OutcomeGroup::NotStarted) => "not started",
        None => "not finished",
    }
}

fn kind_of(task: &Task) -> Kind {
    task.outcome().map(Outcome::group)
}

impl Report {
    /// Makes the report of a session.
    pub(crate) fn new(
        session: &str,
        chronicle: &Chronicle,
        places: &Places,
        typed: &Typed,
        time: &LocalTime,
    ) -> Self {
        let engine = chronicle.engine();
        let about = engine.about();
        let of_kind = |kind| {
            let entries: Vec<Entry> = engine
                .tasks()
                .values()
                .filter(|task| kind_of(task) == kind)
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
            when: when(chronicle, time),
            verdict: verdict(chronicle),
            groups: KINDS.into_iter().filter_map(of_kind).collect(),
            doubts: doubts(chronicle),
            money: chronicle.money(),
            n_attempts: chronicle.n_attempts(),
            n_api_calls: engine.n_api_calls(),
            transcripts: any_attempt(engine).then(|| shown(&places.transcripts)),
            mirror: tasks().any(is_kept).then(|| shown(&places.mirror)),
            next: next(session, chronicle, places, typed),
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
                Some(OutcomeGroup::Done) => format!("{n} shipped"),
                Some(OutcomeGroup::AlreadyOpen) => format!("{n} open already"),
                Some(OutcomeGroup::AlreadyMerged) => format!("{n} merged already"),
                Some(OutcomeGroup::NeedsYou) if n == 1 => "1 needs you".to_owned(),
                Some(OutcomeGroup::NeedsYou) => format!("{n} need you"),
                Some(OutcomeGroup::Failed) => format!("{n} failed"),
                Some(OutcomeGroup::NotStarted) => format!("{n} not started"),
                None => format!("{n} not finished"),
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
        let is_failed = kind_of(task) == Some(OutcomeGroup::Failed);
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

/// Returns `spent $4.02 of $50.00 ($0.42 assumed) · $2.01 per pull request`.
fn cost(money: &Money) -> String {
    let mut cost = format!("spent {} of {}", money.spent, money.budget);
    if Usd::ZERO < money.assumed {
        cost.push_str(&format!(" ({} assumed)", money.assumed));
    }
    if Usd::ZERO < money.planned {
        cost.push_str(&format!(", {} of it for the plan", money.planned));
    }
    if let Some(each) = money.per_pull_request {
        cost.push_str(&format!(" · {each} per pull request"));
    }
    cost
}

/// Returns whether a place is an address of the web, and so may become a link.
fn is_web(place: &str) -> bool {
    place.starts_with("https://") || place.starts_with("http://")
}

fn when(chronicle: &Chronicle, time: &LocalTime) -> String {
    let started = time.day_and_minute(chronicle.started_at_ms());
    let Some(finished) = chronicle.finished_at_ms() else {
        return format!("since {started}");
    };
    let ran = span(chronicle.ran_ms(finished));
    format!("{started} to {} ({ran})", time.minute(finished))
}

fn verdict(chronicle: &Chronicle) -> Option<(Tone, String)> {
    let engine = chronicle.engine();
    let stopped = match (chronicle.status(), engine.phase()) {
        (_, Phase::Over(SessionStatus::Failed { message: why, .. })) => {
            return Some((Tone::Bad, message(why)));
        }
        (Status::Completed, _) if engine.tasks().is_empty() => {
            return Some((Tone::Plain, nothing_to_do(engine)));
        }
        _ if engine.is_unconfirmed() => return stage_of_plan(engine).map(|it| (Tone::Odd, it)),
        (Status::Interrupted, _) => match engine.to_mend() {
            Some(what) => {
                let what = message(what);
                return Some((
                    Tone::Bad,
                    format!(
                        "{what}: mend this; finished work waits for it, and nothing is paid again"
                    ),
                ));
            }
            None => "interrupted: what was done is saved, nothing runs any more",
        },
        (Status::CutOff, _) => "its process is gone: nothing that was journaled is lost",
        _ => return None,
    };
    Some((Tone::Odd, stopped.to_owned()))
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
fn doubts(chronicle: &Chronicle) -> Vec<String> {
    let (engine, assumed) = (chronicle.engine(), chronicle.money().assumed);
    let mut doubts = Vec::new();
    if 0 < chronicle.counts().done && !engine.settings().has_checks {
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
    if Usd::ZERO < assumed {
        doubts.push(format!(
            "{assumed} of the cost is assumed, for the agent did not tell it"
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
fn next(session: &str, chronicle: &Chronicle, places: &Places, typed: &Typed) -> Option<Next> {
    let engine = chronicle.engine();
    let plan = engine
        .planning()
        .and_then(|planning| planning.plan.as_ref())
        .map(|_| places.transcripts.join(PLAN_FILE));
    let again = |budget| typed.again(engine.about(), plan.as_deref(), budget);
    let alone = |command| Some(Next { command, or: None });
    if matches!(chronicle.status(), Status::Interrupted | Status::CutOff) {
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
            .find(|task| kind_of(task) == kind)
            .map(|task| task.issue.number)
    };
    let unpaid: Usd = engine
        .tasks()
        .values()
        .filter(|task| out_of_money(task))
        .map(|task| task.estimate)
        .sum();
    match first(Some(OutcomeGroup::NeedsYou)).or_else(|| first(Some(OutcomeGroup::Failed))) {
        Some(issue) => alone(typed.show(session, Some(issue))),
        None if Usd::ZERO < unpaid => {
            // A new session has the whole budget again; it is raised where that is not enough.
            let budget = (chronicle.money().budget < unpaid).then_some(unpaid);
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
