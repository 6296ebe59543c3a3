//! Checks the machine: git's version, disk, memory, clock, and the state directory. Changes
//! nothing.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use semver::Version;
use tempfile::TempDir;

use super::Finding;
use crate::built_in;
use crate::disk::nearest_existing;

/// The first release of git that accepts configuration from the environment (`GIT_CONFIG_COUNT`),
/// which is how git gets the token.
const GIT_MIN: Version = Version::new(2, 31, 0);

/// The check of free disk space.
pub(crate) const DISK: &str = "disk";
/// Below this, a session's clones and builds may fill the disk.
const DISK_BYTES_WANTED: u64 = 5 << 30;
/// Below this, they will: one clone of a medium-sized repository and one build.
const DISK_BYTES_MIN: u64 = 256 << 20;

/// The check of the worktrees' directory.
const WORKTREES: &str = "worktrees";
/// Files that agents of any kind look for in the directories above their own. Each backend declares
/// which others its program looks for.
const INSTRUCTIONS: [&str; 1] = ["AGENTS.md"];
/// Files that programs look for in parent directories: instructions, dependencies, tool settings.
const SEEN_FROM_BELOW: [&str; 16] = [
    "GEMINI.md",
    ".mcp.json",
    "node_modules",
    "package.json",
    "pnpm-workspace.yaml",
    "tsconfig.json",
    ".editorconfig",
    ".eslintrc.json",
    ".npmrc",
    "Cargo.toml",
    ".cargo",
    "rust-toolchain.toml",
    "go.work",
    "pyproject.toml",
    "setup.cfg",
    "conftest.py",
];
/// What a worktree's name adds to the root: `/autoissue-issue-12345`.
const WORKTREE_NAME_BYTES: usize = 22;
/// A socket's own name: `/server.sock`.
const SOCKET_NAME_BYTES: usize = 12;
/// The longest path of a Unix socket, without the zero byte at its end (`sun_path`; four bytes
/// shorter on macOS than on Linux).
const SOCKET_PATH_BYTES_MAX: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// The memory that an agent uses, measured with Claude Code, doubled to cover the programs that it
/// starts.
const AGENT_MEMORY_BYTES: u64 = 600 << 20;

/// 1 January 2026: a clock before this is wrong, because this program did not exist then.
const CLOCK_MS_MIN: u64 = 1_767_225_600_000;

/// Checks the version that git prints: up to three numbers, sometimes with a suffix
/// (`2.39.5 (Apple Git-154)`). A version that cannot be parsed passes.
pub(crate) fn git(version: &str) -> Finding {
    let numbers: Vec<&str> = version
        .split_whitespace()
        .take(1)
        .flat_map(|word| word.split('.'))
        .chain(["0", "0"])
        .take(3)
        .collect();
    if Version::parse(&numbers.join(".")).is_ok_and(|it| it < GIT_MIN) {
        return Finding::failure(
            "git",
            format!("git {version} is too old: it cannot be given the token"),
            format!("install git {}.{} or newer", GIT_MIN.major, GIT_MIN.minor),
        );
    }
    Finding::ok("git", format!("git {version}"))
}

/// Creates an empty temporary directory, or returns why `check` cannot be made.
pub(crate) fn temporary_directory(check: &'static str) -> Result<TempDir, Finding> {
    let created = tempfile::Builder::new()
        .prefix("autoissue-doctor-")
        .tempdir();
    created.map_err(|error| {
        let parent = std::env::temp_dir();
        Finding::failure(
            check,
            format!(
                "cannot create a directory in `{}`: {error}",
                parent.display()
            ),
            "make it writable, or set `TMPDIR` to another directory",
        )
    })
}

/// Checks the disks of the project, of the state directory (which holds the mirror) and of the
/// worktrees, each disk once.
pub(crate) fn disks(project: &Path, state_dir: &Path, worktrees: &Path) -> Vec<Finding> {
    let mut seen = Vec::new();
    let mut findings = Vec::new();
    for path in [project, state_dir, worktrees] {
        let path = nearest_existing(path).unwrap_or(project);
        let device = path.metadata().ok().map(|found| found.dev());
        if !seen.contains(&device) {
            seen.push(device);
            findings.push(disk(path));
        }
    }
    findings
}

/// Checks the worktrees' directory: files above it that agents and checks see but a fresh clone
/// does not, whether socket paths fit, and what kind of file system it is on.
pub(crate) fn worktrees(root: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> = above(root).into_iter().collect();
    findings.extend(sockets(root));
    if let Some(existing) = nearest_existing(root) {
        findings.extend(mount(existing));
    }
    findings
}

fn above(root: &Path) -> Option<Finding> {
    let seen = root.ancestors().find_map(|dir| {
        let is_there = |name: &&str| dir.join(name).symlink_metadata().is_ok();
        let names: Vec<&str> = seen_from_below().filter(is_there).collect();
        (!names.is_empty()).then_some((dir, names))
    });
    let (dir, names) = seen?;
    let message = format!(
        "agents and checks in `{}` also see `{}` above it: {}",
        root.display(),
        dir.display(),
        names.join(", ")
    );
    let advice =
        "unset `executor.worktreeRoot`, or set it to a directory with none of these above it";
    Some(Finding::warning(WORKTREES, message, advice))
}

fn seen_from_below() -> impl Iterator<Item = &'static str> {
    let of_agents = built_in::agents().flat_map(|agent| agent.instruction_files.iter().copied());
    INSTRUCTIONS
        .into_iter()
        .chain(of_agents)
        .chain(SEEN_FROM_BELOW)
}

fn sockets(root: &Path) -> Option<Finding> {
    let n_bytes = root.as_os_str().len() + WORKTREE_NAME_BYTES;
    (SOCKET_PATH_BYTES_MAX < n_bytes + SOCKET_NAME_BYTES).then(|| {
        let rest = match SOCKET_PATH_BYTES_MAX.saturating_sub(n_bytes) {
            0 => "nothing".to_owned(),
            n_left => n_left.to_string(),
        };
        let message = format!(
            "paths of worktrees in `{}` are about {n_bytes} bytes long; the path of a Unix socket can have at most \
             {SOCKET_PATH_BYTES_MAX}, which leaves {rest} for its name",
            root.display()
        );
        let advice = "if checks open sockets in the worktree, set `executor.worktreeRoot` to a directory with a shorter path";
        Finding::warning(WORKTREES, message, advice)
    })
}

fn mount(path: &Path) -> Option<Finding> {
    let flags = statvfs(path).ok()?.f_flag;
    if flags.contains(StatVfsMountFlags::NOEXEC) {
        let message = format!("programs cannot be run from `{}` (noexec)", path.display());
        let advice = "set `executor.worktreeRoot` to a directory on another file system";
        return Some(Finding::warning(WORKTREES, message, advice));
    }
    is_memory(path).then(|| {
        let message = format!(
            "`{}` is kept in memory, so every worktree takes up memory",
            path.display()
        );
        let advice = "set `executor.worktreeRoot` to a directory on a disk";
        Finding::warning(WORKTREES, message, advice)
    })
}

/// Returns whether files there use memory: tmpfs and ramfs, by their magic numbers in
/// `linux/magic.h`.
#[cfg(target_os = "linux")]
fn is_memory(path: &Path) -> bool {
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    let kind =
        rustix::fs::statfs(path).map(|found| u64::try_from(found.f_type).unwrap_or_default());
    kind.is_ok_and(|kind| IN_MEMORY.contains(&kind))
}

#[cfg(not(target_os = "linux"))]
fn is_memory(_path: &Path) -> bool {
    false
}

fn disk(path: &Path) -> Finding {
    match statvfs(path) {
        Ok(stat) => space(path, stat.f_bavail.saturating_mul(stat.f_frsize)),
        Err(error) => {
            let message = format!(
                "cannot determine the free space at {}: {error}",
                path.display()
            );
            Finding::warning(DISK, message, "check it yourself")
        }
    }
}

fn space(path: &Path, free_bytes: u64) -> Finding {
    let message = format!("{} free at {}", shown(free_bytes), path.display());
    match free_bytes {
        0..DISK_BYTES_MIN => Finding::failure(
            DISK,
            message,
            "free up disk space: every attempt has its own clone",
        ),
        DISK_BYTES_MIN..DISK_BYTES_WANTED => Finding::warning(
            DISK,
            message,
            "free up disk space, or lower `executor.maxParallel`",
        ),
        _ => Finding::ok(DISK, message),
    }
}

/// Checks whether there is enough memory for this many agents; `None` if the system does not report
/// it.
pub(crate) fn memory(n_agents: u32) -> Option<Finding> {
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
        let message = format!("{message}, which is little for {n_agents} agents at once");
        return Finding::warning(
            "memory",
            message,
            "lower `executor.maxParallel`, or close other programs",
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

pub(crate) fn clock(now_ms: u64) -> Finding {
    if now_ms < CLOCK_MS_MIN {
        let advice = "set the clock; rate-limit waits depend on it";
        return Finding::failure("clock", "shows a time before 2026", advice);
    }
    Finding::ok("clock", "looks right")
}

pub(crate) fn state(directory: &Path) -> Finding {
    let shown = directory.display();
    match nearest_existing(directory) {
        Some(existing) if existing.is_dir() && access(existing, Access::WRITE_OK).is_ok() => {
            if is_memory(existing) {
                return Finding::warning(
                    "state",
                    format!(
                        "`{shown}` is kept in memory: sessions and saved work are lost when the machine restarts"
                    ),
                    "set `AUTOISSUE_STATE_DIR` to a directory on a disk",
                );
            }
            Finding::ok("state", shown.to_string())
        }
        _ => Finding::failure(
            "state",
            format!("`{shown}` is not writable"),
            "set `AUTOISSUE_STATE_DIR` to a writable directory",
        ),
    }
}

/// A newest session that started in the future means that the clock was set back; estimates and
/// retries depend on it.
pub(crate) fn history(newest_ms: Option<u64>, now_ms: u64) -> Finding {
    match newest_ms {
        Some(newest) if now_ms < newest => Finding::warning(
            "journal",
            "its newest session started in the future",
            "check this machine's clock",
        ),
        Some(_) => Finding::ok("journal", "readable"),
        None => Finding::ok("journal", "empty"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    #[test]
    fn git_has_to_accept_the_token_from_the_environment() {
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
    fn little_disk_space_is_a_warning_and_none_is_a_failure() {
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
    fn files_above_the_worktrees_are_reported() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().join("p/.worktrees");
        std::fs::create_dir_all(home.path().join("p/node_modules")).unwrap();
        std::fs::write(home.path().join("p/AGENTS.md"), "").unwrap();
        let finding = above(&root).unwrap();
        assert_eq!(finding.level, Level::Warning);
        assert!(
            finding.message.ends_with("AGENTS.md, node_modules"),
            "{}",
            finding.message
        );
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_a_warning() {
        let root = |n_bytes: usize| format!("/{}", "d".repeat(n_bytes - 1));
        let longest = SOCKET_PATH_BYTES_MAX - WORKTREE_NAME_BYTES - SOCKET_NAME_BYTES;
        assert!(sockets(Path::new(&root(longest))).is_none());
        let said = |n_bytes| sockets(Path::new(&root(n_bytes))).unwrap().message;
        assert!(said(longest + 1).ends_with("which leaves 11 for its name"));
        assert!(said(longest + 20).ends_with("which leaves nothing for its name"));
    }

    #[test]
    fn a_clock_that_was_set_back_is_noticed() {
        assert_eq!(history(Some(10), 9).level, Level::Warning);
        assert_eq!(history(Some(10), 10).level, Level::Ok);
        assert_eq!(clock(0).level, Level::Failure);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_state_directory_in_memory_is_a_warning() {
        let in_memory = Path::new("/dev/shm");
        if is_memory(in_memory) {
            let finding = state(&in_memory.join("autoissue"));
            assert_eq!(finding.level, Level::Warning, "{}", finding.message);
        }
    }

    #[test]
    fn a_state_directory_below_a_file_cannot_be_written() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(state(&directory.path().join("a/b")).level, Level::Ok);
        std::fs::write(directory.path().join("a"), "").unwrap();
        assert_eq!(state(&directory.path().join("a/b")).level, Level::Failure);
    }
}
