//! Reads the dependencies that an issue declares, in the forms people write: a sentence, a trailer,
//! or a heading or label with a list below it; by number, `owner/name#12`, link or URL.
//!
//! Only what the issue itself tells its readers counts. Quotes, code, comments, struck-out text,
//! negations, questions and sentences about another issue are ignored. A reference that names
//! another repository never counts as one of this repository.
//!
//! ```text
//!   Markdown ─► lines without quotes and code ─► phrase (`depends on`) ─┬─► the references after it
//!                                                                       └─► nothing after it: the list below
//! ```

use std::collections::BTreeSet;
use std::ops::Range;

use autoissue_engine::IssueNumber;
use autoissue_git::remote::web_host;
use autoissue_plugin_sdk::markdown::outline;

/// Phrases that declare a dependency when references follow.
const PHRASES: [&str; 24] = [
    "depends on",
    "depends upon",
    "depends-on",
    "depend on",
    "depend upon",
    "depends",
    "depending on",
    "dependent on",
    "dependent upon",
    "blocked by",
    "blocked-by",
    "blocked on",
    "blocked-on",
    "requires",
    "require",
    "needs",
    "need",
    "waits for",
    "waits on",
    "waiting for",
    "waiting on",
    "wait for",
    "is blocked",
    "requirements",
];
/// Words that declare dependencies only at the start of a line; elsewhere they mean other things.
const TITLES: [&str; 8] = [
    "dependencies",
    "dependency",
    "issue dependencies",
    "blockers",
    "blocker",
    "prerequisites",
    "prerequisite",
    "pre-requisites",
];
/// Words between a phrase and a reference that do not change the meaning.
const FILLERS: [&str; 34] = [
    "issue",
    "issues",
    "ticket",
    "tickets",
    "task",
    "tasks",
    "pr",
    "prs",
    "pull",
    "request",
    "requests",
    "the",
    "both",
    "also",
    "work",
    "in",
    "from",
    "of",
    "merge",
    "merging",
    "completion",
    "completing",
    "landing",
    "resolution",
    "resolving",
    "closing",
    "fix",
    "following",
    "these",
    "change",
    "changes",
    "by",
    "on",
    "first",
];
/// Words that negate a statement or make it hypothetical.
const NEGATIONS: [&str; 22] = [
    "not",
    "no",
    "never",
    "longer",
    "nor",
    "neither",
    "without",
    "nothing",
    "none",
    "nobody",
    "cannot",
    "isnt",
    "doesnt",
    "dont",
    "wont",
    "arent",
    "shouldnt",
    "whether",
    "if",
    "unless",
    "formerly",
    "previously",
];
/// Number of words before a phrase that are searched for a negation.
const N_NEGATING_WORDS: usize = 6;
/// Words between a subject and its phrase: `#5 is also blocked by`.
const AUXILIARIES: [&str; 12] = [
    "is",
    "are",
    "was",
    "has",
    "been",
    "be",
    "also",
    "still",
    "now",
    "currently",
    "itself",
    "which",
];
/// Elements whose contents are quoted, code or struck out.
const SILENT_ELEMENTS: [&str; 10] = [
    "pre",
    "code",
    "del",
    "s",
    "strike",
    "blockquote",
    "q",
    "samp",
    "kbd",
    "tt",
];
/// A line indented by at least this many columns is code.
const CODE_COLUMNS: usize = 4;

/// The repository that issues belong to, by the names and addresses that people may use for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// `owner/name`, in lower case.
    repositories: Vec<String>,
    /// Hosts whose addresses refer to this repository, in lower case.
    hosts: Vec<String>,
}

/// Host assumed when no API is known.
const GITHUB: &str = "github.com";

impl Home {
    /// Creates a home for a repository with these names on the host of an API. Addresses on
    /// `github.com` are accepted too if there is no API or it is on this machine.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>, api_url: Option<&str>) -> Self {
        let host = api_url
            .map_or_else(|| GITHUB.to_owned(), web_host)
            .to_lowercase();
        let name = host.split(':').next().unwrap_or_default();
        let is_here = name == "localhost" || name.starts_with("127.") || name.starts_with('[');
        let hosts = if is_here {
            vec![host, GITHUB.to_owned()]
        } else {
            vec![host]
        };
        Self {
            repositories: names.into_iter().map(str::to_lowercase).collect(),
            hosts,
        }
    }

    fn is_repository(&self, name: &str) -> bool {
        self.repositories.iter().any(|known| known == name)
    }

    fn is_host(&self, host: &str) -> bool {
        let host = host.strip_prefix("www.").unwrap_or(host);
        self.hosts.iter().any(|known| known == host)
    }
}

/// Returns the issues of this repository that a text declares as dependencies, without duplicates,
/// in order.
pub fn dependencies_in(text: &str, home: &Home) -> Vec<IssueNumber> {
    let reader = Reader {
        lines: visible_lines(text),
        home,
    };
    let mut found = Vec::new();
    for at in 0..reader.lines.len() {
        reader.read(at, &mut found);
    }
    let mut seen = BTreeSet::new();
    let ours = found.into_iter().flatten();
    ours.filter(|number| seen.insert(*number)).collect()
}

/// A reference; `None` refers to another repository.
type Reference = Option<IssueNumber>;

struct Reader<'a> {
    lines: Vec<Line>,
    home: &'a Home,
}

impl Reader<'_> {
    fn read(&self, at: usize, found: &mut Vec<Reference>) {
        let line = &self.lines[at];
        let text = line.text.as_str();
        for (start, end) in phrases_in(text) {
            if self.is_denied(at, start) {
                continue;
            }
            let rest = behind_fillers(&text[end..]);
            if rest.chars().any(char::is_alphanumeric) || reference(rest, self.home).is_some() {
                self.read_references(at, rest, found);
            } else {
                self.read_below(at, found);
            }
        }
    }

    /// Returns whether the words before a phrase negate it or make it about another issue.
    fn is_denied(&self, at: usize, start: usize) -> bool {
        let before = &self.lines[at].text[..start];
        let clause = before
            .rsplit([',', ';', ':', '.', '!', '?'])
            .next()
            .unwrap_or_default();
        let words: Vec<&str> = clause.split_whitespace().collect();
        if words.is_empty() && before.trim().is_empty() {
            // The sentence continues from the line above: only the word right before the phrase
            // counts.
            let above = at.checked_sub(1).map(|above| &self.lines[above]);
            let last = above
                .filter(|above| matches!(above.kind, Kind::Text | Kind::Item))
                .and_then(|above| above.text.split_whitespace().next_back());
            return self.lines[at].kind == Kind::Text && last.is_some_and(is_negation);
        }
        let near = &words[words.len().saturating_sub(N_NEGATING_WORDS)..];
        let is_negated = near
            .iter()
            .enumerate()
            .any(|(at, word)| is_negation(word) && near.get(at + 1) != Some(&"only"))
            || near.ends_with(&["used", "to"]);
        let subject = words.iter().rev().find(|word| !AUXILIARIES.contains(word));
        let is_of_another = subject.is_some_and(|word| {
            let bare = word.trim_matches(['(', '*', '_', '[']);
            reference(bare, self.home).is_some()
        });
        is_negated || is_of_another
    }

    /// Reads a list of references from the start of a text. The list continues on the next line if
    /// it stops at a separator, or if the next line holds nothing but references.
    fn read_references(&self, mut at: usize, text: &str, found: &mut Vec<Reference>) {
        let mut here = Vec::new();
        let mut rest = text.to_owned();
        while let Some((reference, after)) = reference(&rest, self.home) {
            here.push(reference);
            let (after, is_open) = behind_separators(behind_parenthesis(after));
            if !after.is_empty() {
                rest = after.to_owned();
                continue;
            }
            rest = String::new();
            let Some(next) = self
                .lines
                .get(at + 1)
                .filter(|next| next.kind == Kind::Text)
            else {
                break;
            };
            if !is_open && !self.is_only_references(&next.text) {
                break;
            }
            at += 1;
            next.text.clone_into(&mut rest);
        }
        let end = rest.find(['.', '!', '?']).map(|end| rest.as_bytes()[end]);
        if end != Some(b'?') {
            found.extend(here);
        }
    }

    fn is_only_references(&self, text: &str) -> bool {
        let mut rest = text;
        while let Some((_, after)) = reference(rest, self.home) {
            rest = behind_separators(behind_parenthesis(after)).0;
            if rest.is_empty() {
                return true;
            }
        }
        false
    }

    /// Reads the list below a heading or a label.
    fn read_below(&self, label: usize, found: &mut Vec<Reference>) {
        let Line { kind, indent, .. } = self.lines[label];
        let mut is_apart = false;
        for (at, line) in self.lines.iter().enumerate().skip(label + 1) {
            match line.kind {
                Kind::Blank => {
                    is_apart = true;
                    continue;
                }
                Kind::Heading => return,
                Kind::Item if kind == Kind::Item && line.indent <= indent => return,
                Kind::Item => self.read_item(&line.text, found),
                Kind::Text => {
                    let starts_with_one =
                        reference(behind_fillers(&line.text), self.home).is_some();
                    let is_of_list =
                        kind == Kind::Heading || !is_apart || self.is_only_references(&line.text);
                    if starts_with_one && is_of_list {
                        self.read_references(at, behind_fillers(&line.text), found);
                    } else if !(0 < line.indent
                        || (kind == Kind::Heading && line.text.ends_with(':')))
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Reads a list item: the references it begins with, or else the one it ends with.
    fn read_item(&self, text: &str, found: &mut Vec<Reference>) {
        let text = ["[ ]", "[x]"]
            .iter()
            .find_map(|mark| text.strip_prefix(mark))
            .unwrap_or(text);
        let text = behind_fillers(text);
        if reference(text, self.home).is_some() {
            return self.read_references(self.lines.len(), text, found);
        }
        if text.split_whitespace().any(is_negation)
            || phrases_in(text).next().is_some()
            || text.contains(':') && !text.contains("://")
        {
            return;
        }
        let end = text.trim_end_matches(['.', ')', ']', '*', '_', ' ']);
        let start = end.rfind(char::is_whitespace).map_or(0, |start| start + 1);
        found.extend(reference(&end[start..], self.home).map(|(reference, _)| reference));
    }
}

/// Returns the ranges of phrases in a line, the longest one at each position.
fn phrases_in(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut places: Vec<(usize, usize)> = Vec::new();
    let is_word = |c: char| c.is_alphanumeric() || c == '-';
    for phrase in PHRASES.iter().chain(&TITLES) {
        let is_title = TITLES.contains(phrase);
        for (start, found) in text.match_indices(phrase) {
            let end = start + found.len();
            let is_whole = !text[..start].chars().next_back().is_some_and(is_word)
                && !text[end..].chars().next().is_some_and(is_word);
            let is_first = !text[..start].chars().any(char::is_alphanumeric);
            if is_whole && (is_first || !is_title) {
                places.push((start, end));
            }
        }
    }
    places.sort_by_key(|&(start, end)| (start, usize::MAX - end));
    let mut covered = 0;
    places.retain(|&(start, end)| {
        let is_new = covered <= start;
        covered = covered.max(end);
        is_new
    });
    places.into_iter()
}

fn is_negation(word: &str) -> bool {
    let bare: String = word
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '\'' | '’'))
        .collect();
    NEGATIONS.contains(&bare.as_str()) || bare.ends_with("n't") || bare.ends_with("n’t")
}

/// Returns the text after markup and filler words.
fn behind_fillers(text: &str) -> &str {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([
            ':', '*', '_', ' ', '\t', '|', '=', '-', '–', '—', '→', '>', '~',
        ]);
        let end = rest
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(rest.len());
        let is_filler =
            FILLERS.contains(&&rest[..end]) && !rest[end..].starts_with(['/', '#', '-']);
        if !is_filler {
            return rest;
        }
        rest = &rest[end..];
    }
}

/// Returns the text after list separators, and whether they call for another entry.
fn behind_separators(text: &str) -> (&str, bool) {
    let mut rest = text;
    let mut is_open = false;
    loop {
        let behind = rest.trim_start_matches([' ', '\t', '*', '_', '|']);
        if let Some(behind) = behind.strip_prefix([',', ';', '&', '+', '/']) {
            (rest, is_open) = (behind, true);
            continue;
        }
        let word = ["and", "or", "plus"].iter().find_map(|word| {
            let behind = behind.strip_prefix(word)?;
            (behind.is_empty() || behind.starts_with(char::is_whitespace)).then_some(behind)
        });
        match word {
            Some(behind) => (rest, is_open) = (behind, true),
            None => return (behind_fillers_of_list(behind), is_open),
        }
    }
}

/// `#1, issue #2`: only the kind of item may be repeated.
fn behind_fillers_of_list(text: &str) -> &str {
    let mut rest = text;
    while let Some(behind) = ["issue ", "issues ", "pr ", "ticket ", "task "]
        .iter()
        .find_map(|word| rest.strip_prefix(word))
    {
        rest = behind.trim_start();
    }
    rest
}

/// `#1 (the API) and #2`: text in parentheses is an explanation.
fn behind_parenthesis(text: &str) -> &str {
    let Some(inner) = text.trim_start().strip_prefix('(') else {
        return text;
    };
    inner.split_once(')').map_or(text, |(_, behind)| behind)
}

/// Returns the reference at the start of a lower-case text, and the text after it.
fn reference<'t>(text: &'t str, home: &Home) -> Option<(Reference, &'t str)> {
    let text = text
        .trim_start()
        .trim_start_matches(['*', '_', '(', '<', '"', '\'']);
    if let Some(inner) = text.strip_prefix('[') {
        return link(inner, home);
    }
    let (found, after) = plain_reference(text, home)?;
    Some((found, after.trim_start_matches(['>', '*', '_', '"', '\''])))
}

/// Reads a Markdown link after its `[`. Its URL decides; its text is used only if the URL is not
/// that of an issue.
fn link<'t>(inner: &'t str, home: &Home) -> Option<(Reference, &'t str)> {
    let (text, behind) = inner.split_once(']')?;
    let of_text = || plain_reference(text.trim(), home).map(|(found, _)| found);
    let target = behind
        .strip_prefix('(')
        .and_then(|target| target.split_once(')'));
    match target {
        Some((target, after)) => {
            let address = target.split_whitespace().next().unwrap_or_default();
            let found = plain_reference(address, home).map(|(found, _)| found);
            found.or_else(of_text).map(|found| (found, after))
        }
        None => of_text().map(|found| (found, behind)),
    }
}

fn plain_reference<'t>(text: &'t str, home: &Home) -> Option<(Reference, &'t str)> {
    if let Some(digits) = text.strip_prefix('#').or_else(|| text.strip_prefix("gh-")) {
        return numbered(digits).map(|(number, after)| (Some(number), after));
    }
    let end = text
        .find(|c: char| c.is_whitespace() || matches!(c, ',' | ')' | ']' | '>' | '|' | '"' | '`'))
        .unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    if let Some(reference) = address(word, home) {
        return Some((reference, after));
    }
    let (repository, digits) = word.split_once('#')?;
    let is_name = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    let (owner, name) = repository.split_once('/')?;
    let (number, _) = numbered(digits).filter(|_| is_name(owner) && is_name(name))?;
    let n_digits = digits.len()
        - digits
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .len();
    let after = &text[repository.len() + 1 + n_digits..];
    Some((
        Some(number).filter(|_| home.is_repository(repository)),
        after,
    ))
}

/// Returns the number at the start of a text.
fn numbered(text: &str) -> Option<(IssueNumber, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..end].parse().ok().filter(|number| *number > 0)?;
    let after = &text[end..];
    let is_whole = !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    is_whole.then_some((IssueNumber(number), after))
}

/// Reads the URL of an issue or a pull request.
fn address(word: &str, home: &Home) -> Option<Reference> {
    let bare = ["https://", "http://"]
        .iter()
        .find_map(|scheme| word.strip_prefix(scheme));
    let bare = bare.or_else(|| word.strip_prefix('/').is_none().then_some(word))?;
    let mut parts = bare.split('/');
    let (host, owner, name) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = parts.next()?;
    if !host.contains(['.', ':']) && host != "localhost"
        || !["issues", "pull", "pulls"].contains(&kind)
    {
        return None;
    }
    let (number, _) = numbered(parts.next()?)?;
    let is_ours = home.is_host(host) && home.is_repository(&format!("{owner}/{name}"));
    Some(Some(number).filter(|_| is_ours))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Blank,
    Heading,
    Item,
    Text,
}

/// A line that readers see, in lower case and without its list or heading marker.
#[derive(Clone, Debug)]
struct Line {
    kind: Kind,
    /// Indentation in columns.
    indent: usize,
    text: String,
}

/// Returns the lines of a text; quotes and code become blank lines.
fn visible_lines(text: &str) -> Vec<Line> {
    let outline = outline(text);
    let mut shown = text.to_lowercase();
    // The case conversion of a few letters changes their length, which would invalidate the ranges.
    if shown.len() != text.len() {
        shown = text.to_ascii_lowercase();
    }
    let code = outline.code_blocks.into_iter().map(|block| block.range);
    let mut hidden: Vec<Range<usize>> = code.chain(outline.comments).collect();
    hidden.sort_by_key(|range| range.start);
    hidden
        .into_iter()
        .rev()
        .for_each(|range| cut(&mut shown, range));
    cut_elements(&mut shown);
    let mut place = Place::default();
    let lines: Vec<Line> = shown.lines().map(|line| place.read(line)).collect();
    without_spans(lines)
}

/// Removes a range but keeps its line breaks.
fn cut(text: &mut String, range: Range<usize>) {
    let line_ends: String = text[range.clone()]
        .chars()
        .filter(|c| matches!(c, '\n' | '\r'))
        .collect();
    text.replace_range(range, &line_ends);
}

/// Removes elements that hold quotes, code or struck-out text, and the tags of all others.
fn cut_elements(text: &mut String) {
    let mut at = 0;
    while let Some(start) = text[at..].find('<').map(|found| at + found) {
        let rest = &text[start + 1..];
        let name_end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let name = rest[..name_end].to_owned();
        let is_tag = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
            && !rest[name_end..].starts_with(':');
        let tag_end = rest
            .find('>')
            .filter(|_| is_tag)
            .map(|end| start + 1 + end + 1);
        let Some(tag_end) = tag_end else {
            at = start + 1;
            continue;
        };
        let end = if SILENT_ELEMENTS.contains(&name.as_str()) {
            let closing = format!("</{name}");
            let paragraph = text[tag_end..]
                .find("\n\n")
                .map_or(text.len(), |end| tag_end + end);
            text[tag_end..]
                .find(&closing)
                .map_or(paragraph, |end| tag_end + end)
        } else {
            tag_end
        };
        cut(text, start..end);
        at = start;
    }
}

/// The state of the line reader.
#[derive(Default)]
struct Place {
    /// Column at which the contents of the current list item begin; 0 outside of lists.
    content: usize,
    in_paragraph: bool,
    in_quote: bool,
}

impl Place {
    fn read(&mut self, line: &str) -> Line {
        let blank = Line {
            kind: Kind::Blank,
            indent: 0,
            text: String::new(),
        };
        if line.trim().is_empty() {
            (self.in_paragraph, self.in_quote) = (false, false);
            return blank;
        }
        let indent = columns(line);
        if !self.in_paragraph && indent < self.content {
            self.content = 0;
        }
        if self.content + CODE_COLUMNS <= indent && !self.in_paragraph && !self.in_quote {
            return blank;
        }
        let (mut rest, mut kind) = (line.trim_start(), Kind::Text);
        while let Some(width) = item_marker(rest) {
            kind = Kind::Item;
            self.content = columns(line) + (line.trim_start().len() - rest.len()) + width;
            rest = rest[width..].trim_start();
        }
        if rest.starts_with('>') {
            (self.in_quote, self.in_paragraph) = (true, false);
            return blank;
        }
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let is_heading = (1..=6).contains(&hashes) && rest[hashes..].starts_with([' ', '\t']);
        if is_heading {
            (self.in_paragraph, self.in_quote) = (false, false);
            return Line {
                kind: Kind::Heading,
                indent,
                text: rest[hashes..]
                    .trim()
                    .trim_end_matches('#')
                    .trim()
                    .to_owned(),
            };
        }
        if rest
            .chars()
            .all(|c| matches!(c, '-' | '=' | '*' | '_' | ' '))
        {
            // A thematic break, or the underline of a heading.
            (self.in_paragraph, self.in_quote) = (false, false);
            return blank;
        }
        if self.in_quote && kind == Kind::Text {
            // A quote continues on lines without its marker.
            return blank;
        }
        (self.in_paragraph, self.in_quote) = (true, false);
        Line {
            kind,
            indent,
            text: rest.trim_end().to_owned(),
        }
    }
}

fn columns(line: &str) -> usize {
    let space = &line[..line.len() - line.trim_start().len()];
    space.chars().map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

/// Returns the width of a list marker including the space after it.
fn item_marker(text: &str) -> Option<usize> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mark = match digits {
        0 => text.starts_with(['-', '*', '+']).then_some(1),
        1..=9 => text[digits..].starts_with(['.', ')']).then_some(digits + 1),
        _ => None,
    }?;
    text[mark..].starts_with([' ', '\t']).then_some(mark + 1)
}

/// Removes code spans and struck-out text, both of which may span the lines of a paragraph.
fn without_spans(mut lines: Vec<Line>) -> Vec<Line> {
    let mut start = 0;
    while start < lines.len() {
        let next = lines[start + 1..]
            .iter()
            .position(|line| line.kind != Kind::Text)
            .map_or(lines.len(), |found| start + 1 + found);
        let joined: Vec<&str> = lines[start..next]
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        let mut paragraph = joined.join("\n");
        if paragraph.contains(['`', '~']) {
            cut_spans(&mut paragraph);
            for (line, text) in lines[start..next].iter_mut().zip(paragraph.split('\n')) {
                text.trim_end().clone_into(&mut line.text);
            }
        }
        start = next;
    }
    lines
}

fn cut_spans(text: &mut String) {
    let mut at = 0;
    while let Some(start) = text[at..].find(['`', '~']).map(|found| at + found) {
        let mark = text[start..].chars().next().unwrap_or('`');
        let width = |from: usize| text[from..].len() - text[from..].trim_start_matches(mark).len();
        let n_marks = width(start);
        let mut end = None;
        let mut from = start + n_marks;
        while let Some(found) = text[from..].find(mark).map(|found| from + found) {
            let n_found = width(found);
            from = found + n_found;
            if n_found == n_marks {
                end = Some(from);
                break;
            }
        }
        match end {
            Some(end) => {
                cut(text, start..end);
                at = start;
            }
            None => at = start + n_marks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> Home {
        Home::new(["octo/demo"], None)
    }

    #[track_caller]
    fn check(text: &str, expected: &[u64]) {
        let expected: Vec<IssueNumber> = expected.iter().map(|&n| IssueNumber(n)).collect();
        assert_eq!(dependencies_in(text, &home()), expected, "{text}");
    }

    #[test]
    fn forge_dependencies_as_written_in_sentences_and_trailers() {
        for text in [
            "Depends on #12",
            "depends upon #12.",
            "Depends on: #12",
            "**Depends on:** #12",
            "**Depends on**: #12",
            "__Depends on__ #12",
            "Depends-on: #12",
            "Blocked-by: #12",
            "It is currently blocked by issue #12, sadly.",
            "Dependent on PR #12",
            "Requires #12; requires care",
            "Needs #12 first",
            "Waiting for #12",
            "We are waiting on the fix in #12.",
            "Dependencies: #12",
            "Blockers: GH-12",
            "Prerequisite: #12",
            "| Depends on | #12 |",
            "Implements #3 and depends on #12",
            "This not only depends on #12",
            "It is not urgent, but it depends on #12",
            "This is not urgent\nDepends on #12",
            "- [ ] Depends on #12",
            "<b>Depends on</b> #12",
            "Depends on <!-- the API --> #12",
        ] {
            check(text, &[12]);
        }
        check("This is blocked by #3, #4 and #5.", &[3, 4, 5]);
        check("Depends on #3 (the API), issue #4 & #5", &[3, 4, 5]);
        check("Depends on #1 #2", &[1, 2]);
        check("Depends on #1,\n#2 and\n#3", &[1, 2, 3]);
        check("**Depends on:** #7\nblocked by #2", &[7, 2]);
        check("depends on #1 depends on #1", &[1]);
    }

    #[test]
    fn dependencies_are_read_from_lists_below_a_label() {
        for text in [
            "Depends on:\n- #1\n- #2",
            "Depends on\n\n* #1\n* #2",
            "## Blocked by\n\n- #1\n- #2\n",
            "### Dependencies\n1. #1\n2. #2: the API",
            "Blocked by\n----------\n- [ ] #1\n- [x] #2",
            "## Depends on 🚧\n- octo/demo#1\n- the API (#2)",
            "This is blocked by the following issues:\n\n- #1\n- #2",
            "Depends on:\n#1\n#2",
            "## Depends on\n\n#1, #2",
            "- Depends on:\n  - #1\n  - #2\n- Related:\n  - #9",
            "## Blocked by\n- #1\n- #2\n\n## Related\n- #9",
            "Depends on:\n- #1\n- #2\n\nSee also\n- #9",
            "## Dependencies\n\nThese come first:\n- #1\n- #2\n- None of #9",
            "<details><summary>Blocked by</summary>\n\n- #1\n- #2\n</details>",
        ] {
            check(text, &[1, 2]);
        }
    }

    #[test]
    fn a_reference_may_be_an_address_but_only_of_this_repository() {
        for text in [
            "Depends on octo/demo#1",
            "Depends on Octo/Demo#1",
            "Depends on https://github.com/octo/demo/issues/1",
            "Depends on <https://github.com/octo/demo/pull/1>.",
            "Depends on https://www.github.com/octo/demo/issues/1#issuecomment-7",
            "Depends on [the API](https://github.com/octo/demo/issues/1)",
            "Depends on [#1](https://github.com/octo/demo/issues/1)",
            "Depends on other/repo#5 and #1",
        ] {
            check(text, &[1]);
        }
        for text in [
            "Depends on other/repo#1",
            "Depends on other/repo #1",
            "Depends on octo/demo2#1",
            "Depends on xocto/demo#1",
            "Depends on demo#1",
            "Depends on https://github.com/other/repo/issues/1",
            "Depends on https://gitlab.com/octo/demo/issues/1",
            "Depends on [#1](https://github.com/other/repo/issues/1)",
            "Depends on:\n- other/repo#1\n- https://github.com/other/repo/issues/2",
            "Depends on https://github.com/octo/demo/milestone/1",
        ] {
            check(text, &[]);
        }
        let enterprise = Home::new(["octo/demo"], Some("https://ghe.example.com/api/v3"));
        let read = |text: &str| dependencies_in(text, &enterprise);
        assert_eq!(
            read("Depends on https://ghe.example.com/octo/demo/issues/1"),
            [IssueNumber(1)]
        );
        assert_eq!(read("Depends on https://github.com/octo/demo/issues/1"), []);
    }

    #[test]
    fn quotes_code_and_comments_declare_nothing() {
        for text in [
            "> Depends on #1",
            "> They said:\nDepends on #1",
            "- > Depends on #1",
            "```\nDepends on #1\n```",
            "~~~\nDepends on #1",
            "    Depends on #1",
            "`Depends on #1`",
            "``Depends\non #1``",
            "<!-- Depends on #1 -->",
            "<!--\nDepends on #1\n-->",
            "<pre>\nDepends on #1\n</pre>",
            "<blockquote>Depends on #1</blockquote>",
            "~~Depends on #1~~",
            "<del>Depends on #1</del>",
            "## Blocked by\n- ~~#1~~\n- `#2`\n> - #3",
            "Depends on:\n```\n#1\n```",
        ] {
            check(text, &[]);
        }
        check("> Depends on #1\n\nDepends on #2", &[2]);
        check("- Text\n\n  Depends on #2", &[2]);
    }

    #[test]
    fn negations_questions_and_sentences_about_others_declare_nothing() {
        for text in [
            "This doesn't depend on #1.",
            "This doesn’t depend on #1.",
            "This does not really depend on #1",
            "No longer depends on #1",
            "Not blocked by #1",
            "It never requires #1",
            "This does not\ndepend on #1",
            "It used to depend on #1",
            "Does this depend on #1?",
            "Check whether it depends on #1",
            "Depends on: none (see #1)",
            "Depends on nothing, unlike #1",
            "## Dependencies\nNone. See #1",
            "## Dependencies\n- none (#1)",
            "## Not blocked by\n- #1",
            "#5 depends on #1",
            "Issue #5 is also blocked by #1",
            "Unblocked by #1",
            "Blocks #1",
            "It depends on the weather. See #1.",
            "Depends on colour #1ab and #12x",
            "The dependency #1",
            "",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn malformed_text_is_read_without_a_panic() {
        for text in [
            "İ depends on #1",
            "depends on [",
            "<",
            "<s",
            "`",
            "~~",
            "depends on #99999999999999999999999",
            "- ",
            "#",
            "-\t>",
        ] {
            let _ = dependencies_in(text, &home());
        }
        check("İstanbul depends on #1", &[1]);
    }
}
