//! Bindings of the WIT packages, generated and committed so that building a plugin does not require
//! building the generator, which would take most of the build time.
//!
//! `plugin-sdk/bindings` regenerates them after a change of the WIT packages. Until then a test of
//! this crate fails.
#![expect(
    clippy::allow_attributes,
    clippy::cast_possible_truncation,
    clippy::semicolon_if_nothing_returned,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    reason = "generated from the WIT packages, which documents its items"
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
