//! Turns a module for `wasm32-unknown-unknown` into a component. A module built by rustc carries
//! its WIT in custom sections. A module in a language without a bindings generator only has
//! exports, and their names show which interfaces it implements.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap};

/// The files of the WIT package.
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
/// The interfaces that a plugin may export.
const INTERFACES: [&str; 5] = [
    "metadata",
    "classifier",
    "model-selector",
    "agent-backend",
    "pr-template",
];

/// A module that cannot be turned into a component.
#[derive(Debug, thiserror::Error)]
#[error("cannot turn this WebAssembly module into a plugin: {message}")]
pub struct ComponentError {
    message: String,
}

/// Returns the component of a module. Bytes that already are a component are returned unchanged.
///
/// # Errors
/// The bytes are not WebAssembly, or export none of a plugin's interfaces.
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

/// Returns a module with its WIT; a module without one gets that of the interfaces whose functions
/// it names. The names may occur outside of its exports, but then the encoder reports them as
/// missing.
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
        // Writing to a string cannot fail.
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

/// Returns whether the bytes start like a component: the module's magic number, then layer 1
/// (component model, "Binary format").
pub(crate) fn is_component(bytes: &[u8]) -> bool {
    is_wasm(bytes) && bytes.get(6..8) == Some(&[1, 0])
}

/// Returns whether the bytes start like WebAssembly.
pub(crate) fn is_wasm(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm")
}
