//! No field of a question or an answer is lost between the host and a component.
//!
//! The guest returns the question as JSON, in an answer with every field set. A field that is added
//! to the SDK is empty here at first, which fails; set it, here or in the guest's `echo.rs`, and
//! convert it at both ends.

use autoissue_plugin_host::{Grants, Plugin};
use autoissue_plugin_sdk::prelude::*;
use autoissue_plugin_sdk::serde::Serialize;
use serde_json::{Value, json};

use super::{GUEST, World, guest_grants};

const EXTRA: [(&str, &str); 1] = [("question", "new")];

fn guest() -> Plugin {
    World::new().load(GUEST, &Grants::default())
}

fn issue() -> Issue {
    Issue::new("echo")
        .repo("owner/name")
        .number(7)
        .body("body")
        .author("ada")
        .labels(["bug"])
        .created_at_ms(1)
        .url("https://example.org")
        .extra(EXTRA)
}

/// Adds the paths of fields that have their default value.
fn find_unset(path: &str, value: &Value, unset: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                find_unset(&format!("{path}.{name}"), value, unset);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                find_unset(&format!("{path}[{at}]"), item, unset);
            }
        }
        Value::Null | Value::Array(_) | Value::Bool(false) => unset.push(path.to_owned()),
        Value::String(text) if text.is_empty() => unset.push(path.to_owned()),
        Value::Number(number) if number.as_f64() == Some(0.0) => unset.push(path.to_owned()),
        Value::Bool(true) | Value::String(_) | Value::Number(_) => {}
    }
}

/// Returns a value as JSON, all of whose fields must be set.
#[track_caller]
fn complete(value: &impl Serialize) -> Value {
    let value = serde_json::to_value(value).unwrap();
    let mut unset = Vec::new();
    find_unset("", &value, &mut unset);
    assert_eq!(unset, [""; 0], "{value:#}");
    value
}

/// Checks the question that the guest got.
#[track_caller]
fn check(question: &impl Serialize, echo: &str) {
    let got: Value = serde_json::from_str(echo).unwrap();
    assert_eq!(got, complete(question));
}

#[test]
fn a_classifier_gets_and_returns_every_field() {
    let context = ClassifierContext::default()
        .settings(json!({ "domain": "guest" }).to_string())
        .domains(["backend"])
        .extra(EXTRA);
    let classifier = guest().classifier(None).unwrap();
    let answer = classifier.classify(&issue(), &context).unwrap();
    complete(&answer);
    check(&issue(), &answer.reasons[0]);
    check(&context, &answer.reasons[1]);
}

#[test]
fn a_model_selector_gets_and_returns_every_field() {
    let prices = Prices::new(1.5, 2.5)
        .cache_read(0.1)
        .cache_write(1.9)
        .extra(EXTRA);
    let models =
        ["small", "large"].map(|id| ModelInfo::new(id).prices(prices.clone()).extra(EXTRA));
    let history = ModelHistory::new("small")
        .n_runs(3)
        .n_successes(2)
        .median_cost_usd(Some(0.5))
        .extra(EXTRA);
    let request = SelectionRequest::default()
        .settings("{}")
        .issue(issue())
        .domain("backend")
        .attempt(2)
        .failures_of_substance(1)
        .budget_left_usd(Some(4.5))
        .available(models)
        .history([history])
        .extra(EXTRA);
    let selector = guest().model_selector(None).unwrap();
    let answer = selector.select(&request).unwrap();
    complete(&answer);
    check(&request, &answer.reason);
}

#[test]
fn an_agent_backend_gets_and_returns_every_field() {
    let task = AgentTask::default()
        .settings("{}")
        .issue(issue())
        .prompt("Fix it.")
        .model("large")
        .effort(Effort::High)
        .directory("/tree")
        .files_directory("/files")
        .checkout("/home/ada/shop")
        .session("s-2")
        .resume(ResumedSession::new("s-1", 0.5))
        .max_turns(9)
        .budget_usd(4.5)
        .time_limit_s(60)
        .yolo(true)
        .allowed_tools(["Bash"])
        .read_only(true)
        .answer_schema("{}")
        .program_version("1.2.3")
        .environment(["LINE_AGENT_KEY"])
        .is_root(true)
        .repository_settings(true)
        .extra(EXTRA);
    let plugin = World::new().load(GUEST, &guest_grants());
    let backend = plugin.agent_backend(None).unwrap();
    let (mut run, command) = backend.start(&task).unwrap();
    complete(&command);
    assert_eq!(command.stop_signal, StopSignal::Interrupt);
    check(&task, &command.stdin);
    complete(&backend.probe("echo").unwrap());
    let exit = Exit::default()
        .code(3)
        .signal(9)
        .stopped(StopReason::Silence);
    let [AgentEvent::Failed(echo)] = &run.on_exit(exit)[..] else {
        panic!("it reports the exit")
    };
    check(&exit, echo);
}

#[test]
fn a_template_gets_and_returns_every_field() {
    let check_report = CheckReport::new("tests")
        .passed(true)
        .fails_on_base(true)
        .duration_ms(9);
    let context = PrContext::default()
        .settings("{}")
        .issue(issue())
        .branch("work")
        .base("main")
        .base_commit("0123abc")
        .commits([Commit::new("4567def", "Fix it")])
        .changes([Change::new("src/main.rs").added(3).removed(1)])
        .agent_summary(Some("Fixed it."))
        .agent("claude")
        .model(Some("small"))
        .cost_usd(0.5)
        .cost_is_estimated(true)
        .attempts(2)
        .checks([check_report])
        .denied(["WebFetch"])
        .removed_from_prompt(["HTML comment"])
        .merge_after([5])
        .extra(EXTRA);
    let template = guest().pr_template(None).unwrap();
    let answer = template.render(&context).unwrap();
    complete(&answer);
    check(&context, &answer.body);
}

#[test]
fn a_description_keeps_its_facts() {
    let description = guest().classifier(None).unwrap().describe();
    assert_eq!(
        description.extra,
        [("answer".to_owned(), "echo".to_owned())]
    );
}
