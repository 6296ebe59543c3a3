//! `autoissue plugin build`: runs cargo, turns the module into a component, and inspects it.

use std::path::PathBuf;

use autoissue_core::plugins::host::component_from_module;
use clap::Args;

use super::profile::Profile;
use crate::component::{self, ComponentFile, build_directory};
use crate::error::{CliError, PluginCommandError};
use crate::exit_code::ExitCode;
use crate::host::Invocation;

/// Arguments of `plugin build`.
#[derive(Clone, Debug, Args)]
pub(crate) struct BuildArgs {
    /// Directory of the plugin, or a WebAssembly module built with another language's tools
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Write the component to this file instead of the plugin's directory
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If the build fails, or the result is not a plugin.
pub(super) fn run(invocation: &Invocation, args: &BuildArgs) -> Result<ExitCode, CliError> {
    let built = build(invocation, args)?;
    // Inspected before it is written, so that a component that is not a plugin is not left behind.
    let profile = Profile::of(invocation, &built, |_| None)?;
    let built = built.written()?;
    if invocation.console.is_json() {
        invocation.console.json(&profile.json("build"))?;
    } else {
        invocation.console.print(&format!(
            "wrote {}\n\n{}",
            built.path.display(),
            profile.text(invocation.console.out)
        ))?;
    }
    Ok(ExitCode::Success)
}

fn build(invocation: &Invocation, args: &BuildArgs) -> Result<ComponentFile, CliError> {
    let path = invocation.current_dir.join(&args.path);
    let out = args
        .out
        .as_ref()
        .map(|out| invocation.current_dir.join(out));
    if path.is_dir() {
        let built = build_directory(&path, invocation.path_env(), invocation.console.quiet)?;
        let default = || built.directory.join(format!("{}.wasm", built.name));
        return Ok(ComponentFile {
            path: out.unwrap_or_else(default),
            bytes: built.component,
        });
    }
    let module = component::read(&path)?;
    let bytes = component_from_module(&module).map_err(|source| PluginCommandError::Module {
        path: path.clone(),
        source,
    })?;
    Ok(ComponentFile {
        path: out.unwrap_or_else(|| path.with_extension("component.wasm")),
        bytes,
    })
}
