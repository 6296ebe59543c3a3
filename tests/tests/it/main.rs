//! The one test binary of this package: the outside world in small.

mod checks;
mod exec;
mod lessons;
mod process_under_test;
mod supervisor;
