//! `geohaul login`, `logout` and `whoami`: sign-ins that are kept from run to run.

use url::Url;

use super::access;
use super::args::{AccessArgs, Hidden, LoginArgs, LogoutArgs, WhoamiArgs};
use super::printer;
use super::status::Status;
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::auth::{Access, Identity, Login, Store, identify};

pub(super) fn login(args: &LoginArgs) -> Result<Status> {
    if args.access.basic || args.access.portal.is_some() {
        let what = if args.access.basic { "--basic" } else { "--portal" };
        return Err(Error::new(ErrorKind::Usage, format!("login takes no {what}"))
            .hint("name the portal or server itself; HTTP basic goes with each run"));
    }
    let store = store()?;
    let url = address(&args.url)?;
    let web = access::web(&args.access, None, &url)?;
    let credential = access::credential(&args.access, &[], &url)?.ok_or_else(|| {
        Error::new(ErrorKind::Usage, "nothing says who signs in").hint("use --user NAME, --token-file FILE or --client-id ID")
    })?;
    let login = Login::at(&web.session(), &url, credential)?.with_referer(args.access.referer.clone());
    // What does not work is not kept.
    let identity = identify(&web.login(login.clone()).session(), &login)?;
    let kept = if args.in_file { store.keep_in_file(&login) } else { store.keep(&login) }?;
    let place = match kept.in_keyring {
        true => "the system's keyring".to_owned(),
        false => store.path().display().to_string(),
    };
    printer::data(&format!("{}; kept in {place}\n", text(&identity, &login)))?;
    Ok(Status::Complete)
}

pub(super) fn logout(args: &LogoutArgs) -> Result<Status> {
    let store = store()?;
    let url = args.url.as_ref().map(address).transpose()?;
    let gone = store.forget(|kept| url.as_ref().is_none_or(|url| kept.covers(url)))?;
    if gone.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "no sign-in is kept for it").hint("geohaul whoami lists those that are"));
    }
    for kept in gone {
        printer::data(&format!("{}: forgotten\n", kept.site))?;
    }
    Ok(Status::Complete)
}

pub(super) fn whoami(args: &WhoamiArgs) -> Result<Status> {
    let Some(url) = &args.url else {
        let head = std::iter::once(["SITE", "KIND", "WHO", "IN"].map(str::to_owned).to_vec());
        let kept = store()?.list()?;
        let rows = kept.into_iter().map(|kept| {
            let (kind, place) =
                (if kept.is_portal { "portal" } else { "server" }, if kept.in_keyring { "keyring" } else { "file" });
            vec![kept.site.to_string(), kind.to_owned(), kept.who, place.to_owned()]
        });
        printer::data(&printer::aligned(&head.chain(rows).collect::<Vec<_>>()))?;
        return Ok(Status::Complete);
    };
    let (login, access) = asked(&args.access, &address(url)?, access::kept()?)?;
    printer::warnings(&access_warnings(&args.access));
    let identity = identify(&access.login(login.clone()).session(), &login)?;
    printer::data(&(text(&identity, &login) + "\n"))?;
    Ok(Status::Complete)
}

/// The login of the command, else the one that is kept for this site.
fn asked(args: &AccessArgs, url: &Url, kept: Vec<Login>) -> Result<(Login, Access)> {
    let web = access::web(args, None, url)?;
    let session = web.session();
    if let Some(credential) = access::credential(args, &kept, url)? {
        let login = Login::at(&session, url, credential)?.with_referer(args.referer.clone());
        return Ok((login, web));
    }
    let login = match kept.iter().find(|login| login.covers(url)) {
        Some(login) => Some(login.clone()),
        // A server's portal may be elsewhere.
        None => {
            let site = Login::locate(&session, url)?;
            kept.into_iter().find(|login| login.covers(&site) && login.is_portal)
        }
    };
    let none = || Error::new(ErrorKind::SignIn, "nobody is signed in there").hint("geohaul login keeps a sign-in");
    Ok((login.ok_or_else(none)?, web))
}

fn access_warnings(args: &AccessArgs) -> Vec<String> {
    args.insecure.then(|| "certificates were not checked (--insecure)".to_owned()).into_iter().collect()
}

fn store() -> Result<Store> {
    access::store().ok_or_else(|| {
        Error::new(ErrorKind::File, "there is no place to keep sign-ins").hint("set XDG_CONFIG_HOME to a folder of your own")
    })
}

fn address(text: &Hidden) -> Result<Url> {
    let wrong = || Error::new(ErrorKind::Usage, "this is no address").hint("it looks like https://HOST/portal");
    let url: Url = text.expose().trim().parse().map_err(|_| wrong())?;
    let secrets = url.password().is_some() || url.query_pairs().any(|(key, _)| key.eq_ignore_ascii_case("token"));
    match (url.scheme(), secrets) {
        ("http" | "https", false) => Ok(url),
        (_, true) => Err(Error::new(ErrorKind::Usage, "the address holds a secret, which everybody on this machine can read")
            .hint("give it by --token-file, --password-file or at the prompt")),
        _ => Err(wrong()),
    }
}

fn text(identity: &Identity, login: &Login) -> String {
    let who = identity.user.as_ref().map_or_else(|| login.credential.describe(), |user| format!("user {user}"));
    let organisation = identity.organisation.as_ref().map_or(String::new(), |name| format!(" ({name})"));
    format!("{}{organisation}: {who}", identity.site)
}
