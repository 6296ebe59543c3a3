//! Keeps a made-up session running, for looking at the dashboard by hand: `night DIRECTORY [TASKS] [ENDED] [broken]`, and then
//! `AUTOISSUE_STATE_DIR=DIRECTORY autoissue dashboard`.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use autoissue_core::engine::Usd;
use autoissue_tests::{MadeUp, Recipe};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let directory = PathBuf::from(args.first().expect("a directory for the journal"));
    let number = |at: usize| args.get(at).and_then(|text| text.parse().ok());
    // One of yesterday, so that there is a past.
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
