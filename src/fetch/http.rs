//! The network seam: one function, [`Transport::send`]. Retry and pacing wrap it; tests hand in a scripted one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use crate::error::Result;

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
    /// The parameters, in order.
    pub params: Vec<(String, String)>,
    /// May be sent again when it is not known whether the server acted on it. `submitJob` and `execute` may not.
    pub repeatable: bool,
    /// The longest wait for the answer to begin, and between two reads of it.
    pub idle_limit: Duration,
    /// The longest time for the whole request.
    pub total_limit: Duration,
    /// The largest body after decompression, in bytes.
    pub most_bytes: usize,
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
    /// The body, decompressed.
    pub body: Bytes,
}

/// Sends one request and reads its whole answer. Any HTTP status is an `Ok`.
pub trait Transport: Send + Sync {
    /// Sends `request`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Network`] where no whole answer came.
    fn send(&self, request: &Request) -> Result<Response>;
}

/// A transport that many owners share.
pub type SharedTransport = Arc<dyn Transport>;
