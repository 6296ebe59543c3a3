//! Sessions, and where the program keeps them.
//!
//! The host knows a session by a name that consists of the program's own id, a checksum of the
//! session's directory, and the key of its database: `ses_1@f7556aa5a4543342.KEY`.
//!
//! Two facts about the program make this necessary. It continues a session in the directory in which
//! the session was started, wherever it is run: it would edit the files of another work tree, and
//! print nothing. So a session is only resumed in its own directory. And programs that share a
//! database disturb each other: they exit with `database is locked` if they start at the same time,
//! and also use the permissions that the user has granted forever. So each session has a database of
//! its own, in the program's data directory.

use autoissue_plugin_sdk::AgentTask;

/// Id of a session that never exists: the program then reports that the session was not found.
const NONE: &str = "ses_none";

/// Longest key of a database: that of a UUID.
const KEY_LENGTH_MAX: usize = 36;

/// The session of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    /// The program's id of the session to resume.
    pub(crate) resumed: Option<String>,
    /// Checksum of its directory.
    checksum: String,
    /// Key of its database.
    key: String,
}

impl Session {
    /// Returns the session of a task.
    pub(crate) fn of(task: &AgentTask) -> Self {
        let new = Self {
            resumed: None,
            checksum: checksum(&task.directory),
            key: key(&task.session),
        };
        match &task.resume {
            Some(session) => new.resume(&session.id),
            None => new,
        }
    }

    /// Returns the session with this name, or none that exists if the name is that of a session in
    /// another directory.
    fn resume(mut self, name: &str) -> Self {
        let parts = name.split_once('@').and_then(|(id, rest)| {
            let (checksum, own_key) = rest.split_once('.')?;
            let is_ours = checksum == self.checksum && own_key == key(own_key);
            (is_ours && !id.starts_with('-')).then_some((id, own_key))
        });
        let (id, own_key) = parts.unwrap_or((NONE, &self.key));
        (self.resumed, self.key) = (Some(id.to_owned()), own_key.to_owned());
        self
    }

    /// Returns the name of this session, which has this id.
    pub(crate) fn name(&self, id: &str) -> String {
        format!("{id}@{}.{}", self.checksum, self.key)
    }

    /// Returns the file name of its database.
    pub(crate) fn database(&self) -> String {
        format!("autoissue-{}.db", self.key)
    }
}

/// Returns a text without characters that could be part of a path.
fn key(text: &str) -> String {
    let is_safe = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    text.chars().filter(is_safe).take(KEY_LENGTH_MAX).collect()
}

/// Returns the FNV-1a hash of a text. It must stay the same in all releases.
fn checksum(text: &str) -> String {
    let start: u64 = 0xcbf2_9ce4_8422_2325;
    let hash = text.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::ResumedSession;

    use super::*;

    fn session(directory: &str, key: &str, resumed: Option<&str>) -> Session {
        let task = AgentTask::default().directory(directory).session(key);
        Session::of(&match resumed {
            Some(name) => task.resume(ResumedSession::new(name, 0.0)),
            None => task,
        })
    }

    #[test]
    fn a_session_is_resumed_in_its_own_directory_and_database() {
        let first = session("/repo", "k-1", None);
        assert_eq!(
            (first.resumed.as_deref(), first.database().as_str()),
            (None, "autoissue-k-1.db")
        );
        let name = first.name("ses_1");
        let second = session("/repo", "k-2", Some(&name));
        assert_eq!(second.resumed.as_deref(), Some("ses_1"));
        assert_eq!(second.database(), first.database());
        assert_eq!(second.name("ses_1"), name, "a third attempt finds it too");
    }

    #[test]
    fn a_session_of_another_directory_is_not_found() {
        let name = session("/elsewhere", "k-1", None).name("ses_1");
        let own = session("/repo", "k-1", None).name("--help");
        for name in [
            name.as_str(),
            &own,
            "ses_1",
            "ses_1@",
            "ses_1@f7556aa5a4543342.../../x",
        ] {
            let resumed = session("/repo", "k-2", Some(name));
            assert_eq!(resumed.resumed.as_deref(), Some(NONE), "{name}");
            assert_eq!(resumed.database(), "autoissue-k-2.db");
        }
    }

    #[test]
    fn names_stay_the_same_and_are_accepted_by_the_host() {
        let key = "11111111-1111-4111-8111-111111111111";
        let name = session("/repo", key, None).name("ses_dd115ba06ffeMGDZ4Gh0MzFPaN");
        assert_eq!(
            name,
            format!("ses_dd115ba06ffeMGDZ4Gh0MzFPaN@f7556aa5a4543342.{key}")
        );
        assert!(name.len() <= 128);
    }

    #[test]
    fn a_key_is_part_of_a_file_name_only() {
        assert_eq!(
            session("/repo", "../a/b c", None).database(),
            "autoissue-abc.db"
        );
    }
}
