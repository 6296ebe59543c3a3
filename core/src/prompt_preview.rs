//! What an agent would get for an issue, without running anything.

use autoissue_engine::IssueNumber;
use sha2::{Digest as _, Sha256};

use crate::config::{Config, Instructions};
use crate::host::Host;
use crate::preflight::{SessionError, inspect};
use crate::prompt::{self, Earlier, Prompt, PromptParts};

/// Returns the prompt of the first attempt for an open issue, whatever its labels. Only the marks
/// around the issue differ from those of a session, which outsiders cannot know.
///
/// # Errors
/// The forge cannot be used, or the issue is not open.
pub fn prompt_for(config: Config, host: &Host, issue: u64) -> Result<Prompt, SessionError> {
    let instructions = config.agent.instructions.as_ref();
    let instructions = instructions.map(Instructions::text).transpose()?;
    let project = inspect(config, host, false)?;
    let backlog = project.forge.issues(&[IssueNumber(issue)])?;
    let Some(issue) = backlog.issues.first() else {
        return Err(SessionError::NotOpen {
            issue: IssueNumber(issue),
            warnings: backlog.warnings,
        });
    };
    let mark = hex::encode(Sha256::digest(format!("{}\0{}", project.key, issue.number)));
    Ok(prompt::build(&PromptParts {
        issue,
        mark: &mark[..prompt::MARK_CHARS],
        instructions: instructions.as_deref(),
        checks: &project.config.executor.checks,
        avoid: &[],
        earlier: Earlier::Nothing,
    }))
}
