//! The dashboard as a process: found by the address it prints, and stopped when dropped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::sandbox::binary;
use crate::scratch::scratch;

/// A running dashboard.
pub struct Served {
    child: Started,
    /// Its port on this machine.
    pub port: u16,
    _home: TempDir,
}

impl Served {
    /// Runs `autoissue dashboard` on a state directory, with these `dashboard` settings.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start(state_dir: &Path, settings: &Value) -> Self {
        Self::start_with(state_dir, settings, 0)
    }

    /// Runs it on a fixed port, as after a restart.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn start_on(state_dir: &Path, port: u16) -> Self {
        Self::start_with(state_dir, &serde_json::json!({}), port)
    }

    fn start_with(state_dir: &Path, settings: &Value, port: u16) -> Self {
        let home = scratch();
        let config = home.path().join("config.json");
        let text = serde_json::json!({ "dashboard": settings }).to_string();
        fs::write(&config, text).expect("the configuration");
        let mut command = Command::new(binary());
        command
            .args([
                "dashboard",
                "--output",
                "json",
                "--port",
                &port.to_string(),
                "--config",
            ])
            .arg(&config)
            .env_clear()
            .env("HOME", home.path())
            .env("AUTOISSUE_STATE_DIR", state_dir)
            .env("TZ", "UTC")
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = Started(command.spawn().expect("the binary starts"));
        let mut line = String::new();
        BufReader::new(child.0.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("a line");
        let said: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self {
            child,
            port: port_of(said["url"].as_str().expect("an address")),
            _home: home,
        }
    }

    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }
}

/// A program that is killed when the test ends.
pub struct Started(pub Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the port of an address like `http://127.0.0.1:3030/`.
///
/// # Panics
///
/// If there is none.
pub fn port_of(url: &str) -> u16 {
    let port = url
        .trim_end()
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("no port: {url}"))
}
