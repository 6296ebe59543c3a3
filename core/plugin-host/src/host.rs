//! The engine that all plugins of a process share, its clock, and its cache.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::{Config, Engine, WasmBacktraceDetails};

use crate::cache::Cache;
use crate::limits::Limits;

/// How often a running plugin is asked whether its time is over. A call is ended at most so much too late.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Loads plugins and runs them. Cheap to clone; the last one that goes, plugins included, ends the clock's thread.
#[derive(Clone)]
pub struct PluginHost {
    pub(crate) shared: Arc<Shared>,
}

/// What plugins and host share.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) cache: Option<Cache>,
    _clock: Clock,
}

/// Why no plugin can be run at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The compiler or the machine does not do what is needed.
    #[error("WebAssembly cannot be run on this machine: {message}")]
    Engine {
        /// What wasmtime says.
        message: String,
    },
    /// The directory for compiled code cannot be used.
    #[error("compiled plugins cannot be kept in `{}`", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The clock cannot be started.
    #[error("no thread can be started")]
    Clock(#[source] io::Error),
}

impl PluginHost {
    /// Makes a host with the usual limits, which keeps compiled code in `cache`, a directory of its own in the state directory.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn new(cache: &Path) -> Result<Self, HostError> {
        Self::with_limits(Some(cache), Limits::default())
    }

    /// Makes a host with these limits; without a directory it compiles each time.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn with_limits(cache: Option<&Path>, limits: Limits) -> Result<Self, HostError> {
        let open = |path: &Path| Cache::open(path).map_err(|source| HostError::Cache { path: path.to_owned(), source });
        let cache = cache.map(open).transpose()?;
        let engine =
            Engine::new(&config(&limits)).map_err(|error| HostError::Engine { message: format!("{error:#}") })?;
        let clock = Clock::start(&engine).map_err(HostError::Clock)?;
        Ok(Self { shared: Arc::new(Shared { engine, limits, cache, _clock: clock }) })
    }
}

/// The settings of the compiler and the runtime. A change makes all compiled code that is kept useless.
fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes_max)
        // Same input, same answer, on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

/// Advances the engine's epoch, which is how a running plugin notices that its time is over.
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
        let thread = thread::Builder::new().name("plugin-clock".to_owned()).spawn(tick)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only counts, so it does not panic; and if it did, there is nobody to tell.
            let _ = thread.join();
        }
    }
}
