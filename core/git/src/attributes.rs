//! Parses `.gitattributes`, as far as its text alone shows what it sets.

/// Returns the attributes that lines assign to paths: `filter=lfs`, `text`, `-text` and so on,
/// without comments and patterns.
pub(super) fn words(attributes: &[u8]) -> impl Iterator<Item = &[u8]> {
    attributes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_start)
        .filter(|line| !line.starts_with(b"#"))
        .flat_map(|line| line.split(u8::is_ascii_whitespace).skip(1))
}
