//! Parses host, owner and name from the URL of a git remote. Uses neither git nor the network.

use std::net::IpAddr;

/// A repository on a forge, from the URL of a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GitRemote {
    /// The host, in lower case; IPv6 without brackets.
    pub(crate) host: String,
    /// The port of the forge's web server, if the remote is a web URL with a port.
    pub(crate) web_port: Option<u16>,
    /// Whether the URL is `http`. Allowed for this machine only: a token is never sent unencrypted.
    plain_http: bool,
    /// Whether git uses SSH, where the host may be an alias.
    over_ssh: bool,
    /// Owner of the repository.
    pub(crate) owner: String,
    /// Name of the repository, without `.git`.
    pub(crate) name: String,
}

/// Why a remote's URL is not a repository on a forge. Credentials in the URL are never repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GitRemoteError {
    /// A directory on this machine, which only the local forge supports.
    #[error("`{url}` is a path on this machine, not a repository on a forge")]
    Local { url: String },
    /// The URL has no network scheme that git supports, or no host.
    #[error("`{url}` has no host")]
    NoHost {
        /// The URL, without credentials.
        url: String,
    },
    /// A forge other than GitHub.
    #[error("`{host}` is not GitHub")]
    OtherForge { host: String },
    /// The path is not `owner/name`.
    #[error("`{path}` on `{host}` is not `owner/name`")]
    NotOwnerAndName {
        host: String,
        /// The part after the host.
        path: String,
    },
}

impl GitRemote {
    /// Parses a URL in any form that git accepts: `https://`, `http://`, `ssh://`, `git://` and
    /// `user@host:owner/name`, with or without credentials, port, `.git` and trailing slashes.
    ///
    /// # Errors
    ///
    /// If it is a local path, has no host, or its path is not `owner/name`.
    pub(crate) fn parse(url: &str) -> Result<Self, GitRemoteError> {
        let url = url.trim();
        let Address {
            scheme,
            authority,
            path,
        } = split(url)?;
        let no_host = || GitRemoteError::NoHost {
            url: without_credentials(url),
        };
        let (host, port) = without_user(authority)
            .and_then(host_and_port)
            .ok_or_else(no_host)?;
        if is_other_forge(&host) {
            return Err(GitRemoteError::OtherForge { host });
        }
        let (owner, name) =
            owner_and_name(path).ok_or_else(|| GitRemoteError::NotOwnerAndName {
                host: host.clone(),
                path: without_credentials(path),
            })?;
        let is_web = matches!(scheme, "https" | "http");
        Ok(Self {
            plain_http: scheme == "http" && is_this_machine(&host),
            over_ssh: scheme.contains("ssh"),
            web_port: port.filter(|_| is_web),
            host: without_ssh_alias(host),
            owner,
            name,
        })
    }

    /// Returns the remote with an SSH host alias resolved; `host_of` returns the host that SSH
    /// would connect to. A name with a dot is treated as an alias only if it resolves to a known
    /// GitHub host, because an Enterprise host may have another name internally.
    ///
    /// # Errors
    ///
    /// If the host is another forge.
    pub(crate) fn resolved(
        mut self,
        host_of: impl FnOnce(&str) -> Option<String>,
    ) -> Result<Self, GitRemoteError> {
        if !self.over_ssh || api_host(&self.host).is_some() {
            return Ok(self);
        }
        let Some(host) = host_of(&self.host).map(without_ssh_alias) else {
            return Ok(self);
        };
        if is_other_forge(&host) {
            return Err(GitRemoteError::OtherForge { host });
        }
        if api_host(&host).is_some() || !self.host.contains('.') {
            self.host = host;
        }
        Ok(self)
    }

    /// Returns `owner/name`.
    pub(crate) fn repo(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Returns the URL of the forge's API: GitHub's, that of a tenant on `ghe.com`, or that of an
    /// Enterprise host.
    pub(crate) fn api_url(&self) -> String {
        if let Some(host) = api_host(&self.host) {
            return format!("https://{host}");
        }
        let scheme = if self.plain_http { "http" } else { "https" };
        let port = self
            .web_port
            .map(|port| format!(":{port}"))
            .unwrap_or_default();
        match self.host.contains(':') {
            true => format!("{scheme}://[{}]{port}/api/v3", self.host),
            false => format!("{scheme}://{}{port}/api/v3", self.host),
        }
    }
}

/// Returns the separate API host, if there is one: for `github.com` and tenants of `ghe.com`.
pub(super) fn api_host(host: &str) -> Option<String> {
    (host == "github.com" || host.ends_with(".ghe.com")).then(|| format!("api.{host}"))
}

/// Common forges with another API. Any other host may be GitHub Enterprise.
const OTHER_FORGES: [&str; 6] = [
    "bitbucket.org",
    "codeberg.org",
    "dev.azure.com",
    "git.sr.ht",
    "gitea.com",
    "ssh.dev.azure.com",
];

fn is_other_forge(host: &str) -> bool {
    OTHER_FORGES.contains(&host) || host.starts_with("gitlab.")
}

/// Returns whether a host is this machine.
pub(super) fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

struct Address<'a> {
    scheme: &'a str,
    authority: &'a str,
    path: &'a str,
}

fn split(url: &str) -> Result<Address<'_>, GitRemoteError> {
    if let Some((scheme, rest)) = url.split_once("://") {
        return match scheme {
            "https" | "http" | "ssh" | "git" | "git+ssh" | "ssh+git" => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                Ok(Address {
                    scheme,
                    authority,
                    path,
                })
            }
            "file" => Err(GitRemoteError::Local {
                url: url.to_owned(),
            }),
            _ => Err(GitRemoteError::NoHost {
                url: without_credentials(url),
            }),
        };
    }
    // Git's rule: a colon before the first slash makes it `host:path`, anything else is a path.
    match url.split_once(':') {
        Some((authority, path)) if !authority.contains('/') => Ok(Address {
            scheme: "ssh",
            authority,
            path,
        }),
        _ => Err(GitRemoteError::Local {
            url: url.to_owned(),
        }),
    }
}

/// Strips `user:password@`; `None` if there are characters that some parsers take for the end of
/// the host.
fn without_user(authority: &str) -> Option<&str> {
    let is_plain = authority
        .bytes()
        .all(|b| b.is_ascii_graphic() && b != b'\\');
    is_plain.then(|| {
        authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host)
    })
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`; `None` if the host has invalid characters.
pub(super) fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        let port = if rest.is_empty() {
            None
        } else {
            Some(rest.strip_prefix(':')?.parse().ok()?)
        };
        return host.parse::<IpAddr>().ok().map(|ip| (ip.to_string(), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (authority, None),
    };
    let is_host = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let is_valid = !host.is_empty() && host.bytes().all(is_host) && !host.starts_with(['-', '.']);
    is_valid.then(|| (host.to_ascii_lowercase(), port))
}

fn owner_and_name(path: &str) -> Option<(String, String)> {
    fn is_part(part: &str) -> bool {
        !matches!(part, "" | "." | "..")
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    }

    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (owner, name) = path.split_once('/')?;
    (is_part(owner) && is_part(name)).then(|| (owner.to_owned(), name.to_owned()))
}

/// GitHub accepts SSH on port 443 under another host name; the API has only one.
fn without_ssh_alias(host: String) -> String {
    match host.as_str() {
        "ssh.github.com" | "www.github.com" => "github.com".to_owned(),
        _ => host,
    }
}

fn without_credentials(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        (None, Some((_, rest))) => rest.to_owned(),
        (_, None) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_of_ssh_stands_for_its_host() {
        let resolve = |url: &str, host: &str| {
            let remote = GitRemote::parse(url).unwrap();
            let resolved = remote.resolved(|_| Some(host.to_owned()).filter(|it| !it.is_empty()));
            resolved.map(|remote| remote.api_url())
        };
        let github = Ok("https://api.github.com".to_owned());
        assert_eq!(resolve("git@work:o/n.git", "github.com"), github);
        assert_eq!(resolve("ssh://git@work/o/n", "ssh.github.com"), github);
        assert_eq!(resolve("git@github.com-work:o/n", "github.com"), github);
        assert_eq!(
            resolve("git@github.com:o/n", "evil.example"),
            github,
            "a known host is not an alias"
        );
        let enterprise = |host: &str| Ok(format!("https://{host}/api/v3"));
        assert_eq!(
            resolve("git@ghe:o/n", "ghe.example.com"),
            enterprise("ghe.example.com")
        );
        assert_eq!(
            resolve("git@ghe.example.com:o/n", "10.0.0.7"),
            enterprise("ghe.example.com")
        );
        assert_eq!(
            resolve("git@ghe.example.com:o/n", ""),
            enterprise("ghe.example.com")
        );
        assert_eq!(
            resolve("https://work/o/n", "github.com"),
            enterprise("work")
        );
        assert!(matches!(
            resolve("git@work:o/n", "gitlab.com"),
            Err(GitRemoteError::OtherForge { .. })
        ));
    }

    #[track_caller]
    fn check(url: &str, host: &str, repo: &str) {
        let remote = GitRemote::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(
            (remote.host.as_str(), remote.repo().as_str()),
            (host, repo),
            "{url}"
        );
    }

    #[test]
    fn every_form_names_the_same_repository() {
        for host in ["github.com", "ghe.example.com", "10.0.0.7", "localhost"] {
            for repo in [
                "owner/name",
                "o-1/.github",
                "me_corp/a.b.c",
                "x/y_z",
                "o/name.github.io",
                "o/git",
            ] {
                for end in ["", ".git", "/", ".git/", ".git//"] {
                    for start in [
                        format!("https://{host}/"),
                        format!("https://{host}:8443/"),
                        format!("https://user@{host}/"),
                        format!("https://user:p%40ss@{host}/"),
                        format!("https://x-access-token:ghs_abc@{host}//"),
                        format!("http://{host}/"),
                        format!("git://{host}/"),
                        format!("ssh://git@{host}/"),
                        format!("ssh://git@{host}:2222/"),
                        format!("ssh://{host}/"),
                        format!("git@{host}:"),
                        format!("git@{host}:/"),
                        format!("{host}:"),
                        format!("org-123@{host}:"),
                        format!("  https://{}/", host.to_uppercase()),
                    ] {
                        check(&format!("{start}{repo}{end}"), host, repo);
                    }
                }
            }
        }
    }

    #[test]
    fn ssh_over_443_is_still_github() {
        check(
            "ssh://git@ssh.github.com:443/owner/name.git",
            "github.com",
            "owner/name",
        );
    }

    #[test]
    fn local_paths_are_recognized() {
        for url in [
            "/srv/git/name.git",
            "../name",
            "./a:b/c",
            "file:///srv/owner/name",
            "name",
        ] {
            assert!(
                matches!(GitRemote::parse(url), Err(GitRemoteError::Local { .. })),
                "{url}"
            );
        }
    }

    #[test]
    fn other_forges_are_not_taken_for_github() {
        for url in [
            "git@gitlab.com:o/n.git",
            "https://gitlab.example.com/o/n",
            "https://bitbucket.org/o/n.git",
        ] {
            assert!(
                matches!(
                    GitRemote::parse(url),
                    Err(GitRemoteError::OtherForge { .. })
                ),
                "{url}"
            );
        }
    }

    #[test]
    fn an_address_that_is_not_a_repository_is_refused() {
        for url in [
            "",
            "https://",
            "https:///owner/name",
            "https://github.com",
            "https://github.com/owner",
            "https://github.com/owner/name/tree/main",
            "https://github.com/owner/..",
            "https://github.com/owner/na%20me",
            "https://github.com/owner/name?x=1",
            "https://github.com/owner/.git",
            "https://git hub.com/owner/name",
            "https://github.com:port/owner/name",
            "https://github.com\\@evil.example/owner/name",
            "https://-oProxyCommand=x/owner/name",
            "ftp://github.com/owner/name",
            "git@github.com:name",
            "https://[::1/owner/name",
        ] {
            assert!(
                GitRemote::parse(url).is_err(),
                "{url}: {:?}",
                GitRemote::parse(url)
            );
        }
    }

    #[test]
    fn credentials_are_not_repeated() {
        for url in [
            "https://user:hunter2@github.com/owner",
            "https://user:hunter2@/owner/name",
            "https://user:hunter2@git hub/owner/name",
            "ftp://user:hunter2@github.com/owner/name",
            "user:hunter2@github.com/owner/name/more",
        ] {
            let error = GitRemote::parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn any_text_is_answered() {
        let pieces = [
            "https://", "git@", ":", "/", "[", "]", "@", "owner", ".git", "é", "::1", "", "?",
            "\\", "80",
        ];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for d in pieces {
                        if let Ok(remote) = GitRemote::parse(&format!("{a}{b}{c}{d}")) {
                            assert!(
                                !remote.host.is_empty()
                                    && !remote.owner.is_empty()
                                    && !remote.name.is_empty()
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_api_is_derived_from_the_host() {
        for (url, api) in [
            ("git@github.com:o/n", "https://api.github.com"),
            ("ssh://git@ssh.github.com:443/o/n", "https://api.github.com"),
            ("https://acme.ghe.com/o/n", "https://api.acme.ghe.com"),
            (
                "https://ghe.example.com/o/n",
                "https://ghe.example.com/api/v3",
            ),
            (
                "https://ghe.example.com:8443/o/n",
                "https://ghe.example.com:8443/api/v3",
            ),
            (
                "ssh://git@ghe.example.com:2222/o/n",
                "https://ghe.example.com/api/v3",
            ),
            (
                "http://ghe.example.com/o/n",
                "https://ghe.example.com/api/v3",
            ),
            ("http://127.0.0.1:4000/o/n", "http://127.0.0.1:4000/api/v3"),
            ("http://[::1]:4000/o/n", "http://[::1]:4000/api/v3"),
        ] {
            assert_eq!(GitRemote::parse(url).unwrap().api_url(), api, "{url}");
        }
    }
}
