//! Why GitHub could not, or would not, told apart by what should happen next. Status and header fields decide, never a text.

use autoissue_engine::{Failure, Time};

use crate::forge::Fault;

/// Why GitHub did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GithubError {
    /// The address of the API is none.
    #[error("`{url}` is no address of an API")]
    BadAddress {
        /// The address.
        url: String,
    },
    /// The token is not accepted.
    #[error("GitHub does not accept the token from `{origin}`: {message}")]
    Unauthorized {
        /// Where the token is from.
        origin: &'static str,
        /// GitHub's words.
        message: String,
    },
    /// The token may not do this.
    #[error("GitHub does not let this token {doing}: {message}")]
    Forbidden {
        /// What was asked for, beginning with a verb.
        doing: &'static str,
        /// GitHub's words.
        message: String,
        /// Scopes that the token has, where it is of the kind that has scopes.
        scopes: Option<String>,
    },
    /// Nothing can be changed in the repository any more.
    #[error("`{repo}` is archived: it takes neither branches nor pull requests")]
    Archived {
        /// The repository.
        repo: String,
    },
    /// There is no such thing, or the token may not know of it.
    #[error("GitHub has no `{repo}` that this token may see: failed to {doing}")]
    NotFound {
        /// The repository.
        repo: String,
        /// What was asked for, beginning with a verb.
        doing: &'static str,
        /// Scopes that the token has, where it is of the kind that has scopes.
        scopes: Option<String>,
    },
    /// The account is limited.
    #[error("GitHub limits this account until {until}: failed to {doing}")]
    Limited {
        /// What was asked for, beginning with a verb.
        doing: &'static str,
        /// When it may be asked again.
        until: Time,
    },
    /// GitHub is out of order.
    #[error("GitHub answered with status {status}: failed to {doing}")]
    Broken {
        /// What was asked for, beginning with a verb.
        doing: &'static str,
        /// HTTP status.
        status: u16,
    },
    /// There was no answer, or no whole one.
    #[error("GitHub cannot be reached at `{host}`: {reason}; failed to {doing}")]
    Unreachable {
        /// What was asked for, beginning with a verb.
        doing: &'static str,
        /// The host of the API.
        host: String,
        /// What the system or the network said.
        reason: String,
    },
    /// Who answers does not prove to be GitHub.
    #[error("there is no trusted connection to `{host}`: {reason}")]
    Untrusted {
        /// The host of the API.
        host: String,
        /// What is wrong with its certificate, or with its TLS.
        reason: String,
    },
    /// The host serves none of the versions of the API that we know.
    #[error("`{host}` serves API versions {theirs}; this autoissue knows {ours}")]
    Incompatible {
        /// The host of the API.
        host: String,
        /// Versions that it serves.
        theirs: String,
        /// Versions that we know.
        ours: String,
    },
    /// The repository's plan has no draft pull requests.
    #[error("GitHub has no draft pull requests for `{repo}`")]
    NoDrafts {
        /// The repository.
        repo: String,
    },
    /// GitHub understood, and refused.
    #[error("GitHub refused to {doing}: {message}")]
    Refused {
        /// What was asked for, beginning with a verb.
        doing: &'static str,
        /// HTTP status.
        status: u16,
        /// GitHub's words.
        message: String,
    },
    /// We were told to stop while we waited.
    #[error("interrupted before GitHub was asked to {doing}")]
    Cancelled {
        /// What was to be asked for, beginning with a verb.
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
                "it is mistyped, revoked or over: set it to a new one, or unset it and log in with `gh auth login`"
            }
            Self::Forbidden { scopes, .. } => return Some(rights(scopes.as_deref())),
            Self::NotFound { scopes, .. } => return Some(sight(scopes.as_deref())),
            Self::Archived { .. } => {
                "unarchive it in its settings, or set `project.repo` to another"
            }
            Self::Limited { .. } => "run the same command again after that time",
            Self::Broken { .. } => {
                "see https://www.githubstatus.com, and run the same command again later"
            }
            Self::Unreachable { .. } => {
                "see whether this machine has a network (behind a proxy, `HTTPS_PROXY` has to name it), and run the same \
                 command again"
            }
            Self::Untrusted { .. } => {
                "see whether the address is right; if the certificate is your company's own, let `SSL_CERT_FILE` name a \
                 file with its authority"
            }
            Self::NoDrafts { .. } => "set `executor.prDraft` to false",
            Self::Incompatible { .. } => "install a newer autoissue",
            Self::Refused { .. } | Self::Cancelled { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// Returns what a token needs in order to do something, in the words of the kind of token that it is.
fn rights(scopes: Option<&str>) -> String {
    match scopes {
        Some("") => "the token has no scope; it needs `repo`, or `public_repo` for a public repository".to_owned(),
        Some(scopes) if has_repo(scopes) => "the token has the scope `repo`: see whether its user may push there, and \
                                             whether the organisation wants the token authorised for single sign-on"
            .to_owned(),
        Some(scopes) => {
            format!("the token has the scopes `{scopes}`; it needs `repo`, or `public_repo` for a public repository")
        }
        None => "its user needs the right to push there; a fine-grained token also needs Contents, Issues and Pull \
                 requests (read and write) for this repository"
            .to_owned(),
    }
}

/// Returns what a token needs in order to see a repository.
fn sight(scopes: Option<&str>) -> String {
    let name = "see whether the name is right (`git remote get-url origin`, or `project.repo`)";
    let private = "to see a private repository, the token needs";
    match scopes {
        Some("") => format!("{name}; {private} the scope `repo`, and it has none"),
        Some(scopes) if has_repo(scopes) => format!(
            "{name}, whether the token's user may see it, and whether the organisation wants the token authorised for \
             single sign-on"
        ),
        Some(scopes) => format!("{name}; {private} the scope `repo`, and it has `{scopes}`"),
        None => format!("{name}; {private} to be given access to it"),
    }
}

fn has_repo(scopes: &str) -> bool {
    scopes.split(',').any(|scope| scope.trim() == "repo")
}
