//! Checks the client's behaviour. GitHub tolerates much, slows clients down, or bans them; here
//! each violation of its rules is recorded and fails the test.
//!
//! The rules are GitHub's (documentation, "Best practices for using the REST API" and "Rate limits
//! for the REST API"); where GitHub gives no number, the limit is set to what a user would call a
//! flood. Git's own traffic is subject to one rule only: no token in a URL.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

use super::exchange::{Answered, Received};

/// What a client may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Maximum writes in any 60 seconds.
    pub writes_per_minute_max: usize,
    /// Maximum writes in any hour.
    pub writes_per_hour_max: usize,
    /// Maximum concurrent requests.
    pub requests_at_once_max: usize,
    /// Maximum requests with a token after its first 401; some may already be in flight.
    pub requests_after_401_max: usize,
    /// Maximum reads despite a limit the client knows of; some may already be in flight. Writes
    /// come one at a time, so none are allowed, and neither is a repetition of the rejected
    /// request.
    pub reads_under_limit_max: usize,
    /// Maximum reads of one address that return data the client already has, without
    /// `If-None-Match`.
    pub same_reads_max: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            // GitHub's own limits for requests that create content.
            writes_per_minute_max: 80,
            writes_per_hour_max: 500,
            requests_at_once_max: 100,
            requests_after_401_max: 5,
            reads_under_limit_max: 8,
            same_reads_max: 5,
        }
    }
}

impl Rules {
    /// Returns rules for tests that do an hour's work in seconds: no limit on the number of writes.
    pub fn scaled_up() -> Self {
        Self {
            writes_per_minute_max: usize::MAX,
            writes_per_hour_max: usize::MAX,
            ..Self::default()
        }
    }
}

/// Records requests and violations.
#[derive(Clone, Debug, Default)]
pub(super) struct Policy(Arc<Mutex<Watch>>);

#[derive(Debug, Default)]
struct Watch {
    rules: Rules,
    breaches: Vec<String>,
    /// By token.
    clients: BTreeMap<String, Client>,
}

/// What is known about the client that uses a token.
#[derive(Debug, Default)]
struct Client {
    /// Requests without a response yet.
    under_way: Vec<String>,
    /// The writes among them.
    writing: Vec<String>,
    written_at: VecDeque<Timestamp>,
    limit: Option<Limit>,
    /// Requests since the token was rejected.
    n_after_401: Option<usize>,
    /// By address: the tag of the last response, and how often the same one was returned.
    reads: BTreeMap<String, (String, usize)>,
    /// Created objects: by path and content, their address.
    created: BTreeMap<(String, Vec<u8>), String>,
}

/// A limit that the client knows of.
#[derive(Debug)]
struct Limit {
    name: &'static str,
    until: Timestamp,
    refused: String,
    n_reads: usize,
}

/// A request in flight; finished when dropped.
#[derive(Debug)]
pub(super) struct UnderWay {
    policy: Policy,
    token: String,
    line: String,
    is_write: bool,
}

/// The facts by which a request is judged.
pub(super) struct RequestContext<'a> {
    pub(super) now: Timestamp,
    /// The token it uses; empty without one.
    pub(super) token: &'a str,
    /// All valid tokens.
    pub(super) known_tokens: &'a [String],
    /// Returns whether a created object exists and, if it can be closed, is open.
    pub(super) is_still_there: &'a dyn Fn(&str) -> bool,
}

impl Policy {
    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.0.lock().expect("the lock is not poisoned")
    }

    pub(super) fn set_rules(&self, rules: Rules) {
        self.watch().rules = rules;
    }

    pub(super) fn breaches(&self) -> Vec<String> {
        self.watch().breaches.clone()
    }

    pub(super) fn take_breaches(&self) -> Vec<String> {
        std::mem::take(&mut self.watch().breaches)
    }

    /// Forgets earlier requests but keeps the violations.
    pub(super) fn forgive(&self) {
        for client in self.watch().clients.values_mut() {
            let (under_way, writing) = (
                std::mem::take(&mut client.under_way),
                std::mem::take(&mut client.writing),
            );
            *client = Client {
                under_way,
                writing,
                ..Client::default()
            };
        }
    }

    /// Judges a request as it arrives.
    pub(super) fn arrived(&self, request: &Received, context: &RequestContext<'_>) -> UnderWay {
        let line = format!("{} {}", request.method, request.target());
        let mut watch = self.watch();
        let found = watch.judge(request, &line, context);
        watch.breaches.extend(found);
        let is_write = request.is_write() && !request.is_git;
        let client = watch.clients.entry(context.token.to_owned()).or_default();
        client.under_way.push(line.clone());
        if is_write {
            client.writing.push(line.clone());
        }
        UnderWay {
            policy: self.clone(),
            token: context.token.to_owned(),
            line,
            is_write,
        }
    }

    /// Records what the client has learned from a response.
    pub(super) fn answered(
        &self,
        request: &Received,
        answer: &Answered,
        token: &str,
        now: Timestamp,
    ) {
        if request.is_git {
            return;
        }
        let mut watch = self.watch();
        let Watch {
            rules,
            breaches,
            clients,
        } = &mut *watch;
        let client = clients.entry(token.to_owned()).or_default();
        if answer.status == 401 && client.n_after_401.is_none() {
            client.n_after_401 = Some(0);
        }
        if let Some(limit) = limit(request, answer, now) {
            client.limit = Some(limit);
        }
        if answer.status == 201 && is_creation(request) {
            let url = answer.json()["url"].as_str().unwrap_or_default().to_owned();
            client
                .created
                .insert((request.path.clone(), request.body.to_vec()), url);
        }
        breaches.extend(client.note_read(request, answer, rules.same_reads_max));
    }
}

impl Watch {
    fn judge(
        &mut self,
        request: &Received,
        line: &str,
        context: &RequestContext<'_>,
    ) -> Vec<String> {
        let mut found = Vec::new();
        let target = request.target();
        if target.contains("access_token=")
            || context
                .known_tokens
                .iter()
                .any(|token| target.contains(token.as_str()))
        {
            found.push(format!("token in an address: {}", request.path));
        }
        if request.is_git {
            return found;
        }
        if request.header("user-agent").is_none_or(str::is_empty) {
            found.push(format!("no User-Agent: {line}"));
        }
        if context.token.is_empty() {
            found.push(format!("no token: {line}"));
        }
        let Self { rules, clients, .. } = self;
        let client = clients.entry(context.token.to_owned()).or_default();
        found.extend(client.judge_load(request, line, rules, context.now));
        found.extend(client.judge_patience(request, line, rules, context.now));
        found.extend(client.judge_repetition(request, line, context.is_still_there));
        found
    }
}

impl Client {
    /// Checks concurrency and request rates.
    fn judge_load(
        &mut self,
        request: &Received,
        line: &str,
        rules: &Rules,
        now: Timestamp,
    ) -> Vec<String> {
        let mut found = Vec::new();
        if rules.requests_at_once_max <= self.under_way.len() {
            found.push(format!(
                "more than {} requests at once: {line}",
                rules.requests_at_once_max
            ));
        }
        if !request.is_write() {
            return found;
        }
        if let Some(other) = self.writing.first() {
            found.push(format!(
                "two writes at once: {line} while {other} has no answer"
            ));
        }
        self.written_at.push_back(now);
        let hour_ago = now - SignedDuration::from_hours(1);
        while self.written_at.front().is_some_and(|at| *at <= hour_ago) {
            self.written_at.pop_front();
        }
        let minute_ago = now - SignedDuration::from_mins(1);
        let n_in_a_minute = self
            .written_at
            .iter()
            .rev()
            .take_while(|at| minute_ago < **at)
            .count();
        for (n, max, span) in [
            (n_in_a_minute, rules.writes_per_minute_max, "minute"),
            (self.written_at.len(), rules.writes_per_hour_max, "hour"),
        ] {
            if max < n {
                found.push(format!("{n} writes in a {span}, {max} are allowed: {line}"));
            }
        }
        found
    }

    /// Checks that the client stops or waits when told to.
    fn judge_patience(
        &mut self,
        request: &Received,
        line: &str,
        rules: &Rules,
        now: Timestamp,
    ) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(n) = &mut self.n_after_401 {
            *n += 1;
            if rules.requests_after_401_max < *n {
                found.push(format!("request {n} after a 401: {line}"));
            }
        }
        // Asking for the limit itself is free.
        let is_free = request.path == "/rate_limit";
        if let Some(limit) = self
            .limit
            .as_mut()
            .filter(|limit| now < limit.until && !is_free)
        {
            limit.n_reads += usize::from(!request.is_write());
            if request.is_write()
                || limit.refused == line
                || rules.reads_under_limit_max < limit.n_reads
            {
                let left_s = limit.until.as_second() - now.as_second();
                found.push(format!(
                    "{left_s} s before the {} limit ends: {line}",
                    limit.name
                ));
            }
        }
        found
    }

    /// Checks that nothing is created twice.
    fn judge_repetition(
        &self,
        request: &Received,
        line: &str,
        is_still_there: &dyn Fn(&str) -> bool,
    ) -> Option<String> {
        let url = self
            .created
            .get(&(request.path.clone(), request.body.to_vec()))?;
        (is_creation(request) && is_still_there(url))
            .then(|| format!("created twice with the same content: {line}"))
    }

    /// Records the result of a read, and whether it was a repetition.
    fn note_read(
        &mut self,
        request: &Received,
        answer: &Answered,
        same_reads_max: usize,
    ) -> Option<String> {
        let etag = answer
            .header("etag")
            .filter(|_| request.method == "GET" && answer.status == 200)?;
        let (known, n_same) = self.reads.entry(request.target()).or_default();
        if known != etag {
            (*known, *n_same) = (etag.to_owned(), 0);
            return None;
        }
        *n_same += 1;
        let is_storm = same_reads_max < *n_same;
        is_storm.then(|| {
            format!(
                "read {n_same} times more than needed, without If-None-Match: GET {}",
                request.target()
            )
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut watch = self.policy.watch();
        let client = watch.clients.entry(self.token.clone()).or_default();
        remove_one(&mut client.under_way, &self.line);
        if self.is_write {
            remove_one(&mut client.writing, &self.line);
        }
    }
}

fn remove_one(lines: &mut Vec<String>, line: &str) {
    if let Some(at) = lines.iter().position(|known| known == line) {
        lines.swap_remove(at);
    }
}

/// Returns whether repeating the request would create a duplicate.
fn is_creation(request: &Received) -> bool {
    let last = request.path.rsplit('/').next().unwrap_or_default();
    request.method == "POST" && ["issues", "comments", "pulls"].contains(&last)
}

/// Returns the limit that a response announces.
fn limit(request: &Received, answer: &Answered, now: Timestamp) -> Option<Limit> {
    if answer.status != 403 && answer.status != 429 {
        return None;
    }
    let number = |name| {
        answer
            .header(name)
            .and_then(|text| text.parse::<i64>().ok())
    };
    let is_secondary = String::from_utf8_lossy(&answer.body).contains("secondary rate limit");
    let (name, until) = if let Some(seconds) = number("retry-after") {
        ("secondary", now + SignedDuration::from_secs(seconds))
    } else if number("x-ratelimit-remaining") == Some(0) {
        (
            "primary",
            Timestamp::from_second(number("x-ratelimit-reset")?).ok()?,
        )
    } else if is_secondary {
        // Without a header, GitHub asks for a minute.
        ("secondary", now + SignedDuration::from_mins(1))
    } else {
        return None;
    };
    let refused = format!("{} {}", request.method, request.target());
    Some(Limit {
        name,
        until,
        refused,
        n_reads: 0,
    })
}
