//! A plan as text: shown to the user for confirmation, and as the result of a dry run.

mod tree;

use std::path::Path;

use autoissue_core::engine::{
    Engine, Phase, Plan, PlanProgress, PlannedIssue, SessionOutcome, Usd,
};
use autoissue_core::session::PLAN_FILE;

use crate::narration::{counted, message, title, title_of};
use crate::paint::Paint;
use crate::printable::{cut, fitted, one_line};
use crate::report::next_line;
use crate::table::{Column, fixed, prose, table, titles};
use crate::typed::Typed;
use tree::tree;

const COLUMNS: [Column; 8] = [
    fixed(""),
    fixed("domain"),
    prose("labels").optional(),
    fixed("complexity").optional(),
    fixed("model"),
    fixed("estimate"),
    fixed("after"),
    titles(),
];

/// Returns the plan as shown for confirmation.
pub(crate) fn proposal(engine: &Engine, paint: Paint) -> String {
    let Some((plan_progress, plan)) = plan_of(engine) else {
        return String::new();
    };
    format!(
        "\n{}\n\n{}",
        paint.bold(heading(engine)),
        body(engine, plan_progress, plan, paint)
    )
}

/// Returns the result of a session that made a plan but ran none of it; `None` for any other
/// session.
pub(crate) fn answer(
    engine: &Engine,
    session_dir: &Path,
    typed: &Typed,
    paint: Paint,
) -> Option<String> {
    let (plan_progress, plan) = plan_of(engine)?;
    let status = match engine.phase() {
        Phase::Over(status) if plan_progress.created.is_empty() && engine.tasks().is_empty() => {
            status
        }
        _ => return None,
    };
    let file = session_dir.join(PLAN_FILE);
    let again = |budget| typed.again(engine.info(), Some(&file), budget);
    let (what, next) = match status {
        SessionOutcome::Failed {
            message: why,
            budget: true,
        } => {
            let command = again(Some(estimate(engine, plan)));
            let next = next_line(&command, Some("or edit it first"), paint);
            (message(why), next)
        }
        SessionOutcome::Failed { message: why, .. } => {
            (message(why), next_line(&again(None), None, paint))
        }
        SessionOutcome::Completed => (
            "nothing was created".to_owned(),
            next_line(&again(None), None, paint),
        ),
    };
    let money = if plan_progress.spent == Usd::ZERO {
        String::new()
    } else {
        format!("; planning cost {}", plan_progress.spent)
    };
    let body = body(engine, plan_progress, plan, paint);
    let head = format!("{}: {what}{money}\n\n", heading(engine));
    Some(fitted(&head, paint.columns()) + &body + &next)
}

fn plan_of(engine: &Engine) -> Option<(&PlanProgress, &Plan)> {
    let plan_progress = engine.plan_progress()?;
    Some((plan_progress, plan_progress.plan.as_ref()?))
}

fn heading(engine: &Engine) -> String {
    format!(
        "plan of {} for {}",
        title_of(engine.info()),
        one_line(&engine.info().repository)
    )
}

fn estimate(engine: &Engine, plan: &Plan) -> Usd {
    plan.issues
        .iter()
        .map(|issue| engine.planned_estimate(issue))
        .sum()
}

fn body(engine: &Engine, plan_progress: &PlanProgress, plan: &Plan, paint: Paint) -> String {
    let rows: Vec<_> = (1..)
        .zip(&plan.issues)
        .map(|(position, issue)| row(engine, position, issue))
        .collect();
    let budget = engine.settled().budget;
    let left = match plan_progress.spent {
        Usd::ZERO => format!("of {budget}"),
        spent => format!("of the remaining {} (budget {budget})", budget - spent),
    };
    let n_issues = counted(plan.issues.len(), "issue");
    let n_slots = engine.settings().n_slots;
    let estimate = estimate(engine, plan);
    let list = table(COLUMNS, &rows, paint);
    let tree: String = tree(plan)
        .lines()
        .map(|line| cut(line, paint.columns()) + "\n")
        .collect();
    let total = format!("{n_issues}, {n_slots} at once, estimated {estimate} {left}\n");
    format!("{list}\n{tree}\n{}", fitted(&total, paint.columns()))
}

fn row(engine: &Engine, position: usize, issue: &PlannedIssue) -> [String; 8] {
    let labels = issue.labels.iter().filter(|label| **label != issue.domain);
    let labels: Vec<String> = labels.map(|label| one_line(label)).collect();
    let after: Vec<String> = issue.depends_on.iter().map(ToString::to_string).collect();
    [
        position.to_string(),
        one_line(&issue.domain),
        labels.join(", "),
        issue.complexity.name().to_owned(),
        issue
            .model
            .as_deref()
            .map_or_else(|| "default".to_owned(), one_line),
        engine.planned_estimate(issue).to_string(),
        after.join(", "),
        title(&issue.title),
    ]
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::{
        Complexity, Event, PlanEvent, PlanRules, PlanSource, SessionEvent, Settings, Time,
    };
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::started_plan;
    use crate::table::at_60_and_80;

    fn issue(
        title: &str,
        domain: &str,
        complexity: Complexity,
        depends_on: &[u32],
    ) -> PlannedIssue {
        PlannedIssue {
            title: title.to_owned(),
            body: "x".to_owned(),
            labels: vec![domain.to_owned(), "auth\u{1b}[2J".to_owned()],
            complexity,
            depends_on: depends_on.to_vec(),
            domain: domain.to_owned(),
            model: Some("sonnet".to_owned()),
        }
    }

    fn proposed(settings: Settings) -> Vec<Event> {
        let issues = vec![
            issue("Add the user table", "database", Complexity::Simple, &[]),
            issue(
                "Hash\u{202e} passwords",
                "backend",
                Complexity::Medium,
                &[1],
            ),
            issue("Log in", "backend", Complexity::Complex, &[1, 2]),
        ];
        let plan = Plan {
            id: "p".to_owned(),
            created_at: Time::from_ms(1),
            issues,
        };
        let mut events = started_plan("Build user authentication\nwith JWT", settings, 42);
        events.push(Event::Plan(PlanEvent::Proposed { plan }));
        events
    }

    fn settings() -> Settings {
        let source = PlanSource::Planner {
            model: None,
            cap: Usd::from_cents(200),
        };
        Settings {
            plan: Some(PlanRules {
                source,
                confirm: false,
            }),
            ..Settings::default()
        }
    }

    #[test]
    fn a_plan_is_proposed_with_order_estimate_and_what_is_left() {
        assert_snapshot!(proposal(&Engine::replay(&proposed(settings())), Paint::default()), @"

        plan of “Build user authentication with JWT” for owner/shop

           domain    labels  complexity  model   estimate  after  title
        1  database  auth    simple      sonnet  $5.00            Add the user table
        2  backend   auth    medium      sonnet  $5.00     1      Hash passwords
        3  backend   auth    complex     sonnet  $5.00     1, 2   Log in

        1 Add the user table
        └─ 2 Hash passwords
           └─ 3 Log in (also after 1)

        3 issues, 3 at once, estimated $15.00 of the remaining $49.58 (budget $50.00)
        ");
    }

    #[test]
    fn a_plan_fits_every_terminal() {
        let engine = Engine::replay(&proposed(settings()));
        assert_snapshot!(at_60_and_80(|paint| proposal(&engine, paint)), @"

        plan of “Build user authentication with JWT” for owner/shop

           domain    model   estimate  after  title
        1  database  sonnet  $5.00            Add the user table
        2  backend   sonnet  $5.00     1      Hash passwords
        3  backend   sonnet  $5.00     1, 2   Log in

        1 Add the user table
        └─ 2 Hash passwords
           └─ 3 Log in (also after 1)

        3 issues, 3 at once, estimated $15.00 of the remaining
          $49.58 (budget $50.00)


        plan of “Build user authentication with JWT” for owner/shop

           domain    labels  complexity  model   estimate  after  title
        1  database  auth    simple      sonnet  $5.00            Add the user table
        2  backend   auth    medium      sonnet  $5.00     1      Hash passwords
        3  backend   auth    complex     sonnet  $5.00     1, 2   Log in

        1 Add the user table
        └─ 2 Hash passwords
           └─ 3 Log in (also after 1)

        3 issues, 3 at once, estimated $15.00 of the remaining $49.58 (budget $50.00)
        ");
    }

    #[test]
    fn a_dry_run_ends_with_its_cost_and_the_next_command() {
        let mut events = proposed(settings());
        events.push(Event::Session(SessionEvent::Finished {
            outcome: SessionOutcome::Completed,
        }));
        let text = answer(
            &Engine::replay(&events),
            Path::new("/state/s 1"),
            &crate::command::read("autoissue plan x --yolo --dry-run"),
            Paint::default(),
        )
        .unwrap();
        assert_snapshot!(text, @"
        plan of “Build user authentication with JWT” for owner/shop: nothing was created; planning cost $0.42

           domain    labels  complexity  model   estimate  after  title
        1  database  auth    simple      sonnet  $5.00            Add the user table
        2  backend   auth    medium      sonnet  $5.00     1      Hash passwords
        3  backend   auth    complex     sonnet  $5.00     1, 2   Log in

        1 Add the user table
        └─ 2 Hash passwords
           └─ 3 Log in (also after 1)

        3 issues, 3 at once, estimated $15.00 of the remaining $49.58 (budget $50.00)
        next        autoissue plan --from '/state/s 1/plan.json' --yolo
        ");
    }

    #[test]
    fn a_plan_beyond_the_budget_is_still_shown() {
        let mut events = proposed(Settings {
            budget: Usd::from_cents(1_000),
            ..settings()
        });
        let message = "cannot afford 3 tasks: estimated $15.00 exceeds budget $10.00 less $0.42 spent on planning";
        let outcome = SessionOutcome::Failed {
            message: message.to_owned(),
            budget: true,
        };
        events.push(Event::Session(SessionEvent::Finished { outcome }));
        let text = answer(
            &Engine::replay(&events),
            Path::new("/s"),
            &Typed::default(),
            Paint::default(),
        )
        .unwrap();
        assert_snapshot!(text, @"
        plan of “Build user authentication with JWT” for owner/shop: cannot afford 3 tasks: estimated $15.00 exceeds budget $10.00 less $0.42 spent on planning; planning cost $0.42

           domain    labels  complexity  model   estimate  after  title
        1  database  auth    simple      sonnet  $5.00            Add the user table
        2  backend   auth    medium      sonnet  $5.00     1      Hash passwords
        3  backend   auth    complex     sonnet  $5.00     1, 2   Log in

        1 Add the user table
        └─ 2 Hash passwords
           └─ 3 Log in (also after 1)

        3 issues, 3 at once, estimated $15.00 of the remaining $9.58 (budget $10.00)
        next        autoissue plan --from /s/plan.json --budget 15    (or edit it first)
        ");
    }

    #[test]
    fn a_session_that_created_issues_has_another_report() {
        let mut events = proposed(settings());
        events.push(Event::Plan(PlanEvent::Confirmed));
        assert_eq!(
            answer(
                &Engine::replay(&events),
                Path::new("/s"),
                &Typed::default(),
                Paint::default(),
            ),
            None
        );
    }
}
