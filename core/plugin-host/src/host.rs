//! The engine, clock and cache that all plugins of a process share.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

use crate::cache::Cache;
use crate::compile::Compile;
use crate::engine::{HostError, engine};
use crate::limits::Limits;

/// How often a running plugin is checked for its deadline, and therefore the most by which a call
/// can exceed it.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Loads and runs plugins. Cheap to clone; the clock's thread ends when the last clone and the last
/// plugin are dropped.
#[derive(Clone)]
pub struct PluginHost {
    pub(crate) shared: Arc<Shared>,
    pub(crate) cache: Option<Cache>,
    pub(crate) compiler: Option<Arc<dyn Compile>>,
}

/// What a host is made of. The default compiles in this process, without limits, each time: for
/// components that are known.
#[derive(Clone, Default)]
pub struct HostOptions<'a> {
    /// The directory of compiled code: one in the state directory that is used for nothing else.
    pub cache: Option<CacheDirectory<'a>>,
    /// What compiles components that are not in the cache.
    pub compiler: Option<Arc<dyn Compile>>,
    /// The limits of plugins.
    pub limits: Limits,
}

impl<'a> HostOptions<'a> {
    /// Caches compiled code in this directory.
    pub fn cached_in(path: &'a Path) -> Self {
        Self {
            cache: Some(CacheDirectory {
                path,
                may_write: true,
            }),
            ..Self::default()
        }
    }
}

/// A directory of compiled code.
#[derive(Clone, Copy, Debug)]
pub struct CacheDirectory<'a> {
    /// Its path.
    pub path: &'a Path,
    /// Whether it may be created and added to; otherwise, nothing is changed.
    pub may_write: bool,
}

/// State that the plugins and the host share.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    /// Where instructions are counted.
    pub(crate) meter: Option<Meter>,
    _clock: Clock,
}

impl PluginHost {
    /// Creates a host.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn new(options: HostOptions<'_>) -> Result<Self, HostError> {
        fn open(directory: CacheDirectory<'_>) -> Result<Cache, HostError> {
            let CacheDirectory { path, may_write } = directory;
            let opened = if may_write {
                Cache::open(path)
            } else {
                Cache::read_only(path)
            };
            opened.map_err(|source| HostError::Cache {
                path: path.to_owned(),
                source,
            })
        }

        let cache = options.cache.map(open).transpose()?;
        Ok(Self {
            shared: Shared::new(options.limits, None)?,
            cache,
            compiler: options.compiler,
        })
    }

    /// Returns a host with the same compiler and cache that counts instructions. The count is the
    /// same on every machine; plugins are several times slower there, because their code is not
    /// optimised.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn measuring(&self, limits: Limits) -> Result<Self, HostError> {
        Ok(Self {
            shared: Shared::new(limits, Some(Meter::default()))?,
            cache: self.cache.clone(),
            compiler: self.compiler.clone(),
        })
    }

    /// Returns how many instructions all plugins have run, or 0 if they are not counted. A run of
    /// an agent backend counts once it is dropped.
    pub fn n_instructions(&self) -> u64 {
        self.shared
            .meter
            .as_ref()
            .map_or(0, |meter| meter.0.load(Ordering::Relaxed))
    }
}

impl Shared {
    fn new(limits: Limits, meter: Option<Meter>) -> Result<Arc<Self>, HostError> {
        let engine = engine(&limits, meter.is_some())?;
        let clock = Clock::start(&engine).map_err(HostError::Clock)?;
        Ok(Arc::new(Self {
            engine,
            limits,
            meter,
            _clock: clock,
        }))
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
