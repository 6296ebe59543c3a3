//! The dashboard's page, and the report's, in a real browser: Chromium, driven by its own driver. Needs both on PATH (`chromium`,
//! `chromedriver`), and axe (`AUTOISSUE_AXE`), which judges each page that a picture is taken of; so it is a target of its own.
//!
//! Pictures of what it saw lie in `target/dashboard-pictures`, or where `AUTOISSUE_PICTURES` says. They are for people to look at.

#![expect(
    clippy::disallowed_methods,
    reason = "tests are the outside world: they start programs as it does"
)]

#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/page.rs"]
mod page;
#[path = "browser/report.rs"]
mod report;
#[path = "browser/webdriver.rs"]
mod webdriver;
