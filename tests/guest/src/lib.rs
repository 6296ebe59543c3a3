//! A plugin for tests. It implements every role; its classifier behaves, or misbehaves, as the
//! issue title says.

mod agent;
mod echo;
mod misdeed;

use autoissue_plugin_sdk::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

export_plugin! {
    classifier: Obedient | Second,
    model_selector: Strongest,
    agent_backend: agent::LineAgent,
    pr_template: Plain | Signed,
}

/// Classifier settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// The domain to return.
    domain: String,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            domain: "guest".into(),
        }
    }
}

/// Does what the issue title says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Obedient;

impl Classifier for Obedient {
    fn describe(&self) -> Description {
        Description::new("obedient", "0.1.0", "Does what the title says").extra(echo::EXTRA)
    }

    fn settings(&self) -> Settings {
        Settings::of::<Rules>().with_example(r#"{"domain": "guest"}"#)
    }

    fn classify(
        &self,
        issue: &Issue,
        context: &ClassifierContext,
    ) -> Result<Classification, PluginError> {
        let rules: Rules = read_settings(&context.settings)?;
        if let Some(misdeed) = issue.title.strip_prefix("misdeed: ") {
            return misdeed::commit(misdeed);
        }
        if issue.title == echo::TITLE {
            return Ok(echo::classification(issue, context));
        }
        let known = context.domains.join(", ");
        Ok(Classification::new(&rules.domain, 0.5).because(format!("known domains: {known}")))
    }
}

/// A second classifier, selected by name only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Second;

impl Classifier for Second {
    fn describe(&self) -> Description {
        Description::new("second", "0.1.0", "Says `second`")
    }

    fn classify(&self, _: &Issue, _: &ClassifierContext) -> Result<Classification, PluginError> {
        Ok(Classification::new("second", 1.0))
    }
}

/// Chooses the strongest model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Strongest;

impl ModelSelector for Strongest {
    fn describe(&self) -> Description {
        Description::new("strongest", "0.1.0", "Chooses the strongest model")
    }

    fn select(&self, request: &SelectionRequest) -> Result<Selection, PluginError> {
        if request.issue.title == echo::TITLE {
            return Ok(echo::selection(request));
        }
        let model = request
            .available
            .last()
            .map(|model| model.id.clone())
            .unwrap_or_default();
        Ok(Selection::new(model)
            .effort(Some(Effort::High))
            .reason("the guest takes the strongest"))
    }
}

/// Writes a fixed description.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl PrTemplate for Plain {
    fn describe(&self) -> Description {
        Description::new("plain", "0.1.0", "Writes a line")
    }

    fn render(&self, context: &PrContext) -> Result<PullRequestText, PluginError> {
        if context.issue.title == echo::TITLE {
            return Ok(echo::text(context));
        }
        let commits: Vec<&str> = context
            .commits
            .iter()
            .map(|it| it.subject.as_str())
            .collect();
        let body = format!(
            "Written by the guest, for #{}, with {:?}. Commits: {}.",
            context.issue.number,
            context.model,
            commits.join(", ")
        );
        Ok(PullRequestText::new(
            format!("Guest: {}", context.issue.title),
            body,
        ))
    }
}

/// Settings of the template that signs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The last line of the description.
    signature: String,
}

/// A second template, selected by name only. It signs what it writes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signed;

impl PrTemplate for Signed {
    fn describe(&self) -> Description {
        Description::new("signed", "0.1.0", "Writes a line and signs it")
    }

    fn settings(&self) -> Settings {
        Settings::of::<Signature>().with_example(r#"{"signature": "the guest"}"#)
    }

    fn render(&self, context: &PrContext) -> Result<PullRequestText, PluginError> {
        let Signature { signature } = read_settings(&context.settings)?;
        let mut text = Plain.render(context)?;
        text.body.push_str(&format!("\n\nSigned: {signature}"));
        Ok(text)
    }
}
