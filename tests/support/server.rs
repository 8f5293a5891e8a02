//! A small HTTP/1.1 server on loopback: a closure answers, every call is logged, and answers can be broken in
//! the ways that networks break them.

#![allow(dead_code, reason = "no test file uses all of it")]
#![allow(unreachable_pub, reason = "the modules of a test are private by nature")]
#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use url::Url;

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub path: String,
    /// The parameters of the query and of a form body.
    pub params: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    /// The query as it was sent.
    pub query: String,
    /// The body as it was sent.
    pub body: Vec<u8>,
}

impl Call {
    /// A parameter's value, or "".
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A header's value, or "".
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

/// How a body is sent.
#[derive(Debug, Clone, Copy)]
pub enum Manner {
    /// With its length.
    Whole,
    /// In chunks of so many bytes.
    Chunked(usize),
    /// The connection closes after so many bytes of it.
    CutAfter(usize),
    /// In pieces of so many bytes with a pause before each.
    Slow(usize, Duration),
    /// The connection closes without an answer.
    Hangup,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub manner: Manner,
}

impl Reply {
    pub fn bytes(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status: 200, headers, body: body.into(), manner: Manner::Whole }
    }

    pub fn json(value: &Value) -> Self {
        Self::bytes("application/json", value.to_string())
    }

    pub fn html(page: &str) -> Self {
        Self::bytes("text/html; charset=utf-8", page)
    }

    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn manner(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    pub fn redirect(status: u16, to: &str) -> Self {
        Self::bytes("text/plain", "").status(status).header("Location", to)
    }

    /// An Esri error in HTTP 200.
    pub fn error(code: i64, message: &str) -> Self {
        Self::json(&serde_json::json!({"error": {"code": code, "message": message, "details": []}}))
    }
}

type Handler = dyn Fn(&Call) -> Reply + Send + Sync;

/// The running server; it stops when dropped.
pub struct Server {
    port: u16,
    log: Arc<Mutex<Vec<Call>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    pub fn start(handler: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (log, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (thread_log, thread_stop) = (Arc::clone(&log), Arc::clone(&stop));
        let handler: Arc<Handler> = Arc::new(handler);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if thread_stop.load(Ordering::SeqCst) {
                    break;
                }
                let (log, handler) = (Arc::clone(&thread_log), Arc::clone(&handler));
                std::thread::spawn(move || serve(stream, &log, &*handler));
            }
        });
        Self { port, log, stop }
    }

    pub fn url(&self, path: &str) -> Url {
        format!("http://127.0.0.1:{}{path}", self.port).parse().unwrap()
    }

    /// All calls so far, in the order of their arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.log.lock().unwrap().clone()
    }

    /// The calls for rows.
    pub fn pages(&self) -> Vec<Call> {
        let is_page = |call: &Call| {
            call.path.ends_with("/query") && call.param("returnCountOnly").is_empty() && call.param("returnIdsOnly").is_empty()
        };
        self.calls().into_iter().filter(is_page).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees the flag.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Answers the calls of one connection until either side closes it.
fn serve(stream: TcpStream, log: &Mutex<Vec<Call>>, handler: &Handler) {
    let Ok(mut out) = stream.try_clone() else { return };
    // Without this each answer waits 40 ms for an acknowledgement.
    let _ = out.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some(call) = read_call(&mut reader) {
        log.lock().unwrap().push(call.clone());
        let reply = handler(&call);
        if write_reply(&mut out, &reply).is_none() {
            let _ = out.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn read_call(reader: &mut impl BufRead) -> Option<Call> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut params: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    params.extend(url::form_urlencoded::parse(&body).into_owned());
    Some(Call { method, path: path.to_owned(), params, headers, query: query.to_owned(), body })
}

/// `None` where the connection must close.
fn write_reply(out: &mut TcpStream, reply: &Reply) -> Option<()> {
    if matches!(reply.manner, Manner::Hangup) {
        return None;
    }
    let mut head = format!("HTTP/1.1 {} x\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match reply.manner {
        Manner::Chunked(_) => head.push_str("Transfer-Encoding: chunked\r\n\r\n"),
        _ => head.push_str(&format!("Content-Length: {}\r\n\r\n", reply.body.len())),
    }
    out.write_all(head.as_bytes()).ok()?;
    match reply.manner {
        Manner::Whole => out.write_all(&reply.body).ok()?,
        Manner::Chunked(size) => {
            for chunk in reply.body.chunks(size) {
                out.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).ok()?;
                out.write_all(chunk).ok()?;
                out.write_all(b"\r\n").ok()?;
            }
            out.write_all(b"0\r\n\r\n").ok()?;
        }
        Manner::CutAfter(count) => {
            out.write_all(&reply.body[..count.min(reply.body.len())]).ok()?;
            return None;
        }
        Manner::Slow(size, pause) => {
            for piece in reply.body.chunks(size) {
                std::thread::sleep(pause);
                out.write_all(piece).ok()?;
                out.flush().ok()?;
            }
        }
        Manner::Hangup => {}
    }
    out.flush().ok()
}
