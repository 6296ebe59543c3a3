//! The location of worktrees: outside of the checkout, so that an attempt sees what a fresh clone
//! sees, and no configuration, instructions or dependencies of the directories above.
//!
//! | `executor.worktreeRoot` | worktrees are in |
//! | --- | --- |
//! | not set | `<state>/worktrees/<key>/` |
//! | in the checkout, such as `.worktrees` | that directory, which is hidden from git |
//! | elsewhere | `<root>/<key>/`: other checkouts may use the same root |

use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The directory in the checkout for worktrees if `executor.worktreeRoot` names it, and in earlier
/// versions.
const IN_CHECKOUT: &str = ".worktrees";

/// Prefix of the name of an attempt's directory; the issue's number follows.
pub(super) const PREFIX: &str = "autoissue-issue-";

/// Marks a directory, after the issue in its name, whose content cannot be saved elsewhere; a
/// number follows.
pub(super) const KEPT: &str = "kept";

/// One of our directories among the worktrees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Directory {
    /// Its path.
    pub path: PathBuf,
    /// The issue in its name.
    pub issue: u64,
    /// Whether it was moved aside because its content cannot be saved elsewhere.
    pub is_kept: bool,
}

/// The directories of worktrees of a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roots {
    /// The directory for new worktrees.
    #[serde(with = "crate::path_bytes")]
    pub current: PathBuf,
    /// Other directories that may contain worktrees, created by a session with another
    /// configuration or an earlier version.
    #[serde(with = "crate::path_bytes::list")]
    pub others: Vec<PathBuf>,
}

impl Roots {
    /// Returns the directories for a checkout; `key` is its name in the state directory.
    pub fn of(configured: Option<&Path>, state_dir: &Path, key: &str, checkout: &Path) -> Roots {
        let by_default = resolved(&state_dir.join("worktrees").join(key));
        let in_checkout = resolved(checkout).join(IN_CHECKOUT);
        let current = configured.map_or_else(
            || by_default.clone(),
            |root| {
                let root = resolved(&checkout.join(root));
                let checkout = resolved(checkout);
                if root != checkout && root.starts_with(&checkout) {
                    root
                } else {
                    root.join(key)
                }
            },
        );
        let mut others = vec![by_default, in_checkout];
        others.retain(|other| *other != current);
        Roots { current, others }
    }

    /// Returns the directories in them whose names are ours, worktrees and directories that were
    /// moved aside, by path.
    #[must_use]
    pub fn directories(&self) -> Vec<Directory> {
        let entries = self.all().into_iter().flat_map(fs::read_dir).flatten();
        let mut found: Vec<Directory> = entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| {
                let name = entry.file_name();
                let rest = name.to_str()?.strip_prefix(PREFIX)?;
                let (issue, why) = rest.split_once('.').unwrap_or((rest, ""));
                Some(Directory {
                    path: entry.path(),
                    issue: issue.parse().ok()?,
                    is_kept: why.rsplit_once('-').is_some_and(|(why, _)| why == KEPT),
                })
            })
            .collect();
        found.sort();
        found
    }

    /// Returns all of them, the current one first.
    pub fn all(&self) -> Vec<PathBuf> {
        let mut all = vec![self.current.clone()];
        all.extend(self.others.iter().cloned());
        all
    }
}

/// Returns a path without links, `.` and `..`, as far as it exists; the last component may be a
/// link, which the caller has to check.
fn resolved(path: &Path) -> PathBuf {
    let Some(parent) = path.parent() else {
        return path.to_owned();
    };
    match path.components().next_back() {
        Some(Component::Normal(name)) => match parent.canonicalize() {
            Ok(parent) => parent.join(name),
            Err(_) => resolved(parent).join(name),
        },
        // For `..` at the end, only the file system knows the target.
        _ => path.canonicalize().unwrap_or_else(|_| path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn worktrees_are_outside_of_the_checkout_unless_configured() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let (state, checkout) = (home.join("state"), home.join("p"));
        std::fs::create_dir(&checkout).unwrap();
        let check = |configured: Option<&str>, expected: &str, others: &[&str]| {
            let roots = Roots::of(configured.map(Path::new), &state, "p-1", &checkout);
            let others: Vec<PathBuf> = others.iter().map(|other| home.join(other)).collect();
            assert_eq!((roots.current, roots.others), (home.join(expected), others));
        };
        let (by_default, in_checkout) = ("state/worktrees/p-1", "p/.worktrees");
        check(None, by_default, &[in_checkout]);
        check(Some(".worktrees"), in_checkout, &[by_default]);
        check(Some("./.worktrees/"), in_checkout, &[by_default]);
        check(Some("build/w"), "p/build/w", &[by_default, in_checkout]);
        check(Some("../w"), "w/p-1", &[by_default, in_checkout]);
        let elsewhere = home.join("fast");
        check(elsewhere.to_str(), "fast/p-1", &[by_default, in_checkout]);
    }

    #[test]
    fn a_link_on_the_way_is_followed_and_one_at_the_end_is_not() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        std::fs::create_dir(home.join("real")).unwrap();
        symlink(home.join("real"), home.join("state")).unwrap();
        let roots = Roots::of(None, &home.join("state"), "p-1", &home.join("p"));
        assert_eq!(roots.current, home.join("real/worktrees/p-1"));
        assert_eq!(resolved(&home.join("state")), home.join("state"));
    }
}
