//! Writes short pull requests.
//!
//! `cargo test` runs the tests below; `autoissue plugin test` builds the component and tests it with
//! `cases.json`.

use autoissue_plugin_sdk::hidden_text::one_line;
use autoissue_plugin_sdk::prelude::*;

/// Maximum length of a title, in characters; longer ones are cut off in lists.
const TITLE_CHARS_MAX: usize = 120;

/// Lists the closed issue, the changes and the check results.
#[derive(Default)]
struct Short;

impl PrTemplate for Short {
    fn describe(&self) -> Description {
        Description::new("short", env!("CARGO_PKG_VERSION"), "Lists the closed issue, the changes and the check results")
    }

    fn render(&self, context: &PrContext) -> Result<PullRequestText, PluginError> {
        let PrContext { issue, changes, checks, .. } = context;
        let mut body = format!("Closes #{}\n\nFiles changed: {}.\n", issue.number, changes.len());
        for check in checks.iter().take(50) {
            // Text from outside must not become markup, so it is formatted as code.
            let name = one_line(&check.name).replace('`', "'");
            body.push_str(&format!("\n- `{name}` {}", if check.passed { "passed" } else { "**failed**" }));
        }
        Ok(PullRequestText::new(title(issue), body))
    }
}

fn title(issue: &Issue) -> String {
    let title: String = one_line(&issue.title).chars().take(TITLE_CHARS_MAX).collect();
    if title.trim().is_empty() { format!("Issue #{}", issue.number) } else { title }
}

export_plugin! { pr_template: Short }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issue_is_closed() {
        let context = PrContext::default()
            .issue(Issue::new("Page is slow").number(7))
            .checks([CheckReport::new("tests").passed(true)]);
        let text = Short.render(&context).unwrap();
        assert_eq!(text.title, "Page is slow");
        assert!(text.body.starts_with("Closes #7\n"));
        assert!(text.body.contains("- `tests` passed"));
    }
}
