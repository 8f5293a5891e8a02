//! A raw page to a batch: the hot path. In JSON attributes become spans, coordinates become flat arrays; in PBF values
//! are what their own tags say.

use super::{json_rows, pbf_rows};
use crate::error::Result;
use crate::model::{Batch, Header, Page, ReadPlan, Wire};
use crate::report::Losses;

/// Parses the rows of a page.
///
/// The losses are those of reading: rings without area, vertices without x, attributes that no field names.
///
/// # Errors
/// [`crate::ErrorKind::Input`] where the text is broken, [`crate::ErrorKind::Unsupported`] for a multipatch or a geometry
/// in another spatial reference; both name the feature.
pub fn parse_page(page: Page, header: &Header, read: &ReadPlan) -> Result<(Batch, Losses)> {
    match page.facts.wire {
        Wire::Json => json_rows::parse(page, header, read),
        Wire::Pbf => pbf_rows::parse(&page, header, read),
    }
}
