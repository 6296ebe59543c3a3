//! Applies a diff in the current worktree with the user's git: what `autoissue internal apply-patch` does.
//!
//! This is the program of the `patch` agent backend. It runs *as the agent*: in the attempt's private clone, with the agent's
//! environment, under the supervisor. The engine never calls it, and believes it no more than any agent. It is blocking.
//!
//! A rejected diff leaves every file and the index as they were. A three-way merge alone would not: it leaves conflict markers. So it
//! is tried on a copy of the index first, where nobody sees the conflict; all other ways to apply are atomic by git's own promise.
//!
//! ```text
//!   three-way merge on a copy of the index ──clean──► changes anything? ──no───► already applied
//!          │ conflict, damaged diff                          └──yes──► the same for real ──► applied
//!          ▼
//!   applies in reverse? ──yes──► already applied
//!          │ no
//!          ▼
//!   applies to the files alone, or with recounted hunks? ──yes──► applied    (diffs written by hand have wrong counts)
//!          │ no
//!          ▼
//!   rejected, in git's words
//! ```

use std::{
    borrow::Cow,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

pub use autoissue_patch::Outcome as ApplyOutcome;

/// Longest part of git's message that is passed on, characters: enough for the first few files.
const MESSAGE_CHARS_MAX: usize = 2_000;

/// Name of the copy of the index, in the git directory, where a split index finds its shared part.
const TRIAL_INDEX: &str = "autoissue-apply-patch.index";

/// Applies `diff` in `directory`, the top of a git worktree. Repeating it is harmless: the second time it is already applied.
pub fn run(directory: &Path, diff: &[u8]) -> ApplyOutcome {
    let patch = Patch { directory, diff: with_final_newline(diff) };
    patch.apply().unwrap_or_else(|error| ApplyOutcome::Rejected(format!("failed to run `git`: {error}")))
}

/// git takes a last line without an end for a damaged diff.
fn with_final_newline(diff: &[u8]) -> Cow<'_, [u8]> {
    if diff.ends_with(b"\n") {
        return Cow::Borrowed(diff);
    }
    Cow::Owned([diff, b"\n"].concat())
}

/// Returns `diff` with a `diff` line between its files, and without blank lines behind their last hunks: git, when it counts, would
/// take both a file's header and a blank line for part of the hunk before.
fn with_files_apart(diff: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = diff.trim_ascii_end().split(|byte| *byte == b'\n').collect();
    let mut apart: Vec<&[u8]> = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        let is_header = line.starts_with(b"--- ") && next.starts_with(b"+++ ");
        if is_header || line.starts_with(b"diff ") {
            let n_kept = apart.iter().rposition(|kept| !kept.trim_ascii().is_empty()).map_or(0, |last| last + 1);
            apart.truncate(n_kept);
        }
        let follows_hunk = apart.last().is_some_and(|last| last.starts_with(b" ") || is_hunk_change(last));
        if is_header && follows_hunk {
            apart.push(b"diff -");
        }
        apart.push(line);
    }
    apart.push(b"");
    apart.join(&b'\n')
}

fn is_hunk_change(line: &[u8]) -> bool {
    line.starts_with(b"+") || line.starts_with(b"-") || line.starts_with(b"\\")
}

struct Patch<'a> {
    directory: &'a Path,
    diff: Cow<'a, [u8]>,
}

impl Patch<'_> {
    fn apply(&self) -> io::Result<ApplyOutcome> {
        if let Some(changes) = self.try_three_way()? {
            if !changes {
                return Ok(ApplyOutcome::AlreadyApplied);
            }
            if self.git_apply(&["--3way"], &self.diff)?.status.success() {
                return self.applied(&[], &self.diff);
            }
        }
        if self.git_apply(&["--check", "--reverse"], &self.diff)?.status.success() {
            return Ok(ApplyOutcome::AlreadyApplied);
        }
        let plain = self.git_apply(&[], &self.diff)?;
        if plain.status.success() {
            return self.applied(&[], &self.diff);
        }
        Ok(self.apply_recounted()?.unwrap_or_else(|| ApplyOutcome::Rejected(message_of(&plain))))
    }

    /// Returns whether a three-way merge would change anything; `None` where it does not succeed. Changes nothing itself.
    fn try_three_way(&self) -> io::Result<Option<bool>> {
        let index = TrialIndex::new(self.directory)?;
        let before = index.tree()?;
        let merge = feed(index.git().args(["apply", "--cached", "--3way", "--whitespace=nowarn", "-"]), &self.diff)?;
        if !merge.status.success() {
            return Ok(None);
        }
        Ok(Some(index.tree()? != before))
    }

    /// Applies the diff with git counting its lines; `None` where that does not help either.
    fn apply_recounted(&self) -> io::Result<Option<ApplyOutcome>> {
        let separated = with_files_apart(&self.diff);
        for diff in [&*self.diff, &separated] {
            if self.git_apply(&["--recount"], diff)?.status.success() {
                return self.applied(&["--recount"], diff).map(Some);
            }
            if self.git_apply(&["--recount", "--check", "--reverse"], diff)?.status.success() {
                return Ok(Some(ApplyOutcome::AlreadyApplied));
            }
        }
        Ok(None)
    }

    /// Returns that the diff was applied, with the paths that it names.
    fn applied(&self, options: &[&str], diff: &[u8]) -> io::Result<ApplyOutcome> {
        let options = [options, &["--numstat", "-z"]].concat();
        let listing = self.git_apply(&options, diff)?.stdout;
        // Each record is `added TAB removed TAB path`.
        let records = listing.split(|byte| *byte == 0).filter(|record| !record.is_empty());
        let paths = records.map(|record| record.splitn(3, |byte| *byte == b'\t').last().unwrap_or_default());
        Ok(ApplyOutcome::Applied(paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect()))
    }

    fn git_apply(&self, options: &[&str], diff: &[u8]) -> io::Result<Output> {
        feed(git(self.directory).arg("apply").args(options).args(["--whitespace=nowarn", "-"]), diff)
    }
}

/// A copy of the worktree's index; gone when dropped.
struct TrialIndex<'a> {
    directory: &'a Path,
    path: PathBuf,
}

impl<'a> TrialIndex<'a> {
    fn new(directory: &'a Path) -> io::Result<Self> {
        let index = path_in_git_directory(directory, "index")?;
        let path = path_in_git_directory(directory, TRIAL_INDEX)?;
        let trial = Self { directory, path };
        match fs::copy(index, &trial.path) {
            // A repository without a first commit has no index; its copy is no file either.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            copied => _ = copied?,
        }
        Ok(trial)
    }

    fn git(&self) -> Command {
        let mut git = git(self.directory);
        git.env("GIT_INDEX_FILE", &self.path);
        git
    }

    /// Returns the hash of the tree that the index stands for.
    fn tree(&self) -> io::Result<Vec<u8>> {
        Ok(feed(self.git().arg("write-tree"), b"")?.stdout)
    }
}

impl Drop for TrialIndex<'_> {
    fn drop(&mut self) {
        // One that stays behind does no harm: nothing reads it, and the clone goes with the attempt.
        _ = fs::remove_file(&self.path);
    }
}

fn path_in_git_directory(directory: &Path, name: &str) -> io::Result<PathBuf> {
    let output = feed(git(directory).args(["rev-parse", "--git-path", name]), b"")?;
    if !output.status.success() {
        return Err(io::Error::other(message_of(&output)));
    }
    let path = String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_string();
    // git gives a path from the directory that it ran in, and may take the index's path from another.
    std::path::absolute(directory.join(path))
}

#[expect(clippy::disallowed_methods, reason = "this runs as the agent, in the agent's directory and environment")]
fn git(directory: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(directory);
    git
}

/// Runs `command` with `input` on its standard input.
fn feed(command: &mut Command, input: &[u8]) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
    let output = child.wait_with_output()?;
    match written {
        // git may refuse before it has read everything; what it printed says more than the broken pipe.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(output),
    }
}

/// Returns what git said, on one line.
fn message_of(output: &Output) -> String {
    let message = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ").chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "one\ntwo\nthree\nfour\nfive\n";
    const DIFF: &str = "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n";

    /// A repository with one committed file `a.txt`.
    struct Repository(tempfile::TempDir);

    impl Repository {
        fn new(content: &str) -> Self {
            let repository = Self(tempfile::tempdir().unwrap());
            repository.git(&["init", "-q"]);
            repository.commit(content);
            repository
        }

        fn path(&self) -> &Path {
            self.0.path()
        }

        fn git(&self, args: &[&str]) -> String {
            let identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgSign=false"];
            let output = feed(git(self.path()).args(identity).args(args), b"").unwrap();
            assert!(output.status.success(), "{args:?}: {}", message_of(&output));
            String::from_utf8(output.stdout).unwrap()
        }

        fn write(&self, content: &str) {
            fs::write(self.path().join("a.txt"), content).unwrap();
        }

        fn commit(&self, content: &str) {
            self.write(content);
            self.git(&["add", "-A"]);
            self.git(&["commit", "-qm", "x"]);
        }

        fn read(&self) -> String {
            fs::read_to_string(self.path().join("a.txt")).unwrap()
        }

        fn status(&self) -> String {
            self.git(&["status", "--porcelain=v1"])
        }

        fn check(&self, diff: &str, expected: &ApplyOutcome, content: &str) {
            assert_eq!(&run(self.path(), diff.as_bytes()), expected, "{diff}");
            assert_eq!(self.read(), content, "{diff}");
        }

        fn check_rejected(&self, diff: &str, word: &str) {
            let before = (self.read(), self.status());
            let ApplyOutcome::Rejected(message) = run(self.path(), diff.as_bytes()) else {
                panic!("not rejected: {diff}")
            };
            assert!(message.contains(word), "{message}");
            assert_eq!((self.read(), self.status()), before, "{diff}");
        }
    }

    fn applied() -> ApplyOutcome {
        ApplyOutcome::Applied(vec!["a.txt".into()])
    }

    const CHANGED: &str = "one\nTWO\nthree\nfour\nfive\n";

    #[test]
    fn a_plain_diff_is_applied_and_repeating_it_is_harmless() {
        let repository = Repository::new(LINES);
        repository.check(DIFF, &applied(), CHANGED);
        repository.check(DIFF, &ApplyOutcome::AlreadyApplied, CHANGED);
        repository.commit(CHANGED);
        repository.check(DIFF, &ApplyOutcome::AlreadyApplied, CHANGED);
    }

    #[test]
    fn a_diff_without_a_final_newline_is_applied() {
        Repository::new(LINES).check(DIFF.trim_end(), &applied(), CHANGED);
    }

    #[test]
    fn a_diff_that_knows_its_blobs_is_merged_three_way() {
        let repository = Repository::new(LINES);
        repository.write(CHANGED);
        let diff = repository.git(&["diff"]);
        repository.commit("zero\none\ntwo\n3\nfour\nfive\n");
        repository.check_rejected(&diff, "patch does not apply");
        repository.commit("zero\none\ntwo\nthree\nfour\n5\n");
        repository.check(&diff, &applied(), "zero\none\nTWO\nthree\nfour\n5\n");
        repository.check(&diff, &ApplyOutcome::AlreadyApplied, "zero\none\nTWO\nthree\nfour\n5\n");
    }

    #[test]
    fn wrong_hunk_counts_are_forgiven_and_repeating_is_harmless() {
        for counts in ["@@ -1,9 +1,2 @@", "@@ -1 +1 @@"] {
            let repository = Repository::new(LINES);
            let diff = DIFF.replace("@@ -1,3 +1,3 @@", counts);
            repository.check(&format!("{diff}\n\n"), &applied(), CHANGED);
            repository.check(&diff, &ApplyOutcome::AlreadyApplied, CHANGED);
        }
    }

    #[test]
    fn wrong_hunk_counts_are_forgiven_in_every_file() {
        let repository = Repository::new(LINES);
        let first = DIFF.replace("@@ -1,3 +1,3 @@", "@@ -1,4 +1,4 @@");
        let second = "--- /dev/null\n+++ b/b.txt\n@@ -0,0 +1,7 @@\n+x\n";
        let outcome = ApplyOutcome::Applied(vec!["a.txt".into(), "b.txt".into()]);
        repository.check(&format!("{first}\n{second}"), &outcome, CHANGED);
        repository.check(&format!("{first}\n{second}"), &ApplyOutcome::AlreadyApplied, CHANGED);
    }

    #[test]
    fn a_conflict_leaves_everything_as_it_was() {
        let repository = Repository::new(LINES);
        repository.write(CHANGED);
        let diff = repository.git(&["diff"]);
        repository.commit("one\n2\nthree\nfour\nfive\n");
        repository.check_rejected(&diff, "a.txt");
        assert_eq!(repository.status(), "");
        assert!(!repository.path().join(".git").join(TRIAL_INDEX).exists());
    }

    #[test]
    fn one_bad_file_keeps_the_good_ones_from_being_changed() {
        let repository = Repository::new(LINES);
        let bad = DIFF.replace("a.txt", "b.txt");
        repository.check_rejected(&format!("{DIFF}{bad}"), "b.txt");
    }

    #[test]
    fn uncommitted_work_stays() {
        let repository = Repository::new(LINES);
        repository.write("one\ntwo\nthree\nfour\n5\n");
        repository.check(DIFF, &applied(), "one\nTWO\nthree\nfour\n5\n");
        repository.write("one\n2\nthree\nfour\nfive\n");
        repository.check_rejected(DIFF, "a.txt");
    }

    #[test]
    fn files_are_created_renamed_and_removed() {
        let repository = Repository::new(LINES);
        let create = "diff --git a/d/n\u{e9}w.txt b/d/n\u{e9}w.txt\nnew file mode 100644\n--- /dev/null\n+++ b/d/n\u{e9}w.txt\n@@ -0,0 +1 @@\n+x\n";
        let rename = "diff --git a/a.txt b/b.txt\nsimilarity index 100%\nrename from a.txt\nrename to b.txt\n";
        let outcome = run(repository.path(), format!("{create}{rename}").as_bytes());
        assert_eq!(outcome, ApplyOutcome::Applied(vec!["d/n\u{e9}w.txt".into(), "b.txt".into()]));
        assert!(repository.path().join("d/n\u{e9}w.txt").exists() && repository.path().join("b.txt").exists());
        assert!(!repository.path().join("a.txt").exists());
    }

    #[test]
    fn paths_that_escape_are_refused() {
        let repository = Repository::new(LINES);
        for path in ["../outside.txt", ".git/hooks/post-commit"] {
            let diff = format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n");
            repository.check_rejected(&diff, path);
        }
    }

    #[test]
    fn what_is_no_diff_is_rejected() {
        let repository = Repository::new(LINES);
        for text in ["", "hello\n", "--- a/a.txt\n+++ b/a.txt\n"] {
            repository.check_rejected(text, "patch");
        }
    }

    #[test]
    fn a_first_file_can_be_added_to_an_empty_repository() {
        let directory = tempfile::tempdir().unwrap();
        feed(git(directory.path()).args(["init", "-q"]), b"").unwrap();
        let outcome = run(directory.path(), b"--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1 @@\n+x\n");
        assert_eq!(outcome, applied());
    }

    #[test]
    fn a_directory_that_is_no_repository_is_named_as_such() {
        let directory = tempfile::tempdir().unwrap();
        let ApplyOutcome::Rejected(message) = run(directory.path(), DIFF.as_bytes()) else { panic!("applied") };
        assert!(message.contains("not a git repository"), "{message}");
    }
}
