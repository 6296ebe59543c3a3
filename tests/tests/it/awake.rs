//! While a session runs, a program of the system keeps the machine awake.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use autoissue_tests::{Run, Sandbox, new_file_patch};

use crate::aftermath::no_process_is_left;

/// Creates a sandbox with one issue whose check waits until the program was started, and with a
/// fake of that program under a name.
fn world_with(name: &str) -> Sandbox {
    let world = Sandbox::new();
    let root = world.root().display();
    world.executor(&format!(
        r#"{{"checks": [{{"name": "it", "run": "test ! -e 1.txt || read line < {root}/asked"}}]}}"#
    ));
    world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
    let made = world
        .command("mkfifo")
        .arg(world.root().join("asked"))
        .status();
    assert!(made.expect("mkfifo runs").success());
    let script = format!(
        "#!/bin/sh\necho \"$@\" > {root}/how\nenv > {root}/environment\necho > {root}/asked\nexec sleep 1000\n"
    );
    install(&world, name, &script);
    world
}

fn install(world: &Sandbox, name: &str, script: &str) {
    let program = world.root().join(name);
    fs::write(&program, script).expect("the program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("its mode");
    world.install(name, &program);
}

#[test]
fn a_session_keeps_the_machine_awake_until_it_ends() {
    let world = world_with("systemd-inhibit");
    let mut command = world.autoissue(["exec", "go"]);
    command.env("ANTHROPIC_API_KEY", "canary");
    Run::from(command.output().expect("it runs")).exits(0);
    let how = fs::read_to_string(world.root().join("how")).expect("the program was started");
    assert!(
        how.starts_with("--what=idle:sleep --mode=block --who=autoissue --why=session ")
            && how.ends_with(" is running sleep infinity\n"),
        "{how}"
    );
    let environment =
        fs::read_to_string(world.root().join("environment")).expect("the program was started");
    assert!(
        environment.contains("HOME=") && !environment.contains("canary"),
        "{environment}"
    );
    no_process_is_left(&world);
}

#[test]
fn a_session_uses_caffeinate_if_systemd_inhibit_is_missing() {
    let world = world_with("caffeinate");
    // All programs of the system except the other one.
    let programs = world.root().join("programs");
    fs::create_dir(&programs).expect("the directory");
    let path = std::env::var_os("PATH").expect("a search path");
    for directory in std::env::split_paths(&path) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_name() != "systemd-inhibit" {
                let link = programs.join(entry.file_name());
                let _ = std::os::unix::fs::symlink(entry.path(), link);
            }
        }
    }
    let _ = fs::remove_file(programs.join("caffeinate"));
    std::os::unix::fs::symlink(world.root().join("caffeinate"), programs.join("caffeinate"))
        .expect("the program");
    let mut command = world.autoissue(["exec", "go"]);
    command.env("PATH", &programs);
    Run::from(command.output().expect("it runs")).exits(0);
    let how = fs::read_to_string(world.root().join("how")).expect("the program was started");
    assert!(how.starts_with("-i -s -w "), "{how}");
    no_process_is_left(&world);
}

#[test]
fn a_machine_that_may_sleep_is_not_kept_awake() {
    let world = world_with("systemd-inhibit");
    world.executor(r#"{"keepAwake": false}"#);
    world.run(["exec", "go"]).exits(0);
    world.run(["exec", "go", "--dry-run"]).exits(0);
    assert!(!world.root().join("how").exists());
}

#[test]
fn a_failing_program_does_not_stop_the_session() {
    for script in ["#!/bin/sh\necho refused >&2; exit 1\n", "#!/nonexistent\n"] {
        let world = Sandbox::new();
        world.issue(1, "[Backend] add", &new_file_patch("1.txt", "new"));
        install(&world, "systemd-inhibit", script);
        let run = world.run(["exec", "go"]).exits(0);
        assert!(!run.stderr.contains("refused"), "{}", run.stderr);
    }
}
