//! The agent backend of a component, as the SDK's trait: one instance per attempt, because it
//! remembers the output it has read.

use std::time::Duration;

use autoissue_plugin_sdk::{
    AgentBackend, AgentEvent, AgentRun, AgentTask, CommandSpec, Description, Exit, Line,
    PluginError, ProgramInfo, Settings, StopReason,
};
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::strategies::Strategy;
use super::{EXPORTED, convert, wit_backend};
use crate::check;
use crate::fault::PluginFault;
use crate::grants::Grants;
use crate::sandbox::{Guest, Sandbox};

const PROBE: &str = "probe";

/// An agent backend.
pub(super) struct Backend {
    strategy: Strategy,
    grants: Grants,
}

impl Backend {
    pub(super) const fn new(strategy: Strategy, grants: Grants) -> Self {
        Self { strategy, grants }
    }

    /// Starts an attempt in its own instance. The outer error is the plugin's fault.
    fn start_in(&self, sandbox: &mut Sandbox, task: &AgentTask) -> Result<Started, PluginFault> {
        let time = self.strategy.loaded.shared.limits.call;
        let task = convert::task(&self.strategy.info.name, task);
        let started = sandbox.call(time, |store, instance| {
            let guest = exports(&self.strategy).load(&mut *store, instance)?;
            let answer = guest.call_start(store, &task)?;
            Ok(answer.map(|(run, command)| (guest, run, command)))
        })?;
        let (guest, run, command) = match started {
            Ok(started) => started,
            Err(error) => return Ok(Err(convert::error(error))),
        };
        Ok(Ok((guest, run, convert::command(command))))
    }
}

fn exports(strategy: &Strategy) -> &wit_backend::GuestIndices {
    strategy
        .loaded
        .exports
        .agent_backend
        .as_ref()
        .expect(EXPORTED)
}

/// Asks a backend for the program it needs.
pub(super) fn probe(strategy: &Strategy, settings: &str) -> Result<ProgramInfo, PluginError> {
    let Strategy { loaded, info } = strategy;
    let answer = loaded.call(PROBE, |store, instance| {
        exports(strategy)
            .load(&mut *store, instance)?
            .call_probe(store, &info.name, settings)
    })?;
    let answer = convert::program(answer.map_err(convert::error)?);
    loaded.checked(PROBE, answer, check::program)
}

type Started = Result<(wit_backend::Guest, ResourceAny, CommandSpec), PluginError>;

impl AgentBackend for Backend {
    fn describe(&self) -> Description {
        self.strategy.description()
    }

    fn settings(&self) -> Settings {
        self.strategy.stated_settings()
    }

    fn check_settings(&self, settings: &str) -> Result<(), PluginError> {
        self.strategy.check(settings)
    }

    fn probe(&self, settings: &str) -> Result<ProgramInfo, PluginError> {
        let answer = probe(&self.strategy, settings)?;
        self.strategy
            .loaded
            .checked(PROBE, answer, |answer| check::granted(answer, &self.grants))
    }

    fn start(&self, task: &AgentTask) -> Result<(Box<dyn AgentRun>, CommandSpec), PluginError> {
        const FUNCTION: &str = "start";
        let loaded = &self.strategy.loaded;
        let limits = &loaded.shared.limits;
        let in_call = |fault: PluginFault| fault.in_call(loaded.plugin(), FUNCTION);
        let opened = Sandbox::open(
            &loaded.shared,
            &loaded.prepared,
            limits.call,
            limits.events_bytes_max,
        );
        let mut sandbox = opened.map_err(in_call)?;
        let (guest, run, command) = self.start_in(&mut sandbox, task).map_err(in_call)??;
        let declared = probe(&self.strategy, &task.settings)?;
        check::command(&command, &declared, &self.grants).map_err(in_call)?;
        let run = Run {
            sandbox: Some(sandbox),
            guest,
            run,
            plugin: loaded.plugin().to_owned(),
            time: limits.call,
        };
        Ok((Box::new(run), command))
    }
}

/// The reader of one attempt's output.
struct Run {
    /// `None` once a call has failed: a store that trapped is never entered again.
    sandbox: Option<Sandbox>,
    guest: wit_backend::Guest,
    run: ResourceAny,
    plugin: String,
    time: Duration,
}

impl Run {
    /// Calls one function. If it fails, the attempt has failed, regardless of what its reader
    /// returned before.
    fn call(
        &mut self,
        function: &str,
        call: impl FnOnce(
            &wit_backend::Guest,
            &mut Store<Guest>,
            ResourceAny,
        ) -> wasmtime::Result<Vec<wit_backend::AgentEvent>>,
    ) -> Vec<AgentEvent> {
        self.try_call(call).unwrap_or_else(|fault| {
            let first = fault != PluginFault::Spent;
            first
                .then(|| AgentEvent::Failed(fault.in_call(&self.plugin, function).to_string()))
                .into_iter()
                .collect()
        })
    }

    fn try_call(
        &mut self,
        call: impl FnOnce(
            &wit_backend::Guest,
            &mut Store<Guest>,
            ResourceAny,
        ) -> wasmtime::Result<Vec<wit_backend::AgentEvent>>,
    ) -> Result<Vec<AgentEvent>, PluginFault> {
        let mut sandbox = self.sandbox.take().ok_or(PluginFault::Spent)?;
        sandbox.renew(self.time);
        let events = sandbox.call(self.time, |store, _| call(&self.guest, store, self.run))?;
        let events: Vec<AgentEvent> = events.into_iter().map(convert::event).collect();
        events.iter().try_for_each(check::event)?;
        self.sandbox = Some(sandbox);
        Ok(events)
    }
}

impl AgentRun for Run {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        let lines: Vec<wit_backend::Line> = lines.iter().map(convert::line).collect();
        self.call("on-lines", |guest, store, run| {
            guest.agent_run().call_on_lines(store, run, &lines)
        })
    }

    fn on_stop(&mut self, reason: StopReason) -> Vec<AgentEvent> {
        self.call("on-event", |guest, store, run| {
            guest
                .agent_run()
                .call_on_event(store, run, "stop", reason.name())
        })
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        let exit = convert::exit(exit);
        self.call("on-exit", |guest, store, run| {
            guest.agent_run().call_on_exit(store, run, &exit)
        })
    }
}
