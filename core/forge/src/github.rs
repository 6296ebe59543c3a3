//! GitHub's API: the issues of one repository, and pull requests for them. Blocking, with one thread of its own for the network.
//!
//! ```text
//!   backlog, states, pull_request_of ──────────────► Client ─► octocrab ─► the API
//!   publish ─► look, then write ─► Pace, one at a time ─┘
//! ```
//!
//! It tries nothing twice, and looks before it creates. A pull request is ours if its branch is `autoissue/issue-<N>` in this
//! very repository: only who may push there can make one, while a marker in a text is anybody's. The marker says that the text
//! is ours, so that it may be replaced.

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

/// Pages of labels that are read to find the one that was meant: a suggestion is worth no more calls.
const N_LABEL_PAGES_MAX: usize = 3;
/// Pages of a hundred that are read of a list at most.
const N_PAGES_MAX: usize = 100;
/// How GitHub refuses a draft where the plan has none: the status and the field are those of every refusal.
const NO_DRAFTS: &str = "Draft pull requests are not supported";
/// GitHub takes no longer text.
const BODY_LENGTH_MAX: usize = 65_536;
/// GitHub takes no longer title.
const TITLE_LENGTH_MAX: usize = 256;
/// How tokens of GitHub Apps begin; of these, GitHub does not tell what they may do.
const APP_TOKEN: &str = "ghs_";

/// Where the API is, and by which right it is asked.
#[derive(Clone, Debug)]
pub struct Access {
    /// Address of the API, such as `https://api.github.com`.
    pub api_url: String,
    /// `owner/name`.
    pub repo: String,
    /// The token.
    pub token: Token,
    /// The proxy on the way.
    pub proxy: Option<Proxy>,
    /// Most writes in a minute.
    pub writes_per_minute: u32,
    /// Most writes in an hour.
    pub writes_per_hour: u32,
}

/// The issues and pull requests of one repository on GitHub.
#[derive(Debug)]
pub struct Github {
    /// Taken when dropped only.
    runtime: Option<Runtime>,
    client: Client,
    repo: String,
    token_is_of_app: bool,
    /// Branch whose merges close issues, once GitHub has named it.
    default_branch: Mutex<Option<String>>,
    /// Issues that had no open pull request before their attempt, and for which none was asked since.
    unpublished: Mutex<BTreeSet<IssueNumber>>,
    /// Whoever holds it writes: one at a time.
    pace: tokio::sync::Mutex<Pace>,
}

/// What GitHub says of a repository, and of the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// `owner/name`; another than asked for where the repository was renamed.
    pub repo: String,
    /// Whether nothing can be changed any more.
    pub is_archived: bool,
    /// Whether it is not for everybody to see.
    pub is_private: bool,
    /// Whether it takes no issues.
    pub issues_are_off: bool,
    /// Branch that GitHub calls its default.
    pub default_branch: String,
    /// The repository that it is a fork of.
    pub parent: Option<String>,
    /// Whether the token may push; `None` where GitHub does not tell.
    pub may_push: Option<bool>,
    /// Scopes of the token, where it is of the kind that has scopes.
    pub scopes: Option<String>,
    /// When the token ends, as GitHub writes it; `None` if never, or not told.
    pub token_expires: Option<String>,
    /// What is left of the account's calls; `None` on a host that does not limit them.
    pub calls: Option<Calls>,
    /// What time it is for GitHub.
    pub answered_at: Option<Time>,
}

/// Calls that an account may send in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// How many are left.
    pub left: u64,
    /// How many there are in an hour.
    pub limit: u64,
    /// When there are as many again.
    pub reset: Time,
}

impl Facts {
    /// Makes sure that branches can be pushed, as far as GitHub tells.
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
            let message = format!("its permissions for `{}` are without `push`", self.repo);
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
    /// Makes ready to ask. Sends nothing.
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
            doing: "start a thread for it",
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

    /// Returns what GitHub says of the repository and the token. One call.
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

    /// Returns what GitHub announced about the end of an endpoint, or of a version of its API, that was asked for; the first one.
    pub fn retirement(&self) -> Option<Retirement> {
        self.client.retirement()
    }

    /// Returns the repository's name, as it was asked for.
    fn repo(&self) -> &str {
        &self.repo
    }

    /// Calls the repository what it is called now: reads of an old name are led on, writes are not.
    fn rename(&mut self, repo: &str) {
        repo.clone_into(&mut self.repo);
        self.client.rename(repo);
    }

    /// Makes sure that the token may push to the repository. One call.
    ///
    /// # Errors
    /// [`GithubError`]; [`GithubError::Forbidden`] where it may not.
    pub fn check_push_right(&self) -> Result<(), GithubError> {
        self.facts()?.check_push_right()
    }

    /// Returns the open issues that carry the label, by number, each with its open pull request of ours and what GitHub itself
    /// knows to block it.
    ///
    /// # Errors
    /// [`GithubError`]; one odd issue is a warning.
    pub fn backlog(&self, label: &str) -> Result<Backlog, GithubError> {
        self.block_on(self.read_backlog(label))
    }

    /// Returns for each number whether its issue, or pull request, is open. One call each.
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

    /// Returns whether an issue is no longer to be worked on: closed, without the label (unless that is empty), or with a pull request
    /// of ours that is open or merged into a branch whose merges close nothing. One call, and one for pull requests if there may be one
    /// that was not looked for before.
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

    /// Returns the open pull request of ours that is for an issue. One call.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn pull_request_of(&self, issue: IssueNumber) -> Result<Option<PullRequest>, GithubError> {
        let found = self.block_on(self.find(issue, &branch_of(issue)))?;
        Ok(found.map(|pull| pull.pull_request()))
    }

    /// Creates a pull request, or finds the open one with the same branch, and says whether there was one. Where the branch
    /// held other work of ours before, its text is renewed and a comment says so. Two calls, one more with labels.
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

    /// Returns the labels that issues here may carry, the first [`N_LABEL_PAGES_MAX`] pages of them. One call a page.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn labels(&self) -> Result<Vec<String>, GithubError> {
        self.block_on(self.list_labels())
    }

    /// Returns how many calls were sent for an issue so far, or, with `None`, for none in particular.
    pub fn n_calls(&self, issue: Option<IssueNumber>) -> u32 {
        self.client.n_calls(issue)
    }

    fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime
            .as_ref()
            .expect("it is taken on drop only")
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
        // A list that changes while it is read may tell one issue twice.
        found.sort_by_key(|it| it.issue.number);
        found.dedup_by_key(|it| it.issue.number);
        self.complete(found, backlog).await
    }

    /// Adds to issues what lists do not tell: pull requests of ours, and what blocks them.
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
        // GitHub takes a list of labels here, with commas between them.
        if !label.contains(',') {
            query.append_pair("labels", label);
        }
        OwnedCall {
            issue: None,
            doing: "list the issues",
            path: format!("/repos/{}/issues?{}", self.repo, query.finish()),
        }
    }

    /// Adds the issues of this repository that GitHub knows to block one. Returns false if an open one of another repository
    /// blocks it too: nothing here can wait for that.
    async fn add_blockers(&self, issue: &mut Issue) -> Result<bool, GithubError> {
        let number = issue.number;
        let path = format!(
            "/repos/{}/issues/{}/dependencies/blocked_by?per_page=100",
            self.repo, number.0
        );
        let call = Call {
            issue: None,
            doing: "read what blocks an issue",
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
            // A GitHub Enterprise host may be too old to know of this, and a token need not be let in to see it.
            Ok(_) | Err(GithubError::NotFound { .. }) => Ok(is_free),
            Err(error @ GithubError::Forbidden { .. }) => {
                tracing::warn!(%error, issue = %number, "GitHub does not tell what blocks an issue");
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
            // Deleted, moved away, or never there.
            Err(GithubError::NotFound { .. } | GithubError::Refused { status: 410, .. }) => {
                Ok(IssueState::Missing)
            }
            Err(error) => Err(error),
        }
    }

    // ---- pull requests

    /// Returns the open pull requests of ours, by branch.
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

    /// Returns the pull requests of ours, by branch, whose merge closed no issue, as far as they are among the hundred that changed
    /// last; of the others, those that were published from here come to light when an attempt looks at its issue.
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

    /// Returns the newest merged one of an issue's pull requests, unless its base is the default branch: GitHub closed the issue then,
    /// and whoever opened it again wants more.
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
            doing: "look at an issue again",
            path: &path,
        };
        let item = match self.client.get(call).await {
            Ok(answer) => answer.body,
            Err(GithubError::NotFound { .. } | GithubError::Refused { status: 410, .. }) => {
                return Ok(Some(Withdrawal::Gone));
            }
            Err(error) => return Err(error),
        };
        // One that was moved away is found where it is now, under another number.
        if item["number"].as_u64() != Some(issue.0) {
            return Ok(Some(Withdrawal::Gone));
        }
        if item["state"] == "closed" {
            return Ok(Some(Withdrawal::Closed));
        }
        if !label.is_empty() && !carries(&wire::labels(&item["labels"]), label) {
            return Ok(Some(Withdrawal::Unlabelled));
        }
        // An attempt before this one has looked for pull requests, and only we make any with this branch.
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

    /// Returns the open pull request with a branch of ours.
    async fn find(
        &self,
        issue: IssueNumber,
        branch: &str,
    ) -> Result<Option<WirePull>, GithubError> {
        let open = self.pulls_of(issue, branch, "open").await?;
        Ok(open.into_iter().find(|pull| pull.is_open))
    }

    /// Returns the pull requests with a branch of ours that are in a state: `open`, or `all`. The hundred newest.
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
        // Who looked before the attempt need not look again; of what was asked for since, the answer may be lost.
        let was_looked_at = client::lock(&self.unpublished).remove(&draft.issue);
        if !was_looked_at && let Some(found) = self.find(draft.issue, &draft.head).await? {
            return writer.renew(&found).await;
        }
        match writer.create(draft.draft).await {
            Err(GithubError::NoDrafts { .. }) if !draft.must_be_draft => {
                Ok((writer.create(false).await?, false))
            }
            // Somebody was faster, or the answer to an earlier try was lost.
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
    /// Writes once it is our turn; the path is below the repository's. Whoever cancels ends the waiting only.
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
        // Dropping it would wait for its thread, which must not be done within another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The writes that publish one pull request.
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
            let reason = "the answer names no pull request".to_owned();
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

    /// Makes a pull request that is there say what is true now.
    async fn renew(&self, found: &WirePull) -> Result<(PullRequest, bool), GithubError> {
        self.label(found.number, &found.labels).await?;
        if let Some(before) = &self.draft.replaces {
            let (draft, number) = (self.draft, found.number);
            if found.body.contains(&draft.marker) {
                let body = json!({"body": body_with_marker(&draft.body, &draft.marker)});
                self.write(
                    "renew a pull request",
                    Method::PATCH,
                    &format!("pulls/{number}"),
                    &body,
                )
                .await?;
            }
            let text = format!(
                "autoissue replaced {before} by {}: its earlier work on this issue.",
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

    /// Adds the labels that are missing. A pull request without its labels is better than none.
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
                tracing::warn!(%error, number, "a pull request is without its labels");
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

/// Returns the text, cut where GitHub would refuse it, with the marker at its end.
fn body_with_marker(body: &str, marker: &str) -> String {
    let body = body.trim_end().trim_end_matches(marker).trim_end();
    let left_out = "\n\n(The rest is left out: GitHub takes no longer text.)";
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
