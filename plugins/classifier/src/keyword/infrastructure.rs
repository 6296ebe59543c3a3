//! Words of infrastructure: building, packaging, releasing, running and monitoring a product, and
//! the services for it.

use crate::lexicon::Entries;

#[rustfmt::skip]
pub(super) const WORDS: Entries = &[
    (10, &[
        "ci", "ci cd", "cicd", "ci pipeline", "ci job", "ci build", "ci workflow", "github action",
        "github workflow", "gitlab ci", "circleci", "circle ci", "travis", "travis ci", "jenkins", "buildkite",
        "teamcity", "azure pipelines", "azure devops", "appveyor", "drone ci", "cirrus ci", "argo cd", "argocd",
        "fluxcd", "gitops", "continuous integration", "continuous delivery", "continuous deployment",
        "continuous deploy", "docker", "dockerfile", "docker image", "docker compose", "docker container",
        "docker hub", "dockerhub", "dockerize", "dockerise", "dockerized", "containerize", "containerise", "podman",
        "buildx", "ghcr", "kubernetes", "k8s", "kubectl", "helm", "helm chart", "kustomize", "minikube",
        "openshift", "ingress", "istio", "terraform", "opentofu", "pulumi", "cloudformation", "ansible", "puppet",
        "infrastructure", "infrastructure as code", "iac", "devops", "deployment", "deploy",
        "deployed to production", "deploy to production", "deploy to staging", "deployment pipeline",
        "deploy script", "staging environment", "production environment", "release pipeline", "release workflow",
        "release process", "release automation", "automate release", "nightly build", "build pipeline",
        "build failure", "build fails", "build failing", "build is broken", "build system", "build script",
        "build server", "cross compile", "cross compilation", "reproducible builds", "prometheus metrics",
        "grafana", "prometheus", "datadog", "load balancer", "autoscaling", "auto scaling", "nginx config",
        "reverse proxy", "systemd service", "multi arch", "multiarch", "arm64 image", "arm64 build",
        "self hosted runner", "pre commit", "pre commit hook", "dependabot", "renovate", "semantic release",
        "goreleaser", "release please", "homebrew formula", "debian package", "deb package", "rpm package",
        "flatpak", "snap package", "appimage", "aur package", "nixpkgs", "nix flake", "conda package",
        "conda forge", "publish to npm", "publish to pypi", "pypi release", "npm publish", "publish package",
        "continuous", "uptime monitoring", "healthcheck", "dev container", "devcontainer", "vagrant", "cloud run",
        "ecs", "eks", "gke", "aks", "fargate", "blue green", "canary", "zero downtime",
    ]),
    (8, &[
        "pipeline", "infra", "staging", "heroku", "netlify", "vercel", "fly io", "railway", "aws", "azure", "gcp",
        "google cloud", "digitalocean", "cloudflare", "ec2", "s3 bucket", "cloudwatch", "cloudfront", "container",
        "containerized", "cmake", "makefile", "bazel", "meson", "gradle build", "maven build", "wheel", "packaging",
        "artifact", "artefact", "provisioning", "rollout", "hosting", "hosted runner", "cluster", "observability",
        "opentelemetry", "sentry", "monitoring", "alerting", "nix", "homebrew", "msi", "installer", "dmg",
        "codesign", "notarization", "notarize", "systemd", "cd", "env vars", "environment variable",
        "environment config", "dns", "domain name", "ssl certificate", "certbot", "lets encrypt", "let s encrypt",
        "nginx", "apache config", "cdn", "gh pages", "github pages", "workflow file", "release build",
        "prebuilt binaries", "prebuilt binary", "binaries", "static binary", "build time", "build cache",
        "caching dependencies", "linter", "linting", "eslint config", "setup eslint", "setup prettier", "prettier",
        "lint", "husky", "clippy in", "toolchain", "msrv", "lockfile", "bump version", "version bump",
        "tag release", "release tag", "monorepo", "turborepo", "nx", "gradle", "maven", "proguard", "fastlane",
        "testflight", "app store release", "play store release", "scaling", "failover", "disaster recovery",
    ]),
    (5, &[
        "build", "building", "compile", "compiling", "compilation", "compile error", "release", "publish",
        "published", "publishing", "package", "registry", "workflow", "production", "server setup", "provision",
        "host", "cron", "dependencies", "dependency", "upgrade dependencies", "update dependencies",
        "install script", "installation fails", "install fails", "yarn install", "npm install", "pip install",
        "cargo install", "runner", "cache ci", "script", "automation", "automate", "tooling", "webpack config",
        "bundler", "logs aggregation", "centralized logging", "metrics", "lambda", "proxy", "env file",
        "node version", "python version", "image size", "image", "vm", "swarm", "vps", "automated release",
        "windows build", "macos build", "linux build",
    ]),
    (2, &[
        "install", "installation", "setup", "environment", "config", "configuration", "version", "upgrade", "job",
        "architecture", "cloud", "tag", "binary", "bucket",
    ]),
    // Other languages.
    (10, &[
        "despliegue", "desplegar", "infraestructura", "integracion continua", "contenedor", "infraestrutura",
        "implantacao", "integracao continua", "deploiement", "deployer", "integration continue", "conteneur",
        "bereitstellung", "infrastruktur", "deploy auf", "инфраструктура", "деплой", "развертывание", "сборка",
        "сборки", "контейнер", "部署", "流水线", "构建失败", "镜像", "容器", "持续集成", "运维", "打包", "构建",
        "デプロイ", "インフラ", "コンテナ", "ビルド", "パイプライン", "배포", "인프라", "컨테이너", "빌드",
        "파이프라인", "도커",
    ]),
];
