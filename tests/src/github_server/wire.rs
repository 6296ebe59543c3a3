//! Connections. This layer is below axum because the server must be able to close a connection in
//! the middle of a response, or without one.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::{Shared, door};

/// Accepts connections until the runtime ends.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, router: Router) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (shared, router) = (Arc::clone(&shared), router.clone());
        tokio::spawn(async move {
            // Small responses must not wait for the client's acknowledgement.
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                door::answer(
                    Arc::clone(&shared),
                    router.clone(),
                    request.map(axum::body::Body::new),
                )
            });
            // A closed connection, by either side, is not worth reporting.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Binds a free port on loopback.
pub(super) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port on loopback");
    let address = listener.local_addr().expect("the port's number");
    (listener, address)
}
