//! The store of all sessions: their events, the costs of tasks, and a table of requests to a
//! running session.
//!
//! Everything that is shown, resumed or summed up comes from here, so the journal makes three
//! promises: events are durable once [`Journal::append`] has returned; a read returns what was
//! written, or an error that names the position; and a journal that is missing, truncated or
//! unreadable is an error, never an empty history.
//!
//! ```text
//!   running session                              other processes (status, show, dashboard, resume)
//!    append ─┐ ▲ take_requests                    read, sessions, costs ▲      │ request
//!            ▼ │                                                       │      ▼
//!   ┌─ journal.db ─────────────────────────────────────────────────────────────────┐
//!   │ session ─ session_state    event (hash chain)    cost    request    head     │   journal.mark:
//!   └──────────────────────────────────────────────────────────────────────────────┘   least n_writes
//! ```
//!
//! It does not know what events mean: an event is a kind and a body, both text. All methods block;
//! each write is one transaction and one fsync. Nothing is ever deleted except requests that were
//! taken.
//!
//! It cannot detect that a journal and its mark were both replaced by older copies. The result is
//! an earlier state of the history, from which a session resumes as after a crash.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::ops::RangeInclusive;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

mod chain;
mod costs;
mod error;
mod events;
mod head;
mod mark;
mod older;
pub mod repository_lock;
mod requests;
mod schema;
mod session_id;
mod sessions;

pub use costs::CostRow;
pub use error::{Break, Damage, JournalError};
pub use events::{NewEvent, StoredEvent};
pub use older::Older;
pub use requests::Request;
pub use session_id::{InvalidSessionId, SessionId};
pub use sessions::{NewSession, SessionRow, SessionStatus, StatusChange};

use costs::{insert_cost, read_costs};
use error::Fault;
use events::{insert_event, read_events};
use head::{Head, integer, unsigned};
use mark::Mark;
use requests::{insert_request, read_requests, remove_request};
use schema::Found;
use sessions::{Tip, insert_session, read_sessions};

const FILE_NAME: &str = "journal.db";

/// SQLite reports longer paths as files that it cannot open: its own limit of 512, minus the
/// suffixes it appends.
const PATH_BYTES_MAX: usize = 504;

/// Events that [`Journal::verify`] keeps in memory at once.
const VERIFY_CHUNK_EVENTS: usize = 1_000;

/// The open store. See the module's documentation.
pub struct Journal {
    connection: Connection,
    path: PathBuf,
    /// `None` in memory, and if the journal was opened read-only.
    mark: Option<Mark>,
    n_writes: u64,
    on_commit: Option<CommitHook>,
}

/// Called around each commit with the number of the write, counted from 1 since the journal was
/// opened.
pub type CommitHook = Box<dyn FnMut(u64, Moment) + Send>;

/// A side of a commit, for crash tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// All rows are in the transaction, but not durable yet.
    Before,
    /// The transaction is durable, but the caller does not know it yet.
    After,
}

/// Other changes in the same transaction as an append.
#[derive(Clone, Copy, Debug, Default)]
pub struct AppendExtras<'a> {
    /// A change of the session's status.
    pub status: Option<StatusChange>,
    /// Costs of finished tasks.
    pub costs: &'a [CostRow],
}

impl Journal {
    /// Opens the journal of a state directory for writing. Creates both if they never existed
    /// (directory 0700, file 0600) and migrates a journal of an older release.
    ///
    /// # Errors
    /// All of [`JournalError`] that concern a file. A journal that existed and is gone is
    /// [`Damage::Emptied`] or [`Damage::Behind`].
    pub fn open(state_dir: &Path) -> Result<Journal, JournalError> {
        let path = path_in(state_dir)?;
        let files = |error| JournalError::of_files(&path, error);
        create_directory(state_dir).map_err(|error| JournalError::of_files(state_dir, error))?;
        let (mark, _opening) = Mark::open(state_dir).map_err(files)?;
        let promised = mark::promised(state_dir).map_err(files)?;
        if is_empty(&path).map_err(files)? {
            refuse_emptied(&path, promised)?;
            create_file(&path).map_err(files)?;
        }
        let open = || -> Result<(Connection, i64), Fault> {
            let mut connection =
                Connection::open_with_flags(&path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE))?;
            prepare(&mut connection, promised)?;
            let n_writes = count_writes(&connection, promised)?;
            Ok((connection, n_writes))
        };
        let (connection, n_writes) = open().map_err(|fault| fault.at(&path))?;
        if promised.is_none() {
            mark.note(n_writes)
                .and_then(|()| mark.sync())
                .map_err(files)?;
            File::open(state_dir)
                .and_then(|directory| directory.sync_all())
                .map_err(files)?;
        }
        Ok(Journal {
            connection,
            path,
            mark: Some(mark),
            n_writes: 0,
            on_commit: None,
        })
    }

    /// Opens the journal of a state directory for reading, even while a session writes to it. If
    /// there never was a journal, the history is empty (and stays so until it is opened again).
    ///
    /// # Errors
    /// Like [`Journal::open`].
    pub fn open_read_only(state_dir: &Path) -> Result<Journal, JournalError> {
        let path = path_in(state_dir)?;
        let promised =
            mark::promised(state_dir).map_err(|error| JournalError::of_files(&path, error))?;
        if is_empty(&path).map_err(|error| JournalError::of_files(&path, error))? {
            refuse_emptied(&path, promised)?;
            return Journal::in_memory();
        }
        let shared = || Connection::open_with_flags(&path, flags(OpenFlags::SQLITE_OPEN_READ_ONLY));
        let opened = read_only(shared, promised).or_else(|fault| {
            // If the directory is read-only and there is nothing to recover, the file alone is the
            // whole journal.
            if fault.is_of_a_read_only_place() && is_empty(&log(&path)).unwrap_or(false) {
                return read_only(|| open_immutable(&path), promised);
            }
            Err(fault)
        });
        match opened.map_err(|fault| fault.at(&path))? {
            // Another process is creating it right now.
            (_, Found::Nothing) => Journal::in_memory(),
            // Opening it for writing migrates it to the current version.
            (_, Found::Journal { version }) if version < schema::VERSION => {
                drop(Journal::open(state_dir)?);
                Journal::open_read_only(state_dir)
            }
            (connection, _) => Ok(Journal {
                connection,
                path,
                mark: None,
                n_writes: 0,
                on_commit: None,
            }),
        }
    }

    /// Creates a journal that leaves no trace: an empty history, and for tests.
    ///
    /// # Errors
    /// Out of memory.
    pub fn in_memory() -> Result<Journal, JournalError> {
        fn open() -> Result<Connection, Fault> {
            let mut connection = Connection::open_in_memory()?;
            prepare(&mut connection, None)?;
            Ok(connection)
        }

        let path = PathBuf::from(":memory:");
        let connection = open().map_err(|fault| fault.at(&path))?;
        Ok(Journal {
            connection,
            path,
            mark: None,
            n_writes: 0,
            on_commit: None,
        })
    }

    /// Calls `hook` around each commit of this journal from now on. For crash tests.
    pub fn on_commit(&mut self, hook: CommitHook) {
        self.on_commit = Some(hook);
    }

    /// Creates a session with status [`SessionStatus::Running`] and no events.
    ///
    /// # Errors
    /// [`JournalError::SessionExists`], and any write error.
    pub fn create_session(&mut self, new: &NewSession) -> Result<(), JournalError> {
        self.write(|transaction, head| {
            if Tip::find(transaction, &new.id)?.is_some() {
                return Err(Fault::Refused(JournalError::SessionExists {
                    id: new.id.clone(),
                }));
            }
            head.n_sessions += 1;
            insert_session(transaction, head.n_sessions, new)
        })
    }

    /// Appends events to a session, together with the extra changes. When it returns, either all of
    /// them are durable or none. The range is empty if there are no events.
    ///
    /// # Errors
    /// [`JournalError::NoSession`], [`JournalError::Damaged`] if the end of the session is not what
    /// was written, and any write error: after [`JournalError::DiskFull`] and
    /// [`JournalError::Busy`] nothing was written.
    pub fn append(
        &mut self,
        session: &SessionId,
        at_ms: u64,
        events: &[NewEvent<'_>],
        extras: AppendExtras<'_>,
    ) -> Result<RangeInclusive<u64>, JournalError> {
        self.write(|transaction, head| {
            let mut tip = Tip::of(transaction, session)?;
            let first_seq = tip.last_seq + 1;
            let at_ms = integer(at_ms)?;
            for event in events {
                insert_event(transaction, session, &mut tip, at_ms, event)?;
            }
            if let Some(change) = extras.status {
                tip.status = change.status;
                tip.finished_at_ms = change.finished_at_ms.map(integer).transpose()?;
            }
            tip.save(transaction)?;
            for cost in extras.costs {
                head.n_costs += 1;
                insert_cost(transaction, head.n_costs, tip.number, cost)?;
            }
            Ok(unsigned(first_seq)?..=unsigned(tip.last_seq)?)
        })
    }

    /// Reads up to `limit` events after number `after_seq` (0: from the first), verifying each
    /// against its predecessor.
    ///
    /// # Errors
    /// [`JournalError::NoSession`], and [`JournalError::Damaged`] with the first event that is not
    /// what was written.
    pub fn read(
        &self,
        session: &SessionId,
        after_seq: u64,
        limit: usize,
    ) -> Result<Vec<StoredEvent>, JournalError> {
        self.snapshot(|transaction| {
            let tip = Tip::of(transaction, session)?;
            read_events(transaction, session, &tip, integer(after_seq)?, limit)
        })
    }

    /// Verifies all events of a session and returns their number.
    ///
    /// # Errors
    /// Like [`Journal::read`].
    pub fn verify(&self, session: &SessionId) -> Result<u64, JournalError> {
        let mut last_seq = 0;
        loop {
            let events = self.read(session, last_seq, VERIFY_CHUNK_EVENTS)?;
            match events.last() {
                Some(event) => last_seq = event.seq,
                None => return Ok(last_seq),
            }
        }
    }

    /// Returns up to `limit` sessions, newest first; only those of `repository` if given.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] with the first session that is not what was written.
    pub fn sessions(
        &self,
        repository: Option<&str>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, JournalError> {
        self.list(limit, |row| {
            repository.is_none_or(|wanted| wanted == row.repository)
        })
    }

    /// Returns the only session whose id equals or starts with `prefix`.
    ///
    /// # Errors
    /// [`JournalError::NoSession`], [`JournalError::Ambiguous`], and those of
    /// [`Journal::sessions`].
    pub fn session(&self, prefix: &str) -> Result<SessionRow, JournalError> {
        let mut found = self.list(usize::MAX, |row| {
            !prefix.is_empty() && row.id.as_str().starts_with(prefix)
        })?;
        if let Some(exact) = found.iter().position(|row| row.id.as_str() == prefix) {
            return Ok(found.swap_remove(exact));
        }
        match found.len() {
            0 => Err(JournalError::NoSession {
                wanted: prefix.to_owned(),
            }),
            1 => Ok(found.remove(0)),
            _ => Err(JournalError::Ambiguous {
                prefix: prefix.to_owned(),
                matches: found.into_iter().map(|row| row.id).collect(),
            }),
        }
    }

    /// Returns up to `limit` costs of tasks with a backend and model, in micro-dollars, newest
    /// first. Estimated costs are excluded: otherwise estimates would be based on estimates.
    ///
    /// # Errors
    /// Like [`Journal::costs`].
    pub fn cost_history(
        &self,
        backend: &str,
        model: &str,
        limit: usize,
    ) -> Result<Vec<i64>, JournalError> {
        let same = |cost: &CostRow| cost.known && cost.backend == backend && cost.model == model;
        Ok(self
            .costs()?
            .into_iter()
            .rev()
            .filter(same)
            .take(limit)
            .map(|cost| cost.usd_micros)
            .collect())
    }

    /// Returns all costs of all sessions, oldest first.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] with the first cost that is not what was written.
    pub fn costs(&self) -> Result<Vec<CostRow>, JournalError> {
        self.snapshot(|transaction| read_costs(transaction, Head::load(transaction)?.n_costs))
    }

    /// Sends a request to a session, which may run in another process. Returns the request's
    /// number.
    ///
    /// # Errors
    /// [`JournalError::NoSession`], and any write error.
    pub fn request(
        &mut self,
        session: &SessionId,
        kind: &str,
        body: &str,
    ) -> Result<u64, JournalError> {
        self.write(|transaction, _| {
            let tip = Tip::of(transaction, session)?;
            insert_request(transaction, &tip, kind, body)
        })
    }

    /// Takes the requests to a session, oldest first. Each request is returned once; a crash right
    /// afterwards loses it.
    ///
    /// # Errors
    /// [`JournalError::NoSession`], and any write error.
    pub fn take_requests(&mut self, session: &SessionId) -> Result<Vec<Request>, JournalError> {
        // Reading needs no fsync, so a running session may poll often.
        let waiting = self.snapshot(|transaction| read_requests(transaction, session))?;
        if waiting.is_empty() {
            return Ok(waiting);
        }
        self.write(|transaction, _| {
            let requests = read_requests(transaction, session)?;
            requests
                .iter()
                .try_for_each(|request| remove_request(transaction, request.id))?;
            Ok(requests)
        })
    }

    /// Runs one write transaction. All changes of this journal go through here.
    fn write<T>(
        &mut self,
        body: impl FnOnce(&Transaction<'_>, &mut Head) -> Result<T, Fault>,
    ) -> Result<T, JournalError> {
        let (nth_write, hook) = (self.n_writes + 1, &mut self.on_commit);
        let mut reach = |moment| {
            if let Some(hook) = hook {
                hook(nth_write, moment);
            }
        };
        let commit = || -> Result<(T, i64), Fault> {
            let transaction = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            let mut head = Head::load(&transaction)?;
            let value = body(&transaction, &mut head)?;
            head.n_writes += 1;
            head.save(&transaction)?;
            reach(Moment::Before);
            transaction.commit()?;
            reach(Moment::After);
            Ok((value, head.n_writes))
        };
        let (value, n_writes) = commit().map_err(|fault| fault.at(&self.path))?;
        self.n_writes = nth_write;
        if let Some(mark) = &self.mark {
            // The write is already durable. A mark that lags behind only detects less, so its
            // failure does not fail the write.
            let _ = mark.note(n_writes);
        }
        Ok(value)
    }

    /// Reads from one consistent view of the journal, regardless of concurrent writes.
    fn snapshot<T>(
        &self,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, JournalError> {
        let read = || {
            let transaction = self.connection.unchecked_transaction()?;
            body(&transaction)
        };
        read().map_err(|fault: Fault| fault.at(&self.path))
    }

    fn list(
        &self,
        limit: usize,
        wanted: impl FnMut(&SessionRow) -> bool,
    ) -> Result<Vec<SessionRow>, JournalError> {
        self.snapshot(|transaction| {
            let head = Head::load(transaction)?;
            read_sessions(transaction, head.n_sessions, limit, wanted)
        })
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.path)
            .field("n_writes", &self.n_writes)
            .finish_non_exhaustive()
    }
}

fn path_in(state_dir: &Path) -> Result<PathBuf, JournalError> {
    let path = state_dir.join(FILE_NAME);
    if PATH_BYTES_MAX < path.as_os_str().len() {
        return Err(JournalError::PathTooLong {
            path,
            bytes_max: PATH_BYTES_MAX,
        });
    }
    Ok(path)
}

fn flags(access: OpenFlags) -> OpenFlags {
    access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE
}

/// An existing directory keeps its permissions: it may be shared on purpose.
fn create_directory(state_dir: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(state_dir)
}

/// Creates the file privately, because SQLite would make it readable for everyone. An existing file
/// is not opened: closing it again would drop the locks that SQLite holds on it elsewhere in this
/// process.
fn create_file(path: &Path) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn is_empty(path: &Path) -> io::Result<bool> {
    match path.metadata() {
        Ok(metadata) => Ok(metadata.len() == 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Refuses to start a new history if there already was one. SQLite must not open such a file: it
/// would delete the write-ahead log next to it, which may contain all that is left.
fn refuse_emptied(path: &Path, promised: Option<i64>) -> Result<(), JournalError> {
    let log_is_empty = is_empty(&log(path)).map_err(|error| JournalError::of_files(path, error))?;
    if promised.is_some() || !log_is_empty {
        return Err(Fault::from(Damage::Emptied).at(path));
    }
    Ok(())
}

/// Opens a journal for reading and identifies it.
fn read_only(
    open: impl FnOnce() -> rusqlite::Result<Connection>,
    promised: Option<i64>,
) -> Result<(Connection, Found), Fault> {
    let connection = open()?;
    schema::configure(&connection)?;
    let found = refuse_newer_or_emptied(&connection, promised)?;
    if found
        == (Found::Journal {
            version: schema::VERSION,
        })
    {
        schema::check(&connection)?;
        count_writes(&connection, promised)?;
    }
    Ok((connection, found))
}

/// Opens a file that nobody changes, without the files that SQLite creates next to it.
fn open_immutable(path: &Path) -> rusqlite::Result<Connection> {
    fn escape(byte: &u8) -> String {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                char::from(*byte).to_string()
            }
            _ => format!("%{byte:02x}"),
        }
    }

    let escaped: String = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .map(escape)
        .collect();
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags(access))
}

/// Returns the path of SQLite's write-ahead log for a journal.
fn log(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// Prepares an open file for writing.
fn prepare(connection: &mut Connection, promised: Option<i64>) -> Result<(), Fault> {
    schema::configure(connection)?;
    let found = refuse_newer_or_emptied(connection, promised)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    match found {
        Found::Nothing => {
            schema::create(connection)?;
            // Now the file itself contains tables, and is recognised even if its write-ahead log is
            // lost.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
        }
        Found::Journal { version } => schema::migrate(connection, version)?,
    }
    schema::check(connection)
}

fn refuse_newer_or_emptied(connection: &Connection, promised: Option<i64>) -> Result<Found, Fault> {
    let found = schema::identify(connection)?;
    match found {
        Found::Nothing if promised.is_some() => Err(Damage::Emptied.into()),
        Found::Journal { version } if version < schema::OLDEST => {
            Err(Fault::Refused(JournalError::Older {
                path: connection.path().unwrap_or_default().into(),
                found: version,
                oldest: schema::OLDEST,
            }))
        }
        Found::Journal { version } if version > schema::VERSION => {
            Err(Fault::Refused(JournalError::Newer {
                path: connection.path().unwrap_or_default().into(),
                found: version,
                supported: schema::VERSION,
            }))
        }
        Found::Nothing | Found::Journal { .. } => Ok(found),
    }
}

fn count_writes(connection: &Connection, promised: Option<i64>) -> Result<i64, Fault> {
    let found = Head::load(connection)?.n_writes;
    match promised {
        Some(promised) if found < promised => Err(Damage::Behind { promised, found }.into()),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn session() -> NewSession {
        NewSession {
            id: SessionId::new(0, [0, 1]),
            repository: "owner/name".to_owned(),
            project_path: "/home/me/name".to_owned(),
            command: "autoissue exec bug".to_owned(),
            version: "0.1.0".to_owned(),
            started_at_ms: 0,
            settings_json: "{}".to_owned(),
        }
    }

    fn append(journal: &mut Journal, body: &str) -> Result<RangeInclusive<u64>, JournalError> {
        let event = NewEvent {
            kind: "Noted",
            issue: None,
            body,
        };
        journal.append(&session().id, 1, &[event], AppendExtras::default())
    }

    #[test]
    fn a_full_disk_is_a_clear_error_and_loses_nothing() {
        // A database that must not grow fails as on a full disk.
        fn grow_to(journal: &Journal, pages: i64) {
            journal
                .connection
                .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
                .unwrap();
        }

        let state = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(state.path()).unwrap();
        journal.create_session(&session()).unwrap();
        grow_to(&journal, 40);
        let body = "x".repeat(10_000);
        let mut last_seq = 0;
        let error = loop {
            match append(&mut journal, &body) {
                Ok(seqs) => last_seq = *seqs.end(),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, JournalError::DiskFull { .. }), "{error:?}");
        assert!(error.hint().unwrap().contains("autoissue resume"));
        assert_eq!(journal.verify(&session().id).unwrap(), last_seq);
        grow_to(&journal, 400);
        assert_eq!(
            append(&mut journal, &body).unwrap(),
            last_seq + 1..=last_seq + 1
        );
        drop(journal);
        assert_eq!(
            Journal::open(state.path())
                .unwrap()
                .verify(&session().id)
                .unwrap(),
            last_seq + 1
        );
    }

    #[test]
    fn every_write_passes_its_two_moments() {
        let mut journal = Journal::in_memory().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        journal.on_commit(Box::new(move |write, moment| {
            log.lock().unwrap().push((write, moment));
        }));
        journal.create_session(&session()).unwrap();
        append(&mut journal, "{}").unwrap();
        journal.take_requests(&session().id).unwrap();
        let expected = [
            (1, Moment::Before),
            (1, Moment::After),
            (2, Moment::Before),
            (2, Moment::After),
        ];
        assert_eq!(
            *seen.lock().unwrap(),
            expected,
            "reading requests is not a write"
        );
    }

    #[test]
    fn a_write_that_waits_too_long_is_busy_and_not_lost() {
        let state = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(state.path()).unwrap();
        journal.create_session(&session()).unwrap();
        journal
            .connection
            .busy_timeout(std::time::Duration::ZERO)
            .unwrap();
        let other = Connection::open(state.path().join(FILE_NAME)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(matches!(
            append(&mut journal, "{}"),
            Err(JournalError::Busy { .. })
        ));
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(append(&mut journal, "{}").unwrap(), 1..=1);
    }
}
