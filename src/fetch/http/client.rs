//! [`HttpTransport`]: HTTP over TLS by blocking `reqwest`, with limits of time and size of our own.

use std::error::Error as StdError;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use memchr::memmem;
use reqwest::blocking::{Client, Response as Answer};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::redirect::Policy;
use url::Url;

use super::{Fault, FaultKind, FilePart, Method, Network, Request, Response, Transport};
use crate::error::{Error, ErrorKind, Result, redact};
use crate::fetch::secret::{ExposeSecret, Secrets};

/// How the server sees us.
const USER_AGENT: &str = concat!("geohaul/", env!("CARGO_PKG_VERSION"));
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
const MOST_REDIRECTS: usize = 5;

/// The real network. Many threads may share it; connections are kept and used again.
///
/// It blocks, so it must not be made or used inside an async runtime.
pub struct HttpTransport {
    /// One client per idle limit: reqwest takes that limit (and only as an idle limit, as bodies are read
    /// piece by piece) from the client, while a time-out of the request would bound the whole of it. And one with
    /// certificates apart from that without, for reading the system's takes a while.
    clients: Mutex<Vec<(ClientKind, Client)>>,
    network: Network,
    connect_limit: Duration,
}

/// What tells one client from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct ClientKind {
    idle_limit: Duration,
    tls: bool,
}

impl HttpTransport {
    /// A transport without connections yet, by this way into the network.
    pub fn through(network: Network) -> Self {
        Self { clients: Mutex::default(), network, connect_limit: CONNECT_LIMIT }
    }

    fn client(&self, kind: ClientKind) -> Result<Client, Fault> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(made, _)| *made == kind) {
            return Ok(client.clone());
        }
        let builder = self.network.apply(Client::builder());
        let client = if kind.tls { builder } else { builder.tls_certs_only([]) }
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(self.connect_limit)
            .timeout(kind.idle_limit)
            .tcp_nodelay(true)
            .build()
            .map_err(|why| fault(FaultKind::Other, "the network can't be used", why.without_url()))?;
        clients.push((kind, client.clone()));
        Ok(client)
    }
}

/// By the proxies of the environment and the system's certificates.
impl Default for HttpTransport {
    fn default() -> Self {
        Self::through(Network::default())
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: &Request) -> Result<Response, Fault> {
        let deadline = Instant::now() + request.total_limit;
        let idle_limit = request.idle_limit.min(request.total_limit);
        let located = |fault: Fault| Fault { error: request.locate(fault.error), ..fault };
        let mut hop = request.clone();
        for _ in 0..=MOST_REDIRECTS {
            if request.cancel.is_cancelled() {
                return Err(Fault::cancelled());
            }
            let client = self.client(ClientKind { idle_limit, tls: self.network.may_need_tls(&hop.url) })?;
            let mut call = match hop.method {
                Method::Get => client.get(hop.full_url()),
                Method::Post => match &hop.file {
                    None => client.post(hop.url.clone()).form(&form(&hop)),
                    Some(file) => {
                        let (kind, body) = multipart(&form(&hop), file);
                        client.post(hop.url.clone()).header(CONTENT_TYPE, kind).body(body)
                    }
                },
            };
            for (name, value) in &hop.secrets.headers {
                call = call.header(name, sensitive(value.expose_secret()).map_err(located)?);
            }
            let began = Instant::now();
            let answer = call.send().map_err(|why| located(self.explain(&why, &hop)));
            let answer = answer.inspect_err(|fault| tell_fault(&hop, fault))?;
            match next_hop(&hop, &answer) {
                Some(next) => hop = next.map_err(located)?,
                None => {
                    if let Some(fault) = windows_sign_in(&answer) {
                        return Err(located(fault));
                    }
                    let read = read(answer, request, deadline).map_err(located);
                    match &read {
                        Ok(response) => tell(&hop, response, began.elapsed()),
                        Err(fault) => tell_fault(&hop, fault),
                    }
                    return read;
                }
            }
        }
        let error = Error::new(ErrorKind::Network, "the server redirects in a loop")
            .because(format!("{MOST_REDIRECTS} redirects"))
            .hint("open the address in a browser: the server may have moved, or want a sign-in first");
        Err(located(Fault { kind: FaultKind::Redirect, error }))
    }
}

/// What was asked, for the log: without the secrets, which the server may repeat in an address that it redirects to.
fn asked(hop: &Request) -> String {
    let method = match hop.method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    format!("{method} {}", hop.secrets.hide(&redact(&hop.full_url())))
}

fn tell(hop: &Request, response: &Response, took: Duration) {
    tracing::debug!("{}: {}, {} bytes in {} ms", asked(hop), response.status, response.body.len(), took.as_millis());
}

fn tell_fault(hop: &Request, fault: &Fault) {
    tracing::debug!("{}: {}", asked(hop), hop.secrets.hide(&fault.error.to_string()));
}

/// The parameters and secret fields of a body.
fn form(request: &Request) -> Vec<(&str, &str)> {
    let params = request.params.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    params.chain(request.secrets.fields.iter().map(|(key, value)| (*key, value.expose_secret()))).collect()
}

/// A body with fields and a file (RFC 7578), and its type.
fn multipart(fields: &[(&str, &str)], file: &FilePart) -> (String, Vec<u8>) {
    let taken = |boundary: &str| {
        fields.iter().any(|(_, value)| value.contains(boundary)) || memmem::find(&file.bytes, boundary.as_bytes()).is_some()
    };
    let boundary = (0_u64..).map(|number| format!("geohaul-{number}-boundary")).find(|boundary| !taken(boundary));
    let boundary = boundary.unwrap_or_default();
    // A quote or a line end in a name would end it early.
    let quoted = |name: &str| name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
    let mut body = Vec::with_capacity(file.bytes.len() + 1024);
    for (name, value) in fields {
        let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{value}\r\n", quoted(name));
        body.extend_from_slice(head.as_bytes());
    }
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
        file.field,
        quoted(&file.name)
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&file.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

fn sensitive(value: &str) -> Result<HeaderValue, Fault> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| fault(FaultKind::Other, "a header can't be sent", "its value holds a character that headers can't"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The request that a redirect asks for; `None` where the answer is no redirect.
///
/// On the same host the parameters and secrets go along, also from http to https. To another origin nothing of
/// ours is carried but what the server itself wrote into the new address, less a token and our secrets.
fn next_hop(hop: &Request, answer: &Answer) -> Option<Result<Request, Fault>> {
    let status = answer.status().as_u16();
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = header(answer.headers(), &LOCATION)?;
    let from = hop.full_url();
    let to = match from.join(location) {
        Ok(to) if matches!(to.scheme(), "http" | "https") => to,
        _ => {
            let error = Error::new(ErrorKind::Network, "the server redirects to an address that is none")
                .because(hop.secrets.hide(location));
            return Some(Err(Fault { kind: FaultKind::Redirect, error }));
        }
    };
    let upgrade = from.scheme() == "http" && to.scheme() == "https" && from.host() == to.host();
    let mut next = Request { url: to, ..hop.clone() };
    if hop.method == Method::Post && status != 303 && (upgrade || from.origin() == next.url.origin()) {
        return Some(Ok(next));
    }
    next.method = Method::Get;
    next.params.clear();
    next.file = None;
    if !upgrade && from.origin() != next.url.origin() {
        drop_token(&mut next.url);
        if let Ok(url) = hop.secrets.hide(next.url.as_str()).parse() {
            next.url = url;
        }
        next.secrets = Secrets::default();
    }
    Some(Ok(next))
}

fn drop_token(url: &mut Url) {
    if url.query_pairs().any(|(key, _)| key.eq_ignore_ascii_case("token")) {
        let kept: Vec<(String, String)> =
            url.query_pairs().into_owned().filter(|(key, _)| !key.eq_ignore_ascii_case("token")).collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
    }
}

fn read(mut answer: Answer, request: &Request, deadline: Instant) -> Result<Response, Fault> {
    let status = answer.status().as_u16();
    let url = answer.url().clone();
    let content_type = header(answer.headers(), &CONTENT_TYPE).map(str::to_owned);
    let date = header(answer.headers(), &DATE);
    let retry_after = header(answer.headers(), &RETRY_AFTER).and_then(|text| wait(text, date));
    let server_time = date.and_then(seconds);
    let mut body = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        if request.cancel.is_cancelled() {
            return Err(Fault::cancelled());
        }
        if Instant::now() > deadline {
            return Err(timed_out(format!("it took more than {} s", request.total_limit.as_secs())));
        }
        let count = match answer.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            Err(why) => return Err(broken_body(&why, body.len(), request)),
        };
        if body.len() + count > request.most_bytes {
            let error = Error::new(ErrorKind::Server, "the answer is too large")
                .because(format!("it has more than {} bytes", request.most_bytes))
                .hint("ask for fewer features at once with --page-size");
            return Err(Fault { kind: FaultKind::TooLarge, error });
        }
        body.extend_from_slice(&piece[..count]);
    }
    Ok(Response { status, url, content_type, retry_after, server_time, body: Bytes::from(body) })
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `Retry-After` as a wait: seconds, or a date, which counts from the server's own clock where it shows it.
fn wait(text: &str, server_now: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = server_now.and_then(seconds).unwrap_or_else(|| jiff::Timestamp::now().as_second());
    Some(Duration::from_secs(u64::try_from(seconds(text)?.saturating_sub(now)).unwrap_or(0)))
}

/// A date of HTTP as seconds since 1970.
fn seconds(date: &str) -> Option<i64> {
    Some(jiff::fmt::rfc2822::parse(date.trim()).ok()?.timestamp().as_second())
}

fn fault(kind: FaultKind, what: impl Into<String>, why: impl std::fmt::Display) -> Fault {
    Fault { kind, error: Error::new(ErrorKind::Network, what).because(why) }
}

fn timed_out(why: String) -> Fault {
    let mut fault = fault(FaultKind::TimedOut, "the server took too long to answer", why);
    fault.error = fault.error.hint("try again later, or ask for fewer features at once with --page-size");
    fault
}

fn broken_body(why: &io::Error, received: usize, request: &Request) -> Fault {
    let timeout = why.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>()).is_some_and(reqwest::Error::is_timeout);
    if timeout || why.kind() == io::ErrorKind::TimedOut {
        return timed_out(format!("nothing came for {} s, after {received} bytes", request.idle_limit.as_secs()));
    }
    fault(FaultKind::CutOff, "the answer ends in the middle", format!("{} after {received} bytes", root_cause(why)))
}

impl HttpTransport {
    /// One clear message for a request that got no answer.
    fn explain(&self, why: &reqwest::Error, hop: &Request) -> Fault {
        let host = hop.url.host_str().unwrap_or("the host").to_owned();
        let proxy = self.network.proxy_to(&hop.url).filter(|_| why.is_connect() || why.is_dns());
        let cause = match why.is_connect() && why.is_timeout() {
            true => format!("the connection was not taken for {} s", self.connect_limit.as_secs_f64()),
            false => root_cause(why),
        };
        if mentions_tls(why) {
            return untrusted(&host, &cause);
        }
        let (kind, what, hint) = if let Some(proxy) = proxy {
            let kind = if why.is_dns() { FaultKind::UnknownHost } else { FaultKind::NoConnection };
            let hint = "check the address and the port of the proxy, which --proxy or the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) names";
            (kind, format!("no connection to {host} through the proxy {proxy}"), hint)
        } else if why.is_dns() {
            (
                FaultKind::UnknownHost,
                format!("the host {host} is not known"),
                "check the address, and that this machine is online",
            )
        } else if why.is_connect() {
            let hint = "check the address and the port; the server may be down, or a firewall in between";
            (FaultKind::NoConnection, format!("no connection to {host}"), hint)
        } else if why.is_timeout() {
            return timed_out(format!("nothing came for {} s", hop.idle_limit.as_secs()));
        } else if why.is_builder() {
            (FaultKind::Other, format!("the address {} can't be asked", redact(&hop.url)), "check the address")
        } else {
            (FaultKind::CutOff, format!("the connection to {host} broke"), "try again later")
        };
        let mut fault = fault(kind, what, cause);
        fault.error = fault.error.hint(hint);
        fault
    }
}

/// What the words of the TLS library mean, and what to do: the part of its words, the cause, the hint.
const DISTRUST: [(&str, &str, &str); 7] = [
    (
        "CaUsedAsEndEntity",
        "the server shows the certificate of an authority (self-signed) in place of one of its own",
        "--ca-bundle does not help with such a certificate: give the server one that the authority signed; --insecure takes any",
    ),
    (
        "UnknownIssuer",
        "nobody who is trusted vouches for its certificate",
        "name its authority with --ca-bundle FILE; --insecure takes any certificate",
    ),
    (
        "not valid for name",
        "its certificate is made for another name",
        "use the name that the certificate is made for; --insecure takes any certificate",
    ),
    ("not valid yet", "its certificate is not valid yet", "check the clock of this machine; --insecure takes any certificate"),
    (
        "certificate expired",
        "its certificate has expired",
        "check the clock of this machine, or ask the server's owner; --insecure takes any certificate",
    ),
    (
        "handshake eof",
        "it broke off the handshake",
        "it may not speak TLS at this port (use http: where that is meant), or another version of it",
    ),
    ("InvalidContentType", "it does not speak TLS at this port", "use http: where that is meant, or another port"),
];

/// The fault of a handshake that failed with these words.
fn untrusted(host: &str, words: &str) -> Fault {
    let lower = words.to_lowercase();
    let known = DISTRUST.iter().find(|(sign, ..)| lower.contains(&sign.to_lowercase()));
    let (cause, hint) = known.map_or(
        (
            words,
            "the certificate may not be trusted (--ca-bundle FILE, --insecure), or the server wants one of yours (--client-cert)",
        ),
        |(_, cause, hint)| (cause, hint),
    );
    let mut fault = fault(FaultKind::Tls, format!("no secure connection to {host}"), cause);
    fault.error = fault.error.hint(hint);
    fault
}

/// A sign-in that a password in the clear can't give.
fn windows_sign_in(answer: &Answer) -> Option<Fault> {
    let offers: Vec<&str> = answer.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|offer| offer.to_str().ok()).collect();
    let schemes = offers.iter().filter_map(|offer| offer.split([' ', ',']).next());
    let schemes: Vec<&str> = schemes.filter(|scheme| !scheme.is_empty()).collect();
    let is_windows = |scheme: &&str| ["NTLM", "Negotiate", "Kerberos"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if answer.status().as_u16() != 401 || schemes.is_empty() || !schemes.iter().all(is_windows) {
        return None;
    }
    let error = Error::new(ErrorKind::SignIn, "the web server wants a Windows sign-in")
        .because(format!("401, and it offers {}", schemes.join(", ")))
        .hint("NTLM and Kerberos are not built in; --proxy names a local proxy that speaks them");
    Some(Fault { kind: FaultKind::SignIn, error })
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// The innermost cause in words, without Rust's `(os error 111)` tail.
fn root_cause(error: &(dyn StdError + 'static)) -> String {
    let text = chain(error).last().map(ToString::to_string).unwrap_or_default();
    let text = text.split(" (os error").next().unwrap_or_default();
    // Some layers' last word is a bare number or nothing.
    if text.is_empty() { "unknown cause".to_owned() } else { text.to_owned() }
}

fn mentions_tls(error: &(dyn StdError + 'static)) -> bool {
    let words = ["certificate", "tls", "handshake", "corrupt message"];
    chain(error).any(|cause| {
        let text = cause.to_string().to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_servers_clock() {
        assert_eq!(wait("7", None), Some(Duration::from_secs(7)));
        let now = "Wed, 21 Oct 2015 07:28:00 GMT";
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:30 GMT", Some(now)), Some(Duration::from_secs(30)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:00:00 GMT", Some(now)), Some(Duration::ZERO));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:30 GMT", None), Some(Duration::ZERO));
        assert_eq!(wait("soon", None), None);
    }

    /// A host that is there and takes no connection: its queue is full.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_host_that_never_takes_the_connection_is_given_up_after_the_limit_of_connecting() {
        use std::net::{TcpListener, TcpStream};

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let brief = Duration::from_millis(200);
        let waiting: Vec<TcpStream> =
            std::iter::from_fn(|| TcpStream::connect_timeout(&address, brief).ok()).take(10_000).collect();
        assert!(waiting.len() < 10_000, "the queue is never full");

        let transport =
            HttpTransport { clients: Mutex::default(), network: Network::default(), connect_limit: Duration::from_millis(300) };
        let request = Request {
            method: Method::Get,
            url: format!("http://{address}/").parse().unwrap(),
            params: Vec::new(),
            file: None,
            secrets: Secrets::default(),
            repeatable: true,
            idle_limit: Duration::from_secs(60),
            total_limit: Duration::from_secs(60),
            most_bytes: 1,
            cancel: Default::default(),
        };
        let began = Instant::now();
        let fault = transport.send(&request).unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!((fault.kind, fault.error.what()), (FaultKind::NoConnection, "no connection to 127.0.0.1"));
        assert_eq!(fault.error.why(), Some("the connection was not taken for 0.3 s"));
    }

    #[test]
    fn a_file_goes_into_the_body_with_its_fields_under_a_boundary_that_is_in_none_of_them() {
        let bytes = Bytes::from_static(b"--geohaul-0-boundary");
        let file = FilePart { field: "file", name: "a\".zip".to_owned(), bytes };
        let (kind, body) = multipart(&[("f", "json")], &file);
        assert_eq!(kind, "multipart/form-data; boundary=geohaul-1-boundary");
        let body = String::from_utf8(body).unwrap();
        assert!(body.contains("name=\"f\"\r\n\r\njson\r\n--geohaul-1-boundary\r\n"), "{body}");
        assert!(
            body.contains("filename=\"a%22.zip\"")
                && body.ends_with("\r\n\r\n--geohaul-0-boundary\r\n--geohaul-1-boundary--\r\n")
        );
    }

    #[test]
    fn a_token_does_not_go_along_to_another_origin() {
        let mut url: Url = "https://other.example/q?f=json&Token=abc".parse().unwrap();
        drop_token(&mut url);
        assert_eq!(url.as_str(), "https://other.example/q?f=json");
    }
}
