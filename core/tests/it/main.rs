//! Tests of core through its public interface, in one binary.

mod outdated_journal;
