//! The interfaces of the packages `autoissue:…@0.1.z`: the only module that knows them. Another line of
//! versions gets a module next to this one, which converts its values as this one does; nothing
//! else changes.

mod agent_backend;
mod bindings;
mod convert;
mod strategies;

use std::sync::Arc;
use std::time::Duration;

use autoissue_plugin_sdk::{
    AgentBackend, Classifier, ModelSelector, PluginError, PrTemplate, ProgramInfo,
};
use semver::Version;
use wasmtime::Store;
use wasmtime::component::{Component, HasSelf, Instance, InstancePre, Linker};

use crate::check;
use crate::error::LoadError;
use crate::fault::PluginFault;
use crate::grants::Grants;
use crate::host::Shared;
use crate::info::{Kind, PluginInfo, StrategyInfo};
use crate::log::Level;
use crate::sandbox::{Guest, Prepared, Sandbox};
use crate::wasi;
use bindings::autoissue::plugin::host_log;
use bindings::exports::autoissue::agent_backend::agent_backend as wit_backend;
use bindings::exports::autoissue::classifier::classifier as wit_classifier;
use bindings::exports::autoissue::model_selector::model_selector as wit_selector;
use bindings::exports::autoissue::plugin::metadata as wit_metadata;
use bindings::exports::autoissue::pr_template::pr_template as wit_template;

/// The version line, as shown to people.
pub(crate) const TRACK: &str = "0.1";
/// Its versions, as shown to people.
pub(crate) const VERSIONS: &str = "0.1.z";

/// Returns whether an interface with this version belongs to this line. A pre-release version never
/// does.
pub(crate) fn speaks(version: &str) -> bool {
    Version::parse(version).is_ok_and(|it| it == Version::new(0, 1, it.patch))
}

/// A component of this line, ready to be instantiated. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Loaded {
    shared: Arc<Shared>,
    prepared: Prepared,
    /// Version for messages; `?` until the plugin has reported it.
    version: Arc<str>,
    exports: Arc<Exports>,
}

/// Indices of the exported functions.
struct Exports {
    metadata: wit_metadata::GuestIndices,
    classifier: Option<wit_classifier::GuestIndices>,
    model_selector: Option<wit_selector::GuestIndices>,
    agent_backend: Option<wit_backend::GuestIndices>,
    pr_template: Option<wit_template::GuestIndices>,
}

/// Why the `Option`s of [`Exports`] are not empty when they are used.
const EXPORTED: &str = "a strategy is only handed out if its interface is exported";

impl Exports {
    fn find(pre: &InstancePre<Guest>, kinds: &[Kind]) -> wasmtime::Result<Self> {
        let has = |kind| kinds.contains(&kind);
        Ok(Self {
            metadata: wit_metadata::GuestIndices::new(pre)?,
            classifier: has(Kind::Classifier)
                .then(|| wit_classifier::GuestIndices::new(pre))
                .transpose()?,
            model_selector: has(Kind::ModelSelector)
                .then(|| wit_selector::GuestIndices::new(pre))
                .transpose()?,
            agent_backend: has(Kind::AgentBackend)
                .then(|| wit_backend::GuestIndices::new(pre))
                .transpose()?,
            pr_template: has(Kind::PrTemplate)
                .then(|| wit_template::GuestIndices::new(pre))
                .transpose()?,
        })
    }

    /// Compares the type of every function with ours.
    fn check_types(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<()> {
        self.metadata.load(&mut *store, instance)?;
        self.classifier
            .as_ref()
            .map(|it| it.load(&mut *store, instance))
            .transpose()?;
        self.model_selector
            .as_ref()
            .map(|it| it.load(&mut *store, instance))
            .transpose()?;
        self.agent_backend
            .as_ref()
            .map(|it| it.load(&mut *store, instance))
            .transpose()?;
        self.pr_template
            .as_ref()
            .map(|it| it.load(&mut *store, instance))
            .transpose()?;
        Ok(())
    }
}

impl host_log::Host for Guest {
    fn log(&mut self, level: host_log::Level, message: String) {
        let level = match level {
            host_log::Level::Trace => Level::Trace,
            host_log::Level::Debug => Level::Debug,
            host_log::Level::Info => Level::Info,
            host_log::Level::Warn => Level::Warn,
            host_log::Level::Error => Level::Error,
        };
        self.words().line(level, &message);
    }
}

/// What a component imports beside the interfaces of this line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Imports {
    /// The empty WASI.
    pub(crate) wasi: bool,
    /// Our interfaces in another line, for exports that this host does not use.
    pub(crate) other_versions: bool,
}

/// Links what a component may import. Its import names were checked before, so it imports nothing
/// else.
fn linker(component: &Component, imports: Imports) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(component.engine());
    host_log::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    if imports.wasi {
        wasi::link(&mut linker)?;
    }
    if imports.other_versions {
        // Everything else is linked, so only these are unknown. Nothing calls what needs them.
        linker.define_unknown_imports_as_traps(component)?;
    }
    Ok(linker)
}

impl Loaded {
    /// Prepares a component and creates a trial instance of it: wrong types show up only there.
    pub(crate) fn open(
        shared: Arc<Shared>,
        component: &Component,
        kinds: &[Kind],
        imports: Imports,
    ) -> Result<Self, LoadError> {
        fn misfit(error: &wasmtime::Error) -> LoadError {
            LoadError::Misfit {
                message: format!("{error:#}"),
            }
        }

        let pre = linker(component, imports)
            .and_then(|linker| linker.instantiate_pre(component))
            .map_err(|error| misfit(&error))?;
        let exports = Exports::find(&pre, kinds).map_err(|error| misfit(&error))?;
        let loaded = Self {
            shared,
            prepared: Prepared {
                plugin: "?".into(),
                pre,
                imports_wasi: imports.wasi,
            },
            version: "?".into(),
            exports: Arc::new(exports),
        };
        let limits = &loaded.shared.limits;
        let opened = Sandbox::open(
            &loaded.shared,
            &loaded.prepared,
            limits.load,
            limits.result_bytes_max,
        );
        let mut sandbox = opened.map_err(|fault| {
            LoadError::Failed(fault.in_call(&loaded.prepared.plugin, "instantiation"))
        })?;
        loaded
            .exports
            .check_types(&mut sandbox.store, &sandbox.instance)
            .map_err(|error| misfit(&error))?;
        Ok(loaded)
    }

    /// Sets its name, for messages.
    pub(crate) fn named(mut self, info: &PluginInfo) -> Self {
        self.prepared.plugin = info.name.as_str().into();
        self.version = info.version.as_str().into();
        self
    }

    /// Returns the plugin's name, for messages.
    fn plugin(&self) -> &str {
        &self.prepared.plugin
    }

    /// Creates an instance and calls one function of it.
    fn call<R>(
        &self,
        function: &str,
        call: impl FnOnce(&mut Store<Guest>, &Instance) -> wasmtime::Result<R>,
    ) -> Result<R, PluginError> {
        self.call_for(self.shared.limits.call, function, call)
    }

    fn call_for<R>(
        &self,
        time: Duration,
        function: &str,
        call: impl FnOnce(&mut Store<Guest>, &Instance) -> wasmtime::Result<R>,
    ) -> Result<R, PluginError> {
        let result_bytes_max = self.shared.limits.result_bytes_max;
        let answer = Sandbox::open(&self.shared, &self.prepared, time, result_bytes_max)
            .and_then(|mut sandbox| sandbox.call(time, call));
        answer.map_err(|fault| fault.in_call(self.plugin(), function))
    }

    /// Validates the result of a call.
    fn checked<T>(
        &self,
        function: &str,
        value: T,
        check: impl FnOnce(&T) -> Result<(), PluginFault>,
    ) -> Result<T, PluginError> {
        check(&value).map_err(|fault| fault.in_call(self.plugin(), function))?;
        Ok(value)
    }

    /// Asks the plugin for its description.
    pub(crate) fn describe(&self) -> Result<PluginInfo, PluginError> {
        const FUNCTION: &str = "describe";
        let call = |store: &mut Store<Guest>, instance: &Instance| {
            self.exports
                .metadata
                .load(&mut *store, instance)?
                .call_describe(store)
        };
        let info = self.call_for(self.shared.limits.load, FUNCTION, call)?;
        self.checked(FUNCTION, convert::info(info), check_info)
    }

    /// Asks the plugin to validate settings.
    pub(crate) fn check_settings(
        &self,
        strategy: &StrategyInfo,
        settings: &str,
    ) -> Result<(), PluginError> {
        let answer = self.call("check-settings", |store, instance| {
            let metadata = self.exports.metadata.load(&mut *store, instance)?;
            metadata.call_check_settings(store, strategy.kind.name(), &strategy.name, settings)
        })?;
        answer.map_err(convert::error)
    }

    pub(crate) fn classifier(&self, strategy: &StrategyInfo) -> Box<dyn Classifier> {
        Box::new(strategies::Strategy::new(self, strategy))
    }

    pub(crate) fn model_selector(&self, strategy: &StrategyInfo) -> Box<dyn ModelSelector> {
        Box::new(strategies::Strategy::new(self, strategy))
    }

    /// Returns the requests of a backend, whether granted or not.
    pub(crate) fn asked_program(
        &self,
        strategy: &StrategyInfo,
        settings: &str,
    ) -> Result<ProgramInfo, PluginError> {
        agent_backend::probe(&strategies::Strategy::new(self, strategy), settings)
    }

    pub(crate) fn pr_template(&self, strategy: &StrategyInfo) -> Box<dyn PrTemplate> {
        Box::new(strategies::Strategy::new(self, strategy))
    }

    pub(crate) fn agent_backend(
        &self,
        strategy: &StrategyInfo,
        grants: Grants,
    ) -> Box<dyn AgentBackend> {
        Box::new(agent_backend::Backend::new(
            strategies::Strategy::new(self, strategy),
            grants,
        ))
    }
}

/// Validates a plugin's description of itself.
fn check_info(info: &PluginInfo) -> Result<(), PluginFault> {
    check::name("name", &info.name)?;
    check::version("version", &info.version)?;
    check::line("description", &info.description)?;
    info.homepage
        .as_ref()
        .map_or(Ok(()), |address| check::line("homepage", address))?;
    check::count("strategies", info.strategies.len())?;
    info.strategies
        .iter()
        .enumerate()
        .try_for_each(|(at, strategy)| {
            let field = |name: &str| format!("strategies[{at}].{name}");
            check::name(&field("name"), &strategy.name)?;
            check::line(&field("summary"), &strategy.summary)?;
            let earlier = &info.strategies[..at];
            if earlier
                .iter()
                .any(|other| (other.kind, &other.name) == (strategy.kind, &strategy.name))
            {
                let found = format!("`{}`, which is already in use", strategy.name);
                return Err(PluginFault::BadValue {
                    field: field("name"),
                    found,
                    allowed: "a unique name",
                });
            }
            Ok(())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_line_is_exactly_its_patch_versions() {
        for version in ["0.1.0", "0.1.1", "0.1.27"] {
            assert!(speaks(version), "{version}");
        }
        for version in [
            "",
            "0.1",
            "0.1.",
            "0.1.0-rc.1",
            "0.1.0+x",
            "0.2.0",
            "1.0.0",
            "0.10.0",
            "00.1.0",
            "0.1.x",
        ] {
            assert!(!speaks(version), "{version}");
        }
    }
}
