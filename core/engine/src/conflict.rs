//! Whether two tasks would change the same file.

/// Returns whether two paths may refer to the same file: they are equal, one is a directory above
/// the other, or one is a glob that matches the other.
///
/// A bare file name matches any file of that name, because that is how people refer to files. Names
/// that most directories have (`README.md`, `mod.rs`) match only the file in the root; otherwise
/// every task would conflict with every other.
pub fn overlap(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim_start_matches("./"), b.trim_start_matches("./"));
    if a == b {
        return true;
    }
    covers(a, b) || covers(b, a)
}

/// Returns the first path of one task that overlaps with a path of the other.
pub(crate) fn first_overlap<'a>(ours: &'a [String], theirs: &[String]) -> Option<&'a str> {
    ours.iter()
        .find(|our| theirs.iter().any(|their| overlap(our, their)))
        .map(String::as_str)
}

/// File names so common that the name alone does not identify a file.
const COMMON_NAMES: [&str; 16] = [
    "README.md",
    "mod.rs",
    "lib.rs",
    "main.rs",
    "index.js",
    "index.ts",
    "index.tsx",
    "index.html",
    "__init__.py",
    "Cargo.toml",
    "package.json",
    "Makefile",
    "Dockerfile",
    "main.go",
    "main.py",
    "style.css",
];

fn is_glob(path: &str) -> bool {
    path.contains(['*', '?'])
}

/// Returns whether a path is a bare file name that matches any file of that name.
fn is_telling_name(path: &str) -> bool {
    !path.contains('/') && path.contains('.') && !COMMON_NAMES.contains(&path)
}

fn covers(wide: &str, narrow: &str) -> bool {
    if is_glob(wide) {
        return matches_glob(wide.as_bytes(), narrow.trim_end_matches('/').as_bytes());
    }
    if let Some(rest) = narrow.strip_prefix(wide.trim_end_matches('/')) {
        return rest.starts_with('/');
    }
    is_telling_name(wide)
        && narrow
            .strip_suffix(wide)
            .is_some_and(|rest| rest.ends_with('/'))
}

/// Matches `*` within a directory, `**` across directories, and `?` for one byte. A pattern without
/// `/` is matched against the file name.
fn matches_glob(pattern: &[u8], path: &[u8]) -> bool {
    let path = match path.iter().rposition(|&byte| byte == b'/') {
        Some(slash) if !pattern.contains(&b'/') => &path[slash + 1..],
        _ => path,
    };
    glob_from(pattern, path)
}

/// Two-pointer matching with one backtracking point per kind of star, so that no pattern takes
/// exponential time.
fn glob_from(pattern: &[u8], path: &[u8]) -> bool {
    let (mut p, mut s) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    let mut double: Option<(usize, usize)> = None;
    loop {
        if pattern[p..].starts_with(b"**") {
            p += 2;
            p += usize::from(pattern.get(p) == Some(&b'/'));
            double = Some((p, s));
            star = None;
        } else if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, s));
        } else if s < path.len()
            && pattern
                .get(p)
                .is_some_and(|&c| c == path[s] || (c == b'?' && path[s] != b'/'))
        {
            p += 1;
            s += 1;
        } else if s == path.len() && p == pattern.len() {
            return true;
        } else if let Some((after, from)) =
            star.filter(|&(_, from)| path.get(from).is_some_and(|&c| c != b'/'))
        {
            star = Some((after, from + 1));
            (p, s) = (after, from + 1);
        } else if let Some((after, from)) = double.filter(|&(_, from)| from < path.len()) {
            double = Some((after, from + 1));
            star = None;
            (p, s) = (after, from + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_overlap_when_they_may_be_the_same_file() {
        for (a, b, expected) in [
            ("src/user.rs", "src/user.rs", true),
            ("./src/user.rs", "src/user.rs", true),
            ("src/", "src/user.rs", true),
            ("src", "src/user.rs", true),
            ("src/", "srcs/user.rs", false),
            ("src/api/", "src/", true),
            ("*.sql", "db/init.sql", true),
            ("src/*.rs", "src/user.rs", true),
            ("src/*.rs", "src/api/user.rs", false),
            ("src/**/*.rs", "src/api/v1/user.rs", true),
            ("src/**/*.rs", "src/user.rs", true),
            ("docs/**", "docs/a/b.md", true),
            ("user.r?", "src/user.rs", true),
            ("user.rs", "src/user.rs", true),
            ("ser.rs", "src/user.rs", false),
            ("README.md", "docs/README.md", false),
            ("a.rs", "b.rs", false),
            (
                "**********************a",
                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                false,
            ),
        ] {
            assert_eq!(overlap(a, b), expected, "{a} and {b}");
            assert_eq!(overlap(b, a), expected, "{b} and {a}");
        }
    }
}
