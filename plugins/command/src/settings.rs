//! The operator's settings, and what is wrong with them: errors name the key.
//!
//! Plugins are limited by grants; this backend is part of the host, so the settings themselves are
//! what the operator allows. The checks here catch mistakes that would otherwise show at the first
//! attempt, or never.

use autoissue_plugin_sdk::settings::read;
use autoissue_plugin_sdk::{PluginError, schemars, serde};

/// A word in braces that an argument may contain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placeholder {
    /// The word.
    pub(crate) name: &'static str,
    /// The word in braces.
    pub(crate) text: &'static str,
}

/// Stands for the path of the file with the prompt; the host replaces it.
pub(crate) const PROMPT: Placeholder = Placeholder {
    name: "prompt",
    text: "{prompt}",
};

/// Stands for the name of the model.
pub(crate) const MODEL: Placeholder = Placeholder {
    name: "model",
    text: "{model}",
};

/// Name that stands for the host's own binary, which applies diffs and does not work on issues.
const OWN_PROGRAM: &str = "autoissue";

/// Settings of the backend.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(
    crate = "autoissue_plugin_sdk::serde",
    rename_all = "camelCase",
    deny_unknown_fields
)]
#[schemars(crate = "autoissue_plugin_sdk::schemars")]
pub(crate) struct CommandSettings {
    /// The program, a name on PATH or an absolute path, and its arguments. `{prompt}` in an argument
    /// is replaced by the path of a file with the prompt; without it the prompt is on standard input.
    /// `{model}` is replaced by the model.
    #[schemars(length(min = 1))]
    command: Vec<String>,
    /// Names of environment variables that the program may see, such as the one with its API key.
    #[serde(default)]
    pub(crate) env: Vec<String>,
    /// Models that the program offers, weakest and cheapest first. `{model}` in an argument is
    /// replaced by the one that is chosen.
    #[serde(default)]
    pub(crate) models: Vec<String>,
    /// Whether runs cost nothing, for example because the model runs on this machine.
    #[serde(default)]
    pub(crate) free: bool,
    /// Files that the program leaves in its directory and that never belong in a commit, as patterns
    /// of a `.gitignore` file without `!`.
    #[serde(default)]
    pub(crate) ignored_paths: Vec<String>,
    /// Whether the last lines of the program's standard output are its summary for the pull request.
    #[serde(default)]
    pub(crate) summary: bool,
    /// Starts of lines with which the program reports an error although it exits with 0. If one of
    /// its last five lines starts with one of them, the attempt has failed.
    #[serde(default)]
    pub(crate) error_lines: Vec<String>,
    /// Exit codes that say something about the service; all others except 0 are failures of the
    /// attempt.
    #[serde(default)]
    pub(crate) exit_codes: ExitCodes,
    /// Arguments that make the program print its version.
    #[serde(default = "version_args")]
    pub(crate) version_args: Vec<String>,
}

/// Exit codes that say something about the service.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(
    crate = "autoissue_plugin_sdk::serde",
    rename_all = "camelCase",
    deny_unknown_fields,
    default
)]
#[schemars(crate = "autoissue_plugin_sdk::schemars")]
pub(crate) struct ExitCodes {
    /// It rejects the credentials. The session is interrupted if that happens twice.
    pub(crate) auth_failed: Vec<u8>,
    /// It limits the account. The task is retried later.
    pub(crate) rate_limited: Vec<u8>,
    /// It is unavailable. The task is retried later.
    pub(crate) overloaded: Vec<u8>,
}

fn version_args() -> Vec<String> {
    vec!["--version".into()]
}

impl CommandSettings {
    /// Reads and checks settings.
    pub(crate) fn read(settings: &str) -> Result<Self, PluginError> {
        let settings: Self = read(settings)?;
        settings.check().map_err(PluginError::InvalidSettings)?;
        Ok(settings)
    }

    /// Returns the name or path of the program.
    pub(crate) fn program(&self) -> &str {
        &self.command[0]
    }

    /// Returns its arguments, with placeholders.
    pub(crate) fn arguments(&self) -> &[String] {
        &self.command[1..]
    }

    /// Returns whether the prompt is wanted in a file.
    pub(crate) fn wants_file(&self) -> bool {
        self.names(PROMPT)
    }

    fn names(&self, placeholder: Placeholder) -> bool {
        let mut args = self.arguments().iter();
        args.any(|arg| arg.contains(placeholder.text))
    }

    fn check(&self) -> Result<(), String> {
        let program = self
            .command
            .first()
            .ok_or("`command` is empty: it needs the program and its arguments")?;
        check_program(program)?;
        each("command", &self.command, no_nul)?;
        each("versionArgs", &self.version_args, no_nul)?;
        each("env", &self.env, variable)?;
        each("models", &self.models, name)?;
        each("ignoredPaths", &self.ignored_paths, ignored_path)?;
        each("errorLines", &self.error_lines, name)?;
        self.check_models()?;
        self.exit_codes.check()
    }

    /// A model that is chosen must have an effect, and vice versa.
    fn check_models(&self) -> Result<(), String> {
        match (self.names(MODEL), self.models.is_empty()) {
            (true, true) => Err(format!(
                "`command` contains `{{{}}}`, so `models` must list at least one model",
                MODEL.name
            )),
            (false, false) => Err(format!(
                "`models` has no effect without `{{{}}}` in an argument of `command`",
                MODEL.name
            )),
            _ => Ok(()),
        }
    }
}

impl ExitCodes {
    fn check(&self) -> Result<(), String> {
        let lists = [
            ("authFailed", &self.auth_failed),
            ("rateLimited", &self.rate_limited),
            ("overloaded", &self.overloaded),
        ];
        let mut seen: Vec<(u8, &str)> = Vec::new();
        for (key, codes) in lists {
            for &code in codes {
                if code == 0 {
                    return Err(format!("`exitCodes.{key}`: 0 always means success"));
                }
                if let Some((_, other)) =
                    seen.iter().find(|(it, other)| *it == code && *other != key)
                {
                    return Err(format!(
                        "`exitCodes.{key}`: {code} is already listed in `exitCodes.{other}`"
                    ));
                }
                seen.push((code, key));
            }
        }
        Ok(())
    }
}

fn check_program(program: &str) -> Result<(), String> {
    let bad = |problem: &str| Err(format!("`command[0]`: `{program}` {problem}"));
    if program.trim().is_empty() {
        return Err("`command[0]` is empty: it needs the name of a program".into());
    }
    if program == OWN_PROGRAM {
        return bad("does not work on issues itself: name the agent's program");
    }
    if program.starts_with('-') {
        return bad("is an option: the first entry must be the program");
    }
    if program.contains('/') && !program.starts_with('/') {
        return bad(
            "is a relative path, where an agent could change it: use a name on PATH or an absolute path",
        );
    }
    if [PROMPT, MODEL].iter().any(|it| program.contains(it.text)) {
        return bad("contains a placeholder, which only arguments may");
    }
    if !program.starts_with('/') && program.contains(char::is_whitespace) {
        return bad("contains a space: write each argument as an entry of its own");
    }
    Ok(())
}

/// Checks each entry of a list; a problem gets the entry's key.
fn each(
    key: &str,
    entries: &[String],
    problem: impl Fn(&str) -> Option<&'static str>,
) -> Result<(), String> {
    let found = entries
        .iter()
        .enumerate()
        .find_map(|(at, entry)| Some((at, entry, problem(entry)?)));
    match found {
        Some((at, entry, problem)) => Err(format!("`{key}[{at}]`: `{}` {problem}", shown(entry))),
        None => Ok(()),
    }
}

/// Returns an entry as it can be shown: a value that was written in place of a name may be a key.
fn shown(entry: &str) -> String {
    let name = entry.split('=').next().unwrap_or_default();
    let end = name.floor_char_boundary(60);
    let cut = if end < entry.len() { "…" } else { "" };
    format!("{}{cut}", &name[..end]).replace(char::is_control, "\u{fffd}")
}

fn no_nul(entry: &str) -> Option<&'static str> {
    entry
        .contains('\0')
        .then_some("contains a null character, which no program can be given")
}

fn variable(entry: &str) -> Option<&'static str> {
    let is_name = entry.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && entry
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (!is_name).then_some(
        "is not the name of an environment variable; write only its name, without a value",
    )
}

fn name(entry: &str) -> Option<&'static str> {
    (entry.trim().is_empty() || entry.contains(char::is_control))
        .then_some("must be one line that is not empty")
}

/// What a repository ignores may be secret, so nothing may bring it back; and a pattern for every
/// file would hide the agent's work.
fn ignored_path(entry: &str) -> Option<&'static str> {
    if entry.starts_with('!') {
        return Some("must not start with `!`, which would include ignored files");
    }
    (!entry.contains(char::is_alphanumeric) || entry.contains(char::is_control))
        .then_some("must be a pattern that ignores files by their name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(settings: &str, expected: &str) {
        let error = CommandSettings::read(settings).map(|_| ()).unwrap_err();
        let PluginError::InvalidSettings(message) = error else {
            panic!("{error:?}");
        };
        // The position depends on features of the JSON reader that other packages enable.
        let message = message.split(" at line ").next().unwrap_or_default();
        assert_eq!(message, expected, "{settings}");
    }

    #[track_caller]
    fn check_command(command: &str, expected: &str) {
        check(&format!(r#"{{"command": {command}}}"#), expected);
    }

    #[track_caller]
    fn check_with(more: &str, expected: &str) {
        check(&format!(r#"{{"command": ["a"], {more}}}"#), expected);
    }

    #[test]
    fn a_program_is_required() {
        check("", "missing field `command`");
        check_command(
            "[]",
            "`command` is empty: it needs the program and its arguments",
        );
        check_command(
            r#"["  "]"#,
            "`command[0]` is empty: it needs the name of a program",
        );
        check_command(
            r#""aider --yes""#,
            "`command`: invalid type: string \"aider --yes\", expected a sequence",
        );
        check_command(
            r#"["a", 1]"#,
            "`command[1]`: invalid type: integer `1`, expected a string",
        );
    }

    #[test]
    fn a_program_is_a_name_or_an_absolute_path() {
        check_command(
            r#"["./run.sh"]"#,
            "`command[0]`: `./run.sh` is a relative path, where an agent could change it: use a name on PATH or an absolute path",
        );
        check_command(
            r#"["aider --yes-always"]"#,
            "`command[0]`: `aider --yes-always` contains a space: write each argument as an entry of its own",
        );
        check_command(
            r#"["--yes"]"#,
            "`command[0]`: `--yes` is an option: the first entry must be the program",
        );
        check_command(
            r#"["{prompt}"]"#,
            "`command[0]`: `{prompt}` contains a placeholder, which only arguments may",
        );
        check_command(
            r#"["autoissue", "exec"]"#,
            "`command[0]`: `autoissue` does not work on issues itself: name the agent's program",
        );
        for program in ["aider", "/opt/my agents/a", "a.b-c_d+2"] {
            let settings = format!(r#"{{"command": ["{program}"]}}"#);
            assert_eq!(CommandSettings::read(&settings).unwrap().program(), program);
        }
    }

    #[test]
    fn errors_name_the_entry() {
        check_command(
            r#"["a", "b", "x\u0000y"]"#,
            "`command[2]`: `x\u{fffd}y` contains a null character, which no program can be given",
        );
        check_with(
            r#""env": ["KEY", "TOKEN=secret"]"#,
            "`env[1]`: `TOKEN…` is not the name of an environment variable; write only its name, without a value",
        );
        for name in ["", "1A", "A-B", "A B", "É"] {
            let settings = format!(r#"{{"command": ["a"], "env": ["{name}"]}}"#);
            assert!(CommandSettings::read(&settings).is_err(), "{name}");
        }
        check_with(
            r#""ignoredPaths": [".a", "!.env"]"#,
            "`ignoredPaths[1]`: `!.env` must not start with `!`, which would include ignored files",
        );
        for pattern in ["*", "**/*", "", "/", "a\\nb"] {
            let settings = format!(r#"{{"command": ["a"], "ignoredPaths": ["{pattern}"]}}"#);
            assert!(CommandSettings::read(&settings).is_err(), "{pattern}");
        }
        check_with(
            r#""errorLines": [" "]"#,
            "`errorLines[0]`: ` ` must be one line that is not empty",
        );
    }

    #[test]
    fn an_unknown_key_is_reported_with_the_known_ones() {
        check_with(
            r#""arguments": []"#,
            "`arguments`: unknown field `arguments`, expected one of `command`, `env`, `models`, `free`, `ignoredPaths`, \
             `summary`, `errorLines`, `exitCodes`, `versionArgs`",
        );
        check_with(
            r#""exitCodes": {"auth": [1]}"#,
            "`exitCodes.auth`: unknown field `auth`, expected one of `authFailed`, `rateLimited`, `overloaded`",
        );
    }

    #[test]
    fn models_and_their_placeholder_go_together() {
        check_command(
            r#"["a", "{model}"]"#,
            "`command` contains `{model}`, so `models` must list at least one model",
        );
        check_with(
            r#""models": ["m"]"#,
            "`models` has no effect without `{model}` in an argument of `command`",
        );
    }

    #[test]
    fn an_exit_code_has_one_meaning() {
        check_with(
            r#""exitCodes": {"rateLimited": [75, 0]}"#,
            "`exitCodes.rateLimited`: 0 always means success",
        );
        check_with(
            r#""exitCodes": {"authFailed": [77], "overloaded": [1, 77]}"#,
            "`exitCodes.overloaded`: 77 is already listed in `exitCodes.authFailed`",
        );
        check_with(
            r#""exitCodes": {"authFailed": [256]}"#,
            "`exitCodes.authFailed[0]`: invalid value: integer `256`, expected u8",
        );
        let twice = r#"{"command": ["a"], "exitCodes": {"authFailed": [77, 77]}}"#;
        assert!(CommandSettings::read(twice).is_ok());
    }

    #[test]
    fn a_value_in_place_of_a_name_is_not_shown() {
        let settings = r#"{"command": ["a"], "env": ["KEY=sk-secret"]}"#;
        let error = CommandSettings::read(settings).map(|_| ()).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
