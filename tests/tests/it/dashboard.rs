//! The dashboard from outside: over a socket, served by the real binary, for sessions that run in
//! the same process, in another, or have ended.

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

/// A state directory with one simulated session.
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

    /// Serves it without authentication, on this machine only.
    fn serve(&self) -> Served {
        Served::start(self.state(), &json!({}))
    }
}

/// Returns settings that require credentials: `ada` and `pass word`, or the token `t0ken-t0ken`.
fn asking(kind: &str, host: &str) -> Value {
    let auth = json!({
        "enabled": true, "type": kind, "username": "ada", "password": "pass word", "token": "t0ken-t0ken",
    });
    json!({ "host": host, "auth": auth })
}

const BASIC: (&str, &str) = ("authorization", "Basic YWRhOnBhc3Mgd29yZA==");
const BEARER: (&str, &str) = ("authorization", "Bearer t0ken-t0ken");
