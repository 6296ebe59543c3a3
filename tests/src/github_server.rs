//! A small GitHub on loopback: the part of the REST API that autoissue needs, real clone and push,
//! and one state behind both.
//!
//! A pushed branch *is* a branch of the API, because both read the same bare repository. The API is
//! served at the root, as on `api.github.com`, and under `/api/v3`, as on GitHub Enterprise
//! (GraphQL: `/graphql` and `/api/graphql`).
//!
//! ```text
//! let github = GithubServer::start();                      // ends with the value
//! github.token("t0k3n", Token::fine_grained("ada"));
//! let repository = github.repository("ada/sample", &[("README.md", "# Sample\n")]);
//! repository.issue(Issue::new("Search is slow").label("autoissue").body("Make it fast."));
//! let url = repository.clone_url();                        // http://127.0.0.1:PORT/ada/sample.git
//! … run something …
//! assert_eq!(repository.pulls()[0].head_sha, repository.head("autoissue/issue-1").unwrap());
//! ```
//!
//! *Faults*: [`GithubServer::fault`] makes selected requests fail, for example
//! `github.fault(On::post("/repos/*/*/pulls"), Fault::CutAfter)`. *Limits*:
//! [`GithubServer::set_quota`], [`GithubServer::limit_speed`], and faults of single requests.
//! *Rules*: every violation of GitHub's rules by the client panics when the server is dropped, so
//! no test can forget to check; [`GithubServer::rules`] sets what is allowed.
//!
//! The server is an independent reference: it reproduces GitHub's awkward behaviour (its own tests
//! list the cases) and knows nothing of our client.

mod answer;
mod api;
mod call;
mod clock;
mod door;
mod exchange;
mod faults;
mod git_http;
mod git_store;
mod hosted;
mod lfs;
mod policy;
mod quota;
mod shapes;
mod token;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::scratch::scratch;

use answer::Answer;
use clock::Clock;
pub use exchange::{Answered, Exchange, Received};
use faults::Faults;
pub use faults::{Fault, Gate, On};
pub use hosted::{HostedRepository, Issue, IssueState, PullRequest};
pub use policy::Rules;
use policy::{Policy, RequestContext, UnderWay};
use quota::Quota;
use shapes::Site;
pub use token::Token;
use world::World;

/// Versions of the API that GitHub currently serves, oldest first.
const API_VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

/// A running server. It stops when dropped.
pub struct GithubServer {
    shared: Arc<Shared>,
    /// `None` only while being dropped.
    runtime: Option<Runtime>,
}

/// State shared between the handlers and the test.
struct Shared {
    site: Site,
    clock: Clock,
    world: Mutex<World>,
    /// By login. Anonymous callers share one.
    quotas: Mutex<BTreeMap<String, Quota>>,
    /// By login: until when requests are rejected by the secondary limit.
    too_fast: Mutex<BTreeMap<String, Timestamp>>,
    faults: Faults,
    policy: Policy,
    /// Empty on a host too old to report its versions.
    api_versions: Mutex<Vec<String>>,
    exchanges: Mutex<Vec<Exchange>>,
    root: TempDir,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("site", &self.site)
            .finish_non_exhaustive()
    }
}

impl GithubServer {
    /// Starts a server without tokens and repositories.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let (listener, address) = runtime.block_on(wire::listen());
        let shared = Arc::new(Shared {
            site: Site {
                origin: format!("http://{address}"),
            },
            clock: Clock::default(),
            world: Mutex::default(),
            quotas: Mutex::default(),
            too_fast: Mutex::default(),
            faults: Faults::default(),
            policy: Policy::default(),
            api_versions: Mutex::new(API_VERSIONS.map(str::to_owned).to_vec()),
            exchanges: Mutex::default(),
            root: scratch(),
        });
        runtime.spawn(wire::serve(listener, Arc::clone(&shared), api::router()));
        Self {
            shared,
            runtime: Some(runtime),
        }
    }

    /// Returns the method and path of each API endpoint, such as `GET` and
    /// `/repos/{owner}/{name}/issues/{number}`.
    pub fn endpoints() -> Vec<(&'static str, &'static str)> {
        api::endpoint_names()
    }

    /// Returns the address of the server, such as `http://127.0.0.1:4711`. It serves the API too,
    /// as `api.github.com` does.
    pub fn origin(&self) -> &str {
        &self.shared.site.origin
    }

    /// Returns the address of the API as on GitHub Enterprise.
    pub fn api_url(&self) -> String {
        self.shared.site.api()
    }

    /// Returns the URL for cloning a repository (`owner/name`).
    pub fn clone_url(&self, full_name: &str) -> String {
        format!("{}/{full_name}.git", self.origin())
    }

    /// Adds or replaces a token.
    pub fn token(&self, text: &str, token: Token) {
        self.shared.world().tokens.insert(text.to_owned(), token);
    }

    /// Makes a token invalid from now on.
    pub fn revoke(&self, text: &str) {
        let mut world = self.shared.world();
        world
            .tokens
            .get_mut(text)
            .expect("a token that is known")
            .is_revoked = true;
    }

    /// Creates a public repository (`owner/name`) whose branch `main` has one commit with these
    /// files (path, text).
    pub fn repository(&self, full_name: &str, files: &[(&str, &str)]) -> HostedRepository {
        HostedRepository::create(&self.shared, full_name, files)
    }

    /// Returns all exchanges so far, in the order in which they began.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared
            .exchanges
            .lock()
            .expect("the lock is not poisoned")
            .clone()
    }

    /// Returns the API exchanges so far, without those of git.
    pub fn api_exchanges(&self) -> Vec<Exchange> {
        self.exchanges()
            .into_iter()
            .filter(|exchange| !exchange.request.is_git)
            .collect()
    }

    /// Returns the number of API requests.
    pub fn n_api_calls(&self) -> usize {
        let exchanges = self
            .shared
            .exchanges
            .lock()
            .expect("the lock is not poisoned");
        exchanges
            .iter()
            .filter(|exchange| !exchange.request.is_git)
            .count()
    }

    /// Advances the server's clock: quotas reset, limits end.
    pub fn let_pass(&self, time: Duration) {
        self.shared.clock.put_forward(time);
    }

    /// Sets a user's remaining calls and when the quota resets. At 0, every call is rejected until
    /// then.
    pub fn set_quota(&self, login: &str, remaining: u64, reset_in: Duration) {
        let now = self.shared.clock.now();
        let mut quotas = self.shared.quotas();
        let quota = quotas
            .entry(login.to_owned())
            .or_insert_with(|| Quota::new(login.is_empty(), now));
        (quota.remaining, quota.reset) = (remaining, self.shared.clock.after(reset_in));
    }

    /// Rejects each call of a user by the secondary limit, with `retry-after`, until that time has
    /// passed.
    pub fn limit_speed(&self, login: &str, retry_after: Duration) {
        let until = self.shared.clock.after(retry_after);
        self.shared
            .too_fast
            .lock()
            .expect("the lock is not poisoned")
            .insert(login.to_owned(), until);
    }

    /// Sets the API versions, oldest first. With none, the host does not report its versions and
    /// accepts GitHub's first.
    pub fn set_api_versions(&self, versions: &[&str]) {
        *self
            .shared
            .api_versions
            .lock()
            .expect("the lock is not poisoned") =
            versions.iter().map(ToString::to_string).collect();
    }

    /// Adds a fault. If several match, the oldest that is not used up applies.
    pub fn fault(&self, on: On, fault: Fault) {
        self.shared.faults.add(on, fault);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        self.shared.faults.clear();
    }

    /// Sets what a client may do.
    pub fn rules(&self, rules: Rules) {
        self.shared.policy.set_rules(rules);
    }

    /// Forgets earlier requests, as if a new client connected, but keeps the violations.
    pub fn forgive(&self) {
        self.shared.policy.forgive();
    }

    /// Returns and clears the violations of GitHub's rules so far, for tests that expect them.
    pub fn take_breaches(&self) -> Vec<String> {
        self.shared.policy.take_breaches()
    }

    /// Checks that the client has followed the rules. Dropping the server checks it too.
    ///
    /// # Panics
    ///
    /// If there is a violation.
    #[track_caller]
    pub fn assert_polite(&self) {
        let breaches = self.shared.policy.breaches();
        assert!(
            breaches.is_empty(),
            "the client breaks GitHub's rules:\n  {}",
            breaches.join("\n  ")
        );
    }
}

impl Drop for GithubServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        // A failed test needs no second panic, which would hide the first.
        if !std::thread::panicking() {
            self.assert_polite();
        }
    }
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("the lock is not poisoned")
    }

    /// Returns the supported API versions.
    fn api_versions(&self) -> Vec<String> {
        let mut versions = self
            .api_versions
            .lock()
            .expect("the lock is not poisoned")
            .clone();
        if versions.is_empty() {
            versions.push(API_VERSIONS[0].to_owned());
        }
        versions
    }

    /// Returns whether the server reports its versions.
    fn tells_versions(&self) -> bool {
        !self
            .api_versions
            .lock()
            .expect("the lock is not poisoned")
            .is_empty()
    }

    fn quotas(&self) -> MutexGuard<'_, BTreeMap<String, Quota>> {
        self.quotas.lock().expect("the lock is not poisoned")
    }

    /// Returns a token if it is valid.
    fn known_token(&self, text: &str) -> Option<Token> {
        self.world()
            .tokens
            .get(text)
            .filter(|token| !token.is_revoked)
            .cloned()
    }

    /// Passes an incoming request to the policy.
    fn judge(&self, request: &Received, token: &str) -> UnderWay {
        let known_tokens: Vec<String> = self.world().tokens.keys().cloned().collect();
        let is_still_there = |url: &str| self.world().is_still_there(url);
        let context = RequestContext {
            now: self.clock.now(),
            token,
            known_tokens: &known_tokens,
            is_still_there: &is_still_there,
        };
        self.policy.arrived(request, &context)
    }

    /// Returns the remaining seconds of a caller's secondary limit.
    fn secondary_limit_s(&self, token: Option<&Token>) -> Option<u64> {
        let login = token.map(|token| token.login.as_str()).unwrap_or_default();
        let until = *self
            .too_fast
            .lock()
            .expect("the lock is not poisoned")
            .get(login)?;
        let left_ms = until.as_millisecond() - self.clock.now().as_millisecond();
        u64::try_from(left_ms)
            .ok()
            .filter(|ms| 0 < *ms)
            .map(|ms| ms.div_ceil(1000))
    }

    /// Returns a caller's remaining quota.
    fn quota(&self, token: Option<&Token>) -> Quota {
        self.use_quota(token, false)
    }

    /// Takes one call from a caller's quota if it counts; returns the rest.
    fn use_quota(&self, token: Option<&Token>, is_charged: bool) -> Quota {
        let now: Timestamp = self.clock.now();
        let login = token.map(|token| token.login.clone()).unwrap_or_default();
        let mut quotas = self.quotas();
        let quota = quotas
            .entry(login)
            .or_insert_with_key(|login| Quota::new(login.is_empty(), now));
        quota.refresh(now);
        if is_charged {
            quota.remaining = quota.remaining.saturating_sub(1);
        }
        *quota
    }

    /// GitHub's response to a caller whose quota is used up.
    fn out_of_quota(&self, token: Option<&Token>) -> Answer {
        let whose = token.map_or_else(
            || "127.0.0.1".to_owned(),
            |token| format!("user ID {}", shapes::user_id(&token.login)),
        );
        let message = format!("API rate limit exceeded for {whose}.");
        let documentation =
            "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";
        Answer::documented(StatusCode::FORBIDDEN, &message, documentation)
    }

    fn log_request(&self, request: &Received) -> usize {
        let mut exchanges = self.exchanges.lock().expect("the lock is not poisoned");
        exchanges.push(Exchange {
            request: request.clone(),
            answer: None,
        });
        exchanges.len() - 1
    }

    fn log_answer(&self, at: usize, answer: Answered) {
        let mut exchanges = self.exchanges.lock().expect("the lock is not poisoned");
        exchanges[at].answer = Some(answer);
    }
}
