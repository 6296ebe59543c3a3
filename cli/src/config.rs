//! Assembles the configuration from the defaults, the user's file, the repository's file, the
//! environment and flags; later ones win. Reads files and changes nothing, so everything is
//! validated before the first effect.
//!
//! ```text
//!   config.json of the user ─────────┐
//!   autoissue.config.json ──► file ──┤
//!   environment ─────────────────────┼─► sources ──► check ──► merge ──► Config ──► problems ──► Loaded
//!   flags ───────────────────────────┘      each against the      values and            forms, contradictions,
//!                                           schema, for itself    their origins         paths that must exist
//! ```
//!
//! An invalid value is an error even if a later layer overrides it, because it would matter in the
//! first run without that flag. All problems of one step are reported together; each step runs only
//! if the previous one found none.

pub(crate) mod api_url;
mod check;
mod error;
mod file;
pub(crate) mod git_remote;
mod layers;
mod model_name;
mod origin;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod state_dir;
pub(crate) mod suggestion;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use autoissue_core::built_in::{self, DOMAINS};
use autoissue_core::config::{Config, Problem, SecretOrEnv};
use serde_json::Value;

pub(crate) use error::ConfigError;
pub(crate) use layers::FlagValue;
pub(crate) use origin::Origin;

use layers::Source;

/// Name of the configuration file in a repository's root.
pub(crate) const FILE_NAME: &str = "autoissue.config.json";

/// Name of the configuration file for all repositories, in the user's configuration directory.
pub(crate) const USER_FILE_NAME: &str = "config.json";

/// Where to load a configuration from. The process's own directory and environment are not used.
#[derive(Clone, Debug)]
pub(crate) struct LoadRequest<'a> {
    /// The argument of `--config`. Without it, [`FILE_NAME`] in the git root of `current_dir` is
    /// read if it exists.
    pub(crate) config_flag: Option<PathBuf>,
    /// The user's configuration directory, whose [`USER_FILE_NAME`] is read if it exists; `None` if
    /// there is none.
    pub(crate) user_dir: Option<PathBuf>,
    /// The current directory, absolute.
    pub(crate) current_dir: PathBuf,
    /// The environment.
    pub(crate) env: &'a [(String, String)],
    /// Values set by flags, in the order given; later ones win.
    pub(crate) flags: Vec<FlagValue>,
}

/// A valid configuration.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    /// The values. Paths are absolute, and secrets that refer to an environment variable are
    /// resolved if it is set.
    pub(crate) config: Config,
    /// The origin of each value, by the path of its key; a missing key is a default. Values derived
    /// later, such as the repository from the remote, are recorded here as [`Origin::Git`].
    pub(crate) origins: BTreeMap<String, Origin>,
    /// The repository's file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// The file for all repositories, if there is one.
    pub(crate) user_file: Option<PathBuf>,
    /// Values that are suspicious but usable, as sentences without a period.
    pub(crate) warnings: Vec<String>,
}

impl Loaded {
    /// Returns the origin of the value at this path.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }
}

/// Loads the configuration.
///
/// # Errors
///
/// All problems that can be found together: a file that cannot be read or parsed, unknown keys,
/// wrong types, values out of range, contradictions, and a project directory that does not exist.
pub(crate) fn load(request: LoadRequest<'_>) -> Result<Loaded, Vec<ConfigError>> {
    let LoadRequest {
        config_flag,
        user_dir,
        current_dir,
        env,
        flags,
    } = request;
    let below = file::below_the_root(&current_dir);
    let file = file::find(config_flag, &current_dir).map_err(|error| vec![error])?;
    let user_file = user_dir.map(|directory| directory.join(USER_FILE_NAME));
    // A dangling link is a mistake, not a missing configuration.
    let user_file = user_file.filter(|path| path.symlink_metadata().is_ok());
    let files = user_file.iter().chain(&file).map(PathBuf::as_path);
    let sources = layers::sources(files, &current_dir, env, flags)?;
    check_sources(&sources)?;

    let (tree, mut origins) = layers::merge(&sources);
    let mut config =
        deserialize(&tree).map_err(|problem| vec![locate(problem, &sources, &origins)])?;
    if config.project.path.is_none()
        && let Some((path, what)) = checkout(file.as_deref(), &current_dir)
    {
        config.project.path = Some(path);
        origins.insert(
            "project.path".to_owned(),
            Origin::Git {
                what: what.to_owned(),
            },
        );
    }
    if let Some(Origin::File { path, .. }) = origins.get("plugins") {
        for plugin in &mut config.plugins {
            plugin.file = Some(path.clone());
        }
    }
    let references = config.shell_references();
    resolve_secrets(&mut config, env);

    let problems = references
        .into_iter()
        .chain(config.problems())
        .chain(missing_project(&config));
    let errors: Vec<ConfigError> = problems
        .map(|problem| locate(problem, &sources, &origins))
        .collect();
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut warnings = layers::suspicious_variables(env);
    warnings.extend(odd_values(&config, &origins));
    warnings.extend(below.filter(|path| Some(path) != file.as_ref()).map(|path| {
        format!(
            "ignoring `{}`: only the file in the repository root, or one passed with `--config`, is read",
            path.display()
        )
    }));
    Ok(Loaded {
        config,
        origins,
        file,
        user_file,
        warnings,
    })
}

fn check_sources(sources: &[Source]) -> Result<(), Vec<ConfigError>> {
    let mut errors = Vec::new();
    for source in sources {
        let problems = check::check(schema::schema(), &source.tree);
        errors.extend(
            problems
                .into_iter()
                .map(|problem| ConfigError::new(source.origin(&problem.key), problem)),
        );
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Deserializes the merged values. The schema has been checked, so only rare problems remain, such
/// as amounts that are too small.
fn deserialize(tree: &Value) -> Result<Config, Problem> {
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let key = error.path().to_string();
        let allowed = schema::lookup(&key)
            .map_or_else(|| "a value of the schema".to_owned(), check::describe);
        Problem {
            key,
            found: error.into_inner().to_string(),
            allowed,
            hint: None,
        }
    })
}

/// Returns the problem with its origin. For an item of a list in a file, that is the item's line. A
/// missing value is reported at the key that requires it (`auth.enabled` requires `auth.token`).
fn locate(problem: Problem, sources: &[Source], origins: &BTreeMap<String, Origin>) -> ConfigError {
    let leaf = problem.key.split('[').next().unwrap_or_default();
    let section = leaf.rsplit_once('.').map_or(leaf, |(section, _)| section);
    let of_section = || {
        origins
            .iter()
            .find(|(key, _)| key.starts_with(section))
            .map(|(_, origin)| origin)
    };
    let of_file = |path: &Path| sources.iter().find(|source| source.file() == Some(path));
    let origin = match origins.get(leaf) {
        Some(origin @ Origin::File { path, .. }) => {
            of_file(path).map_or_else(|| origin.clone(), |file| file.origin(&problem.key))
        }
        Some(origin) => origin.clone(),
        None => of_section().cloned().unwrap_or(Origin::Default),
    };
    ConfigError::new(origin, problem)
}

/// Returns the checkout to work on: the one that contains the file, else the current one, else the
/// file's directory.
fn checkout(file: Option<&Path>, current_dir: &Path) -> Option<(PathBuf, &'static str)> {
    let file_dir = file.and_then(Path::parent);
    let of_file = || {
        Some((
            file::git_root(file_dir?)?,
            "the checkout that contains the configuration",
        ))
    };
    let of_current = || Some((file::git_root(current_dir)?, "the current checkout"));
    of_file()
        .or_else(of_current)
        .or_else(|| Some((file_dir?.to_owned(), "the directory of the configuration")))
}

fn missing_project(config: &Config) -> Option<Problem> {
    let path = config.project.path.as_deref()?;
    let what = match path.metadata() {
        Ok(metadata) if metadata.is_dir() => return None,
        Ok(_) => "which is not a directory".to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            "which does not exist".to_owned()
        }
        Err(error) => format!("which cannot be read: {error}"),
    };
    let found = format!("`{}`, {what}", path.display());
    let allowed = "the directory of a checkout".to_owned();
    Some(Problem {
        key: "project.path".to_owned(),
        found,
        allowed,
        hint: None,
    })
}

fn resolve_secrets(config: &mut Config, env: &[(String, String)]) {
    let auth = &mut config.dashboard.auth;
    for secret in [&mut auth.username, &mut auth.password, &mut auth.token]
        .into_iter()
        .flatten()
    {
        if let Some(value) = secret.resolve(|name| layers::variable(env, name)) {
            *secret = SecretOrEnv::Value(value);
        }
    }
}

fn odd_values(config: &Config, origins: &BTreeMap<String, Origin>) -> Vec<String> {
    let mut warnings = Vec::new();
    let agent = &config.agent;
    if agent.turn_margin_usd >= agent.max_budget_usd {
        warnings.push(format!(
            "`agent.turnMarginUsd` ({}) uses up all of `agent.maxBudgetUsd` ({}), which leaves the agent no budget",
            agent.turn_margin_usd, agent.max_budget_usd
        ));
    }
    let strategy = config.strategies.agent_backend.as_deref();
    if let Some(strategy) =
        strategy.filter(|name| *name != agent.backend && origins.contains_key("agent.backend"))
    {
        warnings.push(format!(
            "`strategies.agentBackend` ({strategy}) overrides `agent.backend` ({})",
            agent.backend
        ));
    }
    let backend = strategy.unwrap_or(&agent.backend);
    let built_in = built_in::agent(backend);
    for (key, model) in [
        ("agent.model", &agent.model),
        ("planner.model", &config.planner.model),
    ] {
        let meant = built_in
            .filter(|_| model != "auto")
            .and_then(|agent| model_name::probably_meant(model, agent));
        warnings.extend(meant.map(|meant| {
            format!("`{key}` (`{model}`) is not a model name that {backend} knows; did you mean `{meant}`?")
        }));
    }
    let domains = DOMAINS.map(str::to_owned);
    for domain in &config.scheduler.exclusive_domains {
        warnings.extend(nearest_to_unknown(domain, &domains).map(|meant| {
            format!(
                "`scheduler.exclusiveDomains` contains `{domain}`, which is not a built-in domain; did you mean `{meant}`?"
            )
        }));
    }
    warnings
}

/// Returns the known name that an unknown one was probably meant to be. Names that start with a
/// known one are variants of it (`sonnet[1m]`), and names that resemble none may be known
/// elsewhere.
fn nearest_to_unknown<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    if known.iter().any(|it| name.starts_with(it)) {
        return None;
    }
    suggestion::nearest_choice(name, &known)
}

#[cfg(test)]
mod tests;
