//! Why a component is no plugin that can be run, told apart by what its author has to do.

use autoissue_plugin_sdk::PluginError;

use crate::info::Kind;
use crate::limits::mebibytes;

/// Why a file is no plugin that can be run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It is too large to be compiled.
    #[error("the file has {}, more than a plugin may have ({})", mebibytes(*.n_bytes), mebibytes(*.n_bytes_max))]
    TooLarge {
        /// Its size.
        n_bytes: usize,
        /// What it may be.
        n_bytes_max: usize,
    },
    /// It is no WebAssembly.
    #[error("the file is not WebAssembly")]
    NotWasm,
    /// It is a module.
    #[error("the file is a WebAssembly module, not a component")]
    NotAComponent,
    /// It is damaged, or uses what is not supported.
    #[error("the component is not valid: {message}")]
    Invalid {
        /// What wasmtime says.
        message: String,
    },
    /// It was made for something else.
    #[error("the component is not an autoissue plugin: it exports {}", list_or(.exports, "nothing"))]
    NotAPlugin {
        /// What it exports.
        exports: Vec<String>,
    },
    /// It was built against interfaces that this host does not have.
    #[error(
        "the plugin was built for autoissue:plugin@{found}; this autoissue runs plugins for {known}"
    )]
    WrongVersion {
        /// Version that it was built for.
        found: String,
        /// Versions that this host runs.
        known: &'static str,
    },
    /// It wants more than it may have.
    #[error("the plugin wants what it was not granted: {}", list_or(.imports, "nothing"))]
    NotGranted {
        /// Interfaces that it imports.
        imports: Vec<String>,
    },
    /// It lacks what it must export, or exports it in another form.
    #[error("the plugin does not fit its interfaces: {message}")]
    Misfit {
        /// What wasmtime says.
        message: String,
    },
    /// It supplies nothing.
    #[error("the plugin supplies no strategy")]
    NoStrategy,
    /// It says that it supplies what it does not, or the reverse.
    #[error("the plugin {} `{kind}`, but {} it", if *.exports { "exports" } else { "describes a strategy of the kind" }, if *.exports { "describes no strategy of" } else { "does not export" })]
    WrongClaim {
        /// The kind.
        kind: Kind,
        /// Whether the interface is there.
        exports: bool,
    },
    /// It went wrong when it was tried.
    #[error("{0}")]
    Failed(PluginError),
}

impl LoadError {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "build it for release, without debug information",
            Self::NotWasm => {
                "a plugin is a WebAssembly component; `autoissue plugin new` makes one to begin with"
            }
            Self::NotAComponent => {
                "build it with `autoissue plugin build`, which makes a component of it"
            }
            Self::Invalid { .. } => "build it anew; if it was downloaded, compare its SHA-256",
            Self::NotAPlugin { .. } => {
                "a plugin exports `autoissue:plugin/metadata` and at least one kind of strategy"
            }
            Self::WrongVersion { .. } => {
                "build it against an SDK of that line, or take another release of autoissue"
            }
            Self::NotGranted { .. } => {
                "build it without them (in Rust: for `wasm32-unknown-unknown`); if its language brings them, and they all begin \
                 with `wasi:`, grant an empty WASI: `\"grants\": {\"wasi\": true}`"
            }
            Self::Misfit { .. } => "build it against the released interfaces, unchanged",
            Self::NoStrategy | Self::WrongClaim { .. } => {
                "what `describe` lists must be what the component exports"
            }
            Self::Failed(_) => {
                "this is a defect of the plugin; its author can find it with `autoissue plugin test`"
            }
        }
    }
}

fn list_or(names: &[String], none: &str) -> String {
    if names.is_empty() {
        return none.to_owned();
    }
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
