//! Finds unfinished merges: git's conflict markers in the lines that some work adds.
//!
//! ```text
//!   <<<<<<< ours        begin
//!   ||||||| ancestor    only with diff3, ignored
//!   =======             middle
//!   >>>>>>> theirs      end: the block is complete
//! ```

use git2::{Delta, DiffFindOptions, DiffLineType, DiffOptions, FileMode, Patch, Repository, Tree};

use super::{Doing, MirrorError};

/// Most files that are reported: someone who fixes those finds the others.
const FILES_MAX: usize = 20;

/// Larger files are ignored: git does not merge them line by line, and nobody reads them.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// If both sides are larger, files that already contained blocks are not compared line by line.
const LINE_DIFF_BYTES_MAX: usize = 1 << 20;

/// The meaning of a line in a merge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Begin,
    Middle,
    End,
}

/// Returns the files in which `to` has a complete block of conflict markers that `from` does not
/// have, sorted.
pub(super) fn between(
    repository: &Repository,
    from: &Tree<'_>,
    to: &Tree<'_>,
) -> Result<Vec<String>, MirrorError> {
    let doing = || format!("look for conflict markers in tree {}", to.id());
    let mut options = DiffOptions::new();
    options.include_typechange(true).skip_binary_check(true);
    let mut diff = repository
        .diff_tree_to_tree(Some(from), Some(to), Some(&mut options))
        .doing(doing)?;
    let mut renames = DiffFindOptions::new();
    diff.find_similar(Some(renames.renames(true).exact_match_only(true)))
        .doing(doing)?;
    let mut files = Vec::new();
    for delta in diff.deltas() {
        let is_text = matches!(
            delta.new_file().mode(),
            FileMode::Blob | FileMode::BlobExecutable | FileMode::BlobGroupWritable
        );
        if !is_text || matches!(delta.status(), Delta::Deleted | Delta::Renamed) {
            continue;
        }
        let (old, new) = (delta.old_file(), delta.new_file());
        if adds_a_block(repository, &old, &new).doing(doing)? {
            let path = new.path_bytes().unwrap_or_default();
            files.push(String::from_utf8_lossy(path).into_owned());
        }
        if FILES_MAX <= files.len() {
            break;
        }
    }
    Ok(files)
}

fn adds_a_block(
    repository: &Repository,
    old: &git2::DiffFile<'_>,
    new: &git2::DiffFile<'_>,
) -> Result<bool, git2::Error> {
    let (bytes, _) = repository.odb()?.read_header(new.id())?;
    if FILE_BYTES_MAX < bytes as u64 {
        return Ok(false);
    }
    let new = repository.find_blob(new.id())?;
    if new.is_binary() || n_blocks(new.content().split(|byte| *byte == b'\n')) == 0 {
        return Ok(false);
    }
    let old = if old.exists() {
        repository.find_blob(old.id()).ok()
    } else {
        None
    };
    let old = old.as_ref().map_or(&[][..], |blob| blob.content());
    let before = n_blocks(old.split(|byte| *byte == b'\n'));
    if before == 0 {
        return Ok(true);
    }
    if LINE_DIFF_BYTES_MAX < old.len().max(new.content().len()) {
        return Ok(before < n_blocks(new.content().split(|byte| *byte == b'\n')));
    }
    let patch = Patch::from_buffers(old, None, new.content(), None, None)?;
    let mut added: Vec<Vec<u8>> = Vec::new();
    for hunk in 0..patch.num_hunks() {
        for line in 0..patch.num_lines_in_hunk(hunk)? {
            let line = patch.line_in_hunk(hunk, line)?;
            if line.origin_value() == DiffLineType::Addition {
                added.push(line.content().to_vec());
            }
        }
    }
    Ok(0 < n_blocks(added.iter().map(Vec::as_slice)))
}

/// Counts the complete blocks in lines, which may still have their terminators.
fn n_blocks<'a>(lines: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut n_blocks = 0;
    let mut last = None;
    for marker in lines.filter_map(marker_of) {
        last = match (last, marker) {
            (_, Marker::Begin) => Some(Marker::Begin),
            (Some(Marker::Begin), Marker::Middle) => Some(Marker::Middle),
            (Some(Marker::Middle), Marker::End) => {
                n_blocks += 1;
                None
            }
            (last, Marker::Middle | Marker::End) => last,
        };
    }
    n_blocks
}

/// Returns the meaning of a line: one character seven times, followed by nothing or, except in the
/// middle, a space and a name.
fn marker_of(line: &[u8]) -> Option<Marker> {
    let line = line.trim_ascii_end();
    let (marker, mark) = match line.first()? {
        b'<' => (Marker::Begin, b'<'),
        b'=' => (Marker::Middle, b'='),
        b'>' => (Marker::End, b'>'),
        _ => return None,
    };
    let is_marked = line.len() >= 7 && line[..7].iter().all(|byte| *byte == mark);
    let ends = match line.get(7) {
        None => true,
        Some(next) => marker != Marker::Middle && *next == b' ',
    };
    (is_marked && ends).then_some(marker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_a_beginning_a_middle_and_an_end() {
        let check = |text: &str, expected: usize| {
            assert_eq!(
                n_blocks(text.as_bytes().split(|byte| *byte == b'\n')),
                expected,
                "{text}"
            );
        };
        check("<<<<<<< HEAD\nB\n=======\nA\n>>>>>>> other\n", 1);
        check("<<<<<<<\r\nB\r\n=======\r\nA\r\n>>>>>>>\r\n", 1);
        check("<<<<<<< a\nB\n||||||| c\nC\n=======\nA\n>>>>>>> b", 1);
        check(
            "<<<<<<< a\n<<<<<<< b\n=======\n>>>>>>> c\n=======\n>>>>>>> d",
            1,
        );
        // Text that only looks similar: a heading, a shell redirection, a quote, a longer line, an
        // incomplete block.
        check("Title\n=======\n", 0);
        check("<<<<<<< HEAD\nB\n=======\nA\n", 0);
        check("=======\n>>>>>>> other\n", 0);
        check("    <<<<<<< HEAD\n    =======\n    >>>>>>> x\n", 0);
        check("<<<<<<<< HEAD\n========\n>>>>>>>> x\n", 0);
        check("<<<<<<< HEAD\n======= and more\n>>>>>>> x\n", 0);
    }
}
