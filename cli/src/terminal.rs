//! The terminal that a person watches: whether it is one that can be drawn on, how large it is, and its echo of keys.

use std::io::{self, IsTerminal};

use rustix::process::getpgrp;
use rustix::termios::{
    LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};

/// The size of a terminal that does not tell it.
const USUAL_SIZE: Size = Size {
    columns: 80,
    rows: 24,
};

/// How large a terminal is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// Characters in a row.
    pub(crate) columns: usize,
    /// Rows.
    pub(crate) rows: usize,
}

impl Size {
    /// Returns the size now.
    pub(crate) fn now() -> Self {
        match tcgetwinsize(io::stderr()) {
            Ok(size) if 0 < size.ws_col && 0 < size.ws_row => Self {
                columns: size.ws_col.into(),
                rows: size.ws_row.into(),
            },
            _ => USUAL_SIZE,
        }
    }
}

/// Returns whether a person watches standard error on something that can be drawn on.
pub(crate) fn is_screen(env: &[(String, String)]) -> bool {
    io::stderr().is_terminal() && is_ours() && can_draw(env)
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

/// Returns whether the shell has not put us into the background. A terminal that does not control us is nobody's.
fn is_ours() -> bool {
    tcgetpgrp(io::stderr()).map_or(true, |foreground| foreground == getpgrp())
}

/// Keeps what is typed from being written into the screen, as a person does who wonders whether it is still alive. Ctrl-C works.
#[derive(Clone, Debug)]
pub(crate) struct Echo {
    /// How the terminal was.
    before: Option<Termios>,
}

impl Echo {
    /// Leaves it as it is.
    pub(crate) const fn untouched() -> Self {
        Self { before: None }
    }

    /// Switches it off, where there is one.
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

    /// Makes it as it was. Doing it twice does no harm.
    pub(crate) fn restore(&self) {
        // From the background it would stop us, and there the shell has seen to it already.
        if let Some(before) = self.before.as_ref().filter(|_| is_ours()) {
            let _ = tcsetattr(io::stderr(), OptionalActions::Now, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
