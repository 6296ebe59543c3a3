//! Who may speak with the dashboard at all: the address that a request names, and the site that it was made by.
//!
//! A page of another site, open in the same browser, can send requests to this machine. Two checks stop it, on every request
//! and before anything else is looked at:
//!
//! | attack | what gives it away |
//! | --- | --- |
//! | a name that is bound to our address after its page was loaded | `Host` is that name |
//! | a request across sites | `Origin`, or the browser's `Sec-Fetch-Site`, is not ours |
//!
//! Pure: it knows headers and the address that is listened on, and touches nothing.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderName, Method, Uri, header};

use super::problem::Problem;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// What our own page's scripts send along.
const PAGE: HeaderName = HeaderName::from_static("autoissue-page");

/// The names and addresses that are ours.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    /// Whether only this machine can reach us.
    is_loopback: bool,
    /// Names by which we can be reached, in lower case.
    names: Vec<String>,
}

impl Hosts {
    /// Makes the list for an address that is listened on, the name it was configured by, and the name of the machine.
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

    /// An address cannot be bound to another site's name, so any will do where other machines can reach us. The port says
    /// nothing: a tunnel may have changed it.
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

/// Checks the address that a request names and the site that made it.
///
/// # Errors
/// Where it is not for us, or not by a page of ours.
pub(crate) fn check(
    hosts: &Hosts,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let authority = authority(uri, headers)?;
    let host = host_of(authority).ok_or_else(|| Problem::bad_request("`Host` is no address"))?;
    if !hosts.is_ours(host) {
        return Err(Problem::host(
            "this address is not one of the dashboard's: use the one that was printed at its start",
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
        // Somebody follows a link to us. Nothing is done by that, and the other site does not see the answer.
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

/// Returns whether a person goes to an address, as opposed to a page's script asking for it.
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

/// Returns whether a page's script asks, so that a challenge would open a dialog of the browser's over the page. Browsers
/// tell only where they trust the connection, so our own page tells by itself.
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
    // A request line with a whole address must not say something else than the header that was checked.
    match uri.authority() {
        Some(authority) if !authority.as_str().eq_ignore_ascii_case(host) => Err(
            Problem::bad_request("`Host` and the request's address differ"),
        ),
        _ => Ok(host),
    }
}

/// Returns the one value of a header; two are an attempt to be read in two ways.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Problem::bad_request(format!("`{name}` is there twice")));
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
    fn only_names_of_ours_reach_us() {
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
    fn a_header_that_is_there_twice_is_refused() {
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
