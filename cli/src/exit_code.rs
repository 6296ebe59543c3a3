//! The exit codes, which scripts rely on.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | all tasks are done or already had an open pull request, or there was nothing to do |
//! | 1 | it could not run |
//! | 2 | invalid usage or configuration |
//! | 3 | it ran, and some task failed or was skipped |
//! | 4 | it did not start, or stopped, because of the budget |
//! | 130 | it was interrupted by a signal and can be resumed |

use autoissue_core::summary::Verdict;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Everything is done.
    Success,
    /// It could not run.
    Error,
    /// Invalid usage or configuration.
    Usage,
    /// It ran, and some task failed or was skipped.
    SomeFailed,
    /// The budget did not allow it.
    Budget,
    /// It was interrupted by a signal.
    Interrupted,
}

impl ExitCode {
    /// Returns the numeric exit code.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Error => 1,
            Self::Usage => 2,
            Self::SomeFailed => 3,
            Self::Budget => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::AllDone => Self::Success,
            Verdict::SomeFailed => Self::SomeFailed,
            Verdict::Budget => Self::Budget,
            Verdict::Failed => Self::Error,
            Verdict::Interrupted => Self::Interrupted,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_has_the_code_that_scripts_rely_on() {
        for (verdict, code) in [
            (Verdict::AllDone, 0),
            (Verdict::Failed, 1),
            (Verdict::SomeFailed, 3),
            (Verdict::Budget, 4),
            (Verdict::Interrupted, 130),
        ] {
            assert_eq!(ExitCode::from(verdict).number(), code, "{verdict:?}");
        }
        assert_eq!(ExitCode::Usage.number(), 2);
    }
}
