//! A journal of the format before chapters: it stays unchanged, and the work that its sessions kept
//! is found.

#![expect(clippy::unwrap_used, reason = "a test's helper fails as the test does")]

use std::fs;
use std::path::{Path, PathBuf};

use autoissue_core::outdated_journal::{self, OutdatedSessions};
use autoissue_core::session::mirror_dir;
use autoissue_journal::repository_lock::{repository_key, state_lock};
use autoissue_journal::{Journal, JournalError};
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

const SESSION: &str = "20261122-1315-7f3a";

/// The minimum of a version 1 journal: its two numbers, and a session. The last write is only in
/// the write-ahead log.
fn old_journal(state: &Path, project: &Path) {
    fs::create_dir_all(state).unwrap();
    let connection = Connection::open(state.join("journal.db")).unwrap();
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA application_id = 0x61756973;
             PRAGMA user_version = 1;
             CREATE TABLE session (number INTEGER PRIMARY KEY, id TEXT, project_path TEXT);
             PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .unwrap();
    let row = (SESSION, project.to_str().unwrap());
    connection
        .execute(
            "INSERT INTO session (id, project_path) VALUES (?1, ?2)",
            row,
        )
        .unwrap();
    fs::write(state.join("journal.mark"), "00000000000000000007\n").unwrap();
}

struct World {
    _home: TempDir,
    state: PathBuf,
    project: PathBuf,
}

fn world() -> World {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().canonicalize().unwrap();
    let (state, project) = (at.join("state"), at.join("p"));
    fs::create_dir(&project).unwrap();
    old_journal(&state, &project);
    World {
        _home: home,
        state,
        project,
    }
}

/// Creates a mirror with one commit, under these refs.
fn mirror(path: &Path, refs: &[&str]) {
    let repository = git2::Repository::init_bare(path).unwrap();
    let tree = repository.treebuilder(None).unwrap().write().unwrap();
    let tree = repository.find_tree(tree).unwrap();
    let who = git2::Signature::now("a", "a@b").unwrap();
    let commit = repository
        .commit(None, &who, &who, "work", &tree, &[])
        .unwrap();
    for name in refs {
        repository.reference(name, commit, false, "").unwrap();
    }
}

fn files(state: &Path, stem: &str) -> Vec<Vec<u8>> {
    [".db", ".db-wal", ".mark"]
        .map(|end| fs::read(state.join(format!("{stem}{end}"))).unwrap())
        .to_vec()
}

#[test]
fn an_older_journal_is_moved_aside_byte_for_byte() {
    let World { state, .. } = &world();
    let before = files(state, "journal");
    assert!(
        !before[1].is_empty(),
        "its last write is in the write-ahead log"
    );
    assert!(matches!(
        Journal::open_read_only(state),
        Err(JournalError::Outdated { found: 1, .. })
    ));
    assert_eq!(
        files(state, "journal"),
        before,
        "reading alone moves nothing"
    );
    let left = outdated_journal::set_aside(state).unwrap().unwrap();
    assert_eq!(left.journal, state.join("journal-v1.db"));
    assert_eq!(files(state, "journal-v1"), before);
    assert!(
        outdated_journal::set_aside(state).unwrap().is_none(),
        "once is enough"
    );
    let journal = Journal::open(state).unwrap();
    assert_eq!(journal.sessions(None, 1).unwrap(), []);
    drop(journal);
    assert!(outdated_journal::set_aside(state).unwrap().is_none());
    assert_eq!(files(state, "journal-v1"), before);
}

#[test]
fn a_second_older_journal_has_a_place_of_its_own() {
    let World { state, project, .. } = &world();
    outdated_journal::set_aside(state).unwrap().unwrap();
    let before = files(state, "journal-v1");
    old_journal(state, project);
    let left = outdated_journal::set_aside(state).unwrap().unwrap();
    assert_eq!(left.journal, state.join("journal-v1-2.db"));
    assert_eq!(files(state, "journal-v1"), before);
}

#[test]
fn an_interrupted_move_is_finished_by_the_next_one() {
    let World { state, .. } = &world();
    let before = files(state, "journal");
    for end in [".db-wal", ".mark"] {
        let from = state.join(format!("journal{end}"));
        fs::rename(from, state.join(format!("journal-v1{end}"))).unwrap();
    }
    outdated_journal::set_aside(state).unwrap().unwrap();
    assert_eq!(files(state, "journal-v1"), before);
}

#[test]
fn kept_work_of_an_older_journal_is_found() {
    let World { state, project, .. } = &world();
    let mine = format!("refs/autoissue/salvage/{SESSION}/issue-7/attempt-1");
    let other = "refs/autoissue/salvage/20270101-0000-0001/issue-8/attempt-1";
    let at = mirror_dir(state, project);
    mirror(&at, &[&mine, other, "refs/autoissue/published/issue-7"]);
    let kept = state
        .join("worktrees")
        .join(repository_key(project))
        .join("autoissue-issue-9.kept-1");
    fs::create_dir_all(&kept).unwrap();
    let OutdatedSessions {
        salvaged,
        directories,
        ..
    } = outdated_journal::set_aside(state).unwrap().unwrap();
    let refs: Vec<_> = salvaged
        .iter()
        .map(|it| (it.salvage.reference.as_str(), &it.mirror, &it.project))
        .collect();
    assert_eq!(refs, [(mine.as_str(), &at, project)]);
    let paths: Vec<_> = directories.iter().map(|it| (&it.path, it.issue)).collect();
    assert_eq!(paths, [(&kept, 9)]);
}

#[test]
fn an_older_journal_stays_while_a_session_runs() {
    let World { state, project, .. } = &world();
    let lock = state_lock(state, &repository_key(project));
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let held = fs::File::create(&lock).unwrap();
    held.lock().unwrap();
    assert!(outdated_journal::set_aside(state).unwrap().is_none());
    assert!(matches!(
        Journal::open(state),
        Err(JournalError::Outdated { found: 1, .. })
    ));
    drop(held);
    assert!(outdated_journal::set_aside(state).unwrap().is_some());
}
