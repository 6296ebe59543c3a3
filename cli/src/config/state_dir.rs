//! The directories for persistent state and for the user's configuration. Computes the paths;
//! creates nothing.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use autoissue_core::config::Problem;

use super::{ConfigError, Origin};

const VARIABLE: &str = "AUTOISSUE_STATE_DIR";

/// Returns the state directory: `AUTOISSUE_STATE_DIR`, else `autoissue` in the platform's state
/// directory.
///
/// On Linux that is `$XDG_STATE_HOME`, else `~/.local/state`; on macOS `~/Library/Application
/// Support`.
///
/// # Errors
///
/// If the variable is set but empty, or if there is no home directory to fall back to.
pub(crate) fn state_dir(
    env: &[(OsString, OsString)],
    current_dir: &Path,
) -> Result<PathBuf, ConfigError> {
    match variable(env, VARIABLE) {
        Some(dir) if dir.is_empty() => Err(error("an empty string")),
        Some(dir) => Ok(current_dir.join(dir)),
        None => platform_dir(env)
            .map(|dir| dir.join("autoissue"))
            .ok_or_else(|| error("nothing, and `HOME` is not set either")),
    }
}

/// Returns the user's configuration directory; `None` if there is no home directory.
///
/// On Linux that is `autoissue` in `$XDG_CONFIG_HOME`, else in `~/.config`; on macOS in
/// `~/Library/Application Support`.
pub(crate) fn config_dir(env: &[(OsString, OsString)]) -> Option<PathBuf> {
    let home = || absolute(env, "HOME");
    let parent = if cfg!(target_os = "macos") {
        home()?.join("Library/Application Support")
    } else {
        absolute(env, "XDG_CONFIG_HOME").or_else(|| Some(home()?.join(".config")))?
    };
    Some(parent.join("autoissue"))
}

/// Returns the path in a variable. The XDG specification says to ignore relative paths.
fn absolute(env: &[(OsString, OsString)], name: &str) -> Option<PathBuf> {
    variable(env, name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

fn platform_dir(env: &[(OsString, OsString)]) -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        return Some(absolute(env, "HOME")?.join("Library/Application Support"));
    }
    absolute(env, "XDG_STATE_HOME").or_else(|| Some(absolute(env, "HOME")?.join(".local/state")))
}

/// Returns the raw value of a variable: a path need not be UTF-8, and one that is not must not be
/// ignored.
fn variable<'a>(env: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    env.iter()
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.as_os_str())
}

fn error(found: &str) -> ConfigError {
    let problem = Problem {
        key: String::new(),
        found: found.to_owned(),
        allowed: "the path of a directory".to_owned(),
        hint: Some(format!(
            "set `{VARIABLE}` to a directory for autoissue's state"
        )),
    };
    ConfigError::new(
        Origin::Env {
            name: VARIABLE.to_owned(),
        },
        problem,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(env: &[(&str, &str)], expected: Option<&str>) {
        let env: Vec<(OsString, OsString)> =
            env.iter().map(|(k, v)| (k.into(), v.into())).collect();
        assert_eq!(
            state_dir(&env, Path::new("/here")).ok(),
            expected.map(PathBuf::from)
        );
    }

    #[test]
    fn the_variable_wins() {
        check(&[("AUTOISSUE_STATE_DIR", "/s"), ("HOME", "/h")], Some("/s"));
        check(&[("AUTOISSUE_STATE_DIR", "s")], Some("/here/s"));
    }

    #[test]
    fn a_path_that_is_not_utf8_is_not_ignored() {
        use std::os::unix::ffi::OsStrExt;
        let odd = OsStr::from_bytes(b"/od\xffd");
        let env = [
            ("HOME".into(), "/h".into()),
            (VARIABLE.into(), odd.to_owned()),
        ];
        assert_eq!(
            state_dir(&env, Path::new("/here")).ok(),
            Some(PathBuf::from(odd))
        );
    }

    #[test]
    fn without_a_home_directory_there_is_no_default() {
        check(&[], None);
        check(&[("HOME", "relative")], None);
        check(&[("AUTOISSUE_STATE_DIR", ""), ("HOME", "/h")], None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_follows_xdg() {
        check(&[("HOME", "/h")], Some("/h/.local/state/autoissue"));
        check(
            &[("HOME", "/h"), ("XDG_STATE_HOME", "/x")],
            Some("/x/autoissue"),
        );
        check(
            &[("HOME", "/h"), ("XDG_STATE_HOME", "x")],
            Some("/h/.local/state/autoissue"),
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_configuration_of_a_user_follows_xdg_too() {
        let dir = |env: &[(&str, &str)]| {
            let env: Vec<(OsString, OsString)> =
                env.iter().map(|(k, v)| (k.into(), v.into())).collect();
            config_dir(&env)
        };
        assert_eq!(dir(&[("HOME", "/h")]), Some("/h/.config/autoissue".into()));
        let both = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")];
        assert_eq!(dir(&both), Some("/x/autoissue".into()));
        assert_eq!(dir(&[]), None);
    }
}
