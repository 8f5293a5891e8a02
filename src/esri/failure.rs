//! The shapes in which servers say that something failed, also with HTTP 200.

use serde_json::Value;

use crate::error::{Error, ErrorKind};

/// The error that an answer's JSON states; `None` where it states none.
pub fn of(value: &Value) -> Option<Error> {
    let error = value.get("error")?;
    let message = error.get("message").and_then(Value::as_str).or_else(|| error.as_str()).unwrap_or("no message");
    Some(Error::new(ErrorKind::Server, "the server answered with an error").because(message))
}
