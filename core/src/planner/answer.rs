//! Finds the plan in an agent's answer: bare JSON, JSON in a fence, or JSON surrounded by text.

use autoissue_engine::Time;
use serde_json::{Deserializer, Value};

use super::document::{self, Document, NotAPlan};
use super::problems::Problem;

/// How many places are tried at which JSON may begin. Prose has few braces, code has many.
const N_PLACES_MAX: usize = 1_000;

/// Reads an answer. `salt` is specific to the session.
///
/// # Errors
/// [`NotAPlan`] with all problems, for the agent to fix.
pub(crate) fn read(
    words: &str,
    directive: &str,
    salt: &str,
    now: Time,
) -> Result<Document, NotAPlan> {
    let answer = find(words).map_err(|problem| NotAPlan(vec![problem]))?;
    document::of_answer(answer, directive, salt, now)
}

/// Returns the whole text if it is JSON, or else the largest JSON object in it that has `issues`.
fn find(words: &str) -> Result<Value, Problem> {
    let words = words.trim();
    let whole = serde_json::from_str::<Value>(words);
    let error = match whole {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let mut best: Option<(usize, Value)> = None;
    let mut from = 0;
    // It starts like an object but does not parse: usually it is truncated.
    let mut is_broken = false;
    for (at, _) in words.match_indices('{').take(N_PLACES_MAX) {
        // This lies within an object that was already read.
        if at < from {
            continue;
        }
        let mut values = Deserializer::from_str(&words[at..]).into_iter::<Value>();
        if let Some(Ok(value)) = values.next() {
            let length = values.byte_offset();
            from = at + length;
            if value.get("issues").is_some()
                && best.as_ref().is_none_or(|(longest, _)| *longest < length)
            {
                best = Some((length, value));
            }
        } else if at == 0 {
            is_broken = true;
        }
    }
    let nothing = || {
        if is_broken {
            Problem::of_text(&error)
        } else {
            Problem::of_whole("it contains no JSON object with `issues`")
        }
    };
    best.map(|(_, value)| value).ok_or_else(nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"{"issues": [{"title": "a { b", "body": "x", "labels": ["backend"], "complexity": "simple"}]}"#;

    fn titles(words: &str) -> Result<Vec<String>, String> {
        let read = read(words, "d", "s", Time::from_ms(1)).map_err(|error| error.to_string())?;
        Ok(read
            .plan
            .issues
            .into_iter()
            .map(|issue| issue.title)
            .collect())
    }

    #[test]
    fn a_plan_is_found_bare_fenced_and_in_prose() {
        for words in [
            PLAN.to_owned(),
            format!("\n {PLAN} \n"),
            format!("```json\n{PLAN}\n```"),
            format!("Here you are {{really}}:\n\n```\n{PLAN}\n```\nThe code `fn a() {{}}` stays."),
            format!("First {{\"issues\": []}} then, better, {PLAN}"),
            format!("{{\"thought\": 1}} {PLAN} {{\"cost\": 2}}"),
        ] {
            assert_eq!(titles(&words), Ok(vec!["a { b".to_owned()]), "{words}");
        }
    }

    #[test]
    fn a_text_that_is_not_json_is_reported() {
        for words in ["", "I cannot do that.", "{} and {\"a\": 1}", "```\nx\n```"] {
            assert_eq!(
                titles(words).unwrap_err(),
                "it contains no JSON object with `issues`",
                "{words}"
            );
        }
        let cut = titles(&PLAN[..PLAN.len() - 2]).unwrap_err();
        assert!(cut.contains("line 1"), "{cut}");
    }

    #[test]
    fn many_braces_take_little_time() {
        assert!(titles(&"{".repeat(1 << 20)).is_err());
        assert!(titles(&"{\"a\":".repeat(1 << 18)).is_err());
    }
}
