//! A simulated user at a terminal: a program runs on its own pseudo-terminal, and a terminal
//! emulator, which re-wraps lines when resized, shows its output.
//!
//! ```text
//!   keys ─► pty ─► program ─► pty ─► reader ─► emulator ─► wait_until(what a user would see)
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

/// Far longer than any test takes; only a failing test waits that long.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A program on a terminal.
pub struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    shown: Arc<(Mutex<Shown>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

struct Shown {
    emulator: avt::Terminal,
    written: Vec<u8>,
    /// The first bytes of an incomplete character.
    partial: Vec<u8>,
    is_over: bool,
}

/// What a user sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalContents {
    /// The rows of the screen, without trailing spaces.
    pub rows: Vec<String>,
    /// All lines since the start, unwrapped, including those scrolled off the screen.
    pub lines: Vec<String>,
    /// Whether the cursor is visible.
    pub has_cursor: bool,
    /// All raw output.
    pub written: String,
}

impl TerminalContents {
    /// Returns whether a row of the screen contains the text.
    pub fn shows(&self, text: &str) -> bool {
        self.rows.iter().any(|row| row.contains(text))
    }

    /// Returns whether any line since the start contains the text.
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

    /// Returns the program's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the condition holds for the screen; returns the screen.
    #[track_caller]
    pub fn wait_until(
        &self,
        what: &str,
        sees: impl Fn(&TerminalContents) -> bool,
    ) -> TerminalContents {
        let deadline = Instant::now() + WAIT_MAX;
        let mut shown = lock(&self.shown);
        loop {
            let contents = shown.contents();
            if sees(&contents) {
                return contents;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if shown.is_over || left.is_zero() {
                drop(shown);
                panic!("not seen in time: {what}\n{}", contents.rows.join("\n"));
            }
            shown = self
                .shown
                .1
                .wait_timeout(shown, left)
                .expect("the lock is not poisoned")
                .0;
        }
    }

    /// Types keys.
    pub fn press(&self, keys: &str) {
        (&*self.pty)
            .write_all(keys.as_bytes())
            .expect("the terminal is open");
    }

    /// Resizes the terminal, after all earlier output has been shown.
    pub fn resize(&self, columns: u16, rows: u16) {
        let mut shown = lock(&self.shown);
        while is_readable(&self.pty, Some(&Timespec::default())) && !shown.is_over {
            shown.take_in(&self.pty);
        }
        shown.emulator.resize(columns.into(), rows.into());
        self.pty.resize(Size::new(rows, columns)).expect("a size");
    }

    /// Returns whether the terminal echoes typed keys.
    pub fn echoes(&self) -> bool {
        tcgetattr(&*self.pty)
            .expect("the terminal is open")
            .local_modes
            .contains(LocalModes::ECHO)
    }

    /// Waits for the program to exit; returns its exit code and the final screen.
    pub fn end(mut self) -> (Option<i32>, TerminalContents) {
        let status = self.child.wait().expect("it ends");
        let reader = self.reader.take().expect("`end` runs once");
        reader.join().expect("the reader did not panic");
        (status.code(), lock(&self.shown).contents())
    }
}

/// A failing test must not leave its program behind.
impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shown {
    fn contents(&self) -> TerminalContents {
        let screen = self.emulator.screen();
        TerminalContents {
            rows: screen
                .visible_lines()
                .map(|line| line.text().trim_end().to_owned())
                .collect(),
            lines: screen.text(),
            has_cursor: self.emulator.cursor().visible,
            written: String::from_utf8_lossy(&self.written).into_owned(),
        }
    }

    /// Shows some of the available output.
    fn take_in(&mut self, mut pty: &Pty) {
        let mut buffer = [0; 4_096];
        // Reading fails once no process has the terminal open.
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

/// Reads until the program and all its descendants are gone.
fn read(pty: &Pty, shown: &(Mutex<Shown>, Condvar)) {
    loop {
        is_readable(pty, None);
        let mut now = lock(shown);
        // Another thread may have read it meanwhile.
        if is_readable(pty, Some(&Timespec::default())) {
            now.take_in(pty);
        }
        shown.1.notify_all();
        if now.is_over {
            return;
        }
    }
}

/// Waits until there is output to read or no process has the terminal open; returns whether either
/// is the case.
fn is_readable(pty: &Pty, time_max: Option<&Timespec>) -> bool {
    let mut awaited = [PollFd::new(pty, PollFlags::IN)];
    poll(&mut awaited, time_max).is_ok_and(|n_ready| 0 < n_ready)
}

/// Takes the complete characters; the bytes of an incomplete last one remain.
fn whole_characters(bytes: &mut Vec<u8>) -> String {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    let rest = bytes.split_off(whole);
    String::from_utf8_lossy(&std::mem::replace(bytes, rest)).into_owned()
}

fn lock(shown: &(Mutex<Shown>, Condvar)) -> MutexGuard<'_, Shown> {
    shown.0.lock().expect("the lock is not poisoned")
}
