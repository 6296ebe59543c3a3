//! A pull request as a file: `.autoissue/pulls/0003-issue-12.md`. The caller puts its branch into
//! the user's repository.

use autoissue_engine::{IssueNumber, PullRequest};

use super::PullRequestDraft;
use super::front_matter::{self, Document};
use super::issue_file::{has_line, number_of, one_line, with_marker};
use crate::timestamp;

/// Start of the line that identifies a pull request as ours.
const MARKER_START: &str = "<!-- autoissue";

/// The parsed content of a pull request's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PullFile {
    pub(super) number: u64,
    pub(super) issue: IssueNumber,
    pub(super) head_commit: String,
    pub(super) state: PullState,
    /// File name.
    pub(super) name: String,
    document: Document,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PullState {
    Open,
    Merged,
    Closed,
}

impl PullFile {
    /// Returns whether it was made by autoissue.
    pub(super) fn is_ours(&self) -> bool {
        self.document
            .body
            .lines()
            .any(|line| line.trim_start().starts_with(MARKER_START))
    }

    /// Returns whether it is open and carries the marker.
    pub(super) fn is_open_with(&self, marker: &str) -> bool {
        self.state == PullState::Open && has_line(&self.document.body, marker)
    }

    /// Converts it to the engine's type.
    pub(super) fn as_pull_request(&self, url: String) -> PullRequest {
        PullRequest {
            number: self.number,
            url,
        }
    }

    /// Returns its text with the draft's content; its number, state, time and everything people
    /// added are kept.
    pub(super) fn updated(&self, draft: &PullRequestDraft) -> String {
        let mut document = self.document.clone();
        fill(&mut document, draft);
        document.render()
    }
}

/// Reads a pull request's file; the error says what is wrong and what to do.
pub(super) fn read(name: &str, text: &str) -> Result<PullFile, String> {
    let document = Document::parse(text).map_err(|odd| format!("cannot be parsed: {odd}"))?;
    let word = |key| {
        document
            .word(key)
            .map_err(|odd| format!("cannot be parsed: {odd}"))
    };
    let number = number_of(&document, name)?.ok_or("has no number: add a line `number: 3`")?;
    let issue = word("issue")?.map(|word| word.trim_start_matches('#').parse().map_err(|_| word));
    let issue = issue
        .transpose()
        .map_err(|word| format!("is for the issue `{word}`: write its number"))?;
    let state = match word("state")?.unwrap_or_default().to_lowercase().as_str() {
        "" | "open" => PullState::Open,
        "merged" => PullState::Merged,
        "closed" => PullState::Closed,
        other => {
            return Err(format!(
                "has the state `{other}`: write `open`, `merged` or `closed`"
            ));
        }
    };
    let head_commit = word("head_commit")?.unwrap_or_default();
    Ok(PullFile {
        number,
        issue: IssueNumber(issue.unwrap_or(0)),
        head_commit,
        state,
        name: name.into(),
        document,
    })
}

/// Returns the name and text of a new pull request's file.
pub(super) fn write(number: u64, draft: &PullRequestDraft) -> (String, String) {
    let mut document = Document::default();
    document.set("number", &number.to_string());
    fill(&mut document, draft);
    document.set("state", "open");
    document.set("created_at", &timestamp::format(draft.created_at));
    (
        format!("{number:04}-issue-{}.md", draft.issue.0),
        document.render(),
    )
}

fn fill(document: &mut Document, draft: &PullRequestDraft) {
    document.set("title", &front_matter::quoted(&one_line(&draft.title)));
    document.set("issue", &draft.issue.0.to_string());
    document.set("head", &front_matter::quoted(&draft.head));
    document.set("base", &front_matter::quoted(&draft.base));
    document.set("head_commit", &front_matter::quoted(&draft.head_commit));
    document.set("labels", &front_matter::list_of(&draft.labels));
    document.set("draft", if draft.draft { "true" } else { "false" });
    document.body = with_marker(&draft.body, Some(&draft.marker));
}
