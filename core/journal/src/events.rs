//! Events: appended at the end of a session, and verified along the chain of their hashes when
//! read.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::SessionId;
use super::chain::{Fields, Hash};
use super::error::{Break, Damage, Fault};
use super::head::{integer, unsigned};
use super::sessions::Tip;

/// An event to write.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'a> {
    /// The kind of event.
    pub kind: &'a str,
    /// The issue it is about.
    pub issue: Option<u64>,
    /// Its content, as JSON.
    pub body: &'a str,
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its position in the session, from 1, without gaps.
    pub seq: u64,
    /// When it was appended, in milliseconds since 1970. The clock may jump back; `seq` defines the
    /// order.
    pub at_ms: u64,
    /// The kind of event.
    pub kind: String,
    /// The issue it is about.
    pub issue: Option<u64>,
    /// Its content, as JSON.
    pub body: String,
}

/// Appends one event to a session. The tip is saved later, once for all events.
pub(super) fn insert_event(
    connection: &Connection,
    session: &SessionId,
    tip: &mut Tip,
    at_ms: i64,
    event: &NewEvent<'_>,
) -> Result<(), Fault> {
    let issue = event.issue.map(integer).transpose()?;
    tip.last_seq += 1;
    let content = (at_ms, event.kind, issue, event.body);
    tip.last_hash = event_hash(&tip.last_hash, session, tip.last_seq, content);
    connection
        .prepare_cached(
            "INSERT INTO event (session, seq, at_ms, kind, issue, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![tip.number, tip.last_seq, at_ms, event.kind, issue, event.body, tip.last_hash])?;
    Ok(())
}

/// An event's row before verification.
struct EventRow {
    seq: i64,
    at_ms: i64,
    kind: String,
    issue: Option<i64>,
    body: String,
    hash: Hash,
}

impl EventRow {
    fn decode(row: &Row<'_>) -> rusqlite::Result<EventRow> {
        Ok(EventRow {
            seq: row.get(0)?,
            at_ms: row.get(1)?,
            kind: row.get(2)?,
            issue: row.get(3)?,
            body: row.get(4)?,
            hash: row.get(5)?,
        })
    }

    /// Returns whether this row was written as number `seq`, after the row with hash `previous`.
    fn belongs(&self, previous: &Hash, session: &SessionId, seq: i64) -> bool {
        self.hash
            == event_hash(
                previous,
                session,
                seq,
                (self.at_ms, &self.kind, self.issue, &self.body),
            )
    }

    fn into_event(self) -> Result<StoredEvent, Fault> {
        Ok(StoredEvent {
            seq: unsigned(self.seq)?,
            at_ms: unsigned(self.at_ms)?,
            kind: self.kind,
            issue: self.issue.map(unsigned).transpose()?,
            body: self.body,
        })
    }
}

fn event_hash(
    previous: &Hash,
    session: &SessionId,
    seq: i64,
    (at_ms, kind, issue, body): (i64, &str, Option<i64>, &str),
) -> Hash {
    Fields::of("event")
        .link(previous)
        .text(session.as_str())
        .number(seq)
        .number(at_ms)
        .text(kind)
        .optional(issue)
        .text(body)
        .hash()
}

pub(super) fn read_events(
    connection: &Connection,
    session: &SessionId,
    tip: &Tip,
    after_seq: i64,
    limit: usize,
) -> Result<Vec<StoredEvent>, Fault> {
    let broken = |seq: i64, what| Damage::Event {
        session: session.clone(),
        seq: seq.unsigned_abs(),
        what,
    };
    let newest: i64 = connection
        .prepare_cached("SELECT coalesce(max(seq), 0) FROM event WHERE session = ?1")?
        .query_row([tip.number], |row| row.get(0))?;
    if newest > tip.last_seq {
        return Err(broken(newest, Break::Added).into());
    }
    if after_seq >= tip.last_seq {
        let whole = newest == tip.last_seq;
        return if whole {
            Ok(Vec::new())
        } else {
            Err(broken(newest + 1, Break::Missing).into())
        };
    }
    let mut previous =
        hash_at(connection, tip, after_seq)?.ok_or_else(|| broken(after_seq, Break::Missing))?;
    let mut statement = connection.prepare_cached(
        "SELECT seq, at_ms, kind, issue, body, hash FROM event WHERE session = ?1 AND seq > ?2 ORDER BY seq",
    )?;
    let mut rows = statement.query([tip.number, after_seq])?;
    let mut events = Vec::new();
    for expected in (after_seq + 1..=tip.last_seq).take(limit) {
        let row = rows
            .next()?
            .ok_or_else(|| broken(expected, Break::Missing))?;
        let row = EventRow::decode(row)
            .map_err(|error| Fault::from(error).names(|| broken(expected, Break::Changed)))?;
        if row.seq != expected {
            return Err(broken(expected, Break::Missing).into());
        }
        if !row.belongs(&previous, session, expected)
            || (expected == tip.last_seq && row.hash != tip.last_hash)
        {
            return Err(broken(
                expected,
                changed_or_moved(connection, session, tip, &previous, expected),
            )
            .into());
        }
        previous = row.hash;
        events.push(row.into_event()?);
    }
    Ok(events)
}

/// Returns the hash that the event after `seq` is chained to.
fn hash_at(connection: &Connection, tip: &Tip, seq: i64) -> Result<Option<Hash>, Fault> {
    if seq == 0 {
        return Ok(Some(tip.origin));
    }
    let mut statement =
        connection.prepare_cached("SELECT hash FROM event WHERE session = ?1 AND seq = ?2")?;
    Ok(statement
        .query_row([tip.number, seq], |row| row.get(0))
        .optional()?)
}

/// Searches the whole session for the event that was written as number `seq`.
fn changed_or_moved(
    connection: &Connection,
    session: &SessionId,
    tip: &Tip,
    previous: &Hash,
    seq: i64,
) -> Break {
    let find = || -> rusqlite::Result<Option<i64>> {
        let mut statement = connection
            .prepare("SELECT seq, at_ms, kind, issue, body, hash FROM event WHERE session = ?1 AND seq <> ?2")?;
        let mut rows = statement.query_map([tip.number, seq], EventRow::decode)?;
        Ok(rows
            .find_map(|row| row.ok().filter(|row| row.belongs(previous, session, seq)))
            .map(|row| row.seq))
    };
    // The search only makes the error more specific, so its own failures are ignored.
    find()
        .ok()
        .flatten()
        .map_or(Break::Changed, |to| Break::Moved {
            to: to.unsigned_abs(),
        })
}
