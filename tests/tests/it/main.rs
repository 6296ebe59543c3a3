//! The end-to-end tests of this package, in one test binary.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the programs under test"
)]

mod aftermath;
mod any_command;
mod awake;
mod checks;
mod crash;
mod dashboard;
mod doctor;
mod exec;
mod file_tree;
mod first_run;
mod github;
mod github_server;
mod history;
mod init;
mod lessons;
mod logs;
mod next_command;
mod outdated_journal;
mod output;
mod planner;
mod plugins;
mod process_under_test;
mod prompt;
mod screen;
mod show;
mod signals;
mod supervisor;
mod tidy;
mod trouble;
mod user_repository;
mod workflows;
