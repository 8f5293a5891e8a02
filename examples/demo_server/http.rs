//! As much HTTP/1.1 as a client of ArcGIS needs: GET, form POST, kept connections, and a limit on everything.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::Value;

const MOST_CONNECTIONS: usize = 64;
const MOST_HEADER_BYTES: u64 = 64 << 10;
const MOST_BODY_BYTES: usize = 64 << 20;
const IDLE: Duration = Duration::from_secs(15);

/// One request, decoded.
pub(crate) struct Request {
    /// The path as sent, without the query.
    pub(crate) path: String,
    /// The path's segments, percent-decoded, without empty ones.
    pub(crate) segments: Vec<String>,
    /// The parameters of the query and of the form body.
    params: HashMap<String, String>,
}

impl Request {
    /// A parameter's value.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// A parameter's value, unless it is empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.param(name).filter(|value| !value.is_empty())
    }

    /// A switch, `true` or `false`.
    pub(crate) fn is_on(&self, name: &str) -> Option<bool> {
        self.filled(name).map(|value| value.eq_ignore_ascii_case("true"))
    }
}

impl fmt::Display for Request {
    /// The path, and the parameters in the order of their names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        let params: BTreeMap<_, _> = self.params.iter().collect();
        for (at, (name, value)) in params.into_iter().enumerate() {
            write!(f, "{}{name}={}", if at == 0 { '?' } else { '&' }, value.escape_debug())?;
        }
        Ok(())
    }
}

/// One answer.
pub(crate) struct Response {
    status: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Response {
    /// JSON with status 200.
    pub(crate) fn json(value: &Value) -> Self {
        Self { status: "200 OK", content_type: "application/json;charset=UTF-8", body: value.to_string().into_bytes() }
    }

    /// A plain page that shows the JSON, for browsers.
    pub(crate) fn html(path: &str, value: &Value) -> Self {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        let text = escape(&format!("{value:#}"));
        let body = format!("<!DOCTYPE html>\n<title>{0}</title>\n<h1>{0}</h1>\n<pre>{text}</pre>\n", escape(path));
        Self { status: "200 OK", content_type: "text/html;charset=UTF-8", body: body.into_bytes() }
    }

    fn refusal(status: &'static str) -> Self {
        Self { status, content_type: "text/plain", body: status.as_bytes().to_vec() }
    }

    fn send(&self, stream: &mut impl Write, close: bool) -> io::Result<()> {
        let connection = if close { "close" } else { "keep-alive" };
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
            self.status,
            self.content_type,
            self.body.len()
        );
        // One write: two small ones wait for each other (Nagle and delayed acknowledgement).
        let mut message = head.into_bytes();
        message.extend_from_slice(&self.body);
        stream.write_all(&message)?;
        stream.flush()
    }
}

/// Answers for ever, each connection on a thread of its own, as many as are allowed.
pub(crate) fn serve(listener: &TcpListener, respond: impl Fn(&Request) -> Response + Send + Sync + 'static) {
    let respond = Arc::new(respond);
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let place = Place(Arc::clone(&open));
        if open.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
            // A client that does not wait for the refusal has lost nothing.
            let _ = Response::refusal("503 Service Unavailable").send(&mut stream, true);
            continue;
        }
        let respond = Arc::clone(&respond);
        std::thread::spawn(move || {
            let _place = place;
            // What goes wrong with a connection concerns its client only.
            let _ = converse(stream, respond.as_ref());
        });
    }
}

/// A connection's place among the open ones.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn converse(stream: TcpStream, respond: &dyn Fn(&Request) -> Response) -> io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_write_timeout(Some(IDLE))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        match read_request(&mut reader)? {
            Heard::Nothing => return Ok(()),
            Heard::Refused(status) => return Response::refusal(status).send(&mut writer, true),
            Heard::Request(request, close) => {
                respond(&request).send(&mut writer, close)?;
                if close {
                    return Ok(());
                }
            }
        }
    }
}

enum Heard {
    /// The client hung up.
    Nothing,
    /// The request can't be served.
    Refused(&'static str),
    /// A request, and whether the connection ends after it.
    Request(Request, bool),
}

fn read_request(reader: &mut BufReader<TcpStream>) -> io::Result<Heard> {
    let mut head = reader.by_ref().take(MOST_HEADER_BYTES);
    let mut line = String::new();
    if head.read_line(&mut line)? == 0 {
        return Ok(Heard::Nothing);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(Heard::Refused("400 Bad Request")) };
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut length = 0;
    let mut is_form = false;
    let mut close = false;
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Ok(Heard::Refused("431 Request Header Fields Too Large"));
        }
        let Some((name, value)) = line.split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => match value.parse() {
                Ok(bytes) if bytes <= MOST_BODY_BYTES => length = bytes,
                _ => return Ok(Heard::Refused("413 Content Too Large")),
            },
            "content-type" => is_form = value.starts_with("application/x-www-form-urlencoded"),
            "transfer-encoding" => return Ok(Heard::Refused("411 Length Required")),
            "connection" => close = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = Vec::new();
    reader.by_ref().take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Ok(Heard::Nothing);
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut params: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    match method.as_str() {
        "GET" => {}
        "POST" if is_form || length == 0 => params.extend(url::form_urlencoded::parse(&body).into_owned()),
        "POST" => return Ok(Heard::Refused("415 Unsupported Media Type")),
        _ => return Ok(Heard::Refused("405 Method Not Allowed")),
    }
    let decode = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let segments = path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
    Ok(Heard::Request(Request { path: path.to_owned(), segments, params }, close))
}
