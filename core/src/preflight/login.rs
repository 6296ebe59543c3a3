//! Whether the agent's program has credentials: a key in the environment, or the file of a login.
//! No file is read.

use std::ffi::OsString;
use std::path::PathBuf;

use autoissue_plugin_sdk::{Login, LoginFile, LoginVariable, ProgramInfo};

use super::{Finding, variable_of};
use crate::built_in;

/// Looks for the login of a backend's program. If a backend says nothing about it, a built-in that
/// runs the same program does.
pub(crate) fn look(info: &ProgramInfo, environment: &[(OsString, OsString)]) -> Option<Finding> {
    let of_built_in =
        || built_in::agent_that_runs(&info.program).and_then(|agent| agent.info()?.login);
    let login = info.login.clone().or_else(of_built_in)?;
    judge(&login, environment)
}

/// Returns `None` if nothing was found, but the program itself can be asked.
fn judge(login: &Login, environment: &[(OsString, OsString)]) -> Option<Finding> {
    let found = login
        .variables
        .iter()
        .find(|variable| is_set(environment, &variable.name));
    if let Some(LoginVariable { name, provider, .. }) = found {
        let message = match provider {
            None => format!("`{name}` is set"),
            Some(provider) => {
                format!("{provider}, because `{name}` is set; its own login was not checked")
            }
        };
        return Some(Finding::ok("login", message));
    }
    let files: Vec<Option<PathBuf>> = login.files.iter().map(|it| file(it, environment)).collect();
    if let Some(file) = files.iter().flatten().find(|file| file.is_file()) {
        let message = format!("found {} (not read)", file.display());
        return Some(Finding::ok("login", message));
    }
    if !login.status_args.is_empty() {
        return None;
    }
    if cfg!(target_os = "macos") && !files.is_empty() {
        let message = "not found, but it may be in the keychain";
        return Some(Finding::ok("login", message));
    }
    let missing = files
        .into_iter()
        .map(|file| shown(file) + " does not exist");
    let keys = login.variables.iter().filter(|it| it.provider.is_none());
    let keys: Vec<&str> = keys.map(|variable| variable.name.as_str()).collect();
    let unset = (!keys.is_empty()).then(|| format!("none of {} is set", keys.join(", ")));
    let reasons: Vec<String> = missing.chain(unset).collect();
    let message = format!("not found: {}", reasons.join(", and "));
    Some(Finding::warning("login", message, &login.advice))
}

fn file(login: &LoginFile, environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let variable = login.directory_variable.as_ref();
    let chosen = variable
        .and_then(|name| variable_of(environment, name))
        .filter(|value| !value.is_empty());
    let directory = match chosen {
        Some(directory) => PathBuf::from(directory),
        None => PathBuf::from(variable_of(environment, "HOME")?).join(&login.directory),
    };
    Some(directory.join(&login.file))
}

fn shown(file: Option<PathBuf>) -> String {
    file.map_or_else(
        || "home directory".to_owned(),
        |file| file.display().to_string(),
    )
}

fn is_set(environment: &[(OsString, OsString)], name: &str) -> bool {
    variable_of(environment, name).is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use autoissue_claude::ClaudeBackend;
    use autoissue_plugin_sdk::AgentBackend;

    use super::*;
    use crate::preflight::Level;

    #[track_caller]
    fn check(environment: &[(&str, &str)], words: &str) {
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let info = ClaudeBackend.probe("").unwrap();
        let finding = look(&info, &environment).unwrap();
        assert!(finding.message.contains(words), "{finding:?}");
    }

    #[test]
    fn a_key_or_a_file_is_a_login_and_neither_is_shown() {
        check(
            &[("ANTHROPIC_API_KEY", "secret")],
            "`ANTHROPIC_API_KEY` is set",
        );
        check(&[("CLAUDE_CODE_USE_VERTEX", "1")], "Google Vertex AI");
        check(
            &[("ANTHROPIC_API_KEY", ""), ("HOME", "/nowhere")],
            "not found",
        );
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".claude")).unwrap();
        std::fs::write(home.path().join(".claude/.credentials.json"), "secret").unwrap();
        let path = home.path().to_str().unwrap();
        check(&[("HOME", path)], ".claude/.credentials.json (not read)");
        check(
            &[
                ("HOME", "/nowhere"),
                ("CLAUDE_CONFIG_DIR", &format!("{path}/.claude")),
            ],
            "found",
        );
    }

    #[test]
    fn a_missing_login_is_only_a_warning_because_a_helper_may_have_it() {
        if cfg!(target_os = "linux") {
            let info = ClaudeBackend.probe("").unwrap();
            assert_eq!(look(&info, &[]).unwrap().level, Level::Warning);
        }
    }
}
