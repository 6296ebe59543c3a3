//! The imports and exports of a component, and the checks that need only their names: none of its
//! code has run.

use wasmtime::component::Component;

use crate::error::LoadError;
use crate::info::Kind;
use crate::track_0_1;
use crate::wasi;

/// The namespace of our packages.
const NAMESPACE: &str = "autoissue:";
/// Description of the plugin, which every plugin exports.
const METADATA: &str = "plugin/metadata";
/// Our interfaces that a plugin may import; `types` contains only values.
const IMPORTS: [&str; 2] = ["plugin/host-log", "types/types"];

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
        let kinds = exports.iter().filter_map(|name| kind_of(name)).collect();
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

    /// Returns whether it imports our interfaces in another version line too.
    pub(crate) fn imports_other_versions(&self) -> bool {
        all_ours(&self.imports).any(|it| !it.is_known())
    }

    /// Returns whether it exports a kind in a version that this host does not know.
    pub(crate) fn exports_elsewhere(&self, kind: Kind) -> bool {
        let name = format!("{0}/{0}", kind.name());
        all_ours(&self.exports).any(|it| it.name == name && !it.is_known())
    }

    /// Checks whether it may be run, as far as its names show. Interfaces of another version line
    /// are ignored if those of ours are complete, so that one component can serve both.
    pub(crate) fn check(&self) -> Result<(), LoadError> {
        let is_described = all_ours(&self.exports).any(|it| it.name == METADATA && it.is_known());
        let is_whole = is_described && !self.kinds.is_empty();
        let mut all = all_ours(&self.imports).chain(all_ours(&self.exports));
        let other = all.find(|it| !it.is_known());
        if let Some(other) = other.filter(|_| !is_whole) {
            let (package, _) = other.name.split_once('/').unwrap_or((other.name, ""));
            return Err(LoadError::WrongVersion {
                package: format!("{NAMESPACE}{package}"),
                found: other.version.to_owned(),
                known: track_0_1::VERSIONS,
            });
        }
        if !is_described {
            return Err(LoadError::NotAPlugin {
                exports: self.exports.clone(),
            });
        }
        let is_provided = |name: &String| match ours(name) {
            Some(it) => IMPORTS.contains(&it.name) || !it.is_known(),
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

/// One of our interfaces, as named by a component.
struct OurInterface<'a> {
    /// Package and interface: `plugin/metadata`.
    name: &'a str,
    version: &'a str,
}

impl OurInterface<'_> {
    /// Returns whether this host knows this version of it.
    fn is_known(&self) -> bool {
        track_0_1::speaks(self.version)
    }
}

/// Returns the kind of strategy that an export of a known version provides. Interface and package
/// of a kind have its name.
fn kind_of(export: &str) -> Option<Kind> {
    let found = ours(export).filter(OurInterface::is_known)?;
    let (package, interface) = found.name.split_once('/')?;
    Kind::named(interface).filter(|_| package == interface)
}

/// Returns those of the names that are interfaces of ours.
fn all_ours(names: &[String]) -> impl Iterator<Item = OurInterface<'_>> {
    names.iter().filter_map(|name| ours(name))
}

/// Returns the interface, if it is one of ours.
fn ours(name: &str) -> Option<OurInterface<'_>> {
    let name = name.strip_prefix(NAMESPACE)?;
    let (name, version) = name.split_once('@').unwrap_or((name, ""));
    Some(OurInterface { name, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(imports: &[&str], exports: &[&str]) -> Shape {
        fn owned(names: &[&str]) -> Vec<String> {
            names.iter().map(ToString::to_string).collect()
        }

        let kinds = exports.iter().filter_map(|name| kind_of(name)).collect();
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
            "autoissue:classifier/classifier@0.1.0",
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
            &shape(&[], &[metadata, "autoissue:classifier/classifier@0.2.0"]),
            "the plugin was built for autoissue:classifier@0.2.0; this autoissue supports 0.1.z",
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
    fn another_version_line_beside_a_complete_one_is_ignored() {
        let [metadata, classifier] = ["plugin/metadata", "classifier/classifier"]
            .map(|name| format!("autoissue:{name}@0.1.0"));
        let [later, other] = ["plugin/metadata", "classifier/classifier"]
            .map(|name| format!("autoissue:{name}@0.2.0"));
        let both = shape(
            &["autoissue:plugin/host-log@0.2.0"],
            &[&metadata, &classifier, &later, &other],
        );
        assert_eq!((both.check(), both.kinds.len()), (Ok(()), 1));
        assert!(both.imports_other_versions());
        assert!(
            both.exports_elsewhere(Kind::Classifier) && !both.exports_elsewhere(Kind::PrTemplate)
        );
        check(
            &shape(&[], &[&later, &other]),
            "the plugin was built for autoissue:plugin@0.2.0; this autoissue supports 0.1.z",
        );
    }

    #[test]
    fn an_empty_wasi_needs_no_grant() {
        let shape = shape(
            &["wasi:cli/exit@0.2.0"],
            &[
                "autoissue:plugin/metadata@0.1.0",
                "autoissue:classifier/classifier@0.1.0",
            ],
        );
        assert_eq!((shape.check(), shape.imports_wasi()), (Ok(()), true));
    }
}
