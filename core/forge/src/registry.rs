//! The forges that there are, and how each is opened. A new one is a line here, a name in the configuration, and its folder.

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

/// What a forge is opened with.
#[derive(Clone, Debug)]
pub struct OpenRequest<'a> {
    /// The checkout.
    pub project: &'a Path,
    /// `owner/name`, where it is known.
    pub repo: Option<&'a str>,
    /// Address of the API, where it is known.
    pub api_url: Option<&'a str>,
    /// Most writes to the API in a minute.
    pub writes_per_minute: u32,
    /// Most writes to the API in an hour.
    pub writes_per_hour: u32,
    /// Whether it may be missing as yet, for issues are to be made there.
    pub may_be_missing: bool,
    /// The environment: credentials and proxies.
    pub environment: &'a [(OsString, OsString)],
    /// The git program.
    pub git: &'a Git,
    /// What programs are started under.
    pub supervisor: &'a SupervisorProgram,
    /// Directories in which no program is looked for.
    pub outside: &'a [PathBuf],
    /// Learns the credential.
    pub redaction: &'a Redaction,
}

/// A forge that is ready to be asked. Nothing has been sent yet.
#[derive(Debug)]
pub struct Opened {
    /// The forge.
    pub forge: Box<dyn Forge>,
    /// Where bases come from and branches go to; absent where both is the checkout.
    pub remote: Option<Remote>,
    /// Host and port of the forge, where the repository is one on a host.
    pub host: Option<String>,
    /// What was found on the way.
    pub findings: Vec<Finding>,
}

/// Why a forge cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody said what has to be known.
    #[error("`{key}` is not set")]
    Unset {
        /// The configuration key.
        key: &'static str,
    },
    /// There is no credential.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The repository cannot be reached by git.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The forge cannot be worked with.
    #[error(transparent)]
    Forge(#[from] ForgeError),
}

impl ForgeKind {
    /// Makes ready to ask a forge.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(self, request: &OpenRequest<'_>) -> Result<Opened, OpenError> {
        match self {
            Self::Github => open_github(request),
            Self::Local => open_local(request),
        }
    }

    /// Returns what opening it is called where each step is named.
    pub fn first_check(self) -> &'static str {
        match self {
            Self::Github => "token",
            Self::Local => "forge",
        }
    }

    /// Returns whether the repository is one on a host, which the remote `origin` names.
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
        return Finding::ok("proxy", format!("the API is asked through {address}"));
    }
    Finding::warning(
        "proxy",
        format!("{address} is of a kind that the API is not asked through"),
        "let `HTTPS_PROXY` name one that begins with `http://` or `https://`",
    )
}
