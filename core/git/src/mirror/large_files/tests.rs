//! Checks where objects go, with a fake `git-lfs` that records its calls.

use std::fs;

use autoissue_secret::Secret;

use super::*;
use crate::fixture::{Home, LargeFile, git_with_lfs, write};
use crate::mirror::PushError;

const BRANCH: &str = "autoissue/issue-7";

/// Pretends to be Git LFS; records its arguments, the target of objects and the remote's branches;
/// fails if told to.
const GIT_LFS: &str = r#"#!/bin/sh
here=$(dirname "$0")
[ "$1" = version ] && { echo git-lfs/3.7.0; exit; }
{ echo "$@"; cat; git config lfs.pushurl; git --git-dir="$here/../o/n.git" branch --list; } > "$here/heard"
[ ! -e "$here/says" ] || { cat "$here/says" >&2; exit "$(cat "$here/code")"; }
"#;

/// A remote and a user's repository of it, with a base in the mirror.
struct Place {
    home: Home,
    user: PathBuf,
    mirror: Mirror,
    base: CommitId,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        let home = Home::new();
        let git = git_with_lfs(&home, GIT_LFS);
        home.git(".", &["init", "-q", "--bare", "o/n.git"]);
        let user = home.repository("user", files);
        let origin = home.path().join("o/n.git");
        home.git(
            &user,
            &["remote", "add", "origin", origin.to_str().unwrap()],
        );
        let mirror = Mirror::open(&home.path().join("state/mirror.git"), git).unwrap();
        mirror.take_filters(&user).unwrap();
        let base = home.fetch(&mirror, &user);
        Place {
            home,
            user,
            mirror,
            base,
        }
    }

    /// Commits files on the base, in the mirror only.
    fn work(&self, files: &[(&str, &str)]) -> CommitId {
        self.home.git(&self.user, &["checkout", "-q", "-B", "work"]);
        let work = self.home.commit(&self.user, files);
        self.home.git(&self.user, &["checkout", "-q", "main"]);
        let user = self.user.to_str().unwrap();
        let refspec = "+work:refs/autoissue/salvage/s1/issue-7/attempt-1";
        self.home
            .git(self.mirror.path(), &["fetch", "-q", user, refspec]);
        self.home.git(&self.user, &["branch", "-q", "-D", "work"]);
        work
    }

    fn push(&self, work: &CommitId) -> Result<(), PushError> {
        let secret = Secret::new("t0k3n");
        let api = "https://api.github.com";
        let git = self.mirror.git().clone();
        let remote = Remote::of(git, &self.user, "o/n", api, &secret).unwrap();
        self.mirror.push(7, work, &remote, BRANCH).map(|_| ())
    }

    /// Returns what the fake recorded: its arguments, the update, the URL, and the remote's
    /// branches.
    fn heard(&self) -> Vec<String> {
        let heard = fs::read_to_string(self.home.path().join("bin/heard")).unwrap_or_default();
        heard.lines().map(str::to_owned).collect()
    }

    fn refuse(&self, code: &str, says: &str) {
        write(&self.home.path().join("bin/code"), code);
        write(&self.home.path().join("bin/says"), says);
    }

    fn remote_head(&self) -> String {
        let show = ["for-each-ref", "--format=%(objectname)", "refs/heads"];
        self.home.git("o/n.git", &show)
    }
}

#[test]
fn the_server_of_a_repository_is_the_one_that_git_lfs_would_ask() {
    for (repository, server) in [
        ("https://h/o/n", "https://h/o/n.git/info/lfs"),
        ("https://h/o/n.git/", "https://h/o/n.git/info/lfs"),
        (
            "http://127.0.0.1:4000/o/n.git",
            "http://127.0.0.1:4000/o/n.git/info/lfs",
        ),
        ("git@h:o/n.git", "git@h:o/n.git"),
        ("ssh://git@h:22/o/n.git", "ssh://git@h:22/o/n.git"),
        ("/srv/o/n.git", "/srv/o/n.git"),
    ] {
        assert_eq!(server_of(repository), server);
    }
}

#[test]
fn objects_are_uploaded_before_the_branch_is_pushed() {
    let place = Place::new(&[("a", "1")]);
    let file = LargeFile::new("picture");
    let work = place.work(&[("img/a.png", &file.pointer)]);
    file.put(place.mirror.path());
    place.push(&work).unwrap();
    let (base, origin) = (&place.base, place.home.path().join("o/n.git"));
    let expected = [
        "pre-push origin".to_owned(),
        format!("{work} {work} refs/heads/{BRANCH} {base}"),
        origin.display().to_string(),
    ];
    assert_eq!(place.heard(), expected, "the branch is not pushed yet");
    assert_eq!(place.remote_head(), work.as_str());
}

#[test]
fn work_without_large_files_makes_no_request() {
    let place = Place::new(&[("a.png", &LargeFile::new("picture").pointer)]);
    LargeFile::new("picture").put(place.mirror.path());
    let work = place.work(&[("copy.png", &LargeFile::new("picture").pointer), ("b", "2")]);
    place.push(&work).unwrap();
    assert_eq!(place.heard(), Vec::<String>::new());
}

#[test]
fn a_branch_whose_objects_are_refused_is_not_pushed() {
    let place = Place::new(&[("a", "1")]);
    let file = LargeFile::new("picture");
    let work = place.work(&[("a.png", &file.pointer)]);
    file.put(place.mirror.path());
    // Git LFS exits with 0 if the server answers 422.
    for (code, says) in [
        ("2", "batch response: no"),
        ("0", "info: Uploading failed due to"),
    ] {
        place.refuse(code, says);
        let refused = place.push(&work).unwrap_err();
        let PushError::Upload { source, .. } = &refused else {
            panic!("{refused:?}")
        };
        assert!(matches!(source, UploadError::Failed(_)), "{source:?}");
        assert_eq!(place.remote_head(), "");
    }
}

#[test]
fn a_damaged_object_is_not_uploaded() {
    let place = Place::new(&[("a", "1")]);
    let file = LargeFile::new("picture");
    let work = place.work(&[("a.png", &file.pointer)]);
    file.put(place.mirror.path());
    write(&place.mirror.path().join(&file.object), "PICTURE");
    place.push(&work).unwrap();
    assert!(!place.mirror.path().join(&file.object).exists());
}

#[test]
fn without_git_lfs_the_branch_waits() {
    let place = Place::new(&[("a", "1")]);
    let file = LargeFile::new("picture");
    let work = place.work(&[("a.png", &file.pointer)]);
    file.put(place.mirror.path());
    write(
        &place.home.path().join("bin/git-lfs"),
        "#!/bin/sh\nexit 1\n",
    );
    let refused = place.push(&work).unwrap_err();
    let source = match refused {
        PushError::Upload { source, .. } => source,
        other => panic!("{other:?}"),
    };
    assert!(matches!(source, UploadError::NotInstalled(_)), "{source:?}");
    assert_eq!(place.remote_head(), "");
}

#[test]
fn the_lfsconfig_of_the_base_is_used_and_the_user_wins() {
    let lfsconfig =
        |url: &str| format!("[lfs]\n\turl = {url}\n[filter \"lfs\"]\n\tclean = false\n");
    let place = Place::new(&[(".lfsconfig", &lfsconfig("https://base.example/lfs"))]);
    let file = LargeFile::new("picture");
    let work = place.work(&[
        (".lfsconfig", &lfsconfig("https://agent.example/lfs")),
        ("a.png", &file.pointer),
    ]);
    file.put(place.mirror.path());
    let configured = || {
        let config = ["config", "--file", "config", "--get", "lfs.url"];
        place.home.git(place.mirror.path(), &config)
    };
    place.push(&work).unwrap();
    assert_eq!(place.heard()[2], "https://base.example/lfs");
    assert_eq!(configured(), "https://base.example/lfs");
    assert!(!place.mirror.filters().contains_key("filter.lfs.clean"));

    let config = ["config", "lfs.url", "https://user.example/lfs"];
    place.home.git(&place.user, &config);
    place.mirror.take_filters(&place.user).unwrap();
    place.push(&work).unwrap();
    assert_eq!(place.heard()[2], "https://user.example/lfs");
    assert_eq!(configured(), "https://user.example/lfs");
}

#[test]
fn the_users_repository_gets_the_objects_with_the_branch() {
    let place = Place::new(&[("a", "1")]);
    let file = LargeFile::new("picture");
    let work = place.work(&[("a.png", &file.pointer)]);
    file.put(place.mirror.path());
    place.mirror.copy_into(&work, &place.user, BRANCH).unwrap();
    assert!(file.is_in(&place.user.join(".git")));

    // The user's own location of objects.
    place.home.git(&place.user, &["branch", "-q", "-D", BRANCH]);
    place
        .home
        .git(&place.user, &["config", "lfs.storage", "large"]);
    place.mirror.copy_into(&work, &place.user, BRANCH).unwrap();
    let moved = place
        .user
        .join(".git/large")
        .join(file.object.strip_prefix("lfs").unwrap());
    assert_eq!(fs::read_to_string(moved).unwrap(), "picture");
}

#[test]
fn a_branch_with_a_missing_object_is_not_created() {
    let old = LargeFile::new("old picture");
    let place = Place::new(&[("a.png", &old.pointer)]);
    place.home.commit(&place.user, &[("a.png", "raw")]);
    place.home.fetch(&place.mirror, &place.user);
    LargeFile::new("something else").put(place.mirror.path());
    let made_up = place.work(&[("b.png", &LargeFile::new("never made").pointer)]);
    let refused = place.mirror.copy_into(&made_up, &place.user, BRANCH);
    let is_named = matches!(&refused, Err(CopyError::LargeFileMissing { path }) if path == "b.png");
    assert!(is_named, "{refused:?}");
    assert_eq!(
        place.home.git(&place.user, &["branch", "--list", BRANCH]),
        ""
    );

    // An object that the base once had is stored with that base's objects.
    let restored = place.work(&[("a.png", &old.pointer)]);
    place
        .mirror
        .copy_into(&restored, &place.user, BRANCH)
        .unwrap();
}

#[test]
fn objects_of_dropped_work_are_removed_unless_needed_elsewhere() {
    let [based, shared, own] = ["in the base", "in both", "in one"].map(LargeFile::new);
    let place = Place::new(&[("based.png", &based.pointer)]);
    for file in [&based, &shared, &own] {
        file.put(place.mirror.path());
    }
    let kept = place.work(&[("shared.png", &shared.pointer)]);
    place.mirror.salvage("s1", 8, "attempt-1", &kept).unwrap();
    place.work(&[("shared.png", &shared.pointer), ("own.png", &own.pointer)]);
    let n_bytes = "in both".len() + "in one".len();
    let measured = place.mirror.salvage_bytes().unwrap();
    assert!(n_bytes as u64 <= measured, "{measured}");
    let mut salvaged = place.mirror.salvaged().unwrap();
    salvaged.retain(|salvage| salvage.issue == 7);
    place.mirror.forget(&salvaged).unwrap();
    let left = [&based, &shared, &own].map(|file| file.is_in(place.mirror.path()));
    assert_eq!(left, [true, true, false]);
    assert!(place.mirror.is_to_be_pruned());
    place.mirror.prune().unwrap();
    assert!(!place.mirror.is_to_be_pruned());
    assert_eq!(place.mirror.salvaged().unwrap().len(), 1);
}
