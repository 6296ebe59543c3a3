//! The report as a self-contained page: no scripts, files or network access. It can be attached to
//! a message and read on a phone, in light and dark mode, and on paper.
//!
//! ```text
//!   headline ─► needs you ─► failed, with the relevant output ─► shipped ─► before you merge ─► backlog warnings ─► the rest ─► timeline
//! ```
//!
//! The macro that builds the page escapes all text, and only web addresses become links. As a
//! second line of defence, a content security policy in the head forbids everything but the page's
//! own style.

mod picture;

use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::OutcomeGroup;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Entry, NOTHING_PRINTED, Report, is_web};
use crate::local_time::{LocalTime, span};
use crate::narration::{Tone, counted};

const STYLE: &str = include_str!("html/page.css");
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Metadata for the page's footer.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    /// Command line of the session, printable.
    pub(crate) command: &'a str,
    /// The release that ran it.
    pub(crate) version: &'a str,
}

/// Returns the report as an HTML page.
pub(crate) fn page(
    report: &Report,
    chronicle: &Chronicle,
    origin: &Origin<'_>,
    time: &LocalTime,
) -> String {
    let headline = report.headline();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (headline) " · " (report.repository) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (head(report, &headline))
                main {
                    (needs_you(report.entries(Some(OutcomeGroup::NeedsYou))))
                    (failed(report.entries(Some(OutcomeGroup::Failed))))
                    (shipped(report.entries(Some(OutcomeGroup::Done))))
                    (list("before-merge", &html! { "Before you merge" }, &report.before_merge))
                    (list("warnings", &html! { "Backlog warnings " span.count { (report.warnings.len()) } }, &report.warnings))
                    (plain("Not finished", report.entries(None)))
                    (plain("Not started", report.entries(Some(OutcomeGroup::NotStarted))))
                    (there("open", "Already had an open pull request or branch", report.entries(Some(OutcomeGroup::AlreadyOpen))))
                    (there("merged", "Already merged", report.entries(Some(OutcomeGroup::AlreadyMerged))))
                    (picture::section(chronicle, time))
                }
                (foot(report, origin))
            }
        }
    };
    page.into_string()
}

fn head(report: &Report, headline: &str) -> Markup {
    let money = report.money;
    html! {
        header {
            p.where { b { (report.repository) } " · " (report.subject.parts().0) " " code { (report.subject.parts().1) } " · " (report.when) }
            h1 { (headline) }
            @if let Some((tone, verdict)) = report.verdict.as_ref().filter(|(_, verdict)| verdict != headline) {
                p.verdict.bad[*tone == Tone::Bad] { (verdict) }
            }
            dl.figures {
                div { dt { "spent" } dd { (money.spent) small { " of " (money.budget) } } }
                @if let Some(cost) = money.per_pull_request {
                    div { dt { "per pull request" } dd { (cost) } }
                }
                @if money.estimated != Default::default() {
                    div { dt { "estimated" } dd { (money.estimated) } }
                }
                div { dt { "attempts" } dd { (report.n_attempts) } }
            }
            @if let Some(next) = &report.next {
                p.next { "Next: " code { (next.command) } @if let Some(or) = next.or { " " (or) } }
            }
        }
    }
}

fn needs_you(entries: &[Entry]) -> Markup {
    section("needs-you", "Needs you", entries, |entry| {
        html! {
            article {
                h3 { (issue(entry)) " " (words(&entry.title)) }
                p.why { (words(&entry.why)) }
                (details(entry))
            }
        }
    })
}

fn failed(entries: &[Entry]) -> Markup {
    section("failed", "Failed", entries, |entry| {
        html! {
            article {
                h3 { (issue(entry)) " " (words(&entry.title)) }
                p.why { (words(&entry.why)) }
                @for (name, lines) in &entry.outputs {
                    figure {
                        figcaption { "check " code { (name) } }
                        @if lines.is_empty() {
                            p { (NOTHING_PRINTED) }
                        } @else {
                            pre tabindex="0" { @for line in lines { (line) "\n" } }
                        }
                    }
                }
                (details(entry))
            }
        }
    })
}

fn shipped(entries: &[Entry]) -> Markup {
    if entries.is_empty() {
        return html! {};
    }
    html! {
        section.shipped aria-labelledby="shipped" {
            h2 id="shipped" { "Shipped " span.count { (entries.len()) } }
            div.scroll tabindex="0" role="region" aria-label="Shipped issues" {
                table {
                    thead { tr {
                        th scope="col" { "Issue" } th scope="col" { "Where" } th scope="col" { "Changes" }
                        th.number scope="col" { "Attempts" } th.number scope="col" { "Cost" }
                    } }
                    tbody {
                        @for entry in entries {
                            tr {
                                th scope="row" { (issue(entry)) " " (words(&entry.title)) }
                                td { (place(&entry.place)) }
                                td { (entry.stat) }
                                td.number data-label="attempts" { (entry.n_attempts) }
                                td.number data-label="cost" { (entry.spent) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Returns a section without tasks; empty if there is nothing in it.
fn list(id: &str, heading: &Markup, notes: &[String]) -> Markup {
    if notes.is_empty() {
        return html! {};
    }
    html! {
        section.notes aria-labelledby=(id) {
            h2 id=(id) { (heading) }
            ul { @for note in notes { li { (words(note)) } } }
        }
    }
}

fn plain(heading: &str, entries: &[Entry]) -> Markup {
    let id = if heading == "Not started" {
        "not-started"
    } else {
        "not-finished"
    };
    section(id, heading, entries, |entry| {
        html! { p.line { (issue(entry)) " " (words(&entry.title)) " " span.muted { (words(&entry.why)) } } }
    })
}

/// Issues with a pull request of an earlier session.
fn there(id: &str, heading: &str, entries: &[Entry]) -> Markup {
    section(id, heading, entries, |entry| {
        html! { p.line { (issue(entry)) " " (words(&entry.title)) " " (place(&entry.place)) } }
    })
}

fn section(
    id: &str,
    heading: &str,
    entries: &[Entry],
    render: impl Fn(&Entry) -> Markup,
) -> Markup {
    if entries.is_empty() {
        return html! {};
    }
    html! {
        section class=(id) aria-labelledby=(id) {
            h2 id=(id) { (heading) " " span.count { (entries.len()) } }
            @for entry in entries { (render(entry)) }
        }
    }
}

/// Returns the details of a task that needs attention.
fn details(entry: &Entry) -> Markup {
    html! {
        p.muted {
            (entry.domain)
            @if 0 < entry.n_attempts { " · " (counted(entry.n_attempts, "attempt")) " · " (entry.spent) }
            @if !entry.stat.is_empty() { " · " (entry.stat) }
        }
        @if let Some(kept) = &entry.kept {
            p.muted { "work kept; to recover it: " code { (kept) } }
        }
    }
}

fn issue(entry: &Entry) -> Markup {
    let number = entry.issue.to_string();
    html! { @if is_web(&entry.url) { (link(&entry.url, &number)) } @else { span.issue { (number) } } }
}

/// Returns text in which parts between backticks are `code` elements, as on a forge. All of it is
/// escaped.
fn words(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    let is_paired =
        parts.len() % 2 == 1 && parts.iter().skip(1).step_by(2).all(|code| !code.is_empty());
    html! {
        @if is_paired {
            @for (at, part) in parts.iter().enumerate() {
                @if at % 2 == 1 { code { (part) } } @else { (part) }
            }
        } @else { (text) }
    }
}

/// Returns where the work is published: a link for a web address, otherwise the name.
fn place(place: &str) -> Markup {
    // The end of a web address says which pull request it is.
    let short = place.rsplit('/').take(2).collect::<Vec<_>>();
    match short.as_slice() {
        [number, "pull" | "pulls"] if is_web(place) => link(place, &format!("#{number}")),
        _ if is_web(place) => link(place, place),
        _ => html! { code { (place) } },
    }
}

fn link(url: &str, text: &str) -> Markup {
    html! { a href=(url) rel="noopener noreferrer" { (text) } }
}

fn foot(report: &Report, origin: &Origin<'_>) -> Markup {
    html! {
        footer {
            @if let Some(directory) = &report.transcripts {
                p { "Transcripts: " code { (directory) } }
            }
            p { "Session " code { (report.session) } " · " code { (origin.command) } " · autoissue " (origin.version)
                " · all figures are from its journal" }
        }
    }
}

/// Returns a duration as text.
fn took(from_ms: u64, to_ms: u64) -> String {
    span(to_ms.saturating_sub(from_ms))
}
