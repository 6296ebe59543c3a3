//! Classifiers: every unusual issue, with and without domains from the configuration.

use autoissue_plugin_host::Plugin;
use autoissue_plugin_sdk::{ClassifierContext, Issue};

use super::{Answer, Trial, as_json, corpus};

pub(super) fn trials(name: &str, settings: &str) -> Vec<Trial> {
    let plain = ClassifierContext::default().settings(settings);
    let known = plain
        .clone()
        .domains((0..1_000).map(|n| format!("domain-{n}")));
    let with = |(input, issue): (&'static str, Issue), context: ClassifierContext| {
        let name = name.to_owned();
        Trial {
            input,
            call: Box::new(move |plugin| classify(plugin, &name, &issue, &context)),
        }
    };
    let mut trials: Vec<Trial> = corpus::issues()
        .into_iter()
        .map(|issue| with(issue, plain.clone()))
        .collect();
    trials.push(with(
        ("a thousand domains to choose from", corpus::ordinary()),
        known,
    ));
    trials
}

pub(super) fn classify(
    plugin: &Plugin,
    name: &str,
    issue: &Issue,
    context: &ClassifierContext,
) -> Answer {
    let classifier = plugin
        .classifier(Some(name))
        .expect("the plugin declares it, and the host has checked that");
    as_json(classifier.classify(issue, context))
}
