//! `history verify`: the journal is read back exactly as written, or the first differing row is
//! named.

use std::fs;

use autoissue_tests::{MadeUp, Recipe, Sandbox};
use serde_json::json;

/// Creates a sandbox with the journal of a finished session.
fn world() -> Sandbox {
    let world = Sandbox::new();
    drop(MadeUp::run(&world.state(), Recipe::new(3, 3)));
    world
}

/// Flips one bit of a title at every place in the journal's file: SQLite keeps old copies in unused
/// pages.
fn flip_a_bit(world: &Sandbox, title: &str) {
    let path = world.state().join("journal.db");
    let mut bytes = fs::read(&path).expect("the journal");
    let places: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(title.as_bytes()))
        .collect();
    assert!(!places.is_empty(), "the journal must contain the title");
    for at in places {
        bytes[at + 1] ^= 1;
    }
    fs::write(path, bytes).expect("the journal takes it");
}

#[test]
fn an_intact_history_is_counted() {
    let world = world();
    let text = world.run(["history", "verify"]).exits(0).stdout;
    assert!(text.starts_with("checked 1 session, "), "{text}");
    assert!(text.ends_with(" costs: all rows are intact\n"), "{text}");
    let line = world
        .run(["history", "verify", "--output", "json"])
        .exits(0)
        .json();
    assert_eq!(line[0]["intact"], json!(true), "{line:?}");
    assert_eq!(line[0]["n_sessions"], json!(1), "{line:?}");
    assert!(
        10 < line[0]["n_events"].as_u64().expect("a number"),
        "{line:?}"
    );
}

#[test]
fn a_changed_bit_is_found_and_its_row_named() {
    let world = world();
    let recipe = Recipe::new(3, 3);
    flip_a_bit(&world, &recipe.issues[0].0);
    let run = world.run(["history", "verify"]).exits(1);
    assert_eq!(
        run.stdout,
        "checked 0 sessions, 0 events, 0 costs: the next row has been changed\n"
    );
    for part in [
        "is damaged",
        "caused by: event ",
        " was changed",
        "hint: restore it from a backup, or move it away",
    ] {
        assert!(run.stderr.contains(part), "{part:?} in {}", run.stderr);
    }
    let line = world
        .run(["history", "verify", "--output", "json"])
        .exits(1)
        .json();
    assert_eq!(line[0]["intact"], json!(false), "{line:?}");
}

#[test]
fn an_empty_history_has_nothing_to_check() {
    let text = Sandbox::new().run(["history", "verify"]).exits(0).stdout;
    assert_eq!(
        text,
        "checked 0 sessions, 0 events, 0 costs: all rows are intact\n"
    );
}
