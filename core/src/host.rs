//! What core gets to know about the machine and the command: it reads neither arguments nor
//! environment itself.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use autoissue_plugin_host::Compile;
use autoissue_secret::redaction::Redaction;

use crate::plugins::PluginArgument;

/// The machine and the command as a session sees them. Core reads neither arguments nor
/// environment itself.
#[derive(Clone, Debug)]
pub struct Host {
    /// Directory that state is kept in.
    pub state_dir: PathBuf,
    /// The checkout.
    pub project: PathBuf,
    /// Our own program, which core starts again in its hidden modes.
    pub own_program: PathBuf,
    /// What compiles plugins.
    pub compiler: Arc<dyn Compile>,
    /// The environment that programs are found and started with.
    pub environment: Vec<(OsString, OsString)>,
    /// Command line, for people who read `status` later.
    pub command: String,
    /// Length of a minute of an agent's limits: 60 seconds, less in tests that cannot wait.
    pub minute: Duration,
    /// Secrets to remove wherever something is written. Core adds those that it discovers, such as
    /// the forge's token.
    pub redaction: Redaction,
    /// Plugins from the command line. A resume without any uses those that the session was started
    /// with.
    pub plugins: Vec<PluginArgument>,
}
