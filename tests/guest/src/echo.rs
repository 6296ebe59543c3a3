//! Answers that contain the question as JSON and set every field, for the test that no field is
//! lost on the way.

use autoissue_plugin_sdk::prelude::*;
use autoissue_plugin_sdk::{serde::Serialize, serde_json};

/// Title of an issue that asks for such an answer.
pub(crate) const TITLE: &str = "echo";

pub(crate) const EXTRA: [(&str, &str); 1] = [("answer", "echo")];

pub(crate) fn classification(issue: &Issue, context: &ClassifierContext) -> Classification {
    Classification::new("guest", 0.5)
        .reasons([json(issue), json(context)])
        .alternatives([Score::new("other", 0.25)])
        .paths(["src/main.rs"])
        .extra(EXTRA)
}

pub(crate) fn selection(request: &SelectionRequest) -> Selection {
    Selection::new("small")
        .effort(Some(Effort::High))
        .fallbacks(["large"])
        .reason(json(request))
        .extra(EXTRA)
}

pub(crate) fn text(context: &PrContext) -> PullRequestText {
    PullRequestText::new("Echo", json(context))
        .labels(["bug"])
        .extra(EXTRA)
}

fn json(question: &impl Serialize) -> String {
    serde_json::to_string(question).unwrap_or_else(|error| error.to_string())
}
