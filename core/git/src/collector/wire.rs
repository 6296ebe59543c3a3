//! The messages between this process and a collector: JSON, one message per line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::mirror::Configuration;
use crate::remote::RemoteFailure;
use crate::worktrees::{
    CollectRequest, Collected, ExistingWorktree, LeaseRequest, Leased, Options, Saved,
};

/// The first line to a collector.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    /// The mirror's directory.
    #[serde(with = "crate::path_bytes")]
    pub(super) mirror: PathBuf,
    /// The git program.
    #[serde(with = "crate::path_bytes")]
    pub(super) git: PathBuf,
    /// What this process knows about the repository.
    pub(super) configuration: Configuration,
    pub(super) worktrees: Options,
    /// Most anonymous memory, in bytes.
    pub(super) memory_bytes_max: u64,
}

/// Requests to a collector, handled one after the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    MakeWay(LeaseRequest),
    Fill(LeaseRequest),
    Collect(CollectRequest),
    NotePrepared(u64),
    NoteChecked(u64),
    NoteMadeByChecks(u64),
    Salvage(u64),
    CheckSaved(u64),
    LetGo(u64),
    RemoveFinished(u64),
    Discard(u64),
}

/// Answers of a collector.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    ExistingWorktree(ExistingWorktree),
    Filled(Leased),
    Collected(Box<Collected>),
    Saved(Saved),
    Done,
}

/// Why a collector did not carry out a request; there is one variant for each case that is handled
/// differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusal {
    /// The issue has no worktree.
    Gone(String),
    /// The work cannot become a pull request; it is still in the directory.
    Unfit(String),
    /// Repeating the request would fail in the same way.
    Invalid(String),
    /// A submodule could not be fetched.
    Submodule {
        message: String,
        failure: RemoteFailure,
    },
    /// The disk is full.
    NoRoom(String),
    /// Out of memory.
    OutOfMemory,
    /// Any other reason.
    Other(String),
}

pub(super) type Answer = Result<Reply, Refusal>;

/// Most bytes of one line of an answer: half of the longest line that is read whole.
const PIECE_BYTES_MAX: usize = 512 << 10;

/// Splits an answer into lines; the last one begins with `=`, the others with `+`.
pub(super) fn pieces(answer: &str) -> impl Iterator<Item = String> {
    let mut left = answer;
    let mut is_over = false;
    std::iter::from_fn(move || {
        if is_over {
            return None;
        }
        let end = left.floor_char_boundary(PIECE_BYTES_MAX);
        let (piece, rest) = left.split_at(end);
        left = rest;
        is_over = rest.is_empty();
        Some(format!("{}{piece}\n", if is_over { '=' } else { '+' }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_answer_is_joined_unchanged() {
        for text in [String::new(), "é".repeat(PIECE_BYTES_MAX), "x".to_owned()] {
            let lines: Vec<String> = pieces(&text).collect();
            let (last, others) = lines.split_last().unwrap();
            assert!(last.starts_with('=') && others.iter().all(|line| line.starts_with('+')));
            assert!(lines.iter().all(|line| line.len() <= PIECE_BYTES_MAX + 2));
            let whole: String = lines.iter().map(|line| line[1..].trim_end()).collect();
            assert_eq!(whole, text);
        }
    }
}
