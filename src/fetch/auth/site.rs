//! Which server an address is on, who signs people in there, and which of two sites may share a token.

use serde_json::Value;
use url::{Host, Url};

use crate::error::Result;
use crate::fetch::http::Cancel;
use crate::fetch::retry::Cause;
use crate::fetch::session::Session;

/// Where an address belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A server, by what stands before `/rest`: `https://h/arcgis`.
    Server(Url),
    /// A portal, by what stands before `/sharing`: `https://h/portal`.
    Portal(Url),
}

impl Place {
    /// The place of an address; `None` where it is neither on a server nor on a portal.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let segments: Vec<&str> = url.path_segments()?.collect();
        let is = |at: usize, name: &str| segments.get(at).is_some_and(|segment| segment.eq_ignore_ascii_case(name));
        let root = |count: usize| bare(url, &segments[..count].join("/"));
        let at = (0..segments.len()).find(|&at| is(at, "rest") || is(at, "sharing"))?;
        Some(if is(at, "sharing") { Self::Portal(root(at)) } else { Self::Server(root(at)) })
    }

    pub(super) fn root(&self) -> &Url {
        match self {
            Self::Server(root) | Self::Portal(root) => root,
        }
    }

    /// A name for this place, whatever the case of its path.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Server(root) => key(root),
            Self::Portal(root) => format!("{}/sharing", key(root)),
        }
    }
}

/// `url` with this path and nothing behind it, nor a user before it.
pub(super) fn bare(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // An address of http always takes these.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_path(path);
    url
}

/// `url` with more segments behind its path.
pub(super) fn below(url: &Url, path: &str) -> Url {
    bare(url, &format!("{}/{path}", url.path().trim_end_matches('/')))
}

/// A name for a root: the host has no case, and the first segment of a path has none in practice.
pub(super) fn key(root: &Url) -> String {
    root.as_str().trim_end_matches('/').to_lowercase()
}

/// The root of a portal as it is named: `https://h/portal`, also with `/sharing/rest` or `/home` behind it.
pub(super) fn portal_root(url: &Url) -> Url {
    let segments: Vec<&str> = url.path_segments().into_iter().flatten().filter(|segment| !segment.is_empty()).collect();
    let end =
        segments.iter().position(|segment| ["sharing", "home", "apps"].iter().any(|known| segment.eq_ignore_ascii_case(known)));
    bare(url, &segments[..end.unwrap_or(segments.len())].join("/"))
}

/// The same address over https; the ports that ArcGIS has for both go along.
pub(in crate::fetch) fn over_https(url: &Url) -> Url {
    let mut url = url.clone();
    let port = match url.port() {
        Some(6080) => Some(6443),
        Some(7080) => Some(7443),
        other => other,
    };
    // Both are schemes that take any port.
    let _ = url.set_scheme("https");
    let _ = url.set_port(port);
    url
}

/// `url`, over https where `than` is: what is named by a secure server is not asked less securely.
fn no_less_secure(url: Url, than: &Url) -> Url {
    if than.scheme() == "https" && url.scheme() == "http" { over_https(&url) } else { url }
}

/// `true` where secrets for `mine` may go to `url`: the same origin, or the same host by https in place of http.
pub(super) fn covers(mine: &Url, url: &Url) -> bool {
    mine.origin() == url.origin() || over_https(mine).origin() == url.origin()
}

/// `true` where both are ArcGIS Online, by https and of the same environment: a token of one is good for the other.
pub(super) fn same_online(portal: &Url, server: &Url) -> bool {
    matches!((environment(portal), environment(server)), (Some(a), Some(b)) if a == b)
}

/// `true` where the address is one of ArcGIS Online.
pub(super) fn is_online(url: &Url) -> bool {
    environment(url).is_some()
}

fn environment(url: &Url) -> Option<&'static str> {
    let Some(Host::Domain(host)) = url.host() else { return None };
    let name = host.strip_suffix(".arcgis.com")?.rsplit('.').next()?;
    (url.scheme() == "https" && url.port().is_none()).then_some(match name {
        name if name.contains("dev") => "development",
        name if name.contains("qa") => "quality",
        _ => "production",
    })
}

/// What a place says of signing in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The portal that the place belongs to.
    pub(super) portal: Option<Url>,
    /// Where its tokens are made.
    pub(super) token_service: Option<Url>,
}

impl Facts {
    /// Asks a place. One that does not say is a place without sign-in.
    pub(super) fn ask(session: &Session, place: &Place, cancel: &Cancel) -> Result<Self> {
        let url = match place {
            Place::Server(root) => below(root, "rest/info"),
            Place::Portal(root) => below(root, "sharing/rest/info"),
        };
        let mut request = session.request(&url, &[]);
        request.cancel = cancel.clone();
        match session.ask(&request, false) {
            Ok(answer) => Ok(Self::of(&answer.skeleton.value, place)),
            Err(refused) if matches!(refused.cause, Cause::Fault(_)) => Err(refused.error),
            Err(_) => Ok(Self::of(&Value::Null, place)),
        }
    }

    /// What the answer of `place` says.
    fn of(info: &Value, place: &Place) -> Self {
        let root = place.root();
        let url = |value: Option<&Value>| {
            let url: Url = value?.as_str().filter(|text| !text.is_empty())?.parse().ok()?;
            url.has_host().then(|| no_less_secure(url, root))
        };
        let auth = info.get("authInfo");
        // Servers of the version 10.0 have no `s` in it.
        let named = url(auth.and_then(|auth| auth.get("tokenServicesUrl").or_else(|| auth.get("tokenServiceUrl"))));
        let portal = match place {
            Place::Portal(root) => Some(root.clone()),
            Place::Server(_) => url(info.get("owningSystemUrl")).map(|url| portal_root(&url)),
        };
        let token_service = match &portal {
            // A portal's password goes to that portal, whatever a server says.
            Some(portal) => Some(
                named
                    .filter(|named| named.origin() == portal.origin())
                    .map_or_else(|| below(portal, "sharing/rest/generateToken"), |named| generate_token(&named)),
            ),
            None => named.map(|named| generate_token(&named)),
        };
        Self { portal, token_service }
    }
}

/// The address that makes tokens: some servers name it, others what stands before it.
fn generate_token(service: &Url) -> Url {
    let path = service.path().trim_end_matches('/');
    match path.to_ascii_lowercase().ends_with("/generatetoken") {
        true => bare(service, path),
        false => below(service, "generateToken"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn server(info: &Value) -> Facts {
        Facts::of(info, &Place::Server(url("https://h.example/arcgis")))
    }

    #[test]
    fn a_place_is_what_stands_before_rest_or_sharing() {
        let server = |text: &str| Some(Place::Server(url(text)));
        assert_eq!(
            Place::of(&url("https://u:p@H.example/Arc/REST/services/rest/MapServer/0?token=x")),
            server("https://h.example/Arc")
        );
        assert_eq!(Place::of(&url("https://h.example/rest/services")), server("https://h.example/"));
        let portal = Some(Place::Portal(url("https://h.example/portal")));
        assert_eq!(Place::of(&url("https://h.example/portal/sharing/rest/content")), portal);
        assert_eq!(Place::of(&url("https://h.example/files/out.zip")), None);
        assert_eq!(key(&url("https://h.example/ArcGIS/")), key(&url("https://H.example/arcgis")));
        assert_eq!(portal_root(&url("https://h.example/portal/home/")), url("https://h.example/portal"));
    }

    #[test]
    fn a_federated_server_names_its_portal_and_a_lone_one_its_token_service() {
        let federated = server(
            &json!({"owningSystemUrl": "http://p.example/portal/", "authInfo": {"tokenServicesUrl": "https://elsewhere.example/x"}}),
        );
        assert_eq!(federated.portal, Some(url("https://p.example/portal")), "no less secure than the server");
        assert_eq!(federated.token_service, Some(url("https://p.example/portal/sharing/rest/generateToken")));
        for (key, service) in
            [("tokenServicesUrl", "tokens/"), ("tokenServicesUrl", "tokens/generateToken"), ("tokenServiceUrl", "tokens")]
        {
            let lone =
                server(&json!({"authInfo": {"isTokenBasedSecurity": true, key: format!("https://h.example/arcgis/{service}")}}));
            assert_eq!((lone.portal, lone.token_service), (None, Some(url("https://h.example/arcgis/tokens/generateToken"))));
        }
        assert_eq!(server(&json!({"owningSystemUrl": "", "authInfo": {"tokenServicesUrl": null}})), Facts::default());
    }

    #[test]
    fn secrets_stay_with_their_origin_and_may_become_safer_but_not_less_safe() {
        let covers = |mine: &str, theirs: &str| covers(&url(mine), &url(theirs));
        assert!(covers("https://h.example/a", "https://h.example/b") && covers("http://h.example", "https://h.example"));
        assert!(covers("http://h.example:6080", "https://h.example:6443"));
        assert!(!covers("https://h.example", "http://h.example") && !covers("https://h.example", "https://h.example:8443"));
        assert!(!covers("https://h.example", "https://h.example.evil") && !covers("https://h.example", "https://x.h.example"));
    }

    #[test]
    fn arcgis_online_is_one_place_per_environment() {
        let same = |server: &str| same_online(&url("https://www.arcgis.com/"), &url(server));
        assert!(same("https://services1.arcgis.com/x") && same("https://org.maps.arcgis.com"));
        for other in [
            "http://services.arcgis.com",
            "https://servicesdev.arcgis.com",
            "https://o.mapsqa.arcgis.com",
            "https://arcgis.com.evil",
            "https://evilarcgis.com",
            "https://services.arcgis.com:8443",
        ] {
            assert!(!same(other), "{other}");
        }
    }
}
