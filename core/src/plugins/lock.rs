//! `autoissue.plugins.lock`: which plugins a repository has approved, by digest, and what they may
//! do.
//!
//! ```text
//!   plugin add ─► entry ─► sorted JSON, one value per line, made for review ─► committed
//!   session    ─► read  ─► Locked::check(digest of the bytes that are compiled, requested grants) ─► go, or Changed
//! ```
//!
//! The file is for people and git; only `plugin add` and `plugin remove` write it. Paths are
//! written as in the configuration. Plugins are sorted by name, so git merges branches that add
//! plugins in different places. Plugins that two branches add in the same place conflict here as
//! they do in the configuration, so a file per plugin would not save anyone a merge.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use autoissue_plugin_host::Sha256Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::PluginGrants;
use crate::whole_file::{read_text, write_whole};

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Name of the file, in the root of the checkout.
pub const FILE_NAME: &str = "autoissue.plugins.lock";

/// Version of the format. A file of a later version is refused, because it may require checks that
/// we do not know.
const FORM: u32 = 1;

/// The plugins that a repository has approved, sorted by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginLock {
    plugins: Vec<Locked>,
}

/// An approved plugin.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Locked {
    /// Name in the configuration.
    pub name: String,
    /// Version that the plugin declares.
    pub version: String,
    /// The component, as written in the configuration.
    pub path: PathBuf,
    /// SHA-256 of the component.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub sha256: Sha256Digest,
    /// Version line of the interfaces that it was built for, such as `0.1`.
    pub track: String,
    /// Its strategies, each as `kind/name`.
    pub strategies: Vec<String>,
    /// Its permissions beyond computing.
    pub grants: PluginGrants,
}

/// How a plugin differs from the approved one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Changed {
    /// The component is a different one.
    #[error("`{}` is not the component that `{FILE_NAME}` approves: expected SHA-256 {agreed}, found {found}", path.display())]
    Content {
        /// The component.
        path: PathBuf,
        /// SHA-256 that was found.
        found: Sha256Digest,
        /// SHA-256 in the file.
        agreed: Sha256Digest,
    },
    /// It would get more permissions.
    #[error("the plugin `{plugin}` asks for more than `{FILE_NAME}` approves: {}", .more.join(", "))]
    Grants {
        /// Name of the plugin.
        plugin: String,
        /// The component.
        path: PathBuf,
        /// The grants that are not approved, each in the form of the flag `--grant`.
        more: Vec<String>,
    },
}

impl Locked {
    /// Checks that this component, with these grants, is the approved one. Fewer grants are fine.
    ///
    /// # Errors
    /// See [`Changed`].
    pub fn check(
        &self,
        path: &Path,
        found: Sha256Digest,
        grants: &PluginGrants,
    ) -> Result<(), Changed> {
        if found != self.sha256 {
            return Err(Changed::Content {
                path: path.to_owned(),
                found,
                agreed: self.sha256,
            });
        }
        let more = beyond(grants, &self.grants);
        if more.is_empty() {
            Ok(())
        } else {
            Err(Changed::Grants {
                plugin: self.name.clone(),
                path: path.to_owned(),
                more,
            })
        }
    }
}

/// Returns the part of `asked` that is not in `granted`, each as `exec=NAME` or `env=NAME`.
pub fn beyond(asked: &PluginGrants, granted: &PluginGrants) -> Vec<String> {
    fn missing(asked: &[String], granted: &[String], kind: &str) -> Vec<String> {
        let names = asked.iter().filter(|name| !granted.contains(name));
        names.map(|name| format!("{kind}={name}")).collect()
    }

    let mut more = missing(&asked.exec, &granted.exec, "exec");
    more.extend(missing(&asked.env, &granted.env, "env"));
    more
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PluginLockError {
    /// It cannot be read or written.
    #[error("failed to {what} `{}`", path.display())]
    Io {
        /// The operation.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not what `plugin add` writes.
    #[error("`{}` cannot be read", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A merge left both sides in it.
    #[error("`{}` has a conflict marker in line {line}", path.display())]
    Conflict {
        /// The file.
        path: PathBuf,
        /// The line of the first marker, from 1.
        line: usize,
    },
    /// It was written by a later release.
    #[error("`{}` has format version {found}; this release supports version {FORM}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A name appears twice, possibly because of a merge.
    #[error("`{}` lists the plugin `{plugin}` twice", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name.
        plugin: String,
    },
}

impl PluginLockError {
    /// Returns what to do about it, unless that is obvious.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { .. } => None,
            Self::Conflict { .. } => Some(
                "keep the entries of both sides and remove the markers, or take one side and run `autoissue plugin add` again for the plugins of the other",
            ),
            Self::Newer { .. } => Some("use the release that wrote it, or a newer one"),
            Self::Malformed { .. } | Self::Twice { .. } => Some(
                "restore it from git, or remove it and add each plugin again with `autoissue plugin add`",
            ),
        }
    }
}

#[derive(Deserialize, Serialize)]
struct File {
    version: u32,
    plugins: Vec<Locked>,
}

impl PluginLock {
    /// Reads the file of a checkout; `None` if there is none.
    ///
    /// # Errors
    /// See [`PluginLockError`].
    pub fn read(project: &Path) -> Result<Option<Self>, PluginLockError> {
        let path = project.join(FILE_NAME);
        let text = match read_text(&path, FILE_BYTES_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| PluginLockError::Io {
                what: "read",
                path: path.clone(),
                source,
            })?,
        };
        Self::parse(&text, &path).map(Some)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, PluginLockError> {
        /// The part that every version has.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        if let Some(line) = conflict_marker(text) {
            return Err(PluginLockError::Conflict {
                path: path.to_owned(),
                line,
            });
        }
        let malformed = |source| PluginLockError::Malformed {
            path: path.to_owned(),
            source,
        };
        let Version { version } = serde_json::from_str(text).map_err(malformed)?;
        if version != FORM {
            return Err(PluginLockError::Newer {
                path: path.to_owned(),
                found: version,
            });
        }
        let File { mut plugins, .. } = serde_json::from_str(text).map_err(malformed)?;
        plugins.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = plugins.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(PluginLockError::Twice {
                path: path.to_owned(),
                plugin: pair[0].name.clone(),
            });
        }
        Ok(Self { plugins })
    }

    /// Writes the file of a checkout atomically; a file that would be empty is removed.
    ///
    /// # Errors
    /// [`PluginLockError::Io`].
    pub fn write(&self, project: &Path) -> Result<(), PluginLockError> {
        let path = project.join(FILE_NAME);
        let failed = |source| PluginLockError::Io {
            what: "write",
            path: path.clone(),
            source,
        };
        if self.plugins.is_empty() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(()),
            };
        }
        write_whole(&path, self.text().as_bytes()).map_err(failed)
    }

    fn text(&self) -> String {
        let file = File {
            version: FORM,
            plugins: self.plugins.clone(),
        };
        serde_json::to_string_pretty(&file).expect("texts, numbers and lists only") + "\n"
    }

    /// Returns the plugins, sorted by name.
    pub fn plugins(&self) -> &[Locked] {
        &self.plugins
    }

    /// Returns the plugin of that name.
    pub fn plugin(&self, name: &str) -> Option<&Locked> {
        self.plugins.iter().find(|plugin| plugin.name == name)
    }

    /// Adds a plugin, replacing an earlier one of the same name. Its lists are sorted, so that a
    /// diff shows only real changes.
    pub fn insert(&mut self, mut plugin: Locked) {
        plugin.strategies.sort_unstable();
        plugin.grants.exec.sort_unstable();
        plugin.grants.env.sort_unstable();
        self.remove(&plugin.name);
        let at = self
            .plugins
            .partition_point(|other| other.name < plugin.name);
        self.plugins.insert(at, plugin);
    }

    /// Removes the plugin of that name; returns whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let n_before = self.plugins.len();
        self.plugins.retain(|plugin| plugin.name != name);
        self.plugins.len() < n_before
    }
}

/// Returns the line of the first conflict marker of git, from 1. No line that we write starts like
/// one.
fn conflict_marker(text: &str) -> Option<usize> {
    const MARKERS: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];
    let is_marker = |line: &str| MARKERS.iter().any(|marker| line.starts_with(marker));
    text.lines().position(is_marker).map(|index| index + 1)
}

fn as_text<S: Serializer>(digest: &Sha256Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Sha256Digest, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str) -> Locked {
        Locked {
            name: name.into(),
            version: "0.1.0".into(),
            path: format!("plugins/{name}.wasm").into(),
            sha256: Sha256Digest::of(name.as_bytes()),
            track: "0.1".into(),
            strategies: vec!["pr-template/short".into(), "classifier/strict".into()],
            grants: PluginGrants {
                exec: vec!["codex".into(), "aider".into()],
                ..PluginGrants::default()
            },
        }
    }

    fn parse(text: &str) -> Result<PluginLock, PluginLockError> {
        PluginLock::parse(text, Path::new(FILE_NAME))
    }

    #[test]
    fn it_is_sorted_with_one_value_per_line() {
        let mut lock = PluginLock::default();
        ["b", "a", "b"]
            .into_iter()
            .for_each(|name| lock.insert(locked(name)));
        assert_eq!(
            lock.plugins()
                .iter()
                .map(|it| it.name.as_str())
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
        let expected = r#"    {
      "name": "a",
      "version": "0.1.0",
      "path": "plugins/a.wasm",
      "sha256": "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
      "track": "0.1",
      "strategies": [
        "classifier/strict",
        "pr-template/short"
      ],
      "grants": {
        "exec": [
          "aider",
          "codex"
        ],
        "env": []
      }
    },
"#;
        assert!(lock.text().contains(expected), "{}", lock.text());
        assert_eq!(parse(&lock.text()).unwrap(), lock);
    }

    #[test]
    fn it_is_written_and_read_and_gone_when_empty() {
        let project = tempfile::tempdir().unwrap();
        assert_eq!(PluginLock::read(project.path()).unwrap(), None);
        let mut lock = PluginLock::default();
        lock.insert(locked("a"));
        lock.write(project.path()).unwrap();
        assert_eq!(
            PluginLock::read(project.path()).unwrap().as_ref(),
            Some(&lock)
        );
        assert!(lock.remove("a") && !lock.remove("a"));
        lock.write(project.path()).unwrap();
        lock.write(project.path()).unwrap();
        assert_eq!(fs::read_dir(project.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_lock_file_with_merge_leftovers_is_refused() {
        let twice = serde_json::to_string(&File {
            version: FORM,
            plugins: vec![locked("a"), locked("a")],
        })
        .unwrap();
        for (text, expected) in [
            (
                r#"{"version": 2, "news": []}"#,
                "`autoissue.plugins.lock` has format version 2; this release supports version 1",
            ),
            (
                twice.as_str(),
                "`autoissue.plugins.lock` lists the plugin `a` twice",
            ),
            (
                "{\n<<<<<<< HEAD\n",
                "`autoissue.plugins.lock` has a conflict marker in line 2",
            ),
            // Somebody removed only one marker.
            (
                "{\n  \"version\": 1,\n=======\n",
                "`autoissue.plugins.lock` has a conflict marker in line 3",
            ),
            ("{", "`autoissue.plugins.lock` cannot be read"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn another_component_or_more_grants_are_a_change() {
        let agreed = locked("a");
        let check = |bytes: &[u8], grants: &PluginGrants| {
            agreed
                .check(Path::new("billing.wasm"), Sha256Digest::of(bytes), grants)
                .map_err(|changed| changed.to_string())
        };
        assert_eq!(
            check(b"a", &PluginGrants::default()),
            Ok(()),
            "less than approved is fine"
        );
        assert_eq!(check(b"a", &agreed.grants), Ok(()));
        let more = PluginGrants {
            exec: vec!["codex".into(), "rm".into()],
            env: vec!["KEY".into()],
        };
        assert_eq!(
            check(b"a", &more).unwrap_err(),
            "the plugin `a` asks for more than `autoissue.plugins.lock` approves: exec=rm, env=KEY"
        );
        assert!(
            check(b"b", &agreed.grants)
                .unwrap_err()
                .contains("is not the component")
        );
    }
}
