//! Arguments that several commands share. Arguments of a single command are in that command's file.

use std::path::PathBuf;
use std::str::FromStr;

use autoissue_core::plugins::{Grant, PluginArgument};
use clap::{Args, ColorChoice, ValueEnum};
use serde_json::{Value, json};

use crate::config::FlagValue;

/// Options of all commands.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Common {
    /// Read this configuration file instead of the one in the repository root
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        help_heading = "Common options"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Output format: human-readable text or JSON lines
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Common options"
    )]
    pub(crate) output: OutputForm,
    /// Show agent output, and log at debug level
    #[arg(
        long,
        short,
        global = true,
        conflicts_with = "quiet",
        help_heading = "Common options"
    )]
    pub(crate) verbose: bool,
    /// Print only the final report and errors
    #[arg(long, short, global = true, help_heading = "Common options")]
    pub(crate) quiet: bool,
    /// When to use colour (auto respects NO_COLOR)
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Common options"
    )]
    pub(crate) color: Color,
    /// Use a plugin: PATH for everything it provides, or KIND=PATH for one strategy (repeatable)
    #[arg(
        long = "plugin",
        global = true,
        value_name = "SPEC",
        help_heading = "Common options"
    )]
    pub(crate) plugins: Vec<PluginArgument>,
    /// Grant the plugins of `--plugin` something for this run, or the plugin of `plugin add`:
    /// `exec=PROGRAM` or `env=VARIABLE` (repeatable)
    #[arg(
        long = "grant",
        global = true,
        value_name = "GRANT",
        help_heading = "Common options"
    )]
    pub(crate) grants: Vec<Grant>,
}

/// Format of standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputForm {
    /// Human-readable text.
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
    /// Always, even if the output is piped.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Returns the `--color` choice from the raw arguments. Help and usage errors are printed
    /// before parsing has succeeded.
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

/// Options for running a session.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// Maximum number of agents running at once
    #[arg(long, value_name = "N")]
    pub(crate) max_parallel: Option<u32>,
    /// Maximum amount to spend, in US dollars
    #[arg(long, value_name = "USD", value_parser = dollars, allow_negative_numbers = true)]
    pub(crate) budget: Option<f64>,
    /// Print plain lines instead of the live screen
    #[arg(long)]
    pub(crate) headless: bool,
    /// Let agents act without asking for permission
    #[arg(long)]
    pub(crate) yolo: bool,
    #[command(flatten)]
    pub(crate) dashboard: ServeArgs,
}

/// Options for serving the dashboard while a session runs.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Serve the dashboard while the session runs
    #[arg(long)]
    pub(crate) dashboard: bool,
    /// Port for the dashboard (0 picks a free one)
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

impl ServeArgs {
    /// Returns the configuration values set by the flags.
    pub(crate) fn settings(&self) -> Vec<FlagValue> {
        let dashboard = self
            .dashboard
            .then(|| flag("dashboard.enabled", json!(true), "--dashboard"));
        dashboard.into_iter().chain(self.port.map(port)).collect()
    }
}

/// Returns the configuration value set by `--port`.
pub(crate) fn port(number: u16) -> FlagValue {
    flag("dashboard.port", json!(number), "--port")
}

impl RunArgs {
    /// Returns the configuration values set by the flags.
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

/// Rejects infinities here, because JSON cannot represent them.
fn dollars(text: &str) -> Result<f64, String> {
    let amount = f64::from_str(text.trim_start_matches('$'))
        .ok()
        .filter(|amount| amount.is_finite());
    amount.ok_or_else(|| "not an amount of US dollars, such as `25` or `7.50`".to_owned())
}

/// Parses the number of an issue.
pub(crate) fn issue_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "not an issue number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_not_an_issue_number() {
        assert_eq!(issue_number("12"), Ok(12));
        for text in ["x", "", "1.5", "-1"] {
            assert_eq!(issue_number(text), Err("not an issue number".to_owned()));
        }
    }

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
