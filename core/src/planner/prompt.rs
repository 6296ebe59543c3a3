//! The prompt of the planner.

use super::{BODY_CHARS_MAX, DOMAINS, N_ISSUES_MAX, TITLE_CHARS_MAX, answer_schema};

/// The contents of a prompt.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlannerQuestion<'a> {
    /// The text to split into issues.
    pub(crate) directive: &'a str,
    /// Problems of the previous answer.
    pub(crate) problems: Option<&'a str>,
    /// Whether the planner still remembers the question and its answer.
    pub(crate) goes_on: bool,
}

pub(crate) fn prompt(question: &PlannerQuestion<'_>) -> String {
    let PlannerQuestion {
        directive,
        problems,
        goes_on,
    } = *question;
    let correction = problems.map(|problems| {
        format!(
            "Your answer could not be used, because of these problems:\n\n{problems}\n\nAnswer again with the whole plan, corrected: \
             JSON only, in the same form.\n"
        )
    });
    match correction {
        Some(correction) if goes_on => correction,
        Some(correction) => format!("{}\n{correction}", whole(directive)),
        None => whole(directive),
    }
}

fn whole(directive: &str) -> String {
    format!(
        "Split the directive below into issues for this repository, so that each can be worked on by its own coding agent \
         and reviewed as one pull request. Look at the code in the current directory first; do not change anything.\n\n\
         - Create as few issues as are useful, at most {N_ISSUES_MAX}. The repository's checks must pass after each of them.\n\
         - `title`: what is to be done, at most {TITLE_CHARS_MAX} characters, no two alike.\n\
         - `body`: Markdown, at most {BODY_CHARS_MAX} characters: the requirements, the files concerned, and acceptance \
         criteria that can be checked. The agent that works on the issue sees neither the directive nor the other issues, so the body \
         must be self-contained. Refer to other issues by their titles, never by `#` and a number.\n\
         - `labels`: exactly one of {}, plus any others that help.\n\
         - `complexity`: `simple`, `medium` or `complex`.\n\
         - `depends_on`: the positions, counted from 1, of the issues whose work must exist before this one can start. \
         Use it only where necessary: issues that do not depend on each other are worked on at the same time, and no two such issues \
         should change the same file.\n\n\
         Answer with one JSON object that follows this schema, and nothing else:\n\n{}\n\nThe directive:\n\n{}\n",
        DOMAINS.map(|domain| format!("`{domain}`")).join(", "),
        answer_schema(),
        directive.trim(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planner_that_knows_the_question_gets_only_the_problems() {
        let question = PlannerQuestion {
            directive: "Build it",
            problems: Some("issue 1: `title` is missing"),
            goes_on: true,
        };
        let short = prompt(&question);
        assert!(
            short.contains("`title` is missing") && !short.contains("Build it"),
            "{short}"
        );
        let long = prompt(&PlannerQuestion {
            goes_on: false,
            ..question
        });
        assert!(
            long.contains("`title` is missing") && long.contains("Build it"),
            "{long}"
        );
        let first = prompt(&PlannerQuestion {
            problems: None,
            ..question
        });
        assert!(
            first.contains("Build it") && !first.contains("could not be used"),
            "{first}"
        );
    }
}
