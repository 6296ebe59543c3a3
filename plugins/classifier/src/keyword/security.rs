//! Words of security: names of attacks and weaknesses, and of protections. Logging in is also
//! everyday backend and frontend work, so it weighs little.

use crate::lexicon::Entries;

#[rustfmt::skip]
pub(super) const WORDS: Entries = &[
    // Unambiguous words.
    (10, &[
        "vulnerability", "vulnerabilities", "vulnerable", "cve", "cwe", "ghsa", "xss", "cross site scripting",
        "csrf", "xsrf", "cross site request forgery", "ssrf", "server side request forgery", "rce",
        "remote code execution", "sql injection", "sqli", "nosql injection", "command injection", "code injection",
        "shell injection", "html injection", "header injection", "log injection", "prompt injection",
        "template injection", "injection attack", "xxe", "clickjacking", "path traversal", "directory traversal",
        "privilege escalation", "redos", "security", "open redirect", "idor", "prototype pollution",
        "use after free", "heap overflow", "buffer overflow", "stack overflow vulnerability", "out of bounds read",
        "out of bounds write", "arbitrary code", "arbitrary code execution", "arbitrary file read", "zip slip",
        "dependency confusion", "security headers", "secure headers", "content security policy", "hsts",
        "security audit", "security advisory", "security vulnerability", "security issue", "security policy",
        "security scan", "security review", "pentest", "penetration test", "penetration testing", "owasp",
        "exploit", "exploitable", "brute force", "bruteforce", "brute forcing", "credential stuffing",
        "timing attack", "replay attack", "man in the middle", "mitm", "zero day", "responsible disclosure",
        "insecure", "malware", "phishing", "session fixation", "session hijacking", "rate limit login",
        "login rate limiting", "insecure direct object reference", "broken access control", "login attempts",
        "failed login attempts", "account lockout", "password hashing", "hash passwords", "plaintext password",
        "plain text password", "password in plain text", "passwords in plain text", "secrets leak", "leaked secret",
        "hardcoded secret", "hardcoded credentials", "hardcoded password", "hard coded password",
        "hard coded credentials", "exposed api key", "exposed secrets",
    ]),
    (8, &[
        "attacker", "malicious", "tampering", "spoofing", "harden", "hardening", "sandbox escape",
        "untrusted input", "unsanitized", "unsanitised", "unescaped", "in plain text", "in clear text",
        "in plaintext", "npm audit", "cargo audit", "pip audit", "snyk", "trivy", "codeql", "sast", "dast",
        "secret scanning", "threat model", "two factor", "2fa", "mfa", "totp", "two factor authentication",
        "multi factor authentication", "webauthn", "passkey", "bcrypt", "argon2", "scrypt", "pbkdf2",
        "md5 password", "weak password", "password policy", "password strength", "weak cipher", "access control",
        "rbac", "role based access", "role based access control", "least privilege", "data leak", "data breach",
        "information disclosure", "leaks token", "token leak", "leak credentials", "csp", "samesite", "httponly",
        "secure cookie", "secure flag", "x frame options", "x content type options", "encrypt", "encrypted",
        "encryption", "decrypt", "decryption", "end to end encryption", "e2ee", "cryptographic", "cryptography",
        "privilege", "unauthorized access", "unauthorised access", "bypass", "bypasses", "auth bypass",
        "authentication bypass", "dos attack", "ddos", "denial of service", "hijack", "hijacking", "forgery",
        "impersonate", "impersonation", "sanitize", "sanitise", "sanitization", "sanitizing", "sanitizer bypass",
        "security related", "security fix", "security update", "security patch", "security risk",
        "security concern", "security hole", "secure",
    ]),
    (6, &[
        "authorization", "authorisation", "permission check", "missing permission", "acl", "secret", "credential",
        "access token", "refresh token", "token rotation", "key rotation", "rotate keys", "signature verification",
        "verify signature", "certificate validation", "certificate pinning", "tls verification", "self signed",
        "dompurify", "innerhtml", "dangerouslysetinnerhtml", "eval", "captcha", "recaptcha", "sandbox",
        "sandboxing", "audit log", "audit logging", "gdpr", "pii", "privacy", "sensitive data",
        "sensitive information", "api key exposed", "rate limiting", "rate limit", "throttle login", "lock account",
        "lock out", "seccomp", "apparmor", "selinux", "setuid", "keyring", "password reset token", "jwt secret",
        "cors misconfiguration",
    ]),
    (4, &[
        "attack", "oauth", "oauth2", "oidc", "openid", "saml", "sso", "single sign on", "ldap", "kerberos",
        "permission", "authentication", "auth", "authenticate", "authenticated", "unauthenticated", "password",
        "tls", "ssl", "cipher", "certificate", "escape html", "escaping", "role", "session expiry",
        "session timeout", "token expiration", "gpg", "pgp", "signing key", "leak", "leaked", "exposed", "exposes",
        "nonce", "entropy",
    ]),
    (4, &["plain text", "plaintext", "cleartext"]),
    (3, &[
        "jwt", "cors", "session cookie", "cookie", "admin access", "log in attempts", "validate input",
        "input validation", "hash", "salt", "unauthorized", "forbidden", "trusted", "untrusted",
    ]),
    (2, &["login", "log in", "sign in", "logout", "token"]),
    // Other languages.
    (10, &[
        "seguridad", "vulnerabilidad", "seguranca", "vulnerabilidade", "inyeccion sql", "injecao de sql",
        "securite", "vulnerabilite", "faille de securite", "faille", "sicherheitslucke", "sicherheit",
        "schwachstelle", "sicurezza", "beveiliging", "безопасность", "безопасности", "уязвимость", "уязвимости",
        "注入攻击", "注入", "漏洞", "安全漏洞", "安全", "安全问题", "暴力破解", "越权", "提权", "跨站", "脆弱性",
        "セキュリティ", "インジェクション", "보안", "취약점", "인젝션",
    ]),
    (6, &[
        "ataque", "atacante", "cifrado", "chiffrement", "attaque", "verschlusselung", "angreifer", "angriff",
        "шифрование", "加密", "攻击", "泄露", "权限", "敏感信息", "暗号化", "攻撃", "権限", "漏洩", "암호화",
        "권한", "공격", "유출",
    ]),
    (4, &[
        "contrasena", "autenticacion", "permisos", "autenticacao", "senha", "permissoes", "mot de passe",
        "authentification", "passwort", "berechtigung", "berechtigungen", "anmeldung", "пароль", "авторизация",
        "аутентификация", "认证", "鉴权", "密码", "認証", "パスワード", "인증", "비밀번호",
    ]),
];
