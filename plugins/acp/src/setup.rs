//! What a session offers to choose from (model, effort, mode), and the requests that choose.
//!
//! Agents offer these in two ways: in fields of their own (`modes`, `models`), with a method for
//! each, or in a list of options with categories (`configOptions`). Where an agent offers both, the
//! fields of their own are used: they exist only where the method does.

use autoissue_plugin_sdk::Effort;
use serde_json::{Value, json};

use crate::permission::{Choice, plain};

/// Values that leave the choice of the model to the agent, and so do not name the one that answers.
pub(crate) const UNNAMED_MODELS: [&str; 2] = ["default", "auto"];

/// What a session offers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offer {
    modes: Option<Selector>,
    models: Option<Selector>,
    efforts: Option<Selector>,
}

/// A value that can be chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selector {
    /// The values.
    pub(crate) choices: Vec<Choice>,
    /// Id of the chosen one.
    pub(crate) current: Option<String>,
    method: Method,
}

/// How a value is chosen.
#[derive(Clone, Debug, Default, PartialEq)]
enum Method {
    #[default]
    Mode,
    Model,
    /// An option with this id.
    Option(String),
}

impl Offer {
    /// Takes what a response or a notification says; what it does not mention stays.
    pub(crate) fn update(&mut self, state: &Value) {
        let options = state["configOptions"].as_array();
        let option = |category: &str| {
            let mut options = options.into_iter().flatten();
            options.find_map(|option| Selector::of_option(option, category))
        };
        let keep = |slot: &mut Option<Selector>, new: Option<Selector>| {
            if new.is_some() {
                *slot = new;
            }
        };
        let own = |field: &str, list: &str, id: &str, current: &str, method: Method| {
            let field = &state[field];
            let choices = choices(&field[list], id)?;
            let current = field[current].as_str().map(str::to_owned);
            Some(Selector {
                choices,
                current,
                method,
            })
        };
        let modes = own(
            "modes",
            "availableModes",
            "id",
            "currentModeId",
            Method::Mode,
        );
        let models = own(
            "models",
            "availableModels",
            "modelId",
            "currentModelId",
            Method::Model,
        );
        // An option must not replace a field of its own that an earlier response contained.
        let has_own = |slot: &Option<Selector>, method: &Method| {
            slot.as_ref()
                .is_some_and(|selector| selector.method == *method)
        };
        let has_modes = has_own(&self.modes, &Method::Mode);
        let has_models = has_own(&self.models, &Method::Model);
        keep(
            &mut self.modes,
            modes.or_else(|| option("mode").filter(|_| !has_modes)),
        );
        keep(
            &mut self.models,
            models.or_else(|| option("model").filter(|_| !has_models)),
        );
        keep(&mut self.efforts, option("thought_level"));
        if has_modes || has_models {
            self.follow(option("mode"), option("model"));
        }
    }

    /// Takes the current values of options that are also offered as fields of their own.
    fn follow(&mut self, mode: Option<Selector>, model: Option<Selector>) {
        for (slot, option) in [(&mut self.modes, mode), (&mut self.models, model)] {
            if let (Some(slot), Some(option)) = (slot, option) {
                slot.current = option.current.or(slot.current.take());
            }
        }
    }

    /// Takes the mode that the agent has chosen itself.
    pub(crate) fn mode_is(&mut self, id: &str) {
        if let Some(modes) = &mut self.modes {
            modes.current = Some(id.to_owned());
        }
    }

    /// Takes the model that was chosen.
    pub(crate) fn model_is(&mut self, wanted: &str) {
        if let Some(models) = &mut self.models {
            let id = model_named(&models.choices, wanted).unwrap_or(wanted);
            models.current = Some(id.to_owned());
        }
    }

    /// Returns the modes; empty if there is no choice.
    pub(crate) fn modes(&self) -> &[Choice] {
        self.modes.as_ref().map_or(&[], |modes| &modes.choices)
    }

    /// Returns the id of the current mode.
    pub(crate) fn mode(&self) -> Option<&str> {
        self.modes.as_ref()?.current.as_deref()
    }

    /// Returns the current model.
    pub(crate) fn model(&self) -> Option<&str> {
        self.models.as_ref()?.current.as_deref()
    }

    /// Returns the names of the models, for people.
    pub(crate) fn model_names(&self) -> String {
        let models = self.models.iter().flat_map(|models| &models.choices);
        let names: Vec<&str> = models.map(|model| model.id.as_str()).collect();
        names.join(", ")
    }

    /// Returns the request that chooses a model; `None` if there is no choice of models.
    pub(crate) fn choose_model(&self, session: &str, wanted: &str) -> Option<Choosing> {
        let models = self.models.as_ref()?;
        Some(models.choose(
            session,
            model_named(&models.choices, wanted).unwrap_or(wanted),
        ))
    }

    /// Returns the request that chooses an effort level; `None` if there is no such level.
    pub(crate) fn choose_effort(&self, session: &str, effort: Effort) -> Option<Choosing> {
        let efforts = self.efforts.as_ref()?;
        let level = efforts
            .choices
            .iter()
            .find(|level| level.is(effort.name()))?;
        Some(efforts.choose(session, &level.id))
    }

    /// Returns the request that chooses a mode.
    pub(crate) fn choose_mode(&self, session: &str, id: &str) -> Option<Choosing> {
        Some(self.modes.as_ref()?.choose(session, id))
    }
}

/// A request that chooses a value.
#[derive(Debug, PartialEq)]
pub(crate) struct Choosing {
    pub(crate) method: &'static str,
    pub(crate) params: Value,
}

impl Selector {
    fn of_option(option: &Value, category: &str) -> Option<Self> {
        // Categories are optional.
        let is_it = match option["category"].as_str() {
            Some(stated) => stated == category,
            None => option["id"] == category,
        };
        if !is_it || option["type"].as_str().is_some_and(|kind| kind != "select") {
            return None;
        }
        Some(Self {
            choices: choices(&option["options"], "value")?,
            current: option["currentValue"].as_str().map(str::to_owned),
            method: Method::Option(option["id"].as_str()?.to_owned()),
        })
    }

    fn choose(&self, session: &str, id: &str) -> Choosing {
        match &self.method {
            Method::Mode => Choosing {
                method: "session/set_mode",
                params: json!({"sessionId": session, "modeId": id}),
            },
            Method::Model => Choosing {
                method: "session/set_model",
                params: json!({"sessionId": session, "modelId": id}),
            },
            Method::Option(option) => Choosing {
                method: "session/set_config_option",
                params: json!({"sessionId": session, "configId": option, "value": id}),
            },
        }
    }
}

/// Reads a list of values, which may be in groups.
fn choices(list: &Value, id: &str) -> Option<Vec<Choice>> {
    let mut found = Vec::new();
    for entry in list.as_array()? {
        if entry["options"].is_array() {
            found.extend(choices(&entry["options"], id)?);
        } else if let Some(value) = entry[id].as_str() {
            found.push(Choice {
                id: value.to_owned(),
                name: entry["name"].as_str().unwrap_or_default().to_owned(),
            });
        }
    }
    Some(found)
}

/// Returns the id of the model with this name: its id, its name, or its id without the provider.
fn model_named<'a>(models: &'a [Choice], wanted: &str) -> Option<&'a str> {
    let exact = models.iter().find(|model| model.id == wanted);
    let plain_name = plain(wanted);
    let alike = || models.iter().find(|model| model.is(&plain_name));
    let without_provider = || {
        let ends = |model: &&Choice| model.id.rsplit('/').next() == Some(wanted);
        models.iter().find(ends)
    };
    let model = exact.or_else(alike).or_else(without_provider)?;
    Some(&model.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(state: &Value) -> Offer {
        let mut offer = Offer::default();
        offer.update(state);
        offer
    }

    fn gemini() -> Value {
        json!({
            "modes": {"currentModeId": "default", "availableModes": [{"id": "default", "name": "Default"}, {"id": "yolo", "name": "YOLO"}]},
            "models": {"currentModelId": "auto", "availableModels": [{"modelId": "auto", "name": "Auto"}, {"modelId": "gemini-2.5-pro"}]},
        })
    }

    fn opencode() -> Value {
        json!({"configOptions": [
            {"id": "model", "category": "model", "type": "select", "currentValue": "fake/m", "options": [
                {"name": "Fake", "group": "g", "options": [{"value": "fake/m", "name": "M"}, {"value": "fake/n", "name": "N"}]}
            ]},
            {"id": "mode", "category": "mode", "type": "select", "currentValue": "build", "options": [
                {"value": "build", "name": "build"}, {"value": "plan", "name": "plan"}
            ]},
            {"id": "effort", "category": "thought_level", "type": "select", "currentValue": "default", "options": [
                {"value": "default", "name": "Default"}, {"value": "hi", "name": "High"}
            ]},
            {"id": "mode", "category": "mode", "type": "boolean", "currentValue": true},
        ]})
    }

    #[test]
    fn values_are_chosen_by_the_method_that_the_agent_has() {
        let gemini = offer(&gemini());
        assert_eq!(
            gemini.choose_model("s", "gemini-2.5-pro"),
            Some(Choosing {
                method: "session/set_model",
                params: json!({"sessionId": "s", "modelId": "gemini-2.5-pro"}),
            })
        );
        assert_eq!(
            gemini
                .choose_mode("s", "yolo")
                .map(|choosing| choosing.method),
            Some("session/set_mode")
        );
        assert_eq!(gemini.choose_effort("s", Effort::High), None);
        let opencode = offer(&opencode());
        assert_eq!(
            opencode.choose_model("s", "n"),
            Some(Choosing {
                method: "session/set_config_option",
                params: json!({"sessionId": "s", "configId": "model", "value": "fake/n"}),
            })
        );
        assert_eq!(
            opencode
                .choose_effort("s", Effort::High)
                .map(|choosing| choosing.params),
            Some(json!({"sessionId": "s", "configId": "effort", "value": "hi"}))
        );
        assert_eq!(opencode.choose_effort("s", Effort::Low), None);
        assert_eq!(
            (opencode.mode(), opencode.model()),
            (Some("build"), Some("fake/m"))
        );
        assert_eq!(offer(&json!({})).choose_model("s", "m"), None);
    }

    #[test]
    fn an_unknown_model_is_left_to_the_agent_to_refuse() {
        let choosing = offer(&gemini()).choose_model("s", "GPT").unwrap();
        assert_eq!(choosing.params["modelId"], "GPT");
        let alike = offer(&opencode()).choose_model("s", "m").unwrap();
        assert_eq!(alike.params["value"], "fake/m");
    }

    #[test]
    fn fields_of_their_own_are_preferred_and_follow_the_options() {
        let mut offer = offer(&gemini());
        offer.update(&json!({"configOptions": [
            {"id": "mode", "category": "mode", "type": "select", "currentValue": "yolo", "options": [{"value": "yolo"}]},
        ]}));
        assert_eq!(offer.mode(), Some("yolo"));
        assert_eq!(offer.modes().len(), 2);
        assert_eq!(
            offer
                .choose_mode("s", "default")
                .map(|choosing| choosing.method),
            Some("session/set_mode")
        );
        offer.update(&json!({"modes": "odd", "configOptions": [7, {}, {"id": 1}]}));
        assert_eq!(offer.model(), Some("auto"));
    }
}
