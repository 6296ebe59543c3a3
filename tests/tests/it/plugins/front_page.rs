//! Runs the commands on the front page of the SDK, in order.

use std::process::Command;

use autoissue_tests::{Sandbox, binary};

use super::commands::{root, with_cargo};

/// Returns the page's commands: the lines of its shell blocks.
fn commands() -> Vec<String> {
    let page = std::fs::read_to_string(root().join("plugin-sdk/src/lib.rs")).unwrap();
    let (mut commands, mut is_shell) = (Vec::new(), false);
    for line in page
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(str::trim)
    {
        match line {
            "```sh" => is_shell = true,
            "```" => is_shell = false,
            command if is_shell => commands.push(command.to_owned()),
            _ => {}
        }
    }
    commands
}

#[test]
fn following_the_front_page_of_the_sdk_creates_a_plugin() {
    let sandbox = Sandbox::new();
    sandbox.install("autoissue", binary());
    std::os::unix::fs::symlink(root(), sandbox.root().join("autoissue")).unwrap();
    std::os::unix::fs::symlink(sandbox.project(), sandbox.root().join("your-repository")).unwrap();
    // The target is installed wherever these tests can run, and nothing may be downloaded here.
    let commands: Vec<String> = commands()
        .into_iter()
        .filter(|command| !command.starts_with("rustup "))
        .collect();
    assert!(7 <= commands.len(), "{commands:?}");
    let mut directory = sandbox.root().to_owned();
    for command in &commands {
        if let Some(next) = command.strip_prefix("cd ") {
            directory = directory.join(next);
            // A new plugin has no lock file; use this workspace's versions, which are available
            // without a network.
            if next == "billing" {
                std::fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
            }
            continue;
        }
        let mut shell: Command = sandbox.command("sh");
        let output = with_cargo(shell.args(["-c", command]).current_dir(&directory))
            .output()
            .unwrap();
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "`{command}`\n{out}\n{err}");
    }
    assert!(
        sandbox
            .read("autoissue.config.json")
            .contains("\"billing\"")
    );
}
