//! The command that a session was begun with, and the commands that we tell people to type after it.
//!
//! ```text
//!   autoissue exec bug --issue 2 --dry-run      (typed, or read from the journal)
//!        └─► Arguments ─► Typed ─┬─► again      autoissue exec bug --issue 2
//!                                ├─► resume     autoissue resume ID
//!                                └─► show       autoissue show ID 2
//! ```
//!
//! A printed command is the one that was typed, with its flags, without those that no longer apply. Arguments are taken apart
//! by name, so a new flag does not compile until it is decided which of these commands keep it.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use autoissue_core::engine::{About, IssueNumber, Usd};
use autoissue_core::journal::SessionRow;
use clap::Parser;

use crate::args::{
    Arguments, Color, Command, Common, DemoArgs, ExecArgs, OutputForm, PlanArgs, ResumeArgs,
    RunArgs, ServeArgs,
};
use crate::host::{Surroundings, quoted};
use crate::project::git_root;

/// Where state is kept, unless it is set.
pub(crate) const STATE_VARIABLE: &str = "AUTOISSUE_STATE_DIR";

/// A command that began a session, or continued one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typed {
    common: Common,
    run: RunArgs,
    yes: bool,
    deed: Deed,
    /// The directory to change into first, where the command would not find the repository otherwise.
    directory: Option<PathBuf>,
    /// The state directory, where it was set by us and not by the shell.
    state_dir: Option<String>,
}

/// What a command does. Flags that other commands have too are in [`Typed`].
#[derive(Clone, Debug, Default)]
enum Deed {
    Exec(ExecArgs),
    Plan(PlanArgs),
    Demo,
    /// Continues a session, or cannot be read: a later release may have had other flags.
    #[default]
    Other,
}

impl Typed {
    /// Reads a command line as [`Surroundings`] and the journal keep it.
    pub(crate) fn of(command: &str) -> Self {
        let Ok(Arguments { common, command }) = Arguments::try_parse_from(words(command)) else {
            return Self::default();
        };
        let typed = |run, yes, deed| Self {
            common,
            run,
            yes,
            deed,
            ..Self::default()
        };
        match command {
            Command::Exec(mut args) => {
                typed(std::mem::take(&mut args.run), false, Deed::Exec(args))
            }
            Command::Plan(mut args) => {
                typed(std::mem::take(&mut args.run), args.yes, Deed::Plan(args))
            }
            Command::Resume(ResumeArgs {
                session: _,
                yes,
                dry_run: _,
                run,
            }) => typed(run, yes, Deed::Other),
            Command::Demo(DemoArgs {
                dir: _,
                headless,
                dashboard,
            }) => {
                let run = RunArgs {
                    headless,
                    dashboard,
                    ..RunArgs::default()
                };
                let mut typed = typed(run, false, Deed::Demo);
                // The sample brings its own.
                typed.common.config = None;
                typed
            }
            _ => Self::default(),
        }
    }

    /// Returns the command that began a recorded session, to be typed here.
    pub(crate) fn recorded(row: &SessionRow, around: &Surroundings) -> Self {
        let project = Path::new(&row.project_path);
        let typed = Self::of(&row.command);
        let is_inside = || git_root(&around.current_dir).is_ok_and(|root| root == project);
        if around.current_dir == project || (is_inside() && !typed.has_relative_paths()) {
            typed.of_demo(around, project)
        } else {
            Self {
                directory: Some(project.to_owned()),
                ..typed
            }
            .of_demo(around, project)
        }
    }

    /// Returns the command that began a session, with what the command that now runs has added. `row` is missing where nothing
    /// was recorded.
    pub(crate) fn now(row: Option<&SessionRow>, around: &Surroundings) -> Self {
        let now = Self::of(&around.command);
        let typed = match row {
            Some(row) => Self::of(&row.command).followed_by(now),
            None => now,
        };
        typed.of_demo(around, &around.current_dir)
    }

    /// The demo works in a directory of its own, and with a state directory that the shell knows nothing of.
    fn of_demo(self, around: &Surroundings, project: &Path) -> Self {
        if !matches!(self.deed, Deed::Demo) {
            return self;
        }
        Self {
            directory: Some(project.to_owned()),
            state_dir: around
                .env
                .iter()
                .rfind(|(name, _)| name == STATE_VARIABLE)
                .map(|(_, value)| value.clone()),
            ..self
        }
    }

    /// Adds what a later command says; where both say something, the later counts.
    fn followed_by(self, later: Self) -> Self {
        let Common {
            config,
            output,
            verbose,
            quiet,
            color,
            plugins,
        } = later.common;
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
                plugins: if plugins.is_empty() {
                    self.common.plugins
                } else {
                    plugins
                },
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

    fn has_relative_paths(&self) -> bool {
        let plugins = self.common.plugins.iter().map(|plugin| &plugin.path);
        let mut paths: Vec<&PathBuf> = self.common.config.iter().chain(plugins).collect();
        if let Deed::Plan(PlanArgs { from, out, .. }) = &self.deed {
            paths.extend(from.iter().chain(out));
        }
        paths.iter().any(|path| path.is_relative())
    }

    /// Returns the command that does the same once more, for real if it was a dry run. `plan_file` is where the session keeps its
    /// plan, if it has one; `budget` replaces the one that was typed.
    pub(crate) fn again(
        &self,
        about: &About,
        plan_file: Option<&Path>,
        budget: Option<Usd>,
    ) -> String {
        let mut run = self.run.clone();
        if let Some(budget) = budget {
            run.budget = Some(budget.dollars().ceil());
        }
        match (&self.deed, &about.directive) {
            (Deed::Plan(args), _) => self.plan_again(args, about, plan_file, &run),
            (_, Some(_)) => self.plan_again(&PlanArgs::default(), about, plan_file, &run),
            (Deed::Exec(args), None) => self.exec_again(args, &run),
            (Deed::Demo | Deed::Other, None) => {
                let args = ExecArgs {
                    label: about.label.clone(),
                    ..ExecArgs::default()
                };
                self.exec_again(&args, &run)
            }
        }
    }

    fn exec_again(&self, args: &ExecArgs, run: &RunArgs) -> String {
        let ExecArgs {
            label,
            issues,
            allow_partial,
            until,
            ignore_external_dependencies,
            fail_if_empty,
            dry_run: _,
            run: _,
        } = args;
        let mut words = Words::default();
        words.values("--issue", issues);
        words.flag("--allow-partial", *allow_partial);
        words.values("--until", until);
        words.flag(
            "--ignore-external-dependencies",
            *ignore_external_dependencies,
        );
        words.flag("--fail-if-empty", *fail_if_empty);
        self.run_words(&mut words, run);
        self.in_project(&words.command("exec", Some(label)))
    }

    fn plan_again(
        &self,
        args: &PlanArgs,
        about: &About,
        plan_file: Option<&Path>,
        run: &RunArgs,
    ) -> String {
        let PlanArgs {
            directive: _,
            from,
            out,
            yes: _,
            dry_run,
            schema: _,
            run: _,
        } = args;
        let mut words = Words::default();
        // A plan that was saved has its id, and the file of a dry run needs none: nothing was created. Any other session's own
        // copy is the one by which its issues are found again.
        let typed = out.as_deref().or(from.as_deref().filter(|_| *dry_run));
        let file = plan_file.map(|file| typed.unwrap_or(file));
        words.values("--from", file.map(Path::display));
        if file.is_none() {
            words.values("--out", out.as_deref().map(Path::display));
        }
        words.flag("--yes", self.yes);
        self.run_words(&mut words, run);
        let directive = about.directive.clone().unwrap_or_default();
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

    /// Returns the command that looks for what is wrong.
    pub(crate) fn doctor(&self) -> String {
        let mut words = Words::default();
        let Common {
            config,
            plugins,
            output: _,
            verbose: _,
            quiet: _,
            color: _,
        } = &self.common;
        words.values("--config", config.as_deref().map(Path::display));
        words.values("--plugin", plugins);
        self.in_project(&words.command("doctor", None))
    }

    /// A command that reads the journal needs neither configuration nor repository.
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

    /// Adds the flags of all commands that run a session.
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
        } = &self.common;
        words.values("--config", config.as_deref().map(Path::display));
        words.values("--plugin", plugins);
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

/// The words of a command, each as a shell reads it.
#[derive(Debug, Default)]
struct Words(Vec<String>);

impl Words {
    fn flag(&mut self, name: &str, is_set: bool) {
        if is_set {
            self.0.push(name.to_owned());
        }
    }

    fn values(&mut self, name: &str, values: impl IntoIterator<Item = impl Display>) {
        for value in values {
            let value = value.to_string();
            if value.starts_with('-') {
                self.0.push(format!("{name}={}", quoted(&value)));
            } else {
                self.0.extend([name.to_owned(), quoted(&value)]);
            }
        }
    }

    /// Returns the whole command. An operand that looks like a flag stands behind `--`.
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

/// Splits a command line as a shell does, as far as [`quoted`] makes use of it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.extend(word.take()),
            '\'' => word
                .get_or_insert_default()
                .extend(chars.by_ref().take_while(|c| *c != '\'')),
            '\\' => word.get_or_insert_default().extend(chars.next()),
            '$' if chars.peek() == Some(&'\'') => {
                chars.next();
                unescape(&mut chars, word.get_or_insert_default());
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Reads the rest of `$'…'`.
fn unescape(chars: &mut impl Iterator<Item = char>, word: &mut String) {
    while let Some(c) = chars.next() {
        match c {
            '\'' => return,
            '\\' => match chars.next() {
                Some('n') => word.push('\n'),
                Some('t') => word.push('\t'),
                Some('U') => {
                    let digits: String = chars.by_ref().take(8).collect();
                    word.extend(
                        u32::from_str_radix(&digits, 16)
                            .ok()
                            .and_then(char::from_u32),
                    );
                }
                other => word.extend(other),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(label: &str, directive: Option<&str>) -> About {
        About {
            label: label.to_owned(),
            directive: directive.map(str::to_owned),
            ..About::default()
        }
    }

    #[track_caller]
    fn again(command: &str, expected: &str) {
        let typed = Typed::of(command);
        assert_eq!(typed.again(&about("bug", None), None, None), expected);
        // It works as printed, and says of itself what it is.
        assert_eq!(
            Typed::of(expected).again(&about("bug", None), None, None),
            expected
        );
    }

    #[track_caller]
    fn plan_again(command: &str, plan_file: Option<&str>, expected: &str) {
        let about = about("", Some("Build it\n'now'"));
        let plan_file = plan_file.map(Path::new);
        assert_eq!(Typed::of(command).again(&about, plan_file, None), expected);
        assert!(
            Arguments::try_parse_from(words(expected)).is_ok(),
            "{expected}"
        );
    }

    #[test]
    fn what_was_typed_is_kept_but_the_dry_run() {
        again(
            "autoissue exec bug --issue 2 --issue 9 --budget 5.5 --max-parallel 1 --dry-run",
            "autoissue exec bug --issue 2 --issue 9 --max-parallel 1 --budget 5.5",
        );
        again(
            "autoissue --config 'my conf.json' exec bug --allow-partial --until 6:05 --ignore-external-dependencies --fail-if-empty",
            "autoissue exec bug --allow-partial --until 06:05 --ignore-external-dependencies --fail-if-empty --config 'my conf.json'",
        );
        again(
            "autoissue exec bug --headless --yolo --dashboard --port 0 --plugin ./a.wasm --plugin classifier=b.wasm -q",
            "autoissue exec bug --headless --yolo --dashboard --port 0 --plugin ./a.wasm --plugin classifier=b.wasm --quiet",
        );
        again(
            "autoissue exec --color never -v --output json -- '-odd label'",
            "autoissue exec --output json --verbose --color never -- '-odd label'",
        );
    }

    #[test]
    fn a_budget_that_was_too_small_is_replaced() {
        let typed = Typed::of("autoissue exec bug --budget 1 --issue 2");
        assert_eq!(
            typed.again(&about("bug", None), None, Some(Usd::from_cents(480))),
            "autoissue exec bug --issue 2 --budget 5"
        );
    }

    #[test]
    fn a_session_is_resumed_with_what_it_was_begun_with() {
        let begun = "autoissue exec bug --issue 2 --allow-partial --budget 5 --config a.json --yolo --dry-run";
        assert_eq!(
            Typed::of(begun).resume("20261122-1315-7f3a"),
            "autoissue resume 20261122-1315-7f3a --budget 5 --yolo --config a.json"
        );
        let later = Typed::of("autoissue resume 2026 --budget 80 --headless");
        let both = Typed::of(begun).followed_by(later);
        assert_eq!(
            both.resume("x"),
            "autoissue resume x --budget 80 --headless --yolo --config a.json"
        );
        assert_eq!(
            both.again(&about("bug", None), None, None),
            "autoissue exec bug --issue 2 --allow-partial --budget 80 --headless --yolo --config a.json"
        );
        assert_eq!(
            Typed::of("autoissue plan x --yes --out p.json").resume("x"),
            "autoissue resume x --yes"
        );
    }

    #[test]
    fn a_plan_is_carried_out_from_where_it_is_kept() {
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
    fn what_cannot_be_read_is_told_from_the_session() {
        for command in ["", "autoissue", "autoissue exec bug --from-a-later-release"] {
            again(command, "autoissue exec bug");
        }
    }

    #[test]
    fn a_command_that_only_reads_needs_no_configuration() {
        let typed = Typed::of("autoissue exec bug --config a.json --plugin p --budget 1");
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
            ..Typed::of("autoissue demo --dir 'd 1' -q --config other.json")
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

    #[test]
    fn words_survive_quoting() {
        for word in [
            "bug",
            "help wanted",
            "it's",
            "",
            "a\nb",
            "\u{1b}[2J'\\",
            "ü$x",
        ] {
            assert_eq!(words(&quoted(word)), [word], "{}", quoted(word));
        }
        assert_eq!(words("a  b 'c d'e"), ["a", "b", "c de"]);
    }
}
