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

/// Bytes of a request's line and headers.
const HEADER_BYTES_MAX: usize = 16 << 10;

/// Headers of a request.
const N_HEADERS_MAX: usize = 64;

/// Ports that are tried after the wanted one, before any free one is taken.
const N_PORTS_TRIED: u16 = 20;

/// How long open streams have to say goodbye at the end.
const GOODBYE_TIME_MAX: Duration = Duration::from_millis(500);

/// How much of us clients may hold, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at once.
    n_connections: usize,
    /// How long a request's headers may take; also how long a connection may wait for its next request.
    header_time: Duration,
    /// How long a client may not read what is there for it.
    write_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A hundred open tabs have up to six each while they load, and one afterwards.
            n_connections: 512,
            header_time: Duration::from_secs(30),
            write_time: Duration::from_secs(20),
        }
    }
}

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
    found
        .map(|address| address.ip())
        .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
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
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut closing: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(limits.n_connections));
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
                    connection(stream, from, router, limits, closing).await;
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
    // Small messages are to be seen at once.
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
        // Whatever a client does wrong ends its connection, and is nobody else's matter.
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

    /// Far more than anything here takes; only a broken server makes a test wait so long.
    const PATIENCE: Duration = Duration::from_secs(60);
    /// What a test may take from a client before it is bad manners.
    const SHORT: Duration = Duration::from_millis(50);

    /// A server with an answer at `/`, one that counts its answers at `/turn`, and one without end at `/endless`.
    struct Server {
        address: SocketAddr,
        /// Hears of each endless answer that is given up.
        given_up: mpsc::UnboundedReceiver<()>,
        _closing: watch::Sender<bool>,
    }

    /// Says that it is dropped.
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

        /// Asks for a page on a connection of its own, and returns the answer.
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

    /// Reads until the server closes the connection, and returns what came. It fails where that never happens.
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
    async fn a_request_that_never_gets_complete_ends_its_connection() {
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
        assert!(server.ask().await.ends_with("here"), "others are served");
    }

    #[tokio::test]
    async fn a_header_that_comes_in_drops_ends_its_connection_too() {
        let server = Server::start(Limits {
            header_time: SHORT,
            ..Limits::default()
        });
        let client = server.connect();
        let drops = tokio::task::spawn_blocking(move || {
            send(&client, "GET / HTTP/1.1\r\nhost: localhost\r\nx: ");
            // The system takes some after the other end is closed, and none of it for ever.
            let mut n_drops = 0_u32;
            while (&client).write_all(b"y").is_ok() {
                n_drops += 1;
                // Fewer bytes than would be refused for their number.
                assert!(n_drops < 10_000, "still open");
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        drops.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_asks_for_nothing_more_ends() {
        let server = Server::start(Limits {
            header_time: SHORT,
            ..Limits::default()
        });
        let client = server.connect();
        send(&client, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert!(until_closed(client).await.ends_with("here"));
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_dropped_and_others_go_on() {
        let mut server = Server::start(Limits {
            write_time: SHORT,
            ..Limits::default()
        });
        let client = server.connect();
        send(&client, "GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert!(
            server.ask().await.ends_with("here"),
            "others are served meanwhile"
        );
        let dropped = tokio::time::timeout(PATIENCE, server.given_up.recv()).await;
        assert_eq!(dropped.expect("it is dropped"), Some(()));
        drop(client);
    }

    #[tokio::test]
    async fn whoever_comes_where_all_room_is_taken_waits_for_it() {
        let server = Server::start(Limits {
            n_connections: 1,
            ..Limits::default()
        });
        let (first, second) = (server.connect(), server.connect());
        let ask = "GET /turn HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        send(&second, ask);
        // The server has every occasion to answer the second one, and may not.
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
