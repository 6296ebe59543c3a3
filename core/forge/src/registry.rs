//! The available forges, and how each is opened. A new forge needs a line here, a name in the
//! configuration, and its own directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use autoissue_git::program::Git;
use autoissue_git::remote::{Remote, RemoteError, web_host};
use autoissue_process::SupervisorProgram;
use autoissue_secret::redaction::Redaction;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::forge::{Forge, ForgeError};
use crate::github::{Access, Github, Proxy, TokenError, find_token};
use crate::local::LocalForge;

/// The kinds of forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ForgeKind {
    /// GitHub, or a GitHub Enterprise host.
    Github,
    /// The embedded forge: no account, no network.
    Local,
}

/// What opening a forge needs.
#[derive(Clone, Debug)]
pub struct OpenRequest<'a> {
    /// The checkout.
    pub project: &'a Path,
    /// `owner/name`, if known.
    pub repo: Option<&'a str>,
    /// URL of the API, if known.
    pub api_url: Option<&'a str>,
    /// Most writes to the API per minute.
    pub writes_per_minute: u32,
    /// Most writes to the API per hour.
    pub writes_per_hour: u32,
    /// Whether the forge may not exist yet, because issues are about to be created there.
    pub may_be_missing: bool,
    /// The environment: credentials and proxies.
    pub environment: &'a [(OsString, OsString)],
    /// The git program.
    pub git: &'a Git,
    /// The program that supervises started programs.
    pub supervisor: &'a SupervisorProgram,
    /// Directories in which programs are not looked for.
    pub outside: &'a [PathBuf],
    /// Receives the credential, so that it is redacted.
    pub redaction: &'a Redaction,
}

/// An opened forge. Nothing has been sent yet.
#[derive(Debug)]
pub struct Opened {
    /// The forge.
    pub forge: Box<dyn Forge>,
    /// The remote that bases are fetched from and branches are pushed to; `None` if both are in the
    /// checkout.
    pub remote: Option<Remote>,
    /// Host and port of the forge, if it has a host.
    pub host: Option<String>,
    /// Findings from opening it.
    pub findings: Vec<Finding>,
}

/// Why a forge could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A required setting is missing.
    #[error("`{key}` is not set")]
    Unset {
        /// The configuration key.
        key: &'static str,
    },
    /// No usable credential was found.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// git cannot reach the repository.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The forge cannot be used.
    #[error(transparent)]
    Forge(#[from] ForgeError),
}

impl ForgeKind {
    /// Opens a forge without sending anything.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(self, request: &OpenRequest<'_>) -> Result<Opened, OpenError> {
        match self {
            Self::Github => open_github(request),
            Self::Local => open_local(request),
        }
    }

    /// Returns the name of the first check of this forge in a list of checks.
    pub fn first_check(self) -> &'static str {
        match self {
            Self::Github => "token",
            Self::Local => "forge",
        }
    }

    /// Returns whether the repository is on a host that the remote `origin` names.
    pub fn has_host(self) -> bool {
        match self {
            Self::Github => true,
            Self::Local => false,
        }
    }
}

fn open_local(request: &OpenRequest<'_>) -> Result<Opened, OpenError> {
    let forge = if request.may_be_missing {
        LocalForge::in_project(request.project)
    } else {
        LocalForge::open(request.project).map_err(ForgeError::from)?
    };
    Ok(Opened {
        forge: Box::new(forge),
        remote: None,
        host: None,
        findings: vec![Finding::ok("forge", "local, in .autoissue/issues")],
    })
}

fn open_github(request: &OpenRequest<'_>) -> Result<Opened, OpenError> {
    let repo = request.repo.ok_or(OpenError::Unset {
        key: "project.repo",
    })?;
    let api_url = request.api_url.ok_or(OpenError::Unset {
        key: "github.apiUrl",
    })?;
    let host = web_host(api_url);
    let token = find_token(
        request.environment,
        &host,
        request.supervisor,
        request.outside,
    )?;
    request.redaction.learn([token.secret.expose()]);
    let remote = Remote::of(
        request.git.clone(),
        request.project,
        repo,
        api_url,
        &token.secret,
    )?;
    let proxy = Proxy::of(request.environment, api_url);
    let mut findings = vec![Finding::ok("token", format!("from `{}`", token.origin))];
    findings.extend(proxy.as_ref().map(of_proxy));
    let forge = Github::new(&Access {
        proxy,
        api_url: api_url.to_owned(),
        repo: repo.to_owned(),
        token,
        writes_per_minute: request.writes_per_minute,
        writes_per_hour: request.writes_per_hour,
    })
    .map_err(ForgeError::from)?;
    Ok(Opened {
        forge: Box::new(forge),
        remote: Some(remote),
        host: Some(host),
        findings,
    })
}

fn of_proxy(proxy: &Proxy) -> Finding {
    let address = proxy.address();
    if proxy.is_usable() {
        return Finding::ok("proxy", format!("API calls go through {address}"));
    }
    Finding::warning(
        "proxy",
        format!("{address} is not supported for API calls"),
        "set `HTTPS_PROXY` to a proxy that begins with `http://` or `https://`",
    )
}
