//! The agent backend `command`: any program that edits files, from the configuration to the pull
//! request.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use autoissue_tests::Sandbox;

/// Writes the file `made.txt`, and fails for issue 2.
const SCRIBE: &str = "#!/bin/sh
[ \"$1\" = --version ] && echo 1.0.0 && exit
grep -q 'Issue #2' \"$1\" && { echo 'scribe: no ink'; exit 0; }
echo x >made.txt
";

fn install(sandbox: &Sandbox, name: &str, script: &str) {
    let program = sandbox.root().join(name);
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.install(name, &program);
}

fn sandbox(agent: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    install(&sandbox, "scribe", SCRIBE);
    sandbox.config(&format!(
        r#"{{"forge": {{"kind": "local"}}, "executor": {{"maxRetries": 0}}, "agent": {{"backend": "command", {agent}}}}}"#
    ));
    sandbox.issue(1, "Make a file", "");
    sandbox
}

const COMMAND: &str =
    r#""command": ["scribe", "{prompt}"], "settings": {"free": true, "errorLines": ["scribe:"]}"#;

#[test]
fn a_program_that_edits_files_makes_pull_requests() {
    let sandbox = sandbox(COMMAND);
    sandbox.issue(2, "Make another", "");
    let run = sandbox.run(["exec", "go"]).exits(3);
    assert_eq!(sandbox.branches(), ["autoissue/issue-1"]);
    assert!(
        run.stdout
            .contains("`scribe` reported an error: scribe: no ink"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_command_that_is_missing_or_misspelled_is_an_error_before_anything_starts() {
    for (agent, expected) in [
        (r#""yolo": false"#, "invalid `agent.command`"),
        (
            r#""command": ["scribe"], "settings": {"errorLine": []}"#,
            "unknown field `errorLine`",
        ),
        (r#""command": ["./scribe"]"#, "`command[0]`"),
    ] {
        let run = sandbox(agent).run(["exec", "go"]).exits(2);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
}

/// A file that the program would obey, in the repository.
#[test]
fn a_program_that_would_obey_the_repository_is_not_started_unless_allowed() {
    let planted = |agent: &str| {
        let sandbox = sandbox(agent);
        sandbox.write(".qwen/settings.json", "{}");
        sandbox.git(["add", "."]);
        sandbox.git(["commit", "--quiet", "--message", "settings"]);
        sandbox
    };
    let refused = planted(COMMAND);
    for command in [vec!["doctor"], vec!["exec", "go"]] {
        let run = refused.run(command).exits(1);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("the repository contains `.qwen`"), "{said}");
    }
    let allowed = planted(&format!("{COMMAND}, \"repositorySettings\": true"));
    allowed.run(["exec", "go"]).exits(0);
}

/// Such a file, made by an earlier attempt at the word of an issue.
#[test]
fn settings_that_an_agent_wrote_are_not_obeyed_by_the_next_attempt() {
    let sandbox = sandbox(r#""command": ["sh-scribe", "{prompt}"], "settings": {"free": true}"#);
    let text = "#!/bin/sh\n[ \"$1\" = --version ] && exit\necho made >>made.txt; mkdir -p .qwen; echo {} >.qwen/settings.json\n";
    install(&sandbox, "sh-scribe", text);
    let config = sandbox.read("autoissue.config.json");
    let config = config.replace(
        r#""maxRetries": 0"#,
        r#""maxRetries": 2, "checks": ["test ! -f made.txt"]"#,
    );
    sandbox.config(&config);
    let run = sandbox.run(["exec", "go", "--output", "json"]).exits(3);
    let task = run.task(1);
    assert!(
        task.to_string().contains("the work tree contains `.qwen`"),
        "{task}"
    );
    assert_eq!(task["attempts"], 2, "{task}");
}
