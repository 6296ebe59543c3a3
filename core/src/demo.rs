//! The sample project of `autoissue demo`: the logbook of a lighthouse, with a backlog in the local
//! forge.
//!
//! It is small but real: it runs and tests itself with `sh` and `awk` alone, so it works on any
//! machine without a network. Each issue shows one thing that a session has to get right:
//!
//! | issue | shows |
//! | --- | --- |
//! | #1, #4 | domains side by side: backend, frontend |
//! | #2, #3 | a dependency: the diff of #3 applies on top of #2 only |
//! | #5, #6 | two domains that name one file and so do not run together; both merge cleanly |
//! | #7 | a failed check, and no pull request |
//! | #8 | nothing to change, which is not a success |
//! | #9 | a title and a comment that attack their readers; its diff is fine |
//! | #10 | no domain: it runs alone |
//! | #11 | a priority label: the newest issue runs first |
//! | #12, #13 | closed, and without the label: not touched |
//!
//! The diffs are data of `demo/issues/`; a test applies each with git and runs the project's tests.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use autoissue_forge::local::{self, LocalError};
use autoissue_git::LibraryError;

/// Label of the issues that are ready to be worked on.
pub const LABEL: &str = "autoissue";

/// Branch that the sample's commit is on.
pub const BRANCH: &str = "main";

/// When the sample was committed, in seconds since the Unix epoch: 2026-02-20 12:00 UTC, the same
/// on every machine.
const COMMITTED_AT_S: i64 = 1_771_588_800;

/// A file of the sample.
struct Bundled {
    /// Path in the project.
    path: &'static str,
    text: &'static str,
}

/// Bundles files of `demo/<directory>/` under their paths below `$prefix`.
macro_rules! bundled {
    ($directory:literal, $prefix:literal: $($path:literal)*) => {
        &[$(Bundled {
            path: concat!($prefix, $path),
            text: include_str!(concat!("../demo/", $directory, "/", $path)),
        }),*]
    };
}

const PROJECT: &[Bundled] = bundled!("project", "":
    ".github/workflows/ci.yml"
    ".gitignore"
    "MOTTO"
    "README.md"
    "autoissue.config.json"
    "db/export.awk"
    "db/migrations/0001_init.sql"
    "db/schema.sql"
    "docs/guide.md"
    "infra/Dockerfile"
    "server/api.sh"
    "server/json.awk"
    "tests/api.test.sh"
    "tests/expect.sh"
    "tests/export.test.sh"
    "tests/run.sh"
    "tests/schema.test.sh"
    "tests/web.test.sh"
    "web/entries.js"
    "web/index.html"
    "web/style.css"
);

const ISSUES: &[Bundled] = bundled!("issues", ".autoissue/issues/":
    "0001-get-entries-kind-ship-answers-with-everything.md"
    "0002-remember-who-was-on-watch.md"
    "0003-look-up-a-keeper-s-watches-quickly.md"
    "0004-the-page-is-blinding-at-night.md"
    "0005-typos-in-the-keepers-guide.md"
    "0006-notice-when-the-container-is-down.md"
    "0007-api-show-the-newest-entry-first.md"
    "0008-run-the-tests-on-macos-too.md"
    "0009-a-ship-with-a-quote-in-its-name-sinks-the-archive.md"
    "0010-cheer-up-the-motto.md"
    "0011-nothing-tests-the-json.md"
    "0012-the-horn-answers-to-the-wrong-address.md"
    "0013-print-the-logbook-on-paper.md"
);

/// Why the sample could not be created.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The directory is not empty.
    #[error("`{}` is not empty", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error("failed to write `{}`", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The forge could not be created.
    #[error("failed to create the demo's forge")]
    Forge(#[source] LocalError),
    /// The repository could not be created.
    #[error("failed to create a git repository in `{}`", path.display())]
    Repository {
        /// The directory.
        path: PathBuf,
        /// The error of libgit2.
        #[source]
        source: LibraryError,
    },
}

/// Creates the sample in `target`, committed on [`BRANCH`], with [`write_sample`] and
/// [`create_repository`].
///
/// # Errors
/// See [`DemoError`].
pub fn create(target: &Path) -> Result<(), DemoError> {
    write_sample(target)?;
    create_repository(target)
}

/// Writes the project and its issues into `target`, which must be empty or is created.
///
/// # Errors
/// [`DemoError::NotEmpty`] if it is not empty; nothing is written then.
pub fn write_sample(target: &Path) -> Result<(), DemoError> {
    let failed = |source| DemoError::Write {
        path: target.into(),
        source,
    };
    fs::create_dir_all(target).map_err(failed)?;
    if fs::read_dir(target).map_err(failed)?.next().is_some() {
        return Err(DemoError::NotEmpty {
            path: target.into(),
        });
    }
    local::initialise(target).map_err(DemoError::Forge)?;
    PROJECT.iter().chain(ISSUES).try_for_each(|file| {
        let path = target.join(file.path);
        write(&path, file.text).map_err(|source| DemoError::Write { path, source })
    })
}

/// Creates a git repository from the files of [`write_sample`], with one commit that is the same on
/// every machine. The issues are committed too, because they belong to the project; pull requests
/// will be new files later.
///
/// # Errors
/// [`DemoError::Repository`].
pub fn create_repository(target: &Path) -> Result<(), DemoError> {
    commit_all(target).map_err(|source| DemoError::Repository {
        path: target.into(),
        source: source.into(),
    })
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, text)
}

fn commit_all(target: &Path) -> Result<(), git2::Error> {
    let mut options = git2::RepositoryInitOptions::new();
    // A template would add the user's hooks.
    options
        .initial_head(BRANCH)
        .external_template(false)
        .no_reinit(true);
    let repository = git2::Repository::init_opts(target, &options)?;
    let mut index = repository.index()?;
    // By name, so that no ignore file of the user excludes one.
    for file in PROJECT.iter().chain(ISSUES) {
        index.add_path(Path::new(file.path))?;
    }
    index.add_path(Path::new(local::README))?;
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let time = git2::Time::new(COMMITTED_AT_S, 0);
    let keeper = git2::Signature::new("Ida Holm", "ida@lampbook.example", &time)?;
    repository.commit(
        Some("HEAD"),
        &keeper,
        &keeper,
        "The logbook, before the night\n",
        &tree,
        &[],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests;
