//! Finds the files that a text mentions. One module, because classifiers look at paths and the
//! scheduler separates tasks that mention the same file.
//!
//! The text is written by strangers in a hurry, so a word counts as a path only if something
//! indicates that it is one:
//!
//! ```text
//! text ──► words ──► unwrapped ──► normalised ──► judged ──► each once
//!          URLs and   **bold**,     `\` is `/`,    file, directory
//!          comments   a/ and b/     `./` and       or glob?
//!          are gone   of a diff     `x/..` go
//! ```
//!
//! | a word is | if |
//! | --- | --- |
//! | a file | it has an extension of `EXTENSIONS` or a name of `FILE_NAMES`; any other extension requires a known directory or two directories before it |
//! | a directory | it ends with `/`, and a part of it is one of `DIRECTORIES` or it is in backticks; without the `/` it must be in backticks and begin at a source root, and the `/` is added |
//! | a glob | it has a `*`, and also the extension of a file or a known directory |
//!
//! Not counted: URLs and host names, absolute paths of a machine (`/etc/passwd`) and routes
//! (`/api/login`) — a leading `/` means the repository's root only before a file with a known
//! extension outside system directories —, home directories and variables, paths outside the
//! repository (`../x`), installed dependencies (`node_modules/`), and HTML comments, because a
//! comment in an issue template would make every issue mention the same file.

mod names;

use names::{
    AMBIGUOUS_EXTENSIONS, DIRECTORIES, EXTENSIONS, FILE_NAMES, INSTALLED, JS_PRODUCTS, MEDIA_TYPES,
    ROOTS, SYSTEM_DIRECTORIES, TOP_LEVEL_DOMAINS,
};

/// Maximum number of paths from one text: more than this is a log or a listing, which says nothing
/// about the files to be changed.
pub const PATHS_MAX: usize = 64;

/// Maximum number of bytes that are examined: the forge allows 64 KiB in the body of an issue.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Maximum length of a path in bytes; longer words are data, because no real repository has longer
/// paths.
pub const PATH_BYTES_MAX: usize = 256;

/// Returns the files, directories and globs that `text` mentions, normalised, each once, in order.
///
/// Directories end with `/`; separators are `/`; globs use `*`, `**` and `?`. Returns at most
/// [`PATHS_MAX`] paths from the first [`TEXT_BYTES_MAX`] bytes.
///
/// ```
/// use autoissue_plugin_sdk::paths::named_in;
///
/// let paths = named_in("`./src/api/user.rs:12` panics, see docs/ and https://example.com/a.html");
/// assert_eq!(paths, ["src/api/user.rs", "docs/"]);
/// ```
pub fn named_in(text: &str) -> Vec<String> {
    let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX)];
    let mut found = Vec::new();
    let mut words = PathWords {
        text,
        at: 0,
        line_start: 0,
    };
    while let Some(word) = words.next_word() {
        for path in word.paths() {
            if found.len() < PATHS_MAX && !found.contains(&path) {
                found.push(path);
            }
        }
    }
    found
}

/// A run of characters that may form a path, with information about its surroundings.
#[derive(Clone, Copy)]
struct PathWord<'t> {
    text: &'t str,
    in_backticks: bool,
    starts_line: bool,
    in_diff_header: bool,
    is_called: bool,
}

/// The words of a text that may be paths: they contain a separator, an inner dot or a star, or are
/// the name of a known file.
struct PathWords<'t> {
    text: &'t str,
    at: usize,
    /// Start of the current line; stored, because searching backwards from each word would take
    /// quadratic time for a long line.
    line_start: usize,
}

impl<'t> PathWords<'t> {
    fn next_word(&mut self) -> Option<PathWord<'t>> {
        while let Some(start) = self.next_start() {
            let looks_like_path = self.pass_word();
            if self.text.as_bytes()[self.at..].starts_with(b"://") {
                self.pass_url();
            } else if looks_like_path || is_file_name(&self.text[start..self.at]) {
                return Some(self.word(start));
            }
        }
        None
    }

    /// Returns the start of the next word to examine. The whole text passes through this loop, so
    /// it is kept tight: words without any indication of a path and without an initial capital are
    /// skipped at once, and so are HTML comments.
    fn next_start(&mut self) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let class = |at: usize| {
            bytes
                .get(at)
                .map_or(Byte::Outside, |byte| BYTES[usize::from(*byte)])
        };
        let mut at = self.at;
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            while class(at) == Byte::Plain {
                at += 1;
            }
            let is_plain = at > start && class(at) != Byte::Sign && bytes.get(at) != Some(&b':');
            if is_plain && !byte.is_ascii_uppercase() {
                continue;
            }
            if is_in_path(byte) {
                self.at = start;
                return Some(start);
            }
            at += 1;
            if byte == b'\n' {
                self.line_start = at;
            } else if byte == b'<' && bytes[at..].starts_with(b"!--") {
                at = self.text[at..]
                    .find("-->")
                    .map_or(bytes.len(), |end| at + end + 3);
            }
        }
        self.at = at;
        None
    }

    /// Moves past the word and returns whether it has an indication of a path.
    fn pass_word(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut is_path = false;
        while let Some(&byte) = bytes.get(self.at) {
            match (BYTES[usize::from(byte)], byte) {
                (Byte::Plain, _) => {}
                (Byte::Sign, b'.') => {
                    is_path |= bytes
                        .get(self.at + 1)
                        .is_some_and(u8::is_ascii_alphanumeric);
                }
                (Byte::Sign, _) => is_path = true,
                // Routers use file names like `[id].tsx` and `(group)/page.tsx`; globs contain
                // `{ts,tsx}`.
                (Byte::Bracket, _) => match self.bracketed(byte) {
                    Some(end) => self.at = end,
                    None => break,
                },
                (Byte::Outside, _) => break,
            }
            self.at += 1;
        }
        is_path
    }

    /// Returns where the bracket at this position closes, if it is part of a path rather than
    /// around one.
    fn bracketed(&self, open: u8) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let before = self.at.checked_sub(1).map(|at| bytes[at]);
        let close = match (open, before?) {
            (b'[', b'/') => b']',
            (b'(', b'/') => b')',
            (b'{', b'.' | b'/' | b'*' | b'_' | b'-') => b'}',
            _ => return None,
        };
        let inner = bytes[self.at + 1..].iter().take(PATH_BYTES_MAX);
        let n_inner = inner
            .take_while(|&&byte| is_in_path(byte) || byte == b',')
            .count();
        let end = self.at + 1 + n_inner;
        (bytes.get(end) == Some(&close)).then_some(end)
    }

    fn pass_url(&mut self) {
        fn is_end(byte: u8) -> bool {
            byte.is_ascii_whitespace() || matches!(byte, b')' | b'>' | b'"' | b'\'' | b'`' | b']')
        }

        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest
            .iter()
            .position(|&byte| is_end(byte))
            .unwrap_or(rest.len());
    }

    fn word(&self, start: usize) -> PathWord<'t> {
        let bytes = self.text.as_bytes();
        let line = &self.text[self.line_start..start];
        let after = &bytes[self.at..];
        PathWord {
            text: &self.text[start..self.at],
            in_backticks: start > 0 && bytes[start - 1] == b'`',
            starts_line: line.is_empty(),
            in_diff_header: ["--- ", "+++ ", "diff --git "]
                .iter()
                .any(|header| line.starts_with(header)),
            // Some compilers write line numbers as `file.ts(12,5)`.
            is_called: after.first() == Some(&b'(')
                && !after.get(1).is_some_and(u8::is_ascii_digit),
        }
    }
}

impl PathWord<'_> {
    /// Returns the paths of the word: none, one, or several if it has braces.
    fn paths(self) -> Vec<String> {
        if self.text.len() > PATH_BYTES_MAX || !self.may_be_path() {
            return Vec::new();
        }
        let expanded = expand_braces(self.unwrapped());
        expanded.iter().filter_map(|text| self.path(text)).collect()
    }

    /// Returns `false` for most of what occurs in prose (`e.g.`, `1.2.3`, `TCP/IP`), before
    /// allocating memory.
    fn may_be_path(&self) -> bool {
        let has_separator = self.text.contains(['/', '\\', '*']);
        let has_extension = || {
            let name = self.text.trim_end_matches(['.', '?', '_', '*', '-']);
            name.rsplit_once('.')
                .is_some_and(|(_, extension)| is_extension(extension))
        };
        has_separator || is_file_name(self.text) || has_extension()
    }

    /// Returns the word without emphasis, punctuation and diff markers.
    fn unwrapped(&self) -> &str {
        let mut text = self.text;
        if self.starts_line {
            text = text.trim_start_matches(['+', '-']);
        }
        text = text.trim_end_matches(['.', '?', '+', '-', '\\', '@']);
        for mark in ["**", "__", "~~", "*", "_"] {
            let inner = text
                .strip_prefix(mark)
                .and_then(|inner| inner.strip_suffix(mark));
            if let Some(inner) = inner.filter(|inner| !inner.is_empty() && !inner.starts_with('/'))
            {
                text = inner.trim_end_matches(['.', '?']);
            }
        }
        match (self.in_diff_header, text.as_bytes()) {
            (true, [b'a' | b'b', b'/', ..]) => &text[2..],
            _ => text,
        }
    }

    fn path(&self, text: &str) -> Option<String> {
        let normalised = normalise(text)?;
        let path = Shape::of(&normalised);
        if path.is_foreign() || (self.is_called && path.directories.is_empty()) {
            return None;
        }
        let is_absolute = text.starts_with(['/', '\\']);
        if normalised.contains('*') {
            return path.is_glob(self.in_backticks).then_some(normalised);
        }
        if normalised.ends_with('/') {
            return (!is_absolute && (path.has_known_directory() || self.in_backticks))
                .then_some(normalised);
        }
        if path.is_file(is_absolute) {
            return Some(normalised);
        }
        let is_root = self.in_backticks
            && !is_absolute
            && path
                .directories
                .first()
                .is_some_and(|first| ROOTS.contains(first));
        (is_root && !path.name.contains('.')).then(|| normalised + "/")
    }
}

/// Returns `text` with its first `{a,b}` expanded, because our globs have no braces.
fn expand_braces(text: &str) -> Vec<String> {
    let parts = text
        .split_once('{')
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match parts {
        Some((before, (inner, after))) => inner
            .split(',')
            .map(|part| format!("{before}{part}{after}"))
            .collect(),
        None => vec![text.to_owned()],
    }
}

/// Returns the path with `/` as separator and without `.`, `..` and empty parts; `None` for a path
/// that leaves the repository, or for text that is not a path.
fn normalise(text: &str) -> Option<String> {
    let relative = text.strip_prefix("@/").unwrap_or(text);
    if relative.contains(['$', '%', '~', '{', '}']) {
        return None;
    }
    let separated = with_slashes(relative);
    let mut parts: Vec<&str> = Vec::new();
    for part in separated.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    let is_directory = separated.ends_with('/') || separated.ends_with("/.");
    (!parts.is_empty()).then(|| parts.join("/") + if is_directory { "/" } else { "" })
}

/// Returns `text` with its backslashes resolved: before a letter or digit, a backslash is a
/// separator; before punctuation, it is Markdown's escape.
fn with_slashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(next)) if next.is_alphanumeric() || *next == '\\' => out.push('/'),
            ('\\', _) => {}
            _ => out.push(c),
        }
    }
    out
}

/// The parts of a normalised path.
struct Shape<'p> {
    directories: Vec<&'p str>,
    /// Last part; empty for a directory.
    name: &'p str,
}

impl<'p> Shape<'p> {
    fn of(path: &'p str) -> Self {
        let mut directories: Vec<&str> = path.split('/').collect();
        let name = directories.pop().unwrap_or_default();
        Self { directories, name }
    }

    fn has_known_directory(&self) -> bool {
        self.directories
            .iter()
            .any(|directory| contains_sorted(&DIRECTORIES, directory))
    }

    /// Returns whether the path is outside the project's own sources, or is a web address.
    fn is_foreign(&self) -> bool {
        fn is_host(first: &&str) -> bool {
            let (stem, domain) = first.rsplit_once('.').unwrap_or_default();
            !stem.is_empty() && TOP_LEVEL_DOMAINS.contains(&domain)
        }

        let is_address = |part: &str| part.find('@').is_some_and(|at| at > 0);
        self.directories.first().is_some_and(is_host)
            || self
                .directories
                .first()
                .is_some_and(|first| first.starts_with('@'))
            || self
                .directories
                .iter()
                .any(|directory| INSTALLED.contains(directory))
            || self
                .directories
                .iter()
                .any(|directory| is_address(directory))
            || is_address(self.name)
    }

    fn is_glob(&self, in_backticks: bool) -> bool {
        let is_media_type = self
            .directories
            .first()
            .is_some_and(|first| MEDIA_TYPES.contains(first));
        let has_letter = |part: &str| part.bytes().any(|byte| byte.is_ascii_alphabetic());
        let in_directories = self
            .directories
            .iter()
            .any(|directory| has_letter(directory));
        let extension = self
            .name
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension);
        !is_media_type
            && (self.has_known_directory()
                || is_extension(extension)
                || (in_backticks && in_directories))
    }

    fn is_file(&self, is_absolute: bool) -> bool {
        if is_absolute
            && self
                .directories
                .first()
                .is_none_or(|first| SYSTEM_DIRECTORIES.contains(first))
        {
            // `/index.html` at the root of a site is as often a route as a file.
            return false;
        }
        if is_file_name(self.name) {
            return !is_absolute;
        }
        let Some((stem, extension)) = self.name.rsplit_once('.') else {
            return false;
        };
        if stem.is_empty() || is_product(self.name) {
            return false;
        }
        if is_extension(extension) {
            return !self.directories.is_empty() || is_bare_file(stem, extension);
        }
        let is_placed = self.has_known_directory() || self.directories.len() >= 2;
        !is_absolute && is_placed && starts_with_letter(stem) && is_extension_shape(extension)
    }
}

/// Returns whether a name without a directory is a file, even though prose contains similar words
/// (`a.m.`, `example.ml`).
fn is_bare_file(stem: &str, extension: &str) -> bool {
    let is_long_enough = extension.len() > 1 || stem.len() > 1;
    let has_letter = stem.chars().any(char::is_alphabetic);
    is_long_enough
        && (has_letter || extension.len() > 1)
        && !AMBIGUOUS_EXTENSIONS.contains(&extension)
}

fn starts_with_letter(stem: &str) -> bool {
    stem.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '.')
}

fn is_extension_shape(extension: &str) -> bool {
    extension.len() <= 10
        && extension.starts_with(|c: char| c.is_ascii_alphabetic())
        && extension
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Returns whether `extension` is known, in lower case or (`README.MD`) in upper case.
/// `System.Text.Json` is a namespace, not a file.
fn is_extension(extension: &str) -> bool {
    if contains_sorted(&EXTENSIONS, extension) {
        return true;
    }
    extension.bytes().all(|byte| byte.is_ascii_uppercase())
        && contains_sorted(&EXTENSIONS, &extension.to_ascii_lowercase())
}

/// Returns whether `name` is a well-known file name without an extension.
fn is_file_name(name: &str) -> bool {
    match name.as_bytes().first() {
        // All known names begin like this and have a length in this range.
        Some(b'A'..=b'Z' | b'.') if name.len() >= 4 && name.len() <= 24 => {
            contains_sorted(&FILE_NAMES, name)
                || [".env.", "Dockerfile."]
                    .iter()
                    .any(|start| name.len() > start.len() && name.starts_with(start))
        }
        _ => false,
    }
}

/// Returns whether `name` is a library or site whose name only looks like a file (`Next.js`,
/// `docs.rs`).
fn is_product(name: &str) -> bool {
    let Some((stem, "js" | "JS" | "rs")) = name.rsplit_once('.') else {
        return false;
    };
    match stem.is_ascii() && stem.len() <= 16 {
        true if name.ends_with(".rs") => stem == "docs",
        true => contains_sorted(&JS_PRODUCTS, &stem.to_ascii_lowercase()),
        false => false,
    }
}

fn contains_sorted(sorted: &[&str], word: &str) -> bool {
    sorted.binary_search(&word).is_ok()
}

/// The role of a byte in a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    /// Never part of a path.
    Outside,
    /// Part of paths and of ordinary words. Includes bytes of other scripts, because file names
    /// contain them.
    Plain,
    /// Part of a path, and an indication that it is one.
    Sign,
    /// Part of a path if [`PathWords::bracketed`] says so.
    Bracket,
}

fn is_in_path(byte: u8) -> bool {
    matches!(BYTES[usize::from(byte)], Byte::Plain | Byte::Sign)
}

static BYTES: [Byte; 256] = {
    let mut table = [Byte::Outside; 256];
    mark(
        &mut table,
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-?+@~$%",
        Byte::Plain,
    );
    mark(&mut table, b"./\\*", Byte::Sign);
    mark(&mut table, b"[({", Byte::Bracket);
    let mut byte = 0x80;
    while byte < 256 {
        table[byte] = Byte::Plain;
        byte += 1;
    }
    table
};

const fn mark(table: &mut [Byte; 256], bytes: &[u8], kind: Byte) {
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = kind;
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(named_in(text), expected, "in {text:?}");
    }

    #[test]
    fn tables_are_sorted() {
        for table in [&EXTENSIONS[..], &DIRECTORIES, &FILE_NAMES, &JS_PRODUCTS] {
            assert!(table.is_sorted(), "{table:?}");
        }
    }

    #[test]
    fn files_of_any_language_are_found() {
        check(
            "Fix src/api/users.rs and ./lib/x.py, then cmd/main.go",
            &["src/api/users.rs", "lib/x.py", "cmd/main.go"],
        );
        check(
            "in `Foo.java`, App.vue; kernel/sched.c",
            &["Foo.java", "App.vue", "kernel/sched.c"],
        );
        check(
            "lib/parser.gleam src/thing.unheard deep/down/odd.qq",
            &["lib/parser.gleam", "src/thing.unheard", "deep/down/odd.qq"],
        );
        check("README.MD, package.json", &["README.MD", "package.json"]);
        check(
            "\u{be4c}\u{b4dc} \u{b3c4}\u{ad6c}/\u{bb38}\u{c11c}.md",
            &["\u{b3c4}\u{ad6c}/\u{bb38}\u{c11c}.md"],
        );
    }

    #[test]
    fn files_without_extension_are_found() {
        check(
            "Dockerfile and Makefile, .gitignore, .env.example",
            &["Dockerfile", "Makefile", ".gitignore", ".env.example"],
        );
        check(
            "see .github/workflows/ci.yml and docker/Dockerfile.dev",
            &[".github/workflows/ci.yml", "docker/Dockerfile.dev"],
        );
    }

    #[test]
    fn lines_and_columns_are_not_part_of_a_path() {
        check(
            "migrations/0001_init.sql:12, a.rs:3:7",
            &["migrations/0001_init.sql", "a.rs"],
        );
        check(
            "src/a.ts#L10-L20 src/b.ts(12,5): error",
            &["src/a.ts", "src/b.ts"],
        );
    }

    #[test]
    fn surroundings_are_removed() {
        check(
            "(see src/a.rs). Is it `src/b.rs`? **src/c.rs**, *d.py* \"e.go\"",
            &["src/a.rs", "src/b.rs", "src/c.rs", "d.py", "e.go"],
        );
        check(
            "[the parser](src/parser.rs) and [src/lexer.rs](https://example.com/x.rs)",
            &["src/parser.rs", "src/lexer.rs"],
        );
        check(
            "<src/x.c>, foo=conf/app.toml; __init__.py",
            &["src/x.c", "conf/app.toml", "__init__.py"],
        );
        check("snake\\_case.py", &["snake_case.py"]);
    }

    #[test]
    fn diffs_name_their_files_once() {
        let diff = "```diff\ndiff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1 +1 @@\n-old\n+new\n--- /dev/null\n+++ b/docs/new.md\n```";
        check(diff, &["src/a.rs", "docs/new.md"]);
    }

    #[test]
    fn windows_separators_are_normalised() {
        check(
            r"src\api\users.cs and .\lib\x.fs",
            &["src/api/users.cs", "lib/x.fs"],
        );
        check(r"C:\Users\me\project\main.cs", &[]);
    }

    #[test]
    fn urls_are_not_paths() {
        check(
            "https://example.com/src/x.html http://localhost:3000/docs/ (ftp://a.b/c.tar.gz)",
            &[],
        );
        check(
            "example.com/docs/a.html, www.example.org, me@example.rs, git@github.com:owner/repo.git",
            &[],
        );
        check("see docs.rs, crates.io and lemmy.ml", &[]);
    }

    #[test]
    fn prose_has_no_paths() {
        check(
            "Use node.js or Next.js, e.g. with 1.2.3, v2.0.rc1, i.e. and/or I/O over TCP/IP at 9 a.m.",
            &[],
        );
        check(
            "On 2024/01/02 foo.bar() and self.run.py() failed: console.log, process.env, System.Text.Json",
            &[],
        );
        check(
            "he/she w/o vercel/next.js owner/repo.nvim actions/checkout@v4 @scope/package",
            &[],
        );
        check("text/* image/png */5 * * * * 2*3 **and/or** /* c */", &[]);
        check("all .ts files; U.S. and 10.5s", &[]);
    }

    #[test]
    fn routes_and_system_paths_are_not_in_the_repository() {
        check(
            "GET /api/login returns /etc/passwd, /usr/lib/x.py, /api/schema.json, ~/.config/a.toml, $HOME/b.sh",
            &[],
        );
        check("`/auth/login`, /docs/, /index.html", &[]);
        check("/src/App.vue", &["src/App.vue"]);
    }

    #[test]
    fn paths_stay_inside_the_repository() {
        check("../secret.txt a/../../b.rs", &[]);
        check(
            "src/api/../db/pool.rs src/./x.rs src//y.rs",
            &["src/db/pool.rs", "src/x.rs", "src/y.rs"],
        );
    }

    #[test]
    fn directories_end_with_a_slash() {
        check(
            "docs/ and migrations/, src/api/ but not nonsense/",
            &["docs/", "migrations/", "src/api/"],
        );
        check(
            "`weird_name/` and `src/engine`, not src/engine",
            &["weird_name/", "src/engine/"],
        );
    }

    #[test]
    fn globs_are_kept() {
        check(
            "*.sql **/*.ts `src/**` docs/*.md",
            &["*.sql", "**/*.ts", "src/**", "docs/*.md"],
        );
        check("src/*.{ts,tsx}", &["src/*.ts", "src/*.tsx"]);
    }

    #[test]
    fn brackets_of_routers_are_part_of_a_path() {
        check(
            "app/[slug]/page.tsx app/(shop)/cart.tsx",
            &["app/[slug]/page.tsx", "app/(shop)/cart.tsx"],
        );
    }

    #[test]
    fn installed_dependencies_are_not_part_of_the_repository() {
        check(
            "at node_modules/react/index.js, venv/lib/python3/site-packages/x.py",
            &[],
        );
    }

    #[test]
    fn comments_of_templates_are_not_read() {
        check(
            "<!-- please read CONTRIBUTING.md\nand docs/ --> src/a.rs <!-- open src/b.rs",
            &["src/a.rs"],
        );
    }

    #[test]
    fn reading_and_results_are_bounded() {
        let many: String = (0..200).map(|n| format!("src/f{n}.rs ")).collect();
        assert_eq!(named_in(&many).len(), PATHS_MAX);
        let late = format!("{}\u{e9} src/late.rs", "x ".repeat(TEXT_BYTES_MAX / 2));
        check(&late, &[]);
        let long = format!("src/{}.rs", "x".repeat(PATH_BYTES_MAX));
        check(&long, &[]);
    }

    #[test]
    fn no_text_makes_it_panic() {
        for text in [
            "",
            "/",
            "//",
            "\\",
            "*",
            "{",
            "a/{b",
            "./",
            "..",
            "a/(",
            "[",
            "\u{0}\u{1f600}/x.rs",
            "`",
            "<!--",
            "://",
            "@/",
            "**",
            "a.{,}",
        ] {
            let _ = named_in(text);
        }
    }
}
