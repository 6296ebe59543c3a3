//! The HTML and Markdown reports: their order, that their content is inert, and both in full.

use autoissue_core::engine::AttemptEvent;

use super::*;

/// A session with every kind of content, including hostile titles and output.
fn session_events() -> Vec<Event> {
    let issues = [
        (1, "Ship me", "backend"),
        (2, MARKUP, "frontend"),
        (3, "Merge by hand \u{1b}[31m\u{202e}now", "database"),
        (4, "Needs the second", "testing"),
        (6, "Was open", "unknown"),
    ];
    let mut events = admitted(Settings::default(), &issues);
    events.extend(shipped(1, 30, 42));
    let mut failed = check_failed(2, 310);
    let output = format!("ok\n\u{1b}[31mFAILED\u{1b}[0m {MARKUP}\n```\nleft: 1 & 2\n");
    let result = CheckResult {
        name: "test".to_owned(),
        output,
        ..CheckResult::default()
    };
    let issue = IssueNumber(2);
    failed.insert(
        4,
        Event::Attempt(AttemptEvent::ChecksFinished {
            issue,
            attempt: 1,
            results: vec![result],
            passed: false,
        }),
    );
    events.extend(failed);
    events.extend(worked(3, 1, 50));
    events.push(finished(
        3,
        Outcome::NeedsYou {
            message: "its dependencies conflict".to_owned(),
        },
    ));
    events.push(finished(
        4,
        Outcome::Skipped {
            because: Skip::DependsOn { issue },
        },
    ));
    let pull_request = PullRequest {
        number: 9,
        url: "javascript:alert(4)".to_owned(),
    };
    events.push(finished(
        6,
        Outcome::AlreadyOpen {
            pull_request: Some(pull_request),
        },
    ));
    events.push(completed());
    warned(&mut events, &[UNREAD]);
    events
}

/// Returns the page of the session, with four minutes between its events.
fn page_of_night() -> String {
    fn envelope((seq, event): (u64, &Event)) -> Envelope<Event> {
        Envelope {
            seq,
            at_ms: 1_795_353_300_000 + seq * 240_000,
            event: event.clone(),
        }
    }

    let events = session_events();
    let envelopes: Vec<_> = (0..).zip(&events).map(envelope).collect();
    let origin = Origin {
        command: "autoissue exec bug",
        version: "0.1.0",
    };
    page(
        &made_of(&events),
        &Chronicle::of(&envelopes),
        &origin,
        &LocalTime::utc(),
    )
}

#[test]
fn the_page_says_first_what_needs_a_person() {
    let page = page_of_night();
    let mut rest = page.as_str();
    for next in [
        "1 shipped, 1 already open, 1 needs you, 1 failed, 1 not started",
        "$4.02",
        "Needs you",
        "its dependencies conflict",
        "Failed",
        "FAILED",
        "left: 1 &amp; 2",
        "Shipped",
        "Before you merge",
        "Backlog warnings",
        "41.md",
        "Not started",
        "Timeline",
        "</svg>",
        "All 3 attempts",
    ] {
        let at = rest.find(next);
        rest = &rest
            [at.unwrap_or_else(|| panic!("{next:?} is not in the expected place in\n{page}"))..];
    }
}

#[test]
fn the_page_has_no_script_and_needs_nothing_from_outside() {
    let page = page_of_night().to_lowercase();
    for forbidden in [
        "<script", "<img", "<link", "<iframe", "<object", "<form", "url(", "@import", "\u{1b}",
        "\u{202e}",
    ] {
        assert!(!page.contains(forbidden), "{forbidden:?}");
    }
    let tags = page
        .split('<')
        .skip(1)
        .filter_map(|tag| tag.split('>').next());
    for attribute in tags.clone().flat_map(str::split_whitespace) {
        let is_handler = attribute.starts_with("on") && attribute.contains('=');
        assert!(
            !is_handler && !attribute.starts_with("style="),
            "{attribute}"
        );
    }
    let links = tags
        .filter_map(|tag| tag.split_once("href=\""))
        .filter_map(|(_, rest)| rest.split('"').next());
    let links: Vec<&str> = links.collect();
    assert_eq!(
        links,
        ["https://github.com/owner/shop/pull/30"],
        "only web addresses become links"
    );
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn markdown_keeps_text_as_text() {
    let text = markdown(&made_of(&session_events()));
    let is_code = |line: &str| line.starts_with("  ");
    for line in text.lines().filter(|line| !is_code(line)) {
        let outside: String = line.split('`').step_by(2).collect();
        assert!(
            !outside.contains("@all") && !outside.replace("\\<", "").contains('<'),
            "{line}"
        );
    }
    let (needs_you, failed) = (text.find("## Needs you (1)"), text.find("## Failed (1)"));
    assert!(
        needs_you.is_some() && needs_you < failed && failed < text.find("## Shipped (1)"),
        "{text}"
    );
    assert!(
        text.contains("| #1 | Ship me | https://github.com/owner/shop/pull/30 |"),
        "{text}"
    );
}

/// Returns the page's body, one tag per line.
fn body_of(page: &str) -> String {
    let body = &page[page.find("<body>").expect("a body")..page.find("<svg").expect("a timeline")];
    body.replace("><", ">\n<")
}

#[test]
fn the_page_in_full() {
    assert_snapshot!(body_of(&page_of_night()), @r##"
    <body>
    <header>
    <p class="where">
    <b>owner/shop</b> · label <code>bug</code> · 2026-11-22 13:15 to 15:15 (2 h 0 min)</p>
    <h1>1 shipped, 1 already open, 1 needs you, 1 failed, 1 not started</h1>
    <dl class="figures">
    <div>
    <dt>spent</dt>
    <dd>$4.02<small> of $50.00</small>
    </dd>
    </div>
    <div>
    <dt>per pull request</dt>
    <dd>$4.02</dd>
    </div>
    <div>
    <dt>attempts</dt>
    <dd>3</dd>
    </div>
    </dl>
    <p class="next">Next: <code>autoissue show 20261122-1315-7f3a 3</code>
    </p>
    </header>
    <main>
    <section class="needs-you" aria-labelledby="needs-you">
    <h2 id="needs-you">Needs you <span class="count">1</span>
    </h2>
    <article>
    <h3>
    <span class="issue">#3</span> Merge by hand now</h3>
    <p class="why">its dependencies conflict</p>
    <p class="muted">database · 1 attempt · $0.50 · +34 −5 in 2 files</p>
    <p class="muted">work kept; to recover it: <code>git fetch /state/repos/sample/mirror.git refs/autoissue/salvage/20261122-1315-7f3a/3/1</code>
    </p>
    </article>
    </section>
    <section class="failed" aria-labelledby="failed">
    <h2 id="failed">Failed <span class="count">1</span>
    </h2>
    <article>
    <h3>
    <span class="issue">#2</span> &lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt; &quot;'<code>@all</code> | [x](javascript…</h3>
    <p class="why">check <code>test</code> (exit code 1) failed</p>
    <figure>
    <figcaption>check <code>test</code>
    </figcaption>
    <pre tabindex="0">ok
    FAILED &lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt; &quot;'`@all` | [x](javascript:alert(3)) #7
    ```
    left: 1 &amp; 2
    </pre>
    </figure>
    <p class="muted">frontend · 1 attempt · $3.10 · +34 −5 in 2 files</p>
    <p class="muted">work kept; to recover it: <code>git fetch /state/repos/sample/mirror.git refs/autoissue/salvage/20261122-1315-7f3a/2/1</code>
    </p>
    </article>
    </section>
    <section class="shipped" aria-labelledby="shipped">
    <h2 id="shipped">Shipped <span class="count">1</span>
    </h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Shipped issues">
    <table>
    <thead>
    <tr>
    <th scope="col">Issue</th>
    <th scope="col">Where</th>
    <th scope="col">Changes</th>
    <th class="number" scope="col">Attempts</th>
    <th class="number" scope="col">Cost</th>
    </tr>
    </thead>
    <tbody>
    <tr>
    <th scope="row">
    <span class="issue">#1</span> Ship me</th>
    <td>
    <a href="https://github.com/owner/shop/pull/30" rel="noopener noreferrer">#30</a>
    </td>
    <td>+34 −5 in 2 files</td>
    <td class="number" data-label="attempts">1</td>
    <td class="number" data-label="cost">$0.42</td>
    </tr>
    </tbody>
    </table>
    </div>
    </section>
    <section class="notes" aria-labelledby="before-merge">
    <h2 id="before-merge">Before you merge</h2>
    <ul>
    <li>no checks are configured (<code>executor.checks</code>), so nothing verified this work</li>
    </ul>
    </section>
    <section class="notes" aria-labelledby="warnings">
    <h2 id="warnings">Backlog warnings <span class="count">1</span>
    </h2>
    <ul>
    <li>skipping <code>.autoissue/issues/41.md</code>: it cannot be parsed: line 2: the list <code>labels</code> is not closed</li>
    </ul>
    </section>
    <section class="not-started" aria-labelledby="not-started">
    <h2 id="not-started">Not started <span class="count">1</span>
    </h2>
    <p class="line">
    <span class="issue">#4</span> Needs the second <span class="muted">depends on #2</span>
    </p>
    </section>
    <section class="open" aria-labelledby="open">
    <h2 id="open">Already had an open pull request or branch <span class="count">1</span>
    </h2>
    <p class="line">
    <span class="issue">#6</span> Was open <code>javascript:alert(4)</code>
    </p>
    </section>
    <section class="timeline" aria-labelledby="timeline">
    <h2 id="timeline">Timeline</h2>
    "##);
}

#[test]
fn the_markdown_in_full() {
    assert_snapshot!(markdown(&made_of(&session_events())), @r##"
    # 1 shipped, 1 already open, 1 needs you, 1 failed, 1 not started

    `owner/shop` · label `bug` · 2026-11-22 13:15 to 15:15 (2 h 0 min) · session `20261122-1315-7f3a`

    **spent \$4.02 of \$50.00 · \$4.02 per pull request**

    ## Needs you (1)

    - **#3 Merge by hand now**: its dependencies conflict (1 attempt · \$0.50)
      - work kept (+34 −5 in 2 files); to recover it: `git fetch /state/repos/sample/mirror.git refs/autoissue/salvage/20261122-1315-7f3a/3/1`

    ## Failed (1)

    - **#2 \<script\>alert(1)\</script\>\<img src=x onerror=alert(2)\> `"''@all'` | \[x\](javascript…**: check \`test\` (exit code 1) failed (1 attempt · \$3.10)

      `test`:

      ````text
      ok
      FAILED <script>alert(1)</script><img src=x onerror=alert(2)> "'`@all` | [x](javascript:alert(3)) #7
      ```
      left: 1 & 2
      ````

      - work kept (+34 −5 in 2 files); to recover it: `git fetch /state/repos/sample/mirror.git refs/autoissue/salvage/20261122-1315-7f3a/2/1`

    ## Shipped (1)

    | issue | title | where | changes | attempts | cost |
    | --- | --- | --- | --- | ---: | ---: |
    | #1 | Ship me | https://github.com/owner/shop/pull/30 | +34 −5 in 2 files | 1 | \$0.42 |

    ## Not started (1)

    - **#4 Needs the second**: depends on #2

    ## Already had an open pull request or branch (1)

    - **#6 Was open**: `javascript:alert(4)`

    ## Before you merge

    - no checks are configured (\`executor.checks\`), so nothing verified this work

    ## Backlog warnings (1)

    - skipping \`.autoissue/issues/41.md\`: it cannot be parsed: line 2: the list \`labels\` is not closed

    ---

    Next: `autoissue show 20261122-1315-7f3a 3`
    "##);
}

#[test]
fn a_check_that_printed_nothing_has_no_empty_block() {
    let mut events = admitted(Settings::default(), &[(2, "Two", "backend")]);
    let mut failed = check_failed(2, 310);
    let result = CheckResult {
        name: "lint".to_owned(),
        ..CheckResult::default()
    };
    failed.insert(
        4,
        Event::Attempt(AttemptEvent::ChecksFinished {
            issue: IssueNumber(2),
            attempt: 1,
            results: vec![result],
            passed: false,
        }),
    );
    events.extend(failed);
    events.push(completed());
    let page = markdown(&made_of(&events));
    assert!(page.contains("`lint`: (it printed nothing)"), "{page}");
    assert!(!page.contains("```"), "{page}");
}
