//! Phrases that look significant but are not: they hide their words.

use crate::lexicon::Entries;

#[rustfmt::skip]
pub(super) const WORDS: Entries = &[
    (0, &[
        "pull request", "merge request", "feature request", "table of contents", "in general", "bug report",
        "test drive", "state of the art", "at the table", "in the long run", "key feature", "key point",
        "key difference", "by the way", "on the other hand", "point of view", "in view of", "a view to",
        "code review", "design decision", "under test", "please test", "to test this", "tested on", "tested with",
        "test it", "you can test", "i tested", "can be tested", "steps to test", "for example", "example of",
        "as an example", "for instance", "let me know", "in the docs", "see docs", "see the docs",
        "see documentation", "according to the docs", "according to the documentation", "as documented",
        "documented here", "the docs say", "docs say", "from the docs", "read the docs", "following the docs",
        "in the documentation", "the documentation says", "per the docs", "thank you", "screen shot",
        "build on top", "build upon", "building block", "team building", "release notes of", "i would like",
        "command line", "source code", "open source", "production ready", "test account", "test data set",
        "image processing", "rest of", "the rest", "rest is", "server error", "tree view", "linear regression",
        "logistic regression", "training set", "test set", "training data", "attention head", "game server",
        "type system", "design pattern", "domain model", "selection sort", "merge sort", "binary search",
        "lookup table", "hash table", "symbol table", "truth table", "class table",
    ]),
];
