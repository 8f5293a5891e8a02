//! What GDAL's fields can't hold of a cell: null characters, which end a text in C, and in a File Geodatabase parts of a
//! second, which OpenFileGDB rounds away, up to the next day (GDAL 3.6).

use crate::model::WritePlan;
use crate::report::{LossKind, Losses};
use crate::write::typed::{Datum, TypedRows};
use crate::write::{Rows, feature_words};

/// Leaves out of the cells of a page what is not held, and counts it. Moments lose their milliseconds where seconds
/// are to be whole.
pub(super) fn fit(page: &mut TypedRows, plan: &WritePlan, rows: Rows<'_>, whole_seconds: bool, losses: &mut Losses) {
    let TypedRows { bytes, cells, columns, .. } = page;
    for (row, cells) in cells.chunks_mut((*columns).max(1)).enumerate() {
        for (cell, column) in cells.iter_mut().zip(&plan.columns) {
            let kind = match cell {
                // The writer's own texts go to GDAL without them.
                Datum::Text(range) if memchr::memchr(0, &bytes[range.clone()]).is_some() => LossKind::CharactersReplaced,
                Datum::Millis(millis) if whole_seconds && millis.rem_euclid(1000) != 0 => {
                    *millis -= millis.rem_euclid(1000);
                    LossKind::MillisecondsDropped
                }
                _ => continue,
            };
            losses.add(kind, Some(&column.field.name), || Some(feature_words(plan, rows.batch, row)));
        }
    }
}
