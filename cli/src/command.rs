//! The commands, one file each with its arguments at the top. Shared arguments are in `args.rs`;
//! code that runs a session is in `run_session.rs`.

mod classify;
mod clean;
mod completions;
mod config;
mod dashboard;
mod demo;
mod doctor;
mod exec;
mod history;
mod init;
mod internal;
pub(crate) mod metrics;
mod plan;
mod plugin;
mod prompt;
mod resume;
mod schema;
mod show;
pub(crate) mod status;

use clap::{Parser, Subcommand};

use crate::args::Common;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::shell;
use crate::typed::Typed;

use classify::ClassifyArgs;
use clean::CleanArgs;
use completions::CompletionsArgs;
use config::ConfigArgs;
use dashboard::DashboardArgs;
use demo::DemoArgs;
use doctor::DoctorArgs;
use exec::ExecArgs;
use history::HistoryArgs;
use internal::InternalArgs;
use plan::PlanArgs;
use plugin::PluginArgs;
use prompt::PromptArgs;
use resume::ResumeArgs;
use schema::SchemaArgs;
use show::ShowArgs;
use status::StatusArgs;

pub(crate) use internal::serve;

/// Turn a repository's labelled issues into pull requests, unattended and within a budget
#[derive(Debug, Parser)]
#[command(name = "autoissue", version = env!("AUTOISSUE_VERSION"), after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all tasks done · 1 error · 2 invalid usage or configuration · 3 some tasks failed, were skipped or need you · 4 not started, or stopped, because of the budget · 130 interrupted, can be resumed";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an agent on every open issue with a label
    Exec(ExecArgs),
    /// Have an agent split a directive into issues, create them and run them in dependency order
    Plan(PlanArgs),
    /// Resume an interrupted session
    Resume(ResumeArgs),
    /// List recent sessions, or show the tasks of one session and why they wait
    Status(StatusArgs),
    /// Show everything that happened in a session, or to one issue
    Show(ShowArgs),
    /// Show cost, success rate and code changes across all sessions
    Metrics,
    /// Check the integrity of the journal
    History(HistoryArgs),
    /// Show how issues would be classified and scheduled
    Classify(ClassifyArgs),
    /// Print what an agent would be told about an issue
    Prompt(PromptArgs),
    /// Create a configuration file for this repository
    Init,
    /// Check that everything is ready for a run, before spending anything
    Doctor(DoctorArgs),
    /// Try the whole pipeline on a sample repository, without an account or network
    Demo(DemoArgs),
    /// Remove worktrees and transcripts of finished sessions, and kept work that is no longer
    /// needed
    Clean(CleanArgs),
    /// Create, test and inspect plugins, and manage the plugins of this repository
    Plugin(PluginArgs),
    /// Show the effective configuration, or its JSON Schema
    Config(ConfigArgs),
    /// Print the JSON Schema of autoissue's output
    Schema(SchemaArgs),
    /// Serve the dashboard for past sessions and the live one
    Dashboard(DashboardArgs),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Run an internal helper process
    #[command(hide = true)]
    Internal(InternalArgs),
}

impl Command {
    /// Checks that the common options fit the command: grants need a plugin to hold for.
    ///
    /// # Errors
    /// [`CliError::GrantWithoutPlugin`].
    pub(crate) fn check(&self, common: &Common) -> Result<(), CliError> {
        let adds = matches!(self, Self::Plugin(args) if args.adds());
        if common.grants.is_empty() || !common.plugins.is_empty() || adds {
            Ok(())
        } else {
            Err(CliError::GrantWithoutPlugin)
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// If the command could not do what it was asked.
    pub(crate) fn run(&self, invocation: &Invocation) -> Result<ExitCode, CliError> {
        match self {
            Self::Exec(args) => exec::run(invocation, args),
            Self::Plan(args) => plan::run(invocation, args),
            Self::Resume(args) => resume::run(invocation, args),
            Self::Status(args) => status::run(invocation, args),
            Self::Show(args) => show::run(invocation, args),
            Self::Metrics => metrics::run(invocation),
            Self::History(args) => history::run(invocation, args),
            Self::Classify(args) => classify::run(invocation, args),
            Self::Prompt(args) => prompt::run(invocation, args),
            Self::Init => init::run(invocation),
            Self::Doctor(args) => doctor::run(invocation, args),
            Self::Demo(args) => demo::run(invocation, args),
            Self::Clean(args) => clean::run(invocation, args),
            Self::Plugin(args) => plugin::run(invocation, args),
            Self::Config(args) => config::run(invocation, args),
            Self::Schema(args) => schema::run(invocation, args),
            Self::Dashboard(args) => dashboard::run(invocation, args),
            Self::Completions(args) => completions::run(invocation, args),
            Self::Internal(args) => internal::run(invocation, args.mode),
        }
    }
}

/// Parses a command line as stored by [`Invocation`] and the journal. Returns the default for a
/// command that starts no session, or one that cannot be parsed because another release had
/// different flags.
pub(crate) fn read(line: &str) -> Typed {
    let Ok(Arguments { common, command }) = Arguments::try_parse_from(shell::words(line)) else {
        return Typed::default();
    };
    match command {
        Command::Exec(args) => args.typed(common),
        Command::Plan(args) => args.typed(common),
        Command::Resume(args) => args.typed(common),
        Command::Demo(args) => args.typed(common),
        Command::Status(_)
        | Command::Show(_)
        | Command::Metrics
        | Command::History(_)
        | Command::Classify(_)
        | Command::Prompt(_)
        | Command::Init
        | Command::Doctor(_)
        | Command::Clean(_)
        | Command::Plugin(_)
        | Command::Config(_)
        | Command::Schema(_)
        | Command::Dashboard(_)
        | Command::Completions(_)
        | Command::Internal(_) => Typed::default(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::OutputForm;

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
    fn common_flags_may_be_given_anywhere() {
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
}
