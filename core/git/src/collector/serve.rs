//! The collector process: reads requests from standard input, carries them out in order, and ends
//! when standard input is closed.

use std::error::Error;
use std::io::{self, BufRead, ErrorKind, Write};

use autoissue_process::error_chain;
use autoissue_process::helper::limit_memory;

use super::wire::{Answer, Refusal, Reply, Request, Setup, pieces};
use crate::library_error::LibraryError;
use crate::mirror::Mirror;
use crate::program::Git;
use crate::remote::classify_failure;
use crate::worktrees::{WorktreeError, Worktrees};

/// Serves requests until standard input ends: a hidden mode of the binary. Its standard output is
/// only for answers. Returns an exit code.
#[must_use]
pub fn serve() -> i32 {
    match serve_on(io::stdin().lock(), io::stdout().lock()) {
        Ok(()) => 0,
        Err(error) => {
            // The parent process reads this.
            let _ = writeln!(io::stderr(), "{}", error_chain(&*error));
            1
        }
    }
}

fn serve_on(requests: impl BufRead, mut answers: impl Write) -> Result<(), Box<dyn Error>> {
    let mut lines = requests.lines();
    let Some(first) = lines.next() else {
        return Ok(());
    };
    let setup: Setup = serde_json::from_str(&first?)?;
    limit_memory(setup.memory_bytes_max)?;
    let mirror = Mirror::open_with(&setup.mirror, Git::at(setup.git), setup.configuration)?;
    let worktrees = Worktrees::open(mirror, setup.worktrees)?;
    for line in lines {
        let request: Request = serde_json::from_str(&line?)?;
        let answer: Answer = carry_out(&worktrees, &request).map_err(|error| refusal(&error));
        for piece in pieces(&serde_json::to_string(&answer)?) {
            answers.write_all(piece.as_bytes())?;
        }
        answers.flush()?;
    }
    Ok(())
}

fn carry_out(worktrees: &Worktrees, request: &Request) -> Result<Reply, WorktreeError> {
    let done = |()| Reply::Done;
    match request {
        Request::MakeWay(request) => worktrees.make_way(request).map(Reply::ExistingWorktree),
        Request::Fill(request) => worktrees.fill(request).map(Reply::Filled),
        Request::Collect(request) => worktrees
            .collect(request)
            .map(|collected| Reply::Collected(Box::new(collected))),
        Request::NotePrepared(issue) => worktrees.note_prepared(*issue).map(done),
        Request::NoteChecked(issue) => worktrees.note_checked(*issue).map(done),
        Request::NoteMadeByChecks(issue) => worktrees.note_made_by_checks(*issue).map(done),
        Request::Salvage(issue) => worktrees.salvage(*issue).map(Reply::Saved),
        Request::CheckSaved(issue) => worktrees.check_saved(*issue).map(done),
        Request::LetGo(issue) => worktrees.let_go(*issue).map(done),
        Request::RemoveFinished(issue) => worktrees.remove_finished(*issue).map(done),
        Request::Discard(issue) => worktrees.discard(*issue).map(done),
    }
}

fn refusal(error: &WorktreeError) -> Refusal {
    let message = error_chain(error);
    match error {
        WorktreeError::Gone { .. } => Refusal::Gone(message),
        WorktreeError::TooBig { .. }
        | WorktreeError::TooMuch { .. }
        | WorktreeError::Filters(_)
        | WorktreeError::Hashes { .. } => Refusal::Unfit(message),
        WorktreeError::RootNotADirectory { .. } => Refusal::Invalid(message),
        WorktreeError::Submodule { source, .. } => Refusal::Submodule {
            message,
            failure: classify_failure(source),
        },
        error if has_no_room(error) => Refusal::NoRoom(message),
        error if is_out_of_memory(error) => Refusal::OutOfMemory,
        WorktreeError::Unsaved { .. }
        | WorktreeError::TooMuchToKeep { .. }
        | WorktreeError::Git(_)
        | WorktreeError::Io { .. }
        | WorktreeError::Mirror(_) => Refusal::Other(message),
    }
}

/// Returns whether the git library could not allocate memory: it reports that, while Rust would
/// abort the process.
fn is_out_of_memory(error: &WorktreeError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(library) = error.downcast_ref::<LibraryError>() {
            return library.is_out_of_memory();
        }
        cause = error.source();
    }
    false
}

/// Returns whether the system refused to write for lack of space: on the disk, or in the user's
/// quota, which the free space does not show.
fn has_no_room(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if let Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) = kind {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn lack_of_space_is_distinguished_from_other_errors() {
        let refused = |kind: ErrorKind| {
            refusal(&WorktreeError::Io {
                doing: "write",
                path: PathBuf::from("/w/a"),
                source: kind.into(),
            })
        };
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            let refusal = refused(kind);
            assert!(matches!(refusal, Refusal::NoRoom(_)), "{refusal:?}");
        }
        let refusal = refused(ErrorKind::PermissionDenied);
        assert!(matches!(refusal, Refusal::Other(_)), "{refusal:?}");
    }
}
