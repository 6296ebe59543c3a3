//! Decides which environment variables contain secrets, and which part of their values is secret.
//!
//! In general, variables named like a key or a password are secrets. Of the variables that an
//! agent's program is given on purpose, all are secrets, except addresses and names.

/// Words in the names of variables that contain secrets.
const SECRET_WORDS: [&str; 10] = [
    "TOKEN",
    "SECRET",
    "SECRETS",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "APIKEY",
    "CREDENTIALS",
    "HEADER",
    "HEADERS",
];

/// Suffixes of the names of variables that contain secrets. Elsewhere in a name, these words are
/// too common.
const SECRET_ENDINGS: [&str; 9] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSPHRASE",
    "APIKEY",
    "_KEY",
    "_PAT",
    "_PASS",
    "_PWD",
];

/// Suffixes of the names of variables that contain an address, a path, or the name of something.
const PLAIN_ENDINGS: [&str; 23] = [
    "_URL",
    "_URI",
    "_HOST",
    "_HOSTNAME",
    "_PORT",
    "_ENDPOINT",
    "_ADDRESS",
    "_REGION",
    "_MODEL",
    "_PROFILE",
    "_PROJECT",
    "_PROJECT_ID",
    "_RESOURCE",
    "_FILE",
    "_DIR",
    "_DIRECTORY",
    "_HOME",
    "_NAME",
    "_USER",
    "_USERNAME",
    "_ENV",
    "_LEVEL",
    "_APPLICATION_CREDENTIALS",
];

/// Variables that are well known to contain settings: hiding them would only make logs hard to
/// read. A name that can contain anything, such as `JAVA_OPTS`, is not among them.
const SETTINGS: [&str; 34] = [
    "CI",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLORTERM",
    "COLUMNS",
    "DEBIAN_FRONTEND",
    "DISPLAY",
    "EDITOR",
    "FORCE_COLOR",
    "GOARCH",
    "GOFLAGS",
    "GOOS",
    "GOTOOLCHAIN",
    "LANG",
    "LANGUAGE",
    "LINES",
    "LOGNAME",
    "MAKEFLAGS",
    "NODE_OPTIONS",
    "NO_COLOR",
    "OLDPWD",
    "PAGER",
    "PWD",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONUNBUFFERED",
    "RUSTFLAGS",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "SHELL",
    "TERM",
    "TERM_PROGRAM",
    "TZ",
    "VISUAL",
];

/// Prefixes of such names: locales (`LC_ALL`), and directories of desktops (`XDG_CACHE_HOME`).
const SETTINGS_BEGINNINGS: [&str; 2] = ["LC_", "XDG_"];

/// Returns the secrets in the value of a variable of the user's environment.
pub(super) fn secrets_of<'a>(name: &str, value: &'a str) -> Vec<&'a str> {
    let name = name.to_ascii_uppercase();
    if is_plain(&name) || !is_secret(&name) {
        return password(value).into_iter().collect();
    }
    secrets_in(&name, value)
}

/// Returns the secrets in the value of a variable that a program is given on purpose.
pub(super) fn secrets_passed<'a>(name: &str, value: &'a str) -> Vec<&'a str> {
    let name = name.to_ascii_uppercase();
    if is_plain(&name) || !is_secret(&name) && is_address(value) {
        return password(value).into_iter().collect();
    }
    secrets_in(&name, value)
}

fn is_secret(name: &str) -> bool {
    SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || name.split('_').any(|word| SECRET_WORDS.contains(&word))
}

fn is_plain(name: &str) -> bool {
    if SETTINGS.contains(&name) || SETTINGS_BEGINNINGS.iter().any(|it| name.starts_with(it)) {
        return true;
    }
    // `PYTHONPATH` and `GOPATH` are written without an underscore.
    let name = format!("_{name}");
    name.ends_with("PATH") || PLAIN_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn is_address(value: &str) -> bool {
    value.contains("://") || value.starts_with(['/', '~']) || value.starts_with("./")
}

/// Returns the value and, if it consists of headers, its parts: a program may print one header as
/// well as all of them.
fn secrets_in<'a>(name: &str, value: &'a str) -> Vec<&'a str> {
    if name.split('_').any(|word| word.starts_with("HEADER")) {
        return value.lines().flat_map(header_values).collect();
    }
    let mut secrets = vec![value];
    secrets.extend(password(value));
    secrets
}

/// Returns the values in a line of headers: `Name: value`, or `name=value,name=value`. For `Bearer
/// value`, also the value alone.
fn header_values(line: &str) -> Vec<&str> {
    let is_name = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    let values: Vec<&str> = match line.split_once(':') {
        Some((name, value)) if is_name(name.trim()) && !name.contains('=') => vec![value],
        _ => line
            .split(',')
            .map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value))
            .collect(),
    };
    let values = values.into_iter().map(str::trim);
    values
        .flat_map(|value| {
            let credentials = value.split_once(' ').map(|(_, credentials)| credentials);
            std::iter::once(value).chain(credentials.map(str::trim))
        })
        .collect()
}

/// Returns the password in a URL.
fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let (user, _) = rest.split(['/', '?', '#']).next()?.rsplit_once('@')?;
    Some(user.split_once(':')?.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_secrets_are_all_that_a_program_is_given_except_addresses_and_names() {
        for (name, value, expected) in [
            ("AWS_BEARER_TOKEN_BEDROCK", "abc", vec!["abc"]),
            ("LICENSE", "a-b-c", vec!["a-b-c"]),
            ("AWS_ACCESS_KEY_ID", "AKIA", vec!["AKIA"]),
            ("A_KEY", "/x+y=", vec!["/x+y="]),
            ("AWS_REGION", "eu-central-1", vec![]),
            ("USER", "somebody", vec![]),
            ("ANTHROPIC_VERTEX_PROJECT_ID", "shop-1", vec![]),
            ("ANTHROPIC_BASE_URL", "https://a:b@host/", vec!["b"]),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/home/me/a.json", vec![]),
            ("DATA", "/srv/data", vec![]),
            ("DATABASE", "postgres://a:b@host/", vec!["b"]),
            ("NODE_OPTIONS", "--max-old-space-size=4096", vec![]),
            ("LANG", "de_DE.UTF-8", vec![]),
            ("lc_all", "de_DE.UTF-8", vec![]),
            ("TZ", "Europe/Berlin", vec![]),
            ("PYTHONPATH", "src:lib/python", vec![]),
            ("RUST_LOG", "debug,hyper=info", vec![]),
            // These can contain anything.
            ("JAVA_OPTS", "-Dpassword=abc", vec!["-Dpassword=abc"]),
            ("LANG_TOKEN", "abc", vec!["abc"]),
            ("MY_OPTIONS", "a b c", vec!["a b c"]),
        ] {
            assert_eq!(secrets_passed(name, value), expected, "{name}");
        }
    }

    #[test]
    fn each_header_value_is_a_separate_secret() {
        let value = "X-Auth: one\nAuthorization: Bearer two\n";
        let expected = ["one", "Bearer two", "two"];
        assert_eq!(secrets_of("ANTHROPIC_CUSTOM_HEADERS", value), expected);
        assert_eq!(
            secrets_passed("OTEL_EXPORTER_OTLP_HEADERS", "api-key=one,x=two:2"),
            ["one", "two:2"]
        );
    }

    #[test]
    fn other_variables_are_secrets_by_their_name() {
        for (name, value, expected) in [
            ("GITHUB_TOKEN", "abc", vec!["abc"]),
            ("aws_secret_access_key", "abc", vec!["abc"]),
            ("NPM_TOKEN_FILE", "/home/me/.token", vec![]),
            ("EDITOR", "vi", vec![]),
            ("HTTPS_PROXY", "http://a:b@proxy", vec!["b"]),
        ] {
            assert_eq!(secrets_of(name, value), expected, "{name}");
        }
    }
}
