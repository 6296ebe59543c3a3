//! autoissue
#![cfg_attr(not(test), expect(dead_code, reason = "the commands that use these are not written yet"))]

mod config;

fn main() {}
