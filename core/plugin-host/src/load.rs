//! Turns bytes into a plugin; everything that can be refused before a session starts is refused
//! here.
//!
//! ```text
//!   size, magic ─► bounds ─► compile ─► names and versions ─► imports ─► exports ─► trial instance (types) ─► describe ─► claims
//!   └──────────────── none of the plugin's code has run ───────────────┘
//! ```

use std::path::Path;

use wasmtime::component::Component;

use crate::bounds;
use crate::compile::{CompileError, CompileRequest, compile_for};
use crate::component::{is_component, is_wasm};
use crate::digest::Sha256Digest;
use crate::error::LoadError;
use crate::grants::Grants;
use crate::host::PluginHost;
use crate::plugin::Plugin;
use crate::shape::Shape;
use crate::track_0_1::{Imports, Loaded};

impl PluginHost {
    /// Creates a plugin from a component's bytes. Compiles it if it is not cached, which takes
    /// seconds for the largest. `file` is only for messages.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn load(&self, file: &Path, bytes: &[u8], grants: &Grants) -> Result<Plugin, LoadError> {
        let (component, digest) = self.component(file, bytes)?;
        let shape = Shape::of(&component);
        shape.check()?;
        let imports = Imports {
            wasi: shape.imports_wasi(),
            other_versions: shape.imports_other_versions(),
        };
        let loaded = Loaded::open(self.shared.clone(), &component, &shape.kinds, imports)?;
        Plugin::new(loaded, digest, shape, grants.clone())
    }

    /// Returns the imports and exports of any component. It is compiled, but none of its code is
    /// run.
    ///
    /// # Errors
    /// The bytes are not a valid component, or too large.
    pub fn examine(&self, file: &Path, bytes: &[u8]) -> Result<Shape, LoadError> {
        let (component, _) = self.component(file, bytes)?;
        Ok(Shape::of(&component))
    }

    fn component(&self, file: &Path, bytes: &[u8]) -> Result<(Component, Sha256Digest), LoadError> {
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
        let cached = self
            .cache
            .as_ref()
            .and_then(|cache| cache.get(&self.shared.engine, digest));
        if let Some(code) = cached {
            match self.deserialized(&code) {
                Ok(component) => return Ok((component, digest)),
                Err(error) => tracing::debug!(%error, "replacing compiled code of another version"),
            }
        }
        bounds::check(bytes)?;
        let code = self.compiled(file, bytes)?;
        let component = self
            .deserialized(&code)
            .map_err(|error| LoadError::Invalid {
                message: format!("{error:#}"),
            })?;
        if let Some(cache) = &self.cache {
            cache.keep(&self.shared.engine, digest, &code);
        }
        Ok((component, digest))
    }

    fn compiled(&self, file: &Path, component: &[u8]) -> Result<Vec<u8>, LoadError> {
        if let Some(compiler) = &self.compiler {
            return compiler.compile(&CompileRequest {
                file,
                component,
                counts_instructions: self.shared.meter.is_some(),
            });
        }
        compile_for(&self.shared.engine, component).map_err(|error: CompileError| {
            LoadError::Invalid {
                message: error.to_string(),
            }
        })
    }

    fn deserialized(&self, code: &[u8]) -> wasmtime::Result<Component> {
        #[expect(
            unsafe_code,
            reason = "this program compiled it, or cached it in a directory that only its user can access"
        )]
        // SAFETY: the code comes from our own program, over a pipe of its own, or from a directory
        // that only we can access (`Cache::open`), where digests show that it is complete. wasmtime
        // checks version and settings itself.
        unsafe {
            Component::deserialize(&self.shared.engine, code)
        }
    }
}
