//! The JSON form of events is stable: everything that simulated sessions write matches the JSON
//! Schema.

use std::collections::BTreeSet;

use autoissue_engine::Event;
use autoissue_simulation::{Edition, play};
use jsonschema::Validator;
use schemars::schema_for;
use serde_json::{Value, json};

/// Simulated sessions whose events are checked: together they contain nearly every event.
const N_NIGHTS: u64 = 150;
/// Minimum number of kinds in these sessions, of nearly fifty.
const N_KINDS_MIN: usize = 45;

fn validator() -> Validator {
    jsonschema::validator_for(schema_for!(Event).as_value()).expect("a schema")
}

/// Returns the first event of each kind in the sessions.
fn one_of_each_kind(mut check: impl FnMut(&Value)) -> Vec<Value> {
    let (mut kinds, mut found) = (BTreeSet::new(), Vec::new());
    for seed in 0..N_NIGHTS {
        let (entries, _) = play(Edition::Second, seed);
        for entry in entries {
            let event = serde_json::to_value(&entry.event).expect("an event becomes JSON");
            check(&event);
            if kinds.insert((event["chapter"].to_string(), event["type"].to_string())) {
                found.push(event);
            }
        }
    }
    assert!(N_KINDS_MIN <= kinds.len(), "{} of {kinds:?}", kinds.len());
    found
}

#[test]
fn every_event_of_a_session_matches_the_schema() {
    let validator = validator();
    one_of_each_kind(|event| {
        if let Err(error) = validator.validate(event) {
            panic!("{error}: {event}");
        }
    });
}

#[test]
fn the_schema_rejects_a_broken_event() {
    let validator = validator();
    for whole in one_of_each_kind(|_| ()) {
        for tag in ["chapter", "type"] {
            let mut without = whole.clone();
            without.as_object_mut().expect("an object").remove(tag);
            assert!(!validator.is_valid(&without), "{tag} of {whole}");
        }
        for name in whole.as_object().expect("an object").keys() {
            let mut other = whole.clone();
            other[name] = json!({ "never": "written" });
            assert!(!validator.is_valid(&other), "{name} of {whole}");
        }
    }
}
