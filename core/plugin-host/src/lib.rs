//! Runs plugins: WebAssembly components behind the traits of the SDK. The one room that knows wasmtime.
//!
//! ```text
//!   bytes ─► checks ─► compiled code (own cache) ─► trial instance ─► describe ─► Plugin
//!                                                                                   │ classifier() … -> Box<dyn Classifier> …
//!                                                                                   ▼
//!        call ─► fresh instance within Limits ─► values to WIT ─► component ─► values back, checked ─► answer or PluginError
//! ```
//!
//! Whoever holds a `Box<dyn Classifier>` from here cannot tell it from a built-in one. A component holds no power: `host-log` is all
//! that is linked, and what a backend may have run is compared with its [`Grants`]. A trap, an endless loop, too much memory or a
//! wrong value costs one call, which ends in [`PluginError::Internal`](autoissue_plugin_sdk::PluginError::Internal); nothing of it
//! is left for the next.

mod cache;
mod check;
mod component;
mod digest;
mod error;
mod fault;
mod grants;
mod host;
mod info;
mod limits;
mod load;
mod plugin;
mod sandbox;
mod shape;
mod track_0_1;
mod wasi;

pub use component::{ComponentError, component_from_module};
pub use digest::Sha256Digest;
pub use error::LoadError;
pub use grants::{Grants, NotGranted};
pub use host::{HostError, PluginHost};
pub use info::{Kind, PluginInfo, StrategyInfo};
pub use limits::Limits;
pub use plugin::{AskError, NoStrategy, Plugin};
pub use shape::Shape;
