//! One JSON object per line on standard output: each event as it is journaled, with its sequence
//! number, time and session. The format is a documented promise.

use autoissue_core::bus::Envelope;
use autoissue_core::chronicle::Chronicle;
use autoissue_core::engine::Event;
use autoissue_core::summary::rfc3339;
use serde::Serialize;

use super::Reporter;
use crate::console::Console;

/// An event as a line of JSON.
#[derive(Debug, Serialize)]
pub(crate) struct EventLine<'a> {
    r#type: &'static str,
    /// Sequence number in the session, from 1.
    seq: u64,
    /// When it was journaled, RFC 3339 in UTC.
    at: String,
    /// Session ID.
    session: &'a str,
    /// The event as stored in the journal; `autoissue schema events` prints its JSON Schema.
    event: &'a Event,
}

impl<'a> EventLine<'a> {
    /// Creates the line of an event.
    pub(crate) fn new(session: &'a str, envelope: &'a Envelope<Event>) -> Self {
        Self {
            r#type: "event",
            seq: envelope.seq,
            at: rfc3339(envelope.at_ms),
            session,
            event: &envelope.event,
        }
    }
}

/// Writes events as JSON.
pub(crate) struct Json {
    session: String,
    console: Console,
    /// Standard output was closed. The session continues.
    is_deaf: bool,
}

impl Json {
    /// Creates the reporter of a session.
    pub(crate) const fn new(session: String, console: Console) -> Self {
        Self {
            session,
            console,
            is_deaf: false,
        }
    }
}

impl Reporter for Json {
    fn needs_chronicle(&self) -> bool {
        false
    }

    fn event(&mut self, envelope: &Envelope<Event>, _chronicle: &Chronicle) {
        if self.is_deaf {
            return;
        }
        self.is_deaf = self
            .console
            .json(&EventLine::new(&self.session, envelope))
            .is_err();
    }

    fn notice(&mut self, text: &str) {
        self.console.say(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::json_line;
    use crate::fixture::at_work;

    #[test]
    fn a_line_contains_the_event_as_it_is_journaled() {
        let envelope = Envelope {
            seq: 7,
            at_ms: 5_527_000,
            event: at_work(12, 1).remove(0),
        };
        let line = json_line(&EventLine::new("20261122-1315-7f3a", &envelope));
        insta::assert_snapshot!(line, @r#"
        {"type":"event","seq":7,"at":"1970-01-01T01:32:07Z","session":"20261122-1315-7f3a","event":{"chapter":"attempt","type":"started","issue":12,"attempt":1,"reserved_usd":5.0,"model":"sonnet"}}
        "#);
    }
}
