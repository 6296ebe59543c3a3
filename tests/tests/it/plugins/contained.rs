//! A plugin's misbehaviour costs one call, and the error names the cause.

use autoissue_plugin_host::Grants;
use autoissue_plugin_sdk::prelude::*;

use super::{GUEST, World, guest_grants};

/// Asks the guest for a misdeed, then for something harmless, and checks the first result.
#[track_caller]
fn check(classifier: &dyn Classifier, misdeed: &str, expected: &str) {
    let context = ClassifierContext::default().domains(["backend"]);
    let answer = classifier.classify(&Issue::new(format!("misdeed: {misdeed}")), &context);
    let text = match answer {
        Ok(answer) => panic!("{misdeed}: {answer:?}"),
        Err(error) => error.to_string(),
    };
    assert!(text.contains(expected), "{misdeed}: {text}");
    let good = classifier
        .classify(&Issue::new("harmless"), &context)
        .unwrap();
    assert_eq!(
        (good.domain.as_str(), &*good.reasons[0]),
        ("guest", "known domains: backend"),
        "after {misdeed}"
    );
}

#[test]
fn every_misdeed_costs_one_call_and_is_named() {
    let classifier = World::new()
        .load(GUEST, &Grants::default())
        .classifier(None)
        .unwrap();
    let name = "internal error: plugin `autoissue-test-guest`, `classify`";
    for (misdeed, expected) in [
        ("panic", "aborted: panicked at tests/guest/src/misdeed.rs:"),
        ("loop", "took longer than 1s"),
        ("memory", "asked for more than 64 MiB of memory"),
        ("stack", "overflowed its stack"),
        ("huge reason", "returned an invalid value: too much data"),
        (
            "many reasons",
            "`reasons` is a list of 2000 entries; expected at most 1000 entries",
        ),
        (
            "not a number",
            "`confidence` is NaN; expected a number from 0 to 1",
        ),
        (
            "bad domain",
            "`domain` is `Not A Domain`; expected 1 to 40 characters",
        ),
        (
            "control characters",
            "`reasons[0]` is `[2J`, which contains control characters",
        ),
    ] {
        check(&*classifier, misdeed, &format!("{name}: {expected}"));
    }
}

#[test]
fn a_plugins_own_errors_are_reported_unchanged() {
    let classifier = World::new()
        .load(GUEST, &Grants::default())
        .classifier(None)
        .unwrap();
    check(
        &*classifier,
        "invalid settings",
        "invalid settings: `words` must not be empty",
    );
    check(&*classifier, "invalid input", "invalid input: no title");
    check(&*classifier, "unavailable", "unavailable: later");
    check(&*classifier, "internal", "internal error: a defect");
    let chatter = classifier.classify(
        &Issue::new("misdeed: chatter"),
        &ClassifierContext::default(),
    );
    assert_eq!(
        chatter.unwrap().domain,
        "chatter",
        "excess log lines must be dropped without an error"
    );
}

#[test]
fn settings_are_typed_and_strategies_are_selected_by_name() {
    let plugin = World::new().load(GUEST, &Grants::default());
    let classifier = plugin.classifier(Some("obedient")).unwrap();
    assert!(
        classifier
            .settings()
            .schema()
            .unwrap()
            .contains("The domain to return.")
    );
    assert_eq!(classifier.check_settings(r#"{"domain": "x"}"#), Ok(()));
    let error = classifier.check_settings(r#"{"domain": 1}"#).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("invalid settings: `domain`: invalid type"),
        "{error}"
    );
    let context = ClassifierContext::default().settings(r#"{"domain": "mine"}"#);
    assert_eq!(
        classifier
            .classify(&Issue::new("t"), &context)
            .unwrap()
            .domain,
        "mine"
    );
    let second = plugin.classifier(Some("second")).unwrap();
    assert_eq!(
        second
            .classify(&Issue::new("t"), &ClassifierContext::default())
            .unwrap()
            .domain,
        "second"
    );
    let missing = plugin.classifier(Some("third")).err().unwrap().to_string();
    assert!(
        missing.contains(
            "has no classifier `third`; it has classifier `obedient`, classifier `second`"
        ),
        "{missing}"
    );
}

#[test]
fn a_backend_is_limited_to_its_grants() {
    let world = World::new();
    let granted = world
        .load(GUEST, &guest_grants())
        .agent_backend(None)
        .unwrap();
    assert_eq!(granted.probe("").unwrap().program, "line-agent");
    assert!(granted.start(&AgentTask::default()).is_ok());
    for (grants, expected) in [
        (
            Grants::default(),
            "asks for the program `line-agent`, which is not granted",
        ),
        (
            Grants {
                exec: vec!["line-agent".into()],
                ..Grants::default()
            },
            "asks for the environment variable `LINE_AGENT_KEY`, which is not granted",
        ),
    ] {
        let plugin = world.load(GUEST, &grants);
        let backend = plugin.agent_backend(None).unwrap();
        for error in [
            backend.probe("").err(),
            backend.start(&AgentTask::default()).err(),
        ] {
            assert!(
                error.clone().unwrap().to_string().contains(expected),
                "{error:?}"
            );
        }
        let asked = plugin.asked_program(None, "").unwrap();
        assert_eq!(
            (asked.program.as_str(), asked.environment.len()),
            ("line-agent", 1)
        );
    }
}

#[test]
fn an_attempt_whose_reader_traps_fails_despite_earlier_success() {
    let backend = World::new()
        .load(GUEST, &guest_grants())
        .agent_backend(None)
        .unwrap();
    let (mut run, _) = backend.start(&AgentTask::default()).unwrap();
    assert_eq!(
        run.on_lines(&[Line::stdout("say hello"), Line::stdout("done it")]),
        [AgentEvent::Text("hello".into())]
    );
    let events = run.on_lines(&[Line::stdout("trap")]);
    let [AgentEvent::Failed(text)] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(
        text.contains("`on-lines`: aborted: panicked at tests/guest/src/agent.rs"),
        "{text}"
    );
    assert_eq!(run.on_lines(&[Line::stdout("say more")]), []);
    assert_eq!(run.on_exit(Exit::default().code(0)), []);
    let (mut other, _) = backend.start(&AgentTask::default()).unwrap();
    other.on_lines(&[Line::stdout("done all")]);
    let events = other.on_exit(Exit::default().code(0));
    assert_eq!(
        events,
        [AgentEvent::Done(Some("all (1 lines)".into()))],
        "each attempt must have its own memory"
    );
}
