//! `autoissue plugin list`: lists the built-in strategies and the plugins of this repository, and
//! whether a session would accept them.

use autoissue_core::config::{Config, PluginSettings};
use autoissue_core::plugins::host::{Kind, PluginHost};
use autoissue_core::plugins::lock::PluginLock;
use autoissue_core::plugins::{load_agreed, named};
use autoissue_core::process::error_chain;
use serde::Serialize;

use super::host;
use crate::error::{CliError, PluginCommandError};
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::printable::one_line;
use crate::project;
use crate::table::{Column, fixed, prose, table};

const COLUMNS: [Column; 5] = [
    fixed("kind"),
    fixed("strategy"),
    fixed("version").optional(),
    fixed("used"),
    prose("state"),
];

/// Runs the command.
///
/// # Errors
/// If the configuration or the lock file cannot be read. A plugin that cannot be loaded is listed
/// as such.
pub(super) fn run(invocation: &Invocation) -> Result<ExitCode, CliError> {
    let loaded = invocation.load(Vec::new())?;
    let project = project::checkout(&loaded, &invocation.current_dir)?;
    let lock = PluginLock::read(&project).map_err(PluginCommandError::Lock)?;
    let mut rows = built_in(&loaded.config);
    if !loaded.config.plugins.is_empty() {
        let host = host(invocation)?;
        rows.extend(
            loaded
                .config
                .plugins
                .iter()
                .flat_map(|plugin| configured(&host, &loaded.config, lock.as_ref(), plugin)),
        );
    }
    let is_well = rows.iter().all(|row| !row.is_ill);
    if invocation.console.is_json() {
        rows.iter()
            .try_for_each(|row| invocation.console.json(row))?;
    } else {
        let cells: Vec<_> = rows.iter().map(Row::cells).collect();
        invocation
            .console
            .page(&table(COLUMNS, &cells, invocation.console.out))?;
    }
    Ok(if is_well {
        ExitCode::Success
    } else {
        ExitCode::SomeFailed
    })
}

/// A strategy, or a plugin whose strategies are unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Row {
    r#type: &'static str,
    kind: Option<&'static str>,
    /// Plugin, followed by the strategy if its name differs.
    name: String,
    version: Option<String>,
    /// Whether the configuration selects it.
    used: bool,
    state: String,
    #[serde(skip)]
    is_ill: bool,
}

impl Row {
    fn cells(&self) -> [String; 5] {
        let or_dash = |text: Option<&str>| text.map_or_else(|| "–".to_owned(), one_line);
        [
            or_dash(self.kind),
            one_line(&self.name),
            or_dash(self.version.as_deref()),
            if self.used { "yes" } else { "" }.to_owned(),
            one_line(&self.state),
        ]
    }
}

fn built_in(config: &Config) -> Vec<Row> {
    let row = |(kind, built_in): (Kind, autoissue_core::plugins::sdk::Description)| Row {
        r#type: "strategy",
        kind: Some(kind.name()),
        used: named(config, kind).is_none_or(|name| name == built_in.name)
            && (kind != Kind::AgentBackend || config.agent_backend() == built_in.name),
        version: Some(built_in.version),
        name: built_in.name,
        state: "built-in".to_owned(),
        is_ill: false,
    };
    autoissue_core::built_in::strategies()
        .into_iter()
        .map(row)
        .collect()
}

fn configured(
    host: &PluginHost,
    config: &Config,
    lock: Option<&PluginLock>,
    settings: &PluginSettings,
) -> Vec<Row> {
    let plugin = match load_agreed(host, settings, lock) {
        Ok(plugin) => plugin,
        Err(error) => {
            let name = settings.name.clone();
            return vec![Row {
                r#type: "plugin",
                kind: None,
                name,
                version: None,
                used: true,
                state: error_chain(&error),
                is_ill: true,
            }];
        }
    };
    let state = if lock.is_some() {
        "locked, unchanged"
    } else if settings.sha256.is_some() {
        "matches `sha256`; there is no lock file"
    } else {
        "not locked; lock it with `autoissue plugin add`"
    };
    let info = plugin.info();
    let row = |strategy: &autoissue_core::plugins::host::StrategyInfo| {
        let is_first = plugin
            .strategy(strategy.kind, None)
            .is_ok_and(|first| first.name == strategy.name);
        let full = format!("{}/{}", settings.name, strategy.name);
        let decides = named(config, strategy.kind);
        Row {
            r#type: "strategy",
            kind: Some(strategy.kind.name()),
            used: decides == Some(&full) || is_first && decides == Some(&settings.name),
            name: if strategy.name == settings.name {
                settings.name.clone()
            } else {
                full
            },
            version: Some(info.version.clone()),
            state: state.to_owned(),
            is_ill: false,
        }
    };
    info.strategies.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::table::at_60_and_80;

    #[test]
    fn the_state_of_a_plugin_is_shown_on_every_terminal() {
        let mut rows = built_in(&Config::default());
        rows.truncate(2);
        rows.push(Row {
            name: "acme/priority-model".to_owned(),
            state: "not locked; lock it with `autoissue plugin add`".to_owned(),
            version: Some("0.1.0".to_owned()),
            ..rows[0].clone()
        });
        let cells: Vec<_> = rows.iter().map(Row::cells).collect();
        assert_snapshot!(at_60_and_80(|paint| table(COLUMNS, &cells, paint)), @"
        kind      classifier
        strategy  builtin
        version   0.1.0
        used      yes
        state     built-in

        kind      model-selector
        strategy  builtin
        version   0.1.0
        used      yes
        state     built-in

        kind      classifier
        strategy  acme/priority-model
        version   0.1.0
        used      yes
        state     not locked; lock it with `autoissue plugin add`

        kind            strategy             version  used  state
        classifier      builtin              0.1.0    yes   built-in
        model-selector  builtin              0.1.0    yes   built-in
        classifier      acme/priority-model  0.1.0    yes   not locked; lock it with
                                                            `autoissue plugin add`
        ");
    }
}
