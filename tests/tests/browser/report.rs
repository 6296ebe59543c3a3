//! The HTML report: a real session with every kind of outcome, opened as a file.

use std::fs;

use autoissue_tests::{Sandbox, new_file_patch};
use serde_json::{Value, json};

use crate::driver::{Browser, Look};
use crate::page::HOSTILE;

const WIDE: Look = Look {
    width: 1280,
    height: 1_900,
    is_dark: false,
    is_calm: false,
};
const NARROW: Look = Look {
    width: 360,
    height: 2_400,
    is_dark: false,
    is_calm: false,
};

/// Runs a session in which some issues ship, one fails, one is skipped because of it, and one needs
/// a person; their titles are hostile.
fn night() -> Sandbox {
    let world = Sandbox::new();
    let check = "test ! -f bad.txt || { echo 'error: `<script>window.pwned=1</script>` is not \"good\"'; exit 1; }";
    world.executor(
        &json!({"maxRetries": 0, "checks": [{"name": "tests", "run": check}]}).to_string(),
    );
    world.issue(
        1,
        &format!("[Backend] {}", HOSTILE[0]),
        &new_file_patch("a.txt", "new"),
    );
    world.issue(
        2,
        &format!("[Frontend] {}", HOSTILE[1]),
        &new_file_patch("bad.txt", "new"),
    );
    world.issue(
        3,
        &format!("[Testing] {}", HOSTILE[2]),
        &format!("Depends on #2\n\n{}", new_file_patch("c.txt", "new")),
    );
    world.issue(
        4,
        &format!("[Docs] {}", HOSTILE[3]),
        &new_file_patch("d.txt", "new"),
    );
    let long = "A title that is longer than any phone is wide, `with code`, andwithawordthatneverendsbecauseitisanaddress"
        .repeat(2);
    world.issue(
        5,
        &format!("[DB] {long}"),
        &new_file_patch("a/very/long/path/to/a/file/with/a/name.txt", "new"),
    );
    // Another branch of that name, not created by autoissue, is in the way.
    world.git(["checkout", "--quiet", "-b", "autoissue/issue-4"]);
    world.write("mine.txt", "mine\n");
    world.git(["add", "mine.txt"]);
    world.git(["commit", "--quiet", "--message", "mine"]);
    world.git(["checkout", "--quiet", "main"]);
    world
}

#[test]
fn the_report_fits_every_screen_and_runs_no_scripts() {
    fn dark(look: Look) -> Look {
        Look {
            is_dark: true,
            ..look
        }
    }

    let world = night();
    let run = world.run(["exec", "go", "--output", "json"]).exits(3);
    assert_eq!(
        run.summary()["counts"],
        json!({"done": 2, "needs_you": 1, "failed": 1, "not_started": 1}),
        "{}",
        run.stdout
    );
    let page = world.root().join("report.html");
    let session = run.summary()["session"].as_str().unwrap().to_owned();
    world
        .run(["show", &session, "--html", page.to_str().unwrap()])
        .exits(0);
    assert!(
        fs::read_to_string(&page).unwrap().contains("window.pwned"),
        "the report does not contain the titles"
    );
    let address = format!("file://{}", page.display());
    for (name, look) in [
        ("desk-light", WIDE),
        ("desk-dark", dark(WIDE)),
        ("phone-light", NARROW),
        ("phone-dark", dark(NARROW)),
    ] {
        let browser = Browser::open(look);
        browser.go(&address);
        browser.picture(&format!("report-{name}"));
        let text = browser.text("body");
        for shown in [
            "Needs you",
            "Failed",
            "Shipped",
            "Not started",
            "depends on #2",
            "Timeline",
            HOSTILE[0],
        ] {
            assert!(
                text.contains(shown),
                "{name}: {shown} is missing in\n{text}"
            );
        }
        assert_eq!(
            browser.js("return window.pwned ?? null"),
            Value::Null,
            "{name}"
        );
        for (what, expected) in [
            ("document.scripts.length", 0),
            ("performance.getEntriesByType('resource').length", 0),
            (
                "document.querySelectorAll('[onerror], [onload], img, iframe, a[href^=\"javascript\"]').length",
                0,
            ),
            // Nothing extends beyond the window.
            (
                "Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)",
                0,
            ),
            (
                "[...document.querySelectorAll('.shipped .scroll')].filter((it) => it.clientWidth < it.scrollWidth).length",
                0,
            ),
        ] {
            assert_eq!(
                browser.js(&format!("return {what}")),
                expected,
                "{name}: {what}"
            );
        }
        browser.close();
    }
}
