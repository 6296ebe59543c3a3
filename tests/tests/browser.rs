//! The dashboard and the report in a real browser: Chromium with its own driver. Needs both on PATH
//! (`chromium`, `chromedriver`), and axe (`AUTOISSUE_AXE`), which checks each page of which a
//! screenshot is taken; so it is a separate target.
//!
//! With `AUTOISSUE_REPORT_PICTURE`, the picture in the README is written to the file it names.
//!
//! Screenshots for manual review are stored in `target/dashboard-pictures`, or in
//! `AUTOISSUE_PICTURES`.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start the programs under test"
)]

#[path = "browser/driver.rs"]
mod driver;
#[path = "browser/page.rs"]
mod page;
#[path = "browser/picture.rs"]
mod picture;
#[path = "browser/report.rs"]
mod report;
#[path = "browser/webdriver.rs"]
mod webdriver;
