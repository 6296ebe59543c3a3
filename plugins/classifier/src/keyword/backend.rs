//! Words of the backend: request handling, background processing, and their frameworks.

use crate::lexicon::Entries;

#[rustfmt::skip]
pub(super) const WORDS: Entries = &[
    (10, &[
        "backend", "back end", "server side", "serverside", "endpoint", "api endpoint", "rest api", "restful",
        "restful api", "graphql", "grpc", "protobuf", "web api", "http api", "public api", "api", "api route",
        "api server", "api gateway", "api call", "api request", "api response", "api version", "api versioning",
        "webhook", "microservice", "message queue", "message broker", "rabbitmq", "kafka", "sqs", "celery",
        "sidekiq", "bullmq", "job queue", "background job", "background worker", "background task", "task queue",
        "cron job", "scheduled job", "middleware", "controller", "request handler", "route handler", "resolver",
        "server", "http server", "web server", "app server", "crud", "crud operations", "status code",
        "http status", "internal server error", "500 error", "500 internal server error", "502 bad gateway",
        "request body", "response body", "json response", "request payload", "query parameter", "query param",
        "rate limiter", "idempotency", "idempotent", "django", "drf", "flask", "fastapi", "express", "expressjs",
        "nestjs", "spring boot", "springboot", "laravel", "symfony", "rails", "ruby on rails", "phoenix", "actix",
        "axum", "asp net", "asp net core", "gin", "fiber", "koa", "fastify", "hono", "node js", "nodejs", "tornado",
        "starlette", "uvicorn", "gunicorn", "openapi", "swagger", "json rpc", "jsonrpc", "websocket server",
        "socket server", "business logic", "service layer", "dto", "serializer",
    ]),
    (7, &[
        "api key", "route", "routing", "request", "response", "payload", "service", "handler", "http",
        "get request", "post request", "put request", "rpc", "websocket", "sse", "server sent events", "jwt",
        "jwt token", "email sending", "send email", "send mail", "sending email", "confirmation email",
        "confirmation mail", "verification email", "welcome email", "email notification", "registration mail",
        "registration email", "reset email", "password reset email", "smtp", "mailer", "worker", "queue",
        "scheduler", "cache invalidation", "caching", "cache layer", "memcached", "serialization",
        "deserialization", "deserialize", "pagination api", "paginated", "server crash", "server crashes",
        "concurrency", "race condition", "thread pool", "thread safety", "memory leak in server", "daemon",
        "stripe", "payment gateway", "payment processing", "payments", "third party api", "integration with",
        "user model", "data validation", "request validation", "validation errors", "auth service",
        "auth middleware", "login endpoint", "registration endpoint", "refresh endpoint", "http client", "timeout",
        "retry logic", "http 500", "http 404", "http 400", "404 response", "rate limited", "spring", "go server",
        "golang service", "tokio", "async runtime", "s3 upload", "file upload api", "presigned", "oauth callback",
        "etl", "parse json", "xml parsing", "batch processing", "event bus", "event sourcing", "pub sub", "pubsub",
        "mqtt", "crawler", "scraper",
    ]),
    (4, &[
        "validation", "validate", "pagination", "email", "mail", "session", "cache", "login", "registration",
        "register", "sign up", "signup", "user registration", "json", "500", "404", "403", "401", "400", "502",
        "503", "async", "sync", "synchronization", "integration", "notification service", "upload", "logger",
        "logging", "auth", "authentication", "token", "job", "parser", "import", "export", "exception",
        "fetch data", "fetching data", "throughput", "latency", "client library", "sdk", "model", "thread",
        "socket", "port", "stream", "streaming", "subscription", "billing", "webserver", "logic",
        "nullpointerexception", "null pointer exception", "algorithm for", "processing",
    ]),
    (2, &[
        "post", "invoice", "user", "account", "fetch", "data", "performance", "connection", "returns", "retrieve",
        "filter", "search", "create", "update", "logout", "provider", "module", "plugin", "handle", "call",
    ]),
    // Other languages.
    (10, &[
        "servidor", "punto de enlace", "ponto de extremidade", "serveur", "cote serveur", "serverseitig",
        "schnittstelle", "serverfehler", "бэкенд", "бекенд", "бэк", "сервер", "сервера", "сервере", "эндпоинт",
        "апи", "后端", "後端", "接口", "服务端", "服务器", "伺服器", "请求", "响应", "バックエンド", "サーバー",
        "サーバ", "サーバーサイド", "エンドポイント", "リクエスト", "レスポンス", "백엔드", "서버", "엔드포인트",
        "요청", "응답", "컨트롤러", "미들웨어",
    ]),
    (5, &[
        "peticion", "peticiones", "respuesta", "requisicao", "requisicoes", "resposta", "requete", "reponse",
        "anfrage", "anfragen", "antwort", "запрос", "запросы", "ответ", "服务", "登录", "注册", "队列", "缓存",
        "定时任务", "邮件", "サービス", "ログイン", "登録", "メール送信", "キャッシュ", "서비스", "로그인",
        "회원가입", "이메일", "캐시",
    ]),
];
