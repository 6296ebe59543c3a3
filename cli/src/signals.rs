//! Handling of Ctrl-C, SIGTERM and SIGHUP.
//!
//! ```text
//!   first  ─► stopper.stop(): no new work starts, agents are asked to stop, all work is saved
//!   second ─► stopper.kill(): agents and collectors are killed
//!   third  ─► exit 130 immediately; the supervisors end the remaining agents
//! ```

use std::io;

use autoissue_core::session::Stopper;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::terminal::Echo;

/// The signals that request a stop.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Installs handlers that replace the default actions.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub(crate) fn listen() -> Result<Self, CliError> {
        fn on(kind: SignalKind) -> Result<Signal, CliError> {
            signal(kind).map_err(|source: io::Error| CliError::System {
                what: "listen for signals",
                source,
            })
        }

        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    /// Stops the session on signals and reports that through `notices`. Never returns. If it exits
    /// the process, it restores the terminal first.
    pub(crate) async fn obey(
        mut self,
        stopper: Stopper,
        notices: mpsc::Sender<String>,
        echo: Echo,
    ) {
        for n_signals in 1_u32.. {
            self.next().await;
            let Some(notice) = notice(n_signals) else {
                echo.restore();
                std::process::exit(i32::from(ExitCode::Interrupted.number()));
            };
            // Stopping matters more than the notice, which is dropped if the channel is full.
            let _ = notices.try_send(notice.to_owned());
            if n_signals == 1 {
                stopper.stop();
            } else {
                stopper.kill();
            }
        }
    }

    /// Cancels on the first signal, and exits on the second.
    pub(crate) async fn cancel(mut self, token: CancellationToken) {
        self.next().await;
        token.cancel();
        self.next().await;
        std::process::exit(i32::from(ExitCode::Interrupted.number()));
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// Returns the notice for a signal; `None` if the process exits.
const fn notice(n_signals: u32) -> Option<&'static str> {
    match n_signals {
        1 => Some(
            "stopping: waiting for agents to exit and saving their work; press Ctrl-C again to kill them",
        ),
        2 => Some("killing the agents; press Ctrl-C again to exit immediately"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_signal_has_no_notice() {
        assert!(notice(1).is_some() && notice(2).is_some() && notice(3).is_none());
    }
}
