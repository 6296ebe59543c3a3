//! Tests of the mirror on real repositories.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use autoissue_secret::Secret;

use super::*;
use crate::fixture::{Home, git, write};
use crate::remote::Remote;

/// Returns path and content of every file below a directory, except for objects and files of a
/// branch.
fn fingerprint(dir: &Path, branch: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(at) = dirs.pop() {
        for entry in fs::read_dir(&at).unwrap().map(Result::unwrap) {
            let path = entry
                .path()
                .strip_prefix(dir)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if path.contains("/objects") || path.ends_with(branch) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                dirs.push(entry.path());
            } else {
                files.insert(path, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

/// Commits one file on `parent` in the mirror, as if it had been collected.
fn collected(mirror: &Mirror, parent: &CommitId, path: &str, text: &str) -> CommitId {
    let repository = mirror.repository().unwrap();
    let parent = repository.find_commit(parent.oid()).unwrap();
    let blob = repository.blob(text.as_bytes()).unwrap();
    let mut update = git2::build::TreeUpdateBuilder::new();
    update.upsert(path, blob, git2::FileMode::Blob);
    let tree = update
        .create_updated(&repository, &parent.tree().unwrap())
        .unwrap();
    let (tree, author) = (
        repository.find_tree(tree).unwrap(),
        Signature::now("Ada", "ada@example.com").unwrap(),
    );
    repository
        .commit(None, &author, &author, "work", &tree, &[&parent])
        .unwrap()
        .into()
}

/// Returns the file of a loose blob in the mirror.
fn loose_blob(mirror: &Mirror, bytes: &[u8]) -> std::path::PathBuf {
    let id = Oid::hash_object(git2::ObjectType::Blob, bytes).unwrap();
    let id = id.to_string();
    let (fanout, rest) = id.split_at(2);
    mirror.path().join("objects").join(fanout).join(rest)
}

#[test]
fn commit_ids_are_forty_digits() {
    fn check(text: &str, expected: bool) {
        assert_eq!(CommitId::parse(text).is_ok(), expected, "{text}");
    }

    check("ce013625030ba8dba906f756967f9e9ca394464a", true);
    check("CE013625030ba8dba906f756967f9e9ca394464a", false);
    check("ce013625", false);
    check("", false);
    assert!(serde_json::from_str::<CommitId>("\"HEAD\"").is_err());
}

#[test]
fn opening_completes_what_a_crash_left() {
    let home = Home::new();
    let path = home.path().join("m.git");
    fs::create_dir_all(path.join("refs")).unwrap();
    let mirror = Mirror::open(&path, git()).unwrap();
    fs::remove_file(path.join("HEAD")).unwrap();
    let user = home.repository("user", &[("a", "1")]);
    Mirror::open(&path, git()).unwrap();
    home.fetch(&mirror, &user);
    assert_eq!(home.git(mirror.path(), &["config", "gc.auto"]), "0");
}

#[test]
fn git_config_plant_in_the_mirror() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    home.git(
        &user,
        &[
            "config",
            r#"filter.a "b\c".clean"#,
            "say \"x\\y\" ; # z\n\tcat",
        ],
    );
    mirror.take_filters(&user).unwrap();
    home.fetch(&mirror, &user);
    let config = mirror.path().join("config");
    let right = fs::read_to_string(&config).unwrap();
    let fired = home.path().join("fired");
    let planted = format!(
        "{right}[include]\n\tpath = {0}/more\n[core]\n\tsshCommand = touch {0}\n[url \"ext::touch {0} \"]\n\tinsteadOf = {1}\n[uploadpack]\n\tpackObjectsHook = touch {0}; false\n",
        fired.display(),
        user.display()
    );
    let elsewhere = home.path().join("elsewhere");
    home.git(".", &["init", "-q", "--bare", "elsewhere"]);
    fs::write(elsewhere.join("config"), &planted).unwrap();
    let plants: [&dyn Fn(); 4] = [
        &|| fs::write(&config, &planted).unwrap(),
        &|| fs::write(mirror.path().join("commondir"), elsewhere.to_str().unwrap()).unwrap(),
        &|| {
            fs::remove_file(&config).unwrap();
            std::os::unix::fs::symlink(elsewhere.join("config"), &config).unwrap();
        },
        &|| fs::remove_file(&config).unwrap(),
    ];
    for (n, plant) in plants.into_iter().enumerate() {
        plant();
        let head = home.commit(&user, &[("a", &n.to_string())]);
        assert_eq!(home.fetch(&mirror, &user).as_str(), head.to_string());
        assert!(!fired.exists(), "plant {n}");
        assert_eq!(fs::read_to_string(&config).unwrap(), right, "plant {n}");
        assert!(!mirror.path().join("commondir").exists());
    }
    home.git(".", &["init", "-q", "--bare", "o/n.git"]);
    let origin = home.path().join("o/n.git");
    let add_origin = ["remote", "add", "origin", origin.to_str().unwrap()];
    home.git(&user, &add_origin);
    let (api, token) = ("https://api.github.com", Secret::new("none"));
    let remote = Remote::of(git(), &user, "o/n", api, &token).unwrap();
    let head = home.fetch(&mirror, &user);
    fs::write(&config, &planted).unwrap();
    mirror.dry_run_push(&head, &remote).unwrap();
    assert!(!fired.exists(), "a dry run of a push runs git too");
    assert_eq!(fs::read_to_string(&config).unwrap(), right);
    let asked = ["config", r#"filter.a "b\c".clean"#];
    assert_eq!(
        home.git(mirror.path(), &asked),
        home.git(&user, &asked),
        "values are written unchanged"
    );
    assert_eq!(
        home.git(mirror.path(), &["config", "remote.origin.url"]),
        user.to_str().unwrap()
    );
}

#[test]
fn fetch_returns_the_head_and_distinguishes_errors() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let head = home.fetch(&mirror, &user);
    assert_eq!(head.as_str(), home.git(&user, &["rev-parse", "HEAD"]));
    assert!(mirror.has_commit(&head).unwrap());
    let missing = mirror.fetch(user.to_str().unwrap(), "nope", &home.env());
    assert!(
        matches!(missing, Err(FetchError::BranchMissing { .. })),
        "{missing:?}"
    );
    let nowhere = mirror.fetch("/nowhere/at/all", "main", &home.env());
    assert!(
        matches!(nowhere, Err(FetchError::Unreachable { .. })),
        "{nowhere:?}"
    );
}

#[test]
fn the_origin_is_kept_without_its_password() {
    let check = |url: &str, expected: &str| assert_eq!(without_password(url), expected);
    check("https://me:tok@host/x.git", "https://host/x.git");
    check("https://tok@host/x.git", "https://host/x.git");
    check("ssh://git@host/x.git", "ssh://git@host/x.git");
    check("ssh://git:pw@host/x.git", "ssh://git@host/x.git");
    check("git@host:x.git", "git@host:x.git");
    check("/some/path", "/some/path");
}

#[test]
fn bases_are_never_ours_not_even_after_a_rewind() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let first = home.fetch(&mirror, &user);
    let second = home.commit(&user, &[("a", "2")]);
    home.fetch(&mirror, &user);
    let work = collected(&mirror, &second, "b", "x");
    assert!(mirror.is_ours(&work).unwrap());
    home.git(&user, &["reset", "-q", "--hard", first.as_str()]);
    home.commit(&user, &[("a", "3")]);
    home.fetch(&mirror, &user);
    for base in [&first, &second] {
        assert!(!mirror.is_ours(base).unwrap(), "{base}");
    }
    let unknown = CommitId::parse(&"1".repeat(40)).unwrap();
    assert!(!mirror.is_ours(&unknown).unwrap());
}

#[test]
fn salvage_refs_are_listed_by_issue_and_deleted_twice() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let head = home.fetch(&mirror, &user);
    mirror.salvage("s1", 7, "attempt-1", &head).unwrap();
    mirror.salvage("s1", 70, "attempt-1", &head).unwrap();
    let found = mirror.salvaged_of("s1", 7).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].reference,
        "refs/autoissue/salvage/s1/issue-7/attempt-1"
    );
    assert_eq!(
        (found[0].session.as_str(), found[0].name.as_str()),
        ("s1", "attempt-1")
    );
    for _ in 0..2 {
        mirror.delete_salvage("s1", 7, "attempt-1").unwrap();
    }
    assert_eq!(mirror.salvaged().unwrap().len(), 1);
    mirror.set_published(7, &head).unwrap();
    assert_eq!(mirror.published(7).unwrap(), Some(head));
    assert_eq!(mirror.published(8).unwrap(), None);
}

#[test]
fn a_merge_repeated_is_the_same_commit() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let base = home.fetch(&mirror, &user);
    let (one, two) = (
        collected(&mirror, &base, "b", "x"),
        collected(&mirror, &base, "c", "y"),
    );
    let merge = |commits: &[CommitId]| mirror.merge(commits).unwrap();
    let merged = merge(&[one.clone(), two.clone()]).unwrap();
    assert_eq!(merge(&[one.clone(), two.clone()]).unwrap(), merged);
    let changed: Vec<_> = mirror
        .changes(&base, &merged)
        .unwrap()
        .files
        .into_iter()
        .map(|file| file.path)
        .collect();
    assert_eq!(changed, ["b", "c"]);
    assert_eq!(merge(&[base.clone(), one.clone()]).unwrap(), one);
    assert_eq!(merge(&[merged.clone(), one.clone()]).unwrap(), merged);
    assert!(matches!(
        mirror.merge(&[]),
        Err(MirrorError::NothingToMerge)
    ));
    let other = collected(&mirror, &base, "b", "z");
    assert_eq!(
        merge(&[one, two, other]),
        Err(MergeConflict {
            files: vec!["b".to_owned()]
        })
    );
}

#[test]
fn only_our_branch_changes_in_the_users_repository() {
    let home = Home::new();
    let (mirror, user) = (
        home.mirror(),
        home.repository("user", &[("dir/a", "1"), ("b", "2")]),
    );
    let base = home.fetch(&mirror, &user);
    write(&user.join("untracked"), "mine");
    write(&user.join("b"), "half done");
    home.git(&user, &["add", "b"]);
    let work = collected(&mirror, &base, "dir/deep/c", "new");
    let branch = "autoissue/issue-7";
    let before = fingerprint(&user, branch);
    for _ in 0..2 {
        mirror.copy_into(&work, &user, branch).unwrap();
        assert_eq!(fingerprint(&user, branch), before);
        assert_eq!(home.git(&user, &["rev-parse", branch]), work.as_str());
    }
    let again = collected(&mirror, &base, "dir/deep/c", "newer");
    mirror.copy_into(&again, &user.join("dir"), branch).unwrap();
    assert_eq!(fingerprint(&user, branch), before);
    assert_eq!(
        home.git(&user, &["show", "autoissue/issue-7:dir/deep/c"]),
        "newer"
    );
    home.git(&user, &["fsck", "--strict"]);
}

#[test]
fn a_branch_with_somebody_elses_work_is_not_moved() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let base = home.fetch(&mirror, &user);
    let work = collected(&mirror, &base, "b", "x");
    home.git(&user, &["checkout", "-q", "-b", "autoissue/issue-7"]);
    let theirs = home.commit(&user, &[("mine", "precious")]);
    home.git(&user, &["checkout", "-q", "main"]);
    let refused = mirror.copy_into(&work, &user, "autoissue/issue-7");
    assert!(matches!(refused, Err(CopyError::NotOurs { head, .. }) if head == theirs));
    assert_eq!(
        home.git(&user, &["rev-parse", "autoissue/issue-7"]),
        theirs.as_str()
    );
}

#[test]
fn a_branch_that_is_checked_out_is_not_moved() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let base = home.fetch(&mirror, &user);
    let (work, more) = (
        collected(&mirror, &base, "b", "x"),
        collected(&mirror, &base, "b", "y"),
    );
    mirror.copy_into(&work, &user, "autoissue/issue-7").unwrap();
    home.git(
        &user,
        &["worktree", "add", "-q", "../linked", "autoissue/issue-7"],
    );
    let linked = home.path().join("linked");
    // From the linked worktree itself too, whose `.git` is a file.
    for repository in [&user, &linked] {
        let refused = mirror.copy_into(&more, repository, "autoissue/issue-7");
        let Err(CopyError::CheckedOut { at, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(at.canonicalize().unwrap(), linked.canonicalize().unwrap());
    }
    home.git(&user, &["worktree", "remove", "../linked"]);
    home.git(&user, &["checkout", "-q", "autoissue/issue-7"]);
    assert!(matches!(
        mirror.copy_into(&more, &user, "autoissue/issue-7"),
        Err(CopyError::CheckedOut { .. })
    ));
    mirror.copy_into(&work, &user, "autoissue/issue-7").unwrap();
}

#[test]
fn a_bare_repository_takes_a_branch() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let base = home.fetch(&mirror, &user);
    home.git(".", &["clone", "-q", "--bare", "user", "bare.git"]);
    let bare = home.path().join("bare.git");
    let work = collected(&mirror, &base, "b", "x");
    mirror.copy_into(&work, &bare, "autoissue/issue-7").unwrap();
    assert_eq!(home.git(&bare, &["show", "autoissue/issue-7:b"]), "x");
    home.git(&bare, &["fsck", "--strict"]);
}

#[test]
fn an_interrupted_copy_is_completed() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let base = home.fetch(&mirror, &user);
    let work = collected(&mirror, &base, "d/e/f", "deep");
    // The blob was written, but not its trees and the commit.
    let repository = git2::Repository::open(&user).unwrap();
    repository.blob(b"deep").unwrap();
    mirror.copy_into(&work, &user, "autoissue/issue-7").unwrap();
    home.git(&user, &["fsck", "--strict", "--full"]);
}

#[test]
fn a_copy_that_fails_leaves_no_commit_without_its_files() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let base = home.fetch(&mirror, &user);
    let work = collected(&mirror, &base, "d/f", "lost");
    fs::remove_file(loose_blob(&mirror, b"lost")).unwrap();
    assert!(mirror.copy_into(&work, &user, "autoissue/issue-7").is_err());
    assert!(
        git2::Repository::open(&user)
            .unwrap()
            .find_commit(work.oid())
            .is_err()
    );
}

#[test]
fn an_object_with_the_wrong_content_is_not_copied() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let base = home.fetch(&mirror, &user);
    let work = collected(&mirror, &base, "f", "right");
    let other = mirror.repository().unwrap().blob(b"wrong").unwrap();
    let (right, wrong) = (loose_blob(&mirror, b"right"), loose_blob(&mirror, b"wrong"));
    assert!(wrong.ends_with(&other.to_string()[2..]));
    fs::remove_file(&right).unwrap();
    fs::copy(wrong, right).unwrap();
    let refused = mirror.copy_into(&work, &user, "autoissue/issue-7");
    let reason = autoissue_process::error_chain(&refused.unwrap_err());
    assert!(reason.contains("the mirror's copy is damaged"), "{reason}");
    assert!(
        git2::Repository::open(&user)
            .unwrap()
            .find_commit(work.oid())
            .is_err()
    );
}

#[test]
fn an_old_defect_in_the_history_does_not_prevent_the_fetch() {
    let home = Home::new();
    let (mirror, user) = (home.mirror(), home.repository("user", &[("a", "1")]));
    let tree = home.git(&user, &["rev-parse", "HEAD^{tree}"]);
    let faulty =
        format!("tree {tree}\nauthor Ada <a@b> 1 +0000\ncommitter Ada <a@b> 1 +051800\n\nold\n");
    let args = [
        "hash-object",
        "-t",
        "commit",
        "-w",
        "--stdin",
        "--literally",
    ];
    let id = git()
        .run(&user, &args, &home.env(), Some(faulty.as_bytes()))
        .unwrap();
    home.git(
        &user,
        &[
            "update-ref",
            "refs/heads/main",
            String::from_utf8(id).unwrap().trim(),
        ],
    );
    home.fetch(&mirror, &user);
}

#[test]
fn an_unchanged_file_that_moved_is_one_change_without_lines() {
    fn file(path: &str, added: u64, removed: u64, binary: bool) -> FileChange {
        FileChange {
            path: path.to_owned(),
            added,
            removed,
            binary,
        }
    }

    let home = Home::new();
    let (mirror, user) = (
        home.mirror(),
        home.repository("user", &[("a", "1\n2\n"), ("b", "x\n")]),
    );
    let base = home.fetch(&mirror, &user);
    home.git(&user, &["mv", "a", "z"]);
    write(&user.join("b"), "x\ny\n");
    write(&user.join("bin"), b"\0\x01");
    let next = home.commit(&user, &[]);
    home.fetch(&mirror, &user);
    let changes = mirror.changes(&base, &next).unwrap();
    assert_eq!(
        changes.files,
        [
            file("b", 1, 0, false),
            file("bin", 0, 0, true),
            file("z", 0, 0, false)
        ]
    );
    assert_eq!(
        (
            changes.n_files,
            changes.added,
            changes.removed,
            changes.truncated
        ),
        (3, 1, 0, false)
    );
}

#[test]
fn the_commits_of_some_work_are_listed_oldest_first() {
    let home = Home::new();
    let repository = home.repository("p", &[("a", "1\n")]);
    let mirror = home.mirror();
    let base = home.fetch(&mirror, &repository);
    let first = collected(&mirror, &base, "b", "1\n");
    let second = collected(&mirror, &first, "c", "1\n");
    let listed = |n_max| mirror.subjects(&base, &second, n_max).unwrap();
    let ids = |n_max| -> Vec<CommitId> { listed(n_max).into_iter().map(|(id, _)| id).collect() };
    assert_eq!(ids(9), [first.clone(), second.clone()]);
    assert_eq!(ids(1), std::slice::from_ref(&second), "the newest");
    assert!(listed(9).iter().all(|(_, subject)| !subject.is_empty()));
}

#[test]
fn foreign_commits_on_our_branch_are_built_on_but_not_ours() {
    let home = Home::new();
    let repository = home.repository("p", &[("a", "1\n")]);
    let mirror = home.mirror();
    let base = home.fetch(&mirror, &repository);
    let ours = collected(&mirror, &base, "b", "ours\n");
    mirror
        .copy_into(&ours, &repository, "autoissue/issue-7")
        .unwrap();
    mirror.set_published(7, &ours).unwrap();
    let source = repository.to_str().unwrap();
    let fetch = |branch: &str| {
        mirror
            .fetch_published(7, source, branch, &home.env())
            .unwrap()
    };
    assert_eq!(fetch("autoissue/issue-7"), Some(ours.clone()));
    assert!(mirror.is_ours(&ours).unwrap());
    assert_eq!(fetch("autoissue/issue-8"), None);

    home.git(&repository, &["checkout", "-q", "autoissue/issue-7"]);
    let theirs = home.commit(&repository, &[("b", "theirs\n")]);
    home.git(&repository, &["checkout", "-q", "main"]);
    assert_eq!(fetch("autoissue/issue-7"), Some(theirs.clone()));
    // Work on another issue that is built on it makes neither it ours nor our work theirs.
    let dependent = collected(&mirror, &theirs, "c", "1\n");
    mirror.salvage("s", 8, "attempt-1", &dependent).unwrap();
    mirror.set_published(8, &dependent).unwrap();
    assert!(!mirror.is_ours(&theirs).unwrap());
    assert!(mirror.is_ours(&ours).unwrap() && mirror.is_ours(&dependent).unwrap());
    let again = collected(&mirror, &base, "b", "again\n");
    let refused = mirror
        .copy_into(&again, &repository, "autoissue/issue-7")
        .unwrap_err();
    assert!(matches!(refused, CopyError::NotOurs { head, .. } if head == theirs));
}
