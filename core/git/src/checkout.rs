//! Reads the user's checkout: whether it is a repository, which branch work starts from, and who
//! commits.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use git2::{BranchType, ErrorCode, Index, ObjectType, Repository};

use crate::commit_id::CommitId;
use crate::lfs::{self, POINTER_BYTES_MAX, Pointer};
use crate::library_error::LibraryError;
use crate::mirror::repository_containing;
use crate::program::Git;
use crate::worktrees::Identity;

/// Branch that work starts from if none is configured.
const MAIN: &str = "main";

/// Variables that name the author of commits.
const AUTHOR_VARIABLES: [&str; 2] = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"];

/// The user's checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    path: PathBuf,
}

/// How a repository uses Git LFS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LargeFiles {
    /// Its attributes name Git LFS, but no file is stored there yet.
    Declared,
    /// Files are stored in Git LFS.
    Kept,
}

/// Why a checkout cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// The directory is not a git repository.
    #[error("`{}` is not a git repository", path.display())]
    NotARepository {
        /// The directory.
        path: PathBuf,
    },
    /// The repository has no working directory.
    #[error("`{}` is a bare git repository", path.display())]
    Bare {
        /// The directory.
        path: PathBuf,
    },
    /// Its path is not UTF-8, which neither the journal nor an agent's order can store.
    #[error("the path `{}` is not UTF-8", path.display())]
    NotText {
        /// The directory.
        path: PathBuf,
    },
    /// There is no commit to start from.
    #[error("`{}` has no commits yet", path.display())]
    NoCommit {
        /// The directory.
        path: PathBuf,
    },
    /// The base branch does not exist.
    #[error("branch `{branch}` does not exist in `{}`", path.display())]
    NoBranch {
        /// The branch.
        branch: String,
        /// The directory.
        path: PathBuf,
    },
    /// No branch is checked out, and none is configured.
    #[error("`{}` has no branch `main` and no branch checked out", path.display())]
    Detached {
        /// The directory.
        path: PathBuf,
    },
    /// The repository cannot be read.
    #[error("failed to read the repository `{}`", path.display())]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// The error of the git library.
        #[source]
        source: LibraryError,
    },
    /// The repository belongs to another user, whose hooks and settings git would run.
    #[error("`{}` belongs to another user, and git refuses such a repository", path.display())]
    OtherOwner {
        /// The directory.
        path: PathBuf,
    },
}

impl CheckoutError {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotARepository { .. } => "change into a checkout, or set `project.path`",
            Self::Bare { .. } => "use a clone that has a working directory",
            Self::NotText { .. } => "rename the directory, or clone into another one",
            Self::NoCommit { .. } => "create a first commit",
            Self::NoBranch { .. } | Self::Detached { .. } => {
                "set `project.baseBranch` to an existing branch"
            }
            Self::OtherOwner { path } => {
                return Some(format!(
                    "run `git config --global --add safe.directory {}` if you trust it",
                    path.display()
                ));
            }
            Self::Unreadable { .. } => return None,
        };
        Some(hint.to_owned())
    }

    /// Creates the error for a repository that the git library did not open or read.
    fn reading(path: &Path, source: git2::Error) -> Self {
        let path = path.to_owned();
        match source.code() {
            ErrorCode::NotFound => Self::NotARepository { path },
            ErrorCode::Owner => Self::OtherOwner { path },
            _ => Self::Unreadable {
                path,
                source: source.into(),
            },
        }
    }
}

impl Checkout {
    /// Opens the checkout that contains a directory.
    ///
    /// # Errors
    /// The directory is not in a repository with a working directory.
    pub fn open(directory: &Path) -> Result<Self, CheckoutError> {
        let path = directory.to_owned();
        let repository = repository_containing(directory)
            .map_err(|source| CheckoutError::reading(directory, source))?;
        let root = repository.workdir().ok_or(CheckoutError::Bare { path })?;
        let path = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        if path.to_str().is_none() {
            return Err(CheckoutError::NotText { path });
        }
        Ok(Self { path })
    }

    /// Returns its root directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name of its directory.
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap_or(self.path.as_os_str())
            .to_string_lossy()
            .into_owned()
    }

    /// Returns the branch that work starts from: the configured one, or else `main`, or else the
    /// one that is checked out.
    ///
    /// # Errors
    /// The branch does not exist, or there is no commit at all.
    pub fn base_branch(&self, configured: Option<&str>) -> Result<String, CheckoutError> {
        let repository = self.repository()?;
        let exists = |name: &str| {
            repository
                .refname_to_id(&format!("refs/heads/{name}"))
                .is_ok()
        };
        let path = || self.path.clone();
        match configured {
            Some(name) if exists(name) => Ok(name.to_owned()),
            _ if repository.is_empty().unwrap_or(false) => {
                Err(CheckoutError::NoCommit { path: path() })
            }
            Some(name) => Err(CheckoutError::NoBranch {
                branch: name.to_owned(),
                path: path(),
            }),
            None if exists(MAIN) => Ok(MAIN.to_owned()),
            None => match repository.head() {
                Ok(head) if head.is_branch() => {
                    let name = head.shorthand().map(str::to_owned);
                    name.map_err(|source| CheckoutError::reading(&self.path, source))
                }
                Ok(_) => Err(CheckoutError::Detached { path: path() }),
                Err(error) if error.code() == ErrorCode::UnbornBranch => {
                    Err(CheckoutError::NoCommit { path: path() })
                }
                Err(source) => Err(CheckoutError::reading(&self.path, source)),
            },
        }
    }

    /// Returns the identity for our commits: the author of a commit that the user would make here;
    /// missing parts are replaced by our own identity.
    pub fn identity(&self, git: &Git, environment: &[(OsString, OsString)]) -> Identity {
        self.author(git, environment).unwrap_or_else(|| {
            let (name, email) = self.configured_user();
            Identity {
                name: name.unwrap_or_else(|| "autoissue".to_owned()),
                email: email.unwrap_or_else(|| "autoissue@localhost".to_owned()),
            }
        })
    }

    /// Returns the author that git would use for a commit of the user here: from the environment
    /// (`GIT_AUTHOR_NAME`), or else from its configuration. What git would guess from the machine's
    /// name is ignored.
    pub fn author(&self, git: &Git, environment: &[(OsString, OsString)]) -> Option<Identity> {
        let named: Vec<&(OsString, OsString)> = environment
            .iter()
            .filter(|(name, _)| AUTHOR_VARIABLES.iter().any(|known| name == known))
            .collect();
        let named: Vec<(&OsString, &OsString)> = named
            .into_iter()
            .map(|(name, value)| (name, value))
            .collect();
        let question = ["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"];
        let printed = git.run(&self.path, &question, &named, None).ok()?;
        identity_in(&String::from_utf8_lossy(&printed))
    }

    /// Returns the user's name and email address, as far as they are configured.
    pub fn configured_user(&self) -> (Option<String>, Option<String>) {
        let config = self
            .repository()
            .ok()
            .and_then(|repository| repository.config().ok());
        let value = |key| {
            config
                .as_ref()
                .and_then(|config| config.get_string(key).ok())
                .filter(|text| !text.is_empty())
        };
        (value("user.name"), value("user.email"))
    }

    /// Returns whether a local branch with this name exists.
    pub fn has_branch(&self, name: &str) -> bool {
        self.repository()
            .is_ok_and(|repository| repository.find_branch(name, BranchType::Local).is_ok())
    }

    /// Returns the commit that is checked out, if there is one.
    pub fn head(&self) -> Option<CommitId> {
        Some(self.repository().ok()?.head().ok()?.target()?.into())
    }

    /// Returns those of these paths that the commit that is checked out contains.
    pub fn contained<'a>(&self, paths: &'a [String]) -> Vec<&'a str> {
        let Ok(repository) = self.repository() else {
            return Vec::new();
        };
        let Ok(tree) = repository.head().and_then(|head| head.peel_to_tree()) else {
            return Vec::new();
        };
        paths
            .iter()
            .map(String::as_str)
            .filter(|path| tree.get_path(Path::new(path)).is_ok())
            .collect()
    }

    /// Returns how the commit that is checked out uses Git LFS; `None` if it does not.
    pub fn large_files(&self) -> Option<LargeFiles> {
        let repository = self.repository().ok()?;
        let tree = repository.head().ok()?.peel_to_tree().ok()?;
        let objects = repository.odb().ok()?;
        let mut index = Index::new().ok()?;
        index.read_tree(&tree).ok()?;
        let is_attributes =
            |path: &[u8]| path.rsplit(|byte| *byte == b'/').next() == Some(b".gitattributes");
        let is_declared = index.iter().any(|entry| {
            is_attributes(&entry.path)
                && objects
                    .read(entry.id)
                    .is_ok_and(|attributes| lfs::is_named_in(attributes.data()))
        });
        if !is_declared {
            return None;
        }
        // Sizes are read first, because headers are cheap to read and pointers are always small.
        let is_small = |id| {
            objects.read_header(id).is_ok_and(|(n_bytes, kind)| {
                kind == ObjectType::Blob && n_bytes <= POINTER_BYTES_MAX
            })
        };
        let is_pointer = |id| {
            objects
                .read(id)
                .is_ok_and(|text| Pointer::parse(text.data()).is_some())
        };
        let is_kept = index
            .iter()
            .any(|entry| is_small(entry.id) && is_pointer(entry.id));
        Some(if is_kept {
            LargeFiles::Kept
        } else {
            LargeFiles::Declared
        })
    }

    /// Returns the git directory with the branches, even if the checkout is a linked worktree of
    /// another one.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub fn git_dir(&self) -> Result<PathBuf, CheckoutError> {
        Ok(self.repository()?.commondir().to_owned())
    }

    fn repository(&self) -> Result<Repository, CheckoutError> {
        Repository::open(&self.path).map_err(|source| CheckoutError::reading(&self.path, source))
    }
}

/// Parses `Ada <ada@example.org> 1764453600 +0000`.
fn identity_in(line: &str) -> Option<Identity> {
    let (name, rest) = line.trim().rsplit_once(" <")?;
    let (email, _) = rest.rsplit_once("> ")?;
    (!name.is_empty() && !email.is_empty()).then(|| Identity {
        name: name.to_owned(),
        email: email.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Home, LargeFile, write};

    #[test]
    fn the_author_is_the_one_that_git_reports() {
        let who = |line: &str| identity_in(line).map(|it| format!("{}|{}", it.name, it.email));
        assert_eq!(
            who("Ada <L> King <ada@example.org> 1764453600 +0000\n").as_deref(),
            Some("Ada <L> King|ada@example.org"),
            "a name may contain anything"
        );
        assert_eq!(who("<ada@example.org> 1 +0000"), None);
        assert_eq!(who("Ada <> 1 +0000"), None);
        assert_eq!(who(""), None);
    }

    #[test]
    fn a_repository_of_another_user_can_be_declared_safe() {
        let refused = git2::Error::new(ErrorCode::Owner, git2::ErrorClass::Config, "not owned");
        let error = CheckoutError::reading(Path::new("/p"), refused);
        assert_eq!(
            [Some(error.to_string()), error.hint()].map(Option::unwrap),
            [
                "`/p` belongs to another user, and git refuses such a repository",
                "run `git config --global --add safe.directory /p` if you trust it",
            ]
        );
    }

    #[test]
    fn large_files_are_declared_by_attributes_and_kept_as_pointers() {
        let attributes = "*.png filter=lfs diff=lfs merge=lfs -text\n";
        let home = Home::new();
        let user = home.repository(
            "user",
            &[
                (".gitattributes", "*.txt text\n"),
                ("a.png", &LargeFile::new("a").pointer),
            ],
        );
        let seen = || Checkout::open(&user).unwrap().large_files();
        assert_eq!(seen(), None);
        home.commit(&user, &[(".gitattributes", attributes), ("a.png", "raw")]);
        assert_eq!(seen(), Some(LargeFiles::Declared));
        home.commit(&user, &[("img/a.png", &LargeFile::new("a").pointer)]);
        assert_eq!(seen(), Some(LargeFiles::Kept));
    }

    #[test]
    fn a_checkout_whose_git_directory_lies_in_another_repository_is_itself() {
        let home = Home::new();
        let outer = home.repository("outer", &[("a", "1")]);
        std::fs::create_dir(home.path().join("inner")).unwrap();
        home.git(
            "inner",
            &[
                "init",
                "-q",
                "-b",
                "main",
                "--separate-git-dir=../outer/store.git",
            ],
        );
        let inner = home.path().join("inner").canonicalize().unwrap();
        home.commit(&inner, &[("b", "1")]);
        write(&inner.join("below/x"), "1");
        for place in [inner.clone(), inner.join("below")] {
            assert_eq!(Checkout::open(&place).unwrap().path(), inner);
        }
        let work = home.mirror();
        let commit = home.fetch(&work, &inner);
        work.copy_into(&commit, &inner, "autoissue/issue-1")
            .unwrap();
        assert_eq!(
            home.git(&inner, &["rev-parse", "autoissue/issue-1"]),
            commit.as_str()
        );
        assert_eq!(home.git(&outer, &["branch", "--list", "autoissue/*"]), "");
    }
}
