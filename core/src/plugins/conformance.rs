//! The conformance suite of `autoissue plugin test`: the author's cases, and unusual input of every
//! kind, in the real host.
//!
//! ```text
//!   component ─► host that counts ─┬─► answers, forwards and backwards ─► same answers? no faults?
//!                                  └─► instructions of a call: the same number on every machine
//! ```
//!
//! The host differs from that of a session in one way: it compiles with the counting of
//! instructions and without optimisation. A component is so compiled only once, and faster.
//!
//! A plugin may refuse an input. It must not trap, exceed its limits, return an unusable answer, or
//! answer differently when asked again. Programs that a backend names are not run.

mod agent_backend;
mod cases;
mod classifier;
mod corpus;
mod model_selector;
mod pr_template;

use std::path::Path;
use std::time::Duration;

use autoissue_plugin_host::{Kind, Limits, LoadError, Plugin, PluginHost, StrategyInfo};
use autoissue_plugin_sdk::PluginError;
use serde::Serialize;
use serde_json::{Value, json};

pub use cases::{CaseReport, Cases};

use super::asked::{self, ProbedPlugin};

/// Most instructions of one call, for the worst input: a fifth of a second on a slow machine. A
/// session allows a second per call.
pub const INSTRUCTIONS_MAX: u64 = 200_000_000;

/// The result of a call: the answer as JSON, or the plugin's refusal.
type Answer = Result<Value, PluginError>;

/// One input with its description, and how to give it to a plugin.
struct Trial {
    input: &'static str,
    call: Box<dyn Fn(&Plugin) -> Answer>,
}

/// A rule, and whether it was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleResult {
    /// The rule, in words.
    pub rule: &'static str,
    /// How it was broken; `None` if it was kept.
    pub failure: Option<String>,
}

impl RuleResult {
    fn new(rule: &'static str, failure: Option<String>) -> Self {
        Self { rule, failure }
    }
}

/// The cost of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Instructions for an ordinary input: the same number on every machine.
    pub ordinary_instructions: u64,
    /// Instructions for the input that needed most.
    pub most_instructions: u64,
}

/// The results for one strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StrategyReport {
    /// Name of its kind.
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// How many inputs it was given.
    pub n_inputs: usize,
    /// The rules.
    pub findings: Vec<RuleResult>,
    /// The cost of a call; `None` if no input was answered.
    pub cost: Option<Cost>,
}

/// The results for a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConformanceReport {
    /// The author's cases.
    pub cases: Vec<CaseReport>,
    /// Its strategies.
    pub strategies: Vec<StrategyReport>,
}

impl ConformanceReport {
    /// Returns whether all cases and rules passed.
    pub fn is_clean(&self) -> bool {
        self.cases.iter().all(|case| case.failure.is_none())
            && self
                .strategies
                .iter()
                .flat_map(|strategy| &strategy.findings)
                .all(|finding| finding.failure.is_none())
    }
}

/// A plugin with all the grants that it asks for, in a host that counts instructions.
pub struct Subject {
    plugin: Plugin,
    host: PluginHost,
    settings: Option<String>,
}

impl Subject {
    /// Loads a component, with the cache and the compiler of a host. Without settings, each strategy
    /// gets the settings of its own example.
    ///
    /// # Errors
    /// Fails if it is not a plugin.
    pub fn load(
        host: &PluginHost,
        file: &Path,
        component: &[u8],
        settings: Option<String>,
    ) -> Result<Self, LoadError> {
        // Such code is several times slower than that of a session. Whether a call takes too long is
        // judged by its instructions.
        let limits = Limits {
            call: Duration::from_secs(10),
            ..Limits::default()
        };
        let host = host
            .measuring(limits)
            .map_err(|error| LoadError::Failed(PluginError::Internal(error.to_string())))?;
        let ProbedPlugin { plugin, .. } =
            asked::load(&host, file, component, |_| settings.clone())?;
        Ok(Self {
            plugin,
            host,
            settings,
        })
    }

    /// Returns the plugin.
    pub const fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Runs the suite.
    pub fn test(&self, cases: &Cases) -> ConformanceReport {
        let strategies = self
            .plugin
            .info()
            .strategies
            .iter()
            .map(|strategy| self.test_strategy(strategy))
            .collect();
        ConformanceReport {
            cases: cases.run(&self.plugin, self.settings.as_deref()),
            strategies,
        }
    }

    fn test_strategy(&self, strategy: &StrategyInfo) -> StrategyReport {
        let settings = settings_for(strategy, self.settings.as_deref());
        let trials = match strategy.kind {
            Kind::Classifier => classifier::trials(&strategy.name, &settings),
            Kind::ModelSelector => model_selector::trials(&strategy.name, &settings),
            Kind::AgentBackend => agent_backend::trials(&strategy.name, &settings),
            Kind::PrTemplate => pr_template::trials(&strategy.name, &settings),
        };
        let forwards: Vec<Answer> = trials
            .iter()
            .map(|trial| (trial.call)(&self.plugin))
            .collect();
        let mut findings = vec![
            no_fault(&trials, &forwards),
            self.same_again(&trials, &forwards),
        ];
        findings.push(self.settings_are_checked(strategy, &settings));
        if strategy.kind == Kind::AgentBackend {
            findings.extend(agent_backend::findings(
                &self.plugin,
                &strategy.name,
                &settings,
            ));
        }
        let instructions: Vec<u64> = trials
            .iter()
            .map(|trial| self.instructions(trial))
            .collect();
        findings.push(few_instructions(&trials, &instructions));
        let cost = forwards.first().is_some_and(Result::is_ok).then(|| Cost {
            ordinary_instructions: instructions[0],
            most_instructions: instructions.iter().copied().max().unwrap_or(0),
        });
        StrategyReport {
            kind: strategy.kind.name(),
            name: strategy.name.clone(),
            n_inputs: trials.len(),
            findings,
            cost,
        }
    }

    /// Asks everything again, in the opposite order.
    fn same_again(&self, trials: &[Trial], forwards: &[Answer]) -> RuleResult {
        let mut backwards: Vec<Answer> = trials
            .iter()
            .rev()
            .map(|trial| (trial.call)(&self.plugin))
            .collect();
        backwards.reverse();
        let differs = trials
            .iter()
            .zip(forwards.iter().zip(&backwards))
            .find(|(_, (first, second))| first != second);
        let failure = differs.map(|(trial, (first, second))| {
            format!(
                "{}: first {}, then {}",
                trial.input,
                in_short(first),
                in_short(second)
            )
        });
        RuleResult::new("the same input gets the same answer, in any order", failure)
    }

    /// Checks that settings, which people write, are always accepted or refused, whatever they are.
    fn settings_are_checked(&self, strategy: &StrategyInfo, settings: &str) -> RuleResult {
        let check = |settings: &str| self.plugin.check_settings(strategy, settings);
        let failure = if let Err(error) = check(settings) {
            Some(format!("it refuses its own example settings: {error}"))
        } else if strategy
            .settings_schema
            .as_ref()
            .is_some_and(|schema| !is_schema(schema))
        {
            Some("the JSON Schema of its settings is not a JSON object".to_owned())
        } else {
            corpus::settings()
                .into_iter()
                .find_map(|(what, settings)| match check(&settings) {
                    Err(PluginError::Internal(error)) => Some(format!("{what}: {error}")),
                    Ok(())
                        if serde_json::from_str::<Value>(&settings).is_err()
                            && !settings.trim().is_empty() =>
                    {
                        Some(format!("{what} are accepted although they are not JSON"))
                    }
                    _ => None,
                })
        };
        RuleResult::new("settings are checked, valid and invalid ones", failure)
    }

    fn instructions(&self, trial: &Trial) -> u64 {
        let before = self.host.n_instructions();
        // Whether it answers was already checked.
        let _ = (trial.call)(&self.plugin);
        self.host.n_instructions() - before
    }
}

fn no_fault(trials: &[Trial], answers: &[Answer]) -> RuleResult {
    let fault = trials
        .iter()
        .zip(answers)
        .find_map(|(trial, answer)| match answer {
            Err(PluginError::Internal(error)) => Some(format!("{}: {error}", trial.input)),
            _ => None,
        });
    RuleResult::new(
        "every input gets an answer or a refusal: empty, huge, non-ASCII and hostile ones",
        fault,
    )
}

fn few_instructions(trials: &[Trial], instructions: &[u64]) -> RuleResult {
    let worst = trials
        .iter()
        .zip(instructions)
        .max_by_key(|(_, n)| **n)
        .filter(|(_, n)| INSTRUCTIONS_MAX < **n);
    let failure = worst.map(|(trial, n)| {
        format!(
            "{}: {n} instructions, more than {INSTRUCTIONS_MAX}",
            trial.input
        )
    });
    RuleResult::new("no input takes too long", failure)
}

fn is_schema(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|schema| schema.is_object())
}

/// Returns the settings for a strategy: the given ones, or else its example, or else none.
fn settings_for(strategy: &StrategyInfo, given: Option<&str>) -> String {
    given
        .or(strategy.example_settings.as_deref())
        .unwrap_or_default()
        .to_owned()
}

/// Returns a strategy's answer as JSON. A missing strategy counts as a refusal, because the plugin
/// itself declared it.
fn as_json<T: Serialize>(answer: Result<T, PluginError>) -> Answer {
    answer.map(|answer| serde_json::to_value(answer).unwrap_or_default())
}

/// Returns an answer in which a refusal is a value too.
fn with_refusal(answer: Answer) -> Value {
    answer.unwrap_or_else(|error| json!({ "error": error.to_string() }))
}

fn in_short(answer: &Answer) -> String {
    /// Longest answer in a message, in characters.
    const CHARS_MAX: usize = 200;
    let text = with_refusal(answer.clone()).to_string();
    if text.chars().nth(CHARS_MAX).is_none() {
        text
    } else {
        text.chars().take(CHARS_MAX).chain(['…']).collect()
    }
}
