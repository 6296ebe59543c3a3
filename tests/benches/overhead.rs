//! Measures autoissue's overhead over the minimum: 50 issues with an agent that takes no time, four
//! at once, compared with a shell loop that runs only the unavoidable five git processes per issue.
//!
//! ```text
//!   autoissue: exec go   ─┐ in turn, N_ROUNDS times,
//!   loop: xargs -P 4 sh  ─┘ each in a new world         ─► medians, ratios
//! ```

use std::fs;
use std::process::Command;

use autoissue_tests::measure::{
    self, Cost, cost_of, median_cost, peak_memory_mib, print, print_table,
};
use autoissue_tests::{Sandbox, binary};

const N_ISSUES: u64 = 50;
const N_SLOTS: u64 = 4;
const N_ROUNDS: usize = 5;

/// Numbers of files in the repository. The cost of a clone grows with them on both sides.
const N_FILES: [u64; 3] = [0, 100, 1_000];

/// Clone, branch, apply, commit, push; `$0` is the issue. Uses the cheapest kind of clone, as
/// autoissue does.
const LOOP_BODY: &str = "set -e
git clone --quiet --shared origin.git clones/$0
cd clones/$0
git checkout --quiet -b autoissue/issue-$0
git apply --index ../../patches/$0.diff
git commit --quiet --message \"issue $0\"
git push --quiet origin autoissue/issue-$0";

fn main() {
    if !measure::is_wanted() {
        return;
    }
    binary();
    measure::print_machine();
    print(&format!(
        "{N_ISSUES} issues, {N_SLOTS} at once, medians of {N_ROUNDS} interleaved runs\n"
    ));
    for n_files in N_FILES {
        compare(n_files);
    }
}

fn compare(n_files: u64) {
    // Keep every world until the last run: creating files is slow for a while after many were
    // deleted.
    let worlds: Vec<Sandbox> = (0..=2 * N_ROUNDS).map(|_| world(n_files)).collect();
    let (last, pairs) = worlds
        .split_last()
        .expect("one more world than the runs need");
    let (mut ours, mut loops) = (Vec::new(), Vec::new());
    for pair in pairs.chunks(2) {
        loops.push(cost_of(&mut shell_loop(&pair[0])));
        ours.push(cost_of(&mut session(&pair[1])));
    }
    let peak = peak_memory_mib(&mut session(last));
    let (ours, loops) = (median_cost(&ours), median_cost(&loops));
    print(&format!("\n{n_files} files in the repository\n"));
    print_table(&[
        ["", "wall ms", "CPU ms", "CPU ms per issue"].map(str::to_owned),
        row("shell loop", loops),
        row("autoissue", ours),
        [
            "ratio".to_owned(),
            ratio(ours.wall_s, loops.wall_s),
            ratio(ours.cpu_s, loops.cpu_s),
            String::new(),
        ],
    ]);
    if let Some(peak) = peak {
        print(&format!("  peak memory of autoissue: {peak:.1} MiB\n"));
    }
}

fn row(name: &str, cost: Cost) -> [String; 4] {
    let ms = |seconds: f64| format!("{:.0}", 1e3 * seconds);
    [
        name.to_owned(),
        ms(cost.wall_s),
        ms(cost.cpu_s),
        format!("{:.1}", 1e3 * cost.cpu_s / N_ISSUES as f64),
    ]
}

fn ratio(ours: f64, theirs: f64) -> String {
    format!("{:.2}", ours / theirs)
}

/// Creates a repository with a backlog, and next to it what the loop needs: a bare origin and the
/// patches as files.
fn world(n_files: u64) -> Sandbox {
    let world = Sandbox::new();
    for number in 0..n_files {
        let line = format!("line of file {number}\n");
        world.write(
            &format!("src/part{}/file{number}.txt", number % 10),
            &line.repeat(40),
        );
    }
    world.git(["add", "--all"]);
    world.git(["commit", "--quiet", "--message", "more"]);
    world.config(&format!(
        r#"{{"forge": {{"kind": "local"}}, "agent": {{"backend": "patch"}},
             "executor": {{"maxParallel": {N_SLOTS}}}, "scheduler": {{"maxPerDomain": {N_SLOTS}}}}}"#
    ));
    fs::create_dir_all(world.root().join("patches")).expect("a directory");
    for number in 1..=N_ISSUES {
        let diff = format!("--- /dev/null\n+++ b/new/{number}.txt\n@@ -0,0 +1 @@\n+new\n");
        world.issue(
            number,
            &format!("[Backend] add {number}"),
            &format!("Please.\n\n```diff\n{diff}```\n"),
        );
        fs::write(world.root().join(format!("patches/{number}.diff")), diff).expect("a file");
    }
    world.git(["clone", "--quiet", "--bare", ".", "../origin.git"]);
    world
}

fn session(world: &Sandbox) -> Command {
    world.autoissue(["exec", "go", "--output", "json"])
}

fn shell_loop(world: &Sandbox) -> Command {
    let mut command = world.command("sh");
    command.args([
        "-c",
        &format!("seq {N_ISSUES} | xargs -P {N_SLOTS} -n 1 sh -c '{LOOP_BODY}'"),
    ]);
    command.current_dir(world.root());
    command
}
