//! Text tables: columns as wide as their widest cell, separated by two spaces, without padding
//! after the last.

use crate::paint::Paint;
use crate::printable::{cut, pad, width};

/// Maximum width of a cell, except in the last column. Longer cells are cut.
const CELL_COLUMNS_MAX: usize = 60;

/// Returns a table as lines. Cells must be printable.
pub(crate) fn table<const N: usize>(
    headings: [&str; N],
    rows: &[[String; N]],
    paint: Paint,
) -> String {
    let widest = |column: usize| {
        let cells = rows
            .iter()
            .map(|row| width(&row[column]).min(CELL_COLUMNS_MAX));
        cells.chain([width(headings[column])]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(widest);
    let head = line(&headings.map(str::to_owned), &widths);
    let mut text = format!("{}\n", paint.dim(head));
    for row in rows {
        text.push_str(&line(row, &widths));
        text.push('\n');
    }
    text
}

fn line<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let last = N.saturating_sub(1);
    let cell = |(column, text): (usize, &String)| {
        if column == last {
            text.clone()
        } else {
            pad(&cut(text, CELL_COLUMNS_MAX), widths[column])
        }
    };
    let cells: Vec<String> = cells.iter().enumerate().map(cell).collect();
    cells.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
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
}
