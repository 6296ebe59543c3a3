//! One random simulated session: effects are answered late, wrongly, twice or never, and the
//! process may die at any moment.
//!
//! ```text
//!             ┌─────────── Effect ──────────┐
//!   timeline ─┤ Answer, Turn, Interrupt, …  ├─► Engine ─► Event ─► JSON ─► journal ─► shadow engine
//!             └────── scheduled events ─────┘      ▲                          │ must be equal after every step
//!                                                  └──── crash: replayed ─────┘
//! ```
//!
//! A seed determines the whole session.

mod plan;
mod world;

use std::collections::BTreeMap;

use autoissue_engine::*;
use autoissue_engine::{AttemptInput, PlanInput, ServiceInput, SessionInput, TaskInput};
use fastrand::Rng;

use world::{FaultRates, happens, work};

/// Start of every simulated session.
pub const START: Time = Time::from_ms(1_000_000_000_000);

/// The most by which one agent can exceed its reservation: a turn of half a dollar, and the same
/// for an unknown cost.
pub const TURN_MAX: Usd = Usd::from_cents(1_00);
/// Bound on the steps of a session. The longest of a million took a fraction of this.
const N_STEPS_MAX: u32 = 30_000;

/// The set of faults that a session may meet. Faults added later are left out of earlier editions,
/// so that the seed of a session that once failed still produces the same session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// Failures, limits, crashes, interruptions, late and duplicate answers.
    First,
    /// Also withdrawn issues, unfinished merges, refusals by a rule, full disks, panicking effects,
    /// absurd costs, lost agent sessions, work of earlier sessions, fallbacks from plugins to
    /// built-ins, and changed settings on resume.
    Second,
}

/// An event and its time.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Time of the event.
    pub at: Time,
    /// The event.
    pub event: Event,
}

/// A scheduled happening.
#[derive(Clone)]
pub(super) enum Upcoming {
    /// An effect is answered, or reports progress.
    Answer(Input),
    /// An answer is repeated.
    Echo(Input),
    /// An answer that is never repeated.
    Once(Input),
    /// An agent takes a turn.
    Turn(IssueNumber, u32),
    /// The user stops the session, or resets its breakers.
    Person(Input),
    /// The process dies.
    Crash,
}

/// A running agent.
#[derive(Clone)]
pub(super) struct Agent {
    pub(super) spent: Usd,
    pub(super) limit: Option<Usd>,
    pub(super) n_turns: u32,
    /// How the run will end unless it is stopped.
    pub(super) ended: Ended,
    /// Whether it stops on its own at its limit.
    pub(super) is_honest: bool,
    pub(super) stopped: Option<StopReason>,
}

/// A running simulated session.
struct SimulatedSession {
    rng: Rng,
    edition: Edition,
    rates: FaultRates,
    engine: Engine,
    shadow: Engine,
    settings: Settings,
    journal: Vec<Entry>,
    now: Time,
    timeline: BTreeMap<(Time, u32), Upcoming>,
    n_upcoming: u32,
    agents: BTreeMap<(IssueNumber, u32), Agent>,
    wake_at: Option<Time>,
    is_over: bool,
    /// The issues of the directive, and what the forge and the disk know about them. They survive
    /// crashes.
    plan: Plan,
    forge: BTreeMap<u32, IssueNumber>,
    recorded: Option<Input>,
}

/// Simulates the session of a seed. Returns its journal, and what went wrong if it did not end
/// properly.
pub fn play(edition: Edition, seed: u64) -> (Vec<Entry>, Option<String>) {
    let mut rng = Rng::with_seed(seed);
    let settings = world::settings(&mut rng);
    let rates = FaultRates::new(&mut rng, edition);
    let plan = world::plan(&mut rng);
    let mut simulated_session = SimulatedSession {
        rng,
        edition,
        rates,
        engine: Engine::new(),
        shadow: Engine::new(),
        settings,
        journal: Vec::new(),
        now: START,
        timeline: BTreeMap::new(),
        n_upcoming: 0,
        agents: BTreeMap::new(),
        wake_at: None,
        is_over: false,
        plan,
        forge: BTreeMap::new(),
        recorded: None,
    };
    let error = simulated_session.play().err();
    (simulated_session.journal, error)
}

impl SimulatedSession {
    fn play(&mut self) -> Result<(), String> {
        let history = world::history(&mut self.rng);
        let settings = Box::new(self.settings.clone());
        let info = SessionInfo {
            unfinished: world::unfinished(&mut self.rng, &self.rates),
            ..SessionInfo::default()
        };
        self.step(Input::Session(SessionInput::Started {
            settings,
            info,
            history,
        }))?;
        self.plan_accidents();
        for _ in 0..N_STEPS_MAX {
            if !self.is_over {
                self.advance()?;
            } else if !self.goes_on()? {
                return self.replays();
            }
        }
        Err("liveness: the session does not end".to_owned())
    }

    /// Advances to the next happening: one from the timeline, or the engine's wake-up.
    fn advance(&mut self) -> Result<(), String> {
        let next = self.timeline.first_key_value().map(|(&key, _)| key);
        match (next, self.wake_at) {
            (Some((at, _)), wake_at) if wake_at.is_none_or(|wake| at <= wake) => {
                self.now = self.now.max(at);
                let (_, upcoming) = self.timeline.pop_first().expect("checked above");
                self.happen(upcoming)
            }
            (_, Some(wake)) => {
                self.now = self.now.max(wake);
                self.step(Input::Tick)
            }
            (_, None) => Err("liveness: nothing is in flight and no wake-up is due".to_owned()),
        }
    }

    fn happen(&mut self, upcoming: Upcoming) -> Result<(), String> {
        match upcoming {
            Upcoming::Answer(input) => {
                if self.rng.u32(..100) < self.rates.doubled_percent {
                    let again = Upcoming::Echo(input.clone());
                    let delay = self.rng.u64(..600_000);
                    self.later(delay, again);
                }
                self.step(input)
            }
            Upcoming::Turn(issue, attempt) => self.turn(issue, attempt),
            Upcoming::Echo(input) | Upcoming::Once(input) | Upcoming::Person(input) => {
                self.step(input)
            }
            Upcoming::Crash => self.crash(),
        }
    }

    fn step(&mut self, input: Input) -> Result<(), String> {
        if self.rng.u32(..1_000) < self.rates.clock_jump_permille {
            self.now = self.now + self.rng.u64(..3 * 3_600_000);
        }
        let step = self.engine.step(self.now, input);
        for event in step.events {
            let text = serde_json::to_string(&event).map_err(|error| format!("json: {error}"))?;
            let event: Event =
                serde_json::from_str(&text).map_err(|error| format!("json: {error} in {text}"))?;
            self.shadow.apply(&event);
            self.journal.push(Entry {
                at: self.now,
                event,
            });
        }
        if self.shadow != self.engine {
            return Err("replay: replaying the journal yields a different engine".to_owned());
        }
        if let Some(passed) = step.wake_at.filter(|&wake| wake <= self.now) {
            return Err(format!(
                "liveness: asks for a wake-up at {passed}, which has passed"
            ));
        }
        (self.wake_at, self.is_over) = (step.wake_at, step.over);
        step.effects
            .into_iter()
            .for_each(|effect| self.carry_out(&effect));
        self.answers_why()
    }

    /// Every task that is waiting for a slot must have a reason.
    fn answers_why(&mut self) -> Result<(), String> {
        fn waits(task: &&Task) -> bool {
            matches!(
                task.state,
                TaskState::Classifying | TaskState::Choosing | TaskState::Waiting { .. }
            )
        }

        if self.rng.u32(..20) > 0 {
            return Ok(());
        }
        let unexplained = self
            .engine
            .tasks()
            .values()
            .filter(waits)
            .find(|task| self.engine.blocked(task.issue.number, self.now).is_none());
        unexplained.map_or(Ok(()), |task| {
            Err(format!(
                "blocked: no reason why {} is waiting",
                task.issue.number
            ))
        })
    }

    pub(super) fn later(&mut self, delay_ms: u64, upcoming: Upcoming) {
        self.n_upcoming += 1;
        self.timeline
            .insert((self.now + delay_ms, self.n_upcoming), upcoming);
    }

    fn plan_accidents(&mut self) {
        for _ in 0..self.rates.n_crashes {
            let delay = self.rng.u64(..self.rates.length_ms);
            self.later(delay, Upcoming::Crash);
        }
        for _ in 0..self.rates.n_interrupts {
            let delay = self.rng.u64(..self.rates.length_ms);
            self.later(
                delay,
                Upcoming::Person(Input::Session(SessionInput::Interrupted)),
            );
            if self.rng.bool() {
                let again = delay + self.rng.u64(..60_000);
                self.later(
                    again,
                    Upcoming::Person(Input::Session(SessionInput::Interrupted)),
                );
            }
        }
        for _ in 0..self.rates.n_resets {
            let delay = self.rng.u64(..self.rates.length_ms);
            let service = self.service_to_reset();
            self.later(
                delay,
                Upcoming::Person(Input::Service(ServiceInput::BreakerReset { service })),
            );
        }
    }

    /// Returns the service whose breaker the user closes; `None` means all.
    fn service_to_reset(&mut self) -> Option<Service> {
        if self.edition == Edition::First {
            return None;
        }
        match self.rng.u32(..4) {
            0 => Some(self.settings.agent_service()),
            1 => Some(Service::Forge),
            2 => Some(Service::Machine),
            _ => None,
        }
    }

    /// The process dies: only the journal survives, and it must be sufficient.
    fn crash(&mut self) -> Result<(), String> {
        self.replays()?;
        self.engine = Engine::replay(self.journal.iter().map(|entry| &entry.event));
        self.resume()
    }

    fn replays(&self) -> Result<(), String> {
        let same = Engine::replay(self.journal.iter().map(|entry| &entry.event)) == self.engine;
        same.then_some(())
            .ok_or_else(|| "replay: replaying the journal yields a different engine".to_owned())
    }

    /// Decides whether an interrupted session is resumed, and resumes it.
    fn goes_on(&mut self) -> Result<bool, String> {
        if !self.engine.is_interrupted() || self.rng.u32(..10) == 0 {
            return Ok(false);
        }
        if self.engine.is_unconfirmed() && self.rng.u32(..4) == 0 {
            self.step(Input::Plan(PlanInput::Declined))?;
            return Ok(true);
        }
        self.resume()?;
        Ok(true)
    }

    /// Resumes in another process. Effects in flight are lost, and the clock and the limits may
    /// differ.
    fn resume(&mut self) -> Result<(), String> {
        self.agents.clear();
        self.timeline
            .retain(|_, upcoming| matches!(upcoming, Upcoming::Person(_) | Upcoming::Crash));
        if self.rng.u32(..5) == 0 {
            self.now = Time::from_ms(self.now.ms() - self.rng.u64(..3_600_000));
        }
        if self.rng.u32(..4) == 0 {
            let new = world::settings(&mut self.rng);
            (self.settings.budget, self.settings.task_cap) = (new.budget, new.task_cap);
            (self.settings.n_slots, self.settings.max_retries) = (new.n_slots, new.max_retries);
            if self.edition == Edition::Second {
                self.settings = Settings {
                    plan: self.settings.plan.clone(),
                    dry_run: self.settings.dry_run,
                    ..new
                };
            }
        }
        if let Some(rules) = &mut self.settings.plan {
            rules.confirm = self.rng.u32(..3) == 0;
        }
        self.step(Input::Session(SessionInput::Resumed {
            settings: Box::new(self.settings.clone()),
        }))
    }

    fn carry_out(&mut self, effect: &Effect) {
        match written_and_read(effect) {
            Effect::Attempt(AttemptEffect::RunAgent(order)) => {
                let limit = order.task.budget_usd.map(Usd::from_dollars);
                self.run_agent(order.issue.number, order.attempt, limit);
            }
            Effect::Attempt(AttemptEffect::Stop {
                issue,
                attempt,
                reason,
            }) => self.stop(issue, attempt, reason),
            Effect::Attempt(AttemptEffect::ReleaseWorktree { .. }) => {}
            Effect::Intake(IntakeEffect::FetchBacklog { .. }) if self.settings.plan.is_some() => {
                self.fetch_planned();
            }
            Effect::Plan(effect) => self.carry_out_plan(effect),
            effect => {
                let stood_in = world::stood_in(&mut self.rng, &self.rates, &effect);
                let input = work(&mut self.rng, &self.rates, &self.settings, self.now, effect);
                let delay = self.rng.u64(..120_000);
                if let Some(plugin_failure) = stood_in {
                    self.later(
                        delay,
                        Upcoming::Answer(Input::Task(TaskInput::PluginFailed(plugin_failure))),
                    );
                }
                self.later(delay, Upcoming::Answer(input));
            }
        }
    }

    fn run_agent(&mut self, issue: IssueNumber, attempt: u32, limit: Option<Usd>) {
        if let Some(failure) = self.rates.start_failure(&mut self.rng, self.now) {
            self.later(
                10,
                Upcoming::Answer(Input::Attempt(AttemptInput::Failed {
                    issue,
                    attempt,
                    failure,
                })),
            );
            return;
        }
        self.let_work(issue, attempt, limit);
    }

    fn let_work(&mut self, issue: IssueNumber, attempt: u32, limit: Option<Usd>) {
        let agent = Agent {
            spent: Usd::ZERO,
            limit,
            n_turns: self.rng.u32(1..12),
            ended: self.rates.end(&mut self.rng, self.now),
            is_honest: self.settings.cost_reporting != CostReporting::AsItGoes
                || self.rng.u32(..5) > 0,
            stopped: None,
        };
        self.agents.insert((issue, attempt), agent);
        let delay = self.rng.u64(..60_000);
        self.later(delay, Upcoming::Turn(issue, attempt));
    }

    /// A stopped agent answers with its next turn, or only at the second interrupt; other effects
    /// of the attempt end.
    fn stop(&mut self, issue: IssueNumber, attempt: u32, reason: StopReason) {
        if let Some(agent) = self.agents.get_mut(&(issue, attempt)) {
            agent.stopped = Some(reason);
        }
        let is_stopped = |upcoming: &Upcoming| match upcoming {
            Upcoming::Answer(Input::Attempt(
                AttemptInput::ChecksFinished {
                    issue: i,
                    attempt: a,
                    ..
                }
                | AttemptInput::WorktreeLeased {
                    issue: i,
                    attempt: a,
                    ..
                },
            )) => (*i, *a) == (issue, attempt),
            _ => false,
        };
        let keys: Vec<_> = self
            .timeline
            .iter()
            .filter(|(_, h)| is_stopped(h))
            .map(|(&key, _)| key)
            .collect();
        for key in keys {
            self.timeline.remove(&key);
            self.later(
                10,
                Upcoming::Answer(Input::Attempt(AttemptInput::Failed {
                    issue,
                    attempt,
                    failure: Failure::Interrupted,
                })),
            );
        }
    }

    /// An agent continues: it spends, is seen to spend, and ends or takes another turn.
    fn turn(&mut self, issue: IssueNumber, attempt: u32) -> Result<(), String> {
        let Some(mut agent) = self.agents.remove(&(issue, attempt)) else {
            return Ok(());
        };
        let is_free = self.settings.cost_reporting == CostReporting::Free;
        let is_at_limit = agent.is_honest && agent.limit.is_some_and(|limit| limit <= agent.spent);
        let is_stopped = agent
            .stopped
            .is_some_and(|reason| reason != StopReason::Interrupted || self.rng.bool());
        if is_stopped || is_at_limit || agent.n_turns == 0 {
            let report = world::report(&mut self.rng, &agent, is_at_limit, is_stopped, is_free);
            let report = world::odd_report(&mut self.rng, &self.rates, report);
            let delay = self.rng.u64(..1_000);
            if let Some(panicked) = world::panicked(&mut self.rng, &self.rates, issue, attempt) {
                // The answer does not name its effect, so it must not be repeated while the work is
                // collected.
                self.later(delay, Upcoming::Once(panicked));
                return Ok(());
            }
            let exited = self.exited(issue, attempt, report);
            self.later(delay, Upcoming::Answer(exited));
            return Ok(());
        }
        agent.n_turns -= 1;
        if !is_free && agent.stopped.is_none() {
            agent.spent += Usd::from_micros(self.rng.i64(0..TURN_MAX.half().micros()));
        }
        let spent = if happens(&mut self.rng, self.rates.odd_report_percent) {
            world::ABSURD
        } else {
            agent.spent
        };
        self.agents.insert((issue, attempt), agent);
        let delay = self.rng.u64(1..60_000);
        self.later(delay, Upcoming::Turn(issue, attempt));
        match self.settings.cost_reporting {
            CostReporting::AsItGoes if issue == IssueNumber::SESSION => {
                self.step(Input::Plan(PlanInput::PlannerMetered { attempt, spent }))
            }
            CostReporting::AsItGoes => self.step(Input::Attempt(AttemptInput::Metered {
                issue,
                attempt,
                spent,
            })),
            CostReporting::Free | CostReporting::AtTheEnd => Ok(()),
        }
    }
}

/// Returns an effect as another process would read it.
fn written_and_read(effect: &Effect) -> Effect {
    let text = serde_json::to_string(effect).expect("an effect becomes JSON");
    let read = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(*effect, read, "{text}");
    read
}
