//! Why GitHub could not, or would not, told apart by what should happen next. Status and header fields decide, never a text.

use autoissue_engine::Time;

/// Why GitHub did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GithubError {
    /// The address of the API is none.
    #[error("`{url}` is no address of an API")]
    BadAddress {
        /// The address.
        url: String,
    },
    /// The token is not accepted.
    #[error("GitHub does not accept the token: {message}")]
    Unauthorized {
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
    /// There is no such thing, or the token may not know of it.
    #[error("`{repo}` or what was asked of it is not to be found with this token: failed to {doing}")]
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
    #[error("GitHub cannot be reached: failed to {doing}: {reason}")]
    Unreachable {
        /// What was asked for, beginning with a verb.
        doing: &'static str,
        /// What the system or the network said.
        reason: String,
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

impl GithubError {
    /// Returns what a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::BadAddress { .. } => {
                Some("set `github.apiUrl` to something like `https://ghe.example.com/api/v3`".into())
            }
            Self::Unauthorized { .. } => Some(
                "make a new token, or run `gh auth login`; then `autoissue doctor` tells whether it will do".into(),
            ),
            Self::Forbidden { scopes, .. } | Self::NotFound { scopes, .. } => Some(needed(scopes.as_deref())),
            Self::Limited { .. } => Some("run the same command again after that time".into()),
            Self::Broken { .. } => {
                Some("see https://www.githubstatus.com, and run the same command again later".into())
            }
            Self::Unreachable { .. } => {
                Some("see whether this machine has a network, and run the same command again".into())
            }
            Self::Refused { .. } | Self::Cancelled { .. } => None,
        }
    }
}

/// Returns what a token needs, in the words of the kind of token that it is.
fn needed(scopes: Option<&str>) -> String {
    match scopes {
        Some("") => "the token has no scope; it needs `repo`, or `public_repo` for a public repository".to_owned(),
        Some(scopes) if scopes.split(',').any(|scope| scope.trim() == "repo") => {
            "the token has the scope `repo`: see whether the name is right, whether its user may push there, and whether the \
             organisation wants the token authorised for single sign-on"
                .to_owned()
        }
        Some(scopes) => {
            format!("the token has the scopes `{scopes}`; it needs `repo`, or `public_repo` for a public repository")
        }
        None => "see whether the name is right; a fine-grained token needs access to this repository, with Contents and Pull \
                 requests (read and write) and Issues (read and write)"
            .to_owned(),
    }
}
