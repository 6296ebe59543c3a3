//! A repository as large as real ones: 300,000 files and a pack of 3 GB. All steps of an attempt
//! must stay within the default limits: 60 seconds per step and 1 GiB of memory, not counting packs
//! because they are mapped.
//!
//! Only the part of the pack with the files is written; the rest is a hole that is mapped but never
//! read.

#![expect(
    clippy::disallowed_methods,
    reason = "tests create repositories with git"
)]

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use autoissue_core::git::CommitId;
use autoissue_core::git::collector::{CollectorError, Collectors, Limit, Limits};
use autoissue_core::git::mirror::Mirror;
use autoissue_core::git::program::Git;
use autoissue_core::git::worktrees::{
    CollectRequest, Collected, Identity, LeaseRequest, Options, Roots,
};
use autoissue_tests::{binary, scratch};
use tokio_util::sync::CancellationToken;

const N_FILES: usize = 300_000;
const N_FILES_IN_DIRECTORY: usize = 300;
const PACK_BYTES: u64 = 3 << 30;
/// A pack ends with a checksum, which its index repeats.
const CHECKSUM_BYTES: u64 = 20;

fn git(directory: &Path, args: &[&str], input: &str) -> String {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {args:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Creates the mirror of such a repository; returns its head.
fn large_mirror(path: &Path) -> CommitId {
    fs::create_dir_all(path).unwrap();
    git(path, &["init", "--quiet", "--bare"], "");
    let mut stream = String::from(
        "commit refs/autoissue/base/main\ncommitter Ada <ada@example.com> 1700000000 +0000\ndata 5\nlarge\n",
    );
    for n in 0..N_FILES {
        let text = format!("file {n}\n");
        let directory = n / N_FILES_IN_DIRECTORY;
        write!(
            stream,
            "M 100644 inline d{directory}/f{n}\ndata {}\n{text}\n",
            text.len()
        )
        .unwrap();
    }
    git(path, &["fast-import", "--quiet"], &stream);
    grow(&the_pack(path));
    let head = git(path, &["rev-parse", "refs/autoissue/base/main"], "");
    CommitId::parse(&head).unwrap()
}

fn the_pack(repository: &Path) -> PathBuf {
    let packs = fs::read_dir(repository.join("objects/pack")).unwrap();
    packs
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "pack"))
        .unwrap()
}

/// Moves the checksum at the end of a pack away from the data it covers.
fn grow(pack: &Path) {
    let mut permissions = fs::metadata(pack).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "a file of this test")]
    permissions.set_readonly(false);
    fs::set_permissions(pack, permissions).unwrap();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(pack)
        .unwrap();
    let end = file.seek(SeekFrom::End(0)).unwrap();
    let mut checksum = Vec::new();
    file.seek(SeekFrom::Start(end - CHECKSUM_BYTES)).unwrap();
    file.read_to_end(&mut checksum).unwrap();
    file.write_all_at(&checksum, PACK_BYTES - CHECKSUM_BYTES)
        .unwrap();
}

#[tokio::test]
async fn three_hundred_thousand_files_and_a_three_gigabyte_pack_stay_within_the_limits() {
    let home = scratch();
    let (mirror, project) = (home.path().join("mirror.git"), home.path().join("project"));
    fs::create_dir(&project).unwrap();
    let base = large_mirror(&mirror);
    let path = std::env::var_os("PATH").unwrap();
    let options = Options {
        project,
        roots: Roots {
            current: home.path().canonicalize().unwrap().join("worktrees"),
            others: Vec::new(),
        },
        session: "s1".to_owned(),
        identity: Identity {
            name: "Ada".to_owned(),
            email: "ada@example.com".to_owned(),
        },
        env: Vec::new(),
        credentials: Vec::new(),
        ignored_paths: Vec::new(),
    };
    let limits = Limits {
        step: Duration::from_secs(60),
        memory_bytes: 1 << 30,
    };
    let collectors = Collectors::new(
        binary(),
        Mirror::open(&mirror, Git::find(&path).unwrap()).unwrap(),
        options,
        limits,
        "large/",
        CancellationToken::new(),
    )
    .unwrap();
    let mut lap = Lap(Instant::now());
    let request = LeaseRequest {
        issue: 7,
        attempt: 1,
        start: base.clone(),
        keep: false,
        work: None,
    };
    let leased = collectors.lease(&request).await.unwrap();
    lap.took("lease");
    fs::write(leased.path.join("d0/f0"), "changed\n").unwrap();
    fs::write(leased.path.join("new"), "new\n").unwrap();
    let request = CollectRequest {
        issue: 7,
        attempt: 1,
        base,
        message: "Work\n".to_owned(),
    };
    let Collected::Work(work) = collectors.collect(&request).await.unwrap() else {
        panic!("nothing was collected");
    };
    lap.took("collect");
    assert_eq!(work.n_files, 2);
    collectors.note_checked(7).await.unwrap();
    lap.took("note what checks created");
    // A slow disk takes more than a minute to delete this many files. The next caller removes the
    // rest.
    while let Err(error) = collectors.release(7).await {
        let is_late = matches!(
            error,
            CollectorError::Unreadable {
                limit: Limit::Removing(_),
                kept: None
            }
        );
        assert!(is_late, "{error}");
    }
    lap.took("release");
    assert!(!leased.path.exists());
}

/// Prints the duration of steps.
struct Lap(Instant);

impl Lap {
    fn took(&mut self, what: &str) {
        println!("{what}: {:.1} s", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}
