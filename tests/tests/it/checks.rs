//! Checks and setup commands under the real supervisor.

use std::path::PathBuf;
use std::time::Duration;

use autoissue_core::checks::{
    Check, ChecksError, OUTPUT_BYTES_MAX, SetupError, Workplace, run_checks, run_setup,
};
use tokio_util::sync::CancellationToken;

use crate::process_under_test::{poll_until, supervisor, tagged, unique_tag};

/// A time limit that no command here reaches, however busy the machine is.
const LONG: Duration = Duration::from_secs(3_600);

fn workplace(name: &str) -> Workplace {
    let env = vec![
        ("PATH".into(), "/usr/bin:/bin".into()),
        ("COLOUR".into(), "blue".into()),
    ];
    Workplace {
        directory: PathBuf::from("/usr"),
        env,
        tag: unique_tag(name),
    }
}

fn check(name: &str, run: &str) -> Check {
    Check {
        name: name.to_owned(),
        run: run.to_owned(),
        timeout_minutes: 1,
    }
}

#[tokio::test]
async fn every_check_runs_even_after_one_has_failed() {
    let checks = [
        check("lint", "echo $COLOUR; pwd"),
        check("test", "echo broken >&2; exit 7"),
        check("last", "kill -9 $$"),
    ];
    let mut seen = Vec::new();
    let on_output = &mut |name: &str, line: &autoissue_core::process::Line| {
        seen.push(format!("{name}: {}", line.text))
    };
    let results = run_checks(
        &supervisor(),
        &checks,
        &workplace("checks"),
        &CancellationToken::new(),
        on_output,
    )
    .await;
    let results = results.expect("all ran");
    let verdicts: Vec<_> = results
        .iter()
        .map(|it| (it.name.as_str(), it.passed, it.exit_code, it.signal))
        .collect();
    assert_eq!(
        verdicts,
        [
            ("lint", true, Some(0), None),
            ("test", false, Some(7), None),
            ("last", false, None, Some(9))
        ]
    );
    assert_eq!(
        (results[0].output.as_str(), results[1].output.as_str()),
        ("blue\n/usr\n", "broken\n")
    );
    assert_eq!(seen, ["lint: blue", "lint: /usr", "test: broken"]);
}

#[tokio::test]
async fn a_check_that_times_out_fails() {
    let mut slow = check("slow", "echo begun; exec sleep 1000");
    slow.timeout_minutes = 0;
    let results = run_checks(
        &supervisor(),
        &[slow],
        &workplace("slow"),
        &CancellationToken::new(),
        &mut |_, _| {},
    )
    .await;
    let results = results.expect("it ran");
    assert!(results[0].timed_out && !results[0].passed, "{results:?}");
}

#[tokio::test]
async fn long_output_keeps_its_beginning_and_end() {
    let loud = check("loud", "echo first; seq 1 200000; echo last");
    let results = run_checks(
        &supervisor(),
        &[loud],
        &workplace("loud"),
        &CancellationToken::new(),
        &mut |_, _| {},
    )
    .await;
    let output = &results.expect("it ran")[0].output;
    assert!(output.starts_with("first\n1\n") && output.ends_with("200000\nlast\n"));
    assert!(output.contains(" bytes omitted …") && output.len() <= OUTPUT_BYTES_MAX + 50);
}

#[tokio::test]
async fn cancelled_checks_give_no_verdict() {
    let cancel = CancellationToken::new();
    let workplace = workplace("cancelled");
    let (checks, supervisor) = (
        [check("quick", "true"), check("slow", "exec sleep 1000")],
        supervisor(),
    );
    let canceller = async {
        poll_until("the second runs", || {
            let commands = tagged(&workplace.tag)
                .into_iter()
                .filter_map(|it| std::fs::read(format!("/proc/{it}/cmdline")).ok());
            commands.into_iter().any(|it| it.starts_with(b"sleep"))
        })
        .await;
        cancel.cancel();
    };
    let ignore = &mut |_: &str, _: &_| {};
    let (result, ()) = tokio::join!(
        run_checks(&supervisor, &checks, &workplace, &cancel, ignore),
        canceller
    );
    assert!(matches!(result, Err(ChecksError::Cancelled { name }) if name == "slow"));
}

#[tokio::test]
async fn a_check_that_cannot_run_gives_no_verdict() {
    let mut nowhere = workplace("nowhere");
    nowhere.directory = PathBuf::from("/absent");
    let result = run_checks(
        &supervisor(),
        &[check("any", "true")],
        &nowhere,
        &CancellationToken::new(),
        &mut |_, _| {},
    )
    .await;
    assert!(matches!(result, Err(ChecksError::NotRun { name, .. }) if name == "any"));
}

#[tokio::test]
async fn setup_stops_at_the_first_failure_and_reports_its_output() {
    let commands = [
        "echo one".to_owned(),
        "seq 1 100; echo no network >&2; exit 6".to_owned(),
        "echo never".to_owned(),
    ];
    let mut seen = Vec::new();
    let on_output =
        &mut |_: &str, line: &autoissue_core::process::Line| seen.push(line.text.clone());
    let place = workplace("setup");
    let error = run_setup(
        &supervisor(),
        &commands,
        &place,
        LONG,
        &CancellationToken::new(),
        on_output,
    )
    .await
    .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&commands[1]) && text.contains("exit code 6") && text.contains("no network"),
        "{text}"
    );
    assert!(
        !text.contains("\n50\n"),
        "only the last lines may be shown: {text}"
    );
    assert!(seen.contains(&"one".to_owned()) && !seen.contains(&"never".to_owned()));
}

#[tokio::test]
async fn slow_and_cancelled_setup_are_distinguished() {
    let commands = ["exec sleep 1000".to_owned()];
    let place = workplace("slow-setup");
    let cancel = CancellationToken::new();
    let short = Duration::from_millis(200);
    let slow = run_setup(
        &supervisor(),
        &commands,
        &place,
        short,
        &cancel,
        &mut |_, _| {},
    )
    .await;
    assert!(matches!(slow, Err(SetupError::TimedOut { .. })), "{slow:?}");
    cancel.cancel();
    let cancelled = run_setup(
        &supervisor(),
        &commands,
        &place,
        LONG,
        &cancel,
        &mut |_, _| {},
    )
    .await;
    assert!(
        matches!(cancelled, Err(SetupError::Cancelled { .. })),
        "{cancelled:?}"
    );
}
