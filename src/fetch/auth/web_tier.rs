//! What stands in front of ArcGIS: headers that a gateway wants, HTTP authentication, an Esri resource proxy.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::site;
use crate::error::redact;
use crate::fetch::http::{Fault, Method, Request, Response, SharedTransport, Transport};
use crate::fetch::secret::{ExposeSecret, SecretString, Secrets};

/// What the web server of one origin wants.
#[derive(Clone)]
pub(super) struct Front {
    /// An address of that origin.
    pub(super) site: Url,
    /// Headers for each request.
    pub(super) headers: Vec<(String, SecretString)>,
    /// The proxy that requests go to, with the address proper behind a `?`.
    pub(super) resource_proxy: Option<Url>,
}

/// A transport that adds what the [`Front`] of the request's origin wants.
pub(super) struct WebTier {
    inner: SharedTransport,
    fronts: Vec<Front>,
}

impl WebTier {
    pub(super) fn new(inner: SharedTransport, fronts: Vec<Front>) -> Self {
        Self { inner, fronts }
    }
}

/// The header of HTTP basic authentication.
pub(super) fn basic(user: &str, password: &SecretString) -> (String, SecretString) {
    let pair = SecretString::from(format!("{user}:{}", password.expose_secret()));
    ("Authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair.expose_secret())).into())
}

impl Transport for WebTier {
    fn send(&self, request: &Request) -> Result<Response, Fault> {
        let Some(front) = self.fronts.iter().find(|front| site::covers(&front.site, &request.url)) else {
            return self.inner.send(request);
        };
        let mut sent = request.clone();
        // The user's own word goes before ours.
        sent.secrets.headers.retain(|(name, _)| !front.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)));
        sent.secrets.headers.extend(front.headers.iter().cloned());
        if let Some(proxy) = &front.resource_proxy {
            sent.url = proxy.clone();
            sent.url.set_query(Some(request.full_url().as_str()));
            if request.method == Method::Get {
                sent.params.clear();
            }
        }
        let mut response = self.inner.send(&sent)?;
        if front.resource_proxy.is_some() {
            // What answers lead to is said of the address proper.
            response.url = response.url.query().and_then(|inner| inner.parse().ok()).unwrap_or_else(|| request.full_url());
        }
        let own = Secrets { headers: front.headers.clone(), fields: Vec::new() };
        Ok(response.hiding(&own))
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front")
            .field("site", &redact(&self.site))
            .field("headers", &self.headers)
            .field("resource_proxy", &self.resource_proxy.as_ref().map(redact))
            .finish()
    }
}
