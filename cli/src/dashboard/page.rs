//! The page's files, embedded in the binary: plain HTML, CSS and JavaScript modules, without a
//! build step or external resources.
//!
//! They are the same for everyone and contain no session data; they request it from the API.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

use super::auth::Fields;

/// A file of the page.
struct Asset {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Lists files in `page/`.
macro_rules! assets {
    ($($path:literal $kind:ident $file:literal)*) => {
        &[$(Asset { path: $path, kind: $kind, text: include_str!(concat!("page/", $file)) }),*]
    };
}

const ASSETS: &[Asset] = assets![
    "/" HTML "index.html"
    "/style.css" CSS "style.css"
    "/app.js" JS "app.js"
    "/api.js" JS "api.js"
    "/attention.js" JS "attention.js"
    "/breaker.js" JS "breaker.js"
    "/chart.js" JS "chart.js"
    "/dom.js" JS "dom.js"
    "/feed.js" JS "feed.js"
    "/list.js" JS "list.js"
    "/overview.js" JS "overview.js"
    "/running.js" JS "running.js"
    "/sessions.js" JS "sessions.js"
    "/timeline.js" JS "timeline.js"
    "/words.js" JS "words.js"
    "/icon-well.svg" SVG "icon-well.svg"
    "/icon-attention.svg" SVG "icon-attention.svg"
    "/icon-trouble.svg" SVG "icon-trouble.svg"
    "/icon-idle.svg" SVG "icon-idle.svg"
];

/// Parts of the log-in page.
const LOG_IN: &str = include_str!("page/login.html");
const PASSWORD_FIELDS: &str = include_str!("page/login-password.html");
const TOKEN_FIELD: &str = include_str!("page/login-token.html");
const BETWEEN: &str = "<p class=\"between\">or</p>\n";

/// Why a log-in was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    /// The credentials are wrong.
    Wrong,
    /// There were too many wrong ones.
    TooOften,
}

/// Returns whether a file is part of the log-in page, which needs no credentials.
pub(crate) fn is_of_log_in(path: &str) -> bool {
    matches!(path, "/style.css" | "/icon-idle.svg" | "/favicon.ico")
}

/// Creates the routes of the page's files.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let routes = ASSETS.iter().fold(Router::new(), |router, asset| {
        let tag = HeaderValue::from_str(&tag(asset.text)).expect("hexadecimal digits in quotes");
        router.route(
            asset.path,
            get(move |headers: HeaderMap| std::future::ready(answer(asset, &tag, &headers))),
        )
    });
    // Browsers request it even before a page has loaded.
    routes.route(
        "/favicon.ico",
        get(|| std::future::ready(StatusCode::NO_CONTENT)),
    )
}

fn answer(asset: &'static Asset, tag: &HeaderValue, headers: &HeaderMap) -> Response {
    let cache = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::ETAG, tag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH) == Some(tag) {
        return (StatusCode::NOT_MODIFIED, cache).into_response();
    }
    (cache, [(header::CONTENT_TYPE, asset.kind)], asset.text).into_response()
}

fn tag(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!("\"{}\"", hex::encode(&digest[..8]))
}

/// Returns the log-in page. It contains nothing from the request.
pub(crate) fn log_in(fields: Fields, refusal: Option<Refusal>) -> Html<String> {
    let mut form = String::new();
    if fields.password {
        form.push_str(PASSWORD_FIELDS);
    }
    if fields.password && fields.token {
        form.push_str(BETWEEN);
    }
    if fields.token {
        form.push_str(TOKEN_FIELD);
    }
    let refusal = match refusal {
        None => "",
        Some(Refusal::Wrong) => {
            "<p class=\"refusal\" role=\"alert\">Wrong user name, password or token.</p>"
        }
        Some(Refusal::TooOften) => {
            "<p class=\"refusal\" role=\"alert\">Too many attempts. Wait a minute, then try again.</p>"
        }
    };
    Html(
        LOG_IN
            .replace("<!-- refusal -->", refusal)
            .replace("<!-- fields -->", &form),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_asks_for_anything_from_outside_or_makes_markup_of_text() {
        for asset in ASSETS {
            let text = asset.text.replace("http://www.w3.org/2000/svg", "");
            for word in [
                "http://",
                "https://",
                "@import",
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "eval(",
            ] {
                assert!(!text.contains(word), "{}: {word}", asset.path);
            }
            for word in ["<script>", "<style>", " style=", " onclick", "javascript:"] {
                assert!(
                    asset.kind != HTML || !text.contains(word),
                    "{}: {word}",
                    asset.path
                );
            }
        }
    }

    #[test]
    fn the_page_refers_only_to_existing_files() {
        let names: Vec<&str> = ASSETS
            .iter()
            .map(|asset| asset.path.trim_start_matches('/'))
            .collect();
        for asset in ASSETS {
            let imports = asset
                .text
                .split("from \"./")
                .skip(1)
                .chain(asset.text.split("src=\"/").skip(1));
            let links = asset
                .text
                .split("href=\"/")
                .skip(1)
                .filter(|_| asset.kind == HTML);
            for file in imports
                .chain(links)
                .filter_map(|rest| rest.split('"').next())
            {
                let file = file.split('?').next().unwrap_or_default();
                assert!(names.contains(&file), "{}: {file}", asset.path);
            }
        }
    }

    #[test]
    fn the_log_in_page_has_the_fields_that_are_asked_for() {
        let page = |password, token| log_in(Fields { password, token }, Some(Refusal::Wrong)).0;
        assert!(
            page(true, false).contains("name=\"password\"")
                && !page(true, false).contains("name=\"token\"")
        );
        assert!(
            !page(false, true).contains("name=\"password\"")
                && page(false, true).contains("name=\"token\"")
        );
        assert!(
            page(true, true).contains("role=\"alert\"")
                && !page(true, true).contains("<!-- fields")
        );
    }
}
