//! An empty WASI, for toolchains whose runtime imports one: no files, no network, no environment, a
//! stopped clock, and random numbers that are the same in every instance.
//!
//! It is linked interface by interface, as the component imports them, and only if the operator
//! granted it. A function that is not in the table here fails when called, with an error that names
//! it: a later version of WASI adds no capabilities.

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{
    Component, Linker, LinkerInstance, Resource, ResourceAny, ResourceType, Val,
};
use wasmtime::{Result, StoreContextMut};

use crate::fault::NotThere;
use crate::sandbox::{Guest, Level};

/// Prefix of the interfaces' names.
pub(crate) const PREFIX: &str = "wasi:";
/// Bytes of standard output or error that are accepted at once.
const WRITE_BYTES_MAX: u64 = 4_096;
/// Most random bytes per call: enough for a runtime to seed its hash tables.
const RANDOM_BYTES_MAX: u64 = 1 << 16;

/// The type of every resource: none of them has any content.
struct Nothing;

/// Standard output and error.
const OUTPUT: u32 = 1;
/// Everything else.
const OTHER: u32 = 0;

/// Defines the WASI functions that a component imports.
pub(crate) fn link(linker: &mut Linker<Guest>, component: &Component) -> Result<()> {
    let engine = component.engine();
    let of_type = component.component_type();
    for (name, import) in of_type
        .imports(engine)
        .filter(|(name, _)| name.starts_with(PREFIX))
    {
        let ComponentItem::ComponentInstance(interface) = import.ty else {
            continue;
        };
        let mut instance = linker.instance(name)?;
        let interface_name = name.split('@').next().unwrap_or(name);
        for (item, export) in interface.exports(engine) {
            define(&mut instance, interface_name, item, &export.ty)?;
        }
    }
    Ok(())
}

fn define(
    instance: &mut LinkerInstance<'_, Guest>,
    interface: &str,
    item: &str,
    of_type: &ComponentItem,
) -> Result<()> {
    match of_type {
        ComponentItem::Resource(_) => {
            instance.resource(item, ResourceType::host::<Nothing>(), |_, _| Ok(()))
        }
        ComponentItem::ComponentFunc(_) => {
            let name = format!("{interface}/{item}").replacen("wasi:", "", 1);
            instance.func_new(item, move |store, _, given, results| {
                answer(&name, store, given, results)
            })
        }
        _ => Ok(()),
    }
}

/// Answers a call like a machine that has nothing.
fn answer(
    name: &str,
    store: StoreContextMut<'_, Guest>,
    given: &[Val],
    results: &mut [Val],
) -> Result<()> {
    let value = match name {
        "cli/environment/get-environment"
        | "cli/environment/get-arguments"
        | "filesystem/preopens/get-directories" => Val::List(Vec::new()),
        "cli/environment/initial-cwd"
        | "cli/terminal-stdin/get-terminal-stdin"
        | "cli/terminal-stdout/get-terminal-stdout"
        | "cli/terminal-stderr/get-terminal-stderr"
        | "filesystem/types/filesystem-error-code" => Val::Option(None),
        "cli/stdout/get-stdout" | "cli/stderr/get-stderr" => resource(store, OUTPUT)?,
        "cli/stdin/get-stdin"
        | "io/streams/[method]output-stream.subscribe"
        | "io/streams/[method]input-stream.subscribe"
        | "clocks/monotonic-clock/subscribe-instant"
        | "clocks/monotonic-clock/subscribe-duration" => resource(store, OTHER)?,
        "clocks/monotonic-clock/now" => Val::U64(0),
        "clocks/monotonic-clock/resolution" => Val::U64(1),
        "clocks/wall-clock/now" | "clocks/wall-clock/resolution" => Val::Record(vec![
            ("seconds".to_owned(), Val::U64(0)),
            ("nanoseconds".to_owned(), Val::U32(0)),
        ]),
        "random/random/get-random-u64" | "random/insecure/get-insecure-random-u64" => {
            Val::U64(seed(0))
        }
        "random/insecure-seed/insecure-seed" => {
            Val::Tuple(vec![Val::U64(seed(1)), Val::U64(seed(2))])
        }
        "random/random/get-random-bytes" | "random/insecure/get-insecure-random-bytes" => {
            random_bytes(given)
        }
        "io/streams/[method]output-stream.check-write" => ok(Some(Val::U64(WRITE_BYTES_MAX))),
        "io/streams/[method]output-stream.write"
        | "io/streams/[method]output-stream.blocking-write-and-flush" => {
            write(store, given);
            ok(None)
        }
        "io/streams/[method]output-stream.flush"
        | "io/streams/[method]output-stream.blocking-flush" => ok(None),
        "io/streams/[method]input-stream.read"
        | "io/streams/[method]input-stream.blocking-read" => {
            Val::Result(Err(Some(Box::new(Val::Variant("closed".to_owned(), None)))))
        }
        "io/poll/[method]pollable.ready" => Val::Bool(true),
        "io/poll/poll" => ready(given),
        "io/poll/[method]pollable.block" => return Ok(()),
        _ => return Err(NotThere(name.to_owned()).into()),
    };
    if let Some(result) = results.first_mut() {
        *result = value;
    }
    Ok(())
}

fn ok(value: Option<Val>) -> Val {
    Val::Result(Ok(value.map(Box::new)))
}

fn resource(store: StoreContextMut<'_, Guest>, rep: u32) -> Result<Val> {
    Ok(Val::Resource(ResourceAny::try_from_resource(
        Resource::<Nothing>::new_own(rep),
        store,
    )?))
}

/// Returns numbers without a pattern, the same each time (splitmix64).
fn seed(n: u64) -> u64 {
    let z = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn random_bytes(given: &[Val]) -> Val {
    let n_bytes = match given {
        [Val::U64(n_bytes)] => (*n_bytes).min(RANDOM_BYTES_MAX),
        _ => 0,
    };
    Val::List(
        (0..n_bytes)
            .map(|n| Val::U8(seed(n).to_le_bytes()[0]))
            .collect(),
    )
}

/// Every pollable is ready immediately.
fn ready(given: &[Val]) -> Val {
    let n = match given {
        [Val::List(pollables)] => u32::try_from(pollables.len()).unwrap_or(u32::MAX),
        _ => 0,
    };
    Val::List((0..n).map(Val::U32).collect())
}

/// Output goes to the log: a runtime reports there why it aborts.
fn write(mut store: StoreContextMut<'_, Guest>, given: &[Val]) {
    let Some(Val::List(bytes)) = given.get(1) else {
        return;
    };
    let bytes: Vec<u8> = bytes
        .iter()
        .map(|byte| {
            if let Val::U8(byte) = byte {
                *byte
            } else {
                b'?'
            }
        })
        .collect();
    let text = String::from_utf8_lossy(&bytes);
    if !text.trim().is_empty() {
        store.data_mut().log().line(Level::Error, &text);
    }
}
