//! Tests of worktrees. Those named after an incident prove that it cannot happen here.

use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;

use super::*;
use crate::fixture::{self, Home, LargeFile, write};

/// A user's repository, its mirror, and worktrees on it.
struct Place {
    home: Home,
    user: PathBuf,
    mirror: Mirror,
    base: CommitId,
    worktrees: Worktrees,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Place {
        Place::with(files, |_, _| {}, &[])
    }

    /// `prepare` may change the user's repository before it is fetched.
    fn with(
        files: &[(&str, &str)],
        prepare: impl FnOnce(&Home, &Path),
        env: &[(&str, &str)],
    ) -> Place {
        let home = Home::new();
        let (mirror, user) = (home.mirror(), home.repository("user", files));
        prepare(&home, &user);
        let base = home.fetch(&mirror, &user);
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let options = Options {
            project: user.clone(),
            roots: roots(&user),
            session: "s1".to_owned(),
            identity: Identity {
                name: "autoissue".to_owned(),
                email: "bot@example.com".to_owned(),
            },
            env: home.env().into_iter().chain(env).collect(),
            credentials: Vec::new(),
            ignored_paths: Vec::new(),
        };
        let worktrees = Worktrees::open(mirror.clone(), options).unwrap();
        Place {
            home,
            user,
            mirror,
            base,
            worktrees,
        }
    }

    fn request(&self, issue: u64, attempt: u32) -> LeaseRequest {
        LeaseRequest {
            issue,
            attempt,
            start: self.base.clone(),
            keep: false,
            work: None,
        }
    }

    fn lease(&self, issue: u64) -> PathBuf {
        self.worktrees.lease(&self.request(issue, 1)).unwrap().path
    }

    /// Removes an issue's directory, unless it contains work that is saved nowhere else.
    fn release(&self, issue: u64) -> Result<(), WorktreeError> {
        self.worktrees.check_saved(issue)?;
        self.worktrees.discard(issue)
    }

    fn try_collect(&self, issue: u64) -> Result<Collected, WorktreeError> {
        let message = "What the agent left\n".to_owned();
        self.worktrees.collect(&CollectRequest {
            issue,
            attempt: 1,
            base: self.base.clone(),
            message,
        })
    }

    fn collect(&self, issue: u64) -> CollectedWork {
        match self.try_collect(issue).unwrap() {
            Collected::Work(work) => work,
            nothing @ Collected::Nothing { .. } => panic!("{nothing:?}"),
        }
    }

    /// Returns `git ls-tree -r` of a commit in the mirror, without the hashes.
    fn files(&self, commit: &CommitId) -> Vec<String> {
        let listed = self.home.git(
            self.mirror.path(),
            &["ls-tree", "-r", "-z", commit.as_str()],
        );
        let entries = listed.split('\0').filter(|entry| !entry.is_empty());
        entries
            .map(|entry| format!("{} {}", &entry[..6], entry.split_once('\t').unwrap().1))
            .collect()
    }

    fn text(&self, commit: &CommitId, path: &str) -> String {
        self.home
            .git(self.mirror.path(), &["show", &format!("{commit}:{path}")])
    }
}

/// Removes a worktree that is no longer in use; returns where its work is.
fn sweep(worktrees: &Worktrees, issue: u64) -> Result<Saved, WorktreeError> {
    let saved = worktrees.salvage(issue)?;
    worktrees.discard(issue)?;
    Ok(saved)
}

/// The directory for worktrees in a checkout, which most of these tests inspect.
fn roots(project: &Path) -> Roots {
    let in_checkout = Some(Path::new(".worktrees"));
    Roots::of(in_checkout, &project.join("../state"), "user", project)
}

fn paths(work: &CollectedWork) -> Vec<&str> {
    work.changes
        .iter()
        .map(|change| change.path.as_str())
        .collect()
}

#[test]
fn a_lease_is_a_clone_on_its_own_branch() {
    let place = Place::new(&[("a", "1"), ("dir/b", "2")]);
    let path = place.lease(7);
    assert_eq!(
        path,
        place
            .user
            .canonicalize()
            .unwrap()
            .join(".worktrees/autoissue-issue-7")
    );
    assert!(path.join(".git").is_dir());
    assert_eq!(
        place.home.git(&path, &["symbolic-ref", "HEAD"]),
        "refs/heads/autoissue/issue-7"
    );
    assert_eq!(
        place.home.git(&path, &["rev-parse", "HEAD"]),
        place.base.as_str()
    );
    assert_eq!(place.home.git(&path, &["status", "--porcelain"]), "");
    assert_eq!(place.home.git(&path, &["remote"]), "");
    assert_eq!(
        place.home.git(&path, &["config", "user.email"]),
        "bot@example.com"
    );
    assert_eq!(place.home.git(&place.user, &["status", "--porcelain"]), "");
}

#[test]
fn the_exclude_is_written_once_and_keeps_its_other_bytes() {
    let place = Place::new(&[("a", "1")]);
    let file = place.user.join(".git/info/exclude");
    fs::write(&file, b"# mine\n*.o\xff").unwrap();
    place.lease(1);
    let expected = b"# mine\n*.o\xff\n/.worktrees/\n";
    assert_eq!(fs::read(&file).unwrap(), expected);
    *place.worktrees.root_is_ready.lock().unwrap() = false;
    place.lease(2);
    assert_eq!(fs::read(&file).unwrap(), expected);
    for theirs in [".worktrees", "/.worktrees", ".worktrees/"] {
        fs::write(&file, theirs).unwrap();
        *place.worktrees.root_is_ready.lock().unwrap() = false;
        place.lease(3);
        assert_eq!(fs::read(&file).unwrap(), theirs.as_bytes());
    }
}

#[test]
fn a_project_in_a_linked_worktree_below_the_top_is_excluded_too() {
    let place = Place::new(&[("sub/a", "1")]);
    place.home.git(
        &place.user,
        &["worktree", "add", "-q", "../linked", "-b", "side"],
    );
    let project = place.home.path().join("linked/sub");
    let options = Options {
        project: project.clone(),
        roots: roots(&project),
        session: "s1".to_owned(),
        identity: place.worktrees.identity.clone(),
        env: place.home.env(),
        credentials: Vec::new(),
        ignored_paths: Vec::new(),
    };
    let worktrees = Worktrees::open(place.mirror.clone(), options).unwrap();
    worktrees.lease(&place.request(1, 1)).unwrap();
    assert_eq!(place.home.git(&project, &["status", "--porcelain"]), "");
    let exclude = fs::read_to_string(place.user.join(".git/info/exclude")).unwrap();
    assert!(exclude.ends_with("/sub/.worktrees/\n"), "{exclude}");
}

#[test]
fn a_link_in_place_of_the_root_is_not_followed() {
    let place = Place::new(&[("a", "1")]);
    let elsewhere = place.home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, place.user.join(".worktrees")).unwrap();
    let leased = place.worktrees.lease(&place.request(1, 1));
    assert!(
        matches!(leased, Err(WorktreeError::RootNotADirectory { .. })),
        "{leased:?}"
    );
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn worktrees_outside_of_the_checkout_leave_it_alone() {
    let place = Place::new(&[("a", "1")]);
    let options = |configured: Option<&Path>| Options {
        project: place.user.clone(),
        roots: Roots::of(
            configured,
            &place.home.path().join("state"),
            "user-1",
            &place.user,
        ),
        session: "s1".to_owned(),
        identity: place.worktrees.identity.clone(),
        env: place.home.env(),
        credentials: Vec::new(),
        ignored_paths: Vec::new(),
    };
    let exclude = fs::read(place.user.join(".git/info/exclude")).unwrap();
    let open = |configured| Worktrees::open(place.mirror.clone(), options(configured)).unwrap();
    let outside = open(None);
    let path = outside.lease(&place.request(7, 1)).unwrap().path;
    let state = place.home.path().canonicalize().unwrap().join("state");
    assert_eq!(path, state.join("worktrees/user-1/autoissue-issue-7"));
    let mode = fs::metadata(path.parent().unwrap()).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o700);
    assert!(!place.user.join(".worktrees").exists());
    assert_eq!(
        fs::read(place.user.join(".git/info/exclude")).unwrap(),
        exclude
    );
}

#[test]
fn a_worktree_of_another_place_is_finished_where_it_is() {
    let place = Place::new(&[("a", "1")]);
    let (old, stale) = (place.lease(7), place.lease(8));
    write(&old.join("b"), "half");
    write(&stale.join("b"), "precious");
    // A session of a version that creates worktrees elsewhere continues.
    let options = Options {
        project: place.user.clone(),
        roots: Roots::of(
            None,
            &place.home.path().join("state"),
            "user-1",
            &place.user,
        ),
        session: "s2".to_owned(),
        identity: place.worktrees.identity.clone(),
        env: place.home.env(),
        credentials: Vec::new(),
        ignored_paths: Vec::new(),
    };
    let worktrees = Worktrees::open(place.mirror.clone(), options).unwrap();
    let held = worktrees.list().unwrap();
    assert_eq!(
        held.into_iter().map(|it| it.path).collect::<Vec<_>>(),
        [old.clone(), stale.clone()]
    );
    let request = LeaseRequest {
        keep: true,
        ..place.request(7, 2)
    };
    let leased = worktrees.lease(&request).unwrap();
    assert_eq!((&leased.path, leased.kept), (&old, true));
    let issues: Vec<_> = worktrees
        .list()
        .unwrap()
        .iter()
        .map(|it| it.issue)
        .collect();
    assert_eq!(issues, [7, 8]);
    assert!(sweep(&worktrees, 8).unwrap().reference.is_some());
    assert!(!stale.exists());
    // The next one is created in the current place, and the old one's work is not lost.
    let leased = worktrees.lease(&place.request(7, 3)).unwrap();
    assert!(leased.leftovers.is_some() && !old.exists());
    assert!(
        leased
            .path
            .starts_with(place.home.path().join("state").canonicalize().unwrap())
    );
}

#[test]
fn no_changes_are_no_work_even_with_empty_commits() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    place
        .home
        .git(&path, &["commit", "-q", "--allow-empty", "-m", "done!"]);
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    assert_eq!(place.mirror.salvaged().unwrap(), []);
    place.release(7).unwrap();
    assert!(!path.exists());
}

#[test]
fn every_kind_of_leftover_is_collected() {
    let base = [
        ("keep", "k"),
        ("edit", "old"),
        ("gone", "g"),
        ("moved", "m"),
        ("dir/f", "f"),
        ("tool", "t"),
        (".gitignore", "*.o\n"),
    ];
    let place = Place::new(&base);
    let path = place.lease(7);
    write(&path.join("edit"), "new");
    fs::remove_file(path.join("gone")).unwrap();
    fs::rename(path.join("moved"), path.join("renamed")).unwrap();
    fs::remove_dir_all(path.join("dir")).unwrap();
    symlink("/etc/passwd", path.join("dir")).unwrap();
    fs::set_permissions(path.join("tool"), Permissions::from_mode(0o755)).unwrap();
    write(&path.join("crlf"), "a\r\nb\r\n");
    write(&path.join("x.o"), "ignored");
    write(&path.join("with\nnew \"line"), "odd");
    fs::write(path.join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "latin").unwrap();
    fs::create_dir(path.join("empty")).unwrap();
    let work = place.collect(7);
    let files = place.files(&work.commit);
    let expected = [
        "100644 .gitignore",
        "100644 caf\u{fffd}",
        "100644 crlf",
        "120000 dir",
        "100644 edit",
        "100644 keep",
        "100644 renamed",
        "100755 tool",
        "100644 with\nnew \"line",
    ];
    assert_eq!(files, expected);
    assert_eq!(place.text(&work.commit, "crlf"), "a\r\nb");
    assert_eq!(place.text(&work.commit, "dir"), "/etc/passwd");
    assert_eq!((work.n_commits, work.history), (1, AgentCommits::Untouched));
    assert_eq!(
        place.home.git(
            place.mirror.path(),
            &["log", "-1", "--format=%an %s", work.commit.as_str()]
        ),
        "autoissue What the agent left"
    );
}

#[test]
fn a_name_that_is_not_utf8_survives_a_lease_and_a_collection() {
    let dir = std::ffi::OsStr::from_bytes(b"d\xe9");
    let prepare = |home: &Home, user: &Path| {
        fs::create_dir(user.join(dir)).unwrap();
        fs::write(user.join(dir).join("f"), "1").unwrap();
        home.commit(user, &[]);
    };
    let place = Place::with(&[("a", "1")], prepare, &[]);
    let path = place.lease(7);
    fs::write(path.join(dir).join("f"), "2").unwrap();
    assert_eq!(place.collect(7).n_files, 1);
}

#[test]
fn commits_and_leftovers_become_one_history() {
    let place = Place::new(&[("a", "1\n")]);
    let path = place.lease(7);
    place.home.commit(&path, &[("b", "x\n")]);
    let head = place.home.commit(&path, &[("c", "y\n")]);
    write(&path.join("a"), "1\n2\n");
    let work = place.collect(7);
    assert_eq!((work.n_commits, &work.history), (3, &AgentCommits::Kept));
    assert_eq!(paths(&work), ["a", "b", "c"]);
    assert_eq!((work.added, work.removed), (3, 0));
    assert_eq!(
        place.home.git(
            place.mirror.path(),
            &["rev-parse", &format!("{}^", work.commit)]
        ),
        head.as_str()
    );
    assert_eq!(place.collect(7), work);
    assert_eq!(
        place
            .home
            .git(place.mirror.path(), &["rev-parse", &work.salvage]),
        work.commit.as_str()
    );
    place.release(7).unwrap();
    assert_eq!(place.collect(7).commit, work.commit);
}

#[test]
fn packed_refs_and_a_detached_head_are_read() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let head = place.home.commit(&path, &[("b", "x")]);
    place.home.git(&path, &["pack-refs", "--all"]);
    assert_eq!(agent_head::read(&path), Some(head.clone()));
    place.home.git(&path, &["gc", "-q"]);
    place.home.git(&path, &["checkout", "-q", "--detach"]);
    assert_eq!(place.collect(7).commit, head);
}

#[test]
fn stale_commit_is_mine() {
    let place = Place::new(&[("a", "1")]);
    place.home.commit(&place.user, &[("a", "2")]);
    let base = place.home.fetch(&place.mirror, &place.user);
    let place = Place { base, ..place };
    let path = place.lease(7);
    // The last commit is the base's own, or an older one: none of them is the agent's.
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    place.home.git(&path, &["reset", "-q", "--soft", "HEAD~1"]);
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    write(&path.join("b"), "x");
    let work = place.collect(7);
    assert_eq!(
        (work.n_commits, &work.history, paths(&work)),
        (1, &AgentCommits::Rewritten, vec!["b"])
    );
    assert_eq!(
        place.home.git(
            place.mirror.path(),
            &["rev-parse", &format!("{}^", work.commit)]
        ),
        place.base.as_str()
    );
}

#[test]
fn a_rewritten_history_is_taken_as_its_files() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    place
        .home
        .git(&path, &["checkout", "-q", "--orphan", "fresh"]);
    place.home.commit(&path, &[("b", "x")]);
    let work = place.collect(7);
    assert_eq!(
        (work.n_commits, &work.history, paths(&work)),
        (1, &AgentCommits::Rewritten, vec!["b"])
    );
    place.release(7).unwrap();
}

#[test]
fn abandoned_commits_are_kept() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let head = place.home.commit(&path, &[("b", "x")]);
    fs::remove_file(path.join("b")).unwrap();
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    assert_eq!(place.mirror.salvaged_of("s1", 7).unwrap()[0].commit, head);
    place.release(7).unwrap();
}

#[test]
fn a_file_committed_against_the_ignore_rules_is_kept() {
    let place = Place::new(&[(".gitignore", "*.o\n")]);
    let path = place.lease(7);
    write(&path.join("x.o"), "object");
    place.home.git(&path, &["add", "-f", "x.o"]);
    let head = place.home.commit(&path, &[]);
    assert_eq!(place.collect(7).commit, head);
    place.release(7).unwrap();
}

#[test]
fn files_are_taken_when_the_repository_is_destroyed() {
    let destroy: [fn(&Path); 6] = [
        |git| fs::remove_dir_all(git).unwrap(),
        |git| {
            fs::remove_dir_all(git).unwrap();
            fs::write(git, "gitdir: /nowhere\n").unwrap();
        },
        |git| {
            fs::rename(git, git.with_file_name("hidden")).unwrap();
            symlink("hidden", git).unwrap();
            fs::write(git.with_file_name(".gitignore"), "hidden\n").unwrap();
        },
        |git| fs::write(git.join("HEAD"), "ref: refs/heads/dangling\n").unwrap(),
        |git| fs::write(git.join("HEAD"), "ref: ../../../etc/passwd\n").unwrap(),
        |git| {
            // The commit is named, but its objects are gone.
            fs::remove_dir_all(git.join("objects")).unwrap();
            fs::create_dir(git.join("objects")).unwrap();
        },
    ];
    let place = Place::new(&[("a", "1")]);
    for (issue, destroy) in (1..).zip(destroy) {
        let path = place.lease(issue);
        place
            .home
            .commit(&path, &[("b", "x"), ("n", &issue.to_string())]);
        write(&path.join("c"), "y");
        destroy(&path.join(".git"));
        let work = place.collect(issue);
        assert!(
            matches!(work.history, AgentCommits::Unreadable(_)),
            "{issue}: {:?}",
            work.history
        );
        assert_eq!(place.text(&work.commit, "b"), "x");
        assert_eq!(place.text(&work.commit, "c"), "y");
        place.release(issue).unwrap();
        assert!(!path.exists(), "{issue}");
    }
}

#[test]
fn malformed_commits_do_not_enter_the_mirror() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    write(&path.join("b"), "x");
    let tree = place.home.git(&path, &["rev-parse", "HEAD^{tree}"]);
    let faulty = format!(
        "tree {tree}\nparent {}\nauthor no one\ncommitter no one\n\nx\n",
        place.base
    );
    let args = [
        "hash-object",
        "-t",
        "commit",
        "-w",
        "--stdin",
        "--literally",
    ];
    let id = place
        .mirror
        .git()
        .run(&path, &args, &place.home.env(), Some(faulty.as_bytes()))
        .unwrap();
    let id = CommitId::parse(String::from_utf8(id).unwrap().trim()).unwrap();
    fs::write(
        path.join(".git/refs/heads/autoissue/issue-7"),
        format!("{id}\n"),
    )
    .unwrap();
    let work = place.collect(7);
    assert!(
        matches!(work.history, AgentCommits::Unreadable(_)),
        "{:?}",
        work.history
    );
    assert_eq!(paths(&work), ["b"]);
    assert!(!place.mirror.has_commit(&id).unwrap());
}

#[test]
fn objects_that_are_not_files_or_are_borrowed_do_not_block() {
    let plant: [fn(&Path); 3] = [
        |info| {
            rustix::fs::mkfifoat(
                rustix::fs::CWD,
                info.join("alternates"),
                rustix::fs::Mode::RWXU,
            )
            .unwrap();
        },
        |info| fs::write(info.join("alternates"), "/tmp\n").unwrap(),
        |info| symlink("/", info.join("root")).unwrap(),
    ];
    let place = Place::new(&[("a", "1")]);
    for (issue, plant) in (1..).zip(plant) {
        let path = place.lease(issue);
        place.home.commit(&path, &[("b", &issue.to_string())]);
        let info = path.join(".git/objects/info");
        if issue < 3 {
            fs::remove_file(info.join("alternates")).unwrap();
        }
        plant(&info);
        let work = place.collect(issue);
        assert!(
            matches!(work.history, AgentCommits::Unreadable(_)),
            "{issue}: {:?}",
            work.history
        );
        assert_eq!(place.text(&work.commit, "b"), issue.to_string());
        place.release(issue).unwrap();
    }
}

#[test]
fn nested_repositories_are_skipped_and_named() {
    let place = Place::new(&[("a", "1"), ("src/f", "1")]);
    let path = place.lease(7);
    place
        .home
        .repository(path.join("vendor/lib").to_str().unwrap(), &[("x", "1")]);
    assert_eq!(
        place.try_collect(7).unwrap(),
        Collected::Nothing {
            skipped: vec!["vendor/lib".to_owned()],
            strays: vec![],
            ignored: None
        }
    );
    // A repository created around files of the base hides none of them.
    place.home.git(path.join("src"), &["init", "-q"]);
    write(&path.join("src/f"), "2");
    write(&path.join("src/g"), "3");
    let work = place.collect(7);
    assert_eq!(
        (paths(&work), work.skipped.as_slice()),
        (vec!["src/f", "src/g"], ["vendor/lib".to_owned()].as_slice())
    );
    // A commit of ours cannot contain its history, so the directory is kept, under another name.
    assert!(matches!(
        place.release(7),
        Err(WorktreeError::Unsaved { .. })
    ));
    sweep(&place.worktrees, 7).unwrap();
    let kept = path.with_file_name("autoissue-issue-7.kept-1/vendor/lib");
    assert_eq!(place.home.git(&kept, &["show", "HEAD:x"]), "1");
    assert!(!path.exists());
}

#[test]
fn a_repository_committed_by_the_agent_is_neither_published_nor_lost() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let inner = path.join("frontend");
    place
        .home
        .repository(inner.to_str().unwrap(), &[("app.js", "precious")]);
    write(&inner.join("later.txt"), "precious too");
    place.home.commit(&path, &[("a", "2")]);
    assert!(
        place
            .home
            .git(&path, &["ls-tree", "HEAD", "frontend"])
            .starts_with("160000")
    );
    let work = place.collect(7);
    assert_eq!(place.files(&work.commit), ["100644 a"]);
    assert_eq!(work.skipped, ["frontend"]);
    assert!(matches!(
        place.release(7),
        Err(WorktreeError::Unsaved { .. })
    ));
    place.worktrees.lease(&place.request(7, 2)).unwrap();
    let kept = path.with_file_name("autoissue-issue-7.kept-1/frontend");
    assert_eq!(place.home.git(&kept, &["show", "HEAD:app.js"]), "precious");
    assert_eq!(fs::read(kept.join("later.txt")).unwrap(), b"precious too");
}

#[test]
fn a_worktree_committed_by_the_agent_is_neither_published_nor_lost() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    place.home.git(
        &path,
        &["worktree", "add", "-q", ".agents/one", "-b", "one"],
    );
    write(&path.join(".agents/one/later.txt"), "precious");
    place.home.commit(&path, &[("a", "2")]);
    let work = place.collect(7);
    assert_eq!(place.files(&work.commit), ["100644 a"]);
    assert_eq!(work.skipped, [".agents/one"]);
    sweep(&place.worktrees, 7).unwrap();
    let kept = path.with_file_name("autoissue-issue-7.kept-1");
    let later = fs::read(kept.join(".agents/one/later.txt")).unwrap();
    assert_eq!(later, b"precious");
}

#[test]
fn a_link_to_nothing_is_not_published() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let link = format!("160000,{},gone", place.base);
    place
        .home
        .git(&path, &["update-index", "--add", "--cacheinfo", &link]);
    fs::create_dir(path.join("gone")).unwrap();
    place
        .home
        .git(&path, &["commit", "-q", "-m", "a link to nothing"]);
    assert!(matches!(
        place.try_collect(7).unwrap(),
        Collected::Nothing { skipped, .. } if skipped.is_empty()
    ));
}

#[test]
fn work_stray_gitlink_in_base_is_left_alone() {
    let prepare = |home: &Home, user: &Path| {
        home.repository("lib", &[("l", "1")]);
        add_submodule(home, user);
        let head = home.git(user, &["rev-parse", "HEAD"]);
        for stray in [".agents/one", "filled"] {
            let link = format!("160000,{head},{stray}");
            home.git(user, &["update-index", "--add", "--cacheinfo", &link]);
        }
        home.git(user, &["commit", "-q", "-m", "links by accident"]);
    };
    let place = Place::with(&[("a", "1")], prepare, &FILES_ALLOWED);
    let path = place.lease(7);
    assert_eq!(fs::read_to_string(path.join("deps/lib/l")).unwrap(), "1");
    // Files that the project's preparation puts there are not an agent's work.
    write(&path.join("filled/by-setup"), "1");
    place
        .home
        .repository(path.join("vendor").to_str().unwrap(), &[("v", "1")]);
    place.worktrees.note_prepared(7).unwrap();
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    write(&path.join("a"), "2");
    let work = place.collect(7);
    assert_eq!((paths(&work), work.skipped.len()), (vec!["a"], 0));
    // Files that an agent puts there are work.
    write(&path.join("filled/by-agent"), "1");
    place.home.commit(&path.join("vendor"), &[("v", "2")]);
    let work = place.collect(7);
    assert_eq!(paths(&work), ["a"]);
    assert_eq!(work.skipped, ["filled", "vendor"]);
}

#[test]
fn a_stray_link_within_a_submodule_is_left_alone() {
    let prepare = |home: &Home, user: &Path| {
        home.repository("inner", &[("i", "1")]);
        let lib = home.repository("lib", &[("l", "1")]);
        let added = [
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            "../inner",
            "inner",
        ];
        home.git(&lib, &added);
        let link = format!("160000,{},stray", home.git(&lib, &["rev-parse", "HEAD"]));
        home.git(&lib, &["update-index", "--add", "--cacheinfo", &link]);
        home.git(&lib, &["commit", "-q", "-m", "a link by accident"]);
        add_submodule(home, user);
        home.commit(user, &[]);
    };
    let place = Place::with(&[("a", "1")], prepare, &FILES_ALLOWED);
    let path = place.lease(7);
    let nested = path.join("deps/lib/inner/i");
    assert_eq!(fs::read_to_string(&nested).unwrap(), "1");
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    // Changes in the inner one are found too.
    write(&nested, "2");
    assert!(matches!(
        place.try_collect(7).unwrap(),
        Collected::Nothing { skipped, .. } if skipped == ["deps/lib"]
    ));
}

#[test]
fn work_in_a_submodule_stays_unless_its_remote_has_it() {
    let prepare = |home: &Home, user: &Path| {
        home.repository("lib", &[("l", "1")]);
        add_submodule(home, user);
        home.commit(user, &[]);
    };
    let place = Place::with(&[("a", "1")], prepare, &FILES_ALLOWED);
    let link = |commit: &CommitId| {
        place.home.git(
            place.mirror.path(),
            &["rev-parse", &format!("{commit}:deps/lib")],
        )
    };
    let before = link(&place.base);
    // A changed file that is in no commit.
    let path = place.lease(1);
    write(&path.join("deps/lib/new"), "precious");
    assert!(matches!(
        place.try_collect(1).unwrap(),
        Collected::Nothing { skipped, .. } if skipped == ["deps/lib"]
    ));
    // A commit that only the agent has, and a gitlink to it.
    let path = place.lease(2);
    place
        .home
        .commit(&path.join("deps/lib"), &[("l", "precious")]);
    place.home.commit(&path, &[("a", "2")]);
    let work = place.collect(2);
    assert_eq!((paths(&work), link(&work.commit)), (vec!["a"], before));
    assert_eq!(work.skipped, ["deps/lib"]);
    // Commits that the remote has: its newest, and an older one.
    let lib = place.home.path().join("lib");
    let (older, newer) = (
        place.home.commit(&lib, &[("l", "2")]),
        place.home.commit(&lib, &[("l", "3")]),
    );
    for (issue, commit) in [(3, &older), (4, &newer)] {
        let path = place.lease(issue);
        let module = path.join("deps/lib");
        place.home.git(
            &module,
            &["-c", "protocol.file.allow=always", "fetch", "-q"],
        );
        place
            .home
            .git(&module, &["checkout", "-q", commit.as_str()]);
        place.home.commit(&path, &[]);
        let work = place.collect(issue);
        assert_eq!(work.skipped, Vec::<String>::new());
        assert_eq!(link(&work.commit), commit.as_str());
        place.release(issue).unwrap();
    }
}

/// Lets git fetch a submodule from a directory.
const FILES_ALLOWED: [(&str, &str); 3] = [
    ("GIT_CONFIG_COUNT", "1"),
    ("GIT_CONFIG_KEY_0", "protocol.file.allow"),
    ("GIT_CONFIG_VALUE_0", "always"),
];

/// Adds the repository `lib` as a submodule of the user's.
fn add_submodule(home: &Home, user: &Path) {
    let added = [
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        "../lib",
        "deps/lib",
    ];
    home.git(user, &added);
}

fn nothing() -> Collected {
    Collected::Nothing {
        skipped: vec![],
        strays: vec![],
        ignored: None,
    }
}

#[test]
fn names_that_git_refuses_are_skipped_and_named() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    for name in ["git~1", ".git ", ".Git."] {
        write(&path.join(name), "x");
    }
    write(&path.join("b"), "x");
    let work = place.collect(7);
    assert_eq!(paths(&work), ["b"]);
    assert_eq!(work.skipped, [".Git.", ".git ", "git~1"]);
}

#[test]
fn pipes_and_depth_do_not_stop_a_collection() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    for pipe in ["pipe", ".gitignore"] {
        rustix::fs::mkfifoat(rustix::fs::CWD, path.join(pipe), rustix::fs::Mode::RWXU).unwrap();
    }
    symlink("/dev/zero", path.join(".gitattributes")).unwrap();
    let deep = (0..150).fold(path.clone(), |dir, _| dir.join("d"));
    write(&deep.join("f"), "x");
    let work = place.collect(7);
    assert_eq!(
        (work.n_files, work.changes[0].path.ends_with("d/f")),
        (1, true)
    );
    place.release(7).unwrap();
}

#[test]
fn diff_bomb() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let sparse = |name: &str, bytes: u64| {
        fs::File::create(path.join(name))
            .unwrap()
            .set_len(bytes)
            .unwrap();
    };
    sparse("huge", FILE_BYTES_MAX + 1);
    let refused = place.try_collect(7);
    assert!(
        matches!(&refused, Err(WorktreeError::TooBig { path, bytes }) if path == "huge" && *bytes == FILE_BYTES_MAX + 1),
        "{refused:?}"
    );
    assert_eq!(place.mirror.salvaged().unwrap(), []);
    // It is not lost, and does not block the next attempt.
    let leased = place.worktrees.lease(&place.request(7, 2)).unwrap();
    let saved = leased.leftovers.unwrap();
    assert!(
        saved.starts_with("refs/autoissue/salvage/s1/issue-7/attempt-1-leftover-"),
        "{saved}"
    );
    assert_eq!(
        place.home.git(
            place.mirror.path(),
            &["cat-file", "-s", &format!("{saved}:huge")]
        ),
        (FILE_BYTES_MAX + 1).to_string()
    );
    // A text that is too long to compare is listed without lines.
    write(&path.join("long"), "line\n".repeat(1 << 20));
    write(&path.join("short"), "line\n");
    let work = place.collect(7);
    assert_eq!(
        (paths(&work), work.added, work.truncated),
        (vec!["long", "short"], 1, true)
    );
}

#[test]
fn a_big_file_that_was_committed_is_found_too() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    fs::File::create(path.join("huge"))
        .unwrap()
        .set_len(FILE_BYTES_MAX + 1)
        .unwrap();
    place.home.commit(&path, &[]);
    assert!(matches!(
        place.try_collect(7),
        Err(WorktreeError::TooBig { .. })
    ));
}

#[test]
fn more_files_than_anyone_can_review_are_refused() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    fs::create_dir(path.join("deps")).unwrap();
    for n in 0..=WORK_FILES_MAX {
        fs::File::create(path.join("deps").join(n.to_string())).unwrap();
    }
    assert!(
        matches!(place.try_collect(7), Err(WorktreeError::TooMuch { n_files, .. }) if n_files == WORK_FILES_MAX + 1)
    );
}

#[test]
fn uncommitted_work_deleted() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    write(&path.join("b"), "precious");
    let refused = place.release(7);
    assert!(
        matches!(refused, Err(WorktreeError::Unsaved { .. })),
        "{refused:?}"
    );
    assert!(path.join("b").exists());
    let work = place.collect(7);
    write(&path.join("b"), "more precious");
    assert!(matches!(
        place.release(7),
        Err(WorktreeError::Unsaved { .. })
    ));
    write(&path.join("b"), "precious");
    place.release(7).unwrap();
    assert!(!path.exists());
    assert_eq!(place.text(&work.commit, "b"), "precious");
    place.release(7).unwrap();
}

#[test]
fn committed_work_that_was_never_collected_is_not_released() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    place.home.commit(&path, &[("b", "x")]);
    assert!(matches!(
        place.release(7),
        Err(WorktreeError::Unsaved { .. })
    ));
    let saved = place.worktrees.salvage(7).unwrap();
    assert!(saved.reference.is_some());
    assert_eq!(place.worktrees.salvage(7).unwrap(), Saved::default());
    place.release(7).unwrap();
}

#[test]
fn a_new_lease_starts_clean_and_keeps_what_was_there() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    write(&path.join("b"), "half");
    let leased = place.worktrees.lease(&place.request(7, 2)).unwrap();
    assert!(!path.join("b").exists() && !leased.kept);
    assert_eq!(
        place.home.git(
            place.mirror.path(),
            &["show", &format!("{}:b", leased.leftovers.unwrap())]
        ),
        "half"
    );
    // Collected work is not salvaged again.
    write(&path.join("c"), "whole");
    let message = "m".to_owned();
    place
        .worktrees
        .collect(&CollectRequest {
            issue: 7,
            attempt: 2,
            base: place.base.clone(),
            message,
        })
        .unwrap();
    assert_eq!(
        place
            .worktrees
            .lease(&place.request(7, 3))
            .unwrap()
            .leftovers,
        None
    );
}

#[test]
fn a_kept_lease_continues_in_the_same_files() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    write(&path.join("b"), "half");
    let first = place.collect(7);
    let request = LeaseRequest {
        keep: true,
        work: None,
        ..place.request(7, 2)
    };
    let leased = place.worktrees.lease(&request).unwrap();
    assert_eq!((leased.kept, &leased.base), (true, &place.base));
    write(&path.join("b"), "whole");
    let message = "m".to_owned();
    let second = place
        .worktrees
        .collect(&CollectRequest {
            issue: 7,
            attempt: 2,
            base: place.base.clone(),
            message,
        })
        .unwrap();
    let Collected::Work(second) = second else {
        panic!()
    };
    assert_eq!(second.n_commits, 1);
    assert_eq!(
        (
            place.text(&first.commit, "b"),
            place.text(&second.commit, "b")
        ),
        ("half".to_owned(), "whole".to_owned())
    );
    // Another base, or a broken repository, requires a fresh start.
    let moved = place.home.commit(&place.user, &[("a", "2")]);
    place.home.fetch(&place.mirror, &place.user);
    assert!(
        !place
            .worktrees
            .lease(&LeaseRequest {
                start: moved.clone(),
                ..request.clone()
            })
            .unwrap()
            .kept
    );
    fs::remove_dir_all(path.join(".git")).unwrap();
    assert!(
        !place
            .worktrees
            .lease(&LeaseRequest {
                start: moved,
                ..request
            })
            .unwrap()
            .kept
    );
}

#[test]
fn a_directory_half_made_by_a_crash_is_made_again() {
    let place = Place::new(&[("a", "1"), ("b", "2")]);
    let path = place.lease(7);
    for phase in [Phase::Making, Phase::Removing] {
        let record = place.worktrees.records(7).read(7).unwrap().unwrap();
        place
            .worktrees
            .records(7)
            .write(&Record { phase, ..record })
            .unwrap();
        fs::remove_file(path.join("b")).unwrap();
        fs::remove_file(path.join(".git/HEAD")).unwrap();
        let leased = place
            .worktrees
            .lease(&LeaseRequest {
                keep: true,
                work: None,
                ..place.request(7, 1)
            })
            .unwrap();
        assert_eq!(
            (leased.kept, leased.leftovers, path.join("b").exists()),
            (false, None, true)
        );
    }
}

#[test]
fn a_stranger_in_our_place_is_moved_aside_not_deleted() {
    let place = Place::new(&[("a", "1")]);
    let at = |issue: u64| {
        place
            .user
            .join(format!(".worktrees/autoissue-issue-{issue}"))
    };
    write(&at(1).join("notes"), "mine");
    write(&at(2), "a file");
    let outside = place.home.path().join("outside");
    write(&outside.join("f"), "theirs");
    symlink(&outside, at(3)).unwrap();
    for issue in [1, 2, 3] {
        place.lease(issue);
        place.release(issue).unwrap();
    }
    assert_eq!(
        fs::read(
            place
                .user
                .join(".worktrees/autoissue-issue-1.not-ours-1/notes")
        )
        .unwrap(),
        b"mine"
    );
    assert_eq!(
        fs::read(place.user.join(".worktrees/autoissue-issue-2.not-ours-1")).unwrap(),
        b"a file"
    );
    assert_eq!(fs::read(outside.join("f")).unwrap(), b"theirs");
}

#[test]
fn a_directory_that_the_agent_replaced_by_a_link_is_unlinked() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let outside = place.home.path().join("outside");
    write(&outside.join("f"), "theirs");
    fs::remove_dir_all(&path).unwrap();
    symlink(&outside, &path).unwrap();
    assert!(matches!(
        place.try_collect(7),
        Err(WorktreeError::Gone { .. })
    ));
    place.release(7).unwrap();
    assert!(!path.is_symlink() && outside.join("f").exists());
}

#[test]
fn read_only_parts_and_links_are_removed_without_leaving() {
    let place = Place::new(&[("a", "1"), (".gitignore", "cache\n")]);
    let path = place.lease(7);
    let outside = place.home.path().join("outside");
    write(&outside.join("f"), "theirs");
    write(&path.join("cache/deep/f"), "x");
    symlink(&outside, path.join("cache/deep/link")).unwrap();
    for dir in ["cache/deep", "cache"] {
        fs::set_permissions(path.join(dir), Permissions::from_mode(0o500)).unwrap();
    }
    place.try_collect(7).unwrap();
    place.release(7).unwrap();
    assert!(!path.exists() && outside.join("f").exists());
}

#[test]
fn permissions_are_granted_before_a_removal() {
    let home = Home::new();
    let file = home.path().join("locked");
    write(&file, "x");
    fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    removal::grant(&file, &fs::symlink_metadata(&file).unwrap());
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o400
    );
}

#[test]
fn a_sweep_takes_only_what_is_ours_and_idle() {
    let place = Place::new(&[("a", "1")]);
    let (idle, busy) = (place.lease(1), place.lease(2));
    let stranger = place.user.join(".worktrees/autoissue-issue-3");
    write(&stranger.join("f"), "mine");
    write(&idle.join("b"), "unsaved");
    let held: Vec<_> = place
        .worktrees
        .list()
        .unwrap()
        .into_iter()
        .map(|held| (held.issue, held.exists))
        .collect();
    assert_eq!(held, [(1, true), (2, true)]);
    let saved = sweep(&place.worktrees, 1).unwrap().reference.unwrap();
    assert_eq!(
        place
            .home
            .git(place.mirror.path(), &["show", &format!("{saved}:b")]),
        "unsaved"
    );
    assert!(!idle.exists() && busy.exists() && stranger.exists());
    assert_eq!(place.worktrees.list().unwrap().len(), 1);
}

#[test]
fn two_checkouts_of_one_repository_do_not_share_their_worktrees() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    write(&path.join("b"), "x");
    let other = place.home.repository("other", &[("z", "1")]);
    let identity = place.worktrees.identity.clone();
    let options = Options {
        roots: roots(&other),
        project: other,
        session: "s2".to_owned(),
        identity,
        env: place.home.env(),
        credentials: Vec::new(),
        ignored_paths: Vec::new(),
    };
    let worktrees = Worktrees::open(place.mirror.clone(), options).unwrap();
    assert!(worktrees.list().unwrap().is_empty());
    worktrees.lease(&place.request(7, 1)).unwrap();
    worktrees.check_saved(7).unwrap();
    worktrees.discard(7).unwrap();
    assert!(path.join("b").exists());
}

#[test]
fn git_config_plant() {
    let place = Place::with(&[("a", "1"), ("hook/x", "1")], |_, _| {}, &[]);
    let fired = place.home.path().join("fired");
    fs::create_dir(&fired).unwrap();
    let path = place.lease(7);
    place.home.commit(&path, &[("b", "x")]);
    write(&path.join("c"), "leftover");
    plant(&place, &path, &fired);
    let work = place.collect(7);
    assert_eq!(place.text(&work.commit, "b"), "x");
    assert_eq!(place.text(&work.commit, "c"), "leftover");
    // The next attempt starts with planted files, once in the same tree and once in a new one; then
    // the plants are removed.
    for keep in [true, false] {
        place
            .worktrees
            .lease(&LeaseRequest {
                keep,
                ..place.request(7, 2)
            })
            .unwrap();
    }
    place.home.commit(&path, &[("b", "y")]);
    plant(&place, &path, &fired);
    sweep(&place.worktrees, 7).unwrap();
    // A repository elsewhere, referenced by a file.
    let path = place.lease(8);
    plant(&place, &path, &fired);
    let elsewhere = place.home.path().join("elsewhere.git");
    fs::rename(path.join(".git"), &elsewhere).unwrap();
    fs::write(
        path.join(".git"),
        format!("gitdir: {}\n", elsewhere.display()),
    )
    .unwrap();
    place.collect(8);
    place.release(8).unwrap();
    let fired: Vec<_> = fs::read_dir(&fired)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(fired.is_empty(), "{fired:?}");
}

/// Plants every trigger that a repository offers; each would create a file in `fired`.
fn plant(place: &Place, path: &Path, fired: &Path) {
    let script = |name: &str| {
        let script = place.home.path().join(format!("plant-{name}"));
        write(
            &script,
            format!("#!/bin/sh\ntouch {}/{name}\ncat\n", fired.display()),
        );
        fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
        script.display().to_string()
    };
    let hooks = path.join(".git/planted-hooks");
    for hook in [
        "post-checkout",
        "pre-commit",
        "post-commit",
        "reference-transaction",
        "post-index-change",
        "pre-push",
        "post-merge",
    ] {
        for dir in [&hooks, &path.join(".git/hooks")] {
            write(&dir.join(hook), fs::read(script(hook)).unwrap());
            fs::set_permissions(dir.join(hook), Permissions::from_mode(0o755)).unwrap();
        }
    }
    let hooks = hooks.display().to_string();
    write(
        &path.join(".gitattributes"),
        "* filter=planted diff=planted merge=planted\n",
    );
    let settings = [
        ("core.hooksPath", hooks),
        ("core.fsmonitor", script("fsmonitor")),
        ("filter.planted.clean", script("clean")),
        ("filter.planted.smudge", script("smudge")),
        ("filter.planted.process", script("process")),
        ("diff.planted.textconv", script("textconv")),
        ("diff.planted.command", script("diff")),
        ("diff.external", script("external")),
        ("merge.planted.driver", script("merge")),
        ("uploadpack.packObjectsHook", script("pack-objects")),
        ("core.alternateRefsCommand", script("alternate-refs")),
        ("core.sshCommand", script("ssh")),
        ("core.pager", script("pager")),
        ("credential.helper", script("credential")),
        ("gpg.program", script("gpg")),
        ("commit.gpgSign", "true".to_owned()),
        ("extensions.partialClone", "evil".to_owned()),
        ("remote.evil.url", format!("ext::{}", script("ext"))),
        ("remote.evil.uploadpack", script("upload-pack")),
        ("remote.evil.promisor", "true".to_owned()),
    ];
    let mut config = fs::read_to_string(path.join(".git/config")).unwrap();
    for (name, value) in settings {
        let (section, key) = name.rsplit_once('.').unwrap();
        let header = section
            .split_once('.')
            .map_or(section.to_owned(), |(a, b)| format!("{a} \"{b}\""));
        config.push_str(&format!("[{header}]\n\t{key} = \"{value}\"\n"));
    }
    fs::write(path.join(".git/config"), config).unwrap();
}

#[test]
fn plants_do_fire_where_git_trusts_the_directory() {
    // Counter-check: the same plants, and a git that reads them.
    let place = Place::new(&[("a", "1")]);
    let fired = place.home.path().join("fired");
    fs::create_dir(&fired).unwrap();
    let path = place.lease(7);
    plant(&place, &path, &fired);
    write(&path.join("a"), "2");
    let _ = place
        .mirror
        .git()
        .run(&path, &["add", "-A"], &place.home.env(), None);
    let _ = place.mirror.git().run(
        &path,
        &[
            "-c",
            "core.hooksPath=",
            "-c",
            "core.fsmonitor=true",
            "status",
        ],
        &place.home.env(),
        None,
    );
    assert!(fs::read_dir(&fired).unwrap().count() > 0);
}

#[test]
fn worktree_race() {
    let place = Place::new(&[("a", "1"), ("dir/b", "2")]);
    thread::scope(|scope| {
        for issue in 101..=132 {
            let place = &place;
            scope.spawn(move || {
                let path = place.lease(issue);
                if issue % 2 == 0 {
                    place.home.commit(&path, &[("c", "committed")]);
                }
                write(&path.join("a"), issue.to_string());
                let work = place.collect(issue);
                assert_eq!(place.text(&work.commit, "a"), issue.to_string());
                place.release(issue).unwrap();
            });
        }
    });
    assert_eq!(place.mirror.salvaged().unwrap().len(), 32);
    assert_eq!(
        fs::read_dir(place.user.join(".worktrees")).unwrap().count(),
        0
    );
    place.home.git(place.mirror.path(), &["fsck", "--strict"]);
}

#[test]
fn filters_of_the_base_run_with_our_git_directory() {
    let files = [
        (".gitattributes", "*.txt filter=rot\n"),
        ("plain", "hello\n"),
    ];
    let place = Place::with(&files, commit_with_global_filter, &[]);
    assert_eq!(place.text(&place.base, "secret.txt"), "uryyb");
    let path = place.lease(7);
    assert_eq!(
        fs::read_to_string(path.join("secret.txt")).unwrap(),
        "hello\n"
    );
    assert_eq!(place.home.git(&path, &["status", "--porcelain"]), "");
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    write(&path.join("secret.txt"), "world\n");
    write(&path.join("od\"d\n.txt"), "new\n");
    write(&path.join("plain"), "plain\n");
    fs::set_permissions(path.join("same.txt"), Permissions::from_mode(0o755)).unwrap();
    symlink("secret.txt", path.join("link.txt")).unwrap();
    fs::write(
        path.join(".git/config"),
        "[filter \"rot\"]\n\tclean = false\n",
    )
    .unwrap();
    let work = place.collect(7);
    let texts = ["secret.txt", "od\"d\n.txt", "plain", "link.txt", "same.txt"]
        .map(|path| place.text(&work.commit, path));
    assert_eq!(texts, ["jbeyq", "arj", "plain", "secret.txt", "hapunatrq"]);
    assert!(
        place
            .files(&work.commit)
            .contains(&"100755 same.txt".to_owned())
    );
    place.release(7).unwrap();
}

fn commit_with_global_filter(home: &Home, user: &Path) {
    let rot = "tr 'A-Za-z' 'N-ZA-Mn-za-m'";
    for side in ["clean", "smudge"] {
        home.git(
            user,
            &["config", "--global", &format!("filter.rot.{side}"), rot],
        );
    }
    home.git(user, &["config", "--global", "filter.rot.required", "true"]);
    home.commit(
        user,
        &[("secret.txt", "hello\n"), ("same.txt", "unchanged\n")],
    );
}

#[test]
fn filters_of_the_repository_alone_hold_for_what_the_agent_leaves_and_commits() {
    let place = Place::with(
        &[(".gitattributes", "*.txt filter=rot\n")],
        commit_with_local_filter,
        &[],
    );
    place.mirror.take_filters(&place.user).unwrap();
    let path = place.lease(7);
    assert_eq!(
        fs::read_to_string(path.join("secret.txt")).unwrap(),
        "hello\n"
    );
    place.home.commit(&path, &[("secret.txt", "world\n")]);
    write(&path.join("new.txt"), "new\n");
    let work = place.collect(7);
    let texts = [("secret.txt", "jbeyq"), ("new.txt", "arj")];
    texts
        .into_iter()
        .for_each(|(path, text)| assert_eq!(place.text(&work.commit, path), text));
    assert_eq!(
        place.text(
            &CommitId::parse(&place.home.git(&path, &["rev-parse", "HEAD"])).unwrap(),
            "secret.txt"
        ),
        "jbeyq"
    );
    // Filters that the user removes are gone.
    place
        .home
        .git(&place.user, &["config", "--remove-section", "filter.rot"]);
    place.mirror.take_filters(&place.user).unwrap();
    assert!(place.mirror.filters().is_empty());
}

fn commit_with_local_filter(home: &Home, user: &Path) {
    for side in ["clean", "smudge"] {
        home.git(
            user,
            &[
                "config",
                &format!("filter.rot.{side}"),
                "tr 'A-Za-z' 'N-ZA-Mn-za-m'",
            ],
        );
    }
    home.git(user, &["config", "filter.rot.required", "true"]);
    home.commit(user, &[("secret.txt", "hello\n")]);
}

#[test]
fn commits_on_other_branches_and_in_the_stash_are_kept() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let branch = place.home.git(&path, &["symbolic-ref", "--short", "HEAD"]);
    place.home.git(&path, &["checkout", "-q", "-b", "side/fix"]);
    let aside = place.home.commit(&path, &[("a", "2")]);
    place.home.git(&path, &["checkout", "-q", &branch]);
    write(&path.join("a"), "3");
    place.home.git(&path, &["stash", "-q"]);
    let stashed = place.home.git(&path, &["rev-parse", "refs/stash"]);
    place.home.git(&path, &["pack-refs", "--all"]);
    let Collected::Nothing {
        skipped, strays, ..
    } = place.try_collect(7).unwrap()
    else {
        panic!("there is work")
    };
    assert_eq!((skipped.len(), strays.len()), (0, 2));
    let kept: Vec<String> = place
        .mirror
        .salvaged()
        .unwrap()
        .iter()
        .map(|kept| kept.commit.to_string())
        .collect();
    for commit in [&aside.to_string(), &stashed] {
        assert!(kept.contains(commit), "{kept:?}");
    }
    place.release(7).unwrap();
    // A branch that the work itself contains is not reported.
    let path = place.lease(8);
    place.home.commit(&path, &[("a", "2")]);
    place.home.git(&path, &["branch", "backup"]);
    place.home.commit(&path, &[("a", "3")]);
    place.collect(8);
    assert_eq!(place.mirror.salvaged_of("s1", 8).unwrap().len(), 1);
}

#[test]
fn messages_of_an_agents_commits_have_no_effect() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let git = |args: &[&str]| place.home.git(&path, args);
    let harmless = place.home.commit(&path, &[("b", "1")]);
    git(&["checkout", "-q", "-b", "side"]);
    write(&path.join("c"), "1");
    git(&["add", "-A"]);
    let message = "fix\n\nCloses #999 [skip ci], @bob";
    let author = "--author=Grace <grace@example.com>";
    git(&[
        "commit",
        "-q",
        author,
        "--date=2026-01-02T03:04:05Z",
        "-m",
        message,
    ]);
    git(&["checkout", "-q", "-"]);
    place.home.commit(&path, &[("d", "1")]);
    git(&["merge", "-q", "--no-ff", "-m", "together", "side"]);
    write(&path.join("e"), "1");
    let work = place.collect(7);
    let log = place.home.git(
        place.mirror.path(),
        &[
            "log",
            "--topo-order",
            "--format=%an %at %s: %b",
            &format!("{}..{}", place.base, work.commit),
        ],
    );
    assert!(
        log.contains("Grace 1767323045 fix: Closes issue #999 (skip ci), @ bob"),
        "{log}"
    );
    assert!(!log.contains("[skip ci]"), "{log}");
    assert_eq!((work.n_commits, &work.history), (5, &AgentCommits::Kept));
    assert_eq!(paths(&work), ["b", "c", "d", "e"]);
    // Harmless commits are kept unchanged, and the same commits give the same result.
    let is_ancestor = ["merge-base", "--is-ancestor", harmless.as_str()];
    let is_ancestor: Vec<&str> = is_ancestor
        .into_iter()
        .chain([work.commit.as_str()])
        .collect();
    place.home.git(place.mirror.path(), &is_ancestor);
    assert_eq!(place.collect(7).commit, work.commit);
    place.release(7).unwrap();
}

#[test]
fn ignored_files_that_an_agent_made_are_kept() {
    let place = Place::new(&[(".gitignore", "docs/\n*.local\n"), ("a", "1")]);
    let path = place.lease(7);
    write(&path.join("docs/guide.md"), "guide");
    symlink("/etc/passwd", path.join("docs/link")).unwrap();
    write(&path.join("secrets.local"), "s");
    let Collected::Nothing {
        ignored: Some(ignored),
        ..
    } = place.try_collect(7).unwrap()
    else {
        panic!("ignored files are not a change")
    };
    assert_eq!(ignored.paths, ["docs", "secrets.local"]);
    let salvage = ignored.salvage.unwrap();
    let show = |path: &str| {
        place
            .home
            .git(place.mirror.path(), &["show", &format!("{salvage}:{path}")])
    };
    assert_eq!(show("docs/guide.md"), "guide");
    assert_eq!(show("docs/link"), "/etc/passwd");
    assert_eq!(show("a"), "1");
    // Collecting again keeps the same ref, and later changes are not saved yet.
    assert_eq!(place.mirror.salvaged_of("s1", 7).unwrap().len(), 1);
    place.try_collect(7).unwrap();
    assert_eq!(place.mirror.salvaged_of("s1", 7).unwrap().len(), 1);
    write(&path.join("docs/guide.md"), "better guide");
    assert!(matches!(
        place.release(7),
        Err(WorktreeError::Unsaved { .. })
    ));
    // They are not part of a commit.
    write(&path.join("a"), "2");
    let work = place.collect(7);
    assert_eq!(paths(&work), ["a"]);
    assert!(work.ignored.is_some_and(|it| it.salvage.is_some()));
    place.release(7).unwrap();
    assert!(!path.exists());
}

#[test]
fn files_that_the_program_leaves_are_not_changes_unless_they_are_tracked() {
    let place = Place::new(&[
        ("a", "1"),
        (".agent/rules", "1"),
        (".gitignore", "!*.history\n"),
    ]);
    let options = Options {
        project: place.user.clone(),
        roots: roots(&place.user),
        session: "s1".to_owned(),
        identity: place.worktrees.identity.clone(),
        env: place.home.env(),
        credentials: Vec::new(),
        ignored_paths: vec![".agent/".to_owned(), "*.history".to_owned()],
    };
    let place = Place {
        worktrees: Worktrees::open(place.mirror.clone(), options).unwrap(),
        ..place
    };
    let path = place.lease(7);
    write(&path.join("chat.history"), "long");
    write(&path.join(".agent/cache"), "long");
    let Collected::Nothing {
        ignored: Some(ignored),
        ..
    } = place.try_collect(7).unwrap()
    else {
        panic!("files of the program are not a change")
    };
    assert_eq!(ignored.paths, [".agent/cache", "chat.history"]);
    write(&path.join(".agent/rules"), "2");
    assert_eq!(paths(&place.collect(7)), [".agent/rules"]);
}

#[test]
fn too_much_that_git_ignores_keeps_the_directory() {
    let place = Place::new(&[(".gitignore", "out*\n"), ("a", "1")]);
    let make: [fn(&Place, &Path); 2] = [
        |_, out| {
            let file = fs::File::create(out.join("big")).unwrap();
            file.set_len(IGNORED_BYTES_MAX + 1).unwrap();
        },
        |place, out| drop(place.home.repository(out.to_str().unwrap(), &[("b", "1")])),
    ];
    for (issue, make) in (1..).zip(make) {
        let path = place.lease(issue);
        fs::create_dir(path.join("out")).unwrap();
        make(&place, &path.join("out"));
        let Collected::Nothing {
            ignored: Some(ignored),
            skipped,
            ..
        } = place.try_collect(issue).unwrap()
        else {
            panic!("ignored files are not a change")
        };
        assert_eq!(
            (ignored.paths, ignored.salvage),
            (vec!["out".to_owned()], None)
        );
        assert_eq!(skipped, Vec::<String>::new());
        assert!(matches!(
            place.release(issue),
            Err(WorktreeError::Unsaved { .. })
        ));
        place.worktrees.lease(&place.request(issue, 2)).unwrap();
        let kept = path.with_file_name(format!("autoissue-issue-{issue}.kept-1/out"));
        assert!(kept.is_dir());
    }
}

#[test]
fn what_setup_and_checks_make_is_not_kept() {
    let ignore = "deps/\nreport\ncache/\nout/\n";
    let place = Place::new(&[(".gitignore", ignore), ("a", "1")]);
    let base = place.lease(0);
    write(&base.join("deps/x"), "by a check on the base");
    place.worktrees.note_made_by_checks(0).unwrap();
    place.worktrees.discard(0).unwrap();
    let path = place.lease(7);
    write(&path.join("out/setup"), "by setup");
    place.worktrees.note_prepared(7).unwrap();
    write(&path.join("out/agent"), "in what setup made");
    write(&path.join("deps/x"), "in what a check makes");
    let tag = "Signature: 8a477f597d28d172789f06886806bc55\n# a cache\n";
    write(&path.join("cache/CACHEDIR.TAG"), tag);
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    write(&path.join("report"), "by a check");
    place.worktrees.note_checked(7).unwrap();
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    place.release(7).unwrap();
    assert!(!path.exists());
}

#[test]
fn an_unfinished_merge_is_found() {
    let block = |ours: &str| format!("<<<<<<< HEAD\n{ours}\n=======\ntheirs\n>>>>>>> other\n");
    let place = Place::new(&[("a", "1\n"), ("manual", &block("an example"))]);
    // Unmerged in the index, with and without markers in the files.
    let path = place.lease(1);
    let branch = place.home.git(&path, &["symbolic-ref", "--short", "HEAD"]);
    place.home.git(&path, &["checkout", "-q", "-b", "other"]);
    place.home.commit(&path, &[("a", "2\n")]);
    place.home.git(&path, &["checkout", "-q", &branch]);
    place.home.commit(&path, &[("a", "3\n")]);
    let merged = fixture::git().run(&path, &["merge", "other"], &place.home.env(), None);
    assert!(merged.is_err());
    assert_eq!(place.collect(1).conflicts, ["a"]);
    write(&path.join("a"), "2 and 3\n");
    assert_eq!(place.collect(1).conflicts, ["a"]);
    place.home.git(&path, &["add", "a"]);
    assert_eq!(place.collect(1).conflicts, Vec::<String>::new());
    // Committed unchanged.
    let path = place.lease(2);
    place.home.commit(&path, &[("new", &block("ours"))]);
    assert_eq!(place.collect(2).conflicts, ["new"]);
    // A file with such lines in the base may be edited and moved, but must not get more of them.
    let path = place.lease(3);
    write(&path.join("manual"), block("another example") + "more\n");
    assert_eq!(place.collect(3).conflicts, Vec::<String>::new());
    fs::remove_file(path.join("manual")).unwrap();
    write(&path.join("moved"), block("an example"));
    assert_eq!(place.collect(3).conflicts, Vec::<String>::new());
    write(&path.join("manual"), block("an example") + &block("ours"));
    fs::remove_file(path.join("moved")).unwrap();
    assert_eq!(place.collect(3).conflicts, ["manual"]);
}

#[test]
fn files_left_by_the_preparation_are_not_work() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    write(&path.join("lock"), "1");
    place.worktrees.note_prepared(7).unwrap();
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    let again = place
        .worktrees
        .lease(&LeaseRequest {
            keep: true,
            work: None,
            ..place.request(7, 2)
        })
        .unwrap();
    assert!(again.kept);
    assert_eq!(place.try_collect(7).unwrap(), nothing());
    write(&path.join("a"), "2");
    assert_eq!(paths(&place.collect(7)), ["a"]);
    place.release(7).unwrap();
    assert!(!path.exists());
}

#[test]
fn files_left_by_the_preparation_are_not_published() {
    let base = [
        ("a", "1"),
        ("lock", "old"),
        ("gone", "1"),
        ("both", "1"),
        ("kind", "1"),
        ("dir", "1"),
    ];
    let place = Place::new(&base);
    let prepare = |path: &Path| {
        write(&path.join("lock"), "by setup");
        write(&path.join("both"), "by setup");
        write(&path.join("generated"), "by setup");
        fs::remove_file(path.join("gone")).unwrap();
        fs::remove_file(path.join("kind")).unwrap();
        symlink("a", path.join("kind")).unwrap();
        fs::remove_file(path.join("dir")).unwrap();
        write(&path.join("dir/f"), "by setup");
    };
    // It makes no difference whether the agent commits what it finds or leaves it uncommitted.
    for (issue, commits) in [(1, false), (2, true)] {
        let path = place.lease(issue);
        prepare(&path);
        place.worktrees.note_prepared(issue).unwrap();
        write(&path.join("a"), "2");
        write(&path.join("both"), "by the agent");
        if commits {
            place.home.commit(&path, &[]);
        }
        let work = place.collect(issue);
        assert_eq!(paths(&work), ["a", "both"], "{issue}");
        assert_eq!(place.text(&work.commit, "both"), "by the agent");
        place.release(issue).unwrap();
        assert!(!path.exists());
    }
    // If something of the agent's is in the way, it wins.
    let path = place.lease(3);
    prepare(&path);
    place.worktrees.note_prepared(3).unwrap();
    write(&path.join("dir/g"), "by the agent");
    let work = place.collect(3);
    assert_eq!(paths(&work), ["dir", "dir/g"]);
    // An agent that commits nothing else did nothing.
    let path = place.lease(4);
    prepare(&path);
    place.worktrees.note_prepared(4).unwrap();
    place.home.commit(&path, &[]);
    assert_eq!(place.try_collect(4).unwrap(), nothing());
    place.release(4).unwrap();
}

#[test]
fn work_crlf_with_filter_stays_as_it_is_in_the_base() {
    let lines = |seventh: &str| -> String {
        (1..=50)
            .map(|n| match n {
                7 => format!("{seventh}\r\n"),
                n => format!("line {n}\r\n"),
            })
            .collect()
    };
    let prepare = |home: &Home, user: &Path| {
        home.commit(user, &[("notes.txt", &lines("line 7"))]);
        let attributes = "* text=auto\n*.bin filter=absent -text\n";
        home.commit(user, &[(".gitattributes", attributes)]);
        // The user wants warnings about irreversible conversions.
        home.git(user, &["config", "--global", "core.safecrlf", "true"]);
    };
    let place = Place::with(&[("a", "1")], prepare, &[]);
    let path = place.lease(7);
    assert_eq!(
        fs::read_to_string(path.join("notes.txt")).unwrap(),
        lines("line 7")
    );
    write(&path.join("notes.txt"), lines("line seven"));
    write(&path.join("new.txt"), "new\r\n");
    // A file in place of a directory, and the reverse.
    fs::remove_file(path.join("a")).unwrap();
    write(&path.join("a/b"), "1");
    let work = place.collect(7);
    let of_notes = work.changes.iter().find(|it| it.path == "notes.txt");
    let of_notes = of_notes.map(|it| (it.added, it.removed));
    assert_eq!(of_notes, Some((1, 1)));
    let new = place.home.git(
        place.mirror.path(),
        &["cat-file", "-s", &format!("{}:new.txt", work.commit)],
    );
    assert_eq!(new, "4");
    assert_eq!(place.text(&work.commit, "a/b"), "1");
}

#[test]
fn attributes_name_a_filter_only_when_they_set_one() {
    fn check(text: &str, expected: bool) {
        assert_eq!(names_a_filter(text.as_bytes()), expected, "{text}");
    }

    check("*.bin filter=lfs diff=lfs merge=lfs -text\n", true);
    check("[attr]big filter=lfs\r\n", true);
    check("*.bin -filter !filter\n", false);
    check("# *.bin filter=lfs\n", false);
    check("*.txt text=auto\n", false);
    // Only the git program supports this.
    check("*.rc text working-tree-encoding=UTF-16LE-BOM\n", true);
}

#[test]
fn submodules_are_initialised_and_stay_what_they_are() {
    let allowed = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "protocol.file.allow"),
        ("GIT_CONFIG_VALUE_0", "always"),
    ];
    let place = Place::with(&[("a", "1")], commit_submodule, &allowed);
    let path = place.lease(7);
    assert_eq!(fs::read_to_string(path.join("deps/lib/l")).unwrap(), "1");
    write(&path.join("a"), "2");
    let work = place.collect(7);
    assert_eq!(paths(&work), ["a"]);
    assert_eq!(work.skipped, Vec::<String>::new());
    // A commit inside it is on no ref that we could create: it is reported, and its directory is
    // never deleted.
    place.home.commit(&path.join("deps/lib"), &[("l", "2")]);
    assert_eq!(place.collect(7).skipped, ["deps/lib"]);
    assert!(matches!(
        place.release(7),
        Err(WorktreeError::Unsaved { .. })
    ));
    sweep(&place.worktrees, 7).unwrap();
    let kept = path.with_file_name("autoissue-issue-7.kept-1");
    assert_eq!(fs::read_to_string(kept.join("deps/lib/l")).unwrap(), "2");
    let path = place.lease(7);
    // Removing a submodule is allowed.
    fs::remove_dir_all(path.join("deps")).unwrap();
    assert!(
        !place
            .files(&place.collect(7).commit)
            .iter()
            .any(|file| file.contains("deps/lib"))
    );
}

fn commit_submodule(home: &Home, user: &Path) {
    home.repository("lib", &[("l", "1")]);
    home.git(
        user,
        &[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            "../lib",
            "deps/lib",
        ],
    );
    home.commit(user, &[]);
}

#[test]
fn a_submodule_that_cannot_be_fetched_is_named() {
    let place = Place::with(
        &[("a", "1")],
        |home, user| {
            commit_submodule(home, user);
            fs::remove_dir_all(home.path().join("lib")).unwrap();
        },
        &[],
    );
    let leased = place.worktrees.lease(&place.request(7, 1));
    assert!(
        matches!(&leased, Err(WorktreeError::Submodule { path, .. }) if path == "deps/lib"),
        "{leased:?}"
    );
    assert!(
        !place
            .worktrees
            .lease(&place.request(7, 1))
            .is_ok_and(|leased| leased.kept)
    );
}

#[test]
fn a_shallow_repository_can_be_worked_on() {
    let place = Place::new(&[("a", "1")]);
    place.home.commit(&place.user, &[("a", "2")]);
    let url = format!("file://{}", place.user.display());
    place
        .home
        .git(".", &["clone", "-q", "--depth", "1", &url, "shallow"]);
    let shallow = place.home.path().join("shallow");
    let mirror = Mirror::open(
        &place.home.path().join("state/shallow.git"),
        place.mirror.git().clone(),
    )
    .unwrap();
    let base = place.home.fetch(&mirror, &shallow);
    let identity = place.worktrees.identity.clone();
    let options = Options {
        roots: roots(&shallow),
        project: shallow,
        session: "s1".to_owned(),
        identity,
        env: place.home.env(),
        credentials: Vec::new(),
        ignored_paths: Vec::new(),
    };
    let worktrees = Worktrees::open(mirror.clone(), options).unwrap();
    let place = Place {
        mirror,
        base,
        worktrees,
        ..place
    };
    let path = place.lease(7);
    assert_eq!(place.home.git(&path, &["log", "--format=%s"]), "work");
    place.home.commit(&path, &[("b", "x")]);
    assert_eq!(place.collect(7).history, AgentCommits::Kept);
}

#[test]
fn an_unchanged_file_is_not_read_again() {
    let place = Place::new(&[("a", "1"), ("b", "2")]);
    let path = place.lease(7);
    // As if the checkout had been long ago: the index is newer than its files.
    let index = place.worktrees.records(7).index(7);
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    fs::File::options()
        .write(true)
        .open(&index)
        .unwrap()
        .set_modified(later)
        .unwrap();
    let mut kept = git2::Index::open(&index).unwrap();
    let mut entry = kept.get_path(Path::new("a"), 0).unwrap();
    // A wrong hash in our index shows whether the file was assumed to be unchanged.
    entry.id = kept.get_path(Path::new("b"), 0).unwrap().id;
    kept.add(&entry).unwrap();
    kept.write().unwrap();
    fs::File::options()
        .write(true)
        .open(&index)
        .unwrap()
        .set_modified(later)
        .unwrap();
    let seed = place.worktrees.tree_of(&place.base).unwrap();
    let scene = Scene {
        mirror: &place.mirror,
        dir: &path,
        index: &index,
        seed,
        base: seed,
        take: Take::Everything,
        filters: None,
        gate: &place.worktrees.records(7).gate(7),
        modules: &BTreeMap::new(),
        env: &[],
        ignored_paths: &[],
    };
    assert_eq!(snapshot::take(&scene).unwrap().tree, seed);
}

#[test]
fn a_place_that_was_replaced_by_a_link_loses_nothing() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let root = path.parent().unwrap().to_owned();
    let elsewhere = place.home.path().join("elsewhere");
    fs::rename(&root, &elsewhere).unwrap();
    write(&elsewhere.join("autoissue-issue-7/b"), "somebody else's");
    symlink(&elsewhere, &root).unwrap();
    let is_refused = |result: Result<(), WorktreeError>| {
        matches!(result, Err(WorktreeError::RootNotADirectory { .. }))
    };
    assert!(is_refused(place.release(7)));
    assert!(is_refused(place.worktrees.discard(7)));
    assert!(is_refused(sweep(&place.worktrees, 7).map(drop)));
    assert!(is_refused(place.worktrees.set_aside(7).map(drop)));
    assert!(elsewhere.join("autoissue-issue-7/b").exists());
}

#[test]
fn no_mode_changes_through_another_name_of_a_file() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let outside = place.home.path().join("secret");
    write(&outside, "theirs");
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o200)).unwrap();
    fs::hard_link(&outside, path.join("mine")).unwrap();
    let _ = place.try_collect(7);
    let _ = sweep(&place.worktrees, 7);
    let mode = fs::metadata(&outside).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o200);
    assert_eq!(fs::read_to_string(&outside).unwrap(), "theirs");
}

#[test]
fn a_failing_filter_blocks_no_issue() {
    let place = Place::with(
        &[(".gitattributes", "*.bin filter=broken\n"), ("a", "1")],
        |home, user| {
            home.git(user, &["config", "filter.broken.clean", "false"]);
            home.git(user, &["config", "filter.broken.smudge", "cat"]);
            home.git(user, &["config", "filter.broken.required", "true"]);
        },
        &[],
    );
    place.mirror.take_filters(&place.user).unwrap();
    let path = place.lease(7);
    write(&path.join("x.bin"), "precious");
    assert!(matches!(
        place.try_collect(7),
        Err(WorktreeError::Filters(_))
    ));
    let saved = place.worktrees.salvage(7).unwrap().reference.unwrap();
    let kept = place
        .home
        .git(place.mirror.path(), &["show", &format!("{saved}:x.bin")]);
    assert_eq!(kept, "precious");
    place.release(7).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_modules_file_that_git_refuses_in_a_commit_is_refused_as_a_file() {
    let bad = "[submodule \"a\"]\n\tpath = a\n\turl = --upload-pack=touch\n";
    for commits in [false, true] {
        let place = Place::new(&[("a", "1")]);
        let path = place.lease(7);
        write(&path.join("b"), "x");
        write(&path.join(".gitmodules"), bad);
        if commits {
            place.home.git(&path, &["add", "-A"]);
            place.home.git(&path, &["commit", "-q", "-m", "modules"]);
        }
        let work = place.collect(7);
        assert_eq!(place.files(&work.commit), ["100644 a", "100644 b"]);
        assert_eq!(work.skipped, [".gitmodules"], "{commits}");
    }
}

#[test]
fn an_unreadable_commit_is_kept_and_the_files_are_collected() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let git = |args: &[&str]| place.home.git(&path, args);
    write(&path.join("b"), "x");
    let mut tree = git(&["rev-parse", "HEAD^{tree}"]);
    let repository = Repository::open(&path).unwrap();
    for _ in 0..10 {
        let mut builder = repository.treebuilder(None).unwrap();
        for name in 0..10 {
            let below = Oid::from_str(&tree).unwrap();
            builder
                .insert(format!("d{name}"), below, 0o040_000)
                .unwrap();
        }
        tree = builder.write().unwrap().to_string();
    }
    let bomb = git(&["commit-tree", "-p", "HEAD", "-m", "bomb", &tree]);
    write(&path.join(".git/HEAD"), &bomb);
    let work = place.collect(7);
    assert_eq!(place.files(&work.commit), ["100644 a", "100644 b"]);
    assert!(matches!(&work.history, AgentCommits::Unreadable(reason) if reason.contains(&bomb)));
    let kept = place.mirror.salvaged_of("s1", 7).unwrap();
    assert!(kept.iter().any(|salvage| salvage.commit.as_str() == bomb));
}

#[test]
fn objects_in_git_lfs_are_taken_with_the_work_that_names_them() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let git_dir = path.join(".git");
    let files = ["committed", "left", "on the side", "named by nobody"].map(LargeFile::new);
    let [committed, left, aside, unnamed] = &files;
    files.iter().for_each(|file| file.put(&git_dir));
    let branch = place.home.git(&path, &["symbolic-ref", "--short", "HEAD"]);
    place.home.git(&path, &["checkout", "-q", "-b", "side"]);
    place.home.commit(&path, &[("side.png", &aside.pointer)]);
    place.home.git(&path, &["checkout", "-q", &branch]);
    place.home.commit(&path, &[("a.png", &committed.pointer)]);
    write(&path.join("b.png"), &left.pointer);
    place.collect(7);
    let mirror = place.mirror.path();
    for file in [committed, left, aside] {
        assert!(file.is_in(mirror), "{:?}", file.object);
    }
    assert!(!unnamed.is_in(mirror));
    place.release(7).unwrap();
}

#[test]
fn an_object_that_is_not_what_its_pointer_says_is_not_taken() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let file = LargeFile::new("picture");
    write(&path.join(".git").join(&file.object), "PICTURE");
    place.home.commit(&path, &[("a.png", &file.pointer)]);
    place.collect(7);
    assert!(!place.mirror.path().join(&file.object).exists());
}

#[test]
fn a_directory_with_objects_that_are_too_large_to_take_stays() {
    let place = Place::new(&[("a", "1")]);
    let path = place.lease(7);
    let file = LargeFile::new("picture");
    file.put(&path.join(".git"));
    let bytes = crate::mirror::OBJECT_BYTES_MAX + 1;
    let object = fs::File::options()
        .write(true)
        .open(path.join(".git").join(&file.object))
        .unwrap();
    object.set_len(bytes).unwrap();
    let pointer = file.pointer.replace("size 7\n", &format!("size {bytes}\n"));
    place.home.commit(&path, &[("a.png", &pointer)]);
    assert_eq!(place.collect(7).skipped, ["a.png"]);
    assert!(matches!(
        place.release(7),
        Err(WorktreeError::Unsaved { .. })
    ));
}

#[test]
fn a_file_that_goes_to_git_lfs_may_be_larger_than_a_commit_holds() {
    let place = Place::with(
        &[(".gitattributes", "*.png filter=lfs\n")],
        |home, user| {
            let clean = ["config", "--global", "filter.lfs.clean", "wc -c"];
            home.git(user, &clean);
        },
        &[],
    );
    let path = place.lease(7);
    let large = |name: &str| {
        let file = fs::File::create(path.join(name)).unwrap();
        file.set_len(FILE_BYTES_MAX + 1).unwrap();
    };
    large("a.png");
    let text = place.text(&place.collect(7).commit, "a.png");
    assert_eq!(text.trim(), (FILE_BYTES_MAX + 1).to_string());
    large("a.txt");
    let refused = place.try_collect(7);
    assert!(matches!(&refused, Err(WorktreeError::TooBig { path, .. }) if path == "a.txt"));
}

#[test]
fn a_directory_that_was_let_go_stays_until_somebody_has_time() {
    let place = Place::new(&[("a", "1")]);
    let (finished, other) = (place.lease(7), place.lease(8));
    write(&finished.join("new"), "x");
    assert!(matches!(
        place.worktrees.let_go(7),
        Err(WorktreeError::Unsaved { .. })
    ));
    place.collect(7);
    place.worktrees.let_go(7).unwrap();
    assert!(finished.join("new").exists());
    // What comes after a crash knows that nothing in it counts any more.
    write(&finished.join("later"), "x");
    assert_eq!(place.worktrees.salvage(7).unwrap(), Saved::default());
    let issues: Vec<_> = place
        .worktrees
        .list()
        .unwrap()
        .iter()
        .map(|it| it.issue)
        .collect();
    assert_eq!(issues, [7, 8]);
    for issue in [7, 8, 9] {
        place.worktrees.remove_finished(issue).unwrap();
    }
    assert_eq!((finished.exists(), other.exists()), (false, true));
    // A new attempt takes the place of what was let go, and is not removed in its stead.
    place.worktrees.let_go(8).unwrap();
    let again = place.lease(8);
    place.worktrees.remove_finished(8).unwrap();
    assert!(again.join("a").exists());
}

#[test]
fn a_fresh_directory_holds_what_git_would_check_out() {
    let prepare = |home: &Home, user: &Path| {
        write(&user.join("run.sh"), "#!/bin/sh\n");
        fs::set_permissions(user.join("run.sh"), Permissions::from_mode(0o755)).unwrap();
        symlink("d/e", user.join("link")).unwrap();
        write(&user.join("d-f"), "between `d` and `d/`");
        write(&user.join("crlf.txt"), "one\r\n");
        fs::create_dir(user.join("nested")).unwrap();
        home.git(user, &["-c", "core.autocrlf=false", "add", "--all"]);
        let link = format!("160000,{},nested", home.git(user, &["rev-parse", "HEAD"]));
        home.git(user, &["update-index", "--add", "--cacheinfo", &link]);
        home.git(user, &["commit", "--quiet", "--message", "more"]);
        home.commit(user, &[(".gitattributes", "* text=auto\n*.sh eol=lf\n")]);
    };
    let files = [
        ("a", "1"),
        ("d/e/f", "2"),
        ("d/e/ü ö", "3"),
        (".github/x.yml", "4"),
        (".gitignore", "ignored\n"),
    ];
    let place = Place::with(&files, prepare, &[]);
    let path = place.lease(7);
    let git = |args: &[&str]| place.home.git(&path, args);
    let none: [&[&str]; 2] = [
        &["status", "--porcelain", "--ignored"],
        &["diff-files", "--raw"],
    ];
    for nothing in none {
        assert_eq!(git(nothing), "", "{nothing:?}");
    }
    assert_eq!(git(&["write-tree"]), git(&["rev-parse", "HEAD^{tree}"]));
    assert_eq!(fs::read(path.join("crlf.txt")).unwrap(), b"one\r\n");
    assert_eq!(fs::read_link(path.join("link")).unwrap(), Path::new("d/e"));
    let mode = fs::metadata(path.join("run.sh")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o100, 0o100);
    assert!(path.join("nested").is_dir());
    assert!(matches!(
        place.try_collect(7).unwrap(),
        Collected::Nothing { .. }
    ));
}

#[test]
fn ends_of_lines_are_made_where_attributes_ask_for_them() {
    let place = Place::new(&[("a.txt", "1\n"), (".gitattributes", "*.txt eol=crlf\n")]);
    let path = place.lease(7);
    assert_eq!(fs::read(path.join("a.txt")).unwrap(), b"1\r\n");
}

#[test]
fn a_tree_with_a_link_in_place_of_a_directory_writes_nothing_outside() {
    let place = Place::new(&[("a", "1")]);
    let outside = place.home.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let repository = place.mirror.repository().unwrap();
    let blob = |bytes: &[u8]| repository.blob(bytes).unwrap();
    let tree = |entries: &[(&str, &str, Oid)]| {
        let bytes: Vec<u8> = entries
            .iter()
            .flat_map(|(mode, name, id)| {
                [format!("{mode} {name}\0").as_bytes(), id.as_bytes()].concat()
            })
            .collect();
        let odb = repository.odb().unwrap();
        odb.write(git2::ObjectType::Tree, &bytes).unwrap()
    };
    let below = tree(&[("100644", "planted", blob(b"x"))]);
    let link = blob(outside.as_os_str().as_bytes());
    let hostile = [
        tree(&[("120000", "d", link), ("40000", "d", below)]),
        tree(&[("40000", "d", below), ("120000", "d", link)]),
        tree(&[("100644", "d/planted", link)]),
        tree(&[("100644", "..", link), ("40000", ".git", below)]),
    ];
    for (issue, hostile) in (1..).zip(hostile) {
        let author = Signature::now("a", "a@b").unwrap();
        let found = repository.find_tree(hostile);
        let commit =
            found.and_then(|tree| repository.commit(None, &author, &author, "x", &tree, &[]));
        // The library may not take it for a tree at all.
        let Ok(commit) = commit else { continue };
        let request = LeaseRequest {
            work: Some(commit.into()),
            ..place.request(issue, 1)
        };
        // It may be refused.
        let _ = place.worktrees.lease(&request);
        let is_empty = fs::read_dir(&outside).unwrap().next().is_none();
        assert!(is_empty, "{issue}");
        let git_dir = place.worktrees.path(issue).join(".git");
        assert!(!git_dir.join("planted").exists(), "{issue}");
    }
}
