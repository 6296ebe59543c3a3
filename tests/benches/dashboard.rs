//! Measures what dashboard viewers cost the session: the same backlog without a dashboard, with a
//! dashboard nobody has open, and with a hundred event streams. The agents take a while and print
//! output meanwhile.
//!
//! ```text
//!   exec go                           ─┐
//!   exec go --dashboard                ├ in turn, N_ROUNDS times, each in a new world ─► medians, ratios
//!   exec go --dashboard + 100 streams ─┘
//! ```

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use autoissue_tests::http::stream;
use autoissue_tests::measure::{self, median, print, print_table};
use autoissue_tests::{Sandbox, binary, port_of};
use serde_json::{Value, json};

const N_ISSUES: u64 = 40;
const N_SLOTS: u64 = 4;
const N_ROUNDS: usize = 7;
const N_STREAMS: usize = 100;

/// An agent works for most of a second and prints a line now and then. A real one takes minutes and
/// prints fewer lines per second.
const N_LINES: usize = 8;
const BETWEEN_LINES: &str = "sleep 0.1";

/// Whether the dashboard is served, and who watches it.
#[derive(Clone, Copy)]
enum Watched {
    Not,
    ByNobody,
    ByMany,
}

fn main() {
    fn pairs(walls: &[f64], others: &[f64]) -> f64 {
        median(walls.iter().zip(others).map(|(one, other)| one / other))
    }

    if !measure::is_wanted() {
        return;
    }
    binary();
    measure::print_machine();
    print(&format!(
        "{N_ISSUES} issues, {N_SLOTS} at once, {N_STREAMS} streams, medians of {N_ROUNDS} interleaved runs\n\n"
    ));
    let sides = [Watched::Not, Watched::ByNobody, Watched::ByMany];
    let mut walls = [Vec::new(), Vec::new(), Vec::new()];
    // The warm-up run is not counted: it reads the binary from disk and fills the caches.
    run(Watched::ByMany);
    for _ in 0..N_ROUNDS {
        for (walls, side) in walls.iter_mut().zip(sides) {
            walls.push(run(side));
        }
    }
    let base = median(walls[0].iter().copied());
    let row = |name: &str, walls: &Vec<f64>, others: &Vec<f64>| {
        let wall = median(walls.iter().copied());
        [
            name.to_owned(),
            format!("{:.0}", 1e3 * wall),
            format!("{:.3}", wall / base),
            format!("{:.3}", pairs(walls, others)),
        ]
    };
    print_table(&[
        ["", "wall ms", "ratio", "median of pairs"].map(str::to_owned),
        row("no dashboard", &walls[0], &walls[0]),
        row("dashboard, no viewers", &walls[1], &walls[0]),
        row("dashboard, 100 streams", &walls[2], &walls[0]),
    ]);
}

/// Runs the backlog once; returns the duration in seconds.
fn run(watched: Watched) -> f64 {
    let world = world();
    let mut command: Command = world.autoissue(["exec", "go", "--headless"]);
    if !matches!(watched, Watched::Not) {
        command.args(["--dashboard", "--port", "0"]);
    }
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut readers = Vec::new();
    if matches!(watched, Watched::ByMany) {
        let mut line = String::new();
        while !line.starts_with("dashboard: ") {
            line.clear();
            stderr
                .read_line(&mut line)
                .expect("the dashboard prints its address");
        }
        let port = port_of(&line);
        readers.extend((0..N_STREAMS).map(|_| {
            thread::spawn(move || {
                stream(port, "/api/events", &[])
                    .filter(|message| message.kind == "happened")
                    .count()
            })
        }));
    }
    let mut rest = Vec::new();
    stderr.read_to_end(&mut rest).expect("standard error");
    let status = child.wait().expect("its end");
    let wall_s = start.elapsed().as_secs_f64();
    assert_eq!(status.code(), Some(0), "{}", String::from_utf8_lossy(&rest));
    let seen: Vec<usize> = readers
        .into_iter()
        .map(|reader| reader.join().expect("a reader"))
        .collect();
    assert!(
        seen.iter().all(|n| *n == seen[0]),
        "all streams received the same events: {seen:?}"
    );
    wall_s
}

fn world() -> Sandbox {
    fn talk(n: usize) -> [Value; 2] {
        [
            json!({ "run": BETWEEN_LINES }),
            json!({ "say": format!("line {n} of the agent") }),
        ]
    }

    let world = Sandbox::new();
    world.install("claude", Path::new(&fake_claude()));
    let config = json!({
        "forge": {"kind": "local"}, "agent": {"backend": "claude"}, "maxTotalBudgetUsd": 1000,
        "executor": {"maxParallel": N_SLOTS, "maxRetries": 0}, "scheduler": {"maxPerDomain": N_SLOTS},
    });
    world.config(&config.to_string());
    for number in 1..=N_ISSUES {
        let work = [
            json!({ "write": [format!("new/{number}.txt"), "x"] }),
            json!({ "result": {} }),
        ];
        let steps = json!([(0..N_LINES).flat_map(talk).chain(work).collect::<Vec<_>>()]);
        world.issue(
            number,
            &format!("[Backend] add {number}"),
            &format!("Please.\n\nfake: {steps}\n"),
        );
    }
    world
}

fn fake_claude() -> String {
    env!("CARGO_BIN_EXE_fake-claude").to_owned()
}
