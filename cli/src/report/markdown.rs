//! The report as Markdown, for a message or an issue. Tasks that need attention come first.
//!
//! Text from outside stays plain text: no links, mentions, references or markup. An issue's title
//! must not be able to notify people when the report is pasted on a forge.

use std::fmt::Write;

use autoissue_core::engine::OutcomeGroup;

use super::{Entry, Kind, NOTHING_PRINTED, Report, cost, heading};

/// The order of the groups on a page.
const ORDER: [Kind; 7] = [
    Some(OutcomeGroup::NeedsYou),
    Some(OutcomeGroup::Failed),
    Some(OutcomeGroup::Done),
    None,
    Some(OutcomeGroup::NotStarted),
    Some(OutcomeGroup::AlreadyOpen),
    Some(OutcomeGroup::AlreadyMerged),
];

/// Returns the report as Markdown.
pub(crate) fn markdown(report: &Report) -> String {
    let Report {
        session,
        repository,
        subject,
        when,
        ..
    } = report;
    let (kind, name) = subject.parts();
    let mut page = format!("# {}\n\n", inline(&report.headline()));
    page.push_str(&format!(
        "{} · {kind} {} · {when} · session {}\n\n",
        code(repository),
        code(name),
        code(session)
    ));
    if let Some((_, verdict)) = &report.verdict {
        page.push_str(&format!("> {}\n\n", inline(verdict)));
    }
    page.push_str(&format!("**{}**\n", inline(&cost(&report.money))));
    for kind in ORDER {
        page.push_str(&group(kind, report.entries(kind)));
    }
    page.push_str(&list("Before you merge", &report.before_merge));
    let warnings = format!("Backlog warnings ({})", report.warnings.len());
    page.push_str(&list(&warnings, &report.warnings));
    page.push_str(&foot(report));
    page
}

fn group(kind: Kind, entries: &[Entry]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n## {} ({})\n\n",
        capitalized(heading(kind)),
        entries.len()
    );
    if kind == Some(OutcomeGroup::Done) {
        text.push_str(
            "| issue | title | where | changes | attempts | cost |\n| --- | --- | --- | --- | ---: | ---: |\n",
        );
        entries.iter().for_each(|entry| text.push_str(&row(entry)));
    } else {
        entries
            .iter()
            .for_each(|entry| text.push_str(&item(kind, entry)));
    }
    text
}

/// Returns a section without tasks; empty if there is nothing in it.
fn list(heading: &str, notes: &[String]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let notes: String = notes
        .iter()
        .map(|note| format!("- {}\n", inline(note)))
        .collect();
    format!("\n## {heading}\n\n{notes}")
}

fn row(entry: &Entry) -> String {
    let Entry {
        issue,
        title,
        place,
        stat,
        n_attempts,
        spent,
        ..
    } = entry;
    let cells = [
        issue.to_string(),
        inline(title),
        link(place),
        inline(stat),
        n_attempts.to_string(),
        inline(&spent.to_string()),
    ];
    // In a table, a bar would start a new cell even inside code.
    format!(
        "| {} |\n",
        cells.map(|cell| cell.replace('|', "\\|")).join(" | ")
    )
}

fn item(kind: Kind, entry: &Entry) -> String {
    let mut text = format!("- **{} {}**", entry.issue, inline(&entry.title));
    let what = if matches!(
        kind,
        Some(OutcomeGroup::AlreadyOpen) | Some(OutcomeGroup::AlreadyMerged)
    ) {
        link(&entry.place)
    } else {
        inline(&entry.why)
    };
    if !what.is_empty() {
        text.push_str(&format!(": {what}"));
    }
    if 0 < entry.n_attempts {
        text.push_str(&format!(" ({})", inline(&entry.effort())));
    }
    text.push('\n');
    for (name, lines) in &entry.outputs {
        if lines.is_empty() {
            text.push_str(&format!("\n  {}: {NOTHING_PRINTED}\n\n", code(name)));
            continue;
        }
        let fence = fence(lines);
        text.push_str(&format!("\n  {}:\n\n  {fence}text\n", code(name)));
        lines
            .iter()
            .for_each(|line| text.push_str(&format!("  {line}\n")));
        text.push_str(&format!("  {fence}\n\n"));
    }
    if let Some(kept) = &entry.kept {
        text.push_str(&format!(
            "  - work kept ({}); to recover it: {}\n",
            inline(&entry.stat),
            code(kept)
        ));
    }
    text
}

fn foot(report: &Report) -> String {
    let mut foot = String::from("\n---\n");
    // Writing to a string cannot fail.
    if let Some(next) = &report.next {
        let or = next.or.map(|or| format!(" ({or})")).unwrap_or_default();
        let _ = write!(foot, "\nNext: {}{or}\n", code(&next.command));
    }
    foot
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// Escapes Markdown, and formats as code what a forge would act on.
fn inline(text: &str) -> String {
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn word(word: &str) -> String {
    // References to this repository's own issues are intended.
    let is_ours = word
        .strip_prefix('#')
        .is_some_and(|number| number.trim_end_matches([':', ',']).parse::<u64>().is_ok());
    let is_commit = 7 <= word.len() && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let names_site = word.to_ascii_lowercase().contains("www.");
    let acts = ["@", "://", "#", "GH-"]
        .iter()
        .any(|sign| word.contains(sign))
        || is_commit
        || names_site;
    if acts && !is_ours {
        return code(word);
    }
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if r"\`*_{}[]<>~&$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Returns text as inline code. Replaces backticks with apostrophes, because they cannot be escaped
/// there.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

/// Returns a web address unchanged, because Markdown links it automatically, and anything else as
/// code.
fn link(place: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#=%+".contains(c);
    if super::is_web(place) && place.chars().all(is_plain) {
        place.to_owned()
    } else {
        code(place)
    }
}

/// Returns a fence that none of the lines can close.
fn fence(lines: &[String]) -> String {
    let longest = lines.iter().map(|line| {
        line.chars()
            .take_while(|&c| c == ' ' || c == '`')
            .filter(|&c| c == '`')
            .count()
    });
    "`".repeat(longest.max().unwrap_or(0).max(2) + 1)
}
