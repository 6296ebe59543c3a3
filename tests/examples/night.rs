//! Makes a state directory with made-up sessions, and keeps the newest running, for looking at the dashboard by hand.
use autoissue_tests::{MadeUp, Recipe};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let dir = std::path::PathBuf::from(&args[1]);
    let n: usize = args[2].parse().unwrap();
    let ended: usize = args[3].parse().unwrap();
    let mut old = MadeUp::run(&dir, Recipe::new(12, 99));
    old.cut_off();
    drop(old);
    let mut recipe = Recipe::new(n, ended);
    recipe.is_broken = args.get(4).is_some_and(|x| x == "broken");
    if args.get(4).is_some_and(|x| x == "rich") {
        recipe.budget = autoissue_core::engine::Usd::from_cents(2000_00);
    }
    let made = MadeUp::run(&dir, recipe);
    println!("{} {} events", made.id(), made.last_seq());
    let mut k = 0;
    loop {
        for issue in made.running() {
            made.print(issue, &format!("line {k} of the agent, reading src/part/{k}.rs\n"));
        }
        k += 1;
        std::thread::sleep(std::time::Duration::from_millis(900));
    }
}
