//! The environment of agents, checks and setup commands: a list of names, not a copy of ours.
//!
//! ```text
//! host's variables ──► those listed here ──────┐
//!                  ──► those a backend names ──┼──► + fixed values ──► the agent
//!                  ──► those in `agent.env` ───┘
//! ```
//!
//! This is hygiene, not a boundary: an agent of the same user can read files and `/proc`. But a
//! token that was never passed cannot be pasted into a comment by accident.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What programs need to find themselves, the user's tools and the network.
const INHERITED: &[&str] = &[
    // The user and the system.
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    // Directories only: XDG_RUNTIME_DIR leads to the sockets of the user's desktop and key agents.
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
    "XDG_CONFIG_DIRS",
    "XDG_DATA_DIRS",
    // For company networks.
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NIX_SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    // Locations of toolchains.
    "RUSTUP_HOME",
    "CARGO_HOME",
    "GOPATH",
    "GOROOT",
    "NVM_DIR",
    "VOLTA_HOME",
    "FNM_DIR",
    "PNPM_HOME",
    "BUN_INSTALL",
    "DENO_DIR",
    "PYENV_ROOT",
    "RBENV_ROOT",
    "ASDF_DIR",
    "ASDF_DATA_DIR",
    "MISE_DATA_DIR",
    "JAVA_HOME",
    "SDKMAN_DIR",
    "GRADLE_USER_HOME",
    "M2_HOME",
    "ANDROID_HOME",
    "DOTNET_ROOT",
];

/// Prefix of all locale categories; their number depends on the C library.
const INHERITED_PREFIX: &str = "LC_";

/// Never passed, even if requested: the forge's tokens and the user's keys, which would let an
/// agent act as the user.
const FORBIDDEN: &[&str] = &[
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "SSH_AUTH_SOCK",
    "AUTOISSUE_TAG",
];

/// Never passed: variables that make git or the dynamic linker behave unexpectedly.
const FORBIDDEN_PREFIXES: &[&str] = &["GIT_", "LD_", "DYLD_"];

/// Set to the same values for every agent: `gh` finds no login in a directory that does not exist,
/// git never prompts for a password, and no program draws on a missing terminal.
const FIXED: &[(&str, &str)] = &[
    ("GH_CONFIG_DIR", "/nonexistent/gh"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("TERM", "dumb"),
];

/// Why an environment cannot be built as requested.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvironmentError {
    /// Agents never get this variable.
    #[error("variable `{name}` is never passed to an agent")]
    Forbidden {
        /// The variable.
        name: String,
    },
    /// Variables cannot have this name.
    #[error("`{name}` is not a valid name of an environment variable")]
    Invalid {
        /// The requested name.
        name: String,
    },
}

impl EnvironmentError {
    /// Returns what the user can do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Forbidden { .. } => "remove it from `agent.env`",
            Self::Invalid { .. } => "write only the variable's name, without a value",
        }
    }
}

/// Returns the agent's whole environment, sorted by name: the variables of `host` that are on our
/// own list or that the backend and `agent.env` name in `also`, plus the fixed ones. Names that the
/// host does not have are skipped.
///
/// # Errors
/// [`EnvironmentError::Forbidden`] for a name in `also` that agents never get, whether or not the
/// host has it.
pub fn agent_environment<Name: AsRef<str>>(
    host: &[(OsString, OsString)],
    also: &[Name],
) -> Result<Vec<(OsString, OsString)>, EnvironmentError> {
    let also: Vec<&str> = also.iter().map(AsRef::as_ref).collect();
    also.iter().try_for_each(|name| check(name))?;
    let is_wanted = |name: &OsStr| {
        let Some(name) = name.to_str() else {
            return false;
        };
        INHERITED.contains(&name) || name.starts_with(INHERITED_PREFIX) || also.contains(&name)
    };
    let inherited = host.iter().filter(|(name, _)| is_wanted(name)).cloned();
    let fixed = FIXED
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    let environment: BTreeMap<OsString, OsString> = inherited.chain(fixed).collect();
    Ok(environment.into_iter().collect())
}

fn check(name: &str) -> Result<(), EnvironmentError> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(EnvironmentError::Invalid {
            name: name.to_owned(),
        });
    }
    // In any case: `github_token` certainly means the same variable.
    let upper = name.to_ascii_uppercase();
    if FORBIDDEN.contains(&upper.as_str())
        || FORBIDDEN_PREFIXES
            .iter()
            .any(|prefix| upper.starts_with(prefix))
    {
        return Err(EnvironmentError::Forbidden {
            name: name.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(host: &[(&str, &str)], also: &[&str]) -> Result<Vec<String>, EnvironmentError> {
        let host: Vec<_> = host
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let environment = agent_environment(&host, also)?;
        Ok(environment
            .iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect())
    }

    fn check(host: &[(&str, &str)], also: &[&str], expected: &[&str]) {
        let fixed = [
            "GH_CONFIG_DIR=/nonexistent/gh",
            "GIT_TERMINAL_PROMPT=0",
            "TERM=dumb",
        ];
        let mut expected: Vec<&str> = expected.iter().copied().chain(fixed).collect();
        expected.sort_unstable();
        assert_eq!(build(host, also).unwrap(), expected);
    }

    #[test]
    fn env_leak_only_listed_variables_are_passed() {
        let host = [
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("https_proxy", "p"),
            ("CARGO_HOME", "/c"),
            ("TERM", "xterm"),
            ("GITHUB_TOKEN", "secret"),
            ("GH_TOKEN", "secret"),
            ("SSH_AUTH_SOCK", "/s"),
            ("GIT_DIR", "/g"),
            ("LD_PRELOAD", "/l"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("GH_CONFIG_DIR", "/home/gh"),
            ("XDG_RUNTIME_DIR", "/run/user/1"),
            ("ANTHROPIC_API_KEY", "key"),
        ];
        check(
            &host,
            &[],
            &["CARGO_HOME=/c", "LC_ALL=C", "PATH=/bin", "https_proxy=p"],
        );
    }

    #[test]
    fn named_variables_are_passed_if_the_host_has_them() {
        check(
            &[("ANTHROPIC_API_KEY", "key")],
            &["ANTHROPIC_API_KEY", "ABSENT"],
            &["ANTHROPIC_API_KEY=key"],
        );
    }

    #[test]
    fn a_forbidden_variable_is_refused_by_name_even_if_absent() {
        for name in [
            "GITHUB_TOKEN",
            "GH_TOKEN",
            "SSH_AUTH_SOCK",
            "GIT_CONFIG_COUNT",
            "LD_PRELOAD",
            "DYLD_X",
            "gh_token",
        ] {
            assert_eq!(
                build(&[], &[name]),
                Err(EnvironmentError::Forbidden {
                    name: name.to_owned()
                })
            );
        }
    }

    #[test]
    fn invalid_names_are_refused() {
        for name in ["", "A=B", "A\0"] {
            assert_eq!(
                build(&[], &[name]),
                Err(EnvironmentError::Invalid {
                    name: name.to_owned()
                })
            );
        }
    }
}
