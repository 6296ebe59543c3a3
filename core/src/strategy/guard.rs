//! Monitors one plugin: if it fails three times in a row, it is not asked for a minute.
//!
//! ```text
//!   closed ── three faults in a row ──► open ── a minute ──► one question ─┬─ answered ─► closed
//!     ▲ any answer resets the count                                        └─ a fault ──► open
//! ```
//!
//! An error about the issue or the settings counts as an answer, because the plugin works then. The
//! guard uses a monotonic clock. The engine does not know about it; it only learns that a plugin
//! did not decide.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use autoissue_engine::PluginFailureAction;
use autoissue_plugin_sdk::PluginError;

use crate::config::PluginOnError;

/// How many faults in a row are allowed until a plugin is no longer asked.
const N_FAULTS_MAX: u32 = 3;
/// How long it is not asked then.
const REST: Duration = Duration::from_secs(60);

/// Monitors one plugin.
#[derive(Debug)]
pub(super) struct Guard {
    on_error: PluginOnError,
    breaker: Mutex<PluginBreaker>,
}

#[derive(Debug, Default)]
struct PluginBreaker {
    n_faults: u32,
    /// When it may be asked again.
    rests_until: Option<Instant>,
}

impl Guard {
    pub(super) fn new(on_error: PluginOnError) -> Self {
        Self {
            on_error,
            breaker: Mutex::default(),
        }
    }

    /// Returns what happens if the plugin does not decide.
    pub(super) const fn instead(&self) -> PluginFailureAction {
        match self.on_error {
            PluginOnError::Fallback => PluginFailureAction::Fallback,
            PluginOnError::Fail => PluginFailureAction::Fail,
            PluginOnError::Skip => PluginFailureAction::Skip,
        }
    }

    /// Asks the plugin, unless it is paused. The error says why there is no answer.
    pub(super) fn ask<T>(
        &self,
        now: Instant,
        ask: impl FnOnce() -> Result<T, PluginError>,
    ) -> Result<T, String> {
        if !self.lock().may_ask(now) {
            return Err(format!(
                "not asked, because it failed {N_FAULTS_MAX} times in a row"
            ));
        }
        let answer = ask();
        let is_fault = matches!(
            answer,
            Err(PluginError::Internal(_) | PluginError::Unavailable(_))
        );
        self.lock().note(now, is_fault);
        answer.map_err(|error| error.to_string())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, PluginBreaker> {
        // The lock holds only a count, which is valid even after a panic.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PluginBreaker {
    /// Returns whether a question may be asked. After the pause only one is; the others wait for
    /// its result.
    fn may_ask(&mut self, now: Instant) -> bool {
        match self.rests_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.rests_until = Some(now + REST);
                true
            }
            None => true,
        }
    }

    fn note(&mut self, now: Instant, is_fault: bool) {
        if !is_fault {
            *self = Self::default();
            return;
        }
        self.n_faults += 1;
        if N_FAULTS_MAX <= self.n_faults {
            self.rests_until = Some(now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plugin {
        guard: Guard,
        start: Instant,
    }

    impl Plugin {
        fn new() -> Self {
            Self {
                guard: Guard::new(PluginOnError::Fallback),
                start: Instant::now(),
            }
        }

        /// Asks at a given second; returns whether the plugin was asked at all.
        fn at(&self, second: u64, answer: Result<(), PluginError>) -> bool {
            let mut is_asked = false;
            let _ = self
                .guard
                .ask(self.start + Duration::from_secs(second), || {
                    is_asked = true;
                    answer
                });
            is_asked
        }
    }

    fn fault() -> Result<(), PluginError> {
        Err(PluginError::Internal("trapped".into()))
    }

    #[test]
    fn a_plugin_that_fails_three_times_in_a_row_is_paused_for_a_minute() {
        let plugin = Plugin::new();
        assert!((0..3).all(|second| plugin.at(second, fault())));
        assert!(!plugin.at(3, Ok(())) && !plugin.at(61, Ok(())));
        assert!(plugin.at(62, fault()), "one question after the pause");
        assert!(
            !plugin.at(63, Ok(())),
            "it failed, so the plugin is paused again"
        );
        assert!(
            plugin.at(122, Ok(())) && plugin.at(122, fault()) && plugin.at(122, Ok(())),
            "it works again"
        );
    }

    #[test]
    fn an_answer_in_between_resets_the_count() {
        let plugin = Plugin::new();
        for answer in [Ok(()), Err(PluginError::InvalidInput("no title".into()))] {
            assert!(plugin.at(0, fault()) && plugin.at(0, fault()) && plugin.at(0, answer));
        }
        assert!(plugin.at(0, fault()) && plugin.at(0, fault()) && plugin.at(0, Ok(())));
    }

    #[test]
    fn only_one_question_is_asked_after_the_pause() {
        let plugin = Plugin::new();
        assert!((0..3).all(|_| plugin.at(0, fault())));
        let at = plugin.start + REST;
        let inner = plugin
            .guard
            .ask(at, || Ok(plugin.guard.ask(at, || Ok(())).is_err()));
        assert_eq!(
            inner,
            Ok(true),
            "while the first question is open, a second one is not asked"
        );
    }
}
