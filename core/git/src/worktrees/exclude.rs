//! Hides our directory from the user's `git status` with one line in `.git/info/exclude`, written
//! once.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::mirror::repository_containing;

/// Adds the directory `name` of the project to the excludes of the repository that contains the
/// project, unless such a line exists. Not needed for a project outside of any repository, or in a
/// bare one.
pub(super) fn exclude(project: &Path, name: &Path) -> io::Result<()> {
    let Ok(repository) = repository_containing(project) else {
        return Ok(());
    };
    let Some(top) = repository.workdir() else {
        return Ok(());
    };
    let below = project.canonicalize()?;
    let below = below
        .strip_prefix(top.canonicalize()?)
        .unwrap_or(Path::new(""))
        .to_owned();
    let mut line = b"/".to_vec();
    line.extend(escaped(below.join(name).as_os_str().as_bytes()));
    line.push(b'/');
    add_line(
        &repository.commondir().join("info").join("exclude"),
        &line,
        name.as_os_str().as_bytes(),
    )
}

fn add_line(file: &Path, line: &[u8], name: &[u8]) -> io::Result<()> {
    fn bare(line: &[u8]) -> Vec<u8> {
        line.trim_ascii()
            .strip_suffix(b"/")
            .unwrap_or(line.trim_ascii())
            .to_vec()
    }

    let text = match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        read => read?,
    };
    if text
        .split(|byte| *byte == b'\n')
        .map(bare)
        .any(|present| present == bare(line) || present == name)
    {
        return Ok(());
    }
    let mut addition = if text.last().is_some_and(|last| *last != b'\n') {
        b"\n".to_vec()
    } else {
        Vec::new()
    };
    addition.extend(line);
    addition.push(b'\n');
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)?
        .write_all(&addition)
}

/// Escapes the characters that are special in an exclude line.
fn escaped(path: &[u8]) -> Vec<u8> {
    path.iter()
        .flat_map(|byte| {
            if b"\\*?[".contains(byte) {
                vec![b'\\', *byte]
            } else {
                vec![*byte]
            }
        })
        .collect()
}
