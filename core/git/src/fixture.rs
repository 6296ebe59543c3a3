//! Repositories for the tests of this crate, in a separate home directory and without the machine's
//! configuration.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Once;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::commit_id::CommitId;
use crate::mirror::Mirror;
use crate::program::Git;

/// Returns the machine's git. Before anything else, libgit2 is told to ignore the machine's
/// configuration.
pub(crate) fn git() -> Git {
    static HERMETIC: Once = Once::new();
    HERMETIC.call_once(|| {
        for level in [
            git2::ConfigLevel::System,
            git2::ConfigLevel::Global,
            git2::ConfigLevel::XDG,
        ] {
            #[expect(
                unsafe_code,
                reason = "sets a global of libgit2 once, before any test opens a repository"
            )]
            // SAFETY: `Once` makes every other caller wait, and all tests of this crate start here.
            unsafe { git2::opts::set_search_path(level, "/nowhere") }.unwrap();
        }
    });
    let path = std::env::var_os("PATH").unwrap();
    Git::find(&path).unwrap()
}

/// A file stored in Git LFS.
pub(crate) struct LargeFile {
    /// The committed pointer.
    pub(crate) pointer: String,
    /// Path of its object in a git directory.
    pub(crate) object: PathBuf,
    content: String,
}

impl LargeFile {
    pub(crate) fn new(content: &str) -> LargeFile {
        let digest = Sha256::digest(content);
        let oid = hex::encode(digest);
        LargeFile {
            pointer: format!(
                "version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {}\n",
                content.len()
            ),
            object: Path::new("lfs/objects")
                .join(&oid[..2])
                .join(&oid[2..4])
                .join(&oid),
            content: content.to_owned(),
        }
    }

    /// Writes the object where Git LFS would.
    pub(crate) fn put(&self, git_dir: &Path) {
        write(&git_dir.join(&self.object), &self.content);
    }

    /// Returns whether the complete object is there.
    pub(crate) fn is_in(&self, git_dir: &Path) -> bool {
        std::fs::read_to_string(git_dir.join(&self.object)).is_ok_and(|found| found == self.content)
    }
}

/// Returns a git that finds the test's `git-lfs` before the machine's.
pub(crate) fn git_with_lfs(home: &Home, program: &str) -> Git {
    let bin = home.path().join("bin");
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path)
        .map(|dir| dir.join("git"))
        .find(|git| git.is_file())
        .unwrap();
    let wrapper = format!(
        "#!/bin/sh\nPATH={}:$PATH exec {} \"$@\"\n",
        bin.display(),
        real.display()
    );
    for (name, text) in [("git", wrapper.as_str()), ("git-lfs", program)] {
        write(&bin.join(name), text);
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(bin.join(name), executable).unwrap();
    }
    Git::find(bin.as_os_str()).unwrap()
}

/// A temporary home directory that contains the repositories.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Home {
        git();
        Home {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let home = self.path().to_str().unwrap();
        let pairs = [
            ("HOME", home),
            ("XDG_CONFIG_HOME", home),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.com"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.com"),
        ];
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    /// Runs git in a directory of this home and returns its output.
    pub(crate) fn git(&self, dir: impl AsRef<Path>, args: &[&str]) -> String {
        let dir = self.path().join(dir);
        let printed = git().run(&dir, args, &self.env(), None).unwrap();
        String::from_utf8_lossy(&printed).trim().to_owned()
    }

    /// Creates a repository `name` with `main` checked out and the files committed.
    pub(crate) fn repository(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let dir = self.path().join(name);
        std::fs::create_dir_all(&dir).unwrap();
        self.git(&dir, &["init", "-q", "-b", "main"]);
        self.commit(&dir, files);
        dir
    }

    /// Writes the files, commits everything and returns the commit.
    pub(crate) fn commit(&self, dir: &Path, files: &[(&str, &str)]) -> CommitId {
        for (path, text) in files {
            write(&dir.join(path), text);
        }
        self.git(dir, &["add", "-A"]);
        self.git(dir, &["commit", "-q", "--allow-empty", "-m", "work"]);
        CommitId::parse(&self.git(dir, &["rev-parse", "HEAD"])).unwrap()
    }

    pub(crate) fn mirror(&self) -> Mirror {
        Mirror::open(&self.path().join("state/mirror.git"), git()).unwrap()
    }

    pub(crate) fn fetch(&self, mirror: &Mirror, repository: &Path) -> CommitId {
        mirror
            .fetch(repository.to_str().unwrap(), "main", &self.env())
            .unwrap()
    }
}

/// Writes a file, creating its directories.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
