//! A small HTTP client that can send what a library would not: any `Host`, any `Origin`, half a
//! request.
//!
//! It speaks HTTP/1.0, in which the end of the connection is the end of the body.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longest wait for a byte. Only a broken server takes that long.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A server's response.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

/// A message of an event stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Its event type.
    pub kind: String,
    /// Its data.
    pub data: String,
}

/// An event stream.
pub struct Messages {
    reader: BufReader<TcpStream>,
}

/// Sends a request to a server on this machine. If `headers` has no `host`, the server's address is
/// sent.
///
/// # Panics
///
/// If there is no response.
pub fn ask(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut reader = send(port, method, path, headers, body);
    let (status, headers) = head(&mut reader);
    let mut body = String::new();
    reader.read_to_string(&mut body).expect("a body in UTF-8");
    Answer {
        status,
        headers,
        body,
    }
}

/// Sends a GET request to a server on this machine.
///
/// # Panics
///
/// If there is no response.
pub fn get(port: u16, path: &str) -> Answer {
    ask(port, "GET", path, &[], "")
}

/// Opens an event stream.
///
/// # Panics
///
/// If the response is not an event stream.
pub fn stream(port: u16, path: &str, headers: &[(&str, &str)]) -> Messages {
    let mut reader = send(port, "GET", path, headers, "");
    let (status, _) = head(&mut reader);
    assert_eq!(status, 200, "{path}");
    Messages { reader }
}

fn send(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> BufReader<TcpStream> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("the server is listening");
    socket.set_read_timeout(Some(WAIT_MAX)).expect("a timeout");
    let mut request = format!("{method} {path} HTTP/1.0\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request.push_str(&format!("host: 127.0.0.1:{port}\r\n"));
    }
    headers
        .iter()
        .for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    socket
        .write_all(request.as_bytes())
        .expect("the server reads");
    BufReader::new(socket)
}

fn head(reader: &mut BufReader<TcpStream>) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    reader.read_line(&mut line).expect("a status line");
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status: {line:?}"));
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).expect("a header");
        let Some((name, value)) = line.trim_end().split_once(':') else {
            return (status, headers);
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

impl Answer {
    /// Returns the body as JSON.
    ///
    /// # Panics
    ///
    /// If it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Iterator for Messages {
    type Item = Message;

    /// Waits for the next message; returns `None` at the end of the stream.
    fn next(&mut self) -> Option<Message> {
        let mut message = Message::default();
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end_matches('\n').split_once(": ") {
                Some(("id", id)) => message.id = Some(id.to_owned()),
                Some(("event", kind)) => message.kind = kind.to_owned(),
                Some(("data", data)) => message.data = data.to_owned(),
                Some(_) => {}
                None if message.kind.is_empty() => {}
                None => return Some(message),
            }
        }
    }
}

impl Message {
    /// Returns the data as JSON.
    ///
    /// # Panics
    ///
    /// If it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {}", self.data))
    }
}
