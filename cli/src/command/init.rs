//! `autoissue init`: writes a configuration for this repository, with what differs from the defaults. It asks nothing that it
//! can find out, and overwrites nothing.

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

/// Branch that needs no word in the configuration.
const DEFAULT_BRANCH: &str = "main";

/// Where editors find the schema. An address rather than a path: the file belongs to this program and not to the repository,
/// which may be cloned to anywhere. Of the main branch, for that is there from the first day on; keys are only ever added.
const SCHEMA: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/raw/main/cli/autoissue.config.schema.json"
);

/// Labels that are named as examples.
const N_LABELS_SHOWN: usize = 5;

/// Runs the command.
///
/// # Errors
/// Where there is no repository, or a configuration is there already.
pub(crate) fn run(invocation: &Invocation) -> Result<ExitCode, CliError> {
    let root = project::git_root(&invocation.current_dir)?;
    let path = invocation.config_flag.as_ref().map_or_else(
        || root.join(FILE_NAME),
        |flag| invocation.current_dir.join(flag),
    );
    // A dangling link counts: it is somebody's.
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

/// What was found out about a repository.
#[derive(Debug)]
struct Found {
    /// `owner/name` on GitHub, or why there is none.
    repository: Result<String, String>,
    /// `owner/name` of the remote `upstream`, where that is another.
    upstream: Option<String>,
    /// The base branch, where it has to be named.
    base_branch: Option<String>,
    /// The base branch, for people.
    base: String,
    /// Labels of the issues, as far as they lie here.
    labels: Vec<String>,
    /// Commands that look like its setup and its tests.
    guessed: Guessed,
}

impl Found {
    fn in_repository(invocation: &Invocation, root: &Path) -> Result<Self, CliError> {
        let repository = match project::origin(root, invocation.path_env())? {
            None => Err("there is no remote `origin`".to_owned()),
            Some(url) => project::remote_at(&url, invocation.path_env())
                .map(|remote| remote.repo())
                .map_err(|error| format!("`origin` names no repository on GitHub: {error}")),
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

    /// Returns what differs from the defaults.
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
                &format!("local, for {why}; issues are files in .autoissue/issues"),
            ),
        }
        if let Some(upstream) = &self.upstream {
            line(
                "",
                &format!("`upstream` is {upstream}; set `project.repo` if its issues are meant"),
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
            "none, for no lock file says how to install dependencies",
        ));
        let none =
            "none: set `executor.checks`, or nothing but the agent's word says that work is right";
        text.push_str(&guesses("checks", &self.guessed.checks, none));
        text.push_str("\nnext\n");
        if self.repository.is_err() {
            text.push_str("  write an issue: .autoissue/README.md tells how\n");
        }
        text.push_str("  autoissue doctor                  check everything a night needs\n");
        text.push_str("  autoissue exec <label> --dry-run  see the plan; it costs nothing\n");
        text.push_str("  autoissue exec <label>            run it\n");
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

/// Returns the base branch as far as it has to be named, and for people. Sessions take `main` where the remote has it, else its
/// default branch, so only another default beside a `main` needs a word.
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
            let shown = format!("{branch}, the default branch of `origin`, which has a `main` too");
            (Some(branch), shown)
        }
        Some(branch) => (None, format!("{branch}, the default branch of `origin`")),
        None if has_main => (None, DEFAULT_BRANCH.to_owned()),
        None => (
            None,
            "the default branch of `origin`, which is not known here".to_owned(),
        ),
    }
}

/// The same on the local forge. Sessions take `main` if it exists, else what is checked out, which changes.
fn local_base(root: &Path) -> (Option<String>, String) {
    // A repository without a commit has no branch to name, and `exec` will say so.
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
            repository: Err("there is no remote `origin`".to_owned()),
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
          forge       local, for there is no remote `origin`; issues are files in .autoissue/issues
          base        trunk
          labels      bug, docs

        guessed
          setup       npm ci, from package-lock.json
          checks      cargo test, from Cargo.toml
                      npm test, from package.json

        next
          write an issue: .autoissue/README.md tells how
          autoissue doctor                  check everything a night needs
          autoissue exec <label> --dry-run  see the plan; it costs nothing
          autoissue exec <label>            run it
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
