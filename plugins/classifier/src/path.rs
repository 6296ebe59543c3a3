//! Tier 3: the files and directories that an issue mentions.
//!
//! The purpose of a file is determined by these criteria, in this order: it is a test, it is
//! documentation, its name and extension, and its directories from the nearest to the farthest. So
//! `tests/api/test_users.py` is a test, and `server/views/page.css` is frontend. The extension of a
//! general-purpose language (`.rs`, `.py`, `.java`) alone determines nothing.

use autoissue_plugin_sdk::paths::named_in;

use crate::domain::{Domain, Scores, ranked};
use crate::outline::{Zone, each_line};

/// The paths of an issue, counted.
#[derive(Default)]
pub(crate) struct Paths {
    /// Evidence per domain.
    pub(crate) scores: Scores,
    /// The paths that belong to a domain, each once.
    pub(crate) telling: Vec<(String, Domain)>,
}

/// A path in the title is the subject of the issue.
const TITLE_WEIGHT: u32 = 4;
const PROSE_WEIGHT: u32 = 2;
/// The README is mentioned everywhere: it decides only if nothing else is mentioned.
const COURTESY_WEIGHT: u32 = 1;

/// Returns the paths mentioned in title and prose; those in code only if there are no others,
/// because code is pasted rather than chosen.
pub(crate) fn paths_of(title: &str, body: &str) -> Paths {
    let mut paths = Paths::default();
    let mut in_code = Vec::new();
    paths.add(title, TITLE_WEIGHT);
    each_line(body, |line, zone| match zone {
        Zone::Lead | Zone::Rest => paths.add(line, PROSE_WEIGHT),
        Zone::Aside | Zone::Code => in_code.push(line),
    });
    if paths.telling.is_empty() {
        in_code
            .iter()
            .for_each(|line| paths.add(line, PROSE_WEIGHT));
    }
    paths
}

impl Paths {
    /// Returns the domains, most mentioned first.
    pub(crate) fn ranked(&self) -> Vec<(Domain, u32)> {
        ranked(&self.scores)
    }

    fn add(&mut self, text: &str, weight: u32) {
        for path in named_in(text) {
            if self.telling.iter().any(|(known, _)| *known == path) {
                continue;
            }
            if let Some(domain) = domain_of(&path) {
                self.scores[domain as usize] += if is_courtesy(&path) {
                    COURTESY_WEIGHT
                } else {
                    weight
                };
                self.telling.push((path, domain));
            }
        }
    }
}

/// Returns whether a file is often mentioned only as a reference.
fn is_courtesy(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with("README") || name.starts_with("CONTRIBUTING") || name.starts_with("CHANGELOG")
}

/// Returns the domain of a path as returned by [`named_in`].
fn domain_of(path: &str) -> Option<Domain> {
    let path = path.to_ascii_lowercase();
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let directories = || {
        directories
            .split('/')
            .filter(|directory| !directory.is_empty())
    };
    if is_test_name(name) || directories().any(is_test_directory) {
        return Some(Domain::Testing);
    }
    if is_documentation(name)
        || directories()
            .any(|directory| matches!(directory, "docs" | "doc" | "documentation" | "wiki"))
    {
        return Some(Domain::Documentation);
    }
    of_name(name)
        .or_else(|| of_extension(extension(name)))
        .or_else(|| directories().rev().find_map(of_directory))
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn is_test_directory(directory: &str) -> bool {
    matches!(
        directory,
        "test"
            | "tests"
            | "testing"
            | "spec"
            | "specs"
            | "__tests__"
            | "__mocks__"
            | "__snapshots__"
            | "e2e"
            | "cypress"
            | "playwright"
            | "fixtures"
            | "testdata"
            | "test-data"
            | "integration-tests"
            | "integration_tests"
            | "unit-tests"
            | "androidtest"
            | "uitests"
            | "test_suite"
            | "fuzz"
    ) || directory.ends_with(".tests")
        || directory.ends_with("-tests")
        || directory.ends_with("_tests")
}

fn is_test_name(name: &str) -> bool {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let has_mark = [
        ".test", ".tests", ".spec", ".cy", ".e2e", "_test", "_tests", "_spec", "-test", "-spec",
    ]
    .iter()
    .any(|mark| stem.ends_with(mark));
    let is_class = matches!(
        extension,
        "java" | "kt" | "cs" | "php" | "swift" | "scala" | "groovy" | "cpp"
    ) && (stem.ends_with("test") || stem.ends_with("tests"));
    has_mark
        || is_class
        || (stem.starts_with("test_") && !extension.is_empty())
        || matches!(extension, "feature" | "bats")
        || matches!(
            name,
            "conftest.py"
                | "pytest.ini"
                | "tox.ini"
                | "phpunit.xml"
                | ".coveragerc"
                | ".rspec"
                | "codecov.yml"
                | ".codecov.yml"
                | "karma.conf.js"
        )
        || [
            "jest.config.",
            "vitest.config.",
            "playwright.config.",
            "cypress.config.",
            "cypress.json",
        ]
        .iter()
        .any(|start| name.starts_with(start))
}

fn is_documentation(name: &str) -> bool {
    if name.starts_with("security") {
        return false;
    }
    matches!(
        extension(name),
        "md" | "mdx" | "rst" | "adoc" | "asciidoc" | "markdown" | "rmd" | "typ"
    ) || matches!(
        name,
        "readme"
            | "changelog"
            | "contributing"
            | "authors"
            | "code_of_conduct"
            | "maintainers"
            | "notice"
            | "mkdocs.yml"
            | ".readthedocs.yml"
            | ".readthedocs.yaml"
            | "readme.txt"
            | "changelog.txt"
    ) || name.starts_with("docusaurus.config.")
}

/// Returns the domain of a file with a well-known name.
fn of_name(name: &str) -> Option<Domain> {
    let starts = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if starts(&[
        "dockerfile",
        "docker-compose",
        "compose.y",
        "azure-pipelines",
        "vagrantfile",
        "jenkinsfile",
        "nginx",
        "chart.y",
        "values.y",
    ]) {
        return Some(Domain::Infrastructure);
    }
    match name {
        "security" | "security.md" | ".snyk" | "security.txt" => Some(Domain::Security),
        "schema.rb" | "schema.prisma" | "structure.sql" | "alembic.ini" | "knexfile.js"
        | "knexfile.ts" | "ormconfig.json" | "drizzle.config.ts" => Some(Domain::Database),
        "makefile"
        | "gnumakefile"
        | "cmakelists.txt"
        | "procfile"
        | "rakefile"
        | "tiltfile"
        | "earthfile"
        | "containerfile"
        | "brewfile"
        | "justfile"
        | "gradlew"
        | "build.bazel"
        | ".gitlab-ci.yml"
        | ".travis.yml"
        | "appveyor.yml"
        | ".appveyor.yml"
        | ".dockerignore"
        | "netlify.toml"
        | "vercel.json"
        | "fly.toml"
        | "renovate.json"
        | "dependabot.yml"
        | ".pre-commit-config.yaml"
        | "cloudbuild.yaml"
        | "serverless.yml"
        | "codeowners"
        | "bitbucket-pipelines.yml"
        | "build.gradle"
        | "build.gradle.kts"
        | "pom.xml"
        | "meson.build"
        | "skaffold.yaml"
        | "kustomization.yaml"
        | ".goreleaser.yml"
        | ".goreleaser.yaml"
        | "render.yaml"
        | "release.yml"
        | "ci.yml"
        | "build.yml"
        | "deploy.yml"
        | "deploy.sh"
        | "build.sh"
        | "release.sh"
        | "install.sh" => Some(Domain::Infrastructure),
        "views.py" | "urls.py" | "serializers.py" | "models.py" | "routes.rb" | "routes.php"
        | "wsgi.py" | "asgi.py" | "manage.py" | "openapi.yaml" | "openapi.yml" | "openapi.json"
        | "swagger.json" | "swagger.yaml" | "server.js" | "server.ts" | "server.py"
        | "server.go" | "server.rs" | "api.py" | "api.go" | "api.rs" => Some(Domain::Backend),
        ".stylelintrc" | "favicon.ico" | "tailwind.config.js" | "tailwind.config.ts"
        | "postcss.config.js" | "angular.json" => Some(Domain::Frontend),
        _ => None,
    }
}

/// Returns the domain of files with an extension, if the extension determines it.
fn of_extension(extension: &str) -> Option<Domain> {
    match extension {
        "sql" | "prisma" | "dbml" | "sqlite" | "psql" => Some(Domain::Database),
        "tf" | "tfvars" | "hcl" | "nomad" | "bicep" | "nix" | "cmake" | "dockerfile" | "bzl"
        | "bazel" | "service" => Some(Domain::Infrastructure),
        "css" | "scss" | "sass" | "less" | "styl" | "pcss" | "tsx" | "jsx" | "vue" | "svelte"
        | "astro" | "html" | "htm" | "hbs" | "handlebars" | "ejs" | "pug" | "haml" | "qml"
        | "xaml" | "storyboard" | "xib" | "svg" | "ico" | "woff" | "woff2" | "ttf" | "erb"
        | "heex" | "cshtml" | "twig" | "wxml" | "wxss" | "liquid" => Some(Domain::Frontend),
        "proto" | "graphql" | "gql" => Some(Domain::Backend),
        _ => None,
    }
}

/// Returns the domain of the files in a directory, if its name determines it.
fn of_directory(directory: &str) -> Option<Domain> {
    match directory {
        "security" | "auth" | "authentication" | "authorization" | "crypto" | "permissions"
        | "acl" | "rbac" => Some(Domain::Security),
        "migrations" | "migration" | "migrate" | "db" | "database" | "databases" | "sql"
        | "schema" | "seeds" | "seeders" | "alembic" | "flyway" | "liquibase" | "prisma"
        | "persistence" | "entities" | "dao" | "orm" | "storage" => Some(Domain::Database),
        ".github" | ".circleci" | ".gitlab" | ".buildkite" | ".ci" | "ci" | "infra"
        | "infrastructure" | "deploy" | "deployment" | "deployments" | "terraform" | "ansible"
        | "playbooks" | "k8s" | "kubernetes" | "helm" | "docker" | "devops" | "ops"
        | "packaging" | "systemd" | ".devcontainer" | "workflows" | "pipelines" | "overlays"
        | "nginx" => Some(Domain::Infrastructure),
        "api" | "apis" | "server" | "servers" | "backend" | "back-end" | "controllers"
        | "controller" | "routes" | "routers" | "handlers" | "handler" | "services" | "service"
        | "middleware" | "middlewares" | "models" | "repositories" | "repository" | "resolvers"
        | "graphql" | "grpc" | "rpc" | "jobs" | "workers" | "worker" | "queue" | "queues"
        | "mailers" | "usecases" | "lambda" | "lambdas" | "functions" | "microservices"
        | "rest" | "webhooks" | "endpoints" | "proto" | "protos" => Some(Domain::Backend),
        "frontend" | "front-end" | "front" | "client" | "clients" | "ui" | "web" | "webapp"
        | "webui" | "components" | "component" | "pages" | "views" | "view" | "styles"
        | "style" | "css" | "scss" | "public" | "assets" | "static" | "layouts" | "layout"
        | "hooks" | "widgets" | "screens" | "templates" | "theme" | "themes" | "icons"
        | "fonts" | "stories" | ".storybook" | "gui" | "i18n" | "locales" | "locale"
        | "renderer" | "website" | "menus" | "dialogs" => Some(Domain::Frontend),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: Option<Domain>) {
        assert_eq!(domain_of(path), expected, "for {path}");
    }

    #[test]
    fn directories_and_extensions_of_many_ecosystems_determine_the_domain() {
        for (paths, domain) in [
            (
                "src/api/users.rs server/main.go app/controllers/x.rb app/services/pay.php proto/a.proto backend/app.py core/views.py",
                Domain::Backend,
            ),
            (
                "src/components/Menu.tsx app.vue styles/ web/index.html lib/screens/home.dart Views/Main.xaml app/views/x.html.erb public/logo.svg server/page.css",
                Domain::Frontend,
            ),
            (
                "schema.sql *.sql migrations/ db/pool.rs prisma/schema.prisma alembic/env.py src/storage/disk.rs",
                Domain::Database,
            ),
            (
                ".github/workflows/ci.yml Dockerfile Makefile main.tf k8s/app.yaml docker-compose.yml flake.nix deploy/run.sh .gitlab-ci.yml",
                Domain::Infrastructure,
            ),
            (
                "tests/api/test_users.py pkg/x_test.go src/a.spec.ts UserTest.java e2e/login.ts spec/models/user_spec.rb conftest.py",
                Domain::Testing,
            ),
            (
                "docs/ README.md docs/api/openapi.yaml guide.rst mkdocs.yml CONTRIBUTING",
                Domain::Documentation,
            ),
            (
                "SECURITY.md src/auth/token.rs lib/security/",
                Domain::Security,
            ),
        ] {
            paths.split(' ').for_each(|path| check(path, Some(domain)));
        }
    }

    #[test]
    fn a_general_purpose_language_does_not_determine_the_domain() {
        [
            "src/main.rs",
            "lib/x.py",
            "package.json",
            "Foo.java",
            "contest.py",
            "latest.c",
        ]
        .iter()
        .for_each(|path| check(path, None));
    }

    #[test]
    fn the_most_named_domain_wins() {
        let paths = paths_of("x", "`src/api/a.rs` and src/api/b.rs, shown by ui/menu.js");
        assert_eq!(paths.ranked()[0].0, Domain::Backend);
        assert_eq!(paths.telling.len(), 3);
    }

    #[test]
    fn paths_in_pasted_code_count_only_without_others() {
        let body = "see `ui/menu.js`\n```\nsrc/api/a.rs\nsrc/api/b.rs\n```";
        assert_eq!(paths_of("x", body).ranked()[0].0, Domain::Frontend);
        assert_eq!(
            paths_of("x", "```\nsrc/api/a.rs\n```").ranked()[0].0,
            Domain::Backend
        );
    }

    #[test]
    fn a_reference_to_the_readme_does_not_decide() {
        assert_eq!(
            paths_of("x", "db/a.rs, see README.md").ranked()[0].0,
            Domain::Database
        );
    }
}
