//! From sign-in and network arguments to a session.

use std::io::IsTerminal;
use std::sync::Arc;

use url::Url;

use super::args::{AccessArgs, Hidden};
use super::keyring::SystemKeyring;
use super::printer;
use crate::error::{Error, ErrorKind, Result};
use crate::fetch::auth::{Access, Credential, Locked, Login, Store};
use crate::fetch::http::Network;
use crate::fetch::pasted::Pasted;
use crate::fetch::secret::{self, SecretString};
use crate::fetch::session::Session;
use crate::fetch::target::Target;

/// A target with the way to it.
pub(super) struct Opened {
    pub(super) target: Target,
    pub(super) session: Session,
    /// What the report should say of the way.
    pub(super) warnings: Vec<String>,
}

/// Reads a target and everything that opens it.
pub(super) fn open(args: &AccessArgs, text: &str) -> Result<Opened> {
    let mut pasted = Pasted::parse(text)?;
    if let (Some(portal), Target::File(_)) = (&args.portal, &pasted.target)
        && let Ok(item) = Target::item(portal.as_str(), text)
    {
        pasted.address = item.url().cloned();
        pasted.target = item;
    }
    let access = match &pasted.address {
        Some(address) => of(args, Some(&pasted), address)?,
        None => Access::default(),
    };
    let mut warnings = access.warnings();
    if !pasted.left_out.is_empty() {
        let names = pasted.left_out.join(", ");
        warnings.push(format!("{names} of the address is not sent; the key of a gateway goes into a header: --header @FILE"));
    }
    Ok(Opened { session: access.session(), warnings, target: pasted.target })
}

/// The way to a portal, and what the report should say of it.
pub(super) fn portal(args: &AccessArgs, portal: &Url) -> Result<(Session, Vec<String>)> {
    let access = of(args, None, portal)?;
    Ok((access.session(), access.warnings()))
}

/// The sign-ins of the command, those of the environment, and those that are kept, in this order.
fn of(args: &AccessArgs, pasted: Option<&Pasted>, address: &Url) -> Result<Access> {
    let mut access = web(args, pasted, address)?;
    if let Some(token) = pasted.and_then(|pasted| pasted.token.as_ref()) {
        access = access.login(Login::new(address, Credential::token(token)?).with_referer(args.referer.clone()));
    }
    let mut kept = kept()?;
    if let Some(credential) = credential(args, &kept, address)? {
        // Who says how to sign in means it.
        kept.retain(|login| !login.covers(address));
        access = match credential {
            Credential::Password { user, password } if args.basic => access.basic(address, &user, &password),
            credential => {
                let login = match &args.portal {
                    Some(portal) => Login::for_portal(portal, credential),
                    None => Login::new(address, credential),
                };
                access.login(login.with_referer(args.referer.clone()))
            }
        };
    }
    Ok(kept.into_iter().fold(access, Access::login))
}

/// Everything but sign-ins.
pub(super) fn web(args: &AccessArgs, pasted: Option<&Pasted>, address: &Url) -> Result<Access> {
    let mut network = Network::default();
    if let Some(proxy) = &args.proxy {
        network = network.proxy(&proxy_address(proxy)?)?;
    }
    if let Some(path) = &args.ca_bundle {
        network = network.ca_bundle(path)?;
    }
    if let Some(path) = &args.client_cert {
        network = network.client_cert(path)?;
    }
    if args.insecure {
        network = network.insecure();
    }
    let mut access = Access::default().network(network);
    if let Some((user, password)) = pasted.and_then(|pasted| pasted.user.as_ref()) {
        access = access.basic(address, user, password);
    }
    if let Some(proxy) = pasted.and_then(|pasted| pasted.resource_proxy.as_ref()) {
        access = access.resource_proxy(address, proxy);
    }
    for header in &args.header {
        for (name, value) in headers(header)? {
            access = access.header(address, &name, value)?;
        }
    }
    Ok(access)
}

/// Where sign-ins are kept: the user's file, and the system's keyring for secrets.
pub(super) fn store() -> Option<Store> {
    Store::of_user().map(|store| store.with_keyring(Arc::new(SystemKeyring)))
}

/// The logins that `geohaul login` keeps. Those that the keyring does not give are told of.
pub(super) fn kept() -> Result<Vec<Login>> {
    let (logins, locked) = store().map_or_else(|| Ok(Default::default()), |store| store.load())?;
    let words = |Locked { kept, why }: Locked| {
        format!("the sign-in for {} is in the system's keyring, which does not give it: {why}", kept.site)
    };
    printer::warnings(&locked.into_iter().map(words).collect::<Vec<_>>());
    Ok(logins)
}

/// The credential of the command or of the environment. A user without a password gets that of a kept login.
pub(super) fn credential(args: &AccessArgs, kept: &[Login], address: &Url) -> Result<Option<Credential>> {
    if let Some(token) = &args.token {
        if token.expose() != "-" {
            return Err(Error::new(ErrorKind::Usage, "a token as an argument can be read by everybody on this machine")
                .hint("use --token - (standard input), --token-file FILE or GEOHAUL_TOKEN, and get another token"));
        }
        let token = match std::io::stdin().is_terminal() {
            true => ask("Token: ", "token")?,
            false => secret::from_reader(std::io::stdin(), "token")?,
        };
        return Credential::token(&token).map(Some);
    }
    if let Some(path) = &args.token_file {
        return Credential::token(&secret::from_file(path, "token")?).map(Some);
    }
    if let Some(user) = &args.user {
        return password(args, user, kept, address).map(Some);
    }
    if let Some(id) = &args.client_id {
        return app(args, id.clone()).map(Some);
    }
    if let Some(token) = variable("GEOHAUL_TOKEN") {
        return Credential::token(&token.into()).map(Some);
    }
    if let Some(user) = variable("GEOHAUL_USER") {
        return password(args, &user, kept, address).map(Some);
    }
    variable("GEOHAUL_CLIENT_ID").map(|id| app(args, id)).transpose()
}

fn password(args: &AccessArgs, user: &str, kept: &[Login], address: &Url) -> Result<Credential> {
    let of_kept = || {
        kept.iter().filter(|login| login.covers(address)).find_map(|login| match &login.credential {
            Credential::Password { user: name, password } if name == user => Some(password.clone()),
            _ => None,
        })
    };
    let password = match &args.password_file {
        Some(path) => secret::from_file(path, "password")?,
        None => match variable("GEOHAUL_PASSWORD").map(SecretString::from).or_else(of_kept) {
            Some(password) => password,
            None => ask(&format!("Password of {user} for {}: ", address.host_str().unwrap_or("the server")), "password")?,
        },
    };
    Ok(Credential::Password { user: user.to_owned(), password })
}

fn app(args: &AccessArgs, id: String) -> Result<Credential> {
    let secret = match &args.client_secret_file {
        Some(path) => secret::from_file(path, "client secret")?,
        None => variable("GEOHAUL_CLIENT_SECRET").map(SecretString::from).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "the secret of the application is missing")
                .hint("give it in --client-secret-file or GEOHAUL_CLIENT_SECRET")
        })?,
    };
    Ok(Credential::App { id, secret })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Asks at the terminal, without an echo.
fn ask(prompt: &str, what: &str) -> Result<SecretString> {
    let missing = || {
        let variable = what.to_uppercase();
        Error::new(ErrorKind::Usage, format!("the {what} is missing"))
            .hint(format!("give it in --{what}-file or GEOHAUL_{variable}, or run geohaul at a terminal"))
    };
    if !std::io::stdin().is_terminal() {
        return Err(missing());
    }
    let answer = rpassword::prompt_password(prompt).map_err(|why| missing().because(why))?;
    if answer.is_empty() { Err(missing()) } else { Ok(answer.into()) }
}

/// A proxy by its address. One with a password would be read by everybody.
fn proxy_address(text: &Hidden) -> Result<Url> {
    let wrong = || Error::new(ErrorKind::Usage, "--proxy names no proxy").hint("it looks like http://HOST:PORT");
    let url: Url = text.expose().parse().map_err(|_| wrong())?;
    match url.password() {
        None => Ok(url),
        Some(_) => Err(Error::new(ErrorKind::Usage, "a password as an argument can be read by everybody on this machine")
            .hint("give a proxy with a password in HTTPS_PROXY or ALL_PROXY")),
    }
}

/// `Name: value`, or the lines of a file.
fn headers(text: &Hidden) -> Result<Vec<(String, SecretString)>> {
    let text = match text.expose().strip_prefix('@') {
        None => SecretString::from(text.expose()),
        Some(path) => {
            let path = std::path::Path::new(path);
            std::fs::read_to_string(path).map_err(|why| Error::file("can't read the headers", path, &why))?.into()
        }
    };
    let lines = secret::ExposeSecret::expose_secret(&text).lines().filter(|line| !line.trim().is_empty());
    let pair = |line: &str| {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| Error::new(ErrorKind::Usage, "--header holds no header").hint("a header looks like 'Name: value'"))?;
        Ok((name.trim().to_owned(), value.trim().into()))
    };
    lines.map(pair).collect()
}
