//! `autoissue plugin add`: inspects a plugin, then adds it, with its grants, to the configuration
//! and the lock file.
//!
//! It never prompts: if the plugin needs something that was not granted, the error contains the
//! exact command to run.

use std::fs;
use std::path::{Path, PathBuf};

use autoissue_core::built_in;
use autoissue_core::config::{PluginGrants, StrategyConfigs};
use autoissue_core::plugins::host::{Grants, Kind, StrategyInfo};
use autoissue_core::plugins::lock::{self, Locked, PluginLock, beyond};
use autoissue_core::plugins::recipients::{EntrySettings, Recipients, Share};
use autoissue_core::plugins::{Grant, key};
use clap::Args;
use serde_json::{Map, Value, json};

use super::config_file::ConfigFile;
use super::profile::{Profile, as_flags};
use super::{files, settings};
use crate::component::{self, ComponentFile};
use crate::error::{CliError, PluginCommandError};
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::project;
use crate::shell::quoted;

/// Arguments of `plugin add`.
#[derive(Clone, Debug, Args)]
pub(crate) struct AddArgs {
    /// A component, or a plugin directory to build first
    pub(crate) path: PathBuf,
    /// Copy the component into the repository, to .autoissue/plugins/NAME.wasm, and add the copy
    #[arg(long)]
    pub(crate) copy: bool,
    /// Settings to save in the configuration, as JSON or a file name; with KIND=, those of one kind of strategy (repeatable)
    #[arg(long, value_name = "[KIND=]JSON|FILE")]
    pub(crate) settings: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// If it is not a plugin, needs more than it was granted, or a file cannot be written.
pub(super) fn run(invocation: &Invocation, args: &AddArgs) -> Result<ExitCode, CliError> {
    let (project, config) = files(invocation)?;
    let typed = settings::read_entry(invocation, &args.settings)?;
    let mut file = invocation.component(&args.path)?;
    let before = ConfigFile::open(&config)?;
    let all = |name: &str| typed.clone().over(before.settings_of(name));
    let mut profile = Profile::of(invocation, &file, |name| {
        let all = all(name);
        // Only a backend says what it needs.
        settings::text(all.of_kind(Kind::AgentBackend).or(all.config.as_ref()))
    })?;
    let grants = granted(invocation, &profile, args)?;
    let settings = all(&profile.plugin.info().name);
    check(&profile, &settings, |kind| before.strategy(key(kind)))?;
    // Unchanged ones keep their comments and formatting.
    let changed = Some(&settings).filter(|_| typed != EntrySettings::default());
    // Read before anything is written: a lock file with merge conflict markers leaves both files
    // unchanged.
    let mut lock = PluginLock::read(&project)
        .map_err(PluginCommandError::Lock)?
        .unwrap_or_default();
    if args.copy {
        file = copy(invocation, &project, &profile.plugin.info().name, file)?;
        profile.path.clone_from(&file.path);
    }
    let added = Added {
        path: path_from(config.parent().unwrap_or(&project), &file.path),
        others: write_config(&config, &profile, &file.path, &grants, changed)?,
        config,
    };
    lock.insert(locked(&profile, &added.path, &grants));
    lock.write(&project).map_err(PluginCommandError::Lock)?;
    added.report(invocation, &profile, &grants)
}

/// Directory of copied components in the repository.
const DIRECTORY: &str = ".autoissue/plugins";

/// Copies the component into the repository. Replaces only an earlier copy of the same plugin.
fn copy(
    invocation: &Invocation,
    project: &Path,
    name: &str,
    ComponentFile { bytes, .. }: ComponentFile,
) -> Result<ComponentFile, CliError> {
    let relative = format!("{DIRECTORY}/{name}.wasm");
    let path = project.join(&relative);
    let plugins = invocation.load(Vec::new())?.config.plugins;
    let owner = plugins
        .into_iter()
        .find(|plugin| real(&plugin.path) == real(&path));
    let is_free = match &owner {
        Some(owner) => owner.name == name,
        None => {
            path.symlink_metadata().is_err() || component::read(&path).is_ok_and(|it| it == bytes)
        }
    };
    if !is_free {
        let owner = owner.map(|owner| owner.name);
        return Err(PluginCommandError::CopyExists { path, owner }.into());
    }
    match project::is_ignored(project, invocation.path_env(), &relative) {
        Ok(false) => {}
        Ok(true) => return Err(PluginCommandError::CopyIgnored { path: relative }.into()),
        Err(source) => {
            let path = relative;
            return Err(PluginCommandError::Git { path, source }.into());
        }
    }
    let directory = project.join(DIRECTORY);
    fs::create_dir_all(&directory).map_err(|source| CliError::File {
        what: "create",
        path: directory,
        source,
    })?;
    ComponentFile { path, bytes }.written()
}

/// The result of adding a plugin.
struct Added {
    /// Path of the component, as in the configuration.
    path: PathBuf,
    config: PathBuf,
    /// Strategies for which the configuration names another plugin, with its name.
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
                "`{other}` remains the {kind}; to switch, set `strategies.{}` to `{name}`",
                key(*kind)
            ));
        }
        if self.path.is_absolute() {
            invocation.console.warn(&format!(
                "`{}` is outside the repository, so other checkouts will not have it; add it with `--copy` to change that",
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

/// Returns the typed grants that the plugin needs. Grants that it does not need are dropped.
fn granted(
    invocation: &Invocation,
    profile: &Profile,
    args: &AddArgs,
) -> Result<PluginGrants, PluginCommandError> {
    let typed = Grant::all(&invocation.grants);
    if let Some(why) = profile.unknown().filter(|_| !invocation.grants.is_empty()) {
        let (plugin, why) = (profile.plugin.info().name.clone(), why.to_owned());
        return Err(PluginCommandError::UnknownGrants { plugin, why });
    }
    let Grants { exec, env } = profile.asked();
    let asked = PluginGrants {
        exec: exec.clone(),
        env: env.clone(),
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
    if args.copy {
        command.push_str(" --copy");
    }
    for settings in &args.settings {
        command.push_str(&format!(" --settings {}", quoted(settings)));
    }
    Err(PluginCommandError::NotGranted {
        plugin: profile.plugin.info().name.clone(),
        missing,
        command,
    })
}

/// Checks the name, and has the plugin check its settings. `named` returns the strategy that the
/// configuration names for a kind; if it names none, the plugin's first one will decide.
fn check(
    profile: &Profile,
    settings: &EntrySettings,
    named: impl Fn(Kind) -> Option<String>,
) -> Result<(), PluginCommandError> {
    let info = profile.plugin.info();
    if built_in::reserved_names().contains(&info.name) {
        return Err(PluginCommandError::Reserved {
            name: info.name.clone(),
        });
    }
    let deciding = |kind| {
        let named = named(kind).unwrap_or_else(|| info.name.clone());
        let (plugin, strategy) = match named.split_once('/') {
            Some((plugin, strategy)) => (plugin, Some(strategy)),
            None => (named.as_str(), None),
        };
        let is_ours = plugin == info.name;
        is_ours.then(|| profile.plugin.strategy(kind, strategy).ok())?
    };
    let first = |kind| profile.plugin.strategy(kind, None).ok();
    let mut recipients = Recipients {
        all: &info.strategies,
        deciding: Kind::ALL.into_iter().filter_map(deciding).collect(),
        allows_others: false,
    };
    if recipients.deciding.is_empty() {
        // Others make all its decisions for now.
        recipients.deciding = Kind::ALL.into_iter().filter_map(first).collect();
    }
    let shares = recipients
        .share(settings)
        .map_err(|source| PluginCommandError::NoRecipient {
            plugin: info.name.clone(),
            source,
        })?;
    let check = |share: &Share<'_>| profile.plugin.check_settings(share.strategy, &share.text());
    let checked = shares.iter().try_for_each(check);
    checked.map_err(|source| PluginCommandError::Refused {
        plugin: info.name.clone(),
        path: profile.path.clone(),
        source,
    })
}

/// Writes the configuration, with settings if they change. Returns the strategies for which it names
/// another plugin.
fn write_config(
    config: &Path,
    profile: &Profile,
    component: &Path,
    grants: &PluginGrants,
    settings: Option<&EntrySettings>,
) -> Result<Vec<(Kind, String)>, CliError> {
    let name = &profile.plugin.info().name;
    let path = path_from(config.parent().unwrap_or(Path::new("/")), component);
    let grants = Some(grants)
        .filter(|grants| **grants != PluginGrants::default())
        .map(grants_in_short);
    // The configuration's `sha256` and grants are outdated; the lock file has the current ones.
    let mut keys = vec![
        ("path", Some(json!(path))),
        ("grants", grants),
        ("sha256", None),
    ];
    if let Some(settings) = settings {
        let configs = Some(&settings.configs).filter(|it| **it != StrategyConfigs::default());
        keys.push(("config", settings.config.clone().map(Value::Object)));
        keys.push(("configs", configs.map(|configs| json!(configs))));
    }
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

/// Returns grants without empty fields.
fn grants_in_short(grants: &PluginGrants) -> Value {
    let mut value = Map::new();
    for (key, names) in [("exec", &grants.exec), ("env", &grants.env)] {
        if !names.is_empty() {
            value.insert(key.to_owned(), json!(names));
        }
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

/// Returns a path relative to a directory, with `/` as the separator, or unchanged if it is not
/// below it.
fn path_from(directory: &Path, path: &Path) -> PathBuf {
    let (directory, path) = (real(directory), real(path));
    path.strip_prefix(&directory)
        .map(Path::to_owned)
        .unwrap_or(path)
}

/// Returns a path without symbolic links, or unchanged if there is no such file.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
