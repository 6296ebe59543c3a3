//! Text from outside in responses: printable, bounded, and without known secrets.
//!
//! Every response field that may contain such text is a [`Shown`], and only a [`Screen`] can create
//! one, so no response can contain an escape sequence or a credential by accident. The page
//! displays it as plain text.

use std::borrow::Cow;

use autoissue_core::secret::redaction::Redaction;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::printable::{self, one_line};

/// Maximum length of a title, name or sentence, in characters.
const LINE_CHARS_MAX: usize = 400;

/// Text that is safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Shown(String);

impl Shown {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for Shown {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Shown".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// Makes text safe to show.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    redaction: Redaction,
}

impl Screen {
    /// Creates a screen that redacts these secrets.
    pub(crate) const fn new(redaction: Redaction) -> Self {
        Self { redaction }
    }

    /// Returns one printable line.
    pub(crate) fn line(&self, text: &str) -> Shown {
        self.cut(&one_line(text), LINE_CHARS_MAX)
    }

    /// Returns a line of a program's output, with its indentation.
    pub(crate) fn output(&self, text: &str, chars_max: usize) -> Shown {
        self.cut(
            &printable::lines(text).collect::<Vec<_>>().join(" "),
            chars_max,
        )
    }

    /// Redacts before cutting, because half of a secret would not be recognized.
    fn cut(&self, text: &str, chars_max: usize) -> Shown {
        let clean = self.redaction.apply(text);
        match clean.char_indices().nth(chars_max) {
            Some((at, _)) => Shown(format!("{}…", &clean[..at])),
            None => Shown(clean.into_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_text_is_bounded_and_has_no_secrets_or_escapes() {
        let screen = Screen::new(Redaction::of(&[("A_TOKEN", "hunter2hunter2")]));
        assert_eq!(
            screen
                .line("a\u{1b}[31m <b>hunter2\u{1b}[0mhunter2</b>\n")
                .as_str(),
            "a <b>***</b>"
        );
        assert_eq!(screen.output("    x\u{1b}[1m y", 80).as_str(), "    x y");
        assert_eq!(screen.output(&"é".repeat(500), 3).as_str(), "ééé…");
        let line = "x".repeat(LINE_CHARS_MAX - 3) + "hunter2hunter2";
        assert!(
            screen.line(&line).as_str().ends_with("x***"),
            "cut after redaction"
        );
    }
}
