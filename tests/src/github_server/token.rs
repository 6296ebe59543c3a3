//! Tokens: their users and what they may do and see.

use std::collections::BTreeSet;

/// An access token of a user.
#[derive(Clone, Debug)]
pub struct Token {
    pub(super) login: String,
    /// The scopes of a classic token; `None` for a fine-grained one.
    pub(super) scopes: Option<Vec<String>>,
    pub(super) is_read_only: bool,
    pub(super) is_revoked: bool,
    /// The repositories it covers; `None` means all that its user can see.
    pub(super) repositories: Option<BTreeSet<String>>,
    pub(super) expires_at: Option<String>,
}

impl Token {
    /// Creates a fine-grained token that may read and write everything.
    pub fn fine_grained(login: &str) -> Self {
        Self {
            login: login.to_owned(),
            scopes: None,
            is_read_only: false,
            is_revoked: false,
            repositories: None,
            expires_at: None,
        }
    }

    /// Creates a classic token with these scopes. Without `repo` it sees no private repository;
    /// with `public_repo` alone it can write to public ones only.
    pub fn classic(login: &str, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Self {
            scopes: Some(scopes),
            ..Self::fine_grained(login)
        }
    }

    /// Makes the token read-only.
    pub fn read_only(self) -> Self {
        Self {
            is_read_only: true,
            ..self
        }
    }

    /// Restricts the token to these repositories (`owner/name`).
    pub fn only(self, repositories: &[&str]) -> Self {
        Self {
            repositories: Some(
                repositories
                    .iter()
                    .map(|name| name.to_ascii_lowercase())
                    .collect(),
            ),
            ..self
        }
    }

    /// Sets the expiry in GitHub's format, such as `2026-12-31 00:00:00 UTC`.
    pub fn expires(self, at: &str) -> Self {
        Self {
            expires_at: Some(at.to_owned()),
            ..self
        }
    }

    fn has_scope(&self, wanted: &[&str]) -> bool {
        self.scopes
            .as_ref()
            .is_none_or(|scopes| scopes.iter().any(|scope| wanted.contains(&scope.as_str())))
    }

    fn covers(&self, full_name: &str) -> bool {
        let full_name = full_name.to_ascii_lowercase();
        self.repositories
            .as_ref()
            .is_none_or(|repositories| repositories.contains(&full_name))
    }

    pub(super) fn sees_private(&self, full_name: &str) -> bool {
        self.has_scope(&["repo"]) && self.covers(full_name)
    }

    pub(super) fn writes(&self, full_name: &str, is_private: bool) -> bool {
        let wanted: &[&str] = if is_private {
            &["repo"]
        } else {
            &["repo", "public_repo"]
        };
        !self.is_read_only && self.has_scope(wanted) && self.covers(full_name)
    }
}
