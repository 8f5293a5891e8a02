//! [`Session`]: asks ArcGIS questions. It chooses GET or POST, repeats what may pass, and takes no answer for
//! data before it has looked for an error in it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use super::http::{Cancel, HttpTransport, Method, Request, Response, SharedTransport};
use super::pacer::Pace;
use super::retry::{Refused, Retry, RetryPolicy};
use super::secret::Secrets;
use crate::error::Result;
use crate::esri::failure::{Failure, Shape};
use crate::esri::{Scanner, Skeleton, pbf};
use crate::report::Progress;

/// Longer queries go into a body, as Esri's own client does it.
const LONGEST_QUERY: usize = 2000;

/// Parameters that grow with the data, or that content delivery networks refuse in a query.
const BODY_PARAMETERS: [&str; 2] = ["objectIds", "geometry"];

const IDLE_LIMIT: Duration = Duration::from_secs(90);
const TOTAL_LIMIT: Duration = Duration::from_secs(600);
const MOST_BYTES: usize = 1 << 30;

/// A way to servers, shared by everything that asks them. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    retry: Retry,
    cancel: Cancel,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("sent", &self.sent()).finish_non_exhaustive()
    }
}

/// A JSON answer without an error in it.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The body as received, decompressed.
    pub body: Bytes,
    /// The answer without the rows of its `features` arrays.
    pub skeleton: Skeleton,
    /// Where it came from, after redirects.
    pub url: Url,
}

/// An answer to a question for rows in PBF, without an error in it.
#[derive(Debug, Clone)]
pub enum PbfAnswer {
    /// What was asked for.
    Pbf {
        /// The body as received, decompressed.
        body: Bytes,
        /// What it holds.
        rows: Box<pbf::Rows>,
    },
    /// JSON all the same.
    Json(Answer),
}

impl PbfAnswer {
    /// The answer of a body that was judged before, in either form.
    pub(super) fn of_body(body: Bytes, url: Url) -> Result<Self, Failure> {
        judge_pbf(Response { status: 200, url, content_type: None, retry_after: None, server_time: None, body })
    }
}

impl Session {
    /// Asks through `transport`.
    pub fn new(transport: SharedTransport) -> Self {
        Self::with_retry(Retry::new(transport, RetryPolicy::default()))
    }

    /// Asks through `retry`.
    pub fn with_retry(retry: Retry) -> Self {
        Self { retry, cancel: Cancel::default() }
    }

    /// Asks the network.
    pub fn online() -> Self {
        Self::new(Arc::new(HttpTransport::default()))
    }

    /// The same way for one piece of work: tells `progress` of retries, counts its requests from 0, and can be
    /// cancelled by itself. The pace of each host stays shared.
    #[must_use]
    pub fn watched_by(&self, progress: Arc<dyn Progress>) -> Self {
        Self { retry: self.retry.watched_by(progress), cancel: self.cancel.child() }
    }

    /// The same, and all its work ends when `cancel` says so.
    #[must_use]
    pub fn stopped_by(self, cancel: &Cancel) -> Self {
        Self { cancel: cancel.child(), ..self }
    }

    /// The same with at most this many requests under way to one host, at least 1.
    #[must_use]
    pub fn with_connections(self, most: usize) -> Self {
        Self { retry: self.retry.with_connections(most), ..self }
    }

    /// The most requests that may be under way to one host.
    pub(super) fn connections(&self) -> usize {
        self.retry.connections()
    }

    /// The same at a pace that it shares with other sessions.
    #[must_use]
    pub fn at_pace(self, pace: &Pace) -> Self {
        Self { retry: self.retry.at_pace(pace), ..self }
    }

    /// The same way for what must still be said when all other work was cancelled.
    #[must_use]
    pub(super) fn regardless(&self) -> Self {
        Self { cancel: Cancel::default(), ..self.clone() }
    }

    /// Requests sent since [`Session::watched_by`], retries included.
    pub fn sent(&self) -> u64 {
        self.retry.sent()
    }

    /// How many of them were repetitions.
    pub fn repeated(&self) -> u64 {
        self.retry.repeated()
    }

    /// Bytes received since [`Session::watched_by`], decompressed.
    pub fn bytes(&self) -> u64 {
        self.retry.bytes()
    }

    /// The server's clock at the first answer since [`Session::watched_by`], in seconds since 1970, where it showed it.
    pub fn server_time(&self) -> Option<i64> {
        self.retry.server_time()
    }

    /// What ends the work of this session.
    pub(super) fn stop(&self) -> &Cancel {
        &self.cancel
    }

    /// Ends what is under way and what is asked later, here and in clones.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// A request for JSON that may be repeated: GET where it is short, POST where it is long. Its fields may be
    /// changed before it is sent.
    pub fn request(&self, url: &Url, params: &[(&str, &str)]) -> Request {
        let mut params: Vec<(String, String)> =
            params.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        if !params.iter().any(|(key, _)| key == "f") {
            params.push(("f".to_owned(), "json".to_owned()));
        }
        let grows = params.iter().any(|(key, _)| BODY_PARAMETERS.contains(&key.as_str()));
        let mut request = Request {
            method: Method::Get,
            url: url.clone(),
            params,
            file: None,
            secrets: Secrets::default(),
            repeatable: true,
            idle_limit: IDLE_LIMIT,
            total_limit: TOTAL_LIMIT,
            most_bytes: MOST_BYTES,
            cancel: self.cancel.clone(),
        };
        if grows || request.full_url().as_str().len() > LONGEST_QUERY {
            request.method = Method::Post;
        }
        request
    }

    /// Sends a request for JSON. `shrinkable`: see [`Retry::run`].
    ///
    /// # Errors
    /// What kept the answer away, after all tries that seemed worth it.
    pub fn ask(&self, request: &Request, shrinkable: bool) -> Result<Answer, Refused> {
        self.retry.run(request, shrinkable, judge)
    }

    /// The same, with the time that the request took which brought the answer.
    pub(super) fn ask_timed(&self, request: &Request, shrinkable: bool) -> Result<(Answer, Duration), Refused> {
        self.retry.run_timed(request, shrinkable, judge)
    }

    /// Sends a request for rows in PBF (`f=pbf` is among its parameters). `shrinkable`: see [`Retry::run`].
    ///
    /// With the time that the request took which brought the answer.
    ///
    /// # Errors
    /// What kept the answer away, after all tries that seemed worth it.
    pub fn ask_pbf(&self, request: &Request, shrinkable: bool) -> Result<(PbfAnswer, Duration), Refused> {
        self.retry.run_timed(request, shrinkable, judge_pbf)
    }

    /// Gets a file as it is.
    ///
    /// # Errors
    /// Where the server has something else in its place: nothing, an error page, an error in JSON.
    pub fn file(&self, url: &Url) -> Result<Bytes> {
        Ok(self.ask_file(&Request { params: Vec::new(), method: Method::Get, ..self.request(url, &[]) })?)
    }

    /// Sends a request for a file.
    ///
    /// # Errors
    /// As those of [`Session::file`].
    pub fn ask_file(&self, request: &Request) -> Result<Bytes, Refused> {
        self.retry.run(request, false, judge_file)
    }

    /// Asks for a JSON document; `features` arrays in it are left out.
    ///
    /// # Errors
    /// Where no JSON answer without an error could be had.
    pub fn json(&self, url: &Url, params: &[(&str, &str)]) -> Result<Value> {
        Ok(self.ask(&self.request(url, params), false)?.skeleton.value)
    }
}

/// Takes an answer for data, or says what it is instead.
pub(super) fn judge(response: Response) -> Result<Answer, Failure> {
    let Response { status, url, content_type, body, .. } = response;
    if let Some(failure) = Failure::in_body(status, content_type.as_deref(), &body) {
        return Err(failure);
    }
    let mut scanner = Scanner::new(u64::MAX);
    let scanned = scanner.push(&body).and_then(|()| scanner.finish());
    let skeleton = scanned.map_err(|why| Failure::broken(status, &why))?;
    match Failure::in_json(&skeleton.value).or_else(|| Failure::of_status(status)) {
        Some(failure) => Err(failure),
        None => Ok(Answer { body, skeleton, url }),
    }
}

/// The same for an answer that should be PBF, and may be JSON or an error in JSON.
fn judge_pbf(response: Response) -> Result<PbfAnswer, Failure> {
    // None of these begins a message.
    let unreadable = match response.body.first() {
        None | Some(b'{' | b'[' | b'<') => None,
        Some(_) => match (pbf::read(&response.body), Failure::of_status(response.status)) {
            (Ok(_), Some(failure)) => return Err(failure),
            (Ok(pbf::Answer::Rows(rows)), None) => return Ok(PbfAnswer::Pbf { body: response.body, rows }),
            (Ok(_), None) => Some("it holds no rows".to_owned()),
            (Err(why), _) => Some(why.to_string()),
        },
    };
    match (judge(response), unreadable) {
        (Ok(answer), _) => Ok(PbfAnswer::Json(answer)),
        // Then it was never meant to be JSON.
        (Err(failure), Some(words)) if failure.shape == Shape::Broken => Err(Failure { words, ..failure }),
        (Err(failure), _) => Err(failure),
    }
}

/// The largest body that may be an error in JSON and no data.
const MOST_ERROR_BYTES: usize = 1 << 16;

/// Takes an answer for a file, or says what it is instead. A web page is a file where its name says so.
fn judge_file(response: Response) -> Result<Bytes, Failure> {
    let Response { status, url, content_type, body, .. } = response;
    let is_page = [".html", ".htm", ".xml", ".kml", ".svg"].iter().any(|ending| url.path().to_lowercase().ends_with(ending));
    let instead = Failure::in_body(status, content_type.as_deref(), &body).filter(|failure| {
        let markup = failure.shape == Shape::WebPage;
        status >= 400 || !markup || (!is_page && content_type.as_deref().is_none_or(|kind| kind.contains("html")))
    });
    let stated = || match body.first() {
        Some(b'{') if body.len() <= MOST_ERROR_BYTES => Failure::in_json(&serde_json::from_slice(&body).ok()?),
        _ => None,
    };
    match instead.or_else(stated).or_else(|| Failure::of_status(status)) {
        Some(failure) => Err(failure),
        None => Ok(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl super::super::http::Transport for Nobody {
        fn send(&self, _: &Request) -> Result<Response, super::super::http::Fault> {
            Err(super::super::http::Fault::cancelled())
        }
    }

    #[test]
    fn long_queries_and_id_lists_go_into_the_body() {
        let session = Session::new(Arc::new(Nobody));
        let url = "http://h.example/query".parse().unwrap();
        let method = |params: &[(&str, &str)]| session.request(&url, params).method;
        assert_eq!(method(&[("where", "1=1")]), Method::Get);
        assert_eq!(method(&[("where", &"x".repeat(2000))]), Method::Post);
        assert_eq!(method(&[("objectIds", "1")]), Method::Post);
        assert_eq!(session.request(&url, &[("f", "html")]).params.len(), 1);
    }

    #[test]
    fn an_error_in_place_of_a_file_is_no_file() {
        let judge = |path: &str, status, kind: &str, body: &'static str| {
            let url = format!("http://h.example/{path}").parse().unwrap();
            let body = Bytes::from_static(body.as_bytes());
            judge_file(Response { status, url, content_type: Some(kind.to_owned()), retry_after: None, server_time: None, body })
        };
        let shape = |answer: Result<Bytes, Failure>| answer.unwrap_err().shape;
        assert_eq!(shape(judge("a.zip", 200, "text/html", "<html><title>Sign in</title></html>")), Shape::WebPage);
        assert_eq!(shape(judge("a.zip", 200, "text/plain", r#"{"error":{"code":498}}"#)), Shape::Json);
        assert_eq!(shape(judge("a.zip", 404, "text/plain", "PK")), Shape::Status);
        assert_eq!(shape(judge("a.zip", 200, "application/zip", "")), Shape::Empty);
        assert_eq!(shape(judge("a.html", 500, "text/html", "<html></html>")), Shape::WebPage);
        for (path, kind, body) in [
            ("a.zip", "application/zip", "PK"),
            ("a.html", "text/html", "<html></html>"),
            ("a.gml", "application/gml+xml", "<gml/>"),
            ("a.json", "application/json", r#"{"type":"FeatureCollection","features":[]}"#),
            ("a.txt", "text/html", "{not json"),
        ] {
            assert_eq!(judge(path, 200, kind, body).unwrap(), body, "{path}");
        }
    }

    #[test]
    fn an_error_counts_whatever_the_status_and_a_status_counts_without_one() {
        let judge = |status, body: &'static str| {
            let url = "http://h.example/".parse().unwrap();
            judge(Response {
                status,
                url,
                content_type: None,
                retry_after: None,
                server_time: None,
                body: Bytes::from_static(body.as_bytes()),
            })
        };
        assert_eq!(judge(200, r#"{"error":{"code":498,"message":"Invalid token."}}"#).unwrap_err().code, Some(498));
        assert_eq!(judge(500, r#"{"error":{"code":400,"message":"no"}}"#).unwrap_err().code, Some(400));
        assert_eq!(judge(500, "{}").unwrap_err().shape, Shape::Status);
        assert_eq!(judge(200, r#"{"features":[{"#).unwrap_err().shape, Shape::Broken);
        assert_eq!(judge(200, "\u{feff}{\"extent\":{\"xmin\":NaN}}").unwrap().skeleton.value["extent"]["xmin"], Value::Null);
    }
}
