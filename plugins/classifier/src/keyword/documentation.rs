//! Words of documentation. Writing about a thing is a different task from building it, so these
//! words weigh more than those of the thing. But prose refers to documentation all the time, so
//! phrases that only refer to it are in [`super::neutral`].

use crate::lexicon::Entries;

#[rustfmt::skip]
pub(super) const WORDS: Entries = &[
    // `^` is the start of the title, which says what is requested.
    (10, &[
        "documentation", "readme", "readme md", "^ document", "^ describe how", "^ describe the", "^ explain",
        "^ clarify", "^ typo", "^ document how", "^ document the", "^ add example", "^ more examples", "api docs",
        "api documentation", "api reference", "user guide", "user manual", "user documentation", "developer guide",
        "developer documentation", "getting started guide", "getting started", "quick start", "quickstart",
        "quickstart guide", "installation guide", "migration guide", "upgrade guide", "contribution guide",
        "contributor guide", "contribution guidelines", "contributing guidelines", "contributing guide",
        "contributing md", "code of conduct", "style guide", "how to guide", "docstring", "doc comment", "javadoc",
        "jsdoc", "godoc", "rustdoc", "doxygen", "tsdoc", "typedoc", "phpdoc", "kdoc", "docfx", "mkdocs", "sphinx",
        "docusaurus", "readthedocs", "gitbook", "vitepress", "mdbook", "man page", "manpage", "typo in docs",
        "broken link in docs", "release notes", "changelog", "undocumented", "document all", "document the",
        "documenting", "should be documented", "needs to be documented", "not documented", "is not documented",
        "isn t documented", "poorly documented", "better documentation", "missing documentation",
        "improve documentation", "update documentation", "outdated documentation", "improve docs", "update docs",
        "missing docs", "doc", "cheat sheet", "cheatsheet", "glossary", "update readme", "improve readme",
        "update the readme", "explain how", "documentation site", "docs site", "documentation website",
        "documentation page", "docs page", "usage guide", "install instructions", "installation instructions",
        "build instructions", "setup instructions", "usage instructions", "usage example",
    ]),
    (8, &[
        "typo", "tutorial", "walkthrough", "faq", "wiki", "spelling", "misspelling", "misspelled", "grammar",
        "grammatical", "documented", "wording", "code example", "example code", "code comments", "inline comments",
        "doc string", "guide", "handbook", "how to", "architecture diagram", "design doc", "adr", "contributing",
        "code snippets", "outdated docs", "license file", "screencast", "docs are wrong", "misleading docs",
        "instruction", "whitepaper", "docs build",
    ]),
    (5, &[
        "document", "example", "unclear", "confusing explanation", "explain", "explanation", "explained", "clarify",
        "clarification", "dead link", "broken link", "out of date", "outdated", "woefully", "comments",
        "beginner friendly", "onboarding guide", "markdown", "manual", "reference", "playground example",
        "sample code", "newcomers", "copyright", "blog post", "article",
    ]),
    (2, &["describe", "description", "section", "mention", "page about", "paragraph", "chapter", "link"]),
    // Other languages.
    (10, &[
        "documentacion", "documentar", "documentacao", "documenter", "dokumentation", "dokumentieren", "doku",
        "documentazione", "documentare", "documentatie", "dokumentacja", "dokumentacji", "dokumantasyon",
        "документация", "документации", "документацию", "документировать", "文档", "文檔", "说明文档", "使用文档",
        "文档更新", "错别字", "教程", "使用说明", "ドキュメント", "文書化", "チュートリアル", "誤字", "문서",
        "문서화", "오타", "튜토리얼", "가이드", "리드미",
    ]),
    (7, &[
        "guia de usuario", "errata", "ejemplos", "guia", "tutoriel", "exemples", "faute de frappe", "anleitung",
        "tippfehler", "beispiele", "инструкция", "опечатка", "опечатки", "примеры", "示例", "例子", "说明", "注释",
        "拼写", "説明", "サンプル", "예제", "설명",
    ]),
];
