//! What a stream can show: colours, hyperlinks, and how much fits on a line.

use std::fmt::Display;

/// Capabilities of a stream. The default is a file or pipe: plain text of any width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paint {
    enabled: bool,
    has_links: bool,
    columns: Option<usize>,
}

impl Paint {
    /// Creates a painter that uses colours or not.
    pub(crate) const fn new(enabled: bool) -> Self {
        Self {
            enabled,
            has_links: false,
            columns: None,
        }
    }

    /// Returns the same for a terminal of this width, with or without hyperlinks.
    pub(crate) const fn on_terminal(self, columns: usize, has_links: bool) -> Self {
        Self {
            enabled: self.enabled,
            has_links,
            columns: Some(columns),
        }
    }

    /// Returns the width that lines should fit, in columns. It is unlimited without a terminal.
    pub(crate) const fn columns(self) -> usize {
        match self.columns {
            Some(columns) => columns,
            None => usize::MAX,
        }
    }

    /// Returns whether links are shown as hyperlinks.
    pub(crate) const fn has_links(self) -> bool {
        self.has_links
    }

    /// Returns the text as a hyperlink (OSC 8) if the terminal supports that and `url` is a web
    /// address, else the plain text.
    pub(crate) fn link(self, url: &str, text: impl Display) -> String {
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        if self.has_links && is_web && url.bytes().all(|byte| byte.is_ascii_graphic()) {
            format!("\u{1b}]8;;{url}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\")
        } else {
            text.to_string()
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_become_links_and_only_on_a_terminal_that_has_them() {
        let paint = Paint::default().on_terminal(80, true);
        assert_eq!(
            paint.link("https://x/1", "#1"),
            "\u{1b}]8;;https://x/1\u{1b}\\#1\u{1b}]8;;\u{1b}\\"
        );
        assert_eq!(paint.link("javascript:alert(1)", "#1"), "#1");
        assert_eq!(Paint::default().link("https://x/1", "#1"), "#1");
    }
}
