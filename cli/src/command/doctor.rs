//! `autoissue doctor`: checks everything that a run needs before any money is spent. It changes
//! nothing, and each problem says what to do about it.
//!
//! ```text
//!   configuration, project ─► core::doctor::examine ─► findings, each printed as it comes ─► exit code
//! ```

use autoissue_core::doctor::{Finding, Found, Level, Scope, examine};
use autoissue_core::git::program::GitError;
use clap::Args;
use serde::Serialize;
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use crate::config::{ConfigError, Loaded};
use crate::console::Console;
use crate::error::{CliError, Explain, ProjectError, said};
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::paint::Paint;
use crate::printable::{lines, one_line, wrapped};
use crate::project;
use crate::signals::Signals;
use crate::typed::HintContext;

/// Arguments of `doctor`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Skip slow checks (your checks on the base branch)
    #[arg(long)]
    pub(crate) quick: bool,
}

/// Hint when nothing more specific is known.
const FIX_THE_CAUSE: &str = "fix the cause; `autoissue exec` would fail with the same error";

/// Hint for an invalid setting without a hint of its own.
const FIX_THE_SETTING: &str =
    "change or remove it; `autoissue config schema` prints the allowed keys and values";

/// Runs the command.
///
/// # Errors
/// If standard output cannot be written. Problems found are findings, not errors.
pub(crate) fn run(invocation: &Invocation, args: &DoctorArgs) -> Result<ExitCode, CliError> {
    let cancel = CancellationToken::new();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| CliError::System {
        what: "start threads",
        source,
    })?;
    runtime.block_on(async {
        tokio::spawn(Signals::listen()?.cancel(cancel.clone()));
        Ok::<_, CliError>(())
    })?;
    let mut printer = FindingPrinter {
        console: &invocation.console,
        context: HintContext::of(&invocation.command, invocation.read_command),
        worst: Level::Ok,
        written: Ok(()),
    };
    look(invocation, args, &cancel, &mut printer);
    runtime.shutdown_background();
    printer.written?;
    Ok(match printer.worst {
        _ if cancel.is_cancelled() => ExitCode::Interrupted,
        Level::Failure => ExitCode::Error,
        Level::Ok | Level::Warning => ExitCode::Success,
    })
}

/// Checks the configuration, and lets core check the rest.
fn look(
    invocation: &Invocation,
    args: &DoctorArgs,
    cancel: &CancellationToken,
    printer: &mut FindingPrinter<'_>,
) {
    let Some(mut loaded) = printer.unless("configuration", invocation.load(Vec::new())) else {
        return;
    };
    printer.add(&file(&loaded));
    for text in &loaded.warnings {
        printer.add(&Finding::warning(
            "configuration",
            text,
            "see `autoissue config show`",
        ));
    }
    let project = project::checkout(&loaded, &invocation.current_dir).map_err(CliError::from);
    let Some(project) = printer.unless("repository", project) else {
        return;
    };
    let forge = match project::derive_from_origin(&mut loaded, &project, invocation.path_env()) {
        // Core reports this too.
        Err(CliError::Project(ProjectError::Git {
            source: GitError::NotInstalled { .. },
            ..
        })) => false,
        derived => printer.unless("forge", derived).is_some(),
    };
    let Some(host) = printer.unless("state", invocation.host(project)) else {
        return;
    };
    let scope = Scope {
        forge,
        slow: !args.quick,
    };
    examine(&loaded.config, &host, scope, cancel, &mut |found| {
        printer.note(found);
    });
}

fn file(loaded: &Loaded) -> Finding {
    let files: Vec<String> = [&loaded.user_file, &loaded.file]
        .into_iter()
        .flatten()
        .map(|path| path.display().to_string())
        .collect();
    if files.is_empty() {
        return Finding::ok("configuration", "no configuration file; using defaults");
    }
    Finding::ok("configuration", files.join(", "))
}

/// Prints findings, and remembers the worst level.
struct FindingPrinter<'c> {
    console: &'c Console,
    context: HintContext,
    worst: Level,
    written: Result<(), CliError>,
}

impl FindingPrinter<'_> {
    /// Unwraps a result; an error becomes a failed finding.
    fn unless<T>(&mut self, check: &'static str, result: Result<T, CliError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(CliError::Config(errors)) => {
                errors
                    .iter()
                    .for_each(|error| self.add(&misconfigured(check, error)));
                None
            }
            Err(error) => {
                self.add(&refusal(check, &error, &self.context));
                None
            }
        }
    }

    fn note(&mut self, found: Found) {
        match found {
            Found::Finding(finding) => self.add(&finding),
            Found::Refusal { check, error } => {
                self.add(&refusal(check, &CliError::Session(error), &self.context));
            }
            Found::Begun(what) if !self.console.quiet => self.console.say(one_line(&what)),
            Found::Begun(_) => {}
        }
    }

    fn add(&mut self, finding: &Finding) {
        self.worst = self.worst.max(finding.level);
        // If the output was closed, the remaining checks still run because they decide the exit
        // code.
        if self.written.is_ok() {
            self.written = if self.console.is_json() {
                self.console.json(&Line::of(finding))
            } else {
                self.console.print(&text(finding, self.console.out))
            };
        }
    }
}

/// A line of JSON.
#[derive(Serialize)]
struct Line<'f> {
    r#type: &'static str,
    check: &'static str,
    level: Level,
    message: &'f str,
    advice: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'f str>,
}

impl<'f> Line<'f> {
    fn of(finding: &'f Finding) -> Self {
        Self {
            r#type: "finding",
            check: finding.check,
            level: finding.level,
            message: &finding.message,
            advice: finding.advice.as_deref(),
            output: finding.output.as_deref(),
        }
    }
}

/// Returns the error a session would report, as a finding.
fn refusal(check: &'static str, error: &CliError, context: &HintContext) -> Finding {
    let hint = error
        .hint(context)
        .unwrap_or_else(|| FIX_THE_CAUSE.to_owned());
    Finding::failure(check, said(error).join(": "), hint)
}

/// Returns an error of the configuration as a finding of several lines.
fn misconfigured(check: &'static str, error: &ConfigError) -> Finding {
    let hint = error.hint.as_deref();
    Finding::failure(check, error.problem(), hint.unwrap_or(FIX_THE_SETTING))
}

fn text(finding: &Finding, paint: Paint) -> String {
    let Finding {
        check,
        level,
        message,
        advice,
        output,
    } = finding;
    let level = match level {
        Level::Ok => paint.green("ok     "),
        Level::Warning => paint.yellow("warning"),
        Level::Failure => paint.red("failure"),
    };
    let room = paint.columns().saturating_sub(24);
    let mut text = String::new();
    let said = lines(message).flat_map(|line| wrapped(&line, room));
    for (n, line) in said.enumerate() {
        if n == 0 {
            text.push_str(&format!("{level}  {check:<13}  {line}\n"));
        } else {
            text.push_str(&format!("{:24}{line}\n", ""));
        }
    }
    let below = |mark: &str, line: &str| format!("{:24}{mark} {line}\n", "");
    output
        .iter()
        .flat_map(|output| lines(output))
        .for_each(|line| text.push_str(&below("│", &line)));
    let Some(advice) = advice else { return text };
    for (n, line) in wrapped(advice, room.saturating_sub(2)).iter().enumerate() {
        text.push_str(&below(if n == 0 { "→" } else { " " }, line));
    }
    text
}

#[cfg(test)]
mod tests {
    use autoissue_core::config::Problem;
    use insta::assert_snapshot;

    use super::*;
    use crate::config::Origin;

    #[test]
    fn an_error_of_the_configuration_keeps_its_lines_and_its_hint() {
        let problem = |hint: Option<&str>| Problem {
            key: "executor.maxParalel".to_owned(),
            found: "`3`".to_owned(),
            allowed: "a known key".to_owned(),
            hint: hint.map(str::to_owned),
        };
        let origin = || Origin::Env {
            name: "AUTOISSUE_X".to_owned(),
        };
        let said = |hint| {
            let error = ConfigError::new(origin(), problem(hint));
            text(&misconfigured("configuration", &error), Paint::default())
        };
        assert_snapshot!(
            said(Some("did you mean `executor.maxParallel`?")) + &said(None),
            @"
        failure  configuration  invalid `executor.maxParalel` from environment AUTOISSUE_X
                                  found: `3`
                                  allowed: a known key
                                → did you mean `executor.maxParallel`?
        failure  configuration  invalid `executor.maxParalel` from environment AUTOISSUE_X
                                  found: `3`
                                  allowed: a known key
                                → change or remove it; `autoissue config schema` prints the allowed keys and values
        "
        );
    }
}
