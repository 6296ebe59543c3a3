//! The command-line interface of autoissue: parses arguments, assembles the configuration, displays
//! what core does, and returns exit codes that scripts can rely on.
//!
//! ```text
//!   arguments ─► Invocation (flags, environment, directory) ─► command ─► ExitCode
//!                                                                  │ exec, plan, resume, demo, classify: a session of core
//!                                                                  └ status, show, metrics, history: the journal, read only
//! ```
//!
//! It contains no git, GitHub or SQLite code; all external effects are in core.

mod announced_compiler;
mod args;
mod command;
mod component;
mod config;
mod console;
mod dashboard;
#[cfg(test)]
mod documentation;
mod dry_run;
mod error;
mod exit_code;
#[cfg(test)]
mod fixture;
mod host;
mod liveness;
mod local_time;
mod logging;
#[cfg(test)]
mod man_pages;
mod narration;
mod outdated_journal;
mod paint;
mod printable;
mod project;
mod proposal;
mod report;
mod reporter;
mod run_session;
mod schedule;
mod schema_text;
mod screen;
mod shell;
mod signals;
mod table;
mod terminal;
mod typed;
#[cfg(test)]
mod views_agree;

use clap::{CommandFactory, FromArgMatches};

use args::{Color, Common};
use command::{Arguments, Command};
use console::Console;
use error::{CliError, Explain};
use exit_code::ExitCode;
use host::Invocation;
use typed::HintContext;

/// Runs the command given on the command line and returns the process's exit code.
pub fn main() -> std::process::ExitCode {
    if let Some(code) = command::serve() {
        return code;
    }
    match parse() {
        Ok(Arguments { common, command }) => run(&common, &command).into(),
        Err(error) => {
            // Help goes to standard output, usage errors to standard error. A closed pipe is not an
            // error.
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
        // Messages use the documented program name, whatever the executable is called.
        .bin_name("autoissue")
        .color(Color::before_parsing(&args))
        .try_get_matches()?;
    Arguments::from_arg_matches(&matches)
}

fn run(common: &Common, command: &Command) -> ExitCode {
    let invocation = match Invocation::read(common, command::read) {
        Ok(invocation) => invocation,
        Err(error) => return report(&Console::new(common, &[]), &error, ""),
    };
    let done = command
        .check(common)
        .and_then(|()| outdated_journal::set_aside(&invocation, command))
        .and_then(|()| command.run(&invocation));
    match done {
        Ok(code) => code,
        Err(error) => report(&invocation.console, &error, &invocation.command),
    }
}

/// Prints why a command failed and returns the exit code.
fn report(console: &Console, error: &CliError, command: &str) -> ExitCode {
    let context = HintContext::of(command, command::read);
    let report = error.report(console.err, &context);
    if !report.is_empty() {
        console.say(report.trim_end());
    }
    error.exit_code()
}
