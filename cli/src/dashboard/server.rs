//! The socket: finds a free port and serves with limits, on its own thread.
//!
//! A session runs in the same process, so this may cost it nothing but CPU time: connections,
//! headers, bodies and waiting are bounded, clients that do not read are dropped, and a single
//! thread does everything.

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

/// Maximum size of a request's line and headers, in bytes.
const HEADER_BYTES_MAX: usize = 16 << 10;

/// Maximum number of headers in a request.
const N_HEADERS_MAX: usize = 64;

/// Number of ports tried after the configured one, before the system picks a free one.
const N_PORTS_TRIED: u16 = 20;

/// How long open streams have to finish when the dashboard stops.
const GOODBYE_TIME_MAX: Duration = Duration::from_millis(500);

/// Limits on the resources that clients may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Number of concurrent connections.
    n_connections: usize,
    /// How long a request's headers may take, and how long a connection may stay idle.
    header_time: Duration,
    /// How long a client may leave available data unread.
    write_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Enough for a hundred open tabs, with up to six connections each while loading and one
            // afterwards.
            n_connections: 512,
            header_time: Duration::from_secs(30),
            write_time: Duration::from_secs(20),
        }
    }
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    /// The configured port, if it was in use.
    pub(crate) taken: Option<u16>,
}

/// Listens on the configured address; if the port is in use, on the next free one.
///
/// # Errors
/// If the address does not belong to this machine, or no port is free.
pub(crate) fn bind(settings: &DashboardSettings) -> io::Result<Bound> {
    let wanted = settings.port;
    let address = resolve(&settings.host)?;
    let next = (1..=N_PORTS_TRIED)
        .filter_map(|n| wanted.checked_add(n))
        .chain([0]);
    let ports = std::iter::once(wanted).chain(next.filter(|_| wanted != 0));
    let mut refused = None;
    for port in ports {
        match TcpListener::bind((address, port)) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                return Ok(Bound {
                    listener,
                    address,
                    taken: (port != wanted).then_some(wanted),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

/// Resolves a host name. `localhost` always means the IPv4 loopback address.
fn resolve(host: &str) -> io::Result<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    if let Ok(address) = bare.parse() {
        return Ok(address);
    }
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(bare, 0))?.next();
    found
        .map(|address| address.ip())
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

/// Returns the URL for a browser.
pub(crate) fn url(settings: &DashboardSettings, address: SocketAddr) -> String {
    let host = match address.ip() {
        // The socket listens on all addresses; this one works on this machine.
        ip if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) if settings.host.eq_ignore_ascii_case("localhost") => ip.to_string(),
        IpAddr::V4(ip) => ip.to_string(),
    };
    format!("http://{host}:{}/", address.port())
}

/// Serves until `closing` becomes true, then gives open streams a moment to finish.
///
/// # Errors
/// If the socket cannot be used.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(limits.n_connections));
    loop {
        // While the limit is reached, new connections stay in the system's queue.
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
                    connection(stream, from, router, limits, closing).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Usually too many open files, which is temporary.
                tracing::warn!(%error, "the dashboard failed to accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    let everyone = u32::try_from(limits.n_connections).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(GOODBYE_TIME_MAX, room.acquire_many(everyone)).await;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) {
    // Small messages should arrive immediately.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write_time));
    let mut stream = Box::pin(stream);
    let service = TowerToHyperService::new(router.layer(axum::Extension(ConnectInfo(from))));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(N_HEADERS_MAX);
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(&mut stream), service));
    tokio::select! {
        // An error of a client ends only its own connection.
        _ = connection.as_mut() => return,
        _ = closing.wait_for(|closing| *closing) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream as Client;
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use tokio::sync::mpsc;

    use super::*;

    /// A timeout that only a broken server reaches.
    const PATIENCE: Duration = Duration::from_secs(60);
    /// A client time limit short enough for a test to wait for.
    const SHORT: Duration = Duration::from_millis(50);

    /// A server with a response at `/`, one that counts its responses at `/turn`, and an endless
    /// one at `/endless`.
    struct Server {
        address: SocketAddr,
        /// Receives a message for each endless response that was abandoned.
        given_up: mpsc::UnboundedReceiver<()>,
        _closing: watch::Sender<bool>,
    }

    /// Sends a message when it is dropped.
    struct Held(mpsc::UnboundedSender<()>);

    impl Drop for Held {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    impl Server {
        fn start(limits: Limits) -> Self {
            let (say, given_up) = mpsc::unbounded_channel();
            let endless = move || {
                let held = Held(say.clone());
                let pieces = futures_util::stream::repeat_with(move || {
                    let _held = &held;
                    Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'x'; 16 << 10]))
                });
                std::future::ready(Body::from_stream(pieces))
            };
            let turn = Arc::new(AtomicU32::new(0));
            let turn =
                move || std::future::ready((1 + turn.fetch_add(1, Ordering::SeqCst)).to_string());
            let router = Router::new()
                .route("/", get(|| async { "here" }))
                .route("/turn", get(turn))
                .route("/endless", get(endless));
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let address = listener.local_addr().unwrap();
            let (closing, closed) = watch::channel(false);
            tokio::spawn(serve(listener, router, limits, closed));
            Self {
                address,
                given_up,
                _closing: closing,
            }
        }

        fn connect(&self) -> Client {
            let client = Client::connect(self.address).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client
        }

        /// Requests a page on a new connection, and returns the response.
        async fn ask(&self) -> String {
            let client = self.connect();
            send(
                &client,
                "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
            );
            until_closed(client).await
        }
    }

    fn send(mut client: &Client, text: &str) {
        client.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until the server closes the connection, and returns what arrived. Fails if that never
    /// happens.
    async fn until_closed(mut client: Client) -> String {
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            match client.read_to_end(&mut bytes) {
                Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
                    panic!("still open: {error}")
                }
                _ => String::from_utf8_lossy(&bytes).into_owned(),
            }
        });
        read.await.unwrap()
    }

    #[tokio::test]
    async fn an_incomplete_request_ends_its_connection() {
        let server = Server::start(Limits {
            header_time: SHORT,
            ..Limits::default()
        });
        for beginning in ["", "GET", "GET / HTTP/1.1\r\nhost: localhost\r\nx: "] {
            let client = server.connect();
            send(&client, beginning);
            let answer = until_closed(client).await;
            assert!(!answer.contains("here"), "{beginning:?}: {answer}");
        }
        assert!(
            server.ask().await.ends_with("here"),
            "other clients are served"
        );
    }

    #[tokio::test]
    async fn a_header_that_trickles_in_ends_its_connection() {
        let server = Server::start(Limits {
            header_time: SHORT,
            ..Limits::default()
        });
        let client = server.connect();
        let drops = tokio::task::spawn_blocking(move || {
            send(&client, "GET / HTTP/1.1\r\nhost: localhost\r\nx: ");
            // The system accepts some data after the other end has closed, but not indefinitely.
            let mut n_drops = 0_u32;
            while (&client).write_all(b"y").is_ok() {
                n_drops += 1;
                // Fewer bytes than the limit on their number.
                assert!(n_drops < 10_000, "still open");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        drops.await.unwrap();
    }

    #[tokio::test]
    async fn an_idle_connection_is_closed() {
        let server = Server::start(Limits {
            header_time: SHORT,
            ..Limits::default()
        });
        let client = server.connect();
        send(&client, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert!(until_closed(client).await.ends_with("here"));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_dropped_and_others_are_served() {
        let mut server = Server::start(Limits {
            write_time: SHORT,
            ..Limits::default()
        });
        let client = server.connect();
        send(&client, "GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert!(
            server.ask().await.ends_with("here"),
            "other clients are served in the meantime"
        );
        let dropped = tokio::time::timeout(PATIENCE, server.given_up.recv()).await;
        assert_eq!(dropped.expect("it is dropped"), Some(()));
        drop(client);
    }

    #[tokio::test]
    async fn a_client_beyond_the_limit_waits() {
        let server = Server::start(Limits {
            n_connections: 1,
            ..Limits::default()
        });
        let (first, second) = (server.connect(), server.connect());
        let ask = "GET /turn HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        send(&second, ask);
        // The server has every opportunity to answer the second one, and must not.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        send(&first, ask);
        assert!(until_closed(first).await.ends_with("\r\n\r\n1"));
        assert!(until_closed(second).await.ends_with("\r\n\r\n2"));
    }

    #[tokio::test]
    async fn idle_connections_make_room() {
        let server = Server::start(Limits {
            n_connections: 1,
            header_time: SHORT,
            ..Limits::default()
        });
        let idle = server.connect();
        assert!(server.ask().await.ends_with("here"));
        assert_eq!(until_closed(idle).await, "");
    }
}
