//! Measures a plugin against the same source linked natively: start, a single call, a long backlog,
//! an agent's output.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use autoissue_classifier::BuiltinClassifier;
use autoissue_claude::ClaudeBackend;
use autoissue_plugin_host::{Grants, HostOptions, Plugin, PluginHost};
use autoissue_plugin_sdk::prelude::*;
use autoissue_tests::guests;
use autoissue_tests::measure::{self, median, own_cpu_s, print, print_table};
use tempfile::TempDir;

const N_STARTS: usize = 31;
const N_CALLS: u64 = 2_000;
const N_BACKLOG: u64 = 10_000;
const N_LINES: usize = 200_000;

fn main() {
    if !measure::is_wanted() {
        return;
    }
    measure::print_machine();
    starts();
    calls();
    lines();
}

fn load(host: &PluginHost, component: &[u8], grants: &Grants) -> Plugin {
    host.load(Path::new("plugin.wasm"), component, grants)
        .expect("a plugin")
}

/// Measures the whole set-up in milliseconds: engine, file, checks, trial instance, description.
fn starts() {
    let component = guests::component("autoissue-classifier");
    let state = TempDir::new().expect("a directory");
    let directory = state.path().join("plugins");
    let start = |cache: Option<&Path>| {
        let begun = Instant::now();
        let options = cache.map(HostOptions::cached_in).unwrap_or_default();
        let host = PluginHost::new(options).expect("a host");
        black_box(load(&host, component, &Grants::default()));
        1e3 * begun.elapsed().as_secs_f64()
    };
    start(Some(&directory));
    let cold = median((0..5).map(|_| start(None)));
    let second = median((0..N_STARTS).map(|_| start(Some(&directory))));
    print(&format!(
        "built-in classifier as a component, {} KiB: wall ms\n",
        component.len() >> 10
    ));
    print_table(&[
        ["".to_owned(), "ms".to_owned()],
        ["first start, compiled".to_owned(), format!("{cold:.1}")],
        ["second start".to_owned(), format!("{second:.2}")],
    ]);
}

/// Returns an issue of 1.5 KB with different words for each number.
fn issue(number: u64) -> Issue {
    let words = [
        "server", "login", "query", "button", "pipeline", "guide", "token", "test",
    ];
    let word = |n: u64| words[usize::try_from((number * 7 + n * 13) % 8).unwrap_or_default()];
    let mut body = String::new();
    for n in 0..45 {
        body.push_str(&format!(
            "The {} of the {} is slow. ",
            word(n),
            word(n + number)
        ));
    }
    Issue::new(format!("The {} fails with the {}", word(1), word(3)))
        .number(number)
        .body(body)
}

/// Returns microseconds of CPU time per issue.
fn cost(classifier: &dyn Classifier, n: u64) -> f64 {
    let context = ClassifierContext::default();
    let issues: Vec<Issue> = (0..n).map(issue).collect();
    let before = own_cpu_s();
    for issue in &issues {
        black_box(classifier.classify(issue, &context).expect("an answer"));
    }
    1e6 * (own_cpu_s() - before) / issues.len() as f64
}

fn calls() {
    let state = TempDir::new().expect("a directory");
    let host =
        PluginHost::new(HostOptions::cached_in(&state.path().join("plugins"))).expect("a host");
    let load = |package| load(&host, guests::component(package), &Grants::default());
    let small = load("autoissue-test-guest")
        .classifier(None)
        .expect("a classifier");
    let with_wasi = load("autoissue-test-guest-wasi")
        .classifier(None)
        .expect("a classifier");
    let twin = load("autoissue-classifier")
        .classifier(None)
        .expect("a classifier");
    cost(&*small, 100);
    cost(&*with_wasi, 100);
    let (small, with_wasi): (Vec<f64>, Vec<f64>) = (0..5)
        .map(|_| (cost(&*small, N_CALLS), cost(&*with_wasi, N_CALLS)))
        .unzip();
    let [small, with_wasi] = [small, with_wasi].map(median);
    // Alternate between the two: the speed of a machine varies over time.
    let (native, twin): (Vec<f64>, Vec<f64>) = (0..5)
        .map(|_| (cost(&BuiltinClassifier, N_BACKLOG), cost(&*twin, N_BACKLOG)))
        .unzip();
    let [native, twin] = [native, twin].map(median);
    print(&format!(
        "an issue of {} bytes, a new instance for each, epochs on: CPU\n",
        issue(1).body.len()
    ));
    let total = |us: f64| format!("{:.2}", us * N_BACKLOG as f64 / 1e6);
    let heading = ["", "µs per issue", "s for 10,000", "times native"].map(str::to_owned);
    let row = |name: &str, us: f64| {
        [
            name.to_owned(),
            format!("{us:.1}"),
            total(us),
            format!("{:.2}", us / native),
        ]
    };
    print_table(&[
        heading,
        row("small classifier of the SDK", small),
        row("the same for wasm32-wasip2", with_wasi),
        row("built-in, native", native),
        row("built-in, component", twin),
    ]);
}

/// Returns the lines per second through a backend, from a recorded run.
fn speed(backend: &dyn AgentBackend, lines: &[Line], n_together: usize) -> f64 {
    let (mut run, _) = backend.start(&AgentTask::default()).expect("a run");
    let (before, mut n) = (own_cpu_s(), 0);
    while n < N_LINES {
        for lines in lines.chunks(n_together) {
            black_box(run.on_lines(lines));
            n += lines.len();
        }
    }
    n as f64 / (own_cpu_s() - before)
}

fn lines() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../plugins/claude/tests/fixtures/streamed/helper.jsonl");
    let text = std::fs::read_to_string(path).expect("a recorded run");
    // Drop the final line: a run reads nothing after it.
    let lines: Vec<Line> = text
        .lines()
        .filter(|line| !line.contains("\"type\":\"result\""))
        .map(Line::stdout)
        .collect();
    let environment = ClaudeBackend.probe("").expect("an answer").environment;
    let grants = Grants {
        exec: vec!["claude".into()],
        env: environment,
    };
    let state = TempDir::new().expect("a directory");
    let host =
        PluginHost::new(HostOptions::cached_in(&state.path().join("plugins"))).expect("a host");
    let plugin = load(&host, guests::component("autoissue-claude"), &grants);
    let twin = plugin.agent_backend(None).expect("a backend");
    let n_bytes = lines.iter().map(|line| line.text.len()).sum::<usize>() / lines.len();
    print(&format!(
        "output of Claude Code, {n_bytes} bytes per line: lines per second of CPU\n"
    ));
    let row = |name: &str, n_together| {
        let (native, twin) = (
            speed(&ClaudeBackend, &lines, n_together),
            speed(&*twin, &lines, n_together),
        );
        [
            name.to_owned(),
            format!("{native:.0}"),
            format!("{twin:.0}"),
            format!("{:.2}", native / twin),
        ]
    };
    let heading = ["", "native", "component", "times native"].map(str::to_owned);
    print_table(&[heading, row("one by one", 1), row("64 at once", 64)]);
}
