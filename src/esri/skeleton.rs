//! A whole answer without its rows: what the [`Scanner`](super::Scanner) leaves of a JSON document, and where it cut the
//! rows out.

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::model::PageFacts;

/// The key of the object that stands where a `features` array stood: `{"$features": 0}`.
pub(super) const PLACEHOLDER: &str = "$features";

/// Some whole features of one array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRange {
    /// First byte in the document.
    pub offset: u64,
    /// Number of bytes.
    pub len: u64,
    /// Number of features.
    pub rows: u64,
}

/// One `features` array: its rows in ranges of whole features.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeatureArray {
    /// The ranges in order.
    pub pages: Vec<PageRange>,
}

impl FeatureArray {
    /// Number of features.
    pub fn rows(&self) -> u64 {
        self.pages.iter().map(|page| page.rows).sum()
    }
}

/// A document without its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Skeleton {
    /// The document; each `features` array is replaced by a placeholder, see [`Skeleton::features_of`].
    pub value: Value,
    pub(super) arrays: Vec<FeatureArray>,
    /// What was mended, in words.
    pub mended: Vec<&'static str>,
}

impl Skeleton {
    /// The rows of an object of the document that had a `features` array.
    pub fn features_of(&self, object: &Value) -> Option<&FeatureArray> {
        let index = object.get("features")?.get(PLACEHOLDER)?.as_u64()?;
        self.arrays.get(usize::try_from(index).ok()?)
    }

    /// Number of features in all arrays.
    pub fn rows(&self) -> u64 {
        self.arrays.iter().map(FeatureArray::rows).sum()
    }

    /// What there is to know of the rows of one page, scanned as a whole: with pages of `u64::MAX` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Input`] where the document holds more than one `features` array.
    pub fn page_facts(&self) -> Result<PageFacts> {
        let (rows, features) = match self.arrays.as_slice() {
            [] => (0, 0..0),
            [array] => match array.pages.as_slice() {
                [] => (0, 0..0),
                // One range per array, as no page is ever full; offsets are those of the body.
                [page, ..] => (page.rows as usize, page.offset as usize..(page.offset + page.len) as usize),
            },
            _ => return Err(Error::new(ErrorKind::Input, "the answer holds several lists of features where one was asked for")),
        };
        Ok(PageFacts { rows, features, exceeded: exceeded_transfer_limit(&self.value), ..PageFacts::default() })
    }
}

/// Whether the server says that there is more, in either of the places where it does.
pub fn exceeded_transfer_limit(value: &Value) -> bool {
    let flag = |object: Option<&Value>| match object.and_then(|o| o.get("exceededTransferLimit")) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    flag(Some(value)) || flag(value.get("properties"))
}
