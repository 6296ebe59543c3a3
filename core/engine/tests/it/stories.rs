//! Stories: short scripts of inputs, and the events that must follow.

use autoissue_engine::*;

fn issue(number: u64) -> Issue {
    Issue {
        number: IssueNumber(number),
        title: format!("issue {number}"),
        created_at: Time::from_ms(number),
        ..Issue::default()
    }
}

#[test]
fn a_single_issue_becomes_a_pull_request() {
    let mut engine = Engine::new();
    let mut journal = Vec::new();
    let settings = Settings { exclusive_domains: Default::default(), ..Settings::default() };
    let mut inputs =
        vec![Input::Started { settings: Box::new(settings), about: About::default(), history: History::default() }];
    let mut now = Time::from_ms(1);
    while let Some(input) = inputs.pop() {
        now = now + 1;
        let step = engine.step(now, input);
        journal.extend(step.events);
        for effect in step.effects {
            inputs.push(match effect {
                Effect::FetchBacklog => Input::BacklogFetched { issues: vec![issue(7)], warnings: vec![] },
                Effect::Classify { issue } => Input::Classified {
                    issue: issue.number,
                    classification: Classification { domain: "backend".into(), ..Default::default() },
                },
                Effect::LeaseWorktree { issue, attempt, .. } => {
                    Input::WorktreeLeased { issue, attempt, base: "b".into() }
                }
                Effect::RunAgent { issue, attempt, limit, .. } => {
                    assert_eq!(limit, Some(Usd::from_cents(450)));
                    Input::AgentExited {
                        issue: issue.number,
                        attempt,
                        report: AgentReport {
                            ended: Ended::Done,
                            spent: Spent::Known(Usd::from_cents(30)),
                            session: None,
                            summary: None,
                            denied: vec![],
                            tokens: 0,
                            duration_ms: 1,
                        },
                    }
                }
                Effect::CollectWork { issue, attempt, .. } => {
                    Input::WorkCollected { issue: issue.number, attempt, work: Some(Work::default()) }
                }
                Effect::Publish { issue, attempt } => Input::Published {
                    issue,
                    attempt,
                    publication: Publication {
                        pull_request: Some(PullRequest { number: 1, url: String::new() }),
                        ..Default::default()
                    },
                },
                _ => continue,
            });
        }
    }
    assert_eq!(engine.phase(), &Phase::Over(SessionStatus::Completed));
    assert_eq!(engine.ledger().spent, Usd::from_cents(30));
    assert_eq!(engine.ledger().reserved, Usd::ZERO);
    assert_eq!(Engine::replay(&journal), engine);
}
