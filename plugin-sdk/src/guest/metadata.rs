//! Exports `metadata`: describes the plugin, from its crate and its strategies.

use super::bindings::metadata::exports::autoissue::plugin::metadata::{Guest, Info, Strategy};
use super::{NOTHING, WitError, error, named, set_up};
use crate::supplies::{PluginStrategies, Supplies};
use crate::{
    AgentBackend, Classifier, Description, ModelSelector, PluginError, PrTemplate, Settings,
};

const CLASSIFIER: &str = "classifier";
const MODEL_SELECTOR: &str = "model-selector";
const AGENT_BACKEND: &str = "agent-backend";
const PR_TEMPLATE: &str = "pr-template";

impl<P: Supplies> Guest for P {
    fn describe() -> Info {
        set_up();
        let about = P::about();
        Info {
            name: about.name.into(),
            version: about.version.into(),
            description: about.description.into(),
            homepage: Some(about.homepage)
                .filter(|address| !address.is_empty())
                .map(Into::into),
            strategies: strategies(&P::strategies()),
            extra: NOTHING,
        }
    }

    fn check_settings(kind: String, strategy: String, settings: String) -> Result<(), WitError> {
        set_up();
        check(&P::strategies(), &kind, &strategy, &settings).map_err(error)
    }
}

fn strategies(all: &PluginStrategies) -> Vec<Strategy> {
    let mut found = Vec::new();
    found.extend(
        all.classifiers
            .iter()
            .map(|it| strategy(CLASSIFIER, it.describe(), &it.settings())),
    );
    found.extend(
        all.model_selectors
            .iter()
            .map(|it| strategy(MODEL_SELECTOR, it.describe(), &it.settings())),
    );
    found.extend(
        all.agent_backends
            .iter()
            .map(|it| strategy(AGENT_BACKEND, it.describe(), &it.settings())),
    );
    found.extend(
        all.pr_templates
            .iter()
            .map(|it| strategy(PR_TEMPLATE, it.describe(), &it.settings())),
    );
    found
}

fn strategy(kind: &str, description: Description, settings: &Settings) -> Strategy {
    Strategy {
        kind: kind.into(),
        name: description.name,
        summary: description.summary,
        settings_schema: settings.schema().map(Into::into),
        example_settings: settings.example().map(Into::into),
        extra: description.extra,
    }
}

fn check(
    all: &PluginStrategies,
    kind: &str,
    name: &str,
    settings: &str,
) -> Result<(), PluginError> {
    match kind {
        CLASSIFIER => named(&all.classifiers, Classifier::describe, name)?.check_settings(settings),
        MODEL_SELECTOR => {
            named(&all.model_selectors, ModelSelector::describe, name)?.check_settings(settings)
        }
        AGENT_BACKEND => {
            named(&all.agent_backends, AgentBackend::describe, name)?.check_settings(settings)
        }
        PR_TEMPLATE => {
            named(&all.pr_templates, PrTemplate::describe, name)?.check_settings(settings)
        }
        _ => Err(PluginError::InvalidSettings(format!(
            "the plugin does not know the kind `{kind}`"
        ))),
    }
}
