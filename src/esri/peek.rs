//! A page of a layer at a glance.

use bytes::Bytes;

use super::scanner::Scanner;
use super::skeleton::Skeleton;
use crate::error::Result;
use crate::model::PageFacts;

/// One answer of a layer query: the document without its rows, and what there is to know of the rows.
///
/// # Errors
/// [`crate::ErrorKind::Input`] where it is no JSON, or holds more than one `features` array.
///
/// ```
/// use bytes::Bytes;
///
/// let body = Bytes::from_static(br#"{"features":[{"attributes":{"A":1}}],"exceededTransferLimit":true}"#);
/// let (skeleton, facts) = geohaul::esri::peek(&body).unwrap();
/// assert_eq!((facts.rows, facts.exceeded), (1, true));
/// assert_eq!(&body[facts.features], br#"{"attributes":{"A":1}}"#);
/// assert!(skeleton.value.get("exceededTransferLimit").is_some());
/// ```
pub fn peek(body: &Bytes) -> Result<(Skeleton, PageFacts)> {
    let mut scanner = Scanner::new(u64::MAX);
    scanner.push(body)?;
    let skeleton = scanner.finish()?;
    let facts = skeleton.page_facts()?;
    Ok((skeleton, facts))
}
