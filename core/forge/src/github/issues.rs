//! Creates issues. They are first looked up by their markers, so that creating one twice results in
//! one issue.
//!
//! Nobody outside can know a marker before it is in one of our issues. Someone may copy it
//! afterwards, even into an older issue, so an issue counts only if it is younger than the plan and
//! its author belongs to the repository.

use autoissue_engine::{Issue, IssueNumber, Time};
use http::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::client::Call;
use super::wire::{self, WireIssue};
use super::{Github, GithubError, N_PAGES_MAX, body_with_marker, carries, title};
use crate::forge::{Backlog, IssueDraft, IssueState, left_out, with_dependencies};
use crate::timestamp;

/// These calls are not for an existing issue, so they are not counted under one.
const US: Option<IssueNumber> = Some(IssueNumber::SESSION);
/// Allowed clock difference between the two machines, in milliseconds.
const SKEW_MS_MAX: u64 = 24 * 3_600_000;

impl Github {
    /// Creates an issue, or finds the one with its marker and returns that one's title as the
    /// second value. Two calls, plus one for each further hundred issues that changed since it was
    /// planned.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn create_issue(
        &self,
        draft: &IssueDraft,
        cancel: &CancellationToken,
    ) -> Result<(IssueNumber, Option<String>), GithubError> {
        self.block_on(async {
            match self.find_issue(draft).await? {
                Some((number, title)) => Ok((number, Some(title))),
                None => Ok((self.create(draft, cancel).await?, None)),
            }
        })
    }

    /// Records the dependencies of an issue: in its body unless it states them already, and as
    /// GitHub's own dependencies if the host supports them. Two calls, plus two for each dependency
    /// that is missing there.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn add_dependencies(
        &self,
        issue: IssueNumber,
        on: &[IssueNumber],
        cancel: &CancellationToken,
    ) -> Result<(), GithubError> {
        self.block_on(async {
            self.say_dependencies(issue, on, cancel).await?;
            self.book_dependencies(issue, on, cancel).await
        })
    }

    /// Returns those of the issues that are open, like [`Github::backlog`]. One call each.
    ///
    /// # Errors
    /// [`GithubError`].
    pub fn issues(&self, numbers: &[IssueNumber]) -> Result<Backlog, GithubError> {
        self.block_on(async {
            let (mut found, mut backlog) = (Vec::new(), Backlog::default());
            for &number in numbers {
                match self.open_issue(number).await? {
                    Ok(issue) => found.push(issue),
                    Err(why) => backlog.warnings.push(why),
                }
            }
            found.sort_by_key(|it| it.issue.number);
            self.complete(found, backlog).await
        })
    }

    /// Returns an issue, or the warning that it is skipped.
    async fn open_issue(
        &self,
        number: IssueNumber,
    ) -> Result<Result<WireIssue, String>, GithubError> {
        let item = match self.item(number, None).await {
            Ok(item) => item,
            Err(GithubError::NotFound { .. } | GithubError::Refused { status: 410, .. }) => {
                return Ok(Err(left_out(number, IssueState::Missing)));
            }
            Err(error) => return Err(error),
        };
        if item["state"] == "closed" {
            return Ok(Err(left_out(number, IssueState::Closed)));
        }
        Ok(wire::issue(&item)
            .and_then(|issue| issue.ok_or_else(|| left_out(number, IssueState::Missing))))
    }

    async fn item(
        &self,
        number: IssueNumber,
        issue: Option<IssueNumber>,
    ) -> Result<Value, GithubError> {
        let path = format!("/repos/{}/issues/{}", self.repo, number.0);
        let call = Call {
            issue,
            doing: "read an issue of the plan",
            path: &path,
        };
        Ok(self.client.get(call).await?.body)
    }

    async fn find_issue(
        &self,
        draft: &IssueDraft,
    ) -> Result<Option<(IssueNumber, String)>, GithubError> {
        let Some(marker) = &draft.marker else {
            return Ok(None);
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("state", "all")
            .append_pair("per_page", "100");
        query
            .append_pair("sort", "created")
            .append_pair("direction", "desc");
        let since = draft.planned_at.ms().saturating_sub(SKEW_MS_MAX);
        if Time::default() < draft.planned_at {
            query.append_pair("since", &seconds(since));
        }
        let path = format!("/repos/{}/issues?{}", self.repo, query.finish());
        let call = Call {
            issue: US,
            doing: "look for an issue of the plan",
            path: &path,
        };
        let mut marked: Vec<(Issue, bool)> = Vec::new();
        let read = |item: &Value| {
            let Some(WireIssue { issue, .. }) = wire::issue(item).ok().flatten() else {
                return;
            };
            let is_marked = issue.body.lines().any(|line| line.trim() == marker);
            if is_marked && since <= issue.created_at.ms() {
                marked.push((issue, is_by_member(item)));
            }
        };
        self.client.list(call, N_PAGES_MAX, read).await?;
        // Not every member is shown as one, but we know our own login.
        let us = if marked.iter().all(|(_, is_by_member)| *is_by_member) {
            None
        } else {
            self.login().await?
        };
        let (ours, others): (Vec<_>, Vec<_>) = marked
            .into_iter()
            .partition(|(issue, is_by_member)| *is_by_member || us.as_ref() == Some(&issue.author));
        for (issue, _) in others {
            tracing::warn!(issue = %issue.number, author = issue.author, "ignoring an issue by an outsider that carries the marker of a plan");
        }
        Ok(ours
            .into_iter()
            .map(|(issue, _)| (issue.number, issue.title))
            .min())
    }

    /// Returns the login of the token's owner; `None` for an app's token.
    async fn login(&self) -> Result<Option<String>, GithubError> {
        let call = Call {
            issue: US,
            doing: "read the token's owner",
            path: "/user",
        };
        match self.client.get(call).await {
            Ok(answer) => Ok(answer.body["login"].as_str().map(str::to_owned)),
            Err(
                GithubError::Forbidden { .. }
                | GithubError::NotFound { .. }
                | GithubError::Refused { .. },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(
        &self,
        draft: &IssueDraft,
        cancel: &CancellationToken,
    ) -> Result<IssueNumber, GithubError> {
        let doing = "create an issue";
        let text = draft.marker.as_ref().map_or_else(
            || draft.body.clone(),
            |it| body_with_marker(&draft.body, it),
        );
        // GitHub creates labels that the repository does not have yet.
        let body = json!({"title": title(&draft.title), "body": text, "labels": draft.labels});
        let answer = self
            .write(
                Call {
                    issue: US,
                    doing,
                    path: "issues",
                },
                Method::POST,
                &body,
                cancel,
            )
            .await?;
        let Some(number) = answer.body["number"].as_u64() else {
            return Err(self
                .client
                .unreachable(doing, "the answer does not contain an issue".to_owned()));
        };
        let there = wire::labels(&answer.body["labels"]);
        let missing: Vec<&String> = draft
            .labels
            .iter()
            .filter(|label| !carries(&there, label))
            .collect();
        if !missing.is_empty() {
            tracing::warn!(
                number,
                ?missing,
                "the token may not set labels; an issue was created without them"
            );
        }
        Ok(IssueNumber(number))
    }

    async fn say_dependencies(
        &self,
        issue: IssueNumber,
        on: &[IssueNumber],
        cancel: &CancellationToken,
    ) -> Result<(), GithubError> {
        let item = self.item(issue, US).await?;
        let Some(body) = with_dependencies(item["body"].as_str().unwrap_or_default(), on) else {
            return Ok(());
        };
        let path = format!("issues/{}", issue.0);
        let call = Call {
            issue: US,
            doing: "record the dependencies of an issue",
            path: &path,
        };
        self.write(call, Method::PATCH, &json!({"body": body}), cancel)
            .await
            .map(|_| ())
    }

    /// Adds blockers to an issue. Its body states the same, so a failure because of an old host or
    /// a missing permission is not an error.
    async fn book_dependencies(
        &self,
        issue: IssueNumber,
        on: &[IssueNumber],
        cancel: &CancellationToken,
    ) -> Result<(), GithubError> {
        let path = format!(
            "/repos/{}/issues/{}/dependencies/blocked_by?per_page=100",
            self.repo, issue.0
        );
        let call = Call {
            issue: US,
            doing: "read the blockers of an issue",
            path: &path,
        };
        let mut known: Vec<u64> = Vec::new();
        match self
            .client
            .list(call, N_PAGES_MAX, |blocker| {
                known.extend(blocker["number"].as_u64());
            })
            .await
        {
            Ok(_) => {}
            Err(
                GithubError::NotFound { .. }
                | GithubError::Refused { .. }
                | GithubError::Forbidden { .. },
            ) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        for on in on.iter().filter(|on| !known.contains(&on.0)) {
            let id = self.item(*on, US).await?["id"].clone();
            let path = format!("issues/{}/dependencies/blocked_by", issue.0);
            let call = Call {
                issue: US,
                doing: "add a blocker to an issue",
                path: &path,
            };
            match self
                .write(call, Method::POST, &json!({"issue_id": id}), cancel)
                .await
            {
                Err(
                    error @ (GithubError::Refused { .. }
                    | GithubError::Forbidden { .. }
                    | GithubError::NotFound { .. }),
                ) => tracing::warn!(%error, %issue, %on, "failed to add a blocker to an issue"),
                done => done.map(|_| ())?,
            }
        }
        Ok(())
    }
}

/// Returns whether an issue is by someone who belongs to the repository, or by an installed app.
fn is_by_member(item: &Value) -> bool {
    let association = item["author_association"].as_str().unwrap_or_default();
    ["OWNER", "MEMBER", "COLLABORATOR"].contains(&association) || item["user"]["type"] == "Bot"
}

/// Returns a time as GitHub writes it, in whole seconds.
fn seconds(ms: u64) -> String {
    timestamp::format(Time::from_ms(ms / 1_000 * 1_000))
}
