//! The strategies of a session, by name, and the conversion between the engine's values and the
//! SDK's.
//!
//! ```text
//!   question ─► strategy: a Box<dyn …> of the SDK's traits ─► answer
//!                  │ a plugin that fails: see guard
//!                  └─► the built-in decides, or the task ends (`onError`); either way it is reported
//! ```
//!
//! A strategy is a `Box<dyn …>` of one of the SDK's traits; how a plugin runs is not known here.

mod experience;
mod guard;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use autoissue_engine::{Classification, Effort, Issue, PluginFailure, PluginFailureAction, Usd};
use autoissue_journal::CostRow;
use autoissue_plugin_host::{Kind, NoStrategy};
use autoissue_plugin_sdk as sdk;
use autoissue_plugin_sdk::built_in::BuiltInAgent;
use autoissue_plugin_sdk::{
    AgentBackend, Classifier, ClassifierContext, Description, ModelHistory, ModelSelector,
    PluginError, PrTemplate,
};

use rustix::process::geteuid;
use semver::Version;
use serde_json::{Value, json};

use crate::built_in::{self, BUILTIN, DOMAINS};
use crate::config::Config;
use crate::plugins::{Chosen, Plugins};
use guard::Guard;

/// Time that all calls of a plugin may take to classify the issues of one intake.
const CLASSIFYING_MAX: Duration = Duration::from_secs(60);

/// The strategies of a session.
pub struct Strategies {
    classifier: ConfiguredStrategy<dyn Classifier>,
    selector: ConfiguredStrategy<dyn ModelSelector>,
    backend: ConfiguredStrategy<dyn AgentBackend>,
    template: ConfiguredStrategy<dyn PrTemplate>,
    /// Domains that the configuration knows.
    domains: Vec<String>,
    /// Results of each model so far.
    history: Vec<ModelHistory>,
    repository: String,
    run_label: String,
    /// Version of the agent's program, if its backend asks for it.
    program_version: Option<Version>,
    /// Whether the repository's own files may configure the agent's program.
    repository_settings: bool,
    /// Called when a plugin did not decide.
    tell: Box<dyn Fn(PluginFailure) + Send + Sync>,
}

/// What the model selector decided.
pub struct ChosenModel {
    /// Model; `None` leaves it to the agent's program.
    pub model: Option<String>,
    /// How much effort it should spend; `None` leaves it to the program.
    pub effort: Option<Effort>,
    /// Why, in words.
    pub reason: String,
}

impl ChosenModel {
    /// The program chooses.
    const fn left(reason: String) -> Self {
        Self {
            model: None,
            effort: None,
            reason,
        }
    }
}

/// The strategy that makes one kind of decision.
struct ConfiguredStrategy<S: ?Sized> {
    strategy: Box<S>,
    /// Its settings; empty if it has none.
    settings: String,
    /// Its name, for the record.
    by: String,
    /// Monitors a plugin; a built-in needs no monitoring.
    guard: Option<Guard>,
}

/// A strategy that does not exist, or cannot be used as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownStrategy {
    /// A name is unknown.
    #[error("`{key}` names `{found}`, which is not one of {}", list(.known))]
    Name {
        /// Key of the configuration.
        key: &'static str,
        /// What it names.
        found: String,
        /// What it may name.
        known: Vec<String>,
    },
    /// A plugin lacks it.
    #[error(transparent)]
    Plugin(#[from] NoStrategy),
    /// An agent backend refuses its command or its further settings.
    #[error("`agent.command` and `agent.settings` do not fit the agent backend: {0}")]
    Command(String),
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl<S: ?Sized> ConfiguredStrategy<S> {
    fn builtin(strategy: Box<S>, describe: impl Fn(&S) -> Description) -> Self {
        let by = by(&describe(&strategy));
        Self {
            strategy,
            settings: String::new(),
            by,
            guard: None,
        }
    }

    fn plugin(strategy: Box<S>, chosen: &Chosen, guard: Guard) -> Self {
        Self {
            strategy,
            settings: chosen.settings.clone(),
            by: chosen.by(),
            guard: Some(guard),
        }
    }

    /// Returns its name, if it is a plugin.
    fn plugin_name(&self) -> Option<&str> {
        self.guard.as_ref().map(|_| self.by.as_str())
    }
}

fn by(description: &Description) -> String {
    format!("{} {}", description.name, description.version)
}

impl Strategies {
    /// Returns the built-ins, with the free agent backend.
    pub fn builtin() -> Self {
        Self {
            classifier: ConfiguredStrategy::builtin(built_in::classifier(), Classifier::describe),
            selector: ConfiguredStrategy::builtin(
                built_in::model_selector(),
                ModelSelector::describe,
            ),
            backend: ConfiguredStrategy::builtin(
                (built_in::free_agent().backend)(),
                AgentBackend::describe,
            ),
            template: ConfiguredStrategy::builtin(built_in::pr_template(), PrTemplate::describe),
            domains: DOMAINS.map(str::to_owned).to_vec(),
            history: Vec::new(),
            repository: String::new(),
            run_label: String::new(),
            program_version: None,
            repository_settings: false,
            tell: Box::new(|plugin_failure| {
                tracing::warn!(?plugin_failure, "a plugin made no decision");
            }),
        }
    }

    /// Returns the configured strategies: plugins for the decisions that they make, built-ins for
    /// the others.
    ///
    /// # Errors
    /// Fails if a name is unknown.
    pub fn configured(config: &Config, plugins: &Plugins) -> Result<Self, UnknownStrategy> {
        let mut strategies = Self::builtin();
        strategies.repository_settings = config.agent.repository_settings;
        let further = config
            .scheduler
            .exclusive_domains
            .iter()
            .filter(|domain| !DOMAINS.contains(&domain.as_str()));
        strategies.domains.extend(further.cloned());
        strategies.seat_plugins(plugins)?;
        let known = StrategyNames { config, plugins };
        known.builtin(
            Kind::Classifier,
            "strategies.classifier",
            config.strategies.classifier.as_deref(),
        )?;
        known.builtin(
            Kind::ModelSelector,
            "strategies.modelSelector",
            config.strategies.model_selector.as_deref(),
        )?;
        known.builtin(
            Kind::PrTemplate,
            "strategies.prTemplate",
            config.strategies.pr_template.as_deref(),
        )?;
        if plugins.of(Kind::AgentBackend).is_none() {
            let name = config.agent_backend();
            let Some(agent) = built_in::agent(name) else {
                let agents = built_in::agents().map(BuiltInAgent::name);
                return Err(known.unknown("agent.backend", name, agents));
            };
            strategies.backend =
                ConfiguredStrategy::builtin((agent.backend)(), AgentBackend::describe);
            if agent.takes_command {
                let mut settings = config.agent.settings.clone();
                settings.insert("command".to_owned(), json!(config.agent.command));
                let settings = Value::Object(settings).to_string();
                let checked = strategies.backend().check_settings(&settings);
                checked.map_err(|error| {
                    UnknownStrategy::Command(match error {
                        PluginError::InvalidSettings(message) => message,
                        error => error.to_string(),
                    })
                })?;
                strategies.backend.settings = settings;
            }
        }
        Ok(strategies)
    }

    fn seat_plugins(&mut self, plugins: &Plugins) -> Result<(), NoStrategy> {
        for (kind, chosen) in plugins.iter() {
            let (plugin, name) = (&chosen.plugin, chosen.strategy.as_deref());
            let guard = Guard::new(chosen.on_error);
            match kind {
                Kind::Classifier => {
                    let guard = guard.taking_at_most(CLASSIFYING_MAX);
                    self.classifier =
                        ConfiguredStrategy::plugin(plugin.classifier(name)?, chosen, guard);
                }
                Kind::ModelSelector => {
                    self.selector =
                        ConfiguredStrategy::plugin(plugin.model_selector(name)?, chosen, guard);
                }
                Kind::AgentBackend => {
                    self.backend =
                        ConfiguredStrategy::plugin(plugin.agent_backend(name)?, chosen, guard);
                }
                Kind::PrTemplate => {
                    self.template =
                        ConfiguredStrategy::plugin(plugin.pr_template(name)?, chosen, guard);
                }
            }
        }
        Ok(())
    }

    /// Sets the repository and the label of the run.
    #[must_use]
    pub fn for_run(self, repository: &str, label: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            run_label: label.to_owned(),
            ..self
        }
    }

    /// Sets the version of the agent's program.
    #[must_use]
    pub fn with_program_version(mut self, version: Option<Version>) -> Self {
        self.program_version = version;
        self
    }

    /// Sets the function that is called when a plugin did not decide.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(PluginFailure) + Send + Sync + 'static) -> Self {
        self.tell = Box::new(tell);
        self
    }

    /// Sets the results of the agent's models so far, for a model selector.
    #[must_use]
    pub fn remembering(mut self, costs: &[CostRow]) -> Self {
        let models = self
            .probe_backend()
            .map(|info| info.models)
            .unwrap_or_default();
        self.history = experience::of(costs, &self.backend().describe().name, &models);
        self
    }

    /// Returns who makes each decision, by kind: name and version, and for a plugin the SHA-256 of
    /// its component.
    pub fn deciders(&self) -> BTreeMap<String, String> {
        let seats = [
            (Kind::Classifier, &self.classifier.by),
            (Kind::ModelSelector, &self.selector.by),
            (Kind::AgentBackend, &self.backend.by),
            (Kind::PrTemplate, &self.template.by),
        ];
        seats
            .into_iter()
            .map(|(kind, by)| (kind.name().to_owned(), by.clone()))
            .collect()
    }

    /// Returns the plugins that make decisions, by kind of decision.
    pub fn plugins(&self) -> Vec<(Kind, &str)> {
        let seats = [
            (Kind::Classifier, self.classifier.plugin_name()),
            (Kind::ModelSelector, self.selector.plugin_name()),
            (Kind::AgentBackend, self.backend.plugin_name()),
            (Kind::PrTemplate, self.template.plugin_name()),
        ];
        seats
            .into_iter()
            .filter_map(|(kind, by)| Some((kind, by?)))
            .collect()
    }

    /// Returns the agent backend. There is no fallback for a plugin, because another program would
    /// cost different money.
    pub fn backend(&self) -> &dyn AgentBackend {
        self.backend.strategy.as_ref()
    }

    /// Returns whether neither we nor the backend's price list know a model. This is known only
    /// for built-in backends.
    pub fn is_unknown_model(&self, model: &str) -> bool {
        let agent = built_in::agent(&self.backend().describe().name);
        let Some((agent, models)) = agent.and_then(|agent| Some((agent, agent.models.as_ref()?)))
        else {
            return false;
        };
        let base = model.split('[').next().unwrap_or_default();
        let is_known = base == "auto"
            || agent.model_aliases().iter().any(|name| name == base)
            || (models.has_list_price)(model);
        !is_known
    }

    /// Returns the model that every attempt uses, if the configuration names one. `None` leaves it
    /// to the agent's program: it offers no models, or the name is only our default, and the backend
    /// has no default of its own.
    pub fn fixed_model(&self, configured: &str) -> Option<String> {
        let models = self
            .probe_backend()
            .map(|info| info.models)
            .unwrap_or_default();
        let takes_any = self
            .built_in_backend()
            .is_some_and(|agent| agent.takes_any_model);
        if models.is_empty() && !takes_any {
            return None;
        }
        let is_offered = models.iter().any(|model| model.id == configured);
        if is_offered || configured != built_in::default_model() {
            return Some(configured.to_owned());
        }
        let own = self.built_in_backend().and_then(|agent| agent.models);
        own.and_then(|models| models.default).map(str::to_owned)
    }

    /// Returns the agent backend's declaration, if it is a built-in.
    fn built_in_backend(&self) -> Option<&'static BuiltInAgent> {
        let is_plugin = self.backend.guard.is_some();
        built_in::agent(&self.backend().describe().name).filter(|_| !is_plugin)
    }

    /// Returns whether the agent offers several models.
    pub fn has_models(&self) -> bool {
        self.probe_backend()
            .is_ok_and(|info| !info.models.is_empty())
    }

    /// Returns patterns of the files that the agent's program leaves and that never belong in a
    /// commit.
    pub fn ignored_paths(&self) -> Vec<String> {
        self.probe_backend()
            .map(|info| info.ignored_paths)
            .unwrap_or_default()
    }

    /// Returns the settings of the agent backend.
    pub fn backend_settings(&self) -> &str {
        &self.backend.settings
    }

    /// Returns the agent backend's requirements.
    ///
    /// # Errors
    /// The backend's error.
    pub fn probe_backend(&self) -> Result<sdk::ProgramInfo, PluginError> {
        self.backend.strategy.probe(&self.backend.settings)
    }

    /// Completes a task of the agent backend by its settings and by what it finds here.
    /// `environment` is that of agents.
    pub fn on_this_machine(
        &self,
        task: sdk::AgentTask,
        environment: &[(OsString, OsString)],
    ) -> sdk::AgentTask {
        let mut declared = self
            .probe_backend()
            .map(|info| info.environment)
            .unwrap_or_default();
        declared.retain(|name| environment.iter().any(|(known, _)| known == name.as_str()));
        let mut task = task
            .settings(self.backend_settings())
            .environment(declared)
            .is_root(geteuid().is_root())
            .repository_settings(self.repository_settings);
        task.program_version = self.program_version.as_ref().map(ToString::to_string);
        task
    }

    /// Asks for one decision. A built-in that fails returns an error without a plugin, which the
    /// caller handles.
    fn ask<S: ?Sized, T>(
        &self,
        kind: Kind,
        issue: &Issue,
        configured: &ConfiguredStrategy<S>,
        ask: impl Fn(&S) -> Result<T, PluginError>,
        builtin: impl Fn() -> Result<T, PluginError>,
    ) -> Result<(T, String), PluginFailure> {
        let by = configured.by.clone();
        let (message, action) = match &configured.guard {
            None => match ask(&configured.strategy) {
                Ok(answer) => return Ok((answer, by)),
                Err(error) => (error.to_string(), PluginFailureAction::Fail),
            },
            Some(guard) => match guard.ask(Instant::now(), || ask(&configured.strategy)) {
                Ok(answer) => return Ok((answer, by)),
                Err(message) => (message, guard.instead()),
            },
        };
        let plugin_failure = PluginFailure {
            issue: issue.number,
            strategy: kind.name().to_owned(),
            plugin: by,
            message,
            action,
        };
        if action != PluginFailureAction::Fallback {
            return Err(plugin_failure);
        }
        let answer = builtin().map_err(|error| PluginFailure {
            message: format!(
                "{}; the built-in failed too: {error}",
                plugin_failure.message
            ),
            action: PluginFailureAction::Fail,
            ..plugin_failure.clone()
        })?;
        (self.tell)(plugin_failure);
        Ok((answer, BUILTIN.to_owned()))
    }

    /// Begins an intake: a plugin has all its time for the issues that are classified now.
    pub fn begin_intake(&self) {
        self.classifier.guard.iter().for_each(Guard::begin_intake);
    }

    /// Returns the domain of an issue and the paths that it mentions.
    ///
    /// # Errors
    /// Fails if there is no decision and `onError` does not allow the built-in to decide.
    pub fn classify(&self, issue: &Issue) -> Result<Classification, PluginFailure> {
        let given = self.issue(issue);
        let context = |settings: &str| {
            ClassifierContext::default()
                .settings(settings)
                .domains(&self.domains)
        };
        let (answer, by) = self.ask(
            Kind::Classifier,
            issue,
            &self.classifier,
            |classifier| classifier.classify(&given, &context(&self.classifier.settings)),
            || built_in::classifier().classify(&given, &context("")),
        )?;
        let named = given.paths();
        let mut paths = named.clone();
        paths.extend(
            answer
                .paths
                .into_iter()
                .filter(|path| !named.contains(path)),
        );
        Ok(Classification {
            domain: answer.domain,
            confidence: answer.confidence,
            reasons: answer.reasons,
            paths,
            by,
        })
    }

    /// Returns the model for an attempt.
    ///
    /// # Errors
    /// Fails if there is no decision and `onError` does not allow the built-in to decide.
    pub fn select_model(
        &self,
        issue: &Issue,
        domain: &str,
        attempt: u32,
        n_substance: u32,
        budget_left: Usd,
    ) -> Result<ChosenModel, PluginFailure> {
        let models = self
            .probe_backend()
            .map(|info| info.models)
            .unwrap_or_default();
        if models.is_empty() {
            return Ok(ChosenModel::left(
                "the agent does not offer a choice of models".to_owned(),
            ));
        }
        let request = |settings: &str| {
            sdk::SelectionRequest::default()
                .settings(settings)
                .issue(self.issue(issue))
                .domain(domain)
                .attempt(attempt)
                .failures_of_substance(n_substance)
                .budget_left_usd(budget_left.dollars())
                .available(models.clone())
                .history(self.history.clone())
        };
        let answer = self.ask(
            Kind::ModelSelector,
            issue,
            &self.selector,
            |selector| selector.select(&request(&self.selector.settings)),
            || built_in::model_selector().select(&request("")),
        );
        match answer {
            Ok((selection, _)) => Ok(ChosenModel {
                model: Some(selection.model),
                effort: selection.effort,
                reason: selection.reason,
            }),
            Err(plugin_failure) if self.selector.guard.is_none() => Ok(ChosenModel::left(format!(
                "the agent's program chooses: {}",
                plugin_failure.message
            ))),
            Err(plugin_failure) => Err(plugin_failure),
        }
    }

    /// Returns the text of an issue's pull request.
    ///
    /// # Errors
    /// Fails if there is no decision and `onError` does not allow the built-in to decide.
    pub fn render(
        &self,
        issue: &Issue,
        context: &sdk::PrContext,
    ) -> Result<sdk::PullRequestText, PluginFailure> {
        let with = |settings: &str| context.clone().settings(settings);
        let answer = self.ask(
            Kind::PrTemplate,
            issue,
            &self.template,
            |template| template.render(&with(&self.template.settings)),
            || built_in::pr_template().render(&with("")),
        );
        answer.map(|(text, _)| text)
    }

    /// Returns the issue as strategies see it. The label of the run is removed because it says
    /// nothing about an issue.
    pub fn issue(&self, issue: &Issue) -> sdk::Issue {
        let is_run_label = |label: &String| label.eq_ignore_ascii_case(&self.run_label);
        sdk::Issue::new(&issue.title)
            .repo(&self.repository)
            .number(issue.number.0)
            .body(&issue.body)
            .author(&issue.author)
            .labels(issue.labels.iter().filter(|label| !is_run_label(label)))
            .created_at_ms(issue.created_at.ms())
            .url(&issue.url)
    }
}

/// The meaning of strategy names.
struct StrategyNames<'a> {
    config: &'a Config,
    plugins: &'a Plugins,
}

impl StrategyNames<'_> {
    /// Returns whether the built-in makes a decision, not a plugin.
    fn builtin(
        &self,
        kind: Kind,
        key: &'static str,
        named: Option<&str>,
    ) -> Result<(), UnknownStrategy> {
        match named {
            None | Some(BUILTIN) => Ok(()),
            Some(_) if self.plugins.of(kind).is_some() => Ok(()),
            Some(found) => Err(self.unknown(key, found, [BUILTIN.to_owned()])),
        }
    }

    fn unknown(
        &self,
        key: &'static str,
        found: &str,
        builtins: impl IntoIterator<Item = String>,
    ) -> UnknownStrategy {
        let known = builtins
            .into_iter()
            .chain(self.config.plugins.iter().map(|plugin| plugin.name.clone()))
            .collect();
        UnknownStrategy::Name {
            key,
            found: found.to_owned(),
            known,
        }
    }
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::{AgentRun, AgentTask, CommandSpec, ProgramInfo};

    use super::*;

    /// A backend of a plugin, with models of its own.
    struct Foreign(&'static [&'static str]);

    impl AgentBackend for Foreign {
        fn describe(&self) -> Description {
            Description::new("foreign", "0.1.0", "Has other models")
        }

        fn probe(&self, _settings: &str) -> Result<ProgramInfo, PluginError> {
            Ok(ProgramInfo::new("foreign").models(self.0.iter().copied().map(sdk::ModelInfo::new)))
        }

        fn start(
            &self,
            _task: &AgentTask,
        ) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
            Err(PluginError::Internal("it is never started".into()))
        }
    }

    #[test]
    fn a_backend_never_gets_our_default_model_unless_it_offers_it() {
        let model = |offered, configured: &str| {
            let backend: Box<dyn AgentBackend> = Box::new(Foreign(offered));
            let strategies = Strategies {
                backend: ConfiguredStrategy::builtin(backend, AgentBackend::describe),
                ..Strategies::builtin()
            };
            strategies.fixed_model(configured)
        };
        let default = built_in::default_model();
        assert_eq!(model(&["fast", "deep"], default), None);
        assert_eq!(model(&["fast", "deep"], "deep").as_deref(), Some("deep"));
        assert_eq!(
            model(&["fast"], "newer").as_deref(),
            Some("newer"),
            "its list may be older than its program"
        );
        assert_eq!(
            model(&["fast", "sonnet"], default).as_deref(),
            Some(default)
        );
        assert_eq!(model(&[], "deep"), None);
    }

    #[test]
    fn each_built_in_backend_has_a_default_model_of_its_own() {
        for (backend, by_default, named) in [
            ("claude", Some("sonnet"), Some("m")),
            ("codex", Some("gpt-6.2-sol"), Some("m")),
            ("gemini", Some("pro"), Some("m")),
            ("opencode", None, Some("m")),
            ("acp", None, Some("m")),
            ("command", None, None),
            ("patch", None, None),
        ] {
            let mut config = Config::default();
            config.agent.backend = backend.to_owned();
            if built_in::agent(backend).unwrap().takes_command {
                config.agent.command = vec!["a".to_owned()];
            }
            let strategies = Strategies::configured(&config, &Plugins::default()).unwrap();
            let found = [built_in::default_model(), "m"].map(|name| strategies.fixed_model(name));
            let found = found.each_ref().map(Option::as_deref);
            assert_eq!(found, [by_default, named], "{backend}");
        }
    }
}
