//! Findings about a repository on GitHub and the token, from what GitHub reported about them.

use autoissue_engine::Time;
use jiff::Timestamp;
use jiff::fmt::strtime;

use super::{Calls, Facts, Retirement};
use crate::finding::Finding;

/// A token that expires sooner may expire during this session or the next.
const TOKEN_MS_WANTED: u64 = 3 * 24 * 3_600_000;
/// Calls that an average session takes: three for each of thirty issues, and ten more.
const N_CALLS_WANTED: u64 = 100;
/// A difference above this is not caused by a slow network: limits and locks depend on the clock.
const SKEW_MS_MAX: u64 = 2 * 60_000;
/// How GitHub writes when a token expires. The zone is a name on some hosts and an offset on
/// others.
const EXPIRY_FORMS: [&str; 2] = ["%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S %z"];

/// Returns the findings about what GitHub reported. `asked` is the repository that was requested.
pub(super) fn of(facts: &Facts, asked: &str, now_ms: u64) -> Vec<Finding> {
    let mut findings = vec![identity(facts, asked)];
    findings.extend(issues(facts));
    findings.extend(scopes(facts));
    findings.extend(
        facts
            .token_expires
            .as_deref()
            .map(|text| expiry(text, now_ms)),
    );
    findings.extend(facts.calls.map(calls));
    findings.extend(facts.answered_at.map(|at| skew(at, now_ms)));
    findings
}

fn identity(facts: &Facts, asked: &str) -> Finding {
    let Facts {
        repo,
        parent,
        default_branch,
        ..
    } = facts;
    if !repo.eq_ignore_ascii_case(asked) {
        return Finding::warning(
            "forge",
            format!("`{asked}` is now called `{repo}`"),
            format!(
                "set `project.repo` to `{repo}`, and update `origin` with `git remote set-url`"
            ),
        );
    }
    if let Some(parent) = parent {
        return Finding::warning(
            "forge",
            format!(
                "`{repo}` is a fork of `{parent}`: only the fork's own issues and pull requests are used"
            ),
            format!("set `project.repo` to `{parent}` to use that repository"),
        );
    }
    Finding::ok(
        "forge",
        format!("{repo} on GitHub, default branch {default_branch}"),
    )
}

fn issues(facts: &Facts) -> Option<Finding> {
    let advice =
        "turn them on in its settings, or set `project.repo` to the repository that has the issues";
    let off = || {
        Finding::failure(
            "issues",
            format!("issues are turned off for `{}`", facts.repo),
            advice,
        )
    };
    facts.issues_are_off.then(off)
}

/// Checks the scopes of a classic token. GitHub does not report those of other tokens; a trial push
/// checks them.
fn scopes(facts: &Facts) -> Option<Finding> {
    let scopes = facts.scopes.as_deref()?;
    let has = |wanted: &str| scopes.split(',').any(|scope| scope.trim() == wanted);
    let shown = if scopes.is_empty() { "none" } else { scopes };
    if has("repo") || (!facts.is_private && has("public_repo")) {
        return Some(Finding::ok("scopes", shown));
    }
    let needed = if facts.is_private {
        "`repo`"
    } else {
        "`public_repo`, or `repo`"
    };
    Some(Finding::failure(
        "scopes",
        format!("{shown}; pushes and pull requests need {needed}"),
        "add that scope to the token (https://github.com/settings/tokens), or create a fine-grained one",
    ))
}

fn expiry(text: &str, now_ms: u64) -> Finding {
    let Some(end) = expires_at(text) else {
        return Finding::ok("token end", text);
    };
    let left_ms = end.ms().saturating_sub(now_ms);
    let advice = "create a new one before then: https://github.com/settings/tokens";
    match left_ms {
        0 => Finding::failure(
            "token end",
            format!("the token expired on {text}"),
            "create a new one: https://github.com/settings/tokens",
        ),
        1..TOKEN_MS_WANTED => {
            let hours = left_ms / 3_600_000;
            Finding::warning(
                "token end",
                format!("the token expires in {hours} hours, on {text}"),
                advice,
            )
        }
        _ => Finding::ok("token end", text),
    }
}

fn expires_at(text: &str) -> Option<Time> {
    let parse = |form: &&str| {
        let parsed = strtime::parse(form, text).ok()?;
        // The form without an offset contains the name of the zone.
        parsed.to_timestamp().ok().or_else(|| {
            Some(
                parsed
                    .to_datetime()
                    .ok()?
                    .to_zoned(jiff::tz::TimeZone::UTC)
                    .ok()?
                    .timestamp(),
            )
        })
    };
    let at: Timestamp = EXPIRY_FORMS.iter().find_map(parse)?;
    u64::try_from(at.as_millisecond()).ok().map(Time::from_ms)
}

fn calls(Calls { left, limit, reset }: Calls) -> Finding {
    let message = format!("{left} of {limit} calls per hour left");
    if left < N_CALLS_WANTED {
        let message = format!("{message}, until {reset}");
        return Finding::warning(
            "rate limit",
            message,
            "no action needed: a session that reaches the limit waits until it resets",
        );
    }
    Finding::ok("rate limit", message)
}

fn skew(answered_at: Time, now_ms: u64) -> Finding {
    let ms = answered_at.ms().abs_diff(now_ms);
    if ms <= SKEW_MS_MAX {
        return Finding::ok("clock", "matches GitHub's");
    }
    let side = if answered_at.ms() < now_ms {
        "ahead of"
    } else {
        "behind"
    };
    let message = format!("{} minutes {side} GitHub's", ms / 60_000);
    Finding::warning(
        "clock",
        message,
        "set the clock; rate-limit waits depend on it",
    )
}

/// Returns the finding about an announced deprecation.
pub(super) fn of_retirement(retirement: &Retirement) -> Finding {
    Finding::warning(
        "api version",
        retirement.to_string(),
        "install a newer autoissue before that date",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    const NOW_MS: u64 = 1_767_323_045_000;

    fn found(facts: &Facts) -> Vec<(&'static str, Level, String)> {
        of(facts, "o/n", NOW_MS)
            .into_iter()
            .map(|it| (it.check, it.level, it.message))
            .collect()
    }

    fn sound() -> Facts {
        Facts {
            repo: "O/N".to_owned(),
            default_branch: "main".to_owned(),
            ..Facts::default()
        }
    }

    #[track_caller]
    fn check(facts: &Facts, check: &str, level: Level, message: &str) {
        let found = found(facts);
        assert!(
            found.contains(&(
                found.iter().find(|it| it.0 == check).unwrap().0,
                level,
                message.to_owned()
            )),
            "{found:?}"
        );
    }

    #[test]
    fn the_repository_is_the_one_that_was_asked_for() {
        check(
            &sound(),
            "forge",
            Level::Ok,
            "O/N on GitHub, default branch main",
        );
        let renamed = Facts {
            repo: "o/new".to_owned(),
            ..sound()
        };
        check(
            &renamed,
            "forge",
            Level::Warning,
            "`o/n` is now called `o/new`",
        );
        let fork = Facts {
            parent: Some("up/n".to_owned()),
            ..sound()
        };
        check(
            &fork,
            "forge",
            Level::Warning,
            "`O/N` is a fork of `up/n`: only the fork's own issues and pull requests are used",
        );
        let off = Facts {
            issues_are_off: true,
            ..sound()
        };
        check(
            &off,
            "issues",
            Level::Failure,
            "issues are turned off for `O/N`",
        );
    }

    #[test]
    fn scopes_have_to_allow_a_push() {
        fn with(scopes: &str, is_private: bool) -> Facts {
            Facts {
                scopes: Some(scopes.to_owned()),
                is_private,
                ..sound()
            }
        }

        check(
            &with("repo, workflow", true),
            "scopes",
            Level::Ok,
            "repo, workflow",
        );
        check(
            &with("public_repo", false),
            "scopes",
            Level::Ok,
            "public_repo",
        );
        check(
            &with("public_repo", true),
            "scopes",
            Level::Failure,
            "public_repo; pushes and pull requests need `repo`",
        );
        let none = "none; pushes and pull requests need `public_repo`, or `repo`";
        check(&with("", false), "scopes", Level::Failure, none);
        assert!(found(&sound()).iter().all(|it| it.0 != "scopes"));
    }

    #[test]
    fn a_token_that_ends_soon_is_named() {
        fn ends(text: &str) -> Facts {
            Facts {
                token_expires: Some(text.to_owned()),
                ..sound()
            }
        }

        check(
            &ends("2026-01-02 03:04:05 UTC"),
            "token end",
            Level::Failure,
            "the token expired on 2026-01-02 03:04:05 UTC",
        );
        for (text, hours) in [
            ("2026-01-02 14:04:05 UTC", 11),
            ("2026-01-03 04:04:05 +0200", 23),
        ] {
            check(
                &ends(text),
                "token end",
                Level::Warning,
                &format!("the token expires in {hours} hours, on {text}"),
            );
        }
        for text in ["2026-02-01 00:00:00 UTC", "never"] {
            check(&ends(text), "token end", Level::Ok, text);
        }
    }

    #[test]
    fn few_calls_and_a_wrong_clock_are_warnings() {
        fn left(left: u64) -> Facts {
            Facts {
                calls: Some(Calls {
                    left,
                    limit: 5_000,
                    reset: Time::from_ms(NOW_MS),
                }),
                ..sound()
            }
        }

        fn at(ms: u64) -> Facts {
            Facts {
                answered_at: Some(Time::from_ms(ms)),
                ..sound()
            }
        }

        check(
            &left(4_990),
            "rate limit",
            Level::Ok,
            "4990 of 5000 calls per hour left",
        );
        check(
            &left(7),
            "rate limit",
            Level::Warning,
            "7 of 5000 calls per hour left, until 03:04 UTC",
        );
        check(&at(NOW_MS - 1_000), "clock", Level::Ok, "matches GitHub's");
        check(
            &at(NOW_MS - 600_000),
            "clock",
            Level::Warning,
            "10 minutes ahead of GitHub's",
        );
        check(
            &at(NOW_MS + 180_000),
            "clock",
            Level::Warning,
            "3 minutes behind GitHub's",
        );
    }
}
