//! The issue as strategies see it, and the description of a strategy.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::markdown;
use crate::setters::setters;

/// An issue of the forge. All its text is untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Issue {
    /// `owner/name` of the repository.
    pub repo: String,
    /// Number on the forge.
    pub number: u64,
    /// Title, one line.
    pub title: String,
    /// Body, Markdown.
    pub body: String,
    /// Login of the author.
    pub author: String,
    /// Names of the labels, without the label that started the session.
    pub labels: Vec<String>,
    /// Creation time, milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// Web address; empty if the forge has none.
    pub url: String,
    /// Facts added by later versions, as name and value.
    pub extra: Vec<(String, String)>,
}

setters! {
    Issue {
        repo(String)
        number(u64)
        title(String)
        body(String)
        author(String)
        labels(Vec<String>)
        created_at_ms(u64)
        url(String)
        extra(Vec<(String, String)>)
    }
}

impl Issue {
    /// Creates an issue with a title. All other fields are empty or 0.
    pub fn new(title: impl Into<String>) -> Self {
        Self::default().title(title)
    }

    /// Returns whether the title or body contains `word` as a whole word or phrase, ignoring case.
    pub fn mentions(&self, word: &str) -> bool {
        contains_word(&self.title, word) || contains_word(&self.body, word)
    }

    /// Returns the files, directories and globs that the title and body mention, normalised, each
    /// once, in order.
    ///
    /// For diffs in the body, only the changed files count, not the content of the lines.
    pub fn paths(&self) -> Vec<String> {
        crate::paths::named_in(&format!(
            "{}\n{}",
            self.title,
            without_diff_lines(&self.body)
        ))
    }
}

/// Returns whether `text` contains `word`, not preceded or followed by a letter, digit or
/// underscore.
pub fn contains_word(text: &str, word: &str) -> bool {
    if word.is_empty() {
        return false;
    }
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&word).any(|(at, found)| {
        !text[..at].chars().next_back().is_some_and(is_word)
            && !text[at + found.len()..].chars().next().is_some_and(is_word)
    })
}

/// Returns the body with its fenced diffs reduced to their file headers.
fn without_diff_lines(body: &str) -> Cow<'_, str> {
    let outline = markdown::outline(body);
    let mut diffs = outline
        .code_blocks
        .iter()
        .filter(|block| matches!(block.language().as_str(), "diff" | "patch"))
        .peekable();
    if diffs.peek().is_none() {
        return Cow::Borrowed(body);
    }
    let (mut text, mut end) = (String::new(), 0);
    for diff in diffs {
        text.push_str(&body[end..diff.range.start]);
        text.push('\n');
        text.extend(
            diff.content
                .lines()
                .filter(|line| is_file_header(line))
                .flat_map(|line| [line, "\n"]),
        );
        end = diff.range.end;
    }
    text.push_str(&body[end..]);
    Cow::Owned(text)
}

fn is_file_header(line: &str) -> bool {
    ["--- ", "+++ ", "diff --git ", "rename from ", "rename to "]
        .iter()
        .any(|start| line.starts_with(start))
}

/// Description of a strategy; recorded with each of its decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Description {
    /// Name, `[a-z0-9-]`, as used in the configuration.
    pub name: String,
    /// Version of the strategy.
    pub version: String,
    /// What it does, in one line.
    pub summary: String,
    /// Reserved for facts of later versions, as name and value. Leave it empty.
    pub extra: Vec<(String, String)>,
}

setters! {
    Description {
        name(String)
        version(String)
        summary(String)
        extra(Vec<(String, String)>)
    }
}

impl Description {
    /// Creates a description.
    pub fn new(
        name: impl Into<String>,
        version: impl Into<String>,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            summary: summary.into(),
            extra: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_names_the_files_that_it_changes_and_no_others() {
        let body = "See docs/guide.md.\n\n```diff\n--- a/src/user.rs\n+++ b/src/user.rs\n@@ -1 +1 @@\n-old.rs\n+see web/page.html\n```\n\nAnd web/style.css.";
        assert_eq!(
            Issue::new("").body(body).paths(),
            ["docs/guide.md", "src/user.rs", "web/style.css"]
        );
    }

    #[test]
    fn mentions_takes_whole_words_only() {
        let issue = Issue::new("Feedback form").body("The *DB* is slow.");
        assert!(issue.mentions("db"));
        assert!(!issue.mentions("feed"));
        assert!(issue.mentions("feedback form"));
    }
}
