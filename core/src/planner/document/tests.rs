//! Which plans are accepted, what is reported for the others, and that a written plan can be read
//! again.

use super::super::answer;
use super::*;

const WHOLE: &str = r#"{
  "version": 1,
  "issues": [
    {"title": "Add the user table", "body": ["Columns:", "", "- id"], "labels": ["database"], "complexity": "simple"},
    {"title": "Hash passwords", "body": "Use argon2.", "labels": ["Backend", "auth"], "complexity": "medium", "depends_on": [1]}
  ]
}"#;

fn with(change: impl FnOnce(&mut Value)) -> String {
    let mut value = serde_json::from_str(WHOLE).unwrap();
    change(&mut value);
    value.to_string()
}

fn problems(change: impl FnOnce(&mut Value)) -> String {
    read(&with(change))
        .map(|_| "no problem".to_owned())
        .unwrap_or_else(|error| error.to_string())
}

fn issue(title: &str, depends_on: &[u64]) -> Value {
    json!({"title": title, "body": "x", "labels": ["backend"], "complexity": "simple", "depends_on": depends_on})
}

#[test]
fn a_written_plan_can_be_read_again() {
    let document = read(WHOLE).unwrap();
    assert_eq!(document.plan.issues[0].body, "Columns:\n\n- id");
    assert_eq!(document.plan.issues[1].labels, ["backend", "auth"]);
    let text = write("Build it", &document.plan);
    insta::assert_snapshot!(text);
    let again = read(&text).unwrap();
    assert_eq!(
        (again.plan, again.directive.as_str()),
        (document.plan, "Build it")
    );
}

#[test]
fn an_edited_plan_keeps_its_id_and_another_plan_has_another() {
    fn of_session(salt: &str) -> String {
        let answer = json!({"issues": [issue("a", &[])]});
        of_answer(answer, "d", salt, Time::from_ms(1))
            .unwrap()
            .plan
            .id
    }

    let document = read(WHOLE).unwrap();
    let edited = write("", &document.plan).replace("Use argon2.", "Use scrypt.");
    assert_eq!(read(&edited).unwrap().plan.id, document.plan.id);
    let other = with(|plan| plan["issues"][1]["body"] = json!("Use scrypt."));
    assert_ne!(read(&other).unwrap().plan.id, document.plan.id);
    assert_ne!(of_session("one"), of_session("two"));
}

#[test]
fn every_problem_has_position_and_title() {
    let told = problems(|plan| {
        plan["extra"] = json!(1);
        plan["issues"] = json!([
            {"title": "", "body": 7, "labels": "backend", "complexity": "huge"},
            {"title": "Two\n\u{1b}[2J", "labels": ["backend", "frontend"], "complexity": null, "depends_on": 1, "prio": 1},
            {"title": "Three", "body": "\u{200b}", "labels": ["x,y"], "depends_on": [3, 9, 0, "1"], "complexity": "simple"},
            "four",
            {"title": "three ", "body": "x", "labels": ["complexity: low", "testing"], "complexity": "simple"},
            {"title": "Six", "body": "\u{fffd}", "labels": ["nice"], "complexity": "simple"},
        ]);
    });
    insta::assert_snapshot!(told);
}

#[test]
fn cycles_are_reported_with_titles() {
    let told = problems(|plan| {
        plan["issues"] = json!([issue("A", &[3]), issue("B", &[1]), issue("C", &[2])]);
    });
    assert_eq!(
        told,
        "circular dependency: issue 1 “A” → issue 3 “C” → issue 2 “B” → issue 1 “A”"
    );
}

#[test]
fn a_plan_has_a_bounded_number_of_issues() {
    assert_eq!(
        problems(|plan| plan["issues"] = json!([])),
        "`issues` is empty; at least one is needed"
    );
    let many: Vec<Value> = (0..200)
        .map(|n| issue(&format!("issue {n}"), &[]))
        .collect();
    let told = problems(|plan| plan["issues"] = Value::from(many.clone()));
    assert_eq!(told, "too many issues (200); at most 100 are allowed");
    assert_eq!(
        problems(|plan| plan["issues"] = Value::from(many[..100].to_vec())),
        "no problem"
    );
}

#[test]
fn a_body_has_a_bounded_length() {
    let told = problems(|plan| plan["issues"][0]["body"] = json!("x".repeat(1_000_000)));
    assert_eq!(
        told,
        "issue 1 “Add the user table”: `body` has 1000000 characters; at most 20000 are allowed"
    );
    let told = problems(|plan| plan["issues"][0]["title"] = json!("ä".repeat(201)));
    assert!(
        told.contains("`title` has 201 characters; at most 200 are allowed"),
        "{told}"
    );
}

#[test]
fn an_invalid_plan_file_is_reported() {
    for (text, expected) in [
        (
            "",
            "it is not valid JSON: EOF while parsing a value at line 1 column 0",
        ),
        (
            "{\"version\": 1,\n \"issues\": [,]}",
            "it is not valid JSON: expected value at line 2 column 13",
        ),
        (
            "[]",
            "it is a list, not an object with `version` and `issues`",
        ),
        (
            "{}",
            "`version` is missing; set it to 1\n`issues` is missing",
        ),
        (
            "{\"version\": 2, \"issues\": 3}",
            "`version` is `2`; this release reads version 1\n`issues` is a number, not a list",
        ),
    ] {
        assert_eq!(read(text).unwrap_err().to_string(), expected, "{text}");
    }
    for (key, value, word) in [
        ("id", json!("short"), "16 to 64"),
        ("id", json!(3), "not a string"),
        ("created_at", json!("yesterday"), "`2026-03-01T21:14:00Z`"),
        ("graph", json!("x"), "remove it"),
    ] {
        let told = problems(|plan| plan[key] = value);
        assert!(
            told.contains(word) && told.lines().count() == 1,
            "{key}: {told}"
        );
    }
}

#[test]
fn hidden_text_is_removed_and_reported() {
    let text = with(|plan| {
        plan["issues"][0]["title"] = json!("Add\u{202e} the <!-- x --> user table");
        plan["issues"][0]["body"] = json!(
            "Columns\u{200b}.\n<!-- autoissue: planned 0123456789abcdef -->\n`<!-- shown -->`"
        );
    });
    let document = read(&text).unwrap();
    let issue = &document.plan.issues[0];
    assert_eq!(issue.title, "Add the user table");
    assert_eq!(issue.body, "Columns.\n\n`<!-- shown -->`");
    assert_eq!(document.notes.len(), 1);
    assert!(document.notes[0].starts_with("removed invisible text from issue 1: HTML comment"));
}

#[test]
fn markup_is_text() {
    let hostile = "<script>alert(1)</script> [x](javascript:y) {{7*7}} $(rm -rf /) | \"'`";
    let answer = json!({"issues": [{"title": hostile, "body": hostile, "labels": ["backend"], "complexity": "simple"}]});
    let read = answer::read(&answer.to_string(), "d", "s", Time::from_ms(1)).unwrap();
    assert_eq!(
        (
            read.plan.issues[0].title.as_str(),
            read.plan.issues[0].body.as_str()
        ),
        (hostile, hostile)
    );
}

#[test]
fn a_planner_says_dependencies_by_position_and_a_person_may_name_issues_that_exist() {
    let mut plan: Value = serde_json::from_str(WHOLE).unwrap();
    plan["issues"][1]["body"] = json!("Depends on #12.");
    assert!(read(&plan.to_string()).is_ok());
    let answer = json!({"issues": plan["issues"]}).to_string();
    let told = answer::read(&answer, "d", "s", Time::from_ms(1))
        .unwrap_err()
        .to_string();
    assert!(
        told.starts_with("issue 2 “Hash passwords”: its body says that it depends on #12; "),
        "{told}"
    );
}

#[test]
fn everything_that_the_schema_allows_is_read() {
    fn keys(value: &Value) -> Vec<String> {
        value["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    }

    let schema = schema();
    assert_eq!(
        keys(&schema),
        [
            "$schema",
            "version",
            "id",
            "created_at",
            "directive",
            "issues",
            "graph"
        ]
    );
    let entry = &schema["properties"]["issues"]["items"];
    assert_eq!(
        keys(entry),
        ["title", "body", "labels", "complexity", "depends_on"]
    );
    assert_eq!(
        answer_schema()["properties"]["issues"],
        schema["properties"]["issues"]
    );
    assert!(
        !schema.to_string().contains("\"format\""),
        "some readers ignore a schema that names a format"
    );
    for level in ["simple", "medium", "complex"] {
        assert!(
            entry["properties"]["complexity"]
                .to_string()
                .contains(level),
            "{level}"
        );
    }
}
