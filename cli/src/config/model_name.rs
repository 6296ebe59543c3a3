//! Suggestions for misspelled model names. A well-formed name is never treated as a mistake: new
//! models appear more often than our releases, and a proxy may have its own.

use autoissue_core::plugins::sdk::built_in::BuiltInAgent;

use super::suggestion::nearest_choice;

/// Returns the name that was probably meant; `None` if the name is known, well-formed or unlike any
/// other, or if the agent has no choice of models.
pub(super) fn probably_meant(name: &str, agent: &BuiltInAgent) -> Option<String> {
    let models = agent.models.as_ref()?;
    // `sonnet[1m]` is a variant, and `…@20251101` a date.
    let base = name.split(['[', '@']).next().unwrap_or_default();
    let base = base
        .split_once(models.cloud_prefix)
        .map_or(base, |(_, on_cloud)| on_cloud);
    let aliases = agent.model_aliases();
    let aliases: Vec<&str> = aliases.iter().map(String::as_str).collect();
    if aliases.contains(&base) {
        return None;
    }
    let words: Vec<&str> = base.split('-').collect();
    if let [first, rest @ ..] = words.as_slice()
        && !rest.is_empty()
        && nearest_choice(first, &[models.maker]).is_some()
    {
        let rest: Vec<&str> = rest
            .iter()
            .map(|word| of_family(word, models.families))
            .collect();
        let meant = format!("{}-{}", models.maker, rest.join("-"));
        return (meant != base).then_some(meant);
    }
    nearest_choice(base, &aliases).map(str::to_owned)
}

/// Returns the family that a word was probably meant to be, or the word itself.
fn of_family<'a>(word: &'a str, families: &[&'a str]) -> &'a str {
    let is_letters = word.chars().all(char::is_alphabetic);
    if !is_letters || families.contains(&word) {
        return word;
    }
    nearest_choice(word, families).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_distinguished_from_a_model_that_may_exist() {
        let claude = autoissue_core::built_in::agent("claude").expect("it is built in");
        let meant = |name: &str| probably_meant(name, claude);
        for (name, expected) in [
            ("sonet", "sonnet"),
            ("sonnett", "sonnet"),
            ("Opus", "opus"),
            ("claude-sonet-5", "claude-sonnet-5"),
            ("claude-opsu-5-5[1m]", "claude-opus-5-5"),
            ("claud-haiku-4-5-20251001", "claude-haiku-4-5-20251001"),
            (
                "us.anthropic.claude-sonnte-4-5-20250929-v1:0",
                "claude-sonnet-4-5-20250929-v1:0",
            ),
        ] {
            assert_eq!(meant(name).as_deref(), Some(expected), "{name}");
        }
        for name in [
            "sonnet",
            "opus[1m]",
            "claude-sonnet-5",
            "claude-opus-9-20301101",
            "claude-opus-4-5@20251101",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "claude-instant",
            "glm-9",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }
}
