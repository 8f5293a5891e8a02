//! Row groups: pages until there are enough rows, then column by column into the file.

use std::io::Write;

use parquet::basic::Type as Physical;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter};

use super::Page;
use super::schema::Layout;
use crate::write::typed::Datum;

/// A row group ends with the page that brings it to so many rows,
const MOST_ROWS: usize = 1 << 16;
/// or to so many bytes in memory.
const MOST_BYTES: usize = 32 << 20;

/// The pages of the row group under way.
#[derive(Default)]
pub(super) struct Group {
    pages: Vec<Page>,
    rows: usize,
    bytes: usize,
}

impl Group {
    pub(super) fn push(&mut self, page: Page) {
        self.rows += page.rows();
        self.bytes += page.size();
        self.pages.push(page);
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows >= MOST_ROWS || self.bytes >= MOST_BYTES
    }

    /// Writes the row group, where it has any rows, and begins the next.
    pub(super) fn write<W: Write + Send>(&mut self, layout: &Layout, file: &mut SerializedFileWriter<W>) -> Result<()> {
        let Self { pages, rows, .. } = std::mem::take(self);
        if rows == 0 {
            return Ok(());
        }
        let mut group = file.next_row_group()?;
        for (at, physical) in layout.types.iter().enumerate() {
            let cell = |page: &Page, row: usize| page.cells[row * page.columns + at].clone();
            match physical {
                Physical::INT32 => put::<Int32Type, _>(&mut group, &pages, |page, row| match cell(page, row) {
                    Datum::Days(days) => Some(days),
                    // It was found to fit.
                    Datum::Integer(integer) => Some(integer as i32),
                    _ => None,
                }),
                Physical::INT64 => put::<Int64Type, _>(&mut group, &pages, |page, row| match cell(page, row) {
                    Datum::Integer(integer) | Datum::Millis(integer) => Some(integer),
                    _ => None,
                }),
                Physical::FLOAT => put::<FloatType, _>(&mut group, &pages, |page, row| match cell(page, row) {
                    Datum::Real(real) => Some(real as f32),
                    _ => None,
                }),
                Physical::DOUBLE => put::<DoubleType, _>(&mut group, &pages, |page, row| match cell(page, row) {
                    Datum::Real(real) => Some(real),
                    _ => None,
                }),
                _ => put::<ByteArrayType, _>(&mut group, &pages, |page, row| match cell(page, row) {
                    Datum::Text(range) | Datum::Binary(range) => Some(ByteArray::from(page.bytes.slice(range))),
                    _ => None,
                }),
            }?;
        }
        if layout.geometry.is_some() {
            put::<ByteArrayType, _>(&mut group, &pages, |page, row| {
                Some(ByteArray::from(page.bytes.slice(page.shapes[row].as_ref()?.wkb.clone())))
            })?;
            for side in 0..4 {
                put::<DoubleType, _>(&mut group, &pages, |page, row| Some(page.shapes[row].as_ref()?.bounds[side]))?;
            }
        }
        group.close().map(drop)
    }
}

/// Writes the next column of a row group: the value of each row, or null.
fn put<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    pages: &[Page],
    value: impl Fn(&Page, usize) -> Option<T::T>,
) -> Result<()> {
    let mut column: SerializedColumnWriter<'_> =
        group.next_column()?.ok_or_else(|| ParquetError::General("the schema has fewer columns".to_owned()))?;
    for page in pages {
        let (mut values, mut levels) = (Vec::with_capacity(page.rows()), Vec::with_capacity(page.rows()));
        for value in (0..page.rows()).map(|row| value(page, row)) {
            levels.push(i16::from(value.is_some()));
            values.extend(value);
        }
        column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    }
    column.close()
}
