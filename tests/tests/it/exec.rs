//! The main job through the real binary, on the local forge with the free agent.

use autoissue_tests::{Sandbox, new_file_patch};

#[test]
fn a_labelled_backlog_becomes_checked_pull_requests() {
    let world = Sandbox::new();
    world.config(
        r#"{"forge": {"kind": "local"}, "agent": {"backend": "patch"},
            "executor": {"checks": [{"name": "files", "run": "test -f README.md"}]}}"#,
    );
    for number in 1..=3 {
        world.issue(number, &format!("[Backend] add {number}"), &new_file_patch(&format!("{number}.txt"), "new"));
    }
    world.labelled_issue(4, "not ours", &["other"], &new_file_patch("4.txt", "new"));
    let run = world.run(["exec", "go", "--output", "json"]).exits(0);
    let summary = run.summary();
    assert_eq!(summary["status"], "completed");
    assert_eq!(summary["counts"]["done"], 3);
    assert_eq!(run.events("task_accepted").len(), 3);
    for number in 1..=3 {
        let branch = format!("autoissue/issue-{number}");
        assert_eq!(world.git(["show", &format!("{branch}:{number}.txt")]), "new");
        assert_eq!(world.git(["rev-parse", &format!("{branch}~1")]), world.git(["rev-parse", "main"]));
        let pull = &summary["tasks"][number as usize - 1]["pull_request"];
        let text = world.read(pull["url"].as_str().expect("a path"));
        assert!(text.contains(&format!("Closes #{number}")) && text.contains("`files` | passed"), "{text}");
    }
    assert!(!world.git(["branch", "--list"]).contains("issue-4"));
}

#[test]
fn rerun_same_label() {
    let world = Sandbox::new();
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    world.run(["exec", "go", "--output", "json"]).exits(0);
    let head = world.git(["rev-parse", "autoissue/issue-1"]);
    let again = world.run(["exec", "go", "--output", "json"]).exits(0);
    assert_eq!(again.outcomes(), [(1, "already_open".to_owned())]);
    assert!(again.events("attempt_started").is_empty());
    assert_eq!(world.git(["rev-parse", "autoissue/issue-1"]), head);
}
