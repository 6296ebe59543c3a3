//! Runs plugins: WebAssembly components behind the traits of the SDK. The only module that uses
//! wasmtime.
//!
//! ```text
//!   bytes ─► bounds ─► compiled code (own cache) ─► trial instance ─► describe ─► Plugin
//!                                                                                   │ classifier() … -> Box<dyn Classifier> …
//!                                                                                   ▼
//!        call ─► fresh instance within Limits ─► values to WIT ─► component ─► values back, checked ─► answer or PluginError
//! ```
//!
//! A `Box<dyn Classifier>` from here behaves like a built-in one. A component has no capabilities:
//! only `host-log` and an empty WASI are linked, and the programs a backend requests are compared
//! with its [`Grants`].
//! A trap, an endless loop, too much memory or an invalid value costs one call, which ends in
//! [`PluginError::Internal`](autoissue_plugin_sdk::PluginError::Internal) and leaves nothing behind
//! for the next.

mod bounds;
mod cache;
mod check;
mod compile;
mod component;
mod digest;
mod engine;
mod error;
mod fault;
mod grants;
mod host;
mod info;
mod limits;
mod load;
mod log;
mod plugin;
mod sandbox;
mod shape;
mod track_0_1;
mod wasi;

pub use compile::{Compile, CompileError, CompileRequest, compile};
pub use component::{ComponentError, component_from_module};
pub use digest::Sha256Digest;
pub use engine::HostError;
pub use error::LoadError;
pub use grants::{Grants, NotGranted, is_shell};
pub use host::{CacheDirectory, HostOptions, PluginHost};
pub use info::{Kind, PluginInfo, StrategyInfo};
pub use limits::Limits;
pub use plugin::{AskError, NoStrategy, Plugin};
pub use shape::Shape;
