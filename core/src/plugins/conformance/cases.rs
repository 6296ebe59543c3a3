//! The author's cases: questions and the expected answers.
//!
//! ```json
//! { "classifier": [
//!     { "name": "an invoice", "issue": { "title": "Invoice shows the wrong total" },
//!       "expect": { "domain": "billing", "confidence": 0.8, "reasons": [{ "contains": "invoice" }] } }
//! ] }
//! ```
//!
//! The expected value may be a part of the answer: of an object, only the given keys are compared.
//! `{"contains": "…"}` matches any text that contains the given one, and a refusal is
//! `{"error": {"contains": "…"}}`.

use autoissue_plugin_host::{Grants, Kind, NoStrategy, Plugin};
use autoissue_plugin_sdk::{
    AgentTask, ClassifierContext, Exit, Issue, Line, PrContext, SelectionRequest,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    Answer, agent_backend, as_json, classifier, model_selector, pr_template, settings_for,
    with_refusal,
};

/// The cases of a plugin, by kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cases {
    classifier: Vec<Case<Classify>>,
    model_selector: Vec<Case<Select>>,
    agent_backend: Vec<Case<Run>>,
    pr_template: Vec<Case<Render>>,
}

/// A question of one kind, and the parts that all cases have.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>", bound = "Q: DeserializeOwned")]
struct Case<Q> {
    about: About,
    question: Q,
}

#[derive(Clone, Debug, Deserialize)]
struct About {
    /// Name for reports.
    name: Option<String>,
    /// Name of a strategy; the first of its kind by default.
    strategy: Option<String>,
    /// Settings for this case.
    settings: Option<Map<String, Value>>,
    /// A part of the answer.
    expect: Value,
}

/// Takes the common keys first, so that the question can refuse all others: a flattened question
/// would ignore them.
impl<Q: DeserializeOwned> TryFrom<Map<String, Value>> for Case<Q> {
    type Error = serde_json::Error;

    fn try_from(mut keys: Map<String, Value>) -> Result<Self, Self::Error> {
        let about = ["name", "strategy", "settings", "expect"].into_iter();
        let about: Map<String, Value> = about
            .filter_map(|key| keys.shift_remove_entry(key))
            .collect();
        Ok(Self {
            about: serde_json::from_value(Value::Object(about))?,
            question: serde_json::from_value(Value::Object(keys))?,
        })
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Classify {
    issue: Issue,
    #[serde(default)]
    domains: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Select {
    request: SelectionRequest,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    task: AgentTask,
    #[serde(default)]
    lines: Vec<String>,
    #[serde(default)]
    exit: Exit,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Render {
    context: PrContext,
}

/// The result of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// Its name, or its kind and number.
    pub name: String,
    /// How the answer differs; `None` if it does not.
    pub failure: Option<String>,
}

impl Cases {
    /// Reads cases.
    ///
    /// # Errors
    /// Fails with line and column.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    pub(super) fn run(&self, plugin: &Plugin, settings: Option<&str>) -> Vec<CaseReport> {
        let asked = Asked { plugin, settings };
        let mut reports = asked.all(
            Kind::Classifier,
            &self.classifier,
            |name, settings, question: &Classify| {
                let context = ClassifierContext::default()
                    .settings(settings)
                    .domains(&question.domains);
                classifier::classify(plugin, name, &question.issue, &context)
            },
        );
        reports.extend(asked.all(
            Kind::ModelSelector,
            &self.model_selector,
            |name, settings, question: &Select| {
                model_selector::select(plugin, name, &question.request.clone().settings(settings))
            },
        ));
        reports.extend(asked.all(
            Kind::AgentBackend,
            &self.agent_backend,
            |name, settings, question: &Run| {
                let plugin = &granted(plugin, name, &settings);
                let task = question.task.clone().settings(settings);
                let lines: Vec<Line> = question
                    .lines
                    .iter()
                    .map(|text| Line::stdout(text))
                    .collect();
                let played = agent_backend::play(plugin, name, &task, &lines, question.exit, 1);
                as_json(
                    played.map(|(command, events)| json!({ "command": command, "events": events })),
                )
            },
        ));
        reports.extend(asked.all(
            Kind::PrTemplate,
            &self.pr_template,
            |name, settings, question: &Render| {
                pr_template::render(plugin, name, &question.context.clone().settings(settings))
            },
        ));
        reports
    }
}

/// Returns a plugin that may name the program that it asks for with these settings; a case runs no
/// program.
fn granted(plugin: &Plugin, strategy: &str, settings: &str) -> Plugin {
    match plugin.asked_program(Some(strategy), settings) {
        Ok(asked) => plugin.clone().granted(Grants {
            exec: vec![asked.program],
            env: asked.environment,
        }),
        // The question itself will get the same error.
        Err(_) => plugin.clone(),
    }
}

/// The plugin and host that answer the questions.
struct Asked<'a> {
    plugin: &'a Plugin,
    settings: Option<&'a str>,
}

impl Asked<'_> {
    /// Asks all cases of a kind. `ask` gets the name of a strategy, its settings, and the question.
    fn all<Q>(
        &self,
        kind: Kind,
        cases: &[Case<Q>],
        ask: impl Fn(&str, String, &Q) -> Answer,
    ) -> Vec<CaseReport> {
        let ask = |case: &Case<Q>| -> Result<Value, NoStrategy> {
            let strategy = self.plugin.strategy(kind, case.about.strategy.as_deref())?;
            let settings = match &case.about.settings {
                Some(settings) => Value::Object(settings.clone()).to_string(),
                None => settings_for(strategy, self.settings),
            };
            Ok(with_refusal(ask(&strategy.name, settings, &case.question)))
        };
        let report = |(at, case): (usize, &Case<Q>)| {
            let name = case
                .about
                .name
                .clone()
                .unwrap_or_else(|| format!("{kind} {}", at + 1));
            let failure = match ask(case) {
                Ok(answer) => difference("", &case.about.expect, &answer),
                Err(error) => Some(error.to_string()),
            };
            CaseReport { name, failure }
        };
        cases.iter().enumerate().map(report).collect()
    }
}

/// Returns the first place where an answer is not as expected.
fn difference(path: &str, expected: &Value, answer: &Value) -> Option<String> {
    match (expected, answer) {
        (Value::Object(parts), Value::Object(whole))
            if whole.contains_key("error") && !parts.contains_key("error") =>
        {
            Some(format!(
                "{}: expected {expected}, got the refusal {}",
                shown(path),
                whole["error"]
            ))
        }
        (Value::Object(parts), Value::String(text))
            if parts.len() == 1 && parts.contains_key("contains") =>
        {
            let missing = wanted(&parts["contains"])
                .into_iter()
                .find(|part| !text.contains(part))?;
            Some(format!(
                "{}: {answer} does not contain {missing:?}",
                shown(path)
            ))
        }
        (Value::Object(parts), Value::Object(whole)) => parts.iter().find_map(|(key, expected)| {
            difference(
                &format!("{path}.{key}"),
                expected,
                whole.get(key).unwrap_or(&Value::Null),
            )
        }),
        (Value::Array(expected_items), Value::Array(items))
            if expected_items.len() == items.len() =>
        {
            let mut pairs = expected_items.iter().zip(items).enumerate();
            pairs.find_map(|(at, (expected, item))| {
                difference(&format!("{path}[{at}]"), expected, item)
            })
        }
        (Value::Number(a), Value::Number(b)) if is_close(a.as_f64(), b.as_f64()) => None,
        _ if expected == answer => None,
        _ => Some(format!(
            "{}: expected {expected}, got {answer}",
            shown(path)
        )),
    }
}

fn shown(path: &str) -> String {
    let path = path.trim_start_matches('.');
    if path.is_empty() {
        "the answer".to_owned()
    } else {
        format!("`{path}`")
    }
}

fn wanted(contains: &Value) -> Vec<&str> {
    match contains {
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect(),
        part => part.as_str().into_iter().collect(),
    }
}

/// A confidence has seven digits.
fn is_close(a: Option<f64>, b: Option<f64>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if (a - b).abs() <= 1e-6 * a.abs().max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "so the cases below read better"
    )]
    fn check(expected: Value, answer: Value, difference_is: Option<&str>) {
        assert_eq!(difference("", &expected, &answer).as_deref(), difference_is);
    }

    #[test]
    fn a_part_of_the_answer_is_enough() {
        let answer = json!({ "domain": "billing", "confidence": 0.8_f32, "reasons": ["mentions an invoice"] });
        check(json!({ "domain": "billing" }), answer.clone(), None);
        check(json!({ "confidence": 0.8 }), answer.clone(), None);
        check(
            json!({ "reasons": [{ "contains": "invoice" }] }),
            answer.clone(),
            None,
        );
        check(json!({}), answer, None);
    }

    #[test]
    fn a_difference_is_reported_with_its_path() {
        let answer = json!({ "domain": "billing", "reasons": ["a", "b"] });
        check(
            json!({ "domain": "web" }),
            answer.clone(),
            Some(r#"`domain`: expected "web", got "billing""#),
        );
        check(
            json!({ "reasons": ["a", "c"] }),
            answer.clone(),
            Some(r#"`reasons[1]`: expected "c", got "b""#),
        );
        check(
            json!({ "reasons": ["a"] }),
            answer.clone(),
            Some(r#"`reasons`: expected ["a"], got ["a","b"]"#),
        );
        check(
            json!({ "domain": { "contains": ["bill", "x"] } }),
            answer.clone(),
            Some(r#"`domain`: "billing" does not contain "x""#),
        );
        check(
            json!({ "paths": [] }),
            answer,
            Some("`paths`: expected [], got null"),
        );
        let refused = json!({ "error": "no title" });
        let told = r#"the answer: expected {"domain":"web"}, got the refusal "no title""#;
        check(json!({ "domain": "web" }), refused, Some(told));
    }

    #[test]
    fn a_mistyped_case_is_an_error() {
        for text in [
            r#"{"clasifier": []}"#,
            r#"{"classifier": [{"issue": {"titel": "x"}, "expect": {}}]}"#,
            r#"{"classifier": [{"issue": {"title": "x"}}]}"#,
            r#"{"classifier": [{"isue": {}, "expect": {}}]}"#,
        ] {
            assert!(Cases::parse(text).is_err(), "{text}");
        }
        assert!(
            Cases::parse(
                r#"{"classifier": [{"issue": {"title": "x"}, "expect": {"domain": "a"}}]}"#
            )
            .is_ok()
        );
    }
}
