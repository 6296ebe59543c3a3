//! The timeline as an SVG: a lane per slot and a bar per attempt, coloured by how it ended,
//! followed by the same data as a table.
//!
//! Horizontal positions are percentages and heights are pixels, so it fits any screen while its
//! text keeps its size.

use autoissue_core::chronicle::{Chronicle, Pause, PauseCause, Span, SpanEnd, Stretch};
use autoissue_core::engine::Usd;
use maud::{Markup, html};

use super::took;
use crate::local_time::LocalTime;
use crate::narration::{counted, message, title};
use crate::printable::one_line;

/// Height of a lane, and of the bar in it, in pixels.
const LANE: usize = 30;
const BAR: usize = 24;
/// Height of the row of times, in pixels.
const TIMES: usize = 24;
/// Minimum width of a bar, in percent, so that it stays visible.
const BAR_MIN: f64 = 0.4;
/// Width of a gap between two runs, and of all gaps together at most, in percent.
const GAP: f64 = 3.0;
const GAPS_MAX: f64 = 40.0;
/// Maximum number of time labels; more would overlap on a phone.
const N_TIMES_MAX: u64 = 6;
/// Position from which a time label is placed before its line instead of centred on it, in percent.
/// Otherwise it would not fit on a phone.
const LAST: f64 = 90.0;
/// Possible intervals between time labels, in seconds.
const STEPS_S: [u64; 14] = [
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600,
];

/// The data to draw.
struct Timeline {
    runs: Vec<Stretch>,
    n_lanes: usize,
    bars: Vec<Bar>,
    /// When tasks waited for a service, and why.
    pauses: Vec<(Stretch, String)>,
}

/// An attempt to draw.
struct Bar {
    lane: usize,
    issue: String,
    attempt: u32,
    title: String,
    ran: Stretch,
    end: SpanEnd,
    spent: Usd,
}

impl Timeline {
    fn of(chronicle: &Chronicle) -> Self {
        Self {
            runs: chronicle.runs(),
            n_lanes: chronicle.n_lanes(),
            bars: chronicle
                .spans()
                .map(|span| Bar::of(&span, chronicle))
                .collect(),
            pauses: chronicle
                .pauses()
                .map(|pause| (pause.when, why(pause)))
                .collect(),
        }
    }
}

impl Bar {
    fn of(span: &Span, chronicle: &Chronicle) -> Self {
        let task = chronicle.engine().task(span.issue);
        Self {
            lane: span.lane,
            issue: span.issue.to_string(),
            attempt: span.attempt,
            title: task
                .map(|task| title(&task.issue.title))
                .unwrap_or_default(),
            ran: Stretch {
                from_ms: span.from_ms,
                to_ms: span.ended_at_ms.unwrap_or(chronicle.last_at_ms()),
            },
            end: span.end,
            spent: span.spent,
        }
    }
}

fn why(pause: &Pause) -> String {
    let service = &pause.service;
    let why = match &pause.cause {
        PauseCause::Asked(said) => format!("{service} paused: {said}"),
        PauseCause::Failures(n) => format!("{service} failed {n} times in a row"),
    };
    message(&one_line(&why))
}

/// Returns the section with picture, legend and table; empty if there were no attempts.
pub(super) fn section(chronicle: &Chronicle, time: &LocalTime) -> Markup {
    let timeline = &Timeline::of(chronicle);
    if timeline.bars.is_empty() {
        return html! {};
    }
    html! {
        section.timeline aria-labelledby="timeline" {
            h2 id="timeline" { "Timeline" }
            (picture(timeline, time))
            ul.legend aria-hidden="true" {
                @for end in [SpanEnd::Shipped, SpanEnd::NeedsYou, SpanEnd::Failed, SpanEnd::Interrupted, SpanEnd::Running] {
                    @if timeline.bars.iter().any(|bar| bar.end == end) {
                        li class=(class(end)) { (mark(end)) " " (word(end)) }
                    }
                }
                @if !timeline.pauses.is_empty() { li.pause { "a service paused" } }
            }
            @for (stretch, why) in &timeline.pauses {
                p.muted { (time.clock(stretch.from_ms)) " to " (time.clock(stretch.to_ms)) ": " (why) }
            }
            (table(timeline, time))
        }
    }
}

fn picture(timeline: &Timeline, time: &LocalTime) -> Markup {
    let scale = Scale::new(&timeline.runs);
    let lanes = timeline.n_lanes * LANE;
    let described = format!(
        "{} in {}, at most {} at once; the table below has the same data",
        counted(timeline.bars.len(), "attempt"),
        took(0, timeline.runs.iter().map(Stretch::length_ms).sum()),
        timeline.n_lanes
    );
    html! {
        svg.picture role="img" aria-label=(described) width="100%" height=(lanes + TIMES) {
            @for (stretch, why) in &timeline.pauses {
                @let (x, width) = scale.place(*stretch);
                rect.pause x=(percent(x)) y="0" width=(percent(width)) height=(lanes) { title { (why) } }
            }
            @for at_ms in scale.times() {
                @let x = percent(scale.x(at_ms));
                line.grid x1=(x) x2=(x) y1="0" y2=(lanes) {}
                text.time.last[LAST < scale.x(at_ms)] x=(x) y=(lanes + TIMES - 7) { (scale.written(at_ms, time)) }
            }
            @for (x, width) in scale.gaps() {
                rect.gap x=(percent(x)) y="0" width=(percent(width)) height=(lanes) { title { "interrupted" } }
            }
            @for bar in &timeline.bars { (drawn(bar, &scale, time)) }
        }
    }
}

/// A nested `svg` clips the bar's text at its end.
fn drawn(bar: &Bar, scale: &Scale, time: &LocalTime) -> Markup {
    let (x, width) = scale.place(bar.ran);
    let width = width.max(BAR_MIN).min(100.0 - x);
    let y = bar.lane * LANE + (LANE - BAR) / 2;
    html! {
        svg class={ "bar " (class(bar.end)) } x=(percent(x)) y=(y) width=(percent(width)) height=(BAR) {
            title {
                (bar.issue) " " (bar.title) ", attempt " (bar.attempt) ": " (word(bar.end)) ", "
                (time.clock(bar.ran.from_ms)) " to " (time.clock(bar.ran.to_ms)) ", " (bar.spent)
            }
            rect width="100%" height="100%" rx="3" {}
            text x="6" y="16" { (bar.issue) " " (mark(bar.end)) }
        }
    }
}

fn table(timeline: &Timeline, time: &LocalTime) -> Markup {
    html! {
        details {
            summary { "All " (counted(timeline.bars.len(), "attempt")) }
            div.scroll tabindex="0" role="region" aria-label="All attempts" {
                table {
                    thead { tr {
                        th scope="col" { "Attempt" } th scope="col" { "From" } th scope="col" { "To" }
                        th.number scope="col" { "Took" } th scope="col" { "End" } th.number scope="col" { "Cost" }
                    } }
                    tbody {
                        @for Bar { issue, attempt, title, ran, end, spent, .. } in &timeline.bars {
                            tr {
                                th scope="row" { (issue) " " (title) @if 1 < *attempt { ", attempt " (attempt) } }
                                td { (time.clock(ran.from_ms)) }
                                td { (time.clock(ran.to_ms)) }
                                td.number { (took(ran.from_ms, ran.to_ms)) }
                                td class=(class(*end)) { (mark(*end)) " " (word(*end)) }
                                td.number { (spent) }
                            }
                        }
                    }
                }
            }
        }
    }
}

const fn class(end: SpanEnd) -> &'static str {
    match end {
        SpanEnd::Shipped => "good",
        SpanEnd::Failed => "bad",
        SpanEnd::NeedsYou => "odd",
        SpanEnd::Interrupted | SpanEnd::Running => "calm",
    }
}

/// A symbol, so that the outcome is not shown by colour alone.
const fn mark(end: SpanEnd) -> &'static str {
    match end {
        SpanEnd::Shipped => "✓",
        SpanEnd::Failed => "✗",
        SpanEnd::NeedsYou => "!",
        SpanEnd::Interrupted => "‖",
        SpanEnd::Running => "…",
    }
}

const fn word(end: SpanEnd) -> &'static str {
    match end {
        SpanEnd::Shipped => "shipped",
        SpanEnd::Failed => "failed",
        SpanEnd::NeedsYou => "needs you",
        SpanEnd::Interrupted => "interrupted",
        SpanEnd::Running => "still running",
    }
}

fn percent(share: f64) -> String {
    format!("{share:.2}%")
}

/// Maps times to positions, in percent of the width. The gap between two runs of a session has a
/// fixed width, however long it was.
struct Scale {
    runs: Vec<Stretch>,
    gap: f64,
    /// Percent per millisecond.
    pace: f64,
    step_ms: u64,
}

impl Scale {
    #[expect(
        clippy::cast_precision_loss,
        reason = "sessions are shorter than 2^52 milliseconds"
    )]
    fn new(runs: &[Stretch]) -> Self {
        let all_ms: u64 = runs.iter().map(Stretch::length_ms).sum::<u64>().max(1);
        let n_gaps = runs.len().saturating_sub(1) as f64;
        let gap = if n_gaps == 0.0 {
            0.0
        } else {
            GAP.min(GAPS_MAX / n_gaps)
        };
        let fits = |step_s: &&u64| all_ms / (**step_s * 1_000) <= N_TIMES_MAX;
        let longest = STEPS_S[STEPS_S.len() - 1];
        let step_s = STEPS_S
            .iter()
            .find(fits)
            .copied()
            .unwrap_or(longest * (1 + all_ms / (longest * 1_000 * N_TIMES_MAX)));
        Self {
            runs: runs.to_vec(),
            gap,
            pace: (100.0 - gap * n_gaps) / all_ms as f64,
            step_ms: step_s * 1_000,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "sessions are shorter than 2^52 milliseconds"
    )]
    fn x(&self, at_ms: u64) -> f64 {
        let mut x = 0.0;
        for (index, run) in self.runs.iter().enumerate() {
            x += if index == 0 { 0.0 } else { self.gap };
            if at_ms <= run.to_ms || index + 1 == self.runs.len() {
                return x + self.pace
                    * at_ms
                        .clamp(run.from_ms, run.to_ms)
                        .saturating_sub(run.from_ms) as f64;
            }
            x += self.pace * run.length_ms() as f64;
        }
        x
    }

    /// Returns the start and the width of a stretch.
    fn place(&self, stretch: Stretch) -> (f64, f64) {
        let x = self.x(stretch.from_ms);
        (x, (self.x(stretch.to_ms) - x).max(0.0))
    }

    fn gaps(&self) -> Vec<(f64, f64)> {
        self.runs
            .iter()
            .skip(1)
            .map(|run| (self.x(run.from_ms) - self.gap, self.gap))
            .collect()
    }

    /// Returns the times to label.
    fn times(&self) -> Vec<u64> {
        let of_run = |run: &Stretch| {
            let first = run.from_ms.div_ceil(self.step_ms);
            (first..=run.to_ms / self.step_ms)
                .map(|n| n * self.step_ms)
                .collect::<Vec<_>>()
        };
        self.runs.iter().flat_map(of_run).collect()
    }

    fn written(&self, at_ms: u64, time: &LocalTime) -> String {
        if self.step_ms < 60_000 {
            time.clock(at_ms)
        } else {
            time.minute(at_ms)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(from_s: u64, to_s: u64) -> Stretch {
        Stretch {
            from_ms: from_s * 1_000,
            to_ms: to_s * 1_000,
        }
    }

    #[test]
    fn times_keep_their_order_and_gaps_take_no_time() {
        let scale = Scale::new(&[run(0, 100), run(1_000_000, 1_000_300)]);
        let xs =
            [0, 50, 100, 500, 1_000_000, 1_000_300, 2_000_000].map(|s| percent(scale.x(s * 1_000)));
        assert_eq!(
            xs,
            [
                "0.00%", "12.12%", "24.25%", "27.25%", "27.25%", "100.00%", "100.00%"
            ]
        );
        assert_eq!(scale.gaps().len(), 1);
    }

    #[test]
    fn few_times_are_written_however_long_it_took() {
        for seconds in [0, 1, 7, 100, 5_000, 40_000, 900_000] {
            let n = Scale::new(&[run(1_000, 1_000 + seconds)]).times().len();
            assert!(n <= 8, "{seconds} s: {n}");
        }
    }
}
