//! A built-in and its component are compiled from the same source, so they must always give the
//! same answer.

use std::path::{Path, PathBuf};

use autoissue_classifier::BuiltinClassifier;
use autoissue_claude::ClaudeBackend;
use autoissue_model_selector::BuiltinSelector;
use autoissue_patch::PatchBackend;
use autoissue_plugin_host::Grants;
use autoissue_plugin_sdk::prelude::*;
use autoissue_pr_template::BuiltinTemplate;

use super::World;
use super::corpus::Corpus;

/// Number of issues from the corpus; all are different.
const N_ISSUES: usize = 2_500;

#[test]
fn classifier_and_component_agree() {
    let twin = World::new()
        .load("autoissue-classifier", &Grants::default())
        .classifier(None)
        .unwrap();
    let context = ClassifierContext::default();
    for issue in Corpus::new(1).take(N_ISSUES) {
        let native = BuiltinClassifier.classify(&issue, &context);
        assert_eq!(twin.classify(&issue, &context), native, "{issue:#?}");
    }
}

#[test]
fn model_selector_and_component_agree() {
    let twin = World::new()
        .load("autoissue-model-selector", &Grants::default())
        .model_selector(None)
        .unwrap();
    let mut corpus = Corpus::new(2);
    for _ in 0..N_ISSUES {
        let request = corpus.selection_request();
        assert_eq!(
            twin.select(&request),
            BuiltinSelector.select(&request),
            "{request:#?}"
        );
    }
}

#[test]
fn template_and_component_agree() {
    let twin = World::new()
        .load("autoissue-pr-template", &Grants::default())
        .pr_template(None)
        .unwrap();
    let mut corpus = Corpus::new(3);
    for _ in 0..N_ISSUES {
        let context = corpus.pr_context();
        assert_eq!(
            twin.render(&context),
            BuiltinTemplate.render(&context),
            "{context:#?}"
        );
    }
}

/// Passes lines, a few at a time, and an exit to a backend; returns all its events.
fn play(
    backend: &dyn AgentBackend,
    task: &AgentTask,
    lines: &[Line],
    exit: Exit,
    n_together: usize,
) -> Vec<AgentEvent> {
    let (mut run, _) = backend.start(task).unwrap();
    let mut events: Vec<AgentEvent> = lines
        .chunks(n_together)
        .flat_map(|lines| run.on_lines(lines))
        .collect();
    events.extend(run.on_exit(exit));
    events
}

/// Returns the recorded output of real runs.
fn transcripts() -> Vec<(String, Vec<Line>)> {
    fn entries(directory: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }

    fn read(path: &Path) -> (String, Vec<Line>) {
        let text = std::fs::read_to_string(path).unwrap();
        (
            path.display().to_string(),
            text.lines().map(Line::stdout).collect(),
        )
    }

    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/claude/tests/fixtures");
    let files = entries(&fixtures)
        .into_iter()
        .flat_map(|directory| entries(&directory));
    files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .map(|path| read(&path))
        .collect()
}

#[test]
fn claude_backend_and_component_agree() {
    let environment = ClaudeBackend.probe("").unwrap().environment;
    let grants = Grants {
        exec: vec!["claude".into()],
        env: environment,
    };
    let twin = World::new()
        .load("autoissue-claude", &grants)
        .agent_backend(None)
        .unwrap();
    assert_eq!(twin.probe(""), ClaudeBackend.probe(""));
    let transcripts = transcripts();
    assert!(20 < transcripts.len(), "the recorded runs must exist");
    let mut corpus = Corpus::new(4);
    for (name, lines) in transcripts {
        let task = corpus.agent_task();
        assert_eq!(
            twin.start(&task).unwrap().1,
            ClaudeBackend.start(&task).unwrap().1,
            "{name}"
        );
        for (exit, n_together) in [(Some(0), 1), (Some(1), 3), (None, 1000)] {
            let exit = match exit {
                Some(code) => Exit::default().code(code),
                None => Exit::default().signal(15),
            };
            let native = play(&ClaudeBackend, &task, &lines, exit, n_together);
            assert_eq!(
                play(&*twin, &task, &lines, exit, n_together),
                native,
                "{name}"
            );
        }
    }
}

#[test]
fn patch_backend_and_component_agree() {
    let grants = Grants {
        exec: vec!["autoissue".into()],
        ..Grants::default()
    };
    let twin = World::new()
        .load("autoissue-patch", &grants)
        .agent_backend(None)
        .unwrap();
    assert_eq!(twin.probe(""), PatchBackend.probe(""));
    let mut corpus = Corpus::new(5);
    let mut n_started = 0;
    for _ in 0..N_ISSUES / 5 {
        let task = corpus.agent_task();
        let native = PatchBackend.start(&task).map(|(_, command)| command);
        assert_eq!(
            twin.start(&task).map(|(_, command)| command),
            native,
            "{task:#?}"
        );
        n_started += usize::from(native.is_ok());
    }
    assert!(10 < n_started, "some issues must have a diff");
    let task = AgentTask::default()
        .issue(Issue::new("t").body("```diff\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n```\n"));
    let outcomes = [
        r#"{"applied":["src/user.rs"]}"#,
        r#"{"already_applied":true}"#,
        r#"{"rejected":"error: a"}"#,
        "odd",
        "",
    ];
    for line in outcomes {
        for code in [0, 1] {
            let (lines, exit) = (
                [Line::stdout(line), Line::stderr("warning")],
                Exit::default().code(code),
            );
            assert_eq!(
                play(&*twin, &task, &lines, exit, 2),
                play(&PatchBackend, &task, &lines, exit, 2),
                "{line}"
            );
        }
    }
}
