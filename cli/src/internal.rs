//! The hidden modes in which autoissue starts itself: the supervisor of one program, and the program of the `patch` backend.
//!
//! They read no configuration, and the supervisor must be there at once: it is looked for before anything else is set up.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;

use autoissue_core::service::apply_patch::{self, ApplyOutcome};
use autoissue_core::service::supervisor;

use crate::args::InternalMode;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;

/// Largest diff that is read: no issue's body comes near it.
const DIFF_BYTES_MAX: u64 = 64 << 20;

/// Runs the supervisor, if that is what we were started for.
pub(crate) fn supervise() -> Option<std::process::ExitCode> {
    is_supervise(std::env::args_os().skip(1)).then(supervisor::run)
}

fn is_supervise(args: impl Iterator<Item = OsString>) -> bool {
    args.take(2).eq(["internal", "supervise"])
}

/// Runs a hidden mode.
///
/// # Errors
/// Where the diff cannot be read.
pub(crate) fn run(around: &Surroundings, mode: InternalMode) -> Result<ExitCode, CliError> {
    match mode {
        // Only with flags before it, which nobody of ours gives.
        InternalMode::Supervise => {
            let _ = supervisor::run();
            Ok(ExitCode::Success)
        }
        InternalMode::ApplyPatch => apply_patch(around),
    }
}

fn apply_patch(around: &Surroundings) -> Result<ExitCode, CliError> {
    let mut diff = Vec::new();
    let read = std::io::stdin()
        .lock()
        .take(DIFF_BYTES_MAX)
        .read_to_end(&mut diff);
    read.map_err(|source| CliError::System {
        what: "read the diff from standard input",
        source,
    })?;
    // The directory as it is: a link in it is git's to follow, not ours to resolve.
    let outcome = apply_patch::run(Path::new("."), &diff);
    around.console.print(&format!("{outcome}\n"))?;
    Ok(match outcome {
        ApplyOutcome::Applied(_) | ApplyOutcome::AlreadyApplied => ExitCode::Success,
        ApplyOutcome::Rejected(_) => ExitCode::Error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_words_start_the_supervisor() {
        let is = |line: &str| is_supervise(line.split(' ').map(OsString::from));
        assert!(is("internal supervise"));
        assert!(!is("internal apply-patch"));
        assert!(!is("exec internal supervise"));
        assert!(!is("internal"));
    }
}
