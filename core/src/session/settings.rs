//! The settings that the engine gets when it starts.

use std::collections::BTreeMap;
use std::path::Path;

use ::autoissue_plugin_sdk as sdk;
use autoissue_engine::{
    CostHistory, CostReporting, Input, IssueNumber, ModelChoice, RedBase, SessionInfo,
    SessionInput, Settings, UnfinishedWork, Usd,
};
use autoissue_journal::Journal;

use super::SessionError;
use super::request::StartRequest;
use crate::config::{self, Config};
use crate::preflight::Project;
use crate::recorded::Recorded;
use crate::strategy::Strategies;

/// How many earlier sessions are searched for work to continue: reading one takes milliseconds.
const N_SESSIONS_MAX: usize = 30;
/// How many costs of earlier tasks an estimate uses: the newest ones say the most.
const N_COSTS_MAX: usize = 200;

pub(super) fn started(
    project: &Project,
    settings: Settings,
    request: &StartRequest,
    history: CostHistory,
    unfinished: BTreeMap<IssueNumber, UnfinishedWork>,
) -> Input {
    let info = SessionInfo {
        label: request.label().to_owned(),
        only: request
            .exec()
            .map(|exec| exec.only.iter().copied().map(IssueNumber).collect())
            .unwrap_or_default(),
        directive: request.plan().map(|plan| plan.directive.clone()),
        repository: project.repository.clone(),
        base_branch: project.base_branch.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        unfinished,
    };
    Input::Session(SessionInput::Started {
        settings: Box::new(settings),
        info,
        history,
    })
}

pub(super) fn settings(
    config: &Config,
    strategies: &Strategies,
    request: &StartRequest,
    started_at_ms: u64,
) -> Settings {
    let metering = strategies
        .probe_backend()
        .map(|info| (info.metering, info.models));
    let (metering, models) = metering.unwrap_or((sdk::Metering::AtTheEnd, Vec::new()));
    let model = match config.agent.model.as_str() {
        "auto" if !models.is_empty() => ModelChoice::Auto,
        model => ModelChoice::Fixed {
            model: strategies.fixed_model(model),
        },
    };
    Settings {
        budget: Usd::from_micros(config.max_total_budget_usd.micros()),
        task_cap: Usd::from_micros(config.agent.max_budget_usd.micros()),
        turn_margin: Usd::from_micros(config.agent.turn_margin_usd.micros()),
        cost_reporting: match metering {
            sdk::Metering::Free => CostReporting::Free,
            sdk::Metering::AsItGoes => CostReporting::AsItGoes,
            _ => CostReporting::AtTheEnd,
        },
        n_slots: config.executor.max_parallel,
        max_retries: config.executor.max_retries,
        max_per_domain: config.scheduler.max_per_domain,
        exclusive_domains: config.scheduler.exclusive_domains.iter().cloned().collect(),
        breaker_threshold: config.breaker.threshold,
        breaker_cooldown_ms: 1_000 * u64::from(config.breaker.cooldown_seconds),
        allow_partial: request.exec().is_some_and(|exec| exec.allow_partial),
        dry_run: request.is_dry_run(),
        agent: strategies.backend().describe().name,
        model,
        has_checks: !config.executor.checks.is_empty(),
        red_base: match config.executor.red_base {
            config::RedBaseSetting::Fail => RedBase::Fail,
            config::RedBaseSetting::IgnoreKnown => RedBase::IgnoreKnown,
        },
        start_until: request.exec().and_then(|exec| exec.until),
        seed: started_at_ms,
        deciders: strategies.deciders(),
        plan: request.rules(config, strategies),
        ignore_outside: request.exec().is_some_and(|exec| exec.ignore_outside),
    }
}

/// Returns the work that earlier sessions of a project left unfinished: for each issue, as the
/// newest session that tried it left it.
pub(super) fn unfinished_work(
    journal: &Journal,
    project: &Path,
) -> Result<BTreeMap<IssueNumber, UnfinishedWork>, SessionError> {
    let sessions = journal.sessions(None, usize::MAX)?.into_iter();
    let ours = sessions
        .filter(|row| Path::new(&row.project_path) == project)
        .take(N_SESSIONS_MAX);
    let mut newest: BTreeMap<IssueNumber, Option<UnfinishedWork>> = BTreeMap::new();
    for row in ours {
        let id = row.id.clone();
        let engine = match Recorded::read(journal, row) {
            Ok(recorded) => recorded.chronicle.into_engine(),
            // A newer release wrote it; the work it left is not lost, but is not continued either.
            Err(error) => {
                tracing::warn!(session = %id, %error, "unfinished work of this session is not continued");
                continue;
            }
        };
        let tried = engine.tasks().values().filter(|task| 0 < task.n_attempts);
        for task in tried {
            newest
                .entry(task.issue.number)
                .or_insert_with(|| task.unfinished());
        }
    }
    let left = newest
        .into_iter()
        .filter_map(|(issue, unfinished)| Some((issue, unfinished?)));
    Ok(left.collect())
}

/// Returns the costs of earlier tasks with the models that this session may use.
pub(super) fn history(
    journal: &Journal,
    settings: &Settings,
    strategies: &Strategies,
) -> Result<CostHistory, SessionError> {
    let models = match &settings.model {
        ModelChoice::Fixed { model } => vec![model.clone().unwrap_or_default()],
        ModelChoice::Auto => strategies
            .probe_backend()
            .map(|info| info.models.into_iter().map(|model| model.id).collect())
            .unwrap_or_default(),
    };
    let mut costs = BTreeMap::new();
    for model in models {
        let known = journal.cost_history(&settings.agent, &model, N_COSTS_MAX)?;
        costs.insert(model, known.into_iter().map(Usd::from_micros).collect());
    }
    Ok(CostHistory(costs))
}
