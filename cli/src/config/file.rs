//! Finds and reads configuration files: JSON with comments and trailing commas, and the line number
//! of every key.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use autoissue_core::config::Problem;
use autoissue_core::whole_file::read_whole;
use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::{Map, Value};

use super::schema::join;
use super::{ConfigError, FILE_NAME, Origin};

/// Maximum file size, in bytes. A configuration has a few kilobytes; anything larger is some other
/// file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// JSON with comments and trailing commas, and nothing else that other tools might reject.
const PARSE_OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// The content of a file, with line numbers.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) tree: Value,
    /// Line of every key and list item, by path, from 1.
    pub(super) lines: BTreeMap<String, u32>,
}

/// Returns the nearest directory at or above `dir` that is a checkout.
pub(super) fn git_root(dir: &Path) -> Option<PathBuf> {
    dir.ancestors()
        .find(|dir| dir.join(".git").exists())
        .map(Path::to_owned)
}

/// Returns the file to read: the one in the flag, which must exist, else the one in the git root,
/// if it exists.
pub(super) fn find(
    flag: Option<PathBuf>,
    current_dir: &Path,
) -> Result<Option<PathBuf>, ConfigError> {
    let Some(path) = flag else {
        let root = git_root(current_dir).unwrap_or_else(|| current_dir.to_owned());
        let path = root.join(FILE_NAME);
        // A dangling link or a directory with that name is a mistake, not a missing configuration.
        return Ok(path.symlink_metadata().is_ok().then_some(path));
    };
    let path = current_dir.join(path);
    // Not `is_file`, because a pipe from the shell is fine.
    if path.exists() && !path.is_dir() {
        return Ok(Some(path));
    }
    let what = if path.is_dir() {
        "is a directory"
    } else {
        "does not exist"
    };
    let problem = Problem {
        key: String::new(),
        found: format!("`{}`, which {what}", path.display()),
        allowed: "a configuration file".to_owned(),
        hint: Some("run `autoissue init` to write one, or omit `--config`".to_owned()),
    };
    Err(ConfigError::new(
        Origin::Flag {
            name: "--config".to_owned(),
        },
        problem,
    ))
}

/// Returns a file with the configuration's name between the current directory and the git root,
/// where it is not read.
pub(super) fn below_the_root(current_dir: &Path) -> Option<PathBuf> {
    let root = git_root(current_dir)?;
    let mut below = current_dir
        .ancestors()
        .take_while(|directory| *directory != root);
    below.find_map(|directory| Some(directory.join(FILE_NAME)).filter(|path| path.is_file()))
}

/// Reads and parses a file.
///
/// # Errors
///
/// If it cannot be read, is too large, is not UTF-8, or is not a JSON object.
pub(super) fn read(path: &Path) -> Result<Parsed, ConfigError> {
    let text =
        read_text(path).map_err(|(found, allowed)| whole_file(path, None, found, allowed))?;
    parse(path, text.strip_prefix('\u{feff}').unwrap_or(&text))
}

fn read_text(path: &Path) -> Result<String, (String, &'static str)> {
    let bytes = read_whole(path, FILE_BYTES_MAX).map_err(|error| match error.kind() {
        ErrorKind::FileTooLarge => (
            "a file larger than 1 MiB".to_owned(),
            "a file of at most 1 MiB",
        ),
        _ => (
            format!("a file that cannot be read: {error}"),
            "a readable file",
        ),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        (format!("invalid UTF-8 at byte {offset}"), "UTF-8 text")
    })
}

fn parse(path: &Path, text: &str) -> Result<Parsed, ConfigError> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &PARSE_OPTIONS);
    let parsed = parsed.map_err(|error| {
        let found = format!(
            "a syntax error at column {}: {}",
            error.column_display(),
            lower_first(&error.kind().to_string())
        );
        whole_file(
            path,
            Some(line_number(error.line_display())),
            found,
            "JSON, with comments and trailing commas",
        )
    })?;
    let Some(value) = parsed.value else {
        return Err(whole_file(
            path,
            None,
            "an empty file".to_owned(),
            "a JSON object, at least `{}`",
        ));
    };
    let mut reader = Reader {
        path,
        starts: line_starts(text),
        lines: BTreeMap::new(),
    };
    let mut tree = reader.value(&value, "")?;
    let Some(root) = tree.as_object_mut() else {
        return Err(whole_file(
            path,
            Some(1),
            "a value that is not an object".to_owned(),
            "a JSON object",
        ));
    };
    // For editors only.
    root.shift_remove("$schema");
    Ok(Parsed {
        tree,
        lines: reader.lines,
    })
}

/// Converts the parser's tree to values, records line numbers and rejects what JSON leaves
/// undefined.
struct Reader<'a> {
    path: &'a Path,
    /// Offsets at which lines start.
    starts: Vec<usize>,
    lines: BTreeMap<String, u32>,
}

impl Reader<'_> {
    fn value(&mut self, value: &ast::Value<'_>, path: &str) -> Result<Value, ConfigError> {
        self.lines
            .entry(path.to_owned())
            .or_insert_with(|| line_of(&self.starts, value.start()));
        match value {
            ast::Value::StringLit(text) => Ok(Value::String(text.value.to_string())),
            ast::Value::NumberLit(number) => self.number(number.value, path),
            ast::Value::BooleanLit(boolean) => Ok(Value::Bool(boolean.value)),
            ast::Value::Object(object) => self.object(object, path),
            ast::Value::Array(list) => {
                let items = list.elements.iter().enumerate();
                items
                    .map(|(index, item)| self.value(item, &format!("{path}[{index}]")))
                    .collect()
            }
            ast::Value::NullKeyword(_) => Ok(Value::Null),
        }
    }

    fn object(&mut self, object: &ast::Object<'_>, path: &str) -> Result<Value, ConfigError> {
        let mut map = Map::new();
        for property in &object.properties {
            let key = property.name.as_str();
            let key_path = join(path, key);
            let line = line_of(&self.starts, property.start());
            if map.contains_key(key) {
                let found = format!("a duplicate key, first on line {}", self.lines[&key_path]);
                return Err(self.error(key_path, line, found, "each key once"));
            }
            self.lines.insert(key_path.clone(), line);
            map.insert(key.to_owned(), self.value(&property.value, &key_path)?);
        }
        Ok(Value::Object(map))
    }

    fn number(&self, literal: &str, path: &str) -> Result<Value, ConfigError> {
        serde_json::from_str(literal).map_err(|_| {
            let line = self.lines.get(path).copied().unwrap_or(1);
            self.error(
                path.to_owned(),
                line,
                format!("`{literal}`"),
                "a JSON number within the range of a double",
            )
        })
    }

    fn error(&self, key: String, line: u32, found: String, allowed: &str) -> ConfigError {
        let origin = Origin::File {
            path: self.path.to_owned(),
            line: Some(line),
        };
        ConfigError::new(
            origin,
            Problem {
                key,
                found,
                allowed: allowed.to_owned(),
                hint: None,
            },
        )
    }
}

fn whole_file(path: &Path, line: Option<u32>, found: String, allowed: &str) -> ConfigError {
    let origin = Origin::File {
        path: path.to_owned(),
        line,
    };
    ConfigError::new(
        origin,
        Problem {
            key: String::new(),
            found,
            allowed: allowed.to_owned(),
            hint: None,
        },
    )
}

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect()
}

fn line_of(starts: &[usize], offset: usize) -> u32 {
    line_number(starts.partition_point(|start| *start <= offset))
}

fn line_number(line: usize) -> u32 {
    u32::try_from(line).expect("`FILE_BYTES_MAX` limits the number of lines")
}

/// The parser's messages start with a capital letter; ours do not.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}
