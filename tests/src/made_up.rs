//! A session made by the real engine in a simulated world. Its journal is what a session of that
//! size would have written, in any state a test needs, within a second and at no cost.
//!
//! ```text
//!   Engine::step ─► events ─► journal of a state directory        transcripts of running agents
//!        ▲   └────► effects ─► answered after a simulated delay
//! ```
//!
//! The session has its own clock. It ends at the current time, so running attempts appear to have
//! started a few minutes ago.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use autoissue_core::engine::{
    AgentReport, AttemptEffect, AttemptInput, CheckResult, Classification, CostHistory, Effect,
    Ended, Engine, Event, Failure, FileChange, Input, IntakeEffect, IntakeInput, Issue,
    IssueNumber, ModelChoice, Publication, PullRequest, ServiceInput, SessionEvent, SessionInfo,
    SessionInput, SessionOutcome, Settings, Spent, TaskEffect, TaskInput, Time, Usd, Work,
};
use autoissue_core::journal::repository_lock::{
    Holder, RepositoryLock, repository_key, state_lock,
};
use autoissue_core::journal::{
    self, AppendExtras, Journal, NewEvent, NewSession, SessionId, StatusChange,
};

/// The shape of a simulated session.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Issues of the backlog, by title and domain.
    pub issues: Vec<(String, String)>,
    /// Number of concurrent attempts.
    pub n_slots: u32,
    /// The session's budget.
    pub budget: Usd,
    /// Number of ended tasks after which the clock stops; if it exceeds the backlog, the session
    /// runs to its end.
    pub n_ended: usize,
    /// Whether the agent's service then fails until its breaker opens.
    pub is_broken: bool,
}

impl Recipe {
    /// Creates the recipe of a session of `n` tasks of which `n_ended` have ended.
    pub fn new(n: usize, n_ended: usize) -> Self {
        let issues = (1..=n)
            .map(|at| (title(at), DOMAINS[at * 5 % DOMAINS.len()].to_owned()))
            .collect();
        Self {
            issues,
            n_slots: 4,
            budget: Usd::from_cents(50_00),
            n_ended,
            is_broken: false,
        }
    }
}

const DOMAINS: [&str; 7] = [
    "backend",
    "frontend",
    "database",
    "infrastructure",
    "security",
    "testing",
    "documentation",
];

fn title(at: usize) -> String {
    const WHAT: [&str; 12] = [
        "Search returns duplicates for quoted words",
        "The export forgets the time zone of each entry",
        "Show which entries a filter hides",
        "Slow query when a keeper has many watches",
        "Keep the chosen language after a restart",
        "A long name overflows its cell",
        "Retry the upload once when the disk is briefly full",
        "Explain the tide table in the guide",
        "Reject dates before the lamp was lit",
        "The nightly job leaves a stale lock behind",
        "Rotate the signing key without downtime",
        "Test migrations from the first release",
    ];
    WHAT[at % WHAT.len()].to_owned()
}

/// A simulated session. While the value exists, it locks its repository like a running session.
pub struct MadeUp {
    state_dir: PathBuf,
    id: SessionId,
    engine: Engine,
    journal: Journal,
    lock: Option<RepositoryLock>,
    now_ms: u64,
    /// Future inputs, by time.
    agenda: BTreeMap<(u64, u64), Input>,
    n_answers: u64,
    recipe: Recipe,
    last_seq: u64,
}

impl MadeUp {
    /// Starts a session and runs it to the point that the recipe defines. Running attempts then
    /// have transcripts.
    pub fn run(state_dir: &Path, recipe: Recipe) -> Self {
        let started_at_ms = wall_clock_ms();
        let id = SessionId::new(
            started_at_ms,
            [
                0x7f,
                u8::try_from(recipe.issues.len() % 256).expect("a byte"),
            ],
        );
        let mut journal = Journal::open(state_dir).expect("a journal");
        let project = state_dir.join("project").display().to_string();
        let new = NewSession {
            id: id.clone(),
            repository: "lighthouse/logbook".to_owned(),
            project_path: project.clone(),
            command: "autoissue exec ready --dashboard".to_owned(),
            version: "0.1.0".to_owned(),
            started_at_ms,
            settings_json: "{}".to_owned(),
        };
        journal.create_session(&new).expect("a session");
        let holder = Holder {
            pid: std::process::id(),
            session: id.clone(),
            started_at_ms,
            command: new.command,
            project: project.clone(),
        };
        let path = state_lock(state_dir, &repository_key(&project));
        let lock = RepositoryLock::acquire(&[path], &holder).expect("the lock is free");
        let mut made_up = Self {
            state_dir: state_dir.to_owned(),
            id,
            engine: Engine::new(),
            journal,
            lock: Some(lock),
            now_ms: 0,
            agenda: BTreeMap::new(),
            n_answers: 0,
            recipe,
            last_seq: 0,
        };
        made_up.dry_run(started_at_ms);
        made_up
    }

    /// Returns the session's id.
    pub const fn id(&self) -> &SessionId {
        &self.id
    }

    /// Returns the sequence number of the last event.
    pub const fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Returns the engine.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Releases the repository without recording anything, like a killed process.
    pub fn die(&mut self) {
        self.lock = None;
    }

    /// Continues until `n_ended` tasks, or all, have ended. Events are recorded with the current
    /// time.
    pub fn go_on(&mut self, n_ended: usize) {
        while self.n_ended() < n_ended && self.advance() {}
    }

    /// Processes one input.
    pub fn take(&mut self, input: Input) {
        let events = self.step(input);
        self.append(self.now_ms, &events);
    }

    /// Handles requests from other processes, like a running session.
    pub fn take_requests(&mut self) -> Vec<String> {
        let requests = self
            .journal
            .take_requests(&self.id)
            .expect("the journal answers");
        for _ in &requests {
            self.take(Input::Service(ServiceInput::BreakerReset { service: None }));
        }
        requests.into_iter().map(|request| request.body).collect()
    }

    /// Appends text to the transcript of a running attempt.
    pub fn print(&self, issue: u64, text: &str) {
        use std::io::Write;
        let attempt = self
            .engine
            .task(IssueNumber(issue))
            .and_then(|task| task.attempt())
            .expect("it runs")
            .number;
        let path = self.state_dir.join(format!(
            "sessions/{}/issue-{issue}/attempt-{attempt}.log",
            self.id
        ));
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("the directory");
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the transcript");
        file.write_all(text.as_bytes()).expect("written");
    }

    /// Returns the issues with running attempts.
    pub fn running(&self) -> Vec<u64> {
        self.engine
            .running()
            .map(|task| task.issue.number.0)
            .collect()
    }

    /// Simulates the session first, then writes it so that it ends at `ends_at_ms`.
    fn dry_run(&mut self, ends_at_ms: u64) {
        let settings = Settings {
            budget: self.recipe.budget,
            n_slots: self.recipe.n_slots,
            has_checks: true,
            agent: "claude".to_owned(),
            allow_partial: true,
            model: ModelChoice::Fixed {
                model: Some("sonnet".to_owned()),
            },
            ..Settings::default()
        };
        let info = SessionInfo {
            label: "ready".to_owned(),
            directive: None,
            repository: "lighthouse/logbook".to_owned(),
            base_branch: "main".to_owned(),
            version: "0.1.0".to_owned(),
            ..SessionInfo::default()
        };
        // The engine's times are absolute: measure the session's length first, then start that much
        // earlier.
        let length_ms = self.length_ms(&settings, &info);
        self.now_ms = ends_at_ms - length_ms;
        let mut written = self.begin(settings, info);
        while !self.is_enough() {
            let Some(events) = self.advance_unwritten() else {
                break;
            };
            written.extend(events);
        }
        // One write per point in time, like the dispatcher.
        let mut written = written.into_iter().peekable();
        while let Some((at_ms, event)) = written.next() {
            let mut together = vec![event];
            while let Some((_, event)) = written.next_if(|(later_ms, _)| *later_ms == at_ms) {
                together.push(event);
            }
            self.append(at_ms, &together);
        }
        for issue in self.running() {
            self.print(
                issue,
                "Reading src/logbook.rs\nEditing src/logbook.rs\nRunning the tests of the module\n",
            );
        }
    }

    /// Simulates the session without writing it, to measure its length.
    fn length_ms(&mut self, settings: &Settings, info: &SessionInfo) -> u64 {
        let begins_at_ms = self.now_ms;
        self.begin(settings.clone(), info.clone());
        while !self.is_enough() && self.advance_unwritten().is_some() {}
        let length_ms = self.now_ms - begins_at_ms;
        self.engine = Engine::new();
        self.agenda.clear();
        self.n_answers = 0;
        length_ms
    }

    fn begin(&mut self, settings: Settings, info: SessionInfo) -> Vec<(u64, Event)> {
        let input = Input::Session(SessionInput::Started {
            settings: Box::new(settings),
            info,
            history: CostHistory::default(),
        });
        let at_ms = self.now_ms;
        self.step(input)
            .into_iter()
            .map(|event| (at_ms, event))
            .collect()
    }

    fn is_enough(&self) -> bool {
        fn is_open(breaker: &autoissue_core::engine::Breaker) -> bool {
            matches!(
                breaker.state,
                autoissue_core::engine::BreakerState::Open { .. }
            )
        }

        let is_at_work = self.engine.running().count() > 0 || self.engine.is_over();
        let is_far = self.recipe.n_ended <= self.n_ended() && is_at_work;
        if self.recipe.is_broken {
            self.engine.breakers().values().any(is_open)
        } else {
            is_far
        }
    }

    fn n_ended(&self) -> usize {
        self.engine
            .tasks()
            .values()
            .filter(|task| task.outcome().is_some())
            .count()
    }

    /// Processes the next input and records the events with the current time; returns whether there
    /// was one.
    fn advance(&mut self) -> bool {
        let Some(events) = self.advance_unwritten() else {
            return false;
        };
        let events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
        self.append(wall_clock_ms(), &events);
        true
    }

    fn advance_unwritten(&mut self) -> Option<Vec<(u64, Event)>> {
        if self.engine.is_over() {
            return None;
        }
        let ((at_ms, _), input) = self.agenda.pop_first()?;
        self.now_ms = self.now_ms.max(at_ms);
        let now_ms = self.now_ms;
        Some(
            self.step(input)
                .into_iter()
                .map(|event| (now_ms, event))
                .collect(),
        )
    }

    fn step(&mut self, input: Input) -> Vec<Event> {
        let step = self.engine.step(Time::from_ms(self.now_ms), input);
        for effect in step.effects {
            self.answer(effect);
        }
        if let Some(wake_at) = step.wake_at {
            self.later(wake_at.ms().saturating_sub(self.now_ms), Input::Tick);
        }
        step.events
    }

    fn later(&mut self, after_ms: u64, input: Input) {
        self.n_answers += 1;
        self.agenda
            .insert((self.now_ms + after_ms, self.n_answers), input);
    }

    /// Answers an effect depending on the issue's number: most succeed, some fail a check, one
    /// needs a person.
    fn answer(&mut self, effect: Effect) {
        match effect {
            Effect::Intake(IntakeEffect::FetchBacklog { .. }) => {
                let issues = self
                    .recipe
                    .issues
                    .iter()
                    .enumerate()
                    .map(|(at, (title, _))| issue(at, title))
                    .collect();
                self.later(
                    900,
                    Input::Intake(IntakeInput::BacklogFetched {
                        issues,
                        warnings: Vec::new(),
                        n_api_calls: 0,
                    }),
                );
            }
            Effect::Task(TaskEffect::Classify { issue }) => {
                let at = usize::try_from(issue.number.0).expect("a small number") - 1;
                let classification = Classification {
                    domain: self.recipe.issues[at].1.clone(),
                    confidence: 0.9,
                    reasons: vec!["the label says so".to_owned()],
                    paths: Vec::new(),
                    by: "classifier".to_owned(),
                };
                self.later(
                    1,
                    Input::Task(TaskInput::Classified {
                        issue: issue.number,
                        classification,
                    }),
                );
            }
            Effect::Task(TaskEffect::SelectModel { issue, .. }) => {
                let (model, reason) = (Some("sonnet".to_owned()), "set".to_owned());
                self.later(
                    1,
                    Input::Task(TaskInput::ModelSelected {
                        issue: issue.number,
                        model,
                        effort: None,
                        reason,
                    }),
                );
            }
            Effect::Intake(IntakeEffect::CheckBase) => self.later(
                8_000,
                Input::Intake(IntakeInput::BaseChecked {
                    results: vec![check(true)],
                }),
            ),
            Effect::Attempt(AttemptEffect::LeaseWorktree { issue, attempt, .. }) => {
                self.later(
                    700,
                    Input::Attempt(AttemptInput::WorktreeLeased {
                        issue,
                        attempt,
                        base: "0123456789abcdef".to_owned(),
                    }),
                );
            }
            Effect::Attempt(AttemptEffect::RunAgent(order)) => {
                self.run_agent(order.issue.number, order.attempt)
            }
            // There is no planning here.
            Effect::Plan(_)
            | Effect::Attempt(AttemptEffect::Stop { .. } | AttemptEffect::ReleaseWorktree { .. }) =>
                {}
            Effect::Attempt(AttemptEffect::CollectWork { issue, attempt, .. }) => {
                self.later(
                    400,
                    Input::Attempt(AttemptInput::WorkCollected {
                        issue: issue.number,
                        attempt,
                        work: work(issue.number),
                        notes: Vec::new(),
                    }),
                );
            }
            Effect::Attempt(AttemptEffect::RunChecks { issue, attempt, .. }) => {
                let passed = issue.0 % 9 != 4 || (attempt > 1 && issue.0 % 2 == 0);
                self.later(
                    21_000,
                    Input::Attempt(AttemptInput::ChecksFinished {
                        issue,
                        attempt,
                        results: vec![check(passed)],
                    }),
                );
            }
            Effect::Attempt(AttemptEffect::Publish(order)) => {
                self.publish(order.issue.number, order.attempt)
            }
        }
    }

    fn run_agent(&mut self, issue: IssueNumber, attempt: u32) {
        let number = issue.0;
        if self.recipe.is_broken && self.recipe.n_ended <= self.n_ended() {
            let failure = Failure::Crash {
                message: "the agent ended with exit code 1".to_owned(),
            };
            let report = report(Ended::Failed { failure }, Usd::from_cents(5), 4_000);
            self.later(
                4_000,
                Input::Attempt(AttemptInput::AgentExited {
                    issue,
                    attempt,
                    report,
                }),
            );
            return;
        }
        let run_ms = 150_000 + number * 37_000 % 240_000;
        let cents = 20 + i64::try_from(number * 31 % 170).expect("a small number");
        for part in 1..4 {
            let spent = Usd::from_cents(cents * part / 4);
            let at_ms = run_ms * u64::try_from(part).expect("a small number") / 4;
            self.later(
                at_ms,
                Input::Attempt(AttemptInput::Metered {
                    issue,
                    attempt,
                    spent,
                }),
            );
        }
        self.later(
            run_ms,
            Input::Attempt(AttemptInput::AgentExited {
                issue,
                attempt,
                report: report(Ended::Done, Usd::from_cents(cents), run_ms),
            }),
        );
    }

    fn publish(&mut self, issue: IssueNumber, attempt: u32) {
        let number = issue.0;
        if number % 17 == 11 {
            let message =
                format!("`src/part-{number}.rs` conflicts with work on the base; merge it by hand");
            return self.later(
                600,
                Input::Attempt(AttemptInput::Failed {
                    issue,
                    attempt,
                    failure: Failure::NeedsPerson { message },
                }),
            );
        }
        let pull_request = PullRequest {
            number: 300 + number,
            url: format!(
                "https://forge.example/lighthouse/logbook/pull/{}",
                300 + number
            ),
        };
        let publication = Publication {
            branch: format!("autoissue/issue-{number}"),
            commit: "fedcba9876543210".to_owned(),
            pull_request: Some(pull_request),
            ..Publication::default()
        };
        self.later(
            1_200,
            Input::Attempt(AttemptInput::Published {
                issue,
                attempt,
                publication,
            }),
        );
    }

    fn append(&mut self, at_ms: u64, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        let bodies: Vec<String> = events
            .iter()
            .map(|event| serde_json::to_string(event).expect("JSON"))
            .collect();
        let kinds: Vec<&str> = bodies
            .iter()
            .map(|body| body.split('"').nth(3).expect("a type"))
            .collect();
        let rows: Vec<NewEvent> = events
            .iter()
            .zip(bodies.iter().zip(&kinds))
            .map(|(event, (body, kind))| NewEvent {
                kind,
                issue: event.issue().map(|issue| issue.0),
                body,
            })
            .collect();
        let status = events.iter().rev().find_map(|event| status(event, at_ms));
        let extras = AppendExtras { status, costs: &[] };
        self.last_seq = *self
            .journal
            .append(&self.id, at_ms, &rows, extras)
            .expect("a write")
            .end();
    }
}

fn status(event: &Event, at_ms: u64) -> Option<StatusChange> {
    let (status, finished_at_ms) = match event {
        Event::Session(SessionEvent::Finished {
            outcome: SessionOutcome::Completed,
        }) => (journal::StoredStatus::Completed, Some(at_ms)),
        Event::Session(SessionEvent::Finished { .. }) => {
            (journal::StoredStatus::Failed, Some(at_ms))
        }
        Event::Session(SessionEvent::Interrupted) => (journal::StoredStatus::Interrupted, None),
        _ => return None,
    };
    Some(StatusChange {
        status,
        finished_at_ms,
    })
}

fn issue(at: usize, title: &str) -> Issue {
    let number = at as u64 + 1;
    Issue {
        number: IssueNumber(number),
        title: title.to_owned(),
        body: "Please fix it.".to_owned(),
        author: "ada".to_owned(),
        labels: vec!["ready".to_owned()],
        created_at: Time::from_ms(number),
        url: format!("https://forge.example/lighthouse/logbook/issues/{number}"),
        ..Issue::default()
    }
}

fn work(issue: IssueNumber) -> Option<Work> {
    // Now and then an agent changes nothing.
    (issue.0 % 23 != 7).then(|| Work {
        commit: "fedcba9876543210".to_owned(),
        salvage_ref: format!("refs/autoissue/salvage/x/{}/1", issue.0),
        changes: vec![FileChange {
            path: "src/logbook.rs".to_owned(),
            added: 21,
            removed: 4,
        }],
        n_files: 1 + u32::try_from(issue.0 % 5).expect("a small number"),
        added: 21 + issue.0 % 90,
        removed: issue.0 % 30,
        notes: Vec::new(),
        conflicts: Vec::new(),
    })
}

fn check(passed: bool) -> CheckResult {
    CheckResult {
        name: "cargo test".to_owned(),
        passed,
        duration_ms: 21_000,
        ended: if passed {
            "exit code 0"
        } else {
            "exit code 101"
        }
        .to_owned(),
        output: "running 41 tests".to_owned(),
        fails_on_base: false,
    }
}

fn report(ended: Ended, cost: Usd, duration_ms: u64) -> AgentReport {
    AgentReport {
        ended,
        spent: Spent::Known(cost),
        session: Some("7e4d9a52-0000-4000-8000-000000000000".to_owned()),
        summary: Some("Done.".to_owned()),
        denied: Vec::new(),
        n_turns: None,
        model: None,
        notes: Vec::new(),
        has_lost_session: false,
        tokens: 48_000,
        duration_ms,
    }
}

fn wall_clock_ms() -> u64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a clock after 1970");
    u64::try_from(since.as_millis()).expect("a clock before the year 500,000,000")
}
