//! The report of a session: its results, stated as they are.
//!
//! ```text
//!   Chronicle ─► Report ─┬─► text      the final report, on the terminal
//!                        ├─► markdown  for pasting
//!                        └─► html      one page with a timeline, for attaching
//! ```
//!
//! One structure, three formats. Text from outside is made printable here; each format escapes its
//! own markup.

mod excerpt;
mod html;
mod markdown;
#[cfg(test)]
mod tests;
mod text;

use std::path::{Path, PathBuf};

use autoissue_core::chronicle::{Chronicle, Money, SessionStatus};
use autoissue_core::engine::{
    Engine, IssueNumber, NotStarted, Outcome, OutcomeGroup, Phase, RedBase, SessionInfo,
    SessionOutcome, Task, Usd,
};
use autoissue_core::session::PLAN_FILE;

use crate::local_time::{LocalTime, span};
use crate::narration::{Tone, counted, diff_stat, message, stage_of_plan, title, title_of};
use crate::printable::one_line;
use crate::shell::quoted;
use crate::typed::Typed;

pub(crate) use html::{Origin, page};
pub(crate) use markdown::markdown;
pub(crate) use text::{backlog_warnings, next_line, text};

/// A session's report.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) session: String,
    /// Whether the session can be looked up later.
    pub(crate) is_recorded: bool,
    /// Repository, as `owner/name`.
    pub(crate) repository: String,
    /// What the session worked on.
    pub(crate) subject: Subject,
    /// When it ran, and for how long.
    pub(crate) when: String,
    /// A sentence about the session as a whole, unless it simply ran to its end.
    pub(crate) verdict: Option<(Tone, String)>,
    /// Tasks by outcome. No group is empty.
    pub(crate) groups: Vec<Group>,
    /// Warnings about the backlog. An issue that could not be read is named only here.
    pub(crate) warnings: Vec<String>,
    /// What to know before merging the work.
    pub(crate) before_merge: Vec<String>,
    /// Cost.
    pub(crate) money: Money,
    /// Attempts started.
    pub(crate) n_attempts: u64,
    /// Number of calls to the forge's API; 0 for the local forge.
    pub(crate) n_api_calls: u32,
    /// Directory of the transcripts, if there are any.
    pub(crate) transcripts: Option<String>,
    /// The next command to type.
    pub(crate) next: Option<Next>,
}

/// Locations of a session's data.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Directory of its transcripts.
    pub(crate) transcripts: PathBuf,
    /// The repository with the saved work that did not become a pull request.
    pub(crate) mirror: PathBuf,
}

/// What a session worked on. The text is printable.
#[derive(Debug)]
pub(crate) enum Subject {
    /// The open issues with a label.
    Label(String),
    /// A plan, named by its shortened directive.
    Plan(String),
}

/// A command to type, and an alternative.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) command: String,
    /// The alternative, as text.
    pub(crate) or: Option<&'static str>,
}

/// The outcome of tasks; `None` if they have not ended.
pub(crate) type Kind = Option<OutcomeGroup>;

/// The order on a terminal. The most important group is last, next to the prompt.
const KINDS: [Kind; 7] = [
    Some(OutcomeGroup::Done),
    Some(OutcomeGroup::AlreadyOpen),
    Some(OutcomeGroup::AlreadyMerged),
    Some(OutcomeGroup::NeedsYou),
    Some(OutcomeGroup::Failed),
    Some(OutcomeGroup::NotStarted),
    None,
];

/// Tasks with the same outcome.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) kind: Kind,
    /// The tasks, by issue number.
    pub(crate) entries: Vec<Entry>,
}

/// A task in the report. All text is printable.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) issue: IssueNumber,
    /// URL of the issue, or empty.
    pub(crate) url: String,
    pub(crate) title: String,
    pub(crate) domain: String,
    /// Where its work is published: a URL, a branch, or empty.
    pub(crate) place: String,
    /// Why it ended this way, or empty.
    pub(crate) why: String,
    /// Excerpts of the output of each failed check, with the check's name.
    pub(crate) outputs: Vec<(String, Vec<String>)>,
    /// Changed lines and files; empty if no change is known.
    pub(crate) stat: String,
    /// Attempts started.
    pub(crate) n_attempts: u32,
    /// Cost of all attempts together.
    pub(crate) spent: Usd,
    /// The command that recovers its work, if that was saved but did not become a pull request.
    pub(crate) kept: Option<String>,
}

/// Stands for the output of a check that printed nothing.
pub(crate) const NOTHING_PRINTED: &str = "(it printed nothing)";

/// Returns the heading of a group.
pub(crate) const fn heading(kind: Kind) -> &'static str {
    match kind {
        Some(OutcomeGroup::Done) => "shipped",
        Some(OutcomeGroup::AlreadyOpen) => "already had an open pull request or branch",
        Some(OutcomeGroup::AlreadyMerged) => "already merged",
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
    /// Creates the report of a session.
    pub(crate) fn new(
        session: &str,
        chronicle: &Chronicle,
        places: &Places,
        typed: &Typed,
        time: &LocalTime,
    ) -> Self {
        let engine = chronicle.engine();
        let info = engine.info();
        let shown = |path: &Path| one_line(&path.to_string_lossy());
        let mirror = quoted(&shown(&places.mirror));
        let of_kind = |kind| {
            let entries: Vec<Entry> = engine
                .tasks()
                .values()
                .filter(|task| kind_of(task) == kind)
                .map(|task| Entry::new(task, &mirror))
                .collect();
            (!entries.is_empty()).then_some(Group { kind, entries })
        };
        Self {
            session: session.to_owned(),
            is_recorded: true,
            repository: one_line(&info.repository),
            subject: Subject::of(info),
            when: when(chronicle, time),
            verdict: verdict(chronicle),
            groups: KINDS.into_iter().filter_map(of_kind).collect(),
            warnings: warnings(chronicle),
            before_merge: before_merge(session, chronicle, typed),
            money: chronicle.money(),
            n_attempts: chronicle.n_attempts(),
            n_api_calls: engine.n_api_calls(),
            transcripts: any_attempt(engine).then(|| shown(&places.transcripts)),
            next: next(session, chronicle, places, typed),
        }
    }

    /// Returns the tasks with an outcome.
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
                Some(OutcomeGroup::AlreadyOpen) => format!("{n} already open"),
                Some(OutcomeGroup::AlreadyMerged) => format!("{n} already merged"),
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
    fn of(info: &SessionInfo) -> Self {
        match info.directive {
            Some(_) => Self::Plan(title_of(info)),
            None => Self::Label(one_line(&info.label)),
        }
    }

    /// Returns the kind of subject, and its name.
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Label(label) => ("label", label),
            Self::Plan(directive) => ("plan of", directive),
        }
    }
}

impl Entry {
    fn new(task: &Task, mirror: &str) -> Self {
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
                .map(|work| format!("git fetch {mirror} {}", one_line(&work.salvage_ref))),
        }
    }

    /// Returns the number of attempts and their cost.
    pub(crate) fn effort(&self) -> String {
        format!("{} · {}", counted(self.n_attempts, "attempt"), self.spent)
    }
}

/// Returns `spent $4.02 of $50.00 ($0.42 estimated) · $2.01 per pull request`.
fn cost(money: &Money) -> String {
    let mut cost = format!("spent {} of {}", money.spent, money.budget);
    if Usd::ZERO < money.estimated {
        cost.push_str(&format!(" ({} estimated)", money.estimated));
    }
    if Usd::ZERO < money.planning {
        cost.push_str(&format!(", {} of it for planning", money.planning));
    }
    if let Some(each) = money.per_pull_request {
        cost.push_str(&format!(" · {each} per pull request"));
    }
    cost
}

/// Returns whether a place is a web address and may become a link.
fn is_web(place: &str) -> bool {
    place.starts_with("https://") || place.starts_with("http://")
}

fn when(chronicle: &Chronicle, time: &LocalTime) -> String {
    let started = time.day_and_minute(chronicle.started_at_ms());
    let Some(finished) = chronicle.finished_at_ms() else {
        return format!("started {started}");
    };
    let ran = span(chronicle.ran_ms(finished));
    format!("{started} to {} ({ran})", time.minute(finished))
}

fn verdict(chronicle: &Chronicle) -> Option<(Tone, String)> {
    let engine = chronicle.engine();
    let stopped = match (chronicle.status(), engine.phase()) {
        (_, Phase::Over(SessionOutcome::Failed { message: why, .. })) => {
            return Some((Tone::Bad, message(why)));
        }
        (SessionStatus::Completed, _) if engine.tasks().is_empty() => {
            return Some((Tone::Plain, nothing_to_do(engine)));
        }
        _ if engine.is_unconfirmed() => return stage_of_plan(engine).map(|it| (Tone::Warning, it)),
        (SessionStatus::Interrupted, _) => match engine.required_fix() {
            Some(what) => {
                let what = message(what);
                return Some((
                    Tone::Bad,
                    format!(
                        "{what}: fix this, then resume; finished work will be published at no extra cost"
                    ),
                ));
            }
            None => "interrupted; all work is saved and nothing is running",
        },
        (SessionStatus::Died, _) => {
            "interrupted: the process died; everything in the journal is safe"
        }
        _ => return None,
    };
    Some((Tone::Warning, stopped.to_owned()))
}

/// Returns why a completed session had no tasks.
fn nothing_to_do(engine: &Engine) -> String {
    match engine.plan_progress() {
        None => format!(
            "no open issue has the label `{}`",
            one_line(&engine.info().label)
        ),
        Some(plan_progress) if plan_progress.is_declined => {
            "the plan was declined; nothing was created".to_owned()
        }
        Some(plan_progress) if plan_progress.created.is_empty() => {
            "only a plan was made; nothing was created".to_owned()
        }
        Some(_) => "no issue of the plan is open".to_owned(),
    }
}

fn any_attempt(engine: &Engine) -> bool {
    let has_planner = engine
        .plan_progress()
        .is_some_and(|plan_progress| 0 < plan_progress.n_attempts);
    has_planner || engine.tasks().values().any(|task| 0 < task.n_attempts)
}

/// Returns whether the task has saved work that did not become a pull request.
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
        // The type of a failure is in the JSON output.
        Some(Outcome::Failed { message: why, .. }) => message(why),
        Some(outcome @ Outcome::Budget { .. }) => message(&outcome.to_string()),
    }
}

/// Returns the warnings about the backlog, as printable lines.
fn warnings(chronicle: &Chronicle) -> Vec<String> {
    let warnings = chronicle.backlog_warnings().iter();
    warnings.map(|warning| message(warning)).collect()
}

/// Returns what to know before merging the work.
fn before_merge(session: &str, chronicle: &Chronicle, typed: &Typed) -> Vec<String> {
    let (engine, estimated) = (chronicle.engine(), chronicle.money().estimated);
    let mut notes = Vec::new();
    if 0 < chronicle.counts().done && !engine.settings().has_checks {
        notes.push(
            "no checks are configured (`executor.checks`), so nothing verified this work"
                .to_owned(),
        );
    }
    for check in engine
        .base_checks()
        .unwrap_or_default()
        .iter()
        .filter(|check| !check.passed)
    {
        let name = one_line(&check.name);
        notes.push(match engine.settings().red_base {
            RedBase::IgnoreKnown => {
                format!("check `{name}` already fails on the base, so its failures were ignored")
            }
            RedBase::Fail => format!(
                "check `{name}` already fails on the base ({})",
                message(&check.ended)
            ),
        });
    }
    if Usd::ZERO < estimated {
        notes.push(format!(
            "{estimated} of the cost is estimated: the agent did not report it"
        ));
    }
    for (plugin, n) in engine.n_plugin_failures() {
        let times = counted(*n, "time");
        notes.push(format!(
            "plugin {} made no decision {times}; run `{}` for details",
            one_line(plugin),
            typed.show(session, None)
        ));
    }
    notes.extend(engine.tasks().values().flat_map(before_merge_of));
    notes
}

/// Returns what to know about a task before merging its work.
fn before_merge_of(task: &Task) -> Vec<String> {
    let number = task.issue.number;
    let denied = task
        .report
        .as_ref()
        .map(|report| report.denied.as_slice())
        .unwrap_or_default();
    let mut notes = Vec::new();
    if !denied.is_empty() {
        notes.push(format!(
            "{number}: the agent was denied {}",
            message(&denied.join(", "))
        ));
    }
    let of_work = task.work.iter().flat_map(|work| &work.notes);
    let all = task.agent_notes.iter().chain(of_work).chain(&task.notes);
    notes.extend(all.map(|note| format!("{number}: {}", message(note))));
    notes
}

/// Returns the next command to type, if any.
fn next(session: &str, chronicle: &Chronicle, places: &Places, typed: &Typed) -> Option<Next> {
    let engine = chronicle.engine();
    let plan = engine
        .plan_progress()
        .and_then(|plan_progress| plan_progress.plan.as_ref())
        .map(|_| places.transcripts.join(PLAN_FILE));
    let again = |budget| typed.again(engine.info(), plan.as_deref(), budget);
    let alone = |command| Some(Next { command, or: None });
    if matches!(
        chronicle.status(),
        SessionStatus::Interrupted | SessionStatus::Died
    ) {
        return alone(typed.resume(session));
    }
    match engine.phase() {
        Phase::Over(SessionOutcome::Failed { budget: true, .. }) => {
            let needed = engine
                .tasks()
                .values()
                .map(|task| task.estimate)
                .sum::<Usd>();
            return match engine.plan_progress() {
                None => Some(Next {
                    command: again(Some(needed)),
                    or: Some("or --allow-partial, or --issue N"),
                }),
                // If planning alone used up the budget, nothing is known about the cost of the
                // rest.
                Some(_) if needed == Usd::ZERO => Some(Next {
                    command: again(None),
                    or: Some("raise the budget first"),
                }),
                Some(_) => alone(again(Some(needed))),
            };
        }
        Phase::Over(SessionOutcome::Failed { .. }) if plan.is_some() => return alone(again(None)),
        Phase::Over(SessionOutcome::Failed { .. }) => return alone(typed.doctor()),
        Phase::Over(SessionOutcome::Completed)
            if engine
                .plan_progress()
                .is_some_and(|it| it.created.is_empty()) =>
        {
            return Some(Next {
                command: again(None),
                or: Some("edit it first if needed"),
            });
        }
        Phase::Over(SessionOutcome::Completed) if engine.tasks().is_empty() => return None,
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
            // A new session has the full budget again; it is raised only if that is not enough.
            let budget = (chronicle.money().budget < unpaid).then_some(unpaid);
            Some(Next {
                command: again(budget),
                or: Some("a new session has its own budget"),
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
