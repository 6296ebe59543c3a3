//! Reads processes from `/proc`, and kills them without hitting unrelated ones.
//!
//! It has two users: the supervisor looks for everything that descends from it, and the engine for
//! stragglers that carry a tag in their environment. Both kill by pidfd: they open the handle,
//! check the process behind it again, and only then signal it. A process id that was reused in
//! between is therefore never killed.
//!
//! On systems other than Linux there is no such table: every lookup returns nothing, and process
//! groups have to suffice.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a sweep may chase processes that fork faster than they are found. One pass usually
/// suffices.
const SWEEP_TIME_MAX: Duration = Duration::from_secs(30);

/// Name of the variable that marks a supervised program and everything it started.
pub const TAG_VARIABLE: &str = "AUTOISSUE_TAG";

/// Whether the table shows every process, so that only processes in it need to be killed.
pub(super) const IS_COMPLETE: bool = cfg!(target_os = "linux");

/// A process in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    /// Clock ticks from boot to its start: together with the process id, it identifies a process
    /// for good.
    pub(super) started: u64,
    /// Whether it waits to be reaped; a process whose first thread has ended while others live
    /// looks the same.
    pub(super) is_zombie: bool,
}

/// Kills every process of this user whose tag begins with `prefix`, and returns how many.
///
/// It repeats the search until nothing new is found, because a straggler may fork during it. A
/// process that removed the tag from its environment or cannot be inspected is not found. Blocking;
/// milliseconds. Always 0 on systems other than Linux.
#[must_use]
pub fn sweep_tagged(prefix: &str) -> u32 {
    sweep(|tag| tag.starts_with(prefix.as_bytes()))
}

/// Like [`sweep_tagged`], for exactly one tag (`run/1` is a prefix of `run/10`).
pub(super) fn sweep_tagged_exactly(tag: &str) -> u32 {
    sweep(|found| found == tag.as_bytes())
}

fn sweep(is_ours: impl Fn(&[u8]) -> bool) -> u32 {
    let until = Instant::now() + SWEEP_TIME_MAX;
    let mut killed = BTreeSet::new();
    loop {
        let found = system::tagged(&is_ours);
        let n_known = killed.len();
        killed.extend(found.iter().map(system::Target::pid));
        if killed.len() == n_known || until <= Instant::now() {
            return u32::try_from(killed.len()).unwrap_or(u32::MAX);
        }
        system::kill_and_wait(&found);
    }
}

/// Makes this process adopt orphans, so that [`end_adopted`] finds those of a killed supervisor
/// regardless of their environment. Does nothing on systems other than Linux.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::warn!(%error, "processes that outlive a killed supervisor can only be found by their tag");
    }
}

/// Kills adopted processes that started no earlier than `since`, with all their descendants, and
/// returns how many. Supervised programs lead their own sessions, so children that this process
/// started itself are not affected.
///
/// A daemon that git started for the user in the meantime (an ssh connection that is kept open)
/// cannot be distinguished.
pub(super) fn end_adopted(since: u64) -> u32 {
    let until = Instant::now() + SWEEP_TIME_MAX;
    let mut killed = BTreeSet::new();
    loop {
        let adopted = system::adopted(since);
        let living: Vec<&Entry> = adopted.iter().filter(|it| !it.is_zombie).collect();
        if living.is_empty() || until <= Instant::now() {
            return u32::try_from(killed.len()).unwrap_or(u32::MAX);
        }
        killed.extend(living.iter().map(|it| (it.pid, it.started)));
        system::kill_and_reap(&adopted);
    }
}

pub(super) use system::{descendants_of, kill, start_of};

#[cfg(target_os = "linux")]
mod system {
    use super::{Entry, TAG_VARIABLE};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{
        Pid, PidfdFlags, Signal, WaitOptions, geteuid, getpid, kill_process, pidfd_open,
        pidfd_send_signal, waitpid,
    };
    use std::collections::{BTreeMap, BTreeSet};
    use std::os::fd::OwnedFd;
    use std::os::unix::fs::MetadataExt;
    use std::{fs, io};

    /// How long a killed process may take to disappear. Only one that hangs in the kernel takes
    /// more than milliseconds.
    const DEATH_SECONDS_MAX: i64 = 5;

    /// A process held by a handle, so that its process id cannot refer to another one.
    pub(crate) struct Target {
        pid: Pid,
        /// `None` on kernels before 5.3, where the process id has to suffice.
        handle: Option<OwnedFd>,
    }

    impl Target {
        fn open(pid: i32) -> Option<Self> {
            let pid = Pid::from_raw(pid)?;
            match pidfd_open(pid, PidfdFlags::empty()) {
                Ok(handle) => Some(Self {
                    pid,
                    handle: Some(handle),
                }),
                Err(rustix::io::Errno::NOSYS) => Some(Self { pid, handle: None }),
                Err(_) => None,
            }
        }

        pub(crate) fn pid(&self) -> i32 {
            self.pid.as_raw_pid()
        }

        fn kill(&self) {
            // A failure means that it is already gone, or was never ours to kill.
            let _ = match &self.handle {
                Some(handle) => pidfd_send_signal(handle, Signal::KILL),
                None => kill_process(self.pid, Signal::KILL),
            };
        }

        fn wait_for_death(&self) {
            let Some(handle) = &self.handle else { return };
            let limit = Timespec {
                tv_sec: DEATH_SECONDS_MAX,
                tv_nsec: 0,
            };
            let _ = poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&limit));
        }
    }

    /// Returns the descendants of `root`, without itself, parents before their children.
    ///
    /// It walks down from the root, because its targets may be forking: listing every process of a
    /// machine takes milliseconds, and by then a fast one has a new process id. Only kernels
    /// without lists of children need that listing.
    pub(crate) fn descendants_of(root: i32) -> Vec<Entry> {
        let Ok(mut found) = children_of(root) else {
            return descendants_by_parent(root);
        };
        let mut next = 0;
        while let Some(parent) = found.get(next) {
            found.extend(children_of(parent.pid).unwrap_or_default());
            next += 1;
        }
        found
    }

    /// Fails if the process is gone, or if the kernel keeps no such lists.
    fn children_of(pid: i32) -> io::Result<Vec<Entry>> {
        let mut children = Vec::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let list = fs::read_to_string(thread?.path().join("children"))?;
            children.extend(
                list.split_ascii_whitespace()
                    .filter_map(|it| entry(it.parse().ok()?)),
            );
        }
        Ok(children)
    }

    pub(super) fn descendants_by_parent(root: i32) -> Vec<Entry> {
        let mut children: BTreeMap<i32, Vec<Entry>> = BTreeMap::new();
        for entry in pids().filter_map(entry) {
            children.entry(entry.parent).or_default().push(entry);
        }
        let mut found = children.remove(&root).unwrap_or_default();
        let mut next = 0;
        while let Some(parent) = found.get(next) {
            found.extend(children.remove(&parent.pid).unwrap_or_default());
            next += 1;
        }
        found
    }

    /// Kills the process that was seen as `seen`, unless its process id has been reused.
    pub(crate) fn kill(seen: &Entry) {
        let Some(target) = Target::open(seen.pid) else {
            return;
        };
        if entry(seen.pid).is_some_and(|now| now.started == seen.started) {
            target.kill();
        }
    }

    /// Returns this user's processes, except the caller, whose tag satisfies `is_ours`.
    pub(super) fn tagged(is_ours: &impl Fn(&[u8]) -> bool) -> Vec<Target> {
        let own = getpid().as_raw_pid();
        pids()
            .filter(|pid| *pid != own && has_tag(*pid, is_ours))
            .filter_map(Target::open)
            // Checked again, now that the handle pins the process.
            .filter(|target| has_tag(target.pid(), is_ours))
            .collect()
    }

    pub(super) fn kill_and_wait(targets: &[Target]) {
        targets.iter().for_each(Target::kill);
        targets.iter().for_each(Target::wait_for_death);
    }

    /// Returns when a process started, in the unit of [`Entry::started`].
    pub(crate) fn start_of(pid: u32) -> Option<u64> {
        Some(entry(i32::try_from(pid).ok()?)?.started)
    }

    /// Returns the children of this process that belong to another session, with all their
    /// descendants.
    pub(super) fn adopted(since: u64) -> Vec<Entry> {
        let own = getpid().as_raw_pid();
        let Some(session) = entry(own).map(|it| it.session) else {
            return Vec::new();
        };
        let is_adopted = |child: &Entry| {
            child.parent == own && child.session != session && since <= child.started
        };
        let children = descendants_of(own).into_iter().filter(is_adopted);
        children
            .flat_map(|child| std::iter::once(child).chain(descendants_of(child.pid)))
            .collect()
    }

    /// Kills processes, and reaps those that are children of this one.
    pub(super) fn kill_and_reap(seen: &[Entry]) {
        seen.iter().for_each(kill);
        let targets: Vec<Target> = seen.iter().filter_map(|it| Target::open(it.pid)).collect();
        targets.iter().for_each(Target::wait_for_death);
        let own = getpid().as_raw_pid();
        for child in seen.iter().filter(|it| it.parent == own) {
            if let Some(pid) = Pid::from_raw(child.pid) {
                let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            }
        }
    }

    fn has_tag(pid: i32, is_ours: &impl Fn(&[u8]) -> bool) -> bool {
        let is_same_user =
            fs::metadata(format!("/proc/{pid}")).is_ok_and(|it| it.uid() == geteuid().as_raw());
        is_same_user
            && fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
                environ
                    .split(|byte| *byte == 0)
                    .filter_map(|variable| {
                        variable
                            .strip_prefix(TAG_VARIABLE.as_bytes())?
                            .strip_prefix(b"=")
                    })
                    .any(is_ours)
            })
    }

    fn pids() -> impl Iterator<Item = i32> {
        let names = fs::read_dir("/proc").into_iter().flatten().flatten();
        names
            .filter_map(|it| it.file_name().to_str()?.parse().ok())
            .collect::<BTreeSet<i32>>()
            .into_iter()
    }

    /// Returns the process `pid`, unless it is gone.
    fn entry(pid: i32) -> Option<Entry> {
        parse_stat(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Parses a line of `/proc/PID/stat`: `PID (name) state parent group …`. The name may contain
    /// spaces, brackets, and bytes that are not text, hence the search from the end.
    pub(super) fn parse_stat(pid: i32, stat: &[u8]) -> Option<Entry> {
        let name_end = stat.iter().rposition(|byte| *byte == b')')?;
        let fields = str::from_utf8(&stat[name_end + 1..]).ok()?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        Some(Entry {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            group: fields.get(2)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
            is_zombie: fields.first() == Some(&"Z"),
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::Entry;

    pub(crate) struct Target;

    impl Target {
        pub(crate) fn pid(&self) -> i32 {
            0
        }
    }

    pub(crate) fn descendants_of(_root: i32) -> Vec<Entry> {
        Vec::new()
    }

    pub(crate) fn kill(_seen: &Entry) {}

    pub(super) fn tagged(_is_ours: &impl Fn(&[u8]) -> bool) -> Vec<Target> {
        Vec::new()
    }

    pub(super) fn kill_and_wait(_targets: &[Target]) {}

    pub(crate) fn start_of(_pid: u32) -> Option<u64> {
        None
    }

    pub(super) fn adopted(_since: u64) -> Vec<Entry> {
        Vec::new()
    }

    pub(super) fn kill_and_reap(_seen: &[Entry]) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_named_like_a_stat_line_is_read_correctly() {
        let mut stat =
            b"77 (a) S 1 \xff(b) S 5 6 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9".to_vec();
        let expected = Entry {
            pid: 77,
            parent: 5,
            group: 6,
            session: 7,
            started: 4242,
            is_zombie: false,
        };
        assert_eq!(system::parse_stat(77, &stat), Some(expected));
        let state = stat.len() - b"S 5 6 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9".len();
        stat[state] = b'Z';
        assert_eq!(
            system::parse_stat(77, &stat),
            Some(Entry {
                is_zombie: true,
                ..expected
            })
        );
    }

    #[test]
    fn both_ways_to_find_descendants_agree() {
        let root = std::os::unix::process::parent_id();
        let root = i32::try_from(root).expect("process ids fit");
        let own = i32::try_from(std::process::id()).expect("process ids fit");
        for found in [
            system::descendants_of(root),
            system::descendants_by_parent(root),
        ] {
            assert!(
                found
                    .iter()
                    .any(|entry| entry.pid == own && entry.parent == root),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_sweep_never_finds_the_sweeper() {
        let own = i32::try_from(std::process::id()).expect("process ids fit");
        assert!(
            system::tagged(&|_| true)
                .iter()
                .all(|target| target.pid() != own)
        );
    }
}
