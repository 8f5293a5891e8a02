//! [`Access`]: everything that opens servers, put together to a [`Session`].

use std::sync::Arc;

use url::Url;

use super::web_tier::{Front, WebTier, basic};
use super::{Login, SignIn};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::http::{HttpTransport, Network, SharedTransport};
use crate::fetch::retry::{Retry, RetryPolicy};
use crate::fetch::secret::SecretString;
use crate::fetch::session::Session;

/// Logins, headers and the way into the network. Several sites may stand beside each other; each gets its own.
///
/// ```
/// use geohaul::fetch::auth::{Access, Credential, Login};
///
/// let server = "https://h.example/arcgis/rest/services/Roads/FeatureServer/0".parse().unwrap();
/// let token = Credential::token(&"AAPK0123".into()).unwrap();
/// let access = Access::default().login(Login::new(&server, token));
/// assert!(!format!("{access:?}").contains("AAPK"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Access {
    logins: Vec<Login>,
    fronts: Vec<Front>,
    network: Network,
}

impl Access {
    /// Adds a login. Of two that fit a place equally well the first counts.
    #[must_use]
    pub fn login(mut self, login: Login) -> Self {
        self.logins.push(login);
        self
    }

    /// Adds a header to the requests for the origin of `site`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where HTTP has no such header; its value is not shown.
    pub fn header(mut self, site: &Url, name: &str, value: SecretString) -> Result<Self> {
        use crate::fetch::secret::ExposeSecret as _;
        let named = reqwest::header::HeaderName::try_from(name).is_ok();
        if !named || reqwest::header::HeaderValue::from_str(value.expose_secret()).is_err() {
            let what =
                if named { format!("the value of the header {name} can't be sent") } else { "this is no header".to_owned() };
            return Err(Error::new(ErrorKind::Usage, what).hint("a header looks like 'Name: value'"));
        }
        self.front(site).headers.push((name.to_owned(), value));
        Ok(self)
    }

    /// Adds HTTP basic authentication for the origin of `site`.
    #[must_use]
    pub fn basic(mut self, site: &Url, user: &str, password: &SecretString) -> Self {
        self.front(site).headers.push(basic(user, password));
        self
    }

    /// Sends the requests for the origin of `site` through an Esri resource proxy.
    #[must_use]
    pub fn resource_proxy(mut self, site: &Url, proxy: &Url) -> Self {
        self.front(site).resource_proxy = Some(proxy.clone());
        self
    }

    /// Takes this way into the network.
    #[must_use]
    pub fn network(self, network: Network) -> Self {
        Self { network, ..self }
    }

    /// A session over the network.
    pub fn session(&self) -> Session {
        let http = HttpTransport::through(self.network.clone());
        Session::with_retry(Retry::new(self.over(Arc::new(http)), RetryPolicy::default()))
    }

    /// A transport over `inner` that signs in.
    pub fn over(&self, inner: SharedTransport) -> SharedTransport {
        let inner = match self.fronts.as_slice() {
            [] => inner,
            fronts => Arc::new(WebTier::new(inner, fronts.to_vec())),
        };
        match self.logins.as_slice() {
            [] => inner,
            logins => Arc::new(SignIn::new(inner, logins.to_vec())),
        }
    }

    /// What the report should say of it.
    pub fn warnings(&self) -> Vec<String> {
        let insecure = "certificates were not checked (--insecure): who answered is not certain";
        self.network.is_insecure().then(|| insecure.to_owned()).into_iter().collect()
    }

    fn front(&mut self, site: &Url) -> &mut Front {
        let at = self.fronts.iter().position(|front| front.site.origin() == site.origin());
        let at = at.unwrap_or_else(|| {
            let front = Front { site: super::site::bare(site, "/"), headers: Vec::new(), resource_proxy: None };
            self.fronts.push(front);
            self.fronts.len() - 1
        });
        &mut self.fronts[at]
    }
}
