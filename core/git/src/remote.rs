//! The repository on the forge, as git accesses it: its URLs, and the token in the environment.
//! Runs the user's own git, so that ssh, credential helpers and proxies behave as people expect.

mod upload;

use std::collections::BTreeMap;
use std::path::Path;

use autoissue_secret::Secret;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::BRANCH_PREFIX;
use crate::commit_id::CommitId;
use crate::program::{Git, GitError, redact};
pub use upload::{LfsError, classify_upload_failure, lfs_is_configured, lfs_version};

/// Exit code of `git remote get-url` for a remote that does not exist.
const NO_SUCH_REMOTE: i32 = 2;
/// Most lines of a server's message that are shown for a refused push.
const REASON_LINES_MAX: usize = 8;
/// End of git's message about a URL that does not lead to a repository.
const NO_REPOSITORY: &str = "' does not appear to be a git repository";
/// What to do if `git-lfs` is missing.
pub const INSTALL_LFS: &str = "install Git LFS (https://git-lfs.com), then run `git lfs install`";
/// Issue number of the branch used in dry runs of a push; no issue has this number.
const REHEARSED: u64 = 0;
/// The variable that the credential helper reads the token from. Its name must not contain `GIT_`:
/// see [`credential_helper`].
const TOKEN_VARIABLE: &str = "AUTOISSUE_FORGE_TOKEN";
/// User name with which GitHub accepts a token as a password; any name would do.
const TOKEN_USER: &str = "x-access-token";

/// A remote repository.
#[derive(Clone, Debug)]
pub struct Remote {
    git: Git,
    fetch_url: String,
    push_url: String,
    /// Contains the token, and must not be printed.
    env: GitEnvironment,
    /// The same for git commands that start other programs.
    env_of_programs: GitEnvironment,
}

/// The state of one of our branches and of the base at a remote, read with one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadsAround {
    /// The head of the branch, if it exists.
    pub branch: Option<CommitId>,
    /// A branch whose name conflicts with ours.
    pub in_the_way: Option<String>,
    /// The head of the base, if it exists.
    pub base: Option<CommitId>,
}

/// Variables for git that may contain a secret.
#[derive(Clone, Default)]
struct GitEnvironment(Vec<(String, String)>);

impl std::fmt::Debug for GitEnvironment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() {
            "none"
        } else {
            autoissue_secret::MASK
        })
    }
}

impl GitEnvironment {
    /// Returns the variables with another setting of git's configuration.
    fn with(&self, key: &str, value: &str) -> Self {
        const COUNT: &str = "GIT_CONFIG_COUNT";
        let mut variables = self.0.clone();
        let count = variables.iter_mut().find(|(name, _)| name == COUNT);
        let n_before: usize = match &count {
            Some((_, count)) => count.parse().expect("the count is a number that we wrote"),
            None => 0,
        };
        let n_now = (n_before + 1).to_string();
        match count {
            Some((_, count)) => *count = n_now,
            None => variables.push((COUNT.to_owned(), n_now)),
        }
        variables.push((format!("GIT_CONFIG_KEY_{n_before}"), key.to_owned()));
        variables.push((format!("GIT_CONFIG_VALUE_{n_before}"), value.to_owned()));
        Self(variables)
    }
}

/// Why an operation on the remote failed.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The remote cannot be reached, or denies access.
    #[error("cannot read `{remote}`")]
    Unreachable {
        /// Its URL, without credentials.
        remote: String,
        /// Git's error.
        #[source]
        source: GitError,
    },
    /// The checkout's configuration cannot be read.
    #[error("failed to read the remote `origin`")]
    Origin {
        /// Git's error.
        #[source]
        source: GitError,
    },
    /// The branch does not exist.
    #[error("branch `{branch}` does not exist in `{remote}`")]
    NoBranch {
        /// The branch.
        branch: String,
        /// Its URL, without credentials.
        remote: String,
    },
    /// The repository is empty.
    #[error("`{remote}` has no commits yet")]
    Empty {
        /// Its URL, without credentials.
        remote: String,
    },
}

/// What to do if git cannot reach a remote.
pub(crate) const LS_REMOTE: &str = "check that `git ls-remote` works with that URL; over https the token needs access, over ssh your key";

impl RemoteError {
    /// Returns what the user can do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => LS_REMOTE,
            Self::Origin { .. } => "check that `git remote get-url origin` works there",
            Self::NoBranch { .. } => "set `project.baseBranch` to an existing branch",
            Self::Empty { .. } => "push a first commit",
        }
    }
}

impl Remote {
    /// Returns the remote of a repository on the forge: the checkout's `origin` if it is that
    /// repository, or else the forge's web URL. The token is sent to the forge's own host only, and
    /// only over `https` or to this machine.
    ///
    /// # Errors
    /// [`RemoteError::Origin`].
    pub fn of(
        git: Git,
        project: &Path,
        repo: &str,
        api_url: &str,
        token: &Secret,
    ) -> Result<Self, RemoteError> {
        let web = web_address(api_url);
        let from_forge = || format!("{web}/{repo}.git");
        let url = |args: &[&str]| -> Result<Option<String>, RemoteError> {
            let none: [(&str, &str); 0] = [];
            match git.run(project, args, &none, None) {
                Ok(printed) => Ok(Some(String::from_utf8_lossy(&printed).trim().to_owned())),
                Err(GitError::Failed {
                    code: Some(NO_SUCH_REMOTE),
                    ..
                }) => Ok(None),
                Err(source) => Err(RemoteError::Origin { source }),
            }
        };
        let is_it = |url: &String| names(url, repo);
        let fetch_url = url(&["remote", "get-url", "origin"])?
            .filter(is_it)
            .unwrap_or_else(from_forge);
        let push_url = url(&["remote", "get-url", "--push", "origin"])?
            .filter(is_it)
            .unwrap_or_else(from_forge);
        Ok(Self {
            git,
            fetch_url,
            push_url,
            env: GitEnvironment(credentials(&web, token)),
            env_of_programs: GitEnvironment(credential_helper(&web, token)),
        })
    }

    /// Returns its URL for people, without credentials.
    pub fn name(&self) -> String {
        redact(&self.fetch_url)
    }

    /// Returns whether git authenticates with the token instead of the user's ssh key.
    pub fn is_web(&self) -> bool {
        self.fetch_url.starts_with("https://") || self.fetch_url.starts_with("http://")
    }

    /// Returns the URL to fetch from.
    pub fn fetch_url(&self) -> &str {
        &self.fetch_url
    }

    /// Returns the URL to push to.
    pub(crate) fn push_url(&self) -> &str {
        &self.push_url
    }

    /// Returns the variables that let git authenticate. They may contain a token: pass them to git
    /// only.
    pub fn env(&self) -> &[(String, String)] {
        &self.env.0
    }

    /// Returns the variables that let git authenticate when it starts other programs, such as
    /// `git-lfs`. They may contain a token.
    pub fn env_of_programs(&self) -> &[(String, String)] {
        &self.env_of_programs.0
    }

    /// Returns the branch that work starts from: the configured one, or else the forge's default
    /// branch. If the forge did not report that, the remote is asked.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub fn base_branch(
        &self,
        configured: Option<&str>,
        forge_default: Option<&str>,
    ) -> Result<String, RemoteError> {
        let wanted = configured
            .or(forge_default)
            .map(|it| format!("refs/heads/{it}"));
        let patterns: Vec<&str> = ["HEAD"].into_iter().chain(wanted.as_deref()).collect();
        let answer = self.ask(&["--symref"], &patterns)?;
        if let Some(branch) = wanted.filter(|wanted| answer.heads.contains_key(wanted)) {
            return Ok(branch.trim_start_matches("refs/heads/").to_owned());
        }
        match (configured, answer.default) {
            (None, Some(default)) if answer.heads.contains_key("HEAD") => Ok(default),
            (Some(branch), _) => Err(RemoteError::NoBranch {
                branch: branch.to_owned(),
                remote: self.name(),
            }),
            (None, _) => Err(RemoteError::Empty {
                remote: self.name(),
            }),
        }
    }

    /// Returns the head of a branch, or `None` if the branch does not exist.
    ///
    /// # Errors
    /// [`RemoteError::Unreachable`].
    pub fn head(&self, branch: &str) -> Result<Option<CommitId>, RemoteError> {
        let name = format!("refs/heads/{branch}");
        Ok(self.ask(&["--heads"], &[&name])?.heads.remove(&name))
    }

    /// Returns the heads of a branch, of branches whose names conflict with it (one that would be a
    /// directory of its name, and those below it), and of the base. All of them are read with one
    /// request, because each costs a connection and three processes.
    ///
    /// # Errors
    /// [`RemoteError::Unreachable`].
    pub fn heads_around(&self, branch: &str, base: &str) -> Result<HeadsAround, RemoteError> {
        let above: Vec<&str> = branch
            .match_indices('/')
            .map(|(at, _)| &branch[..at])
            .collect();
        let below = format!("{branch}/");
        let names: Vec<String> = above
            .iter()
            .chain(&[branch, base])
            .map(|name| format!("refs/heads/{name}"))
            .chain([format!("refs/heads/{below}*")])
            .collect();
        let patterns: Vec<&str> = names.iter().map(String::as_str).collect();
        let heads = self.ask(&["--heads"], &patterns)?.heads.into_iter();
        let branch_of = |(name, head): (String, CommitId)| {
            Some((name.strip_prefix("refs/heads/")?.to_owned(), head))
        };
        let mut heads: BTreeMap<String, CommitId> = heads.filter_map(branch_of).collect();
        let (base, own) = (heads.get(base).cloned(), heads.remove(branch));
        let is_in_the_way = |name: &String| above.contains(&&**name) || name.starts_with(&below);
        Ok(HeadsAround {
            branch: own,
            in_the_way: heads.into_keys().find(is_in_the_way),
            base,
        })
    }

    /// Pushes a refspec from the repository in `dir`.
    ///
    /// # Errors
    /// Git's error; [`refusal`] returns whether the remote refused it.
    pub fn push(&self, dir: &Path, options: &[&str], refspec: &str) -> Result<(), GitError> {
        let mut args = vec!["push", "--porcelain", "--no-verify"];
        args.extend(options);
        args.extend(["--", &self.push_url, refspec]);
        self.git.run(dir, &args, self.env(), None).map(|_| ())
    }

    /// Asks the remote whether it would accept a branch of ours, without sending anything.
    ///
    /// # Errors
    /// Git's error; [`classify_failure`] interprets it.
    pub fn dry_run_push(&self, dir: &Path, commit: &CommitId) -> Result<(), GitError> {
        let refspec = format!("{commit}:refs/heads/{BRANCH_PREFIX}{REHEARSED}");
        self.push(dir, &["--dry-run"], &refspec)
    }

    fn ask(&self, options: &[&str], patterns: &[&str]) -> Result<Answer, RemoteError> {
        let mut args = vec!["ls-remote", "--quiet"];
        args.extend(options);
        args.extend(["--", &self.fetch_url]);
        args.extend(patterns);
        let printed = self.git.run(Path::new("/"), &args, self.env(), None);
        let printed = printed.map_err(|source| RemoteError::Unreachable {
            remote: self.name(),
            source,
        })?;
        Ok(Answer::read(&String::from_utf8_lossy(&printed)))
    }
}

/// What a failed run of git at the remote means for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteFailure {
    /// We lack a permission: someone has to change that, and until then every such run fails.
    Credentials,
    /// The server rejects this work; it may accept other work.
    Work,
    /// The server or the connection to it has failed.
    Outage,
}

/// Returns what a failure means for the next run. Git reports it only in its messages, which are
/// fixed in the locale that it runs in: two of them contain the HTTP status, others are what a
/// server sends instead of speaking the protocol.
pub fn classify_failure(error: &GitError) -> RemoteFailure {
    let GitError::Failed { stderr, .. } = error else {
        return RemoteFailure::Outage;
    };
    let said = || stderr.lines().filter(|line| !line.starts_with("remote:"));
    match said().find_map(http_status) {
        Some(413) => return RemoteFailure::Work,
        Some(401 | 402 | 403 | 404 | 407 | 410 | 451) => return RemoteFailure::Credentials,
        Some(_) => return RemoteFailure::Outage,
        None => {}
    }
    let is_shut_out = |line: &str| {
        line.starts_with("ERROR: ")
            || line.starts_with("fatal: Authentication failed for ")
            || line.starts_with("fatal: could not read Username for ")
            || line.starts_with("fatal: could not read Password for ")
            || line.starts_with("Host key verification failed")
            || line.contains(": Permission denied (")
            || line.starts_with("Permission denied (")
            || (line.starts_with("fatal: repository '") && line.ends_with("' not found"))
            || (line.starts_with("fatal: repository '") && line.ends_with("' does not exist"))
            || (line.starts_with("fatal: '") && line.ends_with(NO_REPOSITORY))
            || (line.starts_with("fatal: transport '") && line.ends_with("' not allowed"))
    };
    let is_missing = |line: &str| {
        line.contains(", but it did not contain ")
            || line.starts_with("fatal: remote error: upload-pack: not our ref ")
    };
    if said().any(is_shut_out) {
        RemoteFailure::Credentials
    } else if said().any(is_missing) {
        RemoteFailure::Work
    } else {
        RemoteFailure::Outage
    }
}

/// Returns whether a run of git failed because of an error of the server itself (5xx), which is
/// temporary.
pub fn was_server_error(error: &GitError) -> bool {
    let GitError::Failed { stderr, .. } = error else {
        return false;
    };
    let said = stderr.lines().filter(|line| !line.starts_with("remote:"));
    said.filter_map(http_status).any(|status| 500 <= status)
}

/// Returns the HTTP status in a message of git: `The requested URL returned error: 403`, `RPC
/// failed; HTTP 413`.
fn http_status(line: &str) -> Option<u16> {
    let at = ["The requested URL returned error: ", "RPC failed; HTTP "];
    let rest = at
        .iter()
        .find_map(|sentence| line.split_once(sentence).map(|(_, rest)| rest))?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Phrases in which servers reject a single push: a file that is too large, a missing LFS object, a
/// secret, a workflow file without permission for it.
const OF_THIS_WORK: [&str; 8] = [
    "GH001",
    "GH008",
    "GH009",
    "Push cannot contain secrets",
    "without `workflow` scope",
    "without `workflows` permission",
    "stale info",
    "unpack",
];

/// Returns whether a refusal is about this work; otherwise it is a rule that all of our work would
/// violate.
pub fn is_of_this_work(refusal: &str) -> bool {
    OF_THIS_WORK.iter().any(|mark| refusal.contains(mark))
}

/// Returns why the remote refused a push; `None` if the remote did not refuse it, so that it failed
/// on the way.
///
/// With `--porcelain`, a refused ref is a line of `!`, refspec and reason, separated by tabs;
/// messages of the server's hooks and rules for people are on standard error after `remote:`.
pub(crate) fn refusal(error: &GitError) -> Option<String> {
    let GitError::Failed { stdout, stderr, .. } = error else {
        return None;
    };
    let refused = stdout
        .lines()
        .find_map(|line| line.strip_prefix("!\t")?.rsplit_once('\t'));
    let reason = refused?
        .1
        .trim()
        .trim_start_matches("[remote rejected]")
        .trim();
    let reason = reason
        .strip_prefix('(')
        .and_then(|reason| reason.strip_suffix(')'))
        .unwrap_or(reason);
    let said = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim);
    let said = said
        .map(|line| line.trim_start_matches("error:").trim())
        .filter(|line| !line.is_empty());
    Some(
        std::iter::once(reason)
            .chain(said.take(REASON_LINES_MAX))
            .collect::<Vec<_>>()
            .join("; "),
    )
}

/// The output of `git ls-remote`.
#[derive(Debug, Default)]
struct Answer {
    /// Branch that `HEAD` points to.
    default: Option<String>,
    heads: BTreeMap<String, CommitId>,
}

impl Answer {
    fn read(text: &str) -> Self {
        let mut answer = Self::default();
        for (what, name) in text.lines().filter_map(|line| line.split_once('\t')) {
            match what.strip_prefix("ref: refs/heads/") {
                Some(branch) => answer.default = Some(branch.to_owned()),
                None => answer.heads.extend(
                    CommitId::parse(what)
                        .ok()
                        .map(|commit| (name.to_owned(), commit)),
                ),
            }
        }
        answer
    }
}

/// Returns the web URL of the host of an API, without a trailing slash.
fn web_address(api_url: &str) -> String {
    let url = api_url.trim_end_matches('/');
    match url.split_once("://api.") {
        Some((scheme, host)) if host == "github.com" || host.ends_with(".ghe.com") => {
            format!("{scheme}://{host}")
        }
        _ => url.strip_suffix("/api/v3").unwrap_or(url).to_owned(),
    }
}

/// Returns the host of the web URL, for looking up a token.
pub fn web_host(api_url: &str) -> String {
    let web = web_address(api_url);
    let authority = web.split_once("://").map_or(web.as_str(), |(_, rest)| rest);
    authority.split('/').next().unwrap_or_default().to_owned()
}

/// Returns whether a URL of any form is that of `owner/name`.
fn names(url: &str, repo: &str) -> bool {
    let path = url.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).to_lowercase();
    let rest = path.strip_suffix(&repo.to_lowercase());
    rest.is_some_and(|rest| rest.ends_with(['/', ':']))
}

/// Returns variables that make git send the token to one host. An empty value first removes what
/// the user's own configuration sends there: a request with two is rejected.
fn credentials(web: &str, token: &Secret) -> Vec<(String, String)> {
    let key = format!("http.{web}/.extraHeader");
    let password = BASE64_STANDARD.encode(format!("{TOKEN_USER}:{}", token.expose()));
    [
        ("GIT_CONFIG_COUNT", "2".to_owned()),
        ("GIT_CONFIG_KEY_0", key.clone()),
        ("GIT_CONFIG_VALUE_0", String::new()),
        ("GIT_CONFIG_KEY_1", key),
        (
            "GIT_CONFIG_VALUE_1",
            format!("Authorization: Basic {password}"),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// Returns variables that give git, and the programs it starts, the token for one host when they
/// ask for credentials. `git-lfs` writes every variable whose name contains `GIT_` into a file when
/// a server fails, so the token is in none of these. An empty value first removes the user's own
/// helpers for that host.
fn credential_helper(web: &str, token: &Secret) -> Vec<(String, String)> {
    let key = format!("credential.{web}.helper");
    let helper = format!(
        "!f() {{ case $1 in get) printf 'username={TOKEN_USER}\\npassword=%s\\n' \"${TOKEN_VARIABLE}\";; esac; }}; f"
    );
    [
        ("GIT_CONFIG_COUNT", "2".to_owned()),
        ("GIT_CONFIG_KEY_0", key.clone()),
        ("GIT_CONFIG_VALUE_0", String::new()),
        ("GIT_CONFIG_KEY_1", key),
        ("GIT_CONFIG_VALUE_1", helper),
        (TOKEN_VARIABLE, token.expose().to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_only_what_the_remote_reports_about_the_ref() {
        fn check(stdout: &str, stderr: &str, expected: Option<&str>) {
            let (command, code) = ("git push".to_owned(), Some(1));
            let error = GitError::Failed {
                command,
                code,
                stderr: stderr.to_owned(),
                stdout: stdout.into(),
            };
            assert_eq!(refusal(&error).as_deref(), expected);
        }

        let to = "To https://github.com/o/n.git\n";
        check(
            &format!(
                "{to}!\tabc:refs/heads/b\t[remote rejected] (pre-receive hook declined)\nDone"
            ),
            "",
            Some("pre-receive hook declined"),
        );
        check(
            &format!("{to}!\tabc:refs/heads/b\t[remote rejected] (push declined)"),
            "remote: error: GH013: Repository rule violations\nremote: \nremote: - Cannot create ref\nerror: failed",
            Some("push declined; GH013: Repository rule violations; - Cannot create ref"),
        );
        check(
            &format!("{to}!\tabc:refs/heads/b\t[rejected] (stale info)"),
            "",
            Some("[rejected] (stale info)"),
        );
        check("Done", "error: RPC failed; HTTP 503", None);
        check("", "fatal: unable to access", None);
    }
    #[test]
    fn outages_account_errors_and_rejected_work_are_distinguished() {
        let check = |stderr: &str, expected| {
            let error = GitError::Failed {
                command: "git push".to_owned(),
                code: Some(128),
                stderr: stderr.to_owned(),
                stdout: "".into(),
            };
            assert_eq!(classify_failure(&error), expected, "{stderr}");
        };
        let http = |status: u16| {
            format!(
                "remote: Permission to o/n.git denied to bob.\n\
                 fatal: unable to access 'https://github.com/o/n.git/': The requested URL returned error: {status}"
            )
        };
        let rpc = |status: u16| {
            format!(
                "error: RPC failed; HTTP {status} curl 22 The requested URL returned error: {status}\n\
                 send-pack: unexpected disconnect while reading sideband packet\n\
                 fatal: the remote end hung up unexpectedly"
            )
        };
        for status in [401, 403, 404] {
            check(&http(status), RemoteFailure::Credentials);
            check(&rpc(status), RemoteFailure::Credentials);
        }
        check(&rpc(413), RemoteFailure::Work);
        for status in [408, 429, 500, 502, 503] {
            check(&http(status), RemoteFailure::Outage);
            check(&rpc(status), RemoteFailure::Outage);
        }
        for shut_out in [
            "remote: Invalid username or token.\nfatal: Authentication failed for 'https://github.com/o/n.git/'",
            "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
            "remote: Repository not found.\nfatal: repository 'https://github.com/o/n.git/' not found",
            "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            "ERROR: The key you are authenticating with has been marked as read only.\nfatal: Could not read from remote repository.",
            "ERROR: Permission to o/n.git denied to bob.",
            "Host key verification failed.\nfatal: Could not read from remote repository.",
            "fatal: repository '/srv/lib.git' does not exist\nfatal: clone of '/srv/lib.git' into submodule path '/w/lib' failed",
            "fatal: '/srv/lib.git' does not appear to be a git repository\nfatal: Could not read from remote repository.",
            "fatal: transport 'file' not allowed\nfatal: clone of '/srv/lib.git' into submodule path '/w/lib' failed",
        ] {
            check(shut_out, RemoteFailure::Credentials);
        }
        for missing in [
            "fatal: Fetched in submodule path 'lib', but it did not contain 0123. Direct fetching of that commit failed.",
            "fatal: remote error: upload-pack: not our ref 0123",
        ] {
            check(missing, RemoteFailure::Work);
        }
        for outage in [
            "fatal: unable to access 'https://github.com/o/n.git/': Could not resolve host: github.com",
            "ssh: connect to host github.com port 22: Connection timed out\nfatal: Could not read from remote repository.",
            "remote: fatal: Authentication failed for somebody else, HTTP 403",
            "error: RPC failed; curl 55 Send failure: Broken pipe",
            "",
        ] {
            check(outage, RemoteFailure::Outage);
        }
    }

    #[test]
    fn general_rules_and_defects_of_one_work_are_distinguished() {
        for refusal in [
            "pre-receive hook declined; GH013: Repository rule violations found; - Commits must have verified signatures.",
            "protected branch hook declined; GH006: Protected branch update failed",
            "push declined due to repository rule violations; - Commit message must match a given regex pattern",
        ] {
            assert!(!is_of_this_work(refusal), "{refusal}");
        }
        for refusal in [
            "pre-receive hook declined; GH001: Large files detected.",
            "push declined due to repository rule violations; GH013; - Push cannot contain secrets",
            "refusing to allow an OAuth App to create or update workflow `.github/workflows/x.yml` without `workflow` scope",
        ] {
            assert!(is_of_this_work(refusal), "{refusal}");
        }
    }

    use crate::fixture::{Home, git};

    #[test]
    fn the_web_address_belongs_to_the_api() {
        for (api, web) in [
            ("https://api.github.com", "https://github.com"),
            ("https://api.acme.ghe.com/", "https://acme.ghe.com"),
            ("https://ghe.example.com/api/v3", "https://ghe.example.com"),
            ("http://127.0.0.1:4000/api/v3", "http://127.0.0.1:4000"),
            ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
            ("https://api.example.com", "https://api.example.com"),
        ] {
            assert_eq!(web_address(api), web);
        }
        assert_eq!(web_host("http://127.0.0.1:4000/api/v3"), "127.0.0.1:4000");
    }

    #[test]
    fn origin_is_used_only_if_it_is_the_repository() {
        for url in [
            "https://h/o/n",
            "https://h/o/n.git/",
            "git@h:O/N.git",
            "ssh://git@h:22/o/n.git",
        ] {
            assert!(names(url, "o/n"), "{url}");
        }
        for url in [
            "https://h/fork/n",
            "https://h/xo/n",
            "git@h:o/n2.git",
            "/srv/xo/n",
        ] {
            assert!(!names(url, "o/n"), "{url}");
        }
    }

    #[test]
    fn the_remote_prints_no_token() {
        let home = Home::new();
        home.git(".", &["init", "--quiet", "p"]);
        let secret = Secret::new("ghp_canary");
        let remote = Remote::of(
            git(),
            &home.path().join("p"),
            "o/n",
            "https://api.github.com",
            &secret,
        )
        .unwrap();
        let encoded = BASE64_STANDARD.encode("x-access-token:ghp_canary");
        let shown = format!("{remote:?} {}", remote.name());
        assert!(
            !shown.contains("canary") && !shown.contains(&encoded),
            "{shown}"
        );
        assert_eq!(remote.fetch_url(), "https://github.com/o/n.git");
        let sent = |(name, value): &(String, String)| {
            name == "GIT_CONFIG_VALUE_1" && value.contains(&encoded)
        };
        assert!(remote.env().iter().any(sent));
    }

    #[test]
    fn programs_of_git_get_the_token_for_its_host_and_from_no_variable_that_git_lfs_logs() {
        let home = Home::new();
        home.git(
            ".",
            &[
                "config",
                "--global",
                "credential.helper",
                "!echo password=mine; :",
            ],
        );
        home.git(".", &["init", "--quiet", "p"]);
        let secret = Secret::new("ghp_canary");
        let api = "https://ghe.example:8443/api/v3";
        let remote = Remote::of(git(), &home.path().join("p"), "o/n", api, &secret).unwrap();
        let env = remote.env_of_programs.with("lfs.pushurl", "https://h").0;
        for (name, value) in &env {
            assert!(
                !name.contains("GIT_") || !value.contains("canary"),
                "{name}"
            );
        }
        let env: Vec<_> = home.env().into_iter().chain(env).collect();
        let answer = |host: &str| {
            let question = format!("protocol=https\nhost={host}\n\n");
            let filled = git().run(
                home.path(),
                &["credential", "fill"],
                &env,
                Some(question.as_bytes()),
            );
            String::from_utf8(filled.unwrap_or_default()).unwrap()
        };
        let ours = answer("ghe.example:8443");
        assert!(
            ours.contains("username=x-access-token\npassword=ghp_canary\n"),
            "{ours}"
        );
        for other in ["ghe.example", "lfs.example:8443", "ghe.example.evil:8443"] {
            assert!(!answer(other).contains("canary"), "{other}");
        }
        let pushurl = git().run(home.path(), &["config", "lfs.pushurl"], &env, None);
        assert_eq!(pushurl.unwrap(), b"https://h\n");
    }

    #[test]
    fn the_base_is_the_configured_branch_else_the_default_and_never_a_main_beside_it() {
        fn remote(url: &str) -> Remote {
            Remote {
                git: git(),
                fetch_url: url.to_owned(),
                push_url: url.to_owned(),
                env: GitEnvironment::default(),
                env_of_programs: GitEnvironment::default(),
            }
        }

        let home = Home::new();
        home.git(
            ".",
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=trunk",
                "remote.git",
            ],
        );
        home.git(".", &["init", "--quiet", "--initial-branch=trunk", "p"]);
        let url = home.path().join("remote.git");
        let remote = remote(url.to_str().unwrap());
        assert!(matches!(
            remote.base_branch(None, None),
            Err(RemoteError::Empty { .. })
        ));
        home.git("p", &["commit", "--quiet", "--allow-empty", "-m", "one"]);
        home.git(
            "p",
            &[
                "push",
                "--quiet",
                url.to_str().unwrap(),
                "trunk",
                "trunk:refs/heads/other",
            ],
        );
        assert_eq!(remote.base_branch(None, None).unwrap(), "trunk");
        assert_eq!(
            remote.base_branch(Some("other"), Some("trunk")).unwrap(),
            "other"
        );
        assert!(matches!(
            remote.base_branch(Some("none"), Some("trunk")),
            Err(RemoteError::NoBranch { .. })
        ));
        home.git(
            "p",
            &[
                "push",
                "--quiet",
                url.to_str().unwrap(),
                "trunk:refs/heads/main",
            ],
        );
        assert_eq!(remote.base_branch(None, None).unwrap(), "trunk");
        assert_eq!(remote.base_branch(None, Some("other")).unwrap(), "other");
        assert_eq!(remote.base_branch(None, Some("gone")).unwrap(), "trunk");
        assert!(remote.head("main").unwrap().is_some() && remote.head("mai").unwrap().is_none());
    }
}
