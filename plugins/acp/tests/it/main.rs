//! The interpretation of recorded conversations with real programs, and what is sent in them.

mod peer;
mod recorded;
