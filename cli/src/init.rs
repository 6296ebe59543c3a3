//! `autoissue init`: writes a configuration for this repository, with what differs from the defaults. It asks nothing that it
//! can find out, and overwrites nothing.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use autoissue_core::service::checkout::Checkout;
use autoissue_core::service::local_forge;
use autoissue_core::session::SessionError;
use serde_json::{Map, Value, json};

use crate::config::FILE_NAME;
use crate::config::git_remote::GitRemote;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use crate::project;

/// Branch that needs no word in the configuration.
const DEFAULT_BRANCH: &str = "main";

/// Most bytes read of a file that may name a check.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Runs the command.
///
/// # Errors
/// Where there is no repository, or a configuration is there already.
pub(crate) fn run(around: &Surroundings) -> Result<ExitCode, CliError> {
    let root = project::git_root(&around.current_dir)?;
    let path = around.config_flag.as_ref().map_or_else(|| root.join(FILE_NAME), |flag| around.current_dir.join(flag));
    // A dangling link counts: it is somebody's.
    if path.symlink_metadata().is_ok() {
        return Err(CliError::ConfigExists { path });
    }
    let found = Found::in_repository(around, &root)?;
    if found.repository.is_none() {
        initialise_forge(&root)?;
    }
    write(&path, &found.config())?;
    if around.console.is_json() {
        around.console.json(&found.json(&path))?;
    } else {
        around.console.print(&found.text(&path))?;
    }
    Ok(ExitCode::Success)
}

fn initialise_forge(root: &Path) -> Result<(), CliError> {
    local_forge::initialise(root).map(drop).map_err(|error| CliError::Session(SessionError::Forge(error)))
}

/// What was found out about a repository.
#[derive(Debug, Default)]
struct Found {
    /// `owner/name` on GitHub; `None` where there is no such remote.
    repository: Option<String>,
    /// The base branch, where it has to be named.
    base_branch: Option<String>,
    /// Commands that look like its tests.
    checks: Vec<&'static str>,
}

impl Found {
    fn in_repository(around: &Surroundings, root: &Path) -> Result<Self, CliError> {
        let origin = project::origin(root, around.path_env())?;
        let repository = origin.and_then(|url| GitRemote::parse(&url).ok()).map(|remote| remote.repo());
        let base_branch = base_branch(around, root).filter(|branch| branch != DEFAULT_BRANCH);
        Ok(Self { repository, base_branch, checks: checks(root) })
    }

    /// Returns what differs from the defaults.
    fn config(&self) -> Value {
        let mut config = Map::new();
        if let Some(branch) = &self.base_branch {
            config.insert("project".to_owned(), json!({ "baseBranch": branch }));
        }
        if !self.checks.is_empty() {
            config.insert("executor".to_owned(), json!({ "checks": self.checks }));
        }
        if self.repository.is_none() {
            config.insert("forge".to_owned(), json!({ "kind": "local" }));
        }
        Value::Object(config)
    }

    fn json(&self, path: &Path) -> Value {
        json!({ "type": "init", "path": path, "repository": self.repository, "config": self.config() })
    }

    fn text(&self, path: &Path) -> String {
        let mut text = format!("wrote {}\n", path.display());
        match &self.repository {
            Some(repository) => {
                text.push_str(&format!("repository  {repository} on GitHub, from the remote `origin`\n"));
            }
            None => text
                .push_str("forge       local: no remote `origin` on GitHub; issues are files in .autoissue/issues\n"),
        }
        text.push_str(&format!("base        {}\n", self.base_branch.as_deref().unwrap_or(DEFAULT_BRANCH)));
        match self.checks.as_slice() {
            [] => text.push_str("checks      none found: set `executor.checks`, or nothing but the agent's word says that work is right\n"),
            checks => text.push_str(&format!("checks      {} (a guess; see `executor.checks`)\n", checks.join(", "))),
        }
        text.push_str("\nnext\n");
        if self.repository.is_none() {
            text.push_str("  write an issue: .autoissue/README.md tells how\n");
        }
        text.push_str("  autoissue doctor                  check everything a night needs\n");
        text.push_str("  autoissue exec <label> --dry-run  see the plan; it costs nothing\n");
        text.push_str("  autoissue exec <label>            run it\n");
        text
    }
}

/// Returns the branch that the remote calls its default, else the one that sessions would take.
fn base_branch(around: &Surroundings, root: &Path) -> Option<String> {
    let args = ["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"];
    let remote = project::git(root, around.path_env(), &args).ok();
    let remote = remote.and_then(|name| name.strip_prefix("origin/").map(str::to_owned));
    // A repository without a commit has no branch to name, and `exec` will say so.
    remote.or_else(|| Checkout::open(root).ok()?.base_branch(None).ok())
}

/// Guesses the commands that test a repository from the files in its root.
fn checks(root: &Path) -> Vec<&'static str> {
    let text = |name: &str| read(&root.join(name));
    let has = |name: &str| root.join(name).is_file();
    let mut checks = Vec::new();
    if has("Cargo.toml") {
        checks.push("cargo test");
    }
    if text("package.json").is_some_and(|text| has_npm_test(&text)) {
        checks.push("npm test");
    }
    if has("go.mod") {
        checks.push("go test ./...");
    }
    if has("pytest.ini") || has("conftest.py") || text("pyproject.toml").is_some_and(|text| text.contains("pytest")) {
        checks.push("pytest");
    }
    // A makefile mostly calls one of the others.
    let is_test = |line: &str| line.strip_prefix("test").is_some_and(|rest| rest.trim_start().starts_with(':'));
    if checks.is_empty()
        && ["Makefile", "makefile", "GNUmakefile"]
            .iter()
            .filter_map(|name| text(name))
            .any(|text| text.lines().any(is_test))
    {
        checks.push("make test");
    }
    checks
}

/// Returns whether there is a test script that is not the one which `npm init` writes, for that one always fails.
fn has_npm_test(package: &str) -> bool {
    let package: Value = serde_json::from_str(package).unwrap_or_default();
    package["scripts"]["test"]
        .as_str()
        .is_some_and(|script| !script.is_empty() && !script.contains("no test specified"))
}

fn read(path: &Path) -> Option<String> {
    let bytes = std::fs::read(path).ok().filter(|bytes| bytes.len() <= FILE_BYTES_MAX)?;
    String::from_utf8(bytes).ok()
}

fn write(path: &PathBuf, config: &Value) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(config).expect("a configuration has string keys only") + "\n";
    let create = || OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes());
    create().map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => CliError::ConfigExists { path: path.clone() },
        _ => CliError::File { what: "write", path: path.clone(), source },
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn guessed(files: &[(&str, &str)]) -> Vec<&'static str> {
        let root = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(root.path().join(name), text).unwrap());
        checks(root.path())
    }

    #[test]
    fn checks_are_guessed_from_files() {
        assert_eq!(guessed(&[("Cargo.toml", ""), ("Makefile", "test:\n")]), ["cargo test"]);
        assert_eq!(guessed(&[("package.json", r#"{"scripts":{"test":"vitest"}}"#)]), ["npm test"]);
        let placeholder = r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#;
        assert_eq!(guessed(&[("package.json", placeholder)]), [""; 0]);
        assert_eq!(
            guessed(&[("go.mod", ""), ("pyproject.toml", "[tool.pytest.ini_options]")]),
            ["go test ./...", "pytest"]
        );
        assert_eq!(guessed(&[("Makefile", "all:\ntest : all\n")]), ["make test"]);
        assert_eq!(guessed(&[("Makefile", "tests:\n"), ("pyproject.toml", "")]), [""; 0]);
    }

    #[test]
    fn only_what_differs_from_the_defaults_is_written() {
        let github = Found { repository: Some("o/n".to_owned()), ..Found::default() };
        assert_eq!(github.config(), json!({}));
        let local = Found { base_branch: Some("trunk".to_owned()), checks: vec!["cargo test"], ..Found::default() };
        assert_snapshot!(serde_json::to_string_pretty(&local.config()).unwrap(), @r#"
        {
          "project": {
            "baseBranch": "trunk"
          },
          "executor": {
            "checks": [
              "cargo test"
            ]
          },
          "forge": {
            "kind": "local"
          }
        }
        "#);
        assert_snapshot!(local.text(Path::new("/p/autoissue.config.json")), @"
        wrote /p/autoissue.config.json
        forge       local: no remote `origin` on GitHub; issues are files in .autoissue/issues
        base        trunk
        checks      cargo test (a guess; see `executor.checks`)

        next
          write an issue: .autoissue/README.md tells how
          autoissue doctor                  check everything a night needs
          autoissue exec <label> --dry-run  see the plan; it costs nothing
          autoissue exec <label>            run it
        ");
    }

    #[test]
    fn an_existing_configuration_is_never_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(FILE_NAME);
        std::fs::write(&path, "mine").unwrap();
        assert!(matches!(write(&path, &json!({})), Err(CliError::ConfigExists { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }
}
