//! Descriptions in published JSON Schemas.

use schemars::Schema;

/// Makes the description of a JSON value out of a Rust doc comment, which is wrapped and says `None`
/// where JSON has null.
pub(crate) fn describe_json(schema: &mut Schema) {
    if let Some(description) = schema.get("description").and_then(|it| it.as_str()) {
        let paragraphs: Vec<String> = description
            .split("\n\n")
            .map(|paragraph| paragraph.replace('\n', " "))
            .collect();
        let description = paragraphs.join("\n\n").replace("`None`", "null");
        schema.insert("description".to_owned(), description.into());
    }
}
