//! `exec` on GitHub: the real binary, real clone and push, and a server that fails the test on the
//! first violation of GitHub's rules.

mod executions;
mod forge;
mod meanwhile;
mod publish;
mod push;
mod scale;

use autoissue_tests::GithubSandbox;

/// Creates a sandbox with `n_issues` plain issues.
fn world_with(n_issues: u64) -> GithubSandbox {
    let world = GithubSandbox::new();
    for number in 1..=n_issues {
        world.plain_issue(&format!("[Backend] add {number}"));
    }
    world
}
