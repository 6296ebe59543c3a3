//! The engine's tests: stories with expected events, and simulated nights judged by oracles.

mod stories;
