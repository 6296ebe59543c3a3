//! The names by which [`super::named_in`] recognises a path: data only. Tables that are searched by
//! binary search are documented as sorted.

/// Top-level directories of a machine's own paths.
#[rustfmt::skip]
pub(super) const SYSTEM_DIRECTORIES: [&str; 30] = [
    "Applications", "Library", "System", "Users", "Volumes", "Windows", "api", "bin", "boot", "data", "dev", "etc",
    "home", "lib", "lib64", "media", "mnt", "nix", "opt", "private", "proc", "root", "run", "sbin", "snap", "srv",
    "sys", "tmp", "usr", "var",
];

/// Directories of installed dependencies.
#[rustfmt::skip]
pub(super) const INSTALLED: [&str; 7] = [
    "node_modules", "site-packages", "dist-packages", ".cargo", "bower_components", ".venv", "__pycache__",
];

/// First parts of media types (`image/*`).
#[rustfmt::skip]
pub(super) const MEDIA_TYPES: [&str; 7] = [
    "application", "audio", "font", "image", "multipart", "text", "video",
];

/// Endings of host names that are followed by a path and have no scheme before them
/// (`example.com/docs/`).
#[rustfmt::skip]
pub(super) const TOP_LEVEL_DOMAINS: [&str; 34] = [
    "ai", "app", "br", "ca", "ch", "cloud", "cn", "co", "com", "de", "dev", "edu", "eu", "fr", "gov", "in", "info",
    "io", "jp", "kr", "land", "me", "net", "nl", "org", "page", "ru", "sh", "site", "tech", "tv", "uk", "us", "xyz",
];

/// Extensions that are also top-level domains or words: a bare name with one of them is not a file.
#[rustfmt::skip]
pub(super) const AMBIGUOUS_EXTENSIONS: [&str; 5] = [
    "in", "ml", "ps", "re", "st",
];

/// Directories where sources begin: `src/api` in backticks is a directory even without `/`.
#[rustfmt::skip]
pub(super) const ROOTS: [&str; 18] = [
    "src", "lib", "pkg", "cmd", "internal", "crates", "packages", "apps", "app", "docs", "test", "tests", "spec",
    "plugins", "server", "include", ".github", "modules",
];

/// Libraries whose name ends in `.js`; sorted.
#[rustfmt::skip]
pub(super) const JS_PRODUCTS: [&str; 53] = [
    "alpine", "angular", "asm", "astro", "babylon", "backbone", "bootstrap", "bull", "chart", "core", "cypress", "d3",
    "day", "deno", "discord", "electron", "ember", "ethers", "express", "gatsby", "handlebars", "highlight", "intro",
    "koa", "lit", "lodash", "matter", "meteor", "moment", "nest", "next", "node", "nuxt", "p5", "phaser", "pixi",
    "plotly", "preact", "prism", "react", "reveal", "sails", "solid", "stimulus", "svelte", "tensorflow", "three",
    "typed", "underscore", "video", "vue", "web3", "zepto",
];

/// Names of files without an extension, or that start with a dot; sorted.
#[rustfmt::skip]
pub(super) const FILE_NAMES: [&str; 55] = [
    ".babelrc", ".bashrc", ".browserslistrc", ".clang-format", ".clang-tidy", ".coveragerc", ".dockerignore",
    ".editorconfig", ".env", ".eslintignore", ".eslintrc", ".flake8", ".gitattributes", ".gitignore", ".gitmodules",
    ".mailmap", ".npmignore", ".npmrc", ".nvmrc", ".prettierignore", ".prettierrc", ".pylintrc", ".rspec",
    ".stylelintrc", ".swcrc", "AUTHORS", "BUILD.bazel", "Brewfile", "CHANGELOG", "CODEOWNERS", "CODE_OF_CONDUCT",
    "CONTRIBUTING", "COPYING", "Cargo.lock", "Containerfile", "Dockerfile", "Earthfile", "GNUmakefile", "Gemfile",
    "Gemfile.lock", "Jenkinsfile", "Justfile", "Kconfig", "LICENSE", "MAINTAINERS", "Makefile", "NOTICE", "Pipfile",
    "Podfile", "Procfile", "README", "Rakefile", "SECURITY", "Tiltfile", "Vagrantfile",
];

/// Extensions of files in repositories; sorted.
#[rustfmt::skip]
pub(super) const EXTENSIONS: [&str; 287] = [
    "adb", "adoc", "ads", "ahk", "applescript", "asciidoc", "asm", "astro", "avsc", "awk", "bash", "bat", "bats",
    "bazel", "bib", "bicep", "bicepparam", "bmp", "bzl", "c", "cbl", "cc", "cfg", "cjs", "cl", "clj", "cljc", "cljs",
    "cls", "cmake", "cmd", "cob", "coffee", "conf", "cpp", "cr", "cs", "cshtml", "csproj", "css", "csv", "cts", "cu",
    "cuh", "cxx", "cyr", "d", "dart", "dbml", "dhall", "diff", "dockerfile", "dts", "dtsi", "editorconfig", "edn",
    "eex", "ejs", "el", "elm", "erb", "erl", "ex", "exs", "f03", "f08", "f90", "f95", "feature", "fish", "fnl", "frag",
    "fs", "fsi", "fsproj", "fsx", "fxml", "gd", "gdshader", "gemspec", "gif", "gleam", "glsl", "go", "gotmpl", "gql",
    "gradle", "graphql", "gresource", "groovy", "gyp", "h", "haml", "handlebars", "hbs", "hcl", "heex", "hh", "hjson",
    "hlsl", "hpp", "hrl", "hs", "htm", "html", "hxx", "ico", "ics", "idl", "in", "inc", "ini", "inl", "ino", "ipynb",
    "ixx", "j2", "janet", "java", "jbuilder", "jinja", "jinja2", "jl", "jpeg", "jpg", "js", "json", "json5", "jsonc",
    "jsonl", "jsonnet", "jsp", "jsx", "kdl", "kt", "kts", "less", "lhs", "libsonnet", "liquid", "lisp", "lock", "lua",
    "m", "m4", "mak", "markdown", "md", "mdx", "metal", "mjs", "mk", "ml", "mli", "mm", "mod", "mp3", "mp4", "mts",
    "mustache", "nasm", "ndjson", "nim", "nix", "nomad", "nunjucks", "odin", "pas", "patch", "pbxproj", "pcss", "pdf",
    "php", "phtml", "pl", "plist", "pm", "png", "po", "podspec", "postcss", "pot", "ppm", "prisma", "properties",
    "proto", "ps", "ps1", "psd1", "psm1", "pug", "purs", "pxd", "py", "pyi", "pyx", "qml", "qrc", "r", "rake", "rb",
    "rbi", "rbs", "re", "resx", "rkt", "rmd", "ron", "rs", "rst", "rtf", "s", "sass", "sbt", "scala", "scm", "scss",
    "sh", "shader", "slim", "sln", "snap", "sol", "sql", "sqlite", "st", "storyboard", "strings", "styl", "sv",
    "svelte", "svg", "svh", "swift", "tcl", "templ", "tex", "tf", "tfstate", "tfvars", "thrift", "tmpl", "toml", "tpl",
    "tres", "ts", "tscn", "tsv", "tsx", "ttf", "twig", "txt", "typ", "ui", "v", "vala", "vb", "vbs", "vert", "vhd",
    "vhdl", "vim", "vue", "vy", "wasm", "wat", "webmanifest", "webp", "wgsl", "wit", "woff", "woff2", "wxml", "wxss",
    "xaml", "xcconfig", "xhtml", "xib", "xml", "xsd", "xsl", "xslt", "yaml", "yml", "yul", "zig", "zsh",
];

/// Common directories in repositories; sorted.
#[rustfmt::skip]
pub(super) const DIRECTORIES: [&str; 194] = [
    ".circleci", ".devcontainer", ".github", ".gitlab", ".storybook", ".vscode", "Assets", "Docs", "Packages",
    "Scripts", "Source", "Sources", "Tests", "__tests__", "android", "ansible", "api", "app", "apps", "arch", "assets",
    "auth", "backend", "base", "bench", "benches", "benchmarks", "bin", "blog", "build", "charts", "ci", "cli",
    "client", "clients", "cmd", "common", "compiler", "components", "conf", "config", "configs", "content", "contracts",
    "controllers", "core", "crates", "css", "cypress", "data", "database", "db", "demo", "demos", "deploy",
    "deployment", "deployments", "desktop", "dist", "doc", "docker", "docs", "documentation", "domain", "driver",
    "drivers", "e2e", "engine", "entities", "environments", "example", "examples", "extensions", "fixtures", "fonts",
    "frontend", "fs", "functions", "graphql", "grpc", "handlers", "helm", "helpers", "hooks", "i18n", "icons", "images",
    "img", "include", "includes", "infra", "infrastructure", "integration", "internal", "ios", "jobs", "k8s", "kernel",
    "kubernetes", "lambda", "lambdas", "lang", "layouts", "lib", "libs", "linux", "locale", "locales", "macos", "man",
    "manifests", "media", "middleware", "middlewares", "migration", "migrations", "mm", "mobile", "models", "modules",
    "net", "notebooks", "out", "overlays", "packages", "pages", "parser", "pkg", "playbooks", "plugin", "plugins",
    "posts", "prisma", "proto", "protos", "public", "queue", "repositories", "res", "resources", "roles", "routers",
    "routes", "runtime", "samples", "schema", "schemas", "screens", "script", "scripts", "scss", "sdk", "security",
    "seeds", "server", "servers", "services", "shared", "source", "sources", "spec", "specs", "sql", "src", "stacks",
    "static", "store", "stores", "stories", "styles", "target", "tasks", "templates", "terraform", "test", "testing",
    "tests", "third_party", "tool", "tools", "translations", "ui", "util", "utils", "vendor", "views", "web", "website",
    "widgets", "wiki", "windows", "workers", "workflows", "www",
];
