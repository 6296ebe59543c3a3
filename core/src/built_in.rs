//! The registry of built-ins: the strategies that need no plugin, and the declarations of their
//! crates.
//!
//! This is the only module that names the crates in `plugins/`. Another agent backend is its own
//! crate and a line in [`AGENTS`].

use autoissue_plugin_host::Kind;
use autoissue_plugin_sdk::built_in::BuiltInAgent;
use autoissue_plugin_sdk::{Classifier, Description, ModelSelector, PrTemplate};

pub use autoissue_classifier::DOMAINS;
pub use autoissue_patch::Outcome as ApplyOutcome;

/// The agent backends; the first is the default.
static AGENTS: [&BuiltInAgent; 7] = [
    &autoissue_claude::BUILT_IN,
    &autoissue_codex::BUILT_IN,
    &autoissue_gemini::BUILT_IN,
    &autoissue_opencode::BUILT_IN,
    &autoissue_acp::BUILT_IN,
    &autoissue_command::BUILT_IN,
    &autoissue_patch::BUILT_IN,
];

/// The agent backend that costs nothing.
static FREE_AGENT: &BuiltInAgent = &autoissue_patch::BUILT_IN;

/// Name of every built-in without a name of its own.
pub(crate) const BUILTIN: &str = "builtin";

pub(crate) fn classifier() -> Box<dyn Classifier> {
    Box::new(autoissue_classifier::BuiltinClassifier)
}

pub(crate) fn model_selector() -> Box<dyn ModelSelector> {
    Box::new(autoissue_model_selector::BuiltinSelector)
}

pub(crate) fn pr_template() -> Box<dyn PrTemplate> {
    Box::new(autoissue_pr_template::BuiltinTemplate)
}

/// Returns the agent backends; the first is the default.
pub(crate) fn agents() -> impl Iterator<Item = &'static BuiltInAgent> {
    AGENTS.into_iter()
}

pub(crate) fn default_agent() -> &'static BuiltInAgent {
    AGENTS[0]
}

pub(crate) fn default_model() -> &'static str {
    let models = default_agent().models.as_ref();
    models.and_then(|models| models.default).unwrap_or("auto")
}

/// Returns the agent backend that costs nothing.
pub(crate) fn free_agent() -> &'static BuiltInAgent {
    FREE_AGENT
}

/// Returns the agent backend with this name.
pub fn agent(name: &str) -> Option<&'static BuiltInAgent> {
    agents().find(|agent| agent.name() == name)
}

/// Returns the agent backend that runs this program. Facts about a program also hold if a plugin
/// runs it.
pub(crate) fn agent_that_runs(program: &str) -> Option<&'static BuiltInAgent> {
    agents().find(|agent| agent.program().is_some_and(|own| own == program))
}

/// Returns every built-in strategy.
pub fn strategies() -> Vec<(Kind, Description)> {
    let mut strategies = vec![
        (Kind::Classifier, classifier().describe()),
        (Kind::ModelSelector, model_selector().describe()),
    ];
    strategies.extend(agents().map(|agent| (Kind::AgentBackend, (agent.backend)().describe())));
    strategies.push((Kind::PrTemplate, pr_template().describe()));
    strategies
}

/// Returns the names of the built-ins. No plugin may use one, so that a name in a report is
/// unambiguous.
pub fn reserved_names() -> Vec<String> {
    let agents = agents().map(BuiltInAgent::name);
    std::iter::once(BUILTIN.to_owned()).chain(agents).collect()
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::Metering;

    use super::*;

    #[test]
    fn every_built_in_has_a_reserved_name() {
        let reserved = reserved_names();
        for (kind, description) in strategies() {
            assert!(
                reserved.contains(&description.name),
                "{kind}: {description:?}"
            );
        }
    }

    #[test]
    fn an_agent_is_found_by_its_name_and_by_its_program() {
        for it in agents() {
            let is_it = |found: Option<&BuiltInAgent>| found.unwrap().name() == it.name();
            assert!(is_it(agent(&it.name())));
            match it.program() {
                Some(program) => assert!(is_it(agent_that_runs(&program)), "{it:?}"),
                None => assert!(it.takes_command, "{it:?}"),
            }
        }
        assert!(agent(BUILTIN).is_none() && agent_that_runs("sh").is_none());
    }

    #[test]
    fn the_free_agent_costs_nothing() {
        let info = (free_agent().backend)().probe("").unwrap();
        assert_eq!(info.metering, Metering::Free);
    }
}
