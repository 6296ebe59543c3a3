//! The journal's tests from outside, in one binary.

mod journal;
