//! The build profile of plugins in tests: the same as in the manifest that `autoissue plugin new`
//! writes, so that all builds share their dependencies.

/// Environment variables for cargo. Small modules are also faster to compile for an unoptimised
/// host.
pub const PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_LTO", "true"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_STRIP", "true"),
];
