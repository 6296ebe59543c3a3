//! Connections. This lies below axum because a server has to be able to hang up in the middle of an answer, or without one.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::{Shared, door};

/// Takes connections until the runtime ends.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, router: Router) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (shared, router) = (Arc::clone(&shared), router.clone());
        tokio::spawn(async move {
            // Small answers of a server must not wait for the client's acknowledgement.
            let _ = stream.set_nodelay(true);
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                door::answer(
                    Arc::clone(&shared),
                    router.clone(),
                    request.map(axum::body::Body::new),
                )
            });
            // A client that hangs up, or is hung up on, is nothing to report.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// Binds a port of its own on loopback.
pub(super) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port on loopback");
    let address = listener.local_addr().expect("the port's number");
    (listener, address)
}
