//! The command that started a session, and the follow-up commands that hints suggest.
//!
//! ```text
//!   autoissue exec bug --issue 2 --dry-run      (typed, or read from the journal)
//!        └─► command::read ─► Typed ─┬─► again      autoissue exec bug --issue 2
//!                                    ├─► resume     autoissue resume ID
//!                                    └─► show       autoissue show ID 2
//! ```
//!
//! A suggested command repeats what the user typed, with its flags, except those that no longer
//! apply. Each command that starts a session destructures its arguments by name, so a new flag does
//! not compile until it is decided which suggestions keep it.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use autoissue_core::engine::{IssueNumber, SessionInfo, Usd};

use crate::args::{Color, Common, OutputForm, RunArgs, ServeArgs};
use crate::shell::quoted;

/// Overrides the state directory.
pub(crate) const STATE_VARIABLE: &str = "AUTOISSUE_STATE_DIR";

/// Parses a command line. It is passed down from the top, because the code that displays sessions
/// does not know the commands.
pub(crate) type ReadCommand = fn(&str) -> Typed;

/// A command that started or continued a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typed {
    common: Common,
    run: RunArgs,
    yes: bool,
    command: TypedCommand,
    /// The directory to change to first, if the command would not find the repository otherwise.
    directory: Option<PathBuf>,
    /// The state directory, if it was set by this program and not by the shell.
    state_dir: Option<String>,
}

/// The commands that a hint may mention.
#[derive(Clone, Debug)]
pub(crate) struct HintContext {
    /// The command that failed.
    pub(crate) typed: Typed,
    /// Parses other commands.
    pub(crate) read_command: ReadCommand,
}

impl HintContext {
    /// Creates the context for a command line.
    pub(crate) fn of(command: &str, read_command: ReadCommand) -> Self {
        Self {
            typed: read_command(command),
            read_command,
        }
    }
}

/// What a command does. Flags shared with other commands are in [`Typed`].
#[derive(Clone, Debug, Default)]
pub(crate) enum TypedCommand {
    /// Runs the issues with a label.
    Exec {
        label: String,
        /// Its own flags that suggestions keep.
        flags: Words,
    },
    /// Makes a plan, or runs a saved one.
    Plan(PlanFiles),
    /// Runs the sample.
    Demo,
    /// Continues a session, or cannot be parsed because another release had different flags.
    #[default]
    Other,
}

/// The files of `plan`.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlanFiles {
    /// The plan that it ran.
    pub(crate) from: Option<PathBuf>,
    /// Where it saved the plan.
    pub(crate) out: Option<PathBuf>,
    /// No issues were created.
    pub(crate) dry_run: bool,
}

impl Typed {
    /// Creates the value from a command's arguments.
    pub(crate) fn new(common: Common, run: RunArgs, yes: bool, command: TypedCommand) -> Self {
        Self {
            common,
            run,
            yes,
            command,
            ..Self::default()
        }
    }

    /// Returns whether it runs the sample.
    pub(crate) const fn is_demo(&self) -> bool {
        matches!(self.command, TypedCommand::Demo)
    }

    /// Changes to a directory first.
    pub(crate) fn in_directory(self, directory: &Path) -> Self {
        Self {
            directory: Some(directory.to_owned()),
            ..self
        }
    }

    /// Sets the state directory, which the shell does not know.
    pub(crate) fn with_state_dir(self, state_dir: Option<String>) -> Self {
        Self { state_dir, ..self }
    }

    /// Adds the flags of a later command, which take precedence.
    pub(crate) fn followed_by(self, later: Self) -> Self {
        let Common {
            config,
            output,
            verbose,
            quiet,
            color,
            plugins,
            grants,
        } = later.common;
        // Grants are for the plugins that they were typed with.
        let (plugins, grants) = if plugins.is_empty() {
            (self.common.plugins, self.common.grants)
        } else {
            (plugins, grants)
        };
        let RunArgs {
            max_parallel,
            budget,
            headless,
            yolo,
            dashboard: ServeArgs { dashboard, port },
        } = later.run;
        Self {
            common: Common {
                config: config.or(self.common.config),
                output,
                verbose,
                quiet,
                color,
                plugins,
                grants,
            },
            run: RunArgs {
                max_parallel: max_parallel.or(self.run.max_parallel),
                budget: budget.or(self.run.budget),
                headless: headless || self.run.headless,
                yolo: yolo || self.run.yolo,
                dashboard: ServeArgs {
                    dashboard: dashboard || self.run.dashboard.dashboard,
                    port: port.or(self.run.dashboard.port),
                },
            },
            yes: later.yes || self.yes,
            ..self
        }
    }

    /// Returns whether it has a different meaning in another directory.
    pub(crate) fn has_relative_paths(&self) -> bool {
        let plugins = self.common.plugins.iter().map(|plugin| &plugin.path);
        let mut paths: Vec<&PathBuf> = self.common.config.iter().chain(plugins).collect();
        if let TypedCommand::Plan(files) = &self.command {
            paths.extend(files.from.iter().chain(&files.out));
        }
        paths.iter().any(|path| path.is_relative())
    }

    /// Returns the command that does the same again, without `--dry-run`. `plan_file` is where the
    /// session keeps its plan, if it has one; `budget` replaces the typed one.
    pub(crate) fn again(
        &self,
        info: &SessionInfo,
        plan_file: Option<&Path>,
        budget: Option<Usd>,
    ) -> String {
        let mut run = self.run.clone();
        if let Some(budget) = budget {
            run.budget = Some(budget.dollars().ceil());
        }
        match (&self.command, &info.directive) {
            (TypedCommand::Plan(files), _) => self.plan_again(files, info, plan_file, &run),
            (_, Some(_)) => self.plan_again(&PlanFiles::default(), info, plan_file, &run),
            (TypedCommand::Exec { label, flags }, None) => {
                self.exec_again(label, flags.clone(), &run)
            }
            (TypedCommand::Demo | TypedCommand::Other, None) => {
                self.exec_again(&info.label, Words::default(), &run)
            }
        }
    }

    fn exec_again(&self, label: &String, mut words: Words, run: &RunArgs) -> String {
        self.run_words(&mut words, run);
        self.in_project(&words.command("exec", Some(label)))
    }

    fn plan_again(
        &self,
        files: &PlanFiles,
        info: &SessionInfo,
        plan_file: Option<&Path>,
        run: &RunArgs,
    ) -> String {
        let PlanFiles { from, out, dry_run } = files;
        let mut words = Words::default();
        // A saved plan has an id, and the file of a dry run needs none because nothing was created.
        // For any other session, its own copy is the one that identifies its issues.
        let typed = out.as_deref().or(from.as_deref().filter(|_| *dry_run));
        let file = plan_file.map(|file| typed.unwrap_or(file));
        words.values("--from", file.map(Path::display));
        if file.is_none() {
            words.values("--out", out.as_deref().map(Path::display));
        }
        words.flag("--yes", self.yes);
        self.run_words(&mut words, run);
        let directive = info.directive.clone().unwrap_or_default();
        self.in_project(&words.command("plan", file.is_none().then_some(&directive)))
    }

    /// Returns the command that continues the session.
    pub(crate) fn resume(&self, session: &str) -> String {
        self.resume_of(Some(&session.to_owned()))
    }

    /// Returns the command that continues the newest session.
    pub(crate) fn resume_newest(&self) -> String {
        self.resume_of(None)
    }

    fn resume_of(&self, session: Option<&String>) -> String {
        let mut words = Words::default();
        words.flag("--yes", self.yes);
        self.run_words(&mut words, &self.run);
        self.in_project(&words.command("resume", session))
    }

    /// Returns the command that shows the session, or one issue in it.
    pub(crate) fn show(&self, session: &str, issue: Option<IssueNumber>) -> String {
        let issue = issue
            .map(|issue| format!(" {}", issue.0))
            .unwrap_or_default();
        self.reading(&format!("autoissue show {}{issue}", quoted(session)))
    }

    /// Returns the command that shows the tasks of the session.
    pub(crate) fn status(&self, session: &str) -> String {
        self.reading(&format!("autoissue status {}", quoted(session)))
    }

    /// Returns the `doctor` command.
    pub(crate) fn doctor(&self) -> String {
        let mut words = Words::default();
        let Common {
            config,
            plugins,
            grants,
            output: _,
            verbose: _,
            quiet: _,
            color: _,
        } = &self.common;
        words.values("--config", config.as_deref().map(Path::display));
        words.values("--plugin", plugins);
        words.values("--grant", grants);
        self.in_project(&words.command("doctor", None))
    }

    /// Adds what a command that only reads the journal needs; that is neither configuration nor
    /// repository.
    fn reading(&self, command: &str) -> String {
        match &self.state_dir {
            Some(state_dir) => format!("{STATE_VARIABLE}={} {command}", quoted(state_dir)),
            None => command.to_owned(),
        }
    }

    fn in_project(&self, command: &str) -> String {
        let command = self.reading(command);
        match &self.directory {
            Some(directory) => {
                format!("cd {} && {command}", quoted(&directory.to_string_lossy()))
            }
            None => command,
        }
    }

    /// Adds the flags shared by all commands that run a session.
    fn run_words(&self, words: &mut Words, run: &RunArgs) {
        let RunArgs {
            max_parallel,
            budget,
            headless,
            yolo,
            dashboard: ServeArgs { dashboard, port },
        } = run;
        words.values("--max-parallel", max_parallel);
        words.values("--budget", budget);
        words.flag("--headless", *headless);
        words.flag("--yolo", *yolo);
        words.flag("--dashboard", *dashboard);
        words.values("--port", port);
        let Common {
            config,
            output,
            verbose,
            quiet,
            color,
            plugins,
            grants,
        } = &self.common;
        words.values("--config", config.as_deref().map(Path::display));
        words.values("--plugin", plugins);
        words.values("--grant", grants);
        if *output == OutputForm::Json {
            words.values("--output", ["json"]);
        }
        words.flag("--verbose", *verbose);
        words.flag("--quiet", *quiet);
        match color {
            Color::Auto => {}
            Color::Always => words.values("--color", ["always"]),
            Color::Never => words.values("--color", ["never"]),
        }
    }
}

/// The words of a command, quoted for a shell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words(Vec<String>);

impl Words {
    /// Adds a flag, if it is set.
    pub(crate) fn flag(&mut self, name: &str, is_set: bool) {
        if is_set {
            self.0.push(name.to_owned());
        }
    }

    /// Adds a flag with each of its values.
    pub(crate) fn values(&mut self, name: &str, values: impl IntoIterator<Item = impl Display>) {
        for value in values {
            let value = value.to_string();
            if value.starts_with('-') {
                self.0.push(format!("{name}={}", quoted(&value)));
            } else {
                self.0.extend([name.to_owned(), quoted(&value)]);
            }
        }
    }

    /// Returns the whole command. An operand that looks like a flag is placed after `--`.
    fn command(self, name: &str, operand: Option<&String>) -> String {
        let mut words = vec!["autoissue".to_owned(), name.to_owned()];
        match operand {
            Some(operand) if operand.starts_with('-') => {
                words.extend(self.0);
                words.extend(["--".to_owned(), quoted(operand)]);
            }
            operand => {
                words.extend(operand.map(|operand| quoted(operand)));
                words.extend(self.0);
            }
        }
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command::{Arguments, read};
    use crate::shell::words;

    fn info(label: &str, directive: Option<&str>) -> SessionInfo {
        SessionInfo {
            label: label.to_owned(),
            directive: directive.map(str::to_owned),
            ..SessionInfo::default()
        }
    }

    #[track_caller]
    fn again(command: &str, expected: &str) {
        let typed = read(command);
        assert_eq!(typed.again(&info("bug", None), None, None), expected);
        // The result works as printed, and repeating it gives the same command.
        assert_eq!(
            read(expected).again(&info("bug", None), None, None),
            expected
        );
    }

    #[track_caller]
    fn plan_again(command: &str, plan_file: Option<&str>, expected: &str) {
        let info = info("", Some("Build it\n'now'"));
        let plan_file = plan_file.map(Path::new);
        assert_eq!(read(command).again(&info, plan_file, None), expected);
        assert!(
            Arguments::try_parse_from(words(expected)).is_ok(),
            "{expected}"
        );
    }

    #[test]
    fn everything_typed_is_kept_except_the_dry_run() {
        again(
            "autoissue exec bug --issue 2 --issue 9 --budget 5.5 --max-parallel 1 --dry-run",
            "autoissue exec bug --issue 2 --issue 9 --max-parallel 1 --budget 5.5",
        );
        again(
            "autoissue --config 'my conf.json' exec bug --allow-partial --until 6:05 --ignore-external-dependencies --fail-if-empty",
            "autoissue exec bug --allow-partial --until 06:05 --ignore-external-dependencies --fail-if-empty --config 'my conf.json'",
        );
        again(
            "autoissue exec bug --headless --yolo --dashboard --port 0 --plugin ./a.wasm --plugin classifier=b.wasm --grant exec=codex --grant env=KEY -q",
            "autoissue exec bug --headless --yolo --dashboard --port 0 --plugin ./a.wasm --plugin classifier=b.wasm --grant exec=codex --grant env=KEY --quiet",
        );
        again(
            "autoissue exec --color never -v --output json -- '-odd label'",
            "autoissue exec --output json --verbose --color never -- '-odd label'",
        );
    }

    #[test]
    fn a_budget_that_was_too_small_is_replaced() {
        let typed = read("autoissue exec bug --budget 1 --issue 2");
        assert_eq!(
            typed.again(&info("bug", None), None, Some(Usd::from_cents(480))),
            "autoissue exec bug --issue 2 --budget 5"
        );
    }

    #[test]
    fn a_session_is_resumed_with_its_original_flags() {
        let begun = "autoissue exec bug --issue 2 --allow-partial --budget 5 --config a.json --yolo --dry-run";
        assert_eq!(
            read(begun).resume("20261122-1315-7f3a"),
            "autoissue resume 20261122-1315-7f3a --budget 5 --yolo --config a.json"
        );
        let later = read("autoissue resume 2026 --budget 80 --headless");
        let both = read(begun).followed_by(later);
        assert_eq!(
            both.resume("x"),
            "autoissue resume x --budget 80 --headless --yolo --config a.json"
        );
        assert_eq!(
            both.again(&info("bug", None), None, None),
            "autoissue exec bug --issue 2 --allow-partial --budget 80 --headless --yolo --config a.json"
        );
        assert_eq!(
            read("autoissue plan x --yes --out p.json").resume("x"),
            "autoissue resume x --yes"
        );
    }

    #[test]
    fn grants_stay_with_the_plugins_that_they_were_typed_with() {
        let begun = read("autoissue exec bug --plugin a.wasm --grant exec=codex");
        assert_eq!(
            begun.resume("x"),
            "autoissue resume x --plugin a.wasm --grant exec=codex"
        );
        assert_eq!(
            begun.doctor(),
            "autoissue doctor --plugin a.wasm --grant exec=codex"
        );
        let with_its_own = read("autoissue resume x --plugin b.wasm --grant env=KEY");
        assert_eq!(
            begun.clone().followed_by(with_its_own).resume("x"),
            "autoissue resume x --plugin b.wasm --grant env=KEY"
        );
        let without = read("autoissue resume x --budget 5");
        assert_eq!(
            begun.followed_by(without).resume("x"),
            "autoissue resume x --budget 5 --plugin a.wasm --grant exec=codex"
        );
    }

    #[test]
    fn a_saved_plan_is_run_from_its_file() {
        let kept = Some("/s/plan.json");
        plan_again(
            "autoissue plan x --dry-run --yes --budget 9",
            kept,
            "autoissue plan --from /s/plan.json --yes --budget 9",
        );
        plan_again(
            "autoissue plan x --out mine.json --dry-run",
            kept,
            "autoissue plan --from mine.json",
        );
        plan_again(
            "autoissue plan --from mine.json --dry-run",
            kept,
            "autoissue plan --from mine.json",
        );
        plan_again(
            "autoissue plan --from mine.json",
            kept,
            "autoissue plan --from /s/plan.json",
        );
        plan_again(
            "autoissue plan x --out mine.json --dry-run",
            None,
            r"autoissue plan $'Build it\n\'now\'' --out mine.json",
        );
    }

    #[test]
    fn an_unreadable_command_is_derived_from_the_session() {
        for command in ["", "autoissue", "autoissue exec bug --from-a-later-release"] {
            again(command, "autoissue exec bug");
        }
    }

    #[test]
    fn a_command_that_only_reads_needs_no_configuration() {
        let typed = read("autoissue exec bug --config a.json --plugin p --budget 1");
        assert_eq!(typed.show("x", Some(IssueNumber(7))), "autoissue show x 7");
        assert_eq!(typed.status("x"), "autoissue status x");
        assert_eq!(
            typed.doctor(),
            "autoissue doctor --config a.json --plugin p"
        );
    }

    #[test]
    fn the_demo_is_found_again_from_anywhere() {
        let typed = Typed {
            directory: Some("/tmp/d 1/logbook".into()),
            state_dir: Some("/tmp/d 1/state".to_owned()),
            ..read("autoissue demo --dir 'd 1' -q --config other.json")
        };
        assert_eq!(
            typed.show("x", None),
            "AUTOISSUE_STATE_DIR='/tmp/d 1/state' autoissue show x"
        );
        assert_eq!(
            typed.resume("x"),
            "cd '/tmp/d 1/logbook' && AUTOISSUE_STATE_DIR='/tmp/d 1/state' autoissue resume x --quiet"
        );
    }
}
