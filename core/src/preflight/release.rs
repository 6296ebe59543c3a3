//! Compares the installed release of the agent's program with the range that its backend works
//! with, and with the releases that our tests run.

use std::cmp::Ordering;

use autoissue_plugin_sdk::ProgramInfo;
use semver::{Version, VersionReq};

use super::Finding;
use crate::built_in;

/// Returns the finding for a program with this version; `version` is `None` if it printed none that
/// can be parsed. A release outside the backend's range is refused. One that is newer than the tested ones
/// usually works; an older one may lack features that are used.
pub(crate) fn finding(info: &ProgramInfo, version: Option<&Version>, message: String) -> Finding {
    let program = &info.program;
    if let Some(range) = info
        .versions
        .as_deref()
        .filter(|range| !fits(range, version))
    {
        let why = match version {
            Some(_) => format!("the agent backend needs {range}"),
            None => format!("it printed no version, and the agent backend needs {range}"),
        };
        return Finding::failure(
            "agent",
            format!("{message}; {why}"),
            format!("install a version of `{program}` in that range"),
        );
    }
    let tested = built_in::agent_that_runs(program).and_then(|agent| agent.tested_releases);
    let Some([oldest, newest]) = tested else {
        return Finding::ok("agent", message);
    };
    let range = format!("the tested releases, {oldest} to {newest}");
    match version.and_then(|version| place(version, oldest, newest)) {
        Some(Ordering::Less) => Finding::warning(
            "agent",
            format!("{message}, older than {range}"),
            format!("update `{program}`"),
        ),
        Some(Ordering::Equal) => Finding::ok("agent", format!("{message}, within {range}")),
        Some(Ordering::Greater) => Finding::ok("agent", format!("{message}, newer than {range}")),
        None => Finding::ok("agent", format!("{message}; not compared with {range}")),
    }
}

/// Returns whether a version is in a range. A pre-release counts as its release.
fn fits(range: &str, version: Option<&Version>) -> bool {
    let (Ok(range), Some(version)) = (VersionReq::parse(range), version) else {
        return false;
    };
    range.matches(&Version::new(version.major, version.minor, version.patch))
}

/// Returns the first word of a line that is a version: `2.1.332` in `2.1.332 (Claude Code)`, and
/// `0.169.0` in `codex-cli 0.169.0`.
pub(crate) fn version_in(line: &str) -> Option<Version> {
    line.split_whitespace()
        .map(|word| word.trim_matches(['(', ')', ',', ';']))
        .find_map(|word| Version::parse(word.strip_prefix('v').unwrap_or(word)).ok())
}

/// Returns whether a version is before, within or after a range.
fn place(version: &Version, oldest: &str, newest: &str) -> Option<Ordering> {
    let (oldest, newest) = (Version::parse(oldest).ok()?, Version::parse(newest).ok()?);
    Some(if *version < oldest {
        Ordering::Less
    } else if newest < *version {
        Ordering::Greater
    } else {
        Ordering::Equal
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    #[track_caller]
    fn check(version: &str, level: Level, expected: &str) {
        let version = version_in(version);
        let info = ProgramInfo::new("claude");
        let found = finding(&info, version.as_ref(), "claude".to_owned());
        assert_eq!((found.level, found.message.as_str()), (level, expected));
    }

    #[test]
    fn the_installed_release_is_compared_with_those_that_were_tested() {
        let within = "claude, within the tested releases, 2.1.197 to 2.1.332";
        check("2.1.197 (Claude Code)", Level::Ok, within);
        check("2.1.277 (Claude Code)", Level::Ok, within);
        check("2.1.332-beta.1", Level::Ok, within);
        let newer = "claude, newer than the tested releases, 2.1.197 to 2.1.332";
        check("2.1.333 (Claude Code)", Level::Ok, newer);
        check("2.10.0 (Claude Code)", Level::Ok, newer);
        let older = "claude, older than the tested releases, 2.1.197 to 2.1.332";
        check("2.1.96 (Claude Code)", Level::Warning, older);
        check("1.9.999 (Claude Code)", Level::Warning, older);
        let unread = "claude; not compared with the tested releases, 2.1.197 to 2.1.332";
        check("nightly", Level::Ok, unread);
    }

    #[test]
    fn an_untested_program_is_not_judged() {
        let found = finding(&ProgramInfo::new("scribe"), None, "scribe".to_owned());
        assert_eq!(found, Finding::ok("agent", "scribe"));
    }

    #[test]
    fn a_release_outside_the_range_of_its_backend_is_refused() {
        let info = ProgramInfo::new("scribe").versions(">=0.160, <1");
        let found = |line: &str| {
            let version = version_in(line);
            finding(&info, version.as_ref(), line.to_owned())
        };
        assert_eq!(
            found("scribe 0.169.0"),
            Finding::ok("agent", "scribe 0.169.0")
        );
        let old = found("scribe v0.99.1");
        assert_eq!(
            (old.level, old.message.as_str()),
            (
                Level::Failure,
                "scribe v0.99.1; the agent backend needs >=0.160, <1"
            )
        );
        assert_eq!(found("scribe 0.170.0-alpha.3").level, Level::Ok);
        assert_eq!(found("nightly").level, Level::Failure);
    }
}
