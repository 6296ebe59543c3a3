//! Measures how fast the program starts, for commands that people and scripts run all day, against
//! the smallest possible process.

use autoissue_tests::measure::{self, cost_of, median, print, print_table};
use autoissue_tests::{Sandbox, binary, new_file_patch};

const N_ROUNDS: usize = 101;

/// The command lines and their names in the table. The first is the baseline.
const COMMANDS: [(&str, &[&str]); 4] = [
    ("true", &[]),
    ("git", &["--version"]),
    ("autoissue", &["--help"]),
    ("autoissue", &["status"]),
];

fn main() {
    if !measure::is_wanted() {
        return;
    }
    let world = Sandbox::new();
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    world.run(["exec", "go"]).exits(0);
    let mut wall_ms = [const { Vec::new() }; COMMANDS.len()];
    for _ in 0..N_ROUNDS {
        for ((program, args), times) in COMMANDS.iter().zip(&mut wall_ms) {
            let is_ours = *program == "autoissue";
            let mut command = if is_ours {
                world.command(binary())
            } else {
                world.command(program)
            };
            times.push(1e3 * cost_of(command.args(*args).current_dir(world.project())).wall_s);
        }
    }
    measure::print_machine();
    print(&format!("medians of {N_ROUNDS} interleaved runs\n"));
    let medians = wall_ms.map(median);
    let row = |((program, args), ms): (&(&str, &[&str]), f64)| {
        let name = [&[*program], *args].concat().join(" ");
        [name, format!("{ms:.2}"), format!("{:.1}", ms / medians[0])]
    };
    let heading = ["", "wall ms", "times `true`"].map(str::to_owned);
    let rows: Vec<[String; 3]> = std::iter::once(heading)
        .chain(COMMANDS.iter().zip(medians).map(row))
        .collect();
    print_table(&rows);
}
