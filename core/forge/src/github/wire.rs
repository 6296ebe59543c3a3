//! The parts of GitHub's JSON that are needed. Reading is tolerant: a malformed item becomes a
//! warning and affects at most one issue.

use autoissue_engine::{Issue, IssueNumber, PullRequest, Time};
use jiff::Timestamp;
use serde_json::Value;

/// Most characters of GitHub's messages that are shown.
const MESSAGE_LENGTH_MAX: usize = 300;
/// Author of an issue whose account was deleted.
const GHOST: &str = "ghost";

/// An issue, and the number of others that block it according to GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WireIssue {
    pub(super) issue: Issue,
    pub(super) n_blocked_by: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WirePull {
    pub(super) number: u64,
    pub(super) url: String,
    pub(super) body: String,
    pub(super) base: String,
    /// Branch with the work.
    pub(super) head: String,
    /// Repository of the branch; `None` if it was deleted.
    pub(super) head_repo: Option<String>,
    pub(super) labels: Vec<String>,
    pub(super) is_open: bool,
    pub(super) is_merged: bool,
    /// The default branch of the base's repository, if the answer contains it.
    pub(super) default_branch: Option<String>,
}

impl WirePull {
    pub(super) fn pull_request(&self) -> PullRequest {
        PullRequest {
            number: self.number,
            url: self.url.clone(),
        }
    }
}

/// Reads an item of a list of issues. `None` is a pull request, which such lists contain too; the
/// error says what is malformed.
pub(super) fn issue(item: &Value) -> Result<Option<WireIssue>, String> {
    if item.get("pull_request").is_some_and(|it| !it.is_null()) {
        return Ok(None);
    }
    let number = item["number"].as_u64().filter(|&number| number > 0);
    let number = number.ok_or_else(|| "skipping an issue without a number".to_owned())?;
    let odd = |what: &str| format!("skipping issue #{number}: {what}");
    let title = item["title"]
        .as_str()
        .ok_or_else(|| odd("it has no title"))?;
    let created_at = item["created_at"].as_str().and_then(time);
    Ok(Some(WireIssue {
        issue: Issue {
            number: IssueNumber(number),
            title: title.to_owned(),
            body: optional_text(&item["body"]).ok_or_else(|| odd("its body is not a string"))?,
            author: item["user"]["login"].as_str().unwrap_or(GHOST).to_owned(),
            labels: labels(&item["labels"]),
            created_at: created_at
                .ok_or_else(|| odd("its creation time is missing or malformed"))?,
            url: item["html_url"].as_str().unwrap_or_default().to_owned(),
            dependencies: Vec::new(),
            open_pull_request: None,
            open_branch: None,
            merged_pull_request: None,
        },
        n_blocked_by: item["issue_dependencies_summary"]["total_blocked_by"]
            .as_u64()
            .unwrap_or(0),
    }))
}

/// Reads a pull request; `None` if it is malformed.
pub(super) fn pull(item: &Value) -> Option<WirePull> {
    Some(WirePull {
        number: item["number"].as_u64()?,
        url: item["html_url"].as_str()?.to_owned(),
        body: optional_text(&item["body"])?,
        base: item["base"]["ref"].as_str()?.to_owned(),
        head: item["head"]["ref"].as_str()?.to_owned(),
        head_repo: item["head"]["repo"]["full_name"]
            .as_str()
            .map(str::to_owned),
        labels: labels(&item["labels"]),
        is_open: item["state"] != "closed",
        is_merged: item["merged_at"].is_string(),
        default_branch: item["base"]["repo"]["default_branch"]
            .as_str()
            .map(str::to_owned),
    })
}

/// Returns the names of labels; GitHub sends objects, and in some answers strings.
pub(super) fn labels(labels: &Value) -> Vec<String> {
    fn name(label: &Value) -> Option<String> {
        label
            .as_str()
            .or_else(|| label["name"].as_str())
            .map(str::to_owned)
    }

    labels
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(name)
        .collect()
}

/// Returns a string, empty for null; `None` for anything else.
fn optional_text(value: &Value) -> Option<String> {
    if value.is_null() {
        Some(String::new())
    } else {
        value.as_str().map(str::to_owned)
    }
}

fn time(text: &str) -> Option<Time> {
    let ms = text.parse::<Timestamp>().ok()?.as_millisecond();
    u64::try_from(ms).ok().map(Time::from_ms)
}

/// Reads a `Date` header (RFC 9110).
pub(super) fn http_date(text: &str) -> Option<Time> {
    let at = jiff::fmt::rfc2822::parse(text)
        .ok()?
        .timestamp()
        .as_millisecond();
    u64::try_from(at).ok().map(Time::from_ms)
}

/// Returns the message of an error, on one line: GitHub's text, and its details about single
/// fields.
pub(super) fn message(body: &Value) -> Option<String> {
    let main = body["message"].as_str()?;
    let details = body["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(detail);
    let all: Vec<String> = std::iter::once(main.to_owned()).chain(details).collect();
    let line: String = all
        .join("; ")
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    Some(line.chars().take(MESSAGE_LENGTH_MAX).collect())
}

fn detail(error: &Value) -> Option<String> {
    let said = error
        .as_str()
        .or_else(|| error["message"].as_str())
        .map(str::to_owned);
    said.or_else(|| {
        Some(format!(
            "`{}` is {}",
            error["field"].as_str()?,
            error["code"].as_str()?
        ))
    })
}

/// Returns whether an error links to GitHub's page on secondary limits.
pub(super) fn is_about_secondary_limits(body: &Value) -> bool {
    body["documentation_url"]
        .as_str()
        .is_some_and(|url| url.contains("secondary-rate-limits"))
}

/// Returns the URL of the next page in a `Link` header (RFC 8288).
pub(super) fn next_page(link: &str) -> Option<&str> {
    link.split(',').find_map(|link| {
        let (address, parameters) = link.split_once(';')?;
        let is_next = parameters
            .split(';')
            .any(|parameter| parameter.trim() == r#"rel="next""#);
        is_next.then(|| address.trim().trim_start_matches('<').trim_end_matches('>'))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole() -> Value {
        json!({
            "number": 7, "title": "Search is slow", "body": "very", "user": {"login": "ada"}, "state": "open",
            "labels": [{"name": "bug"}, "ui", {"id": 3}], "created_at": "2026-01-02T03:04:05Z",
            "html_url": "https://github.com/o/n/issues/7", "pull_request": null,
            "issue_dependencies_summary": {"blocked_by": 0, "total_blocked_by": 2},
        })
    }

    #[test]
    fn an_issue_is_read() {
        let WireIssue {
            issue,
            n_blocked_by,
        } = issue(&whole()).unwrap().unwrap();
        assert_eq!(
            (issue.number, issue.title.as_str(), issue.author.as_str()),
            (IssueNumber(7), "Search is slow", "ada")
        );
        assert_eq!(
            (issue.labels, n_blocked_by),
            (vec!["bug".to_owned(), "ui".to_owned()], 2)
        );
        assert_eq!(issue.created_at, Time::from_ms(1_767_323_045_000));
    }

    #[test]
    fn a_malformed_issue_is_reported_and_optional_fields_are_filled_in() {
        fn with(key: &str, value: Value) -> Result<Option<WireIssue>, String> {
            let mut item = whole();
            item[key] = value;
            issue(&item)
        }

        assert_eq!(
            with("user", Value::Null).unwrap().unwrap().issue.author,
            "ghost"
        );
        assert_eq!(with("body", Value::Null).unwrap().unwrap().issue.body, "");
        assert_eq!(
            with("labels", json!("none")).unwrap().unwrap().issue.labels,
            [""; 0]
        );
        assert_eq!(with("pull_request", json!({})), Ok(None));
        for (key, value) in [
            ("number", json!("7")),
            ("number", json!(0)),
            ("title", json!(3)),
            ("body", json!([])),
        ] {
            assert!(with(key, value.clone()).is_err(), "{key}: {value}");
        }
        assert_eq!(
            with("created_at", json!(0)),
            Err("skipping issue #7: its creation time is missing or malformed".into())
        );
    }

    #[test]
    fn an_error_is_one_line_with_its_fields() {
        let body = json!({"message": "Validation\nFailed", "errors": [
            {"resource": "PullRequest", "field": "head", "code": "invalid"}, {"message": "exists"}, "text", {}]});
        assert_eq!(
            message(&body).unwrap(),
            "Validation Failed; `head` is invalid; exists; text"
        );
        assert_eq!(message(&json!(["x"])), None);
    }

    #[test]
    fn the_date_of_an_answer_is_read() {
        assert_eq!(
            http_date("Fri, 02 Jan 2026 03:04:05 GMT"),
            Some(Time::from_ms(1_767_323_045_000))
        );
        assert_eq!(http_date("yesterday"), None);
    }

    #[test]
    fn the_next_page_is_found_among_others() {
        let link = r#"<https://x/issues?page=1>; rel="prev", <https://x/issues?page=3>; rel="next", <https://x/9>; rel="last""#;
        assert_eq!(next_page(link), Some("https://x/issues?page=3"));
        assert_eq!(next_page(r#"<https://x/issues?page=1>; rel="prev""#), None);
        assert_eq!(next_page(""), None);
    }
}
