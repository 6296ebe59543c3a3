//! The built-in model selector: how strong a model an issue needs.
//!
//! It looks at words, not meaning: an explicit label decides, otherwise the title, otherwise the
//! body, otherwise the domain; without any indication the work is ordinary. Each failure of
//! substance raises the level by one. It does not consider prices or history.
//!
//! ```text
//!   label ─► title ─► body ─► domain ─► ordinary        level ─► model of that name, or by position ─► one step up per failure
//! ```

use autoissue_plugin_sdk::{
    Description, ModelInfo, ModelSelector, PluginError, Selection, SelectionRequest,
    issue::contains_word, markdown,
};

/// Longest body, in characters, that counts as simple work by its words alone. A long text about
/// comments is rarely simple work.
const SMALL_BODY_CHARS_MAX: usize = 600;

/// Words that indicate simple work.
const SMALL_WORDS: &[&str] = &[
    "typo",
    "typos",
    "misspelling",
    "misspelled",
    "spelling",
    "grammar",
    "wording",
    "reword",
    "rephrase",
    "proofread",
    "doc",
    "docs",
    "documentation",
    "docstring",
    "docstrings",
    "readme",
    "changelog",
    "comment",
    "comments",
];

/// Words that indicate complex work.
const LARGE_WORDS: &[&str] = &[
    "architecture",
    "architectural",
    "rearchitect",
    "rearchitecture",
    "migration",
    "migrations",
    "migrate",
    "migrating",
    "redesign",
    "redesigned",
    "redesigning",
    "performance",
    "perf",
    "optimization",
    "optimisation",
    "optimize",
    "optimise",
    "scalability",
    "throughput",
    "latency",
];

/// Words for the levels, in a label such as `complexity: low`.
const COMPLEXITIES: &[(&str, Level)] = &[
    ("low", Level::Low),
    ("simple", Level::Low),
    ("easy", Level::Low),
    ("trivial", Level::Low),
    ("small", Level::Low),
    ("medium", Level::Mid),
    ("moderate", Level::Mid),
    ("normal", Level::Mid),
    ("high", Level::High),
    ("complex", Level::High),
    ("hard", Level::High),
    ("large", Level::High),
];

/// How strong a model the work needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Low,
    Mid,
    High,
}

impl Level {
    const ALL: [Self; 3] = [Self::Low, Self::Mid, Self::High];

    /// Returns the usual name of a model of this level.
    fn model_name(self) -> &'static str {
        match self {
            Self::Low => "haiku",
            Self::Mid => "sonnet",
            Self::High => "opus",
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Low => "simple work",
            Self::Mid => "ordinary work",
            Self::High => "complex work",
        }
    }

    /// Returns the position of the model for this level: the strongest with the usual name,
    /// otherwise by position.
    fn position_in(self, available: &[ModelInfo]) -> usize {
        let named = available
            .iter()
            .rposition(|model| contains_word(&model.id, self.model_name()));
        let last = available.len() - 1;
        named.unwrap_or(match self {
            Self::Low => 0,
            // Of two models, the cheaper one: a failure selects the other.
            Self::Mid => last / 2,
            Self::High => last,
        })
    }
}

/// A decision, with its reason.
struct Verdict {
    position: usize,
    reason: String,
}

/// Chooses by labels and words.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuiltinSelector;

autoissue_plugin_sdk::export_plugin! { model_selector: BuiltinSelector }

impl ModelSelector for BuiltinSelector {
    fn describe(&self) -> Description {
        Description::new(
            "builtin",
            env!("CARGO_PKG_VERSION"),
            "Chooses by labels and by words in the title and body",
        )
    }

    fn select(&self, request: &SelectionRequest) -> Result<Selection, PluginError> {
        let Some(last) = request.available.len().checked_sub(1) else {
            return Err(PluginError::InvalidInput(
                "no model is available to choose from".into(),
            ));
        };
        let Verdict {
            position,
            mut reason,
        } = by_label(request).unwrap_or_else(|| by_words(request));
        let n_failures = usize::try_from(request.failures_of_substance).unwrap_or(usize::MAX);
        let raised = position.saturating_add(n_failures).min(last);
        if n_failures > 0 {
            reason.push_str(&raise_in_words(raised - position, n_failures));
        }
        Ok(Selection::new(&request.available[raised].id)
            .fallbacks(nearest_first(&request.available, raised))
            .reason(reason))
    }
}

/// Returns the decision of an explicit label: the name of a model before a complexity.
fn by_label(request: &SelectionRequest) -> Option<Verdict> {
    let available = &request.available;
    let labels = &request.issue.labels;
    let model = labels.iter().find_map(|label| {
        let name = label_value(label, "model")?;
        let level = Level::ALL
            .into_iter()
            .find(|level| level.model_name() == name);
        let position = level
            .map(|level| level.position_in(available))
            .or_else(|| {
                available
                    .iter()
                    .position(|model| model.id.eq_ignore_ascii_case(&name))
            })?;
        Some(Verdict {
            position,
            reason: format!("a label requests the model `{name}`"),
        })
    });
    model.or_else(|| {
        labels.iter().find_map(|label| {
            let value = label_value(label, "complexity")?;
            let (word, level) = COMPLEXITIES.iter().find(|(word, _)| *word == value)?;
            let reason = format!("a label sets the complexity to {word}");
            Some(Verdict {
                position: level.position_in(available),
                reason,
            })
        })
    })
}

/// Returns the value of a label such as `model: opus`, `model/opus` or `model-opus`, in lower case.
fn label_value(label: &str, key: &str) -> Option<String> {
    let label = label.to_lowercase();
    let after = label.trim().strip_prefix(key)?.trim_start();
    let value = after
        .strip_prefix("::")
        .or_else(|| after.strip_prefix([':', '/', '=', '-']))?;
    Some(value.trim().to_string())
}

/// Returns the decision by title, body and domain.
fn by_words(request: &SelectionRequest) -> Verdict {
    let (level, cause) = by_title(&request.issue.title)
        .or_else(|| by_body(&request.issue.body))
        .or_else(|| by_domain(&request.domain))
        .unwrap_or((
            Level::Mid,
            "nothing in the labels, title or body suggests otherwise".into(),
        ));
    let reason = format!("{}: {cause}", level.in_words());
    Verdict {
        position: level.position_in(&request.available),
        reason,
    }
}

/// Returns the level indicated by the title. The first indicative word decides, because titles
/// begin with what is to be done.
fn by_title(title: &str) -> Option<(Level, String)> {
    let words = words_of(title);
    words
        .iter()
        .find_map(|word| Some((level_of(word)?, format!("the title contains \"{word}\""))))
}

/// Returns the level indicated by the body: the one with more different words; none in case of a
/// tie.
fn by_body(body: &str) -> Option<(Level, String)> {
    let prose = without_code(body);
    let mut words = words_of(&prose);
    words.sort_unstable();
    words.dedup();
    let of_level = |level| {
        words
            .iter()
            .filter(move |word| level_of(word) == Some(level))
            .collect::<Vec<_>>()
    };
    let (small, large) = (of_level(Level::Low), of_level(Level::High));
    let is_short = prose.chars().count() <= SMALL_BODY_CHARS_MAX;
    let (level, word) = if small.len() < large.len() {
        (Level::High, large[0])
    } else if large.len() < small.len() && is_short {
        (Level::Low, small[0])
    } else {
        return None;
    };
    Some((level, format!("the body contains \"{word}\"")))
}

/// Returns the level indicated by the domain: only documentation is known to be simple work.
fn by_domain(domain: &str) -> Option<(Level, String)> {
    (domain == "documentation").then(|| (Level::Low, "its domain is documentation".into()))
}

fn level_of(word: &str) -> Option<Level> {
    if SMALL_WORDS.contains(&word) {
        Some(Level::Low)
    } else if LARGE_WORDS.contains(&word) {
        Some(Level::High)
    } else {
        None
    }
}

/// Returns the words of a text, in lower case. `re-architect` counts as the single word
/// `rearchitect`.
fn words_of(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace("re-", "re");
    let is_break = |c: char| !c.is_alphanumeric() && c != '_';
    text.split(is_break)
        .filter(|word| !word.is_empty())
        .map(String::from)
        .collect()
}

/// Returns the body without code blocks and comments, which are quoted or not meant to be read.
fn without_code(body: &str) -> String {
    let outline = markdown::outline(body);
    let mut ranges: Vec<_> = outline
        .code_blocks
        .into_iter()
        .map(|block| block.range)
        .collect();
    ranges.extend(outline.comments);
    ranges.sort_unstable_by_key(|range| range.start);
    let mut prose = String::with_capacity(body.len());
    let mut at = 0;
    for range in ranges {
        prose.push_str(&body[at..range.start]);
        at = range.end;
    }
    prose.push_str(&body[at..]);
    prose
}

fn raise_in_words(n_steps: usize, n_failures: usize) -> String {
    let failures = if n_failures == 1 {
        "1 failure".into()
    } else {
        format!("{n_failures} failures")
    };
    match n_steps {
        0 => format!("; already the strongest model after {failures}"),
        1 => format!("; one step up after {failures}"),
        n => format!("; {n} steps up after {failures}"),
    }
}

/// Returns the other models, nearest in strength first; of two equally near ones, the stronger
/// first.
fn nearest_first(available: &[ModelInfo], chosen: usize) -> Vec<String> {
    let mut others: Vec<usize> = (0..available.len()).filter(|at| *at != chosen).collect();
    others.sort_by_key(|at| (at.abs_diff(chosen), *at < chosen));
    others
        .into_iter()
        .map(|at| available[at].id.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::Issue;

    use super::*;

    fn request(issue: Issue, models: &[&str]) -> SelectionRequest {
        SelectionRequest::default()
            .issue(issue)
            .available(models.iter().copied().map(ModelInfo::new))
            .attempt(1)
    }

    fn check(issue: Issue, model: &str, reason: &str) {
        let selection = BuiltinSelector
            .select(&request(issue, &["haiku", "sonnet", "opus"]))
            .unwrap();
        assert_eq!(
            (selection.model.as_str(), selection.reason.as_str()),
            (model, reason)
        );
    }

    #[test]
    fn simple_work_selects_the_weakest_model() {
        check(
            Issue::new("Fix a Typo in the parser"),
            "haiku",
            "simple work: the title contains \"typo\"",
        );
        check(
            Issue::new("Fix parser").body("Its comments are wrong."),
            "haiku",
            "simple work: the body contains \"comments\"",
        );
    }

    #[test]
    fn complex_work_selects_the_strongest_model() {
        check(
            Issue::new("Redesign the comment system"),
            "opus",
            "complex work: the title contains \"redesign\"",
        );
        check(
            Issue::new("Re-architect intake"),
            "opus",
            "complex work: the title contains \"rearchitect\"",
        );
        check(
            Issue::new("Store").body("A migration to the new format."),
            "opus",
            "complex work: the body contains \"migration\"",
        );
    }

    #[test]
    fn other_work_is_ordinary() {
        let reason = "ordinary work: nothing in the labels, title or body suggests otherwise";
        check(Issue::new("Button does nothing"), "sonnet", reason);
        check(
            Issue::new("Immigration form").body("Undocumented docstore."),
            "sonnet",
            reason,
        );
        check(
            Issue::new("Parser").body("See the docs on performance."),
            "sonnet",
            reason,
        );
    }

    #[test]
    fn the_title_comes_before_the_body_and_its_first_word_decides() {
        check(
            Issue::new("Typo in migration guide").body("performance architecture"),
            "haiku",
            "simple work: the title contains \"typo\"",
        );
        check(
            Issue::new("Improve performance of the docs build").body("typo"),
            "opus",
            "complex work: the title contains \"performance\"",
        );
    }

    #[test]
    fn code_and_long_bodies_are_not_simple_work() {
        let reason = "ordinary work: nothing in the labels, title or body suggests otherwise";
        check(
            Issue::new("Crash").body("```\ndocs/readme\n```\n<!-- typo -->"),
            "sonnet",
            reason,
        );
        check(
            Issue::new("Crash").body(format!("See the docs. {}", "It fails. ".repeat(100))),
            "sonnet",
            reason,
        );
    }

    #[test]
    fn documentation_is_simple_work_unless_words_indicate_otherwise() {
        let mut asked = request(
            Issue::new("Explain the flags"),
            &["haiku", "sonnet", "opus"],
        );
        asked.domain = "documentation".into();
        assert_eq!(BuiltinSelector.select(&asked).unwrap().model, "haiku");
    }

    #[test]
    fn an_explicit_label_decides() {
        for label in [
            "model: opus",
            "model/opus",
            "Model:OPUS",
            "model=opus",
            "model-opus",
            "model::opus",
        ] {
            check(
                Issue::new("Fix typo").labels(["bug", label]),
                "opus",
                "a label requests the model `opus`",
            );
        }
        for label in ["complexity: low", "complexity/low", "Complexity-Low"] {
            check(
                Issue::new("Redesign").labels([label]),
                "haiku",
                "a label sets the complexity to low",
            );
        }
        check(
            Issue::new("Typo").labels(["complexity/medium"]),
            "sonnet",
            "a label sets the complexity to medium",
        );
        check(
            Issue::new("Typo").labels(["complexity: complex"]),
            "opus",
            "a label sets the complexity to complex",
        );
    }

    #[test]
    fn a_model_name_takes_precedence_over_a_complexity() {
        let labels = ["complexity: high", "model: haiku"];
        check(
            Issue::new("x").labels(labels),
            "haiku",
            "a label requests the model `haiku`",
        );
    }

    #[test]
    fn a_label_without_a_known_value_is_ignored() {
        let labels = [
            "model: bert",
            "model-selector",
            "modelling",
            "complexity: ?",
            "supermodel: opus",
        ];
        check(
            Issue::new("Typo").labels(labels),
            "haiku",
            "simple work: the title contains \"typo\"",
        );
    }

    fn check_models(models: &[&str], title: &str, failures_of_substance: u32, expected: &str) {
        let asked = request(Issue::new(title), models).failures_of_substance(failures_of_substance);
        assert_eq!(
            BuiltinSelector.select(&asked).unwrap().model,
            expected,
            "{models:?} {title}"
        );
    }

    #[test]
    fn models_of_other_names_are_chosen_by_position() {
        for (title, expected) in [("typo", "a"), ("x", "b"), ("redesign", "c")] {
            check_models(&["a", "b", "c"], title, 0, expected);
        }
        check_models(&["a", "b"], "x", 0, "a");
        check_models(&["only"], "redesign", 3, "only");
    }

    #[test]
    fn models_that_carry_the_name_are_chosen_by_it() {
        let models = [
            "claude-haiku-4",
            "claude-sonnet-4",
            "claude-sonnet-5",
            "claude-opus-4",
            "preview",
        ];
        for (title, expected) in [
            ("typo", "claude-haiku-4"),
            ("x", "claude-sonnet-5"),
            ("redesign", "claude-opus-4"),
        ] {
            check_models(&models, title, 0, expected);
        }
    }

    #[test]
    fn a_label_may_name_any_model() {
        let issue = Issue::new("x").labels(["model: GPT-Mini"]);
        let selection = BuiltinSelector
            .select(&request(issue, &["gpt-mini", "gpt"]))
            .unwrap();
        assert_eq!(selection.model, "gpt-mini");
    }

    #[test]
    fn each_failure_of_substance_raises_the_level_by_one() {
        let models = ["haiku", "sonnet", "opus"];
        check_models(&models, "typo", 1, "sonnet");
        check_models(&models, "typo", 2, "opus");
        check_models(&models, "typo", u32::MAX, "opus");
        let asked = request(Issue::new("typo"), &models)
            .failures_of_substance(1)
            .attempt(2);
        let reason = BuiltinSelector.select(&asked).unwrap().reason;
        assert_eq!(
            reason,
            "simple work: the title contains \"typo\"; one step up after 1 failure"
        );
    }

    #[test]
    fn fallbacks_are_the_nearest_models() {
        let selection = BuiltinSelector
            .select(&request(Issue::new("x"), &["haiku", "sonnet", "opus"]))
            .unwrap();
        assert_eq!(selection.fallbacks, ["opus", "haiku"]);
    }

    #[test]
    fn without_models_there_is_no_answer() {
        let error = BuiltinSelector
            .select(&request(Issue::new("x"), &[]))
            .unwrap_err();
        assert_eq!(
            error,
            PluginError::InvalidInput("no model is available to choose from".into())
        );
    }
}
