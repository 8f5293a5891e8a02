//! What is counted of a page, whatever its wire.

use super::shapes::{COUNTED, Shapes};
use crate::error::{Error, ErrorKind};
use crate::model::{Header, Page};
use crate::report::{LossKind, Losses};

pub(super) fn too_large(page: &Page) -> Error {
    Error::new(ErrorKind::Unsupported, "a page is larger than 4 GiB").on_page(page.seq).hint("ask for smaller pages: --page-size")
}

/// What was left out of geometries.
pub(super) fn tally_shapes(shapes: &Shapes, page: &Page, losses: &mut Losses) {
    for (kind, (count, row)) in COUNTED.into_iter().zip(shapes.counts) {
        losses.add_many(kind, None, count, None, || Some(row_words(page, row)));
    }
}

/// What rows lack: `present` counts the rows that hold each field, out of `rows`.
pub(super) fn tally_absent(present: &[u64], rows: usize, header: &Header, page: &Page, losses: &mut Losses) {
    for (column, (field, present)) in header.fields.iter().zip(present).enumerate() {
        // What is not written is not asked for either, unless paging needs it.
        if field.is_due() && !header.unwritten.contains(&column) {
            let absent = (rows as u64).saturating_sub(*present);
            let first = || Some(format!("the page that begins with {}", row_words(page, 0)));
            losses.add_many(LossKind::AttributeAbsent, Some(&field.name), absent, None, first);
        }
    }
}

pub(super) fn row_words(page: &Page, row: usize) -> String {
    format!("row {}", page.rows_before + row as u64)
}
