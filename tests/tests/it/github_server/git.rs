//! Clone and push with the machine's git.

use std::path::PathBuf;
use std::process::Output;

use autoissue_tests::github_server::{Exchange, Token};
use autoissue_tests::scratch;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use tempfile::TempDir;

use super::{TOKEN, world};

/// A directory with a clone in it, and git with its own configuration only.
pub(super) struct Clone {
    root: TempDir,
}

impl Clone {
    /// Clones as the token's user.
    pub(super) fn of(url: &str, token: &str) -> Self {
        let clone = Self::unmade();
        let output = clone.try_git(token, &["clone", "--quiet", url, "clone"]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        clone
    }

    fn unmade() -> Self {
        Self { root: scratch() }
    }

    fn path(&self) -> PathBuf {
        self.root.path().join("clone")
    }

    /// Runs git with a token in its environment; an empty token is not sent.
    fn try_git(&self, token: &str, args: &[&str]) -> Output {
        let mut command = std::process::Command::new("git");
        let directory = if self.path().exists() {
            self.path()
        } else {
            self.root.path().to_owned()
        };
        command.args(args).current_dir(directory).env_clear();
        command
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.root.path());
        command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_TERMINAL_PROMPT", "0")]);
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "Ada")
                .env(format!("GIT_{who}_EMAIL"), "ada@example.org");
        }
        if !token.is_empty() {
            let pair = BASE64.encode(format!("x-access-token:{token}"));
            command
                .env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", "http.extraHeader");
            command.env("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {pair}"));
        }
        command.output().unwrap()
    }

    #[track_caller]
    fn git(&self, args: &[&str]) -> String {
        let output = self.try_git(TOKEN, args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs git, which must fail; returns its error output.
    #[track_caller]
    pub(super) fn refused(&self, token: &str, args: &[&str]) -> String {
        let output = self.try_git(token, args);
        assert!(!output.status.success(), "{args:?} succeeded");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Commits a file on a new branch; returns the commit.
    pub(super) fn commit(&self, branch: &str, path: &str, text: &str) -> String {
        self.git(&["checkout", "--quiet", "-B", branch]);
        std::fs::write(self.path().join(path), text).unwrap();
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", path]);
        self.git(&["rev-parse", "HEAD"])
    }
}

#[test]
fn a_pushed_branch_is_a_branch_of_the_api() {
    let (_github, repository, client) = world();
    let clone = Clone::of(&repository.clone_url(), TOKEN);
    assert_eq!(
        clone.git(&["rev-parse", "HEAD"]),
        repository.head("main").unwrap()
    );
    let commit = clone.commit("autoissue/issue-1", "new.txt", "new\n");
    client
        .get("/repos/ada/sample/branches/autoissue/issue-1")
        .is(404);
    clone.git(&["push", "--quiet", "origin", "autoissue/issue-1"]);
    for path in [
        "/repos/ada/sample/branches/autoissue/issue-1",
        "/repos/ada/sample/branches/autoissue%2Fissue-1",
    ] {
        assert_eq!(client.get(path).is(200).json["commit"]["sha"], commit);
    }
    assert_eq!(
        repository.file("autoissue/issue-1", "new.txt").unwrap(),
        "new\n"
    );
}

#[test]
fn a_pull_request_follows_its_branch() {
    let (_github, repository, client) = world();
    let clone = Clone::of(&repository.clone_url(), TOKEN);
    clone.commit("work", "new.txt", "one\n");
    clone.git(&["push", "--quiet", "origin", "work"]);
    client
        .post(
            "/repos/ada/sample/pulls",
            &json!({"title": "Work", "head": "work", "base": "main"}),
        )
        .is(201);
    let second = clone.commit("work", "new.txt", "two\n");
    clone.git(&["push", "--quiet", "origin", "work"]);
    let pull = client.get("/repos/ada/sample/pulls/1").is(200).json;
    assert_eq!(pull["head"]["sha"], second);
    assert_eq!(
        (&pull["commits"], &pull["changed_files"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        clone
            .git(&["ls-remote", "origin", "refs/pull/1/head"])
            .split('\t')
            .next()
            .unwrap(),
        second
    );
}

#[test]
fn a_pull_request_whose_head_or_base_is_deleted_is_closed() {
    let (_github, repository, client) = world();
    let clone = Clone::of(&repository.clone_url(), TOKEN);
    clone.commit("work", "new.txt", "one\n");
    clone.git(&["push", "--quiet", "origin", "work"]);
    client
        .post(
            "/repos/ada/sample/pulls",
            &json!({"title": "Work", "head": "work", "base": "main"}),
        )
        .is(201);
    clone.git(&["push", "--quiet", "origin", "--delete", "work"]);
    assert_eq!(
        client.get("/repos/ada/sample/pulls/1").is(200).json["state"],
        "closed"
    );
    repository.commit_from("stable", "main", &[], "stable");
    repository.commit_from("other", "main", &[("other.txt", "x\n")], "other");
    client
        .post(
            "/repos/ada/sample/pulls",
            &json!({"title": "Other", "head": "other", "base": "stable"}),
        )
        .is(201);
    repository.delete_branch("stable");
    assert_eq!(
        client.get("/repos/ada/sample/pulls/2").is(200).json["state"],
        "closed"
    );
}

#[test]
fn a_push_needs_a_valid_token() {
    let (github, repository, _) = world();
    let clone = Clone::of(&repository.clone_url(), TOKEN);
    clone.commit("work", "new.txt", "one\n");
    let refused = |token, to: &str, said| {
        let stderr = clone.refused(token, &["push", to, "work"]);
        assert!(stderr.contains(said), "{stderr}");
    };
    let with_wrong_password = repository
        .clone_url()
        .replace("http://", "http://ada:wrong@");
    refused("", &with_wrong_password, "Invalid username or token");
    // Git hides the server's message if it would ask the user for credentials.
    refused("", "origin", "could not read Username");
    refused("wrong", "origin", "could not read Username");
    github.revoke(TOKEN);
    refused(TOKEN, "origin", "could not read Username");
    let statuses: Vec<u16> = github
        .exchanges()
        .iter()
        .rev()
        .take(3)
        .map(Exchange::status)
        .collect();
    assert_eq!(statuses, [401, 401, 401]);
    assert_eq!(repository.head("work"), None);
}

#[test]
fn a_public_repository_is_cloned_without_a_token_and_a_private_one_is_not() {
    let (github, repository, _) = world();
    Clone::of(&repository.clone_url(), "");
    repository.make_private();
    let nowhere = Clone::unmade();
    let args = ["clone", "--quiet", &repository.clone_url(), "clone"];
    assert!(
        nowhere
            .refused("", &args)
            .contains("could not read Username")
    );
    github.token("narrow", Token::fine_grained("ada").only(&["ada/other"]));
    assert!(nowhere.refused("narrow", &args).contains("not found"));
    Clone::of(&repository.clone_url(), TOKEN);
}

#[test]
fn the_token_may_be_the_password_of_any_user_in_the_url() {
    let (github, repository, _) = world();
    repository.make_private();
    for user in ["x-access-token", "ada"] {
        let address = github
            .origin()
            .replace("http://", &format!("http://{user}:{TOKEN}@"));
        Clone::of(&format!("{address}/ada/sample.git"), "");
    }
}

#[test]
fn a_read_only_token_cannot_push() {
    let (github, repository, _) = world();
    github.token("reader", Token::fine_grained("ada").read_only());
    let clone = Clone::of(&repository.clone_url(), "reader");
    clone.commit("work", "new.txt", "one\n");
    let said = clone.refused("reader", &["push", "origin", "work"]);
    assert!(
        said.contains("Permission to ada/sample.git denied to ada.") && said.contains("403"),
        "{said}"
    );
}

#[test]
fn only_a_forced_push_rewrites_a_branch() {
    let (_github, repository, _) = world();
    let clone = Clone::of(&repository.clone_url(), TOKEN);
    let first = clone.commit("work", "new.txt", "one\n");
    clone.git(&["push", "--quiet", "origin", "work"]);
    clone.git(&["reset", "--quiet", "--hard", "origin/main"]);
    let other = clone.commit("work", "other.txt", "other\n");
    assert!(
        clone
            .refused(TOKEN, &["push", "origin", "work"])
            .contains("non-fast-forward")
    );
    let stale = "--force-with-lease=work:0000000000000000000000000000000000000001";
    assert!(
        clone
            .refused(TOKEN, &["push", stale, "origin", "work"])
            .contains("stale info")
    );
    assert_eq!(repository.head("work").unwrap(), first);
    clone.git(&[
        "push",
        "--quiet",
        &format!("--force-with-lease=work:{first}"),
        "origin",
        "work",
    ]);
    assert_eq!(repository.head("work").unwrap(), other);
}

#[test]
fn a_protected_branch_rejects_pushes_and_others_accept_them() {
    let (_github, repository, client) = world();
    let before = repository.head("main");
    repository.protect("main");
    let clone = Clone::of(&repository.clone_url(), TOKEN);
    clone.commit("main", "new.txt", "one\n");
    assert!(
        clone
            .refused(TOKEN, &["push", "origin", "main"])
            .contains("GH006: Protected branch update failed")
    );
    clone.git(&["push", "--quiet", "origin", "main:work"]);
    assert_eq!(repository.head("main"), before);
    assert_eq!(
        client.get("/repos/ada/sample/branches/main").is(200).json["protected"],
        true
    );
}

#[test]
fn a_large_chunked_push_and_a_compressed_fetch_work() {
    let (_github, repository, _) = world();
    let clone = Clone::of(&repository.clone_url(), TOKEN);
    // Random data, so that it does not compress; larger than `http.postBuffer`, so that it is sent
    // in chunks.
    let mut noise = fastrand::Rng::with_seed(7);
    let text: String = std::iter::repeat_with(|| noise.alphanumeric())
        .take(3 << 20)
        .collect();
    let commit = clone.commit("work", "large.txt", &text);
    clone.git(&["push", "--quiet", "origin", "work"]);
    assert_eq!(repository.head("work").unwrap(), commit);
    // With this many branches, git compresses the request of a fetch.
    for n in 0..60 {
        repository.commit_from(
            &format!("b{n}"),
            "main",
            &[(&format!("{n}.txt"), "x\n")],
            "more",
        );
    }
    clone.git(&["fetch", "--quiet", "origin"]);
    let theirs = clone.git(&["rev-parse", "origin/b59"]);
    assert_eq!(repository.head("b59").unwrap(), theirs);
}
