//! The dashboard as a user sees and operates it.

use std::path::Path;

use autoissue_tests::{MadeUp, Recipe, Sandbox, Served, Started, port_of};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::driver::{Browser, DESK, Look, PHONE};

/// Text that would act if it were interpreted as markup or terminal commands.
pub(crate) const HOSTILE: [&str; 6] = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "\"><svg onload=window.pwned=1>",
    "javascript:window.pwned=1",
    "${window.pwned=1}{{window.pwned=1}}",
    "\u{1b}[31mred\u{1b}]0;owned\u{7} \u{202e}gpj.exe",
];

fn url(served: &Served) -> String {
    format!("http://127.0.0.1:{}/", served.port)
}

/// Creates a state directory with a session in it.
fn world(recipe: Recipe) -> (TempDir, MadeUp) {
    let state = TempDir::new().unwrap();
    let session = MadeUp::run(state.path(), recipe);
    (state, session)
}

/// Records failing scripts and violations of the content security policy.
const WATCH: &str = "window.complaints = []; \
    addEventListener('error', (event) => window.complaints.push(String(event.message))); \
    addEventListener('unhandledrejection', (event) => window.complaints.push(String(event.reason))); \
    addEventListener('securitypolicyviolation', (event) => window.complaints.push(event.violatedDirective));";

fn open(browser: &Browser, url: &str) {
    browser.go(url);
    browser.js(WATCH);
    browser.until("document.getElementById('connection').dataset.state === 'live'");
}

#[test]
fn a_running_session_is_updated_live() {
    let (state, mut session) = world(Recipe::new(23, 9));
    let served = Served::start(state.path(), &json!({}));
    let browser = Browser::open(DESK);
    open(&browser, &url(&served));
    browser.until("document.querySelectorAll('#running .slot').length === 4");
    browser.until("document.querySelectorAll('#rows .row').length > 5");
    browser.until(
        "document.querySelector('#cost-chart svg') && document.querySelector('#timeline svg')",
    );
    assert!(
        browser.text("#verdict-line").starts_with("Running"),
        "{}",
        browser.text("#verdict-line")
    );
    let waiting = browser.text("#rows");
    assert!(
        waiting.contains("all 4 slots are taken"),
        "reason for waiting: {waiting}"
    );
    let title = browser.js("return document.title");
    assert!(
        title
            .as_str()
            .is_some_and(|title| title.starts_with("▲ ") && title.contains("lighthouse/logbook")),
        "{title}"
    );
    assert_eq!(
        browser.js("return document.getElementById('icon').getAttribute('href')"),
        "/icon-attention.svg"
    );
    browser.picture("running-light");
    // Agent output appears without a reload.
    let issue = session.running()[0];
    session.print(issue, "a line that was just printed\n");
    browser.until(
        "document.getElementById('running').textContent.includes('a line that was just printed')",
    );
    browser.click("#running .more");
    browser.until(
        "document.querySelector('.slot .output').textContent.includes('Editing src/logbook.rs')",
    );
    session.print(issue, "and one more\n");
    browser.until("document.querySelector('.slot .output').textContent.includes('and one more')");
    browser.picture("output-light");
    // The session runs to its end while the page is open.
    let done = "Number(document.querySelector('#legend [data-state=done] b').textContent)";
    let before = browser.js(&format!("return {done}")).as_u64().unwrap();
    session.go_on(13);
    browser.until(&format!("{done} > {before}"));
    session.go_on(usize::MAX);
    browser.until("document.getElementById('verdict-line').textContent.startsWith('Finished')");
    browser.until("document.querySelector('#sessions .pill').textContent === 'finished'");
    browser.until("document.querySelectorAll('#running .slot').length === 0");
    browser.picture("finished-light");
    browser.close();
}

#[test]
fn a_breaker_is_reset_by_hand_after_confirmation() {
    let mut recipe = Recipe::new(40, 6);
    recipe.is_broken = true;
    let (state, mut session) = world(recipe);
    let served = Served::start(state.path(), &json!({}));
    let browser = Browser::open(Look {
        is_dark: true,
        ..DESK
    });
    open(&browser, &url(&served));
    browser.until("document.querySelector('.reset') && !document.querySelector('.reset').hidden");
    assert!(browser.text("#services").contains("5 failures in a row"));
    assert_eq!(
        browser.js("return document.getElementById('icon').getAttribute('href')"),
        "/icon-trouble.svg"
    );
    browser.click(".reset");
    browser.until("document.getElementById('confirm').open");
    browser.picture("reset-dark");
    browser.click("#confirm button[value=no]");
    assert!(
        session.take_requests().is_empty(),
        "declining the question requests nothing"
    );
    browser.click(".reset");
    browser.click("#confirm-yes");
    browser.until("document.querySelector('.said').textContent.startsWith('Requested')");
    assert_eq!(
        session.take_requests(),
        [r#"{"control":"reset_breaker","service":{"type":"agent","name":"claude"}}"#]
    );
    browser.until("document.querySelector('#services .state').textContent === 'working'");
    browser.until("document.querySelector('.reset').hidden");
    browser.close();
}

#[test]
fn users_log_in_with_a_password_or_a_token_and_log_out() {
    let (state, _session) = world(Recipe::new(6, 2));
    let auth = json!({"enabled": true, "type": "both", "username": "ada", "password": "pass word", "token": "t0ken-t0ken"});
    let served = Served::start(state.path(), &json!({ "auth": auth }));
    let browser = Browser::open(PHONE);
    let log_in = |fields: &[(&str, &str)]| {
        for (css, text) in fields {
            browser.type_into(css, text);
        }
        browser.click("button[type=submit]");
    };
    browser.go(&url(&served));
    browser.until("location.pathname === '/login'");
    browser.picture("log-in-phone-dark");
    log_in(&[("#username", "ada"), ("#password", "wrong")]);
    browser.until("document.querySelector('[role=alert]')");
    assert_eq!(
        browser.text("[role=alert]"),
        "Wrong user name, password or token."
    );
    browser.picture("log-in-refused-phone-dark");
    for fields in [
        &[("#username", "ada"), ("#password", "pass word")][..],
        &[("#token", "t0ken-t0ken")],
    ] {
        log_in(fields);
        browser
            .until("location.pathname === '/' && document.getElementById('connection')?.dataset.state === 'live'");
        assert_eq!(
            browser.js("return document.cookie"),
            "",
            "scripts must not be able to read the cookie"
        );
        browser.until("!document.getElementById('log-out').hidden");
        browser.click("#log-out button");
        browser.until("location.pathname === '/login'");
        browser.go(&url(&served));
        browser.until("location.pathname === '/login'");
    }
    browser.close();
}

#[test]
fn title_in_html_is_shown_as_text() {
    let mut recipe = Recipe::new(12, 3);
    for (issue, title) in recipe.issues.iter_mut().zip(HOSTILE.iter().cycle()) {
        issue.0 = (*title).to_owned();
    }
    let (state, session) = world(recipe);
    for issue in session.running() {
        HOSTILE
            .iter()
            .for_each(|line| session.print(issue, &format!("{line}\n")));
    }
    let served = Served::start(state.path(), &json!({}));
    let browser = Browser::open(DESK);
    open(&browser, &url(&served));
    browser.until("document.querySelectorAll('#running .slot').length > 0");
    browser.click("#tabs [data-state=all]");
    browser.until("document.querySelectorAll('#rows .row').length > 8");
    browser.js("document.querySelectorAll('#running .more').forEach((button) => button.click())");
    browser.until(
        "document.querySelector('.slot .output').textContent.includes('onload=window.pwned=1')",
    );
    browser.until("document.querySelector('#timeline svg')");
    browser.picture("hostile-light");
    browser.click("#rows .row .link");
    browser.until("document.querySelector('#task-body .output')?.textContent.includes('pwned')");
    browser.picture("hostile-task-light");
    let text = browser
        .js("return document.body.textContent")
        .as_str()
        .unwrap()
        .to_owned();
    for shown in [
        "<script>window.pwned=1</script>",
        "<img src=x onerror=window.pwned=1>",
        "\"><svg onload=window.pwned=1>",
        "red gpj.exe",
    ] {
        assert!(text.contains(shown), "{shown} is not shown as written");
    }
    assert!(
        !text.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "control characters and direction overrides must be removed"
    );
    assert_eq!(browser.js("return window.pwned ?? null"), Value::Null);
    let foreign = "document.querySelectorAll('main script, main img, main iframe, [onerror], [onload], a[href^=\"javascript\"]').length";
    assert_eq!(browser.js(&format!("return {foreign}")), 0);
    browser.close();
}

#[test]
fn a_thousand_tasks_render_only_the_rows_in_view() {
    let mut recipe = Recipe::new(1_000, 400);
    recipe.budget = autoissue_core::engine::Usd::from_cents(200_000);
    let (state, _session) = world(recipe);
    let served = Served::start(state.path(), &json!({}));
    let browser = Browser::open(Look {
        width: 2560,
        height: 1300,
        ..DESK
    });
    open(&browser, &url(&served));
    browser.click("#tabs [data-state=all]");
    browser.until("document.querySelector('#rows .row[aria-setsize=\"1000\"]')");
    browser.until("document.querySelector('#timeline svg')");
    browser.picture("thousand-wide-light");
    for place in [0.3, 0.9, 1.0] {
        browser
            .js(&format!("const rows = document.getElementById('rows'); rows.scrollTop = {place} * rows.scrollHeight"));
        // Only the rows in view exist.
        let in_view = "[...document.querySelectorAll('#rows .row')].some((row) => row.getBoundingClientRect().top >= document.getElementById('rows').getBoundingClientRect().top && row.textContent.includes('#'))";
        browser.until(in_view);
        let n = browser
            .js("return document.querySelectorAll('#rows .row').length")
            .as_u64()
            .unwrap();
        assert!(n < 60, "{n} rows exist at once");
    }
    browser.until("document.querySelector('#rows .row[aria-posinset=\"1000\"]')");
    browser.type_into("#search", "#77");
    browser.until("document.querySelector('#rows .row[aria-setsize=\"11\"]')");
    let n_nodes = browser
        .js("return document.querySelectorAll('*').length")
        .as_u64()
        .unwrap();
    assert!(n_nodes < 6_000, "{n_nodes} elements");
    browser.close();
}

#[test]
fn the_page_fits_every_size_and_scheme_without_horizontal_scrolling() {
    let (state, session) = world(Recipe::new(60, 22));
    session.print(
        session.running()[0],
        &format!("{}\n", "a-very-long-word-without-any-end-".repeat(30)),
    );
    let served = Served::start(state.path(), &json!({}));
    for (width, height) in [
        (360, 740),
        (390, 844),
        (820, 1180),
        (1280, 800),
        (2560, 1300),
    ] {
        for is_dark in [false, true] {
            let browser = Browser::open(Look {
                width,
                height,
                is_dark,
                is_calm: width == 820,
            });
            open(&browser, &url(&served));
            browser.until(
                "document.querySelector('#cost-chart svg') && document.querySelector('#rows .row')",
            );
            browser.until("document.querySelector('#timeline svg')");
            browser.until(
                "document.querySelector('#attention code')?.textContent === 'src/part-11.rs'",
            );
            let scheme = if is_dark { "dark" } else { "light" };
            browser.picture(&format!("size-{width}-{scheme}"));
            let wide = browser.js("return document.documentElement.scrollWidth - innerWidth");
            assert!(
                wide.as_i64().unwrap() <= 0,
                "{width} {scheme}: {wide} pixels too wide"
            );
            let matches = format!("return matchMedia('(prefers-color-scheme: {scheme})').matches");
            assert_eq!(browser.js(&matches), true, "{scheme}");
            browser.close();
        }
    }
}

#[test]
fn the_page_works_by_keyboard_and_has_names_for_screen_readers() {
    let (state, _session) = world(Recipe::new(23, 9));
    let served = Served::start(state.path(), &json!({}));
    let browser = Browser::open(DESK);
    open(&browser, &url(&served));
    browser.until("document.querySelector('#rows .row')");
    browser.press("\u{e004}");
    assert_eq!(
        browser.js("return document.activeElement.className"),
        "skip",
        "the first focus stop skips the header"
    );
    // Enter on a task's title opens it, Escape closes it, and the focus returns.
    browser.js("document.querySelector('#rows .row .link').focus()");
    browser.press("\u{e007}");
    browser.until("document.getElementById('task').open");
    browser.picture("task-light");
    browser.press("\u{e00c}");
    browser.until("!document.getElementById('task').open");
    assert_eq!(
        browser.js("return document.activeElement.className"),
        "link"
    );
    let unnamed = browser
        .js("return [...document.querySelectorAll('button, a, input, select, [role=img], [role=region], section, dialog')]
             .filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length
                 || document.getElementById(node.getAttribute('aria-labelledby') ?? '')?.textContent))
             .map((node) => node.outerHTML.slice(0, 120))");
    // The dialogs are named when they open.
    let unnamed: Vec<&str> = unnamed
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .filter(|it| !it.contains("confirm"))
        .collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
    let levels = browser
        .js("return [...document.querySelectorAll('main h1, main h2, main h3')].map((h) => Number(h.tagName[1]))");
    let levels: Vec<i64> = levels
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_i64)
        .collect();
    assert!(
        levels[0] == 1 && levels.windows(2).all(|pair| pair[1] <= pair[0] + 1),
        "{levels:?}"
    );
    // There is one live region, and it does not announce each event.
    assert_eq!(
        browser.js("return document.querySelectorAll('[aria-live=polite]').length"),
        1
    );
    browser.close();
}

#[test]
fn many_tabs_reconnect_after_the_server_restarts() {
    let (state, mut session) = world(Recipe::new(23, 5));
    let served = Served::start(state.path(), &json!({}));
    let address = url(&served);
    let browser = Browser::open(DESK);
    open(&browser, &address);
    // A browser opens six connections per server, so hidden pages must release theirs.
    for _ in 0..11 {
        browser.tab(&address);
        browser.until("document.getElementById('connection').dataset.state === 'live'");
    }
    browser.switch_to(0);
    let done = "Number(document.querySelector('#legend [data-state=done] b').textContent)";
    let before = browser.js(&format!("return {done}")).as_u64().unwrap();
    session.go_on(12);
    browser.until(&format!("{done} > {before}"));
    drop(served);
    browser.until("document.getElementById('connection').dataset.state === 'lost'");
    browser.picture("lost-light");
    let port = port_of(&address);
    session.go_on(18);
    let again = Served::start_on(state.path(), port);
    browser.until("document.getElementById('connection').dataset.state === 'live'");
    let n = session
        .engine()
        .tasks()
        .values()
        .filter(|task| task.outcome().is_some_and(|it| it.is_success()))
        .count();
    browser.until(&format!("{done} === {n}"));
    drop(again);
    browser.close();
}

#[test]
fn a_session_of_the_same_process_is_shown_with_agent_output() {
    let sandbox = Sandbox::new();
    sandbox.install("claude", Path::new(env!("CARGO_BIN_EXE_fake-claude")));
    let config = json!({"forge": {"kind": "local"}, "agent": {"backend": "claude"}, "executor": {"maxRetries": 0}});
    sandbox.config(&config.to_string());
    let steps = json!([[{"meter": 0.4}, {"write": ["a.txt", "a"]}, {"say": "I read the \u{1b}[1m<b>server</b>"}, {"wait_for": "~/go"}, {"result": {}}]]);
    sandbox.issue(
        1,
        "[Backend] Answer twice as fast",
        &format!("Please.\n\nfake: {steps}\n"),
    );
    let mut child =
        Started(sandbox.start(["exec", "go", "--dashboard", "--port", "0", "--headless"]));
    let stderr = std::io::BufReader::new(child.0.stderr.take().unwrap());
    let mut lines = std::io::BufRead::lines(stderr).map_while(Result::ok);
    let address = lines
        .find_map(|line| line.strip_prefix("dashboard: ").map(str::to_owned))
        .expect("its address");
    std::thread::spawn(move || lines.for_each(drop));
    let browser = Browser::open(PHONE);
    open(&browser, &address);
    browser.until(
        "document.getElementById('running').textContent.includes('I read the <b>server</b>')",
    );
    browser.until("document.getElementById('spent').textContent === '$0.40'");
    browser.picture("live-phone-dark");
    std::fs::write(sandbox.home().join("go"), "").unwrap();
    browser.until("document.getElementById('verdict-line').textContent.startsWith('Finished')");
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    browser.close();
}
