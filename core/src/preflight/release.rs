//! Compares the installed release of the agent's program with the releases that our tests run.

use std::cmp::Ordering;

use semver::Version;

use super::Finding;
use crate::built_in;

/// Returns the finding for a program that printed this version. A release newer than the tested
/// ones usually works; an older one may lack features that are used.
pub(crate) fn finding(program: &str, version: &str, message: String) -> Finding {
    let tested = built_in::agent_that_runs(program).and_then(|agent| agent.tested_releases);
    let Some([oldest, newest]) = tested else {
        return Finding::ok("agent", message);
    };
    let range = format!("the tested releases, {oldest} to {newest}");
    match place(version, oldest, newest) {
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

/// Returns whether a version is before, within or after a range; `None` if it cannot be parsed.
fn place(version: &str, oldest: &str, newest: &str) -> Option<Ordering> {
    // The first word of a line like `2.1.332 (Claude Code)`.
    let version = Version::parse(version.split_whitespace().next()?).ok()?;
    let (oldest, newest) = (Version::parse(oldest).ok()?, Version::parse(newest).ok()?);
    Some(if version < oldest {
        Ordering::Less
    } else if newest < version {
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
        let found = finding("claude", version, "claude".to_owned());
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
        let found = finding("codex", "1.0.0", "codex, 1.0.0".to_owned());
        assert_eq!(found, Finding::ok("agent", "codex, 1.0.0"));
    }
}
