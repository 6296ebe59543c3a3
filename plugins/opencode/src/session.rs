//! Names of sessions, as the host knows them: the program's own id, and a checksum of the directory
//! that the session belongs to.
//!
//! The program continues a session in the directory in which it was started, wherever it is run: it
//! would edit the files of another work tree, and print nothing. So a session is only resumed in its
//! own directory.

/// Separates the two parts.
const SEPARATOR: char = '@';

/// Id of a session that never exists: the program then reports that the session was not found.
const NONE: &str = "ses_none";

/// Returns the name of a session.
pub(crate) fn name(id: &str, directory: &str) -> String {
    format!("{id}{SEPARATOR}{:016x}", checksum(directory))
}

/// Returns the program's id of a session with this name; that of no session if it cannot be resumed
/// in this directory.
pub(crate) fn id<'a>(session: &'a str, directory: &str) -> &'a str {
    match session.split_once(SEPARATOR) {
        Some((id, _)) if !id.starts_with('-') && session == name(id, directory) => id,
        _ => NONE,
    }
}

/// Returns the FNV-1a hash of a text. It must stay the same in all releases.
fn checksum(text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    text.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_resumed_in_its_own_directory_only() {
        let session = name("ses_1", "/repo");
        assert_eq!(id(&session, "/repo"), "ses_1");
        assert_eq!(id(&session, "/other"), NONE);
        assert_eq!(id("ses_1", "/repo"), NONE);
        assert_eq!(id(&name("--help", "/repo"), "/repo"), NONE);
    }

    #[test]
    fn names_stay_the_same() {
        assert_eq!(name("ses_1", "/repo"), "ses_1@f7556aa5a4543342");
    }
}
