//! Plugins as components in the real host.

mod corpus;
mod same_answer;
