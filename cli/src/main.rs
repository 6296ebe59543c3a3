//! autoissue
fn main() {}
