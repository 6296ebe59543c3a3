//! Text tables: columns as wide as their widest cell, separated by two spaces, without padding
//! after the last.
//!
//! On a terminal, a table fits its width: the title shrinks first, then prose wraps, then optional
//! columns are left out from the right. If that is not enough, each row becomes a block with one
//! line per cell, and nothing is left out.

use std::array;

use crate::paint::Paint;
use crate::printable::{cut, pad, width, wrapped};

/// Width below which a title does not shrink.
const TITLE_COLUMNS_MIN: usize = 16;

/// Width below which prose does not wrap.
const PROSE_COLUMNS_MIN: usize = 12;

/// Space between two columns.
const GAP: usize = 2;

/// A column: its heading, and what a narrow terminal does to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    heading: &'static str,
    shape: Shape,
    is_optional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Always as wide as its widest cell.
    Fixed,
    /// Is cut.
    Title,
    /// Wraps between words, but not inside backticks.
    Prose,
}

impl Column {
    const fn new(heading: &'static str, shape: Shape) -> Self {
        Self {
            heading,
            shape,
            is_optional: false,
        }
    }

    /// Returns the same column as one that a narrow terminal can do without.
    pub(crate) const fn optional(self) -> Self {
        Self {
            is_optional: true,
            ..self
        }
    }

    /// Returns the width below which the column does not shrink.
    fn width_min(self, cells: &[&str], width_max: usize) -> usize {
        match self.shape {
            Shape::Fixed => width_max,
            Shape::Title => width_max.min(TITLE_COLUMNS_MIN),
            Shape::Prose => {
                let pieces = cells.iter().flat_map(|cell| wrapped(cell, 0));
                let longest = pieces.map(|piece| width(&piece)).max().unwrap_or(0);
                width_max.min(longest.max(PROSE_COLUMNS_MIN))
            }
        }
    }
}

/// Returns a column of numbers, names or the like, which never shrinks.
pub(crate) const fn fixed(heading: &'static str) -> Column {
    Column::new(heading, Shape::Fixed)
}

/// Returns the column of the titles.
pub(crate) const fn titles() -> Column {
    Column::new("title", Shape::Title)
}

/// Returns a column of words, such as reasons.
pub(crate) const fn prose(heading: &'static str) -> Column {
    Column::new(heading, Shape::Prose)
}

/// Returns a table as lines. Cells must be printable, apart from links in fixed columns.
pub(crate) fn table<const N: usize>(
    columns: [Column; N],
    rows: &[[String; N]],
    paint: Paint,
) -> String {
    match fit(&columns, rows, paint.columns()) {
        Some(fitting) => aligned(&columns, &fitting, rows, paint),
        None => blocks(&columns, rows, paint),
    }
}

/// A column that is shown, and its width.
struct Fitting {
    index: usize,
    width: usize,
}

/// Returns the columns to show, or nothing if they do not fit even without the optional ones.
fn fit<const N: usize>(
    columns: &[Column; N],
    rows: &[[String; N]],
    room: usize,
) -> Option<Vec<Fitting>> {
    let cells = |index: usize| -> Vec<&str> {
        let below = rows.iter().map(|row| row[index].as_str());
        [columns[index].heading].into_iter().chain(below).collect()
    };
    let widest = |cells: Vec<&str>| cells.into_iter().map(width).max().unwrap_or(0);
    let widths: [usize; N] = array::from_fn(|index| widest(cells(index)));
    let widths_min: [usize; N] =
        array::from_fn(|index| columns[index].width_min(&cells(index), widths[index]));
    let total = |shown: &[usize], widths: &[usize; N]| {
        let gaps = GAP * shown.len().saturating_sub(1);
        shown.iter().map(|&index| widths[index]).sum::<usize>() + gaps
    };
    let mut shown: Vec<usize> = (0..N).collect();
    while room < total(&shown, &widths_min) {
        let last = shown
            .iter()
            .rposition(|&index| columns[index].is_optional)?;
        shown.remove(last);
    }
    let mut excess = total(&shown, &widths).saturating_sub(room);
    let mut fitting: Vec<Fitting> = shown
        .into_iter()
        .map(|index| Fitting {
            index,
            width: widths[index],
        })
        .collect();
    for shape in [Shape::Title, Shape::Prose] {
        let shrinks =
            |it: &&mut Fitting| columns[it.index].shape == shape && widths_min[it.index] < it.width;
        while 0 < excess
            && let Some(widest) = fitting.iter_mut().filter(shrinks).max_by_key(|it| it.width)
        {
            widest.width -= 1;
            excess -= 1;
        }
    }
    Some(fitting)
}

fn aligned<const N: usize>(
    columns: &[Column; N],
    fitting: &[Fitting],
    rows: &[[String; N]],
    paint: Paint,
) -> String {
    let row = |cells: [&str; N]| {
        let cells: Vec<Vec<String>> = fitting
            .iter()
            .map(|&Fitting { index, width }| match columns[index].shape {
                Shape::Fixed | Shape::Title => vec![cut(cells[index], width)],
                Shape::Prose => wrapped(cells[index], width),
            })
            .collect();
        let n_lines = cells.iter().map(Vec::len).max().unwrap_or(0);
        let line = |at: usize| {
            let padded = fitting
                .iter()
                .zip(&cells)
                .map(|(column, lines)| pad(lines.get(at).map_or("", String::as_str), column.width));
            let line = padded.collect::<Vec<_>>().join(&" ".repeat(GAP));
            line.trim_end().to_owned()
        };
        (0..n_lines).map(line).collect::<Vec<_>>().join("\n")
    };
    let head = paint.dim(row(columns.map(|column| column.heading)));
    rows.iter().fold(head + "\n", |text, cells| {
        text + &row(cells.each_ref().map(String::as_str)) + "\n"
    })
}

/// Returns each row as lines of heading and value, without its empty cells.
fn blocks<const N: usize>(columns: &[Column; N], rows: &[[String; N]], paint: Paint) -> String {
    let headings = columns.iter().map(|column| width(column.heading));
    let indent = headings.max().unwrap_or(0) + GAP;
    let room = paint.columns().saturating_sub(indent);
    let block = |row: &[String; N]| -> String {
        let cells = columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        cells
            .map(|(column, cell)| {
                let value = wrapped(cell, room).join(&format!("\n{:indent$}", ""));
                format!("{}{value}\n", paint.dim(pad(column.heading, indent)))
            })
            .collect()
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// Returns a table as it is on terminals of 60 and of 80 columns, and asserts that it fits every
/// other width from 60.
#[cfg(test)]
#[track_caller]
pub(crate) fn at_60_and_80(table: impl Fn(Paint) -> String) -> String {
    let on = |columns| table(Paint::default().on_terminal(columns, false));
    for columns in 60..140 {
        let text = on(columns);
        assert!(
            text.lines().all(|line| width(line) <= columns),
            "{columns}\n{text}"
        );
    }
    format!("{}\n{}", on(60), on(80))
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
            table([fixed("one"), fixed("two")], &rows, Paint::default()),
            "one   two\n日本  x\na\n"
        );
    }

    const WHY: &str = "waiting for #1, which changes the same files";

    fn on(columns: usize, why: &str) -> String {
        let row = |number: &str, title: &str, why: &str| {
            [number, "backend", "2", why, title].map(str::to_owned)
        };
        let rows = [
            row("#1", "One", "done"),
            row("#2", "A title that is too long for most terminals", why),
        ];
        let columns_shown = [
            fixed("issue"),
            fixed("domain"),
            fixed("attempts").optional(),
            prose("why"),
            titles(),
        ];
        table(
            columns_shown,
            &rows,
            Paint::default().on_terminal(columns, false),
        )
    }

    #[test]
    fn a_title_shrinks_before_prose_wraps_and_prose_wraps_before_a_column_is_left_out() {
        assert_snapshot!(on(100, WHY), @"
        issue  domain   attempts  why                                           title
        #1     backend  2         done                                          One
        #2     backend  2         waiting for #1, which changes the same files  A title that is too long fo…
        ");
        assert_snapshot!(on(80, WHY), @"
        issue  domain   attempts  why                                   title
        #1     backend  2         done                                  One
        #2     backend  2         waiting for #1, which changes the     A title that is…
                                  same files
        ");
        assert_snapshot!(on(60, WHY), @"
        issue  domain   attempts  why               title
        #1     backend  2         done              One
        #2     backend  2         waiting for #1,   A title that is…
                                  which changes
                                  the same files
        ");
        assert_snapshot!(on(50, WHY), @"
        issue  domain   why               title
        #1     backend  done              One
        #2     backend  waiting for #1,   A title that is…
                        which changes
                        the same files
        ");
    }

    #[test]
    fn a_row_is_a_block_where_no_table_fits() {
        assert_snapshot!(on(40, WHY), @"
        issue     #1
        domain    backend
        attempts  2
        why       done
        title     One

        issue     #2
        domain    backend
        attempts  2
        why       waiting for #1, which changes
                  the same files
        title     A title that is too long for
                  most terminals
        ");
    }

    #[test]
    fn commands_stay_whole() {
        let why = "interrupted (resume with `autoissue resume 20261122-1315-7f3a`)";
        assert_snapshot!(on(80, why), @"
        issue  domain   why                                             title
        #1     backend  done                                            One
        #2     backend  interrupted (resume with                        A title that is…
                        `autoissue resume 20261122-1315-7f3a`)
        ");
        assert_snapshot!(on(60, why), @"
        issue     #1
        domain    backend
        attempts  2
        why       done
        title     One

        issue     #2
        domain    backend
        attempts  2
        why       interrupted (resume with
                  `autoissue resume 20261122-1315-7f3a`)
        title     A title that is too long for most terminals
        ");
        assert_snapshot!(on(40, why), @"
        issue     #1
        domain    backend
        attempts  2
        why       done
        title     One

        issue     #2
        domain    backend
        attempts  2
        why       interrupted (resume with
                  `autoissue resume 20261122-1315-7f3a`)
        title     A title that is too long for
                  most terminals
        ");
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        let long = "x".repeat(300);
        let row = [&long, &long, &long].map(String::clone);
        let columns = [fixed("name"), titles(), prose("why")];
        assert_eq!(
            table(columns, &[row], Paint::default()).lines().nth(1),
            Some(format!("{long}  {long}  {long}").as_str())
        );
    }
}
