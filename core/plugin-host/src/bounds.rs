//! Bounds on a component, checked before anything compiles it: its structure is read once, section
//! by section, without recursion.
//!
//! Validating and compiling take time and memory that grow faster than the file: 63 KB of nested
//! components took 837 MB, and one function of 245 KB took 48 s. The bounds are many times what
//! components of languages with a runtime contain; what they let through is compiled within limits
//! of its own.

use wasmparser::{BinaryReaderError, FunctionBody, Parser, Payload};

use crate::error::LoadError;

/// Most components and modules inside each other. A component of CPython has one level, composing
/// adds two or three.
const DEPTH_MAX: u64 = 10;
/// Most modules and components. A component of CPython has 17.
const N_MODULES_MAX: u64 = 1_000;
/// Most instances, of modules and components together. A component of CPython has 68.
const N_INSTANCES_MAX: u64 = 1_000;
/// Most functions with a body. A component of CPython has 13,357.
const N_FUNCTIONS_MAX: u64 = 200_000;
/// Most local variables of a function, without its parameters. A component of CPython has up to 271;
/// the limit of engines is 50,000.
const N_LOCALS_MAX: u64 = 10_000;
/// Largest body of a function, in bytes. A component of CPython has up to 427 KB; the limit of
/// engines is 7.7 MB.
const BODY_BYTES_MAX: u64 = 4 << 20;

/// Checks that a component is within the bounds.
pub(crate) fn check(component: &[u8]) -> Result<(), LoadError> {
    let mut counts = Counts::default();
    for payload in Parser::new(0).parse_all(component) {
        counts.add(&payload.map_err(|error| invalid(&error))?)?;
    }
    Ok(())
}

fn invalid(error: &BinaryReaderError) -> LoadError {
    LoadError::Invalid {
        message: error.to_string(),
    }
}

#[derive(Default)]
struct Counts {
    depth: u64,
    n_modules: u64,
    n_instances: u64,
    n_functions: u64,
}

impl Counts {
    fn add(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                self.depth += 1;
                self.n_modules += 1;
                at_most("levels of nested components", self.depth, DEPTH_MAX)?;
                at_most("modules and components", self.n_modules, N_MODULES_MAX)
            }
            // The last end is that of the file itself.
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::InstanceSection(instances) => self.instances(instances.count()),
            Payload::ComponentInstanceSection(instances) => self.instances(instances.count()),
            Payload::CodeSectionStart { count, .. } => {
                self.n_functions += u64::from(*count);
                at_most("functions", self.n_functions, N_FUNCTIONS_MAX)
            }
            Payload::CodeSectionEntry(body) => check_function(body),
            _ => Ok(()),
        }
    }

    fn instances(&mut self, count: u32) -> Result<(), LoadError> {
        self.n_instances += u64::from(count);
        at_most("instances", self.n_instances, N_INSTANCES_MAX)
    }
}

fn check_function(body: &FunctionBody<'_>) -> Result<(), LoadError> {
    let n_bytes = body.range().len() as u64;
    at_most("bytes in one function", n_bytes, BODY_BYTES_MAX)?;
    let mut n_locals = 0_u64;
    for group in body.get_locals_reader().map_err(|error| invalid(&error))? {
        let (count, _) = group.map_err(|error| invalid(&error))?;
        n_locals += u64::from(count);
        at_most("local variables in one function", n_locals, N_LOCALS_MAX)?;
    }
    Ok(())
}

fn at_most(what: &'static str, found: u64, max: u64) -> Result<(), LoadError> {
    if found <= max {
        return Ok(());
    }
    Err(LoadError::TooMuch { what, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let component = wat::parse_str(text).unwrap();
        assert_eq!(check(&component).unwrap_err().to_string(), expected);
    }

    fn repeated(what: &str, n: usize) -> String {
        format!("(component {})", what.repeat(n))
    }

    #[test]
    fn what_an_ordinary_component_has_is_accepted() {
        let text = "(component (core module $m (func (export \"f\") (local i32 i64))) (core instance (instantiate $m)) (component))";
        assert_eq!(check(&wat::parse_str(text).unwrap()), Ok(()));
        let nested = |n| format!("(component {}{})", "(component ".repeat(n), ")".repeat(n));
        assert_eq!(check(&wat::parse_str(nested(10)).unwrap()), Ok(()));
        check_refused(
            &nested(11),
            "the component has more than 10 levels of nested components",
        );
    }

    #[test]
    fn what_takes_too_long_to_compile_is_refused() {
        check_refused(
            &repeated("(core module)", 1_001),
            "the component has more than 1000 modules and components",
        );
        let instances = format!(
            "(core module $m) {}",
            "(core instance (instantiate $m))".repeat(1_001)
        );
        check_refused(
            &repeated(&instances, 1),
            "the component has more than 1000 instances",
        );
        let locals = format!("(core module (func (local {})))", "v128 ".repeat(10_001));
        check_refused(
            &repeated(&locals, 1),
            "the component has more than 10000 local variables in one function",
        );
        // 19 bytes.
        let step = "v128.const i64x2 1 1 drop ";
        let long = format!("(core module (func {}))", step.repeat((4 << 20) / 19 + 1));
        check_refused(
            &repeated(&long, 1),
            "the component has more than 4194304 bytes in one function",
        );
        let many = format!("(core module {})", "(func)".repeat(200_001));
        check_refused(
            &repeated(&many, 1),
            "the component has more than 200000 functions",
        );
    }
}
