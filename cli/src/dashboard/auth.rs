//! Authentication: a user name and password, a token, or a cookie issued by the log-in page.
//!
//! ```text
//!   Authorization: Basic | Bearer ─► digest ─► compared with the configured digest, in constant time
//!   log-in page ─► the same ─► a random value ─► cookie (HttpOnly, SameSite=Strict); we keep only its digest
//! ```
//!
//! Wrong credentials are counted by source address; after too many, that address has to wait.
//! Clients that are logged in do not.

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

/// Maximum number of valid log-ins; a new one ends the oldest.
const N_LOGINS_MAX: usize = 64;

/// How long a log-in is valid: long enough for an overnight session and the next morning.
const LOGIN_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Wrong credentials from one address before it has to wait. Users make a few mistakes; a guessing
/// program makes many.
const N_WRONG_MAX: u32 = 10;

/// How long an address has to wait, and how long its failures are remembered.
const WRONG_TIME: Duration = Duration::from_secs(60);

/// Maximum number of addresses to remember. Beyond that the oldest is dropped, so that strangers
/// cannot fill the memory.
const N_PLACES_MAX: usize = 1_024;

/// Maximum size of credentials, in bytes.
const CREDENTIALS_BYTES_MAX: usize = 4_096;

/// A SHA-256 digest. Its fixed length prevents a comparison from revealing the length of a secret.
type Fingerprint = [u8; 32];

/// Checks credentials.
pub(crate) struct Auth {
    /// `None` if authentication is off.
    wanted: Option<Wanted>,
    /// Name of the cookie. It contains the port, because cookies are shared between ports.
    cookie: String,
    logins: Mutex<Vec<Login>>,
    wrong: Mutex<BTreeMap<IpAddr, FailedLogins>>,
}

struct Wanted {
    basic: Option<(Fingerprint, Fingerprint)>,
    token: Option<Fingerprint>,
}

struct Login {
    value: Fingerprint,
    ends_at: Instant,
}

struct FailedLogins {
    n: u32,
    since: Instant,
}

/// The fields of the log-in form.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct LoginForm {
    username: String,
    password: String,
    token: String,
}

/// The fields that the log-in page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) password: bool,
    pub(crate) token: bool,
}

impl Auth {
    /// Creates the value from the settings, which have been validated: if authentication is on,
    /// there are credentials.
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

    /// Returns whether authentication is on.
    pub(crate) const fn is_on(&self) -> bool {
        self.wanted.is_some()
    }

    /// Returns the fields that the log-in page shows.
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
    /// If they are missing or wrong, or if there were too many wrong ones from this address.
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

    /// Checks the log-in form. Returns the cookie to set, or `None` if the credentials are wrong.
    ///
    /// # Errors
    /// If there were too many wrong ones from this address.
    pub(crate) fn log_in(
        &self,
        typed: &LoginForm,
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
            // Both are always compared, to keep the time constant.
            wanted.accepts(&pair) | wanted.accepts(&token)
        })?;
        if !is_right {
            return Ok(None);
        }
        Ok(self.remember())
    }

    /// Ends the log-in of a request. Returns the cookie that removes it from the browser.
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
        HeaderValue::from_str(&text).expect("the cookie's name is a valid header value")
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

    /// Creates a log-in; `None` if the system has no random numbers.
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
        Some(HeaderValue::from_str(&text).expect("hexadecimal digits are valid header values"))
    }

    /// Tries credentials, unless there were too many failures from this address recently.
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
            wrong
                .entry(place)
                .or_insert(FailedLogins { n: 0, since: now })
                .n += 1;
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

    /// Returns the authentication challenges for programs. Scripts get none, because the browser
    /// would open a dialog over the page.
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

/// Returns the address under which failures are counted: for IPv6 the network, because one client
/// has many addresses.
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
    // The protected data is consistent even if a holder panicked.
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
        // ada:pass:word, ada:wrong, and one without a colon.
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
        let typed = LoginForm {
            token: "t0ken".to_owned(),
            ..LoginForm::default()
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
            auth.log_in(&LoginForm::default(), HERE).unwrap().is_none(),
            "empty fields are not credentials"
        );
    }

    #[test]
    fn only_a_guessing_client_has_to_wait() {
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
