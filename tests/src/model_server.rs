//! A model on loopback that real agent programs can talk to: Anthropic's Messages API with streaming, scripted by scenario.
//!
//! ```text
//!   http://127.0.0.1:PORT/s/SCENARIO is the agent's base address
//!
//!   POST …/v1/messages ─► Conversation ─► Scenario ─► Answer ─► a stream, JSON, an error, half a stream, or nothing
//!                         what the request says      what is said to that
//! ```
//!
//! It keeps no conversation: what it says follows from the messages of the request alone, so that any number of agents can use
//! it at once. Two things a request does not tell: how often it was made before, which [`Scenario::OverloadedTwice`] counts by
//! the agent's session, and since when an account is limited, which [`Scenario::LimitReached`] counts from its first request.
//! What was asked is kept for tests to look at, and changes no answer.
//!
//! What the real service does and no agent needs here (prices, caches, checks of the request's form) is left out.

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

/// The header in which Claude Code names its session.
const SESSION_HEADER: &str = "x-claude-code-session-id";

/// A running server; gone when dropped, with all connections.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// A request for a message, as it was made.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Name of the scenario.
    pub scenario: String,
    /// Session of the agent; empty where it named none.
    pub session: String,
    /// Key that was sent.
    pub key: String,
    /// The whole request.
    pub body: Value,
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    counts: Mutex<Counts>,
}

/// What requests do not tell.
#[derive(Default)]
struct Counts {
    /// How often each session asked.
    tries: BTreeMap<(Scenario, String), u32>,
    /// When it was first asked for, seconds since the Unix epoch.
    first_s: BTreeMap<Scenario, u64>,
}

impl ModelServer {
    /// Starts a server on a free port of loopback.
    ///
    /// # Panics
    /// Where the machine has no port or thread left.
    pub fn start() -> Self {
        Self::on_port(0)
    }

    /// Starts a server on a port of loopback; 0 takes a free one.
    ///
    /// # Panics
    /// Where the port is taken, or the machine has no thread left.
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
                // Dropped where it stands: some requests are never answered, and nothing may wait for them.
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

    /// Returns the base address under which a scenario is played.
    pub fn url(&self, scenario: Scenario) -> String {
        format!("http://{}/s/{}", self.address, scenario.name())
    }

    /// Returns what was asked so far, oldest first.
    ///
    /// # Panics
    /// Where a request has panicked.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("no request panics").clone()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic in there has failed the request that met it.
            let _ = thread.join();
        }
    }
}

impl Asked {
    /// Returns all that people and tools said in the request, as one text: instructions to agents and prompts.
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
        return wire::error(&ApiError::new(400, "the request is no JSON"));
    };
    let Some(scenario) = Scenario::named(&name) else {
        return wire::error(&ApiError::new(
            400,
            &format!("there is no scenario `{name}`"),
        ));
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
    shared.asked.lock().expect("no request panics").push(asked);
    match answer(scenario, &conversation, before) {
        Answer::Message(message) => wire::message(&message, &conversation),
        Answer::Cut(message) => wire::cut(&message, &conversation),
        Answer::Broken(message, error) => wire::broken(&message, &error, &conversation),
        Answer::Error(error) => wire::error(&error),
        Answer::Nothing => std::future::pending().await,
    }
}

impl Shared {
    /// Notes a try, and returns what came before it.
    fn note(&self, asked: &Asked, scenario: Scenario) -> Before {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        let mut counts = self.counts.lock().expect("no request panics");
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
