//! From bytes to a plugin, and everything that can be refused before a session begins.
//!
//! ```text
//!   size, magic ─► compile ─► names and versions ─► imports ─► exports ─► trial instance (types) ─► describe ─► claims
//!   └────────────────── nothing of the plugin has run ─────────────────┘
//! ```

use autoissue_plugin_sdk::PluginError;
use wasmtime::component::Component;

use crate::component::{is_component, is_wasm};
use crate::digest::Sha256Digest;
use crate::grants::Grants;
use crate::host::PluginHost;
use crate::info::Kind;
use crate::limits::mebibytes;
use crate::plugin::Plugin;
use crate::track_0_1::{self, Loaded};
use crate::wasi;

/// The package of the interfaces.
const PACKAGE: &str = "autoissue:plugin/";
/// What a plugin may import of ours; `types` has values only.
const IMPORTS: [&str; 2] = ["host-log", "types"];

/// Why a file is no plugin that can be run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
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
        "the plugin was built for autoissue:plugin@{found}; this autoissue runs plugins for {}",
        track_0_1::VERSIONS
    )]
    WrongVersion {
        /// Version that it was built for.
        found: String,
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

impl PluginHost {
    /// Makes a plugin of a component's bytes. `digest` is that of the very same bytes. Compiles where it is not known yet: seconds for
    /// the largest.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(&self, bytes: &[u8], grants: &Grants) -> Result<Plugin, LoadError> {
        let (component, digest) = self.component(bytes)?;
        let shape = Shape::of(&component);
        shape.check(grants)?;
        let loaded = Loaded::open(self.shared.clone(), &component, &shape.kinds)?;
        Plugin::new(loaded, digest, shape, grants.clone())
    }

    /// Returns what any component imports and exports. It is compiled for that, and nothing of it runs.
    ///
    /// # Errors
    /// Where it is no valid component, or too large.
    pub fn examine(&self, bytes: &[u8]) -> Result<Shape, LoadError> {
        let (component, _) = self.component(bytes)?;
        Ok(Shape::of(&component))
    }

    fn component(&self, bytes: &[u8]) -> Result<(Component, Sha256Digest), LoadError> {
        let n_bytes_max = self.shared.limits.component_bytes_max;
        if n_bytes_max < bytes.len() {
            return Err(LoadError::TooLarge {
                n_bytes: bytes.len(),
                n_bytes_max,
            });
        }
        if !is_wasm(bytes) {
            return Err(LoadError::NotWasm);
        }
        if !is_component(bytes) {
            return Err(LoadError::NotAComponent);
        }
        let digest = Sha256Digest::of(bytes);
        Ok((self.compiled(bytes, digest)?, digest))
    }

    fn compiled(&self, bytes: &[u8], digest: Sha256Digest) -> Result<Component, LoadError> {
        let compiled = match &self.shared.cache {
            Some(cache) => cache.component(&self.shared.engine, bytes, digest),
            None => Component::from_binary(&self.shared.engine, bytes),
        };
        compiled.map_err(|error| LoadError::Invalid {
            message: format!("{error:#}"),
        })
    }
}

/// What a component imports and exports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// All that it imports, with versions.
    pub imports: Vec<String>,
    /// All that it exports, with versions.
    pub exports: Vec<String>,
    /// The kinds that it exports.
    pub kinds: Vec<Kind>,
}

impl Shape {
    fn of(component: &Component) -> Self {
        let (engine, of_type) = (component.engine(), component.component_type());
        let imports = of_type
            .imports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let exports: Vec<String> = of_type
            .exports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let kinds = exports
            .iter()
            .filter_map(|name| ours(name))
            .filter_map(|(name, _)| Kind::named(name))
            .collect();
        Self {
            imports,
            exports,
            kinds,
        }
    }

    /// Returns whether it may be run, as far as its names tell.
    fn check(&self, grants: &Grants) -> Result<(), LoadError> {
        let of_ours = self
            .imports
            .iter()
            .chain(&self.exports)
            .filter_map(|name| ours(name));
        if let Some((_, version)) = of_ours
            .into_iter()
            .find(|(_, version)| !track_0_1::speaks(version))
        {
            return Err(LoadError::WrongVersion {
                found: version.to_owned(),
            });
        }
        if !self
            .exports
            .iter()
            .filter_map(|name| ours(name))
            .any(|(name, _)| name == "metadata")
        {
            return Err(LoadError::NotAPlugin {
                exports: self.exports.clone(),
            });
        }
        let is_granted = |name: &String| match ours(name) {
            Some((name, _)) => IMPORTS.contains(&name),
            None => grants.wasi && name.starts_with(wasi::PREFIX),
        };
        let refused: Vec<String> = self
            .imports
            .iter()
            .filter(|name| !is_granted(name))
            .cloned()
            .collect();
        if !refused.is_empty() {
            return Err(LoadError::NotGranted { imports: refused });
        }
        if self.kinds.is_empty() {
            Err(LoadError::NoStrategy)
        } else {
            Ok(())
        }
    }
}

/// Returns interface and version of a name of our package.
fn ours(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_prefix(PACKAGE)?;
    Some(name.split_once('@').unwrap_or((name, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(imports: &[&str], exports: &[&str]) -> Shape {
        fn owned(names: &[&str]) -> Vec<String> {
            names.iter().map(ToString::to_string).collect()
        }

        let kinds = exports
            .iter()
            .filter_map(|name| Kind::named(ours(name)?.0))
            .collect();
        Shape {
            imports: owned(imports),
            exports: owned(exports),
            kinds,
        }
    }

    #[track_caller]
    fn check(shape: &Shape, expected: &str) {
        assert_eq!(
            shape.check(&Grants::default()).unwrap_err().to_string(),
            expected
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_by_its_names_alone() {
        let [metadata, classifier] = [
            "autoissue:plugin/metadata@0.1.3",
            "autoissue:plugin/classifier@0.1.0",
        ];
        assert_eq!(
            shape(
                &["autoissue:plugin/host-log@0.1.0"],
                &[metadata, classifier]
            )
            .check(&Grants::default()),
            Ok(())
        );
        check(
            &shape(&[], &["run"]),
            "the component is not an autoissue plugin: it exports `run`",
        );
        check(
            &shape(&[], &[]),
            "the component is not an autoissue plugin: it exports nothing",
        );
        check(&shape(&[], &[metadata]), "the plugin supplies no strategy");
        check(
            &shape(&[], &[metadata, "autoissue:plugin/classifier@0.2.0"]),
            "the plugin was built for autoissue:plugin@0.2.0; this autoissue runs plugins for 0.1.z",
        );
        check(
            &shape(
                &[
                    "autoissue:plugin/host-http@0.1.0",
                    "wasi:cli/exit@0.2.0",
                    "env",
                ],
                &[metadata, classifier],
            ),
            "the plugin wants what it was not granted: `autoissue:plugin/host-http@0.1.0`, `wasi:cli/exit@0.2.0`, `env`",
        );
    }

    #[test]
    fn an_empty_wasi_is_a_grant() {
        let shape = shape(
            &["wasi:cli/exit@0.2.0"],
            &[
                "autoissue:plugin/metadata@0.1.0",
                "autoissue:plugin/classifier@0.1.0",
            ],
        );
        assert_eq!(
            shape.check(&Grants {
                wasi: true,
                ..Grants::default()
            }),
            Ok(())
        );
    }
}
