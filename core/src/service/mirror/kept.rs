//! What kept work takes on disk, and giving that back.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{BASES, GitError, Mirror, REWOUND, SALVAGE};

impl Mirror {
    /// Returns the bytes of objects that only salvaged work needs.
    ///
    /// # Errors
    /// Where git fails, or is older than 2.31.
    pub fn salvage_bytes(&self) -> Result<u64, GitError> {
        if self.salvaged().is_ok_and(|refs| refs.is_empty()) {
            return Ok(0);
        }
        let none: [(&str, &str); 0] = [];
        let (salvage, bases, rewound) = (glob(SALVAGE), glob(BASES), glob(REWOUND));
        let args = [
            "rev-list",
            "--objects",
            "--disk-usage",
            &salvage,
            "--not",
            &bases,
            &rewound,
        ];
        let printed = self.run_git(self.path(), &args, &none, None)?;
        Ok(String::from_utf8_lossy(&printed)
            .trim()
            .parse()
            .unwrap_or_default())
    }

    /// Removes the objects that nothing of ours needs any more; returns how many bytes that freed. No clone may borrow objects meanwhile.
    ///
    /// # Errors
    /// Where git fails.
    pub fn prune(&self) -> Result<u64, GitError> {
        let none: [(&str, &str); 0] = [];
        let objects = self.path().join("objects");
        let before = bytes_below(&objects);
        self.run_git(self.path(), &["gc", "--quiet", "--prune=now"], &none, None)?;
        Ok(before.saturating_sub(bytes_below(&objects)))
    }
}

fn glob(prefix: &str) -> String {
    format!("--glob={prefix}*")
}

/// Bytes of a block, as the system counts what a file takes.
const BLOCK_BYTES: u64 = 512;

/// Returns the bytes that all files below a directory take on disk, as far as they can be seen: holes take none.
pub fn bytes_below(directory: &Path) -> u64 {
    let mut bytes: u64 = 0;
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => left.push(entry.path()),
                Ok(found) => bytes = bytes.saturating_add(found.blocks() * BLOCK_BYTES),
                Err(_) => {}
            }
        }
    }
    bytes
}
