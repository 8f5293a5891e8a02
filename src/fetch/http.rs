//! The network seam: one function, [`Transport::send`]. Retry wraps it; tests hand in a scripted one.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::secret::Secrets;
use crate::error::{Error, ErrorKind, redact};
use crate::esri::failure::Failure;

mod client;
mod network;

pub use client::HttpTransport;
pub use network::Network;

/// GET or POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The parameters go into the query.
    Get,
    /// The parameters go into the body, form-encoded.
    Post,
}

/// One request. Parameters stay apart from the URL until it is sent, so that none leaks into a message.
#[derive(Clone)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Where to, without the parameters below.
    pub url: Url,
    /// The parameters, in order. No secret is among them.
    pub params: Vec<(String, String)>,
    /// A file that goes into the body, beside the parameters; the request is a POST then.
    pub file: Option<FilePart>,
    /// What it carries of a sign-in: for the origin of the URL alone.
    pub secrets: Secrets,
    /// May be sent again when it is not known whether the server acted on it. `submitJob` and `execute` may not.
    pub repeatable: bool,
    /// The longest wait for the answer to begin, and between two reads of it.
    pub idle_limit: Duration,
    /// The longest time for the whole request.
    pub total_limit: Duration,
    /// The largest body after decompression, in bytes.
    pub most_bytes: usize,
    /// Ends the request early.
    pub cancel: Cancel,
}

/// A file in the body of a request.
#[derive(Clone)]
pub struct FilePart {
    /// The name of its field.
    pub field: &'static str,
    /// The name of the file.
    pub name: String,
    /// The file.
    pub bytes: Bytes,
}

impl Request {
    /// The URL that is asked: with the parameters for GET, without them for POST.
    pub fn full_url(&self) -> Url {
        let mut url = self.url.clone();
        if self.method == Method::Get && !self.params.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.params);
        }
        url
    }

    /// `error` with the place of this request, secrets hidden.
    pub fn locate(&self, error: Error) -> Error {
        error.at_url(&self.full_url())
    }
}

impl fmt::Debug for Request {
    /// The question, without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = Self { method: Method::Get, ..self.clone() };
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &redact(&asked.full_url()))
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}

/// What came back, whatever its status.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Where the answer came from, after redirects.
    pub url: Url,
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The `Retry-After` header, in either form, as a wait from now.
    pub retry_after: Option<Duration>,
    /// The server's clock, in seconds since 1970, where it shows it.
    pub server_time: Option<i64>,
    /// The body, decompressed.
    pub body: Bytes,
}

/// No failure is longer than this; data of this size need not be searched for one.
const LONGEST_FAILURE: usize = 1 << 16;

impl Response {
    /// The failure that the answer states, if it is short: nobody refuses in long words.
    pub fn failure(&self) -> Option<Failure> {
        if let Some(failure) = Failure::in_body(self.status, self.content_type.as_deref(), &self.body) {
            return Some(failure);
        }
        let body = self.body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.body);
        let json = (body.len() <= LONGEST_FAILURE).then(|| serde_json::from_slice(body).ok()).flatten();
        json.and_then(|json| Failure::in_json(&json)).or_else(|| Failure::of_status(self.status))
    }

    /// The answer with stars in place of the secrets that it repeats.
    #[must_use]
    pub fn hiding(self, secrets: &Secrets) -> Self {
        match secrets.hide_in(&self.body, self.failure().is_none()) {
            Cow::Borrowed(_) => self,
            Cow::Owned(body) => Self { body: Bytes::from(body), ..self },
        }
    }
}

/// Why no whole answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The host name has no address.
    UnknownHost,
    /// Nobody takes the connection.
    NoConnection,
    /// The certificate or the TLS handshake failed.
    Tls,
    /// The answer took too long.
    TimedOut,
    /// The connection broke before the answer was whole.
    CutOff,
    /// The answer is larger than allowed.
    TooLarge,
    /// The redirects go on and on, or lead nowhere.
    Redirect,
    /// The sign-in failed, or the server won't have it.
    SignIn,
    /// The caller gave up.
    Cancelled,
    /// Anything else.
    Other,
}

/// No whole answer came: the kind for the retry rules, the error for people.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What kind of fault.
    pub kind: FaultKind,
    /// The error to show.
    pub error: Error,
}

impl Fault {
    /// The fault of a request that its caller gave up.
    pub fn cancelled() -> Self {
        Self { kind: FaultKind::Cancelled, error: Error::new(ErrorKind::Cancelled, "the work was stopped") }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        fault.error
    }
}

/// Sends one request and reads its whole answer. Any HTTP status is an `Ok`.
pub trait Transport: Send + Sync {
    /// Sends `request`.
    ///
    /// # Errors
    /// A [`Fault`] where no whole answer came.
    fn send(&self, request: &Request) -> Result<Response, Fault>;
}

/// A transport that many owners share.
pub type SharedTransport = Arc<dyn Transport>;

/// Says to all work that carries it that nobody waits for it any more.
///
/// ```
/// use geohaul::fetch::http::Cancel;
///
/// let all = Cancel::default();
/// let (one, other) = (all.child(), all.child());
/// one.cancel();
/// assert!(one.is_cancelled() && !other.is_cancelled());
/// all.cancel();
/// assert!(other.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    own: Arc<AtomicBool>,
    parent: Option<Arc<Cancel>>,
}

impl Cancel {
    /// Ends the work.
    pub fn cancel(&self) {
        self.own.store(true, Ordering::Relaxed);
    }

    /// `true` after [`Cancel::cancel`], here or on what this is a child of.
    pub fn is_cancelled(&self) -> bool {
        self.own.load(Ordering::Relaxed) || self.parent.as_ref().is_some_and(|parent| parent.is_cancelled())
    }

    /// For a part of the work: it ends with the whole, and can be ended by itself.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { own: Arc::default(), parent: Some(Arc::new(self.clone())) }
    }
}
