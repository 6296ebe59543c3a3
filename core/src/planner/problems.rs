//! Everything that is wrong with a plan, each problem with the position and title of its issue, in
//! words for an agent or a person.

use std::collections::BTreeMap;
use std::fmt;

use autoissue_engine::{IssueNumber, Time, dependency_cycle};
use autoissue_forge::declared::{Home, dependencies_in};
use autoissue_plugin_sdk::hidden_text::{self, one_line};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    BODY_CHARS_MAX, DOMAINS, LABEL_CHARS_MAX, N_ISSUES_MAX, N_LABELS_MAX, TITLE_CHARS_MAX,
};

/// Longest title in a problem, in characters.
const NAME_CHARS_MAX: usize = 60;
/// Most problems that are reported: a plan with more should be rewritten.
const N_PROBLEMS_MAX: usize = 50;
const KEYS_OF_FILE: [&str; 7] = [
    "$schema",
    "version",
    "id",
    "created_at",
    "directive",
    "issues",
    "graph",
];
const KEYS_OF_ISSUE: [&str; 5] = ["title", "body", "labels", "complexity", "depends_on"];
const LEVELS: [&str; 3] = ["simple", "medium", "complex"];
/// Replaces bytes that are not UTF-8.
const REPLACEMENT: char = '\u{fffd}';

/// One problem of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Position of the issue, from 1; `None` for the plan as a whole.
    pub position: Option<usize>,
    /// Its title, shortened; empty if it has none.
    pub title: String,
    /// What is wrong, and what is allowed.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{}: {}", named(position, &self.title), self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl Problem {
    /// Creates a problem of the plan as a whole.
    pub(crate) fn of_whole(text: impl fmt::Display) -> Self {
        Self {
            position: None,
            title: String::new(),
            text: text.to_string(),
        }
    }

    /// Creates the problem of a text that is not JSON.
    pub(crate) fn of_text(error: &serde_json::Error) -> Self {
        Self::of_whole(format!("it is not valid JSON: {error}"))
    }
}

/// Returns the problems of an agent's answer.
pub(super) fn of_answer(answer: &Value) -> Vec<Problem> {
    let mut judge = Judge::default();
    match answer.as_object() {
        Some(object) => {
            judge.keys(object, &["issues"]);
            judge.issues(object.get("issues"));
            judge.references();
        }
        None => judge.whole(format!(
            "it is {}, not an object with `issues`",
            kind(answer)
        )),
    }
    judge.problems
}

/// Returns the problems of a plan's file.
pub(super) fn of_file(file: &Value) -> Vec<Problem> {
    fn is_list(value: &Value) -> bool {
        value
            .as_array()
            .is_some_and(|lines| lines.iter().all(Value::is_string))
    }

    let mut judge = Judge::default();
    let Some(object) = file.as_object() else {
        return vec![Problem::of_whole(format!(
            "it is {}, not an object with `version` and `issues`",
            kind(file)
        ))];
    };
    judge.keys(object, &KEYS_OF_FILE);
    match object.get("version") {
        Some(version) if version.as_u64() == Some(1) => {}
        Some(version) => judge.whole(format!(
            "`version` is {}; this release reads version 1",
            shown(version)
        )),
        None => judge.whole("`version` is missing; set it to 1".to_owned()),
    }
    for key in ["$schema", "id", "created_at", "directive"] {
        if let Some(value) = object
            .get(key)
            .filter(|value| !value.is_string() && !value.is_null())
        {
            judge.whole(format!("`{key}` is {}, not a string", kind(value)));
        }
    }
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    if text("id").is_some_and(|id| {
        !(16..=64).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_alphanumeric())
    }) {
        judge.whole(
            "`id` must be 16 to 64 letters and digits; remove it to get one derived from the contents".to_owned(),
        );
    }
    if let Some(at) = text("created_at").filter(|at| time(at).is_none()) {
        judge.whole(format!(
            "`created_at` is `{}`, not a time like `2026-03-01T21:14:00Z`",
            short(at)
        ));
    }
    if object
        .get("graph")
        .is_some_and(|graph| !graph.is_null() && !is_list(graph))
    {
        judge.whole("`graph` is not a list of lines; remove it; it is generated".to_owned());
    }
    judge.issues(object.get("issues"));
    judge.problems
}

/// Collects problems.
#[derive(Default)]
struct Judge {
    problems: Vec<Problem>,
    /// Title and body of each issue, if they are strings.
    texts: Vec<(String, String)>,
}

impl Judge {
    fn push(&mut self, position: Option<usize>, text: String) {
        if self.problems.len() < N_PROBLEMS_MAX {
            let title = position
                .map(|position| self.title(position))
                .unwrap_or_default();
            self.problems.push(Problem {
                position,
                title,
                text,
            });
        }
    }

    fn whole(&mut self, text: String) {
        self.push(None, text);
    }

    fn title(&self, position: usize) -> String {
        self.texts
            .get(position - 1)
            .map(|(title, _)| short(title))
            .unwrap_or_default()
    }

    fn keys(&mut self, object: &Map<String, Value>, known: &[&str]) {
        for key in object.keys().filter(|key| !known.contains(&key.as_str())) {
            self.whole(format!(
                "unknown key `{}`; known keys: {}",
                short(key),
                listed(known)
            ));
        }
    }

    fn issues(&mut self, issues: Option<&Value>) {
        let Some(issues) = issues else {
            return self.whole("`issues` is missing".to_owned());
        };
        let Some(issues) = issues.as_array() else {
            return self.whole(format!("`issues` is {}, not a list", kind(issues)));
        };
        if issues.is_empty() {
            self.whole("`issues` is empty; at least one is needed".to_owned());
        }
        if N_ISSUES_MAX < issues.len() {
            return self.whole(format!(
                "too many issues ({}); at most {N_ISSUES_MAX} are allowed",
                issues.len()
            ));
        }
        let text = |issue: &Value, key: &str| issue.get(key).and_then(text_of).unwrap_or_default();
        self.texts = issues
            .iter()
            .map(|issue| (one_line(&text(issue, "title")), text(issue, "body")))
            .collect();
        for (position, issue) in (1..).zip(issues) {
            match issue.as_object() {
                Some(object) => self.issue(position, object, issues.len()),
                None => self.push(
                    Some(position),
                    format!("it is {}, not an object", kind(issue)),
                ),
            }
        }
        self.same_titles();
        self.circle(issues);
    }

    fn issue(&mut self, position: usize, issue: &Map<String, Value>, n_issues: usize) {
        let mut say = |text: String| self.push(Some(position), text);
        for key in issue
            .keys()
            .filter(|key| !KEYS_OF_ISSUE.contains(&key.as_str()))
        {
            say(format!(
                "unknown key `{}`; known keys: {}",
                short(key),
                listed(&KEYS_OF_ISSUE)
            ));
        }
        let found = [
            text_problem("title", issue.get("title"), TITLE_CHARS_MAX, |value| {
                value.as_str().map(str::to_owned)
            }),
            text_problem("body", issue.get("body"), BODY_CHARS_MAX, text_of),
            label_problem(issue.get("labels")),
            complexity_problem(issue.get("complexity")),
        ];
        found.into_iter().flatten().for_each(&mut say);
        let Some(depends_on) = issue.get("depends_on") else {
            return;
        };
        let Some(depends_on) = depends_on.as_array() else {
            return say(format!(
                "`depends_on` is {}, not a list of positions",
                kind(depends_on)
            ));
        };
        for on in depends_on {
            match on.as_u64().and_then(|on| usize::try_from(on).ok()) {
                Some(on) if on == position => say("it depends on itself".to_owned()),
                Some(on) if (1..=n_issues).contains(&on) => {}
                Some(on) => say(format!(
                    "it depends on position {on}, but positions go from 1 to {n_issues}"
                )),
                None => say(format!(
                    "it depends on {}; expected a position from 1 to {n_issues}",
                    shown(on)
                )),
            }
        }
    }

    /// Reports duplicate titles: each issue would be done twice.
    fn same_titles(&mut self) {
        let mut first: BTreeMap<String, usize> = BTreeMap::new();
        let titles: Vec<String> = self
            .texts
            .iter()
            .map(|(title, _)| title.to_lowercase())
            .collect();
        for (position, title) in (1..).zip(titles).filter(|(_, title)| !title.is_empty()) {
            if let Some(first) = first.get(&title) {
                self.push(
                    Some(position),
                    format!("it has the same title as issue {first}"),
                );
            } else {
                first.insert(title, position);
            }
        }
    }

    fn circle(&mut self, issues: &[Value]) {
        fn on(issue: &Value) -> Vec<Value> {
            issue
                .get("depends_on")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        }

        let number = |position: usize| IssueNumber(position as u64);
        let graph: BTreeMap<IssueNumber, Vec<IssueNumber>> = (1..)
            .zip(issues)
            .map(|(position, issue)| {
                let on = on(issue)
                    .iter()
                    .filter_map(Value::as_u64)
                    .map(IssueNumber)
                    .collect::<Vec<_>>();
                (
                    number(position),
                    on.into_iter()
                        .filter(|on| *on != number(position))
                        .collect(),
                )
            })
            .collect();
        if let Some(circle) = dependency_cycle(&graph) {
            let name = |number: &IssueNumber| {
                let position = usize::try_from(number.0).unwrap_or_default();
                named(position, &self.title(position))
            };
            let names: Vec<String> = circle.iter().chain(circle.first()).map(name).collect();
            self.whole(format!("circular dependency: {}", names.join(" → ")));
        }
    }

    /// Reports issue numbers in bodies written by an agent: it can only mean positions, and the
    /// numbers would refer to other issues.
    fn references(&mut self) {
        let stated: Vec<(usize, IssueNumber)> = (1..)
            .zip(&self.texts)
            .filter_map(|(position, (_, body))| {
                Some((position, *dependencies_in(body, &Home::default()).first()?))
            })
            .collect();
        for (position, number) in stated {
            let text = format!(
                "its body says that it depends on {number}; use `depends_on` with positions, and refer to other issues by title"
            );
            self.push(Some(position), text);
        }
    }
}

fn text_problem(
    key: &str,
    value: Option<&Value>,
    n_chars_max: usize,
    text_of: impl Fn(&Value) -> Option<String>,
) -> Option<String> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Some(format!("`{key}` is missing"));
    };
    let Some(text) = text_of(value) else {
        return Some(format!("`{key}` is {}, not a string", kind(value)));
    };
    let n_chars = text.chars().count();
    if n_chars_max < n_chars {
        return Some(format!(
            "`{key}` has {n_chars} characters; at most {n_chars_max} are allowed"
        ));
    }
    if one_line(&hidden_text::strip(&text).text).is_empty() {
        return Some(format!("`{key}` is blank"));
    }
    text.contains(REPLACEMENT)
        .then(|| format!("`{key}` contains bytes that are not UTF-8"))
}

fn label_problem(labels: Option<&Value>) -> Option<String> {
    let domains = listed(&DOMAINS);
    let Some(labels) = labels.filter(|labels| !labels.is_null()) else {
        return Some(format!(
            "`labels` is missing; exactly one label must be a domain: {domains}"
        ));
    };
    let Some(labels) = labels.as_array() else {
        return Some(format!("`labels` is {}, not a list", kind(labels)));
    };
    if N_LABELS_MAX < labels.len() {
        return Some(format!(
            "too many labels ({}); at most {N_LABELS_MAX} are allowed",
            labels.len()
        ));
    }
    let mut found: Vec<&str> = Vec::new();
    for label in labels {
        let Some(label) = label.as_str() else {
            return Some(format!("a label is {}, not a string", kind(label)));
        };
        let n_chars = label.trim().chars().count();
        if n_chars == 0
            || LABEL_CHARS_MAX < n_chars
            || label.chars().any(char::is_control)
            || label.contains(',')
        {
            let allowed = format!("1 to {LABEL_CHARS_MAX} characters on one line, without commas");
            return Some(format!(
                "the label `{}` is not valid; expected {allowed}",
                short(label)
            ));
        }
        if label.trim().to_lowercase().starts_with("complexity") {
            return Some(format!(
                "the label `{}` is derived from `complexity`; remove it",
                short(label)
            ));
        }
        found.extend(
            DOMAINS
                .into_iter()
                .filter(|domain| domain.eq_ignore_ascii_case(label.trim())),
        );
    }
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [_] => None,
        [] => Some(format!(
            "no label is a domain; exactly one must be: {domains}"
        )),
        several => Some(format!(
            "{} are domains; exactly one label may be a domain",
            listed(several)
        )),
    }
}

fn complexity_problem(complexity: Option<&Value>) -> Option<String> {
    let allowed = listed(&LEVELS);
    match complexity {
        None | Some(Value::Null) => Some(format!("`complexity` is missing; allowed: {allowed}")),
        Some(value) if value.as_str().is_some_and(|level| LEVELS.contains(&level)) => None,
        Some(value) => Some(format!(
            "`complexity` is {}; allowed: {allowed}",
            shown(value)
        )),
    }
}

/// Returns a text that may be given as a list of lines.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => lines
            .iter()
            .map(Value::as_str)
            .collect::<Option<Vec<_>>>()
            .map(|lines| lines.join("\n")),
        _ => None,
    }
}

fn named(position: usize, title: &str) -> String {
    if title.is_empty() {
        format!("issue {position}")
    } else {
        format!("issue {position} “{title}”")
    }
}

/// Returns the beginning of an untrusted text, on one line.
fn short(text: &str) -> String {
    let line = one_line(&hidden_text::strip_characters(text).text);
    let mut cut: String = line.chars().take(NAME_CHARS_MAX).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    cut
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{}`", short(text)),
        Value::Array(_) | Value::Object(_) => kind(value).to_owned(),
        other => format!("`{other}`"),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn listed(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Parses an RFC 3339 time.
pub(super) fn time(text: &str) -> Option<Time> {
    let at: Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(Time::from_ms)
}
