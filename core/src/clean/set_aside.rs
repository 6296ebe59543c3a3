//! Directories next to the worktrees that only their owner removes: worktrees with content that no
//! commit of the project can hold (`autoissue-issue-7.kept-1`), directories that blocked the place
//! of a worktree (`.not-ours-1`), and worktrees without a record of ours. They are found by name
//! alone, so neither journal nor mirror is needed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use autoissue_git::worktrees::{Directory, Roots};

/// How many files are counted in one directory: a list of what stays must not take minutes.
const N_FILES_MAX: u64 = 100_000;
/// How many repositories are named for one directory.
const N_REPOSITORIES_MAX: usize = 5;

/// A directory that stays until its owner removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The directory.
    pub path: PathBuf,
    /// The issue in its name.
    pub issue: u64,
    /// Its contents.
    pub contents: Contents,
}

/// The contents of a directory, without its own `.git`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// How many files there are.
    pub n_files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Repositories below it, as relative paths, sorted; at most five.
    pub repositories: Vec<String>,
    /// Whether there is more than was counted.
    pub is_partial: bool,
}

/// Returns the directories next to worktrees that are not among the `known` worktrees, by path.
pub(super) fn find(roots: &Roots, known: &[PathBuf]) -> Vec<SetAside> {
    let unknown = roots
        .directories()
        .into_iter()
        .filter(|directory| !known.contains(&directory.path));
    unknown
        .map(|Directory { path, issue, .. }| SetAside {
            contents: contents(&path),
            path,
            issue,
        })
        .collect()
}

fn contents(root: &Path) -> Contents {
    let mut contents = Contents::default();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let Ok(found) = fs::symlink_metadata(&path) else {
                continue;
            };
            if name == ".git" {
                contents.add_repository(root, &dir);
            } else if found.is_dir() {
                dirs.push(path);
            } else {
                contents.n_files += 1;
                contents.bytes += found.size();
            }
            if N_FILES_MAX <= contents.n_files {
                contents.is_partial = true;
                return contents;
            }
        }
    }
    contents.repositories.sort();
    contents
}

impl Contents {
    fn add_repository(&mut self, root: &Path, repository: &Path) {
        let Ok(below) = repository.strip_prefix(root) else {
            return;
        };
        if below.as_os_str().is_empty() {
            return;
        }
        if self.repositories.len() < N_REPOSITORIES_MAX {
            self.repositories.push(below.display().to_string());
        } else {
            self.is_partial = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_directories_are_found_in_all_places_without_a_record() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let roots = Roots::of(None, &home.join("state"), "p-1", &home.join("p"));
        let by_default = home.join("state/worktrees/p-1");
        let in_checkout = home.join("p/.worktrees");
        let kept = by_default.join("autoissue-issue-7.kept-1");
        let foreign = in_checkout.join("autoissue-issue-8.not-ours-2");
        let unknown = in_checkout.join("autoissue-issue-9");
        let known = by_default.join("autoissue-issue-1");
        for dir in [
            kept.join(".git"),
            kept.join("app/.git"),
            foreign.clone(),
            unknown.clone(),
            known.clone(),
            by_default.join("theirs"),
        ] {
            fs::create_dir_all(dir).unwrap();
        }
        fs::write(kept.join("app/app.js"), "four").unwrap();
        fs::write(kept.join(".git/config"), "not counted").unwrap();
        fs::write(in_checkout.join("autoissue-issue-3"), "a file").unwrap();
        let found = find(&roots, &[known]);
        let names: Vec<(u64, &Path)> = found
            .iter()
            .map(|it| (it.issue, it.path.as_path()))
            .collect();
        assert_eq!(names, [(8, &*foreign), (9, &*unknown), (7, &*kept)]);
        let expected = Contents {
            n_files: 1,
            bytes: 4,
            repositories: vec!["app".to_owned()],
            is_partial: false,
        };
        assert_eq!(found[2].contents, expected);
    }
}
