//! Keeps a simulated session running, for viewing the dashboard by hand: run `made_up_session DIRECTORY
//! [TASKS] [ENDED] [broken]`, then `AUTOISSUE_STATE_DIR=DIRECTORY autoissue dashboard`.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use autoissue_core::engine::Usd;
use autoissue_tests::{MadeUp, Recipe};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let directory = PathBuf::from(args.first().expect("a directory for the journal"));
    let number = |at: usize| args.get(at).and_then(|text| text.parse().ok());
    // An earlier session, so that the history is not empty.
    MadeUp::run(&directory, Recipe::new(12, 99));
    let mut recipe = Recipe::new(number(1).unwrap_or(23), number(2).unwrap_or(9));
    recipe.budget = Usd::from_cents(if recipe.issues.len() < 100 {
        50_00
    } else {
        200_000
    });
    recipe.is_broken = args.iter().any(|arg| arg == "broken");
    let session = MadeUp::run(&directory, recipe);
    for n in 0.. {
        for issue in session.running() {
            session.print(issue, &format!("line {n}, reading src/part/{n}.rs\n"));
        }
        sleep(Duration::from_secs(1));
    }
}
