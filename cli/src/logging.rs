//! Log files: JSON lines, a new file each day, the newest kept. Nothing of it goes to the terminal.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use autoissue_core::config::{LogLevel, LoggingSettings};
use tracing::Level;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};

use crate::console::Console;
use crate::error::CliError;
use crate::redaction::Redaction;

/// Starts logging; what is returned writes out the rest when it is dropped.
///
/// # Errors
/// Where the directory cannot be made or written.
pub(crate) fn start(settings: &LoggingSettings, directory: &Path, console: &Console) -> Result<WorkerGuard, CliError> {
    let failed = |source| CliError::Log { path: directory.to_owned(), source };
    std::fs::create_dir_all(directory).map_err(failed)?;
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("autoissue")
        .filename_suffix("log")
        .max_log_files(usize::try_from(settings.keep_days).unwrap_or(usize::MAX))
        .build(directory)
        .map_err(|error| failed(io::Error::other(error)))?;
    let (writer, guard) =
        tracing_appender::non_blocking(Redacted { inner: appender, redaction: console.redaction.clone() });
    let level = level(settings.level, console.verbose);
    let started = tracing_subscriber::fmt().json().with_max_level(level).with_writer(writer).try_init();
    // A second session in one process goes on with the first one's log.
    drop(started);
    Ok(guard)
}

/// Returns the directory that log files are written to.
pub(crate) fn directory(settings: &LoggingSettings, state_dir: &Path) -> PathBuf {
    settings.dir.clone().unwrap_or_else(|| state_dir.join("logs"))
}

/// Removes a log directory that was made for a session which never began, and the state directory with it, if nothing is in them.
pub(crate) fn remove_empty(directory: &Path) {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    for file in files.filter(|file| file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)) {
        let _ = std::fs::remove_file(file.path());
    }
    // Both fail where something is left, which is as it should be.
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
    if verbose { configured.max(Level::DEBUG) } else { configured }
}

/// Writes lines without the secrets that we know. Each write is one whole line, as the formatter makes it.
struct Redacted<W> {
    inner: W,
    redaction: Redaction,
}

impl<W: Write> Write for Redacted<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.inner.write_all(self.redaction.apply(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbose_shows_more_and_never_less() {
        assert_eq!(level(LogLevel::Warn, false), Level::WARN);
        assert_eq!(level(LogLevel::Warn, true), Level::DEBUG);
        assert_eq!(level(LogLevel::Trace, true), Level::TRACE);
    }

    #[test]
    fn no_known_secret_reaches_the_file() {
        let redaction = Redaction::of(&[("GH_TOKEN".to_owned(), "ghp_0123456789".to_owned())]);
        let mut log = Redacted { inner: Vec::new(), redaction };
        log.write_all(b"{\"message\":\"401 for ghp_0123456789\"}\n").unwrap();
        assert_eq!(String::from_utf8(log.inner).unwrap(), "{\"message\":\"401 for ***\"}\n");
    }
}
