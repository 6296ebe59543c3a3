//! The dependencies of a plan as a Mermaid diagram.

use autoissue_engine::Plan;

/// Returns the plan as a Mermaid flowchart: an arrow points from an issue to the issues that depend
/// on it.
pub fn mermaid(plan: &Plan) -> String {
    let mut text = "graph TD\n".to_owned();
    for (position, issue) in (1..).zip(&plan.issues) {
        text.push_str(&format!(
            "  i{position}[\"{position} {}\"]\n",
            escaped(&issue.title)
        ));
    }
    for (position, issue) in (1..).zip(&plan.issues) {
        for on in &issue.depends_on {
            text.push_str(&format!("  i{on} --> i{position}\n"));
        }
    }
    text
}

/// Escapes a title for use in quotes. Mermaid accepts HTML there, and character references without
/// `&`.
fn escaped(title: &str) -> String {
    let mut text = String::new();
    for c in title.chars() {
        match c {
            '"' | '<' | '>' | '&' | '#' | '`' | '\\' | '[' | ']' | '{' | '}' | '(' | ')' | '|'
            | ';' => {
                text.push_str(&format!("#{};", u32::from(c)));
            }
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use autoissue_engine::PlannedIssue;

    use super::*;

    #[test]
    fn titles_are_text_and_arrows_lead_from_before_to_after() {
        fn issue(title: &str, depends_on: &[u32]) -> PlannedIssue {
            PlannedIssue {
                title: title.to_owned(),
                depends_on: depends_on.to_vec(),
                ..PlannedIssue::default()
            }
        }

        let issues = vec![
            issue("Table", &[]),
            issue("\"<b>&lt;#1]\" --> x", &[1]),
            issue("Both", &[1, 2]),
        ];
        insta::assert_snapshot!(mermaid(&Plan { issues, ..Plan::default() }), @r#"
        graph TD
          i1["1 Table"]
          i2["2 #34;#60;b#62;#38;lt#59;#35;1#93;#34; --#62; x"]
          i3["3 Both"]
          i1 --> i2
          i1 --> i3
          i2 --> i3
        "#);
    }
}
