//! The real Git LFS, end to end: files that its filter takes out of commits must be on its server,
//! or in the user's repository, before a branch refers to them. Needs `git-lfs` on PATH, so it is a
//! separate target.

use std::fs;
use std::path::{Path, PathBuf};

use autoissue_tests::github_server::{Fault, Issue, On};
use autoissue_tests::{GithubSandbox, Run, Sandbox, TOKEN};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

const ATTRIBUTES: &str = "*.bin filter=lfs diff=lfs merge=lfs -text\n";

/// The agent's steps: it commits one file and leaves another uncommitted.
const PLAN: &str = r#"[[{"run": "echo committed > a.bin; git add a.bin; git -c user.name=a -c user.email=a@a commit -qm a; echo left > b.bin"}, {"meter": 0.1}, {"result": {}}]]"#;

/// Gives the sandbox an agent that can run commands, and a repository with a Git LFS file on
/// `main`.
fn prepare(world: &Sandbox) {
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    world.git(["lfs", "install", "--local"]);
    world.write(".gitattributes", ATTRIBUTES);
    world.write("old.bin", "old\n");
    world.git(["add", ".gitattributes", "old.bin"]);
    world.git(["commit", "--quiet", "--message", "large files"]);
}

fn on_github(plan: &str) -> GithubSandbox {
    let world = GithubSandbox::new();
    prepare(&world);
    let (scheme, rest) = world.server.origin().split_once("://").unwrap();
    let token = TOKEN;
    let url = format!("{scheme}://x:{token}@{rest}/ada/sample.git");
    world.git(["lfs", "push", "--all", &url]);
    world.git(["push", "--quiet", "--no-verify", &url, "main"]);
    world.git(["fetch", "--quiet", "origin"]);
    fs::remove_dir_all(world.project().join(".git/lfs/objects")).unwrap();
    assert_eq!(world.repository.lfs_objects(), ["old\n"]);
    world.configure("claude", "{}");
    let body = format!("fake: {plan}");
    world
        .repository
        .issue(Issue::new("[Backend] files").label("go").body(&body));
    world
}

fn n_paid(run: &Run) -> usize {
    run.events("attempt.agent_exited").len()
}

#[test]
fn work_lfs_is_uploaded_before_the_branch_and_the_token_stays_on_its_host() {
    let world = on_github(PLAN);
    let run = world.exec(&[]).exits(0);
    assert_eq!(run.summary()["counts"], json!({"done": 1}));
    let objects = world.repository.lfs_objects();
    assert_eq!(objects, ["committed\n", "left\n", "old\n"]);
    for path in ["a.bin", "b.bin"] {
        let file = world.repository.file("autoissue/issue-1", path).unwrap();
        assert!(
            file.starts_with("version https://git-lfs.github.com/spec/v1"),
            "{file}"
        );
    }
    let exchanges = world.server.exchanges();
    let at = |part: &str, method: &str| {
        exchanges
            .iter()
            .rposition(|it| it.request.path.contains(part) && it.request.method == method)
            .unwrap()
    };
    assert!(at("/lfs-storage/", "PUT") < at("git-receive-pack", "POST"));
    for exchange in &exchanges {
        let is_storage = exchange.request.path.contains("/lfs-storage/");
        let has_token = exchange.request.header("authorization").is_some();
        assert!(!(is_storage && has_token), "{}", exchange.request.path);
    }
    assert_eq!(world.files_with(TOKEN), [""; 0]);
}

#[test]
fn an_agent_cannot_send_objects_elsewhere() {
    let redirect = r"printf '[lfs]\n\turl = http://127.0.0.1:9/lfs\n\tpushurl = http://127.0.0.1:9/lfs\n' > .lfsconfig; git config lfs.url http://127.0.0.1:9/lfs; ";
    let plan = PLAN.replace(
        "echo committed",
        &format!("{}echo committed", redirect.replace('\\', r"\\")),
    );
    let world = on_github(&plan);
    world.exec(&[]).exits(0);
    assert!(
        world
            .repository
            .lfs_objects()
            .contains(&"committed\n".to_owned())
    );
    assert!(
        world
            .repository
            .file("autoissue/issue-1", ".lfsconfig")
            .is_some()
    );
}

#[test]
fn rejected_uploads_interrupt_the_session_and_resume_pays_nothing_twice() {
    let world = on_github(PLAN);
    let batch = On::post("/*/*/info/lfs/objects/batch")
        .when(|request| request.json()["operation"] == "upload");
    world.server.fault(batch.always(), Fault::status(403));
    let run = world.exec(&[]).exits(130);
    assert!(run.stdout.contains("Git LFS"), "{run:?}");
    assert!(
        world.repository.pulls().is_empty() && world.repository.head("autoissue/issue-1").is_none()
    );
    world.server.heal();
    let resumed = world.run(["resume", "--output", "json"]).exits(0);
    assert_eq!((n_paid(&run), n_paid(&resumed)), (1, 0));
    assert_eq!(world.repository.lfs_objects().len(), 3);
}

#[test]
fn a_failing_server_leaves_the_token_in_no_file() {
    let world = on_github(PLAN);
    world.configure("claude", r#"{"maxRetries": 0}"#);
    let batch = On::post("/*/*/info/lfs/objects/batch");
    world.server.fault(batch.always(), Fault::status(500));
    world.exec(&[]).exits(3);
    let logs = world.files_with("GIT_CONFIG_COUNT");
    assert!(!logs.is_empty(), "git-lfs must have written its log");
    let sent = BASE64_STANDARD.encode(format!("x-access-token:{TOKEN}"));
    assert_eq!(
        (world.files_with(TOKEN), world.files_with(&sent)),
        (Vec::new(), Vec::new())
    );
}

#[test]
fn the_users_repository_gets_the_objects() {
    let objects_of = |world: &Sandbox| {
        let mut found = Vec::new();
        let mut dirs: Vec<PathBuf> = vec![world.project().join(".git/lfs/objects")];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    dirs.push(entry.path());
                } else {
                    found.push(fs::read_to_string(entry.path()).unwrap());
                }
            }
        }
        found.sort();
        found
    };
    let world = Sandbox::new();
    prepare(&world);
    world.config(r#"{"forge": {"kind": "local"}, "agent": {"backend": "claude"}}"#);
    world.issue(1, "[Backend] files", &format!("fake: {PLAN}"));
    world.run(["exec", "go", "--output", "json"]).exits(0);
    assert_eq!(objects_of(&world), ["committed\n", "left\n", "old\n"]);
    world.git(["checkout", "--quiet", "autoissue/issue-1"]);
    assert_eq!(
        (world.read("a.bin"), world.read("b.bin")),
        ("committed\n".to_owned(), "left\n".to_owned())
    );

    let world = on_github(PLAN);
    world.configure("claude", r#"{"createPr": false}"#);
    world.exec(&[]).exits(0);
    assert_eq!(objects_of(&world), ["committed\n", "left\n"]);
    assert_eq!(
        world.repository.lfs_objects(),
        ["old\n"],
        "nothing must be pushed"
    );
}

#[test]
fn lfs_files_without_the_filter_are_reported_before_the_first_agent() {
    let world = on_github(PLAN);
    world.git(["lfs", "uninstall", "--local"]);
    let run = world.exec(&[]).exits(1);
    assert!(run.stderr.contains("run `git lfs install`"), "{run:?}");
    let found = world.run(["doctor", "--output", "json"]);
    let finding = found
        .stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|finding| finding["check"] == "git lfs");
    assert!(
        finding.is_some_and(|it| it["level"] == "failure"),
        "{found:?}"
    );
}
