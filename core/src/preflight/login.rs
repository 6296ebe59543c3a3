//! Whether the agent's program has credentials: a key in the environment, or the file of a login.
//! No file is read.

use std::ffi::OsString;
use std::path::PathBuf;

use autoissue_plugin_sdk::ProgramInfo;
use autoissue_plugin_sdk::built_in::Login;

use super::{Finding, variable_of};
use crate::built_in;

/// Looks for the login of a known program.
pub(crate) fn look(info: &ProgramInfo, environment: &[(OsString, OsString)]) -> Option<Finding> {
    let login = built_in::agent_that_runs(&info.program)?.login.as_ref()?;
    Some(judge(login, environment))
}

fn judge(login: &Login, environment: &[(OsString, OsString)]) -> Finding {
    if let Some(key) = login.keys.iter().find(|name| is_set(environment, name)) {
        return Finding::ok("login", format!("`{key}` is set"));
    }
    if let Some((name, cloud)) = login
        .clouds
        .iter()
        .find(|(name, _)| is_set(environment, name))
    {
        return Finding::ok(
            "login",
            format!("{cloud}, because `{name}` is set; its own login was not checked"),
        );
    }
    let file = file(login, environment);
    match &file {
        Some(file) if file.is_file() => {
            Finding::ok("login", format!("found {} (not read)", file.display()))
        }
        _ if cfg!(target_os = "macos") => {
            Finding::ok("login", "not found, but it may be in the keychain")
        }
        _ => {
            let message = format!(
                "not found: {} does not exist, and none of {} is set",
                shown(file),
                login.keys.join(", ")
            );
            Finding::warning("login", message, login.advice)
        }
    }
}

fn file(login: &Login, environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let (variable, below_home) = login.directory;
    let directory = match variable_of(environment, variable).filter(|value| !value.is_empty()) {
        Some(directory) => PathBuf::from(directory),
        None => PathBuf::from(variable_of(environment, "HOME")?).join(below_home),
    };
    Some(directory.join(login.file))
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
