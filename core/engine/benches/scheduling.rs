//! Cost of a scheduling decision as the backlog grows: it must stay constant.
//!
//! `cargo bench -p autoissue-engine` runs whole sessions with instant answers and prints
//! microseconds per step. Run as a test it does nothing, because measurements on a busy machine are
//! unreliable.
#![expect(clippy::disallowed_types, reason = "a measurement needs the clock")]
#![expect(clippy::print_stdout, reason = "printing the table is its purpose")]

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use autoissue_engine::*;
use autoissue_engine::{AttemptInput, IntakeInput, SessionInput, TaskInput};

/// Number of domains; at most as many run at once as there are slots.
const N_DOMAINS: u64 = 8;
const N_SLOTS: u32 = 6;

/// Measurements of one session.
struct Measured {
    n_tasks: u64,
    intake: Duration,
    running: Duration,
    n_steps: u32,
}

fn main() {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    if !is_bench {
        return;
    }
    println!("| tasks | intake and preparation | running | per step | relative |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    let mut first = None;
    for n_tasks in [1_000, 10_000, 100_000] {
        let measured = session(n_tasks);
        let per_step = measured.running.as_secs_f64() * 1e6 / f64::from(measured.n_steps);
        let ratio = per_step / *first.get_or_insert(per_step);
        println!(
            "| {} | {:.0} ms | {:.0} ms | {per_step:.2} µs | {ratio:.2} |",
            measured.n_tasks,
            measured.intake.as_secs_f64() * 1e3,
            measured.running.as_secs_f64() * 1e3,
        );
    }
}

/// Runs a session of `n_tasks` tasks, of which every fourth mentions a file that others mention
/// too.
fn session(n_tasks: u64) -> Measured {
    let mut engine = Engine::new();
    let mut now = Time::from_ms(1);
    let settings = Settings {
        n_slots: N_SLOTS,
        budget: Usd::from_cents(1_000_000_000),
        ..Settings::default()
    };
    let started = Input::Session(SessionInput::Started {
        settings: Box::new(settings),
        info: SessionInfo::default(),
        history: CostHistory::default(),
    });
    let mut owed: VecDeque<Effect> = engine.step(now, started).effects.into();
    let begun = Instant::now();
    let mut prepared = None;
    let mut n_steps = 0;
    while let Some(effect) = owed.pop_front() {
        if prepared.is_none()
            && matches!(effect, Effect::Attempt(AttemptEffect::LeaseWorktree { .. }))
        {
            prepared = Some(begun.elapsed());
        }
        let Some(input) = answer(effect, n_tasks) else {
            continue;
        };
        now = now + 1;
        n_steps += u32::from(prepared.is_some());
        owed.extend(engine.step(now, input).effects);
    }
    assert_eq!(engine.phase(), &Phase::Over(SessionOutcome::Completed));
    let intake = prepared.unwrap_or_default();
    Measured {
        n_tasks,
        intake,
        running: begun.elapsed() - intake,
        n_steps,
    }
}

fn answer(effect: Effect, n_tasks: u64) -> Option<Input> {
    Some(match effect {
        Effect::Intake(IntakeEffect::FetchBacklog { .. }) => {
            Input::Intake(IntakeInput::BacklogFetched {
                issues: (1..=n_tasks).map(issue).collect(),
                warnings: vec![],
                n_api_calls: 0,
            })
        }
        Effect::Task(TaskEffect::Classify { issue }) => Input::Task(TaskInput::Classified {
            issue: issue.number,
            classification: classification(issue.number.0),
        }),
        Effect::Attempt(AttemptEffect::LeaseWorktree { issue, attempt, .. }) => {
            Input::Attempt(AttemptInput::WorktreeLeased {
                issue,
                attempt,
                base: "b".into(),
            })
        }
        Effect::Attempt(AttemptEffect::RunAgent(order)) => {
            Input::Attempt(AttemptInput::AgentExited {
                issue: order.issue.number,
                attempt: order.attempt,
                report: report(),
            })
        }
        Effect::Attempt(AttemptEffect::CollectWork { issue, attempt, .. }) => {
            Input::Attempt(AttemptInput::WorkCollected {
                issue: issue.number,
                attempt,
                work: Some(Work::default()),
                notes: Vec::new(),
            })
        }
        Effect::Attempt(AttemptEffect::Publish(order)) => Input::Attempt(AttemptInput::Published {
            issue: order.issue.number,
            attempt: order.attempt,
            publication: Publication::default(),
        }),
        _ => return None,
    })
}

fn issue(number: u64) -> Issue {
    Issue {
        number: IssueNumber(number),
        title: format!("issue {number}"),
        body: "x".repeat(1_500),
        created_at: Time::from_ms(number),
        ..Issue::default()
    }
}

fn classification(number: u64) -> Classification {
    let path = if number.is_multiple_of(4) {
        "src/shared.rs".to_owned()
    } else {
        format!("src/file{number}.rs")
    };
    Classification {
        domain: format!("domain {}", number % N_DOMAINS),
        paths: vec![path],
        ..Classification::default()
    }
}

fn report() -> AgentReport {
    AgentReport {
        ended: Ended::Done,
        spent: Spent::Known(Usd::from_cents(30)),
        session: None,
        summary: None,
        denied: vec![],
        n_turns: None,
        model: None,
        notes: Vec::new(),
        has_lost_session: false,
        tokens: 0,
        duration_ms: 1,
    }
}
