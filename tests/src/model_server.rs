//! A model API on loopback for real agent programs: Anthropic's Messages API with streaming,
//! scripted by scenarios.
//!
//! ```text
//!   http://127.0.0.1:PORT/s/SCENARIO is the agent's base address
//!
//!   POST …/v1/messages ─► Conversation ─► Scenario ─► Answer ─► a stream, JSON, an error, half a stream, or nothing
//!                         parsed request             response
//! ```
//!
//! The server stores no conversations. Its response depends only on the messages of the request, so
//! any number of agents can use it at once. There are two exceptions: [`Scenario::OverloadedTwice`]
//! counts the requests of each agent session, and [`Scenario::LimitReached`] counts time from its
//! first request. Requests are recorded for tests and affect no response.
//!
//! Features of the real service that no agent needs here (prices, caches, request validation) are
//! left out.

mod conversation;
mod scenario;
mod wire;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{any, post};
use serde_json::{Value, json};
use tokio::runtime;
use tokio_util::sync::CancellationToken;

use conversation::Conversation;
pub use scenario::Scenario;
use scenario::{Answer, ApiError, Before, answer};

/// The header with Claude Code's session id.
const SESSION_HEADER: &str = "x-claude-code-session-id";

/// A running server. Dropping it closes all connections.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// A recorded request for a message.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Name of the scenario.
    pub scenario: String,
    /// The agent's session; empty if the request had none.
    pub session: String,
    /// The API key sent.
    pub key: String,
    /// The whole request.
    pub body: Value,
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    counts: Mutex<Counts>,
}

/// State that requests do not contain.
#[derive(Default)]
struct Counts {
    /// Number of requests per session.
    tries: BTreeMap<(Scenario, String), u32>,
    /// Time of a scenario's first request, seconds since the Unix epoch.
    first_s: BTreeMap<Scenario, u64>,
}

impl ModelServer {
    /// Starts a server on a free port on loopback.
    ///
    /// # Panics
    ///
    /// If the machine has no port or thread left.
    pub fn start() -> Self {
        Self::on_port(0)
    }

    /// Starts a server on a port on loopback; 0 selects a free one.
    ///
    /// # Panics
    ///
    /// If the port is taken, or the machine has no thread left.
    pub fn on_port(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port of loopback");
        listener
            .set_nonblocking(true)
            .expect("a socket that does not block");
        let address = listener.local_addr().expect("an address");
        let (shared, stop) = (Arc::new(Shared::default()), CancellationToken::new());
        let (routes, stopped) = (routes(shared.clone()), stop.clone());
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                // Stop at once: some requests are never answered and must not be waited for.
                tokio::select! {
                    served = axum::serve(listener, routes) => served.expect("the server serves"),
                    () = stopped.cancelled() => {}
                }
            });
        });
        Self {
            address,
            shared,
            stop,
            thread: Some(thread),
        }
    }

    /// Returns the base URL of a scenario.
    pub fn url(&self, scenario: Scenario) -> String {
        format!("http://{}/s/{}", self.address, scenario.name())
    }

    /// Returns the requests so far, oldest first.
    ///
    /// # Panics
    ///
    /// If a request handler has panicked.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared
            .asked
            .lock()
            .expect("the lock is not poisoned")
            .clone()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has already failed the affected request.
            let _ = thread.join();
        }
    }
}

impl Asked {
    /// Returns all text of the request in one string: system prompts, user messages and tool
    /// results.
    pub fn words(&self) -> String {
        Conversation::read(&self.body).words
    }
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/s/{scenario}/v1/messages", post(messages))
        .route(
            "/s/{scenario}/v1/messages/count_tokens",
            post(|| async { wire::json(StatusCode::OK, &json!({"input_tokens": 100})) }),
        )
        .route("/s/{scenario}", any(|| async { StatusCode::OK }))
        // Agents send their whole conversation each time.
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

async fn messages(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return wire::error(&ApiError::new(400, "the request is not JSON"));
    };
    let Some(scenario) = Scenario::named(&name) else {
        return wire::error(&ApiError::new(400, &format!("unknown scenario `{name}`")));
    };
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let asked = Asked {
        session: header(SESSION_HEADER),
        key: header("x-api-key"),
        scenario: name,
        body,
    };
    let before = shared.note(&asked, scenario);
    let conversation = Conversation::read(&asked.body);
    shared
        .asked
        .lock()
        .expect("the lock is not poisoned")
        .push(asked);
    match answer(scenario, &conversation, before) {
        Answer::Message(message) => wire::message(&message, &conversation),
        Answer::Cut(message) => wire::cut(&message, &conversation),
        Answer::Broken(message, error) => wire::broken(&message, &error, &conversation),
        Answer::Error(error) => wire::error(&error),
        Answer::Nothing => std::future::pending().await,
    }
}

impl Shared {
    /// Counts a request; returns what came before it.
    fn note(&self, asked: &Asked, scenario: Scenario) -> Before {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        let mut counts = self.counts.lock().expect("the lock is not poisoned");
        let first_s = *counts.first_s.entry(scenario).or_insert(now.as_secs());
        let n_tries = counts
            .tries
            .entry((scenario, asked.session.clone()))
            .or_default();
        *n_tries += 1;
        Before {
            n_earlier: *n_tries - 1,
            now_s: now.as_secs(),
            first_s,
        }
    }
}
