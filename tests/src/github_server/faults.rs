//! Injected faults: which requests they apply to, and what goes wrong.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use hyper::body::Frame;
use tokio::sync::watch;

use super::exchange::Received;

/// How long a test waits at a gate before it fails.
const GATE_PATIENCE: Duration = Duration::from_secs(60);

/// Ends a connection without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HangUp;

impl std::fmt::Display for HangUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the server closed the connection because of an injected fault")
    }
}

impl std::error::Error for HangUp {}

/// Selects the requests a fault applies to; by default the next one that matches.
#[derive(Clone)]
pub struct On {
    method: Option<&'static str>,
    path: String,
    when: Option<Condition>,
    n_skipped: usize,
    n_times: usize,
}

type Condition = Arc<dyn Fn(&Received) -> bool + Send + Sync>;

/// What goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Responds with this instead of handling the request.
    Answer {
        /// The status.
        status: u16,
        /// Additional headers.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: String,
    },
    /// Handles the request once the gate is opened.
    Hold(Gate),
    /// Handles the request at once, and responds once the gate is opened.
    HoldAnswer(Gate),
    /// Cuts the connection without handling the request.
    CutBefore,
    /// Handles the request, then cuts the connection without a response.
    CutAfter,
    /// Handles the request, then cuts the connection in the middle of the response.
    Truncate,
    /// Handles the request and responds with half of the JSON; nothing indicates that the rest is
    /// missing.
    Malformed,
    /// Reports that the quota is used up.
    PrimaryLimit {
        /// 403 or 429.
        status: u16,
        /// The reported time until it resets.
        reset_in: Duration,
    },
    /// Reports that requests come too fast.
    SecondaryLimit {
        /// 403 or 429.
        status: u16,
        /// Whole seconds in `retry-after`. `None` omits the header, which means one minute.
        retry_after_s: Option<u64>,
    },
}

/// Holds requests until a test opens it. Clones share the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<GateState>);

#[derive(Debug)]
struct GateState {
    is_open: watch::Sender<bool>,
    n_arrived: Mutex<usize>,
    arrived: Condvar,
}

impl On {
    /// Matches any API request.
    pub fn any() -> Self {
        Self {
            method: None,
            path: String::new(),
            when: None,
            n_skipped: 0,
            n_times: 1,
        }
    }

    /// Matches requests of a method to a path. `*` matches one segment and a final `**` any rest,
    /// such as `/repos/*/*/issues`.
    pub fn method(method: &'static str, path: &str) -> Self {
        Self {
            method: Some(method),
            path: path.to_owned(),
            ..Self::any()
        }
    }

    /// Matches reads of a path.
    pub fn get(path: &str) -> Self {
        Self::method("GET", path)
    }

    /// Matches creations at a path.
    pub fn post(path: &str) -> Self {
        Self::method("POST", path)
    }

    /// Matches pushes: the request that carries the commits. Git repeats it once if the connection
    /// is cut without a response, so cut it twice.
    pub fn push() -> Self {
        Self::method("POST", "/*/*/git-receive-pack")
    }

    /// Matches fetches and clones: the request that asks for commits. Git sends two for each.
    pub fn fetch() -> Self {
        Self::method("POST", "/*/*/git-upload-pack")
    }

    /// Restricts the match to requests for which `holds` returns true.
    pub fn when(self, holds: impl Fn(&Received) -> bool + Send + Sync + 'static) -> Self {
        Self {
            when: Some(Arc::new(holds)),
            ..self
        }
    }

    /// Skips the first `n` matching requests.
    pub fn after(self, n: usize) -> Self {
        Self {
            n_skipped: n,
            ..self
        }
    }

    /// Applies the fault `n` times.
    pub fn times(self, n: usize) -> Self {
        Self { n_times: n, ..self }
    }

    /// Applies the fault every time.
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    fn matches(&self, request: &Received) -> bool {
        let is_meant = if self.path.is_empty() {
            !request.is_git
        } else {
            is_like(&self.path, &request.path)
        };
        let has_method = self.method.is_none_or(|method| method == request.method);
        is_meant && has_method && self.when.as_ref().is_none_or(|holds| holds(request))
    }

    /// Returns whether the fault applies to this request, and counts the match.
    fn takes(&mut self, request: &Received) -> bool {
        if !self.matches(request) || self.n_times == 0 {
            return false;
        }
        if 0 < self.n_skipped {
            self.n_skipped -= 1;
            return false;
        }
        self.n_times = if self.n_times == usize::MAX {
            usize::MAX
        } else {
            self.n_times - 1
        };
        true
    }
}

impl fmt::Debug for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.unwrap_or("any");
        write!(
            f,
            "On({method} {}, {} times after {})",
            self.path, self.n_times, self.n_skipped
        )
    }
}

fn is_like(pattern: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    for wanted in pattern.split('/') {
        match (wanted, parts.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(part)) if wanted == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

impl Fault {
    /// Returns a server error, such as 502, with an HTML page instead of JSON.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            body: format!("<html><h1>{status}</h1></html>\n"),
        }
    }
}

impl Gate {
    /// Creates a closed gate.
    pub fn new() -> Self {
        Self(Arc::new(GateState {
            is_open: watch::Sender::new(false),
            n_arrived: Mutex::new(0),
            arrived: Condvar::new(),
        }))
    }

    /// Releases all waiting requests and lets all later ones pass.
    pub fn open(&self) {
        self.0.is_open.send_replace(true);
    }

    /// Waits until `n` requests have arrived.
    ///
    /// # Panics
    ///
    /// If they do not arrive within a minute.
    pub fn wait_for(&self, n: usize) {
        let arrived = self.0.n_arrived.lock().expect("the lock is not poisoned");
        let (arrived, waited) = self
            .0
            .arrived
            .wait_timeout_while(arrived, GATE_PATIENCE, |arrived| *arrived < n)
            .expect("the lock is not poisoned");
        assert!(
            !waited.timed_out(),
            "{} of {n} requests have reached the gate",
            *arrived
        );
    }

    pub(super) async fn pass(&self) {
        *self.0.n_arrived.lock().expect("the lock is not poisoned") += 1;
        self.0.arrived.notify_all();
        // The sender lives as long as this gate, so waiting cannot fail.
        let _ = self
            .0
            .is_open
            .subscribe()
            .wait_for(|is_open| *is_open)
            .await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// Faults that have not been used up, oldest first.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<(On, Fault)>>);

impl Faults {
    pub(super) fn add(&self, on: On, fault: Fault) {
        self.0
            .lock()
            .expect("the lock is not poisoned")
            .push((on, fault));
    }

    pub(super) fn clear(&self) {
        self.0.lock().expect("the lock is not poisoned").clear();
    }

    /// Returns the fault that applies to this request.
    pub(super) fn take(&self, request: &Received) -> Option<Fault> {
        let mut faults = self.0.lock().expect("the lock is not poisoned");
        let found = faults
            .iter_mut()
            .find_map(|(on, fault)| on.takes(request).then(|| fault.clone()));
        faults.retain(|(on, _)| 0 < on.n_times);
        found
    }
}

/// Returns a response that announces its full length and ends in the middle.
pub(super) fn truncated(response: Response<Body>, body: &Bytes) -> Response<Body> {
    let (mut parts, _) = response.into_parts();
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    Response::from_parts(parts, Body::new(Broken::Whole(half)))
}

/// A body that ends in an error.
#[derive(Debug)]
enum Broken {
    /// Nothing has been sent yet.
    Whole(Bytes),
    /// The available part has been handed over. It is sent once we yield.
    Sent,
    /// The error comes now.
    Over,
}

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = HangUp;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HangUp>>> {
        match &mut *self {
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Sent;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Sent => {
                *self = Self::Over;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Over => Poll::Ready(Some(Err(HangUp))),
        }
    }
}
