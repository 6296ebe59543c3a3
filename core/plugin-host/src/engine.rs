//! wasmtime's engine, with the settings that all plugins share.

use std::io;
use std::path::PathBuf;

use wasmtime::{Config, Engine, OptLevel, WasmBacktraceDetails};

use crate::limits::Limits;

/// Why plugins cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The compiler or the machine lacks a required feature.
    #[error("cannot run WebAssembly on this machine: {message}")]
    Engine {
        /// wasmtime's message.
        message: String,
    },
    /// The directory for compiled code cannot be used.
    #[error("cannot cache compiled plugins in `{}`", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The clock's thread cannot be started.
    #[error("failed to start a thread")]
    Clock(#[source] io::Error),
}

impl HostError {
    /// Returns what the user can do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Cache { .. } => {
                Some("check the permissions and free disk space of that directory")
            }
            Self::Engine { .. } | Self::Clock(_) => None,
        }
    }
}

/// Creates an engine. Other settings invalidate all cached code.
pub(crate) fn engine(limits: &Limits, counts_instructions: bool) -> Result<Engine, HostError> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(counts_instructions)
        .max_wasm_stack(limits.stack_bytes_max)
        // The same input must give the same answer on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    if counts_instructions {
        // Instructions are counted in the plugin's own code, so optimising would only take longer
        // to compile.
        config.cranelift_opt_level(OptLevel::None);
    }
    Engine::new(&config).map_err(|error| HostError::Engine {
        message: format!("{error:#}"),
    })
}
