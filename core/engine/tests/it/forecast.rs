//! The forecast of a dry run, against its definition: every earlier task is looked at, and the nearest is named.

use autoissue_engine::*;
use fastrand::Rng;

use crate::story::{Night, number, usd};

/// Paths of every kind that overlaps with another kind.
const PATHS: [&str; 16] = [
    "src/user.rs",
    "./src/user.rs",
    "src",
    "src/",
    "src/api/",
    "src/api/v1/user.rs",
    "srcs/user.rs",
    "user.rs",
    "README.md",
    "docs/README.md",
    "*.rs",
    "src/*.rs",
    "src/**/user.r?",
    "docs/**",
    "docs/a/b.md",
    "src/api/*",
];

fn forecast(night: &mut Night) -> Vec<Forecast> {
    night.set(|s| s.dry_run = true).begin();
    night.engine.forecast()
}

fn shape(forecast: &[Forecast]) -> Vec<(u64, &str)> {
    fn name(fate: &Fate) -> &'static str {
        match fate {
            Fate::Runs => "runs",
            Fate::Ends(outcome) => outcome.name(),
        }
    }

    forecast
        .iter()
        .map(|one| (one.issue.0, name(&one.fate)))
        .collect()
}

#[test]
fn tasks_are_forecast_in_the_order_in_which_they_would_start() {
    let mut night = Night::new(5);
    night.depends(1, &[4]).issue(5).labels.push("P0".into());
    night.depends(2, &[99]).issue(3).open_pull_request = Some(PullRequest::default());
    let forecast = forecast(&mut night);
    assert_eq!(
        shape(&forecast),
        [
            (5, "runs"),
            (4, "runs"),
            (1, "runs"),
            (2, "skipped"),
            (3, "already_open")
        ]
    );
    assert_eq!(forecast[2].waits_for, [(number(4), Why::Dependency)]);
    assert_eq!(
        (forecast[0].title.as_str(), forecast[0].estimate),
        ("issue 5", usd(5.0))
    );
}

#[test]
fn what_the_budget_cannot_start_is_forecast_with_what_depends_on_it() {
    let mut night = Night::new(4);
    night
        .set(|s| (s.budget, s.allow_partial) = (usd(10.0), true))
        .depends(4, &[3]);
    assert_eq!(
        shape(&forecast(&mut night)),
        [
            (1, "runs"),
            (2, "runs"),
            (3, "not_started"),
            (4, "not_started")
        ]
    );
}

#[test]
fn the_forecast_agrees_with_a_look_at_every_pair() {
    for seed in 0..500 {
        let mut rng = Rng::with_seed(seed);
        let mut night = random(&mut rng);
        let forecast = forecast(&mut night);
        for (at, one) in forecast.iter().enumerate() {
            let earlier = &forecast[..at];
            assert_eq!(
                one.waits_for,
                by_definition(&night, earlier, one),
                "seed {seed}, {}",
                one.issue
            );
        }
    }
}

fn random(rng: &mut Rng) -> Night {
    let n = rng.u64(1..30);
    let mut night = Night::new(n);
    night.set(|s| (s.max_per_domain, s.budget) = (rng.u32(1..4), usd(1_000.0)));
    for issue in 1..=n {
        let paths: Vec<&str> = (0..rng.usize(..4))
            .map(|_| PATHS[rng.usize(..PATHS.len())])
            .collect();
        night
            .paths(issue, &paths)
            .domain(issue, ["a", "b", "c", "unknown"][rng.usize(..4)]);
        if issue > 1 && rng.u32(..4) == 0 {
            night.depends(issue, &[rng.u64(1..issue)]);
        }
    }
    night
}

fn by_definition(night: &Night, earlier: &[Forecast], one: &Forecast) -> Vec<(IssueNumber, Why)> {
    let settings = night.engine.settings();
    let task = &night.engine.tasks()[&one.issue];
    let runs_alone = |domain: &str| settings.exclusive_domains.contains(domain);
    let mut waits: Vec<_> = task
        .issue
        .dependencies
        .iter()
        .map(|on| (on.number, Why::Dependency))
        .collect();
    let mut rest = Vec::new();
    let mut same = earlier
        .iter()
        .rev()
        .filter(|other| other.domain == one.domain);
    rest.extend(
        same.nth(settings.max_per_domain as usize - 1)
            .map(|other| (other.issue, Why::Domain)),
    );
    let alone = earlier
        .iter()
        .rev()
        .find(|other| runs_alone(&one.domain) || runs_alone(&other.domain));
    rest.extend(alone.map(|other| (other.issue, Why::Exclusive)));
    for path in task.paths() {
        let works_on = |other: &&Forecast| {
            night.engine.tasks()[&other.issue]
                .paths()
                .iter()
                .any(|p| overlap(p, path))
        };
        let nearest = earlier.iter().rev().find(works_on);
        rest.extend(nearest.map(|other| (other.issue, Why::Conflict(path.clone()))));
    }
    let mut n_left = 4;
    for wait in rest {
        if n_left > 0 && !waits.iter().any(|(known, _)| *known == wait.0) {
            waits.push(wait);
            n_left -= 1;
        }
    }
    waits
}
