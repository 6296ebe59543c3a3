//! Recorded output of Claude Code 2.1.197, each with its exit code and standard error, and its
//! expected interpretation.
//!
//! `fixtures/streamed` was recorded with the arguments of this backend by `record-claude` (package
//! `autoissue-tests`), which can record another release. `fixtures/whole` was recorded without
//! partial messages, and under unusual conditions: a schema for the answer, nested helpers, other
//! permission modes.

use std::fmt::Write as _;

use autoissue_claude::ClaudeBackend;
use autoissue_plugin_sdk::{AgentBackend, AgentEvent, AgentTask, Exit, LimitEnd, Line};
use serde_json::Value;

/// The final interpretation.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    end: Option<AgentEvent>,
    /// The total cost reported by the program.
    cost: Option<f64>,
    /// The newest metered cost.
    spent: Option<f64>,
    /// The newest metered cost before the result.
    metered: Option<f64>,
    session: Option<String>,
    denied: Vec<String>,
    answer: Option<String>,
}

fn read(stdout: &str, stderr: &str, exit: Exit) -> Reading {
    let task = AgentTask::default().model("no-such-model");
    let (mut run, _) = ClaudeBackend
        .start(&task)
        .expect("every task can be started");
    let lines: Vec<Line> = stdout
        .lines()
        .map(Line::stdout)
        .chain(stderr.lines().map(Line::stderr))
        .collect();
    let mut reading = Reading::default();
    for line in lines {
        let is_result = line.text.starts_with(r#"{"type":"result""#);
        for event in run.on_lines(&[line]) {
            reading.take(event, is_result);
        }
    }
    run.on_exit(exit)
        .into_iter()
        .for_each(|event| reading.take(event, true));
    reading
}

impl Reading {
    fn take(&mut self, event: AgentEvent, is_result: bool) {
        match event {
            AgentEvent::Session(id) => self.session = Some(id),
            AgentEvent::FinalCost(usd) => self.cost = Some(usd),
            AgentEvent::UsageTotal(usage) => {
                self.spent = usage.usd;
                if !is_result {
                    self.metered = usage.usd;
                }
            }
            AgentEvent::Denied(tool) => self.denied.push(tool),
            AgentEvent::Answer(text) => self.answer = Some(text),
            AgentEvent::Text(_)
            | AgentEvent::Thinking(_)
            | AgentEvent::ToolStart { .. }
            | AgentEvent::ToolEnd { .. }
            | AgentEvent::Model(_)
            | AgentEvent::Turns(_)
            | AgentEvent::Note(_) => {}
            end => {
                assert_eq!(self.end, None, "a run ends once");
                self.end = Some(end);
            }
        }
    }
}

/// Returns the names of the recordings, `streamed/…` and `whole/…`, sorted.
fn names() -> Vec<String> {
    fn of_set(set: &'static str) -> impl Iterator<Item = String> {
        let entries = std::fs::read_dir(fixture(set))
            .expect("the recordings")
            .flatten();
        let files = entries.map(|entry| entry.file_name().into_string().expect("a name in UTF-8"));
        files.filter_map(move |file| Some(format!("{set}/{}", file.strip_suffix(".jsonl")?)))
    }

    let mut names: Vec<String> = of_set("streamed").chain(of_set("whole")).collect();
    names.sort();
    names
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn recorded(name: &str) -> (Reading, Exit) {
    let text = |kind: &str| {
        std::fs::read_to_string(fixture(&format!("{name}.{kind}"))).expect("the recording")
    };
    let end: Value = serde_json::from_str(&text("end")).expect("how it ended");
    let number = |key: &str| {
        end[key]
            .as_i64()
            .map(|number| i32::try_from(number).expect("a code or a signal"))
    };
    let mut exit = Exit::default();
    (exit.code, exit.signal) = (number("code"), number("signal"));
    (
        read(
            &text("jsonl"),
            end["stderr"].as_str().expect("standard error"),
            exit,
        ),
        exit,
    )
}

fn code(code: i32) -> Exit {
    Exit::default().code(code)
}

#[test]
fn every_recorded_run_is_interpreted_correctly() {
    let mut table = String::new();
    for name in names() {
        let (
            Reading {
                end,
                cost,
                spent,
                denied,
                ..
            },
            exit,
        ) = recorded(&name);
        let exit = exit.code.map_or_else(
            || format!("signal {}", exit.signal.unwrap_or_default()),
            |code| code.to_string(),
        );
        let money = match (cost, spent) {
            (Some(cost), _) => format!("= {cost:.6}"),
            (None, Some(spent)) => format!("≥ {spent:.6}"),
            (None, None) => "?".to_owned(),
        };
        let end = end.map_or_else(|| "nothing".to_owned(), |end| format!("{end:?}"));
        let end = end.split(" (https").next().unwrap_or_default();
        let denied = if denied.is_empty() {
            String::new()
        } else {
            format!(" denied {}", denied.join(", "))
        };
        writeln!(table, "{name:<26} {exit:<8} {money:<10} {end:.110}{denied}")
            .expect("a string takes all");
    }
    insta::assert_snapshot!(table, @r#"
    streamed/budget            1        = 2.878686 BudgetReached
    streamed/cut               1        ≥ 0.005877 Unreachable("API Error: Connection to the API was lost (ECONNRESET). This is usually temporary — try again.")
    streamed/denied            0        = 0.084660 Done(Some("Done: the file is written.")) denied WebFetch
    streamed/helper            0        = 0.020286 Done(Some("Done: the file is written."))
    streamed/killed-in-model   signal 9 ?          nothing
    streamed/limit-reached     1        = 0.000000 RateLimited(AtMs(1795653670000))
    streamed/max-tokens        0        = 0.013524 Done(Some("and this is the rest."))
    streamed/max-turns         1        = 0.020286 TurnsReached
    streamed/no-credit         1        = 0.000000 AuthFailed("the `claude` account has a billing problem: Credit balance is too low")
    streamed/overloaded-late   1        ≥ 0.005877 Unreachable("API Error: API returned an empty or malformed response (HTTP 200) — check for a proxy or gateway 
    streamed/overloaded-twice  0        = 0.077898 Done(Some("Done: the file is written."))
    streamed/refusal           1        = 0.006762 Failed("API Error: Claude Code is unable to respond to this request, which appears to violate our Usage Policy
    streamed/refused-400       1        = 0.000000 Failed("API Error: 400 the request is wrong")
    streamed/refused-401       1        = 0.000000 AuthFailed("`claude` was denied access: Invalid API key · Fix external API key")
    streamed/refused-403       1        = 0.000000 AuthFailed("`claude` was denied access: Failed to authenticate. API Error: 403 your key may not use this")
    streamed/refused-404       1        = 0.000000 AuthFailed("model `no-such-model` is not available to `claude`: There's an issue with the selected model (clau
    streamed/refused-429       1        = 0.000000 RateLimited(Unknown)
    streamed/refused-500       1        = 0.000000 Overloaded("API Error: 500 internal server error. This is a server-side issue, usually temporary — try again i
    streamed/refused-529       1        = 0.000000 Overloaded("API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.
    streamed/resumed-session   0        = 0.013524 Done(Some("Done: the file is written."))
    streamed/shell             0        = 0.013524 Done(Some("Done: the file is written."))
    streamed/sigint-in-tool    1        = 0.006762 Failed("[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=tool_use")
    streamed/sigterm-in-model  143      ?          nothing
    streamed/sigterm-in-tool   143      ≥ 0.006762 nothing
    streamed/success           0        = 0.077898 Done(Some("Done: the file is written."))
    streamed/taken-session     1        ?          Failed("`claude` did not start: Error: Session ID 11111111-1111-4111-8111-111111111111 is already in use.")
    streamed/too-long          1        = 0.000000 ContextFull
    streamed/unknown-option    1        ?          AuthFailed("the installed `claude` is too old: error: unknown option '--no-such-option'")
    streamed/unknown-session   1        = 0.000000 SessionGone
    streamed/yolo-as-root      1        ?          AuthFailed("`claude` refuses to skip permissions as root: run autoissue as an ordinary user, or turn off `agen
    whole/apitimeout           1        = 0.000000 Unreachable("Request timed out")
    whole/badschema            0        = 0.007500 Done(Some("{\"verdict\":\"approve\",\"reasons\":[]}"))
    whole/bare                 0        = 0.007500 Done(Some("Done: wrote HELLO.md."))
    whole/bash-acceptedits     0        = 0.007500 Done(Some("Done: committed.")) denied Bash
    whole/bash-allowed         0        = 0.007500 Done(Some("Done: committed."))
    whole/budget               1        = 2.790000 BudgetReached
    whole/credit               1        = 0.000000 AuthFailed("the `claude` account has a billing problem: Credit balance is too low")
    whole/cut                  143      ?          Unreachable("the `claude` API kept refusing requests until the run ended (no answer, unknown)")
    whole/denied-write         0        = 0.007500 Done(Some("Done: wrote HELLO.md.")) denied Write
    whole/disallow             0        = 0.003750 Done(Some("Running a command."))
    whole/e400                 1        = 0.000000 Failed("API Error: 400 bad request (fake)")
    whole/e401                 1        = 0.000000 AuthFailed("`claude` was denied access: Invalid API key · Fix external API key")
    whole/e403                 1        = 0.000000 AuthFailed("`claude` was denied access: Failed to authenticate. API Error: 403 forbidden (fake)")
    whole/e404                 1        = 0.000000 AuthFailed("model `no-such-model` is not available to `claude`: There's an issue with the selected model (no-s
    whole/e429                 1        = 0.000000 RateLimited(Unknown)
    whole/e500                 1        = 0.000000 Overloaded("API Error: 500 internal (fake). This is a server-side issue, usually temporary — try again in a mo
    whole/e529                 1        = 0.000000 Overloaded("API Error: 529 Overloaded. This is a server-side issue, usually temporary — try again in a moment.
    whole/escape               0        = 0.007500 Done(Some("Done.")) denied Write, Bash
    whole/flaky529             0        = 0.007500 Done(Some("Done."))
    whole/fork                 0        = 0.003750 Done(Some("done"))
    whole/hang                 143      ?          nothing
    whole/jsonschema           0        = 0.003750 Done(Some("{\"verdict\":\"approve\",\"reasons\":[\"fake\"]}"))
    whole/maxtokens            0        = 0.007500 Done(Some("done"))
    whole/maxturns             1        = 0.011250 TurnsReached
    whole/mcp                  0        = 0.007500 Done(Some("Pinged."))
    whole/refusal              1        = 0.003750 Failed("API Error: Claude Code is unable to respond to this request, which appears to violate our Usage Policy
    whole/resume               0        = 0.003750 Done(Some("done"))
    whole/resume-missing       1        = 0.000000 SessionGone
    whole/sessionid            0        = 0.007500 Done(Some("Done: wrote HELLO.md."))
    whole/sessionid-reuse      1        ?          Failed("`claude` did not start: Error: Session ID 11111111-1111-4111-8111-111111111111 is already in use.")
    whole/sigint               1        = 0.003750 Failed("[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=tool_use")
    whole/sigterm              143      = 0.007500 Done(Some("Done."))
    whole/sigterm-model        143      ?          nothing
    whole/skip-root            1        ?          AuthFailed("`claude` refuses to skip permissions as root: run autoissue as an ordinary user, or turn off `agen
    whole/skip-sandbox         0        = 0.007500 Done(Some("Done: committed."))
    whole/stdin-input          0        = 0.007500 Done(Some("Done: wrote HELLO.md."))
    whole/subagent             0        = 0.045000 Done(Some("Sub done."))
    whole/success              0        = 0.007500 Done(Some("Done: wrote HELLO.md."))
    whole/toolong              1        = 0.000000 ContextFull
    whole/worktree             0        = 0.007500 Done(Some("Done: wrote HELLO.md."))
    "#);
}

#[test]
fn the_metered_cost_matches_the_programs_final_cost() {
    for name in names().iter().filter(|name| name.starts_with("streamed/")) {
        let (reading, _) = recorded(name);
        if let (Some(cost), Some(metered)) = (reading.cost, reading.metered) {
            // Only the length of a helper's conversation is reported, so it is counted as if
            // nothing came from the cache.
            let is_met = if name.ends_with("/helper") {
                cost <= metered
            } else {
                (cost - metered).abs() < 1e-9
            };
            assert!(is_met, "{name}: {cost} and {metered}");
        }
    }
    let n_compared = names()
        .iter()
        .filter(|name| recorded(name).0.metered.is_some())
        .count();
    assert!(10 < n_compared, "{n_compared}");
}

#[test]
fn says_success_on_401() {
    for name in [
        "streamed/refused-401",
        "whole/e401",
        "streamed/refused-403",
        "whole/e403",
    ] {
        let (reading, exit) = recorded(name);
        assert!(
            matches!(&reading.end, Some(AgentEvent::AuthFailed(_))),
            "{name}: {reading:?}"
        );
        // These are recognised without the exit code.
        assert_eq!((exit, reading.cost), (code(1), Some(0.0)), "{name}");
    }
}

#[test]
fn denied_but_success() {
    for (name, denied) in [
        ("streamed/denied", ["WebFetch"].as_slice()),
        ("whole/escape", &["Write", "Bash"]),
    ] {
        let (reading, _) = recorded(name);
        assert!(
            matches!(&reading.end, Some(AgentEvent::Done(_))),
            "{name}: {reading:?}"
        );
        assert_eq!(reading.denied, denied, "{name}");
    }
}

#[test]
fn an_answer_that_matches_its_schema_is_reported() {
    let (reading, _) = recorded("whole/jsonschema");
    let answer: Value =
        serde_json::from_str(&reading.answer.expect("an answer")).expect("it is JSON");
    assert_eq!(
        answer,
        serde_json::json!({"verdict": "approve", "reasons": ["fake"]})
    );
    let answering: Vec<String> = names()
        .into_iter()
        .filter(|name| recorded(name).0.answer.is_some())
        .collect();
    assert_eq!(
        answering,
        ["whole/badschema", "whole/jsonschema"],
        "only runs with a schema have an answer"
    );
}

#[test]
fn success_after_sigterm_is_left_to_the_host() {
    // The host knows that it sent the signal; nothing in the output shows it.
    let (reading, exit) = recorded("whole/sigterm");
    assert_eq!((reading.end, exit), (done("Done."), code(143)));
}

#[test]
fn a_session_is_known_by_the_id_that_it_was_given() {
    let id = Some("11111111-1111-4111-8111-111111111111".to_owned());
    for name in [
        "success",
        "resumed-session",
        "sigterm-in-tool",
        "killed-in-model",
    ] {
        assert_eq!(
            recorded(&format!("streamed/{name}")).0.session,
            id,
            "{name}"
        );
    }
}

#[test]
fn a_crash_is_not_explained() {
    assert_eq!(read("", "Segmentation fault", code(139)).end, None);
}

fn done(summary: &str) -> Option<AgentEvent> {
    Some(AgentEvent::Done(Some(summary.into())))
}

fn failed(words: &str) -> Option<AgentEvent> {
    Some(AgentEvent::Failed(words.into()))
}

#[test]
fn issue_403_numbers_in_words_mean_nothing() {
    let result = r#"{"type":"result","subtype":"success","is_error":true,"result":"closed #403 and #429, 401 lines","total_cost_usd":0}"#;
    assert_eq!(
        read(result, "", code(1)).end,
        failed("closed #403 and #429, 401 lines")
    );
    let good = result.replace("true", "false");
    assert_eq!(
        read(&good, "", code(0)).end,
        done("closed #403 and #429, 401 lines")
    );
}

#[test]
fn quota_at_one_am_the_time_of_the_reset_is_read() {
    let words = r#"{"type":"result","subtype":"success","is_error":true,"result":"Claude AI usage limit reached|1790000000","total_cost_usd":0}"#;
    assert_eq!(
        read(words, "", code(1)).end,
        Some(AgentEvent::RateLimited(LimitEnd::AtMs(1_790_000_000_000)))
    );
    let typed = concat!(
        r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1790000000,"rateLimitType":"five_hour"}}"#,
        "\n",
        r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"limit","total_cost_usd":0}"#,
    );
    assert_eq!(
        read(typed, "", code(1)).end,
        Some(AgentEvent::RateLimited(LimitEnd::AtMs(1_790_000_000_000)))
    );
    assert_eq!(
        read(&typed.replace("rejected", "allowed"), "", code(1)).end,
        Some(AgentEvent::RateLimited(LimitEnd::Unknown))
    );
}

#[test]
fn an_error_counts_even_if_the_result_denies_it() {
    let result = r#"{"type":"result","subtype":"success","is_error":false,"api_error_status":401,"result":"no key"}"#;
    let end = read(result, "", code(0)).end;
    assert!(matches!(&end, Some(AgentEvent::AuthFailed(_))), "{end:?}");
    let silent = r#"{"type":"result","subtype":"success","result":"fine"}"#;
    assert_eq!(read(silent, "", code(0)).end, failed("fine"));
}

/// A streamed message with 1,000,000 tokens read and 100,000 written, $4.50 with Sonnet 5.
const STREAMED: &str = concat!(
    r#"{"type":"stream_event","parent_tool_use_id":null,"event":{"type":"message_start","message":{"id":"m","model":"claude-sonnet-5","usage":{"input_tokens":1000000,"output_tokens":1}}}}"#,
    "\n",
    r#"{"type":"stream_event","parent_tool_use_id":null,"event":{"type":"content_block_delta","delta":{"type":"text_delta","text":"x"}}}"#,
    "\n",
    r#"{"type":"stream_event","parent_tool_use_id":null,"event":{"type":"message_delta","usage":{"output_tokens":100000}}}"#,
    "\n",
);

#[test]
fn late_bill_money_is_counted_as_it_goes() {
    let reading = read(STREAMED, "", Exit::default().signal(9));
    assert_eq!((reading.end, reading.cost), (None, None));
    assert!(
        reading.spent.is_some_and(|usd| (usd - 4.5).abs() < 1e-9),
        "{:?}",
        reading.spent
    );
}

#[test]
fn unmeasured_is_free() {
    for result in [
        r#"{"type":"result","subtype":"success","is_error":false,"result":"x","total_cost_usd":0}"#,
        r#"{"type":"result","subtype":"success","is_error":false,"result":"x"}"#,
    ] {
        let reading = read(&format!("{STREAMED}{result}\n"), "", code(0));
        assert_eq!((reading.cost, reading.end), (None, done("x")));
        assert!(
            reading.spent.is_some_and(|usd| (usd - 4.5).abs() < 1e-9),
            "{:?}",
            reading.spent
        );
    }
}

#[test]
fn meaningless_lines_are_skipped() {
    let noise = "not json\n[]\n7\n{}\n{\"type\":\"new\"}\n{\"type\":\"system\",\"subtype\":\"new\"}\n{\"type\":\"user\"}\n";
    assert_eq!(read(noise, "", code(0)), Reading::default());
}
