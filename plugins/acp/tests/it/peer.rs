//! Written by hand: what an agent may do that none of the recorded ones does.
//!
//! Each test plays an agent: it prints lines and looks at what is sent to it.

use autoissue_acp::AcpBackend;
use autoissue_plugin_sdk::{
    AgentBackend, AgentEvent, AgentRun, AgentTask, Exit, Line, ResumedSession, StopReason, Usage,
};
use serde_json::{Value, json};

/// A conversation, from the agent's side.
struct Peer {
    run: Box<dyn AgentRun>,
    sent: Vec<Value>,
    seen: Vec<AgentEvent>,
}

fn task() -> AgentTask {
    AgentTask::default()
        .settings(r#"{"command": ["my-agent"]}"#)
        .directory("/repo")
        .prompt("Fix it.")
}

impl Peer {
    fn new(task: &AgentTask) -> Self {
        let (run, command) = AcpBackend.start(task).expect("it starts");
        let sent = vec![serde_json::from_str(&command.stdin).expect("a message")];
        Self {
            run,
            sent,
            seen: Vec::new(),
        }
    }

    /// Creates a conversation in which the prompt has been sent.
    fn prompted(task: &AgentTask) -> Self {
        let mut peer = Self::new(task);
        peer.answers(&json!({"protocolVersion": 1}));
        peer.answers(&json!({"sessionId": "s"}));
        assert_eq!(peer.last()["method"], "session/prompt");
        peer
    }

    fn prints(&mut self, line: &str) -> &mut Self {
        let events = self.run.on_lines(&[Line::stdout(line)]);
        self.take(events)
    }

    fn take(&mut self, events: Vec<AgentEvent>) -> &mut Self {
        for event in &events {
            match event {
                AgentEvent::Send(text) => {
                    let lines = text.lines().map(serde_json::from_str::<Value>);
                    self.sent
                        .extend(lines.map(|message| message.expect("a message")));
                }
                AgentEvent::CloseInput => self.sent.push(json!("closed")),
                _ => {}
            }
        }
        self.seen.extend(events);
        self
    }

    fn last(&self) -> &Value {
        self.sent.last().expect("something was sent")
    }

    /// Answers the newest request.
    fn answers(&mut self, result: &Value) -> &mut Self {
        let id = self.last()["id"].clone();
        self.prints(&json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())
    }

    fn refuses(&mut self, code: i64, data: &Value) -> &mut Self {
        let id = self.last()["id"].clone();
        let error = json!({"code": code, "message": "no", "data": data});
        self.prints(&json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string())
    }

    fn updates(&mut self, update: &Value) -> &mut Self {
        let params = json!({"sessionId": "s", "update": update});
        self.prints(
            &json!({"jsonrpc": "2.0", "method": "session/update", "params": params}).to_string(),
        )
    }

    fn says(&mut self, text: &str) -> &mut Self {
        self.updates(&json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}))
    }

    fn asks(&mut self, id: &Value, method: &str, params: &Value) -> &mut Self {
        self.prints(
            &json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string(),
        )
    }

    fn asks_for(&mut self, id: &Value, kind: &str) -> &mut Self {
        let options = json!([
            {"kind": "allow_always", "optionId": "always"}, {"kind": "allow_once", "optionId": "once"},
            {"kind": "reject_once", "optionId": "no"},
        ]);
        let call = json!({"toolCallId": "c", "kind": kind, "title": "a title"});
        let params = json!({"sessionId": "s", "toolCall": call, "options": options});
        self.asks(id, "session/request_permission", &params)
    }

    /// Ends the turn, after a message if there was none.
    fn ends(&mut self) -> &mut Self {
        if !self.saw(&AgentEvent::Turns(1)) {
            self.says("Done.");
        }
        let prompt = self
            .sent
            .iter()
            .find(|sent| sent["method"] == "session/prompt");
        let id = prompt.expect("the prompt was sent")["id"].clone();
        self.prints(&json!({"id": id, "result": {"stopReason": "end_turn"}}).to_string())
    }

    fn saw(&self, event: &AgentEvent) -> bool {
        self.seen.contains(event)
    }

    #[track_caller]
    fn check_end(&self, expected: &str) {
        let words = self.seen.iter().map(|event| format!("{event:?}"));
        let found: Vec<String> = words.filter(|event| event.starts_with(expected)).collect();
        assert_eq!(found.len(), 1, "{expected}: {:?}", self.seen);
    }
}

#[test]
fn neither_files_nor_terminals_are_offered() {
    let peer = Peer::new(&task());
    let capabilities = &peer.last()["params"]["clientCapabilities"];
    assert_eq!(
        capabilities,
        &json!({"fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false})
    );
}

#[test]
fn requests_of_unknown_methods_are_answered_with_their_own_ids() {
    let mut peer = Peer::prompted(&task());
    for id in [json!("a-1"), json!(0), json!(null), json!(7.5)] {
        peer.asks(&id, "fs/read_text_file", &json!({}));
        let answer = peer.last();
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&id, &json!(-32601))
        );
    }
    peer.prints(r#"{"jsonrpc":"2.0","method":"_vendor/news","params":{}}"#);
    assert_eq!(peer.sent.len(), 7, "a notification needs no answer");
    let failed = json!({"sessionUpdate": "tool_call", "toolCallId": "c", "status": "failed"});
    peer.updates(&failed).ends().check_end("Done");
    peer.check_end("OperatorNote");
}

#[test]
fn the_operator_is_not_told_of_requests_that_no_tool_needed() {
    let mut peer = Peer::prompted(&task());
    peer.asks(&json!(1), "fs/write_text_file", &json!({}));
    peer.ends().check_end("Done");
    let is_note = |event: &AgentEvent| matches!(event, AgentEvent::OperatorNote(_));
    assert!(!peer.seen.iter().any(is_note), "{:?}", peer.seen);
}

#[test]
fn money_of_a_resumed_claude_session_begins_at_zero() {
    for (version, expected) in [("0.49.0", 0.7), ("0.50.0", 0.2), ("1.0.0", 0.2)] {
        let mut peer = Peer::new(&resuming());
        peer.answers(&json!({
            "protocolVersion": 1, "agentCapabilities": {"sessionCapabilities": {"resume": {}}},
            "agentInfo": {"name": "@agentclientprotocol/claude-agent-acp", "version": version},
        }));
        peer.answers(&json!({}));
        peer.updates(
            &json!({"sessionUpdate": "usage_update", "cost": {"amount": 0.7, "currency": "USD"}}),
        );
        peer.ends();
        let usd = peer.seen.iter().find_map(|event| match event {
            AgentEvent::FinalCost(usd) => Some((usd * 1e6).round() / 1e6),
            _ => None,
        });
        assert_eq!(usd, Some(expected), "{version}");
    }
}

#[test]
fn an_agent_that_cannot_work_without_files_is_invalid() {
    let mut peer = Peer::new(&task());
    peer.answers(&json!({"protocolVersion": 1}))
        .answers(&json!({"sessionId": "s"}));
    let prompt = peer.last().clone();
    peer.asks(&json!(1), "fs/write_text_file", &json!({}));
    let error = json!({"code": -32603, "message": "no files"});
    peer.prints(&json!({"id": prompt["id"], "error": error}).to_string());
    peer.check_end("Invalid");
}

#[test]
fn responses_to_nothing_and_second_responses_are_ignored() {
    let mut peer = Peer::new(&task());
    peer.answers(&json!({"protocolVersion": 1}));
    let n_sent = peer.sent.len();
    for id in [json!(1), json!(99), json!("2"), json!(-1), json!(null)] {
        peer.prints(
            &json!({"id": id, "result": {"sessionId": "other", "stopReason": "end_turn"}})
                .to_string(),
        );
    }
    assert_eq!(peer.sent.len(), n_sent);
    peer.answers(&json!({"sessionId": "s"}));
    peer.ends().ends();
    peer.check_end("Done");
    peer.check_end("Session(\"s\")");
}

#[test]
fn other_lines_are_notes() {
    let mut peer = Peer::prompted(&task());
    let n_sent = peer.sent.len();
    for line in [
        "",
        "{",
        "Listening on stdio",
        "[]",
        "null",
        r#"{"jsonrpc":"2.0"}"#,
        r#"{"method":7,"id":1}"#,
    ] {
        peer.prints(line);
    }
    peer.prints(r#"{"method":"session/update","params":{"sessionId":"s","update":7}}"#);
    peer.prints(r#"{"method":"session/update"}"#);
    assert_eq!(peer.sent.len(), n_sent);
    peer.ends().check_end("Done");
}

#[test]
fn a_request_that_is_too_long_to_read_is_answered() {
    let mut peer = Peer::prompted(&task());
    let line = format!(
        r#"{{"jsonrpc":"2.0","id":"x","method":"session/request_permission","params":{{"a":"{}"#,
        "x".repeat(1 << 20)
    );
    let events = peer.run.on_lines(&[Line::stdout(&line).truncated(true)]);
    peer.take(events);
    assert_eq!(
        (&peer.last()["id"], &peer.last()["error"]["code"]),
        (&json!("x"), &json!(-32603))
    );
    let update = line.replace(r#""id":"x","#, "");
    let n_sent = peer.sent.len();
    let events = peer.run.on_lines(&[Line::stdout(&update).truncated(true)]);
    peer.take(events);
    assert_eq!(peer.sent.len(), n_sent);
    peer.ends().check_end("Done");
}

#[test]
fn a_response_that_is_too_long_to_read_ends_the_run() {
    let mut peer = Peer::prompted(&task());
    let line = format!(r#"{{"id":{},"result":{{"a":"x"#, peer.last()["id"]);
    let events = peer.run.on_lines(&[Line::stdout(&line).truncated(true)]);
    peer.take(events)
        .check_end("Failed(\"the agent's response is too long");
}

#[test]
fn another_version_of_the_protocol_is_refused() {
    for version in [json!(2), json!("1"), json!(null)] {
        let mut peer = Peer::new(&task());
        peer.answers(&json!({"protocolVersion": version}));
        peer.check_end("AuthFailed(\"`my-agent` speaks version");
        assert_eq!(peer.last(), "closed");
    }
}

fn resuming() -> AgentTask {
    task().resume(ResumedSession::new("s", 0.5))
}

#[test]
fn a_session_is_resumed_without_its_history_if_possible() {
    for (capabilities, expected) in [
        (
            json!({"loadSession": true, "sessionCapabilities": {"resume": {}}}),
            "session/resume",
        ),
        (
            json!({"loadSession": true, "sessionCapabilities": {"resume": null}}),
            "session/load",
        ),
        (json!({"loadSession": false}), "session/new"),
        (json!(null), "session/new"),
    ] {
        let mut peer = Peer::new(&resuming());
        peer.answers(&json!({"protocolVersion": 1, "agentCapabilities": capabilities}));
        assert_eq!(peer.last()["method"], expected);
        let is_new = expected == "session/new";
        assert_eq!(peer.last()["params"]["sessionId"].is_null(), is_new);
        let is_told = peer
            .seen
            .iter()
            .any(|event| matches!(event, AgentEvent::OperatorNote(_)));
        assert_eq!(is_told, is_new);
    }
}

#[test]
fn a_method_that_is_announced_but_missing_is_replaced() {
    let mut peer = Peer::new(&resuming());
    let capabilities = json!({"loadSession": true, "sessionCapabilities": {"resume": {}}});
    peer.answers(&json!({"protocolVersion": 1, "agentCapabilities": capabilities}));
    peer.refuses(-32601, &json!(null));
    assert_eq!(peer.last()["method"], "session/load");
    peer.refuses(-32603, &json!(null)).check_end("SessionGone");
}

#[test]
fn replayed_history_is_neither_shown_nor_counted() {
    let mut peer = Peer::new(&resuming());
    peer.answers(&json!({"protocolVersion": 1, "agentCapabilities": {"loadSession": true}}));
    let load = peer.last().clone();
    let old_call = json!({"sessionUpdate": "tool_call", "toolCallId": "old", "kind": "edit", "status": "completed"});
    peer.says("old words").updates(&old_call);
    peer.updates(
        &json!({"sessionUpdate": "usage_update", "cost": {"amount": 0.6, "currency": "USD"}}),
    );
    let modes =
        json!({"currentModeId": "default", "availableModes": [{"id": "default"}, {"id": "yolo"}]});
    peer.prints(&json!({"id": load["id"], "result": {"modes": modes}}).to_string());
    // Although it is in this mode already: what is printed before the response is history.
    assert_eq!(peer.last()["method"], "session/set_mode");
    peer.says("late old words");
    peer.answers(&json!({}));
    assert_eq!(peer.last()["method"], "session/prompt");
    peer.updates(&old_call).says("new words");
    peer.updates(
        &json!({"sessionUpdate": "usage_update", "cost": {"amount": 0.7, "currency": "USD"}}),
    );
    peer.ends().check_end("Done(Some(\"new words\"))");
    assert!(peer.saw(&AgentEvent::Turns(1)) && !peer.saw(&AgentEvent::Turns(2)));
    let words = format!("{:?}", peer.seen);
    assert!(
        !words.contains("old words") && !words.contains("ToolStart"),
        "{words}"
    );
    let usd = peer.seen.iter().find_map(|event| match event {
        AgentEvent::FinalCost(usd) => Some((usd * 1e6).round() / 1e6),
        _ => None,
    });
    assert_eq!(usd, Some(0.1));
}

#[test]
fn a_login_by_a_variable_that_is_set_is_tried_once() {
    let methods = json!([
        {"id": "browser", "name": "Log in"},
        {"id": "other", "type": "env_var", "vars": [{"name": "OTHER_KEY"}]},
        {"id": "key", "type": "env_var", "vars": [{"name": "MY_KEY"}]},
    ]);
    let mut peer = Peer::new(&task().environment(["MY_KEY"]));
    peer.answers(&json!({"protocolVersion": 1, "authMethods": methods}));
    peer.refuses(-32000, &json!(null));
    assert_eq!(peer.last()["params"], json!({"methodId": "key"}));
    peer.answers(&json!({}));
    assert_eq!(peer.last()["method"], "session/new");
    peer.refuses(-32000, &json!(null))
        .check_end("AuthFailed(\"`my-agent` is not logged in");
    let mut peer = Peer::new(&task());
    peer.answers(&json!({"protocolVersion": 1, "authMethods": methods}));
    peer.refuses(-32000, &json!(null)).check_end("AuthFailed");
}

#[test]
fn model_and_effort_are_chosen_before_the_mode() {
    let mut peer = Peer::new(
        &task()
            .model("big")
            .effort(autoissue_plugin_sdk::Effort::Low),
    );
    peer.answers(&json!({"protocolVersion": 1}));
    let option = |id: &str, category: &str, current: &str, values: &[&str]| {
        let values: Vec<Value> = values
            .iter()
            .map(|value| json!({"value": value, "name": value}))
            .collect();
        json!({"id": id, "category": category, "type": "select", "currentValue": current, "options": values})
    };
    peer.answers(&json!({"sessionId": "s", "configOptions": [
        option("mode", "mode", "yolo", &["ask", "yolo"]),
        option("model", "model", "small", &["small", "big"]),
    ]}));
    assert_eq!(
        peer.last()["params"],
        json!({"sessionId": "s", "configId": "model", "value": "big"})
    );
    peer.answers(&json!({"configOptions": [
        option("mode", "mode", "yolo", &["ask", "yolo"]),
        option("model", "model", "big", &["small", "big"]),
        option("thinking", "thought_level", "x", &["x", "low"]),
    ]}));
    assert_eq!(
        peer.last()["params"],
        json!({"sessionId": "s", "configId": "thinking", "value": "low"})
    );
    peer.answers(&json!({}));
    assert_eq!(
        peer.last()["params"],
        json!({"sessionId": "s", "configId": "mode", "value": "ask"})
    );
    peer.answers(&json!({}));
    assert_eq!(peer.last()["method"], "session/prompt");
    assert!(peer.saw(&AgentEvent::Model("big".into())));
}

#[test]
fn a_read_only_task_does_not_start_without_a_mode_that_only_reads() {
    let mut peer = Peer::new(&task().read_only(true));
    peer.answers(&json!({"protocolVersion": 1}))
        .answers(&json!({"sessionId": "s"}));
    peer.check_end("Invalid");
    assert!(
        peer.sent
            .iter()
            .all(|sent| sent["method"] != "session/prompt")
    );
    let modes =
        json!({"currentModeId": "work", "availableModes": [{"id": "work"}, {"id": "plan"}]});
    let mut peer = Peer::new(&task().read_only(true));
    peer.answers(&json!({"protocolVersion": 1}))
        .answers(&json!({"sessionId": "s", "modes": modes}));
    assert_eq!(peer.last()["params"]["modeId"], "plan");
    peer.refuses(-32602, &json!(null)).check_end("Invalid");
}

fn planning(task: &AgentTask) -> Peer {
    let modes =
        json!({"currentModeId": "plan", "availableModes": [{"id": "work"}, {"id": "plan"}]});
    let mut peer = Peer::new(task);
    peer.answers(&json!({"protocolVersion": 1}))
        .answers(&json!({"sessionId": "s", "modes": modes}));
    assert_eq!(peer.last()["method"], "session/prompt");
    peer
}

#[test]
fn a_read_only_agent_that_leaves_its_mode_is_put_back() {
    let mut peer = planning(&task().read_only(true).yolo(true));
    let change = json!({"sessionUpdate": "current_mode_update", "modeId": "work"});
    for _ in 0..3 {
        peer.updates(&change);
        assert_eq!(peer.last()["params"]["modeId"], "plan");
        peer.answers(&json!({}));
    }
    peer.updates(&change).check_end("Stop");
}

#[test]
fn a_read_only_agent_that_writes_is_stopped() {
    let mut peer = planning(&task().read_only(true));
    peer.asks_for(&json!(4), "edit");
    assert_eq!(peer.last()["result"]["outcome"]["optionId"], "no");
    let call = json!({"sessionUpdate": "tool_call", "toolCallId": "w", "kind": "edit", "status": "completed", "locations": [{"path": "/repo/x"}]});
    peer.updates(&call)
        .check_end("Failed(\"the agent changed files");
    peer.check_end("Stop");
}

#[test]
fn permissions_are_granted_once_and_denials_are_reported() {
    let mut peer = Peer::prompted(&task());
    peer.asks_for(&json!("p"), "execute");
    assert_eq!(
        peer.last(),
        &json!({"jsonrpc": "2.0", "id": "p", "result": {"outcome": {"outcome": "selected", "optionId": "once"}}})
    );
    peer.asks_for(&json!("q"), "fetch");
    assert_eq!(peer.last()["result"]["outcome"]["optionId"], "no");
    assert!(peer.saw(&AgentEvent::Denied("fetch".into())));
    peer.ends().check_end("Done");
}

#[test]
fn a_stop_cancels_the_prompt_and_its_requests() {
    let mut peer = Peer::prompted(&task());
    let events = peer.run.on_stop(StopReason::Interrupt);
    peer.take(events);
    assert_eq!(
        (&peer.last()["method"], &peer.last()["id"]),
        (&json!("session/cancel"), &Value::Null)
    );
    peer.asks_for(&json!(1), "edit");
    assert_eq!(
        peer.last()["result"],
        json!({"outcome": {"outcome": "cancelled"}})
    );
    let id = peer
        .sent
        .iter()
        .find(|sent| sent["method"] == "session/prompt")
        .unwrap()["id"]
        .clone();
    peer.prints(&json!({"id": id, "result": {"stopReason": "cancelled"}}).to_string());
    assert_eq!(peer.last(), "closed");
    let is_end = |event: &AgentEvent| matches!(event, AgentEvent::Failed(_) | AgentEvent::Done(_));
    assert!(!peer.seen.iter().any(is_end), "{:?}", peer.seen);
}

#[test]
fn a_stop_before_the_prompt_closes_the_input() {
    let mut run = Peer::new(&task()).run;
    assert_eq!(run.on_stop(StopReason::Time), [AgentEvent::CloseInput]);
}

#[test]
fn the_turn_limit_is_enforced() {
    let mut peer = Peer::prompted(&task().max_turns(2));
    for id in ["a", "b", "c"] {
        peer.says("words");
        peer.updates(&json!({"sessionUpdate": "tool_call", "toolCallId": id, "status": "pending"}));
        peer.updates(
            &json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "status": "completed"}),
        );
    }
    peer.check_end("TurnsReached");
    peer.check_end("Stop");
    assert!(peer.saw(&AgentEvent::Turns(2)) && !peer.saw(&AgentEvent::Turns(3)));
    let after = peer
        .seen
        .iter()
        .skip_while(|event| **event != AgentEvent::Stop)
        .count();
    assert_eq!(after, 1, "{:?}", peer.seen);
}

#[test]
fn pieces_of_a_message_are_one_text() {
    let mut peer = Peer::prompted(&task());
    let chunk = |id: &str, text: &str| json!({"sessionUpdate": "agent_message_chunk", "messageId": id, "content": {"type": "text", "text": text}});
    peer.updates(&chunk("1", "Hel"))
        .updates(&chunk("1", "lo."))
        .updates(&chunk("2", "Bye."));
    peer.updates(&json!({"sessionUpdate": "agent_thought_chunk", "content": {"text": "hmm"}}));
    peer.ends().check_end("Done(Some(\"Bye.\"))");
    assert!(peer.saw(&AgentEvent::Text("Hello.".into())));
    assert!(peer.saw(&AgentEvent::Thinking("hmm".into())));
}

#[test]
fn an_agent_that_does_nothing_has_not_succeeded() {
    let mut peer = Peer::prompted(&task());
    peer.answers(&json!({"stopReason": "end_turn"}));
    peer.check_end("Failed(\"the agent ended its turn without doing anything");
}

#[test]
fn updates_of_other_sessions_are_ignored() {
    let mut peer = Peer::prompted(&task());
    let update = json!({"sessionUpdate": "agent_message_chunk", "content": {"text": "helper"}});
    peer.prints(
        &json!({"method": "session/update", "params": {"sessionId": "t", "update": update}})
            .to_string(),
    );
    peer.says("mine").ends().check_end("Done(Some(\"mine\"))");
}

#[test]
fn tokens_in_chunks_add_up() {
    let mut peer = Peer::prompted(&task());
    let usage = json!({"usage": {"inputTokens": 10, "outputTokens": 2, "totalTokens": 12}});
    for _ in 0..2 {
        peer.updates(&json!({"sessionUpdate": "agent_message_chunk", "content": {"text": ""}, "_meta": usage}));
    }
    assert!(peer.saw(&AgentEvent::UsageTotal(
        Usage::default().input_tokens(20).output_tokens(4)
    )));
}

#[test]
fn a_prompt_is_never_a_command_of_the_agent() {
    for (prompt, expected) in [
        ("/clear", "Task:\n/clear"),
        (" $x", "Task:\n $x"),
        ("Fix /a", "Fix /a"),
    ] {
        let peer = Peer::prompted(&task().prompt(prompt));
        assert_eq!(peer.last()["params"]["prompt"][0]["text"], expected);
    }
}

#[test]
fn a_program_that_does_not_speak_the_protocol_is_explained() {
    let mut run = Peer::new(&task()).run;
    run.on_lines(&[Line::stderr("error: unknown option --acp")]);
    let events = run.on_exit(Exit::default().code(2));
    assert!(
        matches!(&events[..], [AgentEvent::AuthFailed(text)] if text.contains("unknown option")),
        "{events:?}"
    );
    for exit in [
        Exit::default().code(0),
        Exit::default().signal(9),
        Exit::default(),
    ] {
        assert_eq!(
            Peer::new(&task()).run.on_exit(exit),
            [],
            "a crash is not explained"
        );
    }
    assert_eq!(
        Peer::prompted(&task()).run.on_exit(Exit::default().code(1)),
        []
    );
}
