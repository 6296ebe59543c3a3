//! The component side: converts the host's calls to calls of the traits. Only on `wasm32`, and only
//! for [`crate::export_plugin!`].
//!
//! ```text
//!   host ─► exported function ─► WIT types to SDK types ─► named strategy ─► answer ─► WIT types ─► host
//! ```
//!
//! One module per interface, each with its own generated bindings, so that a component exports only
//! the kinds that it implements.

pub mod agent_backend;
pub mod bindings;
pub mod classifier;
pub mod metadata;
pub mod model_selector;
pub mod pr_template;

use std::sync::Once;

use bindings::types::autoissue::plugin::host_log;
use bindings::types::autoissue::types::types::{
    Fact, Issue as WitIssue, ModelInfo as WitModel, PluginError as WitError, Prices as WitPrices,
};

use crate::{Description, Issue, ModelInfo, PluginError, Prices};

/// Logs the message and location of a panic; the trap that follows contains neither.
fn set_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            host_log::log(host_log::Level::Error, &panic.to_string());
        }));
    });
}

/// Returns the strategy with this name; the first one for an empty name.
fn named<'a, S: ?Sized>(
    strategies: &'a [Box<S>],
    describe: impl Fn(&S) -> Description,
    name: &str,
) -> Result<&'a S, PluginError> {
    let found = match name {
        "" => strategies.first(),
        name => strategies
            .iter()
            .find(|strategy| describe(strategy).name == name),
    };
    let found = found.map(AsRef::as_ref);
    found.ok_or_else(|| {
        PluginError::InvalidSettings(format!("the plugin has no strategy `{name}` of this kind"))
    })
}

fn issue(issue: WitIssue) -> Issue {
    let WitIssue {
        repo,
        number,
        title,
        body,
        author,
        labels,
        created_at_ms,
        url,
        extra,
    } = issue;
    Issue {
        repo,
        number,
        title,
        body,
        author,
        labels,
        created_at_ms,
        url,
        extra,
    }
}

fn model(model: ModelInfo) -> WitModel {
    let ModelInfo { id, prices, extra } = model;
    let prices = prices.map(|prices| {
        let Prices {
            input,
            output,
            cache_read,
            cache_write,
            extra,
        } = prices;
        WitPrices {
            input,
            output,
            cache_read,
            cache_write,
            extra,
        }
    });
    WitModel { id, prices, extra }
}

fn offered(model: WitModel) -> ModelInfo {
    let WitModel { id, prices, extra } = model;
    let prices = prices.map(|prices| {
        let WitPrices {
            input,
            output,
            cache_read,
            cache_write,
            extra,
        } = prices;
        Prices {
            input,
            output,
            cache_read,
            cache_write,
            extra,
        }
    });
    ModelInfo { id, prices, extra }
}

fn error(error: PluginError) -> WitError {
    match error {
        PluginError::InvalidSettings(text) => WitError::InvalidSettings(text),
        PluginError::InvalidInput(text) => WitError::InvalidInput(text),
        PluginError::Unavailable(text) => WitError::Unavailable(text),
        PluginError::Internal(text) => WitError::Internal(text),
    }
}

/// This version adds no facts.
const NOTHING: Vec<Fact> = Vec::new();
