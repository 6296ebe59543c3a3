//! `autoissue doctor`, and the quick check of `exec` before it spends anything: each problem is
//! reported with a fix, and nothing is changed, neither here nor on the server.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use autoissue_tests::github_server::{Fault, On, Token};
use autoissue_tests::{GithubSandbox, LABEL, Run, Sandbox, TOKEN, new_file_patch};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::file_tree::{assert_same, tree};

/// Runs `doctor` to completion, and checks that it leaves no trace.
#[track_caller]
fn examine(world: &GithubSandbox, mut command: Command) -> Vec<Value> {
    let before = (
        tree(&world.project()),
        state_of(world),
        world.repository.branches(),
    );
    let run = Run::from(
        command
            .args(["--output", "json"])
            .output()
            .expect("the binary runs"),
    );
    assert_same(&before.0, &tree(&world.project()));
    assert_same(&before.1, &state_of(world));
    assert_eq!(before.2, world.repository.branches());
    assert!(
        !run.stdout.contains(TOKEN) && !run.stderr.contains(TOKEN),
        "{run:?}"
    );
    let findings = run.json();
    let is_ill = findings.iter().any(|finding| finding["level"] == "failure");
    assert_eq!(run.code, Some(i32::from(is_ill)), "{run:?}");
    for finding in &findings {
        assert_eq!(
            finding["advice"].is_null(),
            finding["level"] == "ok",
            "{finding}"
        );
    }
    findings
}

/// Returns the state directory without SQLite's two auxiliary files. They let a reader in next to a
/// writer and contain no data.
fn state_of(world: &GithubSandbox) -> std::collections::BTreeMap<String, crate::file_tree::Entry> {
    let mut state = tree(&world.state());
    state.retain(|name, _| !name.ends_with("-shm") && !name.ends_with("-wal"));
    state
}

/// Asserts that there is such a finding, and that no other check has failed.
#[track_caller]
fn has(findings: &[Value], check: &str, level: &str, words: &str) {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let is_it =
        |finding: &&Value| finding["check"] == check && text(finding, "message").contains(words);
    let found = findings
        .iter()
        .find(is_it)
        .unwrap_or_else(|| panic!("no `{check}` with {words:?}: {findings:#?}"));
    assert_eq!(found["level"], level, "{found}");
    let other = findings
        .iter()
        .find(|other| other["level"] == "failure" && other["check"] != check);
    assert!(other.is_none(), "{other:?}");
}

fn quick(world: &GithubSandbox) -> Command {
    world.autoissue(["doctor", "--quick"])
}

fn with_token(world: &GithubSandbox, text: &str, token: Token) -> Command {
    world.server.token(text, token);
    let mut command = quick(world);
    command.env("GITHUB_TOKEN", text);
    command
}

fn in_hours(hours: i64) -> String {
    (Timestamp::now() + SignedDuration::from_hours(hours))
        .strftime("%Y-%m-%d %H:%M:%S UTC")
        .to_string()
}

/// Runs `exec`, which must fail with this message and leave nothing behind.
#[track_caller]
fn exec_refuses(world: &GithubSandbox, token: &str, code: i32, words: &str) {
    let before = (tree(&world.project()), tree(&world.state()));
    let mut command = world.autoissue(["exec", LABEL]);
    let run = Run::from(
        command
            .env("GITHUB_TOKEN", token)
            .output()
            .expect("the binary runs"),
    )
    .exits(code);
    assert!(
        run.stderr.contains(words) && run.stderr.contains("hint:"),
        "{}",
        run.stderr
    );
    assert_same(&before.0, &tree(&world.project()));
    assert_same(&before.1, &tree(&world.state()));
}

// ---- a working setup

#[test]
fn a_working_setup_passes_and_nothing_is_changed() {
    let world = GithubSandbox::new();
    world.executor(r#"{"setup": ["touch made"], "checks": ["test -f made", "test -f README.md"]}"#);
    let findings = examine(&world, world.autoissue(["doctor"]));
    has(&findings, "token", "ok", "from `GITHUB_TOKEN`");
    has(&findings, "forge", "ok", "ada/sample on GitHub");
    has(&findings, "rate limit", "ok", "of 5000 calls");
    has(&findings, "clock", "ok", "matches GitHub's");
    has(&findings, "push", "ok", "can push to");
    has(&findings, "base branch", "ok", "main");
    has(&findings, "identity", "ok", "Ada <ada@example.org>");
    has(&findings, "checks", "ok", "test -f made: passes on main");
    has(
        &findings,
        "checks",
        "ok",
        "test -f README.md: passes on main",
    );
}

#[test]
fn the_journal_is_inspected_without_a_trace() {
    let world = GithubSandbox::new();
    world.plain_issue("[Backend] add");
    world.exec(&[]).exits(0);
    has(&examine(&world, quick(&world)), "journal", "ok", "readable");
}

#[test]
fn an_api_version_that_github_retires_is_a_warning() {
    let world = GithubSandbox::new();
    let findings = examine(&world, quick(&world));
    assert!(findings.iter().all(|it| it["check"] != "api version"));
    world.server.set_api_versions(&["2022-11-28", "2031-01-01"]);
    has(
        &examine(&world, quick(&world)),
        "api version",
        "warning",
        "sunset: Fri, 10 Mar 2028 00:00:00 GMT",
    );
}

// ---- the token

#[test]
fn problems_with_the_token_are_distinguished() {
    let world = GithubSandbox::new();
    let mut command = quick(&world);
    command
        .env_remove("GITHUB_TOKEN")
        .env("PATH", "/usr/bin:/bin");
    has(
        &examine(&world, command),
        "token",
        "failure",
        "`GITHUB_TOKEN` and `GH_TOKEN` are not set",
    );

    let mut command = quick(&world);
    command.env("GITHUB_TOKEN", "ghp_of_nobody");
    let findings = examine(&world, command);
    has(
        &findings,
        "forge",
        "failure",
        "rejected the token from `GITHUB_TOKEN`: Bad credentials",
    );
    exec_refuses(
        &world,
        "ghp_of_nobody",
        1,
        "rejected the token from `GITHUB_TOKEN`",
    );

    let findings = examine(
        &world,
        with_token(&world, "reads_only", Token::fine_grained("ada").read_only()),
    );
    has(
        &findings,
        "push",
        "failure",
        "it lacks the `push` permission for `ada/sample`",
    );
    exec_refuses(
        &world,
        "reads_only",
        1,
        "this token is not allowed to push branches",
    );

    let findings = examine(
        &world,
        with_token(
            &world,
            "with_repo",
            Token::classic("ada", &["repo", "workflow"]),
        ),
    );
    has(&findings, "scopes", "ok", "repo, workflow");
}

#[test]
fn a_token_about_to_expire_is_reported_before_the_session() {
    let world = GithubSandbox::new();
    world.plain_issue("[Backend] add");
    let soon = Token::fine_grained("ada").expires(&in_hours(5));
    has(
        &examine(&world, with_token(&world, "ends_soon", soon)),
        "token end",
        "warning",
        "the token expires in 4 hours",
    );
    let late = Token::fine_grained("ada").expires(&in_hours(5_000));
    has(
        &examine(&world, with_token(&world, "ends_late", late)),
        "token end",
        "ok",
        "UTC",
    );
    let over = Token::fine_grained("ada").expires(&in_hours(-1));
    has(
        &examine(&world, with_token(&world, "is_over", over)),
        "token end",
        "failure",
        "the token expired on",
    );
    exec_refuses(&world, "is_over", 1, "the token expired on");

    let mut command = world.autoissue(["exec", LABEL]);
    let run = Run::from(
        command
            .env("GITHUB_TOKEN", "ends_soon")
            .output()
            .expect("the binary runs"),
    )
    .exits(0);
    assert!(
        run.stderr.contains("warning: the token expires in"),
        "{}",
        run.stderr
    );
}

// ---- the repository

#[test]
fn an_archived_repository_is_an_error() {
    let world = GithubSandbox::new();
    world.repository.archive();
    has(
        &examine(&world, quick(&world)),
        "push",
        "failure",
        "`ada/sample` is archived",
    );
    exec_refuses(&world, TOKEN, 1, "is archived");
}

#[test]
fn a_repository_without_issues_has_no_backlog() {
    let world = GithubSandbox::new();
    world.repository.disable_issues();
    has(
        &examine(&world, quick(&world)),
        "issues",
        "failure",
        "issues are turned off",
    );
    exec_refuses(&world, TOKEN, 1, "issues are turned off for `ada/sample`");
}

#[test]
fn a_renamed_repository_is_used_under_its_new_name() {
    let world = GithubSandbox::new();
    world.plain_issue("[Backend] add");
    world.repository.rename("ada/renamed");
    has(
        &examine(&world, quick(&world)),
        "forge",
        "warning",
        "`ada/sample` is now called `ada/renamed`",
    );
    let first = world.exec(&[]).exits(0);
    assert_eq!(first.outcomes(), [(1, "done".to_owned())]);
    assert!(
        first.stderr.contains("is now called `ada/renamed`"),
        "{}",
        first.stderr
    );
    assert_eq!(
        world.exec(&[]).exits(0).outcomes(),
        [(1, "already_open".to_owned())]
    );
    assert_eq!(world.repository.pulls().len(), 1);
}

#[test]
fn a_misspelt_or_hidden_repository_is_not_found() {
    let world = GithubSandbox::new();
    world.config(r#"{"agent": {"backend": "patch"}, "project": {"repo": "ada/smaple"}}"#);
    has(
        &examine(&world, quick(&world)),
        "forge",
        "failure",
        "`ada/smaple` does not exist on GitHub, or this token cannot see it",
    );
    exec_refuses(
        &world,
        TOKEN,
        1,
        "`ada/smaple` does not exist on GitHub, or this token cannot see it",
    );
}

#[test]
fn a_missing_base_branch_is_named() {
    let world = GithubSandbox::new();
    world.config(r#"{"agent": {"backend": "patch"}, "project": {"baseBranch": "trunk"}}"#);
    has(
        &examine(&world, quick(&world)),
        "base branch",
        "failure",
        "branch `trunk` does not exist",
    );
    world.executor("{}");
    world.repository.delete_branch("main");
    has(
        &examine(&world, quick(&world)),
        "base branch",
        "failure",
        "has no commits yet",
    );
}

#[test]
fn a_denied_push_is_found_although_the_api_allows_it() {
    let world = GithubSandbox::new();
    let pushes = On::get("/*/*/info/refs")
        .when(|request| request.query.contains("git-receive-pack"))
        .always();
    world.server.fault(pushes, Fault::status(403));
    has(
        &examine(&world, quick(&world)),
        "push",
        "failure",
        "cannot push to",
    );
}

// ---- the connection

#[test]
fn a_low_rate_limit_and_a_wrong_clock_are_warnings() {
    let world = GithubSandbox::new();
    world
        .server
        .set_quota("ada", 9, std::time::Duration::from_secs(600));
    has(
        &examine(&world, quick(&world)),
        "rate limit",
        "warning",
        "7 of 5000 calls",
    );
    world.server.let_pass(std::time::Duration::from_secs(3_600));
    has(
        &examine(&world, quick(&world)),
        "clock",
        "warning",
        "minutes behind GitHub's",
    );
}

#[test]
fn an_unreachable_or_untrusted_api_is_reported_with_its_host() {
    let world = GithubSandbox::new();
    let at = |url: String| {
        let mut command = quick(&world);
        command.env("AUTOISSUE_GITHUB_API_URL", url);
        examine(&world, command)
    };
    has(
        &at("http://127.0.0.1:1".to_owned()),
        "forge",
        "failure",
        "cannot reach GitHub at `127.0.0.1:1`",
    );
    let plain = world.server.origin().replace("http:", "https:");
    has(
        &at(plain),
        "forge",
        "failure",
        "cannot establish a TLS connection to `127.0.0.1:",
    );
}

#[test]
fn the_api_is_called_through_the_proxy_of_the_environment() {
    let world = GithubSandbox::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let proxy = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = vec![0; 4_096];
        let n = stream.read(&mut request).expect("a request");
        stream
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            .expect("the client reads");
        String::from_utf8_lossy(&request[..n]).into_owned()
    });
    let mut command = quick(&world);
    command.env("AUTOISSUE_GITHUB_API_URL", "https://api.example.org");
    command
        .env("HTTPS_PROXY", format!("http://me:hunter2@{address}"))
        .env("NO_PROXY", "127.0.0.1");
    let findings = examine(&world, command);
    has(
        &findings,
        "forge",
        "failure",
        "proxy authorization required",
    );
    assert!(
        findings.iter().any(|it| it["check"] == "proxy")
            && !format!("{findings:?}").contains("hunter2")
    );
    let request = proxy.join().expect("a request came");
    assert!(
        request.starts_with("CONNECT api.example.org:443 "),
        "{request}"
    );
    assert!(
        request.contains("Proxy-Authorization: Basic") && !request.contains(TOKEN),
        "{request}"
    );
}

// ---- the machine

fn install_claude(world: &Sandbox, script: &str) {
    let program = world.root().join("claude.sh");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("the program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
    world.install("claude", &program);
}

#[test]
fn the_agents_version_and_login_are_checked() {
    let world = GithubSandbox::new();
    world.configure("claude", "{}");
    install_claude(&world, "echo 2.1.197 '(Claude Code)'; env >\"$HOME/seen\"");
    let findings = examine(&world, quick(&world));
    has(
        &findings,
        "agent",
        "ok",
        "within the tested releases, 2.1.197 to 2.1.332",
    );
    has(
        &findings,
        "permissions",
        "ok",
        "agents run with your permissions",
    );
    if cfg!(target_os = "linux") {
        has(&findings, "login", "warning", "not found");
    }
    let seen = fs::read_to_string(world.home().join("seen")).expect("the program ran");
    assert!(
        !seen.contains(TOKEN),
        "the agent must not receive the token"
    );
    let mut command = quick(&world);
    command.env("ANTHROPIC_API_KEY", "sk-ant-canary-canary");
    let findings = examine(&world, command);
    has(&findings, "login", "ok", "`ANTHROPIC_API_KEY` is set");
    assert!(!format!("{findings:?}").contains("canary-canary"));
}

#[test]
fn the_agent_prints_its_version_in_an_empty_directory() {
    let world = GithubSandbox::new();
    world.configure("claude", "{}");
    world.write(".claude/settings.json", "{}");
    install_claude(
        &world,
        "echo 2.1.197 '(Claude Code)'; pwd >\"$HOME/place\"; ls -A >\"$HOME/files\"",
    );
    examine(&world, quick(&world));
    let read = |name| fs::read_to_string(world.home().join(name)).expect("the program ran");
    assert_eq!(read("files"), "");
    let place = read("place");
    let place = std::path::Path::new(place.trim_end());
    assert!(!place.starts_with(world.project()), "{}", place.display());
    assert!(!place.exists(), "{} must be removed", place.display());
}

#[test]
fn a_misspelt_model_gets_a_suggestion() {
    let world = GithubSandbox::new();
    install_claude(&world, "echo 2.1.197 '(Claude Code)'");
    let with = |model: &str| {
        world.config(&format!(r#"{{"agent": {{"model": "{model}"}}}}"#));
        examine(&world, quick(&world))
    };
    for (model, meant) in [("sonet", "sonnet"), ("claude-opsu-5", "claude-opus-5")] {
        let findings = with(model);
        let words = format!("did you mean `{meant}`?");
        has(&findings, "configuration", "warning", &words);
    }
    has(
        &with("glm-9"),
        "model",
        "ok",
        "`glm-9`: unknown to this release",
    );
    let findings = with("claude-opus-5-5");
    assert!(findings.iter().all(|it| it["check"] != "model"));
}

#[test]
fn an_agent_without_a_version_is_a_failure() {
    let world = GithubSandbox::new();
    world.configure("claude", "{}");
    install_claude(&world, "echo broken >&2; exit 7");
    has(
        &examine(&world, quick(&world)),
        "agent",
        "failure",
        "failed with exit code 7: broken",
    );
}

#[test]
fn a_failing_base_is_reported_with_the_end_of_its_output() {
    let world = GithubSandbox::new();
    let checks = r#""checks": [{"name": "tests", "run": "seq 1 40; exit 3"}]"#;
    world.executor(&format!("{{{checks}}}"));
    let findings = examine(&world, world.autoissue(["doctor"]));
    has(
        &findings,
        "checks",
        "failure",
        "tests: fails with exit code 3",
    );
    let output = findings
        .iter()
        .find_map(|it| it["output"].as_str())
        .expect("the end of the output");
    assert!(
        output.ends_with("39\n40") && !output.contains("\n30\n"),
        "{output}"
    );
    world.executor(&format!("{{{checks}, \"redBase\": \"ignoreKnown\"}}"));
    has(
        &examine(&world, world.autoissue(["doctor"])),
        "checks",
        "warning",
        "tests: fails with exit code 3",
    );
    world.executor(r#"{"setup": ["exit 4"], "checks": ["true"]}"#);
    has(
        &examine(&world, world.autoissue(["doctor"])),
        "setup",
        "failure",
        "`exit 4` fails with exit code 4",
    );
    world.executor(r#"{"checks": ["touch ../../ran; exit 3"]}"#);
    has(&examine(&world, quick(&world)), "checks", "ok", "not run");
}

#[test]
fn a_missing_git_identity_is_a_warning() {
    let world = GithubSandbox::new();
    fs::write(world.home().join(".gitconfig"), "").expect("the git configuration");
    has(
        &examine(&world, quick(&world)),
        "identity",
        "warning",
        "`user.name` and `user.email` are not set",
    );
}

#[test]
fn a_changed_plugin_stops_a_session_before_it_spends() {
    let world = GithubSandbox::new();
    world.write("p.wasm", "other");
    let plugin = format!(
        r#"{{"name": "p", "path": "p.wasm", "sha256": "{}"}}"#,
        "0".repeat(64)
    );
    world.config(&format!(
        r#"{{"agent": {{"backend": "patch"}}, "plugins": [{plugin}]}}"#
    ));
    has(
        &examine(&world, quick(&world)),
        "plugin",
        "failure",
        "the plugin `p` has changed",
    );
    exec_refuses(&world, TOKEN, 2, "has SHA-256");
}

// ---- without GitHub

#[test]
fn the_local_forge_needs_neither_token_nor_network() {
    let world = Sandbox::new();
    world.issue(1, "[Backend] add", "nothing");
    world.executor(r#"{"checks": ["test -f README.md"]}"#);
    let before = (tree(&world.project()), tree(&world.state()));
    let run = world.run(["doctor"]).exits(0);
    assert!(
        run.stdout.contains("test -f README.md: passes on main"),
        "{}",
        run.stdout
    );
    assert_same(&before.0, &tree(&world.project()));
    assert_same(&before.1, &tree(&world.state()));
}

#[test]
fn first_identity_from_environment_is_used_as_in_git() {
    let world = Sandbox::new();
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    std::fs::remove_file(world.home().join(".gitconfig")).expect("the git configuration");
    let as_eve = |args: &[&str]| {
        let mut command = world.autoissue(args);
        command
            .env("GIT_AUTHOR_NAME", "Eve Example")
            .env("GIT_AUTHOR_EMAIL", "eve@example.org");
        Run::from(command.output().expect("it runs"))
    };
    let doctor = as_eve(&["doctor", "--quick", "--output", "json"]);
    let identity = doctor.objects("finding");
    let identity = identity.iter().find(|it| it["check"] == "identity");
    let identity = identity.expect("the identity is checked");
    assert_eq!(identity["level"], "ok");
    assert_eq!(identity["message"], "Eve Example <eve@example.org>");
    as_eve(&["exec", "go"]).exits(0);
    assert_eq!(
        world.git(["log", "-1", "--format=%an <%ae>", "autoissue/issue-1"]),
        "Eve Example <eve@example.org>"
    );
}
