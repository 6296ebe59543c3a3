//! From bytes to a plugin, and everything that can be refused before a session begins.
//!
//! ```text
//!   size, magic ─► compile ─► names and versions ─► imports ─► exports ─► trial instance (types) ─► describe ─► claims
//!   └────────────────── nothing of the plugin has run ─────────────────┘
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
    /// Makes a plugin of a component's bytes. `digest` is that of the very same bytes. Compiles where it is not known yet: seconds for
    /// the largest.
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

    /// Returns what any component imports and exports. It is compiled for that, and nothing of it runs.
    ///
    /// # Errors
    /// Where it is no valid component, or too large.
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
