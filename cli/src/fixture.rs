//! Hand-made events for tests of the displays.

use autoissue_core::bus::Envelope;
use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::{
    AgentReport, AttemptEvent, Classification, CostHistory, Ended, Event, Failure, FailureType,
    IntakeEvent, Issue, IssueNumber, Outcome, PlanEvent, Publication, PullRequest, SessionEvent,
    SessionInfo, SessionOutcome, Settings, Spent, TaskEvent, Time, Usd, Work,
};

/// Returns the events as a session, one second apart, starting at second 1.
pub(crate) fn a_second_apart(events: &[Event]) -> Vec<Envelope<Event>> {
    let envelope = |(seq, event): (u64, &Event)| Envelope {
        seq,
        at_ms: seq * 1_000,
        event: event.clone(),
    };
    (1..).zip(events).map(envelope).collect()
}

/// Returns a chronicle of events that happened one second apart.
pub(crate) fn told(events: &[Event]) -> Chronicle {
    Chronicle::of(&a_second_apart(events))
}

/// The first event of a session for the label `bug`.
pub(crate) fn started(settings: Settings) -> Event {
    let info = SessionInfo {
        label: "bug".to_owned(),
        directive: None,
        repository: "owner/shop".to_owned(),
        base_branch: "main".to_owned(),
        version: "0.1.0".to_owned(),
        ..SessionInfo::default()
    };
    Event::Session(SessionEvent::Started {
        settings: Box::new(settings),
        info,
        history: CostHistory::default(),
    })
}

/// The first events of a session for a directive whose planner cost `cents`.
pub(crate) fn started_plan(directive: &str, settings: Settings, cents: i64) -> Vec<Event> {
    let mut first = started(settings);
    if let Event::Session(SessionEvent::Started { info, .. }) = &mut first {
        (info.label, info.directive) = (String::new(), Some(directive.to_owned()));
    }
    let cost = Usd::from_cents(cents);
    let report = AgentReport {
        ended: Ended::Done,
        spent: Spent::Known(cost),
        session: None,
        summary: None,
        denied: Vec::new(),
        n_turns: None,
        model: None,
        notes: Vec::new(),
        has_lost_session: false,
        tokens: 1_000,
        duration_ms: 65_000,
    };
    vec![
        first,
        Event::Plan(PlanEvent::PlannerStarted {
            attempt: 1,
            reserved: Usd::from_cents(200),
            model: Some("sonnet".to_owned()),
        }),
        Event::Plan(PlanEvent::PlannerExited {
            attempt: 1,
            report,
            cost,
            estimated: false,
        }),
    ]
}

/// An issue becomes a task.
pub(crate) fn accepted(number: u64, title: &str) -> Event {
    let number = IssueNumber(number);
    let issue = Issue {
        number,
        title: title.to_owned(),
        created_at: Time::from_ms(number.0),
        ..Issue::default()
    };
    Event::Task(TaskEvent::Accepted {
        issue: issue.into(),
    })
}

/// A task is classified.
pub(crate) fn classified(number: u64, domain: &str) -> Event {
    let classification = Classification {
        domain: domain.to_owned(),
        confidence: 1.0,
        reasons: vec!["the title says so".to_owned()],
        ..Classification::default()
    };
    Event::Task(TaskEvent::Classified {
        issue: IssueNumber(number),
        classification,
    })
}

/// A task's model and estimate are set.
pub(crate) fn model_selected(number: u64) -> Event {
    Event::Task(TaskEvent::ModelSelected {
        issue: IssueNumber(number),
        model: Some("sonnet".to_owned()),
        effort: None,
        reason: "set by `agent.model`".to_owned(),
        estimate: Usd::from_cents(500),
    })
}

/// The backlog up to its admission.
pub(crate) fn admitted(settings: Settings, issues: &[(u64, &str, &str)]) -> Vec<Event> {
    let n_issues = u32::try_from(issues.len()).unwrap();
    let estimate = Usd::from_cents(500 * i64::from(n_issues));
    let mut events = vec![started(settings)];
    events.extend(
        issues
            .iter()
            .map(|(number, title, _)| accepted(*number, title)),
    );
    events.push(Event::Intake(IntakeEvent::BacklogRead {
        n_issues,
        warnings: Vec::new(),
        n_api_calls: 0,
    }));
    events.extend(
        issues
            .iter()
            .flat_map(|(number, _, domain)| [classified(*number, domain), model_selected(*number)]),
    );
    events.push(Event::Intake(IntakeEvent::BacklogAdmitted {
        estimate,
        n_tasks: n_issues,
    }));
    events
}

/// Adds warnings to the events of a backlog.
pub(crate) fn warned(events: &mut [Event], texts: &[&str]) {
    for event in events {
        if let Event::Intake(IntakeEvent::BacklogRead { warnings, .. }) = event {
            warnings.extend(texts.iter().map(|&text| text.to_owned()));
        }
    }
}

/// An attempt starts and its agent runs.
pub(crate) fn at_work(number: u64, attempt: u32) -> Vec<Event> {
    let issue = IssueNumber(number);
    vec![
        Event::Attempt(AttemptEvent::Started {
            issue,
            attempt,
            reserved: Usd::from_cents(500),
            model: Some("sonnet".to_owned()),
        }),
        Event::Attempt(AttemptEvent::WorktreeLeased {
            issue,
            attempt,
            base: "0123456789abcdef".to_owned(),
        }),
    ]
}

/// The agent exits and its work is collected.
pub(crate) fn worked(number: u64, attempt: u32, cents: i64) -> Vec<Event> {
    let issue = IssueNumber(number);
    let report = AgentReport {
        ended: Ended::Done,
        spent: Spent::Known(Usd::from_cents(cents)),
        session: None,
        summary: None,
        denied: Vec::new(),
        n_turns: None,
        model: None,
        notes: Vec::new(),
        has_lost_session: false,
        tokens: 1_000,
        duration_ms: 185_000,
    };
    let work = Work {
        commit: "fedcba9876543210".to_owned(),
        salvage_ref: format!("refs/autoissue/salvage/20261122-1315-7f3a/{number}/{attempt}"),
        n_files: 2,
        added: 34,
        removed: 5,
        ..Work::default()
    };
    let mut events = at_work(number, attempt);
    events.push(Event::Attempt(AttemptEvent::AgentExited {
        issue,
        attempt,
        report,
        cost: Usd::from_cents(cents),
        estimated: false,
    }));
    events.push(Event::Attempt(AttemptEvent::WorkCollected {
        issue,
        attempt,
        work: Some(work),
        notes: Vec::new(),
    }));
    events
}

/// A whole task that ends with a pull request.
pub(crate) fn shipped(number: u64, pull: u64, cents: i64) -> Vec<Event> {
    let issue = IssueNumber(number);
    let pull_request = PullRequest {
        number: pull,
        url: format!("https://github.com/owner/shop/pull/{pull}"),
    };
    let publication = Publication {
        branch: format!("autoissue/issue-{number}"),
        pull_request: Some(pull_request.clone()),
        ..Publication::default()
    };
    let mut events = worked(number, 1, cents);
    events.push(Event::Attempt(AttemptEvent::Published {
        issue,
        attempt: 1,
        publication,
    }));
    events.push(finished(
        number,
        Outcome::Done {
            pull_request: Some(pull_request),
        },
    ));
    events
}

/// A whole task that fails because of a check.
pub(crate) fn check_failed(number: u64, cents: i64) -> Vec<Event> {
    let issue = IssueNumber(number);
    let message = "check `test` (exit code 1) failed\n\n--- test ---\nassertion failed".to_owned();
    let failure = Failure::Check {
        message: message.clone(),
    };
    let mut events = worked(number, 1, cents);
    events.push(Event::Attempt(AttemptEvent::Failed {
        issue,
        attempt: 1,
        failure,
        counted: true,
        retry_at: None,
        kept: false,
        lost_session: false,
    }));
    events.push(finished(
        number,
        Outcome::Failed {
            failure: FailureType::Task,
            message,
        },
    ));
    events
}

/// A task ends.
pub(crate) fn finished(number: u64, outcome: Outcome) -> Event {
    Event::Task(TaskEvent::Finished {
        issue: IssueNumber(number),
        outcome,
    })
}

/// The session ends.
pub(crate) fn completed() -> Event {
    Event::Session(SessionEvent::Finished {
        outcome: SessionOutcome::Completed,
    })
}
