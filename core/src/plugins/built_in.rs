//! The strategies that are there without any plugin.

use autoissue_classifier::BuiltinClassifier;
use autoissue_claude::ClaudeBackend;
use autoissue_model_selector::BuiltinSelector;
use autoissue_patch::PatchBackend;
use autoissue_plugin_host::Kind;
use autoissue_plugin_sdk::{
    AgentBackend as _, Classifier as _, Description, ModelSelector as _, PrTemplate as _,
};
use autoissue_pr_template::BuiltinTemplate;

/// Returns the strategies that are there without any plugin. Their names are reserved.
pub fn built_in() -> [(Kind, Description); 5] {
    [
        (Kind::Classifier, BuiltinClassifier.describe()),
        (Kind::ModelSelector, BuiltinSelector.describe()),
        (Kind::AgentBackend, ClaudeBackend.describe()),
        (Kind::AgentBackend, PatchBackend.describe()),
        (Kind::PrTemplate, BuiltinTemplate.describe()),
    ]
}
