//! Recorded output of Claude Code 2.1.197, each with the exit code and standard error that it had, against what it must mean.
//! Recorded without partial messages; their lines are made by hand at the end.

use autoissue_claude::ClaudeBackend;
use autoissue_plugin_sdk::{AgentBackend, AgentEvent, AgentTask, Exit, Line};

/// What a run means in the end.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    end: Option<AgentEvent>,
    cost: Option<f64>,
    metered: Option<f64>,
    session: Option<String>,
    denied: Vec<String>,
}

fn read(stdout: &str, stderr: &str, exit: Exit) -> Reading {
    let task = AgentTask { model: Some("no-such-model".into()), ..AgentTask::default() };
    let (mut run, _) = ClaudeBackend.start(&task).expect("every task can be started");
    let lines = stdout.lines().map(Line::stdout).chain(stderr.lines().map(Line::stderr));
    let mut events: Vec<AgentEvent> = lines.flat_map(|line| run.on_lines(&[line])).collect();
    events.extend(run.on_exit(exit));
    let mut reading = Reading::default();
    for event in events {
        match event {
            AgentEvent::Session(id) => reading.session = Some(id),
            AgentEvent::FinalCost(usd) => reading.cost = Some(usd),
            AgentEvent::UsageTotal(usage) => reading.metered = usage.usd,
            AgentEvent::Denied(tool) => reading.denied.push(tool),
            AgentEvent::Text(_)
            | AgentEvent::Thinking(_)
            | AgentEvent::ToolStart { .. }
            | AgentEvent::ToolEnd { .. }
            | AgentEvent::Note(_) => {}
            end => {
                assert_eq!(reading.end, None, "a run ends once");
                reading.end = Some(end);
            }
        }
    }
    reading
}

fn recorded(name: &str) -> String {
    let path = format!("{}/tests/fixtures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn code(code: i32) -> Exit {
    Exit { code: Some(code), signal: None }
}

#[track_caller]
fn check(name: &str, exit: i32, end: Option<AgentEvent>, cost: Option<f64>) -> Reading {
    let reading = read(&recorded(name), "", code(exit));
    assert_eq!((reading.end.clone(), reading.cost), (end, cost), "{name}");
    reading
}

fn done(summary: &str) -> Option<AgentEvent> {
    Some(AgentEvent::Done(Some(summary.into())))
}

#[test]
fn a_good_run_is_done_with_its_summary_cost_and_session() {
    let reading = check("success", 0, done("Done: wrote HELLO.md."), Some(0.0075));
    assert!(reading.session.is_some() && reading.denied.is_empty());
    check("flaky529", 0, done("Done."), Some(0.0075));
    check("resume", 0, done("done"), Some(0.00375));
    check("subagent", 0, done("Sub done."), Some(0.04500000000000001));
}

#[test]
fn denied_but_success() {
    let denied = |name: &str, summary: &str| check(name, 0, done(summary), Some(0.0075)).denied;
    assert_eq!(denied("denied", "Done: wrote HELLO.md."), ["Write"]);
    assert_eq!(denied("denied-bash", "Done: committed."), ["Bash"]);
    assert_eq!(denied("escape", "Done."), ["Write", "Bash"]);
}

#[test]
fn success_after_sigterm_is_read_as_told_and_left_to_the_host() {
    // The host knows that it sent the signal; nothing in the output does.
    check("sigterm", 0, done("Done."), Some(0.0075));
    check("sigint", 1, failed("[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=tool_use"), {
        Some(0.00375)
    });
}

fn failed(words: &str) -> Option<AgentEvent> {
    Some(AgentEvent::Failed(words.into()))
}

#[test]
fn limits_of_a_run_are_told_apart() {
    check("maxturns", 1, Some(AgentEvent::TurnsReached), Some(0.01125));
    check("budget", 1, Some(AgentEvent::BudgetReached), Some(2.79));
    check("toolong", 1, Some(AgentEvent::ContextFull), Some(0.0));
}

#[test]
fn says_success_on_401() {
    let auth = |words: &str| Some(AgentEvent::AuthFailed(words.into()));
    check("e401", 1, auth("`claude` is not let in: Invalid API key · Fix external API key"), Some(0.0));
    check(
        "e403",
        1,
        auth("`claude` is not let in: Failed to authenticate. API Error: 403 forbidden (fake)"),
        Some(0.0),
    );
    check("credit", 1, auth("the account of `claude` cannot pay: Credit balance is too low"), Some(0.0));
}

#[test]
fn errors_of_the_service_are_not_the_tasks() {
    check("e429", 1, Some(AgentEvent::RateLimited(None)), Some(0.0));
    let trouble = "This is a server-side issue, usually temporary — try again in a moment. If it persists, check your inference gateway.";
    let overloaded = |words: &str| Some(AgentEvent::Overloaded(format!("API Error: {words} {trouble}")));
    check("e500", 1, overloaded("500 internal (fake)."), Some(0.0));
    check("e529", 1, overloaded("529 Overloaded."), Some(0.0));
    check("apitimeout", 1, Some(AgentEvent::Unreachable("Request timed out".into())), Some(0.0));
}

#[test]
fn errors_of_the_task_are_not_the_services() {
    check("e400", 1, failed("API Error: 400 bad request (fake)"), Some(0.0));
    let refusal = check_end("refusal", 1);
    assert!(matches!(&refusal, Some(AgentEvent::Failed(words)) if words.contains("Usage Policy")), "{refusal:?}");
    let missing = "No conversation found with session ID: 22222222-1111-4111-8111-111111111111";
    check("resume-missing", 1, failed(missing), Some(0.0));
}

fn check_end(name: &str, exit: i32) -> Option<AgentEvent> {
    read(&recorded(name), "", code(exit)).end
}

#[test]
fn a_wrong_model_is_named() {
    let end = check_end("e404", 1);
    assert!(matches!(&end, Some(AgentEvent::Invalid(words)) if words.contains("`no-such-model`")), "{end:?}");
}

#[test]
fn a_run_without_a_result_is_explained_where_it_can_be() {
    let killed = Exit { code: None, signal: Some(9) };
    assert_eq!(read(&recorded("hang"), "", killed).end, None);
    let cut = read(&recorded("cut"), "", killed).end;
    assert!(matches!(&cut, Some(AgentEvent::Unreachable(_))), "{cut:?}");
    let root = "--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons";
    let end = read("", root, code(1)).end;
    assert!(matches!(&end, Some(AgentEvent::Invalid(words)) if words.contains("IS_SANDBOX=1")), "{end:?}");
    let reused = "Error: Session ID 11111111-1111-4111-8111-111111111111 is already in use.";
    assert_eq!(read("", reused, code(1)).end, failed(&format!("`claude` did not start: {reused}")));
    let old = read("", "error: unknown option '--include-partial-messages'", code(1)).end;
    assert!(matches!(&old, Some(AgentEvent::Invalid(_))), "{old:?}");
    assert_eq!(read("", "Segmentation fault", code(139)).end, None);
}

#[test]
fn issue_403_numbers_in_words_mean_nothing() {
    let result = r#"{"type":"result","subtype":"success","is_error":true,"result":"closed #403 and #429, 401 lines","total_cost_usd":0}"#;
    assert_eq!(read(result, "", code(1)).end, failed("closed #403 and #429, 401 lines"));
    let good = result.replace("true", "false");
    assert_eq!(read(&good, "", code(0)).end, done("closed #403 and #429, 401 lines"));
}

#[test]
fn quota_at_one_am_the_time_of_the_reset_is_read() {
    let words = r#"{"type":"result","subtype":"success","is_error":true,"result":"Claude AI usage limit reached|1790000000","total_cost_usd":0}"#;
    assert_eq!(read(words, "", code(1)).end, Some(AgentEvent::RateLimited(Some(1_790_000_000_000))));
    let typed = concat!(
        r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1790000000,"rateLimitType":"five_hour"}}"#,
        "\n",
        r#"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"limit","total_cost_usd":0}"#,
    );
    assert_eq!(read(typed, "", code(1)).end, Some(AgentEvent::RateLimited(Some(1_790_000_000_000))));
    assert_eq!(read(&typed.replace("rejected", "allowed"), "", code(1)).end, Some(AgentEvent::RateLimited(None)));
}

#[test]
fn an_error_counts_even_where_the_result_denies_it() {
    let result = r#"{"type":"result","subtype":"success","is_error":false,"api_error_status":401,"result":"no key"}"#;
    let end = read(result, "", code(0)).end;
    assert!(matches!(&end, Some(AgentEvent::AuthFailed(_))), "{end:?}");
    let silent = r#"{"type":"result","subtype":"success","result":"fine"}"#;
    assert_eq!(read(silent, "", code(0)).end, failed("fine"));
}

/// A streamed message of 1,000,000 tokens read and 100,000 written, $4.50 with Sonnet 5.
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
    let reading = read(STREAMED, "", Exit { code: None, signal: Some(9) });
    assert_eq!((reading.end, reading.cost), (None, None));
    assert!(reading.metered.is_some_and(|usd| (usd - 4.5).abs() < 1e-9), "{:?}", reading.metered);
}

#[test]
fn unmeasured_is_free() {
    for result in [
        r#"{"type":"result","subtype":"success","is_error":false,"result":"x","total_cost_usd":0}"#,
        r#"{"type":"result","subtype":"success","is_error":false,"result":"x"}"#,
    ] {
        let reading = read(&format!("{STREAMED}{result}\n"), "", code(0));
        assert_eq!((reading.cost, reading.end), (None, done("x")));
        assert!(reading.metered.is_some_and(|usd| (usd - 4.5).abs() < 1e-9), "{:?}", reading.metered);
    }
}

#[test]
fn lines_that_mean_nothing_are_passed_over() {
    let noise =
        "not json\n[]\n7\n{}\n{\"type\":\"new\"}\n{\"type\":\"system\",\"subtype\":\"new\"}\n{\"type\":\"user\"}\n";
    assert_eq!(read(noise, "", code(0)), Reading::default());
}
