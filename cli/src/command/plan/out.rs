//! The file that a plan is saved to. Checks that it can be written before anything is spent.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use autoissue_core::planner;
use autoissue_core::session::Finished;

use crate::error::CliError;
use crate::host::Invocation;

/// A file that will be created.
pub(crate) struct Out {
    path: PathBuf,
}

impl Out {
    /// Checks that the file does not exist and can be created.
    ///
    /// # Errors
    /// [`CliError::FileExists`], because it may contain the user's edits, and [`CliError::File`].
    pub(super) fn at(directory: &Path, path: &Path) -> Result<Self, CliError> {
        let path = directory.join(path);
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => CliError::FileExists { path: path.clone() },
            _ => CliError::File {
                what: "write",
                path: path.clone(),
                source,
            },
        };
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(failed)?;
        let _ = fs::remove_file(&path);
        Ok(Self { path })
    }

    /// Saves the plan of a session that has one.
    ///
    /// # Errors
    /// [`CliError::File`]; the plan is also in the session's directory.
    pub(super) fn save(
        &self,
        invocation: &Invocation,
        finished: &Finished,
    ) -> Result<(), CliError> {
        let Some(plan) = finished
            .chronicle
            .engine()
            .plan_progress()
            .and_then(|plan_progress| plan_progress.plan.as_ref())
        else {
            return Ok(());
        };
        let directive = finished
            .chronicle
            .engine()
            .info()
            .directive
            .as_deref()
            .unwrap_or_default();
        let text = planner::write(directive, plan);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|source| CliError::File {
            what: "write",
            path: self.path.clone(),
            source,
        })?;
        if !invocation.console.quiet {
            invocation
                .console
                .say(format!("saved the plan to `{}`", self.path.display()));
        }
        Ok(())
    }
}
