//! Validates the values that a plugin returns. wasmtime checks types; this module checks the
//! additional rules.

use std::path::{Component, Path};

use autoissue_plugin_sdk::hidden_text::is_control;
use autoissue_plugin_sdk::{
    AgentEvent, Classification, CommandSpec, Endpoint, Login, ModelInfo, ProgramInfo,
    PullRequestText, Selection, Usage,
};
use semver::{Version, VersionReq};

use crate::fault::{PluginFault, one_line};
use crate::grants::{self, Grants};

/// Most entries of a list that people or the scheduler look at.
const N_ENTRIES_MAX: usize = 1_000;
/// Longest single-line text, in bytes.
const LINE_BYTES_MAX: usize = 2_000;
/// Longest title, in characters: GitHub's limit.
const TITLE_CHARS_MAX: usize = 256;
/// Longest body, in characters: GitHub's limit is 65,536, and the host adds its marker.
const BODY_CHARS_MAX: usize = 65_000;
/// Longest label, in characters: GitHub's limit.
const LABEL_CHARS_MAX: usize = 50;
/// Most labels of a pull request: GitHub's limit.
const N_LABELS_MAX: usize = 100;
/// Most bytes of all arguments and variables together: half of Linux's limit with its default stack
/// size.
const COMMAND_BYTES_MAX: usize = 1 << 20;
/// Longest argument, in bytes: Linux's limit.
const ARGUMENT_BYTES_MAX: usize = (128 << 10) - 1;

/// Most lists of texts that make a line noise: each line of output is compared with them.
const N_NOISE_MAX: usize = 20;
/// Fewest bytes of such a list: shorter ones would match ordinary lines too.
const NOISE_BYTES_MIN: usize = 8;
/// Longest name of an input file, in bytes.
const FILE_NAME_BYTES_MAX: usize = 64;

type Checked = Result<(), PluginFault>;

/// Returns whether `text` is a valid name of a domain, a strategy or a plugin.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn bad(field: &str, found: impl Into<String>, allowed: &'static str) -> Checked {
    Err(PluginFault::BadValue {
        field: field.to_owned(),
        found: found.into(),
        allowed,
    })
}

fn quoted(text: &str) -> String {
    format!("`{}`", one_line(text).chars().take(80).collect::<String>())
}

pub(crate) fn name(field: &str, text: &str) -> Checked {
    if is_name(text) {
        Ok(())
    } else {
        bad(
            field,
            quoted(text),
            "1 to 40 characters from `a-z`, `0-9` and `-`",
        )
    }
}

/// Checks a version of a plugin.
pub(crate) fn version(field: &str, text: &str) -> Checked {
    if text.len() <= LINE_BYTES_MAX && Version::parse(text).is_ok() {
        return Ok(());
    }
    bad(
        field,
        quoted(text),
        "a semantic version, such as `1.2.3` or `1.0.0-beta.1`",
    )
}

/// Checks a single-line text: no control characters, and not too long for a screen.
pub(crate) fn line(field: &str, text: &str) -> Checked {
    if LINE_BYTES_MAX < text.len() {
        return bad(
            field,
            format!("{} bytes long", text.len()),
            "a single line of at most 2000 bytes",
        );
    }
    if text.chars().any(is_control) {
        return bad(
            field,
            format!("{}, which contains control characters", quoted(text)),
            "a single line of at most 2000 bytes",
        );
    }
    Ok(())
}

pub(crate) fn count(field: &str, n: usize) -> Checked {
    if n <= N_ENTRIES_MAX {
        Ok(())
    } else {
        bad(
            field,
            format!("a list of {n} entries"),
            "at most 1000 entries",
        )
    }
}

fn lines(field: &str, texts: &[String]) -> Checked {
    count(field, texts.len())?;
    texts
        .iter()
        .enumerate()
        .try_for_each(|(at, text)| line(&format!("{field}[{at}]"), text))
}

fn confidence(field: &str, value: f32) -> Checked {
    if (0.0..=1.0).contains(&value) {
        Ok(())
    } else {
        bad(field, value.to_string(), "a number from 0 to 1")
    }
}

/// Amounts must be numbers that can be added up.
fn usd(field: &str, value: f64) -> Checked {
    if value.is_finite() && 0.0 <= value {
        Ok(())
    } else {
        bad(field, value.to_string(), "a finite number of at least 0")
    }
}

pub(crate) fn classification(answer: &Classification) -> Checked {
    name("domain", &answer.domain)?;
    confidence("confidence", answer.confidence)?;
    lines("reasons", &answer.reasons)?;
    lines("paths", &answer.paths)?;
    count("alternatives", answer.alternatives.len())?;
    answer
        .alternatives
        .iter()
        .enumerate()
        .try_for_each(|(at, score)| {
            name(&format!("alternatives[{at}].domain"), &score.domain)?;
            confidence(&format!("alternatives[{at}].confidence"), score.confidence)
        })
}

/// `is_available` returns whether a model may be chosen.
pub(crate) fn selection(answer: &Selection, is_available: impl Fn(&str) -> bool) -> Checked {
    let model = |field: &str, id: &str| {
        if is_available(id) {
            Ok(())
        } else {
            bad(field, quoted(id), "one of the available models")
        }
    };
    model("model", &answer.model)?;
    count("fallbacks", answer.fallbacks.len())?;
    answer
        .fallbacks
        .iter()
        .enumerate()
        .try_for_each(|(at, id)| model(&format!("fallbacks[{at}]"), id))?;
    line("reason", &answer.reason)
}

pub(crate) fn pull_request(text: &PullRequestText) -> Checked {
    let n_chars = text.title.chars().count();
    if text.title.trim().is_empty() || TITLE_CHARS_MAX < n_chars {
        return bad(
            "title",
            format!("{n_chars} characters long"),
            "a single line of 1 to 256 characters",
        );
    }
    line("title", &text.title)?;
    let n_chars = text.body.chars().count();
    if BODY_CHARS_MAX < n_chars {
        return bad(
            "body",
            format!("{n_chars} characters long"),
            "at most 65000 characters",
        );
    }
    let is_unprintable = |c: char| is_control(c) && !matches!(c, '\n' | '\r' | '\t');
    if let Some(found) = text.body.chars().find(|c| is_unprintable(*c)) {
        return bad(
            "body",
            format!("a text that contains the character {found:?}"),
            "Markdown without control characters",
        );
    }
    if N_LABELS_MAX < text.labels.len() {
        return bad(
            "labels",
            format!("a list of {} entries", text.labels.len()),
            "at most 100 entries",
        );
    }
    text.labels.iter().enumerate().try_for_each(|(at, label)| {
        let field = format!("labels[{at}]");
        line(&field, label)?;
        let is_label = !label.trim().is_empty() && label.chars().count() <= LABEL_CHARS_MAX;
        if is_label {
            Ok(())
        } else {
            bad(&field, quoted(label), "1 to 50 characters")
        }
    })
}

/// Compares a backend's requests with its grants.
pub(crate) fn granted(info: &ProgramInfo, grants: &Grants) -> Checked {
    grants.program(&info.program)?;
    info.environment
        .iter()
        .try_for_each(|variable| Ok(grants.variable(variable)?))
}

/// Checks a backend's requests against what can be granted at all.
pub(crate) fn program(info: &ProgramInfo) -> Checked {
    grants::may_be_run(&info.program)?;
    arguments("version-args", &info.version_args)?;
    info.versions
        .as_ref()
        .map_or(Ok(()), |range| versions(range))?;
    line("install-hint", &info.install_hint)?;
    each("models", &info.models, model)?;
    count("environment", info.environment.len())?;
    for variable in &info.environment {
        grants::may_be_set(variable)?;
    }
    each("endpoints", &info.endpoints, |field, it| {
        endpoint(field, it, &info.environment)
    })?;
    info.login
        .as_ref()
        .map_or(Ok(()), |it| login(it, &info.environment))?;
    each("ignored-paths", &info.ignored_paths, |field, it| {
        // What the repository ignores may be secret: no plugin may bring it back. And a pattern
        // for every file would hide the agent's work.
        if it.starts_with('!') || !it.contains(char::is_alphanumeric) {
            return bad(field, quoted(it), "a pattern that ignores files by a name");
        }
        line(field, it)
    })?;
    each(
        "repository-settings",
        &info.repository_settings,
        |field, it| {
            let is_below = it.split('/').all(|part| !matches!(part, "" | "." | ".."));
            if !is_below {
                return bad(field, quoted(it), "a path below the repository");
            }
            line(field, it)
        },
    )?;
    if N_NOISE_MAX < info.noise.len() {
        let found = format!("a list of {} entries", info.noise.len());
        return bad("noise", found, "at most 20 entries");
    }
    each("noise", &info.noise, |field, texts| {
        let n_bytes: usize = texts.iter().map(String::len).sum();
        if n_bytes < NOISE_BYTES_MIN {
            let found = format!("{n_bytes} bytes long");
            return bad(field, found, "texts of at least 8 bytes together");
        }
        lines(field, texts)
    })
}

/// Checks each entry of a list; `check` gets its name.
fn each<T>(field: &str, entries: &[T], check: impl Fn(&str, &T) -> Checked) -> Checked {
    count(field, entries.len())?;
    entries
        .iter()
        .enumerate()
        .try_for_each(|(at, entry)| check(&format!("{field}[{at}]"), entry))
}

fn versions(range: &str) -> Checked {
    if range.len() <= LINE_BYTES_MAX && VersionReq::parse(range).is_ok() {
        return Ok(());
    }
    bad(
        "versions",
        quoted(range),
        "a range of semantic versions, such as `>=2.1.0, <3`",
    )
}

fn model(field: &str, model: &ModelInfo) -> Checked {
    line(&format!("{field}.id"), &model.id)?;
    let prices = model.prices.iter().flat_map(|prices| {
        [
            Some(prices.input),
            Some(prices.output),
            prices.cache_read,
            prices.cache_write,
        ]
    });
    prices
        .flatten()
        .try_for_each(|price| usd(&format!("{field}.prices"), price))
}

/// Checks that a variable is one of those that the backend declares.
fn declared(field: &str, variable: &str, environment: &[String]) -> Checked {
    if environment.iter().any(|name| name == variable) {
        Ok(())
    } else {
        bad(field, quoted(variable), "one of the names in `environment`")
    }
}

fn endpoint(field: &str, endpoint: &Endpoint, environment: &[String]) -> Checked {
    name(&format!("{field}.protocol"), &endpoint.protocol)?;
    declared(
        &format!("{field}.variable"),
        &endpoint.variable,
        environment,
    )?;
    line(&format!("{field}.default-url"), &endpoint.default_url)
}

fn login(login: &Login, environment: &[String]) -> Checked {
    each("login.variables", &login.variables, |field, it| {
        declared(&format!("{field}.name"), &it.name, environment)?;
        it.provider
            .as_ref()
            .map_or(Ok(()), |text| line(&format!("{field}.provider"), text))
    })?;
    each("login.files", &login.files, |field, it| {
        it.directory_variable.as_ref().map_or(Ok(()), |variable| {
            declared(
                &format!("{field}.directory-variable"),
                variable,
                environment,
            )
        })?;
        inner_path(&format!("{field}.directory"), &it.directory)?;
        inner_path(&format!("{field}.file"), &it.file)
    })?;
    arguments("login.status-args", &login.status_args)?;
    line("login.advice", &login.advice)
}

/// Checks a path that may not lead out of the directory it is below.
fn inner_path(field: &str, path: &str) -> Checked {
    line(field, path)?;
    let is_inner = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if is_inner && !path.is_empty() {
        Ok(())
    } else {
        bad(field, quoted(path), "a relative path without `..`")
    }
}

/// The host's own program, and the only way in which plugins may use it: its other commands execute
/// what a file tells them to.
const OWN_PROGRAM: &str = "autoissue";
const OWN_ARGS: [&str; 2] = ["internal", "apply-patch"];

fn file_name(field: &str, text: &str) -> Checked {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_name = (1..=FILE_NAME_BYTES_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.chars().all(is_part);
    if is_name {
        return Ok(());
    }
    bad(
        field,
        quoted(text),
        "1 to 64 letters, digits, `.`, `_` and `-`; it must not start with `.`",
    )
}

/// Compares a command with what the backend declares, and with its grants.
pub(crate) fn command(command: &CommandSpec, info: &ProgramInfo, grants: &Grants) -> Checked {
    grants.program(&command.program)?;
    let is_own_helper = command.args == OWN_ARGS
        && command.env.is_empty()
        && command.files.is_empty()
        && !command.keep_stdin_open;
    if command.program == OWN_PROGRAM && !is_own_helper {
        return bad(
            "args",
            quoted(&command.args.join(" ")),
            "only `internal apply-patch`, for the program `autoissue`",
        );
    }
    arguments("args", &command.args)?;
    let variable = |field: &str, name: &str| -> Checked {
        grants.variable(name)?;
        declared(field, name, &info.environment)
    };
    each("pass-env", &command.pass_env, |field, it| {
        variable(&format!("{field}.name"), &it.name)?;
        variable(&format!("{field}.program-name"), it.seen_as())
    })?;
    each("env", &command.env, |field, (name, value)| {
        variable(field, name)?;
        argument(&format!("env `{name}`"), value)
    })?;
    each("files", &command.files, |field, it| {
        file_name(&format!("{field}.name"), &it.name)?;
        if command
            .files
            .iter()
            .filter(|other| other.name == it.name)
            .count()
            == 1
        {
            return Ok(());
        }
        let found = format!("`{}`, twice", it.name);
        bad(&format!("{field}.name"), found, "a unique name")
    })?;
    let n_bytes: usize = command
        .args
        .iter()
        .chain(command.env.iter().map(|(_, value)| value))
        .map(String::len)
        .sum();
    if COMMAND_BYTES_MAX < n_bytes {
        return bad(
            "args",
            format!("{n_bytes} bytes including `env`"),
            "at most 1 MiB; put long texts into `stdin` or `files`",
        );
    }
    Ok(())
}

fn arguments(field: &str, args: &[String]) -> Checked {
    count(field, args.len())?;
    args.iter()
        .enumerate()
        .try_for_each(|(at, text)| argument(&format!("{field}[{at}]"), text))
}

fn argument(field: &str, text: &str) -> Checked {
    if text.contains('\0') || ARGUMENT_BYTES_MAX < text.len() {
        return bad(
            field,
            quoted(text),
            "less than 128 KiB of text without NUL characters; put long texts into `stdin` or `files`",
        );
    }
    Ok(())
}

/// Texts from an agent are sanitised when they are shown; numbers that become money must be valid.
pub(crate) fn event(event: &AgentEvent) -> Checked {
    match event {
        AgentEvent::Model(name) => line("model", name),
        AgentEvent::OperatorNote(text) => line("operator-note", text),
        AgentEvent::FinalCost(cost) => usd("final-cost", *cost),
        AgentEvent::UsageDelta(used) => usage("usage-delta", used),
        AgentEvent::UsageTotal(used) => usage("usage-total", used),
        AgentEvent::Denied(tool) => line("denied", tool),
        _ => Ok(()),
    }
}

fn usage(field: &str, used: &Usage) -> Checked {
    /// Any number of such values can be added up without overflow.
    const N_TOKENS_MAX: u64 = 1 << 50;
    let tokens = [
        used.input_tokens,
        used.output_tokens,
        used.cache_read_tokens,
        used.cache_write_tokens,
    ];
    if let Some(n_tokens) = tokens.into_iter().find(|n| N_TOKENS_MAX < *n) {
        return bad(field, format!("{n_tokens} tokens"), "at most 2^50 tokens");
    }
    used.usd
        .map_or(Ok(()), |value| usd(&format!("{field}.usd"), value))
}

#[cfg(test)]
mod tests {
    use autoissue_plugin_sdk::{LoginFile, PassedVariable, Prices};

    use super::*;

    #[track_caller]
    fn check(found: Checked, expected: &str) {
        assert_eq!(found.unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_domain_is_a_short_lower_case_name() {
        let domain = |domain: &str| classification(&Classification::new(domain, 0.5));
        assert_eq!(domain("billing-2"), Ok(()));
        for wrong in ["", "Billing", "a b", "a\n", "é", &"a".repeat(41)] {
            assert!(domain(wrong).is_err(), "{wrong:?}");
        }
        check(
            domain("a\u{7}"),
            "`domain` is `a`; expected 1 to 40 characters from `a-z`, `0-9` and `-`",
        );
    }

    #[test]
    fn a_version_is_semantic() {
        for good in ["0.1.0", "1.0.0-beta.1", "1.2.3+build"] {
            assert_eq!(version("version", good), Ok(()), "{good}");
        }
        check(
            version("version", "1.2"),
            "`version` is `1.2`; expected a semantic version, such as `1.2.3` or `1.0.0-beta.1`",
        );
        assert!(version("version", "v1.0.0").is_err() && version("version", "").is_err());
    }

    #[test]
    fn a_confidence_is_between_0_and_1() {
        let sure = |confidence: f32| classification(&Classification::new("backend", confidence));
        assert_eq!((sure(0.0), sure(1.0)), (Ok(()), Ok(())));
        for wrong in [-0.1, 1.001, f32::NAN, f32::INFINITY] {
            assert!(sure(wrong).is_err(), "{wrong}");
        }
        check(
            sure(f32::NAN),
            "`confidence` is NaN; expected a number from 0 to 1",
        );
    }

    #[test]
    fn reasons_are_lines() {
        fn because(reason: &str) -> Checked {
            classification(&Classification::new("backend", 0.5).because(reason))
        }

        assert_eq!(because("mentions `ü`"), Ok(()));
        check(
            because("a\u{1b}[2J"),
            "`reasons[0]` is `a [2J`, which contains control characters; expected a single line of at most 2000 bytes",
        );
        assert!(because("a\u{202e}b").is_err(), "text that turns around");
        check(
            because(&"x".repeat(2001)),
            "`reasons[0]` is 2001 bytes long; expected a single line of at most 2000 bytes",
        );
    }

    #[test]
    fn a_model_is_one_of_the_available_ones() {
        assert_eq!(choose("opus"), Ok(()));
        check(
            choose("gpt"),
            "`model` is `gpt`; expected one of the available models",
        );
    }

    fn choose(model: &str) -> Checked {
        selection(&Selection::new(model), |id| id == "opus")
    }

    #[test]
    fn a_pull_request_can_be_opened() {
        fn text(title: &str, body: &str, label: &str) -> Checked {
            pull_request(&PullRequestText::new(title, body).labels([label]))
        }

        assert_eq!(text("Title", "a\r\n\tb", "label"), Ok(()));
        assert!(
            text(" ", "", "l").is_err()
                && text("a\nb", "", "l").is_err()
                && text(&"t".repeat(257), "", "l").is_err()
        );
        assert!(
            text("t", "\u{0}", "l").is_err()
                && text("t", "\u{2066}", "l").is_err()
                && text("t", &"b".repeat(65_001), "l").is_err()
        );
        assert!(text("t", "", "").is_err() && text("t", "", &"l".repeat(51)).is_err());
    }

    #[test]
    fn a_command_is_what_was_declared_and_granted() {
        let grants = Grants {
            exec: vec!["codex".into()],
            env: vec!["KEY".into(), "OTHER".into()],
        };
        let info = ProgramInfo::new("codex").environment(["KEY", "AWS"]);
        let good = CommandSpec::new("codex")
            .pass_env([PassedVariable::new("KEY")])
            .set_env("KEY", "a")
            .file("prompt", "b");
        assert_eq!(command(&good, &info, &grants), Ok(()));
        let with =
            |change: fn(CommandSpec) -> CommandSpec| command(&change(good.clone()), &info, &grants);
        check(
            command(&CommandSpec::new("curl"), &info, &grants),
            "asks for the program `curl`, which is not granted",
        );
        check(
            with(|it| it.pass_env([PassedVariable::new("AWS")])),
            "asks for the environment variable `AWS`, which is not granted",
        );
        check(
            with(|it| it.pass_env([PassedVariable::new("KEY").program_name("OTHER")])),
            "`pass-env[0].program-name` is `OTHER`; expected one of the names in `environment`",
        );
        check(
            with(|it| it.set_env("AWS", "")),
            "asks for the environment variable `AWS`, which is not granted",
        );
        check(
            with(|it| it.set_env("OTHER", "")),
            "`env[1]` is `OTHER`; expected one of the names in `environment`",
        );
        check(
            with(|it| it.set_env("LD_PRELOAD", "")),
            "asks to set `LD_PRELOAD`, which plugins may not set",
        );
        check(
            with(|it| it.file("prompt", "")),
            "`files[0].name` is `prompt`, twice; expected a unique name",
        );
        assert!(with(|it| it.file("../x", "")).is_err());
        assert!(with(|it| it.file(".x", "")).is_err());
        assert_eq!(with(|it| it.file("MCP_2.json", "")), Ok(()));
        assert!(with(|it| it.args(["a\0b"])).is_err());
        assert!(with(|it| it.args(["a".repeat(128 << 10)])).is_err());
        assert!(with(|it| it.args(vec!["a".repeat(100 << 10); 11])).is_err());
    }

    #[test]
    fn our_own_program_only_applies_patches() {
        let own = Grants {
            exec: vec!["autoissue".into()],
            ..Grants::default()
        };
        let info = ProgramInfo::new("autoissue");
        let helper = CommandSpec::new("autoissue").args(OWN_ARGS).stdin("diff");
        assert_eq!(command(&helper, &info, &own), Ok(()));
        check(
            command(
                &helper.clone().args(["doctor", "--config", "{config}"]),
                &info,
                &own,
            ),
            "`args` is `doctor --config {config}`; expected only `internal apply-patch`, for the program `autoissue`",
        );
        assert!(command(&helper.clone().file("a", ""), &info, &own).is_err());
        assert!(command(&helper.keep_stdin_open(true), &info, &own).is_err());
    }

    #[test]
    fn what_a_backend_declares_can_be_used() {
        let info = || ProgramInfo::new("codex").environment(["URL", "KEY", "CODEX_HOME"]);
        let good = info()
            .versions(">=0.5, <1")
            .models([ModelInfo::new("deep").prices(Prices::new(1.0, 5.0))])
            .endpoints([Endpoint::new(
                "openai-responses",
                "URL",
                "https://api.example.com",
            )])
            .login(
                Login::new("log in")
                    .key("KEY")
                    .file(LoginFile::new(".codex", "auth.json").directory_variable("CODEX_HOME")),
            )
            .ignored_paths([".codex/"])
            .noise([vec!["a delta".to_owned(), "x".to_owned()]]);
        assert_eq!(program(&good), Ok(()));
        check(
            program(&info().versions("new")),
            "`versions` is `new`; expected a range of semantic versions, such as `>=2.1.0, <3`",
        );
        check(
            program(&info().models([ModelInfo::new("deep").prices(Prices::new(-1.0, 5.0))])),
            "`models[0].prices` is -1; expected a finite number of at least 0",
        );
        check(
            program(&info().endpoints([Endpoint::new("gemini", "OTHER", "")])),
            "`endpoints[0].variable` is `OTHER`; expected one of the names in `environment`",
        );
        check(
            program(&info().login(Login::new("").key("AWS"))),
            "`login.variables[0].name` is `AWS`; expected one of the names in `environment`",
        );
        for outside in ["", "/etc", "../x", "a/../../b", "."] {
            let file = LoginFile::new(".codex", outside);
            assert!(program(&info().login(Login::new("").file(file))).is_err());
        }
        check(
            program(&info().ignored_paths(["*"])),
            "`ignored-paths[0]` is `*`; expected a pattern that ignores files by a name",
        );
        check(
            program(&info().repository_settings(["../.env"])),
            "`repository-settings[0]` is `../.env`; expected a path below the repository",
        );
        check(
            program(&info().ignored_paths(["!.env"])),
            "`ignored-paths[0]` is `!.env`; expected a pattern that ignores files by a name",
        );
        check(
            program(&info().noise([vec!["{".to_owned()]])),
            "`noise[0]` is 1 bytes long; expected texts of at least 8 bytes together",
        );
    }

    #[test]
    fn money_can_be_added_up() {
        assert_eq!(event(&AgentEvent::FinalCost(1.5)), Ok(()));
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(event(&AgentEvent::FinalCost(wrong)).is_err());
            assert!(event(&AgentEvent::UsageDelta(Usage::default().usd(wrong))).is_err());
        }
        assert!(
            event(&AgentEvent::UsageTotal(
                Usage::default().input_tokens(u64::MAX)
            ))
            .is_err()
        );
    }
}
