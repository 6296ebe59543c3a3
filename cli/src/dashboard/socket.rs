//! The dashboard's socket, which is served by a session or by its own command.

use std::io;
use std::path::Path;

use autoissue_core::config::DashboardSettings;

use super::server::{self, Bound};
use super::{Dashboard, Live, Plan};
use crate::error::CliError;
use crate::host::Invocation;

/// The dashboard's socket, bound before a session starts, so that an unavailable address costs
/// nothing.
pub(crate) struct Socket {
    settings: DashboardSettings,
    bound: Bound,
}

impl Socket {
    /// Binds the socket.
    ///
    /// # Errors
    /// If the address cannot be bound. If the port is in use, binds the next free one instead.
    pub(crate) fn take(settings: &DashboardSettings) -> Result<Self, CliError> {
        let bound = server::bind(settings).map_err(|source| failure(settings, source))?;
        Ok(Self {
            settings: settings.clone(),
            bound,
        })
    }

    /// Serves on the socket, and warns if the configured port was in use.
    ///
    /// # Errors
    /// If no thread can be started.
    pub(crate) fn serve(
        self,
        invocation: &Invocation,
        state_dir: &Path,
        live: Option<Live<'_>>,
    ) -> Result<Dashboard, CliError> {
        let plan = Plan {
            settings: &self.settings,
            state_dir: state_dir.to_owned(),
            redaction: invocation.console.redaction.clone(),
            time: invocation.time.clone(),
            read_command: invocation.read_command,
            live,
        };
        let taken = self.bound.taken;
        let dashboard = Dashboard::start(&plan, self.bound)
            .map_err(|source| failure(&self.settings, source))?;
        if let Some(taken) = taken {
            let url = &dashboard.url;
            invocation.console.warn(&format!(
                "port {taken} is in use; serving the dashboard on the next free one: {url}"
            ));
        }
        Ok(dashboard)
    }
}

fn failure(settings: &DashboardSettings, source: io::Error) -> CliError {
    CliError::Dashboard {
        host: settings.host.clone(),
        port: settings.port,
        source,
    }
}
