//! The user's terminal: whether it can be drawn on, its size, and its echo.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};

/// The size assumed for a terminal that does not report one.
const USUAL_SIZE: Size = Size {
    columns: 80,
    rows: 24,
};

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl Size {
    /// Returns the current size.
    pub(crate) fn now() -> Self {
        Self::of(io::stderr())
    }

    /// Returns the current size of a stream's terminal.
    pub(crate) fn of(stream: impl AsFd) -> Self {
        match tcgetwinsize(stream) {
            Ok(size) if 0 < size.ws_col && 0 < size.ws_row => Self {
                columns: size.ws_col.into(),
                rows: size.ws_row.into(),
            },
            _ => USUAL_SIZE,
        }
    }
}

/// Returns whether standard error is a terminal that can be drawn on.
pub(crate) fn is_screen(env: &[(String, String)]) -> bool {
    io::stderr().is_terminal() && is_ours() && can_draw(env)
}

/// Returns whether the terminal is known to support hyperlinks (OSC 8). Others may print them as
/// text. `FORCE_HYPERLINK` overrides the guess.
pub(crate) fn has_links(env: &[(String, String)]) -> bool {
    let value = |wanted: &str| {
        let variable = env.iter().rfind(|(name, _)| name == wanted);
        variable.map_or("", |(_, value)| value.as_str())
    };
    match value("FORCE_HYPERLINK") {
        "" => {}
        forced => return forced != "0",
    }
    let is_known_program = matches!(
        value("TERM_PROGRAM"),
        "iTerm.app" | "WezTerm" | "vscode" | "ghostty" | "Hyper" | "Tabby" | "mintty" | "rio"
    );
    let is_known_terminal = matches!(
        value("TERM"),
        "xterm-kitty" | "xterm-ghostty" | "alacritty" | "foot" | "wezterm"
    );
    // VTE supports them from 0.50 on.
    let is_vte = 5_000 <= value("VTE_VERSION").parse::<u32>().unwrap_or(0);
    let is_other = !value("WT_SESSION").is_empty() || !value("KONSOLE_VERSION").is_empty();
    is_known_program || is_known_terminal || is_vte || is_other
}

fn can_draw(env: &[(String, String)]) -> bool {
    let value = |wanted: &str| {
        env.iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    let is_dumb = matches!(value("TERM"), None | Some("" | "dumb"));
    let is_ci = !matches!(value("CI"), None | Some("" | "0" | "false"));
    !is_dumb && !is_ci
}

/// Returns whether this process is in the foreground. Without a controlling terminal it is not.
fn is_ours() -> bool {
    tcgetpgrp(io::stderr()).map_or(true, |foreground| foreground == getpgrp())
}

/// Disables echo while the live screen is shown, so that typed keys do not garble it. Ctrl-C still
/// works.
#[derive(Clone, Debug)]
pub(crate) struct Echo {
    /// The previous settings.
    before: Option<Termios>,
}

impl Echo {
    /// Leaves the terminal unchanged.
    pub(crate) const fn untouched() -> Self {
        Self { before: None }
    }

    /// Disables echo, if there is a terminal.
    pub(crate) fn off() -> Self {
        let Ok(before) = tcgetattr(io::stderr()) else {
            return Self::untouched();
        };
        let mut without = before.clone();
        without.local_modes.remove(LocalModes::ECHO);
        let done = tcsetattr(io::stderr(), OptionalActions::Now, &without);
        Self {
            before: done.is_ok().then_some(before),
        }
    }

    /// Restores the previous settings. Repeated calls are harmless.
    pub(crate) fn restore(&self) {
        // From the background this would stop the process, and there the shell has already restored
        // them.
        if let Some(before) = self.before.as_ref().filter(|_| is_ours()) {
            let _ = tcsetattr(io::stderr(), OptionalActions::Now, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_need_a_terminal_that_is_known_to_have_them() {
        fn has(name: &str, value: &str) -> bool {
            has_links(&[(name.to_owned(), value.to_owned())])
        }

        assert!(has("TERM", "xterm-kitty") && !has("TERM", "xterm-256color"));
        assert!(has("VTE_VERSION", "7600") && !has("VTE_VERSION", "4200"));
        assert!(has("FORCE_HYPERLINK", "1") && !has("FORCE_HYPERLINK", "0"));
    }

    #[test]
    fn a_screen_is_drawn_on_a_terminal_that_can_and_not_in_ci() {
        fn can(env: &[(&str, &str)]) -> bool {
            can_draw(
                &env.iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect::<Vec<_>>(),
            )
        }

        assert!(can(&[("TERM", "xterm-256color")]));
        assert!(can(&[("TERM", "xterm"), ("CI", "false")]));
        assert!(!can(&[("TERM", "xterm"), ("CI", "true")]));
        assert!(!can(&[("TERM", "dumb")]));
        assert!(!can(&[]));
    }
}
