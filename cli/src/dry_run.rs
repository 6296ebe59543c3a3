//! The plan of a session that has not run: order, domain, model, estimate, and which tasks wait for
//! which.

use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::{
    Classification, Engine, Issue, NotStarted, Outcome, Phase, SessionOutcome, Task, Usd,
};

use crate::narration::{counted, message, title};
use crate::paint::Paint;
use crate::printable::{fitted, one_line};
use crate::report::{backlog_warnings, next_line};
use crate::schedule::{ScheduledStart, schedule};
use crate::table::{Column, fixed, prose, table, titles};
use crate::typed::Typed;

/// Returns whether the session was a dry run with a plan to show, also one that exceeds the budget:
/// then the plan is the whole answer.
pub(crate) fn is_whole_answer(engine: &Engine) -> bool {
    let has_plan = match engine.phase() {
        Phase::Over(SessionOutcome::Failed { budget, .. }) => *budget,
        phase => *phase == Phase::Over(SessionOutcome::Completed),
    };
    engine.settings().dry_run && has_plan && !engine.tasks().is_empty()
}

/// Returns whether a task would run, or would if the budget allowed it.
fn is_open(task: &Task) -> bool {
    match task.outcome() {
        None => true,
        Some(Outcome::NotStarted { because }) => *because == NotStarted::Budget,
        Some(_) => false,
    }
}

const COLUMNS: [Column; 7] = [
    fixed("order"),
    fixed("issue"),
    fixed("domain"),
    fixed("model"),
    fixed("estimate"),
    prose("start"),
    titles(),
];

/// Returns the plan as text.
pub(crate) fn text(chronicle: &Chronicle, typed: &Typed, paint: Paint) -> String {
    let engine = chronicle.engine();
    let info = engine.info();
    let (repository, label) = (one_line(&info.repository), one_line(&info.label));
    let open = || engine.tasks().values().filter(|task| is_open(task));
    let (estimate, budget) = (
        open().map(|task| task.estimate).sum::<Usd>(),
        engine.settled().budget,
    );
    let head = format!(
        "plan of {repository}, label `{label}` (dry run: nothing was changed or spent)\n\n"
    );
    let table = table(COLUMNS, &rows(engine), paint);
    let warnings = backlog_warnings(chronicle, paint).map(|warnings| format!("\n{warnings}"));
    let n_slots = engine.settings().n_slots;
    let n_tasks = counted(open().count(), "task");
    let mut foot = format!("\n{n_tasks}, {n_slots} at once, estimated {estimate} of {budget}\n");
    let is_over_budget = matches!(engine.phase(), Phase::Over(SessionOutcome::Failed { .. }));
    if is_over_budget {
        foot.push_str("nothing would start, because the budget does not cover all of them\n");
    } else if budget < estimate {
        foot.push_str(
            "the budget does not cover all of them; they start in this order until it is used up\n",
        );
    }
    let next = typed.again(engine.info(), None, is_over_budget.then_some(estimate));
    let or = is_over_budget.then_some("or --allow-partial, or --issue N");
    let [head, foot] = [head, foot].map(|text| fitted(&text, paint.columns()));
    head + &table + &warnings.unwrap_or_default() + &foot + &next_line(&next, or, paint)
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
    let is_open = is_open(task);
    let start = match (task.outcome().filter(|_| !is_open), turn) {
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
    use autoissue_core::engine::{Event, PullRequest, SessionEvent, Settings};
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::{admitted, completed, finished, told, warned};
    use crate::table::at_60_and_80;

    #[test]
    fn a_plan_beyond_the_budget_is_shown_with_what_it_needs() {
        let settings = Settings {
            dry_run: true,
            budget: Usd::from_dollars(8.0),
            ..Settings::default()
        };
        let mut events = admitted(settings, &[(1, "One", "backend"), (2, "Two", "frontend")]);
        events.pop();
        let because = NotStarted::Budget;
        events.extend([1, 2].map(|issue| {
            let because = because.clone();
            finished(issue, Outcome::NotStarted { because })
        }));
        events.push(Event::Session(SessionEvent::Finished {
            outcome: SessionOutcome::Failed {
                message: "cannot afford 2 tasks: estimated $10.00 exceeds budget $8.00".to_owned(),
                budget: true,
            },
        }));
        let chronicle = told(&events);
        assert!(is_whole_answer(chronicle.engine()));
        let typed = crate::command::read("autoissue exec bug --budget 8 --dry-run");
        assert_snapshot!(text(&chronicle, &typed, Paint::default()), @"
        plan of owner/shop, label `bug` (dry run: nothing was changed or spent)

        order  issue  domain    model   estimate  start        title
        1      #1     backend   sonnet  $5.00     immediately  One
        2      #2     frontend  sonnet  $5.00     immediately  Two

        2 tasks, 3 at once, estimated $10.00 of $8.00
        nothing would start, because the budget does not cover all of them
        next        autoissue exec bug --budget 10    (or --allow-partial, or --issue N)
        ");
    }

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

    #[test]
    fn a_narrow_terminal_leaves_nothing_out() {
        let settings = Settings {
            dry_run: true,
            ..Settings::default()
        };
        let issues = [
            (1, "Let people sort the list of orders by date", "frontend"),
            (2, "Show the total below the list of orders", "frontend"),
        ];
        let mut events = admitted(settings, &issues);
        events.push(completed());
        let chronicle = told(&events);
        let typed = crate::command::read("autoissue exec bug --dry-run");
        assert_snapshot!(at_60_and_80(|paint| text(&chronicle, &typed, paint)), @"
        plan of owner/shop, label `bug` (dry run: nothing was
          changed or spent)

        order     1
        issue     #1
        domain    frontend
        model     sonnet
        estimate  $5.00
        start     immediately
        title     Let people sort the list of orders by date

        order     2
        issue     #2
        domain    frontend
        model     sonnet
        estimate  $5.00
        start     domain frontend is busy with #1
        title     Show the total below the list of orders

        2 tasks, 3 at once, estimated $10.00 of $50.00
        next        autoissue exec bug

        plan of owner/shop, label `bug` (dry run: nothing was changed or spent)

        order  issue  domain    model   estimate  start                 title
        1      #1     frontend  sonnet  $5.00     immediately           Let people sort…
        2      #2     frontend  sonnet  $5.00     domain frontend is    Show the total …
                                                  busy with #1

        2 tasks, 3 at once, estimated $10.00 of $50.00
        next        autoissue exec bug
        ");
    }
}
