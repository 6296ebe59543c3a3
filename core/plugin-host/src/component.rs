//! Makes a component of what rustc makes for `wasm32-unknown-unknown`: a module that carries its WIT in custom sections.

use wit_component::ComponentEncoder;

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
    let encoded = ComponentEncoder::default().validate(true).module(module).and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| ComponentError { message: format!("{error:#}") })
}

/// Returns whether the bytes begin as a component does: the module's magic number, then layer 1 (component model, "Binary format").
pub(crate) fn is_component(bytes: &[u8]) -> bool {
    is_wasm(bytes) && bytes.get(6..8) == Some(&[1, 0])
}

/// Returns whether the bytes begin as WebAssembly does.
pub(crate) fn is_wasm(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm")
}
