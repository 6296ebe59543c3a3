//! The dashboard's output, checked by third-party programs: Prometheus' `promtool`, a validator for
//! OpenAPI descriptions, and Schemathesis, which generates requests from the description and
//! compares the responses with it.
//!
//! A separate target, because it needs these programs on PATH. `.ci/run` installs them;
//! `CONTRIBUTING.md` has the commands for manual runs.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the programs under test"
)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use autoissue_tests::http::get;
use autoissue_tests::{MadeUp, Recipe, Served};
use serde_json::json;
use tempfile::TempDir;

/// Serves a session in which some tasks have ended, some are running, and the agent's service is
/// unavailable.
fn serve() -> (TempDir, MadeUp, Served) {
    let state = TempDir::new().expect("a temporary directory");
    let mut recipe = Recipe::new(23, 9);
    recipe.is_broken = true;
    let session = MadeUp::run(state.path(), recipe);
    let served = Served::start(state.path(), &json!({}));
    (state, session, served)
}

/// Runs a program in a directory; if it fails, panics with its output.
#[track_caller]
fn accepts(directory: &Path, program: &str, args: &[&str], input: &str) {
    let Output {
        status,
        stdout,
        stderr,
    } = run(directory, program, args, input);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    assert!(status.success(), "{program} failed ({status}):\n{said}");
}

#[track_caller]
fn run(directory: &Path, program: &str, args: &[&str], input: &str) -> Output {
    let mut command = Command::new(program);
    command.args(args).current_dir(directory);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| {
        panic!("`{program}` does not start ({error}); see CONTRIBUTING.md to install it")
    });
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin
        .write_all(input.as_bytes())
        .expect("the input is read");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

#[test]
fn promtool_accepts_the_metrics() {
    let (state, _session, served) = serve();
    let metrics = get(served.port, "/metrics").body;
    assert!(metrics.contains("autoissue_"), "{metrics}");
    accepts(state.path(), "promtool", &["check", "metrics"], &metrics);
}

#[test]
fn description_is_valid_openapi() {
    let (state, _session, served) = serve();
    let description = get(served.port, "/api/openapi.json").body;
    let file = state.path().join("openapi.json");
    fs::write(&file, description).expect("written");
    let file = file.to_str().expect("a path in UTF-8");
    accepts(state.path(), "openapi-spec-validator", &[file], "");
}

#[test]
fn schemathesis_finds_no_nonconforming_response() {
    let (state, _session, served) = serve();
    let description = format!("http://127.0.0.1:{}/api/openapi.json", served.port);
    let mut args = vec!["run", &description, "--checks", "all"];
    // An event stream does not end.
    args.extend(["--exclude-path", "/api/events"]);
    // Generates the same requests each time.
    args.extend(["--phases", "coverage,fuzzing", "--generation-deterministic"]);
    args.extend(["--max-examples", "10", "--no-color"]);
    accepts(state.path(), "schemathesis", &args, "");
}
