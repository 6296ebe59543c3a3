//! Plans: the agent's answer to a directive, and the file in which a plan is kept, read and edited.
//!
//! ```text
//!   directive ─► prompt ─► agent's words ─► answer ─┬─► problems ─► asked again
//!                                                   └─► Plan ──► engine
//!   plan file ◄───────────── document ◄──────────────────┤
//!       └──► problems, with position and title           └──► graph
//! ```
//!
//! The same schema validates the answer and the file. This module makes no decisions, and touches
//! neither files nor network.

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
pub(crate) use prompt::{PlannerQuestion, prompt};

/// The plan of a session, in its directory.
pub const PLAN_FILE: &str = "plan.json";
/// Domains, of which each issue has exactly one as a label: those of the built-in classifier,
/// except `unknown`.
pub const DOMAINS: [&str; 7] = [
    "backend",
    "frontend",
    "database",
    "infrastructure",
    "security",
    "testing",
    "documentation",
];
/// Most issues in one plan: more than anybody reviews, and more than a session can do.
pub const N_ISSUES_MAX: usize = 100;
/// Longest title, in characters; GitHub allows 256.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest body, in characters. An issue that needs more should be several issues; GitHub allows
/// 65,536.
pub const BODY_CHARS_MAX: usize = 20_000;
/// Most labels of one issue.
pub const N_LABELS_MAX: usize = 10;
/// Longest label, in characters: GitHub's limit.
pub const LABEL_CHARS_MAX: usize = 50;
