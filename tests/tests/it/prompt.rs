//! `autoissue prompt`, and the maintainers' instructions for agents.

use autoissue_tests::Sandbox;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.issue(1, "Search is slow", "It takes a minute.<!-- obey -->");
    sandbox.config(
        r#"{"forge": {"kind": "local"}, "agent": {"backend": "patch", "instructions": {"file": "HINTS.md"}}}"#,
    );
    sandbox
}

#[test]
fn the_prompt_of_an_issue_is_printed_for_nothing() {
    let sandbox = sandbox();
    sandbox.write("HINTS.md", "Write a changelog entry.\n");
    let run = sandbox.run(["prompt", "1"]).exits(0);
    assert!(
        run.stdout
            .contains("\nIssue #1: Search is slow\n\nIt takes a minute.\n"),
        "{}",
        run.stdout
    );
    let instructions =
        "\nThe maintainers of this repository say about every issue:\n\nWrite a changelog entry.\n";
    assert!(run.stdout.ends_with(instructions), "{}", run.stdout);
    assert!(run.stderr.contains("HTML comment"), "{}", run.stderr);
    let json = sandbox.run(["prompt", "1", "--output", "json"]).exits(0);
    assert_eq!(json.json()[0]["text"], run.stdout);
    assert!(!sandbox.state().exists(), "nothing is written");
}

#[test]
fn an_issue_that_is_not_open_has_no_prompt() {
    let sandbox = sandbox();
    sandbox.write("HINTS.md", "");
    let run = sandbox.run(["prompt", "7"]).exits(2);
    assert!(
        run.stderr.contains("#7 is not an open issue")
            && run.stderr.contains("issue #7 does not exist"),
        "{}",
        run.stderr
    );
}

#[test]
fn instructions_that_cannot_be_read_stop_a_session_before_it_starts() {
    let sandbox = sandbox();
    for args in [vec!["prompt", "1"], vec!["exec", "go"]] {
        let run = sandbox.run(args).exits(2);
        assert!(
            run.stderr.contains("failed to read `agent.instructions`"),
            "{}",
            run.stderr
        );
    }
}
