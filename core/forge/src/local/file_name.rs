//! Names of the forge's files: `0012-search-is-slow.md`. Of a stranger's title only letters and
//! digits are used.

/// Longest part of a name taken from a title, in characters: names stay readable in a listing.
const SLUG_CHARS_MAX: usize = 50;

/// Returns the name of a file.
pub(super) fn make(number: u64, title: &str) -> String {
    match slug(title).as_str() {
        "" => format!("{number:04}.md"),
        slug => format!("{number:04}-{slug}.md"),
    }
}

/// Returns the number at the start of a name: 12 for `0012-search.md`, `12.md` and `12_search.md`.
pub(super) fn number(name: &str) -> Option<u64> {
    let end = name.find(|c: char| !c.is_ascii_digit())?;
    let is_apart = name[end..].starts_with(['-', '_', '.', ' ']);
    name[..end]
        .parse()
        .ok()
        .filter(|&number| is_apart && number > 0)
}

/// Returns the title that a name suggests: `search is slow` for `0012-search-is-slow.md`.
pub(super) fn title(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let words = stem
        .trim_start_matches(|c: char| c.is_ascii_digit())
        .replace(['-', '_'], " ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn slug(title: &str) -> String {
    let words = title
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let mut slug = String::new();
    for word in words {
        if !slug.is_empty() && slug.len() + 1 + word.len() > SLUG_CHARS_MAX {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(&word[..word.len().min(SLUG_CHARS_MAX)]);
    }
    slug.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain_whatever_the_title() {
        for (title, expected) in [
            ("Search is slow", "0012-search-is-slow.md"),
            ("../../etc/passwd", "0012-etc-passwd.md"),
            ("$(rm -rf ~) <b>\u{202e}x</b>\n", "0012-rm-rf-b-x-b.md"),
            ("検索が遅い", "0012.md"),
            ("", "0012.md"),
            (
                "A title that goes on and on for longer than fifty characters",
                "0012-a-title-that-goes-on-and-on-for-longer-than-fifty.md",
            ),
        ] {
            assert_eq!(make(12, title), expected, "{title}");
        }
        assert_eq!(
            make(1, &"x".repeat(300)).len(),
            "0001-.md".len() + SLUG_CHARS_MAX
        );
    }

    #[test]
    fn a_name_contains_number_and_title() {
        for (name, n, text) in [
            ("0012-search-is-slow.md", Some(12), "search is slow"),
            ("12.md", Some(12), ""),
            ("12_a b.markdown", Some(12), "a b"),
            ("12th-try.md", None, "th try"),
            ("0.md", None, ""),
            ("ideas.md", None, "ideas"),
            ("99999999999999999999999.md", None, ""),
        ] {
            assert_eq!((number(name), title(name).as_str()), (n, text), "{name}");
        }
    }
}
