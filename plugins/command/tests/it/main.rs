//! The recipes of the README, and the interpretation of recorded runs of the programs in them.

mod recipes;
mod recorded;
