//! Kills the process on purpose at a write of the journal, for tests of what a crash leaves.

use std::str::FromStr;

use autoissue_journal::{CommitHook, CommitPoint};

/// A write of the journal at which the process kills itself, such as `7:after`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    write: u64,
    moment: CommitPoint,
}

/// The text does not name a write and a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a write and a moment, such as `7:before` or `7:after`")]
pub struct NoCrashPoint;

impl FromStr for CrashPoint {
    type Err = NoCrashPoint;

    fn from_str(text: &str) -> Result<Self, NoCrashPoint> {
        let (write, moment) = text.split_once(':').ok_or(NoCrashPoint)?;
        let moment = match moment {
            "before" => CommitPoint::Before,
            "after" => CommitPoint::After,
            _ => return Err(NoCrashPoint),
        };
        Ok(Self {
            write: write.parse().map_err(|_| NoCrashPoint)?,
            moment,
        })
    }
}

impl CrashPoint {
    /// Returns a hook that kills the process there, like `kill -9`: nothing is flushed, dropped or
    /// printed.
    pub fn hook(self) -> CommitHook {
        Box::new(move |write, moment| {
            if write == self.write && moment == self.moment {
                // It cannot fail for our own process; if it did, the test would see a session that
                // continued.
                let _ = rustix::process::kill_process(
                    rustix::process::getpid(),
                    rustix::process::Signal::KILL,
                );
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_point_is_a_write_and_a_moment() {
        assert_eq!(
            "7:after".parse(),
            Ok(CrashPoint {
                write: 7,
                moment: CommitPoint::After
            })
        );
        assert_eq!(
            "1:before".parse(),
            Ok(CrashPoint {
                write: 1,
                moment: CommitPoint::Before
            })
        );
        for text in ["", "7", "7:", ":after", "x:after", "7:during"] {
            assert_eq!(text.parse::<CrashPoint>(), Err(NoCrashPoint), "{text}");
        }
    }
}
