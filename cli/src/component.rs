//! Loads a component given on the command line: a file, or a directory, which is built first.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use autoissue_core::plugins::FILE_BYTES_MAX;
use autoissue_core::plugins::build::{self, Built};
use autoissue_core::whole_file::{read_whole, write_whole};

use crate::error::{CliError, PluginCommandError};

/// A component and its location.
pub(crate) struct ComponentFile {
    /// The file, absolute.
    pub(crate) path: PathBuf,
    /// Its content.
    pub(crate) bytes: Vec<u8>,
}

impl ComponentFile {
    /// Reads a file. If it is a directory, builds the plugin and writes the component into it.
    pub(crate) fn open(path: PathBuf, path_env: &OsStr, quiet: bool) -> Result<Self, CliError> {
        if path.is_dir() {
            let Built {
                name,
                directory,
                component,
            } = build_directory(&path, path_env, quiet)?;
            return Self {
                path: directory.join(format!("{name}.wasm")),
                bytes: component,
            }
            .written();
        }
        let bytes = read(&path)?;
        Ok(Self { path, bytes })
    }

    /// Writes the file atomically, because a session may be reading it.
    pub(crate) fn written(self) -> Result<Self, CliError> {
        let Self { path, bytes } = self;
        write_whole(&path, &bytes).map_err(|source| CliError::File {
            what: "write",
            path: path.clone(),
            source,
        })?;
        Ok(Self { path, bytes })
    }
}

/// Reads a component or a module.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    read_whole(path, FILE_BYTES_MAX).map_err(|source| CliError::File {
        what: "read",
        path: path.to_owned(),
        source,
    })
}

/// Builds the plugin in a directory. Cargo prints its progress to standard error, unless `quiet`.
pub(crate) fn build_directory(
    directory: &Path,
    path_env: &OsStr,
    quiet: bool,
) -> Result<Built, CliError> {
    let progress = if quiet {
        Stdio::null()
    } else {
        Stdio::inherit()
    };
    Ok(build::build(directory, path_env, progress).map_err(PluginCommandError::Build)?)
}

/// Returns a human-readable size.
pub(crate) fn size(n_bytes: usize) -> String {
    match n_bytes {
        0..1_024 => format!("{n_bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", n_bytes.div_ceil(1_024)),
        _ => format!("{} MiB", n_bytes.div_ceil(1_048_576)),
    }
}
