//! Git LFS: whether the repository's large files can be read, written and uploaded.

use autoissue_git::checkout::{Checkout, LargeFiles};
use autoissue_git::program::Git;
use autoissue_git::remote::{INSTALL_LFS, lfs_is_configured, lfs_version};

use super::Finding;

const SET_UP_LFS: &str = "run `git lfs install`";
const CHECK: &str = "git lfs";

/// Checks Git LFS if the checked-out commit uses it.
pub(crate) fn look(git: &Git, checkout: &Checkout) -> Option<Finding> {
    let used = checkout.large_files()?;
    let version = lfs_version(git, checkout.path()).ok();
    Some(judge(
        used,
        version,
        lfs_is_configured(git, checkout.path()),
    ))
}

fn judge(used: LargeFiles, version: Option<String>, is_configured: bool) -> Finding {
    match (version, used) {
        (None, LargeFiles::Kept) => Finding::failure(
            CHECK,
            "the repository stores files in Git LFS, but `git-lfs` is not installed",
            INSTALL_LFS,
        ),
        (Some(_), LargeFiles::Kept) if !is_configured => Finding::failure(
            CHECK,
            "the repository stores files in Git LFS, but git is not set up for it (`filter.lfs` is missing)",
            SET_UP_LFS,
        ),
        (None, LargeFiles::Declared) => Finding::warning(
            CHECK,
            "`.gitattributes` uses Git LFS, but `git-lfs` is not installed: new files will be committed as they are",
            INSTALL_LFS,
        ),
        (Some(_), LargeFiles::Declared) if !is_configured => Finding::warning(
            CHECK,
            "`.gitattributes` uses Git LFS, but `filter.lfs` is not configured: new files will be committed as they are",
            SET_UP_LFS,
        ),
        (Some(version), _) => Finding::ok(CHECK, version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    fn level(used: LargeFiles, version: Option<&str>, is_configured: bool) -> Level {
        judge(used, version.map(str::to_owned), is_configured).level
    }

    #[test]
    fn large_files_without_git_lfs_or_without_its_filter_are_known_before_an_agent_is_paid() {
        assert_eq!(level(LargeFiles::Kept, None, true), Level::Failure);
        assert_eq!(level(LargeFiles::Kept, Some("3.7"), false), Level::Failure);
        assert_eq!(level(LargeFiles::Kept, Some("3.7"), true), Level::Ok);
    }

    #[test]
    fn attributes_that_name_git_lfs_are_worth_a_warning_without_large_files() {
        assert_eq!(level(LargeFiles::Declared, None, true), Level::Warning);
        assert_eq!(
            level(LargeFiles::Declared, Some("3.7"), false),
            Level::Warning
        );
        assert_eq!(level(LargeFiles::Declared, Some("3.7"), true), Level::Ok);
    }
}
