//! `autoissue plugin test`: runs the author's cases and the conformance suite in the real host.

use std::path::PathBuf;

use autoissue_core::plugins::conformance::{
    Cases, ConformanceReport, Cost, StrategyReport, Subject,
};
use autoissue_core::whole_file::read_text;
use clap::Args;
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{host, settings};
use crate::component::{ComponentFile, size};
use crate::error::{CliError, PluginCommandError};
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::paint::Paint;
use crate::printable::one_line;

/// Arguments of `plugin test`.
#[derive(Clone, Debug, Args)]
pub(crate) struct TestArgs {
    /// A component, or a plugin directory to build first
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Read the author's cases from this file [default: cases.json next to the component]
    #[arg(long, value_name = "FILE")]
    pub(crate) cases: Option<PathBuf>,
    /// Pass these settings, as JSON or a file name [default: the plugin's own example]
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) settings: Option<String>,
}

/// Name of the file of cases, next to the component.
const CASES: &str = "cases.json";

/// Largest file of cases, in bytes.
const CASES_BYTES_MAX: u64 = 16 << 20;

/// Runs the command.
///
/// # Errors
/// If there is nothing to test. Failed tests are not errors.
pub(super) fn run(invocation: &Invocation, args: &TestArgs) -> Result<ExitCode, CliError> {
    if invocation.console.verbose {
        print_log();
    }
    let settings = settings::read(invocation, args.settings.as_deref())?;
    let file = invocation.component(&args.path)?;
    let cases = cases(invocation, args, &file)?;
    let loaded = Subject::load(
        &host(invocation)?,
        &file.path,
        &file.bytes,
        settings::text(settings.as_ref()),
    );
    let subject = loaded.map_err(|source| PluginCommandError::Load {
        path: file.path.clone(),
        source,
    })?;
    let report = subject.test(&cases);
    if invocation.console.is_json() {
        invocation.console.json(&line(&subject, &report))?;
    } else {
        invocation
            .console
            .print(&text(&subject, &file, &report, invocation.console.out))?;
    }
    Ok(if report.is_clean() {
        ExitCode::Success
    } else {
        ExitCode::SomeFailed
    })
}

/// Prints the log, which contains what the plugin prints, on standard error: there is no session
/// with a log file.
fn print_log() {
    let filter = Targets::new().with_target("autoissue_plugin_host::log", LevelFilter::TRACE);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time();
    // Tests of this program may run it twice in a process.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
}

/// Reads the cases from the given file, which must exist, or else from the file next to the
/// component.
fn cases(
    invocation: &Invocation,
    args: &TestArgs,
    file: &ComponentFile,
) -> Result<Cases, CliError> {
    let default = || file.path.with_file_name(CASES);
    let path: PathBuf = args
        .cases
        .as_ref()
        .map_or_else(default, |cases| invocation.current_dir.join(cases));
    if args.cases.is_none() && !path.exists() {
        return Ok(Cases::default());
    }
    let text = read_text(&path, CASES_BYTES_MAX);
    let text = text.map_err(|source| CliError::File {
        what: "read",
        path: path.clone(),
        source,
    })?;
    Ok(Cases::parse(&text).map_err(|source| PluginCommandError::Cases { path, source })?)
}

fn line(subject: &Subject, report: &ConformanceReport) -> Value {
    let plugin = subject.plugin();
    json!({
        "type": "test",
        "name": plugin.info().name,
        "version": plugin.info().version,
        "sha256": plugin.digest().to_string(),
        "passed": report.is_clean(),
        "cases": report.cases,
        "strategies": report.strategies,
    })
}

fn text(
    subject: &Subject,
    file: &ComponentFile,
    report: &ConformanceReport,
    paint: Paint,
) -> String {
    let plugin = subject.plugin();
    let info = plugin.info();
    let mut text = format!(
        "{} {}, {}, sha256 {}\n\n{}\n",
        paint.bold(&info.name),
        one_line(&info.version),
        size(file.bytes.len()),
        plugin.digest().short(),
        paint.bold("cases"),
    );
    if report.cases.is_empty() {
        text.push_str(&format!(
            "  none; add questions and expected answers in {CASES} next to the component\n"
        ));
    }
    for case in &report.cases {
        text.push_str(&verdict(
            &one_line(&case.name),
            case.failure.as_deref(),
            paint,
        ));
    }
    for strategy in &report.strategies {
        text.push_str(&strategy_text(strategy, paint));
    }
    let n_broken = report
        .strategies
        .iter()
        .flat_map(|it| &it.findings)
        .filter(|it| it.failure.is_some())
        .count();
    let n_failed = report
        .cases
        .iter()
        .filter(|case| case.failure.is_some())
        .count();
    let n_rules: usize = report
        .strategies
        .iter()
        .map(|strategy| strategy.findings.len())
        .sum();
    text.push_str(&format!(
        "\n{} of {} cases passed, {} of {n_rules} rules passed\n",
        report.cases.len() - n_failed,
        report.cases.len(),
        n_rules - n_broken,
    ));
    text
}

fn strategy_text(strategy: &StrategyReport, paint: Paint) -> String {
    let StrategyReport {
        kind,
        name,
        n_inputs,
        findings,
        cost,
    } = strategy;
    let mut text = format!(
        "\n{} with {n_inputs} inputs\n",
        paint.bold(format!("{kind} {name}"))
    );
    for finding in findings {
        text.push_str(&verdict(finding.rule, finding.failure.as_deref(), paint));
    }
    if let Some(Cost {
        ordinary_instructions,
        most_instructions,
    }) = cost
    {
        text.push_str(&format!(
            "  {}    typical call: {} instructions; worst call: {} instructions\n",
            paint.dim("cost"),
            grouped(*ordinary_instructions),
            grouped(*most_instructions),
        ));
    }
    text
}

fn verdict(what: &str, failure: Option<&str>, paint: Paint) -> String {
    match failure {
        None => format!("  {}      {what}\n", paint.green("ok")),
        Some(failure) => format!(
            "  {}  {what}\n          {}\n",
            paint.red("FAILED"),
            one_line(failure)
        ),
    }
}

/// Returns a number with its digits in groups of three.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if 0 < at && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_in_groups() {
        for (n, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (131_072, "131,072"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(grouped(n), expected);
        }
    }
}
