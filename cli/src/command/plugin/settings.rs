//! Settings given on the command line: JSON, or a file with JSON.

use autoissue_core::whole_file::read_text;
use serde_json::{Map, Value};

use crate::error::{CliError, PluginCommandError};
use crate::host::Invocation;

/// Largest file of settings, in bytes.
const SETTINGS_BYTES_MAX: u64 = 1 << 20;

/// Reads settings.
///
/// # Errors
/// If they are not a JSON object, or the file cannot be read.
pub(super) fn read(
    invocation: &Invocation,
    typed: Option<&str>,
) -> Result<Option<Map<String, Value>>, CliError> {
    let Some(typed) = typed else { return Ok(None) };
    let text = if typed.trim_start().starts_with('{') {
        typed.to_owned()
    } else {
        let path = invocation.current_dir.join(typed);
        read_text(&path, SETTINGS_BYTES_MAX).map_err(|source| CliError::File {
            what: "read",
            path,
            source,
        })?
    };
    let settings = serde_json::from_str(&text);
    settings.map(Some).map_err(|error| {
        PluginCommandError::Settings {
            message: error.to_string(),
        }
        .into()
    })
}

/// Returns settings in the form that plugins receive.
pub(super) fn text(settings: Option<&Map<String, Value>>) -> Option<String> {
    settings.map(|settings| Value::Object(settings.clone()).to_string())
}
