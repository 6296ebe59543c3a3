//! Tests of the journal's public interface, in one binary.

mod journal;
