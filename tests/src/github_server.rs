//! GitHub in small, on loopback: REST as far as we need it, real clone and push, one state behind both.
//!
//! A pushed branch *is* a branch of the API, for both look into the same bare repository. The API is served at the root, as on
//! `api.github.com`, and under `/api/v3`, as GitHub Enterprise has it (GraphQL: `/graphql` and `/api/graphql`).
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
//! *Faults*: [`GithubServer::fault`] orders what goes wrong with which request, for example
//! `github.fault(On::post("/repos/*/*/pulls"), Fault::CutAfter)`. *Limits*: [`GithubServer::set_quota`],
//! [`GithubServer::limit_speed`], and as faults of single requests. *Manners*: every breach of GitHub's rules by the client panics
//! when the server is dropped, so no test can forget it; [`GithubServer::rules`] says what is allowed.
//!
//! It is a measuring instrument: it behaves as GitHub does where GitHub is awkward (tests of its own say where), and it has no
//! knowledge of our client.

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
use policy::{Policy, Sight, UnderWay};
use quota::Quota;
use shapes::Site;
pub use token::Token;
use world::World;

/// Versions of the API that GitHub serves today, oldest first.
const API_VERSIONS: [&str; 2] = ["2022-11-28", "2026-03-10"];

/// A running server; it ends when dropped.
pub struct GithubServer {
    shared: Arc<Shared>,
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
}

/// What handlers and the test's own hands share.
struct Shared {
    site: Site,
    clock: Clock,
    world: Mutex<World>,
    /// By login; anonymous callers share one.
    quotas: Mutex<BTreeMap<String, Quota>>,
    /// By login: until when it has to be slower.
    too_fast: Mutex<BTreeMap<String, Timestamp>>,
    faults: Faults,
    policy: Policy,
    /// Empty on a host that is too old to say which versions it has.
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
    /// Starts a server that knows no token and no repository.
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

    /// Returns the method and path of each endpoint of the API, such as `GET` and `/repos/{owner}/{name}/issues/{number}`.
    pub fn endpoints() -> Vec<(&'static str, &'static str)> {
        api::endpoint_names()
    }

    /// Returns the address of the server, such as `http://127.0.0.1:4711`; it serves the API too, as `api.github.com` does.
    pub fn origin(&self) -> &str {
        &self.shared.site.origin
    }

    /// Returns the address of the API as GitHub Enterprise has it.
    pub fn api_url(&self) -> String {
        self.shared.site.api()
    }

    /// Returns the address by which git reaches a repository (`owner/name`).
    pub fn clone_url(&self, full_name: &str) -> String {
        format!("{}/{full_name}.git", self.origin())
    }

    /// Makes a token known, or known anew.
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

    /// Makes a public repository (`owner/name`) whose branch `main` has one commit with these files (path, text).
    pub fn repository(&self, full_name: &str, files: &[(&str, &str)]) -> HostedRepository {
        HostedRepository::create(&self.shared, full_name, files)
    }

    /// Returns all exchanges so far, in the order in which they began.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared
            .exchanges
            .lock()
            .expect("no holder panics")
            .clone()
    }

    /// Returns the exchanges with the API so far; git's are left out.
    pub fn api_exchanges(&self) -> Vec<Exchange> {
        self.exchanges()
            .into_iter()
            .filter(|exchange| !exchange.request.is_git)
            .collect()
    }

    /// Returns how many requests of the API there were.
    pub fn n_api_calls(&self) -> usize {
        let exchanges = self.shared.exchanges.lock().expect("no holder panics");
        exchanges
            .iter()
            .filter(|exchange| !exchange.request.is_git)
            .count()
    }

    /// Lets time pass for the server: quotas come back, limits end.
    pub fn let_pass(&self, time: Duration) {
        self.shared.clock.put_forward(time);
    }

    /// Sets what is left of the calls of a user, and when they come back. At 0 each call is refused until then.
    pub fn set_quota(&self, login: &str, remaining: u64, reset_in: Duration) {
        let now = self.shared.clock.now();
        let mut quotas = self.shared.quotas();
        let quota = quotas
            .entry(login.to_owned())
            .or_insert_with(|| Quota::new(login.is_empty(), now));
        (quota.remaining, quota.reset) = (remaining, self.shared.clock.after(reset_in));
    }

    /// Refuses each call of a user by the secondary limit, with `retry-after`, until so much time has passed.
    pub fn limit_speed(&self, login: &str, retry_after: Duration) {
        let until = self.shared.clock.after(retry_after);
        self.shared
            .too_fast
            .lock()
            .expect("no holder panics")
            .insert(login.to_owned(), until);
    }

    /// Sets the versions of its API, oldest first; a host with none does not say which ones it has, and takes the first of GitHub's.
    pub fn set_api_versions(&self, versions: &[&str]) {
        *self.shared.api_versions.lock().expect("no holder panics") =
            versions.iter().map(ToString::to_string).collect();
    }

    /// Orders a fault. Of several that match, the oldest that is not used up comes first.
    pub fn fault(&self, on: On, fault: Fault) {
        self.shared.faults.add(on, fault);
    }

    /// Calls off all faults.
    pub fn heal(&self) {
        self.shared.faults.clear();
    }

    /// Sets what a client may do.
    pub fn rules(&self, rules: Rules) {
        self.shared.policy.set_rules(rules);
    }

    /// Forgets what clients have done until now, as if a new one came, but no breach.
    pub fn forgive(&self) {
        self.shared.policy.forgive();
    }

    /// Returns the breaches of GitHub's rules so far, and forgets them: the test expects them.
    pub fn take_breaches(&self) -> Vec<String> {
        self.shared.policy.take_breaches()
    }

    /// Fails if the client broke a rule. Dropping the server does so too.
    ///
    /// # Panics
    /// If there is a breach.
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
        // A test that has failed already needs no second panic, which would hide the first.
        if !std::thread::panicking() {
            self.assert_polite();
        }
    }
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no handler panics")
    }

    /// Returns the versions of the API that are understood.
    fn api_versions(&self) -> Vec<String> {
        let mut versions = self.api_versions.lock().expect("no holder panics").clone();
        if versions.is_empty() {
            versions.push(API_VERSIONS[0].to_owned());
        }
        versions
    }

    /// Returns whether it says which versions it has.
    fn tells_versions(&self) -> bool {
        !self
            .api_versions
            .lock()
            .expect("no holder panics")
            .is_empty()
    }

    fn quotas(&self) -> MutexGuard<'_, BTreeMap<String, Quota>> {
        self.quotas.lock().expect("no holder panics")
    }

    /// Returns a token if it is valid.
    fn known_token(&self, text: &str) -> Option<Token> {
        self.world()
            .tokens
            .get(text)
            .filter(|token| !token.is_revoked)
            .cloned()
    }

    /// Lets the policy look at a request that has arrived.
    fn judge(&self, request: &Received, token: &str) -> UnderWay {
        let known_tokens: Vec<String> = self.world().tokens.keys().cloned().collect();
        let is_still_there = |url: &str| self.world().is_still_there(url);
        let sight = Sight {
            now: self.clock.now(),
            token,
            known_tokens: &known_tokens,
            is_still_there: &is_still_there,
        };
        self.policy.arrived(request, &sight)
    }

    /// Returns for how many seconds a caller has to wait because it came too fast.
    fn secondary_limit_s(&self, token: Option<&Token>) -> Option<u64> {
        let login = token.map(|token| token.login.as_str()).unwrap_or_default();
        let until = *self.too_fast.lock().expect("no holder panics").get(login)?;
        let left_ms = until.as_millisecond() - self.clock.now().as_millisecond();
        u64::try_from(left_ms)
            .ok()
            .filter(|ms| 0 < *ms)
            .map(|ms| ms.div_ceil(1000))
    }

    /// Returns what a caller has left.
    fn quota(&self, token: Option<&Token>) -> Quota {
        self.use_quota(token, false)
    }

    /// Takes one call from a caller's quota if it costs one, and returns what is left.
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

    /// GitHub's refusal of a caller whose quota is used up.
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
        let mut exchanges = self.exchanges.lock().expect("no holder panics");
        exchanges.push(Exchange {
            request: request.clone(),
            answer: None,
        });
        exchanges.len() - 1
    }

    fn log_answer(&self, at: usize, answer: Answered) {
        let mut exchanges = self.exchanges.lock().expect("no holder panics");
        exchanges[at].answer = Some(answer);
    }
}
