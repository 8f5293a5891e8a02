//! [`Pass`]: how a token goes along with a request.

use std::sync::Arc;

use super::cell::{Cell, Token};
use super::site::over_https;
use crate::fetch::http::{Method, Request};
use crate::fetch::secret::{ExposeSecret, SecretString};

/// Where the token stands. A body works with every server, and no log writes it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// Questions are asked by POST with the token in the body, downloads by GET with a header.
    Usual,
    /// GET with a header: something in between won't have POST.
    Header,
    /// Always in a body: the server does not know the header.
    Body,
}

/// How to get in at one site.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    pub(super) cell: Arc<Cell>,
    /// The `Referer` that the token is bound to.
    pub(super) referer: Option<String>,
    pub(super) placement: Placement,
    /// Over https, whatever the address says.
    pub(super) secure: bool,
    /// The site has answered a request with this token.
    pub(super) accepted: bool,
    /// The portal was asked for a token of the site.
    pub(super) exchanged: bool,
}

impl Pass {
    pub(super) fn new(cell: Arc<Cell>, referer: Option<String>, secure: bool) -> Self {
        Self { cell, referer, placement: Placement::Usual, secure, accepted: false, exchanged: false }
    }

    /// The request with the token, which is never in its address.
    pub(super) fn sign(&self, request: &Request, token: &Token) -> Request {
        let mut signed = request.clone();
        if self.secure || token.https_only {
            signed.url = over_https(&signed.url);
        }
        let question = request.params.iter().any(|(key, _)| key == "f");
        let by_body = match self.placement {
            Placement::Usual => question,
            Placement::Header => false,
            Placement::Body => true,
        };
        if request.method == Method::Post || by_body {
            signed.method = Method::Post;
            signed.secrets.fields.push(("token", token.secret.clone()));
        } else {
            let value = SecretString::from(format!("Bearer {}", token.secret.expose_secret()));
            signed.secrets.headers.push(("X-Esri-Authorization".to_owned(), value));
        }
        if let Some(referer) = &self.referer {
            signed.secrets.headers.push(("Referer".to_owned(), referer.as_str().into()));
        }
        signed
    }

    /// Another place for the token, where the answer to `signed` speaks for it.
    pub(super) fn moved(&self, request: &Request, signed: &Request, code: Option<i64>) -> Option<Placement> {
        match (code, request.method, signed.method) {
            (Some(405), Method::Get, Method::Post) => Some(Placement::Header),
            (Some(499), _, Method::Get) => Some(Placement::Body),
            _ => None,
        }
    }
}
