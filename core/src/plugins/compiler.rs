//! Compiles components in a child process with limits on memory and processor time.
//!
//! A component of a few hundred kilobytes can keep a compiler busy for minutes, or take all the
//! memory of the machine. The child is our own program in a hidden mode, which calls [`serve`].
//!
//! ```text
//!   request as a line of JSON, then the component ─► child ─► native code, or a message and an exit code
//! ```

use std::io::{self, BufRead as _, Read as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use autoissue_plugin_host::{Compile, CompileError, CompileRequest, LoadError, compile};
use autoissue_process::helper::{self, Helper, HelperEnd, HelperOutput};
use serde::{Deserialize, Serialize};

use super::FILE_BYTES_MAX;

/// Words after the program's name that start the hidden mode.
const ARGS: [&str; 2] = ["internal", "compile-plugin"];

/// Largest native code, in bytes. It is about five times the size of its component.
const CODE_BYTES_MAX: u64 = 384 << 20;
/// Most threads that compile. Each takes some of the memory.
const N_THREADS_MAX: usize = 8;

/// About how many times longer the compiler takes in this build than in an optimised one.
const SLOWNESS: u64 = if cfg!(debug_assertions) { 10 } else { 1 };
/// About how many bytes of a component an optimised compiler compiles in a second.
const BYTES_PER_SECOND: u64 = 1_000_000;

/// Compiles components in a child process.
#[derive(Clone, Debug)]
pub struct ChildCompiler {
    /// Our own program.
    own_program: PathBuf,
    limits: CompilerLimits,
}

/// What compiling one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct CompilerLimits {
    /// Processor time, in whole seconds.
    pub cpu: Duration,
    /// Memory, in bytes. Only Linux enforces it.
    pub memory_bytes: u64,
}

impl Default for CompilerLimits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(120 * SLOWNESS),
            memory_bytes: 2 << 30,
        }
    }
}

/// What the child gets before the component.
#[derive(Deserialize, Serialize)]
struct Order {
    counts_instructions: bool,
    limits: CompilerLimits,
}

impl ChildCompiler {
    /// Creates a compiler that starts `own_program` in its hidden mode.
    pub fn new(own_program: PathBuf) -> Self {
        Self {
            own_program,
            limits: CompilerLimits::default(),
        }
    }

    /// Sets other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: CompilerLimits) -> Self {
        self.limits = limits;
        self
    }

    fn result(&self, output: HelperOutput) -> Result<Vec<u8>, LoadError> {
        let failed = |message| Err(LoadError::Compiler { message });
        let limit = match output.end {
            HelperEnd::Succeeded => return Ok(output.answer),
            HelperEnd::InvalidInput => {
                return Err(LoadError::Invalid {
                    message: output.message,
                });
            }
            HelperEnd::Failed => return failed(output.message),
            HelperEnd::Killed(signal) => return failed(format!("signal {signal} ended it")),
            HelperEnd::OutOfTime => format!("{} s of processor time", self.limits.cpu.as_secs()),
            HelperEnd::OutOfMemory => format!("{} MiB of memory", self.limits.memory_bytes >> 20),
            HelperEnd::TooLong => format!("{} MiB of native code", CODE_BYTES_MAX >> 20),
        };
        Err(LoadError::CompilerLimit { limit })
    }
}

impl Compile for ChildCompiler {
    fn compile(&self, request: &CompileRequest<'_>) -> Result<Vec<u8>, LoadError> {
        let order = Order {
            counts_instructions: request.counts_instructions,
            limits: self.limits,
        };
        let ran = serde_json::to_string(&order)
            .map_err(io::Error::from)
            .and_then(|order| {
                let input = [order.as_bytes(), b"\n", request.component].concat();
                let helper = Helper {
                    program: &self.own_program,
                    args: &ARGS,
                    env: &[("RAYON_NUM_THREADS", &n_threads().to_string())],
                    answer_bytes_max: CODE_BYTES_MAX,
                };
                helper.run(&input)
            });
        self.result(ran.map_err(|error| LoadError::Compiler {
            message: error.to_string(),
        })?)
    }
}

fn n_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(N_THREADS_MAX))
}

/// Returns about how long compiling takes.
pub const fn estimate(component: &[u8]) -> Duration {
    Duration::from_secs(component.len() as u64 * SLOWNESS / BYTES_PER_SECOND)
}

/// Compiles the component on standard input, within limits, and writes its native code to standard
/// output: a hidden mode of the binary. Returns an exit code.
#[must_use]
pub fn serve() -> i32 {
    let (code, message) = match compile_stdin() {
        Ok(Ok(())) => return 0,
        Ok(Err(CompileError::Invalid(message))) => (helper::INVALID_INPUT, message),
        Ok(Err(CompileError::Host(error))) => (1, error.to_string()),
        Err(error) => (1, error.to_string()),
    };
    // The parent process reads this.
    let _ = writeln!(io::stderr(), "{message}");
    code
}

fn compile_stdin() -> io::Result<Result<(), CompileError>> {
    let mut input = io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    helper::confine(order.limits.memory_bytes, order.limits.cpu)?;
    let mut component = Vec::new();
    input.take(FILE_BYTES_MAX).read_to_end(&mut component)?;
    match compile(&component, order.counts_instructions) {
        Ok(code) => {
            let mut out = io::stdout().lock();
            out.write_all(&code).and_then(|()| out.flush()).map(Ok)
        }
        Err(error) => Ok(Err(error)),
    }
}
