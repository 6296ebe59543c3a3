//! The metrics, parsed by the rules of the Prometheus text format and checked by its rules for
//! names and units.

use std::collections::{BTreeMap, BTreeSet};

use autoissue_tests::http::get;
use autoissue_tests::{Recipe, Served};
use serde_json::json;
use tempfile::TempDir;

use super::World;

/// Samples by name and labels.
type Samples = BTreeMap<String, f64>;

/// Parses the text format 0.0.4; panics on anything that `promtool check metrics` would reject.
fn parse(text: &str) -> Samples {
    fn is_name(name: &str) -> bool {
        name.bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && name.starts_with("autoissue_")
    }

    assert!(
        text.ends_with('\n'),
        "the last line must end with a newline"
    );
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut samples = Samples::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(helped.insert(name), "{name} has two HELP lines");
            assert!(help.ends_with('.') && help.len() > 10, "{name}: {help}");
            family = name;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, family, "TYPE must follow its HELP");
            assert!(
                ["gauge", "counter"].contains(&kind) && kinds.insert(name, kind).is_none(),
                "{name}: {kind}"
            );
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let name = series.split('{').next().expect("a name");
            assert_eq!(name, family, "samples of a family must be contiguous");
            assert!(is_name(name), "{name}");
            labels(series);
            assert_eq!(name.ends_with("_total"), kinds[name] == "counter", "{name}");
            for unit in [
                "_ms",
                "_milliseconds",
                "_minutes",
                "_usd",
                "_cents",
                "_percent",
            ] {
                assert!(!name.contains(unit), "{name} is not in a base unit");
            }
            let value = value
                .parse()
                .unwrap_or_else(|_| panic!("not a number: {line}"));
            assert!(
                samples.insert(series.to_owned(), value).is_none(),
                "{series} appears twice"
            );
        }
    }
    assert_eq!(helped, kinds.keys().copied().collect());
    samples
}

fn labels(series: &str) {
    let Some((_, rest)) = series.split_once('{') else {
        return;
    };
    let rest = rest.strip_suffix('}').expect("a closing brace");
    for pair in rest.split("\",") {
        let (name, value) = pair.split_once("=\"").expect("a label");
        assert!(
            name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !name.starts_with("__"),
            "{name}"
        );
        let value = value
            .trim_end_matches('"')
            .replace("\\\\", "")
            .replace("\\\"", "")
            .replace("\\n", "");
        assert!(!value.contains(['"', '\\', '\n']), "{series}");
    }
}

#[test]
fn the_metrics_are_valid_and_agree_with_the_api() {
    let mut recipe = Recipe::new(60, 30);
    recipe.is_broken = true;
    let world = World::new(recipe);
    let served = world.serve();
    let answer = get(served.port, "/metrics");
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let samples = parse(&answer.body);
    let api = get(served.port, "/api/metrics").json();
    for (series, value) in [
        (
            "autoissue_tasks{state=\"done\"}",
            &api["session"]["tasks"]["done"],
        ),
        (
            "autoissue_tasks{state=\"waiting\"}",
            &api["session"]["tasks"]["waiting"],
        ),
        ("autoissue_spent_dollars", &api["budget"]["spent_usd"]),
        ("autoissue_reserved_dollars", &api["budget"]["reserved_usd"]),
        ("autoissue_budget_dollars", &api["budget"]["budget_usd"]),
        ("autoissue_attempts_total", &api["session"]["attempts"]),
        (
            "autoissue_failures_total{type=\"crash\"}",
            &api["errors"]["by_type"]["crash"],
        ),
    ] {
        assert_eq!(Some(samples[series]), value.as_f64(), "{series}");
    }
    assert_eq!(
        samples["autoissue_circuit_breaker_state{service=\"agent:claude\",state=\"open\"}"],
        1.0
    );
    assert_eq!(
        samples["autoissue_circuit_breaker_state{service=\"forge\",state=\"closed\"}"],
        1.0
    );
    assert_eq!(api["circuitBreaker"]["state"], "open");
}

#[test]
fn metrics_without_a_session_are_valid() {
    let state = TempDir::new().unwrap();
    let served = Served::start(state.path(), &json!({}));
    assert_eq!(parse(&get(served.port, "/metrics").body).len(), 1);
}
