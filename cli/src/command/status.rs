//! `autoissue status`: lists recent sessions, or the tasks of one and why they wait. Reads only the
//! journal, so it works while a session runs in another process, and starts no threads.

use std::collections::BTreeMap;

use autoissue_core::chronicle::{Chronicle, Counts, SessionStatus, Totals};
use autoissue_core::engine::{Engine, IssueNumber, Outcome, Task, TaskState, Time};
use autoissue_core::journal::{Journal, SessionRow};
use autoissue_core::recorded::Recorded;
use autoissue_core::summary::{Summary, rfc3339};
use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::liveness::{chronicle, recorded};
use crate::local_time::{LocalTime, now_ms};
use crate::narration::{blocked, ended, ended_of, stage_of_plan, subject, title};
use crate::paint::Paint;
use crate::printable::{fitted, one_line};
use crate::table::{Column, fixed, prose, table, titles};

/// Arguments of `status`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StatusArgs {
    /// Session ID or a unique prefix of it
    pub(crate) session: Option<String>,
    /// Maximum number of sessions to list
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = n_sessions)]
    pub(crate) limit: usize,
}

fn n_sessions(text: &str) -> Result<usize, String> {
    let n = text.parse().ok().filter(|n| 0 < *n);
    n.ok_or_else(|| "not a number of sessions, such as `20`".to_owned())
}

/// Runs the command.
///
/// # Errors
/// If the journal cannot be read, or no session matches.
pub(crate) fn run(invocation: &Invocation, args: &StatusArgs) -> Result<ExitCode, CliError> {
    let journal = invocation.journal()?;
    match &args.session {
        Some(prefix) => {
            let row = journal.session(prefix)?;
            let recorded = recorded(&journal, row, &invocation.state_dir()?)?;
            print_session(invocation, &recorded)?;
        }
        None => print_sessions(invocation, &journal, args.limit)?,
    }
    Ok(ExitCode::Success)
}

/// A session as a line of JSON.
#[derive(Debug, Serialize)]
pub(crate) struct SessionLine<'a> {
    r#type: &'static str,
    session: &'a str,
    repository: &'a str,
    project_path: &'a str,
    command: &'a str,
    status: SessionStatus,
    died: bool,
    started_at: String,
    finished_at: Option<String>,
    n_tasks: u32,
    counts: BTreeMap<&'static str, u32>,
    spent_usd: f64,
}

const SESSION_COLUMNS: [Column; 6] = [
    fixed("session"),
    fixed("started").optional(),
    fixed("repository").optional(),
    prose("tasks"),
    fixed("spent"),
    prose("status"),
];

const TASK_COLUMNS: [Column; 7] = [
    fixed("issue"),
    fixed("stage"),
    fixed("domain").optional(),
    fixed("attempts").optional(),
    fixed("spent"),
    titles(),
    prose("why"),
];

fn print_sessions(
    invocation: &Invocation,
    journal: &Journal,
    limit: usize,
) -> Result<(), CliError> {
    let state_dir = invocation.state_dir()?;
    let mut sessions = Vec::new();
    for row in journal.sessions(None, limit)? {
        let totals = chronicle(journal, &row, &state_dir)?.totals();
        sessions.push((row, totals));
    }
    if invocation.console.is_json() {
        let mut lines = sessions.iter().map(|(row, totals)| line_of(row, totals));
        return lines.try_for_each(|line| invocation.console.json(&line));
    }
    if sessions.is_empty() {
        return invocation.console.print(
            "no sessions yet: start one with `autoissue exec <label>`, or try `autoissue demo`\n",
        );
    }
    let rows: Vec<_> = sessions
        .iter()
        .map(|(row, totals)| cells_of(row, totals, invocation))
        .collect();
    invocation
        .console
        .page(&table(SESSION_COLUMNS, &rows, invocation.console.out))
}

/// Returns a session as a line of JSON.
pub(crate) fn line_of<'a>(row: &'a SessionRow, totals: &Totals) -> SessionLine<'a> {
    SessionLine {
        r#type: "session",
        session: row.id.as_str(),
        repository: &row.repository,
        project_path: &row.project_path,
        command: &row.command,
        status: totals.status,
        died: totals.status == SessionStatus::Died,
        started_at: rfc3339(totals.started_at_ms),
        finished_at: totals.finished_at_ms.map(rfc3339),
        n_tasks: totals.counts.total,
        counts: by_name(&totals.counts),
        spent_usd: totals.money.spent.dollars(),
    }
}

fn by_name(counts: &Counts) -> BTreeMap<&'static str, u32> {
    counts.ended().map(|(state, n)| (state.name(), n)).collect()
}

fn cells_of(row: &SessionRow, totals: &Totals, invocation: &Invocation) -> [String; 6] {
    [
        row.id.to_string(),
        invocation.time.day_and_minute(totals.started_at_ms),
        one_line(&row.repository),
        ended_of(&totals.counts),
        totals.money.spent.to_string(),
        status_of(row, totals.status, invocation),
    ]
}

/// Returns a session's status as text, with the command that continues it.
pub(crate) fn status_of(
    row: &SessionRow,
    status: SessionStatus,
    invocation: &Invocation,
) -> String {
    let resume = || invocation.recorded(row).resume(row.id.as_str());
    match status {
        SessionStatus::Died => {
            format!("interrupted, the process died (resume with `{}`)", resume())
        }
        SessionStatus::Interrupted => format!("interrupted (resume with `{}`)", resume()),
        status => status.name().to_owned(),
    }
}

/// Prints the tasks of one session.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn print_session(invocation: &Invocation, recorded: &Recorded) -> Result<(), CliError> {
    let (row, chronicle) = (&recorded.row, &recorded.chronicle);
    if invocation.console.is_json() {
        let summary = Summary::new(row.id.as_str(), chronicle);
        return print_session_json(invocation, chronicle.engine(), &summary);
    }
    let engine = chronicle.engine();
    let paint = invocation.console.out;
    let status = status_of(row, chronicle.status(), invocation);
    let rows = task_rows(engine, Time::from_ms(now_ms()), &invocation.time, paint);
    let tasks = match rows.as_slice() {
        [] => stage_of_plan(engine).unwrap_or_else(|| "no tasks".to_owned()) + "\n",
        rows => table(TASK_COLUMNS, rows, paint),
    };
    let head = head(row.id.as_str(), chronicle, &status, &invocation.time, paint);
    invocation.console.page(&(head + &tasks))
}

/// Returns the header above the tasks of a session.
pub(crate) fn head(
    session: &str,
    chronicle: &Chronicle,
    status: &str,
    time: &LocalTime,
    paint: Paint,
) -> String {
    let (info, money) = (chronicle.engine().info(), chronicle.money());
    let head = format!(
        "{} · {} · {} · started {} · {status}\nspent {} + {} reserved of {}\n\n",
        paint.bold(session),
        one_line(&info.repository),
        subject(info),
        time.day_and_minute(chronicle.started_at_ms()),
        money.spent,
        money.reserved,
        money.budget,
    );
    fitted(&head, paint.columns())
}

/// A task that has not ended, as a line of JSON. Ended tasks are in the summary.
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
    invocation: &Invocation,
    engine: &Engine,
    summary: &Summary,
) -> Result<(), CliError> {
    let now = Time::from_ms(now_ms());
    for task in engine.tasks().values() {
        invocation.console.json(&TaskLine {
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
    invocation.console.json(summary)
}

fn task_rows(engine: &Engine, now: Time, time: &LocalTime, paint: Paint) -> Vec<[String; 7]> {
    let row = |task: &Task| {
        let why = match &task.state {
            TaskState::Ended(outcome) => ended(outcome),
            _ => engine
                .blocked(task.issue.number, now)
                .map(|why| blocked(&why, time))
                .unwrap_or_default(),
        };
        [
            paint.link(&one_line(&task.issue.url), task.issue.number),
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
    use crate::table::at_60_and_80;

    #[test]
    fn at_least_one_session_is_listed() {
        assert_eq!(n_sessions("1"), Ok(1));
        for text in ["0", "-1", "x", ""] {
            assert!(n_sessions(text).is_err(), "{text}");
        }
    }

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
            Paint::default(),
        );
        assert_snapshot!(table(TASK_COLUMNS, &rows, Paint::default()), @"
        issue  stage    domain    attempts  spent  title  why
        #1     ended    backend   1         $0.42  One    done: pull request #30
        #2     ended    frontend  1         $3.10  Two    failed: check `test` (exit code 1) failed
        #3     agent    database  1         $0.00  Three
        #4     waiting  database  0         $0.00  Four   domain database is busy with #3
        ");
        assert_snapshot!(at_60_and_80(|paint| table(TASK_COLUMNS, &rows, paint)), @"
        issue  stage    domain    spent  title  why
        #1     ended    backend   $0.42  One    done: pull request
                                                #30
        #2     ended    frontend  $3.10  Two    failed: check `test`
                                                (exit code 1) failed
        #3     agent    database  $0.00  Three
        #4     waiting  database  $0.00  Four   domain database is
                                                busy with #3

        issue  stage    domain    attempts  spent  title  why
        #1     ended    backend   1         $0.42  One    done: pull request #30
        #2     ended    frontend  1         $3.10  Two    failed: check `test` (exit
                                                          code 1) failed
        #3     agent    database  1         $0.00  Three
        #4     waiting  database  0         $0.00  Four   domain database is busy with
                                                          #3
        ");
    }

    #[test]
    fn the_command_that_continues_a_session_is_whole_on_every_terminal() {
        let row = |tasks: &str, status: &str| {
            let session = ["20261122-1315-7f3a", "2026-11-22 13:15", "owner/shop"];
            let [session, started, repository] = session.map(str::to_owned);
            [
                session,
                started,
                repository,
                tasks.to_owned(),
                "$4.02".to_owned(),
                status.to_owned(),
            ]
        };
        let rows = [
            row("2 done, 1 failed, 1 needs you", "completed"),
            row(
                "1 done",
                "interrupted (resume with `autoissue resume 20261122-1315-7f3a`)",
            ),
        ];
        assert_snapshot!(at_60_and_80(|paint| table(SESSION_COLUMNS, &rows, paint)), @"
        session     20261122-1315-7f3a
        started     2026-11-22 13:15
        repository  owner/shop
        tasks       2 done, 1 failed, 1 needs you
        spent       $4.02
        status      completed

        session     20261122-1315-7f3a
        started     2026-11-22 13:15
        repository  owner/shop
        tasks       1 done
        spent       $4.02
        status      interrupted (resume with
                    `autoissue resume 20261122-1315-7f3a`)

        session             tasks          spent  status
        20261122-1315-7f3a  2 done, 1      $4.02  completed
                            failed, 1
                            needs you
        20261122-1315-7f3a  1 done         $4.02  interrupted (resume with
                                                  `autoissue resume 20261122-1315-7f3a`)
        ");
    }
}
