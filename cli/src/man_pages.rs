//! Man pages, one for each command, made of the help texts. Compiled for tests only, so that the program does not contain their
//! generator: `.github/release/share` runs the test here that writes them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::command::Arguments;

/// Names the directory that the pages are written to.
const VARIABLE: &str = "AUTOISSUE_MAN_PAGES";

fn root() -> Command {
    // clap writes `help` as a command of every command that has commands.
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    root
}

/// Returns a command and all below it, without those that help does not show.
fn visible(command: &Command) -> Vec<&Command> {
    let below = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    std::iter::once(command)
        .chain(below.flat_map(visible))
        .collect()
}

/// Returns the text of every page, by file name.
fn pages() -> BTreeMap<String, String> {
    let root = root();
    let version = root.get_version().unwrap_or_default();
    // "0.1.0 (abc1234 2026-11-30)". An empty date would be left out, and the next word taken for it.
    let day = version.trim_end_matches(')').split_once(' ');
    let day = day.and_then(|it| Some(it.1.split_once(' ')?.1));
    let page = |command: &Command| {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let page = Man::new(command.clone())
            .title(name.to_uppercase())
            .date(day.unwrap_or(" "))
            .source(format!("autoissue {version}"))
            .manual("autoissue");
        let mut text = Vec::new();
        page.render(&mut text).expect("a vector takes everything");
        let text = String::from_utf8(text).expect("help texts are UTF-8");
        (page.get_filename(), text)
    };
    visible(&root).into_iter().map(page).collect()
}

#[test]
fn every_visible_command_has_a_man_page_with_all_its_flags() {
    let (root, pages) = (root(), pages());
    for command in visible(&root) {
        let name = command.get_display_name().unwrap_or(command.get_name());
        let page = &pages[&format!("{name}.1")];
        for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
            let escaped = flag.replace('-', "\\-");
            assert!(page.contains(&format!("\\-\\-{escaped}")), "{name}: {flag}");
        }
    }
    assert!(pages.len() > 20 && !pages.keys().any(|name| name.contains("internal")));
}

#[test]
fn man_pages_are_written_where_the_variable_says() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = env::var_os(VARIABLE).map_or_else(|| scratch.path().to_owned(), PathBuf::from);
    for (name, text) in pages() {
        fs::write(directory.join(name), text).unwrap();
    }
    assert!(directory.join("autoissue.1").is_file());
}
