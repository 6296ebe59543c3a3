//! What the author of an autoissue plugin sees: one trait per kind of strategy, and the values that go in and come out.
//!
//! # From nothing to a classifier of your own
//!
//! You need [rustup](https://rustup.rs), `autoissue` on your PATH, and a checkout of autoissue beside you, for the SDK is not published
//! yet. Once:
//!
//! ```sh
//! rustup target add wasm32-unknown-unknown
//! ```
//!
//! Write a plugin to begin with, see its own tests pass, then build it and put it to the test in the host that sessions use:
//!
//! ```sh
//! autoissue plugin new classifier billing --sdk autoissue/plugin-sdk
//! cd billing
//! cargo test
//! autoissue plugin test
//! ```
//!
//! `src/lib.rs` is thirty lines: change what it looks for. `cases.json` has questions and the answers that you want: change them too.
//! `autoissue plugin test` asks them all, then tries what strangers might write, and says what a call costs:
//!
//! ```text
//! billing 0.1.0, 96 KiB, sha256 3f0c9ad2e1b4
//!
//! cases
//!   ok      an invoice
//! …
//! ```
//!
//! Now let it decide in a repository. It becomes a line in the configuration and an entry in `autoissue.plugins.lock`, both made for
//! review; a component that changes afterwards is refused until you add it again:
//!
//! ```sh
//! cd ../your-repository
//! autoissue plugin add ../billing/billing.wasm
//! autoissue plugin list
//! ```
//!
//! `autoissue classify LABEL` shows how it sorts the open issues. More to copy from lies in `plugins/examples`: a classifier with rules
//! like those of a CODEOWNERS file, a model selector, an agent backend and a pull request template.
//!
//! # The four kinds
//!
//! A strategy is a replaceable decision. It is pure: it gets everything it may know as arguments and answers with a value;
//! it has no files, no network, no clock and no environment.
//!
//! | trait | decides |
//! | --- | --- |
//! | [`Classifier`] | to which domain of the product an issue belongs |
//! | [`ModelSelector`] | which model works on it |
//! | [`AgentBackend`] | which program runs as the agent, and what its output means |
//! | [`PrTemplate`] | what the pull request says |
//!
//! autoissue's own strategies are written against these traits too. The whole of a classifier:
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
//! // In a test of your own:
//! let issue = Issue { title: "Invoice shows the wrong total".into(), ..Issue::default() };
//! let answer = Billing.classify(&issue, &ClassifierContext::default()).unwrap();
//! assert_eq!(answer.domain, "billing");
//! ```
//!
//! # Settings, errors, cases
//!
//! - What an operator may set is a type of your own: see [`settings`]. Wrong settings are found before a night begins.
//! - An error says who has to act: see [`PluginError`]. A panic costs one call, and its text is in the message.
//! - [`testing`] has builders for native tests. `cases.json` is a list of cases for each kind (`classifier`, `modelSelector`,
//!   `agentBackend`, `prTemplate`): what is asked (`issue`, `request`, `task` with `lines` and `exit`, or `context`), with the names of
//!   the fields here in camel case, and what is expected, of which only the named parts count. `{"contains": "…"}` stands for a text
//!   with that in it, and `{"error": …}` for a refusal.

pub mod agent_backend;
#[cfg(not(target_arch = "wasm32"))]
#[doc(hidden)]
pub mod built_in;
pub mod classifier;
pub mod closing;
pub mod commit_text;
pub mod error;
mod export;
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
#[doc(hidden)]
pub mod supplies;
pub mod testing;
#[cfg(test)]
mod wit_package;

pub use agent_backend::{
    AgentBackend, AgentEvent, AgentRun, AgentTask, CommandInput, CommandSpec, Exit, Line, Metering,
    ProgramInfo, Source, Usage,
};
pub use classifier::{Classification, Classifier, ClassifierContext, Score};
pub use error::PluginError;
pub use hidden_text::{HiddenKind, Stripped};
pub use issue::{Description, Issue};
pub use model_selector::{
    Effort, ModelHistory, ModelInfo, ModelSelector, Selection, SelectionRequest,
};
pub use pr_template::{Change, CheckReport, Commit, PrContext, PrTemplate, PullRequestText};
pub use settings::Settings;
// For the settings of a strategy, without a dependency of the author's own.
pub use {schemars, serde, serde_json};

/// Everything that a plugin usually needs, in one `use`.
pub mod prelude {
    pub use crate::export_plugin;
    pub use crate::settings::read as read_settings;
    pub use crate::{
        AgentBackend, AgentEvent, AgentRun, AgentTask, Change, CheckReport, Classification,
        Classifier, ClassifierContext, CommandInput, CommandSpec, Commit, Description, Effort,
        Exit, Issue, Line, Metering, ModelHistory, ModelInfo, ModelSelector, PluginError,
        PrContext, PrTemplate, ProgramInfo, PullRequestText, Score, Selection, SelectionRequest,
        Settings, Source, Usage,
    };
}
