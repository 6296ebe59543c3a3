//! The dashboard of a session in the same process: its flags, and refused starts.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;

use autoissue_tests::http::{ask, get, stream};
use autoissue_tests::{MadeUp, Recipe, Sandbox, Served, Started, port_of};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Starts a session with a dashboard; returns it with its port once it is served.
fn exec(sandbox: &Sandbox) -> (Started, u16) {
    let mut child =
        Started(sandbox.start(["exec", "go", "--dashboard", "--port", "0", "--headless"]));
    let stderr = BufReader::new(child.0.stderr.take().expect("a pipe"));
    let mut lines = stderr.lines().map_while(Result::ok);
    let line = lines
        .find(|line| line.starts_with("dashboard: "))
        .expect("the dashboard prints its address");
    // Keep reading, or the session would block on a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (child, port_of(&line))
}

/// Creates a sandbox whose agent runs these steps on each of two issues.
fn with_agent(steps: &Value) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    let config = json!({
        "forge": {"kind": "local"}, "agent": {"backend": "claude"},
        "executor": {"maxRetries": 0, "timeoutMinutes": 1}, "breaker": {"threshold": 1, "cooldownSeconds": 3600},
    });
    sandbox.config(&config.to_string());
    for (number, domain) in [(1, "Backend"), (2, "Frontend")] {
        let body = format!("Please.\n\nfake: {steps}\n");
        sandbox.issue(
            number,
            &format!("[{domain}] <img src=x onerror=alert(1)>"),
            &body,
        );
    }
    sandbox
}

#[test]
fn a_session_is_streamed_from_its_first_event_to_its_last() {
    let steps = json!([[{"say": "hello \u{1b}[31m<script>alert(1)</script>"}, {"write": ["a.txt", "a"]}, {"wait_for": "~/go"}, {"result": {}}]]);
    let sandbox = with_agent(&steps);
    let (mut child, port) = exec(&sandbox);
    let mut seen: Vec<u64> = Vec::new();
    let mut is_told = false;
    for message in stream(port, "/api/events", &[]) {
        match message.kind.as_str() {
            "happened" => seen.extend(message.json()["seq"].as_u64()),
            "progress" if message.data.contains("hello") => {
                assert!(
                    message.data.contains("hello <script>alert(1)</script>"),
                    "{}",
                    message.data
                );
                is_told = true;
                std::fs::write(sandbox.home().join("go"), "").unwrap();
            }
            _ => {}
        }
    }
    assert!(is_told, "agent output must be shown as text");
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    let recorded = sandbox.run(["status", "--output", "json"]);
    let session = recorded.json()[0]["session"].as_str().unwrap().to_owned();
    let all = sandbox.run(["show", &session, "--output", "json"]);
    let n = all
        .json()
        .iter()
        .filter(|line| line["seq"].is_u64())
        .count() as u64;
    assert!(seen.iter().copied().eq(1..=n), "{seen:?} of {n}");
}

#[test]
fn a_breaker_is_reset_in_the_running_session() {
    let steps =
        json!([[{"api_error": [529, "overloaded"]}], [{"write": ["a.txt", "a"]}, {"result": {}}]]);
    let sandbox = with_agent(&steps);
    let (mut child, port) = exec(&sandbox);
    let mut is_reset = false;
    for message in stream(port, "/api/events", &[]) {
        // Each task finds the service unavailable once.
        if message.kind == "happened" && message.json()["type"] == "service.breaker_opened" {
            let state = get(port, "/api/metrics/circuit-breaker").json()["state"].clone();
            assert_eq!(state, "open");
            let body = r#"{"service":"agent:claude"}"#;
            let answer = ask(
                port,
                "POST",
                "/api/circuit-breaker/reset",
                &[("content-type", "application/json")],
                body,
            );
            assert_eq!(answer.status, 202, "{}", answer.body);
            is_reset = true;
        }
    }
    assert!(is_reset);
    assert_eq!(
        child.0.wait().unwrap().code(),
        Some(0),
        "the waiting tasks must be done"
    );
}

#[test]
fn a_breaker_is_reset_in_a_session_of_another_process() {
    let steps =
        json!([[{"api_error": [529, "overloaded"]}], [{"write": ["a.txt", "a"]}, {"result": {}}]]);
    let sandbox = with_agent(&steps);
    let child = sandbox.start(["exec", "go", "--output", "json"]);
    let served = Served::start(&sandbox.state(), &json!({}));
    let mut is_reset = false;
    'watching: loop {
        // Before the session has started there is nothing to stream.
        if get(served.port, "/api/session").status != 200 {
            continue;
        }
        for message in stream(served.port, "/api/events", &[]) {
            let kind = if message.kind == "happened" {
                message.json()["type"].clone()
            } else {
                Value::Null
            };
            if kind == "service.breaker_opened" {
                assert_eq!(
                    ask(served.port, "POST", "/api/circuit-breaker/reset", &[], "").status,
                    202
                );
                is_reset = true;
            }
            if kind == "session.finished" {
                break 'watching;
            }
        }
    }
    assert!(is_reset);
    let run = autoissue_tests::Run::from(child.wait_with_output().unwrap()).exits(0);
    assert_eq!(
        run.events("service.breaker_reset").len(),
        run.events("service.breaker_opened").len()
    );
}

#[test]
fn port_in_use() {
    let sandbox = Sandbox::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    sandbox.issue(1, "[Backend] x", "Please.");
    let run = sandbox
        .run([
            "exec",
            "nobody-carries-this",
            "--dashboard",
            "--port",
            &port,
            "--headless",
        ])
        .exits(0);
    let warned = format!(
        "port {port} is in use; serving the dashboard on the next free one: http://127.0.0.1:"
    );
    assert!(run.stderr.contains(&warned), "{}", run.stderr);
}

#[test]
fn an_unprotected_listen_address_is_refused_with_an_explanation() {
    let sandbox = Sandbox::new();
    for (dashboard, key) in [
        (json!({"host": "0.0.0.0"}), "dashboard.host"),
        (
            json!({"host": "192.168.1.2", "enabled": true}),
            "dashboard.host",
        ),
        (
            json!({"auth": {"enabled": true}}),
            "dashboard.auth.username",
        ),
        (
            json!({"auth": {"enabled": true, "type": "token"}}),
            "dashboard.auth.token",
        ),
        (
            json!({"auth": {"enabled": true, "type": "token", "token": {"env": "NOT_THERE"}}}),
            "dashboard.auth.token",
        ),
        (
            json!({"host": "0.0.0.0", "auth": {"enabled": true, "type": "both", "token": "t0ken"}}),
            "dashboard.auth.password",
        ),
    ] {
        sandbox.config(
            &json!({"forge": {"kind": "local"}, "agent": {"backend": "patch"}, "dashboard": dashboard}).to_string(),
        );
        for args in [
            &["dashboard", "--port", "0"][..],
            &["exec", "go", "--dashboard"],
        ] {
            let run = sandbox.run(args).exits(2);
            assert!(
                run.stderr.contains(key) && run.stderr.contains("hint:"),
                "{dashboard}: {}",
                run.stderr
            );
        }
    }
    assert!(!sandbox.state().exists(), "nothing must be started");
}

#[test]
fn an_address_of_another_machine_is_refused_before_anything_starts() {
    let sandbox = Sandbox::new();
    let dashboard =
        json!({"host": "192.0.2.1", "auth": {"enabled": true, "type": "token", "token": "t0ken"}});
    sandbox.config(
        &json!({"forge": {"kind": "local"}, "agent": {"backend": "patch"}, "dashboard": dashboard})
            .to_string(),
    );
    let run = sandbox.run(["exec", "go", "--dashboard"]).exits(1);
    assert!(
        run.stderr
            .contains("failed to serve the dashboard on `192.0.2.1`")
            && run.stderr.contains("hint:"),
        "{}",
        run.stderr
    );
    assert!(
        !sandbox.state().exists(),
        "neither a session nor an empty log may exist"
    );
}

#[test]
fn demo_and_dry_run_accept_the_dashboard_flag() {
    let sandbox = Sandbox::new();
    sandbox.issue(1, "[Backend] x", "Please.");
    let run = sandbox
        .run(["exec", "go", "--dry-run", "--dashboard", "--port", "0"])
        .exits(0);
    assert!(!run.stderr.contains("dashboard"), "{}", run.stderr);
    let demo = sandbox
        .run([
            "demo",
            "--dir",
            "demo",
            "--headless",
            "--dashboard",
            "--port",
            "0",
        ])
        .exits(3);
    assert!(
        demo.stderr.contains("dashboard: http://127.0.0.1:"),
        "{}",
        demo.stderr
    );
}

#[test]
fn stopping_a_dashboard_is_immediate_and_keeps_the_session_running() {
    let state = TempDir::new().unwrap();
    let mut session = MadeUp::run(state.path(), Recipe::new(5, 1));
    let served = Served::start(state.path(), &json!({}));
    let reader = stream(served.port, "/api/events", &[]);
    let pid = rustix::process::Pid::from_raw(i32::try_from(served.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let last = reader.filter(|message| message.kind == "bye").last();
    assert_eq!(
        last.map(|bye| bye.data).as_deref(),
        Some(r#"{"reason":"retry"}"#)
    );
    session.go_on(usize::MAX);
    assert!(session.engine().is_over());
}
