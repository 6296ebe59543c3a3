//! The state a repository must have after a session in it was interrupted and resumed, whatever the
//! interruption.

use std::collections::BTreeMap;

use autoissue_tests::{Run, Sandbox};

use crate::process_under_test::{tagged_below, wait_until_or_show};

/// Waits until no process works for the repository. The supervisors need a moment after the
/// engine's death.
#[track_caller]
pub(crate) fn no_process_is_left(world: &Sandbox) {
    let prefix = world.tag_prefix();
    let left = || tagged_below(&prefix);
    wait_until_or_show(
        "every process of the session is gone",
        || left().is_empty(),
        || {
            let command = |pid: i32| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                format!(
                    "{pid} {}",
                    String::from_utf8_lossy(&line).replace('\0', " ")
                )
            };
            left().into_iter().map(command).collect()
        },
    );
}

/// Asserts that the issues 1 to `n_issues` ended once and successfully, each with one pull request,
/// and that nothing else is left.
#[track_caller]
pub(crate) fn all_ended_once(world: &Sandbox, n_issues: u64) {
    no_process_is_left(world);
    let sessions: Vec<_> = std::fs::read_dir(world.state().join("sessions"))
        .expect("transcripts")
        .flatten()
        .collect();
    assert_eq!(sessions.len(), 1, "one session, resumed: {sessions:?}");
    let session = sessions[0].file_name().into_string().expect("an id");
    let story = world.run(["show", &session, "--output", "json"]).exits(0);
    assert_eq!(story.summary()["status"], "completed");
    for kind in ["task.finished", "attempt.published"] {
        let counted = count_by_issue(&story, kind);
        assert!(
            counted.values().all(|&n| n == 1) && counted.len() as u64 == n_issues,
            "{kind}: {counted:?}"
        );
    }
    assert!(
        story
            .outcomes()
            .iter()
            .all(|(_, outcome)| outcome == "done"),
        "{:?}",
        story.outcomes()
    );
    let pulls = world.pulls();
    assert_eq!(
        pulls.len() as u64,
        n_issues,
        "{:?}",
        world.names(".autoissue/pulls")
    );
    for issue in 1..=n_issues {
        let ours = pulls
            .iter()
            .filter(|text| text.contains(&format!("\nissue: {issue}\n")))
            .count();
        assert_eq!(ours, 1, "pull requests of #{issue}");
    }
    // One git command for all: it fails unless each branch has its file.
    world.git(
        ["rev-parse"]
            .into_iter()
            .map(str::to_owned)
            .chain((1..=n_issues).map(work_of)),
    );
}

fn work_of(issue: u64) -> String {
    format!("autoissue/issue-{issue}:{issue}.txt")
}

fn count_by_issue(run: &Run, kind: &str) -> BTreeMap<u64, usize> {
    let mut counted = BTreeMap::new();
    for event in run.events(kind) {
        *counted
            .entry(event["issue"].as_u64().expect("an issue"))
            .or_default() += 1;
    }
    counted
}
