//! The permissions of a plugin beyond computing, as pure functions: may it run this program, may it
//! see this variable?

use std::ffi::OsStr;
use std::fmt;

/// The operator's grants. The default grants nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Programs that an agent backend may run, by their name on PATH.
    pub exec: Vec<String>,
    /// Environment variables of the host that those programs may see.
    pub env: Vec<String>,
}

/// A request that was not granted, or cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotGranted {
    /// A program that is not in `exec`.
    Program(String),
    /// A variable that is not in `env`.
    Variable(String),
    /// A program that is not a plain name on PATH.
    ProgramPath(String),
    /// A shell: it could run anything.
    Shell(String),
    /// A variable that could make a program load other code or find other programs.
    SetsVariable(String),
}

impl fmt::Display for NotGranted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(name) => write!(f, "for the program `{name}`, which is not granted"),
            Self::Variable(name) => write!(
                f,
                "for the environment variable `{name}`, which is not granted"
            ),
            Self::ProgramPath(name) => {
                write!(f, "for the program `{name}`, which is not a name on PATH")
            }
            Self::Shell(name) => write!(f, "for the shell `{name}`, which could run anything"),
            Self::SetsVariable(name) => write!(f, "to set `{name}`, which plugins may not set"),
        }
    }
}

/// Shells, and programs that act as one.
const SHELLS: [&str; 21] = [
    "ash",
    "bash",
    "busybox",
    "cmd",
    "csh",
    "dash",
    "env",
    "fish",
    "ksh",
    "ksh93",
    "mksh",
    "nu",
    "powershell",
    "pwsh",
    "rbash",
    "sh",
    "tcsh",
    "toybox",
    "yash",
    "zsh",
    "zsh5",
];

/// Variables that decide which code a program loads, which programs it finds or which servers it
/// contacts, and those that contain the forge's token. The list is long but not complete: it only
/// blocks known variables.
const REFUSED: [&str; 26] = [
    "ALL_PROXY",
    "BASHOPTS",
    "BASH_ENV",
    "CLASSPATH",
    "ENV",
    "GCONV_PATH",
    "GH_CONFIG_DIR",
    "GH_ENTERPRISE_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GITHUB_TOKEN",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "NO_PROXY",
    "PATH",
    "PROMPT_COMMAND",
    "PS4",
    "SHELL",
    "SHELLOPTS",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "_JAVA_OPTIONS",
];

/// Prefixes of such names.
const REFUSED_STARTS: [&str; 16] = [
    "AUTOISSUE_",
    "BUN_",
    "DOTNET_",
    "DYLD_",
    "GIT_",
    "JAVA_",
    "JDK_",
    "LD_",
    "LUA_",
    "NODE_",
    "OPENSSL_",
    "PERL",
    "PYTHON",
    "RUBY",
    "XDG_",
    "NPM_CONFIG_",
];

impl Grants {
    /// Returns whether a backend may run `program`.
    pub(crate) fn program(&self, program: &str) -> Result<(), NotGranted> {
        may_be_run(program)?;
        if self.exec.iter().any(|granted| granted == program) {
            return Ok(());
        }
        Err(NotGranted::Program(program.to_owned()))
    }

    /// Returns whether a program may see the host's variable `name`.
    pub(crate) fn variable(&self, name: &str) -> Result<(), NotGranted> {
        may_be_set(name)?;
        if self.env.iter().any(|granted| granted == name) {
            return Ok(());
        }
        Err(NotGranted::Variable(name.to_owned()))
    }
}

/// Returns whether a program with this file name is a known shell.
pub fn is_shell(name: &OsStr) -> bool {
    SHELLS.iter().any(|shell| name == *shell)
}

/// Returns whether a program can be granted at all.
pub(crate) fn may_be_run(program: &str) -> Result<(), NotGranted> {
    let is_name = !program.is_empty() && program.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_name || program.starts_with(['-', '.']) || program.contains(['/', '\\']) {
        return Err(NotGranted::ProgramPath(program.to_owned()));
    }
    if is_shell(OsStr::new(program)) {
        return Err(NotGranted::Shell(program.to_owned()));
    }
    Ok(())
}

/// Returns whether a plugin may set a variable with this name.
pub(crate) fn may_be_set(name: &str) -> Result<(), NotGranted> {
    let upper = name.to_ascii_uppercase();
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_refused = REFUSED.contains(&upper.as_str())
        || REFUSED_STARTS.iter().any(|start| upper.starts_with(start));
    if is_name && !is_refused {
        Ok(())
    } else {
        Err(NotGranted::SetsVariable(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants() -> Grants {
        Grants {
            exec: vec!["codex".into(), "sh".into()],
            env: vec!["CODEX_KEY".into(), "LD_PRELOAD".into()],
        }
    }

    #[test]
    fn a_program_is_a_granted_name_and_never_a_shell() {
        let program = |name: &str| grants().program(name);
        assert_eq!(program("codex"), Ok(()));
        assert_eq!(program("claude"), Err(NotGranted::Program("claude".into())));
        assert_eq!(
            program("sh"),
            Err(NotGranted::Shell("sh".into())),
            "although it is granted"
        );
        for path in [
            "",
            "/usr/bin/codex",
            "./codex",
            "../codex",
            "bin/codex",
            "a\0b",
            "a\u{1b}[2K",
            "a b",
            "-c",
            "..",
        ] {
            assert_eq!(program(path), Err(NotGranted::ProgramPath(path.into())));
        }
    }

    #[test]
    fn a_variable_that_loads_code_is_not_even_granted() {
        let variable = |name: &str| grants().variable(name);
        assert_eq!(variable("CODEX_KEY"), Ok(()));
        assert_eq!(variable("OTHER"), Err(NotGranted::Variable("OTHER".into())));
        for name in [
            "LD_PRELOAD",
            "ld_preload",
            "GIT_SSH_COMMAND",
            "PATH",
            "PYTHONPATH",
            "NODE_PATH",
            "https_proxy",
            "",
            "A=B",
            "GH_CONFIG_DIR",
        ] {
            assert_eq!(variable(name), Err(NotGranted::SetsVariable(name.into())));
        }
    }
}
