//! The command line of autoissue: parses arguments, puts the configuration together, shows what core does, and ends with an
//! exit code that scripts can rely on.
//!
//! ```text
//!   arguments ─► Surroundings (flags, environment, directory) ─► command ─► ExitCode
//!                                                                  │ exec, resume, demo, classify: a session of core
//!                                                                  └ status, show, metrics: the journal, read only
//! ```
//!
//! It knows neither git nor GitHub nor SQLite: what touches the world is core's.

mod args;
mod classify;
mod clean;
mod completions;
mod config;
mod config_command;
mod console;
mod dashboard;
mod demo;
mod doctor;
mod error;
mod exec;
mod exit_code;
#[cfg(test)]
mod fixture;
mod host;
mod init;
mod internal;
mod liveness;
mod local_time;
mod logging;
mod metrics;
mod narration;
mod plan;
mod plan_command;
mod plugin_command;
mod printable;
mod project;
mod report;
mod reporter;
mod resume;
mod run_session;
mod schedule;
mod screen;
mod show;
mod signals;
mod status;
mod table;
mod terminal;
mod typed;
#[cfg(test)]
mod views_agree;

use clap::{CommandFactory, FromArgMatches};

use args::{Arguments, Color, Command, Common};
use console::Console;
use error::CliError;
use exit_code::ExitCode;
use host::Surroundings;
use typed::Typed;

/// Runs the command that the process's arguments name, and returns the exit code of the process.
pub fn main() -> std::process::ExitCode {
    if let Some(code) = internal::serve() {
        return code;
    }
    match parse() {
        Ok(Arguments { common, command }) => run(&common, command).into(),
        Err(error) => {
            // Help goes to standard output, usage errors to standard error; a reader that has gone is no matter.
            let _ = error.print();
            std::process::ExitCode::from(
                u8::try_from(error.exit_code()).unwrap_or(ExitCode::Usage.number()),
            )
        }
    }
}

fn parse() -> Result<Arguments, clap::Error> {
    let args: Vec<String> = std::env::args_os()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let matches = Arguments::command()
        // Messages name the program as the documentation does, whatever its file is called.
        .bin_name("autoissue")
        .color(Color::before_parsing(&args))
        .try_get_matches()?;
    Arguments::from_arg_matches(&matches)
}

fn run(common: &Common, command: Command) -> ExitCode {
    let around = match Surroundings::read(common) {
        Ok(around) => around,
        Err(error) => return report(&Console::new(common, &[]), &error, &Typed::default()),
    };
    match dispatch(&around, command) {
        Ok(code) => code,
        Err(error) => report(&around.console, &error, &Typed::of(&around.command)),
    }
}

fn dispatch(around: &Surroundings, command: Command) -> Result<ExitCode, CliError> {
    match command {
        Command::Exec(args) => exec::run(around, &args),
        Command::Plan(args) => plan_command::run(around, &args),
        Command::Resume(args) => resume::run(around, &args),
        Command::Status(args) => status::run(around, &args),
        Command::Show(args) => show::run(around, &args),
        Command::Metrics => metrics::run(around),
        Command::Classify(args) => classify::run(around, &args),
        Command::Init => init::run(around),
        Command::Doctor(args) => doctor::run(around, &args),
        Command::Demo(args) => demo::run(around, &args),
        Command::Clean(args) => clean::run(around, &args),
        Command::Dashboard(args) => dashboard::run(around, &args),
        Command::Config(args) => config_command::run(around, &args),
        Command::Plugin(args) => plugin_command::run(around, &args),
        Command::Completions { shell } => completions::run(around, shell),
        Command::Internal(args) => internal::run(around, args.mode),
    }
}

fn report(console: &Console, error: &CliError, typed: &Typed) -> ExitCode {
    let report = error.report(console.err, typed);
    if !report.is_empty() {
        console.say(report.trim_end());
    }
    error.exit_code()
}
