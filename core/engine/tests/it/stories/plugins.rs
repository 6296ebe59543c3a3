//! Plugins that do not decide.

use autoissue_engine::TaskInput;
use autoissue_engine::*;

use crate::story::*;

#[test]
fn the_built_in_decides_instead_and_this_is_reported() {
    let scenario = check(
        2,
        |scenario| {
            scenario
                .replies(
                    1,
                    "classify",
                    [Reply::PluginFailed(PluginFailureAction::Fallback)],
                )
                .begin();
        },
        "
        #1 billing 0.1.0 did not decide, Fallback: it trapped
        #1 attempt 1 started, $5.00 reserved
        #2 attempt 1 started, $5.00 reserved
        #1 agent exited, $1.00
        #2 agent exited, $1.00
        #1 ended, pull request #101
        #2 ended, pull request #102
        session completed
        ",
    );
    assert_eq!(
        scenario.engine.n_plugin_failures().get("billing 0.1.0"),
        Some(&1)
    );
}

#[test]
fn a_task_fails_or_is_skipped_without_a_fallback() {
    check(
        4,
        |scenario| {
            scenario.depends(3, &[2]);
            scenario.replies(
                1,
                "classify",
                [Reply::PluginFailed(PluginFailureAction::Fail)],
            );
            scenario
                .replies(
                    2,
                    "classify",
                    [Reply::PluginFailed(PluginFailureAction::Skip)],
                )
                .begin();
        },
        "
        #1 billing 0.1.0 did not decide, Fail: it trapped
        #1 ended, validation: it trapped
        #2 billing 0.1.0 did not decide, Skip: it trapped
        #2 ended, skipped: a plugin made no decision
        #3 ended, skipped: depends on #2
        #4 attempt 1 started, $5.00 reserved
        #4 agent exited, $1.00
        #4 ended, pull request #104
        session completed
        ",
    );
}

#[test]
fn a_selector_that_fails_between_attempts_ends_the_task() {
    check(
        1,
        |scenario| {
            scenario
                .set(|s| s.model = ModelChoice::Auto)
                .replies(1, "agent", [broken(gave_up())]);
            scenario.hold(1, "agent").begin();
            scenario
                .replies(1, "model", [Reply::PluginFailed(PluginFailureAction::Fail)])
                .release(1, "agent");
        },
        "
        #1 attempt 1 started, $5.00 reserved
        #1 agent exited, $0.00
        #1 attempt 1 failed (counted), again: gave up
        #1 billing 0.1.0 did not decide, Fail: it trapped
        #1 ended, validation: it trapped
        session completed
        ",
    );
}

#[test]
fn late_answers_of_a_plugin_change_nothing() {
    let mut scenario = Scenario::new(1);
    scenario.begin();
    let before = scenario.engine.clone();
    for action in [
        PluginFailureAction::Fallback,
        PluginFailureAction::Fail,
        PluginFailureAction::Skip,
    ] {
        let (strategy, plugin, message) = (
            "classifier".to_owned(),
            "billing 0.1.0".to_owned(),
            String::new(),
        );
        scenario.input(Input::Task(TaskInput::PluginFailed(PluginFailure {
            issue: number(1),
            strategy,
            plugin,
            message,
            action,
        })));
    }
    assert_eq!(scenario.engine, before);
}
