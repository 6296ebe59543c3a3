//! What no linter checks of the workflows, the action and its example: pinned actions, scripts without expressions, inputs, versions.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn github() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github")
}

fn read(name: &str) -> String {
    fs::read_to_string(github().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Returns the workflows, the action and its example: their names and texts.
fn files() -> Vec<(String, String)> {
    let mut names = Vec::new();
    for directory in ["workflows", "actions/autoissue"] {
        for entry in fs::read_dir(github().join(directory)).expect("a directory") {
            let name = entry.expect("an entry").file_name();
            let name = name.into_string().expect("a name in UTF-8");
            if name.ends_with(".yml") {
                names.push(format!("{directory}/{name}"));
            }
        }
    }
    assert!(names.len() >= 4, "{names:?}");
    names
        .into_iter()
        .map(|name| (name.clone(), read(&name)))
        .collect()
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Returns the lines below a line, as far as they are indented more than it.
fn block<'a>(text: &'a str, head: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| line.trim() != head);
    let depth = indentation(lines.next().unwrap_or_else(|| panic!("no `{head}`")));
    lines
        .take_while(|line| line.trim().is_empty() || indentation(line) > depth)
        .collect()
}

/// Returns the keys of a block that are not in a block of their own.
fn keys<'a>(text: &'a str, head: &str) -> BTreeSet<&'a str> {
    let lines = block(text, head);
    let depth = lines.first().map_or(0, |line| indentation(line));
    let own = lines.into_iter().filter(|line| indentation(line) == depth);
    own.filter_map(|line| Some(line.trim().split_once(':')?.0))
        .collect()
}

#[test]
fn actions_of_others_are_pinned_by_commit() {
    for (name, text) in files() {
        for used in text.lines().filter_map(|line| line.split_once("uses: ")) {
            let used = used.1;
            if used.starts_with("autoissue/autoissue/") {
                continue;
            }
            let pinned = used.split_once('@').and_then(|it| it.1.split_once(" # v"));
            let commit = pinned.map(|it| it.0).unwrap_or_default();
            assert!(
                commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()),
                "{name}: {used}"
            );
        }
    }
}

#[test]
fn scripts_contain_no_expressions() {
    for (name, text) in files() {
        let mut script = None;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if script.is_some_and(|depth| indentation(line) <= depth) {
                script = None;
            }
            if line
                .trim_start()
                .trim_start_matches("- ")
                .starts_with("run:")
            {
                script = Some(indentation(line));
            }
            assert!(script.is_none() || !line.contains("${{"), "{name}: {line}");
        }
    }
}

#[test]
fn workflows_begin_with_read_access_and_never_run_for_strangers_with_more() {
    for (name, text) in files() {
        assert!(!text.contains("pull_request_target"), "{name}");
        assert!(
            name.ends_with("action.yml") || text.contains("\npermissions:\n  contents: read\n"),
            "{name}"
        );
    }
}

#[test]
fn the_action_passes_on_its_inputs_and_the_example_gives_no_others() {
    let action = read("actions/autoissue/action.yml");
    let script = read("actions/autoissue/run.sh");
    let inputs = keys(&action, "inputs:");
    assert!(inputs.len() > 10, "{inputs:?}");
    for input in &inputs {
        assert!(action.contains(&format!("inputs.{input}")), "{input}");
    }
    for variable in keys(&action, "env:") {
        assert!(
            variable == "GITHUB_TOKEN" || script.contains(variable),
            "{variable}"
        );
    }
    let example = read("actions/autoissue/example.yml");
    let given = example
        .split_once("uses: autoissue/autoissue/")
        .expect("the example uses the action")
        .1;
    let unknown: Vec<_> = keys(given, "with:").difference(&inputs).copied().collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_action_and_its_example_are_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let action = read("actions/autoissue/action.yml");
    assert!(
        block(&action, "version:").contains(&format!("    default: \"{version}\"").as_str()),
        "{action}"
    );
    let example = read("actions/autoissue/example.yml");
    assert!(
        example.contains(&format!("/actions/autoissue@v{version}\n")),
        "{example}"
    );
}
