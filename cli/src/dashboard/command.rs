//! `autoissue dashboard`: serves the dashboard over past sessions and the live one, which runs in another process.

use std::io;
use std::path::Path;

use autoissue_core::config::DashboardSettings;
use serde::Serialize;

use super::server::{self, Bound};
use super::{Dashboard, Live, Plan};
use crate::args::DashboardArgs;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Surroundings;
use crate::signals::Signals;

/// Where it is served, as a line of JSON.
#[derive(Debug, Serialize)]
struct DashboardLine<'a> {
    r#type: &'static str,
    url: &'a str,
}

/// Runs the command until a signal ends it.
///
/// # Errors
/// Where the configuration is wrong, or the address cannot be listened on.
pub(crate) fn run(around: &Surroundings, args: &DashboardArgs) -> Result<ExitCode, CliError> {
    let loaded = around.load(args.settings())?;
    loaded
        .warnings
        .iter()
        .for_each(|warning| around.console.warn(warning));
    let socket = Socket::take(&loaded.config.dashboard)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| CliError::System {
        what: "start threads",
        source,
    })?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let dashboard = socket.serve(around, &around.state_dir()?, None)?;
        if around.console.is_json() {
            around.console.json(&DashboardLine {
                r#type: "dashboard",
                url: &dashboard.url,
            })?;
        } else {
            around
                .console
                .print(&format!("dashboard: {}\n", dashboard.url))?;
            around
                .console
                .say("Ctrl-C ends it; sessions go on without it");
        }
        signals.next().await;
        Ok(ExitCode::Success)
    })
}

/// The dashboard's socket: taken before a session begins, so that an address that cannot be had costs nothing.
pub(crate) struct Socket {
    settings: DashboardSettings,
    bound: Bound,
}

impl Socket {
    /// Takes it.
    ///
    /// # Errors
    /// Where the address cannot be listened on. A port that is in use is no error: the next free one is taken.
    pub(crate) fn take(settings: &DashboardSettings) -> Result<Self, CliError> {
        let bound = server::bind(settings).map_err(|source| failure(settings, source))?;
        Ok(Self {
            settings: settings.clone(),
            bound,
        })
    }

    /// Serves on it, and says where the wanted port is in use.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub(crate) fn serve(
        self,
        around: &Surroundings,
        state_dir: &Path,
        live: Option<Live<'_>>,
    ) -> Result<Dashboard, CliError> {
        let plan = Plan {
            settings: &self.settings,
            state_dir: state_dir.to_owned(),
            redaction: around.console.redaction.clone(),
            time: around.time.clone(),
            live,
        };
        let taken = self.bound.taken;
        let dashboard = Dashboard::start(&plan, self.bound)
            .map_err(|source| failure(&self.settings, source))?;
        if let Some(taken) = taken {
            let url = &dashboard.url;
            around.console.warn(&format!(
                "port {taken} is in use; the dashboard takes the next free one: {url}"
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
