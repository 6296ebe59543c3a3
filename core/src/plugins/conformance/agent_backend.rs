//! Agent backends: every unusual issue as a task, and output that no agent should print. No program
//! is run.

use autoissue_plugin_host::Plugin;
use autoissue_plugin_sdk::{
    AgentBackend, AgentEvent, AgentTask, CommandSpec, Exit, Line, ResumedSession, StopReason,
};

use super::{Answer, RuleResult, Trial, as_json, corpus};

/// Included in every untrusted text, so that it is found where it must not be.
const MARK: &str = "mark-8c1f0a";

pub(super) fn trials(name: &str, settings: &str) -> Vec<Trial> {
    tasks(settings)
        .into_iter()
        .map(|(input, task)| {
            let name = name.to_owned();
            Trial {
                input,
                call: Box::new(move |plugin| start(plugin, &name, &task)),
            }
        })
        .collect()
}

fn backend(plugin: &Plugin, name: &str) -> Box<dyn AgentBackend> {
    plugin
        .agent_backend(Some(name))
        .expect("the plugin declares it, and the host has checked that")
}

fn start(plugin: &Plugin, name: &str, task: &AgentTask) -> Answer {
    as_json(
        backend(plugin, name)
            .start(task)
            .map(|(_, command)| command),
    )
}

/// Starts a task, plays lines and an exit, and returns the command and all events. The lines are
/// passed `n_together` at a time.
pub(super) fn play(
    plugin: &Plugin,
    name: &str,
    task: &AgentTask,
    lines: &[Line],
    exit: Exit,
    n_together: usize,
) -> Result<(CommandSpec, Vec<AgentEvent>), autoissue_plugin_sdk::PluginError> {
    let (mut run, command) = backend(plugin, name).start(task)?;
    let mut events: Vec<AgentEvent> = lines
        .chunks(n_together)
        .flat_map(|lines| run.on_lines(lines))
        .collect();
    events.extend(run.on_exit(exit));
    Ok((command, events))
}

fn tasks(settings: &str) -> Vec<(&'static str, AgentTask)> {
    let task = |issue: autoissue_plugin_sdk::Issue| {
        AgentTask::default()
            .settings(settings)
            .prompt(format!(
                "Work on this issue.\n\n{}\n\n{MARK} {}",
                issue.title, issue.body
            ))
            .directory("/somewhere/tree")
            .session("5d2f6b1e-0000-4000-8000-000000000001")
            .model("sonnet")
            .max_turns(30)
            .budget_usd(5.0)
            .time_limit_s(1_800)
            .issue(issue)
    };
    // A body with a diff, for backends that take their work from the issue.
    let diff = "\n\n```diff\n--- a/MOTTO\n+++ b/MOTTO\n@@ -1 +1 @@\n-one\n+two\n```\n";
    let mut ordinary = corpus::ordinary();
    ordinary.body.push_str(diff);
    let ordinary = task(ordinary);
    let mut tasks = vec![("an ordinary task", ordinary.clone())];
    tasks.extend(
        corpus::issues()
            .into_iter()
            .map(|(input, issue)| (input, task(issue))),
    );
    let mut unlimited = ordinary.clone();
    unlimited.model = None;
    unlimited.max_turns = None;
    unlimited.budget_usd = None;
    let earlier = ResumedSession::new("5d2f6b1e-0000-4000-8000-000000000000", 1.25);
    let resumed = ordinary.clone().resume(earlier).yolo(true);
    let without_money = ordinary
        .budget_usd(0.0)
        .max_turns(0)
        .allowed_tools(["Read"; 100]);
    tasks.extend([
        ("a task without limits", unlimited),
        ("a task to resume", resumed),
        ("a task without money", without_money),
    ]);
    tasks
}

/// Returns the findings of the rules for backends only.
pub(super) fn findings(plugin: &Plugin, name: &str, settings: &str) -> Vec<RuleResult> {
    vec![
        RuleResult::new(
            "untrusted text does not appear in the arguments of a command",
            texts_in_arguments(plugin, name, settings),
        ),
        RuleResult::new(
            "any output can be read, and means the same in batches of any size",
            reading(plugin, name, settings),
        ),
        RuleResult::new(
            "it can be asked to stop for every reason",
            stopping(plugin, name, settings),
        ),
        RuleResult::new(
            "a run that printed nothing has not succeeded, however it exited",
            silent_success(plugin, name, settings),
        ),
    ]
}

/// Checks that the prompt is not in the arguments: anyone on the machine can read those, and long
/// prompts do not fit.
fn texts_in_arguments(plugin: &Plugin, name: &str, settings: &str) -> Option<String> {
    let backend = backend(plugin, name);
    tasks(settings).iter().find_map(|(input, task)| {
        let (_, command) = backend.start(task).ok()?;
        let found = command.args.iter().any(|arg| arg.contains(MARK))
            || command.env.iter().any(|(_, value)| value.contains(MARK));
        found.then(|| {
            format!("{input}: the prompt is among the arguments or variables; put it into `stdin` or `files`")
        })
    })
}

fn lines() -> Vec<Line> {
    let texts = corpus::texts()
        .into_iter()
        .flat_map(|(_, text)| text.lines().map(str::to_owned).take(20).collect::<Vec<_>>());
    let json = [
        "",
        "{",
        "{}",
        "[]",
        "null",
        "1e999",
        "{\"type\":null}",
        "{\"type\":\"result\"}",
        "{\"type\":\"nobody knows\",\"x\":{}}",
        "{\"type\":\"assistant\",\"message\":{\"content\":[{\"type\":\"text\",\"text\":7}]}}",
        "{\"type\":\"result\",\"subtype\":\"success\",\"total_cost_usd\":-1}",
    ];
    let mut lines: Vec<Line> = json.into_iter().map(Line::stdout).collect();
    lines.extend(texts.map(|text| Line::stdout(&text)));
    lines.push(Line::stderr("warning: something"));
    lines.push(Line::stdout(&"x".repeat(1 << 20)).truncated(true));
    lines
}

fn reading(plugin: &Plugin, name: &str, settings: &str) -> Option<String> {
    let (_, task) = tasks(settings).into_iter().next()?;
    let (lines, exit) = (lines(), Exit::default().code(0));
    let read =
        |n_together| play(plugin, name, &task, &lines, exit, n_together).map(|(_, events)| events);
    let Ok(single) = read(1) else { return None };
    if let Some(fault) = fault_in(&single) {
        return Some(fault);
    }
    [7, 50].into_iter().find_map(|n_together| {
        let together = read(n_together).unwrap_or_default();
        (together != single).then(|| {
            format!(
                "{} events from single lines, {} from {n_together} lines at a time, or different events",
                single.len(),
                together.len()
            )
        })
    })
}

fn stopping(plugin: &Plugin, name: &str, settings: &str) -> Option<String> {
    let (_, task) = tasks(settings).into_iter().next()?;
    let reasons = [
        StopReason::Budget,
        StopReason::Time,
        StopReason::Silence,
        StopReason::Interrupt,
        StopReason::Finished,
        StopReason::Other,
    ];
    reasons.into_iter().find_map(|reason| {
        let (mut run, _) = backend(plugin, name).start(&task).ok()?;
        fault_in(&run.on_stop(reason))
    })
}

/// The host reports a failed call as a failure of the attempt, with a prefix of its own.
fn fault_in(events: &[AgentEvent]) -> Option<String> {
    events.iter().find_map(|event| match event {
        AgentEvent::Failed(text) if text.starts_with("internal error: plugin ") => {
            Some(text.clone())
        }
        _ => None,
    })
}

fn silent_success(plugin: &Plugin, name: &str, settings: &str) -> Option<String> {
    let (_, task) = tasks(settings).into_iter().next()?;
    let exits = [
        Exit::default().code(1),
        Exit::default().signal(9),
        Exit::default(),
    ];
    exits.into_iter().find_map(|exit| {
        let (_, events) = play(plugin, name, &task, &[], exit, 1).ok()?;
        let is_done = events
            .iter()
            .any(|event| matches!(event, AgentEvent::Done(_)));
        is_done.then(|| {
            format!(
                "exit code {:?}, signal {:?}: it reports success",
                exit.code, exit.signal
            )
        })
    })
}
