//! What GitHub may do to us, and what we must not do to it.

use super::world_with;

#[test]
fn nothing_is_written_without_an_issue() {
    let world = world_with(0);
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["tasks"].as_array().map(Vec::len), Some(0));
    assert!(world.server.api_exchanges().iter().all(|exchange| exchange.request.method == "GET"));
}
