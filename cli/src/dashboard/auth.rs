//! Who may see the dashboard: a user name and a password, a token, or a cookie that the log-in page gave for either.
//!
//! ```text
//!   Authorization: Basic | Bearer ─► digest ─► compared with the digest of what is configured, in constant time
//!   log-in page ─► the same ─► a random value ─► cookie (HttpOnly, SameSite=Strict); we keep its digest alone
//! ```
//!
//! Wrong credentials are counted by where they come from; too many, and that place waits. Somebody who is logged in does not.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use autoissue_core::config::{AuthKind, AuthSettings, SecretOrEnv};
use axum::http::{HeaderMap, HeaderValue, header};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::guard;
use super::problem::Problem;

/// Log-ins that are valid at once; a new one ends the oldest.
const N_LOGINS_MAX: usize = 64;

/// How long a log-in is valid: a night and the morning after.
const LOGIN_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Wrong credentials from one place before it waits. People mistype; a program that guesses does it more often.
const N_WRONG_MAX: u32 = 10;

/// How long a place waits, and how long its wrong credentials are remembered.
const WRONG_TIME: Duration = Duration::from_secs(60);

/// Places that are remembered. Beyond it, the oldest is forgotten: memory is not for strangers to fill.
const N_PLACES_MAX: usize = 1_024;

/// Longest credentials that are looked at.
const CREDENTIALS_BYTES_MAX: usize = 4_096;

/// A SHA-256 digest: of a fixed length, so that a comparison tells nothing of the length of a secret either.
type Fingerprint = [u8; 32];

/// Checks credentials.
pub(crate) struct Auth {
    /// Absent where nobody is asked.
    wanted: Option<Wanted>,
    /// Name of the cookie. Cookies know no ports, so it has ours in its name.
    cookie: String,
    logins: Mutex<Vec<Login>>,
    wrong: Mutex<BTreeMap<IpAddr, Wrong>>,
}

struct Wanted {
    basic: Option<(Fingerprint, Fingerprint)>,
    token: Option<Fingerprint>,
}

struct Login {
    value: Fingerprint,
    ends_at: Instant,
}

struct Wrong {
    n: u32,
    since: Instant,
}

/// What somebody typed on the log-in page.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Typed {
    username: String,
    password: String,
    token: String,
}

/// Which fields the log-in page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) password: bool,
    pub(crate) token: bool,
}

impl Auth {
    /// Takes what is configured. The configuration was checked: where credentials are asked for, there are some.
    pub(crate) fn new(settings: &AuthSettings, port: u16) -> Self {
        let wanted = settings.enabled.then(|| Wanted::new(settings));
        let cookie = format!("autoissue-{port}");
        Self {
            wanted,
            cookie,
            logins: Mutex::default(),
            wrong: Mutex::default(),
        }
    }

    /// Returns whether anybody is asked.
    pub(crate) const fn is_on(&self) -> bool {
        self.wanted.is_some()
    }

    /// Returns which fields the log-in page shows.
    pub(crate) fn fields(&self) -> Fields {
        let wanted = self.wanted.as_ref();
        Fields {
            password: wanted.is_some_and(|wanted| wanted.basic.is_some()),
            token: wanted.is_some_and(|wanted| wanted.token.is_some()),
        }
    }

    /// Checks the credentials of a request.
    ///
    /// # Errors
    /// Where they are missing or wrong, or where too many wrong ones came from there.
    pub(crate) fn check(&self, headers: &HeaderMap, from: IpAddr) -> Result<(), Problem> {
        let Some(wanted) = &self.wanted else {
            return Ok(());
        };
        if self.is_logged_in(headers) {
            return Ok(());
        }
        if !headers.contains_key(header::AUTHORIZATION) {
            return Err(Problem::credentials(wanted.challenges(headers)));
        }
        self.try_once(from, || {
            authorization(headers).is_some_and(|given| wanted.accepts(&given))
        })
        .and_then(|is_right| {
            if is_right {
                Ok(())
            } else {
                Err(Problem::credentials(wanted.challenges(headers)))
            }
        })
    }

    /// Checks what was typed on the log-in page; returns the cookie to set, or `None` where it is wrong.
    ///
    /// # Errors
    /// Where too many wrong ones came from there.
    pub(crate) fn log_in(
        &self,
        typed: &Typed,
        from: IpAddr,
    ) -> Result<Option<HeaderValue>, Problem> {
        let Some(wanted) = &self.wanted else {
            return Ok(None);
        };
        let is_right = self.try_once(from, || {
            let pair = Given::Basic(
                fingerprint(typed.username.as_bytes()),
                fingerprint(typed.password.as_bytes()),
            );
            let token = Given::Bearer(fingerprint(typed.token.as_bytes()));
            // Both are always compared.
            wanted.accepts(&pair) | wanted.accepts(&token)
        })?;
        if !is_right {
            return Ok(None);
        }
        Ok(self.remember())
    }

    /// Ends the log-in of a request; returns the cookie that takes it out of the browser.
    pub(crate) fn log_out(&self, headers: &HeaderMap) -> HeaderValue {
        let given: Vec<Fingerprint> = self
            .cookies(headers)
            .map(|value| fingerprint(value.as_bytes()))
            .collect();
        lock(&self.logins).retain(|login| {
            !given
                .iter()
                .any(|given| bool::from(given.ct_eq(&login.value)))
        });
        let text = format!(
            "{}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0",
            self.cookie
        );
        HeaderValue::from_str(&text).expect("the name of the cookie is ours")
    }

    fn is_logged_in(&self, headers: &HeaderMap) -> bool {
        let now = Instant::now();
        let mut logins = lock(&self.logins);
        logins.retain(|login| now < login.ends_at);
        let is_known = |value: &str| {
            let given = fingerprint(value.as_bytes());
            let known = logins.iter().fold(Choice::from(0), |known, login| {
                known | given.ct_eq(&login.value)
            });
            bool::from(known)
        };
        self.cookies(headers).any(is_known)
    }

    fn cookies<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let values = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let pairs = values
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        pairs
            .filter(|(name, value)| *name == self.cookie && value.len() <= CREDENTIALS_BYTES_MAX)
            .map(|(_, value)| value)
    }

    /// Makes a log-in; `None` where the system has no random numbers, and then nobody logs in.
    fn remember(&self) -> Option<HeaderValue> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).ok()?;
        let value = hex::encode(bytes);
        let mut logins = lock(&self.logins);
        if logins.len() == N_LOGINS_MAX {
            logins.remove(0);
        }
        logins.push(Login {
            value: fingerprint(value.as_bytes()),
            ends_at: Instant::now() + LOGIN_TIME_MAX,
        });
        let seconds = LOGIN_TIME_MAX.as_secs();
        let text = format!(
            "{}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}",
            self.cookie
        );
        Some(HeaderValue::from_str(&text).expect("hexadecimal digits"))
    }

    /// Lets somebody try, unless too many wrong tries came from there lately.
    fn try_once(&self, from: IpAddr, is_right: impl FnOnce() -> bool) -> Result<bool, Problem> {
        let place = place(from);
        let now = Instant::now();
        {
            let mut wrong = lock(&self.wrong);
            wrong.retain(|_, wrong| now < wrong.since + WRONG_TIME);
            if let Some(wrong) = wrong.get(&place).filter(|wrong| N_WRONG_MAX <= wrong.n) {
                let left = (wrong.since + WRONG_TIME).saturating_duration_since(now);
                return Err(Problem::too_many_tries(left.as_secs() + 1));
            }
        }
        let is_right = is_right();
        if !is_right {
            let mut wrong = lock(&self.wrong);
            if wrong.len() == N_PLACES_MAX && !wrong.contains_key(&place) {
                let oldest = wrong
                    .iter()
                    .min_by_key(|(_, wrong)| wrong.since)
                    .map(|(place, _)| *place);
                oldest.map(|oldest| wrong.remove(&oldest));
            }
            wrong.entry(place).or_insert(Wrong { n: 0, since: now }).n += 1;
        }
        Ok(is_right)
    }
}

/// Credentials of a request, as digests.
enum Given {
    Basic(Fingerprint, Fingerprint),
    Bearer(Fingerprint),
}

impl Wanted {
    fn new(settings: &AuthSettings) -> Self {
        fn known(secret: &Option<SecretOrEnv>) -> Option<Fingerprint> {
            match secret {
                Some(SecretOrEnv::Value(secret)) if !secret.is_empty() => {
                    Some(fingerprint(secret.expose().as_bytes()))
                }
                _ => None,
            }
        }

        let (basic, token) = match settings.kind {
            AuthKind::Basic => (true, false),
            AuthKind::Token => (false, true),
            AuthKind::Both => (true, true),
        };
        Self {
            basic: known(&settings.username)
                .zip(known(&settings.password))
                .filter(|_| basic),
            token: known(&settings.token).filter(|_| token),
        }
    }

    fn accepts(&self, given: &Given) -> bool {
        match given {
            Given::Basic(user, password) => {
                self.basic.as_ref().is_some_and(|(known_user, known)| {
                    bool::from(user.ct_eq(known_user) & password.ct_eq(known))
                })
            }
            Given::Bearer(token) => self
                .token
                .as_ref()
                .is_some_and(|known| bool::from(token.ct_eq(known))),
        }
    }

    /// Returns what a program may do about it. A page's script gets none: the browser would open a dialog over the page.
    fn challenges(&self, headers: &HeaderMap) -> Vec<HeaderValue> {
        if guard::is_script(headers) {
            return Vec::new();
        }
        let basic = self
            .basic
            .map(|_| HeaderValue::from_static("Basic realm=\"autoissue\", charset=\"UTF-8\""));
        let bearer = self
            .token
            .map(|_| HeaderValue::from_static("Bearer realm=\"autoissue\""));
        basic.into_iter().chain(bearer).collect()
    }
}

fn authorization(headers: &HeaderMap) -> Option<Given> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values
        .next()?
        .to_str()
        .ok()
        .filter(|value| value.len() <= CREDENTIALS_BYTES_MAX)?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Given::Bearer(fingerprint(rest.as_bytes())));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = BASE64_STANDARD.decode(rest).ok()?;
    let at = pair.iter().position(|byte| *byte == b':')?;
    Some(Given::Basic(
        fingerprint(&pair[..at]),
        fingerprint(&pair[at + 1..]),
    ))
}

fn fingerprint(bytes: &[u8]) -> Fingerprint {
    Sha256::digest(bytes).into()
}

/// Returns where wrong credentials are counted: an address, or, as one person has many of them, a network of IPv6.
fn place(from: IpAddr) -> IpAddr {
    match from {
        IpAddr::V6(address) if address.to_ipv4_mapped().is_none() => IpAddr::V6(
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)),
        ),
        IpAddr::V6(address) => address.to_canonical(),
        IpAddr::V4(_) => from,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind it is whole even if a holder panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use autoissue_core::secret::Secret;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn auth(kind: AuthKind) -> Auth {
        let secret = |text: &str| Some(SecretOrEnv::Value(Secret::new(text)));
        let (username, password, token) = (secret("ada"), secret("pass:word"), secret("t0ken"));
        Auth::new(
            &AuthSettings {
                enabled: true,
                kind,
                username,
                password,
                token,
            },
            3030,
        )
    }

    fn with(name: axum::http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    fn is_accepted(kind: AuthKind, authorization: &str) -> bool {
        auth(kind)
            .check(&with(header::AUTHORIZATION, authorization), HERE)
            .is_ok()
    }

    #[test]
    fn each_kind_accepts_its_own_credentials_and_no_others() {
        // ada:pass:word, ada:wrong, and no colon at all.
        let (right, wrong, odd) = (
            "Basic YWRhOnBhc3M6d29yZA==",
            "Basic YWRhOndyb25n",
            "basic YWRh",
        );
        assert!(is_accepted(AuthKind::Basic, right) && is_accepted(AuthKind::Both, right));
        assert!(!is_accepted(AuthKind::Token, right));
        assert!(
            is_accepted(AuthKind::Token, "Bearer t0ken")
                && is_accepted(AuthKind::Both, "bearer t0ken")
        );
        assert!(!is_accepted(AuthKind::Basic, "Bearer t0ken"));
        for given in [
            wrong,
            odd,
            "Basic",
            "Basic !",
            "Bearer ",
            "Bearer t0kem",
            "Digest x",
            "",
        ] {
            assert!(!is_accepted(AuthKind::Both, given), "{given}");
        }
    }

    #[test]
    fn a_log_in_gives_a_cookie_that_is_not_the_token_and_a_log_out_ends_it() {
        let auth = auth(AuthKind::Token);
        let typed = Typed {
            token: "t0ken".to_owned(),
            ..Typed::default()
        };
        let cookie = auth
            .log_in(&typed, HERE)
            .unwrap()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        assert!(!cookie.contains("t0ken"));
        for part in [
            "autoissue-3030=",
            "; HttpOnly",
            "; SameSite=Strict",
            "; Path=/",
        ] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let pair = cookie.split(';').next().unwrap();
        let headers = with(header::COOKIE, &format!("other=1; {pair}"));
        assert!(auth.check(&headers, HERE).is_ok());
        auth.log_out(&headers);
        assert!(auth.check(&headers, HERE).is_err());
        assert!(
            auth.log_in(&Typed::default(), HERE).unwrap().is_none(),
            "empty fields are no credentials"
        );
    }

    #[test]
    fn whoever_guesses_waits_and_nobody_else_does() {
        let auth = auth(AuthKind::Token);
        let (wrong, right) = (
            with(header::AUTHORIZATION, "Bearer x"),
            with(header::AUTHORIZATION, "Bearer t0ken"),
        );
        let status = |headers: &HeaderMap, from: IpAddr| {
            use axum::response::IntoResponse;
            auth.check(headers, from).map_or_else(
                |problem| problem.into_response().status().as_u16(),
                |()| 200,
            )
        };
        assert!((0..N_WRONG_MAX).all(|_| status(&wrong, HERE) == 401));
        assert_eq!(
            (status(&wrong, HERE), status(&right, HERE)),
            (429, 429),
            "even the right one could be a guess"
        );
        assert_eq!(status(&right, "192.168.1.7".parse().unwrap()), 200);
        for n in 0..2 * N_PLACES_MAX {
            status(&wrong, IpAddr::V6(Ipv6Addr::from_bits((n as u128) << 64)));
        }
        assert!(lock(&auth.wrong).len() <= N_PLACES_MAX);
    }

    #[test]
    fn a_script_gets_no_challenge_and_a_program_does() {
        let auth = auth(AuthKind::Both);
        let challenges =
            |headers: &HeaderMap| auth.wanted.as_ref().unwrap().challenges(headers).len();
        assert_eq!(challenges(&HeaderMap::new()), 2);
        assert_eq!(
            challenges(&with(
                axum::http::HeaderName::from_static("sec-fetch-mode"),
                "cors"
            )),
            0
        );
    }
}
