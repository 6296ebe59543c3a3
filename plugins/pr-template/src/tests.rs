//! The complete text of pull requests, and the effects that untrusted text must not have in them.

use autoissue_plugin_sdk::Issue;

use super::*;

fn context() -> PrContext {
    PrContext::default()
        .issue(Issue::new("[Backend] Parser loses the last line").number(42))
        .branch("autoissue/issue-42")
        .base("main")
        .base_commit("0123456789abcdef0123456789abcdef01234567")
        .agent("claude")
        .model(Some("sonnet"))
        .cost_usd(1.234)
        .attempts(1)
        .changes([Change::new("src/parser.rs").added(10).removed(1)])
}

fn check(name: &str, passed: bool, fails_on_base: bool, duration_ms: u64) -> CheckReport {
    CheckReport::new(name)
        .passed(passed)
        .fails_on_base(fails_on_base)
        .duration_ms(duration_ms)
}

fn render(context: &PrContext) -> PullRequestText {
    BuiltinTemplate.render(context).unwrap()
}

/// Checks how the agent's summary is displayed.
fn check_summary(summary: &str, expected: &str) {
    let quoted = quote(summary, SUMMARY_CHARS_MAX).unwrap();
    assert_eq!(quoted, expected, "{summary:?}");
}

fn check_title(title: &str, expected: &str) {
    let context = PrContext::default().issue(Issue::new(title).number(42));
    assert_eq!(render(&context).title, expected, "{title:?}");
}

#[test]
fn an_ordinary_pull_request() {
    let rendered = render(
        &context()
            .agent_summary(Some(
                "I kept the last line.\n\n- `parse` now reads it\n- a test for it",
            ))
            .checks([
                check("test", true, false, 65_000),
                check("lint", true, false, 1_240),
            ]),
    );
    assert_eq!(rendered.title, "[Backend] Parser loses the last line");
    assert_eq!(
        rendered.body,
        "\
Closes #42

### What was done

Written by the agent, not verified:

> I kept the last line.
>
> \\- `parse` now reads it
> \\- a test for it

### Checks

| check | result | time |
| --- | --- | ---: |
| `test` | passed | 1 min 5 s |
| `lint` | passed | 1.2 s |

### Changes

1 file, 10 lines added, 1 removed.

| file | added | removed |
| --- | ---: | ---: |
| `src/parser.rs` | 10 | 1 |

### How it was made

| | |
| --- | --- |
| attempts | 1 |
| agent | `claude` |
| model | `sonnet` |
| cost | $1.23 |
| base | `main` at `0123456789ab` |
"
    );
}

#[test]
fn a_pull_request_with_every_warning() {
    let rendered = render(
        &context()
            .merge_after([3, 4])
            .denied(["Bash(rm -rf `x`)", "WebFetch"])
            .removed_from_prompt(["HTML comment", "tag characters"])
            .checks([check("test", false, true, 900)])
            .cost_is_estimated(true)
            .attempts(3),
    );
    assert_eq!(
        rendered.body,
        "\
Closes #42

> [!IMPORTANT]
> Merge after #3, #4. `Closes` only works if the pull request targets the default branch: merge in this order, or close the issue by hand.

> [!WARNING]
> The agent was denied these tools: ``Bash(rm -rf `x`)``, `WebFetch`.
>
> Hidden text was removed from the issue before the agent saw it: `HTML comment`, `tag characters`.

### Checks

| check | result | time |
| --- | --- | ---: |
| `test` | **failed**; also fails without this change | 0.9 s |

### Changes

1 file, 10 lines added, 1 removed.

| file | added | removed |
| --- | ---: | ---: |
| `src/parser.rs` | 10 | 1 |

### How it was made

| | |
| --- | --- |
| attempts | 3 |
| agent | `claude` |
| model | `sonnet` |
| cost | $1.23, partly estimated |
| base | `main` at `0123456789ab` |
"
    );
}

#[test]
fn a_free_patch_without_summary_or_checks() {
    let mut free = context().agent("patch").cost_usd(0.0);
    free.model = None;
    let rendered = render(&free);
    assert_eq!(
        rendered.body,
        "\
Closes #42

### Checks

No checks are configured.

### Changes

1 file, 10 lines added, 1 removed.

| file | added | removed |
| --- | ---: | ---: |
| `src/parser.rs` | 10 | 1 |

### How it was made

| | |
| --- | --- |
| attempts | 1 |
| agent | `patch` |
| cost | $0.00 |
| base | `main` at `0123456789ab` |
"
    );
}

#[test]
fn hostile_text_in_a_pull_request_has_no_effect() {
    let summary = "</blockquote>\r\n# Done\r\nfixes #1, closes o/r#2 and resolves https://github.com/o/r/issues/3. Thanks @admin!\r\n\
                   <!-- autoissue: marker --><img src=x>\r\n```\r\n| a | [b](http://c) |\r\n> 1. d";
    let rendered = render(
        &context()
            .agent_summary(Some(summary))
            .checks([check("a | `b` @c", true, false, 0)])
            .changes([Change::new("d|\\|`e`\n<b>").added(1).removed(0)])
            .model(Some("<b>@x</b>")),
    );
    assert_eq!(
        rendered.body,
        "\
Closes #42

### What was done

Written by the agent, not verified:

> \\</blockquote>
> \\# Done
> fixes `#1`, closes `o/r#2` and resolves `https://github.com/o/r/issues/3`. Thanks `@admin`!
> \\<img src=x>
> \\`\\`\\`
> \\| a \\| `[b](http://c)` \\|
> \\> 1. d

### Checks

| check | result | time |
| --- | --- | ---: |
| ``a \\| `b` @c`` | passed | 0.0 s |

### Changes

1 file, 1 line added, 0 removed.

| file | added | removed |
| --- | ---: | ---: |
| ``d\\|\\\\\\|`e` <b>`` | 1 | 0 |

### How it was made

| | |
| --- | --- |
| attempts | 1 |
| agent | `claude` |
| model | `<b>@x</b>` |
| cost | $1.23 |
| base | `main` at `0123456789ab` |
"
    );
}

#[test]
fn titles_are_one_visible_line() {
    check_title(
        "  [API] Fix\n\tthe\u{200b} parser\u{202e}\u{7} ",
        "[API] Fix the parser",
    );
    check_title(
        "Parse <!-- in \u{e0041}titles @all",
        "Parse <!-- in titles @ all",
    );
    check_title(
        "می\u{200c}خواهم 👩\u{200d}💻",
        "می\u{200c}خواهم 👩\u{200d}💻",
    );
    check_title(
        "closes #55: fix #\u{200b}12",
        "closes issue #55: fix issue #12",
    );
    check_title("\u{200b} \n", "Issue #42");
    check_title(&"a".repeat(120), &"a".repeat(120));
    check_title(&"ab ".repeat(60), &format!("{}ab…", "ab ".repeat(39)));
}

#[test]
fn active_words_become_code() {
    check_summary("(@a/b) GH-12, gh-1x", "> (`@a/b`) `GH-12`, `gh-1x`");
    check_summary("Fixes: #1", "> Fixes: `#1`");
    check_summary(
        "see www.example.org and mailto:x",
        "> see `www.example.org` and `mailto:x`",
    );
    check_summary(
        "in 0123abc, not in defaced",
        "> in `0123abc`, not in defaced",
    );
    check_summary("a@b.c \u{ff20}d", "> `a@b.c` `\u{ff20}d`");
    check_summary("fixes #\u{200b}1", "> fixes `#1`");
    check_summary("`@a` and `b", "> `@a` and \\`b");
    check_summary("``@a`` x", "> \\`\\``@a`\\`\\` x");
}

#[test]
fn marks_at_the_start_of_a_line_are_escaped() {
    check_summary(
        "- a\n+ b\n1. c\n12) d\n===\n---\n    e\n3 f",
        "> \\- a\n> \\+ b\n> 1\\. c\n> 12\\) d\n> \\===\n> \\---\n> e\n> 3 f",
    );
    check_summary("a\n:-:", "> a\n> \\:-:");
    check_summary("a\n\n\n\nb\u{2028}c\rd", "> a\n>\n> b\n> c\n> d");
}

#[test]
fn other_marks_are_escaped_anywhere() {
    check_summary(
        "*a* _b_ ~~c~~ $d$ &lt; [e]: f ![g](h) :tada:",
        "> \\*a\\* \\_b\\_ \\~\\~c\\~\\~ \\$d\\$ \\&lt; \\[e\\]: f !\\[g\\](h) \\:tada:",
    );
}

#[test]
fn a_summary_of_hidden_text_is_omitted() {
    assert_eq!(quote("<!-- x -->\u{200b}\n", 10), None);
    assert_eq!(quote("abcdef", 3).unwrap(), "> ab…");
}

#[test]
fn many_files_are_counted_and_not_listed() {
    let changes = (1..=32).map(|n| Change::new(n.to_string()).added(1).removed(2));
    let body = render(&context().changes(changes)).body;
    assert!(body.contains("32 files, 32 lines added, 64 removed."));
    assert!(
        body.contains("| `30` | 1 | 2 |\n\nand 2 files more\n"),
        "{body}"
    );
    assert!(!body.contains("| `31` |"));
}

#[test]
fn costs_are_never_shown_as_less_than_they_are() {
    assert_eq!(cost(0.001, false), "less than $0.01");
    assert_eq!(cost(0.0, true), "$0.00, partly estimated");
    assert_eq!(cost(f64::NAN, false), "unknown");
}

#[test]
fn the_longest_pull_request_has_all_sections_within_the_limit() {
    for piece in ["|", "`", "@ ", "#1\n", "a\n", "\\|", "- \n"] {
        let long = piece.repeat(5_000);
        let change = Change::new(&long).added(u64::MAX).removed(u64::MAX);
        let context = context()
            .agent_summary(Some(&long))
            .checks(vec![check(&long, false, true, u64::MAX); 60])
            .changes(vec![change; 500])
            .denied([&long; 60])
            .removed_from_prompt([&long; 60])
            .merge_after([u64::MAX; 60])
            .agent(&long)
            .model(Some(&long))
            .base(&long)
            .base_commit(&long);
        let body = render(&context).body;
        let n_chars = body.chars().count();
        assert!(n_chars <= BODY_CHARS_MAX, "{piece:?}: {n_chars}");
        assert!(body.contains("### How it was made"), "{piece:?}: {n_chars}");
    }
}
