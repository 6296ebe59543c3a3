//! Sessions: a row that is written once, and a small one that is written with every append.

use std::fmt;

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::SessionId;
use super::chain::{Fields, Hash};
use super::error::{Break, Damage, Fault, JournalError};
use super::head::{Head, integer, unsigned};

/// The initial values of a session.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id, which must be unused.
    pub id: SessionId,
    /// The repository, as `owner/name`.
    pub repository: String,
    /// The user's checkout.
    pub project_path: String,
    /// The command line, for people.
    pub command: String,
    /// The release of autoissue that started it.
    pub version: String,
    /// When it started, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// The settings that a resume must use again.
    pub settings_json: String,
}

/// The status of a session. It repeats what its events say, so that listing sessions needs no
/// events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// It is running, or its process died.
    Running,
    /// It was interrupted and can be resumed.
    Interrupted,
    /// It has finished.
    Completed,
    /// It could not run.
    Failed,
}

/// A session in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// The repository, as `owner/name`.
    pub repository: String,
    /// The user's checkout.
    pub project_path: String,
    /// The command line, for people.
    pub command: String,
    /// The release of autoissue that started it.
    pub version: String,
    /// When it started, in milliseconds since 1970.
    pub started_at_ms: u64,
    /// The settings that a resume must use again.
    pub settings_json: String,
    /// Its status.
    pub status: SessionStatus,
    /// When it ended, in milliseconds since 1970.
    pub finished_at_ms: Option<u64>,
    /// The number of its newest event; 0 if it has none.
    pub last_seq: u64,
}

/// A new status of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusChange {
    /// The new status.
    pub status: SessionStatus,
    /// When it ended, in milliseconds since 1970; `None` if it has not ended.
    pub finished_at_ms: Option<u64>,
}

impl SessionStatus {
    /// Returns the word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            SessionStatus::Running => "running",
            SessionStatus::Interrupted => "interrupted",
            SessionStatus::Completed => "completed",
            SessionStatus::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Option<SessionStatus> {
        [
            SessionStatus::Running,
            SessionStatus::Interrupted,
            SessionStatus::Completed,
            SessionStatus::Failed,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The end of a session, where the next event is appended.
pub(super) struct Tip {
    /// Number of the session.
    pub(super) number: i64,
    /// Hash of the session's own row, where the chain of events starts.
    pub(super) origin: Hash,
    pub(super) status: SessionStatus,
    pub(super) finished_at_ms: Option<i64>,
    pub(super) last_seq: i64,
    pub(super) last_hash: Hash,
}

impl Tip {
    const COLUMNS: &str =
        "s.number, s.hash, t.status, t.finished_at_ms, t.last_seq, t.last_hash, t.seal";

    pub(super) fn of(connection: &Connection, session: &SessionId) -> Result<Tip, Fault> {
        let missing = || {
            Fault::Refused(JournalError::NoSession {
                wanted: session.to_string(),
            })
        };
        Tip::find(connection, session)?.ok_or_else(missing)
    }

    pub(super) fn find(connection: &Connection, session: &SessionId) -> Result<Option<Tip>, Fault> {
        const FROM: &str =
            "FROM session s LEFT JOIN session_state t ON t.number = s.number WHERE s.id = ?1";
        let sql = format!("SELECT {} {FROM}", Tip::COLUMNS);
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([session.as_str()])?;
        match rows.next()? {
            Some(row) => Ok(Some(Tip::decode(row)?)),
            None => {
                // The id is not in the index. Only reading every session shows whether it never
                // existed or was removed.
                let n_sessions = Head::load(connection)?.n_sessions;
                match read_sessions(connection, n_sessions, 1, |row| row.id == *session)?.pop() {
                    Some(_) => Err(Damage::Schema {
                        table: "session".to_owned(),
                    }
                    .into()),
                    None => Ok(None),
                }
            }
        }
    }

    /// Decodes the columns of [`Tip::COLUMNS`] and verifies them against their seal.
    fn decode(row: &Row<'_>) -> Result<Tip, Fault> {
        let number = row.get(0)?;
        let changed = || Damage::Session {
            number,
            what: Break::Changed,
        };
        let decode = || -> Result<(Tip, Hash), Fault> {
            let status: String = row.get(2)?;
            let tip = Tip {
                number,
                origin: row.get(1)?,
                status: SessionStatus::parse(&status).ok_or_else(changed)?,
                finished_at_ms: row.get(3)?,
                last_seq: row.get(4)?,
                last_hash: row.get(5)?,
            };
            Ok((tip, row.get(6)?))
        };
        let (tip, seal) = decode().map_err(|fault| fault.names(changed))?;
        if seal == tip.seal() {
            Ok(tip)
        } else {
            Err(changed().into())
        }
    }

    pub(super) fn save(&self, connection: &Connection) -> Result<(), Fault> {
        connection
            .prepare_cached(
                "REPLACE INTO session_state (number, status, finished_at_ms, last_seq, last_hash, seal)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                self.number,
                self.status.as_str(),
                self.finished_at_ms,
                self.last_seq,
                self.last_hash,
                self.seal()
            ])?;
        Ok(())
    }

    fn seal(&self) -> Hash {
        Fields::of("session_state")
            .number(self.number)
            .link(&self.origin)
            .text(self.status.as_str())
            .optional(self.finished_at_ms)
            .number(self.last_seq)
            .link(&self.last_hash)
            .hash()
    }
}

pub(super) fn insert_session(
    connection: &Connection,
    number: i64,
    new: &NewSession,
) -> Result<(), Fault> {
    let started_at_ms = integer(new.started_at_ms)?;
    let origin = session_hash(
        number,
        started_at_ms,
        [
            new.id.as_str(),
            &new.repository,
            &new.project_path,
            &new.command,
            &new.version,
            &new.settings_json,
        ],
    );
    connection
        .prepare_cached(
            "INSERT INTO session
             (number, id, hash, repository, project_path, command, version, started_at_ms, settings)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            number,
            new.id.as_str(),
            origin,
            new.repository,
            new.project_path,
            new.command,
            new.version,
            started_at_ms,
            new.settings_json
        ])?;
    let status = SessionStatus::Running;
    Tip {
        number,
        origin,
        status,
        finished_at_ms: None,
        last_seq: 0,
        last_hash: origin,
    }
    .save(connection)
}

fn session_hash(number: i64, started_at_ms: i64, texts: [&str; 6]) -> Hash {
    let fields = Fields::of("session").number(number).number(started_at_ms);
    texts.into_iter().fold(fields, Fields::text).hash()
}

/// Reads sessions, newest first, and verifies that none of those it passes is missing or changed.
pub(super) fn read_sessions(
    connection: &Connection,
    n_sessions: i64,
    limit: usize,
    mut wanted: impl FnMut(&SessionRow) -> bool,
) -> Result<Vec<SessionRow>, Fault> {
    // Reads the primary key's own table instead of the index over ids: a wrong index would go
    // unnoticed.
    let sql = format!(
        "SELECT {}, s.id, s.repository, s.project_path, s.command, s.version, s.settings, s.started_at_ms
         FROM session s NOT INDEXED LEFT JOIN session_state t ON t.number = s.number ORDER BY s.number DESC",
        Tip::COLUMNS
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(())?;
    let mut found = Vec::new();
    let mut expected = n_sessions;
    while found.len() < limit {
        match rows.next()? {
            Some(row) => {
                let number: i64 = row.get(0)?;
                in_order(number, expected)
                    .map_err(|(number, what)| Damage::Session { number, what })?;
                found.extend(Some(decode_session(row)?).filter(&mut wanted));
                expected -= 1;
            }
            None if expected > 0 => {
                return Err(Damage::Session {
                    number: expected,
                    what: Break::Missing,
                }
                .into());
            }
            None => break,
        }
    }
    Ok(found)
}

/// Checks that the row numbers, in descending order, have no gaps.
pub(super) fn in_order(number: i64, expected: i64) -> Result<(), (i64, Break)> {
    match number.cmp(&expected) {
        _ if number < 1 => Err((number, Break::Added)),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Less => Err((expected, Break::Missing)),
        std::cmp::Ordering::Greater => Err((number, Break::Added)),
    }
}

fn decode_session(row: &Row<'_>) -> Result<SessionRow, Fault> {
    let tip = Tip::decode(row)?;
    let changed = || Damage::Session {
        number: tip.number,
        what: Break::Changed,
    };
    let decode = || -> Result<SessionRow, Fault> {
        let id: String = row.get(7)?;
        Ok(SessionRow {
            id: SessionId::try_from(id).map_err(|_| changed())?,
            repository: row.get(8)?,
            project_path: row.get(9)?,
            command: row.get(10)?,
            version: row.get(11)?,
            settings_json: row.get(12)?,
            started_at_ms: unsigned(row.get(13)?)?,
            status: tip.status,
            finished_at_ms: tip.finished_at_ms.map(unsigned).transpose()?,
            last_seq: unsigned(tip.last_seq)?,
        })
    };
    let session = decode().map_err(|fault| fault.names(changed))?;
    let texts = [
        session.id.as_str(),
        &session.repository,
        &session.project_path,
        &session.command,
        &session.version,
        &session.settings_json,
    ];
    if session_hash(tip.number, row.get(13)?, texts) == tip.origin {
        Ok(session)
    } else {
        Err(changed().into())
    }
}
