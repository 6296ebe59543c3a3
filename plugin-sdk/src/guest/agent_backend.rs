//! Exports `agent-backend`. The reader of an attempt's output is a resource, which holds its state.

use std::cell::RefCell;

use super::bindings::agent_backend::exports::autoissue::plugin::agent_backend as wit;
use super::bindings::agent_backend::exports::autoissue::plugin::agent_backend::{
    Guest, GuestAgentRun,
};
use super::{NOTHING, WitError, error, issue, named, set_up};
use crate::supplies::Supplies;
use crate::{
    AgentBackend, AgentEvent, AgentRun, AgentTask, CommandInput, CommandSpec, Effort, Exit, Line,
    Metering, PluginError, ProgramInfo,
};
use crate::{Source, Usage};

/// Reader for one attempt.
pub struct Reader(RefCell<Box<dyn AgentRun>>);

impl<P: Supplies> Guest for P {
    type AgentRun = Reader;

    fn probe(strategy: String, settings: String) -> Result<wit::ProgramInfo, WitError> {
        set_up();
        let strategies = P::strategies().agent_backends;
        let backend = named(&strategies, AgentBackend::describe, &strategy);
        backend
            .and_then(|backend| backend.probe(&settings))
            .map(info)
            .map_err(error)
    }

    fn start(task: wit::AgentTask) -> Result<(wit::AgentRun, wit::CommandSpec), WitError> {
        set_up();
        let (run, command) = start::<P>(task).map_err(error)?;
        Ok((wit::AgentRun::new(Reader(RefCell::new(run))), spec(command)))
    }
}

impl GuestAgentRun for Reader {
    fn on_lines(&self, lines: Vec<wit::Line>) -> Vec<wit::AgentEvent> {
        let lines: Vec<Line> = lines.into_iter().map(line).collect();
        self.0
            .borrow_mut()
            .on_lines(&lines)
            .into_iter()
            .map(event)
            .collect()
    }

    fn on_exit(&self, exit: wit::Exit) -> Vec<wit::AgentEvent> {
        let exit = Exit {
            code: exit.code,
            signal: exit.signal,
        };
        self.0
            .borrow_mut()
            .on_exit(exit)
            .into_iter()
            .map(event)
            .collect()
    }
}

fn start<P: Supplies>(
    task: wit::AgentTask,
) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
    let strategies = P::strategies().agent_backends;
    let backend = named(&strategies, AgentBackend::describe, &task.strategy)?;
    backend.start(&crate::copied_agent_task!(task => AgentTask {
        issue: issue(task.issue),
        effort: task.effort.as_deref().and_then(Effort::named),
    }))
}

fn info(info: ProgramInfo) -> wit::ProgramInfo {
    let ProgramInfo {
        program,
        version_args,
        install_hint,
        metering,
        models,
        environment,
    } = info;
    let metering = match metering {
        Metering::Free => wit::Metering::Free,
        Metering::AsItGoes => wit::Metering::AsItGoes,
        Metering::AtTheEnd => wit::Metering::AtTheEnd,
    };
    wit::ProgramInfo {
        program,
        version_args,
        install_hint,
        metering,
        models,
        environment,
        extra: NOTHING,
    }
}

fn spec(command: CommandSpec) -> wit::CommandSpec {
    let CommandSpec {
        program,
        args,
        env,
        pass_env,
        input,
    } = command;
    let input = match input {
        CommandInput::None => wit::CommandInput::None,
        CommandInput::Stdin(text) => wit::CommandInput::Stdin(text),
        CommandInput::File(text) => wit::CommandInput::File(text),
    };
    wit::CommandSpec {
        program,
        args,
        env,
        pass_env,
        input,
        extra: NOTHING,
    }
}

fn line(line: wit::Line) -> Line {
    let source = match line.source {
        wit::Source::Stdout => Source::Stdout,
        wit::Source::Stderr => Source::Stderr,
    };
    Line {
        source,
        text: line.text,
        truncated: line.truncated,
    }
}

fn usage(usage: Usage) -> wit::Usage {
    let Usage {
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        usd,
    } = usage;
    wit::Usage {
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        usd,
    }
}

fn event(event: AgentEvent) -> wit::AgentEvent {
    match event {
        AgentEvent::Session(id) => wit::AgentEvent::Session(id),
        AgentEvent::Text(text) => wit::AgentEvent::Text(text),
        AgentEvent::Thinking(text) => wit::AgentEvent::Thinking(text),
        AgentEvent::ToolStart { id, name, input } => {
            wit::AgentEvent::ToolStart(wit::ToolStart { id, name, input })
        }
        AgentEvent::ToolEnd { id, ok, output } => {
            wit::AgentEvent::ToolEnd(wit::ToolEnd { id, ok, output })
        }
        AgentEvent::UsageDelta(used) => wit::AgentEvent::UsageDelta(usage(used)),
        AgentEvent::UsageTotal(used) => wit::AgentEvent::UsageTotal(usage(used)),
        AgentEvent::FinalCost(usd) => wit::AgentEvent::FinalCost(usd),
        AgentEvent::Denied(tool) => wit::AgentEvent::Denied(tool),
        AgentEvent::RateLimited(until) => wit::AgentEvent::RateLimited(until),
        AgentEvent::Overloaded(text) => wit::AgentEvent::Overloaded(text),
        AgentEvent::AuthFailed(text) => wit::AgentEvent::AuthFailed(text),
        AgentEvent::Unreachable(text) => wit::AgentEvent::Unreachable(text),
        AgentEvent::ContextFull => wit::AgentEvent::ContextFull,
        AgentEvent::BudgetReached => wit::AgentEvent::BudgetReached,
        AgentEvent::TurnsReached => wit::AgentEvent::TurnsReached,
        AgentEvent::Answer(text) => wit::AgentEvent::Answer(text),
        AgentEvent::Done(summary) => wit::AgentEvent::Done(summary),
        AgentEvent::Failed(text) => wit::AgentEvent::Failed(text),
        AgentEvent::Invalid(text) => wit::AgentEvent::Invalid(text),
        AgentEvent::Note(text) => wit::AgentEvent::Note(text),
    }
}
