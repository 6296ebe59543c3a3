//! The front page of the SDK, followed to the letter: its commands are run, one after the other.

use std::process::Command;

use autoissue_tests::{Sandbox, binary};

use super::commands::{root, with_cargo};

/// Returns the commands of the page: the lines of its blocks for a shell.
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
fn the_front_page_of_the_sdk_leads_to_a_plugin() {
    let sandbox = Sandbox::new();
    sandbox.install("autoissue", binary());
    std::os::unix::fs::symlink(root(), sandbox.root().join("autoissue")).unwrap();
    std::os::unix::fs::symlink(sandbox.project(), sandbox.root().join("your-repository")).unwrap();
    // The target is installed where these tests can run, and nothing may be fetched here.
    let commands: Vec<String> = commands()
        .into_iter()
        .filter(|command| !command.starts_with("rustup "))
        .collect();
    assert!(7 <= commands.len(), "{commands:?}");
    let mut directory = sandbox.root().to_owned();
    for command in &commands {
        if let Some(next) = command.strip_prefix("cd ") {
            directory = directory.join(next);
            // A new plugin has no versions yet: those of this workspace are at hand without a network.
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
