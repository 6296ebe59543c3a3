//! One browser per test: its own driver, profile and window.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(50);
/// Longest wait for a condition. Only a broken page takes so long.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A browser.
pub(crate) struct Browser {
    client: Client,
    driver: Child,
    _profile: TempDir,
}

/// How wide and high a window is, and which scheme its person prefers.
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
    /// Opens a browser.
    pub(crate) async fn open(look: Look) -> Self {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`chromedriver` is on PATH (Debian: `chromium-driver`)");
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe"))
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
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities(profile.path(), look));
        let client = builder
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("the browser opens");
        Self {
            client,
            driver,
            _profile: profile,
        }
    }

    /// Goes to an address.
    pub(crate) async fn go(&self, url: &str) {
        self.client.goto(url).await.expect("the page loads");
    }

    /// Runs a script and returns what it returns.
    pub(crate) async fn js(&self, script: &str) -> Value {
        self.client
            .execute(script, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("{error}: {script}"))
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, what: &str) {
        let start = Instant::now();
        while self.js(&format!("return Boolean({what})")).await != json!(true) {
            assert!(
                start.elapsed() < WAIT_MAX,
                "waited in vain until {what}; the page says:\n{}",
                self.text("body").await
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Returns the text of an element as a person sees it.
    pub(crate) async fn text(&self, css: &str) -> String {
        self.client
            .find(Locator::Css(css))
            .await
            .unwrap_or_else(|error| panic!("{css}: {error}"))
            .text()
            .await
            .expect("text")
    }

    /// Clicks on an element as a person does: it must be there to be seen.
    pub(crate) async fn click(&self, css: &str) {
        let element = self
            .client
            .find(Locator::Css(css))
            .await
            .unwrap_or_else(|error| panic!("{css}: {error}"));
        element
            .click()
            .await
            .unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Types into a field.
    pub(crate) async fn type_into(&self, css: &str, text: &str) {
        self.client
            .find(Locator::Css(css))
            .await
            .expect("a field")
            .send_keys(text)
            .await
            .expect("it takes text");
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let focused = self
            .client
            .active_element()
            .await
            .expect("something has the focus");
        focused.send_keys(keys).await.expect("it takes keys");
    }

    /// Opens a further tab and goes there.
    pub(crate) async fn tab(&self, url: &str) {
        let tab = self.client.new_window(true).await.expect("a tab");
        self.client
            .switch_to_window(tab.handle)
            .await
            .expect("it is there");
        self.go(url).await;
    }

    /// Goes to a tab by its place.
    pub(crate) async fn switch_to(&self, at: usize) {
        let tab = self.client.windows().await.expect("tabs").swap_remove(at);
        self.client
            .switch_to_window(tab)
            .await
            .expect("it is there");
    }

    /// Takes a picture for people to look at.
    pub(crate) async fn picture(&self, name: &str) {
        let png = self.client.screenshot().await.expect("a picture");
        let directory = pictures();
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(directory.join(format!("{name}.png")), png).expect("room");
    }

    /// Closes it; a page that complained fails the test.
    pub(crate) async fn close(self) {
        // Failed loads are expected where a test takes the server away; broken rules and scripts are not.
        let complaints = self.js("return window.complaints ?? []").await;
        assert_eq!(complaints, json!([]), "the page complained");
        let client = self.client.clone();
        client.close().await.expect("it closes");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn pictures() -> PathBuf {
    let wanted = std::env::var_os("AUTOISSUE_PICTURES").map(PathBuf::from);
    wanted.unwrap_or_else(|| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/dashboard-pictures")
    })
}

fn capabilities(profile: &Path, look: Look) -> Map<String, Value> {
    let mut args = vec![
        "--headless=new".to_owned(),
        // Root, as in a container, has no sandbox; what is opened is our own page.
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
        // A window cannot be so narrow; a phone can.
        let metrics =
            json!({ "width": look.width, "height": look.height, "pixelRatio": 2.0, "touch": true });
        options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
    }
    Map::from_iter([
        ("browserName".to_owned(), json!("chrome")),
        ("goog:chromeOptions".to_owned(), options),
    ])
}
