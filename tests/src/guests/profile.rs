//! How plugins are built for tests: as `autoissue plugin new` says in the manifest that it writes, so that all of them are built of
//! the same crates.

/// Variables for cargo. Small modules are also compiled sooner by an unoptimised host.
pub const PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_STRIP", "true"),
];
