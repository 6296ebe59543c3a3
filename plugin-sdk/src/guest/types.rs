//! Bindings of what all interfaces share: the value types, and the host's log.
#![expect(
    missing_docs,
    reason = "generated from the WIT package, which says what they are"
)]

wit_bindgen::generate!({
    path: "../wit/plugin-0.1",
    inline: "
        package autoissue:sdk;
        world shared {
            import autoissue:plugin/types@0.1.0;
            import autoissue:plugin/host-log@0.1.0;
        }
    ",
    world: "autoissue:sdk/shared",
    generate_all,
});

pub use autoissue::plugin::host_log;
pub use autoissue::plugin::types::{Fact, Issue as WitIssue, PluginError as WitError};
