//! Model selectors: every unusual issue, unusual choices, and inconsistent histories.

use autoissue_plugin_host::Plugin;
use autoissue_plugin_sdk::{ModelHistory, ModelInfo, Prices, SelectionRequest};

use super::{Answer, Trial, as_json, corpus};

pub(super) fn trials(name: &str, settings: &str) -> Vec<Trial> {
    requests()
        .into_iter()
        .map(|(input, request)| {
            let name = name.to_owned();
            let request = request.settings(settings);
            Trial {
                input,
                call: Box::new(move |plugin| select(plugin, &name, &request)),
            }
        })
        .collect()
}

pub(super) fn select(plugin: &Plugin, name: &str, request: &SelectionRequest) -> Answer {
    let selector = plugin
        .model_selector(Some(name))
        .expect("the plugin declares it, and the host has checked that");
    as_json(selector.select(request))
}

fn model(id: &str, price: Option<f64>) -> ModelInfo {
    let price = price.map(|price| Prices::new(price, 5.0 * price));
    ModelInfo::new(id).prices(price)
}

fn history(
    model: &str,
    n_runs: u32,
    n_successes: u32,
    median_cost_usd: Option<f64>,
) -> ModelHistory {
    ModelHistory::new(model)
        .n_runs(n_runs)
        .n_successes(n_successes)
        .median_cost_usd(median_cost_usd)
}

fn requests() -> Vec<(&'static str, SelectionRequest)> {
    let ordinary = SelectionRequest::default()
        .issue(corpus::ordinary())
        .domain("frontend")
        .attempt(1)
        .budget_left_usd(Some(5.0))
        .available([
            model("haiku", Some(1.0)),
            model("sonnet", Some(3.0)),
            model("opus", Some(5.0)),
        ])
        .history([
            history("sonnet", 20, 17, Some(0.8)),
            history("opus", 4, 4, Some(2.5)),
        ]);
    let of_issues = corpus::issues()
        .into_iter()
        .map(|(input, issue)| (input, ordinary.clone().issue(issue)));
    let mut requests: Vec<_> = of_issues.collect();
    let odd_history = vec![
        history("sonnet", 0, 7, Some(f64::NAN)),
        history("sonnet", u32::MAX, u32::MAX, Some(f64::INFINITY)),
        history("gone", 3, 1, Some(-1.0)),
        history("opus", 1, 0, None),
    ];
    let many = (0..500).map(|n| model(&format!("model-{n}"), None));
    requests.extend([
        ("no model to choose from", ordinary.clone().available([])),
        (
            "one model",
            ordinary.clone().available([model("only", None)]),
        ),
        (
            "the same model twice",
            ordinary
                .clone()
                .available([model("a", None), model("a", Some(1.0))]),
        ),
        ("five hundred models", ordinary.clone().available(many)),
        ("no history", ordinary.clone().history([])),
        (
            "an inconsistent history",
            ordinary.clone().history(odd_history),
        ),
        ("no money left", ordinary.clone().budget_left_usd(Some(0.0))),
        (
            "money that is not a number",
            ordinary.clone().budget_left_usd(Some(f64::NAN)),
        ),
        (
            "many failures",
            ordinary.attempt(u32::MAX).failures_of_substance(u32::MAX),
        ),
    ]);
    requests
}
