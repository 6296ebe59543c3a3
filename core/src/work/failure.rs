//! What errors of services mean: the [`Failure`] that says what should happen next.

use std::error::Error;

use autoissue_engine::Failure;

use crate::service::agent::error_chain;
use crate::service::collector::CollectorError;
use crate::service::forge::ForgeError;
use crate::service::github::GithubError;
use crate::service::mirror::{CommitId, FetchError};
use crate::service::remote::{RemoteError, Verdict, verdict, was_server_error};

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

pub(super) fn forge_failure(error: &ForgeError) -> Failure {
    match error {
        // The local forge is files: what it cannot do now it cannot do in a second.
        ForgeError::Local(error) => Failure::Validation {
            message: error_chain(error),
        },
        ForgeError::Github(error) => github_failure(error),
    }
}

/// Returns what should happen next. A token that may not do what every task needs would fail them all, each after its agent
/// was paid, so that is a matter of credentials.
fn github_failure(error: &GithubError) -> Failure {
    let hint = error
        .hint()
        .map(|hint| format!(" ({hint})"))
        .unwrap_or_default();
    let message = error.to_string();
    match error {
        GithubError::Unauthorized { .. }
        | GithubError::Forbidden { .. }
        | GithubError::Archived { .. }
        | GithubError::NotFound { .. } => Failure::Auth {
            message: message + &hint,
        },
        GithubError::Limited { until, .. } => Failure::RateLimit {
            message,
            until: Some(*until),
        },
        GithubError::Broken { .. } => Failure::Overloaded { message },
        GithubError::Unreachable { .. } | GithubError::Untrusted { .. } => {
            Failure::Network { message }
        }
        GithubError::NoDrafts { .. } => Failure::Refused {
            message: message + &hint,
        },
        GithubError::Refused { .. } => Failure::NeedsPerson { message },
        GithubError::BadAddress { .. } | GithubError::Incompatible { .. } => Failure::Validation {
            message: message + &hint,
        },
        GithubError::Cancelled { .. } => Failure::Interrupted,
    }
}

/// Returns what follows if the remote cannot be asked: a person has to act where it refuses us; an outage passes.
pub(super) fn remote_failure(error: &RemoteError) -> Failure {
    let message = error_chain(error);
    match error {
        RemoteError::Unreachable { source, .. } if verdict(source) == Verdict::Account => {
            Failure::Auth { message }
        }
        _ => Failure::Network { message },
    }
}

/// Returns what follows if a worktree cannot be made. A submodule that the base links to is missing for every task, so that one error
/// interrupts the session; one that an earlier work links to is a matter of that work.
pub(super) fn lease_failure(error: &CollectorError, is_on_base: bool) -> Failure {
    let CollectorError::Submodule { message, verdict } = error else {
        return collector_failure(error);
    };
    let message = message.clone();
    match verdict {
        Verdict::Outage => Failure::Network { message },
        Verdict::Account | Verdict::Work if is_on_base => Failure::Auth { message },
        Verdict::Account | Verdict::Work => Failure::NeedsPerson { message },
    }
}

/// Whoever cannot be reached may be reached later, and so may a server that answered with an error of its own.
pub(super) fn fetch_failure(error: &FetchError) -> Failure {
    let message = error_chain(error);
    match error {
        FetchError::Unreachable { .. } => Failure::Network { message },
        FetchError::Failed { source, .. } if was_server_error(source) => {
            Failure::Network { message }
        }
        _ => Failure::Crash { message },
    }
}

/// A work that is too big stays so; everything else may be a matter of the moment.
pub(super) fn collector_failure(error: &CollectorError) -> Failure {
    match error {
        CollectorError::Unfit(_)
        | CollectorError::Invalid(_)
        | CollectorError::Unreadable { kept: Some(_), .. } => Failure::Validation {
            message: error_chain(error),
        },
        CollectorError::Killed => Failure::Interrupted,
        CollectorError::NoRoom(message) => Failure::DiskFull {
            message: format!("no room on the disk; free up disk space ({message})"),
        },
        _ => crash(error),
    }
}

#[cfg(test)]
mod tests;
