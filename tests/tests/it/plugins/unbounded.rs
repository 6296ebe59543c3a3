//! Files that would take unlimited time or memory to read, to compile or to apply.

use std::fs;
use std::path::Path;
use std::time::Duration;

use autoissue_core::plugins::compiler::{ChildCompiler, CompilerLimits};
use autoissue_plugin_host::{Compile, CompileRequest, LoadError};
use autoissue_tests::binary;
use autoissue_tests::{Run, Sandbox};

use super::hostile::with_schema;

/// Memory that refusing a file may take, in KiB.
const REFUSING_KIB_MAX: u32 = 100 << 10;

/// Runs `autoissue plugin inspect`, with a limit on its memory and that of its children.
fn inspect(sandbox: &Sandbox, path: &Path) -> Run {
    let mut command = sandbox.command("sh");
    let limited = format!("ulimit -d {REFUSING_KIB_MAX}; exec \"$0\" plugin inspect \"$1\"");
    command.args(["-c", &limited]).arg(binary()).arg(path);
    Run::from(command.output().unwrap())
}

/// A component with so many others inside each other.
fn nested(depth: usize) -> Vec<u8> {
    const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    const COMPONENT_SECTION: u8 = 4;
    let mut component = HEADER.to_vec();
    for _ in 0..depth {
        let mut outer = HEADER.to_vec();
        outer.push(COMPONENT_SECTION);
        let mut n = component.len();
        while 0x80 <= n {
            outer.push((n & 0x7f) as u8 | 0x80);
            n >>= 7;
        }
        outer.push(n as u8);
        outer.extend(component);
        component = outer;
    }
    component
}

#[test]
fn a_file_that_no_plugin_looks_like_is_refused_in_little_memory() {
    let sandbox = Sandbox::new();
    let file = sandbox.project().join("odd.wasm");
    for (component, expected) in [
        (nested(4_000), "more than 10 levels of nested components"),
        (
            wat::parse_str(format!(
                "(component (core module (func (local {}))))",
                "v128 ".repeat(49_000)
            ))
            .unwrap(),
            "more than 10000 local variables in one function",
        ),
    ] {
        fs::write(&file, component).unwrap();
        let run = inspect(&sandbox, &file).exits(1);
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    }
}

#[test]
fn what_is_not_a_file_is_not_read() {
    let sandbox = Sandbox::new();
    let pipe = sandbox.project().join("pipe.wasm");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    for path in [Path::new("/dev/zero"), &pipe] {
        let run = inspect(&sandbox, path).exits(1);
        assert!(
            run.stderr.contains("it is not a regular file"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn a_pipe_in_place_of_a_file_of_the_repository_is_not_waited_for() {
    let sandbox = Sandbox::new();
    let pipe = |name: &str| {
        let path = sandbox.project().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
        path.to_string_lossy().into_owned()
    };
    let odd = pipe("odd.json");
    pipe("autoissue.plugins.lock");
    for (args, code) in [
        (vec!["plugin", "list"], 1),
        (vec!["plugin", "inspect", "--settings", &odd, "."], 1),
        (vec!["config", "show", "--config", &odd], 2),
    ] {
        let run = sandbox.run(&args).exits(code);
        let expected = "it is not a regular file";
        assert!(run.stderr.contains(expected), "{args:?}: {}", run.stderr);
    }
}

/// A function that keeps a compiler busy for long, within the bounds on its size.
fn slow() -> Vec<u8> {
    const N_LOCALS: usize = 9_999;
    let steps: String = (0..20_000)
        .map(|n| {
            let (from, to) = (1 + n * 7 % N_LOCALS, 1 + n * 13 % N_LOCALS);
            format!("local.get 0 if local.get {from} local.set {to} end ")
        })
        .collect();
    let locals = "v128 ".repeat(N_LOCALS);
    let text = format!("(component (core module (func (param i32) (local {locals}) {steps})))");
    wat::parse_str(text).unwrap()
}

#[test]
fn compiling_takes_limited_time_and_memory() {
    let component = slow();
    let compile = |limits| {
        let request = CompileRequest {
            file: Path::new("slow.wasm"),
            component: &component,
            counts_instructions: false,
        };
        ChildCompiler::new(binary().to_owned())
            .with_limits(limits)
            .compile(&request)
            .unwrap_err()
            .to_string()
    };
    let time = CompilerLimits {
        cpu: Duration::from_secs(1),
        ..CompilerLimits::default()
    };
    assert_eq!(
        compile(time),
        "compiling the component takes more than 1 s of processor time"
    );
    let memory = CompilerLimits {
        memory_bytes: 64 << 20,
        ..CompilerLimits::default()
    };
    assert_eq!(
        compile(memory),
        "compiling the component takes more than 64 MiB of memory"
    );
}

#[test]
fn a_component_that_is_invalid_is_called_that() {
    let request = CompileRequest {
        file: Path::new("a.wasm"),
        component: b"\0asm\x0d\0\x01\0junk",
        counts_instructions: false,
    };
    let refused = ChildCompiler::new(binary().to_owned()).compile(&request);
    assert!(
        matches!(refused, Err(LoadError::Invalid { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_schema_that_multiplies_out_is_refused() {
    let parts: String = (0..40)
        .map(|n| {
            let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, n + 1);
            format!(r#""d{n}":{{"anyOf":[{next},{next}]}},"#)
        })
        .collect();
    let schema = format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{parts}"d40":false}}}}"##);
    let sandbox = Sandbox::new();
    let file = sandbox.project().join("bomb.wasm");
    fs::write(&file, with_schema(&schema)).unwrap();
    sandbox.issue(1, "An issue", "with a body");
    let run = sandbox
        .run([
            "exec",
            "go",
            "--dry-run",
            "--plugin",
            file.to_str().unwrap(),
        ])
        .exits(2);
    let expected = "the plugin's own schema is invalid: with its references replaced, it has more than 100000 values";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
}
