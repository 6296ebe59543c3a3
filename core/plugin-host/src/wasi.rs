//! An empty WASI for toolchains whose runtime imports one: no files, no arguments, no environment, no
//! network. It needs no grant, because nothing can be done with it.
//!
//! ```text
//!   standard input   empty
//!   output, error    the log, line by line, as many lines as any call may log
//!   clocks           stand still: 1970-01-01, and a monotonic clock of 0; waiting ends at once
//!   random           the same numbers in every instance
//! ```
//!
//! Clocks and random numbers are constant because the same input must always get the same answer. A
//! file or a socket cannot be opened, because the functions that would open it report an error.

use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::io::{AsyncWrite, sink};
use tokio::runtime::{Handle, RuntimeFlavor};
use wasmtime::Result;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{
    DynPollable, OutputStream, Pollable, StreamError, StreamResult, add_to_linker_sync, subscribe,
};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView, async_trait};

use crate::log::{Log, Printed};

/// Prefix of the interfaces' names.
const PREFIX: &str = "wasi:";
/// The packages that are linked, in their version 0.2.
const PACKAGES: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
/// Bytes of standard output or error that are accepted at once.
const WRITE_BYTES_MAX: usize = 4_096;
/// Most random bytes per call: enough for a runtime to seed its hash tables.
const RANDOM_BYTES_MAX: u64 = 1 << 16;
/// Most streams and pollables of an instance at a time.
const N_RESOURCES_MAX: usize = 1_000;

/// Returns whether an import belongs to the empty WASI.
pub(crate) fn provides(import: &str) -> bool {
    let package = import
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.split_once('/'));
    let version = import.rsplit_once('@').map_or("", |(_, version)| version);
    package.is_some_and(|(package, _)| PACKAGES.contains(&package)) && version.starts_with("0.2.")
}

/// Defines the functions of WASI.
pub(crate) fn link<T: WasiView + 'static>(linker: &mut Linker<T>) -> Result<()> {
    add_to_linker_sync(linker)?;
    // wasmtime's own clock really waits, and no deadline would end that.
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<T, Stopped>(linker, |store| StoppedClock(store.ctx().table))?;
    linker.allow_shadowing(false);
    Ok(())
}

/// The WASI of one instance.
pub(crate) struct Wasi {
    context: WasiCtx,
    resources: ResourceTable,
}

impl Wasi {
    /// Creates one that prints to `log`.
    pub(crate) fn new(log: &Log) -> Self {
        let output = |printed| Output {
            log: log.clone(),
            printed,
        };
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(N_RESOURCES_MAX);
        let context = WasiCtx::builder()
            .stdout(output(Printed::Output))
            .stderr(output(Printed::Error))
            .wall_clock(Epoch)
            .secure_random(numbers())
            .insecure_random(numbers())
            .insecure_random_seed(0)
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        Self { context, resources }
    }

    pub(crate) fn view(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.context,
            table: &mut self.resources,
        }
    }
}

/// Returns a source of numbers that are the same in every instance.
fn numbers() -> StdRng {
    StdRng::seed_from_u64(0)
}

/// A clock that always shows the Unix epoch.
struct Epoch;

impl HostWallClock for Epoch {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// A clock that always shows 0. Waiting for a time ends at once.
struct StoppedClock<'a>(&'a mut ResourceTable);

/// How a store lends its [`StoppedClock`].
struct Stopped;

impl HasData for Stopped {
    type Data<'a> = StoppedClock<'a>;
}

impl StoppedClock<'_> {
    fn without_waiting(&mut self) -> Result<Resource<DynPollable>> {
        let ready = self.0.push(Ready)?;
        subscribe(self.0, ready)
    }
}

impl monotonic_clock::Host for StoppedClock<'_> {
    fn now(&mut self) -> Result<u64> {
        Ok(0)
    }

    fn resolution(&mut self) -> Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, _when: u64) -> Result<Resource<DynPollable>> {
        self.without_waiting()
    }

    fn subscribe_duration(&mut self, _duration: u64) -> Result<Resource<DynPollable>> {
        self.without_waiting()
    }
}

/// Something that never waits.
struct Ready;

#[async_trait]
impl Pollable for Ready {
    async fn ready(&mut self) {}
}

/// Standard output or error: the log.
struct Output {
    log: Log,
    printed: Printed,
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    /// Used only by later versions of WASI, which are not linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        let (log, printed) = (self.log.clone(), self.printed);
        Box::new(Self { log, printed })
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        // No deadline interrupts the host, so it must not get more at once than it offered.
        if WRITE_BYTES_MAX < bytes.len() {
            return Err(StreamError::trap("wrote more than it may at once"));
        }
        self.log.print(self.printed, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

/// Runs a call that may use WASI. Its functions block on an async runtime, which is not allowed on
/// a thread that drives one; a runtime with a single thread has to call from a blocking task.
pub(crate) fn may_block<R>(call: impl FnOnce() -> R) -> R {
    let drives_many = |handle: &Handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread;
    if Handle::try_current().as_ref().is_ok_and(drives_many) {
        tokio::task::block_in_place(call)
    } else {
        call()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_of_wasi_0_2_belong_to_it() {
        for import in [
            "wasi:cli/environment@0.2.0",
            "wasi:io/streams@0.2.12",
            "wasi:sockets/tcp@0.2.3",
        ] {
            assert!(provides(import), "{import}");
        }
        for import in [
            "wasi:http/outgoing-handler@0.2.0",
            "wasi:cli/run@0.3.0",
            "wasi:cli/run",
            "wasi:io",
            "autoissue:plugin/host-log@0.2.0",
            "",
        ] {
            assert!(!provides(import), "{import}");
        }
    }
}
