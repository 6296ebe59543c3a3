//! What can be typed after `autoissue`. Parses only; what the words mean is for the commands.

use std::path::PathBuf;
use std::str::FromStr;

use autoissue_core::plugins::PluginArgument;
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde_json::{Value, json};

use crate::config::FlagValue;
use crate::local_time::TimeOfDay;
use crate::plugin_command::args::PluginArgs;
use crate::schema_command::SchemaArgs;

/// Turn the labelled issues of a repository into pull requests, overnight and within a budget
#[derive(Debug, Parser)]
#[command(name = "autoissue", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Flags of all commands.
    #[command(flatten)]
    pub(crate) common: Common,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all done · 1 could not run · 2 wrong usage or configuration · 3 some task failed or was \
skipped · 4 stopped by the budget · 130 interrupted, can be resumed";

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

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every open issue that carries the label
    Exec(ExecArgs),
    /// Have an agent split a directive into issues, create them, and run them in order
    Plan(PlanArgs),
    /// Go on with an interrupted session
    Resume(ResumeArgs),
    /// Show recent sessions, or the tasks of one and why they wait
    Status(StatusArgs),
    /// Tell the whole story of a session, or of one issue in it
    Show(ShowArgs),
    /// Add up cost, success and code changes over all sessions
    Metrics,
    /// Show how issues would be classified and scheduled
    Classify(ClassifyArgs),
    /// Write a configuration for this repository
    Init,
    /// Check everything that a night needs, before any money is spent
    Doctor(DoctorArgs),
    /// Run the whole pipeline on a sample repository, without account and network
    Demo(DemoArgs),
    /// Remove worktrees and transcripts of finished sessions, and kept work that nobody needs
    Clean(CleanArgs),
    /// Make, test and inspect plugins, and choose those of this repository
    Plugin(PluginArgs),
    /// Show the effective configuration, or its JSON Schema
    Config(ConfigArgs),
    /// Print the JSON Schema of what autoissue writes
    Schema(SchemaArgs),
    /// Serve the dashboard over past sessions and the live one
    Dashboard(DashboardArgs),
    /// Print shell completions
    Completions {
        /// Shell to print them for
        shell: Shell,
    },
    /// Do what autoissue starts itself for
    #[command(hide = true)]
    Internal(InternalArgs),
}

/// Arguments of `exec`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ExecArgs {
    /// Label of the issues to run
    pub(crate) label: String,
    /// Run only this issue (repeatable)
    #[arg(long = "issue", value_name = "N")]
    pub(crate) issues: Vec<u64>,
    /// Start, in order, what fits the budget, although not everything does
    #[arg(long)]
    pub(crate) allow_partial: bool,
    /// Start nothing from this time on; what runs may finish
    #[arg(long, value_name = "HH:MM")]
    pub(crate) until: Option<TimeOfDay>,
    /// Start issues although issues outside of this run, which they depend on, are still open
    #[arg(long)]
    pub(crate) ignore_external_dependencies: bool,
    /// Exit with 3 instead of 0 if no open issue carries the label
    #[arg(long)]
    pub(crate) fail_if_empty: bool,
    /// Show the plan; change nothing and spend nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How to run.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Arguments of `resume`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ResumeArgs {
    /// Id of the session, or the beginning of it; the newest unfinished one by default
    pub(crate) session: Option<String>,
    /// Carry out a plan that waits for somebody to agree to it, without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Show what is left to do; change nothing and spend nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How to run.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Arguments of `plan`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlanArgs {
    /// What is to be done, in words
    #[arg(required_unless_present_any = ["from", "schema"], conflicts_with = "from")]
    pub(crate) directive: Option<String>,
    /// Run this saved plan, perhaps edited; no planner is paid
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Save the plan to this file, to be read, edited and run with `--from`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Create the issues without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Show the plan; the planner is paid, and nothing is created
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the JSON Schema of a saved plan
    #[arg(long, conflicts_with_all = ["directive", "from", "out", "yes", "dry_run"])]
    pub(crate) schema: bool,
    /// How to run.
    #[command(flatten)]
    pub(crate) run: RunArgs,
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

/// Arguments of `dashboard`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DashboardArgs {
    /// Serve it on this port; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

impl DashboardArgs {
    /// Returns what the flags set in the configuration.
    pub(crate) fn settings(&self) -> Vec<FlagValue> {
        self.port.map(port).into_iter().collect()
    }
}

fn port(number: u16) -> FlagValue {
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

/// Arguments of `status`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StatusArgs {
    /// Id of a session, or the beginning of it
    pub(crate) session: Option<String>,
    /// Show at most so many sessions
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
}

/// Arguments of `show`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShowArgs {
    /// Id of the session, or the beginning of it
    pub(crate) session: String,
    /// Number of an issue
    pub(crate) issue: Option<u64>,
    /// Print the issue's transcripts as the agent's program wrote them, and nothing else
    #[arg(long, requires = "issue")]
    pub(crate) raw: bool,
    /// Write the report as one HTML page that needs nothing else; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "issue")]
    pub(crate) html: Option<PathBuf>,
    /// Write the report as Markdown; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "issue")]
    pub(crate) markdown: Option<PathBuf>,
}

/// Arguments of `classify`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// Label of the issues to classify
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    pub(crate) label: Option<String>,
    /// Read one JSON issue per line, and write one JSON answer per line
    #[arg(long)]
    pub(crate) stdin: bool,
}

/// Arguments of `doctor`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Leave out what takes more than a moment: the checks on the base
    #[arg(long)]
    pub(crate) quick: bool,
}

/// Arguments of `demo`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// Put the sample here instead of in a temporary directory; must not exist or be empty
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Write plain lines instead of the live screen
    #[arg(long)]
    pub(crate) headless: bool,
    /// The dashboard.
    #[command(flatten)]
    pub(crate) dashboard: ServeArgs,
}

/// Arguments of `clean`.
#[derive(Clone, Debug, Args)]
pub(crate) struct CleanArgs {
    /// Show what would be removed; remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Remove the kept work of this issue too, whatever became of it; may be repeated
    #[arg(long, value_name = "ISSUE")]
    pub(crate) salvage: Vec<u64>,
}

/// Arguments of `config`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigArgs {
    /// What to show.
    #[command(subcommand)]
    pub(crate) what: ConfigCommand,
}

/// What to show of the configuration.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show each value and where it is from
    Show,
    /// Print the JSON Schema of the configuration file
    Schema,
}

/// Arguments of `internal`.
#[derive(Clone, Debug, Args)]
pub(crate) struct InternalArgs {
    /// Which mode.
    #[command(subcommand)]
    pub(crate) mode: InternalMode,
}

/// The modes in which autoissue starts itself.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum InternalMode {
    /// Watch over one program and end its descendants
    Supervise,
    /// Read what agents made, as standard input asks
    Collect,
    /// Apply the diff on standard input to the current directory
    ApplyPatch,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_texts_are_imperative_and_end_without_a_period() {
        for command in Arguments::command().get_subcommands() {
            let about = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                !about.is_empty() && !about.ends_with('.'),
                "{}: {about:?}",
                command.get_name()
            );
            for arg in command.get_arguments() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(
                    !help.is_empty() && !help.ends_with('.'),
                    "{} {}: {help:?}",
                    command.get_name(),
                    arg.get_id()
                );
            }
        }
    }

    #[test]
    fn common_flags_may_stand_anywhere() {
        for line in [
            "autoissue --output json status",
            "autoissue status --output json",
        ] {
            assert_eq!(
                parse(line).unwrap().common.output,
                OutputForm::Json,
                "{line}"
            );
        }
    }

    #[test]
    fn flags_become_settings_with_their_names() {
        let Command::Exec(args) = parse("autoissue exec bug --budget $7.5 --max-parallel 2 --yolo")
            .unwrap()
            .command
        else {
            panic!("this is `exec`");
        };
        let settings: Vec<_> = args
            .run
            .settings()
            .into_iter()
            .map(|f| (f.key, f.value.to_string(), f.flag))
            .collect();
        assert_eq!(
            settings,
            [
                ("executor.maxParallel", "2".to_owned(), "--max-parallel"),
                ("maxTotalBudgetUsd", "7.5".to_owned(), "--budget"),
                ("agent.yolo", "true".to_owned(), "--yolo"),
            ]
        );
    }

    #[test]
    fn wrong_usage_is_refused_with_code_2() {
        for line in [
            "autoissue",
            "autoissue exec",
            "autoissue exec bug --budget inf",
            "autoissue exec bug --until 25:00",
            "autoissue exec bug --issue x",
            "autoissue classify",
            "autoissue classify bug --stdin",
            "autoissue status --verbose --quiet",
            "autoissue plan",
            "autoissue plan x --from y",
            "autoissue plan x --schema",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
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
