//! The report as Markdown, to be pasted into a message or an issue. What needs a person comes first.
//!
//! What strangers wrote stays text: no link, no mention, no reference, no markup. Of a page that is pasted on a forge, nobody must
//! be called by the title of an issue.

use std::fmt::Write;

use autoissue_core::engine::OutcomeGroup;

use super::{Entry, Kind, Report, cost, heading};

/// The groups in the order of a page.
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
    if !report.doubts.is_empty() {
        page.push_str("\n## Could not be verified\n\n");
        report
            .doubts
            .iter()
            .for_each(|doubt| page.push_str(&format!("- {}\n", inline(doubt))));
    }
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
    // Within a table a bar would begin a cell, in code too.
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
        let fence = fence(lines);
        text.push_str(&format!("\n  {}:\n\n  {fence}text\n", code(name)));
        lines
            .iter()
            .for_each(|line| text.push_str(&format!("  {line}\n")));
        text.push_str(&format!("  {fence}\n\n"));
    }
    if let Some(kept) = &entry.kept {
        text.push_str(&format!(
            "  - work kept: {} ({})\n",
            code(kept),
            inline(&entry.stat)
        ));
    }
    text
}

fn foot(report: &Report) -> String {
    let mut foot = String::from("\n---\n");
    // Writing to a string does not fail.
    if let Some(mirror) = &report.mirror {
        let _ = write!(
            foot,
            "\nKept work: {} with a ref from above\n",
            code(&format!("git fetch {mirror} REF"))
        );
    }
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

/// Returns text as text: what Markdown would act on is escaped, and what a forge would act on is code.
fn inline(text: &str) -> String {
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn word(word: &str) -> String {
    // The issues of this very repository are ours to name.
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

/// Returns text as code. A backtick in it becomes an apostrophe, for no escape works there.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

/// Returns an address that is one as it is, for it becomes a link by itself; anything else as code.
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
