//! The plan of a session that has not run: order, domain, model, estimate, and which tasks wait for
//! which.

use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::{
    Classification, Engine, Issue, Outcome, Phase, SessionOutcome, Task, Usd,
};

use crate::narration::{counted, message, title};
use crate::paint::Paint;
use crate::printable::one_line;
use crate::report::backlog_warnings;
use crate::schedule::{ScheduledStart, schedule};
use crate::table::table;
use crate::typed::Typed;

/// Returns whether the session was a completed dry run, so that the plan is the whole answer.
pub(crate) fn is_whole_answer(engine: &Engine) -> bool {
    engine.settings().dry_run
        && *engine.phase() == Phase::Over(SessionOutcome::Completed)
        && !engine.tasks().is_empty()
}

/// Returns the plan as text.
pub(crate) fn text(chronicle: &Chronicle, typed: &Typed, paint: Paint) -> String {
    let engine = chronicle.engine();
    let info = engine.info();
    let (repository, label) = (one_line(&info.repository), one_line(&info.label));
    let open = || {
        engine
            .tasks()
            .values()
            .filter(|task| task.outcome().is_none())
    };
    let (estimate, budget) = (
        open().map(|task| task.estimate).sum::<Usd>(),
        engine.settled().budget,
    );
    let headings = [
        "order", "issue", "domain", "model", "estimate", "start", "title",
    ];
    let mut text = format!(
        "plan of {repository}, label `{label}` (dry run: nothing was changed or spent)\n\n"
    );
    text.push_str(&table(headings, &rows(engine), paint));
    if let Some(warnings) = backlog_warnings(chronicle, paint) {
        text.push_str(&format!("\n{warnings}"));
    }
    let n_slots = engine.settings().n_slots;
    let n_tasks = counted(open().count(), "task");
    text.push_str(&format!(
        "\n{n_tasks}, {n_slots} at once, estimated {estimate} of {budget}\n"
    ));
    if budget < estimate {
        text.push_str(
            "the budget does not cover all of them; they start in this order until it is used up\n",
        );
    }
    text.push_str(&format!(
        "next        {}\n",
        paint.bold(typed.again(engine.info(), None, None))
    ));
    text
}

fn rows(engine: &Engine) -> Vec<[String; 7]> {
    let backlog: Vec<(Issue, Classification)> = engine.tasks().values().map(prepared).collect();
    let turns = schedule(&backlog, engine.settings());
    let mut tasks: Vec<(&Task, Option<&ScheduledStart>)> = engine
        .tasks()
        .values()
        .map(|task| (task, turns.get(&task.issue.number)))
        .collect();
    tasks.sort_by_key(|(task, turn)| {
        (
            turn.map_or(usize::MAX, |turn| turn.place),
            task.issue.number,
        )
    });
    tasks
        .into_iter()
        .map(|(task, turn)| row(task, turn))
        .collect()
}

fn prepared(task: &Task) -> (Issue, Classification) {
    (
        (*task.issue).clone(),
        task.classification.clone().unwrap_or_default(),
    )
}

fn row(task: &Task, turn: Option<&ScheduledStart>) -> [String; 7] {
    let is_open = task.outcome().is_none();
    let start = match (task.outcome(), turn) {
        (Some(outcome), _) => not_started(outcome),
        (None, Some(ScheduledStart { waits: None, .. })) => "immediately".to_owned(),
        (
            None,
            Some(ScheduledStart {
                waits: Some(why), ..
            }),
        ) => message(&why.to_string()),
        (None, None) => "never".to_owned(),
    };
    let model = task
        .model
        .as_deref()
        .map_or_else(|| "default".to_owned(), one_line);
    [
        turn.filter(|_| is_open)
            .map_or_else(|| "–".to_owned(), |turn| turn.place.to_string()),
        task.issue.number.to_string(),
        domain(task),
        if is_open { model } else { "–".to_owned() },
        if is_open {
            task.estimate.to_string()
        } else {
            "–".to_owned()
        },
        start,
        title(&task.issue.title),
    ]
}

/// Returns the domain of a task, or a dash if it ended before it was classified.
pub(crate) fn domain(task: &Task) -> String {
    task.classification.as_ref().map_or_else(
        || "–".to_owned(),
        |classification| one_line(&classification.domain),
    )
}

fn not_started(outcome: &Outcome) -> String {
    message(&outcome.to_string())
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::{PullRequest, Settings};
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::{admitted, completed, finished, told, warned};

    #[test]
    fn a_dry_run_shows_the_order_and_who_waits() {
        let settings = Settings {
            dry_run: true,
            n_slots: 2,
            ..Settings::default()
        };
        let issues = [
            (1, "One", "backend"),
            (2, "Two\u{1b}[2J", "backend"),
            (3, "Three", "frontend"),
            (4, "Four", "testing"),
        ];
        let mut events = admitted(settings, &issues);
        events.pop();
        warned(&mut events, &["skipping `41.md`: it cannot be parsed"]);
        let pull_request = PullRequest {
            number: 9,
            url: String::new(),
        };
        events.push(finished(
            4,
            Outcome::AlreadyOpen {
                pull_request: Some(pull_request),
            },
        ));
        events.push(completed());
        let chronicle = told(&events);
        assert!(is_whole_answer(chronicle.engine()));
        assert_snapshot!(text(&chronicle, &crate::command::read("autoissue exec bug --max-parallel 2 --dry-run"), Paint::default()), @"
        plan of owner/shop, label `bug` (dry run: nothing was changed or spent)

        order  issue  domain    model   estimate  start                            title
        1      #1     backend   sonnet  $5.00     immediately                      One
        2      #3     frontend  sonnet  $5.00     immediately                      Three
        3      #2     backend   sonnet  $5.00     all 2 slots are taken            Two
        –      #4     testing   –       –         pull request #9 is already open  Four

        backlog warnings (1)
          skipping `41.md`: it cannot be parsed

        3 tasks, 2 at once, estimated $15.00 of $50.00
        next        autoissue exec bug --max-parallel 2
        ");
    }
}
