//! The strategies of a session, by name, and the conversion between the engine's values and the SDK's.
//!
//! A strategy is a `Box<dyn …>` of one of the SDK's traits; whether it is a built-in or a plugin is not known here.

use autoissue_classifier::BuiltinClassifier;
use autoissue_claude::ClaudeBackend;
use autoissue_engine::{Classification, Issue, Usd};
use autoissue_model_selector::BuiltinSelector;
use autoissue_patch::PatchBackend;
use autoissue_plugin_sdk as sdk;
use autoissue_plugin_sdk::{AgentBackend, Classifier, ClassifierContext, ModelSelector, PrTemplate};
use autoissue_pr_template::BuiltinTemplate;

use crate::config::Config;

/// Name of every built-in that has no name of its own.
const BUILTIN: &str = "builtin";
/// Names of the agent backends.
const BACKENDS: [&str; 2] = ["claude", "patch"];

/// The strategies of a session.
pub struct Strategies {
    classifier: Box<dyn Classifier>,
    selector: Box<dyn ModelSelector>,
    backend: Box<dyn AgentBackend>,
    template: Box<dyn PrTemplate>,
    repository: String,
    run_label: String,
}

/// A strategy that nobody supplies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` names `{found}`, which is not one of {}", list(.known))]
pub struct UnknownStrategy {
    /// Key of the configuration.
    pub key: &'static str,
    /// What it names.
    pub found: String,
    /// What it may name.
    pub known: &'static [&'static str],
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Strategies {
    /// Returns the built-ins, with the backend that costs nothing.
    pub fn builtin() -> Self {
        Self {
            classifier: Box::new(BuiltinClassifier),
            selector: Box::new(BuiltinSelector),
            backend: Box::new(PatchBackend),
            template: Box::new(BuiltinTemplate),
            repository: String::new(),
            run_label: String::new(),
        }
    }

    /// Returns the strategies that the configuration names, for a run over the issues with `run_label`.
    ///
    /// # Errors
    /// Where a name is not known.
    pub fn configured(config: &Config, repository: &str, run_label: &str) -> Result<Self, UnknownStrategy> {
        let named = &config.strategies;
        builtin_only("strategies.classifier", named.classifier.as_deref())?;
        builtin_only("strategies.modelSelector", named.model_selector.as_deref())?;
        builtin_only("strategies.prTemplate", named.pr_template.as_deref())?;
        let backend: Box<dyn AgentBackend> = match config.agent_backend() {
            "claude" => Box::new(ClaudeBackend),
            "patch" => Box::new(PatchBackend),
            found => {
                return Err(UnknownStrategy { key: "agent.backend", found: found.to_owned(), known: &BACKENDS });
            }
        };
        Ok(Self { backend, repository: repository.to_owned(), run_label: run_label.to_owned(), ..Self::builtin() })
    }

    /// Returns the agent backend.
    pub fn backend(&self) -> &dyn AgentBackend {
        self.backend.as_ref()
    }

    /// Returns whether the agent has a choice of models.
    pub fn has_models(&self) -> bool {
        self.backend.probe("").is_ok_and(|info| !info.models.is_empty())
    }

    /// Returns the domain of an issue and the paths that it names. What a strategy cannot answer is `unknown`.
    pub fn classify(&self, issue: &Issue) -> Classification {
        let given = self.issue(issue);
        let by = self.classifier.describe();
        let answer = self.classifier.classify(&given, &ClassifierContext::default());
        let answer =
            answer.unwrap_or_else(|error| sdk::Classification::unknown().because(format!("no answer: {error}")));
        let mut paths = given.paths();
        paths.extend(answer.paths.into_iter().filter(|path| !given.body.contains(path.as_str())));
        Classification {
            domain: answer.domain,
            confidence: answer.confidence,
            reasons: answer.reasons,
            paths,
            by: format!("{} {}", by.name, by.version),
        }
    }

    /// Returns the model for an attempt, and the reason in words. `None` leaves the choice to the agent's program.
    pub fn select_model(
        &self,
        issue: &Issue,
        domain: &str,
        attempt: u32,
        n_substance: u32,
        budget_left: Usd,
    ) -> (Option<String>, String) {
        let models = self.backend.probe("").map(|info| info.models).unwrap_or_default();
        if models.is_empty() {
            return (None, "the agent has no choice of models".to_owned());
        }
        let request = sdk::SelectionRequest {
            issue: self.issue(issue),
            domain: domain.to_owned(),
            attempt,
            failures_of_substance: n_substance,
            budget_left_usd: Some(budget_left.dollars()),
            available: models.into_iter().map(|id| sdk::ModelInfo { id, ..Default::default() }).collect(),
            ..Default::default()
        };
        match self.selector.select(&request) {
            Ok(selection) => (Some(selection.model), selection.reason),
            Err(error) => (None, format!("left to the agent's program: {error}")),
        }
    }

    /// Returns what the pull request says. A template that fails is replaced by the built-in.
    pub fn render(&self, context: &sdk::PrContext) -> sdk::PullRequestText {
        self.template.render(context).unwrap_or_else(|error| {
            tracing::warn!(%error, "the pull request template failed");
            BuiltinTemplate.render(context).unwrap_or_else(|_| sdk::PullRequestText {
                title: format!("Issue #{}", context.issue.number),
                body: format!("Closes #{}", context.issue.number),
                labels: Vec::new(),
            })
        })
    }

    /// Returns the issue as strategies see it. The label that started the run says nothing about an issue.
    pub fn issue(&self, issue: &Issue) -> sdk::Issue {
        sdk::Issue {
            repo: self.repository.clone(),
            number: issue.number.0,
            title: issue.title.clone(),
            body: issue.body.clone(),
            author: issue.author.clone(),
            labels: issue.labels.iter().filter(|label| !label.eq_ignore_ascii_case(&self.run_label)).cloned().collect(),
            created_at_ms: issue.created_at.ms(),
            url: issue.url.clone(),
            extra: Vec::new(),
        }
    }
}

fn builtin_only(key: &'static str, named: Option<&str>) -> Result<(), UnknownStrategy> {
    match named {
        None | Some(BUILTIN) => Ok(()),
        Some(found) => Err(UnknownStrategy { key, found: found.to_owned(), known: &[BUILTIN] }),
    }
}
