//! The effects that prepare a task: questions to the strategies.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use autoissue_engine::{Classification, Failure, Input, Issue, TaskEffect, TaskInput};

use super::Executor;
use crate::strategy::ChosenModel;

/// Fewest issues that one thread classifies: it takes about a millisecond.
const N_CLASSIFIED_TOGETHER: usize = 64;

impl Executor {
    pub(super) fn start_task(&self, effect: TaskEffect) {
        match effect {
            TaskEffect::Classify { issue } => self.classify(&[issue]),
            TaskEffect::SelectModel {
                issue,
                classification,
                attempt,
                n_substance,
                cap_left,
            } => {
                let services = self.services.clone();
                let number = issue.number;
                let failed = move |failure: Failure| {
                    Input::Task(TaskInput::ModelSelected {
                        issue: number,
                        model: None,
                        effort: None,
                        reason: format!("the agent's program chooses: {failure}"),
                    })
                };
                self.blocking(failed, move || {
                    let domain = &classification.domain;
                    let selected = services.strategies.select_model(
                        &issue,
                        domain,
                        attempt,
                        n_substance,
                        cap_left,
                    );
                    match selected {
                        Ok(ChosenModel {
                            model,
                            effort,
                            reason,
                        }) => Input::Task(TaskInput::ModelSelected {
                            issue: number,
                            model,
                            effort,
                            reason,
                        }),
                        Err(plugin_failure) => Input::Task(TaskInput::PluginFailed(plugin_failure)),
                    }
                });
            }
        }
    }

    /// Classifies issues on at most one thread per core, because starting a thread for each would
    /// cost more than the answers.
    pub(super) fn classify(&self, issues: &[Arc<Issue>]) {
        self.services.strategies.begin_intake();
        let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
        for share in issues.chunks(issues.len().div_ceil(n_threads).max(N_CLASSIFIED_TOGETHER)) {
            let (services, inputs, everything) = (
                self.services.clone(),
                self.inputs.clone(),
                self.everything.clone(),
            );
            let issues = share.to_vec();
            let classify = move || {
                for issue in issues
                    .into_iter()
                    .take_while(|_| !everything.is_cancelled())
                {
                    let answer =
                        catch_unwind(AssertUnwindSafe(|| services.strategies.classify(&issue)));
                    let answer = answer.unwrap_or_else(|_| {
                        tracing::error!(issue = issue.number.0, "a classifier panicked");
                        Ok(unclassified())
                    });
                    let input = match answer {
                        Ok(classification) => Input::Task(TaskInput::Classified {
                            issue: issue.number,
                            classification,
                        }),
                        Err(plugin_failure) => Input::Task(TaskInput::PluginFailed(plugin_failure)),
                    };
                    // The dispatcher is gone only when the session has ended.
                    let _ = inputs.send(input);
                }
            };
            self.tasks.spawn_blocking_on(classify, &self.runtime);
        }
    }
}

fn unclassified() -> Classification {
    Classification {
        domain: "unknown".to_owned(),
        by: "none".to_owned(),
        ..Classification::default()
    }
}
