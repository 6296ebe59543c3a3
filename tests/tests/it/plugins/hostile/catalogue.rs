//! All known ways to misbehave, one component for each.

use super::guest::{About, Answer, Backend, Classifier, event, of_other_interfaces, of_world};
use super::image::{Record, Slice};

/// A malicious plugin.
pub struct Hostile {
    /// Its misbehaviour.
    pub name: &'static str,
    /// The call to make: none, `classify`, or `run` for an agent.
    pub call: &'static str,
    pub component: Vec<u8>,
}

/// Returns an honest plugin, to be called after each of the others.
pub fn honest() -> Vec<u8> {
    Classifier::but(|_, _| ()).component()
}

/// Returns an honest plugin whose settings have this schema.
pub fn with_schema(schema: &str) -> Vec<u8> {
    let about = About {
        schema: Some(schema.to_owned()),
        ..About::of("classifier")
    };
    Classifier::but(|_, _| ()).describing(about).component()
}

/// Returns all malicious plugins.
pub fn hostile() -> Vec<Hostile> {
    let mut all = Vec::new();
    let mut add = |call: &'static str, named: Vec<(&'static str, Vec<u8>)>| {
        all.extend(named.into_iter().map(|(name, component)| Hostile {
            name,
            call,
            component,
        }));
    };
    add("load", no_plugins());
    add("load", wrong_interfaces());
    add("load", bad_starts());
    add("classify", traps());
    add("classify", bombs());
    add("classify", broken_values());
    add("classify", wrong_values());
    add("run", backends());
    all
}

fn no_plugins() -> Vec<(&'static str, Vec<u8>)> {
    let whole = honest();
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let noise: Vec<u8> = (0..10_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    vec![
        ("an empty file", Vec::new()),
        ("random bytes", noise.clone()),
        (
            "random bytes after the magic number of a component",
            [b"\0asm\x0d\0\x01\0".as_slice(), &noise].concat(),
        ),
        ("a core module", wat::parse_str("(module)").unwrap()),
        ("half a component", whole[..whole.len() / 2].to_vec()),
        ("a component with one byte changed", flipped),
        (
            "65 MiB of padding",
            [b"\0asm\x0d\0\x01\0".as_slice(), &vec![0; 65 << 20]].concat(),
        ),
        (
            "a component of another world",
            of_world("package a:b; world c { export run: func(); }"),
        ),
        ("an empty component", b"\0asm\x0d\0\x01\0".to_vec()),
    ]
}

fn wrong_interfaces() -> Vec<(&'static str, Vec<u8>)> {
    fn beside(packages: &[&str], from: &str, to: &str) -> Vec<u8> {
        of_other_interfaces(packages, "classifier-plugin", from, to)
    }

    let other = |from: &str, to: &str| beside(&[], from, to);
    let world = "world plugin {\n  import autoissue:plugin/host-log@0.1.0;";
    let http = "package autoissue:http@0.1.0; interface host-http { get: func(url: string); }";
    let wasi = "package wasi:filesystem@0.2.0; interface types { unlink: func(path: string); }";
    vec![
        (
            "a later minor version of the interfaces",
            other("@0.1.0", "@0.2.0"),
        ),
        ("a pre-release version", other("@0.1.0", "@0.1.0-rc.1")),
        ("no version", other("@0.1.0", "")),
        (
            "an additional field in an input",
            other(
                "labels: list<string>,",
                "labels: list<string>, assignees: list<string>,",
            ),
        ),
        (
            "an additional field in a result",
            other(
                "confidence: f32,\n    /// Reasons",
                "confidence: f32, weight: f64,\n    /// Reasons",
            ),
        ),
        (
            "another type in a result",
            other(
                "confidence: f32,\n    /// Reasons",
                "confidence: string,\n    /// Reasons",
            ),
        ),
        (
            "an additional error case",
            other("internal(string),", "internal(string),\n    surprise,"),
        ),
        (
            "no `check-settings`",
            other(
                "check-settings: func(kind: string, strategy: string, settings: string) -> result<_, plugin-error>;",
                "",
            ),
        ),
        (
            "metadata without a strategy",
            of_other_interfaces(&[], "plugin", world, world),
        ),
        (
            "strategies without metadata",
            other("export autoissue:plugin/metadata@0.1.0;", ""),
        ),
        (
            "an unknown interface of ours",
            beside(
                &[http],
                world,
                &format!("{world}\n  import autoissue:http/host-http@0.1.0;"),
            ),
        ),
        (
            "the file system",
            beside(
                &[wasi],
                world,
                &format!("{world}\n  import wasi:filesystem/types@0.2.0;"),
            ),
        ),
    ]
}

fn bad_starts() -> Vec<(&'static str, Vec<u8>)> {
    let about = || About::of("classifier");
    let describing = |change: fn(&mut About)| {
        let mut described = about();
        change(&mut described);
        Classifier::first("").describing(described).component()
    };
    vec![
        (
            "an endless loop at the start",
            Classifier::first("")
                .with_more("(func $spin (loop br 0)) (start $spin)")
                .component(),
        ),
        (
            "a trap at the start",
            Classifier::first("")
                .with_more("(func $die unreachable) (start $die)")
                .component(),
        ),
        (
            "an endless loop in `describe`",
            Classifier::first("")
                .describing_by("(loop br 0) unreachable")
                .component(),
        ),
        (
            "a trap in `describe`",
            Classifier::first("")
                .describing_by("unreachable")
                .component(),
        ),
        (
            "a gigabyte of memory from the start",
            Classifier::first("").with_pages(16_384).component(),
        ),
        (
            "a table of a million elements from the start",
            Classifier::first("")
                .with_more("(table 1000000 funcref)")
                .component(),
        ),
        ("no name", describing(|about| about.name.clear())),
        (
            "a name with capitals",
            describing(|about| about.name = b"Mean Plugin".to_vec()),
        ),
        (
            "a name that is a path",
            describing(|about| about.name = b"../mean".to_vec()),
        ),
        (
            "a name that is not UTF-8",
            describing(|about| about.name = b"me\xff\xfean".to_vec()),
        ),
        (
            "a description that moves the cursor",
            describing(|about| about.description = b"\x1b[2J\x1b[Hclean".to_vec()),
        ),
        (
            "a description of 100 KB",
            describing(|about| about.description = vec![b'x'; 100_000]),
        ),
        (
            "a strategy of a kind it does not export",
            describing(|about| {
                about.strategies.push(("pr-template".into(), "mean".into()));
            }),
        ),
        (
            "no strategy of an exported kind",
            describing(|about| about.strategies.clear()),
        ),
        (
            "two strategies with the same name",
            describing(|about| about.strategies.push(("classifier".into(), "mean".into()))),
        ),
        (
            "two thousand strategies",
            describing(|about| {
                about.strategies = (0..2_000)
                    .map(|n| ("classifier".into(), format!("mean-{n}")))
                    .collect();
            }),
        ),
        (
            "a strategy with a name of spaces",
            describing(|about| about.strategies.push(("classifier".into(), "  ".into()))),
        ),
    ]
}

fn traps() -> Vec<(&'static str, Vec<u8>)> {
    let first = |does: &str| Classifier::first(does);
    let text = "(data (i32.const 16) \"panicked at src/lib.rs:7: index out of bounds\\n\\1b[31m\")";
    vec![
        ("a trap", first("unreachable").component()),
        ("a panic with a message", first("(call $log (i32.const 4) (i32.const 16) (i32.const 50)) unreachable").with_more(text).component()),
        ("an endless loop", first("(loop br 0)").component()),
        ("a division by zero", first("(drop (i32.div_s (i32.const 1) (i32.const 0)))").component()),
        ("a read outside its memory", first("(drop (i32.load (i32.const -8)))").component()),
        ("a write outside its memory", first("(i32.store (i32.const -8) (i32.const 1))").component()),
        ("a call of an empty table entry", first("(call_indirect (i32.const 0))").with_more("(table 1 funcref)").component()),
        ("a call with the wrong type", first("(drop (call_indirect (result i64) (i32.const 0)))")
            .with_more("(table 1 funcref) (func $f) (elem (i32.const 0) $f)").component()),
        ("endless recursion", first("(call $down (i64.const 0))")
            .with_more("(func $down (param i64) (call $down (i64.add (local.get 0) (i64.const 1))) (call $down (local.get 0)))").component()),
    ]
}

fn bombs() -> Vec<(&'static str, Vec<u8>)> {
    let first = |does: &str| Classifier::first(does);
    vec![
        ("unlimited memory, one page at a time", first("(loop (drop (memory.grow (i32.const 1))) br 0)").component()),
        ("two gigabytes of memory at once", first("(drop (memory.grow (i32.const 32768)))").component()),
        ("all of its allowed memory, filled", first(
            "(drop (memory.grow (i32.const 1000))) (memory.fill (i32.const 131072) (i32.const 7) (i32.const 65000000))").component()),
        ("a table that grows forever", first("(loop (drop (table.grow $t (ref.null func) (i32.const 10000))) br 0)")
            .with_more("(table $t 1 funcref)").component()),
        ("endless log lines", first("(loop (call $log (i32.const 2) (i32.const 16) (i32.const 40)) br 0)").component()),
        ("a log line of 10 MB", first("(drop (memory.grow (i32.const 200))) (call $log (i32.const 2) (i32.const 0) (i32.const 10000000))").component()),
        ("a log line outside its memory", first("(call $log (i32.const 2) (i32.const -16) (i32.const 1000))").component()),
        ("a log line with an invalid level", first("(call $log (i32.const 77) (i32.const 16) (i32.const 1))").component()),
    ]
}

fn slice_of(at: u32, n: u32) -> Slice {
    (at, n)
}

fn broken_values() -> Vec<(&'static str, Vec<u8>)> {
    let but = |change: fn(&mut super::image::Image, &mut Answer)| Classifier::but(change);
    vec![
        (
            "a text of 1 GB",
            but(|_, answer| answer.domain = slice_of(1024, 1 << 30)).component(),
        ),
        (
            "a text of 40 MB that exists",
            but(|_, answer| answer.domain = slice_of(1024, 40 << 20))
                .with_pages(700)
                .component(),
        ),
        (
            "a list of a billion texts",
            but(|_, answer| answer.reasons = slice_of(1024, 1 << 30)).component(),
        ),
        (
            "forty thousand reasons that share the same 60 KB",
            but(|image, answer| {
                let text = image.text(vec![b'x'; 60_000]);
                answer.reasons = image.list(&vec![Record::new().slice(text); 40_000]);
            })
            .component(),
        ),
        (
            "a hundred thousand empty reasons",
            but(|image, answer| {
                answer.reasons = image.list(&vec![Record::new().slice((1024, 0)); 100_000]);
            })
            .component(),
        ),
        (
            "a text that is not UTF-8",
            but(|image, answer| answer.domain = image.text(b"\xc3\x28\xf0\x28\x8c\xbc"))
                .component(),
        ),
        (
            "half of a surrogate pair",
            but(|image, answer| answer.domain = image.text(b"\xed\xa0\x80")).component(),
        ),
        (
            "a text outside its memory",
            but(|_, answer| answer.domain = slice_of(u32::MAX - 3, 100)).component(),
        ),
        (
            "a case that does not exist",
            but(|_, answer| answer.case = 7).component(),
        ),
        (
            "an answer at an unaligned address",
            Classifier::first("(return (i32.const 1027))").component(),
        ),
        (
            "an answer outside its memory",
            Classifier::first("(return (i32.const -4))").component(),
        ),
    ]
}

fn wrong_values() -> Vec<(&'static str, Vec<u8>)> {
    fn but(change: fn(&mut super::image::Image, &mut Answer)) -> Vec<u8> {
        Classifier::but(change).component()
    }

    vec![
        (
            "a confidence that is not a number",
            but(|_, answer| answer.confidence = f32::NAN),
        ),
        (
            "an infinite confidence",
            but(|_, answer| answer.confidence = f32::INFINITY),
        ),
        (
            "a negative confidence",
            but(|_, answer| answer.confidence = -0.5),
        ),
        (
            "no domain",
            but(|image, answer| answer.domain = image.text("")),
        ),
        (
            "a domain in capitals and with an umlaut",
            but(|image, answer| answer.domain = image.text("Büro")),
        ),
        (
            "a domain of 41 characters",
            but(|image, answer| answer.domain = image.text("a".repeat(41))),
        ),
        (
            "a domain with a newline",
            but(|image, answer| answer.domain = image.text("backend\n")),
        ),
        (
            "a reason that clears the screen",
            but(|image, answer| {
                let text = image.text("\u{1b}[2J\u{1b}[Hall is well");
                answer.reasons = image.list(&[Record::new().slice(text)]);
            }),
        ),
        (
            "a reason of 5000 bytes",
            but(|image, answer| {
                let text = image.text("x".repeat(5_000));
                answer.reasons = image.list(&[Record::new().slice(text)]);
            }),
        ),
        (
            "an error of 500 KB with control characters",
            Classifier::answering(|image| {
                let text = image.text("\u{1b}[31mno\n".repeat(60_000));
                Record::new().byte(1).word(0).slice(text).sized(48)
            })
            .component(),
        ),
    ]
}

fn backends() -> Vec<(&'static str, Vec<u8>)> {
    let honest = Backend::default;
    let usd = |value: f64| move |record: Record| record.long(value.to_bits());
    vec![
        (
            "a program that is not granted",
            Backend {
                program: "rm",
                ..honest()
            }
            .component(),
        ),
        (
            "a command with a program it did not ask for",
            Backend {
                command: "rm",
                ..honest()
            }
            .component(),
        ),
        (
            "a program that is a path",
            Backend {
                command: "../../bin/agent",
                ..honest()
            }
            .component(),
        ),
        (
            "a program that is an absolute path",
            Backend {
                command: "/bin/agent",
                ..honest()
            }
            .component(),
        ),
        (
            "a shell, although it is granted",
            Backend {
                program: "sh",
                command: "sh",
                ..honest()
            }
            .component(),
        ),
        (
            "a program that is a flag",
            Backend {
                command: "-c",
                ..honest()
            }
            .component(),
        ),
        (
            "a variable that loads code",
            Backend {
                env: vec!["LD_PRELOAD"],
                ..honest()
            }
            .component(),
        ),
        (
            "a variable that controls program lookup",
            Backend {
                env: vec!["Path"],
                ..honest()
            }
            .component(),
        ),
        (
            "a variable for git",
            Backend {
                env: vec!["GIT_SSH_COMMAND"],
                ..honest()
            }
            .component(),
        ),
        (
            "a variable with `=` in its name",
            Backend {
                env: vec!["A=B"],
                ..honest()
            }
            .component(),
        ),
        (
            "the forge's token",
            Backend {
                pass_env: vec!["GITHUB_TOKEN"],
                ..honest()
            }
            .component(),
        ),
        (
            "a host variable that is not granted",
            Backend {
                pass_env: vec!["AWS_SECRET_ACCESS_KEY"],
                ..honest()
            }
            .component(),
        ),
        (
            "an argument of 200 KB",
            Backend {
                args: vec![vec![b'x'; 200_000]],
                ..honest()
            }
            .component(),
        ),
        (
            "an argument with a NUL byte",
            Backend {
                args: vec![b"a\0b".to_vec()],
                ..honest()
            }
            .component(),
        ),
        (
            "arguments of 2 MB in total",
            Backend {
                args: vec![vec![b'x'; 100_000]; 20],
                ..honest()
            }
            .component(),
        ),
        (
            "two thousand arguments",
            Backend {
                args: vec![b"x".to_vec(); 2_000],
                ..honest()
            }
            .component(),
        ),
        (
            "a run it did not create",
            Backend {
                handle: Some(99),
                ..honest()
            }
            .component(),
        ),
        (
            "a million events",
            Backend {
                events: vec![event(15, |record| record); 1_000_000],
                ..honest()
            }
            .component(),
        ),
        (
            "a negative cost",
            Backend {
                events: vec![event(8, usd(-5.0))],
                ..honest()
            }
            .component(),
        ),
        (
            "a cost that is not a number",
            Backend {
                events: vec![event(8, usd(f64::NAN))],
                ..honest()
            }
            .component(),
        ),
        (
            "an impossible number of tokens",
            Backend {
                events: vec![event(6, |record| {
                    record.long(u64::MAX).long(0).long(0).long(0)
                })],
                ..honest()
            }
            .component(),
        ),
        (
            "an event that does not exist",
            Backend {
                events: vec![event(200, |record| record)],
                ..honest()
            }
            .component(),
        ),
        (
            "a trap in `on-lines`",
            Backend {
                on_lines: Some("unreachable".to_owned()),
                ..honest()
            }
            .component(),
        ),
        (
            "an endless loop in `on-exit`",
            Backend {
                on_exit: Some("(loop br 0) unreachable".to_owned()),
                ..honest()
            }
            .component(),
        ),
    ]
}
