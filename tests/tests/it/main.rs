//! The one test binary of this package: the outside world in small.

mod aftermath;
mod checks;
mod crash;
mod exec;
mod file_tree;
mod first_run;
mod lessons;
mod output;
mod process_under_test;
mod signals;
mod supervisor;
mod tidy;
mod user_repository;
mod trouble;
