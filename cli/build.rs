//! Names the commit that the program is built from, for `autoissue --version`.
//!
//! ```text
//!   AUTOISSUE_BUILD_COMMIT="abc1234 2026-11-30" ┐
//!   else git, where the workspace is a clone    ├─► AUTOISSUE_VERSION="0.1.0 (abc1234 2026-11-30)"
//!   else nothing: a source archive              ┘   or "0.1.0"
//! ```
//!
//! The result depends on the commit alone, not on the time or place of the build. A script that has run makes cargo compile its
//! package again, so it stands in the last package that is compiled, and runs only after HEAD has moved.

#![expect(clippy::disallowed_methods, reason = "a build script starts git")]

use std::path::Path;
use std::process::Command;

/// Names the commit and its date; empty for a program that names neither.
const VARIABLE: &str = "AUTOISSUE_BUILD_COMMIT";

/// Digits of a commit's name. Git's own choice depends on how many objects a clone has.
const DIGITS: usize = 7;

fn main() {
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    let version = env!("CARGO_PKG_VERSION");
    let commit = std::env::var(VARIABLE)
        .ok()
        .or_else(|| commit_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")))
        .filter(|commit| !commit.is_empty());
    let version = commit.map_or_else(
        || version.to_owned(),
        |commit| format!("{version} ({commit})"),
    );
    println!("cargo::rustc-env=AUTOISSUE_VERSION={version}");
}

/// Returns the checked-out commit of a clone and the day on which it was made, and has this script run again when HEAD moves.
fn commit_of(root: &Path) -> Option<String> {
    // A file in a linked worktree. Git is told where it is, or it would find the repository around a source archive.
    let git_dir = root.join(".git");
    if !git_dir.exists() {
        return None;
    }
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .arg("--git-dir")
            .arg(&git_dir)
            .args(args)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // HEAD changes with the branch, the log of HEAD or the branch with each commit; where references are in tables, their list does.
    let branch = git(&["rev-parse", "--symbolic-full-name", "HEAD"]).unwrap_or_default();
    for name in ["HEAD", "logs/HEAD", &branch, "reftable/tables.list"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        // A path that is missing counts as changed.
        if Path::new(&path).is_file() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let printed = git(&["log", "-1", "--no-show-signature", "--format=%H %cs"])?;
    let (commit, day) = printed.split_once(' ')?;
    Some(format!("{} {day}", commit.get(..DIGITS)?))
}
