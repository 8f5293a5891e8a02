//! Errors in the shape that ArcGIS gives them.

use serde_json::{Value, json};

/// What the caller did wrong.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    code: u16,
    message: String,
    details: Vec<String>,
}

impl Failure {
    /// A parameter that can't be used.
    pub(crate) fn bad_parameter(detail: &str) -> Self {
        Self { code: 400, message: "Invalid or missing input parameters.".to_owned(), details: vec![detail.to_owned()] }
    }

    /// An operation that can't be done.
    pub(crate) fn unable(detail: &str) -> Self {
        Self { code: 400, message: "Unable to complete operation.".to_owned(), details: vec![detail.to_owned()] }
    }

    /// A path that leads nowhere inside a service.
    pub(crate) fn invalid_url() -> Self {
        Self { code: 400, message: "Invalid URL".to_owned(), details: vec!["Invalid URL".to_owned()] }
    }

    /// A path that leads to no service.
    pub(crate) fn not_found(message: &str) -> Self {
        Self { code: 404, message: message.to_owned(), details: Vec::new() }
    }

    /// What went wrong, in one line.
    pub(crate) fn detail(&self) -> &str {
        self.details.first().unwrap_or(&self.message)
    }

    /// The body of the answer.
    pub(crate) fn to_json(&self) -> Value {
        json!({"error": {"code": self.code, "message": self.message, "details": self.details}})
    }
}
