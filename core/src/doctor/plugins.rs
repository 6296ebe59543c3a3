//! Plugin files: there, and with the content that the configuration names. They are read, not run.

use sha2::{Digest, Sha256};

use super::Finding;
use crate::config::PluginSettings;

/// Looks at each plugin that is configured.
pub(super) fn look(plugins: &[PluginSettings]) -> Vec<Finding> {
    plugins.iter().map(plugin).collect()
}

fn plugin(plugin: &PluginSettings) -> Finding {
    let PluginSettings { name, path, sha256, .. } = plugin;
    let shown = path.display();
    if path.is_dir() {
        return Finding::ok("plugin", format!("{name}, a directory: {shown}"));
    }
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("{name}: `{shown}` cannot be read: {error}");
            return Finding::failure("plugin", message, "see to its path, or take it out of `plugins`");
        }
    };
    let found = hex(&Sha256::digest(&bytes));
    match sha256 {
        Some(wanted) if !wanted.eq_ignore_ascii_case(&found) => Finding::failure(
            "plugin",
            format!("{name}: `{shown}` has the SHA-256 {found}, and {wanted} is configured"),
            "see who changed the file; set `sha256` anew only if you know",
        ),
        Some(_) => Finding::ok("plugin", format!("{name}, {shown}, as configured")),
        None => Finding::ok("plugin", format!("{name}, {shown}, of any content: `sha256` is not set")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::doctor::Level;

    fn level(path: &Path, sha256: Option<&str>) -> Level {
        let settings = json!({"name": "p", "path": path, "sha256": sha256});
        look(&[serde_json::from_value(settings).unwrap()])[0].level
    }

    #[test]
    fn a_plugin_is_there_and_what_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("p.wasm");
        assert_eq!(level(&file, None), Level::Failure);
        std::fs::write(&file, "abc").unwrap();
        // FIPS 180-4, the example of one block.
        let digest = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
        assert_eq!(level(&file, Some(digest)), Level::Ok);
        assert_eq!(level(&file, None), Level::Ok);
        assert_eq!(level(directory.path(), Some(digest)), Level::Ok);
        std::fs::write(&file, "abd").unwrap();
        assert_eq!(level(&file, Some(digest)), Level::Failure);
    }
}
