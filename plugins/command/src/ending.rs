//! Determines how a run ended, from the facts that any program has: its exit code, and the lines
//! that the operator's settings name.
//!
//! | exit | meaning |
//! | --- | --- |
//! | a code in `exitCodes` | the service: rejected credentials, a limit, an outage |
//! | 0, and one of the last lines starts as in `errorLines` | a failure of the attempt |
//! | 0 | done; whether anything changed is judged by the host |
//! | another code | a failure of the attempt, with the last lines |
//! | killed by a signal | nothing: the host reports a crash |
//! | ended by the host | nothing: the host knows why |
//!
//! An error line never counts as an error of the service, although it may be one: issues are
//! written by strangers, who could make an agent print such a line and so stop the session. It only
//! fails their own task.

use autoissue_plugin_sdk::{AgentEvent, Exit, LimitEnd, Source};

use crate::last_lines::LastLines;
use crate::settings::CommandSettings;

/// Number of last lines that are searched for an error: enough for a wrapped message, and few enough
/// to skip an error after which the program tried again. After a recovery, the shortest edit that
/// aider reports takes seven lines.
const N_SEARCHED: usize = 5;

/// Returns the event about the end; `None` if the host knows more.
pub(crate) fn of(exit: Exit, settings: &CommandSettings, last: &LastLines) -> Option<AgentEvent> {
    if exit.stopped.is_some() {
        return None;
    }
    let code = exit.code?;
    let program = settings.program();
    if let Some(event) = of_service(code, settings, last) {
        return Some(event);
    }
    if code != 0 {
        let what = format!("`{program}` exited with code {code}");
        return Some(AgentEvent::Failed(explained(&what, last)));
    }
    Some(match error_line(settings, last) {
        Some(line) => AgentEvent::Failed(format!("`{program}` reported an error: {}", line.trim())),
        None => AgentEvent::Done(summary(settings, last)),
    })
}

fn of_service(code: i32, settings: &CommandSettings, last: &LastLines) -> Option<AgentEvent> {
    let program = settings.program();
    let codes = &settings.exit_codes;
    let is_one_of = |codes: &[u8]| codes.iter().any(|it| i32::from(*it) == code);
    let words = |what: &str| with_last_line(&format!("{what} (exit code {code})"), last);
    if is_one_of(&codes.auth_failed) {
        let what = format!("`{program}` was denied access");
        return Some(AgentEvent::AuthFailed(words(&what)));
    }
    if is_one_of(&codes.rate_limited) {
        return Some(AgentEvent::RateLimited(LimitEnd::Unknown));
    }
    is_one_of(&codes.overloaded).then(|| {
        let what = format!("the service of `{program}` is unavailable");
        AgentEvent::Overloaded(words(&what))
    })
}

fn error_line<'a>(settings: &CommandSettings, last: &'a LastLines) -> Option<&'a str> {
    let starts = |line: &&str| {
        let line = line.trim_start();
        let mut starts = settings.error_lines.iter();
        starts.any(|start| line.starts_with(start.trim_start()))
    };
    last.iter().rev().take(N_SEARCHED).find(starts)
}

/// Returns the summary for the pull request. Standard error is left out: it may contain paths of
/// this machine.
fn summary(settings: &CommandSettings, last: &LastLines) -> Option<String> {
    let lines: Vec<&str> = last.of(Source::Stdout).collect();
    (settings.summary && !lines.is_empty()).then(|| lines.join("\n"))
}

/// Returns a first line that explains an exit, and all last lines below it: the next attempt gets
/// them in its prompt.
fn explained(what: &str, last: &LastLines) -> String {
    let first = with_last_line(what, last);
    let lines: Vec<&str> = last.iter().collect();
    match lines.len() {
        0 | 1 => first,
        _ => format!("{first}\n\nIts last lines were:\n{}", lines.join("\n")),
    }
}

/// Adds the last line on standard error, or else the last line.
fn with_last_line(what: &str, last: &LastLines) -> String {
    let complaint = last.of(Source::Stderr).next_back();
    match complaint.or_else(|| last.iter().next_back()) {
        Some(line) => format!("{what}: {}", line.trim()),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::{AgentRun, Line, StopReason};

    use super::*;
    use crate::run::CommandRun;

    fn end(more: &str, lines: &[Line], exit: Exit) -> Option<AgentEvent> {
        let settings = format!(r#"{{"command": ["a"]{more}}}"#);
        let mut run = CommandRun::new(CommandSettings::read(&settings).unwrap());
        run.on_lines(lines);
        run.on_exit(exit).pop()
    }

    fn code(code: i32) -> Exit {
        Exit::default().code(code)
    }

    fn failed(text: &str) -> Option<AgentEvent> {
        Some(AgentEvent::Failed(text.into()))
    }

    #[test]
    fn an_exit_code_other_than_0_is_a_failure_with_the_last_lines() {
        assert_eq!(end("", &[], code(3)), failed("`a` exited with code 3"));
        let one = [Line::stdout("no key ")];
        assert_eq!(
            end("", &one, code(1)),
            failed("`a` exited with code 1: no key")
        );
        let lines = [
            Line::stdout("reading"),
            Line::stderr("  Error: no key"),
            Line::stdout("bye"),
        ];
        let expected = "`a` exited with code 1: Error: no key\n\nIts last lines were:\nreading\n  Error: no key\nbye";
        assert_eq!(end("", &lines, code(1)), failed(expected));
    }

    #[test]
    fn a_summary_is_made_only_on_request_and_never_of_standard_error() {
        let lines = [
            Line::stdout("Fixed."),
            Line::stderr("reading /agent/x"),
            Line::stdout("See a.rs."),
        ];
        let done = |text: Option<&str>| Some(AgentEvent::Done(text.map(str::to_owned)));
        let on = r#", "summary": true"#;
        assert_eq!(end("", &lines, code(0)), done(None));
        assert_eq!(end(on, &lines, code(0)), done(Some("Fixed.\nSee a.rs.")));
        assert_eq!(end(on, &lines[1..2], code(0)), done(None));
    }

    #[test]
    fn an_error_line_is_a_failure_although_the_exit_code_is_0() {
        let lines = |n_after: usize| {
            let mut lines = vec![Line::stdout("  [API Error: 401 bad key]")];
            lines.extend((0..n_after).map(|n| Line::stdout(&n.to_string())));
            lines
        };
        let more = r#", "errorLines": ["x", "[API Error: "]"#;
        let expected = failed("`a` reported an error: [API Error: 401 bad key]");
        assert_eq!(end(more, &lines(0), code(0)), expected);
        assert_eq!(end(more, &lines(4), code(0)), expected);
        let done = Some(AgentEvent::Done(None));
        assert_eq!(end(more, &lines(5), code(0)), done, "it tried again");
        let inside = [Line::stdout("I saw [API Error: 401]")];
        assert_eq!(end(more, &inside, code(0)), done, "only the start counts");
        assert_eq!(end("", &lines(0), code(0)), done, "only if configured");
    }

    #[test]
    fn configured_exit_codes_are_about_the_service() {
        let more =
            r#", "exitCodes": {"authFailed": [77, 145], "rateLimited": [75], "overloaded": [69]}"#;
        let lines = [Line::stderr("401 bad key")];
        assert_eq!(
            end(more, &lines, code(145)),
            Some(AgentEvent::AuthFailed(
                "`a` was denied access (exit code 145): 401 bad key".into()
            ))
        );
        assert_eq!(
            end(more, &[], code(75)),
            Some(AgentEvent::RateLimited(LimitEnd::Unknown))
        );
        assert_eq!(
            end(more, &[], code(69)),
            Some(AgentEvent::Overloaded(
                "the service of `a` is unavailable (exit code 69)".into()
            ))
        );
        assert_eq!(end(more, &[], code(1)), failed("`a` exited with code 1"));
        assert_eq!(end(more, &[], code(0)), Some(AgentEvent::Done(None)));
    }

    #[test]
    fn the_host_reports_signals_and_what_it_did_itself() {
        assert_eq!(end("", &[], Exit::default().signal(9)), None);
        assert_eq!(end("", &[], Exit::default()), None);
        for reason in [StopReason::Budget, StopReason::Interrupt, StopReason::Time] {
            assert_eq!(end("", &[], code(0).stopped(reason)), None);
            assert_eq!(end("", &[], code(143).stopped(reason)), None);
        }
    }
}
