//! `autoissue classify`: shows how issues would be classified and scheduled.
//!
//! With `--stdin` it needs neither repository nor configuration: it reads one JSON issue per line
//! and writes exactly one JSON answer per line. With a label it makes the plan of a session and
//! prints the classifier's part.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use autoissue_core::config::Config;
use autoissue_core::engine::{
    Classification, Engine, Issue, IssueNumber, Phase, SessionOutcome, Task,
};
use autoissue_core::plugins::{self, Plugins};
use autoissue_core::session::{Exec, SessionError, SessionRequest};
use autoissue_core::strategy::Strategies;
use autoissue_core::summary::SessionResult;
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::console::{json_line, output_error};
use crate::dry_run;
use crate::error::CliError;
use crate::exit_code::ExitCode;
use crate::host::{Invocation, own_program};
use crate::narration::{message, plugin_failed, title};
use crate::paint::Paint;
use crate::run_session::{self, Display};
use crate::schedule::{ScheduledStart, schedule};
use crate::table::{Column, fixed, prose, table, titles};

/// Arguments of `classify`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// Label of the issues to classify
    #[arg(required_unless_present = "stdin", conflicts_with = "stdin")]
    pub(crate) label: Option<String>,
    /// Read one JSON issue per line and write one JSON answer per line
    #[arg(long)]
    pub(crate) stdin: bool,
}

/// Maximum line length, in bytes. Forges reject bodies above 64 Ki characters; this leaves room for
/// JSON escapes.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// Runs the command.
///
/// # Errors
/// If the backlog cannot be read, or standard input or output fails.
pub(crate) fn run(invocation: &Invocation, args: &ClassifyArgs) -> Result<ExitCode, CliError> {
    match &args.label {
        Some(label) => of_label(invocation, label),
        None => of_stdin(invocation),
    }
}

/// Returns a classifier; the only place that calls the strategies. The built-in one needs no
/// configuration, a plugin only its own entry.
fn classifier(
    invocation: &Invocation,
) -> Result<impl Fn(&Issue) -> Result<Classification, String>, CliError> {
    let config = Config::default();
    let plugins = Plugins::load(&plugins::Request {
        config: &config,
        arguments: &invocation.plugins()?,
        project: &invocation.current_dir,
        state_dir: &invocation.state_dir().unwrap_or_default(),
        may_write: false,
        own_program: &own_program()?,
        compiler: &invocation.compiler()?,
    });
    let plugins = plugins.map_err(SessionError::from)?;
    let strategies = Strategies::configured(&config, &plugins).map_err(SessionError::from)?;
    let console = invocation.console.clone();
    let strategies = strategies
        .telling(move |plugin_failure| console.warn(&message(&plugin_failed(&plugin_failure))));
    Ok(move |issue: &Issue| {
        strategies
            .classify(issue)
            .map_err(|plugin_failure| plugin_failure.message)
    })
}

fn of_stdin(invocation: &Invocation) -> Result<ExitCode, CliError> {
    let input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let n_bad = answer_lines(
        input,
        BufWriter::new(io::stdout().lock()),
        classifier(invocation)?,
    )?;
    Ok(if n_bad == 0 {
        ExitCode::Success
    } else {
        ExitCode::SomeFailed
    })
}

/// Answers each line, and returns how many lines were not valid issues.
fn answer_lines(
    mut input: BufReader<impl Read>,
    mut output: impl Write,
    classify: impl Fn(&Issue) -> Result<Classification, String>,
) -> Result<u64, CliError> {
    let mut n_bad = 0;
    while let Some(line) = next_line(&mut input).map_err(|source| CliError::System {
        what: "read standard input",
        source,
    })? {
        let answer = answer(&line, &classify);
        n_bad += u64::from(answer.error.is_some());
        output
            .write_all(json_line(&answer).as_bytes())
            .map_err(output_error)?;
        // A program that writes line by line waits for each answer; a piped file does not.
        if input.buffer().is_empty() {
            output.flush().map_err(output_error)?;
        }
    }
    output.flush().map_err(output_error)?;
    Ok(n_bad)
}

/// Returns the next line without its terminator, or why it is rejected. Returns `None` at the end
/// of the input.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Result<Vec<u8>, String>>> {
    let mut line = Vec::new();
    if input
        .by_ref()
        .take(LINE_BYTES_MAX)
        .read_until(b'\n', &mut line)?
        == 0
    {
        return Ok(None);
    }
    let is_whole = line.ends_with(b"\n")
        || u64::try_from(line.len()).is_ok_and(|length| length < LINE_BYTES_MAX);
    if !is_whole {
        input.skip_until(b'\n')?;
        return Ok(Some(Err(format!("longer than {LINE_BYTES_MAX} bytes"))));
    }
    Ok(Some(Ok(line)))
}

/// An issue as a line of JSON. Everything but the title may be missing or null; other fields are
/// ignored.
#[derive(Deserialize)]
struct Question {
    number: Option<u64>,
    title: String,
    body: Option<String>,
    labels: Option<Vec<Label>>,
}

/// A label: a name, or an object as in GitHub's API.
#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Name(String),
    Object { name: String },
}

/// An answer as a line of JSON.
#[derive(Debug, Serialize)]
struct Answer {
    number: Option<u64>,
    domain: String,
    /// Rounded to two digits, to avoid printing 0.8999999761581421.
    confidence: f64,
    reasons: Vec<String>,
    paths: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Answer {
    fn new(number: Option<u64>, classification: Classification) -> Self {
        let Classification {
            domain,
            confidence,
            reasons,
            paths,
            ..
        } = classification;
        Self {
            number,
            domain,
            confidence: rounded(confidence),
            reasons,
            paths,
            error: None,
        }
    }

    fn refused(error: String) -> Self {
        let domain = "unknown".to_owned();
        Self {
            number: None,
            domain,
            confidence: 0.0,
            reasons: Vec::new(),
            paths: Vec::new(),
            error: Some(error),
        }
    }
}

fn rounded(confidence: f32) -> f64 {
    (f64::from(confidence) * 100.0).round() / 100.0
}

fn answer(
    line: &Result<Vec<u8>, String>,
    classify: impl Fn(&Issue) -> Result<Classification, String>,
) -> Answer {
    let line = match line {
        Ok(line) => line,
        Err(error) => return Answer::refused(error.clone()),
    };
    match serde_json::from_slice::<Question>(line.trim_ascii_end()) {
        Ok(question) => {
            let number = question.number;
            classify(&question.into_issue())
                .map_or_else(Answer::refused, |answer| Answer::new(number, answer))
        }
        Err(error) => Answer::refused(error.to_string()),
    }
}

impl Question {
    fn into_issue(self) -> Issue {
        fn name(label: Label) -> String {
            match label {
                Label::Name(name) | Label::Object { name } => name,
            }
        }

        Issue {
            number: IssueNumber(self.number.unwrap_or_default()),
            title: self.title,
            body: self.body.unwrap_or_default(),
            labels: self
                .labels
                .unwrap_or_default()
                .into_iter()
                .map(name)
                .collect(),
            ..Issue::default()
        }
    }
}

fn of_label(invocation: &Invocation, label: &str) -> Result<ExitCode, CliError> {
    let ready = invocation.ready(Vec::new())?;
    let state_dir = ready.host.state_dir.clone();
    // Costs do not matter here.
    let exec = Exec {
        label: label.to_owned(),
        allow_partial: true,
        dry_run: true,
        ..Exec::default()
    };
    let finished = run_session::until_finished(
        invocation,
        ready,
        SessionRequest::Exec(exec),
        Display::FailedPlugins,
    )?;
    if !dry_run::is_whole_answer(finished.chronicle.engine()) {
        run_session::print(invocation, &finished, &state_dir)?;
        return Ok(code(finished.chronicle.engine()));
    }
    for warning in finished.chronicle.backlog_warnings() {
        invocation.console.warn(&message(warning));
    }
    if invocation.console.is_json() {
        rows(finished.chronicle.engine())
            .iter()
            .try_for_each(|(task, turn)| invocation.console.json(&line(task, turn.as_ref())))?;
    } else {
        invocation
            .console
            .page(&text(finished.chronicle.engine(), invocation.console.out))?;
    }
    Ok(ExitCode::Success)
}

/// Tasks that did not start are not failures, because nothing was supposed to run.
fn code(engine: &Engine) -> ExitCode {
    match engine.phase() {
        Phase::Over(SessionOutcome::Completed) => ExitCode::Success,
        _ => SessionResult::of(engine).into(),
    }
}

/// Returns the tasks in start order.
fn rows(engine: &Engine) -> Vec<(&Task, Option<ScheduledStart>)> {
    fn prepared(task: &Task) -> (Issue, Classification) {
        (
            (*task.issue).clone(),
            task.classification.clone().unwrap_or_default(),
        )
    }

    let backlog: Vec<(Issue, Classification)> = engine.tasks().values().map(prepared).collect();
    let mut turns = schedule(&backlog, engine.settings());
    let mut rows: Vec<_> = engine
        .tasks()
        .values()
        .map(|task| (task, turns.remove(&task.issue.number)))
        .collect();
    rows.sort_by_key(|(task, turn)| {
        (
            turn.as_ref().map_or(usize::MAX, |turn| turn.place),
            task.issue.number,
        )
    });
    rows
}

/// A classified task of the backlog as a line of JSON.
#[derive(Debug, Serialize)]
struct TaskLine {
    r#type: &'static str,
    title: String,
    order: Option<usize>,
    waits: Option<String>,
    number: u64,
    domain: String,
    confidence: f64,
    reasons: Vec<String>,
    paths: Vec<String>,
}

fn line(task: &Task, turn: Option<&ScheduledStart>) -> TaskLine {
    let waits = turn
        .and_then(|turn| turn.waits.as_ref())
        .map(ToString::to_string);
    let classification = task.classification.clone().unwrap_or_default();
    TaskLine {
        r#type: "classification",
        title: task.issue.title.clone(),
        order: turn.map(|turn| turn.place),
        waits: waits.or_else(|| task.outcome().map(ToString::to_string)),
        number: task.issue.number.0,
        domain: task.domain().to_owned(),
        confidence: rounded(classification.confidence),
        reasons: classification.reasons,
        paths: classification.paths,
    }
}

const COLUMNS: [Column; 8] = [
    fixed("order"),
    fixed("issue"),
    fixed("domain"),
    fixed("confidence").optional(),
    prose("start"),
    titles(),
    prose("reason"),
    prose("paths").optional(),
];

fn text(engine: &Engine, paint: Paint) -> String {
    let rows: Vec<_> = rows(engine).iter().map(cells).collect();
    table(COLUMNS, &rows, paint)
}

fn cells((task, turn): &(&Task, Option<ScheduledStart>)) -> [String; 8] {
    let classification = task.classification.clone().unwrap_or_default();
    let start = match (task.outcome(), turn) {
        (Some(outcome), _) => message(&outcome.to_string()),
        (
            None,
            Some(ScheduledStart {
                waits: Some(why), ..
            }),
        ) => message(&why.to_string()),
        (None, Some(_)) => "immediately".to_owned(),
        (None, None) => "never".to_owned(),
    };
    [
        turn.as_ref()
            .map_or_else(|| "–".to_owned(), |turn| turn.place.to_string()),
        task.issue.number.to_string(),
        dry_run::domain(task),
        task.classification.as_ref().map_or_else(
            || "–".to_owned(),
            |known| format!("{:.1}", known.confidence),
        ),
        start,
        title(&task.issue.title),
        message(&classification.reasons.join("; ")),
        message(&classification.paths.join(", ")),
    ]
}

#[cfg(test)]
mod tests {
    use autoissue_core::engine::Settings;
    use insta::assert_snapshot;

    use super::*;
    use crate::fixture::admitted;
    use crate::table::at_60_and_80;

    /// Echoes the question, so that only this file is tested.
    fn echo(issue: &Issue) -> Result<Classification, String> {
        Ok(Classification {
            domain: "backend".to_owned(),
            confidence: 0.9,
            reasons: vec![format!(
                "{:?} {:?} {:?}",
                issue.title, issue.body, issue.labels
            )],
            ..Classification::default()
        })
    }

    fn answers(input: &[u8]) -> (u64, String) {
        let mut output = Vec::new();
        let n_bad = answer_lines(BufReader::new(input), &mut output, echo).unwrap();
        (n_bad, String::from_utf8(output).unwrap())
    }

    #[test]
    fn every_line_has_one_answer() {
        let input = concat!(
            r#"{"number":7,"title":"T","body":null,"labels":["a",{"name":"b","color":"red"}],"state":"open"}"#,
            "\n",
            r#"{"title":"only a title"}"#,
            "\r\n",
            r#"{"number":8}"#,
            "\n\nnot json\n",
            r#"{"number":9,"title":"no line end"}"#,
        );
        let (n_bad, output) = answers(input.as_bytes());
        assert_eq!(n_bad, 3);
        assert_eq!(output.lines().count(), 6);
        assert_snapshot!(output, @r#"
        {"number":7,"domain":"backend","confidence":0.9,"reasons":["\"T\" \"\" [\"a\", \"b\"]"],"paths":[]}
        {"number":null,"domain":"backend","confidence":0.9,"reasons":["\"only a title\" \"\" []"],"paths":[]}
        {"number":null,"domain":"unknown","confidence":0.0,"reasons":[],"paths":[],"error":"missing field `title` at line 1 column 12"}
        {"number":null,"domain":"unknown","confidence":0.0,"reasons":[],"paths":[],"error":"EOF while parsing a value at line 1 column 0"}
        {"number":null,"domain":"unknown","confidence":0.0,"reasons":[],"paths":[],"error":"expected ident at line 1 column 2"}
        {"number":9,"domain":"backend","confidence":0.9,"reasons":["\"no line end\" \"\" []"],"paths":[]}
        "#);
    }

    #[test]
    fn odd_input_costs_one_line_only() {
        let mut input = vec![b'x'; usize::try_from(LINE_BYTES_MAX).unwrap() + 5];
        input.extend(b"\n\xff\xfe\n{\"title\":\"after\"}\n");
        let (n_bad, output) = answers(&input);
        assert_eq!((n_bad, output.lines().count()), (2, 3));
        assert!(
            output.contains("longer than 4194304 bytes")
                && output.lines().last().unwrap().contains("after")
        );
    }

    #[test]
    fn the_domain_is_shown_on_every_terminal() {
        let issues = [
            (
                1,
                "[Frontend] Let people sort the list of orders by date",
                "frontend",
            ),
            (2, "Explain how to install it", "documentation"),
            (
                3,
                "[Frontend] Show the total below the list of orders",
                "frontend",
            ),
        ];
        let engine = Engine::replay(&admitted(Settings::default(), &issues));
        assert_snapshot!(at_60_and_80(|paint| text(&engine, paint)), @"
        order       1
        issue       #1
        domain      frontend
        confidence  1.0
        start       immediately
        title       [Frontend] Let people sort the list of orders by
                    date
        reason      the title says so

        order       2
        issue       #2
        domain      documentation
        confidence  1.0
        start       immediately
        title       Explain how to install it
        reason      the title says so

        order       3
        issue       #3
        domain      frontend
        confidence  1.0
        start       domain frontend is busy with #1
        title       [Frontend] Show the total below the list of
                    orders
        reason      the title says so

        order  issue  domain         start             title             reason
        1      #1     frontend       immediately       [Frontend] Let …  the title says
                                                                         so
        2      #2     documentation  immediately       Explain how to …  the title says
                                                                         so
        3      #3     frontend       domain frontend   [Frontend] Show…  the title says
                                     is busy with #1                     so
        ");
    }

    #[test]
    fn no_input_gives_no_answer() {
        assert_eq!(answers(b""), (0, String::new()));
    }
}
