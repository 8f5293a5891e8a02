//! Stage 3: the formats. [`FORMATS`] is the registry: the command line, the help, the docs table and the tests
//! read that list, and a new format is one new file and one line in it.
//!
//! A format has two halves. [`Format::encode`] turns a batch into a chunk, on many workers at once;
//! [`Format::write`] takes the chunks in order, on one thread that owns everything it opens.

use std::any::Any;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::model::plan::FormatInfo;
use crate::model::{Batch, Geometries, WritePlan};
use crate::report::Losses;

mod cell;
pub mod csv;
pub mod esrijson;
pub mod flatgeobuf;
pub mod geojson;
#[cfg(feature = "geopackage")]
pub mod geopackage;
#[cfg(feature = "geoparquet")]
pub mod geoparquet;
mod hilbert;
pub mod kmz;
mod names;
pub(crate) mod number;
#[cfg(feature = "gdal")]
pub mod ogr;
#[cfg(any(feature = "geopackage", feature = "gdal"))]
#[cfg_attr(
    not(all(feature = "geopackage", feature = "gdal")),
    allow(dead_code, reason = "the two formats ask for different sides of it")
)]
mod related;
pub mod shapefile;
mod sorter;
mod stage;
mod tables;
pub mod typed;
mod unzip;
mod wkt;
mod xml;

pub use names::{safe_file_stem, unique_file_stem};
pub use stage::{Stage, Target, is_folder_data_set, place_of};
pub(crate) use tables::table_name;
pub use unzip::unzip;

/// All formats, in the order of the help.
pub static FORMATS: &[&dyn AnyFormat] = &[
    &geojson::GeoJson,
    &shapefile::Shapefile { largest_file: shapefile::LARGEST_FILE },
    &kmz::Kmz,
    &kmz::Kml,
    #[cfg(feature = "geopackage")]
    &geopackage::GeoPackage,
    #[cfg(feature = "gdal")]
    &ogr::FILE_GEODATABASE,
    &flatgeobuf::FlatGeobuf,
    #[cfg(feature = "geoparquet")]
    &geoparquet::GeoParquet,
    &geojson::GeoJsonSeq { record_separators: false },
    &csv::Csv { geometry: csv::CsvGeometry::Xy, delimiter: b',', bom: false },
    &esrijson::EsriJson,
];

/// The format of a name (`shapefile`) or of a file's ending (`roads.shp`).
pub fn format_by_name(name: &str) -> Option<&'static dyn AnyFormat> {
    FORMATS.iter().copied().find(|format| {
        let info = format.info();
        info.name.eq_ignore_ascii_case(name) || info.endings.iter().any(|ending| ending.eq_ignore_ascii_case(name))
    })
}

/// What happens to an output, in order. One data set may take several layers.
pub enum Event<C> {
    /// A layer begins.
    Begin(Arc<WritePlan>),
    /// Rows of the layer that began last.
    Rows(Encoded<C>),
    /// The layer that began last is whole.
    End,
}

/// One page, encoded.
pub struct Encoded<C> {
    /// What the format makes of it.
    pub chunk: C,
    /// Number of rows.
    pub rows: usize,
    /// What was lost in it.
    pub losses: Losses,
}

/// What a format wrote.
#[derive(Debug, Default)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// What was lost in writing.
    pub losses: Losses,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// The name that the last layer got in a data set of many, where the format relates layers to each other.
    pub table: Option<String>,
}

/// The rows to encode: the batch, with the geometries as this output wants them (reprojected, or the batch's own).
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The attributes.
    pub batch: &'a Batch,
    /// The geometries, one per row of the batch. Where they are not the batch's own, they have no text.
    pub geometry: &'a Geometries,
}

/// See [`Batch::feature_words`].
pub(crate) fn feature_words(plan: &WritePlan, batch: &Batch, row: usize) -> String {
    batch.feature_words(plan.object_id, row)
}

/// One output format.
pub trait Format: Sync {
    /// What a page becomes: text, record bytes, rows.
    type Chunk: Send + 'static;

    /// Facts about the format.
    fn info(&self) -> &'static FormatInfo;

    /// Encodes one page, on a worker. Must give the same chunk for the same rows, whatever ran before.
    ///
    /// # Errors
    /// Where the format can't hold the rows at all. What it holds in part is counted in [`Encoded::losses`].
    fn encode(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<Self::Chunk>>;

    /// Writes the whole data set into the stage, on one thread. An `Err` among the events ends it: return it.
    ///
    /// # Errors
    /// The first error among the events, or what went wrong in writing.
    fn write(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<Self::Chunk>>>) -> Result<Written>;

    /// After the last layer of a data set of many: keeps what the layers (with the names that they got in it) are to each
    /// other. Returns what is not kept, in words.
    ///
    /// # Errors
    /// What went wrong in writing.
    fn relate(&self, _stage: &Stage, layers: &[(&WritePlan, &str)]) -> Result<Vec<String>> {
        Ok(not_related(self.info(), layers))
    }
}

/// What to say of relationships in a format that keeps none.
fn not_related(info: &FormatInfo, layers: &[(&WritePlan, &str)]) -> Vec<String> {
    let origins = layers.iter().filter_map(|(plan, _)| plan.relations.as_ref()).flat_map(|relations| &relations.all);
    let names: Vec<_> = origins.filter(|side| side.origin).map(|side| format!("\"{}\"", side.name)).collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![format!("relationships are not kept in {}: {}; a GeoPackage holds them", info.title, names.join(", "))]
}

/// A chunk of any format.
pub type AnyChunk = Box<dyn Any + Send>;

/// [`Format`] without its chunk type, so that formats fit in one list; every format is one.
pub trait AnyFormat: Sync {
    /// See [`Format::info`].
    fn info(&self) -> &'static FormatInfo;
    /// See [`Format::encode`].
    ///
    /// # Errors
    /// As there.
    fn encode_any(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<AnyChunk>>;
    /// See [`Format::write`].
    ///
    /// # Errors
    /// As there.
    fn write_any(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<AnyChunk>>>) -> Result<Written>;
    /// See [`Format::relate`].
    ///
    /// # Errors
    /// As there.
    fn relate_any(&self, stage: &Stage, layers: &[(&WritePlan, &str)]) -> Result<Vec<String>>;
}

impl<F: Format> AnyFormat for F {
    fn info(&self) -> &'static FormatInfo {
        Format::info(self)
    }

    fn encode_any(&self, plan: &WritePlan, rows: Rows<'_>) -> Result<Encoded<AnyChunk>> {
        let Encoded { chunk, rows, losses } = self.encode(plan, rows)?;
        Ok(Encoded { chunk: Box::new(chunk), rows, losses })
    }

    fn write_any(&self, stage: &Stage, events: &mut dyn Iterator<Item = Result<Event<AnyChunk>>>) -> Result<Written> {
        let mut typed = events.map(|event| {
            Ok(match event? {
                Event::Begin(plan) => Event::Begin(plan),
                Event::End => Event::End,
                Event::Rows(Encoded { chunk, rows, losses }) => match chunk.downcast() {
                    Ok(chunk) => Event::Rows(Encoded { chunk: *chunk, rows, losses }),
                    Err(_) => return Err(Error::new(ErrorKind::Internal, "a chunk went to another format's writer")),
                },
            })
        });
        self.write(stage, &mut typed)
    }

    fn relate_any(&self, stage: &Stage, layers: &[(&WritePlan, &str)]) -> Result<Vec<String>> {
        self.relate(stage, layers)
    }
}
