//! Pull request templates: every unusual issue, unusual summaries, and work of every size.

use autoissue_plugin_host::Plugin;
use autoissue_plugin_sdk::{Change, CheckReport, Commit, PrContext};

use super::{Answer, Trial, as_json, corpus};
use crate::built_in;

pub(super) fn trials(name: &str, settings: &str) -> Vec<Trial> {
    contexts()
        .into_iter()
        .map(|(input, context)| {
            let name = name.to_owned();
            let context = context.settings(settings);
            Trial {
                input,
                call: Box::new(move |plugin| render(plugin, &name, &context)),
            }
        })
        .collect()
}

pub(super) fn render(plugin: &Plugin, name: &str, context: &PrContext) -> Answer {
    let template = plugin
        .pr_template(Some(name))
        .expect("the plugin declares it, and the host has checked that");
    as_json(template.render(context))
}

fn change(path: &str) -> Change {
    Change::new(path).added(12).removed(3)
}

fn check(name: &str, passed: bool) -> CheckReport {
    CheckReport::new(name)
        .passed(passed)
        .fails_on_base(!passed)
        .duration_ms(61_000)
}

fn contexts() -> Vec<(&'static str, PrContext)> {
    let ordinary = PrContext::default()
        .issue(corpus::ordinary())
        .branch("autoissue/issue-4711")
        .base("main")
        .base_commit("0123456789abcdef0123456789abcdef01234567")
        .commits([Commit::new(
            "fedcba98",
            "Count entries from the page's start",
        )])
        .changes([change("web/entries.js"), change("tests/web.test.sh")])
        .agent_summary(Some(
            "The offset was computed before the filter. It is computed after it now.",
        ))
        .agent(built_in::default_agent().name())
        .model(Some(built_in::default_model()))
        .cost_usd(0.83)
        .attempts(1)
        .checks([check("tests", true)]);
    let of_issues = corpus::issues()
        .into_iter()
        .map(|(input, issue)| (input, ordinary.clone().issue(issue)));
    let mut contexts: Vec<_> = of_issues.collect();
    contexts.extend(corpus::texts().into_iter().map(|(input, text)| {
        let first_line: String = text.chars().take(200).collect();
        let context = ordinary
            .clone()
            .commits([Commit::new("1", &first_line)])
            .changes([change(&first_line)])
            .checks([check(&first_line, false)])
            .denied([first_line])
            .agent_summary(Some(text));
        (input, context)
    }));
    let many = |n: u64| (0..n).map(|n| format!("src/module_{n}/file.rs"));
    contexts.extend([
        (
            "only numbers",
            PrContext::default()
                .attempts(u32::MAX)
                .cost_usd(f64::MAX)
                .merge_after(1..500),
        ),
        (
            "a cost that is not a number",
            ordinary.clone().cost_usd(f64::NAN).cost_is_estimated(true),
        ),
        (
            "five thousand changed files",
            ordinary
                .clone()
                .changes(many(5_000).map(|path| change(&path))),
        ),
        (
            "a thousand checks",
            ordinary.checks(many(1_000).map(|name| check(&name, true))),
        ),
    ]);
    contexts
}
