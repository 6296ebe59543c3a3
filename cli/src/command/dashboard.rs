//! `autoissue dashboard`: serves the dashboard for past sessions and the live one, which runs in
//! another process.

use clap::Args;
use serde::Serialize;

use crate::args::port;
use crate::config::FlagValue;
use crate::dashboard::Socket;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::signals::Signals;

/// Arguments of `dashboard`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DashboardArgs {
    /// Port to listen on (0 picks a free one)
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

impl DashboardArgs {
    /// Returns the configuration values set by the flags.
    pub(crate) fn settings(&self) -> Vec<FlagValue> {
        self.port.map(port).into_iter().collect()
    }
}

/// The dashboard's address, as a line of JSON.
#[derive(Debug, Serialize)]
struct DashboardLine<'a> {
    r#type: &'static str,
    url: &'a str,
}

/// Runs the command until a signal arrives.
///
/// # Errors
/// If the configuration is invalid, or the address cannot be bound.
pub(crate) fn run(invocation: &Invocation, args: &DashboardArgs) -> Result<ExitCode, CliError> {
    let loaded = invocation.load(args.settings())?;
    loaded
        .warnings
        .iter()
        .for_each(|warning| invocation.console.warn(warning));
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
        let dashboard = socket.serve(invocation, &invocation.state_dir()?, None)?;
        if invocation.console.is_json() {
            invocation.console.json(&DashboardLine {
                r#type: "dashboard",
                url: &dashboard.url,
            })?;
        } else {
            invocation
                .console
                .print(&format!("dashboard: {}\n", dashboard.url))?;
            invocation
                .console
                .say("press Ctrl-C to stop the dashboard; running sessions are not affected");
        }
        signals.next().await;
        Ok(ExitCode::Success)
    })
}
