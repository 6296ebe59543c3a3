//! The report as lines for a terminal. Tasks that need attention come last, next to the prompt.

use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::OutcomeGroup;

use super::{Entry, Group, Kind, Report, Subject, cost, heading, is_web, warnings};
use crate::narration::Tone;
use crate::paint::Paint;
use crate::printable::{cut, fitted, pad, width, wrapped};

/// Width below which a title does not shrink, in columns.
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
    parts.retain(|part| !part.is_empty());
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
    if !report.is_recorded {
        let about = format!("{repository}: {}", report.headline());
        return wrapped(&about, paint.columns()).join("\n") + "\n";
    }
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
    let widest = |of: &dyn Fn(&Entry) -> String| {
        let entries = group.entries.iter();
        entries.map(|entry| width(&of(entry))).max().unwrap_or(0)
    };
    let facts = |entry: &Entry| facts(group.kind, entry, paint);
    let issues = widest(&|entry| entry.issue.to_string());
    let room = paint.columns().saturating_sub(issues + 4);
    let widest_facts = widest(&|entry| facts(entry).join(" · "));
    let titles = widest(&|entry| entry.title.clone())
        .min(room.saturating_sub(widest_facts + 2).max(TITLE_COLUMNS_MIN));
    let is_beside = titles + 2 + widest_facts <= room;
    for entry in &group.entries {
        let issue = pad(&paint.link(&entry.url, entry.issue), issues);
        let facts = facts(entry).join(" · ");
        let mut lines = Vec::new();
        if is_beside {
            let title = pad(&cut(&entry.title, titles), titles);
            lines.push(format!("{title}  {facts}"));
        } else {
            lines.push(cut(&entry.title, room));
            lines.extend(wrapped(&facts, room));
        }
        lines.extend(below(group.kind, entry, room, paint));
        for (n, line) in lines.iter().enumerate() {
            let start = if n == 0 {
                issue.clone()
            } else {
                " ".repeat(issues)
            };
            text.push_str(format!("  {start}  {line}").trim_end());
            text.push('\n');
        }
    }
    text
}

/// Returns the facts about a task: beside its title, or below it on a narrow terminal.
fn facts(kind: Kind, entry: &Entry, paint: Paint) -> Vec<String> {
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
    if let Some(kept) = &entry.kept {
        let sentence = format!("work kept ({}); to recover it:", entry.stat);
        lines.extend(wrapped(&sentence, room).iter().map(|line| paint.dim(line)));
        // The command must stay on one line, so that it can be copied.
        lines.push(paint.dim(kept));
    }
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
    let mut foot = String::new();
    if report.is_recorded {
        foot.push_str(&fitted(&cost(&report.money), paint.columns()));
        foot.push('\n');
    }
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
        foot.push_str(&next_line(&next.command, next.or, paint));
    }
    foot
}

/// Returns the next command to type, with an alternative. The command stays on one line, so that it
/// can be copied; if there is no room beside it, the alternative is below.
pub(crate) fn next_line(command: &str, or: Option<&str>, paint: Paint) -> String {
    let next = format!("next        {}", paint.bold(command));
    let Some(or) = or else {
        return next + "\n";
    };
    let whole = format!("{next}    ({or})\n");
    if width(&whole) <= paint.columns() {
        whole
    } else {
        format!("{next}\n{:12}({or})\n", "")
    }
}
