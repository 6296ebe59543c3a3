//! Whether an API URL may be used. The forge's token is sent there, and anyone can commit a
//! configuration file, so a file may only name the host of `origin` or this machine.

use autoissue_core::config::Problem;

use super::git_remote::{api_host, host_and_port, is_this_machine};
use super::{ConfigError, Loaded, Origin};

/// Rejects an API URL from a file unless it is on the origin's host or on this machine.
///
/// # Errors
///
/// If the file names another URL. One from the environment or a flag is set by the operator and is
/// accepted.
pub(crate) fn check_api_url(loaded: &Loaded, origin_host: Option<&str>) -> Result<(), ConfigError> {
    let Some(url) = loaded.config.github.api_url.as_deref() else {
        return Ok(());
    };
    let origin = loaded.origin("github.apiUrl");
    if !matches!(origin, Origin::File { .. }) || api_url_allowed(url, origin_host) {
        return Ok(());
    }
    let allowed = match origin_host {
        Some(host) => format!("an `https` address on `{host}`, or a loopback address"),
        None => {
            "a loopback address, because there is no `origin` whose host could be used".to_owned()
        }
    };
    let problem = Problem {
        key: "github.apiUrl".to_owned(),
        found: format!("`{}`", url.escape_debug()),
        allowed,
        hint: Some(
            "a configuration file may not send your token elsewhere; if this is intended, set `AUTOISSUE_GITHUB_API_URL`".to_owned(),
        ),
    };
    Err(ConfigError::new(origin, problem))
}

/// Returns whether a URL from a file is on the origin's host (by `https`) or on this machine.
///
/// Only plain URLs are accepted: anything that two parsers might resolve to different hosts is
/// rejected.
pub(super) fn api_url_allowed(url: &str, origin_host: Option<&str>) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((host, _)) = host_and_port(authority) else {
        return false;
    };
    if is_this_machine(&host) {
        return matches!(scheme, "https" | "http");
    }
    let is_origin =
        |origin: &str| host == origin || api_host(origin).as_deref() == Some(host.as_str());
    scheme == "https" && origin_host.is_some_and(is_origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_name_the_origin_and_this_machine() {
        for (url, origin) in [
            ("https://api.github.com", "github.com"),
            ("https://API.GitHub.com/", "github.com"),
            ("https://api.acme.ghe.com", "acme.ghe.com"),
            ("https://ghe.example.com/api/v3", "ghe.example.com"),
            ("https://ghe.example.com:8443/api/v3", "ghe.example.com"),
            ("http://127.0.0.1:4000", "github.com"),
            ("http://localhost:4000/x", "github.com"),
            ("http://[::1]:4000", "github.com"),
        ] {
            assert!(api_url_allowed(url, Some(origin)), "{url}");
        }
    }

    #[test]
    fn a_file_may_name_nothing_else() {
        for url in [
            "https://evil.example",
            "http://api.github.com",
            "https://api.github.com.evil.example",
            "https://github.com@evil.example/",
            "https://evil.example#github.com",
            "https://evil.example\\@api.github.com",
            "https://api.github.com\\.evil.example",
            "https://127.0.0.1.evil.example",
            "https://localhost.evil.example",
            "https://user@api.github.com",
            "https://notgithub.com",
            "https:/api.github.com",
            "//api.github.com",
            "file:///etc/passwd",
            "ftp://127.0.0.1",
            "",
        ] {
            assert!(!api_url_allowed(url, Some("github.com")), "{url}");
        }
        assert!(!api_url_allowed(
            "https://api.ghe.example.com",
            Some("ghe.example.com")
        ));
        assert!(!api_url_allowed("https://api.github.com", None));
    }
}
