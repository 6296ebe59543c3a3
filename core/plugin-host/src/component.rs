//! Turns a module for `wasm32-unknown-unknown` into a component. A module built by rustc carries
//! its WIT in custom sections. A module in a language without a bindings generator only has
//! exports, and their names show which interfaces it implements.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The WIT packages, each after those that it uses.
const WIT: [&str; 6] = [
    include_str!("../../../wit/deps/types-0.1/types.wit"),
    include_str!("../../../wit/deps/plugin-0.1/plugin.wit"),
    include_str!("../../../wit/deps/classifier-0.1/classifier.wit"),
    include_str!("../../../wit/deps/model-selector-0.1/model-selector.wit"),
    include_str!("../../../wit/deps/agent-backend-0.1/agent-backend.wit"),
    include_str!("../../../wit/deps/pr-template-0.1/pr-template.wit"),
];
/// The interfaces that a plugin may export.
const INTERFACES: [&str; 5] = [
    "autoissue:plugin/metadata@0.1.0",
    "autoissue:classifier/classifier@0.1.0",
    "autoissue:model-selector/model-selector@0.1.0",
    "autoissue:agent-backend/agent-backend@0.1.0",
    "autoissue:pr-template/pr-template@0.1.0",
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
        .filter(|interface| has(format!("{interface}#")))
        .collect();
    if exported.is_empty() || has("component-type".to_owned()) {
        return Ok(Cow::Borrowed(module));
    }
    let mut world =
        "package autoissue:made;\nworld made {\n  import autoissue:plugin/host-log@0.1.0;\n"
            .to_owned();
    for interface in exported {
        // Writing to a string cannot fail.
        let _ = writeln!(world, "  export {interface};");
    }
    world.push('}');
    let mut resolve = Resolve::default();
    for package in WIT {
        resolve
            .push_source("package.wit", package)
            .map_err(refused)?;
    }
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
