//! Classifies issues by words that this repository uses.
//!
//! `cargo test` runs the tests below; `autoissue plugin test` builds the component and tests it with
//! `cases.json`.

use autoissue_plugin_sdk::prelude::*;
use autoissue_plugin_sdk::{schemars, serde};

/// Settings in the plugin's `config`. `autoissue plugin inspect` shows these comments.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(crate = "autoissue_plugin_sdk::serde", deny_unknown_fields, default)]
#[schemars(crate = "autoissue_plugin_sdk::schemars")]
struct WordSettings {
    /// Words that mark an issue as billing.
    words: Vec<String>,
}

impl Default for WordSettings {
    fn default() -> Self {
        Self { words: vec!["invoice".into(), "refund".into()] }
    }
}

/// Assigns every issue that mentions one of the words to a separate domain.
#[derive(Default)]
struct Words;

impl Classifier for Words {
    fn describe(&self) -> Description {
        Description::new("words", env!("CARGO_PKG_VERSION"), "Classifies issues by the words they mention")
    }

    fn settings(&self) -> Settings {
        Settings::of::<WordSettings>()
    }

    fn classify(&self, issue: &Issue, context: &ClassifierContext) -> Result<Classification, PluginError> {
        let settings: WordSettings = read_settings(&context.settings)?;
        match settings.words.iter().find(|word| issue.mentions(word)) {
            Some(word) => Ok(Classification::new("billing", 0.8).because(format!("mentions \"{word}\""))),
            None => Ok(Classification::unknown()),
        }
    }
}

export_plugin! { classifier: Words }

#[cfg(test)]
mod tests {
    use super::*;

    fn domain_of(issue: &Issue) -> String {
        Words.classify(issue, &ClassifierContext::default()).unwrap().domain
    }

    #[test]
    fn an_invoice_is_billing() {
        assert_eq!(domain_of(&Issue::new("Invoice shows the wrong total")), "billing");
        assert_eq!(domain_of(&Issue::new("Wrong total").body("The refund is missing.")), "billing");
    }

    #[test]
    fn whole_words_count() {
        assert_eq!(domain_of(&Issue::new("Invoices are late")), "unknown");
    }
}
