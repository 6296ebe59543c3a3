//! Output streams: results go to standard output, everything else to standard error.
//!
//! With `--output json`, standard output contains one JSON object per line and nothing else.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use autoissue_core::process::pager;
use autoissue_core::secret::redaction::Redaction;
use serde::Serialize;
use serde_json::Value;

use crate::args::{Color, Common, OutputForm};
use crate::error::CliError;
use crate::paint::Paint;
use crate::printable;
use crate::terminal::{self, Size};

/// The two streams and their settings. Redacts known secrets on both.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    form: OutputForm,
    /// Print more.
    pub(crate) verbose: bool,
    /// Print only results and errors.
    pub(crate) quiet: bool,
    /// Colours, links and width of standard output.
    pub(crate) out: Paint,
    /// Colours, links and width of standard error.
    pub(crate) err: Paint,
    /// Secrets that are never written.
    pub(crate) redaction: Redaction,
    /// Standard error is a terminal that can be drawn on.
    pub(crate) has_screen: bool,
    /// The pager command; `None` if standard output is not read on a terminal.
    pager: Option<String>,
}

impl Console {
    /// Creates a console from the flags and the environment.
    pub(crate) fn new(common: &Common, env: &[(String, String)]) -> Self {
        let no_color = env
            .iter()
            .any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
        let paint = |is_terminal: bool, size: Size| {
            let paint = Paint::new(match common.color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => is_terminal && !no_color,
            });
            if is_terminal {
                paint.on_terminal(size.columns, terminal::has_links(env))
            } else {
                paint
            }
        };
        Self {
            form: common.output,
            verbose: common.verbose,
            quiet: common.quiet,
            out: paint(io::stdout().is_terminal(), Size::of(io::stdout())),
            err: paint(io::stderr().is_terminal(), Size::of(io::stderr())),
            redaction: Redaction::of(env),
            has_screen: terminal::is_screen(env),
            pager: pager_of(env)
                .filter(|_| common.output == OutputForm::Text && io::stdout().is_terminal()),
        }
    }

    /// Returns whether the output is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.form == OutputForm::Json
    }

    /// Writes text for people to standard output. On a terminal, its lines are broken to fit.
    ///
    /// # Errors
    /// As [`Console::print_exactly`].
    pub(crate) fn print(&self, text: &str) -> Result<(), CliError> {
        self.print_exactly(&printable::fitted(text, self.out.columns()))
    }

    /// Writes text to standard output without breaking its lines: text for programs, commands to
    /// copy, and what is laid out for the width of [`Console::out`].
    ///
    /// # Errors
    /// [`CliError::ReaderGone`] if it was closed, and [`CliError::Output`].
    pub(crate) fn print_exactly(&self, text: &str) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        let text = self.redaction.apply(text);
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(output_error)
    }

    /// Writes text to standard output, through the user's pager if it is a terminal. Its lines are
    /// not broken: the caller has laid it out for the width of [`Console::out`].
    ///
    /// # Errors
    /// As [`Console::print`].
    pub(crate) fn page(&self, text: &str) -> Result<(), CliError> {
        if let Some(pager) = self.pager.as_deref()
            && let Ok(true) = pager::show(&self.redaction.apply(text), pager)
        {
            return Ok(());
        }
        self.print_exactly(text)
    }

    /// Writes raw bytes to standard output.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(output_error)
    }

    /// Writes a line of JSON to standard output.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), CliError> {
        self.print_exactly(&json_line(value))
    }

    /// Writes a JSON document to standard output, indented if people read it.
    ///
    /// # Errors
    /// As [`Console::print_exactly`].
    pub(crate) fn document(&self, document: &Value) -> Result<(), CliError> {
        if self.is_json() {
            self.json(document)
        } else {
            self.print_exactly(&format!("{document:#}\n"))
        }
    }

    /// Writes a line to standard error, broken to fit a terminal. A failure cannot be reported
    /// anywhere.
    pub(crate) fn say(&self, line: impl Display) {
        self.say_exactly(&printable::fitted(&line.to_string(), self.err.columns()));
    }

    /// Writes a line to standard error without breaking it, such as a command to copy.
    pub(crate) fn say_exactly(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", self.redaction.apply(line));
    }

    /// Prints a warning to standard error, unless only errors are wanted.
    pub(crate) fn warn(&self, text: &str) {
        if !self.quiet {
            self.say(format_args!(
                "{} {}",
                self.err.yellow("warning:"),
                printable::one_line(text)
            ));
        }
    }
}

/// Returns the pager command; `None` for one that only copies its input.
fn pager_of(env: &[(String, String)]) -> Option<String> {
    let value = |wanted: &str| {
        env.iter()
            .rfind(|(name, _)| name == wanted)
            .map(|(_, value)| value.trim())
    };
    if matches!(value("TERM"), None | Some("" | "dumb")) {
        return None;
    }
    let pager = value("PAGER").unwrap_or("less");
    (!matches!(pager, "" | "cat")).then(|| pager.to_owned())
}

/// Distinguishes a closed pipe from other failures.
pub(crate) fn output_error(error: io::Error) -> CliError {
    if error.kind() == ErrorKind::BrokenPipe {
        CliError::ReaderGone
    } else {
        CliError::Output(error)
    }
}

/// Returns a value as one line of JSON. Also escapes characters that terminals interpret.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("our own values have string keys");
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if !c.is_ascii_graphic() && c != ' ' && printable::is_invisible(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units)
                .iter()
                .for_each(|unit| line.push_str(&format!("\\u{unit:04x}")));
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_is_one_line_that_no_terminal_acts_on() {
        let text = "a\u{1b}[2J\n\u{9b}1m\u{202e}\u{e0041}é";
        let line = json_line(&text);
        assert_eq!(line, "\"a\\u001b[2J\\n\\u009b1m\\u202e\\udb40\\udc41é\"\n");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn the_pager_is_the_user_s_or_less() {
        let of = |env: &[(&str, &str)]| {
            let env: Vec<(String, String)> = env
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            pager_of(&env)
        };
        assert_eq!(of(&[("TERM", "xterm")]).as_deref(), Some("less"));
        let both = [("TERM", "xterm"), ("PAGER", "most -s")];
        assert_eq!(of(&both).as_deref(), Some("most -s"));
        assert_eq!(of(&[("TERM", "xterm"), ("PAGER", "")]), None);
        assert_eq!(of(&[("TERM", "dumb"), ("PAGER", "less")]), None);
    }

    #[test]
    fn colours_are_asked_for_or_a_terminal_without_no_color() {
        let no_color = [("NO_COLOR".to_owned(), "1".to_owned())];
        assert!(enabled(Color::Always, &no_color));
        assert!(!enabled(Color::Never, &[]));
        assert!(!enabled(Color::Auto, &no_color));
    }

    fn enabled(color: Color, env: &[(String, String)]) -> bool {
        Console::new(
            &Common {
                color,
                ..Common::default()
            },
            env,
        )
        .out
        .bold("x")
            != "x"
    }
}
