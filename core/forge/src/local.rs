//! The embedded forge: issues and pull requests as Markdown files in the user's project, for people without GitHub.
//!
//! ```text
//! <project>/.autoissue/
//!   README.md                     the format, explained to people
//!   issues/0012-search-is-slow.md front matter, then the body; written by people and by the planner
//!   pulls/0003-issue-12.md        front matter, then the body; written here, its `state` changed by people
//! ```
//!
//! Nobody but autoissue and an editor stands between a person and these files, so reading is tolerant (see `front_matter`):
//! one odd file is left out with a warning that names it, never the list. Files are read anew at each call: there is no
//! state to go stale. Nothing outside `.autoissue/` is touched, no link is followed, and a file of people's is never
//! overwritten; only `publish` rewrites a pull request of ours, and keeps what people added to its front matter.
//!
//! Branches are none of its business: whoever publishes puts the branch into the user's repository first. It is blocking.

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

/// Where the forge's own files are.
const FORGE: &str = ".autoissue";
/// Where the issues are.
const ISSUES: &str = ".autoissue/issues";
/// Where the pull requests are.
const PULLS: &str = ".autoissue/pulls";
/// What explains the format.
pub const README: &str = ".autoissue/README.md";
/// Its text.
const README_TEXT: &str = include_str!("local/README.md");

/// The forge of one project.
#[derive(Clone, Debug)]
pub struct LocalForge {
    issues: Directory,
    pulls: Directory,
}

/// Makes the forge of a project: the directory of issues, and a `README.md` that explains the format unless there is one.
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
    /// [`LocalError::NotInitialised`] where it has no directory of issues.
    pub fn open(project: &Path) -> Result<Self, LocalError> {
        let forge = Self::in_project(project);
        if forge.issues.exists()? {
            return Ok(forge);
        }
        Err(LocalError::NotInitialised {
            project: PathBuf::from(project),
        })
    }

    /// Returns the forge of a project that [`initialise`] has still to make, where it is missing.
    pub fn in_project(project: &Path) -> Self {
        Self {
            issues: Directory::new(project, ISSUES),
            pulls: Directory::new(project, PULLS),
        }
    }

    /// Returns the open issues that carry the label, in any case of letters, by number, and warnings for people: odd files are
    /// left out, as are issues whose pull request is merged. Dependencies are not filled in; see [`LocalForge::states`].
    ///
    /// # Errors
    /// See [`LocalError`]; an odd file is a warning, not an error.
    pub fn issues(&self, label: &str) -> Result<(Vec<Issue>, Vec<String>), LocalError> {
        self.open_issues(|file| carries(&file.labels, label))
    }

    /// Returns the open ones of these issues, by number, and warnings for people, as [`LocalForge::issues`] does; the others are
    /// among the warnings.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn issues_of(
        &self,
        numbers: &[IssueNumber],
    ) -> Result<(Vec<Issue>, Vec<String>), LocalError> {
        let (issues, mut warnings) = self.open_issues(|file| numbers.contains(&file.number))?;
        for (number, state) in self.states(numbers)? {
            if state != IssueState::Open {
                warnings.push(left_out(number, state));
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
            if file.state != IssueState::Open || !belongs(&file) {
                continue;
            }
            match merged(&pulls, file.number) {
                Some(pull) => warnings.push(self.merged_warning(&file, pull)),
                None => issues.push(self.issue(file, created_at, &pulls)),
            }
        }
        Ok((issues, warnings))
    }

    /// Returns for each number whether its issue is open. An odd file that has the number counts as open: better to
    /// wait for a person than to build on work that may be missing.
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

    /// Returns whether an issue that was in the backlog is no longer to be worked on. A file that cannot be read just now says nothing.
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

    /// Returns the labels of all issues, open and closed, each once, sorted without regard to case.
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

    /// Returns whether any issue, open or closed, carries the label; if not, it may be misspelt.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn label_exists(&self, label: &str) -> Result<bool, LocalError> {
        Ok(carries(&self.labels()?, label))
    }

    /// Creates an issue with the next free number, and returns it. The second value is the title of the issue with the draft's
    /// marker, where one was there already, which is then left as it is.
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

    /// Writes what an issue depends on into its body, where that does not say so yet. An issue that is gone needs nothing.
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

    /// Returns the open pull request of ours that is for an issue.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn pull_request_of(&self, issue: IssueNumber) -> Result<Option<PullRequest>, LocalError> {
        let (pulls, _) = self.pull_files()?;
        Ok(open_of(&pulls, issue).map(|pull| self.pull_request(pull)))
    }

    /// Creates a pull request, or updates the open one of the same issue and marker where its head is another commit. The
    /// second value tells whether there was one. One that was merged or closed is not opened again: a new one is created.
    ///
    /// # Errors
    /// See [`LocalError`].
    pub fn publish(&self, draft: &PullRequestDraft) -> Result<(PullRequest, bool), LocalError> {
        let lock = self.pulls.lock()?;
        let (pulls, _) = self.pull_files()?;
        // The marker alone would not do: a stranger can put one into the text of another issue.
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

    fn merged_warning(&self, file: &IssueFile, pull: &PullFile) -> String {
        format!(
            "issue {} is open, but its pull request `{}` is merged, so it is left out: set `state: closed` in `{}`, \
             or, to have more done, `state: closed` in the pull request",
            file.number,
            self.pulls.url(&pull.name),
            self.issues.url(&file.name),
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
    /// Returns the files by number, without those whose number a file before them has: they become warnings.
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
                    "`{}` has the number {number} of `{}`, so it is left out: give it another number",
                    self.url(name),
                    self.url(key(before).1),
                )),
                None => drop(first.insert(number, file)),
            }
        }
        first.into_values().collect()
    }
}

/// Reads the files of a directory by name; odd ones become warnings that name them.
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
                "`{}` is left out: it {why}",
                directory.url(&found.name)
            )),
        }
    }
    Ok((files, warnings))
}

/// Returns a number that neither a file nor a file's name has, odd files included.
fn next_number(
    directory: &Directory,
    numbers: impl Iterator<Item = u64>,
) -> Result<u64, LocalError> {
    let names = directory.names()?;
    let in_names = names.iter().filter_map(|name| file_name::number(name));
    Ok(numbers.chain(in_names).max().unwrap_or(0).saturating_add(1))
}

/// Returns each issue with its time; one that does not tell it is as old as the issue before it.
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
