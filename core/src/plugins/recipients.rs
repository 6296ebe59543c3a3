//! Which strategy of a plugin gets which settings of its entry.
//!
//! ```text
//!   config  ─► the only deciding strategy that takes settings
//!   configs ─► by kind: the deciding strategy of that kind         (at most one of a kind decides)
//!   settings that no strategy gets are an error, because they would be ignored silently
//! ```

use autoissue_plugin_host::{Kind, StrategyInfo};
use serde_json::Value;

use super::error::SettingsProblem;
use super::key;
use crate::config::{StrategyConfig, StrategyConfigs};

/// The settings in a plugin's entry: those of the one strategy that takes some, or by kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntrySettings {
    /// Value of the key `config`.
    pub config: Option<StrategyConfig>,
    /// Value of the key `configs`.
    pub configs: StrategyConfigs,
}

impl EntrySettings {
    /// Returns the settings in `configs` for a kind.
    pub const fn of_kind(&self, kind: Kind) -> Option<&StrategyConfig> {
        let configs = &self.configs;
        match kind {
            Kind::Classifier => configs.classifier.as_ref(),
            Kind::ModelSelector => configs.model_selector.as_ref(),
            Kind::AgentBackend => configs.agent_backend.as_ref(),
            Kind::PrTemplate => configs.pr_template.as_ref(),
        }
    }

    /// Returns these settings, completed with earlier ones that they do not replace: `config`
    /// replaces all, and the settings for a kind those for that kind.
    #[must_use]
    pub fn over(mut self, earlier: Self) -> Self {
        if self == Self::default() {
            return earlier;
        }
        let is_by_kind = self.config.is_none();
        for kind in Kind::ALL.into_iter().filter(|_| is_by_kind) {
            if let (None, Some(settings)) = (self.of_kind(kind), earlier.of_kind(kind)) {
                self.set_kind(kind, settings.clone());
            }
        }
        self
    }

    /// Sets the settings in `configs` for a kind.
    pub fn set_kind(&mut self, kind: Kind, settings: StrategyConfig) {
        let configs = &mut self.configs;
        *match kind {
            Kind::Classifier => &mut configs.classifier,
            Kind::ModelSelector => &mut configs.model_selector,
            Kind::AgentBackend => &mut configs.agent_backend,
            Kind::PrTemplate => &mut configs.pr_template,
        } = Some(settings);
    }
}

/// The strategies of a plugin that get its settings.
pub struct Recipients<'a> {
    /// All strategies of the plugin.
    pub all: &'a [StrategyInfo],
    /// Those that make decisions, at most one of each kind.
    pub deciding: Vec<&'a StrategyInfo>,
    /// Whether settings may be for others, because the command line changes for this run which
    /// strategies make decisions.
    pub allows_others: bool,
}

/// A strategy and its settings.
pub struct Share<'a> {
    /// The strategy.
    pub strategy: &'a StrategyInfo,
    /// Its settings, if it takes some and some are given.
    pub settings: Option<&'a StrategyConfig>,
    /// Where they are in the plugin's entry, or would be, as a JSON pointer.
    pub(super) pointer: String,
}

impl Share<'_> {
    /// Returns the settings in the form that plugins receive: JSON, or nothing.
    pub fn text(&self) -> String {
        self.settings
            .map(|settings| Value::Object(settings.clone()).to_string())
            .unwrap_or_default()
    }
}

/// Settings that no strategy gets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRecipient {
    /// `config` could be for several strategies.
    #[error("several strategies take settings: {}", .0.join(", "))]
    Several(Vec<String>, Vec<Kind>),
    /// The strategy that they are for does not exist, makes no decision, or takes no settings.
    #[error("{why}; strategies with settings: {known}")]
    Absent {
        /// The kind in `configs`; `None` for `config`.
        kind: Option<Kind>,
        /// Why.
        why: String,
        /// The strategies of the plugin that take settings.
        known: String,
    },
}

impl NoRecipient {
    /// Returns it as a problem of the entry, with the key to use instead.
    pub(super) fn in_entry(&self) -> SettingsProblem {
        let (path, message) = match self {
            Self::Several(_, kinds) => {
                let keys: Vec<String> = kinds
                    .iter()
                    .map(|kind| format!("`{}`", key(*kind)))
                    .collect();
                let keys = keys.join(", ");
                (
                    "/config".to_owned(),
                    format!("{self}; use `configs` with the keys {keys}"),
                )
            }
            Self::Absent { kind, .. } => (pointer(*kind), self.to_string()),
        };
        SettingsProblem::At { path, message }
    }
}

/// Returns where settings are in a plugin's entry, as a JSON pointer.
fn pointer(kind: Option<Kind>) -> String {
    kind.map_or_else(
        || "/config".to_owned(),
        |kind| format!("/configs/{}", key(kind)),
    )
}

fn takes_settings(strategy: &StrategyInfo) -> bool {
    strategy.settings_schema.is_some()
}

fn listed<'a>(strategies: impl IntoIterator<Item = &'a StrategyInfo>) -> Vec<String> {
    strategies
        .into_iter()
        .map(|strategy| format!("{} `{}`", strategy.kind, strategy.name))
        .collect()
}

impl<'a> Recipients<'a> {
    /// Distributes settings among the strategies.
    ///
    /// # Errors
    /// Fails if some are for none of them.
    pub fn share(&self, given: &'a EntrySettings) -> Result<Vec<Share<'a>>, NoRecipient> {
        let takers: Vec<&StrategyInfo> = self
            .deciding
            .iter()
            .copied()
            .filter(|strategy| takes_settings(strategy))
            .collect();
        if given.config.as_ref().is_some_and(|it| !it.is_empty()) {
            self.check_config(&takers)?;
        }
        let of_kinds = Kind::ALL
            .into_iter()
            .filter(|kind| given.of_kind(*kind).is_some());
        for kind in of_kinds {
            self.check_kind(kind)?;
        }
        let is_by_kind = 1 < takers.len() || given.configs != StrategyConfigs::default();
        let share = |strategy: &'a StrategyInfo| Share {
            strategy,
            settings: given
                .config
                .as_ref()
                .or_else(|| given.of_kind(strategy.kind))
                .filter(|_| takes_settings(strategy)),
            pointer: pointer(is_by_kind.then_some(strategy.kind)),
        };
        Ok(self.deciding.iter().copied().map(share).collect())
    }

    /// Checks that there may be settings in `config`, given the strategies that take some.
    fn check_config(&self, takers: &[&StrategyInfo]) -> Result<(), NoRecipient> {
        match takers {
            [_] => Ok(()),
            [] if self.allows(takes_settings) => Ok(()),
            [] => {
                let deciding = listed(self.deciding.iter().copied()).join(", ");
                Err(self.absent(None, format!("no settings are taken by {deciding}")))
            }
            _ => {
                let kinds = takers.iter().map(|strategy| strategy.kind).collect();
                Err(NoRecipient::Several(listed(takers.iter().copied()), kinds))
            }
        }
    }

    /// Checks that there may be settings in `configs` for a kind.
    fn check_kind(&self, kind: Kind) -> Result<(), NoRecipient> {
        let is_provided = self.all.iter().any(|it| it.kind == kind);
        let why = match self.deciding.iter().find(|it| it.kind == kind) {
            Some(strategy) if takes_settings(strategy) => return Ok(()),
            _ if self.allows(|it| it.kind == kind && takes_settings(it)) => return Ok(()),
            Some(strategy) => format!("{kind} `{}` takes no settings", strategy.name),
            None if is_provided => format!("`strategies.{}` does not name this plugin", key(kind)),
            None => format!("the plugin has no {kind}"),
        };
        Err(self.absent(Some(kind), why))
    }

    /// Returns whether settings may be for such a strategy, although it makes no decision.
    fn allows(&self, is_such: impl Fn(&StrategyInfo) -> bool) -> bool {
        self.allows_others && self.all.iter().any(is_such)
    }

    fn absent(&self, kind: Option<Kind>, why: String) -> NoRecipient {
        let known = listed(self.all.iter().filter(|strategy| takes_settings(strategy)));
        NoRecipient::Absent {
            kind,
            why,
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::settings::as_key;
    use super::*;
    use crate::config::PluginSettings;

    /// Returns a plugin's strategies; those with an exclamation mark take settings.
    fn strategies(names: &[(Kind, &str)]) -> Vec<StrategyInfo> {
        let strategy = |(kind, name): &(Kind, &str)| StrategyInfo {
            kind: *kind,
            name: name.trim_end_matches('!').to_owned(),
            summary: String::new(),
            settings_schema: name.ends_with('!').then(|| "{}".to_owned()),
            example_settings: None,
            extra: Vec::new(),
        };
        names.iter().map(strategy).collect()
    }

    /// Returns the settings that each deciding strategy gets, with their key, or why one gets none.
    fn shares(
        all: &[StrategyInfo],
        deciding: &[usize],
        entry: Value,
        allows_others: bool,
    ) -> Result<Vec<String>, String> {
        let entry: PluginSettings = serde_json::from_value(entry).unwrap();
        let given = EntrySettings {
            config: entry.config,
            configs: entry.configs,
        };
        let recipients = Recipients {
            all,
            deciding: deciding.iter().map(|at| &all[*at]).collect(),
            allows_others,
        };
        match recipients.share(&given) {
            Ok(shares) => Ok(shares
                .iter()
                .map(|share| format!("{} {}", as_key(&share.pointer), share.text()))
                .collect()),
            Err(error) => Err(error.in_entry().to_string()),
        }
    }

    fn entry(mut settings: Value) -> Value {
        settings["name"] = json!("p");
        settings["path"] = json!("p.wasm");
        settings
    }

    #[test]
    fn one_strategy_with_settings_gets_config() {
        let all = strategies(&[(Kind::Classifier, "c!"), (Kind::PrTemplate, "t")]);
        let config = entry(json!({"config": {"a": 1}}));
        assert_eq!(
            shares(&all, &[0, 1], config.clone(), false).unwrap(),
            [r#".config {"a":1}"#, ".config "]
        );
        assert_eq!(
            shares(&all, &[1], config, false).unwrap_err(),
            "`/config`: no settings are taken by pr-template `t`; strategies with settings: classifier `c`"
        );
        let by_kind = entry(json!({"configs": {"classifier": {"a": 1}}}));
        assert_eq!(
            shares(&all, &[0], by_kind, false).unwrap(),
            [r#".configs.classifier {"a":1}"#]
        );
    }

    #[test]
    fn several_strategies_with_settings_get_configs() {
        let all = strategies(&[
            (Kind::Classifier, "c!"),
            (Kind::Classifier, "d!"),
            (Kind::PrTemplate, "t!"),
        ]);
        assert_eq!(
            shares(&all, &[1, 2], entry(json!({"config": {"a": 1}})), false).unwrap_err(),
            "`/config`: several strategies take settings: classifier `d`, pr-template `t`; use `configs` with the keys `classifier`, `prTemplate`"
        );
        let configs = json!({"configs": {"classifier": {"a": 1}, "prTemplate": {"b": 2}}});
        assert_eq!(
            shares(&all, &[1, 2], entry(configs.clone()), false).unwrap(),
            [
                r#".configs.classifier {"a":1}"#,
                r#".configs.prTemplate {"b":2}"#
            ]
        );
        assert_eq!(
            shares(&all, &[0], entry(configs.clone()), false).unwrap_err(),
            "`/configs/prTemplate`: `strategies.prTemplate` does not name this plugin; \
             strategies with settings: classifier `c`, classifier `d`, pr-template `t`"
        );
        assert_eq!(
            shares(&all, &[0], entry(configs), true).unwrap(),
            [r#".configs.classifier {"a":1}"#],
            "the command line decides otherwise for one run"
        );
        assert_eq!(
            shares(&all, &[0, 2], entry(json!({})), false).unwrap(),
            [".configs.classifier ", ".configs.prTemplate "],
            "the key to add is named"
        );
    }

    #[test]
    fn the_command_line_may_leave_settings_unused() {
        let all = strategies(&[
            (Kind::Classifier, "c!"),
            (Kind::PrTemplate, "t"),
            (Kind::PrTemplate, "u!"),
        ]);
        for settings in [
            json!({"config": {"a": 1}}),
            json!({"configs": {"classifier": {}, "prTemplate": {}}}),
        ] {
            let shares = |allows_others| shares(&all, &[1], entry(settings.clone()), allows_others);
            assert!(shares(true).is_ok() && shares(false).is_err(), "{settings}");
        }
    }

    #[test]
    fn settings_for_a_strategy_that_takes_none_are_an_error() {
        let all = strategies(&[(Kind::Classifier, "c"), (Kind::PrTemplate, "t")]);
        for (kind, why) in [
            ("classifier", "classifier `c` takes no settings"),
            ("agentBackend", "the plugin has no agent-backend"),
        ] {
            let configs = entry(json!({"configs": {kind: {}}}));
            assert_eq!(
                shares(&all, &[0], configs, true).unwrap_err(),
                format!("`/configs/{kind}`: {why}; strategies with settings: none")
            );
        }
    }
}
