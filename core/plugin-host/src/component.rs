//! Makes a component of a module for `wasm32-unknown-unknown`. One of rustc's carries its WIT in custom sections; one of a language
//! without a generator of bindings has just the exports, and these tell which interfaces it means.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap};

/// The WIT package, file by file.
const WIT: [(&str, &str); 8] = [
    (
        "agent-backend.wit",
        include_str!("../../../wit/plugin-0.1/agent-backend.wit"),
    ),
    (
        "classifier.wit",
        include_str!("../../../wit/plugin-0.1/classifier.wit"),
    ),
    ("host.wit", include_str!("../../../wit/plugin-0.1/host.wit")),
    (
        "metadata.wit",
        include_str!("../../../wit/plugin-0.1/metadata.wit"),
    ),
    (
        "model-selector.wit",
        include_str!("../../../wit/plugin-0.1/model-selector.wit"),
    ),
    (
        "pr-template.wit",
        include_str!("../../../wit/plugin-0.1/pr-template.wit"),
    ),
    (
        "types.wit",
        include_str!("../../../wit/plugin-0.1/types.wit"),
    ),
    (
        "worlds.wit",
        include_str!("../../../wit/plugin-0.1/worlds.wit"),
    ),
];
/// What a plugin may export.
const INTERFACES: [&str; 5] = [
    "metadata",
    "classifier",
    "model-selector",
    "agent-backend",
    "pr-template",
];

/// A module that cannot become a component.
#[derive(Debug, thiserror::Error)]
#[error("this WebAssembly module cannot become a plugin: {message}")]
pub struct ComponentError {
    message: String,
}

/// Returns the component of a module. Bytes that are a component already come back as they are.
///
/// # Errors
/// Where they are no WebAssembly, or export nothing that a plugin exports.
pub fn component_from_module(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    if is_component(module) {
        return Ok(module.to_vec());
    }
    let module = with_wit(module)?;
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder
        .and_then(|mut encoder| encoder.encode())
        .map_err(refused)
}

fn refused(error: impl Display) -> ComponentError {
    ComponentError {
        message: format!("{error:#}"),
    }
}

/// Returns a module with its WIT; one that has none gets that of the interfaces whose functions it names. The names may stand
/// elsewhere in it than among its exports, but then the encoder misses these.
fn with_wit(module: &[u8]) -> Result<Cow<'_, [u8]>, ComponentError> {
    let has = |text: String| {
        module
            .windows(text.len())
            .any(|bytes| bytes == text.as_bytes())
    };
    let exported: Vec<_> = INTERFACES
        .into_iter()
        .filter(|name| has(format!("autoissue:plugin/{name}@0.1.0#")))
        .collect();
    if exported.is_empty() || has("component-type".to_owned()) {
        return Ok(Cow::Borrowed(module));
    }
    let mut world =
        "package autoissue:made;\nworld made {\n  import autoissue:plugin/host-log@0.1.0;\n"
            .to_owned();
    for name in exported {
        // Writing to a string does not fail.
        let _ = writeln!(world, "  export autoissue:plugin/{name}@0.1.0;");
    }
    world.push('}');
    let mut resolve = Resolve::default();
    let mut files = SourceMap::default();
    WIT.into_iter()
        .for_each(|(name, text)| files.push_str(name, text));
    let package = files.parse().map_err(|(_, error)| refused(error))?;
    resolve.push_group(package).map_err(refused)?;
    let made = resolve.push_source("made.wit", &world).map_err(refused)?;
    let world = resolve.select_world(&[made], None).map_err(refused)?;
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .map_err(refused)?;
    Ok(Cow::Owned(module))
}

/// Returns whether the bytes begin as a component does: the module's magic number, then layer 1 (component model, "Binary format").
pub(crate) fn is_component(bytes: &[u8]) -> bool {
    is_wasm(bytes) && bytes.get(6..8) == Some(&[1, 0])
}

/// Returns whether the bytes begin as WebAssembly does.
pub(crate) fn is_wasm(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm")
}
