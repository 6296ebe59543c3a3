//! Git LFS: the batch API next to git's own addresses, and the storage it points to. The storage is
//! another host and must never receive a token.

use std::fs;
use std::path::PathBuf;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::Shared;
use super::exchange::Received;
use super::git_store::GitStore;

/// Path prefix of the batch API below the repository.
pub(super) const API: &str = "info/lfs/";
/// Path prefix on the storage host.
const STORAGE: &str = "/lfs-storage/";
const MEDIA_TYPE: &str = "application/vnd.git-lfs+json";

/// Returns whether a path belongs to the storage.
pub(super) fn is_storage(path: &str) -> bool {
    path.starts_with(STORAGE)
}

/// Returns whether a request asks to upload objects.
pub(super) fn is_upload(request: &Received) -> bool {
    request.path.ends_with("/objects/batch") && request.json()["operation"] == "upload"
}

/// Handles the batch API.
pub(super) fn answer(
    shared: &Shared,
    full_name: &str,
    store: &GitStore,
    request: &Received,
) -> Response<Body> {
    if request.path.ends_with("/locks/verify") {
        return answer_with(StatusCode::OK, &json!({"ours": [], "theirs": []}));
    }
    if !request.path.ends_with("/objects/batch") {
        return answer_with(StatusCode::NOT_FOUND, &json!({"message": "Not Found"}));
    }
    let batch = request.json();
    let host = shared.site.origin.replace("127.0.0.1", "localhost");
    let link = |oid: &str| json!({"href": format!("{host}{STORAGE}{full_name}/{oid}")});
    let object = |wanted: &Value| {
        let oid = wanted["oid"].as_str().unwrap_or_default();
        let mut object = json!({"oid": oid, "size": wanted["size"]});
        match (batch["operation"] == "upload", path(store, oid).exists()) {
            (true, false) => object["actions"] = json!({"upload": link(oid)}),
            (false, true) => object["actions"] = json!({"download": link(oid)}),
            (true, true) => {}
            (false, false) => {
                object["error"] =
                    json!({"code": 404, "message": "Object does not exist on the server"});
            }
        }
        object
    };
    let objects: Vec<Value> = batch["objects"]
        .as_array()
        .into_iter()
        .flatten()
        .map(object)
        .collect();
    answer_with(
        StatusCode::OK,
        &json!({"transfer": "basic", "objects": objects}),
    )
}

/// Stores or returns an object.
pub(super) fn transfer(shared: &Shared, request: &Received) -> Response<Body> {
    let mut parts = request.path.trim_start_matches(STORAGE).splitn(3, '/');
    let mut part = || parts.next().unwrap_or_default();
    let (owner, name, oid) = (part(), part(), part());
    let store = shared
        .world()
        .by_name(owner, name)
        .map(|repository| repository.git.clone());
    let Some(store) = store else {
        return answer_with(StatusCode::NOT_FOUND, &json!({}));
    };
    let path = path(&store, oid);
    if request.method == "PUT" {
        fs::create_dir_all(path.parent().expect("a directory")).expect("the directory of objects");
        fs::write(path, &request.body).expect("the object");
        return answer_with(StatusCode::OK, &json!({}));
    }
    match fs::read(path) {
        Ok(content) => Response::new(Body::from(content)),
        Err(_) => answer_with(StatusCode::NOT_FOUND, &json!({})),
    }
}

/// Returns the objects of a repository, as text, sorted.
pub(super) fn objects(store: &GitStore) -> Vec<String> {
    let entries = fs::read_dir(path(store, ""))
        .into_iter()
        .flatten()
        .flatten();
    let mut objects: Vec<String> = entries
        .map(|entry| fs::read_to_string(entry.path()).expect("an object in UTF-8"))
        .collect();
    objects.sort();
    objects
}

fn path(store: &GitStore, oid: &str) -> PathBuf {
    store.path().join("lfs-objects").join(oid)
}

fn answer_with(status: StatusCode, json: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(json.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}
