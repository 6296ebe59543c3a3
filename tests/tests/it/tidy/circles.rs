//! No cycles between siblings: below every directory of every crate, modules depend on each other
//! in one direction only.
//!
//! ```text
//!   file ─► without comments, strings and tests ─► paths (`crate::…`, `super::…`) ─► modules, through re-exports
//!                                                                                    └─► dependencies between siblings ─► cycles
//! ```
//!
//! A directory and the file of the same name are one node, so uses between a parent and its
//! children do not count. Code is read as text: paths assembled by macros are not seen.

use std::collections::{BTreeMap, BTreeSet};

use super::{root, rust_files, shown};

/// A module of a crate: the names on the path from the crate's root.
type Module = Vec<String>;

/// The modules of one crate, with the code of each file.
#[derive(Default)]
struct Crate {
    /// The code of each module, as a list of tokens.
    code: BTreeMap<Module, Vec<String>>,
    /// Names that a module re-exports or brings into scope, with the path that each stands for.
    handed_on: BTreeMap<(Module, String), Module>,
}

impl Crate {
    /// Reads the files below a `src`, each with its path relative to it.
    fn read<'f>(files: impl IntoIterator<Item = (&'f str, &'f str)>) -> Self {
        let mut read = Self::default();
        let mut for_tests = BTreeSet::new();
        for (path, text) in files {
            let module = module_of(path);
            let (code, tests) = without_tests(words(text));
            for_tests.extend(tests.into_iter().map(|name| child(&module, &name)));
            read.code.insert(module, code);
        }
        read.code.retain(|module, _| {
            !for_tests
                .iter()
                .any(|of_tests| module.starts_with(of_tests))
        });
        for (module, code) in &read.code {
            for (path, name) in uses(code) {
                if let Some(path) = absolute(module, &path, &read.code) {
                    read.handed_on.insert((module.clone(), name), path);
                }
            }
        }
        read
    }

    /// Returns the module that a path leads to: its longest prefix that is a module, following
    /// re-exports.
    fn lead(&self, mut path: Module) -> Option<Module> {
        // Follows re-exports from module to module; chains are never longer than this.
        for _ in 0..8 {
            let n = (0..=path.len())
                .rev()
                .find(|n| self.code.contains_key(&path[..*n]))?;
            let found = path[..n].to_vec();
            let next = path
                .get(n)
                .and_then(|name| self.handed_on.get(&(found.clone(), name.clone())));
            match next {
                Some(next) => path = next.iter().chain(&path[n + 1..]).cloned().collect(),
                None => return Some(found),
            }
        }
        None
    }

    /// Returns the dependencies between siblings: for each directory, from which module to which,
    /// and a path that causes it.
    fn arrows(&self) -> BTreeMap<Module, BTreeMap<(String, String), String>> {
        let mut arrows: BTreeMap<Module, BTreeMap<(String, String), String>> = BTreeMap::new();
        for (module, code) in &self.code {
            for path in paths(code) {
                let Some(to) = absolute(module, &path, &self.code).and_then(|path| self.lead(path))
                else {
                    continue;
                };
                let n_common = module.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if let (Some(from), Some(onto)) = (module.get(n_common), to.get(n_common)) {
                    arrows
                        .entry(module[..n_common].to_vec())
                        .or_default()
                        .entry((from.clone(), onto.clone()))
                        .or_insert_with(|| path.join("::"));
                }
            }
        }
        arrows
    }

    /// Returns a description of the cycles below each directory that has some.
    fn circles(&self) -> BTreeMap<Module, Vec<String>> {
        let circles = self.arrows().into_iter().map(|(folder, arrows)| {
            let next = |from: &str| {
                arrows
                    .keys()
                    .filter(move |(it, _)| it == from)
                    .map(|(_, onto)| onto.clone())
                    .collect::<Vec<_>>()
            };
            let reached = |from: &str| {
                let mut reached = BTreeSet::new();
                let mut open = next(from);
                while let Some(node) = open.pop() {
                    if reached.insert(node.clone()) {
                        open.extend(next(&node));
                    }
                }
                reached
            };
            let back = |(from, onto): &(String, String)| reached(onto).contains(from);
            let said = arrows
                .iter()
                .filter(|(arrow, _)| back(arrow))
                .map(|((from, onto), path)| format!("{from} -> {onto} ({path})"));
            (folder, said.collect::<Vec<_>>())
        });
        circles.filter(|(_, said)| !said.is_empty()).collect()
    }
}

fn child(module: &[String], name: &str) -> Module {
    let mut child = module.to_vec();
    child.push(name.to_owned());
    child
}

fn module_of(path: &str) -> Module {
    let mut names: Module = path
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    let is_root = names.len() == 1 && (names[0] == "lib" || names[0] == "main");
    if is_root || names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// Returns a path relative to the crate's root; `None` for paths outside the crate.
fn absolute(
    module: &[String],
    path: &[String],
    modules: &BTreeMap<Module, Vec<String>>,
) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some(module.iter().chain(rest).cloned().collect()),
        "super" => {
            let (_, parent) = module.split_last()?;
            let path: Module = rest.to_vec();
            match path.first().map(String::as_str) {
                Some("super") => absolute(parent, &path, modules),
                _ => Some(parent.iter().cloned().chain(path).collect()),
            }
        }
        // A child of this module.
        name if modules.contains_key(&child(module, name)) => {
            Some(module.iter().chain(path).cloned().collect())
        }
        _ => None,
    }
}

/// Returns the tokens of a file, without comments and the contents of strings.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            i += 2;
            while i < chars.len() && !(chars[i] == '*' && at(i + 1) == '/') {
                i += 1;
            }
            i += 2;
        } else if c == 'r'
            && (at(i + 1) == '"' || at(i + 1) == '#' && matches!(at(i + 2), '"' | '#'))
        {
            let n_hashes = (i + 1..).take_while(|i| at(*i) == '#').count();
            i += 2 + n_hashes;
            while i < chars.len() && !(chars[i] == '"' && (1..=n_hashes).all(|n| at(i + n) == '#'))
            {
                i += 1;
            }
            i += 1 + n_hashes;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            i += if at(i + 1) == '\\' { 3 } else { 2 };
            while i < chars.len() && chars[i] != '\'' {
                i += 1;
            }
            i += 1;
        } else if c == '_' || c.is_alphanumeric() {
            let word: String = chars[i..]
                .iter()
                .take_while(|c| **c == '_' || c.is_alphanumeric())
                .collect();
            i += word.chars().count();
            words.push(word);
        } else if c == ':' && at(i + 1) == ':' {
            words.push("::".to_owned());
            i += 2;
        } else {
            if !c.is_whitespace() {
                words.push(c.to_string());
            }
            i += 1;
        }
    }
    words
}

/// Removes code that is compiled for tests only; returns the rest, and the names of modules in
/// other test files.
fn without_tests(words: Vec<String>) -> (Vec<String>, Vec<String>) {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut code, mut tests) = (Vec::new(), Vec::new());
    let mut i = 0;
    while i < words.len() {
        if !(words.len() >= i + mark.len() && (0..mark.len()).all(|n| words[i + n] == mark[n])) {
            code.push(words[i].clone());
            i += 1;
            continue;
        }
        // To the end of the item: its block, or a semicolon outside of any.
        let start = i + mark.len();
        let mut depth = 0;
        i = start;
        while i < words.len() {
            match words[i].as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            i += 1;
            let last = words[i - 1].as_str();
            if depth == 0 && (last == ";" || last == "}") {
                break;
            }
        }
        let item = &words[start..i];
        if item.len() == 3 && item[0] == "mod" {
            tests.push(item[1].clone());
        }
    }
    (code, tests)
}

/// Returns what each `use` imports, with the name it gets.
fn uses(code: &[String]) -> Vec<(Module, String)> {
    let mut found = Vec::new();
    for (at, _) in code.iter().enumerate().filter(|(_, word)| *word == "use") {
        let end = code[at..].iter().position(|word| word == ";");
        let end = end.map_or(code.len(), |n| at + n);
        unfold(&code[at + 1..end], &[], &mut found);
    }
    found
}

/// Expands `a::{b, c::d as e}` below a prefix.
fn unfold(tree: &[String], before: &[String], found: &mut Vec<(Module, String)>) {
    let mut path = before.to_vec();
    let mut i = 0;
    while i < tree.len() {
        match tree[i].as_str() {
            "::" => i += 1,
            "{" => {
                let mut depth = 0;
                let mut start = i + 1;
                for at in i..tree.len() {
                    match tree[at].as_str() {
                        "{" => depth += 1,
                        "}" => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 || depth == 1 && tree[at] == "," {
                        if start < at {
                            unfold(&tree[start..at], &path, found);
                        }
                        start = at + 1;
                    }
                }
                return;
            }
            "as" => {
                let name = tree.get(i + 1).cloned().unwrap_or_default();
                found.push((path, name));
                return;
            }
            "self" if !path.is_empty() => i += 1,
            name => {
                path.push(name.to_owned());
                i += 1;
            }
        }
    }
    let name = path.last().cloned().unwrap_or_default();
    found.push((path, name));
}

/// Returns all paths of a file that may lead to a module of the crate.
fn paths(code: &[String]) -> Vec<Module> {
    let mut found: Vec<Module> = uses(code).into_iter().map(|(path, _)| path).collect();
    for (at, word) in code.iter().enumerate() {
        let is_first = at == 0 || code[at - 1] != "::";
        if is_first
            && matches!(word.as_str(), "crate" | "super" | "self")
            && code.get(at + 1).is_some_and(|next| next == "::")
        {
            let mut path = vec![word.clone()];
            path.extend(
                code[at + 1..]
                    .chunks(2)
                    .take_while(|pair| {
                        pair[0] == "::"
                            && pair.get(1).is_some_and(|name| {
                                name.chars().all(|c| c == '_' || c.is_alphanumeric())
                            })
                    })
                    .map(|pair| pair[1].clone()),
            );
            found.push(path);
        }
    }
    found
}

/// Returns the crates of the workspace by the directory of their source.
fn crates() -> BTreeMap<String, Crate> {
    let mut texts: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for path in rust_files() {
        let shown = shown(&path);
        let Some((folder, inside)) = shown.split_once("/src/") else {
            continue;
        };
        let is_crate = root().join(folder).join("Cargo.toml").is_file();
        // Templates are copied, not compiled.
        if is_crate && !inside.contains("/template/") {
            let text = std::fs::read_to_string(&path).expect("a file in UTF-8");
            texts
                .entry(format!("{folder}/src"))
                .or_default()
                .push((inside.to_owned(), text));
        }
    }
    let read = |(folder, files): (String, Vec<(String, String)>)| {
        let files = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        (folder, Crate::read(files))
    };
    texts.into_iter().map(read).collect()
}

#[test]
fn sibling_modules_have_no_dependency_cycles() {
    let crates = crates();
    assert!(5 < crates.len(), "{:?}", crates.keys());
    let mut found = BTreeMap::new();
    for (folder, it) in &crates {
        for (module, said) in it.circles() {
            let names: Vec<&str> = std::iter::once(folder.as_str())
                .chain(module.iter().map(String::as_str))
                .collect();
            found.insert(names.join("/"), said);
        }
    }
    assert!(found.is_empty(), "cycles: {found:#?}");
}

#[track_caller]
fn check(files: &[(&str, &str)], folder: &[&str], expected: &[&str]) {
    let circles = Crate::read(files.iter().copied()).circles();
    let folder: Module = folder.iter().map(|name| (*name).to_owned()).collect();
    let said = circles.get(&folder).map(Vec::as_slice).unwrap_or_default();
    assert_eq!(said, expected, "{circles:?}");
}

#[test]
fn a_cycle_is_found_in_any_form_of_paths() {
    let b = ("b.rs", "use crate::a::A;");
    let circle = |path| {
        [
            "a -> b (".to_owned() + path + ")",
            "b -> a (crate::a::A)".to_owned(),
        ]
    };
    for (text, path) in [
        ("use crate::b::B;", "crate::b::B"),
        ("use super::b;", "super::b"),
        ("pub(crate) use crate::{c, b::{self, B}};", "crate::b"),
        ("fn f() -> crate::b::B { todo!() }", "crate::b::B"),
        (
            "const X: &str = \"//\"; const Y: char = '\"'; use crate::b as other;",
            "crate::b",
        ),
    ] {
        let expected = circle(path);
        check(
            &[("lib.rs", "mod a; mod b;"), ("a.rs", text), b],
            &[],
            &[&expected[0], &expected[1]],
        );
    }
}

#[test]
fn a_cycle_is_found_at_every_level_and_through_re_exports() {
    check(
        &[
            ("lib.rs", "mod x;"),
            ("x.rs", "mod a; mod b; pub use b::B;"),
            ("x/a.rs", "use super::B;"),
            ("x/b.rs", "mod c;"),
            ("x/b/c.rs", "use super::super::a::A;"),
        ],
        &["x"],
        &["a -> b (super::B)", "b -> a (super::super::a::A)"],
    );
}

#[test]
fn parents_children_tests_comments_and_strings_make_no_cycle() {
    check(
        &[
            ("lib.rs", "mod a; mod b; #[cfg(test)] mod fixture;"),
            ("a.rs", "mod inner; use inner::I; use crate::b::B;"),
            ("a/inner.rs", "use super::A;"),
            (
                "b.rs",
                "// use crate::a;\n/* crate::a */ const T: &str = \"crate::a::A\"; const R: &str = r#\"crate::a\"#;\n\
                 #[cfg(test)]\nmod tests { use crate::a::A; }",
            ),
            ("fixture.rs", "use crate::a::A; use crate::b::B;"),
        ],
        &[],
        &[],
    );
}
