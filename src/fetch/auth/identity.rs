//! Who a session is: the ground of `geohaul login` and `geohaul whoami`.

use serde::Serialize;
use serde_json::Value;
use url::Url;

use super::Login;
use super::login::Credential;
use super::site::{Facts, Place, below, portal_root};
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::http::Cancel;
use crate::fetch::session::Session;

/// Who a session is at a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The portal, or the server where it has none.
    pub site: Url,
    /// The site is a portal.
    pub is_portal: bool,
    /// The user, where the site says it.
    pub user: Option<String>,
    /// The organisation, where the site says it.
    pub organisation: Option<String>,
}

impl Login {
    /// A credential for the site that somebody names: a portal, a server, or anything on one of them. `session`
    /// asks it what it is. A user of a federated server is a user of its portal.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] where there is neither a portal nor a server.
    pub fn at(session: &Session, url: &Url, credential: Credential) -> Result<Self> {
        let (site, is_portal) = locate(session, url, matches!(credential, Credential::Token(_)))?;
        Ok(Self { site, is_portal, credential, referer: None })
    }

    /// The portal or server that signs people in for an address.
    ///
    /// # Errors
    /// Those of [`Login::at`].
    pub fn locate(session: &Session, url: &Url) -> Result<Url> {
        locate(session, url, false).map(|(site, _)| site)
    }
}

/// The root of the portal or server. A ready token stays with the server that it is given for.
fn locate(session: &Session, url: &Url, token: bool) -> Result<(Url, bool)> {
    match Place::of(url) {
        Some(Place::Portal(root)) => return Ok((root, true)),
        Some(place @ Place::Server(_)) => {
            let portal = Facts::ask(session, &place, &Cancel::default())?.portal.filter(|_| !token);
            let is_portal = portal.is_some();
            return Ok((portal.unwrap_or_else(|| place.root().clone()), is_portal));
        }
        None => {}
    }
    let root = portal_root(url);
    let says = |path: &str| session.json(&below(&root, path), &[]);
    match says("sharing/rest/info") {
        Ok(Value::Object(_)) => return Ok((root, true)),
        Err(error) if error.kind() == ErrorKind::Network => return Err(error),
        _ => {}
    }
    match says("rest/info") {
        Ok(Value::Object(_)) => Ok((root, false)),
        _ => Err(Error::new(ErrorKind::Usage, "there is no portal and no server at this address")
            .at_url(&root)
            .hint("give the address of a portal, such as https://HOST/portal or https://ORG.maps.arcgis.com, or of a service")),
    }
}

/// Asks the site of a login who the session is there.
///
/// # Errors
/// Where the site can't be asked, or refuses the login.
pub fn identify(session: &Session, login: &Login) -> Result<Identity> {
    let path = if login.is_portal { "sharing/rest/portals/self" } else { "rest/services" };
    let answer = session.json(&below(&login.site, path), &[])?;
    let user = answer.get("user").and_then(|user| user.get("username")).and_then(Value::as_str);
    let organisation = answer.get("name").and_then(Value::as_str).filter(|_| login.is_portal);
    let claimed = match &login.credential {
        Credential::Password { user, .. } => Some(user.as_str()),
        _ => None,
    };
    Ok(Identity {
        site: login.site.clone(),
        is_portal: login.is_portal,
        user: user.or(claimed).map(str::to_owned),
        organisation: organisation.map(str::to_owned),
    })
}
