//! One browser per test, with its own driver, profile and window.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use autoissue_tests::Started;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::webdriver::Session;

/// Names the file of axe, a script that finds accessibility problems.
const AXE: &str = "AUTOISSUE_AXE";
/// Returns axe's violations: each broken rule, and the elements that break it.
const FIND_VIOLATIONS: &str = "const done = arguments[arguments.length - 1]; \
    axe.run(document, { resultTypes: ['violations'] }).then((found) => done(found.violations.map((rule) => \
        `${rule.help}: ${rule.nodes.map((node) => `${node.html} ${node.failureSummary}`).join('; ')}`)), \
        (error) => done([String(error)]))";
/// Polling interval of a condition.
const POLL: Duration = Duration::from_millis(50);
/// Longest wait for a condition. Only a broken page takes that long.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A browser. Its parts are closed in this order.
pub(crate) struct Browser {
    session: Session,
    _driver: Started,
    _profile: TempDir,
}

/// Window size and preferred colour scheme.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_dark: bool,
    pub(crate) is_calm: bool,
}

pub(crate) const DESK: Look = Look {
    width: 1440,
    height: 900,
    is_dark: false,
    is_calm: false,
};
pub(crate) const PHONE: Look = Look {
    width: 390,
    height: 844,
    is_dark: true,
    is_calm: false,
};

impl Browser {
    #[track_caller]
    pub(crate) fn open(look: Look) -> Self {
        let mut driver = Started(
            Command::new("chromedriver")
                .args(["--port=0"])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("`chromedriver` is on PATH (Debian: `chromium-driver`)"),
        );
        let mut lines = BufReader::new(driver.0.stdout.take().expect("a pipe"))
            .lines()
            .map_while(Result::ok);
        // `ChromeDriver was started successfully on port 40123.`
        let port = lines.find_map(|line| {
            line.trim_end_matches('.')
                .rsplit_once("successfully on port ")?
                .1
                .parse::<u16>()
                .ok()
        });
        let port = port.expect("the driver says its port");
        std::thread::spawn(move || lines.for_each(drop));
        let profile = TempDir::new().expect("a temporary directory");
        let session = Session::open(
            &format!("http://127.0.0.1:{port}"),
            &capabilities(profile.path(), look),
        );
        Self {
            session,
            _driver: driver,
            _profile: profile,
        }
    }

    #[track_caller]
    pub(crate) fn go(&self, url: &str) {
        self.session.go(url);
    }

    /// Runs a script; returns its result.
    #[track_caller]
    pub(crate) fn js(&self, script: &str) -> Value {
        self.session.execute(script)
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub(crate) fn until(&self, what: &str) {
        let start = Instant::now();
        while self.js(&format!("return Boolean({what})")) != json!(true) {
            assert!(
                start.elapsed() < WAIT_MAX,
                "timed out waiting for {what}; the page shows:\n{}",
                self.text("body")
            );
            std::thread::sleep(POLL);
        }
    }

    /// Returns the visible text of an element.
    #[track_caller]
    pub(crate) fn text(&self, css: &str) -> String {
        self.session.find(css).text()
    }

    /// Clicks on an element as a user does: it must be visible.
    #[track_caller]
    pub(crate) fn click(&self, css: &str) {
        self.session.find(css).click();
    }

    /// Types into a field.
    #[track_caller]
    pub(crate) fn type_into(&self, css: &str, text: &str) {
        self.session.find(css).type_keys(text);
    }

    /// Presses keys at the focused element.
    #[track_caller]
    pub(crate) fn press(&self, keys: &str) {
        self.session.active_element().type_keys(keys);
    }

    /// Opens a URL in a new tab.
    #[track_caller]
    pub(crate) fn tab(&self, url: &str) {
        let tab = self.session.open_tab();
        self.session.switch_to(&tab);
        self.go(url);
    }

    /// Switches to a tab by its index.
    #[track_caller]
    pub(crate) fn switch_to(&self, at: usize) {
        self.session.switch_to(&self.session.tabs()[at]);
    }

    /// Takes a screenshot for manual review, and checks the page with axe.
    #[track_caller]
    pub(crate) fn picture(&self, name: &str) {
        let png = self.session.screenshot();
        let directory = pictures();
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(directory.join(format!("{name}.png")), png).expect("written");
        self.js(&axe());
        let violations = self.session.execute_async(FIND_VIOLATIONS);
        assert_eq!(violations, json!([]), "{name}");
    }

    /// Writes a screenshot to a file.
    #[track_caller]
    pub(crate) fn write_picture(&self, file: &Path) {
        std::fs::write(file, self.session.screenshot()).expect("the screenshot is written");
    }

    /// Closes the browser; a page with recorded errors fails the test.
    #[track_caller]
    pub(crate) fn close(self) {
        // Failed requests are expected if a test stops the server; script errors and policy
        // violations are not.
        let complaints = self.js("return window.complaints ?? []");
        assert_eq!(complaints, json!([]), "the page reported errors");
    }
}

fn axe() -> String {
    let Some(path) = std::env::var_os(AXE) else {
        panic!("set {AXE} to the path of `axe.min.js`, as CONTRIBUTING.md says");
    };
    std::fs::read_to_string(path).expect("the script is read")
}

fn pictures() -> PathBuf {
    let wanted = std::env::var_os("AUTOISSUE_PICTURES").map(PathBuf::from);
    wanted.unwrap_or_else(|| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/dashboard-pictures")
    })
}

fn capabilities(profile: &Path, look: Look) -> Value {
    let mut args = vec![
        "--headless=new".to_owned(),
        // Root, as in a container, has no sandbox; only our own pages are opened.
        "--no-sandbox".to_owned(),
        "--disable-dev-shm-usage".to_owned(),
        "--hide-scrollbars".to_owned(),
        format!("--user-data-dir={}", profile.display()),
        format!("--window-size={},{}", look.width, look.height),
    ];
    if look.is_dark {
        args.push("--blink-settings=preferredColorScheme=0".to_owned());
    }
    if look.is_calm {
        args.push("--force-prefers-reduced-motion".to_owned());
    }
    let mut options = json!({ "args": args });
    if look.width < 500 {
        // A window cannot be as narrow as a phone, so emulate it.
        let metrics =
            json!({ "width": look.width, "height": look.height, "pixelRatio": 2.0, "touch": true });
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    json!({ "browserName": "chrome", "goog:chromeOptions": options })
}
