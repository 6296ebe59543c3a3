//! The GitHub server is a measuring instrument: here it is shown to be right, with plain git and a plain HTTP client.

mod client;
mod faults;
mod git;
mod manners;
mod rest;

use autoissue_tests::github_server::{GithubServer, HostedRepository, Token};
use client::Client;

/// The token that all these tests use.
const TOKEN: &str = "canary-t0k3n";

/// A server with a repository of two commits, and a client that may do everything.
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
