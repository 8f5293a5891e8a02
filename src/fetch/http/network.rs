//! [`Network`]: the way from this machine to servers. Proxies, certificates.

use std::fmt;
use std::path::Path;

use reqwest::blocking::ClientBuilder;
use reqwest::{Certificate, Identity, NoProxy, Proxy};
use url::Url;

use crate::error::{Error, ErrorKind, Result, redact};

/// The way into the network. By default that of the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
/// `NO_PROXY`) with the system's certificates.
#[derive(Clone, Default)]
pub struct Network {
    proxy: Option<(Url, Proxy)>,
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
    insecure: bool,
}

impl Network {
    /// Through a proxy: `http:`, `https:`, `socks4:`, `socks4a:`, `socks5:` or `socks5h:`. Hosts of `NO_PROXY` are
    /// asked directly.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for another scheme.
    pub fn proxy(self, url: &Url) -> Result<Self> {
        let wrong = || {
            Error::new(ErrorKind::Usage, "this is no address of a proxy")
                .because("it names no host, or a scheme that no proxy has")
                .hint("it looks like http://HOST:PORT or socks5h://HOST:PORT")
        };
        if !matches!(url.scheme(), "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h") || !url.has_host() {
            return Err(wrong());
        }
        let proxy = Proxy::all(url.as_str()).map_err(|_| wrong())?.no_proxy(NoProxy::from_env());
        Ok(Self { proxy: Some((url.clone(), proxy)), ..self })
    }

    /// Trusts the authorities of a PEM file besides those of the system.
    ///
    /// # Errors
    /// Where the file can't be read or holds no certificate.
    pub fn ca_bundle(self, path: &Path) -> Result<Self> {
        let pem = read(path, "certificates")?;
        let found = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
        let authorities = found.ok_or_else(|| no_pem(path, "the file holds no certificate", "-----BEGIN CERTIFICATE-----"))?;
        Ok(Self { authorities, ..self })
    }

    /// Shows the certificate of a PEM file to servers that ask for one. The file holds the key as well.
    ///
    /// # Errors
    /// Where the file can't be read, or lacks the certificate or the key.
    pub fn client_cert(self, path: &Path) -> Result<Self> {
        let pem = read(path, "client certificate")?;
        let identity = Identity::from_pem(&pem).map_err(|_| {
            no_pem(path, "the file holds no certificate with its key", "-----BEGIN PRIVATE KEY----- and no pass phrase")
        })?;
        Ok(Self { identity: Some(identity), ..self })
    }

    /// Takes any certificate from anybody.
    #[must_use]
    pub fn insecure(self) -> Self {
        Self { insecure: true, ..self }
    }

    /// `true` where certificates are not checked.
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// `true` where the way to `url` may need certificates: it, or a proxy, may be https.
    pub(super) fn may_need_tls(&self, url: &Url) -> bool {
        let proxied =
            || ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].iter().any(|name| std::env::var_os(name).is_some());
        url.scheme() != "http" || self.proxy.is_some() || proxied()
    }

    /// The host and port of the proxy that requests to `url` go through; `None` where there is none, or may be none: what
    /// `NO_PROXY` takes out is not known here.
    pub(super) fn proxy_to(&self, url: &Url) -> Option<String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if ["NO_PROXY", "no_proxy"].into_iter().find_map(variable).is_some() {
            return None;
        }
        let names = match url.scheme() {
            "https" => ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
            _ => ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
        };
        let of_environment = || names.into_iter().find_map(variable)?.parse().ok();
        let proxy: Url = self.proxy.as_ref().map(|(url, _)| url.clone()).or_else(of_environment)?;
        let host = proxy.host_str()?;
        Some(proxy.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }

    pub(super) fn apply(&self, mut builder: ClientBuilder) -> ClientBuilder {
        if let Some((_, proxy)) = &self.proxy {
            builder = builder.proxy(proxy.clone());
        }
        if let Some(identity) = &self.identity {
            builder = builder.identity(identity.clone());
        }
        if !self.authorities.is_empty() {
            builder = builder.tls_certs_merge(self.authorities.clone());
        }
        builder.tls_danger_accept_invalid_certs(self.insecure)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("proxy", &self.proxy.as_ref().map(|(url, _)| redact(url)))
            .field("authorities", &self.authorities.len())
            .field("client_cert", &self.identity.is_some())
            .field("insecure", &self.insecure)
            .finish()
    }
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|why| Error::file(format!("can't read the {what}"), path, &why))
}

fn no_pem(path: &Path, what: &str, line: &str) -> Error {
    Error::new(ErrorKind::Usage, what).in_file(path).hint(format!("it must be a PEM file with {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_may_be_needed_wherever_the_way_is_not_plain_http() {
        let [plain, secure] = ["http://h.example/", "https://h.example/"].map(|url| url.parse().unwrap());
        let proxied = Network::default().proxy(&"https://p.example".parse().unwrap()).unwrap();
        assert!(Network::default().may_need_tls(&secure) && proxied.may_need_tls(&plain));
    }

    #[test]
    fn a_proxy_is_shown_without_its_password_and_other_schemes_are_refused() {
        let proxy = |text: &str| Network::default().proxy(&text.parse().unwrap());
        for good in ["http://u:hidden-word@p.example:3128", "socks5h://p.example:1080"] {
            assert!(!format!("{:?}", proxy(good).unwrap()).contains("hidden-word"));
        }
        assert_eq!(proxy("ftp://p.example").unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn a_file_without_a_certificate_is_refused_before_anything_is_asked() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Network::default().ca_bundle(file.path()).unwrap_err();
        assert_eq!((error.kind(), error.what()), (ErrorKind::Usage, "the file holds no certificate"));
        assert!(Network::default().client_cert(file.path()).is_err());
    }
}
