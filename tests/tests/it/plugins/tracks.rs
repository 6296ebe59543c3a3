//! Plugins built by an earlier release, and cached compiled code.

use std::path::{Path, PathBuf};

use autoissue_plugin_host::{Grants, LoadError};
use autoissue_plugin_sdk::prelude::*;
use autoissue_tests::{Sandbox, guests};

use super::{GUEST, World, guest_grants, hostile};

/// Returns the path of a component that was built elsewhere.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/plugins")
        .join(name)
}

/// Returns a component built with the first release of the SDK.
fn of_0_1_0() -> Vec<u8> {
    std::fs::read(fixture("guest-0.1.0.wasm")).unwrap()
}

/// Replaces every occurrence of a text by another of the same length.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut n = 0;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
            n += 1;
        }
    }
    assert!(0 < n, "`{from}` must occur");
    bytes
}

/// The examples in C and Zig, built as `plugins/examples/README.md` says, the latter with `-fstrip`
/// because its debug information contains paths. Those in JavaScript and Python contain a whole
/// interpreter, so only CI builds them.
#[test]
fn components_of_other_languages_still_run() {
    let sandbox = Sandbox::new();
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/examples/c/cases.json");
    for name in ["words-c.wasm", "words-zig.wasm"] {
        let (component, cases) = (fixture(name), cases.to_str().unwrap());
        let args = [
            "plugin",
            "test",
            component.to_str().unwrap(),
            "--cases",
            cases,
        ];
        let run = sandbox.run(args).exits(0);
        assert!(run.stdout.contains("3 of 3 cases passed"), "{}", run.stdout);
    }
}

#[test]
fn a_component_of_the_first_release_still_runs() {
    let plugin = World::new().try_load(&of_0_1_0(), &guest_grants()).unwrap();
    assert_eq!(
        (plugin.info().name.as_str(), plugin.track()),
        ("autoissue-test-guest", "0.1")
    );
    let answer = plugin
        .classifier(None)
        .unwrap()
        .classify(&Issue::new("t"), &ClassifierContext::default())
        .unwrap();
    assert_eq!(answer.domain, "guest");
    let request = SelectionRequest::default().available([ModelInfo::new("large")]);
    assert_eq!(
        plugin
            .model_selector(None)
            .unwrap()
            .select(&request)
            .unwrap()
            .model,
        "large"
    );
    let text = plugin
        .pr_template(None)
        .unwrap()
        .render(&PrContext::default())
        .unwrap();
    assert!(text.title.starts_with("Guest: "));
    let (mut run, command) = plugin
        .agent_backend(None)
        .unwrap()
        .start(&AgentTask::default())
        .unwrap();
    assert_eq!(command.program, "line-agent");
    assert_eq!(
        run.on_lines(&[Line::stdout("say hello")]),
        [AgentEvent::Text("hello".into())]
    );
}

#[test]
fn a_later_patch_version_runs_and_another_minor_version_is_refused() {
    let world = World::new();
    let patched = replaced(&of_0_1_0(), "@0.1.0", "@0.1.9");
    let plugin = world.try_load(&patched, &guest_grants()).unwrap();
    assert!(
        plugin.exports().iter().all(|name| name.ends_with("@0.1.9")),
        "{:?}",
        plugin.exports()
    );
    assert!(
        plugin
            .classifier(None)
            .unwrap()
            .classify(&Issue::new("t"), &ClassifierContext::default())
            .is_ok()
    );
    let error = world
        .try_load(&replaced(&of_0_1_0(), "@0.1.0", "@0.2.0"), &guest_grants())
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "the plugin was built for autoissue:types@0.2.0; this autoissue supports 0.1.z"
    );
    let hint = error.hint(Path::new("a.wasm"));
    assert!(hint.contains("another release of autoissue"));
}

/// Adds an export of one of a component's instances under another name (component model, "Binary
/// format").
fn with_export(component: &[u8], name: &str, instance: u8) -> Vec<u8> {
    const EXPORT_SECTION: u8 = 11;
    const PLAIN_NAME: u8 = 0;
    const INSTANCE: u8 = 5;
    const NO_TYPE: u8 = 0;
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let mut export = vec![1, PLAIN_NAME, length(name.as_bytes())];
    export.extend(name.as_bytes());
    export.extend([INSTANCE, instance, NO_TYPE]);
    [component, &[EXPORT_SECTION, length(&export)], &export].concat()
}

#[test]
fn a_component_may_serve_a_later_track_too() {
    let later = "autoissue:plugin/metadata@0.2.0";
    // Only an instance of the component's own can be exported; its imports come first.
    let load = |instance| {
        let both = with_export(&hostile::honest(), later, instance);
        World::new().try_load(&both, &Grants::default()).ok()
    };
    let plugin = (0..10).find_map(load).expect("it has instances");
    assert!(plugin.exports().iter().any(|name| name == later));
    let classifier = plugin.classifier(None).unwrap();
    let answer = classifier.classify(&Issue::new("t"), &ClassifierContext::default());
    assert_eq!(answer.unwrap().domain, "billing");
}

#[test]
fn files_that_are_not_plugins_are_refused_before_they_run() {
    let world = World::new();
    let load = |bytes: &[u8]| world.try_load(bytes, &Grants::default()).err().unwrap();
    assert_eq!(load(b""), LoadError::NotWasm);
    assert_eq!(load(b"#!/bin/sh\n"), LoadError::NotWasm);
    assert_eq!(load(b"\0asm\x01\0\0\0"), LoadError::NotAComponent);
    assert_eq!(
        load(b"\0asm\x0d\0\x01\0"),
        LoadError::NotAPlugin {
            exports: Vec::new()
        }
    );
    assert!(matches!(
        load(b"\0asm\x0d\0\x01\0junk"),
        LoadError::Invalid { .. }
    ));
    let foreign = replaced(&of_0_1_0(), "autoissue:plugin/", "otherwise:plugin/");
    assert!(matches!(load(&foreign), LoadError::NotAPlugin { .. }));
    let wanting = replaced(&of_0_1_0(), "plugin/host-log@", "plugin/host-net@");
    let LoadError::NotProvided { imports } = load(&wanting) else {
        panic!("`host-net` is not a known interface")
    };
    assert_eq!(imports, ["autoissue:plugin/host-net@0.1.0"]);
}

#[test]
fn compiled_code_is_reused_and_damage_repaired() {
    let world = World::new();
    let load = |package| {
        let loaded = world.try_load(guests::component(package), &Grants::default());
        loaded.unwrap()
    };
    load(GUEST);
    let [file] = &world.compiled()[..] else {
        panic!("one file")
    };
    let before = std::fs::read(file).unwrap();
    load(GUEST);
    assert_eq!(std::fs::read(file).unwrap(), before);
    for at in [0, 64, before.len() / 2, before.len() - 1] {
        let mut damaged = before.clone();
        damaged[at] ^= 1;
        std::fs::write(file, damaged).unwrap();
        let plugin = load(GUEST);
        assert!(
            plugin
                .classifier(None)
                .unwrap()
                .classify(&Issue::new("t"), &ClassifierContext::default())
                .is_ok()
        );
        assert!(
            std::fs::read(file).unwrap().len() >= before.len() - 64,
            "the file must be rewritten"
        );
    }
    load("autoissue-classifier");
    assert_eq!(world.compiled().len(), 2);
    assert!(
        guests::component(GUEST).len() < before.len(),
        "the cache must contain compiled code"
    );
}
