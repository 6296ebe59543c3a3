//! Settings given on the command line: JSON, or a file with JSON.

use autoissue_core::plugins::host::Kind;
use autoissue_core::plugins::recipients::EntrySettings;
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
    typed.map(|typed| parse(invocation, typed)).transpose()
}

fn parse(invocation: &Invocation, typed: &str) -> Result<Map<String, Value>, CliError> {
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
    serde_json::from_str(&text).map_err(|error| {
        PluginCommandError::Settings {
            message: error.to_string(),
        }
        .into()
    })
}

/// Reads settings for an entry in the configuration. Each is for the strategy that takes some, or,
/// after a kind and `=`, for the strategy of that kind.
///
/// # Errors
/// If they are not a JSON object, a file cannot be read, or two are for the same strategy.
pub(super) fn read_entry(
    invocation: &Invocation,
    typed: &[String],
) -> Result<EntrySettings, CliError> {
    let mut entry = EntrySettings::default();
    for typed in typed {
        let for_kind = typed
            .split_once('=')
            .and_then(|(kind, settings)| Some((Kind::named(kind)?, settings)));
        let (is_taken, settings) = match for_kind {
            Some((kind, settings)) => (
                entry.config.is_some() || entry.of_kind(kind).is_some(),
                settings,
            ),
            None => (entry != EntrySettings::default(), typed.as_str()),
        };
        if is_taken {
            return Err(PluginCommandError::SettingsTwice.into());
        }
        let settings = parse(invocation, settings)?;
        match for_kind {
            Some((kind, _)) => entry.set_kind(kind, settings),
            None => entry.config = Some(settings),
        }
    }
    Ok(entry)
}

/// Returns settings in the form that plugins receive.
pub(super) fn text(settings: Option<&Map<String, Value>>) -> Option<String> {
    settings.map(|settings| Value::Object(settings.clone()).to_string())
}
