//! The one test binary of this package: the outside world in small.

mod aftermath;
mod checks;
mod crash;
mod exec;
mod lessons;
mod process_under_test;
mod signals;
mod supervisor;
