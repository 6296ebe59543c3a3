//! The built-in pull request template.
//!
//! All untrusted text (title, paths, names, the agent's summary) goes through [`text`], so that it
//! is displayed and never becomes markup: no link, no mention, no reference that closes an issue,
//! no hidden comment. Every list has a limit, and so does the body.

mod text;

use autoissue_plugin_sdk::{
    Change, CheckReport, Description, PluginError, PrContext, PrTemplate, PullRequestText,
    commit_text,
    hidden_text::{self, one_line},
};

use text::{code, code_in_table, cut, quote};

/// Maximum length of a title in characters: forges truncate longer ones in lists.
const TITLE_CHARS_MAX: usize = 120;

/// Maximum length of a body in characters: GitHub allows 65,536, and the host adds its marker.
const BODY_CHARS_MAX: usize = 60_000;

/// Maximum length of the agent's own summary in characters.
const SUMMARY_CHARS_MAX: usize = 4_000;

/// Maximum number of files in the table of changes.
const N_FILES_MAX: usize = 30;

/// Maximum number of checks in the table of checks.
const N_CHECKS_MAX: usize = 30;

/// Maximum number of names in a sentence: denied tools, pull requests to merge first.
const N_NAMES_MAX: usize = 10;

/// Maximum length of a name or path in characters. A name that consists of backticks takes three
/// times as much as code; the limit of the body allows for that.
const NAME_CHARS_MAX: usize = 150;

/// Number of digits of an abbreviated hash.
const HASH_CHARS: usize = 12;

/// Writes a plain report of the work.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuiltinTemplate;

autoissue_plugin_sdk::export_plugin! { pr_template: BuiltinTemplate }

impl PrTemplate for BuiltinTemplate {
    fn describe(&self) -> Description {
        Description::new(
            "builtin",
            env!("CARGO_PKG_VERSION"),
            "Reports what was done, the checks, the changes and the cost",
        )
    }

    fn render(&self, context: &PrContext) -> Result<PullRequestText, PluginError> {
        Ok(PullRequestText::new(title(context), body(context)))
    }
}

/// Returns the issue's title on one line, without invisible characters. Domain tags at its start
/// stay, because people sort by them.
fn title(context: &PrContext) -> String {
    let visible = hidden_text::strip_characters(&context.issue.title).text;
    let title = commit_text::disarm(&one_line(&visible));
    if title.is_empty() {
        return format!("Issue #{}", context.issue.number);
    }
    cut(&title, TITLE_CHARS_MAX)
}

fn body(context: &PrContext) -> String {
    let sections = [
        Some(format!("Closes #{}", context.issue.number)),
        merge_order(&context.merge_after),
        warnings(context),
        summary(context.agent_summary.as_deref()),
        checks(&context.checks),
        changes(&context.changes),
        origin(context),
    ];
    let mut body = String::new();
    let mut n_chars = 0;
    for section in sections.into_iter().flatten() {
        // The limits of the sections already keep the total below this; this check guards against
        // mistakes in one of them.
        n_chars += section.chars().count() + 2;
        if BODY_CHARS_MAX < n_chars {
            break;
        }
        body.push_str(section.trim_end());
        body.push_str("\n\n");
    }
    body.truncate(body.trim_end().len());
    body.push('\n');
    body
}

fn merge_order(merge_after: &[u64]) -> Option<String> {
    if merge_after.is_empty() {
        return None;
    }
    let numbers = listed(
        merge_after.iter().map(|number| format!("#{number}")),
        N_NAMES_MAX,
    );
    Some(format!(
        "> [!IMPORTANT]\n> Merge after {numbers}. `Closes` only works if the pull request targets the default branch: \
         merge in this order, or close the issue by hand."
    ))
}

fn warnings(context: &PrContext) -> Option<String> {
    let mut lines = Vec::new();
    if !context.denied.is_empty() {
        let tools = listed(
            context.denied.iter().map(|tool| code(tool, NAME_CHARS_MAX)),
            N_NAMES_MAX,
        );
        lines.push(format!("> The agent was denied these tools: {tools}."));
    }
    if !context.removed_from_prompt.is_empty() {
        let kinds = listed(
            context
                .removed_from_prompt
                .iter()
                .map(|kind| code(kind, NAME_CHARS_MAX)),
            N_NAMES_MAX,
        );
        lines.push(format!(
            "> Hidden text was removed from the issue before the agent saw it: {kinds}."
        ));
    }
    (!lines.is_empty()).then(|| format!("> [!WARNING]\n{}", lines.join("\n>\n")))
}

fn summary(summary: Option<&str>) -> Option<String> {
    let quoted = quote(summary?, SUMMARY_CHARS_MAX)?;
    Some(format!(
        "### What was done\n\nWritten by the agent, not verified:\n\n{quoted}"
    ))
}

fn checks(checks: &[CheckReport]) -> Option<String> {
    if checks.is_empty() {
        return Some("### Checks\n\nNo checks are configured.".into());
    }
    let rows = checks.iter().take(N_CHECKS_MAX).map(|check| {
        let name = code_in_table(&check.name, NAME_CHARS_MAX);
        format!(
            "| {name} | {} | {} |\n",
            check_result(check),
            duration(check.duration_ms)
        )
    });
    let rows: String = rows.collect();
    let more = and_more(checks.len(), N_CHECKS_MAX, "check");
    Some(format!(
        "### Checks\n\n| check | result | time |\n| --- | --- | ---: |\n{rows}{more}"
    ))
}

fn check_result(check: &CheckReport) -> &'static str {
    match (check.passed, check.fails_on_base) {
        (true, false) => "passed",
        (true, true) => "passed; fails without this change",
        (false, true) => "**failed**; also fails without this change",
        (false, false) => "**failed**",
    }
}

fn changes(changes: &[Change]) -> Option<String> {
    if changes.is_empty() {
        return None;
    }
    let added: u64 = changes
        .iter()
        .map(|change| change.added)
        .fold(0, u64::saturating_add);
    let removed: u64 = changes
        .iter()
        .map(|change| change.removed)
        .fold(0, u64::saturating_add);
    let rows = changes.iter().take(N_FILES_MAX).map(|change| {
        format!(
            "| {} | {} | {} |\n",
            code_in_table(&change.path, NAME_CHARS_MAX),
            change.added,
            change.removed
        )
    });
    let rows: String = rows.collect();
    Some(format!(
        "### Changes\n\n{}, {} added, {removed} removed.\n\n| file | added | removed |\n| --- | ---: | ---: |\n{rows}{}",
        counted(changes.len() as u64, "file"),
        counted(added, "line"),
        and_more(changes.len(), N_FILES_MAX, "file"),
    ))
}

/// Returns how the work was made: agent, attempts, cost, base.
fn origin(context: &PrContext) -> Option<String> {
    let mut rows = vec![("attempts", context.attempts.to_string())];
    rows.push(("agent", code_in_table(&context.agent, NAME_CHARS_MAX)));
    if let Some(model) = &context.model {
        rows.push(("model", code_in_table(model, NAME_CHARS_MAX)));
    }
    rows.push(("cost", cost(context.cost_usd, context.cost_is_estimated)));
    let commit: String = context.base_commit.chars().take(HASH_CHARS).collect();
    let base = code_in_table(&context.base, NAME_CHARS_MAX);
    rows.push((
        "base",
        format!("{base} at {}", code_in_table(&commit, NAME_CHARS_MAX)),
    ));
    let rows: String = rows
        .into_iter()
        .map(|(name, value)| format!("| {name} | {value} |\n"))
        .collect();
    Some(format!(
        "### How it was made\n\n| | |\n| --- | --- |\n{rows}"
    ))
}

fn cost(usd: f64, is_estimated: bool) -> String {
    let known = if !usd.is_finite() || usd < 0.0 {
        return "unknown".into();
    } else if 0.0 < usd && usd < 0.005 {
        "less than $0.01".into()
    } else {
        format!("${usd:.2}")
    };
    if is_estimated {
        format!("{known}, partly estimated")
    } else {
        known
    }
}

fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{seconds}.{} s", ms % 1_000 / 100),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

fn counted(n: u64, word: &str) -> String {
    if n == 1 {
        format!("1 {word}")
    } else {
        format!("{n} {word}s")
    }
}

/// Returns the line below a table that shows `shown_max` of `n` rows; empty if it shows all of
/// them.
fn and_more(n: usize, shown_max: usize, word: &str) -> String {
    match n.saturating_sub(shown_max) {
        0 => String::new(),
        more => format!("\nand {} more", counted(more as u64, word)),
    }
}

/// Returns at most `shown_max` items, separated by commas.
fn listed(items: impl ExactSizeIterator<Item = String>, shown_max: usize) -> String {
    let more = items.len().saturating_sub(shown_max);
    let shown: Vec<String> = items.take(shown_max).collect();
    let more = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests;
