//! The API for authors of autoissue plugins: one trait per kind of strategy, and the types of their
//! arguments and results.
//!
//! # Write your own classifier
//!
//! You need [rustup](https://rustup.rs), `autoissue` on your PATH, and a checkout of autoissue in
//! the same directory, because the SDK is not published yet. Once:
//!
//! ```sh
//! rustup target add wasm32-unknown-unknown
//! ```
//!
//! Create a plugin project, run its tests, then build it and test it in the host that sessions use.
//! Without `--sdk`, the project uses the SDK at your release's tag in the git repository.
//!
//! ```sh
//! autoissue plugin new classifier billing --sdk autoissue/plugin-sdk
//! cd billing
//! cargo test
//! autoissue plugin test
//! ```
//!
//! `src/lib.rs` has thirty lines: change the words that it looks for. `cases.json` contains
//! questions with the expected answers: adapt them too. `autoissue plugin test` asks these
//! questions, then tries fuzzed input, and reports the cost of a call:
//!
//! ```text
//! billing 0.1.0, 96 KiB, sha256 3f0c9ad2e1b4
//!
//! cases
//!   ok      an invoice
//! …
//! ```
//!
//! Now enable it in a repository. This adds a line to the configuration and an entry to
//! `autoissue.plugins.lock`, both meant for review; a component that changes afterwards is refused
//! until you add it again:
//!
//! ```sh
//! cd ../your-repository
//! autoissue plugin add ../billing/billing.wasm
//! autoissue plugin list
//! ```
//!
//! `autoissue classify LABEL` shows how it sorts the open issues. There are more examples in
//! `plugins/examples`: a classifier with rules like those of a CODEOWNERS file, a model selector,
//! an agent backend and a pull request template.
//!
//! # The four kinds
//!
//! A strategy is a replaceable decision. It is pure: it gets all its information as arguments and
//! returns a value. It has no access to files, network, clock or environment.
//!
//! | trait | decides |
//! | --- | --- |
//! | [`Classifier`] | which domain of the product an issue belongs to |
//! | [`ModelSelector`] | which model works on it |
//! | [`AgentBackend`] | which program runs as the agent, and what its output means |
//! | [`PrTemplate`] | what the pull request says |
//!
//! The built-in strategies of autoissue implement these traits too. A complete classifier:
//!
//! ```
//! use autoissue_plugin_sdk::prelude::*;
//!
//! /// Sends everything that mentions an invoice to its own domain.
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
//! // In a test:
//! let issue = Issue::new("Invoice shows the wrong total");
//! let answer = Billing.classify(&issue, &ClassifierContext::default()).unwrap();
//! assert_eq!(answer.domain, "billing");
//! ```
//!
//! # Values
//!
//! The fields of the data structs are public, but a struct literal compiles only in this crate.
//! Create a value with `new`, which takes the required fields, or with `default`. Then chain
//! setters: each field has one of the same name, which replaces its value. Setters take anything
//! that becomes a [`String`] for text, an iterator for a list, a value or an [`Option`] for an
//! optional field, and otherwise a value of the field's type.
//!
//! ```
//! use autoissue_plugin_sdk::prelude::*;
//!
//! // An answer of a model selector:
//! let answer = Selection::new("opus").effort(Effort::High).reason("the issue is long");
//! assert_eq!((answer.model.as_str(), answer.effort), ("opus", Some(Effort::High)));
//!
//! // A question to a pull request template, in a test:
//! let context = PrContext::default()
//!     .issue(Issue::new("Crash on start").number(3).labels(["bug"]))
//!     .model("opus")
//!     .changes([Change::new("src/main.rs").added(2).removed(1)])
//!     .checks([CheckReport::new("tests").passed(true)]);
//! assert_eq!(context.issue.labels, ["bug"]);
//! assert_eq!(context.changes[0].added, 2);
//! ```
//!
//! # Settings, errors, cases
//!
//! - Define the operator's settings as your own type: see [`settings`]. Invalid settings are
//!   reported before a session starts.
//! - The variant of an error determines who has to act: see [`PluginError`]. A panic fails one
//!   call, and its text is part of the error message.
//! - `cases.json` is a list of cases for each kind (`classifier`, `modelSelector`, `agentBackend`,
//!   `prTemplate`). Each case has a question (`issue`, `request`, `task` with `lines` and `exit`,
//!   or `context`), with the field names of this crate in camel case, and the expected answer, of
//!   which only the given fields are compared. `{"contains": "…"}` matches a text that contains the
//!   value, and `{"error": …}` matches an error.
//!
//! # Versions
//!
//! A built plugin depends only on the interface in `wit/`, which has its own promise in
//! `wit/README.md`. For source code, this crate follows semantic versioning; before 1.0, a minor
//! release may remove or change items, and the changelog then says how to adapt. A patch release
//! only fixes and adds. It may add a field to a struct or a variant to an enum, because both are
//! `#[non_exhaustive]`: match with `..` and with a `_` arm. The fields of an enum's variant do not
//! change. It may add a method to a trait only with a default. Items that are hidden from the documentation may change in any release.

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
pub mod known_settings;
pub mod log;
pub mod markdown;
pub mod model_selector;
pub mod paths;
pub mod pr_template;
mod setters;
pub mod settings;
#[doc(hidden)]
pub mod supplies;
#[cfg(test)]
mod wit_package;

pub use agent_backend::{
    AgentBackend, AgentEvent, AgentRun, AgentTask, CommandSpec, Endpoint, Exit, InputFile,
    LimitEnd, Line, Login, LoginFile, LoginVariable, Metering, PassedVariable, ProgramInfo,
    ResumedSession, Source, StopReason, StopSignal, Usage,
};
pub use classifier::{Classification, Classifier, ClassifierContext, Score};
pub use error::PluginError;
pub use hidden_text::{HiddenKind, Stripped};
pub use issue::{Description, Issue};
pub use model_selector::{
    Effort, ModelHistory, ModelInfo, ModelSelector, Prices, Selection, SelectionRequest,
};
pub use pr_template::{Change, CheckReport, Commit, PrContext, PrTemplate, PullRequestText};
pub use settings::Settings;
// For the settings of a strategy, so that authors do not need these dependencies themselves.
pub use {schemars, serde, serde_json};

/// Everything that a plugin usually needs, in one `use`.
pub mod prelude {
    pub use crate::export_plugin;
    pub use crate::settings::read as read_settings;
    pub use crate::{
        AgentBackend, AgentEvent, AgentRun, AgentTask, Change, CheckReport, Classification,
        Classifier, ClassifierContext, CommandSpec, Commit, Description, Effort, Endpoint, Exit,
        InputFile, Issue, LimitEnd, Line, Login, LoginFile, Metering, ModelHistory, ModelInfo,
        ModelSelector, PassedVariable, PluginError, PrContext, PrTemplate, Prices, ProgramInfo,
        PullRequestText, ResumedSession, Score, Selection, SelectionRequest, Settings, Source,
        StopReason, StopSignal, Usage,
    };
}
