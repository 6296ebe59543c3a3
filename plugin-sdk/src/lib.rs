//! What the author of an autoissue plugin sees: one trait per kind of strategy, and the values that go in and come out.
//!
//! A strategy is a replaceable decision. It is pure: it gets everything it may know as arguments and answers with a value;
//! it has no files, no network, no clock and no environment. The four kinds:
//!
//! | trait | decides |
//! | --- | --- |
//! | [`Classifier`] | to which domain of the product an issue belongs |
//! | [`ModelSelector`] | which model works on it |
//! | [`AgentBackend`] | which program runs as the agent, and what its output means |
//! | [`PrTemplate`] | what the pull request says |
//!
//! autoissue's own strategies are written against these traits too.
//!
//! ```
//! use autoissue_plugin_sdk::prelude::*;
//!
//! /// Sends everything that mentions an invoice to a domain of its own.
//! #[derive(Default)]
//! struct Billing;
//!
//! impl Classifier for Billing {
//!     fn describe(&self) -> Description {
//!         Description::new("billing", "0.1.0", "Sends invoices to their own domain")
//!     }
//!
//!     fn classify(&self, issue: &Issue, _context: &ClassifierContext) -> Result<Classification, PluginError> {
//!         if issue.mentions("invoice") {
//!             return Ok(Classification::new("billing", 0.8).because("mentions an invoice"));
//!         }
//!         Ok(Classification::unknown())
//!     }
//! }
//!
//! export_plugin! { classifier: Billing }
//!
//! let issue = Issue { title: "Invoice shows the wrong total".into(), ..Issue::default() };
//! let answer = Billing.classify(&issue, &ClassifierContext::default()).unwrap();
//! assert_eq!(answer.domain, "billing");
//! ```

pub mod agent_backend;
pub mod classifier;
pub mod error;
pub mod export;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
pub mod hidden_text;
pub mod issue;
pub mod log;
pub mod markdown;
pub mod model_selector;
pub mod paths;
pub mod pr_template;
pub mod settings;
pub mod testing;
#[cfg(test)]
mod wit_package;

pub use agent_backend::{
    AgentBackend, AgentEvent, AgentRun, AgentTask, CommandInput, CommandSpec, Exit, Line, Metering, ProgramInfo,
    Source, Usage,
};
pub use classifier::{Classification, Classifier, ClassifierContext, Score};
pub use error::PluginError;
pub use hidden_text::{HiddenKind, Stripped};
pub use issue::{Description, Issue};
pub use model_selector::{Effort, ModelHistory, ModelInfo, ModelSelector, Selection, SelectionRequest};
pub use pr_template::{Change, CheckReport, Commit, PrContext, PrTemplate, PullRequestText};
pub use settings::Settings;
// For the settings of a strategy, without a dependency of the author's own.
pub use {schemars, serde, serde_json};

/// Everything that a plugin usually needs, in one `use`.
pub mod prelude {
    pub use crate::export_plugin;
    pub use crate::settings::read as read_settings;
    pub use crate::{
        AgentBackend, AgentEvent, AgentRun, AgentTask, Change, CheckReport, Classification, Classifier,
        ClassifierContext, CommandInput, CommandSpec, Commit, Description, Effort, Exit, Issue, Line, Metering,
        ModelHistory, ModelInfo, ModelSelector, PluginError, PrContext, PrTemplate, ProgramInfo, PullRequestText,
        Score, Selection, SelectionRequest, Settings, Source, Usage,
    };
}
