//! Applies a diff in the current worktree with the user's git: what
//! `autoissue internal apply-patch` does.
//!
//! This is the program of the `patch` agent backend. It runs *as the agent*: in the attempt's
//! private clone, with the agent's environment, under the supervisor. The engine never calls it,
//! and trusts it no more than any other agent. It is blocking.
//!
//! A rejected diff leaves every file and the index unchanged. A three-way merge alone would not,
//! because it leaves conflict markers. So it is tried on a copy of the index first; git guarantees
//! that all other ways to apply are atomic. A diff that was made from exactly the files that are
//! here needs no merge, and takes one run of git.
//!
//! ```text
//!   made from the files that are here? ──yes──► applies to files and index? ──yes──► applied
//!          │ no, or unknown                            │ no
//!          ▼                                           ▼
//!   three-way merge on a copy of the index ──clean──► changes anything? ──no───► already applied
//!          │ conflict, damaged diff                          └──yes──► the same for real ──► applied
//!          ▼
//!   applies in reverse? ──yes──► already applied
//!          │ no
//!          ▼
//!   applies to the files alone, or with recounted hunks? ──yes──► applied    (diffs written by hand have wrong counts)
//!          │ no
//!          ▼
//!   rejected, with git's message
//! ```

use std::{
    borrow::Cow,
    ffi::OsStr,
    fs,
    io::{self, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use git2::{Index, Oid};

pub use crate::built_in::ApplyOutcome;

/// Longest part of git's message that is passed on, in characters: enough for the first few files.
const MESSAGE_CHARS_MAX: usize = 2_000;

/// An abbreviated id with fewer digits than git ever prints is not used.
const ID_DIGITS_MIN: usize = 4;

/// Name of the copy of the index. It is in the git directory, where a split index finds its shared
/// part.
const TRIAL_INDEX: &str = "autoissue-apply-patch.index";

/// Applies `diff` in `directory`, the root of a git worktree. Repeating it is harmless: the second
/// time, the diff is already applied.
pub fn run(directory: &Path, diff: &[u8]) -> ApplyOutcome {
    // git would search the parent directories, and might find an unrelated repository.
    if !directory.join(".git").exists() {
        return ApplyOutcome::Rejected(format!(
            "`{}` is not a git repository",
            directory.display()
        ));
    }
    let patch = Patch {
        directory,
        diff: with_final_newline(diff),
    };
    patch
        .apply()
        .unwrap_or_else(|error| ApplyOutcome::Rejected(format!("failed to run `git`: {error}")))
}

/// Adds a final newline, without which git considers the diff damaged.
fn with_final_newline(diff: &[u8]) -> Cow<'_, [u8]> {
    if diff.ends_with(b"\n") {
        return Cow::Borrowed(diff);
    }
    Cow::Owned([diff, b"\n"].concat())
}

/// Returns `diff` with a `diff` line between its files, and without blank lines after their last
/// hunks: when git counts lines itself, it would take a file's header or a blank line for a part of
/// the previous hunk.
fn with_files_apart(diff: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = diff.trim_ascii_end().split(|byte| *byte == b'\n').collect();
    let mut apart: Vec<&[u8]> = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        let is_header = line.starts_with(b"--- ") && next.starts_with(b"+++ ");
        if is_header || line.starts_with(b"diff ") {
            let n_kept = apart
                .iter()
                .rposition(|kept| !kept.trim_ascii().is_empty())
                .map_or(0, |last| last + 1);
            apart.truncate(n_kept);
        }
        let follows_hunk = apart
            .last()
            .is_some_and(|last| last.starts_with(b" ") || is_hunk_change(last));
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
        let index = IndexFile::of(self.directory);
        if self.needs_no_merge(&index)
            && let Some(applied) = self.try_to_apply(&["--index"], &self.diff)?
        {
            return Ok(applied);
        }
        if let Some(changes) = self.try_three_way(&index)? {
            if !changes {
                return Ok(ApplyOutcome::AlreadyApplied);
            }
            if let Some(applied) = self.try_to_apply(&["--3way"], &self.diff)? {
                return Ok(applied);
            }
        }
        if self.is_applied(&[], &self.diff)? {
            return Ok(ApplyOutcome::AlreadyApplied);
        }
        let plain = self.git_apply(&[], &self.diff)?;
        if plain.status.success() {
            return Ok(applied(&plain));
        }
        Ok(self
            .apply_recounted()?
            .unwrap_or_else(|| ApplyOutcome::Rejected(message_of(&plain))))
    }

    /// Returns whether each file that the diff changes is as the diff expects, or the diff does not
    /// say: then a merge would have the same result. Anything unusual in the diff or the index is
    /// left to the merge.
    fn needs_no_merge(&self, index: &IndexFile) -> bool {
        let origins = origins(&self.diff);
        origins.is_empty()
            || index
                .read()
                .is_some_and(|index| origins.iter().all(|origin| origin.is_in(&index)))
    }

    /// Returns whether a three-way merge would change anything; `None` if it fails. Changes nothing
    /// itself.
    fn try_three_way(&self, index: &IndexFile) -> io::Result<Option<bool>> {
        let trial = index.trial_copy()?;
        let mut git = git(self.directory);
        git.env("GIT_INDEX_FILE", &trial.path).args([
            "apply",
            "--cached",
            "--3way",
            "--whitespace=nowarn",
            "-",
        ]);
        if !feed(&mut git, &self.diff)?.status.success() {
            return Ok(None);
        }
        // An index that cannot be read cannot be compared; the real merge then shows what it
        // changes.
        let (Some(before), Some(after)) = (index.read(), trial.read()) else {
            return Ok(Some(true));
        };
        Ok(Some(contents(&before) != contents(&after)))
    }

    /// Applies the diff with git counting its lines; `None` if that does not help either.
    fn apply_recounted(&self) -> io::Result<Option<ApplyOutcome>> {
        let separated = with_files_apart(&self.diff);
        for diff in [&*self.diff, &separated] {
            if let Some(applied) = self.try_to_apply(&["--recount"], diff)? {
                return Ok(Some(applied));
            }
            if self.is_applied(&["--recount"], diff)? {
                return Ok(Some(ApplyOutcome::AlreadyApplied));
            }
        }
        Ok(None)
    }

    fn try_to_apply(&self, options: &[&str], diff: &[u8]) -> io::Result<Option<ApplyOutcome>> {
        let run = self.git_apply(options, diff)?;
        Ok(run.status.success().then(|| applied(&run)))
    }

    fn is_applied(&self, options: &[&str], diff: &[u8]) -> io::Result<bool> {
        let mut git = git(self.directory);
        git.arg("apply")
            .args(options)
            .args(["--check", "--reverse", "--whitespace=nowarn", "-"]);
        Ok(feed(&mut git, diff)?.status.success())
    }

    /// Applies the diff, and lets git list the paths.
    fn git_apply(&self, options: &[&str], diff: &[u8]) -> io::Result<Output> {
        let mut git = git(self.directory);
        git.arg("apply").args(options).args([
            "--apply",
            "--numstat",
            "-z",
            "--whitespace=nowarn",
            "-",
        ]);
        feed(&mut git, diff)
    }
}

/// Returns the outcome of an applied diff, with the paths that git listed.
fn applied(run: &Output) -> ApplyOutcome {
    // Each record is `added TAB removed TAB path`.
    let records = run
        .stdout
        .split(|byte| *byte == 0)
        .filter(|record| !record.is_empty());
    let paths = records.map(|record| {
        record
            .splitn(3, |byte| *byte == b'\t')
            .last()
            .unwrap_or_default()
    });
    ApplyOutcome::Applied(
        paths
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect(),
    )
}

/// A file as the diff describes it: the line `index 3367afd..3bd1f0e 100644`, and the path in the
/// next line.
struct Origin<'a> {
    id: &'a [u8],
    path: Option<&'a [u8]>,
}

/// Returns the files that the diff was made from, if it names their contents.
fn origins(diff: &[u8]) -> Vec<Origin<'_>> {
    let lines: Vec<&[u8]> = diff.split(|byte| *byte == b'\n').collect();
    lines
        .windows(2)
        .filter_map(|pair| {
            let ids = pair[0].strip_prefix(b"index ")?;
            let id = ids.split(|byte| *byte == b'.').next()?;
            Some(Origin {
                id,
                path: pair[1].strip_prefix(b"--- "),
            })
        })
        .collect()
}

impl Origin<'_> {
    fn is_in(&self, index: &Index) -> bool {
        if self.id.len() < ID_DIGITS_MIN {
            return false;
        }
        // A file that does not exist yet has an id of zeros; git refuses to create one that exists.
        if self.id.iter().all(|digit| *digit == b'0') {
            return true;
        }
        let slash = |path: &&[u8]| path.iter().position(|byte| *byte == b'/');
        let path = self.path.and_then(|path| Some(&path[slash(&path)? + 1..]));
        let entry = path.and_then(|path| index.get_path(Path::new(OsStr::from_bytes(path)), 0));
        entry.is_some_and(|entry| entry.id.to_string().as_bytes().starts_with(self.id))
    }
}

/// The index of a private clone, or a copy of it.
struct IndexFile {
    path: PathBuf,
    is_copy: bool,
}

impl IndexFile {
    fn of(directory: &Path) -> Self {
        Self {
            path: directory.join(".git/index"),
            is_copy: false,
        }
    }

    /// Creates a copy next to it, where a split index finds its shared part; dropping it removes
    /// the file.
    fn trial_copy(&self) -> io::Result<Self> {
        // git resolves relative paths from its working directory.
        let path = std::path::absolute(self.path.with_file_name(TRIAL_INDEX))?;
        let trial = Self {
            path,
            is_copy: true,
        };
        match fs::copy(&self.path, &trial.path) {
            // A repository without commits has no index, and a linked worktree has it elsewhere;
            // then there is no copy either.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            copied => _ = copied?,
        }
        Ok(trial)
    }

    fn read(&self) -> Option<Index> {
        Index::open(&self.path).ok()
    }
}

impl Drop for IndexFile {
    fn drop(&mut self) {
        if self.is_copy {
            // A copy that stays behind does no harm: nothing reads it, and the clone is removed
            // with the attempt.
            _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns the files' contents in an index.
fn contents(index: &Index) -> Vec<(Vec<u8>, u32, Oid)> {
    index
        .iter()
        .map(|entry| (entry.path, entry.mode, entry.id))
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this runs as the agent, in the agent's directory and environment"
)]
fn git(directory: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(directory);
    git
}

/// Runs `command` with `input` on its standard input.
fn feed(command: &mut Command, input: &[u8]) -> io::Result<Output> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut stdin| stdin.write_all(input));
    let output = child.wait_with_output()?;
    match written {
        // git may refuse before it has read everything; its message is more useful than the broken
        // pipe.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(output),
    }
}

/// Returns git's message on one line.
fn message_of(output: &Output) -> String {
    let message = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
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
            let identity = [
                "-c",
                "user.name=test",
                "-c",
                "user.email=test@example.org",
                "-c",
                "commit.gpgSign=false",
            ];
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
        repository.check(
            &diff,
            &ApplyOutcome::AlreadyApplied,
            "zero\none\nTWO\nthree\nfour\n5\n",
        );
    }

    #[test]
    fn a_diff_that_was_applied_is_not_applied_again_elsewhere() {
        let block = "begin\nx\nend\n";
        let repository = Repository::new(&block.repeat(3));
        let changed = format!("begin\nx\ny\nend\n{}", block.repeat(2));
        repository.write(&changed);
        let diff = repository.git(&["diff", "--unified=1"]);
        repository.write(&block.repeat(3));
        repository.check(&diff, &applied(), &changed);
        repository.check(&diff, &ApplyOutcome::AlreadyApplied, &changed);
    }

    #[test]
    fn only_a_diff_of_other_contents_needs_a_merge() {
        let repository = Repository::new(LINES);
        repository.write(CHANGED);
        let diff = repository.git(&["diff"]);
        repository.git(&["checkout", "a.txt"]);
        let needs_no_merge = |diff: &str| {
            let patch = Patch {
                directory: repository.path(),
                diff: diff.as_bytes().into(),
            };
            patch.needs_no_merge(&IndexFile::of(repository.path()))
        };
        assert!(needs_no_merge(&diff) && needs_no_merge(DIFF));
        assert!(!needs_no_merge(&diff.replace("--- a/a.txt", "--- a/b.txt")));
        assert!(!needs_no_merge(
            &diff.replace("--- a/a.txt", "GIT binary patch")
        ));
        repository.commit("zero\none\ntwo\nthree\nfour\nfive\n");
        assert!(!needs_no_merge(&diff));
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
        repository.check(
            &format!("{first}\n{second}"),
            &ApplyOutcome::AlreadyApplied,
            CHANGED,
        );
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
        assert_eq!(
            outcome,
            ApplyOutcome::Applied(vec!["d/n\u{e9}w.txt".into(), "b.txt".into()])
        );
        assert!(
            repository.path().join("d/n\u{e9}w.txt").exists()
                && repository.path().join("b.txt").exists()
        );
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
    fn a_text_that_is_not_a_diff_is_rejected() {
        let repository = Repository::new(LINES);
        for text in ["", "hello\n", "--- a/a.txt\n+++ b/a.txt\n"] {
            repository.check_rejected(text, "patch");
        }
    }

    #[test]
    fn a_first_file_can_be_added_to_an_empty_repository() {
        let directory = tempfile::tempdir().unwrap();
        feed(git(directory.path()).args(["init", "-q"]), b"").unwrap();
        let outcome = run(
            directory.path(),
            b"--- /dev/null\n+++ b/a.txt\n@@ -0,0 +1 @@\n+x\n",
        );
        assert_eq!(outcome, applied());
    }

    #[test]
    fn a_directory_that_is_not_a_repository_is_reported() {
        let directory = tempfile::tempdir().unwrap();
        let ApplyOutcome::Rejected(message) = run(directory.path(), DIFF.as_bytes()) else {
            panic!("applied")
        };
        assert!(message.contains("not a git repository"), "{message}");
    }
}
