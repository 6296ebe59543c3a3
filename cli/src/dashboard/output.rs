//! Agents' output for viewers: bounded in every dimension, with the omitted lines counted.
//!
//! The output of an agent that prints 10 MB/s is sampled four times a second, and only the newest
//! lines of each sample are kept. All of it is in the transcript.

use std::collections::{BTreeMap, VecDeque};

use autoissue_core::engine::IssueNumber;
use autoissue_core::transcript::Readable;

use super::shown::{Screen, Shown};
use super::view::{AttemptProgress, ProgressView};

/// Number of lines per attempt kept for newly opened pages.
const N_LINES_KEPT: usize = 200;

/// Maximum number of lines per attempt in one message.
const N_LINES_SENT_MAX: usize = 40;

/// Maximum number of lines in one message: about 100 KB at full line length, four times a second.
const N_LINES_SENT_IN_ALL_MAX: usize = 240;

/// Maximum length of a line, in characters. More does not fit on a screen.
const LINE_CHARS_MAX: usize = 400;

/// Number of bytes of a line that are considered at all.
const LINE_BYTES_MAX: usize = 4 * LINE_CHARS_MAX;

/// Recent output of the running attempts.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    attempts: BTreeMap<u64, Output>,
    n_skipped: u64,
    /// Whether anything was ever skipped; it is unknown of which attempt.
    has_skipped: bool,
}

/// Recent output of one attempt, unprocessed.
#[derive(Debug, Default)]
struct Output {
    attempt: u32,
    lines: VecDeque<String>,
    /// Number of lines that have not been sent yet.
    n_new: u64,
}

impl Outputs {
    /// Adds output, which may contain several lines.
    pub(crate) fn line(&mut self, issue: u64, attempt: u32, text: &str) {
        for line in text.lines() {
            self.one_line(issue, attempt, line);
        }
    }

    fn one_line(&mut self, issue: u64, attempt: u32, text: &str) {
        let output = self.attempts.entry(issue).or_default();
        if output.attempt != attempt {
            *output = Output {
                attempt,
                ..Output::default()
            };
        }
        if output.lines.len() == N_LINES_KEPT {
            output.lines.pop_front();
        }
        output.lines.push_back(head(text).to_owned());
        output.n_new += 1;
    }

    /// Counts messages that were skipped before they reached this process.
    pub(crate) const fn skipped(&mut self, n: u64) {
        self.n_skipped += n;
        self.has_skipped |= 0 < n;
    }

    /// Forgets attempts that have ended.
    pub(crate) fn forget(&mut self, runs: impl Fn(IssueNumber) -> bool) {
        self.attempts
            .retain(|issue, output| output.n_new > 0 || runs(IssueNumber(*issue)));
    }

    /// Returns the new lines as one message; `None` if there are none.
    pub(crate) fn batch(&mut self, screen: &Screen) -> Option<ProgressView> {
        let n_talking = self
            .attempts
            .values()
            .filter(|output| output.n_new > 0)
            .count();
        if n_talking == 0 && self.n_skipped == 0 {
            return None;
        }
        let n_each = (N_LINES_SENT_IN_ALL_MAX / n_talking.max(1)).clamp(1, N_LINES_SENT_MAX);
        let talking = self
            .attempts
            .iter_mut()
            .filter(|(_, output)| output.n_new > 0);
        let attempts = talking.map(|(issue, output)| output.take(*issue, n_each, screen));
        let attempts = attempts.take(N_LINES_SENT_IN_ALL_MAX).collect();
        Some(ProgressView {
            n_skipped: std::mem::take(&mut self.n_skipped),
            attempts,
        })
    }

    /// Returns the last line of each attempt.
    pub(crate) fn last_lines(&self, screen: &Screen) -> BTreeMap<u64, Shown> {
        let last = |(issue, output): (&u64, &Output)| {
            let mut lines = output
                .lines
                .iter()
                .rev()
                .map(|line| screen.output(line, LINE_CHARS_MAX));
            Some((*issue, lines.find(|line| !line.as_str().is_empty())?))
        };
        self.attempts.iter().filter_map(last).collect()
    }

    /// Returns the kept lines of an attempt, and whether there may have been earlier ones; `None`
    /// if it has printed nothing.
    pub(crate) fn lines(
        &self,
        issue: u64,
        attempt: u32,
        screen: &Screen,
    ) -> Option<(Vec<Shown>, bool)> {
        let output = self
            .attempts
            .get(&issue)
            .filter(|output| output.attempt == attempt)?;
        let lines = output
            .lines
            .iter()
            .map(|line| screen.output(line, LINE_CHARS_MAX))
            .collect();
        Some((
            lines,
            self.has_skipped || output.lines.len() == N_LINES_KEPT,
        ))
    }
}

impl Output {
    fn take(&mut self, issue: u64, n_max: usize, screen: &Screen) -> AttemptProgress {
        let n_new = std::mem::take(&mut self.n_new);
        let n = usize::try_from(n_new)
            .unwrap_or(usize::MAX)
            .min(n_max)
            .min(self.lines.len());
        let lines = self
            .lines
            .range(self.lines.len() - n..)
            .map(|line| screen.output(line, LINE_CHARS_MAX));
        AttemptProgress {
            issue,
            attempt: self.attempt,
            lines: lines.collect(),
            n_left_out: n_new - n as u64,
        }
    }
}

/// Returns the end of a transcript as lines, and whether there was more before.
pub(crate) fn tail(
    bytes: &[u8],
    is_whole: bool,
    mut readable: Readable,
    screen: &Screen,
) -> (Vec<Shown>, bool) {
    let text = String::from_utf8_lossy(bytes);
    // The first line of a part may be incomplete.
    let text = if is_whole {
        &*text
    } else {
        text.split_once('\n').map_or("", |(_, rest)| rest)
    };
    let said: Vec<String> = text.lines().flat_map(|line| readable.lines(line)).collect();
    let said: Vec<&str> = said.iter().flat_map(|text| text.lines()).collect();
    let kept = &said[said.len().saturating_sub(N_LINES_KEPT)..];
    let lines = kept
        .iter()
        .map(|line| screen.output(head(line), LINE_CHARS_MAX))
        .collect();
    (lines, !is_whole || kept.len() < said.len())
}

/// Returns the start of a line, cut at a character boundary.
fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(LINE_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use autoissue_core::secret::redaction::Redaction;

    use super::*;

    fn screen() -> Screen {
        Screen::new(Redaction::default())
    }

    #[test]
    fn a_flood_is_cut_to_its_newest_lines_and_the_rest_is_counted() {
        let mut outputs = Outputs::default();
        for n in 0..100_000 {
            outputs.line(7, 1, &format!("line {n} {}", "x".repeat(1_000)));
        }
        outputs.skipped(5);
        let batch = outputs.batch(&screen()).unwrap();
        let progress = &batch.attempts[0];
        assert_eq!(
            (progress.lines.len(), progress.n_left_out, batch.n_skipped),
            (40, 99_960, 5)
        );
        assert!(progress.lines[39].as_str().starts_with("line 99999 "));
        assert!(
            progress
                .lines
                .iter()
                .all(|line| line.as_str().chars().count() <= LINE_CHARS_MAX + 1)
        );
        assert!(outputs.batch(&screen()).is_none(), "nothing is sent twice");
        assert_eq!(
            outputs
                .lines(7, 1, &screen())
                .map(|(lines, is_cut)| (lines.len(), is_cut)),
            Some((N_LINES_KEPT, true))
        );
    }

    #[test]
    fn many_talkers_share_one_message() {
        let mut outputs = Outputs::default();
        for n in 0..50_000 {
            outputs.line(n % 256, 1, "x");
        }
        let n_lines: usize = outputs
            .batch(&screen())
            .unwrap()
            .attempts
            .iter()
            .map(|one| one.lines.len())
            .sum();
        assert!(n_lines <= N_LINES_SENT_IN_ALL_MAX, "{n_lines}");
    }

    #[test]
    fn a_new_attempt_begins_with_nothing_and_an_ended_one_is_forgotten() {
        let mut outputs = Outputs::default();
        outputs.line(7, 1, "old");
        outputs.line(7, 2, "  new\u{1b}[0m");
        assert_eq!(outputs.lines(7, 1, &screen()), None);
        let (lines, is_cut) = outputs.lines(7, 2, &screen()).unwrap();
        assert_eq!((lines[0].as_str(), is_cut), ("  new", false));
        outputs.batch(&screen());
        outputs.forget(|_| false);
        assert_eq!(outputs.lines(7, 2, &screen()), None);
    }

    #[test]
    fn the_tail_of_a_transcript_begins_with_a_whole_line() {
        assert_eq!(
            tail_lines(b"one\ntwo\n", true),
            ("one|two".to_owned(), false)
        );
        assert_eq!(
            tail_lines(b"ne\ntwo\n\xff", false),
            ("two|\u{fffd}".to_owned(), true)
        );
        let (many, is_cut) = tail(
            "x\n".repeat(1_000).as_bytes(),
            true,
            Readable::of("patch"),
            &screen(),
        );
        assert_eq!((many.len(), is_cut), (N_LINES_KEPT, true));
    }

    fn tail_lines(bytes: &[u8], is_whole: bool) -> (String, bool) {
        let (lines, is_cut) = tail(bytes, is_whole, Readable::of("patch"), &screen());
        (
            lines
                .iter()
                .map(|line| line.as_str().to_owned())
                .collect::<Vec<_>>()
                .join("|"),
            is_cut,
        )
    }
}
