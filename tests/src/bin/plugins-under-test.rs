//! Runs plugins as a session does, as a target for attacks: one request per line in, one answer per
//! line out, both JSON.
//!
//! ```json
//! {"component": "/tmp/x.wasm", "call": "classify"}
//! {"said": "…", "honest": true, "threads": 2, "rssKib": 40960}
//! ```
//!
//! After each component it calls an honest plugin, then measures its own threads and memory. It is
//! a separate program because other tests come and go in a test program.

use std::io::{self, BufRead as _, Write as _};
use std::path::Path;
use std::time::Duration;

use autoissue_core::plugins::host::{Grants, HostOptions, Limits, Plugin, PluginHost};
use autoissue_core::plugins::sdk::{AgentTask, ClassifierContext, Exit, Issue, Line};
use serde_json::{Value, json};

fn main() {
    let honest = std::env::args()
        .nth(1)
        .expect("usage: plugins-under-test HONEST_COMPONENT");
    let limits = Limits {
        load: Duration::from_secs(2),
        ..Limits::default()
    };
    let host = PluginHost::new(HostOptions {
        limits,
        ..HostOptions::default()
    })
    .expect("this machine runs WebAssembly");
    let honest = host
        .load(
            Path::new(&honest),
            &std::fs::read(&honest).expect("it exists"),
            &Grants::default(),
        )
        .expect("an honest plugin");
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line.expect("the test writes")).expect("JSON");
        let said = said(&host, &request);
        let honest = classify(&honest).is_ok_and(|domain| domain == "billing");
        let answer =
            json!({ "said": said, "honest": honest, "threads": threads(), "rssKib": rss_kib() });
        writeln!(io::stdout(), "{answer}").expect("the test reads");
    }
}

fn said(host: &PluginHost, request: &Value) -> String {
    let path = request["component"].as_str().expect("a path");
    let component = std::fs::read(path).expect("it exists");
    // `sh` is granted too, and still must never run.
    let exec = ["agent", "sh"].map(str::to_owned).into();
    let grants = Grants {
        exec,
        env: vec!["AGENT_KEY".to_owned()],
    };
    let plugin = match host.load(Path::new(path), &component, &grants) {
        Ok(plugin) => plugin,
        Err(error) => return format!("{error}\n  hint: {}", error.hint(Path::new("a.wasm"))),
    };
    match request["call"].as_str() {
        Some("classify") => classify(&plugin)
            .map_or_else(|error| error, |domain| format!("the domain is {domain:?}")),
        Some("run") => run(&plugin),
        _ => "it was loaded".to_owned(),
    }
}

fn classify(plugin: &Plugin) -> Result<String, String> {
    let classifier = plugin.classifier(None).map_err(|error| error.to_string())?;
    let answer = classifier.classify(&Issue::new("Invoice"), &ClassifierContext::default());
    answer
        .map(|answer| answer.domain)
        .map_err(|error| error.to_string())
}

fn run(plugin: &Plugin) -> String {
    let backend = plugin.agent_backend(None).expect("it has an agent backend");
    if let Err(error) = backend.probe("") {
        return error.to_string();
    }
    let (mut run, command) = match backend.start(&AgentTask::default()) {
        Ok(started) => started,
        Err(error) => return error.to_string(),
    };
    let mut events = run.on_lines(&[Line::stdout("a line")]);
    events.extend(run.on_exit(Exit::default().code(0)));
    format!("`{}` would run; {events:?}", command.program)
}

fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

fn rss_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()
    })
}
