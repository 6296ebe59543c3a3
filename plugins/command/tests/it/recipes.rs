//! The recipes of the README are settings that the backend accepts.

use autoissue_command::CommandBackend;
use autoissue_plugin_sdk::{AgentBackend, AgentTask};
use serde_json::Value;

const README: &str = include_str!("../../README.md");

/// Returns the recipes: the name of the section, and its settings.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    let sections = README.split("\n## ").skip(1);
    sections.filter_map(recipe).collect()
}

/// Returns the settings of one recipe.
pub(crate) fn settings(name: &str) -> String {
    let found = all().into_iter().find(|(section, _)| *section == name);
    found
        .map(|(_, settings)| settings)
        .expect("a recipe with this name")
}

fn recipe(section: &'static str) -> Option<(&'static str, String)> {
    let (name, text) = section.split_once('\n')?;
    let (_, from) = text.split_once("```json\n")?;
    let (config, _) = from.split_once("```")?;
    let config: Value = serde_json::from_str(config).expect(name);
    let agent = &config["agent"];
    assert_eq!(agent["backend"], "command", "{name}");
    // The host passes them together.
    let mut settings = agent["settings"].as_object().cloned().unwrap_or_default();
    settings.insert("command".to_owned(), agent["command"].clone());
    Some((name.trim(), Value::Object(settings).to_string()))
}

#[test]
fn every_recipe_is_accepted_and_can_be_started() {
    let recipes = all();
    let names: Vec<&str> = recipes.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["aider", "qwen", "pi", "gptme", "A script of your own"]
    );
    for (name, settings) in recipes {
        CommandBackend.check_settings(&settings).expect(name);
        let task = AgentTask::default()
            .settings(&settings)
            .prompt("the prompt");
        let (_, command) = CommandBackend.start(&task).expect(name);
        assert!(
            !command.args.iter().any(|arg| arg.contains("the prompt")),
            "{name}"
        );
    }
}

#[test]
fn every_recipe_fits_the_schema() {
    let settings = CommandBackend.settings();
    let schema: Value =
        serde_json::from_str(settings.schema().expect("it has settings")).expect("JSON");
    let known = schema["properties"].as_object().expect("an object");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["command"]));
    for (key, value) in known {
        assert!(value["description"].is_string(), "{key} is not explained");
    }
    for (name, settings) in all() {
        let settings: Value = serde_json::from_str(&settings).expect(name);
        for key in settings.as_object().expect(name).keys() {
            assert!(known.contains_key(key), "{name}: {key}");
        }
    }
}

#[test]
fn the_readme_explains_every_setting() {
    let settings = CommandBackend.settings();
    let schema: Value =
        serde_json::from_str(settings.schema().expect("it has settings")).expect("JSON");
    for key in schema["properties"].as_object().expect("an object").keys() {
        assert!(README.contains(&format!("`{key}`")), "{key}");
    }
}
