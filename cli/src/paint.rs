//! Terminal colours.

use std::fmt::Display;

/// Colours, if enabled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paint {
    enabled: bool,
}

impl Paint {
    /// Creates a painter that uses colours or not.
    pub(crate) const fn new(enabled: bool) -> Self {
        Self { enabled }
    }

    /// Returns the text in bold.
    pub(crate) fn bold(self, text: impl Display) -> String {
        self.wrap("1", text)
    }

    /// Returns the text in grey.
    pub(crate) fn dim(self, text: impl Display) -> String {
        self.wrap("2", text)
    }

    /// Returns the text in red.
    pub(crate) fn red(self, text: impl Display) -> String {
        self.wrap("31", text)
    }

    /// Returns the text in green.
    pub(crate) fn green(self, text: impl Display) -> String {
        self.wrap("32", text)
    }

    /// Returns the text in yellow.
    pub(crate) fn yellow(self, text: impl Display) -> String {
        self.wrap("33", text)
    }

    fn wrap(self, code: &str, text: impl Display) -> String {
        if self.enabled {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_string()
        }
    }
}
