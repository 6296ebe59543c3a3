//! The lower end of a terminal: a few lines that are redrawn in place, while log lines scroll by
//! above them.
//!
//! ```text
//!   01:12:07  #7 done                 } said: written once, stays in the terminal's history
//!   ── 2 running · 5 waiting ────     } drawn: overwritten in place
//!   $4.20 spent · $50.00 budget       }
//!   ▏                                   the cursor on its own line: output of other programs lands there and is overwritten
//! ```
//!
//! Produces text only; the caller writes it in one piece. All text must already be printable. Each
//! piece leaves the terminal in its normal state with a visible cursor, however the program ends.

use unicode_width::UnicodeWidthChar;

use crate::paint::Paint;
use crate::printable::{cut, fitted, width};

/// Starts a synchronized update if the terminal supports it, and hides the cursor.
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[?25l\r";
const END: &str = "\u{1b}[?25h\u{1b}[?2026l";
const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";
/// Disables wrapping: a drawn line must not take two rows, even if the terminal and Unicode
/// disagree on a width.
const NO_WRAP: &str = "\u{1b}[?7l";
const WRAP: &str = "\u{1b}[?7h";

/// The style of a piece of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
}

/// A line to draw, in styled pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(Style, String)>);

impl Line {
    /// Returns the line with another piece.
    pub(crate) fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    /// Returns its width in columns.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| width(text)).sum()
    }

    /// Returns the line cut to a width; `…` marks the omission.
    pub(crate) fn cut(self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let mut room = columns;
        let mut kept = Vec::new();
        for (style, text) in self.0 {
            let columns = width(&text);
            if room <= columns {
                // A piece that reaches the last column has to give it up, because more follows.
                kept.push((style, cut(&format!("{text} "), room)));
                break;
            }
            room -= columns;
            kept.push((style, text));
        }
        Self(kept)
    }

    /// Returns the text without styles.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }

    fn painted(&self, paint: Paint) -> String {
        let piece = |(style, text): &(Style, String)| match style {
            Style::Plain => text.clone(),
            Style::Bold => paint.bold(text),
            Style::Dim => paint.dim(text),
            Style::Green => paint.green(text),
            Style::Yellow => paint.yellow(text),
            Style::Red => paint.red(text),
        };
        self.0.iter().map(piece).collect()
    }
}

/// The drawn lines at the lower end of the terminal.
#[derive(Debug, Default)]
pub(crate) struct Area {
    /// The lines on the screen, without colours.
    drawn: Vec<String>,
}

impl Area {
    /// Returns the output that replaces the drawn lines with others and prints `said` above them.
    pub(crate) fn redraw(
        &mut self,
        said: &[String],
        lines: Vec<Line>,
        columns: usize,
        paint: Paint,
    ) -> String {
        // Uses one column less: clearing to the end of the line in the last column would erase its
        // character.
        let lines: Vec<Line> = lines
            .into_iter()
            .map(|line| line.cut(columns.saturating_sub(1)))
            .collect();
        let mut piece = format!("{BEGIN}{}", self.up(columns));
        if !said.is_empty() {
            // A word may be longer than a row and end where something else was drawn.
            piece.push_str(CLEAR_BELOW);
            for line in said {
                let rows = fitted(line, columns);
                rows.lines().for_each(|row| piece.extend([row, "\r\n"]));
            }
        }
        piece.push_str(NO_WRAP);
        for line in &lines {
            piece.extend([&line.painted(paint), CLEAR_LINE, "\r\n"]);
        }
        piece.extend([WRAP, CLEAR_BELOW, END]);
        self.drawn = lines.iter().map(Line::text).collect();
        piece
    }

    /// Forgets the drawn lines, which from now on scroll by like any other output.
    pub(crate) fn leave(&mut self) {
        self.drawn.clear();
    }

    /// Returns the sequence that moves the cursor to the first drawn line. If the terminal has
    /// become narrower, its lines take more rows than before.
    fn up(&self, columns: usize) -> String {
        match self
            .drawn
            .iter()
            .map(|line| n_rows(line, columns))
            .sum::<usize>()
        {
            0 => String::new(),
            n => format!("\u{1b}[{n}A"),
        }
    }
}

/// Returns the number of rows that a line takes.
fn n_rows(line: &str, columns: usize) -> usize {
    let (mut n_rows, mut used) = (1, 0);
    for width in line.chars().filter_map(UnicodeWidthChar::width) {
        if columns < used + width && 0 < used {
            n_rows += 1;
            used = 0;
        }
        used += width;
    }
    n_rows
}

#[cfg(test)]
mod tests {
    use avt::Terminal;

    use super::*;

    fn line(text: &str) -> Line {
        Line::default().with(Style::Plain, text)
    }

    /// A terminal with an area at its lower end.
    struct TestTerminal {
        terminal: Terminal,
        area: Area,
        columns: usize,
    }

    impl TestTerminal {
        fn new(columns: usize, rows: usize) -> Self {
            let terminal = Terminal::with_scrollback(columns, rows, None).unwrap();
            Self {
                terminal,
                area: Area::default(),
                columns,
            }
        }

        fn draw(&mut self, said: &[&str], lines: &[&str]) -> &mut Self {
            let said: Vec<String> = said.iter().map(|&line| line.to_owned()).collect();
            let lines = lines.iter().map(|text| line(text)).collect();
            self.terminal.feed(
                self.area
                    .redraw(&said, lines, self.columns, Paint::default())
                    .as_str(),
            );
            self
        }

        fn resize(&mut self, columns: usize, rows: usize) -> &mut Self {
            self.terminal.resize(columns, rows);
            self.columns = columns;
            self
        }

        /// Asserts everything that was and is visible, with the cursor below it.
        #[track_caller]
        fn shows(&self, expected: &[&str]) {
            let mut rows: Vec<String> = self
                .terminal
                .screen()
                .all_lines()
                .map(|line| line.text().trim_end().to_owned())
                .collect();
            while rows.last().is_some_and(String::is_empty) {
                rows.pop();
            }
            assert_eq!(rows, expected);
            assert!(self.terminal.cursor().visible);
            assert_eq!(self.terminal.cursor().col, 0);
        }
    }

    #[test]
    fn lines_are_written_over_in_place() {
        let mut terminal = TestTerminal::new(20, 6);
        terminal
            .draw(&[], &["a longer line", "b"])
            .draw(&[], &["a", "b", "c"])
            .shows(&["a", "b", "c"]);
        terminal.draw(&[], &["d"]).shows(&["d"]);
        terminal.draw(&[], &[]).shows(&[]);
    }

    #[test]
    fn what_is_said_stays_above_and_scrolls_away() {
        let mut terminal = TestTerminal::new(10, 4);
        terminal
            .draw(&["one"], &["A", "B"])
            .draw(&["two", "three"], &["A", "B"]);
        terminal.shows(&["one", "two", "three", "A", "B"]);
        terminal
            .draw(&["longer than a row"], &["A"])
            .shows(&["one", "two", "three", "longer", "  than a", "  row", "A"]);
    }

    #[test]
    fn a_said_line_as_wide_as_the_terminal_stays_whole() {
        let mut terminal = TestTerminal::new(5, 4);
        terminal
            .draw(&["12345"], &["A"])
            .draw(&["67890"], &["A"])
            .shows(&["12345", "67890", "A"]);
    }

    #[test]
    fn a_narrower_terminal_leaves_no_remains_of_wrapped_lines() {
        let mut terminal = TestTerminal::new(20, 6);
        terminal.draw(&["one", "two"], &["aaaaaaaaaaaaaaaaaa", "bbbbbbbbb", "c"]);
        terminal
            .resize(9, 6)
            .draw(&[], &["A", "B"])
            .shows(&["one", "two", "A", "B"]);
    }

    #[test]
    fn wide_characters_that_a_narrower_terminal_breaks_are_counted() {
        let mut terminal = TestTerminal::new(20, 6);
        terminal.draw(&["one", "two", "three"], &["日本語日本語", "c"]);
        terminal
            .resize(7, 6)
            .draw(&[], &["A"])
            .shows(&["one", "two", "three", "A"]);
    }

    #[test]
    fn a_wider_terminal_changes_nothing() {
        let mut terminal = TestTerminal::new(10, 6);
        terminal
            .draw(&["said"], &["a", "b"])
            .resize(30, 12)
            .draw(&["more"], &["c"])
            .shows(&["said", "more", "c"]);
    }

    #[test]
    fn a_line_that_is_wider_than_it_should_be_takes_one_row() {
        let mut terminal = TestTerminal::new(5, 4);
        terminal
            .draw(&["said"], &["123456789", "b"])
            .draw(&[], &["123456789", "c"])
            .shows(&["said", "123…", "c"]);
    }

    #[test]
    fn what_was_left_is_not_written_over() {
        let mut terminal = TestTerminal::new(10, 6);
        terminal.draw(&[], &["a"]);
        terminal.area.leave();
        terminal.draw(&[], &["b"]).shows(&["a", "b"]);
    }

    #[test]
    fn a_line_in_pieces_is_cut_as_a_whole() {
        let pieces = line("one ")
            .with(Style::Dim, "two")
            .with(Style::Red, " three");
        for (columns, expected) in [
            (13, "one two three"),
            (12, "one two thr…"),
            (7, "one tw…"),
            (4, "one…"),
            (1, "…"),
            (0, ""),
        ] {
            assert_eq!(pieces.clone().cut(columns).text(), expected, "{columns}");
        }
    }
}
