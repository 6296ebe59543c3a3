//! Path patterns, as in a CODEOWNERS file.
//!
//! | pattern | matches |
//! | --- | --- |
//! | `/server/` | everything below `server` in the root |
//! | `docs/` | everything below any `docs` |
//! | `*.css` | these files anywhere |
//! | `/web/*.js` | these files directly in `web` |
//! | `/src/**/test.rs` | these files anywhere below `src` |

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    segments: Vec<String>,
    /// Whether it starts at the root.
    is_anchored: bool,
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Self {
        let path = text.trim_end_matches('/');
        let inner = path.trim_start_matches('/');
        // As in a .gitignore: a slash inside the pattern anchors it.
        let is_anchored = path.starts_with('/') || inner.contains('/');
        Self {
            segments: inner.split('/').map(str::to_owned).collect(),
            is_anchored,
        }
    }

    /// Returns whether it matches a path, or a directory above it.
    pub(crate) fn fits(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        if self.is_anchored {
            return begins(&self.segments, &path);
        }
        (0..path.len()).any(|at| begins(&self.segments, &path[at..]))
    }
}

/// Returns whether a path begins with these segments. `**` matches any number of segments.
fn begins(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => true,
        Some((first, rest)) if first == "**" => {
            (0..=path.len()).any(|at| begins(rest, &path[at..]))
        }
        Some((first, rest)) => path
            .split_first()
            .is_some_and(|(name, path)| fits_name(first, name) && begins(rest, path)),
    }
}

/// Returns whether a pattern segment, in which `*` matches any text, matches a name.
fn fits_name(segment: &str, name: &str) -> bool {
    let mut parts = segment.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut left) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return left.is_empty();
    };
    for part in parts {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, fits: &[&str], fits_not: &[&str]) {
        let read = Pattern::parse(pattern);
        for path in fits {
            assert!(read.fits(path), "{pattern} matches {path}");
        }
        for path in fits_not {
            assert!(!read.fits(path), "{pattern} does not match {path}");
        }
    }

    #[test]
    fn a_slash_anchors() {
        check(
            "/server/",
            &["server/api.sh", "server"],
            &["old/server/api.sh", "servers/x"],
        );
        check("docs/", &["docs/a.md", "web/docs/b.md"], &["mydocs/a.md"]);
        check("web/api", &["web/api/x.rs"], &["old/web/api/x.rs"]);
    }

    #[test]
    fn stars_match_text_and_directories() {
        check("*.css", &["a.css", "web/b.css"], &["css", "a.css.map"]);
        check("/web/*.js", &["web/a.js"], &["web/lib/a.js", "a.js"]);
        check(
            "/src/**/test.rs",
            &["src/test.rs", "src/a/b/test.rs"],
            &["test.rs"],
        );
        check("a*b*c", &["abc", "axxbyyc"], &["acb", "ab"]);
        check("*", &["anything/at/all"], &[]);
    }
}
