//! `autoissue show`: everything that happened in a session, or to one of its issues: facts, the
//! reason for a failure, the last output of the failing check and the agent, events, check output
//! and readable transcripts. Reads only the journal and the transcripts.

use std::path::{Path, PathBuf};

use autoissue_core::bus::Envelope;
use autoissue_core::engine::{
    AttemptEvent, CheckResult, Engine, Event, IssueNumber, Outcome, Task,
};
use autoissue_core::journal::{Journal, SessionRow};
use autoissue_core::recorded::Recorded;
use autoissue_core::session::{mirror_dir, newest_session, session_dir};
use autoissue_core::summary::Summary;
use autoissue_core::transcript::Readable;
use clap::Args;
use serde::Serialize;

use super::status::status_of;
use crate::args::issue_number;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::liveness::recorded;
use crate::local_time::{LocalTime, span};
use crate::narration::{diff_stat, ended, message, model_name, narrate, title};
use crate::paint::Paint;
use crate::printable::{fitted, lines, one_line, wrapped};
use crate::project;
use crate::report::{self, Origin, Places, Report};
use crate::reporter::{EventLine, line};

/// Arguments of `show`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ShowArgs {
    /// Session ID or a unique prefix of it [default: the newest session of this repository]
    pub(crate) session: Option<String>,
    /// Issue number
    #[arg(value_parser = issue_number)]
    pub(crate) issue: Option<u64>,
    /// Print only the raw transcripts of the issue
    #[arg(long, requires = "issue")]
    pub(crate) raw: bool,
    /// Write the report as a self-contained HTML page (`-` for standard output)
    #[arg(long, value_name = "FILE", conflicts_with = "issue")]
    pub(crate) html: Option<PathBuf>,
    /// Write the report as Markdown (`-` for standard output)
    #[arg(long, value_name = "FILE", conflicts_with = "issue")]
    pub(crate) markdown: Option<PathBuf>,
}

/// Number of a failing check's last lines to repeat at the top.
const N_CHECK_LINES: usize = 20;

/// Runs the command.
///
/// # Errors
/// If no session matches, the session has no such issue, or the journal cannot be read.
pub(crate) fn run(invocation: &Invocation, args: &ShowArgs) -> Result<ExitCode, CliError> {
    let journal = invocation.journal()?;
    let row = match &args.session {
        Some(prefix) => journal.session(prefix)?,
        None => newest(invocation, &journal)?,
    };
    let recorded = recorded(&journal, row, &invocation.state_dir()?)?;
    let story = Story {
        invocation,
        recorded: &recorded,
        directory: session_dir(&invocation.state_dir()?, &recorded.row.id),
    };
    match args.issue {
        _ if args.html.is_some() || args.markdown.is_some() => story.pages(args)?,
        None => story.of_session()?,
        Some(issue) if args.raw => story.raw(IssueNumber(issue))?,
        Some(issue) => story.of_issue(IssueNumber(issue))?,
    }
    Ok(ExitCode::Success)
}

/// Returns the newest session of this repository. Only this needs the configuration, which may
/// name another checkout.
fn newest(invocation: &Invocation, journal: &Journal) -> Result<SessionRow, CliError> {
    let loaded = invocation.load(Vec::new())?;
    let project = project::checkout(&loaded, &invocation.current_dir)?;
    Ok(newest_session(journal, &project)?)
}

/// The data to show.
struct Story<'a> {
    invocation: &'a Invocation,
    recorded: &'a Recorded,
    /// Directory of the transcripts.
    directory: PathBuf,
}

/// An attempt's agent output, as a line of JSON.
#[derive(Debug, Serialize)]
struct TranscriptLine<'a> {
    r#type: &'static str,
    session: &'a str,
    issue: IssueNumber,
    attempt: u32,
    path: String,
    text: Option<String>,
}

impl Story<'_> {
    fn of_session(&self) -> Result<(), CliError> {
        let (row, engine) = (&self.recorded.row, &self.recorded.chronicle.engine());
        if self.invocation.console.is_json() {
            self.json_events(|_| true)?;
            return self.json_summary();
        }
        let paint = self.invocation.console.out;
        let status = status_of(row, self.recorded.chronicle.status(), self.invocation);
        let origin = format!(
            "{} · autoissue {} · {}\n",
            one_line(&row.command),
            row.version,
            one_line(&row.project_path)
        );
        let told = told(
            &self.recorded.events,
            |_| true,
            &self.invocation.time,
            paint,
        );
        let red: Vec<CheckResult> = engine
            .base_checks()
            .unwrap_or_default()
            .iter()
            .filter(|check| !check.passed)
            .cloned()
            .collect();
        let base = checks("on the base", &red, paint);
        let story = format!("{origin}{status}\n\n{told}{base}\n");
        let report = report::text(&self.report()?, paint);
        self.invocation
            .console
            .page(&(fitted(&story, paint.columns()) + &report))
    }

    fn report(&self) -> Result<Report, CliError> {
        let row = &self.recorded.row;
        let mirror = mirror_dir(&self.invocation.state_dir()?, Path::new(&row.project_path));
        let places = Places {
            transcripts: self.directory.clone(),
            mirror,
        };
        Ok(Report::new(
            row.id.as_str(),
            &self.recorded.chronicle,
            &places,
            &self.invocation.recorded(row),
            &self.invocation.time,
        ))
    }

    /// Writes the report as HTML or Markdown.
    fn pages(&self, args: &ShowArgs) -> Result<(), CliError> {
        let report = self.report()?;
        if let Some(to) = &args.markdown {
            self.write(to, &report::markdown(&report))?;
        }
        if let Some(to) = &args.html {
            let command = one_line(&self.recorded.row.command);
            let origin = Origin {
                command: &command,
                version: &self.recorded.row.version,
            };
            let chronicle = &self.recorded.chronicle;
            self.write(
                to,
                &report::page(&report, chronicle, &origin, &self.invocation.time),
            )?;
        }
        Ok(())
    }

    fn write(&self, to: &Path, page: &str) -> Result<(), CliError> {
        let console = &self.invocation.console;
        if to == Path::new("-") {
            return if console.is_json() {
                Err(CliError::PageAmongJson)
            } else {
                console.print_exactly(page)
            };
        }
        let page = console.redaction.apply(page);
        let written = std::fs::write(to, page.as_bytes());
        written.map_err(|source| CliError::File {
            what: "write",
            path: to.to_owned(),
            source,
        })
    }

    fn of_issue(&self, issue: IssueNumber) -> Result<(), CliError> {
        let task = self.task(issue)?;
        let is_about = |event: &Event| event.issue() == Some(issue);
        if self.invocation.console.is_json() {
            self.json_events(is_about)?;
            for attempt in 1..=task.n_attempts {
                self.json_transcript(issue, attempt)?;
            }
            return self.json_summary();
        }
        let console = &self.invocation.console;
        console.page(&fitted(&self.issue(task), console.out.columns()))
    }

    /// Returns everything about a task, the most important parts first.
    fn issue(&self, task: &Task) -> String {
        let (issue, paint) = (task.issue.number, self.invocation.console.out);
        let is_about = |event: &Event| event.issue() == Some(issue);
        let told = told(
            &self.recorded.events,
            is_about,
            &self.invocation.time,
            paint,
        );
        let checks = self.checks_of(issue, paint);
        let transcripts: String = (1..=task.n_attempts)
            .map(|attempt| self.transcript(issue, attempt, paint))
            .collect();
        format!(
            "{}{}\n{told}{checks}{transcripts}",
            facts(task, paint),
            ending(task, paint)
        )
    }

    /// Writes the raw transcripts of an issue.
    fn raw(&self, issue: IssueNumber) -> Result<(), CliError> {
        let task = self.task(issue)?;
        (1..=task.n_attempts).try_for_each(|attempt| {
            let path = transcript_path(&self.directory, issue, attempt);
            match std::fs::read(&path) {
                Ok(bytes) => self.invocation.console.write(&bytes),
                // No agent was started, or the transcript was removed.
                Err(_) => Ok(()),
            }
        })
    }

    fn task(&self, issue: IssueNumber) -> Result<&Task, CliError> {
        let session = self.recorded.row.id.to_string();
        self.recorded
            .chronicle
            .engine()
            .task(issue)
            .ok_or(CliError::NoIssue {
                session,
                issue: issue.0,
            })
    }

    fn checks_of(&self, issue: IssueNumber, paint: Paint) -> String {
        let of_attempt = |envelope: &Envelope<Event>| match &envelope.event {
            Event::Attempt(AttemptEvent::ChecksFinished {
                issue: on,
                attempt,
                results,
                ..
            }) if *on == issue => Some(checks(&format!("of attempt {attempt}"), results, paint)),
            _ => None,
        };
        self.recorded.events.iter().filter_map(of_attempt).collect()
    }

    fn json_events(&self, belongs: impl Fn(&Event) -> bool) -> Result<(), CliError> {
        let session = self.recorded.row.id.as_str();
        let mut events = self
            .recorded
            .events
            .iter()
            .filter(|envelope| belongs(&envelope.event));
        events.try_for_each(|envelope| {
            self.invocation
                .console
                .json(&EventLine::new(session, envelope))
        })
    }

    fn json_summary(&self) -> Result<(), CliError> {
        let summary = Summary::new(self.recorded.row.id.as_str(), &self.recorded.chronicle);
        self.invocation.console.json(&summary)
    }

    fn json_transcript(&self, issue: IssueNumber, attempt: u32) -> Result<(), CliError> {
        let path = transcript_path(&self.directory, issue, attempt);
        self.invocation.console.json(&TranscriptLine {
            r#type: "transcript",
            session: self.recorded.row.id.as_str(),
            issue,
            attempt,
            text: read(&path),
            path: path.display().to_string(),
        })
    }

    fn transcript(&self, issue: IssueNumber, attempt: u32, paint: Paint) -> String {
        let path = transcript_path(&self.directory, issue, attempt);
        let head = paint.bold(format!("transcript of attempt {attempt}"));
        match read(&path) {
            Some(text) => format!(
                "\n{head} {}\n{}",
                paint.dim(path.display()),
                rendered(&text, &self.recorded.chronicle.engine().settings().agent)
            ),
            None => format!(
                "\n{head} {}\n",
                paint.dim("not available: no agent was started, or the transcript was removed")
            ),
        }
    }
}

/// Returns the path of an attempt's transcript.
fn transcript_path(directory: &Path, issue: IssueNumber, attempt: u32) -> PathBuf {
    directory
        .join(format!("issue-{}", issue.0))
        .join(format!("attempt-{attempt}.log"))
}

fn read(path: &Path) -> Option<String> {
    std::fs::read(path)
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns the events as text, with a line where a new day begins.
fn told(
    events: &[Envelope<Event>],
    belongs: impl Fn(&Event) -> bool,
    time: &LocalTime,
    paint: Paint,
) -> String {
    let mut engine = Engine::new();
    let mut told = String::new();
    let mut today = String::new();
    for envelope in events {
        engine.apply(&envelope.event);
        if !belongs(&envelope.event) {
            continue;
        }
        let day = time.day(envelope.at_ms);
        if day != today {
            told.push_str(&format!("{}\n", paint.dim(&day)));
            today = day;
        }
        for sentence in narrate(&envelope.event, &engine, time) {
            told.push_str(&line(&sentence, envelope.at_ms, time, paint));
            told.push('\n');
        }
    }
    told
}

/// Returns the facts about a task.
fn facts(task: &Task, paint: Paint) -> String {
    let mut facts = format!(
        "{} {}\n",
        paint.bold(task.issue.number),
        paint.bold(title(&task.issue.title))
    );
    let room = paint.columns().saturating_sub(15);
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            let indent = format!("\n{:15}", "");
            let value = wrapped(&value, room).join(indent.as_str());
            facts.push_str(&format!("  {name:<13}{value}\n"));
        }
    };
    let link = |url: &str| {
        let url = one_line(url);
        paint.link(&url, &url)
    };
    fact("address", link(&task.issue.url));
    if let Some(classification) = &task.classification {
        let reasons = message(&classification.reasons.join("; "));
        fact(
            "domain",
            format!(
                "{} ({:.1}): {reasons}",
                one_line(&classification.domain),
                classification.confidence
            ),
        );
        fact("paths", message(&classification.paths.join(", ")));
    }
    fact("model", model_name(task.model.as_deref()));
    if let Some(report) = &task.report {
        let answered = report
            .model
            .as_ref()
            .filter(|it| Some(*it) != task.model.as_ref());
        fact(
            "answered by",
            answered.map(|it| one_line(it)).unwrap_or_default(),
        );
        fact(
            "turns",
            report.n_turns.map(|n| n.to_string()).unwrap_or_default(),
        );
    }
    fact(
        "stage",
        task.outcome()
            .map_or_else(|| task.stage_name().to_owned(), ended),
    );
    fact("attempts", task.n_attempts.to_string());
    fact(
        "cost",
        format!(
            "{} ({} of it estimated), initial estimate {}",
            task.spent_now(),
            task.estimated,
            task.estimate
        ),
    );
    fact(
        "pull request",
        task.outcome()
            .and_then(Outcome::pull_request)
            .map(|pull| link(&pull.url))
            .unwrap_or_default(),
    );
    fact(
        "branch",
        task.publication
            .as_ref()
            .map(|publication| one_line(&publication.branch))
            .unwrap_or_default(),
    );
    if let Some(work) = &task.work {
        fact("changes", diff_stat(work));
        for change in &work.changes {
            fact(
                "",
                format!(
                    "+{} −{} {}",
                    change.added,
                    change.removed,
                    one_line(&change.path)
                ),
            );
        }
        fact("kept as", one_line(&work.salvage_ref));
    }
    facts
}

/// Returns why a task failed: the last output of the failing checks and the agent's last message.
fn ending(task: &Task, paint: Paint) -> String {
    let mut text = String::new();
    let is_good = task.outcome().is_some_and(Outcome::is_success);
    let why = match (task.outcome(), &task.last_failure) {
        (Some(outcome), _) if !is_good => Some(ended(outcome)),
        (None, Some((_, last))) => Some(message(last)),
        _ => None,
    };
    if let Some(why) = why {
        text.push_str(&format!("\n{}\n{}", paint.bold("why"), indented(&why)));
    }
    for check in task.checks.iter().filter(|check| !check.passed) {
        let name = format!("last output of check `{}`", one_line(&check.name));
        let printed: Vec<String> = lines(&check.output).collect();
        let end = &printed[printed.len().saturating_sub(N_CHECK_LINES)..];
        let mut end = end.join("\n");
        if end.trim().is_empty() {
            report::NOTHING_PRINTED.clone_into(&mut end);
        }
        text.push_str(&format!("\n{}\n{}", paint.bold(name), indented(&end)));
    }
    let said = task
        .report
        .as_ref()
        .and_then(|report| report.summary.as_deref());
    if let Some(said) = said.filter(|said| !said.trim().is_empty()) {
        let head = paint.bold("the agent's last message");
        text.push_str(&format!("\n{head}\n{}", indented(said)));
    }
    text
}

/// Returns a readable transcript.
fn rendered(transcript: &str, agent: &str) -> String {
    let mut readable = Readable::of(agent);
    let said = transcript.lines().flat_map(|line| readable.lines(line));
    said.map(|text| indented(&text)).collect()
}

fn checks(when: &str, results: &[CheckResult], paint: Paint) -> String {
    let mut text = String::new();
    for result in results {
        let verdict = if result.passed {
            paint.green("passed")
        } else {
            paint.red("failed")
        };
        let (name, ended) = (one_line(&result.name), message(&result.ended));
        text.push_str(&format!(
            "\n{} {verdict} · {ended} · {}\n",
            paint.bold(format!("check `{name}` {when}")),
            span(result.duration_ms)
        ));
        text.push_str(&indented(&result.output));
    }
    text
}

fn indented(text: &str) -> String {
    lines(text)
        .map(|line| format!("  {line}").trim_end().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::Settings;
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::{admitted, check_failed};

    fn session_events() -> Vec<Event> {
        let mut events = admitted(Settings::default(), &[(2, "Two\u{1b}[2J", "frontend")]);
        events.extend(check_failed(2, 310));
        events
    }

    #[test]
    fn the_events_of_an_issue_are_shown_in_order_with_their_days() {
        fn at((n, event): (u64, Event)) -> Envelope<Event> {
            Envelope {
                seq: n,
                at_ms: n * 36_000_000,
                event,
            }
        }

        let events: Vec<_> = (1..).zip(session_events()).map(at).collect();
        let is_about = |event: &Event| event.issue() == Some(IssueNumber(2));
        assert_snapshot!(told(&events, is_about, &LocalTime::utc(), Paint::default()), @"
        1970-01-01
        20:00:00  #2 accepted: Two
        1970-01-02
        16:00:00  #2 domain frontend (1.0): the title says so
        1970-01-03
        02:00:00  #2 model sonnet (set by `agent.model`), estimated $5.00
        22:00:00  #2 attempt 1 started · frontend · sonnet · $5.00 reserved
        1970-01-04
        08:00:00  #2 worktree ready at 0123456789
        18:00:00  #2 agent finished in 3 min 5 s, $3.10
        1970-01-05
        04:00:00  #2 +34 −5 in 2 files at fedcba9876
        14:00:00  #2 attempt 1 failed: check `test` (exit code 1) failed · not retrying
        1970-01-06
        00:00:00  #2 failed: check `test` (exit code 1) failed · $3.10
        ");
    }

    #[test]
    fn the_facts_of_a_task_name_its_money_and_its_work() {
        let engine = Engine::replay(&session_events());
        assert_snapshot!(facts(engine.task(IssueNumber(2)).unwrap(), Paint::default()), @"
        #2 Two
          domain       frontend (1.0): the title says so
          model        sonnet
          stage        failed: check `test` (exit code 1) failed
          attempts     1
          cost         $3.10 ($0.00 of it estimated), initial estimate $5.00
          changes      +34 −5 in 2 files
          kept as      refs/autoissue/salvage/20261122-1315-7f3a/2/1
        ");
    }

    #[test]
    fn the_reason_for_a_failure_is_shown_first() {
        let engine = Engine::replay(&session_events());
        let output: String = (1..=30).map(|n| format!("line {n}\n")).collect();
        let red = |name: &str, output: &str, passed| CheckResult {
            name: name.to_owned(),
            output: output.to_owned(),
            passed,
            ..CheckResult::default()
        };
        let mut task = engine.task(IssueNumber(2)).unwrap().clone();
        task.checks = vec![red("lint", "fine", true), red("test", &output, false)];
        if let Some(report) = &mut task.report {
            report.summary = Some("I did it.\n\u{1b}[31mAll of it.".to_owned());
        }
        let text = ending(&task, Paint::default());
        assert!(text.starts_with("\nwhy\n  failed: check `test`"), "{text}");
        assert!(
            text.contains("last output of check `test`\n  line 11\n"),
            "{text}"
        );
        assert!(
            !text.contains("fine") && !text.contains("line 10\n"),
            "{text}"
        );
        assert!(
            text.ends_with("the agent's last message\n  I did it.\n  All of it.\n"),
            "{text}"
        );
    }

    #[test]
    fn a_failed_check_without_output_is_said_to_have_printed_nothing() {
        let engine = Engine::replay(&session_events());
        let mut task = engine.task(IssueNumber(2)).unwrap().clone();
        task.report = None;
        task.checks = vec![CheckResult {
            name: "lint".to_owned(),
            output: "\n".to_owned(),
            ..CheckResult::default()
        }];
        let text = ending(&task, Paint::default());
        let expected = "\nlast output of check `lint`\n  (it printed nothing)\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn a_transcript_is_rendered_as_text() {
        let transcript = concat!(
            r#"{"type":"system","subtype":"init","session_id":"s","model":"m"}"#,
            "\n",
            r#"{"type":"assistant","message":{"id":"1","content":[{"type":"text","text":"Reading.\nTwo."},{"type":"tool_use","id":"t","name":"Bash","input":{"command":"x"}}]},"session_id":"s"}"#,
            "\nError: plain\u{1b}[2J\n",
        );
        let text = rendered(transcript, "claude");
        assert!(!text.contains("\"type\""), "{text}");
        assert!(text.starts_with("  Reading.\n  Two.\n"), "{text}");
        assert!(
            text.contains("▸ Bash") && text.ends_with("  Error: plain\n"),
            "{text}"
        );
    }

    #[test]
    fn what_a_check_printed_is_shown_without_its_control_characters() {
        let result = CheckResult {
            name: "test".to_owned(),
            ended: "exit code 1".to_owned(),
            duration_ms: 2_000,
            output: "\u{1b}[31mFAILED\u{1b}[0m\n  left: 1\u{7}".to_owned(),
            passed: false,
            fails_on_base: false,
        };
        assert_snapshot!(checks("of attempt 1", &[result], Paint::default()), @"
        check `test` of attempt 1 failed · exit code 1 · 2 s
          FAILED
            left: 1
        ");
    }
}
