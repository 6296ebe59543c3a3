//! Names of domains in title tags and labels. Data only, used by [`crate::title`] and
//! [`crate::label`].

use crate::domain::Domain;
use crate::lexicon::{Entries, Lexicon, count};

/// How certainly a name stands for its domain, as the weight of an entry. Higher is more certain.
pub(crate) mod strength {
    /// The domain's own name, or another unambiguous word.
    pub(crate) const SURE: u8 = 3;
    /// A word that means the domain when it is alone, and something else next to others
    /// (`component: parser`).
    pub(crate) const ALONE: u8 = 2;
    /// A related word: sufficient in a label if no other label says more.
    pub(crate) const HINT: u8 = 1;
}

use strength::{ALONE, HINT, SURE};

const LISTS: [(Domain, Entries); 7] = [
    (Domain::Security, SECURITY),
    (Domain::Database, DATABASE),
    (Domain::Documentation, DOCUMENTATION),
    (Domain::Testing, TESTING),
    (Domain::Infrastructure, INFRASTRUCTURE),
    (Domain::Backend, BACKEND),
    (Domain::Frontend, FRONTEND),
];

pub(crate) static NAMES: Lexicon<{ count(&LISTS) }, 1024> = Lexicon::new(&LISTS);

#[rustfmt::skip]
const SECURITY: Entries = &[
    (SURE, &[
        "security", "sec", "infosec", "appsec", "vuln", "vulnerability", "vulnerabilities", "cve", "xss", "csrf",
        "ssrf", "rce", "exploit", "hardening", "seguridad", "seguranca", "securite", "sicherheit", "sicurezza",
        "beveiliging", "безопасность", "уязвимость", "安全", "漏洞", "セキュリティ", "脆弱性", "보안", "취약점",
    ]),
    (HINT, &[
        "auth", "authn", "authz", "authentication", "authorization", "authorisation", "permissions", "permission",
        "rbac", "acl", "oauth", "sso", "crypto", "cryptography", "encryption", "privacy", "secrets", "pentest",
        "认证", "権限", "认证授权",
    ]),
];

#[rustfmt::skip]
const DATABASE: Entries = &[
    (SURE, &[
        "database", "databases", "db", "dbs", "schema", "schemas", "migration", "migrations", "sql", "storage",
        "persistence", "orm", "postgres", "postgresql", "mysql", "mariadb", "sqlite", "mongodb", "mongo",
        "data base", "dba", "prisma", "typeorm", "sqlalchemy", "cassandra", "dynamodb", "clickhouse", "mssql",
        "sql server", "nosql", "base de datos", "bd", "bbdd", "banco de dados", "base de donnees", "datenbank",
        "база данных", "бд", "数据库", "資料庫", "数据层", "データベース", "데이터베이스", "디비",
    ]),
    (HINT, &[
        "query", "queries", "redis", "data model", "datastore", "data store", "backup", "transactions", "indexing",
        "datamodel", "supabase", "firestore", "elasticsearch",
    ]),
];

#[rustfmt::skip]
const DOCUMENTATION: Entries = &[
    (SURE, &[
        "documentation", "documentations", "doc", "docs", "docu", "readme", "javadoc", "jsdoc", "godoc", "rustdoc",
        "docstring", "docstrings", "tutorial", "tutorials", "user guide", "wiki", "typo", "typos", "man page",
        "manual", "api docs", "changelog", "documentacion", "documentacao", "dokumentation", "doku",
        "documentazione", "documentatie", "документация", "文档", "文檔", "ドキュメント", "문서", "문서화",
    ]),
    (HINT, &[
        "guide", "guides", "example", "examples", "content", "faq", "handbook", "contributing", "spelling",
        "grammar", "comments",
    ]),
];

#[rustfmt::skip]
const TESTING: Entries = &[
    (SURE, &[
        "testing", "test", "tests", "e2e", "qa", "unit test", "unit tests", "unittest", "unittests",
        "integration test", "integration tests", "flaky", "flaky test", "flaky tests", "flake", "flakes",
        "flakiness", "coverage", "test coverage", "code coverage", "quality assurance", "test suite", "test case",
        "test failure", "regression test", "end to end", "cypress", "playwright", "selenium", "jest", "vitest",
        "pytest", "junit", "rspec", "mocha", "tdd", "fuzzing", "fuzz", "tester", "pruebas", "prueba", "testes",
        "teste", "prove", "тестирование", "тесты", "тест", "测试", "測試", "テスト", "테스트",
    ]),
    (HINT, &["quality", "mock", "mocks", "fixtures", "test infra", "verification"]),
];

#[rustfmt::skip]
const INFRASTRUCTURE: Entries = &[
    (SURE, &[
        "infrastructure", "infra", "ci", "cd", "ci cd", "cicd", "deploy", "deployment", "deployments", "docker",
        "dockerfile", "devops", "dev ops", "ops", "sre", "kubernetes", "k8s", "helm", "terraform", "ansible",
        "packaging", "package build", "github actions", "gha", "github action", "gitlab ci", "jenkins", "travis",
        "circleci", "buildkite", "continuous integration", "continuous delivery", "continuous deployment",
        "build system", "buildsystem", "build tooling", "build pipeline", "release engineering", "nix", "cmake",
        "bazel", "infraestructura", "infraestrutura", "infrastruktur", "infrastruttura", "despliegue", "деплой",
        "инфраструктура", "部署", "运维", "基础设施", "基礎設施", "インフラ", "デプロイ", "인프라", "배포",
    ]),
    (ALONE, &[
        "build", "builds", "release", "releases", "container", "containers", "pipeline", "pipelines", "hosting",
        "ops team", "installer", "构建", "빌드", "ビルド",
    ]),
    (HINT, &[
        "aws", "azure", "gcp", "cloud", "monitoring", "observability", "tooling", "dependencies", "deps",
        "dependency", "actions", "workflow", "workflows", "install", "installation", "distribution", "automation",
        "toolchain", "dx", "dev environment", "devcontainer", "lint", "linting", "renovate", "dependabot",
    ]),
];

#[rustfmt::skip]
const BACKEND: Entries = &[
    (SURE, &[
        "backend", "backends", "back end", "api", "apis", "server", "servers", "server side", "serverside", "rest",
        "rest api", "graphql", "grpc", "endpoint", "endpoints", "backend api", "web server", "http api",
        "microservice", "microservices", "servidor", "serveur", "бэкенд", "бекенд", "бэк", "сервер", "后端", "後端",
        "服务端", "服务器", "バックエンド", "サーバー", "サーバ", "백엔드", "서버",
    ]),
    (ALONE, &["service", "services", "controller", "controllers", "be"]),
    (HINT, &[
        "django", "flask", "fastapi", "express", "expressjs", "spring", "spring boot", "laravel", "rails", "nestjs",
        "node", "nodejs", "golang", "cache", "caching", "webhook", "webhooks", "queue", "worker", "workers",
        "websocket", "jobs", "routing", "middleware", "php",
    ]),
];

#[rustfmt::skip]
const FRONTEND: Entries = &[
    (SURE, &[
        "frontend", "frontends", "front end", "front", "ui", "ux", "uix", "uiux", "ui ux", "gui", "client",
        "clients", "client side", "clientside", "user interface", "user experience", "css", "scss", "html",
        "styling", "a11y", "accessibility", "web ui", "webui", "react", "reactjs", "vue", "vuejs", "angular",
        "svelte", "tailwind", "bootstrap", "responsive", "dark mode", "frontend ui", "webapp", "web app", "tui",
        "interfaz", "interfejs", "oberflache", "benutzeroberflache", "фронтенд", "фронт", "интерфейс", "前端",
        "界面", "フロントエンド", "フロント", "프론트엔드", "프론트", "화면",
    ]),
    (ALONE, &["component", "components", "web", "interface", "theme", "themes", "fe", "layout", "design"]),
    (HINT, &[
        "design system", "mobile", "website", "site", "i18n", "l10n", "translation", "translations", "localization",
        "internationalization", "web client", "nextjs", "flutter", "visual", "theming", "usability", "widget",
        "widgets", "icons", "editor", "desktop", "android", "ios", "mobile app", "디자인", "디자인 시스템",
        "デザイン", "设计",
    ]),
];
