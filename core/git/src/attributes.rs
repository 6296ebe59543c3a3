//! What a `.gitattributes` says, as far as that can be told from its text alone.

/// Returns the attributes that lines give to paths: `filter=lfs`, `text`, `-text` and so on, comments and patterns left out.
pub(super) fn words(attributes: &[u8]) -> impl Iterator<Item = &[u8]> {
    attributes
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_start)
        .filter(|line| !line.starts_with(b"#"))
        .flat_map(|line| line.split(u8::is_ascii_whitespace).skip(1))
}
