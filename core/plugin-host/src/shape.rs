//! The imports and exports of a component, and the checks that need only their names: none of its
//! code has run.

use wasmtime::component::Component;

use crate::error::LoadError;
use crate::info::Kind;
use crate::track_0_1;
use crate::wasi;

/// The package of the interfaces.
const PACKAGE: &str = "autoissue:plugin/";
/// Our interfaces that a plugin may import; `types` contains only values.
const IMPORTS: [&str; 2] = ["host-log", "types"];

/// The imports and exports of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// All imports, with versions.
    pub imports: Vec<String>,
    /// All exports, with versions.
    pub exports: Vec<String>,
    /// The kinds of strategy that it exports.
    pub kinds: Vec<Kind>,
}

impl Shape {
    pub(crate) fn of(component: &Component) -> Self {
        let (engine, of_type) = (component.engine(), component.component_type());
        let imports = of_type
            .imports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let exports: Vec<String> = of_type
            .exports(engine)
            .map(|(name, _)| name.to_owned())
            .collect();
        let kinds = exports
            .iter()
            .filter_map(|name| ours(name))
            .filter_map(|(name, _)| Kind::named(name))
            .collect();
        Self {
            imports,
            exports,
            kinds,
        }
    }

    /// Returns whether it imports the empty WASI.
    pub(crate) fn imports_wasi(&self) -> bool {
        self.imports.iter().any(|name| wasi::provides(name))
    }

    /// Checks whether it may be run, as far as its names show.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        let of_ours = self
            .imports
            .iter()
            .chain(&self.exports)
            .filter_map(|name| ours(name));
        if let Some((_, version)) = of_ours
            .into_iter()
            .find(|(_, version)| !track_0_1::speaks(version))
        {
            return Err(LoadError::WrongVersion {
                found: version.to_owned(),
                known: track_0_1::VERSIONS,
            });
        }
        if !self
            .exports
            .iter()
            .filter_map(|name| ours(name))
            .any(|(name, _)| name == "metadata")
        {
            return Err(LoadError::NotAPlugin {
                exports: self.exports.clone(),
            });
        }
        let is_provided = |name: &String| match ours(name) {
            Some((name, _)) => IMPORTS.contains(&name),
            None => wasi::provides(name),
        };
        let refused: Vec<String> = self
            .imports
            .iter()
            .filter(|name| !is_provided(name))
            .cloned()
            .collect();
        if !refused.is_empty() {
            return Err(LoadError::NotProvided { imports: refused });
        }
        if self.kinds.is_empty() {
            Err(LoadError::NoStrategy)
        } else {
            Ok(())
        }
    }
}

/// Returns the interface and version of a name in our package.
fn ours(name: &str) -> Option<(&str, &str)> {
    let name = name.strip_prefix(PACKAGE)?;
    Some(name.split_once('@').unwrap_or((name, "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(imports: &[&str], exports: &[&str]) -> Shape {
        fn owned(names: &[&str]) -> Vec<String> {
            names.iter().map(ToString::to_string).collect()
        }

        let kinds = exports
            .iter()
            .filter_map(|name| Kind::named(ours(name)?.0))
            .collect();
        Shape {
            imports: owned(imports),
            exports: owned(exports),
            kinds,
        }
    }

    #[track_caller]
    fn check(shape: &Shape, expected: &str) {
        assert_eq!(shape.check().unwrap_err().to_string(), expected);
    }

    #[test]
    fn unsuitable_components_are_refused_by_their_names_alone() {
        let [metadata, classifier] = [
            "autoissue:plugin/metadata@0.1.3",
            "autoissue:plugin/classifier@0.1.0",
        ];
        assert_eq!(
            shape(
                &["autoissue:plugin/host-log@0.1.0"],
                &[metadata, classifier]
            )
            .check(),
            Ok(())
        );
        check(
            &shape(&[], &["run"]),
            "the component is not an autoissue plugin: it exports `run`",
        );
        check(
            &shape(&[], &[]),
            "the component is not an autoissue plugin: it exports nothing",
        );
        check(
            &shape(&[], &[metadata]),
            "the plugin does not provide any strategy",
        );
        check(
            &shape(&[], &[metadata, "autoissue:plugin/classifier@0.2.0"]),
            "the plugin was built for autoissue:plugin@0.2.0; this autoissue supports 0.1.z",
        );
        check(
            &shape(
                &[
                    "autoissue:plugin/host-http@0.1.0",
                    "wasi:http/types@0.2.0",
                    "env",
                ],
                &[metadata, classifier],
            ),
            "the plugin imports interfaces that autoissue does not provide: `autoissue:plugin/host-http@0.1.0`, `wasi:http/types@0.2.0`, `env`",
        );
    }

    #[test]
    fn an_empty_wasi_needs_no_grant() {
        let shape = shape(
            &["wasi:cli/exit@0.2.0"],
            &[
                "autoissue:plugin/metadata@0.1.0",
                "autoissue:plugin/classifier@0.1.0",
            ],
        );
        assert_eq!((shape.check(), shape.imports_wasi()), (Ok(()), true));
    }
}
