//! Sorts issues by the paths that they mention, with rules like those of a CODEOWNERS file.
//!
//! ```json
//! { "rules": ["*.css @harbour/web", "/server/ @harbour/backend", "docs/ documentation"] }
//! ```
//!
//! Each rule is a pattern and a domain. As in CODEOWNERS, the last rule that matches a path wins,
//! and the domain of a team is its name. The domain of an issue is the one that most of its paths
//! belong to.

mod pattern;

use autoissue_plugin_sdk::prelude::*;
use autoissue_plugin_sdk::{schemars, serde};

use pattern::Pattern;

/// Highest confidence that a path can give: it shows where the problem appears, which is not always
/// where it is caused.
const CONFIDENCE_MAX: f32 = 0.9;

/// Settings of the plugin.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(crate = "autoissue_plugin_sdk::serde", deny_unknown_fields)]
#[schemars(crate = "autoissue_plugin_sdk::schemars")]
struct OwnerSettings {
    /// Rules, each a pattern and a domain or team, such as `/server/ @harbour/backend`; the last
    /// one that matches a path wins.
    rules: Vec<String>,
}

/// A parsed rule.
#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    domain: String,
}

impl Rule {
    fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let (Some(pattern), Some(owner), None) = (words.next(), words.next(), words.next()) else {
            return Err(format!("`{text}` is not a pattern followed by a domain"));
        };
        // `@harbour/Web_Team` is the team `web-team`.
        let name = owner
            .trim_start_matches('@')
            .rsplit('/')
            .next()
            .unwrap_or(owner);
        let domain = name.to_lowercase().replace(['_', '.'], "-");
        let is_domain = (1..=40).contains(&domain.len())
            && domain
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_domain {
            return Err(format!(
                "`{owner}` is not a valid domain: use 1 to 40 letters, digits and `-`"
            ));
        }
        Ok(Self {
            pattern: Pattern::parse(pattern),
            domain,
        })
    }
}

/// Parses the rules of the settings.
fn rules(settings: &str) -> Result<Vec<Rule>, PluginError> {
    let settings: OwnerSettings = read_settings(settings)?;
    let rules = settings.rules.iter().enumerate().map(|(at, text)| {
        Rule::parse(text)
            .map_err(|why| PluginError::InvalidSettings(format!("`rules[{at}]`: {why}")))
    });
    rules.collect()
}

/// Sorts by paths.
#[derive(Default)]
struct Codeowners;

impl Classifier for Codeowners {
    fn describe(&self) -> Description {
        Description::new(
            "codeowners",
            env!("CARGO_PKG_VERSION"),
            "Sorts issues by the owners of the paths that they mention",
        )
    }

    fn settings(&self) -> Settings {
        Settings::of::<OwnerSettings>().with_example(
            r#"{"rules": ["docs/ documentation", "*.css frontend", "/server/ backend"]}"#,
        )
    }

    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        rules(settings).map(|_| ())
    }

    fn classify(
        &self,
        issue: &Issue,
        context: &ClassifierContext,
    ) -> Result<Classification, PluginError> {
        let rules = rules(&context.settings)?;
        let paths = issue.paths();
        let owned: Vec<(&str, &str)> = paths
            .iter()
            .filter_map(|path| Some((owner(&rules, path)?, path.as_str())))
            .collect();
        Ok(by_majority(&owned).unwrap_or_else(Classification::unknown))
    }
}

/// Returns the domain of a path.
fn owner<'a>(rules: &'a [Rule], path: &str) -> Option<&'a str> {
    rules
        .iter()
        .rev()
        .find(|rule| rule.pattern.fits(path))
        .map(|rule| rule.domain.as_str())
}

/// Returns the domain of most paths; in case of a tie, the one mentioned first.
fn by_majority(owned: &[(&str, &str)]) -> Option<Classification> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for (domain, _) in owned {
        match counts.iter_mut().find(|(known, _)| known == domain) {
            Some((_, count)) => *count += 1,
            None => counts.push((domain, 1)),
        }
    }
    // The sort is stable, so ties stay in order of mention.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let share = |count: usize| CONFIDENCE_MAX * (count as f32 / owned.len() as f32);
    let ((domain, count), others) = counts.split_first()?;
    let examples: Vec<String> = owned
        .iter()
        .filter(|(owner, _)| owner == domain)
        .take(3)
        .map(|(_, path)| format!("`{path}`"))
        .collect();
    let mut answer = Classification::new(*domain, share(*count))
        .because(format!("owns {}", examples.join(", ")));
    answer.alternatives = others
        .iter()
        .take(10)
        .map(|(domain, count)| Score::new(*domain, share(*count)))
        .collect();
    Some(answer)
}

export_plugin! { classifier: Codeowners }

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str =
        r#"{"rules": ["*.rs @harbour/Backend", "web/ frontend", "/web/api/ @harbour/Backend"]}"#;

    #[track_caller]
    fn check(body: &str, domain: &str, confidence: f32) {
        let context = ClassifierContext::default().settings(RULES);
        let answer = Codeowners
            .classify(&Issue::new("t").body(body), &context)
            .unwrap();
        assert_eq!(answer.domain, domain, "{answer:?}");
        assert!((answer.confidence - confidence).abs() < 1e-6, "{answer:?}");
    }

    #[test]
    fn the_last_matching_rule_wins() {
        check("see web/style.css", "frontend", 0.9);
        check("see web/api/routes.rb", "backend", 0.9);
        check("see src/main.rs", "backend", 0.9);
        check("see nothing", "unknown", 0.0);
    }

    #[test]
    fn most_paths_decide() {
        check("web/a.css, web/b.css and src/main.rs", "frontend", 0.6);
    }

    #[test]
    fn an_invalid_rule_is_reported_with_its_number() {
        let error = Codeowners
            .check_settings(r#"{"rules": ["a b", "c"]}"#)
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid settings: `rules[1]`: `c` is not a pattern followed by a domain"
        );
        assert!(Codeowners.check_settings("").is_err(), "rules are required");
    }
}
