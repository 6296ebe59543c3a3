//! `autoissue init`: writes a configuration for this repository with the settings that differ from
//! the defaults. Asks nothing that it can find out, and never overwrites a file.

mod guess;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use autoissue_core::forge::local::{self, LocalForge};
use autoissue_core::git::checkout::Checkout;
use autoissue_core::session::SessionError;
use serde_json::{Map, Value, json};

use crate::config::FILE_NAME;
use crate::config::git_remote::GitRemote;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::printable::one_line;
use crate::project;

use guess::{Guess, Guessed};

/// The base branch that needs no configuration.
const DEFAULT_BRANCH: &str = "main";

/// Where editors find the schema. It is a URL rather than a path because the schema belongs to this
/// program, not to the repository, which may be cloned anywhere. It points to the main branch,
/// which always exists; keys are only ever added.
const SCHEMA: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/raw/main/cli/autoissue.config.schema.json"
);

/// Number of labels shown as examples.
const N_LABELS_SHOWN: usize = 5;

/// Runs the command.
///
/// # Errors
/// If there is no repository, or a configuration already exists.
pub(crate) fn run(invocation: &Invocation) -> Result<ExitCode, CliError> {
    let root = project::git_root(&invocation.current_dir)?;
    let path = invocation.config_flag.as_ref().map_or_else(
        || root.join(FILE_NAME),
        |flag| invocation.current_dir.join(flag),
    );
    // A dangling symbolic link counts as existing.
    if path.symlink_metadata().is_ok() {
        return Err(CliError::ConfigExists { path });
    }
    let found = Found::in_repository(invocation, &root)?;
    if found.repository.is_err() {
        initialise_forge(&root)?;
    }
    write(&path, &found.config())?;
    if invocation.console.is_json() {
        invocation.console.json(&found.json(&path))?;
    } else {
        invocation.console.print(&found.text(&path))?;
    }
    Ok(ExitCode::Success)
}

fn initialise_forge(root: &Path) -> Result<(), CliError> {
    local::initialise(root)
        .map(drop)
        .map_err(|error| CliError::Session(SessionError::Forge(error.into())))
}

/// What was detected in a repository.
#[derive(Debug)]
struct Found {
    /// `owner/name` on GitHub, or why it is unknown.
    repository: Result<String, String>,
    /// `owner/name` of the remote `upstream`, if it differs.
    upstream: Option<String>,
    /// The base branch, if the configuration has to name it.
    base_branch: Option<String>,
    /// The base branch, as text for the user.
    base: String,
    /// Labels of the issues, if they are stored locally.
    labels: Vec<String>,
    /// Likely setup and test commands.
    guessed: Guessed,
}

impl Found {
    fn in_repository(invocation: &Invocation, root: &Path) -> Result<Self, CliError> {
        let repository = match project::origin(root, invocation.path_env())? {
            None => Err("no remote `origin`".to_owned()),
            Some(url) => project::remote_at(&url, invocation.path_env())
                .map(|remote| remote.repo())
                .map_err(|error| format!("`origin` is not a GitHub repository: {error}")),
        };
        let ask = |args: &[&str]| project::git(root, invocation.path_env(), args).ok();
        let upstream =
            ask(&["remote", "get-url", "upstream"]).and_then(|url| GitRemote::parse(&url).ok());
        let upstream = upstream
            .map(|remote| remote.repo())
            .filter(|repo| repository.as_ref().is_ok_and(|it| it != repo));
        let (base_branch, base) = if repository.is_ok() {
            remote_base(&ask)
        } else {
            local_base(root)
        };
        let forge = LocalForge::open(root).ok();
        let labels = forge
            .and_then(|forge| forge.labels().ok())
            .unwrap_or_default();
        Ok(Self {
            repository,
            upstream,
            base_branch,
            base,
            labels,
            guessed: guess::look(root),
        })
    }

    /// Returns the settings that differ from the defaults.
    fn config(&self) -> Value {
        fn commands(guesses: &[Guess]) -> Vec<Value> {
            guesses.iter().map(|guess| json!(guess.command)).collect()
        }

        let mut config = Map::new();
        config.insert("$schema".to_owned(), json!(SCHEMA));
        if let Some(branch) = &self.base_branch {
            config.insert("project".to_owned(), json!({ "baseBranch": branch }));
        }
        let executor: Map<String, Value> = [
            ("setup", &self.guessed.setup),
            ("checks", &self.guessed.checks),
        ]
        .into_iter()
        .filter(|(_, guesses)| !guesses.is_empty())
        .map(|(key, guesses)| (key.to_owned(), Value::Array(commands(guesses))))
        .collect();
        if !executor.is_empty() {
            config.insert("executor".to_owned(), Value::Object(executor));
        }
        if self.repository.is_err() {
            config.insert("forge".to_owned(), json!({ "kind": "local" }));
        }
        Value::Object(config)
    }

    fn json(&self, path: &Path) -> Value {
        json!({
            "type": "init", "path": path, "repository": self.repository.as_ref().ok(), "config": self.config(),
            "guessed": { "setup": self.guessed.setup, "checks": self.guessed.checks },
        })
    }

    fn text(&self, path: &Path) -> String {
        let mut text = format!("wrote {}\n\nfound\n", path.display());
        let mut line = |what: &str, words: &str| text.push_str(&format!("  {what:<10}  {words}\n"));
        match &self.repository {
            Ok(repository) => line(
                "repository",
                &format!("{repository} on GitHub, from the remote `origin`"),
            ),
            Err(why) => line(
                "forge",
                &format!("local ({why}); issues are files in .autoissue/issues"),
            ),
        }
        if let Some(upstream) = &self.upstream {
            line(
                "",
                &format!("`upstream` is {upstream}; to work on its issues, set `project.repo`"),
            );
        }
        line("base", &self.base);
        if !self.labels.is_empty() {
            let shown = self
                .labels
                .iter()
                .take(N_LABELS_SHOWN)
                .map(|label| one_line(label))
                .collect::<Vec<_>>();
            line("labels", &shown.join(", "));
        }
        text.push_str("\nguessed\n");
        text.push_str(&guesses(
            "setup",
            &self.guessed.setup,
            "none (no lock file found)",
        ));
        let none = "none. Set `executor.checks`, otherwise nothing verifies the agent's work";
        text.push_str(&guesses("checks", &self.guessed.checks, none));
        text.push_str("\nnext\n");
        if self.repository.is_err() {
            text.push_str("  write an issue (see .autoissue/README.md)\n");
        }
        text.push_str("  autoissue doctor                  check that everything is ready\n");
        text.push_str("  autoissue exec <label> --dry-run  show what would run, at no cost\n");
        text.push_str("  autoissue exec <label>            run the issues\n");
        text
    }
}

fn guesses(what: &str, guesses: &[Guess], none: &str) -> String {
    if guesses.is_empty() {
        return format!("  {what:<10}  {none}\n");
    }
    let heads = std::iter::once(what).chain(std::iter::repeat(""));
    guesses
        .iter()
        .zip(heads)
        .map(|(Guess { command, from }, head)| format!("  {head:<10}  {command}, from {from}\n"))
        .collect()
}

/// Returns the base branch if it has to be configured, and its text for the user. Sessions use
/// `main` if the remote has it, else the default branch, so it has to be configured only if another
/// default branch exists beside `main`.
fn remote_base(ask: &impl Fn(&[&str]) -> Option<String>) -> (Option<String>, String) {
    let default = ask(&[
        "symbolic-ref",
        "--quiet",
        "--short",
        "refs/remotes/origin/HEAD",
    ]);
    let default = default.and_then(|name| name.strip_prefix("origin/").map(str::to_owned));
    let has_main = ask(&[
        "rev-parse",
        "--quiet",
        "--verify",
        "refs/remotes/origin/main",
    ])
    .is_some();
    match default {
        Some(branch) if branch == DEFAULT_BRANCH => (None, branch),
        Some(branch) if has_main => {
            let shown =
                format!("{branch}, the default branch of `origin` (which also has a `main`)");
            (Some(branch), shown)
        }
        Some(branch) => (None, format!("{branch}, the default branch of `origin`")),
        None if has_main => (None, DEFAULT_BRANCH.to_owned()),
        None => (
            None,
            "the default branch of `origin` (not known locally)".to_owned(),
        ),
    }
}

/// The same for the local forge. Sessions use `main` if it exists, else the branch that is checked
/// out, which may change.
fn local_base(root: &Path) -> (Option<String>, String) {
    // A repository without commits has no branch to name; `exec` reports that.
    let branch = Checkout::open(root)
        .ok()
        .and_then(|checkout| checkout.base_branch(None).ok());
    let branch = branch.unwrap_or_else(|| DEFAULT_BRANCH.to_owned());
    (
        Some(branch.clone()).filter(|branch| branch != DEFAULT_BRANCH),
        branch,
    )
}

fn write(path: &PathBuf, config: &Value) -> Result<(), CliError> {
    let text =
        serde_json::to_string_pretty(config).expect("a configuration has string keys only") + "\n";
    let create = || {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)?
            .write_all(text.as_bytes())
    };
    create().map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => CliError::ConfigExists { path: path.clone() },
        _ => CliError::File {
            what: "write",
            path: path.clone(),
            source,
        },
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn nothing() -> Found {
        let (repository, base) = (Ok("o/n".to_owned()), "main".to_owned());
        Found {
            repository,
            upstream: None,
            base_branch: None,
            base,
            labels: Vec::new(),
            guessed: Guessed::default(),
        }
    }

    fn guess(command: &str, from: &'static str) -> Guess {
        Guess {
            command: command.to_owned(),
            from,
        }
    }

    #[test]
    fn only_what_differs_from_the_defaults_is_written() {
        assert_eq!(nothing().config(), json!({ "$schema": SCHEMA }));
        let local = Found {
            repository: Err("no remote `origin`".to_owned()),
            base_branch: Some("trunk".to_owned()),
            base: "trunk".to_owned(),
            labels: vec!["bug".to_owned(), "docs".to_owned()],
            guessed: Guessed {
                setup: vec![guess("npm ci", "package-lock.json")],
                checks: vec![
                    guess("cargo test", "Cargo.toml"),
                    guess("npm test", "package.json"),
                ],
            },
            ..nothing()
        };
        assert_snapshot!(serde_json::to_string_pretty(&local.config()).unwrap(), @r#"
        {
          "$schema": "https://github.com/autoissue/autoissue/raw/main/cli/autoissue.config.schema.json",
          "project": {
            "baseBranch": "trunk"
          },
          "executor": {
            "setup": [
              "npm ci"
            ],
            "checks": [
              "cargo test",
              "npm test"
            ]
          },
          "forge": {
            "kind": "local"
          }
        }
        "#);
        assert_snapshot!(local.text(Path::new("/p/autoissue.config.json")), @"
        wrote /p/autoissue.config.json

        found
          forge       local (no remote `origin`); issues are files in .autoissue/issues
          base        trunk
          labels      bug, docs

        guessed
          setup       npm ci, from package-lock.json
          checks      cargo test, from Cargo.toml
                      npm test, from package.json

        next
          write an issue (see .autoissue/README.md)
          autoissue doctor                  check that everything is ready
          autoissue exec <label> --dry-run  show what would run, at no cost
          autoissue exec <label>            run the issues
        ");
    }

    #[test]
    fn a_base_is_named_only_where_a_session_would_take_another() {
        check_base(Some("main"), true, None);
        check_base(Some("develop"), true, Some("develop"));
        check_base(Some("master"), false, None);
        check_base(None, true, None);
        check_base(None, false, None);
    }

    fn check_base(default: Option<&str>, has_main: bool, named: Option<&str>) {
        let ask = |args: &[&str]| match args[0] {
            "symbolic-ref" => default.map(|name| format!("origin/{name}")),
            _ => has_main.then(|| "commit".to_owned()),
        };
        assert_eq!(
            remote_base(&ask).0.as_deref(),
            named,
            "{default:?} {has_main}"
        );
    }

    #[test]
    fn an_existing_configuration_is_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(FILE_NAME);
        std::fs::write(&path, "mine").unwrap();
        assert!(matches!(
            write(&path, &json!({})),
            Err(CliError::ConfigExists { .. })
        ));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }
}
