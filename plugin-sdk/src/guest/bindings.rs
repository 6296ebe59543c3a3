//! Bindings of the WIT package, generated and committed: who builds a plugin builds no generator, which would take longer than the rest.
//!
//! `plugin-sdk/bindings` writes them anew after a change of the WIT package. Until then a test of this crate fails.
#![expect(
    clippy::allow_attributes,
    clippy::cast_possible_truncation,
    clippy::semicolon_if_nothing_returned,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    reason = "generated from the WIT package, which says what its items are"
)]

#[rustfmt::skip]
pub mod agent_backend;
#[rustfmt::skip]
pub mod classifier;
#[rustfmt::skip]
pub mod metadata;
#[rustfmt::skip]
pub mod model_selector;
#[rustfmt::skip]
pub mod pr_template;
#[rustfmt::skip]
pub mod types;
