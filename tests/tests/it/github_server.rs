//! The GitHub server is the reference for other tests, so these verify it with plain git and a
//! plain HTTP client.

mod client;
mod faults;
mod git;
mod manners;
mod rest;

use autoissue_tests::github_server::{GithubServer, HostedRepository, Token};
use client::Client;

/// The token of all these tests.
const TOKEN: &str = "canary-t0k3n";

/// Creates a server with a repository of two commits, and a client with all permissions.
fn world() -> (GithubServer, HostedRepository, Client) {
    let github = GithubServer::start();
    github.token(TOKEN, Token::fine_grained("ada"));
    let repository = github.repository(
        "ada/sample",
        &[("README.md", "# Sample\n"), ("src/lib.rs", "// lib\n")],
    );
    let client = Client::new(&github.api_url(), TOKEN);
    (github, repository, client)
}
