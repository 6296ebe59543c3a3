//! The plugins of a session: which there are, whether they are the approved files, what they may
//! do, and which decisions they make.
//!
//! ```text
//!   --plugin ─┐                 ┌─ SHA-256: configuration, lock file       ┌─ makes the decision: --plugin, then `strategies`
//!             ├─► file ─► bytes ┼─► host: compile, check, describe ─► name ┼─ settings: its schema, then its own check
//!   plugins ──┘                 └─ grants: lock file                       └─ asks for no more than it was granted
//! ```
//!
//! All of this happens before a session has any effect. The bytes that are checked are the bytes
//! that are compiled.

mod argument;
pub mod asked;
pub mod build;
pub mod compiler;
pub mod conformance;
mod error;
pub mod lock;
pub mod recipients;
pub mod settings;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use autoissue_plugin_host::{
    AskError, CacheDirectory, Compile, Grants, HostError, HostOptions, Kind, Limits, Plugin,
    PluginHost, Sha256Digest, StrategyInfo,
};

use crate::built_in;
use crate::config::{Config, PluginGrants, PluginOnError, PluginSettings};
use crate::whole_file::read_whole;
use lock::PluginLock;
use recipients::{EntrySettings, Recipients};
use settings::GivenSettings;

pub use argument::{BadArgument, Grant, PluginArgument};
pub use autoissue_plugin_host as host;
pub use autoissue_plugin_sdk as sdk;
pub use error::{PluginsError, SettingsProblem};

/// Largest file that is read, in bytes: a file that the host would refuse to compile need not be in
/// memory.
pub const FILE_BYTES_MAX: u64 = 128 << 20;

/// Where to find plugins.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Plugins from the command line, which take precedence over the configuration.
    pub arguments: &'a [PluginArgument],
    /// The checkout, which holds the lock file.
    pub project: &'a Path,
    /// The state directory, which holds compiled code.
    pub state_dir: &'a Path,
    /// Whether compiled code may be kept there.
    pub may_write: bool,
    /// Our own program, which checks settings in a hidden mode.
    pub own_program: &'a Path,
    /// What compiles components.
    pub compiler: &'a Arc<dyn Compile>,
}

/// The plugins that make decisions, by kind. Kinds that are missing are decided by the built-ins.
#[derive(Clone, Default)]
pub struct Plugins {
    chosen: Vec<(Kind, Chosen)>,
}

/// A strategy of a plugin that makes a decision.
#[derive(Clone)]
pub struct Chosen {
    /// The plugin.
    pub plugin: Plugin,
    /// Name of the strategy; `None` means its first.
    pub strategy: Option<String>,
    /// Its settings as one JSON text; empty if it has none.
    pub settings: String,
    /// What happens if it fails.
    pub on_error: PluginOnError,
}

impl Plugins {
    /// Loads the plugins that make decisions, and checks everything about them that can be checked.
    ///
    /// # Errors
    /// See [`PluginsError`]; no plugin makes any decision then.
    pub fn load(request: &Request<'_>) -> Result<Self, PluginsError> {
        let mut loader = Loader::new(request)?;
        let mut plugins = Self::default();
        for argument in request.arguments {
            loader.take_argument(argument, &mut plugins)?;
        }
        for kind in Kind::ALL {
            loader.take_configured(kind, &mut plugins)?;
        }
        loader.check_idle()?;
        loader.finish(plugins)
    }

    /// Returns the plugin that makes decisions of this kind.
    pub fn of(&self, kind: Kind) -> Option<&Chosen> {
        self.chosen
            .iter()
            .find(|(of, _)| *of == kind)
            .map(|(_, chosen)| chosen)
    }

    /// Returns all plugins that make decisions, by kind.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &Chosen)> {
        self.chosen.iter().map(|(kind, chosen)| (*kind, chosen))
    }
}

/// Returns the directory of compiled code.
pub fn cache_dir(state_dir: &Path) -> PathBuf {
    state_dir.join("plugins")
}

fn read_from(path: &Path, is_configured: bool) -> Result<Vec<u8>, PluginsError> {
    read_whole(path, FILE_BYTES_MAX).map_err(|source| {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::IsADirectory => PluginsError::Directory { path },
            _ => PluginsError::Unreadable {
                path,
                is_configured,
                source,
            },
        }
    })
}

/// Reads the component of a configured plugin, which has to be the approved file.
///
/// # Errors
/// Fails if it cannot be read, or is a different file.
pub fn read_agreed(
    settings: &PluginSettings,
    lock: Option<&PluginLock>,
) -> Result<Vec<u8>, PluginsError> {
    Entry::configured(settings).read(lock)
}

/// Loads a configured plugin as a session does, but without its settings.
///
/// # Errors
/// Fails if it cannot be read, is not the approved file, or is not a usable plugin.
pub fn load_agreed(
    host: &PluginHost,
    settings: &PluginSettings,
    lock: Option<&PluginLock>,
) -> Result<Plugin, PluginsError> {
    let entry = Entry::configured(settings);
    entry.load(host, &entry.read(lock)?)
}

/// Where a plugin comes from, and how it is configured.
#[derive(Clone)]
struct Entry {
    /// Name in the configuration; `None` for a plugin that is only on the command line.
    name: Option<String>,
    path: PathBuf,
    sha256: Option<String>,
    settings: EntrySettings,
    grants: PluginGrants,
    /// Further grants of the command line. They need no approval, because they hold for this run
    /// only.
    run_grants: PluginGrants,
    on_error: PluginOnError,
}

impl Entry {
    fn configured(plugin: &PluginSettings) -> Self {
        Self {
            name: Some(plugin.name.clone()),
            path: plugin.path.clone(),
            sha256: plugin.sha256.clone(),
            settings: EntrySettings {
                config: plugin.config.clone(),
                configs: plugin.configs.clone(),
            },
            grants: plugin.grants.clone(),
            run_grants: PluginGrants::default(),
            on_error: plugin.on_error,
        }
    }

    fn of_command_line(path: &Path) -> Self {
        Self {
            name: None,
            path: path.to_owned(),
            sha256: None,
            settings: EntrySettings::default(),
            grants: PluginGrants::default(),
            run_grants: PluginGrants::default(),
            on_error: PluginOnError::default(),
        }
    }

    /// Returns all that it may do in this run.
    fn granted(&self) -> PluginGrants {
        let (mut granted, more) = (self.grants.clone(), self.run_grants.clone());
        granted.exec.extend(more.exec);
        granted.env.extend(more.env);
        granted
    }

    fn read(&self, lock: Option<&PluginLock>) -> Result<Vec<u8>, PluginsError> {
        let bytes = read_from(&self.path, self.name.is_some())?;
        self.check_pin(lock, Sha256Digest::of(&bytes))?;
        Ok(bytes)
    }

    fn load(&self, host: &PluginHost, component: &[u8]) -> Result<Plugin, PluginsError> {
        let PluginGrants { exec, env } = self.granted();
        let loaded = host.load(&self.path, component, &Grants { exec, env });
        loaded.map_err(|source| PluginsError::Refused {
            path: self.path.clone(),
            source,
        })
    }

    /// Compares a file with the approved digest. Grants hold for that file only.
    fn check_pin(
        &self,
        lock: Option<&PluginLock>,
        found: Sha256Digest,
    ) -> Result<(), PluginsError> {
        let plugin = self.shown();
        if let Some(expected) = self
            .sha256
            .clone()
            .filter(|expected| expected.parse() != Ok(found))
        {
            return Err(PluginsError::Changed {
                plugin,
                path: self.path.clone(),
                expected,
                found,
            });
        }
        if let Some((name, lock)) = self.name.as_ref().zip(lock) {
            let Some(locked) = lock.plugin(name) else {
                let path = self.path.clone();
                return Err(PluginsError::NotLocked { plugin, path });
            };
            return Ok(locked.check(&self.path, found, &self.grants)?);
        }
        let is_pinned = self.sha256.is_some() || self.grants == PluginGrants::default();
        if is_pinned {
            Ok(())
        } else {
            Err(PluginsError::NotPinned {
                plugin,
                path: self.path.clone(),
                found,
            })
        }
    }

    /// Returns its name, or its path if it has none.
    fn shown(&self) -> String {
        self.name
            .clone()
            .unwrap_or_else(|| self.path.display().to_string())
    }
}

/// A loaded plugin, and how it is configured.
struct LoadedPlugin {
    entry: Entry,
    plugin: Plugin,
    real_path: PathBuf,
}

struct Loader<'a> {
    request: &'a Request<'a>,
    lock: Option<PluginLock>,
    /// Created for the first plugin: most sessions need none.
    host: Option<PluginHost>,
    known: Vec<LoadedPlugin>,
}

impl<'a> Loader<'a> {
    fn new(request: &'a Request<'a>) -> Result<Self, PluginsError> {
        let names_none = request.arguments.is_empty() && request.config.plugins.is_empty();
        let lock = if names_none {
            None
        } else {
            PluginLock::read(request.project)?
        };
        Ok(Self {
            request,
            lock,
            host: None,
            known: Vec::new(),
        })
    }

    /// Assigns a plugin of the command line to the decision that it names, or to all that it can
    /// make.
    fn take_argument(
        &mut self,
        argument: &PluginArgument,
        plugins: &mut Plugins,
    ) -> Result<(), PluginsError> {
        let entry = self.entry_of(argument);
        let plugin = self.load(&entry)?;
        let kinds: Vec<Kind> = match argument.kind {
            Some(kind) => vec![kind],
            None => Kind::ALL
                .into_iter()
                .filter(|kind| plugin.strategy(*kind, None).is_ok())
                .collect(),
        };
        for kind in kinds {
            plugin.strategy(kind, None)?;
            if let Some(other) = plugins.of(kind) {
                let [first, second] =
                    [&other.plugin, &plugin].map(|plugin| plugin.info().name.clone());
                return Err(PluginsError::TwoForOneKind {
                    kind,
                    first,
                    second,
                });
            }
            plugins
                .chosen
                .push((kind, Chosen::new(&plugin, None, &entry)));
        }
        Ok(())
    }

    /// Returns the configuration of a plugin of the command line, which may be named there by path
    /// or by name.
    fn entry_of(&self, argument: &PluginArgument) -> Entry {
        let real = |path: &Path| path.canonicalize().ok();
        let is_same = |plugin: &&PluginSettings| {
            real(&argument.path).map_or_else(
                || {
                    argument
                        .path
                        .file_name()
                        .is_some_and(|name| name == plugin.name.as_str())
                },
                |path| real(&plugin.path) == Some(path),
            )
        };
        let configured = self.request.config.plugins.iter().find(is_same);
        let entry =
            configured.map_or_else(|| Entry::of_command_line(&argument.path), Entry::configured);
        Entry {
            run_grants: argument.grants.clone(),
            ..entry
        }
    }

    /// Assigns a decision that is still free to the plugin that `strategies` names.
    fn take_configured(&mut self, kind: Kind, plugins: &mut Plugins) -> Result<(), PluginsError> {
        let named = named(self.request.config, kind).filter(|_| plugins.of(kind).is_none());
        let reserved = built_in::reserved_names();
        let Some(named) = named.filter(|name| !reserved.iter().any(|it| it == name)) else {
            return Ok(());
        };
        let (name, strategy) = split_name(named);
        // If no plugin has this name, it may be a built-in; unknown names are refused elsewhere.
        let Some(plugin) = self
            .request
            .config
            .plugins
            .iter()
            .find(|plugin| plugin.name == name)
        else {
            return Ok(());
        };
        let entry = Entry::configured(plugin);
        let plugin = self.load(&entry)?;
        plugin.strategy(kind, strategy)?;
        plugins
            .chosen
            .push((kind, Chosen::new(&plugin, strategy, &entry)));
        Ok(())
    }

    /// Loads the plugin of an entry, once for each file.
    fn load(&mut self, entry: &Entry) -> Result<Plugin, PluginsError> {
        let path = &entry.path;
        let unreadable = |source| PluginsError::Unreadable {
            path: path.clone(),
            is_configured: entry.name.is_some(),
            source,
        };
        let real_path = path.canonicalize().map_err(unreadable)?;
        if let Some(known) = self.known.iter().find(|known| known.real_path == real_path) {
            if known.entry.name == entry.name {
                return Ok(known.plugin.clone());
            }
            // An approval for one name does not hold for another.
            let (name, path) = (known.plugin.info().name.clone(), path.clone());
            return Err(PluginsError::TwoOfOneName {
                name,
                first: path.clone(),
                second: path,
            });
        }
        let component = entry.read(self.lock.as_ref())?;
        let plugin = entry.load(self.host()?, &component)?;
        self.check_name(&plugin, entry)?;
        self.known.push(LoadedPlugin {
            entry: entry.clone(),
            plugin: plugin.clone(),
            real_path,
        });
        Ok(plugin)
    }

    fn host(&mut self) -> Result<&PluginHost, HostError> {
        if self.host.is_none() {
            let cache = cache_dir(self.request.state_dir);
            self.host = Some(PluginHost::new(HostOptions {
                cache: Some(CacheDirectory {
                    path: &cache,
                    may_write: self.request.may_write,
                }),
                compiler: Some(self.request.compiler.clone()),
                limits: Limits::default(),
            })?);
        }
        Ok(self.host.as_ref().expect("it was just made"))
    }

    /// Checks that a name belongs to one plugin only, and not to a built-in.
    fn check_name(&self, plugin: &Plugin, entry: &Entry) -> Result<(), PluginsError> {
        let own = &plugin.info().name;
        for name in entry.name.iter().chain([own]) {
            if built_in::reserved_names().contains(name) {
                return Err(PluginsError::ReservedName {
                    name: name.clone(),
                    path: entry.path.clone(),
                });
            }
        }
        match self
            .known
            .iter()
            .find(|known| known.plugin.info().name == *own)
        {
            Some(other) => Err(PluginsError::TwoOfOneName {
                name: own.clone(),
                first: other.entry.path.clone(),
                second: entry.path.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Checks the plugins that make no decision too: a file that was changed may be an attack.
    fn check_idle(&self) -> Result<(), PluginsError> {
        let is_known = |entry: &Entry| {
            self.known
                .iter()
                .any(|known| known.entry.name == entry.name)
        };
        let mut idle = self
            .request
            .config
            .plugins
            .iter()
            .map(Entry::configured)
            .filter(|entry| !is_known(entry));
        idle.try_for_each(|entry| entry.read(self.lock.as_ref()).map(drop))
    }

    /// Returns the strategies of a plugin that make decisions, including those that the
    /// configuration chooses and the command line replaces: what the configuration means must not
    /// depend on the command line.
    fn deciding<'b>(&self, known: &'b LoadedPlugin, plugins: &Plugins) -> Vec<&'b StrategyInfo> {
        let chosen = |kind| {
            let chosen = plugins.of(kind)?;
            let is_its = chosen.plugin.digest() == known.plugin.digest();
            is_its.then(|| chosen.strategy.clone())
        };
        let configured = |kind| {
            let (name, strategy) = split_name(named(self.request.config, kind)?);
            let is_its = known.entry.name.as_deref() == Some(name);
            is_its.then(|| strategy.map(str::to_owned))
        };
        let strategy = |kind| {
            let name = chosen(kind).or_else(|| configured(kind))?;
            known.plugin.strategy(kind, name.as_deref()).ok()
        };
        Kind::ALL.into_iter().filter_map(strategy).collect()
    }

    /// Gives each plugin its settings, and compares what a backend asks for with its grants.
    fn finish(self, mut plugins: Plugins) -> Result<Plugins, PluginsError> {
        for known in &self.known {
            let configured = &self.request.config.plugins;
            let at = configured
                .iter()
                .position(|plugin| Some(&plugin.name) == known.entry.name.as_ref());
            let given = GivenSettings {
                plugin: &known.plugin,
                recipients: Recipients {
                    all: &known.plugin.info().strategies,
                    deciding: self.deciding(known, &plugins),
                    allows_others: !self.request.arguments.is_empty(),
                },
                path: &known.entry.path,
                key: at.map(|at| format!("plugins[{at}]")),
                file: at.and_then(|at| configured[at].file.as_deref()),
                values: &known.entry.settings,
            };
            given.hand_out(self.request.own_program, &mut plugins.chosen)?;
        }
        if let Some(backend) = plugins.of(Kind::AgentBackend) {
            let is_its = |known: &&LoadedPlugin| known.plugin.digest() == backend.plugin.digest();
            let known = self
                .known
                .iter()
                .find(is_its)
                .expect("a plugin that decides was loaded");
            check_asked(backend, &known.entry)?;
        }
        Ok(plugins)
    }
}

impl Chosen {
    fn new(plugin: &Plugin, strategy: Option<&str>, entry: &Entry) -> Self {
        let (plugin, strategy) = (plugin.clone(), strategy.map(str::to_owned));
        Self {
            plugin,
            strategy,
            settings: String::new(),
            on_error: entry.on_error,
        }
    }

    /// Returns who decides, for the record: name, version, and the SHA-256 of the component.
    pub fn by(&self) -> String {
        let info = self.plugin.info();
        format!(
            "{} {}, sha256 {}",
            info.name,
            info.version,
            self.plugin.digest()
        )
    }
}

/// Returns the configured name for a kind of decision.
pub fn named(config: &Config, kind: Kind) -> Option<&str> {
    match kind {
        Kind::Classifier => config.strategies.classifier.as_deref(),
        Kind::ModelSelector => config.strategies.model_selector.as_deref(),
        Kind::AgentBackend => Some(config.agent_backend()),
        Kind::PrTemplate => config.strategies.pr_template.as_deref(),
    }
}

/// Splits the configured name of a strategy into that of the plugin and, if it has one, that of the
/// strategy.
fn split_name(named: &str) -> (&str, Option<&str>) {
    named
        .split_once('/')
        .map_or((named, None), |(name, rest)| (name, Some(rest)))
}

/// Returns the key of a kind of decision in `strategies`, and in a plugin's `configs`.
pub const fn key(kind: Kind) -> &'static str {
    match kind {
        Kind::Classifier => "classifier",
        Kind::ModelSelector => "modelSelector",
        Kind::AgentBackend => "agentBackend",
        Kind::PrTemplate => "prTemplate",
    }
}

/// Refuses a backend that asks for more than it was granted, and reports what would have to be
/// granted.
fn check_asked(chosen: &Chosen, entry: &Entry) -> Result<(), PluginsError> {
    fn both(granted: &[String], asked: &[String]) -> Vec<String> {
        granted.iter().chain(asked).cloned().collect()
    }

    let asked = chosen
        .plugin
        .asked_program(chosen.strategy.as_deref(), &chosen.settings);
    let asked = match asked {
        Ok(asked) => asked,
        Err(AskError::NoStrategy(error)) => return Err(error.into()),
        Err(AskError::Plugin(error)) => {
            return Err(PluginsError::Failed {
                plugin: entry.shown(),
                path: entry.path.clone(),
                source: error,
            });
        }
    };
    let granted = &entry.granted();
    let is_missing = |name: &&String| !granted.env.contains(name);
    let env: Vec<String> = asked
        .environment
        .iter()
        .filter(is_missing)
        .cloned()
        .collect();
    let exec: Vec<String> = Some(asked.program)
        .into_iter()
        .filter(|name| !granted.exec.contains(name))
        .collect();
    if exec.is_empty() && env.is_empty() {
        return Ok(());
    }
    let grants = PluginGrants {
        exec: both(&granted.exec, &exec),
        env: both(&granted.env, &env),
    };
    let name = entry
        .name
        .clone()
        .unwrap_or_else(|| chosen.plugin.info().name.clone());
    Err(PluginsError::NotGranted {
        plugin: name.clone(),
        for_this_run: entry.name.is_none().then(|| lock::beyond(&grants, granted)),
        asked: exec.into_iter().chain(env).collect(),
        line: error::entry_line(&name, &entry.path, chosen.plugin.digest(), &grants),
    })
}
