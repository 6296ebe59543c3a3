//! The machine: git's version, disk, memory, clock, and the directory for state. Looks only.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::{Finding, nearest_existing};

/// The first release of git that takes configuration from the environment (`GIT_CONFIG_COUNT`), by which it is given the token.
const GIT_MIN: (u32, u32) = (2, 31);

/// The finding that says how much room there is.
pub(crate) const DISK: &str = "disk";
/// Below this, clones and builds of a night may fill the disk.
const DISK_BYTES_WANTED: u64 = 5 << 30;
/// Below this, they will: a clone of a middling repository and one build.
const DISK_BYTES_MIN: u64 = 256 << 20;

/// What an agent takes, measured with Claude Code, and as much again for what it runs.
const AGENT_MEMORY_BYTES: u64 = 600 << 20;

/// The first of January 2026: this program did not exist before, so a clock that is earlier is wrong.
const CLOCK_MS_MIN: u64 = 1_767_225_600_000;

pub(super) fn git(version: &str) -> Finding {
    let mut numbers = version
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < GIT_MIN => Finding::failure(
            "git",
            format!("git {version}, which does not take the token from us"),
            format!("install git {}.{} or newer", GIT_MIN.0, GIT_MIN.1),
        ),
        _ => Finding::ok("git", format!("git {version}")),
    }
}

/// Looks at the disks of the project, where worktrees are, and of the state directory, where the mirror is.
pub(super) fn disks(project: &Path, state_dir: &Path) -> Vec<Finding> {
    let state = nearest_existing(state_dir).unwrap_or(project);
    let device = |path: &Path| path.metadata().ok().map(|found| found.dev());
    let mut findings = vec![disk(project)];
    if device(state) != device(project) {
        findings.push(disk(state));
    }
    findings
}

fn disk(path: &Path) -> Finding {
    match statvfs(path) {
        Ok(stat) => space(path, stat.f_bavail.saturating_mul(stat.f_frsize)),
        Err(error) => {
            let message = format!("the free space at {} is not known: {error}", path.display());
            Finding::warning(DISK, message, "look at it yourself")
        }
    }
}

fn space(path: &Path, free_bytes: u64) -> Finding {
    let message = format!("{} free at {}", shown(free_bytes), path.display());
    match free_bytes {
        0..DISK_BYTES_MIN => Finding::failure(
            DISK,
            message,
            "make room: every attempt has a clone of its own",
        ),
        DISK_BYTES_MIN..DISK_BYTES_WANTED => Finding::warning(
            DISK,
            message,
            "make room, or set `executor.maxParallel` lower",
        ),
        _ => Finding::ok(DISK, message),
    }
}

/// Looks whether so many agents find memory; `None` where the system does not tell.
pub(super) fn memory(n_agents: u32) -> Option<Finding> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(room(kib << 10, n_agents))
}

fn room(available_bytes: u64, n_agents: u32) -> Finding {
    let message = format!("{} available", shown(available_bytes));
    if available_bytes < AGENT_MEMORY_BYTES.saturating_mul(u64::from(n_agents)) {
        let message = format!("{message}, little for {n_agents} agents at once");
        return Finding::warning(
            "memory",
            message,
            "set `executor.maxParallel` lower, or end other programs",
        );
    }
    Finding::ok("memory", message)
}

fn shown(bytes: u64) -> String {
    if bytes < 10 << 30 {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{} GiB", bytes >> 30)
    }
}

pub(super) fn clock(now_ms: u64) -> Finding {
    if now_ms < CLOCK_MS_MIN {
        let advice = "set the clock: waiting for rate limits goes by it";
        return Finding::failure("clock", "shows a time before 2026", advice);
    }
    Finding::ok("clock", "plausible")
}

pub(super) fn state(directory: &Path) -> Finding {
    let shown = directory.display();
    match nearest_existing(directory) {
        Some(existing) if existing.is_dir() && access(existing, Access::WRITE_OK).is_ok() => {
            Finding::ok("state", shown.to_string())
        }
        _ => Finding::failure(
            "state",
            format!("`{shown}` cannot be written"),
            "set `AUTOISSUE_STATE_DIR` to a directory that you may write",
        ),
    }
}

/// A newest session that begins in the future means a clock that was set back: estimates and retries go by it.
pub(super) fn history(newest_ms: Option<u64>, now_ms: u64) -> Finding {
    match newest_ms {
        Some(newest) if now_ms < newest => Finding::warning(
            "journal",
            "its newest session began in the future",
            "see whether the clock of this machine is right",
        ),
        Some(_) => Finding::ok("journal", "can be read"),
        None => Finding::ok("journal", "empty"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn git_has_to_take_the_token_from_the_environment() {
        for (version, level) in [
            ("2.30.9", Level::Failure),
            ("1.9", Level::Failure),
            ("2.31.0", Level::Ok),
            ("2.47.3", Level::Ok),
            ("2.39.5 (Apple Git-154)", Level::Ok),
            ("3.0.rc1", Level::Ok),
            ("odd", Level::Ok),
        ] {
            assert_eq!(git(version).level, level, "{version}");
        }
    }

    #[test]
    fn little_room_is_a_warning_and_none_a_failure() {
        let level = |free| space(Path::new("/p"), free).level;
        assert_eq!(
            [level(6 << 30), level(1 << 30), level(5)],
            [Level::Ok, Level::Warning, Level::Failure]
        );
        assert_eq!(
            [room(2 << 30, 3).level, room(1 << 30, 3).level],
            [Level::Ok, Level::Warning]
        );
    }

    #[test]
    fn a_clock_that_was_set_back_is_noticed() {
        assert_eq!(history(Some(10), 9).level, Level::Warning);
        assert_eq!(history(Some(10), 10).level, Level::Ok);
        assert_eq!(clock(0).level, Level::Failure);
    }

    #[test]
    fn a_state_directory_below_a_file_cannot_be_written() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(state(&directory.path().join("a/b")).level, Level::Ok);
        std::fs::write(directory.path().join("a"), "").unwrap();
        assert_eq!(state(&directory.path().join("a/b")).level, Level::Failure);
    }
}
