//! Removes the worktree of an attempt whose work is safe.

use std::sync::Arc;

use autoissue_engine::Failure;

use super::failure::{collector_failure, crash};
use super::{AttemptId, Services, blocking};

impl Services {
    /// Removes a worktree. One that holds unsaved work stays, which is logged.
    pub(crate) async fn release(self: &Arc<Self>, id: AttemptId, published: bool) {
        if let Err(failure) = self.try_to_release(id, published).await {
            tracing::warn!(issue = id.issue.0, %failure, "the worktree was not removed");
        }
    }

    async fn try_to_release(
        self: &Arc<Self>,
        id: AttemptId,
        published: bool,
    ) -> Result<(), Failure> {
        let released = self.workspace()?.collectors.release(id.issue.0).await;
        released.map_err(|error| collector_failure(&error))?;
        if !published {
            return Ok(());
        }
        let services = self.clone();
        blocking(move || {
            let name = format!("attempt-{}", id.attempt);
            let mirror = &services.workspace()?.mirror;
            mirror
                .delete_salvage(&services.session, id.issue.0, &name)
                .map_err(|error| crash(&error))
        })
        .await
    }
}
