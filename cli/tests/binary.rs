//! The program starts. The end-to-end tests are in the package `autoissue-tests`.

use std::process::Command;

#[test]
#[expect(clippy::disallowed_methods, reason = "the program under test")]
fn it_prints_its_version_and_commit() {
    let output = Command::new(env!("CARGO_BIN_EXE_autoissue"))
        .arg("--version")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        concat!("autoissue ", env!("AUTOISSUE_VERSION"), "\n")
    );
    // "0.1.0 (abc1234 2026-11-30)", or "0.1.0" in a build that knows no commit.
    assert!(env!("AUTOISSUE_VERSION").starts_with(env!("CARGO_PKG_VERSION")));
}
