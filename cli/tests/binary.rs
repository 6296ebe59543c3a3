//! The program starts. The end-to-end tests are in the package `autoissue-tests`.

use std::process::Command;

#[test]
#[expect(clippy::disallowed_methods, reason = "the program under test")]
fn it_tells_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_autoissue"))
        .arg("--version")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        concat!("autoissue ", env!("CARGO_PKG_VERSION"), "\n")
    );
}
