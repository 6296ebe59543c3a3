//! Shared by the benchmarks: the cost of a program, medians of interleaved runs, and facts about
//! the machine.
//!
//! Benchmarks print and never assert times: other work on the machine changes times a lot, but
//! ratios only a little.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Ticks per second in `/proc/<pid>/stat`. Linux uses this value on every architecture that we
/// build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Polling interval of a running program's peak memory. The kernel keeps the peak, so only growth
/// after the last poll is missed.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The cost of a program and all its descendants.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Seconds from start to exit.
    pub wall_s: f64,
    /// Seconds of CPU time, including descendants; 0 if the system does not report it.
    pub cpu_s: f64,
}

/// Returns whether `cargo bench` started this program. With `cargo test --benches` there is nothing
/// to do.
pub fn is_wanted() -> bool {
    std::env::args().any(|arg| arg == "--bench")
}

/// Runs a program to completion, discarding its output; returns its cost.
///
/// # Panics
///
/// If it does not start or fails.
pub fn cost_of(command: &mut Command) -> Cost {
    let (cpu_before, started) = (children_cpu_s(), Instant::now());
    let status = command
        .stdout(Stdio::null())
        .status()
        .expect("the program starts");
    let wall_s = started.elapsed().as_secs_f64();
    assert!(status.success(), "{command:?} ended with {status}");
    Cost {
        wall_s,
        cpu_s: children_cpu_s() - cpu_before,
    }
}

/// Runs a program to completion, discarding its output; returns its peak memory in MiB, or `None`
/// if the system does not report it.
///
/// # Panics
///
/// If it does not start or fails.
pub fn peak_memory_mib(command: &mut Command) -> Option<f64> {
    let mut child = command
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut peak = None;
    let status = loop {
        peak = high_water_mib(child.id()).or(peak);
        if let Some(status) = ended(&mut child) {
            break status;
        }
        thread::sleep(LOOK_EVERY);
    };
    assert!(status.success(), "{command:?} ended with {status}");
    peak
}

fn ended(child: &mut Child) -> Option<ExitStatus> {
    child.try_wait().expect("it is our child")
}

fn high_water_mib(pid: u32) -> Option<f64> {
    memory_mib(&format!("/proc/{pid}/status"), "VmHWM:")
}

/// Returns the current memory of this process in MiB; `None` if the system does not report it.
pub fn own_memory_mib() -> Option<f64> {
    memory_mib("/proc/self/status", "VmRSS:")
}

fn memory_mib(file: &str, field: &str) -> Option<f64> {
    let status = fs::read_to_string(file).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// Returns the seconds of CPU time of all ended children and their descendants.
fn children_cpu_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name in parentheses; it may contain anything.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

/// Returns the seconds of CPU time of this process alone.
pub fn own_cpu_s() -> f64 {
    let schedstat = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = schedstat
        .split_whitespace()
        .next()
        .and_then(|field| field.parse().ok())
        .unwrap_or(0.0);
    nanoseconds / 1e9
}

/// Returns the middle value; 0 for an empty list.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Returns the median of each cost.
pub fn median_cost(costs: &[Cost]) -> Cost {
    Cost {
        wall_s: median(costs.iter().map(|cost| cost.wall_s)),
        cpu_s: median(costs.iter().map(|cost| cost.cpu_s)),
    }
}

/// Prints a table. The first row is the heading; the first column is left-aligned, the others
/// right-aligned.
pub fn print_table<const N: usize>(rows: &[[String; N]]) {
    let widths: Vec<usize> = (0..N)
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let _ = write!(text, "  {:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(&widths).skip(1) {
            let _ = write!(text, "  {cell:>width$}");
        }
        text.push('\n');
    }
    print(&text);
}

/// Prints a line about the machine, because times mean nothing without it.
pub fn print_machine() {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let n_cores = thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    let git = Command::new("git")
        .arg("version")
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    print(&format!(
        "machine: {n_cores} cores, {}, {}, load {load}, {}\n",
        model.unwrap_or("unknown CPU").trim(),
        std::env::consts::OS,
        String::from_utf8_lossy(&git).trim(),
    ));
}

/// Prints text; a closed output is ignored.
pub fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
