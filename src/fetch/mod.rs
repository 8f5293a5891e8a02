//! Stage 1: where the rows come from. A target (URL or file) opens as an [`Input`], which holds layers, files
//! and values; a layer is a [`Source`], whose [`Pages`] hand out raw pages in a fixed order.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Evidence, Header, Origin, Page, ReadPlan};
use crate::pipe::{Permit, Permits};
use crate::report::{MessageKind, Progress};

pub mod areas;
pub mod asked;
pub mod auth;
pub mod clock;
pub mod describe;
mod features;
pub mod glob;
pub mod gp;
pub mod http;
pub mod id_set;
pub mod layer;
pub mod layers;
pub mod listing;
mod open;
mod opener;
mod pacer;
pub mod paging;
pub mod pasted;
mod portal;
pub mod retry;
pub mod saved;
pub mod secret;
pub mod selection;
pub mod session;
pub mod spool;
pub mod target;

pub use open::open;
pub use pacer::{MOST_CONNECTIONS, Pace};

/// What a target holds. Lazy: a bad item does not end the list.
pub trait Input: Send {
    /// The items in their order: for a job, the order of the task's parameters.
    fn items(&mut self) -> Box<dyn Iterator<Item = Result<Item>> + Send + '_>;

    /// Where the data comes from, in words and without secrets.
    fn describe(&self) -> String;

    /// What the server said while the input was made (a job's messages).
    fn messages(&self) -> Vec<(MessageKind, String)> {
        Vec::new()
    }
}

/// One thing that a target holds.
#[non_exhaustive]
pub enum Item {
    /// Rows: a layer, a table, a feature set.
    Layer(Box<dyn Source>),
    /// A file to download as it is.
    File(Download),
    /// A number, text, unit, date, or anything else that is no rows and no file.
    Value(Scalar),
}

/// An input of one layer.
pub struct Single {
    layer: Option<Box<dyn Source>>,
    origin: String,
}

impl Single {
    /// `origin` says where the layer is, without secrets.
    pub fn new(layer: Box<dyn Source>, origin: String) -> Self {
        Self { layer: Some(layer), origin }
    }
}

impl Input for Single {
    fn items(&mut self) -> Box<dyn Iterator<Item = Result<Item>> + Send + '_> {
        Box::new(self.layer.take().into_iter().map(|layer| Ok(Item::Layer(layer))))
    }

    fn describe(&self) -> String {
        self.origin.clone()
    }
}

/// A file that a server offers, and the way to get it.
pub struct Download {
    /// The parameter it is the value of.
    pub name: String,
    /// Where it is.
    pub url: url::Url,
    /// The ending of the file's name, where the address does not tell it.
    ending: Option<&'static str>,
    get: Box<dyn FnOnce() -> Result<Bytes> + Send>,
}

impl Download {
    /// `get` brings the file's bytes, or the error that kept them away.
    pub fn new(name: String, url: url::Url, get: impl FnOnce() -> Result<Bytes> + Send + 'static) -> Self {
        Self { name, url, ending: None, get: Box::new(get) }
    }

    /// The same as a file of this kind, whatever its address ends in.
    #[must_use]
    pub fn with_ending(self, ending: &'static str) -> Self {
        Self { ending: Some(ending), ..self }
    }

    /// The ending of the file's name at the server, where it has a plain one: `zip`.
    ///
    /// ```
    /// use geohaul::fetch::Download;
    ///
    /// let at = |url: &str| Download::new("Out".to_owned(), url.parse().unwrap(), || Ok("".into()));
    /// assert_eq!(at("https://h.example/jobs/j1/out.zip?x=1").ending(), Some("zip".to_owned()));
    /// assert_eq!(at("https://h.example/jobs/j1/v1.0/out").ending(), None);
    /// ```
    pub fn ending(&self) -> Option<String> {
        if let Some(ending) = self.ending {
            return Some(ending.to_owned());
        }
        let (_, ending) = self.url.path().rsplit('/').next()?.rsplit_once('.')?;
        let plain = (1..=10).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then(|| ending.to_owned())
    }

    /// The file, whole.
    ///
    /// # Errors
    /// What kept it away; an error page or error JSON in its place is an error.
    pub fn fetch(self) -> Result<Bytes> {
        (self.get)()
    }
}

/// A value that is neither rows nor a file.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scalar {
    /// The parameter it is the value of.
    pub name: String,
    /// The declared data type, such as `GPLong`.
    pub data_type: String,
    /// The value as the server wrote it.
    pub value: serde_json::Value,
}

/// One layer or table. Its header is complete: an input without a schema is surveyed first.
pub trait Source: Send {
    /// Everything known before the first row.
    fn header(&self) -> &Header;

    /// What the user should know about this source.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// What to do where rows are missing, if this source knows better than anybody.
    fn remedy(&self) -> Option<String> {
        None
    }

    /// Where the rows come from, so that they can be counted again; `None` where nobody can be asked.
    fn origin(&self) -> Option<Origin> {
        None
    }

    /// What its export would take, guessed from one page; `None` where there is nobody to ask.
    ///
    /// # Errors
    /// Where that page can't be had.
    fn estimate(&self) -> Result<Option<layer::Estimate>> {
        Ok(None)
    }

    /// Keeps the raw pages in a directory as they come, and takes from it what an interrupted run of the same
    /// export left there.
    ///
    /// # Errors
    /// Where the source can't do that.
    fn keep_pages_in(&mut self, _directory: &Path) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "only the export of a layer can be resumed").hint("leave --resume out"))
    }

    /// Starts the pages. Each is asked for only after a permit was taken for it.
    ///
    /// # Errors
    /// Where the source can't start at all.
    fn open(self: Box<Self>, read: &ReadPlan, permits: &Permits, progress: Arc<dyn Progress>) -> Result<Box<dyn Pages>>;
}

/// Pages in a fixed order. Dropping it cancels what is under way.
pub trait Pages: Send {
    /// The next page with the permit it was asked under; `None` after the last, or once the permits are cancelled.
    fn next(&mut self) -> Option<Result<(Page, Permit)>>;

    /// What the source knows now that all pages are out.
    ///
    /// # Errors
    /// Where the final count can't be had.
    fn finish(self: Box<Self>) -> Result<Evidence>;
}
