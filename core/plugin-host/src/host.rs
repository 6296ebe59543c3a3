//! The engine, clock and cache that all plugins of a process share.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::{Config, Engine, OptLevel, WasmBacktraceDetails};

use crate::cache::Cache;
use crate::limits::Limits;

/// How often a running plugin is checked for its deadline, and therefore the most by which a call
/// can exceed it.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Loads and runs plugins. Cheap to clone; the clock's thread ends when the last clone and the last
/// plugin are dropped.
#[derive(Clone)]
pub struct PluginHost {
    pub(crate) shared: Arc<Shared>,
}

/// State that the plugins and the host share.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) cache: Option<Cache>,
    /// Where instructions are counted.
    pub(crate) meter: Option<Meter>,
    _clock: Clock,
}

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

impl PluginHost {
    /// Creates a host with the default limits that caches compiled code in `cache`, a directory in
    /// the state directory used for nothing else.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn new(cache: &Path) -> Result<Self, HostError> {
        Self::with_limits(Some(cache), Limits::default())
    }

    /// Creates a host that changes nothing: it reads compiled code from `cache`, but adds none.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn read_only(cache: &Path) -> Result<Self, HostError> {
        let opened = Cache::read_only(cache);
        let cache = opened.map_err(|source| HostError::Cache {
            path: cache.to_owned(),
            source,
        })?;
        Self::start(Some(cache), Limits::default(), None)
    }

    /// Creates a host with these limits; without a directory, it compiles every time.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn with_limits(cache: Option<&Path>, limits: Limits) -> Result<Self, HostError> {
        fn open(path: &Path) -> Result<Cache, HostError> {
            Cache::open(path).map_err(|source| HostError::Cache {
                path: path.to_owned(),
                source,
            })
        }

        Self::start(cache.map(open).transpose()?, limits, None)
    }

    /// Creates a host that counts instructions, for tests: the count is the same on every machine.
    /// It is a third slower and caches no compiled code.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn measuring(limits: Limits) -> Result<Self, HostError> {
        Self::start(None, limits, Some(Meter::default()))
    }

    /// Returns how many instructions all plugins of a [measuring](Self::measuring) host have run; 0
    /// for any other host. A run of an agent backend counts once it is dropped.
    pub fn n_instructions(&self) -> u64 {
        self.shared
            .meter
            .as_ref()
            .map_or(0, |meter| meter.0.load(Ordering::Relaxed))
    }

    fn start(
        cache: Option<Cache>,
        limits: Limits,
        meter: Option<Meter>,
    ) -> Result<Self, HostError> {
        let engine =
            Engine::new(&config(&limits, meter.is_some())).map_err(|error| HostError::Engine {
                message: format!("{error:#}"),
            })?;
        let clock = Clock::start(&engine).map_err(HostError::Clock)?;
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                limits,
                cache,
                meter,
                _clock: clock,
            }),
        })
    }
}

/// A count of instructions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub(crate) fn add(&self, n_instructions: u64) {
        self.0.fetch_add(n_instructions, Ordering::Relaxed);
    }
}

/// The settings of the compiler and the runtime. Changing them invalidates all cached code.
fn config(limits: &Limits, is_measuring: bool) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .consume_fuel(is_measuring)
        .max_wasm_stack(limits.stack_bytes_max)
        // The same input must give the same answer on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    if is_measuring {
        // Instructions are counted in the plugin's own code, so optimising would only take longer
        // to compile.
        config.cranelift_opt_level(OptLevel::None);
    }
    config
}

/// Advances the engine's epoch, by which a running plugin notices its deadline.
struct Clock {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    fn start(engine: &Engine) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let engine = engine.clone();
        let tick = move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        };
        let thread = thread::Builder::new()
            .name("plugin-clock".to_owned())
            .spawn(tick)?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread only counts, so it does not panic; if it did, nobody could handle it here.
            let _ = thread.join();
        }
    }
}
