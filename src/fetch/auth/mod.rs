//! Signing in: tokens of portals and of servers of their own, made, renewed, exchanged, and sent to nobody else.
//!
//! [`SignIn`] is a transport between the retries and the network. A request for a site that a [`Login`] fits goes
//! out with a token; an answer that refuses the token (498, 499) is followed by one renewal for all threads and
//! the same request once more. So layers, jobs and whatever comes later know nothing of tokens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::esri::failure::Failure;
use crate::fetch::clock::{Clock, SystemClock};
use crate::fetch::http::{Cancel, Fault, FaultKind, Request, Response, SharedTransport, Transport};
use crate::fetch::retry::{Retry, RetryPolicy};
use crate::fetch::session::Session;

mod access;
mod cell;
mod identity;
mod login;
mod mint;
mod pass;
mod site;
mod store;
mod web_tier;

pub use access::Access;
pub use identity::{Identity, identify};
pub use login::{Credential, Login};
pub use store::{Kept, Keyring, Locked, Store};

use cell::{Cell, Token};
use login::Known;
use mint::{Door, Mint, referer_for, wants_https};
use pass::Pass;
pub(in crate::fetch) use site::over_https;
use site::{Facts, Place};

/// A transport that signs in. Requests for places that no login fits go out as they are.
pub struct SignIn {
    inner: SharedTransport,
    door: Door,
    logins: Vec<Known>,
    /// Cells by login and by who makes the tokens.
    cells: Mutex<HashMap<(usize, String), Arc<Cell>>>,
    /// By the name of their place.
    sites: Mutex<HashMap<String, Arc<Site>>>,
}

/// A place that was asked for something.
struct Site {
    place: Place,
    /// `None` until somebody looked.
    entrance: Mutex<Option<Entrance>>,
}

/// How to get in.
#[derive(Clone)]
enum Entrance {
    /// As nobody: no login fits. Its portal, where it has one, and why that gave no token for it.
    Open(Facts, Option<Error>),
    /// With a token.
    Signed(Pass),
}

impl SignIn {
    /// Signs in over `inner` with these logins.
    pub fn new(inner: SharedTransport, logins: Vec<Login>) -> Self {
        Self::with_retry(inner, logins, RetryPolicy::default(), Arc::new(SystemClock))
    }

    /// The same with another clock, and other patience for token services.
    pub fn with_retry(inner: SharedTransport, logins: Vec<Login>, policy: RetryPolicy, clock: Arc<dyn Clock>) -> Self {
        let retry = Retry::new(Arc::clone(&inner), policy).with_clock(Arc::clone(&clock));
        let door = Door { session: Session::with_retry(retry.clone()), retry, clock };
        let logins = logins.into_iter().map(Known::new).collect();
        Self { inner, door, logins, cells: Mutex::default(), sites: Mutex::default() }
    }

    fn site(&self, place: Place) -> Arc<Site> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let site = sites.entry(place.key()).or_insert_with(|| Arc::new(Site { place, entrance: Mutex::default() }));
        Arc::clone(site)
    }

    /// How to get in at a site; asked once, while other threads wait.
    fn entrance(&self, site: &Site, cancel: &Cancel) -> Result<Entrance> {
        let mut entrance = site.entrance.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*entrance {
            return Ok(known.clone());
        }
        let found = self.look(&site.place, cancel)?;
        *entrance = Some(found.clone());
        Ok(found)
    }

    fn look(&self, place: &Place, cancel: &Cancel) -> Result<Entrance> {
        let root = place.root();
        let direct = self.logins.iter().enumerate().filter(|(_, known)| known.login.covers(root));
        let direct = direct.max_by_key(|(index, known)| (known.login.fits(root), usize::MAX - index));
        if let Some((index, known)) = direct
            && let Credential::Token(_) = known.login.credential
        {
            // A ready token needs nobody's word.
            return Ok(self.signed(index, place, &Facts::default()));
        }
        let facts = Facts::ask(&self.door.session, place, cancel)?;
        if let Some((index, _)) = direct {
            return Ok(self.signed(index, place, &facts));
        }
        let fitting = self.logins.iter().position(|known| known.is_of(place, &facts, &self.door.session, cancel));
        match fitting {
            Some(index) => self.vouched(self.signed(index, place, &facts), place, facts, cancel),
            None => Ok(Entrance::Open(facts, None)),
        }
    }

    /// Anybody can say that a portal is his. So a server at another address than its portal's is sent no token of the
    /// portal, but one of its own, which the portal makes for servers that it knows.
    fn vouched(&self, entrance: Entrance, place: &Place, facts: Facts, cancel: &Cancel) -> Result<Entrance> {
        let (Entrance::Signed(pass), Place::Server(server), Some(portal)) = (&entrance, place, &facts.portal) else {
            return Ok(entrance);
        };
        if site::covers(portal, server) || site::same_online(portal, server) {
            return Ok(entrance);
        }
        // Whoever can't sign in at the portal hears of that.
        pass.cell.token(&self.door, None, cancel)?;
        match self.exchanged(pass, server, &facts, cancel) {
            Ok(Some(pass)) => Ok(Entrance::Signed(pass)),
            Ok(None) => Ok(Entrance::Open(facts, None)),
            Err(error) if error.kind() == ErrorKind::SignIn => Ok(Entrance::Open(facts, Some(error))),
            Err(error) => Err(error),
        }
    }

    /// The entrance with a login that fits.
    fn signed(&self, index: usize, place: &Place, facts: &Facts) -> Entrance {
        let login = &self.logins[index].login;
        let (maker, mint, referer) = match (&login.credential, &facts.token_service, &facts.portal) {
            (Credential::Token(token), ..) => (String::new(), Mint::Ready(token.clone()), login.referer.clone()),
            (Credential::Password { user, password }, Some(service), _) => {
                let referer = login.referer.clone().unwrap_or_else(|| referer_for(service));
                let (user, password) = (user.clone(), password.clone());
                let mint = Mint::Password { service: service.clone(), user, password, referer: referer.clone() };
                (service.to_string(), mint, Some(referer))
            }
            (Credential::App { id, secret }, _, Some(portal)) => {
                let mint = Mint::App { portal: portal.clone(), id: id.clone(), secret: secret.clone() };
                (portal.to_string(), mint, None)
            }
            // Nobody there makes tokens: the place is open, or its web server guards it.
            (Credential::Password { .. } | Credential::App { .. }, ..) => {
                return Entrance::Open(facts.clone(), None);
            }
        };
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = Arc::clone(cells.entry((index, maker)).or_insert_with(|| Arc::new(Cell::new(mint))));
        let secure = login.site.scheme() == "https" && place.root().scheme() == "http";
        Entrance::Signed(Pass::new(cell, referer, secure))
    }

    /// Sends with a token, and does what a refusal calls for.
    fn send_signed(&self, request: &Request, site: &Site, mut pass: Pass) -> Result<Response, Fault> {
        let mut tried = Tried::default();
        loop {
            let token = pass.cell.token(&self.door, None, &request.cancel).map_err(|error| fault(error, request))?;
            let signed = pass.sign(request, &token);
            let response = self.inner.send(&signed)?.hiding(&signed.secrets);
            let Some(failure) = response.failure() else {
                if !pass.accepted {
                    site.change(&pass, |pass| pass.accepted = true);
                }
                return Ok(response);
            };
            let sent = Sent { pass: &pass, token: &token, signed: &signed };
            let remedy = self.remedy(site, request, &sent, &failure, &mut tried);
            match remedy.map_err(|error| fault(error, request))? {
                Remedy::Again(next) => pass = next,
                Remedy::None => return Ok(response),
            }
        }
    }

    /// What to do about a refusal of `signed`, which is `request` with `token`.
    fn remedy(&self, site: &Site, request: &Request, sent: &Sent<'_>, failure: &Failure, tried: &mut Tried) -> Result<Remedy> {
        let Sent { pass, token, signed } = sent;
        if signed.url.scheme() == "http" && wants_https(&failure.words) {
            return Ok(Remedy::Again(site.change(pass, |pass| pass.secure = true)));
        }
        if let Some(placement) = pass.moved(request, signed, failure.code).filter(|_| !tried.moved) {
            tried.moved = true;
            return Ok(Remedy::Again(site.change(pass, |pass| pass.placement = placement)));
        }
        let refused = matches!(failure.code, Some(498 | 499));
        let renew = |tried: &mut Tried| -> Result<Remedy> {
            tried.renewed = true;
            pass.cell.token(&self.door, Some(token.number), &request.cancel)?;
            Ok(Remedy::Again((*pass).clone()))
        };
        let may_renew = refused && !tried.renewed && pass.cell.is_renewable();
        if may_renew && pass.accepted {
            return renew(tried);
        }
        let no_rights = failure.code == Some(403) && failure.wants_sign_in() && !pass.accepted;
        if (refused || no_rights) && !tried.exchanged {
            tried.exchanged = true;
            match self.exchange(site, pass, &request.cancel) {
                Ok(Some(exchanged)) => return Ok(Remedy::Again(exchanged)),
                // 403 is the last word of a server that knows the account.
                Err(error) if refused => return Err(error),
                Ok(None) | Err(_) => {}
            }
        }
        match (may_renew, refused) {
            (true, _) => renew(tried),
            (false, true) => Err(refusal(failure, tried, signed, pass)),
            (false, false) => Ok(Remedy::None),
        }
    }

    /// A token for this server in exchange for the portal's; `None` where there is nothing to exchange.
    fn exchange(&self, site: &Site, pass: &Pass, cancel: &Cancel) -> Result<Option<Pass>> {
        let Place::Server(server) = &site.place else { return Ok(None) };
        let mut entrance = site.entrance.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Entrance::Signed(now)) = &mut *entrance else { return Ok(None) };
        if !Arc::ptr_eq(&now.cell, &pass.cell) {
            // Another thread was first.
            return Ok(Some(now.clone()));
        }
        if now.exchanged {
            return Ok(None);
        }
        let facts = Facts::ask(&self.door.session, &site.place, cancel)?;
        now.exchanged = true;
        let exchanged = self.exchanged(now, server, &facts, cancel)?;
        if let Some(exchanged) = &exchanged {
            *now = exchanged.clone();
        }
        Ok(exchanged)
    }

    /// The same pass with a token of the server, which its portal makes for one of its own; `None` where it has no portal.
    fn exchanged(&self, pass: &Pass, server: &Url, facts: &Facts, cancel: &Cancel) -> Result<Option<Pass>> {
        let (Some(_), Some(service)) = (&facts.portal, facts.token_service.clone()) else { return Ok(None) };
        let (portal, referer) = (Arc::clone(&pass.cell), pass.referer.clone());
        let cell = Arc::new(Cell::new(Mint::Exchange { service, server: server.clone(), portal, referer }));
        cell.token(&self.door, None, cancel)?;
        Ok(Some(Pass { cell, exchanged: true, ..pass.clone() }))
    }

    /// What an answer to nobody means, where somebody has logins.
    fn unsigned(&self, request: &Request, facts: &Facts, refused: Option<Error>, response: Response) -> Result<Response, Fault> {
        let wanted = response.failure().filter(|failure| matches!(failure.code, Some(498 | 499)));
        let Some(failure) = wanted.filter(|_| !self.logins.is_empty()) else { return Ok(response) };
        if let Some(refused) = refused {
            return Err(fault(refused, request));
        }
        let host = request.url.host_str().unwrap_or("the server");
        let error = Error::new(ErrorKind::SignIn, format!("the server wants a sign-in, and none of those given is for {host}"))
            .because(failure.to_error().why().unwrap_or_default())
            .hint(match &facts.portal {
                Some(portal) => format!("it belongs to the portal {portal}; sign in there with --portal or geohaul login"),
                None => "it names neither a portal nor a token service; --basic signs in at its web server".to_owned(),
            });
        Err(fault(error, request))
    }
}

impl Site {
    /// Changes how to get in, for all threads; `pass` is what one of them knows.
    fn change(&self, pass: &Pass, change: impl FnOnce(&mut Pass)) -> Pass {
        let mut entrance = self.entrance.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = match &*entrance {
            Some(Entrance::Signed(now)) => now.clone(),
            _ => pass.clone(),
        };
        change(&mut changed);
        *entrance = Some(Entrance::Signed(changed.clone()));
        changed
    }
}

/// What was done already about the refusals of one request.
#[derive(Default)]
struct Tried {
    moved: bool,
    exchanged: bool,
    renewed: bool,
}

/// A request as it went out.
struct Sent<'a> {
    pass: &'a Pass,
    token: &'a Token,
    signed: &'a Request,
}

/// What a refusal calls for.
enum Remedy {
    /// The same request with this pass.
    Again(Pass),
    /// The answer stands.
    None,
}

/// The last word on a token that a server won't have.
fn refusal(failure: &Failure, tried: &Tried, signed: &Request, pass: &Pass) -> Error {
    let host = signed.url.host_str().unwrap_or("the server");
    let (what, hint) = match (failure.code, tried.renewed) {
        (Some(499), false) => (
            format!("{host} does not see the token that was sent"),
            "the token may be for another server, or something in between takes it away",
        ),
        (_, true) => (
            format!("{host} refuses a token that was made a moment ago"),
            "the account may lack access, the session may have been closed, or the server's clock is wrong; ask its owner",
        ),
        (_, false) if pass.referer.is_some() => {
            (format!("{host} refuses the token"), "it is invalid, has expired, or is bound to another referer; get a new one")
        }
        (_, false) => (
            format!("{host} refuses the token"),
            "it is invalid, has expired, or is bound to a referer, which --referer names; get a new one",
        ),
    };
    Error::new(ErrorKind::SignIn, what).because(failure.to_error().why().unwrap_or_default()).hint(hint)
}

fn fault(error: Error, request: &Request) -> Fault {
    let kind = match error.kind() {
        ErrorKind::Cancelled => FaultKind::Cancelled,
        _ => FaultKind::SignIn,
    };
    Fault { kind, error: request.locate(error) }
}

impl Transport for SignIn {
    fn send(&self, request: &Request) -> Result<Response, Fault> {
        let place = Place::of(&request.url).filter(|_| !self.logins.is_empty());
        let Some(place) = place else { return self.inner.send(request) };
        let site = self.site(place);
        match self.entrance(&site, &request.cancel).map_err(|error| fault(error, request))? {
            Entrance::Signed(pass) => self.send_signed(request, &site, pass),
            Entrance::Open(facts, refused) => self.unsigned(request, &facts, refused, self.inner.send(request)?),
        }
    }
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn")
            .field("logins", &self.logins.iter().map(|known| &known.login).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
