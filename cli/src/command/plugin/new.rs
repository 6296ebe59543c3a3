//! `autoissue plugin new`: creates a plugin project that builds and passes its tests right away,
//! and prints the next steps.

use std::fs;
use std::path::{Path, PathBuf};

use autoissue_core::built_in;
use autoissue_core::plugins::build::check_target;
use autoissue_core::plugins::host::Kind;
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::error::{CliError, PluginCommandError};
use crate::exit_code::ExitCode;
use crate::host::Invocation;
use crate::printable::fitted;
use crate::shell::quoted;

/// Arguments of `plugin new`.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewArgs {
    /// Kind of plugin
    #[arg(value_enum)]
    pub(crate) kind: KindName,
    /// Name of the plugin and its directory
    pub(crate) name: String,
    /// Use the SDK in this directory instead of this release's SDK from its git repository
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: Option<PathBuf>,
}

/// Plugin kinds, as typed on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    /// Chooses the domain of an issue
    Classifier,
    /// Chooses the model for an issue
    ModelSelector,
    /// Runs an agent program and interprets its output
    AgentBackend,
    /// Writes the text of a pull request
    PrTemplate,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Classifier => Self::Classifier,
            KindName::ModelSelector => Self::ModelSelector,
            KindName::AgentBackend => Self::AgentBackend,
            KindName::PrTemplate => Self::PrTemplate,
        }
    }
}

/// Default source of the SDK: this release's tag in the project's repository.
const SDK_REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const SDK_TAG: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Runs the command.
///
/// # Errors
/// If the name is invalid, the directory already exists, or Rust cannot build plugins.
pub(super) fn run(invocation: &Invocation, args: &NewArgs) -> Result<ExitCode, CliError> {
    check_name(&args.name)?;
    let sdk = args
        .sdk
        .as_ref()
        .map(|sdk| sdk_directory(invocation, sdk))
        .transpose()?;
    check_target(&invocation.current_dir, invocation.path_env())
        .map_err(PluginCommandError::Build)?;
    let directory = invocation.current_dir.join(&args.name);
    write(&directory, &args.name, args.kind, sdk.as_deref())?;
    if invocation.console.is_json() {
        invocation.console.json(
            &json!({ "type": "new", "name": args.name, "kind": Kind::from(args.kind).name(), "path": directory }),
        )?;
    } else {
        let columns = invocation.console.out.columns();
        invocation
            .console
            .print_exactly(&text(&args.name, &directory, columns))?;
    }
    Ok(ExitCode::Success)
}

/// Requires a name that is valid for both a package and a plugin.
fn check_name(name: &str) -> Result<(), PluginCommandError> {
    let is_name = name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_name {
        return Err(PluginCommandError::BadName {
            name: name.to_owned(),
        });
    }
    if built_in::reserved_names().iter().any(|it| it == name) {
        return Err(PluginCommandError::Reserved {
            name: name.to_owned(),
        });
    }
    Ok(())
}

fn sdk_directory(invocation: &Invocation, typed: &Path) -> Result<PathBuf, PluginCommandError> {
    let path = invocation.current_dir.join(typed);
    let real = path
        .canonicalize()
        .ok()
        .filter(|real| real.join("Cargo.toml").is_file());
    real.ok_or(PluginCommandError::NoSdk { path })
}

fn write(directory: &Path, name: &str, kind: KindName, sdk: Option<&Path>) -> Result<(), CliError> {
    if directory.symlink_metadata().is_ok() {
        return Err(PluginCommandError::Exists {
            path: directory.to_owned(),
        }
        .into());
    }
    let (source, cases) = template(kind);
    let files: [(&str, &str); 4] = [
        ("Cargo.toml", &manifest(name, kind, sdk)),
        ("src/lib.rs", source),
        ("cases.json", cases),
        (".gitignore", "/target\n"),
    ];
    for (file, text) in files {
        let path = directory.join(file);
        let parent = path.parent().unwrap_or(directory);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
        written.map_err(|source| CliError::File {
            what: "write",
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

/// Returns the source and the test cases. The source contains neither the plugin's name nor file
/// names, so that it compiles unchanged.
const fn template(kind: KindName) -> (&'static str, &'static str) {
    match kind {
        KindName::Classifier => (
            include_str!("template/classifier.rs"),
            include_str!("template/classifier.json"),
        ),
        KindName::ModelSelector => (
            include_str!("template/model_selector.rs"),
            include_str!("template/model_selector.json"),
        ),
        KindName::AgentBackend => (
            include_str!("template/agent_backend.rs"),
            include_str!("template/agent_backend.json"),
        ),
        KindName::PrTemplate => (
            include_str!("template/pr_template.rs"),
            include_str!("template/pr_template.json"),
        ),
    }
}

fn manifest(name: &str, kind: KindName, sdk: Option<&Path>) -> String {
    let description = match kind {
        KindName::Classifier => "Classifies issues by words that this repository uses",
        KindName::ModelSelector => "Starts with the cheapest model and moves up after failures",
        KindName::AgentBackend => "Runs your own program as the agent",
        KindName::PrTemplate => "Writes short pull requests",
    };
    let sdk = match sdk {
        Some(path) => format!("{{ path = {} }}", toml_text(&path.display().to_string())),
        None => format!("{{ git = \"{SDK_REPOSITORY}\", tag = \"{SDK_TAG}\" }}"),
    };
    format!(
        "[package]\n\
         name = \"{name}\"\n\
         version = \"0.1.0\"\n\
         description = \"{description}\"\n\
         edition = \"2024\"\n\
         publish = false\n\
         \n\
         [dependencies]\n\
         autoissue-plugin-sdk = {sdk}\n\
         \n\
         [profile.release]\n\
         opt-level = \"s\"\n\
         lto = true\n\
         codegen-units = 1\n\
         strip = true\n\
         \n\
         # A separate workspace, even inside another one.\n\
         [workspace]\n"
    )
}

/// JSON's escapes are valid in TOML strings.
fn toml_text(text: &str) -> String {
    json!(text).to_string()
}

fn text(name: &str, directory: &Path, columns: usize) -> String {
    let go = quoted(name);
    let text = format!(
        "wrote {}\n\n\
         next\n\
         \x20 cd {go}\n\
         \x20 cargo test                        run its own tests natively\n\
         \x20 autoissue plugin test             build the component and test it\n\
         \x20 edit src/lib.rs and cases.json, and test again\n\n\
         in a repository\n",
        directory.display(),
    );
    let component = directory.join(format!("{name}.wasm"));
    // The command must stay on one line, so that it can be copied.
    let add = format!("  autoissue plugin add {}\n", component.display());
    fitted(&text, columns) + &add
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_of_a_package_and_of_a_plugin() {
        for name in ["billing", "my-classifier-2", "a"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "Billing",
            "2nd",
            "-a",
            "a_b",
            "../a",
            "a b",
            "builtin",
            "claude",
            &"a".repeat(41),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let error = write(directory.path(), "a", KindName::Classifier, None).unwrap_err();
        assert!(matches!(
            error,
            CliError::Plugin(PluginCommandError::Exists { .. })
        ));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_sdk_is_where_it_was_said_to_be() {
        let of_path = manifest("a", KindName::Classifier, Some(Path::new("/x/a \"b\"")));
        assert!(
            of_path.contains(r#"autoissue-plugin-sdk = { path = "/x/a \"b\"" }"#),
            "{of_path}"
        );
        let of_release = manifest("a", KindName::PrTemplate, None);
        let expected = format!("\", tag = \"v{}\" }}", env!("CARGO_PKG_VERSION"));
        assert!(
            of_release.contains("autoissue-plugin-sdk = { git = \"https://")
                && of_release.contains(&expected),
            "{of_release}"
        );
    }
}
