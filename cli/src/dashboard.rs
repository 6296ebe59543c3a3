//! The dashboard: a page and an API for one session, running here or in another process, and for
//! all past sessions.
//!
//! ```text
//!   session ─► bus ──────┐                                        ┌─► page, API, metrics
//!                        ├─► follow ─► hub (story, log, outputs) ─┤
//!   journal, transcripts ┘             one per session            └─► streams of events, at their own pace
//!        ▲                                                             │
//!        └──────── user requests (reset a breaker) ◄───────────────────┘
//! ```
//!
//! It is another reporter of the same events: it shows what is in the journal, decides nothing, and
//! runs on its own thread, so that many or slow readers never make the session wait.

mod api;
mod archive;
mod auth;
mod follow;
mod guard;
mod hub;
mod library;
mod openapi;
mod output;
mod page;
mod problem;
mod prometheus;
mod server;
mod shown;
mod socket;
mod story;
mod stream;
#[cfg(test)]
mod tests;
mod view;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;

use autoissue_core::bus::Bus;
use autoissue_core::config::DashboardSettings;
use autoissue_core::control::Resetter;
use autoissue_core::engine::Event;
use autoissue_core::journal::SessionId;
use autoissue_core::secret::redaction::Redaction;
use tokio::sync::watch;

use crate::local_time::LocalTime;
use crate::typed::ReadCommand;
use api::App;
use archive::Archive;
use auth::Auth;
use guard::Hosts;
use hub::{Control, Hub};
use library::Library;
use server::{Bound, Limits};
pub(crate) use shown::Screen;
pub(crate) use socket::Socket;
pub(crate) use story::Style;
#[cfg(test)]
pub(crate) use {prometheus::text as prometheus, story::Story, story::Wanted};

/// Parameters of a dashboard.
pub(crate) struct Plan<'a> {
    /// Where to listen, and who may see it.
    pub(crate) settings: &'a DashboardSettings,
    /// Directory of the journal.
    pub(crate) state_dir: PathBuf,
    /// Secrets that must not be shown.
    pub(crate) redaction: Redaction,
    /// Time zone for display.
    pub(crate) time: LocalTime,
    /// Parses the command that started a session.
    pub(crate) read_command: ReadCommand,
    /// The session of this process.
    pub(crate) live: Option<Live<'a>>,
}

/// A session of this process, before it runs.
pub(crate) struct Live<'a> {
    pub(crate) session: SessionId,
    /// The bus that carries its events.
    pub(crate) bus: &'a Bus<Event>,
    /// Closes its breakers.
    pub(crate) resetter: Resetter,
}

/// A running dashboard. Dropping it stops it.
pub(crate) struct Dashboard {
    /// URL for a browser.
    pub(crate) url: String,
    closing: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Dashboard {
    /// Starts serving on a socket, on its own thread.
    ///
    /// # Errors
    /// If no thread can be started.
    fn start(plan: &Plan<'_>, bound: Bound) -> io::Result<Self> {
        let url = server::url(plan.settings, bound.address);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (app, live) = assemble(plan, bound.address);
        // Subscribes before the session starts, so that nothing is missed.
        let lanes = plan
            .live
            .as_ref()
            .map(|live| (live.bus.subscribe(0), live.bus.watch_progress()));
        let closing = app.closing.clone();
        let serve = move || {
            runtime.block_on(async {
                if let Some((hub, (events, progress))) = live.zip(lanes) {
                    let archive = app.library.archive().clone();
                    hub.keep(tokio::spawn(follow::bus(
                        Arc::downgrade(&hub),
                        events,
                        progress,
                        archive,
                    )));
                }
                let keeper = app.clone();
                tokio::spawn(async move { keeper.library.keep_current().await });
                let (router, closing) = (api::router(&app), app.closing.subscribe());
                if let Err(error) =
                    server::serve(bound.listener, router, Limits::default(), closing).await
                {
                    tracing::error!(%error, "the dashboard ended");
                }
            });
            // Does not wait for a blocked read of the journal; nobody needs its result.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new()
            .name("dashboard".to_owned())
            .spawn(serve)?;
        Ok(Self {
            url,
            closing,
            thread: Some(thread),
        })
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.closing.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic has been printed to standard error; the session's result matters more.
            let _ = thread.join();
        }
    }
}

fn assemble(plan: &Plan<'_>, address: SocketAddr) -> (Arc<App>, Option<Arc<Hub>>) {
    let settings = plan.settings;
    let screen = Screen::new(plan.redaction.clone());
    let style = Style {
        screen,
        time: plan.time.clone(),
        read_command: plan.read_command,
    };
    let live = plan.live.as_ref().map(|live| {
        let control = Control::Here(live.resetter.clone());
        Hub::new(
            live.session.clone(),
            plan.state_dir.clone(),
            style.clone(),
            control,
        )
    });
    let machine = rustix::system::uname();
    let app = App {
        library: Library::new(Archive::new(plan.state_dir.clone()), style, live.clone()),
        auth: Auth::new(&settings.auth, address.port()),
        hosts: Hosts::new(
            address.ip(),
            &settings.host,
            machine.nodename().to_str().ok(),
        ),
        closing: watch::Sender::new(false),
        n_streams: AtomicUsize::new(0),
    };
    (Arc::new(app), live)
}
