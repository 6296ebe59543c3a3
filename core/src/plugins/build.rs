//! Builds a plugin from its directory: cargo builds a WebAssembly module, and we turn that into a
//! component.
//!
//! ```text
//!   directory ─► cargo rustc (the user's own) ─► module ─► component_from_module ─► Built
//! ```
//!
//! The author needs the Rust target and nothing else. Cargo runs with the user's permissions and
//! environment, as if the user had started it: building untrusted source code runs its build
//! scripts. Only a finished component is harmless.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use autoissue_plugin_host::{ComponentError, component_from_module};
use autoissue_process::{ProcessError, resolve};
use serde::Deserialize;

/// The target for plugins, which adds no imports.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Arguments of cargo. The crate type is given here, so that no manifest has to declare it.
const ARGS: [&str; 9] = [
    "rustc",
    "--release",
    "--lib",
    "--crate-type",
    "cdylib",
    "--message-format",
    "json-render-diagnostics",
    "--target",
    TARGET,
];

/// A built plugin.
#[derive(Clone, PartialEq, Eq)]
pub struct Built {
    /// Name of the package.
    pub name: String,
    /// Directory of the package.
    pub directory: PathBuf,
    /// The component.
    pub component: Vec<u8>,
}

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The directory has no crate.
    #[error("`{}` has no `Cargo.toml`", directory.display())]
    NoManifest {
        /// The directory.
        directory: PathBuf,
    },
    /// Cargo was not found.
    #[error("cargo is needed to build `{}`", directory.display())]
    NoCargo {
        /// The directory.
        directory: PathBuf,
        /// Where it was searched for.
        #[source]
        source: ProcessError,
    },
    /// The Rust compiler was not found.
    #[error("Rust is needed to build plugins")]
    NoRust {
        /// Where it was searched for.
        #[source]
        source: ProcessError,
    },
    /// Rust has no standard library for the target.
    #[error("Rust cannot build for `{TARGET}`")]
    NoTarget,
    /// Cargo cannot be started, or its output cannot be read.
    #[error("failed to run cargo in `{}`", directory.display())]
    Cargo {
        /// The directory.
        directory: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Cargo cannot get the dependencies. It has printed why.
    #[error("cargo cannot get the dependencies of `{}`", directory.display())]
    NoDependencies {
        /// The directory.
        directory: PathBuf,
    },
    /// The crate does not build. Cargo has printed why.
    #[error("`{}` does not build", directory.display())]
    Failed {
        /// The directory.
        directory: PathBuf,
    },
    /// The build produced nothing that could be a plugin.
    #[error("`{}` is not a standalone library crate", directory.display())]
    NoLibrary {
        /// The directory.
        directory: PathBuf,
    },
    /// The module is not that of a plugin.
    #[error("`{}` builds, but is not a plugin", directory.display())]
    NotAPlugin {
        /// The directory.
        directory: PathBuf,
        /// Why.
        #[source]
        source: ComponentError,
    },
}

impl BuildError {
    /// Returns what to do about it, unless that is obvious.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoManifest { .. } => Some("create a plugin with `autoissue plugin new`"),
            Self::NoCargo { .. } => {
                Some("install Rust, or give the path of a component that is already built")
            }
            Self::NoRust { .. } => Some(
                "install Rust from https://rustup.rs, then run `rustup target add wasm32-unknown-unknown`",
            ),
            Self::NoTarget => Some("run `rustup target add wasm32-unknown-unknown`"),
            Self::NoDependencies { .. } => Some(
                "if the SDK is missing, replace it in `Cargo.toml` by the path of a local one, as `autoissue plugin new --sdk DIR` does",
            ),
            Self::NoLibrary { .. } => {
                Some("give the directory of a single package with a `src/lib.rs`")
            }
            Self::NotAPlugin { .. } => {
                Some("add `autoissue_plugin_sdk::export_plugin! { … }` to `src/lib.rs`")
            }
            Self::Cargo { .. } | Self::Failed { .. } => None,
        }
    }
}

/// Builds the plugin in `directory` with the cargo of `path`, the directories of programs. Blocks
/// until cargo has finished; cargo's messages for people go to `progress`.
///
/// # Errors
/// See [`BuildError`].
pub fn build(directory: &Path, path: &OsStr, progress: Stdio) -> Result<Built, BuildError> {
    if !directory.join("Cargo.toml").is_file() {
        return Err(BuildError::NoManifest {
            directory: directory.to_owned(),
        });
    }
    let output = cargo(directory, path, &ARGS, progress)?;
    if !output.status.success() {
        check_target(directory, path)?;
        let directory = directory.to_owned();
        return Err(if has_dependencies(&directory, path)? {
            BuildError::Failed { directory }
        } else {
            BuildError::NoDependencies { directory }
        });
    }
    let failed = |source| BuildError::Cargo {
        directory: directory.to_owned(),
        source,
    };
    let artifact = artifact(&output.stdout);
    let (module, manifest) = artifact.ok_or_else(|| BuildError::NoLibrary {
        directory: directory.to_owned(),
    })?;
    let module_bytes = std::fs::read(&module).map_err(failed)?;
    let component =
        component_from_module(&module_bytes).map_err(|source| BuildError::NotAPlugin {
            directory: directory.to_owned(),
            source,
        })?;
    let name = module
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .replace('_', "-");
    Ok(Built {
        name,
        directory: manifest.parent().unwrap_or(directory).to_owned(),
        component,
    })
}

/// Checks that Rust is installed with a standard library for the target. `directory` may select the
/// toolchain.
///
/// # Errors
/// [`BuildError::NoRust`], [`BuildError::NoTarget`], or [`BuildError::Cargo`] if the compiler does
/// not start.
pub fn check_target(directory: &Path, path: &OsStr) -> Result<(), BuildError> {
    let program = resolve("rustc", path, &[]).map_err(|source| BuildError::NoRust { source })?;
    let args = ["--print", "target-libdir", "--target", TARGET];
    let output = run(&program, directory, &args, Stdio::null())?;
    let library = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(library.trim()).is_dir() {
        Ok(())
    } else {
        Err(BuildError::NoTarget)
    }
}

/// Returns whether all dependencies are on this machine. Checked only after a failure, because the
/// build gets them.
fn has_dependencies(directory: &Path, path: &OsStr) -> Result<bool, BuildError> {
    let args = ["metadata", "--format-version", "1", "--offline"];
    Ok(cargo(directory, path, &args, Stdio::null())?
        .status
        .success())
}

fn cargo(
    directory: &Path,
    path: &OsStr,
    args: &[&str],
    progress: Stdio,
) -> Result<Output, BuildError> {
    let program = resolve("cargo", path, &[]).map_err(|source| BuildError::NoCargo {
        directory: directory.to_owned(),
        source,
    })?;
    run(&program, directory, args, progress)
}

fn run(
    program: &Path,
    directory: &Path,
    args: &[&str],
    progress: Stdio,
) -> Result<Output, BuildError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the user's own toolchain, as if the user had typed it"
    )]
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(progress);
    let output = command
        .spawn()
        .and_then(std::process::Child::wait_with_output);
    output.map_err(|source| BuildError::Cargo {
        directory: directory.to_owned(),
        source,
    })
}

/// The relevant part of cargo's message about an artifact.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    #[serde(default)]
    manifest_path: PathBuf,
}

/// Returns the module of the package itself, which cargo reports last, and its manifest.
fn artifact(messages: &[u8]) -> Option<(PathBuf, PathBuf)> {
    fn is_module(path: &Path) -> bool {
        path.extension()
            .is_some_and(|extension| extension == "wasm")
    }

    let messages = messages.split(|byte| *byte == b'\n').rev();
    let artifacts = messages.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    artifacts
        .filter(|message| message.reason == "compiler-artifact")
        .find_map(|message| {
            Some((
                message.filenames.into_iter().find(|path| is_module(path))?,
                message.manifest_path,
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_module_is_the_package() {
        let messages =
            br#"{"reason":"compiler-artifact","filenames":["/t/libserde.rlib"],"manifest_path":"/c/Cargo.toml"}
{"reason":"compiler-artifact","filenames":["/t/other.wasm"],"manifest_path":"/o/Cargo.toml"}
{"reason":"compiler-artifact","filenames":["/t/my_plugin.rlib","/t/my_plugin.wasm"],"manifest_path":"/p/Cargo.toml"}
{"reason":"build-finished","success":true}
"#;
        assert_eq!(
            artifact(messages),
            Some(("/t/my_plugin.wasm".into(), "/p/Cargo.toml".into()))
        );
        assert_eq!(artifact(b"not json\n"), None);
    }

    #[test]
    fn a_directory_without_a_crate_is_reported() {
        let empty = tempfile::tempdir().unwrap();
        let error = build(empty.path(), OsStr::new(""), Stdio::null())
            .err()
            .unwrap();
        assert!(matches!(error, BuildError::NoManifest { .. }));
        std::fs::write(empty.path().join("Cargo.toml"), "").unwrap();
        let error = build(empty.path(), OsStr::new(""), Stdio::null())
            .err()
            .unwrap();
        assert!(matches!(error, BuildError::NoCargo { .. }), "{error}");
    }
}
