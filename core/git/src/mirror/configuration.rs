//! The mirror's configuration: constants, and the little that this process knows of the repository. It is never read back.
//!
//! Agents run as the same user and can write to the state directory. Whatever they wrote there is gone before git, which may hold
//! the forge's token, runs the next time: an `include`, a helper for credentials, a command for ssh, another address.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::sync::{MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::large_files::{Settings, server_of};
use super::{Mirror, without_password};

/// What every mirror's configuration says, so that the user's configuration cannot change what is collected.
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

/// What the mirror's configuration says of Git LFS, whatever the user's does: objects lie in the mirror, and one that is missing is an error.
const SETTINGS_OF_LFS: [(&str, &str); 2] =
    [("lfs.storage", "lfs"), ("lfs.allowincompletepush", "false")];

/// What it says unless the user's does: nobody asks who has locked a file.
const DEFAULTS_OF_LFS: [(&str, &str); 1] = [("lfs.locksverify", "false")];

/// What `git init` would find out of a Mac's file system.
const SETTINGS_OF_MACOS: [(&str, &str); 2] = [
    ("core.ignorecase", "true"),
    ("core.precomposeunicode", "true"),
];

/// A file that makes another directory's configuration and refs those of the repository.
const COMMONDIR: &str = "commondir";

/// What we know of the repository.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Configuration {
    /// Where bases come from, without credentials.
    pub(super) source: Option<String>,
    /// Filters of the user's repository: keys and values.
    pub(super) filters: BTreeMap<String, String>,
    /// What the user's repository says of Git LFS.
    pub(super) lfs_of_user: Settings,
    /// What `.lfsconfig` of the base says of LFS servers.
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

    /// Returns the LFS server that the base's objects come from. It is always written down, because `.lfsconfig` in a worktree, which
    /// an agent may have changed, counts only where nothing is configured.
    fn download_address(&self) -> Option<String> {
        let configured = ["lfs.url", "remote.origin.lfsurl"];
        self.configured_address(&configured)
            .or_else(|| self.source.as_deref().map(server_of))
    }

    /// Returns the LFS server that takes objects for a repository.
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

    /// Returns the first address that is configured; the user wins over the base.
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
        // Whoever panicked had changed one whole value or none.
        self.inner
            .own
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the configuration what this process knows, and nothing else.
    pub(super) fn renew_configuration(&self) -> io::Result<()> {
        // Held while writing: two writers would take each other's unfinished file.
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

/// Returns a section of a configuration file with one value. A key that no file can hold is left out.
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
