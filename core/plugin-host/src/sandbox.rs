//! One instance of a component, within limits, and its imports.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};
use wasmtime_wasi::{WasiCtxView, WasiView};

use crate::fault::PluginFault;
use crate::host::{Meter, Shared, TICK};
use crate::limits::Limiter;
use crate::log::Log;
use crate::wasi::{self, Wasi};

/// The data of a store.
pub(crate) struct Guest {
    limiter: Limiter,
    log: Log,
    /// Made for the first call of WASI: most plugins import none.
    wasi: Option<Wasi>,
}

impl Guest {
    pub(crate) const fn words(&self) -> &Log {
        &self.log
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.get_or_insert_with(|| Wasi::new(&self.log)).view()
    }
}

/// A component with its imports, ready to be instantiated. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Prepared {
    /// Name for messages; `?` until the plugin has reported it.
    pub(crate) plugin: Arc<str>,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) imports_wasi: bool,
}

/// An instance and its store. It lives for one call, or for one attempt of an agent.
pub(crate) struct Sandbox {
    pub(crate) store: Store<Guest>,
    pub(crate) instance: Instance,
    n_log_lines_max: u32,
    imports_wasi: bool,
    meter: Option<Meter>,
}

/// Instructions that an instance of a measuring host may use: more than it can in its time.
const FUEL: u64 = u64::MAX;

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Logs a line that was begun.
        self.last_words();
        // Only a measuring host has fuel; reading it elsewhere creates an error, which is slow.
        if let Some(meter) = &self.meter
            && let Ok(left) = self.store.get_fuel()
        {
            meter.add(FUEL - left);
        }
    }
}

impl Sandbox {
    /// Creates an instance, which has `time` for itself and its first call.
    pub(crate) fn open(
        shared: &Shared,
        prepared: &Prepared,
        time: Duration,
        result_bytes_max: usize,
    ) -> Result<Self, PluginFault> {
        let n_log_lines_max = shared.limits.n_log_lines_max;
        let log = Log::new(&prepared.plugin, n_log_lines_max);
        let guest = Guest {
            limiter: Limiter::new(&shared.limits),
            log: log.clone(),
            wasi: None,
        };
        let mut store = Store::new(&shared.engine, guest);
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(result_bytes_max);
        // The deadline of a new store is zero, which would trap at once. The first tick may come at
        // once too, so one more is allowed.
        store.set_epoch_deadline(n_ticks(time));
        if shared.meter.is_some() {
            store
                .set_fuel(FUEL)
                .map_err(|error| PluginFault::of(&error, time, None))?;
        }
        let mut instantiate = || prepared.pre.instantiate(&mut store);
        let instance = if prepared.imports_wasi {
            wasi::may_block(instantiate)
        } else {
            instantiate()
        };
        let instance =
            instance.map_err(|error| PluginFault::of(&error, time, log.renew(n_log_lines_max)))?;
        Ok(Self {
            store,
            instance,
            n_log_lines_max,
            imports_wasi: prepared.imports_wasi,
            meter: shared.meter.clone(),
        })
    }

    /// Gives the next call of the same instance its own time and log lines.
    pub(crate) fn renew(&mut self, time: Duration) {
        self.store.set_epoch_deadline(n_ticks(time));
        self.last_words();
    }

    /// Calls a function, which has `time`. After an error, the sandbox must not be used.
    pub(crate) fn call<R>(
        &mut self,
        time: Duration,
        call: impl FnOnce(&mut Store<Guest>, &Instance) -> wasmtime::Result<R>,
    ) -> Result<R, PluginFault> {
        let (store, instance) = (&mut self.store, &self.instance);
        let answer = if self.imports_wasi {
            wasi::may_block(|| call(store, instance))
        } else {
            call(store, instance)
        };
        answer.map_err(|error| PluginFault::of(&error, time, self.last_words()))
    }

    fn last_words(&self) -> Option<String> {
        self.store.data().log.renew(self.n_log_lines_max)
    }
}

fn n_ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(TICK.as_millis()))
        .unwrap_or(u64::MAX >> 1)
        .saturating_add(1)
}
