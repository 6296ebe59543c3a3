//! Creates the issues of a plan one by one, and records their dependencies.

use autoissue_engine::{CreateOrder, Failure, Input, IssueNumber, PlanInput, PlannedIssue, Time};
use autoissue_forge::{IssueDraft, depends_on};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::Services;
use super::decompose::PLANNER;
use crate::wall_clock::wall_clock_ms;

/// Hexadecimal digits of a marker: 64 bits, which cannot be guessed while a plan is carried out.
const MARKER_DIGITS: usize = 16;

const MARKER_START: &str = "<!-- autoissue: planned ";

const MARKER_END: &str = " -->";

impl Services {
    /// Creates an issue of the plan, or finds it if it exists.
    pub(crate) fn create_issue(
        &self,
        order: &CreateOrder,
        cancel: &CancellationToken,
    ) -> Result<Input, Failure> {
        let before = self.forge.n_api_calls(Some(PLANNER));
        let depends_on = depends_on(&order.depends_on);
        let parts = [order.issue.body.trim_end(), &depends_on]
            .into_iter()
            .filter(|part| !part.is_empty());
        let draft = IssueDraft {
            title: order.issue.title.clone(),
            body: parts.collect::<Vec<_>>().join("\n\n"),
            labels: labels(&order.issue),
            author: String::new(),
            created_at: Time::from_ms(wall_clock_ms()),
            marker: Some(marker(&order.plan_id, order.position)),
            planned_at: order.planned_at,
        };
        let (number, found) = self
            .forge
            .create_issue(&draft, cancel)
            .map_err(|error| error.failure())?;
        if let Some(title) = found.as_ref().filter(|title| **title != draft.title) {
            let message = format!(
                "{number} was created for issue {} of this plan, but its title is “{title}”, not “{}”; restore that title, \
                 or delete `id` from the plan's file to make it a new plan",
                order.position, draft.title
            );
            return Err(Failure::NeedsPerson { message });
        }
        let (existed, n_api_calls) = (
            found.is_some(),
            self.forge.n_api_calls(Some(PLANNER)) - before,
        );
        Ok(Input::Plan(PlanInput::IssueCreated {
            position: order.position,
            number,
            existed,
            n_api_calls,
        }))
    }

    /// Records the dependencies of an issue of the plan.
    pub(crate) fn link_issue(
        &self,
        position: u32,
        issue: IssueNumber,
        depends_on: &[IssueNumber],
        cancel: &CancellationToken,
    ) -> Result<Input, Failure> {
        let before = self.forge.n_api_calls(Some(PLANNER));
        let linked = self.forge.add_dependencies(issue, depends_on, cancel);
        linked.map_err(|error| error.failure())?;
        Ok(Input::Plan(PlanInput::IssueLinked {
            position,
            n_api_calls: self.forge.n_api_calls(Some(PLANNER)) - before,
        }))
    }
}

/// Returns the labels of an issue of the plan: its own, and its complexity, which helps to choose a
/// model.
pub(super) fn labels(issue: &PlannedIssue) -> Vec<String> {
    let complexity = format!("complexity: {}", issue.complexity.name());
    issue.labels.iter().cloned().chain([complexity]).collect()
}

/// Returns the line by which the issue at a position of a plan is found. It reveals neither the
/// plan's id nor the lines of the other issues.
fn marker(plan_id: &str, position: u32) -> String {
    let hash = Sha256::digest(format!("planned\0{plan_id}\0{position}"));
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{MARKER_START}{}{MARKER_END}", &digits[..MARKER_DIGITS])
}

/// Returns a body without its last line if that line is a marker.
pub(super) fn without_marker(body: &str) -> String {
    fn is_marker(line: &str) -> bool {
        let digits = line
            .strip_prefix(MARKER_START)
            .and_then(|rest| rest.strip_suffix(MARKER_END));
        digits.is_some_and(|it| {
            it.len() == MARKER_DIGITS && it.bytes().all(|digit| digit.is_ascii_hexdigit())
        })
    }

    let text = body.trim_end();
    match text.rsplit_once('\n') {
        Some((above, last)) if is_marker(last.trim()) => above.trim_end().to_owned(),
        _ => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_marker_at_the_end_is_removed() {
        let marker = marker("a plan", 3);
        assert_eq!(
            without_marker(&format!("Do it.\n\nDepends on #1.\n\n{marker}\n")),
            "Do it.\n\nDepends on #1."
        );
        for kept in [
            "Do it.\n",
            &format!("{marker}\nDo it."),
            "x\n<!-- autoissue: planned 0123456789abcdeX -->",
            "",
        ] {
            assert_eq!(without_marker(kept), kept);
        }
    }

    #[test]
    fn a_marker_belongs_to_one_position_of_one_plan() {
        let all = [
            marker("a", 1),
            marker("a", 2),
            marker("b", 1),
            marker("a1", 1),
        ];
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }
}
