//! Starts with the cheapest model and moves up one step after each failure.
//!
//! `cargo test` runs the tests below; `autoissue plugin test` builds the component and tests it with
//! `cases.json`.

use autoissue_plugin_sdk::prelude::*;

/// Walks up the list of models, which is ordered from weakest and cheapest to strongest.
#[derive(Default)]
struct ByFailures;

impl ModelSelector for ByFailures {
    fn describe(&self) -> Description {
        Description::new("ladder", env!("CARGO_PKG_VERSION"), "Starts cheap and moves up one step after each failure")
    }

    fn select(&self, request: &SelectionRequest) -> Result<Selection, PluginError> {
        let Some(last) = request.available.len().checked_sub(1) else {
            return Err(PluginError::InvalidInput("there is no model to choose from".into()));
        };
        let n_failures = request.failures_of_substance;
        let step = usize::try_from(n_failures).unwrap_or(last).min(last);
        let reason = format!("step {} of {}, after {n_failures} failures", step + 1, last + 1);
        Ok(Selection::new(&request.available[step].id).reason(reason))
    }
}

export_plugin! { model_selector: ByFailures }

#[cfg(test)]
mod tests {
    use super::*;

    fn model_after(failures_of_substance: u32) -> String {
        let request = SelectionRequest::default()
            .available(["small", "large"].map(ModelInfo::new))
            .failures_of_substance(failures_of_substance);
        ByFailures.select(&request).unwrap().model
    }

    #[test]
    fn a_failure_is_a_step() {
        assert_eq!([0, 1, 7].map(model_after), ["small", "large", "large"]);
    }
}
