//! The report as lines for a terminal. Tasks that need attention come last, next to the prompt.

use autoissue_core::engine::OutcomeGroup;

use super::{Entry, Group, Kind, Report, Subject, cost, heading};
use crate::narration::Tone;
use crate::paint::Paint;
use crate::printable::{cut, pad, width};

/// Maximum width of a title, in columns.
const TITLE_COLUMNS: usize = 44;
/// Number of lines of a failed check's output, and their width in columns. `show` has the rest.
const N_OUTPUT_LINES: usize = 4;
const OUTPUT_COLUMNS: usize = 110;

/// Returns the report as text.
pub(crate) fn text(report: &Report, paint: Paint) -> String {
    let mut parts = vec![head(report, paint)];
    parts.extend(report.groups.iter().map(|group| render(group, paint)));
    parts.extend(doubts(report, paint));
    parts.push(foot(report, paint));
    parts.join("\n")
}

fn head(report: &Report, paint: Paint) -> String {
    let Report {
        session,
        repository,
        subject,
        when,
        ..
    } = report;
    let subject = match subject {
        Subject::Label(label) => format!("label `{label}`"),
        Subject::Plan(directive) => format!("plan of {directive}"),
    };
    let mut head = format!(
        "{} · {repository} · {subject} · {when}\n",
        paint.bold(session)
    );
    if let Some((tone, verdict)) = &report.verdict {
        let painted = match tone {
            Tone::Bad => paint.red(verdict),
            Tone::Odd => paint.yellow(verdict),
            Tone::Plain | Tone::Detail | Tone::Good => verdict.clone(),
        };
        head.push_str(&painted);
        head.push('\n');
    }
    head
}

fn render(group: &Group, paint: Paint) -> String {
    let heading = heading(group.kind);
    let heading = match group.kind {
        Some(OutcomeGroup::Done) => paint.green(heading),
        Some(OutcomeGroup::NeedsYou) => paint.yellow(heading),
        Some(OutcomeGroup::Failed) => paint.red(heading),
        Some(OutcomeGroup::AlreadyOpen)
        | Some(OutcomeGroup::AlreadyMerged)
        | Some(OutcomeGroup::NotStarted)
        | None => heading.to_owned(),
    };
    let mut text = format!("{heading} ({})\n", group.entries.len());
    let widest = |of: fn(&Entry) -> String| {
        group
            .entries
            .iter()
            .map(|entry| width(&of(entry)))
            .max()
            .unwrap_or(0)
    };
    let issues = widest(|entry| entry.issue.to_string());
    let titles = widest(|entry| entry.title.clone()).min(TITLE_COLUMNS);
    for entry in &group.entries {
        let issue = pad(&entry.issue.to_string(), issues);
        let title = pad(&entry.short_title(TITLE_COLUMNS), titles);
        let line = format!("  {issue}  {title}  {}", beside(group.kind, entry));
        text.push_str(line.trim_end());
        text.push('\n');
        for line in below(group.kind, entry, paint) {
            text.push_str(&format!("  {}  {line}\n", " ".repeat(issues)));
        }
    }
    text
}

/// Returns the text after the title.
fn beside(kind: Kind, entry: &Entry) -> String {
    let effort = if entry.n_attempts == 0 {
        String::new()
    } else {
        entry.effort()
    };
    let parts: &[&str] = match kind {
        Some(OutcomeGroup::Done) => &[&entry.place, &entry.stat, &effort],
        Some(OutcomeGroup::AlreadyOpen) | Some(OutcomeGroup::AlreadyMerged) => &[&entry.place],
        Some(OutcomeGroup::NeedsYou) | Some(OutcomeGroup::Failed) => &[&effort],
        Some(OutcomeGroup::NotStarted) | None => &[&entry.why, &effort],
    };
    let parts: Vec<&str> = parts
        .iter()
        .copied()
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(" · ")
}

/// Returns the lines below: the reason, the relevant output, and how to recover the work.
fn below(kind: Kind, entry: &Entry, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    if matches!(
        kind,
        Some(OutcomeGroup::NeedsYou) | Some(OutcomeGroup::Failed)
    ) {
        lines.push(entry.why.clone());
    }
    let output = entry
        .outputs
        .iter()
        .flat_map(|(_, lines)| lines)
        .take(N_OUTPUT_LINES);
    lines.extend(output.map(|line| paint.dim(format!("│ {}", cut(line, OUTPUT_COLUMNS)))));
    lines.extend(
        entry
            .kept
            .iter()
            .map(|kept| paint.dim(format!("work kept ({}); to recover it: {kept}", entry.stat))),
    );
    lines
}

fn doubts(report: &Report, paint: Paint) -> Option<String> {
    if report.doubts.is_empty() {
        return None;
    }
    let heading = paint.yellow("unverified");
    Some(format!(
        "{heading}\n{}",
        report
            .doubts
            .iter()
            .map(|doubt| format!("  {doubt}\n"))
            .collect::<String>()
    ))
}

fn foot(report: &Report, paint: Paint) -> String {
    let mut foot = format!("{}\n", cost(&report.money));
    if 0 < report.n_api_calls {
        foot.push_str(&format!(
            "calls       {} to the forge's API\n",
            report.n_api_calls
        ));
    }
    if let Some(directory) = &report.transcripts {
        foot.push_str(&format!("transcripts {directory}\n"));
    }
    if let Some(next) = &report.next {
        let or = next.or.map(|or| format!("    ({or})")).unwrap_or_default();
        foot.push_str(&format!("next        {}{or}\n", paint.bold(&next.command)));
    }
    foot
}
