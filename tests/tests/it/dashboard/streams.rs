//! Event streams: each reader gets each event once and in order, wherever and however often it
//! disconnects.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::thread;

use autoissue_core::engine::Usd;
use autoissue_tests::http::{Message, get, stream};
use autoissue_tests::{MadeUp, Recipe, Served};
use serde_json::json;
use tempfile::TempDir;

use super::World;

/// Returns the sequence number of an event's message; `None` for other messages.
fn seq_of(message: &Message) -> Option<u64> {
    message.id.as_ref().map(|id| {
        id.split_once(':')
            .expect("a session")
            .1
            .parse()
            .expect("a number")
    })
}

/// Reads a stream to the end of its session; returns the number of events, in order, and a digest
/// of their contents.
fn read_all(port: u16) -> (u64, u64) {
    let (mut n, mut said) = (0, DefaultHasher::new());
    for message in stream(port, "/api/events", &[]) {
        let Some(seq) = seq_of(&message) else {
            continue;
        };
        assert_eq!(seq, n + 1, "each event once, in order");
        n = seq;
        message.data.hash(&mut said);
        if message.data.contains("\"type\":\"session.finished\"") {
            return (n, said.finish());
        }
    }
    panic!("the stream ended after {n} events");
}

#[test]
fn a_hundred_streams_get_every_event_of_a_thousand_tasks_once_and_in_order() {
    let mut recipe = Recipe::new(1_000, 100);
    recipe.budget = Usd::from_cents(200_000);
    let mut world = World::new(recipe);
    let served = world.serve();
    let port = served.port;
    let readers: Vec<_> = (0..100)
        .map(|_| thread::spawn(move || read_all(port)))
        .collect();
    // Meanwhile it runs to its end.
    world.session.go_on(usize::MAX);
    let seen: BTreeSet<(u64, u64)> = readers
        .into_iter()
        .map(|reader| reader.join().expect("a reader"))
        .collect();
    assert_eq!(seen.len(), 1, "all streams must have the same events");
    assert_eq!(
        seen.first().map(|(n, _)| *n),
        Some(world.session.last_seq())
    );
    assert!(
        world.session.last_seq() > 8_000,
        "{}",
        world.session.last_seq()
    );
}

#[test]
fn a_reader_that_reconnects_anywhere_misses_and_repeats_nothing() {
    let mut world = World::new(Recipe::new(40, 10));
    let served = world.serve();
    let mut random = fastrand::Rng::with_seed(7);
    let (mut seen, mut last_id) = (Vec::new(), None::<String>);
    while (seen.len() as u64) < world.session.last_seq() || !world.session.engine().is_over() {
        let headers: Vec<(&str, &str)> = last_id
            .iter()
            .map(|id| ("last-event-id", id.as_str()))
            .collect();
        let n = random.usize(1..60);
        let happened = stream(served.port, "/api/events", &headers)
            .filter(|message| message.kind == "happened");
        let left = usize::try_from(world.session.last_seq()).unwrap() - seen.len();
        for message in happened.take(n.min(left)) {
            seen.extend(seq_of(&message));
            last_id = message.id;
        }
        // More events happen while nobody reads.
        world.session.go_on(10 + seen.len() / 20);
        if left == 0 && !world.session.engine().is_over() {
            world.session.go_on(usize::MAX);
        }
    }
    assert!(
        seen.iter().copied().eq(1..=world.session.last_seq()),
        "{seen:?}"
    );
}

#[test]
fn a_sequence_number_in_the_url_resumes_a_stream_of_the_same_session_only() {
    let state = TempDir::new().unwrap();
    let old = MadeUp::run(state.path(), Recipe::new(4, 99));
    let served = Served::start(state.path(), &json!({}));
    let first = |path: &str, headers: &[(&str, &str)]| {
        stream(served.port, path, headers).find_map(|it| seq_of(&it))
    };
    let named = format!("/api/events?session={}", old.id());
    assert_eq!(first(&format!("{named}&after=5"), &[]), Some(6));
    assert_eq!(first(&named, &[]), Some(1));
    assert_eq!(
        first(
            &format!("{named}&after=5"),
            &[("last-event-id", &format!("{}:9", old.id()))]
        ),
        Some(10)
    );
    assert_eq!(
        first(&named, &[("last-event-id", "20200101-0000-0000:9")]),
        Some(1),
        "the number belongs to another session"
    );
    let messages: Vec<Message> = stream(served.port, &named, &[]).collect();
    assert_eq!(
        messages
            .last()
            .map(|last| (last.kind.as_str(), last.data.as_str())),
        Some(("bye", r#"{"reason":"over"}"#))
    );
}

#[test]
fn a_reader_of_the_current_session_must_reconnect_when_another_starts() {
    let state = TempDir::new().unwrap();
    drop(MadeUp::run(state.path(), Recipe::new(4, 99)));
    let served = Served::start(state.path(), &json!({}));
    let reader = stream(served.port, "/api/events", &[]);
    let new = MadeUp::run(state.path(), Recipe::new(5, 1));
    let last = reader.last().expect("a final message");
    assert_eq!(
        (last.kind.as_str(), last.data.as_str()),
        ("bye", r#"{"reason":"retry"}"#)
    );
    let hello = stream(served.port, "/api/events", &[])
        .next()
        .expect("a first message");
    assert_eq!(hello.json()["session"], new.id().as_str());
}

#[test]
fn excessive_agent_output_is_truncated_and_the_gap_is_reported() {
    let world = World::new(Recipe::new(8, 1));
    let served = world.serve();
    let issue = world.session.running()[0];
    let mut reader = stream(served.port, "/api/events?after=1000000", &[]);
    assert_eq!(reader.next().expect("a first message").kind, "hello");
    let flood = format!("{}\n", "x\u{1b}[31m<b>".repeat(100)).repeat(20_000);
    world.session.print(issue, &flood);
    world.session.print(issue, "the end\n");
    let (mut n_lines, mut n_missing) = (0, 0);
    loop {
        let message = reader.next().expect("another message");
        if message.kind != "progress" {
            continue;
        }
        assert!(
            message.data.len() < 128 << 10,
            "{} bytes at once",
            message.data.len()
        );
        let progress = message.json();
        n_missing += progress["n_skipped"].as_u64().unwrap();
        for attempt in progress["attempts"].as_array().unwrap() {
            n_missing += attempt["n_left_out"].as_u64().unwrap();
            let lines = attempt["lines"].as_array().unwrap();
            n_lines += lines.len();
            assert!(lines.iter().all(|line| {
                line.as_str()
                    .is_some_and(|line| line.chars().count() <= 401 && !line.contains('\u{1b}'))
            }));
        }
        if message.data.contains("the end") {
            break;
        }
    }
    assert!(
        n_lines <= 200 && n_missing > 0,
        "{n_lines} lines, {n_missing} missing"
    );
    let output = get(served.port, &format!("/api/session/tasks/{issue}/output")).json();
    assert!(output["lines"].as_array().unwrap().len() <= 200 && output["is_cut"] == true);
}
