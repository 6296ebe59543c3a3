//! The journal's promises: acknowledged writes are kept, changed data is named, and a lost history
//! is never reported as empty.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use autoissue_journal::{
    AppendExtras, Break, CostRow, Damage, Journal, JournalError, Moment, NewEvent, NewSession,
    SessionId, SessionRow, SessionStatus, StatusChange, StoredEvent,
};
use rusqlite::Connection;
use tempfile::TempDir;

const REPOSITORY: &str = "owner/name";

fn id(text: &str) -> SessionId {
    text.parse().unwrap()
}

fn new_session(text: &str) -> NewSession {
    NewSession {
        id: id(text),
        repository: REPOSITORY.to_owned(),
        project_path: "/home/me/name".to_owned(),
        command: "autoissue exec bug".to_owned(),
        version: "0.1.0".to_owned(),
        started_at_ms: 1_795_353_300_000,
        settings_json: "{}".to_owned(),
    }
}

fn event(body: &str) -> NewEvent<'_> {
    NewEvent {
        kind: "TaskAccepted",
        issue: Some(7),
        body,
    }
}

fn cost(usd_micros: i64, known: bool) -> CostRow {
    CostRow {
        backend: "claude".to_owned(),
        model: "sonnet".to_owned(),
        domain: "backend".to_owned(),
        usd_micros,
        known,
        finished_at_ms: 5,
        outcome: "published".to_owned(),
    }
}

/// Creates a state directory with three sessions: one completed, one interrupted, one running; with
/// events small and large.
fn history() -> (TempDir, Journal) {
    let state = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(state.path()).unwrap();
    for (session, n_appends) in [("a-1", 30), ("a-2", 20), ("b-1", 10)] {
        journal.create_session(&new_session(session)).unwrap();
        for n in 0..n_appends {
            let large = format!(
                "{{\"text\":\"{}\"}}",
                "0123456789".repeat(if n == 7 { 900 } else { n })
            );
            let events = [event("{\"first\":true}"), event(&large)];
            let costs = [cost(1_000 * i64::try_from(n).unwrap(), n % 5 != 0)];
            journal
                .append(
                    &id(session),
                    10 + n as u64,
                    &events,
                    AppendExtras {
                        status: None,
                        costs: &costs,
                    },
                )
                .unwrap();
        }
    }
    end(&mut journal, "a-1", SessionStatus::Completed);
    end(&mut journal, "a-2", SessionStatus::Interrupted);
    (state, journal)
}

fn end(journal: &mut Journal, session: &str, status: SessionStatus) {
    let status = Some(StatusChange {
        status,
        finished_at_ms: Some(99),
    });
    let events = journal
        .append(&id(session), 99, &[], AppendExtras { status, costs: &[] })
        .unwrap();
    assert!(events.is_empty());
}

/// Everything that can be read from a journal.
#[derive(Debug, PartialEq)]
struct Story {
    sessions: Vec<SessionRow>,
    events: Vec<Vec<StoredEvent>>,
    costs: Vec<CostRow>,
}

fn story(journal: &Journal) -> Result<Story, JournalError> {
    let sessions = journal.sessions(None, usize::MAX)?;
    let events = sessions
        .iter()
        .map(|row| journal.read(&row.id, 0, usize::MAX))
        .collect::<Result<_, _>>()?;
    Ok(Story {
        sessions,
        events,
        costs: journal.costs()?,
    })
}

fn copy(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

fn database(state: &Path) -> PathBuf {
    state.join("journal.db")
}

fn sql(state: &Path, statements: &str) {
    let connection = Connection::open(database(state)).unwrap();
    connection
        .pragma_update(None, "foreign_keys", false)
        .unwrap();
    // A file that a test breaks need not survive a power cut.
    connection
        .pragma_update(None, "synchronous", "OFF")
        .unwrap();
    connection.execute_batch(statements).unwrap();
}

fn damage(result: Result<impl std::fmt::Debug, JournalError>) -> String {
    match result {
        Err(JournalError::Damaged { damage, .. }) => damage.to_string(),
        other => panic!("expected damage, found {other:?}"),
    }
}

#[test]
fn appended_events_are_read_back() {
    let (state, journal) = history();
    let before = story(&journal).unwrap();
    drop(journal);
    let journal = Journal::open(state.path()).unwrap();
    assert_eq!(story(&journal).unwrap(), before);
    assert_eq!(
        story(&Journal::open_read_only(state.path()).unwrap()).unwrap(),
        before
    );
    let names: Vec<&str> = before.sessions.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(
        names,
        ["b-1", "a-2", "a-1"],
        "newest first, by order of creation"
    );
    assert_eq!(before.sessions[2].status, SessionStatus::Completed);
    assert_eq!(before.sessions[2].finished_at_ms, Some(99));
    assert_eq!(before.sessions[2].last_seq, 60);
    let events = journal.read(&id("a-1"), 58, 10).unwrap();
    assert_eq!(
        events.iter().map(|event| event.seq).collect::<Vec<_>>(),
        [59, 60]
    );
    assert_eq!(
        (events[0].at_ms, events[0].issue, events[0].body.as_str()),
        (39, Some(7), "{\"first\":true}")
    );
    assert_eq!(journal.read(&id("a-1"), 60, 10).unwrap(), []);
    assert_eq!(journal.read(&id("a-1"), 1_000, 10).unwrap(), []);
    assert_eq!(journal.verify(&id("a-1")).unwrap(), 60);
}

#[test]
fn sessions_are_found_by_prefix_repository_and_state() {
    let (_state, mut journal) = history();
    let mut other = new_session("c-1");
    other.repository = "owner/other".to_owned();
    journal.create_session(&other).unwrap();
    assert_eq!(journal.session("b").unwrap().id, id("b-1"));
    assert!(
        matches!(journal.session("a-"), Err(JournalError::Ambiguous { matches, .. }) if matches.len() == 2)
    );
    assert!(
        matches!(journal.session("x"), Err(JournalError::NoSession { wanted }) if wanted == "x")
    );
    assert!(matches!(
        journal.session(""),
        Err(JournalError::NoSession { .. })
    ));
    assert_eq!(journal.sessions(Some("owner/other"), 9).unwrap().len(), 1);
    assert_eq!(journal.sessions(None, 2).unwrap().len(), 2);
    assert!(matches!(
        journal.create_session(&other),
        Err(JournalError::SessionExists { .. })
    ));
    let no_session = journal.append(&id("x"), 1, &[], AppendExtras::default());
    assert!(matches!(no_session, Err(JournalError::NoSession { .. })));
}

#[test]
fn a_clock_that_jumps_changes_no_order() {
    let mut journal = Journal::in_memory().unwrap();
    for (session, started_at_ms) in [("late", 9_000_000_000_000), ("early", 0)] {
        journal
            .create_session(&NewSession {
                started_at_ms,
                ..new_session(session)
            })
            .unwrap();
    }
    assert_eq!(
        journal.sessions(None, 1).unwrap()[0].id,
        id("early"),
        "it was created last"
    );
    for at_ms in [500, 3, 0, 70_000_000_000_000] {
        journal
            .append(&id("late"), at_ms, &[event("{}")], AppendExtras::default())
            .unwrap();
    }
    let events = journal.read(&id("late"), 0, 9).unwrap();
    assert_eq!(
        events
            .iter()
            .map(|event| (event.seq, event.at_ms))
            .collect::<Vec<_>>(),
        [(1, 500), (2, 3), (3, 0), (4, 70_000_000_000_000)]
    );
}

#[test]
fn estimates_use_only_measured_costs_newest_first() {
    let mut journal = Journal::in_memory().unwrap();
    journal.create_session(&new_session("a")).unwrap();
    let costs = [
        cost(1, true),
        cost(2, false),
        cost(3, true),
        CostRow {
            model: "opus".to_owned(),
            ..cost(4, true)
        },
    ];
    journal
        .append(
            &id("a"),
            1,
            &[],
            AppendExtras {
                status: None,
                costs: &costs,
            },
        )
        .unwrap();
    assert_eq!(journal.cost_history("claude", "sonnet", 9).unwrap(), [3, 1]);
    assert_eq!(journal.cost_history("claude", "sonnet", 1).unwrap(), [3]);
    assert_eq!(journal.costs().unwrap(), costs);
}

#[test]
fn a_request_of_another_process_is_taken_once() {
    let (state, mut running) = history();
    let mut other = Journal::open(state.path()).unwrap();
    let first = other.request(&id("b-1"), "reset_breaker", "{}").unwrap();
    other.request(&id("b-1"), "stop", "{\"now\":true}").unwrap();
    other.request(&id("a-2"), "stop", "{}").unwrap();
    let taken = running.take_requests(&id("b-1")).unwrap();
    assert_eq!(
        taken
            .iter()
            .map(|request| request.kind.as_str())
            .collect::<Vec<_>>(),
        ["reset_breaker", "stop"]
    );
    assert_eq!(
        (taken[0].id, taken[1].body.as_str()),
        (first, "{\"now\":true}")
    );
    assert_eq!(running.take_requests(&id("b-1")).unwrap(), []);
    let later = other.request(&id("b-1"), "stop", "{}").unwrap();
    assert!(
        taken.iter().all(|request| request.id < later),
        "numbers are not used again"
    );
}

#[test]
fn the_journal_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("new/state");
    let mut journal = Journal::open(&state).unwrap();
    journal.create_session(&new_session("a")).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for entry in fs::read_dir(&state).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_missing_history_is_empty_and_reading_creates_nothing() {
    let state = tempfile::tempdir().unwrap();
    for directory in [state.path().to_owned(), state.path().join("absent")] {
        let journal = Journal::open_read_only(&directory).unwrap();
        assert_eq!(journal.sessions(None, 9).unwrap(), []);
    }
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
}

/// Both ways of opening must refuse a state directory after `harm`, with the expected message.
fn torn_state(harm: impl FnOnce(&Path), expected: &str) {
    let (original, journal) = history();
    let state = copy(original.path());
    drop(journal);
    harm(state.path());
    assert_eq!(damage(Journal::open_read_only(state.path())), expected);
    let error = Journal::open(state.path()).unwrap_err();
    assert!(
        error.to_string().contains("journal.db` is damaged"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("/journal.* "), "{error:?}");
    assert_eq!(damage(Err::<(), _>(error)), expected);
}

#[test]
fn torn_state_is_an_error_and_never_an_empty_history() {
    fn no_mark(state: &Path) {
        fs::remove_file(state.join("journal.mark")).unwrap();
        fs::write(database(state), "").unwrap();
    }

    fn no_database(state: &Path) {
        fs::remove_file(state.join("journal.db-wal")).unwrap();
        fs::write(database(state), "no database ".repeat(9_000)).unwrap();
    }

    fn without_tables(state: &Path) {
        fs::remove_file(state.join("journal.db-wal")).unwrap();
        fs::remove_file(database(state)).unwrap();
        sql(state, "PRAGMA journal_mode = WAL");
        assert!(database(state).metadata().unwrap().len() > 0);
    }

    fn another_program(state: &Path) {
        fs::remove_file(state.join("journal.db-wal")).unwrap();
        fs::remove_file(database(state)).unwrap();
        sql(
            state,
            "CREATE TABLE mail (text); PRAGMA application_id = 5;",
        );
    }

    let gone = "the file is missing or empty, but sessions were recorded in it";
    torn_state(|state| fs::remove_file(database(state)).unwrap(), gone);
    torn_state(|state| fs::write(database(state), "").unwrap(), gone);
    // Without the mark, the remaining write-ahead log still proves that there was a history.
    torn_state(no_mark, gone);
    torn_state(
        |state| fs::remove_file(state.join("journal.db-wal")).unwrap(),
        "it contains 0 of at least 65 writes",
    );
    torn_state(no_database, "it cannot be read");
    torn_state(without_tables, gone);
    torn_state(
        another_program,
        "it is not an autoissue journal (application id 0x5, version 0)",
    );
    torn_state(
        |state| sql(state, "DROP TABLE cost"),
        "its table `cost` is missing or was changed",
    );
}

#[test]
fn a_zeroed_or_cut_file_is_an_error() {
    let (original, journal) = history();
    drop(journal);
    let whole = fs::read(database(original.path())).unwrap();
    for kept in [
        1,
        99,
        4096,
        8192,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        for zeroed in [false, true] {
            let state = copy(original.path());
            let mut bytes = whole[..kept].to_owned();
            bytes.resize(if zeroed { whole.len() } else { kept }, 0);
            fs::write(database(state.path()), &bytes).unwrap();
            let told = Journal::open(state.path()).and_then(|journal| story(&journal));
            if bytes != whole {
                damage(told);
            }
        }
    }
}

#[test]
fn a_journal_of_a_newer_release_is_left_alone() {
    let (state, journal) = history();
    drop(journal);
    sql(state.path(), "PRAGMA user_version = 3");
    let before = fs::read(database(state.path())).unwrap();
    for opened in [
        Journal::open(state.path()),
        Journal::open_read_only(state.path()),
    ] {
        let error = opened.unwrap_err();
        assert!(
            matches!(
                error,
                JournalError::Newer {
                    found: 3,
                    supported: 2,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.hint().unwrap().starts_with("use the newer release"));
    }
    assert_eq!(fs::read(database(state.path())).unwrap(), before);
}

#[test]
fn a_journal_opened_for_reading_cannot_be_written() {
    let (state, journal) = history();
    drop(journal);
    let mut journal = Journal::open_read_only(state.path()).unwrap();
    let error = journal
        .append(&id("b-1"), 1, &[event("{}")], AppendExtras::default())
        .unwrap_err();
    assert!(matches!(error, JournalError::ReadOnly { .. }), "{error:?}");
}

#[test]
fn a_read_only_state_directory_is_read_and_not_written() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("odd name?#%41");
    let mut journal = Journal::open(&state).unwrap();
    journal.create_session(&new_session("a")).unwrap();
    drop(journal);
    let set_mode = |mode| fs::set_permissions(&state, fs::Permissions::from_mode(mode)).unwrap();
    set_mode(0o500);
    // The superuser can write anyway; then this is an ordinary opening.
    let writable = fs::write(state.join("probe"), "").is_ok();
    let (read, written) = (Journal::open_read_only(&state), Journal::open(&state));
    set_mode(0o700);
    assert_eq!(read.unwrap().sessions(None, 9).unwrap().len(), 1);
    assert!(
        matches!(written, Err(JournalError::ReadOnly { .. })) != writable,
        "{written:?}"
    );
}

#[test]
fn an_unusable_state_directory_is_a_clear_error() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    for state in [file.clone(), file.join("below")] {
        let error = Journal::open(&state).unwrap_err();
        assert!(
            error.to_string().contains(file.to_str().unwrap()),
            "{error}"
        );
    }
    let (state, journal) = history();
    drop(journal);
    fs::remove_file(database(state.path())).unwrap();
    fs::create_dir(database(state.path())).unwrap();
    assert!(Journal::open(state.path()).is_err());
    assert!(Journal::open_read_only(state.path()).is_err());
}

#[test]
fn an_event_that_was_changed_moved_removed_or_added_is_named() {
    let (original, journal) = history();
    drop(journal);
    let in_a1 = "WHERE session = 1 AND seq = 5";
    let swap = "UPDATE event SET seq = 1000 WHERE session = 1 AND seq = 5; UPDATE event SET seq = 5 WHERE session = 1 \
                AND seq = 9; UPDATE event SET seq = 9 WHERE session = 1 AND seq = 1000;";
    for (statement, seq, what) in [
        (format!("UPDATE event SET body = replace(body, 'true', 'false') {in_a1}"), 5, Break::Changed),
        (format!("UPDATE event SET at_ms = at_ms + 1 {in_a1}"), 5, Break::Changed),
        (format!("UPDATE event SET at_ms = -1 {in_a1}"), 5, Break::Changed),
        (format!("UPDATE event SET kind = 'TaskFinished' {in_a1}"), 5, Break::Changed),
        (format!("UPDATE event SET issue = NULL {in_a1}"), 5, Break::Changed),
        (format!("UPDATE event SET hash = zeroblob(32) {in_a1}"), 5, Break::Changed),
        (format!("UPDATE event SET hash = x'00' {in_a1}"), 5, Break::Changed),
        (format!("DELETE FROM event {in_a1}"), 5, Break::Missing),
        ("DELETE FROM event WHERE session = 1 AND seq = 60".to_owned(), 60, Break::Missing),
        ("DELETE FROM event WHERE session = 1".to_owned(), 1, Break::Missing),
        ("INSERT INTO event SELECT session, 61, at_ms, kind, issue, body, hash FROM event WHERE session = 1 AND seq = 60".to_owned(), 61, Break::Added),
        (swap.to_owned(), 5, Break::Moved { to: 9 }),
    ] {
        let state = copy(original.path());
        sql(state.path(), &statement);
        let journal = Journal::open(state.path()).unwrap();
        let error = journal.verify(&id("a-1")).unwrap_err();
        let JournalError::Damaged { damage: Damage::Event { session, seq: found, what: how }, .. } = error else {
            panic!("{statement}: {error:?}")
        };
        assert_eq!((session, found, how), (id("a-1"), seq, what), "{statement}");
        assert_eq!(journal.verify(&id("b-1")).unwrap(), 20, "another session is intact");
    }
}

#[test]
fn a_session_or_cost_that_was_changed_or_removed_is_named() {
    let (original, journal) = history();
    drop(journal);
    for (statement, expected) in [
        (
            "UPDATE session SET repository = 'x' WHERE number = 2",
            "session number 2 was changed",
        ),
        (
            "UPDATE session SET settings = '' WHERE number = 2",
            "session number 2 was changed",
        ),
        (
            "UPDATE session_state SET status = 'completed' WHERE number = 3",
            "session number 3 was changed",
        ),
        (
            "UPDATE session_state SET status = 'unheard' WHERE number = 3",
            "session number 3 was changed",
        ),
        (
            "UPDATE session_state SET last_seq = 59 WHERE number = 1",
            "session number 1 was changed",
        ),
        (
            "DELETE FROM session_state WHERE number = 1",
            "session number 1 was changed",
        ),
        (
            "DELETE FROM session WHERE number = 2",
            "session number 2 is missing",
        ),
        (
            "DELETE FROM session WHERE number = 3",
            "session number 3 is missing",
        ),
        (
            "DELETE FROM session WHERE number = 1",
            "session number 1 is missing",
        ),
        (
            "DELETE FROM session; DELETE FROM session_state; DELETE FROM event",
            "session number 3 is missing",
        ),
        (
            "UPDATE cost SET usd_micros = 0 WHERE number = 4",
            "cost number 4 was changed",
        ),
        (
            "UPDATE cost SET known = 1 - known WHERE number = 4",
            "cost number 4 was changed",
        ),
        (
            "DELETE FROM cost WHERE number = 4",
            "cost number 4 is missing",
        ),
        ("DELETE FROM cost", "cost number 60 is missing"),
        ("UPDATE head SET n_costs = 59", "its counters were changed"),
        ("DELETE FROM head", "its counters were changed"),
    ] {
        let state = copy(original.path());
        sql(state.path(), statement);
        let told = Journal::open(state.path()).and_then(|journal| story(&journal));
        assert_eq!(damage(told), expected, "{statement}");
    }
}

#[test]
fn nothing_is_appended_to_a_damaged_end() {
    for statement in [
        "UPDATE session_state SET last_seq = 10 WHERE number = 3",
        "INSERT INTO event SELECT session, 21, at_ms, kind, issue, body, hash FROM event WHERE session = 3 AND seq = 20",
    ] {
        let (state, journal) = history();
        drop(journal);
        sql(state.path(), statement);
        let mut journal = Journal::open(state.path()).unwrap();
        damage(journal.append(&id("b-1"), 1, &[event("{}")], AppendExtras::default()));
    }
}

#[test]
fn an_older_copy_is_detected() {
    let (state, mut journal) = history();
    let older = copy(state.path());
    journal
        .append(&id("b-1"), 1, &[event("{}")], AppendExtras::default())
        .unwrap();
    drop(journal);
    fs::copy(
        state.path().join("journal.mark"),
        older.path().join("journal.mark"),
    )
    .unwrap();
    assert_eq!(
        damage(Journal::open(older.path())),
        "it contains 65 of at least 66 writes"
    );
    // To accept the loss, the mark is moved aside.
    fs::remove_file(older.path().join("journal.mark")).unwrap();
    assert_eq!(
        Journal::open(older.path())
            .unwrap()
            .verify(&id("b-1"))
            .unwrap(),
        20
    );
}

/// Changes a journal at a random place with SQL.
fn tamper_with_a_row(state: &Path, random: &mut fastrand::Rng) {
    let (session, n_events) = [(1, 60), (2, 40), (3, 20)][random.usize(..3)];
    let (seq, other) = (random.u32(1..=n_events), random.u32(1..=n_events));
    let at = format!("WHERE session = {session} AND seq = {seq}");
    let column = ["body", "kind"][random.usize(..2)];
    let place = random.u32(1..=6);
    let statement = match random.u32(..9) {
        0 => format!(
            "UPDATE event SET {column} = substr({column}, 1, {place}) || '#' || substr({column}, {place} + 2) {at}"
        ),
        1 => format!("UPDATE event SET at_ms = at_ms + {place} {at}"),
        2 => format!("UPDATE event SET issue = {place} * 100 {at}"),
        3 => format!("UPDATE event SET hash = randomblob(32) {at}"),
        4 => format!("UPDATE event SET seq = seq + 1000 {at}"),
        5 => format!("DELETE FROM event {at}"),
        6 => format!("DELETE FROM event WHERE session = {session} AND seq >= {seq}"),
        7 => format!(
            "UPDATE session_state SET last_seq = {seq} - 1,
                 last_hash = (SELECT hash FROM event WHERE session = {session} AND seq = max({seq} - 1, 1))
                 WHERE number = {session};
             DELETE FROM event WHERE session = {session} AND seq >= {seq}"
        ),
        _ => format!(
            "UPDATE event SET seq = 0 {at};
             UPDATE event SET seq = {seq} WHERE session = {session} AND seq = {other};
             UPDATE event SET seq = {other} WHERE session = {session} AND seq = 0"
        ),
    };
    sql(state, &statement);
}

/// Changes one random byte, or truncates or zeroes the rest, of a random file of a journal.
fn tamper_with_bytes(state: &Path, random: &mut fastrand::Rng) {
    let file = [database(state), state.join("journal.db-wal")][random.usize(..2)].clone();
    let mut bytes = fs::read(&file).unwrap_or_default();
    if bytes.is_empty() {
        return;
    }
    let place = random.usize(..bytes.len());
    match random.u32(..10) {
        0 => bytes.truncate(place),
        1 => bytes[place..].fill(0),
        _ => bytes[place] ^= 1 << random.u32(..8),
    }
    fs::write(file, bytes).unwrap();
}

#[test]
fn damage_at_a_thousand_places_is_detected_and_named_or_harmless() {
    let (original, journal) = history();
    let truth = story(&journal).unwrap();
    // With its write-ahead log, as after a crash, and without it, as after a clean end.
    let crashed = copy(original.path());
    drop(journal);
    let mut noticed = 0;
    for seed in 0..1_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let state = copy(if random.bool() {
            crashed.path()
        } else {
            original.path()
        });
        if seed % 2 == 0 {
            tamper_with_a_row(state.path(), &mut random);
        } else {
            tamper_with_bytes(state.path(), &mut random);
        }
        let open = if random.u32(..4) == 0 {
            Journal::open
        } else {
            Journal::open_read_only
        };
        match open(state.path()).and_then(|journal| story(&journal)) {
            Ok(told) => assert_eq!(told, truth, "seed {seed}: read something else"),
            Err(error) => {
                noticed += 1;
                let named = matches!(
                    error,
                    JournalError::Damaged { .. } | JournalError::Newer { .. }
                );
                assert!(named, "seed {seed}: {error:?}");
                assert!(
                    error.to_string().contains("journal.db"),
                    "seed {seed}: {error}"
                );
            }
        }
    }
    println!("{noticed} of 1000 detected");
    assert!(
        noticed > 500,
        "only {noticed} were detected, so this test did not damage much"
    );
}

// ---- other processes ----

/// The variable that turns [`a_child_writes`] into a writer: the state directory.
const STATE: &str = "JOURNAL_TEST_STATE";
/// Whether and where the writer kills itself, as `number,side`.
const DIE_AT: &str = "JOURNAL_TEST_DIE_AT";

/// Not a test by itself, but the other process of the tests below. It appends until it dies or its
/// input ends, and prints each event's number once the journal has acknowledged it.
#[test]
fn a_child_writes() {
    let Ok(state) = std::env::var(STATE) else {
        return;
    };
    let mut journal = Journal::open(Path::new(&state)).unwrap();
    if let Some((nth, side)) = std::env::var(DIE_AT).unwrap_or_default().split_once(',') {
        let (nth, side): (u64, _) = (
            nth.parse().unwrap(),
            if side == "before" {
                Moment::Before
            } else {
                Moment::After
            },
        );
        journal.on_commit(Box::new(move |write, moment| {
            if (write, moment) == (nth, side) {
                rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::KILL,
                )
                .unwrap();
            }
        }));
    }
    if journal.sessions(None, 1).unwrap().is_empty() {
        journal.create_session(&new_session("s")).unwrap();
    }
    let body = format!("{{\"text\":\"{}\"}}", "x".repeat(300));
    let mut out = std::io::stdout();
    loop {
        let appended = journal
            .append(
                &id("s"),
                1,
                &[event(&body), event("{}")],
                AppendExtras::default(),
            )
            .unwrap();
        // The parent has exited.
        if writeln!(out, "acknowledged {}", appended.end()).is_err() {
            return;
        }
    }
}

/// A child that is reaped even if the test fails.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the second process is this test binary itself"
)]
fn start_writer(state: &Path, die_at: &str) -> (Writer, impl Iterator<Item = u64> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "journal::a_child_writes",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(STATE, state)
        .env(DIE_AT, die_at)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let acknowledged = lines.filter_map(|line| {
        line.split_once("acknowledged ")
            .and_then(|(_, seq)| seq.parse().ok())
    });
    (Writer(child), acknowledged)
}

fn killed(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

#[test]
fn kill_nine_loses_no_acknowledged_event() {
    let state = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(9);
    let mut present = 0;
    for round in 0..60 {
        // Half of the writers kill themselves around an exact write; the others are killed wherever
        // they happen to be.
        let by_itself = round % 2 == 0;
        let n = random.u64(1..40);
        let side = if random.bool() { "before" } else { "after" };
        let die_at = if by_itself {
            format!("{n},{side}")
        } else {
            String::new()
        };
        let (mut writer, mut acknowledged) = start_writer(state.path(), &die_at);
        let seen = if by_itself {
            None
        } else {
            acknowledged.nth(usize::try_from(n).unwrap())
        };
        if !by_itself {
            writer.0.kill().unwrap();
        }
        let last = acknowledged.last().or(seen).unwrap_or(present);
        assert!(
            killed(writer.0.wait().unwrap()),
            "round {round}: the child exited on its own"
        );

        let journal = Journal::open_read_only(state.path()).unwrap();
        if round == 0 && journal.sessions(None, 1).unwrap().is_empty() {
            continue;
        }
        let found = journal.verify(&id("s")).unwrap();
        assert!(
            found.is_multiple_of(2),
            "round {round}: an append was only half written"
        );
        assert!(
            last <= found && found <= last + 2,
            "round {round}: {last} acknowledged, {found} found"
        );
        assert!(
            present <= found,
            "round {round}: the history became shorter"
        );
        present = found;
    }
    assert!(present > 200, "only {present} events were written");
}

#[test]
fn a_reader_sees_the_events_of_a_running_writer() {
    let state = tempfile::tempdir().unwrap();
    let (mut writer, mut acknowledged) = start_writer(state.path(), "");
    let first = acknowledged.next().unwrap();
    let journal = Journal::open_read_only(state.path()).unwrap();
    let mut read = 0;
    for last in std::iter::once(first).chain(acknowledged).take(100) {
        // Each read continues where the last one ended, while the writer appends.
        let events = journal.read(&id("s"), read, usize::MAX).unwrap();
        assert!(
            events
                .iter()
                .map(|event| event.seq)
                .eq(read + 1..=read + events.len() as u64)
        );
        read += events.len() as u64;
        assert!(last <= read, "{last} was acknowledged, {read} were read");
    }
    writer.0.kill().unwrap();
    assert!(200 <= read);
}

#[test]
fn two_processes_may_create_and_write_one_journal() {
    let state = tempfile::tempdir().unwrap();
    let mut threads = Vec::new();
    for name in ["x", "y", "z"] {
        let path = state.path().to_owned();
        threads.push(std::thread::spawn(move || {
            let mut journal = Journal::open(&path).unwrap();
            journal.create_session(&new_session(name)).unwrap();
            for _ in 0..50 {
                journal
                    .append(&id(name), 1, &[event("{}")], AppendExtras::default())
                    .unwrap();
            }
        }));
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let journal = Journal::open(state.path()).unwrap();
    assert_eq!(journal.sessions(None, 9).unwrap().len(), 3);
    for name in ["x", "y", "z"] {
        assert_eq!(journal.verify(&id(name)).unwrap(), 50);
    }
}
