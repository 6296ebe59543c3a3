//! Exports `model-selector`.

use super::bindings::model_selector::exports::autoissue::model_selector::model_selector::{
    Guest, ModelHistory, Selection, SelectionRequest,
};
use super::{WitError, error, issue, named, offered, set_up};
use crate::supplies::Supplies;
use crate::{ModelSelector, PluginError};

impl<P: Supplies> Guest for P {
    fn select(request: SelectionRequest) -> Result<Selection, WitError> {
        set_up();
        select::<P>(request).map(selection).map_err(error)
    }
}

fn select<P: Supplies>(request: SelectionRequest) -> Result<crate::Selection, PluginError> {
    let strategies = P::strategies().model_selectors;
    let selector = named(&strategies, ModelSelector::describe, &request.strategy)?;
    selector.select(&crate::SelectionRequest {
        settings: request.settings,
        issue: issue(request.issue),
        domain: request.domain,
        attempt: request.attempt,
        failures_of_substance: request.failures_of_substance,
        budget_left_usd: request.budget_left_usd,
        available: request.available.into_iter().map(offered).collect(),
        history: request.history.into_iter().map(history).collect(),
        extra: request.extra,
    })
}

fn history(history: ModelHistory) -> crate::ModelHistory {
    let ModelHistory {
        model,
        n_runs,
        n_successes,
        median_cost_usd,
        extra,
    } = history;
    crate::ModelHistory {
        model,
        n_runs,
        n_successes,
        median_cost_usd,
        extra,
    }
}

fn selection(selection: crate::Selection) -> Selection {
    let crate::Selection {
        model,
        effort,
        fallbacks,
        reason,
        extra,
    } = selection;
    Selection {
        model,
        effort: effort.map(|effort| effort.name().into()),
        fallbacks,
        reason,
        extra,
    }
}
