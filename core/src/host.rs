//! What core is given of the machine and the command: it reads neither arguments nor environment of its own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use autoissue_secret::redaction::Redaction;

use crate::plugins::PluginArgument;

/// What a session is run with. Core reads no arguments and no environment of its own.
#[derive(Clone, Debug)]
pub struct Host {
    /// Directory that state is kept in.
    pub state_dir: PathBuf,
    /// The checkout.
    pub project: PathBuf,
    /// Our own program, which core starts again in its hidden modes.
    pub own_program: PathBuf,
    /// The environment that programs are found and started with.
    pub environment: Vec<(OsString, OsString)>,
    /// Command line, for people who read `status` later.
    pub command: String,
    /// How long a minute of an agent's limits lasts: 60 seconds for people, less for tests that cannot wait.
    pub minute: Duration,
    /// What is hidden wherever something is written. Core adds what it finds out, such as the forge's token.
    pub redaction: Redaction,
    /// Plugins of the command line. A resume without any asks those that the session began with.
    pub plugins: Vec<PluginArgument>,
}
