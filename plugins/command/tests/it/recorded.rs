//! Recorded output of programs, and its expected interpretation with the settings of their recipes:
//! `fixtures/PROGRAM/CASE.txt` is the standard output, `CASE.end` the exit code or signal and
//! standard error.
//!
//! Recorded with a scripted model on loopback: aider 0.86.2, qwen-code 0.15.10, pi 0.74.2, gptme
//! 0.35.1. The commands were those of the recipes with other names of models and, for aider, in the
//! edit format `whole`, without `--no-auto-test`. In `qwen/refused-429` and `qwen/refused-500` the
//! program was still trying when the recorder ended it after 60 seconds. A recording without a line
//! in the expectation fails the test.

use std::fmt::Write as _;
use std::fs;

use autoissue_command::CommandBackend;
use autoissue_plugin_sdk::{AgentBackend, AgentEvent, AgentTask, Exit, Line};
use serde_json::Value;

use crate::recipes;

fn directory() -> String {
    format!("{}/tests/fixtures", env!("CARGO_MANIFEST_DIR"))
}

/// Returns the names of the recordings, `PROGRAM/CASE`, sorted.
fn names() -> Vec<String> {
    let entries = |path: &str| {
        let entries = fs::read_dir(path).expect("the recordings").flatten();
        entries.map(|entry| entry.file_name().into_string().expect("a name in UTF-8"))
    };
    let mut names = Vec::new();
    for program in entries(&directory()) {
        for file in entries(&format!("{}/{program}", directory())) {
            names.extend(
                file.strip_suffix(".txt")
                    .map(|case| format!("{program}/{case}")),
            );
        }
    }
    names.sort();
    names
}

fn recording(name: &str) -> (Vec<Line>, Exit) {
    let text = |kind: &str| {
        fs::read_to_string(format!("{}/{name}.{kind}", directory())).expect("the recording")
    };
    let end: Value = serde_json::from_str(&text("end")).expect("how it ended");
    let number = |key: &str| {
        let number = end[key].as_i64();
        number.map(|number| i32::try_from(number).expect("a code or a signal"))
    };
    let mut exit = Exit::default();
    (exit.code, exit.signal) = (number("code"), number("signal"));
    let stderr = end["stderr"].as_str().expect("standard error");
    let lines = text("txt").lines().map(Line::stdout).collect::<Vec<_>>();
    let lines = lines.into_iter().chain(stderr.lines().map(Line::stderr));
    (lines.collect(), exit)
}

/// Returns a task with the settings of the recording's recipe.
fn task(name: &str) -> AgentTask {
    let (program, _) = name.split_once('/').expect("a program and a case");
    let recipe = match program {
        "script" => "A script of your own",
        program => program,
    };
    AgentTask::default().settings(recipes::settings(recipe))
}

/// Returns the event about the end. All other events are text.
fn end(name: &str, lines: &[Line], exit: Exit) -> Option<AgentEvent> {
    let task = task(name);
    let (mut run, _) = CommandBackend
        .start(&task)
        .expect("every task can be started");
    let events = run.on_lines(lines);
    assert!(
        events
            .iter()
            .all(|event| matches!(event, AgentEvent::Text(_))),
        "{name}: {events:?}"
    );
    let mut events = run.on_exit(exit);
    assert!(events.len() <= 1, "{name}: {events:?}");
    events.pop()
}

#[test]
fn every_recorded_run_is_interpreted_correctly() {
    let mut table = String::new();
    for name in names() {
        let (lines, exit) = recording(&name);
        let end = end(&name, &lines, exit);
        let exit = exit.code.map_or_else(
            || format!("signal {}", exit.signal.unwrap_or_default()),
            |code| code.to_string(),
        );
        let end = end.map_or_else(|| "nothing".to_owned(), |end| format!("{end:?}"));
        writeln!(table, "{name:<22} {exit:<9} {end:.120}").expect("a string takes all");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn without_its_error_lines_an_error_of_aider_looks_like_no_work() {
    let (lines, exit) = recording("aider/refused-401");
    let task = AgentTask::default().settings(r#"{"command": ["aider"]}"#);
    let (mut run, _) = CommandBackend.start(&task).expect("a program is enough");
    run.on_lines(&lines);
    assert_eq!(run.on_exit(exit), [AgentEvent::Done(None)]);
}

#[test]
fn the_batches_in_which_lines_arrive_do_not_matter() {
    for name in names() {
        let (lines, exit) = recording(&name);
        let task = task(&name);
        let (mut run, _) = CommandBackend
            .start(&task)
            .expect("every task can be started");
        for line in &lines {
            run.on_lines(std::slice::from_ref(line));
        }
        assert_eq!(run.on_exit(exit).pop(), end(&name, &lines, exit), "{name}");
    }
}
