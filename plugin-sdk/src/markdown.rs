//! Finds code and comments in Markdown. One module for both, because they depend on each other: a
//! fence inside a comment is not code, and a comment inside code is not a comment.
//!
//! Follows CommonMark's block structure as far as necessary (fences, lists, HTML blocks,
//! paragraphs). Ambiguous text counts as a *comment*, because text that a reader of the forge may
//! not see must not count as visible. So a comment counts as visible only inside an unambiguous
//! fence, or inside a code span that opens and closes on one line of a paragraph without preceding
//! markup. Never renders or changes the text.
//!
//! ```text
//!   line ──► blank? ──► inside HTML? ──► list markers, `>` ──► fence │ comment │ HTML │ text ──► code spans, comments
//! ```

use std::ops::Range;

/// Columns of indentation at which CommonMark treats a line as indented code.
const INDENTED_CODE_COLUMNS: usize = 4;

/// Positions of fenced code and comments in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outline {
    /// Fenced code blocks, in order.
    pub code_blocks: Vec<CodeBlock>,
    /// Byte ranges of HTML comments, in order, markers included.
    pub comments: Vec<Range<usize>>,
}

/// A fenced code block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeBlock {
    /// Info string after the opening fence, trimmed.
    pub info: String,
    /// The code, without the indentation of its fence; every line ends in a line break.
    pub content: String,
    /// Byte range in the text, fences included.
    pub range: Range<usize>,
}

impl CodeBlock {
    /// Returns the language: the first word of the info string, in lower case.
    pub fn language(&self) -> String {
        let is_end = |c: char| c.is_whitespace() || matches!(c, '{' | ',' | ':' | ';');
        let word = self.info.split(is_end).next().unwrap_or_default();
        word.to_lowercase()
    }
}

/// Returns the fenced code blocks and the comments of `text`.
pub fn outline(text: &str) -> Outline {
    let mut scanner = Scanner {
        text,
        lines: lines_of(text),
        line: 0,
        items: Vec::new(),
        in_paragraph: false,
        trusts_spans: true,
        html: None,
        text_end: 0,
        unclosed_before: 0,
        outline: Outline::default(),
    };
    while scanner.line < scanner.lines.len() {
        scanner.read_line();
    }
    scanner.outline
}

/// Byte offsets of a line: its start, the end of its text, and the start of the next line.
#[derive(Clone, Copy)]
struct LineSpan {
    start: usize,
    end: usize,
    next: usize,
}

/// Splits at all line endings of CommonMark: LF, CRLF, and CR alone.
fn lines_of(text: &str) -> Vec<LineSpan> {
    let bytes = text.as_bytes();
    let mut lines = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let end = bytes[start..]
            .iter()
            .position(|b| matches!(b, b'\n' | b'\r'))
            .map_or(bytes.len(), |at| start + at);
        let width = match &bytes[end..] {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        lines.push(LineSpan {
            start,
            end,
            next: end + width,
        });
        start = end + width;
    }
    lines
}

/// Where an HTML block ends.
#[derive(Clone, Copy)]
enum HtmlEnd {
    /// At the next blank line.
    Blank,
    /// At the line that contains one of these texts.
    Text(&'static [&'static str]),
    /// At the end of its line.
    Line,
}

/// The current HTML block.
#[derive(Clone, Copy)]
struct HtmlBlock {
    end: HtmlEnd,
    /// Column at which the contents of its list item start; a line that starts before it ends the
    /// block.
    base: usize,
    /// Whether a line outside the block quote ends it.
    is_quoted: bool,
}

impl HtmlBlock {
    /// Returns whether `line`, which is not blank, is outside the block's container.
    fn is_left_by(&self, line: &str) -> bool {
        indentation(line).1 < self.base || (self.is_quoted && !line.trim_start().starts_with('>'))
    }
}

/// Position of a line in its containers.
struct Place {
    /// Byte offset after the container markers and the indentation.
    offset: usize,
    /// Columns of indentation within the innermost list item.
    indent: usize,
    /// Whether the line is inside a block quote, or possibly a list item, where fences are not
    /// recognised.
    is_quoted: bool,
}

struct Scanner<'t> {
    text: &'t str,
    lines: Vec<LineSpan>,
    /// Index of the line to read next.
    line: usize,
    /// Columns at which the contents of the open list items start, outermost first.
    items: Vec<usize>,
    in_paragraph: bool,
    /// Whether code spans in this paragraph are unambiguous.
    trusts_spans: bool,
    html: Option<HtmlBlock>,
    /// End of the current run of non-blank lines, as far as known.
    text_end: usize,
    /// A comment that is open before this offset does not end before it.
    unclosed_before: usize,
    outline: Outline,
}

impl Scanner<'_> {
    fn read_line(&mut self) {
        let span = self.lines[self.line];
        let line = &self.text[span.start..span.end];
        if is_blank(line) {
            self.end_paragraph();
            if self
                .html
                .is_some_and(|html| matches!(html.end, HtmlEnd::Blank))
            {
                self.enter_html(None);
            }
            self.line += 1;
            return;
        }
        if self.html.is_some_and(|html| html.is_left_by(line)) {
            self.enter_html(None);
        }
        if self.html.is_some() {
            self.read_html(span.start);
            return;
        }
        let place = self.enter_containers(span);
        let rest = &self.text[place.offset..span.end];
        if place.indent < INDENTED_CODE_COLUMNS {
            if !place.is_quoted
                && let Some(fence) = Fence::open(rest)
            {
                self.read_fence(&fence, place.indent, span);
                return;
            }
            if rest.starts_with("<!--") {
                self.read_block_comment(place.offset, place.is_quoted);
                return;
            }
            if let Some(end) = html_block(rest, self.in_paragraph) {
                let base = self.items.last().copied().unwrap_or(0);
                self.enter_html(Some(HtmlBlock {
                    end,
                    base,
                    is_quoted: place.is_quoted,
                }));
                self.read_html(place.offset);
                return;
            }
        }
        let is_code = INDENTED_CODE_COLUMNS <= place.indent && !self.in_paragraph;
        self.read_text(place.offset);
        self.in_paragraph = !is_code && is_paragraph_text(rest);
    }

    fn enter_html(&mut self, html: Option<HtmlBlock>) {
        self.html = html;
        self.trusts_spans = false;
        self.text_end = 0;
    }

    /// Treats the rest of the line after a comment as part of its HTML block.
    fn enter_html_line(&mut self) {
        self.enter_html(Some(HtmlBlock {
            end: HtmlEnd::Line,
            base: 0,
            is_quoted: false,
        }));
    }

    fn end_paragraph(&mut self) {
        self.in_paragraph = false;
        self.trusts_spans = true;
    }

    /// Leaves the list items that the line is not part of, and enters those that it starts.
    fn enter_containers(&mut self, span: LineSpan) -> Place {
        let line = &self.text[span.start..span.end];
        let (mut bytes, mut columns) = indentation(line);
        let n_open = self.items.len();
        while self.items.last().is_some_and(|content| columns < *content) {
            self.items.pop();
        }
        let has_left_item = self.items.len() < n_open;
        let mut indent = columns - self.items.last().copied().unwrap_or(0);
        let mut is_quoted = false;
        while indent < INDENTED_CODE_COLUMNS {
            let rest = &line[bytes..];
            if rest.starts_with('>') {
                bytes += rest.len() - rest.trim_start_matches(is_of_containers).len();
                is_quoted = true;
                break;
            }
            let Some(marker) = ListMarker::read(rest) else {
                break;
            };
            if self.in_paragraph && !has_left_item && !marker.interrupts_paragraph {
                // This starts an item only if the paragraph ends lazily. So no fence is recognised
                // here, but a comment is.
                bytes += marker.width + indentation(&rest[marker.width..]).0;
                is_quoted = true;
                break;
            }
            self.in_paragraph = false;
            let (spaces, space_columns) =
                indentation_from(columns + marker.width, &rest[marker.width..]);
            bytes += marker.width + spaces;
            // If the text starts far to the right, or the item is empty, its contents start one
            // column after the marker.
            let is_plain = space_columns <= INDENTED_CODE_COLUMNS && bytes < line.len();
            let content = columns + marker.width + if is_plain { space_columns } else { 1 };
            columns += marker.width + space_columns;
            self.items.push(content);
            indent = columns.saturating_sub(content);
        }
        Place {
            offset: span.start + bytes,
            indent,
            is_quoted,
        }
    }

    fn read_fence(&mut self, fence: &Fence, indent: usize, opening: LineSpan) {
        let base = self.items.last().copied().unwrap_or(0);
        let has_crlf = opening.next - opening.end == 2;
        let mut content = String::new();
        let mut end = opening.end;
        self.line += 1;
        while let Some(span) = self.lines.get(self.line).copied() {
            let line = &self.text[span.start..span.end];
            if !is_blank(line) && indentation(line).1 < base {
                break;
            }
            self.line += 1;
            end = span.end;
            let inner = without_columns(line, base);
            if fence.is_closed_by(inner) {
                break;
            }
            content.push_str(without_columns(inner, indent));
            // A body written in a browser ends every line with CRLF; in other bodies, CRLF is part
            // of the code.
            let is_part_of_code = !has_crlf && span.next - span.end == 2;
            content.push_str(if is_part_of_code { "\r\n" } else { "\n" });
        }
        self.end_paragraph();
        self.outline.code_blocks.push(CodeBlock {
            info: fence.info.clone(),
            content,
            range: opening.start..end,
        });
    }

    /// Reads a comment that starts a block. If it does not end inside its container, it hides the
    /// rest of the page.
    fn read_block_comment(&mut self, start: usize, is_quoted: bool) {
        let end = self
            .closing_in_container(start, is_quoted)
            .unwrap_or(self.text.len());
        self.trusts_spans = false;
        self.take_comment(start..end);
        self.read_rest(end);
        self.end_paragraph();
    }

    /// Returns where the comment at `start` ends, if that is within the block quote or list item of
    /// the current line.
    fn closing_in_container(&self, start: usize, is_quoted: bool) -> Option<usize> {
        let base = self.items.last().copied().unwrap_or(0);
        let is_inside = |span: &&LineSpan| {
            let line = &self.text[span.start..span.end];
            if is_quoted {
                line.trim_start().starts_with('>')
            } else {
                is_blank(line) || indentation(line).1 >= base
            }
        };
        let after = self.lines[self.line + 1..].iter().take_while(is_inside);
        comment_end(&self.text[..self.lines[self.line].end], start).or_else(|| {
            after
                .into_iter()
                .find_map(|span| closing_mark(&self.text[..span.end], span.start))
        })
    }

    /// Reads a line of an HTML block from `start`.
    fn read_html(&mut self, start: usize) {
        let first = self.line;
        self.read_text(start);
        let read = &self.lines[first..self.line.max(first + 1).min(self.lines.len())];
        if let Some(HtmlBlock {
            end: HtmlEnd::Text(ends),
            ..
        }) = self.html
            && read
                .iter()
                .any(|span| has_any(&self.text[span.start..span.end], ends))
        {
            self.enter_html(None);
        }
    }

    /// Reads the rest of the line at `offset`, after a comment that ended there.
    fn read_rest(&mut self, offset: usize) {
        self.line = self.lines.partition_point(|span| span.next <= offset);
        if self.line < self.lines.len() {
            // It is still part of the HTML block that the comment started.
            self.enter_html(Some(HtmlBlock {
                end: HtmlEnd::Line,
                base: 0,
                is_quoted: false,
            }));
            self.read_text(offset);
            self.enter_html(None);
        }
    }

    /// Reads text from `start`, which is in the current line, to the end of that line, or of the
    /// line where a comment ends.
    fn read_text(&mut self, start: usize) {
        let mut at = start;
        loop {
            let end = self.lines[self.line].end;
            let Some(found) = self.text[at..end]
                .find(['\\', '`', '<'])
                .map(|found| at + found)
            else {
                break;
            };
            at = match self.text.as_bytes()[found] {
                b'\\' if self.html.is_some() => found + 1,
                b'\\' => {
                    found
                        + 1
                        + self.text[found + 1..end]
                            .chars()
                            .next()
                            .map_or(0, char::len_utf8)
                }
                b'`' => self.skip_code_span(found, end),
                _ => self.skip_markup(found),
            };
            if at >= self.text.len() {
                self.line = self.lines.len();
                return;
            }
            self.line = self.lines.partition_point(|span| span.next <= at);
        }
        if self
            .html
            .is_some_and(|html| matches!(html.end, HtmlEnd::Line))
        {
            self.enter_html(None);
        }
        self.line += 1;
    }

    /// Returns where to continue after the backticks at `start`: after the code span that they
    /// open, or after the backticks.
    fn skip_code_span(&mut self, start: usize, end: usize) -> usize {
        let n_ticks = run_length(&self.text[start..end], '`');
        let mut at = start + n_ticks;
        if self.trusts_spans && self.html.is_none() {
            while let Some(found) = self.text[at..end].find('`').map(|found| at + found) {
                let n_found = run_length(&self.text[found..end], '`');
                at = found + n_found;
                if n_found == n_ticks {
                    return at;
                }
            }
        }
        self.trusts_spans = false;
        start + n_ticks
    }

    /// Returns where to continue after the `<` at `start`: after the comment that it opens, or
    /// after the `<`.
    fn skip_markup(&mut self, start: usize) -> usize {
        if self.text[start..].starts_with("<!--") {
            let limit = self.end_of_text(start);
            // Inside an HTML block an unclosed comment hides everything after it; in a paragraph it
            // is displayed as text.
            let end = self
                .closing_before(limit, start)
                .or(self.html.map(|_| self.text.len()));
            if let Some(end) = end {
                return self.skip_comment(start, end);
            }
        }
        self.trusts_spans = false;
        start + 1
    }

    /// Adds the comment from `start` to `end`, and returns where to continue.
    fn skip_comment(&mut self, start: usize, end: usize) -> usize {
        let first_end = self.lines[self.line].end;
        let mut end = end;
        if self.html.is_none() && first_end < end {
            // One of its lines may have started an HTML block; if that contains an unclosed
            // comment, it hides everything after it.
            if self.text[first_end..end].contains("<!--") {
                end = self.text.len();
            }
            self.enter_html_line();
        }
        self.take_comment(start..end);
        end
    }

    /// Returns where a comment at `start` ends, if before `limit`. Remembers a failed search, so
    /// that a page full of openings is searched once.
    fn closing_before(&mut self, limit: usize, start: usize) -> Option<usize> {
        if limit == self.unclosed_before {
            return None;
        }
        let end = comment_end(&self.text[..limit], start);
        if end.is_none() {
            self.unclosed_before = limit;
        }
        end
    }

    /// Returns the offset at which the paragraph or HTML block at `offset` has definitely ended.
    fn end_of_text(&mut self, offset: usize) -> usize {
        if offset < self.text_end {
            return self.text_end;
        }
        let html = self.html;
        for (at, span) in self.lines[self.line..].iter().enumerate() {
            let line = &self.text[span.start..span.end];
            let ends_at = html.map_or(HtmlEnd::Blank, |html| html.end);
            let is_over = match ends_at {
                HtmlEnd::Line => at == 1,
                HtmlEnd::Blank => is_blank(line),
                HtmlEnd::Text(_) => false,
            };
            // The current line is inside its container, whatever its markers.
            let is_outside =
                0 < at && !is_blank(line) && html.is_some_and(|html| html.is_left_by(line));
            if is_over || is_outside {
                break;
            }
            self.text_end = span.end;
            if matches!(ends_at, HtmlEnd::Text(ends) if has_any(line, ends)) {
                break;
            }
        }
        self.text_end
    }

    fn take_comment(&mut self, range: Range<usize>) {
        self.outline.comments.push(range);
    }
}

/// The opening of a fenced code block.
struct Fence {
    mark: char,
    n_marks: usize,
    info: String,
}

impl Fence {
    fn open(rest: &str) -> Option<Self> {
        let mark = rest.chars().next().filter(|c| matches!(c, '`' | '~'))?;
        let n_marks = run_length(rest, mark);
        let info = rest[n_marks..].trim();
        if n_marks < 3 || (mark == '`' && info.contains('`')) {
            return None;
        }
        Some(Self {
            mark,
            n_marks,
            info: info.into(),
        })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let (bytes, columns) = indentation(line);
        let n_marks = run_length(&line[bytes..], self.mark);
        columns < INDENTED_CODE_COLUMNS
            && n_marks >= self.n_marks
            && is_blank(&line[bytes + n_marks..])
    }
}

/// The marker of a list item: `-`, `*`, `+`, `1.`, `1)`.
struct ListMarker {
    width: usize,
    interrupts_paragraph: bool,
}

impl ListMarker {
    fn read(rest: &str) -> Option<Self> {
        if is_thematic_break(rest) {
            return None;
        }
        let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let width = match rest.as_bytes().get(n_digits)? {
            b'-' | b'*' | b'+' if n_digits == 0 => 1,
            b'.' | b')' if (1..=9).contains(&n_digits) => n_digits + 1,
            _ => return None,
        };
        let after = &rest[width..];
        if !after.is_empty() && !after.starts_with([' ', '\t']) {
            return None;
        }
        let starts_at_one = n_digits == 0 || rest[..n_digits].parse() == Ok(1);
        Some(Self {
            width,
            interrupts_paragraph: starts_at_one && !is_blank(after),
        })
    }
}

/// Returns whether `c` may be part of the markers of quotes and lists. An approximation, because
/// only comments are looked for in quotes.
fn is_of_containers(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '>' | ' ' | '\t' | '-' | '*' | '+' | '.' | ')')
}

/// Returns how the HTML block that starts at `rest` ends; `None` if none starts there.
fn html_block(rest: &str, in_paragraph: bool) -> Option<HtmlEnd> {
    let tag = rest.strip_prefix('<')?;
    if tag.starts_with('?') {
        return Some(HtmlEnd::Text(&["?>"]));
    }
    if tag.starts_with("![CDATA[") {
        return Some(HtmlEnd::Text(&["]]>"]));
    }
    if tag.starts_with('!') {
        return Some(HtmlEnd::Text(&[">"]));
    }
    let is_closing = tag.starts_with('/');
    let tag = tag.trim_start_matches('/');
    let name_length = tag
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'-')
        .count();
    let name = tag[..name_length].to_ascii_lowercase();
    let after = &tag[name_length..];
    let is_tag = name.starts_with(|c: char| c.is_ascii_lowercase())
        && (after.is_empty() || after.starts_with([' ', '\t', '>']) || after.starts_with("/>"));
    if !is_tag {
        return None;
    }
    if !is_closing && ["pre", "script", "style", "textarea"].contains(&name.as_str()) {
        return Some(HtmlEnd::Text(&[
            "</pre>",
            "</script>",
            "</style>",
            "</textarea>",
        ]));
    }
    let starts_block =
        BLOCK_TAGS.contains(&name.as_str()) || (!in_paragraph && is_whole_tag(after));
    starts_block.then_some(HtmlEnd::Blank)
}

/// Returns whether `line` contains one of `texts`, ignoring case.
fn has_any(line: &str, texts: &[&str]) -> bool {
    let line = line.to_ascii_lowercase();
    texts.iter().any(|text| line.contains(text))
}

/// Returns whether the line contains only its first tag; `after` is the text after the tag's name.
fn is_whole_tag(after: &str) -> bool {
    let mut quote = None;
    for (at, c) in after.char_indices() {
        match (quote, c) {
            (None, '>') => return is_blank(&after[at + 1..]),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    false
}

/// Tags that start an HTML block even within a paragraph, according to CommonMark.
const BLOCK_TAGS: [&str; 62] = [
    "address",
    "article",
    "aside",
    "base",
    "basefont",
    "blockquote",
    "body",
    "caption",
    "center",
    "col",
    "colgroup",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "iframe",
    "legend",
    "li",
    "link",
    "main",
    "menu",
    "menuitem",
    "nav",
    "noframes",
    "ol",
    "optgroup",
    "option",
    "p",
    "param",
    "search",
    "section",
    "source",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "title",
    "tr",
    "ul",
];

/// Returns the end of the comment that starts at `start`. Its opening may share dashes with its end
/// (`<!-->`).
fn comment_end(text: &str, start: usize) -> Option<usize> {
    closing_mark(text, start + "<!".len())
}

/// Returns the offset after the first `-->` at or after `from`.
fn closing_mark(text: &str, from: usize) -> Option<usize> {
    text.get(from..)?
        .find("-->")
        .map(|at| from + at + "-->".len())
}

/// Returns the indentation in bytes and columns; a tab advances to the next multiple of four.
fn indentation(line: &str) -> (usize, usize) {
    indentation_from(0, line)
}

/// Returns the indentation of a text that starts at column `start`.
fn indentation_from(start: usize, text: &str) -> (usize, usize) {
    let mut columns = start;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' => columns += 1,
            b'\t' => columns += 4 - columns % 4,
            _ => return (at, columns - start),
        }
    }
    (text.len(), columns - start)
}

/// Returns `line` without its first `n` columns of indentation, or without all of it if there is
/// less.
fn without_columns(line: &str, n: usize) -> &str {
    let spaces = line.bytes().take(n).take_while(|b| *b == b' ').count();
    &line[spaces..]
}

/// Returns whether `line` is blank according to CommonMark, which only considers spaces and tabs.
fn is_blank(line: &str) -> bool {
    line.bytes().all(|b| matches!(b, b' ' | b'\t'))
}

fn run_length(text: &str, mark: char) -> usize {
    text.len() - text.trim_start_matches(mark).len()
}

fn is_thematic_break(rest: &str) -> bool {
    let marks: Vec<u8> = rest
        .bytes()
        .filter(|b| !matches!(b, b' ' | b'\t'))
        .collect();
    marks.len() >= 3
        && matches!(marks[0], b'-' | b'*' | b'_')
        && marks.iter().all(|b| *b == marks[0])
}

/// Returns whether a paragraph is open after a line of text.
fn is_paragraph_text(rest: &str) -> bool {
    let n_hashes = run_length(rest, '#');
    let after = &rest[n_hashes..];
    let is_heading =
        (1..=6).contains(&n_hashes) && (after.is_empty() || after.starts_with([' ', '\t']));
    let is_underline =
        rest.trim_end().bytes().all(|b| b == b'=') || rest.trim_end().bytes().all(|b| b == b'-');
    !is_heading && !is_underline && !is_thematic_break(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the blocks of a text, as language and content.
    fn check_blocks(text: &str, expected: &[(&str, &str)]) {
        let blocks = outline(text).code_blocks;
        let found: Vec<_> = blocks
            .iter()
            .map(|b| (b.language(), b.content.as_str()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(l, c)| ((*l).to_string(), *c))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    /// Checks the comments of a text.
    fn check_comments(text: &str, expected: &[&str]) {
        let found: Vec<_> = outline(text)
            .comments
            .into_iter()
            .map(|range| &text[range])
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn fences_are_of_backticks_or_tildes_and_three_or_more() {
        check_blocks("```diff\na\n```\n", &[("diff", "a\n")]);
        check_blocks(
            "~~~~ Diff title=x\na\n~~~\nb\n~~~~~\nc",
            &[("diff", "a\n~~~\nb\n")],
        );
        check_blocks("``\na\n``", &[]);
        check_blocks("``` a`b\nc\n", &[]);
        check_blocks("~~~ a`b\nc", &[("a`b", "c\n")]);
        check_blocks("```diff{1,3}\na\n```", &[("diff", "a\n")]);
    }

    #[test]
    fn a_fence_may_be_indented_by_at_most_three_columns() {
        check_blocks(
            "   ```diff\n   a\n  b\n     c\n   ```",
            &[("diff", "a\nb\n  c\n")],
        );
        check_blocks("    ```diff\n    a\n    ```", &[]);
        check_blocks("\t```diff\n", &[]);
        check_blocks("```\n    ```\n```", &[("", "    ```\n")]);
    }

    #[test]
    fn an_unclosed_fence_extends_to_the_end() {
        check_blocks("```diff\na\n\nb", &[("diff", "a\n\nb\n")]);
        check_blocks("```", &[("", "")]);
    }

    #[test]
    fn a_longer_fence_contains_shorter_ones() {
        check_blocks(
            "````markdown\n```diff\na\n```\n````\n```diff\nb\n```",
            &[("markdown", "```diff\na\n```\n"), ("diff", "b\n")],
        );
    }

    #[test]
    fn line_breaks_of_a_browser_are_not_part_of_the_code() {
        check_blocks(
            "x\r\n```diff\r\na\r\n\r\nb\r\n```\r\n",
            &[("diff", "a\n\nb\n")],
        );
        check_blocks("```diff\na\r\nb\n```\n", &[("diff", "a\r\nb\n")]);
    }

    #[test]
    fn a_list_item_may_hold_a_fence() {
        check_blocks(
            "- x\n  ```diff\n  -a\n   b\n  ```\n",
            &[("diff", "-a\n b\n")],
        );
        check_blocks("1. ```diff\n   a\n   ```\n", &[("diff", "a\n")]);
        check_blocks(
            "- - x\n\n    ```diff\n    a\n\n    b\n    ```\n",
            &[("diff", "a\n\nb\n")],
        );
        check_blocks("- ```diff\n  a\nb\n```c", &[("diff", "a\n"), ("c", "")]);
        check_blocks("1. a\n2. b\n   ```diff\n   c\n   ```", &[("diff", "c\n")]);
    }

    #[test]
    fn a_number_within_a_paragraph_does_not_start_a_list() {
        check_blocks("in the year\n2024. x\n        ```diff\n        a\n", &[]);
        check_blocks("- a\n  b\n  2. c\n       ```diff\n", &[]);
        check_blocks("- - -\n      ```diff\n", &[]);
    }

    #[test]
    fn text_in_a_comment_is_not_code() {
        check_blocks(
            "<!--\n```diff\na\n```\n-->\n```diff\nb\n```",
            &[("diff", "b\n")],
        );
        check_blocks("<!-- open\n```diff\na\n```", &[]);
        check_blocks("- <!--\n\n  ```diff\n  a\n  ```\n  -->\n", &[]);
        check_blocks("<details><!--\n\n```diff\na\n```\n", &[]);
    }

    #[test]
    fn html_blocks_have_no_fences() {
        check_blocks("<div>\n```diff\na\n```\n</div>\n", &[]);
        check_blocks(
            "<details><summary>x</summary>\n\n```diff\na\n```\n\n</details>",
            &[("diff", "a\n")],
        );
        check_blocks("<pre>\n\n```diff\n</pre>\n```diff\na\n", &[("diff", "a\n")]);
        check_blocks("<b>Patch</b>\n```diff\na\n", &[("diff", "a\n")]);
        check_blocks("<b title='>'>\n```diff\na\n", &[]);
        check_blocks("see\n<b>\n```diff\na\n", &[("diff", "a\n")]);
        check_blocks("<https://example.org> x\n```diff\na\n", &[("diff", "a\n")]);
    }

    #[test]
    fn comments_are_found_in_blocks_and_in_text() {
        check_comments(
            "a <!-- b --> c <!-- d\ne --> f",
            &["<!-- b -->", "<!-- d\ne -->"],
        );
        check_comments(
            "<!-- a\n\nb --> c <!-- d -->\ne",
            &["<!-- a\n\nb -->", "<!-- d -->"],
        );
        check_comments("a\n<!-- b", &["<!-- b"]);
        check_comments("a <!-- b\n\nc -->", &[]);
        check_comments("<!--> a\n", &["<!-->"]);
        check_comments("> <!--\n> a\n> -->\nb", &["<!--\n> a\n> -->"]);
    }

    #[test]
    fn a_comment_that_its_container_does_not_close_hides_the_rest() {
        check_comments("> <!--\n\n-->\n\na", &["<!--\n\n-->\n\na"]);
        check_comments("- <!--\n\n-->\n\na", &["<!--\n\n-->\n\na"]);
        check_comments("<div><!--\n\n-->\n\na", &["<!--\n\n-->\n\na"]);
    }

    #[test]
    fn text_after_a_comment_in_html_is_html() {
        check_comments("<!-- a --><!-- b\n\nc", &["<!-- a -->", "<!-- b\n\nc"]);
        check_comments("<div>\\<!-- a -->", &["<!-- a -->"]);
        check_comments("<pre><!--\n</pre>\n\n--> a", &["<!--\n</pre>\n\n--> a"]);
        check_comments(
            "a <!--<!--\n<!--b-->c <!--\n\nd",
            &["<!--<!--\n<!--b-->c <!--\n\nd"],
        );
        check_comments("> 1. <!-- a", &["<!-- a"]);
    }

    #[test]
    fn html_ends_with_its_container() {
        check_blocks("- <pre>\n\n```diff\na\n", &[("diff", "a\n")]);
        check_blocks("> <pre>\n```diff\na\n", &[("diff", "a\n")]);
    }

    #[test]
    fn comments_in_code_are_shown() {
        check_comments("```html\n<!-- a -->\n```\n", &[]);
        check_comments("say `<!-- a -->` or `` ` <!-- b --> ``", &[]);
        check_comments("- x\n\n  ```\n  <!-- a -->\n  ```", &[]);
    }

    #[test]
    fn a_comment_that_only_seems_to_be_in_code_is_found() {
        check_comments("`a\n` <!-- b ` -->", &["<!-- b ` -->"]);
        check_comments("`a\n- <!-- b ` -->", &["<!-- b ` -->"]);
        check_comments("\\` <!-- b ` -->", &["<!-- b ` -->"]);
        check_comments("<a title='`'> <!-- b ` -->", &["<!-- b ` -->"]);
        check_comments("<div>\n```\n<!-- b -->\n```", &["<!-- b -->"]);
        check_comments("a\n    ```\n<!-- b -->\n", &["<!-- b -->"]);
        check_comments("a\n2. b\n      ```\n      <!-- c -->", &["<!-- c -->"]);
        check_comments("```\n```\r<!-- b -->", &["<!-- b -->"]);
    }

    #[test]
    fn any_text_has_an_outline() {
        let pieces = [
            "```", "~~~~", "`", "``", "<!--", "-->", "<!-->", "<", ">", "<div>", "<pre>", "</pre>",
            "<b>", "<?", "- ", "-", "1. ", "7) ", "\\", "\n", "\n", "\n\n", "\r\n", "\r", "\t",
            " ", "    ", "> ", "#", "=", "é", "\u{feff}", "diff", "a",
        ];
        let mut random = 42_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..24 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(random >> 33) as usize % pieces.len()]);
            }
            let found = outline(&text);
            let comments: Vec<_> = found
                .comments
                .iter()
                .flat_map(|range| [range.start, range.end])
                .collect();
            assert!(
                comments.is_sorted()
                    && found
                        .comments
                        .iter()
                        .all(|range| text.get(range.clone()).is_some()),
                "{text:?}"
            );
            assert!(
                found
                    .code_blocks
                    .iter()
                    .all(|block| text.get(block.range.clone()).is_some()),
                "{text:?}"
            );
        }
    }
}
