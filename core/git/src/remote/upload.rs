//! Uploads Git LFS objects with the user's `git-lfs`, and interprets its errors.

use std::path::Path;
use std::time::Duration;

use super::{Remote, Verdict, verdict};
use crate::program::{Git, GitError};

/// Time limit for uploading Git LFS objects. A stalled upload ends much earlier.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(1_800);
/// What `git-lfs` prints, with exit code 0, if the server refused an object with status 422.
const REFUSED_QUIETLY: &str = "Uploading failed";

/// Why objects are not on the LFS server.
#[derive(Debug, thiserror::Error)]
pub enum LfsError {
    /// `git-lfs` is missing.
    #[error("`git-lfs` is not installed")]
    NotInstalled(#[source] GitError),
    /// The LFS server rejected them, or could not be reached.
    #[error("the LFS server did not accept the objects")]
    Failed(#[source] GitError),
}

impl Remote {
    /// Uploads Git LFS objects from the repository in `dir` to the server at `address`, as a push
    /// would: those that the commits of an `update` need. An update is a line in the format of the
    /// `pre-push` hook. Objects that the server already has are not sent.
    ///
    /// # Errors
    /// [`LfsError`]; [`upload_verdict`] interprets a failed run.
    pub(crate) fn upload(&self, dir: &Path, address: &str, update: &str) -> Result<(), LfsError> {
        lfs_version(&self.git, dir).map_err(LfsError::NotInstalled)?;
        let args = ["lfs", "pre-push", "origin"];
        // The URL may contain a password of the user, so it is not passed as an argument.
        let env = self.env_of_programs.with("lfs.pushurl", address);
        let input = Some(update.as_bytes());
        let printed = self
            .git
            .run_within(UPLOAD_TIMEOUT, dir, &args, &env.0, input)
            .map_err(LfsError::Failed)?;
        let said = printed.said();
        if said.contains(REFUSED_QUIETLY) {
            return Err(LfsError::Failed(GitError::Failed {
                command: format!("git {}", args.join(" ")),
                code: Some(0),
                stderr: said,
                stdout: Box::default(),
            }));
        }
        Ok(())
    }
}

/// Returns the output of `git lfs version`.
///
/// # Errors
/// Like [`Git::run`], also if `git-lfs` is not installed.
pub fn lfs_version(git: &Git, dir: &Path) -> Result<String, GitError> {
    let none: [(&str, &str); 0] = [];
    let printed = git.run(dir, &["lfs", "version"], &none, None)?;
    Ok(String::from_utf8_lossy(&printed).trim().to_owned())
}

/// Returns whether git passes files to `git-lfs` in `dir`.
pub fn lfs_is_configured(git: &Git, dir: &Path) -> bool {
    let none: [(&str, &str); 0] = [];
    let question = ["config", "--get-regexp", r"^filter\.lfs\.(process|clean)$"];
    git.run(dir, &question, &none, None).is_ok()
}

/// Returns what a failed upload of Git LFS objects means for the next one. `git-lfs` reports the
/// status only if the server sent no message; otherwise its own messages have to be interpreted,
/// which are fixed in the locale that it runs in.
pub fn upload_verdict(error: &GitError) -> Verdict {
    let GitError::Failed { stderr, stdout, .. } = error else {
        return Verdict::Outage;
    };
    let said = || stderr.lines().chain(stdout.lines());
    let says = |marks: &[&str]| said().any(|line| marks.iter().any(|mark| line.contains(mark)));
    let status = said().find_map(|line| {
        let (_, status) = line.rsplit_once("from HTTP ").or_else(|| {
            // An object that the server rejects: `[<oid>] <message>: [422] <message>`.
            line.strip_prefix('[')?.rsplit_once(": [")
        })?;
        let end = status.find(|c: char| !c.is_ascii_digit());
        status[..end.unwrap_or(status.len())].parse::<u16>().ok()
    });
    match status {
        Some(401 | 402 | 403 | 407 | 451 | 507 | 509) => Verdict::Account,
        Some(429 | 500..=599) => Verdict::Outage,
        Some(_) => Verdict::Work,
        // The object is missing, damaged, or too large for the server.
        None if says(&[
            "(missing)",
            "(corrupt)",
            "Unable to find source for object",
            REFUSED_QUIETLY,
            "Unprocessable entity",
            "batch response: LFS: ",
        ]) =>
        {
            Verdict::Work
        }
        // No answer, or one that reports a failure of the server.
        None if says(&[
            "Fatal error: ",
            "Server error: ",
            "Rate limit exceeded",
            "batch request: ",
            "batch response: Post ",
            "LFS: Put ",
        ]) =>
        {
            Verdict::Outage
        }
        None if says(&[
            "Authorization error: ",
            "Authentication required",
            "Git credentials for ",
            "Repository or object not found",
            "Insufficient server storage",
            "Bandwidth limit exceeded",
            // Other messages from the server: no permission to upload, or no more space.
            "batch response: ",
        ]) =>
        {
            Verdict::Account
        }
        None => verdict(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::fixture::{Home, git_with_lfs};

    #[test]
    fn git_lfs_is_found_by_its_program_and_by_its_filter() {
        let home = Home::new();
        let git = git_with_lfs(&home, "#!/bin/sh\nexit 1\n");
        let user = home.repository("user", &[("a", "1")]);
        assert!(lfs_version(&git, &user).is_err());
        let program = home.path().join("bin/git-lfs");
        fs::write(&program, "#!/bin/sh\necho git-lfs/3.7.0\n").unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(lfs_version(&git, &user).unwrap(), "git-lfs/3.7.0");
        home.git(&user, &["config", "filter.other.clean", "cat"]);
        // If the machine's own configuration has the filter, every repository has it.
        let is_global = lfs_is_configured(&git, home.path());
        assert_eq!(lfs_is_configured(&git, &user), is_global);
        home.git(
            &user,
            &["config", "filter.lfs.clean", "git-lfs clean -- %f"],
        );
        assert!(lfs_is_configured(&git, &user));
    }

    #[test]
    fn an_upload_that_fails_is_the_fault_of_the_account_the_work_or_the_server() {
        let check = |stderr: &str, expected| {
            let error = GitError::Failed {
                command: "git lfs pre-push".to_owned(),
                code: Some(2),
                stderr: stderr.to_owned(),
                stdout: "Uploading LFS objects:   0% (0/1), 0 B | 0 B/s, done.".into(),
            };
            assert_eq!(upload_verdict(&error), expected, "{stderr}");
        };
        for account in [
            "batch response: Authorization error: https://h/o/n.git/info/lfs/objects/batch\nCheck that you have proper access to the repository",
            "batch response: Repository or object not found: https://h/o/n.git/info/lfs/objects/batch",
            "batch response: This repository exceeded its LFS budget. The account responsible for the budget should increase it.",
            "batch response: Git credentials for https://h/o/n.git not found:\ncredential fill errors:\nexit status 1",
            "LFS: Insufficient server storage: https://h/data/02",
            "batch response: Client error &{%!!(string=http)}s(MISSING) from HTTP 402",
            "[0263] no room: [507] no room",
        ] {
            check(account, Verdict::Account);
        }
        for work in [
            "batch response: Client error &{%!!(string=http)}s(MISSING) from HTTP 413",
            "LFS: Client error &{%!!(string=http)}s(MISSING) from HTTP 413",
            "batch response: LFS: Size must be less than or equal to 2147483648",
            "[0263829989b6] Object does not exist: [404] Object does not exist",
            "Git LFS upload failed:\n  (missing) b.png (0263)",
            "Unable to find source for object 0263 (try running `git lfs fetch --all`)",
            "info: Uploading failed due to unsupported Content-Type header(s).",
        ] {
            check(work, Verdict::Work);
        }
        for outage in [
            "batch response: Fatal error: Server error: https://h/o/n.git/info/lfs/objects/batch",
            "batch response: Fatal error: the server says why",
            "batch response: Rate limit exceeded: https://h/o/n.git/info/lfs/objects/batch",
            "batch response: Post \"https://h/objects/batch\": dial tcp 127.0.0.1:1: connect: connection refused",
            "Fatal error: Server error: https://h/data/02",
            "LFS: Put \"https://h/data/02\": EOF",
            "[0263] try again: [503] try again",
            "",
        ] {
            check(outage, Verdict::Outage);
        }
    }
}
