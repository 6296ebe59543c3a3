//! Finds out what a plugin asks for before anything is granted. Only the plugin itself runs, in its
//! sandbox.

use std::path::Path;

use autoissue_plugin_host::{Grants, Kind, LoadError, Plugin, PluginHost};

/// A plugin that has been granted all that it asks for.
pub struct ProbedPlugin {
    /// The plugin. Its backends may name the programs that they ask for; the caller decides whether
    /// to run them.
    pub plugin: Plugin,
    /// Why it is unknown what a backend asks for; usually because its settings are missing.
    pub unknown: Option<String>,
}

/// Loads a component and grants all that it asks for. `settings` returns those of its backends, by
/// the plugin's name. Without settings, each backend gets the settings of its own example.
///
/// # Errors
/// Fails if it is not a plugin, or has imports that cannot be granted.
pub fn load(
    host: &PluginHost,
    file: &Path,
    component: &[u8],
    settings: impl FnOnce(&str) -> Option<String>,
) -> Result<ProbedPlugin, LoadError> {
    let plugin = host.load(file, component, &Grants::default())?;
    let settings = settings(&plugin.info().name);
    let (mut exec, mut env, mut unknown) = (Vec::new(), Vec::new(), None);
    for backend in plugin
        .info()
        .strategies
        .iter()
        .filter(|strategy| strategy.kind == Kind::AgentBackend)
    {
        let settings = settings
            .as_deref()
            .or(backend.example_settings.as_deref())
            .unwrap_or_default();
        match plugin.asked_program(Some(&backend.name), settings) {
            Ok(asked) => {
                exec.push(asked.program);
                env.extend(asked.environment);
            }
            Err(error) => unknown = Some(error.to_string()),
        }
    }
    for names in [&mut exec, &mut env] {
        names.sort_unstable();
        names.dedup();
    }
    Ok(ProbedPlugin {
        plugin: plugin.granted(Grants { exec, env }),
        unknown,
    })
}
