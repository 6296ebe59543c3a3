//! `autoissue plugin add`: looks at a plugin, then writes it into the configuration and into the lock file, with what it may do.
//!
//! It asks nothing: what the plugin wants and was not granted is an error that names the very command to type.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use autoissue_core::built_in;
use autoissue_core::config::PluginGrants;
use autoissue_core::plugins::host::{Grants, Kind, StrategyInfo};
use autoissue_core::plugins::lock::{self, Locked, PluginLock, beyond};
use clap::Args;
use serde_json::{Map, Value, json};

use super::config_file::ConfigFile;
use super::profile::{Profile, as_flags};
use super::{files, settings};
use crate::error::{CliError, PluginCommandError};
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::shell::quoted;

/// Arguments of `plugin add`.
#[derive(Clone, Debug, Args)]
pub(crate) struct AddArgs {
    /// A component, or the directory of a plugin, which is built first
    pub(crate) path: PathBuf,
    /// Grant what it asks for: `exec=PROGRAM`, `env=VARIABLE` or `wasi` (repeatable)
    #[arg(long = "grant", value_name = "GRANT")]
    pub(crate) grants: Vec<Grant>,
    /// Settings for the configuration, JSON or a file with it
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) settings: Option<String>,
}

/// One grant, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// A program that may be run.
    Exec(String),
    /// A variable that it may see.
    Env(String),
    /// An empty WASI.
    Wasi,
}

impl FromStr for Grant {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some(("exec", name)) if !name.is_empty() => Ok(Self::Exec(name.to_owned())),
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            None if text == "wasi" => Ok(Self::Wasi),
            _ => Err("not `exec=PROGRAM`, `env=VARIABLE` or `wasi`"),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Where it is no plugin, wants more than it is granted, or the files cannot be written.
pub(super) fn run(invocation: &Invocation, args: &AddArgs) -> Result<ExitCode, CliError> {
    let (project, config) = files(invocation)?;
    let given = settings::read(invocation, args.settings.as_deref())?;
    let file = invocation.component(&args.path)?;
    let profile = Profile::of(invocation, &file, settings::text(given.as_ref()).as_deref())?;
    let grants = granted(&profile, args)?;
    check(&profile, given.as_ref())?;
    // Read before anything is written: a lock file with marks of a merge leaves both files as they are.
    let mut lock = PluginLock::read(&project)
        .map_err(PluginCommandError::Lock)?
        .unwrap_or_default();
    let added = Added {
        path: path_from(config.parent().unwrap_or(&project), &file.path),
        others: write_config(&config, &profile, &file.path, &grants, given.as_ref())?,
        config,
    };
    lock.insert(locked(&profile, &added.path, &grants));
    lock.write(&project).map_err(PluginCommandError::Lock)?;
    added.report(invocation, &profile, &grants)
}

/// What was written.
struct Added {
    /// The component, as the configuration has it.
    path: PathBuf,
    config: PathBuf,
    /// Decisions that another is named for, each with its name.
    others: Vec<(Kind, String)>,
}

impl Added {
    fn report(
        &self,
        invocation: &Invocation,
        profile: &Profile,
        grants: &PluginGrants,
    ) -> Result<ExitCode, CliError> {
        let name = &profile.plugin.info().name;
        for (kind, other) in &self.others {
            invocation.console.warn(&format!(
                "`{other}` goes on as the {kind}; set `strategies.{}` to `{name}`",
                key(*kind)
            ));
        }
        if self.path.is_absolute() {
            invocation.console.warn(&format!(
                "`{}` lies outside the repository: other checkouts do not have it",
                self.path.display()
            ));
        }
        if invocation.console.is_json() {
            invocation.console.json(&json!({
                "type": "added", "name": name, "path": self.path, "sha256": profile.plugin.digest().to_string(), "grants": grants,
                "config": self.config, "lock": lock::FILE_NAME,
            }))?;
        } else {
            let granted = beyond(grants, &PluginGrants::default());
            let granted = if granted.is_empty() {
                "nothing".to_owned()
            } else {
                granted.join(", ")
            };
            invocation.console.print(&format!(
                "{}\nadded to {} and {}; granted: {granted}\nreview both, and commit them with the component\n",
                profile.text(invocation.console.out),
                self.config.display(),
                lock::FILE_NAME,
            ))?;
        }
        Ok(ExitCode::Success)
    }
}

/// Returns what was granted of what it asks for. Nothing is granted that it did not ask for.
fn granted(profile: &Profile, args: &AddArgs) -> Result<PluginGrants, PluginCommandError> {
    let typed = grants(&args.grants);
    if let Some(why) = profile.unknown().filter(|_| !args.grants.is_empty()) {
        let (plugin, why) = (profile.plugin.info().name.clone(), why.to_owned());
        return Err(PluginCommandError::UnknownGrants { plugin, why });
    }
    let Grants { exec, env, wasi } = profile.asked();
    let asked = PluginGrants {
        exec: exec.clone(),
        env: env.clone(),
        wasi: *wasi,
    };
    let missing = beyond(&asked, &typed);
    if missing.is_empty() {
        return Ok(asked);
    }
    let mut command = format!(
        "autoissue plugin add {}",
        quoted(&args.path.display().to_string())
    );
    as_flags(profile.asked())
        .iter()
        .for_each(|flag| command.push_str(&format!(" --grant {}", quoted(flag))));
    if let Some(settings) = &args.settings {
        command.push_str(&format!(" --settings {}", quoted(settings)));
    }
    Err(PluginCommandError::NotGranted {
        plugin: profile.plugin.info().name.clone(),
        missing,
        command,
    })
}

/// Returns grants as the configuration has them.
pub(crate) fn grants(typed: &[Grant]) -> PluginGrants {
    let mut grants = PluginGrants::default();
    for grant in typed {
        match grant {
            Grant::Exec(name) => grants.exec.push(name.clone()),
            Grant::Env(name) => grants.env.push(name.clone()),
            Grant::Wasi => grants.wasi = true,
        }
    }
    grants
}

/// Looks at the name, and has the plugin look at its settings.
fn check(
    profile: &Profile,
    settings: Option<&Map<String, Value>>,
) -> Result<(), PluginCommandError> {
    let info = profile.plugin.info();
    if built_in::reserved_names().contains(&info.name) {
        return Err(PluginCommandError::Reserved {
            name: info.name.clone(),
        });
    }
    let text = settings::text(settings).unwrap_or_default();
    // As in a session: settings go to the strategies that take some, unless none of them does.
    let takes_any = info
        .strategies
        .iter()
        .any(|strategy| strategy.settings_schema.is_some());
    let check = |strategy: &StrategyInfo| {
        let is_for_it = strategy.settings_schema.is_some() || !takes_any;
        profile
            .plugin
            .check_settings(strategy, if is_for_it { &text } else { "" })
    };
    let checked = info.strategies.iter().try_for_each(check);
    checked.map_err(|source| PluginCommandError::Refused {
        plugin: info.name.clone(),
        source,
    })
}

/// Writes the configuration; returns the decisions that another is named for.
fn write_config(
    config: &Path,
    profile: &Profile,
    component: &Path,
    grants: &PluginGrants,
    settings: Option<&Map<String, Value>>,
) -> Result<Vec<(Kind, String)>, CliError> {
    let name = &profile.plugin.info().name;
    let path = path_from(config.parent().unwrap_or(Path::new("/")), component);
    let grants = Some(grants)
        .filter(|grants| **grants != PluginGrants::default())
        .map(grants_in_short);
    // What was agreed on before no longer holds; the lock file has what does.
    let mut keys = vec![
        ("path", Some(json!(path))),
        ("grants", grants),
        ("sha256", None),
    ];
    keys.extend(settings.map(|settings| ("config", Some(Value::Object(settings.clone())))));
    let file = ConfigFile::open(config)?;
    file.put_plugin(name, &keys)?;
    let mut others = Vec::new();
    for kind in Kind::ALL
        .into_iter()
        .filter(|kind| profile.plugin.strategy(*kind, None).is_ok())
    {
        others.extend(file.use_for(key(kind), name)?.map(|other| (kind, other)));
    }
    file.save()?;
    Ok(others)
}

/// Returns grants without what is empty.
fn grants_in_short(grants: &PluginGrants) -> Value {
    let mut value = Map::new();
    for (key, names) in [("exec", &grants.exec), ("env", &grants.env)] {
        if !names.is_empty() {
            value.insert(key.to_owned(), json!(names));
        }
    }
    if grants.wasi {
        value.insert("wasi".to_owned(), json!(true));
    }
    Value::Object(value)
}

fn locked(profile: &Profile, path: &Path, grants: &PluginGrants) -> Locked {
    let info = profile.plugin.info();
    let strategy = |strategy: &StrategyInfo| format!("{}/{}", strategy.kind, strategy.name);
    Locked {
        name: info.name.clone(),
        version: info.version.clone(),
        path: path.to_owned(),
        sha256: profile.plugin.digest(),
        track: profile.plugin.track().to_owned(),
        strategies: info.strategies.iter().map(strategy).collect(),
        grants: grants.clone(),
    }
}

/// Returns the key of a decision, in `strategies`.
const fn key(kind: Kind) -> &'static str {
    match kind {
        Kind::Classifier => "classifier",
        Kind::ModelSelector => "modelSelector",
        Kind::AgentBackend => "agentBackend",
        Kind::PrTemplate => "prTemplate",
    }
}

/// Returns a path as seen from a directory, with `/`; one that lies elsewhere as it is.
fn path_from(directory: &Path, path: &Path) -> PathBuf {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (directory, path) = (real(directory), real(path));
    path.strip_prefix(&directory)
        .map(Path::to_owned)
        .unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_typed_in_one_of_three_forms() {
        for (text, expected) in [
            ("exec=codex", Ok(Grant::Exec("codex".to_owned()))),
            ("env=CODEX_KEY", Ok(Grant::Env("CODEX_KEY".to_owned()))),
            ("wasi", Ok(Grant::Wasi)),
        ] {
            assert_eq!(text.parse(), expected);
        }
        for text in ["", "exec", "exec=", "wasi=yes", "net=*"] {
            assert!(text.parse::<Grant>().is_err(), "{text}");
        }
    }
}
