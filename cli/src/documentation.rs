//! Holds the README and `docs/` against the program: links lead somewhere, commands parse, keys of the configuration exist, and the
//! reference tables have everything that there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use autoissue_core::summary::{Summary, TaskSummary};
use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};
use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use crate::command::Arguments;
use crate::config::{self, LoadRequest, schema};
use crate::exit_code::ExitCode;
use crate::shell;

/// Words in the documentation that stand for something, and an example of it.
const PLACEHOLDERS: [(&str, &str); 7] = [
    ("COMMAND", "exec"),
    ("HH:MM", "06:00"),
    ("ISSUE", "12"),
    ("N", "12"),
    ("PORT", "3030"),
    ("SHELL", "bash"),
    ("USD", "25"),
];
/// Ends of names of files, which look like keys of the configuration.
const EXTENSIONS: [&str; 11] = [
    "db", "html", "json", "jsonl", "lock", "md", "png", "rs", "toml", "wasm", "yml",
];

/// A page of the documentation.
struct Page {
    path: PathBuf,
    text: String,
}

/// A line of a page: prose, or a line of a block in some language.
enum Line<'a> {
    Prose(&'a str),
    Code(&'a str, &'a str),
}

impl Page {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        Self { path, text }
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut language = None;
        self.text.lines().filter_map(move |line| {
            if let Some(fence) = line.trim_start().strip_prefix("```") {
                language = language.is_none().then_some(fence);
                return None;
            }
            Some(match language {
                Some(language) => Line::Code(language, line),
                None => Line::Prose(line),
            })
        })
    }

    fn prose(&self) -> impl Iterator<Item = &str> {
        self.lines().filter_map(|line| match line {
            Line::Prose(line) => Some(line),
            Line::Code(..) => None,
        })
    }

    /// Returns the code within prose.
    fn spans(&self) -> impl Iterator<Item = &str> {
        self.prose()
            .flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// Returns the blocks in a language.
    fn blocks(&self, wanted: &str) -> Vec<String> {
        let mut blocks = vec![String::new()];
        for line in self.lines() {
            match (line, blocks.last_mut()) {
                (Line::Code(language, line), Some(block)) if language == wanted => {
                    block.push_str(line);
                    block.push('\n');
                }
                (_, Some(block)) if !block.is_empty() => blocks.push(String::new()),
                _ => {}
            }
        }
        blocks.retain(|block| !block.is_empty());
        blocks
    }

    /// Returns the rows of the tables below a heading, cell by cell, without their heads.
    fn rows(&self, heading: &str) -> Vec<Vec<&str>> {
        let section = self.prose().skip_while(|line| *line != heading).skip(1);
        let section = section.take_while(|line| !line.starts_with('#'));
        let rows = section.filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
        let cells = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
        cells
            .filter(|cells| cells[0].starts_with('`') || cells[0].parse::<u8>().is_ok())
            .collect()
    }

    /// Returns the code in the first cells below a heading.
    fn first_cells(&self, heading: &str) -> Vec<&str> {
        let rows = self.rows(heading).into_iter();
        rows.map(|cells| cells[0].trim_matches('`')).collect()
    }

    /// Returns the anchors of the headings, as a forge makes them.
    fn anchors(&self) -> BTreeSet<String> {
        let headings = self
            .prose()
            .filter(|line| line.starts_with('#'))
            .map(|line| line.trim_start_matches('#').trim().to_lowercase());
        let anchor = |heading: String| {
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        };
        headings.map(anchor).collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(path: &str) -> Page {
    Page::read(root().join(path))
}

/// Returns the README and the pages of `docs/`.
fn pages() -> Vec<Page> {
    let entries = fs::read_dir(root().join("docs")).expect("the documentation");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut pages: Vec<Page> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(Page::read)
        .collect();
    assert!(10 < pages.len());
    pages.push(page("README.md"));
    pages
}

/// Returns all that the documentation is wrong about, by page.
fn wrong<'a, T: Iterator<Item = String>>(
    pages: &'a [Page],
    find: impl Fn(&'a Page) -> T,
) -> Vec<String> {
    let of_page = |page: &'a Page| {
        let name = page.path.strip_prefix(root()).expect("a page of ours");
        let name = name.display();
        find(page).map(move |what| format!("{name}: {what}"))
    };
    pages.iter().flat_map(of_page).collect()
}

/// Returns the commands of ours in a line of a shell, each as its words.
fn commands(line: &str) -> Vec<Vec<String>> {
    let words = shell::words(&line.replace('"', "'").replace("cargo run --", "autoissue"));
    let words: Vec<String> = words
        .into_iter()
        .take_while(|word| !word.starts_with('#'))
        .collect();
    words
        .split(|word| ["&&", "|", ">", ">>", "<"].contains(&word.as_str()))
        .filter(|words| words.first().is_some_and(|word| word == "autoissue"))
        .map(|words| words.iter().map(|word| example(word)).collect())
        .collect()
}

/// Returns a word with an example in the place of what stands for something.
fn example(word: &str) -> String {
    let word = word.trim_start_matches('[').trim_end_matches(']');
    let known = PLACEHOLDERS.iter().find(|(name, _)| *name == word);
    known.map_or(word, |(_, example)| example).to_owned()
}

/// Returns why a command cannot be typed. Within a sentence its arguments may be left out.
fn refusal(words: &[String], is_whole: bool) -> Option<String> {
    let error = Arguments::try_parse_from(words).err()?;
    let is_partial = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let is_fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        _ => is_partial && !is_whole,
    };
    (!is_fine).then(|| format!("`{}`: {error}", words.join(" ")))
}

#[test]
fn every_link_leads_somewhere() {
    fn targets(page: &Page) -> impl Iterator<Item = &str> {
        let links = page.prose().flat_map(|line| line.split("](").skip(1));
        let targets = links.filter_map(|rest| rest.split([')', ' ']).next());
        targets.filter(|target| !target.contains("://"))
    }

    let mut pages = pages();
    let others = [
        "CHANGELOG.md",
        "wit/README.md",
        "plugins/examples/README.md",
    ];
    pages.extend(others.map(page));
    let wrong = wrong(&pages, |page| {
        let is_wrong = |target: &&str| {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match file {
                "" => page.path.clone(),
                _ => page.path.parent().expect("a directory").join(file),
            };
            !path.exists() || !anchor.is_empty() && !Page::read(path).anchors().contains(anchor)
        };
        targets(page).filter(is_wrong).map(str::to_owned)
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_command_can_be_typed() {
    let pages = pages();
    let n_commands: usize = pages
        .iter()
        .flat_map(Page::lines)
        .map(|line| match line {
            Line::Code(_, line) => commands(line).len(),
            Line::Prose(_) => 0,
        })
        .sum();
    assert!(30 < n_commands, "{n_commands}");
    let wrong = wrong(&pages, |page| {
        let of_line = |line: Line<'_>| match line {
            Line::Code(_, line) => commands(line)
                .iter()
                .filter_map(|words| refusal(words, true))
                .collect::<Vec<_>>(),
            Line::Prose(line) => line
                .split('`')
                .skip(1)
                .step_by(2)
                .flat_map(commands)
                .filter(|words| 1 < words.len())
                .filter_map(|words| refusal(&words, false))
                .collect(),
        };
        page.lines().flat_map(of_line)
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Returns the long flags of a command and of all below it, with their dashes.
fn flags(command: &Command) -> BTreeSet<String> {
    let own = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .filter_map(|arg| Some(format!("--{}", arg.get_long()?)));
    let below = command.get_subcommands().flat_map(flags);
    own.chain(below).collect()
}

#[test]
fn every_flag_exists_and_is_documented() {
    let program = Arguments::command();
    let mut known = flags(&program);
    known.extend(["--help", "--version"].map(str::to_owned));
    let pages = pages();
    let wrong = wrong(&pages, |page| {
        let words = page
            .spans()
            .filter_map(|span| span.split_whitespace().next());
        let flags = words.filter(|word| word.starts_with("--"));
        flags
            .filter(|flag| !known.contains(*flag))
            .map(str::to_owned)
    });
    assert!(wrong.is_empty(), "{wrong:#?}");

    let reference = page("docs/commands.md").text + &page("docs/plugins.md").text;
    let words: BTreeSet<&str> = reference
        .split(|c: char| !(c.is_alphanumeric() || c == '-'))
        .collect();
    for command in program.get_subcommands().filter(|it| !it.is_hide_set()) {
        let name = command.get_name();
        assert!(reference.contains(&format!("`autoissue {name}")), "{name}");
        for missing in flags(command).iter().filter(|it| !words.contains(&***it)) {
            // Those of authors of plugins are in their `--help`.
            assert_eq!(name, "plugin", "{missing} of {name}");
        }
    }
}

#[test]
fn every_key_exists() {
    let is_key = |span: &str| {
        let parts: Vec<&str> = span.split('.').collect();
        let is_word = |part: &&str| {
            part.starts_with(|c: char| c.is_ascii_lowercase())
                && part.chars().all(|c| c.is_ascii_alphanumeric())
        };
        1 < parts.len()
            && parts.iter().all(is_word)
            && !EXTENSIONS.contains(&parts[parts.len() - 1])
    };
    let pages = pages();
    let wrong = wrong(&pages, |page| {
        let spans = page.spans().filter_map(|span| span.split(':').next());
        let keys = spans.filter(|span| is_key(span));
        keys.filter(|key| schema::lookup(key).is_none())
            .map(str::to_owned)
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_reference_has_every_key_with_its_default() {
    let page = page("docs/configuration.md");
    let mut rows = Vec::new();
    for heading in page.prose().filter(|line| line.starts_with("### ")) {
        rows.extend(page.rows(heading));
    }
    let mut documented = BTreeSet::new();
    for row in rows {
        let key = row[0].trim_matches('`');
        let default: Value = serde_json::from_str(row[row.len() - 1].trim_matches('`')).expect(key);
        let schema = schema::lookup(key).expect(key);
        assert_eq!(schema.get("default"), Some(&default), "{key}");
        documented.insert(key.to_owned());
    }
    assert_eq!(documented, schema::leaves().into_iter().collect());
}

#[test]
fn every_example_of_a_configuration_loads() {
    for page in pages() {
        for block in page.blocks("jsonc") {
            let directory = tempfile::tempdir().expect("a directory");
            fs::create_dir(directory.path().join(".git")).expect("a checkout");
            fs::write(directory.path().join(config::FILE_NAME), &block).expect("the file");
            let env = [("DASHBOARD_TOKEN".to_owned(), "a token".to_owned())];
            let loaded = config::load(LoadRequest {
                config_flag: None,
                user_dir: None,
                current_dir: directory.path().to_owned(),
                env: &env,
                flags: Vec::new(),
            });
            let loaded = loaded.unwrap_or_else(|errors| panic!("{:?}: {errors:?}", page.path));
            assert_eq!(loaded.warnings, Vec::<String>::new(), "{:?}", page.path);
        }
    }
}

#[test]
fn the_exit_codes_are_these() {
    let codes = [
        ExitCode::Success,
        ExitCode::Error,
        ExitCode::Usage,
        ExitCode::SomeFailed,
        ExitCode::Budget,
        ExitCode::Interrupted,
    ];
    assert_eq!(
        page("docs/commands.md").first_cells("## Exit codes"),
        codes.map(|code| code.number().to_string())
    );
}

/// Returns the fields of a type in JSON, in order, without that of its type.
fn fields<T: JsonSchema>() -> Vec<String> {
    let schema = schema_for!(T).to_value();
    let fields = schema["properties"].as_object().expect("an object").keys();
    fields.filter(|name| *name != "type").cloned().collect()
}

#[test]
fn the_fields_of_the_summary_are_these() {
    let page = page("docs/json.md");
    assert_eq!(page.first_cells("### The summary"), fields::<Summary>());
    assert_eq!(
        page.first_cells("### A task in the summary"),
        fields::<TaskSummary>()
    );
}

#[test]
fn the_metrics_are_these() {
    let source = include_str!("dashboard/prometheus.rs");
    let names = source.split('"').filter(|text| {
        text.starts_with("autoissue_") && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    });
    assert_eq!(
        page("docs/dashboard.md").first_cells("## Prometheus"),
        names.collect::<Vec<_>>()
    );
}
