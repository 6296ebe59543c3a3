//! What failures of services mean, where no run of the binary can bring them about.

use super::*;
use crate::service::git_program::GitError;

fn io_error(kind: ErrorKind) -> WorktreeError {
    WorktreeError::Io {
        doing: "write",
        path: PathBuf::from("/w/a"),
        source: kind.into(),
    }
}

#[test]
fn want_of_room_is_a_condition_of_the_machine() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        let failure = worktree_failure(&io_error(kind));
        assert!(
            matches!(&failure, Failure::DiskFull { message } if message.contains("free up disk space")),
            "{failure:?}"
        );
    }
    let failure = worktree_failure(&io_error(ErrorKind::PermissionDenied));
    assert!(matches!(failure, Failure::Crash { .. }), "{failure:?}");
}

#[test]
fn a_submodule_that_cannot_be_had_is_an_error_of_all_work_on_the_base() {
    let failure = |stderr: &str, is_on_base| {
        let source = GitError::Failed {
            command: "git submodule update".to_owned(),
            code: Some(1),
            stdout: "".into(),
            stderr: stderr.to_owned(),
        };
        let path = "lib".to_owned();
        lease_failure(&WorktreeError::Submodule { path, source }, is_on_base)
    };
    let gone = "fatal: repository '/srv/lib.git' does not exist";
    assert!(matches!(failure(gone, true), Failure::Auth { .. }));
    assert!(matches!(failure(gone, false), Failure::NeedsPerson { .. }));
    let outage = "fatal: unable to access 'https://h/lib/': Could not resolve host: h";
    assert!(matches!(failure(outage, true), Failure::Network { .. }));
}
