//! Reasons why a component cannot be run as a plugin, distinguished by what its author has to do.

use std::path::Path;

use autoissue_plugin_sdk::PluginError;

use crate::fault::one_line;
use crate::info::Kind;
use crate::limits::mebibytes;

/// Why a file cannot be run as a plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is too large to be compiled.
    #[error("the file size is {}; the limit for plugins is {}", mebibytes(*.n_bytes), mebibytes(*.n_bytes_max))]
    TooLarge {
        /// Its size, in bytes.
        n_bytes: usize,
        /// The limit, in bytes.
        n_bytes_max: usize,
    },
    /// The file is not WebAssembly.
    #[error("the file is not WebAssembly")]
    NotWasm,
    /// The file is a module.
    #[error("the file is a WebAssembly module, not a component")]
    NotAComponent,
    /// The component is damaged, or uses unsupported features.
    #[error("the component is not valid: {message}")]
    Invalid {
        /// wasmtime's message.
        message: String,
    },
    /// The component contains more than any plugin needs.
    #[error("the component has more than {max} {what}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: u64,
    },
    /// Compiling the component exceeded a limit.
    #[error("compiling the component takes more than {limit}")]
    CompilerLimit {
        /// The limit, for people.
        limit: String,
    },
    /// The compiler failed.
    #[error("failed to compile the component: {message}")]
    Compiler {
        /// Why.
        message: String,
    },
    /// The component was made for something else.
    #[error("the component is not an autoissue plugin: it exports {}", list_or(.exports, "nothing"))]
    NotAPlugin {
        /// The interfaces that it exports.
        exports: Vec<String>,
    },
    /// The plugin was built against interfaces that this host does not support.
    #[error("the plugin was built for {package}@{found}; this autoissue supports {known}")]
    WrongVersion {
        /// The package of the interface.
        package: String,
        /// The version it was built for.
        found: String,
        /// The versions that this host supports.
        known: &'static str,
    },
    /// The plugin imports more than it may.
    #[error("the plugin imports interfaces that autoissue does not provide: {}", list_or(.imports, "nothing"))]
    NotProvided {
        /// The interfaces that are not provided.
        imports: Vec<String>,
    },
    /// A required export is missing, or has another type.
    #[error("the plugin does not match its interfaces: {message}")]
    Misfit {
        /// wasmtime's message.
        message: String,
    },
    /// The plugin provides no strategy.
    #[error("the plugin does not provide any strategy")]
    NoStrategy,
    /// The plugin's description and its exports disagree.
    #[error("the plugin {} `{kind}`, but does not {}", if *.exports { "exports" } else { "describes a strategy of the kind" }, if *.exports { "describe a strategy of that kind" } else { "export it" })]
    WrongClaim {
        /// The kind.
        kind: Kind,
        /// Whether the interface is exported.
        exports: bool,
    },
    /// A trial call failed.
    #[error("{0}")]
    Failed(PluginError),
}

impl LoadError {
    /// Returns what to do about it. `path` is the file of the component.
    pub fn hint(&self, path: &Path) -> String {
        let path = path.display();
        let hint = match self {
            Self::TooLarge { .. } => "build it in release mode, without debug information",
            Self::NotWasm => {
                "a plugin is a WebAssembly component; create one with `autoissue plugin new`"
            }
            Self::NotAComponent => {
                return format!(
                    "build it with `autoissue plugin build {path}`, which turns the module into a component"
                );
            }
            Self::Invalid { .. } => "rebuild it; if you downloaded it, check its SHA-256",
            Self::TooMuch { .. } | Self::CompilerLimit { .. } => {
                "use another build of it, with fewer or smaller parts"
            }
            Self::Compiler { .. } => {
                "try again; if it fails again, use another build of the plugin"
            }
            Self::NotAPlugin { .. } => {
                "export `autoissue:plugin/metadata` and at least one kind of strategy"
            }
            Self::WrongVersion { .. } => {
                "build it against a supported version of the SDK, or use another release of autoissue"
            }
            Self::NotProvided { .. } => {
                "build it without them; a plugin may import `host-log` and WASI 0.2 without HTTP, of which it gets an empty one"
            }
            Self::Misfit { .. } => "build it against the unmodified released interfaces",
            Self::NoStrategy | Self::WrongClaim { .. } => {
                "make `describe` list exactly the strategies that the component exports"
            }
            Self::Failed(_) => {
                return format!(
                    "this is a bug in the plugin; its author can reproduce it with `autoissue plugin test {path}`"
                );
            }
        };
        hint.to_owned()
    }
}

fn list_or(names: &[String], none: &str) -> String {
    if names.is_empty() {
        return none.to_owned();
    }
    let mut listed: Vec<String> = names
        .iter()
        .take(N_NAMES_MAX)
        .map(|name| format!("`{}`", one_line(name)))
        .collect();
    if N_NAMES_MAX < names.len() {
        listed.push(format!("and {} more", names.len() - N_NAMES_MAX));
    }
    listed.join(", ")
}

/// Most names in a message.
const N_NAMES_MAX: usize = 10;
