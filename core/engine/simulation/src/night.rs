//! One random night: a world that answers effects late, wrongly, twice or never, and that may end at any moment.
//!
//! ```text
//!             ┌─────────── Effect ──────────┐
//!   timeline ─┤ Answer, Turn, Interrupt, …  ├─► Engine ─► Event ─► JSON ─► journal ─► shadow engine
//!             └──── what is yet to come ────┘      ▲                          │ must be equal after every step
//!                                                  └──── crash: replayed ─────┘
//! ```
//!
//! A seed makes a night; the same seed makes the same night.

mod planning;
mod world;

use std::collections::BTreeMap;

use autoissue_engine::*;
use autoissue_engine::{AttemptInput, PlanInput, ServiceInput, SessionInput, TaskInput};
use fastrand::Rng;

use world::{Weather, happens, work};

/// When every night begins.
pub const DUSK: Time = Time::from_ms(1_000_000_000_000);

/// By how much one agent can pass its reservation: a turn of half a dollar, and as much for a cost that is not known.
pub const TURN_MAX: Usd = Usd::from_cents(1_00);
/// Longest night. The longest of a million took a fraction of this.
const N_STEPS_MAX: u32 = 30_000;

/// Which troubles a night knows of. What is new is left out of a night that went wrong before it was added, so that the same seed
/// still makes that night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// Failures, limits, crashes, interrupts, late and doubled answers.
    First,
    /// Also withdrawn issues, unfinished merges, refusals by a rule, full disks, effects that panic, absurd costs, lost sessions, work
    /// of earlier sessions, built-ins that stand in for plugins, and other settings at a resume.
    Second,
}

/// An event and when it was written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// The event.
    pub event: Event,
}

/// What is yet to come.
#[derive(Clone)]
pub(super) enum Happening {
    /// The world answers an effect, or says something more.
    Answer(Input),
    /// An answer comes once more.
    Echo(Input),
    /// An answer that never comes once more.
    Once(Input),
    /// An agent makes a turn.
    Turn(IssueNumber, u32),
    /// A person stops the session, or resets its breakers.
    Person(Input),
    /// The process dies.
    Crash,
}

/// An agent that runs.
#[derive(Clone)]
pub(super) struct Agent {
    pub(super) spent: Usd,
    pub(super) limit: Option<Usd>,
    pub(super) n_turns: u32,
    /// How it will end, if nothing stops it.
    pub(super) ended: Ended,
    /// It stops by itself at its limit.
    pub(super) is_honest: bool,
    pub(super) stopped: Option<StopReason>,
}

/// A night under way.
struct Night {
    rng: Rng,
    edition: Edition,
    weather: Weather,
    engine: Engine,
    shadow: Engine,
    settings: Settings,
    journal: Vec<Entry>,
    now: Time,
    timeline: BTreeMap<(Time, u32), Happening>,
    n_happenings: u32,
    agents: BTreeMap<(IssueNumber, u32), Agent>,
    wake_at: Option<Time>,
    is_over: bool,
    /// What the directive is split into, and what the forge and the disk know of it. They outlive the process.
    plan: Plan,
    forge: BTreeMap<u32, IssueNumber>,
    recorded: Option<Input>,
}

/// Plays the night of a seed; returns its journal, and what went wrong if it did not come to an end as it should.
pub fn play(edition: Edition, seed: u64) -> (Vec<Entry>, Option<String>) {
    let mut rng = Rng::with_seed(seed);
    let settings = world::settings(&mut rng);
    let weather = Weather::new(&mut rng, edition);
    let plan = world::plan(&mut rng);
    let mut night = Night {
        rng,
        edition,
        weather,
        engine: Engine::new(),
        shadow: Engine::new(),
        settings,
        journal: Vec::new(),
        now: DUSK,
        timeline: BTreeMap::new(),
        n_happenings: 0,
        agents: BTreeMap::new(),
        wake_at: None,
        is_over: false,
        plan,
        forge: BTreeMap::new(),
        recorded: None,
    };
    let error = night.play().err();
    (night.journal, error)
}

impl Night {
    fn play(&mut self) -> Result<(), String> {
        let history = world::history(&mut self.rng);
        let settings = Box::new(self.settings.clone());
        let about = About {
            cut_off: world::cut_off(&mut self.rng, &self.weather),
            ..About::default()
        };
        self.step(Input::Session(SessionInput::Started {
            settings,
            about,
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
        Err("liveness: the night does not end".to_owned())
    }

    /// Lets the next thing happen: something of the timeline, or what the engine wanted to be woken for.
    fn advance(&mut self) -> Result<(), String> {
        let next = self.timeline.first_key_value().map(|(&key, _)| key);
        match (next, self.wake_at) {
            (Some((at, _)), wake_at) if wake_at.is_none_or(|wake| at <= wake) => {
                self.now = self.now.max(at);
                let (_, happening) = self.timeline.pop_first().expect("it was just looked at");
                self.happen(happening)
            }
            (_, Some(wake)) => {
                self.now = self.now.max(wake);
                self.step(Input::Tick)
            }
            (_, None) => Err("liveness: nothing is in flight and nothing is waited for".to_owned()),
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Answer(input) => {
                if self.rng.u32(..100) < self.weather.doubled_percent {
                    let again = Happening::Echo(input.clone());
                    let delay = self.rng.u64(..600_000);
                    self.later(delay, again);
                }
                self.step(input)
            }
            Happening::Turn(issue, attempt) => self.turn(issue, attempt),
            Happening::Echo(input) | Happening::Once(input) | Happening::Person(input) => {
                self.step(input)
            }
            Happening::Crash => self.crash(),
        }
    }

    fn step(&mut self, input: Input) -> Result<(), String> {
        if self.rng.u32(..1_000) < self.weather.clock_jump_permille {
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
            return Err("replay: the journal makes another engine".to_owned());
        }
        if let Some(passed) = step.wake_at.filter(|&wake| wake <= self.now) {
            return Err(format!(
                "liveness: wants to be woken at {passed}, which has passed"
            ));
        }
        (self.wake_at, self.is_over) = (step.wake_at, step.over);
        step.effects
            .into_iter()
            .for_each(|effect| self.carry_out(&effect));
        self.answers_why()
    }

    /// Whoever waits for a slot is told why.
    fn answers_why(&mut self) -> Result<(), String> {
        fn waits(task: &&Task) -> bool {
            matches!(
                task.stage,
                Stage::Classifying | Stage::Choosing | Stage::Waiting { .. }
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
                "blocked: nobody knows why {} waits",
                task.issue.number
            ))
        })
    }

    pub(super) fn later(&mut self, delay_ms: u64, happening: Happening) {
        self.n_happenings += 1;
        self.timeline
            .insert((self.now + delay_ms, self.n_happenings), happening);
    }

    fn plan_accidents(&mut self) {
        for _ in 0..self.weather.n_crashes {
            let delay = self.rng.u64(..self.weather.length_ms);
            self.later(delay, Happening::Crash);
        }
        for _ in 0..self.weather.n_interrupts {
            let delay = self.rng.u64(..self.weather.length_ms);
            self.later(
                delay,
                Happening::Person(Input::Session(SessionInput::Interrupted)),
            );
            if self.rng.bool() {
                let again = delay + self.rng.u64(..60_000);
                self.later(
                    again,
                    Happening::Person(Input::Session(SessionInput::Interrupted)),
                );
            }
        }
        for _ in 0..self.weather.n_resets {
            let delay = self.rng.u64(..self.weather.length_ms);
            let service = self.service_to_reset();
            self.later(
                delay,
                Happening::Person(Input::Service(ServiceInput::BreakerReset { service })),
            );
        }
    }

    /// Returns whose breaker a person closes; `None` means all.
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

    /// The process dies: only the journal is left, and it is all that is needed.
    fn crash(&mut self) -> Result<(), String> {
        self.replays()?;
        self.engine = Engine::replay(self.journal.iter().map(|entry| &entry.event));
        self.resume()
    }

    fn replays(&self) -> Result<(), String> {
        let same = Engine::replay(self.journal.iter().map(|entry| &entry.event)) == self.engine;
        same.then_some(())
            .ok_or_else(|| "replay: the journal makes another engine".to_owned())
    }

    /// Returns whether an interrupted session is resumed, and resumes it.
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

    /// Another process takes over. What was in flight is lost, the clock may be another, and the limits too.
    fn resume(&mut self) -> Result<(), String> {
        self.agents.clear();
        self.timeline
            .retain(|_, happening| matches!(happening, Happening::Person(_) | Happening::Crash));
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
                let stood_in = world::stood_in(&mut self.rng, &self.weather, &effect);
                let input = work(
                    &mut self.rng,
                    &self.weather,
                    &self.settings,
                    self.now,
                    effect,
                );
                let delay = self.rng.u64(..120_000);
                if let Some(undecided) = stood_in {
                    self.later(
                        delay,
                        Happening::Answer(Input::Task(TaskInput::Undecided(undecided))),
                    );
                }
                self.later(delay, Happening::Answer(input));
            }
        }
    }

    fn run_agent(&mut self, issue: IssueNumber, attempt: u32, limit: Option<Usd>) {
        if let Some(failure) = self.weather.start_failure(&mut self.rng, self.now) {
            self.later(
                10,
                Happening::Answer(Input::Attempt(AttemptInput::Failed {
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
            ended: self.weather.end(&mut self.rng, self.now),
            is_honest: self.settings.metering != Metering::AsItGoes || self.rng.u32(..5) > 0,
            stopped: None,
        };
        self.agents.insert((issue, attempt), agent);
        let delay = self.rng.u64(..60_000);
        self.later(delay, Happening::Turn(issue, attempt));
    }

    /// A stopped agent answers with its next turn, or not before the second interrupt; what else runs for the attempt ends.
    fn stop(&mut self, issue: IssueNumber, attempt: u32, reason: StopReason) {
        if let Some(agent) = self.agents.get_mut(&(issue, attempt)) {
            agent.stopped = Some(reason);
        }
        let is_stopped = |happening: &Happening| match happening {
            Happening::Answer(Input::Attempt(
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
                Happening::Answer(Input::Attempt(AttemptInput::Failed {
                    issue,
                    attempt,
                    failure: Failure::Interrupted,
                })),
            );
        }
    }

    /// An agent works on: it spends, is seen to spend, and ends or goes on.
    fn turn(&mut self, issue: IssueNumber, attempt: u32) -> Result<(), String> {
        let Some(mut agent) = self.agents.remove(&(issue, attempt)) else {
            return Ok(());
        };
        let is_free = self.settings.metering == Metering::Free;
        let is_at_limit = agent.is_honest && agent.limit.is_some_and(|limit| limit <= agent.spent);
        let is_stopped = agent
            .stopped
            .is_some_and(|reason| reason != StopReason::Interrupted || self.rng.bool());
        if is_stopped || is_at_limit || agent.n_turns == 0 {
            let report = world::report(&mut self.rng, &agent, is_at_limit, is_stopped, is_free);
            let report = world::odd_report(&mut self.rng, &self.weather, report);
            let delay = self.rng.u64(..1_000);
            if let Some(panicked) = world::panicked(&mut self.rng, &self.weather, issue, attempt) {
                // Does not say of which effect it is, so it must not come again while the work is collected.
                self.later(delay, Happening::Once(panicked));
                return Ok(());
            }
            let exited = self.exited(issue, attempt, report);
            self.later(delay, Happening::Answer(exited));
            return Ok(());
        }
        agent.n_turns -= 1;
        if !is_free && agent.stopped.is_none() {
            agent.spent += Usd::from_micros(self.rng.i64(0..TURN_MAX.half().micros()));
        }
        let spent = if happens(&mut self.rng, self.weather.odd_report_percent) {
            world::ABSURD
        } else {
            agent.spent
        };
        self.agents.insert((issue, attempt), agent);
        let delay = self.rng.u64(1..60_000);
        self.later(delay, Happening::Turn(issue, attempt));
        match self.settings.metering {
            Metering::AsItGoes if issue == IssueNumber::SESSION => {
                self.step(Input::Plan(PlanInput::PlannerMetered { attempt, spent }))
            }
            Metering::AsItGoes => self.step(Input::Attempt(AttemptInput::Metered {
                issue,
                attempt,
                spent,
            })),
            Metering::Free | Metering::AtTheEnd => Ok(()),
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
