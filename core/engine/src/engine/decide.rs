//! What follows from an input: each chapter has a module beside this one that takes its own.
//!
//! An input about an attempt counts only while that attempt waits for it; a late or doubled answer changes nothing.

use crate::engine::Engine;
use crate::{Effect, Event, Input, PlanInput, SessionInput, Settings, Time};

/// One input being worked on: reads the state, emits events, asks for effects.
pub(super) struct Turn<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) now: Time,
    events: Vec<Event>,
    effects: Vec<Effect>,
}

impl<'a> Turn<'a> {
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

    /// Makes an event true.
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
        let may_go_on = matches!(
            input,
            Input::Session(SessionInput::Resumed { .. }) | Input::Plan(PlanInput::Declined)
        );
        if self.engine.is_over() && !may_go_on {
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

    /// Does whatever the new state allows: admission, publishing, starts, ends.
    pub(super) fn go_on(&mut self) {
        self.plan_on();
        self.retry_intake();
        self.admit();
        self.end_what_cannot_start();
        self.start_collecting();
        self.start_publishing();
        self.start_attempts();
        self.end_session();
    }
}
