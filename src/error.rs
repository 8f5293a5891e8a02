//! What went wrong: the one error type of the crate.
//!
//! An [`Error`] says *what* failed, *where* (URL, file, page, object id, field), *why*, and *what to do next*.
//! [`ErrorKind`] is for programs, the hint is for people. URLs are kept without their secrets: see [`redact`].

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

/// `std::result::Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of failure that a program may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller asked for something that makes no sense (unknown format, wrong option, bad URL).
    Usage,
    /// The input is not what it should be: broken JSON, a value of the wrong shape.
    Input,
    /// The network failed: unknown host, refused or reset connection, time-out.
    Network,
    /// The server answered with an error, or with something that is no ArcGIS answer.
    Server,
    /// The server wants a token, or refuses the one it got.
    SignIn,
    /// Rows are missing, or `strict` forbids that something of them is lost: the result would not be whole.
    Incomplete,
    /// A spatial reference is missing, unknown, or can't be transformed.
    SpatialReference,
    /// The chosen format can't hold the data; another one may.
    Format,
    /// A file could not be read or written.
    File,
    /// The layer, the task or geohaul (in this build) can't do what was asked for.
    Unsupported,
    /// The user or the caller stopped the work.
    Cancelled,
    /// Whoever read standard output wants no more of it: no fault of anybody.
    Closed,
    /// A fault of geohaul itself.
    Internal,
}

/// Where an [`Error`] happened; every part is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The request, without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The layer, table or parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The page, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
    /// The feature: `object id 17`, or `feature 4 of its page` where it has no id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
    /// The field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut part = |f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>| {
            let written = write!(f, "{separator}{text}");
            separator = ", ";
            written
        };
        if let Some(file) = &self.file {
            part(f, format_args!("{}", file.display()))?;
        }
        if let Some(layer) = &self.layer {
            part(f, format_args!("\"{layer}\""))?;
        }
        if let Some(page) = self.page {
            part(f, format_args!("page {page}"))?;
        }
        if let Some(feature) = &self.feature {
            part(f, format_args!("{feature}"))?;
        }
        if let Some(field) = &self.field {
            part(f, format_args!("field {field}"))?;
        }
        if let Some(url) = &self.url {
            part(f, format_args!("{url}"))?;
        }
        Ok(())
    }
}

/// What failed, where, why, and what to do next.
///
/// ```
/// use geohaul::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Format, "a Shapefile can't hold 300 fields")
///     .because("DBF holds 255")
///     .hint("choose the fields with --fields");
/// assert_eq!(error.to_string(), "a Shapefile can't hold 300 fields: DBF holds 255");
/// assert_eq!(error.hint_text(), Some("choose the fields with --fields"));
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    what: String,
    why: Option<String>,
    place: Place,
    hint: Option<String>,
}

impl Error {
    /// An error of `kind`; `what` names the failed action in the user's terms.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, what: what.into(), why: None, place: Place::default(), hint: None }))
    }

    /// A file operation that failed.
    pub fn file(what: impl fmt::Display, path: &Path, why: &std::io::Error) -> Self {
        let error = Self::new(ErrorKind::File, what.to_string()).because(io_reason(why)).in_file(path);
        match why.kind() {
            std::io::ErrorKind::NotFound => error.hint("check the path"),
            std::io::ErrorKind::PermissionDenied => error.hint("choose a place you may write to, or change its permissions"),
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                error.hint("make room on the disk, then run the same command again")
            }
            std::io::ErrorKind::FileTooLarge => {
                error.hint("the file system, or a limit (ulimit -f), takes no file of that size: write to another place")
            }
            _ => error,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.0.why = Some(why.to_string());
        self
    }

    /// Adds what the user can do next; the first hint stays, since it was given closest to the fault.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Adds the URL of the request, with its secrets hidden.
    #[must_use]
    pub fn at_url(mut self, url: &Url) -> Self {
        self.0.place.url.get_or_insert_with(|| redact(url));
        self
    }

    /// Adds the file.
    #[must_use]
    pub fn in_file(mut self, path: &Path) -> Self {
        self.0.place.file.get_or_insert_with(|| path.to_owned());
        self
    }

    /// Adds the layer, table or parameter.
    #[must_use]
    pub fn in_layer(mut self, name: &str) -> Self {
        self.0.place.layer.get_or_insert_with(|| name.to_owned());
        self
    }

    /// Adds the page, counted from 0.
    #[must_use]
    pub fn on_page(mut self, page: u64) -> Self {
        self.0.place.page.get_or_insert(page);
        self
    }

    /// Adds the feature, in words: `object id 17`.
    #[must_use]
    pub fn of_feature(mut self, feature: impl Into<String>) -> Self {
        self.0.place.feature.get_or_insert_with(|| feature.into());
        self
    }

    /// Adds the field.
    #[must_use]
    pub fn in_field(mut self, field: &str) -> Self {
        self.0.place.field.get_or_insert_with(|| field.to_owned());
        self
    }

    /// The kind, for programs.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What failed.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// Why it failed, where that is known.
    pub fn why(&self) -> Option<&str> {
        self.0.why.as_deref()
    }

    /// Where it failed.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// What to do next, for people.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        if let Some(why) = &self.0.why {
            write!(f, ": {why}")?;
        }
        if self.0.place != Place::default() {
            write!(f, " ({})", self.0.place)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)?;
        if let Some(hint) = &self.0.hint {
            write!(f, " [hint: {hint}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The reason without Rust's `(os error 13)` tail.
fn io_reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

mod nearest;

pub(crate) use nearest::did_you_mean;
#[cfg(feature = "gdal")]
pub(crate) use nearest::nearest;

/// Query keys whose values are secrets.
const SECRET_KEYS: [&str; 12] = [
    "token",
    "password",
    "client_secret",
    "refresh_token",
    "access_token",
    "code",
    "servicetoken",
    "api_key",
    "apikey",
    "subscription-key",
    "sig",
    "signature",
];

/// Whether the value of a query parameter of this name is a secret.
pub(crate) fn is_secret_key(name: &str) -> bool {
    SECRET_KEYS.iter().any(|key| name.eq_ignore_ascii_case(key))
}

/// The URL as text, with the values of secret query keys and any password replaced by `[hidden]`.
///
/// ```
/// let url = "https://u:p@h.example/q?f=json&token=abc".parse().unwrap();
/// assert_eq!(geohaul::redact(&url), "https://u:[hidden]@h.example/q?f=json&token=[hidden]");
/// ```
pub fn redact(url: &Url) -> String {
    let mut shown = url.clone();
    let secret = is_secret_key;
    if url.password().is_some() {
        // A URL that has a password can take another one.
        let _ = shown.set_password(Some("hidden"));
    }
    if url.query_pairs().any(|(key, _)| secret(&key)) {
        shown.query_pairs_mut().clear().extend_pairs(url.query_pairs().map(|(key, value)| {
            let value = if secret(&key) { "hidden".into() } else { value };
            (key, value)
        }));
    }
    let mut text = shown.to_string();
    if url.password().is_some() {
        text = text.replacen(":hidden@", ":[hidden]@", 1);
    }
    for key in SECRET_KEYS {
        for name in [key.to_owned(), key.to_uppercase()] {
            text = text.replace(&format!("{name}=hidden"), &format!("{name}=[hidden]"));
        }
    }
    text
}
