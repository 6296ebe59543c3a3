//! Requests to a running session from outside, and how they reach it.
//!
//! ```text
//!   in the same process:   BreakerResetHandle ──────────────────► Input ─► dispatcher
//!   in another process:    ask ─► journal (request) ──► Input ─► dispatcher, which polls once a second
//! ```

use std::path::Path;
use std::sync::mpsc::Sender;

use autoissue_engine::{Input, Service, ServiceInput};
use autoissue_journal::{Journal, JournalError, Request, SessionId};
use serde::{Deserialize, Serialize};

/// The kind of a request in the journal that is a [`Control`].
const KIND: &str = "control";

/// A request to a running session. The JSON form is a promise; a release ignores requests that it
/// does not know.
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
    /// Reads a request from the journal; `None` if this release does not know it.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let known = (request.kind == KIND)
            .then(|| serde_json::from_str(&request.body).ok())
            .flatten();
        if known.is_none() {
            tracing::warn!(
                kind = request.kind,
                "ignoring a request that this release does not know"
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

/// Sends a request to a session in another process, through the journal. It is carried out after
/// about a second.
///
/// # Errors
/// Fails like [`Journal::request`].
pub fn ask(state_dir: &Path, session: &SessionId, control: &Control) -> Result<(), JournalError> {
    let body = serde_json::to_string(control).expect("a control has string keys only");
    Journal::open(state_dir)?
        .request(session, KIND, &body)
        .map(drop)
}

/// Closes breakers of a session in this process.
#[derive(Clone, Debug)]
pub struct BreakerResetHandle {
    inputs: Sender<Input>,
}

impl BreakerResetHandle {
    pub(crate) const fn new(inputs: Sender<Input>) -> Self {
        Self { inputs }
    }

    /// Closes the breaker of a service, or all of them. Does nothing once the session has ended.
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
    fn a_control_survives_the_journal() {
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
