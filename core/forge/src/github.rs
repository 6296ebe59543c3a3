//! GitHub's API: the issues of one repository and the pull requests for them. Blocking, with one
//! network thread of its own.
//!
//! ```text
//!   backlog, states, pull_request_of ──────────────► Client ─► octocrab ─► the API
//!   publish ─► read, then write ─► Pace, one at a time ─┘
//! ```
//!
//! Nothing is retried, and everything is looked up before it is created. A pull request is ours if
//! its branch is `autoissue/issue-<N>` in this very repository: only someone with push access can
//! create one, while anyone can copy a marker. The marker only shows that the text is ours and may
//! be replaced.

mod as_forge;
mod client;
mod connection;
mod error;
mod findings;
mod issues;
mod pace;
mod token;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Instant;

use autoissue_engine::{Dependency, Issue, IssueNumber, PullRequest, Time, Withdrawal};
use autoissue_git::BRANCH_PREFIX;
use http::Method;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::forge::{Backlog, IssueState, PullRequestDraft};
pub use client::Retirement;
use client::{Answer, Call, Client};
pub use connection::Proxy;
pub use error::GithubError;
use pace::Pace;
pub use token::{Token, TokenError, find_token};
use wire::{WireIssue, WirePull};

/// Pages of labels that are read to suggest a similar one: a suggestion is not worth more calls.
const N_LABEL_PAGES_MAX: usize = 3;
/// Most pages, of 100 items each, that are read of a list.
const N_PAGES_MAX: usize = 100;
/// How GitHub refuses a draft if the plan has none: status and field are the same for every
/// refusal.
const NO_DRAFTS: &str = "Draft pull requests are not supported";
/// Longest body that GitHub accepts, in characters.
const BODY_LENGTH_MAX: usize = 65_536;
/// Longest title that GitHub accepts, in characters.
const TITLE_LENGTH_MAX: usize = 256;
/// Prefix of GitHub App tokens; GitHub does not report what these may do.
const APP_TOKEN: &str = "ghs_";

/// The API's address, and how to authenticate.
#[derive(Clone, Debug)]
pub struct Access {
    /// Address of the API, such as `https://api.github.com`.
    pub api_url: String,
    /// `owner/name`.
    pub repo: String,
    /// The token.
    pub token: Token,
    /// The proxy to use, if any.
    pub proxy: Option<Proxy>,
    /// Most writes per minute.
    pub writes_per_minute: u32,
    /// Most writes per hour.
    pub writes_per_hour: u32,
}

/// The issues and pull requests of one repository on GitHub.
#[derive(Debug)]
pub struct Github {
    /// `None` only while dropping.
    runtime: Option<Runtime>,
    client: Client,
    repo: String,
    token_is_of_app: bool,
    /// Branch whose merges close issues, once GitHub has reported it.
    default_branch: Mutex<Option<String>>,
    /// Issues that had no open pull request before their attempt and for which none was requested
    /// since.
    unpublished: Mutex<BTreeSet<IssueNumber>>,
    /// Held while writing, so that there is one write at a time.
    pace: tokio::sync::Mutex<Pace>,
}

/// What GitHub reports about a repository and the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `owner/name`; differs from the requested one if the repository was renamed.
    pub repo: String,
    /// Whether the repository is read-only.
    pub is_archived: bool,
    /// Whether the repository is private.
    pub is_private: bool,
    /// Whether issues are turned off.
    pub issues_are_off: bool,
    /// The default branch.
    pub default_branch: String,
    /// The repository it was forked from.
    pub parent: Option<String>,
    /// Whether the token may push; `None` if GitHub does not report it.
    pub may_push: Option<bool>,
    /// Scopes of the token, if it is of a kind that has scopes.
    pub scopes: Option<String>,
    /// When the token expires, as GitHub writes it; `None` if never, or not reported.
    pub token_expires: Option<String>,
    /// Remaining calls of the account; `None` on a host without a limit.
    pub calls: Option<Calls>,
    /// The time according to GitHub.
    pub answered_at: Option<Time>,
}

/// Calls that an account may make per hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// Remaining calls.
    pub left: u64,
    /// Calls per hour.
    pub limit: u64,
    /// When the limit resets.
    pub reset: Time,
}

impl Facts {
    /// Checks that branches can be pushed, as far as GitHub reports it.
    ///
    /// # Errors
    /// [`GithubError::Forbidden`], [`GithubError::Archived`].
    pub fn check_push_right(&self) -> Result<(), GithubError> {
        if self.is_archived {
            return Err(GithubError::Archived {
                repo: self.repo.clone(),
            });
        }
        if self.may_push == Some(false) {
            let message = format!("it lacks the `push` permission for `{}`", self.repo);
            return Err(GithubError::Forbidden {
                doing: "push branches",
                message,
                scopes: self.scopes.clone(),
            });
        }
        Ok(())
    }
}

impl Github {
    /// Creates a client without sending anything.
    ///
    /// # Errors
    /// [`GithubError::BadAddress`].
    pub fn new(access: &Access) -> Result<Self, GithubError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("github")
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| GithubError::Unreachable {
            doing: "start a network thread",
            host: access.api_url.clone(),
            reason: error.to_string(),
        })?;
        let client = runtime.block_on(async { Client::new(access) })?;
        Ok(Self {
            runtime: Some(runtime),
            client,
            repo: access.repo.clone(),
            default_branch: Mutex::default(),
            unpublished: Mutex::default(),
            token_is_of_app: access.token.secret.expose().starts_with(APP_TOKEN),
            pace: Pace::new(access.writes_per_minute, access.writes_per_hour).into(),
        })
    }

    /// Reads what GitHub reports about the repository and the token. One call.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn facts(&self) -> Result<Facts, GithubError> {
        let path = format!("/repos/{}", self.repo);
        let call = Call {
            issue: None,
            doing: "read the repository",
            path: &path,
        };
        let Answer { headers, body } = self.block_on(self.client.get(call))?;
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let number = |name: &str| header(name)?.trim().parse::<u64>().ok();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let calls = || {
            let (left, limit) = (
                number("x-ratelimit-remaining")?,
                number("x-ratelimit-limit")?,
            );
            Some(Calls {
                left,
                limit,
                reset: Time::from_ms(number("x-ratelimit-reset")?.saturating_mul(1_000)),
            })
        };
        *client::lock(&self.default_branch) = text(&body["default_branch"]);
        Ok(Facts {
            repo: text(&body["full_name"]).unwrap_or_else(|| self.repo.clone()),
            is_archived: body["archived"].as_bool().unwrap_or(false),
            is_private: body["private"].as_bool().unwrap_or(false),
            issues_are_off: body["has_issues"].as_bool() == Some(false),
            default_branch: text(&body["default_branch"]).unwrap_or_default(),
            parent: text(&body["parent"]["full_name"]),
            may_push: body["permissions"]["push"]
                .as_bool()
                .filter(|_| !self.token_is_of_app),
            scopes: header("x-oauth-scopes").map(str::to_owned),
            token_expires: header("github-authentication-token-expiration").map(str::to_owned),
            calls: calls(),
            answered_at: header("date").and_then(wire::http_date),
        })
    }

    /// Returns the first deprecation that GitHub announced for an endpoint or API version in use.
    pub fn retirement(&self) -> Option<Retirement> {
        self.client.retirement()
    }

    /// Returns the repository's name as it was requested.
    fn repo(&self) -> &str {
        &self.repo
    }

    /// Switches to the repository's current name: GitHub redirects reads of an old name, but not
    /// writes.
    fn rename(&mut self, repo: &str) {
        repo.clone_into(&mut self.repo);
        self.client.rename(repo);
    }

    /// Checks that the token may push to the repository. One call.
    ///
    /// # Errors
    /// [`GithubError`]; [`GithubError::Forbidden`] if it may not.
    pub fn check_push_right(&self) -> Result<(), GithubError> {
        self.facts()?.check_push_right()
    }

    /// Returns the open issues that carry the label, by number, each with our open pull request for
    /// it and the blockers that GitHub itself records.
    ///
    /// # Errors
    /// [`GithubError`]; a malformed issue is a warning.
    pub fn backlog(&self, label: &str) -> Result<Backlog, GithubError> {
        self.block_on(self.read_backlog(label))
    }

    /// Returns whether each issue or pull request is open. One call each.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn states(
        &self,
        numbers: &[IssueNumber],
    ) -> Result<BTreeMap<IssueNumber, IssueState>, GithubError> {
        self.block_on(async {
            let mut states = BTreeMap::new();
            for &number in numbers {
                states.insert(number, self.state(number).await?);
            }
            Ok(states)
        })
    }

    /// Returns why an issue must no longer be worked on: it is closed, without the label (unless
    /// `label` is empty), or has a pull request of ours that is open or was merged into a branch
    /// whose merges do not close issues. One call, plus one for pull requests if there may be one
    /// that was not looked up before.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn look_again(
        &self,
        issue: IssueNumber,
        label: &str,
        may_have_pull_request: bool,
    ) -> Result<Option<Withdrawal>, GithubError> {
        self.block_on(self.withdrawal(issue, label, may_have_pull_request))
    }

    /// Returns our open pull request for an issue. One call.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn pull_request_of(&self, issue: IssueNumber) -> Result<Option<PullRequest>, GithubError> {
        let found = self.block_on(self.find(issue, &branch_of(issue)))?;
        Ok(found.map(|pull| pull.pull_request()))
    }

    /// Creates a pull request, or finds the open one for the same branch. The second value is
    /// whether it already existed. If the branch held earlier work of ours, the description is
    /// updated and a comment says so. Two calls, plus one with labels.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn publish(
        &self,
        draft: &PullRequestDraft,
        cancel: &CancellationToken,
    ) -> Result<(PullRequest, bool), GithubError> {
        self.block_on(self.find_or_create(draft, cancel))
    }

    /// Returns the repository's labels, from the first [`N_LABEL_PAGES_MAX`] pages. One call per
    /// page.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn labels(&self) -> Result<Vec<String>, GithubError> {
        self.block_on(self.list_labels())
    }

    /// Returns the number of calls so far for an issue or, with `None`, for no particular one.
    pub fn n_calls(&self, issue: Option<IssueNumber>) -> u32 {
        self.client.n_calls(issue)
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime
            .as_ref()
            .expect("it is only taken on drop")
            .block_on(work)
    }

    // ---- issues

    async fn read_backlog(&self, label: &str) -> Result<Backlog, GithubError> {
        let (mut found, mut backlog) = (Vec::new(), Backlog::default());
        let read = |item: &Value| match wire::issue(item) {
            Ok(issue) => found.extend(issue.filter(|it| carries(&it.issue.labels, label))),
            Err(odd) => backlog.warnings.push(odd),
        };
        if self
            .client
            .list(self.list_of_issues(label).call(), N_PAGES_MAX, read)
            .await?
        {
            backlog.warnings.push(format!(
                "only the first {} issues were read",
                100 * N_PAGES_MAX
            ));
        }
        // A list that changes while it is read may contain an issue twice.
        found.sort_by_key(|it| it.issue.number);
        found.dedup_by_key(|it| it.issue.number);
        self.complete(found, backlog).await
    }

    /// Adds what lists do not contain: our pull requests, and blockers.
    async fn complete(
        &self,
        found: Vec<WireIssue>,
        mut backlog: Backlog,
    ) -> Result<Backlog, GithubError> {
        let mut pulls = if found.is_empty() {
            BTreeMap::new()
        } else {
            self.open_pulls().await?
        };
        let is_open = |it: &WireIssue| pulls.contains_key(&branch_of(it.issue.number));
        let mut merged = if found.iter().all(is_open) {
            BTreeMap::new()
        } else {
            self.merged_pulls().await?
        };
        for WireIssue {
            mut issue,
            n_blocked_by,
        } in found
        {
            issue.open_pull_request = pulls
                .remove(&branch_of(issue.number))
                .map(|pull| pull.pull_request());
            issue.merged_pull_request = merged.remove(&branch_of(issue.number));
            let is_blocked_here = n_blocked_by > 0 && issue.open_pull_request.is_none();
            if is_blocked_here && !self.add_blockers(&mut issue).await? {
                backlog.blocked_elsewhere.insert(issue.number);
            }
            backlog.issues.push(issue);
        }
        Ok(backlog)
    }

    fn list_of_issues(&self, label: &str) -> OwnedCall {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("state", "open")
            .append_pair("per_page", "100");
        query
            .append_pair("sort", "created")
            .append_pair("direction", "asc");
        // GitHub splits this parameter at commas.
        if !label.contains(',') {
            query.append_pair("labels", label);
        }
        OwnedCall {
            issue: None,
            doing: "list the issues",
            path: format!("/repos/{}/issues?{}", self.repo, query.finish()),
        }
    }

    /// Adds the issues of this repository that block the given one according to GitHub. Returns
    /// false if an open issue of another repository blocks it too: nothing here can wait for that.
    async fn add_blockers(&self, issue: &mut Issue) -> Result<bool, GithubError> {
        let number = issue.number;
        let path = format!(
            "/repos/{}/issues/{}/dependencies/blocked_by?per_page=100",
            self.repo, number.0
        );
        let call = Call {
            issue: None,
            doing: "read the blockers of an issue",
            path: &path,
        };
        let home = format!("/repos/{}", self.repo).to_lowercase();
        let mut is_free = true;
        let read = |blocker: &Value| {
            let Some(number) = blocker["number"].as_u64() else {
                return;
            };
            let is_open = blocker["state"].as_str() != Some("closed");
            let url = blocker["repository_url"].as_str();
            if url.is_none_or(|url| url.to_lowercase().ends_with(&home)) {
                issue.dependencies.push(Dependency {
                    number: IssueNumber(number),
                    open: is_open,
                });
            } else if is_open {
                is_free = false;
            }
        };
        match self.client.list(call, N_PAGES_MAX, read).await {
            // A GitHub Enterprise host may be too old for this endpoint, and a token may not be
            // allowed to read it.
            Ok(_) | Err(GithubError::NotFound { .. }) => Ok(is_free),
            Err(error @ GithubError::Forbidden { .. }) => {
                tracing::warn!(%error, issue = %number, "failed to read the blockers of an issue");
                Ok(is_free)
            }
            Err(error) => Err(error),
        }
    }

    async fn list_labels(&self) -> Result<Vec<String>, GithubError> {
        let path = format!("/repos/{}/labels?per_page=100", self.repo);
        let call = Call {
            issue: None,
            doing: "list the labels",
            path: &path,
        };
        let mut labels = Vec::new();
        let read = |label: &Value| labels.extend(label["name"].as_str().map(str::to_owned));
        self.client.list(call, N_LABEL_PAGES_MAX, read).await?;
        Ok(labels)
    }

    async fn state(&self, number: IssueNumber) -> Result<IssueState, GithubError> {
        let path = format!("/repos/{}/issues/{}", self.repo, number.0);
        let call = Call {
            issue: None,
            doing: "read an issue that another depends on",
            path: &path,
        };
        match self.client.get(call).await {
            Ok(answer) if answer.body["state"].as_str() == Some("closed") => Ok(IssueState::Closed),
            Ok(_) => Ok(IssueState::Open),
            // Deleted, transferred, or never existed.
            Err(GithubError::NotFound { .. } | GithubError::Refused { status: 410, .. }) => {
                Ok(IssueState::Missing)
            }
            Err(error) => Err(error),
        }
    }

    // ---- pull requests

    /// Returns our open pull requests, by branch.
    async fn open_pulls(&self) -> Result<BTreeMap<String, WirePull>, GithubError> {
        let path = format!("/repos/{}/pulls?state=open&per_page=100", self.repo);
        let call = Call {
            issue: None,
            doing: "list the pull requests",
            path: &path,
        };
        let mut ours = BTreeMap::new();
        let read = |item: &Value| {
            let pull = wire::pull(item).filter(|pull| self.is_ours(pull));
            ours.extend(pull.map(|pull| (pull.head.clone(), pull)));
        };
        self.client.list(call, N_PAGES_MAX, read).await?;
        Ok(ours)
    }

    /// Returns our pull requests, by branch, whose merge did not close an issue, as far as they are
    /// among the 100 most recently updated. Others that were published from here are found when an
    /// attempt re-checks its issue.
    async fn merged_pulls(&self) -> Result<BTreeMap<String, PullRequest>, GithubError> {
        let path = format!(
            "/repos/{}/pulls?state=closed&sort=updated&direction=desc&per_page=100",
            self.repo
        );
        let call = Call {
            issue: None,
            doing: "list the closed pull requests",
            path: &path,
        };
        let mut pulls: BTreeMap<String, Vec<WirePull>> = BTreeMap::new();
        let read = |item: &Value| {
            if let Some(pull) = wire::pull(item).filter(|pull| self.is_ours(pull)) {
                pulls.entry(pull.head.clone()).or_default().push(pull);
            }
        };
        self.client.list(call, 1, read).await?;
        let merged = |(branch, pulls): (String, Vec<WirePull>)| {
            Some((branch, self.merged_aside(&pulls)?.pull_request()))
        };
        Ok(pulls.into_iter().filter_map(merged).collect())
    }

    /// Returns the newest merged pull request of an issue unless its base is the default branch: in
    /// that case GitHub closed the issue, and someone who reopened it wants more work.
    fn merged_aside<'p>(&self, pulls: &'p [WirePull]) -> Option<&'p WirePull> {
        let newest = pulls
            .iter()
            .filter(|pull| pull.is_merged)
            .max_by_key(|pull| pull.number)?;
        let known = client::lock(&self.default_branch).clone();
        let default = newest.default_branch.clone().or(known);
        (default.as_ref() != Some(&newest.base)).then_some(newest)
    }

    async fn withdrawal(
        &self,
        issue: IssueNumber,
        label: &str,
        may_have_pull_request: bool,
    ) -> Result<Option<Withdrawal>, GithubError> {
        let path = format!("/repos/{}/issues/{}", self.repo, issue.0);
        let call = Call {
            issue: Some(issue),
            doing: "re-check an issue",
            path: &path,
        };
        let item = match self.client.get(call).await {
            Ok(answer) => answer.body,
            Err(GithubError::NotFound { .. } | GithubError::Refused { status: 410, .. }) => {
                return Ok(Some(Withdrawal::Gone));
            }
            Err(error) => return Err(error),
        };
        // A transferred issue is found at its new place, under another number.
        if item["number"].as_u64() != Some(issue.0) {
            return Ok(Some(Withdrawal::Gone));
        }
        if item["state"] == "closed" {
            return Ok(Some(Withdrawal::Closed));
        }
        if !label.is_empty() && !carries(&wire::labels(&item["labels"]), label) {
            return Ok(Some(Withdrawal::Unlabelled));
        }
        // An earlier attempt has looked for pull requests, and only we create any for this branch.
        if !may_have_pull_request || client::lock(&self.unpublished).contains(&issue) {
            client::lock(&self.unpublished).insert(issue);
            return Ok(None);
        }
        let pulls = self.pulls_of(issue, &branch_of(issue), "all").await?;
        if let Some(open) = pulls.iter().find(|pull| pull.is_open) {
            return Ok(Some(Withdrawal::Open(open.pull_request())));
        }
        client::lock(&self.unpublished).insert(issue);
        let merged = self.merged_aside(&pulls);
        Ok(merged.map(|pull| Withdrawal::Merged(pull.pull_request())))
    }

    fn is_ours(&self, pull: &WirePull) -> bool {
        let is_here = pull
            .head_repo
            .as_ref()
            .is_some_and(|repo| repo.eq_ignore_ascii_case(&self.repo));
        is_here && pull.head.starts_with(BRANCH_PREFIX)
    }

    /// Returns the open pull request for a branch of ours.
    async fn find(
        &self,
        issue: IssueNumber,
        branch: &str,
    ) -> Result<Option<WirePull>, GithubError> {
        let open = self.pulls_of(issue, branch, "open").await?;
        Ok(open.into_iter().find(|pull| pull.is_open))
    }

    /// Returns the pull requests for a branch of ours in a state: `open` or `all`. The 100 newest.
    async fn pulls_of(
        &self,
        issue: IssueNumber,
        branch: &str,
        state: &str,
    ) -> Result<Vec<WirePull>, GithubError> {
        let owner = self.repo.split('/').next().unwrap_or_default();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("state", state)
            .append_pair("head", &format!("{owner}:{branch}"))
            .append_pair("per_page", "100");
        let path = format!("/repos/{}/pulls?{}", self.repo, query.finish());
        let call = Call {
            issue: Some(issue),
            doing: "look for a pull request",
            path: &path,
        };
        let answer = self.client.get(call).await?;
        let items = answer.body.as_array().into_iter().flatten();
        let pulls = items.filter_map(wire::pull);
        Ok(pulls
            .filter(|pull| self.is_ours(pull) && pull.head == branch)
            .collect())
    }

    async fn find_or_create(
        &self,
        draft: &PullRequestDraft,
        cancel: &CancellationToken,
    ) -> Result<(PullRequest, bool), GithubError> {
        let writer = Writer {
            github: self,
            draft,
            cancel,
        };
        // A lookup before the attempt need not be repeated, unless a request was sent since: its
        // answer may have been lost.
        let was_looked_at = client::lock(&self.unpublished).remove(&draft.issue);
        if !was_looked_at && let Some(found) = self.find(draft.issue, &draft.head).await? {
            return writer.renew(&found).await;
        }
        match writer.create(draft.draft).await {
            Err(GithubError::NoDrafts { .. }) if !draft.must_be_draft => {
                Ok((writer.create(false).await?, false))
            }
            // Someone else was faster, or the answer to an earlier request was lost.
            Err(refused @ GithubError::Refused { status: 422, .. }) => {
                match self.find(draft.issue, &draft.head).await? {
                    Some(found) => writer.renew(&found).await,
                    None => Err(refused),
                }
            }
            created => Ok((created?, false)),
        }
    }
}

impl Github {
    /// Writes once the pace allows it; the path is relative to the repository's. Cancelling only
    /// ends the waiting.
    async fn write(
        &self,
        call: Call<'_>,
        method: Method,
        body: &Value,
        cancel: &CancellationToken,
    ) -> Result<Answer, GithubError> {
        let path = format!("/repos/{}/{}", self.repo, call.path);
        let turn = cancel.run_until_cancelled(async {
            let pace = self.pace.lock().await;
            tokio::time::sleep(pace.wait(Instant::now())).await;
            pace
        });
        let mut pace = turn
            .await
            .ok_or(GithubError::Cancelled { doing: call.doing })?;
        let answer = self
            .client
            .write(
                Call {
                    path: &path,
                    ..call
                },
                method,
                body,
            )
            .await;
        pace.note(Instant::now());
        answer
    }
}

impl Drop for Github {
    fn drop(&mut self) {
        // Dropping the runtime would wait for its thread, which must not be done inside another
        // runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Writer<'a> {
    github: &'a Github,
    draft: &'a PullRequestDraft,
    cancel: &'a CancellationToken,
}

impl Writer<'_> {
    async fn create(&self, is_draft: bool) -> Result<PullRequest, GithubError> {
        let draft = self.draft;
        let body = json!({
            "title": title(&draft.title), "head": draft.head, "base": draft.base,
            "body": body_with_marker(&draft.body, &draft.marker), "draft": is_draft,
        });
        let written = self
            .write("open a pull request", Method::POST, "pulls", &body)
            .await;
        let answer = match written {
            Err(GithubError::Refused {
                status: 422,
                message,
                ..
            }) if is_draft && message.contains(NO_DRAFTS) => {
                let repo = self.github.repo.clone();
                return Err(GithubError::NoDrafts { repo });
            }
            written => written?,
        };
        let (number, url) = (
            answer.body["number"].as_u64(),
            answer.body["html_url"].as_str(),
        );
        let (Some(number), Some(url)) = (number, url) else {
            let reason = "the answer does not contain a pull request".to_owned();
            return Err(self
                .github
                .client
                .unreachable("open a pull request", reason));
        };
        self.label(number, &wire::labels(&answer.body["labels"]))
            .await?;
        Ok(PullRequest {
            number,
            url: url.to_owned(),
        })
    }

    /// Updates an existing pull request to the current work.
    async fn renew(&self, found: &WirePull) -> Result<(PullRequest, bool), GithubError> {
        self.label(found.number, &found.labels).await?;
        if let Some(before) = &self.draft.replaces {
            let (draft, number) = (self.draft, found.number);
            if found.body.contains(&draft.marker) {
                let body = json!({"body": body_with_marker(&draft.body, &draft.marker)});
                self.write(
                    "update a pull request",
                    Method::PATCH,
                    &format!("pulls/{number}"),
                    &body,
                )
                .await?;
            }
            let text = format!(
                "autoissue replaced {before}, its earlier work on this issue, with {}.",
                draft.head_commit
            );
            self.write(
                "comment",
                Method::POST,
                &format!("issues/{number}/comments"),
                &json!({"body": text}),
            )
            .await?;
        }
        Ok((found.pull_request(), true))
    }

    /// Adds missing labels. A pull request without its labels is better than none.
    async fn label(&self, number: u64, there: &[String]) -> Result<(), GithubError> {
        let missing: Vec<&String> = self
            .draft
            .labels
            .iter()
            .filter(|label| !carries(there, label))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let path = format!("issues/{number}/labels");
        match self
            .write(
                "label a pull request",
                Method::POST,
                &path,
                &json!({"labels": missing}),
            )
            .await
        {
            Err(
                error @ (GithubError::Refused { .. }
                | GithubError::Forbidden { .. }
                | GithubError::NotFound { .. }),
            ) => {
                tracing::warn!(%error, number, "failed to label a pull request");
                Ok(())
            }
            done => done.map(|_| ()),
        }
    }

    async fn write(
        &self,
        doing: &'static str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Answer, GithubError> {
        let call = Call {
            issue: Some(self.draft.issue),
            doing,
            path,
        };
        self.github.write(call, method, body, self.cancel).await
    }
}

/// A call that owns its path.
struct OwnedCall {
    issue: Option<IssueNumber>,
    doing: &'static str,
    path: String,
}

impl OwnedCall {
    fn call(&self) -> Call<'_> {
        Call {
            issue: self.issue,
            doing: self.doing,
            path: &self.path,
        }
    }
}

fn branch_of(issue: IssueNumber) -> String {
    format!("{BRANCH_PREFIX}{}", issue.0)
}

fn carries(labels: &[String], label: &str) -> bool {
    labels
        .iter()
        .any(|other| other.to_lowercase() == label.to_lowercase())
}

fn title(title: &str) -> String {
    title
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(TITLE_LENGTH_MAX)
        .collect()
}

/// Returns the text, shortened to what GitHub accepts, with the marker at its end.
fn body_with_marker(body: &str, marker: &str) -> String {
    let body = body.trim_end().trim_end_matches(marker).trim_end();
    let left_out = "\n\n(Truncated: GitHub does not accept longer text.)";
    let end = format!("\n\n{marker}\n");
    let room = BODY_LENGTH_MAX - end.chars().count();
    if body.chars().count() <= room {
        return format!("{body}{end}");
    }
    let kept: String = body.chars().take(room - left_out.chars().count()).collect();
    format!("{kept}{left_out}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_github_would_refuse_it_and_keeps_its_marker() {
        let marker = "<!-- autoissue: issue 7 -->";
        assert_eq!(
            body_with_marker(&format!("text\n\n{marker}\n"), marker),
            format!("text\n\n{marker}\n")
        );
        for length in [
            BODY_LENGTH_MAX - 100,
            BODY_LENGTH_MAX - 29,
            BODY_LENGTH_MAX,
            3 * BODY_LENGTH_MAX,
        ] {
            let body = body_with_marker(&"ä".repeat(length), marker);
            assert!(body.chars().count() <= BODY_LENGTH_MAX, "{length}");
            assert!(body.ends_with(&format!("\n\n{marker}\n")), "{length}");
        }
    }
}
