//! The dashboard as others meet it: over a socket, by the real binary, on sessions that run here, elsewhere, or are over.

mod api;
mod limits;
mod metrics;
mod requests;
mod session;
mod streams;

use std::path::Path;

use autoissue_tests::{MadeUp, Recipe, Served, scratch};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A state directory with one made-up session.
struct World {
    state: TempDir,
    session: MadeUp,
}

impl World {
    fn new(recipe: Recipe) -> Self {
        let state = scratch();
        let session = MadeUp::run(state.path(), recipe);
        Self { state, session }
    }

    fn state(&self) -> &Path {
        self.state.path()
    }

    /// Serves it to everybody on this machine.
    fn serve(&self) -> Served {
        Served::start(self.state(), &json!({}))
    }
}

/// Returns settings that ask for credentials: `ada` and `pass word`, or the token `t0ken-t0ken`.
fn asking(kind: &str, host: &str) -> Value {
    let auth = json!({
        "enabled": true, "type": kind, "username": "ada", "password": "pass word", "token": "t0ken-t0ken",
    });
    json!({ "host": host, "auth": auth })
}

const BASIC: (&str, &str) = ("authorization", "Basic YWRhOnBhc3Mgd29yZA==");
const BEARER: (&str, &str) = ("authorization", "Bearer t0ken-t0ken");
