//! [`Login`]: who somebody is, and where.

use std::sync::OnceLock;

use url::Url;

use super::site::{self, Facts, Place};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::http::Cancel;
use crate::fetch::secret::{ExposeSecret, SecretString};
use crate::fetch::session::Session;

/// What somebody shows to be let in.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credential {
    /// A token that somebody made already, or an API key.
    Token(SecretString),
    /// A user and the password; tokens are made from them.
    Password {
        /// The user; the case counts.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// An application that is registered with a portal.
    App {
        /// The client id.
        id: String,
        /// The client secret.
        secret: SecretString,
    },
}

impl Credential {
    /// A ready token or an API key.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where it holds what no token holds.
    pub fn token(token: &SecretString) -> Result<Self> {
        let token = token.expose_secret().trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let error = Error::new(ErrorKind::Usage, "this is no token");
            return Err(error.because("a token is one word of plain letters").hint("give the token alone, in one line"));
        }
        Ok(Self::Token(token.into()))
    }

    /// Who it is, in words and without secrets.
    pub fn describe(&self) -> String {
        match self {
            Self::Token(_) => "a token".to_owned(),
            Self::Password { user, .. } => format!("user {user}"),
            Self::App { id, .. } => format!("application {id}"),
        }
    }
}

/// A credential and the site that it is for. It goes to that origin, to the portal that the site names, and to
/// other servers that name the same portal.
#[derive(Debug, Clone)]
pub struct Login {
    /// The root of a server (`https://h/arcgis`) or of a portal (`https://h/portal`).
    pub site: Url,
    /// The site is a portal.
    pub is_portal: bool,
    /// The credential.
    pub credential: Credential,
    /// The `Referer` that a ready token is bound to.
    pub referer: Option<String>,
}

impl Login {
    /// A credential for the server or portal that an address is on.
    pub fn new(url: &Url, credential: Credential) -> Self {
        let (site, is_portal) = match Place::of(url) {
            Some(Place::Server(root)) => (root, false),
            Some(Place::Portal(root)) => (root, true),
            None => (site::bare(url, "/"), false),
        };
        Self { site, is_portal, credential, referer: None }
    }

    /// A credential for a portal.
    pub fn for_portal(portal: &Url, credential: Credential) -> Self {
        Self { site: site::portal_root(portal), is_portal: true, credential, referer: None }
    }

    /// The same with the `Referer` that a ready token is bound to.
    #[must_use]
    pub fn with_referer(self, referer: Option<String>) -> Self {
        Self { referer, ..self }
    }

    /// `true` where the login is for this address itself. One for https is for an address with http as well, which
    /// is then asked over https.
    pub fn covers(&self, url: &Url) -> bool {
        site::covers(&self.site, url) || site::covers(url, &self.site)
    }

    /// How well it fits the address: the longer the path that both share, the better.
    pub(super) fn fits(&self, root: &Url) -> usize {
        let (mine, theirs) = (self.site.path().to_lowercase(), root.path().to_lowercase());
        if theirs.starts_with(&mine) { 1 + mine.len() } else { 0 }
    }
}

/// A login in use: what its site said is kept.
pub(super) struct Known {
    pub(super) login: Login,
    portal: OnceLock<Option<Url>>,
}

impl Known {
    pub(super) fn new(login: Login) -> Self {
        Self { login, portal: OnceLock::new() }
    }

    /// The portal that the login is good for. A site that does not answer names none: it may be another than the
    /// one that is asked for data.
    fn portal(&self, session: &Session, cancel: &Cancel) -> Option<&Url> {
        let ask = || match self.login.is_portal {
            true => Some(self.login.site.clone()),
            false => Facts::ask(session, &Place::Server(self.login.site.clone()), cancel).ok()?.portal,
        };
        self.portal.get_or_init(ask).as_ref()
    }

    /// `true` where the place says that it belongs to the portal of this login, or is one with it.
    pub(super) fn is_of(&self, place: &Place, facts: &Facts, session: &Session, cancel: &Cancel) -> bool {
        if facts.portal.is_none() && !site::is_online(place.root()) {
            return false;
        }
        let Some(mine) = self.portal(session, cancel) else { return false };
        let named = facts.portal.as_ref().is_some_and(|named| site::key(named) == site::key(mine));
        named || site::same_online(mine, place.root())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word() {
        let token = |text: &str| Credential::token(&text.into());
        assert!(token(" abc-_.=x\n").is_ok());
        for wrong in ["", "two words", "li\nne", "tökén"] {
            assert_eq!(token(wrong).unwrap_err().kind(), ErrorKind::Usage);
        }
    }

    #[test]
    fn a_login_shows_who_and_where_and_no_secret() {
        let credential = Credential::Password { user: "ann".to_owned(), password: "correct-horse".into() };
        let login = Login::new(&"https://ann:pw@h.example/arcgis/rest/services/A/MapServer/0".parse().unwrap(), credential);
        assert_eq!(login.site.as_str(), "https://h.example/arcgis");
        let shown = format!("{login:?}");
        assert!(shown.contains("ann") && !shown.contains("horse") && !shown.contains("pw"), "{shown}");
    }
}
