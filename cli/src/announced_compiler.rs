//! Says that a plugin is compiled, if that takes a while.

use std::path::PathBuf;
use std::time::Duration;

use autoissue_core::plugins::compiler::{ChildCompiler, estimate};
use autoissue_core::plugins::host::{Compile, CompileRequest, LoadError};

use crate::console::Console;
use crate::printable::one_line;

/// The shortest time that is announced.
const ANNOUNCED_MIN: Duration = Duration::from_secs(2);

/// A compiler that says so beforehand if it will take a while.
#[derive(Debug)]
pub(crate) struct AnnouncedCompiler {
    console: Console,
    compiler: ChildCompiler,
}

impl AnnouncedCompiler {
    pub(crate) fn new(console: Console, own_program: PathBuf) -> Self {
        Self {
            console,
            compiler: ChildCompiler::new(own_program),
        }
    }
}

impl Compile for AnnouncedCompiler {
    fn compile(&self, request: &CompileRequest<'_>) -> Result<Vec<u8>, LoadError> {
        let time = estimate(request.component);
        if ANNOUNCED_MIN <= time && !self.console.quiet {
            let name = request.file.file_name().unwrap_or(request.file.as_os_str());
            self.console.say(format_args!(
                "compiling {}, once: about {} s",
                one_line(&name.to_string_lossy()),
                time.as_secs()
            ));
        }
        self.compiler.compile(request)
    }
}
