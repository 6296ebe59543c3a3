//! Compiling a component, in this process or in another one.

use std::fmt::Debug;
use std::path::Path;

use wasmtime::Engine;

use crate::engine::{HostError, engine};
use crate::error::LoadError;
use crate::limits::Limits;

/// What to compile.
#[derive(Clone, Copy, Debug)]
pub struct CompileRequest<'a> {
    /// The file, for messages only.
    pub file: &'a Path,
    /// Its bytes.
    pub component: &'a [u8],
    /// Whether the code counts its instructions, for a host that measures.
    pub counts_instructions: bool,
}

/// Compiles components within limits.
pub trait Compile: Debug + Send + Sync {
    /// Returns the native code of a component, as [`compile`] returns it.
    ///
    /// # Errors
    /// [`LoadError::Invalid`], or [`LoadError::CompilerLimit`].
    fn compile(&self, request: &CompileRequest<'_>) -> Result<Vec<u8>, LoadError>;
}

/// Why there is no native code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Nothing can be compiled here.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The component is invalid.
    #[error("{0}")]
    Invalid(String),
}

/// Compiles a component for a host with the default limits. Time and memory are not limited here.
///
/// # Errors
/// See [`CompileError`].
pub fn compile(component: &[u8], counts_instructions: bool) -> Result<Vec<u8>, CompileError> {
    compile_for(&engine(&Limits::default(), counts_instructions)?, component)
}

pub(crate) fn compile_for(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, CompileError> {
    let compiled = engine.precompile_component(component);
    compiled.map_err(|error| CompileError::Invalid(format!("{error:#}")))
}
