//! Monitors one plugin: if half of its last twenty answers are faults, it is not asked for a minute.
//!
//! ```text
//!   closed ── half of the last twenty ──► open ── a minute ──► one question ─┬─ answered ─► closed
//!                                                                            └─ a fault ──► open
//! ```
//!
//! A share of the last answers, because a few odd issues of one author must not switch a classifier
//! off. An error about the issue or the settings counts as an answer, because the plugin works then.
//! The guard uses a monotonic clock. The engine does not know about it; it only learns that a
//! plugin did not decide.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use autoissue_engine::PluginFailureAction;
use autoissue_plugin_sdk::PluginError;

use crate::config::PluginOnError;

/// How many answers are remembered.
const N_ANSWERS: u32 = 20;
/// How many faults among them are allowed until a plugin is no longer asked.
const N_FAULTS_MAX: u32 = 10;
/// How long it is not asked then.
const REST: Duration = Duration::from_secs(60);

/// Monitors one plugin.
#[derive(Debug)]
pub(super) struct Guard {
    on_error: PluginOnError,
    /// Time that all its calls may take until [`Guard::begin_intake`].
    intake_max: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    breaker: PluginBreaker,
    /// Time that its calls have taken since the intake began.
    taken: Duration,
}

#[derive(Debug, Default)]
struct PluginBreaker {
    /// The last answers, newest in the lowest bit; faults are ones.
    answers: u32,
    /// When it may be asked again.
    rests_until: Option<Instant>,
}

impl Guard {
    pub(super) fn new(on_error: PluginOnError) -> Self {
        Self {
            on_error,
            intake_max: None,
            state: Mutex::default(),
        }
    }

    /// Limits the time that all its calls in one intake may take.
    pub(super) const fn taking_at_most(mut self, intake_max: Duration) -> Self {
        self.intake_max = Some(intake_max);
        self
    }

    /// Begins an intake, for which the plugin has all its time again.
    pub(super) fn begin_intake(&self) {
        self.lock().taken = Duration::ZERO;
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
        let is_trial = self.may_ask(now)?;
        let begun = Instant::now();
        let answer = ask();
        let is_fault = matches!(
            answer,
            Err(PluginError::Internal(_) | PluginError::Unavailable(_))
        );
        let mut state = self.lock();
        state.taken += begun.elapsed();
        state.breaker.note(now, is_fault, is_trial);
        drop(state);
        answer.map_err(|error| error.to_string())
    }

    /// Returns whether the question is the one after a pause, or why it may not be asked.
    fn may_ask(&self, now: Instant) -> Result<bool, String> {
        let mut state = self.lock();
        if let Some(max) = self.intake_max.filter(|max| *max <= state.taken) {
            return Err(format!(
                "not asked, because it has taken {} s for these issues already",
                max.as_secs()
            ));
        }
        state.breaker.may_ask(now).ok_or_else(|| {
            format!("not asked, because {N_FAULTS_MAX} of its last {N_ANSWERS} answers were faults")
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The lock holds only counts, which are valid even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PluginBreaker {
    /// Returns whether a question is the one after a pause; `None` if it may not be asked. After the
    /// pause only one is; the others wait for its result.
    fn may_ask(&mut self, now: Instant) -> Option<bool> {
        match self.rests_until {
            Some(until) if now < until => None,
            Some(_) => {
                self.rests_until = Some(now + REST);
                Some(true)
            }
            None => Some(false),
        }
    }

    /// Records an answer. An answer to a question from before the pause does not end the pause.
    fn note(&mut self, now: Instant, is_fault: bool, is_trial: bool) {
        if is_trial && !is_fault {
            *self = Self::default();
            return;
        }
        self.answers = (self.answers << 1 | u32::from(is_fault)) & ((1 << N_ANSWERS) - 1);
        if is_fault && N_FAULTS_MAX <= self.answers.count_ones() {
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
    fn a_plugin_that_keeps_failing_is_paused_for_a_minute() {
        let plugin = Plugin::new();
        assert!((0..10).all(|second| plugin.at(second, fault())));
        assert!(!plugin.at(10, Ok(())) && !plugin.at(68, Ok(())));
        assert!(plugin.at(69, fault()), "one question after the pause");
        assert!(
            !plugin.at(70, Ok(())),
            "it failed, so the plugin is paused again"
        );
        assert!(
            plugin.at(129, Ok(())) && plugin.at(129, fault()) && plugin.at(129, Ok(())),
            "it works again"
        );
    }

    #[test]
    fn odd_issues_among_others_do_not_pause_it() {
        let plugin = Plugin::new();
        assert!((0..3).all(|_| plugin.at(0, fault())), "three odd issues");
        assert!((0..100).all(|n| plugin.at(0, if n % 3 == 0 { fault() } else { Ok(()) })));
        let invalid = || Err(PluginError::InvalidInput("no title".into()));
        assert!(
            (0..30).all(|_| plugin.at(0, invalid())),
            "that is an answer"
        );
    }

    #[test]
    fn an_answer_from_before_the_pause_does_not_end_it() {
        let plugin = Plugin::new();
        let slow = plugin.guard.ask(plugin.start, || {
            assert!((0..10).all(|_| plugin.at(0, fault())));
            Ok(())
        });
        assert_eq!(slow, Ok(()));
        assert!(!plugin.at(1, Ok(())), "it is still paused");
    }

    #[test]
    fn a_plugin_has_a_limited_time_for_one_intake() {
        let guard = Guard::new(PluginOnError::Fallback).taking_at_most(Duration::from_secs(60));
        let ask = || guard.ask(Instant::now(), || Ok(()));
        assert_eq!(ask(), Ok(()));
        guard.lock().taken = Duration::from_secs(60);
        assert_eq!(
            ask().unwrap_err(),
            "not asked, because it has taken 60 s for these issues already"
        );
        guard.begin_intake();
        assert_eq!(ask(), Ok(()));
    }

    #[test]
    fn only_one_question_is_asked_after_the_pause() {
        let plugin = Plugin::new();
        assert!((0..10).all(|_| plugin.at(0, fault())));
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
