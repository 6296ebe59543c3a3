//! Access control: hosts, origins, methods, credentials and listen addresses, in all combinations.

use autoissue_tests::http::{Answer, ask};
use autoissue_tests::{MadeUp, Recipe, Served};
use serde_json::json;
use tempfile::TempDir;

use super::{BASIC, BEARER, asking};

/// A request without its credentials.
#[derive(Clone, Copy, Debug)]
struct Shape {
    host: &'static str,
    origin: Origin,
    method: &'static str,
    path: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Origin {
    Absent,
    /// `http://` plus the host of the request.
    Same,
    Other,
    Null,
    /// No `Origin`, but the browser reports a cross-site request.
    CrossSite,
    /// The same, for a user who follows a link.
    Link,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Credentials {
    None,
    Basic,
    Bearer,
    Cookie,
    Wrong,
}

const HOSTS: [&str; 7] = [
    "127.0.0.1:PORT",
    "localhost:PORT",
    "[::1]:PORT",
    "localhost",
    "192.168.7.7:PORT",
    "evil.example:PORT",
    "127.0.0.1.evil.example",
];
const ORIGINS: [Origin; 6] = [
    Origin::Absent,
    Origin::Same,
    Origin::Other,
    Origin::Null,
    Origin::CrossSite,
    Origin::Link,
];
const ADDRESSES: [(&str, &str); 4] = [
    ("GET", "/api/session"),
    ("GET", "/"),
    ("POST", "/api/circuit-breaker/reset"),
    ("DELETE", "/api/session"),
];
const CREDENTIALS: [Credentials; 4] = [
    Credentials::None,
    Credentials::Basic,
    Credentials::Bearer,
    Credentials::Cookie,
];

/// Returns the expected status, by an independent statement of the access rules.
fn expected(shape: Shape, given: Credentials, listens_on: &str, kind: Option<&str>) -> u16 {
    let is_address = shape.host.starts_with("192.168.");
    let is_ours = !shape.host.contains("evil") && (!is_address || listens_on == "0.0.0.0");
    if !is_ours {
        return 421;
    }
    let is_refused = matches!(
        shape.origin,
        Origin::Other | Origin::Null | Origin::CrossSite
    );
    if is_refused || shape.origin == Origin::Link && shape.method != "GET" {
        return 403;
    }
    let is_in = match (kind, given) {
        (None, _) => true,
        (Some(_), Credentials::None | Credentials::Wrong) => false,
        (Some(kind), Credentials::Basic) => kind != "token",
        (Some(kind), Credentials::Bearer) => kind != "basic",
        (Some(_), Credentials::Cookie) => true,
    };
    match (is_in, shape.method, shape.path) {
        (false, "GET", "/") => 303,
        (false, ..) => 401,
        (true, "GET", _) => 200,
        // The session has ended.
        (true, "POST", _) => 409,
        (true, ..) => 405,
    }
}

fn send(served: &Served, shape: Shape, given: Credentials, cookie: &str) -> Answer {
    let host = shape.host.replace("PORT", &served.port.to_string());
    let same = format!("http://{host}");
    let mut headers = vec![("host", host.as_str())];
    match shape.origin {
        Origin::Absent => {}
        Origin::Same => headers.push(("origin", &same)),
        Origin::Other => headers.push(("origin", "http://evil.example")),
        Origin::Null => headers.push(("origin", "null")),
        Origin::CrossSite => headers.extend([
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "no-cors"),
        ]),
        Origin::Link => headers.extend([
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ]),
    }
    match given {
        Credentials::None => {}
        Credentials::Basic => headers.push(BASIC),
        Credentials::Bearer => headers.push(BEARER),
        Credentials::Cookie => headers.push(("cookie", cookie)),
        Credentials::Wrong => headers.push(("authorization", "Bearer wr0ng")),
    }
    if shape.path == "/" {
        headers.push(("accept", "text/html"));
    }
    ask(served.port, shape.method, shape.path, &headers, "")
}

/// Logs in on the page; returns the cookie.
fn log_in(served: &Served, kind: &str) -> String {
    let form = if kind == "token" {
        "token=t0ken-t0ken"
    } else {
        "username=ada&password=pass+word"
    };
    let answer = ask(served.port, "POST", "/login", &[], form);
    assert_eq!(answer.status, 303, "{kind}: {}", answer.body);
    let cookie = answer.header("set-cookie").expect("a cookie");
    cookie.split(';').next().expect("a pair").to_owned()
}

#[test]
fn every_combination_of_host_origin_method_and_credentials_follows_the_rules() {
    let state = TempDir::new().unwrap();
    MadeUp::run(state.path(), Recipe::new(3, 99));
    let mut n_combinations = 0;
    let mut wrong = Vec::new();
    let dashboards = ["127.0.0.1", "0.0.0.0"]
        .map(|host| [None, Some("basic"), Some("token"), Some("both")].map(|kind| (host, kind)));
    // Without credentials it refuses to start on an address that other machines can reach.
    for (host, kind) in dashboards
        .into_iter()
        .flatten()
        .filter(|(host, kind)| *host != "0.0.0.0" || kind.is_some())
    {
        let settings = kind.map_or_else(|| json!({ "host": host }), |kind| asking(kind, host));
        let served = Served::start(state.path(), &settings);
        let cookie = kind.map(|kind| log_in(&served, kind)).unwrap_or_default();
        let shapes = HOSTS.iter().flat_map(|host| {
            ORIGINS.iter().flat_map(move |origin| {
                ADDRESSES.map(|(method, path)| Shape {
                    host,
                    origin: *origin,
                    method,
                    path,
                })
            })
        });
        for shape in shapes {
            // More than a few wrong credentials count as guessing and are rate-limited.
            let tries_wrong = shape.origin == Origin::Absent
                && (shape.method, shape.path) == ("GET", "/api/session")
                && !shape.host.starts_with("192.168.");
            let given = CREDENTIALS
                .into_iter()
                .chain(tries_wrong.then_some(Credentials::Wrong));
            for given in given.filter(|given| kind.is_some() || *given == Credentials::None) {
                // Credentials of the other kind are wrong too.
                if matches!(
                    (kind, given),
                    (Some("basic"), Credentials::Bearer) | (Some("token"), Credentials::Basic)
                ) && !tries_wrong
                {
                    continue;
                }
                n_combinations += 1;
                let answer = send(&served, shape, given, &cookie);
                let expected = expected(shape, given, host, kind);
                if answer.status != expected {
                    wrong.push(format!(
                        "{host} {kind:?} {shape:?} {given:?}: {} is not {expected}",
                        answer.status
                    ));
                }
                let hardened = answer
                    .header("content-security-policy")
                    .is_some_and(|csp| csp.contains("default-src 'none'"));
                let shares = answer
                    .headers
                    .iter()
                    .any(|(name, _)| name.starts_with("access-control-"));
                assert!(
                    hardened
                        && !shares
                        && answer.header("x-content-type-options") == Some("nosniff"),
                    "{shape:?}"
                );
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {n_combinations} combinations are wrong: {wrong:#?}",
        wrong.len()
    );
    assert!(n_combinations >= 1_000, "{n_combinations}");
}

#[test]
fn the_same_rules_apply_to_the_event_stream() {
    let state = TempDir::new().unwrap();
    MadeUp::run(state.path(), Recipe::new(3, 99));
    let served = Served::start(state.path(), &asking("token", "127.0.0.1"));
    let status = |headers: &[(&str, &str)]| {
        ask(served.port, "GET", "/api/events?session=2", headers, "").status
    };
    assert_eq!(status(&[]), 401);
    assert_eq!(status(&[BEARER, ("host", "evil.example")]), 421);
    assert_eq!(status(&[BEARER, ("origin", "http://evil.example")]), 403);
    assert_eq!(
        status(&[BEARER]),
        200,
        "the stream must end when the session has ended"
    );
}

#[test]
fn health_needs_no_credentials_and_reveals_nothing() {
    let state = TempDir::new().unwrap();
    let served = Served::start(state.path(), &asking("both", "127.0.0.1"));
    let answer = autoissue_tests::http::get(served.port, "/api/health");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"status":"ok"}"#)
    );
    assert_eq!(
        ask(
            served.port,
            "GET",
            "/api/health",
            &[("host", "evil.example")],
            ""
        )
        .status,
        421
    );
}

#[test]
fn a_challenge_is_sent_to_programs_but_not_to_the_page() {
    let state = TempDir::new().unwrap();
    let served = Served::start(state.path(), &asking("both", "127.0.0.1"));
    let challenges = |headers: &[(&str, &str)]| {
        let answer = ask(served.port, "GET", "/api/session", headers, "");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (401, Some("application/problem+json"))
        );
        answer
            .headers
            .iter()
            .filter(|(name, _)| name == "www-authenticate")
            .count()
    };
    assert_eq!(challenges(&[]), 2);
    assert_eq!(challenges(&[("autoissue-page", "1")]), 0);
    assert_eq!(
        challenges(&[
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-site", "same-origin")
        ]),
        0
    );
}

#[test]
fn guessing_credentials_is_rate_limited() {
    let state = TempDir::new().unwrap();
    let served = Served::start(state.path(), &asking("token", "127.0.0.1"));
    let tried: Vec<u16> = (0..12)
        .map(|n| ask(served.port, "POST", "/login", &[], &format!("token={n}")).status)
        .collect();
    assert_eq!(tried, [vec![401; 10], vec![429; 2]].concat());
    let answer = ask(served.port, "GET", "/api/session", &[BEARER], "");
    assert_eq!(answer.status, 429, "right credentials could be a guess too");
    assert!(
        answer
            .header("retry-after")
            .and_then(|wait| wait.parse::<u64>().ok())
            .is_some_and(|wait| wait <= 61)
    );
}

#[test]
fn logging_out_invalidates_the_cookie() {
    let state = TempDir::new().unwrap();
    let served = Served::start(state.path(), &asking("token", "127.0.0.1"));
    let cookie = log_in(&served, "token");
    let status = || {
        ask(
            served.port,
            "GET",
            "/api/sessions",
            &[("cookie", &cookie)],
            "",
        )
        .status
    };
    assert_eq!(status(), 200);
    let answer = ask(served.port, "POST", "/logout", &[("cookie", &cookie)], "");
    assert!(
        answer
            .header("set-cookie")
            .is_some_and(|cookie| cookie.contains("Max-Age=0"))
    );
    assert_eq!(status(), 401);
}
