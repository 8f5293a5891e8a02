//! Where tokens come from: ready ones, token services, OAuth, and the exchange of a portal's token for a server's.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::cell::Cell;
use super::site::{self, over_https};
use crate::error::{Error, ErrorKind, Result};
use crate::esri::failure::{Failure, Shape};
use crate::fetch::clock::Clock;
use crate::fetch::http::{Cancel, Method, Request};
use crate::fetch::retry::{Cause, Refused, Retry};
use crate::fetch::secret::{SecretString, Secrets};
use crate::fetch::session::{Session, judge};

/// Minutes that a token is asked for. Servers may grant less, and all know this much.
const MINUTES: &str = "60";

/// The way to token services: without a sign-in of its own.
pub(super) struct Door {
    pub(super) session: Session,
    pub(super) retry: Retry,
    pub(super) clock: Arc<dyn Clock>,
}

/// A token as it was made.
pub(super) struct Fresh {
    pub(super) secret: SecretString,
    /// How long it is good; `None` is not known.
    pub(super) life: Option<Duration>,
    /// It may go over https only.
    pub(super) https_only: bool,
}

/// A source of tokens.
pub(super) enum Mint {
    /// One token, made by somebody else.
    Ready(SecretString),
    /// A token service, of a portal or of a server of its own.
    Password { service: Url, user: String, password: SecretString, referer: String },
    /// OAuth with the credentials of an application.
    App { portal: Url, id: String, secret: SecretString },
    /// A portal that gives a token for one of its servers for one of its own.
    Exchange { service: Url, server: Url, portal: Arc<Cell>, referer: Option<String> },
}

impl Mint {
    /// `true` where another token can be had.
    pub(super) fn is_renewable(&self) -> bool {
        !matches!(self, Self::Ready(_))
    }

    /// Makes a token.
    pub(super) fn make(&self, door: &Door, cancel: &Cancel) -> Result<Fresh> {
        match self {
            Self::Ready(secret) => Ok(Fresh { secret: secret.clone(), life: None, https_only: false }),
            Self::Password { service, user, password, referer } => {
                let params = [("username", user.as_str()), ("client", "referer"), ("referer", referer), ("expiration", MINUTES)];
                let secrets = Secrets::field("password", password.clone());
                let refused = |refused| refused_sign_in(refused, &format!("user {user}"), service);
                door.ask(service, &params, secrets, cancel).map_err(refused)
            }
            Self::App { portal, id, secret } => {
                let service = site::below(portal, "sharing/rest/oauth2/token");
                let params = [("client_id", id.as_str()), ("grant_type", "client_credentials")];
                let secrets = Secrets::field("client_secret", secret.clone());
                door.ask(&service, &params, secrets, cancel)
                    .map_err(|refused| refused_sign_in(refused, &format!("application {id}"), &service))
            }
            Self::Exchange { service, server, portal, referer } => {
                let mut params = vec![("serverUrl", server.as_str().trim_end_matches('/')), ("expiration", MINUTES)];
                if let Some(referer) = referer {
                    params.extend([("client", "referer"), ("referer", referer)]);
                }
                let mut token = portal.token(door, None, cancel)?;
                let mut renewed = !portal.is_renewable();
                loop {
                    let mut secrets = Secrets::field("token", token.secret.clone());
                    secrets.headers.extend(referer.iter().map(|referer| ("Referer".to_owned(), referer.as_str().into())));
                    match door.ask(service, &params, secrets, cancel) {
                        Ok(fresh) => return Ok(fresh),
                        Err(refused) if !renewed && wants_token(&refused) => {
                            renewed = true;
                            token = portal.token(door, Some(token.number), cancel)?;
                        }
                        Err(refused) => return Err(refused_exchange(refused, service, server)),
                    }
                }
            }
        }
    }
}

fn wants_token(refused: &Refused) -> bool {
    matches!(&refused.cause, Cause::Failure(failure) if matches!(failure.code, Some(498 | 499)))
}

impl Door {
    /// Asks a token service; over https where it says that it wants that.
    fn ask(&self, service: &Url, params: &[(&str, &str)], secrets: Secrets, cancel: &Cancel) -> Result<Fresh, Refused> {
        let mut request = self.session.request(service, params);
        request.method = Method::Post;
        request.secrets = secrets;
        request.cancel = cancel.clone();
        match self.send(&request) {
            Err(refused) if request.url.scheme() == "http" && says_https(&refused) => {
                request.url = over_https(&request.url);
                self.send(&request)
            }
            outcome => outcome,
        }
    }

    fn send(&self, request: &Request) -> Result<Fresh, Refused> {
        let answer = self.retry.run(request, false, |response| {
            let response = match response.failure() {
                Some(_) => response.hiding(&request.secrets),
                None => response,
            };
            let server_time = response.server_time;
            judge(response).map(|answer| (answer, server_time))
        });
        let (answer, server_time) = answer?;
        let granted = granted(&answer.skeleton.value, server_time);
        granted.ok_or_else(|| {
            let failure = Failure { shape: Shape::Broken, code: None, words: "it holds no token".to_owned() };
            Refused { error: request.locate(failure.to_error()), cause: Cause::Failure(failure) }
        })
    }
}

/// The token in an answer.
fn granted(answer: &Value, server_time: Option<i64>) -> Option<Fresh> {
    let secret = answer.get("token").or_else(|| answer.get("access_token"))?.as_str().filter(|token| !token.is_empty())?;
    let number = |key: &str| answer.get(key).and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
    // `expires` is a moment, and counts from the server's own clock where it shows it.
    let now = server_time.unwrap_or_else(|| jiff::Timestamp::now().as_second());
    let seconds = number("expires_in").or_else(|| Some(number("expires")? / 1000 - now));
    Some(Fresh {
        secret: secret.into(),
        life: seconds.map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or(0))),
        https_only: answer.get("ssl").and_then(Value::as_bool).unwrap_or(false),
    })
}

fn says_https(refused: &Refused) -> bool {
    matches!(&refused.cause, Cause::Failure(failure) if wants_https(&failure.words))
}

/// `true` where a server says that it wants to be asked over https.
pub(super) fn wants_https(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    words.contains("over https") || words.contains("ssl required") || words.contains("requires https")
}

/// What a token service says no with; `None` where it may say yes later.
fn refusal(refused: &Refused) -> Option<&Failure> {
    match &refused.cause {
        Cause::Failure(failure) if !refused.is_heavy() && !failure.is_overload() => Some(failure),
        _ => None,
    }
}

/// The error of a sign-in that was refused; what keeps the answer away stays as it is.
fn refused_sign_in(refused: Refused, who: &str, service: &Url) -> Error {
    let Some(failure) = refusal(&refused) else { return refused.error };
    let host = service.host_str().unwrap_or("the server");
    let why = if failure.words.is_empty() { refused.error.what().to_owned() } else { failure.words.clone() };
    Error::new(ErrorKind::SignIn, format!("{who} could not be signed in at {host}")).because(why).at_url(service).hint(
        "check the name, where case counts, and the password or secret; accounts with single sign-on need a token or API key",
    )
}

fn refused_exchange(refused: Refused, service: &Url, server: &Url) -> Error {
    let Some(failure) = refusal(&refused) else { return refused.error };
    let host = service.host_str().unwrap_or("the portal");
    let why = if failure.words.is_empty() { refused.error.what().to_owned() } else { failure.words.clone() };
    let what = format!("{host} gives no token for {}", server.as_str().trim_end_matches('/'));
    Error::new(ErrorKind::SignIn, what).because(why).at_url(service).hint(if wants_token(&refused) {
        "the token is invalid, has expired, or is bound to a referer; get a new one, or name the referer with --referer"
    } else {
        "the server may not belong to that portal (any more); ask its owner, or give a token for the server itself"
    })
}

/// The `Referer` that tokens of a service are bound to: its own origin.
pub(super) fn referer_for(service: &Url) -> String {
    service.origin().ascii_serialization()
}

impl std::fmt::Debug for Mint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Password { .. } => "Password",
            Self::App { .. } => "App",
            Self::Exchange { .. } => "Exchange",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn life(answer: Value, server_time: Option<i64>) -> Option<u64> {
        granted(&answer, server_time).unwrap().life.map(|life| life.as_secs())
    }

    #[test]
    fn a_tokens_life_is_told_by_the_servers_own_clock_in_milliseconds_or_in_seconds_from_now() {
        assert_eq!(life(json!({"token": "t", "expires": 1_700_003_600_000_i64}), Some(1_700_000_000)), Some(3600));
        assert_eq!(life(json!({"token": "t", "expires": "1700003600000"}), Some(1_700_009_000)), Some(0));
        assert_eq!(life(json!({"access_token": "t", "expires_in": 7200}), None), Some(7200));
        assert_eq!(life(json!({"token": "t"}), None), None);
        assert!(granted(&json!({"token": ""}), None).is_none());
    }
}
