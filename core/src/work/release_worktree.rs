//! Removes the worktree of an attempt whose work is safe.

use std::sync::Arc;

use autoissue_engine::Failure;

use super::failure::{collector_failure, crash};
use super::{AttemptId, Services, blocking};

impl Services {
    /// Releases a worktree, which is removed now if `is_time`, and later otherwise. A worktree with
    /// unsaved work stays, which is logged.
    pub(crate) async fn release(
        self: &Arc<Self>,
        id: AttemptId,
        published: bool,
        is_time: impl FnOnce() -> bool + Send,
    ) {
        if let Err(failure) = self.try_to_release(id, published, is_time).await {
            tracing::warn!(issue = id.issue.0, %failure, "the worktree was not removed");
        }
        self.note_settled(id.issue);
    }

    async fn try_to_release(
        self: &Arc<Self>,
        id: AttemptId,
        published: bool,
        is_time: impl FnOnce() -> bool + Send,
    ) -> Result<(), Failure> {
        let collectors = &self.workspace()?.collectors;
        let released = collectors.let_go(id.issue.0, is_time).await;
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
