//! Errors of GitHub's API, distinguished by what should happen next. Status and header fields
//! decide, never a message.

use autoissue_engine::{Failure, Time};

use crate::forge::Fault;

/// Why a GitHub request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GithubError {
    /// The API's URL is malformed.
    #[error("`{url}` is not a valid API URL")]
    BadAddress {
        /// The URL.
        url: String,
    },
    /// The token was rejected.
    #[error("GitHub rejected the token from `{origin}`: {message}")]
    Unauthorized {
        /// Where the token comes from.
        origin: &'static str,
        /// GitHub's message.
        message: String,
    },
    /// The token lacks a permission.
    #[error("this token is not allowed to {doing}: {message}")]
    Forbidden {
        /// What was requested, beginning with a verb.
        doing: &'static str,
        /// GitHub's message.
        message: String,
        /// Scopes of the token, if it is of a kind that has scopes.
        scopes: Option<String>,
    },
    /// The repository is read-only.
    #[error("`{repo}` is archived: branches and pull requests cannot be created")]
    Archived {
        /// The repository.
        repo: String,
    },
    /// The repository does not exist, or the token cannot see it.
    #[error("failed to {doing}: `{repo}` does not exist on GitHub, or this token cannot see it")]
    NotFound {
        /// The repository.
        repo: String,
        /// What was requested, beginning with a verb.
        doing: &'static str,
        /// Scopes of the token, if it is of a kind that has scopes.
        scopes: Option<String>,
    },
    /// The account is rate-limited.
    #[error("failed to {doing}: GitHub rate-limits this account until {until}")]
    Limited {
        /// What was requested, beginning with a verb.
        doing: &'static str,
        /// When the limit ends.
        until: Time,
    },
    /// GitHub has an internal error.
    #[error("failed to {doing}: GitHub answered with status {status}")]
    Broken {
        /// What was requested, beginning with a verb.
        doing: &'static str,
        /// HTTP status.
        status: u16,
    },
    /// There was no answer, or only part of one.
    #[error("failed to {doing}: cannot reach GitHub at `{host}`: {reason}")]
    Unreachable {
        /// What was requested, beginning with a verb.
        doing: &'static str,
        /// The host of the API.
        host: String,
        /// The reason given by the system or the network.
        reason: String,
    },
    /// The host could not prove its identity.
    #[error("cannot establish a TLS connection to `{host}`: {reason}")]
    Untrusted {
        /// The host of the API.
        host: String,
        /// What is wrong with its certificate, or with its TLS.
        reason: String,
    },
    /// The host supports none of the API versions that we know.
    #[error("`{host}` supports API versions {theirs}; this autoissue supports {ours}")]
    Incompatible {
        /// The host of the API.
        host: String,
        /// Versions that the host supports.
        theirs: String,
        /// Versions that we support.
        ours: String,
    },
    /// The repository's plan does not include draft pull requests.
    #[error("draft pull requests are not available for `{repo}`")]
    NoDrafts {
        /// The repository.
        repo: String,
    },
    /// GitHub refused a valid request.
    #[error("GitHub refused to {doing}: {message}")]
    Refused {
        /// What was requested, beginning with a verb.
        doing: &'static str,
        /// HTTP status.
        status: u16,
        /// GitHub's message.
        message: String,
    },
    /// The session was interrupted while waiting to write.
    #[error("interrupted before GitHub was asked to {doing}")]
    Cancelled {
        /// What was to be requested, beginning with a verb.
        doing: &'static str,
    },
}

impl Fault for GithubError {
    fn failure(&self) -> Failure {
        let message = self.to_string();
        let with_hint = || match self.hint() {
            Some(hint) => format!("{self} ({hint})"),
            None => self.to_string(),
        };
        match self {
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Archived { .. }
            | Self::NotFound { .. } => Failure::Auth {
                message: with_hint(),
            },
            Self::Limited { until, .. } => Failure::RateLimit {
                message,
                until: Some(*until),
            },
            Self::Broken { .. } => Failure::Overloaded { message },
            Self::Unreachable { .. } | Self::Untrusted { .. } => Failure::Network { message },
            Self::NoDrafts { .. } => Failure::Refused {
                message: with_hint(),
            },
            Self::Refused { .. } => Failure::NeedsPerson { message },
            Self::BadAddress { .. } | Self::Incompatible { .. } => Failure::Validation {
                message: with_hint(),
            },
            Self::Cancelled { .. } => Failure::Interrupted,
        }
    }

    fn passes(&self) -> bool {
        matches!(
            self,
            Self::Limited { .. } | Self::Broken { .. } | Self::Unreachable { .. }
        )
    }

    fn is_usage(&self) -> bool {
        matches!(self, Self::BadAddress { .. })
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::BadAddress { .. } => {
                "set `github.apiUrl` to something like `https://ghe.example.com/api/v3`"
            }
            Self::Unauthorized {
                origin: "gh auth token",
                ..
            } => "log in again with `gh auth login`",
            Self::Unauthorized { .. } => {
                "it is mistyped, revoked or expired: set it to a new one, or unset it and log in with `gh auth login`"
            }
            Self::Forbidden { scopes, .. } => return Some(rights(scopes.as_deref())),
            Self::NotFound { scopes, .. } => return Some(sight(scopes.as_deref())),
            Self::Archived { .. } => {
                "unarchive it in its settings, or set `project.repo` to another repository"
            }
            Self::Limited { .. } => "run the command again after that time",
            Self::Broken { .. } => {
                "check https://www.githubstatus.com, then run the command again later"
            }
            Self::Unreachable { .. } => {
                "check the network connection (behind a proxy, set `HTTPS_PROXY`), then run the command \
                 again"
            }
            Self::Untrusted { .. } => {
                "check the URL; if the certificate is issued by your company, set `SSL_CERT_FILE` to a file with its \
                 certificate authority"
            }
            Self::NoDrafts { .. } => "set `executor.prDraft` to false",
            Self::Incompatible { .. } => "install a newer autoissue",
            Self::Refused { .. } | Self::Cancelled { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Returns what a token needs in order to push, depending on the kind of token.
fn rights(scopes: Option<&str>) -> String {
    match scopes {
        Some("") => "the token has no scopes; it needs `repo`, or `public_repo` for a public repository".to_owned(),
        Some(scopes) if has_repo(scopes) => "the token has the scope `repo`: check that its user may push there, and \
                                             whether the organisation requires the token to be authorised for single sign-on"
            .to_owned(),
        Some(scopes) => {
            format!("the token has the scopes `{scopes}`; it needs `repo`, or `public_repo` for a public repository")
        }
        None => "its user needs push access; a fine-grained token also needs Contents, Issues and Pull \
                 requests (read and write) for this repository"
            .to_owned(),
    }
}

/// Returns what a token needs in order to see a repository.
fn sight(scopes: Option<&str>) -> String {
    let name = "check the name (`git remote get-url origin`, or `project.repo`)";
    let private = "to see a private repository, the token needs";
    match scopes {
        Some("") => format!("{name}; {private} the scope `repo`, but it has none"),
        Some(scopes) if has_repo(scopes) => format!(
            "{name}, that the token's user may see it, and whether the organisation requires the token to be authorised for \
             single sign-on"
        ),
        Some(scopes) => format!("{name}; {private} the scope `repo`, but it has `{scopes}`"),
        None => format!("{name}; {private} access to it"),
    }
}

fn has_repo(scopes: &str) -> bool {
    scopes.split(',').any(|scope| scope.trim() == "repo")
}
