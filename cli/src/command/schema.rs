//! `autoissue schema`: prints the JSON Schemas of autoissue's output.

use autoissue_core::engine::Event;
use clap::{Args, Subcommand};
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::json;

use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::schema_text::describe_json;

/// Arguments of `schema`.
#[derive(Clone, Debug, Args)]
pub(crate) struct SchemaArgs {
    #[command(subcommand)]
    pub(crate) what: SchemaCommand,
}

/// The available schemas.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Print the JSON Schema of events, as stored in the journal and printed by `--output json`
    Events,
}

/// Runs the command.
///
/// # Errors
/// If standard output cannot be written.
pub(crate) fn run(invocation: &Invocation, args: &SchemaArgs) -> Result<ExitCode, CliError> {
    let document = match args.what {
        SchemaCommand::Events => of_events(),
    };
    // Its own order of keys, which a plain value does not have.
    invocation.console.document(&json!(document))?;
    Ok(ExitCode::Success)
}

/// Returns the JSON Schema of an event. It allows unknown fields, because a later release may add
/// some.
fn of_events() -> Schema {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(describe_json));
    let mut schema = settings.into_generator().into_root_schema_for::<Event>();
    schema.insert(
        "title".to_owned(),
        "An event of an autoissue session".into(),
    );
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_of_events_is_the_one_that_is_checked_in() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/events.schema.json");
        let found = std::fs::read_to_string(path).unwrap_or_default();
        let expected = serde_json::to_string_pretty(&of_events()).unwrap() + "\n";
        assert!(
            found == expected,
            "regenerate it: `autoissue schema events > cli/events.schema.json`"
        );
    }

    #[test]
    fn every_object_of_an_event_has_a_distinguishing_field() {
        fn check(schema: &serde_json::Value) {
            for key in ["oneOf", "anyOf"] {
                for form in schema[key].as_array().into_iter().flatten() {
                    let is_object = form["type"] == "object";
                    let has_tag = ["type", "chapter"]
                        .iter()
                        .any(|tag| form["properties"][tag]["const"].is_string());
                    assert!(!is_object || has_tag, "{form}");
                }
            }
            match schema {
                serde_json::Value::Object(fields) => fields.values().for_each(check),
                serde_json::Value::Array(items) => items.iter().for_each(check),
                _ => {}
            }
        }

        check(of_events().as_value());
    }

    #[test]
    fn amounts_and_times_are_recognized_by_their_names() {
        fn check(schema: &serde_json::Value) {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let refers_to = |what: &str| {
                    let is = |schema: &serde_json::Value| {
                        schema["$ref"].as_str() == Some(&format!("#/$defs/{what}"))
                    };
                    let any_of = property["anyOf"].as_array();
                    is(property) || any_of.is_some_and(|forms| forms.iter().any(is))
                };
                let is_time =
                    name.ends_with("_at") || ["until", "start_until", "since"].contains(&&**name);
                assert!(!refers_to("Usd") || name.ends_with("_usd"), "{name}");
                assert_eq!(refers_to("Time"), is_time, "{name}");
            }
            match schema {
                serde_json::Value::Object(fields) => fields.values().for_each(check),
                serde_json::Value::Array(items) => items.iter().for_each(check),
                _ => {}
            }
        }

        check(of_events().as_value());
    }
}
