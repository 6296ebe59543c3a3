//! Exports `pr-template`.

use super::bindings::pr_template::exports::autoissue::pr_template::pr_template::{
    Change, CheckReport, Commit, Context, Guest, PullRequestText,
};
use super::{WitError, error, issue, named, set_up};
use crate::supplies::Supplies;
use crate::{PluginError, PrContext, PrTemplate};

impl<P: Supplies> Guest for P {
    fn render(context: Context) -> Result<PullRequestText, WitError> {
        set_up();
        render::<P>(context).map(text).map_err(error)
    }
}

fn render<P: Supplies>(context: Context) -> Result<crate::PullRequestText, PluginError> {
    let strategies = P::strategies().pr_templates;
    let template = named(&strategies, PrTemplate::describe, &context.strategy)?;
    template.render(&PrContext {
        settings: context.settings,
        issue: issue(context.issue),
        branch: context.branch,
        base: context.base,
        base_commit: context.base_commit,
        commits: context
            .commits
            .into_iter()
            .map(|Commit { id, subject }| crate::Commit { id, subject })
            .collect(),
        changes: context.changes.into_iter().map(change).collect(),
        agent_summary: context.agent_summary,
        agent: context.agent,
        model: context.model,
        cost_usd: context.cost_usd,
        cost_is_estimated: context.cost_is_estimated,
        attempts: context.attempts,
        checks: context.checks.into_iter().map(check).collect(),
        denied: context.denied,
        removed_from_prompt: context.removed_from_prompt,
        merge_after: context.merge_after,
        extra: context.extra,
    })
}

fn change(change: Change) -> crate::Change {
    let Change {
        path,
        added,
        removed,
    } = change;
    crate::Change {
        path,
        added,
        removed,
    }
}

fn check(check: CheckReport) -> crate::CheckReport {
    let CheckReport {
        name,
        passed,
        fails_on_base,
        duration_ms,
    } = check;
    crate::CheckReport {
        name,
        passed,
        fails_on_base,
        duration_ms,
    }
}

fn text(text: crate::PullRequestText) -> PullRequestText {
    let crate::PullRequestText {
        title,
        body,
        labels,
        extra,
    } = text;
    PullRequestText {
        title,
        body,
        labels,
        extra,
    }
}
