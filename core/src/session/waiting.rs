//! Finished work of earlier sessions that is not published yet. A new session publishes it first:
//! it is already paid for, and if the forge refuses it, the forge would also refuse whatever is
//! made next.
//!
//! ```text
//!   journal ─► sessions, newest first ─► tasks waiting to be published ──► publish ─┬─► noted in their own session
//!                                                                                   ├─► refused for all ─► no session
//!                                                                                   └─► left ─► the issue is skipped
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use autoissue_engine::{
    AttemptEvent, Event, Failure, IssueNumber, Outcome, PublishOrder, TaskEvent, Withdrawal,
};
use autoissue_journal::{AppendExtras, Journal, SessionId, SessionRow, StoredStatus};
use tokio_util::sync::CancellationToken;

use super::SessionError;
use crate::dispatcher::rows_of;
use crate::recorded::Recorded;
use crate::wall_clock::wall_clock_ms;
use crate::work::Services;

/// How many sessions of a checkout are searched: work that has waited for more sessions than this
/// has long been superseded.
const N_SESSIONS_MAX: usize = 50;

/// Finished work of an earlier session.
pub(super) struct Waiting {
    session: SessionId,
    order: PublishOrder,
}

/// Returns the finished work of a checkout's unfinished sessions, newest first, without work that a
/// newer session has done again.
pub(super) fn find(journal: &Journal, project: &Path) -> Result<Vec<Waiting>, SessionError> {
    let rows = journal.sessions(None, N_SESSIONS_MAX)?.into_iter();
    let rows: Vec<SessionRow> = rows
        .filter(|row| Path::new(&row.project_path) == project)
        .collect();
    let is_unfinished = |row: &SessionRow| {
        matches!(
            row.status,
            StoredStatus::Running | StoredStatus::Interrupted
        )
    };
    let n_rows = rows
        .iter()
        .rposition(is_unfinished)
        .map_or(0, |last| last + 1);
    let mut found = Vec::new();
    let mut settled: BTreeSet<IssueNumber> = BTreeSet::new();
    for row in rows.into_iter().take(n_rows) {
        let (session, may_wait) = (row.id.clone(), is_unfinished(&row));
        let engine = match Recorded::read(journal, row) {
            Ok(recorded) => recorded.chronicle.into_engine(),
            Err(error) => {
                tracing::warn!(%error, %session, "cannot search the session for finished work");
                continue;
            }
        };
        let orders = if may_wait {
            engine.unpublished()
        } else {
            Vec::new()
        };
        for order in orders {
            if settled.insert(order.issue.number) {
                let session = session.clone();
                found.push(Waiting { session, order });
            }
        }
        let ended = engine
            .tasks()
            .values()
            .filter(|task| task.outcome().is_some_and(Outcome::is_success));
        settled.extend(ended.map(|task| task.issue.number));
    }
    Ok(found)
}

/// Publishes waiting work, and records it in the sessions that made it. Returns the issues whose
/// work is still waiting, each with its session.
///
/// # Errors
/// [`SessionError::WorkWaits`] if any other work would be refused too.
pub(super) fn publish(
    waiting: Vec<Waiting>,
    services: &Services,
    journal: &mut Journal,
) -> Result<Vec<(IssueNumber, SessionId)>, SessionError> {
    let mut left = Vec::new();
    for Waiting { session, order } in waiting {
        let (issue, attempt) = (order.issue.number, order.attempt);
        let events = match services.forge.look_again(issue, "", true) {
            Ok(Some(found @ (Withdrawal::Closed | Withdrawal::Gone | Withdrawal::Merged(_)))) => {
                vec![Event::Task(TaskEvent::Finished {
                    issue,
                    outcome: found.into(),
                })]
            }
            _ => match services.publish_now(&order, &CancellationToken::new()) {
                Ok(publication) => {
                    let pull_request = publication.pull_request.clone();
                    vec![
                        Event::Attempt(AttemptEvent::Published {
                            issue,
                            attempt,
                            publication,
                        }),
                        Event::Task(TaskEvent::Finished {
                            issue,
                            outcome: Outcome::Done { pull_request },
                        }),
                    ]
                }
                Err(failure @ (Failure::Auth { .. } | Failure::Refused { .. })) => {
                    return Err(SessionError::WorkWaits {
                        session: session.to_string(),
                        issue,
                        reason: failure.to_string(),
                    });
                }
                Err(failure) => {
                    tracing::warn!(%failure, %issue, %session, "finished work is still waiting");
                    left.push((issue, session));
                    continue;
                }
            },
        };
        rows_of(&events, |rows| {
            journal.append(&session, wall_clock_ms(), rows, AppendExtras::default())
        })?;
    }
    Ok(left)
}
