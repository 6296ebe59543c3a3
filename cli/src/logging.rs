//! Log files: JSON lines, one file per UTC day, kept for `keepDays` days. Nothing is logged to the
//! terminal. A log that cannot be written does not end a session: the journal is what counts.
//!
//! ```text
//!   tracing, in core and here ─► one whole line ─► secrets out ─► autoissue.2026-11-22.log ─► (midnight) autoissue.2026-11-23.log
//! ```
//!
//! Each line is written before the next step starts, because the last line before a crash is the
//! interesting one. There is no exporter for tracing systems: the lines contain the data, and
//! collectors can read files.

use std::fs::{DirBuilder, DirEntry, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use autoissue_core::config::{LogLevel, LoggingSettings};
use autoissue_core::secret::redaction::Redaction;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::console::Console;

/// Prefix of a file name; the day follows.
const PREFIX: &str = "autoissue.";
const SUFFIX: &str = ".log";

/// Starts logging, or warns that there will be no log.
pub(crate) fn start(settings: &LoggingSettings, directory: &Path, console: &Console) {
    let made = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    let files = match made.and_then(|()| Daily::open(directory, settings.keep_days, today())) {
        Ok(files) => files,
        Err(error) => return console.warn(&unwritable(directory, &error)),
    };
    let writer = Redacted {
        inner: files,
        redaction: console.redaction.clone(),
    };
    let ours = level(settings.level, console.verbose);
    // Of dependencies, only warnings and errors: their details could contain anything.
    let filter = Targets::new()
        .with_target("autoissue", ours)
        .with_default(LevelFilter::WARN);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_current_span(false)
        .with_writer(Mutex::new(writer));
    // On a full disk, the subscriber would print an error per line to standard error, over the live
    // screen.
    let lines = lines.log_internal_errors(false);
    // A second session in the same process continues the first one's log.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
}

fn unwritable(directory: &Path, error: &io::Error) -> String {
    format!(
        "failed to write log files in `{}` ({error}); the session runs without a log. Make the directory writable, or set `logging.dir` to another one",
        directory.display()
    )
}

/// Returns the directory of the log files.
pub(crate) fn directory(settings: &LoggingSettings, state_dir: &Path) -> PathBuf {
    settings
        .dir
        .clone()
        .unwrap_or_else(|| state_dir.join("logs"))
}

/// Removes a log directory that was created for a session that never started, and the state
/// directory, if they are empty.
pub(crate) fn remove_empty(directory: &Path) {
    fn is_ours(file: &DirEntry) -> bool {
        file.file_name()
            .to_str()
            .is_some_and(|name| day_of(name).is_some())
    }

    fn is_empty(file: &DirEntry) -> bool {
        file.metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
    }

    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    for file in files.filter(|file| is_ours(file) && is_empty(file)) {
        let _ = std::fs::remove_file(file.path());
    }
    // Both fail if something is left in them, which is intended.
    let _ = std::fs::remove_dir(directory);
    let _ = directory.parent().map(std::fs::remove_dir);
}

fn level(configured: LogLevel, verbose: bool) -> Level {
    let configured = match configured {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Trace => Level::TRACE,
    };
    if verbose {
        configured.max(Level::DEBUG)
    } else {
        configured
    }
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// One file per day.
struct Daily {
    directory: PathBuf,
    keep_days: u32,
    day: Date,
    file: File,
    /// Whether the last line is incomplete because the disk was full.
    is_torn: bool,
}

impl Daily {
    fn open(directory: &Path, keep_days: u32, day: Date) -> io::Result<Self> {
        let file = open(directory, day)?;
        let daily = Self {
            directory: directory.to_owned(),
            keep_days,
            day,
            file,
            is_torn: false,
        };
        daily.remove_old();
        Ok(daily)
    }

    fn write_on(&mut self, day: Date, line: &[u8]) -> io::Result<()> {
        // If no new file can be created, keep using the old one.
        if day != self.day
            && let Ok(file) = open(&self.directory, day)
        {
            (self.day, self.file) = (day, file);
            self.remove_old();
        }
        // After an incomplete line, start a new one, so that the next line is not lost too.
        if self.is_torn {
            self.file.write_all(b"\n")?;
        }
        let written = self.file.write_all(line);
        self.is_torn = written.is_err();
        written
    }

    /// Removes log files that are too old, and nothing else, because the directory may be shared.
    /// Files that cannot be removed stay.
    fn remove_old(&self) {
        let keep = i64::from(self.keep_days.max(1)) - 1;
        let Ok(oldest) = self.day.checked_sub(keep.days()) else {
            return;
        };
        let entries = std::fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())) {
            if entry
                .file_name()
                .to_str()
                .and_then(day_of)
                .is_some_and(|day| day < oldest)
            {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn open(directory: &Path, day: Date) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(directory.join(format!("{PREFIX}{day}{SUFFIX}")))
}

/// Returns the day of a log file; `None` for any other file.
fn day_of(name: &str) -> Option<Date> {
    let day = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    day.parse::<Date>()
        .ok()
        .filter(|date| date.to_string() == day)
}

impl Write for Daily {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_on(today(), line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes lines with known secrets redacted. Each write is one whole line, as the formatter
/// produces it.
struct Redacted<W> {
    inner: W,
    redaction: Redaction,
}

impl<W: Write> Write for Redacted<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.inner.write_all(
            self.redaction
                .apply_to_line(&String::from_utf8_lossy(line))
                .as_bytes(),
        )?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    /// Returns the names in a directory, sorted.
    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn verbose_shows_more_and_never_less() {
        assert_eq!(level(LogLevel::Warn, false), Level::WARN);
        assert_eq!(level(LogLevel::Warn, true), Level::DEBUG);
        assert_eq!(level(LogLevel::Trace, true), Level::TRACE);
    }

    #[test]
    fn no_known_secret_reaches_the_file() {
        let redaction = Redaction::of(&[("GH_TOKEN", "ghp_0123456789")]);
        let mut log = Redacted {
            inner: Vec::new(),
            redaction,
        };
        log.write_all(b"{\"message\":\"401 for ghp_0123456789\"}\n")
            .unwrap();
        assert_eq!(
            String::from_utf8(log.inner).unwrap(),
            "{\"message\":\"401 for ***\"}\n"
        );
    }

    #[test]
    fn at_midnight_a_new_file_begins() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = Daily::open(directory.path(), 14, day("2026-11-22")).unwrap();
        log.write_on(day("2026-11-22"), b"before\n").unwrap();
        log.write_on(day("2026-11-23"), b"after\n").unwrap();
        assert_eq!(
            names(directory.path()),
            ["autoissue.2026-11-22.log", "autoissue.2026-11-23.log"]
        );
        assert_eq!(
            fs::read_to_string(directory.path().join("autoissue.2026-11-23.log")).unwrap(),
            "after\n"
        );
    }

    #[test]
    fn two_sessions_of_one_day_write_into_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Daily::open(directory.path(), 14, day("2026-11-22")).unwrap();
        let (mut one, mut two) = (open(), open());
        one.write_on(day("2026-11-22"), b"1\n").unwrap();
        two.write_on(day("2026-11-22"), b"2\n").unwrap();
        one.write_on(day("2026-11-22"), b"3\n").unwrap();
        assert_eq!(
            fs::read_to_string(directory.path().join("autoissue.2026-11-22.log")).unwrap(),
            "1\n2\n3\n"
        );
    }

    #[test]
    fn only_old_files_of_ours_are_removed() {
        let directory = tempfile::tempdir().unwrap();
        let kept = [
            "autoissue.2026-11-21.log",
            "autoissue.2026-1-1.log",
            "autoissue.2026-11-01.log.gz",
            "autoissue.notes.log",
            "autoissue.log",
            "other.2020-01-01.log",
            "xautoissue.2020-01-01.log",
        ];
        for name in kept
            .into_iter()
            .chain(["autoissue.2026-11-20.log", "autoissue.2019-01-01.log"])
        {
            fs::write(directory.path().join(name), "").unwrap();
        }
        fs::create_dir(directory.path().join("autoissue.2020-01-01.log")).unwrap();
        std::os::unix::fs::symlink(
            "elsewhere",
            directory.path().join("autoissue.2020-01-02.log"),
        )
        .unwrap();
        Daily::open(directory.path(), 2, day("2026-11-22")).unwrap();
        let mut expected: Vec<&str> = kept.to_vec();
        expected.extend([
            "autoissue.2026-11-22.log",
            "autoissue.2020-01-01.log",
            "autoissue.2020-01-02.log",
        ]);
        expected.sort_unstable();
        assert_eq!(names(directory.path()), expected);
    }

    #[test]
    fn a_directory_that_went_away_does_not_end_the_log() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("logs");
        fs::create_dir(&directory).unwrap();
        let mut log = Daily::open(&directory, 14, day("2026-11-22")).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        log.write_on(day("2026-11-23"), b"line\n").unwrap();
    }
}
