//! Writes pull requests from a Jinja template in the configuration.
//!
//! ```json
//! { "title": "{{ issue.title }} (#{{ issue.number }})", "body": "Closes #{{ issue.number }}\n\n{{ agentSummary | quote }}" }
//! ```
//!
//! The variables are the fields of `PrContext` in JSON form: `issue.title`, `changes[0].path`,
//! `costUsd`. Their text is untrusted, so every inserted value is made harmless: on one line, with
//! Markdown and HTML characters escaped. The filters `code` and `quote` show a text unchanged, as
//! code or as a quotation.

mod markdown;

use autoissue_plugin_sdk::hidden_text::one_line;
use autoissue_plugin_sdk::prelude::*;
use autoissue_plugin_sdk::{schemars, serde};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

/// Maximum length of a title in characters, as on GitHub.
const TITLE_CHARS_MAX: usize = 256;
/// Maximum length of a body in characters; GitHub allows only a little more.
const BODY_CHARS_MAX: usize = 60_000;
/// Maximum number of steps of a template: many times what a page of text needs, and far below the
/// limits of a session.
const FUEL: u64 = 200_000;

const TITLE: &str = "{{ issue.title }}";
const BODY: &str = "\
Closes #{{ issue.number }}
{% if agentSummary %}
The agent says:

{{ agentSummary | quote }}
{% endif %}
{% for check in checks[:30] -%}
- {{ check.name | code }}: {% if check.passed %}passed{% else %}**failed**{% endif %}
{% endfor %}
{{ changes | length }} changed files, {{ attempts }} attempts, ${{ costUsd | round(2) }}
";

/// Settings of the plugin.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(crate = "autoissue_plugin_sdk::serde", deny_unknown_fields, default)]
#[schemars(crate = "autoissue_plugin_sdk::schemars")]
struct TemplateSettings {
    /// Template of the title, one line.
    title: String,
    /// Template of the body, Markdown.
    body: String,
    /// Labels for the pull request.
    labels: Vec<String>,
}

impl Default for TemplateSettings {
    fn default() -> Self {
        Self {
            title: TITLE.into(),
            body: BODY.into(),
            labels: Vec::new(),
        }
    }
}

/// Renders the templates from the settings.
#[derive(Default)]
struct JinjaTemplate;

impl PrTemplate for JinjaTemplate {
    fn describe(&self) -> Description {
        Description::new(
            "jinja-template",
            env!("CARGO_PKG_VERSION"),
            "Writes pull requests from a Jinja template",
        )
    }

    fn settings(&self) -> Settings {
        Settings::of::<TemplateSettings>()
    }

    /// Renders the templates for an example with all fields, so that mistakes are found before a
    /// session starts.
    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        render(&example().settings(settings)).map(|_| ())
    }

    fn render(&self, context: &PrContext) -> Result<PullRequestText, PluginError> {
        render(context)
    }
}

fn example() -> PrContext {
    PrContext::default()
        .issue(Issue::new("Page is slow").number(1))
        .agent_summary(Some("Counted from the page's start."))
        .model(Some("sonnet"))
        .commits([Commit::default()])
        .changes([Change::default()])
        .checks([CheckReport::default()])
        .denied(["Bash"])
        .merge_after([2])
}

fn render(context: &PrContext) -> Result<PullRequestText, PluginError> {
    let settings: TemplateSettings = read_settings(&context.settings)?;
    let values = Value::from(Serde(context));
    let fill = |name: &str, source: &str| {
        let filled = environment().render_named_str(name, source, &values);
        filled.map_err(|error| PluginError::InvalidSettings(format!("`{name}`: {error}")))
    };
    let title = one_line(&fill("title", &settings.title)?);
    let title: String = title.chars().take(TITLE_CHARS_MAX).collect();
    let body: String = markdown::visible(&fill("body", &settings.body)?)
        .chars()
        .take(BODY_CHARS_MAX)
        .collect();
    let title = if title.is_empty() {
        format!("Issue #{}", context.issue.number)
    } else {
        title
    };
    Ok(PullRequestText::new(title, body).labels(settings.labels))
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    // Titles are not Markdown; in a body, inserted values are made harmless.
    environment.set_auto_escape_callback(|name| match name {
        "title" => AutoEscape::None,
        _ => AutoEscape::Custom("markdown".into()),
    });
    environment.set_formatter(|out, state, value| {
        let is_body = matches!(state.auto_escape(), AutoEscape::Custom(_)) && !value.is_safe();
        let text = value.to_string();
        if value.is_undefined() {
            return Err(ErrorKind::UndefinedError.into());
        }
        let text = if value.is_none() {
            String::new()
        } else if is_body {
            markdown::escaped(&text)
        } else {
            text
        };
        out.write_str(&text).map_err(Error::from)
    });
    environment.add_filter("code", |text: String| {
        Value::from_safe_string(markdown::code(&text))
    });
    environment.add_filter("quote", |text: String| {
        Value::from_safe_string(markdown::quote(&text))
    });
    environment
}

export_plugin! { pr_template: JinjaTemplate }

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::serde_json::json;

    use super::*;

    fn rendered(
        title: &str,
        body: &str,
        context: PrContext,
    ) -> Result<PullRequestText, PluginError> {
        JinjaTemplate.render(&context.settings(json!({ "title": title, "body": body }).to_string()))
    }

    #[test]
    fn the_templates_are_filled() {
        let text = rendered(
            "#{{ issue.number }} {{ issue.title }}",
            "{{ checks | length }} checks",
            example(),
        )
        .unwrap();
        assert_eq!(
            (text.title.as_str(), text.body.as_str()),
            ("#1 Page is slow", "1 checks")
        );
    }

    #[test]
    fn the_default_is_a_report() {
        let text = JinjaTemplate.render(&example()).unwrap();
        assert!(text.body.starts_with("Closes #1\n"), "{}", text.body);
        assert!(
            text.body.contains("> Counted from the page's start."),
            "{}",
            text.body
        );
    }

    #[test]
    fn untrusted_text_is_not_markup() {
        let issue = Issue::new("<img src=x> [a](b) **c** @all\n# d");
        let context = example().issue(issue).agent_summary(Some("a\n\n# b\n```"));
        let text = rendered(
            "{{ issue.title }}",
            "{{ issue.title }}\n{{ agentSummary | quote }}\n{{ issue.title | code }}",
            context,
        );
        let body = text.unwrap().body;
        let (prose, code) = body.rsplit_once('\n').unwrap();
        assert!(
            !prose.contains("<img") && !prose.contains("**c**") && !body.contains("\n# d"),
            "{body}"
        );
        assert!(code.starts_with('`') && code.ends_with('`'), "{body}");
        assert!(body.contains("> a\n>\n> # b\n> ```"), "{body}");
    }

    #[test]
    fn mistakes_in_a_template_are_found_by_the_settings_check() {
        fn check(body: &str) -> String {
            JinjaTemplate
                .check_settings(&json!({ "body": body }).to_string())
                .unwrap_err()
                .to_string()
        }

        assert!(
            check("{{ isue.title }}").contains("`body`"),
            "an unknown name"
        );
        assert!(check("{% for x in %}").contains("`body`"), "a syntax error");
        assert!(
            check("{% for a in range(100000) %}{% endfor %}").contains("`body`"),
            "an endless template"
        );
        assert_eq!(JinjaTemplate.check_settings(""), Ok(()));
    }
}
