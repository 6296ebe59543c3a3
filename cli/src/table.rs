//! Text tables: columns as wide as their widest cell, separated by two spaces, without padding
//! after the last.
//!
//! On a terminal, a table fits its width: the title shrinks first, then the last column wraps, then
//! columns are dropped.

use crate::paint::Paint;
use crate::printable::{cut, pad, width, wrapped};

/// Maximum width of a cell, except in the last column. Longer cells are cut.
const CELL_COLUMNS_MAX: usize = 60;

/// Width below which a title does not shrink.
const TITLE_COLUMNS_MIN: usize = 16;

/// Width below which the last column does not wrap.
const LAST_COLUMNS_MIN: usize = 30;

/// Columns that a narrow terminal can do without, the least important first.
const DROPPED: [&str; 13] = [
    "paths",
    "labels",
    "complexity",
    "attempts",
    "version",
    "confidence",
    "code",
    "repository",
    "started",
    "model",
    "domain",
    "order",
    "estimate",
];

/// Returns a table as lines. Cells must be printable, apart from links.
pub(crate) fn table<const N: usize>(
    headings: [&str; N],
    rows: &[[String; N]],
    paint: Paint,
) -> String {
    let layout = Layout::fit(&headings, rows, paint.columns());
    let head = layout.line(&headings.map(str::to_owned));
    let mut text = format!("{}\n", paint.dim(head));
    for row in rows {
        text.push_str(&layout.line(row));
        text.push('\n');
    }
    text
}

/// The columns that are shown.
struct Layout(Vec<Column>);

struct Column {
    index: usize,
    is_title: bool,
    width: usize,
    width_min: usize,
}

impl Layout {
    fn fit<const N: usize>(headings: &[&str; N], rows: &[[String; N]], columns: usize) -> Self {
        let mut shown: Vec<usize> = (0..N).collect();
        let mut dropped = DROPPED.iter();
        loop {
            let layout = Self::natural(headings, rows, &shown);
            let next = dropped
                .find_map(|name| shown.iter().position(|&index| headings[index] == *name))
                .filter(|_| columns < layout.total(|column| column.width_min));
            match next {
                Some(at) => shown.remove(at),
                None => return layout.shrunk(columns),
            };
        }
    }

    fn natural<const N: usize>(
        headings: &[&str; N],
        rows: &[[String; N]],
        shown: &[usize],
    ) -> Self {
        let column = |(at, &index): (usize, &usize)| {
            let cells = rows.iter().map(|row| width(&row[index]));
            let widest = cells.chain([width(headings[index])]).max().unwrap_or(0);
            let is_last = at + 1 == shown.len();
            let is_title = headings[index] == "title";
            let width = if is_last {
                widest
            } else {
                widest.min(CELL_COLUMNS_MAX)
            };
            let width_min = match (is_title, is_last) {
                (true, _) => width.min(TITLE_COLUMNS_MIN),
                (false, true) => width.min(LAST_COLUMNS_MIN),
                (false, false) => width,
            };
            Column {
                index,
                is_title,
                width,
                width_min,
            }
        };
        Self(shown.iter().enumerate().map(column).collect())
    }

    fn total(&self, width: impl Fn(&Column) -> usize) -> usize {
        let gaps = 2 * self.0.len().saturating_sub(1);
        self.0.iter().map(width).sum::<usize>() + gaps
    }

    /// Takes what is too much from the title, and then from the last column.
    fn shrunk(mut self, columns: usize) -> Self {
        let mut excess = self.total(|column| column.width).saturating_sub(columns);
        for is_title in [true, false] {
            for column in self.0.iter_mut().filter(|it| it.is_title == is_title) {
                let less = excess.min(column.width - column.width_min);
                column.width -= less;
                excess -= less;
            }
        }
        self
    }

    fn line<const N: usize>(&self, cells: &[String; N]) -> String {
        let Some((last, others)) = self.0.split_last() else {
            return String::new();
        };
        let start: String = others
            .iter()
            .map(|it| pad(&cut(&cells[it.index], it.width), it.width) + "  ")
            .collect();
        let end = if last.is_title {
            vec![cut(&cells[last.index], last.width)]
        } else {
            wrapped(&cells[last.index], last.width)
        };
        let indent = format!("\n{}", " ".repeat(width(&start)));
        (start + &end.join(indent.as_str())).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let rows = [
            ["日本".to_owned(), "x".to_owned()],
            ["a".to_owned(), String::new()],
        ];
        assert_eq!(
            table(["one", "two"], &rows, Paint::default()),
            "one   two\n日本  x\na\n"
        );
    }

    fn on(columns: usize) -> String {
        let row = |number: &str, title: &str, why: &str| {
            [number, "backend", "2", title, why].map(str::to_owned)
        };
        let rows = [
            row("#1", "One", "done"),
            row(
                "#2",
                "A title that is too long for most terminals",
                "waiting for #1, which changes the same files",
            ),
        ];
        let headings = ["issue", "domain", "attempts", "title", "why"];
        table(
            headings,
            &rows,
            Paint::default().on_terminal(columns, false),
        )
    }

    #[test]
    fn a_table_fits_the_terminal() {
        assert_snapshot!(on(100), @"
        issue  domain   attempts  title                         why
        #1     backend  2         One                           done
        #2     backend  2         A title that is too long fo…  waiting for #1, which changes the same files
        ");
        assert_snapshot!(on(74), @"
        issue  domain   attempts  title             why
        #1     backend  2         One               done
        #2     backend  2         A title that is…  waiting for #1, which changes
                                                    the same files
        ");
        assert_snapshot!(on(56), @"
        issue  title             why
        #1     One               done
        #2     A title that is…  waiting for #1, which changes
                                 the same files
        ");
    }
}
