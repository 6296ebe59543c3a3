//! An issue as a file: `.autoissue/issues/0012-search-is-slow.md`. What a person left out is filled in from what is there.

use autoissue_engine::{IssueNumber, Time};

use super::front_matter::{self, Document};
use super::{IssueDraft, IssueState, file_name};
use crate::timestamp;

/// What one issue file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssueFile {
    pub(super) number: IssueNumber,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) author: String,
    pub(super) labels: Vec<String>,
    /// `None` where the file does not say it.
    pub(super) created_at: Option<Time>,
    pub(super) state: IssueState,
    /// File name.
    pub(super) name: String,
    /// What is odd, but does no harm.
    pub(super) warning: Option<String>,
}

/// Reads an issue file; the error says for people what is odd and what to do.
pub(super) fn read(name: &str, text: &str) -> Result<IssueFile, String> {
    let file = Document::parse(text).map_err(|odd| format!("is not understood: {odd}"))?;
    let odd = |odd| format!("is not understood: {odd}");
    let number = number_of(&file, name)?
        .ok_or("has no number: rename it to `12-some-title.md`, or add a line `number: 12`")?;
    let title = one_line(&file.text("title").map_err(odd)?.unwrap_or_default());
    let (created_at, warning) = created_at_of(&file)?;
    Ok(IssueFile {
        number: IssueNumber(number),
        title: Some(title)
            .filter(|title| !title.is_empty())
            .unwrap_or_else(|| title_of(&file.body, name)),
        author: file.text("author").map_err(odd)?.unwrap_or_default(),
        labels: file.list("labels").map_err(odd)?,
        state: state_of(&file)?,
        created_at,
        body: file.body,
        name: name.into(),
        warning,
    })
}

/// Returns the file of a new issue, name and text.
pub(super) fn write(number: IssueNumber, draft: &IssueDraft) -> (String, String) {
    let mut file = Document::with_body(with_marker(&draft.body, draft.marker.as_deref()));
    file.set("number", &number.0.to_string());
    file.set("title", &front_matter::quoted(&one_line(&draft.title)));
    file.set("labels", &front_matter::list_of(&draft.labels));
    file.set("author", &front_matter::quoted(&draft.author));
    file.set("created_at", &timestamp::format(draft.created_at));
    file.set("state", "open");
    (file_name::make(number.0, &draft.title), file.render())
}

/// Returns the text of a file with another body; `None` where it stays.
pub(super) fn with_body(text: &str, change: impl FnOnce(&str) -> Option<String>) -> Option<String> {
    let mut file = Document::parse(text).ok()?;
    file.body = change(&file.body)?;
    Some(file.render())
}

/// Returns the number in the file, else in its name; `None` where there is none.
pub(super) fn number_of(file: &Document, name: &str) -> Result<Option<u64>, String> {
    let Some(word) = file
        .word("number")
        .map_err(|odd| format!("is not understood: {odd}"))?
    else {
        return Ok(file_name::number(name));
    };
    let number = word
        .trim_start_matches('#')
        .parse()
        .ok()
        .filter(|&number| number > 0);
    number
        .map(Some)
        .ok_or_else(|| format!("has the number `{word}`: write a whole number above 0"))
}

/// Returns a text as one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns a body that holds the marker on a line of its own.
pub(super) fn with_marker(body: &str, marker: Option<&str>) -> String {
    match marker {
        Some(marker) if !has_line(body, marker) => format!("{}\n\n{marker}\n", body.trim_end())
            .trim_start()
            .to_owned(),
        _ => body.to_owned(),
    }
}

/// Returns whether the body holds the marker on a line of its own.
pub(super) fn has_line(body: &str, marker: &str) -> bool {
    body.lines().any(|line| line.trim() == marker.trim())
}

fn title_of(body: &str, name: &str) -> String {
    let heading = body.lines().find_map(|line| line.strip_prefix("# "));
    let heading = heading
        .map(|line| one_line(line.trim_end_matches(['#', ' '])))
        .filter(|title| !title.is_empty());
    heading.unwrap_or_else(|| file_name::title(name))
}

fn created_at_of(file: &Document) -> Result<(Option<Time>, Option<String>), String> {
    let Some(word) = file
        .word("created_at")
        .map_err(|odd| format!("is not understood: {odd}"))?
    else {
        return Ok((None, None));
    };
    let time = timestamp::parse(&word);
    let warning =
        "so it is taken to be as old as the issue before it: write `2026-03-01T21:14:00Z`";
    let warning = time
        .is_none()
        .then(|| format!("has the creation time `{word}`, which is none, {warning}"));
    Ok((time, warning))
}

fn state_of(file: &Document) -> Result<IssueState, String> {
    let word = file
        .word("state")
        .map_err(|odd| format!("is not understood: {odd}"))?
        .unwrap_or_else(|| "open".into());
    match word.to_lowercase().as_str() {
        "open" => Ok(IssueState::Open),
        "closed" => Ok(IssueState::Closed),
        _ => Err(format!("has the state `{word}`: write `open` or `closed`")),
    }
}
