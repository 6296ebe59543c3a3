//! The embedded forge: issues and pull requests as Markdown files in the user's project, for use
//! without GitHub.
//!
//! ```text
//! <project>/.autoissue/
//!   README.md                     explains the format
//!   issues/0012-search-is-slow.md front matter, then the body; written by people and by the planner
//!   pulls/0003-issue-12.md        front matter, then the body; written by autoissue, its `state` changed by people
//! ```
//!
//! People edit these files by hand, so reading is tolerant (see `front_matter`): a malformed file
//! is skipped with a warning that names it, and never hides the others. Files are read at every
//! call, so nothing can become stale. Nothing outside `.autoissue/` is touched, no symbolic link is
//! followed, and a file written by a person is never overwritten; only `publish` rewrites a pull
//! request of ours, and keeps what people added to its front matter.
//!
//! Branches are handled elsewhere: the caller puts the branch into the user's repository first.
//! Blocking.

mod as_forge;
mod directory;
mod error;
mod file_name;
mod front_matter;
mod issue_file;
mod pull_file;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use autoissue_engine::{Issue, IssueNumber, PullRequest, Time, Withdrawal};

use crate::forge::{IssueDraft, IssueState, PullRequestDraft, left_out, with_dependencies};

use directory::{Directory, WriteLock};
pub use error::LocalError;
use issue_file::{IssueFile, has_line};
use pull_file::{PullFile, PullState};

/// Directory of the forge.
const FORGE: &str = ".autoissue";
/// Directory of the issues.
const ISSUES: &str = ".autoissue/issues";
/// Directory of the pull requests.
const PULLS: &str = ".autoissue/pulls";
/// The file that explains the format.
pub const README: &str = ".autoissue/README.md";
/// Its content.
const README_TEXT: &str = include_str!("local/README.md");

/// The forge of one project.
#[derive(Clone, Debug)]
pub struct LocalForge {
    issues: Directory,
    pulls: Directory,
}

/// Creates the forge of a project: the directory of issues, and a `README.md` that explains the
/// format unless one exists.
///
/// # Errors
/// See [`LocalError`].
pub fn initialise(project: &Path) -> Result<LocalForge, LocalError> {
    Directory::new(project, ISSUES).create()?;
    let lock_of = Directory::new(project, FORGE);
    let lock = lock_of.lock()?;
    if !project
        .join(README)
        .try_exists()
        .map_err(|error| LocalError::reading(&project.join(README), error))?
    {
        lock.create("README.md", README_TEXT)?;
    }
    drop(lock);
    LocalForge::open(project)
}

impl LocalForge {
    fn project(&self) -> &Path {
        self.issues.project()
    }

    /// Opens the forge of a project.
    ///
    /// # Errors
    /// [`LocalError::NotInitialised`] if it has no directory of issues.
    pub fn open(project: &Path) -> Result<Self, LocalError> {
        let forge = Self::in_project(project);
        if forge.issues.exists()? {
            return Ok(forge);
        }
        Err(LocalError::NotInitialised {
            project: PathBuf::from(project),
        })
    }

    /// Returns the forge of a project that may not exist yet and that [`initialise`] creates later.
    pub fn in_project(project: &Path) -> Self {
        Self {
            issues: Directory::new(project, ISSUES),
            pulls: Directory::new(project, PULLS),
        }
    }

    /// Returns the open issues that carry the label, ignoring case, by number, and warnings for
    /// people about malformed files. An issue whose pull request is merged counts as closed.
    /// Dependencies are not filled in; see [`LocalForge::states`].
    ///
    /// # Errors
    /// See [`LocalError`]; a malformed file is a warning, not an error.
    pub fn issues(&self, label: &str) -> Result<(Vec<Issue>, Vec<String>), LocalError> {
        self.open_issues(|file| carries(&file.labels, label))
    }

    /// Returns those of the issues that are open, by number, and warnings for people, like
    /// [`LocalForge::issues`]. The others become warnings.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn issues_of(
        &self,
        numbers: &[IssueNumber],
    ) -> Result<(Vec<Issue>, Vec<String>), LocalError> {
        let (issues, mut warnings) = self.open_issues(|file| numbers.contains(&file.number))?;
        let (pulls, _) = self.pull_files()?;
        for (number, state) in self.states(numbers)? {
            match merged(&pulls, number) {
                _ if state == IssueState::Open => {}
                Some(pull) => warnings.push(self.done(number, pull)),
                None => warnings.push(left_out(number, state)),
            }
        }
        Ok((issues, warnings))
    }

    fn open_issues(
        &self,
        belongs: impl Fn(&IssueFile) -> bool,
    ) -> Result<(Vec<Issue>, Vec<String>), LocalError> {
        let (files, mut warnings) = self.issue_files()?;
        let (pulls, more) = self.pull_files()?;
        warnings.extend(more);
        let mut issues = Vec::new();
        for (file, created_at) in with_times(files) {
            let is_done = merged(&pulls, file.number).is_some();
            if file.state == IssueState::Open && !is_done && belongs(&file) {
                issues.push(self.issue(file, created_at, &pulls));
            }
        }
        Ok((issues, warnings))
    }

    /// Returns the state of each issue. A malformed file with its number counts as open: it is
    /// better to wait for a person than to build on work that may be missing.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn states(
        &self,
        numbers: &[IssueNumber],
    ) -> Result<BTreeMap<IssueNumber, IssueState>, LocalError> {
        if numbers.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (files, _) = self.issue_files()?;
        let (pulls, _) = self.pull_files()?;
        let names = self.issues.names()?;
        let in_names: BTreeSet<u64> = names
            .iter()
            .filter_map(|name| file_name::number(name))
            .collect();
        let state = |number| match files.binary_search_by_key(&number, |file| file.number) {
            Ok(_) if merged(&pulls, number).is_some() => IssueState::Closed,
            Ok(at) => files[at].state,
            Err(_) if in_names.contains(&number.0) => IssueState::Open,
            Err(_) => IssueState::Missing,
        };
        Ok(numbers
            .iter()
            .map(|&number| (number, state(number)))
            .collect())
    }

    /// Returns why an issue from the backlog must no longer be worked on. A file that cannot be
    /// read right now is ignored.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn look_again(
        &self,
        issue: IssueNumber,
        label: &str,
    ) -> Result<Option<Withdrawal>, LocalError> {
        let state = self.states(&[issue])?.remove(&issue);
        let (files, _) = self.issue_files()?;
        let (pulls, _) = self.pull_files()?;
        let file = files.iter().find(|file| file.number == issue);
        if let Some(pull) = merged(&pulls, issue) {
            return Ok(Some(Withdrawal::Merged(self.pull_request(pull))));
        }
        Ok(match (state, file) {
            (None | Some(IssueState::Missing), _) => Some(Withdrawal::Gone),
            (Some(IssueState::Closed), _) => Some(Withdrawal::Closed),
            (_, Some(file)) if !label.is_empty() && !carries(&file.labels, label) => {
                Some(Withdrawal::Unlabelled)
            }
            _ => open_of(&pulls, issue).map(|pull| Withdrawal::Open(self.pull_request(pull))),
        })
    }

    /// Returns the labels of all issues, open and closed, without duplicates, sorted ignoring case.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn labels(&self) -> Result<Vec<String>, LocalError> {
        let (files, _) = self.issue_files()?;
        let labels = files.into_iter().flat_map(|file| file.labels);
        let by_key: BTreeMap<String, String> =
            labels.map(|label| (label.to_lowercase(), label)).collect();
        Ok(by_key.into_values().collect())
    }

    /// Returns whether any issue, open or closed, carries the label; if none does, it may be
    /// misspelled.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn label_exists(&self, label: &str) -> Result<bool, LocalError> {
        Ok(carries(&self.labels()?, label))
    }

    /// Creates an issue with the next free number and returns it. If an issue with the draft's
    /// marker exists, it is left unchanged and its title is the second value.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn create_issue(
        &self,
        draft: &IssueDraft,
    ) -> Result<(IssueNumber, Option<String>), LocalError> {
        let lock = self.issues.lock()?;
        let (files, _) = self.issue_files()?;
        let has_marker = |file: &&IssueFile| {
            draft
                .marker
                .as_ref()
                .is_some_and(|marker| has_line(&file.body, marker))
        };
        if let Some(file) = files.iter().find(has_marker) {
            return Ok((file.number, Some(file.title.clone())));
        }
        let number = IssueNumber(next_number(
            &self.issues,
            files.iter().map(|file| file.number.0),
        )?);
        let (name, text) = issue_file::write(number, draft);
        lock.create(&name, &text)?;
        Ok((number, None))
    }

    /// Adds the dependencies of an issue to its body, unless it states them already. A missing
    /// issue is ignored.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn add_dependencies(
        &self,
        issue: IssueNumber,
        on: &[IssueNumber],
    ) -> Result<(), LocalError> {
        let lock = self.issues.lock()?;
        let (found, _) = self.issues.files()?;
        let texts = found
            .into_iter()
            .filter_map(|found| Some((found.name, found.text.ok()?)));
        let is_it = |(name, text): &(String, String)| {
            issue_file::read(name, text).is_ok_and(|file| file.number == issue)
        };
        let Some((name, text)) = texts.into_iter().find(is_it) else {
            return Ok(());
        };
        match issue_file::with_body(&text, |body| with_dependencies(body, on)) {
            Some(text) => lock.replace(&name, &text),
            None => Ok(()),
        }
    }

    /// Returns the open pull request that carries the marker.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn find_pull_request(&self, marker: &str) -> Result<Option<PullRequest>, LocalError> {
        let (pulls, _) = self.pull_files()?;
        Ok(pulls
            .iter()
            .find(|pull| pull.is_open_with(marker))
            .map(|pull| self.pull_request(pull)))
    }

    /// Returns our open pull request for an issue.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn pull_request_of(&self, issue: IssueNumber) -> Result<Option<PullRequest>, LocalError> {
        let (pulls, _) = self.pull_files()?;
        Ok(open_of(&pulls, issue).map(|pull| self.pull_request(pull)))
    }

    /// Creates a pull request, or updates the open one with the same issue and marker if its head
    /// is another commit. The second value is whether it already existed. A merged or closed one is
    /// not reopened: a new one is created.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn publish(&self, draft: &PullRequestDraft) -> Result<(PullRequest, bool), LocalError> {
        let lock = self.pulls.lock()?;
        let (pulls, _) = self.pull_files()?;
        // The marker alone is not enough: a stranger can put one into the text of another issue.
        let is_same =
            |pull: &&PullFile| pull.issue == draft.issue && pull.is_open_with(&draft.marker);
        if let Some(pull) = pulls.iter().find(is_same) {
            if pull.head_commit != draft.head_commit {
                lock.replace(&pull.name, &pull.updated(draft))?;
            }
            return Ok((self.pull_request(pull), true));
        }
        let pull_request = self.create_pull_request(&lock, &pulls, draft)?;
        Ok((pull_request, false))
    }

    fn create_pull_request(
        &self,
        lock: &WriteLock<'_>,
        pulls: &[PullFile],
        draft: &PullRequestDraft,
    ) -> Result<PullRequest, LocalError> {
        let number = next_number(&self.pulls, pulls.iter().map(|pull| pull.number))?;
        let (name, text) = pull_file::write(number, draft);
        lock.create(&name, &text)?;
        Ok(PullRequest {
            number,
            url: self.pulls.url(&name),
        })
    }

    fn issue(&self, file: IssueFile, created_at: Time, pulls: &[PullFile]) -> Issue {
        Issue {
            number: file.number,
            title: file.title,
            body: file.body,
            author: file.author,
            labels: file.labels,
            created_at,
            url: self.issues.url(&file.name),
            dependencies: Vec::new(),
            open_pull_request: open_of(pulls, file.number).map(|pull| self.pull_request(pull)),
            open_branch: None,
            merged_pull_request: None,
        }
    }

    fn pull_request(&self, pull: &PullFile) -> PullRequest {
        pull.as_pull_request(self.pulls.url(&pull.name))
    }

    /// Returns the warning about an issue that was requested by number although its pull request is
    /// merged.
    fn done(&self, issue: IssueNumber, pull: &PullFile) -> String {
        format!(
            "issue {issue} is done: its pull request `{}` is merged; to have more work done, set `state: closed` in \
             that pull request",
            self.pulls.url(&pull.name),
        )
    }

    /// Returns the readable issues by number, and warnings.
    fn issue_files(&self) -> Result<(Vec<IssueFile>, Vec<String>), LocalError> {
        let (files, mut warnings) = read_all(&self.issues, issue_file::read)?;
        warnings.extend(files.iter().filter_map(|file: &IssueFile| {
            let warning = file.warning.as_ref()?;
            Some(format!("`{}` {warning}", self.issues.url(&file.name)))
        }));
        let files =
            self.issues
                .first_of_each(files, |file| (file.number.0, &file.name), &mut warnings);
        Ok((files, warnings))
    }

    /// Returns the readable pull requests by number, and warnings.
    fn pull_files(&self) -> Result<(Vec<PullFile>, Vec<String>), LocalError> {
        let (files, mut warnings) = read_all(&self.pulls, pull_file::read)?;
        let files =
            self.pulls
                .first_of_each(files, |file| (file.number, &file.name), &mut warnings);
        Ok((files, warnings))
    }
}

impl Directory {
    /// Returns the files by number. Files whose number is taken by an earlier one become warnings.
    fn first_of_each<F>(
        &self,
        files: Vec<F>,
        key: fn(&F) -> (u64, &str),
        warnings: &mut Vec<String>,
    ) -> Vec<F> {
        let mut first: BTreeMap<u64, F> = BTreeMap::new();
        for file in files {
            let (number, name) = key(&file);
            match first.get(&number) {
                Some(before) => warnings.push(format!(
                    "skipping `{}`: its number {number} is already used by `{}`; give it another number",
                    self.url(name),
                    self.url(key(before).1),
                )),
                None => drop(first.insert(number, file)),
            }
        }
        first.into_values().collect()
    }
}

/// Reads the files of a directory by name; malformed ones become warnings that name them.
fn read_all<F>(
    directory: &Directory,
    read: fn(&str, &str) -> Result<F, String>,
) -> Result<(Vec<F>, Vec<String>), LocalError> {
    let (found, warning) = directory.files()?;
    let mut warnings: Vec<String> = warning.into_iter().collect();
    let mut files = Vec::new();
    for found in found {
        match found.text.and_then(|text| read(&found.name, &text)) {
            Ok(file) => files.push(file),
            Err(why) => warnings.push(format!(
                "skipping `{}`: it {why}",
                directory.url(&found.name)
            )),
        }
    }
    Ok((files, warnings))
}

/// Returns a number that is neither in a file nor in a file's name, malformed files included.
fn next_number(
    directory: &Directory,
    numbers: impl Iterator<Item = u64>,
) -> Result<u64, LocalError> {
    let names = directory.names()?;
    let in_names = names.iter().filter_map(|name| file_name::number(name));
    Ok(numbers.chain(in_names).max().unwrap_or(0).saturating_add(1))
}

/// Returns each issue with its creation time; one without a time is as old as the issue before it.
fn with_times(files: Vec<IssueFile>) -> impl Iterator<Item = (IssueFile, Time)> {
    files.into_iter().scan(Time::default(), |before, file| {
        *before = file.created_at.unwrap_or(*before);
        Some((file, *before))
    })
}

fn carries(labels: &[String], label: &str) -> bool {
    labels
        .iter()
        .any(|other| other.to_lowercase() == label.to_lowercase())
}

fn open_of(pulls: &[PullFile], issue: IssueNumber) -> Option<&PullFile> {
    pulls
        .iter()
        .find(|pull| pull.state == PullState::Open && pull.issue == issue && pull.is_ours())
}

fn merged(pulls: &[PullFile], issue: IssueNumber) -> Option<&PullFile> {
    pulls
        .iter()
        .find(|pull| pull.state == PullState::Merged && pull.issue == issue && pull.is_ours())
}
