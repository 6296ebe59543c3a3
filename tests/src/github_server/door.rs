//! The layer that every exchange passes through: the log, the token, limits, and the common
//! response headers.
//!
//! ```text
//! wire -> door: log, policy, faults, token, limits, media types -> handler (`api`) or git (`git_http`)
//!      -> door: ETag, headers, policy, log, faults -> wire
//! ```

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tower::ServiceExt as _;

use super::Shared;
use super::answer::Answer;
use super::call::Call;
use super::exchange::{Answered, Received};
use super::faults::{Fault, HangUp, truncated};
use super::git_http;
use super::token::Token;

/// A request as axum represents it.
type Knock = axum::extract::Request;

/// Path prefix of the API on GitHub Enterprise.
const ENTERPRISE: &str = "/api/v3";
/// The version used when a request names none. GitHub is retiring it.
const DEFAULT_API_VERSION: &str = "2022-11-28";
/// Header fields that may be repeated, as parts of one list (RFC 9110, section 5.3).
const LISTS: [&str; 3] = ["accept", "accept-encoding", "if-none-match"];
/// GitHub's error for a client without a User-Agent.
const NO_USER_AGENT: &str = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header";

pub(super) async fn answer(
    shared: Arc<Shared>,
    router: Router,
    knock: Knock,
) -> Result<Response<Body>, HangUp> {
    let request = receive(&shared, knock).await?;
    let at = shared.log_request(&request);
    let token = token_text(&request).unwrap_or_default();
    let _under_way = shared.judge(&request, &token);
    let fault = shared.faults.take(&request);
    match &fault {
        Some(Fault::CutBefore) => return Err(HangUp),
        Some(Fault::Hold(gate)) => gate.pass().await,
        _ => {}
    }
    let ordered = fault
        .as_ref()
        .and_then(|fault| ordered_answer(&shared, fault, &token));
    let is_fault = ordered.is_some();
    let response = match ordered {
        Some(response) => response,
        None if request.is_git => git_http::answer(&shared, &request).await,
        None => api(&shared, router, &request).await,
    };
    let (mut parts, body) = response.into_parts();
    // hyper sets the length again when sending: a fault may shorten the body.
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = to_bytes(body, usize::MAX).await.map_err(|_| HangUp)?;
    let is_delivered = !matches!(
        fault,
        Some(Fault::CutAfter | Fault::Truncate | Fault::Malformed)
    );
    let (status, headers) = (parts.status.as_u16(), parts.headers.clone());
    let answered = Answered {
        status,
        headers,
        body: body.clone(),
        is_fault,
        is_delivered,
    };
    shared
        .policy
        .answered(&request, &answered, &token, shared.clock.now());
    shared.log_answer(at, answered);
    deliver(
        Response::from_parts(parts, Body::from(body.clone())),
        &body,
        fault,
    )
    .await
}

/// Delivers a response, as far as the fault allows.
async fn deliver(
    response: Response<Body>,
    body: &Bytes,
    fault: Option<Fault>,
) -> Result<Response<Body>, HangUp> {
    match fault {
        Some(Fault::CutAfter) => Err(HangUp),
        Some(Fault::Truncate) => Ok(truncated(response, body)),
        Some(Fault::Malformed) => Ok(response.map(|_| Body::from(body.slice(..body.len() / 2)))),
        Some(Fault::HoldAnswer(gate)) => {
            gate.pass().await;
            Ok(response)
        }
        _ => Ok(response),
    }
}

/// Returns the response that a fault puts in place of the server's own.
fn ordered_answer(shared: &Shared, fault: &Fault, token: &str) -> Option<Response<Body>> {
    match fault {
        Fault::Answer {
            status,
            headers,
            body,
        } => {
            let mut response = Response::new(Body::from(body.clone()));
            *response.status_mut() = StatusCode::from_u16(*status).expect("a status");
            for (name, value) in headers {
                insert(response.headers_mut(), name, value);
            }
            Some(response)
        }
        Fault::PrimaryLimit { status, reset_in } => {
            let mut quota = shared.quota(shared.known_token(token).as_ref());
            quota.remaining = 0;
            quota.reset = shared.clock.after(*reset_in);
            let mut response = shared.out_of_quota(None).into_response();
            quota
                .headers()
                .iter()
                .for_each(|(name, value)| insert(response.headers_mut(), name, value));
            *response.status_mut() = StatusCode::from_u16(*status).expect("a status");
            Some(response)
        }
        Fault::SecondaryLimit {
            status,
            retry_after_s,
        } => {
            let quota = shared.quota(shared.known_token(token).as_ref());
            let mut response = too_fast(*retry_after_s);
            quota
                .headers()
                .iter()
                .for_each(|(name, value)| insert(response.headers_mut(), name, value));
            *response.status_mut() = StatusCode::from_u16(*status).expect("a status");
            Some(response)
        }
        _ => None,
    }
}

/// GitHub's error for a client that sends requests too fast.
fn too_fast(retry_after_s: Option<u64>) -> Response<Body> {
    let message =
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let documentation = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits";
    let mut response =
        Answer::documented(StatusCode::FORBIDDEN, message, documentation).into_response();
    if let Some(seconds) = retry_after_s {
        insert(response.headers_mut(), "retry-after", &seconds.to_string());
    }
    response
}

/// Reads the whole request and normalizes its path.
async fn receive(shared: &Shared, knock: Knock) -> Result<Received, HangUp> {
    let (parts, body) = knock.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|_| HangUp)?;
    let path = parts.uri.path();
    let is_git = git_http::is_git(path);
    let path = match path {
        "/api/graphql" => "/graphql",
        path => path.strip_prefix(ENTERPRISE).unwrap_or(path),
    };
    Ok(Received {
        method: parts.method.to_string(),
        path: if is_git {
            path.to_owned()
        } else {
            by_name(shared, path)
        },
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        is_git,
    })
}

/// Rewrites `/repositories/{id}/…`, as found in links and redirects, to `/repos/{owner}/{name}/…`.
fn by_name(shared: &Shared, path: &str) -> String {
    let found = path.strip_prefix("/repositories/").and_then(|rest| {
        let (id, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let world = shared.world();
        let name = world.by_id(id.parse().ok()?)?.full_name();
        Some(
            format!("/repos/{name}/{rest}")
                .trim_end_matches('/')
                .to_owned(),
        )
    });
    found.unwrap_or_else(|| path.to_owned())
}

async fn api(shared: &Arc<Shared>, router: Router, request: &Received) -> Response<Body> {
    let visitor = visitor(shared, request);
    let token = visitor.as_ref().ok().and_then(Option::as_ref);
    let is_free = request.path == "/rate_limit";
    let refusal = refusal(shared, request, &visitor, is_free);
    let response = match refusal {
        Some(refusal) => refusal,
        None => handle(shared, router, request, token.cloned()).await,
    };
    let mut response = tagged(request, response).await;
    announce(response.headers_mut(), shared, request);
    let is_unchanged = response.status() == StatusCode::NOT_MODIFIED;
    let quota = shared.use_quota(token, !is_free && !is_unchanged);
    for (name, value) in quota.headers() {
        insert(response.headers_mut(), name, &value);
    }
    describe_token(response.headers_mut(), token);
    insert(
        response.headers_mut(),
        "x-github-request-id",
        "0000:0000:0000:0000:00000000",
    );
    insert(
        response.headers_mut(),
        "x-github-media-type",
        "github.v3; format=json",
    );
    insert(response.headers_mut(), "server", "github.com");
    let date = shared
        .clock
        .now()
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    insert(response.headers_mut(), "date", &date);
    response
}

/// Returns the error response if the request must not reach a handler.
fn refusal(
    shared: &Shared,
    request: &Received,
    visitor: &Result<Option<Token>, Answer>,
    is_free: bool,
) -> Option<Response<Body>> {
    if request.header("user-agent").is_none_or(str::is_empty) {
        return Some(Answer::forbidden(NO_USER_AGENT).into_response());
    }
    let token = match visitor {
        Ok(token) => token.as_ref(),
        Err(_) => return Some(Answer::bad_credentials().into_response()),
    };
    if let Some(seconds) = shared.secondary_limit_s(token) {
        return Some(too_fast(Some(seconds)));
    }
    if !is_free && shared.quota(token).remaining == 0 {
        return Some(shared.out_of_quota(token).into_response());
    }
    unreadable(shared, request).map(Answer::into_response)
}

/// Returns an error if GitHub could not interpret the request, or the client could not interpret
/// the response.
fn unreadable(shared: &Shared, request: &Received) -> Option<Answer> {
    if let Some(version) = version(request).filter(|it| !shared.api_versions().contains(it)) {
        let message = format!("`{version}` is not a supported API version.");
        return Some(Answer::error(StatusCode::BAD_REQUEST, &message));
    }
    let repeated = request.headers.keys().find(|name| {
        !LISTS.contains(&name.as_str()) && 1 < request.headers.get_all(*name).iter().count()
    });
    if let Some(name) = repeated {
        let message = format!("The header `{name}` came more than once.");
        return Some(Answer::error(StatusCode::BAD_REQUEST, &message));
    }
    let accept = request
        .header("accept")
        .filter(|accept| !accepts_json(accept))?;
    let message =
        format!("Unsupported 'Accept' header: '{accept}'. Must accept 'application/json'.");
    Some(Answer::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message))
}

/// Returns the version that a request names. GitHub joins repeated headers into one list, which is
/// not a valid version.
fn version(request: &Received) -> Option<String> {
    let named: Vec<&str> = request
        .headers
        .get_all("x-github-api-version")
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    (!named.is_empty()).then(|| named.join(", "))
}

/// Adds the deprecation headers if the version used is being retired.
fn announce(headers: &mut HeaderMap, shared: &Shared, request: &Received) {
    let version = version(request).unwrap_or_else(|| DEFAULT_API_VERSION.to_owned());
    insert(headers, "x-github-api-version-selected", &version);
    if version == DEFAULT_API_VERSION && shared.api_versions().len() > 1 {
        insert(headers, "deprecation", "@1773100800");
        insert(headers, "sunset", "Fri, 10 Mar 2028 00:00:00 GMT");
    }
}

fn accepts_json(accept: &str) -> bool {
    let kinds = accept.split(',').map(|kind| {
        kind.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    });
    let mut kinds = kinds.filter(|kind| !kind.is_empty()).peekable();
    kinds.peek().is_none()
        || kinds.any(|kind| {
            kind == "*/*"
                || kind == "application/*"
                || kind.starts_with("application/") && kind.ends_with("json")
        })
}

/// Identifies the caller; an invalid token is an error.
fn visitor(shared: &Shared, request: &Received) -> Result<Option<Token>, Answer> {
    let Some(token) = token_text(request) else {
        return Ok(None);
    };
    shared
        .known_token(&token)
        .map(Some)
        .ok_or_else(Answer::bad_credentials)
}

/// Returns the token of an API request.
pub(super) fn token_text(request: &Received) -> Option<String> {
    let (scheme, rest) = request.header("authorization")?.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" => Some(rest.trim().to_owned()),
        "basic" => {
            let pair = String::from_utf8(BASE64.decode(rest.trim()).ok()?).ok()?;
            Some(pair.split_once(':')?.1.to_owned())
        }
        _ => Some(String::new()),
    }
}

async fn handle(
    shared: &Arc<Shared>,
    router: Router,
    request: &Received,
    visitor: Option<Token>,
) -> Response<Body> {
    let pairs = axum::extract::Query::try_from_uri(&target(request))
        .map(|query| query.0)
        .unwrap_or_default();
    let call = Call {
        shared: Arc::clone(shared),
        visitor,
        method: request.method.clone(),
        path: request.path.clone(),
        query: pairs,
        raw_query: request.query.clone(),
        body: request.body.clone(),
    };
    let routed = Request::builder()
        .method(request.method.as_str())
        .uri(target(request))
        .extension(call);
    let routed = routed.body(Body::empty()).expect("a valid request");
    router
        .oneshot(routed)
        .await
        .unwrap_or_else(|never| match never {})
}

fn target(request: &Received) -> axum::http::Uri {
    request.target().parse().expect("a valid URI")
}

/// Adds a weak ETag to a cacheable response, or returns 304 if the client already has it.
async fn tagged(request: &Received, response: Response<Body>) -> Response<Body> {
    if request.method != "GET" || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body in memory");
    let etag = etag(&body);
    insert(&mut parts.headers, "etag", &etag);
    insert(
        &mut parts.headers,
        "cache-control",
        "private, max-age=60, s-maxage=60",
    );
    insert(
        &mut parts.headers,
        "vary",
        "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding",
    );
    let strong = etag.trim_start_matches("W/");
    let known = request.header("if-none-match").unwrap_or_default();
    if known
        .split(',')
        .any(|tag| tag.trim().trim_start_matches("W/") == strong)
    {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

/// Returns the same tag for the same bytes.
fn etag(body: &Bytes) -> String {
    let id = git2::Oid::hash_object(git2::ObjectType::Blob, body).expect("bytes have a hash");
    format!("W/\"{id}\"")
}

/// Adds the headers that describe the token, as GitHub does on each response.
fn describe_token(headers: &mut HeaderMap, token: Option<&Token>) {
    let Some(token) = token else { return };
    if let Some(scopes) = &token.scopes {
        insert(headers, "x-oauth-scopes", &scopes.join(", "));
        insert(headers, "x-accepted-oauth-scopes", "repo");
    }
    if let Some(expires_at) = &token.expires_at {
        insert(
            headers,
            "github-authentication-token-expiration",
            expires_at,
        );
    }
}

pub(super) fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("a header of visible characters");
    headers.insert(HeaderName::from_static(name), value);
}
