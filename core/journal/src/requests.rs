//! Requests of other processes to a running session.

use rusqlite::{Connection, params};

use super::SessionId;
use super::error::Fault;
use super::head::{integer, unsigned};
use super::sessions::Tip;

/// A request of another process to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The request's number.
    pub id: u64,
    /// The kind of request.
    pub kind: String,
    /// Its content, as JSON.
    pub body: String,
}

pub(super) fn insert_request(
    connection: &Connection,
    tip: &Tip,
    kind: &str,
    body: &str,
) -> Result<u64, Fault> {
    connection
        .prepare_cached("INSERT INTO request (session, kind, body) VALUES (?1, ?2, ?3)")?
        .execute(params![tip.number, kind, body])?;
    unsigned(connection.last_insert_rowid())
}

pub(super) fn remove_request(connection: &Connection, id: u64) -> Result<(), Fault> {
    connection
        .prepare_cached("DELETE FROM request WHERE id = ?1")?
        .execute([integer(id)?])?;
    Ok(())
}

/// Reads a session's requests, oldest first.
pub(super) fn read_requests(
    connection: &Connection,
    session: &SessionId,
) -> Result<Vec<Request>, Fault> {
    let tip = Tip::of(connection, session)?;
    let mut statement = connection
        .prepare_cached("SELECT id, kind, body FROM request WHERE session = ?1 ORDER BY id")?;
    let mut rows = statement.query([tip.number])?;
    let mut requests = Vec::new();
    while let Some(row) = rows.next()? {
        requests.push(Request {
            id: unsigned(row.get(0)?)?,
            kind: row.get(1)?,
            body: row.get(2)?,
        });
    }
    Ok(requests)
}
