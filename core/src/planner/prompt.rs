//! What the planner is told.

use super::{BODY_CHARS_MAX, DOMAINS, N_ISSUES_MAX, TITLE_CHARS_MAX, answer_schema};

/// What is asked of a planner.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Question<'a> {
    /// What is to be split into issues.
    pub(crate) directive: &'a str,
    /// What was wrong with the answer before.
    pub(crate) problems: Option<&'a str>,
    /// Whether the planner still knows the question and its answer.
    pub(crate) goes_on: bool,
}

/// Returns the prompt.
pub(crate) fn prompt(question: &Question<'_>) -> String {
    let Question {
        directive,
        problems,
        goes_on,
    } = *question;
    let mended = problems.map(|problems| {
        format!(
            "Your answer could not be used. This is wrong with it:\n\n{problems}\n\nAnswer again with the whole plan, mended: \
             JSON alone, in the same form.\n"
        )
    });
    match mended {
        Some(mended) if goes_on => mended,
        Some(mended) => format!("{}\n{mended}", whole(directive)),
        None => whole(directive),
    }
}

fn whole(directive: &str) -> String {
    format!(
        "Split the directive below into issues for this repository, so that each can be worked on by a coding agent of its own \
         and reviewed as one pull request. Look at the code in the current directory first; change nothing.\n\n\
         - As few issues as are useful, at most {N_ISSUES_MAX}. Each leaves the repository in a state in which its checks pass.\n\
         - `title`: what is done, at most {TITLE_CHARS_MAX} characters, no two alike.\n\
         - `body`: Markdown, at most {BODY_CHARS_MAX} characters: what is required, which files it is about, and acceptance \
         criteria that can be checked. Whoever works on it sees neither the directive nor the other issues, so it stands alone. \
         Name other issues by their titles, never by `#` and a number.\n\
         - `labels`: exactly one of {}, and others where they help.\n\
         - `complexity`: `simple`, `medium` or `complex`.\n\
         - `depends_on`: the positions, counted from 1, of the issues whose work has to be there before this one can begin. \
         Only where it is so: what does not depend on each other is done at the same time, and no two such issues should change \
         the same file.\n\n\
         Answer with one JSON object and nothing else, by this schema:\n\n{}\n\nThe directive:\n\n{}\n",
        DOMAINS.map(|domain| format!("`{domain}`")).join(", "),
        answer_schema(),
        directive.trim(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planner_that_knows_the_question_is_told_the_problems_only() {
        let question = Question {
            directive: "Build it",
            problems: Some("issue 1: `title` is missing"),
            goes_on: true,
        };
        let short = prompt(&question);
        assert!(
            short.contains("`title` is missing") && !short.contains("Build it"),
            "{short}"
        );
        let long = prompt(&Question {
            goes_on: false,
            ..question
        });
        assert!(
            long.contains("`title` is missing") && long.contains("Build it"),
            "{long}"
        );
        let first = prompt(&Question {
            problems: None,
            ..question
        });
        assert!(
            first.contains("Build it") && !first.contains("could not be used"),
            "{first}"
        );
    }
}
