//! Limits for clients: unlimited input, oversized requests, and streams that nobody reads.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use autoissue_tests::http::{ask, get};
use autoissue_tests::{Recipe, Served};
use serde_json::json;
use tempfile::TempDir;

use super::World;

fn raw(port: u16, request: &str) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the server is listening");
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout");
    // The server may close before it has read everything.
    let _ = socket.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn oversized_headers_and_bodies_are_rejected() {
    let state = TempDir::new().unwrap();
    let served = Served::start(state.path(), &json!({}));
    let port = served.port;
    let long = raw(
        port,
        &format!(
            "GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
            "y".repeat(64 << 10)
        ),
    );
    assert!(
        long.is_empty() || long.starts_with("HTTP/1.1 431"),
        "{long}"
    );
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let many = raw(
        port,
        &format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"),
    );
    assert!(
        many.is_empty() || many.starts_with("HTTP/1.1 431"),
        "{many}"
    );
    assert_eq!(
        ask(
            port,
            "POST",
            "/api/circuit-breaker/reset",
            &[("content-type", "application/json")],
            &"x".repeat(100_000)
        )
        .status,
        404
    );
    assert!(raw(port, "NONSENSE\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert!(
        raw(port, "GET / HTTP/1.1\r\nconnection: close\r\n\r\n").starts_with("HTTP/1.1 400"),
        "a request without a host must be rejected"
    );
    assert_eq!(
        get(port, "/api/health").status,
        200,
        "other clients must not be affected"
    );
}

#[test]
fn an_oversized_body_is_rejected_by_a_running_session() {
    let world = World::new(Recipe::new(3, 1));
    let served = world.serve();
    let json = [("content-type", "application/json")];
    for (path, headers) in [
        ("/api/circuit-breaker/reset", &json as &[_]),
        ("/login", &[]),
    ] {
        assert_eq!(
            ask(served.port, "POST", path, headers, &"x".repeat(16 << 10)).status / 100,
            4,
            "{path}"
        );
        assert_eq!(
            ask(
                served.port,
                "POST",
                path,
                headers,
                &"x".repeat((16 << 10) + 1)
            )
            .status,
            413,
            "{path}"
        );
    }
}

#[test]
fn unread_streams_do_not_block_others() {
    let mut world = World::new(Recipe::new(400, 1));
    let served = world.serve();
    let deaf: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut socket = TcpStream::connect(("127.0.0.1", served.port)).expect("a connection");
            socket
                .write_all(b"GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n")
                .expect("it is sent");
            socket
        })
        .collect();
    let reader = autoissue_tests::http::stream(served.port, "/api/events", &[]);
    world.session.go_on(usize::MAX);
    let ids = reader.filter_map(|message| message.id);
    let seen = ids
        .take_while(|id| !id.ends_with(&format!(":{}", world.session.last_seq())))
        .count() as u64
        + 1;
    assert_eq!(
        seen,
        world.session.last_seq(),
        "the stream must have every event"
    );
    assert_eq!(get(served.port, "/api/session").status, 200);
    drop(deaf);
}

#[test]
fn idle_connections_do_not_block_others() {
    let state = TempDir::new().unwrap();
    let served = Served::start(state.path(), &json!({}));
    let idle: Vec<TcpStream> = (0..300)
        .map(|_| TcpStream::connect(("127.0.0.1", served.port)).expect("a connection"))
        .collect();
    assert_eq!(get(served.port, "/api/health").status, 200);
    drop(idle);
}

#[test]
fn many_streams_are_allowed_up_to_a_limit() {
    let world = World::new(Recipe::new(3, 1));
    let served = world.serve();
    let path = "/api/events?after=1000000";
    let open: Vec<_> = (0..256)
        .map(|_| autoissue_tests::http::stream(served.port, path, &[]))
        .collect();
    let refused = get(served.port, path);
    assert_eq!(
        (refused.status, refused.json()["type"].as_str()),
        (503, Some("about:autoissue/busy"))
    );
    assert_eq!(get(served.port, "/api/session").status, 200);
    drop(open);
}
