//! Measures the disk space of kept work, and frees it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use git2::Oid;

use super::{BASES, GitError, Mirror, MirrorError, REWOUND, SALVAGE, Salvage, io_error};

/// Marks a mirror that contains unneeded objects: the process that dropped the work may have died
/// before freeing the space.
const TO_BE_PRUNED: &str = "autoissue/to-be-pruned";

/// The directory in the mirror that does not belong to git.
const OWN: &str = "autoissue";

impl Mirror {
    /// Returns the bytes of objects, including those of Git LFS, that only salvaged work needs.
    ///
    /// # Errors
    /// Git fails, or is older than 2.31.
    pub fn salvage_bytes(&self) -> Result<u64, MirrorError> {
        let salvaged = self.salvaged()?;
        if salvaged.is_empty() {
            return Ok(0);
        }
        let of_lfs = self.large_file_bytes(&oids(&salvaged))?;
        let of_git = self
            .salvaged_object_bytes()
            .doing_git("measure the salvaged work")?;
        Ok(of_git.saturating_add(of_lfs))
    }

    fn salvaged_object_bytes(&self) -> Result<u64, GitError> {
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

    /// Drops salvaged work: its refs, and the Git LFS objects that nothing else of ours needs.
    /// [`prune`](Mirror::prune) then frees the rest of the space.
    ///
    /// # Errors
    /// [`MirrorError`]; repeating it continues.
    pub fn forget(&self, forgotten: &[Salvage]) -> Result<(), MirrorError> {
        let marker = self.path().join(TO_BE_PRUNED);
        let written =
            fs::create_dir_all(self.path().join(OWN)).and_then(|()| fs::write(&marker, ""));
        written.map_err(|source| io_error("write", &marker, source))?;
        let kept: Vec<Salvage> = self
            .salvaged()?
            .into_iter()
            .filter(|salvage| !forgotten.contains(salvage))
            .collect();
        self.remove_large_files(&oids(forgotten), &oids(&kept))?;
        for Salvage {
            session,
            issue,
            name,
            ..
        } in forgotten
        {
            self.delete_salvage(session, *issue, name)?;
        }
        Ok(())
    }

    /// Returns whether salvaged work was dropped whose space has not been freed yet.
    #[must_use]
    pub fn is_to_be_pruned(&self) -> bool {
        self.path().join(TO_BE_PRUNED).exists()
    }

    /// Removes the objects that nothing of ours needs. No clone may borrow objects in the meantime.
    ///
    /// # Errors
    /// [`MirrorError`]; repeating it continues.
    pub fn prune(&self) -> Result<(), MirrorError> {
        let none: [(&str, &str); 0] = [];
        let args = ["gc", "--quiet", "--prune=now"];
        self.run_git(self.path(), &args, &none, None)
            .doing_git("remove unneeded objects")?;
        let marker = self.path().join(TO_BE_PRUNED);
        fs::remove_file(&marker).map_err(|source| io_error("remove", &marker, source))
    }

    /// Returns the disk space of all objects, in bytes.
    #[must_use]
    pub fn object_bytes(&self) -> u64 {
        let [objects, lfs] = ["objects", "lfs"].map(|name| bytes_below(&self.path().join(name)));
        objects.saturating_add(lfs)
    }
}

/// Names the step at which git failed.
trait DoingGit<T> {
    fn doing_git(self, what: &str) -> Result<T, MirrorError>;
}

impl<T> DoingGit<T> for Result<T, GitError> {
    fn doing_git(self, what: &str) -> Result<T, MirrorError> {
        self.map_err(|error| MirrorError::Library {
            doing: what.to_owned(),
            source: Box::new(error),
        })
    }
}

fn oids(salvaged: &[Salvage]) -> Vec<Oid> {
    salvaged
        .iter()
        .map(|salvage| salvage.commit.oid())
        .collect()
}

fn glob(prefix: &str) -> String {
    format!("--glob={prefix}*")
}

/// Bytes of a block, the unit in which the system reports a file's disk usage.
const BLOCK_BYTES: u64 = 512;

/// Returns the disk space of all readable files below a directory, in bytes; holes in files do not
/// count.
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
