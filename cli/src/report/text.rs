//! The report as lines for a terminal. Tasks that need attention come last, next to the prompt.

use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::OutcomeGroup;

use super::{Entry, Group, Kind, Report, Subject, cost, heading, is_web, warnings};
use crate::narration::Tone;
use crate::paint::Paint;
use crate::printable::{cut, pad, width, wrapped};

/// Maximum width of a title, in columns, and the width below which it does not shrink.
const TITLE_COLUMNS: usize = 44;
const TITLE_COLUMNS_MIN: usize = 16;
/// Number of lines of a failed check's output, and their width in columns. `show` has the rest.
const N_OUTPUT_LINES: usize = 4;
const OUTPUT_COLUMNS: usize = 110;

/// Returns the report as text.
pub(crate) fn text(report: &Report, paint: Paint) -> String {
    let mut parts = vec![head(report, paint)];
    parts.extend(report.groups.iter().map(|group| render(group, paint)));
    parts.extend(warned(&report.warnings, paint));
    let before_merge = paint.yellow("before you merge");
    parts.extend(list(&before_merge, &report.before_merge, paint));
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
    let about = format!(
        "{} · {repository} · {subject} · {when}",
        paint.bold(session)
    );
    let mut head = wrapped(&about, paint.columns()).join("\n") + "\n";
    if let Some((tone, verdict)) = &report.verdict {
        let verdict = wrapped(verdict, paint.columns()).join("\n");
        let painted = match tone {
            Tone::Bad => paint.red(verdict),
            Tone::Warning => paint.yellow(verdict),
            Tone::Plain | Tone::Detail | Tone::Good => verdict,
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
    let room = paint.columns().saturating_sub(issues + 4);
    let besides = group
        .entries
        .iter()
        .map(|entry| width(&beside(group.kind, entry, paint).join(" · ")))
        .max()
        .unwrap_or(0);
    let titles = widest(|entry| entry.title.clone())
        .min(TITLE_COLUMNS)
        .min(room.saturating_sub(besides + 2).max(TITLE_COLUMNS_MIN));
    for entry in &group.entries {
        let issue = pad(&paint.link(&entry.url, entry.issue), issues);
        let title = pad(&entry.short_title(titles), titles);
        let mut beside = beside(group.kind, entry, paint);
        while 1 < beside.len() && room < titles + 2 + width(&beside.join(" · ")) {
            beside.pop();
        }
        let line = format!("  {issue}  {title}  {}", beside.join(" · "));
        text.push_str(line.trim_end());
        text.push('\n');
        for line in below(group.kind, entry, room, paint) {
            text.push_str(&format!("  {}  {line}\n", " ".repeat(issues)));
        }
    }
    text
}

/// Returns the parts after the title, the most important first: a narrow terminal shows fewer.
fn beside(kind: Kind, entry: &Entry, paint: Paint) -> Vec<String> {
    let place = place(&entry.place, paint);
    let effort = if entry.n_attempts == 0 {
        String::new()
    } else {
        entry.effort()
    };
    let parts: &[&str] = match kind {
        Some(OutcomeGroup::Done) => &[&place, &entry.stat, &effort],
        Some(OutcomeGroup::AlreadyOpen) | Some(OutcomeGroup::AlreadyMerged) => &[&place],
        Some(OutcomeGroup::NeedsYou) | Some(OutcomeGroup::Failed) => &[&effort],
        Some(OutcomeGroup::NotStarted) | None => &[&entry.why, &effort],
    };
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts.map(|part| (*part).to_owned()).collect()
}

/// Returns where work is published. Where links are shown, the number of a pull request is enough.
fn place(place: &str, paint: Paint) -> String {
    match place.rsplit('/').next() {
        Some(number) if paint.has_links() && is_web(place) => {
            paint.link(place, format!("#{number}"))
        }
        _ => place.to_owned(),
    }
}

/// Returns the lines below: the reason, the relevant output, and how to recover the work.
fn below(kind: Kind, entry: &Entry, room: usize, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    if matches!(
        kind,
        Some(OutcomeGroup::NeedsYou) | Some(OutcomeGroup::Failed)
    ) {
        lines.extend(wrapped(&entry.why, room));
    }
    let output = entry
        .outputs
        .iter()
        .flat_map(|(_, lines)| lines)
        .take(N_OUTPUT_LINES);
    let columns = OUTPUT_COLUMNS.min(room.saturating_sub(2));
    lines.extend(output.map(|line| paint.dim(format!("│ {}", cut(line, columns)))));
    lines.extend(
        entry
            .kept
            .iter()
            .map(|kept| paint.dim(format!("work kept ({}); to recover it: {kept}", entry.stat))),
    );
    lines
}

/// Returns the section with the warnings about the backlog; `None` without any.
pub(crate) fn backlog_warnings(chronicle: &Chronicle, paint: Paint) -> Option<String> {
    warned(&warnings(chronicle), paint)
}

fn warned(warnings: &[String], paint: Paint) -> Option<String> {
    let heading = format!("{} ({})", paint.yellow("backlog warnings"), warnings.len());
    list(&heading, warnings, paint)
}

/// Returns a section without tasks; `None` if it is empty.
fn list(heading: &str, notes: &[String], paint: Paint) -> Option<String> {
    if notes.is_empty() {
        return None;
    }
    Some(format!(
        "{heading}\n{}",
        notes
            .iter()
            .flat_map(|note| wrapped(note, paint.columns().saturating_sub(2)))
            .map(|line| format!("  {line}\n"))
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
