//! The stream of server-sent events for one reader.
//!
//! ```text
//!   hello     which session, and after which number its events start; followed by an overview
//!   happened  an event with an id: exactly once, in order, from where the reader left off
//!   overview  the state of the session; only the newest, so a slow reader misses some
//!   progress  agents' output; lossy and bounded, with the omitted lines counted
//!   bye       the stream ends: reconnect (`retry`), or not (`over`)
//! ```
//!
//! An id is `SESSION:NUMBER`. A browser that reconnects sends the last one that it received
//! (`Last-Event-ID`) and continues after it. If another session has started meanwhile, that one is
//! sent from its beginning.

use std::sync::Arc;
use std::time::Duration;

use autoissue_core::journal::SessionId;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use serde::Serialize;
use tokio::sync::{broadcast, watch};

use super::archive::Archive;
use super::hub::{Hub, Taken, event_message, message_of};
use super::story::Story;
use super::view;

/// Interval of keep-alive messages, which reveal readers that are gone.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Tells browsers to wait before reconnecting, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";

/// The last message of a stream.
#[derive(Serialize)]
struct Bye {
    reason: &'static str,
}

/// Everything that a stream listens to.
pub(crate) struct Reader {
    hub: Arc<Hub>,
    archive: Archive,
    after_seq: u64,
    events: watch::Receiver<u64>,
    overview: watch::Receiver<Bytes>,
    progress: broadcast::Receiver<Bytes>,
    over: watch::Receiver<bool>,
    /// The current session; `None` if the reader named one.
    current: Option<watch::Receiver<Option<SessionId>>>,
    closing: watch::Receiver<bool>,
    /// Events older than those in the hub.
    past: Option<Past>,
    is_done: bool,
}

/// A replay of events that the hub no longer has.
struct Past {
    story: Story,
    until_seq: u64,
}

/// Returns the number after which a reader continues: the last one it received of this session,
/// else 0.
pub(crate) fn place(session: &SessionId, last_event_id: Option<&str>, after: Option<u64>) -> u64 {
    let had = last_event_id.and_then(|id| id.split_once(':'));
    match had {
        Some((of, seq)) if of == session.as_str() => seq.parse().unwrap_or(0),
        // It had another session.
        Some(_) => 0,
        None => after.unwrap_or(0),
    }
}

impl Reader {
    /// Creates the reader of a session.
    pub(crate) fn new(
        hub: Arc<Hub>,
        archive: Archive,
        after_seq: u64,
        current: Option<watch::Receiver<Option<SessionId>>>,
        closing: watch::Receiver<bool>,
    ) -> Self {
        let events = hub.watch_events();
        hub.wake.notify_one();
        Self {
            events,
            overview: hub.watch_overview(),
            progress: hub.watch_progress(),
            over: hub.watch_end(),
            archive,
            after_seq,
            current,
            closing,
            past: None,
            is_done: false,
            hub,
        }
    }

    /// Responds with the stream, which holds the permit as long as it lasts.
    pub(crate) fn respond(self, permit: impl Send + 'static) -> Response {
        let hello = view::HelloView {
            session: self.hub.session().to_string(),
            after_seq: self.after_seq,
        };
        let hello = message_of("hello", None, &hello);
        // Messages published before the subscription have not reached the reader.
        let hello = [
            Bytes::from_static(RETRY.as_bytes()),
            hello,
            self.hub.overview_message(),
        ]
        .concat();
        let stream = futures_util::stream::once(std::future::ready(Bytes::from(hello)));
        let body = Body::from_stream(futures_util::StreamExt::map(
            futures_util::StreamExt::chain(stream, self.messages()),
            move |message| {
                let _held = &permit;
                Ok::<_, std::convert::Infallible>(message)
            },
        ));
        let headers = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/event-stream"),
            ),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (headers, body).into_response()
    }

    fn messages(self) -> impl Stream<Item = Bytes> {
        futures_util::stream::unfold(self, |mut reader| async move {
            let message = reader.next().await?;
            Some((message, reader))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if self.is_done {
            return None;
        }
        loop {
            if let Some(messages) = self.missing().await {
                return Some(messages);
            }
            if *self.closing.borrow() {
                return Some(self.bye("retry"));
            }
            // A reader that named no session waits for the next one.
            if self.current.is_none() && *self.over.borrow() {
                return Some(self.bye("over"));
            }
            let (hub, current) = (&self.hub, &mut self.current);
            tokio::select! {
                biased;
                Ok(()) = self.events.changed() => {}
                Ok(()) = self.over.changed() => {}
                Ok(()) = self.closing.changed() => {}
                () = moved_on(current, hub.session()) => return Some(self.bye("retry")),
                Ok(()) = self.overview.changed() => return Some(self.overview.borrow_and_update().clone()),
                message = self.progress.recv() => match message {
                    Ok(message) => return Some(message),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
                () = tokio::time::sleep(ALIVE_EVERY) => return Some(Bytes::from_static(b": here\n\n")),
            }
        }
    }

    fn bye(&mut self, reason: &'static str) -> Bytes {
        self.is_done = true;
        // Includes the newest state, because there is no other opportunity.
        [
            self.hub.overview_message(),
            message_of("bye", None, &Bye { reason }),
        ]
        .concat()
        .into()
    }

    /// Returns messages of events that the reader lacks; `None` if there are none, or if they
    /// cannot be read.
    async fn missing(&mut self) -> Option<Bytes> {
        if self.past.is_none() {
            match self.hub.messages_after(self.after_seq) {
                Taken::Nothing => return None,
                Taken::Messages(messages, seq) => {
                    self.after_seq = seq;
                    return Some(messages);
                }
                Taken::TooOld(until_seq) => {
                    let story = Story::new(self.hub.session().clone(), self.hub.style().clone());
                    self.past = Some(Past { story, until_seq });
                }
            }
        }
        self.replay().await
    }

    /// Reads the journal from the start, because the text of an event depends on earlier ones.
    async fn replay(&mut self) -> Option<Bytes> {
        let past = self.past.as_mut()?;
        let session = self.hub.session().clone();
        let mut messages = Vec::new();
        while messages.is_empty() && past.story.last_seq() < past.until_seq {
            let read = self
                .archive
                .events(session.clone(), past.story.last_seq())
                .await;
            let events = read
                .inspect_err(
                    |error| tracing::warn!(%error, "failed to read the events that a reader lacks"),
                )
                .ok();
            let Some(events) = events.filter(|events| !events.is_empty()) else {
                self.is_done = true;
                return Some(message_of("bye", None, &Bye { reason: "retry" }));
            };
            for envelope in events
                .iter()
                .filter(|envelope| envelope.seq <= past.until_seq)
            {
                let view = past.story.take(envelope);
                if self.after_seq < view.seq {
                    messages.extend_from_slice(&event_message(&session, &view));
                    self.after_seq = view.seq;
                }
            }
        }
        if past.until_seq <= past.story.last_seq() {
            self.past = None;
        }
        Some(messages.into())
    }
}

/// Waits until another session is the current one; forever if the reader named its session.
async fn moved_on(current: &mut Option<watch::Receiver<Option<SessionId>>>, session: &SessionId) {
    if let Some(current) = current {
        let other = current
            .wait_for(|current| current.as_ref().is_some_and(|current| current != session))
            .await;
        if other.is_ok() {
            return;
        }
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_continues_where_it_stopped_and_starts_over_in_another_session() {
        let session = SessionId::new(0, [0, 1]);
        let id = |seq: &str| format!("{session}:{seq}");
        assert_eq!(place(&session, Some(&id("57")), None), 57);
        assert_eq!(
            place(&session, Some(&id("57")), Some(9)),
            57,
            "`Last-Event-ID` takes precedence over the URL"
        );
        assert_eq!(place(&session, Some("20260101-0000-0000:57"), Some(9)), 0);
        assert_eq!(place(&session, Some(&id("x")), None), 0);
        assert_eq!(place(&session, None, Some(9)), 9);
        assert_eq!(place(&session, None, None), 0);
    }
}
