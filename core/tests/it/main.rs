//! Core's tests from outside, in one binary.

mod older;
