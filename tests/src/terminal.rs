//! A terminal with a person at it: a program runs on a pseudo-terminal of its own, and what it writes is what an emulator shows,
//! one that breaks lines anew when it is resized.
//!
//! ```text
//!   keys ─► pty ─► program ─► pty ─► reader ─► emulator ─► wait_until(what a person would see)
//! ```

use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Pty, open};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, tcgetattr};

/// Far more than anything here takes; only a failing test waits that long.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A program on a terminal.
pub struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

/// What the emulator shows.
struct Shown {
    emulator: avt::Terminal,
    written: Vec<u8>,
    /// The beginning of a character.
    partial: Vec<u8>,
    is_over: bool,
}

/// What a person sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The rows of the screen, without spaces at their ends.
    pub rows: Vec<String>,
    /// All lines since the start, whole, those that have scrolled away first.
    pub lines: Vec<String>,
    /// Whether there is a cursor.
    pub has_cursor: bool,
    /// All that was written.
    pub written: String,
}

impl Sight {
    /// Returns whether a row of the screen holds the text.
    pub fn shows(&self, text: &str) -> bool {
        self.rows.iter().any(|row| row.contains(text))
    }

    /// Returns whether any line since the start holds the text.
    pub fn has_shown(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

impl Terminal {
    /// Starts a program on a terminal of this size.
    pub fn start(command: &Command, columns: u16, rows: u16) -> Self {
        let (pty, pts) = open().expect("a pseudo-terminal");
        pty.resize(Size::new(rows, columns)).expect("a size");
        let child = on_terminal(command).spawn(pts).expect("the program starts");
        let emulator =
            avt::Terminal::with_scrollback(columns.into(), rows.into(), None).expect("a size");
        let shown = Arc::new((
            Mutex::new(Shown {
                emulator,
                written: Vec::new(),
                partial: Vec::new(),
                is_over: false,
            }),
            Condvar::new(),
        ));
        let pty = Arc::new(pty);
        let reader = std::thread::spawn({
            let (pty, shown) = (pty.clone(), shown.clone());
            move || read(&pty, &shown)
        });
        Self {
            pty,
            child,
            shown,
            reader: Some(reader),
        }
    }

    /// Returns the number of the program's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a person sees it, and returns all that is seen then.
    #[track_caller]
    pub fn wait_until(&self, what: &str, sees: impl Fn(&Sight) -> bool) -> Sight {
        let deadline = Instant::now() + WAIT_MAX;
        let mut shown = lock(&self.shown);
        loop {
            let sight = shown.sight();
            if sees(&sight) {
                return sight;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if shown.is_over || left.is_zero() {
                drop(shown);
                panic!("never seen: {what}\n{}", sight.rows.join("\n"));
            }
            shown = self
                .shown
                .1
                .wait_timeout(shown, left)
                .expect("no reader panicked")
                .0;
        }
    }

    /// Types.
    pub fn press(&self, keys: &str) {
        (&*self.pty)
            .write_all(keys.as_bytes())
            .expect("the terminal is there");
    }

    /// Makes it larger or smaller, after all that was written for its old size is seen.
    pub fn resize(&self, columns: u16, rows: u16) {
        let mut shown = lock(&self.shown);
        while is_readable(&self.pty, Some(&Timespec::default())) && !shown.is_over {
            shown.take_in(&self.pty);
        }
        shown.emulator.resize(columns.into(), rows.into());
        self.pty.resize(Size::new(rows, columns)).expect("a size");
    }

    /// Returns whether the terminal shows what is typed.
    pub fn echoes(&self) -> bool {
        tcgetattr(&*self.pty)
            .expect("the terminal is there")
            .local_modes
            .contains(LocalModes::ECHO)
    }

    /// Waits for the end of the program; returns its exit code and what is left to see.
    pub fn end(mut self) -> (Option<i32>, Sight) {
        let status = self.child.wait().expect("it ends");
        let reader = self.reader.take().expect("it is waited for once");
        reader.join().expect("the reader ends with it");
        (status.code(), lock(&self.shown).sight())
    }
}

/// A test that fails must not leave its program behind.
impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shown {
    fn sight(&self) -> Sight {
        let screen = self.emulator.screen();
        Sight {
            rows: screen
                .visible_lines()
                .map(|line| line.text().trim_end().to_owned())
                .collect(),
            lines: screen.text(),
            has_cursor: self.emulator.cursor().visible,
            written: String::from_utf8_lossy(&self.written).into_owned(),
        }
    }

    /// Shows some of what is there to be read.
    fn take_in(&mut self, mut pty: &Pty) {
        let mut buffer = [0; 4_096];
        // With nobody at the other end it is an error.
        let n_bytes = pty.read(&mut buffer).unwrap_or(0);
        self.written.extend(&buffer[..n_bytes]);
        self.partial.extend(&buffer[..n_bytes]);
        let text = whole_characters(&mut self.partial);
        self.emulator.feed(text.as_str());
        self.is_over = n_bytes == 0;
    }
}

/// Returns the same command for a terminal.
fn on_terminal(command: &Command) -> pty_process::blocking::Command {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let on = pty_process::blocking::Command::new(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(set);
    match command.get_current_dir() {
        Some(directory) => on.current_dir(directory),
        None => on,
    }
}

/// Reads until the program and all that it started are gone.
fn read(pty: &Pty, shown: &(Mutex<Shown>, Condvar)) {
    loop {
        is_readable(pty, None);
        let mut now = lock(shown);
        // Somebody else may have read it meanwhile.
        if is_readable(pty, Some(&Timespec::default())) {
            now.take_in(pty);
        }
        shown.1.notify_all();
        if now.is_over {
            return;
        }
    }
}

/// Waits until there is something to read, or nobody at the other end, and returns whether that is so.
fn is_readable(pty: &Pty, time_max: Option<&Timespec>) -> bool {
    let mut awaited = [PollFd::new(pty, PollFlags::IN)];
    poll(&mut awaited, time_max).is_ok_and(|n_ready| 0 < n_ready)
}

/// Takes what is whole; a character of which the end has not come yet is left.
fn whole_characters(bytes: &mut Vec<u8>) -> String {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    let rest = bytes.split_off(whole);
    String::from_utf8_lossy(&std::mem::replace(bytes, rest)).into_owned()
}

fn lock(shown: &(Mutex<Shown>, Condvar)) -> MutexGuard<'_, Shown> {
    shown.0.lock().expect("no reader panicked")
}
