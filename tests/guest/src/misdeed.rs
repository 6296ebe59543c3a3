//! Ways in which a plugin can misbehave, by name.

use autoissue_plugin_sdk::log;
use autoissue_plugin_sdk::prelude::*;

/// Misbehaves in the named way, or prints, which only some hosts allow.
///
/// # Errors
///
/// If the misbehaviour is an error.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a plugin prints has to arrive in the log"
)]
pub(crate) fn commit(misdeed: &str) -> Result<Classification, PluginError> {
    match misdeed {
        "panic" => panic!("on purpose"),
        "loop" => loop {
            std::hint::spin_loop();
        },
        "memory" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 1 << 20]);
            }
        }
        "stack" => Ok(Classification::new("deep", deep(1.0))),
        "huge reason" => Ok(Classification::new("huge", 1.0).because("x".repeat(40 << 20))),
        "many reasons" => Ok(many_reasons()),
        "not a number" => Ok(Classification::new("odd", f32::NAN)),
        "bad domain" => Ok(Classification::new("Not A Domain", 1.0)),
        "control characters" => Ok(Classification::new("odd", 1.0).because("\u{1b}[2J")),
        "chatter" => {
            (0..1_000).for_each(|n| log::info(&format!("line {n}")));
            Ok(Classification::new("chatter", 1.0))
        }
        "print" => {
            println!("a line");
            eprint!("half a line");
            Ok(Classification::new("printed", 1.0))
        }
        "print and abort" => {
            eprintln!("the reason\n  in two lines");
            std::process::abort()
        }
        "exit" => std::process::exit(3),
        "look around" => Ok(Classification::new("seen", 1.0).because(look_around())),
        "invalid settings" => Err(PluginError::InvalidSettings(
            "`words` must not be empty".into(),
        )),
        "invalid input" => Err(PluginError::InvalidInput("no title".into())),
        "unavailable" => Err(PluginError::Unavailable("later".into())),
        "internal" => Err(PluginError::Internal("a defect".into())),
        _ => Err(PluginError::Internal(format!("unknown misdeed: {misdeed}"))),
    }
}

/// Returns what the outside world looks like.
fn look_around() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    std::thread::sleep(std::time::Duration::from_secs(3_600));
    format!(
        "{} arguments, {} variables, {:?}, {:?}, {:?}",
        std::env::args().count(),
        std::env::vars().count(),
        now,
        std::fs::read("/etc/passwd").map_err(|error| error.kind()),
        std::net::TcpStream::connect("127.0.0.1:80").map_err(|error| error.kind()),
    )
}

fn many_reasons() -> Classification {
    let mut answer = Classification::new("many", 1.0);
    answer.reasons = vec!["because".into(); 2_000];
    answer
}

/// Recurses forever, in a way that no compiler turns into a loop.
#[inline(never)]
fn deep(by: f32) -> f32 {
    let below = [by; 64];
    if by.is_nan() {
        return by;
    }
    std::hint::black_box(deep(std::hint::black_box(below[13])) + below[7])
}
