//! Turns bytes into a plugin; everything that can be refused before a session starts is refused
//! here.
//!
//! ```text
//!   size, magic ─► compile ─► names and versions ─► imports ─► exports ─► trial instance (types) ─► describe ─► claims
//!   └──────────────── none of the plugin's code has run ───────────────┘
//! ```

use wasmtime::component::Component;

use crate::component::{is_component, is_wasm};
use crate::digest::Sha256Digest;
use crate::error::LoadError;
use crate::grants::Grants;
use crate::host::PluginHost;
use crate::plugin::Plugin;
use crate::shape::Shape;
use crate::track_0_1::Loaded;

impl PluginHost {
    /// Creates a plugin from a component's bytes. Compiles it if it is not cached, which takes
    /// seconds for the largest.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(&self, bytes: &[u8], grants: &Grants) -> Result<Plugin, LoadError> {
        let (component, digest) = self.component(bytes)?;
        let shape = Shape::of(&component);
        shape.check(grants)?;
        let loaded = Loaded::open(self.shared.clone(), &component, &shape.kinds)?;
        Plugin::new(loaded, digest, shape, grants.clone())
    }

    /// Returns the imports and exports of any component. It is compiled, but none of its code is
    /// run.
    ///
    /// # Errors
    /// The bytes are not a valid component, or too large.
    pub fn examine(&self, bytes: &[u8]) -> Result<Shape, LoadError> {
        let (component, _) = self.component(bytes)?;
        Ok(Shape::of(&component))
    }

    fn component(&self, bytes: &[u8]) -> Result<(Component, Sha256Digest), LoadError> {
        let n_bytes_max = self.shared.limits.component_bytes_max;
        if n_bytes_max < bytes.len() {
            return Err(LoadError::TooLarge {
                n_bytes: bytes.len(),
                n_bytes_max,
            });
        }
        if !is_wasm(bytes) {
            return Err(LoadError::NotWasm);
        }
        if !is_component(bytes) {
            return Err(LoadError::NotAComponent);
        }
        let digest = Sha256Digest::of(bytes);
        Ok((self.compiled(bytes, digest)?, digest))
    }

    fn compiled(&self, bytes: &[u8], digest: Sha256Digest) -> Result<Component, LoadError> {
        let compiled = match &self.shared.cache {
            Some(cache) => cache.component(&self.shared.engine, bytes, digest),
            None => Component::from_binary(&self.shared.engine, bytes),
        };
        compiled.map_err(|error| LoadError::Invalid {
            message: format!("{error:#}"),
        })
    }
}
