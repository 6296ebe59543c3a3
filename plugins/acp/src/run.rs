//! The conversation with an agent, driven only by the lines that it prints.
//!
//! ```text
//!   initialize ──► session/new, /resume or /load ──► model, effort, mode ──► session/prompt ──► end
//!                            │          ▲
//!                            └ -32000 ► authenticate, if a key that is set suffices
//! ```
//!
//! Each arrow is a response. At any time the agent may send notifications, and requests, which are
//! answered at once. A session that is loaded repeats its history before it responds; Gemini CLI
//! does so afterwards. So everything before the prompt is history, and a mode is always chosen in a
//! loaded session: by the time of that response the history has been printed.

use std::collections::HashMap;

use autoissue_plugin_sdk::{
    AgentEvent, AgentRun, AgentTask, Effort, Exit, Line, Source, StopReason,
};
use serde_json::{Value, json};

use crate::calls::{Call, Calls};
use crate::ending::{self, Seen};
use crate::permission::{Asked, Choice, ModeChoice, Rights};
use crate::rpc::{self, AUTH_REQUIRED, INTERNAL_ERROR, METHOD_NOT_FOUND, Message, RpcError};
use crate::setup::{Choosing, Offer, UNNAMED_MODELS};
use crate::usage::Meter;

/// Version of the protocol.
const PROTOCOL_VERSION: u64 = 1;

/// How often a mode that the agent may not be in is changed back.
const N_CORRECTIONS_MAX: u32 = 3;

/// Characters with which agents recognise commands of their own at the start of a prompt.
const COMMAND_MARKS: [char; 4] = ['/', '$', '!', '@'];

/// A request that waits for its response.
#[derive(Clone, Debug, PartialEq)]
enum Pending {
    Initialize,
    Authenticate,
    Open(Opening),
    Choose(Chosen),
    Prompt,
}

/// How a session is opened.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Opening {
    New,
    /// Without its history.
    Resume,
    /// With its history.
    Load,
}

impl Opening {
    const fn method(self) -> &'static str {
        match self {
            Self::New => "session/new",
            Self::Resume => "session/resume",
            Self::Load => "session/load",
        }
    }
}

/// What is chosen for a session.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Chosen {
    Model,
    Effort,
    Mode,
    /// The mode again, during the prompt.
    Correction,
}

/// What the task asks for.
#[derive(Clone, Debug, Default)]
struct Wanted {
    prompt: String,
    directory: String,
    model: Option<String>,
    effort: Option<Effort>,
    resume: Option<String>,
    max_turns: Option<u32>,
    /// Names of variables that are set.
    environment: Vec<String>,
    /// `_meta` of requests that open a session.
    meta: Option<Value>,
}

/// What the agent can do, from its response to `initialize`.
#[derive(Clone, Debug, Default)]
struct Abilities {
    can_resume: bool,
    can_load: bool,
    auth_methods: Value,
}

/// The conversation of one attempt.
#[derive(Clone, Debug, Default)]
pub struct AcpRun {
    wanted: Wanted,
    rights: Rights,
    abilities: Abilities,
    pending: HashMap<u64, Pending>,
    n_requests: u64,
    session: Option<String>,
    opening: Option<Opening>,
    has_authenticated: bool,
    offer: Offer,
    model: Option<String>,
    /// Whether the prompt was sent, so that what follows is work.
    is_working: bool,
    is_transcript: bool,
    has_ended: bool,
    has_spoken: bool,
    n_corrections: u32,
    calls: Calls,
    turns: Turns,
    message: Text,
    thought: Text,
    /// The newest complete message.
    last_message: Option<String>,
    meter: Meter,
    seen: Seen,
    last_complaint: Option<String>,
}

/// Text that arrives in pieces.
#[derive(Clone, Debug, Default)]
struct Text {
    text: String,
    id: Option<String>,
}

/// Counts requests to the model.
#[derive(Clone, Debug, Default)]
struct Turns {
    n: u32,
    /// Whether a tool has ended since this turn began.
    is_over: bool,
}

impl AcpRun {
    /// Creates the conversation. Returns it and its first request.
    pub(crate) fn new(
        program: &str,
        task: &AgentTask,
        rights: Rights,
        meta: Option<Value>,
    ) -> (Self, String) {
        let earlier_usd = task.resume.as_ref().map(|session| session.cost_usd);
        let earlier_usd = earlier_usd.filter(|usd| usd.is_finite() && 0.0 <= *usd);
        let mut run = Self {
            wanted: Wanted {
                prompt: task.prompt.clone(),
                directory: task.directory.clone(),
                model: task.model.clone(),
                effort: task.effort,
                resume: task.resume.as_ref().map(|session| session.id.clone()),
                max_turns: task.max_turns,
                environment: task.environment.clone(),
                meta,
            },
            rights,
            meter: Meter::new(earlier_usd.unwrap_or_default()),
            seen: Seen {
                program: program.to_owned(),
                ..Seen::default()
            },
            ..Self::default()
        };
        let initialize = run.request("initialize", &initialize(), Pending::Initialize);
        (run, initialize)
    }

    /// Creates a reader for the lines of an agent whose run has ended.
    pub fn of_transcript() -> Self {
        Self {
            is_working: true,
            is_transcript: true,
            ..Self::default()
        }
    }

    fn request(&mut self, method: &str, params: &Value, pending: Pending) -> String {
        self.n_requests += 1;
        self.pending.insert(self.n_requests, pending);
        rpc::request(self.n_requests, method, params)
    }

    fn send(
        &mut self,
        method: &str,
        params: &Value,
        pending: Pending,
        events: &mut Vec<AgentEvent>,
    ) {
        let line = self.request(method, params, pending);
        events.push(AgentEvent::Send(line));
    }

    fn stdout(&mut self, line: &Line, events: &mut Vec<AgentEvent>) {
        if line.truncated {
            self.cut_line(&line.text, events);
            return;
        }
        match rpc::read(&line.text) {
            Some(Message::Request { id, method, params }) => {
                self.has_spoken = true;
                self.requested(&id, &method, &params, events);
            }
            Some(Message::Notification { method, params }) if method == "session/update" => {
                self.has_spoken = true;
                self.updated(&params, events);
            }
            Some(Message::Notification { .. }) => {}
            Some(Message::Response { id, result }) => {
                self.has_spoken = true;
                self.responded(&id, result, events);
            }
            // Programs print other things too.
            None => note(&line.text, events),
        }
    }

    /// Handles a line that is too long to read. A request must be answered all the same, because the
    /// agent waits for it.
    fn cut_line(&mut self, text: &str, events: &mut Vec<AgentEvent>) {
        let beginning = rpc::read_beginning(text);
        match (beginning.id, beginning.method) {
            (Some(id), Some(_)) => {
                let answer = rpc::error(&id, INTERNAL_ERROR, "the request is too long to read");
                events.push(AgentEvent::Send(answer));
                events.push(AgentEvent::Note(
                    "a request of the agent was too long to read".into(),
                ));
            }
            (Some(id), None) => {
                let error = RpcError {
                    code: INTERNAL_ERROR,
                    message: "the agent's response is too long to read".into(),
                    data: Value::Null,
                };
                self.responded(&id, Err(error), events);
            }
            (None, _) => events.push(AgentEvent::Note(
                "a message of the agent was too long to read".into(),
            )),
        }
    }

    fn requested(
        &mut self,
        id: &Value,
        method: &str,
        params: &Value,
        events: &mut Vec<AgentEvent>,
    ) {
        if method == "session/request_permission" {
            self.asked(id, params, events);
            return;
        }
        if method.starts_with("fs/") || method.starts_with("terminal/") {
            self.seen.missing_method = Some(method.to_owned());
        }
        let message = format!("method not found: {method}");
        events.push(AgentEvent::Send(rpc::error(id, METHOD_NOT_FOUND, &message)));
        note(
            &format!("the agent called `{method}`, which is not offered"),
            events,
        );
    }

    fn asked(&mut self, id: &Value, params: &Value, events: &mut Vec<AgentEvent>) {
        self.flush(events);
        let tool_call = &params["toolCall"];
        let call_id = tool_call["toolCallId"].as_str().unwrap_or_default();
        let earlier = self.calls.get(call_id).cloned();
        let step = self.calls.asked(tool_call, &self.wanted.directory);
        self.began(step.is_new_round, events);
        events.extend(step.events);
        let call = self.calls.get(call_id).cloned().unwrap_or_default();
        let asked = Asked {
            kind: tool_call["kind"].as_str(),
            earlier_kind: earlier.as_ref().and_then(|call| call.kind.as_deref()),
            name: call.name.as_deref(),
        };
        let is_stopping = self.seen.was_cancelled || self.has_ended;
        let (outcome, is_granted) = if is_stopping {
            (json!({"outcome": {"outcome": "cancelled"}}), false)
        } else {
            self.rights.decide(asked, &params["options"])
        };
        events.push(AgentEvent::Send(rpc::result(id, &outcome)));
        if !is_granted && !is_stopping {
            self.denied(call_id, &call, events);
        }
    }

    fn denied(&mut self, id: &str, call: &Call, events: &mut Vec<AgentEvent>) {
        self.seen.was_denied = true;
        self.turns.is_over = true;
        events.push(AgentEvent::Denied(call.tool()));
        events.extend(self.calls.denied(id));
    }

    fn responded(
        &mut self,
        id: &Value,
        result: Result<Value, RpcError>,
        events: &mut Vec<AgentEvent>,
    ) {
        let pending = id.as_u64().and_then(|id| self.pending.remove(&id));
        if self.has_ended {
            return;
        }
        let is_end = self.is_transcript
            && result
                .as_ref()
                .is_ok_and(|result| result["stopReason"].is_string());
        match pending {
            None if is_end => self.prompted(result, events),
            None if self.is_transcript => {}
            None => note(
                &format!("the agent answered a request that is not open: {id}"),
                events,
            ),
            Some(Pending::Initialize) => self.initialized(result, events),
            Some(Pending::Authenticate) => self.authenticated(result, events),
            Some(Pending::Open(opening)) => self.opened(opening, result, events),
            Some(Pending::Choose(chosen)) => self.chose(chosen, result, events),
            Some(Pending::Prompt) => self.prompted(result, events),
        }
    }

    fn initialized(&mut self, result: Result<Value, RpcError>, events: &mut Vec<AgentEvent>) {
        let result = match result {
            Ok(result) => result,
            Err(error) => return self.end(ending::of_error(&error, &self.seen), events),
        };
        let program = &self.seen.program;
        let version = &result["protocolVersion"];
        if version.as_u64() != Some(PROTOCOL_VERSION) {
            let message = format!(
                "`{program}` speaks version {version} of the Agent Client Protocol, not {PROTOCOL_VERSION}"
            );
            return self.end(AgentEvent::AuthFailed(message), events);
        }
        let agent = &result["agentInfo"];
        if let (Some(name), Some(version)) = (agent["name"].as_str(), agent["version"].as_str()) {
            events.push(AgentEvent::Note(format!("the agent is {name} {version}")));
        }
        self.seen.agent = agent["name"].as_str().unwrap_or_default().to_owned();
        if begins_at_zero(
            &self.seen.agent,
            agent["version"].as_str().unwrap_or_default(),
        ) {
            self.meter.begin_at_zero();
        }
        let capabilities = &result["agentCapabilities"];
        self.abilities = Abilities {
            can_resume: capabilities["sessionCapabilities"]["resume"].is_object(),
            can_load: capabilities["loadSession"] == true,
            auth_methods: result["authMethods"].clone(),
        };
        let opening = self.best_opening(events);
        self.open(opening, events);
    }

    /// Returns how to open the session. Without its history it costs less to read.
    fn best_opening(&self, events: &mut Vec<AgentEvent>) -> Opening {
        match (&self.wanted.resume, &self.abilities) {
            (None, _) => Opening::New,
            (
                _,
                Abilities {
                    can_resume: true, ..
                },
            ) => Opening::Resume,
            (_, Abilities { can_load: true, .. }) => Opening::Load,
            _ => {
                events.push(AgentEvent::OperatorNote(format!(
                    "`{}` cannot resume sessions: started a new one",
                    self.seen.program
                )));
                Opening::New
            }
        }
    }

    fn open(&mut self, opening: Opening, events: &mut Vec<AgentEvent>) {
        let mut params = json!({"cwd": self.wanted.directory, "mcpServers": []});
        if let (Some(id), Opening::Resume | Opening::Load) = (&self.wanted.resume, opening) {
            params["sessionId"] = id.as_str().into();
        }
        if let Some(meta) = &self.wanted.meta {
            params["_meta"] = meta.clone();
        }
        self.opening = Some(opening);
        self.send(opening.method(), &params, Pending::Open(opening), events);
    }

    fn opened(
        &mut self,
        opening: Opening,
        result: Result<Value, RpcError>,
        events: &mut Vec<AgentEvent>,
    ) {
        let result = match result {
            Ok(result) => result,
            Err(error) => return self.not_opened(opening, &error, events),
        };
        let resumed = self
            .wanted
            .resume
            .clone()
            .filter(|_| opening != Opening::New);
        let Some(id) = result["sessionId"].as_str().map(str::to_owned).or(resumed) else {
            let event = AgentEvent::Failed("the agent opened a session without an id".into());
            return self.end(event, events);
        };
        events.push(AgentEvent::Session(id.clone()));
        self.session = Some(id);
        self.offer.update(&result);
        self.note_model(events);
        self.choose(Chosen::Model, events);
    }

    fn not_opened(&mut self, opening: Opening, error: &RpcError, events: &mut Vec<AgentEvent>) {
        let is_asked_to_log_in = error.code == AUTH_REQUIRED && !self.has_authenticated;
        let method = self.usable_auth_method().filter(|_| is_asked_to_log_in);
        if let Some(method) = method {
            self.has_authenticated = true;
            let params = json!({"methodId": method});
            return self.send("authenticate", &params, Pending::Authenticate, events);
        }
        if opening == Opening::Resume && error.code == METHOD_NOT_FOUND && self.abilities.can_load {
            return self.open(Opening::Load, events);
        }
        let event = match ending::of_error(error, &self.seen) {
            // The reason that agents give is not typed, but what they were asked for is.
            AgentEvent::Failed(words) if opening != Opening::New => {
                note(&words, events);
                AgentEvent::SessionGone
            }
            event => event,
        };
        self.end(event, events);
    }

    /// Returns the login method that needs only variables that are set.
    fn usable_auth_method(&self) -> Option<String> {
        let is_set = |variable: &Value| {
            let name = variable["name"].as_str();
            name.is_some_and(|name| self.wanted.environment.iter().any(|set| set == name))
        };
        let is_usable = |method: &&Value| {
            let variables = method["vars"].as_array();
            method["type"] == "env_var"
                && variables
                    .is_some_and(|variables| !variables.is_empty() && variables.iter().all(is_set))
        };
        let mut methods = self.abilities.auth_methods.as_array()?.iter();
        methods.find(is_usable)?["id"].as_str().map(str::to_owned)
    }

    fn authenticated(&mut self, result: Result<Value, RpcError>, events: &mut Vec<AgentEvent>) {
        match result {
            Ok(_) => self.open(self.opening.unwrap_or(Opening::New), events),
            Err(error) => {
                let program = &self.seen.program;
                let message = format!("`{program}` was denied access: {}", error.message);
                self.end(AgentEvent::AuthFailed(message), events);
            }
        }
    }

    /// Sends the next request that chooses something, beginning with this one; in the end the
    /// prompt. The mode is last, because other choices may change it.
    fn choose(&mut self, first: Chosen, events: &mut Vec<AgentEvent>) {
        if first == Chosen::Model
            && let Some(choosing) = self.model_choice(events)
        {
            return self.send_choice(&choosing, Chosen::Model, events);
        }
        if first != Chosen::Mode
            && let Some(choosing) = self.effort_choice()
        {
            return self.send_choice(&choosing, Chosen::Effort, events);
        }
        match self.mode_choice() {
            Ok(Some(choosing)) => self.send_choice(&choosing, Chosen::Mode, events),
            Ok(None) => self.prompt(events),
            Err(reason) => self.refuse_mode(&reason, events),
        }
    }

    fn send_choice(&mut self, choosing: &Choosing, chosen: Chosen, events: &mut Vec<AgentEvent>) {
        self.send(
            choosing.method,
            &choosing.params,
            Pending::Choose(chosen),
            events,
        );
    }

    fn session(&self) -> &str {
        self.session.as_deref().unwrap_or_default()
    }

    fn model_choice(&self, events: &mut Vec<AgentEvent>) -> Option<Choosing> {
        let wanted = self.wanted.model.as_deref()?;
        let choosing = self.offer.choose_model(self.session(), wanted);
        if choosing.is_none() {
            events.push(AgentEvent::OperatorNote(format!(
                "`{}` offers no choice of models: `agent.model` (`{wanted}`) has no effect",
                self.seen.program
            )));
        }
        choosing
    }

    fn effort_choice(&self) -> Option<Choosing> {
        self.offer
            .choose_effort(self.session(), self.wanted.effort?)
    }

    /// Returns the request that sets the mode, if one is needed; or why none is acceptable.
    fn mode_choice(&self) -> Result<Option<Choosing>, String> {
        let current = self.offer.mode();
        let id = match self.rights.choose_mode(self.offer.modes(), current) {
            ModeChoice::Set(id) => id,
            // See the top of this file.
            ModeChoice::Keep if self.opening == Some(Opening::Load) => match current {
                Some(id) => id.to_owned(),
                None => return Ok(None),
            },
            ModeChoice::Keep => return Ok(None),
            ModeChoice::Refuse(reason) => return Err(reason),
        };
        Ok(self.offer.choose_mode(self.session(), &id))
    }

    fn refuse_mode(&mut self, reason: &str, events: &mut Vec<AgentEvent>) {
        let message = format!(
            "`{}` cannot be used for this task: {reason}",
            self.seen.program
        );
        self.end(AgentEvent::Invalid(message), events);
    }

    fn chose(
        &mut self,
        chosen: Chosen,
        result: Result<Value, RpcError>,
        events: &mut Vec<AgentEvent>,
    ) {
        match (chosen, result) {
            (Chosen::Correction, Ok(_)) => return,
            (Chosen::Mode, Err(error)) => {
                let reason = format!("its mode cannot be set: {}", error.message);
                return self.refuse_mode(&reason, events);
            }
            // It works in a mode that is not allowed.
            (Chosen::Correction, Err(error)) => {
                let message = format!(
                    "`{}` keeps a mode that is not allowed: {}",
                    self.seen.program, error.message
                );
                return self.give_up(AgentEvent::Invalid(message), events);
            }
            (Chosen::Model, Err(error)) => return self.no_such_model(&error, events),
            (Chosen::Effort, Err(error)) => {
                note(
                    &format!("the effort cannot be set: {}", error.message),
                    events,
                );
            }
            (_, Ok(result)) => {
                if let (Chosen::Model, Some(model)) = (chosen, &self.wanted.model) {
                    self.offer.model_is(model);
                }
                self.offer.update(&result);
                self.note_model(events);
            }
        }
        match chosen {
            Chosen::Model => self.choose(Chosen::Effort, events),
            Chosen::Effort => self.choose(Chosen::Mode, events),
            Chosen::Mode | Chosen::Correction => self.prompt(events),
        }
    }

    fn no_such_model(&mut self, error: &RpcError, events: &mut Vec<AgentEvent>) {
        let event = match ending::of_error(error, &self.seen) {
            AgentEvent::Failed(words) | AgentEvent::AuthFailed(words) => {
                let (model, program) = (self.wanted.model.as_deref(), &self.seen.program);
                let offered = self.offer.model_names();
                AgentEvent::AuthFailed(format!(
                    "model `{}` is not available to `{program}`: {words} (it offers: {offered})",
                    model.unwrap_or_default()
                ))
            }
            event => event,
        };
        self.end(event, events);
    }

    /// Reports the model if it is another one than before.
    fn note_model(&mut self, events: &mut Vec<AgentEvent>) {
        let names_one = |model: &&str| !UNNAMED_MODELS.contains(model);
        let model = self.offer.model().filter(names_one).map(str::to_owned);
        if model.is_some() && model != self.model {
            self.model.clone_from(&model);
            events.extend(model.map(AgentEvent::Model));
        }
    }

    fn prompt(&mut self, events: &mut Vec<AgentEvent>) {
        let text = as_text(&self.wanted.prompt);
        let params =
            json!({"sessionId": self.session(), "prompt": [{"type": "text", "text": text}]});
        self.is_working = true;
        self.send("session/prompt", &params, Pending::Prompt, events);
    }

    fn updated(&mut self, params: &Value, events: &mut Vec<AgentEvent>) {
        let is_ours = self.is_transcript
            || self.session.as_deref().or(self.wanted.resume.as_deref())
                == params["sessionId"].as_str();
        let update = &params["update"];
        let kind = update["sessionUpdate"].as_str().unwrap_or_default();
        if self.has_ended || !is_ours {
            return;
        }
        match kind {
            "current_mode_update" => return self.mode_changed(update, events),
            "config_option_update" => return self.options_changed(update, events),
            _ => {}
        }
        if self.is_working {
            self.worked(kind, update, events);
        } else {
            self.replayed(kind, update);
        }
    }

    /// Takes an update from before the prompt.
    fn replayed(&mut self, kind: &str, update: &Value) {
        match kind {
            "tool_call" | "tool_call_update" => self.calls.replay(update),
            "usage_update" => self.meter.before_prompt(update),
            _ => {}
        }
    }

    fn worked(&mut self, kind: &str, update: &Value, events: &mut Vec<AgentEvent>) {
        match kind {
            "agent_message_chunk" => {
                self.flush_thought(events);
                self.message_chunk(update, events);
                events.extend(self.meter.request(&update["_meta"]["usage"]));
            }
            "agent_thought_chunk" => {
                self.flush_message(events);
                let is_new = self.thought.is_other(update);
                if is_new {
                    self.flush_thought(events);
                }
                self.began(true, events);
                self.thought.add(update);
            }
            "tool_call" | "tool_call_update" => {
                self.flush(events);
                let step = self.calls.updated(update, &self.wanted.directory);
                self.began(step.is_new_round, events);
                self.turns.is_over |= step.events.iter().any(is_tool_end);
                self.seen.has_failed_tool |= step.events.iter().any(is_tool_failure);
                events.extend(step.events);
                if step.has_written && self.rights.is_read_only() {
                    let event = AgentEvent::Failed(
                        "the agent changed files although it may only read".into(),
                    );
                    self.give_up(event, events);
                }
            }
            "usage_update" => {
                self.flush(events);
                self.limit(&update["_meta"]["_claude/rateLimit"]);
                events.extend(self.meter.update(update));
            }
            _ => {}
        }
    }

    /// Takes the state of the account's limit, as Claude's adapter reports it.
    fn limit(&mut self, info: &Value) {
        if info.is_object() {
            let resets_s = info["resetsAt"]
                .as_u64()
                .filter(|_| info["status"] == "rejected");
            self.seen.limit_ends_ms = resets_s.and_then(|seconds| seconds.checked_mul(1_000));
        }
    }

    fn message_chunk(&mut self, update: &Value, events: &mut Vec<AgentEvent>) {
        if self.message.is_other(update) {
            self.flush_message(events);
            // Another message without a tool: another request to the model.
            self.turns.is_over = true;
        }
        self.began(true, events);
        self.message.add(update);
    }

    /// Notes that the agent did something. `is_new` is whether it can be the beginning of a turn,
    /// which it is if a tool has ended since the last one began.
    ///
    /// Calls that a model requested together but that the agent runs one after the other count as
    /// turns of their own: nothing tells them apart.
    fn began(&mut self, is_new: bool, events: &mut Vec<AgentEvent>) {
        if !self.is_working || self.has_ended {
            return;
        }
        if self.turns.n != 0 && !(is_new && self.turns.is_over) {
            return;
        }
        self.turns.is_over = false;
        self.turns.n += 1;
        if self
            .wanted
            .max_turns
            .is_some_and(|most| most < self.turns.n)
        {
            return self.give_up(AgentEvent::TurnsReached, events);
        }
        events.push(AgentEvent::Turns(self.turns.n));
    }

    fn mode_changed(&mut self, update: &Value, events: &mut Vec<AgentEvent>) {
        let id = update["currentModeId"]
            .as_str()
            .or_else(|| update["modeId"].as_str());
        if let Some(id) = id {
            self.offer.mode_is(id);
            self.check_mode(events);
        }
    }

    fn options_changed(&mut self, update: &Value, events: &mut Vec<AgentEvent>) {
        self.offer.update(update);
        if self.is_working {
            self.note_model(events);
        }
        self.check_mode(events);
    }

    /// Sets the mode again if the agent chose one that it may not be in.
    fn check_mode(&mut self, events: &mut Vec<AgentEvent>) {
        let Some(id) = self
            .offer
            .mode()
            .filter(|_| self.is_working && !self.is_transcript)
        else {
            return;
        };
        let mode = self.offer.modes().iter().find(|mode| mode.id == id);
        let unknown = || Choice {
            id: id.to_owned(),
            name: String::new(),
        };
        if self
            .rights
            .accepts_mode(&mode.cloned().unwrap_or_else(unknown))
        {
            return;
        }
        note(
            &format!("the agent changed its mode to `{id}`, which it may not use"),
            events,
        );
        self.n_corrections += 1;
        match self.mode_choice() {
            Ok(Some(choosing)) if self.n_corrections <= N_CORRECTIONS_MAX => {
                self.send_choice(&choosing, Chosen::Correction, events);
            }
            _ => {
                let event =
                    AgentEvent::Failed("the agent keeps using a mode that it may not use".into());
                self.give_up(event, events);
            }
        }
    }

    fn prompted(&mut self, result: Result<Value, RpcError>, events: &mut Vec<AgentEvent>) {
        self.flush(events);
        self.seen.is_context_nearly_full = self.meter.is_context_nearly_full();
        self.seen.was_idle = self.turns.n == 0;
        let event = match result {
            Ok(result) => {
                events.extend(self.meter.end(&result));
                let reason = result["stopReason"].as_str().unwrap_or_default();
                ending::of_stop_reason(reason, &self.seen, self.last_message.take())
            }
            Err(error) => Some(ending::of_error(&error, &self.seen)),
        };
        // opencode also reports each of its edits in this way, and does not need an answer.
        let missing = self
            .seen
            .missing_method
            .as_ref()
            .filter(|_| self.seen.has_failed_tool);
        if let (Some(AgentEvent::Done(_)), Some(method)) = (&event, missing) {
            events.push(AgentEvent::OperatorNote(format!(
                "`{}` called `{method}`, which autoissue does not offer; some of its tools do not work",
                self.seen.program
            )));
        }
        self.finish(event, events);
    }

    fn end(&mut self, event: AgentEvent, events: &mut Vec<AgentEvent>) {
        self.flush(events);
        self.finish(Some(event), events);
    }

    /// Reports the end. The program ends when its input does; the host ends one that does not.
    fn finish(&mut self, event: Option<AgentEvent>, events: &mut Vec<AgentEvent>) {
        self.has_ended = true;
        events.extend(event);
        events.push(AgentEvent::CloseInput);
    }

    /// Ends a run that the agent would continue.
    fn give_up(&mut self, event: AgentEvent, events: &mut Vec<AgentEvent>) {
        self.flush(events);
        self.has_ended = true;
        events.push(event);
        events.push(AgentEvent::Stop);
    }

    fn flush(&mut self, events: &mut Vec<AgentEvent>) {
        self.flush_thought(events);
        self.flush_message(events);
    }

    fn flush_message(&mut self, events: &mut Vec<AgentEvent>) {
        if let Some(text) = self.message.take() {
            self.last_message = Some(text.clone());
            events.push(AgentEvent::Text(text));
        }
    }

    fn flush_thought(&mut self, events: &mut Vec<AgentEvent>) {
        events.extend(self.thought.take().map(AgentEvent::Thinking));
    }
}

impl AgentRun for AcpRun {
    fn on_lines(&mut self, lines: &[Line]) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        for line in lines {
            if line.source == Source::Stdout {
                self.stdout(line, &mut events);
            } else if !line.text.trim().is_empty() {
                note(&line.text, &mut events);
                self.last_complaint = Some(line.text.trim().to_owned());
            }
        }
        events
    }

    fn on_stop(&mut self, _reason: StopReason) -> Vec<AgentEvent> {
        let is_prompting = self
            .pending
            .values()
            .any(|pending| *pending == Pending::Prompt);
        self.seen.was_cancelled = true;
        match &self.session {
            Some(session) if is_prompting => {
                let cancel = rpc::notification("session/cancel", &json!({"sessionId": session}));
                vec![AgentEvent::Send(cancel)]
            }
            _ => vec![AgentEvent::CloseInput],
        }
    }

    fn on_exit(&mut self, exit: Exit) -> Vec<AgentEvent> {
        let mut events = Vec::new();
        self.flush(&mut events);
        let code = exit
            .code
            .filter(|code| *code != 0 && exit.stopped.is_none());
        if let Some(code) = code.filter(|_| !self.has_ended && !self.has_spoken) {
            let complaint = self.last_complaint.as_deref().unwrap_or("no message");
            // A wrong command or configuration, so that every run would end like this.
            events.push(AgentEvent::AuthFailed(format!(
                "`{}` exited with code {code} before it answered `initialize`: {complaint}",
                self.seen.program
            )));
        }
        events
    }
}

impl Text {
    /// Returns whether this chunk begins another text.
    fn is_other(&self, update: &Value) -> bool {
        let id = update["messageId"].as_str();
        self.id
            .as_deref()
            .is_some_and(|own| id.is_some_and(|id| id != own))
    }

    fn add(&mut self, update: &Value) {
        let text = update["content"]["text"].as_str().unwrap_or_default();
        self.text.push_str(text);
        self.id = update["messageId"]
            .as_str()
            .map(str::to_owned)
            .or(self.id.take());
    }

    fn take(&mut self) -> Option<String> {
        self.id = None;
        let text = std::mem::take(&mut self.text);
        (!text.trim().is_empty()).then_some(text)
    }
}

/// Returns whether an agent's cost begins at zero in a resumed session, as it does in Claude's adapter
/// with the Claude Code of its releases up to 0.49.
fn begins_at_zero(agent: &str, version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    let is_old = matches!(
        (parts.next(), parts.next()),
        (Some(Ok(0)), Some(Ok(0..=49)))
    );
    agent.ends_with("/claude-agent-acp") && is_old
}

/// Returns the parameters of `initialize`.
fn initialize() -> Value {
    json!({
        "protocolVersion": PROTOCOL_VERSION,
        "clientCapabilities": {"fs": {"readTextFile": false, "writeTextFile": false}, "terminal": false},
        "clientInfo": {"name": "autoissue", "title": "autoissue", "version": env!("CARGO_PKG_VERSION")},
    })
}

/// Returns a prompt that no agent mistakes for one of its own commands.
fn as_text(prompt: &str) -> String {
    match prompt.trim_start().starts_with(COMMAND_MARKS) {
        true => format!("Task:\n{prompt}"),
        false => prompt.to_owned(),
    }
}

fn note(text: &str, events: &mut Vec<AgentEvent>) {
    if !text.trim().is_empty() {
        events.push(AgentEvent::Note(text.to_owned()));
    }
}

const fn is_tool_failure(event: &AgentEvent) -> bool {
    matches!(event, AgentEvent::ToolEnd { ok: false, .. })
}

const fn is_tool_end(event: &AgentEvent) -> bool {
    matches!(event, AgentEvent::ToolEnd { .. })
}
