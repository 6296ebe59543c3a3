//! The journal's tables, their versions, and how a file is recognised as a journal.
//!
//! A version is never edited after a release. A new version is another entry of `MIGRATIONS`; an
//! older journal is migrated when it is opened for writing, each step in its own transaction.
//! Journals of version 1 are not migrated: their events have another form, so they are moved aside
//! (see [`super::older`]).

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::error::{Damage, Fault};
use super::head::Head;

/// `auis`: distinguishes a journal from other SQLite files.
const APPLICATION_ID: i64 = 0x6175_6973;

/// How long a write waits for another process's write. Writes take less than a millisecond, so a
/// longer wait is a hang.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The oldest version that is read, which the first migration creates.
pub(super) const OLDEST: i64 = 2;

/// `MIGRATIONS[n]` turns the previous version into version `OLDEST + n`; the first one starts from
/// an empty file.
const MIGRATIONS: &[&str] = &["
    -- One row: how many rows there must be. Without it a removed last row would leave no trace.
    CREATE TABLE head (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        n_writes INTEGER NOT NULL,
        n_sessions INTEGER NOT NULL,
        n_costs INTEGER NOT NULL,
        seal BLOB NOT NULL
    ) STRICT;

    -- Written once per session. The number gives the order: a clock may jump.
    CREATE TABLE session (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        hash BLOB NOT NULL,
        repository TEXT NOT NULL,
        project_path TEXT NOT NULL,
        command TEXT NOT NULL,
        version TEXT NOT NULL,
        started_at_ms INTEGER NOT NULL,
        settings TEXT NOT NULL
    ) STRICT;

    -- Written with every append, and therefore small.
    CREATE TABLE session_state (
        number INTEGER PRIMARY KEY REFERENCES session (number),
        status TEXT NOT NULL,
        finished_at_ms INTEGER,
        last_seq INTEGER NOT NULL,
        last_hash BLOB NOT NULL,
        seal BLOB NOT NULL
    ) STRICT;

    CREATE TABLE event (
        session INTEGER NOT NULL REFERENCES session (number),
        seq INTEGER NOT NULL,
        at_ms INTEGER NOT NULL,
        kind TEXT NOT NULL,
        issue INTEGER,
        body TEXT NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (session, seq)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE cost (
        number INTEGER PRIMARY KEY,
        session INTEGER NOT NULL REFERENCES session (number),
        backend TEXT NOT NULL,
        model TEXT NOT NULL,
        domain TEXT NOT NULL,
        usd_micros INTEGER NOT NULL,
        known INTEGER NOT NULL,
        finished_at_ms INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;

    -- What other processes ask a running session for. An id is never used twice.
    CREATE TABLE request (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session INTEGER NOT NULL REFERENCES session (number),
        kind TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
"];

/// The version that this release writes.
pub(super) const VERSION: i64 = OLDEST - 1 + MIGRATIONS.len() as i64;

/// What kind of file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A database without content: another process is about to create a journal in it, or died
    /// doing so.
    Nothing,
    /// A journal of this version.
    Journal { version: i64 },
}

/// Applies the settings that every connection needs.
pub(super) fn configure(connection: &Connection) -> Result<(), Fault> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS, fsync alone does not reach the disk.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(())
}

/// Identifies a file by its header.
pub(super) fn identify(connection: &Connection) -> Result<Found, Fault> {
    let application_id = number(connection, "application_id")?;
    let version = number(connection, "user_version")?;
    let n_tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    match (application_id, version, n_tables) {
        (0, 0, 0) => Ok(Found::Nothing),
        (APPLICATION_ID, 1.., _) => Ok(Found::Journal { version }),
        _ => Err(Damage::NotOurs {
            application_id,
            version,
        }
        .into()),
    }
}

/// Creates a journal of the current version in an empty file: completely or, on a full disk or
/// after a crash, not at all.
pub(super) fn create(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    MIGRATIONS
        .iter()
        .try_for_each(|statements| transaction.execute_batch(statements))?;
    name(&transaction, VERSION)?;
    Head::default().save(&transaction)?;
    Ok(transaction.commit()?)
}

/// Migrates a journal of an older version to the current one.
pub(super) fn migrate(connection: &mut Connection, from: i64) -> Result<(), Fault> {
    for (version, statements) in (OLDEST..)
        .zip(MIGRATIONS)
        .filter(|(version, _)| from < *version)
    {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(statements)?;
        name(&transaction, version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Writes the header that `identify` reads.
fn name(connection: &Connection, version: i64) -> Result<(), Fault> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", version)?;
    Ok(())
}

/// Refuses a journal whose tables are not those of the current version: a changed byte there would
/// make SQLite interpret the rows differently.
pub(super) fn check(connection: &Connection) -> Result<(), Fault> {
    let mut pristine = Connection::open_in_memory()?;
    create(&mut pristine)?;
    let found = tables(connection)?;
    match tables(&pristine)?
        .into_iter()
        .find(|table| !found.contains(table))
    {
        Some((table, _)) => Err(Damage::Schema { table }.into()),
        None => Ok(()),
    }
}

fn tables(connection: &Connection) -> Result<Vec<(String, Option<String>)>, Fault> {
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema")?;
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn number(connection: &Connection, pragma: &str) -> Result<i64, Fault> {
    Ok(connection.pragma_query_value(None, pragma, |row| row.get(0))?)
}
