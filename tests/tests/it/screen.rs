//! The live screen, as a user at a terminal sees it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use autoissue_tests::{Run, Sandbox, Terminal, TerminalContents};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::process_under_test::wait_until;

const CTRL_C: &str = "\u{3}";
const ENTER: &str = "\r";
/// The escape sequence at the start of each update of the screen.
const BEGIN: &str = "\u{1b}[?2026h";
/// The start of the rule between log and screen.
const RULE: &str = "── ";

/// Creates a sandbox whose agent runs the given steps for each issue.
fn world(issues: &[(u64, &str, Value)]) -> Sandbox {
    let world = Sandbox::new();
    world.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    let config = json!({
        "forge": {"kind": "local"}, "agent": {"backend": "claude"},
        "executor": {"maxRetries": 0, "maxParallel": 2},
    });
    world.config(&config.to_string());
    for (number, title, steps) in issues {
        world.issue(
            *number,
            title,
            &format!("Please do.\n\nfake: {}\n", json!([steps])),
        );
    }
    world
}

fn on_a_terminal(world: &Sandbox, args: &[&str]) -> Command {
    let mut command = world.autoissue(args);
    command.env("TERM", "xterm-256color");
    command
}

/// Lets agents continue that wait for `~/go`.
fn go(world: &Sandbox) {
    fs::write(world.home().join("go"), "").expect("the file");
}

/// Asserts that nothing of the screen remains and the terminal is restored.
#[track_caller]
fn is_tidy(contents: &TerminalContents) {
    assert!(contents.has_cursor, "the cursor is hidden");
    let rules: Vec<&String> = contents
        .lines
        .iter()
        .filter(|line| line.starts_with(RULE))
        .collect();
    assert!(
        rules.is_empty(),
        "{rules:?} remains in\n{}",
        contents.lines.join("\n")
    );
}

/// Returns the number of screen rows that start with the rule.
fn n_rules(contents: &TerminalContents) -> usize {
    contents
        .rows
        .iter()
        .filter(|row| row.starts_with(RULE))
        .count()
}

#[test]
fn the_screen_follows_a_session_from_start_to_report() {
    let work = json!([{"say": "Reading src/session.rs"}, {"meter": 0.4}, {"wait_for": "~/go"},
                      {"write": ["a.txt", "x"]}, {"result": {}}]);
    let world = world(&[
        (1, "[Backend] first", work.clone()),
        (2, "[Backend] second", work.clone()),
        (3, "[Frontend] other", json!([{"result": {}}])),
    ]);
    let terminal = Terminal::start(&on_a_terminal(&world, &["exec", "go"]), 100, 30);
    let words = [
        "Reading src/session.rs",
        "$0.40",
        "domain backend is busy with #1",
        "no change",
        "reserved",
    ];
    let contents = terminal.wait_until("one issue is running, one waiting, one done", |contents| {
        words.iter().all(|word| contents.shows(word)) && contents.shows("1 running")
    });
    assert_eq!(n_rules(&contents), 1, "{:?}", contents.rows);
    // The clock runs even if nothing happens.
    terminal.wait_until("a second has passed", |contents| contents.shows(" 1 s "));
    go(&world);
    let (code, contents) = terminal.end();
    assert_eq!(code, Some(3), "{contents:?}");
    is_tidy(&contents);
    let text = contents.lines.join("\n");
    let (log, report) = text.split_once("shipped (2)").expect("the closing report");
    for word in [
        "#1 attempt 1 started",
        "#2 attempt 1 started",
        "#1 done: pull request #1",
        "session finished",
    ] {
        assert_eq!(log.matches(word).count(), 1, "{word:?} in\n{log}");
    }
    assert!(
        report.contains("failed (1)") && report.contains("next"),
        "{report}"
    );
}

#[test]
fn typed_keys_do_not_appear_on_the_screen() {
    let world = world(&[(
        1,
        "[Backend] first",
        json!([{"say": "at work"}, {"wait_for": "~/go"}, {"result": {}}]),
    )]);
    let terminal = Terminal::start(&on_a_terminal(&world, &["exec", "go"]), 80, 24);
    terminal.wait_until("the agent is running", |contents| contents.shows("at work"));
    assert!(!terminal.echoes());
    for _ in 0..30 {
        terminal.press("are you alive?");
        terminal.press(ENTER);
    }
    terminal.wait_until("the clock runs", |contents| contents.shows(" 1 s "));
    go(&world);
    let (_, contents) = terminal.end();
    assert!(!contents.written.contains("alive"));
    is_tidy(&contents);
}

#[test]
fn the_screen_follows_the_size_of_the_terminal() {
    fn n_said(contents: &TerminalContents) -> usize {
        contents
            .lines
            .iter()
            .filter(|line| line.contains("│ a long"))
            .count()
    }

    let line = "a long line of an agent that fills a row ".repeat(4);
    // Enough lines that the screen is at the bottom of the terminal, whatever the size.
    let mut steps = vec![json!({"say": line}); 30];
    steps.extend([json!({"wait_for": "~/go"}), json!({"result": {}})]);
    let world = world(&[
        (1, "[Backend] first", json!(steps)),
        (2, "[Frontend] second", json!(steps)),
    ]);
    let terminal = Terminal::start(
        &on_a_terminal(&world, &["exec", "go", "--verbose"]),
        100,
        20,
    );
    terminal.wait_until("two agents are running", |contents| {
        contents.shows("2 running") && n_said(contents) == 60
    });
    for (columns, rows) in [(60, 20), (41, 14), (45, 30), (120, 40), (119, 12), (80, 24)] {
        terminal.resize(columns, rows);
        let columns = usize::from(columns);
        // Both, because a frame may be read in parts.
        terminal.wait_until("the screen is redrawn without remains", |contents| {
            let rules = contents.rows.iter().filter(|row| row.starts_with(RULE));
            let n_budgets = contents.rows.iter().filter(|row| row.contains("of $50.00"));
            rules.map(|row| row.chars().count()).eq([columns - 1]) && n_budgets.count() == 1
        });
    }
    go(&world);
    let (_, contents) = terminal.end();
    is_tidy(&contents);
    assert_eq!(n_said(&contents), 60, "{:#?}", contents.lines);
}

#[test]
fn an_agent_cannot_write_over_the_screen() {
    let tricks = [
        "\u{1b}[2J\u{1b}[H\u{1b}[?1049hgone",
        "\u{1b}]0;owned\u{7}\u{1b}]52;c;ZXZpbA==\u{7}title",
        "10 %\r20 %\rdone 100 %",
        "\u{9b}31mC1 \u{202e}drawkcab\u{2066}\u{200b}",
        "\u{1b}[5;5H\u{1b}[41mred\u{8}\u{8}\u{8}\u{1b}c",
        "zalgo a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        "wide 日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語日本語",
        "❤\u{fe0f}❤\u{fe0f} 👩\u{200d}👩\u{200d}👧 last",
    ];
    let mut steps: Vec<Value> = tricks
        .iter()
        .flat_map(|&text| [json!({"say": text}), json!({"print": text})])
        .collect();
    steps.extend([json!({"wait_for": "~/go"}), json!({"result": {}})]);
    let world = world(&[(
        1,
        "[Backend] \u{1b}[2Ja title\u{202e} that means harm",
        json!(steps),
    )]);
    let terminal = Terminal::start(
        &on_a_terminal(&world, &["exec", "go", "--verbose"]),
        100,
        20,
    );
    let contents = terminal.wait_until("the last line", |contents| {
        contents.shows("last") && contents.shows("1 running")
    });
    assert_eq!(n_rules(&contents), 1, "{:?}", contents.rows);
    assert!(
        contents.shows("a title that means harm"),
        "{:?}",
        contents.rows
    );
    go(&world);
    let (_, contents) = terminal.end();
    is_tidy(&contents);
    for word in ["gone", "title", "100 %", "C1 drawkcab", "red", "zalgo"] {
        assert!(
            contents.has_shown(word),
            "{word:?} is missing in\n{}",
            contents.lines.join("\n")
        );
    }
    for trick in [
        "[2J", "[H", "1049", "]0;", "]52", "[5;5H", "[41m", "\u{1b}c", "\u{9b}", "\u{202e}",
        "\u{8}", "\u{fe0f}",
    ] {
        assert!(
            !contents.written.contains(trick),
            "{trick:?} was not removed"
        );
    }
}

#[test]
fn heavy_output_is_drawn_at_a_limited_rate() {
    let n_lines = 20_000;
    let world = world(&[(
        1,
        "[Backend] first",
        json!([{"flood": n_lines}, {"result": {}}]),
    )]);
    let terminal = Terminal::start(&on_a_terminal(&world, &["exec", "go", "--verbose"]), 80, 24);
    let (_, contents) = terminal.end();
    let n_frames = contents.written.matches(BEGIN).count();
    assert!(n_frames < n_lines / 20, "{n_frames} frames");
    is_tidy(&contents);
}

#[test]
fn ctrl_c_stops_the_session_and_shows_progress() {
    // In two places: as a line of the log, and as one that remains on the screen.
    fn says(text: &'static str) -> impl Fn(&TerminalContents) -> bool {
        move |contents: &TerminalContents| {
            contents
                .rows
                .iter()
                .filter(|row| row.contains(text))
                .count()
                == 2
                && n_rules(contents) == 1
        }
    }

    let world = world(&[(
        1,
        "[Backend] first",
        json!([{"ignore_sigterm": 0}, {"say": "deaf"}, {"stall": 0}]),
    )]);
    let terminal = Terminal::start(&on_a_terminal(&world, &["exec", "go"]), 80, 24);
    terminal.wait_until("the agent is running", |contents| contents.shows("deaf"));
    terminal.press(CTRL_C);
    terminal.wait_until(
        "the session is stopping",
        says("stopping: waiting for agents to exit"),
    );
    terminal.press(CTRL_C);
    terminal.wait_until("the agents are being killed", |contents| {
        contents.has_shown("killing the agents")
    });
    let (code, contents) = terminal.end();
    assert_eq!(code, Some(130));
    is_tidy(&contents);
    assert!(
        contents.has_shown("next        autoissue resume "),
        "{}",
        contents.lines.join("\n")
    );
}

#[test]
fn the_terminal_is_restored_however_the_program_ends() {
    let deaf = json!([{"ignore_sigterm": 0}, {"say": "deaf"}, {"stall": 0}]);
    for signals in [
        &[Signal::TERM, Signal::HUP, Signal::INT] as &[Signal],
        &[Signal::TERM, Signal::HUP],
        &[Signal::KILL],
    ] {
        let world = world(&[(1, "[Backend] first", deaf.clone())]);
        let terminal = Terminal::start(&on_a_terminal(&world, &["exec", "go"]), 80, 24);
        terminal.wait_until("the agent is running", |contents| contents.shows("deaf"));
        let pid = Pid::from_raw(i32::try_from(terminal.id()).expect("a pid")).expect("it runs");
        signals
            .iter()
            .for_each(|signal| kill_process(pid, *signal).expect("it runs"));
        let is_killed = signals.contains(&Signal::KILL);
        wait_until("the program is gone or the keys are echoed", || {
            is_killed || terminal.echoes()
        });
        let (code, contents) = terminal.end();
        assert_eq!(
            code,
            if is_killed { None } else { Some(130) },
            "{signals:?}"
        );
        // A shell restores many settings by itself, but not a hidden cursor.
        assert!(contents.has_cursor, "{signals:?}");
    }
}

#[test]
fn plain_lines_are_printed_if_drawing_is_impossible() {
    let world = world(&[(1, "[Backend] first", json!([]))]);
    for (name, value, args) in [
        ("TERM", "dumb", &[] as &[&str]),
        ("CI", "true", &[]),
        ("TERM", "xterm", &["--headless"]),
        ("TERM", "xterm", &["--quiet"]),
    ] {
        let mut command = on_a_terminal(&world, &[&["exec", "none"], args].concat());
        command.env(name, value);
        let (code, contents) = Terminal::start(&command, 80, 24).end();
        assert_eq!(code, Some(0), "{contents:?}");
        assert!(
            !contents.written.contains(BEGIN) && contents.has_shown("no open issue"),
            "{name}={value}: {contents:?}"
        );
    }
}

#[test]
fn an_unread_display_does_not_block_the_session() {
    // More than a pipe and the runtime's threads can buffer.
    let world = world(&[(
        1,
        "[Backend] first",
        json!([{"flood": 5_000}, {"write": ["a.txt", "x"]}, {"result": {}}]),
    )]);
    let mut command = world.autoissue(["exec", "go", "--verbose", "--headless"]);
    command.env("TOKIO_WORKER_THREADS", "1");
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    wait_until("the session is over", || {
        let sessions = Run::from(
            world
                .autoissue(["status", "--output", "json"])
                .output()
                .expect("it runs"),
        );
        sessions.stdout.contains(r#""status":"completed""#)
    });
    Run::from(child.wait_with_output().expect("it ends")).exits(0);
}
