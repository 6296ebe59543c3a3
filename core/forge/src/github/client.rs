//! Makes one API call: sent once, counted, and its answer read completely. The kind of a refusal is
//! decided here.
//!
//! ```text
//!   call ─► closed? ── yes ──► the error that closed it, without a call
//!              │ no
//!              ▼
//!          octocrab ─► status and headers ─┬─► Answer
//!                                          └─► GithubError; a limit or a bad token closes the client
//! ```

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use autoissue_engine::{IssueNumber, Time};
use http::header::{ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LINK, RETRY_AFTER};
use http::response::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use octocrab::{OctoBody, Octocrab};
use serde_json::Value;

use super::wire;
use super::{Access, GithubError, connection};
use crate::timestamp;

/// Longest time for one call including redirects; GitHub itself gives up after ten seconds.
const CALL_TIME_MAX: Duration = Duration::from_secs(60);
/// Largest answer that is read: a hundred issues of maximum length take a tenth of it.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Bytes of answers kept for conditional requests: the pages of a backlog that is read again. A
/// hundred issues of 4 KB, with everything GitHub adds to them, are 1 MB.
const KEPT_BYTES_MAX: usize = 16 << 20;
/// How long to wait after a limit without a stated end, as GitHub recommends.
const UNSTATED_LIMIT_MS: u64 = 60_000;
/// API versions that autoissue is tested with, newest first.
const API_VERSIONS: [&str; 2] = ["2026-03-10", OLDEST_API_VERSION];
/// The version of hosts that are too old to list their versions.
const OLDEST_API_VERSION: &str = "2022-11-28";
/// Where a host lists its versions.
const VERSIONS_PATH: &str = "/versions";
/// Most characters shown of a header field or a list from the host.
const SHOWN_LENGTH_MAX: usize = 100;

const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const SCOPES: HeaderName = HeaderName::from_static("x-oauth-scopes");
const VERSION: HeaderName = HeaderName::from_static("x-github-api-version");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// A connection to the API of one host.
pub(super) struct Client {
    octocrab: Octocrab,
    /// Scheme, host and port of the API; a next page on another host is not requested.
    address: http::Uri,
    repo: String,
    /// Where the token comes from.
    token_origin: &'static str,
    /// Calls made so far, by the issue they were for.
    calls: Mutex<BTreeMap<Option<IssueNumber>, u32>>,
    /// Why nothing may be sent any longer.
    closed: Mutex<Option<GithubError>>,
    kept: Mutex<Kept>,
    /// The API version in use, once the host has listed its versions.
    version: tokio::sync::OnceCell<&'static str>,
    retirement: Mutex<Option<Retirement>>,
}

/// A deprecation that an answer announced, in the words of its header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retirement {
    /// API version that was requested.
    pub version: String,
    /// Path of the first call with this answer.
    pub path: String,
    /// `Deprecation` (RFC 9745): since when its use is discouraged.
    pub deprecation: Option<String>,
    /// `Sunset` (RFC 8594): when it is expected to stop working.
    pub sunset: Option<String>,
}

impl std::fmt::Display for Retirement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { version, path, .. } = self;
        write!(f, "GitHub retires `{path}` of API version {version}")?;
        if let Some(since) = &self.deprecation {
            write!(f, ", deprecated: {since}")?;
        }
        if let Some(end) = &self.sunset {
            write!(f, ", sunset: {end}")?;
        }
        Ok(())
    }
}

/// Answers kept for conditional requests, by path.
#[derive(Default)]
struct Kept {
    answers: HashMap<String, KeptAnswer>,
    n_bytes: usize,
}

#[derive(Clone)]
struct KeptAnswer {
    etag: HeaderValue,
    headers: HeaderMap,
    body: Arc<[u8]>,
}

impl Kept {
    /// Keeps an answer that has an `ETag`, if there is space.
    fn keep(&mut self, path: &str, headers: &HeaderMap, body: Vec<u8>) {
        let old = self.answers.remove(path).map_or(0, |old| old.body.len());
        self.n_bytes -= old;
        let Some(etag) = headers.get(ETAG).cloned() else {
            return;
        };
        if self.n_bytes + body.len() <= KEPT_BYTES_MAX {
            self.n_bytes += body.len();
            let answer = KeptAnswer {
                etag,
                headers: headers.clone(),
                body: body.into(),
            };
            self.answers.insert(path.to_owned(), answer);
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    /// Issue that it is for.
    pub(super) issue: Option<IssueNumber>,
    /// What the call does, beginning with a verb.
    pub(super) doing: &'static str,
    /// Path with its query, or the full URL of a next page.
    pub(super) path: &'a str,
}

/// A successful answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Client {
    /// Creates a client without sending anything. Must be called within a tokio runtime.
    pub(super) fn new(access: &Access) -> Result<Self, GithubError> {
        let Access {
            api_url,
            repo,
            token,
            proxy,
            ..
        } = access;
        let address = api_url
            .trim_end_matches('/')
            .parse()
            .ok()
            .filter(|uri: &http::Uri| uri.authority().is_some());
        let address = address.ok_or_else(|| GithubError::BadAddress {
            url: api_url.clone(),
        })?;
        let octocrab =
            connection::open(address.clone(), &token.secret, proxy.as_ref()).map_err(|error| {
                GithubError::Untrusted {
                    host: host_of(&address),
                    reason: error.to_string(),
                }
            })?;
        Ok(Self {
            octocrab,
            address,
            repo: repo.clone(),
            token_origin: token.origin,
            calls: Mutex::default(),
            closed: Mutex::default(),
            kept: Mutex::default(),
            version: tokio::sync::OnceCell::new(),
            retirement: Mutex::default(),
        })
    }

    /// Returns the first deprecation that the host announced for something in use.
    pub(super) fn retirement(&self) -> Option<Retirement> {
        lock(&self.retirement).clone()
    }

    /// Makes errors name the repository as it is called now.
    pub(super) fn rename(&mut self, repo: &str) {
        repo.clone_into(&mut self.repo);
    }

    /// Returns the number of calls made for an issue.
    pub(super) fn n_calls(&self, issue: Option<IssueNumber>) -> u32 {
        lock(&self.calls).get(&issue).copied().unwrap_or(0)
    }

    /// Reads a path, conditionally if it was read before: an unchanged answer costs no quota.
    pub(super) async fn get(&self, call: Call<'_>) -> Result<Answer, GithubError> {
        let known = lock(&self.kept).answers.get(call.path).cloned();
        let request = Request::builder().method(Method::GET).uri(call.path);
        let request = match &known {
            Some(known) => request.header(IF_NONE_MATCH, &known.etag),
            None => request,
        };
        let (parts, body) = self.exchange(call, request, None::<&()>).await?;
        if let (StatusCode::NOT_MODIFIED, Some(known)) = (parts.status, known) {
            return self.understand(call, known.headers, &known.body);
        }
        let answer = self.read(call, parts, &body)?;
        lock(&self.kept).keep(call.path, &answer.headers, body);
        Ok(answer)
    }

    /// Reads every page of a list, at most `n_pages_max`, and passes each item to a callback.
    /// Returns whether there are more. Only one page is in memory at a time.
    pub(super) async fn list(
        &self,
        call: Call<'_>,
        n_pages_max: usize,
        mut on_item: impl FnMut(&Value),
    ) -> Result<bool, GithubError> {
        let mut next = Some(call.path.to_owned());
        for _ in 0..n_pages_max {
            let Some(path) = next else { break };
            let answer = self
                .get(Call {
                    path: &path,
                    ..call
                })
                .await?;
            let Some(page) = answer.body.as_array() else {
                return Err(self.not_understood(call));
            };
            page.iter().for_each(&mut on_item);
            next = self.next_page(&answer.headers);
        }
        Ok(next.is_some())
    }

    pub(super) async fn write(
        &self,
        call: Call<'_>,
        method: Method,
        body: &Value,
    ) -> Result<Answer, GithubError> {
        let request = Request::builder().method(method).uri(call.path);
        let (parts, bytes) = self.exchange(call, request, Some(body)).await?;
        self.read(call, parts, &bytes)
    }

    /// Sends once, and reads the whole answer.
    async fn exchange<B: serde::Serialize + ?Sized>(
        &self,
        call: Call<'_>,
        request: http::request::Builder,
        body: Option<&B>,
    ) -> Result<(Parts, Vec<u8>), GithubError> {
        self.check_open()?;
        let version = self.version(call).await?;
        self.send(call, version, request, body).await
    }

    /// Returns the newest API version that both sides know. The host is asked once; until it
    /// answers, nothing else is sent.
    async fn version(&self, call: Call<'_>) -> Result<&'static str, GithubError> {
        let known = self.version.get_or_try_init(|| self.ask_for_version(call));
        known.await.copied()
    }

    /// Asks the host for its versions, using each version of ours in turn: it refuses those that it
    /// does not know.
    async fn ask_for_version(&self, call: Call<'_>) -> Result<&'static str, GithubError> {
        let question = Call {
            path: VERSIONS_PATH,
            ..call
        };
        let mut refused = None;
        for asked in API_VERSIONS {
            let request = Request::builder().method(Method::GET).uri(VERSIONS_PATH);
            let (parts, body) = self.send(question, asked, request, None::<&()>).await?;
            match self.read(question, parts, &body) {
                Ok(answer) => {
                    return newest_common(&answer.body).map_err(|theirs| {
                        GithubError::Incompatible {
                            host: host_of(&self.address),
                            theirs,
                            ours: API_VERSIONS.join(", "),
                        }
                    });
                }
                Err(error @ GithubError::Refused { status: 400, .. }) => refused = Some(error),
                // The host is too old to have this page, or something in front of it hides the
                // page.
                Err(
                    GithubError::NotFound { .. }
                    | GithubError::Forbidden { .. }
                    | GithubError::Unreachable { .. },
                ) => {
                    return Ok(OLDEST_API_VERSION);
                }
                Err(error) => return Err(error),
            }
        }
        Err(refused.expect("at least one version was tried"))
    }

    /// Sends once, using the given API version, and reads the whole answer.
    async fn send<B: serde::Serialize + ?Sized>(
        &self,
        call: Call<'_>,
        version: &'static str,
        request: http::request::Builder,
        body: Option<&B>,
    ) -> Result<(Parts, Vec<u8>), GithubError> {
        let unreachable = |error: Cause<'_>| {
            let reason = root_of(error).to_string();
            if is_about_tls(error) {
                GithubError::Untrusted {
                    host: host_of(&self.address),
                    reason,
                }
            } else {
                self.unreachable(call.doing, reason)
            }
        };
        let request = self.octocrab.build_request(request, body);
        let mut request: Request<OctoBody> = request.map_err(|error| unreachable(&error))?;
        // Octocrab sets its own version header. GitHub refuses two, so this one replaces it.
        let value = HeaderValue::from_static(version);
        request.headers_mut().insert(VERSION, value);
        *lock(&self.calls).entry(call.issue).or_default() += 1;
        let exchange = async {
            let response = self
                .octocrab
                .execute(request)
                .await
                .map_err(|error| unreachable(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| unreachable(error.as_ref()))?;
            Ok((parts, body.to_bytes().into()))
        };
        let reason = format!("no answer within {} seconds", CALL_TIME_MAX.as_secs());
        let late = Err(self.unreachable(call.doing, reason));
        let answered = tokio::time::timeout(CALL_TIME_MAX, exchange)
            .await
            .unwrap_or(late);
        match &answered {
            Ok((parts, _)) => {
                tracing::debug!(
                    status = parts.status.as_u16(),
                    path = call.path,
                    "GitHub answered"
                );
                self.note_retirement(call, version, &parts.headers);
            }
            Err(error) => tracing::debug!(%error, path = call.path, "GitHub did not answer"),
        }
        answered
    }

    /// Remembers and logs the first deprecation that was announced.
    fn note_retirement(&self, call: Call<'_>, version: &str, headers: &HeaderMap) {
        let said = |name| text(headers, name).map(shown);
        let (deprecation, sunset) = (said(&DEPRECATION), said(&SUNSET));
        if deprecation.is_none() && sunset.is_none() {
            return;
        }
        let mut known = lock(&self.retirement);
        if known.is_none() {
            let path = call.path.split('?').next().unwrap_or_default();
            let retirement = Retirement {
                version: version.to_owned(),
                path: path.to_owned(),
                deprecation,
                sunset,
            };
            tracing::warn!("{retirement}");
            *known = Some(retirement);
        }
    }

    fn read(&self, call: Call<'_>, parts: Parts, body: &[u8]) -> Result<Answer, GithubError> {
        if !parts.status.is_success() {
            let error = self.refusal(call, &parts, body);
            self.close(&error);
            return Err(error);
        }
        self.understand(call, parts.headers, body)
    }

    fn understand(
        &self,
        call: Call<'_>,
        headers: HeaderMap,
        body: &[u8],
    ) -> Result<Answer, GithubError> {
        let body: Value = serde_json::from_slice(body).map_err(|_| self.not_understood(call))?;
        Ok(Answer { headers, body })
    }

    fn refusal(&self, call: Call<'_>, parts: &Parts, body: &[u8]) -> GithubError {
        let (doing, status) = (call.doing, parts.status);
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let message = || wire::message(&body).unwrap_or_else(|| status.to_string());
        let scopes = || text(&parts.headers, &SCOPES).map(str::to_owned);
        if let Some(until) = limited_until(parts, &body, timestamp::now().ms()) {
            return GithubError::Limited { doing, until };
        }
        match status.as_u16() {
            401 => GithubError::Unauthorized {
                origin: self.token_origin,
                message: message(),
            },
            403 => GithubError::Forbidden {
                doing,
                message: message(),
                scopes: scopes(),
            },
            404 => GithubError::NotFound {
                repo: self.repo.clone(),
                doing,
                scopes: scopes(),
            },
            status @ 500.. => GithubError::Broken { doing, status },
            status => GithubError::Refused {
                doing,
                status,
                message: message(),
            },
        }
    }

    pub(super) fn unreachable(&self, doing: &'static str, reason: String) -> GithubError {
        GithubError::Unreachable {
            doing,
            host: host_of(&self.address),
            reason,
        }
    }

    fn not_understood(&self, call: Call<'_>) -> GithubError {
        self.unreachable(
            call.doing,
            "the answer is not what GitHub documents".to_owned(),
        )
    }

    /// Stops further calls if the answer is already known: they would only extend a limit.
    fn close(&self, error: &GithubError) {
        if matches!(
            error,
            GithubError::Limited { .. } | GithubError::Unauthorized { .. }
        ) {
            *lock(&self.closed) = Some(error.clone());
        }
    }

    fn check_open(&self) -> Result<(), GithubError> {
        let mut closed = lock(&self.closed);
        match &*closed {
            Some(GithubError::Limited { until, .. }) if until.ms() <= timestamp::now().ms() => {
                *closed = None;
            }
            Some(error) => return Err(error.clone()),
            None => {}
        }
        Ok(())
    }

    /// Returns the URL of the next page, on our own host: a server behind another name links to
    /// itself by that name, and the token must not be sent elsewhere.
    fn next_page(&self, headers: &HeaderMap) -> Option<String> {
        let next: http::Uri = wire::next_page(text(headers, &LINK)?)?.parse().ok()?;
        let mut parts = self.address.clone().into_parts();
        parts.path_and_query = next.into_parts().path_and_query;
        http::Uri::from_parts(parts).ok().map(|uri| uri.to_string())
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.address)
            .field("repo", &self.repo)
            .finish_non_exhaustive()
    }
}

/// Returns the time until which an answer limits the account, if it does. See GitHub's "Rate limits
/// for the REST API".
fn limited_until(parts: &Parts, body: &Value, now_ms: u64) -> Option<Time> {
    if !matches!(parts.status.as_u16(), 403 | 429) {
        return None;
    }
    let number = |name: &HeaderName| text(&parts.headers, name)?.trim().parse::<u64>().ok();
    // One second more, because both are stated in whole seconds.
    let seconds = |seconds: u64| seconds.saturating_add(1).saturating_mul(1_000);
    if let Some(after) = number(&RETRY_AFTER) {
        return Some(Time::from_ms(now_ms.saturating_add(seconds(after))));
    }
    if number(&REMAINING) == Some(0) {
        let until_ms = number(&RESET).map_or(now_ms + UNSTATED_LIMIT_MS, seconds);
        return Some(Time::from_ms(until_ms));
    }
    let is_secondary =
        parts.status == StatusCode::TOO_MANY_REQUESTS || wire::is_about_secondary_limits(body);
    is_secondary.then(|| Time::from_ms(now_ms + UNSTATED_LIMIT_MS))
}

/// Returns the newest version that is also in the host's list, or else that list. An empty or
/// malformed list is ignored.
fn newest_common(body: &Value) -> Result<&'static str, String> {
    let theirs: Vec<&str> = body
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if theirs.is_empty() {
        return Ok(OLDEST_API_VERSION);
    }
    let common = API_VERSIONS
        .into_iter()
        .find(|version| theirs.contains(version));
    common.ok_or_else(|| shown(&theirs.join(", ")))
}

/// Returns a text from the host, cut to a readable length.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_LENGTH_MAX).collect()
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Returns the root cause of an error, which is the most specific: `Connection refused` instead of
/// `client error`.
fn root_of(error: Cause<'_>) -> Cause<'_> {
    causes(error).last().unwrap_or(error)
}

/// Returns whether TLS failed: its library reports errors as invalid data, which nothing else here
/// does.
fn is_about_tls(error: Cause<'_>) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(is_invalid_data)
}

/// Also looks into system errors that hold another error: as a cause they only expose what is below
/// it.
fn is_invalid_data(error: &io::Error) -> bool {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<io::Error>());
    error.kind() == ErrorKind::InvalidData || inner.is_some_and(is_invalid_data)
}

/// An error that lives as long as the error it belongs to.
type Cause<'e> = &'e (dyn Error + 'static);

fn causes(error: Cause<'_>) -> impl Iterator<Item = Cause<'_>> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

fn host_of(address: &http::Uri) -> String {
    address
        .authority()
        .map(ToString::to_string)
        .unwrap_or_default()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The data is valid even if a holder panicked: it is only ever replaced.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW_MS: u64 = 1_000_000;

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &Value, expected_ms: Option<u64>) {
        let mut response = http::Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let (parts, ()) = response.body(()).unwrap().into_parts();
        assert_eq!(
            limited_until(&parts, body, NOW_MS),
            expected_ms.map(Time::from_ms)
        );
    }

    #[test]
    fn limits_are_detected_by_status_and_headers() {
        for status in [403, 429] {
            check(
                status,
                &[("retry-after", "30")],
                &json!({}),
                Some(NOW_MS + 31_000),
            );
            check(
                status,
                &[
                    ("x-ratelimit-remaining", "0"),
                    ("x-ratelimit-reset", "2000"),
                ],
                &json!({}),
                Some(2_001_000),
            );
            check(
                status,
                &[("x-ratelimit-remaining", "0")],
                &json!({}),
                Some(NOW_MS + 60_000),
            );
        }
        check(429, &[], &json!({}), Some(NOW_MS + 60_000));
        let url = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits";
        check(
            403,
            &[("x-ratelimit-remaining", "9")],
            &json!({"documentation_url": url}),
            Some(NOW_MS + 60_000),
        );
    }

    #[test]
    fn the_newest_version_that_both_sides_know_is_asked_for() {
        let check = |body: Value, expected: Result<&str, &str>| {
            assert_eq!(
                newest_common(&body).map_err(|it| it.clone()),
                expected.map_err(str::to_owned)
            );
        };
        check(
            json!(["2022-11-28", "2026-03-10", "2031-01-01"]),
            Ok("2026-03-10"),
        );
        check(json!(["2022-11-28"]), Ok("2022-11-28"));
        check(json!([]), Ok("2022-11-28"));
        check(json!({"message": "odd"}), Ok("2022-11-28"));
        check(
            json!(["2031-01-01", "2032-01-01"]),
            Err("2031-01-01, 2032-01-01"),
        );
    }

    #[test]
    fn issue_403_a_message_alone_is_not_a_limit() {
        let body = json!({"message": "You have exceeded a secondary rate limit, 429, API rate limit exceeded"});
        check(403, &[("x-ratelimit-remaining", "9")], &body, None);
        check(422, &[("x-ratelimit-remaining", "0")], &body, None);
        check(500, &[("retry-after", "3")], &body, None);
    }
}
