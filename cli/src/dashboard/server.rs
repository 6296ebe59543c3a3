//! The socket: finds a free port, and serves with limits, on a thread of its own.
//!
//! A session runs in the same process, so nothing here may cost it more than the processor's time: connections, headers,
//! bodies and waiting are bounded, a client that does not read is dropped, and one thread does all of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use autoissue_core::config::DashboardSettings;
use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutStream;

/// Connections at once: a hundred open tabs have up to six each while they load, and one afterwards.
const N_CONNECTIONS_MAX: usize = 512;

/// Bytes of a request's line and headers.
const HEADER_BYTES_MAX: usize = 16 << 10;

/// Headers of a request.
const N_HEADERS_MAX: usize = 64;

/// How long a request's headers may take; also how long a connection may wait for its next request.
const HEADER_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a client may not read what is there for it.
const WRITE_TIME_MAX: Duration = Duration::from_secs(20);

/// Ports that are tried after the wanted one, before any free one is taken.
const N_PORTS_TRIED: u16 = 20;

/// How long open streams have to say goodbye at the end.
const GOODBYE_TIME_MAX: Duration = Duration::from_millis(500);

/// A socket that is listened on.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The socket.
    pub(crate) listener: TcpListener,
    /// Its address.
    pub(crate) address: SocketAddr,
    /// The port that was wanted and is in use.
    pub(crate) taken: Option<u16>,
}

/// Listens where the configuration says; where the port is in use, on the next free one.
///
/// # Errors
/// Where the address is none of this machine's, or no port is free.
pub(crate) fn bind(settings: &DashboardSettings) -> io::Result<Bound> {
    let wanted = settings.port;
    let address = resolve(&settings.host)?;
    let next = (1..=N_PORTS_TRIED).filter_map(|n| wanted.checked_add(n)).chain([0]);
    let ports = std::iter::once(wanted).chain(next.filter(|_| wanted != 0));
    let mut refused = None;
    for port in ports {
        match TcpListener::bind((address, port)) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                return Ok(Bound { listener, address, taken: (port != wanted).then_some(wanted) });
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

/// `localhost` is taken for the address that everybody means by it; other names are looked up.
fn resolve(host: &str) -> io::Result<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    if let Ok(address) = bare.parse() {
        return Ok(address);
    }
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(bare, 0))?.next();
    found.map(|address| address.ip()).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// Returns the address as it is typed into a browser.
pub(crate) fn url(settings: &DashboardSettings, address: SocketAddr) -> String {
    let host = match address.ip() {
        // Any address will do; this one works on this machine.
        ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) if settings.host.eq_ignore_ascii_case("localhost") => ip.to_string(),
        IpAddr::V4(ip) => ip.to_string(),
    };
    format!("http://{host}:{}/", address.port())
}

/// Serves until `closing` turns true, then gives open streams a moment.
///
/// # Errors
/// Where the socket cannot be used.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut closing: watch::Receiver<bool>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(N_CONNECTIONS_MAX));
    loop {
        // Without room the system's own queue holds newcomers.
        let permit = tokio::select! {
            permit = room.clone().acquire_owned() => permit.map_err(io::Error::other)?,
            _ = closing.wait_for(|closing| *closing) => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closing.wait_for(|closing| *closing) => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let (router, closing) = (router.clone(), closing.clone());
                tokio::spawn(async move {
                    connection(stream, from, router, closing).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of files, mostly; it passes.
                tracing::warn!(%error, "the dashboard cannot take a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    let everyone = u32::try_from(N_CONNECTIONS_MAX).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(GOODBYE_TIME_MAX, room.acquire_many(everyone)).await;
    Ok(())
}

async fn connection(stream: TcpStream, from: SocketAddr, router: Router, mut closing: watch::Receiver<bool>) {
    // Small messages are to be seen at once.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME_MAX));
    let mut stream = Box::pin(stream);
    let service = TowerToHyperService::new(router.layer(axum::Extension(ConnectInfo(from))));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(N_HEADERS_MAX);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(&mut stream), service));
    tokio::select! {
        // Whatever a client does wrong ends its connection, and is nobody else's matter.
        _ = connection.as_mut() => return,
        _ = closing.wait_for(|closing| *closing) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
