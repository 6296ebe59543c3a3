//! The processes related to a program, as any user sees them on Linux, for tests of what must not
//! be visible there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Returns the command lines of the process that started our parent and of all its descendants. For
/// an agent these are the processes of its session: engine, supervisors, other agents, git.
///
/// A snapshot of one moment: processes that exit while it is taken are left out.
pub fn command_lines() -> Vec<String> {
    let parents: BTreeMap<u32, u32> = processes()
        .filter_map(|pid| Some((pid, parent_of(pid)?)))
        .collect();
    let parent = |pid: &u32| parents.get(pid).copied();
    let Some(eldest) = parent(&std::process::id()).as_ref().and_then(parent) else {
        return Vec::new();
    };
    let mut family = BTreeSet::from([eldest]);
    loop {
        let n_before = family.len();
        family.extend(
            parents
                .iter()
                .filter(|(_, parent)| family.contains(*parent))
                .map(|(pid, _)| *pid)
                .collect::<Vec<_>>(),
        );
        if family.len() == n_before {
            break;
        }
    }
    let command_line = |pid: &u32| fs::read(format!("/proc/{pid}/cmdline")).ok();
    family
        .iter()
        .filter_map(command_line)
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))?
        .trim()
        .parse()
        .ok()
}
