//! Routes. Every request passes the guard first, and every response carries headers that restrict
//! what a browser may do with it.
//!
//! ```text
//!   request ─► guard: Host, Origin ─► credentials ─► handler ─► view ─► headers ─► response
//!                 │ 421, 403            │ 401, 429      │ 4xx, 503
//!                 └─────────────────────┴───────────────┴──► problem document, or the log-in page in a browser
//! ```

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use autoissue_core::control::{self, Control as Order};
use autoissue_core::engine::Service;
use autoissue_core::transcript::Readable;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use tokio::sync::watch;

use super::auth::{Auth, Typed};
use super::guard::{self, Hosts};
use super::hub::{Control, Hub};
use super::library::Library;
use super::problem::Problem;
use super::story::{Wanted, service_key};
use super::stream::{self, Reader};
use super::{follow, openapi, output, page, prometheus, view};
use crate::local_time::now_ms;

/// Maximum size of a request body, in bytes: enough for a log-in or a reset.
pub(crate) const BODY_BYTES_MAX: usize = 16 << 10;

/// Maximum time to receive a body.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Default and maximum number of tasks per page.
const N_TASKS: usize = 100;
const N_TASKS_MAX: usize = 1_000;

/// Default and maximum number of sessions per page.
const N_SESSIONS: usize = 20;
const N_SESSIONS_MAX: usize = 100;

/// Number of bytes read from the end of a transcript.
const TRANSCRIPT_BYTES_MAX: u64 = 64 << 10;

/// Maximum number of open streams. A sleeping browser keeps its stream; a hidden page closes its
/// own.
const N_STREAMS_MAX: usize = 256;

/// Only our own resources, no inline scripts or styles, no framing, and no conversion of text to
/// markup.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// State shared by the handlers.
pub(crate) struct App {
    /// The sessions.
    pub(crate) library: Library,
    /// Who may see them.
    pub(crate) auth: Auth,
    /// The addresses under which we are reached.
    pub(crate) hosts: Hosts,
    /// Becomes true when the dashboard stops.
    pub(crate) closing: watch::Sender<bool>,
    /// Number of open streams.
    pub(crate) n_streams: AtomicUsize,
}

type Shared = State<Arc<App>>;
type Answer<T> = Result<Json<T>, Problem>;

/// Creates the router.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/api/health", get(health))
        .route("/api/access", get(access))
        .route("/api/metrics", get(metrics))
        .route("/api/metrics/budget", get(budget))
        .route("/api/metrics/circuit-breaker", get(breaker))
        .route("/api/metrics/errors", get(errors))
        .route("/api/session", get(session))
        .route("/api/session/tasks", get(tasks))
        .route("/api/session/tasks/{issue}", get(task))
        .route("/api/session/tasks/{issue}/output", get(task_output))
        .route("/api/session/recent", get(recent))
        .route("/api/session/timeline", get(timeline))
        .route("/api/sessions", get(sessions))
        .route("/api/events", get(events))
        .route("/api/circuit-breaker/reset", post(reset))
        .route("/api/openapi.json", get(document))
        .route("/metrics", get(exposition))
        .route("/login", get(log_in_page).post(log_in))
        .route("/logout", post(log_out))
        .merge(page::router())
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(app.clone(), admit))
        .layer(middleware::from_fn(harden))
        .with_state(app.clone())
}

/// Admits or rejects a request.
async fn admit(
    State(app): Shared,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    guard::check(
        &app.hosts,
        request.method(),
        request.uri(),
        request.headers(),
    )?;
    let path = request.uri().path();
    if is_public(path) {
        return Ok(next.run(request).await);
    }
    match app.auth.check(request.headers(), from.ip()) {
        Ok(()) => Ok(next.run(request).await),
        // A browser is sent to the log-in page; a program gets an error.
        Err(_) if guard::is_navigation(request.headers()) && path == "/" => {
            Ok(Redirect::to("/login").into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Returns whether a path exposes no session data.
fn is_public(path: &str) -> bool {
    path == "/api/health" || path == "/login" || page::is_of_log_in(path)
}

/// Adds headers that restrict what a browser may do with a response.
async fn harden(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 7] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: a browser would then send `Origin: null` from our log-in page.
        (header::REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ];
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn nothing() -> Problem {
    Problem::not_found("see `/api/openapi.json` for the available paths")
}

async fn wrong_method() -> Problem {
    Problem::method("see `/api/openapi.json` for the available methods")
}

// ---- sessions

/// The session of a request.
#[derive(Debug, Default, Deserialize)]
struct Which {
    session: Option<String>,
}

impl Which {
    async fn hub(&self, app: &App) -> Result<Arc<Hub>, Problem> {
        app.library
            .hub(self.session.as_deref().filter(|wanted| !wanted.is_empty()))
            .await
    }
}

type Asked<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// Reports an invalid query in our own format.
fn query<T>(asked: Asked<T>) -> Result<T, Problem> {
    asked
        .map(|Query(value)| value)
        .map_err(|rejection| Problem::bad_request(rejection.body_text()))
}

/// An integer in a query, within the documented bounds.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "u64")]
struct Count(u64);

impl TryFrom<u64> for Count {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        let max = openapi::COUNT_MAX;
        if max < number {
            return Err(format!("{number} is more than {max}"));
        }
        Ok(Self(number))
    }
}

impl Count {
    /// Returns the number of items.
    fn items(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

async fn health() -> Json<view::Health> {
    Json(view::Health {
        status: view::HealthStatus::Ok,
    })
}

async fn access(State(app): Shared) -> Json<view::AccessView> {
    Json(view::AccessView {
        asks_for_credentials: app.auth.is_on(),
    })
}

async fn session(State(app): Shared, asked: Asked<Which>) -> Answer<view::SessionView> {
    Ok(Json(query(asked)?.hub(&app).await?.overview()))
}

async fn metrics(State(app): Shared, asked: Asked<Which>) -> Answer<view::MetricsView> {
    let hub = query(asked)?.hub(&app).await?;
    Ok(Json(hub.look(|story| story.metrics(now_ms()))))
}

async fn budget(State(app): Shared, asked: Asked<Which>) -> Answer<view::BudgetHistory> {
    let hub = query(asked)?.hub(&app).await?;
    Ok(Json(hub.look(super::story::Story::budget_history)))
}

async fn breaker(State(app): Shared, asked: Asked<Which>) -> Answer<view::BreakerView> {
    let hub = query(asked)?.hub(&app).await?;
    Ok(Json(hub.look(super::story::Story::breakers)))
}

async fn errors(State(app): Shared, asked: Asked<Which>) -> Answer<view::ErrorsView> {
    let hub = query(asked)?.hub(&app).await?;
    Ok(Json(hub.look(super::story::Story::errors)))
}

async fn recent(State(app): Shared, asked: Asked<Which>) -> Answer<view::RecentView> {
    Ok(Json(query(asked)?.hub(&app).await?.recent()))
}

async fn timeline(State(app): Shared, asked: Asked<Which>) -> Answer<view::TimelineView> {
    let hub = query(asked)?.hub(&app).await?;
    Ok(Json(hub.look(|story| story.timeline(now_ms()))))
}

/// The tasks of a request.
#[derive(Debug, Deserialize)]
struct WhichTasks {
    session: Option<String>,
    state: Option<view::TaskState>,
    text: Option<String>,
    #[serde(default)]
    offset: Count,
    limit: Option<Count>,
}

async fn tasks(State(app): Shared, asked: Asked<WhichTasks>) -> Answer<view::TasksView> {
    let asked = query(asked)?;
    let hub = Which {
        session: asked.session,
    }
    .hub(&app)
    .await?;
    let wanted = Wanted {
        state: asked.state,
        text: asked.text.as_deref().filter(|text| !text.is_empty()),
        offset: asked.offset.items(),
        limit: asked.limit.map_or(N_TASKS, Count::items).min(N_TASKS_MAX),
    };
    Ok(Json(hub.look(|story| story.tasks(wanted, now_ms()))))
}

type Numbered = Result<Path<u64>, axum::extract::rejection::PathRejection>;

fn number(numbered: Numbered) -> Result<u64, Problem> {
    numbered
        .map(|Path(issue)| issue)
        .map_err(|_| Problem::not_found("an issue is identified by its number"))
}

fn no_task(hub: &Hub, issue: u64) -> Problem {
    Problem::not_found(format!("session `{}` has no issue #{issue}", hub.session()))
}

async fn task(
    State(app): Shared,
    numbered: Numbered,
    asked: Asked<Which>,
) -> Answer<view::TaskView> {
    let (issue, hub) = (number(numbered)?, query(asked)?.hub(&app).await?);
    hub.look(|story| story.task_of(issue, now_ms()))
        .map(Json)
        .ok_or_else(|| no_task(&hub, issue))
}

/// The attempt of a request; the last one by default.
#[derive(Debug, Deserialize)]
struct WhichAttempt {
    session: Option<String>,
    attempt: Option<u32>,
}

async fn task_output(
    State(app): Shared,
    numbered: Numbered,
    asked: Asked<WhichAttempt>,
) -> Answer<view::OutputView> {
    let (issue, asked) = (number(numbered)?, query(asked)?);
    let hub = Which {
        session: asked.session,
    }
    .hub(&app)
    .await?;
    let last = hub.look(|story| story.task_of(issue, now_ms()).map(|task| task.attempts));
    let last = last.ok_or_else(|| no_task(&hub, issue))?;
    let attempt = asked.attempt.unwrap_or(last);
    if attempt == 0 || last < attempt {
        return Err(Problem::not_found(format!(
            "#{issue} has no attempt {attempt}"
        )));
    }
    if let Some((lines, is_cut)) = hub.lines(issue, attempt) {
        return Ok(Json(view::OutputView {
            issue,
            attempt,
            lines,
            is_cut,
        }));
    }
    let path = follow::transcript(&hub, issue, attempt);
    let screen = hub.style().screen.clone();
    let agent = hub.look(|story| story.engine().settings().agent.clone());
    let read = tokio::task::spawn_blocking(move || {
        let (bytes, is_whole) = read_end(&path).ok()?;
        Some(output::tail(
            &bytes,
            is_whole,
            Readable::of(&agent),
            &screen,
        ))
    });
    // The transcript may be missing: no agent was started, or it was removed.
    let (lines, is_cut) = read.await.ok().flatten().unwrap_or_default();
    Ok(Json(view::OutputView {
        issue,
        attempt,
        lines,
        is_cut,
    }))
}

/// Reads the end of a file. Also returns whether that is the whole file.
fn read_end(path: &std::path::Path) -> std::io::Result<(Vec<u8>, bool)> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TRANSCRIPT_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(TRANSCRIPT_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok((bytes, length <= TRANSCRIPT_BYTES_MAX))
}

/// The sessions of a request.
#[derive(Debug, Deserialize)]
struct WhichSessions {
    #[serde(default)]
    offset: Count,
    limit: Option<Count>,
}

async fn sessions(State(app): Shared, asked: Asked<WhichSessions>) -> Answer<view::SessionsView> {
    let asked = query(asked)?;
    let limit = asked.limit.map_or(N_SESSIONS, Count::items);
    let (offset, limit) = (asked.offset.items(), limit.min(N_SESSIONS_MAX));
    app.library.sessions(offset, limit).await.map(Json)
}

// ---- events

/// Where a stream of events starts.
#[derive(Debug, Deserialize)]
struct WhichEvents {
    session: Option<String>,
    after: Option<Count>,
}

async fn events(
    State(app): Shared,
    headers: HeaderMap,
    asked: Asked<WhichEvents>,
) -> Result<Response, Problem> {
    let asked = query(asked)?;
    let named = asked.session.filter(|wanted| !wanted.is_empty());
    let permit = StreamPermit::take(&app).ok_or_else(|| {
        Problem::busy(format!(
            "{N_STREAMS_MAX} event streams are already open; close some pages"
        ))
    })?;
    let current = named.is_none().then(|| app.library.watch_current());
    let hub = Which { session: named }.hub(&app).await?;
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    let after = asked.after.map(|Count(after)| after);
    let after = stream::place(hub.session(), last, after);
    let reader = Reader::new(
        hub,
        app.library.archive().clone(),
        after,
        current,
        app.closing.subscribe(),
    );
    Ok(reader.respond(permit))
}

/// A slot for one stream, released when the stream ends for any reason.
pub(crate) struct StreamPermit(Arc<App>);

impl StreamPermit {
    fn take(app: &Arc<App>) -> Option<Self> {
        let permit = Self(app.clone());
        // Dropping the permit releases the slot, also if the limit was exceeded.
        (app.n_streams.fetch_add(1, Ordering::Relaxed) < N_STREAMS_MAX).then_some(permit)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.n_streams.fetch_sub(1, Ordering::Relaxed);
    }
}

// ---- the breaker

/// The body of a reset.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResetOrder {
    /// A service as named in the list of breakers; absent for all.
    service: Option<String>,
}

async fn reset(
    State(app): Shared,
    asked: Asked<Which>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let hub = query(asked)?.hub(&app).await?;
    let order = reset_order(&headers, &read_body(body).await?)?;
    let service = order
        .service
        .map(|wanted| service_of(&hub, &wanted))
        .transpose()?;
    if hub.look(|story| story.chronicle().is_still()) {
        return Err(Problem::not_running(hub.session().as_str()));
    }
    ask(&hub, service).await?;
    let view = view::ResetView {
        session: hub.session().to_string(),
        status: view::ResetStatus::Requested,
    };
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

fn reset_order(headers: &HeaderMap, body: &Bytes) -> Result<ResetOrder, Problem> {
    if body.is_empty() {
        return Ok(ResetOrder::default());
    }
    // A cross-site form could send plain text, but not JSON.
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Problem::media_type());
    }
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(error.to_string()))
}

fn service_of(hub: &Hub, wanted: &str) -> Result<Service, Problem> {
    let known = hub.services();
    let names = || {
        known
            .iter()
            .map(|service| format!("`{}`", service_key(service)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let found = known.iter().find(|service| service_key(service) == wanted);
    found
        .cloned()
        .ok_or_else(|| Problem::not_found(format!("no such service; the services are {}", names())))
}

async fn ask(hub: &Hub, service: Option<Service>) -> Result<(), Problem> {
    fn failed(error: &dyn std::error::Error) -> Problem {
        tracing::warn!(%error, "failed to request a reset");
        Problem::journal("the request could not be recorded; see the log for the reason")
    }

    match &hub.control {
        Control::Here(resetter) => resetter.reset(service),
        Control::Journal => {
            let (state_dir, session) = (hub.state_dir().clone(), hub.session().clone());
            let order = Order::ResetBreaker { service };
            let asked =
                tokio::task::spawn_blocking(move || control::ask(&state_dir, &session, &order))
                    .await;
            asked
                .map_err(|error| failed(&error))?
                .map_err(|error| failed(&error))?;
        }
    }
    Ok(())
}

async fn read_body(body: Body) -> Result<Bytes, Problem> {
    read_within(BODY_TIME_MAX, body).await
}

async fn read_within(time_max: Duration, body: Body) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(time_max, axum::body::to_bytes(body, BODY_BYTES_MAX)).await;
    read.map_err(|_| Problem::too_slow())?
        .map_err(|_| Problem::too_large(BODY_BYTES_MAX))
}

// ---- for programs

async fn document() -> Json<&'static serde_json::Value> {
    Json(openapi::document())
}

async fn exposition(State(app): Shared) -> Result<Response, Problem> {
    let text = match app.library.hub(None).await {
        Ok(hub) => hub.look(|story| prometheus::text(Some(story), now_ms())),
        // A scraper may connect before the first session, which is not an error.
        Err(problem) if problem.is_not_found() => prometheus::text(None, now_ms()),
        Err(problem) => return Err(problem),
    };
    Ok(([(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)], text).into_response())
}

// ---- logging in

async fn log_in_page(State(app): Shared) -> Response {
    if app.auth.is_on() {
        page::log_in(app.auth.fields(), None).into_response()
    } else {
        Redirect::to("/").into_response()
    }
}

async fn log_in(
    State(app): Shared,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_body(body).await?;
    let typed: Typed = serde_urlencoded::from_bytes(&body)
        .map_err(|_| Problem::bad_request("the body must be a form"))?;
    Ok(match app.auth.log_in(&typed, from.ip()) {
        Ok(Some(cookie)) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Ok(None) => {
            let page = page::log_in(app.auth.fields(), Some(page::Refusal::Wrong));
            (StatusCode::UNAUTHORIZED, page).into_response()
        }
        Err(problem) => {
            let mut response = problem.into_response();
            let page =
                page::log_in(app.auth.fields(), Some(page::Refusal::TooOften)).into_response();
            let (parts, body) = page.into_parts();
            response.headers_mut().extend(parts.headers);
            *response.body_mut() = body;
            response
        }
    })
}

async fn log_out(State(app): Shared, headers: HeaderMap) -> Response {
    (
        [(header::SET_COOKIE, app.auth.log_out(&headers))],
        Redirect::to("/login"),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn status_of(body: Body) -> StatusCode {
        let read = read_within(Duration::from_millis(20), body).await;
        read.map_or_else(
            |problem| problem.into_response().status(),
            |_| StatusCode::OK,
        )
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_or_never_ends_is_refused() {
        assert_eq!(
            status_of(Body::from(vec![b'x'; BODY_BYTES_MAX])).await,
            StatusCode::OK
        );
        assert_eq!(
            status_of(Body::from(vec![b'x'; BODY_BYTES_MAX + 1])).await,
            StatusCode::PAYLOAD_TOO_LARGE
        );
        let silent = futures_util::stream::pending::<Result<Bytes, std::convert::Infallible>>();
        assert_eq!(
            status_of(Body::from_stream(silent)).await,
            StatusCode::REQUEST_TIMEOUT
        );
        let endless = futures_util::stream::repeat_with(|| {
            Ok::<_, std::convert::Infallible>(Bytes::from_static(b"x"))
        });
        assert_eq!(
            status_of(Body::from_stream(endless)).await,
            StatusCode::PAYLOAD_TOO_LARGE
        );
    }
}
