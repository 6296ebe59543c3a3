//! Converts values of the WIT packages to the SDK's, and back.
//!
//! The SDK's types are non-exhaustive, so the compiler does not find a field that is not converted
//! here. The tests in `tests/tests/it/plugins/every_field.rs` do.

use autoissue_plugin_sdk as sdk;
use autoissue_plugin_sdk::Effort;

use super::bindings::autoissue::types::types::{Issue, ModelInfo, PluginError, Prices};
use super::{wit_backend, wit_classifier, wit_metadata, wit_selector, wit_template};
use crate::fault::one_line;
use crate::info::{Kind, PluginInfo, StrategyInfo};

/// Kinds that this host does not know are left out.
pub(super) fn info(info: wit_metadata::Info) -> PluginInfo {
    let wit_metadata::Info {
        name,
        version,
        description,
        homepage,
        strategies,
        extra,
    } = info;
    let strategies = strategies.into_iter().filter_map(|strategy| {
        Some(StrategyInfo {
            kind: Kind::named(&strategy.kind)?,
            name: strategy.name,
            summary: strategy.summary,
            settings_schema: strategy.settings_schema,
            example_settings: strategy.example_settings,
            extra: strategy.extra,
        })
    });
    PluginInfo {
        name,
        version,
        description,
        homepage,
        strategies: strategies.collect(),
        extra,
    }
}

/// A plugin's error text becomes part of our messages, so it is limited to one line and a maximum
/// length.
pub(super) fn error(error: PluginError) -> sdk::PluginError {
    match error {
        PluginError::InvalidSettings(text) => sdk::PluginError::InvalidSettings(one_line(&text)),
        PluginError::InvalidInput(text) => sdk::PluginError::InvalidInput(one_line(&text)),
        PluginError::Unavailable(text) => sdk::PluginError::Unavailable(one_line(&text)),
        PluginError::Internal(text) => sdk::PluginError::Internal(one_line(&text)),
    }
}

pub(super) fn issue(issue: &sdk::Issue) -> Issue {
    let issue = issue.clone();
    Issue {
        repo: issue.repo,
        number: issue.number,
        title: issue.title,
        body: issue.body,
        author: issue.author,
        labels: issue.labels,
        created_at_ms: issue.created_at_ms,
        url: issue.url,
        extra: issue.extra,
    }
}

pub(super) fn classifier_context(
    strategy: &str,
    context: &sdk::ClassifierContext,
) -> wit_classifier::Context {
    let context = context.clone();
    wit_classifier::Context {
        strategy: strategy.to_owned(),
        settings: context.settings,
        domains: context.domains,
        extra: context.extra,
    }
}

pub(super) fn classification(answer: wit_classifier::Classification) -> sdk::Classification {
    let score = |wit_classifier::Score { domain, confidence }| sdk::Score::new(domain, confidence);
    let wit_classifier::Classification {
        domain,
        confidence,
        reasons,
        alternatives,
        paths,
        extra,
    } = answer;
    sdk::Classification::new(domain, confidence)
        .reasons(reasons)
        .alternatives(alternatives.into_iter().map(score))
        .paths(paths)
        .extra(extra)
}

pub(super) fn selection_request(
    strategy: &str,
    request: &sdk::SelectionRequest,
) -> wit_selector::SelectionRequest {
    let request = request.clone();
    wit_selector::SelectionRequest {
        strategy: strategy.to_owned(),
        settings: request.settings,
        issue: issue(&request.issue),
        domain: request.domain,
        attempt: request.attempt,
        failures_of_substance: request.failures_of_substance,
        budget_left_usd: request.budget_left_usd,
        available: request.available.into_iter().map(model_info).collect(),
        history: request.history.into_iter().map(model_history).collect(),
        extra: request.extra,
    }
}

fn model_info(model: sdk::ModelInfo) -> ModelInfo {
    let prices = model.prices.map(|prices| Prices {
        input: prices.input,
        output: prices.output,
        cache_read: prices.cache_read,
        cache_write: prices.cache_write,
        extra: prices.extra,
    });
    ModelInfo {
        id: model.id,
        prices,
        extra: model.extra,
    }
}

fn offered(model: ModelInfo) -> sdk::ModelInfo {
    let ModelInfo { id, prices, extra } = model;
    let mut offered = sdk::ModelInfo::new(id);
    offered.prices = prices.map(|prices| {
        let Prices {
            input,
            output,
            cache_read,
            cache_write,
            extra,
        } = prices;
        sdk::Prices::new(input, output)
            .cache_read(cache_read)
            .cache_write(cache_write)
            .extra(extra)
    });
    offered.extra = extra;
    offered
}

fn model_history(history: sdk::ModelHistory) -> wit_selector::ModelHistory {
    wit_selector::ModelHistory {
        model: history.model,
        n_runs: history.n_runs,
        n_successes: history.n_successes,
        median_cost_usd: history.median_cost_usd,
        extra: history.extra,
    }
}

pub(super) fn selection(selection: wit_selector::Selection) -> sdk::Selection {
    let wit_selector::Selection {
        model,
        effort: name,
        fallbacks,
        reason,
        extra,
    } = selection;
    sdk::Selection::new(model)
        .effort(name.as_deref().and_then(Effort::named))
        .fallbacks(fallbacks)
        .reason(reason)
        .extra(extra)
}

pub(super) fn pr_context(strategy: &str, context: &sdk::PrContext) -> wit_template::Context {
    let context = context.clone();
    let commit = |commit: sdk::Commit| wit_template::Commit {
        id: commit.id,
        subject: commit.subject,
    };
    wit_template::Context {
        strategy: strategy.to_owned(),
        settings: context.settings,
        issue: issue(&context.issue),
        branch: context.branch,
        base: context.base,
        base_commit: context.base_commit,
        commits: context.commits.into_iter().map(commit).collect(),
        changes: context.changes.into_iter().map(change).collect(),
        agent_summary: context.agent_summary,
        agent: context.agent,
        model: context.model,
        cost_usd: context.cost_usd,
        cost_is_estimated: context.cost_is_estimated,
        attempts: context.attempts,
        checks: context.checks.into_iter().map(check_report).collect(),
        denied: context.denied,
        removed_from_prompt: context.removed_from_prompt,
        merge_after: context.merge_after,
        extra: context.extra,
    }
}

fn change(change: sdk::Change) -> wit_template::Change {
    wit_template::Change {
        path: change.path,
        added: change.added,
        removed: change.removed,
    }
}

fn check_report(check: sdk::CheckReport) -> wit_template::CheckReport {
    wit_template::CheckReport {
        name: check.name,
        passed: check.passed,
        fails_on_base: check.fails_on_base,
        duration_ms: check.duration_ms,
    }
}

pub(super) fn pull_request(text: wit_template::PullRequestText) -> sdk::PullRequestText {
    let wit_template::PullRequestText {
        title,
        body,
        labels,
        extra,
    } = text;
    sdk::PullRequestText::new(title, body)
        .labels(labels)
        .extra(extra)
}

pub(super) fn program(info: wit_backend::ProgramInfo) -> sdk::ProgramInfo {
    let wit_backend::ProgramInfo {
        program,
        version_args,
        versions,
        install_hint,
        metering,
        models,
        environment,
        endpoints,
        login: of_login,
        ignored_paths,
        repository_settings,
        noise,
        extra,
    } = info;
    let endpoint = |endpoint: wit_backend::Endpoint| {
        sdk::Endpoint::new(endpoint.protocol, endpoint.variable, endpoint.default_url)
            .extra(endpoint.extra)
    };
    let mut info = sdk::ProgramInfo::new(program)
        .version_args(version_args)
        .install_hint(install_hint)
        .metering(sdk::Metering::named(&metering))
        .models(models.into_iter().map(offered))
        .environment(environment)
        .endpoints(endpoints.into_iter().map(endpoint))
        .ignored_paths(ignored_paths)
        .repository_settings(repository_settings)
        .noise(noise);
    info.versions = versions;
    info.login = of_login.map(login);
    info.extra = extra;
    info
}

fn login(login: wit_backend::Login) -> sdk::Login {
    let wit_backend::Login {
        variables,
        files,
        status_args,
        advice,
        extra,
    } = login;
    let login = sdk::Login::new(advice)
        .status_args(status_args)
        .extra(extra);
    let login = variables
        .into_iter()
        .fold(login, |login, it| match it.provider {
            Some(provider) => login.provider(it.name, provider),
            None => login.key(it.name),
        });
    files.into_iter().fold(login, |login, it| {
        let mut file = sdk::LoginFile::new(it.directory, it.file);
        file.directory_variable = it.directory_variable;
        login.file(file)
    })
}

pub(super) fn task(strategy: &str, task: &sdk::AgentTask) -> wit_backend::AgentTask {
    let task = task.clone();
    sdk::copied_agent_task!(task => wit_backend::AgentTask {
        strategy: strategy.to_owned(),
        issue: issue(&task.issue),
        effort: task.effort.map(|effort| effort.name().to_owned()),
        resume: task.resume.map(|session| wit_backend::ResumedSession {
            id: session.id,
            cost_usd: session.cost_usd,
        }),
    })
}

pub(super) fn command(command: wit_backend::CommandSpec) -> sdk::CommandSpec {
    let wit_backend::CommandSpec {
        program,
        args,
        env,
        pass_env,
        stdin,
        keep_stdin_open,
        files,
        stop_signal,
        extra,
    } = command;
    let passed = |variable: wit_backend::PassedVariable| {
        let mut passed = sdk::PassedVariable::new(variable.name);
        passed.program_name = variable.program_name;
        passed
    };
    let mut command = sdk::CommandSpec::new(program)
        .args(args)
        .pass_env(pass_env.into_iter().map(passed))
        .stdin(stdin)
        .keep_stdin_open(keep_stdin_open)
        .stop_signal(sdk::StopSignal::named(&stop_signal));
    command.env = env;
    command.extra = extra;
    let file =
        |it: wit_backend::InputFile| sdk::InputFile::new(it.name, it.content).extra(it.extra);
    command.files(files.into_iter().map(file))
}

pub(super) fn exit(exit: sdk::Exit) -> wit_backend::Exit {
    wit_backend::Exit {
        code: exit.code,
        signal: exit.signal,
        stopped: exit.stopped.map(|reason| reason.name().to_owned()),
    }
}

pub(super) fn line(line: &sdk::Line) -> wit_backend::Line {
    let source = match line.source {
        sdk::Source::Stdout => wit_backend::Source::Stdout,
        _ => wit_backend::Source::Stderr,
    };
    wit_backend::Line {
        source,
        text: line.text.clone(),
        truncated: line.truncated,
    }
}

fn usage(usage: wit_backend::Usage) -> sdk::Usage {
    let wit_backend::Usage {
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        usd,
    } = usage;
    let mut used = sdk::Usage::default()
        .input_tokens(input_tokens)
        .output_tokens(output_tokens)
        .cache_read_tokens(cache_read_tokens)
        .cache_write_tokens(cache_write_tokens);
    used.usd = usd;
    used
}

/// An event that a later version added is kept as a note.
pub(super) fn event(event: wit_backend::AgentEvent) -> sdk::AgentEvent {
    use wit_backend::AgentEvent as Event;
    match event {
        Event::Session(id) => sdk::AgentEvent::Session(id),
        Event::Model(name) => sdk::AgentEvent::Model(one_line(&name)),
        Event::Text(text) => sdk::AgentEvent::Text(text),
        Event::Thinking(text) => sdk::AgentEvent::Thinking(text),
        Event::ToolStart(wit_backend::ToolStart { id, name, input }) => {
            sdk::AgentEvent::ToolStart { id, name, input }
        }
        Event::ToolEnd(wit_backend::ToolEnd { id, ok, output }) => {
            sdk::AgentEvent::ToolEnd { id, ok, output }
        }
        Event::UsageDelta(used) => sdk::AgentEvent::UsageDelta(usage(used)),
        Event::UsageTotal(used) => sdk::AgentEvent::UsageTotal(usage(used)),
        Event::FinalCost(usd) => sdk::AgentEvent::FinalCost(usd),
        Event::Turns(n) => sdk::AgentEvent::Turns(n),
        Event::Denied(tool) => sdk::AgentEvent::Denied(one_line(&tool)),
        Event::RateLimited(end) => sdk::AgentEvent::RateLimited(match end {
            wit_backend::LimitEnd::Unknown => sdk::LimitEnd::Unknown,
            wit_backend::LimitEnd::AtMs(time) => sdk::LimitEnd::AtMs(time),
            wit_backend::LimitEnd::InS(seconds) => sdk::LimitEnd::InS(seconds),
        }),
        Event::Overloaded(text) => sdk::AgentEvent::Overloaded(text),
        Event::AuthFailed(text) => sdk::AgentEvent::AuthFailed(text),
        Event::Unreachable(text) => sdk::AgentEvent::Unreachable(text),
        Event::ContextFull => sdk::AgentEvent::ContextFull,
        Event::BudgetReached => sdk::AgentEvent::BudgetReached,
        Event::TurnsReached => sdk::AgentEvent::TurnsReached,
        Event::SessionGone => sdk::AgentEvent::SessionGone,
        Event::Answer(text) => sdk::AgentEvent::Answer(text),
        Event::Done(summary) => sdk::AgentEvent::Done(summary),
        Event::Failed(text) => sdk::AgentEvent::Failed(text),
        Event::Invalid(text) => sdk::AgentEvent::Invalid(text),
        Event::Send(text) => sdk::AgentEvent::Send(text),
        Event::CloseInput => sdk::AgentEvent::CloseInput,
        Event::Stop => sdk::AgentEvent::Stop,
        Event::Note(text) => sdk::AgentEvent::Note(text),
        Event::OperatorNote(text) => sdk::AgentEvent::OperatorNote(one_line(&text)),
        Event::Other((name, json)) => sdk::AgentEvent::Note(format!("{name}: {json}")),
    }
}
