//! The mirror's configuration: constants, and the few things that this process knows about the
//! repository. It is never read back.
//!
//! Agents run as the same user and can write to the state directory. Everything they wrote there is
//! overwritten before the next run of git, which may hold the forge's token: an `include`, a
//! credential helper, an ssh command, another URL.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::sync::{MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::large_files::{Settings, server_of};
use super::{Mirror, without_password};

/// Settings of every mirror, so that the user's configuration cannot change what is collected.
const SETTINGS: [(&str, &str); 9] = [
    ("core.repositoryformatversion", "0"),
    ("core.bare", "true"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("transfer.fsckObjects", "true"),
    ("core.autocrlf", "false"),
    ("core.filemode", "true"),
    ("core.symlinks", "true"),
    ("core.logAllRefUpdates", "false"),
];

/// Git LFS settings of every mirror, overriding the user's: objects are stored in the mirror, and a
/// missing one is an error.
const SETTINGS_OF_LFS: [(&str, &str); 2] =
    [("lfs.storage", "lfs"), ("lfs.allowincompletepush", "false")];

/// Git LFS settings unless the user configures them: locks are not checked.
const DEFAULTS_OF_LFS: [(&str, &str); 1] = [("lfs.locksverify", "false")];

/// What `git init` would detect about the file system of a Mac.
const SETTINGS_OF_MACOS: [(&str, &str); 2] = [
    ("core.ignorecase", "true"),
    ("core.precomposeunicode", "true"),
];

/// A file that makes the repository use another directory's configuration and refs.
const COMMONDIR: &str = "commondir";

/// What this process knows about the repository.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Configuration {
    /// URL that bases are fetched from, without credentials.
    pub(super) source: Option<String>,
    /// Filters of the user's repository: keys and values.
    pub(super) filters: BTreeMap<String, String>,
    /// Git LFS settings of the user's repository.
    pub(super) lfs_of_user: Settings,
    /// LFS servers from the base's `.lfsconfig`.
    pub(super) lfs_of_base: Settings,
}

impl Configuration {
    fn text(&self) -> String {
        let of_macos: &[(&str, &str)] = if cfg!(target_os = "macos") {
            &SETTINGS_OF_MACOS
        } else {
            &[]
        };
        let source = self.source.as_deref();
        let source = source.map(|source| ("remote.origin.url", source));
        let filters = self
            .filters
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let of_lfs = self
            .lfs_of_user
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let server = self.download_address();
        let server = server.as_deref().map(|server| ("lfs.url", server));
        let constants = SETTINGS.iter().chain(of_macos).copied();
        constants
            .chain(source)
            .chain(filters)
            .chain(DEFAULTS_OF_LFS)
            .chain(of_lfs)
            .chain(SETTINGS_OF_LFS)
            .chain(server)
            .filter_map(|(key, value)| entry(key, value))
            .collect()
    }

    /// Returns the LFS server for the base's objects. It is always written, because `.lfsconfig` in
    /// a worktree, which an agent may have changed, is only used if nothing is configured.
    fn download_address(&self) -> Option<String> {
        let configured = ["lfs.url", "remote.origin.lfsurl"];
        self.configured_address(&configured)
            .or_else(|| self.source.as_deref().map(server_of))
    }

    /// Returns the LFS server that objects of a repository are uploaded to.
    pub(super) fn upload_address(&self, repository: &str) -> String {
        let configured = [
            "lfs.pushurl",
            "lfs.url",
            "remote.origin.lfspushurl",
            "remote.origin.lfsurl",
        ];
        self.configured_address(&configured)
            .unwrap_or_else(|| server_of(&without_password(repository)))
    }

    /// Returns the first configured URL; the user's takes precedence over the base's.
    fn configured_address(&self, keys: &[&str]) -> Option<String> {
        let found = |key: &&str| {
            self.lfs_of_user
                .get(*key)
                .or_else(|| self.lfs_of_base.get(*key))
        };
        keys.iter().find_map(found).cloned()
    }
}

impl Mirror {
    pub(super) fn own(&self) -> MutexGuard<'_, Configuration> {
        // A panicking holder had replaced a whole value or nothing.
        self.inner
            .own
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the configuration that this process knows, and nothing else.
    pub(super) fn renew_configuration(&self) -> io::Result<()> {
        // Held while writing: two writers would use each other's unfinished file.
        let own = self.own();
        let text = own.text();
        let path = self.path().join("config");
        let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        if !is_file || fs::read(&path)? != text.as_bytes() {
            let mut whole = NamedTempFile::new_in(self.path())?;
            whole.write_all(text.as_bytes())?;
            whole.as_file().sync_all()?;
            whole.persist(&path)?;
        }
        match fs::remove_file(self.path().join(COMMONDIR)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Returns a section of a configuration file with one value. A key that cannot be written is left
/// out.
fn entry(key: &str, value: &str) -> Option<String> {
    let (section, rest) = key.split_once('.')?;
    let (subsection, name) = match rest.rsplit_once('.') {
        Some((subsection, name)) => (format!(" \"{}\"", escaped(subsection)), name),
        None => (String::new(), rest),
    };
    let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_plain(section) || !is_plain(name) || key.contains(['\n', '\0']) || value.contains('\0') {
        return None;
    }
    let value = escaped(value).replace('\n', "\\n").replace('\t', "\\t");
    Some(format!("[{section}{subsection}]\n\t{name} = \"{value}\"\n"))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
