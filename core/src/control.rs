//! What may be asked of a running session from outside, and how it gets there.
//!
//! ```text
//!   in the same process:   Resetter ──────────────────► Input ─► dispatcher
//!   in another process:    ask ─► journal (request) ──► Input ─► dispatcher, which looks once a second
//! ```

use std::path::Path;
use std::sync::mpsc::Sender;

use autoissue_engine::{Input, Service, ServiceInput};
use autoissue_journal::{Journal, JournalError, Request, SessionId};
use serde::{Deserialize, Serialize};

/// The kind of all requests in the journal that are a [`Control`].
const KIND: &str = "control";

/// What may be asked of a running session. The JSON form is a promise; what a release does not know, it ignores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
pub enum Control {
    /// Close the breaker of a service.
    ResetBreaker {
        /// Service; `None` means all.
        service: Option<Service>,
    },
}

impl Control {
    /// Reads a request from the journal; `None` for what this release does not know.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let known = (request.kind == KIND)
            .then(|| serde_json::from_str(&request.body).ok())
            .flatten();
        if known.is_none() {
            tracing::warn!(
                kind = request.kind,
                "a request that this release does not know is ignored"
            );
        }
        known
    }
}

impl From<Control> for Input {
    fn from(control: Control) -> Self {
        match control {
            Control::ResetBreaker { service } => {
                Self::Service(ServiceInput::BreakerReset { service })
            }
        }
    }
}

/// Asks a session that runs in another process, by way of the journal. It takes about a second until it is carried out.
///
/// # Errors
/// As [`Journal::request`].
pub fn ask(state_dir: &Path, session: &SessionId, control: &Control) -> Result<(), JournalError> {
    let body = serde_json::to_string(control).expect("a control has string keys only");
    Journal::open(state_dir)?
        .request(session, KIND, &body)
        .map(drop)
}

/// Closes breakers of a session in this process.
#[derive(Clone, Debug)]
pub struct Resetter {
    inputs: Sender<Input>,
}

impl Resetter {
    pub(crate) const fn new(inputs: Sender<Input>) -> Self {
        Self { inputs }
    }

    /// Closes the breaker of a service, or all. Does nothing once the session is over.
    pub fn reset(&self, service: Option<Service>) {
        let _ = self
            .inputs
            .send(Input::Service(ServiceInput::BreakerReset { service }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_comes_out_of_the_journal_as_it_went_in() {
        fn request(kind: &str, body: String) -> Request {
            Request {
                id: 1,
                kind: kind.to_owned(),
                body,
            }
        }

        let control = Control::ResetBreaker {
            service: Some(Service::Agent("claude".to_owned())),
        };
        let body = serde_json::to_string(&control).unwrap();
        assert_eq!(
            body,
            r#"{"control":"reset_breaker","service":{"type":"agent","name":"claude"}}"#
        );
        assert_eq!(Control::of(&request(KIND, body.clone())), Some(control));
        assert_eq!(Control::of(&request("other", body)), None);
        assert_eq!(
            Control::of(&request(KIND, r#"{"control":"fly"}"#.to_owned())),
            None
        );
    }
}
