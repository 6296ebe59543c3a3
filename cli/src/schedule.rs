//! The order in which tasks would start, and what each waits for. Runs the real engine over the
//! backlog with simulated agents that always succeed, one after another. Has no side effects.

use std::collections::{BTreeMap, VecDeque};

use autoissue_core::engine::{
    AgentReport, AttemptEffect, AttemptEvent, AttemptInput, Blocked, Classification, CostHistory,
    CostReporting, Effect, Ended, Engine, Event, Input, IntakeInput, Issue, IssueNumber,
    ModelChoice, Publication, SessionInfo, SessionInput, Settings, Spent, TaskEffect, TaskInput,
    Time, Usd, Work,
};

/// When a task would start.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScheduledStart {
    /// Its position in the start order, from 1.
    pub(crate) place: usize,
    /// Why it does not start immediately.
    pub(crate) waits: Option<Blocked>,
}

/// Returns when each task would start under these rules. Tasks that would never start are missing.
pub(crate) fn schedule(
    backlog: &[(Issue, Classification)],
    rules: &Settings,
) -> BTreeMap<IssueNumber, ScheduledStart> {
    let mut session = IdealSession::new(backlog, rules);
    session.until_agents_work();
    let waits: BTreeMap<IssueNumber, Option<Blocked>> = backlog
        .iter()
        .map(|(issue, _)| {
            (
                issue.number,
                session.engine.blocked(issue.number, session.now),
            )
        })
        .collect();
    while session.finish_an_agent() {
        session.until_agents_work();
    }
    let turn = |(at, issue): (usize, IssueNumber)| {
        let waits = waits.get(&issue).cloned().flatten();
        (
            issue,
            ScheduledStart {
                place: at + 1,
                waits,
            },
        )
    };
    session.started.into_iter().enumerate().map(turn).collect()
}

/// A session in which nothing goes wrong.
struct IdealSession<'a> {
    engine: Engine,
    now: Time,
    classifications: BTreeMap<IssueNumber, &'a Classification>,
    /// Inputs to feed to the engine.
    inputs: VecDeque<Input>,
    /// Running agents, oldest first.
    agents: VecDeque<(IssueNumber, u32)>,
    /// Tasks in start order.
    started: Vec<IssueNumber>,
}

impl<'a> IdealSession<'a> {
    fn new(backlog: &'a [(Issue, Classification)], rules: &Settings) -> Self {
        let issues: Vec<Issue> = backlog.iter().map(|(issue, _)| issue.clone()).collect();
        let started = Input::Session(SessionInput::Started {
            settings: Box::new(without_money(rules)),
            info: SessionInfo::default(),
            history: CostHistory::default(),
        });
        Self {
            engine: Engine::new(),
            now: Time::from_ms(1),
            classifications: backlog
                .iter()
                .map(|(issue, classification)| (issue.number, classification))
                .collect(),
            inputs: VecDeque::from([
                started,
                Input::Intake(IntakeInput::BacklogFetched {
                    issues,
                    warnings: Vec::new(),
                    n_api_calls: 0,
                }),
            ]),
            agents: VecDeque::new(),
            started: Vec::new(),
        }
    }

    /// Runs until only agents are awaited.
    fn until_agents_work(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            self.now = self.now + 1;
            let step = self.engine.step(self.now, input);
            self.started.extend(step.events.iter().filter_map(start_of));
            for effect in step.effects {
                self.answer(effect);
            }
        }
    }

    fn answer(&mut self, effect: Effect) {
        let input = match effect {
            Effect::Task(TaskEffect::Classify { issue }) => {
                let classification = self
                    .classifications
                    .get(&issue.number)
                    .map(|known| (*known).clone());
                Input::Task(TaskInput::Classified {
                    issue: issue.number,
                    classification: classification.unwrap_or_default(),
                })
            }
            Effect::Attempt(AttemptEffect::LeaseWorktree { issue, attempt, .. }) => {
                Input::Attempt(AttemptInput::WorktreeLeased {
                    issue,
                    attempt,
                    base: String::new(),
                })
            }
            Effect::Attempt(AttemptEffect::RunAgent(order)) => {
                self.agents.push_back((order.issue.number, order.attempt));
                return;
            }
            Effect::Attempt(AttemptEffect::CollectWork { issue, attempt, .. }) => {
                Input::Attempt(AttemptInput::WorkCollected {
                    issue: issue.number,
                    attempt,
                    work: Some(Work::default()),
                    notes: Vec::new(),
                })
            }
            Effect::Attempt(AttemptEffect::Publish(order)) => {
                Input::Attempt(AttemptInput::Published {
                    issue: order.issue.number,
                    attempt: order.attempt,
                    publication: Publication::default(),
                })
            }
            // The backlog is provided without being requested; there are no checks, one model, and
            // nothing to stop.
            Effect::Intake(_)
            | Effect::Plan(_)
            | Effect::Task(TaskEffect::SelectModel { .. })
            | Effect::Attempt(
                AttemptEffect::RunChecks { .. }
                | AttemptEffect::Stop { .. }
                | AttemptEffect::ReleaseWorktree { .. },
            ) => return,
        };
        self.inputs.push_back(input);
    }

    fn finish_an_agent(&mut self) -> bool {
        let Some((issue, attempt)) = self.agents.pop_front() else {
            return false;
        };
        let report = AgentReport {
            ended: Ended::Done,
            spent: Spent::Known(Usd::ZERO),
            session: None,
            summary: None,
            denied: Vec::new(),
            n_turns: None,
            model: None,
            notes: Vec::new(),
            has_lost_session: false,
            tokens: 0,
            duration_ms: 0,
        };
        self.inputs
            .push_back(Input::Attempt(AttemptInput::AgentExited {
                issue,
                attempt,
                report,
            }));
        true
    }
}

/// The order is computed without a budget; whether the budget suffices is reported separately.
fn without_money(rules: &Settings) -> Settings {
    Settings {
        cost_reporting: CostReporting::Free,
        allow_partial: true,
        dry_run: false,
        has_checks: false,
        model: ModelChoice::Fixed { model: None },
        start_until: None,
        plan: None,
        budget: Usd::from_micros(i64::MAX / 4),
        task_cap: Usd::ZERO,
        ..rules.clone()
    }
}

const fn start_of(event: &Event) -> Option<IssueNumber> {
    match event {
        Event::Attempt(AttemptEvent::Started { issue, .. }) => Some(*issue),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::Dependency;

    use super::*;

    fn task(
        number: u64,
        domain: &str,
        depends_on: &[u64],
        paths: &[&str],
    ) -> (Issue, Classification) {
        let dependencies = depends_on
            .iter()
            .map(|&on| Dependency {
                number: IssueNumber(on),
                open: true,
            })
            .collect();
        let issue = Issue {
            number: IssueNumber(number),
            title: format!("issue {number}"),
            created_at: Time::from_ms(number),
            dependencies,
            ..Issue::default()
        };
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        (
            issue,
            Classification {
                domain: domain.to_owned(),
                paths,
                ..Classification::default()
            },
        )
    }

    #[test]
    fn the_engine_itself_says_who_starts_and_why_others_wait() {
        let backlog = [
            task(1, "backend", &[], &["src/a.rs"]),
            task(2, "backend", &[], &[]),
            task(3, "frontend", &[1], &[]),
            task(4, "testing", &[], &["src/a.rs"]),
            task(5, "database", &[], &[]),
        ];
        let told: Vec<String> = schedule(&backlog, &Settings::default())
            .into_iter()
            .map(|(issue, turn)| {
                let waits = turn
                    .waits
                    .map_or_else(|| "immediately".to_owned(), |why| why.to_string());
                format!("{issue} {}: {waits}", turn.place)
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        #1 1: immediately
        #2 3: domain backend is busy with #1
        #3 4: waiting for #1
        #4 5: touches src/a.rs, which #1 is changing
        #5 2: immediately
        ");
    }

    #[test]
    fn tasks_that_never_start_have_no_turn() {
        let backlog = [task(1, "backend", &[99], &[]), task(2, "backend", &[], &[])];
        let turns = schedule(&backlog, &Settings::default());
        assert_eq!(turns.keys().map(|issue| issue.0).collect::<Vec<_>>(), [2]);
    }
}
