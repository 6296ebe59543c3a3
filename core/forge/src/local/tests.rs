//! The local forge on real directories.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;

use tempfile::TempDir;

use super::*;
use crate::forge::ForgeFailure as _;
use crate::timestamp;

const MARKER: &str = "<!-- autoissue: issue 12 -->";

struct Project {
    directory: TempDir,
}

impl Project {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        initialise(directory.path()).unwrap();
        Self { directory }
    }

    /// Creates a project with one issue file.
    fn with(name: &str, text: impl AsRef<[u8]>) -> Self {
        let project = Self::new();
        project.write(&format!("issues/{name}"), text);
        project
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(FORGE).join(relative)
    }

    fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(relative).parent().unwrap()).unwrap();
        fs::write(self.path(relative), text).unwrap();
    }

    fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    fn names(&self, relative: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(relative)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn forge(&self) -> LocalForge {
        LocalForge::open(self.directory.path()).unwrap()
    }

    fn issues(&self) -> (Vec<Issue>, Vec<String>) {
        self.forge().issues("autoissue").unwrap()
    }

    fn state_of(&self, number: u64) -> IssueState {
        self.forge().states(&[IssueNumber(number)]).unwrap()[&IssueNumber(number)]
    }
}

fn issue_draft(title: &str, body: &str) -> IssueDraft {
    let created_at = timestamp::parse("2026-03-01T21:14:00Z").unwrap();
    let labels = vec!["autoissue".into(), "needs: care".into()];
    IssueDraft {
        title: title.into(),
        body: body.into(),
        labels,
        author: "ida".into(),
        created_at,
        ..IssueDraft::default()
    }
}

fn pull_draft(head_commit: &str) -> PullRequestDraft {
    PullRequestDraft {
        issue: IssueNumber(12),
        title: "Make search fast".into(),
        body: "Done.\n\nCloses #12".into(),
        head: "autoissue/issue-12".into(),
        head_commit: head_commit.into(),
        replaces: None,
        base: "main".into(),
        draft: false,
        must_be_draft: false,
        labels: vec!["autoissue".into()],
        marker: MARKER.into(),
        created_at: timestamp::parse("2026-03-02T01:00:00Z").unwrap(),
    }
}

/// Checks how the forge handles a file among two good ones: how many issues it lists, and the one
/// warning, if any.
fn check_file(name: &str, text: impl AsRef<[u8]>, listed: bool, warning: Option<&str>) {
    let project = Project::with(name, text);
    for good in ["0001-good.md", "9000-good.md"] {
        project.write(&format!("issues/{good}"), "---\nlabels: [autoissue]\n---\n");
    }
    let (issues, warnings) = project.issues();
    assert_eq!(
        issues.len(),
        2 + usize::from(listed),
        "{name}: {warnings:?}"
    );
    let expected: Vec<&str> = warning.into_iter().collect();
    assert_eq!(warnings, expected, "{name}");
}

fn check_odd(name: &str, text: impl AsRef<[u8]>, warning: &str) {
    check_file(
        name,
        text,
        false,
        Some(&format!(
            "skipping `.autoissue/issues/{name}`: it {warning}"
        )),
    );
}

/// Checks a file that a person may write like this; returns its issue.
fn check_fine(name: &str, text: impl AsRef<[u8]>) -> Issue {
    check_file(name, text.as_ref(), true, None);
    Project::with(name, text).issues().0.remove(0)
}

#[test]
fn an_issue_comes_back_as_it_was_written() {
    let project = Project::new();
    let body = "Do it.\n\n---\nstate: closed\n---\n\n```diff\n-a\n+b\n \n```";
    let created = project
        .forge()
        .create_issue(&issue_draft("Search: \"slow\" # 1", body))
        .unwrap();
    assert_eq!(created, (IssueNumber(1), None));
    let (issues, warnings) = project.issues();
    let expected = Issue {
        number: IssueNumber(1),
        title: "Search: \"slow\" # 1".into(),
        body: format!("{body}\n"),
        author: "ida".into(),
        labels: vec!["autoissue".into(), "needs: care".into()],
        created_at: timestamp::parse("2026-03-01T21:14:00Z").unwrap(),
        url: ".autoissue/issues/0001-search-slow-1.md".into(),
        ..Issue::default()
    };
    assert_eq!((issues, warnings), (vec![expected], vec![]));
    let text = project.read("issues/0001-search-slow-1.md");
    assert!(text.starts_with(
        "---\nnumber: 1\ntitle: \"Search: \\\"slow\\\" # 1\"\nlabels: [autoissue, \"needs: care\"]\nauthor: \"ida\"\n\
         created_at: 2026-03-01T21:14:00Z\nstate: open\n---\n\nDo it.\n"
    ));
}

#[test]
fn hostile_titles_stay_titles() {
    let project = Project::new();
    let titles = [
        "two\nlines\n---\nstate: closed",
        "<script>alert(1)</script> $(rm -rf ~) '; DROP TABLE issues;--",
        "\u{202e}desrever\u{202c} \u{200b}hidden \u{feff}mark",
        "\u{1b}[31mred\u{1b}[0m \u{7}bell \\u0041",
        "- [ ] {a: b} & *c !d %e @f `g` | > ' \" ,",
        "---",
        "null",
        "🐦 検索 é",
    ];
    for title in titles {
        project
            .forge()
            .create_issue(&issue_draft(title, title))
            .unwrap();
    }
    let (issues, warnings) = project.issues();
    assert_eq!(warnings, Vec::<String>::new());
    let expected: Vec<String> = titles
        .iter()
        .map(|title| issue_file::one_line(title))
        .collect();
    assert_eq!(
        issues
            .iter()
            .map(|issue| issue.title.clone())
            .collect::<Vec<_>>(),
        expected
    );
    assert!(
        project
            .names("issues")
            .iter()
            .all(|name| name.is_ascii() && !name.contains(' '))
    );
    let front = project.read("issues/0003-desrever-hidden-mark.md");
    assert!(
        !front.lines().nth(2).unwrap().contains('\u{202e}'),
        "a file must not turn its own text around"
    );
}

#[test]
fn one_odd_issue() {
    let front = |lines: &str| format!("---\nlabels: [autoissue]\n{lines}\n---\nBody\n");
    check_odd(
        "0005-x.md",
        "---\nlabels: [autoissue]\n",
        "cannot be parsed: the front matter is not closed: add a line `---` below its last key",
    );
    check_odd(
        "0005-x.md",
        front("nonsense"),
        "cannot be parsed: line 3 is not `key: value`: fix it, or comment it out with `#`",
    );
    check_odd(
        "0005-x.md",
        front("title: a\ntitle: b"),
        "cannot be parsed: line 4 repeats `title`: keep one of them",
    );
    check_odd(
        "0005-x.md",
        front("title: >-\n  folded"),
        "cannot be parsed: line 3: the value of `title` spans several lines: write it on one line",
    );
    check_odd(
        "0005-x.md",
        "---\nlabels: [autoissue\n---\n",
        "cannot be parsed: line 2: the list `labels` is not closed with `]` on its line: write it as `[one, two]`",
    );
    check_odd(
        "0005-x.md",
        "---\nlabels:\n  autoissue: yes\n---\n",
        "cannot be parsed: line 2: the value of `labels` spans several lines: write it on one line",
    );
    check_odd(
        "0005-x.md",
        front("state: wontfix"),
        "has the state `wontfix`: write `open` or `closed`",
    );
    check_odd(
        "0005-x.md",
        front("number: twelve"),
        "has the number `twelve`: write a whole number above 0",
    );
    check_odd(
        "0005-x.md",
        front("number: -3"),
        "has the number `-3`: write a whole number above 0",
    );
    check_odd(
        "0005-x.md",
        front("number: 0"),
        "has the number `0`: write a whole number above 0",
    );
    check_odd(
        "idea.md",
        front(""),
        "has no number: rename it to `12-some-title.md`, or add a line `number: 12`",
    );
    check_odd(
        "0005-x.md",
        b"---\nlabels: [autoissue]\n---\n\xff\xfe",
        "is not UTF-8 text: save it as UTF-8",
    );
    check_odd(
        "0005-x.md",
        vec![b'x'; (1 << 20) + 1],
        "is larger than 1 MiB: shorten it, and move long logs into separate files",
    );
}

#[test]
fn handwritten_files_are_understood() {
    let front = |lines: &str| format!("---\nlabels: [autoissue]\n{lines}\n---\n");
    check_fine(
        "0005-x.md",
        format!("\u{feff}{}", front("").replace('\n', "\r\n")),
    );
    check_fine("5.md", front("state: OPEN # for now"));
    check_fine(
        "0005-x.MARKDOWN",
        front("priority: {a: [b}\nteam:\n  - x: y"),
    );
    check_fine("0005-x.md", "---\nlabels:\n- wanted\n- AutoIssue\n---\n");
    check_fine("0005-x.md", "---\nlabels: wanted, autoissue\n---\n");
    check_fine("idea.md", front("Number: #5"));
    check_fine("0005-x.md", front("created-at: 2026-03-01"));
    check_fine(
        "0005-x.md",
        [front("").into_bytes(), vec![b'x'; 1 << 19]].concat(),
    );
    assert_eq!(
        check_fine("0005-search-is-slow.md", front("")).title,
        "search is slow"
    );
    assert_eq!(
        check_fine("0005-x.md", front("") + "text\n# Search is slow #\n").title,
        "Search is slow"
    );
    assert_eq!(
        check_fine("0005-x.md", front("title: Fix #3: it's slow")).title,
        "Fix #3: it's slow"
    );
    assert_eq!(
        check_fine("0007-x.md", front("number: 5")).number,
        IssueNumber(5)
    );
    assert_eq!(
        check_fine("0005-x.md", front("") + "\r\na\r\nb").body,
        "a\nb"
    );
    check_file(
        "0005-x.md",
        front("created_at: yesterday"),
        true,
        Some(
            "`.autoissue/issues/0005-x.md` has the invalid creation time `yesterday`, using that of the issue before it; write a time such as `2026-03-01T21:14:00Z`",
        ),
    );
    for not_an_issue in [
        "README.md",
        "_template.md",
        ".0005-x.md.swp",
        ".0005-x.md",
        "0005-x.png",
        "0005-x.md~",
    ] {
        check_file(not_an_issue, front(""), false, None);
    }
}

#[test]
fn only_regular_files_are_opened() {
    let project = Project::with("0001-x.md", "---\nlabels: [autoissue]\n---\n");
    let outside = project.directory.path().join("secret");
    fs::write(&outside, "---\nlabels: [autoissue]\n---\n").unwrap();
    symlink(&outside, project.path("issues/0002-link.md")).unwrap();
    fs::create_dir(project.path("issues/0003-directory.md")).unwrap();
    let _socket = UnixListener::bind(project.path("issues/0004-socket.md")).unwrap();
    let (issues, warnings) = project.issues();
    assert_eq!(issues.len(), 1);
    assert_eq!(
        warnings,
        [
            "skipping `.autoissue/issues/0002-link.md`: it is a symbolic link, which is not followed: replace it with the file itself",
            "skipping `.autoissue/issues/0003-directory.md`: it is not a file: rename or move it",
            "skipping `.autoissue/issues/0004-socket.md`: it is not a file: rename or move it",
        ]
    );
}

#[test]
fn a_linked_directory_is_refused_before_anything_is_read_or_written() {
    let elsewhere = Project::new();
    for link in [FORGE, ISSUES, PULLS] {
        let directory = TempDir::new().unwrap();
        let link = directory.path().join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(elsewhere.path(""), &link).unwrap();
        fs::create_dir_all(directory.path().join(ISSUES)).unwrap_or_default();
        let result =
            LocalForge::open(directory.path()).and_then(|forge| forge.publish(&pull_draft("a")));
        assert!(matches!(result, Err(LocalError::SymbolicLink { path }) if path == link));
    }
    assert_eq!(elsewhere.names(""), ["README.md", "issues"]);
}

#[test]
fn of_two_files_with_one_number_the_first_by_name_wins() {
    let project = Project::with("0005-b.md", "---\nlabels: [autoissue]\ntitle: b\n---\n");
    project.write(
        "issues/0005-a.md",
        "---\nlabels: [autoissue]\ntitle: a\n---\n",
    );
    let (issues, warnings) = project.issues();
    assert_eq!(
        issues
            .iter()
            .map(|issue| issue.title.as_str())
            .collect::<Vec<_>>(),
        ["a"]
    );
    let expected = "skipping `.autoissue/issues/0005-b.md`: its number 5 is already used by `.autoissue/issues/0005-a.md`; give it another number";
    assert_eq!(warnings, [expected]);
}

#[test]
fn only_open_issues_with_the_label_are_listed_oldest_numbers_first() {
    let project = Project::with("0010-c.md", "---\nlabels: [AUTOISSUE]\n---\n");
    project.write(
        "issues/0009-b.md",
        "---\nlabels: [autoissue]\ncreated_at: 2026-03-01\n---\n",
    );
    project.write(
        "issues/0008-closed.md",
        "---\nlabels: [autoissue]\nstate: closed\n---\n",
    );
    project.write(
        "issues/0007-other.md",
        "---\nlabels: [autoissue-later]\n---\n",
    );
    let (issues, warnings) = project.issues();
    let seen: Vec<(u64, Time)> = issues
        .iter()
        .map(|issue| (issue.number.0, issue.created_at))
        .collect();
    let march = timestamp::parse("2026-03-01").unwrap();
    assert_eq!(
        seen,
        [(9, march), (10, march)],
        "an issue without a time counts as old as the one before it"
    );
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn a_misspelled_label_is_detected() {
    let project = Project::with("0001-a.md", "---\nlabels: [Autoissue, docs]\n---\n");
    project.write(
        "issues/0002-b.md",
        "---\nlabels: [zoo, DOCS]\nstate: closed\n---\n",
    );
    let forge = project.forge();
    assert_eq!(forge.labels().unwrap(), ["Autoissue", "DOCS", "zoo"]);
    assert!(forge.label_exists("autoissue").unwrap());
    assert!(!forge.label_exists("autoisue").unwrap());
}

#[test]
fn states_tell_what_a_dependent_may_build_on() {
    let project = Project::with("0001-open.md", "");
    project.write("issues/0002-closed.md", "---\nstate: closed\n---\n");
    project.write("issues/0003-odd.md", "---\n");
    assert_eq!(project.state_of(1), IssueState::Open);
    assert_eq!(project.state_of(2), IssueState::Closed);
    assert_eq!(
        project.state_of(3),
        IssueState::Open,
        "a malformed issue may be open"
    );
    assert_eq!(project.state_of(4), IssueState::Missing);
}

#[test]
fn numbers_are_never_used_twice() {
    let project = Project::with("0007-odd.md", "---\n");
    project.write("issues/0002-x.md", "---\nnumber: 4\n---\n");
    assert_eq!(
        project
            .forge()
            .create_issue(&issue_draft("next", ""))
            .unwrap()
            .0,
        IssueNumber(8)
    );
    let forge = project.forge();
    let numbers: Vec<u64> = std::thread::scope(|scope| {
        let create = || forge.create_issue(&issue_draft("at once", "")).unwrap().0.0;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        let mut numbers: Vec<u64> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        numbers.sort_unstable();
        numbers
    });
    assert_eq!(numbers, (9..17).collect::<Vec<_>>());
}

#[test]
fn a_repeated_creation_finds_its_issue() {
    let project = Project::new();
    let marker = "<!-- autoissue: plan 3f, issue 1 -->".to_owned();
    let draft = IssueDraft {
        marker: Some(marker.clone()),
        ..issue_draft("Planned", "Do it.")
    };
    assert_eq!(
        project.forge().create_issue(&draft).unwrap(),
        (IssueNumber(1), None)
    );
    assert_eq!(
        project.forge().create_issue(&draft).unwrap(),
        (IssueNumber(1), Some("Planned".to_owned()))
    );
    let other = IssueDraft {
        marker: Some(marker.replace("issue 1", "issue 2")),
        ..draft
    };
    assert_eq!(
        project.forge().create_issue(&other).unwrap(),
        (IssueNumber(2), None)
    );
    assert!(
        project
            .read("issues/0001-planned.md")
            .ends_with(&format!("Do it.\n\n{marker}\n"))
    );
}

#[test]
fn publishing_twice_creates_nothing_twice() {
    let project = Project::with("0012-x.md", "---\nlabels: [autoissue]\n---\n");
    let expected = PullRequest {
        number: 1,
        url: ".autoissue/pulls/0001-issue-12.md".into(),
    };
    assert_eq!(
        project.forge().publish(&pull_draft("aaa")).unwrap(),
        (expected.clone(), false)
    );
    let first = project.read("pulls/0001-issue-12.md");
    assert_eq!(
        first,
        format!(
            "---\nnumber: 1\ntitle: \"Make search fast\"\nissue: 12\nhead: \"autoissue/issue-12\"\nbase: \"main\"\nhead_commit: \"aaa\"\n\
             labels: [autoissue]\ndraft: false\nstate: open\ncreated_at: 2026-03-02T01:00:00Z\n---\n\nDone.\n\nCloses #12\n\n{MARKER}\n"
        )
    );
    let again = PullRequestDraft {
        body: "Took 3 seconds this time.".into(),
        ..pull_draft("aaa")
    };
    assert_eq!(
        project.forge().publish(&again).unwrap(),
        (expected.clone(), true)
    );
    assert_eq!(
        project.read("pulls/0001-issue-12.md"),
        first,
        "the same commit is the same pull request"
    );
    assert_eq!(
        project.forge().find_pull_request(MARKER).unwrap(),
        Some(expected.clone())
    );
    assert_eq!(
        project.forge().pull_request_of(IssueNumber(12)).unwrap(),
        Some(expected.clone())
    );
    assert_eq!(project.issues().0[0].open_pull_request, Some(expected));
    assert_eq!(project.names("pulls"), ["0001-issue-12.md"]);
}

#[test]
fn a_new_head_updates_the_file_and_keeps_what_people_added() {
    let project = Project::new();
    project.forge().publish(&pull_draft("aaa")).unwrap();
    let edited = project
        .read("pulls/0001-issue-12.md")
        .replace("state: open", "reviewer: ida # soon\nstate: open");
    project.write("pulls/0001-issue-12.md", &edited);
    let draft = PullRequestDraft {
        body: "Better.".into(),
        created_at: Time::default(),
        ..pull_draft("bbb")
    };
    assert!(project.forge().publish(&draft).unwrap().1);
    let expected = edited
        .replace("aaa", "bbb")
        .replace("Done.\n\nCloses #12", "Better.");
    assert_eq!(project.read("pulls/0001-issue-12.md"), expected);
}

#[test]
fn a_merged_pull_request_closes_its_issue_and_a_closed_one_does_not() {
    let project = Project::with("0012-x.md", "---\nlabels: [autoissue]\n---\n");
    project.forge().publish(&pull_draft("aaa")).unwrap();
    let open = project.read("pulls/0001-issue-12.md");
    project.write(
        "pulls/0001-issue-12.md",
        open.replace("state: open", "state: merged"),
    );
    assert_eq!(project.issues(), (vec![], vec![]));
    let (issues, warnings) = project.forge().issues_of(&[IssueNumber(12)]).unwrap();
    assert_eq!(issues, []);
    assert_eq!(
        warnings,
        [
            "issue #12 is done: its pull request `.autoissue/pulls/0001-issue-12.md` is merged; to have more work done, \
             set `state: closed` in that pull request"
        ]
    );
    assert_eq!(project.state_of(12), IssueState::Closed);
    project.write(
        "pulls/0001-issue-12.md",
        open.replace("state: open", "state: closed"),
    );
    assert_eq!(project.issues().0[0].open_pull_request, None);
    assert_eq!(project.state_of(12), IssueState::Open);
    let (second, existed) = project.forge().publish(&pull_draft("bbb")).unwrap();
    assert_eq!((second.number, existed), (2, false));
}

#[test]
fn a_marker_in_a_strangers_text_takes_over_nothing() {
    let project = Project::with("0012-x.md", "---\nlabels: [autoissue]\n---\n");
    project.write(
        "pulls/0001-mine.md",
        "---\nissue: 12\n---\nBy hand. Closes #12\n",
    );
    assert_eq!(
        project.issues().0[0].open_pull_request,
        None,
        "only a marker makes it ours"
    );
    let other = "<!-- autoissue: issue 99 -->";
    let planted = PullRequestDraft {
        issue: IssueNumber(99),
        marker: other.into(),
        body: format!("Ha.\n{MARKER}\n"),
        ..pull_draft("aaa")
    };
    assert_eq!(project.forge().publish(&planted).unwrap().0.number, 2);
    assert_eq!(
        project
            .forge()
            .publish(&pull_draft("bbb"))
            .unwrap()
            .0
            .number,
        3
    );
}

#[test]
fn a_malformed_pull_request_hides_no_issue() {
    let project = Project::with("0012-x.md", "---\nlabels: [autoissue]\n---\n");
    project.write("pulls/0001-issue-12.md", "---\nstate: maybe\n---\n");
    project.write("pulls/0002-issue-12.md", "---\nissue: twelve\n---\n");
    let (issues, warnings) = project.issues();
    assert_eq!(issues.len(), 1);
    assert_eq!(
        warnings,
        [
            "skipping `.autoissue/pulls/0001-issue-12.md`: it has the state `maybe`: write `open`, `merged` or `closed`",
            "skipping `.autoissue/pulls/0002-issue-12.md`: it is for the issue `twelve`: write its number",
        ]
    );
    assert_eq!(
        project
            .forge()
            .publish(&pull_draft("aaa"))
            .unwrap()
            .0
            .number,
        3
    );
}

#[test]
fn a_crash_before_the_rename_leaves_nothing_half_written() {
    let project = Project::new();
    project.write("pulls/.0001-issue-12.md.tmp", "---\nnumber: 1\ntit");
    project.write("issues/.0001-x.md.tmp", "---\nnum");
    assert_eq!(project.issues(), (vec![], vec![]));
    assert!(!project.forge().publish(&pull_draft("aaa")).unwrap().1);
    project.forge().create_issue(&issue_draft("x", "")).unwrap();
    assert_eq!(project.names("pulls"), ["0001-issue-12.md"]);
    assert_eq!(project.names("issues"), ["0001-x.md"]);
}

#[test]
fn a_file_that_appeared_meanwhile_is_never_overwritten() {
    let project = Project::new();
    let directory = Directory::new(project.directory.path(), ISSUES);
    let lock = directory.lock().unwrap();
    project.write("issues/0001-x.md", "a person's");
    let error = lock.create("0001-x.md", "ours").unwrap_err();
    assert!(
        matches!(error, LocalError::Io { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists)
    );
    assert_eq!(project.read("issues/0001-x.md"), "a person's");
    assert_eq!(project.names("issues"), ["0001-x.md"]);
}

#[test]
fn opening_a_project_without_a_forge_explains_how_to_start() {
    let directory = TempDir::new().unwrap();
    let error = LocalForge::open(directory.path()).unwrap_err();
    let path = directory.path().display();
    assert_eq!(
        error.to_string(),
        format!("no local forge in `{path}`: `.autoissue/issues` does not exist")
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains(".autoissue/issues/0001-some-title.md")
    );
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        0,
        "a failed open must not create anything"
    );
}

#[test]
fn initialising_twice_keeps_what_people_wrote() {
    let project = Project::new();
    assert_eq!(project.names(""), ["README.md", "issues"]);
    assert!(
        project
            .read("README.md")
            .starts_with("# Issues and pull requests")
    );
    project.write("README.md", "ours");
    initialise(project.directory.path()).unwrap();
    assert_eq!(project.read("README.md"), "ours");
}

#[test]
fn the_explained_issue_is_one_that_the_forge_reads() {
    let example = README_TEXT
        .split("```markdown\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let issue = check_fine("0012-search-is-slow.md", example);
    assert_eq!(
        (issue.number, issue.title.as_str(), issue.author.as_str()),
        (IssueNumber(12), "Search is slow", "ida")
    );
}

#[test]
fn read_only_directories_and_full_disks_are_distinguished() {
    let project = Project::new();
    let directory = project.path("issues");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o555)).unwrap();
    let result = project.forge().create_issue(&issue_draft("x", ""));
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    // Root may write everywhere; the table below holds for every user.
    assert!(
        rustix::process::geteuid().is_root() || matches!(result, Err(LocalError::ReadOnly { .. }))
    );
    let kind = |errno: rustix::io::Errno| LocalError::writing(Path::new("x"), errno.into());
    for errno in [
        rustix::io::Errno::ROFS,
        rustix::io::Errno::ACCESS,
        rustix::io::Errno::PERM,
    ] {
        assert!(
            matches!(kind(errno), LocalError::ReadOnly { .. }),
            "{errno}"
        );
    }
    for errno in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT] {
        assert!(
            matches!(kind(errno), LocalError::DiskFull { .. }),
            "{errno}"
        );
    }
    assert!(matches!(kind(rustix::io::Errno::IO), LocalError::Io { .. }));
}
