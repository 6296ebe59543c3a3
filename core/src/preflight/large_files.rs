//! Git LFS: whether what the repository keeps there can be read, written and uploaded.

use std::path::Path;

use super::Finding;
use crate::service::checkout::{Checkout, LargeFiles};
use crate::service::git_program::Git;
use crate::service::remote::{INSTALL_LFS, lfs_version};

const SET_UP_LFS: &str = "run `git lfs install`";
const CHECK: &str = "git lfs";

/// Looks at Git LFS where the commit that is checked out uses it.
pub(crate) fn look(git: &Git, checkout: &Checkout) -> Option<Finding> {
    let used = checkout.large_files()?;
    let finding = match (lfs_version(git, checkout.path()), used) {
        (Err(_), LargeFiles::Kept) => Finding::failure(
            CHECK,
            "the repository keeps files in Git LFS, and `git-lfs` is not installed",
            INSTALL_LFS,
        ),
        (Ok(_), LargeFiles::Kept) if !is_set_up(git, checkout.path()) => Finding::failure(
            CHECK,
            "the repository keeps files in Git LFS, and git is not set up for it: `filter.lfs` is not configured",
            SET_UP_LFS,
        ),
        (Err(_), LargeFiles::Declared) => Finding::warning(
            CHECK,
            "`.gitattributes` names Git LFS, and `git-lfs` is not installed: new files are committed as they are",
            INSTALL_LFS,
        ),
        (Ok(_), LargeFiles::Declared) if !is_set_up(git, checkout.path()) => Finding::warning(
            CHECK,
            "`.gitattributes` names Git LFS, and `filter.lfs` is not configured: new files are committed as they are",
            SET_UP_LFS,
        ),
        (Ok(version), _) => Finding::ok(CHECK, version),
    };
    Some(finding)
}

/// Returns whether git hands files to `git-lfs`.
fn is_set_up(git: &Git, checkout: &Path) -> bool {
    let none: [(&str, &str); 0] = [];
    let question = ["config", "--get-regexp", r"^filter\.lfs\.(process|clean)$"];
    git.run(checkout, &question, &none, None).is_ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::preflight::Level;
    use crate::service::git_fixture::{Home, LargeFile, git_with_lfs};

    const ATTRIBUTES: &str = "*.png filter=lfs diff=lfs merge=lfs -text\n";

    fn level(home: &Home, git: &Git) -> Option<Level> {
        let checkout = Checkout::open(&home.path().join("user")).unwrap();
        look(git, &checkout).map(|finding| finding.level)
    }

    #[test]
    fn a_repository_without_large_files_needs_no_git_lfs() {
        let home = Home::new();
        let git = git_with_lfs(&home, "#!/bin/sh\nexit 1\n");
        home.repository(
            "user",
            &[
                (".gitattributes", "*.txt text\n"),
                ("a.png", &LargeFile::new("a").pointer),
            ],
        );
        assert_eq!(level(&home, &git), None);
        let user = home.path().join("user");
        home.commit(&user, &[(".gitattributes", ATTRIBUTES), ("a.png", "raw")]);
        assert_eq!(level(&home, &git), Some(Level::Warning));
    }

    #[test]
    fn large_files_without_git_lfs_or_without_its_filter_are_known_before_an_agent_is_paid() {
        let home = Home::new();
        let git = git_with_lfs(&home, "#!/bin/sh\nexit 1\n");
        home.repository(
            "user",
            &[
                (".gitattributes", ATTRIBUTES),
                ("img/a.png", &LargeFile::new("a").pointer),
            ],
        );
        assert_eq!(level(&home, &git), Some(Level::Failure));
        let program = home.path().join("bin/git-lfs");
        fs::write(&program, "#!/bin/sh\necho git-lfs/3.7.0\n").unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let user = home.path().join("user");
        home.git(&user, &["config", "filter.other.clean", "cat"]);
        // The machine's own configuration may have the filter: then there is nothing to find.
        let is_global = is_set_up(&git, home.path());
        assert_eq!(level(&home, &git) == Some(Level::Failure), !is_global);
        home.git(
            &user,
            &["config", "filter.lfs.clean", "git-lfs clean -- %f"],
        );
        assert_eq!(level(&home, &git), Some(Level::Ok));
    }
}
