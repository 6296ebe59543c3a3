//! Checks whether git accepts a `.gitmodules` in a commit. A server that verifies pushes rejects a
//! commit with an unsafe one, and clones of it would be at risk.

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::program::Git;

/// Largest file that is read, in bytes; no legitimate one comes close.
const BYTES_MAX: u64 = 1 << 20;

/// Returns whether git would accept the file in a commit, by the rules of `git fsck`: names, URLs
/// and paths that cannot lead anywhere else, and no update command.
pub(super) fn is_sound(git: &Git, file: &Path) -> bool {
    let mut bytes = Vec::new();
    let read =
        fs::File::open(file).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes));
    if read.is_err() || BYTES_MAX < bytes.len() as u64 {
        return false;
    }
    let none: [(&str, &str); 0] = [];
    let args = ["config", "--null", "--no-includes", "--file", "-", "--list"];
    let Ok(listed) = git.run(Path::new("/"), &args, &none, Some(&bytes)) else {
        return false;
    };
    listed
        .split(|byte| *byte == 0)
        .filter_map(|entry| {
            let at = entry.iter().position(|byte| *byte == b'\n')?;
            Some((&entry[..at], &entry[at + 1..]))
        })
        .all(|(key, value)| is_sound_entry(key, value))
}

fn is_sound_entry(key: &[u8], value: &[u8]) -> bool {
    let Some(rest) = key.strip_prefix(b"submodule.") else {
        return true;
    };
    let Some(dot) = rest.iter().rposition(|byte| *byte == b'.') else {
        return true;
    };
    let (name, variable) = (&rest[..dot], &rest[dot + 1..]);
    let is_plain_name = !name.is_empty()
        && name
            .split(|byte| matches!(byte, b'/' | b'\\'))
            .all(|part| part != b"..");
    is_plain_name
        && match variable {
            b"url" => is_sound_address(value),
            b"path" => !value.starts_with(b"-"),
            b"update" => !value.starts_with(b"!"),
            _ => true,
        }
}

/// Refuses options for git, and line breaks, which could split the input of a helper.
fn is_sound_address(address: &[u8]) -> bool {
    let lower = address.to_ascii_lowercase();
    let has = |part: &[u8]| lower.windows(part.len()).any(|window| window == part);
    !address.starts_with(b"-") && !has(b"\n") && !has(b"%0a")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Home, git};

    #[test]
    fn a_modules_file_is_judged_as_git_judges_it_in_a_commit() {
        let home = Home::new();
        let file = home.path().join("modules");
        let check = |text: &str, expected: bool| {
            fs::write(&file, text).unwrap();
            assert_eq!(is_sound(&git(), &file), expected, "{text}");
        };
        let section = |name: &str, line: &str| format!("[submodule \"{name}\"]\n\t{line}\n");
        check(&section("a", "url = https://example.com/a.git"), true);
        check(
            &section("a", "url = ../a.git\n\tpath = lib/a\n\tupdate = merge"),
            true,
        );
        check(&section("../a", "url = https://example.com/a.git"), false);
        check(&section("a", "url = --upload-pack=x"), false);
        check(&section("a", "url = https://example.com/%0ahost=x"), false);
        check(&section("a", "path = -c"), false);
        check(&section("a", "update = !x"), false);
        check("[submodule \"a\"\n", false);
        check("", true);
    }
}
