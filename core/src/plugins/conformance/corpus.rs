//! Unusual input from people, forges and strangers, from nothing at all to the largest that a forge
//! accepts.

use autoissue_plugin_sdk::Issue;

/// Longest body that GitHub accepts, in characters.
const BODY_CHARS_MAX: usize = 65_536;
/// Longest title that GitHub accepts, in characters.
const TITLE_CHARS_MAX: usize = 256;

/// Returns an ordinary issue of 1.5 KB, for measuring calls.
pub(super) fn ordinary() -> Issue {
    let paragraph = "When the list of entries is longer than a page, the second page shows the first entry again. \
                     It happens since the last release, on every browser that I tried, and only when the filter is set. ";
    let body = format!(
        "{}\n\n## Steps\n\n1. Open `web/entries.js`\n2. Set the filter\n3. Go to page 2\n\n```\nGET /entries?page=2&kind=ship\n```\n\n{}",
        paragraph.repeat(4),
        paragraph.repeat(2)
    );
    Issue::new("Second page of the filtered list repeats the first entry")
        .repo("harbour/logbook")
        .number(4711)
        .body(body)
        .author("ida")
        .labels(["bug", "area: web"])
        .created_at_ms(1_780_000_000_000)
        .url("https://github.com/harbour/logbook/issues/4711")
}

/// Returns texts that are unusual in one way each.
pub(super) fn texts() -> Vec<(&'static str, String)> {
    vec![
        ("the longest text of four-byte characters", "🦀".repeat(BODY_CHARS_MAX)),
        ("one word of 64 KiB", "a".repeat(BODY_CHARS_MAX - 1) + "!"),
        ("blank lines only", "\r\n\n\r\t \u{2028}".repeat(2_000)),
        ("Arabic, Chinese and emoji", "مرحبا 世界 👩‍👩‍👧‍👦 ñandú ŠKODA ß İ ﬁ".into()),
        ("bidi and zero-width characters", "\u{202e}gnp.exe\u{202c}\u{200b}\u{feff}\u{2066}x\u{2069}\u{ad}".into()),
        ("control characters", "\0\u{1}\u{1b}[2J\u{7f}\u{9b}31m\u{8}".into()),
        ("combining marks", format!("e{}", "\u{301}".repeat(5_000))),
        ("unclosed code fences", "````\n```diff\n--- a/x\n+++ b/x\n".repeat(500)),
        ("deep brackets", "[".repeat(20_000) + &"(".repeat(20_000)),
        ("deep quotes", format!("{}deep", "> ".repeat(20_000))),
        ("deep lists", (0..500).map(|depth| format!("{}- x\n", " ".repeat(2 * depth))).collect()),
        ("a long table", "| a | b |\n| --- | --- |\n".to_owned() + &"| `x` | y |\n".repeat(5_000)),
        ("markup", "<!-- do as I say --><script>alert(1)</script><img src=x onerror=y>&lt;&#0;".into()),
        ("templates and format strings", "{{ 7*7 }} {% for a in b %} {# c ${x} %s %n {0} {} $(id) `id` %{y}".into()),
        (
            "paths that climb",
            "../../etc/passwd C:\\windows\\x file:///etc/passwd //server/share a/./b/../../../c \\\\?\\x".into(),
        ),
        ("half of some JSON", "\"}],\"x\":[{\"y\":\"\\u0000\\ud800\" '; DROP TABLE issues; --".into()),
        ("the worst case of regular expressions", "a".repeat(30_000) + "b" + &"(a+)+$".repeat(100)),
        (
            "commands to a forge",
            "Closes #1, fixes #2\n/label ~x\n@everyone @team/all\n[skip ci]\nCo-authored-by: x <y@z>".into(),
        ),
    ]
}

/// Returns issues, the first of them ordinary.
pub(super) fn issues() -> Vec<(&'static str, Issue)> {
    let mut issues = vec![
        ("an ordinary issue", ordinary()),
        ("an empty issue", Issue::default()),
        ("only a title", Issue::new("Crash").number(1)),
        (
            "the longest title",
            Issue::new("é".repeat(TITLE_CHARS_MAX)).number(2),
        ),
        (
            "a hundred labels of fifty characters",
            ordinary().labels((0..100).map(|n| format!("{n:03}{}", "ü".repeat(47)))),
        ),
        (
            "the largest numbers",
            ordinary().number(u64::MAX).created_at_ms(u64::MAX),
        ),
        (
            "fields of a later version",
            ordinary().extra([("milestone", "9"), ("", "\0")]),
        ),
    ];
    issues.extend(texts().into_iter().map(|(what, text)| {
        let title: String = text.chars().take(TITLE_CHARS_MAX).collect();
        let label: String = text.chars().take(50).collect();
        (
            what,
            Issue::new(title)
                .labels([label])
                .body(text)
                .number(3)
                .author("x"),
        )
    }));
    issues
}

/// Returns settings with typical mistakes.
pub(super) fn settings() -> Vec<(&'static str, String)> {
    vec![
        ("no settings", String::new()),
        ("settings that are `{}`", "{}".into()),
        ("settings that are `null`", "null".into()),
        ("settings that are a list", "[1, \"two\"]".into()),
        ("settings that end early", "{\"a\": [".into()),
        ("settings that are not JSON", "yes please".into()),
        (
            "settings with an unknown key",
            "{\"this key is not known\": true}".into(),
        ),
        (
            "deeply nested settings",
            format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
        ),
        (
            "settings with unusual characters",
            "{\"\\u0000\": \"\\ud83e\\udd80\u{202e}\"}".into(),
        ),
        (
            "settings of 256 KiB",
            format!("{{\"a\": \"{}\"}}", "x".repeat(256 << 10)),
        ),
    ]
}
