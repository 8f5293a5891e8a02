//! The shapes in which servers say that something failed, also with HTTP 200.
//!
//! Esri JSON errors (an object, or a bare string), gateway and administrator forms, web pages in place of data,
//! and answers that are empty or end early. What a failure *means* for the next request is asked by name:
//! [`Failure::is_overload`], [`Failure::is_heavy`], [`Failure::refuses_paging`].

use serde_json::Value;

use crate::error::{Error, ErrorKind};

/// The most of a server's own words that is repeated.
const MOST_WORDS: usize = 600;

const CHECK_ADDRESS: &str = "check the address; `geohaul ls` on the service, its folder or .../rest/services shows what is there";

/// What a server said instead of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The form in which it was said.
    pub shape: Shape,
    /// The code in the body, else the HTTP status where that is no success.
    pub code: Option<i64>,
    /// The server's words, details included; may be empty.
    pub words: String,
}

/// The form of a [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An error in JSON.
    Json,
    /// A web page.
    WebPage,
    /// No body at all.
    Empty,
    /// JSON that ends early, or text that is no JSON.
    Broken,
    /// A JSON answer without error under an HTTP status that is no success.
    Status,
}

/// The error that an answer's JSON states; `None` where it states none.
pub fn of(value: &Value) -> Option<Error> {
    Failure::in_json(value).map(|failure| failure.to_error())
}

impl Failure {
    /// The failure that a JSON answer states, in any of the known shapes.
    ///
    /// ```
    /// use geohaul::esri::failure::Failure;
    /// use serde_json::json;
    ///
    /// let answer = json!({"error": {"code": 400, "message": "Cannot perform query.", "details": ["Invalid where"]}});
    /// let failure = Failure::in_json(&answer).unwrap();
    /// assert_eq!((failure.code, failure.words.as_str()), (Some(400), "Cannot perform query. Invalid where"));
    /// assert!(Failure::in_json(&json!({"features": []})).is_none());
    /// ```
    pub fn in_json(value: &Value) -> Option<Self> {
        let json = |code, words| Some(Self { shape: Shape::Json, code, words });
        match value.get("error") {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(error @ Value::Object(_)) => {
                return json(code_of(error), words_of(error, &["message", "error_description", "error", "description"]));
            }
            Some(other) => {
                // `"error": "invalid_request"` beside `"error_description"`.
                return json(code_of(value), join([words_in(other), words_of(value, &["error_description", "message"])]));
            }
        }
        // A job has a status of its own, and its messages say more.
        let is_job = value.get("jobStatus").is_some();
        let status = value.get("status").and_then(Value::as_str).filter(|_| !is_job).unwrap_or_default();
        if status.eq_ignore_ascii_case("error") {
            return json(code_of(value), words_of(value, &["messages", "message"]));
        }
        if status.eq_ignore_ascii_case("failed") || status.eq_ignore_ascii_case("failure") {
            let text = value.get("statusMessage").and_then(Value::as_str).unwrap_or_default();
            return match serde_json::from_str::<Value>(text) {
                Ok(inner @ Value::Object(_)) => json(code_of(&inner), words_of(&inner, &["message", "description"])),
                _ => json(code_of(value), join([text.to_owned(), words_of(value, &["message", "messages"])])),
            };
        }
        // A gateway's bare `{"code": 400, "message": "..."}`.
        let data = ["features", "fields", "layers", "results", "objectIds"].iter().any(|key| value.get(key).is_some());
        match code_of(value) {
            Some(code) if code >= 400 && !data && value.get("message").is_some_and(Value::is_string) => {
                json(Some(code), words_of(value, &["message"]))
            }
            _ => None,
        }
    }

    /// The failure of an answer that can't be JSON: nothing, or a web page.
    pub fn in_body(status: u16, content_type: Option<&str>, body: &[u8]) -> Option<Self> {
        let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii();
        let code = (status >= 400).then_some(i64::from(status));
        if body.is_empty() {
            return Some(Self { shape: Shape::Empty, code, words: String::new() });
        }
        let html = content_type.is_some_and(|kind| kind.contains("html")) && !matches!(body[0], b'{' | b'[');
        if body[0] == b'<' || html {
            return Some(Self { shape: Shape::WebPage, code, words: page_words(&String::from_utf8_lossy(body)) });
        }
        None
    }

    /// The failure of an answer that was taken for JSON and is none.
    pub fn broken(status: u16, why: &Error) -> Self {
        let words = why.why().unwrap_or(why.what()).to_owned();
        Self { shape: Shape::Broken, code: (status >= 400).then_some(i64::from(status)), words }
    }

    /// The failure of an HTTP status that is no success, where the body says no more.
    pub fn of_status(status: u16) -> Option<Self> {
        (status >= 400).then(|| Self { shape: Shape::Status, code: Some(i64::from(status)), words: String::new() })
    }

    /// The server wants a sign-in, or refuses the one it got.
    pub fn wants_sign_in(&self) -> bool {
        matches!(self.code, Some(401 | 498 | 499)) || (self.code == Some(403) && self.shape == Shape::Json)
    }

    /// The server has too much to do just now: the same request may pass later.
    pub fn is_overload(&self) -> bool {
        matches!(self.code, Some(429 | 503))
    }

    /// The request may be too much for the server: a smaller one may pass.
    pub fn is_heavy(&self) -> bool {
        match self.code {
            Some(500 | 502 | 504 | 413) => true,
            Some(_) => self.words.to_ascii_lowercase().contains("error performing query operation"),
            None => matches!(self.shape, Shape::Empty | Shape::Broken),
        }
    }

    /// The service itself is not there: nobody started it, or it was removed.
    pub fn is_without_service(&self) -> bool {
        let words = self.words.to_ascii_lowercase();
        let tells = |what: &str| words.split_once("service ").is_some_and(|(_, rest)| rest.contains(what));
        self.shape == Shape::Json && matches!(self.code, Some(404 | 500)) && (tells(" not started") || tells(" not found"))
    }

    /// The server refuses `resultOffset`.
    pub fn refuses_paging(&self) -> bool {
        self.words.to_ascii_lowercase().contains("pagination is not supported")
    }

    /// The failure for people, with the server's own words.
    pub fn to_error(&self) -> Error {
        let kind = if self.wants_sign_in() { ErrorKind::SignIn } else { ErrorKind::Server };
        let what = match self.shape {
            _ if self.code == Some(403) && self.wants_sign_in() => "the server does not allow this",
            _ if self.wants_sign_in() => "the server wants a sign-in",
            Shape::Json | Shape::Status => "the server answered with an error",
            Shape::WebPage => "the server answered with a web page, not with data",
            Shape::Empty => "the server answered with nothing",
            Shape::Broken => "the server's answer is broken",
        };
        let code = self.code.map(|code| code.to_string()).unwrap_or_default();
        let why = join([code, self.words.clone()]);
        let error = if why.is_empty() { Error::new(kind, what) } else { Error::new(kind, what).because(why) };
        match self.hint() {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        let says = |words: &str| self.words.to_ascii_lowercase().contains(words);
        Some(match (self.code, self.shape) {
            (Some(498), _) => "the token is invalid or has expired; get a new one",
            (Some(499), _) => "this service is not public; sign in with --user NAME or --token-file FILE",
            (Some(401), _) => "the web server wants a sign-in; --basic --user NAME gives one, --client-cert shows a certificate",
            (Some(403), Shape::Json) => {
                "sign in with --user NAME or geohaul login; where you did, the account lacks the right: ask the owner"
            }
            (Some(400), Shape::Json) if says("item does not exist or is inaccessible") => {
                "check the id; an item that is not public wants --user NAME or geohaul login"
            }
            _ if self.is_without_service() && says(" not started") => {
                "the service is stopped; ask whoever runs the server to start it"
            }
            _ if self.is_without_service() => CHECK_ADDRESS,
            // A layer or task that is not there.
            (Some(400), Shape::Json) if says("invalid url") => CHECK_ADDRESS,
            (Some(404), _) => CHECK_ADDRESS,
            (Some(429 | 503), _) => "the server has too much to do; try again later",
            (_, Shape::WebPage) => {
                "open the address in a browser to see what it says; a proxy or a sign-in page may stand in between"
            }
            (Some(500 | 502 | 504), _) | (_, Shape::Empty | Shape::Broken) => {
                "try again later; where it stays, whoever runs the server finds the reason in its log"
            }
            _ => return None,
        })
    }
}

fn code_of(value: &Value) -> Option<i64> {
    let code = value.get("code")?;
    code.as_i64().or_else(|| code.as_str()?.trim().parse().ok())
}

/// The first of `keys` that says something, and `details`.
fn words_of(value: &Value, keys: &[&str]) -> String {
    let message = keys.iter().filter_map(|key| value.get(key)).map(words_in).find(|text| !text.is_empty());
    let details = value.get("details").map(words_in).filter(|details| message.as_deref() != Some(details));
    join([message.unwrap_or_default(), details.unwrap_or_default()])
}

fn words_in(value: &Value) -> String {
    match value {
        Value::String(text) => shorten(text),
        Value::Array(list) => join(list.iter().map(words_in)),
        Value::Null => String::new(),
        other => shorten(&other.to_string()),
    }
}

fn join(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    shorten(&parts.join(" "))
}

/// The title of a web page, else the beginning of its text.
fn page_words(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|start| {
        let from = start + lower[start..].find('>')? + 1;
        Some(page[from..from + lower[from..].find('<')?].trim())
    });
    match title {
        Some(title) if !title.is_empty() => format!("\"{}\"", shorten(title)),
        _ => {
            let mut inside = false;
            let text = page.chars().filter(|c| {
                inside = (inside || *c == '<') && *c != '>';
                !inside && *c != '>'
            });
            shorten(&text.take(5000).collect::<String>()).chars().take(200).collect()
        }
    }
}

/// One line of at most [`MOST_WORDS`] characters.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_WORDS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_json_shape_of_a_failure_gives_its_code_and_words() {
        for (answer, code, words) in [
            (json!({"error": {"code": 400, "message": "Bad", "details": ["a", "b"]}}), Some(400), "Bad a b"),
            (json!({"error": {"code": 400, "message": "", "details": "only here"}}), Some(400), "only here"),
            (json!({"error": {"code": 500, "message": "Same", "details": ["Same"]}}), Some(500), "Same"),
            (json!({"error": {"code": 403, "messageCode": "GWM_0003", "message": "No", "details": null}}), Some(403), "No"),
            (json!({"code": 404, "message": "gone"}), Some(404), "gone"),
            (json!({"status": "error", "messages": ["Token Required"], "code": 499}), Some(499), "Token Required"),
            (json!({"status": "failed", "statusMessage": "{\"message\":\"deep\",\"code\":17}"}), Some(17), "deep"),
            (json!({"status": "failure", "statusMessage": "plain"}), None, "plain"),
            (json!({"error": "not submitted", "error_description": "why"}), None, "not submitted why"),
            (json!({"error": {"code": "400", "error": "invalid_client", "message": "m"}}), Some(400), "m"),
            (json!({"features": [], "error": {"message": "still an error"}}), None, "still an error"),
        ] {
            let failure = Failure::in_json(&answer).unwrap_or_else(|| panic!("{answer}"));
            assert_eq!((failure.code, failure.words.as_str()), (code, words), "{answer}");
        }
    }

    #[test]
    fn data_is_no_failure() {
        for answer in [
            json!({"features": []}),
            json!({"error": null, "count": 3}),
            json!({"status": "success"}),
            json!({"code": 500, "name": "a product"}),
            json!({"jobStatus": "esriJobFailed"}),
            json!({"jobStatus": "expectedFailure", "status": "failed"}),
            json!({"code": 404, "message": "m", "features": []}),
            json!([1, 2]),
        ] {
            assert_eq!(Failure::in_json(&answer), None, "{answer}");
        }
    }

    #[test]
    fn a_web_page_is_named_by_its_title_or_its_text() {
        let page = |body: &str| Failure::in_body(200, Some("text/html"), body.as_bytes()).expect(body);
        assert_eq!(page("<!DOCTYPE html><HTML><Title>\n Sign in </Title>x").words, "\"Sign in\"");
        assert_eq!(page("<p>Request <b>blocked</b> by ü</p>").words, "Request blocked by ü");
        assert_eq!(page("Service unavailable").words, "Service unavailable");
        assert_eq!(page("\u{feff}  <html").shape, Shape::WebPage);
        assert_eq!(Failure::in_body(200, Some("text/html"), b" {\"a\":1}"), None);
        assert_eq!(Failure::in_body(502, None, b" ").map(|f| (f.shape, f.code)), Some((Shape::Empty, Some(502))));
    }

    #[test]
    fn the_meaning_of_a_failure_follows_its_code_and_words() {
        let failure = |code, words: &str| Failure { shape: Shape::Json, code: Some(code), words: words.to_owned() };
        assert!(failure(498, "").wants_sign_in() && failure(499, "").to_error().kind() == ErrorKind::SignIn);
        assert!(failure(500, "Error performing query operation").is_heavy() && failure(504, "").is_heavy());
        assert!(failure(400, "Error performing query operation").is_heavy() && !failure(400, "Invalid").is_heavy());
        assert!(failure(400, "Pagination is not supported.").refuses_paging());
        assert!(failure(429, "").is_overload() && !failure(500, "").is_overload());
        assert!(failure(500, "Service City/MapServer not started").is_without_service());
        assert!(failure(404, "Service City/MapServer not found").is_without_service());
        assert!(!failure(500, "not found").is_without_service() && !failure(400, "Service not found").is_without_service());
    }
}
