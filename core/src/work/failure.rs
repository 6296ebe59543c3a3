//! What errors of services mean: the [`Failure`] that says what should happen next.

use std::error::Error;

use autoissue_engine::Failure;
use autoissue_git::CommitId;
use autoissue_git::collector::CollectorError;
use autoissue_git::mirror::FetchError;
use autoissue_git::remote::{RemoteError, RemoteFailure, classify_failure, was_server_error};
use autoissue_process::error_chain;

pub(super) fn validation(message: &str) -> Failure {
    Failure::Validation {
        message: message.to_owned(),
    }
}

pub(super) fn crash(error: &dyn Error) -> Failure {
    Failure::Crash {
        message: error_chain(error),
    }
}

pub(super) fn commit(text: &str) -> Result<CommitId, Failure> {
    CommitId::parse(text).map_err(|error| validation(&error.to_string()))
}

/// Returns the failure if the remote cannot be reached: a person has to act if it refuses us; an
/// outage passes.
pub(super) fn remote_failure(error: &RemoteError) -> Failure {
    let message = error_chain(error);
    match error {
        RemoteError::Unreachable { source, .. }
            if classify_failure(source) == RemoteFailure::Credentials =>
        {
            Failure::Auth { message }
        }
        RemoteError::Unreachable { .. }
        | RemoteError::Origin { .. }
        | RemoteError::NoBranch { .. }
        | RemoteError::Empty { .. } => Failure::Network { message },
    }
}

/// Returns the failure if a worktree cannot be made. A submodule of the base is missing for every
/// task, so that error interrupts the session; one that an earlier attempt added affects only that
/// work.
pub(super) fn lease_failure(error: &CollectorError, is_on_base: bool) -> Failure {
    let CollectorError::Submodule { message, failure } = error else {
        return collector_failure(error);
    };
    let message = message.clone();
    match failure {
        RemoteFailure::Outage => Failure::Network { message },
        RemoteFailure::Credentials | RemoteFailure::Work if is_on_base => Failure::Auth { message },
        RemoteFailure::Credentials | RemoteFailure::Work => Failure::NeedsPerson { message },
    }
}

/// A host that cannot be reached may be reachable later, and so may a server that answered with an
/// internal error.
pub(super) fn fetch_failure(error: &FetchError) -> Failure {
    let message = error_chain(error);
    match error {
        FetchError::Unreachable { .. } => Failure::Network { message },
        FetchError::Failed { source, .. } if was_server_error(source) => {
            Failure::Network { message }
        }
        FetchError::Failed { .. } | FetchError::BranchMissing { .. } | FetchError::Mirror(_) => {
            Failure::Crash { message }
        }
    }
}

/// Work that is too large stays too large; any other failure may be temporary.
pub(super) fn collector_failure(error: &CollectorError) -> Failure {
    match error {
        CollectorError::Unfit(_)
        | CollectorError::Invalid(_)
        | CollectorError::Unreadable { kept: Some(_), .. } => Failure::Validation {
            message: error_chain(error),
        },
        CollectorError::Killed => Failure::Interrupted,
        CollectorError::NoRoom(message) => Failure::DiskFull {
            message: format!("the disk is full; free up disk space ({message})"),
        },
        CollectorError::Gone(_)
        | CollectorError::Submodule { .. }
        | CollectorError::Refused(_)
        | CollectorError::Unreadable { kept: None, .. }
        | CollectorError::Start(_)
        | CollectorError::Worktree(_) => crash(error),
    }
}

#[cfg(test)]
mod tests;
