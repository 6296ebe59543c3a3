//! The relevant lines of a long output: where it first mentions a failure, and its end.

use crate::printable::{self, cut};

/// Maximum width of a line, in columns.
const LINE_COLUMNS_MAX: usize = 200;
/// Number of lines to keep from the first one that mentions a failure.
const N_FROM_FAILURE: usize = 6;
/// Number of lines to keep from the end.
const N_END: usize = 6;
/// Words that tools use for failures. This is a heuristic that only selects what is shown first.
const WORDS: [&str; 9] = [
    "error",
    "fail",
    "panic",
    "assert",
    "expected",
    "exception",
    "traceback",
    "fatal",
    "not ok",
];

/// Returns the relevant lines, printable; `…` marks an omission.
pub(super) fn lines(output: &str) -> Vec<String> {
    let lines: Vec<String> = printable::lines(output)
        .filter(|line| !line.trim().is_empty())
        .map(|line| cut(&line, LINE_COLUMNS_MAX))
        .collect();
    let end = lines.len().saturating_sub(N_END);
    let failure = lines
        .iter()
        .position(|line| names_failure(line))
        .unwrap_or(end)
        .min(end);
    let failure_end = (failure + N_FROM_FAILURE).min(end);
    let mut decisive = lines[failure..failure_end].to_vec();
    if failure_end < end {
        decisive.push("…".to_owned());
    }
    decisive.extend_from_slice(&lines[end..]);
    decisive
}

fn names_failure(line: &str) -> bool {
    let line = line.to_lowercase();
    WORDS.iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &[&str], expected: &[&str]) {
        assert_eq!(lines(&output.join("\n")), expected);
    }

    #[test]
    fn a_short_output_is_shown_from_its_failure_on() {
        check(&[], &[]);
        check(
            &["\u{1b}[31mFAILED\u{1b}[0m", "", "  left: 1"],
            &["FAILED", "  left: 1"],
        );
    }

    #[test]
    fn of_a_long_output_the_first_failure_and_the_end_are_shown() {
        let passed = ["ok"; 50];
        let failed = ["test a ... FAILED", "left: 1", "right: 2", "at x.rs:3"];
        let end = ["1", "2", "3", "4", "5", "failures: a"];
        let output = [&passed[..], &failed, &passed, &end].concat();
        check(&output, &[&failed[..], &["ok", "ok", "…"], &end].concat());
    }

    #[test]
    fn without_a_failure_the_end_is_shown() {
        check(
            &["1", "2", "3", "4", "5", "6", "7"],
            &["2", "3", "4", "5", "6", "7"],
        );
    }

    #[test]
    fn long_lines_are_cut() {
        assert_eq!(
            lines(&"x".repeat(10_000))[0].chars().count(),
            LINE_COLUMNS_MAX
        );
    }
}
