//! Checks that plugin files exist and are the approved ones. They are read, not run; active plugins
//! are loaded elsewhere.

use std::path::Path;

use autoissue_process::error_chain;

use crate::config::PluginSettings;
use crate::plugins::lock::PluginLock;
use crate::plugins::{PluginsError, read_agreed};
use crate::preflight::Finding;

/// Checks each configured plugin.
pub(super) fn look(plugins: &[PluginSettings], project: &Path) -> Vec<Finding> {
    if plugins.is_empty() {
        return Vec::new();
    }
    match PluginLock::read(project) {
        Ok(lock) => plugins.iter().map(|it| plugin(it, lock.as_ref())).collect(),
        Err(error) => vec![failure(&error.into())],
    }
}

fn plugin(settings: &PluginSettings, lock: Option<&PluginLock>) -> Finding {
    let PluginSettings {
        name, path, sha256, ..
    } = settings;
    if let Err(error) = read_agreed(settings, lock) {
        return failure(&error);
    }
    let is_pinned = sha256.is_some() || lock.is_some_and(|lock| lock.plugin(name).is_some());
    let agreed = if is_pinned {
        "digest matches"
    } else {
        "not pinned: no SHA-256 is given"
    };
    Finding::ok("plugin", format!("{name}, {}, {agreed}", path.display()))
}

fn failure(error: &PluginsError) -> Finding {
    let advice = error
        .hint()
        .unwrap_or_else(|| "fix the cause, or remove it from `plugins`".to_owned());
    Finding::failure("plugin", error_chain(error), advice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preflight::Level;

    fn level(path: &Path, sha256: Option<&str>) -> Level {
        let settings = json!({"name": "p", "path": path, "sha256": sha256});
        look(
            &[serde_json::from_value(settings).unwrap()],
            path.parent().unwrap(),
        )[0]
        .level
    }

    #[test]
    fn a_plugin_file_exists_and_is_the_approved_one() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p.wasm");
        assert_eq!(level(&file, None), Level::Failure);
        std::fs::write(&file, "abc").unwrap();
        // FIPS 180-4, the example of one block.
        let digest = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        assert_eq!(level(&file, Some(digest)), Level::Ok);
        assert_eq!(level(&file, None), Level::Ok);
        assert_eq!(
            level(directory.path(), Some(digest)),
            Level::Failure,
            "a session would not build it"
        );
        std::fs::write(&file, "abd").unwrap();
        assert_eq!(level(&file, Some(digest)), Level::Failure);
    }

    #[test]
    fn the_lock_file_counts_too() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p.wasm");
        std::fs::write(&file, "abc").unwrap();
        let entry = json!({"name": "p", "version": "1", "path": "p.wasm", "sha256": "0".repeat(64), "track": "0.1",
                           "strategies": [], "grants": {}});
        let lock = json!({"version": 1, "plugins": [entry]}).to_string();
        std::fs::write(directory.path().join(crate::plugins::lock::FILE_NAME), lock).unwrap();
        assert_eq!(level(&file, None), Level::Failure);
    }
}
