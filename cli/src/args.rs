//! Arguments that several commands have in common. Those of one command stand in its file.

use std::path::PathBuf;
use std::str::FromStr;

use autoissue_core::plugins::PluginArgument;
use clap::{Args, ColorChoice, ValueEnum};
use serde_json::{Value, json};

use crate::config::FlagValue;

/// Flags of all commands.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Common {
    /// Read this configuration file instead of the one in the repository's root
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        help_heading = "Common options"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Write text for people, or one JSON object per line
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORM",
        help_heading = "Common options"
    )]
    pub(crate) output: OutputForm,
    /// Say more: agents' output, and debug lines in the log
    #[arg(
        long,
        short,
        global = true,
        conflicts_with = "quiet",
        help_heading = "Common options"
    )]
    pub(crate) verbose: bool,
    /// Say only the closing report and errors
    #[arg(long, short, global = true, help_heading = "Common options")]
    pub(crate) quiet: bool,
    /// Colour the output: on a terminal and without NO_COLOR, always, or never
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Common options"
    )]
    pub(crate) color: Color,
    /// Let a plugin decide: PATH takes all that it can, classifier=PATH that one (repeatable)
    #[arg(
        long = "plugin",
        global = true,
        value_name = "SPEC",
        help_heading = "Common options"
    )]
    pub(crate) plugins: Vec<PluginArgument>,
}

/// The form of what goes to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputForm {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Color {
    /// Returns what was asked for, as far as it can be told before the arguments are parsed: for help and usage errors.
    pub(crate) fn before_parsing(args: &[String]) -> ColorChoice {
        let mut values = args
            .iter()
            .zip(args.iter().skip(1))
            .filter(|(flag, _)| *flag == "--color")
            .map(|(_, value)| value);
        let mut joined = args.iter().filter_map(|arg| arg.strip_prefix("--color="));
        let asked = values
            .next_back()
            .map(String::as_str)
            .or_else(|| joined.next_back());
        match asked {
            Some("always") => ColorChoice::Always,
            Some("never") => ColorChoice::Never,
            _ => ColorChoice::Auto,
        }
    }
}

/// How to run a session.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Run at most so many attempts at once
    #[arg(long, value_name = "N")]
    pub(crate) max_parallel: Option<u32>,
    /// Spend at most so many US dollars
    #[arg(long, value_name = "USD", value_parser = dollars, allow_negative_numbers = true)]
    pub(crate) budget: Option<f64>,
    /// Write plain lines instead of the live screen
    #[arg(long)]
    pub(crate) headless: bool,
    /// Let the agent act without asking for permission
    #[arg(long)]
    pub(crate) yolo: bool,
    /// The dashboard.
    #[command(flatten)]
    pub(crate) dashboard: ServeArgs,
}

/// Whether and where to serve the dashboard while a session runs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Serve the dashboard meanwhile
    #[arg(long)]
    pub(crate) dashboard: bool,
    /// Serve the dashboard on this port; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

impl ServeArgs {
    /// Returns what the flags set in the configuration.
    pub(crate) fn settings(&self) -> Vec<FlagValue> {
        let dashboard = self
            .dashboard
            .then(|| flag("dashboard.enabled", json!(true), "--dashboard"));
        dashboard.into_iter().chain(self.port.map(port)).collect()
    }
}

/// Returns what `--port` sets in the configuration.
pub(crate) fn port(number: u16) -> FlagValue {
    flag("dashboard.port", json!(number), "--port")
}

impl RunArgs {
    /// Returns what the flags set in the configuration.
    pub(crate) fn settings(&self) -> Vec<FlagValue> {
        let max_parallel = self
            .max_parallel
            .map(|n| flag("executor.maxParallel", json!(n), "--max-parallel"));
        let budget = self
            .budget
            .map(|usd| flag("maxTotalBudgetUsd", json!(usd), "--budget"));
        let yolo = self.yolo.then(|| flag("agent.yolo", json!(true), "--yolo"));
        [max_parallel, budget, yolo]
            .into_iter()
            .flatten()
            .chain(self.dashboard.settings())
            .collect()
    }
}

const fn flag(key: &'static str, value: Value, flag: &'static str) -> FlagValue {
    FlagValue { key, value, flag }
}

/// JSON has no infinity, so it has to be refused before it becomes a value of the configuration.
fn dollars(text: &str) -> Result<f64, String> {
    let amount = f64::from_str(text.trim_start_matches('$'))
        .ok()
        .filter(|amount| amount.is_finite());
    amount.ok_or_else(|| "not an amount of US dollars, such as `25` or `7.50`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_known_before_parsing() {
        fn choice(line: &str) -> ColorChoice {
            Color::before_parsing(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        }

        assert_eq!(choice("--color never exec"), ColorChoice::Never);
        assert_eq!(choice("exec --color=always"), ColorChoice::Always);
        assert_eq!(choice("exec --color"), ColorChoice::Auto);
    }
}
