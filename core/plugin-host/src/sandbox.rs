//! One instance of a component, within limits, and its only import.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::fault::{Fault, one_line};
use crate::host::{Meter, Shared, TICK};
use crate::limits::Limiter;

/// The data of a store.
pub(crate) struct Guest {
    limiter: Limiter,
    log: Log,
}

impl Guest {
    pub(crate) fn log(&mut self) -> &mut Log {
        &mut self.log
    }
}

/// The log lines of a plugin, up to its limit.
pub(crate) struct Log {
    plugin: Arc<str>,
    n_lines_left: u32,
    last_error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Log {
    /// Logs a line. Lines over the limit are dropped, but the text of a panic is always kept for
    /// the message.
    pub(crate) fn line(&mut self, level: Level, message: &str) {
        let line = one_line(message);
        let plugin = &*self.plugin;
        if 0 < self.n_lines_left {
            self.n_lines_left -= 1;
            match level {
                Level::Trace => tracing::trace!(plugin, "{line}"),
                Level::Debug => tracing::debug!(plugin, "{line}"),
                Level::Info => tracing::info!(plugin, "{line}"),
                Level::Warn => tracing::warn!(plugin, "{line}"),
                Level::Error => tracing::error!(plugin, "{line}"),
            }
        }
        if level == Level::Error {
            self.last_error = Some(line);
        }
    }
}

/// An instance and its store. It lives for one call, or for one attempt of an agent.
pub(crate) struct Sandbox {
    pub(crate) store: Store<Guest>,
    pub(crate) instance: Instance,
    n_log_lines_max: u32,
    meter: Option<Meter>,
}

/// Instructions that an instance of a measuring host may use: more than it can in its time.
const FUEL: u64 = u64::MAX;

impl Drop for Sandbox {
    fn drop(&mut self) {
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
        plugin: &Arc<str>,
        pre: &InstancePre<Guest>,
        time: Duration,
        result_bytes_max: usize,
    ) -> Result<Self, Fault> {
        let n_log_lines_max = shared.limits.n_log_lines_max;
        let log = Log {
            plugin: plugin.clone(),
            n_lines_left: n_log_lines_max,
            last_error: None,
        };
        let mut store = Store::new(
            &shared.engine,
            Guest {
                limiter: Limiter::new(&shared.limits),
                log,
            },
        );
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(result_bytes_max);
        // The deadline of a new store is zero, which would trap at once. The first tick may come at
        // once too, so one more is allowed.
        store.set_epoch_deadline(n_ticks(time));
        if shared.meter.is_some() {
            store
                .set_fuel(FUEL)
                .map_err(|error| Fault::of(&error, time, None))?;
        }
        match pre.instantiate(&mut store) {
            Ok(instance) => Ok(Self {
                store,
                instance,
                n_log_lines_max,
                meter: shared.meter.clone(),
            }),
            Err(error) => Err(Fault::of(
                &error,
                time,
                store.data_mut().log.last_error.take(),
            )),
        }
    }

    /// Gives the next call of the same instance its own time and log lines.
    pub(crate) fn renew(&mut self, time: Duration) {
        self.store.set_epoch_deadline(n_ticks(time));
        let log = &mut self.store.data_mut().log;
        log.n_lines_left = self.n_log_lines_max;
        log.last_error = None;
    }

    /// Converts an error of this instance. The store must not be used afterwards.
    pub(crate) fn fault(&mut self, error: &wasmtime::Error, time: Duration) -> Fault {
        Fault::of(error, time, self.store.data_mut().log.last_error.take())
    }
}

fn n_ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis().div_ceil(TICK.as_millis()))
        .unwrap_or(u64::MAX >> 1)
        .saturating_add(1)
}
