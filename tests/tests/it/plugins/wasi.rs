//! A component for `wasm32-wasip2`, whose standard library imports WASI, loads as it is, may print,
//! and finds nothing.

use autoissue_plugin_host::Grants;
use autoissue_plugin_sdk::prelude::*;

use super::World;

const WASI_GUEST: &str = "autoissue-test-guest-wasi";

fn classifier() -> Box<dyn Classifier> {
    let plugin = World::new().load(WASI_GUEST, &Grants::default());
    assert!(
        plugin
            .imports()
            .iter()
            .any(|name| name.starts_with("wasi:cli/")),
        "it must import WASI: {:?}",
        plugin.imports()
    );
    plugin.classifier(None).unwrap()
}

fn ask(classifier: &dyn Classifier, misdeed: &str) -> Result<Classification, PluginError> {
    let issue = Issue::new(format!("misdeed: {misdeed}"));
    classifier.classify(&issue, &ClassifierContext::default())
}

#[test]
fn a_component_may_print() {
    let answer = ask(&*classifier(), "print");
    assert_eq!(answer.unwrap().domain, "printed");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_may_print_on_a_thread_of_an_async_runtime() {
    let answer = ask(&*classifier(), "print");
    assert_eq!(answer.unwrap().domain, "printed");
}

#[test]
fn its_last_words_are_in_the_error() {
    let classifier = classifier();
    let error = |misdeed| ask(&*classifier, misdeed).unwrap_err().to_string();
    assert!(
        error("print and abort").ends_with("`classify`: aborted: the reason in two lines"),
        "{}",
        error("print and abort")
    );
    assert!(
        error("panic").contains("aborted: panicked at"),
        "{}",
        error("panic")
    );
    assert!(
        error("exit").ends_with("`classify`: exited with code 1"),
        "{}",
        error("exit")
    );
    assert!(error("loop").ends_with("took longer than 1s"));
}

#[test]
fn it_finds_an_empty_world_in_which_time_stands_still() {
    let answer = ask(&*classifier(), "look around").unwrap();
    assert_eq!(
        answer.reasons,
        ["0 arguments, 0 variables, Ok(0ns), Err(NotFound), Err(PermissionDenied)"]
    );
}
