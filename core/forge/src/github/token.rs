//! Finds the token: from the environment, or else from GitHub's own program `gh`. It is never
//! written anywhere.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use autoissue_process::{
    Line, ProcessError, ProgramSpec, Source, Stdin, StopSignal, SupervisorProgram, resolve,
    run_observed,
};
use autoissue_secret::Secret;

/// Variables that hold a token; the first one that is set wins.
const VARIABLES: [&str; 2] = ["GITHUB_TOKEN", "GH_TOKEN"];
/// GitHub's command line program.
const GH: &str = "gh";
/// Time limit: `gh` reads a file, or queries the system's key store.
const GH_TIME_MAX: Duration = Duration::from_secs(10);
const GH_OUTPUT_BYTES_MAX: usize = 4_096;

/// A token, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The token.
    pub secret: Secret,
    /// `GITHUB_TOKEN`, `GH_TOKEN`, or `gh auth token`.
    pub origin: &'static str,
}

/// Why a token was not found.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Neither the variables nor `gh` have a token.
    #[error("no token for `{host}`: `GITHUB_TOKEN` and `GH_TOKEN` are not set, and {why}")]
    None {
        /// The host.
        host: String,
        /// Why `gh` has none.
        why: String,
    },
    /// A token with invalid characters would end up in a header, or in a message about it.
    #[error("the token from `{origin}` contains spaces or other invalid characters")]
    Malformed {
        /// Where the token comes from.
        origin: &'static str,
    },
}

/// Returns the token for a host. Blocking: may run `gh`.
///
/// # Errors
/// [`TokenError`].
pub fn find_token(
    environment: &[(OsString, OsString)],
    host: &str,
    supervisor: &SupervisorProgram,
    outside: &[PathBuf],
) -> Result<Token, TokenError> {
    let variable = |name: &str| {
        environment
            .iter()
            .find(|(known, _)| known == OsStr::new(name))
            .map(|(_, value)| value)
    };
    let set = VARIABLES.into_iter().find_map(|name| {
        let value = variable(name)?.to_string_lossy().trim().to_owned();
        (!value.is_empty()).then_some((name, value))
    });
    let (origin, text) = match set {
        Some(found) => found,
        None => {
            let path = variable("PATH").cloned().unwrap_or_default();
            let found = resolve(GH, &path, outside).map_err(|error| match error {
                ProcessError::NotFound { .. } => {
                    "the GitHub CLI (`gh`) is not installed".to_owned()
                }
                error => error.to_string(),
            });
            let token = found.and_then(|gh| ask_gh(gh, environment, host, supervisor));
            (
                "gh auth token",
                token.map_err(|why| TokenError::None {
                    host: host.to_owned(),
                    why,
                })?,
            )
        }
    };
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(TokenError::Malformed { origin });
    }
    Ok(Token {
        secret: Secret::new(text),
        origin,
    })
}

fn ask_gh(
    gh: PathBuf,
    environment: &[(OsString, OsString)],
    host: &str,
    supervisor: &SupervisorProgram,
) -> Result<String, String> {
    let spec = ProgramSpec {
        program: gh,
        args: ["auth", "token", "--hostname", host].map(Into::into).into(),
        env: environment.to_vec(),
        directory: PathBuf::from("/"),
        stdin: Stdin::default(),
        stop_signal: StopSignal::default(),
        tag: format!("token-{}", std::process::id()),
    };
    let mut printed = None;
    let mut on_line = |line: &Line| {
        if line.source == Source::Stdout && printed.is_none() {
            printed = Some(line.text.trim().to_owned());
        }
    };
    let cancel = CancellationToken::new();
    let run = run_observed(
        supervisor,
        spec,
        GH_TIME_MAX,
        GH_OUTPUT_BYTES_MAX,
        &cancel,
        &mut on_line,
    );
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let finished = runtime
        .block_on(run)
        .map_err(|error: ProcessError| error.to_string())?;
    let token = printed.filter(|token| finished.exit.is_success() && !token.is_empty());
    token.ok_or_else(|| format!("`gh auth token --hostname {host}` returned none"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn find(environment: &[(&str, &str)]) -> Result<Token, TokenError> {
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let nobody = SupervisorProgram::of(Path::new("/nowhere"));
        find_token(&environment, "github.com", &nobody, &[])
    }

    #[test]
    fn the_first_variable_that_is_set_counts() {
        let token = find(&[("GH_TOKEN", "two"), ("GITHUB_TOKEN", "one")]).unwrap();
        assert_eq!(
            (token.secret.expose(), token.origin),
            ("one", "GITHUB_TOKEN")
        );
        let token = find(&[("GITHUB_TOKEN", " "), ("GH_TOKEN", " two\n")]).unwrap();
        assert_eq!((token.secret.expose(), token.origin), ("two", "GH_TOKEN"));
    }

    #[test]
    fn without_any_the_error_names_all_places() {
        let error = find(&[("PATH", "/nowhere")]).unwrap_err().to_string();
        for place in ["GITHUB_TOKEN", "GH_TOKEN", "`gh`", "github.com"] {
            assert!(error.contains(place), "{error}");
        }
    }

    #[test]
    fn an_invalid_token_is_not_printed() {
        let error = find(&[("GITHUB_TOKEN", "ghp_a\r\nX-Evil: 1")]).unwrap_err();
        assert!(
            matches!(error, TokenError::Malformed { .. })
                && !format!("{error}{error:?}").contains("Evil")
        );
    }

    #[test]
    fn a_gh_that_cannot_run_yields_no_token() {
        let directory = tempfile::tempdir().unwrap();
        let gh = directory.path().join("gh");
        fs::write(&gh, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&gh, fs::Permissions::from_mode(0o755)).unwrap();
        let path = directory.path().to_str().unwrap();
        assert!(matches!(
            find(&[("PATH", path)]),
            Err(TokenError::None { .. })
        ));
    }
}
