//! GeoParquet 1.1 (geoparquet.org): WKB, a box for each row, PROJJSON, row groups of bounded size in zstd. A table
//! without geometry is plain Parquet.
//!
//! Workers type the cells and write the WKB; the writer gathers pages into a row group and lays it out by columns.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use super::typed::{self, Datum, TypedShape};
use super::{Encoded, Event, Format, Rows, Stage, Written, feature_words};
use crate::error::{Error, ErrorKind, Result};
use crate::model::plan::{CrsRule, FormatInfo};
use crate::model::wkb::Kinds;
use crate::model::{FieldType, WritePlan};
use crate::report::{LossKind, Losses};

mod group;
mod metadata;
mod schema;

use group::Group;
use metadata::Seen;
use schema::Layout;

/// The GeoParquet format.
pub struct GeoParquet;

static INFO: FormatInfo = FormatInfo {
    name: "geoparquet",
    title: "GeoParquet",
    endings: &["parquet", "geoparquet"],
    kinds: FormatInfo::ALL_KINDS,
    tables: true,
    z: true,
    // GeoParquet 1.1 knows no WKB with m.
    m: false,
    mixed_kinds: true,
    curves: false,
    many_layers: false,
    streams: false,
    time_zones: false,
    crs: CrsRule::Native,
    longest_field_name: None,
    plain_field_names: false,
    ignores_case: false,
    most_fields: None,
    longest_text: None,
    limits: "it holds no m values, aliases or domains; a value that is none of its field's type is left null",
};

/// One page: typed cells row by row, and geometries as WKB.
pub struct Page {
    /// What the ranges of cells and shapes point into.
    bytes: Bytes,
    cells: Vec<Datum>,
    columns: usize,
    shapes: Vec<Option<TypedShape>>,
    seen: Seen,
}

impl Page {
    fn rows(&self) -> usize {
        self.shapes.len()
    }

    /// About how much memory it takes.
    fn size(&self) -> usize {
        self.bytes.len() + size_of_val(self.cells.as_slice()) + size_of_val(self.shapes.as_slice())
    }
}

impl Format for GeoParquet {
    type Chunk = Page;

    fn info(&self) -> &'static FormatInfo {
        &INFO
    }

    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Page>> {
        let mut losses = Losses::default();
        let kinds = if plan.promote_multi { Kinds::Multi } else { Kinds::AsIs };
        let mut typed = typed::encode(plan, rows, kinds, &mut losses, |_, _, _| {});
        for (at, column) in plan.columns.iter().enumerate().filter(|(_, column)| column.field.field_type == FieldType::TimeOnly) {
            for row in 0..typed.shapes.len() {
                let cell = row * typed.columns + at;
                let Datum::Text(range) = typed.cells[cell].clone() else { continue };
                let millis = millis_of_day(&typed.bytes[range]);
                if millis.is_none() {
                    let name = || Some(feature_words(plan, rows.batch, row));
                    losses.add(LossKind::ValueDropped, Some(&column.field.name), name);
                }
                typed.cells[cell] = millis.map_or(Datum::Null, Datum::Integer);
            }
        }
        let mut seen = Seen::default();
        seen.z =
            rows.geometry.z.iter().filter(|z| plan.z && z.is_finite()).fold(seen.z, |[min, max], z| [min.min(*z), max.max(*z)]);
        for shape in typed.shapes.iter().flatten() {
            seen.add(&typed.bytes[shape.wkb.clone()], &shape.bounds);
        }
        let (columns, cells, shapes) = (typed.columns, typed.cells, typed.shapes);
        let chunk = Page { bytes: Bytes::from(typed.bytes), cells, columns, shapes, seen };
        Ok(Encoded { chunk, rows: rows.batch.rows(), losses })
    }

    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Page>>>) -> Result<Written> {
        let failed = |why: ParquetError| stage.write_error(&std::io::Error::other(why));
        let mut written = Written::default();
        let mut open: Option<Writer> = None;
        for event in events {
            match event? {
                Event::Begin(plan) if open.is_some() => {
                    return Err(Error::new(ErrorKind::Format, "a GeoParquet file holds one layer").in_layer(&plan.layer));
                }
                Event::Begin(plan) => open = Some(Writer::create(stage, plan)?),
                Event::Rows(Encoded { chunk, rows, losses }) => {
                    let writer = open.as_mut().ok_or_else(out_of_order)?;
                    writer.append(chunk).map_err(failed)?;
                    written.rows += rows as u64;
                    written.losses.append(losses);
                }
                Event::End => {}
            }
        }
        let mut file = open.ok_or_else(out_of_order)?.finish(&mut written.warnings).map_err(failed)?;
        file.flush().map_err(|why| stage.write_error(&why))?;
        Ok(written)
    }
}

/// `HH:MM:SS`, with a fraction where there is one, as milliseconds since midnight.
fn millis_of_day(text: &[u8]) -> Option<i64> {
    let time: jiff::civil::Time = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    Some(seconds * 1000 + i64::from(time.millisecond()))
}

fn out_of_order() -> Error {
    Error::new(ErrorKind::Internal, "a GeoParquet file was given no layer to write")
}

/// A file while it grows.
struct Writer {
    plan: Arc<WritePlan>,
    layout: Layout,
    file: SerializedFileWriter<BufWriter<File>>,
    group: Group,
    seen: Seen,
}

impl Writer {
    /// # Errors
    /// [`ErrorKind::Format`] where there is nothing to make a column of, and when the file can't be made.
    fn create(stage: &Stage, plan: Arc<WritePlan>) -> Result<Self> {
        if plan.columns.is_empty() && plan.geometry.is_none() {
            return Err(Error::new(ErrorKind::Format, "a Parquet file can't hold a table without fields").in_layer(&plan.layer));
        }
        let internal = |why: ParquetError| Error::new(ErrorKind::Internal, "no Parquet schema holds the layer").because(why);
        let layout = Layout::of(&plan).map_err(internal)?;
        let out = stage.create(&stage.main_file())?;
        let file =
            SerializedFileWriter::new(out, Arc::clone(&layout.schema), Arc::clone(&layout.properties)).map_err(internal)?;
        Ok(Self { plan, layout, file, group: Group::default(), seen: Seen::default() })
    }

    fn append(&mut self, page: Page) -> parquet::errors::Result<()> {
        self.seen.join(&page.seen);
        self.group.push(page);
        if self.group.is_full() { self.group.write(&self.layout, &mut self.file) } else { Ok(()) }
    }

    /// Writes what is left, and the metadata.
    fn finish(mut self, warnings: &mut Vec<String>) -> parquet::errors::Result<BufWriter<File>> {
        self.group.write(&self.layout, &mut self.file)?;
        if let Some(names) = &self.layout.geometry {
            let geo = metadata::geo(&self.plan, names, &self.seen, warnings);
            self.file.append_key_value_metadata(KeyValue::new("geo".to_owned(), geo));
        }
        self.file.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::millis_of_day;

    #[test]
    fn a_time_of_day_is_counted_from_midnight() {
        assert_eq!(millis_of_day(b"00:00:01"), Some(1000));
        assert_eq!(millis_of_day(b"23:59:59.999"), Some(86_399_999));
        assert_eq!(millis_of_day(b"25:00:00"), None);
        assert_eq!(millis_of_day(b"noon"), None);
    }
}
