//! Tests of valid and invalid configurations. Nothing here reads the real environment.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A checkout with a configuration, and the other inputs of a load.
struct Setup {
    dir: TempDir,
    env: Vec<(String, String)>,
    flags: Vec<FlagValue>,
}

impl Setup {
    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".git")).unwrap();
        Self {
            dir,
            env: Vec::new(),
            flags: Vec::new(),
        }
    }

    fn file(text: &str) -> Self {
        let setup = Self::empty();
        fs::write(setup.path().join(FILE_NAME), text).unwrap();
        setup
    }

    /// Adds a file for all repositories.
    fn user(self, text: &str) -> Self {
        let directory = self.path().join("home/.config/autoissue");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(USER_FILE_NAME), text).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn flag(mut self, key: &'static str, value: Value, flag: &'static str) -> Self {
        self.flags.push(FlagValue { key, value, flag });
        self
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn load_with(&self, config_flag: Option<&str>) -> Result<Loaded, Vec<ConfigError>> {
        load(LoadRequest {
            config_flag: config_flag.map(PathBuf::from),
            user_dir: Some(self.path().join("home/.config/autoissue")),
            current_dir: self.path().to_owned(),
            env: &self.env,
            flags: self.flags.clone(),
        })
    }

    #[track_caller]
    fn load(&self) -> Loaded {
        self.load_with(None)
            .unwrap_or_else(|errors| panic!("{}", self.redact(&joined(&errors))))
    }

    /// Returns the error text of an invalid configuration.
    #[track_caller]
    fn complaint(&self) -> String {
        self.redact(&joined(&self.load_with(None).unwrap_err()))
    }

    fn redact(&self, text: &str) -> String {
        text.replace(&self.path().display().to_string(), "[dir]")
    }
}

fn joined(errors: &[ConfigError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[track_caller]
fn complaint(file: &str) -> String {
    Setup::file(file).complaint()
}

mod layering {
    use super::*;

    #[test]
    fn no_file_is_needed() {
        let setup = Setup::empty();
        let loaded = setup.load();
        let expected_path = Some(setup.path().to_owned());
        assert_eq!(loaded.config.project.path, expected_path);
        assert_eq!(loaded.file, None);
        assert_eq!(loaded.config.executor, Config::default().executor);
        assert_eq!(loaded.origin("executor.maxParallel"), Origin::Default);
    }

    #[test]
    fn the_later_layer_wins() {
        let file = r#"{"executor": {"maxParallel": 4, "timeoutMinutes": 40, "stallMinutes": 4, "prDraft": true}}"#;
        let setup = Setup::file(file)
            .env("AUTOISSUE__EXECUTOR__TIMEOUT_MINUTES", "50")
            .env("AUTOISSUE__EXECUTOR__STALL_MINUTES", "5")
            .flag("executor.stallMinutes", json!(6), "--stall-minutes");
        let loaded = setup.load();
        let executor = &loaded.config.executor;
        assert_eq!(
            (
                executor.max_parallel,
                executor.timeout_minutes,
                executor.stall_minutes
            ),
            (4, 50, 6)
        );
        assert!(executor.pr_draft && executor.create_pr);
        let origins = ["maxParallel", "timeoutMinutes", "stallMinutes", "createPr"];
        let origins = origins.map(|key| loaded.origin(&format!("executor.{key}")).to_string());
        assert_eq!(
            origins.map(|origin| setup.redact(&origin)),
            [
                "[dir]/autoissue.config.json:1",
                "environment AUTOISSUE__EXECUTOR__TIMEOUT_MINUTES",
                "flag --stall-minutes",
                "default",
            ]
        );
    }

    #[test]
    fn the_named_variable_beats_the_general_one() {
        let setup = Setup::empty()
            .env("AUTOISSUE_MAX_BUDGET", "12.5")
            .env("AUTOISSUE__MAX_TOTAL_BUDGET_USD", "99")
            .env("AUTOISSUE_GITHUB_API_URL", "https://ghe.example.com/api/v3");
        let loaded = setup.load();
        assert_eq!(loaded.config.max_total_budget_usd.micros(), 12_500_000);
        assert_eq!(
            loaded.config.github.api_url.as_deref(),
            Some("https://ghe.example.com/api/v3")
        );
        assert_eq!(
            loaded.origin("maxTotalBudgetUsd"),
            Origin::Env {
                name: "AUTOISSUE_MAX_BUDGET".to_owned()
            }
        );
    }

    #[test]
    fn a_variable_is_json_where_the_key_takes_it_and_text_where_not() {
        let setup = Setup::empty()
            .env("AUTOISSUE__AGENT__ENV", r#"["CI"]"#)
            .env("AUTOISSUE__AGENT__MODEL", "4")
            .env("AUTOISSUE__AGENT__MAX_TURNS", "4")
            .env("AUTOISSUE__DASHBOARD__AUTH__TOKEN", "1234")
            .env("AUTOISSUE__BREAKER", r#"{"threshold": 9}"#);
        let loaded = setup.load();
        let agent = &loaded.config.agent;
        assert_eq!(
            (agent.env.as_slice(), agent.model.as_str(), agent.max_turns),
            (&["CI".to_owned()][..], "4", Some(4))
        );
        assert!(
            matches!(&loaded.config.dashboard.auth.token, Some(SecretOrEnv::Value(s)) if s.expose() == "1234")
        );
        assert_eq!(
            (
                loaded.config.breaker.threshold,
                loaded.config.breaker.cooldown_seconds
            ),
            (9, 60)
        );
    }

    #[test]
    fn a_flag_can_add_to_a_list() {
        let setup = Setup::file(r#"{"plugins": [{"name": "a", "path": "a.wasm"}]}"#).flag(
            "plugins[]",
            json!({"name": "b", "path": "b.wasm"}),
            "--plugin",
        );
        let names: Vec<String> = setup
            .load()
            .config
            .plugins
            .into_iter()
            .map(|plugin| plugin.name)
            .collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn null_unsets_what_may_be_unset() {
        let setup =
            Setup::file(r#"{"agent": {"maxTurns": 7}}"#).env("AUTOISSUE__AGENT__MAX_TURNS", "null");
        assert_eq!(setup.load().config.agent.max_turns, None);
    }
}

mod files {
    use super::*;

    #[test]
    fn comments_and_trailing_commas_are_accepted() {
        let setup = Setup::file(
            "\u{feff}// A comment.\n{\n  \"$schema\": \"./schema.json\",\n  /* another */\n  \"breaker\": { \"threshold\": 7, },\n}\n",
        );
        let loaded = setup.load();
        assert_eq!(loaded.config.breaker.threshold, 7);
        let path = setup.path().join(FILE_NAME);
        assert_eq!(
            loaded.origin("breaker.threshold"),
            Origin::File {
                path,
                line: Some(5)
            }
        );
    }

    #[test]
    fn the_file_in_the_git_root_is_found_from_below() {
        let setup = Setup::file(r#"{"breaker": {"threshold": 7}}"#);
        let below = setup.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        let request = LoadRequest {
            config_flag: None,
            user_dir: None,
            current_dir: below,
            env: &[],
            flags: Vec::new(),
        };
        let loaded = load(request).unwrap();
        assert_eq!(loaded.config.breaker.threshold, 7);
        assert_eq!(loaded.config.project.path.as_deref(), Some(setup.path()));
    }

    #[test]
    fn a_file_below_the_root_is_named_and_not_read() {
        let setup = Setup::file(r#"{"breaker": {"threshold": 7}}"#);
        let below = setup.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        fs::write(
            setup.path().join("a").join(FILE_NAME),
            r#"{"breaker": {"threshold": 1}}"#,
        )
        .unwrap();
        let load_from = |current_dir| {
            let request = LoadRequest {
                config_flag: None,
                user_dir: None,
                current_dir,
                env: &[],
                flags: Vec::new(),
            };
            load(request).unwrap()
        };
        let loaded = load_from(below);
        assert_eq!(loaded.config.breaker.threshold, 7);
        assert_eq!(
            loaded
                .warnings
                .iter()
                .map(|text| setup.redact(text))
                .collect::<Vec<_>>(),
            [
                "ignoring `[dir]/a/autoissue.config.json`: only the file in the repository root, or one passed with `--config`, is read"
            ]
        );
        assert!(load_from(setup.path().to_owned()).warnings.is_empty());
    }

    #[test]
    fn the_repository_s_file_overrides_the_file_for_all_repositories() {
        let setup = Setup::file(r#"{"executor": {"maxParallel": 4}}"#)
            .user("{\n  \"executor\": {\"maxParallel\": 9, \"maxRetries\": 0},\n  \"logging\": {\"dir\": \"logs\"}\n}");
        let loaded = setup.load();
        let executor = &loaded.config.executor;
        assert_eq!((executor.max_parallel, executor.max_retries), (4, 0));
        let origins = ["executor.maxParallel", "executor.maxRetries", "logging.dir"];
        assert_eq!(
            origins.map(|key| setup.redact(&loaded.origin(key).to_string())),
            [
                "[dir]/autoissue.config.json:1",
                "[dir]/home/.config/autoissue/config.json:2",
                "[dir]/home/.config/autoissue/config.json:3",
            ]
        );
        let logs = setup.path().join("home/.config/autoissue/logs");
        assert_eq!(loaded.config.logging.dir, Some(logs));
        // It does not become the directory to work on.
        assert_eq!(loaded.config.project.path.as_deref(), Some(setup.path()));
    }

    #[test]
    fn errors_of_both_files_are_reported_together_each_with_its_place() {
        let setup = Setup::file(r#"{"executor": {"checks": ["a", {"name": "a", "run": "b"}]}}"#)
            .user("{\n\n  \"agent\": {\"model\": 4}}");
        assert_eq!(
            setup.complaint().lines().next(),
            Some("invalid `agent.model` in [dir]/home/.config/autoissue/config.json:3")
        );
        let setup = Setup::file("{").user("[]");
        let complaint = setup.complaint();
        assert!(
            complaint.contains("[dir]/home/.config/autoissue/config.json:1")
                && complaint.contains("[dir]/autoissue.config.json:1"),
            "{complaint}"
        );
    }

    #[test]
    fn a_shell_s_reference_to_a_variable_is_refused_as_a_secret_with_the_right_form() {
        let file =
            r#"{"dashboard": {"auth": {"enabled": true, "type": "token", "token": "${DASH}"}}}"#;
        for setup in [Setup::file(file), Setup::file(file).env("DASH", "x")] {
            let complaint = setup.complaint();
            assert!(
                complaint.contains("invalid `dashboard.auth.token` in [dir]"),
                "{complaint}"
            );
            assert!(
                complaint.contains(r#"hint: write `{"env": "DASH"}`"#),
                "{complaint}"
            );
        }
        // The content of a variable may look like anything.
        let file = r#"{"dashboard": {"auth": {"enabled": true, "type": "token", "token": {"env": "DASH"}}}}"#;
        Setup::file(file).env("DASH", "${ODD}").load();
    }

    #[test]
    fn unknown_names_are_reported_with_the_nearest_known_one() {
        let file = r#"{"agent": {"model": "sonet"}, "planner": {"model": "claude-hiaku-4-5"}, "scheduler": {"exclusiveDomains": ["backned"]}}"#;
        assert_eq!(
            Setup::file(file).load().warnings,
            [
                "`agent.model` (`sonet`) is not a model name that claude knows; did you mean `sonnet`?",
                "`planner.model` (`claude-hiaku-4-5`) is not a model name that claude knows; did you mean `claude-haiku-4-5`?",
                "`scheduler.exclusiveDomains` contains `backned`, which is not a built-in domain; did you mean `backend`?",
            ]
        );
        for file in [
            r#"{"agent": {"model": "auto"}, "scheduler": {"exclusiveDomains": ["payments", "testing"]}}"#,
            r#"{"agent": {"model": "opus[1m]"}, "planner": {"model": "claude-sonnet-5"}}"#,
            r#"{"agent": {"model": "glm-9"}}"#,
            r#"{"agent": {"model": "claude-opus-9"}}"#,
        ] {
            assert_eq!(Setup::file(file).load().warnings, [""; 0], "{file}");
        }
    }

    #[test]
    fn paths_in_a_file_are_relative_to_the_file() {
        let setup = Setup::empty();
        fs::create_dir_all(setup.path().join("conf/checkout")).unwrap();
        let file = r#"{"project": {"path": "./checkout"}, "logging": {"dir": "~/logs"},
            "plugins": [{"name": "p", "path": "p.wasm"}]}"#;
        fs::write(setup.path().join("conf/night.json"), file).unwrap();
        let setup = setup.env("HOME", "/home/me");
        let config = setup.load_with(Some("conf/night.json")).unwrap().config;
        let conf = setup.path().join("conf");
        assert_eq!(config.project.path, Some(conf.join("checkout")));
        assert_eq!(config.logging.dir, Some(PathBuf::from("/home/me/logs")));
        assert_eq!(config.plugins[0].path, conf.join("p.wasm"));
    }

    #[test]
    fn paths_elsewhere_are_relative_to_the_current_directory() {
        let setup = Setup::empty().flag("project.path", json!("sub"), "--path");
        fs::create_dir(setup.path().join("sub")).unwrap();
        assert_eq!(
            setup.load().config.project.path,
            Some(setup.path().join("sub"))
        );
    }

    #[test]
    fn a_file_outside_every_checkout_configures_the_current_one() {
        let elsewhere = tempfile::tempdir().unwrap();
        let file = elsewhere.path().join("night.json");
        fs::write(&file, "{}").unwrap();
        let setup = Setup::empty();
        let loaded = setup.load_with(file.to_str()).unwrap();
        assert_eq!(loaded.config.project.path.as_deref(), Some(setup.path()));
        assert_eq!(loaded.file, Some(file));
    }

    #[test]
    fn the_predecessors_example_works_as_it_stands() {
        let setup = Setup::empty();
        let example = r#"{"project":{"repo":"owner/repo-name","path":"/path/to/project","baseBranch":"main"},
"executor":{"maxParallel":3,"timeoutMinutes":30,"createPr":true,"prDraft":false},"agent":{"model":"sonnet","maxBudgetUsd":5.0,"yolo":true},"maxTotalBudgetUsd":50.0,
"dashboard":{"enabled":true,"port":3030,"auth":{"enabled":false}},"planner":{"enabled":true,"model":"sonnet","maxBudgetUsd":2.0}}"#;
        let example = example.replace("/path/to/project", &setup.path().display().to_string());
        fs::write(setup.path().join(FILE_NAME), example).unwrap();
        let loaded = setup.load();
        assert_eq!(
            loaded.config.project.repo.as_deref(),
            Some("owner/repo-name")
        );
        assert!(loaded.config.agent.yolo && loaded.config.dashboard.enabled);
        assert_eq!(loaded.config.max_total_budget_usd.to_string(), "$50.00");
        assert_eq!(loaded.warnings, Vec::<String>::new());
    }

    #[test]
    fn the_example_file_loads_and_has_every_key() {
        let text = include_str!("../../autoissue.config.example.json");
        let loaded = Setup::file(text).load();
        assert_eq!(loaded.warnings, Vec::<String>::new());
        let set: Vec<&str> = loaded.origins.keys().map(String::as_str).collect();
        for path in schema::leaves() {
            assert!(set.contains(&path.as_str()), "{path} is not in the example");
        }
        let check = &serde_json::from_str::<Value>(text).unwrap()["executor"]["checks"][0];
        let keys: Vec<&String> = check.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["name", "run", "timeoutMinutes"]);
    }
}

mod secrets {
    use super::*;

    const AUTH: &str = r#"{"dashboard": {"host": "0.0.0.0", "auth": {"enabled": true, "type": "both",
        "username": "me", "password": "hunter2", "token": {"env": "DASH_TOKEN"}}}}"#;

    #[test]
    fn a_variable_is_read_and_never_shown() {
        let loaded = Setup::file(AUTH).env("DASH_TOKEN", "hunter3").load();
        let token = loaded.config.dashboard.auth.token.clone();
        assert!(matches!(token, Some(SecretOrEnv::Value(secret)) if secret.expose() == "hunter3"));
        let shown = format!(
            "{} {} {:?}",
            show::text(&loaded),
            show::json(&loaded),
            loaded
        );
        assert!(!shown.contains("hunter"), "{shown}");
        assert!(shown.contains(r#"dashboard.auth.token = "***""#), "{shown}");
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        insta::assert_snapshot!(complaint(AUTH), @r#"
        invalid `dashboard.auth.token` in [dir]/autoissue.config.json:2
          found: the environment variable `DASH_TOKEN`, which is unset or empty
          allowed: a string, or `{"env": "NAME"}` with `NAME` set in the environment
          hint: set the credentials that the dashboard should accept
        "#);
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_not_repeated() {
        let file = r#"{"dashboard": {"auth": {"password": 90210, "token": {"env": "A", "vault": "hunter2"}}}}"#;
        insta::assert_snapshot!(complaint(file), @r"
        invalid `dashboard.auth.password` in [dir]/autoissue.config.json:1
          found: a number
          allowed: a non-empty string, an object with `env` or `null`
        invalid `dashboard.auth.token.vault` in [dir]/autoissue.config.json:1
          found: an unknown key
          allowed: one of `env`
          hint: the nearest known key is `dashboard.auth.token.env`
        ");
    }
}

mod warnings {
    use super::*;

    #[test]
    fn a_typo_in_the_name_of_a_variable_is_reported() {
        let loaded = Setup::empty()
            .env("AUTOISSUE_MAX_BUGDET", "5")
            .env("AUTOISSUE_SOMETHING", "x")
            .load();
        insta::assert_snapshot!(loaded.warnings.join("\n"), @"unknown environment variable `AUTOISSUE_MAX_BUGDET`; did you mean `AUTOISSUE_MAX_BUDGET`?");
    }

    #[test]
    fn odd_pairs_of_values_are_reported() {
        let file = r#"{"agent": {"maxBudgetUsd": 0.25, "backend": "claude"}, "strategies": {"agentBackend": "mine"}}"#;
        let loaded = Setup::file(file).load();
        assert_eq!(loaded.config.agent_backend(), "mine");
        insta::assert_snapshot!(loaded.warnings.join("\n"), @r"
        `agent.turnMarginUsd` ($0.50) uses up all of `agent.maxBudgetUsd` ($0.25), which leaves the agent no budget
        `strategies.agentBackend` (mine) overrides `agent.backend` (claude)
        ");
    }
}

mod showing {
    use super::*;

    #[test]
    fn every_value_is_shown_with_its_origin() {
        let file = "{\n  \"executor\": {\n    \"maxParallel\": 4,\n    \"checks\": [\"cargo test\"]\n  }\n}\n";
        let setup = Setup::file(file).env("AUTOISSUE_MAX_BUDGET", "25").flag(
            "agent.yolo",
            json!(true),
            "--yolo",
        );
        let mut loaded = setup.load();
        // The column's width must not depend on the location of the temporary directory.
        loaded.config.project.path = Some(PathBuf::from("/checkout"));
        loaded.config.project.repo = Some("owner/name".to_owned());
        loaded.origins.insert(
            "project.repo".to_owned(),
            Origin::Git {
                what: "origin".to_owned(),
            },
        );
        insta::assert_snapshot!(setup.redact(&show::text(&loaded)), @r#"
        project.repo = "owner/name"                git: origin
        project.path = "/checkout"                 git: the checkout that contains the configuration
        project.baseBranch = unset                 default
        executor.maxParallel = 4                   [dir]/autoissue.config.json:3
        executor.timeoutMinutes = 30               default
        executor.stallMinutes = 10                 default
        executor.createPr = true                   default
        executor.prDraft = false                   default
        executor.maxRetries = 2                    default
        executor.setup = []                        default
        executor.checks = [{"name":"cargo test","run":"cargo test","timeoutMinutes":15}]   [dir]/autoissue.config.json:4
        executor.redBase = "fail"                  default
        executor.collectSeconds = 60               default
        executor.collectMemoryMib = 1024           default
        executor.maxSalvageGib = 10.0              default
        executor.keepAwake = true                  default
        executor.worktreeRoot = unset              default
        agent.backend = "claude"                   default
        agent.command = []                         default
        agent.settings = {}                        default
        agent.model = "sonnet"                     default
        agent.maxBudgetUsd = 5.0                   default
        agent.turnMarginUsd = 0.5                  default
        agent.maxTurns = unset                     default
        agent.yolo = true                          flag --yolo
        agent.allowedTools = []                    default
        agent.env = []                             default
        agent.instructions = unset                 default
        agent.repositorySettings = false           default
        maxTotalBudgetUsd = 25.0                   environment AUTOISSUE_MAX_BUDGET
        scheduler.exclusiveDomains = ["unknown"]   default
        scheduler.maxPerDomain = 1                 default
        breaker.threshold = 5                      default
        breaker.cooldownSeconds = 60               default
        dashboard.enabled = false                  default
        dashboard.port = 3030                      default
        dashboard.host = "127.0.0.1"               default
        dashboard.auth.enabled = false             default
        dashboard.auth.type = "basic"              default
        dashboard.auth.username = unset            default
        dashboard.auth.password = unset            default
        dashboard.auth.token = unset               default
        planner.enabled = true                     default
        planner.model = "sonnet"                   default
        planner.maxBudgetUsd = 2.0                 default
        forge.kind = "github"                      default
        github.apiUrl = unset                      default
        github.writesPerMinute = 60                default
        github.writesPerHour = 450                 default
        strategies.classifier = unset              default
        strategies.modelSelector = unset           default
        strategies.agentBackend = unset            default
        strategies.prTemplate = unset              default
        plugins = []                               default
        logging.dir = unset                        default
        logging.level = "info"                     default
        logging.keepDays = 14                      default
        logging.maxTranscriptMib = 2048            default
        "#);
    }

    #[test]
    fn json_has_every_value_and_its_origin() {
        let setup = Setup::file("{\n  \"breaker\": {\"threshold\": 7}\n}");
        let shown = show::json(&setup.load());
        assert_eq!(shown["type"], json!("config"));
        let path = setup.path().join(FILE_NAME);
        assert_eq!(
            shown["values"]["breaker.threshold"],
            json!({"value": 7, "origin": {"kind": "file", "path": path, "line": 2}})
        );
        let keys: Vec<&String> = shown["values"].as_object().unwrap().keys().collect();
        assert_eq!(keys, schema::leaves().iter().collect::<Vec<_>>());
    }

    #[test]
    fn settings_of_plugins_that_look_secret_are_masked() {
        let settings = r#"{"a": [{"apiKey": "hunter2"}], "b": "shown"}"#;
        for settings in [
            format!(r#""config": {settings}"#),
            format!(r#""configs": {{"prTemplate": {settings}}}"#),
        ] {
            let file = format!(r#"{{"plugins": [{{"name": "p", "path": "p", {settings}}}]}}"#);
            let shown = show::text(&Setup::file(&file).load());
            assert!(
                shown.contains("shown") && shown.contains("***") && !shown.contains("hunter2"),
                "{shown}"
            );
        }
    }
}

mod api_addresses {
    use super::*;

    #[test]
    fn a_file_cannot_send_the_token_elsewhere() {
        let setup = Setup::file(r#"{"github": {"apiUrl": "https://evil.example"}}"#);
        let loaded = setup.load();
        let error = api_url::check_api_url(&loaded, Some("github.com")).unwrap_err();
        insta::assert_snapshot!(setup.redact(&error.to_string()), @r"
        invalid `github.apiUrl` in [dir]/autoissue.config.json:1
          found: `https://evil.example`
          allowed: an `https` address on `github.com`, or a loopback address
          hint: a configuration file may not send your token elsewhere; if this is intended, set `AUTOISSUE_GITHUB_API_URL`
        ");
        assert!(api_url::check_api_url(&loaded, Some("evil.example")).is_ok());
    }

    #[test]
    fn the_operator_may_name_any_address() {
        let file = r#"{"github": {"apiUrl": "https://evil.example"}}"#;
        let loaded = Setup::file(file)
            .env("AUTOISSUE_GITHUB_API_URL", "https://proxy.example")
            .load();
        assert_eq!(api_url::check_api_url(&loaded, Some("github.com")), Ok(()));
    }
}

mod broken {
    use super::*;

    #[test]
    fn a_typo_in_a_key() {
        insta::assert_snapshot!(complaint("{\n  \"executor\": {\n    \"maxParalel\": 3\n  }\n}"), @r"
        invalid `executor.maxParalel` in [dir]/autoissue.config.json:3
          found: an unknown key
          allowed: one of `maxParallel`, `timeoutMinutes`, `stallMinutes`, `createPr`, `prDraft`, `maxRetries`, `setup`, `checks`, `redBase`, `collectSeconds`, `collectMemoryMib`, `maxSalvageGib`, `keepAwake` or `worktreeRoot`
          hint: did you mean `executor.maxParallel`?
        ");
    }

    #[test]
    fn a_key_in_the_wrong_section() {
        insta::assert_snapshot!(complaint(r#"{"maxParallel": 3}"#), @r"
        invalid `maxParallel` in [dir]/autoissue.config.json:1
          found: an unknown key
          allowed: one of `project`, `executor`, `agent`, `maxTotalBudgetUsd`, `scheduler`, `breaker`, `dashboard`, `planner`, `forge`, `github`, `strategies`, `plugins` or `logging`
          hint: did you mean `executor.maxParallel`?
        ");
    }

    #[test]
    fn a_misplaced_token() {
        insta::assert_snapshot!(complaint(r#"{"github": {"token": "hunter2"}}"#), @r"
        invalid `github.token` in [dir]/autoissue.config.json:1
          found: an unknown key
          allowed: one of `apiUrl`, `writesPerMinute` or `writesPerHour`
          hint: the GitHub token is never configured: it comes from `GITHUB_TOKEN`, `GH_TOKEN` or `gh auth token`; the nearest known key is `github.apiUrl`
        ");
    }

    #[test]
    fn an_unknown_key_in_a_list() {
        insta::assert_snapshot!(complaint(r#"{"executor": {"checks": ["a",
            {"name": "b", "command": "c"}]}}"#), @r"
        invalid `executor.checks[1].command` in [dir]/autoissue.config.json:2
          found: an unknown key
          allowed: one of `name`, `run` or `timeoutMinutes`
          hint: the nearest known key is `executor.checks[1].name`
        invalid `executor.checks[1].run` in [dir]/autoissue.config.json:2
          found: nothing
          allowed: a non-empty string
        ");
    }

    #[test]
    fn a_number_in_quotes() {
        insta::assert_snapshot!(complaint(r#"{"executor": {"maxParallel": "3"}}"#), @r#"
        invalid `executor.maxParallel` in [dir]/autoissue.config.json:1
          found: `"3"`
          allowed: a whole number from 1 to 256
          hint: write it without quotes: `3`
        "#);
    }

    #[test]
    fn a_number_out_of_range() {
        insta::assert_snapshot!(complaint(r#"{"executor": {"maxParallel": 257, "timeoutMinutes": 0}}"#), @r"
        invalid `executor.maxParallel` in [dir]/autoissue.config.json:1
          found: `257`
          allowed: a whole number from 1 to 256
        invalid `executor.timeoutMinutes` in [dir]/autoissue.config.json:1
          found: `0`
          allowed: a whole number from 1 to 1440
        ");
    }

    #[test]
    fn a_fraction_where_whole_numbers_are_counted() {
        insta::assert_snapshot!(complaint(r#"{"executor": {"maxRetries": 2.5}, "breaker": {"threshold": -1}}"#), @r"
        invalid `executor.maxRetries` in [dir]/autoissue.config.json:1
          found: `2.5`
          allowed: a whole number from 0 to 20
        invalid `breaker.threshold` in [dir]/autoissue.config.json:1
          found: `-1`
          allowed: a whole number from 1 to 1000
        ");
    }

    #[test]
    fn a_word_that_is_not_a_choice() {
        insta::assert_snapshot!(complaint(r#"{"forge": {"kind": "githbu"}, "logging": {"level": "loud"}}"#), @r#"
        invalid `forge.kind` in [dir]/autoissue.config.json:1
          found: `"githbu"`
          allowed: `"github"` or `"local"`
          hint: did you mean `"github"`?
        invalid `logging.level` in [dir]/autoissue.config.json:1
          found: `"loud"`
          allowed: `"error"`, `"warn"`, `"info"`, `"debug"` or `"trace"`
        "#);
    }

    #[test]
    fn no_budget() {
        insta::assert_snapshot!(complaint(r#"{"agent": {"maxBudgetUsd": 0}, "maxTotalBudgetUsd": -5}"#), @r"
        invalid `agent.maxBudgetUsd` in [dir]/autoissue.config.json:1
          found: `0`
          allowed: a number above 0 and up to 1000000
        invalid `maxTotalBudgetUsd` in [dir]/autoissue.config.json:1
          found: `-5`
          allowed: a number from 0 to 1000000
        ");
        assert_eq!(
            Setup::file(r#"{"maxTotalBudgetUsd": 0}"#)
                .load()
                .config
                .max_total_budget_usd
                .micros(),
            0
        );
    }

    #[test]
    fn too_much_money() {
        insta::assert_snapshot!(complaint(r#"{"maxTotalBudgetUsd": 1000001}"#), @r"
        invalid `maxTotalBudgetUsd` in [dir]/autoissue.config.json:1
          found: `1000001`
          allowed: a number from 0 to 1000000
        ");
    }

    #[test]
    fn too_little_money_to_count() {
        insta::assert_snapshot!(complaint(r#"{"agent": {"maxBudgetUsd": 0.0000001}}"#), @r"
        invalid `agent.maxBudgetUsd` in [dir]/autoissue.config.json:1
          found: 0.0000001 is less than a millionth of a US dollar
          allowed: a number above 0 and up to 1000000
        ");
    }

    #[test]
    fn null_where_a_value_is_needed() {
        insta::assert_snapshot!(complaint(r#"{"agent": {"model": null}}"#), @r"
        invalid `agent.model` in [dir]/autoissue.config.json:1
          found: `null`
          allowed: a non-empty string
        ");
    }

    #[test]
    fn a_value_where_a_section_is_needed() {
        insta::assert_snapshot!(complaint(r#"{"executor": 3, "plugins": {}}"#), @r"
        invalid `executor` in [dir]/autoissue.config.json:1
          found: `3`
          allowed: an object
        invalid `plugins` in [dir]/autoissue.config.json:1
          found: an object
          allowed: a list
        ");
    }

    #[test]
    fn a_missing_part() {
        insta::assert_snapshot!(complaint(r#"{"plugins": [{"name": "p"}]}"#), @r"
        invalid `plugins[0].path` in [dir]/autoissue.config.json:1
          found: nothing
          allowed: a string
        ");
    }

    #[test]
    fn a_syntax_error() {
        insta::assert_snapshot!(complaint("{\n  \"executor\": {\n    \"maxParallel\" 3\n  }\n}"), @r"
        invalid configuration in [dir]/autoissue.config.json:3
          found: a syntax error at column 19: expected colon after the string or word in object property
          allowed: JSON, with comments and trailing commas
        ");
    }

    #[test]
    fn an_unfinished_file() {
        insta::assert_snapshot!(complaint("{\n  \"executor\": {\n"), @r"
        invalid configuration in [dir]/autoissue.config.json:2
          found: a syntax error at column 15: unterminated object
          allowed: JSON, with comments and trailing commas
        ");
    }

    #[test]
    fn other_dialects_of_json() {
        insta::assert_snapshot!(complaint("{executor: {}}"), @r"
        invalid configuration in [dir]/autoissue.config.json:1
          found: a syntax error at column 2: expected string for object property
          allowed: JSON, with comments and trailing commas
        ");
        insta::assert_snapshot!(complaint("{'executor': {}}"), @r"
        invalid configuration in [dir]/autoissue.config.json:1
          found: a syntax error at column 2: single-quoted strings are not allowed
          allowed: JSON, with comments and trailing commas
        ");
        insta::assert_snapshot!(complaint("{\"breaker\": {\"threshold\": 1 \"cooldownSeconds\": 2}}"), @r"
        invalid configuration in [dir]/autoissue.config.json:1
          found: a syntax error at column 28: expected comma
          allowed: JSON, with comments and trailing commas
        ");
    }

    #[test]
    fn an_empty_file() {
        insta::assert_snapshot!(complaint("// nothing yet\n"), @r"
        invalid configuration in [dir]/autoissue.config.json
          found: an empty file
          allowed: a JSON object, at least `{}`
        ");
    }

    #[test]
    fn a_list_instead_of_an_object() {
        insta::assert_snapshot!(complaint("[]"), @r"
        invalid configuration in [dir]/autoissue.config.json:1
          found: a value that is not an object
          allowed: a JSON object
        ");
    }

    #[test]
    fn the_same_key_twice() {
        insta::assert_snapshot!(complaint("{\"agent\": {\n\"yolo\": false,\n\"yolo\": true}}"), @r"
        invalid `agent.yolo` in [dir]/autoissue.config.json:3
          found: a duplicate key, first on line 2
          allowed: each key once
        ");
    }

    #[test]
    fn a_number_beyond_the_range_of_doubles() {
        insta::assert_snapshot!(complaint("{\"maxTotalBudgetUsd\": 1e999}"), @r"
        invalid `maxTotalBudgetUsd` in [dir]/autoissue.config.json:1
          found: `1e999`
          allowed: a JSON number within the range of a double
        ");
    }

    #[test]
    fn endless_nesting() {
        let file = format!("{{\"plugins\": {}", "[".repeat(100_000));
        insta::assert_snapshot!(complaint(&file), @r"
        invalid configuration in [dir]/autoissue.config.json:1
          found: a syntax error at column 523: maximum nesting depth exceeded
          allowed: JSON, with comments and trailing commas
        ");
    }

    #[test]
    fn a_file_that_is_not_text() {
        let setup = Setup::empty();
        fs::write(setup.path().join(FILE_NAME), b"{\"agent\": \"\xff\"}").unwrap();
        insta::assert_snapshot!(setup.complaint(), @r"
        invalid configuration in [dir]/autoissue.config.json
          found: invalid UTF-8 at byte 11
          allowed: UTF-8 text
        ");
    }

    #[test]
    fn a_file_that_is_too_large() {
        insta::assert_snapshot!(complaint(&" ".repeat((1 << 20) + 1)), @r"
        invalid configuration in [dir]/autoissue.config.json
          found: a file larger than 1 MiB
          allowed: a file of at most 1 MiB
        ");
    }

    #[test]
    fn a_directory_of_that_name() {
        let setup = Setup::empty();
        fs::create_dir(setup.path().join(FILE_NAME)).unwrap();
        assert!(
            setup
                .complaint()
                .starts_with("invalid configuration in [dir]/autoissue.config.json\n")
        );
    }

    #[test]
    fn a_file_that_is_not_there() {
        let setup = Setup::empty();
        insta::assert_snapshot!(setup.redact(&joined(&setup.load_with(Some("night.json")).unwrap_err())), @r"
        invalid configuration from flag --config
          found: `[dir]/night.json`, which does not exist
          allowed: a configuration file
          hint: run `autoissue init` to write one, or omit `--config`
        ");
    }

    #[test]
    fn a_project_that_is_not_there() {
        insta::assert_snapshot!(complaint("{\n\"project\": {\"path\": \"nowhere\"}}"), @r"
        invalid `project.path` in [dir]/autoissue.config.json:2
          found: `[dir]/nowhere`, which does not exist
          allowed: the directory of a checkout
        ");
    }

    #[test]
    fn an_open_dashboard() {
        insta::assert_snapshot!(complaint(r#"{"dashboard": {"host": "0.0.0.0"}}"#), @r"
        invalid `dashboard.host` in [dir]/autoissue.config.json:1
          found: `0.0.0.0`, which other machines can reach, while `dashboard.auth.enabled` is false
          allowed: a loopback address such as `127.0.0.1`, or any address with `dashboard.auth` enabled
          hint: to reach a loopback address from elsewhere, use a tunnel such as `ssh -L 3030:127.0.0.1:3030`
        ");
    }

    #[test]
    fn auth_without_credentials() {
        insta::assert_snapshot!(complaint("{\"dashboard\": {\"auth\":\n {\"enabled\": true,\n \"type\": \"token\"}}}"), @r#"
        invalid `dashboard.auth.token` in [dir]/autoissue.config.json:2
          found: nothing, while `dashboard.auth.enabled` is true
          allowed: a string, or `{"env": "NAME"}` with `NAME` set in the environment
          hint: set the credentials that the dashboard should accept
        "#);
    }

    #[test]
    fn two_checks_of_one_name() {
        insta::assert_snapshot!(complaint("{\"executor\": {\"checks\": [\n\"make\",\n\"make\"]}}"), @r"
        invalid `executor.checks[1].name` in [dir]/autoissue.config.json:3
          found: `make`, which `executor.checks[0]` has too
          allowed: a unique name
        ");
    }

    #[test]
    fn a_token_for_the_agent() {
        insta::assert_snapshot!(complaint(r#"{"agent": {"env": ["GH_TOKEN", "KEY=hunter2"]}}"#), @r"
        invalid `agent.env[0]` in [dir]/autoissue.config.json:1
          found: `GH_TOKEN`
          allowed: a variable that does not contain the forge's token
          hint: remove it; agents do not publish, so they never need that token
        invalid `agent.env[1]` in [dir]/autoissue.config.json:1
          found: `KEY=` and a value
          allowed: the name of an environment variable
          hint: give only the name; the value is read from the environment
        ");
    }

    #[test]
    fn a_variable_for_an_unknown_key() {
        let setup = Setup::empty()
            .env("AUTOISSUE__EXECUTOR__MAX_PARALEL", "3")
            .env("AUTOISSUE__BUDGET", "3");
        insta::assert_snapshot!(setup.complaint(), @r"
        invalid `budget` from environment AUTOISSUE__BUDGET
          found: an unknown key
          allowed: one of `project`, `executor`, `agent`, `maxTotalBudgetUsd`, `scheduler`, `breaker`, `dashboard`, `planner`, `forge`, `github`, `strategies`, `plugins` or `logging`
          hint: did you mean `maxTotalBudgetUsd`?
        invalid `executor.maxParalel` from environment AUTOISSUE__EXECUTOR__MAX_PARALEL
          found: an unknown key
          allowed: one of `maxParallel`, `timeoutMinutes`, `stallMinutes`, `createPr`, `prDraft`, `maxRetries`, `setup`, `checks`, `redBase`, `collectSeconds`, `collectMemoryMib`, `maxSalvageGib`, `keepAwake` or `worktreeRoot`
          hint: did you mean `executor.maxParallel`?
        ");
    }

    #[test]
    fn a_budget_that_is_not_a_number() {
        insta::assert_snapshot!(Setup::empty().env("AUTOISSUE_MAX_BUDGET", "$25").complaint(), @r#"
        invalid `maxTotalBudgetUsd` from environment AUTOISSUE_MAX_BUDGET
          found: `"$25"`
          allowed: a number from 0 to 1000000
        "#);
        insta::assert_snapshot!(Setup::empty().env("AUTOISSUE_MAX_BUDGET", "").complaint(), @r#"
        invalid `maxTotalBudgetUsd` from environment AUTOISSUE_MAX_BUDGET
          found: `""`
          allowed: a number from 0 to 1000000
        "#);
    }

    #[test]
    fn a_flag_out_of_range() {
        let setup = Setup::empty().flag("executor.maxParallel", json!(0), "--max-parallel");
        insta::assert_snapshot!(setup.complaint(), @r"
        invalid `executor.maxParallel` from flag --max-parallel
          found: `0`
          allowed: a whole number from 1 to 256
        ");
    }

    #[test]
    fn a_wrong_value_that_a_flag_overrides() {
        let setup = Setup::file(r#"{"executor": {"maxParallel": 0}}"#);
        let setup = setup.flag("executor.maxParallel", json!(2), "--max-parallel");
        insta::assert_snapshot!(setup.complaint(), @r"
        invalid `executor.maxParallel` in [dir]/autoissue.config.json:1
          found: `0`
          allowed: a whole number from 1 to 256
        ");
    }
}
