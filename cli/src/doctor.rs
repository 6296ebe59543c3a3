//! `autoissue doctor`: everything that a night needs, looked at before any money is spent. It changes nothing, and each line
//! that is not well says what to do.

use std::error::Error;
use std::path::{Path, PathBuf};

use autoissue_core::config::{Config, ForgeKind};
use autoissue_core::plugins::{self, Plugins};
use autoissue_core::service::agent::{OWN_PROGRAM, error_chain};
use autoissue_core::service::checkout::Checkout;
use autoissue_core::service::git_program::Git;
use autoissue_core::service::local_forge::LocalForge;
use autoissue_core::service::process::resolve;
use autoissue_core::session::SessionError;
use autoissue_core::strategy::Strategies;
use rustix::fs::{Access, access, statvfs};
use serde::Serialize;

use crate::config::Loaded;
use crate::console::Paint;
use crate::error::{self, CliError};
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use crate::local_time::now_ms;
use crate::printable::one_line;
use crate::project;

/// Below this, clones and builds of a night may fill the disk.
const DISK_BYTES_WANTED: u64 = 5 << 30;
/// Below this, they will.
const DISK_BYTES_MIN: u64 = 1 << 30;
/// The first of January 2026: this program did not exist before, so a clock that is earlier is wrong.
const CLOCK_MS_MIN: u64 = 1_767_225_600_000;

/// Runs the command.
///
/// # Errors
/// Where standard output cannot be written. What is not well is a finding.
pub(crate) fn run(around: &Surroundings) -> Result<ExitCode, CliError> {
    let findings = examine(around);
    if around.console.is_json() {
        findings.iter().try_for_each(|finding| around.console.json(finding))?;
    } else {
        around.console.print(&text(&findings, around.console.out))?;
    }
    let is_ill = findings.iter().any(|finding| finding.level == Level::Failure);
    Ok(if is_ill { ExitCode::Error } else { ExitCode::Success })
}

/// One thing that was looked at; also a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    r#type: &'static str,
    check: &'static str,
    level: Level,
    message: String,
    /// What to do about it.
    advice: Option<String>,
}

/// How well it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    Warning,
    Failure,
}

fn ok(check: &'static str, message: impl Into<String>) -> Finding {
    Finding { r#type: "finding", check, level: Level::Ok, message: message.into(), advice: None }
}

fn warning(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { r#type: "finding", check, level: Level::Warning, message: message.into(), advice: Some(advice.into()) }
}

fn failure(check: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { r#type: "finding", check, level: Level::Failure, message: message.into(), advice: Some(advice.into()) }
}

fn examine(around: &Surroundings) -> Vec<Finding> {
    let mut findings = vec![git(around)];
    match around.load(Vec::new()) {
        Ok(loaded) => findings.extend(of_project(around, loaded)),
        Err(error) => findings.push(configuration(&error)),
    }
    findings.extend(state(around));
    findings.push(clock(now_ms()));
    findings
}

fn git(around: &Surroundings) -> Finding {
    match Git::find(around.path_env()).and_then(|git| git.version()) {
        Ok(version) => ok("git", format!("git {}", one_line(&version))),
        Err(error) => failure("git", error.to_string(), "install git"),
    }
}

fn configuration(error: &CliError) -> Finding {
    let message = one_line(&error.to_string());
    failure(
        "configuration",
        message,
        "`autoissue config show` tells the same with its places; `autoissue config schema` what is allowed",
    )
}

fn of_project(around: &Surroundings, mut loaded: Loaded) -> Vec<Finding> {
    let mut findings = vec![file(&loaded)];
    findings.extend(
        loaded
            .warnings
            .iter()
            .map(|warning_text| warning("configuration", warning_text, "see `autoissue config show`")),
    );
    let project = match project::checkout(&loaded, &around.current_dir) {
        Ok(project) => project,
        Err(error) => {
            findings.push(failure("repository", error.to_string(), error.hint()));
            return findings;
        }
    };
    findings.push(ok("repository", project.display().to_string()));
    findings.push(base(&project, &loaded.config));
    findings.push(forge(around, &mut loaded, &project));
    match strategies(around, &loaded.config, &project) {
        Ok(strategies) => {
            findings.extend(deciders(&strategies));
            findings.push(agent(around, &strategies, &project));
        }
        Err(finding) => findings.push(*finding),
    }
    findings.push(checks(&loaded.config));
    findings.push(disk(&project));
    findings
}

fn file(loaded: &Loaded) -> Finding {
    match &loaded.file {
        Some(path) => ok("configuration", path.display().to_string()),
        None => ok("configuration", "no file, so the defaults count"),
    }
}

fn base(project: &Path, config: &Config) -> Finding {
    let branch =
        Checkout::open(project).and_then(|checkout| checkout.base_branch(config.project.base_branch.as_deref()));
    match branch {
        Ok(branch) => ok("base branch", one_line(&branch)),
        Err(error) => {
            let (message, advice) = (error.to_string(), error::hint(&SessionError::Checkout(error)));
            failure("base branch", message, advice.unwrap_or_else(|| "see whether `git status` works there".to_owned()))
        }
    }
}

fn forge(around: &Surroundings, loaded: &mut Loaded, project: &Path) -> Finding {
    if loaded.config.forge.kind == ForgeKind::Local {
        return match LocalForge::open(project) {
            Ok(_) => ok("forge", "local, in .autoissue/issues"),
            Err(error) => {
                failure("forge", error.to_string(), error.hint().unwrap_or_else(|| "run `autoissue init`".to_owned()))
            }
        };
    }
    match project::derive_from_origin(loaded, project, around.path_env()) {
        Ok(()) => github(around, &loaded.config),
        Err(CliError::Project(error)) => failure("forge", error.to_string(), error.hint()),
        Err(error) => failure("forge", one_line(&error.to_string()), "see `autoissue config show`"),
    }
}

/// Looks for a token only: asking GitHub is the forge's work.
fn github(around: &Surroundings, config: &Config) -> Finding {
    let repository = config.project.repo.as_deref().map(one_line).unwrap_or_default();
    let is_set = |name: &&str| around.env.iter().any(|(known, value)| known == name && !value.is_empty());
    match ["GITHUB_TOKEN", "GH_TOKEN"].into_iter().find(is_set) {
        Some(name) => ok("forge", format!("{repository} on GitHub, token from `{name}`; the API was not asked")),
        None if resolve("gh", around.path_env(), &[]).is_ok() => {
            ok("forge", format!("{repository} on GitHub, token from `gh auth token`; the API was not asked"))
        }
        None => failure(
            "forge",
            format!("{repository} on GitHub, and no token"),
            "set `GITHUB_TOKEN`, or log in with `gh auth login`",
        ),
    }
}

/// Loads the plugins that decide, as a session would.
fn strategies(around: &Surroundings, config: &Config, project: &Path) -> Result<Strategies, Box<Finding>> {
    let ill =
        |error: &dyn Error, advice: String| Box::new(failure("strategies", one_line(&error_chain(error)), advice));
    let state_dir = around.state_dir().unwrap_or_default();
    let request =
        plugins::Request { config, arguments: &around.plugins, project, state_dir: &state_dir, may_write: false };
    let plugins = Plugins::load(&request)
        .map_err(|error| ill(&error, error.hint().unwrap_or_else(|| "leave the plugin out".to_owned())))?;
    Strategies::configured(config, &plugins, "", "").map_err(|error| ill(&error, "name one of these".to_owned()))
}

/// Names the plugins that decide.
fn deciders(strategies: &Strategies) -> Vec<Finding> {
    let deciders = strategies.deciders();
    let plugins = deciders.iter().filter(|(_, by)| by.contains("sha256"));
    let found: Vec<Finding> =
        plugins.map(|(kind, by)| ok("strategies", format!("{kind}: plugin {}", one_line(by)))).collect();
    if found.is_empty() { vec![ok("strategies", "the built-ins decide")] } else { found }
}

fn agent(around: &Surroundings, strategies: &Strategies, project: &Path) -> Finding {
    let backend = one_line(&strategies.backend().describe().name);
    let info = match strategies.probe_backend() {
        Ok(info) => info,
        Err(error) => return failure("agent", one_line(&error.to_string()), "set `agent.backend` to another"),
    };
    let program = one_line(&info.program);
    if program == OWN_PROGRAM {
        return ok("agent", format!("{backend}, for which autoissue itself is the program"));
    }
    match resolve(&info.program, around.path_env(), &[project.to_owned()]) {
        Ok(path) => ok("agent", format!("{backend}, {}", path.display())),
        Err(error) => {
            let advice = format!("{}; or set `agent.backend`", one_line(&info.install_hint));
            failure("agent", one_line(&error.to_string()), advice)
        }
    }
}

fn checks(config: &Config) -> Finding {
    let names: Vec<String> = config.executor.checks.iter().map(|check| one_line(&check.name)).collect();
    if names.is_empty() {
        return warning(
            "checks",
            "none: nothing but the agent's word says that work is right",
            "set `executor.checks` to the commands that must pass",
        );
    }
    ok("checks", names.join(", "))
}

fn disk(project: &Path) -> Finding {
    let free = match statvfs(project) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return warning("disk", format!("its free space is not known: {error}"), "look at it yourself"),
    };
    space(free)
}

fn space(free_bytes: u64) -> Finding {
    let message = format!("{} MiB free", free_bytes >> 20);
    match free_bytes {
        0..DISK_BYTES_MIN => failure("disk", message, "make room: every attempt has a clone of its own"),
        DISK_BYTES_MIN..DISK_BYTES_WANTED => warning("disk", message, "make room, or run fewer attempts at once"),
        _ => ok("disk", message),
    }
}

fn state(around: &Surroundings) -> Vec<Finding> {
    let directory = match around.state_dir() {
        Ok(directory) => directory,
        Err(error) => {
            return vec![failure("state", one_line(&error.to_string()), "set `AUTOISSUE_STATE_DIR` to a directory")];
        }
    };
    let shown = directory.display();
    let writable = match nearest_existing(&directory) {
        Some(existing) if access(&existing, Access::WRITE_OK).is_ok() => ok("state", shown.to_string()),
        _ => failure(
            "state",
            format!("`{shown}` cannot be written"),
            "set `AUTOISSUE_STATE_DIR` to a directory that you may write",
        ),
    };
    let journal = match around.journal().and_then(|journal| Ok(journal.sessions(None, 1)?)) {
        Ok(sessions) => history(sessions.first().map(|row| row.started_at_ms), now_ms()),
        Err(error) => failure("journal", one_line(&error.to_string()), "`autoissue status` tells more"),
    };
    vec![writable, journal]
}

fn nearest_existing(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|path| path.exists()).map(Path::to_owned)
}

/// A newest session that begins in the future means a clock that was set back: estimates and retries go by it.
fn history(newest_ms: Option<u64>, now_ms: u64) -> Finding {
    match newest_ms {
        Some(newest) if now_ms < newest => warning(
            "journal",
            "its newest session began in the future",
            "see whether the clock of this machine is right",
        ),
        Some(_) => ok("journal", "can be read"),
        None => ok("journal", "empty"),
    }
}

fn clock(now_ms: u64) -> Finding {
    if now_ms < CLOCK_MS_MIN {
        return failure("clock", "shows a time before 2026", "set the clock: waiting for rate limits goes by it");
    }
    ok("clock", "plausible")
}

fn text(findings: &[Finding], paint: Paint) -> String {
    let mut text = String::new();
    for Finding { check, level, message, advice, .. } in findings {
        let level = match level {
            Level::Ok => paint.green("ok     "),
            Level::Warning => paint.yellow("warning"),
            Level::Failure => paint.red("failure"),
        };
        text.push_str(&format!("{level}  {check:<13}  {message}\n"));
        advice.iter().for_each(|advice| text.push_str(&format!("         {:<13}  → {advice}\n", "")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_that_is_not_well_says_what_to_do() {
        let findings = [ok("git", "git 2.47"), space(3 << 30), space(5), clock(0)];
        insta::assert_snapshot!(text(&findings, Paint::default()), @"
        ok       git            git 2.47
        warning  disk           3072 MiB free
                                → make room, or run fewer attempts at once
        failure  disk           0 MiB free
                                → make room: every attempt has a clone of its own
        failure  clock          shows a time before 2026
                                → set the clock: waiting for rate limits goes by it
        ");
        let levels: Vec<Level> = findings.iter().map(|finding| finding.level).collect();
        assert_eq!(levels, [Level::Ok, Level::Warning, Level::Failure, Level::Failure]);
        assert!(findings.iter().all(|finding| (finding.level == Level::Ok) == finding.advice.is_none()));
    }

    #[test]
    fn a_clock_that_was_set_back_is_noticed() {
        assert_eq!(history(Some(10), 9).level, Level::Warning);
        assert_eq!(history(Some(10), 10).level, Level::Ok);
    }
}
