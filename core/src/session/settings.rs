//! What the engine is told at the beginning.

use std::collections::BTreeMap;

use autoissue_engine::{
    About, History, Input, Metering, ModelChoice, RedBase, Settings, Time, Usd,
};
use autoissue_plugin_sdk as sdk;

use super::SessionError;
use super::begun::Begun;
use super::ground::Ground;
use crate::config::{self, Config};
use crate::journal::Journal;
use crate::strategy::Strategies;

/// Costs of earlier tasks that an estimate looks at: the newest say most.
const N_COSTS_MAX: usize = 200;

pub(super) fn started(
    ground: &Ground,
    settings: Settings,
    begun: &Begun,
    history: History,
) -> Input {
    let about = About {
        label: begun.label().to_owned(),
        directive: begun.plan().map(|plan| plan.directive.clone()),
        repository: ground.repository.clone(),
        base_branch: ground.base_branch.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Input::Started {
        settings: Box::new(settings),
        about,
        history,
    }
}

pub(super) fn settings(
    config: &Config,
    strategies: &Strategies,
    begun: &Begun,
    started_at_ms: u64,
) -> Settings {
    let metering = strategies
        .probe_backend()
        .map(|info| (info.metering, info.models));
    let (metering, models) = metering.unwrap_or((sdk::Metering::AtTheEnd, Vec::new()));
    let model = match config.agent.model.as_str() {
        _ if models.is_empty() => ModelChoice::Fixed { model: None },
        "auto" => ModelChoice::Auto,
        model => ModelChoice::Fixed {
            model: Some(model.to_owned()),
        },
    };
    Settings {
        budget: Usd::from_micros(config.max_total_budget_usd.micros()),
        task_cap: Usd::from_micros(config.agent.max_budget_usd.micros()),
        turn_margin: Usd::from_micros(config.agent.turn_margin_usd.micros()),
        metering: match metering {
            sdk::Metering::Free => Metering::Free,
            sdk::Metering::AsItGoes => Metering::AsItGoes,
            sdk::Metering::AtTheEnd => Metering::AtTheEnd,
        },
        n_slots: config.executor.max_parallel,
        max_retries: config.executor.max_retries,
        max_per_domain: config.scheduler.max_per_domain,
        exclusive_domains: config.scheduler.exclusive_domains.iter().cloned().collect(),
        breaker_threshold: config.breaker.threshold,
        breaker_cooldown_ms: 1_000 * u64::from(config.breaker.cooldown_seconds),
        allow_partial: begun.exec().is_some_and(|exec| exec.allow_partial),
        dry_run: begun.is_dry_run(),
        agent: strategies.backend().describe().name,
        model,
        has_checks: !config.executor.checks.is_empty(),
        red_base: match config.executor.red_base {
            config::RedBase::Fail => RedBase::Fail,
            config::RedBase::IgnoreKnown => RedBase::IgnoreKnown,
        },
        start_until: begun
            .exec()
            .and_then(|exec| exec.until_ms)
            .map(Time::from_ms),
        seed: started_at_ms,
        deciders: strategies.deciders(),
        plan: begun.rules(config, strategies),
        ignore_outside: begun.exec().is_some_and(|exec| exec.ignore_outside),
    }
}

/// Returns what earlier tasks cost with the models that this session may use.
pub(super) fn history(
    journal: &Journal,
    settings: &Settings,
    strategies: &Strategies,
) -> Result<History, SessionError> {
    let models = match &settings.model {
        ModelChoice::Fixed { model } => vec![model.clone().unwrap_or_default()],
        ModelChoice::Auto => strategies
            .probe_backend()
            .map(|info| info.models)
            .unwrap_or_default(),
    };
    let mut costs = BTreeMap::new();
    for model in models {
        let known = journal.cost_history(&settings.agent, &model, N_COSTS_MAX)?;
        costs.insert(model, known.into_iter().map(Usd::from_micros).collect());
    }
    Ok(History(costs))
}
