//! What a person sees and does.

use std::path::Path;

use autoissue_tests::{MadeUp, Recipe, Sandbox, Served, Started, port_of};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::driver::{Browser, DESK, Look, PHONE};

/// Text that would do something if it were taken for markup, or for commands of a terminal.
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

/// A state directory with a session in it.
fn world(recipe: Recipe) -> (TempDir, MadeUp) {
    let state = TempDir::new().unwrap();
    let session = MadeUp::run(state.path(), recipe);
    (state, session)
}

/// Notes scripts that fail and rules of the content security policy that are broken.
const WATCH: &str = "window.complaints = []; \
    addEventListener('error', (event) => window.complaints.push(String(event.message))); \
    addEventListener('unhandledrejection', (event) => window.complaints.push(String(event.reason))); \
    addEventListener('securitypolicyviolation', (event) => window.complaints.push(event.violatedDirective));";

async fn open(browser: &Browser, url: &str) {
    browser.go(url).await;
    browser.js(WATCH).await;
    browser
        .until("document.getElementById('connection').dataset.state === 'live'")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_session_is_seen_as_it_goes_on() {
    let (state, mut session) = world(Recipe::new(23, 9));
    let served = Served::start(state.path(), &json!({}));
    let browser = Browser::open(DESK).await;
    open(&browser, &url(&served)).await;
    browser
        .until("document.querySelectorAll('#running .slot').length === 4")
        .await;
    browser
        .until("document.querySelectorAll('#rows .row').length > 5")
        .await;
    browser
        .until(
            "document.querySelector('#cost-chart svg') && document.querySelector('#timeline svg')",
        )
        .await;
    assert!(
        browser.text("#verdict-line").await.starts_with("Under way"),
        "{}",
        browser.text("#verdict-line").await
    );
    let waiting = browser.text("#rows").await;
    assert!(
        waiting.contains("all 4 slots are taken"),
        "why it waits: {waiting}"
    );
    let title = browser.js("return document.title").await;
    assert!(
        title
            .as_str()
            .is_some_and(|title| title.starts_with("▲ ") && title.contains("lighthouse/logbook")),
        "{title}"
    );
    assert_eq!(
        browser
            .js("return document.getElementById('icon').getAttribute('href')")
            .await,
        "/icon-attention.svg"
    );
    browser.picture("running-light").await;
    // What an agent prints comes by itself.
    let issue = session.running()[0];
    session.print(issue, "a line that was just printed\n");
    browser.until("document.getElementById('running').textContent.includes('a line that was just printed')").await;
    browser.click("#running .more").await;
    browser.until("document.querySelector('.slot .output').textContent.includes('Editing src/logbook.rs')").await;
    session.print(issue, "and one more\n");
    browser
        .until("document.querySelector('.slot .output').textContent.includes('and one more')")
        .await;
    browser.picture("output-light").await;
    // The session goes on to its end while the page is open.
    let done = "Number(document.querySelector('#legend [data-state=done] b').textContent)";
    let before = browser
        .js(&format!("return {done}"))
        .await
        .as_u64()
        .unwrap();
    session.go_on(13);
    browser.until(&format!("{done} > {before}")).await;
    session.go_on(usize::MAX);
    browser
        .until("document.getElementById('verdict-line').textContent.startsWith('Finished')")
        .await;
    browser
        .until("document.querySelector('#sessions .pill').textContent === 'finished'")
        .await;
    browser
        .until("document.querySelectorAll('#running .slot').length === 0")
        .await;
    browser.picture("finished-light").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_is_reset_by_hand_after_a_question() {
    let mut recipe = Recipe::new(40, 6);
    recipe.is_broken = true;
    let (state, mut session) = world(recipe);
    let served = Served::start(state.path(), &json!({}));
    let browser = Browser::open(Look {
        is_dark: true,
        ..DESK
    })
    .await;
    open(&browser, &url(&served)).await;
    browser
        .until("document.querySelector('.reset') && !document.querySelector('.reset').hidden")
        .await;
    assert!(
        browser
            .text("#services")
            .await
            .contains("5 failures in a row")
    );
    assert_eq!(
        browser
            .js("return document.getElementById('icon').getAttribute('href')")
            .await,
        "/icon-trouble.svg"
    );
    browser.click(".reset").await;
    browser
        .until("document.getElementById('confirm').open")
        .await;
    browser.picture("reset-dark").await;
    browser.click("#confirm button[value=no]").await;
    assert!(session.take_requests().is_empty(), "a no is a no");
    browser.click(".reset").await;
    browser.click("#confirm-yes").await;
    browser
        .until("document.querySelector('.said').textContent.startsWith('Asked for')")
        .await;
    assert_eq!(
        session.take_requests(),
        [r#"{"control":"reset_breaker","service":{"agent":"claude"}}"#]
    );
    browser
        .until("document.querySelector('#services .state').textContent === 'working'")
        .await;
    browser
        .until("document.querySelector('.reset').hidden")
        .await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_log_in_with_a_password_or_a_token_and_out_again() {
    let (state, _session) = world(Recipe::new(6, 2));
    let auth = json!({"enabled": true, "type": "both", "username": "ada", "password": "pass word", "token": "t0ken-t0ken"});
    let served = Served::start(state.path(), &json!({ "auth": auth }));
    let browser = Browser::open(PHONE).await;
    let log_in = |fields: [(&'static str, &'static str); 2]| {
        let browser = &browser;
        async move {
            for (css, text) in fields.into_iter().filter(|(css, _)| !css.is_empty()) {
                browser.type_into(css, text).await;
            }
            browser.click("button[type=submit]").await;
        }
    };
    browser.go(&url(&served)).await;
    browser.until("location.pathname === '/login'").await;
    browser.picture("log-in-phone-dark").await;
    log_in([("#username", "ada"), ("#password", "wrong")]).await;
    browser
        .until("document.querySelector('[role=alert]')")
        .await;
    assert_eq!(
        browser.text("[role=alert]").await,
        "These are not the right credentials."
    );
    browser.picture("log-in-refused-phone-dark").await;
    for fields in [
        [("#username", "ada"), ("#password", "pass word")],
        [("#token", "t0ken-t0ken"), ("", "")],
    ] {
        log_in(fields).await;
        browser
            .until("location.pathname === '/' && document.getElementById('connection')?.dataset.state === 'live'")
            .await;
        assert_eq!(
            browser.js("return document.cookie").await,
            "",
            "no script can read the cookie"
        );
        browser
            .until("!document.getElementById('log-out').hidden")
            .await;
        browser.click("#log-out button").await;
        browser.until("location.pathname === '/login'").await;
        browser.go(&url(&served)).await;
        browser.until("location.pathname === '/login'").await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn titles_and_output_that_attack_are_shown_as_text() {
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
    let browser = Browser::open(DESK).await;
    open(&browser, &url(&served)).await;
    browser
        .until("document.querySelectorAll('#running .slot').length > 0")
        .await;
    browser.click("#tabs [data-state=all]").await;
    browser
        .until("document.querySelectorAll('#rows .row').length > 8")
        .await;
    browser
        .js("document.querySelectorAll('#running .more').forEach((button) => button.click())")
        .await;
    browser
        .until(
            "document.querySelector('.slot .output').textContent.includes('onload=window.pwned=1')",
        )
        .await;
    browser
        .until("document.querySelector('#timeline svg')")
        .await;
    browser.picture("hostile-light").await;
    browser.click("#rows .row .link").await;
    browser
        .until("document.querySelector('#task-body .output')?.textContent.includes('pwned')")
        .await;
    browser.picture("hostile-task-light").await;
    let text = browser
        .js("return document.body.textContent")
        .await
        .as_str()
        .unwrap()
        .to_owned();
    for shown in [
        "<script>window.pwned=1</script>",
        "<img src=x onerror=window.pwned=1>",
        "\"><svg onload=window.pwned=1>",
        "red gpj.exe",
    ] {
        assert!(text.contains(shown), "{shown} is shown as it is written");
    }
    assert!(
        !text.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "nothing acts on a terminal or turns the text"
    );
    assert_eq!(browser.js("return window.pwned ?? null").await, Value::Null);
    let foreign = "document.querySelectorAll('main script, main img, main iframe, [onerror], [onload], a[href^=\"javascript\"]').length";
    assert_eq!(browser.js(&format!("return {foreign}")).await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tasks_are_a_list_of_a_few_rows() {
    let mut recipe = Recipe::new(1_000, 400);
    recipe.budget = autoissue_core::engine::Usd::from_cents(200_000);
    let (state, _session) = world(recipe);
    let served = Served::start(state.path(), &json!({}));
    let browser = Browser::open(Look {
        width: 2560,
        height: 1300,
        ..DESK
    })
    .await;
    open(&browser, &url(&served)).await;
    browser.click("#tabs [data-state=all]").await;
    browser
        .until("document.querySelector('#rows .row[aria-setsize=\"1000\"]')")
        .await;
    browser
        .until("document.querySelector('#timeline svg')")
        .await;
    browser.picture("thousand-wide-light").await;
    for place in [0.3, 0.9, 1.0] {
        browser
            .js(&format!("const rows = document.getElementById('rows'); rows.scrollTop = {place} * rows.scrollHeight"))
            .await;
        // The rows in view are there, and no others.
        let in_view = "[...document.querySelectorAll('#rows .row')].some((row) => row.getBoundingClientRect().top >= document.getElementById('rows').getBoundingClientRect().top && row.textContent.includes('#'))";
        browser.until(in_view).await;
        let n = browser
            .js("return document.querySelectorAll('#rows .row').length")
            .await
            .as_u64()
            .unwrap();
        assert!(n < 60, "{n} rows at once");
    }
    browser
        .until("document.querySelector('#rows .row[aria-posinset=\"1000\"]')")
        .await;
    browser.type_into("#search", "#77").await;
    browser
        .until("document.querySelector('#rows .row[aria-setsize=\"11\"]')")
        .await;
    let n_nodes = browser
        .js("return document.querySelectorAll('*').length")
        .await
        .as_u64()
        .unwrap();
    assert!(n_nodes < 6_000, "{n_nodes} elements");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_size_and_scheme_holds_the_page_without_scrolling_sideways() {
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
            })
            .await;
            open(&browser, &url(&served)).await;
            browser.until("document.querySelector('#cost-chart svg') && document.querySelector('#rows .row')").await;
            browser
                .until("document.querySelector('#timeline svg')")
                .await;
            browser
                .until(
                    "document.querySelector('#attention code')?.textContent === 'src/part-11.rs'",
                )
                .await;
            let scheme = if is_dark { "dark" } else { "light" };
            browser.picture(&format!("size-{width}-{scheme}")).await;
            let wide = browser
                .js("return document.documentElement.scrollWidth - innerWidth")
                .await;
            assert!(
                wide.as_i64().unwrap() <= 0,
                "{width} {scheme}: {wide} pixels too wide"
            );
            let matches = format!("return matchMedia('(prefers-color-scheme: {scheme})').matches");
            assert_eq!(browser.js(&matches).await, true, "{scheme}");
            browser.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_used_by_keyboard_and_named_for_screen_readers() {
    let (state, _session) = world(Recipe::new(23, 9));
    let served = Served::start(state.path(), &json!({}));
    let browser = Browser::open(DESK).await;
    open(&browser, &url(&served)).await;
    browser.until("document.querySelector('#rows .row')").await;
    browser.press("\u{e004}").await;
    assert_eq!(
        browser.js("return document.activeElement.className").await,
        "skip",
        "the first stop leads past the top"
    );
    // Enter on a task's title opens it, Escape closes it, and the focus is where it was.
    browser
        .js("document.querySelector('#rows .row .link').focus()")
        .await;
    browser.press("\u{e007}").await;
    browser.until("document.getElementById('task').open").await;
    browser.picture("task-light").await;
    browser.press("\u{e00c}").await;
    browser.until("!document.getElementById('task').open").await;
    assert_eq!(
        browser.js("return document.activeElement.className").await,
        "link"
    );
    let unnamed = browser
        .js("return [...document.querySelectorAll('button, a, input, select, [role=img], [role=region], section, dialog')]
             .filter((node) => !(node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length
                 || document.getElementById(node.getAttribute('aria-labelledby') ?? '')?.textContent))
             .map((node) => node.outerHTML.slice(0, 120))")
        .await;
    // The dialogs get their names when they open.
    let unnamed: Vec<&str> = unnamed
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .filter(|it| !it.contains("confirm"))
        .collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
    let levels = browser
        .js("return [...document.querySelectorAll('main h1, main h2, main h3')].map((h) => Number(h.tagName[1]))")
        .await;
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
    // One live region speaks, and not of each event.
    assert_eq!(
        browser
            .js("return document.querySelectorAll('[aria-live=polite]').length")
            .await,
        1
    );
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tabs_and_a_server_that_goes_and_comes_back() {
    let (state, mut session) = world(Recipe::new(23, 5));
    let served = Served::start(state.path(), &json!({}));
    let address = url(&served);
    let browser = Browser::open(DESK).await;
    open(&browser, &address).await;
    // A browser opens six connections to one server: pages that are hidden must not hold theirs.
    for _ in 0..11 {
        browser.tab(&address).await;
        browser
            .until("document.getElementById('connection').dataset.state === 'live'")
            .await;
    }
    browser.switch_to(0).await;
    let done = "Number(document.querySelector('#legend [data-state=done] b').textContent)";
    let before = browser
        .js(&format!("return {done}"))
        .await
        .as_u64()
        .unwrap();
    session.go_on(12);
    browser.until(&format!("{done} > {before}")).await;
    drop(served);
    browser
        .until("document.getElementById('connection').dataset.state === 'lost'")
        .await;
    browser.picture("lost-light").await;
    let port = port_of(&address);
    session.go_on(18);
    let again = Served::start_on(state.path(), port);
    browser
        .until("document.getElementById('connection').dataset.state === 'live'")
        .await;
    let n = session
        .engine()
        .tasks()
        .values()
        .filter(|task| task.outcome().is_some_and(|it| it.is_success()))
        .count();
    browser.until(&format!("{done} === {n}")).await;
    drop(again);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_the_same_process_is_shown_with_its_agents_words() {
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
    let browser = Browser::open(PHONE).await;
    open(&browser, &address).await;
    browser
        .until(
            "document.getElementById('running').textContent.includes('I read the <b>server</b>')",
        )
        .await;
    browser
        .until("document.getElementById('spent').textContent === '$0.40'")
        .await;
    browser.picture("live-phone-dark").await;
    std::fs::write(sandbox.home().join("go"), "").unwrap();
    browser
        .until("document.getElementById('verdict-line').textContent.startsWith('Finished')")
        .await;
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    browser.close().await;
}
