//! The body of an issue, line by line, with the weight of each line as evidence.
//!
//! Authors say what they want in the title and the first paragraph. The rest explains, code blocks
//! illustrate, and the words of an issue template say nothing: a form that asks for the browser
//! does not make every issue a frontend issue.
//!
//! ```text
//! body ──► lines ──► comment? fence? heading? field? trace? ──► (text, Zone)
//!                    └── skips comments, template headings, environment fields, ticked checkboxes
//! ```

/// How much a line counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// The first paragraph.
    Lead,
    /// Later prose, lists and headings written by the author.
    Rest,
    /// Quotations, and sections that the template asks every author to fill in.
    Aside,
    /// Fenced or indented code, without stack traces.
    Code,
}

/// Calls `visit` with each line of `body` that counts as evidence.
pub(crate) fn each_line<'b>(body: &'b str, mut visit: impl FnMut(&'b str, Zone)) {
    let mut reader = Reader::default();
    for line in body.lines() {
        reader.read(line, &mut visit);
    }
}

#[derive(Default)]
struct Reader {
    in_comment: bool,
    /// The fence that closes the current code block.
    fence: Option<&'static str>,
    in_filled_section: bool,
    lead: LeadState,
}

#[derive(Default, PartialEq, Eq)]
enum LeadState {
    #[default]
    Awaited,
    Open,
    Over,
}

impl Reader {
    fn read<'b>(&mut self, line: &'b str, visit: &mut impl FnMut(&'b str, Zone)) {
        if line.trim().is_empty() {
            self.end_lead();
            return;
        }
        let mut rest = line;
        while let Some((before, after)) = self.split_comment(rest) {
            self.read_visible(before, visit);
            rest = after;
        }
        if !self.in_comment {
            self.read_visible(rest, visit);
        }
    }

    /// Splits at the next start or end of a comment, and returns the visible part first.
    fn split_comment<'b>(&mut self, line: &'b str) -> Option<(&'b str, &'b str)> {
        if self.fence.is_some() {
            return None;
        }
        if self.in_comment {
            let (_, after) = line.split_once("-->")?;
            self.in_comment = false;
            return Some(("", after));
        }
        // Almost no line has a comment, and `contains` is the fastest check.
        let (before, after) = if line.contains("<!--") {
            line.split_once("<!--")?
        } else {
            return None;
        };
        self.in_comment = true;
        Some((before, after))
    }

    fn read_visible<'b>(&mut self, line: &'b str, visit: &mut impl FnMut(&'b str, Zone)) {
        let text = line.trim();
        if let Some(fence) = self.fence {
            if text.starts_with(fence) {
                self.fence = None;
            } else if !is_trace(text) {
                visit(text, Zone::Code);
            }
            return;
        }
        if text.is_empty() {
            return;
        }
        if let Some(fence) = ["```", "~~~"]
            .into_iter()
            .find(|fence| text.starts_with(fence))
        {
            // "```x```" on one line is code within prose.
            self.fence = (!text[fence.len()..].contains(fence)).then_some(fence);
            return;
        }
        if let Some(heading) = heading(text) {
            self.read_heading(heading, visit);
        } else if let Some(zone) = self.zone_of(line, text) {
            visit(text, zone);
        }
    }

    fn end_lead(&mut self) {
        if self.lead == LeadState::Open {
            self.lead = LeadState::Over;
        }
    }

    fn read_heading<'b>(&mut self, heading: &'b str, visit: &mut impl FnMut(&'b str, Zone)) {
        self.end_lead();
        self.in_filled_section = begins_with_any(heading, &FILLED_SECTIONS);
        if !self.in_filled_section && !begins_with_any(heading, &TEMPLATE_HEADINGS) {
            visit(heading, Zone::Rest);
        }
    }

    /// Returns how much a line of prose counts; `None` for a line of the template.
    fn zone_of(&mut self, line: &str, text: &str) -> Option<Zone> {
        // The forge writes `_No response_` for a field that was left empty.
        if is_promise(text)
            || is_environment_field(text)
            || is_trace(text)
            || text == "_No response_"
        {
            return None;
        }
        if self.in_filled_section || text.starts_with('>') {
            return Some(Zone::Aside);
        }
        if is_indented_code(line, text) {
            return Some(Zone::Code);
        }
        match self.lead {
            LeadState::Over => Some(Zone::Rest),
            LeadState::Awaited | LeadState::Open => {
                self.lead = LeadState::Open;
                Some(Zone::Lead)
            }
        }
    }
}

/// Returns the text of a Markdown heading, or of a line that is entirely bold, as in older
/// templates.
fn heading(text: &str) -> Option<&str> {
    if text.starts_with('#') {
        let heading = text.trim_start_matches('#');
        return heading.starts_with(' ').then(|| heading.trim());
    }
    let inner = text.strip_prefix("**")?;
    let inner = inner.trim_end_matches(':').strip_suffix("**")?;
    (!inner.contains("**")).then(|| inner.trim())
}

fn is_indented_code(line: &str, text: &str) -> bool {
    let is_list =
        text.starts_with(['-', '*', '+']) || text.starts_with(|c: char| c.is_ascii_digit());
    (line.starts_with("    ") || line.starts_with('\t')) && !is_list
}

/// Returns whether the line is a checkbox that the template asks every author to tick ("I have
/// searched the existing issues").
fn is_promise(text: &str) -> bool {
    let Some(promise) = without_bullet(text).strip_prefix('[') else {
        return false;
    };
    let promise = promise
        .get(1..)
        .and_then(|rest| rest.strip_prefix(']'))
        .map_or("", str::trim_start);
    begins_with_any(promise, &PROMISES)
}

/// Returns whether the line fills in a field about the author's machine ("- OS: macOS 14").
fn is_environment_field(text: &str) -> bool {
    let field = without_bullet(text).trim_start_matches('*');
    let has_short_name = field.bytes().take(32).any(|byte| byte == b':');
    has_short_name && begins_with_any(field, &ENVIRONMENT_FIELDS)
}

/// Returns whether the line is part of a stack trace or a log: it names code that ran, not code to
/// change.
fn is_trace(text: &str) -> bool {
    let is_frame = text.starts_with("at ")
        && (text.contains('(') || text.contains(".js:") || text.contains(".ts:"));
    let is_log = text.len() > 16
        && text.as_bytes()[..4].iter().all(u8::is_ascii_digit)
        && text.as_bytes()[4] == b'-';
    is_frame
        || is_log
        || [
            "File \"",
            "Traceback",
            "Caused by:",
            "goroutine ",
            "thread '",
            "stack backtrace",
        ]
        .iter()
        .any(|start| text.starts_with(start))
}

fn without_bullet(text: &str) -> &str {
    text.trim_start_matches(['-', '*', '+', ' '])
}

/// Returns whether `text`, without leading marks, begins with one of `starts` as whole words,
/// ignoring case.
fn begins_with_any(text: &str, starts: &[&str]) -> bool {
    let text = text
        .trim_start_matches(|c: char| !c.is_alphanumeric())
        .as_bytes();
    starts.iter().any(|start| {
        text.get(..start.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
            && !text.get(start.len()).is_some_and(u8::is_ascii_alphanumeric)
    })
}

/// Headings of templates, above the author's text.
#[rustfmt::skip]
const TEMPLATE_HEADINGS: [&str; 60] = [
    "additional", "affected", "alternative", "alternatives", "any other", "background", "bug description", "bug report", "context",
    "current behavior", "current behaviour", "current state", "actual", "describe", "description", "details", "expected", "feature",
    "feature description", "feature request", "goal", "goals", "how to reproduce", "idea", "implementation", "impact", "info", "is there",
    "is this", "is your", "issue", "link", "motivation", "more", "notes", "objective", "observed", "overview", "possible", "prerequisites",
    "problem", "proposal", "proposed", "question", "rationale", "related", "reproduction", "references", "requirements", "scope", "solution",
    "steps", "suggested", "suggestion", "summary", "task", "tasks", "to reproduce", "user story", "what",
];

/// Headings of sections that every author fills in, whatever the issue is about.
#[rustfmt::skip]
const FILLED_SECTIONS: [&str; 32] = [
    "acceptance", "browser", "browsers", "build info", "checklist", "code of conduct", "config", "configuration", "console", "contributing",
    "debug", "definition of done", "desktop", "device", "done when", "environment", "error log", "log", "logs", "mobile", "operating system",
    "output", "platform", "relevant log", "screenshots", "smartphone", "stack trace", "stacktrace", "system", "test plan", "version",
    "versions",
];

/// Beginnings of the checkboxes that every author ticks.
const PROMISES: [&str; 12] = [
    "i have",
    "i've",
    "i agree",
    "i am",
    "i'm",
    "i searched",
    "i checked",
    "i read",
    "i understand",
    "i confirm",
    "i will",
    "this is",
];

/// Fields about the author's machine.
#[rustfmt::skip]
const ENVIRONMENT_FIELDS: [&str; 32] = [
    "app version", "arch", "architecture", "browser", "browsers", "build", "chrome", "cpu", "deno", "device", "docker version", "edition",
    "environment", "firefox", "framework", "gpu", "host", "java version", "kernel", "model", "node", "node version", "npm", "operating system",
    "os", "package version", "platform", "python", "ruby version", "rust version", "system", "version",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &[(&str, Zone)]) {
        let mut lines = Vec::new();
        each_line(body, |line, zone| lines.push((line, zone)));
        assert_eq!(lines, expected, "in {body:?}");
    }

    #[test]
    fn the_first_paragraph_is_the_lead() {
        check(
            "a\nb\n\nc",
            &[("a", Zone::Lead), ("b", Zone::Lead), ("c", Zone::Rest)],
        );
        check(
            "## Summary\n\na\n## Schema\nb",
            &[("a", Zone::Lead), ("Schema", Zone::Rest), ("b", Zone::Rest)],
        );
    }

    #[test]
    fn comments_are_not_passed_on() {
        check(
            "a <!-- b\nc --> d <!-- e",
            &[("a", Zone::Lead), ("d", Zone::Lead)],
        );
        check("<!-- a -->\nb", &[("b", Zone::Lead)]);
    }

    #[test]
    fn code_counts_as_code_and_stack_traces_are_skipped() {
        check(
            "```js\nx()\n    at f (a.js:1)\n```\nz",
            &[("x()", Zone::Code), ("z", Zone::Lead)],
        );
        check(
            "a\n\n    indented",
            &[("a", Zone::Lead), ("indented", Zone::Code)],
        );
        check("```\nopen to the end", &[("open to the end", Zone::Code)]);
    }

    #[test]
    fn template_fields_count_little_or_nothing() {
        check(
            "- [x] I have searched existing issues\n- OS: macOS\n**Browser:** Firefox",
            &[],
        );
        check("**Describe the bug**\na", &[("a", Zone::Lead)]);
        check(
            "### Environment\nwith Docker\n### Why\n> quoted",
            &[
                ("with Docker", Zone::Aside),
                ("Why", Zone::Rest),
                ("> quoted", Zone::Aside),
            ],
        );
    }

    #[test]
    fn task_lists_of_the_author_count() {
        check(
            "- [ ] write the page",
            &[("- [ ] write the page", Zone::Lead)],
        );
    }
}
