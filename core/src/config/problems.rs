//! Checks that a schema cannot express: formats of names, and contradictory values. Pure; touches
//! nothing outside.

use std::path::{Component, Path};

use crate::built_in;

use super::{AuthSettings, Config, PluginSettings, SecretOrEnv, StrategyConfigs};

/// Variables that never reach an agent, even if configured: with the forge's token it could publish
/// without passing the checks.
const REFUSED_ENV: [&str; 4] = [
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_ENTERPRISE_TOKEN",
];

/// A value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: found {found}, expected {allowed}")]
pub struct Problem {
    /// Path of the key, such as `executor.checks[1].name`.
    pub key: String,
    /// What was found; never a secret.
    pub found: String,
    /// What is allowed.
    pub allowed: String,
    /// What to do about it, unless that is obvious.
    pub hint: Option<String>,
}

impl Problem {
    fn new(key: impl Into<String>, found: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            found: found.into(),
            allowed: allowed.into(),
            hint: None,
        }
    }

    fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Config {
    /// Returns all problems of these values beyond those that the schema finds in each of them
    /// alone.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(self.project.repo.as_deref().and_then(bad_repo));
        problems.extend(self.project.base_branch.as_deref().and_then(bad_branch));
        problems.extend(self.github.api_url.as_deref().and_then(bad_api_url));
        problems.extend(self.check_problems());
        problems.extend(self.executor.worktree_root.as_deref().and_then(bad_root));
        problems.extend(
            self.plugins
                .iter()
                .enumerate()
                .flat_map(|(index, plugin)| bad_plugin(index, plugin)),
        );
        problems.extend(duplicates(
            "plugins",
            self.plugins.iter().map(|plugin| plugin.name.as_str()),
        ));
        problems.extend(bad_env_names("agent.env", &self.agent.env));
        problems.extend(self.command_problem());
        problems.extend(bad_domains(&self.scheduler.exclusive_domains));
        problems.extend(self.strategy_problems());
        problems.extend(self.dashboard_problems());
        problems
    }

    fn check_problems(&self) -> Vec<Problem> {
        duplicates(
            "executor.checks",
            self.executor.checks.iter().map(|check| check.name.as_str()),
        )
    }

    /// Checks that there is a command exactly if the backend takes one. Whether it is a usable one
    /// is for the backend to say.
    fn command_problem(&self) -> Option<Problem> {
        let is_given = !self.agent.command.is_empty();
        let name = self.agent_backend();
        match built_in::agent(name) {
            Some(agent) if agent.takes_command && !is_given => Some(Problem::new(
                "agent.command",
                "nothing",
                format!("the program that the backend `{name}` runs, and its arguments"),
            )),
            Some(agent) if !agent.takes_command && !self.agent.settings.is_empty() => {
                let found = format!("settings, which the backend `{name}` does not take");
                Some(Problem::new("agent.settings", found, "no value"))
            }
            Some(agent) if !agent.takes_command && is_given => {
                let takers = built_in::agents().filter(|agent| agent.takes_command);
                let names: Vec<String> =
                    takers.map(|agent| format!("`{}`", agent.name())).collect();
                let problem = Problem::new(
                    "agent.command",
                    format!("a command, which the backend `{name}` does not take"),
                    "no value",
                );
                let names = names.join(" or ");
                Some(problem.with_hint(format!("set `agent.backend` to {names}, or remove it")))
            }
            None if is_given || !self.agent.settings.is_empty() => {
                let key = if is_given {
                    "agent.command"
                } else {
                    "agent.settings"
                };
                let found = format!("a value, although `{name}` is not a built-in agent");
                let problem = Problem::new(key, found, "no value");
                Some(problem.with_hint("set `config` in the plugin's entry of `plugins`"))
            }
            _ if self.agent.settings.contains_key("command") => Some(Problem::new(
                "agent.settings",
                "`command`",
                "settings other than `agent.command`",
            )),
            _ => None,
        }
    }

    fn strategy_problems(&self) -> Vec<Problem> {
        let strategies = &self.strategies;
        [
            ("classifier", &strategies.classifier),
            ("modelSelector", &strategies.model_selector),
            ("agentBackend", &strategies.agent_backend),
            ("prTemplate", &strategies.pr_template),
        ]
        .into_iter()
        .filter(|(_, name)| name.as_deref() == Some(""))
        .map(|(key, _)| {
            Problem::new(
                format!("strategies.{key}"),
                "an empty name",
                "the name of a built-in or plugin",
            )
        })
        .collect()
    }

    /// Returns secrets that are written as shell references. Called before variables are resolved,
    /// because their values may look like anything.
    pub fn shell_references(&self) -> Vec<Problem> {
        let auth = &self.dashboard.auth;
        let secrets = [
            ("username", &auth.username),
            ("password", &auth.password),
            ("token", &auth.token),
        ];
        let problem = |(key, secret): (&str, &Option<SecretOrEnv>)| {
            let name = secret.as_ref()?.meant_variable()?;
            let problem = Problem::new(
                format!("dashboard.auth.{key}"),
                "a string that looks like a shell reference to an environment variable",
                "a string, or `{\"env\": \"NAME\"}`",
            );
            Some(problem.with_hint(format!("write `{{\"env\": \"{name}\"}}`")))
        };
        secrets.into_iter().filter_map(problem).collect()
    }

    fn dashboard_problems(&self) -> Vec<Problem> {
        let dashboard = &self.dashboard;
        if dashboard.auth.enabled {
            return missing_credentials(&dashboard.auth);
        }
        if dashboard.is_loopback() {
            return Vec::new();
        }
        let problem = Problem::new(
            "dashboard.host",
            format!(
                "`{}`, which other machines can reach, while `dashboard.auth.enabled` is false",
                dashboard.host
            ),
            "a loopback address such as `127.0.0.1`, or any address with `dashboard.auth` enabled",
        );
        vec![
            problem
                .with_hint("to reach a loopback address from elsewhere, use a tunnel such as `ssh -L 3030:127.0.0.1:3030`"),
        ]
    }
}

fn missing_credentials(auth: &AuthSettings) -> Vec<Problem> {
    let needed = [
        ("username", &auth.username, auth.kind.takes_password()),
        ("password", &auth.password, auth.kind.takes_password()),
        ("token", &auth.token, auth.kind.takes_token()),
    ];
    let missing = needed.into_iter().filter(|(_, _, is_needed)| *is_needed);
    missing
        .filter_map(|(name, secret, _)| missing_credential(name, secret.as_ref()))
        .collect()
}

fn missing_credential(name: &str, secret: Option<&SecretOrEnv>) -> Option<Problem> {
    let found = match secret {
        None => "nothing, while `dashboard.auth.enabled` is true".to_owned(),
        Some(SecretOrEnv::Value(secret)) if secret.is_empty() => "an empty string".to_owned(),
        Some(SecretOrEnv::Value(_)) => return None,
        Some(SecretOrEnv::Env(name)) => {
            format!("{}, which is unset or empty", shown_variable(name))
        }
    };
    let allowed = "a string, or `{\"env\": \"NAME\"}` with `NAME` set in the environment";
    let problem = Problem::new(format!("dashboard.auth.{name}"), found, allowed);
    Some(problem.with_hint("set the credentials that the dashboard should accept"))
}

/// Returns a variable's name if it looks like one, because people sometimes put the secret itself
/// there.
fn shown_variable(name: &str) -> String {
    let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if name.bytes().all(is_name) {
        format!("the environment variable `{name}`")
    } else {
        "an environment variable".to_owned()
    }
}

/// Returns whether `repo` is `owner/name` in characters that GitHub allows.
fn is_repo(repo: &str) -> bool {
    fn is_part(part: &str) -> bool {
        !matches!(part, "" | "." | "..")
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    }

    repo.split_once('/')
        .is_some_and(|(owner, name)| is_part(owner) && is_part(name))
}

/// Refuses a directory with other contents, where foreign directories could be mistaken for our
/// worktrees.
fn bad_root(root: &Path) -> Option<Problem> {
    let names_one = matches!(root.components().next_back(), Some(Component::Normal(_)));
    (!names_one).then(|| {
        Problem::new(
            "executor.worktreeRoot",
            format!("`{}`", root.display()),
            "a directory other than the checkout and the root, such as `.worktrees`",
        )
    })
}

fn bad_repo(repo: &str) -> Option<Problem> {
    let problem = || Problem::new("project.repo", quoted(repo), "`owner/name`");
    (!is_repo(repo)).then(problem)
}

/// Applies the rules of `git check-ref-format`, and also refuses invisible and non-ASCII
/// characters.
fn is_branch(name: &str) -> bool {
    fn is_part(part: &str) -> bool {
        !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock")
    }

    name.bytes()
        .all(|b| b.is_ascii_graphic() && !b"~^:?*[\\".contains(&b))
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && name != "@"
        && name.split('/').all(is_part)
}

fn bad_branch(name: &str) -> Option<Problem> {
    let problem = || {
        Problem::new(
            "project.baseBranch",
            quoted(name),
            "the name of a branch, such as `main`",
        )
    };
    (!is_branch(name)).then(problem)
}

fn bad_api_url(url: &str) -> Option<Problem> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let is_url = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let problem = || {
        Problem::new(
            "github.apiUrl",
            quoted(url),
            "a URL that starts with `https://` or `http://`",
        )
    };
    (!is_url).then(problem)
}

fn bad_plugin(index: usize, plugin: &PluginSettings) -> Vec<Problem> {
    let mut problems = bad_env_names(&format!("plugins[{index}].grants.env"), &plugin.grants.env);
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if !plugin.name.bytes().all(is_name) {
        let allowed = "letters, digits, `-`, `_` and `.`";
        problems.push(Problem::new(
            format!("plugins[{index}].name"),
            quoted(&plugin.name),
            allowed,
        ));
    }
    if plugin.path == Path::new("") {
        problems.push(Problem::new(
            format!("plugins[{index}].path"),
            "an empty path",
            "a file or directory",
        ));
    }
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(sha256) = plugin.sha256.as_deref().filter(|text| !is_digest(text)) {
        problems.push(Problem::new(
            format!("plugins[{index}].sha256"),
            quoted(sha256),
            "64 hexadecimal digits",
        ));
    }
    if plugin.config.is_some() && plugin.configs != StrategyConfigs::default() {
        let problem = Problem::new(
            format!("plugins[{index}].configs"),
            "settings by kind of strategy, although `config` is set too",
            "only one of `config` and `configs`",
        );
        problems
            .push(problem.with_hint("move the settings in `config` to the kind that takes them"));
    }
    problems
}

fn bad_env_names(key: &str, names: &[String]) -> Vec<Problem> {
    names
        .iter()
        .enumerate()
        .filter_map(|(index, name)| bad_env_name(format!("{key}[{index}]"), name))
        .collect()
}

/// Shows a bad name only up to a `=`: a value follows, which may be a secret.
fn bad_env_name(key: String, name: &str) -> Option<Problem> {
    if REFUSED_ENV.contains(&name) {
        let problem = Problem::new(
            key,
            quoted(name),
            "a variable that does not contain the forge's token",
        );
        return Some(
            problem.with_hint("remove it; agents do not publish, so they never need that token"),
        );
    }
    if let Some((name, _)) = name.split_once('=') {
        let problem = Problem::new(
            key,
            format!("`{name}=` and a value"),
            "the name of an environment variable",
        );
        return Some(
            problem.with_hint("give only the name; the value is read from the environment"),
        );
    }
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    (!is_name).then(|| Problem::new(key, quoted(name), "the name of an environment variable"))
}

/// Domains are lower-case names: the classifier's eight, or a plugin's.
fn bad_domains(domains: &[String]) -> Vec<Problem> {
    fn is_domain(name: &str) -> bool {
        name.len() <= 40
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }

    fn problem((index, domain): (usize, &String)) -> Problem {
        let allowed = "a domain: at most 40 characters from `a` to `z`, `0` to `9` and `-`";
        Problem::new(
            format!("scheduler.exclusiveDomains[{index}]"),
            quoted(domain),
            allowed,
        )
    }

    let bad = domains
        .iter()
        .enumerate()
        .filter(|(_, domain)| !is_domain(domain));
    bad.map(problem).collect()
}

fn duplicates<'a>(key: &str, names: impl Iterator<Item = &'a str>) -> Vec<Problem> {
    let mut seen: Vec<&str> = Vec::new();
    let mut problems = Vec::new();
    for (index, name) in names.enumerate() {
        if let Some(first) = seen.iter().position(|other| *other == name) {
            let found = format!("{}, which `{key}[{first}]` has too", quoted(name));
            problems.push(Problem::new(
                format!("{key}[{index}].name"),
                found,
                "a unique name",
            ));
        }
        seen.push(name);
    }
    problems
}

/// Quotes a value, with control characters escaped, and at most 80 characters long.
fn quoted(text: &str) -> String {
    let escaped: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(80).is_some() {
        "…"
    } else {
        ""
    };
    format!("`{escaped}{more}`")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(config: Value, keys: &[&str]) {
        let config: Config = serde_json::from_value(config).unwrap();
        let problems = config.problems();
        let found: Vec<&str> = problems
            .iter()
            .map(|problem| problem.key.as_str())
            .collect();
        assert_eq!(found, keys, "{problems:#?}");
    }

    #[test]
    fn the_defaults_are_sound() {
        check(json!({}), &[]);
    }

    #[test]
    fn a_repository_is_owner_and_name() {
        for repo in ["owner/repo-name", "o/.github", "me_corp/a.b_c"] {
            check(json!({"project": {"repo": repo}}), &[]);
        }
        for repo in [
            "",
            "name",
            "o/",
            "/n",
            "o/n/m",
            "o/..",
            "o /n",
            "https://github.com/o/n",
        ] {
            check(json!({"project": {"repo": repo}}), &["project.repo"]);
        }
    }

    #[test]
    fn a_base_branch_cannot_be_an_option_or_a_revision() {
        for name in ["main", "release/1.0", "a-b_c"] {
            check(json!({"project": {"baseBranch": name}}), &[]);
        }
        for name in [
            "",
            "-f",
            "a b",
            "a..b",
            "a~1",
            "a/",
            "/a",
            "a.lock",
            "@{1}",
            "a\u{202e}b",
            ".a",
            "a/.b",
            "@",
        ] {
            check(
                json!({"project": {"baseBranch": name}}),
                &["project.baseBranch"],
            );
        }
    }

    #[test]
    fn auth_without_credentials_is_refused() {
        let auth = |auth: Value| json!({"dashboard": {"auth": auth}});
        let [user, password, token] = [
            "dashboard.auth.username",
            "dashboard.auth.password",
            "dashboard.auth.token",
        ];
        check(auth(json!({"enabled": true})), &[user, password]);
        check(auth(json!({"enabled": true, "type": "token"})), &[token]);
        check(
            auth(json!({"enabled": true, "type": "both"})),
            &[user, password, token],
        );
        check(
            auth(json!({"enabled": true, "type": "token", "token": ""})),
            &[token],
        );
        check(
            auth(json!({"enabled": true, "type": "token", "token": {"env": "UNRESOLVED"}})),
            &[token],
        );
        check(
            auth(json!({"enabled": true, "type": "token", "token": "t"})),
            &[],
        );
        check(
            auth(json!({"enabled": true, "username": "u", "password": "p"})),
            &[],
        );
    }

    #[test]
    fn an_open_host_needs_auth() {
        check(
            json!({"dashboard": {"host": "0.0.0.0"}}),
            &["dashboard.host"],
        );
        check(
            json!({"dashboard": {"host": "0.0.0.0", "auth": {"enabled": true, "type": "token", "token": "t"}}}),
            &[],
        );
    }

    #[test]
    fn names_of_checks_and_plugins_are_unique() {
        check(
            json!({"executor": {"checks": ["a", "b", {"name": "a", "run": "c"}]}}),
            &["executor.checks[2].name"],
        );
        let plugin = json!({"name": "p", "path": "p.wasm"});
        check(json!({"plugins": [plugin, plugin]}), &["plugins[1].name"]);
    }

    #[test]
    fn only_some_backends_take_a_command() {
        let agent = |agent: Value| json!({"agent": agent});
        let command = json!(["aider"]);
        for backend in ["acp", "command"] {
            check(agent(json!({"backend": backend, "command": command})), &[]);
            check(agent(json!({"backend": backend})), &["agent.command"]);
        }
        check(agent(json!({"command": command})), &["agent.command"]);
        check(
            agent(json!({"settings": {"free": true}})),
            &["agent.settings"],
        );
        let plugin = json!({"backend": "mine", "command": command});
        check(agent(plugin), &["agent.command"]);
        let twice = json!({"backend": "acp", "command": command, "settings": {"command": []}});
        check(agent(twice), &["agent.settings"]);
    }

    #[test]
    fn the_forge_token_cannot_be_handed_to_an_agent() {
        check(
            json!({"agent": {"env": ["CI", "GITHUB_TOKEN"]}}),
            &["agent.env[1]"],
        );
        let grants = json!({"env": ["GH_TOKEN"]});
        check(
            json!({"plugins": [{"name": "p", "path": "p", "grants": grants}]}),
            &["plugins[0].grants.env[0]"],
        );
    }

    #[test]
    fn a_value_among_names_is_not_repeated() {
        let config: Config =
            serde_json::from_value(json!({"agent": {"env": ["KEY=hunter2"]}})).unwrap();
        let problems = config.problems();
        assert_eq!(problems.len(), 1);
        assert!(!format!("{problems:?}").contains("hunter2"));
    }

    #[test]
    fn forms_of_names_are_checked() {
        check(
            json!({"scheduler": {"exclusiveDomains": ["Backend"]}}),
            &["scheduler.exclusiveDomains[0]"],
        );
        check(
            json!({"strategies": {"prTemplate": ""}}),
            &["strategies.prTemplate"],
        );
        check(
            json!({"github": {"apiUrl": "ghe.example.com"}}),
            &["github.apiUrl"],
        );
        check(
            json!({"plugins": [{"name": "a b", "path": "", "sha256": "12"}]}),
            &["plugins[0].name", "plugins[0].path", "plugins[0].sha256"],
        );
    }

    #[test]
    fn settings_of_a_plugin_have_one_form() {
        let plugin = |settings: Value| {
            let mut plugin = json!({"name": "p", "path": "p"});
            plugin
                .as_object_mut()
                .unwrap()
                .extend(settings.as_object().unwrap().clone());
            json!({"plugins": [plugin]})
        };
        let configs = json!({"classifier": {"a": 1}, "prTemplate": {}});
        check(plugin(json!({"config": {"a": 1}, "configs": {}})), &[]);
        check(plugin(json!({"config": null, "configs": configs})), &[]);
        check(
            plugin(json!({"config": {}, "configs": configs})),
            &["plugins[0].configs"],
        );
    }
}
