//! What the real program knows: the repository's own instructions, and its earlier session.

use autoissue_tests::model_server::Scenario;
use serde_json::json;

use super::world::{World, outcome};

#[test]
fn dirty_retry_a_failed_check_goes_on_in_the_same_session() {
    let check = json!({"name": "no wrong word", "run": "! grep wrong issue-1.txt"});
    let world = World::new(
        Scenario::SecondTry,
        json!({"maxRetries": 1, "checks": [check]}),
    );
    world.issue(1);
    let run = world.exec().exits(0);
    assert_eq!(
        (outcome(&run, 1).0.as_str(), world.published(1).as_deref()),
        ("done", Some("right"))
    );
    let asked = world.asked();
    assert_eq!((world.sessions().len(), asked.len()), (1, 4));
    // The second attempt begins with the first one's conversation, and with what the check found.
    let second = &asked[2];
    let messages = second.body["messages"].to_string();
    assert!(
        messages.contains("Writing the file.") && messages.contains("tool_use"),
        "{messages}"
    );
    assert!(
        second
            .words()
            .contains("An earlier attempt was not good enough"),
        "{}",
        second.words()
    );
    assert!(!asked[0].words().contains("An earlier attempt"));
}

#[test]
fn instructions_of_the_base_commit_reach_the_model() {
    let world = World::new(Scenario::Success, json!({}));
    world
        .sandbox
        .write("CLAUDE.md", "Always call a spade a spade.\n");
    world.sandbox.git(["add", "CLAUDE.md"]);
    world
        .sandbox
        .git(["commit", "--quiet", "--message", "how to speak"]);
    // Not of the base commit: what lies in the user's checkout is the user's.
    world
        .sandbox
        .write("CLAUDE.md", "Never speak of shovels.\n");
    world.issue(1);
    world.exec().exits(0);
    let words = world.asked()[0].words();
    assert!(words.contains("Always call a spade a spade."), "{words}");
    assert!(!words.contains("Never speak of shovels."), "{words}");
}
