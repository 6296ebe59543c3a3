//! A plan as JSON: the file that people read and edit, and the part of it that an agent answers
//! with.
//!
//! The file is a promise. A key added later has a default, and a change that an old release would
//! misread is a new version.

use autoissue_engine::{Complexity, Plan, PlannedIssue, Time};
use autoissue_plugin_sdk::hidden_text::{self, one_line};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::problems::{self, Problem, time};
use super::{
    BODY_CHARS_MAX, DOMAINS, LABEL_CHARS_MAX, N_ISSUES_MAX, N_LABELS_MAX, TITLE_CHARS_MAX, graph,
};
use crate::wall_clock::rfc3339;

/// Version of the file format.
const VERSION: u32 = 1;
/// URL of the schema, for editors; never fetched here.
pub const SCHEMA_URL: &str =
    "https://raw.githubusercontent.com/autoissue/autoissue/main/cli/plan.schema.json";
/// Hexadecimal digits of a plan's id: 128 bits, so that it cannot be guessed.
const ID_DIGITS: usize = 32;

/// A plan and its directive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The directive; empty if none was given.
    pub directive: String,
    /// The plan.
    pub plan: Plan,
    /// Invisible text that was removed from it, one line each, for people.
    pub notes: Vec<String>,
}

/// A text that is not a valid plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct NotAPlan(pub Vec<Problem>);

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The plan of a directive: the issues that autoissue creates and runs.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "autoissue plan")]
struct File {
    /// URL of this schema, for editors; ignored.
    #[serde(rename = "$schema")]
    schema: Option<String>,
    /// Version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    version: u32,
    /// Identifies the plan. While it is unchanged, existing issues are found again instead of being created twice.
    #[schemars(length(min = 16, max = 64))]
    id: Option<String>,
    /// When the plan was made, RFC 3339.
    created_at: Option<String>,
    /// The directive that the plan was made for.
    directive: Option<String>,
    /// The issues, in the order in which they are created. Their positions count from 1.
    #[schemars(length(min = 1, max = N_ISSUES_MAX))]
    issues: Vec<Entry>,
    /// The dependencies as a Mermaid diagram, line by line. Generated when the plan is saved; ignored when it is read.
    graph: Option<Vec<String>>,
}

/// One issue of the plan.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Title: what is to be done, in one line.
    #[schemars(length(min = 1, max = TITLE_CHARS_MAX))]
    title: String,
    /// Body in Markdown, with requirements and acceptance criteria: a string, or a list of lines.
    body: Body,
    /// Labels; exactly one is a domain: backend, frontend, database, infrastructure, security, testing or documentation.
    #[schemars(length(min = 1, max = N_LABELS_MAX), inner(length(min = 1, max = LABEL_CHARS_MAX)))]
    labels: Vec<String>,
    /// How much work it is.
    complexity: Level,
    /// Positions of the issues that have to be done before this one.
    #[serde(default)]
    #[schemars(inner(range(min = 1, max = N_ISSUES_MAX)))]
    depends_on: Vec<u32>,
}

/// A text, or its lines.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Body {
    Text(#[schemars(length(min = 1, max = BODY_CHARS_MAX))] String),
    Lines(#[schemars(length(min = 1))] Vec<String>),
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    /// A small change in one place.
    Simple,
    /// A change in several places.
    Medium,
    /// A change that requires careful thought.
    Complex,
}

/// Returns the JSON Schema of a plan's file (draft 2020-12, without references and without `format`
/// keywords: Claude Code silently ignores a schema with a format that it does not know).
pub fn schema() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<File>()
        .to_value();
    remove_formats(&mut schema);
    schema
}

fn remove_formats(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.retain(|key, value| key != "format" || !value.is_string());
            object.values_mut().for_each(remove_formats);
        }
        Value::Array(list) => list.iter_mut().for_each(remove_formats),
        _ => {}
    }
}

/// Returns the schema of an agent's answer: the issues of the file, and nothing else.
pub(crate) fn answer_schema() -> Value {
    let file = schema();
    json!({
        "type": "object",
        "properties": {"issues": file["properties"]["issues"]},
        "required": ["issues"],
        "additionalProperties": false,
    })
}

/// Reads the file of a plan. A plan without an id gets one derived from its contents.
///
/// # Errors
/// [`NotAPlan`] with all problems.
pub fn read(text: &str) -> Result<Document, NotAPlan> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| NotAPlan(vec![Problem::of_text(&error)]))?;
    let problems = problems::of_file(&value);
    if !problems.is_empty() {
        return Err(NotAPlan(problems));
    }
    let file: File =
        serde_json::from_value(value).map_err(|error| NotAPlan(vec![Problem::of_whole(error)]))?;
    let directive = file.directive.unwrap_or_default();
    let (issues, notes) = planned(file.issues);
    let id = file.id.unwrap_or_else(|| name_of("", &directive, &issues));
    let created_at = file
        .created_at
        .as_deref()
        .and_then(time)
        .unwrap_or_default();
    Ok(Document {
        directive,
        plan: Plan {
            id,
            created_at,
            issues,
        },
        notes,
    })
}

/// Makes the plan of an answer without problems. `salt` is specific to the session, so that no two
/// plans have the same id.
pub(super) fn of_answer(
    answer: Value,
    directive: &str,
    salt: &str,
    now: Time,
) -> Result<Document, NotAPlan> {
    #[derive(Deserialize)]
    struct Answer {
        issues: Vec<Entry>,
    }
    let problems = problems::of_answer(&answer);
    if !problems.is_empty() {
        return Err(NotAPlan(problems));
    }
    let answer: Answer =
        serde_json::from_value(answer).map_err(|error| NotAPlan(vec![Problem::of_whole(error)]))?;
    let (issues, notes) = planned(answer.issues);
    let id = name_of(salt, directive, &issues);
    Ok(Document {
        directive: directive.to_owned(),
        plan: Plan {
            id,
            created_at: now,
            issues,
        },
        notes,
    })
}

/// Returns a plan as a file that people can read and edit.
pub fn write(directive: &str, plan: &Plan) -> String {
    let file = File {
        schema: Some(SCHEMA_URL.to_owned()),
        version: VERSION,
        id: Some(plan.id.clone()),
        created_at: Some(plan.created_at)
            .filter(|at| Time::default() < *at)
            .map(timestamp),
        directive: Some(directive.to_owned()).filter(|text| !text.is_empty()),
        issues: plan.issues.iter().map(Entry::of).collect(),
        graph: Some(graph::mermaid(plan).lines().map(str::to_owned).collect()),
    };
    let value = serde_json::to_value(file).expect("a plan has string keys only");
    let value: Map<String, Value> = match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        _ => Map::new(),
    };
    serde_json::to_string_pretty(&value).expect("a plan has string keys only") + "\n"
}

impl Entry {
    fn of(issue: &PlannedIssue) -> Self {
        Self {
            title: issue.title.clone(),
            body: Body::of(&issue.body),
            labels: issue.labels.clone(),
            complexity: match issue.complexity {
                Complexity::Simple => Level::Simple,
                Complexity::Medium => Level::Medium,
                Complexity::Complex => Level::Complex,
            },
            depends_on: issue.depends_on.clone(),
        }
    }
}

impl Body {
    /// Writes several lines as a list, because nobody wants to edit a string that contains `\n`.
    fn of(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() > 1 {
            Self::Lines(lines)
        } else {
            Self::Text(text.to_owned())
        }
    }

    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Lines(lines) => lines.join("\n"),
        }
    }
}

/// Returns the issues without invisible text, and which of them contained any.
fn planned(entries: Vec<Entry>) -> (Vec<PlannedIssue>, Vec<String>) {
    let mut notes = Vec::new();
    let mut issues = Vec::new();
    for (position, entry) in (1..).zip(entries) {
        let title = hidden_text::strip(&entry.title);
        let body = hidden_text::strip(&entry.body.text());
        let mut removed = title.removed;
        removed.extend(body.removed);
        removed.sort_unstable();
        removed.dedup();
        if !removed.is_empty() {
            let kinds: Vec<String> = removed.iter().map(ToString::to_string).collect();
            notes.push(format!(
                "removed invisible text from issue {position}: {}",
                kinds.join(", ")
            ));
        }
        let mut depends_on = entry.depends_on;
        depends_on.sort_unstable();
        depends_on.dedup();
        issues.push(PlannedIssue {
            title: one_line(&title.text),
            body: body.text.trim().to_owned(),
            labels: labels(entry.labels),
            complexity: match entry.complexity {
                Level::Simple => Complexity::Simple,
                Level::Medium => Complexity::Medium,
                Level::Complex => Complexity::Complex,
            },
            depends_on,
            ..PlannedIssue::default()
        });
    }
    (issues, notes)
}

/// Returns each label once; domains are lower-cased.
fn labels(labels: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for label in labels {
        let label = label.trim();
        let label = DOMAINS
            .into_iter()
            .find(|domain| domain.eq_ignore_ascii_case(label))
            .unwrap_or(label);
        if !kept
            .iter()
            .any(|other| other.to_lowercase() == label.to_lowercase())
        {
            kept.push(label.to_owned());
        }
    }
    kept
}

fn name_of(salt: &str, directive: &str, issues: &[PlannedIssue]) -> String {
    let mut hash = Sha256::new();
    for text in [salt, directive].into_iter().chain(
        issues
            .iter()
            .flat_map(|it| [it.title.as_str(), it.body.as_str()]),
    ) {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    hex::encode(hash.finalize())[..ID_DIGITS].to_owned()
}

fn timestamp(at: Time) -> String {
    rfc3339(at.ms())
}

#[cfg(test)]
mod tests;
