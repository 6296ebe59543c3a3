//! The harness of the stories: an engine, and a small world that answers each effect with success
//! unless the script says otherwise.
//!
//! ```text
//!   script ─► Scenario ── Input ──► Engine ── Effect ──► owed ─► answered at once, or held until the script releases it
//!                                   └───── Event ───► told: the lines that `check` compares
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use autoissue_engine::*;
use autoissue_engine::{AttemptEvent, IntakeEvent, PlanEvent, SessionEvent, TaskEvent};
use autoissue_engine::{AttemptInput, IntakeInput, PlanInput, SessionInput, TaskInput};

use crate::chronicle::Entry;
use crate::line::{START, line};

/// The answer to one effect, instead of success.
#[derive(Clone)]
pub(crate) enum Reply {
    /// The effect failed.
    Fails(Failure),
    /// The agent ended in this way.
    Exits(Ended, Spent),
    /// The session to resume no longer exists, which took this cost in dollars.
    Gone(f64),
    /// Nothing differs from the base.
    Nothing,
    /// The work has a file with an unfinished merge.
    Unmerged(&'static str),
    /// A check of this name failed.
    Red(&'static str),
    /// A check of this name failed, and also fails on the base that the attempt started from.
    RedBase(&'static str),
    /// The planner finished at this cost in dollars, and this is wrong with its answer.
    NoPlan(f64, &'static str),
    /// A plugin does not decide.
    PluginFailed(PluginFailureAction),
    /// The issue must no longer be worked on.
    Withdrawn(Withdrawal),
}

/// One session and its world.
pub(crate) struct Scenario {
    pub(crate) engine: Engine,
    pub(crate) settings: Settings,
    pub(crate) history: CostHistory,
    pub(crate) info: SessionInfo,
    pub(crate) issues: Vec<Issue>,
    pub(crate) plan: Plan,
    pub(crate) now: Time,
    /// Effects in the order in which they were requested.
    pub(crate) asked: Vec<Effect>,
    classes: BTreeMap<u64, Classification>,
    models: BTreeMap<u64, &'static str>,
    replies: BTreeMap<(u64, &'static str), VecDeque<Reply>>,
    held: BTreeSet<(u64, &'static str)>,
    owed: VecDeque<Effect>,
    pub(crate) journal: Vec<Entry>,
    told: Vec<String>,
}

/// Runs a script on `n_issues` issues, each in its own domain, and compares the lines with the
/// expected ones.
#[track_caller]
pub(crate) fn check(n_issues: u64, script: impl FnOnce(&mut Scenario), expected: &str) -> Scenario {
    let mut scenario = Scenario::new(n_issues);
    script(&mut scenario);
    let told = scenario.told.join("\n");
    let expected: Vec<&str> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(told, expected.join("\n"), "\n--- actual:\n{told}\n");
    assert_eq!(
        Engine::replay(&journaled(&scenario.journal)),
        scenario.engine,
        "a replay differs"
    );
    scenario
}

/// Returns the events as read from a journal.
fn journaled(journal: &[Entry]) -> Vec<Event> {
    let again = |entry: &Entry| {
        let text = serde_json::to_string(&entry.event).expect("an event becomes JSON");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    journal.iter().map(again).collect()
}

pub(crate) fn usd(dollars: f64) -> Usd {
    Usd::from_dollars(dollars)
}

pub(crate) fn number(n: u64) -> IssueNumber {
    IssueNumber(n)
}

/// Returns the session that an agent is asked to resume.
pub(crate) fn resumed(task: &AgentTask) -> Option<AgentSession> {
    let session = task.resume.as_ref()?;
    Some(AgentSession {
        id: session.id.clone(),
        spent: usd(session.cost_usd),
    })
}

/// The agent reports success, at this cost.
pub(crate) fn done(dollars: f64) -> Reply {
    Reply::Exits(Ended::Done, Spent::Known(usd(dollars)))
}

/// The agent run failed and cost nothing.
pub(crate) fn broken(failure: Failure) -> Reply {
    Reply::Exits(Ended::Failed { failure }, Spent::Known(Usd::ZERO))
}

/// The agent was stopped by us, at a cost of one dollar.
pub(crate) fn stopped() -> Reply {
    let failure = Failure::Interrupted;
    Reply::Exits(Ended::Failed { failure }, Spent::Known(usd(1.0)))
}

pub(crate) fn crash() -> Failure {
    Failure::Crash {
        message: "crashed".into(),
    }
}

pub(crate) fn network() -> Failure {
    Failure::Network {
        message: "no route".into(),
    }
}

pub(crate) fn overloaded() -> Failure {
    Failure::Overloaded {
        message: "529".into(),
    }
}

pub(crate) fn gave_up() -> Failure {
    Failure::Task {
        message: "gave up".into(),
    }
}

pub(crate) fn auth() -> Failure {
    Failure::Auth {
        message: "bad credentials".into(),
    }
}

/// A rate limit that ends this many seconds after dusk.
pub(crate) fn limited(until_s: u64) -> Failure {
    Failure::RateLimit {
        message: "limited".into(),
        until: Some(START + until_s * 1_000),
    }
}

impl Scenario {
    pub(crate) fn new(n_issues: u64) -> Self {
        let mut scenario = Self {
            engine: Engine::new(),
            settings: Settings {
                agent: "claude".to_owned(),
                ..Settings::default()
            },
            history: CostHistory::default(),
            info: SessionInfo::default(),
            issues: Vec::new(),
            plan: Plan::default(),
            now: START,
            asked: Vec::new(),
            classes: BTreeMap::new(),
            models: BTreeMap::new(),
            replies: BTreeMap::new(),
            held: BTreeSet::new(),
            owed: VecDeque::new(),
            journal: Vec::new(),
            told: Vec::new(),
        };
        for n in 1..=n_issues {
            scenario.issues.push(Issue {
                number: number(n),
                title: format!("issue {n}"),
                created_at: Time::from_ms(n),
                ..Issue::default()
            });
            scenario.domain(n, &format!("d{n}"));
        }
        scenario
    }

    // Setup of the world.

    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Settings)) -> &mut Self {
        change(&mut self.settings);
        self
    }

    pub(crate) fn issue(&mut self, n: u64) -> &mut Issue {
        self.issues
            .iter_mut()
            .find(|issue| issue.number.0 == n)
            .expect("an issue of this session")
    }

    pub(crate) fn domain(&mut self, n: u64, domain: &str) -> &mut Self {
        self.classes.entry(n).or_default().domain = domain.to_owned();
        self
    }

    /// The session plans its issues, which become #1 and so on. Each is given by its dependencies.
    pub(crate) fn plans(&mut self, depends_on: &[&[u32]]) -> &mut Self {
        let source = PlanSource::Planner {
            model: Some("sonnet".into()),
            cap: usd(2.0),
        };
        self.settings.plan = Some(PlanRules {
            source,
            confirm: false,
        });
        self.issues.clear();
        self.plan = Plan {
            id: "p".into(),
            ..Plan::default()
        };
        for (n, depends_on) in (1..).zip(depends_on) {
            let issue = PlannedIssue {
                title: format!("issue {n}"),
                depends_on: depends_on.to_vec(),
                ..Default::default()
            };
            self.plan.issues.push(issue);
            let dependencies = depends_on.iter().map(|on| Dependency {
                number: number((*on).into()),
                open: true,
            });
            let created_at = Time::from_ms(n);
            self.issues.push(Issue {
                number: number(n),
                created_at,
                dependencies: dependencies.collect(),
                ..Issue::default()
            });
            self.domain(n, &format!("d{n}"));
        }
        self
    }

    /// The model selector chooses this model for the issue; otherwise `sonnet`, and `opus` after a
    /// failure of substance.
    pub(crate) fn model(&mut self, n: u64, model: &'static str) -> &mut Self {
        self.models.insert(n, model);
        self
    }

    pub(crate) fn paths(&mut self, n: u64, paths: &[&str]) -> &mut Self {
        self.classes.entry(n).or_default().paths = paths.iter().map(ToString::to_string).collect();
        self
    }

    /// Issue `n` depends on `on`.
    pub(crate) fn depends(&mut self, n: u64, on: &[u64]) -> &mut Self {
        self.issue(n).dependencies = on
            .iter()
            .map(|&n| Dependency {
                number: number(n),
                open: true,
            })
            .collect();
        self
    }

    /// The next effects of this stage for this issue are answered like this. Stages: `lease`,
    /// `agent`, `collect`, `checks`, `publish`.
    pub(crate) fn replies(
        &mut self,
        n: u64,
        stage: &'static str,
        replies: impl IntoIterator<Item = Reply>,
    ) -> &mut Self {
        self.replies.entry((n, stage)).or_default().extend(replies);
        self
    }

    /// Effects of this stage for this issue are not answered until they are released.
    pub(crate) fn hold(&mut self, n: u64, stage: &'static str) -> &mut Self {
        self.held.insert((n, stage));
        self
    }

    pub(crate) fn release(&mut self, n: u64, stage: &'static str) -> &mut Self {
        assert!(self.held.remove(&(n, stage)), "{stage} of #{n} is not held");
        self.run()
    }

    /// Returns the story so far, one line per event.
    pub(crate) fn told(&self) -> String {
        self.told.join("\n")
    }

    // Actions of a script.

    /// Starts the session and runs it until all outstanding effects are held.
    pub(crate) fn begin(&mut self) -> &mut Self {
        let (settings, history) = (Box::new(self.settings.clone()), self.history.clone());
        self.input(Input::Session(SessionInput::Started {
            settings,
            info: self.info.clone(),
            history,
        }));
        self.run()
    }

    /// Answers outstanding effects that are not held, and lets time pass, until neither changes
    /// anything.
    pub(crate) fn run(&mut self) -> &mut Self {
        for _ in 0..5_000 {
            if let Some(at) = self
                .owed
                .iter()
                .position(|effect| !self.held.contains(&key(effect)))
            {
                let effect = self.owed.remove(at).expect("found above");
                self.answer(&effect);
            } else if !self.wake() {
                return self;
            }
        }
        panic!("the session does not end:\n{}", self.told.join("\n"));
    }

    /// Advances the time to the engine's wake-up; not while effects are held.
    fn wake(&mut self) -> bool {
        let step = self.engine.clone().step(self.now, Input::Tick);
        match step.wake_at {
            Some(at) if self.owed.is_empty() => {
                self.now = at;
                self.input(Input::Tick);
                true
            }
            _ => false,
        }
    }

    /// Advances the time by this many seconds.
    pub(crate) fn pass(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now + seconds * 1_000;
        self.input(Input::Tick);
        self.run()
    }

    pub(crate) fn interrupt(&mut self) -> &mut Self {
        self.input(Input::Session(SessionInput::Interrupted));
        self
    }

    /// The process dies: effects in flight are lost, the journal survives.
    pub(crate) fn die(&mut self) -> &mut Self {
        self.engine = Engine::replay(self.journal.iter().map(|entry| &entry.event));
        self.owed.clear();
        self.held.clear();
        self.told.push("(died)".into());
        self
    }

    pub(crate) fn resume(&mut self) -> &mut Self {
        self.owed.clear();
        self.input(Input::Session(SessionInput::Resumed {
            settings: Box::new(self.settings.clone()),
        }));
        self.run()
    }

    pub(crate) fn meter(&mut self, n: u64, attempt: u32, dollars: f64) -> &mut Self {
        self.input(Input::Attempt(AttemptInput::Metered {
            issue: number(n),
            attempt,
            spent: usd(dollars),
        }));
        self
    }

    pub(crate) fn say(&mut self, text: &str) -> &mut Self {
        self.told.push(format!("({text})"));
        self
    }

    /// Adds a line with the reason why an issue is waiting.
    pub(crate) fn why(&mut self, n: u64) -> &mut Self {
        let text = match self.engine.blocked(number(n), self.now) {
            Some(why) => format!("(#{n} {why})"),
            None => format!("(#{n} is not waiting)"),
        };
        self.told.push(text);
        self
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.now = self.now + 1;
        let step = self.engine.step(self.now, input);
        self.told
            .extend(step.events.iter().filter(|event| is_told(event)).map(line));
        self.journal
            .extend(step.events.into_iter().map(|event| Entry {
                at: self.now,
                event,
            }));
        for effect in step.effects {
            self.asked.push(effect.clone());
            match effect {
                Effect::Attempt(AttemptEffect::Stop { .. })
                | Effect::Plan(PlanEffect::Stop { .. })
                | Effect::Attempt(AttemptEffect::ReleaseWorktree { .. }) => {}
                effect => self.owed.push_back(effect),
            }
        }
    }

    /// A plugin does not decide; if the built-in decides instead, its answer follows.
    fn plugin_failure(
        &mut self,
        issue: IssueNumber,
        strategy: &str,
        reply: Option<&Reply>,
    ) -> Input {
        let Some(&Reply::PluginFailed(action)) = reply else {
            panic!("a strategy either answers or fails")
        };
        let (plugin, message) = ("billing 0.1.0".to_owned(), "it trapped".to_owned());
        let input = Input::Task(TaskInput::PluginFailed(PluginFailure {
            issue,
            strategy: strategy.to_owned(),
            plugin,
            message,
            action,
        }));
        if action != PluginFailureAction::Fallback {
            return input;
        }
        self.input(input);
        match strategy {
            "classifier" => Input::Task(TaskInput::Classified {
                issue,
                classification: self.classes[&issue.0].clone(),
            }),
            _ => Input::Task(TaskInput::ModelSelected {
                issue,
                model: Some("sonnet".into()),
                effort: None,
                reason: String::new(),
            }),
        }
    }

    fn answer(&mut self, effect: &Effect) {
        let (n, _) = key(effect);
        let reply = self
            .replies
            .get_mut(&key(effect))
            .and_then(VecDeque::pop_front);
        let input = match effect {
            Effect::Plan(PlanEffect::Read { .. }) => match reply {
                Some(Reply::Fails(failure)) => Input::Plan(PlanInput::Failed { failure }),
                _ => Input::Plan(PlanInput::Read {
                    plan: self.plan.clone(),
                }),
            },
            Effect::Plan(PlanEffect::Decompose(order)) => self.planner_answer(order.attempt, reply),
            Effect::Plan(PlanEffect::Recover { attempt }) => match reply {
                Some(reply) => self.planner_answer(*attempt, Some(reply)),
                None => {
                    let ended = Ended::Failed {
                        failure: Failure::Interrupted,
                    };
                    Input::Plan(PlanInput::Decomposed {
                        attempt: *attempt,
                        report: Box::new(report(ended, Spent::Unknown)),
                        answer: None,
                    })
                }
            },
            Effect::Plan(PlanEffect::CreateIssue(order)) => match reply {
                Some(Reply::Fails(failure)) => Input::Plan(PlanInput::Failed { failure }),
                reply => Input::Plan(PlanInput::IssueCreated {
                    position: order.position,
                    number: number(order.position.into()),
                    existed: matches!(reply, Some(Reply::Nothing)),
                    n_api_calls: 2,
                }),
            },
            Effect::Plan(PlanEffect::LinkIssue { position, .. }) => match reply {
                Some(Reply::Fails(failure)) => Input::Plan(PlanInput::Failed { failure }),
                _ => Input::Plan(PlanInput::IssueLinked {
                    position: *position,
                    n_api_calls: 1,
                }),
            },
            Effect::Intake(IntakeEffect::FetchBacklog { .. }) => match reply {
                Some(Reply::Fails(failure)) => {
                    Input::Intake(IntakeInput::BacklogFailed { failure })
                }
                _ => Input::Intake(IntakeInput::BacklogFetched {
                    issues: self.issues.clone(),
                    warnings: vec![],
                    n_api_calls: 0,
                }),
            },
            Effect::Task(TaskEffect::Classify { issue }) if reply.is_some() => {
                self.plugin_failure(issue.number, "classifier", reply.as_ref())
            }
            Effect::Task(TaskEffect::SelectModel { issue, .. }) if reply.is_some() => {
                self.plugin_failure(issue.number, "model-selector", reply.as_ref())
            }
            Effect::Task(TaskEffect::Classify { issue }) => Input::Task(TaskInput::Classified {
                issue: issue.number,
                classification: self.classes[&n].clone(),
            }),
            Effect::Task(TaskEffect::SelectModel {
                issue, n_substance, ..
            }) => {
                let usual = if *n_substance == 0 { "sonnet" } else { "opus" };
                let model = self.models.get(&n).copied().unwrap_or(usual);
                Input::Task(TaskInput::ModelSelected {
                    issue: issue.number,
                    model: Some(model.into()),
                    effort: (model == "opus").then_some(Effort::High),
                    reason: String::new(),
                })
            }
            Effect::Intake(IntakeEffect::CheckBase) => Input::Intake(IntakeInput::BaseChecked {
                results: checks(reply.as_ref()),
            }),
            Effect::Attempt(AttemptEffect::LeaseWorktree { issue, attempt, .. }) => match reply {
                Some(Reply::Fails(failure)) => Input::Attempt(AttemptInput::Failed {
                    issue: *issue,
                    attempt: *attempt,
                    failure,
                }),
                Some(Reply::Withdrawn(found)) => Input::Attempt(AttemptInput::Withdrawn {
                    issue: *issue,
                    attempt: *attempt,
                    found,
                }),
                _ => Input::Attempt(AttemptInput::WorktreeLeased {
                    issue: *issue,
                    attempt: *attempt,
                    base: "b".into(),
                }),
            },
            Effect::Attempt(AttemptEffect::RunAgent(order)) => {
                agent_answer(order.issue.number, order.attempt, reply)
            }
            Effect::Attempt(AttemptEffect::CollectWork { issue, attempt, .. }) => {
                let (issue, attempt) = (issue.number, *attempt);
                match reply {
                    Some(Reply::Fails(failure)) => Input::Attempt(AttemptInput::Failed {
                        issue,
                        attempt,
                        failure,
                    }),
                    Some(Reply::Nothing) => Input::Attempt(AttemptInput::WorkCollected {
                        issue,
                        attempt,
                        work: None,
                        notes: Vec::new(),
                    }),
                    Some(Reply::Unmerged(path)) => Input::Attempt(AttemptInput::WorkCollected {
                        issue,
                        attempt,
                        work: Some(Work {
                            conflicts: vec![path.to_owned()],
                            ..Work::default()
                        }),
                        notes: Vec::new(),
                    }),
                    _ => Input::Attempt(AttemptInput::WorkCollected {
                        issue,
                        attempt,
                        work: Some(Work::default()),
                        notes: Vec::new(),
                    }),
                }
            }
            Effect::Attempt(AttemptEffect::RunChecks { issue, attempt, .. }) => match reply {
                Some(Reply::Fails(failure)) => Input::Attempt(AttemptInput::Failed {
                    issue: *issue,
                    attempt: *attempt,
                    failure,
                }),
                reply => Input::Attempt(AttemptInput::ChecksFinished {
                    issue: *issue,
                    attempt: *attempt,
                    results: checks(reply.as_ref()),
                }),
            },
            Effect::Attempt(AttemptEffect::Publish(order)) => match reply {
                Some(Reply::Fails(failure)) => Input::Attempt(AttemptInput::Failed {
                    issue: order.issue.number,
                    attempt: order.attempt,
                    failure,
                }),
                _ => Input::Attempt(AttemptInput::Published {
                    issue: order.issue.number,
                    attempt: order.attempt,
                    publication: publication(order.issue.number.0),
                }),
            },
            Effect::Attempt(AttemptEffect::Stop { .. })
            | Effect::Plan(PlanEffect::Stop { .. })
            | Effect::Attempt(AttemptEffect::ReleaseWorktree { .. }) => {
                unreachable!("these effects have no answer")
            }
        };
        self.input(input);
    }

    fn planner_answer(&self, attempt: u32, reply: Option<Reply>) -> Input {
        let plan = || Some(Answer::Plan(self.plan.clone()));
        let (ended, spent, answer) = match reply {
            Some(Reply::NoPlan(dollars, message)) => {
                let rejection = Rejection {
                    message: message.into(),
                    file: "answer.txt".into(),
                };
                (
                    Ended::Done,
                    Spent::Known(usd(dollars)),
                    Some(Answer::Rejected(rejection)),
                )
            }
            Some(Reply::Exits(ended, spent)) if ended == Ended::Done => (ended, spent, plan()),
            Some(Reply::Exits(ended, spent)) => (ended, spent, None),
            Some(Reply::Nothing) => (Ended::Done, Spent::Known(usd(0.5)), None),
            _ => (Ended::Done, Spent::Known(usd(0.5)), plan()),
        };
        Input::Plan(PlanInput::Decomposed {
            attempt,
            report: Box::new(report(ended, spent)),
            answer,
        })
    }
}

/// The stage of an effect, and its issue; 0 for effects of the session.
fn key(effect: &Effect) -> (u64, &'static str) {
    match effect {
        Effect::Plan(PlanEffect::Read { .. }) => (0, "read"),
        Effect::Plan(PlanEffect::Decompose(_)) => (0, "planner"),
        Effect::Plan(PlanEffect::Recover { .. }) => (0, "recover"),
        Effect::Plan(PlanEffect::Stop { .. }) => (0, "stop"),
        Effect::Plan(PlanEffect::CreateIssue(order)) => (order.position.into(), "create"),
        Effect::Plan(PlanEffect::LinkIssue { position, .. }) => ((*position).into(), "link"),
        Effect::Intake(IntakeEffect::FetchBacklog { .. }) => (0, "fetch"),
        Effect::Intake(IntakeEffect::CheckBase) => (0, "base"),
        Effect::Task(TaskEffect::Classify { issue }) => (issue.number.0, "classify"),
        Effect::Task(TaskEffect::SelectModel { issue, .. }) => (issue.number.0, "model"),
        Effect::Attempt(AttemptEffect::LeaseWorktree { issue, .. }) => (issue.0, "lease"),
        Effect::Attempt(AttemptEffect::RunAgent(order)) => (order.issue.number.0, "agent"),
        Effect::Attempt(AttemptEffect::CollectWork { issue, .. }) => (issue.number.0, "collect"),
        Effect::Attempt(AttemptEffect::RunChecks { issue, .. }) => (issue.0, "checks"),
        Effect::Attempt(AttemptEffect::Publish(order)) => (order.issue.number.0, "publish"),
        Effect::Attempt(AttemptEffect::Stop { issue, .. }) => (issue.0, "stop"),
        Effect::Attempt(AttemptEffect::ReleaseWorktree { issue, .. }) => (issue.0, "release"),
    }
}

/// Stories begin with the first attempt; earlier steps show in their consequences.
fn is_told(event: &Event) -> bool {
    !matches!(
        event,
        Event::Session(SessionEvent::Started { .. })
            | Event::Plan(PlanEvent::Confirmed)
            | Event::Intake(IntakeEvent::BacklogRead { .. } | IntakeEvent::BacklogAdmitted { .. })
            | Event::Task(
                TaskEvent::Accepted { .. }
                    | TaskEvent::Classified { .. }
                    | TaskEvent::ModelSelected { .. }
            )
            | Event::Attempt(
                AttemptEvent::WorktreeLeased { .. }
                    | AttemptEvent::WorkCollected { .. }
                    | AttemptEvent::PublishStarted { .. }
                    | AttemptEvent::Published { .. }
            )
    )
}

fn checks(reply: Option<&Reply>) -> Vec<CheckResult> {
    let (failed, fails_on_base) = match reply {
        Some(Reply::Red(name)) => (Some(*name), false),
        Some(Reply::RedBase(name)) => (Some(*name), true),
        _ => (None, false),
    };
    let more = failed.filter(|name| !["lint", "test"].contains(name));
    ["lint", "test"]
        .into_iter()
        .chain(more)
        .map(|name| CheckResult {
            name: name.into(),
            passed: failed != Some(name),
            ended: if failed == Some(name) {
                "exit code 1".into()
            } else {
                "exit code 0".into()
            },
            fails_on_base: failed == Some(name) && fails_on_base,
            ..CheckResult::default()
        })
        .collect()
}

pub(crate) fn report(ended: Ended, spent: Spent) -> AgentReport {
    AgentReport {
        ended,
        spent,
        session: Some("s".into()),
        summary: None,
        denied: vec![],
        n_turns: None,
        model: None,
        notes: Vec::new(),
        has_lost_session: false,
        tokens: 0,
        duration_ms: 0,
    }
}

fn agent_answer(issue: IssueNumber, attempt: u32, reply: Option<Reply>) -> Input {
    match reply {
        Some(Reply::Fails(failure)) => Input::Attempt(AttemptInput::Failed {
            issue,
            attempt,
            failure,
        }),
        Some(Reply::Exits(ended, spent)) => Input::Attempt(AttemptInput::AgentExited {
            issue,
            attempt,
            report: report(ended, spent),
        }),
        Some(Reply::Gone(dollars)) => {
            let failure = Failure::Task {
                message: "the session is gone".into(),
            };
            let gone = AgentReport {
                has_lost_session: true,
                ..report(Ended::Failed { failure }, Spent::Known(usd(dollars)))
            };
            Input::Attempt(AttemptInput::AgentExited {
                issue,
                attempt,
                report: gone,
            })
        }
        _ => Input::Attempt(AttemptInput::AgentExited {
            issue,
            attempt,
            report: report(Ended::Done, Spent::Known(usd(1.0))),
        }),
    }
}

pub(crate) fn publication(n: u64) -> Publication {
    Publication {
        branch: format!("autoissue/issue-{n}"),
        commit: format!("c{n}"),
        pull_request: Some(PullRequest {
            number: 100 + n,
            url: String::new(),
        }),
        ..Publication::default()
    }
}
