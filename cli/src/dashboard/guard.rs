//! Rejects cross-site requests: checks the address that a request names and the site that sent it.
//!
//! A page of another site, open in the same browser, can send requests to this machine. Two checks
//! on every request prevent that, before anything else happens:
//!
//! | attack | detected by |
//! | --- | --- |
//! | DNS rebinding: a name is pointed at our address after its page was loaded | `Host` is that name |
//! | a cross-site request | `Origin`, or the browser's `Sec-Fetch-Site`, is not ours |
//!
//! Pure: it uses only the headers and the listening address.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, Method, Uri, header};

use super::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// Header that our own page's scripts send.
const PAGE: HeaderName = HeaderName::from_static("autoissue-page");

/// Our own names and addresses.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    /// Whether only this machine can reach us.
    is_loopback: bool,
    /// Names under which we are reachable, in lower case.
    names: Vec<String>,
}

impl Hosts {
    /// Creates the list for a listening address, the configured host and the machine's name.
    pub(crate) fn new(listening_on: IpAddr, configured: &str, machine: Option<&str>) -> Self {
        let mut names = vec!["localhost".to_owned()];
        let is_name = |name: &&str| !name.is_empty() && bare(name).parse::<IpAddr>().is_err();
        names.extend(
            Some(configured)
                .filter(is_name)
                .map(str::to_ascii_lowercase),
        );
        if !listening_on.is_loopback() {
            let machine = machine.filter(is_name).map(str::to_ascii_lowercase);
            names.extend(
                machine
                    .into_iter()
                    .flat_map(|name| [format!("{name}.local"), name]),
            );
        }
        Self {
            is_loopback: listening_on.is_loopback(),
            names,
        }
    }

    /// An IP address cannot be rebound by another site, so any is allowed if other machines can
    /// reach us. The port is ignored, because a tunnel may have changed it.
    fn is_ours(&self, host: &str) -> bool {
        match bare(host).parse::<IpAddr>() {
            Ok(address) => address.is_loopback() || !self.is_loopback,
            Err(_) => self
                .names
                .iter()
                .any(|name| host.eq_ignore_ascii_case(name)),
        }
    }
}

/// Checks the address that a request names and the site that sent it.
///
/// # Errors
/// If it is not addressed to us, or was sent by another site.
pub(crate) fn check(
    hosts: &Hosts,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let authority = authority(uri, headers)?;
    let host =
        host_of(authority).ok_or_else(|| Problem::bad_request("`Host` is not a valid address"))?;
    if !hosts.is_ours(host) {
        return Err(Problem::host(
            "this is not an address of the dashboard; use the URL that was printed when it started",
        ));
    }
    let origin_is_ours = one(headers, &header::ORIGIN)?.is_none_or(|origin| {
        let site = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        site.is_some_and(|site| site.eq_ignore_ascii_case(authority))
    });
    let site_is_ours = match one(headers, &SEC_FETCH_SITE)? {
        None | Some("same-origin" | "none") => true,
        // A link from another site. It has no effect, and the other site cannot see the response.
        Some(_) => {
            *method == Method::GET && headers.contains_key(SEC_FETCH_MODE) && is_navigation(headers)
        }
    };
    if origin_is_ours && site_is_ours {
        Ok(())
    } else {
        Err(Problem::origin())
    }
}

/// Returns whether the browser navigates to a page, as opposed to a script's request.
pub(crate) fn is_navigation(headers: &HeaderMap) -> bool {
    let is = |name: &HeaderName, value: &str| headers.get(name).is_some_and(|found| found == value);
    if headers.contains_key(SEC_FETCH_MODE) {
        return is(&SEC_FETCH_MODE, "navigate") && is(&SEC_FETCH_DEST, "document");
    }
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

/// Returns whether a page's script sent the request, in which case a challenge would open a browser
/// dialog over the page. Browsers send `Sec-Fetch-*` only on connections that they trust, so our
/// page sends its own header.
pub(crate) fn is_script(headers: &HeaderMap) -> bool {
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    headers.contains_key(PAGE)
        || accepts.contains("text/event-stream")
        || headers.contains_key(SEC_FETCH_MODE) && !is_navigation(headers)
}

fn authority<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, Problem> {
    let host =
        one(headers, &header::HOST)?.ok_or_else(|| Problem::bad_request("`Host` is missing"))?;
    // An absolute request line must not contradict the checked header.
    match uri.authority() {
        Some(authority) if !authority.as_str().eq_ignore_ascii_case(host) => Err(
            Problem::bad_request("`Host` and the request's target differ"),
        ),
        _ => Ok(host),
    }
}

/// Returns the only value of a header; duplicates are an attempt to be parsed in two ways.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Problem::bad_request(format!("`{name}` appears twice")));
    }
    let text = first.map(|value| value.to_str()).transpose();
    text.map_err(|_| Problem::bad_request(format!("`{name}` is not text")))
}

/// Returns the host of `host`, `host:port`, `[::1]` or `[::1]:port`.
fn host_of(authority: &str) -> Option<&str> {
    fn is_port(port: &str) -> bool {
        !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())
    }

    if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        let fits = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
        return (fits && address.parse::<std::net::Ipv6Addr>().is_ok())
            .then_some(&authority[..address.len() + 2]);
    }
    let (host, port) = authority
        .split_once(':')
        .map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (port.is_none_or(is_port) && !host.is_empty() && host.bytes().all(is_name)).then_some(host)
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ours(listening_on: &str, host: &str) -> bool {
        let hosts = Hosts::new(
            listening_on.parse().unwrap(),
            "nightly.example",
            Some("box"),
        );
        host_of(host).is_some_and(|host| hosts.is_ours(host))
    }

    #[test]
    fn only_our_own_names_are_accepted() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:3030",
            "localhost:1",
            "LOCALHOST",
            "[::1]:3030",
            "nightly.example:3030",
        ] {
            assert!(
                is_ours("127.0.0.1", host) && is_ours("0.0.0.0", host),
                "{host}"
            );
        }
        for host in ["192.168.1.9:3030", "[fd00::1]", "box:3030", "box.local"] {
            assert!(
                !is_ours("127.0.0.1", host) && is_ours("0.0.0.0", host),
                "{host}"
            );
        }
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example:3030",
            "localhost:",
            "localhost:x",
            "a@localhost",
            "[::1",
            "[::1]x",
            "[localhost]",
            "",
            "0x7f.1",
            "2130706433",
        ] {
            assert!(
                !is_ours("127.0.0.1", host) && !is_ours("0.0.0.0", host),
                "{host}"
            );
        }
    }

    #[test]
    fn a_duplicate_header_is_refused() {
        let hosts = Hosts::new("127.0.0.1".parse().unwrap(), "127.0.0.1", None);
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(check(&hosts, &Method::GET, &Uri::from_static("/"), &headers).is_ok());
        assert!(
            check(
                &hosts,
                &Method::GET,
                &Uri::from_static("http://localhost/"),
                &headers
            )
            .is_ok()
        );
        assert!(
            check(
                &hosts,
                &Method::GET,
                &Uri::from_static("http://evil.example/"),
                &headers
            )
            .is_err()
        );
        headers.append(header::HOST, "evil.example".parse().unwrap());
        assert!(check(&hosts, &Method::GET, &Uri::from_static("/"), &headers).is_err());
    }
}
