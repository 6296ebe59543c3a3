//! `autoissue status`: recent sessions, or the tasks of one and why they wait. Reads the journal only, so it works while a
//! session runs elsewhere, and starts no threads.

use std::collections::BTreeMap;
use std::path::Path;

use autoissue_core::engine::{Engine, IssueNumber, Outcome, Stage, Task, Time};
use autoissue_core::journal::{Journal, SessionRow, SessionStatus};
use autoissue_core::recorded::Recorded;
use autoissue_core::summary::{Summary, rfc3339};
use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use crate::liveness::is_cut_off;
use crate::local_time::{LocalTime, now_ms};
use crate::narration::{blocked, ended, stage_of_plan, subject, title};
use crate::printable::one_line;
use crate::table::table;
use crate::tally::Tally;

/// Arguments of `status`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StatusArgs {
    /// Id of a session, or the beginning of it
    pub(crate) session: Option<String>,
    /// Show at most so many sessions
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
}

/// Runs the command.
///
/// # Errors
/// Where the journal cannot be read, or no session fits.
pub(crate) fn run(around: &Surroundings, args: &StatusArgs) -> Result<ExitCode, CliError> {
    let journal = around.journal()?;
    match &args.session {
        Some(prefix) => {
            let row = journal.session(prefix)?;
            print_session(around, &Recorded::read(&journal, row)?)?;
        }
        None => print_sessions(around, &journal, args.limit)?,
    }
    Ok(ExitCode::Success)
}

/// A session as a line of JSON.
#[derive(Debug, Serialize)]
struct SessionLine<'a> {
    r#type: &'static str,
    session: &'a str,
    repository: &'a str,
    project_path: &'a str,
    command: &'a str,
    status: &'a str,
    cut_off: bool,
    started_at: String,
    finished_at: Option<String>,
    n_tasks: u32,
    counts: BTreeMap<String, u32>,
    spent_usd: f64,
}

fn print_sessions(around: &Surroundings, journal: &Journal, limit: usize) -> Result<(), CliError> {
    let state_dir = around.state_dir()?;
    let sessions = journal.sessions(None, limit)?;
    if around.console.is_json() {
        for row in &sessions {
            around
                .console
                .json(&line_of(row, Tally::of(journal, row)?, &state_dir))?;
        }
        return Ok(());
    }
    if sessions.is_empty() {
        return around.console.print(
            "no session yet: `autoissue exec <label>` runs one, `autoissue demo` shows how\n",
        );
    }
    let cells = |row: &SessionRow| cells_of(row, &Tally::of(journal, row)?, around);
    let rows: Vec<_> = sessions
        .iter()
        .map(cells)
        .collect::<Result<_, CliError>>()?;
    let headings = [
        "session",
        "started",
        "repository",
        "tasks",
        "spent",
        "status",
    ];
    around
        .console
        .print(&table(headings, &rows, around.console.out))
}

fn line_of<'a>(row: &'a SessionRow, tally: Tally, state_dir: &Path) -> SessionLine<'a> {
    SessionLine {
        r#type: "session",
        session: row.id.as_str(),
        repository: &row.repository,
        project_path: &row.project_path,
        command: &row.command,
        status: row.status.as_str(),
        cut_off: is_cut_off(row, state_dir),
        started_at: rfc3339(row.started_at_ms),
        finished_at: row.finished_at_ms.map(rfc3339),
        n_tasks: tally.n_tasks,
        counts: tally.outcomes,
        spent_usd: tally.spent.dollars(),
    }
}

fn cells_of(
    row: &SessionRow,
    tally: &Tally,
    around: &Surroundings,
) -> Result<[String; 6], CliError> {
    Ok([
        row.id.to_string(),
        around.time.day_and_minute(row.started_at_ms),
        one_line(&row.repository),
        tally.to_string(),
        tally.spent.to_string(),
        status_of(row, around)?,
    ])
}

/// Returns a session's status in words, with the command that continues it.
///
/// # Errors
/// Where the state directory cannot be told.
pub(crate) fn status_of(row: &SessionRow, around: &Surroundings) -> Result<String, CliError> {
    let resume = || around.recorded(row).resume(row.id.as_str());
    Ok(match row.status {
        SessionStatus::Running if is_cut_off(row, &around.state_dir()?) => {
            format!("cut off (resume it with `{}`)", resume())
        }
        SessionStatus::Interrupted => format!("interrupted (resume it with `{}`)", resume()),
        status => status.to_string(),
    })
}

/// Prints the tasks of one session.
///
/// # Errors
/// Where standard output cannot be written.
pub(crate) fn print_session(around: &Surroundings, recorded: &Recorded) -> Result<(), CliError> {
    let row = &recorded.row;
    if around.console.is_json() {
        let summary = Summary::new(
            row.id.as_str(),
            &recorded.engine,
            row.started_at_ms,
            row.finished_at_ms,
        );
        return print_session_json(around, &recorded.engine, &summary);
    }
    let money = recorded.engine.money();
    let paint = around.console.out;
    let head = format!(
        "{} · {} · {} · since {} · {}\nspent {} + {} reserved of {}\n\n",
        paint.bold(&row.id),
        one_line(&row.repository),
        subject(recorded.engine.about()),
        around.time.day_and_minute(row.started_at_ms),
        status_of(row, around)?,
        money.spent,
        money.reserved,
        money.budget,
    );
    let rows = task_rows(&recorded.engine, Time::from_ms(now_ms()), &around.time);
    let tasks = match rows.as_slice() {
        [] => stage_of_plan(&recorded.engine).unwrap_or_else(|| "no tasks".to_owned()) + "\n",
        rows => table(
            [
                "issue", "stage", "domain", "attempts", "spent", "title", "why",
            ],
            rows,
            paint,
        ),
    };
    around.console.print(&(head + &tasks))
}

/// A task that has not ended, as a line of JSON; the summary has the others.
#[derive(Debug, Serialize)]
struct TaskLine<'a> {
    r#type: &'static str,
    session: &'a str,
    issue: IssueNumber,
    title: &'a str,
    domain: &'a str,
    stage: &'static str,
    attempts: u32,
    spent_usd: f64,
    outcome: Option<&'static str>,
    why: Option<String>,
}

fn print_session_json(
    around: &Surroundings,
    engine: &Engine,
    summary: &Summary,
) -> Result<(), CliError> {
    let now = Time::from_ms(now_ms());
    for task in engine.tasks().values() {
        around.console.json(&TaskLine {
            r#type: "task",
            session: &summary.session,
            issue: task.issue.number,
            title: &task.issue.title,
            domain: task.domain(),
            stage: task.stage_name(),
            attempts: task.n_attempts,
            spent_usd: task.spent_now().dollars(),
            outcome: task.outcome().map(Outcome::name),
            why: engine
                .blocked(task.issue.number, now)
                .map(|why| why.to_string()),
        })?;
    }
    around.console.json(summary)
}

fn task_rows(engine: &Engine, now: Time, time: &LocalTime) -> Vec<[String; 7]> {
    let row = |task: &Task| {
        let why = match &task.stage {
            Stage::Ended(outcome) => ended(outcome),
            _ => engine
                .blocked(task.issue.number, now)
                .map(|why| blocked(&why, time))
                .unwrap_or_default(),
        };
        [
            task.issue.number.to_string(),
            task.stage_name().to_owned(),
            one_line(task.domain()),
            task.n_attempts.to_string(),
            task.spent_now().to_string(),
            title(&task.issue.title),
            why,
        ]
    };
    engine.tasks().values().map(row).collect()
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::Settings;
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::{admitted, at_work, check_failed, shipped};
    use crate::paint::Paint;

    #[test]
    fn every_task_has_a_stage_and_a_reason_where_it_waits() {
        let issues = [
            (1, "One", "backend"),
            (2, "Two", "frontend"),
            (3, "Three\u{1b}[2J", "database"),
            (4, "Four", "database"),
        ];
        let mut events = admitted(Settings::default(), &issues);
        events.extend(shipped(1, 30, 42));
        events.extend(check_failed(2, 310));
        events.extend(at_work(3, 1));
        let rows = task_rows(
            &Engine::replay(&events),
            Time::from_ms(1),
            &LocalTime::utc(),
        );
        let headings = [
            "issue", "stage", "domain", "attempts", "spent", "title", "why",
        ];
        assert_snapshot!(table(headings, &rows, Paint::default()), @"
        issue  stage    domain    attempts  spent  title  why
        #1     ended    backend   1         $0.42  One    done: pull request #30
        #2     ended    frontend  1         $3.10  Two    failed: task: check `test` (exit code 1) failed
        #3     agent    database  1         $0.00  Three
        #4     waiting  database  0         $0.00  Four   domain database is busy with #3
        ");
    }
}
