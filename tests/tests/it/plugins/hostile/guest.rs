//! Hand-written plugins: an honest one, and variants with a single change.

use std::fmt::Write as _;
use std::path::Path;

use autoissue_plugin_host::component_from_module;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Function, IndexMap, LiftLowerAbi, ManglingAndAbi, Resolve, WasmExport, WasmExportKind,
    WasmImport, WorldId, WorldItem, WorldKey,
};

use super::image::{Image, NOTHING, Record, Slice};

/// A plugin's description of itself.
pub struct About {
    pub name: Vec<u8>,
    pub description: Vec<u8>,
    /// Kind and name of each strategy.
    pub strategies: Vec<(String, String)>,
    /// Schema of the settings of each strategy.
    pub schema: Option<String>,
}

impl About {
    pub fn of(kind: &str) -> Self {
        let strategies = vec![(kind.to_owned(), "mean".to_owned())];
        Self {
            name: b"mean".to_vec(),
            description: b"Means no good".to_vec(),
            strategies,
            schema: None,
        }
    }

    /// Writes it into memory as `info`.
    fn put_into(self, image: &mut Image) -> u32 {
        let text = |image: &mut Image, text: &str| image.text(text);
        let strategies: Vec<Record> = self
            .strategies
            .iter()
            .map(|(kind, name)| {
                let (kind, name) = (text(image, kind), text(image, name));
                let schema = self.schema.as_ref().map(|schema| text(image, schema));
                Record::new()
                    .slice(kind)
                    .slice(name)
                    .slice(NOTHING)
                    .text(schema)
                    .no_text()
                    .slice(NOTHING)
            })
            .collect();
        let (name, version) = (image.text(self.name), image.text("0.1.0"));
        let description = image.text(self.description);
        let strategies = image.list(&strategies);
        let info = Record::new()
            .slice(name)
            .slice(version)
            .slice(description)
            .no_text()
            .slice(strategies)
            .slice(NOTHING);
        image.record(&info)
    }
}

/// A classifier's answer.
pub struct Answer {
    /// 0 for an answer, 1 for an error; other values are invalid.
    pub case: u8,
    pub domain: Slice,
    pub confidence: f32,
    pub reasons: Slice,
}

impl Answer {
    pub fn honest(image: &mut Image) -> Self {
        Self {
            case: 0,
            domain: image.text("billing"),
            confidence: 0.5,
            reasons: NOTHING,
        }
    }

    pub fn record(&self) -> Record {
        let record = Record::new()
            .byte(self.case)
            .slice(self.domain)
            .word(self.confidence.to_bits())
            .slice(self.reasons);
        record.slice(NOTHING).slice(NOTHING).slice(NOTHING)
    }
}

/// A classifier as text: its function bodies and further module fields.
pub struct Classifier {
    pub image: Image,
    pub about: About,
    /// Body of `describe`; by default it returns the address of the description.
    pub describe: Option<String>,
    /// Body of `classify`, which returns the address of the answer.
    pub classify: String,
    /// Further fields of the module.
    pub more: String,
    /// Pages of memory in addition to the image's.
    pub n_more_pages: u32,
}

impl Classifier {
    /// Creates a classifier that returns this record.
    pub fn answering(answer: impl FnOnce(&mut Image) -> Record) -> Self {
        let mut image = Image::default();
        let record = answer(&mut image);
        let at = image.record(&record);
        Self::doing(image, format!("(i32.const {at})"))
    }

    /// Creates a classifier whose answer is honest except for one change.
    pub fn but(change: impl FnOnce(&mut Image, &mut Answer)) -> Self {
        Self::answering(|image| {
            let mut answer = Answer::honest(image);
            change(image, &mut answer);
            answer.record()
        })
    }

    /// Creates a classifier that runs this code first and then answers honestly.
    pub fn first(does: &str) -> Self {
        let mut image = Image::default();
        let answer = Answer::honest(&mut image).record();
        let at = image.record(&answer);
        Self::doing(image, format!("{does} (i32.const {at})"))
    }

    fn doing(image: Image, classify: String) -> Self {
        let about = About::of("classifier");
        Self {
            image,
            about,
            describe: None,
            classify,
            more: String::new(),
            n_more_pages: 0,
        }
    }

    pub fn with_more(mut self, fields: &str) -> Self {
        self.more.push_str(fields);
        self
    }

    pub fn describing(mut self, about: About) -> Self {
        self.about = about;
        self
    }

    pub fn describing_by(mut self, body: &str) -> Self {
        self.describe = Some(body.to_owned());
        self
    }

    pub fn with_pages(mut self, n_more_pages: u32) -> Self {
        self.n_more_pages = n_more_pages;
        self
    }

    /// Returns the component.
    pub fn component(mut self) -> Vec<u8> {
        let info = self.about.put_into(&mut self.image);
        let describe = self
            .describe
            .unwrap_or_else(|| format!("(i32.const {info})"));
        let classify = format!(
            r#"(func (export "autoissue:classifier/classifier@0.1.0#classify") (param i32) (result i32) {})"#,
            self.classify
        );
        component(
            "classifier-plugin",
            &self.image,
            &describe,
            &format!("{classify}{}", self.more),
            self.n_more_pages,
        )
    }
}

/// An agent backend whose answers are stored in its memory.
pub struct Backend {
    /// The program in `program-info`.
    pub program: &'static str,
    /// The `command-spec`, as the texts of its lists.
    pub command: &'static str,
    pub args: Vec<Vec<u8>>,
    pub env: Vec<&'static str>,
    pub pass_env: Vec<&'static str>,
    /// Handle that `start` returns; by default that of the run it created.
    pub handle: Option<u32>,
    /// Events for lines, each as its bytes.
    pub events: Vec<Record>,
    /// Body of `on-lines`, replacing the events.
    pub on_lines: Option<String>,
    /// Body of `on-exit`; no events by default.
    pub on_exit: Option<String>,
}

impl Default for Backend {
    fn default() -> Self {
        Self {
            program: "agent",
            command: "agent",
            args: Vec::new(),
            env: Vec::new(),
            pass_env: Vec::new(),
            handle: None,
            events: Vec::new(),
            on_lines: None,
            on_exit: None,
        }
    }
}

/// Size of an `agent-event`, bytes.
const EVENT_BYTES: usize = 56;

/// Creates an event from its case and payload.
pub fn event(case: u8, payload: impl FnOnce(Record) -> Record) -> Record {
    payload(Record::new().byte(case).sized(8)).sized(EVENT_BYTES)
}

impl Backend {
    pub fn component(self) -> Vec<u8> {
        fn texts(image: &mut Image, texts: &[Vec<u8>]) -> Slice {
            let items: Vec<Record> = texts
                .iter()
                .map(|text| Record::new().slice(image.text(text)))
                .collect();
            image.list(&items)
        }

        let mut image = Image::default();
        let (program, command) = (image.text(self.program), image.text(self.command));
        let no_login = |info: Record| {
            let info = info.byte(0).slice(NOTHING).slice(NOTHING);
            info.slice(NOTHING).slice(NOTHING).slice(NOTHING)
        };
        let info = Record::new()
            .byte(0)
            .slice(program)
            .slice(NOTHING) // version-args
            .byte(0) // versions
            .slice(NOTHING)
            .slice(NOTHING) // install-hint
            .slice(NOTHING) // metering
            .slice(NOTHING) // models
            .slice(NOTHING) // environment
            .slice(NOTHING); // endpoints
        let info = no_login(info)
            .slice(NOTHING) // ignored-paths
            .slice(NOTHING) // repository-settings
            .slice(NOTHING); // noise
        let info = image.record(&info.slice(NOTHING));
        let args = texts(&mut image, &self.args);
        let value = image.text("1");
        let env: Vec<Record> = self
            .env
            .iter()
            .map(|name| Record::new().slice(image.text(name)).slice(value))
            .collect();
        let env = image.list(&env);
        let pass_env: Vec<Record> = self
            .pass_env
            .iter()
            .map(|name| {
                let name = Record::new().slice(image.text(name));
                name.byte(0).slice(NOTHING)
            })
            .collect();
        let pass_env = image.list(&pass_env);
        let spec = Record::new()
            .byte(0)
            .word(self.handle.unwrap_or(0))
            .slice(command)
            .slice(args)
            .slice(env)
            .slice(pass_env);
        let spec = spec
            .slice(NOTHING) // stdin
            .byte(0) // keep-stdin-open
            .slice(NOTHING) // files
            .slice(NOTHING) // stop-signal
            .slice(NOTHING);
        let spec = image.record(&spec);
        let events = image.list(&self.events);
        let events = image.record(&Record::new().slice(events));
        let none = image.record(&Record::new().slice(NOTHING));
        let make = match self.handle {
            Some(_) => String::new(),
            None => format!(
                "(i32.store (i32.const {}) (call $new (i32.const 7)))",
                spec + 4
            ),
        };
        let on_lines = self
            .on_lines
            .unwrap_or_else(|| format!("(i32.const {events})"));
        let on_exit = self
            .on_exit
            .unwrap_or_else(|| format!("(i32.const {none})"));
        let about = About::of("agent-backend").put_into(&mut image);
        let interface = "autoissue:agent-backend/agent-backend@0.1.0";
        let more = format!(
            r#"
            (func (export "{interface}#probe") (param i32 i32 i32 i32) (result i32) (i32.const {info}))
            (func (export "{interface}#start") (param i32) (result i32) {make} (i32.const {spec}))
            (func (export "{interface}#[method]agent-run.on-lines") (param i32 i32 i32) (result i32) {on_lines})
            (func (export "{interface}#[method]agent-run.on-event") (param i32 i32 i32 i32 i32) (result i32) (i32.const {none}))
            (func (export "{interface}#[method]agent-run.on-exit") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {on_exit})
            "#
        );
        component(
            "agent-backend-plugin",
            &image,
            &format!("(i32.const {about})"),
            &more,
            0,
        )
    }
}

/// Creates a component from the parts of a module.
fn component(world: &str, image: &Image, describe: &str, more: &str, n_more_pages: u32) -> Vec<u8> {
    // A minimal allocator: memory is never freed.
    let new = match world {
        "agent-backend-plugin" => {
            r#"(import "[export]autoissue:agent-backend/agent-backend@0.1.0" "[resource-new]agent-run" (func $new (param i32) (result i32)))"#
        }
        _ => "",
    };
    let text = format!(
        r#"(module
            {new}
            (import "autoissue:plugin/host-log@0.1.0" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") {})
            (global $free (mut i32) (i32.const {}))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
                (global.set $free (i32.add (local.get $at) (local.get 3)))
                (block $fits
                    (br_if $fits (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
                    (drop (memory.grow (i32.add (i32.shr_u (local.get 3) (i32.const 16)) (i32.const 1)))))
                (local.get $at))
            (func (export "autoissue:plugin/metadata@0.1.0#describe") (result i32) {describe})
            (func (export "autoissue:plugin/metadata@0.1.0#check-settings") (param i32 i32 i32 i32 i32 i32) (result i32)
                (i32.const 16)) ;; where there are zeros, as below all data: all settings are right
            {more}
            {})"#,
        image.n_pages() + 1 + n_more_pages,
        image.n_pages() * 65_536,
        image.data(),
    );
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let (resolve, world) = interfaces(&[], world, |text| text);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    component_from_module(&module).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns the WIT packages with a change applied to each file, and one of their worlds. It may refer
/// to the other packages.
fn interfaces(
    others: &[&str],
    world: &str,
    change: impl Fn(String) -> String,
) -> (Resolve, WorldId) {
    fn copy(from: &Path, to: &Path, change: &impl Fn(String) -> String) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let to = to.join(path.file_name().unwrap());
            if path.is_dir() {
                copy(&path, &to, change);
            } else if path.extension().is_some_and(|it| it == "wit") {
                let text = change(std::fs::read_to_string(&path).unwrap());
                std::fs::write(to, text).unwrap();
            }
        }
    }

    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let changed = tempfile::tempdir().unwrap();
    copy(&directory, changed.path(), &change);
    let mut resolve = Resolve::default();
    for text in others {
        resolve.push_str("other.wit", text).unwrap();
    }
    let (package, _) = resolve.push_dir(changed.path()).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    (resolve, world)
}

/// Creates a component with other interfaces whose functions all trap. The changed text must occur
/// in a WIT package.
pub fn of_other_interfaces(others: &[&str], world: &str, from: &str, to: &str) -> Vec<u8> {
    let found = std::cell::Cell::new(false);
    let (resolve, world) = interfaces(others, world, |text| {
        found.set(found.get() || text.contains(from));
        text.replace(from, to)
    });
    assert!(found.get(), "`{from}` is in a WIT package");
    trapping(&resolve, world)
}

/// Creates a component for a world given as text; its functions all trap.
pub fn of_world(text: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", text).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    trapping(&resolve, world)
}

/// Creates a component that imports and exports everything in a world; its functions all trap.
fn trapping(resolve: &Resolve, world: WorldId) -> Vec<u8> {
    let (mut imports, mut exports) = (String::new(), String::new());
    for (interface, function) in functions(resolve, &resolve.worlds[world].imports) {
        let import = WasmImport::Func {
            interface,
            func: function,
        };
        let (module, name) = resolve.wasm_import_name(ABI, import);
        let types = types(resolve, AbiVariant::GuestImport, function);
        writeln!(imports, "(import {module:?} {name:?} (func {types}))").unwrap();
    }
    for (interface, function) in functions(resolve, &resolve.worlds[world].exports) {
        let kind = WasmExportKind::Normal;
        let export = WasmExport::Func {
            interface,
            func: function,
            kind,
        };
        let name = resolve.wasm_export_name(ABI, export);
        let types = types(resolve, AbiVariant::GuestExport, function);
        writeln!(exports, "(func (export {name:?}) {types} unreachable)").unwrap();
    }
    let text = format!(
        r#"(module
            {imports}
            {exports}
            (memory (export "memory") 0)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    let mut module = wat::parse_str(&text).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    component_from_module(&module).unwrap()
}

/// How names and types of a module map to those of its world.
const ABI: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

/// Returns the functions of a world's imports or exports, each with its interface.
fn functions<'a>(
    resolve: &'a Resolve,
    items: &'a IndexMap<WorldKey, WorldItem>,
) -> Vec<(Option<&'a WorldKey>, &'a Function)> {
    let of_item = |(key, item): (&'a WorldKey, &'a WorldItem)| match item {
        WorldItem::Function(function) => vec![(None, function)],
        WorldItem::Interface { id, .. } => {
            let all = resolve.interfaces[*id].functions.values();
            all.map(|function| (Some(key), function)).collect()
        }
        WorldItem::Type { .. } => Vec::new(),
    };
    items.iter().flat_map(of_item).collect()
}

/// Returns the parameters and results of a function in a module, as text.
fn types(resolve: &Resolve, variant: AbiVariant, function: &Function) -> String {
    let name = |ty: &WasmType| match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    };
    let signature = resolve.wasm_signature(variant, function);
    let parameters = signature
        .params
        .iter()
        .map(|ty| format!("(param {})", name(ty)));
    let results = signature
        .results
        .iter()
        .map(|ty| format!("(result {})", name(ty)));
    parameters.chain(results).collect()
}
