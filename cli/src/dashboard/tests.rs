//! Tests of a hub that follows a session of this process, also when it falls behind on the bus.

use std::sync::Arc;

use autoissue_core::bus::{Bus, Envelope, Progress, ProgressKind};
use autoissue_core::engine::{Event, Settings};
use autoissue_core::journal::{AppendExtras, Journal, NewEvent, NewSession, SessionId};
use autoissue_core::secret::redaction::Redaction;

use super::archive::Archive;
use super::follow;
use super::hub::{Control, Hub, Taken};
use super::shown::Screen;
use super::story::{Story, Style};
use crate::fixture::{accepted, started};
use crate::local_time::LocalTime;

/// More than a bus keeps for slow readers.
const N_EVENTS: u64 = 3_000;

fn events() -> Vec<Event> {
    let tasks = (2..=N_EVENTS).map(|number| accepted(number, "one of many"));
    std::iter::once(started(Settings::default()))
        .chain(tasks)
        .collect()
}

fn hub_of(session: &SessionId, state_dir: &std::path::Path) -> Arc<Hub> {
    let style = Style {
        screen: Screen::new(Redaction::default()),
        time: LocalTime::utc(),
        read_command: crate::command::read,
    };
    Hub::new(
        session.clone(),
        state_dir.to_owned(),
        style,
        Control::Journal,
    )
}

fn journaled(state_dir: &std::path::Path, session: &SessionId, events: &[Event]) -> Journal {
    let mut journal = Journal::open(state_dir).unwrap();
    let new = NewSession {
        id: session.clone(),
        repository: "owner/shop".to_owned(),
        project_path: "/p".to_owned(),
        command: "autoissue".to_owned(),
        version: "0".to_owned(),
        started_at_ms: 1,
        settings_json: "{}".to_owned(),
    };
    journal.create_session(&new).unwrap();
    append(&mut journal, session, events);
    journal
}

fn append(journal: &mut Journal, session: &SessionId, events: &[Event]) {
    let bodies: Vec<String> = events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    let rows: Vec<NewEvent> = bodies
        .iter()
        .map(|body| NewEvent {
            kind: "x",
            issue: None,
            body,
        })
        .collect();
    journal
        .append(session, 1, &rows, AppendExtras::default())
        .unwrap();
}

/// Returns the numbers of all messages that the hub has after a number.
fn numbers(hub: &Hub, mut after: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Taken::Messages(messages, last) = hub.messages_after(after) {
        let text = String::from_utf8(messages.to_vec()).unwrap();
        numbers.extend(text.lines().filter_map(|line| {
            line.strip_prefix("id: ")?
                .split_once(':')?
                .1
                .parse::<u64>()
                .ok()
        }));
        after = last;
    }
    numbers
}

#[tokio::test]
async fn a_hub_that_falls_behind_on_the_bus_has_every_event_once_and_in_order() {
    let state = tempfile::tempdir().unwrap();
    let session = SessionId::new(0, [0, 1]);
    let events = events();
    journaled(state.path(), &session, &events);
    let hub = hub_of(&session, state.path());
    let bus = Bus::new(0);
    let (subscription, lane) = (bus.subscribe(0), bus.watch_progress());
    for (seq, event) in (1..).zip(events) {
        bus.publish(Envelope {
            seq,
            at_ms: 1,
            event,
        });
    }
    bus.report(Progress {
        issue: 7,
        attempt: 1,
        kind: ProgressKind::Line,
        text: "said\ntwice".to_owned(),
    });
    drop(bus);
    follow::bus(
        Arc::downgrade(&hub),
        subscription,
        lane,
        Archive::new(state.path().to_owned()),
    )
    .await;
    assert!(numbers(&hub, 0).into_iter().eq(1..=N_EVENTS));
    assert!(numbers(&hub, 2_990).into_iter().eq(2_991..=N_EVENTS));
    assert_eq!(hub.look(Story::last_seq), N_EVENTS);
    assert!(*hub.watch_end().borrow(), "the session is over");
}

#[tokio::test]
async fn streams_receive_the_overview_whoever_read_the_news() {
    let state = tempfile::tempdir().unwrap();
    let session = SessionId::new(0, [0, 1]);
    let events = events();
    let mut journal = journaled(state.path(), &session, &events[..3]);
    let (hub, archive) = (
        hub_of(&session, state.path()),
        Archive::new(state.path().to_owned()),
    );
    follow::open(&hub, &archive).await.unwrap();
    let told = hub.watch_overview();
    append(&mut journal, &session, &events[3..5]);
    // Someone requests the list of tasks before the follower polls.
    follow::open(&hub, &archive).await.unwrap();
    follow::look(
        &hub,
        &archive,
        &mut follow::Transcripts::default(),
        &mut follow::Throttle::default(),
    )
    .await;
    let told = String::from_utf8(told.borrow().to_vec()).unwrap();
    assert!(told.contains(r#""last_seq":5"#), "{told:?}");
}
