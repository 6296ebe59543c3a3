//! The picture in the README: the report of a made-up session, always the same, as `autoissue show --html` writes it.
//!
//! ```text
//!   script below ─► journal ─► autoissue show --html ─► browser ─► docs/report.png, where AUTOISSUE_REPORT_PICTURE names it
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use autoissue_core::engine::{
    AgentReport, AttemptEvent, CheckResult, Classification, CostHistory, Ended, Event, Failure,
    FailureType, IntakeEvent, Issue, IssueNumber, Outcome, Publication, PullRequest, Service,
    ServiceEvent, SessionEvent, SessionInfo, SessionOutcome, Settings, Spent, TaskEvent, Time, Usd,
    Work,
};
use autoissue_core::journal::{
    AppendExtras, Journal, NewEvent, NewSession, SessionId, StatusChange, StoredStatus,
};
use autoissue_tests::Sandbox;
use serde_json::json;

use crate::driver::{Browser, Look};

/// Names the file that the picture is written to.
const PICTURE: &str = "AUTOISSUE_REPORT_PICTURE";
/// Most that the picture may take: everyone who looks at the README loads it.
const PICTURE_BYTES_MAX: u64 = 170_000;
/// As wide as the page's text, and as high as the report is without its last lines, which name directories.
const LOOK: Look = Look {
    width: 920,
    height: 1_520,
    is_dark: false,
    is_calm: true,
};
/// When the session begins: 2026-03-02 22:00 UTC.
const STARTED_AT_MS: u64 = 1_772_488_800_000;
const MINUTE_MS: u64 = 60_000;
const REPOSITORY: &str = "lampbook/logbook";
const COMMAND: &str = "autoissue exec autoissue --budget 25 --until 06:00";

const ISSUES: [(u64, &str, &str); 6] = [
    (133, "[Testing] Cover the CSV export", "testing"),
    (
        137,
        "[Frontend] Dark mode flashes white on load",
        "frontend",
    ),
    (142, "[Backend] Limit the rate of failed log-ins", "backend"),
    (
        148,
        "[Frontend] Uploads fail for names with spaces",
        "frontend",
    ),
    (151, "[DB] Index orders by customer", "database"),
    (
        155,
        "[Security] Reject tokens signed with retired keys",
        "security",
    ),
];

/// What became of an attempt.
enum End {
    /// A pull request with this number.
    Shipped(u64),
    /// A check failed, and it is tried again.
    CheckFailed,
    /// The agent hit a limit of its service, and continues later.
    Limited,
    /// The task ends with it.
    Over(Outcome),
}

/// The events of a session, in order of time.
#[derive(Default)]
struct Script(Vec<(u64, Event)>);

impl Script {
    fn at(&mut self, minute: u64, event: Event) {
        self.0.push((STARTED_AT_MS + minute * MINUTE_MS, event));
    }

    fn backlog(&mut self) {
        let settings = Settings {
            budget: Usd::from_cents(25_00),
            task_cap: Usd::from_cents(3_00),
            has_checks: true,
            agent: "claude".to_owned(),
            ..Settings::default()
        };
        let info = SessionInfo {
            label: "autoissue".to_owned(),
            repository: REPOSITORY.to_owned(),
            base_branch: "main".to_owned(),
            version: "0.1.0".to_owned(),
            ..SessionInfo::default()
        };
        let started = SessionEvent::Started {
            settings: Box::new(settings),
            info,
            history: CostHistory::default(),
        };
        self.at(0, Event::Session(started));
        for (number, title, _) in ISSUES {
            let issue = Issue {
                number: IssueNumber(number),
                title: title.to_owned(),
                url: format!("https://github.com/{REPOSITORY}/issues/{number}"),
                ..Issue::default()
            };
            self.at(
                0,
                Event::Task(TaskEvent::Accepted {
                    issue: issue.into(),
                }),
            );
        }
        let n_issues = u32::try_from(ISSUES.len()).expect("a few");
        let read = IntakeEvent::BacklogRead {
            n_issues,
            warnings: Vec::new(),
            n_api_calls: 1,
        };
        self.at(0, Event::Intake(read));
        for (number, _, domain) in ISSUES {
            let issue = IssueNumber(number);
            let classification = Classification {
                domain: domain.to_owned(),
                confidence: 1.0,
                ..Classification::default()
            };
            let selected = TaskEvent::ModelSelected {
                issue,
                model: Some("sonnet".to_owned()),
                effort: None,
                reason: "set by `agent.model`".to_owned(),
                estimate: Usd::from_cents(3_00),
            };
            self.at(
                0,
                Event::Task(TaskEvent::Classified {
                    issue,
                    classification,
                }),
            );
            self.at(0, Event::Task(selected));
        }
        let admitted = IntakeEvent::BacklogAdmitted {
            estimate: Usd::from_cents(18_00),
            n_tasks: n_issues,
        };
        self.at(0, Event::Intake(admitted));
    }

    /// An attempt, from one minute to another, that cost so many cents and changed so many files.
    fn attempt(
        &mut self,
        (issue, attempt): (u64, u32),
        (from, to): (u64, u64),
        cents: i64,
        (n_files, added, removed): (u32, u64, u64),
        end: End,
    ) {
        let number = issue;
        let issue = IssueNumber(issue);
        let started = AttemptEvent::Started {
            issue,
            attempt,
            reserved: Usd::from_cents(3_00),
            model: Some("sonnet".to_owned()),
        };
        self.at(from, Event::Attempt(started));
        let leased = AttemptEvent::WorktreeLeased {
            issue,
            attempt,
            base: "0123456789abcdef".to_owned(),
        };
        self.at(from, Event::Attempt(leased));
        let until = Time::from_ms(STARTED_AT_MS + 190 * MINUTE_MS);
        let limit = || Failure::RateLimit {
            message: "usage limit reached".to_owned(),
            until: Some(until),
        };
        let report = AgentReport {
            ended: match end {
                End::Limited => Ended::Failed { failure: limit() },
                _ => Ended::Done,
            },
            spent: Spent::Known(Usd::from_cents(cents)),
            session: Some("6f9c".to_owned()),
            summary: None,
            denied: Vec::new(),
            n_turns: None,
            model: None,
            notes: Vec::new(),
            has_lost_session: false,
            tokens: 250_000,
            duration_ms: (to - from) * MINUTE_MS,
        };
        let exited = AttemptEvent::AgentExited {
            issue,
            attempt,
            report,
            cost: Usd::from_cents(cents),
            estimated: false,
        };
        self.at(to, Event::Attempt(exited));
        let work = Work {
            commit: "fedcba9876543210".to_owned(),
            salvage_ref: format!(
                "refs/autoissue/salvage/20260302-2200-7f3a/issue-{number}/attempt-{attempt}"
            ),
            n_files,
            added,
            removed,
            ..Work::default()
        };
        let collected = AttemptEvent::WorkCollected {
            issue,
            attempt,
            work: Some(work),
            notes: Vec::new(),
        };
        self.at(to, Event::Attempt(collected));
        let checks = |passed| {
            Event::Attempt(AttemptEvent::ChecksFinished {
                issue,
                attempt,
                results: vec![CheckResult {
                    name: "npm test".to_owned(),
                    passed,
                    duration_ms: 41_000,
                    ended: if passed { "exit code 0" } else { "exit code 1" }.to_owned(),
                    output: FAILED_CHECK.to_owned(),
                    fails_on_base: false,
                }],
                passed,
            })
        };
        let failed = |failure: Failure, retry_at| {
            Event::Attempt(AttemptEvent::Failed {
                issue,
                attempt,
                counted: failure.failure_type() != Some(FailureType::RateLimit),
                failure,
                retry_at,
                kept: true,
                lost_session: false,
            })
        };
        let check_failed = || Failure::Check {
            message: "check `npm test` (exit code 1) failed".to_owned(),
        };
        match end {
            End::Shipped(pull) => {
                let pull_request = PullRequest {
                    number: pull,
                    url: format!("https://github.com/{REPOSITORY}/pull/{pull}"),
                };
                let publication = Publication {
                    branch: format!("autoissue/issue-{number}"),
                    pull_request: Some(pull_request.clone()),
                    ..Publication::default()
                };
                let published = AttemptEvent::Published {
                    issue,
                    attempt,
                    publication,
                };
                self.at(to, checks(true));
                self.at(to, Event::Attempt(published));
                let pull_request = Some(pull_request);
                self.over(to, number, Outcome::Done { pull_request });
            }
            End::CheckFailed => {
                self.at(to, checks(false));
                self.at(to, failed(check_failed(), Some(Time::default())));
            }
            End::Limited => {
                self.at(to, failed(limit(), Some(until)));
                let paused = ServiceEvent::Paused {
                    service: Service::Agent("claude".to_owned()),
                    until,
                    message: "usage limit reached".to_owned(),
                };
                self.at(to, Event::Service(paused));
            }
            End::Over(outcome) => {
                self.at(to, checks(false));
                self.at(to, failed(check_failed(), None));
                self.over(to, number, outcome);
            }
        }
    }

    fn over(&mut self, minute: u64, issue: u64, outcome: Outcome) {
        let issue = IssueNumber(issue);
        self.at(minute, Event::Task(TaskEvent::Finished { issue, outcome }));
    }

    /// Writes the session into the journal of a world, and returns its id.
    fn write(mut self, world: &Sandbox) -> SessionId {
        self.0.sort_by_key(|(at_ms, _)| *at_ms);
        let id: SessionId = "20260302-2200-7f3a".parse().expect("an id");
        let mut journal = Journal::open(&world.state()).expect("a new journal");
        let session = NewSession {
            id: id.clone(),
            repository: REPOSITORY.to_owned(),
            project_path: world.project().display().to_string(),
            command: COMMAND.to_owned(),
            version: "0.1.0".to_owned(),
            started_at_ms: STARTED_AT_MS,
            settings_json: "{}".to_owned(),
        };
        journal.create_session(&session).expect("a session");
        for (at_ms, event) in &self.0 {
            let body = serde_json::to_string(event).expect("an event is JSON");
            let new = NewEvent {
                kind: "event",
                issue: event.issue().map(|issue| issue.0),
                body: &body,
            };
            let is_last = matches!(event, Event::Session(SessionEvent::Finished { .. }));
            let extras = AppendExtras {
                status: is_last.then_some(StatusChange {
                    status: StoredStatus::Completed,
                    finished_at_ms: Some(*at_ms),
                }),
                ..AppendExtras::default()
            };
            journal
                .append(&id, *at_ms, &[new], extras)
                .expect("an event");
        }
        id
    }
}

const FAILED_CHECK: &str = "\
FAIL  test/upload.test.ts > keeps spaces in names
AssertionError: expected 'a%20b.txt' to be 'a b.txt'
";

/// Four hours: up to three attempts at once, a limit that is waited for, and the ends that a reader looks for.
fn session() -> Script {
    let mut script = Script::default();
    script.backlog();
    script.attempt((142, 1), (1, 26), 1_42, (5, 131, 12), End::Shipped(165));
    script.attempt((133, 1), (1, 19), 88, (2, 97, 0), End::Shipped(164));
    script.attempt((137, 1), (1, 24), 1_05, (3, 28, 17), End::Shipped(166));
    script.attempt((151, 1), (19, 41), 96, (3, 52, 4), End::CheckFailed);
    script.attempt((155, 1), (26, 64), 1_70, (6, 118, 40), End::CheckFailed);
    script.attempt((151, 2), (41, 60), 72, (3, 57, 4), End::Shipped(167));
    script.attempt((148, 1), (60, 86), 1_12, (2, 33, 9), End::Limited);
    script.attempt((155, 2), (64, 88), 1_36, (7, 140, 52), over_its_limit());
    script.attempt((148, 2), (190, 214), 84, (2, 41, 9), End::CheckFailed);
    script.attempt((148, 3), (214, 236), 79, (2, 44, 11), failed());
    let outcome = SessionOutcome::Completed;
    script.at(237, Event::Session(SessionEvent::Finished { outcome }));
    script
}

fn over_its_limit() -> End {
    let message = "over its $3.00 limit; work kept. Raise `agent.maxBudgetUsd` and run it again";
    End::Over(Outcome::Budget {
        message: message.to_owned(),
    })
}

fn failed() -> End {
    End::Over(Outcome::Failed {
        failure: FailureType::Task,
        message: "check `npm test` (exit code 1) failed".to_owned(),
    })
}

#[test]
fn the_picture_in_the_readme_shows_what_a_report_has() {
    let world = Sandbox::new();
    let id = session().write(&world);
    let page = world.root().join("report.html");
    let html = page.to_str().expect("a path");
    world.run(["show", id.as_str(), "--html", html]).exits(0);
    let text = fs::read_to_string(&page).expect("the page");
    let text = with_typical_paths(&text, &world.state());
    fs::write(&page, text).expect("the page is writable");
    let browser = Browser::open(LOOK);
    browser.go(&format!("file://{}", page.display()));
    browser.picture("readme");
    let text = browser.text("body");
    for shown in [
        "4 shipped, 1 needs you, 1 failed",
        "$10.84 of $25.00",
        "Dark mode flashes white on load",
        "expected 'a%20b.txt' to be 'a b.txt'",
        "#166",
        "Timeline",
    ] {
        assert!(text.contains(shown), "{shown} is missing in\n{text}");
    }
    // The picture ends below the time line.
    let below = "document.querySelector('.legend').getBoundingClientRect().bottom <= innerHeight";
    assert_eq!(browser.js(&format!("return {below}")), json!(true));
    if let Some(file) = std::env::var_os(PICTURE) {
        browser.write_picture(&root().join(file));
    }
    browser.close();
    let bytes = fs::metadata(root().join("docs/report.png"))
        .expect("the picture")
        .len();
    assert!(bytes <= PICTURE_BYTES_MAX, "{bytes} bytes");
}

/// Replaces the mirror's path, which is a different one in each run, by a typical one.
fn with_typical_paths(page: &str, state: &Path) -> String {
    let mirrors = format!("{}/repos/", state.display());
    let mut parts = page.split(&mirrors);
    let start = parts.next().unwrap_or_default().to_owned();
    parts.fold(start, |page, part| {
        let (_, rest) = part.split_once("/mirror.git").expect("a mirror");
        page + "~/.local/state/autoissue/repos/logbook/mirror.git" + rest
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
