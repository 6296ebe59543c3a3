//! Clone, fetch and push: `git http-backend` behind a token check. Git LFS passes the same check.

use std::process::Stdio;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};

use super::Shared;
use super::exchange::Received;
use super::git_store::GitStore;
use super::lfs;
use super::token::Token;

/// A git request for a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Asked {
    owner: String,
    name: String,
    /// Such as `info/refs`.
    service: String,
}

/// Returns whether a path belongs to git.
pub(super) fn is_git(path: &str) -> bool {
    asked(path).is_some() || lfs::is_storage(path)
}

fn asked(path: &str) -> Option<Asked> {
    let mut parts = path.strip_prefix('/')?.splitn(3, '/');
    let (owner, name, service) = (parts.next()?, parts.next()?, parts.next()?);
    let name = name.strip_suffix(".git").unwrap_or(name);
    let is_known = ["info/refs", "git-upload-pack", "git-receive-pack"].contains(&service)
        || service.starts_with(lfs::API);
    is_known.then(|| Asked {
        owner: owner.to_owned(),
        name: name.to_owned(),
        service: service.to_owned(),
    })
}

/// Handles a git request.
pub(super) async fn answer(shared: &Arc<Shared>, request: &Received) -> Response<Body> {
    if lfs::is_storage(&request.path) {
        return lfs::transfer(shared, request);
    }
    let Some(asked) = asked(&request.path) else {
        return Refused::new(StatusCode::NOT_FOUND, "Not Found").into_response();
    };
    let is_push = asked.service == "git-receive-pack"
        || request.query.contains("service=git-receive-pack")
        || lfs::is_upload(request);
    let (store, login) = match admit(shared, &asked, credentials(request).as_deref(), is_push) {
        Ok(admitted) => admitted,
        Err(refused) => return refused.into_response(),
    };
    if asked.service.starts_with(lfs::API) {
        let full_name = format!("{}/{}", asked.owner, asked.name);
        return lfs::answer(shared, &full_name, &store, request);
    }
    let output = run(&store, &asked.service, request, login.as_deref()).await;
    cgi_response(&output)
}

/// Returns the token of `Authorization: Basic`: the password, with any user name.
fn credentials(request: &Received) -> Option<String> {
    let (scheme, encoded) = request.header("authorization")?.split_once(' ')?;
    let decoded = BASE64
        .decode(encoded.trim())
        .ok()
        .filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let pair = String::from_utf8(decoded).ok()?;
    Some(
        pair.split_once(':')
            .map_or(pair.as_str(), |(_, password)| password)
            .to_owned(),
    )
}

/// Decides on access, with GitHub's messages.
fn admit(
    shared: &Shared,
    asked: &Asked,
    password: Option<&str>,
    is_push: bool,
) -> Result<(GitStore, Option<String>), Refused> {
    let world = shared.world();
    let known = |password: &str| {
        world
            .tokens
            .get(password)
            .filter(|token| !token.is_revoked)
            .cloned()
    };
    let token: Option<Token> = match password {
        Some(password) => Some(known(password).ok_or_else(|| {
            Refused::unauthorized(
                "Invalid username or token. Password authentication is not supported for Git operations.",
            )
        })?),
        None => None,
    };
    let repository = world
        .by_name(&asked.owner, &asked.name)
        .or_else(|| world.by_former_name(&asked.owner, &asked.name));
    let visible = repository.filter(|repository| {
        !repository.is_private
            || token
                .as_ref()
                .is_some_and(|token| token.sees_private(&repository.full_name()))
    });
    match (visible, &token) {
        // Without a token, the response does not reveal whether the repository exists.
        (None, None) => Err(Refused::unauthorized("No anonymous access.")),
        (None, Some(_)) => Err(Refused::new(StatusCode::NOT_FOUND, "Repository not found.")),
        (Some(_), None) if is_push => Err(Refused::unauthorized("No anonymous write access.")),
        (Some(repository), Some(token)) if is_push && !repository.permissions(token).may_push => {
            let message = format!(
                "Permission to {}.git denied to {}.",
                repository.full_name(),
                token.login
            );
            Err(Refused::new(StatusCode::FORBIDDEN, &message))
        }
        (Some(repository), _) if is_push && repository.is_archived => Err(Refused::new(
            StatusCode::FORBIDDEN,
            "This repository was archived so it is read-only.",
        )),
        (Some(repository), _) => Ok((repository.git.clone(), token.map(|token| token.login))),
    }
}

/// Why git is denied access.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    message: String,
}

impl Refused {
    fn new(status: StatusCode, message: &str) -> Self {
        Self {
            status,
            message: message.to_owned(),
        }
    }

    fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(format!("{}\n", self.message)));
        *response.status_mut() = self.status;
        // Git shows a body of this type to the user.
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=UTF-8"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"GitHub\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}

/// Runs git's own server for one request; returns its output.
async fn run(store: &GitStore, service: &str, request: &Received, login: Option<&str>) -> Vec<u8> {
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", store.path())
        .env("XDG_CONFIG_HOME", store.path())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROJECT_ROOT", store.path())
        .env("PATH_INFO", format!("/{service}"))
        .env("REQUEST_METHOD", &request.method)
        .env("QUERY_STRING", &request.query)
        .env(
            "CONTENT_TYPE",
            request.header("content-type").unwrap_or_default(),
        )
        // The body has been read completely, so chunked requests now have a length.
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1")
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    for (variable, value) in [
        ("HTTP_CONTENT_ENCODING", request.header("content-encoding")),
        ("GIT_PROTOCOL", request.header("git-protocol")),
        // `receive-pack` runs only if this variable is set.
        ("REMOTE_USER", login),
    ] {
        command.envs(value.map(|value| (variable, value)));
    }
    let mut child = command.spawn().expect("git runs");
    let (stdin, mut stdout) = (
        child.stdin.take().expect("a pipe"),
        child.stdout.take().expect("a pipe"),
    );
    let mut printed = Vec::new();
    let (_, read) = tokio::join!(feed(stdin, &request.body), stdout.read_to_end(&mut printed));
    read.expect("git's output");
    // The output is complete; a failure shows in it.
    let _ = child.wait().await;
    printed
}

async fn feed(mut stdin: ChildStdin, body: &[u8]) {
    // Git may exit before reading everything.
    let _ = stdin.write_all(body).await;
    let _ = stdin.shutdown().await;
}

/// Converts the output of a CGI program to a response.
fn cgi_response(output: &[u8]) -> Response<Body> {
    let Some(end) = output.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Refused::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "git http-backend printed no headers",
        )
        .into_response();
    };
    let (head, body) = (String::from_utf8_lossy(&output[..end]), &output[end + 4..]);
    let mut response = Response::new(Body::from(body.to_vec()));
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            *response.status_mut() = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) =
            (name.parse::<HeaderName>(), HeaderValue::from_str(value))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
