//! The connection to the API: TLS with the system's certificates, through the proxy from the
//! environment. Sends nothing by itself.
//!
//! ```text
//!   Octocrab ─► token, addresses, redirects ─► client ─┬───────────────────────────► API
//!                                                      └─► CONNECT at the proxy ───► API
//! ```

use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::header::{HeaderName, HeaderValue, USER_AGENT};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioExecutor;
use octocrab::service::middleware::auth_header::AuthHeaderLayer;
use octocrab::service::middleware::base_uri::BaseUriLayer;
use octocrab::service::middleware::extra_headers::ExtraHeadersLayer;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use tower_http::follow_redirect::FollowRedirectLayer;

use autoissue_secret::Secret;

const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// The user agent, which GitHub requires of every client.
const NAME: HeaderValue =
    HeaderValue::from_static(concat!("autoissue/", env!("CARGO_PKG_VERSION")));

/// A proxy between us and the API.
#[derive(Clone, Debug)]
pub struct Proxy(Intercept);

impl Proxy {
    /// Returns the proxy for an address from the environment, by the rules of curl and git:
    /// `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in upper or lower case. An `http` API is on this
    /// machine and needs no proxy.
    pub fn of(environment: &[(OsString, OsString)], api_url: &str) -> Option<Self> {
        let variable = |names: [&str; 2]| {
            let value = |name: &str| {
                environment
                    .iter()
                    .find(|(known, _)| known == OsStr::new(name))
            };
            let found = names
                .into_iter()
                .filter_map(value)
                .map(|(_, value)| value.to_string_lossy().into_owned());
            found
                .into_iter()
                .find(|value| !value.is_empty())
                .unwrap_or_default()
        };
        let matcher = Matcher::builder()
            .all(variable(["ALL_PROXY", "all_proxy"]))
            .https(variable(["HTTPS_PROXY", "https_proxy"]))
            .no(variable(["NO_PROXY", "no_proxy"]))
            .build();
        let address: Uri = api_url.parse().ok()?;
        let is_https = address.scheme_str() == Some("https");
        matcher.intercept(&address).filter(|_| is_https).map(Self)
    }

    /// Returns its address, without credentials.
    pub fn address(&self) -> String {
        self.0.uri().to_string().trim_end_matches('/').to_owned()
    }

    /// Returns whether its kind is supported; other proxies are ignored.
    pub fn is_usable(&self) -> bool {
        matches!(self.0.uri().scheme_str(), Some("http" | "https"))
    }
}

/// Creates a client without sending anything. Must be called within a tokio runtime.
///
/// # Errors
/// The system's certificates cannot be read.
pub(super) fn open(api: Uri, token: &Secret, proxy: Option<&Proxy>) -> io::Result<Octocrab> {
    match proxy.filter(|proxy| proxy.is_usable()) {
        None => Ok(dress(tls(tcp())?, api, token)),
        Some(Proxy(proxy)) => {
            let tunnel = Tunnel::new(proxy.uri().clone(), tls(tcp())?);
            let tunnel = match proxy.basic_auth() {
                Some(auth) => tunnel.with_auth(auth.clone()),
                None => tunnel,
            };
            Ok(dress(tls(tunnel)?, api, token))
        }
    }
}

fn tcp() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_TIME_MAX));
    connector
}

fn tls<C>(below: C) -> io::Result<HttpsConnector<C>> {
    Ok(HttpsConnectorBuilder::new()
        .with_native_roots()?
        .https_or_http()
        .enable_http1()
        .wrap_connector(below))
}

/// Adds to each request the token, which is sent to the API's own host only, and the address.
fn dress<C>(connector: C, api: Uri, token: &Secret) -> Octocrab
where
    C: Connect + Clone + Send + Sync + 'static,
{
    let client = Client::builder(TokioExecutor::new()).build::<_, OctoBody>(connector);
    // A token with other characters was rejected before.
    let mut authorization = HeaderValue::try_from(format!("Bearer {}", token.expose())).ok();
    authorization
        .iter_mut()
        .for_each(|value| value.set_sensitive(true));
    let headers: Vec<(HeaderName, HeaderValue)> = vec![(USER_AGENT, NAME)];
    let built = OctocrabBuilder::new_empty()
        .with_service(client)
        .with_layer(&FollowRedirectLayer::new())
        .with_layer(&ExtraHeadersLayer::new(Arc::new(headers)))
        .with_layer(&BaseUriLayer::new(api.clone()))
        .with_layer(&AuthHeaderLayer::new(authorization, api.clone(), api))
        .with_auth(AuthState::None)
        .build();
    match built {
        Ok(octocrab) => octocrab,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(environment: &[(&str, &str)], api_url: &str, expected: Option<(&str, bool)>) {
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let proxy = Proxy::of(&environment, api_url);
        let found = proxy
            .as_ref()
            .map(|proxy| (proxy.address(), proxy.is_usable()));
        assert_eq!(
            found,
            expected.map(|(address, is_usable)| (address.to_owned(), is_usable))
        );
    }

    #[test]
    fn the_proxy_is_the_one_that_git_would_take() {
        const API: &str = "https://api.github.com";
        let squid = Some(("http://squid:3128", true));
        check(
            &[("HTTPS_PROXY", "http://me:hunter2@squid:3128")],
            API,
            squid,
        );
        check(
            &[("HTTPS_PROXY", ""), ("https_proxy", "squid:3128")],
            API,
            squid,
        );
        check(&[("ALL_PROXY", "http://squid:3128")], API, squid);
        check(
            &[("all_proxy", "socks5h://squid:1080")],
            API,
            Some(("socks5h://squid:1080", false)),
        );
        check(&[("HTTP_PROXY", "http://squid:3128")], API, None);
        check(
            &[
                ("HTTPS_PROXY", "http://squid:3128"),
                ("NO_PROXY", "x.org, github.com"),
            ],
            API,
            None,
        );
        check(
            &[("HTTPS_PROXY", "http://squid:3128"), ("no_proxy", "*")],
            API,
            None,
        );
        check(
            &[("ALL_PROXY", "http://squid:3128")],
            "http://127.0.0.1:4000",
            None,
        );
        check(&[], API, None);
    }

    #[test]
    fn the_password_of_a_proxy_is_not_seen() {
        let environment = [("HTTPS_PROXY".into(), "http://me:hunter2@squid:3128".into())];
        let proxy = Proxy::of(&environment, "https://api.github.com");
        assert!(!format!("{proxy:?}").contains("hunter2"));
    }
}
