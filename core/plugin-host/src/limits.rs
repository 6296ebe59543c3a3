//! Limits on a plugin's use of the machine.

use std::time::Duration;

use wasmtime::{ResourceLimiter, Result};

/// Limits of a plugin. The defaults are many times what legitimate plugins were measured to need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time for a call, including creating its instance. A Rust plugin takes 50 µs, one in
    /// JavaScript 1.5 ms; a loaded machine may take a hundred times as long.
    pub call: Duration,
    /// Time for the first instance and its description: languages with a runtime initialise it
    /// first.
    pub load: Duration,
    /// Bytes of memory per instance.
    pub memory_bytes_max: usize,
    /// Elements per table.
    pub table_elements_max: usize,
    /// Bytes of the guest's stack.
    pub stack_bytes_max: usize,
    /// Bytes that one call may pass to the host, in results and in log lines.
    pub result_bytes_max: usize,
    /// The same for a backend's events about an agent's output: an event may contain a whole line,
    /// of at most one mebibyte.
    pub events_bytes_max: usize,
    /// Log lines per call.
    pub n_log_lines_max: u32,
    /// Bytes of a component's file. Those from JavaScript and Python are 2 to 18 MiB large.
    pub component_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(1),
            load: Duration::from_secs(10),
            memory_bytes_max: 64 << 20,
            table_elements_max: 100_000,
            stack_bytes_max: 512 << 10,
            result_bytes_max: 1 << 20,
            events_bytes_max: 4 << 20,
            n_log_lines_max: 20,
            component_bytes_max: 64 << 20,
        }
    }
}

/// Core instances, memories and tables per component: a language with a runtime has a dozen
/// modules.
const N_PARTS_MAX: usize = 100;

/// A limit that a plugin exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LimitReached {
    /// Memory.
    #[error("asked for more than {} of memory", mebibytes(*.0))]
    Memory(usize),
    /// Elements of a table.
    #[error("asked for a table of more than {0} elements")]
    Table(usize),
}

pub(crate) fn mebibytes(n_bytes: usize) -> String {
    format!("{} MiB", n_bytes >> 20)
}

/// Enforces the limits of one store. It raises an error instead of refusing: a refusal would appear
/// as some trap in the plugin's allocator.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    table_elements_max: usize,
    memory_bytes: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_bytes_max: limits.memory_bytes_max,
            table_elements_max: limits.table_elements_max,
            memory_bytes: 0,
        }
    }
}

impl ResourceLimiter for Limiter {
    /// All memories of an instance share one limit.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        let total = self
            .memory_bytes
            .saturating_sub(current)
            .saturating_add(desired);
        if self.memory_bytes_max < total {
            return Err(LimitReached::Memory(self.memory_bytes_max).into());
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool> {
        if self.table_elements_max < desired {
            return Err(LimitReached::Table(self.table_elements_max).into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        N_PARTS_MAX
    }

    fn tables(&self) -> usize {
        N_PARTS_MAX
    }

    fn memories(&self) -> usize {
        N_PARTS_MAX
    }
}
