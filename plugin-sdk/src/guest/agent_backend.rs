//! Exports `agent-backend`. The reader of an attempt's output is a resource, which holds its state.

use std::cell::RefCell;

use super::bindings::agent_backend::exports::autoissue::agent_backend::agent_backend as wit;
use super::bindings::agent_backend::exports::autoissue::agent_backend::agent_backend::{
    Guest, GuestAgentRun,
};
use super::{WitError, error, issue, model, named, set_up};
use crate::supplies::Supplies;
use crate::{
    AgentBackend, AgentEvent, AgentRun, AgentTask, CommandSpec, Effort, Endpoint, Exit, InputFile,
    LimitEnd, Line, Login, LoginFile, LoginVariable, PassedVariable, PluginError, ProgramInfo,
    ResumedSession, Source, StopReason, Usage,
};

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
        events(self.0.borrow_mut().on_lines(&lines))
    }

    fn on_event(&self, event: String, value: String) -> Vec<wit::AgentEvent> {
        match event.as_str() {
            "stop" => events(self.0.borrow_mut().on_stop(StopReason::named(&value))),
            _ => Vec::new(),
        }
    }

    fn on_exit(&self, exit: wit::Exit) -> Vec<wit::AgentEvent> {
        let exit = Exit {
            code: exit.code,
            signal: exit.signal,
            stopped: exit.stopped.as_deref().map(StopReason::named),
        };
        events(self.0.borrow_mut().on_exit(exit))
    }
}

fn events(events: Vec<AgentEvent>) -> Vec<wit::AgentEvent> {
    events.into_iter().map(event).collect()
}

fn start<P: Supplies>(
    task: wit::AgentTask,
) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
    let strategies = P::strategies().agent_backends;
    let backend = named(&strategies, AgentBackend::describe, &task.strategy)?;
    backend.start(&crate::copied_agent_task!(task => AgentTask {
        issue: issue(task.issue),
        effort: task.effort.as_deref().and_then(Effort::named),
        resume: task.resume.map(|it| ResumedSession::new(it.id, it.cost_usd)),
    }))
}

fn info(info: ProgramInfo) -> wit::ProgramInfo {
    let ProgramInfo {
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
    wit::ProgramInfo {
        program,
        version_args,
        versions,
        install_hint,
        metering: metering.name().into(),
        models: models.into_iter().map(model).collect(),
        environment,
        endpoints: endpoints.into_iter().map(endpoint).collect(),
        login: of_login.map(login),
        ignored_paths,
        repository_settings,
        noise,
        extra,
    }
}

fn endpoint(endpoint: Endpoint) -> wit::Endpoint {
    let Endpoint {
        protocol,
        variable,
        default_url,
        extra,
    } = endpoint;
    wit::Endpoint {
        protocol,
        variable,
        default_url,
        extra,
    }
}

fn login(login: Login) -> wit::Login {
    let Login {
        variables,
        files,
        status_args,
        advice,
        extra,
    } = login;
    let variable =
        |LoginVariable { name, provider }: LoginVariable| wit::LoginVariable { name, provider };
    let file = |file: LoginFile| {
        let LoginFile {
            directory_variable,
            directory,
            file,
        } = file;
        wit::LoginFile {
            directory_variable,
            directory,
            file,
        }
    };
    wit::Login {
        variables: variables.into_iter().map(variable).collect(),
        files: files.into_iter().map(file).collect(),
        status_args,
        advice,
        extra,
    }
}

fn spec(command: CommandSpec) -> wit::CommandSpec {
    let CommandSpec {
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
    let passed = |PassedVariable { name, program_name }: PassedVariable| wit::PassedVariable {
        name,
        program_name,
    };
    let file = |file: InputFile| {
        let InputFile {
            name,
            content,
            extra,
        } = file;
        wit::InputFile {
            name,
            content,
            extra,
        }
    };
    wit::CommandSpec {
        program,
        args,
        env,
        pass_env: pass_env.into_iter().map(passed).collect(),
        stdin,
        keep_stdin_open,
        files: files.into_iter().map(file).collect(),
        stop_signal: stop_signal.name().into(),
        extra,
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
        AgentEvent::Model(name) => wit::AgentEvent::Model(name),
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
        AgentEvent::Turns(n) => wit::AgentEvent::Turns(n),
        AgentEvent::Denied(tool) => wit::AgentEvent::Denied(tool),
        AgentEvent::RateLimited(end) => wit::AgentEvent::RateLimited(match end {
            LimitEnd::Unknown => wit::LimitEnd::Unknown,
            LimitEnd::AtMs(time) => wit::LimitEnd::AtMs(time),
            LimitEnd::InS(seconds) => wit::LimitEnd::InS(seconds),
        }),
        AgentEvent::Overloaded(text) => wit::AgentEvent::Overloaded(text),
        AgentEvent::AuthFailed(text) => wit::AgentEvent::AuthFailed(text),
        AgentEvent::Unreachable(text) => wit::AgentEvent::Unreachable(text),
        AgentEvent::ContextFull => wit::AgentEvent::ContextFull,
        AgentEvent::BudgetReached => wit::AgentEvent::BudgetReached,
        AgentEvent::TurnsReached => wit::AgentEvent::TurnsReached,
        AgentEvent::SessionGone => wit::AgentEvent::SessionGone,
        AgentEvent::Answer(text) => wit::AgentEvent::Answer(text),
        AgentEvent::Done(summary) => wit::AgentEvent::Done(summary),
        AgentEvent::Failed(text) => wit::AgentEvent::Failed(text),
        AgentEvent::Invalid(text) => wit::AgentEvent::Invalid(text),
        AgentEvent::Send(text) => wit::AgentEvent::Send(text),
        AgentEvent::CloseInput => wit::AgentEvent::CloseInput,
        AgentEvent::Stop => wit::AgentEvent::Stop,
        AgentEvent::Note(text) => wit::AgentEvent::Note(text),
        AgentEvent::OperatorNote(text) => wit::AgentEvent::OperatorNote(text),
    }
}
