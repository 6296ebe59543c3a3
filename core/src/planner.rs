//! Plans: what an agent answers to a directive, and the file in which a plan is kept, read and edited.
//!
//! ```text
//!   directive ─► prompt ─► agent's words ─► answer ─┬─► problems ─► asked once more
//!                                                   └─► Plan ──► engine
//!   plan file ◄───────────── document ◄──────────────────┤
//!       └──► problems, with position and title           └──► graph
//! ```
//!
//! One schema judges both the answer and the file. It decides nothing, and touches neither files nor network.

mod answer;
mod document;
mod graph;
mod problems;
mod prompt;

pub use document::{Document, NotAPlan, SCHEMA_URL, read, schema, write};
pub use graph::mermaid;
pub use problems::Problem;

pub(crate) use answer::read as read_answer;
pub(crate) use document::answer_schema;
pub(crate) use prompt::{Question, prompt};

/// The plan of a session, in its directory.
pub const PLAN_FILE: &str = "plan.json";
/// Domains of which each issue carries exactly one as a label: those that the built-in classifier knows, but for `unknown`.
pub const DOMAINS: [&str; 7] = [
    "backend",
    "frontend",
    "database",
    "infrastructure",
    "security",
    "testing",
    "documentation",
];
/// Issues of one plan: more than anybody reviews, and than a night can do.
pub const N_ISSUES_MAX: usize = 100;
/// Characters of a title; GitHub takes 256.
pub const TITLE_CHARS_MAX: usize = 200;
/// Characters of a body. An issue that needs more is several; GitHub takes 65,536.
pub const BODY_CHARS_MAX: usize = 20_000;
/// Labels of one issue.
pub const N_LABELS_MAX: usize = 10;
/// Characters of a label: as many as GitHub takes.
pub const LABEL_CHARS_MAX: usize = 50;
