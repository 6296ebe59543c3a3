//! An issue as a file: `.autoissue/issues/0012-search-is-slow.md`. Missing values are derived from
//! the rest of the file.

use autoissue_engine::{IssueNumber, Time};

use super::front_matter::{self, Document};
use super::{IssueDraft, IssueState, file_name};
use crate::timestamp;

/// The parsed content of an issue file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssueFile {
    pub(super) number: IssueNumber,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) author: String,
    pub(super) labels: Vec<String>,
    /// `None` if the file does not contain it.
    pub(super) created_at: Option<Time>,
    pub(super) state: IssueState,
    /// File name.
    pub(super) name: String,
    /// A harmless problem.
    pub(super) warning: Option<String>,
}

/// Reads an issue file; the error says what is wrong and what to do.
pub(super) fn read(name: &str, text: &str) -> Result<IssueFile, String> {
    let file = Document::parse(text).map_err(|odd| format!("cannot be parsed: {odd}"))?;
    let odd = |odd| format!("cannot be parsed: {odd}");
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

/// Returns the name and text of a new issue's file.
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

/// Returns the text of a file with a changed body; `None` if the body does not change.
pub(super) fn with_body(text: &str, change: impl FnOnce(&str) -> Option<String>) -> Option<String> {
    let mut file = Document::parse(text).ok()?;
    file.body = change(&file.body)?;
    Some(file.render())
}

/// Returns the number in the file, or else in its name; `None` if there is none.
pub(super) fn number_of(file: &Document, name: &str) -> Result<Option<u64>, String> {
    let Some(word) = file
        .word("number")
        .map_err(|odd| format!("cannot be parsed: {odd}"))?
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

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns a body that contains the marker on its own line.
pub(super) fn with_marker(body: &str, marker: Option<&str>) -> String {
    match marker {
        Some(marker) if !has_line(body, marker) => format!("{}\n\n{marker}\n", body.trim_end())
            .trim_start()
            .to_owned(),
        _ => body.to_owned(),
    }
}

/// Returns whether the body contains the marker on its own line.
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
        .map_err(|odd| format!("cannot be parsed: {odd}"))?
    else {
        return Ok((None, None));
    };
    let time = timestamp::parse(&word);
    let warning = "using that of the issue before it; write a time such as `2026-03-01T21:14:00Z`";
    let warning = time
        .is_none()
        .then(|| format!("has the invalid creation time `{word}`, {warning}"));
    Ok((time, warning))
}

fn state_of(file: &Document) -> Result<IssueState, String> {
    let word = file
        .word("state")
        .map_err(|odd| format!("cannot be parsed: {odd}"))?
        .unwrap_or_else(|| "open".into());
    match word.to_lowercase().as_str() {
        "open" => Ok(IssueState::Open),
        "closed" => Ok(IssueState::Closed),
        _ => Err(format!("has the state `{word}`: write `open` or `closed`")),
    }
}
