//! Classifies issues from standard input, one JSON object per line, and prints one JSON object per
//! line.
//!
//! Use it to try the classifier, or to evaluate it on your own issues, without the rest of
//! autoissue:
//!
//! ```text
//! $ echo '{"number": 7, "title": "Dark mode", "body": "", "labels": []}' | cargo run --example classify_stdin -- classify --stdin
//! {"number":7,"domain":"frontend","confidence":0.5,"reasons":["keyword `Dark mode`"],"alternatives":[],"paths":[]}
//! ```
//!
//! Accepts the arguments of `autoissue classify --stdin`, and ignores them. With `--repeat N` each
//! issue is classified N times, and the time per issue is written to standard error.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example prints its results"
)]

use std::io::{self, BufRead};
use std::time::Instant;

use autoissue_classifier::BuiltinClassifier;
use autoissue_plugin_sdk::prelude::*;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issues = io::stdin()
        .lock()
        .lines()
        .map(|line| Ok(read_issue(&line?)?))
        .collect::<Result<Vec<_>, io::Error>>()?;
    let n_times = n_repeats();
    let started = Instant::now();
    for issue in &issues {
        for _ in 1..n_times {
            std::hint::black_box(answer(issue)?);
        }
    }
    let elapsed = started.elapsed();
    for issue in &issues {
        println!("{}", to_json(issue, &answer(issue)?));
    }
    if n_times > 1 && !issues.is_empty() {
        let n_bytes: usize = issues
            .iter()
            .map(|issue| issue.title.len() + issue.body.len())
            .sum();
        let n_answers = (issues.len() * (n_times - 1)) as f64;
        eprintln!(
            "{:.2} us per issue of {} bytes",
            elapsed.as_secs_f64() * 1e6 / n_answers,
            n_bytes / issues.len()
        );
    }
    Ok(())
}

type Answer = (Classification, Vec<String>);

fn answer(issue: &Issue) -> Result<Answer, PluginError> {
    Ok((
        BuiltinClassifier.classify(issue, &ClassifierContext::default())?,
        issue.paths(),
    ))
}

/// Returns the number after `--repeat`, or 1.
fn n_repeats() -> usize {
    let mut args = std::env::args().skip_while(|arg| arg != "--repeat");
    args.nth(1).and_then(|n| n.parse().ok()).unwrap_or(1)
}

fn read_issue(line: &str) -> Result<Issue, serde_json::Error> {
    let value: Value = serde_json::from_str(line)?;
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let labels = value["labels"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    Ok(Issue::new(text("title"))
        .number(value["number"].as_u64().unwrap_or_default())
        .body(text("body"))
        .labels(labels.iter().filter_map(Value::as_str)))
}

fn to_json(issue: &Issue, (answer, paths): &Answer) -> Value {
    let alternatives: Vec<Value> = answer
        .alternatives
        .iter()
        .map(|other| json!({ "domain": other.domain, "confidence": other.confidence }))
        .collect();
    json!({
        "number": issue.number,
        "domain": answer.domain,
        "confidence": answer.confidence,
        "reasons": answer.reasons,
        "alternatives": alternatives,
        "paths": paths,
    })
}
