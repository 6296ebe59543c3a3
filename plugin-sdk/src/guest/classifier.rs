//! Exports `classifier`.

use super::bindings::classifier::exports::autoissue::classifier::classifier::{
    Classification, Context, Guest, Score,
};
use super::{WitError, WitIssue, error, issue, named, set_up};
use crate::supplies::Supplies;
use crate::{Classifier, ClassifierContext, PluginError};

impl<P: Supplies> Guest for P {
    fn classify(context: Context, issue: WitIssue) -> Result<Classification, WitError> {
        set_up();
        classify::<P>(context, issue)
            .map(classification)
            .map_err(error)
    }
}

fn classify<P: Supplies>(
    context: Context,
    given: WitIssue,
) -> Result<crate::Classification, PluginError> {
    let Context {
        strategy,
        settings,
        domains,
        extra,
    } = context;
    let strategies = P::strategies().classifiers;
    let classifier = named(&strategies, Classifier::describe, &strategy)?;
    classifier.classify(
        &issue(given),
        &ClassifierContext {
            settings,
            domains,
            extra,
        },
    )
}

fn classification(answer: crate::Classification) -> Classification {
    fn score(crate::Score { domain, confidence }: crate::Score) -> Score {
        Score { domain, confidence }
    }

    let crate::Classification {
        domain,
        confidence,
        reasons,
        alternatives,
        paths,
        extra,
    } = answer;
    Classification {
        domain,
        confidence,
        reasons,
        alternatives: alternatives.into_iter().map(score).collect(),
        paths,
        extra,
    }
}
