//! What follows from an input. The sibling modules handle the inputs of their chapter.
//!
//! An input about an attempt counts only while that attempt is waiting for it; late or duplicate
//! answers change nothing.

use crate::engine::Engine;
use crate::{Effect, Event, Input, PlanInput, SessionInput, Settings, Time};

/// The processing of one input: reads the state, emits events, requests effects.
pub(super) struct Decision<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) now: Time,
    events: Vec<Event>,
    effects: Vec<Effect>,
}

impl<'a> Decision<'a> {
    pub(super) fn new(engine: &'a mut Engine, now: Time) -> Self {
        Self {
            engine,
            now,
            events: Vec::new(),
            effects: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> (Vec<Event>, Vec<Effect>) {
        (self.events, self.effects)
    }

    /// Emits an event and applies it.
    pub(super) fn emit(&mut self, event: Event) {
        self.engine.apply(&event);
        self.events.push(event);
    }

    pub(super) fn ask(&mut self, effect: impl Into<Effect>) {
        self.effects.push(effect.into());
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.engine.settings
    }

    pub(super) fn take(&mut self, input: Input) {
        let may_advance = matches!(
            input,
            Input::Session(SessionInput::Resumed { .. }) | Input::Plan(PlanInput::Declined)
        );
        if self.engine.is_over() && !may_advance {
            return;
        }
        match input {
            Input::Session(input) => self.take_for_session(input),
            Input::Plan(input) => self.take_for_plan(input),
            Input::Intake(input) => self.take_for_intake(input),
            Input::Task(input) => self.take_for_task(input),
            Input::Attempt(input) => self.take_for_attempt(input),
            Input::Service(input) => self.take_for_service(input),
            Input::Tick => {}
        }
    }

    /// Does everything that the new state allows: admission, publishing, starts, ends.
    pub(super) fn advance(&mut self) {
        self.advance_plan();
        self.retry_intake();
        self.admit();
        self.end_what_cannot_start();
        self.start_collecting();
        self.start_publishing();
        self.start_attempts();
        self.end_session();
    }
}
