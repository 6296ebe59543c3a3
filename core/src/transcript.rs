//! Transcripts as text: the output of an agent's program, as the session that ran it showed it.

use autoissue_plugin_sdk::{AgentRun, Line};

use crate::agent::words;
use crate::built_in;

/// Turns a program's lines into readable text.
pub struct Readable {
    /// Absent if the lines are readable already, or their format is unknown here.
    run: Option<Box<dyn AgentRun>>,
}

impl Readable {
    /// Creates a reader of the transcripts of an agent backend.
    pub fn of(agent: &str) -> Self {
        let reader = built_in::agent(agent).and_then(|agent| agent.transcript);
        Self {
            run: reader.map(|make| make()),
        }
    }

    /// Returns the text of a line; empty if it is for programs only.
    pub fn lines(&mut self, line: &str) -> Vec<String> {
        match &mut self.run {
            // A line that is not an object is plain text from the program, such as an error.
            Some(run) if line.starts_with('{') => run
                .on_lines(&[Line::stdout(line)])
                .into_iter()
                .filter_map(words)
                .collect(),
            _ => vec![line.to_owned()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_readable_output_becomes_text_or_nothing() {
        let mut claude = Readable::of("claude");
        let init = r#"{"type":"system","subtype":"init","session_id":"s","model":"m"}"#;
        let says = r#"{"type":"assistant","message":{"id":"1","content":[{"type":"text","text":"Reading."}]},"session_id":"s"}"#;
        assert_eq!(claude.lines(init), Vec::<String>::new());
        assert_eq!(claude.lines(says), ["Reading."]);
        assert_eq!(claude.lines("Error: no"), ["Error: no"]);
        assert_eq!(Readable::of("patch").lines(says), [says]);
    }
}
