//! A pinned plugin must be exactly the approved file.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use autoissue_core::config::{Config, PluginGrants};
use autoissue_core::plugins::compiler::ChildCompiler;
use autoissue_core::plugins::lock::{Changed, Locked, PluginLock};
use autoissue_core::plugins::{Plugins, PluginsError, Request};
use autoissue_plugin_host::{Compile, Sha256Digest};
use autoissue_tests::binary;
use autoissue_tests::guests;
use serde_json::json;
use tempfile::TempDir;

use super::{GUEST, hostile};

/// A project with a component and a configuration that uses it as the classifier.
struct Project {
    component: Vec<u8>,
    root: TempDir,
    config: Config,
}

impl Project {
    fn new(entry: &serde_json::Value) -> Self {
        Self::of(guests::component(GUEST), entry)
    }

    fn of(component: &[u8], entry: &serde_json::Value) -> Self {
        let root = TempDir::new().unwrap();
        let path = root.path().join("guest.wasm");
        std::fs::write(&path, component).unwrap();
        guests::have_compiled(GUEST, &root.path().join("state/plugins"));
        let mut plugin = json!({"name": "guest", "path": path});
        plugin
            .as_object_mut()
            .unwrap()
            .extend(entry.as_object().unwrap().clone());
        let config = json!({"plugins": [plugin], "strategies": {"classifier": "guest"}});
        Self {
            component: component.to_owned(),
            root,
            config: serde_json::from_value(config).unwrap(),
        }
    }

    fn component(&self) -> PathBuf {
        self.root.path().join("guest.wasm")
    }

    fn lock(&self, grants: PluginGrants) {
        self.lock_as("guest", grants);
    }

    fn lock_as(&self, name: &str, grants: PluginGrants) {
        let mut lock = PluginLock::default();
        lock.insert(Locked {
            name: name.into(),
            version: "0.1.0".into(),
            path: "guest.wasm".into(),
            sha256: Sha256Digest::of(&self.component),
            track: "0.1".into(),
            strategies: vec!["classifier/obedient".into()],
            grants,
        });
        lock.write(self.root.path()).unwrap();
    }

    fn load(&self) -> Result<Plugins, PluginsError> {
        let state_dir = self.root.path().join("state");
        let compiler: Arc<dyn Compile> = Arc::new(ChildCompiler::new(binary().to_owned()));
        Plugins::load(&Request {
            config: &self.config,
            arguments: &[],
            project: self.root.path(),
            state_dir: &state_dir,
            may_write: true,
            own_program: binary(),
            compiler: &compiler,
        })
    }

    fn error(&self) -> PluginsError {
        self.load().err().expect("it is refused")
    }
}

#[test]
fn a_locked_plugin_is_refused_if_any_byte_changes() {
    // Hand-written, so that it is small enough to test each of its bytes.
    let bytes = hostile::honest();
    let project = Project::of(&bytes, &json!({}));
    project.lock(PluginGrants::default());
    assert!(project.load().is_ok());
    let file = OpenOptions::new()
        .write(true)
        .open(project.component())
        .unwrap();
    let changed = || {
        matches!(
            project.error(),
            PluginsError::Locked(Changed::Content { .. })
        )
    };
    for (at, byte) in (0u64..).zip(&bytes) {
        file.write_all_at(&[byte ^ (1 << (at % 8))], at).unwrap();
        assert!(changed(), "byte {at}");
        file.write_all_at(&[*byte], at).unwrap();
    }
    file.set_len(bytes.len() as u64 - 1).unwrap();
    assert!(changed(), "cut");
    file.write_all_at(&bytes[bytes.len() - 1..], bytes.len() as u64 - 1)
        .unwrap();
    assert!(project.load().is_ok());
    file.write_all_at(&[0], bytes.len() as u64).unwrap();
    assert!(changed(), "longer");
}

#[test]
fn a_changed_plugin_is_reported_with_a_fix() {
    let project = Project::new(&json!({"sha256": "0".repeat(64)}));
    let error = project.error();
    let found = Sha256Digest::of(guests::component(GUEST));
    assert!(
        error.to_string().contains(&format!(
            "has SHA-256 {found}, but the configuration expects 000000"
        )),
        "{error}"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains(&format!("\"sha256\": \"{found}\""))
    );
}

#[test]
fn grants_apply_to_one_file_and_within_the_lock() {
    let project = Project::new(&json!({"grants": {"exec": ["line-agent"]}}));
    assert!(matches!(project.error(), PluginsError::NotPinned { .. }));
    project.lock(PluginGrants::default());
    let error = project.error();
    assert_eq!(
        error.to_string(),
        "the plugin `guest` asks for more than `autoissue.plugins.lock` approves: exec=line-agent"
    );
    project.lock(PluginGrants {
        exec: vec!["line-agent".into()],
        ..PluginGrants::default()
    });
    assert!(project.load().is_ok());
}

#[test]
fn a_lock_that_does_not_list_a_plugin_refuses_it() {
    let pinned = json!({"sha256": Sha256Digest::of(guests::component(GUEST)).to_string()});
    for entry in [json!({}), pinned] {
        let project = Project::new(&entry);
        assert!(project.load().is_ok());
        project.lock_as("other", PluginGrants::default());
        let error = project.error();
        assert_eq!(
            error.to_string(),
            "autoissue.plugins.lock does not list the plugin `guest`"
        );
        assert!(error.hint().unwrap().contains("autoissue plugin add"));
    }
}

#[test]
fn a_backend_that_asks_for_more_is_reported_with_the_line_to_add() {
    let mut project =
        Project::new(&json!({"sha256": Sha256Digest::of(guests::component(GUEST)).to_string()}));
    project.config.strategies.agent_backend = Some("guest".into());
    let error = project.error();
    assert_eq!(
        error.to_string(),
        "the plugin `guest` asks for more than it was granted: `line-agent`, `LINE_AGENT_KEY`"
    );
    let hint = error.hint().unwrap();
    let line = &hint[hint.find('{').unwrap()..];
    let entry: serde_json::Value = serde_json::from_str(line).unwrap();
    let mut fixed = Project::new(&entry);
    fixed.config.plugins[0].path = fixed.component();
    fixed.config.strategies.agent_backend = Some("guest".into());
    assert!(
        fixed.load().is_ok(),
        "adding the line must be enough: {line}"
    );
}

#[test]
fn settings_are_checked_before_any_decision() {
    let settings = |config: serde_json::Value| Project::new(&json!({ "config": config }));
    assert!(settings(json!({"domain": "billing"})).load().is_ok());
    let error = settings(json!({"domain": 1, "words": []}))
        .error()
        .to_string();
    assert!(
        error.contains("`plugins[0].config.domain`: 1 is not of type \"string\"")
            && error.contains("`plugins[0].config`: Additional properties are not allowed ('words' was unexpected)"),
        "{error}"
    );
    let mut second = settings(json!({"domain": "billing"}));
    second.config.strategies.classifier = Some("guest/second".into());
    assert_eq!(
        second.error().to_string(),
        "invalid settings of the plugin `autoissue-test-guest`: `plugins[0].config`: \
         no settings are taken by classifier `second`; strategies with settings: classifier `obedient`, pr-template `signed`"
    );
}

#[test]
fn each_strategy_is_checked_against_its_own_schema() {
    let error = |entry: serde_json::Value| {
        let mut project = Project::new(&entry);
        project.config.strategies.pr_template = Some("guest/signed".into());
        project.load().err().map(|error| error.to_string())
    };
    let configs = |classifier: serde_json::Value, template: serde_json::Value| json!({"configs": {"classifier": classifier, "prTemplate": template}});
    let good = configs(json!({"domain": "billing"}), json!({"signature": "us"}));
    assert_eq!(error(good), None);
    for (entry, expected) in [
        (
            configs(json!({"domain": 1}), json!({"signature": "us"})),
            "`plugins[0].configs.classifier.domain`: 1 is not of type \"string\"",
        ),
        (
            configs(json!({}), json!({"domain": "billing"})),
            "`plugins[0].configs.prTemplate`: Additional properties are not allowed ('domain' was unexpected)",
        ),
        (
            json!({"configs": {"classifier": {"domain": "billing"}}}),
            "`plugins[0].configs.prTemplate`: \"signature\" is a required property",
        ),
        (
            json!({"config": {"domain": "billing"}}),
            "`plugins[0].config`: several strategies take settings: classifier `obedient`, pr-template `signed`; \
             use `configs` with the keys `classifier`, `prTemplate`",
        ),
    ] {
        let error = error(entry).unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn names_are_unambiguous() {
    let mut project = Project::new(&json!({}));
    project.config.plugins[0].name = "claude".into();
    project.config.strategies.classifier = Some("claude".into());
    assert!(
        project.load().unwrap().iter().next().is_none(),
        "a built-in's name must select the built-in"
    );
    let mut project = Project::new(&json!({}));
    let copy = project.root.path().join("copy.wasm");
    std::fs::copy(project.component(), &copy).unwrap();
    let mut other = project.config.plugins[0].clone();
    (other.name, other.path) = ("other".into(), copy);
    project.config.plugins.push(other);
    project.config.strategies.pr_template = Some("other".into());
    assert!(matches!(project.error(), PluginsError::TwoOfOneName { .. }));
}
