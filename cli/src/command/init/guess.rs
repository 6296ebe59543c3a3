//! Guesses the setup and test commands of a repository from the files in its root. Reads files
//! only; runs nothing.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

/// Maximum number of bytes to read of a file that may name a command.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Commands that a repository seems to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Guessed {
    /// Commands that install dependencies; only if a lock file identifies the tool.
    pub(super) setup: Vec<Guess>,
    /// Commands that run the tests.
    pub(super) checks: Vec<Guess>,
}

/// A command, and the file it was derived from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Guess {
    pub(super) command: String,
    pub(super) from: &'static str,
}

/// A lock file, the install command that respects it, and the prefix for running installed
/// programs.
type Manager = (&'static str, &'static str, &'static str);

/// In order of precedence: a migrated repository sometimes keeps the old file.
const NODE: [Manager; 6] = [
    ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm "),
    ("yarn.lock", "yarn install --frozen-lockfile", "yarn "),
    ("bun.lock", "bun install --frozen-lockfile", "bun run "),
    ("bun.lockb", "bun install --frozen-lockfile", "bun run "),
    ("package-lock.json", "npm ci", "npm "),
    ("npm-shrinkwrap.json", "npm ci", "npm "),
];
const PYTHON: [Manager; 3] = [
    ("uv.lock", "uv sync", "uv run "),
    ("poetry.lock", "poetry install", "poetry run "),
    ("Pipfile.lock", "pipenv sync --dev", "pipenv run "),
];
/// The start of a lock file of Yarn 2 or later, which has another name for the option.
const NEW_YARN: &str = "__metadata:";

/// Inspects the files in the root of a repository.
pub(super) fn look(root: &Path) -> Guessed {
    let mut look = Look {
        root,
        guessed: Guessed::default(),
    };
    look.rust();
    look.node();
    look.python();
    look.ruby();
    look.php();
    look.others();
    look.task_runners();
    look.guessed
}

struct Look<'r> {
    root: &'r Path,
    guessed: Guessed,
}

impl Look<'_> {
    fn has(&self, name: &str) -> bool {
        self.root.join(name).is_file()
    }

    fn text(&self, name: &str) -> Option<String> {
        let path = self.root.join(name);
        let is_small = path
            .metadata()
            .is_ok_and(|found| found.is_file() && found.len() <= FILE_BYTES_MAX);
        if is_small {
            std::fs::read_to_string(path).ok()
        } else {
            None
        }
    }

    fn contains(&self, name: &str, word: &str) -> bool {
        self.text(name).is_some_and(|text| text.contains(word))
    }

    fn setup(&mut self, command: impl Into<String>, from: &'static str) {
        self.guessed.setup.push(Guess {
            command: command.into(),
            from,
        });
    }

    fn check(&mut self, command: impl Into<String>, from: &'static str) {
        self.guessed.checks.push(Guess {
            command: command.into(),
            from,
        });
    }

    /// Adds the setup command of the first lock file found, and returns the prefix for its
    /// programs.
    fn manager(&mut self, managers: &[Manager]) -> Option<&'static str> {
        let &(lock, install, run) = managers.iter().find(|(lock, ..)| self.has(lock))?;
        let is_new_yarn = lock == "yarn.lock" && self.contains(lock, NEW_YARN);
        self.setup(
            if is_new_yarn {
                "yarn install --immutable"
            } else {
                install
            },
            lock,
        );
        Some(run)
    }

    fn rust(&mut self) {
        if self.has("Cargo.toml") {
            let is_workspace = self.contains("Cargo.toml", "[workspace");
            self.check(
                if is_workspace {
                    "cargo test --workspace"
                } else {
                    "cargo test"
                },
                "Cargo.toml",
            );
        }
    }

    fn node(&mut self) {
        let Some(package) = self.text("package.json") else {
            return;
        };
        let run = self.manager(&NODE).unwrap_or("npm ");
        if has_test_script(&package) {
            self.check(format!("{run}test"), "package.json");
        }
    }

    fn python(&mut self) {
        let run = self.manager(&PYTHON).unwrap_or_default();
        let files = ["pytest.ini", "conftest.py", "tests/conftest.py"];
        let by_name = files.into_iter().find(|name| self.has(name));
        let by_content = || {
            let files = [
                ("pyproject.toml", "pytest"),
                ("setup.cfg", "[tool:pytest]"),
                ("tox.ini", "[pytest]"),
            ];
            files
                .into_iter()
                .find(|(name, word)| self.contains(name, word))
                .map(|(name, _)| name)
        };
        if let Some(from) = by_name.or_else(by_content) {
            self.check(format!("{run}pytest"), from);
        }
    }

    fn ruby(&mut self) {
        if self.has("Gemfile.lock") {
            self.setup("bundle install", "Gemfile.lock");
        }
        if self.has(".rspec") {
            self.check("bundle exec rspec", ".rspec");
        } else if self.has("Rakefile") && self.root.join("test").is_dir() {
            self.check("bundle exec rake test", "Rakefile");
        }
    }

    fn php(&mut self) {
        if self.has("composer.lock") {
            self.setup("composer install", "composer.lock");
        }
        if self
            .text("composer.json")
            .is_some_and(|package| has_test_script(&package))
        {
            self.check("composer test", "composer.json");
        } else if let Some(from) = ["phpunit.xml", "phpunit.xml.dist"]
            .into_iter()
            .find(|name| self.has(name))
        {
            self.check("vendor/bin/phpunit", from);
        }
    }

    fn others(&mut self) {
        if self.has("go.mod") {
            self.check("go test ./...", "go.mod");
        }
        if self.has("pom.xml") {
            self.check(
                if self.has("mvnw") {
                    "./mvnw -B test"
                } else {
                    "mvn -B test"
                },
                "pom.xml",
            );
        }
        if let Some(from) = ["build.gradle", "build.gradle.kts"]
            .into_iter()
            .find(|name| self.has(name))
        {
            self.check(
                if self.has("gradlew") {
                    "./gradlew test"
                } else {
                    "gradle test"
                },
                from,
            );
        }
        if self.has("mix.exs") {
            if self.has("mix.lock") {
                self.setup("mix deps.get", "mix.lock");
            }
            self.check("mix test", "mix.exs");
        }
    }

    /// Makefiles mostly call one of the other tools, so they are used only if nothing else was
    /// found.
    fn task_runners(&mut self) {
        fn is_test(line: &str) -> bool {
            line.strip_prefix("test")
                .is_some_and(|rest| rest.trim_start().starts_with(':'))
        }

        if !self.guessed.checks.is_empty() {
            return;
        }
        let runners = [
            ("make test", "Makefile"),
            ("make test", "makefile"),
            ("make test", "GNUmakefile"),
            ("just test", "justfile"),
        ];
        let has_test = |name: &str| {
            self.text(name)
                .is_some_and(|text| text.lines().any(is_test))
        };
        if let Some((command, from)) = runners.into_iter().find(|(_, name)| has_test(name)) {
            self.check(command, from);
        }
    }
}

/// Returns whether there is a test script other than the one that `npm init` writes, which always
/// fails. Composer uses the same key; several commands are a list there.
fn has_test_script(package: &str) -> bool {
    let package: Value = serde_json::from_str(package).unwrap_or_default();
    match &package["scripts"]["test"] {
        Value::String(script) => !script.is_empty() && !script.contains("no test specified"),
        Value::Array(commands) => !commands.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], setup: &[&str], checks: &[&str]) {
        fn commands(guesses: &[Guess]) -> Vec<String> {
            guesses.iter().map(|guess| guess.command.clone()).collect()
        }

        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let guessed = look(root.path());
        assert_eq!(
            (commands(&guessed.setup), commands(&guessed.checks)),
            (owned(setup), owned(checks)),
            "{files:?}"
        );
        let is_there = |guess: &&Guess| files.iter().any(|(name, _)| *name == guess.from);
        assert!(
            guessed
                .setup
                .iter()
                .chain(&guessed.checks)
                .all(|guess| is_there(&guess)),
            "{guessed:?}"
        );
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    const PACKAGE: (&str, &str) = ("package.json", r#"{"scripts":{"test":"vitest"}}"#);

    #[test]
    fn dependencies_are_installed_as_the_lock_file_says() {
        check(&[PACKAGE], &[], &["npm test"]);
        check(
            &[PACKAGE, ("package-lock.json", "{}")],
            &["npm ci"],
            &["npm test"],
        );
        check(
            &[PACKAGE, ("pnpm-lock.yaml", "")],
            &["pnpm install --frozen-lockfile"],
            &["pnpm test"],
        );
        check(
            &[PACKAGE, ("yarn.lock", "# yarn lockfile v1")],
            &["yarn install --frozen-lockfile"],
            &["yarn test"],
        );
        check(
            &[PACKAGE, ("yarn.lock", "__metadata:\n  version: 8")],
            &["yarn install --immutable"],
            &["yarn test"],
        );
        check(
            &[PACKAGE, ("bun.lock", "")],
            &["bun install --frozen-lockfile"],
            &["bun run test"],
        );
        check(
            &[
                ("uv.lock", ""),
                ("pyproject.toml", "[tool.pytest.ini_options]"),
            ],
            &["uv sync"],
            &["uv run pytest"],
        );
        check(
            &[("poetry.lock", ""), ("tests/conftest.py", "")],
            &["poetry install"],
            &["poetry run pytest"],
        );
        check(
            &[("Gemfile.lock", ""), (".rspec", "")],
            &["bundle install"],
            &["bundle exec rspec"],
        );
        check(
            &[("mix.lock", ""), ("mix.exs", "")],
            &["mix deps.get"],
            &["mix test"],
        );
        let composer = ("composer.json", r#"{"scripts":{"test":["phpunit"]}}"#);
        check(
            &[composer, ("composer.lock", "")],
            &["composer install"],
            &["composer test"],
        );
    }

    #[test]
    fn checks_are_guessed_from_files() {
        check(
            &[("Cargo.toml", "[package]"), ("Makefile", "test:\n")],
            &[],
            &["cargo test"],
        );
        check(
            &[("Cargo.toml", "[workspace]")],
            &[],
            &["cargo test --workspace"],
        );
        check(
            &[("go.mod", ""), ("setup.cfg", "[tool:pytest]")],
            &[],
            &["pytest", "go test ./..."],
        );
        check(&[("pom.xml", ""), ("mvnw", "")], &[], &["./mvnw -B test"]);
        check(&[("build.gradle.kts", "")], &[], &["gradle test"]);
        check(&[("Makefile", "all:\ntest : all\n")], &[], &["make test"]);
        check(&[("justfile", "test:\n  true\n")], &[], &["just test"]);
        check(&[("phpunit.xml.dist", "")], &[], &["vendor/bin/phpunit"]);
    }

    #[test]
    fn a_script_that_is_not_a_test_is_ignored() {
        let placeholder = r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#;
        check(
            &[("package.json", placeholder), ("package-lock.json", "{}")],
            &["npm ci"],
            &[],
        );
        check(&[("package.json", "torn {")], &[], &[]);
        check(
            &[("Makefile", "tests:\n"), ("pyproject.toml", "[project]")],
            &[],
            &[],
        );
        check(&[("README.md", "")], &[], &[]);
    }
}
